//! Support: what somebody sends about their device, under a code to be read out on the telephone, and what the person who
//! helps may see and do with it. Health data are neither seen nor reached from here.

mod console;
mod probe;

use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use http::StatusCode;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::{OpenApi, ToSchema};

use crate::Clinic;
use crate::admin::settings;
use crate::audit::Action as Audited;
use crate::audit::{ActorKind, Event};
use crate::consultations::{Read, consultation_for};
use crate::crypto::fill_random;
use crate::http::problem::ProblemBody;
use crate::http::{Action, Code, Guest, Json, Problem, SignedIn};
use crate::ids::{ConsultationId, ParticipantId, SupportId};
use crate::limits::Rate;
use crate::model::retention::Kept;
use crate::model::{BundleMaker, Diagnostic, Participant, ParticipantRole, SupportBundle};
use crate::store::{IndexKey, Query, StoreError, Tx};

/// Of one person.
const BUNDLES: Rate = Rate::per_hour(10);
/// Without letters and digits that are taken for each other, on paper or by ear.
const ALPHABET: &[u8; 27] = b"ABCDEFGHJKMNPQRTUVWXY346789";
const CODE_CHARS: usize = 6;

pub(crate) fn router() -> Router<Clinic> {
    Router::new()
        .route("/api/v1/support/bundles", post(make))
        .route("/p/v1/support/bundles", post(make_as_guest))
        .route("/api/v1/support/bundles/{code}", get(console::read))
        .route("/api/v1/support/bundles/{code}/extend", post(console::extend))
        .route("/api/v1/support/bundles/{code}/invitations/{invitation}/resend", post(console::resend))
        .route("/p/v1/network-probe", get(probe::probe))
}

#[derive(OpenApi)]
#[openapi(
    paths(make, make_as_guest, console::read, console::extend, console::resend, probe::probe),
    tags((name = "support"))
)]
pub(crate) struct Api;

