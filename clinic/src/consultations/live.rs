//! Telling pages at once that something changed: hints in memory, without data; whoever gets one asks again.
//!
//! Nothing is lost by losing a hint, so a restart loses all of them and nobody minds.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use tokio::sync::broadcast;
use utoipa::ToSchema;

use crate::ids::{AccountId, ConsultationId, ParticipantId};
use crate::model::Consultation;

/// Hints that a slow reader may be behind; one that is more behind is told to ask for everything.
const BEHIND_MAX: usize = 1024;

/// What changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// State, slot, capabilities.
    Consultation,
    /// Who waits, who is there.
    Participants,
    /// The lights of an invitation.
    Invitations,
    Documents,
    Payments,
    Form,
    /// A link is used on another device now.
    TakenOver,
}

/// A hint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    pub what: What,
    pub owner: AccountId,
    pub consultation: ConsultationId,
    /// The one that it is about, if it is about one.
    pub participant: Option<ParticipantId>,
}

/// The hub. Clones are handles.
#[derive(Clone, Debug)]
pub struct Live {
    hints: broadcast::Sender<Hint>,
    watching: Arc<Mutex<HashMap<ParticipantId, usize>>>,
}

impl Default for Live {
    fn default() -> Live {
        Live { hints: broadcast::Sender::new(BEHIND_MAX), watching: Arc::default() }
    }
}

impl Live {
    /// To be called after the transaction.
    pub fn tell(&self, consultation: &Consultation, what: What) {
        self.send(consultation, what, None);
    }

    pub fn tell_about(&self, consultation: &Consultation, what: What, participant: &ParticipantId) {
        self.send(consultation, what, Some(participant.clone()));
    }

    fn send(&self, consultation: &Consultation, what: What, participant: Option<ParticipantId>) {
        let (owner, consultation) = (consultation.owner.clone(), consultation.id.clone());
        // Nobody listens: fine.
        let _ = self.hints.send(Hint { what, owner, consultation, participant });
    }

    pub fn hints(&self) -> broadcast::Receiver<Hint> {
        self.hints.subscribe()
    }

    /// Notes that a page of this participant is open, until the guard is dropped.
    pub fn watch(&self, consultation: &Consultation, participant: &ParticipantId) -> Watching {
        let mut watching = self.watching.lock().unwrap_or_else(PoisonError::into_inner);
        *watching.entry(participant.clone()).or_default() += 1;
        drop(watching);
        self.tell_about(consultation, What::Participants, participant);
        let (owner, consultation) = (consultation.owner.clone(), consultation.id.clone());
        let hint =
            Hint { what: What::Participants, owner, consultation, participant: Some(participant.clone()) };
        Watching { live: self.clone(), hint }
    }

    /// A page of this participant is open and connected.
    pub fn is_watching(&self, participant: &ParticipantId) -> bool {
        self.watching.lock().unwrap_or_else(PoisonError::into_inner).contains_key(participant)
    }
}

/// See [`Live::watch`].
#[derive(Debug)]
pub struct Watching {
    live: Live,
    hint: Hint,
}

impl Drop for Watching {
    fn drop(&mut self) {
        let Some(participant) = &self.hint.participant else { return };
        let mut watching = self.live.watching.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = watching.get_mut(participant) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                watching.remove(participant);
            }
        }
        drop(watching);
        let _ = self.live.hints.send(self.hint.clone());
    }
}
