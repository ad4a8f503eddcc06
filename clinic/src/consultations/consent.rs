//! What people agree to before the call, and the proof that they did.

use jiff::Timestamp;
use serde::Serialize;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use super::guard::Read;
use crate::crypto::secret::hex;
use crate::ids::ConsentId;
use crate::model::{Consent, Consultation, Decision, GivenBy, Participant, ParticipantRole};
use crate::store::{StoreError, Tx};

/// Of the texts below: a changed text is another version.
pub const VERSION: &str = "2026-11";

const PATIENT_FR: [&str; 5] = [
    "Vous allez parler en vidéo avec votre soignant. Rien n’est enregistré.",
    "Votre soignant voit et entend ce que votre appareil montre. Vous pouvez couper l’image ou le son à tout moment.",
    "D’autres personnes ne peuvent participer que si votre soignant les fait entrer ; leur nom s’affiche.",
    "Les documents échangés et le compte rendu sont chiffrés et effacés après la durée affichée dans la notice.",
    "Vous pouvez refuser ou arrêter sans conséquence pour vos soins. En cas d’urgence, appelez le 15 ou le 112.",
];
const PATIENT_EN: [&str; 5] = [
    "You are going to talk by video with your health professional. Nothing is recorded.",
    "Your professional sees and hears what your device shows. You can switch picture or sound off at any time.",
    "Other people take part only if your professional lets them in; their names are shown.",
    "Documents and the report are encrypted, and erased after the time given in the notice.",
    "You may refuse or stop without any consequence for your care. In an emergency call 15 or 112.",
];
const COMPANION_FR: [&str; 3] = [
    "Vous allez participer à une consultation en vidéo. Rien n’est enregistré.",
    "Ce que vous y voyez et entendez est confidentiel : vous êtes tenu au secret.",
    "Le professionnel vous fait entrer et peut vous faire sortir ; votre nom est visible de tous.",
];
const COMPANION_EN: [&str; 3] = [
    "You are going to take part in a video consultation. Nothing is recorded.",
    "What you see and hear is confidential: you are bound to secrecy.",
    "The professional lets you in and may send you out; everybody sees your name.",
];

/// A text to be agreed to.
#[derive(Debug, Serialize, ToSchema)]
pub struct ConsentText {
    pub version: String,
    pub sha256: String,
    /// Short lines.
    pub lines: Vec<String>,
}

/// The text for a role: patients and their carers agree to the call, everybody else to secrecy.
pub fn text(role: ParticipantRole, locale: &str) -> ConsentText {
    let lines: &[&str] = match (asks_patient(role), locale) {
        (true, "en") => &PATIENT_EN,
        (true, _) => &PATIENT_FR,
        (false, "en") => &COMPANION_EN,
        (false, _) => &COMPANION_FR,
    };
    let whole = lines.join("\n");
    ConsentText {
        version: VERSION.to_owned(),
        sha256: hex(&Sha256::digest(whole.as_bytes())),
        lines: lines.iter().map(|line| (*line).to_owned()).collect(),
    }
}

fn asks_patient(role: ParticipantRole) -> bool {
    matches!(role, ParticipantRole::Patient | ParticipantRole::Carer)
}

/// Writes a decision.
pub fn record(
    tx: &mut Tx<'_>,
    now: Timestamp,
    consultation: &Consultation,
    seat: &Participant,
    given_by: GivenBy,
    decision: Decision,
    representative: Option<String>,
) -> Result<(), StoreError> {
    let text = text(seat.role, "fr");
    let consent = Consent {
        id: ConsentId::new(now),
        consultation: consultation.id.clone(),
        participant: seat.id.clone(),
        text_version: text.version,
        text_sha256: text.sha256,
        decision,
        given_by,
        representative_name: representative,
        at: now,
        device: seat.device,
    };
    tx.insert(&consent).map(|_| ())
}

/// The last decision of this participant.
pub fn of(
    read: &impl Read,
    consultation: &Consultation,
    seat: &Participant,
) -> Result<Option<Decision>, StoreError> {
    let all = read.all::<Consent>("consultation", consultation.id.as_str())?;
    Ok(all.iter().rev().find(|consent| consent.participant == seat.id).map(|consent| consent.decision))
}

/// The patient, or somebody for the patient, agreed.
pub fn of_patient(read: &impl Read, consultation: &Consultation) -> Result<bool, StoreError> {
    for seat in read.participants(&consultation.id)? {
        if asks_patient(seat.role) && of(read, consultation, &seat)? == Some(Decision::Accepted) {
            return Ok(true);
        }
    }
    Ok(false)
}
