//! LiveKit's server API over Twirp: `POST /twirp/livekit.<Service>/<Method>`, JSON or protobuf.
//!
//! A token that cannot be verified never gets this far: it is answered with 401 and plain text, like everywhere. A good
//! token without the grant is a Twirp `unauthenticated`, as LiveKit's SDKs expect.

mod error;
mod room_service;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method, StatusCode};
use prost::Message;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub(crate) use error::{Code, TwirpError};

use crate::Control;
use crate::tokens::Claims;

/// Services of the protocol that this server does not have.
const ABSENT: [&str; 8] = [
    "livekit.Egress",
    "livekit.Ingress",
    "livekit.SIP",
    "livekit.AgentDispatchService",
    "livekit.Connector",
    "livekit.CloudAgent",
    "livekit.PhoneNumberService",
    "livekit.AgentSimulation",
];

pub(crate) fn router() -> Router<Control> {
    Router::new().route("/twirp/{service}/{method}", any(call))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Json,
    Protobuf,
}

impl Format {
    fn read(headers: &HeaderMap) -> Option<Format> {
        let value = headers.get(CONTENT_TYPE)?.to_str().ok()?;
        let kind = value.split(';').next().unwrap_or_default().trim();
        if kind.eq_ignore_ascii_case("application/json") {
            Some(Format::Json)
        } else if kind.eq_ignore_ascii_case("application/protobuf") {
            Some(Format::Protobuf)
        } else {
            None
        }
    }
}

/// A request and who sent it.
pub(crate) struct Call {
    control: Control,
    claims: Claims,
    format: Format,
    body: bytes::Bytes,
}

impl Call {
    fn request<T: Message + Default + DeserializeOwned>(&self) -> Result<T, TwirpError> {
        let bad = |error: String| TwirpError::new(Code::Malformed, error);
        match self.format {
            Format::Protobuf => T::decode(self.body.clone())
                .map_err(|error| bad(format!("the body is not the protobuf message: {error}"))),
            // Some clients send no body for an empty message.
            Format::Json if self.body.is_empty() => Ok(T::default()),
            Format::Json => serde_json::from_slice(&self.body)
                .map_err(|error| bad(format!("the body is not the JSON message: {error}"))),
        }
    }

    fn reply<T: Message + Serialize>(&self, message: &T) -> Result<Response, TwirpError> {
        let (kind, body) = match self.format {
            Format::Protobuf => ("application/protobuf", message.encode_to_vec()),
            Format::Json => {
                let body = serde_json::to_vec(message)
                    .map_err(|error| TwirpError::new(Code::Internal, error.to_string()))?;
                ("application/json", body)
            }
        };
        Ok(([(CONTENT_TYPE, kind)], body).into_response())
    }
}

async fn call(
    State(control): State<Control>,
    Path((service, method)): Path<(String, String)>,
    request: Request,
) -> Response {
    match dispatch(control, &service, &method, request).await {
        Ok(response) => response,
        Err(error) => error.into_response(),
    }
}

async fn dispatch(
    control: Control,
    service: &str,
    method: &str,
    request: Request,
) -> Result<Response, TwirpError> {
    let claims = match control.authenticate(request.headers(), None) {
        Ok(claims) => claims,
        Err(error) => return Ok(refuse(&control, error)),
    };
    if request.method() != Method::POST {
        let text = format!("unsupported method {:?} (only POST is allowed)", request.method().as_str());
        return Err(TwirpError::new(Code::BadRoute, text));
    }
    if ABSENT.contains(&service) {
        let text = format!("{service} is not part of this server");
        return Err(TwirpError::new(Code::Unimplemented, text));
    }
    if service != "livekit.RoomService" {
        return Err(TwirpError::new(Code::BadRoute, format!("no service {service:?}")));
    }
    let Some(format) = Format::read(request.headers()) else {
        return Err(TwirpError::new(Code::BadRoute, "unexpected Content-Type".to_owned()));
    };
    let most = control.config().limits.body_bytes;
    let body = match read_body(request.into_body(), most).await {
        Ok(body) => body,
        Err(status) => return Ok((status, "the body is too large or broke off").into_response()),
    };
    room_service::dispatch(Call { control, claims, format, body }, method)
}

/// 401 with plain text, as for signalling.
pub(crate) fn refuse(control: &Control, error: crate::tokens::TokenError) -> Response {
    control.metrics().refused_token(error.cause());
    (StatusCode::UNAUTHORIZED, error.to_string()).into_response()
}

/// A body up to a size, in reasonable time.
pub(crate) async fn read_body(body: Body, most: usize) -> Result<bytes::Bytes, StatusCode> {
    let read = axum::body::to_bytes(body, most);
    match tokio::time::timeout(std::time::Duration::from_secs(30), read).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(error)) => {
            let source = std::error::Error::source(&error);
            let limit = source.is_some_and(|source| source.is::<http_body_util::LengthLimitError>());
            Err(if limit { StatusCode::PAYLOAD_TOO_LARGE } else { StatusCode::BAD_REQUEST })
        }
        Err(_) => Err(StatusCode::REQUEST_TIMEOUT),
    }
}

#[cfg(test)]
mod tests;
