use super::*;
use crate::audit;

/// A link to an appointment tomorrow at 14:30 in Paris, 20 minutes, by short message.
async fn link(world: &World) -> (Browser, Value, String) {
    let (doctor, _) = world.professional("jeanne@cabinet.example").await;
    let made = world.dossier(&doctor, |_| ()).await;
    let secret = world.secret("+33612345678", "invitation").await;
    let id = made["invitations"][0]["id"].as_str().unwrap();
    let sent = || world.clinic.outbox().about(id).unwrap();
    eventually("the message's end", || sent().iter().all(|one| one.status.is_final())).await;
    (doctor, made, secret)
}

/// Moves the clock to so many minutes after half past two.
fn at(world: &World, minutes: i64) {
    let start: jiff::Timestamp = "2026-12-04T13:30:00Z".parse().unwrap();
    world.clinic.clock().set(start + SignedDuration::from_mins(minutes));
}

#[tokio::test]
async fn a_link_works_in_the_window_of_its_slot_and_at_no_other_time() {
    let world = World::new().await;
    let (_, made, secret) = link(&world).await;
    assert_eq!(made["window"]["opens_at"], "2026-12-04T13:20:00Z");
    for (minute, state, entry) in [
        (-600, "too_early", (403, "link-too-early")),
        (-11, "too_early", (403, "link-too-early")),
        (-9, "open", (200, "")),
        (34, "open", (409, "link-in-use")),
        (36, "over", (410, "link-expired")),
    ] {
        at(&world, minute);
        let look = world.look(&secret).await;
        assert_eq!(look["state"], state, "{minute}");
        assert_eq!((&look["moved"], &look["professional"]), (&json!(false), &json!("Dr Jeanne Martin")));
        let (status, code) = world.try_link(&secret).await;
        assert_eq!((status, code.as_str()), entry, "{minute}");
        if entry.0 == 403 {
            let body = json!({ "secret": secret });
            let answer = world.post(&Browser::default(), "/p/v1/links/session", body).await;
            assert_eq!(answer.body["opens_at"], "2026-12-04T13:20:00Z");
        }
    }
}

#[tokio::test]
async fn looking_at_a_link_changes_nothing() {
    let world = World::new().await;
    let (doctor, made, secret) = link(&world).await;
    at(&world, -5);
    world.status(made["id"].as_str().unwrap(), "open").await;
    let events = || audit::read(world.clinic.store(), 0, 1000).unwrap().len();
    let (before, path) = (events(), format!("/api/v1/consultations/{}", made["id"].as_str().unwrap()));
    let seen = world.get(&doctor, &path).await;
    for _ in 0..5 {
        world.look(&secret).await;
    }
    assert_eq!(events(), before);
    assert_eq!(world.get(&doctor, &path).await, seen);
}

#[tokio::test]
async fn an_unknown_link_gets_no_hint_and_somebody_who_tries_many_waits() {
    let world = World::new().await;
    link(&world).await;
    for secret in ["", "x", "AAAAAAAAAAAAAAAAAAAAAA", &"A".repeat(1000)] {
        assert_eq!(world.try_link(secret).await, (404, "link-unknown".into()));
    }
    let mut last = 0;
    for n in 0..40 {
        last = world.try_link(&format!("guess{n}")).await.0;
    }
    assert_eq!(last, 429);
    let events = audit::read(world.clinic.store(), 0, 1000).unwrap();
    let told = events.iter().filter(|one| one.event.action.as_str() == "security.secret_bruteforce").count();
    assert_eq!(told, 1);
}

