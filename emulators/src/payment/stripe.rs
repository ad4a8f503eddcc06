//! As Stripe: forms in, JSON out, keys that begin with `sk_test_`.

use std::collections::HashMap;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use super::{Order, OrderState, Shared, Way, World, notice, random};

fn error(status: StatusCode, code: &str) -> Response {
    (status, Json(json!({ "error": { "type": "invalid_request_error", "code": code } }))).into_response()
}

fn key(headers: &HeaderMap) -> Result<String, Box<Response>> {
    let header = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let key = header.strip_prefix("Bearer ").unwrap_or_default();
    if key.starts_with("sk_test_") {
        Ok(key.to_owned())
    } else {
        Err(Box::new(error(StatusCode::UNAUTHORIZED, "api_key_invalid")))
    }
}

fn form(body: &[u8]) -> HashMap<String, String> {
    form_urlencoded::parse(body).into_owned().collect()
}

/// How a session shows itself.
pub(super) fn session(world: &World, order: &Order) -> Value {
    let paid = order.state == OrderState::Paid;
    let status = match order.state {
        OrderState::Open => "open",
        OrderState::Paid | OrderState::Failed => "complete",
        OrderState::Closed => "expired",
    };
    json!({
        "id": order.reference, "object": "checkout.session", "client_reference_id": order.order,
        "metadata": { "payment_id": order.order },
        "amount_total": order.amount_cents, "currency": order.currency.to_ascii_lowercase(),
        "payment_status": if paid { "paid" } else { "unpaid" }, "status": status,
        "payment_intent": if paid { Value::from(order.transaction()) } else { Value::Null },
        "url": if status == "open" { Value::from(world.page(&order.reference)) } else { Value::Null },
    })
}

pub(super) async fn endpoint(State(world): Shared, headers: HeaderMap, body: Bytes) -> Response {
    let key = match key(&headers) {
        Ok(key) => key,
        Err(refusal) => return *refusal,
    };
    let form = form(&body);
    let Some(url) = form.get("url") else { return error(StatusCode::BAD_REQUEST, "parameter_missing") };
    let secret = random("whsec_");
    world.with(|inner| inner.endpoints.insert(key, (url.clone(), secret.clone())));
    Json(json!({ "id": random("we_"), "object": "webhook_endpoint", "url": url, "secret": secret }))
        .into_response()
}

pub(super) async fn create(State(world): Shared, headers: HeaderMap, body: Bytes) -> Response {
    let key = match key(&headers) {
        Ok(key) => key,
        Err(refusal) => return *refusal,
    };
    let form = form(&body);
    let field = |name: &str| form.get(name).cloned().unwrap_or_default();
    let amount = field("line_items[0][price_data][unit_amount]").parse().unwrap_or(0);
    let whole = field("mode") == "payment"
        && amount >= 50
        && field("line_items[0][quantity]") == "1"
        && !field("line_items[0][price_data][product_data][name]").is_empty()
        && !field("success_url").is_empty();
    let lives = field("expires_at").parse::<i64>().unwrap_or(0) - (world.now)();
    if !whole || !(1800..=86_400).contains(&lives) {
        return error(StatusCode::BAD_REQUEST, "parameter_invalid");
    }
    let again = headers.get("idempotency-key").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let order = world.keep(Order {
        reference: random("cs_test_"),
        order: field("client_reference_id"),
        amount_cents: amount,
        currency: field("line_items[0][price_data][currency]").to_ascii_uppercase(),
        title: field("line_items[0][price_data][product_data][name]"),
        state: OrderState::Open,
        refunded_cents: 0,
        refunds: Vec::new(),
        key: again.to_owned(),
        back_url: field("success_url"),
        cancel_url: field("cancel_url"),
        way: Way::Stripe { key },
    });
    Json(session(&world, &order)).into_response()
}

pub(super) async fn read(
    State(world): Shared,
    Path(reference): Path<String>,
    headers: HeaderMap,
) -> Response {
    if let Err(refusal) = key(&headers) {
        return *refusal;
    }
    let Some(order) = world.order(&reference) else {
        return error(StatusCode::NOT_FOUND, "resource_missing");
    };
    let mut session = session(&world, &order);
    // As it comes with `expand[]=payment_intent.latest_charge`.
    if order.state == OrderState::Paid {
        session["payment_intent"] = json!({
            "id": order.transaction(), "latest_charge": { "amount_refunded": order.refunded_cents },
        });
    }
    Json(session).into_response()
}

pub(super) async fn expire(
    State(world): Shared,
    Path(reference): Path<String>,
    headers: HeaderMap,
) -> Response {
    if let Err(refusal) = key(&headers) {
        return *refusal;
    }
    let closed = world.change(
        |order| order.reference == reference && order.state == OrderState::Open,
        |order| {
            order.state = OrderState::Closed;
            order.clone()
        },
    );
    match closed {
        None => error(StatusCode::BAD_REQUEST, "resource_missing"),
        Some(order) => {
            notice::send(&world, &reference, notice::About::Closed);
            Json(session(&world, &order)).into_response()
        }
    }
}

pub(super) async fn refund(State(world): Shared, headers: HeaderMap, body: Bytes) -> Response {
    if let Err(refusal) = key(&headers) {
        return *refusal;
    }
    let form = form(&body);
    let intent = form.get("payment_intent").cloned().unwrap_or_default();
    let cents = form.get("amount").and_then(|cents| cents.parse().ok()).unwrap_or(0);
    let again = headers.get("idempotency-key").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let made = world.change(
        |order| matches!(order.way, Way::Stripe { .. }) && order.transaction() == intent,
        |order| (order.reference.clone(), order.refund(again, cents)),
    );
    match made {
        None => error(StatusCode::NOT_FOUND, "resource_missing"),
        Some((_, None)) => error(StatusCode::BAD_REQUEST, "amount_too_large"),
        Some((reference, Some(refund))) => {
            notice::send(&world, &reference, notice::About::Refunded);
            Json(json!({ "id": refund, "object": "refund", "amount": cents, "status": "succeeded" }))
                .into_response()
        }
    }
}
