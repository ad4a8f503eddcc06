//! `Idempotency-Key` for handlers.

use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, ETAG, LOCATION};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::problem::{Code, Problem};
use crate::Clinic;
use crate::idempotency::{Answer, Begin, KEY_CHARS_MAX, Running};

/// The header.
pub const HEADER: HeaderName = HeaderName::from_static("idempotency-key");

/// What a handler does with the key of its request.
#[derive(Debug)]
pub enum Attempt {
    New(Running),
    /// Answer this and do nothing.
    Again(Answer),
}

/// Demands a key (428 without) and looks it up. `actor`: [`super::session::Caller::id`]; `what`: method and path; `body`: as
/// received, or as read and written again.
pub async fn attempt(
    clinic: &Clinic,
    headers: &HeaderMap,
    actor: &str,
    what: &str,
    body: &[u8],
) -> Result<Attempt, Problem> {
    let key = headers.get(&HEADER).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if key.is_empty() {
        return Err(Problem::new(Code::IdempotencyKeyRequired));
    }
    if key.len() > KEY_CHARS_MAX {
        return Err(Problem::field("/", "idempotency-key-too-long"));
    }
    let now = clinic.clock().now();
    match clinic.idempotency().begin(now, actor, key, &[what.as_bytes(), body]).await? {
        Begin::New(running) => Ok(Attempt::New(running)),
        Begin::Again(answer) => Ok(Attempt::Again(answer)),
        Begin::Reused => Err(Problem::new(Code::IdempotencyKeyReuse)),
        Begin::InProgress => Err(Problem::new(Code::RequestInProgress)),
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::OK);
        let body =
            if self.body.is_null() { Vec::new() } else { serde_json::to_vec(&self.body).unwrap_or_default() };
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.remove(CONTENT_TYPE);
        if !self.body.is_null() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        for (name, value) in [(LOCATION, self.location), (ETAG, self.etag)] {
            if let Some(value) = value.and_then(|value| HeaderValue::from_str(&value).ok()) {
                headers.insert(name, value);
            }
        }
        response
    }
}
