//! Invitations, and what is written to the people who have one.

use jiff::{SignedDuration, Timestamp};

use super::guard::Read;
use crate::Clinic;
use crate::crypto::{Purpose, Secret};
use crate::http::session;
use crate::messages::{self, Appointment, Channel, Kind as Text, Letter, Posted};
use crate::model::{
    Consultation, Invitation, InvitationChannel, InvitationStatus, Kind, Professional, RecipientKind,
};
use crate::outbox::Post;
use crate::store::{StoreError, Tx, Versioned};

/// Secrets of one invitation that lead somewhere; the oldest goes first.
const SECRETS_MAX: usize = 8;
/// Times that one invitation may be sent again.
pub const RESENT_MAX: u32 = 3;

/// How patients know a professional.
pub fn display_name(professional: &Professional) -> String {
    if !professional.defaults.display_name.is_empty() {
        return professional.defaults.display_name.clone();
    }
    let parts = [&professional.title, &professional.first_name, &professional.exercise_name];
    let parts: Vec<&str> = parts.into_iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
    parts.join(" ")
}

/// A new secret for the invitation. Those of earlier messages go on leading to the same place.
pub fn fresh_secret(clinic: &Clinic, invitation: &mut Invitation) -> Secret {
    let secret = Secret::link();
    let hash = clinic.lookup().hash(Purpose::LinkSecret, secret.expose());
    let old = std::mem::replace(&mut invitation.secret, hash);
    invitation.older_secrets.push(old);
    if invitation.older_secrets.len() >= SECRETS_MAX {
        invitation.older_secrets.remove(0);
    }
    secret
}

fn way(channel: InvitationChannel) -> Option<Channel> {
    match channel {
        InvitationChannel::Email => Some(Channel::Email),
        InvitationChannel::Sms => Some(Channel::Sms),
        InvitationChannel::Copy | InvitationChannel::Qr => None,
    }
}

fn owner_name(tx: &Tx<'_>, consultation: &Consultation) -> Result<String, StoreError> {
    let owner = tx.get::<Professional>(&consultation.owner)?;
    Ok(owner.map(|owner| display_name(&owner)).unwrap_or_default())
}

enum Which {
    Invitation,
    Moved,
    Cancelled,
    Reminder,
}

/// Posts a letter for an invitation and notes it there; the caller stores the invitation. `None` for a link that is copied
/// or shown.
fn write(
    clinic: &Clinic,
    tx: &mut Tx<'_>,
    consultation: &Consultation,
    invitation: &mut Invitation,
    which: &Which,
) -> Result<Option<Posted>, StoreError> {
    let Some(channel) = way(invitation.channel).filter(|_| !invitation.destination.is_empty()) else {
        return Ok(None);
    };
    let link = match which {
        Which::Cancelled => String::new(),
        _ => messages::link(clinic, &fresh_secret(clinic, invitation)),
    };
    let cancelled = u32::from(matches!(which, Which::Cancelled));
    let appointment = Appointment {
        consultation: consultation.id.clone(),
        start: consultation.slot_start,
        end: consultation.slot_end,
        zone: consultation.time_zone.clone(),
        sequence: consultation.sequence.saturating_add(cancelled),
        link: link.clone(),
        professional: owner_name(tx, consultation)?,
    };
    let recipient = invitation.recipient;
    let kind = match which {
        Which::Invitation if consultation.kind == Kind::Immediate => {
            let left = consultation.closes_at().duration_since(clinic.clock().now()).as_mins();
            Text::ImmediateCall { link, minutes: u32::try_from(left).unwrap_or(0) }
        }
        Which::Invitation => Text::Invitation { recipient, appointment },
        Which::Moved => Text::Moved { recipient, appointment },
        Which::Cancelled => Text::Cancelled { recipient, appointment },
        Which::Reminder => Text::Reminder { recipient, appointment },
    };
    let letter = Letter {
        kind,
        channel,
        to: invitation.destination.clone(),
        locale: invitation.locale.clone(),
        about: invitation.id.to_string(),
        data_key: Some(consultation.data_key()),
        professional: Some(consultation.owner.clone()),
        expires_at: Some(consultation.closes_at()),
    };
    let posted = messages::post(clinic, tx, &letter)?;
    if matches!(which, Which::Invitation) {
        invitation.message = Some(posted.id.clone());
        invitation.status = match posted.suppressed {
            None => InvitationStatus::Queued,
            Some(_) => InvitationStatus::Suppressed,
        };
    }
    Ok(Some(posted))
}

/// The first letter of an invitation, or the same again.
pub fn invite(
    clinic: &Clinic,
    tx: &mut Tx<'_>,
    consultation: &Consultation,
    invitation: &mut Invitation,
) -> Result<Option<Posted>, StoreError> {
    write(clinic, tx, consultation, invitation, &Which::Invitation)
}

