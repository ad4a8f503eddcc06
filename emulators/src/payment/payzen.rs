//! As PayZen: JSON in, every answer 200 with its outcome inside, passwords that begin with `testpassword_`.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use serde_json::{Value, json};

use super::{Order, OrderState, Shared, Way, World, notice, random};

fn error(code: &str) -> Value {
    json!({ "status": "ERROR", "answer": { "errorCode": code } })
}

fn success(answer: &Value) -> Value {
    json!({ "status": "SUCCESS", "version": "V4", "answer": answer })
}

fn login(headers: &HeaderMap) -> Option<(String, String)> {
    let header = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let text = String::from_utf8(STANDARD.decode(header.strip_prefix("Basic ")?).ok()?).ok()?;
    let (shop, password) = text.split_once(':')?;
    let good = shop.bytes().all(|byte| byte.is_ascii_digit()) && password.starts_with("testpassword_");
    good.then(|| (shop.to_owned(), password.to_owned()))
}

/// A `V4/Payment`. `refund`: only that one, as notices of refunds have it.
pub(super) fn payment(order: &Order, shop: &str, refund: Option<usize>) -> Value {
    let (status, one) = match order.state {
        OrderState::Paid => ("PAID", "PAID"),
        OrderState::Failed => ("UNPAID", "UNPAID"),
        OrderState::Open | OrderState::Closed => ("RUNNING", "RUNNING"),
    };
    let debit = json!({
        "uuid": order.transaction(), "operationType": "DEBIT", "status": one,
        "amount": order.amount_cents, "currency": order.currency,
    });
    let credit = |at: usize, cents: u64| {
        json!({
            "uuid": order.refund_name(at), "operationType": "CREDIT", "status": "PAID",
            "amount": cents, "currency": order.currency,
        })
    };
    let credits = order.refunds.iter().enumerate().map(|(at, (_, cents))| credit(at, *cents));
    let transactions: Vec<Value> = match refund {
        Some(at) => credits.skip(at).take(1).collect(),
        None => std::iter::once(debit).chain(credits).collect(),
    };
    json!({
        "shopId": shop, "orderCycle": "CLOSED", "orderStatus": status,
        "orderDetails": {
            "orderId": order.order, "orderTotalAmount": order.amount_cents, "orderCurrency": order.currency,
            "mode": "TEST",
        },
        "transactions": transactions, "_type": "V4/Payment",
    })
}

fn create(world: &World, body: &Value, shop: String, password: String) -> Value {
    let field = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let amount = body.get("amount").and_then(Value::as_u64).unwrap_or(0);
    if amount == 0 || field("/currency").len() != 3 || field("/channelOptions/channelType") != "URL" {
        return error("INT_009");
    }
    let order = world.keep(Order {
        reference: random(""),
        order: field("/orderId"),
        amount_cents: amount,
        currency: field("/currency"),
        title: field("/merchantComment"),
        state: OrderState::Open,
        refunded_cents: 0,
        refunds: Vec::new(),
        key: String::new(),
        back_url: field("/returnUrl"),
        cancel_url: field("/returnUrl"),
        way: Way::Payzen { shop, password },
    });
    success(&json!({
        "paymentOrderId": order.reference, "paymentOrderStatus": "RUNNING",
        "paymentURL": world.page(&order.reference), "_type": "V4/PaymentOrder",
    }))
}

fn refund(world: &World, body: &Value) -> Value {
    let uuid = body.get("uuid").and_then(Value::as_str).unwrap_or_default();
    let cents = body.get("amount").and_then(Value::as_u64).unwrap_or(0);
    let made = world.change(
        |order| matches!(order.way, Way::Payzen { .. }) && order.transaction() == uuid,
        |order| (order.reference.clone(), order.refund("", cents)),
    );
    match made {
        None => error("PSP_010"),
        Some((_, None)) => error("PSP_083"),
        Some((reference, Some(refund))) => {
            notice::send(world, &reference, notice::About::Refunded);
            let transaction =
                json!({ "uuid": refund, "operationType": "CREDIT", "status": "PAID", "amount": cents });
            success(&transaction)
        }
    }
}

fn read(world: &World, body: &Value, shop: &str) -> Value {
    let id = body.get("orderId").and_then(Value::as_str).unwrap_or_default();
    let orders = world.with(|inner| inner.orders.clone());
    let tried = |order: &&Order| order.order == id && order.state != OrderState::Open;
    match orders.iter().rev().find(tried) {
        Some(order) => success(&payment(order, shop, None)),
        None => error("PSP_010"),
    }
}

pub(super) async fn call(
    State(world): Shared,
    Path(service): Path<String>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    let Some((shop, password)) = login(&headers) else { return Json(error("INT_905")).into_response() };
    let answer = match service.as_str() {
        "Charge/CreatePaymentOrder" => create(&world, &body, shop, password),
        "Transaction/CancelOrRefund" => refund(&world, &body),
        "Order/Get" => read(&world, &body, &shop),
        _ => error("INT_902"),
    };
    Json(answer).into_response()
}
