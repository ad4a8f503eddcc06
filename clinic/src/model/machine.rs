//! How a consultation goes from state to state: one pure function, [`transition`].
//!
//! Timers are triggers like any other and find out by themselves whether it is time; so a restart only has to set them
//! again. Whoever stores the result does so by compare-and-swap on the record's version.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What kind of consultation: what it may do follows from it ([`super::capabilities`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A telephone number and nothing else.
    Immediate,
    /// With the patient's identity.
    Dossier,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Scheduled,
    /// The window is open: links lead to the waiting room.
    Open,
    InProgress,
    /// One side was lost for more than 30 s.
    Interrupted,
    Ended,
    /// The form was validated, the report exists.
    Validated,
    Cancelled,
    NoShow,
    Expired,
    /// The data key is destroyed; only a tombstone is left.
    Purged,
}

impl Status {
    pub const ALL: [Status; 10] = [
        Status::Scheduled,
        Status::Open,
        Status::InProgress,
        Status::Interrupted,
        Status::Ended,
        Status::Validated,
        Status::Cancelled,
        Status::NoShow,
        Status::Expired,
        Status::Purged,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Status::Scheduled => "scheduled",
            Status::Open => "open",
            Status::InProgress => "in_progress",
            Status::Interrupted => "interrupted",
            Status::Ended => "ended",
            Status::Validated => "validated",
            Status::Cancelled => "cancelled",
            Status::NoShow => "no_show",
            Status::Expired => "expired",
            Status::Purged => "purged",
        }
    }

    /// There is a room with people in it, or there may be.
    pub fn is_live(self) -> bool {
        matches!(self, Status::Open | Status::InProgress | Status::Interrupted)
    }

    /// Nobody will be let in any more.
    pub fn is_over(self) -> bool {
        !matches!(self, Status::Scheduled) && !self.is_live()
    }
}

/// What may move a consultation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// Timer: the window begins.
    Open,
    /// The slot is moved (the new slot is in the [`Moment`]).
    Reschedule,
    Cancel,
    /// The first of the patient's side is let in.
    Admit,
    /// Timer: one side has been away for 30 s.
    Lose,
    /// Both sides are there again.
    Resume,
    /// By the professional.
    End,
    /// Timer: interrupted for 15 minutes, or the hard cap.
    TimeOut,
    /// Timer: the window is over and nobody was let in.
    Close,
    Extend,
    /// An immediate consultation gets a file.
    Upgrade,
    Validate,
    Addendum,
    /// By retention, or "erase now".
    Purge,
}

impl Trigger {
    pub const ALL: [Trigger; 14] = [
        Trigger::Open,
        Trigger::Reschedule,
        Trigger::Cancel,
        Trigger::Admit,
        Trigger::Lose,
        Trigger::Resume,
        Trigger::End,
        Trigger::TimeOut,
        Trigger::Close,
        Trigger::Extend,
        Trigger::Upgrade,
        Trigger::Validate,
        Trigger::Addendum,
        Trigger::Purge,
    ];
}

/// Time after the window in which a running call may go on, and an interrupted one come back.
pub const GRACE: SignedDuration = SignedDuration::from_mins(60);
/// An interrupted call ends by itself after this.
pub const INTERRUPTED_MAX: SignedDuration = SignedDuration::from_mins(15);
/// From the start of the slot to its end, with all extensions.
pub const SLOT_MAX: SignedDuration = SignedDuration::from_hours(4);
/// An immediate consultation can still get a file this long after its end.
pub const UPGRADE_AFTER_END: SignedDuration = SignedDuration::from_hours(1);

/// The facts that the guards ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    pub now: Timestamp,
    /// With [`Trigger::Reschedule`] and [`Trigger::Extend`]: the new slot.
    pub slot_start: Timestamp,
    pub slot_end: Timestamp,
    pub early: SignedDuration,
    pub late: SignedDuration,
    pub status_since: Timestamp,
    /// Somebody of the patient's side was ever let in.
    pub admitted: bool,
    pub professional_present: bool,
    /// The professional was there at any time in the window.
    pub professional_came: bool,
    pub patient_present: bool,
    /// Given on screen, or taken orally by the professional.
    pub consent: bool,
    /// All required fields of the form are there.
    pub form_complete: bool,
    /// Within the last minutes.
    pub reauthenticated: bool,
    /// Exported at least once, or both warnings were sent, or the owner insists.
    pub purge_announced: bool,
}

