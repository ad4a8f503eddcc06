//! Receives a file in pieces: announced, received in order, completed. Whoever lost the connection asks for the state and
//! goes on from there.

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_RANGE;
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::DocumentsConfig;
use super::check::{Accepted, From, check};
use super::expire::{delete_blobs, plan};
use super::input::{DocumentBody, Who, body, find_own, sender, sending};
use super::share::tell_patient;
use super::sniff::clean_name;
use crate::Clinic;
use crate::admin::Adapter;
use crate::audit::{Action as Audited, Outcome};
use crate::consultations::{Access, Read, What, note};
use crate::http::authorize::Standing;
use crate::http::problem::ProblemBody;
use crate::http::{Caller, Code, Guest, Json, Path, Problem};
use crate::ids::{BlobId, DocumentId};
use crate::model::{Category, Chunk, Document, DocumentState, ParticipantRole, Signed, Upload, Visibility};
use crate::store::{StoreError, Tx, Versioned};

/// Pieces are at least this long, but the last, and at most [`CHUNK_MAX`], in bytes.
const CHUNK_MIN: u64 = 64 << 10;
const CHUNK_MAX: u64 = 1 << 20;
/// Records of one consultation, refused and given up ones included.
const RECORDS_MAX: usize = 300;
/// Entries of a visibility: every role and every participant.
pub const VISIBILITY_MAX: usize = 20;

/// A file that is about to be sent.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewDocument {
    name: String,
    /// In bytes.
    size: u64,
    /// Of the bytes as they are sent, hexadecimal.
    sha256: String,
    category: Category,
    /// Besides the sender and the owner. From a professional it is the patient unless given; guests show theirs to the
    /// professional alone unless given.
    #[serde(default)]
    visibility: Option<Vec<Visibility>>,
    /// An own document that was opened, which this one takes the place of.
    #[serde(default)]
    replaces: Option<DocumentId>,
}

/// How far an upload is.
#[derive(Debug, Serialize, ToSchema)]
pub struct UploadBody {
    document: DocumentBody,
    /// Bytes that are here: where the next piece begins.
    received: u64,
    /// Longest piece, in bytes.
    piece_max: u64,
}

fn upload_body(access: &Access, document: &Document, received: u64) -> axum::Json<UploadBody> {
    axum::Json(UploadBody { document: body(access, document), received, piece_max: CHUNK_MAX })
}

async fn announce(clinic: &Clinic, who: &Who, new: NewDocument) -> Result<Response, Problem> {
    let (now, limits) = (clinic.clock().now(), &clinic.config().documents);
    let sha256 = new.sha256.to_ascii_lowercase();
    if sha256.len() != 64 || !sha256.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(Problem::field("/sha256", "invalid"));
    }
    if new.size == 0 || new.name.len() > 2000 {
        return Err(Problem::field(if new.size == 0 { "/size" } else { "/name" }, "invalid"));
    }
    let answer = clinic
        .store()
        .write(|tx| {
            let access = who.access(clinic, tx)?;
            access.require(sending(new.category))?;
            if new.size > limits.file_bytes_max {
                return Err(Problem::new(Code::FileTooLarge));
            }
            let sender = sender(&access)?;
            let all = tx.all::<Document>("consultation", access.consultation.id.as_str())?;
            room_for(limits, &all, new.size)?;
            let version = match &new.replaces {
                None => 1,
                Some(old) => replaceable(tx, &access, old)?.version.saturating_add(1),
            };
            let visible_to = visibility(&access, new.visibility)?;
            let document = Document {
                id: DocumentId::new(now),
                consultation: access.consultation.id.clone(),
                version,
                sender,
                category: new.category,
                file_name: clean_name(&new.name, None),
                mime: String::new(),
                bytes: new.size,
                sha256: String::new(),
                blob: None,
                state: DocumentState::Uploading,
                visible_to,
                signed: Signed::None,
                seal: None,
                replaces: new.replaces,
                replaced_by: None,
                created_at: now,
                opened_at: BTreeMap::new(),
                refusal: None,
                warnings: Vec::new(),
            };
            tx.insert(&document)?;
            tx.insert(&Upload {
                document: document.id.clone(),
                consultation: document.consultation.clone(),
                size: new.size,
                sha256,
                chunks: Vec::new(),
            })?;
            plan(tx, &document.id, now)?;
            Ok((StatusCode::CREATED, upload_body(&access, &document, 0)).into_response())
        })
        .await?;
    clinic.scheduler().wake();
    Ok(answer)
}

