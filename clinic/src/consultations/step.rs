//! From state to state in the store: the pure [`transition`], its effects, the timers and the audit trail, in one
//! transaction.

use jiff::{SignedDuration, Timestamp};

use super::guard::Read;
use super::note::event;
use super::{incidents, letters, portals, purge, timers};
use crate::Clinic;
use crate::admin::settings;
use crate::audit::Action as Audited;
use crate::clock::{Job, Schedule};
use crate::crypto::Secret;
use crate::http::{Actor, Code, Problem};
use crate::model::machine::{self, Moment, Next, Refused};
use crate::model::retention::Kept;
use crate::model::{
    Consultation, Effect, EndReason, IncidentKind, Participant, ParticipantRole, Status, Trigger, transition,
};
use crate::store::{StoreError, Tx, Versioned};

/// What the guards ask for and the records do not say.
#[derive(Clone, Debug, Default)]
pub struct Given {
    /// With [`Trigger::Reschedule`] and [`Trigger::Extend`].
    pub slot: Option<(Timestamp, Timestamp)>,
    pub consent: bool,
    pub form_complete: bool,
    pub reauthenticated: bool,
    /// The owner says "erase now".
    pub purge_insisted: bool,
    pub end_reason: Option<EndReason>,
}

/// The facts of this moment.
pub fn moment(
    now: Timestamp,
    consultation: &Consultation,
    participants: &[Versioned<Participant>],
    given: &Given,
) -> Moment {
    let (slot_start, slot_end) = given.slot.unwrap_or((consultation.slot_start, consultation.slot_end));
    let patient_side = || participants.iter().filter(|participant| participant.role.is_patient_side());
    let owner = participants.iter().find(|participant| participant.role == ParticipantRole::Owner);
    Moment {
        now,
        slot_start,
        slot_end,
        early: SignedDuration::from_mins(consultation.early_minutes.into()),
        late: SignedDuration::from_mins(consultation.late_minutes.into()),
        status_since: consultation.status_since,
        admitted: patient_side().any(|participant| participant.admitted_at.is_some()),
        professional_present: owner.is_some_and(|owner| owner.is_connected()),
        professional_came: consultation.professional_came,
        patient_present: patient_side().any(|participant| participant.is_connected()),
        consent: given.consent,
        form_complete: given.form_complete,
        reauthenticated: given.reauthenticated,
        purge_announced: given.purge_insisted || purge::is_announced(consultation),
    }
}

/// Moves `consultation` by `trigger` and does what follows from it, as far as it can be done in a transaction; the room at
/// `control` follows by a job. Tell [`super::Live`] and wake the scheduler after it. 409 `invalid-transition` with what
/// would be allowed when it cannot be.
pub fn step(
    clinic: &Clinic,
    tx: &mut Tx<'_>,
    actor: &Actor,
    consultation: &mut Versioned<Consultation>,
    trigger: Trigger,
    given: &Given,
) -> Result<Next, Problem> {
    let now = clinic.clock().now();
    let participants = tx.participants(&consultation.id)?;
    let moment = moment(now, consultation, &participants, given);
    let next = transition(consultation.kind, consultation.status, trigger, &moment)
        .map_err(|refused| refusal(refused, consultation, &moment))?;
    let told = portals::event_of(trigger, consultation.status, next.status);
    if next.status != consultation.status {
        consultation.status = next.status;
        consultation.status_since = now;
    }
    if let Some((start, end)) = given.slot {
        (consultation.slot_start, consultation.slot_end) = (start, end);
        if trigger == Trigger::Reschedule {
            consultation.sequence = consultation.sequence.saturating_add(1);
        }
    }
    for effect in &next.effects {
        apply(clinic, tx, now, consultation, *effect, &moment, given)?;
    }
    if trigger == Trigger::Close {
        let waited = participants
            .iter()
            .any(|participant| participant.role.is_patient_side() && participant.waiting_since.is_some());
        if next.status == Status::NoShow {
            consultation.no_show_by = Some(machine::who_was_absent(&moment, waited));
        }
    }
    if let Some(action) = audited(trigger, next.status) {
        tx.audit(&event(now, actor, &consultation.owner, action, &consultation.id))?;
    }
    save(tx, now, consultation)?;
    // After the effects: of a purged consultation a portal learns the id and no name of its own any more.
    if let Some(event) = told {
        portals::tell(tx, now, consultation, event)?;
    }
    Ok(next)
}

