use http::Request;
use serde_json::json;

use super::*;
use crate::audit;
use crate::model::{Settings, Status};

const PATH: &str = "/api/v1/admin/settings";

async fn patch(world: &World, admin: &Browser, body: Value) -> Answer {
    call(world, admin, Method::PATCH, PATH, body).await
}

#[tokio::test]
async fn an_administrator_sees_the_defaults_of_the_table_and_changes_them() {
    let world = World::new().await;
    let (admin, _) = administrator(&world).await;
    let before = call(&world, &admin, Method::GET, PATH, Value::Null).await;
    assert_eq!((before.status, before.etag.as_str()), (StatusCode::OK, "\"v0\""));
    let rows = before.body["retention"].as_array().unwrap();
    assert_eq!(rows.len(), 13);
    let dossier = rows.iter().find(|row| row["kept"] == "dossier").unwrap();
    assert_eq!(
        *dossier,
        json!({ "kept": "dossier", "hours": 720, "default_h": 720, "min_h": 24, "max_h": 8760, "settable": true })
    );
    assert_eq!(before.body["defaults"]["early_minutes"], 10);
    assert_eq!(before.body["contact"], json!({ "phone": null, "email": null, "hours": null }));

    let wanted = json!({
        "retention": { "dossier": 240, "post_access": 0 },
        "contact": { "phone": " 02 40 00 00 00 ", "email": "aide@cabinet.example", "hours": "9 h – 18 h" },
        "defaults": { "slot_minutes": 30, "early_minutes": 5, "immediate_minutes": 90, "identity_check": "birth_date" },
        "support_may_extend": true,
    });
    let after = patch(&world, &admin, wanted).await;
    assert_eq!((after.status, after.etag.as_str()), (StatusCode::OK, "\"v1\""), "{}", after.body);
    assert_eq!(after.body["contact"]["phone"], "02 40 00 00 00");
    assert_eq!(after.body["defaults"]["identity_check"], "birth_date");
    assert_eq!(after.body["support_may_extend"], true);
    // The privacy notice and the help page show it, to everybody.
    let notice = world.get(&Browser::default(), "/api/v1/retention").await;
    let hours = |kept: &str| {
        let rows = notice.as_array().unwrap();
        rows.iter().find(|row| row["kept"] == kept).unwrap()["hours"].as_u64().unwrap()
    };
    assert_eq!((hours("dossier"), hours("post_access"), hours("audit")), (240, 0, 8760));
    let contact = world.get(&Browser::default(), "/api/v1/contact").await;
    assert_eq!(contact["phone"], "02 40 00 00 00");
    assert_eq!(contact["organisation"], "Chevet");

    // Null takes away, absent leaves, the default needs no record.
    let body = json!({ "contact": { "phone": null }, "retention": { "dossier": 720 } });
    let again = patch(&world, &admin, body).await;
    assert_eq!(
        again.body["contact"],
        json!({ "phone": null, "email": "aide@cabinet.example", "hours": "9 h – 18 h" })
    );
    let stored = world.clinic.store().get::<Settings>(Settings::ID).unwrap().unwrap();
    assert_eq!(stored.retention.len(), 1);
    // What changes nothing is no new version.
    let idle = patch(&world, &admin, json!({ "support_may_extend": true })).await;
    assert_eq!(idle.etag, again.etag);
}

