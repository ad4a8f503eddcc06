//! The signature on a document: a new version of it, sealed unless said otherwise. The version before stays as it is.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use jiff::Timestamp;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use super::ink;
use crate::Clinic;
use crate::audit::Action as Audited;
use crate::consultations::{Access, Read, What, display_name, note};
use crate::crypto::secret::hex;
use crate::documents::expire::delete_blobs;
use crate::documents::input::{DocumentBody, Who, body, sender, sending};
use crate::documents::read::visible;
use crate::documents::share::tell_patient;
use crate::documents::sniff::{FileType, clean_name};
use crate::documents::upload::{room_for, visibility};
use crate::documents::{check, pdf};
use crate::http::problem::ProblemBody;
use crate::http::{Action, Actor, Caller, Code, Json, Language, Path, Problem};
use crate::ids::{BlobId, DocumentId};
use crate::model::{
    Account, Document, DocumentState, Professional, Seal, SignatureImage, Signed, Visibility,
};
use crate::seal::{Area, Drawing, SealError, Unfit, stamp};
use crate::store::{Tx, Versioned};

/// Smallest side of a place, as a part of the page.
const SIDE_MIN: f64 = 0.02;

/// Where on a page, by name.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    BottomRight,
    BottomLeft,
    TopRight,
}

/// Where on a page: parts of it as it is shown, from its top left corner.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Place {
    x: f64,
    y: f64,
    width: f64,
    height: f64,
}

/// Where the signature goes.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSignature {
    /// From 1; the last unless said.
    #[serde(default)]
    page: Option<u32>,
    /// This or `preset`; `bottom-right` unless said. The picture keeps its proportions in the middle of it.
    #[serde(default, rename = "box")]
    place: Option<Place>,
    #[serde(default)]
    preset: Option<Preset>,
    /// Seal the document as well, so that a later change shows.
    #[serde(default = "yes")]
    seal: bool,
    /// Who may see the new version besides sender and owner; as before unless said.
    #[serde(default)]
    visibility: Option<Vec<Visibility>>,
}

fn yes() -> bool {
    true
}

fn area(wanted: &NewSignature) -> Result<Area, Problem> {
    let place = match (wanted.place, wanted.preset) {
        (Some(_), Some(_)) => return Err(Problem::field("/preset", "box-is-given")),
        (Some(place), None) => place,
        (None, None | Some(Preset::BottomRight)) => Place { x: 0.65, y: 0.87, width: 0.30, height: 0.08 },
        (None, Some(Preset::BottomLeft)) => Place { x: 0.05, y: 0.87, width: 0.30, height: 0.08 },
        (None, Some(Preset::TopRight)) => Place { x: 0.65, y: 0.05, width: 0.30, height: 0.08 },
    };
    // Pages compute in doubles: a box that reaches exactly to the edge may do so with a rounding error.
    let within = |start: f64, length: f64| start >= 0.0 && length >= SIDE_MIN && start + length <= 1.000_001;
    if within(place.x, place.width) && within(place.y, place.height) {
        Ok(Area { x: place.x, y: place.y, width: place.width, height: place.height })
    } else {
        Err(Problem::field("/box", "out-of-bounds"))
    }
}

fn not_stampable(pointer: &str, why: &str) -> Problem {
    Problem::new(Code::DocumentNotStampable).and_field(pointer, why)
}

impl From<Unfit> for Problem {
    fn from(unfit: Unfit) -> Problem {
        match unfit {
            Unfit::Signed => Problem::new(Code::DocumentAlreadySigned),
            Unfit::Encrypted => not_stampable("", "encrypted"),
            Unfit::Unreadable => not_stampable("", "unreadable"),
            Unfit::NoPage => not_stampable("/page", "no-such-page"),
            Unfit::TooLarge => not_stampable("", "too-large"),
        }
    }
}