/// Writes the consultation and sets its timers by what it is now.
pub fn save(
    tx: &mut Tx<'_>,
    now: Timestamp,
    consultation: &mut Versioned<Consultation>,
) -> Result<(), StoreError> {
    tx.update(consultation)?;
    timers::set(tx, now, consultation)
}

fn refusal(refused: Refused, consultation: &Consultation, moment: &Moment) -> Problem {
    match refused {
        Refused::Guard("consent-required") => Problem::new(Code::ConsentRequired),
        Refused::Guard("reauthentication-required") => Problem::new(Code::ReauthenticationRequired),
        Refused::Guard(word) => {
            let allowed = machine::allowed(consultation.kind, consultation.status, moment);
            Problem::transition(allowed).and_field("", word)
        }
        Refused::State | Refused::Kind => {
            Problem::transition(machine::allowed(consultation.kind, consultation.status, moment))
        }
    }
}

fn audited(trigger: Trigger, status: Status) -> Option<Audited> {
    Some(match trigger {
        Trigger::Open => Audited::ConsultationOpened,
        Trigger::Reschedule => Audited::ConsultationRescheduled,
        Trigger::Cancel => Audited::ConsultationCancelled,
        Trigger::Lose => Audited::ConsultationInterrupted,
        Trigger::Resume => Audited::ConsultationResumed,
        Trigger::End | Trigger::TimeOut => Audited::ConsultationEnded,
        Trigger::Close if status == Status::Expired => Audited::ConsultationExpired,
        Trigger::Close => Audited::ConsultationNoShow,
        Trigger::Extend => Audited::ConsultationExtended,
        Trigger::Upgrade => Audited::ConsultationUpgraded,
        Trigger::Validate => Audited::ConsultationValidated,
        Trigger::Purge => Audited::ConsultationPurged,
        // Told by who was let in, and by the report.
        Trigger::Admit | Trigger::Addendum => return None,
    })
}

fn apply(
    clinic: &Clinic,
    tx: &mut Tx<'_>,
    now: Timestamp,
    consultation: &mut Versioned<Consultation>,
    effect: Effect,
    moment: &Moment,
    given: &Given,
) -> Result<(), Problem> {
    match effect {
        Effect::CreateRoom => {
            open_room(tx, now, consultation)?;
        }
        Effect::CloseRoom => {
            consultation.counting = None;
            consultation.lost_since = None;
            if consultation.room.is_some() {
                tx.schedule(&Job::new(timers::ROOM, &consultation.id, now))?;
            }
        }
        Effect::RevokeLinks => letters::revoke_all(tx, now, consultation)?,
        Effect::TellCancelled => letters::cancelled(clinic, tx, now, consultation)?,
        Effect::TellMoved => letters::moved(clinic, tx, consultation)?,
        Effect::SetStarted => {
            consultation.started_at = Some(now);
        }
        Effect::SetEnded => {
            consultation.ended_at = Some(now);
            consultation.end_reason = Some(given.end_reason.unwrap_or(EndReason::Professional));
            incidents::end(tx, now, consultation, &[IncidentKind::VideoSuspendedBandwidth])?;
        }
        Effect::BeginIncident => incidents::begin_absence(tx, consultation, moment)?,
        Effect::EndIncident => incidents::end_absence(tx, now, consultation)?,
        Effect::StartRetention => {
            let until = now.saturating_add(settings(tx)?.keeps(Kept::Dossier)).unwrap_or(Timestamp::MAX);
            consultation.retention_until = Some(until);
        }
        Effect::DestroyKey => purge::destroy(tx, consultation)?,
        // The timer is set by the state; the report is the report's module's.
        Effect::ForgetPhone | Effect::MakeReport => {}
    }
    Ok(())
}

/// Gives the consultation a room of a random name and has it made at `control`.
pub fn open_room(tx: &mut Tx<'_>, now: Timestamp, consultation: &mut Consultation) -> Result<(), StoreError> {
    if consultation.room.is_none() {
        consultation.room = Some(format!("r-{}", Secret::link().expose()));
    }
    tx.schedule(&Job::new(timers::ROOM, &consultation.id, now))
}
