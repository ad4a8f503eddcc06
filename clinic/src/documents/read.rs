//! Shows documents: which there are, their bytes, and taking one back.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue,
    X_CONTENT_TYPE_OPTIONS,
};
use serde::Deserialize;

use super::expire::{delete_blobs, erase};
use super::input::{DocumentBody, Who, body, find, find_own, may_see, sender};
use crate::Clinic;
use crate::audit::Action as Audited;
use crate::consultations::{Access, Read, What, note};
use crate::http::problem::ProblemBody;
use crate::http::{Caller, Code, Guest, Path, Problem, Query};
use crate::model::{Document, DocumentState};
use crate::store::Versioned;

fn all(clinic: &Clinic, who: &Who) -> Result<axum::Json<Vec<DocumentBody>>, Problem> {
    let access = who.access(clinic, clinic.store())?;
    let mut shown = Vec::new();
    for document in clinic.store().all::<Document>("consultation", access.consultation.id.as_str())? {
        if document.state != DocumentState::Purged && may_see(&access, &document)? {
            shown.push(body(&access, &document));
        }
    }
    Ok(axum::Json(shown))
}

/// The document, if it shows itself to the asker; 404 otherwise.
pub(super) fn visible(read: &impl Read, access: &Access, id: &str) -> Result<Versioned<Document>, Problem> {
    let document = find(read, access, id)?;
    if may_see(access, &document)? { Ok(document) } else { Err(Problem::new(Code::NotFound)) }
}

fn single(clinic: &Clinic, who: &Who, id: &str) -> Result<axum::Json<DocumentBody>, Problem> {
    let access = who.access(clinic, clinic.store())?;
    let document = visible(clinic.store(), &access, id)?;
    Ok(axum::Json(body(&access, &document)))
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct How {
    /// To keep, not to show.
    #[serde(default)]
    download: bool,
}

async fn bytes(clinic: &Clinic, who: &Who, id: &str, how: How) -> Result<Response, Problem> {
    let (store, now) = (clinic.store(), clinic.clock().now());
    let access = who.access(clinic, store)?;
    let document = visible(store, &access, id)?;
    let readable =
        matches!(document.state, DocumentState::Available | DocumentState::Opened | DocumentState::Replaced);
    let blob = document.blob.clone().filter(|_| readable).ok_or(Problem::new(Code::NotFound))?;
    let content = store.get_blob(&access.consultation.data_key(), &blob).await?;
    let content = content.ok_or(Problem::new(Code::NotFound))?;
    let opened = store
        .write(|tx| {
            let access = who.access(clinic, tx)?;
            let mut document = visible(tx, &access, id)?;
            // Taken back in this moment: nobody has seen it.
            if document.blob.as_ref() != Some(&blob) {
                return Err(Problem::new(Code::NotFound));
            }
            let reader = sender(&access).ok().filter(|reader| *reader != document.sender);
            let first = match reader {
                Some(reader) if !document.opened_at.contains_key(&reader) => {
                    document.opened_at.insert(reader, now);
                    if document.state == DocumentState::Available {
                        document.state = DocumentState::Opened;
                    }
                    tx.update(&mut document)?;
                    true
                }
                _ => false,
            };
            let owner = &access.consultation.owner;
            if first {
                note(tx, now, &who.actor, owner, Audited::DocumentOpened, &document.id)?;
            }
            if how.download || !first {
                note(tx, now, &who.actor, owner, Audited::DocumentDownloaded, &document.id)?;
            }
            Ok(first)
        })
        .await?;
    if opened {
        clinic.live().tell(&access.consultation, What::Documents);
    }
    Ok(file(&document, content, how))
}

/// What a browser may show, and nothing that it could run.
fn file(document: &Document, content: Vec<u8>, how: How) -> Response {
    let mut response = content.into_response();
    let headers = response.headers_mut();
    let fixed = |text| HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""));
    headers.insert(CONTENT_TYPE, fixed(&document.mime));
    headers.insert(CONTENT_DISPOSITION, fixed(&disposition(&document.file_name, how.download)));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store, private"));
    headers.insert(
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("sandbox; default-src 'none'; img-src 'self'; style-src 'unsafe-inline'"),
    );
    response
}

/// The name twice: as ASCII for old readers, and whole (RFC 6266, RFC 8187).
fn disposition(name: &str, download: bool) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || " -_.".contains(c);
    let ascii: String = name.chars().map(|c| if plain(c) { c } else { '_' }).collect();
    let whole: String = name
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect();
    let kind = if download { "attachment" } else { "inline" };
    format!("{kind}; filename=\"{ascii}\"; filename*=UTF-8''{whole}")
}

