//! Documents, the form and the report.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{ParticipantRole, words};
use crate::crypto::DataKeyId;
use crate::ids::{AccountId, BlobId, ConsultationId, DocumentId, ParticipantId, ReportId};
use crate::store::{IndexKey, Indexes, Record, Sealing};

words! {
    Category { Prescription, Report, Exam, Certificate, Photo, Invoice, Other }
    DocumentState { Uploading, Received, Scanning, Available, Opened, Withdrawn, Replaced, Quarantined, Rejected, Purged }
    Signed { None, Visible, PadesExternal, PadesSeal }
    GeneratedBy { Server, Browser }
}

impl Category {
    /// LOINC code, where one is certain.
    pub fn loinc(self) -> Option<&'static str> {
        match self {
            Category::Prescription => Some("57833-6"),
            Category::Report => Some("85208-7"),
            _ => None,
        }
    }
}

/// A file handed over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    pub id: DocumentId,
    pub consultation: ConsultationId,
    pub version: u32,
    pub sender: ParticipantId,
    pub category: Category,
    pub file_name: String,
    /// By content, not by name.
    #[serde(default)]
    pub mime: String,
    pub bytes: u64,
    /// Of the plain bytes, hexadecimal.
    #[serde(default)]
    pub sha256: String,
    #[serde(default)]
    pub blob: Option<BlobId>,
    pub state: DocumentState,
    pub visible_to: Vec<Visibility>,
    pub signed: Signed,
    /// Where this server sealed it.
    #[serde(default)]
    pub seal: Option<Seal>,
    #[serde(default)]
    pub replaces: Option<DocumentId>,
    #[serde(default)]
    pub replaced_by: Option<DocumentId>,
    pub created_at: Timestamp,
    /// First time, by participant.
    #[serde(default)]
    pub opened_at: BTreeMap<ParticipantId, Timestamp>,
    #[serde(default)]
    pub refusal: Option<String>,
    /// What the readers of an accepted file are told: `active-content`, `not-scanned`.
    #[serde(default)]
    pub warnings: Vec<String>,
}

/// What is received of a document that is not complete yet. Deleted when it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upload {
    pub document: DocumentId,
    pub consultation: ConsultationId,
    /// In bytes, as announced.
    pub size: u64,
    /// Hexadecimal, as announced.
    pub sha256: String,
    /// In order, without gaps.
    pub chunks: Vec<Chunk>,
}

/// Received bytes of an [`Upload`], sealed like everything of the consultation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunk {
    pub blob: BlobId,
    pub bytes: u64,
}

impl Upload {
    /// Bytes that are here: where to go on.
    pub fn received(&self) -> u64 {
        self.chunks.iter().map(|chunk| chunk.bytes).sum()
    }
}

impl Record for Upload {
    const COLLECTION: &'static str = "upload";

    fn id(&self) -> String {
        self.document.to_string()
    }

    fn sealing(&self) -> Sealing {
        Sealing::Data(DataKeyId::new(self.consultation.as_str()))
    }
}

/// Who may see a document besides its sender and the owner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Visibility {
    Role(ParticipantRole),
    Participant(ParticipantId),
}

/// The consultation form; a draft until it is validated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Form {
    pub consultation: ConsultationId,
    pub template: String,
    pub template_version: u32,
    pub answers: serde_json::Map<String, serde_json::Value>,
    pub acts: Vec<Act>,
    pub updated_at: Timestamp,
    #[serde(default)]
    pub validated_at: Option<Timestamp>,
    #[serde(default)]
    pub validated_by: Option<AccountId>,
}

/// An act done, for billing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Act {
    /// `NGAP`.
    pub system: String,
    pub code: String,
    #[serde(default)]
    pub qualifiers: Vec<String>,
    /// Euro cents.
    #[serde(default)]
    pub amount_cents: Option<u32>,
}

/// A version of the report. Versions are never changed; a correction is another version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    pub id: ReportId,
    pub consultation: ConsultationId,
    pub version: u32,
    pub pdf: BlobId,
    pub bytes: u64,
    /// Hexadecimal.
    pub sha256: String,
    #[serde(default)]
    pub seal: Option<Seal>,
    pub generated_by: GeneratedBy,
    pub created_at: Timestamp,
    #[serde(default)]
    pub addendum_of: Option<ReportId>,
}

/// What a PDF was sealed with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Seal {
    pub algorithm: String,
    /// SHA-256 of the certificate, hexadecimal.
    pub certificate: String,
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub time_stamp: Option<Timestamp>,
    /// An authority that is configured vouches for the time stamp service.
    #[serde(default)]
    pub time_stamp_trusted: bool,
}

impl Record for Document {
    const COLLECTION: &'static str = "document";

    fn id(&self) -> String {
        self.id.to_string()
    }

    fn sealing(&self) -> Sealing {
        Sealing::Data(DataKeyId::new(self.consultation.as_str()))
    }

    fn index(&self, indexes: &mut Indexes) {
        indexes.add("consultation", IndexKey::new().text(self.consultation.as_str()).time(self.created_at));
        if let Some(blob) = &self.blob {
            indexes.add("blob", IndexKey::new().text(blob.as_str()));
        }
    }
}

impl Record for Form {
    const COLLECTION: &'static str = "form";

    fn id(&self) -> String {
        self.consultation.to_string()
    }

    fn sealing(&self) -> Sealing {
        Sealing::Data(DataKeyId::new(self.consultation.as_str()))
    }
}

impl Record for Report {
    const COLLECTION: &'static str = "report";

    fn id(&self) -> String {
        self.id.to_string()
    }

    fn sealing(&self) -> Sealing {
        Sealing::Data(DataKeyId::new(self.consultation.as_str()))
    }

    fn index(&self, indexes: &mut Indexes) {
        let key = IndexKey::new().text(self.consultation.as_str()).number(self.version.into());
        indexes.unique("consultation", key);
        indexes.add("blob", IndexKey::new().text(self.pdf.as_str()));
    }
}
