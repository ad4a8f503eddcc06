//! Login by password, sessions, new passwords.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::devices::{self, Arrived, Visit};
use super::registration::{Address, MAILS, check_password, find};
use super::secrets::{self, MailedPurpose};
use super::slow;
use crate::Clinic;
use crate::audit::{Action as Audited, ActorKind, Event, Outcome};
use crate::crypto::{LookupHash, Purpose, Secret, password};
use crate::http::problem::ProblemBody;
use crate::http::session::{self, Cookie};
use crate::http::{Code, HalfSignedIn, Json, Peer, Problem, SignedIn};
use crate::ids::AccountId;
use crate::limits::{self, Exceeded, Rate};
use crate::messages::{self, Kind, Letter};
use crate::model::people::email_key;
use crate::model::{Account, AccountStatus, LoginMethod, Role, Session, Subject};
use crate::store::{StoreError, Tx, Versioned};

/// Wrong passwords for one address, known or not; a right one gives the allowance back.
const TRIES: Rate = Rate { limit: 5, window: jiff::SignedDuration::from_mins(15) };
/// Logins from one network address.
const FROM_ONE_ADDRESS: Rate = Rate::per_minute(30);

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    email: String,
    password: String,
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Nothing: logged in.
    Done,
    /// `/auth/mfa`.
    SecondFactor,
    /// `/auth/mfa/enrolment`.
    EnrolSecondFactor,
}

/// The session of the caller.
#[derive(Debug, Serialize, ToSchema)]
pub struct SessionBody {
    pub next: Step,
    /// For `X-CSRF-Token`.
    pub csrf_token: String,
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
    pub account_id: AccountId,
    pub roles: Vec<Role>,
    /// `fr` or `en`.
    pub locale: String,
    /// The person proved to be there lately: signing and validating are open until then.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub present_until: Option<Timestamp>,
}

pub(super) fn body(clinic: &Clinic, session: &Session, account: &Account) -> SessionBody {
    let present_until = session.authenticated_at.saturating_add(session::PRESENCE).unwrap_or(Timestamp::MAX);
    let next = match (session.complete, account.totp_secret.is_some()) {
        (true, _) => Step::Done,
        (false, true) => Step::SecondFactor,
        (false, false) => Step::EnrolSecondFactor,
    };
    SessionBody {
        next,
        csrf_token: session::csrf_token(clinic, session),
        expires_at: session.expires_at,
        account_id: account.id.clone(),
        roles: account.roles.clone(),
        locale: account.locale.clone(),
        present_until: (session.complete && present_until > clinic.clock().now()).then_some(present_until),
    }
}

/// The answer that sets the cookie.
pub(super) fn with_cookie(clinic: &Clinic, secret: &Secret, body: SessionBody) -> Response {
    let cookie = Cookie::Account.set(clinic.secure_cookies(), secret);
    ([cookie], axum::Json(body)).into_response()
}

/// A login that is complete: its session, the cookie's secret, and the browser as it is known from now on.
pub(super) type Begun = (Session, Secret, Arrived);

/// A session with everything it takes, in place of an incomplete one, whose secret is dead then.
pub(super) fn complete(
    clinic: &Clinic,
    tx: &mut Tx<'_>,
    visit: &Visit,
    old: &Session,
    account: &mut Versioned<Account>,
) -> Result<Begun, StoreError> {
    let now = clinic.clock().now();
    tx.delete::<Session>(&old.id)?;
    // Somebody who sets up the second factor once more is logged in already.
    let first = account.last_login_at.is_none() || old.complete;
    account.last_login_at = Some(now);
    tx.update(account)?;
    let arrived = devices::arrive(clinic, tx, visit, account, first)?;
    let subject = Subject::Account { account: account.id.clone() };
    tx.audit(&Event::new(now, Audited::AuthLoginOk).by(ActorKind::Account, Some(account.id.to_string())))?;
    let (mut session, secret) = session::begin(clinic, tx, subject, old.method, true, account.session_epoch)?;
    session.client = visit.client;
    tx.put(&session)?;
    Ok((session, secret, arrived))
}