#[tokio::test]
async fn a_moved_appointment_keeps_its_link_and_tells_the_new_hour() {
    let world = World::new().await;
    let (doctor, made, secret) = link(&world).await;
    let path = format!("/api/v1/consultations/{}", made["id"].as_str().unwrap());
    let slot = json!({ "slot": { "start": "2026-12-05T09:00" } });
    let moved = world.call(&doctor, Method::PATCH, &path, slot).await;
    assert_eq!((moved.status, &moved.body["sequence"]), (StatusCode::OK, &json!(1)));
    let look = world.look(&secret).await;
    assert_eq!((&look["state"], &look["moved"]), (&json!("too_early"), &json!(true)));
    assert_eq!(look["starts_at"], "2026-12-05T08:00:00Z");
    let mail = world.mail("+33612345678", "moved").await;
    assert_eq!(mail.data["appointment"]["sequence"], 1);
    let newer = world.secret("+33612345678", "moved").await;
    assert_ne!(newer, secret);
    // At the old hour neither opens, at the new one both do.
    at(&world, 0);
    assert_eq!(world.try_link(&secret).await.0, 403);
    world.clinic.clock().set("2026-12-05T08:00:00Z".parse().unwrap());
    let (_, first) = world.enter(&secret).await;
    assert_eq!(world.look(&newer).await["state"], "open");
    assert_eq!(first["starts_at"], "2026-12-05T08:00:00Z");
}

#[tokio::test]
async fn a_cancellation_is_told_though_the_clock_runs_on_while_it_is_done() {
    let world = World::by(Clock::creeping(afternoon()), |_| ()).await;
    let (doctor, made, _) = link(&world).await;
    let path = format!("/api/v1/consultations/{}", made["id"].as_str().unwrap());
    world.did(&doctor, &format!("{path}/cancel"), json!({})).await;
    world.mail("+33612345678", "cancelled").await;
}

#[tokio::test]
async fn a_cancelled_appointment_and_a_revoked_link_are_dead_at_once() {
    let world = World::new().await;
    let (doctor, made, secret) = link(&world).await;
    let path = format!("/api/v1/consultations/{}", made["id"].as_str().unwrap());
    at(&world, -5);
    let (guest, _) = world.enter(&secret).await;
    let cancelled = world.did(&doctor, &format!("{path}/cancel"), json!({ "reason": "malade" })).await;
    assert_eq!((&cancelled["status"], &cancelled["cancel_reason"]), (&json!("cancelled"), &json!("malade")));
    assert_eq!(world.look(&secret).await["state"], "cancelled");
    assert_eq!(world.try_link(&secret).await, (410, "link-revoked".into()));
    assert_eq!(world.call(&guest, Method::GET, "/p/v1/session", Value::Null).await.status.as_u16(), 401);
    let mail = world.mail("+33612345678", "cancelled").await;
    assert_eq!(mail.data["appointment"]["sequence"], 1);
    assert!(!mail.data.to_string().contains("malade"), "the reason is nobody else's");

    world.mailbox.0.lock().unwrap().clear();
    let made = world.dossier(&doctor, |body| body["slot"]["start"] = "2026-12-04T15:00".into()).await;
    let id = made["id"].as_str().unwrap();
    let secret = world.secret("+33612345678", "invitation").await;
    world.clinic.clock().set("2026-12-04T14:00:00Z".parse().unwrap());
    let (guest, _) = world.waits(&secret).await;
    let invitation = made["invitations"][0]["id"].as_str().unwrap();
    let dead = format!("/api/v1/consultations/{id}/invitations/{invitation}");
    let gone = world.call(&doctor, Method::DELETE, &dead, Value::Null).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    assert_eq!(world.look(&secret).await["state"], "revoked");
    assert_eq!(world.try_link(&secret).await, (410, "link-revoked".into()));
    assert_eq!(world.refused(&guest, "/p/v1/waiting", Value::Null).await.0, 401);
}

#[tokio::test]
async fn after_the_call_the_link_leads_to_documents_for_a_day_and_never_to_the_room() {
    let world = World::new().await;
    let (doctor, _) = world.professional("jeanne@cabinet.example").await;
    let (id, _, guest, _) = world.in_call(&doctor).await;
    let path = format!("/api/v1/consultations/{id}");
    let secret = world.secret("+33612345678", "immediate-call").await;
    world.did(&doctor, &format!("{path}/upgrade"), json!({ "patient": dossier()["patient"] })).await;
    world.did(&doctor, &format!("{path}/end"), json!({})).await;
    assert_eq!(world.get(&guest, "/p/v1/session").await["guest"]["next"], "documents");
    assert_eq!(world.refused(&guest, "/p/v1/media-token", Value::Null).await.0, 403);
    world.later(23 * 60);
    assert_eq!(world.look(&secret).await["state"], "documents");
    let (again, body) = world.enter(&secret).await;
    assert_eq!(body["next"], "documents");
    assert_eq!(world.refused(&again, "/p/v1/media-token", Value::Null).await.0, 403);
    world.later(62);
    assert_eq!(world.look(&secret).await["state"], "over");
    assert_eq!(world.try_link(&secret).await, (410, "link-expired".into()));
}

