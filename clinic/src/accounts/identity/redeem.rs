//! Redeeming a ticket: a session, a proof of presence, a bond, or an offer.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Exercise, Proven, Ticket, Wish, bond, browser, signed_in};
use crate::Clinic;
use crate::accounts::devices::{self, Visit};
use crate::accounts::login::{Begun, SessionBody, body};
use crate::accounts::psc::logout;
use crate::audit::{Action as Audited, ActorKind, Event, Outcome};
use crate::crypto::Purpose;
use crate::http::problem::ProblemBody;
use crate::http::{Code, Json, Peer, Problem, SignedIn, session};
use crate::ids::AccountId;
use crate::limits::Rate;
use crate::model::{Account, AccountStatus, IdType, LoginMethod, Session, Subject};
use crate::store::{Tx, Versioned};

/// Redemptions from one network address.
pub(super) const FROM_ONE_ADDRESS: Rate = Rate::per_minute(30);

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TicketOnly {
    /// From the fragment of the page.
    ticket: String,
}

/// What came of it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum Redeemed {
    /// Logged in, the cookie is set; or presence is proven, or the identity bound.
    Done { session: SessionBody },
    /// Nobody is bound to this identity yet: `/auth/identity/attach`, or `/auth/identity/register`.
    Offer { offer: Offer },
    /// Bound; an administrator still has to approve the account.
    PendingApproval,
}