fn too_often(exceeded: Exceeded) -> Problem {
    exceeded.into()
}

/// First half of a login. Unknown address, wrong password and inactive account get the same answer in the same time; after
/// five tries an address waits, known or not.
#[utoipa::path(post, path = "/api/v1/auth/password", tag = "login", request_body = Credentials, responses(
    (status = 200, description = "The password is right; the cookie is set; `next` says what is left", body = SessionBody),
    (status = 401, description = "Refused", body = ProblemBody, content_type = "application/problem+json"),
    (status = 429, description = "Too many tries", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn password(
    State(clinic): State<Clinic>,
    peer: Peer,
    Json(credentials): Json<Credentials>,
) -> Result<Response, Problem> {
    let now = clinic.clock().now();
    clinic.traffic().take(now, "login", &peer.subject(), FROM_ONE_ADDRESS)?;
    let key = email_key(credentials.email.trim());
    let hash = clinic.lookup().hash(Purpose::Email, &key);
    let (taken, account) = clinic
        .store()
        .write(|tx| Ok::<_, StoreError>((limits::take(tx, now, "login", &hash, TRIES)?, find(tx, &hash)?)))
        .await?;
    taken.map_err(too_often)?;
    let stored = account.as_ref().and_then(|account| account.password_hash.clone());
    let typed = credentials.password;
    let right = typed.chars().count() <= password::CHARS_MAX
        && slow(move || password::verify(stored.as_deref(), &typed)).await?;
    let account = account.filter(|account| right && account.status == AccountStatus::Active);
    let Some(account) = account else {
        fail(&clinic, now, &hash, peer).await?;
        return Err(Problem::new(Code::LoginFailed));
    };
    let begun = clinic
        .store()
        .write(|tx| {
            limits::reset(tx, "login", &hash)?;
            let subject = Subject::Account { account: account.id.clone() };
            session::begin(&clinic, tx, subject, LoginMethod::Password, false, account.session_epoch)
        })
        .await?;
    Ok(with_cookie(&clinic, &begun.1, body(&clinic, &begun.0, &account)))
}

/// Audits a failure: by the account if there is one, and the lockout when it comes.
async fn fail(clinic: &Clinic, now: Timestamp, hash: &LookupHash, peer: Peer) -> Result<(), StoreError> {
    clinic
        .store()
        .write(|tx| {
            let account = find(tx, hash)?;
            let id = account.as_ref().map(|account| account.id.to_string());
            let kind = if id.is_some() { ActorKind::Account } else { ActorKind::Anonymous };
            let event = |action| Event::new(now, action).by(kind, id.clone()).from_address(peer.0);
            tx.audit(&event(Audited::AuthLoginFail).with(Outcome::Failed, "credentials"))?;
            if limits::left(tx, now, "login", hash, TRIES)? == 0 {
                tx.audit(&event(Audited::AuthLockout).with(Outcome::Denied, "too-many-tries"))?;
                if let Some(account) = account.filter(|account| account.status == AccountStatus::Active) {
                    locked(clinic, tx, now, &account, hash)?;
                }
            }
            Ok::<_, StoreError>(())
        })
        .await?;
    clinic.outbox().wake();
    Ok(())
}

/// Mails the owner of an account that somebody tries passwords: once an hour, however long they try.
fn locked(
    clinic: &Clinic,
    tx: &mut Tx<'_>,
    now: Timestamp,
    account: &Account,
    hash: &LookupHash,
) -> Result<(), StoreError> {
    if limits::take(tx, now, "locked-mail", hash, Rate::per_hour(1))?.is_err() {
        return Ok(());
    }
    let until = now.saturating_add(TRIES.window / 5).unwrap_or(now);
    let kind = Kind::AccountLocked { until, zone: account.time_zone.clone() };
    messages::post(clinic, tx, &Letter::for_account(account, kind)).map(|_| ())
}

/// The session of the cookie, with what is left to do.
#[utoipa::path(get, path = "/api/v1/auth/session", tag = "login", security(("session" = [])), responses(
    (status = 200, description = "The session", body = SessionBody),
    (status = 401, description = "None", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn session(State(clinic): State<Clinic>, half: HalfSignedIn) -> axum::Json<SessionBody> {
    axum::Json(body(&clinic, &half.session, &half.account))
}

/// Where a logout goes on.
#[derive(Debug, Serialize, ToSchema)]
pub struct LoggedOut {
    /// The browser goes there to end the session at Pro Santé Connect too.
    continue_at: String,
}

/// Ends the session.
#[utoipa::path(post, path = "/api/v1/auth/logout", tag = "login", security(("session" = [])), responses(
    (status = 200, description = "Ended here; Pro Santé Connect has a session of its own", body = LoggedOut),
    (status = 204, description = "Ended; the cookie is taken away"),
    (status = 401, description = "There was none", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn logout(State(clinic): State<Clinic>, half: HalfSignedIn) -> Result<Response, Problem> {
    let now = clinic.clock().now();
    let id_token = clinic
        .store()
        .write(|tx| {
            tx.delete::<Session>(&half.session.id)?;
            let who = Some(half.account.id.to_string());
            tx.audit(&Event::new(now, Audited::AuthLogout).by(ActorKind::Account, who))?;
            super::psc::logout::forget(tx, &half.session.value.id)
        })
        .await?;
    let cookie = Cookie::Account.clear(clinic.secure_cookies());
    let on = match id_token {
        Some(id_token) => super::psc::logout::address(&clinic, &id_token).await,
        None => None,
    };
    Ok(match on {
        Some(continue_at) => ([cookie], axum::Json(LoggedOut { continue_at })).into_response(),
        None => (StatusCode::NO_CONTENT, [cookie]).into_response(),
    })
}

/// Mails a link for a new password, if the address has an active account. The answer is the same if not.
#[utoipa::path(post, path = "/api/v1/auth/password/forgot", tag = "login", request_body = Address, responses(
    (status = 202, description = "Mailed, if there is an account"),
))]
pub(super) async fn forgot(
    State(clinic): State<Clinic>,
    peer: Peer,
    Json(Address { email }): Json<Address>,
) -> Result<StatusCode, Problem> {
    let now = clinic.clock().now();
    clinic.traffic().take(now, "login", &peer.subject(), FROM_ONE_ADDRESS)?;
    let hash = clinic.lookup().hash(Purpose::Email, &email_key(email.trim()));
    clinic
        .store()
        .write(|tx| {
            if limits::take(tx, now, "mail", &hash, MAILS)?.is_err() {
                return Ok(());
            }
            let Some(account) = find(tx, &hash)?.filter(|account| account.status == AccountStatus::Active)
            else {
                return Ok::<_, StoreError>(());
            };
            let secret = secrets::make(&clinic, tx, MailedPurpose::ResetPassword, &account.id)?;
            let link = format!("{}/connexion/mot-de-passe#{}", clinic.config().public_url, secret.expose());
            let expires_at = now.saturating_add(jiff::SignedDuration::from_hours(1)).ok();
            let letter = Letter { expires_at, ..Letter::for_account(&account, Kind::PasswordReset { link }) };
            messages::post(&clinic, tx, &letter).map(|_| ())
        })
        .await?;
    clinic.outbox().wake();
    Ok(StatusCode::ACCEPTED)
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Reset {
    /// From the fragment of the mailed link.
    token: String,
    password: String,
}

/// Sets a new password by the secret of the mail. All sessions end; the second factor stays.
#[utoipa::path(post, path = "/api/v1/auth/password/reset", tag = "login", request_body = Reset, responses(
    (status = 204, description = "Set"),
    (status = 404, description = "Used, expired or never made", body = ProblemBody, content_type = "application/problem+json"),
    (status = 422, description = "Too weak", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn reset(
    State(clinic): State<Clinic>,
    peer: Peer,
    Json(Reset { token, password }): Json<Reset>,
) -> Result<StatusCode, Problem> {
    let now = clinic.clock().now();
    clinic.traffic().take(now, "mailed-secret", &peer.subject(), Rate::per_minute(20))?;
    let phc = new_hash(password, Vec::new()).await?;
    clinic
        .store()
        .write(|tx| {
            let id = secrets::redeem(&clinic, tx, MailedPurpose::ResetPassword, &token)?;
            let id = id.ok_or(Problem::new(Code::LinkUnknown))?;
            let account = tx.get::<Account>(&id)?.filter(|account| account.status == AccountStatus::Active);
            let mut account = account.ok_or(Problem::new(Code::LinkUnknown))?;
            replace_password(&clinic, tx, &mut account, phc)?;
            Ok::<_, Problem>(())
        })
        .await?;
    clinic.outbox().wake();
    Ok(StatusCode::NO_CONTENT)
}

async fn new_hash(password: String, about: Vec<String>) -> Result<String, Problem> {
    slow(move || {
        let about: Vec<&str> = about.iter().map(String::as_str).collect();
        check_password(&password, &about)?;
        Ok(password::hash(&password))
    })
    .await?
}

/// The new password, the end of all sessions, and a mail that says so.
fn replace_password(
    clinic: &Clinic,
    tx: &mut Tx<'_>,
    account: &mut Versioned<Account>,
    phc: String,
) -> Result<(), StoreError> {
    let now = clinic.clock().now();
    account.password_hash = Some(phc);
    account.session_epoch = account.session_epoch.saturating_add(1);
    tx.update(account)?;
    session::end_all(tx, &account.value.id)?;
    let who = Some(account.id.to_string());
    tx.audit(&Event::new(now, Audited::AccountPasswordChanged).by(ActorKind::Account, who))?;
    messages::post(clinic, tx, &Letter::for_account(account, Kind::PasswordChanged)).map(|_| ())
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPassword {
    password: String,
}

/// Sets a new password for whoever is logged in and proved to be there lately. Other sessions end.
#[utoipa::path(put, path = "/api/v1/me/password", tag = "me", request_body = NewPassword, security(("session" = [])), responses(
    (status = 200, description = "Set; the cookie is new", body = SessionBody),
    (status = 401, description = "Not logged in, or a proof of presence is needed", body = ProblemBody, content_type = "application/problem+json"),
    (status = 422, description = "Too weak", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn change_password(
    State(clinic): State<Clinic>,
    mut signed_in: SignedIn,
    Json(NewPassword { password }): Json<NewPassword>,
) -> Result<Response, Problem> {
    let now = clinic.clock().now();
    if now.duration_since(signed_in.session.authenticated_at) > session::PRESENCE {
        return Err(Problem::new(Code::ReauthenticationRequired));
    }
    let phc = new_hash(password, vec![signed_in.account.email.clone()]).await?;
    let (session, secret) = clinic
        .store()
        .write(|tx| {
            replace_password(&clinic, tx, &mut signed_in.account, phc)?;
            let subject = Subject::Account { account: signed_in.account.id.clone() };
            let (epoch, old) = (signed_in.account.session_epoch, &signed_in.session);
            let (mut session, secret) = session::begin(&clinic, tx, subject, old.method, true, epoch)?;
            session.client = old.client;
            tx.put(&session)?;
            Ok::<_, StoreError>((session, secret))
        })
        .await
        .map_err(Problem::from)?;
    clinic.outbox().wake();
    Ok(with_cookie(&clinic, &secret, body(&clinic, &session, &signed_in.account)))
}
