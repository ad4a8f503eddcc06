use super::*;
use crate::model::Status;
use crate::report::Dossier;

fn sample() -> Dossier {
    serde_json::from_str(include_str!("../../examples/dossier.json")).unwrap()
}

#[test]
fn every_reference_of_the_bundle_points_into_it() {
    let text = bundle(&sample(), b"%PDF").to_string();
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    let urls: Vec<&str> =
        value["entry"].as_array().unwrap().iter().map(|e| e["fullUrl"].as_str().unwrap()).collect();
    let mut unique = urls.clone();
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(unique.len(), urls.len());
    for part in text.split("\"reference\":\"").skip(1) {
        let target = part.split('"').next().unwrap();
        assert!(urls.contains(&target), "{target}");
    }
}

#[test]
fn no_resource_carries_the_typed_number() {
    assert!(!bundle(&sample(), b"%PDF").to_string().contains("255081416802"));
}

#[test]
fn states_are_mapped_and_ids_go_there_and_back() {
    assert_eq!(statuses(Status::Interrupted), ("arrived", "onleave"));
    assert_eq!(statuses(Status::NoShow), ("noshow", "cancelled"));
    assert_eq!(own_id(&fhir_id("cs_019ae4e5")), "cs_019ae4e5");
    assert_eq!(urn("Patient", "a"), urn("Patient", "a"));
    assert_ne!(urn("Patient", "a"), urn("Encounter", "a"));
}
