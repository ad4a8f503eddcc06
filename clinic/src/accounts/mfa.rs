//! The second factor: enrolment, codes, recovery codes, proof of presence.

use axum::extract::State;
use axum::response::Response;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::devices::Visit;
use super::login::{SessionBody, body, complete, with_cookie};
use super::{slow, totp};
use crate::Clinic;
use crate::audit::{Action as Audited, ActorKind, Event, Outcome};
use crate::crypto::{LookupHash, Purpose, fill_random, password};
use crate::http::problem::ProblemBody;
use crate::http::{Code, HalfSignedIn, Json, Problem, SignedIn, session};
use crate::limits::{self, Rate};
use crate::messages::{self, Kind, Letter};
use crate::model::{Account, Session};
use crate::store::{StoreError, Tx, Versioned};

/// Wrong codes for one account; a right one gives the allowance back.
const TRIES: Rate = Rate { limit: 5, window: SignedDuration::from_mins(15) };
/// Recovery codes handed out at once.
const RECOVERY_CODES: usize = 10;
/// Without letters and digits that are taken for each other.
const RECOVERY_ALPHABET: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz123456789";

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SecondFactor {
    /// Six digits of the authenticator. This or `recovery_code`.
    #[serde(default)]
    code: Option<String>,
    /// One of the ten; used up by this.
    #[serde(default)]
    recovery_code: Option<String>,
}

/// Takes a try, before anything is compared. 429 when there are none.
async fn take_try(clinic: &Clinic, account: &Account) -> Result<LookupHash, Problem> {
    let now = clinic.clock().now();
    let subject = clinic.lookup().hash(Purpose::RateSubject, account.id.as_str());
    clinic.store().write(|tx| limits::take(tx, now, "mfa", &subject, TRIES)).await?.map_err(Problem::from)?;
    Ok(subject)
}

/// Checks code or recovery code and uses it up.
fn check(clinic: &Clinic, account: &mut Account, given: &SecondFactor) -> bool {
    let now = clinic.clock().now();
    match (&given.code, &given.recovery_code, account.totp_secret.as_deref()) {
        (Some(code), None, Some(secret)) => match totp::verify(secret, code, now, account.totp_last_step) {
            Some(step) => {
                account.totp_last_step = step;
                true
            }
            None => false,
        },
        (None, Some(code), Some(_)) => {
            let hash = recovery_hash(clinic, account.id.as_str(), code);
            let before = account.recovery_codes.len();
            account.recovery_codes.retain(|kept| *kept != hash);
            account.recovery_codes.len() < before
        }
        _ => false,
    }
}

fn recovery_hash(clinic: &Clinic, account: &str, code: &str) -> LookupHash {
    let plain: String = code.chars().filter(char::is_ascii_alphanumeric).collect();
    clinic.lookup().hash(Purpose::RecoveryCode, &format!("{account}|{}", plain.to_ascii_lowercase()))
}

/// Keeps a wrong code in the trail.
async fn fail(clinic: &Clinic, account: &Account) -> Result<(), StoreError> {
    let event = Event::new(clinic.clock().now(), Audited::AuthMfa)
        .by(ActorKind::Account, Some(account.id.to_string()))
        .with(Outcome::Failed, "code");
    clinic.store().write(|tx| tx.audit(&event)).await
}

