//! One function for each resource.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::model::{Decision, Document, IdType, IdentityStatus, ParticipantRole, Sex, Status};
use crate::report::Dossier;
use crate::report::dossier::join;

/// `cs_0193…` as FHIR allows it.
pub fn fhir_id(id: &str) -> String {
    id.replace('_', "-")
}

/// Back again.
pub fn own_id(id: &str) -> String {
    id.replacen('-', "_", 1)
}

/// A `urn:uuid:` that is always the same for a resource (UUID version 8, RFC 9562: ours is cut from SHA-256).
pub fn urn(kind: &str, id: &str) -> String {
    let digest = Sha256::digest(format!("{kind}/{id}"));
    let mut bytes = [0_u8; 16];
    bytes.copy_from_slice(digest.first_chunk::<16>().unwrap_or(&[0; 16]));
    bytes[6] = (bytes[6] & 0x0f) | 0x80;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    format!("urn:uuid:{}", uuid::Uuid::from_bytes(bytes))
}

/// How resources point at each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Links {
    /// `Patient/pat-…`, on the server.
    Server,
    /// `urn:uuid:…`, inside a bundle.
    Bundle,
}

impl Links {
    pub fn to(self, kind: &str, id: &str) -> Value {
        match self {
            Links::Server => json!({"reference": format!("{kind}/{}", fhir_id(id))}),
            Links::Bundle => json!({"reference": urn(kind, id)}),
        }
    }
}