impl Moment {
    pub fn opens_at(&self) -> Timestamp {
        self.slot_start.saturating_sub(self.early).unwrap_or(Timestamp::MIN)
    }

    /// After this nobody new comes in.
    pub fn closes_at(&self) -> Timestamp {
        self.slot_end.saturating_add(self.late).unwrap_or(Timestamp::MAX)
    }

    /// After this nothing goes on.
    pub fn capped_at(&self) -> Timestamp {
        self.closes_at().saturating_add(GRACE).unwrap_or(Timestamp::MAX)
    }
}

/// What has to be done with a transition, in the same transaction where it can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    CreateRoom,
    /// And revoke the media tokens.
    CloseRoom,
    RevokeLinks,
    TellCancelled,
    TellMoved,
    SetStarted,
    SetEnded,
    BeginIncident,
    EndIncident,
    MakeReport,
    /// The immediate consultation's number goes after 24 h.
    ForgetPhone,
    /// The retention clock starts.
    StartRetention,
    DestroyKey,
}

/// A transition that is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Next {
    pub status: Status,
    pub effects: Vec<Effect>,
}

/// A transition that is not: 409 `invalid-transition`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Never from this state.
    #[error("not from this state")]
    State,
    /// Not for this kind.
    #[error("not for this kind of consultation")]
    Kind,
    /// A guard says no; a stable word.
    #[error("{0}")]
    Guard(&'static str),
}

