//! Sessions of browsers: a secret in a cookie, the rest on the server, and a second secret against forged requests.
//!
//! The cookie is `__Host-` (this host only, whole site, TLS only), `HttpOnly`, `SameSite=Lax`. Every request that changes
//! something carries `X-CSRF-Token` as well, which pages of other origins cannot read. Professionals and guests have cookies
//! of different names, so that one browser can be both.

use axum::extract::{FromRequestParts, Request};
use axum::middleware::Next;
use axum::response::Response;
use http::header::{AUTHORIZATION, COOKIE, HeaderName, HeaderValue, SET_COOKIE};
use http::request::Parts;
use http::{HeaderMap, Method};
use jiff::{SignedDuration, Timestamp};

use super::authorize::Actor;
use super::problem::{Code, Problem};
use crate::Clinic;
use crate::clients;
use crate::crypto::{Purpose, Secret, same, secret::hex};
use crate::ids::{AccountId, SessionId};
use crate::model::{Account, AccountStatus, ApiClient, LoginMethod, Session, Subject};
use crate::store::{IndexKey, Query, StoreError, Tx, Versioned};

/// Carries what `csrf_token` answered.
pub const CSRF_HEADER: HeaderName = HeaderName::from_static("x-csrf-token");

/// From login to the end, at most.
pub const LIFE: SignedDuration = SignedDuration::from_hours(12);
/// Without any request.
pub const IDLE: SignedDuration = SignedDuration::from_hours(1);
/// Between the password and the second factor.
pub const LIFE_INCOMPLETE: SignedDuration = SignedDuration::from_mins(10);
/// A proof of presence counts this long for signing and validating.
pub const PRESENCE: SignedDuration = SignedDuration::from_mins(10);
/// `seen_at` is written at most this often.
const SEEN_STEP: SignedDuration = SignedDuration::from_mins(1);

/// Whose cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cookie {
    Account,
    Guest,
}

impl Cookie {
    /// Browsers take `__Host-` over TLS only; on plain loopback, for trying, the name goes without.
    fn name(self, secure: bool) -> &'static str {
        match (self, secure) {
            (Cookie::Account, true) => "__Host-chevet",
            (Cookie::Account, false) => "chevet",
            (Cookie::Guest, true) => "__Host-chevet-guest",
            (Cookie::Guest, false) => "chevet-guest",
        }
    }

    fn find(self, headers: &HeaderMap, secure: bool) -> Option<&str> {
        let name = self.name(secure);
        let pairs = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        pairs.flat_map(|value| value.split(';')).find_map(|pair| {
            let (found, value) = pair.trim().split_once('=')?;
            (found == name).then_some(value)
        })
    }

    /// The header that sets it for the life of the browser.
    pub fn set(self, secure: bool, secret: &Secret) -> (HeaderName, HeaderValue) {
        self.header(secure, secret.expose(), "")
    }

    /// The header that takes it away.
    pub fn clear(self, secure: bool) -> (HeaderName, HeaderValue) {
        self.header(secure, "", "; Max-Age=0")
    }

    fn header(self, secure: bool, value: &str, more: &str) -> (HeaderName, HeaderValue) {
        let tls = if secure { "; Secure" } else { "" };
        let text = format!("{}={value}; Path=/; HttpOnly; SameSite=Lax{tls}{more}", self.name(secure));
        // Base64url and our own words: always a header value.
        (SET_COOKIE, HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("")))
    }
}

/// Begins a session and gives its secret, for the cookie.
pub fn begin(
    clinic: &Clinic,
    tx: &mut Tx<'_>,
    subject: Subject,
    method: LoginMethod,
    complete: bool,
    epoch: u32,
) -> Result<(Session, Secret), StoreError> {
    let now = clinic.clock().now();
    let secret = Secret::session();
    let life = if complete { LIFE } else { LIFE_INCOMPLETE };
    let session = Session {
        id: SessionId::new(now),
        secret: clinic.lookup().hash(Purpose::Session, secret.expose()),
        subject,
        method,
        complete,
        created_at: now,
        seen_at: now,
        expires_at: now.saturating_add(life).unwrap_or(Timestamp::MAX),
        authenticated_at: now,
        epoch,
        client: crate::model::SessionClient::default(),
    };
    tx.insert(&session)?;
    Ok((session, secret))
}

