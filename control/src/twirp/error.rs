//! Twirp's error codes and how they look in HTTP.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde::Serialize;

use crate::registry::ApiError;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Code {
    InvalidArgument,
    Malformed,
    Unauthenticated,
    NotFound,
    BadRoute,
    FailedPrecondition,
    ResourceExhausted,
    Internal,
    Unimplemented,
    Unavailable,
}

impl Code {
    pub fn status(self) -> StatusCode {
        match self {
            Code::InvalidArgument | Code::Malformed => StatusCode::BAD_REQUEST,
            Code::Unauthenticated => StatusCode::UNAUTHORIZED,
            Code::NotFound | Code::BadRoute => StatusCode::NOT_FOUND,
            Code::FailedPrecondition => StatusCode::PRECONDITION_FAILED,
            Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
            Code::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Code::Unimplemented => StatusCode::NOT_IMPLEMENTED,
            Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct TwirpError {
    pub code: Code,
    pub msg: String,
}

impl TwirpError {
    pub fn new(code: Code, msg: impl Into<String>) -> TwirpError {
        TwirpError { code, msg: msg.into() }
    }

    /// A good token that does not allow this.
    pub fn denied() -> TwirpError {
        TwirpError::new(Code::Unauthenticated, "permissions denied")
    }
}

impl From<ApiError> for TwirpError {
    fn from(error: ApiError) -> TwirpError {
        let code = match &error {
            ApiError::Invalid(_) => Code::InvalidArgument,
            ApiError::NotFound(_) => Code::NotFound,
            ApiError::Precondition(_) => Code::FailedPrecondition,
            ApiError::Exhausted(_) => Code::ResourceExhausted,
            ApiError::Unavailable(_) => Code::Unavailable,
        };
        TwirpError::new(code, error.to_string())
    }
}

/// Always JSON, whatever the request was.
impl IntoResponse for TwirpError {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self).unwrap_or_default();
        (self.code.status(), [(CONTENT_TYPE, "application/json")], body).into_response()
    }
}
