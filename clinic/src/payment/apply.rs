//! What a provider tells, put into the record, with what follows from it.

use jiff::Timestamp;

use super::provider::{Standing, What as Told};
use crate::Clinic;
use crate::audit::{Action as Audited, Outcome};
use crate::clock::Schedule;
use crate::consultations::{Read, event as noted, note};
use crate::hooks::{self, Happened};
use crate::http::{Actor, Problem};
use crate::messages::{self, Channel, Letter};
use crate::model::payment::{PaymentTrigger as Trigger, step};
use crate::model::{Consultation, Contact, Invitation, PaymentPage, PaymentRefund, PaymentRequest};
use crate::store::{StoreError, Tx, Versioned};

/// Refunds of one payment that are kept by name; more are counted by their sum.
const REFUNDS_MAX: usize = 50;
pub(super) const AMOUNT_MISMATCH: &str = "amount-mismatch";
pub(super) const CURRENCY_MISMATCH: &str = "currency-mismatch";
const PAID_TWICE: &str = "paid-twice";

/// Money came that is not what was asked for: somebody has to look at the provider's before anything more is paid.
pub(super) fn is_mismatch(payment: &PaymentRequest) -> bool {
    matches!(payment.failure.as_deref(), Some(AMOUNT_MISMATCH | CURRENCY_MISMATCH))
}

/// What changed, for those who are told.
enum Change {
    Nothing,
    /// Only for those who look.
    Moved,
    Paid,
    Failed,
    Refunded,
}

/// Puts what was told into the payment. True when something changed; then tell [`crate::consultations::Live`] and wake the
/// outbox.
pub(super) fn apply(
    clinic: &Clinic,
    tx: &mut Tx<'_>,
    actor: &Actor,
    payment: &mut Versioned<PaymentRequest>,
    reference: Option<&str>,
    told: &Told,
) -> Result<bool, Problem> {
    let before = payment.value.clone();
    let now = clinic.clock().now();
    let current = reference.is_none_or(|reference| payment.provider_ref.as_deref() == Some(reference));
    let mut change = match told {
        // Of a try that was given up for another.
        Told::Processing | Told::Failed | Told::Lapsed if !current => Change::Nothing,
        Told::Processing => moved(payment, Trigger::Process),
        Told::Failed => {
            let change = moved(payment, Trigger::Fail);
            if matches!(change, Change::Moved) {
                payment.failure = Some("refused".to_owned());
                Change::Failed
            } else {
                change
            }
        }
        Told::Lapsed => {
            forget_page(tx, payment)?;
            Change::Nothing
        }
        Told::Paid { amount_cents, currency, transaction } => {
            paid(payment, now, reference, *amount_cents, currency, transaction)
        }
        Told::RefundedTotal { amount_cents } => refunded(payment, *amount_cents),
        Told::RefundedOne { reference, amount_cents } => refunded_one(payment, reference, *amount_cents),
    };
    if payment.value == before {
        change = Change::Nothing;
    }
    if matches!(change, Change::Nothing) {
        return Ok(false);
    }
    finish(clinic, tx, actor, payment, &before, &change)?;
    Ok(true)
}

/// As [`apply`], for what the provider said when asked.
pub(super) fn apply_standing(
    clinic: &Clinic,
    tx: &mut Tx<'_>,
    payment: &mut Versioned<PaymentRequest>,
    reference: &str,
    standing: &Standing,
) -> Result<bool, Problem> {
    let mut changed = false;
    if let Some(what) = &standing.what {
        changed |= apply(clinic, tx, &Actor::System, payment, Some(reference), what)?;
    }
    for refund in &standing.refunds {
        changed |= apply(clinic, tx, &Actor::System, payment, Some(reference), refund)?;
    }
    Ok(changed)
}

/// After a refund of ours that the provider did: `reference` is its name, empty where it is not known.
pub(super) fn settle_refund(
    clinic: &Clinic,
    tx: &mut Tx<'_>,
    actor: &Actor,
    payment: &mut Versioned<PaymentRequest>,
    reference: &str,
) -> Result<(), Problem> {
    let before = payment.value.clone();
    let Some(refunding) = payment.refunding.take() else { return Ok(()) };
    let total = refunding.before_cents.saturating_add(refunding.amount_cents);
    if !reference.is_empty() {
        remember(payment, reference, refunding.amount_cents);
    }
    let change = match refunded(payment, total.into()) {
        // The provider's notice was quicker, and everybody was told.
        Change::Nothing => Change::Moved,
        change => change,
    };
    finish(clinic, tx, actor, payment, &before, &change)
}

fn moved(payment: &mut PaymentRequest, trigger: Trigger) -> Change {
    match step(payment.state, trigger) {
        Some(next) if next != payment.state => {
            payment.state = next;
            Change::Moved
        }
        _ => Change::Nothing,
    }
}

