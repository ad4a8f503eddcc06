use serde_json::json;

use super::*;
use crate::consultations::tests::eventually;
use crate::ids::PatientId;
use crate::model::{Account, AccountStatus, Facility, Participant, Patient};
use crate::store::IndexKey;

async fn close(world: &World, admin: &Browser, id: &AccountId) -> Answer {
    call(world, admin, Method::POST, &format!("/api/v1/admin/users/{id}/close"), Value::Null).await
}

#[tokio::test]
async fn an_account_with_open_consultations_is_not_closed_and_says_how_many() {
    let world = World::new().await;
    let (admin, _) = administrator(&world).await;
    let (doctor, id) = world.professional("jeanne@cabinet.example").await;
    let planned = world.dossier(&doctor, |_| ()).await;
    let live = world.in_call(&doctor).await.0;
    for answer in [
        close(&world, &admin, &id).await,
        call(&world, &doctor, Method::DELETE, "/api/v1/me", Value::Null).await,
    ] {
        assert_eq!(code(&answer), (409, "consultations-open"));
        assert_eq!(faults(&answer), [("/consultations".to_owned(), "open".to_owned())]);
        assert_eq!(answer.body["errors"][0]["message"], "2");
    }
    let account = world.clinic.store().get::<Account>(&id).unwrap().unwrap();
    assert_eq!((account.status, account.session_epoch), (AccountStatus::Active, 0));

    world.did(&doctor, &format!("/api/v1/consultations/{live}/end"), json!({})).await;
    let answer = close(&world, &admin, &id).await;
    assert_eq!(answer.body["errors"][0]["message"], "1");
    let planned = planned["id"].as_str().unwrap();
    world.did(&doctor, &format!("/api/v1/consultations/{planned}/cancel"), json!({})).await;
    assert_eq!(close(&world, &admin, &id).await.status, StatusCode::OK);
}

#[tokio::test]
async fn an_administrator_closes_an_account_and_what_hangs_on_it_goes() {
    let world = World::new().await;
    let (admin, admin_id) = administrator(&world).await;
    let (doctor, id) = world
        .person("odile@cabinet.example", |_, professional| {
            professional.exercise_name = "Vasseur".into();
            professional.first_name = "Odile".into();
            professional.practice.name = "Cabinet Vasseur".into();
        })
        .await;
    let (_, secretary) = world
        .person("accueil@cabinet.example", |account, _| {
            account.roles = vec![Role::Secretary];
            account.works_for = vec![id.clone(), admin_id.clone()];
        })
        .await;
    // A call that is over, an address book, and a patient's file that no consultation needs.
    let (call_id, ..) = world.in_call(&doctor).await;
    world.did(&doctor, &format!("/api/v1/consultations/{call_id}/end"), json!({})).await;
    let facility = json!({ "name": "EHPAD Vasseur", "kind": "ehpad", "address": "Nantes" });
    world.did(&doctor, "/api/v1/facilities", facility).await;
    let store = world.clinic.store();
    let own = IndexKey::new().text(id.as_str());
    assert!(store.find::<Facility>("owner", own.clone()).unwrap().is_some());
    let planned = world.dossier(&doctor, |_| ()).await;
    let path = format!("/api/v1/consultations/{}/cancel", planned["id"].as_str().unwrap());
    world.did(&doctor, &path, json!({})).await;
    let kept = store.find::<Patient>("owner", own.clone()).unwrap().unwrap().value;
    let now = world.clinic.clock().now();
    let alone = Patient { id: PatientId::new(now), birth_name: "LEROUX".into(), ..kept.clone() };
    store
        .write(|tx| {
            tx.create_key(&alone.data_key())?;
            tx.insert(&alone)
        })
        .await
        .unwrap();
    for text in ["Vasseur", "odile@cabinet.example", "LEROUX"] {
        assert!(!store.holding(text).is_empty(), "{text} is looked for in the right place");
    }

    let answer = close(&world, &admin, &id).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    assert_eq!((&answer.body["status"], &answer.body["email"]), (&json!("closed"), &json!("")));
    world.mail("odile@cabinet.example", "account-closed").await;
    // What waited for a try holds an address and a name until it was made.
    for text in ["odile@", "Vasseur", "Odile", "LEROUX", "02 40 00 00 00"] {
        eventually(&format!("the end of {text}"), || store.holding(text).is_empty()).await;
    }
    assert!(store.find::<Facility>("owner", own.clone()).unwrap().is_none());
    assert!(store.get::<Patient>(&alone.id).unwrap().is_none());
    assert!(store.get::<Patient>(&kept.id).unwrap().is_some(), "it goes with its consultation");
    let seat = store.find::<Participant>("account", own).unwrap().unwrap();
    assert_eq!(seat.display_name, "");
    // The secretary works for whoever is left.
    let secretary = store.get::<Account>(&secretary).unwrap().unwrap();
    assert_eq!(secretary.works_for, [admin_id]);
    let out = call(&world, &doctor, Method::GET, "/api/v1/me", Value::Null).await;
    assert_eq!(out.status, StatusCode::UNAUTHORIZED);

    // There is no way back.
    assert_eq!(code(&close(&world, &admin, &id).await), (409, "invalid-transition"));
    for verb in ["block", "unblock"] {
        let path = format!("/api/v1/admin/users/{id}/{verb}");
        assert_eq!(world.refused(&admin, &path, Value::Null).await, (409, "invalid-transition".into()));
    }
    let roles = json!({ "roles": ["org_admin"] });
    let answer = call(&world, &admin, Method::PUT, &format!("/api/v1/admin/users/{id}/roles"), roles).await;
    assert_eq!(code(&answer), (409, "invalid-transition"));
    // What is left of the call goes at its own time, and nobody is written to.
    world.forget_mails();
    world.later(31 * 24 * 60);
    world.status(&call_id, "purged").await;
    assert!(world.templates("").is_empty());
}

#[tokio::test]
async fn closing_needs_presence_and_another_administrator() {
    let world = World::new().await;
    let (admin, admin_id) = administrator(&world).await;
    let (_, id) = world.professional("jeanne@cabinet.example").await;
    assert_eq!(code(&close(&world, &admin, &admin_id).await), (409, "last-administrator"));
    world.later(11);
    assert_eq!(code(&close(&world, &admin, &id).await), (401, "reauthentication-required"));
    world.present(&admin);
    assert_eq!(close(&world, &admin, &id).await.status, StatusCode::OK);
}
