use super::*;

#[tokio::test]
async fn an_appointment_needs_an_address_or_a_number_and_both_give_two_invitations() {
    let world = World::new().await;
    let (doctor, _) = world.professional("jeanne@cabinet.example").await;
    let with = async |contacts: Value| {
        let mut body = dossier();
        body["contacts"] = contacts;
        world.post(&doctor, "/api/v1/consultations", body).await
    };
    let none = with(json!([])).await;
    assert_eq!((none.status.as_u16(), &none.body["code"]), (422, &json!("no-contact-channel")));
    let bad = with(json!([{ "channel": "email", "email": "jeanne" }])).await;
    assert_eq!(bad.body["errors"][0], json!({ "pointer": "/contacts/0/email", "code": "invalid" }));
    let both = json!([
        { "channel": "sms", "phone": PHONE },
        { "channel": "email", "email": "jeanne.martin@orange.fr" },
    ]);
    let made = with(both).await;
    assert_eq!((made.status, &made.body["status"]), (StatusCode::CREATED, &json!("scheduled")));
    let invitations = made.body["invitations"].as_array().unwrap();
    assert_eq!(invitations.len(), 2);
    assert_eq!(invitations[0]["participant_id"], invitations[1]["participant_id"], "one patient, two links");
    assert_eq!(made.body["participants"].as_array().unwrap().len(), 2);
    let mail = world.mail("jeanne.martin@orange.fr", "invitation").await;
    assert_eq!(mail.data["appointment"]["consultation"], made.body["id"]);
    assert_eq!(made.body["patient"]["email"], "jeanne.martin@orange.fr");
    world.mail("+33612345678", "invitation").await;
}

#[tokio::test]
async fn a_facility_and_a_nurse_get_links_of_their_own_and_a_colleague_with_an_account_finds_it_listed() {
    let world = World::new().await;
    let (doctor, _) = world.professional("jeanne@cabinet.example").await;
    let (colleague, _) = world.professional("paul@cabinet.example").await;
    let facility = json!({ "name": "EHPAD Les Tilleuls 2", "kind": "ehpad", "finess": "440000271",
        "email": "accueil@ehpad.example", "shared_device": true });
    let facility = world.did(&doctor, "/api/v1/facilities", facility).await;
    let made = world
        .dossier(&doctor, |body| {
            body["facility_id"] = facility["id"].clone();
            body["contacts"] = json!([
                { "recipient": "facility", "channel": "email", "email": "accueil@ehpad.example", "name": "Accueil" },
            ]);
            body["participants"] = json!([
                { "role": "bedside_professional", "name": "O. Faure", "profession_code": "60", "rpps": "10101010105",
                  "channel": "email", "email": "o.faure@cabinet.example" },
                { "role": "co_professional", "name": "Dr Paul Durand", "channel": "email", "email": "Paul@cabinet.example" },
                { "role": "interpreter", "name": "LSF", "channel": "copy" },
            ]);
        })
        .await;
    assert_eq!(made["facility"]["name"], "EHPAD Les Tilleuls 2");
    let mut roles: Vec<&str> =
        made["participants"].as_array().unwrap().iter().map(|one| one["role"].as_str().unwrap()).collect();
    roles.sort_unstable();
    assert_eq!(roles, ["bedside_professional", "co_professional", "facility_staff", "interpreter", "owner"]);
    world.mail("accueil@ehpad.example", "invitation").await;
    let secret = world.secret("o.faure@cabinet.example", "invitation").await;
    assert_eq!(world.look(&secret).await["shared_device"], true);

    let invited = world.get(&colleague, "/api/v1/consultations?view=invited").await;
    assert_eq!(
        (&invited["items"][0]["id"], &invited["items"][0]["patient_name"]),
        (&made["id"], &Value::Null)
    );
    let path = format!("/api/v1/consultations/{}", made["id"].as_str().unwrap());
    let seen = world.get(&colleague, &path).await;
    assert!(seen["patient"].is_null() && seen["patient_name"].is_null() && seen["invitations"].is_null());
    assert_eq!(seen["participants"].as_array().unwrap().len(), 5);

    // In the call the colleague sees the patient, and lets others in if the owner says so.
    world.clinic.clock().set("2026-12-04T13:30:00Z".parse().unwrap());
    world.status(made["id"].as_str().unwrap(), "open").await;
    let waiting = world.did(&colleague, &format!("{path}/waiting"), Value::Null).await;
    let (owner_seat, _) = world.seats(&made);
    world.told(made["id"].as_str().unwrap(), "participant_joined", &owner_seat, "PA_o").await;
    let seat = waiting["id"].as_str().unwrap();
    assert_eq!(world.refused(&colleague, &format!("{path}/media-token"), Value::Null).await.0, 403);
    world.did(&doctor, &format!("{path}/participants/{seat}/admit"), json!({})).await;
    assert_eq!(world.record(made["id"].as_str().unwrap()).status.as_str(), "open", "no patient yet");
    world.did(&colleague, &format!("{path}/media-token"), Value::Null).await;
    assert_eq!(world.get(&colleague, &path).await["patient"]["birth_name"], "MARTIN");
    let (nurse, body) = world.enter(&secret).await;
    world.agrees(&nurse).await;
    world.did(&nurse, "/p/v1/waiting", Value::Null).await;
    let admit = format!("{path}/participants/{}/admit", body["participant_id"].as_str().unwrap());
    let oral = json!({ "consent_oral": true });
    assert_eq!(world.refused(&colleague, &admit, oral.clone()).await, (403, "forbidden".into()));
    let rights = world
        .call(&doctor, Method::PATCH, &format!("{path}/participants/{seat}"), json!({ "may_admit": true }))
        .await;
    assert_eq!(rights.status, StatusCode::OK);
    // The nurse's own promise of secrecy is not the patient's consent.
    assert_eq!(world.refused(&colleague, &admit, json!({})).await, (403, "consent-required".into()));
    assert_eq!(world.did(&colleague, &admit, oral).await["consent"], Value::Null);
    world.status(made["id"].as_str().unwrap(), "in_progress").await;
}

