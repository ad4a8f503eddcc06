//! Shows a document to more people: what was kept back for signing goes out after all. And tells the patient, who is gone.

use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::input::{DocumentBody, Who, body, find_own};
use super::upload::{VISIBILITY_MAX, visibility};
use crate::Clinic;
use crate::audit::Action as Audited;
use crate::consultations::{Access, What, documents_available, note, readable_until};
use crate::crypto::Purpose;
use crate::http::authorize::Standing;
use crate::http::problem::ProblemBody;
use crate::http::{Caller, Code, Json, Path, Problem};
use crate::ids::ParticipantId;
use crate::limits::{self, Rate};
use crate::model::{Document, DocumentState, ParticipantRole, Visibility};
use crate::store::{StoreError, Tx};

/// Files that follow each other are one message.
const TOLD: Rate = Rate { limit: 1, window: jiff::SignedDuration::from_mins(10) };

/// Writes to the patient that there is something to read, once the call is over: nobody sits in front of the page then.
pub fn tell_patient(
    clinic: &Clinic,
    tx: &mut Tx<'_>,
    access: &Access,
    document: &Document,
) -> Result<(), StoreError> {
    let patient = |id: &ParticipantId| {
        access.participants.iter().any(|one| one.id == *id && one.role == ParticipantRole::Patient)
    };
    let shown = document.visible_to.iter().any(|reader| match reader {
        Visibility::Role(role) => *role == ParticipantRole::Patient,
        Visibility::Participant(id) => patient(id),
    });
    let c = &access.consultation;
    if c.status.is_live() || !shown || access.role == Standing::Patient {
        return Ok(());
    }
    let subject = clinic.lookup().hash(Purpose::RateSubject, c.id.as_str());
    if limits::take(tx, clinic.clock().now(), "documents-told", &subject, TOLD)?.is_err() {
        return Ok(());
    }
    documents_available(clinic, tx, c, readable_until(c, access.facts.post_access))
}

/// Who may see it from now on, besides those who may already.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Share {
    /// The patient unless said.
    #[serde(default)]
    visibility: Option<Vec<Visibility>>,
}

/// Shows an own document to more people. It cannot be hidden again, only taken back while nobody has opened it.
#[utoipa::path(post, path = "/api/v1/consultations/{id}/documents/{document}/share", tag = "documents",
    params(("id" = String, Path), ("document" = String, Path)), request_body = Share,
    security(("session" = []), ("portal" = [])), responses(
    (status = 200, description = "The document", body = DocumentBody),
    (status = 409, description = "Not available", body = ProblemBody, content_type = "application/problem+json"),
    (status = 422, description = "Nobody of this consultation", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn share(
    State(clinic): State<Clinic>,
    caller: Caller,
    Path((id, document)): Path<(String, String)>,
    Json(wanted): Json<Share>,
) -> Result<axum::Json<DocumentBody>, Problem> {
    let who = Who::caller(&clinic, &caller, &id);
    let now = clinic.clock().now();
    let (access, document) = clinic
        .store()
        .write(|tx| {
            let access = who.access(&clinic, tx)?;
            let mut document = find_own(tx, &access, &document)?;
            if !matches!(document.state, DocumentState::Available | DocumentState::Opened) {
                return Err(Problem::new(Code::InvalidTransition));
            }
            for reader in visibility(&access, wanted.visibility.clone())? {
                if !document.visible_to.contains(&reader) {
                    document.visible_to.push(reader);
                }
            }
            if document.visible_to.len() > VISIBILITY_MAX {
                return Err(Problem::field("/visibility", "invalid"));
            }
            tx.update(&mut document)?;
            tell_patient(&clinic, tx, &access, &document)?;
            note(tx, now, &who.actor, &access.consultation.owner, Audited::DocumentSent, &document.id)?;
            Ok((access, document))
        })
        .await?;
    clinic.outbox().wake();
    clinic.live().tell(&access.consultation, What::Documents);
    Ok(axum::Json(body(&access, &document)))
}
