//! Numbers of professionals and structures: RPPS, ADELI, IdNatPS, FINESS, SIRET, and the professions.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Luhn's check over digits (ISO/IEC 7812-1): the last is the key.
fn luhn(digits: &str) -> bool {
    let mut sum = 0_u32;
    for (at, digit) in digits.chars().rev().enumerate() {
        let Some(digit) = digit.to_digit(10) else { return false };
        sum += match (at % 2, digit * 2) {
            (0, _) => digit,
            (_, double) if double > 9 => double - 9,
            (_, double) => double,
        };
    }
    !digits.is_empty() && sum.is_multiple_of(10)
}

fn digits(text: &str, count: usize) -> bool {
    text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// 11 digits with Luhn's key. Test numbers of the authorities fail it: `accept_test` takes any 11 digits. Numbers that come
/// from Pro Santé Connect or a card are never checked again.
pub fn is_rpps(text: &str, accept_test: bool) -> bool {
    digits(text, 11) && (accept_test || luhn(text))
}

/// 9 characters: digits, with `2A` and `2B` as departments. Being replaced by RPPS; format only.
pub fn is_adeli(text: &str) -> bool {
    department(text) && text.len() == 9 && text.bytes().skip(2).all(|byte| byte.is_ascii_digit())
}

/// FINESS number of a place: department and 7 characters.
pub fn is_finess(text: &str) -> bool {
    department(text) && text.len() == 9 && text.bytes().skip(2).all(|byte| byte.is_ascii_digit())
}

fn department(text: &str) -> bool {
    text.get(..2).is_some_and(|two| digits(two, 2) || matches!(two, "2A" | "2B"))
}

/// 14 digits with Luhn's key; La Poste's establishments have a sum of digits divisible by 5 instead.
pub fn is_siret(text: &str) -> bool {
    let sum: u32 = text.chars().filter_map(|digit| digit.to_digit(10)).sum();
    digits(text, 14) && (luhn(text) || (text.starts_with("356000000") && sum.is_multiple_of(5)))
}

/// The RPPS in a national identifier: `8` and 11 digits. Other forms exist and stay opaque.
pub fn rpps_of_id_nat_ps(id: &str) -> Option<&str> {
    id.strip_prefix('8').filter(|rpps| digits(rpps, 11))
}

/// What kind of act a professional's video consultation is (CSP L6316-1 and following).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ActFamily {
    /// An act of the medical professions.
    Teleconsultation,
    /// Of the others.
    Telesoin,
    /// Beside the patient, while a doctor consults from afar.
    Accompagnement,
}

/// A profession (code of TRE_G15).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Profession {
    pub code: &'static str,
    pub fr: &'static str,
    pub en: &'static str,
    pub family: ActFamily,
    /// May send prescriptions.
    pub prescriber: bool,
}

const fn profession(
    code: &'static str,
    fr: &'static str,
    en: &'static str,
    family: ActFamily,
    prescriber: bool,
) -> Profession {
    Profession { code, fr, en, family, prescriber }
}

/// The professions that can register.
pub const PROFESSIONS: &[Profession] = &[
    profession("10", "Médecin", "Doctor", ActFamily::Teleconsultation, true),
    profession("40", "Chirurgien-dentiste", "Dentist", ActFamily::Teleconsultation, true),
    profession("50", "Sage-femme", "Midwife", ActFamily::Teleconsultation, true),
    profession("60", "Infirmier", "Nurse", ActFamily::Telesoin, false),
    profession("70", "Masseur-kinésithérapeute", "Physiotherapist", ActFamily::Telesoin, false),
    profession("80", "Pédicure-podologue", "Podiatrist", ActFamily::Telesoin, false),
    profession("21", "Pharmacien", "Pharmacist", ActFamily::Telesoin, false),
    profession("91", "Orthophoniste", "Speech therapist", ActFamily::Telesoin, false),
    profession("92", "Orthoptiste", "Orthoptist", ActFamily::Telesoin, false),
    profession("94", "Ergothérapeute", "Occupational therapist", ActFamily::Telesoin, false),
    profession("95", "Diététicien", "Dietitian", ActFamily::Telesoin, false),
    profession("96", "Psychomotricien", "Psychomotor therapist", ActFamily::Telesoin, false),
];

pub fn profession_of(code: &str) -> Option<&'static Profession> {
    PROFESSIONS.iter().find(|profession| profession.code == code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rpps_numbers_carry_luhns_key() {
        for good in ["12345678903", "10101010105", "99700218896"] {
            assert!(is_rpps(good, false), "{good}");
        }
        for bad in ["12345678901", "1234567890", "123456789030", "1234567890x", ""] {
            assert!(!is_rpps(bad, false), "{bad}");
        }
        assert!(is_rpps("12345678901", true) && !is_rpps("1234", true));
    }

    #[test]
    fn places_and_companies_have_numbers_of_their_shape() {
        assert!(is_finess("440000271") && is_finess("2A0000154") && is_adeli("2B1234567"));
        assert!(
            !is_finess("44000027")
                && !is_finess("2C0000154")
                && !is_finess("4400é0271")
                && !is_adeli("44000027A")
        );
        assert!(is_siret("73282932000074") && is_siret("35600000000048") && is_siret("35600000049837"));
        assert!(!is_siret("73282932000075") && !is_siret("7328293200007"));
    }

    #[test]
    fn only_the_usual_national_identifier_holds_an_rpps() {
        assert_eq!(rpps_of_id_nat_ps("899700218896"), Some("99700218896"));
        for other in ["ANS20231122132732", "0449999999", "89970021889", ""] {
            assert_eq!(rpps_of_id_nat_ps(other), None);
        }
    }

    #[test]
    fn only_medical_professions_prescribe_and_teleconsult() {
        for profession in PROFESSIONS {
            assert_eq!(
                profession.prescriber,
                profession.family == ActFamily::Teleconsultation,
                "{}",
                profession.fr
            );
        }
        assert_eq!(profession_of("60").map(|nurse| nurse.family), Some(ActFamily::Telesoin));
        assert!(profession_of("99").is_none());
    }
}
