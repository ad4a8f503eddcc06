use super::*;
use crate::model::Scope;

/// What is looked for behind the doors, by the names that paths have for it.
struct Ids {
    consultation: String,
    participant: String,
    invitation: String,
    document: String,
    payment: String,
    patient: String,
    facility: String,
}

impl Ids {
    /// Of nothing that there ever was.
    fn never(now: jiff::Timestamp) -> Ids {
        use crate::ids::{
            ConsultationId, DocumentId, FacilityId, InvitationId, ParticipantId, PatientId, PaymentId,
        };
        Ids {
            consultation: ConsultationId::new(now).to_string(),
            participant: ParticipantId::new(now).to_string(),
            invitation: InvitationId::new(now).to_string(),
            document: DocumentId::new(now).to_string(),
            payment: PaymentId::new(now).to_string(),
            patient: PatientId::new(now).to_string(),
            facility: FacilityId::new(now).to_string(),
        }
    }
}

/// Every door to a consultation and what belongs to it.
fn doors(ids: &Ids) -> Vec<(Method, String, Value)> {
    let c = format!("/api/v1/consultations/{}", ids.consultation);
    let seat = format!("{c}/participants/{}", ids.participant);
    let link = format!("{c}/invitations/{}", ids.invitation);
    let document = format!("{c}/documents/{}", ids.document);
    let payment = format!("{c}/payment-requests/{}", ids.payment);
    let file = format!("/api/v1/patients/{}", ids.patient);
    let place = format!("/api/v1/facilities/{}", ids.facility);
    let guest = json!({ "role": "carer", "name": "Paul", "channel": "copy" });
    let slot = json!({ "slot": { "start": "2026-12-06T10:00" } });
    let new = json!({ "name": "a.pdf", "size": 9, "category": "other", "sha256": "0".repeat(64) });
    let draft = json!({ "answers": { "reason": "Toux" } });
    let get = |path: String| (Method::GET, path, Value::Null);
    let post = |path: String, body: Value| (Method::POST, path, body);
    let mut doors = vec![
        get(c.clone()),
        (Method::PATCH, c.clone(), slot.clone()),
        post(format!("{c}/cancel"), json!({})),
        post(format!("{c}/extend"), json!({})),
        post(format!("{c}/end"), json!({})),
        post(format!("{c}/upgrade"), json!({ "patient_id": ids.patient })),
        post(format!("{c}/purge"), Value::Null),
        post(format!("{c}/replan"), slot),
        post(format!("{c}/waiting"), Value::Null),
        post(format!("{c}/media-token"), Value::Null),
        (Method::PUT, format!("{c}/lock"), json!({ "locked": true })),
        (Method::PATCH, seat.clone(), json!({ "may_admit": true })),
        post(format!("{seat}/admit"), json!({})),
        post(format!("{seat}/deny"), Value::Null),
        post(format!("{seat}/send-back"), Value::Null),
        post(format!("{seat}/remove"), Value::Null),
        post(format!("{c}/invitations"), guest),
        (Method::DELETE, link.clone(), Value::Null),
        post(format!("{link}/resend"), json!({})),
        post(format!("{link}/link"), Value::Null),
        post(format!("{c}/documents"), new),
        get(document.clone()),
        get(format!("{document}/content")),
        get(format!("{document}/upload")),
        // Two bytes, as `answer` says.
        (Method::PUT, format!("{document}/upload"), json!({})),
        post(format!("{document}/complete"), Value::Null),
        post(format!("{document}/share"), json!({})),
        post(format!("{document}/signature"), json!({})),
        post(format!("{document}/withdraw"), Value::Null),
        post(format!("{c}/payment-requests"), json!({ "amount_cents": 2500 })),
        get(payment.clone()),
        get(format!("{payment}/receipt")),
        post(format!("{payment}/refund"), json!({})),
        (Method::PUT, format!("{c}/form"), draft),
        post(format!("{c}/form/validate"), Value::Null),
        post(format!("{c}/report/addendum"), json!({ "text": "Suite" })),
        get(file.clone()),
        (Method::PATCH, file.clone(), json!({ "used_name": "X" })),
        (Method::DELETE, file.clone(), Value::Null),
        post(format!("{file}/nir"), Value::Null),
        post(format!("{file}/identity-check"), json!({ "proof": "cni" })),
        get(format!("{file}/export")),
        get(place.clone()),
        (Method::PUT, place.clone(), json!({ "name": "X", "kind": "other" })),
        (Method::DELETE, place, Value::Null),
    ];
    doors.extend(["cancel", "retry", "refresh"].map(|verb| post(format!("{payment}/{verb}"), Value::Null)));
    let lists =
        ["events", "participants", "invitations", "documents", "payment-requests", "feedback", "form"];
    let reports = ["report", "report/preview", "report/versions"];
    let formats = ["zip", "fhir", "cda", "billing.csv", "billing.pdf", "billing.json"];
    doors.extend(lists.into_iter().chain(reports).map(|what| get(format!("{c}/{what}"))));
    doors.extend(formats.map(|format| get(format!("{c}/export?format={format}"))));
    doors
}

