//! Stripe Checkout: <https://docs.stripe.com/api/checkout/sessions>, <https://docs.stripe.com/webhooks/signature>.

use async_trait::async_trait;
use aws_lc_rs::hmac;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, Request};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::provider::{
    Created, Event, Order, Provider, ProviderError, Refund, Standing, TOLERANCE, Unproved, What, exchange,
    page_url, text, unhex,
};
use crate::client::HttpClient;
use crate::ids::PaymentId;

/// A session lives half an hour at least and a day at most.
const LIFE_MIN: SignedDuration = SignedDuration::from_mins(31);
const LIFE_MAX: SignedDuration = SignedDuration::from_mins(23 * 60 + 59);
/// The form of the API that this was written for.
const VERSION: &str = "2024-06-20";

pub(super) struct Stripe {
    pub client: HttpClient,
    pub base: String,
    pub secret_key: String,
    pub webhook_secret: String,
}

impl Stripe {
    async fn call(
        &self,
        path: &str,
        form: Option<&[(&str, String)]>,
        key: &str,
    ) -> Result<Value, ProviderError> {
        let url = format!("{}{path}", self.base);
        let mut request = match form {
            Some(_) => Request::post(url).header(CONTENT_TYPE, "application/x-www-form-urlencoded"),
            None => Request::get(url),
        };
        request = request
            .header(AUTHORIZATION, format!("Bearer {}", self.secret_key))
            .header("stripe-version", VERSION);
        if !key.is_empty() {
            request = request.header("idempotency-key", key);
        }
        // Made whole before the wait: the serializer cannot go from thread to thread.
        let body =
            form_urlencoded::Serializer::new(String::new()).extend_pairs(form.unwrap_or_default()).finish();
        exchange(&self.client, request.body(Bytes::from(body))).await
    }
}

fn segment(reference: &str) -> String {
    form_urlencoded::byte_serialize(reference.as_bytes()).collect()
}

fn cents(value: &Value, pointer: &str) -> Option<u64> {
    value.pointer(pointer)?.as_u64()
}

/// What a Checkout Session says of itself.
fn of_session(session: &Value) -> Result<Option<What>, Unproved> {
    let field = |pointer| text(session, pointer).unwrap_or_default();
    match (field("/payment_status").as_str(), field("/status").as_str()) {
        ("paid", _) => {
            let intent = session.pointer("/payment_intent");
            // An id, or the whole thing where it was asked for.
            let transaction = intent.and_then(|intent| text(intent, "").or_else(|| text(intent, "/id")));
            Ok(Some(What::Paid {
                amount_cents: cents(session, "/amount_total").ok_or(Unproved::Shape)?,
                currency: field("/currency").to_ascii_uppercase(),
                transaction: transaction.ok_or(Unproved::Shape)?,
            }))
        }
        (_, "complete") => Ok(Some(What::Processing)),
        (_, "expired") => Ok(Some(What::Lapsed)),
        _ => Ok(None),
    }
}

#[async_trait]
impl Provider for Stripe {
    async fn create(&self, order: &Order<'_>) -> Result<Created, ProviderError> {
        let life = order.expires_at.duration_since(order.now).clamp(LIFE_MIN, LIFE_MAX);
        let until = order.now.saturating_add(life).unwrap_or(Timestamp::MAX);
        let payment = order.payment.to_string();
        let form = [
            ("mode", "payment".to_owned()),
            ("client_reference_id", payment.clone()),
            ("metadata[payment_id]", payment.clone()),
            // Charges and refunds carry what their intent carries.
            ("payment_intent_data[metadata][payment_id]", payment.clone()),
            ("line_items[0][quantity]", "1".to_owned()),
            ("line_items[0][price_data][currency]", order.currency.to_ascii_lowercase()),
            ("line_items[0][price_data][unit_amount]", order.amount_cents.to_string()),
            ("line_items[0][price_data][product_data][name]", order.title.to_owned()),
            ("success_url", order.back_url.to_owned()),
            ("cancel_url", order.cancel_url.to_owned()),
            ("locale", order.locale.to_owned()),
            ("expires_at", until.as_second().to_string()),
        ];
        // A repetition has to be the same to the letter; the end is not when it is repeated later, so it is in the key.
        let key = format!("{payment}-{}-{}", order.attempt, until.as_second());
        let session = self.call("/v1/checkout/sessions", Some(&form), &key).await?;
        let reference = text(&session, "/id").ok_or(ProviderError::Unavailable)?;
        Ok(Created { reference, url: page_url(&session, "/url")?, until })
    }

