//! From the store: everything of a consultation as one value, and the reports that were made.

use jiff::Timestamp;

use super::dossier::{Addendum, Dossier};
use crate::consultations::{Access, Read};
use crate::http::{Code, Problem};
use crate::ids::ConsultationId;
use crate::model::{
    Account, Consent, Consultation, Document, Facility, Form, Incident, Patient, PaymentRequest,
    Professional, Report,
};
use crate::store::{Record, Store, StoreError, Tx, Versioned};

fn values<R>(records: Vec<Versioned<R>>) -> Vec<R> {
    records.into_iter().map(|record| record.value).collect()
}

/// The dossier of a consultation as it stands. `version`: of the report that it is for. 410 once purged, 404 without patient
/// (an immediate consultation).
pub fn gather(read: &impl Read, access: &Access, at: Timestamp, version: u32) -> Result<Dossier, Problem> {
    let consultation: &Consultation = &access.consultation;
    let id = consultation.id.as_str();
    let patient = consultation.patient_id.as_ref().ok_or(Problem::new(Code::NotFound))?;
    let owner = consultation.owner.as_str();
    let facility = match &consultation.facility_id {
        Some(facility) => read.one::<Facility>(facility.as_str())?.map(|facility| facility.value),
        None => None,
    };
    let form = read.one::<Form>(id)?;
    let locale =
        read.one::<Account>(owner)?.map_or_else(|| "fr".to_owned(), |account| account.locale.clone());
    Ok(Dossier {
        locale,
        at,
        version,
        consultation: consultation.clone(),
        professional: read.one::<Professional>(owner)?.ok_or(Problem::new(Code::NotFound))?.value,
        patient: read.one::<Patient>(patient.as_str())?.ok_or(Problem::new(Code::NotFound))?.value,
        facility,
        participants: values(access.participants.clone()),
        consents: values(read.all::<Consent>("consultation", id)?),
        incidents: values(read.all::<Incident>("consultation", id)?),
        documents: values(read.all::<Document>("consultation", id)?),
        form: form.map(|form| form.value),
        payments: values(read.all::<PaymentRequest>("consultation", id)?),
        addenda: values(read.all::<Addendum>("consultation", id)?),
    })
}

/// All versions of the report, the first first.
pub fn versions(read: &impl Read, consultation: &Consultation) -> Result<Vec<Report>, Problem> {
    Ok(values(read.all::<Report>("consultation", consultation.id.as_str())?))
}

/// The newest report. 409 before the validation.
pub fn latest(read: &impl Read, consultation: &Consultation) -> Result<Report, Problem> {
    versions(read, consultation)?
        .pop()
        .ok_or_else(|| Problem::transition(vec![crate::model::Trigger::Validate]))
}

/// The bytes of a report.
pub async fn stored_pdf(
    store: &Store,
    consultation: &Consultation,
    report: &Report,
) -> Result<Vec<u8>, Problem> {
    store.get_blob(&consultation.data_key(), &report.pdf).await?.ok_or(Problem::new(Code::NotFound))
}

/// For a purge: deletes the records of form, report and addenda. Their bytes are unreadable with the key that goes.
pub fn forget(tx: &mut Tx<'_>, id: &ConsultationId) -> Result<(), StoreError> {
    tx.delete::<Form>(id)?;
    for addendum in tx.all::<Addendum>("consultation", id.as_str())? {
        tx.delete::<Addendum>(addendum.id())?;
    }
    for report in tx.all::<Report>("consultation", id.as_str())? {
        tx.delete::<Report>(&report.id)?;
    }
    Ok(())
}