fn paid(
    payment: &mut PaymentRequest,
    now: Timestamp,
    reference: Option<&str>,
    cents: u64,
    currency: &str,
    transaction: &str,
) -> Change {
    if payment.state.was_paid() {
        // An order that was given up for another try, and was paid all the same.
        return match &payment.transaction {
            Some(known) if known == transaction => Change::Nothing,
            Some(_) => {
                payment.failure = Some(PAID_TWICE.to_owned());
                Change::Failed
            }
            // A refund was told before the payment.
            None => {
                payment.transaction = Some(transaction.to_owned());
                payment.paid_at = Some(now);
                Change::Moved
            }
        };
    }
    let mismatch = match () {
        () if !currency.eq_ignore_ascii_case(&payment.currency) => Some(CURRENCY_MISMATCH),
        () if cents != u64::from(payment.amount_cents) => Some(AMOUNT_MISMATCH),
        () => None,
    };
    payment.transaction = Some(transaction.to_owned());
    if let Some(reference) = reference {
        payment.provider_ref = Some(reference.to_owned());
    }
    if let Some(mismatch) = mismatch {
        moved(payment, Trigger::Fail);
        payment.failure = Some(mismatch.to_owned());
        return Change::Failed;
    }
    moved(payment, Trigger::Succeed);
    payment.paid_at = Some(now);
    payment.failure = None;
    Change::Paid
}

fn refunded(payment: &mut PaymentRequest, total: u64) -> Change {
    let total = u32::try_from(total).unwrap_or(u32::MAX).min(payment.amount_cents);
    if total <= payment.refunded_cents {
        return Change::Nothing;
    }
    payment.refunded_cents = total;
    let trigger = if total == payment.amount_cents { Trigger::RefundAll } else { Trigger::RefundPart };
    moved(payment, trigger);
    Change::Refunded
}

fn refunded_one(payment: &mut PaymentRequest, reference: &str, cents: u64) -> Change {
    if payment.refunds.iter().any(|refund| refund.reference == reference)
        || payment.refunds.len() >= REFUNDS_MAX
    {
        return Change::Nothing;
    }
    let cents = u32::try_from(cents).unwrap_or(u32::MAX);
    remember(payment, reference, cents);
    let total = payment.refunded_cents.saturating_add(cents);
    refunded(payment, total.into())
}

fn remember(payment: &mut PaymentRequest, reference: &str, amount_cents: u32) {
    let known = payment.refunds.iter().any(|refund| refund.reference == reference);
    if !known && payment.refunds.len() < REFUNDS_MAX {
        payment.refunds.push(PaymentRefund { reference: reference.to_owned(), amount_cents });
    }
}

/// Nobody is sent to the page of the last try any more.
pub(super) fn forget_page(tx: &mut Tx<'_>, payment: &PaymentRequest) -> Result<(), StoreError> {
    if let Some(mut page) = tx.unpurged::<PaymentPage>(payment.id.as_str())?
        && !page.url.is_empty()
    {
        page.url.clear();
        page.until = None;
        tx.update(&mut page)?;
    }
    Ok(())
}

/// Writes the record, the trail, the portals' events and the patient's receipt.
fn finish(
    clinic: &Clinic,
    tx: &mut Tx<'_>,
    actor: &Actor,
    payment: &mut Versioned<PaymentRequest>,
    before: &PaymentRequest,
    change: &Change,
) -> Result<(), Problem> {
    let now = clinic.clock().now();
    tx.update(payment)?;
    if payment.state.was_paid() {
        tx.unschedule(super::expiry::KIND, &payment.id)?;
        forget_page(tx, payment)?;
    }
    let Some(consultation) = tx.unpurged::<Consultation>(payment.consultation.as_str())? else {
        return Ok(());
    };
    let (audited, event) = match change {
        Change::Nothing | Change::Moved => return Ok(()),
        Change::Paid => (Audited::PaymentPaid, "payment.paid"),
        Change::Failed => (Audited::PaymentFailed, "payment.failed"),
        Change::Refunded => (Audited::PaymentRefunded, "payment.refunded"),
    };
    match (change, payment.failure.as_deref()) {
        (Change::Failed, Some(failure)) => {
            let event = noted(now, actor, &consultation.owner, audited, &payment.id);
            tx.audit(&event.with(Outcome::Failed, failure))?;
        }
        _ => note(tx, now, actor, &consultation.owner, audited, &payment.id)?,
    }
    let about = [("payment_id", payment.id.as_str())];
    hooks::emit(tx, now, Happened { event, consultation: &consultation, about: &about })?;
    let back = payment.refunded_cents.saturating_sub(before.refunded_cents);
    receipt(clinic, tx, &consultation, payment, change, back)?;
    Ok(())
}

/// A mail to the patient, where an address is known.
fn receipt(
    clinic: &Clinic,
    tx: &mut Tx<'_>,
    consultation: &Consultation,
    payment: &PaymentRequest,
    change: &Change,
    back_cents: u32,
) -> Result<(), StoreError> {
    let contact = tx.unpurged::<Contact>(consultation.id.as_str())?;
    let Some(email) = contact.and_then(|contact| contact.value.email) else { return Ok(()) };
    let reference = payment.id.to_string();
    let kind = match (change, payment.paid_at) {
        (Change::Paid, Some(paid_at)) => messages::Kind::PaymentReceipt {
            amount_cents: payment.amount_cents,
            paid_at,
            zone: consultation.time_zone.clone(),
            reference,
        },
        (Change::Refunded, _) => messages::Kind::PaymentRefunded { amount_cents: back_cents, reference },
        _ => return Ok(()),
    };
    let invitations = tx.all::<Invitation>("consultation", consultation.id.as_str())?;
    let locale = invitations.first().map_or_else(|| "fr".to_owned(), |one| one.locale.clone());
    let letter = Letter {
        kind,
        channel: Channel::Email,
        to: email,
        locale,
        about: payment.id.to_string(),
        data_key: Some(consultation.data_key()),
        professional: None,
        expires_at: None,
    };
    messages::post(clinic, tx, &letter).map(|_| ())
}
