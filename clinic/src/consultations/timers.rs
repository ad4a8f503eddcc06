//! The timers of consultations: which ones follow from the state alone ([`wanted`]), so that a restart, or a backup that was
//! put back, only has to set them again.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use super::guard::Read;
use super::step::{Given, save, step};
use super::{What, letters, presence, purge, rooms};
use crate::Clinic;
use crate::admin::settings;
use crate::clock::{Handler, Job, JobError, Schedule};
use crate::http::{Actor, Code, Problem};
use crate::model::machine::{GRACE, INTERRUPTED_MAX};
use crate::model::retention::{Kept, WARNINGS};
use crate::model::{Consultation, EndReason, Kind, Settings, Status, Trigger};
use crate::store::{IndexKey, Query, StoreError, Tx};

pub const OPEN: &str = "consultation.open";
pub const CLOSE: &str = "consultation.close";
pub const REMIND_DAY: &str = "consultation.remind-day";
pub const REMIND_SOON: &str = "consultation.remind-soon";
pub const LOSE: &str = "consultation.lose";
pub const COUNT: &str = "consultation.count";
pub const TIME_OUT: &str = "consultation.time-out";
pub const FORGET_PHONE: &str = "consultation.forget-phone";
pub const WARN: &str = "consultation.warn";
pub const PURGE: &str = "consultation.purge";
/// Not by the state: makes the room at `control` what the consultation says.
pub const ROOM: &str = "consultation.room";

const BY_STATE: [&str; 10] =
    [OPEN, CLOSE, REMIND_DAY, REMIND_SOON, LOSE, COUNT, TIME_OUT, FORGET_PHONE, WARN, PURGE];

/// One side may be away this long before the call counts as interrupted.
pub const LOST_AFTER: SignedDuration = SignedDuration::from_secs(30);
/// The seconds of a running call are written down this often, so that a crash costs no more.
pub const COUNT_EVERY: SignedDuration = SignedDuration::from_secs(60);
/// Reminders go out this long before the start.
pub const REMINDERS: [(&str, SignedDuration); 2] =
    [(REMIND_DAY, SignedDuration::from_hours(24)), (REMIND_SOON, SignedDuration::from_mins(15))];
const TICK: SignedDuration = SignedDuration::from_millis(1);

fn after(time: Timestamp, wait: SignedDuration) -> Timestamp {
    time.saturating_add(wait).unwrap_or(Timestamp::MAX)
}

/// The timers of a consultation as it stands.
pub fn wanted(
    now: Timestamp,
    consultation: &Consultation,
    settings: &Settings,
) -> Vec<(&'static str, Timestamp)> {
    let c = consultation;
    // "After the window", not at its last instant.
    let closed = after(c.closes_at(), TICK);
    let reminders = || {
        let due = REMINDERS.map(|(kind, before)| (kind, after(c.slot_start, -before)));
        due.into_iter().filter(|(_, due)| *due > now && c.kind == Kind::Dossier)
    };
    let mut timers = Vec::new();
    match c.status {
        Status::Scheduled => {
            timers.extend([(OPEN, c.opens_at()), (CLOSE, closed)]);
            timers.extend(reminders());
        }
        Status::Open => {
            timers.push((CLOSE, closed));
            timers.extend(reminders());
        }
        Status::InProgress => {
            timers.extend(c.lost_since.map(|since| (LOSE, after(since, LOST_AFTER))));
            timers.extend(c.counting.map(|counting| (COUNT, after(counting.since, COUNT_EVERY))));
        }
        Status::Interrupted => {
            let capped = after(closed, GRACE);
            timers.push((TIME_OUT, after(c.status_since, INTERRUPTED_MAX).min(capped)));
        }
        Status::Ended | Status::Validated | Status::Cancelled | Status::NoShow | Status::Expired => {
            if let Some(until) = c.retention_until {
                timers.push((PURGE, until));
                let warnings = usize::try_from(c.warnings_sent).unwrap_or(usize::MAX);
                if let Some(before) = WARNINGS.get(warnings).filter(|_| purge::needs_warning(c)) {
                    timers.push((WARN, after(until, -*before)));
                }
            }
            if c.kind == Kind::Immediate {
                timers.push((FORGET_PHONE, after(c.status_since, settings.keeps(Kept::ImmediatePhone))));
            }
        }
        Status::Purged => {}
    }
    timers
}

