//! Who comes to a consultation and with what rights: [`consultation_for`], with which every handler begins, for people who
//! are logged in, portals and guests alike.
//!
//! Inside a transaction it is called with the [`Tx`], so that what is decided and what is done see the same state.

use jiff::Timestamp;

use crate::admin::settings;
use crate::http::authorize::{Resource, Seat, Standing, standings};
use crate::http::{Action, Actor, Code, Problem, authorize};
use crate::ids::ConsultationId;
use crate::model::capability::{self, Facts};
use crate::model::identifier::profession_of;
use crate::model::retention::Kept;
use crate::model::{
    CapabilitySet, Consultation, Participant, ParticipantRole, PaymentAccount, PaymentAccountStatus,
    Professional, Visibility,
};
use crate::store::{IndexKey, Page, Query, Record, Store, StoreError, Tx, Versioned};

/// Participants of one consultation, the owner among them.
pub const PARTICIPANTS_MAX: usize = 12;

/// What can be read from the store and from within a transaction.
pub trait Read {
    fn one<R: Record>(&self, id: &str) -> Result<Option<Versioned<R>>, StoreError>;
    fn page<R: Record>(&self, query: &Query) -> Result<Page<R>, StoreError>;

    /// All records of an index that start with `key`, up to a thousand.
    fn all<R: Record>(&self, index: &'static str, key: &str) -> Result<Vec<Versioned<R>>, StoreError> {
        Ok(self.page(&Query::new(index, IndexKey::new().text(key)).limit(1000))?.items)
    }

    /// As `one`, with what was purged counted as absent.
    fn unpurged<R: Record>(&self, id: &str) -> Result<Option<Versioned<R>>, StoreError> {
        match self.one(id) {
            Err(StoreError::Purged) => Ok(None),
            other => other,
        }
    }

    fn participants(&self, id: &ConsultationId) -> Result<Vec<Versioned<Participant>>, StoreError> {
        self.all("consultation", id.as_str())
    }
}

impl Read for Store {
    fn one<R: Record>(&self, id: &str) -> Result<Option<Versioned<R>>, StoreError> {
        self.get(id)
    }

    fn page<R: Record>(&self, query: &Query) -> Result<Page<R>, StoreError> {
        self.list(query)
    }
}

impl Read for Tx<'_> {
    fn one<R: Record>(&self, id: &str) -> Result<Option<Versioned<R>>, StoreError> {
        self.get(id)
    }

    fn page<R: Record>(&self, query: &Query) -> Result<Page<R>, StoreError> {
        self.list(query)
    }
}

/// A consultation that the asker may do something to.
#[derive(Clone, Debug)]
pub struct Access {
    pub consultation: Versioned<Consultation>,
    /// The best that the asker is in it.
    pub role: Standing,
    pub capabilities: CapabilitySet,
    /// The asker's own place in it: of guests and invited colleagues, and of the owner.
    pub seat: Option<Versioned<Participant>>,
    /// Everybody, the owner among them. Empty once purged.
    pub participants: Vec<Versioned<Participant>>,
    pub facts: Facts,
    pub actor: Actor,
}

/// The consultation `id`, if `actor` may do `action` to it as things stand. Whoever has no part in it gets the same 404 as
/// for an id that never was.
pub fn consultation_for(
    read: &impl Read,
    now: Timestamp,
    actor: &Actor,
    id: &str,
    action: Action,
) -> Result<Access, Problem> {
    let access = load(read, now, actor, id)?;
    access.require(action)?;
    Ok(access)
}

