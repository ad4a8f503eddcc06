use super::*;
use crate::ids::ConsultationId;
use crate::model::{Incident, IncidentKind};
use crate::store::{IndexKey, Query};

fn incidents(world: &World, id: &str) -> Vec<(IncidentKind, Option<u32>)> {
    let query = Query::new("consultation", IndexKey::new().text(id));
    let all = world.clinic.store().list::<Incident>(&query).unwrap().items;
    all.into_iter().map(|one| (one.kind, one.duration_s)).collect()
}

#[tokio::test]
async fn nobody_is_let_in_before_the_professional_is_there_and_nobody_joins_before_being_let_in() {
    let world = World::new().await;
    let (doctor, _) = world.professional("jeanne@cabinet.example").await;
    let made = world.immediate(&doctor).await;
    let id = made["id"].as_str().unwrap();
    let (owner, patient) = world.seats(&made);
    let secret = world.secret("+33612345678", "immediate-call").await;
    let (guest, _) = world.enter(&secret).await;
    assert_eq!(world.refused(&guest, "/p/v1/waiting", Value::Null).await, (403, "consent-required".into()));
    world.agrees(&guest).await;
    world.did(&guest, "/p/v1/waiting", Value::Null).await;
    assert_eq!(world.refused(&guest, "/p/v1/media-token", Value::Null).await, (403, "forbidden".into()));
    let admit = format!("/api/v1/consultations/{id}/participants/{patient}/admit");
    let early = world.post(&doctor, &admit, json!({})).await;
    assert_eq!(
        (early.status.as_u16(), &early.body["errors"][0]["code"]),
        (409, &json!("professional-absent"))
    );

    // An event was lost: control is asked before that is held against the professional.
    let person = json!({ "identity": owner, "sid": "PA_o", "tracks": [] });
    world.control.people.lock().unwrap().insert(world.room(id), vec![person]);
    world.did(&doctor, &admit, json!({})).await;
    assert_eq!(world.record(id).status.as_str(), "in_progress");
    assert!(world.record(id).professional_came);

    let token = world.did(&guest, "/p/v1/media-token", Value::Null).await;
    assert_eq!(token["identity"], patient.as_str());
    let own = world.did(&doctor, &format!("/api/v1/consultations/{id}/media-token"), Value::Null).await;
    assert_eq!(own["identity"], owner.as_str());
    // What control got are ids, roles and times.
    let bodies = world.control.bodies.lock().unwrap().join("\n");
    for secret in ["Jeanne", "Martin", "0612345678", "33612345678", "cabinet", &secret] {
        assert!(!bodies.contains(secret), "{secret} went to control");
    }
    assert!(bodies.contains("\"ttl_s\":120"), "{bodies}");
}

#[tokio::test]
async fn seconds_are_counted_as_video_only_while_both_sides_show_themselves() {
    let world = World::new().await;
    let (doctor, _) = world.professional("jeanne@cabinet.example").await;
    let (id, owner, _, patient) = world.in_call(&doctor).await;
    world.seconds_later(30);
    world.told(&id, "track_published", &owner, "PA_d1").await;
    world.told(&id, "track_published", &patient, "PA_p1").await;
    world.seconds_later(45);
    // A timer writes down what a crash must not lose.
    world.seconds_later(60);
    eventually("the count", || world.record(&id).video_seconds >= 45).await;
    world.told(&id, "track_unpublished", &patient, "PA_p1").await;
    world.seconds_later(20);
    world.told(&id, "track_published", &patient, "PA_p1").await;
    world.seconds_later(10);
    let path = format!("/api/v1/consultations/{id}");
    let ended = world.did(&doctor, &format!("{path}/end"), json!({})).await;
    assert_eq!((&ended["video_seconds"], &ended["audio_only_seconds"]), (&json!(115), &json!(50)));
    assert_eq!((&ended["status"], &ended["end_reason"]), (&json!("ended"), &json!("professional")));
    let room = world.room(&id);
    eventually("the end of the room", || !world.control.has_room(&room)).await;
    assert!(incidents(&world, &id).contains(&(IncidentKind::AudioOnlySwitch, Some(20))));
}

