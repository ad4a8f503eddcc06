//! One's own sessions: seen, and ended.

use axum::extract::State;
use http::StatusCode;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::Clinic;
use crate::audit::{Action as Audited, ActorKind, Event, Outcome};
use crate::http::problem::ProblemBody;
use crate::http::{Code, Path, Problem, SignedIn, session};
use crate::ids::{AccountId, SessionId};
use crate::model::{BrowserFamily, LoginMethod, Session, Subject, SystemFamily};
use crate::store::{IndexKey, Query, StoreError, Tx};

/// An open session.
#[derive(Debug, Serialize, ToSchema)]
pub struct SessionItem {
    id: SessionId,
    /// The one that asks.
    current: bool,
    /// `link`: a portal's frame.
    method: LoginMethod,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    seen_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    browser: Option<BrowserFamily>,
    #[serde(skip_serializing_if = "Option::is_none")]
    os: Option<SystemFamily>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Sessions {
    items: Vec<SessionItem>,
}

/// One's own sessions that are open, the newest first.
#[utoipa::path(get, path = "/api/v1/me/sessions", tag = "me", security(("session" = [])), responses(
    (status = 200, description = "The sessions", body = Sessions),
    (status = 401, description = "Not logged in", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn list(
    State(clinic): State<Clinic>,
    signed_in: SignedIn,
) -> Result<axum::Json<Sessions>, Problem> {
    let now = clinic.clock().now();
    let query = Query::new("subject", IndexKey::new().text(signed_in.id().as_str())).limit(1000);
    let all = clinic.store().list::<Session>(&query)?.items;
    let epoch = signed_in.account.session_epoch;
    let open = all.into_iter().map(|one| one.value).filter(|one| {
        let idle = now.duration_since(one.seen_at) > session::IDLE;
        one.complete && now < one.expires_at && !idle && one.epoch == epoch
    });
    let mut items: Vec<SessionItem> = open
        .map(|one| SessionItem {
            current: one.id == signed_in.session.id,
            id: one.id,
            method: one.method,
            created_at: one.created_at,
            seen_at: one.seen_at,
            expires_at: one.expires_at,
            browser: one.client.browser,
            os: one.client.os,
        })
        .collect();
    items.sort_by(|a, b| b.created_at.cmp(&a.created_at).then_with(|| b.id.cmp(&a.id)));
    Ok(axum::Json(Sessions { items }))
}

fn ended(tx: &mut Tx<'_>, now: Timestamp, account: &AccountId) -> Result<(), StoreError> {
    let event = Event::new(now, Audited::AccountSessionsEnded)
        .by(ActorKind::Account, Some(account.to_string()))
        .on(account);
    tx.audit(&event.with(Outcome::Ok, "by-owner"))
}

/// Ends one of one's own sessions.
#[utoipa::path(delete, path = "/api/v1/me/sessions/{id}", tag = "me",
    params(("id" = String, Path, description = "The session")), security(("session" = [])), responses(
    (status = 204, description = "Ended"),
    (status = 401, description = "Not logged in", body = ProblemBody, content_type = "application/problem+json"),
    (status = 404, description = "None of one's own", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn end(
    State(clinic): State<Clinic>,
    signed_in: SignedIn,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let unknown = || Problem::new(Code::NotFound);
    let id: SessionId = id.parse().map_err(|_| unknown())?;
    let now = clinic.clock().now();
    clinic
        .store()
        .write(|tx| {
            let session = tx.get::<Session>(&id)?.ok_or_else(unknown)?;
            if !matches!(&session.subject, Subject::Account { account } if account == signed_in.id()) {
                return Err(unknown());
            }
            tx.delete::<Session>(&id)?;
            ended(tx, now, signed_in.id())?;
            Ok(())
        })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ends all of one's own sessions but the one that asks.
#[utoipa::path(delete, path = "/api/v1/me/sessions", tag = "me", security(("session" = [])), responses(
    (status = 204, description = "Ended"),
    (status = 401, description = "Not logged in", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn end_others(
    State(clinic): State<Clinic>,
    signed_in: SignedIn,
) -> Result<StatusCode, Problem> {
    let now = clinic.clock().now();
    let query = Query::new("subject", IndexKey::new().text(signed_in.id().as_str())).limit(1000);
    clinic
        .store()
        .write(|tx| {
            for session in tx.list::<Session>(&query)?.items {
                if session.id != signed_in.session.id {
                    tx.delete::<Session>(&session.id)?;
                }
            }
            ended(tx, now, signed_in.id())
        })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