fn load(read: &impl Read, now: Timestamp, actor: &Actor, id: &str) -> Result<Access, Problem> {
    let unknown = || match actor {
        Actor::Anonymous => Problem::new(Code::Unauthenticated),
        _ => Problem::new(Code::NotFound),
    };
    let id: ConsultationId = id.parse().map_err(|_| unknown())?;
    let consultation = read.one::<Consultation>(id.as_str())?.ok_or_else(unknown)?;
    let participants = read.participants(&id)?;
    let mut facts = facts(read, now, &consultation)?;
    // Colleagues sign with their own name.
    if let Actor::Account { id, .. } = actor
        && *id != consultation.owner
    {
        let own = read.one::<Professional>(id.as_str())?;
        facts.signature_set = own.is_some_and(|own| own.visible_signature.is_some());
    }
    let resource = resource(&consultation, &participants);
    let (role, seat) = match actor {
        Actor::System => (Standing::Owner, None),
        _ => standings(actor, &resource).into_iter().next().ok_or_else(unknown)?,
    };
    let own = |participant: &&Versioned<Participant>| match (&seat, role) {
        (Some(seat), _) => participant.id == seat.participant,
        (None, Standing::Owner) => participant.role == ParticipantRole::Owner,
        (None, _) => false,
    };
    let seat = participants.iter().find(own).cloned();
    let capabilities = capability::capabilities(&facts);
    Ok(Access { consultation, role, capabilities, seat, participants, facts, actor: actor.clone() })
}

impl Access {
    /// May the asker do this as well?
    pub fn require(&self, action: Action) -> Result<(), Problem> {
        let resource = resource(&self.consultation, &self.participants);
        Ok(authorize(&self.actor, action, &resource, &Some(self.facts.clone()))?)
    }

    pub fn may(&self, action: Action) -> bool {
        self.require(action).is_ok()
    }

    /// As [`Access::require`] for one document: who sent it, and to whom it shows itself.
    pub fn require_document(
        &self,
        action: Action,
        author: &crate::ids::ParticipantId,
        visible_to: &[Visibility],
    ) -> Result<(), Problem> {
        let mut resource = resource(&self.consultation, &self.participants);
        resource.author = Some(author.clone());
        resource.visible = self.seat.as_ref().is_some_and(|seat| {
            visible_to.iter().any(|visibility| match visibility {
                Visibility::Role(role) => *role == seat.role,
                Visibility::Participant(id) => *id == seat.id,
            })
        });
        Ok(authorize(&self.actor, action, &resource, &Some(self.facts.clone()))?)
    }

    /// The participant `id` of this consultation, 404 otherwise.
    pub fn participant(&self, id: &str) -> Result<Versioned<Participant>, Problem> {
        let found = self.participants.iter().find(|participant| participant.id.as_str() == id);
        found.cloned().ok_or(Problem::new(Code::NotFound))
    }
}

/// What capabilities depend on.
pub fn facts(read: &impl Read, now: Timestamp, consultation: &Consultation) -> Result<Facts, StoreError> {
    let owner = read.one::<Professional>(consultation.owner.as_str())?;
    let key = consultation.owner.as_str();
    let payment = read.all::<PaymentAccount>("professional", key)?;
    let settings = settings(read)?;
    Ok(Facts {
        kind: consultation.kind,
        status: consultation.status,
        now,
        ended_at: consultation.ended_at,
        post_access: settings.keeps(Kept::PostAccess),
        prescriber: owner
            .as_ref()
            .and_then(|owner| profession_of(&owner.profession_code))
            .is_some_and(|profession| profession.prescriber),
        signature_set: owner.is_some_and(|owner| owner.value.visible_signature.is_some()),
        payment_enabled: payment.iter().any(|account| account.status == PaymentAccountStatus::Enabled),
        support_may_extend: settings.support_may_extend,
    })
}

fn resource(consultation: &Consultation, participants: &[Versioned<Participant>]) -> Resource {
    // Once it is over, whoever left in order has no less than whose line was cut.
    let live = consultation.status.is_live();
    let seats = participants.iter().map(|participant| Seat {
        participant: participant.id.clone(),
        account: participant.account.clone(),
        role: participant.role,
        admitted: if live { participant.is_admitted() } else { participant.was_admitted() },
        may_admit: participant.may_admit,
    });
    Resource {
        owner: consultation.owner.clone(),
        consultation: Some(consultation.id.clone()),
        seats: seats.collect(),
        author: None,
        visible: false,
    }
}
