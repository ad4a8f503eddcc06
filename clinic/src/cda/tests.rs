use super::*;

fn sample() -> Dossier {
    serde_json::from_str(include_str!("../../examples/dossier.json")).unwrap()
}

#[test]
fn the_body_is_the_pdf_and_the_typed_number_is_nowhere() {
    let text = document(&sample(), b"%PDF-1.7 test").unwrap();
    assert!(text.contains(&format!(">{}<", STANDARD.encode(b"%PDF-1.7 test"))));
    assert!(!text.contains("255081416802538"));
    let mut qualified = sample();
    qualified.patient.identity_status = IdentityStatus::Qual;
    assert!(document(&qualified, b"").unwrap().contains("extension=\"255081416802538\""));
}

#[test]
fn text_that_xml_has_no_place_for_breaks_nothing() {
    let mut dossier = sample();
    dossier.patient.birth_name = "A<&>\"\u{1}\u{ffff}B".into();
    let text = document(&dossier, b"").unwrap();
    assert!(text.contains("A&lt;&amp;&gt;"), "{text}");
    let mut reader = quick_xml::Reader::from_str(&text);
    while !matches!(reader.read_event().unwrap(), Event::Eof) {}
}

#[test]
fn the_root_of_an_id_is_the_number_of_its_uuid() {
    assert_eq!(oid("cs_00000000000000000000000000000010"), "2.25.16");
}
