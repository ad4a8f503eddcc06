//! The patient's side: what there is to pay, and the way to the provider's page.

use axum::extract::State;
use axum::response::{Html, IntoResponse, Response};
use http::header::{ACCEPT_LANGUAGE, CONTENT_SECURITY_POLICY, HeaderMap};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use super::admin::webhook_url;
use super::apply::is_mismatch;
use super::expiry::is_over;
use super::provider::{Created, Order, provider_of};
use super::requests::{account_for, close, find, not_now};
use crate::Clinic;
use crate::consultations::{Access, Read, What, guest::access};
use crate::http::problem::{Language, ProblemBody};
use crate::http::{Action, Code, Guest, Path, Problem};
use crate::ids::PaymentId;
use crate::model::payment::{PaymentTrigger, step};
use crate::model::{ParticipantState, PaymentPage, PaymentRequest, PaymentState};
use crate::store::Versioned;

/// A page that closes sooner is not shown any more.
const LEFT_MIN: SignedDuration = SignedDuration::from_mins(2);
/// Pages that one payment may be given: each is an order at the provider.
const ATTEMPTS_MAX: u32 = 20;

/// An amount to pay, or that was paid.
#[derive(Debug, Serialize, ToSchema)]
pub struct GuestPaymentBody {
    id: PaymentId,
    amount_cents: u32,
    /// `EUR`.
    currency: String,
    label: String,
    state: PaymentState,
    /// There is a page to open.
    payable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    paid_at: Option<Timestamp>,
    refunded_cents: u32,
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

fn language(headers: &HeaderMap) -> Language {
    let header = headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    header.map_or(Language::Fr, Language::preferred)
}

pub(super) fn allowed(clinic: &Clinic, read: &impl Read, guest: &Guest) -> Result<Access, Problem> {
    let access = access(clinic, read, guest, Action::Pay)?;
    let removed = access.seat.as_ref().is_some_and(|seat| seat.state == ParticipantState::Removed);
    if removed { Err(Problem::new(Code::LinkRevoked)) } else { Ok(access) }
}

fn payable(access: &Access, payment: &PaymentRequest, now: Timestamp) -> bool {
    step(payment.state, PaymentTrigger::Open).is_some()
        && !is_mismatch(payment)
        && payment.attempt < ATTEMPTS_MAX
        && !is_over(&access.consultation, now)
}

/// What there is to pay and what was paid, the first first.
#[utoipa::path(get, path = "/p/v1/payments", tag = "payment", security(("guest" = [])), responses(
    (status = 200, description = "The amounts", body = Vec<GuestPaymentBody>),
    (status = 403, description = "An immediate consultation", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn list(
    State(clinic): State<Clinic>,
    guest: Guest,
) -> Result<axum::Json<Vec<GuestPaymentBody>>, Problem> {
    let now = clinic.clock().now();
    let store = clinic.store();
    let access = allowed(&clinic, store, &guest)?;
    let mut all = Vec::new();
    for payment in store.all::<PaymentRequest>("consultation", access.consultation.id.as_str())? {
        let page = store.unpurged::<PaymentPage>(payment.id.as_str())?;
        all.push(GuestPaymentBody {
            payable: payable(&access, &payment, now),
            id: payment.value.id,
            amount_cents: payment.value.amount_cents,
            currency: payment.value.currency,
            label: page.map(|page| page.value.label).unwrap_or_default(),
            state: payment.value.state,
            paid_at: payment.value.paid_at,
            refunded_cents: payment.value.refunded_cents,
            expires_at: payment.value.expires_at,
        });
    }
    Ok(axum::Json(all))
}

/// Where to pay.
#[derive(Debug, Serialize, ToSchema)]
pub struct OpenedBody {
    /// The provider's page, to be opened apart from the call.
    url: String,
}

/// Opens the provider's page. The page that is open already comes again; after a failure it is a new one.
#[utoipa::path(post, path = "/p/v1/payments/{payment}/open", tag = "payment", security(("guest" = [])),
    params(("payment" = String, Path)), responses(
    (status = 200, description = "Where to pay", body = OpenedBody),
    (status = 409, description = "Nothing to pay any more", body = ProblemBody, content_type = "application/problem+json"),
    (status = 503, description = "The provider does not answer", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn open(
    State(clinic): State<Clinic>,
    guest: Guest,
    Path(payment): Path<String>,
    headers: HeaderMap,
) -> Result<axum::Json<OpenedBody>, Problem> {
    let now = clinic.clock().now();
    let store = clinic.store();
    let access = allowed(&clinic, store, &guest)?;
    let payment = find(store, &access, &payment)?;
    let page = store.unpurged::<PaymentPage>(payment.id.as_str())?.ok_or(Problem::new(Code::Purged))?;
    if let Some(url) = standing_page(&payment, &page, now).filter(|_| payable(&access, &payment, now)) {
        return Ok(axum::Json(OpenedBody { url }));
    }
    if !payable(&access, &payment, now) {
        return Err(not_now(&payment));
    }
    let account = account_for(store, &payment)?;
    let provider = provider_of(&clinic.config().payment, &account)?;
    let base = format!("{}/p/v1/payments/back", clinic.config().public_url);
    let attempt = payment.attempt.saturating_add(1);
    let language = language(&headers);
    let order = Order {
        payment: &payment.id,
        attempt,
        amount_cents: payment.amount_cents,
        currency: &payment.currency,
        locale: language.as_str(),
        title: match language {
            Language::Fr => "Téléconsultation",
            Language::En => "Teleconsultation",
        },
        back_url: &base,
        cancel_url: &base,
        notify_url: &webhook_url(&clinic, &account),
        now,
        expires_at: payment.expires_at,
    };
    let created = provider.create(&order).await?;
    // The page of a try that failed is of no use any more.
    close(&clinic, &payment);
    let url = keep(&clinic, &guest, payment.id.as_str(), attempt, created).await?;
    Ok(axum::Json(OpenedBody { url }))
}

/// The page that was opened before, if it leads somewhere still.
fn standing_page(payment: &PaymentRequest, page: &PaymentPage, now: Timestamp) -> Option<String> {
    let open = page.until.is_some_and(|until| until.duration_since(now) > LEFT_MIN);
    (payment.state == PaymentState::Opened && open && !page.url.is_empty()).then(|| page.url.clone())
}

/// Notes the page, unless somebody else of the patient's side was quicker: then theirs is the one.
async fn keep(
    clinic: &Clinic,
    guest: &Guest,
    payment: &str,
    attempt: u32,
    created: Created,
) -> Result<String, Problem> {
    let now = clinic.clock().now();
    let (url, consultation) = clinic
        .store()
        .write(|tx| {
            let access = allowed(clinic, tx, guest)?;
            let mut payment: Versioned<PaymentRequest> = find(tx, &access, payment)?;
            let page = tx.unpurged::<PaymentPage>(payment.id.as_str())?;
            let mut page = page.ok_or(Problem::new(Code::Purged))?;
            if payment.attempt >= attempt
                && let Some(url) = standing_page(&payment, &page, now)
            {
                return Ok((url, access.consultation.value));
            }
            if !payable(&access, &payment, now) {
                return Err(not_now(&payment));
            }
            payment.state = step(payment.state, PaymentTrigger::Open).ok_or_else(|| not_now(&payment))?;
            payment.attempt = attempt.max(payment.attempt);
            payment.provider_ref = Some(created.reference.clone());
            payment.failure = None;
            page.url.clone_from(&created.url);
            page.until = Some(created.until);
            tx.update(&mut payment)?;
            tx.update(&mut page)?;
            Ok::<_, Problem>((created.url.clone(), access.consultation.value))
        })
        .await?;
    clinic.live().tell(&consultation, What::Payments);
    Ok(url)
}

/// Where the provider sends the patient back to, in the tab that was opened for paying. It knows nothing and says nothing
/// of how it went: the page of the call does, once the provider's notice is there.
#[utoipa::path(get, path = "/p/v1/payments/back", tag = "payment", responses(
    (status = 200, description = "A page to be closed", content_type = "text/html"),
))]
pub(super) async fn back(headers: HeaderMap) -> Response {
    let language = language(&headers);
    let (title, first, second) = match language {
        Language::Fr => (
            "Paiement",
            "Vous pouvez fermer cette page.",
            "Le résultat du paiement s’affiche dans la page de votre consultation.",
        ),
        Language::En => (
            "Payment",
            "You can close this page.",
            "The page of your consultation shows how the payment went.",
        ),
    };
    let page = format!(
        "<!doctype html><html lang=\"{}\"><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><title>{title}</title><style>body{{font:20px/1.5 system-ui,sans-serif;\
         max-width:32em;margin:3em auto;padding:0 1em;color:#1a1a1a;background:#fff}}</style>\
         <main><h1>{title}</h1><p>{first}</p><p>{second}</p></main></html>",
        language.as_str()
    );
    let policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'";
    ([(CONTENT_SECURITY_POLICY, policy)], Html(page)).into_response()
}
