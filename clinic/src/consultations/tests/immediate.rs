use super::*;
use crate::model::{Contact, Invitation, Participant};
use crate::store::{IndexKey, Query};

#[tokio::test]
async fn a_number_is_enough_for_a_call_and_the_four_lights_come_on_one_by_one() {
    let world = World::new().await;
    let (doctor, _) = world.professional("jeanne@cabinet.example").await;
    let made = world.immediate(&doctor).await;
    let id = made["id"].as_str().unwrap();
    assert_eq!((&made["status"], &made["kind"]), (&json!("open"), &json!("immediate")));
    assert_eq!(made["phone"], PHONE);
    assert!(made["patient"].is_null());
    eventually("the room at control", || world.control.has_room(&world.room(id))).await;

    let lights = async || {
        let path = format!("/api/v1/consultations/{id}/invitations");
        world.get(&doctor, &path).await["items"][0].clone()
    };
    let secret = world.secret("+33612345678", "immediate-call").await;
    let mut sent = json!({});
    for _ in 0..500 {
        sent = lights().await;
        if sent["lights"]["delivered"] == true {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(sent["lights"], json!({ "sent": true, "delivered": true, "opened": false, "waiting": false }));
    assert_eq!((&sent["status"], &sent["destination"]), (&json!("delivered"), &json!(PHONE)));

    let (guest, body) = world.enter(&secret).await;
    assert_eq!((&body["next"], &body["callback_suggested"]), (&json!("consent"), &json!(PHONE)));
    assert_eq!(lights().await["lights"]["opened"], true);
    assert_eq!(world.agrees(&guest).await["next"], "wait");
    assert_eq!(world.did(&guest, "/p/v1/waiting", Value::Null).await["next"], "waiting");
    let now = lights().await;
    assert_eq!((&now["lights"]["waiting"], &now["status"]), (&json!(true), &json!("opened")));
    let list = world.get(&doctor, "/api/v1/consultations").await;
    assert_eq!((&list["items"][0]["waiting"], &list["items"][0]["phone"]), (&json!(1), &json!(PHONE)));
}

#[tokio::test]
async fn everything_that_needs_a_file_is_missing_until_the_call_gets_one() {
    let world = World::new().await;
    let (doctor, _) = world.professional("jeanne@cabinet.example").await;
    let (id, ..) = world.in_call(&doctor).await;
    let path = format!("/api/v1/consultations/{id}");
    let capabilities = async || {
        let list = world.get(&doctor, &path).await["capabilities"].clone();
        let names = list.as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned());
        names.collect::<Vec<_>>()
    };
    let without = capabilities().await;
    assert_eq!(without, ["call", "invite_more", "extend", "end", "upgrade_to_dossier"]);
    // The guard that the other parts begin with says why, for each of them.
    let (now, owner) = (world.clinic.clock().now(), world.record(&id).owner);
    let actor = crate::http::Actor::Account {
        id: owner,
        roles: vec![Role::Professional],
        works_for: Vec::new(),
        reauthenticated: true,
    };
    use crate::http::Action as A;
    let actions = [
        A::SendDocument,
        A::SendPrescription,
        A::ReadDocument,
        A::PlaceSignature,
        A::RequestPayment,
        A::FillForm,
        A::Validate,
        A::Export,
        A::ExportBillingSheet,
    ];
    let guard = |action| {
        crate::consultations::consultation_for(world.clinic.store(), now, &actor, &id, action)
            .map(|access| access.role)
            .map_err(|problem| problem.code)
    };
    for action in actions {
        assert_eq!(guard(action), Err(crate::http::Code::CapabilityNotAvailable), "{action:?}");
    }

    let upgrade = json!({ "patient": super::dossier()["patient"] });
    let with = world.did(&doctor, &format!("{path}/upgrade"), upgrade.clone()).await;
    assert_eq!((&with["kind"], &with["status"]), (&json!("dossier"), &json!("in_progress")));
    assert_eq!(with["patient"]["mobile"], "+33612345678");
    for name in ["send_document", "send_prescription", "form", "receive_document_from_patient"] {
        assert!(capabilities().await.iter().any(|one| one == name), "{name}");
    }
    for action in [A::SendDocument, A::SendPrescription, A::FillForm] {
        assert_eq!(guard(action), Ok(crate::http::authorize::Standing::Owner), "{action:?}");
    }
    let again = world.refused(&doctor, &format!("{path}/upgrade"), upgrade).await;
    assert_eq!(again, (403, "capability-not-available".into()));
}

#[tokio::test]
async fn a_number_that_no_message_reaches_is_refused_for_what_it_is_and_nothing_is_kept() {
    let world = World::new().await;
    let (doctor, _) = world.professional("jeanne@cabinet.example").await;
    let with = async |phone: &str| {
        let body = json!({ "kind": "immediate", "phone": phone });
        world.refused(&doctor, "/api/v1/consultations", body).await
    };
    assert_eq!(with("02 40 12 34 56").await, (422, "phone-not-mobile".into()));
    assert_eq!(with("+1 202 555 0100").await, (422, "phone-country-not-allowed".into()));
    assert_eq!(with("0612").await, (422, "validation-failed".into()));
    let mut body = super::dossier();
    body["kind"] = "immediate".into();
    assert_eq!(world.refused(&doctor, "/api/v1/consultations", body).await.0, 422);
    assert_eq!(world.get(&doctor, "/api/v1/consultations").await["items"], json!([]));
}

#[tokio::test]
async fn the_same_request_again_makes_no_second_call_and_sends_no_second_message() {
    let world = World::new().await;
    let (doctor, _) = world.professional("jeanne@cabinet.example").await;
    let request = |phone: &str| {
        let body = json!({ "kind": "immediate", "phone": phone });
        let mut request = world.request(&doctor, Method::POST, "/api/v1/consultations", &body);
        request.headers_mut().insert("idempotency-key", "7c".parse().unwrap());
        request
    };
    let (first, _) = world.send(request(PHONE)).await;
    let (second, _) = world.send(request(PHONE)).await;
    assert_eq!((first.status, second.status), (StatusCode::CREATED, StatusCode::CREATED));
    assert_eq!(first.body["id"], second.body["id"]);
    let (other, _) = world.send(request("06 98 76 54 32")).await;
    assert_eq!(other.body["code"], "idempotency-key-reuse");
    world.mail("+33612345678", "immediate-call").await;
    assert_eq!(world.templates("+33612345678"), ["immediate-call"]);
}

#[tokio::test]
async fn a_call_that_nobody_joins_expires_and_forgets_its_number_a_day_later() {
    let world = World::new().await;
    let (doctor, _) = world.professional("jeanne@cabinet.example").await;
    let made = world.immediate(&doctor).await;
    let id = made["id"].as_str().unwrap();
    let room = world.room(id);
    eventually("the room at control", || world.control.has_room(&room)).await;
    world.mail("+33612345678", "immediate-call").await;
    world.later(61);
    world.status(id, "expired").await;
    eventually("the end of the room", || !world.control.has_room(&room)).await;
    let contact = || world.clinic.store().get::<Contact>(id).unwrap();
    world.later(23 * 60 + 58);
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(contact().is_some());
    world.later(3);
    eventually("forgetting", || contact().is_none()).await;
    let of = |id| Query::new("consultation", IndexKey::new().text(id));
    let invitations = world.clinic.store().list::<Invitation>(&of(id)).unwrap().items;
    assert!(invitations.iter().all(|one| one.destination.is_empty() && one.recipient_name.is_none()));
    let seats = world.clinic.store().list::<Participant>(&of(id)).unwrap().items;
    assert!(seats.iter().all(|one| one.callback.is_none()));
    let messages = world.clinic.outbox().about(&invitations[0].id).unwrap();
    assert!(messages.iter().all(|one| one.destination.is_empty()));
    assert!(world.get(&doctor, &format!("/api/v1/consultations/{id}")).await["phone"].is_null());
}

#[tokio::test]
async fn a_wrong_number_is_corrected_and_whoever_got_the_first_link_is_shut_out() {
    let world = World::new().await;
    let (doctor, _) = world.professional("jeanne@cabinet.example").await;
    let made = world.immediate(&doctor).await;
    let id = made["id"].as_str().unwrap();
    let wrong = world.secret("+33612345678", "immediate-call").await;
    let invitation = made["invitations"][0]["id"].as_str().unwrap();
    let resend = format!("/api/v1/consultations/{id}/invitations/{invitation}/resend");
    world.did(&doctor, &resend, json!({ "phone": "06 98 76 54 32" })).await;
    let right = world.secret("+33698765432", "immediate-call").await;
    assert_eq!(world.try_link(&wrong).await, (404, "link-unknown".into()));
    world.enter(&right).await;

    // Sent again to the same number, the earlier link stays good; three times in all.
    world.did(&doctor, &resend, json!({})).await;
    world.did(&doctor, &resend, json!({})).await;
    assert_eq!(world.refused(&doctor, &resend, json!({})).await.0, 429);
    assert_eq!(world.look(&right).await["state"], "open");
}
