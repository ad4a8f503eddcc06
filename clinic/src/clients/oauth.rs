//! The token endpoint (OAuth 2.1, client credentials; revocation by RFC 7009). Its refusals have OAuth's shape and not
//! problem+json, since libraries of portals read that.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};
use url::form_urlencoded::parse;
use utoipa::ToSchema;

use super::access;
use crate::Clinic;
use crate::audit::{Action as Audited, ActorKind, Event, Outcome};
use crate::http::{Peer, Problem};
use crate::limits::Rate;
use crate::model::{ApiClient, Scope};
use crate::store::Versioned;

/// Requests from one network address.
const FROM_ONE_ADDRESS: Rate = Rate::per_minute(60);
/// Longest body, in bytes.
const BODY_BYTES_MAX: usize = 8 * 1024;

/// The form, for the description; both ways of naming the client are read.
#[derive(Debug, Deserialize, ToSchema)]
#[allow(
    dead_code,
    reason = "describes the form; it is read pair by pair, since a repeated name is a refusal"
)]
pub struct TokenRequest {
    /// `client_credentials`.
    grant_type: String,
    /// Words separated by spaces; absent: all of the client's.
    #[serde(default)]
    scope: Option<String>,
    /// Here or by HTTP Basic.
    #[serde(default)]
    client_id: Option<String>,
    #[serde(default)]
    client_secret: Option<String>,
}

/// A token.
#[derive(Debug, Serialize, ToSchema)]
pub struct TokenBody {
    /// Opaque.
    access_token: String,
    /// `Bearer`.
    token_type: &'static str,
    /// Seconds.
    expires_in: i64,
    scope: String,
}

/// A refusal as OAuth writes it (RFC 6749, 5.2).
#[derive(Debug, Serialize, ToSchema)]
pub struct OauthError {
    /// `invalid_client`, `invalid_request`, `invalid_scope`, `unsupported_grant_type`.
    error: &'static str,
}

/// What comes in.
struct Form {
    pairs: Vec<(String, String)>,
}

impl Form {
    /// `None` for another kind of body, and for a name that stands twice (RFC 6749, 3.2).
    fn read(headers: &HeaderMap, body: &Bytes) -> Option<Form> {
        let kind = headers.get(CONTENT_TYPE)?.to_str().ok()?;
        if !kind.starts_with("application/x-www-form-urlencoded") || body.len() > BODY_BYTES_MAX {
            return None;
        }
        let mut pairs: Vec<(String, String)> = Vec::new();
        for (name, value) in parse(body) {
            if pairs.iter().any(|(known, _)| *known == name) {
                return None;
            }
            pairs.push((name.into_owned(), value.into_owned()));
        }
        Some(Form { pairs })
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}

/// Id and secret, by HTTP Basic (both form-encoded inside, RFC 6749, 2.3.1) or in the form; not by both.
fn credentials(headers: &HeaderMap, form: &Form) -> Option<(String, String)> {
    let in_form = form.get("client_id").zip(form.get("client_secret"));
    match headers.get(AUTHORIZATION) {
        None => in_form.map(|(id, secret)| (id.to_owned(), secret.to_owned())),
        Some(_) if form.get("client_secret").is_some() => None,
        Some(header) => {
            let encoded = header.to_str().ok()?.strip_prefix("Basic ")?;
            let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
            let (id, secret) = text.split_once(':')?;
            let decode = |text: &str| {
                let pair = format!("x={text}");
                parse(pair.as_bytes()).next().map(|(_, value)| value.into_owned())
            };
            Some((decode(id)?, decode(secret)?))
        }
    }
}

fn refusal(status: StatusCode, error: &'static str) -> Response {
    let mut response = (status, axum::Json(OauthError { error })).into_response();
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"chevet\""));
    }
    response
}

enum Refused {
    Answer(Box<Response>),
    Problem(Problem),
}

