//! The room at `control`: made, ended and cleared of whoever has no place in it, by a job that tries until it works.

use jiff::SignedDuration;

use super::guard::Read;
use super::presence;
use crate::Clinic;
use crate::clock::JobError;
use crate::control::{ControlError, NewRoom};
use crate::model::machine::GRACE;
use crate::model::{Consultation, Participant};

/// Makes the room what the consultation says: there while it is live, with nobody in it but those who were let in, and gone
/// otherwise.
pub async fn reconcile(clinic: &Clinic, id: &str) -> Result<(), JobError> {
    let Some(consultation) = clinic.store().unpurged::<Consultation>(id)? else { return Ok(()) };
    let Some(room) = consultation.room.clone() else { return Ok(()) };
    let control = clinic.control();
    let asked_at = clinic.clock().now();
    let outcome = async {
        if !consultation.status.is_live() {
            return control.close_room(&room).await.map(|()| None);
        }
        control.open_room(&new_room(clinic, &consultation, &room)).await?;
        let mut here = control.participants(&room).await?;
        let known = clinic.store().participants(&consultation.id).unwrap_or_default();
        let welcome = |identity: &str| {
            known.iter().any(|one: &crate::store::Versioned<Participant>| {
                one.id.as_str() == identity && one.is_admitted()
            })
        };
        for one in here.iter().filter(|one| !welcome(&one.identity)) {
            control.remove(&room, &one.identity).await?;
        }
        here.retain(|one| welcome(&one.identity));
        Ok::<_, ControlError>(Some(here))
    };
    match outcome.await {
        Ok(None) => Ok(()),
        Ok(Some(here)) => presence::reconcile(clinic, &consultation, asked_at, &here)
            .await
            .map_err(|problem| failed(problem.code.slug(), None)),
        // The server that it is part of may still be starting; people wait meanwhile.
        Err(error) => Err(failed(error.word(), Some(SignedDuration::from_secs(2)))),
    }
}

fn failed(reason: &str, retry_in: Option<SignedDuration>) -> JobError {
    JobError { reason: reason.to_owned(), retry_in }
}

/// A room that stays as long as anybody may come back.
pub fn new_room(clinic: &Clinic, consultation: &Consultation, name: &str) -> NewRoom {
    let left = consultation.closes_at().duration_since(clinic.clock().now()).saturating_add(GRACE);
    let seconds = u32::try_from(left.as_secs()).unwrap_or(0).max(60);
    NewRoom { name: name.to_owned(), empty_timeout_s: seconds, departure_timeout_s: seconds }
}
