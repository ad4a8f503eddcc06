//! What Pro Santé Connect and the CPS card have in common: the authority's word for who a professional is, and what
//! follows from it here.
//!
//! Both ways end alike. The browser started an attempt on the main host, which gave it a cookie; the identity that was
//! proven is put aside under a ticket that stands in the fragment of the page the browser is sent to, so in no log; the
//! page redeems the ticket together with the cookie. A ticket made in one browser is worth nothing in another.
//!
//! A national identifier is bound to one account. The first time, nothing is bound by itself: the number that somebody typed
//! at registration proves nothing of them, so the professional is shown the address of the account that claims the number
//! and says whether it is theirs.

mod bond;
mod redeem;
mod register;

use axum::Router;
use axum::http::HeaderMap;
use axum::routing::post;
use http::header::{COOKIE, HeaderName, HeaderValue, SET_COOKIE};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};

pub(super) use bond::{bind_confirmed, unbind};

use crate::Clinic;
use crate::crypto::{LookupHash, Purpose, Secret};
use crate::http::{Code, HalfSignedIn, Problem, SignedIn};
use crate::ids::{AccountId, SessionId};
use crate::model::{IdType, LoginMethod, VerifiedBy, identifier::rpps_of_id_nat_ps};
use crate::store::{IndexKey, Indexes, Query, Record, Sealing, StoreError, Tx};

/// From leaving for the authority to coming back.
const ATTEMPT_LIFE: SignedDuration = SignedDuration::from_mins(10);
/// For reading an offer and filling in a form.
const TICKET_LIFE: SignedDuration = SignedDuration::from_mins(15);

/// A professional, as the authority names them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proven {
    pub method: LoginMethod,
    /// IdNatPS; opaque, unless it is `8` and an RPPS number or `0` and an ADELI number.
    pub id_nat: String,
    pub first_name: String,
    pub family_name: String,
    /// What they practise as; a card may not say.
    pub exercises: Vec<Exercise>,
    /// Of Pro Santé Connect: for logging out there too.
    #[serde(default)]
    pub sso: Option<Sso>,
}

/// One way in which a professional practises.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Exercise {
    /// TRE_G15.
    pub profession_code: String,
    /// `C` civil, `M` military, `E` student.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub category: String,
    /// TRE_R38.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speciality_code: Option<String>,
    pub first_name: String,
    pub exercise_name: String,
    /// `L` on one's own account, `S` employed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub modes: Vec<String>,
}

/// What a logout at Pro Santé Connect needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sso {
    pub id_token: String,
    pub subject: String,
    pub session: Option<String>,
}

impl Proven {
    /// The number as it is typed at registration, if the identifier holds one.
    pub fn number(&self) -> (String, IdType) {
        let adeli = self.id_nat.strip_prefix('0').filter(|number| number.len() == 9);
        match (rpps_of_id_nat_ps(&self.id_nat), adeli) {
            (Some(rpps), _) => (rpps.to_owned(), IdType::Rpps),
            (None, Some(adeli)) => (adeli.to_owned(), IdType::Adeli),
            (None, None) => (self.id_nat.clone(), IdType::PscTest),
        }
    }

    fn verified_by(&self) -> VerifiedBy {
        match self.method {
            LoginMethod::Cps => VerifiedBy::Cps,
            _ => VerifiedBy::Psc,
        }
    }
}

/// An identifier as the authorities write it: short, and of letters, digits and a few signs. Anything else is an attack.
pub fn is_id_nat(text: &str) -> bool {
    (5..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte))
}

/// What the professional wants with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Wish {
    LogIn,
    /// Bind the identity to the account that is logged in.
    Attach {
        account: AccountId,
    },
    /// Prove to be there, for signing and validating.
    Presence {
        account: AccountId,
        session: SessionId,
    },
}

/// `purpose` of a start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WishWord {
    #[default]
    Login,
    /// Logged in: bind the identity to this account.
    Attach,
    /// Logged in: prove presence.
    Presence,
}

impl WishWord {
    /// What is wished, by whom; 401 for what needs a session.
    pub fn of(self, signed_in: Option<&SignedIn>) -> Result<Wish, Problem> {
        match (self, signed_in) {
            (WishWord::Login, _) => Ok(Wish::LogIn),
            (_, None) => Err(Problem::new(Code::Unauthenticated)),
            (WishWord::Attach, Some(signed_in)) => Ok(Wish::Attach { account: signed_in.id().clone() }),
            (WishWord::Presence, Some(signed_in)) => {
                Ok(Wish::Presence { account: signed_in.id().clone(), session: signed_in.session.id.clone() })
            }
        }
    }
}

