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
pub const VERSION: &str = "2026-11b";

const PATIENT_FR: [&str; 5] = [
    "Votre soignant vous voit et vous entend. Rien n’est enregistré.",
    "Vous pouvez couper l’image ou le son à tout moment.",
    "Seul votre soignant fait entrer une autre personne. Son nom s’affiche.",
    "Les documents et le compte rendu sont chiffrés, puis effacés. La page «\u{a0}Confidentialité\u{a0}» dit quand.",
    "Vous pouvez refuser ou arrêter. Cela ne change rien à vos soins. En cas d’urgence, appelez le 15 ou le 112.",
];
const PATIENT_EN: [&str; 5] = [
    "Your health professional sees and hears you. Nothing is recorded.",
    "You can switch picture or sound off at any time.",
    "Only your professional lets another person in. Their name is shown.",
    "Documents and the report are encrypted, then erased. The page “Privacy” says when.",
    "You may refuse or stop. It changes nothing in your care. In an emergency call 15 or 112.",
];
const COMPANION_FR: [&str; 3] = [
    "Vous allez participer à une consultation en vidéo. Rien n’est enregistré.",
    "Ce que vous voyez et entendez est confidentiel. Vous êtes tenu au secret.",
    "Le professionnel vous fait entrer et peut vous faire sortir. Tous voient votre nom.",
];
const COMPANION_EN: [&str; 3] = [
    "You are going to take part in a video consultation. Nothing is recorded.",
    "What you see and hear is confidential. You are bound to secrecy.",
    "The professional lets you in and may send you out. Everybody sees your name.",
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sentence_is_short_enough_to_be_read_at_one_go() {
        for (role, locale) in [ParticipantRole::Patient, ParticipantRole::Interpreter]
            .into_iter()
            .flat_map(|role| [(role, "fr"), (role, "en")])
        {
            for line in text(role, locale).lines {
                for sentence in line.split_terminator(['.', '?']) {
                    let words = sentence.split(' ').filter(|word| !word.is_empty()).count();
                    assert!(words <= 12, "{words} words: {sentence}");
                }
            }
        }
    }
}
