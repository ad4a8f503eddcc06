//! The document bundle: a Composition that says what the report says, with everything it points at, and the PDF.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::resources::{
    Links, appointment, consents, document_reference, encounter, fhir_id, incident_lines, patient,
    practitioner, practitioner_role, urn,
};
use crate::report::{Dossier, title};

/// The bundle of a validated consultation. `pdf`: the report, unchanged.
pub fn bundle(dossier: &Dossier, pdf: &[u8]) -> Value {
    let links = Links::Bundle;
    let c = &dossier.consultation;
    let documents = dossier.handed_over();
    let mut entries = Vec::new();
    let mut add = |kind: &str, id: &str, resource: Value| {
        entries.push(json!({"fullUrl": urn(kind, id), "resource": resource}));
    };
    add("Composition", c.id.as_str(), composition(dossier));
    add("Patient", dossier.patient.id.as_str(), patient(dossier));
    add("Practitioner", c.owner.as_str(), practitioner(dossier));
    add("PractitionerRole", c.owner.as_str(), practitioner_role(dossier, links));
    add("Encounter", c.id.as_str(), encounter(dossier, links));
    add("Appointment", c.id.as_str(), appointment(dossier, links));
    for (consent, resource) in dossier.consents.iter().zip(consents(dossier, links)) {
        add("Consent", consent.id.as_str(), resource);
    }
    for document in documents {
        add("DocumentReference", document.id.as_str(), document_reference(dossier, document, links));
    }
    let report = format!("{}-v{}", fhir_id(c.id.as_str()), dossier.version);
    add("DocumentReference", &report, report_reference(dossier, pdf, &report));
    add(
        "Binary",
        &report,
        json!({
            "resourceType": "Binary", "id": report, "contentType": "application/pdf", "data": STANDARD.encode(pdf),
        }),
    );
    json!({
        "resourceType": "Bundle",
        "type": "document",
        "identifier": {"system": "urn:ietf:rfc:3986", "value": urn("Bundle", &report)},
        "timestamp": dossier.at.to_string(),
        "entry": entries,
    })
}

fn report_reference(dossier: &Dossier, pdf: &[u8], id: &str) -> Value {
    json!({
        "resourceType": "DocumentReference",
        "id": id,
        "status": "current",
        "docStatus": "final",
        "type": {"coding": [{"system": "http://loinc.org", "code": "85208-7"}], "text": title(dossier)},
        "subject": Links::Bundle.to("Patient", dossier.patient.id.as_str()),
        "author": [Links::Bundle.to("Practitioner", dossier.consultation.owner.as_str())],
        "date": dossier.at.to_string(),
        "content": [{"attachment": {
            "contentType": "application/pdf",
            "language": dossier.locale,
            "url": urn("Binary", id),
            "size": pdf.len(),
            // R4 wants SHA-1 here; it guards against accidents only.
            "hash": STANDARD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, pdf).as_ref()),
            "title": title(dossier),
        }}],
        "context": {"encounter": [Links::Bundle.to("Encounter", dossier.consultation.id.as_str())]},
    })
}

fn composition(dossier: &Dossier) -> Value {
    let words = dossier.words();
    let c = &dossier.consultation;
    let mut sections: Vec<Value> = dossier
        .answers(false)
        .into_iter()
        .map(|(field, answer)| section(field.label.text(words.language), &[answer]))
        .collect();
    let acts = dossier.form.as_ref().map(|form| form.acts.as_slice()).unwrap_or_default();
    if !acts.is_empty() {
        let codes: Vec<String> = acts.iter().map(|act| format!("{} {}", act.system, act.code)).collect();
        sections.push(section(words.pick("Actes réalisés", "Acts performed"), &codes));
    }
    let incidents = incident_lines(dossier);
    let none = [words.pick("Aucun incident relevé.", "No incident noticed.").to_owned()];
    let lines: &[String] = if incidents.is_empty() { &none } else { &incidents };
    sections.push(section(words.pick("Incidents techniques", "Technical incidents"), lines));
    for addendum in &dossier.addenda {
        sections
            .push(section(&format!("Addendum {}", addendum.version), std::slice::from_ref(&addendum.text)));
    }
    json!({
        "resourceType": "Composition",
        "id": fhir_id(c.id.as_str()),
        "language": dossier.locale,
        "identifier": {"system": "urn:ietf:rfc:3986", "value": urn("Composition", c.id.as_str())},
        "status": if dossier.addenda.is_empty() { "final" } else { "amended" },
        "type": {"coding": [{
            "system": "http://loinc.org", "code": "85208-7"
        }]},
        "subject": Links::Bundle.to("Patient", dossier.patient.id.as_str()),
        "encounter": Links::Bundle.to("Encounter", c.id.as_str()),
        "date": dossier.at.to_string(),
        "author": [Links::Bundle.to("Practitioner", c.owner.as_str())],
        "title": title(dossier),
        "confidentiality": "N",
        "section": sections,
    })
}

/// A section with its text as XHTML.
fn section(title: &str, lines: &[String]) -> Value {
    let paragraphs: String = lines
        .iter()
        .flat_map(|text| text.lines())
        .filter(|line| !line.trim().is_empty())
        .map(|line| format!("<p>{}</p>", escape(line)))
        .collect();
    let div = format!("<div xmlns=\"http://www.w3.org/1999/xhtml\">{paragraphs}</div>");
    json!({"title": title, "text": {"status": "generated", "div": div}})
}

fn escape(text: &str) -> String {
    let text: String = text.chars().filter(|c| !c.is_control()).collect();
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
