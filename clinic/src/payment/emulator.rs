//! The emulator's own way: JSON both ways, notices signed as Standard Webhooks are.

use async_trait::async_trait;
use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, Request};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::provider::{
    Created, Event, Order, Provider, ProviderError, Refund, Standing, TOLERANCE, Unproved, What, exchange,
    page_url, text,
};
use super::settings::EmulatorConfig;
use crate::client::HttpClient;
use crate::ids::PaymentId;

pub(super) struct Emulator {
    pub client: HttpClient,
    pub config: EmulatorConfig,
}

impl Emulator {
    async fn call(&self, path: &str, body: Option<&Value>) -> Result<Value, ProviderError> {
        let url = format!("{}{path}", self.config.url);
        let request = if body.is_some() { Request::post(url) } else { Request::get(url) };
        let request = request
            .header(CONTENT_TYPE, "application/json")
            .header(AUTHORIZATION, format!("Bearer {}", self.config.secret.expose()))
            .body(Bytes::from(body.map(Value::to_string).unwrap_or_default()));
        exchange(&self.client, request).await
    }
}

fn of_order(order: &Value) -> Result<Option<What>, Unproved> {
    let amount = |pointer| order.pointer(pointer).and_then(Value::as_u64).ok_or(Unproved::Shape);
    Ok(match text(order, "/state").as_deref() {
        Some("paid") => Some(What::Paid {
            amount_cents: amount("/amount_cents")?,
            currency: text(order, "/currency").ok_or(Unproved::Shape)?,
            transaction: text(order, "/reference").ok_or(Unproved::Shape)?,
        }),
        Some("failed") => Some(What::Failed),
        Some("refunded") => Some(What::RefundedTotal { amount_cents: amount("/refunded_cents")? }),
        _ => None,
    })
}

#[async_trait]
impl Provider for Emulator {
    async fn create(&self, order: &Order<'_>) -> Result<Created, ProviderError> {
        let body = json!({
            "order": order.payment,
            "amount_cents": order.amount_cents,
            "currency": order.currency,
            "title": order.title,
            "key": format!("{}-{}", order.payment, order.attempt),
            "back_url": order.back_url,
            "cancel_url": order.cancel_url,
            "notify_url": order.notify_url,
        });
        let made = self.call("/orders", Some(&body)).await?;
        let reference = text(&made, "/reference").ok_or(ProviderError::Unavailable)?;
        Ok(Created { reference, url: page_url(&made, "/url")?, until: order.expires_at })
    }

    fn verify(&self, now: Timestamp, headers: &HeaderMap, body: &[u8]) -> Result<Option<Event>, Unproved> {
        if !is_signed(self.config.secret.expose(), now, headers, body) {
            return Err(Unproved::Signature);
        }
        let order: Value = serde_json::from_slice(body).map_err(|_| Unproved::Shape)?;
        let id = text(&order, "/order").ok_or(Unproved::Shape)?;
        let Ok(payment) = id.parse::<PaymentId>() else { return Ok(None) };
        let what = of_order(&order)?;
        Ok(what.map(|what| Event { payment, reference: text(&order, "/reference"), what }))
    }

    async fn fetch(&self, _: &PaymentId, reference: &str) -> Result<Standing, ProviderError> {
        let order = self.call(&format!("/orders/{reference}"), None).await?;
        let what = of_order(&order).map_err(|_| ProviderError::Unavailable)?;
        let refunded = order.pointer("/refunded_cents").and_then(Value::as_u64).filter(|cents| *cents > 0);
        let refunds = refunded.map(|amount_cents| What::RefundedTotal { amount_cents }).into_iter().collect();
        Ok(Standing { what, refunds })
    }

    async fn refund(&self, refund: &Refund<'_>) -> Result<String, ProviderError> {
        let body = json!({ "amount_cents": refund.amount_cents, "key": refund.key });
        let made = self.call(&format!("/orders/{}/refunds", refund.transaction), Some(&body)).await?;
        text(&made, "/refund").ok_or(ProviderError::Unavailable)
    }

    async fn close(&self, reference: &str) -> Result<(), ProviderError> {
        self.call(&format!("/orders/{reference}/close"), Some(&json!({}))).await.map(|_| ())
    }
}

/// `Webhook-Signature: v1,<base64 of HMAC-SHA256 over id.timestamp.body>`.
pub(super) fn is_signed(secret: &str, now: Timestamp, headers: &HeaderMap, body: &[u8]) -> bool {
    let field = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (id, stamp) = (field("webhook-id"), field("webhook-timestamp"));
    let at = stamp.parse().ok().and_then(|second| Timestamp::from_second(second).ok());
    if id.is_empty() || at.is_none_or(|at| now.duration_since(at).abs() > TOLERANCE) {
        return false;
    }
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let signed = [id.as_bytes(), b".", stamp.as_bytes(), b".", body].concat();
    field("webhook-signature")
        .split(' ')
        .take(10)
        .filter_map(|signature| STANDARD.decode(signature.strip_prefix("v1,")?).ok())
        .any(|tag| hmac::verify(&key, &signed, &tag).is_ok())
}
