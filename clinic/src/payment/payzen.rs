//! PayZen and the other houses of Lyra: <https://docs.lyra.com/fr/rest/V4.0/api/reference.html>.

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
    Created, Event, Order, Provider, ProviderError, Refund, Standing, Unproved, What, exchange, page_url,
    text, unhex,
};
use crate::client::HttpClient;
use crate::ids::PaymentId;

pub(super) struct Payzen {
    pub client: HttpClient,
    pub base: String,
    pub shop_id: String,
    pub password: String,
}

impl Payzen {
    /// Answers are always 200, with their outcome inside.
    async fn call(&self, service: &str, body: &Value) -> Result<Value, ProviderError> {
        let login = STANDARD.encode(format!("{}:{}", self.shop_id, self.password));
        let request = Request::post(format!("{}/api-payment/V4/{service}", self.base))
            .header(CONTENT_TYPE, "application/json")
            .header(AUTHORIZATION, format!("Basic {login}"))
            .body(Bytes::from(body.to_string()));
        let mut answer = exchange(&self.client, request).await?;
        match text(&answer, "/status").as_deref() {
            Some("SUCCESS") => Ok(answer.get_mut("answer").map(Value::take).unwrap_or_default()),
            Some("ERROR") => match text(&answer, "/answer/errorCode").as_deref() {
                // Wrong shop or password; no right to the service.
                Some("INT_905" | "INT_902" | "PSP_108") => Err(ProviderError::Credentials),
                _ => Err(ProviderError::Refused),
            },
            _ => Err(ProviderError::Unavailable),
        }
    }
}

/// What happened, and what went back under which reference.
type Told = (Option<What>, Vec<(String, u64)>);

/// What a `V4/Payment` says of itself: the money that came, and each sum that went back.
fn of_payment(payment: &Value) -> Result<Told, Unproved> {
    let none = Vec::new();
    let transactions = payment.pointer("/transactions").and_then(Value::as_array).unwrap_or(&none);
    let of_kind = |transaction: &&Value, kind: &str| {
        let found = text(transaction, "/operationType");
        found.as_deref() == Some(kind) || (found.is_none() && kind == "DEBIT")
    };
    let paid = |transaction: &&Value| text(transaction, "/status").as_deref() == Some("PAID");
    let amount = |transaction: &Value| transaction.pointer("/amount").and_then(Value::as_u64);
    let mut back = Vec::new();
    for credit in transactions.iter().filter(|one| of_kind(one, "CREDIT") && paid(one)) {
        let reference = text(credit, "/uuid").ok_or(Unproved::Shape)?;
        back.push((reference, amount(credit).ok_or(Unproved::Shape)?));
    }
    let debit = transactions.iter().find(|one| of_kind(one, "DEBIT") && paid(one));
    let status = text(payment, "/orderStatus").unwrap_or_default();
    let what = match (debit, status.as_str()) {
        (Some(debit), _) => Some(What::Paid {
            amount_cents: amount(debit).ok_or(Unproved::Shape)?,
            currency: text(debit, "/currency").ok_or(Unproved::Shape)?,
            transaction: text(debit, "/uuid").ok_or(Unproved::Shape)?,
        }),
        (None, "RUNNING") => Some(What::Processing),
        (None, "UNPAID") => Some(What::Failed),
        _ => None,
    };
    Ok((what, back))
}

#[async_trait]
impl Provider for Payzen {
    async fn create(&self, order: &Order<'_>) -> Result<Created, ProviderError> {
        let body = json!({
            "amount": order.amount_cents,
            "currency": order.currency,
            "orderId": order.payment,
            "channelOptions": { "channelType": "URL" },
            "expirationDate": order.expires_at.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string(),
            "locale": if order.locale == "en" { "en_GB" } else { "fr_FR" },
            "merchantComment": order.title,
            "returnMode": "GET",
            "returnUrl": order.back_url,
        });
        let made = self.call("Charge/CreatePaymentOrder", &body).await?;
        let reference = text(&made, "/paymentOrderId").ok_or(ProviderError::Unavailable)?;
        Ok(Created { reference, url: page_url(&made, "/paymentURL")?, until: order.expires_at })
    }

    /// The instant notice: a form with `kr-answer` and its `kr-hash` under the password. The browser's return is signed with
    /// another key and not taken here.
    fn verify(&self, _: Timestamp, _: &HeaderMap, body: &[u8]) -> Result<Option<Event>, Unproved> {
        let mut fields = [None, None, None, None];
        for (name, value) in form_urlencoded::parse(body).take(50) {
            let at = ["kr-answer", "kr-hash", "kr-hash-key", "kr-hash-algorithm"]
                .iter()
                .position(|one| *one == name);
            if let Some(field) = at.and_then(|at| fields.get_mut(at)) {
                *field = Some(value.into_owned());
            }
        }
        let [Some(answer), Some(hash), Some(hash_key), algorithm] = fields else {
            return Err(Unproved::Signature);
        };
        let known = algorithm.is_none_or(|algorithm| algorithm == "sha256_hmac") && hash_key == "password";
        if !known || !is_signed(&self.password, &answer, &hash) {
            return Err(Unproved::Signature);
        }
        let answer: Value = serde_json::from_str(&answer).map_err(|_| Unproved::Shape)?;
        if text(&answer, "/shopId").is_some_and(|shop| shop != self.shop_id) {
            return Err(Unproved::Shape);
        }
        let order = text(&answer, "/orderDetails/orderId");
        let Some(payment) = order.and_then(|id| id.parse::<PaymentId>().ok()) else { return Ok(None) };
        let (what, back) = of_payment(&answer)?;
        let back = back.into_iter().next();
        // A notice of a refund speaks of that refund.
        let what = match back {
            Some((reference, amount_cents)) => Some(What::RefundedOne { reference, amount_cents }),
            None => what,
        };
        let reference = text(&answer, "/orderDetails/paymentOrderId");
        Ok(what.map(|what| Event { payment, reference, what }))
    }

    async fn fetch(&self, payment: &PaymentId, _: &str) -> Result<Standing, ProviderError> {
        let found = match self.call("Order/Get", &json!({ "orderId": payment })).await {
            // Known only once somebody tried.
            Err(ProviderError::Refused) => return Ok(Standing { what: None, refunds: Vec::new() }),
            other => other?,
        };
        let (what, back) = of_payment(&found).map_err(|_| ProviderError::Unavailable)?;
        let one = |(reference, amount_cents)| What::RefundedOne { reference, amount_cents };
        Ok(Standing { what, refunds: back.into_iter().map(one).collect() })
    }

    async fn refund(&self, refund: &Refund<'_>) -> Result<String, ProviderError> {
        let body = json!({
            "uuid": refund.transaction,
            "amount": refund.amount_cents,
            "currency": refund.currency,
            // The whole sum may also be called off before the bank took it; a part can only go back.
            "resolutionMode": if refund.whole { "AUTO" } else { "REFUND_ONLY" },
        });
        let made = self.call("Transaction/CancelOrRefund", &body).await?;
        text(&made, "/uuid").ok_or(ProviderError::Unavailable)
    }
}

/// HMAC-SHA256 of the answer under the password, as hexadecimal text. Lyra hashes slashes bare, also where the notice
/// escapes them.
pub(super) fn is_signed(password: &str, answer: &str, hash: &str) -> bool {
    let key = hmac::Key::new(hmac::HMAC_SHA256, password.as_bytes());
    let Some(tag) = unhex(hash) else { return false };
    let bare = answer.replace("\\/", "/");
    [answer, bare.as_str()].iter().any(|text| hmac::verify(&key, text.as_bytes(), &tag).is_ok())
}