#[tokio::test]
async fn a_change_needs_the_version_that_was_read() {
    let world = World::new().await;
    let (doctor, _) = world.professional("jeanne@cabinet.example").await;
    let made = world.dossier(&doctor, |_| ()).await;
    let path = format!("/api/v1/consultations/{}", made["id"].as_str().unwrap());
    let read = world.call(&doctor, Method::GET, &path, Value::Null).await;
    let with = async |tag: Option<&str>| {
        let slot = json!({ "slot": { "start": "2026-12-05T09:00" } });
        let mut request = world.request(&doctor, Method::PATCH, &path, &slot);
        match tag {
            Some(tag) => request.headers_mut().insert("if-match", tag.parse().unwrap()),
            None => request.headers_mut().remove("if-match"),
        };
        world.send(request).await.0
    };
    assert_eq!(with(None).await.status.as_u16(), 428);
    let changed = with(Some(&read.etag)).await;
    assert_eq!(changed.status, StatusCode::OK);
    assert_ne!(changed.etag, read.etag);
    assert_eq!(with(Some(&read.etag)).await.body["code"], "version-conflict");
}

#[tokio::test]
async fn slots_that_cannot_be_are_refused_and_what_is_worth_a_second_look_is_said() {
    let world = World::new().await;
    let (doctor, _) = world.professional("jeanne@cabinet.example").await;
    let with = async |slot: Value| {
        let mut body = dossier();
        body["slot"] = slot;
        world.post(&doctor, "/api/v1/consultations", body).await
    };
    let code = async |slot: Value| with(slot).await.body["code"].as_str().unwrap_or_default().to_owned();
    assert_eq!(code(json!({ "start": "2026-12-03T14:24" })).await, "slot-in-past");
    assert_eq!(code(json!({ "start": "2027-03-28T02:30" })).await, "slot-nonexistent-local-time");
    assert_eq!(code(json!({ "start": "2027-10-31T02:30" })).await, "slot-ambiguous-local-time");
    assert_eq!(code(Value::Null).await, "validation-failed");
    // Five minutes ago still counts.
    assert_eq!(with(json!({ "start": "2026-12-03T14:25" })).await.body["status"], "open");

    let first = world.dossier(&doctor, |_| ()).await;
    let second = world.dossier(&doctor, |_| ()).await;
    let warnings = second["warnings"].as_array().unwrap();
    let duplicate = warnings.iter().find(|one| one["code"] == "possible-duplicate").unwrap();
    assert!(duplicate["id"].as_str().unwrap().starts_with("pat_"));
    let overlap = warnings.iter().find(|one| one["code"] == "overlap").unwrap();
    assert_eq!(overlap["id"], first["id"]);
    let minor = world.dossier(&doctor, |body| body["patient"]["birth_date"] = "2015-01-01".into()).await;
    assert!(minor["warnings"].to_string().contains("representative-required"));
}

