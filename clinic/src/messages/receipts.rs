//! Delivery receipts: what gateways tell later. Each is proved before it is believed, and none tells the caller more than
//! that it was taken.

use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::routing::{get, post};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use jiff::SignedDuration;
use serde::Deserialize;
use utoipa::{OpenApi, ToSchema};

use super::settings::GatewayConfig;
use super::sms::{Ovh, Standing, is_signed};
use crate::Clinic;
use crate::client::HttpClient;
use crate::crypto::Secret;
use crate::http::{Code, Problem};
use crate::ids::MessageId;
use crate::outbox::Channel;

/// A signature older or younger than this is refused: a copied receipt must not work for ever.
const TOLERANCE: SignedDuration = SignedDuration::from_mins(5);
/// Longest word of a reason that is kept.
const REASON_CHARS_MAX: usize = 40;

pub(crate) fn router() -> Router<Clinic> {
    Router::new()
        .route("/api/v1/receipts/sms", post(signed))
        .route("/api/v1/receipts/ovh/{secret}", get(ovh).post(ovh))
        .route("/api/v1/receipts/twilio/{message}", post(twilio))
}

#[derive(OpenApi)]
#[openapi(paths(signed, ovh, twilio), components(schemas(ReceiptBody)), tags((name = "receipts")))]
pub(crate) struct Api;

/// What a gateway reports.
#[derive(Debug, Deserialize, ToSchema)]
pub struct ReceiptBody {
    /// `{reference}` of the request.
    #[schema(value_type = String)]
    reference: MessageId,
    status: ReceiptStatus,
    /// A stable word for a failure.
    #[serde(default)]
    reason: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReceiptStatus {
    Delivered,
    Failed,
    /// Under way still: taken and ignored.
    Sent,
}

fn refused() -> Problem {
    Problem::new(Code::Unauthenticated)
}

/// A receipt of a gateway that is reached by HTTP. Signed as Standard Webhooks are: `Webhook-Id`, `Webhook-Timestamp` and
/// `Webhook-Signature: v1,<base64 of HMAC-SHA256 over id.timestamp.body>`.
#[utoipa::path(post, path = "/api/v1/receipts/sms", tag = "receipts", request_body = ReceiptBody, responses(
    (status = 204, description = "Taken"),
    (status = 401, description = "The signature is not right"),
))]
async fn signed(
    State(clinic): State<Clinic>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, Problem> {
    let secret = match &clinic.config().sms {
        Some(sms) if matches!(sms.gateway, GatewayConfig::Http { .. }) => &sms.receipts_secret,
        _ => return Err(Problem::new(Code::AdapterNotConfigured)),
    };
    if secret.expose().is_empty() || !is_webhook_signed(secret, &headers, &body, clinic.clock().now()) {
        return Err(refused());
    }
    let receipt: ReceiptBody = serde_json::from_slice(&body).map_err(|_| Problem::new(Code::Malformed))?;
    let delivered = match receipt.status {
        ReceiptStatus::Delivered => true,
        ReceiptStatus::Failed => false,
        ReceiptStatus::Sent => return Ok(StatusCode::NO_CONTENT),
    };
    let reason = receipt.reason.unwrap_or_else(|| "undelivered".to_owned());
    clinic.outbox().report(&receipt.reference, delivered, &word(&reason)).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn is_webhook_signed(secret: &Secret, headers: &HeaderMap, body: &[u8], now: jiff::Timestamp) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let (Some(id), Some(timestamp), Some(signatures)) =
        (text("webhook-id"), text("webhook-timestamp"), text("webhook-signature"))
    else {
        return false;
    };
    let Some(at) = timestamp.parse().ok().and_then(|second| jiff::Timestamp::from_second(second).ok()) else {
        return false;
    };
    if now.duration_since(at).abs() > TOLERANCE {
        return false;
    }
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes());
    let signed = [id.as_bytes(), b".", timestamp.as_bytes(), b".", body].concat();
    signatures
        .split(' ')
        .filter_map(|signature| STANDARD.decode(signature.strip_prefix("v1,")?).ok())
        .any(|tag| hmac::verify(&key, &signed, &tag).is_ok())
}