/// Is there room for one more file of this size beside those of its consultation? Else 429 or 413.
pub fn room_for(limits: &DocumentsConfig, all: &[Versioned<Document>], size: u64) -> Result<(), Problem> {
    let gone = |state| {
        use DocumentState as D;
        matches!(state, D::Purged | D::Rejected | D::Quarantined | D::Withdrawn)
    };
    let kept: Vec<_> = all.iter().filter(|document| !gone(document.state)).collect();
    if kept.len() >= limits.files_max as usize || all.len() >= RECORDS_MAX {
        return Err(Problem::new(Code::QuotaExceeded).and_field("", "too-many-files"));
    }
    let bytes = kept.iter().fold(size, |sum, document| sum.saturating_add(document.bytes));
    if bytes > limits.total_bytes_max {
        return Err(Problem::new(Code::FileTooLarge).and_field("", "too-much-in-all"));
    }
    Ok(())
}

/// An own document that somebody opened.
fn replaceable(tx: &Tx<'_>, access: &Access, old: &DocumentId) -> Result<Document, Problem> {
    let old = find_own(tx, access, old.as_str())?;
    match old.state {
        DocumentState::Available | DocumentState::Opened => Ok(old.value),
        _ => Err(Problem::field("/replaces", "not-replaceable")),
    }
}

pub fn visibility(access: &Access, wanted: Option<Vec<Visibility>>) -> Result<Vec<Visibility>, Problem> {
    let patient_side = from(access) == From::PatientSide;
    let Some(wanted) = wanted else {
        return Ok(if patient_side { Vec::new() } else { vec![Visibility::Role(ParticipantRole::Patient)] });
    };
    let known = |one: &Visibility| match one {
        Visibility::Role(_) => true,
        Visibility::Participant(id) => access.participants.iter().any(|participant| participant.id == *id),
    };
    if wanted.len() > VISIBILITY_MAX || !wanted.iter().all(known) {
        return Err(Problem::field("/visibility", "invalid"));
    }
    Ok(wanted)
}

/// Whoever is bound to secrecy and has a number may send PDFs that act; everybody else may not.
fn from(access: &Access) -> From {
    match access.role {
        Standing::Owner | Standing::CoProfessional | Standing::Portal => From::Professional,
        _ => From::PatientSide,
    }
}

