//! Amounts that a professional asks for.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::accounts::account_of;
use super::apply::{apply_standing, forget_page, is_mismatch};
use super::expiry;
use super::provider::provider_of;
use crate::Clinic;
use crate::audit::Action as Audited;
use crate::clock::{Job, Schedule};
use crate::consultations::{Access, Read, What, consultation_for, note, payment_requested};
use crate::http::idempotent::{Attempt, attempt};
use crate::http::problem::ProblemBody;
use crate::http::{Action, Caller, Code, Json, Path, Problem};
use crate::idempotency::Answer;
use crate::ids::{ConsultationId, PaymentId};
use crate::model::payment::{PaymentTrigger as Trigger, step};
use crate::model::{PaymentAccount, PaymentPage, PaymentRequest, PaymentState, Provider};
use crate::store::{Sealing, Tx, Versioned};

pub(super) const CURRENCY: &str = "EUR";
/// One euro to a thousand.
const CENTS: std::ops::RangeInclusive<u32> = 100..=100_000;
const LABEL_CHARS_MAX: usize = 80;
/// Requests of one consultation, whatever became of them.
const REQUESTS_MAX: usize = 20;
/// Payments are due this long after the end.
pub(super) const DUE_AFTER_END: SignedDuration = SignedDuration::from_hours(24);

/// An amount that was asked for.
#[derive(Debug, Serialize, ToSchema)]
pub struct PaymentBody {
    id: PaymentId,
    consultation_id: ConsultationId,
    amount_cents: u32,
    /// `EUR`.
    currency: String,
    label: String,
    provider: Provider,
    state: PaymentState,
    /// Why it failed, or what is odd about it: `refused`, `amount-mismatch`, `currency-mismatch`, `paid-twice`.
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    requested_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    paid_at: Option<Timestamp>,
    refunded_cents: u32,
    /// What can still go back.
    refundable_cents: u32,
    /// The provider's name for the money, or for the order.
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

pub(super) fn body(payment: &PaymentRequest, page: Option<&PaymentPage>) -> PaymentBody {
    let rest = payment.amount_cents.saturating_sub(payment.refunded_cents);
    PaymentBody {
        id: payment.id.clone(),
        consultation_id: payment.consultation.clone(),
        amount_cents: payment.amount_cents,
        currency: payment.currency.clone(),
        label: page.map(|page| page.label.clone()).unwrap_or_default(),
        provider: payment.provider,
        state: payment.state,
        failure: payment.failure.clone(),
        requested_at: payment.requested_at,
        paid_at: payment.paid_at,
        refunded_cents: payment.refunded_cents,
        refundable_cents: if payment.state.was_paid() { rest } else { 0 },
        reference: payment.transaction.clone().or_else(|| payment.provider_ref.clone()),
        expires_at: payment.expires_at,
    }
}

/// The body with its label, as it stands in the store.
pub(super) fn shown(read: &impl Read, payment: &PaymentRequest) -> Result<PaymentBody, Problem> {
    let page = read.unpurged::<PaymentPage>(payment.id.as_str())?;
    Ok(body(payment, page.as_deref()))
}

/// A payment of this consultation, 404 otherwise.
pub(super) fn find(
    read: &impl Read,
    access: &Access,
    id: &str,
) -> Result<Versioned<PaymentRequest>, Problem> {
    let unknown = || Problem::new(Code::NotFound);
    let id: PaymentId = id.parse().map_err(|_| unknown())?;
    let found = read.one::<PaymentRequest>(id.as_str())?;
    found.filter(|payment| payment.consultation == access.consultation.id).ok_or_else(unknown)
}

/// 409, with the state as it is.
pub(super) fn not_now(payment: &PaymentRequest) -> Problem {
    Problem::new(Code::InvalidTransition).and_field("/state", payment.state.as_str())
}

/// The account that a payment goes to. 409 when another provider was set up since.
pub(super) fn account_for(
    read: &impl Read,
    payment: &PaymentRequest,
) -> Result<Versioned<PaymentAccount>, Problem> {
    let missing = || Problem::new(Code::AdapterNotConfigured);
    let id = payment.account.as_ref().ok_or_else(missing)?;
    let account = read.one::<PaymentAccount>(id.as_str())?.ok_or_else(missing)?;
    if account.provider == payment.provider { Ok(account) } else { Err(Problem::new(Code::Conflict)) }
}

#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPayment {
    /// Euro cents, 100 to 100000.
    amount_cents: u32,
    /// What the patient reads beside the amount, 80 characters at most; « Téléconsultation » unless said. The provider does
    /// not get it.
    #[serde(default)]
    label: Option<String>,
}

