use serde_json::json;

use super::*;
use crate::audit::{Action as Audited, Event};
use crate::store::StoreError;

async fn trail(world: &World, admin: &Browser, query: &str) -> Value {
    world.get(admin, &format!("/api/v1/admin/audit?{query}")).await
}

#[tokio::test]
async fn an_administrator_reads_the_trail_backwards_page_by_page() {
    let world = World::new().await;
    let (admin, _) = administrator(&world).await;
    let start = world.clinic.clock().now();
    for minute in 0..7_i64 {
        let at = start + jiff::SignedDuration::from_mins(minute);
        world.clinic.store().write(|tx| tx.audit(&Event::new(at, Audited::AuthLogout))).await.unwrap();
    }
    let mut seen: Vec<u64> = Vec::new();
    let mut query = "limit=3&action=auth.logout".to_owned();
    loop {
        let page = trail(&world, &admin, &query).await;
        seen.extend(page["items"].as_array().unwrap().iter().map(|one| one["seq"].as_u64().unwrap()));
        match page["next"].as_str() {
            Some(next) => query = format!("limit=3&action=auth.logout&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen.len(), 7);
    assert!(seen.windows(2).all(|pair| pair[0] > pair[1]), "{seen:?}");
    let (from, to) = (start + jiff::SignedDuration::from_mins(2), start + jiff::SignedDuration::from_mins(4));
    let some = trail(&world, &admin, &format!("action=auth.&from={from}&to={to}")).await;
    assert_eq!(some["items"].as_array().unwrap().len(), 2);
    let none = trail(&world, &admin, "action=payment.paid").await;
    assert_eq!(none, json!({ "items": [] }));
    for (bad, pointer) in [
        ("action=Jeanne", "/action"),
        ("action=.", "/action"),
        ("from=yesterday", "/from"),
        ("to=x", "/to"),
        ("cursor=x", "/cursor"),
        ("limit=1000", "/limit"),
    ] {
        let answer =
            call(&world, &admin, Method::GET, &format!("/api/v1/admin/audit?{bad}"), Value::Null).await;
        assert_eq!((answer.status.as_u16(), faults(&answer)[0].0.as_str()), (422, pointer), "{bad}");
    }
    let actions = world.get(&admin, "/api/v1/admin/audit/actions").await;
    assert!(actions.as_array().unwrap().contains(&json!("auth.login.ok")));
}

#[tokio::test]
async fn of_consultations_the_trail_shows_an_administrator_no_id() {
    let world = World::new().await;
    let (admin, admin_id) = administrator(&world).await;
    let (owner, owner_id) = world.professional("jeanne@cabinet.example").await;
    let (id, doctor, _, patient) = world.in_call(&owner).await;
    world.did(&owner, &format!("/api/v1/consultations/{id}/end"), json!({})).await;
    call(&world, &admin, Method::PATCH, "/api/v1/admin/settings", json!({ "support_may_extend": true }))
        .await;
    // A portal's frame logs in with a consultation as object.
    let event = Event::new(world.clinic.clock().now(), Audited::AuthLoginOk).on(&id);
    world.clinic.store().write(|tx| tx.audit(&event)).await.unwrap();
    let page = trail(&world, &admin, "limit=200").await;
    let items = page["items"].as_array().unwrap();
    let created = items.iter().find(|one| one["action"] == "consultation.created").unwrap();
    assert_eq!(created["withheld"], true);
    assert!(created.get("object").is_none() && created.get("actor").is_none());
    let setting = items.iter().find(|one| one["action"] == "admin.setting_changed").unwrap();
    assert_eq!((&setting["withheld"], &setting["actor"]["id"]), (&json!(false), &json!(admin_id)));
    let text = page.to_string();
    for hidden in [id.as_str(), doctor.as_str(), patient.as_str(), owner_id.as_str(), "cs_", "par_", "inv_"] {
        assert!(!text.contains(hidden), "{hidden}");
    }
}

#[tokio::test]
async fn a_whole_trail_verifies_and_a_changed_one_says_where() {
    let world = World::new().await;
    let (admin, _) = administrator(&world).await;
    call(&world, &admin, Method::PATCH, "/api/v1/admin/settings", json!({ "support_may_extend": true }))
        .await;
    let path = "/api/v1/admin/audit/verify";
    let whole = world.did(&admin, path, Value::Null).await;
    assert_eq!((&whole["whole"], &whole["last"]), (&json!(true), &json!(1)), "{whole}");
    assert_eq!(whole["checkpoint"]["seq"], 1);
    assert_eq!(whole["public_key"].as_str().unwrap().len(), 64);
    assert!(whole.get("broken").is_none());

    let key = crate::store::keys::audit(1);
    world
        .clinic
        .store()
        .write(|tx| {
            tx.raw(key, Some(vec![0; 40]));
            Ok::<_, StoreError>(())
        })
        .await
        .unwrap();
    let broken = world.did(&admin, path, Value::Null).await;
    assert_eq!(
        (&broken["whole"], &broken["broken"]),
        (&json!(false), &json!({ "kind": "changed", "seq": 1 }))
    );
    assert!(broken.get("checkpoint").is_none(), "nothing is signed over a broken trail");
    for _ in 0..4 {
        world.did(&admin, path, Value::Null).await;
    }
    assert_eq!(world.refused(&admin, path, Value::Null).await, (429, "quota-exceeded".into()));
}
