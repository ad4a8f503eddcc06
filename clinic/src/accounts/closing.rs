//! The end of an account: whatever names its owner is erased at once (GDPR, articles 5 and 17).
//!
//! What stays is a shell (id, status, times) for the consultations and events that name the account by its id; it goes after
//! [`crate::model::retention::Kept::ClosedAccount`]. Consultations that are over keep their own time: a sealed report names
//! its author until it is erased with its file.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};

use super::{devices, identity, psc, secrets};
use crate::Clinic;
use crate::admin::is_last_administrator;
use crate::audit::{Action as Audited, ActorKind, Event, Outcome};
use crate::consultations::{Read, erase_patient};
use crate::crypto::Purpose;
use crate::http::problem::ProblemBody;
use crate::http::{Code, Problem, SignedIn, session};
use crate::idempotency;
use crate::ids::AccountId;
use crate::messages::{self, Kind, Letter};
use crate::model::{
    Account, AccountStatus, Consultation, Facility, ParticipantRole, Patient, PaymentAccount,
    PaymentAccountStatus, Professional, Session, Shelf, SignatureImage, Status, account_status,
};
use crate::outbox::{Message, Status as MessageStatus, forget_address};
use crate::store::{IndexKey, Query, Record, StoreError, Tx, Versioned};

/// More records of one kind than one account has.
const ALL: usize = 100_000;