#[tokio::test]
async fn a_picture_that_a_line_does_not_carry_is_an_incident_until_it_is_back_or_whoever_missed_it_is_gone() {
    let world = World::new().await;
    let (doctor, _) = world.professional("jeanne@cabinet.example").await;
    let (id, _, _, patient) = world.in_call(&doctor).await;
    let kind = IncidentKind::VideoSuspendedBandwidth;
    let path = format!("/api/v1/consultations/{id}");
    let shown = async || {
        let seen = world.get(&doctor, &path).await;
        let seats = seen["participants"].as_array().unwrap();
        seats.iter().find(|one| one["id"] == patient.as_str()).unwrap()["picture_suspended"].clone()
    };
    // Of another connection: it means nothing.
    world.told(&id, "track_suspended", &patient, "PA_old").await;
    assert_eq!(incidents(&world, &id), []);
    for _ in 0..2 {
        world.told(&id, "track_suspended", &patient, "PA_p1").await;
    }
    assert_eq!(incidents(&world, &id), [(kind, None)]);
    assert_eq!(shown().await, json!(true));
    world.seconds_later(12);
    for _ in 0..2 {
        world.told(&id, "track_resumed", &patient, "PA_p1").await;
        world.seconds_later(3);
    }
    assert_eq!(incidents(&world, &id), [(kind, Some(12))]);
    assert_eq!(shown().await, json!(false));
    world.told(&id, "track_suspended", &patient, "PA_p1").await;
    world.seconds_later(5);
    world.told(&id, "participant_left", &patient, "PA_p1").await;
    world.told(&id, "participant_joined", &patient, "PA_p2").await;
    assert_eq!(incidents(&world, &id), [(kind, Some(12)), (kind, Some(5))]);
    world.told(&id, "track_suspended", &patient, "PA_p2").await;
    world.seconds_later(7);
    world.did(&doctor, &format!("/api/v1/consultations/{id}/end"), json!({})).await;
    assert_eq!(incidents(&world, &id)[2], (kind, Some(7)));
    // The call is over.
    world.told(&id, "track_suspended", &patient, "PA_p2").await;
    assert_eq!(incidents(&world, &id).len(), 3);
}

#[tokio::test]
async fn who_is_lost_for_half_a_minute_interrupts_the_call_and_it_goes_on_when_both_are_back() {
    let world = World::new().await;
    let (doctor, _) = world.professional("jeanne@cabinet.example").await;
    let (id, _, guest, patient) = world.in_call(&doctor).await;
    world.seconds_later(60);
    world.told(&id, "participant_left", &patient, "PA_p1").await;
    world.seconds_later(29);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(world.record(&id).status.as_str(), "in_progress");
    world.seconds_later(2);
    world.status(&id, "interrupted").await;
    assert_eq!(incidents(&world, &id), [(IncidentKind::PatientDisconnected, None)]);
    // The same device comes back without being let in again.
    world.did(&guest, "/p/v1/media-token", Value::Null).await;
    world.seconds_later(9);
    world.told(&id, "participant_joined", &patient, "PA_p2").await;
    world.status(&id, "in_progress").await;
    assert_eq!(incidents(&world, &id), [(IncidentKind::PatientDisconnected, Some(40))]);
    // The late end of the connection before means nothing.
    world.told(&id, "participant_left", &patient, "PA_p1").await;
    assert!(world.record(&id).lost_since.is_none());
}

#[tokio::test]
async fn a_call_that_stays_interrupted_ends_by_itself_after_a_quarter_of_an_hour() {
    let world = World::new().await;
    let (doctor, _) = world.professional("jeanne@cabinet.example").await;
    let (id, owner, ..) = world.in_call(&doctor).await;
    world.told(&id, "participant_left", &owner, "PA_d1").await;
    world.seconds_later(31);
    world.status(&id, "interrupted").await;
    world.later(14);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(world.record(&id).status.as_str(), "interrupted");
    world.later(2);
    world.status(&id, "ended").await;
    let record = world.record(&id);
    assert_eq!(record.end_reason, Some(crate::model::EndReason::Timeout));
    assert_eq!(incidents(&world, &id)[0].0, IncidentKind::ProfessionalDisconnected);
    assert!(incidents(&world, &id)[0].1.is_some());
}

