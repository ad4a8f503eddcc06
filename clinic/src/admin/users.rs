//! The people who can log in: who they are, whether they may, and as what.

use axum::extract::State;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{require, require_presence};
use crate::Clinic;
use crate::accounts;
use crate::audit::{Action as Audited, ActorKind, Event, Outcome};
use crate::consultations::Read;
use crate::crypto::Purpose;
use crate::http::problem::ProblemBody;
use crate::http::{Action, Code, Json, PageBody, PageQuery, Path, Problem, Query, SignedIn, session};
use crate::ids::AccountId;
use crate::messages::{self, Kind, Letter};
use crate::model::people::email_key;
use crate::model::{Account, AccountStatus, Professional, Role, Session, VerifiedBy, account_status};
use crate::store::{IndexKey, Query as Find, StoreError, Tx, Versioned};

/// Accounts for whom one secretary works.
const WORKS_FOR_MAX: usize = 50;

/// Somebody who can log in, or could.
#[derive(Debug, Serialize, ToSchema)]
pub struct User {
    id: AccountId,
    email: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exercise_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    profession_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    national_number: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_verified_by: Option<VerifiedBy>,
    status: AccountStatus,
    roles: Vec<Role>,
    /// Of a secretary: for whom.
    works_for: Vec<AccountId>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    last_login_at: Option<Timestamp>,
    second_factor: bool,
    has_password: bool,
    /// Sessions that are open.
    sessions: usize,
    /// The only active administrator: can neither be blocked nor lose that role.
    last_administrator: bool,
}

fn body(read: &impl Read, now: Timestamp, account: &Account) -> Result<User, StoreError> {
    let professional = read.one::<Professional>(account.id.as_str())?.map(|found| found.value);
    let sessions = read.all::<Session>("subject", account.id.as_str())?;
    let open = |one: &&Versioned<Session>| {
        let idle = now.duration_since(one.seen_at) > session::IDLE;
        one.complete && now < one.expires_at && !idle && one.epoch == account.session_epoch
    };
    let p = professional.as_ref();
    Ok(User {
        id: account.id.clone(),
        email: account.email.clone(),
        title: p.map(|p| p.title.clone()),
        first_name: p.map(|p| p.first_name.clone()),
        exercise_name: p.map(|p| p.exercise_name.clone()),
        profession_code: p.map(|p| p.profession_code.clone()),
        national_number: p.map(|p| p.national_number.clone()),
        id_verified_by: p.map(|p| p.id_verified_by),
        status: account.status,
        roles: account.roles.clone(),
        works_for: account.works_for.clone(),
        created_at: account.created_at,
        last_login_at: account.last_login_at,
        second_factor: account.totp_secret.is_some(),
        has_password: account.password_hash.is_some(),
        sessions: sessions.iter().filter(open).count(),
        last_administrator: is_last_administrator(read, account)?,
    })
}