/// Where `trigger` leads from `status`. Pure: the same facts give the same answer.
pub fn transition(kind: Kind, status: Status, trigger: Trigger, moment: &Moment) -> Result<Next, Refused> {
    use {Effect as E, Status as S, Trigger as T};
    let m = moment;
    let guard = |holds: bool, word: &'static str| if holds { Ok(()) } else { Err(Refused::Guard(word)) };
    let go = |status, effects: &[Effect]| Ok(Next { status, effects: effects.to_vec() });
    match (status, trigger) {
        (S::Scheduled, T::Open) => {
            guard(m.now >= m.opens_at(), "too-early")?;
            guard(m.now <= m.closes_at(), "window-over")?;
            go(S::Open, &[E::CreateRoom])
        }
        (S::Scheduled, T::Reschedule) => go(S::Scheduled, &[E::TellMoved]),
        (S::Open, T::Reschedule) => {
            guard(!m.admitted, "somebody-was-admitted")?;
            if m.now < m.opens_at() {
                go(S::Scheduled, &[E::CloseRoom, E::TellMoved])
            } else {
                go(S::Open, &[E::TellMoved])
            }
        }
        (S::Scheduled, T::Cancel) => go(S::Cancelled, &[E::RevokeLinks, E::TellCancelled, E::StartRetention]),
        (S::Open, T::Cancel) => {
            guard(!m.admitted, "somebody-was-admitted")?;
            let effects = [E::CloseRoom, E::RevokeLinks, E::TellCancelled, E::StartRetention];
            go(S::Cancelled, if kind == Kind::Immediate { &IMMEDIATE_CANCELLED } else { &effects })
        }
        (S::Open, T::Admit) => {
            guard(m.professional_present, "professional-absent")?;
            guard(m.consent, "consent-required")?;
            go(S::InProgress, &[E::SetStarted])
        }
        // Others come in, or the same again: the call just goes on.
        (S::InProgress | S::Interrupted, T::Admit) => {
            guard(m.professional_present, "professional-absent")?;
            guard(m.consent, "consent-required")?;
            guard(m.now <= m.capped_at(), "window-over")?;
            go(status, &[])
        }
        (S::InProgress, T::Lose) => {
            guard(!(m.professional_present && m.patient_present), "both-present")?;
            go(S::Interrupted, &[E::BeginIncident])
        }
        (S::Interrupted, T::Resume) => {
            guard(m.professional_present && m.patient_present, "somebody-absent")?;
            guard(m.now <= m.capped_at(), "window-over")?;
            go(S::InProgress, &[E::EndIncident])
        }
        (S::InProgress, T::End) => go(S::Ended, &ended(kind, false)),
        (S::Interrupted, T::End) => go(S::Ended, &ended(kind, true)),
        (S::Interrupted, T::TimeOut) => {
            let waited = m.now.duration_since(m.status_since) >= INTERRUPTED_MAX;
            guard(waited || m.now > m.capped_at(), "too-early")?;
            go(S::Ended, &ended(kind, true))
        }
        (S::InProgress, T::TimeOut) => {
            guard(m.now > m.closes_at(), "too-early")?;
            guard(!m.professional_present && !m.patient_present, "somebody-present")?;
            go(S::Ended, &ended(kind, false))
        }
        (S::Scheduled, T::Close) => {
            // Never opened: the server was down during the whole window.
            guard(m.now > m.closes_at(), "too-early")?;
            go(S::NoShow, &[E::RevokeLinks, E::StartRetention])
        }
        (S::Open, T::Close) => {
            guard(m.now > m.closes_at(), "too-early")?;
            match kind {
                Kind::Dossier => go(S::NoShow, &[E::CloseRoom, E::RevokeLinks, E::StartRetention]),
                Kind::Immediate => {
                    go(S::Expired, &[E::CloseRoom, E::RevokeLinks, E::ForgetPhone, E::StartRetention])
                }
            }
        }
        (S::Open | S::InProgress | S::Interrupted, T::Extend) => {
            guard(m.slot_end.duration_since(m.slot_start) <= SLOT_MAX, "hard-cap")?;
            go(status, &[])
        }
        (S::Open | S::InProgress | S::Interrupted, T::Upgrade) => {
            if kind == Kind::Dossier {
                Err(Refused::Kind)
            } else {
                go(status, &[])
            }
        }
        (S::Ended, T::Upgrade) => {
            if kind == Kind::Dossier {
                return Err(Refused::Kind);
            }
            guard(m.now.duration_since(m.status_since) <= UPGRADE_AFTER_END, "too-late")?;
            go(S::Ended, &[])
        }
        (S::Ended, T::Validate) => {
            if kind == Kind::Immediate {
                return Err(Refused::Kind);
            }
            guard(m.form_complete, "form-incomplete")?;
            guard(m.reauthenticated, "reauthentication-required")?;
            go(S::Validated, &[E::MakeReport, E::StartRetention])
        }
        (S::Validated, T::Addendum) => {
            guard(m.reauthenticated, "reauthentication-required")?;
            go(S::Validated, &[E::MakeReport])
        }
        (S::Ended | S::Validated | S::NoShow | S::Cancelled | S::Expired, T::Purge) => {
            guard(m.purge_announced, "not-announced")?;
            go(S::Purged, &[E::RevokeLinks, E::DestroyKey])
        }
        _ => Err(Refused::State),
    }
}

const IMMEDIATE_CANCELLED: [Effect; 5] = [
    Effect::CloseRoom,
    Effect::RevokeLinks,
    Effect::TellCancelled,
    Effect::ForgetPhone,
    Effect::StartRetention,
];

fn ended(kind: Kind, interrupted: bool) -> Vec<Effect> {
    let mut effects = vec![Effect::CloseRoom, Effect::SetEnded, Effect::StartRetention];
    if interrupted {
        effects.push(Effect::EndIncident);
    }
    if kind == Kind::Immediate {
        effects.push(Effect::ForgetPhone);
    }
    effects
}

/// What could be done from here, for the `allowed_transitions` of a refusal: everything whose guards hold.
pub fn allowed(kind: Kind, status: Status, moment: &Moment) -> Vec<Trigger> {
    Trigger::ALL.into_iter().filter(|trigger| transition(kind, status, *trigger, moment).is_ok()).collect()
}

/// Who did not come, for the record of a no-show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Absent {
    Patient,
    Professional,
    Both,
}

/// `patient_waited`: somebody of the patient's side was in the waiting room.
pub fn who_was_absent(moment: &Moment, patient_waited: bool) -> Absent {
    match (moment.professional_came, patient_waited) {
        (true, _) => Absent::Patient,
        (false, true) => Absent::Professional,
        (false, false) => Absent::Both,
    }
}

#[cfg(test)]
mod tests;