/// Sets the timers by the state, and takes back those that it does not want.
pub fn set(tx: &mut Tx<'_>, now: Timestamp, consultation: &Consultation) -> Result<(), StoreError> {
    let wanted = wanted(now, consultation, &settings(tx)?.value);
    for kind in BY_STATE {
        match wanted.iter().find(|(wanted, _)| *wanted == kind) {
            Some((_, due)) => tx.schedule(&Job::new(kind, &consultation.id, *due))?,
            None => {
                tx.unschedule(kind, &consultation.id)?;
            }
        }
    }
    Ok(())
}

/// At the start of the server: sets timers that are missing, looks after every room, and notes what the restart cut.
pub async fn rebuild(clinic: &Clinic) -> Result<(), StoreError> {
    let now = clinic.clock().now();
    let settings = settings(clinic.store())?;
    for status in Status::ALL.into_iter().filter(|status| *status != Status::Purged) {
        let mut query = Query::new("status", IndexKey::new().text(status.as_str())).limit(200);
        loop {
            let page = clinic.store().list::<Consultation>(&query)?;
            clinic.store().write_unflushed(|tx| {
                for consultation in &page.items {
                    for (kind, due) in wanted(now, consultation, &settings) {
                        if tx.get::<Job>(format!("{kind}/{}", consultation.id))?.is_none() {
                            tx.schedule(&Job::new(kind, &consultation.id, due))?;
                        }
                    }
                    if status.is_live() && consultation.room.is_some() {
                        tx.schedule(&Job::new(ROOM, &consultation.id, now))?;
                        presence::restarted(tx, now, consultation)?;
                    }
                }
                Ok::<_, StoreError>(())
            })?;
            match page.next {
                Some(next) => query = query.after(Some(next)),
                None => break,
            }
        }
    }
    clinic.store().settled().await
}

/// Puts the handlers of all timers in place.
pub(crate) async fn install(clinic: &Clinic) -> Result<(), StoreError> {
    for kind in BY_STATE.into_iter().chain([ROOM]) {
        clinic.scheduler().handle(kind, Arc::new(Timer { clinic: clinic.downgrade() }));
    }
    rebuild(clinic).await
}

struct Timer {
    clinic: crate::WeakClinic,
}

#[async_trait]
impl Handler for Timer {
    async fn run(&self, job: &Job) -> Result<(), JobError> {
        let Some(clinic) = self.clinic.upgrade() else { return Ok(()) };
        if job.kind == ROOM {
            return rooms::reconcile(&clinic, &job.subject).await;
        }
        let outcome = clinic
            .store()
            .write(|tx| {
                let Some(mut consultation) = tx.unpurged::<Consultation>(&job.subject)? else {
                    return Ok::<_, Problem>(None);
                };
                fire(&clinic, tx, &job.kind, &mut consultation)?;
                Ok(Some(consultation.value))
            })
            .await;
        match outcome {
            Ok(Some(consultation)) => clinic.live().tell(&consultation, What::Consultation),
            Ok(None) => {}
            // Something else moved it meanwhile: the timer has nothing to do any more.
            Err(problem) if problem.code == Code::InvalidTransition => {}
            Err(problem) => {
                return Err(JobError { reason: problem.code.slug().to_owned(), retry_in: None });
            }
        }
        clinic.outbox().wake();
        Ok(())
    }
}

fn fire(
    clinic: &Clinic,
    tx: &mut Tx<'_>,
    kind: &str,
    consultation: &mut crate::store::Versioned<Consultation>,
) -> Result<(), Problem> {
    let now = clinic.clock().now();
    let (trigger, given) = match kind {
        OPEN => (Trigger::Open, Given::default()),
        CLOSE => (Trigger::Close, Given::default()),
        LOSE => (Trigger::Lose, Given::default()),
        TIME_OUT => (Trigger::TimeOut, Given { end_reason: Some(EndReason::Timeout), ..Given::default() }),
        PURGE => (Trigger::Purge, Given::default()),
        COUNT => {
            presence::count(now, consultation);
            return Ok(save(tx, now, consultation)?);
        }
        REMIND_DAY | REMIND_SOON => return Ok(letters::reminder(clinic, tx, consultation)?),
        FORGET_PHONE => return Ok(purge::forget_phone(tx, consultation)?),
        WARN => return Ok(purge::warn(clinic, tx, consultation)?),
        _ => return Ok(()),
    };
    step(clinic, tx, &Actor::System, consultation, trigger, &given).map(|_| ())
}
