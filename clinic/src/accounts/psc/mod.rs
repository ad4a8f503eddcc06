//! Pro Santé Connect: OpenID Connect's code flow (OpenID Connect Core 1.0) with PKCE, state and nonce, as the national
//! service of the French health authorities speaks it.
//!
//! Its discovery document does not stand where the standard puts it, and its authorization host is not its issuer's: both
//! come from the configured discovery address. What it vouches for is judged in [`token`]: signature, `iss`, `aud`, `exp`,
//! `nonce` and the `acr` that says how the professional proved to be there.
//!
//! The flow is small and written here: the usual crate for it brings a second set of cryptography, among it an RSA
//! implementation with an open timing advisory.

mod backchannel;
mod callback;
mod claims;
pub(super) mod logout;
mod provider;
mod token;

use std::path::PathBuf;

use axum::Router;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::{CACHE_CONTROL, LOCATION};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use utoipa::{IntoParams, OpenApi};

pub use provider::Provider;

use super::identity::{self, WishWord};
use crate::Clinic;
use crate::crypto::Secret;
use crate::http::problem::ProblemBody;
use crate::http::{Code, Peer, Problem};
use crate::limits::Rate;
use crate::model::LoginMethod;

/// Settings of Pro Santé Connect.
#[derive(Clone, Debug)]
pub struct PscConfig {
    /// Of the discovery document, with its path.
    pub discovery_url: String,
    pub client_id: String,
    pub credentials: Credentials,
    /// The level that is asked for and checked: `eidas1`.
    pub acr: String,
    /// PEM file of authorities trusted for this service besides the usual ones.
    pub ca: Option<PathBuf>,
}

/// How this server proves to the provider who it is.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// `client_secret_basic` or `client_secret_post`, whichever the provider offers.
    Secret(Secret),
    /// `private_key_jwt` (RFC 7523): PEM, RSA or P-256.
    PrivateKey(Secret),
}

/// Departures and arrivals from one network address.
const FROM_ONE_ADDRESS: Rate = Rate::per_minute(30);

pub(crate) fn router() -> Router<Clinic> {
    Router::new()
        .route("/api/v1/auth/psc/start", get(start))
        .route("/api/v1/auth/psc/callback", get(callback::callback))
        .route("/api/v1/auth/psc/backchannel-logout", post(backchannel::logout))
}

#[derive(OpenApi)]
#[openapi(paths(start, callback::callback, backchannel::logout))]
pub(crate) struct Api;

/// Deletes what is left of sessions that are over. For a timer.
pub(super) fn sweep(
    tx: &mut crate::store::Tx<'_>,
    now: jiff::Timestamp,
) -> Result<usize, crate::store::StoreError> {
    Ok(logout::sweep(tx, now)?.saturating_add(backchannel::sweep(tx, now)?))
}

/// Where the provider sends the browser back to; registered there.
fn redirect_uri(clinic: &Clinic) -> String {
    format!("{}/api/v1/auth/psc/callback", clinic.config().public_url)
}

/// A redirect that no cache keeps and that tells the next server nothing of this one.
fn leave_for(to: &str, cookie: Option<(http::HeaderName, http::HeaderValue)>) -> Response {
    let mut headers = HeaderMap::new();
    match http::HeaderValue::from_str(to) {
        Ok(to) => headers.insert(LOCATION, to),
        Err(_) => return Problem::new(Code::ProviderUnavailable).into_response(),
    };
    headers.insert(CACHE_CONTROL, http::HeaderValue::from_static("no-store"));
    headers.insert("referrer-policy", http::HeaderValue::from_static("no-referrer"));
    if let Some((name, value)) = cookie {
        headers.insert(name, value);
    }
    (StatusCode::SEE_OTHER, headers).into_response()
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Start {
    /// What it is for; `login` unless said.
    #[serde(default)]
    pub(super) purpose: WishWord,
}

/// Sends the browser to Pro Santé Connect.
#[utoipa::path(get, path = "/api/v1/auth/psc/start", tag = "login", params(Start), responses(
    (status = 303, description = "To the provider; a cookie ties the coming back to this browser"),
    (status = 401, description = "That purpose needs a session", body = ProblemBody, content_type = "application/problem+json"),
    (status = 501, description = "Not configured on this server", body = ProblemBody, content_type = "application/problem+json"),
    (status = 503, description = "The provider does not answer", body = ProblemBody, content_type = "application/problem+json"),
))]
async fn start(
    State(clinic): State<Clinic>,
    peer: Peer,
    Query(Start { purpose }): Query<Start>,
    mut parts: http::request::Parts,
) -> Result<Response, Problem> {
    let now = clinic.clock().now();
    clinic.traffic().take(now, "psc", &peer.subject(), FROM_ONE_ADDRESS)?;
    let provider = clinic.psc().ok_or(Problem::new(Code::AdapterNotConfigured))?;
    let signed_in = identity::maybe_signed_in(&mut parts, &clinic).await?;
    let wish = purpose.of(signed_in.as_ref())?;
    let metadata = provider.metadata(now).await?;
    let started = identity::start(&clinic, LoginMethod::Psc, wish).await?;
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(started.attempt.verifier.as_bytes()));
    let mut url = provider::endpoint(&metadata.authorization_endpoint)?;
    {
        let mut query = url.query_pairs_mut();
        query
            .append_pair("response_type", "code")
            .append_pair("client_id", &provider.config().client_id)
            .append_pair("redirect_uri", &redirect_uri(&clinic))
            .append_pair("scope", "openid scope_all")
            .append_pair("acr_values", &provider.config().acr)
            .append_pair("state", started.state.expose())
            .append_pair("nonce", &started.attempt.nonce)
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256");
        if purpose != WishWord::Login {
            // Whoever is to prove presence is not to be let through by an old session over there.
            query.append_pair("prompt", "login").append_pair("max_age", "0");
        }
    }
    Ok(leave_for(url.as_str(), Some(started.cookie)))
}
