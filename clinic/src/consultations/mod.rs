//! Consultations: from the appointment to the purge, links and waiting room, and who is in the call.
//!
//! | file | what it does |
//! |---|---|
//! | `guard` | who comes, with what rights: every handler begins there |
//! | `step` | the state machine in the store, with effects, timers and trail |
//! | `timers`, `rooms`, `presence` | what happens by itself: by the clock, at `control`, by its events |
//! | `create`, `change`, `list`, `view`, `input` | the API of consultations |
//! | `patients`, `facilities`, `invitations`, `letters` | what belongs to them |
//! | `room`, `stream` | waiting room and live hints, for professionals |
//! | `links`, `guest`, `device`, `consent` | the way of a guest, `/p/v1` |
//! | `portals` | what webhooks tell of it |
//! | `support`, `feedback` | what support sees of it, what guests say of it |
//! | `incidents`, `purge` | for the report; the end of what is kept |

mod change;
pub mod consent;
mod create;
mod device;
mod facilities;
mod feedback;
pub mod guard;
pub mod guest;
pub mod incidents;
mod input;
mod invitations;
mod letters;
mod links;
mod list;
pub mod live;
pub mod note;
mod patients;
pub(crate) mod portals;
mod presence;
mod purge;
mod room;
mod rooms;
pub mod step;
mod stream;
mod support;
pub mod timers;
mod view;

use axum::Router;
use axum::routing::{get, patch, post, put};
use jiff::{SignedDuration, Timestamp};
use utoipa::OpenApi;

pub use change::lengthen;
pub use guard::{Access, Read, consultation_for};
pub use letters::{display_name, documents_available, payment_requested, readable_until};
pub use live::{Live, What};
pub use note::{event, note};
pub(crate) use purge::erase_patient;
pub use step::{Given, save, step};
pub use support::{SupportView, for_support, resend_for_support};
pub use view::InvitationBody;

use crate::Clinic;
use crate::ids::InvitationId;
use crate::model::{Consultation, Invitation};
use crate::store::{IndexKey, Query, StoreError, Tx};

pub(crate) fn router() -> Router<Clinic> {
    Router::new()
        .route("/api/v1/consultations", get(list::list).post(create::create))
        .route("/api/v1/consultations/events", get(stream::of_all))
        .route("/api/v1/consultations/{id}", get(list::get).patch(change::patch))
        .route("/api/v1/consultations/{id}/cancel", post(change::cancel))
        .route("/api/v1/consultations/{id}/extend", post(change::extend))
        .route("/api/v1/consultations/{id}/end", post(change::end))
        .route("/api/v1/consultations/{id}/upgrade", post(change::upgrade))
        .route("/api/v1/consultations/{id}/purge", post(change::purge))
        .route("/api/v1/consultations/{id}/replan", post(change::replan))
        .route("/api/v1/consultations/{id}/lock", put(room::lock))
        .route("/api/v1/consultations/{id}/events", get(stream::of_one))
        .route("/api/v1/consultations/{id}/media-token", post(room::token))
        .route("/api/v1/consultations/{id}/waiting", post(room::wait))
        .route("/api/v1/consultations/{id}/participants", get(room::list))
        .route("/api/v1/consultations/{id}/participants/{participant}", patch(room::rights))
        .route("/api/v1/consultations/{id}/participants/{participant}/admit", post(room::admit))
        .route("/api/v1/consultations/{id}/participants/{participant}/deny", post(room::deny))
        .route("/api/v1/consultations/{id}/participants/{participant}/send-back", post(room::send_back))
        .route("/api/v1/consultations/{id}/participants/{participant}/remove", post(room::remove))
        .route("/api/v1/consultations/{id}/invitations", get(invitations::list).post(invitations::invite))
        .route(
            "/api/v1/consultations/{id}/invitations/{invitation}",
            axum::routing::delete(invitations::revoke),
        )
        .route("/api/v1/consultations/{id}/invitations/{invitation}/resend", post(invitations::resend))
        .route("/api/v1/consultations/{id}/invitations/{invitation}/link", post(invitations::link))
        .route("/api/v1/patients/search", post(patients::search))
        .route("/api/v1/patients/{id}", get(patients::get).patch(patients::change).delete(patients::erase))
        .route("/api/v1/patients/{id}/nir", post(patients::see_nir))
        .route("/api/v1/patients/{id}/identity-check", post(patients::check_identity))
        .route("/api/v1/patients/{id}/export", get(patients::export))
        .route("/api/v1/facilities", get(facilities::list).post(facilities::create))
        .route(
            "/api/v1/facilities/{id}",
            get(facilities::get).put(facilities::change).delete(facilities::remove),
        )
        .route("/api/v1/control-events", post(stream::control_event))
        .route("/api/v1/consultations/{id}/feedback", get(feedback::list))
        .route("/p/v1/feedback", post(feedback::give))
        .route("/p/v1/links/look", post(links::look))
        .route("/p/v1/links/session", post(links::enter))
        .route("/p/v1/session", get(links::again))
        .route("/p/v1/identity", post(guest::identity))
        .route("/p/v1/consent", get(guest::consent_text).post(guest::agree))
        .route("/p/v1/location", post(guest::location))
        .route("/p/v1/device-check", post(device::device_check))
        .route("/p/v1/waiting", post(guest::wait))
        .route("/p/v1/events", get(stream::of_guest))
        .route("/p/v1/media-token", post(guest::media_token))
        .route("/p/v1/leave", post(guest::leave))
}

