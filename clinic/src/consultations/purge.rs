//! The end of what is kept: warnings, forgetting a number, destroying the key.

use sha2::{Digest, Sha256};

use super::guard::Read;
use super::portals;
use super::step::save;
use crate::Clinic;
use crate::crypto::secret::hex;
use crate::ids::PatientId;
use crate::messages::{self, Letter};
use crate::model::{Account, Consent, Consultation, Contact, Invitation, Kind, Patient, Status};
use crate::store::{IndexKey, Query, StoreError, Tx, Versioned};

/// There is something to lose in it: the owner is warned before, unless it was exported.
pub fn needs_warning(consultation: &Consultation) -> bool {
    consultation.kind == Kind::Dossier
        && matches!(consultation.status, Status::Ended | Status::Validated)
        && consultation.last_export_at.is_none()
}

/// The guard of the purge.
pub fn is_announced(consultation: &Consultation) -> bool {
    !needs_warning(consultation) || consultation.warnings_sent >= 2
}

/// Mails the owner that this will be erased.
pub fn warn(
    clinic: &Clinic,
    tx: &mut Tx<'_>,
    consultation: &mut Versioned<Consultation>,
) -> Result<(), StoreError> {
    let now = clinic.clock().now();
    if !needs_warning(consultation) || consultation.warnings_sent >= 2 {
        return Ok(());
    }
    // An account that was closed has no address any more.
    let open = |owner: &Versioned<Account>| owner.closed_at.is_none();
    if let Some(owner) = tx.get::<Account>(&consultation.owner)?.filter(open) {
        let until = consultation.retention_until.unwrap_or(now);
        let days = until.duration_since(now).as_hours().saturating_add(12) / 24;
        let kind = messages::Kind::RetentionWarning {
            link: format!("{}/mes-teleconsultations/{}", clinic.config().public_url, consultation.id),
            days: u32::try_from(days.max(1)).unwrap_or(1),
        };
        let letter = Letter { about: consultation.id.to_string(), ..Letter::for_account(&owner, kind) };
        messages::post(clinic, tx, &letter)?;
    }
    portals::tell(tx, now, consultation, "retention.warning")?;
    consultation.warnings_sent = consultation.warnings_sent.saturating_add(1);
    save(tx, now, consultation)
}

/// An immediate consultation forgets its number: in the contact, the invitations and the call-back numbers.
pub fn forget_phone(tx: &mut Tx<'_>, consultation: &Consultation) -> Result<(), StoreError> {
    if consultation.kind != Kind::Immediate {
        return Ok(());
    }
    tx.delete::<Contact>(&consultation.id)?;
    for mut invitation in tx.all::<Invitation>("consultation", consultation.id.as_str())? {
        invitation.destination.clear();
        invitation.recipient_name = None;
        invitation.message = None;
        tx.update(&mut invitation)?;
        for message in tx.all::<crate::outbox::Message>("about", invitation.id.as_str())? {
            tx.delete::<crate::outbox::Message>(&message.id)?;
        }
    }
    for mut participant in tx.participants(&consultation.id)? {
        if participant.callback.take().is_some() || participant.place.take().is_some() {
            participant.place = None;
            tx.update(&mut participant)?;
        }
    }
    Ok(())
}

/// Leaves the proof of the consents, and destroys the key of the consultation with everything under it; of the patient file
/// too, if this was the last of its consultations.
pub fn destroy(tx: &mut Tx<'_>, consultation: &mut Consultation) -> Result<(), StoreError> {
    let id = consultation.id.clone();
    let consents = tx.all::<Consent>("consultation", id.as_str())?;
    if !consents.is_empty() {
        let mut digest = Sha256::new();
        for consent in &consents {
            let proof = (&consent.id, &consent.text_sha256, consent.decision, consent.given_by, consent.at);
            digest.update(serde_json::to_vec(&proof).unwrap_or_default());
        }
        consultation.consent_proof = Some(hex(&digest.finalize()));
    }
    for participant in tx.participants(&id)? {
        crate::http::session::end_all(tx, &participant.id)?;
    }
    crate::report::forget(tx, &id)?;
    // Whatever module sealed it: records and blobs go with their key.
    tx.destroy_key(&consultation.data_key())?;
    if let Some(patient) = consultation.patient_id.take()
        && !has_other(tx, &patient, consultation)?
    {
        erase_patient(tx, &patient)?;
    }
    // What could still tell of a person goes; ids, times and counts stay.
    consultation.facility_id = None;
    consultation.cancel_reason = None;
    consultation.external_ref = None;
    consultation.external_ref_hash = None;
    consultation.retention_until = None;
    consultation.room = None;
    Ok(())
}

fn has_other(tx: &Tx<'_>, patient: &PatientId, but: &Consultation) -> Result<bool, StoreError> {
    let query = Query::new("patient", IndexKey::new().text(patient.as_str())).limit(1000);
    let others = tx.list::<Consultation>(&query)?.items;
    Ok(others.iter().any(|other| other.id != but.id && other.status != Status::Purged))
}

/// Destroys the key of a patient file.
pub fn erase_patient(tx: &mut Tx<'_>, patient: &PatientId) -> Result<(), StoreError> {
    if let Some(found) = tx.unpurged::<Patient>(patient.as_str())? {
        tx.destroy_key(&found.data_key())?;
    }
    Ok(())
}