/// A receipt of OVH: proved by the last part of the address, and only the occasion to ask OVH itself what became of the
/// message.
#[utoipa::path(get, path = "/api/v1/receipts/ovh/{secret}", tag = "receipts", responses(
    (status = 204, description = "Taken"),
    (status = 404, description = "Not the address that was agreed"),
    (status = 503, description = "OVH does not answer; the receipt is to be repeated"),
), params(("secret" = String, Path, description = "clinic.sms.receipts_secret")))]
async fn ovh(
    State(clinic): State<Clinic>,
    Path(secret): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<StatusCode, Problem> {
    let Some(sms) = &clinic.config().sms else { return Err(Problem::new(Code::AdapterNotConfigured)) };
    if !matches!(sms.gateway, GatewayConfig::Ovh { .. }) {
        return Err(Problem::new(Code::AdapterNotConfigured));
    }
    let ours = sms.receipts_secret.expose().as_bytes();
    if ours.is_empty() || verify_slices_are_equal(ours, secret.as_bytes()).is_err() {
        return Err(Problem::new(Code::NotFound));
    }
    let query = query.unwrap_or_default();
    let id = form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| name.eq_ignore_ascii_case("id"))
        .and_then(|(_, id)| id.parse::<u64>().ok())
        .ok_or_else(|| Problem::new(Code::Malformed))?;
    let Some(message) = clinic.outbox().by_provider(Channel::Sms, &id.to_string())? else {
        // Of another sender on the same account, or quicker than the answer to our own request.
        return Ok(StatusCode::NO_CONTENT);
    };
    let client = HttpClient::new(Duration::from_secs(10));
    let standing = Ovh::new(&sms.gateway, client, clinic.clock().clone()).standing(id).await;
    match standing.map_err(|_| Problem::new(Code::ProviderUnavailable))? {
        Standing::UnderWay => {}
        Standing::Delivered => {
            clinic.outbox().report(&message, true, "").await?;
        }
        Standing::Failed => {
            clinic.outbox().report(&message, false, "undelivered").await?;
        }
    }
    Ok(StatusCode::NO_CONTENT)
}

/// A receipt of Twilio, signed with the account's token over this very address.
#[utoipa::path(post, path = "/api/v1/receipts/twilio/{message}", tag = "receipts",
    request_body(content = String, content_type = "application/x-www-form-urlencoded"), responses(
    (status = 204, description = "Taken"),
    (status = 401, description = "The signature is not right"),
), params(("message" = String, Path, description = "The message's id")))]
async fn twilio(
    State(clinic): State<Clinic>,
    Path(message): Path<String>,
    headers: HeaderMap,
    form: Bytes,
) -> Result<StatusCode, Problem> {
    let token = match clinic.config().sms.as_ref().map(|sms| &sms.gateway) {
        Some(GatewayConfig::Twilio { token, .. }) => token,
        _ => return Err(Problem::new(Code::AdapterNotConfigured)),
    };
    let fields: Vec<(String, String)> = form_urlencoded::parse(&form).into_owned().collect();
    let url = format!("{}/api/v1/receipts/twilio/{message}", clinic.config().public_url);
    let signature =
        headers.get("x-twilio-signature").and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !is_signed(token, &url, &fields, signature) {
        return Err(refused());
    }
    let field = |name: &str| fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str());
    let id: MessageId = message.parse().map_err(|_| Problem::new(Code::NotFound))?;
    match field("MessageStatus") {
        Some("delivered") => {
            clinic.outbox().report(&id, true, "").await?;
        }
        Some("undelivered" | "failed") => {
            let reason = format!("gateway-{}", field("ErrorCode").unwrap_or("undelivered"));
            clinic.outbox().report(&id, false, &word(&reason)).await?;
        }
        _ => {}
    }
    Ok(StatusCode::NO_CONTENT)
}

/// What a provider calls a reason, as a word that holds no number or name: letters, digits of a short code, hyphens.
fn word(reason: &str) -> String {
    let kept: String = reason
        .chars()
        .take(REASON_CHARS_MAX)
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' })
        .collect();
    // Six digits in a row may be part of a number.
    let digits = kept.split(|c: char| !c.is_ascii_digit()).map(str::len).max().unwrap_or(0);
    if digits > 5 { "undelivered".to_owned() } else { kept }
}
