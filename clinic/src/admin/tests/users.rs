use serde_json::json;

use super::*;
use crate::audit;
use crate::model::{Account, AccountStatus};

fn path(id: &AccountId, verb: &str) -> String {
    format!("/api/v1/admin/users/{id}/{verb}")
}

fn stored(world: &World, id: &AccountId) -> Account {
    world.clinic.store().get::<Account>(id).unwrap().unwrap().value
}

#[tokio::test]
async fn an_administrator_sees_who_can_log_in_page_by_page() {
    let world = World::new().await;
    let (admin, admin_id) = administrator(&world).await;
    let (_, doctor) = world.professional("jeanne@cabinet.example").await;
    let blocked =
        world.person("vieux@cabinet.example", |account, _| account.status = AccountStatus::Suspended).await.1;
    let all = world.get(&admin, "/api/v1/admin/users?limit=2").await;
    assert_eq!(all["items"].as_array().unwrap().len(), 2);
    let next = all["next"].as_str().unwrap();
    let rest = world.get(&admin, &format!("/api/v1/admin/users?limit=2&cursor={next}")).await;
    assert_eq!(rest["items"][0]["id"], blocked.as_str());
    assert!(rest["next"].is_null());
    let only = world.get(&admin, "/api/v1/admin/users?status=suspended").await;
    assert_eq!(only["items"].as_array().unwrap().len(), 1);
    let admins = world.get(&admin, "/api/v1/admin/users?role=org_admin").await;
    assert_eq!(admins["items"].as_array().unwrap().len(), 1);
    assert_eq!(admins["items"][0]["last_administrator"], true);

    let one = world.get(&admin, &format!("/api/v1/admin/users/{doctor}")).await;
    assert_eq!(
        (&one["exercise_name"], &one["sessions"], &one["second_factor"]),
        (&json!("Martin"), &json!(1), &json!(false))
    );
    for secret in ["password_hash", "totp_secret", "recovery_codes", "email_hash"] {
        assert!(one.get(secret).is_none());
    }
    let found =
        world.did(&admin, "/api/v1/admin/users/search", json!({ "email": " JEANNE@cabinet.example" })).await;
    assert_eq!(found["items"][0]["id"], doctor.as_str());
    let none = world.did(&admin, "/api/v1/admin/users/search", json!({ "email": "x@y.example" })).await;
    assert_eq!(none["items"], json!([]));
    let mine = world.get(&admin, &format!("/api/v1/admin/users/{admin_id}")).await;
    assert!(mine.get("exercise_name").is_none());
    for bad in ["status=happy", "limit=0", "cursor=%2F", "role=king"] {
        let answer =
            call(&world, &admin, Method::GET, &format!("/api/v1/admin/users?{bad}"), Value::Null).await;
        assert!(answer.status.is_client_error(), "{bad}");
    }
    let unknown = call(&world, &admin, Method::GET, "/api/v1/admin/users/acc_0", Value::Null).await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_blocked_account_is_out_at_once_and_in_again_when_it_is_let() {
    let world = World::new().await;
    let (admin, _) = administrator(&world).await;
    let (doctor, id) = world.professional("jeanne@cabinet.example").await;
    world.get(&doctor, "/api/v1/me").await;
    assert_eq!(
        world.refused(&admin, &path(&id, "unblock"), Value::Null).await,
        (409, "invalid-transition".into())
    );
    let user = world.did(&admin, &path(&id, "block"), Value::Null).await;
    assert_eq!((&user["status"], &user["sessions"]), (&json!("suspended"), &json!(0)));
    assert_eq!(
        call(&world, &doctor, Method::GET, "/api/v1/me", Value::Null).await.status,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(
        world.refused(&admin, &path(&id, "block"), Value::Null).await,
        (409, "invalid-transition".into())
    );
    let user = world.did(&admin, &path(&id, "unblock"), Value::Null).await;
    assert_eq!(user["status"], "active");
    // The old session stays over.
    assert_eq!(
        call(&world, &doctor, Method::GET, "/api/v1/me", Value::Null).await.status,
        StatusCode::UNAUTHORIZED
    );
    let words: Vec<&str> = audit::read(world.clinic.store(), 0, 100)
        .unwrap()
        .iter()
        .map(|one| one.event.action.as_str())
        .collect();
    assert!(words.contains(&"account.suspended") && words.contains(&"account.resumed"));
}

#[tokio::test]
async fn the_last_administrator_can_neither_be_blocked_nor_become_something_else() {
    let world = World::new().await;
    let (admin, id) = administrator(&world).await;
    let last = (409, "last-administrator".to_owned());
    assert_eq!(world.refused(&admin, &path(&id, "block"), Value::Null).await, last);
    let roles = json!({ "roles": ["support"] });
    let answer = call(&world, &admin, Method::PUT, &path(&id, "roles"), roles.clone()).await;
    assert_eq!(code(&answer), (409, "last-administrator"));
    // A blocked one does not count.
    let other = world
        .person("second@cabinet.example", |account, _| {
            account.roles = vec![Role::OrgAdmin];
            account.status = AccountStatus::Suspended;
        })
        .await
        .1;
    assert_eq!(world.refused(&admin, &path(&id, "block"), Value::Null).await, last);
    world.did(&admin, &path(&other, "unblock"), Value::Null).await;
    world.did(&admin, &path(&id, "block"), Value::Null).await;
    assert_eq!(stored(&world, &id).status, AccountStatus::Suspended);
}

#[tokio::test]
async fn a_second_factor_that_was_lost_is_reset_and_its_owner_is_told() {
    let world = World::new().await;
    let (admin, _) = administrator(&world).await;
    let (doctor, id) = world
        .person("jeanne@cabinet.example", |account, _| account.totp_secret = Some("JBSWY3DPEHPK3PXP".into()))
        .await;
    let reset = path(&id, "second-factor/reset");
    world.later(11);
    assert_eq!(world.refused(&admin, &reset, Value::Null).await, (401, "reauthentication-required".into()));
    let (admin, _) =
        world.person("second@cabinet.example", |account, _| account.roles = vec![Role::OrgAdmin]).await;
    let user = world.did(&admin, &reset, Value::Null).await;
    assert_eq!((&user["second_factor"], &user["sessions"]), (&json!(false), &json!(0)));
    world.mail("jeanne@cabinet.example", "second-factor-reset").await;
    assert_eq!(
        call(&world, &doctor, Method::GET, "/api/v1/me", Value::Null).await.status,
        StatusCode::UNAUTHORIZED
    );
    let account = stored(&world, &id);
    assert!(account.totp_secret.is_none() && account.recovery_codes.is_empty());
    assert_eq!(world.refused(&admin, &reset, Value::Null).await, (409, "invalid-transition".into()));
}

#[tokio::test]
async fn sessions_of_somebody_are_ended_and_those_of_others_are_not() {
    let world = World::new().await;
    let (admin, _) = administrator(&world).await;
    let (doctor, id) = world.professional("jeanne@cabinet.example").await;
    let (other, _) = world.professional("paul@cabinet.example").await;
    world.did(&admin, &path(&id, "sessions/end"), Value::Null).await;
    assert_eq!(
        call(&world, &doctor, Method::GET, "/api/v1/me", Value::Null).await.status,
        StatusCode::UNAUTHORIZED
    );
    world.get(&other, "/api/v1/me").await;
    world.get(&admin, "/api/v1/admin/users").await;
}

#[tokio::test]
async fn roles_are_given_and_checked() {
    let world = World::new().await;
    let (admin, admin_id) = administrator(&world).await;
    let (doctor, id) = world.professional("jeanne@cabinet.example").await;
    let (_, employer) = world.professional("paul@cabinet.example").await;
    let put =
        async |of: &AccountId, body: Value| call(&world, &admin, Method::PUT, &path(of, "roles"), body).await;
    let user = put(&id, json!({ "roles": ["professional", "support", "support"] })).await;
    assert_eq!(user.body["roles"], json!(["professional", "support"]));
    let session = world.get(&doctor, "/api/v1/auth/session").await;
    assert_eq!(session["roles"], json!(["professional", "support"]));
    let user = put(&id, json!({ "roles": ["secretary"], "works_for": [employer] })).await;
    assert_eq!(user.body["works_for"], json!([employer]));
    for (body, fault) in [
        (json!({ "roles": [] }), ("/roles", "empty")),
        (json!({ "roles": ["support"], "works_for": [employer] }), ("/works_for", "secretaries-only")),
        (json!({ "roles": ["secretary"], "works_for": [admin_id] }), ("/works_for", "unknown")),
    ] {
        let answer = put(&id, body.clone()).await;
        assert_eq!(faults(&answer), [(fault.0.to_owned(), fault.1.to_owned())], "{body}");
    }
    let answer = put(&id, json!({ "roles": ["king"] })).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    let no_data = put(&admin_id, json!({ "roles": ["org_admin", "professional"] })).await;
    assert_eq!(faults(&no_data), [("/roles".to_owned(), "no-professional".to_owned())]);
    world.later(11);
    let answer = put(&id, json!({ "roles": ["org_admin"] })).await;
    assert_eq!(code(&answer), (401, "reauthentication-required"));
}
