//! Putting a message into the outbox, within what a day allows.

use jiff::Timestamp;

use super::kinds::{Kind, Suppressed};
use crate::Clinic;
use crate::crypto::{DataKeyId, Purpose, Secret};
use crate::ids::{AccountId, MessageId};
use crate::limits::{self, Rate};
use crate::model::Account;
use crate::outbox::{Channel, Message, Post, Status};
use crate::store::{StoreError, Tx};

/// One message to one recipient.
#[derive(Clone, Debug)]
pub struct Letter {
    pub kind: Kind,
    pub channel: Channel,
    /// An address in its normal form, or an E.164 number.
    pub to: String,
    /// `fr` or `en`.
    pub locale: String,
    /// What it is about: an invitation's id moves that invitation's lights.
    pub about: String,
    /// Under whose key it is kept; none for messages about accounts.
    pub data_key: Option<DataKeyId>,
    /// Whose short messages of the day it counts against.
    pub professional: Option<AccountId>,
    /// No try after this. `None`: a day.
    pub expires_at: Option<Timestamp>,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posted {
    pub id: MessageId,
    /// It will not be sent; the message stands in the outbox as suppressed, so that this is visible.
    pub suppressed: Option<Suppressed>,
}

impl Letter {
    /// A mail to the owner of an account, about the account.
    pub fn for_account(account: &Account, kind: Kind) -> Letter {
        Letter {
            kind,
            channel: Channel::Email,
            to: account.email.clone(),
            locale: account.locale.clone(),
            about: account.id.to_string(),
            data_key: None,
            professional: None,
            expires_at: None,
        }
    }

    fn message(&self, now: Timestamp) -> Message {
        let (template, data) = self.kind.parts();
        let mut message = Message::new(now, self.channel, &template, &self.about);
        message.locale.clone_from(&self.locale);
        message.destination.clone_from(&self.to);
        message.data = data;
        message.data_key.clone_from(&self.data_key);
        if let Some(expires_at) = self.expires_at {
            message.expires_at = expires_at;
        }
        message
    }
}

/// Where an invitation leads. Short enough for a short message. The secret is in the fragment, so that opening it tells it to
/// no server, no log and no scanner of messages.
pub fn link(clinic: &Clinic, secret: &Secret) -> String {
    format!("{}/c#{}", clinic.config().public_url, secret.expose())
}

/// Queues a letter as part of the transaction that wants it sent; call [`crate::outbox::Outbox::wake`] after it. A short
/// message above the quotas is kept as suppressed instead: the caller decides whether that is an error (`sms-quota`) or to
/// be shown.
pub fn post(clinic: &Clinic, tx: &mut Tx<'_>, letter: &Letter) -> Result<Posted, StoreError> {
    let now = clinic.clock().now();
    let mut message = letter.message(now);
    let suppressed = match letter.channel {
        Channel::Sms => over_quota(clinic, tx, now, letter)?,
        Channel::Email | Channel::Webhook => None,
    };
    match suppressed {
        None => tx.post(&message)?,
        Some(why) => {
            message.suppress(why.as_str());
            tx.insert(&message).map(|_| ())?;
        }
    }
    debug_assert!(suppressed.is_none() || message.status == Status::Suppressed);
    Ok(Posted { id: message.id, suppressed })
}

fn over_quota(
    clinic: &Clinic,
    tx: &mut Tx<'_>,
    now: Timestamp,
    letter: &Letter,
) -> Result<Option<Suppressed>, StoreError> {
    let quota = clinic.config().sms_quota;
    let number = clinic.lookup().hash(Purpose::RateSubject, &letter.to);
    let rate = Rate::per_day(quota.per_number);
    // Neither allowance is touched unless both have room.
    if limits::left(tx, now, "sms-number", &number, rate)? == 0 {
        return Ok(Some(Suppressed::QuotaNumber));
    }
    if let Some(account) = &letter.professional {
        let account = clinic.lookup().hash(Purpose::RateSubject, account.as_str());
        let rate = Rate::per_day(quota.per_professional);
        if limits::take(tx, now, "sms-professional", &account, rate)?.is_err() {
            return Ok(Some(Suppressed::QuotaProfessional));
        }
    }
    // Checked above in the same transaction.
    let _ = limits::take(tx, now, "sms-number", &number, rate)?;
    Ok(None)
}
