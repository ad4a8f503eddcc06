//! What became of a message moves the lights of the invitation that it carries, in the same transaction.

use crate::audit::{Action, Event, Outcome};
use crate::clock::Clock;
use crate::consultations::portals;
use crate::ids::InvitationId;
use crate::model::{Invitation, InvitationStatus};
use crate::outbox::{Channel, Message, Status, Watch};
use crate::store::{StoreError, Tx};

pub(super) struct Lights {
    clock: Clock,
}

impl Lights {
    pub fn new(clock: Clock) -> Lights {
        Lights { clock }
    }
}

impl Watch for Lights {
    fn changed(&self, tx: &mut Tx<'_>, message: &Message) -> Result<(), StoreError> {
        let Ok(id) = message.about.parse::<InvitationId>() else { return Ok(()) };
        let mut invitation = match tx.get::<Invitation>(&id) {
            Ok(Some(invitation)) => invitation,
            Ok(None) | Err(StoreError::Purged) => return Ok(()),
            Err(error) => return Err(error),
        };
        // An older message, or a reminder: the lights are those of the message that carries the link.
        if invitation.message.as_ref() != Some(&message.id) {
            return Ok(());
        }
        let Some(status) = light(message) else { return Ok(()) };
        let before = invitation.value.clone();
        invitation.sent_at = message.sent_at.or(invitation.sent_at);
        invitation.delivered_at = message.delivered_at.or(invitation.delivered_at);
        // Opened is more than any report can say, and what is revoked stays so.
        let settled = [InvitationStatus::Opened, InvitationStatus::Revoked, InvitationStatus::Expired];
        if !settled.contains(&invitation.status) {
            invitation.status = status;
            invitation.last_error.clone_from(&message.last_error);
        }
        if invitation.value == before {
            return Ok(());
        }
        tx.update(&mut invitation)?;
        let now = self.clock.now();
        if let Some(event) = told(status).filter(|_| told(before.status) != told(status)) {
            portals::tell_of_invitation(tx, now, &invitation, event)?;
        }
        let event = |action| Event::new(now, action).on(&id);
        match status {
            InvitationStatus::Sent => tx.audit(&event(Action::InvitationSent)),
            InvitationStatus::Delivered => tx.audit(&event(Action::InvitationDelivered)),
            InvitationStatus::Failed | InvitationStatus::Bounced | InvitationStatus::Suppressed => {
                let reason = message.last_error.as_deref().unwrap_or("failed");
                tx.audit(&event(Action::InvitationFailed).with(Outcome::Failed, reason))
            }
            _ => Ok(()),
        }
    }
}

/// The event for portals of a light that comes on.
fn told(status: InvitationStatus) -> Option<&'static str> {
    match status {
        InvitationStatus::Sent => Some("invitation.sent"),
        InvitationStatus::Delivered => Some("invitation.delivered"),
        InvitationStatus::Failed | InvitationStatus::Bounced | InvitationStatus::Suppressed => {
            Some("invitation.failed")
        }
        _ => None,
    }
}

fn light(message: &Message) -> Option<InvitationStatus> {
    Some(match message.status {
        Status::Queued => InvitationStatus::Queued,
        Status::Sending => InvitationStatus::Sending,
        Status::Sent => InvitationStatus::Sent,
        Status::Delivered => InvitationStatus::Delivered,
        // The relay refused it for good, or a report says so.
        Status::Failed if message.channel == Channel::Email && is_refusal(message) => {
            InvitationStatus::Bounced
        }
        Status::Failed => InvitationStatus::Failed,
        Status::Suppressed => InvitationStatus::Suppressed,
        Status::Cancelled => return None,
    })
}

fn is_refusal(message: &Message) -> bool {
    message.last_error.as_deref().is_some_and(|reason| reason.starts_with("smtp-5"))
}
