use super::*;

/// Every door to a consultation and what belongs to it.
fn doors(
    consultation: &str,
    participant: &str,
    invitation: &str,
    patient: &str,
    facility: &str,
) -> Vec<(Method, String, Value)> {
    let c = format!("/api/v1/consultations/{consultation}");
    let seat = format!("{c}/participants/{participant}");
    let link = format!("{c}/invitations/{invitation}");
    let file = format!("/api/v1/patients/{patient}");
    let place = format!("/api/v1/facilities/{facility}");
    let guest = json!({ "role": "carer", "name": "Paul", "channel": "copy" });
    let slot = json!({ "slot": { "start": "2026-12-06T10:00" } });
    let post = |path: String, body: Value| (Method::POST, path, body);
    vec![
        (Method::GET, c.clone(), Value::Null),
        (Method::PATCH, c.clone(), slot.clone()),
        post(format!("{c}/cancel"), json!({})),
        post(format!("{c}/extend"), json!({})),
        post(format!("{c}/end"), json!({})),
        post(format!("{c}/upgrade"), json!({ "patient_id": patient })),
        post(format!("{c}/purge"), Value::Null),
        post(format!("{c}/replan"), slot),
        post(format!("{c}/waiting"), Value::Null),
        post(format!("{c}/media-token"), Value::Null),
        (Method::PUT, format!("{c}/lock"), json!({ "locked": true })),
        (Method::GET, format!("{c}/events"), Value::Null),
        (Method::GET, format!("{c}/participants"), Value::Null),
        (Method::PATCH, seat.clone(), json!({ "may_admit": true })),
        post(format!("{seat}/admit"), json!({})),
        post(format!("{seat}/deny"), Value::Null),
        post(format!("{seat}/send-back"), Value::Null),
        post(format!("{seat}/remove"), Value::Null),
        (Method::GET, format!("{c}/invitations"), Value::Null),
        post(format!("{c}/invitations"), guest),
        (Method::DELETE, link.clone(), Value::Null),
        post(format!("{link}/resend"), json!({})),
        post(format!("{link}/link"), Value::Null),
        (Method::GET, file.clone(), Value::Null),
        (Method::PATCH, file.clone(), json!({ "used_name": "X" })),
        (Method::DELETE, file.clone(), Value::Null),
        post(format!("{file}/nir"), Value::Null),
        post(format!("{file}/identity-check"), json!({ "proof": "cni" })),
        (Method::GET, format!("{file}/export"), Value::Null),
        (Method::GET, place.clone(), Value::Null),
        (Method::PUT, place.clone(), json!({ "name": "X", "kind": "other" })),
        (Method::DELETE, place, Value::Null),
    ]
}

/// The answer without what names the request itself.
async fn answer(world: &World, who: &Browser, door: &(Method, String, Value)) -> (u16, Value) {
    let mut answer = world.call(who, door.0.clone(), &door.1, door.2.clone()).await;
    if let Some(body) = answer.body.as_object_mut() {
        body.remove("instance");
        body.remove("corr_id");
    }
    (answer.status.as_u16(), answer.body)
}

#[tokio::test]
async fn nobody_without_a_part_in_it_can_tell_any_resource_from_one_that_never_was() {
    let world = World::new().await;
    let (doctor, owner) = world.professional("jeanne@cabinet.example").await;
    let facility = world.did(&doctor, "/api/v1/facilities", json!({ "name": "Mas", "kind": "mss" })).await;
    let made = world.dossier(&doctor, |_| ()).await;
    let (_, patient_seat) = world.seats(&made);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let real = doors(
        &text(&made["id"]),
        &patient_seat,
        &text(&made["invitations"][0]["id"]),
        &text(&made["patient"]["id"]),
        &text(&facility["id"]),
    );
    let now = world.clinic.clock().now();
    let never = doors(
        crate::ids::ConsultationId::new(now).as_str(),
        crate::ids::ParticipantId::new(now).as_str(),
        crate::ids::InvitationId::new(now).as_str(),
        crate::ids::PatientId::new(now).as_str(),
        crate::ids::FacilityId::new(now).as_str(),
    );
    let (stranger, _) = world.professional("paul@cabinet.example").await;
    let (admin, _) =
        world.person("chef@cabinet.example", |account, _| account.roles = vec![Role::OrgAdmin]).await;
    let (other_secretary, _) =
        world.person("secretariat@cabinet.example", |account, _| account.roles = vec![Role::Secretary]).await;
    for who in [&stranger, &admin, &other_secretary] {
        for (real, never) in real.iter().zip(&never) {
            let (found, nothing) = (answer(&world, who, real).await, answer(&world, who, never).await);
            assert_eq!(found, nothing, "{} {}", real.0, real.1);
            assert_eq!(found.0, 404, "{} {} {}", real.0, real.1, found.1);
        }
    }
    // Not logged in, it is the same for both as well.
    for (real, never) in real.iter().zip(&never) {
        let nobody = Browser::default();
        let (found, nothing) = (answer(&world, &nobody, real).await, answer(&world, &nobody, never).await);
        assert_eq!((found.0, &found), (401, &nothing), "{} {}", real.0, real.1);
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
    body["professional_id"] = json!(owner.as_str());
    assert_eq!(world.refused(&stranger, "/api/v1/consultations", body).await.0, 404);
    let search = json!({ "birth_name": "Martin", "first_name": "Jeanne", "birth_date": "1941-03-02" });
    assert_eq!(world.did(&stranger, "/api/v1/patients/search", search).await["items"], json!([]));
    assert_eq!(world.get(&stranger, "/api/v1/consultations").await["items"], json!([]));
    // And nothing was done to it by all this.
    let path = format!("/api/v1/consultations/{}", text(&made["id"]));
    let mut before = made.clone();
    before.as_object_mut().unwrap().remove("warnings");
    let mut after = world.get(&doctor, &path).await;
    for body in [&mut before, &mut after] {
        body.as_object_mut().unwrap().remove("invitations");
    }
    assert_eq!(before, after);
}

#[tokio::test]
async fn a_guest_of_one_consultation_is_nobody_elsewhere() {
    let world = World::new().await;
    let (doctor, _) = world.professional("jeanne@cabinet.example").await;
    let (id, _, guest, _) = world.in_call(&doctor).await;
    let other = world.dossier(&doctor, |_| ()).await;
    for door in doors(other["id"].as_str().unwrap(), "par_x", "inv_x", "pat_x", "fac_x") {
        assert_eq!(answer(&world, &guest, &door).await.0, 401, "{} {}", door.0, door.1);
    }
    for door in doors(&id, "par_x", "inv_x", "pat_x", "fac_x") {
        assert_eq!(answer(&world, &guest, &door).await.0, 401, "{} {}", door.0, door.1);
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