/// Closes one's own account and erases what it holds. There is no way back; the address may register anew. Refused while
/// consultations are planned or running.
#[utoipa::path(delete, path = "/api/v1/me", tag = "me", security(("session" = [])), responses(
    (status = 204, description = "Closed and erased; the cookie is taken away"),
    (status = 401, description = "Not logged in, or a proof of presence is needed", body = ProblemBody, content_type = "application/problem+json"),
    (status = 409, description = "`consultations-open`, with their number as message of the field `/consultations`; or the last administrator", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn close(State(clinic): State<Clinic>, signed_in: SignedIn) -> Result<Response, Problem> {
    let now = clinic.clock().now();
    if now.duration_since(signed_in.session.authenticated_at) > session::PRESENCE {
        return Err(Problem::new(Code::ReauthenticationRequired));
    }
    clinic
        .store()
        .write(|tx| {
            let account = tx.get::<Account>(signed_in.id())?;
            let mut account = account.ok_or(Problem::new(Code::Unauthenticated))?;
            erase(&clinic, tx, &mut account)?;
            tx.update(&mut account)?;
            let event = Event::new(now, Audited::AccountClosed)
                .by(ActorKind::Account, Some(signed_in.id().to_string()))
                .on(signed_in.id());
            tx.audit(&event.with(Outcome::Ok, "by-owner"))?;
            Ok::<_, Problem>(())
        })
        .await?;
    clinic.outbox().wake();
    let cleared = session::Cookie::Account.clear(clinic.secure_cookies());
    Ok((StatusCode::NO_CONTENT, [cleared]).into_response())
}

/// Closes `account`: erases what names its owner, here and in everything that hangs on it. The account itself is left to be
/// stored by the caller, and the event too.
pub(crate) fn erase(
    clinic: &Clinic,
    tx: &mut Tx<'_>,
    account: &mut Versioned<Account>,
) -> Result<(), Problem> {
    if account.status == AccountStatus::Closed {
        return Err(Problem::new(Code::InvalidTransition));
    }
    if is_last_administrator(tx, account)? {
        return Err(Problem::new(Code::LastAdministrator));
    }
    let open = open_consultations(tx, &account.id)?;
    if open > 0 {
        return Err(Problem::new(Code::ConsultationsOpen).counted("/consultations", "open", open));
    }
    let id = account.id.clone();
    for one in of::<Session>(tx, "subject", &id)? {
        // It holds the token of the identity provider, which has the name in it.
        psc::logout::forget(tx, &one.id)?;
        tx.delete::<Session>(&one.id)?;
    }
    secrets::revoke(tx, &id)?;
    devices::forget_all(tx, &id)?;
    identity::unbind(tx, &id)?;
    idempotency::forget(tx, id.as_str())?;
    tx.delete::<SignatureImage>(&id)?;
    tx.delete::<Professional>(&id)?;
    erase_office(tx, &id)?;
    erase_mail(clinic, tx, account)?;
    blank(clinic, account);
    Ok(())
}

/// Consultations that still need somebody: planned, open or in a call.
fn open_consultations(tx: &Tx<'_>, id: &AccountId) -> Result<usize, StoreError> {
    let mut count = 0_usize;
    for shelf in [Shelf::Live, Shelf::Upcoming] {
        let key = IndexKey::new().text(id.as_str()).text(shelf.as_str());
        let found = tx.list::<Consultation>(&Query::new("owner_shelf", key).limit(ALL))?;
        count = count.saturating_add(found.items.len());
    }
    Ok(count)
}

fn of<R: Record>(tx: &Tx<'_>, index: &'static str, id: &AccountId) -> Result<Vec<Versioned<R>>, StoreError> {
    Ok(tx.list::<R>(&Query::new(index, IndexKey::new().text(id.as_str())).limit(ALL))?.items)
}

/// The address book, files of patients without a consultation, the keys of the payment provider, the names in one's own
/// consultations, and the secretaries' bonds.
fn erase_office(tx: &mut Tx<'_>, id: &AccountId) -> Result<(), StoreError> {
    for facility in of::<Facility>(tx, "owner", id)? {
        tx.delete::<Facility>(&facility.id)?;
    }
    for patient in of::<Patient>(tx, "owner", id)? {
        // With a consultation the file goes when the last of them does.
        let consultations = tx.all::<Consultation>("patient", patient.id.as_str())?;
        if consultations.iter().all(|one| one.status == Status::Purged) {
            erase_patient(tx, &patient.id)?;
        }
    }
    for mut payment in of::<PaymentAccount>(tx, "professional", id)? {
        payment.credentials = serde_json::Value::Null;
        payment.status = PaymentAccountStatus::Disabled;
        tx.update(&mut payment)?;
    }
    // In a colleague's consultation the name belongs to the colleague's file.
    for consultation in of::<Consultation>(tx, "owner", id)? {
        for mut seat in tx.participants(&consultation.id)? {
            if seat.role == ParticipantRole::Owner || seat.account.as_ref() == Some(id) {
                seat.display_name.clear();
                seat.rpps = None;
                seat.place = None;
                seat.callback = None;
                tx.update(&mut seat)?;
            }
        }
    }
    for mut secretary in of::<Account>(tx, "works_for", id)? {
        secretary.works_for.retain(|one| one != id);
        tx.update(&mut secretary)?;
    }
    Ok(())
}

/// Takes back what waits for the address, and writes to it a last time. The outbox forgets an address with the last try.
fn erase_mail(clinic: &Clinic, tx: &mut Tx<'_>, account: &Account) -> Result<(), StoreError> {
    for message in of::<Message>(tx, "about", &account.id)? {
        forget_address(tx, &message.value.id)?;
    }
    // About something else, to the same address, and not sent yet.
    for status in [MessageStatus::Queued, MessageStatus::Sending] {
        let waiting = Query::new("status", IndexKey::new().text(status.as_str())).limit(ALL);
        for message in tx.list::<Message>(&waiting)?.items {
            if message.destination == account.email {
                forget_address(tx, &message.value.id)?;
            }
        }
    }
    messages::post(clinic, tx, &Letter::for_account(account, Kind::AccountClosed)).map(|_| ())
}

fn blank(clinic: &Clinic, account: &mut Account) {
    // No address is without an at sign, so nobody is found by this.
    let nobody = format!("closed|{}", account.id);
    account.email = String::new();
    account.email_hash = clinic.lookup().hash(Purpose::Email, &nobody);
    account.email_verified_at = None;
    account.password_hash = None;
    account.totp_secret = None;
    account.totp_pending = None;
    account.totp_last_step = 0;
    account.recovery_codes.clear();
    account.roles.clear();
    account.works_for.clear();
    account.last_login_at = None;
    account.failed_logins = 0;
    account.locked_until = None;
    account.session_epoch = account.session_epoch.saturating_add(1);
    account.status = AccountStatus::Closed;
    account.closed_at = Some(clinic.clock().now());
}

/// Deletes the shells of accounts that were closed longer than `life` ago. For a timer.
pub(super) fn sweep(tx: &mut Tx<'_>, now: Timestamp, life: SignedDuration) -> Result<usize, StoreError> {
    let closed = account_status(AccountStatus::Closed);
    let all = tx.list::<Account>(&Query::new("status", IndexKey::new().text(closed)).limit(ALL))?.items;
    let over =
        |one: &&Versioned<Account>| one.closed_at.is_some_and(|closed| now.duration_since(closed) > life);
    let old: Vec<AccountId> = all.iter().filter(over).map(|one| one.id.clone()).collect();
    for id in &old {
        tx.delete::<Account>(id)?;
    }
    Ok(old.len())
}
