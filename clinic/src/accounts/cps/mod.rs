//! The CPS card: a certificate of a professional, shown in a TLS handshake (mutual TLS).
//!
//! TLS 1.3 and HTTP/2 cannot ask for a certificate after the handshake, so the question has a listener and a host name of
//! its own; everybody else is never asked. What is accepted is judged in [`card`] during the handshake, by the
//! clinic's clock. The browser starts on the main host (`/api/v1/auth/cps/start`), comes here with the state of its
//! attempt, and is handed back by a one-time ticket that only the browser that started can redeem.
//!
//! No session is resumed here: each login is a signature of the card.

mod card;
mod listener;

use std::net::SocketAddr;
use std::path::PathBuf;

use axum::Router;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::{CACHE_CONTROL, LOCATION};
use http::{HeaderMap, HeaderValue, StatusCode};
use utoipa::OpenApi;

pub(crate) use listener::open;
pub use listener::{Listening, StartError};

use super::identity;
use super::psc::Start;
use crate::Clinic;
use crate::http::problem::ProblemBody;
use crate::http::{Code, Peer, Problem};
use crate::limits::Rate;
use crate::model::LoginMethod;

/// Settings of the card's listener.
#[derive(Clone, Debug)]
pub struct CpsConfig {
    /// Where to listen. Port 0 lets the system choose.
    pub listen: SocketAddr,
    /// How browsers reach it, without a slash at the end: `https://cps.example.org`. Empty: `https://localhost` and the port.
    pub public_url: String,
    /// PEM files of the listener's own certificate.
    pub certificate: PathBuf,
    pub key: PathBuf,
    /// PEM files of the authorities that issue cards to persons: each certificate in them is trusted by itself, so that the
    /// roots, which issue to servers as well, need not be.
    pub authorities: Vec<PathBuf>,
    /// Revocation lists, PEM or DER, read again when they change.
    pub revocation_lists: Vec<PathBuf>,
    /// Cards are accepted although the list that speaks of them has passed its `nextUpdate`.
    pub accept_stale_lists: bool,
}

/// Departures from one network address.
const FROM_ONE_ADDRESS: Rate = Rate::per_minute(30);

pub(crate) fn router() -> Router<Clinic> {
    Router::new().route("/api/v1/auth/cps/start", get(start))
}

#[derive(OpenApi)]
#[openapi(paths(start))]
pub(crate) struct Api;

/// Sends the browser to the card's host, which asks for the card.
#[utoipa::path(get, path = "/api/v1/auth/cps/start", tag = "login", params(Start), responses(
    (status = 303, description = "To the card's host; a cookie ties the coming back to this browser"),
    (status = 401, description = "That purpose needs a session", body = ProblemBody, content_type = "application/problem+json"),
    (status = 501, description = "Not configured on this server", body = ProblemBody, content_type = "application/problem+json"),
))]
async fn start(
    State(clinic): State<Clinic>,
    peer: Peer,
    Query(Start { purpose }): Query<Start>,
    mut parts: http::request::Parts,
) -> Result<Response, Problem> {
    clinic.traffic().take(clinic.clock().now(), "cps", &peer.subject(), FROM_ONE_ADDRESS)?;
    let host = clinic.cps().ok_or(Problem::new(Code::AdapterNotConfigured))?.url.clone();
    let signed_in = identity::maybe_signed_in(&mut parts, &clinic).await?;
    let wish = purpose.of(signed_in.as_ref())?;
    let started = identity::start(&clinic, LoginMethod::Cps, wish).await?;
    let to = format!("{host}/login?state={}", started.state.expose());
    let mut response = redirect(&to);
    let (name, value) = started.cookie;
    response.headers_mut().insert(name, value);
    Ok(response)
}

/// A redirect that no cache keeps and that tells the next server nothing of this one.
fn redirect(to: &str) -> Response {
    let mut headers = HeaderMap::new();
    headers.insert(LOCATION, HeaderValue::from_str(to).unwrap_or(HeaderValue::from_static("/")));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert("referrer-policy", HeaderValue::from_static("no-referrer"));
    (StatusCode::SEE_OTHER, headers).into_response()
}

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(super) use tests::show_card;
