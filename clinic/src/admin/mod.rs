//! What administrators see and set: settings, people, the trail, the services outside.
//!
//! Whoever is no administrator does not learn what there would be to administer: 404.

mod adapters;
mod health;
mod legal;
mod settings;
mod trail;
mod users;

use axum::Router;
use axum::routing::{get, post, put};
use utoipa::OpenApi;

pub use health::{Adapter, Health, Noted};
pub use settings::settings;
pub(crate) use users::is_last_administrator;

use crate::Clinic;
use crate::http::authorize::{Action, Resource, authorize};
use crate::http::{Code, Problem, SignedIn, session};

pub(crate) fn router() -> Router<Clinic> {
    Router::new()
        .route("/api/v1/admin/settings", get(settings::read).patch(settings::change))
        .route("/api/v1/contact", get(settings::contact_line))
        .route("/api/v1/legal", get(legal::read))
        .route("/api/v1/retention", get(settings::retention))
        .route("/api/v1/admin/users", get(users::list))
        .route("/api/v1/admin/users/search", post(users::search))
        .route("/api/v1/admin/users/{id}", get(users::read))
        .route("/api/v1/admin/users/{id}/block", post(users::block))
        .route("/api/v1/admin/users/{id}/unblock", post(users::unblock))
        .route("/api/v1/admin/users/{id}/close", post(users::close))
        .route("/api/v1/admin/users/{id}/second-factor/reset", post(users::reset_second_factor))
        .route("/api/v1/admin/users/{id}/sessions/end", post(users::end_sessions))
        .route("/api/v1/admin/users/{id}/roles", put(users::roles))
        .route("/api/v1/admin/audit", get(trail::list))
        .route("/api/v1/admin/audit/actions", get(trail::actions))
        .route("/api/v1/admin/audit/verify", post(trail::verify))
        .route("/api/v1/admin/adapters", get(adapters::list))
        .route("/api/v1/admin/adapters/{name}/test", post(adapters::test))
}

#[derive(OpenApi)]
#[openapi(
    paths(
        settings::read,
        settings::change,
        settings::contact_line,
        legal::read,
        settings::retention,
        users::list,
        users::search,
        users::read,
        users::block,
        users::unblock,
        users::close,
        users::reset_second_factor,
        users::end_sessions,
        users::roles,
        trail::list,
        trail::actions,
        trail::verify,
        adapters::list,
        adapters::test,
    ),
    tags((name = "administration"))
)]
pub(crate) struct Api;

/// 404 for everybody who lacks the right.
pub(crate) fn require(clinic: &Clinic, signed_in: &SignedIn, action: Action) -> Result<(), Problem> {
    let actor = signed_in.actor(clinic.clock().now());
    authorize(&actor, action, &Resource::of_account(signed_in.id()), &None)
        .map_err(|_| Problem::new(Code::NotFound))
}

/// For what gives rights or takes a protection away.
fn require_presence(clinic: &Clinic, signed_in: &SignedIn) -> Result<(), Problem> {
    let since = clinic.clock().now().duration_since(signed_in.session.authenticated_at);
    if since > session::PRESENCE { Err(Problem::new(Code::ReauthenticationRequired)) } else { Ok(()) }
}

/// An administrator who is there; others do not learn that this exists.
pub(crate) fn require_admin(clinic: &Clinic, signed_in: &SignedIn) -> Result<(), Problem> {
    require(clinic, signed_in, Action::Administer)?;
    require_presence(clinic, signed_in)
}

#[cfg(test)]
mod tests;