    fn verify(&self, now: Timestamp, headers: &HeaderMap, body: &[u8]) -> Result<Option<Event>, Unproved> {
        if !is_signed(&self.webhook_secret, now, headers, body) {
            return Err(Unproved::Signature);
        }
        let event: Value = serde_json::from_slice(body).map_err(|_| Unproved::Shape)?;
        let kind = text(&event, "/type").ok_or(Unproved::Shape)?;
        let object = event.pointer("/data/object").ok_or(Unproved::Shape)?;
        let payment = text(object, "/metadata/payment_id").or_else(|| text(object, "/client_reference_id"));
        // Of something else that is sold with the same account.
        let Some(payment) = payment.and_then(|id| id.parse::<PaymentId>().ok()) else { return Ok(None) };
        let what = match kind.as_str() {
            "checkout.session.completed" | "checkout.session.async_payment_succeeded" => of_session(object)?,
            "checkout.session.async_payment_failed" => Some(What::Failed),
            "checkout.session.expired" => Some(What::Lapsed),
            "charge.refunded" => {
                let amount_cents = cents(object, "/amount_refunded").ok_or(Unproved::Shape)?;
                Some(What::RefundedTotal { amount_cents })
            }
            _ => None,
        };
        let reference = if kind.starts_with("checkout.session.") { text(object, "/id") } else { None };
        Ok(what.map(|what| Event { payment, reference, what }))
    }

    async fn fetch(&self, _: &PaymentId, reference: &str) -> Result<Standing, ProviderError> {
        let path =
            format!("/v1/checkout/sessions/{}?expand%5B%5D=payment_intent.latest_charge", segment(reference));
        let session = self.call(&path, None, "").await?;
        let what = of_session(&session).map_err(|_| ProviderError::Unavailable)?;
        let refunded =
            cents(&session, "/payment_intent/latest_charge/amount_refunded").filter(|cents| *cents > 0);
        let refunds = refunded.map(|amount_cents| What::RefundedTotal { amount_cents }).into_iter().collect();
        Ok(Standing { what, refunds })
    }

    async fn refund(&self, refund: &Refund<'_>) -> Result<String, ProviderError> {
        let form = [
            ("payment_intent", refund.transaction.to_owned()),
            ("amount", refund.amount_cents.to_string()),
            ("metadata[payment_id]", refund.payment.to_string()),
        ];
        let made = self.call("/v1/refunds", Some(&form), refund.key).await?;
        if text(&made, "/status").as_deref() == Some("failed") {
            return Err(ProviderError::Refused);
        }
        text(&made, "/id").ok_or(ProviderError::Unavailable)
    }

    async fn close(&self, reference: &str) -> Result<(), ProviderError> {
        let path = format!("/v1/checkout/sessions/{}/expire", segment(reference));
        self.call(&path, Some(&[]), "").await.map(|_| ())
    }
}

/// `Stripe-Signature: t=<seconds>,v1=<hex of HMAC-SHA256 over t.body>`, one `v1` for each secret that is good.
pub(super) fn is_signed(secret: &str, now: Timestamp, headers: &HeaderMap, body: &[u8]) -> bool {
    let header = headers.get("stripe-signature").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let parts: Vec<(&str, &str)> =
        header.split(',').take(20).filter_map(|part| part.trim().split_once('=')).collect();
    let Some((_, stamp)) = parts.iter().find(|(name, _)| *name == "t") else { return false };
    let at = stamp.parse().ok().and_then(|second| Timestamp::from_second(second).ok());
    if at.is_none_or(|at| now.duration_since(at).abs() > TOLERANCE) {
        return false;
    }
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let signed = [stamp.as_bytes(), b".", body].concat();
    let good = |hex: &str| unhex(hex).is_some_and(|tag| hmac::verify(&key, &signed, &tag).is_ok());
    parts.iter().any(|(name, hex)| *name == "v1" && good(hex))
}