/// A login under way, from the start to the coming back. Good once.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Attempt {
    hash: LookupHash,
    /// Of the cookie of the browser that started it.
    browser: LookupHash,
    pub method: LoginMethod,
    pub wish: Wish,
    /// In the ID token (OpenID Connect Core, 3.1.2.1).
    pub nonce: String,
    /// PKCE (RFC 7636).
    pub verifier: String,
    pub started_at: Timestamp,
    expires_at: Timestamp,
}

impl Record for Attempt {
    const COLLECTION: &'static str = "login_attempt";

    fn id(&self) -> String {
        self.hash.as_str().to_owned()
    }

    fn sealing(&self) -> Sealing {
        Sealing::Instance
    }

    fn index(&self, indexes: &mut Indexes) {
        indexes.add("expires", IndexKey::new().time(self.expires_at));
    }
}

/// An attempt, with what the browser gets: the state for the way there and back, and the cookie.
pub struct Started {
    pub attempt: Attempt,
    pub state: Secret,
    pub cookie: (HeaderName, HeaderValue),
}

/// Begins an attempt.
pub async fn start(clinic: &Clinic, method: LoginMethod, wish: Wish) -> Result<Started, StoreError> {
    let now = clinic.clock().now();
    let (state, browser) = (Secret::session(), Secret::session());
    let attempt = Attempt {
        hash: clinic.lookup().hash(Purpose::LoginState, state.expose()),
        browser: clinic.lookup().hash(Purpose::LoginState, browser.expose()),
        method,
        wish,
        nonce: Secret::session().expose().to_owned(),
        verifier: Secret::session().expose().to_owned(),
        started_at: now,
        expires_at: now.saturating_add(ATTEMPT_LIFE).unwrap_or(Timestamp::MAX),
    };
    clinic.store().write(|tx| tx.insert(&attempt)).await?;
    let cookie = cookie(clinic.secure_cookies(), browser.expose(), "; Max-Age=1800");
    Ok(Started { attempt, state, cookie })
}

/// The attempt of a state, used up by that. `headers`: of the browser that came back, unless it comes by the card's host,
/// where it has no cookie of ours.
pub async fn take(
    clinic: &Clinic,
    method: LoginMethod,
    state: &str,
    headers: Option<&HeaderMap>,
) -> Result<Option<Attempt>, StoreError> {
    let now = clinic.clock().now();
    let hash = clinic.lookup().hash(Purpose::LoginState, state);
    let browser = headers.map(|headers| browser(clinic, headers));
    clinic
        .store()
        .write(|tx| {
            let Some(attempt) = tx.get::<Attempt>(hash.as_str())? else { return Ok(None) };
            let same_browser = browser.as_ref().is_none_or(|found| found.as_ref() == Some(&attempt.browser));
            // Somebody else's state, tried here, is left to its owner.
            if attempt.method != method || !same_browser {
                return Ok(None);
            }
            tx.delete::<Attempt>(hash.as_str())?;
            Ok((attempt.expires_at > now).then_some(attempt.value))
        })
        .await
}

/// A proven identity that waits for its page. Good until it is used.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Ticket {
    hash: LookupHash,
    browser: LookupHash,
    wish: Wish,
    proven: Proven,
    expires_at: Timestamp,
}

impl Record for Ticket {
    const COLLECTION: &'static str = "identity_ticket";

    fn id(&self) -> String {
        self.hash.as_str().to_owned()
    }

    fn sealing(&self) -> Sealing {
        Sealing::Instance
    }

    fn index(&self, indexes: &mut Indexes) {
        indexes.add("expires", IndexKey::new().time(self.expires_at));
    }
}

/// Puts a proven identity aside and gives the page that redeems it.
pub async fn hand_over(clinic: &Clinic, attempt: Attempt, proven: Proven) -> Result<String, StoreError> {
    let secret = Secret::session();
    let expires_at = clinic.clock().now().saturating_add(TICKET_LIFE).unwrap_or(Timestamp::MAX);
    let ticket = Ticket {
        hash: clinic.lookup().hash(Purpose::LoginState, secret.expose()),
        browser: attempt.browser,
        wish: attempt.wish,
        proven,
        expires_at,
    };
    clinic.store().write(|tx| tx.insert(&ticket)).await?;
    Ok(format!("{}/connexion/identite#{}", clinic.config().public_url, secret.expose()))
}