/// To be told to whoever helps.
#[derive(Debug, Serialize, ToSchema)]
pub struct BundleMade {
    /// Six letters and digits.
    code: String,
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

fn checked(diagnostic: &Diagnostic) -> Result<(), Problem> {
    let faults = diagnostic.faults(|code| Code::ALL.iter().any(|known| known.slug() == code));
    if faults.is_empty() {
        return Ok(());
    }
    let mut problem = Problem::new(Code::ValidationFailed);
    for (pointer, word) in &faults {
        problem.push_field(pointer, word);
    }
    Err(problem)
}

/// Where it comes from.
struct From {
    by: BundleMaker,
    who: String,
    consultation: Option<ConsultationId>,
    seat: Option<(ParticipantId, ParticipantRole)>,
}

async fn keep(
    clinic: &Clinic,
    from: From,
    diagnostic: Diagnostic,
) -> Result<(StatusCode, axum::Json<BundleMade>), Problem> {
    checked(&diagnostic)?;
    let now = clinic.clock().now();
    clinic.traffic().take(now, "support-bundle", &from.who, BUNDLES)?;
    let made = clinic
        .store()
        .write(|tx| {
            let life = settings(tx)?.keeps(Kept::SupportBundles);
            let expires_at = now.saturating_add(life).unwrap_or(Timestamp::MAX);
            let code = fresh_code(tx)?;
            let (participant, role) = from.seat.unzip();
            let bundle = SupportBundle {
                id: SupportId::new(now),
                code: code.clone(),
                made_at: now,
                expires_at,
                by: from.by,
                role,
                consultation: from.consultation,
                participant,
                diagnostic,
            };
            tx.insert(&bundle)?;
            let kind = match from.by {
                BundleMaker::Guest => ActorKind::Participant,
                BundleMaker::Account => ActorKind::Account,
            };
            let event = Event::new(now, Audited::SupportBundleMade).by(kind, Some(from.who));
            tx.audit(&event.on(&bundle.id))?;
            Ok::<_, Problem>(BundleMade { code, expires_at })
        })
        .await?;
    Ok((StatusCode::CREATED, axum::Json(made)))
}

/// One that no bundle has; of 27^6 they are never used up.
fn fresh_code(tx: &Tx<'_>) -> Result<String, Problem> {
    for _ in 0..20 {
        let code = random_code();
        if find(tx, &code)?.is_none() {
            return Ok(code);
        }
    }
    Err(Problem::new(Code::Unavailable))
}

fn random_code() -> String {
    let mut code = String::with_capacity(CODE_CHARS);
    while code.len() < CODE_CHARS {
        let mut byte = [0];
        fill_random(&mut byte);
        // Nine times 27: no letter is likelier than another.
        let [byte] = byte;
        if byte < 243
            && let Some(letter) = ALPHABET.get(usize::from(byte % 27))
        {
            code.push(char::from(*letter));
        }
    }
    code
}

fn find(read: &impl Read, code: &str) -> Result<Option<crate::store::Versioned<SupportBundle>>, StoreError> {
    let query = Query::new("code", IndexKey::new().text(code)).limit(1);
    Ok(read.page::<SupportBundle>(&query)?.items.into_iter().next())
}

/// Sends a diagnosis of one's device to support. It takes words of a list and numbers only.
#[utoipa::path(post, path = "/api/v1/support/bundles", tag = "support", request_body = Diagnostic,
    security(("session" = [])), responses(
    (status = 201, description = "Kept under a code", body = BundleMade),
    (status = 401, description = "Not logged in", body = ProblemBody, content_type = "application/problem+json"),
    (status = 404, description = "A `consultation_id` that the sender has no part in", body = ProblemBody, content_type = "application/problem+json"),
    (status = 422, description = "Something that is no word of the lists, or out of bounds", body = ProblemBody, content_type = "application/problem+json"),
    (status = 429, description = "Too often", body = ProblemBody, content_type = "application/problem+json"),
))]
async fn make(
    State(clinic): State<Clinic>,
    signed_in: SignedIn,
    Json(mut diagnostic): Json<Diagnostic>,
) -> Result<(StatusCode, axum::Json<BundleMade>), Problem> {
    let now = clinic.clock().now();
    let (consultation, seat) = match diagnostic.consultation_id.take() {
        None => (None, None),
        Some(id) => {
            let actor = signed_in.actor(now);
            let access = consultation_for(clinic.store(), now, &actor, id.as_str(), Action::SeeConsultation)?;
            let seat = access.seat.map(|seat| (seat.value.id, seat.value.role));
            (Some(access.consultation.value.id), seat)
        }
    };
    let who = signed_in.id().to_string();
    keep(&clinic, From { by: BundleMaker::Account, who, consultation, seat }, diagnostic).await
}

/// Sends a diagnosis of the guest's device to support.
#[utoipa::path(post, path = "/p/v1/support/bundles", tag = "support", request_body = Diagnostic,
    security(("guest" = [])), responses(
    (status = 201, description = "Kept under a code", body = BundleMade),
    (status = 401, description = "No session", body = ProblemBody, content_type = "application/problem+json"),
    (status = 422, description = "Something that is no word of the lists, or out of bounds", body = ProblemBody, content_type = "application/problem+json"),
    (status = 429, description = "Too often", body = ProblemBody, content_type = "application/problem+json"),
))]
async fn make_as_guest(
    State(clinic): State<Clinic>,
    guest: Guest,
    Json(diagnostic): Json<Diagnostic>,
) -> Result<(StatusCode, axum::Json<BundleMade>), Problem> {
    if diagnostic.consultation_id.is_some() {
        return Err(Problem::field("/consultation_id", "unknown"));
    }
    let seat = clinic.store().unpurged::<Participant>(guest.participant.as_str())?;
    let seat = seat.ok_or(Problem::new(Code::Unauthenticated))?;
    let from = From {
        by: BundleMaker::Guest,
        who: guest.participant.to_string(),
        consultation: Some(guest.consultation),
        seat: Some((seat.value.id, seat.value.role)),
    };
    keep(&clinic, from, diagnostic).await
}

/// Deletes bundles that have outlived their time.
pub(crate) fn sweep(tx: &mut Tx<'_>, now: Timestamp) -> Result<usize, StoreError> {
    let query = Query::new("expires", IndexKey::new()).until(IndexKey::new().time(now)).limit(1000);
    let old = tx.list::<SupportBundle>(&query)?.items;
    for bundle in &old {
        tx.delete::<SupportBundle>(&bundle.id)?;
    }
    Ok(old.len())
}

#[cfg(test)]
mod tests;
