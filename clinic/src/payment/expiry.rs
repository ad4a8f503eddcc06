//! A day after the end nothing is to be paid any more.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use super::apply::forget_page;
use super::requests::{DUE_AFTER_END, close, look, tell};
use crate::clock::{Handler, Job, JobError, Schedule};
use crate::consultations::Read;
use crate::http::Problem;
use crate::model::payment::{PaymentTrigger, step};
use crate::model::{Consultation, PaymentRequest, PaymentState};
use crate::{Clinic, WeakClinic};

pub(super) const KIND: &str = "payment.expire";
/// What is under way at its provider is asked about this often, for this long after it was due.
const ASK_EVERY: SignedDuration = SignedDuration::from_hours(6);
const ASK_FOR: SignedDuration = SignedDuration::from_hours(14 * 24);

pub(super) fn install(clinic: &Clinic) {
    clinic.scheduler().handle(KIND, Arc::new(Expiry { clinic: clinic.downgrade() }));
}

fn after(time: Timestamp, wait: SignedDuration) -> Timestamp {
    time.saturating_add(wait).unwrap_or(Timestamp::MAX)
}

/// When to look for the first time: a call that goes on has no end yet, and ends later than now.
pub(super) fn first_look(now: Timestamp, consultation: &Consultation) -> Timestamp {
    after(consultation.ended_at.unwrap_or(now), DUE_AFTER_END)
}

/// `None`: the call goes on.
fn due(consultation: Option<&Consultation>, now: Timestamp) -> Option<Timestamp> {
    match consultation {
        Some(consultation) if consultation.status.is_live() => None,
        Some(consultation) => Some(consultation.ended_at.map_or(now, |ended| after(ended, DUE_AFTER_END))),
        None => Some(now),
    }
}

/// Too late to pay, whether the timer came already or not.
pub(super) fn is_over(consultation: &Consultation, now: Timestamp) -> bool {
    due(Some(consultation), now).is_some_and(|due| due <= now)
}

struct Expiry {
    clinic: WeakClinic,
}

#[async_trait]
impl Handler for Expiry {
    async fn run(&self, job: &Job) -> Result<(), JobError> {
        let Some(clinic) = self.clinic.upgrade() else { return Ok(()) };
        expire(&clinic, &job.subject)
            .await
            .map_err(|problem| JobError { reason: problem.code.slug().to_owned(), retry_in: None })
    }
}

async fn expire(clinic: &Clinic, id: &str) -> Result<(), Problem> {
    let now = clinic.clock().now();
    let Some(payment) = clinic.store().get::<PaymentRequest>(id)? else { return Ok(()) };
    let consultation = clinic.store().unpurged::<Consultation>(payment.consultation.as_str())?;
    let due = due(consultation.as_deref(), now);
    let later = match due {
        None => Some(after(now, SignedDuration::from_hours(1))),
        Some(due) => (due > now).then_some(due),
    };
    if let Some(later) = later {
        return Ok(clinic.store().write(|tx| tx.schedule(&Job::new(KIND, id, later))).await?);
    }
    // A notice may have got lost. Without an answer it expires all the same, and money that comes later still shows.
    if payment.state.is_open()
        && let Err(problem) = look(clinic, &payment).await
    {
        tracing::warn!(code = problem.code.slug(), "a payment expires without its provider's word");
    }
    let expired = clinic
        .store()
        .write(|tx| {
            let Some(mut payment) = tx.get::<PaymentRequest>(id)? else { return Ok(None) };
            let next = step(payment.state, PaymentTrigger::Expire);
            match next.filter(|next| *next != payment.state) {
                Some(next) => {
                    payment.state = next;
                    tx.update(&mut payment)?;
                    forget_page(tx, &payment)?;
                    Ok::<_, Problem>(Some(payment.value))
                }
                None => {
                    let until = after(payment.expires_at, ASK_FOR);
                    if payment.state == PaymentState::Processing && now < until {
                        tx.schedule(&Job::new(KIND, id, after(now, ASK_EVERY)))?;
                    }
                    Ok(None)
                }
            }
        })
        .await?;
    if let Some(payment) = expired {
        close(clinic, &payment);
        tell(clinic, &payment.consultation)?;
    }
    Ok(())
}