fn label(wanted: &NewPayment) -> Result<String, Problem> {
    let label = wanted.label.as_deref().unwrap_or("Téléconsultation").trim();
    match label.chars().count() {
        0 => Err(Problem::field("/label", "required")),
        count if count > LABEL_CHARS_MAX => Err(Problem::field("/label", "too-long")),
        _ if label.chars().any(char::is_control) => Err(Problem::field("/label", "invalid")),
        _ => Ok(label.to_owned()),
    }
}

/// Asks the patient for an amount. In the call the patient's page shows it at once; after the end a message says so too.
#[utoipa::path(post, path = "/api/v1/consultations/{id}/payment-requests", tag = "payment",
    security(("session" = []), ("portal" = ["payments:write"])), request_body = NewPayment,
    params(("id" = String, Path), ("Idempotency-Key" = String, Header)), responses(
    (status = 201, description = "Asked for", body = PaymentBody),
    (status = 403, description = "An immediate consultation, not enabled, or not at this stage", body = ProblemBody, content_type = "application/problem+json"),
    (status = 422, description = "Fields to correct", body = ProblemBody, content_type = "application/problem+json"),
    (status = 501, description = "This server does not know the provider", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn create(
    State(clinic): State<Clinic>,
    caller: Caller,
    Path(id): Path<String>,
    headers: http::HeaderMap,
    Json(wanted): Json<NewPayment>,
) -> Result<Response, Problem> {
    let now = clinic.clock().now();
    let actor = caller.actor(now);
    let what = format!("POST {id}/payment-requests");
    let bytes = serde_json::to_vec(&wanted).unwrap_or_default();
    let running = match attempt(&clinic, &headers, caller.id(), &what, &bytes).await? {
        Attempt::New(running) => running,
        Attempt::Again(answer) => return Ok(answer.into_response()),
    };
    let access = consultation_for(clinic.store(), now, &actor, &id, Action::RequestPayment)?;
    if !CENTS.contains(&wanted.amount_cents) {
        return Err(Problem::field("/amount_cents", "out-of-bounds"));
    }
    let label = label(&wanted)?;
    let account = account_of(clinic.store(), &access.consultation.owner)?;
    let account = account.ok_or(Problem::new(Code::AdapterNotConfigured))?;
    provider_of(&clinic.config().payment, &account)?;
    let (answer, consultation) = clinic
        .store()
        .write(|tx| {
            let access = consultation_for(tx, now, &actor, &id, Action::RequestPayment)?;
            let c = &access.consultation;
            if tx.all::<PaymentRequest>("consultation", c.id.as_str())?.len() >= REQUESTS_MAX {
                return Err(Problem::new(Code::QuotaExceeded));
            }
            let end = c.ended_at.unwrap_or_else(|| c.closes_at().max(now));
            let payment = PaymentRequest {
                id: PaymentId::new(now),
                consultation: c.id.clone(),
                account: Some(account.id.clone()),
                amount_cents: wanted.amount_cents,
                currency: CURRENCY.to_owned(),
                provider: account.provider,
                provider_ref: None,
                transaction: None,
                state: PaymentState::Requested,
                requested_at: now,
                paid_at: None,
                refunded_cents: 0,
                refunds: Vec::new(),
                refunding: None,
                attempt: 0,
                failure: None,
                expires_at: end.saturating_add(DUE_AFTER_END).unwrap_or(Timestamp::MAX),
            };
            let page = PaymentPage {
                payment: payment.id.clone(),
                consultation: c.id.clone(),
                label,
                url: String::new(),
                until: None,
            };
            tx.insert(&payment)?;
            tx.insert(&page)?;
            tx.schedule(&Job::new(expiry::KIND, &payment.id, expiry::first_look(now, c)))?;
            if !c.status.is_live() {
                payment_requested(&clinic, tx, c, payment.amount_cents, payment.expires_at)?;
            }
            note(tx, now, &actor, &c.owner, Audited::PaymentRequested, &payment.id)?;
            let answer = Answer {
                status: 201,
                location: Some(format!("/api/v1/consultations/{}/payment-requests/{}", c.id, payment.id)),
                etag: None,
                body: serde_json::to_value(body(&payment, Some(&page))).unwrap_or_default(),
            };
            running.keep(tx, now, Sealing::Data(c.data_key()), &answer)?;
            Ok::<_, Problem>((answer, access.consultation))
        })
        .await?;
    clinic.outbox().wake();
    clinic.live().tell(&consultation, What::Payments);
    Ok(answer.into_response())
}

/// What was asked for, the first first.
#[utoipa::path(get, path = "/api/v1/consultations/{id}/payment-requests", tag = "payment",
    security(("session" = []), ("portal" = ["payments:write"])), params(("id" = String, Path)), responses(
    (status = 200, description = "The requests", body = Vec<PaymentBody>),
    (status = 403, description = "An immediate consultation, or without the right", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn list(
    State(clinic): State<Clinic>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<axum::Json<Vec<PaymentBody>>, Problem> {
    let now = clinic.clock().now();
    let access = consultation_for(clinic.store(), now, &caller.actor(now), &id, Action::SeePayments)?;
    let all = clinic.store().all::<PaymentRequest>("consultation", access.consultation.id.as_str())?;
    Ok(axum::Json(all.iter().map(|payment| shown(clinic.store(), payment)).collect::<Result<_, _>>()?))
}

/// One request.
#[utoipa::path(get, path = "/api/v1/consultations/{id}/payment-requests/{payment}", tag = "payment",
    security(("session" = []), ("portal" = ["payments:write"])),
    params(("id" = String, Path), ("payment" = String, Path)), responses(
    (status = 200, description = "The request", body = PaymentBody),
    (status = 404, description = "No such request", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn read(
    State(clinic): State<Clinic>,
    caller: Caller,
    Path((id, payment)): Path<(String, String)>,
) -> Result<axum::Json<PaymentBody>, Problem> {
    let now = clinic.clock().now();
    let access = consultation_for(clinic.store(), now, &caller.actor(now), &id, Action::SeePayments)?;
    let payment = find(clinic.store(), &access, &payment)?;
    Ok(axum::Json(shown(clinic.store(), &payment)?))
}

/// What somebody asks of a payment: the state machine decides.
async fn moved(
    clinic: &Clinic,
    caller: &Caller,
    id: &str,
    payment: &str,
    trigger: Trigger,
) -> Result<Versioned<PaymentRequest>, Problem> {
    let now = clinic.clock().now();
    let actor = caller.actor(now);
    let (payment, consultation) = clinic
        .store()
        .write(|tx| {
            let access = consultation_for(tx, now, &actor, id, Action::FollowPayment)?;
            let mut payment = find(tx, &access, payment)?;
            follow(tx, &mut payment, trigger)?;
            if trigger == Trigger::Cancel {
                note(tx, now, &actor, &access.consultation.owner, Audited::PaymentCancelled, &payment.id)?;
            }
            Ok::<_, Problem>((payment, access.consultation))
        })
        .await?;
    clinic.live().tell(&consultation, What::Payments);
    close(clinic, &payment);
    Ok(payment)
}

fn follow(tx: &mut Tx<'_>, payment: &mut Versioned<PaymentRequest>, trigger: Trigger) -> Result<(), Problem> {
    let next = step(payment.state, trigger).ok_or_else(|| not_now(payment))?;
    if trigger == Trigger::Retry {
        if is_mismatch(payment) {
            return Err(not_now(payment));
        }
        payment.failure = None;
    }
    payment.state = next;
    tx.update(payment)?;
    if trigger == Trigger::Cancel {
        tx.unschedule(expiry::KIND, &payment.id)?;
    }
    Ok(forget_page(tx, payment)?)
}

/// Asks the provider to close the page of the last try, beside the request: nobody waits for it, and what is paid there all
/// the same is told as any other money.
pub(super) fn close(clinic: &Clinic, payment: &PaymentRequest) {
    let Some(reference) = payment.provider_ref.clone() else { return };
    let Ok(account) = account_for(clinic.store(), payment) else { return };
    let Ok(provider) = provider_of(&clinic.config().payment, &account) else { return };
    tokio::spawn(async move {
        if let Err(error) = provider.close(&reference).await {
            tracing::debug!(%error, "a page stays open at its provider");
        }
    });
}

/// Takes a request back that nobody has paid.
#[utoipa::path(post, path = "/api/v1/consultations/{id}/payment-requests/{payment}/cancel", tag = "payment",
    security(("session" = []), ("portal" = ["payments:write"])),
    params(("id" = String, Path), ("payment" = String, Path)), responses(
    (status = 200, description = "Taken back", body = PaymentBody),
    (status = 409, description = "Under way, paid, or over", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn cancel(
    State(clinic): State<Clinic>,
    caller: Caller,
    Path((id, payment)): Path<(String, String)>,
) -> Result<axum::Json<PaymentBody>, Problem> {
    let payment = moved(&clinic, &caller, &id, &payment, Trigger::Cancel).await?;
    Ok(axum::Json(shown(clinic.store(), &payment)?))
}

/// Lets the patient try again after a failure.
#[utoipa::path(post, path = "/api/v1/consultations/{id}/payment-requests/{payment}/retry", tag = "payment",
    security(("session" = []), ("portal" = ["payments:write"])),
    params(("id" = String, Path), ("payment" = String, Path)), responses(
    (status = 200, description = "Asked for again", body = PaymentBody),
    (status = 409, description = "It did not fail, or another amount came", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn retry(
    State(clinic): State<Clinic>,
    caller: Caller,
    Path((id, payment)): Path<(String, String)>,
) -> Result<axum::Json<PaymentBody>, Problem> {
    let payment = moved(&clinic, &caller, &id, &payment, Trigger::Retry).await?;
    Ok(axum::Json(shown(clinic.store(), &payment)?))
}

/// Asks the provider how it stands: for notices that got lost.
#[utoipa::path(post, path = "/api/v1/consultations/{id}/payment-requests/{payment}/refresh", tag = "payment",
    security(("session" = []), ("portal" = ["payments:write"])),
    params(("id" = String, Path), ("payment" = String, Path)), responses(
    (status = 200, description = "As it stands", body = PaymentBody),
    (status = 503, description = "The provider does not answer", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn refresh(
    State(clinic): State<Clinic>,
    caller: Caller,
    Path((id, payment)): Path<(String, String)>,
) -> Result<axum::Json<PaymentBody>, Problem> {
    let now = clinic.clock().now();
    let access = consultation_for(clinic.store(), now, &caller.actor(now), &id, Action::FollowPayment)?;
    let payment = find(clinic.store(), &access, &payment)?;
    look(&clinic, &payment).await?;
    let payment = find(clinic.store(), &access, payment.id.as_str())?;
    Ok(axum::Json(shown(clinic.store(), &payment)?))
}

/// Asks the provider, and puts what it says into the record.
pub(super) async fn look(clinic: &Clinic, payment: &PaymentRequest) -> Result<(), Problem> {
    let Some(reference) = payment.provider_ref.clone() else { return Ok(()) };
    let account = account_for(clinic.store(), payment)?;
    let provider = provider_of(&clinic.config().payment, &account)?;
    let standing = provider.fetch(&payment.id, &reference).await?;
    let changed = clinic
        .store()
        .write(|tx| {
            let Some(mut payment) = tx.get::<PaymentRequest>(&payment.id)? else { return Ok(false) };
            apply_standing(clinic, tx, &mut payment, &reference, &standing)
        })
        .await?;
    if changed {
        tell(clinic, &payment.consultation)?;
    }
    Ok(())
}

/// Both sides' pages, and the outbox.
pub(super) fn tell(clinic: &Clinic, consultation: &ConsultationId) -> Result<(), Problem> {
    clinic.outbox().wake();
    if let Some(consultation) =
        clinic.store().unpurged::<crate::model::Consultation>(consultation.as_str())?
    {
        clinic.live().tell(&consultation, What::Payments);
    }
    Ok(())
}