/// Second half of a login. The cookie is new after it.
#[utoipa::path(post, path = "/api/v1/auth/mfa", tag = "login", request_body = SecondFactor, security(("session" = [])), responses(
    (status = 200, description = "Logged in", body = SessionBody),
    (status = 401, description = "Wrong code, or no session", body = ProblemBody, content_type = "application/problem+json"),
    (status = 429, description = "Too many tries", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn second_factor(
    State(clinic): State<Clinic>,
    half: HalfSignedIn,
    visit: Visit,
    Json(given): Json<SecondFactor>,
) -> Result<Response, Problem> {
    let subject = take_try(&clinic, &half.account).await?;
    let outcome = clinic
        .store()
        .write(|tx| {
            // Read anew: two tries with one code at the same time must not both pass.
            let mut account = current(tx, &half)?;
            if !check(&clinic, &mut account.value, &given) {
                return Ok(None);
            }
            limits::reset(tx, "mfa", &subject)?;
            if given.recovery_code.is_some() {
                messages::post(&clinic, tx, &Letter::for_account(&account, Kind::RecoveryCodeUsed))?;
            }
            let begun = complete(&clinic, tx, &visit, &half.session, &mut account)?;
            Ok::<_, Problem>(Some((begun, account)))
        })
        .await?;
    clinic.outbox().wake();
    match outcome {
        Some(((session, secret, arrived), account)) => {
            let mut response = with_cookie(&clinic, &secret, body(&clinic, &session, &account));
            arrived.set(&clinic, &mut response);
            Ok(response)
        }
        None => {
            fail(&clinic, &half.account).await?;
            Err(Problem::new(Code::LoginFailed))
        }
    }
}

fn current(tx: &Tx<'_>, half: &HalfSignedIn) -> Result<Versioned<Account>, Problem> {
    // The session may have been completed, and so ended, meanwhile.
    let session = tx.get::<Session>(&half.session.id)?;
    let account = tx.get::<Account>(&half.account.id)?;
    match (session, account) {
        (Some(_), Some(account)) => Ok(account),
        _ => Err(Problem::new(Code::Unauthenticated)),
    }
}

/// A secret for an authenticator app.
#[derive(Debug, Serialize, ToSchema)]
pub struct Enrolment {
    /// Base32, for typing.
    secret: String,
    /// `otpauth://`, for a QR code.
    uri: String,
}

/// Offers a secret for an authenticator app. It counts once a code of it is confirmed. Somebody who has a second factor
/// already has to be logged in and present.
#[utoipa::path(post, path = "/api/v1/auth/mfa/enrolment", tag = "login", security(("session" = [])), responses(
    (status = 200, description = "The secret; shown once", body = Enrolment),
    (status = 401, description = "No session, or a proof of presence is needed", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn enrol(
    State(clinic): State<Clinic>,
    half: HalfSignedIn,
) -> Result<axum::Json<Enrolment>, Problem> {
    may_enrol(&clinic, &half)?;
    let secret = totp::new_secret();
    let uri = totp::uri(&secret, &clinic.config().organisation, &half.account.email);
    clinic
        .store()
        .write(|tx| {
            let mut account = current(tx, &half)?;
            account.totp_pending = Some(secret.clone());
            Ok::<_, Problem>(tx.update(&mut account).map(|_| ())?)
        })
        .await?;
    Ok(axum::Json(Enrolment { secret, uri }))
}

fn may_enrol(clinic: &Clinic, half: &HalfSignedIn) -> Result<(), Problem> {
    let since = clinic.clock().now().duration_since(half.session.authenticated_at);
    match (half.account.totp_secret.is_some(), half.session.complete) {
        (false, _) => Ok(()),
        (true, false) => Err(Problem::new(Code::MfaRequired)),
        (true, true) if since <= session::PRESENCE => Ok(()),
        (true, true) => Err(Problem::new(Code::ReauthenticationRequired)),
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CodeOnly {
    code: String,
}

/// Ten codes for the day the phone is lost.
#[derive(Debug, Serialize, ToSchema)]
pub struct RecoveryCodes {
    /// Each is good once. Shown once.
    recovery_codes: Vec<String>,
    session: SessionBody,
}

/// Confirms the offered secret by a code of it, gives recovery codes, and completes the login.
#[utoipa::path(post, path = "/api/v1/auth/mfa/enrolment/confirm", tag = "login", request_body = CodeOnly, security(("session" = [])), responses(
    (status = 200, description = "The second factor counts; logged in with a new cookie", body = RecoveryCodes),
    (status = 401, description = "Wrong code, or no session", body = ProblemBody, content_type = "application/problem+json"),
    (status = 409, description = "No secret was offered", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn confirm(
    State(clinic): State<Clinic>,
    half: HalfSignedIn,
    visit: Visit,
    Json(CodeOnly { code }): Json<CodeOnly>,
) -> Result<Response, Problem> {
    may_enrol(&clinic, &half)?;
    let subject = take_try(&clinic, &half.account).await?;
    let now = clinic.clock().now();
    let outcome = clinic
        .store()
        .write(|tx| {
            let mut account = current(tx, &half)?;
            let pending = account.totp_pending.clone().ok_or(Problem::new(Code::InvalidTransition))?;
            let Some(step) = totp::verify(&pending, &code, now, 0) else { return Ok(None) };
            account.totp_secret = Some(pending);
            account.totp_pending = None;
            account.totp_last_step = step;
            let codes = hand_out(&clinic, &mut account.value);
            limits::reset(tx, "mfa", &subject)?;
            let who = Some(account.id.to_string());
            tx.audit(&Event::new(now, Audited::AuthMfaEnrolled).by(ActorKind::Account, who))?;
            messages::post(&clinic, tx, &Letter::for_account(&account, Kind::SecondFactorSet))?;
            let begun = complete(&clinic, tx, &visit, &half.session, &mut account)?;
            Ok::<_, Problem>(Some((begun, account, codes)))
        })
        .await?;
    clinic.outbox().wake();
    let Some(((session, secret, arrived), account, recovery_codes)) = outcome else {
        fail(&clinic, &half.account).await?;
        return Err(Problem::new(Code::LoginFailed));
    };
    let body = RecoveryCodes { recovery_codes, session: body(&clinic, &session, &account) };
    let cookie = session::Cookie::Account.set(clinic.secure_cookies(), &secret);
    let mut response = axum::response::IntoResponse::into_response(([cookie], axum::Json(body)));
    arrived.set(&clinic, &mut response);
    Ok(response)
}

/// New codes in place of all old ones; 50 bits each.
fn hand_out(clinic: &Clinic, account: &mut Account) -> Vec<String> {
    let codes: Vec<String> = (0..RECOVERY_CODES)
        .map(|_| {
            let mut bytes = [0; 10];
            fill_random(&mut bytes);
            let letter = |byte: &u8| {
                char::from(RECOVERY_ALPHABET.get(usize::from(byte % 32)).copied().unwrap_or(b'a'))
            };
            let text: String = bytes.iter().map(letter).collect();
            let (first, second) = text.split_at_checked(5).unwrap_or((&text, ""));
            format!("{first}-{second}")
        })
        .collect();
    account.recovery_codes =
        codes.iter().map(|code| recovery_hash(clinic, account.id.as_str(), code)).collect();
    codes
}

/// New recovery codes; the old ones are dead.
#[utoipa::path(post, path = "/api/v1/auth/mfa/recovery-codes", tag = "login", security(("session" = [])), responses(
    (status = 200, description = "Ten codes, shown once", body = RecoveryCodes),
    (status = 401, description = "Not logged in, or a proof of presence is needed", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn new_recovery_codes(
    State(clinic): State<Clinic>,
    mut signed_in: SignedIn,
) -> Result<axum::Json<RecoveryCodes>, Problem> {
    let since = clinic.clock().now().duration_since(signed_in.session.authenticated_at);
    if since > session::PRESENCE {
        return Err(Problem::new(Code::ReauthenticationRequired));
    }
    let recovery_codes = hand_out(&clinic, &mut signed_in.account.value);
    clinic.store().write(|tx| tx.update(&mut signed_in.account)).await.map_err(Problem::from)?;
    let session = body(&clinic, &signed_in.session, &signed_in.account);
    Ok(axum::Json(RecoveryCodes { recovery_codes, session }))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Presence {
    /// This or `code`.
    #[serde(default)]
    password: Option<String>,
    /// Six digits of the authenticator.
    #[serde(default)]
    code: Option<String>,
}

/// Proves that the person is there, for what signs or cannot be undone. Good for ten minutes.
#[utoipa::path(post, path = "/api/v1/auth/reauthenticate", tag = "login", request_body = Presence, security(("session" = [])), responses(
    (status = 200, description = "Proved", body = SessionBody),
    (status = 401, description = "Wrong, or not logged in", body = ProblemBody, content_type = "application/problem+json"),
    (status = 429, description = "Too many tries", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn reauthenticate(
    State(clinic): State<Clinic>,
    signed_in: SignedIn,
    Json(given): Json<Presence>,
) -> Result<axum::Json<SessionBody>, Problem> {
    let subject = take_try(&clinic, &signed_in.account).await?;
    let password_right = match given.password {
        Some(typed) if given.code.is_none() && typed.chars().count() <= password::CHARS_MAX => {
            let stored = signed_in.account.password_hash.clone();
            slow(move || password::verify(stored.as_deref(), &typed)).await?
        }
        _ => false,
    };
    let now = clinic.clock().now();
    let code = SecondFactor { code: given.code, recovery_code: None };
    let outcome = clinic
        .store()
        .write(|tx| {
            let half =
                HalfSignedIn { session: signed_in.session.clone(), account: signed_in.account.clone() };
            let mut account = current(tx, &half)?;
            if !password_right && !check(&clinic, &mut account.value, &code) {
                return Ok(None);
            }
            tx.update(&mut account)?;
            limits::reset(tx, "mfa", &subject)?;
            let mut session =
                tx.get::<Session>(&signed_in.session.id)?.ok_or(Problem::new(Code::Unauthenticated))?;
            session.authenticated_at = now;
            tx.update(&mut session)?;
            let who = Some(account.id.to_string());
            tx.audit(&Event::new(now, Audited::AuthReauthenticated).by(ActorKind::Account, who))?;
            Ok::<_, Problem>(Some((session, account)))
        })
        .await?;
    match outcome {
        Some((session, account)) => Ok(axum::Json(body(&clinic, &session, &account))),
        None => {
            fail(&clinic, &signed_in.account).await?;
            Err(Problem::new(Code::LoginFailed))
        }
    }
}