/// The code of a remote encounter, the one that the French access-to-care service and the CDA sample use.
fn virtual_class() -> Value {
    json!({"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "VR", "display": "virtual"})
}

pub fn patient(dossier: &Dossier) -> Value {
    let p = &dossier.patient;
    let gender = match p.sex {
        Sex::M => "male",
        Sex::F => "female",
        Sex::U => "unknown",
    };
    let reliability = match p.identity_status {
        IdentityStatus::Prov => "PROV",
        IdentityStatus::Vali => "VALI",
        IdentityStatus::Recup => "RECUP",
        IdentityStatus::Qual => "QUAL",
    };
    let mut names = vec![json!({"use": "official", "family": p.birth_name, "given": p.first_names})];
    if let Some(used) = &p.used_name {
        names.push(json!({"use": "usual", "family": used, "given": p.first_names}));
    }
    // An unknown month or day is left off: FHIR dates may be partial.
    let born = String::from(p.birth_date);
    let born: Vec<&str> = born.split('-').filter(|part| *part != "00").collect();
    let mut patient = json!({
        "resourceType": "Patient",
        "id": fhir_id(p.id.as_str()),
        "identifier": [{
            "use": "usual",
            "type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "PI"}]},
            "system": "urn:ietf:rfc:3986",
            "value": format!("urn:oid:{}", crate::cda::oid(p.id.as_str())),
        }],
        "extension": [{
            "url": "https://hl7.fr/ig/fhir/core/StructureDefinition/fr-core-identity-reliability",
            "extension": [{
                "url": "identityStatus",
                "valueCoding": {
                    "system": "https://hl7.fr/ig/fhir/core/CodeSystem/fr-core-cs-v2-0445",
                    "code": reliability,
                },
            }],
        }],
        "name": names,
        "gender": gender,
        "birthDate": born.join("-"),
    });
    let mut telecom = Vec::new();
    if let Some(mobile) = &p.mobile {
        telecom.push(json!({"system": "phone", "value": mobile, "use": "mobile"}));
    }
    if let Some(email) = &p.email {
        telecom.push(json!({"system": "email", "value": email}));
    }
    set(&mut patient, "telecom", telecom);
    if let Some(address) = p.address.as_ref().filter(|address| !address.trim().is_empty()) {
        set(&mut patient, "address", vec![json!({"text": address})]);
    }
    patient
}

/// Sets a list that is not empty; FHIR has no empty ones.
fn set(resource: &mut Value, key: &str, list: Vec<Value>) {
    if !list.is_empty()
        && let Some(object) = resource.as_object_mut()
    {
        object.insert(key.to_owned(), Value::Array(list));
    }
}

pub fn practitioner(dossier: &Dossier) -> Value {
    let p = &dossier.professional;
    let mut identifiers = Vec::new();
    if p.id_type == IdType::Rpps {
        identifiers.push(json!({"system": "https://rpps.esante.gouv.fr", "value": p.national_number}));
    }
    if let Some(id) = &p.id_nat_ps {
        identifiers.push(json!({"system": "urn:oid:1.2.250.1.71.4.2.1", "value": id}));
    }
    let mut name = json!({"family": p.exercise_name, "given": [p.first_name]});
    set(&mut name, "prefix", if p.title.is_empty() { Vec::new() } else { vec![json!(p.title)] });
    let mut practitioner = json!({
        "resourceType": "Practitioner",
        "id": fhir_id(p.account_id.as_str()),
        "name": [name],
    });
    set(&mut practitioner, "identifier", identifiers);
    practitioner
}

pub fn practitioner_role(dossier: &Dossier, links: Links) -> Value {
    let p = &dossier.professional;
    let label = dossier.profession().map_or("", |known| known.fr);
    let mut role = json!({
        "resourceType": "PractitionerRole",
        "id": fhir_id(p.account_id.as_str()),
        "practitioner": links.to("Practitioner", p.account_id.as_str()),
        "code": [{"coding": [{
            "system": "https://mos.esante.gouv.fr/NOS/TRE_G15-ProfessionSante/FHIR/TRE-G15-ProfessionSante",
            "code": p.profession_code,
            "display": if label.is_empty() { p.profession_code.as_str() } else { label },
        }]}],
    });
    if let Some(speciality) = &p.speciality_code {
        let system =
            "https://mos.esante.gouv.fr/NOS/TRE_R38-SpecialiteOrdinale/FHIR/TRE-R38-SpecialiteOrdinale";
        set(&mut role, "specialty", vec![json!({"coding": [{"system": system, "code": speciality}]})]);
    }
    if let Some(phone) = &p.practice.phone {
        set(&mut role, "telecom", vec![json!({"system": "phone", "value": phone, "use": "work"})]);
    }
    role
}

/// `(Appointment, Encounter)` by the state of the consultation.
pub fn statuses(status: Status) -> (&'static str, &'static str) {
    match status {
        Status::Scheduled => ("booked", "planned"),
        Status::Open => ("booked", "arrived"),
        Status::InProgress => ("arrived", "in-progress"),
        Status::Interrupted => ("arrived", "onleave"),
        Status::Ended | Status::Validated | Status::Purged => ("fulfilled", "finished"),
        Status::Cancelled | Status::Expired => ("cancelled", "cancelled"),
        Status::NoShow => ("noshow", "cancelled"),
    }
}

fn external(dossier: &Dossier) -> Vec<Value> {
    let reference = dossier.consultation.external_ref.as_ref();
    reference.map(|found| json!({"system": found.system, "value": found.value})).into_iter().collect()
}

pub fn appointment(dossier: &Dossier, links: Links) -> Value {
    let c = &dossier.consultation;
    let accepted = |kind: &str, id: &str| json!({"actor": links.to(kind, id), "status": "accepted"});
    let mut appointment = json!({
        "resourceType": "Appointment",
        "id": fhir_id(c.id.as_str()),
        "status": statuses(c.status).0,
        "appointmentType": {"coding": [virtual_class()]},
        "start": c.slot_start.to_string(),
        "end": c.slot_end.to_string(),
        "created": c.created_at.to_string(),
        "participant": [
            accepted("Practitioner", c.owner.as_str()),
            accepted("Patient", dossier.patient.id.as_str()),
        ],
    });
    set(&mut appointment, "identifier", external(dossier));
    appointment
}

pub fn encounter(dossier: &Dossier, links: Links) -> Value {
    let c = &dossier.consultation;
    let role = |code: &str, display: &str| {
        let system = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType";
        json!([{"coding": [{"system": system, "code": code, "display": display}]}])
    };
    let mut participants = vec![json!({
        "type": role("PPRF", "primary performer"),
        "individual": links.to("Practitioner", c.owner.as_str()),
    })];
    for other in dossier.participants.iter().filter(|other| {
        matches!(other.role, ParticipantRole::BedsideProfessional | ParticipantRole::CoProfessional)
    }) {
        let mut individual = json!({"display": other.display_name, "type": "Practitioner"});
        if let (Some(rpps), Some(object)) = (&other.rpps, individual.as_object_mut()) {
            let number = json!({"system": "https://rpps.esante.gouv.fr", "value": rpps});
            object.insert("identifier".to_owned(), number);
        }
        participants.push(json!({"type": role("PART", "Participation"), "individual": individual}));
    }
    let mut encounter = json!({
        "resourceType": "Encounter",
        "id": fhir_id(c.id.as_str()),
        "status": statuses(c.status).1,
        "class": virtual_class(),
        "subject": links.to("Patient", dossier.patient.id.as_str()),
        "participant": participants,
    });
    if let Some(object) = encounter.as_object_mut() {
        if let Some(start) = c.started_at {
            let mut period = json!({"start": start.to_string()});
            if let (Some(end), Some(period)) = (c.ended_at, period.as_object_mut()) {
                period.insert("end".to_owned(), json!(end.to_string()));
            }
            object.insert("period".to_owned(), period);
        }
        if links == Links::Server {
            object.insert("appointment".to_owned(), json!([links.to("Appointment", c.id.as_str())]));
        }
        if let Some(facility) = &dossier.facility {
            let mut location = json!({"display": facility.name, "type": "Location"});
            if let (Some(finess), Some(map)) = (&facility.finess, location.as_object_mut()) {
                map.insert(
                    "identifier".to_owned(),
                    json!({"system": "https://finess.esante.gouv.fr", "value": finess}),
                );
            }
            object.insert("location".to_owned(), json!([{"location": location}]));
        }
    }
    set(&mut encounter, "identifier", external(dossier));
    encounter
}

pub fn consents(dossier: &Dossier, links: Links) -> Vec<Value> {
    let consent = |consent: &crate::model::Consent| {
        json!({
            "resourceType": "Consent",
            "id": fhir_id(consent.id.as_str()),
            "status": match consent.decision {
                Decision::Accepted => "active",
                Decision::Refused => "rejected",
            },
            "scope": {"coding": [{
                "system": "http://terminology.hl7.org/CodeSystem/consentscope",
                "code": "treatment",
            }]},
            "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
            "patient": links.to("Patient", dossier.patient.id.as_str()),
            "dateTime": consent.at.to_string(),
            "policyRule": {"text": format!("{} sha256:{}", consent.text_version, consent.text_sha256)},
        })
    };
    dossier.consents.iter().map(consent).collect()
}

/// A document that was handed over. Its bytes are fetched elsewhere: `attachment.hash` is SHA-1 in R4, which nobody here
/// keeps, so the SHA-256 stands as an identifier.
pub fn document_reference(dossier: &Dossier, document: &Document, links: Links) -> Value {
    let words = dossier.words();
    let label = words.category(document.category);
    let kind = match document.category.loinc() {
        Some(code) => json!({"coding": [{"system": "http://loinc.org", "code": code}], "text": label}),
        None => json!({"text": label}),
    };
    let mut attachment = json!({"title": document.file_name, "size": document.bytes});
    if let Some(object) = attachment.as_object_mut().filter(|_| !document.mime.is_empty()) {
        object.insert("contentType".to_owned(), json!(document.mime));
    }
    json!({
        "resourceType": "DocumentReference",
        "id": fhir_id(document.id.as_str()),
        "identifier": [{"system": "urn:chevet:sha256", "value": document.sha256}],
        "status": if document.replaced_by.is_some() { "superseded" } else { "current" },
        "type": kind,
        "subject": links.to("Patient", dossier.patient.id.as_str()),
        "date": document.created_at.to_string(),
        "content": [{"attachment": attachment}],
        "context": {"encounter": [links.to("Encounter", dossier.consultation.id.as_str())]},
    })
}

/// Other participants and incidents as words for a narrative.
pub fn incident_lines(dossier: &Dossier) -> Vec<String> {
    let words = dossier.words();
    let line = |incident: &crate::model::Incident| {
        let length = incident.duration_s.map(|seconds| words.length(seconds.into())).unwrap_or_default();
        join(&[&words.exact(incident.at), words.incident(incident.kind), &length], " – ")
    };
    dossier.incidents.iter().map(line).collect()
}
