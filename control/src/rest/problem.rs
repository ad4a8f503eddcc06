//! Errors of the REST API: `application/problem+json` (RFC 9457) with a stable `code`.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{CONTENT_TYPE, WWW_AUTHENTICATE};
use serde::Serialize;
use utoipa::ToSchema;

use crate::registry::ApiError;

/// Why a request was refused. `code` is stable; `detail` is for people and may change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Problem {
    /// Always `about:blank`: the code says it all.
    #[serde(rename = "type")]
    pub kind: String,
    /// The HTTP status in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// One of a fixed set, for programs.
    pub code: Code,
    pub detail: String,
}

/// What programs may tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// The body is not JSON, or not of the right shape.
    Malformed,
    /// A value is out of bounds.
    Invalid,
    /// No API key, or a wrong one.
    Unauthorized,
    RoomNotFound,
    ParticipantNotFound,
    TrackNotFound,
    NotFound,
    MethodNotAllowed,
    /// The body is too large.
    TooLarge,
    /// Not in this state, or not with this configuration.
    FailedPrecondition,
    /// A limit of the server is reached: later it may work.
    LimitReached,
    /// Overloaded or shutting down: later it may work.
    Unavailable,
}

impl Code {
    fn status(self) -> StatusCode {
        match self {
            Code::Malformed | Code::Invalid => StatusCode::BAD_REQUEST,
            Code::Unauthorized => StatusCode::UNAUTHORIZED,
            Code::RoomNotFound | Code::ParticipantNotFound | Code::TrackNotFound | Code::NotFound => {
                StatusCode::NOT_FOUND
            }
            Code::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Code::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Code::FailedPrecondition => StatusCode::PRECONDITION_FAILED,
            Code::LimitReached => StatusCode::TOO_MANY_REQUESTS,
            Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

impl Problem {
    pub fn new(code: Code, detail: impl Into<String>) -> Problem {
        let status = code.status();
        Problem {
            kind: "about:blank".to_owned(),
            title: status.canonical_reason().unwrap_or_default().to_owned(),
            status: status.as_u16(),
            code,
            detail: detail.into(),
        }
    }
}

impl From<ApiError> for Problem {
    fn from(error: ApiError) -> Problem {
        let code = match &error {
            ApiError::Invalid(_) => Code::Invalid,
            ApiError::NotFound("requested room") => Code::RoomNotFound,
            ApiError::NotFound("participant") => Code::ParticipantNotFound,
            ApiError::NotFound(_) => Code::TrackNotFound,
            ApiError::Precondition(_) => Code::FailedPrecondition,
            ApiError::Exhausted(_) => Code::LimitReached,
            ApiError::Unavailable(_) => Code::Unavailable,
        };
        Problem::new(code, error.to_string())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let status = self.code.status();
        let mut response = (status, [(CONTENT_TYPE, "application/problem+json")], body).into_response();
        if status == StatusCode::UNAUTHORIZED {
            let challenge = http::HeaderValue::from_static("Bearer realm=\"chevet\"");
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        response
    }
}