#[derive(OpenApi)]
#[openapi(
    paths(
        create::create,
        list::list,
        list::get,
        change::patch,
        change::cancel,
        change::extend,
        change::end,
        change::upgrade,
        change::purge,
        change::replan,
        invitations::list,
        invitations::invite,
        invitations::resend,
        invitations::link,
        invitations::revoke,
        room::list,
        room::admit,
        room::deny,
        room::send_back,
        room::remove,
        room::rights,
        room::lock,
        room::wait,
        room::token,
        stream::of_one,
        stream::of_all,
        stream::of_guest,
        stream::control_event,
        patients::search,
        patients::get,
        patients::change,
        patients::see_nir,
        patients::check_identity,
        patients::export,
        patients::erase,
        facilities::list,
        facilities::create,
        facilities::get,
        facilities::change,
        facilities::remove,
        feedback::list,
        feedback::give,
        links::look,
        links::enter,
        links::again,
        guest::identity,
        guest::consent_text,
        guest::agree,
        guest::location,
        device::device_check,
        guest::wait,
        guest::media_token,
        guest::leave,
    ),
    tags(
        (name = "consultations"),
        (name = "invitations"),
        (name = "waiting room"),
        (name = "patients"),
        (name = "facilities"),
        (name = "guest")
    )
)]
pub(crate) struct Api;

/// Deletes what was left of consultations that were purged long ago. For a timer.
pub(crate) fn sweep(tx: &mut Tx<'_>, now: Timestamp, life: SignedDuration) -> Result<usize, StoreError> {
    let oldest = IndexKey::new().time(now.saturating_sub(life).unwrap_or(Timestamp::MIN));
    let purged = IndexKey::new().text(crate::model::Status::Purged.as_str());
    let old = tx.list::<Consultation>(&Query::new("status", purged).until(oldest).limit(500))?.items;
    for tombstone in &old {
        tx.delete::<Consultation>(&tombstone.id)?;
    }
    Ok(old.len())
}

/// Timers, and the lights of invitations by what the outbox says.
pub(crate) async fn install(clinic: &Clinic) -> Result<(), StoreError> {
    timers::install(clinic).await?;
    let weak = clinic.downgrade();
    let (mut changes, mut stopping) = (clinic.outbox().changes(), clinic.stopping());
    clinic.spawn(async move {
        loop {
            let about = tokio::select! {
                _ = stopping.wait_for(|stop| *stop) => return,
                about = changes.recv() => about,
            };
            let Some(clinic) = weak.upgrade() else { return };
            // Behind, a light comes on a little later: with the next look at the page.
            let Ok(about) = about else { continue };
            let Ok(id) = about.parse::<InvitationId>() else { continue };
            // Portals are told of it in the same transaction.
            clinic.outbox().wake();
            let store = clinic.store();
            if let Ok(Some(invitation)) = store.get::<Invitation>(&id)
                && let Ok(Some(consultation)) = store.get::<Consultation>(&invitation.consultation)
            {
                clinic.live().tell_about(&consultation, What::Invitations, &invitation.participant);
            }
        }
    });
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests;