#[tokio::test]
async fn whoever_comes_by_the_link_after_the_call_answers_the_identity_question_before_reading_anything() {
    let call = documents::Call::asking("first_letters").await;
    let (world, guest) = (&call.world, &call.guest);
    let plain = crate::documents::pdf::tests::pdf("", b"");
    let document = call.uploaded(&call.doctor, &plain, |_| ()).await;
    let path = call.path.trim_end_matches("/documents");
    world.did(&call.doctor, &format!("{path}/end"), json!({})).await;
    // Whom the professional let in reads on.
    assert_eq!(world.get(guest, "/p/v1/session").await["guest"]["next"], "documents");
    assert_eq!(call.seen(guest).await, std::slice::from_ref(&document));

    world.did(guest, "/p/v1/leave", Value::Null).await;
    let (somebody, body) = world.enter(&world.secret("+33612345678", "invitation").await).await;
    assert_eq!(body["next"], "identity");
    let content = format!("/p/v1/documents/{document}/content");
    assert_eq!(world.get(&somebody, "/p/v1/documents").await, json!([]));
    let refused = world.call(&somebody, Method::GET, &content, Value::Null).await;
    assert_eq!(refused.status, StatusCode::NOT_FOUND);
    let wrong = world.refused(&somebody, "/p/v1/identity", json!({ "answer": "XYZ" })).await;
    assert_eq!(wrong, (401, "identity-check-required".into()));
    assert_eq!(world.did(&somebody, "/p/v1/identity", json!({ "answer": "mar" })).await["next"], "documents");
    let read = world.call(&somebody, Method::GET, &content, Value::Null).await;
    assert_eq!(read.status, StatusCode::OK);
}

#[tokio::test]
async fn a_second_device_takes_over_by_saying_so_and_waits_to_be_let_in_again() {
    let world = World::new().await;
    let (doctor, _) = world.professional("jeanne@cabinet.example").await;
    let (id, _, first, patient) = world.in_call(&doctor).await;
    let secret = world.secret("+33612345678", "immediate-call").await;
    assert_eq!(world.try_link(&secret).await, (409, "link-in-use".into()));

    let body = json!({ "secret": secret, "take_over": true, "device": "tablet" });
    let request = world.request(&Browser::default(), Method::POST, "/p/v1/links/session", &body);
    let (answer, cookie) = world.send(request).await;
    assert_eq!((answer.status, &answer.body["guest"]["next"]), (StatusCode::OK, &json!("wait")));
    let csrf = answer.body["csrf_token"].as_str().map(str::to_owned);
    let second = Browser { cookie, csrf, bearer: None };
    assert_eq!(world.call(&first, Method::GET, "/p/v1/session", Value::Null).await.status.as_u16(), 401);
    assert_eq!(world.refused(&second, "/p/v1/media-token", Value::Null).await, (403, "forbidden".into()));

    // Agreed already; the professional lets in whoever this is.
    let waiting = world.did(&second, "/p/v1/waiting", Value::Null).await;
    assert_eq!((&waiting["next"], &waiting["consent"]), (&json!("waiting"), &json!("accepted")));
    world.did(&doctor, &format!("/api/v1/consultations/{id}/participants/{patient}/admit"), json!({})).await;
    let token = world.did(&second, "/p/v1/media-token", Value::Null).await;
    assert_eq!(token["identity"], patient.as_str());
}

#[tokio::test]
async fn a_link_can_be_copied_or_shown_and_leads_to_the_same_place() {
    let world = World::new().await;
    let (doctor, _) = world.professional("jeanne@cabinet.example").await;
    let made = world.immediate(&doctor).await;
    let (id, invitation) = (made["id"].as_str().unwrap(), made["invitations"][0]["id"].as_str().unwrap());
    let path = format!("/api/v1/consultations/{id}/invitations/{invitation}/link");
    let shown = world.did(&doctor, &path, Value::Null).await;
    assert!(shown["qr_svg"].as_str().unwrap().starts_with("<svg"));
    let copied = shown["url"].as_str().unwrap().split_once("/c#").unwrap().1.to_owned();
    let sent = world.secret("+33612345678", "immediate-call").await;
    assert_ne!(copied, sent);
    let (_, by_copy) = world.enter(&copied).await;
    assert_eq!(world.try_link(&sent).await, (409, "link-in-use".into()));
    assert_eq!(by_copy["participant_id"], made["invitations"][0]["participant_id"]);
}

