//! Messages to people: what is written, by mail or as a short message, and how it gets there.
//!
//! [`post`] puts a [`Letter`] into the outbox, in the transaction that wants it sent. The words are made from the catalogue
//! when it is sent; what became of it moves the lights of its invitation.

mod calendar;
mod catalogue;
pub mod gsm7;
mod kinds;
mod letter;
mod lights;
mod mail;
mod receipts;
pub mod settings;
mod sms;
mod words;

use std::sync::Arc;

pub use crate::outbox::Channel;
pub use calendar::{Parties, entry};
pub use kinds::{Appointment, CalendarMethod, Kind, Suppressed};
pub use letter::{Letter, Posted, link, post};
pub use mail::{MailConfigError, Smtp};
pub use sms::ShortMessages;

use crate::Clinic;
use crate::admin::{Adapter, Noted};

pub(crate) use receipts::{Api, router};

/// Joins outbox and adapters. Without settings of a channel its messages fail with `adapter-not-configured`.
pub(crate) fn install(clinic: &Clinic) -> Result<(), MailConfigError> {
    let config = clinic.config();
    clinic.outbox().watch(Arc::new(lights::Lights::new(clinic.clock().clone())));
    let health = clinic.health().clone();
    if let Some(mail) = &config.mail {
        let inner = Smtp::new(mail, &config.organisation)?;
        let sender = Noted { inner, adapter: Adapter::Mail, health: health.clone() };
        clinic.outbox().send_by(Channel::Email, Arc::new(sender));
    }
    if let Some(sms) = &config.sms {
        let inner = ShortMessages::new(sms, &config.public_url, clinic.clock().clone());
        clinic.outbox().send_by(Channel::Sms, Arc::new(Noted { inner, adapter: Adapter::Sms, health }));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
