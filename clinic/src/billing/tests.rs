use super::*;
use crate::report::Dossier;

fn sample() -> Dossier {
    serde_json::from_str(include_str!("../../examples/dossier.json")).unwrap()
}

fn value(sheet: &Sheet, id: &str) -> String {
    let mut lines = sheet.groups.iter().flat_map(|group| &group.lines);
    lines.find(|line| line.id == id).map(|line| line.value.clone()).unwrap_or_else(|| panic!("no {id}"))
}

#[test]
fn the_sheet_has_number_key_and_birth_date_for_who_may_see_them() {
    let seen = sheet(&sample(), true);
    assert_eq!((value(&seen, "nir"), value(&seen, "nir_key")), ("2550814168025".into(), "38".into()));
    assert_eq!(value(&seen, "birth_date"), "14/08/1955");
    let hidden = serde_json::to_string(&sheet(&sample(), false)).unwrap();
    assert!(!hidden.contains("2550814168025"));
}

#[test]
fn night_and_sunday_are_those_of_the_place() {
    let mut dossier = sample();
    // Half past eight in the evening in Paris, half past four in the afternoon in Cayenne.
    dossier.consultation.started_at = Some("2026-12-06T19:30:00Z".parse().unwrap());
    let paris = sheet(&dossier, true);
    assert_eq!((value(&paris, "night"), value(&paris, "sunday")), ("Oui".into(), "Oui".into()));
    dossier.consultation.time_zone = "America/Cayenne".into();
    assert_eq!(value(&sheet(&dossier, true), "night"), "Non");
}

#[test]
fn a_cell_is_never_a_formula() {
    let mut dossier = sample();
    dossier.patient.attending_physician = Some("=HYPERLINK(\"x\")".into());
    let text = String::from_utf8(csv(&sheet(&dossier, true)).unwrap()).unwrap();
    assert!(
        text.starts_with('\u{feff}')
            && text.contains("'=HYPERLINK")
            && text.contains(";25,00;") == text.contains("25,00")
    );
}

#[test]
fn nothing_says_that_a_claim_was_sent() {
    for locale in ["fr", "en"] {
        let mut dossier = sample();
        dossier.locale = locale.into();
        let sheet = sheet(&dossier, true);
        assert!(
            sheet.notice.contains("rien n’est transmis") || sheet.notice.contains("nothing is transmitted")
        );
        assert!(pdf(&dossier, &sheet).is_ok());
    }
}
