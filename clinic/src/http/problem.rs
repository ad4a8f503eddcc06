//! `application/problem+json` (RFC 9457).

use axum::extract::Request;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{
    ACCEPT_LANGUAGE, CACHE_CONTROL, CONTENT_LANGUAGE, CONTENT_TYPE, HeaderValue, RETRY_AFTER, VARY,
};
use http::{HeaderName, StatusCode};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

pub use super::code::{Code, Language};
use crate::crypto::secret::hex;
use crate::limits::Exceeded;
use crate::model::Trigger;
use crate::model::capability::Missing;
use crate::store::StoreError;

/// Answers carry it; logs and audit events join by it.
pub const CORRELATION: HeaderName = HeaderName::from_static("x-correlation-id");

/// A refusal, as handlers make it. The texts are chosen when it is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub code: Code,
    /// Apart, so that results stay small.
    more: Box<More>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct More {
    /// Instead of the code's own text, when more can be said. In the language of the caller already.
    detail: Option<String>,
    errors: Vec<FieldError>,
    allowed_transitions: Option<Vec<Trigger>>,
    /// Of `capability-not-available`.
    reason: Option<Missing>,
    /// Of `link-too-early`.
    opens_at: Option<Timestamp>,
    retry_after: Option<SignedDuration>,
}

/// A field that was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// JSON pointer (RFC 6901) into the request.
    pub pointer: String,
    /// A stable word.
    pub code: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// The body of every refusal.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ProblemBody {
    /// `/problems/<code>` on this server.
    #[serde(rename = "type")]
    pub kind: String,
    pub title: String,
    pub status: u16,
    pub code: Code,
    /// For people, in the language of `Accept-Language` (French or English).
    pub detail: String,
    /// Path of the request.
    pub instance: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed_transitions: Option<Vec<Trigger>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Missing>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub opens_at: Option<Timestamp>,
    /// To be told to support.
    pub corr_id: String,
}

impl Problem {
    pub fn new(code: Code) -> Problem {
        Problem { code, more: Box::default() }
    }

    /// 422 for one field.
    pub fn field(pointer: &str, code: &str) -> Problem {
        Problem::new(Code::ValidationFailed).and_field(pointer, code)
    }

    /// One more field: JSON pointer and stable word.
    #[must_use]
    pub fn and_field(mut self, pointer: &str, code: &str) -> Problem {
        self.push_field(pointer, code);
        self
    }

    pub fn push_field(&mut self, pointer: &str, code: &str) {
        let field = FieldError { pointer: pointer.to_owned(), code: code.to_owned(), message: None };
        self.more.errors.push(field);
    }

    /// As `push_field`, for a number beside its bounds, which are told.
    pub fn push_bounds(&mut self, pointer: &str, least: u32, most: u32) {
        self.push_field(pointer, "out-of-bounds");
        if let Some(field) = self.more.errors.last_mut() {
            field.message = Some(format!("{least}..{most}"));
        }
    }

    /// One more field with the number that stands in the way, as its message.
    #[must_use]
    pub fn counted(mut self, pointer: &str, code: &str, count: usize) -> Problem {
        self.push_field(pointer, code);
        if let Some(field) = self.more.errors.last_mut() {
            field.message = Some(count.to_string());
        }
        self
    }

    /// The fields named so far.
    pub fn fields(&self) -> &[FieldError] {
        &self.more.errors
    }

    /// `detail` in place of the code's own text; never what somebody typed.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Problem {
        self.more.detail = Some(detail.into());
        self
    }

    /// 403 `capability-not-available`.
    pub fn missing(reason: Missing) -> Problem {
        let mut problem = Problem::new(Code::CapabilityNotAvailable);
        problem.more.reason = Some(reason);
        problem
    }

    /// 409 `invalid-transition`, with what would be allowed.
    pub fn transition(allowed: Vec<Trigger>) -> Problem {
        let mut problem = Problem::new(Code::InvalidTransition);
        problem.more.allowed_transitions = Some(allowed);
        problem
    }

    /// 403 `link-too-early`.
    pub fn too_early(opens_at: Timestamp) -> Problem {
        let mut problem = Problem::new(Code::LinkTooEarly);
        problem.more.opens_at = Some(opens_at);
        problem
    }

    /// With `Retry-After`.
    #[must_use]
    pub fn retry_after(mut self, wait: SignedDuration) -> Problem {
        self.more.retry_after = Some(wait);
        self
    }

    fn body(&self, language: Language, instance: &str, corr_id: &str) -> ProblemBody {
        let text = self.code.text(language);
        ProblemBody {
            kind: format!("/problems/{}", self.code.slug()),
            title: text.to_owned(),
            status: self.code.status().as_u16(),
            code: self.code,
            detail: self.more.detail.clone().unwrap_or_else(|| text.to_owned()),
            instance: instance.to_owned(),
            errors: self.more.errors.clone(),
            allowed_transitions: self.more.allowed_transitions.clone(),
            reason: self.more.reason,
            opens_at: self.more.opens_at,
            corr_id: corr_id.to_owned(),
        }
    }

    fn answer(&self, language: Language, instance: &str, corr_id: &str) -> Response {
        let body = serde_json::to_vec(&self.body(language, instance, corr_id)).unwrap_or_default();
        let kind = [(CONTENT_TYPE, "application/problem+json"), (CONTENT_LANGUAGE, language.as_str())];
        let mut response = (self.code.status(), kind, body).into_response();
        if let Some(wait) = self.more.retry_after {
            let seconds = wait.as_millis().div_euclid(1000).saturating_add(1);
            response
                .headers_mut()
                .insert(RETRY_AFTER, HeaderValue::from(i64::try_from(seconds).unwrap_or(i64::MAX)));
        }
        response
    }
}

