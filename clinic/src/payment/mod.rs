//! Online payment: to the professional's own account at a provider, on the provider's page. The platform never holds money,
//! and payment never holds anything else up.
//!
//! | file | what it does |
//! |---|---|
//! | `accounts`, `admin` | a professional asks, an administrator sets up, tests and enables |
//! | `requests`, `refunds` | what the professional does with an amount |
//! | `guest` | the patient's side |
//! | `receipt` | the PDF for whoever paid |
//! | `events`, `apply` | what providers tell, proved and put into the state machine of [`crate::model::payment`] |
//! | `expiry` | a day after the end nothing is to be paid any more |
//! | `provider` | the trait; `stripe`, `payzen`, `emulator` speak like their provider |

mod accounts;
mod admin;
mod apply;
mod emulator;
mod events;
mod expiry;
mod guest;
mod payzen;
pub mod provider;
mod receipt;
mod refunds;
mod requests;
pub mod settings;
mod stripe;
#[cfg(test)]
mod tests;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post, put};
use utoipa::OpenApi;

use crate::Clinic;

/// Longest notice of a provider, in bytes. Theirs are a few thousand.
const NOTICE_BYTES_MAX: usize = 128 * 1024;

pub(crate) fn router() -> Router<Clinic> {
    Router::new()
        .route("/api/v1/me/payment-activation", get(accounts::mine).post(accounts::ask))
        .route("/api/v1/payment-accounts", get(admin::list))
        .route("/api/v1/payment-accounts/{id}", get(admin::read))
        .route("/api/v1/payment-accounts/{id}/credentials", put(admin::configure))
        .route("/api/v1/payment-accounts/{id}/test", post(admin::test))
        .route("/api/v1/payment-accounts/{id}/enable", post(admin::enable))
        .route("/api/v1/payment-accounts/{id}/disable", post(admin::disable))
        .route("/api/v1/consultations/{id}/payment-requests", get(requests::list).post(requests::create))
        .route("/api/v1/consultations/{id}/payment-requests/{payment}", get(requests::read))
        .route("/api/v1/consultations/{id}/payment-requests/{payment}/cancel", post(requests::cancel))
        .route("/api/v1/consultations/{id}/payment-requests/{payment}/retry", post(requests::retry))
        .route("/api/v1/consultations/{id}/payment-requests/{payment}/refresh", post(requests::refresh))
        .route("/api/v1/consultations/{id}/payment-requests/{payment}/refund", post(refunds::refund))
        .route("/api/v1/consultations/{id}/payment-requests/{payment}/receipt", get(receipt::receipt))
        .route(
            "/api/v1/payment-events/{provider}/{account}",
            post(events::told).layer(DefaultBodyLimit::max(NOTICE_BYTES_MAX)),
        )
        .route("/p/v1/payments", get(guest::list))
        .route("/p/v1/payments/back", get(guest::back))
        .route("/p/v1/payments/{payment}/open", post(guest::open))
        .route("/p/v1/payments/{payment}/receipt", get(receipt::guest_receipt))
}

#[derive(OpenApi)]
#[openapi(
    paths(
        accounts::mine,
        accounts::ask,
        admin::list,
        admin::read,
        admin::configure,
        admin::test,
        admin::enable,
        admin::disable,
        requests::create,
        requests::list,
        requests::read,
        requests::cancel,
        requests::retry,
        requests::refresh,
        refunds::refund,
        events::told,
        guest::list,
        guest::open,
        guest::back,
        receipt::receipt,
        receipt::guest_receipt,
    ),
    tags((name = "payment"))
)]
pub(crate) struct Api;

/// Sets the timers' handler.
pub(crate) fn install(clinic: &Clinic) {
    expiry::install(clinic);
}