/// The answer without what names the request itself.
async fn answer(world: &World, who: &Browser, door: &(Method, String, Value)) -> (u16, Value) {
    let mut request = world.request(who, door.0.clone(), &door.1, &door.2);
    request.headers_mut().insert("content-range", "bytes 0-1/2".parse().unwrap());
    let (mut answer, _) = world.send(request).await;
    if let Some(body) = answer.body.as_object_mut() {
        body.remove("instance");
        body.remove("corr_id");
    }
    (answer.status.as_u16(), answer.body)
}

/// Is this door the operation `method` of the path `template`?
fn leads(template: &str, method: &str, door: &(Method, String, Value)) -> bool {
    let path: Vec<&str> = door.1.split('?').next().unwrap().split('/').collect();
    let template: Vec<&str> = template.split('/').collect();
    door.0.as_str().eq_ignore_ascii_case(method)
        && template.len() == path.len()
        && template.iter().zip(&path).all(|(part, found)| part.starts_with('{') || part == found)
}

/// Path, method and description of every operation.
fn operations() -> Vec<(String, String, Value)> {
    let description: Value = serde_json::from_str(&crate::http::openapi()).unwrap();
    let mut all = Vec::new();
    for (template, operations) in description["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            all.push((template.clone(), method.clone(), operation.clone()));
        }
    }
    all
}

#[test]
fn every_path_below_a_consultation_a_patient_or_a_facility_is_among_the_doors() {
    let doors = doors(&Ids::never(afternoon()));
    let below = ["consultations", "patients", "facilities"].map(|kind| format!("/api/v1/{kind}/{{id}}"));
    let mut all = operations();
    all.retain(|(template, ..)| below.iter().any(|start| template.starts_with(start)));
    for (template, method, _) in &all {
        assert!(doors.iter().any(|door| leads(template, method, door)), "{method} {template}");
    }
    assert!(all.len() > 50, "{}", all.len());
}

#[tokio::test]
async fn what_sends_charges_or_makes_something_wants_a_key_for_its_repetition() {
    let call = documents::Call::new().await;
    let id = call.path.split('/').nth(4).unwrap().to_owned();
    let mut doors = doors(&Ids { consultation: id, ..Ids::never(call.world.clinic.clock().now()) });
    doors.push((Method::POST, "/api/v1/consultations".to_owned(), dossier()));
    let mut asked = 0;
    for (template, method, operation) in operations() {
        let parameters = operation["parameters"].as_array();
        let wants = parameters.is_some_and(|all| all.iter().any(|one| one["name"] == "Idempotency-Key"));
        let Some(door) = doors.iter().find(|door| wants && leads(&template, &method, door)) else { continue };
        let mut request = call.world.request(&call.doctor, door.0.clone(), &door.1, &door.2);
        request.headers_mut().remove("idempotency-key");
        let (answer, _) = call.world.send(request).await;
        let code = answer.body["code"].as_str();
        assert_eq!((answer.status.as_u16(), code), (428, Some("idempotency-key-required")), "{template}");
        asked += 1;
    }
    assert!(asked >= 6, "{asked}");
}