#[tokio::test]
async fn whoever_is_let_in_and_never_comes_does_not_hold_the_call_open_for_ever() {
    let world = World::new().await;
    let (doctor, _) = world.professional("jeanne@cabinet.example").await;
    let made = world.immediate(&doctor).await;
    let id = made["id"].as_str().unwrap();
    let (owner, patient) = world.seats(&made);
    world.told(id, "participant_joined", &owner, "PA_o").await;
    let secret = world.secret("+33612345678", "immediate-call").await;
    world.waits(&secret).await;
    world.did(&doctor, &format!("/api/v1/consultations/{id}/participants/{patient}/admit"), json!({})).await;
    world.seconds_later(60);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(world.record(id).status.as_str(), "in_progress", "still answering the browser's questions");
    world.seconds_later(61);
    world.status(id, "interrupted").await;
    world.later(16);
    world.status(id, "ended").await;
}

#[tokio::test]
async fn the_professional_sends_back_refuses_removes_and_locks() {
    let world = World::new().await;
    let (doctor, _) = world.professional("jeanne@cabinet.example").await;
    let (id, _, guest, patient) = world.in_call(&doctor).await;
    let seat = format!("/api/v1/consultations/{id}/participants/{patient}");
    let next = async || world.get(&guest, "/p/v1/session").await["guest"]["next"].clone();
    let here = json!({ "identity": patient, "sid": "PA_p1", "tracks": [] });
    world.control.people.lock().unwrap().insert(world.room(&id), vec![here]);

    world.did(&doctor, &format!("{seat}/send-back"), Value::Null).await;
    assert_eq!(next().await, "waiting");
    assert_eq!(world.refused(&guest, "/p/v1/media-token", Value::Null).await.0, 403);
    eventually("control to send away", || world.control.removed.lock().unwrap().contains(&patient)).await;
    world.did(&doctor, &format!("{seat}/deny"), Value::Null).await;
    assert_eq!(next().await, "denied");
    assert_eq!(world.refused(&guest, "/p/v1/waiting", Value::Null).await.0, 403);
    // A slip of the finger can be undone.
    world.did(&doctor, &format!("{seat}/admit"), json!({})).await;
    assert_eq!(next().await, "join");
    world.did(&doctor, &format!("{seat}/remove"), Value::Null).await;
    assert_eq!(world.refused(&guest, "/p/v1/waiting", Value::Null).await.0, 401);
    let secret = world.secret("+33612345678", "immediate-call").await;
    assert_eq!(world.try_link(&secret).await, (410, "link-revoked".into()));
    assert_eq!(world.look(&secret).await["state"], "revoked", "no door is shown that does not open");
    assert_eq!(world.refused(&doctor, &format!("{seat}/admit"), json!({})).await.0, 409);

    let made = world.immediate(&doctor).await;
    let path = format!("/api/v1/consultations/{}", made["id"].as_str().unwrap());
    let lock = world.call(&doctor, Method::PUT, &format!("{path}/lock"), json!({ "locked": true })).await;
    assert_eq!(lock.status, StatusCode::NO_CONTENT);
    let link = format!("{path}/invitations/{}/link", made["invitations"][0]["id"].as_str().unwrap());
    let url = world.did(&doctor, &link, Value::Null).await["url"].as_str().unwrap().to_owned();
    let (guest, _) = world.enter(url.split_once('#').unwrap().1).await;
    world.agrees(&guest).await;
    assert_eq!(world.refused(&guest, "/p/v1/waiting", Value::Null).await, (403, "room-locked".into()));
}

