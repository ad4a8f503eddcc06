//! What can be written to people: a closed list, each with the data of its text.
//!
//! A kind is put into the outbox as its name ([`Message::template`]) and its data; the words are made when it is sent, from
//! the catalogue in `clinic/locales/`. Data never hold a reason of a visit, a speciality or a diagnosis.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Channel;
use crate::ids::ConsultationId;
use crate::model::RecipientKind;

/// An appointment as messages and calendar entries tell it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Appointment {
    /// Names the calendar entry, so that a later message changes it and makes no second one.
    pub consultation: ConsultationId,
    pub start: Timestamp,
    pub end: Timestamp,
    /// IANA name: the wall time that is written.
    pub zone: String,
    /// `Consultation::sequence`: how often it was moved. A cancellation counts as one more.
    pub sequence: u32,
    /// The link that leads there, from [`super::link`]. Empty in a cancellation.
    #[serde(default)]
    pub link: String,
    /// The professional's name as patients know it: for mails and calendars, never for short messages.
    pub professional: String,
}

/// What is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "template", content = "data", rename_all = "kebab-case")]
pub enum Kind {
    /// "Confirmez votre adresse".
    RegistrationConfirm {
        link: String,
    },
    /// Somebody registered with an address that has an account.
    RegistrationExists,
    /// To administrators: somebody waits for approval.
    RegistrationPending,
    /// "Votre inscription est validée".
    RegistrationValidated {
        link: String,
    },
    /// `reason`: what the administrator wrote; may be empty.
    RegistrationRefused {
        reason: String,
    },
    PasswordReset {
        link: String,
    },
    PasswordChanged,
    SecondFactorSet,
    /// An administrator took the second factor away.
    SecondFactorReset,
    RecoveryCodeUsed,
    /// The last mail to an address: its account was closed and erased.
    AccountClosed,
    /// A login from a browser that was not seen before.
    LoginAlert {
        at: Timestamp,
        zone: String,
    },
    /// Too many failed logins.
    AccountLocked {
        until: Timestamp,
        zone: String,
    },

    /// A link to an appointment. Mail carries a calendar entry.
    Invitation {
        recipient: RecipientKind,
        appointment: Appointment,
    },
    /// Same link, other time. Mail changes the calendar entry.
    Moved {
        recipient: RecipientKind,
        appointment: Appointment,
    },
    /// Mail takes the calendar entry back.
    Cancelled {
        recipient: RecipientKind,
        appointment: Appointment,
    },
    Reminder {
        recipient: RecipientKind,
        appointment: Appointment,
    },
    /// "Votre soignant vous attend": a call without appointment, valid for `minutes`.
    ImmediateCall {
        link: String,
        minutes: u32,
    },

    /// Something was sent to the recipient; readable by `link` until `until`.
    DocumentsAvailable {
        link: String,
        until: Timestamp,
        zone: String,
    },
    /// `amount_cents`: euro cents.
    PaymentRequested {
        link: String,
        amount_cents: u32,
    },
    PaymentReceipt {
        amount_cents: u32,
        paid_at: Timestamp,
        zone: String,
        reference: String,
    },
    PaymentRefunded {
        amount_cents: u32,
        reference: String,
    },

    /// To administrators: a professional asks for online payment.
    PaymentActivationRequested {
        link: String,
    },
    /// To the professional: online payment is switched on.
    PaymentActivated {
        link: String,
    },
    /// To the professional: what was never downloaded is erased in `days`.
    RetentionWarning {
        link: String,
        days: u32,
    },
    /// To administrators: a portal's endpoint failed for too long.
    WebhookDisabled {
        link: String,
    },
    /// To the administrator who tries out mail or short messages.
    TestMessage,
}

/// Which mails carry a calendar entry, and what it says (RFC 5546).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CalendarMethod {
    Request,
    Cancel,
}

impl Kind {
    /// The stable name, as in [`crate::outbox::Message::template`] and in the catalogue.
    pub fn template(&self) -> String {
        self.parts().0
    }

    /// Name and data, as the outbox keeps them.
    pub(crate) fn parts(&self) -> (String, serde_json::Value) {
        let mut value = serde_json::to_value(self).unwrap_or_default();
        let template = value.get("template").and_then(|name| name.as_str()).unwrap_or_default().to_owned();
        (template, value.get_mut("data").map(serde_json::Value::take).unwrap_or_default())
    }

    /// Back from what the outbox kept. `None` when the data are not those of this kind.
    pub fn read(template: &str, data: &serde_json::Value) -> Option<Kind> {
        serde_json::from_value(serde_json::json!({ "template": template, "data": data })).ok()
    }

    /// False for what is too long, or too much, for a short message.
    pub fn fits(&self, channel: Channel) -> bool {
        match channel {
            Channel::Email => true,
            Channel::Sms => matches!(
                self,
                Kind::Invitation { .. }
                    | Kind::Moved { .. }
                    | Kind::Cancelled { .. }
                    | Kind::Reminder { .. }
                    | Kind::ImmediateCall { .. }
                    | Kind::DocumentsAvailable { .. }
                    | Kind::PaymentRequested { .. }
                    | Kind::TestMessage
            ),
            Channel::Webhook => false,
        }
    }

    /// The calendar entry that goes with a mail of this kind.
    pub fn calendar(&self) -> Option<(CalendarMethod, &Appointment)> {
        match self {
            Kind::Invitation { appointment, .. } | Kind::Moved { appointment, .. } => {
                Some((CalendarMethod::Request, appointment))
            }
            Kind::Cancelled { appointment, .. } => Some((CalendarMethod::Cancel, appointment)),
            _ => None,
        }
    }
}

/// Why a message that was asked for was not queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Suppressed {
    /// The professional's messages of a day are used up.
    QuotaProfessional,
    /// This number got enough today.
    QuotaNumber,
}

impl Suppressed {
    pub fn as_str(self) -> &'static str {
        match self {
            Suppressed::QuotaProfessional => "quota-professional",
            Suppressed::QuotaNumber => "quota-number",
        }
    }
}
