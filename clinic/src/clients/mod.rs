//! API clients: portals that plan consultations, hear of them by webhooks and show them in a frame.
//!
//! An administrator makes a client, with scopes and, if it is to act for some professionals only, their accounts. Its secret
//! is shown once and kept as a hash. With it the portal gets short-lived tokens (OAuth 2.1, client credentials) or, for
//! portals that cannot, calls with the secret itself. What a client may do is decided where everybody's rights are
//! decided, in [`crate::http::authorize`]; [`require`] is for what is no consultation.

pub mod access;
mod admin;
mod embed;
mod oauth;

use axum::Router;
use axum::routing::{get, post};
use utoipa::OpenApi;

pub use access::require;
pub use embed::{BEARER_PREFIX, frame_ancestors, within};

use crate::Clinic;
use crate::store::{StoreError, Tx};

pub(crate) fn router() -> Router<Clinic> {
    Router::new()
        .route("/api/v1/oauth/token", post(oauth::token))
        .route("/api/v1/oauth/revoke", post(oauth::revoke))
        .route("/api/v1/api-clients", get(admin::list).post(admin::create))
        .route("/api/v1/api-clients/{id}", get(admin::read).patch(admin::change))
        .route("/api/v1/api-clients/{id}/secrets", post(admin::rotate))
        .route("/api/v1/api-clients/{id}/secrets/retire", post(admin::retire))
        .route("/api/v1/embed-sessions", post(embed::create))
        .route("/api/v1/embed-sessions/redeem", post(embed::redeem))
}

#[derive(OpenApi)]
#[openapi(
    paths(
        oauth::token,
        oauth::revoke,
        admin::list,
        admin::create,
        admin::read,
        admin::change,
        admin::rotate,
        admin::retire,
        embed::create,
        embed::redeem,
    ),
    tags((name = "portals"))
)]
pub(crate) struct Api;

/// Deletes tokens and embed links that have expired. For a timer.
pub(crate) fn sweep(tx: &mut Tx<'_>, now: jiff::Timestamp) -> Result<usize, StoreError> {
    Ok(access::sweep(tx, now)?.saturating_add(embed::sweep(tx, now)?))
}

#[cfg(test)]
mod tests;
