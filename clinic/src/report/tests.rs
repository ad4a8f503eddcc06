use super::*;

/// The dossier that the outside judges see too.
pub(super) fn sample() -> Dossier {
    serde_json::from_str(include_str!("../../examples/dossier.json")).unwrap()
}

#[test]
fn the_same_dossier_gives_the_same_report_within_a_second() {
    let started = std::time::Instant::now();
    let first = report(&sample(), Draft::Final).unwrap();
    assert!(started.elapsed() < std::time::Duration::from_secs(1), "{:?}", started.elapsed());
    assert_eq!(first, report(&sample(), Draft::Final).unwrap());
    assert_ne!(first, report(&sample(), Draft::Preview).unwrap());
}

#[test]
fn a_dossier_with_nothing_in_it_still_makes_a_report() {
    let mut dossier = sample();
    dossier.form = None;
    dossier.facility = None;
    dossier.participants.clear();
    dossier.consents.clear();
    dossier.incidents.clear();
    dossier.documents.clear();
    dossier.patient.used_name = None;
    dossier.professional.practice = Default::default();
    dossier.consultation.started_at = None;
    dossier.consultation.ended_at = None;
    for locale in ["fr", "en"] {
        dossier.locale = locale.to_owned();
        assert!(report(&dossier, Draft::Final).is_ok());
    }
}

#[test]
fn names_and_texts_of_any_length_make_a_report() {
    let mut dossier = sample();
    dossier.patient.birth_name = "Wolfeschlegelsteinhausenbergerdorff-".repeat(3);
    dossier.documents[0].file_name = "x".repeat(120);
    let form = dossier.form.as_mut().unwrap();
    form.answers.insert("history".into(), serde_json::json!("mot 🙂 ".repeat(3000)));
    assert!(report(&dossier, Draft::Final).is_ok());
}

#[test]
fn identities_are_told_by_their_status_and_none_claims_an_ins_that_was_not_checked() {
    use crate::model::IdentityStatus as S;
    let words = sample().words();
    for status in [S::Prov, S::Vali, S::Recup] {
        assert!(!words.identity(status).contains("INS "), "{status:?}");
    }
    assert!(words.identity(S::Prov).contains("non vérifiée"));
}

#[test]
fn times_are_told_in_the_zone_of_the_consultation() {
    let words = sample().words();
    let at = "2026-12-01T23:05:09Z".parse().unwrap();
    assert_eq!(words.moment(at), "2\u{a0}décembre\u{a0}2026 à 0\u{a0}h\u{a0}05");
    assert_eq!(words.length(42), "42\u{a0}s");
    assert_eq!(words.length(3725), "1\u{a0}h\u{a0}02\u{a0}min\u{a0}05\u{a0}s");
    assert_eq!(words.birth_date("1941-00-00"), "1941 (date incomplète)");
}