#[tokio::test]
async fn a_secret_is_kept_as_a_hash_only() {
    let world = World::new().await;
    let (doctor, _) = world.professional("jeanne@cabinet.example").await;
    let made = world.immediate(&doctor).await;
    let secret = world.secret("+33612345678", "immediate-call").await;
    let id = made["invitations"][0]["id"].as_str().unwrap();
    let sent = || world.clinic.outbox().about(id).unwrap();
    eventually("the message's end", || sent().iter().all(|one| one.status.is_final())).await;
    let invitation = world.clinic.store().get::<crate::model::Invitation>(id).unwrap().unwrap().value;
    let kept = serde_json::to_string(&(invitation, sent())).unwrap();
    assert!(!kept.contains(&secret));
}

#[tokio::test]
async fn the_identity_question_closes_after_five_wrong_answers_and_the_professional_can_do_without() {
    let world = World::new().await;
    let (doctor, _) = world.professional("jeanne@cabinet.example").await;
    let told = async |world: &World, id: &str| {
        let seen = world.get(&doctor, &format!("/api/v1/consultations/{id}")).await;
        let seats = seen["participants"].as_array().unwrap();
        seats.iter().find(|one| one["role"] == "patient").unwrap()["identity_passed"].clone()
    };
    for (check, wrong, right) in
        [("first_letters", "DUP", "mar"), ("birth_date", "1941-03-03", "1941-03-02"), ("code", "000000", "")]
    {
        let made = world
            .dossier(&doctor, |body| {
                body["slot"] = Value::Null;
                body["now"] = true.into();
                body["identity_check"] = check.into();
            })
            .await;
        let id = made["id"].as_str().unwrap();
        let secret = world.secret("+33612345678", "invitation").await;
        let (guest, body) = world.enter(&secret).await;
        assert_eq!(body["next"], "identity", "{check}");
        world.agrees(&guest).await;
        let refused = world.refused(&guest, "/p/v1/waiting", Value::Null).await;
        assert_eq!(refused, (401, "identity-check-required".into()));
        let answer = async |text: &str| world.post(&guest, "/p/v1/identity", json!({ "answer": text })).await;
        for _ in 0..4 {
            assert_eq!(answer(wrong).await.body["code"], "identity-check-required");
        }
        assert_eq!(answer(wrong).await.status.as_u16(), 423);
        let code = made["invitations"][0]["code"].as_str();
        let right = code.unwrap_or(right);
        assert_eq!(answer(right).await.status.as_u16(), 423, "{check}");
        if check == "birth_date" {
            // Let in without an answer.
            let (doctor_seat, patient) = world.seats(&made);
            world.told(id, "participant_joined", &doctor_seat, "PA_1").await;
            let path = format!("/api/v1/consultations/{id}/participants/{patient}/admit");
            world.did(&doctor, &path, json!({})).await;
            assert_eq!(world.get(&guest, "/p/v1/session").await["guest"]["next"], "join");
        } else {
            world.later(16);
            let passed = answer(right).await;
            assert_eq!((passed.status, &passed.body["next"]), (StatusCode::OK, &json!("wait")), "{check}");
        }
        assert_eq!(told(&world, id).await, json!(check != "birth_date"), "{check}");
        // Out of the way of the next round's message.
        world.mailbox.0.lock().unwrap().clear();
    }
    // Where nobody asks, nothing is told: a "no" would look like a failure.
    let made = world.dossier(&doctor, |body| body["identity_check"] = "none".into()).await;
    assert_eq!(told(&world, made["id"].as_str().unwrap()).await, Value::Null);
    let made = world.immediate(&doctor).await;
    assert_eq!(told(&world, made["id"].as_str().unwrap()).await, Value::Null);
}
