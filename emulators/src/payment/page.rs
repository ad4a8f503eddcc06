//! The hosted page, and what a trial server shows of the orders.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{Html, IntoResponse, Redirect, Response};
use http::StatusCode;
use http::header::CONTENT_SECURITY_POLICY;
use serde::Deserialize;
use serde_json::json;

use super::{Fault, OrderState, Shared, World, notice};

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

pub(super) async fn show(State(world): Shared, Path(reference): Path<String>) -> Response {
    let Some(order) = world.order(&reference) else {
        return (StatusCode::NOT_FOUND, Html("<!doctype html><p>Page inconnue.")).into_response();
    };
    let amount =
        format!("{},{:02}\u{a0}{}", order.amount_cents / 100, order.amount_cents % 100, order.currency);
    let state = match order.state {
        OrderState::Open => {
            let button = |what: &str, label: &str| {
                format!(
                    "<form method=post action=\"/pay/{reference}/{what}\"><button>{label}</button></form>"
                )
            };
            [button("pay", "Payer"), button("fail", "Refuser la carte"), button("cancel", "Annuler")].concat()
        }
        OrderState::Paid => "<p>Ce montant est payé.".to_owned(),
        OrderState::Failed => "<p>La carte a été refusée.".to_owned(),
        OrderState::Closed => "<p>Cette page est fermée.".to_owned(),
    };
    let page = format!(
        "<!doctype html><html lang=fr><meta charset=utf-8><meta name=viewport content=\"width=device-width\">\
         <title>Paiement (essai)</title><style>body{{font:20px/1.5 system-ui,sans-serif;max-width:32em;margin:3em auto;\
         padding:0 1em;color:#1a1a1a;background:#fff}}button{{font:inherit;padding:.5em 1em;margin:.3em 0;width:100%}}</style>\
         <main><h1>Paiement (essai)</h1><p>Aucun argent n’est débité.</p><p>{}&nbsp;: <b>{}</b></p>{state}</main></html>",
        escape(&order.title),
        escape(&amount)
    );
    ([(CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'")], Html(page)).into_response()
}

/// What a button does. False when the order is not open any more.
pub(super) fn settle(world: &World, reference: &str, what: &str) -> bool {
    let (state, about) = match what {
        "pay" => (OrderState::Paid, Some(notice::About::Paid)),
        "fail" => (OrderState::Failed, Some(notice::About::Failed)),
        // The buyer may come back to it.
        "cancel" => (OrderState::Open, None),
        _ => return false,
    };
    let open = world.change(
        |order| order.reference == reference && order.state == OrderState::Open,
        |order| order.state = state,
    );
    if let (Some(()), Some(about)) = (open, about) {
        notice::send(world, reference, about);
    }
    open.is_some()
}

pub(super) async fn press(State(world): Shared, Path((reference, what)): Path<(String, String)>) -> Response {
    let Some(order) = world.order(&reference) else { return StatusCode::NOT_FOUND.into_response() };
    settle(&world, &reference, &what);
    let url = if what == "cancel" { &order.cancel_url } else { &order.back_url };
    Redirect::to(url).into_response()
}

pub(super) async fn list(State(world): Shared) -> Response {
    let orders = world.with(|inner| inner.orders.clone());
    Json(json!({ "orders": orders })).into_response()
}

pub(super) async fn set_faults(State(world): Shared, Json(faults): Json<Vec<Fault>>) -> StatusCode {
    world.with(|inner| inner.faults = faults.into());
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
pub(super) struct Shop {
    shop: String,
    notify_url: String,
}

pub(super) async fn set_shop(State(world): Shared, Json(shop): Json<Shop>) -> StatusCode {
    world.with(|inner| inner.shops.insert(shop.shop, shop.notify_url));
    StatusCode::NO_CONTENT
}