/// The page that says why it did not work; `word` is one of ours.
pub fn refusal_page(clinic: &Clinic, word: &str) -> String {
    format!("{}/connexion#probleme={word}", clinic.config().public_url)
}

fn cookie_name(secure: bool) -> &'static str {
    if secure { "__Host-chevet-login" } else { "chevet-login" }
}

fn cookie(secure: bool, value: &str, more: &str) -> (HeaderName, HeaderValue) {
    let tls = if secure { "; Secure" } else { "" };
    let name = cookie_name(secure);
    let text = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax{tls}{more}");
    // Base64url and our own words: always a header value.
    (SET_COOKIE, HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("")))
}

fn browser(clinic: &Clinic, headers: &HeaderMap) -> Option<LookupHash> {
    let name = cookie_name(clinic.secure_cookies());
    let pairs = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let value = pairs.flat_map(|value| value.split(';')).find_map(|pair| {
        let (found, value) = pair.trim().split_once('=')?;
        (found == name).then_some(value)
    })?;
    Some(clinic.lookup().hash(Purpose::LoginState, value))
}

pub(crate) fn router() -> Router<Clinic> {
    Router::new()
        .route("/api/v1/auth/identity", post(redeem::redeem))
        .route("/api/v1/auth/identity/attach", post(redeem::attach))
        .route("/api/v1/auth/identity/register", post(register::register))
}

#[derive(OpenApi)]
#[openapi(paths(redeem::redeem, redeem::attach, register::register))]
pub(crate) struct Api;

/// Deletes what has expired. For a timer.
pub fn sweep(tx: &mut Tx<'_>, now: Timestamp) -> Result<usize, StoreError> {
    let query = || Query::new("expires", IndexKey::new()).until(IndexKey::new().time(now)).limit(1000);
    let attempts = tx.list::<Attempt>(&query())?.items;
    for attempt in &attempts {
        tx.delete::<Attempt>(attempt.hash.as_str())?;
    }
    let tickets = tx.list::<Ticket>(&query())?.items;
    for ticket in &tickets {
        tx.delete::<Ticket>(ticket.hash.as_str())?;
    }
    Ok(attempts.len().saturating_add(tickets.len()))
}

/// The session that a logged-in request carries, if any. Errors of its CSRF token stay errors.
async fn signed_in(parts: &mut http::request::Parts, clinic: &Clinic) -> Result<Option<SignedIn>, Problem> {
    use axum::extract::FromRequestParts;
    match HalfSignedIn::from_request_parts(parts, clinic).await {
        Ok(half) if half.session.complete => {
            Ok(Some(SignedIn { session: half.session, account: half.account }))
        }
        Ok(_) => Ok(None),
        Err(problem) if problem.code == Code::Unauthenticated => Ok(None),
        Err(problem) => Err(problem),
    }
}

/// For a start: the session, if any.
pub(super) async fn maybe_signed_in(
    parts: &mut http::request::Parts,
    clinic: &Clinic,
) -> Result<Option<SignedIn>, Problem> {
    signed_in(parts, clinic).await
}

#[cfg(test)]
mod journeys;
#[cfg(test)]
pub(in crate::accounts) mod world;

#[cfg(test)]
mod tests {
    use super::*;

    fn proven(id_nat: &str) -> Proven {
        Proven {
            method: LoginMethod::Cps,
            id_nat: id_nat.to_owned(),
            first_name: "KIT".into(),
            family_name: "SPECIALISTE".into(),
            exercises: Vec::new(),
            sso: None,
        }
    }

    #[test]
    fn an_identifier_gives_the_number_that_it_holds_and_stays_opaque_otherwise() {
        assert_eq!(proven("899700218896").number(), ("99700218896".into(), IdType::Rpps));
        assert_eq!(proven("0449999999").number(), ("449999999".into(), IdType::Adeli));
        assert_eq!(proven("ANS20231122132732").number(), ("ANS20231122132732".into(), IdType::PscTest));
    }

    #[test]
    fn an_identifier_is_short_and_plain() {
        for good in ["899700218896", "ANS20231122132732", "3840000012345/0012"] {
            assert!(is_id_nat(good), "{good}");
        }
        for bad in ["", "8997", "8997 0021 8896", "899700218896\0", &"8".repeat(65), "<script>", "héhéhé"]
        {
            assert!(!is_id_nat(bad), "{bad}");
        }
    }
}
