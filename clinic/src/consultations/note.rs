//! What happened to a consultation, for the audit trail.

use jiff::Timestamp;

use crate::audit::{Action as Audited, ActorKind, Event};
use crate::http::Actor;
use crate::ids::AccountId;
use crate::store::{StoreError, Tx};

/// Writes one event of the trail. `owner`: the professional, named when somebody else acts in their place.
pub fn note(
    tx: &mut Tx<'_>,
    now: Timestamp,
    actor: &Actor,
    owner: &AccountId,
    action: Audited,
    object: impl std::fmt::Display,
) -> Result<(), StoreError> {
    tx.audit(&event(now, actor, owner, action, object))
}

pub fn event(
    now: Timestamp,
    actor: &Actor,
    owner: &AccountId,
    action: Audited,
    object: impl std::fmt::Display,
) -> Event {
    let mut event = Event::new(now, action).on(object);
    let (kind, id, stands_in) = match actor {
        Actor::System => (ActorKind::System, None, false),
        Actor::Anonymous => (ActorKind::Anonymous, None, false),
        Actor::Account { id, .. } => (ActorKind::Account, Some(id.to_string()), id != owner),
        Actor::Guest { participant, .. } => (ActorKind::Participant, Some(participant.to_string()), false),
        Actor::Client { id, .. } => (ActorKind::ApiClient, Some(id.to_string()), true),
    };
    if stands_in {
        event.on_behalf_of = Some(owner.to_string());
    }
    event.by(kind, id)
}
