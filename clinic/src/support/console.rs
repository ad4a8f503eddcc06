//! What the person who helps sees under a code, and does.

use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::find;
use crate::Clinic;
use crate::audit::{Action as Audited, ActorKind, Event};
use crate::consultations::{self, InvitationBody, SupportView};
use crate::http::authorize::{Resource, authorize};
use crate::http::problem::ProblemBody;
use crate::http::{Action, Caller, Code, Json, Path, Problem, SignedIn};
use crate::ids::ConsultationId;
use crate::limits::Rate;
use crate::model::{BundleMaker, Diagnostic, ParticipantRole, SupportBundle};

/// Codes looked up by one person: nobody comes across one by trying.
const LOOKS: Rate = Rate::per_minute(30);

/// A diagnosis, and the consultation that it came from as far as support may see it.
#[derive(Debug, Serialize, ToSchema)]
pub struct BundleBody {
    code: String,
    #[schema(value_type = String, format = DateTime)]
    made_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
    by: BundleMaker,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<ParticipantRole>,
    diagnostic: Diagnostic,
    /// `null`: of none, or erased since.
    consultation: Option<SupportView>,
}

/// The bundle of a code. Whoever is not support, and every code that leads nowhere, gets the same 404.
fn bundle(clinic: &Clinic, signed_in: &SignedIn, code: &str) -> Result<SupportBundle, Problem> {
    let now = clinic.clock().now();
    let actor = signed_in.actor(now);
    authorize(&actor, Action::ReadBundle, &Resource::of_account(signed_in.id()), &None)
        .map_err(|_| Problem::new(Code::NotFound))?;
    clinic.traffic().take(now, "support-look", signed_in.id().as_str(), LOOKS)?;
    let code = code.to_ascii_uppercase();
    if code.len() > super::CODE_CHARS {
        return Err(Problem::new(Code::NotFound));
    }
    let found = find(clinic.store(), &code)?.filter(|bundle| now < bundle.expires_at);
    found.map(|bundle| bundle.value).ok_or(Problem::new(Code::NotFound))
}

fn body(clinic: &Clinic, signed_in: &SignedIn, bundle: SupportBundle) -> Result<BundleBody, Problem> {
    let consultation = match &bundle.consultation {
        Some(id) => consultations::for_support(clinic, signed_in, id)?,
        None => None,
    };
    Ok(BundleBody {
        code: bundle.code,
        made_at: bundle.made_at,
        expires_at: bundle.expires_at,
        by: bundle.by,
        role: bundle.role,
        diagnostic: bundle.diagnostic,
        consultation,
    })
}

/// What was sent under a code: the diagnosis, the time line, the lights of the links with masked numbers. No names, no link.
#[utoipa::path(get, path = "/api/v1/support/bundles/{code}", tag = "support",
    params(("code" = String, Path, description = "Six letters and digits")), security(("session" = [])), responses(
    (status = 200, description = "The bundle", body = BundleBody),
    (status = 401, description = "Not logged in", body = ProblemBody, content_type = "application/problem+json"),
    (status = 404, description = "No such code, or not support", body = ProblemBody, content_type = "application/problem+json"),
    (status = 429, description = "Too often", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn read(
    State(clinic): State<Clinic>,
    signed_in: SignedIn,
    Path(code): Path<String>,
) -> Result<axum::Json<BundleBody>, Problem> {
    let bundle = bundle(&clinic, &signed_in, &code)?;
    let event = Event::new(clinic.clock().now(), Audited::SupportBundleViewed)
        .by(ActorKind::Account, Some(signed_in.id().to_string()))
        .on(&bundle.id);
    clinic.store().write(|tx| tx.audit(&event)).await?;
    Ok(axum::Json(body(&clinic, &signed_in, bundle)?))
}

fn of(bundle: &SupportBundle) -> Result<ConsultationId, Problem> {
    bundle.consultation.clone().ok_or(Problem::new(Code::NotFound))
}

/// Sends an invitation again, to the same place.
#[utoipa::path(post, path = "/api/v1/support/bundles/{code}/invitations/{invitation}/resend", tag = "support",
    params(("code" = String, Path, description = "Six letters and digits"),
        ("invitation" = String, Path, description = "The invitation"),
        ("Idempotency-Key" = String, Header, description = "Any text, up to 128 characters")),
    security(("session" = [])), responses(
    (status = 200, description = "Queued", body = InvitationBody),
    (status = 401, description = "Not logged in", body = ProblemBody, content_type = "application/problem+json"),
    (status = 404, description = "No such code or invitation, or not support", body = ProblemBody, content_type = "application/problem+json"),
    (status = 409, description = "Over or revoked", body = ProblemBody, content_type = "application/problem+json"),
    (status = 429, description = "Too often", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn resend(
    State(clinic): State<Clinic>,
    signed_in: SignedIn,
    Path((code, invitation)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let id = of(&bundle(&clinic, &signed_in, &code)?)?;
    let caller = Caller::Account(Box::new(signed_in));
    consultations::resend_for_support(&clinic, caller, &id, invitation, headers).await
}

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Lengthen {
    /// 5 to 60; 15 unless given.
    #[serde(default)]
    minutes: Option<u32>,
}

/// Makes the appointment longer, where the administrators let support do it.
#[utoipa::path(post, path = "/api/v1/support/bundles/{code}/extend", tag = "support", request_body = Lengthen,
    params(("code" = String, Path, description = "Six letters and digits")), security(("session" = [])), responses(
    (status = 200, description = "Longer", body = BundleBody),
    (status = 401, description = "Not logged in", body = ProblemBody, content_type = "application/problem+json"),
    (status = 403, description = "Not delegated to support, or not live", body = ProblemBody, content_type = "application/problem+json"),
    (status = 404, description = "No such code, or not support", body = ProblemBody, content_type = "application/problem+json"),
    (status = 409, description = "Longer than four hours", body = ProblemBody, content_type = "application/problem+json"),
    (status = 422, description = "Minutes out of bounds", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn extend(
    State(clinic): State<Clinic>,
    signed_in: SignedIn,
    Path(code): Path<String>,
    Json(Lengthen { minutes }): Json<Lengthen>,
) -> Result<axum::Json<BundleBody>, Problem> {
    let bundle = bundle(&clinic, &signed_in, &code)?;
    let caller = Caller::Account(Box::new(signed_in.clone()));
    consultations::lengthen(&clinic, &caller, of(&bundle)?.as_str(), minutes).await?;
    Ok(axum::Json(body(&clinic, &signed_in, bundle)?))
}