/// Ends all sessions of an account or participant.
pub fn end_all(tx: &mut Tx<'_>, subject: impl AsRef<str>) -> Result<usize, StoreError> {
    let query = Query::new("subject", IndexKey::new().text(subject.as_ref())).limit(1000);
    let sessions = tx.list::<Session>(&query)?.items;
    for session in &sessions {
        tx.delete::<Session>(&session.id)?;
    }
    Ok(sessions.len())
}

/// Deletes sessions that are over. For a timer.
pub fn sweep(tx: &mut Tx<'_>, now: Timestamp) -> Result<usize, StoreError> {
    let query = Query::new("expires", IndexKey::new()).until(IndexKey::new().time(now)).limit(1000);
    let sessions = tx.list::<Session>(&query)?.items;
    for session in &sessions {
        tx.delete::<Session>(&session.id)?;
    }
    Ok(sessions.len())
}

/// What the pages send back in [`CSRF_HEADER`].
pub fn csrf_token(clinic: &Clinic, session: &Session) -> String {
    hex(&clinic.csrf_key().mac(session.secret.as_str().as_bytes()))
}

/// A valid session found by its cookie, complete or not.
#[derive(Clone, Debug)]
pub struct Found {
    pub session: Versioned<Session>,
    /// Of an account's session.
    pub account: Option<Versioned<Account>>,
}

/// Reads the cookie, checks the session and, for a request that changes something, its CSRF token.
fn find(clinic: &Clinic, cookie: Cookie, parts: &Parts) -> Result<Option<Found>, Problem> {
    let Some(secret) = cookie.find(&parts.headers, clinic.secure_cookies()) else { return Ok(None) };
    let hash = clinic.lookup().hash(Purpose::Session, secret);
    let store = clinic.store();
    let Some(mut session) = store.find::<Session>("secret", IndexKey::new().hash(&hash))? else {
        return Ok(None);
    };
    let now = clinic.clock().now();
    let idle = now.duration_since(session.seen_at) > IDLE;
    if now >= session.expires_at || idle {
        return Ok(None);
    }
    let account = match &session.subject {
        Subject::Guest { .. } => None,
        Subject::Account { account } => {
            let Some(account) = store.get::<Account>(account)? else { return Ok(None) };
            if account.status != AccountStatus::Active || account.session_epoch != session.epoch {
                return Ok(None);
            }
            Some(account)
        }
    };
    if changes(&parts.method) {
        let given = parts.headers.get(&CSRF_HEADER).map(HeaderValue::as_bytes).unwrap_or_default();
        if !same(given, csrf_token(clinic, &session).as_bytes()) {
            return Err(Problem::new(Code::CsrfInvalid));
        }
    }
    if now.duration_since(session.seen_at) > SEEN_STEP {
        session.seen_at = now;
        // Another request of the same page may have been quicker; a crash may lose it: both do no harm.
        let _ = store.write_unflushed(|tx| tx.update(&mut session));
    }
    Ok(Some(Found { session, account }))
}

fn changes(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Somebody logged in with everything it takes. 401 otherwise.
#[derive(Clone, Debug)]
pub struct SignedIn {
    pub session: Versioned<Session>,
    pub account: Versioned<Account>,
}

impl SignedIn {
    pub fn id(&self) -> &AccountId {
        &self.account.value.id
    }

    pub fn actor(&self, now: Timestamp) -> Actor {
        Actor::Account {
            id: self.account.id.clone(),
            roles: self.account.roles.clone(),
            works_for: self.account.works_for.clone(),
            reauthenticated: now.duration_since(self.session.authenticated_at) <= PRESENCE,
        }
    }
}

impl FromRequestParts<Clinic> for SignedIn {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, clinic: &Clinic) -> Result<SignedIn, Problem> {
        if let Some(bearer) = frame_bearer(parts) {
            return clients::within(clinic, bearer, parts.uri.path());
        }
        match find(clinic, Cookie::Account, parts)? {
            Some(Found { session, account: Some(account) }) if session.complete => {
                Ok(SignedIn { session, account })
            }
            Some(_) => Err(Problem::new(Code::MfaRequired)),
            None => Err(Problem::new(Code::Unauthenticated)),
        }
    }
}

