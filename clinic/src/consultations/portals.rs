//! What portals are told of consultations, by their webhooks.

use jiff::Timestamp;

use super::guard::Read;
use crate::hooks::{self, Happened};
use crate::model::{Consultation, Invitation, Participant, Status, Trigger};
use crate::store::{StoreError, Tx};

/// The event of a transition, if it has one: coming back, extending and writing more do not.
pub fn event_of(trigger: Trigger, before: Status, after: Status) -> Option<&'static str> {
    Some(match trigger {
        Trigger::Open => "consultation.opened",
        Trigger::Reschedule => "consultation.rescheduled",
        Trigger::Cancel => "consultation.cancelled",
        Trigger::Admit if before == Status::Open && after == Status::InProgress => "consultation.started",
        Trigger::Lose => "consultation.interrupted",
        Trigger::End | Trigger::TimeOut => "consultation.ended",
        Trigger::Close if after == Status::Expired => "consultation.expired",
        Trigger::Close => "consultation.no_show",
        Trigger::Validate => "consultation.validated",
        Trigger::Purge => "consultation.purged",
        Trigger::Admit | Trigger::Resume | Trigger::Extend | Trigger::Upgrade | Trigger::Addendum => {
            return None;
        }
    })
}

/// Something that is about the consultation as a whole.
pub fn tell(
    tx: &mut Tx<'_>,
    now: Timestamp,
    consultation: &Consultation,
    event: &str,
) -> Result<(), StoreError> {
    hooks::emit(tx, now, Happened { event, consultation, about: &[] })
}

/// Something that somebody in it did.
pub fn tell_of_participant(
    tx: &mut Tx<'_>,
    now: Timestamp,
    consultation: &Consultation,
    participant: &Participant,
    event: &str,
) -> Result<(), StoreError> {
    let about = [("participant_id", participant.id.as_str())];
    hooks::emit(tx, now, Happened { event, consultation, about: &about })
}

/// What became of a link.
pub fn tell_of_invitation(
    tx: &mut Tx<'_>,
    now: Timestamp,
    invitation: &Invitation,
    event: &str,
) -> Result<(), StoreError> {
    let Some(consultation) = tx.unpurged::<Consultation>(invitation.consultation.as_str())? else {
        return Ok(());
    };
    let about =
        [("invitation_id", invitation.id.as_str()), ("participant_id", invitation.participant.as_str())];
    hooks::emit(tx, now, Happened { event, consultation: &consultation, about: &about })
}