fn invitations(tx: &Tx<'_>, consultation: &Consultation) -> Result<Vec<Versioned<Invitation>>, StoreError> {
    tx.all("consultation", consultation.id.as_str())
}

fn to_all(
    clinic: &Clinic,
    tx: &mut Tx<'_>,
    consultation: &Consultation,
    which: &Which,
    wanted: impl Fn(&Invitation) -> bool,
) -> Result<(), StoreError> {
    for mut invitation in invitations(tx, consultation)? {
        if wanted(&invitation) {
            write(clinic, tx, consultation, &mut invitation, which)?;
            tx.update(&mut invitation)?;
        }
    }
    Ok(())
}

fn is_open(invitation: &Invitation) -> bool {
    invitation.revoked_at.is_none()
}

pub fn moved(clinic: &Clinic, tx: &mut Tx<'_>, consultation: &Consultation) -> Result<(), StoreError> {
    to_all(clinic, tx, consultation, &Which::Moved, is_open)
}

pub fn reminder(clinic: &Clinic, tx: &mut Tx<'_>, consultation: &Consultation) -> Result<(), StoreError> {
    to_all(clinic, tx, consultation, &Which::Reminder, is_open)
}

/// After [`revoke_all`] of the same instant: to those whose link was good until then, if the invitation left at all.
pub fn cancelled(
    clinic: &Clinic,
    tx: &mut Tx<'_>,
    now: Timestamp,
    consultation: &Consultation,
) -> Result<(), StoreError> {
    let told = |invitation: &Invitation| {
        invitation.revoked_at == Some(now)
            && invitation.message.is_some()
            && invitation.status != InvitationStatus::Suppressed
            && consultation.kind == Kind::Dossier
    };
    to_all(clinic, tx, consultation, &Which::Cancelled, told)
}

/// All links are dead: sessions end, letters that wait are taken back.
pub fn revoke_all(tx: &mut Tx<'_>, now: Timestamp, consultation: &Consultation) -> Result<(), StoreError> {
    for mut invitation in invitations(tx, consultation)? {
        if is_open(&invitation) {
            revoke(tx, now, &mut invitation)?;
        }
    }
    Ok(())
}

/// One link is dead.
pub fn revoke(
    tx: &mut Tx<'_>,
    now: Timestamp,
    invitation: &mut Versioned<Invitation>,
) -> Result<(), StoreError> {
    invitation.revoked_at = Some(now);
    invitation.status = InvitationStatus::Revoked;
    if let Some(message) = invitation.message.clone()
        && tx.take_back(&message)?
    {
        invitation.message = None;
    }
    session::end_all(tx, &invitation.participant)?;
    tx.update(invitation).map(|_| ())
}

/// Writes to the patient, who left already, with a link to what came after the call.
fn to_patient(
    clinic: &Clinic,
    tx: &mut Tx<'_>,
    consultation: &Consultation,
    expires_at: Timestamp,
    kind: impl Fn(String) -> Text,
) -> Result<(), StoreError> {
    for mut invitation in tx.all::<Invitation>("consultation", consultation.id.as_str())? {
        let Some(channel) = way(invitation.channel).filter(|_| !invitation.destination.is_empty()) else {
            continue;
        };
        if invitation.recipient != RecipientKind::Patient || invitation.revoked_at.is_some() {
            continue;
        }
        let link = messages::link(clinic, &fresh_secret(clinic, &mut invitation));
        let letter = Letter {
            kind: kind(link),
            channel,
            to: invitation.destination.clone(),
            locale: invitation.locale.clone(),
            about: consultation.id.to_string(),
            data_key: Some(consultation.data_key()),
            professional: Some(consultation.owner.clone()),
            expires_at: Some(expires_at),
        };
        messages::post(clinic, tx, &letter)?;
        tx.update(&mut invitation)?;
    }
    Ok(())
}

/// There is something to pay.
pub fn payment_requested(
    clinic: &Clinic,
    tx: &mut Tx<'_>,
    consultation: &Consultation,
    amount_cents: u32,
    expires_at: Timestamp,
) -> Result<(), StoreError> {
    to_patient(clinic, tx, consultation, expires_at, |link| Text::PaymentRequested { link, amount_cents })
}

/// There is something to read, until then.
pub fn documents_available(
    clinic: &Clinic,
    tx: &mut Tx<'_>,
    consultation: &Consultation,
    until: Timestamp,
) -> Result<(), StoreError> {
    let zone = &consultation.time_zone;
    to_patient(clinic, tx, consultation, until, |link| Text::DocumentsAvailable {
        link,
        until,
        zone: zone.clone(),
    })
}

/// Room for a link after its window: what is sent then may still be read.
pub fn readable_until(consultation: &Consultation, after: SignedDuration) -> Timestamp {
    let ended = consultation.ended_at.unwrap_or(consultation.slot_end);
    ended.saturating_add(after).unwrap_or(Timestamp::MAX)
}
