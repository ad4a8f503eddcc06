//! Everything that a report, an export or a billing sheet is made from, as one plain value: no store, no clock.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Map;

use super::words::Words;
use crate::crypto::DataKeyId;
use crate::form::{Field, Template, template, template_for};
use crate::http::Language;
use crate::ids::{AccountId, ConsultationId, ParticipantId};
use crate::model::identifier::{Profession, profession_of};
use crate::model::{
    Category, Consent, Consultation, Document, DocumentState, Facility, Form, Incident, Participant,
    ParticipantRole, Patient, PaymentRequest, Professional,
};
use crate::store::{IndexKey, Indexes, Record, Sealing};

/// A correction of a validated report: it adds, and changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Addendum {
    pub consultation: ConsultationId,
    /// Of the report that has it first: 2 and up.
    pub version: u32,
    pub text: String,
    pub at: Timestamp,
    pub by: AccountId,
    /// SHA-256 of the version before, hexadecimal.
    pub follows: String,
}

impl Record for Addendum {
    const COLLECTION: &'static str = "addendum";

    fn id(&self) -> String {
        format!("{}.{}", self.consultation, self.version)
    }

    fn sealing(&self) -> Sealing {
        Sealing::Data(DataKeyId::new(self.consultation.as_str()))
    }

    fn index(&self, indexes: &mut Indexes) {
        let key = IndexKey::new().text(self.consultation.as_str()).number(self.version.into());
        indexes.add("consultation", key);
    }
}

/// A consultation with all that belongs to it, at one moment.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Dossier {
    /// `fr` or `en`.
    pub locale: String,
    /// When this is made: the validation or the addendum for a report, now for a preview or an export.
    pub at: Timestamp,
    /// Of the report.
    pub version: u32,
    pub consultation: Consultation,
    pub professional: Professional,
    pub patient: Patient,
    #[serde(default)]
    pub facility: Option<Facility>,
    #[serde(default)]
    pub participants: Vec<Participant>,
    #[serde(default)]
    pub consents: Vec<Consent>,
    #[serde(default)]
    pub incidents: Vec<Incident>,
    #[serde(default)]
    pub documents: Vec<Document>,
    #[serde(default)]
    pub form: Option<Form>,
    #[serde(default)]
    pub payments: Vec<PaymentRequest>,
    #[serde(default)]
    pub addenda: Vec<Addendum>,
}

impl Dossier {
    pub fn language(&self) -> Language {
        if self.locale == "en" { Language::En } else { Language::Fr }
    }

    pub fn words(&self) -> Words {
        Words::new(self.language(), &self.consultation.time_zone)
    }

    pub fn profession(&self) -> Option<&'static Profession> {
        profession_of(&self.professional.profession_code)
    }

    /// Title, first name, name.
    pub fn professional_name(&self) -> String {
        let p = &self.professional;
        join(&[&p.title, &p.first_name, &p.exercise_name], " ")
    }

    /// `MARTIN Jeanne Marie` with the name used in front where there is one: `DUPONT (née MARTIN) Jeanne`.
    pub fn patient_name(&self) -> String {
        let patient = &self.patient;
        let first = patient.first_names.join(" ");
        let birth = patient.birth_name.to_uppercase();
        match patient.used_name.as_ref().filter(|used| !used.trim().is_empty()) {
            Some(used) if used.to_uppercase() != birth => {
                let born = self.words().pick("nom de naissance", "birth name");
                format!("{} {first} ({born} : {birth})", used.to_uppercase())
            }
            _ => format!("{birth} {first}"),
        }
    }

    /// As `patient_name`, with the birth date: what tells patients apart at the top of a page.
    pub fn patient_line(&self) -> String {
        let words = self.words();
        let date = words.birth_date(&String::from(self.patient.birth_date));
        format!("{} – {} {date}", self.patient_name(), words.pick("naissance :", "born:"))
    }

    pub fn template(&self) -> Option<&'static Template> {
        match &self.form {
            Some(form) => template(&form.template, form.template_version),
            None => template_for(self.consultation.act_family),
        }
    }

    /// Fields of the form with their answers; `billing`: those of the billing sheet, else those of the report.
    pub fn answers(&self, billing: bool) -> Vec<(&'static Field, String)> {
        let Some(template) = self.template() else { return Vec::new() };
        let empty = Map::new();
        let answers = self.form.as_ref().map_or(&empty, |form| &form.answers);
        let fields = template.fields.iter().filter(|field| field.billing == billing);
        fields.filter_map(|field| Some((field, field.answer(answers, self.language())?))).collect()
    }

    pub fn answer(&self, id: &str) -> Option<String> {
        let form = self.form.as_ref()?;
        let field = self.template()?.fields.iter().find(|field| field.id == id)?;
        field.answer(&form.answers, self.language())
    }

    /// Documents that were handed over and stand.
    pub fn handed_over(&self) -> Vec<&Document> {
        let stands =
            |document: &&Document| matches!(document.state, DocumentState::Available | DocumentState::Opened);
        self.documents
            .iter()
            .filter(stands)
            .filter(|document| document.category != Category::Report)
            .collect()
    }

    pub fn participant(&self, id: &ParticipantId) -> Option<&Participant> {
        self.participants.iter().find(|participant| participant.id == *id)
    }

    pub fn owner_seat(&self) -> Option<&Participant> {
        self.participants.iter().find(|participant| participant.role == ParticipantRole::Owner)
    }

    pub fn bedside(&self) -> Option<&Participant> {
        self.participants.iter().find(|participant| participant.role == ParticipantRole::BedsideProfessional)
    }

    /// Start and end of the act: as measured, or the slot where nothing was.
    pub fn started_at(&self) -> Timestamp {
        self.consultation.started_at.unwrap_or(self.consultation.slot_start)
    }

    pub fn duration_s(&self) -> Option<i64> {
        let (start, end) = (self.consultation.started_at?, self.consultation.ended_at?);
        Some(end.duration_since(start).as_secs().max(0))
    }
}

/// The parts that are not empty.
pub fn join(parts: &[&str], between: &str) -> String {
    let parts: Vec<&str> = parts.iter().map(|part| part.trim()).filter(|part| !part.is_empty()).collect();
    parts.join(between)
}