#[tokio::test]
async fn every_bad_value_is_told_with_its_pointer_and_bounds_and_nothing_is_changed() {
    let world = World::new().await;
    let (admin, _) = administrator(&world).await;
    let wanted = json!({
        "retention": { "dossier": 8761, "audit": 1, "phone_hash": 24, "Jeanne Martin": 24, "backups": 24 },
        "contact": { "phone": "call me", "email": "nowhere", "hours": "x".repeat(201) },
        "defaults": { "slot_minutes": 4, "early_minutes": 61, "immediate_minutes": 14, "identity_check": "blood" },
        "support_may_extend": true,
    });
    let answer = patch(&world, &admin, wanted).await;
    assert_eq!(code(&answer), (422, "validation-failed"));
    let mut found = faults(&answer);
    found.sort();
    let expected = [
        ("/contact/email", "invalid-email"),
        ("/contact/hours", "too-long"),
        ("/contact/phone", "invalid-phone"),
        ("/defaults/early_minutes", "out-of-bounds"),
        ("/defaults/identity_check", "unknown"),
        ("/defaults/immediate_minutes", "out-of-bounds"),
        ("/defaults/slot_minutes", "out-of-bounds"),
        ("/retention", "unknown"),
        ("/retention/audit", "out-of-bounds"),
        ("/retention/dossier", "out-of-bounds"),
        ("/retention/phone_hash", "not-settable"),
    ];
    let expected: Vec<(String, String)> =
        expected.iter().map(|(pointer, word)| ((*pointer).to_owned(), (*word).to_owned())).collect();
    assert_eq!(found, expected);
    let errors = answer.body["errors"].as_array().unwrap();
    let message =
        |pointer: &str| errors.iter().find(|one| one["pointer"] == pointer).unwrap()["message"].clone();
    assert_eq!(message("/retention/dossier"), "24..8760");
    assert_eq!(message("/defaults/early_minutes"), "0..60");
    assert!(!answer.body.to_string().contains("Jeanne"), "what was typed is not repeated");
    assert!(world.clinic.store().get::<Settings>(Settings::ID).unwrap().is_none());
    for shape in [
        json!({ "retention": { "dossier": "long" } }),
        json!({ "colour": "red" }),
        json!({ "retention": { "dossier": -1 } }),
    ] {
        assert_eq!(patch(&world, &admin, shape).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
}

#[tokio::test]
async fn two_administrators_do_not_overwrite_each_other() {
    let world = World::new().await;
    let (admin, _) = administrator(&world).await;
    let send = async |if_match: Option<&str>| {
        let body = json!({ "defaults": { "late_minutes": 20 } });
        let mut request: Request<axum::body::Body> = world.request(&admin, Method::PATCH, PATH, &body);
        request.headers_mut().remove("if-match");
        if let Some(tag) = if_match {
            request.headers_mut().insert("if-match", tag.parse().unwrap());
        }
        let (answer, _) = world.send(request).await;
        (code(&answer).0, code(&answer).1.to_owned(), answer.etag.clone())
    };
    assert_eq!(send(None).await.1, "precondition-required");
    assert_eq!(send(Some("\"v7\"")).await.1, "version-conflict");
    let (status, _, etag) = send(Some("\"v0\"")).await;
    assert_eq!((status, etag.as_str()), (200, "\"v1\""));
    assert_eq!(send(Some("\"v0\"")).await, (412, "version-conflict".to_owned(), String::new()));
}

#[tokio::test]
async fn the_trail_tells_which_setting_was_changed_and_no_address_or_number() {
    let world = World::new().await;
    let (admin, id) = administrator(&world).await;
    let wanted = json!({
        "retention": { "dossier": 240 },
        "contact": { "phone": "02 41 42 43 44", "email": "aide@cabinet.example" },
        "defaults": { "early_minutes": 5 },
    });
    assert_eq!(patch(&world, &admin, wanted).await.status, StatusCode::OK);
    let events = audit::read(world.clinic.store(), 0, 1000).unwrap();
    let told: Vec<(&str, &str)> = events
        .iter()
        .filter(|stored| stored.event.action.as_str().starts_with("admin."))
        .map(|stored| (stored.event.action.as_str(), stored.event.reason.as_deref().unwrap_or_default()))
        .collect();
    assert_eq!(
        told,
        [
            ("admin.retention_changed", "dossier=240h"),
            ("admin.setting_changed", "early_minutes=5"),
            ("admin.setting_changed", "contact"),
        ]
    );
    assert_eq!(events.last().unwrap().event.actor.id.as_deref(), Some(id.as_str()));
    let text = serde_json::to_string(&events).unwrap();
    assert!(!text.contains("aide@") && !text.contains("41 42"));
    assert!(audit::verify(world.clinic.store()).is_ok());
}

#[tokio::test]
async fn what_ends_from_now_on_is_kept_as_long_as_the_setting_says() {
    let world = World::new().await;
    let (admin, _) = administrator(&world).await;
    let (owner, _) = world.professional("jeanne@cabinet.example").await;
    let (early, _, _, _) = world.in_call(&owner).await;
    let end = async |id: &str| {
        world.did(&owner, &format!("/api/v1/consultations/{id}/end"), json!({})).await;
        let record = world.record(id);
        record.retention_until.unwrap().duration_since(record.ended_at.unwrap()).as_hours()
    };
    assert_eq!(end(&early).await, 720);
    patch(&world, &admin, json!({ "retention": { "dossier": 48, "immediate_phone": 48 } })).await;
    world.forget_mails();
    let (late, _, _, _) = world.in_call(&owner).await;
    assert_eq!(end(&late).await, 48);
    let kept = world.record(&early);
    assert_eq!(kept.retention_until.unwrap().duration_since(kept.ended_at.unwrap()).as_hours(), 720);
    // The number of the first call goes after a day, that of the second after two.
    let number = |id: &str| world.clinic.store().get::<crate::model::Contact>(id).unwrap().is_some();
    assert!(number(&early) && number(&late));
    world.later(25 * 60);
    crate::consultations::tests::eventually("the first number to be forgotten", || !number(&early)).await;
    assert!(number(&late));
    world.later(24 * 60);
    crate::consultations::tests::eventually("the second number to be forgotten", || !number(&late)).await;
    world.status(&late, Status::Purged.as_str()).await;
    assert_eq!(world.record(&early).status, Status::Ended);
}

#[tokio::test]
async fn a_link_tells_whom_to_call_and_a_call_without_file_lasts_as_set() {
    let world = World::new().await;
    let (admin, _) = administrator(&world).await;
    let (owner, _) =
        world.person("jeanne@cabinet.example", |_, professional| professional.practice.phone = None).await;
    let change = json!({
        "contact": { "phone": "02 41 42 43 44", "hours": "8 h – 12 h" }, "defaults": { "immediate_minutes": 30 },
    });
    patch(&world, &admin, change).await;
    let made = world.immediate(&owner).await;
    let record = world.record(made["id"].as_str().unwrap());
    assert_eq!(record.slot_end.duration_since(record.slot_start).as_mins(), 30);
    let secret = world.secret("+33612345678", "immediate-call").await;
    let look = world.look(&secret).await;
    assert_eq!(
        (&look["practice_phone"], &look["contact_hours"]),
        (&json!("02 41 42 43 44"), &json!("8 h – 12 h"))
    );
    let (_, guest) = world.enter(&secret).await;
    assert_eq!(guest["practice_phone"], "02 41 42 43 44");
    // The practice's own number comes first.
    let (other, _) = world.professional("paul@cabinet.example").await;
    let made = world.dossier(&other, |body| body["contacts"][0]["phone"] = json!("06 12 34 56 79")).await;
    assert!(made["id"].is_string());
    let secret = world.secret("+33612345679", "invitation").await;
    assert_eq!(world.look(&secret).await["practice_phone"], "02 40 00 00 00");
}