/// May this document be signed by the asker, as it stands?
fn signable(access: &Access, document: &Document) -> Result<(), Problem> {
    access.require_document(Action::PlaceSignature, &document.sender, &document.visible_to)?;
    access.require(sending(document.category))?;
    if !matches!(document.state, DocumentState::Available | DocumentState::Opened) {
        return Err(Problem::new(Code::InvalidTransition));
    }
    if matches!(document.signed, Signed::PadesExternal | Signed::PadesSeal) {
        return Err(Problem::new(Code::DocumentAlreadySigned));
    }
    // A photo has been written anew already; made into a PDF it would be another document than the one that was sent.
    if document.mime != FileType::Pdf.mime() { Err(not_stampable("", "not-a-pdf")) } else { Ok(()) }
}

/// The asker's picture, with a text in the asker's language.
fn drawing(clinic: &Clinic, actor: &Actor) -> Result<Drawing, Problem> {
    let Actor::Account { id, .. } = actor else { return Err(Problem::new(Code::Forbidden)) };
    let store = clinic.store();
    let missing = || Problem::missing(crate::model::capability::Missing::SignatureNotSet);
    let image = store.get::<SignatureImage>(id)?.ok_or_else(missing)?;
    let professional = store.get::<Professional>(id)?.ok_or_else(missing)?;
    let english = store.get::<Account>(id)?.is_some_and(|account| account.locale == Language::En.as_str());
    let name = display_name(&professional);
    let alt = if english { format!("Signature of {name}") } else { format!("Signature de {name}") };
    let png = STANDARD.decode(&image.png).map_err(|_| Problem::new(Code::Internal))?;
    ink::drawing(&png, alt).ok_or(Problem::new(Code::Internal))
}

/// Everything that takes time, off the threads that answer requests.
async fn stamped(pdf: Vec<u8>, drawing: Drawing, page: Option<u32>, area: Area) -> Result<Vec<u8>, Problem> {
    let permit = check::decoding().await?;
    let work = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        let found = pdf::inspect(&pdf);
        if found.signed {
            return Err(Problem::new(Code::DocumentAlreadySigned));
        }
        // What acts or cannot be looked into does not go out with a signature on it.
        if found.active {
            return Err(Problem::new(Code::FileActiveContent));
        }
        Ok(stamp(&pdf, &drawing, page, area)?)
    });
    work.await.map_err(|_| not_stampable("", "unreadable"))?
}

async fn sealed(
    clinic: &Clinic,
    pdf: Vec<u8>,
    now: Timestamp,
    wanted: bool,
) -> Result<(Vec<u8>, Option<Seal>), Problem> {
    if !wanted {
        return Ok((pdf, None));
    }
    match clinic.sealer().seal(pdf, now).await {
        Ok((pdf, seal)) => Ok((pdf, Some(seal))),
        Err(SealError::Unfit(unfit)) => Err(unfit.into()),
        Err(error) => Err(error.into()),
    }
}

/// `Ordonnance.pdf` becomes `Ordonnance-signe.pdf`.
fn signed_name(name: &str) -> String {
    let stem = name.strip_suffix(".pdf").unwrap_or(name);
    let stem = stem.strip_suffix("-signe").unwrap_or(stem);
    clean_name(&format!("{stem}-signe.pdf"), Some(FileType::Pdf))
}

