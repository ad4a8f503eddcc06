//! What providers tell.

use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use super::admin::word;
use super::apply::apply;
use super::provider::{Unproved, provider_of};
use super::requests::tell;
use crate::Clinic;
use crate::http::problem::ProblemBody;
use crate::http::{Actor, Code, Path, Problem};
use crate::ids::PaymentAccountId;
use crate::model::{PaymentAccount, PaymentRequest};

/// A provider's notice. Proved over its raw bytes before anything of it is read; one that comes twice, late or out of order
/// does no harm.
#[utoipa::path(post, path = "/api/v1/payment-events/{provider}/{account}", tag = "payment",
    params(("provider" = String, Path, description = "`stripe`, `payzen`, `emulator`"), ("account" = String, Path)),
    request_body(content = String, content_type = "application/octet-stream"), responses(
    (status = 200, description = "Taken"),
    (status = 401, description = "The signature is not right", body = ProblemBody, content_type = "application/problem+json"),
    (status = 404, description = "No such account", body = ProblemBody, content_type = "application/problem+json"),
    (status = 413, description = "Longer than notices are", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn told(
    State(clinic): State<Clinic>,
    Path((provider, account)): Path<(String, String)>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<StatusCode, Problem> {
    let unknown = || Problem::new(Code::NotFound);
    let body = body.map_err(|_| Problem::new(Code::TooLarge))?;
    let id: PaymentAccountId = account.parse().map_err(|_| unknown())?;
    let account = clinic.store().get::<PaymentAccount>(&id)?.ok_or_else(unknown)?;
    if word(account.provider) != provider {
        return Err(unknown());
    }
    let now = clinic.clock().now();
    let event = match provider_of(&clinic.config().payment, &account)?.verify(now, &headers, &body) {
        Ok(Some(event)) => event,
        Ok(None) => return Ok(StatusCode::OK),
        Err(Unproved::Signature) => return Err(Problem::new(Code::Unauthenticated)),
        Err(Unproved::Shape) => return Err(Problem::new(Code::Malformed)),
    };
    let consultation = clinic
        .store()
        .write(|tx| {
            let payment = tx.get::<PaymentRequest>(&event.payment)?;
            // The keys of one account say nothing about the payments of another.
            let Some(mut payment) = payment.filter(|payment| payment.account.as_ref() == Some(&id)) else {
                return Ok(None);
            };
            let reference = event.reference.as_deref();
            let changed = apply(&clinic, tx, &Actor::System, &mut payment, reference, &event.what)?;
            Ok::<_, Problem>(changed.then_some(payment.value.consultation))
        })
        .await?;
    if let Some(consultation) = consultation {
        tell(&clinic, &consultation)?;
    }
    Ok(StatusCode::OK)
}