#[tokio::test]
async fn nobody_without_a_part_in_it_can_tell_any_resource_from_one_that_never_was() {
    let call = documents::Call::new().await;
    let (world, doctor, path) = (&call.world, &call.doctor, call.path.trim_end_matches("/documents"));
    let facility = world.did(doctor, "/api/v1/facilities", json!({ "name": "Mas", "kind": "mss" })).await;
    let bytes = crate::documents::pdf::tests::pdf("", b"");
    let document = call.uploaded(&call.guest, &bytes, |_| ()).await;
    let made = world.get(doctor, path).await;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let now = world.clinic.clock().now();
    let never = Ids::never(now);
    let real = doors(&Ids {
        consultation: text(&made["id"]),
        participant: call.patient.clone(),
        invitation: text(&made["invitations"][0]["id"]),
        document: document.clone(),
        // Payments have a test of their own, with providers.
        payment: never.payment.clone(),
        patient: text(&made["patient"]["id"]),
        facility: text(&facility["id"]),
    });
    let never = doors(&never);
    let (stranger, stranger_id) = world.professional("paul@cabinet.example").await;
    let (admin, _) =
        world.person("chef@cabinet.example", |account, _| account.roles = vec![Role::OrgAdmin]).await;
    let (other_secretary, _) =
        world.person("secretariat@cabinet.example", |account, _| account.roles = vec![Role::Secretary]).await;
    for who in [&stranger, &admin, &other_secretary] {
        for (real, never) in real.iter().zip(&never) {
            let (found, nothing) = (answer(world, who, real).await, answer(world, who, never).await);
            assert_eq!(found, nothing, "{} {}", real.0, real.1);
            assert_eq!(found.0, 404, "{} {} {}", real.0, real.1, found.1);
        }
    }
    // A portal that acts for somebody else, and nobody.
    let elsewhere = portal_for(world, &Scope::ALL, &[stranger_id]).await;
    for (who, known) in [(&elsewhere, [403, 404]), (&Browser::default(), [401, 401])] {
        for (real, never) in real.iter().zip(&never) {
            let (found, nothing) = (answer(world, who, real).await, answer(world, who, never).await);
            assert_eq!(found, nothing, "{} {}", real.0, real.1);
            assert!(known.contains(&found.0), "{} {} {}", real.0, real.1, found.1);
        }
    }
    // Another's patient, facility or professional cannot be named either.
    let mut body = dossier();
    body["patient"] = Value::Null;
    body["patient_id"] = made["patient"]["id"].clone();
    assert_eq!(world.refused(&stranger, "/api/v1/consultations", body.clone()).await.0, 404);
    body["patient_id"] = Value::Null;
    body["patient"] = dossier()["patient"].clone();
    body["facility_id"] = facility["id"].clone();
    assert_eq!(world.refused(&stranger, "/api/v1/consultations", body.clone()).await.0, 404);
    body["facility_id"] = Value::Null;
    body["professional_id"] = made["owner"].clone();
    assert_eq!(world.refused(&stranger, "/api/v1/consultations", body).await.0, 404);
    let search = json!({ "birth_name": "Martin", "first_name": "Jeanne", "birth_date": "1941-03-02" });
    assert_eq!(world.did(&stranger, "/api/v1/patients/search", search).await["items"], json!([]));
    assert_eq!(world.get(&stranger, "/api/v1/consultations").await["items"], json!([]));
    // And nothing was done to it by all this.
    assert_eq!(world.get(doctor, path).await, made);
    assert_eq!(call.content(doctor, &document).await.1, bytes);
}

#[tokio::test]
async fn a_guest_of_one_consultation_is_nobody_elsewhere() {
    let world = World::new().await;
    let (doctor, _) = world.professional("jeanne@cabinet.example").await;
    let (id, _, guest, _) = world.in_call(&doctor).await;
    let other = world.dossier(&doctor, |_| ()).await["id"].as_str().unwrap().to_owned();
    for consultation in [other, id.clone()] {
        let ids = Ids { consultation, ..Ids::never(world.clinic.clock().now()) };
        for door in doors(&ids) {
            assert_eq!(answer(&world, &guest, &door).await.0, 401, "{} {}", door.0, door.1);
        }
    }
    let actor = crate::http::Actor::Guest {
        participant: crate::ids::ParticipantId::new(world.clinic.clock().now()),
        consultation: id.parse().unwrap(),
    };
    let now = world.clinic.clock().now();
    let seen = crate::consultations::consultation_for(
        world.clinic.store(),
        now,
        &actor,
        &id,
        crate::http::Action::SeeConsultation,
    );
    assert_eq!(seen.map(|_| ()).unwrap_err().code, crate::http::Code::NotFound);
}

#[tokio::test]
async fn support_sees_masked_links_and_sends_them_again_but_gets_neither_link_nor_person() {
    let world = World::new().await;
    let (doctor, _) = world.professional("jeanne@cabinet.example").await;
    let made = world.dossier(&doctor, |_| ()).await;
    let (support, _) =
        world.person("aide@support.example", |account, _| account.roles = vec![Role::Support]).await;
    let path = format!("/api/v1/consultations/{}", made["id"].as_str().unwrap());
    let seen = world.get(&support, &path).await;
    let text = seen.to_string();
    assert!(!text.contains("MARTIN") && !text.contains("06 12 34 56 78") && !text.contains("Jeanne MARTIN"));
    assert_eq!(seen["invitations"][0]["destination"], "•• •• •• •• 78");
    let link = format!("{path}/invitations/{}", made["invitations"][0]["id"].as_str().unwrap());
    world.did(&support, &format!("{link}/resend"), json!({})).await;
    let elsewhere = json!({ "phone": "06 98 76 54 32" });
    assert_eq!(
        world.refused(&support, &format!("{link}/resend"), elsewhere).await,
        (403, "forbidden".into())
    );
    assert_eq!(
        world.refused(&support, &format!("{link}/link"), Value::Null).await,
        (403, "forbidden".into())
    );
    for path in [format!("{path}/participants"), format!("{path}/events")] {
        assert_eq!(
            world.call(&support, Method::GET, &path, Value::Null).await.status.as_u16(),
            403,
            "{path}"
        );
    }
}