/// Places one's signature on a document, and seals it. The result is a new version, which the original's readers see; the
/// original stays, an own one as replaced. A PDF that is signed already is never changed. Wants a fresh proof of presence.
#[utoipa::path(post, path = "/api/v1/consultations/{id}/documents/{document}/signature", tag = "documents",
    params(("id" = String, Path), ("document" = String, Path)), request_body = NewSignature,
    security(("session" = [])), responses(
    (status = 201, description = "The new version", body = DocumentBody),
    (status = 401, description = "A proof of presence is needed", body = ProblemBody, content_type = "application/problem+json"),
    (status = 403, description = "No signature is kept, or not in this consultation", body = ProblemBody, content_type = "application/problem+json"),
    (status = 409, description = "Signed already, or not available", body = ProblemBody, content_type = "application/problem+json"),
    (status = 422, description = "No PDF, or one that cannot take a signature", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(in crate::documents) async fn place(
    State(clinic): State<Clinic>,
    caller: Caller,
    Path((id, document)): Path<(String, String)>,
    Json(wanted): Json<NewSignature>,
) -> Result<Response, Problem> {
    let who = Who::caller(&clinic, &caller, &id);
    let (store, now) = (clinic.store(), clinic.clock().now());
    let area = area(&wanted)?;
    let access = who.access(&clinic, store)?;
    let old = visible(store, &access, &document)?;
    signable(&access, &old)?;
    let drawing = drawing(&clinic, &who.actor)?;
    let key = access.consultation.data_key();
    let blob = old.blob.clone().ok_or(Problem::new(Code::InvalidTransition))?;
    let pdf = store.get_blob(&key, &blob).await?.ok_or(Problem::new(Code::InvalidTransition))?;
    let pdf = stamped(pdf, drawing, wanted.page, area).await?;
    let (pdf, seal) = sealed(&clinic, pdf, now, wanted.seal).await?;
    let new = Document {
        id: DocumentId::new(now),
        consultation: access.consultation.id.clone(),
        version: old.value.version.saturating_add(1),
        sender: sender(&access)?,
        category: old.category,
        file_name: signed_name(&old.file_name),
        mime: old.mime.clone(),
        bytes: u64::try_from(pdf.len()).unwrap_or(u64::MAX),
        sha256: hex(&Sha256::digest(&pdf)),
        blob: Some(BlobId::new(now)),
        state: DocumentState::Available,
        visible_to: readers(&access, &old, wanted.visibility)?,
        signed: if seal.is_some() { Signed::PadesSeal } else { Signed::Visible },
        seal,
        replaces: Some(old.id.clone()),
        replaced_by: None,
        created_at: now,
        opened_at: BTreeMap::new(),
        refusal: None,
        warnings: old.warnings.clone(),
    };
    let blobs: Vec<BlobId> = new.blob.iter().cloned().collect();
    for blob in &blobs {
        store.put_blob(&key, blob, pdf.clone()).await?;
    }
    let kept = store.write(|tx| keep(&clinic, tx, &who, &document, &new)).await;
    if kept.is_err() {
        delete_blobs(store, &key, &blobs);
    }
    let access = kept?;
    clinic.outbox().wake();
    clinic.live().tell(&access.consultation, What::Documents);
    Ok((StatusCode::CREATED, axum::Json(body(&access, &new))).into_response())
}

/// Those who saw the original, its sender among them, unless others are named.
fn readers(
    access: &Access,
    old: &Document,
    wanted: Option<Vec<Visibility>>,
) -> Result<Vec<Visibility>, Problem> {
    if wanted.is_some() {
        return visibility(access, wanted);
    }
    let mut readers = old.visible_to.clone();
    if old.sender != sender(access)? {
        readers.push(Visibility::Participant(old.sender.clone()));
    }
    Ok(readers)
}

fn keep(
    clinic: &Clinic,
    tx: &mut Tx<'_>,
    who: &Who,
    document: &str,
    new: &Document,
) -> Result<Access, Problem> {
    let now = new.created_at;
    let access = who.access(clinic, tx)?;
    let mut old: Versioned<Document> = visible(tx, &access, document)?;
    signable(&access, &old)?;
    let all = tx.all::<Document>("consultation", access.consultation.id.as_str())?;
    // A second click, or a colleague's: one signed version follows from one original.
    if all.iter().any(|other| other.replaces.as_ref() == Some(&old.id) && other.signed != Signed::None) {
        return Err(Problem::new(Code::InvalidTransition));
    }
    room_for(&clinic.config().documents, &all, new.bytes)?;
    let owner = &access.consultation.owner;
    if old.sender == new.sender {
        old.state = DocumentState::Replaced;
        old.replaced_by = Some(new.id.clone());
        tx.update(&mut old)?;
        note(tx, now, &who.actor, owner, Audited::DocumentReplaced, &old.id)?;
    }
    tx.insert(new)?;
    note(tx, now, &who.actor, owner, Audited::SignaturePlaced, &new.id)?;
    if new.seal.is_some() {
        note(tx, now, &who.actor, owner, Audited::SignatureSealed, &new.id)?;
    }
    note(tx, now, &who.actor, owner, Audited::DocumentSent, &new.id)?;
    tell_patient(clinic, tx, &access, new)?;
    Ok(access)
}
