//! Money that goes back.
//!
//! What is asked of the provider is written down before, so that a crash or a silence in between costs nobody a second
//! refund: the next attempt first asks what became of the last.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::apply::{apply_standing, settle_refund};
use super::provider::{Provider, ProviderError, Refund, Standing, provider_of};
use super::requests::{PaymentBody, account_for, find, not_now, shown, tell};
use crate::Clinic;
use crate::consultations::consultation_for;
use crate::http::idempotent::{Attempt, attempt};
use crate::http::problem::ProblemBody;
use crate::http::{Action, Caller, Code, Json, Path, Problem};
use crate::idempotency::Answer;
use crate::model::{PaymentRequest, Refunding};
use crate::store::{Sealing, Versioned};

/// A refund that was begun is the business of whoever began it for this long: longer than the provider may take.
const UNDER_WAY: SignedDuration = SignedDuration::from_secs(30);

#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRefund {
    /// Euro cents, up to what is left; all that is left unless said.
    #[serde(default)]
    amount_cents: Option<u32>,
}

/// Pays back, a part or all.
#[utoipa::path(post, path = "/api/v1/consultations/{id}/payment-requests/{payment}/refund", tag = "payment",
    security(("session" = []), ("portal" = ["payments:write"])), request_body = NewRefund,
    params(("id" = String, Path), ("payment" = String, Path), ("Idempotency-Key" = String, Header)), responses(
    (status = 200, description = "Paid back", body = PaymentBody),
    (status = 409, description = "Not paid, or another refund is under way", body = ProblemBody, content_type = "application/problem+json"),
    (status = 422, description = "More than is left, or refused by the provider", body = ProblemBody, content_type = "application/problem+json"),
    (status = 503, description = "The provider does not answer", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn refund(
    State(clinic): State<Clinic>,
    caller: Caller,
    Path((id, payment)): Path<(String, String)>,
    headers: http::HeaderMap,
    Json(wanted): Json<NewRefund>,
) -> Result<Response, Problem> {
    let now = clinic.clock().now();
    let actor = caller.actor(now);
    let what = format!("POST {payment}/refund");
    let bytes = serde_json::to_vec(&wanted).unwrap_or_default();
    let running = match attempt(&clinic, &headers, caller.id(), &what, &bytes).await? {
        Attempt::New(running) => running,
        Attempt::Again(answer) => return Ok(answer.into_response()),
    };
    let (payment, refunding, resumed, consultation) = clinic
        .store()
        .write(|tx| {
            let access = consultation_for(tx, now, &actor, &id, Action::RefundPayment)?;
            let mut payment = find(tx, &access, &payment)?;
            let (refunding, resumed) = begin(&payment, &wanted, now)?;
            if !resumed {
                payment.refunding = Some(refunding.clone());
                tx.update(&mut payment)?;
            }
            Ok::<_, Problem>((payment, refunding, resumed, access.consultation.value))
        })
        .await?;
    let account = account_for(clinic.store(), &payment)?;
    let provider = provider_of(&clinic.config().payment, &account)?;
    let done = ask(&*provider, &payment, &refunding, resumed).await;
    let (reference, standing) = match done {
        Ok(done) => done,
        Err(ProviderError::Unavailable) => return Err(ProviderError::Unavailable.into()),
        Err(error) => {
            clinic
                .store()
                .write(|tx| {
                    if let Some(mut payment) = tx.get::<PaymentRequest>(&payment.id)? {
                        payment.refunding = None;
                        tx.update(&mut payment)?;
                    }
                    Ok::<_, Problem>(())
                })
                .await?;
            return Err(match error {
                ProviderError::Refused => Problem::field("/amount_cents", "refused"),
                other => other.into(),
            });
        }
    };
    let answer = clinic
        .store()
        .write(|tx| {
            let found = tx.get::<PaymentRequest>(&payment.id)?;
            let mut payment = found.ok_or(Problem::new(Code::NotFound))?;
            if let (Some(standing), Some(order)) = (&standing, payment.provider_ref.clone()) {
                apply_standing(&clinic, tx, &mut payment, &order, standing)?;
            }
            settle_refund(&clinic, tx, &actor, &mut payment, &reference)?;
            let body = serde_json::to_value(shown(tx, &payment)?).unwrap_or_default();
            let answer = Answer { status: 200, location: None, etag: None, body };
            running.keep(tx, now, Sealing::Data(consultation.data_key()), &answer)?;
            Ok::<_, Problem>(answer)
        })
        .await?;
    tell(&clinic, &consultation.id)?;
    Ok(answer.into_response())
}

/// What is to be asked of the provider, and whether it may have been asked before.
fn begin(
    payment: &Versioned<PaymentRequest>,
    wanted: &NewRefund,
    now: Timestamp,
) -> Result<(Refunding, bool), Problem> {
    if !payment.state.was_paid() || payment.transaction.is_none() {
        return Err(not_now(payment));
    }
    if let Some(open) = &payment.refunding {
        let same = wanted.amount_cents.is_none_or(|cents| cents == open.amount_cents);
        if now.duration_since(open.at) < UNDER_WAY || !same {
            return Err(Problem::new(Code::RequestInProgress));
        }
        return Ok((open.clone(), true));
    }
    let left = payment.amount_cents.saturating_sub(payment.refunded_cents);
    if left == 0 {
        return Err(not_now(payment));
    }
    let cents = wanted.amount_cents.unwrap_or(left);
    if !(1..=left).contains(&cents) {
        return Err(Problem::field("/amount_cents", "out-of-bounds"));
    }
    let refunding = Refunding { amount_cents: cents, before_cents: payment.refunded_cents, at: now };
    Ok((refunding, false))
}

/// The provider's name for the refund, or how the order stands where the refund had been done before.
async fn ask(
    provider: &dyn Provider,
    payment: &PaymentRequest,
    refunding: &Refunding,
    resumed: bool,
) -> Result<(String, Option<Standing>), ProviderError> {
    if resumed && let Some(order) = &payment.provider_ref {
        let standing = provider.fetch(&payment.id, order).await?;
        let wanted = refunding.before_cents.saturating_add(refunding.amount_cents);
        if standing.refunded_cents() >= u64::from(wanted) {
            return Ok((String::new(), Some(standing)));
        }
    }
    let key = format!("{}-r{}-{}", payment.id, refunding.before_cents, refunding.at.as_millisecond());
    let refund = Refund {
        payment: &payment.id,
        transaction: payment.transaction.as_deref().unwrap_or_default(),
        amount_cents: refunding.amount_cents,
        currency: &payment.currency,
        whole: refunding.amount_cents == payment.amount_cents,
        key: &key,
    };
    Ok((provider.refund(&refund).await?, None))
}
