//! Notices, signed as each provider signs them.

use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::Request;
use http::header::CONTENT_TYPE;
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::json;

use super::{Fault, Order, OrderState, Way, World, own, payzen, random, stripe};

/// Times that a notice is tried.
const TRIES: u32 = 5;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum About {
    Paid,
    Failed,
    /// The page, by the merchant.
    Closed,
    Refunded,
}

/// Sends the notice of an order as it stands now, beside the caller.
pub(super) fn send(world: &World, reference: &str, about: About) {
    let Some(mut order) = world.order(reference) else { return };
    let fault = world.with(|inner| inner.faults.pop_front());
    match &fault {
        Some(Fault::Lost) => return,
        Some(Fault::Amount(cents)) => order.amount_cents = *cents,
        Some(Fault::Currency(currency)) => order.currency.clone_from(currency),
        _ => {}
    }
    let forged = fault == Some(Fault::WrongSignature);
    let mut requests: Vec<Request<Bytes>> = request(world, &order, about, forged).into_iter().collect();
    match &fault {
        Some(Fault::Twice) => requests.extend(requests.clone()),
        Some(Fault::Reordered) => {
            order.state = OrderState::Failed;
            requests.extend(request(world, &order, About::Failed, false));
        }
        _ => {}
    }
    let wait = if let Some(Fault::Late(millis)) = fault { millis } else { 0 };
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(wait)).await;
        for request in requests {
            post(request).await;
        }
    });
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn mac(secret: &str, forged: bool, text: &str) -> Vec<u8> {
    let secret = if forged { format!("not {secret}") } else { secret.to_owned() };
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), text.as_bytes()).as_ref().to_vec()
}

fn request(world: &World, order: &Order, about: About, forged: bool) -> Option<Request<Bytes>> {
    let now = (world.now)();
    match &order.way {
        Way::Own { notify_url } => {
            let mut body = own::body(order);
            if about == About::Refunded {
                body["state"] = json!("refunded");
            }
            let (id, body) = (random("msg_"), body.to_string());
            let tag = STANDARD.encode(mac(&world.secret, forged, &format!("{id}.{now}.{body}")));
            Request::post(notify_url)
                .header(CONTENT_TYPE, "application/json")
                .header("webhook-id", id)
                .header("webhook-timestamp", now)
                .header("webhook-signature", format!("v1,{tag}"))
                .body(Bytes::from(body))
                .ok()
        }
        Way::Stripe { key } => {
            let (url, secret) = world.with(|inner| inner.endpoints.get(key).cloned())?;
            let (kind, object) = match about {
                About::Paid => ("checkout.session.completed", stripe::session(world, order)),
                About::Failed => ("checkout.session.async_payment_failed", stripe::session(world, order)),
                About::Closed => ("checkout.session.expired", stripe::session(world, order)),
                About::Refunded => {
                    let charge = json!({
                        "id": random("ch_"), "object": "charge", "payment_intent": order.transaction(),
                        "amount": order.amount_cents, "amount_refunded": order.refunded_cents,
                        "metadata": { "payment_id": order.order },
                    });
                    ("charge.refunded", charge)
                }
            };
            let event = json!({
                "id": random("evt_"), "object": "event", "type": kind, "created": now, "data": { "object": object },
            });
            let body = event.to_string();
            let tag = hex(&mac(&secret, forged, &format!("{now}.{body}")));
            Request::post(url)
                .header(CONTENT_TYPE, "application/json")
                .header("stripe-signature", format!("t={now},v1={tag}"))
                .body(Bytes::from(body))
                .ok()
        }
        Way::Payzen { shop, password } => {
            let url = world.with(|inner| inner.shops.get(shop).cloned())?;
            let refund = (about == About::Refunded).then(|| order.refunds.len().saturating_sub(1));
            let answer = payzen::payment(order, shop, refund).to_string();
            let tag = hex(&mac(password, forged, &answer));
            let body = form_urlencoded::Serializer::new(String::new())
                .append_pair("kr-hash-algorithm", "sha256_hmac")
                .append_pair("kr-hash-key", "password")
                .append_pair("kr-hash", &tag)
                .append_pair("kr-answer-type", "V4/Payment")
                .append_pair("kr-answer", &answer)
                .finish();
            Request::post(url)
                .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
                .body(Bytes::from(body))
                .ok()
        }
    }
}

async fn post(request: Request<Bytes>) {
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    for attempt in 0..TRIES {
        match client.request(request.clone().map(Full::new)).await {
            Ok(answer) if !answer.status().is_server_error() => return,
            _ => tokio::time::sleep(Duration::from_millis(200 << attempt)).await,
        }
    }
}