/// First and last byte of a piece, and of how many: `bytes 0-1048575/3000000`.
fn range(headers: &HeaderMap) -> Option<(u64, u64, u64)> {
    let text = headers.get(CONTENT_RANGE)?.to_str().ok()?;
    let (span, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = span.split_once('-')?;
    Some((first.parse().ok()?, last.parse().ok()?, total.parse().ok()?))
}

fn load(
    read: &impl Read,
    access: &Access,
    id: &str,
) -> Result<(Versioned<Document>, Versioned<Upload>), Problem> {
    let document = find_own(read, access, id)?;
    let upload = read.unpurged::<Upload>(document.id.as_str())?;
    match upload {
        Some(upload) if matches!(document.state, DocumentState::Uploading | DocumentState::Scanning) => {
            Ok((document, upload))
        }
        _ => Err(Problem::new(Code::InvalidTransition)),
    }
}

async fn take(
    clinic: &Clinic,
    who: &Who,
    id: &str,
    headers: &HeaderMap,
    bytes: Bytes,
) -> Result<Response, Problem> {
    let store = clinic.store();
    let (first, last, total) =
        range(headers).ok_or(Problem::new(Code::Malformed).and_field("", "content-range"))?;
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    if last.checked_sub(first).and_then(|span| span.checked_add(1)) != Some(length) {
        return Err(Problem::new(Code::Malformed).and_field("", "content-range"));
    }
    let access = who.access(clinic, store)?;
    let (document, upload) = load(store, &access, id)?;
    if total != upload.size || last >= total {
        return Err(Problem::field("", "content-range"));
    }
    if length > CHUNK_MAX || (length < CHUNK_MIN && last + 1 != total) {
        return Err(Problem::field("", "piece-size"));
    }
    let received = upload.received();
    if last < received {
        // Sent again, because the answer was lost.
        return Ok(upload_body(&access, &document, received).into_response());
    }
    if first != received {
        return Err(Problem::new(Code::Conflict).and_field("", "gap"));
    }
    let (key, blob) = (access.consultation.data_key(), BlobId::new(clinic.clock().now()));
    store.put_blob(&key, &blob, bytes.into()).await?;
    let kept = store
        .write(|tx| {
            let access = who.access(clinic, tx)?;
            let (document, mut upload) = load(tx, &access, id)?;
            if upload.received() != first {
                return Err(Problem::new(Code::Conflict).and_field("", "gap"));
            }
            upload.chunks.push(Chunk { blob: blob.clone(), bytes: length });
            tx.update(&mut upload)?;
            Ok(upload_body(&access, &document, upload.received()).into_response())
        })
        .await;
    if kept.is_err() {
        delete_blobs(store, &key, &[blob]);
    }
    kept
}

async fn finish(clinic: &Clinic, who: &Who, id: &str) -> Result<Response, Problem> {
    let store = clinic.store();
    let (access, upload) = store
        .write(|tx| {
            let access = who.access(clinic, tx)?;
            let (mut document, upload) = load(tx, &access, id)?;
            if upload.received() != upload.size {
                return Err(Problem::new(Code::Conflict).and_field("", "incomplete"));
            }
            document.state = DocumentState::Scanning;
            tx.update(&mut document)?;
            Ok((access, upload.value))
        })
        .await?;
    clinic.live().tell(&access.consultation, What::Documents);
    let key = access.consultation.data_key();
    let mut bytes = Vec::with_capacity(usize::try_from(upload.size).unwrap_or_default());
    for chunk in &upload.chunks {
        let piece = store.get_blob(&key, &chunk.blob).await?.ok_or(Problem::new(Code::InvalidTransition))?;
        bytes.extend_from_slice(&piece);
    }
    let judged = check(&clinic.config().documents, bytes, &upload.sha256, from(&access)).await;
    note_scan(clinic, &judged);
    let answer = match judged {
        // Nobody could judge it: what was received stays, and completing it again is all it takes.
        Err(problem) if matches!(problem.code, Code::Unavailable | Code::ProviderUnavailable) => Err(problem),
        Err(problem) => {
            store.write(|tx| refuse(clinic, tx, who, id, &problem)).await?;
            Err(problem)
        }
        Ok(accepted) => keep(clinic, who, id, &access, accepted, &upload).await,
    };
    clinic.live().tell(&access.consultation, What::Documents);
    clinic.scheduler().wake();
    clinic.outbox().wake();
    answer
}

/// How the scanner did, where there is one. What was refused before it was asked tells nothing.
fn note_scan(clinic: &Clinic, judged: &Result<Accepted, Problem>) {
    if clinic.config().documents.clamd.is_none() {
        return;
    }
    let scanned = match judged {
        Ok(accepted) => !accepted.warnings.iter().any(|word| word == "not-scanned"),
        Err(problem) if problem.code == Code::FileInfected => true,
        Err(problem) if problem.code == Code::ProviderUnavailable => false,
        Err(_) => return,
    };
    match scanned {
        true => clinic.health().worked(Adapter::Clamd),
        false => clinic.health().failed(Adapter::Clamd, "no-verdict"),
    }
}

/// Notes the refusal; the bytes go by the timer.
fn refuse(clinic: &Clinic, tx: &mut Tx<'_>, who: &Who, id: &str, problem: &Problem) -> Result<(), Problem> {
    let now = clinic.clock().now();
    let access = who.access(clinic, tx)?;
    let (mut document, _) = load(tx, &access, id)?;
    let infected = problem.code == Code::FileInfected;
    document.state = if infected { DocumentState::Quarantined } else { DocumentState::Rejected };
    document.refusal = Some(problem.code.slug().to_owned());
    tx.update(&mut document)?;
    plan(tx, &document.id, now)?;
    let owner = &access.consultation.owner;
    let event = note::event(now, &who.actor, owner, Audited::DocumentRejected, &document.id);
    tx.audit(&event.with(Outcome::Denied, problem.code.slug()))?;
    Ok(())
}

async fn keep(
    clinic: &Clinic,
    who: &Who,
    id: &str,
    access: &Access,
    accepted: Accepted,
    upload: &Upload,
) -> Result<Response, Problem> {
    let (store, now) = (clinic.store(), clinic.clock().now());
    let (key, blob) = (access.consultation.data_key(), BlobId::new(now));
    let Accepted { bytes, kind, sha256, signed, warnings } = accepted;
    let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    store.put_blob(&key, &blob, bytes).await?;
    let scanned = clinic.config().documents.clamd.is_some() && !warnings.iter().any(|w| w == "not-scanned");
    let kept = store
        .write(|tx| {
            let access = who.access(clinic, tx)?;
            let (mut document, _) = load(tx, &access, id)?;
            let owner = &access.consultation.owner;
            if let Some(old) = &document.replaces
                && let Some(mut old) = tx.unpurged::<Document>(old.as_str())?
                && matches!(old.state, DocumentState::Available | DocumentState::Opened)
            {
                old.state = DocumentState::Replaced;
                old.replaced_by = Some(document.id.clone());
                tx.update(&mut old)?;
                note(tx, now, &who.actor, owner, Audited::DocumentReplaced, &old.id)?;
            }
            document.state = DocumentState::Available;
            document.file_name = clean_name(&document.file_name, Some(kind));
            kind.mime().clone_into(&mut document.mime);
            document.bytes = size;
            document.sha256 = sha256;
            document.blob = Some(blob.clone());
            document.signed = signed;
            document.warnings = warnings;
            tx.update(&mut document)?;
            tx.delete::<Upload>(&document.id)?;
            note(tx, now, &who.actor, owner, Audited::DocumentUploaded, &document.id)?;
            if scanned {
                note(tx, now, &crate::http::Actor::System, owner, Audited::DocumentScanned, &document.id)?;
            }
            note(tx, now, &who.actor, owner, Audited::DocumentSent, &document.id)?;
            tell_patient(clinic, tx, &access, &document)?;
            Ok::<_, Problem>(axum::Json(body(&access, &document)).into_response())
        })
        .await;
    match &kept {
        Ok(_) => {
            let chunks: Vec<BlobId> = upload.chunks.iter().map(|chunk| chunk.blob.clone()).collect();
            delete_blobs(store, &key, &chunks);
        }
        Err(_) => delete_blobs(store, &key, &[blob]),
    }
    kept
}

fn progress(clinic: &Clinic, who: &Who, id: &str) -> Result<Response, Problem> {
    let access = who.access(clinic, clinic.store())?;
    let document = find_own(clinic.store(), &access, id)?;
    let upload = clinic.store().unpurged::<Upload>(document.id.as_str());
    let received = upload.map_err(|error: StoreError| Problem::from(error))?;
    let received = received.map_or(document.bytes, |upload| upload.received());
    Ok(upload_body(&access, &document, received).into_response())
}

/// Announces a file.
#[utoipa::path(post, path = "/api/v1/consultations/{id}/documents", tag = "documents", params(("id" = String, Path)),
    request_body = NewDocument, security(("session" = []), ("portal" = [])), responses(
    (status = 201, description = "Send the pieces now", body = UploadBody),
    (status = 403, description = "Not in this consultation, or not by this profession", body = ProblemBody, content_type = "application/problem+json"),
    (status = 413, description = "Too large, or too much in all", body = ProblemBody, content_type = "application/problem+json"),
    (status = 429, description = "Too many files", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn begin(
    State(clinic): State<Clinic>,
    caller: Caller,
    Path(id): Path<String>,
    Json(new): Json<NewDocument>,
) -> Result<Response, Problem> {
    announce(&clinic, &Who::caller(&clinic, &caller, &id), new).await
}

/// Takes a piece: `Content-Range: bytes FIRST-LAST/SIZE`, in order, 64 kB to 1 MB; the last may be shorter.
#[utoipa::path(put, path = "/api/v1/consultations/{id}/documents/{document}/upload", tag = "documents",
    params(("id" = String, Path), ("document" = String, Path), ("Content-Range" = String, Header)),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"), security(("session" = []), ("portal" = [])), responses(
    (status = 200, description = "Kept, now or before", body = UploadBody),
    (status = 409, description = "A piece is missing before this one, or the upload is over", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn receive(
    State(clinic): State<Clinic>,
    caller: Caller,
    Path((id, document)): Path<(String, String)>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<Response, Problem> {
    take(&clinic, &Who::caller(&clinic, &caller, &id), &document, &headers, bytes).await
}

/// How far the upload is.
#[utoipa::path(get, path = "/api/v1/consultations/{id}/documents/{document}/upload", tag = "documents",
    params(("id" = String, Path), ("document" = String, Path)), security(("session" = []), ("portal" = [])), responses(
    (status = 200, description = "Where to go on", body = UploadBody),
))]
pub(super) async fn state(
    State(clinic): State<Clinic>,
    caller: Caller,
    Path((id, document)): Path<(String, String)>,
) -> Result<Response, Problem> {
    progress(&clinic, &Who::caller(&clinic, &caller, &id), &document)
}

/// Checks the file and hands it over. After a 503 it can be asked for again.
#[utoipa::path(post, path = "/api/v1/consultations/{id}/documents/{document}/complete", tag = "documents",
    params(("id" = String, Path), ("document" = String, Path)), security(("session" = []), ("portal" = [])), responses(
    (status = 200, description = "Handed over", body = DocumentBody),
    (status = 413, description = "Too many pages or pixels", body = ProblemBody, content_type = "application/problem+json"),
    (status = 415, description = "Neither PDF, JPEG, PNG nor WebP", body = ProblemBody, content_type = "application/problem+json"),
    (status = 422, description = "Infected, active, or not what was announced", body = ProblemBody, content_type = "application/problem+json"),
    (status = 503, description = "The virus scanner does not answer", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn complete(
    State(clinic): State<Clinic>,
    caller: Caller,
    Path((id, document)): Path<(String, String)>,
) -> Result<Response, Problem> {
    finish(&clinic, &Who::caller(&clinic, &caller, &id), &document).await
}

/// As for professionals.
#[utoipa::path(post, path = "/p/v1/documents", tag = "guest", request_body = NewDocument, security(("guest" = [])), responses(
    (status = 201, description = "Send the pieces now", body = UploadBody),
    (status = 403, description = "Not let in, or not any more", body = ProblemBody, content_type = "application/problem+json"),
    (status = 413, description = "Too large, or too much in all", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn guest_begin(
    State(clinic): State<Clinic>,
    guest: Guest,
    Json(new): Json<NewDocument>,
) -> Result<Response, Problem> {
    announce(&clinic, &Who::guest(&guest), new).await
}

/// As for professionals.
#[utoipa::path(put, path = "/p/v1/documents/{document}/upload", tag = "guest",
    params(("document" = String, Path), ("Content-Range" = String, Header)),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"), security(("guest" = [])), responses(
    (status = 200, description = "Kept, now or before", body = UploadBody),
    (status = 409, description = "A piece is missing before this one", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn guest_receive(
    State(clinic): State<Clinic>,
    guest: Guest,
    Path(document): Path<String>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<Response, Problem> {
    take(&clinic, &Who::guest(&guest), &document, &headers, bytes).await
}

/// As for professionals.
#[utoipa::path(get, path = "/p/v1/documents/{document}/upload", tag = "guest", params(("document" = String, Path)),
    security(("guest" = [])), responses((status = 200, description = "Where to go on", body = UploadBody)))]
pub(super) async fn guest_state(
    State(clinic): State<Clinic>,
    guest: Guest,
    Path(document): Path<String>,
) -> Result<Response, Problem> {
    progress(&clinic, &Who::guest(&guest), &document)
}

/// As for professionals; a PDF that acts is refused.
#[utoipa::path(post, path = "/p/v1/documents/{document}/complete", tag = "guest", params(("document" = String, Path)),
    security(("guest" = [])), responses(
    (status = 200, description = "Handed over", body = DocumentBody),
    (status = 415, description = "Neither PDF, JPEG, PNG nor WebP", body = ProblemBody, content_type = "application/problem+json"),
    (status = 422, description = "Infected, active, or not what was announced", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn guest_complete(
    State(clinic): State<Clinic>,
    guest: Guest,
    Path(document): Path<String>,
) -> Result<Response, Problem> {
    finish(&clinic, &Who::guest(&guest), &document).await
}
