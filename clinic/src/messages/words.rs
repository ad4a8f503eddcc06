//! From a kind and its data to the words that are sent.

use fluent_bundle::FluentArgs;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::catalogue::text;
use super::gsm7;
use super::kinds::{Appointment, Kind};
use crate::model::RecipientKind;

/// The zone that is not named: where most readers are.
const HOME_ZONE: &str = "Europe/Paris";

/// The words of a mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letterhead {
    pub subject: String,
    pub paragraphs: Vec<String>,
    /// Label and link.
    pub action: Option<(String, String)>,
    pub after: Vec<String>,
    pub link_below: String,
    pub footer: String,
}

/// Why there are no words: a stable word for the outbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoWords {
    #[error("text-missing")]
    Missing,
    /// Not of one segment in GSM-7: with a very long public URL.
    #[error("sms-too-long")]
    TooLong,
}

/// The words of a mail.
pub fn mail(kind: &Kind, locale: &str, organisation: &str) -> Result<Letterhead, NoWords> {
    let id = kind.template();
    let mut args = arguments(kind, locale);
    args.set("organisation", organisation.to_owned());
    let required = |attribute| text(locale, &id, Some(attribute), &args).ok_or(NoWords::Missing);
    let common = |id| text(locale, id, None, &args).ok_or(NoWords::Missing);
    let link = kind.link();
    Ok(Letterhead {
        subject: one_line(&required("subject")?),
        paragraphs: paragraphs(&required("body")?),
        action: match link {
            Some(link) => Some((required("action")?, link.to_owned())),
            None => None,
        },
        after: text(locale, &id, Some("after"), &args).map(|after| paragraphs(&after)).unwrap_or_default(),
        link_below: common("link-below")?,
        footer: common("footer")?,
    })
}

/// A short message: one segment of GSM-7, or nothing.
pub fn sms(kind: &Kind, locale: &str) -> Result<String, NoWords> {
    let words =
        text(locale, &kind.template(), Some("sms"), &arguments(kind, locale)).ok_or(NoWords::Missing)?;
    let words = one_line(&words);
    if gsm7::is_one_segment(&words) { Ok(words) } else { Err(NoWords::TooLong) }
}

/// The texts of a calendar entry: summary and description.
pub(super) fn calendar(
    kind: &Kind,
    appointment: &Appointment,
    locale: &str,
) -> Result<(String, String), NoWords> {
    let args = arguments(kind, locale);
    let words = |attribute| text(locale, "calendar", Some(attribute), &args).ok_or(NoWords::Missing);
    let description = if appointment.link.is_empty() { words("cancelled") } else { words("description") };
    Ok((one_line(&words("summary")?), description?))
}

impl Kind {
    /// Where its button leads.
    pub fn link(&self) -> Option<&str> {
        match self {
            Kind::RegistrationConfirm { link }
            | Kind::RegistrationValidated { link }
            | Kind::PasswordReset { link }
            | Kind::ImmediateCall { link, .. }
            | Kind::DocumentsAvailable { link, .. }
            | Kind::PaymentRequested { link, .. }
            | Kind::PaymentActivationRequested { link }
            | Kind::PaymentActivated { link }
            | Kind::RetentionWarning { link, .. }
            | Kind::WebhookDisabled { link } => Some(link),
            Kind::Invitation { appointment, .. }
            | Kind::Moved { appointment, .. }
            | Kind::Reminder { appointment, .. } => Some(&appointment.link),
            _ => None,
        }
    }
}

fn arguments(kind: &Kind, locale: &str) -> FluentArgs<'static> {
    let mut args = FluentArgs::new();
    if let Some(link) = kind.link() {
        args.set("link", link.to_owned());
    }
    match kind {
        Kind::RegistrationRefused { reason } => {
            args.set("has-reason", if reason.trim().is_empty() { "no" } else { "yes" });
            args.set("reason", reason.clone());
        }
        Kind::LoginAlert { at, zone } => set_time(&mut args, *at, zone, locale),
        Kind::AccountLocked { until, zone } | Kind::DocumentsAvailable { until, zone, .. } => {
            set_time(&mut args, *until, zone, locale);
        }
        Kind::Invitation { recipient, appointment }
        | Kind::Moved { recipient, appointment }
        | Kind::Cancelled { recipient, appointment }
        | Kind::Reminder { recipient, appointment } => {
            set_time(&mut args, appointment.start, &appointment.zone, locale);
            args.set("recipient", recipient_word(*recipient));
            args.set("professional", appointment.professional.clone());
        }
        Kind::ImmediateCall { minutes, .. } => args.set("minutes", minutes.to_string()),
        Kind::PaymentRequested { amount_cents, .. } => set_amount(&mut args, *amount_cents),
        Kind::PaymentReceipt { amount_cents, paid_at, zone, reference } => {
            set_amount(&mut args, *amount_cents);
            set_time(&mut args, *paid_at, zone, locale);
            args.set("reference", reference.clone());
        }
        Kind::PaymentRefunded { amount_cents, reference } => {
            set_amount(&mut args, *amount_cents);
            args.set("reference", reference.clone());
        }
        Kind::RetentionWarning { days, .. } => args.set("days", i64::from(*days)),
        _ => {}
    }
    args
}

fn recipient_word(recipient: RecipientKind) -> &'static str {
    match recipient {
        RecipientKind::Patient => "patient",
        RecipientKind::Carer => "carer",
        RecipientKind::Facility => "facility",
        RecipientKind::Colleague => "colleague",
        RecipientKind::Interpreter => "interpreter",
        RecipientKind::BedsideProfessional => "bedside_professional",
    }
}

/// The wall time in the zone that somebody chose. An unknown zone reads as UTC and is named.
fn set_time(args: &mut FluentArgs<'static>, at: Timestamp, zone: &str, locale: &str) {
    let (found, name) = match TimeZone::get(zone) {
        Ok(found) => (found, zone),
        Err(_) => (TimeZone::UTC, "UTC"),
    };
    let local = found.to_datetime(at);
    args.set("weekday", i64::from(local.weekday().to_monday_one_offset()));
    args.set("day", i64::from(local.day()));
    args.set("day2", format!("{:02}", local.day()));
    args.set("month", i64::from(local.month()));
    args.set("month2", format!("{:02}", local.month()));
    args.set("year", local.year().to_string());
    // French says 9 h 05, English 09:05.
    let hour = local.hour();
    args.set("hour", if locale == "en" { format!("{hour:02}") } else { hour.to_string() });
    args.set("minute", format!("{:02}", local.minute()));
    args.set("elsewhere", if name == HOME_ZONE { "no" } else { "yes" });
    args.set("zone", name.replace('_', " "));
}

fn set_amount(args: &mut FluentArgs<'static>, cents: u32) {
    args.set("euros", (cents / 100).to_string());
    args.set("cents", format!("{:02}", cents % 100));
}

fn paragraphs(text: &str) -> Vec<String> {
    text.split("\n\n").map(one_line).filter(|paragraph| !paragraph.is_empty()).collect()
}

/// White space of the catalogue's layout, and line breaks that a value may bring.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
pub(crate) mod tests;
