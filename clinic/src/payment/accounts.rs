//! A professional asks for online payment.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::Clinic;
use crate::accounts::require_tool;
use crate::audit::{Action as Audited, ActorKind, Event};
use crate::http::idempotent::{Attempt, attempt};
use crate::http::problem::ProblemBody;
use crate::http::{Code, Problem, SignedIn};
use crate::idempotency::Answer;
use crate::ids::{AccountId, PaymentAccountId};
use crate::messages::{self, Letter};
use crate::model::{Account, PaymentAccount, PaymentAccountStatus, Provider, Role};
use crate::store::{IndexKey, Query, Sealing, Store, StoreError, Tx, Versioned};

/// Where one's online payment stands.
#[derive(Debug, Serialize, ToSchema)]
pub struct ActivationBody {
    /// This server can do online payment at all.
    available: bool,
    /// Absent: never asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<PaymentAccountStatus>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    requested_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    enabled_at: Option<Timestamp>,
}

fn body(clinic: &Clinic, account: Option<&PaymentAccount>) -> ActivationBody {
    ActivationBody {
        available: clinic.config().payment.is_configured(),
        status: account.map(|account| account.status),
        requested_at: account.map(|account| account.requested_at),
        enabled_at: account.and_then(|account| account.enabled_at),
    }
}

fn key(professional: &AccountId) -> IndexKey {
    IndexKey::new().text(professional.as_str())
}

/// The payment account of a professional.
pub(super) fn account_of(
    store: &Store,
    professional: &AccountId,
) -> Result<Option<Versioned<PaymentAccount>>, StoreError> {
    store.find("professional", key(professional))
}

/// Where one's online payment stands.
#[utoipa::path(get, path = "/api/v1/me/payment-activation", tag = "payment", security(("session" = [])), responses(
    (status = 200, description = "The state", body = ActivationBody),
))]
pub(super) async fn mine(
    State(clinic): State<Clinic>,
    signed_in: SignedIn,
) -> Result<axum::Json<ActivationBody>, Problem> {
    require_tool(&clinic, &signed_in)?;
    let account = account_of(clinic.store(), signed_in.id())?;
    Ok(axum::Json(body(&clinic, account.as_deref())))
}

/// Asks the administrators for online payment, by mail. Asking again while it is being set up writes to nobody.
#[utoipa::path(post, path = "/api/v1/me/payment-activation", tag = "payment", security(("session" = [])),
    params(("Idempotency-Key" = String, Header)), responses(
    (status = 200, description = "Asked for", body = ActivationBody),
    (status = 403, description = "The tool is not open", body = ProblemBody, content_type = "application/problem+json"),
    (status = 501, description = "This server knows no provider", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn ask(
    State(clinic): State<Clinic>,
    signed_in: SignedIn,
    headers: http::HeaderMap,
) -> Result<Response, Problem> {
    let now = clinic.clock().now();
    let what = "POST me/payment-activation";
    let running = match attempt(&clinic, &headers, signed_in.id().as_str(), what, b"").await? {
        Attempt::New(running) => running,
        Attempt::Again(answer) => return Ok(answer.into_response()),
    };
    require_tool(&clinic, &signed_in)?;
    if !clinic.config().payment.is_configured() {
        return Err(Problem::new(Code::AdapterNotConfigured));
    }
    let answer = clinic
        .store()
        .write(|tx| {
            let found =
                tx.list::<PaymentAccount>(&Query::new("professional", key(signed_in.id())).limit(1))?;
            let account = match found.items.into_iter().next() {
                Some(mut account) if account.status == PaymentAccountStatus::Disabled => {
                    // The keys stay: what was paid with them can still go back.
                    account.requested_at = now;
                    tx.update(&mut account)?;
                    tell_administrators(&clinic, tx, &account)?;
                    account.value
                }
                Some(account) => account.value,
                None => {
                    let account = PaymentAccount {
                        id: PaymentAccountId::new(now),
                        professional: signed_in.id().clone(),
                        provider: Provider::None,
                        credentials: serde_json::Value::Null,
                        status: PaymentAccountStatus::Requested,
                        requested_at: now,
                        enabled_by: None,
                        enabled_at: None,
                    };
                    tx.insert(&account)?;
                    tell_administrators(&clinic, tx, &account)?;
                    account
                }
            };
            let event = Event::new(now, Audited::PaymentActivationRequested).on(&account.id);
            tx.audit(&event.by(ActorKind::Account, Some(signed_in.id().to_string())))?;
            let body = serde_json::to_value(body(&clinic, Some(&account))).unwrap_or_default();
            let answer = Answer { status: 200, location: None, etag: None, body };
            running.keep(tx, now, Sealing::Instance, &answer)?;
            Ok::<_, Problem>(answer)
        })
        .await?;
    clinic.outbox().wake();
    Ok(answer.into_response())
}

fn tell_administrators(clinic: &Clinic, tx: &mut Tx<'_>, about: &PaymentAccount) -> Result<(), StoreError> {
    let active = Query::new("status", IndexKey::new().text("active")).limit(10_000);
    for account in tx.list::<Account>(&active)?.items {
        if account.roles.contains(&Role::OrgAdmin) {
            let link = format!("{}/admin", clinic.config().public_url);
            write_to(clinic, tx, &account, &about.id, messages::Kind::PaymentActivationRequested { link })?;
        }
    }
    Ok(())
}

/// A mail to somebody with an account.
pub(super) fn write_to(
    clinic: &Clinic,
    tx: &mut Tx<'_>,
    to: &Account,
    about: &PaymentAccountId,
    kind: messages::Kind,
) -> Result<(), StoreError> {
    let letter = Letter { about: about.to_string(), ..Letter::for_account(to, kind) };
    messages::post(clinic, tx, &letter).map(|_| ())
}