impl IntoResponse for Problem {
    /// Without the layer ([`answer_in_language`]) it is French and names no request; the layer writes it anew.
    fn into_response(self) -> Response {
        let mut response = self.answer(Language::Fr, "", "");
        response.extensions_mut().insert(self);
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Problem {
        let code = match &error {
            StoreError::VersionConflict => Code::VersionConflict,
            StoreError::Exists | StoreError::Taken(_) => Code::Conflict,
            StoreError::Purged => Code::Purged,
            StoreError::BadCursor => return Problem::field("/cursor", "invalid"),
            StoreError::TooLarge => Code::TooLarge,
            StoreError::Engine(_) | StoreError::NotFlushed(_) => Code::Unavailable,
            StoreError::Tampered | StoreError::Unreadable | StoreError::BadId => Code::Internal,
        };
        if code.status().is_server_error() {
            tracing::error!(%error, "the store refused");
        }
        Problem::new(code)
    }
}

impl From<Exceeded> for Problem {
    fn from(exceeded: Exceeded) -> Problem {
        Problem::new(Code::QuotaExceeded).retry_after(exceeded.retry_after)
    }
}

impl From<JsonRejection> for Problem {
    /// The text of the rejection may repeat what was typed: it is left out.
    fn from(rejection: JsonRejection) -> Problem {
        Problem::new(match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Code::TooLarge,
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Code::MediaTypeNotSupported,
            StatusCode::UNPROCESSABLE_ENTITY => Code::ValidationFailed,
            _ => Code::Malformed,
        })
    }
}

impl From<QueryRejection> for Problem {
    fn from(_: QueryRejection) -> Problem {
        Problem::new(Code::Malformed)
    }
}

/// The id that joins a request, its log lines and its audit events.
#[derive(Clone, Debug)]
pub struct CorrelationId(pub String);

/// What is done for every answer of the clinic: the correlation id, problems in the caller's language, no caching.
pub async fn answer_in_language(mut request: Request, next: Next) -> Response {
    let mut id = [0; 8];
    crate::crypto::fill_random(&mut id);
    let corr_id = hex(&id);
    request.extensions_mut().insert(CorrelationId(corr_id.clone()));
    let header = request.headers().get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    let language = header.map_or(Language::Fr, Language::preferred);
    let path = instance(request.uri().path());
    let mut response = next.run(request).await;
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        let headers = std::mem::take(response.headers_mut());
        response = problem.answer(language, &path, &corr_id);
        // What others put on the refusal, such as a cookie that ends a session, stays.
        for (name, value) in headers {
            if let Some(name) = name.filter(|name| !response.headers().contains_key(name)) {
                response.headers_mut().insert(name, value);
            }
        }
    }
    let headers = response.headers_mut();
    headers.append(VARY, HeaderValue::from_static("accept-language"));
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if let Ok(value) = HeaderValue::from_str(&corr_id) {
        headers.insert(CORRELATION, value);
    }
    response
}

/// The path, without what may be a secret: parts that are neither words of ours nor ids.
fn instance(path: &str) -> String {
    let word = |part: &str| {
        part.len() < 20
            && part.bytes().all(|byte| byte.is_ascii_lowercase() || b"-.0123456789".contains(&byte))
    };
    let id = |part: &str| {
        part.split_once('_').is_some_and(|(prefix, hex)| {
            prefix.len() <= 4 && hex.len() == 32 && hex.bytes().all(|byte| byte.is_ascii_hexdigit())
        })
    };
    let parts: Vec<&str> =
        path.split('/').map(|part| if word(part) || id(part) { part } else { "-" }).collect();
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_word_of_its_own_and_two_texts() {
        let mut slugs: Vec<&str> = Code::ALL.iter().map(|code| code.slug()).collect();
        slugs.sort_unstable();
        slugs.dedup();
        assert_eq!(slugs.len(), Code::ALL.len());
        for code in Code::ALL {
            assert!(code.status().is_client_error() || code.status().is_server_error(), "{code:?}");
            assert_ne!(code.text(Language::Fr), code.text(Language::En), "{code:?}");
        }
    }

    #[test]
    fn french_is_the_default_and_the_higher_quality_wins() {
        for (header, language) in [
            ("", Language::Fr),
            ("de", Language::Fr),
            ("en-GB,fr;q=0.8", Language::En),
            ("en;q=0.3, fr-FR;q=0.8", Language::Fr),
            ("en;q=0", Language::Fr),
            ("*;q=0.1, en;q=0.2", Language::En),
        ] {
            assert_eq!(Language::preferred(header), language, "{header}");
        }
    }

    #[test]
    fn a_problem_repeats_no_secret_of_the_path() {
        let secret = crate::crypto::Secret::link();
        let path = instance(&format!("/p/v1/links/{}/session", secret.expose()));
        assert_eq!(path, "/p/v1/links/-/session");
        let id = crate::ids::ConsultationId::new(Timestamp::UNIX_EPOCH);
        assert_eq!(instance(&format!("/api/v1/consultations/{id}")), format!("/api/v1/consultations/{id}"));
        assert_eq!(instance("/api/v1/jean.martin@x.fr"), "/api/v1/-");
    }
}
