//! Shows a document to more people: what was kept back for signing goes out after all.

use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::input::{DocumentBody, Who, body, find_own};
use super::upload::{VISIBILITY_MAX, visibility};
use crate::Clinic;
use crate::audit::Action as Audited;
use crate::consultations::{What, note};
use crate::http::problem::ProblemBody;
use crate::http::{Caller, Code, Json, Path, Problem};
use crate::model::{DocumentState, Visibility};

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
            note(tx, now, &who.actor, &access.consultation.owner, Audited::DocumentSent, &document.id)?;
            Ok((access, document))
        })
        .await?;
    clinic.live().tell(&access.consultation, What::Documents);
    Ok(axum::Json(body(&access, &document)))
}
