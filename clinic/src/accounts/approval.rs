//! Who gets in: registrations that wait for an administrator, and the end of the waiting.

use axum::extract::State;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::registration::{Confirmed, find};
use crate::Clinic;
use crate::admin::require;
use crate::audit::{Action as Audited, ActorKind, Event, Outcome};
use crate::crypto::Purpose;
use crate::http::authorize::Action;
use crate::http::problem::ProblemBody;
use crate::http::{Code, Json, PageBody, PageQuery, Path, Problem, SignedIn};
use crate::ids::AccountId;
use crate::messages::{self, Kind, Letter};
use crate::model::people::email_key;
use crate::model::{Account, AccountStatus, IdType, Practice, Professional, VerifiedBy};
use crate::store::{IndexKey, Query, StoreError, Tx, Versioned};

/// Tells the administrators that somebody waits for a decision.
pub(super) fn tell_administrators(clinic: &Clinic, tx: &mut Tx<'_>) -> Result<(), StoreError> {
    for address in &clinic.config().administrators {
        let hash = clinic.lookup().hash(Purpose::Email, &email_key(address));
        if let Some(admin) = find(tx, &hash)? {
            messages::post(clinic, tx, &Letter::for_account(&admin, Kind::RegistrationPending))?;
        }
    }
    Ok(())
}

/// Makes an account active and sends "Votre inscription est validée". For approval by an administrator, by itself, or by a
/// first login that proves the number.
pub fn activate(
    clinic: &Clinic,
    tx: &mut Tx<'_>,
    account: &mut Versioned<Account>,
    by: ActorKind,
    who: Option<String>,
) -> Result<(), StoreError> {
    let now = clinic.clock().now();
    account.status = AccountStatus::Active;
    tx.update(account)?;
    tx.audit(&Event::new(now, Audited::AccountApproved).by(by, who).on(&account.value.id))?;
    let link = format!("{}/connexion", clinic.config().public_url);
    messages::post(clinic, tx, &Letter::for_account(account, Kind::RegistrationValidated { link }))
        .map(|_| ())
}

/// A registration, as an administrator judges it.
#[derive(Debug, Serialize, ToSchema)]
pub struct Pending {
    id: AccountId,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    title: String,
    first_name: String,
    exercise_name: String,
    profession_code: String,
    id_type: IdType,
    national_number: String,
    practice: Practice,
    email: String,
    /// Another account has the same number.
    number_used_elsewhere: bool,
}

/// The registrations that wait for an administrator.
#[utoipa::path(get, path = "/api/v1/registrations", tag = "registration", params(PageQuery), security(("session" = [])),
    responses(
        (status = 200, description = "Oldest first", body = PageBody<Pending>),
        (status = 401, description = "Not logged in", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "Not an administrator", body = ProblemBody, content_type = "application/problem+json"),
    ))]
pub(super) async fn list(
    State(clinic): State<Clinic>,
    signed_in: SignedIn,
    crate::http::Query(page): crate::http::Query<PageQuery>,
) -> Result<axum::Json<PageBody<Pending>>, Problem> {
    require(&clinic, &signed_in, Action::Administer)?;
    let query = page.apply(Query::new("status", IndexKey::new().text("pending_approval")))?;
    let found = clinic.store().list::<Account>(&query)?;
    let mut items = Vec::new();
    for account in found.items {
        let Some(professional) = clinic.store().get::<Professional>(&account.id)? else { continue };
        let professional = professional.value;
        let same = IndexKey::new().hash(&professional.national_number_hash);
        let others = clinic.store().list::<Professional>(&Query::new("national_number", same).limit(2))?;
        items.push(Pending {
            id: account.value.id,
            created_at: account.value.created_at,
            title: professional.title,
            first_name: professional.first_name,
            exercise_name: professional.exercise_name,
            profession_code: professional.profession_code,
            id_type: professional.id_type,
            national_number: professional.national_number,
            practice: professional.practice,
            email: account.value.email,
            number_used_elsewhere: others.items.len() > 1,
        });
    }
    Ok(axum::Json(PageBody::new(items, found.next.as_ref())))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    approve: bool,
    /// Mailed with a refusal; at most 500 characters.
    #[serde(default)]
    reason: Option<String>,
}

/// Approves or refuses a registration. Either is mailed.
#[utoipa::path(post, path = "/api/v1/registrations/{id}/decision", tag = "registration", request_body = Decision,
    params(("id" = String, Path, description = "The account")), security(("session" = [])), responses(
        (status = 200, description = "Decided", body = Confirmed),
        (status = 404, description = "No such registration, or not an administrator", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "Decided already", body = ProblemBody, content_type = "application/problem+json"),
    ))]
pub(super) async fn decide(
    State(clinic): State<Clinic>,
    signed_in: SignedIn,
    Path(id): Path<String>,
    Json(decision): Json<Decision>,
) -> Result<axum::Json<Confirmed>, Problem> {
    require(&clinic, &signed_in, Action::Administer)?;
    let id: AccountId = id.parse().map_err(|_| Problem::new(Code::NotFound))?;
    if decision.reason.as_ref().is_some_and(|reason| reason.chars().count() > 500) {
        return Err(Problem::field("/reason", "too-long"));
    }
    let now = clinic.clock().now();
    let who = signed_in.id().to_string();
    let status = clinic
        .store()
        .write(|tx| {
            let mut account = tx.get::<Account>(&id)?.ok_or(Problem::new(Code::NotFound))?;
            if account.status != AccountStatus::PendingApproval {
                return Err(Problem::new(Code::InvalidTransition));
            }
            if decision.approve {
                if let Some(mut professional) = tx.get::<Professional>(&id)? {
                    professional.id_verified_by = VerifiedBy::Admin;
                    tx.update(&mut professional)?;
                }
                activate(&clinic, tx, &mut account, ActorKind::Account, Some(who))?;
            } else {
                account.status = AccountStatus::Rejected;
                tx.update(&mut account)?;
                let event =
                    Event::new(now, Audited::AccountRejected).by(ActorKind::Account, Some(who)).on(&id);
                tx.audit(&event.with(Outcome::Denied, "administrator"))?;
                let kind = Kind::RegistrationRefused { reason: decision.reason.unwrap_or_default() };
                messages::post(&clinic, tx, &Letter::for_account(&account, kind))?;
            }
            Ok(account.status)
        })
        .await?;
    clinic.outbox().wake();
    Ok(axum::Json(Confirmed { status }))
}