/// What can be done with an identity that has no account.
#[derive(Debug, Serialize, ToSchema)]
pub struct Offer {
    /// Accounts that claim the number. The professional says whether one is theirs.
    accounts: Vec<Candidate>,
    /// For a registration.
    first_name: String,
    exercise_name: String,
    id_type: IdType,
    national_number: String,
    /// To choose from, when there are several.
    exercises: Vec<Exercise>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Candidate {
    account_id: AccountId,
    email: String,
}

/// The ticket, if it is good in this browser.
pub(super) fn find(
    clinic: &Clinic,
    tx: &Tx<'_>,
    headers: &HeaderMap,
    ticket: &str,
) -> Result<Versioned<Ticket>, Problem> {
    let hash = clinic.lookup().hash(Purpose::LoginState, ticket);
    let found = tx.get::<Ticket>(hash.as_str())?;
    let browser = browser(clinic, headers);
    found
        .filter(|ticket| {
            ticket.expires_at > clinic.clock().now() && browser.as_ref() == Some(&ticket.browser)
        })
        .ok_or(Problem::new(Code::LinkUnknown))
}

/// Says what follows from the identity that was proven: a session, an offer, presence, a bond.
#[utoipa::path(post, path = "/api/v1/auth/identity", tag = "login", request_body = TicketOnly, responses(
    (status = 200, description = "Done, or an offer", body = Redeemed),
    (status = 401, description = "The account is not open, or the session that wished for it is over", body = ProblemBody, content_type = "application/problem+json"),
    (status = 403, description = "The identity is not that of this account", body = ProblemBody, content_type = "application/problem+json"),
    (status = 404, description = "Used, expired, of another browser, or never made", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(in crate::accounts) async fn redeem(
    State(clinic): State<Clinic>,
    peer: Peer,
    visit: Visit,
    mut parts: http::request::Parts,
    Json(TicketOnly { ticket }): Json<TicketOnly>,
) -> Result<Response, Problem> {
    clinic.traffic().take(clinic.clock().now(), "identity", &peer.subject(), FROM_ONE_ADDRESS)?;
    // Looked at before the transaction: a login needs no session, and a page without one has no CSRF token.
    let found = clinic.store().write(|tx| find(&clinic, tx, &parts.headers, &ticket)).await?;
    let session = match found.wish {
        Wish::LogIn => None,
        _ => Some(signed_in(&mut parts, &clinic).await?.ok_or(Problem::new(Code::Unauthenticated))?),
    };
    let done = clinic
        .store()
        .write(|tx| {
            let ticket = find(&clinic, tx, &parts.headers, &ticket)?;
            settle(&clinic, tx, (peer, &visit), &ticket, session.as_ref())
        })
        .await?;
    clinic.outbox().wake();
    answer(&clinic, done)
}

enum Done {
    Session(Box<(Begun, Versioned<Account>)>),
    Present(SessionBody),
    Offer(Offer),
    Pending,
    Refused(Code),
}

fn answer(clinic: &Clinic, done: Done) -> Result<Response, Problem> {
    let redeemed = match done {
        Done::Session(begun) => {
            let ((session, secret, arrived), account) = *begun;
            let session = body(clinic, &session, &account);
            let cookie = session::Cookie::Account.set(clinic.secure_cookies(), &secret);
            let mut response = ([cookie], axum::Json(Redeemed::Done { session })).into_response();
            arrived.set(clinic, &mut response);
            return Ok(response);
        }
        Done::Present(session) => Redeemed::Done { session },
        Done::Offer(offer) => Redeemed::Offer { offer },
        Done::Pending => Redeemed::PendingApproval,
        Done::Refused(code) => return Err(Problem::new(code)),
    };
    Ok(axum::Json(redeemed).into_response())
}

/// The refusals are values, so that what was tried stays in the trail.
fn settle(
    clinic: &Clinic,
    tx: &mut Tx<'_>,
    (peer, visit): (Peer, &Visit),
    ticket: &Ticket,
    signed_in: Option<&SignedIn>,
) -> Result<Done, Problem> {
    let proven = &ticket.proven;
    let bound = bond::find(clinic, tx, &proven.id_nat)?;
    match (&ticket.wish, bound, signed_in) {
        (Wish::LogIn, Some(account), _) => {
            tx.delete::<Ticket>(ticket.hash.as_str())?;
            let account = tx.get::<Account>(&account)?;
            match account.filter(|account| account.status == AccountStatus::Active) {
                Some(account) => begin(clinic, tx, (peer, visit), proven, account),
                None => refuse(clinic, tx, peer, proven, None, "account-not-open", Code::LoginFailed),
            }
        }
        (Wish::LogIn, None, _) => Ok(Done::Offer(offer(clinic, tx, proven)?)),
        (Wish::Attach { account }, bound, Some(signed_in)) if signed_in.id() == account => {
            tx.delete::<Ticket>(ticket.hash.as_str())?;
            let claimed = bond::candidates(clinic, tx, proven)?;
            let mut current = tx.get::<Account>(account)?.ok_or(Problem::new(Code::Unauthenticated))?;
            match bound {
                Some(bound) if bound == *account => {}
                None if claimed.iter().any(|claimed| claimed.id == *account) => {
                    bond::bind(clinic, tx, proven, &mut current)?;
                }
                _ => {
                    let id = Some(account);
                    return refuse(clinic, tx, peer, proven, id, "other-identity", Code::Forbidden);
                }
            }
            Ok(Done::Present(body(clinic, &signed_in.session, &current)))
        }
        (Wish::Presence { account, session }, bound, Some(signed_in))
            if signed_in.id() == account && signed_in.session.id == *session =>
        {
            tx.delete::<Ticket>(ticket.hash.as_str())?;
            if bound.as_ref() != Some(account) {
                let id = Some(account);
                return refuse(clinic, tx, peer, proven, id, "other-identity", Code::Forbidden);
            }
            let mut session = tx.get::<Session>(session)?.ok_or(Problem::new(Code::Unauthenticated))?;
            let now = clinic.clock().now();
            session.authenticated_at = now;
            tx.update(&mut session)?;
            let event = Event::new(now, Audited::AuthReauthenticated).from_address(peer.0);
            tx.audit(&event.by(ActorKind::Account, Some(account.to_string())))?;
            Ok(Done::Present(body(clinic, &session, &signed_in.account)))
        }
        _ => Err(Problem::new(Code::Unauthenticated)),
    }
}

fn refuse(
    clinic: &Clinic,
    tx: &mut Tx<'_>,
    peer: Peer,
    proven: &Proven,
    account: Option<&AccountId>,
    reason: &str,
    code: Code,
) -> Result<Done, Problem> {
    let kind = if account.is_some() { ActorKind::Account } else { ActorKind::Anonymous };
    let event = Event::new(clinic.clock().now(), audited(proven.method))
        .by(kind, account.map(ToString::to_string))
        .from_address(peer.0)
        .with(Outcome::Denied, reason);
    tx.audit(&event)?;
    Ok(Done::Refused(code))
}

/// The event of a way to log in.
pub(in crate::accounts) fn audited(method: LoginMethod) -> Audited {
    match method {
        LoginMethod::Cps => Audited::AuthCps,
        _ => Audited::AuthPsc,
    }
}

fn offer(clinic: &Clinic, tx: &Tx<'_>, proven: &Proven) -> Result<Offer, Problem> {
    let accounts = bond::candidates(clinic, tx, proven)?;
    let (national_number, id_type) = proven.number();
    Ok(Offer {
        accounts: accounts
            .into_iter()
            .map(|account| Candidate { account_id: account.value.id, email: account.value.email })
            .collect(),
        first_name: proven.first_name.clone(),
        exercise_name: proven.family_name.clone(),
        id_type,
        national_number,
        exercises: proven.exercises.clone(),
    })
}

/// A session with everything: card and e-CPS are two factors by themselves.
fn begin(
    clinic: &Clinic,
    tx: &mut Tx<'_>,
    (peer, visit): (Peer, &Visit),
    proven: &Proven,
    mut account: Versioned<Account>,
) -> Result<Done, Problem> {
    let now = clinic.clock().now();
    let first = account.last_login_at.is_none();
    account.last_login_at = Some(now);
    tx.update(&mut account)?;
    let who = Some(account.id.to_string());
    for action in [audited(proven.method), Audited::AuthLoginOk] {
        tx.audit(&Event::new(now, action).by(ActorKind::Account, who.clone()).from_address(peer.0))?;
    }
    let subject = Subject::Account { account: account.id.clone() };
    let epoch = account.session_epoch;
    let (mut session, secret) = session::begin(clinic, tx, subject, proven.method, true, epoch)?;
    session.client = visit.client;
    tx.put(&session)?;
    let arrived = devices::arrive(clinic, tx, visit, &account, first)?;
    if let Some(sso) = &proven.sso {
        logout::remember(clinic, tx, &session, sso)?;
    }
    Ok(Done::Session(Box::new(((session, secret, arrived), account))))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Attach {
    ticket: String,
    /// One of the offer.
    #[schema(value_type = String)]
    account_id: AccountId,
}

/// The professional says that an account of the offer is theirs: binds the identity to it, makes it active if it waited
/// for that, and logs in.
#[utoipa::path(post, path = "/api/v1/auth/identity/attach", tag = "login", request_body = Attach, responses(
    (status = 200, description = "Logged in, or an administrator has to approve", body = Redeemed),
    (status = 404, description = "Not of the offer, or the ticket is not good", body = ProblemBody, content_type = "application/problem+json"),
    (status = 409, description = "Bound already", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(in crate::accounts) async fn attach(
    State(clinic): State<Clinic>,
    peer: Peer,
    visit: Visit,
    headers: HeaderMap,
    Json(Attach { ticket, account_id }): Json<Attach>,
) -> Result<Response, Problem> {
    clinic.traffic().take(clinic.clock().now(), "identity", &peer.subject(), FROM_ONE_ADDRESS)?;
    let done = clinic
        .store()
        .write(|tx| {
            let ticket = find(&clinic, tx, &headers, &ticket)?;
            if ticket.wish != Wish::LogIn {
                return Err(Problem::new(Code::LinkUnknown));
            }
            let candidates = bond::candidates(&clinic, tx, &ticket.proven)?;
            let mut account = candidates
                .into_iter()
                .find(|account| account.id == account_id)
                .ok_or(Problem::new(Code::NotFound))?;
            bond::bind(&clinic, tx, &ticket.proven, &mut account)?;
            tx.delete::<Ticket>(ticket.hash.as_str())?;
            if account.status == AccountStatus::Active {
                begin(&clinic, tx, (peer, &visit), &ticket.proven, account)
            } else {
                Ok(Done::Pending)
            }
        })
        .await?;
    clinic.outbox().wake();
    answer(&clinic, done)
}