#[tokio::test]
async fn a_guest_who_leaves_waits_again_by_the_same_link_and_need_not_agree_again() {
    let world = World::new().await;
    let (doctor, _) = world.professional("jeanne@cabinet.example").await;
    let (id, _, guest, patient) = world.in_call(&doctor).await;
    let place = json!({ "place": "Nantes, 3 rue des Lilas", "callback": PHONE });
    world.did(&guest, "/p/v1/location", place).await;
    let left = world.post(&guest, "/p/v1/leave", Value::Null).await;
    assert_eq!(left.status, StatusCode::NO_CONTENT);
    let secret = world.secret("+33612345678", "immediate-call").await;
    let (again, body) = world.enter(&secret).await;
    assert_eq!(body["next"], "wait");
    assert_eq!(world.did(&again, "/p/v1/waiting", Value::Null).await["next"], "waiting");
    let seats = world.get(&doctor, &format!("/api/v1/consultations/{id}/participants")).await;
    let seat = seats["items"].as_array().unwrap().iter().find(|one| one["id"] == patient.as_str()).unwrap();
    assert_eq!((&seat["place"], &seat["callback"]), (&json!("Nantes, 3 rue des Lilas"), &json!(PHONE)));
}

#[tokio::test]
async fn a_device_check_gives_a_verdict_and_its_refusals_are_incidents_once() {
    let world = World::new().await;
    let (doctor, _) = world.professional("jeanne@cabinet.example").await;
    let (id, _, guest, patient) = world.in_call(&doctor).await;
    let mut report = json!({ "browser": "Safari 17", "os": "iOS 17", "camera": "denied", "microphone": "ok",
        "websocket": true, "udp": false, "tcp": true, "rtt_ms": 80, "up_kbps": 900, "down_kbps": 2000 });
    world.did(&guest, "/p/v1/device-check", report.clone()).await;
    world.did(&guest, "/p/v1/device-check", report.clone()).await;
    let verdict = async || {
        let seats = world.get(&doctor, &format!("/api/v1/consultations/{id}/participants")).await;
        let seats = seats["items"].as_array().unwrap().clone();
        seats.into_iter().find(|one| one["id"] == patient.as_str()).unwrap()["device_verdict"].clone()
    };
    assert_eq!(verdict().await, "orange");
    let kinds: Vec<IncidentKind> = incidents(&world, &id).into_iter().map(|one| one.0).collect();
    assert_eq!(kinds.len(), 2);
    assert!(kinds.contains(&IncidentKind::CameraDenied) && kinds.contains(&IncidentKind::TurnTcpFallback));
    world.seconds_later(1);
    report["microphone"] = "denied".into();
    world.did(&guest, "/p/v1/device-check", report.clone()).await;
    assert_eq!(verdict().await, "red");
    report["camera"] = "broken".into();
    assert_eq!(world.refused(&guest, "/p/v1/device-check", report).await.0, 422);
}

#[tokio::test]
async fn without_control_nobody_gets_a_token_and_the_room_is_made_once_it_is_back() {
    let world = World::new().await;
    let (doctor, _) = world.professional("jeanne@cabinet.example").await;
    *world.control.down.lock().unwrap() = true;
    let made = world.immediate(&doctor).await;
    let id = made["id"].as_str().unwrap();
    let token = format!("/api/v1/consultations/{id}/media-token");
    assert_eq!(world.refused(&doctor, &token, Value::Null).await, (503, "provider-unavailable".into()));
    *world.control.down.lock().unwrap() = false;
    world.seconds_later(3);
    eventually("the room", || world.control.has_room(&world.room(id))).await;
    world.did(&doctor, &token, Value::Null).await;
}

#[tokio::test]
async fn an_event_that_control_did_not_sign_changes_nothing() {
    let world = World::new().await;
    let (doctor, _) = world.professional("jeanne@cabinet.example").await;
    let made = world.immediate(&doctor).await;
    let (owner, patient) = world.seats(&made);
    let id = made["id"].as_str().unwrap();
    let body = json!({ "event": "participant_joined", "room": { "name": world.room(id) },
        "participant": { "identity": owner, "sid": "PA_1" } });
    let answer = world.post(&Browser::default(), "/api/v1/control-events", body).await;
    assert_eq!((answer.status.as_u16(), &answer.body["code"]), (401, &json!("unauthenticated")));
    assert!(!world.record(id).professional_came);
    // Signed, about a room, a person or a connection that is not known: taken, and nothing more.
    let strange = json!({ "event": "participant_joined", "room": { "name": "r-other" },
        "participant": { "identity": owner, "sid": "PA_1" } });
    assert_eq!(world.control.tell(&world.clinic, &strange).await.0, StatusCode::NO_CONTENT);
    // Who was not let in and is there all the same is sent away.
    let here = json!({ "identity": patient, "sid": "PA_x", "tracks": [] });
    world.control.people.lock().unwrap().insert(world.room(id), vec![here]);
    world.told(id, "participant_joined", &patient, "PA_x").await;
    eventually("control to send away", || world.control.removed.lock().unwrap().contains(&patient)).await;
}

