//! Accounts: from registration to the session of a logged-in professional.
//!
//! Nobody can find out here whether an address has an account: answers, their times and the rate limits are the same.

mod approval;
mod closing;
pub mod cps;
mod devices;
mod identity;
mod login;
mod me;
mod mfa;
pub mod psc;
mod registration;
mod secrets;
mod sessions;
pub mod totp;

use axum::Router;
use axum::routing::{get, post};
use tokio::sync::Semaphore;
use utoipa::OpenApi;

pub use approval::activate;
pub(crate) use closing::erase;
pub use login::SessionBody;
pub use me::require_tool;
pub use secrets::MailedPurpose;

use crate::Clinic;
use crate::http::{Code, Problem};
use crate::model::retention::Kept;
use crate::store::{StoreError, Tx};

/// Version of the terms that a registration accepts.
pub const TERMS_VERSION: &str = "2026-11";

/// Hashes of passwords that are computed at one time: each takes 19 MiB and a core for some tens of milliseconds.
static HASHING: Semaphore = Semaphore::const_new(2);

pub(crate) fn router() -> Router<Clinic> {
    Router::new()
        .route("/api/v1/registrations", post(registration::register).get(approval::list))
        .route("/api/v1/registrations/confirm", post(registration::confirm))
        .route("/api/v1/registrations/resend", post(registration::resend))
        .route("/api/v1/registrations/{id}/decision", post(approval::decide))
        .route("/api/v1/professions", get(registration::professions))
        .route("/api/v1/auth/password", post(login::password))
        .route("/api/v1/auth/password/forgot", post(login::forgot))
        .route("/api/v1/auth/password/reset", post(login::reset))
        .route("/api/v1/auth/mfa", post(mfa::second_factor))
        .route("/api/v1/auth/mfa/enrolment", post(mfa::enrol))
        .route("/api/v1/auth/mfa/enrolment/confirm", post(mfa::confirm))
        .route("/api/v1/auth/mfa/recovery-codes", post(mfa::new_recovery_codes))
        .route("/api/v1/auth/session", get(login::session))
        .route("/api/v1/auth/reauthenticate", post(mfa::reauthenticate))
        .route("/api/v1/auth/logout", post(login::logout))
        .route("/api/v1/me", get(me::me).patch(me::change).delete(closing::close))
        .route("/api/v1/me/interests", get(me::interests).put(me::set_interests))
        .route("/api/v1/me/sessions", get(sessions::list).delete(sessions::end_others))
        .route("/api/v1/me/sessions/{id}", axum::routing::delete(sessions::end))
        .route("/api/v1/me/password", axum::routing::put(login::change_password))
        .merge(identity::router())
        .merge(psc::router())
        .merge(cps::router())
}

#[derive(OpenApi)]
#[openapi(
    paths(
        registration::register,
        registration::confirm,
        registration::resend,
        approval::list,
        approval::decide,
        registration::professions,
        login::password,
        login::forgot,
        login::reset,
        login::change_password,
        login::session,
        login::logout,
        mfa::second_factor,
        mfa::enrol,
        mfa::confirm,
        mfa::new_recovery_codes,
        mfa::reauthenticate,
        me::me,
        me::change,
        closing::close,
        me::interests,
        me::set_interests,
        sessions::list,
        sessions::end,
        sessions::end_others,
    ),
    tags((name = "registration"), (name = "login"), (name = "me"))
)]
pub(crate) struct Api;

/// The descriptions of this part of the API.
pub(crate) fn descriptions() -> [utoipa::openapi::OpenApi; 4] {
    [Api::openapi(), identity::Api::openapi(), psc::Api::openapi(), cps::Api::openapi()]
}

/// Deletes mailed secrets that have expired, registrations that nobody confirmed and the shells of closed accounts. For a
/// timer. `keeps`: how long what is kept.
pub(crate) fn sweep(
    tx: &mut Tx<'_>,
    now: jiff::Timestamp,
    keeps: impl Fn(Kept) -> jiff::SignedDuration,
) -> Result<usize, StoreError> {
    let sweeps = [secrets::sweep, identity::sweep, psc::sweep, devices::sweep];
    let swept = registration::sweep_unverified(tx, now, keeps(Kept::UnverifiedRegistration))?
        .saturating_add(closing::sweep(tx, now, keeps(Kept::ClosedAccount))?);
    sweeps.into_iter().try_fold(swept, |swept: usize, sweep| Ok(swept.saturating_add(sweep(tx, now)?)))
}

/// Runs something slow off the threads that answer requests.
async fn slow<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
    let _turn = HASHING.acquire().await.map_err(|_| Problem::new(Code::Unavailable))?;
    tokio::task::spawn_blocking(work).await.map_err(|_| Problem::new(Code::Internal))
}

#[cfg(test)]
mod tests;
