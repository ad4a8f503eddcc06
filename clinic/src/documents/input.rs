//! Who hands over or reads, and how documents are shown to them.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::Clinic;
use crate::consultations::{Access, Read, consultation_for};
use crate::http::authorize::Standing;
use crate::http::{Action, Actor, Caller, Code, Guest, Problem};
use crate::ids::{DocumentId, ParticipantId};
use crate::model::capability::Missing;
use crate::model::{Category, Document, DocumentState, Kind, ParticipantRole, Seal, Signed, Visibility};
use crate::store::Versioned;

/// Who asks, and in which consultation.
#[derive(Clone, Debug)]
pub struct Who {
    pub actor: Actor,
    consultation: String,
}

impl Who {
    pub fn caller(clinic: &Clinic, caller: &Caller, consultation: &str) -> Who {
        Who { actor: caller.actor(clinic.clock().now()), consultation: consultation.to_owned() }
    }

    pub fn guest(guest: &Guest) -> Who {
        Who { actor: guest.actor(), consultation: guest.consultation.to_string() }
    }

    /// Their consultation, which has a file: 403 `capability-not-available` in an immediate one.
    pub fn access(&self, clinic: &Clinic, read: &impl Read) -> Result<Access, Problem> {
        let now = clinic.clock().now();
        let access = consultation_for(read, now, &self.actor, &self.consultation, Action::SeeConsultation)?;
        if access.facts.kind == Kind::Immediate {
            return Err(Problem::missing(Missing::ImmediateConsultation));
        }
        Ok(access)
    }
}

/// What it takes to hand over a file of this category.
pub fn sending(category: Category) -> Action {
    if category == Category::Prescription { Action::SendPrescription } else { Action::SendDocument }
}

/// In whose name: a portal acts for the owner.
pub fn sender(access: &Access) -> Result<ParticipantId, Problem> {
    let owner = || access.participants.iter().find(|one| one.role == ParticipantRole::Owner);
    let seat = match access.role {
        Standing::Portal | Standing::Owner => access.seat.as_ref().or_else(owner),
        _ => access.seat.as_ref(),
    };
    seat.map(|seat| seat.id.clone()).ok_or(Problem::new(Code::Forbidden))
}

/// The document, if it is of this consultation; 404 otherwise.
pub fn find(read: &impl Read, access: &Access, id: &str) -> Result<Versioned<Document>, Problem> {
    let unknown = || Problem::new(Code::NotFound);
    let id: DocumentId = id.parse().map_err(|_| unknown())?;
    let found = read.unpurged::<Document>(id.as_str())?.ok_or_else(unknown)?;
    if found.consultation == access.consultation.id { Ok(found) } else { Err(unknown()) }
}

/// As [`find`], for whoever hands it over.
pub fn find_own(read: &impl Read, access: &Access, id: &str) -> Result<Versioned<Document>, Problem> {
    let document = find(read, access, id)?;
    if document.sender != sender(access)? {
        return Err(Problem::new(Code::NotFound));
    }
    access.require(sending(document.category))?;
    Ok(document)
}

/// Does the document show itself to the asker? What is not complete, or was refused, does so to its sender; an infected file
/// to the owner too.
pub fn may_see(access: &Access, document: &Document) -> Result<bool, Problem> {
    let read = access.require_document(Action::ReadDocument, &document.sender, &document.visible_to);
    match read {
        Err(problem) if problem.code != Code::Forbidden => return Err(problem),
        Err(_) => return Ok(false),
        Ok(()) => {}
    }
    let own = sender(access).is_ok_and(|sender| sender == document.sender);
    let handed_over =
        matches!(document.state, DocumentState::Available | DocumentState::Opened | DocumentState::Replaced);
    let owner = access.role == Standing::Owner
        && matches!(document.state, DocumentState::Quarantined | DocumentState::Withdrawn);
    Ok(own || handed_over || owner)
}

/// A document.
#[derive(Debug, Serialize, ToSchema)]
pub struct DocumentBody {
    id: DocumentId,
    version: u32,
    category: Category,
    name: String,
    /// By content; empty until it was checked.
    mime: String,
    /// In bytes.
    size: u64,
    /// Of what can be downloaded, hexadecimal; a photo is written anew.
    sha256: String,
    state: DocumentState,
    signed: Signed,
    /// Where this server sealed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    seal: Option<Seal>,
    sender: ParticipantId,
    /// The asker handed it over.
    own: bool,
    visible_to: Vec<Visibility>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When the asker opened it first; for the sender, when anybody else did.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    first_opened_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    replaces: Option<DocumentId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    replaced_by: Option<DocumentId>,
    /// Code of the refusal.
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<String>,
    /// `active-content`: a PDF that acts; `not-scanned`: no virus scanner looked at it.
    warnings: Vec<String>,
}

pub fn body(access: &Access, document: &Document) -> DocumentBody {
    let asker = sender(access).ok();
    let own = asker.as_ref() == Some(&document.sender);
    let first = if own {
        document.opened_at.values().min().copied()
    } else {
        asker.and_then(|asker| document.opened_at.get(&asker).copied())
    };
    DocumentBody {
        id: document.id.clone(),
        version: document.version,
        category: document.category,
        name: document.file_name.clone(),
        mime: document.mime.clone(),
        size: document.bytes,
        sha256: document.sha256.clone(),
        state: document.state,
        signed: document.signed,
        seal: document.seal.clone(),
        sender: document.sender.clone(),
        own,
        visible_to: document.visible_to.clone(),
        created_at: document.created_at,
        first_opened_at: first,
        replaces: document.replaces.clone(),
        replaced_by: document.replaced_by.clone(),
        refusal: document.refusal.clone(),
        warnings: document.warnings.clone(),
    }
}