async fn take_back(clinic: &Clinic, who: &Who, id: &str) -> Result<axum::Json<DocumentBody>, Problem> {
    let now = clinic.clock().now();
    let (access, document, blobs) = clinic
        .store()
        .write(|tx| {
            let access = who.access(clinic, tx)?;
            let mut document = find_own(tx, &access, id)?;
            let blobs = match document.state {
                DocumentState::Available => {
                    document.state = DocumentState::Withdrawn;
                    let blob = document.blob.take();
                    tx.update(&mut document)?;
                    let owner = &access.consultation.owner;
                    note(tx, now, &who.actor, owner, Audited::DocumentWithdrawn, &document.id)?;
                    blob.into_iter().collect()
                }
                // Nobody was shown it, and the trail does not know it yet.
                DocumentState::Uploading | DocumentState::Scanning => erase(tx, &mut document)?,
                _ => return Err(Problem::new(Code::InvalidTransition)),
            };
            Ok((access, document, blobs))
        })
        .await?;
    delete_blobs(clinic.store(), &access.consultation.data_key(), &blobs);
    clinic.live().tell(&access.consultation, What::Documents);
    Ok(axum::Json(body(&access, &document)))
}

type Listed = Result<axum::Json<Vec<DocumentBody>>, Problem>;
type Shown = Result<axum::Json<DocumentBody>, Problem>;

/// What was handed over, as far as it shows itself to the asker.
#[utoipa::path(get, path = "/api/v1/consultations/{id}/documents", tag = "documents", params(("id" = String, Path)),
    security(("session" = []), ("portal" = [])), responses(
    (status = 200, description = "The oldest first", body = Vec<DocumentBody>),
    (status = 403, description = "An immediate consultation has none", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn list(State(clinic): State<Clinic>, caller: Caller, Path(id): Path<String>) -> Listed {
    all(&clinic, &Who::caller(&clinic, &caller, &id))
}

/// One document.
#[utoipa::path(get, path = "/api/v1/consultations/{id}/documents/{document}", tag = "documents",
    params(("id" = String, Path), ("document" = String, Path)), security(("session" = []), ("portal" = [])), responses(
    (status = 200, description = "The document", body = DocumentBody),
))]
pub(super) async fn one(
    State(clinic): State<Clinic>,
    caller: Caller,
    Path((id, document)): Path<(String, String)>,
) -> Shown {
    single(&clinic, &Who::caller(&clinic, &caller, &id), &document)
}

/// The bytes; whoever did not send it has opened it by this.
#[utoipa::path(get, path = "/api/v1/consultations/{id}/documents/{document}/content", tag = "documents",
    params(("id" = String, Path), ("document" = String, Path), ("download" = Option<bool>, Query)),
    security(("session" = []), ("portal" = [])), responses(
    (status = 200, description = "The file", body = Vec<u8>, content_type = "application/octet-stream"),
))]
pub(super) async fn content(
    State(clinic): State<Clinic>,
    caller: Caller,
    Path((id, document)): Path<(String, String)>,
    Query(how): Query<How>,
) -> Result<Response, Problem> {
    bytes(&clinic, &Who::caller(&clinic, &caller, &id), &document, how).await
}

/// Takes back an own document that nobody opened, or gives up its upload. One that was opened can be replaced.
#[utoipa::path(post, path = "/api/v1/consultations/{id}/documents/{document}/withdraw", tag = "documents",
    params(("id" = String, Path), ("document" = String, Path)), security(("session" = []), ("portal" = [])), responses(
    (status = 200, description = "Taken back, its bytes erased", body = DocumentBody),
    (status = 409, description = "It was opened", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn withdraw(
    State(clinic): State<Clinic>,
    caller: Caller,
    Path((id, document)): Path<(String, String)>,
) -> Shown {
    take_back(&clinic, &Who::caller(&clinic, &caller, &id), &document).await
}

/// As for professionals.
#[utoipa::path(get, path = "/p/v1/documents", tag = "guest", security(("guest" = [])), responses(
    (status = 200, description = "The oldest first", body = Vec<DocumentBody>),
))]
pub(super) async fn guest_list(State(clinic): State<Clinic>, guest: Guest) -> Listed {
    all(&clinic, &Who::guest(&guest))
}

/// As for professionals.
#[utoipa::path(get, path = "/p/v1/documents/{document}", tag = "guest", params(("document" = String, Path)),
    security(("guest" = [])), responses((status = 200, description = "The document", body = DocumentBody)))]
pub(super) async fn guest_one(
    State(clinic): State<Clinic>,
    guest: Guest,
    Path(document): Path<String>,
) -> Shown {
    single(&clinic, &Who::guest(&guest), &document)
}

/// As for professionals.
#[utoipa::path(get, path = "/p/v1/documents/{document}/content", tag = "guest",
    params(("document" = String, Path), ("download" = Option<bool>, Query)), security(("guest" = [])), responses(
    (status = 200, description = "The file", body = Vec<u8>, content_type = "application/octet-stream"),
))]
pub(super) async fn guest_content(
    State(clinic): State<Clinic>,
    guest: Guest,
    Path(document): Path<String>,
    Query(how): Query<How>,
) -> Result<Response, Problem> {
    bytes(&clinic, &Who::guest(&guest), &document, how).await
}

/// As for professionals.
#[utoipa::path(post, path = "/p/v1/documents/{document}/withdraw", tag = "guest", params(("document" = String, Path)),
    security(("guest" = [])), responses(
    (status = 200, description = "Taken back, its bytes erased", body = DocumentBody),
    (status = 409, description = "It was opened", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn guest_withdraw(
    State(clinic): State<Clinic>,
    guest: Guest,
    Path(document): Path<String>,
) -> Shown {
    take_back(&clinic, &Who::guest(&guest), &document).await
}