#[tokio::test]
async fn a_minors_consent_is_a_representatives() {
    let world = World::new().await;
    let (doctor, _) = world.professional("jeanne@cabinet.example").await;
    world
        .dossier(&doctor, |body| {
            body["patient"]["birth_date"] = "2015-01-01".into();
            body["slot"] = Value::Null;
            body["now"] = true.into();
        })
        .await;
    let secret = world.secret("+33612345678", "invitation").await;
    let (guest, body) = world.enter(&secret).await;
    assert_eq!(body["representative_required"], true);
    let version = world.get(&guest, "/p/v1/consent").await["version"].clone();
    let mut agreement = json!({ "decision": "accepted", "text_version": version });
    let refused = world.refused(&guest, "/p/v1/consent", agreement.clone()).await;
    assert_eq!(refused, (422, "validation-failed".into()));
    agreement["given_by"] = "representative".into();
    agreement["representative_name"] = "Paul Martin".into();
    assert_eq!(world.did(&guest, "/p/v1/consent", agreement).await["next"], "wait");
}

#[tokio::test]
async fn a_patient_who_refuses_is_not_let_in_without_the_professionals_word() {
    let world = World::new().await;
    let (doctor, _) = world.professional("jeanne@cabinet.example").await;
    let made = world.immediate(&doctor).await;
    let secret = world.secret("+33612345678", "immediate-call").await;
    let (guest, body) = world.enter(&secret).await;
    let version = world.get(&guest, "/p/v1/consent").await["version"].clone();
    let no = json!({ "decision": "refused", "text_version": version });
    assert_eq!(world.did(&guest, "/p/v1/consent", no).await["next"], "refused");
    assert_eq!(world.refused(&guest, "/p/v1/waiting", Value::Null).await, (403, "consent-refused".into()));
    let path = format!("/api/v1/consultations/{}/participants", made["id"].as_str().unwrap());
    let seats = world.get(&doctor, &path).await;
    let seat = seats["items"].as_array().unwrap().iter().find(|one| one["id"] == body["participant_id"]);
    assert_eq!(seat.unwrap()["consent"], "refused");
}

#[tokio::test]
async fn a_missed_or_cancelled_appointment_is_planned_anew_beside_the_old_one() {
    let world = World::new().await;
    let (doctor, _) = world.professional("jeanne@cabinet.example").await;
    let made = world.dossier(&doctor, |_| ()).await;
    let id = made["id"].as_str().unwrap();
    let again = json!({ "slot": { "start": "2026-12-06T10:00" } });
    let path = format!("/api/v1/consultations/{id}/replan");
    assert_eq!(world.refused(&doctor, &path, again.clone()).await, (409, "invalid-transition".into()));
    world.mail("+33612345678", "invitation").await;
    world.clinic.clock().set("2026-12-04T14:06:00Z".parse().unwrap());
    world.status(id, "no_show").await;
    let seen = world.get(&doctor, &format!("/api/v1/consultations/{id}")).await;
    assert_eq!(seen["no_show_by"], "both");
    let planned = world.did(&doctor, &path, again).await;
    assert_eq!((&planned["replaces"], &planned["status"]), (&made["id"], &json!("scheduled")));
    assert_eq!(planned["patient"]["id"], made["patient"]["id"]);
    assert_eq!(world.record(id).status.as_str(), "no_show");
    eventually("the new invitation", || {
        world.templates("+33612345678").iter().filter(|one| *one == "invitation").count() == 2
    })
    .await;
}

#[tokio::test]
async fn patient_files_are_searched_changed_and_their_number_is_shown_only_on_demand() {
    let world = World::new().await;
    let (doctor, _) = world.professional("jeanne@cabinet.example").await;
    let made = world.dossier(&doctor, |body| body["patient"]["nir"] = "2 55 08 14 168 025 38".into()).await;
    let patient = made["patient"]["id"].as_str().unwrap();
    assert_eq!(made["patient"]["nir_known"], true);
    assert!(!made.to_string().contains("255081416802538"));
    let search = json!({ "birth_name": "martin", "first_name": "JEANNE", "birth_date": "1941-03-02" });
    let found = world.did(&doctor, "/api/v1/patients/search", search).await;
    assert_eq!((&found["items"][0]["id"], &found["items"][0]["age"]), (&json!(patient), &json!(85)));
    let path = format!("/api/v1/patients/{patient}");
    let shown = world.did(&doctor, &format!("{path}/nir"), Value::Null).await;
    assert_eq!(shown["nir"], "255081416802538");
    let wrong = world.call(&doctor, Method::PATCH, &path, json!({ "nir": "255081416802539" })).await;
    assert_eq!(wrong.body["code"], "nir-key-mismatch");
    let changed = world.call(&doctor, Method::PATCH, &path, json!({ "used_name": "Durand" })).await;
    assert_eq!((changed.status, &changed.body["birth_name"]), (StatusCode::OK, &json!("MARTIN")));
    let seen = world.did(&doctor, &format!("{path}/identity-check"), json!({ "proof": "cni" })).await;
    assert_eq!(seen["identity_status"], "vali");
    let trail = crate::audit::read(world.clinic.store(), 0, 1000).unwrap();
    assert!(trail.iter().any(|one| one.event.action.as_str() == "patient.nir_viewed"));
}

