//! The API: `/api/v1` for professionals, administrators and portals, `/p/v1` for whoever came by an invitation.
//!
//! Each module of the clinic brings a `router() -> Router<Clinic>` with its full paths and an OpenAPI fragment; both are
//! named here, once.

pub mod authorize;
mod code;
pub mod etag;
mod extract;
pub mod idempotent;
mod openapi;
pub mod page;
pub mod peer;
pub mod problem;
pub mod session;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use axum::{Router, middleware};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use serde::Serialize;
use utoipa::{OpenApi, ToSchema};

pub use authorize::{Action, Actor, Denied, authorize};
pub use etag::{IfMatch, etag};
pub use extract::{Json, Path, Query};
pub use openapi::openapi;
pub use page::{PageBody, PageQuery};
pub use peer::Peer;
pub use problem::{Code, CorrelationId, Language, Problem};
pub use session::{Caller, Guest, HalfSignedIn, SignedIn};

use crate::Clinic;
use crate::{accounts, admin, clients, consultations, hooks, messages, support};

/// Everything below `/api/v1` and `/p/v1`.
pub(crate) fn router(clinic: Clinic) -> Router {
    Router::new()
        .merge(own())
        .merge(accounts::router())
        .merge(admin::router())
        .merge(support::router())
        .merge(clients::router())
        .merge(hooks::router())
        .merge(consultations::router())
        .merge(messages::router())
        .merge(crate::payment::router())
        .merge(crate::documents::router())
        .merge(crate::form::router())
        .merge(crate::report::router())
        .merge(crate::seal::router())
        .merge(crate::export::router())
        .merge(crate::fhir::facade::router())
        .route("/api/v1/{*rest}", any(nothing))
        .route("/p/v1/{*rest}", any(nothing))
        .method_not_allowed_fallback(async || Problem::new(Code::MethodNotAllowed))
        .layer(middleware::from_fn(session::refuse_cross_site))
        .layer(middleware::from_fn(problem::answer_in_language))
        .with_state(clinic)
}

fn own() -> Router<Clinic> {
    Router::new().route("/api/v1/openapi.json", get(description)).route("/api/v1/status", get(status))
}

async fn nothing() -> Problem {
    Problem::new(Code::NotFound)
}

async fn description() -> Response {
    ([(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-cache")], openapi()).into_response()
}

/// Which parts of the clinic can be used on this server.
#[derive(Debug, Serialize, ToSchema)]
struct StatusBody {
    /// The server's time.
    #[schema(value_type = String, format = DateTime)]
    now: jiff::Timestamp,
    /// Mail is sent.
    email: bool,
    /// Short messages are sent.
    sms: bool,
    /// Providers for online payment that can be set up.
    payment: Vec<crate::model::Provider>,
}

/// What works here: adapters without configuration are told, not hidden.
#[utoipa::path(get, path = "/api/v1/status", tag = "server", responses(
    (status = 200, description = "What works here", body = StatusBody),
))]
async fn status(State(clinic): State<Clinic>) -> axum::Json<StatusBody> {
    axum::Json(StatusBody {
        now: clinic.clock().now(),
        email: clinic.outbox().can_send(crate::outbox::Channel::Email),
        sms: clinic.outbox().can_send(crate::outbox::Channel::Sms),
        payment: clinic.config().payment.providers(),
    })
}

#[derive(OpenApi)]
#[openapi(paths(status), components(schemas(problem::ProblemBody)), tags((name = "server")))]
struct Api;

#[cfg(test)]
mod tests;