/// An account's session that may still lack its second factor.
#[derive(Clone, Debug)]
pub struct HalfSignedIn {
    pub session: Versioned<Session>,
    pub account: Versioned<Account>,
}

impl FromRequestParts<Clinic> for HalfSignedIn {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, clinic: &Clinic) -> Result<HalfSignedIn, Problem> {
        if let Some(bearer) = frame_bearer(parts) {
            let SignedIn { session, account } = clients::within(clinic, bearer, parts.uri.path())?;
            return Ok(HalfSignedIn { session, account });
        }
        match find(clinic, Cookie::Account, parts)? {
            Some(Found { session, account: Some(account) }) => Ok(HalfSignedIn { session, account }),
            _ => Err(Problem::new(Code::Unauthenticated)),
        }
    }
}

/// Somebody who came by an invitation.
#[derive(Clone, Debug)]
pub struct Guest {
    pub session: Versioned<Session>,
    pub consultation: crate::ids::ConsultationId,
    pub participant: crate::ids::ParticipantId,
}

impl Guest {
    pub fn actor(&self) -> Actor {
        Actor::Guest { participant: self.participant.clone(), consultation: self.consultation.clone() }
    }
}

impl FromRequestParts<Clinic> for Guest {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, clinic: &Clinic) -> Result<Guest, Problem> {
        let found = find(clinic, Cookie::Guest, parts)?.ok_or(Problem::new(Code::Unauthenticated))?;
        match found.session.subject.clone() {
            Subject::Guest { consultation, participant } => {
                Ok(Guest { session: found.session, consultation, participant })
            }
            Subject::Account { .. } => Err(Problem::new(Code::Unauthenticated)),
        }
    }
}

/// An account by its cookie, or an API client by `Authorization: Bearer`.
#[derive(Clone, Debug)]
pub enum Caller {
    Account(Box<SignedIn>),
    Client(Box<Versioned<ApiClient>>),
}

impl Caller {
    pub fn actor(&self, now: Timestamp) -> Actor {
        match self {
            Caller::Account(signed_in) => signed_in.actor(now),
            Caller::Client(client) => Actor::Client {
                id: client.id.clone(),
                scopes: client.scopes.clone(),
                accounts: client.accounts.clone(),
            },
        }
    }

    /// The id of the account or client: whose idempotency keys and allowances these are.
    pub fn id(&self) -> &str {
        match self {
            Caller::Account(signed_in) => signed_in.id().as_str(),
            Caller::Client(client) => client.value.id.as_str(),
        }
    }
}

impl FromRequestParts<Clinic> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, clinic: &Clinic) -> Result<Caller, Problem> {
        match bearer(parts).filter(|bearer| !bearer.starts_with(clients::BEARER_PREFIX)) {
            Some(secret) => {
                let client = clients::access::bearer(clinic, &parts.headers, secret)?;
                Ok(Caller::Client(Box::new(client)))
            }
            None => {
                let signed_in = SignedIn::from_request_parts(parts, clinic).await?;
                Ok(Caller::Account(Box::new(signed_in)))
            }
        }
    }
}

fn bearer(parts: &Parts) -> Option<&str> {
    let header = parts.headers.get(AUTHORIZATION)?.to_str().ok()?;
    header.strip_prefix("Bearer ").map(str::trim)
}

/// The bearer of a portal's frame. Nothing adds it by itself, as browsers add cookies, so it needs no CSRF token.
fn frame_bearer(parts: &Parts) -> Option<&str> {
    bearer(parts).filter(|bearer| bearer.starts_with(clients::BEARER_PREFIX))
}

/// Browsers say from where a request comes: one that changes something and comes from another site is refused before
/// anything is looked at, cookies or not.
pub async fn refuse_cross_site(request: Request, next: Next) -> Response {
    let site = request.headers().get("sec-fetch-site").map(HeaderValue::as_bytes);
    let cookies = request.headers().contains_key(COOKIE);
    if cookies && changes(request.method()) && matches!(site, Some(b"cross-site" | b"same-site")) {
        return axum::response::IntoResponse::into_response(Problem::new(Code::CsrfInvalid));
    }
    next.run(request).await
}
