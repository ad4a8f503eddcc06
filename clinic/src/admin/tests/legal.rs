use serde_json::json;

use super::*;
use crate::audit;
use crate::model::Settings;

const PATH: &str = "/api/v1/admin/settings";
const PUBLIC: &str = "/api/v1/legal";

async fn patch(world: &World, admin: &Browser, legal: Value) -> Answer {
    call(world, admin, Method::PATCH, PATH, json!({ "legal": legal })).await
}

fn nothing() -> Value {
    json!({
        "publisher": { "name": null, "address": null, "registration": null },
        "host": { "name": null, "address": null },
        "dpo_email": null,
        "privacy": { "fr": null, "en": null },
        "terms": { "fr": null, "en": null },
    })
}

#[tokio::test]
async fn who_answers_for_the_installation_is_set_and_read_by_everybody() {
    let world = World::new().await;
    let (admin, _) = administrator(&world).await;
    let stranger = Browser::default();
    assert_eq!(world.get(&stranger, PUBLIC).await, nothing());
    let wanted = json!({
        "publisher": { "name": " Centre hospitalier de Test ", "address": "1 rue du Test\r\n44000 Nantes", "registration": "FINESS 440000000" },
        "host": { "name": "Hébergeur HDS", "address": "2 rue du Nuage" },
        "dpo_email": "dpo@cabinet.example",
        "privacy": { "fr": "Un texte.\n\nUn autre.", "en": "A text." },
        "terms": { "fr": "<script>alert(1)</script>" },
    });
    let after = patch(&world, &admin, wanted).await;
    assert_eq!((after.status, after.etag.as_str()), (StatusCode::OK, "\"v1\""), "{}", after.body);
    let shown = world.get(&stranger, PUBLIC).await;
    assert_eq!(shown, after.body["legal"]);
    assert_eq!(
        shown["publisher"],
        json!({ "name": "Centre hospitalier de Test", "address": "1 rue du Test\n44000 Nantes", "registration": "FINESS 440000000" })
    );
    // Plain text: what looks like markup is kept as characters, and pages show it so.
    assert_eq!(shown["terms"], json!({ "fr": "<script>alert(1)</script>", "en": null }));

    // Null and blanks take away, absent leaves.
    let again = patch(&world, &admin, json!({ "terms": { "fr": null }, "host": { "name": "  " } })).await;
    assert_eq!(again.body["legal"]["terms"]["fr"], Value::Null);
    assert_eq!(again.body["legal"]["host"], json!({ "name": null, "address": "2 rue du Nuage" }));
    assert_eq!(again.body["legal"]["dpo_email"], "dpo@cabinet.example");
    let idle = patch(&world, &admin, json!({})).await;
    assert_eq!(idle.etag, again.etag);

    let events = audit::read(world.clinic.store(), 0, 1000).unwrap();
    let told: Vec<&str> = events
        .iter()
        .filter(|stored| stored.event.action.as_str() == "admin.setting_changed")
        .map(|stored| stored.event.reason.as_deref().unwrap_or_default())
        .collect();
    let first = ["legal.publisher", "legal.host", "legal.dpo_email", "legal.privacy", "legal.terms"];
    assert_eq!(told, [first.as_slice(), &["legal.host", "legal.terms"]].concat());
    let text = serde_json::to_string(&events).unwrap();
    assert!(!text.contains("dpo@") && !text.contains("Centre hospitalier"));
}

#[tokio::test]
async fn texts_that_are_too_long_or_hide_something_are_refused_each_by_name() {
    let world = World::new().await;
    let (admin, _) = administrator(&world).await;
    let wanted = json!({
        "publisher": { "name": "x".repeat(201), "address": "x".repeat(501), "registration": "a\nb" },
        "host": { "name": "a\u{202e}b", "address": "fine" },
        "dpo_email": "nowhere",
        "privacy": { "fr": "x".repeat(10_001), "en": "a\0b" },
        "terms": { "fr": "é".repeat(10_000), "en": "x".repeat(10_001) },
    });
    let answer = patch(&world, &admin, wanted).await;
    assert_eq!(code(&answer), (422, "validation-failed"));
    let mut found = faults(&answer);
    found.sort();
    let expected = [
        ("/legal/dpo_email", "invalid-email"),
        ("/legal/host/name", "invalid"),
        ("/legal/privacy/en", "invalid"),
        ("/legal/privacy/fr", "too-long"),
        ("/legal/publisher/address", "too-long"),
        ("/legal/publisher/name", "too-long"),
        ("/legal/publisher/registration", "invalid"),
        ("/legal/terms/en", "too-long"),
    ];
    assert_eq!(found, expected.map(|(pointer, word)| (pointer.to_owned(), word.to_owned())));
    assert!(world.clinic.store().get::<Settings>(Settings::ID).unwrap().is_none(), "nothing is changed");
    // Four texts of full length fit into the one record, in the widest characters.
    let full = "😀".repeat(10_000);
    let all = json!({ "privacy": { "fr": full, "en": full }, "terms": { "fr": full, "en": full } });
    assert_eq!(patch(&world, &admin, all).await.status, StatusCode::OK);
    assert_eq!(world.get(&Browser::default(), PUBLIC).await["terms"]["en"], full);
}

#[test]
fn settings_that_were_stored_before_there_were_legal_texts_still_read() {
    let old = json!({ "retention": { "dossier": 240 }, "contact": { "phone": "02 40 00 00 00" }, "support_may_extend": true });
    let read: Settings = serde_json::from_value(old).unwrap();
    assert!(read.support_may_extend && read.retention.len() == 1);
    assert_eq!(read.legal, crate::model::Legal::default());
    let half: Settings =
        serde_json::from_value(json!({ "legal": { "publisher": { "name": "x" } } })).unwrap();
    assert_eq!(half.legal.publisher.name.as_deref(), Some("x"));
}