#[tokio::test]
async fn a_secretary_plans_for_the_professional_and_a_portal_within_its_scopes() {
    let world = World::new().await;
    let (_, owner) = world.professional("jeanne@cabinet.example").await;
    let (secretary, _) = world
        .person("accueil@cabinet.example", |account, _| {
            account.roles = vec![Role::Secretary];
            account.works_for = vec![owner.clone()];
        })
        .await;
    let made = world.dossier(&secretary, |_| ()).await;
    assert_eq!((&made["owner"], &made["patient"]["birth_name"]), (&json!(owner.as_str()), &json!("MARTIN")));
    let path = format!("/api/v1/consultations/{}", made["id"].as_str().unwrap());
    assert_eq!(world.refused(&secretary, &format!("{path}/media-token"), Value::Null).await.0, 403);
    let nir = format!("/api/v1/patients/{}/nir", made["patient"]["id"].as_str().unwrap());
    assert_eq!(world.refused(&secretary, &nir, Value::Null).await, (403, "forbidden".into()));
    world.did(&secretary, &format!("{path}/cancel"), json!({})).await;

    use crate::model::Scope as S;
    let full =
        portal(&world, &[S::ConsultationsRead, S::ConsultationsWrite, S::PatientsRead, S::PatientsWrite])
            .await;
    let mut body = dossier();
    assert_eq!(world.refused(&full, "/api/v1/consultations", body.clone()).await.0, 422);
    body["professional_id"] = json!(owner.as_str());
    body["external_ref"] = json!({ "system": "urn:portal", "value": "rdv-1" });
    let made = world.did(&full, "/api/v1/consultations", body.clone()).await;
    assert_eq!(made["external_ref"]["value"], "rdv-1");
    assert_eq!(world.refused(&full, "/api/v1/consultations", body.clone()).await.0, 409, "one of this name");
    let path = format!("/api/v1/consultations/{}", made["id"].as_str().unwrap());
    let link = format!("{path}/invitations/{}/link", made["invitations"][0]["id"].as_str().unwrap());
    assert_eq!(world.refused(&full, &link, Value::Null).await, (403, "scope-missing".into()));
    let reader = portal(&world, &[S::ConsultationsRead]).await;
    let seen = world.get(&reader, &path).await;
    assert!(seen["patient"].is_null() && seen["invitations"].is_null());
    assert_eq!(world.refused(&reader, "/api/v1/consultations", body).await, (403, "scope-missing".into()));
}

#[tokio::test]
async fn my_consultations_shows_live_ones_first_and_goes_on_page_by_page() {
    let world = World::new().await;
    let (doctor, _) = world.professional("jeanne@cabinet.example").await;
    for hour in 9..14 {
        world
            .dossier(&doctor, |body| body["slot"]["start"] = format!("2026-12-04T{hour:02}:00").into())
            .await;
    }
    let live = world.immediate(&doctor).await;
    let mut path = "/api/v1/consultations?limit=2".to_owned();
    let mut seen = Vec::new();
    loop {
        let page = world.get(&doctor, &path).await;
        seen.extend(page["items"].as_array().unwrap().iter().map(|one| one["id"].clone()));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/api/v1/consultations?limit=2&cursor={next}");
    }
    assert_eq!((seen.len(), &seen[0]), (6, &live["id"]));
    let count = async |view: &str| {
        let page = world.get(&doctor, &format!("/api/v1/consultations?view={view}")).await;
        page["items"].as_array().unwrap().len()
    };
    assert_eq!((count("live").await, count("upcoming").await, count("today").await), (1, 5, 1));
    assert_eq!((count("to_validate").await, count("done").await), (0, 0));
    let bad = world.call(&doctor, Method::GET, "/api/v1/consultations?cursor=AAAA", Value::Null).await;
    assert_eq!(bad.status.as_u16(), 422);
}

#[tokio::test]
async fn without_the_interest_the_tool_is_closed() {
    let world = World::new().await;
    let (doctor, _) = world.person("jeanne@cabinet.example", |_, one| one.interests.clear()).await;
    let refused = world.refused(&doctor, "/api/v1/consultations", dossier()).await;
    assert_eq!(refused, (403, "tool-not-opened".into()));
}