#[tokio::test]
async fn a_call_is_extended_to_four_hours_and_no_further() {
    let world = World::new().await;
    let (doctor, _) = world.professional("jeanne@cabinet.example").await;
    let made = world.immediate(&doctor).await;
    let path = format!("/api/v1/consultations/{}", made["id"].as_str().unwrap());
    for _ in 0..3 {
        world.did(&doctor, &format!("{path}/extend"), json!({ "minutes": 60 })).await;
    }
    let refused = world.post(&doctor, &format!("{path}/extend"), json!({})).await;
    assert_eq!((refused.status.as_u16(), &refused.body["errors"][0]["code"]), (409, &json!("hard-cap")));
    assert!(refused.body["allowed_transitions"].as_array().unwrap().contains(&json!("cancel")));
}

/// The data of the next event of a stream.
async fn next(
    stream: &mut (impl futures_util::Stream<Item = Result<axum::body::Bytes, axum::Error>> + Unpin),
) -> String {
    use futures_util::StreamExt;
    let chunk = tokio::time::timeout(Duration::from_secs(10), stream.next()).await;
    String::from_utf8(chunk.expect("an event in time").expect("no end").unwrap().to_vec()).unwrap()
}

#[tokio::test]
async fn pages_are_told_at_once_who_waits_and_guests_when_they_are_let_in() {
    let world = World::new().await;
    let (doctor, _) = world.professional("jeanne@cabinet.example").await;
    let made = world.immediate(&doctor).await;
    let id = made["id"].as_str().unwrap();
    let (owner, patient) = world.seats(&made);
    let open = async |who: &Browser, path: &str| {
        let request = world.request(who, Method::GET, path, &Value::Null);
        let response = world.clinic.router().oneshot(request).await.unwrap();
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Box::pin(response.into_body().into_data_stream())
    };
    let secret = world.secret("+33612345678", "immediate-call").await;
    let mut hints = open(&doctor, "/api/v1/consultations/events").await;
    assert!(next(&mut hints).await.contains("\"what\":null"));
    let (guest, _) = world.waits(&secret).await;
    let mut seen = String::new();
    while !seen.contains("\"participants\"") {
        seen = next(&mut hints).await;
    }
    assert!(seen.contains(id) && seen.contains(&patient) && !seen.contains("Martin"));

    let mut own = open(&guest, "/p/v1/events").await;
    assert!(next(&mut own).await.contains("\"next\":\"waiting\""));
    let seats = world.get(&doctor, &format!("/api/v1/consultations/{id}/participants")).await;
    let here = seats["items"].as_array().unwrap().iter().find(|one| one["id"] == patient.as_str()).unwrap();
    assert_eq!(here["here"], true, "the page is open");
    world.told(id, "participant_joined", &owner, "PA_o").await;
    world.did(&doctor, &format!("/api/v1/consultations/{id}/participants/{patient}/admit"), json!({})).await;
    let mut state = String::new();
    while !state.contains("\"next\":\"join\"") {
        state = next(&mut own).await;
    }
    // Another device.
    let body = json!({ "secret": secret, "take_over": true });
    world.did(&Browser::default(), "/p/v1/links/session", body).await;
    let mut last = String::new();
    while !last.contains("event: taken_over") {
        last = next(&mut own).await;
    }
    use futures_util::StreamExt;
    assert!(own.next().await.is_none());
    assert!(id.parse::<ConsultationId>().is_ok());
}