async fn authenticate(
    clinic: &Clinic,
    peer: Peer,
    headers: &HeaderMap,
    form: &Form,
) -> Result<Versioned<ApiClient>, Refused> {
    let found = match credentials(headers, form) {
        None => None,
        Some((id, secret)) => access::of_secret(clinic, &secret)
            .map_err(|error| Refused::Problem(error.into()))?
            .filter(|client| client.id.as_str() == id && client.disabled_at.is_none()),
    };
    if let Some(client) = found {
        return Ok(client);
    }
    let event = Event::new(clinic.clock().now(), Audited::AuthLoginFail)
        .by(ActorKind::Anonymous, None)
        .from_address(peer.0)
        .with(Outcome::Failed, "client-credentials");
    clinic.store().write(|tx| tx.audit(&event)).await.map_err(|error| Refused::Problem(error.into()))?;
    Err(Refused::Answer(Box::new(refusal(StatusCode::UNAUTHORIZED, "invalid_client"))))
}

/// Gives a token for a client's id and secret.
#[utoipa::path(post, path = "/api/v1/oauth/token", tag = "portals",
    request_body(content = TokenRequest, content_type = "application/x-www-form-urlencoded"), responses(
        (status = 200, description = "A token", body = TokenBody),
        (status = 400, description = "Not understood, or a scope that the client lacks", body = OauthError),
        (status = 401, description = "Unknown client or wrong secret", body = OauthError),
    ))]
pub(super) async fn token(
    State(clinic): State<Clinic>,
    peer: Peer,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    clinic.traffic().take(clinic.clock().now(), "oauth", &peer.subject(), FROM_ONE_ADDRESS)?;
    let bad = |error| Ok(refusal(StatusCode::BAD_REQUEST, error));
    let Some(form) = Form::read(&headers, &body) else { return bad("invalid_request") };
    let client = match authenticate(&clinic, peer, &headers, &form).await {
        Ok(client) => client,
        Err(Refused::Answer(answer)) => return Ok(*answer),
        Err(Refused::Problem(problem)) => return Err(problem),
    };
    match form.get("grant_type") {
        Some("client_credentials") => {}
        Some(_) => return bad("unsupported_grant_type"),
        None => return bad("invalid_request"),
    }
    let wanted: Option<Vec<Scope>> = match form.get("scope").map(str::trim).filter(|scope| !scope.is_empty())
    {
        None => Some(client.scopes.clone()),
        Some(words) => words
            .split_ascii_whitespace()
            .map(|word| client.scopes.iter().find(|scope| scope.as_str() == word).copied())
            .collect(),
    };
    let Some(scopes) = wanted else { return bad("invalid_scope") };
    let scope = scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(" ");
    let token = clinic.store().write(|tx| access::issue(&clinic, tx, &client.value.id, scopes)).await?;
    let body = TokenBody {
        access_token: token.expose().to_owned(),
        token_type: "Bearer",
        expires_in: access::TOKEN_LIFE.as_secs(),
        scope,
    };
    Ok(([(CACHE_CONTROL, "no-store")], axum::Json(body)).into_response())
}

/// The form, for the description.
#[derive(Debug, Deserialize, ToSchema)]
#[allow(dead_code, reason = "describes the form")]
pub struct RevocationRequest {
    token: String,
    #[serde(default)]
    client_id: Option<String>,
    #[serde(default)]
    client_secret: Option<String>,
}

/// Ends a token of the client (RFC 7009). The same answer for one that is over or never was.
#[utoipa::path(post, path = "/api/v1/oauth/revoke", tag = "portals",
    request_body(content = RevocationRequest, content_type = "application/x-www-form-urlencoded"), responses(
        (status = 200, description = "Over"),
        (status = 400, description = "Not understood", body = OauthError),
        (status = 401, description = "Unknown client or wrong secret", body = OauthError),
    ))]
pub(super) async fn revoke(
    State(clinic): State<Clinic>,
    peer: Peer,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    clinic.traffic().take(clinic.clock().now(), "oauth", &peer.subject(), FROM_ONE_ADDRESS)?;
    let Some(form) = Form::read(&headers, &body) else {
        return Ok(refusal(StatusCode::BAD_REQUEST, "invalid_request"));
    };
    let client = match authenticate(&clinic, peer, &headers, &form).await {
        Ok(client) => client,
        Err(Refused::Answer(answer)) => return Ok(*answer),
        Err(Refused::Problem(problem)) => return Err(problem),
    };
    let Some(token) = form.get("token") else {
        return Ok(refusal(StatusCode::BAD_REQUEST, "invalid_request"));
    };
    clinic.store().write(|tx| access::revoke(&clinic, tx, &client.value.id, token)).await?;
    Ok(StatusCode::OK.into_response())
}