/// No other active account is an administrator.
pub(crate) fn is_last_administrator(read: &impl Read, account: &Account) -> Result<bool, StoreError> {
    let is_one = |one: &Account| one.status == AccountStatus::Active && one.roles.contains(&Role::OrgAdmin);
    if !is_one(account) {
        return Ok(false);
    }
    let mut query =
        Find::new("status", IndexKey::new().text(account_status(AccountStatus::Active))).limit(500);
    loop {
        let page = read.page::<Account>(&query)?;
        if page.items.iter().any(|one| one.id != account.id && is_one(one)) {
            return Ok(false);
        }
        match page.next {
            Some(next) => query = query.after(Some(next)),
            None => return Ok(true),
        }
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Wanted {
    /// Only accounts of this status.
    status: Option<AccountStatus>,
    /// Only those with this role; pages may be short then.
    role: Option<Role>,
    /// Items on the page, 1 to 200; 50 unless given.
    limit: Option<usize>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// The people who can log in, by status, the oldest first.
#[utoipa::path(get, path = "/api/v1/admin/users", tag = "administration", params(Wanted), security(("session" = [])), responses(
    (status = 200, description = "A page of them", body = PageBody<User>),
    (status = 401, description = "Not logged in", body = ProblemBody, content_type = "application/problem+json"),
    (status = 404, description = "Not an administrator", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn list(
    State(clinic): State<Clinic>,
    signed_in: SignedIn,
    Query(wanted): Query<Wanted>,
) -> Result<axum::Json<PageBody<User>>, Problem> {
    require(&clinic, &signed_in, Action::Administer)?;
    let prefix = match wanted.status {
        Some(status) => IndexKey::new().text(account_status(status)),
        None => IndexKey::new(),
    };
    let page = PageQuery { limit: wanted.limit, cursor: wanted.cursor };
    let found = clinic.store().list::<Account>(&page.apply(Find::new("status", prefix))?)?;
    let now = clinic.clock().now();
    let fits = |account: &&Versioned<Account>| wanted.role.is_none_or(|role| account.roles.contains(&role));
    let items: Result<Vec<User>, StoreError> =
        found.items.iter().filter(fits).map(|account| body(clinic.store(), now, account)).collect();
    Ok(axum::Json(PageBody::new(items?, found.next.as_ref())))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Search {
    /// The whole address. In the body, so that it stands in no log.
    email: String,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Users {
    items: Vec<User>,
}

/// The account of an address, if there is one.
#[utoipa::path(post, path = "/api/v1/admin/users/search", tag = "administration", request_body = Search,
    security(("session" = [])), responses(
    (status = 200, description = "None or one", body = Users),
    (status = 401, description = "Not logged in", body = ProblemBody, content_type = "application/problem+json"),
    (status = 404, description = "Not an administrator", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn search(
    State(clinic): State<Clinic>,
    signed_in: SignedIn,
    Json(Search { email }): Json<Search>,
) -> Result<axum::Json<Users>, Problem> {
    require(&clinic, &signed_in, Action::Administer)?;
    let hash = clinic.lookup().hash(Purpose::Email, &email_key(email.trim()));
    let found = clinic.store().find::<Account>("email", IndexKey::new().hash(&hash))?;
    let now = clinic.clock().now();
    let items: Result<Vec<User>, StoreError> =
        found.iter().map(|account| body(clinic.store(), now, account)).collect();
    Ok(axum::Json(Users { items: items? }))
}

fn find(tx: &impl Read, id: &str) -> Result<Versioned<Account>, Problem> {
    let id: AccountId = id.parse().map_err(|_| Problem::new(Code::NotFound))?;
    tx.one::<Account>(id.as_str())?.ok_or(Problem::new(Code::NotFound))
}

/// One of them.
#[utoipa::path(get, path = "/api/v1/admin/users/{id}", tag = "administration",
    params(("id" = String, Path, description = "The account")), security(("session" = [])), responses(
    (status = 200, description = "The account", body = User),
    (status = 401, description = "Not logged in", body = ProblemBody, content_type = "application/problem+json"),
    (status = 404, description = "No such account, or not an administrator", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn read(
    State(clinic): State<Clinic>,
    signed_in: SignedIn,
    Path(id): Path<String>,
) -> Result<axum::Json<User>, Problem> {
    require(&clinic, &signed_in, Action::Administer)?;
    let account = find(clinic.store(), &id)?;
    Ok(axum::Json(body(clinic.store(), clinic.clock().now(), &account)?))
}

/// Finds the account, changes it, ends its sessions if that is wanted, and keeps it in the trail.
async fn change(
    clinic: &Clinic,
    signed_in: &SignedIn,
    id: &str,
    audited: Audited,
    f: impl FnOnce(&mut Tx<'_>, &mut Versioned<Account>) -> Result<Change, Problem>,
) -> Result<axum::Json<User>, Problem> {
    require(clinic, signed_in, Action::Administer)?;
    let now = clinic.clock().now();
    let user = clinic
        .store()
        .write(|tx| {
            let mut account = find(tx, id)?;
            let Change { ends_sessions, reason } = f(tx, &mut account)?;
            if ends_sessions {
                // Frames of portals have sessions as well, which know their epoch.
                account.session_epoch = account.session_epoch.saturating_add(1);
                session::end_all(tx, &account.value.id)?;
            }
            tx.update(&mut account)?;
            let event = Event::new(now, audited)
                .by(ActorKind::Account, Some(signed_in.id().to_string()))
                .on(&account.value.id);
            tx.audit(&match reason {
                Some(reason) => event.with(Outcome::Ok, &reason),
                None => event,
            })?;
            Ok::<_, Problem>(body(tx, now, &account)?)
        })
        .await?;
    clinic.outbox().wake();
    Ok(axum::Json(user))
}

struct Change {
    ends_sessions: bool,
    /// For the trail: words of ours.
    reason: Option<String>,
}

/// Locks an account out: its sessions end, and no login works.
#[utoipa::path(post, path = "/api/v1/admin/users/{id}/block", tag = "administration",
    params(("id" = String, Path, description = "The account")), security(("session" = [])), responses(
    (status = 200, description = "Blocked", body = User),
    (status = 401, description = "Not logged in", body = ProblemBody, content_type = "application/problem+json"),
    (status = 404, description = "No such account, or not an administrator", body = ProblemBody, content_type = "application/problem+json"),
    (status = 409, description = "Not active, or the last administrator", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn block(
    State(clinic): State<Clinic>,
    signed_in: SignedIn,
    Path(id): Path<String>,
) -> Result<axum::Json<User>, Problem> {
    change(&clinic, &signed_in, &id, Audited::AccountSuspended, |tx, account| {
        if account.status != AccountStatus::Active {
            return Err(Problem::new(Code::InvalidTransition));
        }
        keep_one_administrator(tx, account)?;
        account.status = AccountStatus::Suspended;
        Ok(Change { ends_sessions: true, reason: None })
    })
    .await
}

/// Closes an account and erases what it holds: name, address, password, second factor, bonds to an identity, signature. There
/// is no way back; the address may register anew. Refused while its consultations are planned or running.
#[utoipa::path(post, path = "/api/v1/admin/users/{id}/close", tag = "administration",
    params(("id" = String, Path, description = "The account")), security(("session" = [])), responses(
    (status = 200, description = "Closed and erased", body = User),
    (status = 401, description = "Not logged in, or a proof of presence is needed", body = ProblemBody, content_type = "application/problem+json"),
    (status = 404, description = "No such account, or not an administrator", body = ProblemBody, content_type = "application/problem+json"),
    (status = 409, description = "Closed already; the last administrator; or `consultations-open`, with their number as message of the field `/consultations`", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn close(
    State(clinic): State<Clinic>,
    signed_in: SignedIn,
    Path(id): Path<String>,
) -> Result<axum::Json<User>, Problem> {
    require(&clinic, &signed_in, Action::Administer)?;
    require_presence(&clinic, &signed_in)?;
    change(&clinic, &signed_in, &id, Audited::AccountClosed, |tx, account| {
        accounts::erase(&clinic, tx, account)?;
        Ok(Change { ends_sessions: false, reason: Some("by-administrator".to_owned()) })
    })
    .await
}

/// Whoever is the last one stays one.
fn keep_one_administrator(tx: &Tx<'_>, account: &Account) -> Result<(), Problem> {
    if is_last_administrator(tx, account)? { Err(Problem::new(Code::LastAdministrator)) } else { Ok(()) }
}

/// Lets a blocked account in again.
#[utoipa::path(post, path = "/api/v1/admin/users/{id}/unblock", tag = "administration",
    params(("id" = String, Path, description = "The account")), security(("session" = [])), responses(
    (status = 200, description = "Active again", body = User),
    (status = 401, description = "Not logged in", body = ProblemBody, content_type = "application/problem+json"),
    (status = 404, description = "No such account, or not an administrator", body = ProblemBody, content_type = "application/problem+json"),
    (status = 409, description = "Not blocked", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn unblock(
    State(clinic): State<Clinic>,
    signed_in: SignedIn,
    Path(id): Path<String>,
) -> Result<axum::Json<User>, Problem> {
    change(&clinic, &signed_in, &id, Audited::AccountResumed, |_, account| {
        if account.status != AccountStatus::Suspended {
            return Err(Problem::new(Code::InvalidTransition));
        }
        account.status = AccountStatus::Active;
        Ok(Change { ends_sessions: false, reason: None })
    })
    .await
}

/// Takes the second factor of an account away, with its recovery codes: for a lost telephone. The next login sets up a new
/// one; a mail says so.
#[utoipa::path(post, path = "/api/v1/admin/users/{id}/second-factor/reset", tag = "administration",
    params(("id" = String, Path, description = "The account")), security(("session" = [])), responses(
    (status = 200, description = "Gone", body = User),
    (status = 401, description = "Not logged in, or a proof of presence is needed", body = ProblemBody, content_type = "application/problem+json"),
    (status = 404, description = "No such account, or not an administrator", body = ProblemBody, content_type = "application/problem+json"),
    (status = 409, description = "It has none", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn reset_second_factor(
    State(clinic): State<Clinic>,
    signed_in: SignedIn,
    Path(id): Path<String>,
) -> Result<axum::Json<User>, Problem> {
    require(&clinic, &signed_in, Action::Administer)?;
    require_presence(&clinic, &signed_in)?;
    change(&clinic, &signed_in, &id, Audited::AccountSecondFactorReset, |tx, account| {
        if account.totp_secret.is_none() {
            return Err(Problem::new(Code::InvalidTransition));
        }
        account.totp_secret = None;
        account.totp_pending = None;
        account.recovery_codes.clear();
        messages::post(&clinic, tx, &Letter::for_account(account, Kind::SecondFactorReset))?;
        Ok(Change { ends_sessions: true, reason: None })
    })
    .await
}

/// Ends every session of an account.
#[utoipa::path(post, path = "/api/v1/admin/users/{id}/sessions/end", tag = "administration",
    params(("id" = String, Path, description = "The account")), security(("session" = [])), responses(
    (status = 200, description = "Ended", body = User),
    (status = 401, description = "Not logged in", body = ProblemBody, content_type = "application/problem+json"),
    (status = 404, description = "No such account, or not an administrator", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn end_sessions(
    State(clinic): State<Clinic>,
    signed_in: SignedIn,
    Path(id): Path<String>,
) -> Result<axum::Json<User>, Problem> {
    change(&clinic, &signed_in, &id, Audited::AccountSessionsEnded, |_, _| {
        Ok(Change { ends_sessions: true, reason: None })
    })
    .await
}

/// As what somebody may log in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Roles {
    /// At least one.
    roles: Vec<Role>,
    /// Of a secretary: for whom.
    #[serde(default)]
    works_for: Vec<AccountId>,
}

/// Sets the roles of an account: administrator, support, secretary of somebody.
#[utoipa::path(put, path = "/api/v1/admin/users/{id}/roles", tag = "administration", request_body = Roles,
    params(("id" = String, Path, description = "The account")), security(("session" = [])), responses(
    (status = 200, description = "Set", body = User),
    (status = 401, description = "Not logged in, or a proof of presence is needed", body = ProblemBody, content_type = "application/problem+json"),
    (status = 404, description = "No such account, or not an administrator", body = ProblemBody, content_type = "application/problem+json"),
    (status = 409, description = "The last administrator stays one", body = ProblemBody, content_type = "application/problem+json"),
    (status = 422, description = "Fields to correct", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn roles(
    State(clinic): State<Clinic>,
    signed_in: SignedIn,
    Path(id): Path<String>,
    Json(wanted): Json<Roles>,
) -> Result<axum::Json<User>, Problem> {
    require(&clinic, &signed_in, Action::Administer)?;
    require_presence(&clinic, &signed_in)?;
    let mut roles: Vec<Role> = Vec::new();
    for role in wanted.roles {
        if !roles.contains(&role) {
            roles.push(role);
        }
    }
    if roles.is_empty() {
        return Err(Problem::field("/roles", "empty"));
    }
    if !wanted.works_for.is_empty() && !roles.contains(&Role::Secretary) {
        return Err(Problem::field("/works_for", "secretaries-only"));
    }
    if wanted.works_for.len() > WORKS_FOR_MAX {
        return Err(Problem::field("/works_for", "too-many"));
    }
    change(&clinic, &signed_in, &id, Audited::AccountRolesChanged, |tx, account| {
        // What is closed stays empty.
        if account.status == AccountStatus::Closed {
            return Err(Problem::new(Code::InvalidTransition));
        }
        if !roles.contains(&Role::OrgAdmin) {
            keep_one_administrator(tx, account)?;
        }
        // Whoever has no professional's data cannot become one by a role.
        if roles.contains(&Role::Professional) && tx.get::<Professional>(&account.id)?.is_none() {
            return Err(Problem::field("/roles", "no-professional"));
        }
        let mut works_for = wanted.works_for;
        works_for.sort();
        works_for.dedup();
        for professional in &works_for {
            if tx.get::<Professional>(professional)?.is_none() || *professional == account.id {
                return Err(Problem::field("/works_for", "unknown"));
            }
        }
        let words: Vec<String> = roles
            .iter()
            .filter_map(|role| serde_json::to_value(role).ok()?.as_str().map(str::to_owned))
            .collect();
        account.roles = roles;
        account.works_for = works_for;
        Ok(Change { ends_sessions: false, reason: Some(words.join(",")) })
    })
    .await
}
