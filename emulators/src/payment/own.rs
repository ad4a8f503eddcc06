//! Its own way: JSON, a bearer, notices as Standard Webhooks.

use axum::Json;
use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use http::header::AUTHORIZATION;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Order, OrderState, Shared, Way, World, notice, random};

#[derive(Deserialize)]
pub(super) struct NewOrder {
    order: String,
    amount_cents: u64,
    currency: String,
    title: String,
    key: String,
    back_url: String,
    cancel_url: String,
    notify_url: String,
}

fn refuse(world: &World, headers: &HeaderMap) -> Option<Response> {
    let bearer = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let good = bearer == format!("Bearer {}", world.secret);
    (!good).then(|| (StatusCode::UNAUTHORIZED, Json(json!({ "error": "bearer" }))).into_response())
}

fn unknown() -> Response {
    (StatusCode::NOT_FOUND, Json(json!({ "error": "unknown" }))).into_response()
}

/// How an order shows itself.
pub(super) fn body(order: &Order) -> Value {
    json!({
        "reference": order.reference, "order": order.order, "state": order.state,
        "amount_cents": order.amount_cents, "currency": order.currency,
        "refunded_cents": order.refunded_cents,
    })
}

pub(super) async fn create(
    axum::extract::State(world): Shared,
    headers: HeaderMap,
    Json(new): Json<NewOrder>,
) -> Response {
    if let Some(refusal) = refuse(&world, &headers) {
        return refusal;
    }
    let order = world.keep(Order {
        reference: random("ord_"),
        order: new.order,
        amount_cents: new.amount_cents,
        currency: new.currency,
        title: new.title,
        state: OrderState::Open,
        refunded_cents: 0,
        refunds: Vec::new(),
        key: new.key,
        back_url: new.back_url,
        cancel_url: new.cancel_url,
        way: Way::Own { notify_url: new.notify_url },
    });
    Json(json!({ "reference": order.reference, "url": world.page(&order.reference) })).into_response()
}

pub(super) async fn read(
    axum::extract::State(world): Shared,
    Path(reference): Path<String>,
    headers: HeaderMap,
) -> Response {
    if let Some(refusal) = refuse(&world, &headers) {
        return refusal;
    }
    world.order(&reference).map_or_else(unknown, |order| Json(body(&order)).into_response())
}

#[derive(Deserialize)]
pub(super) struct NewRefund {
    amount_cents: u64,
    key: String,
}

pub(super) async fn refund(
    axum::extract::State(world): Shared,
    Path(reference): Path<String>,
    headers: HeaderMap,
    Json(new): Json<NewRefund>,
) -> Response {
    if let Some(refusal) = refuse(&world, &headers) {
        return refusal;
    }
    let made =
        world.change(|order| order.reference == reference, |order| order.refund(&new.key, new.amount_cents));
    match made {
        None => unknown(),
        Some(None) => (StatusCode::UNPROCESSABLE_ENTITY, Json(json!({ "error": "amount" }))).into_response(),
        Some(Some(refund)) => {
            notice::send(&world, &reference, notice::About::Refunded);
            Json(json!({ "refund": refund })).into_response()
        }
    }
}

pub(super) async fn close(
    axum::extract::State(world): Shared,
    Path(reference): Path<String>,
    headers: HeaderMap,
) -> Response {
    if let Some(refusal) = refuse(&world, &headers) {
        return refusal;
    }
    let closed = world.change(
        |order| order.reference == reference,
        |order| {
            if order.state == OrderState::Open {
                order.state = OrderState::Closed;
            }
            body(order)
        },
    );
    closed.map_or_else(unknown, |body| Json(body).into_response())
}
