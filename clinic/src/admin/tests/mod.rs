//! Through the public API.

mod adapters;
mod closing;
mod legal;
mod settings;
mod trail;
mod users;

use http::{Method, StatusCode};
use serde_json::Value;

use crate::consultations::tests::{Answer, Browser, World};
use crate::ids::AccountId;
use crate::model::Role;

/// An administrator who is logged in and present.
async fn administrator(world: &World) -> (Browser, AccountId) {
    world.person("chef@cabinet.example", |account, _| account.roles = vec![Role::OrgAdmin]).await
}

async fn call(world: &World, browser: &Browser, method: Method, path: &str, body: Value) -> Answer {
    world.call(browser, method, path, body).await
}

fn code(answer: &Answer) -> (u16, &str) {
    (answer.status.as_u16(), answer.body["code"].as_str().unwrap_or_default())
}

/// Pointer and word of every field that was refused.
fn faults(answer: &Answer) -> Vec<(String, String)> {
    let errors = answer.body["errors"].as_array().cloned().unwrap_or_default();
    let text = |one: &Value, name: &str| one[name].as_str().unwrap_or_default().to_owned();
    errors.iter().map(|one| (text(one, "pointer"), text(one, "code"))).collect()
}

/// Every path of administration, with a body that would be taken.
const PATHS: [(&str, &str, &str); 16] = [
    ("GET", "/api/v1/admin/settings", ""),
    ("PATCH", "/api/v1/admin/settings", "{}"),
    ("GET", "/api/v1/admin/users", ""),
    ("POST", "/api/v1/admin/users/search", "{\"email\":\"chef@cabinet.example\"}"),
    ("GET", "/api/v1/admin/users/{id}", ""),
    ("POST", "/api/v1/admin/users/{id}/block", ""),
    ("POST", "/api/v1/admin/users/{id}/unblock", ""),
    ("POST", "/api/v1/admin/users/{id}/close", ""),
    ("POST", "/api/v1/admin/users/{id}/second-factor/reset", ""),
    ("POST", "/api/v1/admin/users/{id}/sessions/end", ""),
    ("PUT", "/api/v1/admin/users/{id}/roles", "{\"roles\":[\"org_admin\"]}"),
    ("GET", "/api/v1/admin/audit", ""),
    ("GET", "/api/v1/admin/audit/actions", ""),
    ("POST", "/api/v1/admin/audit/verify", ""),
    ("GET", "/api/v1/admin/adapters", ""),
    ("POST", "/api/v1/admin/adapters/mail/test", ""),
];

#[tokio::test]
async fn nobody_but_an_administrator_learns_that_there_is_anything_to_administer() {
    let world = World::new().await;
    let (_, admin_id) = administrator(&world).await;
    let (professional, _) = world.professional("jeanne@cabinet.example").await;
    let (support, _) =
        world.person("aide@cabinet.example", |account, _| account.roles = vec![Role::Support]).await;
    let (secretary, _) = world
        .person("accueil@cabinet.example", |account, _| {
            account.roles = vec![Role::Secretary];
            account.works_for = vec![admin_id.clone()];
        })
        .await;
    let portal = crate::consultations::tests::portal(&world, &[crate::model::Scope::AuditRead]).await;
    for (method, path, body) in PATHS {
        let path = path.replace("{id}", admin_id.as_str());
        let method: Method = method.parse().unwrap();
        let body: Value = serde_json::from_str(body).unwrap_or(Value::Null);
        for browser in [&professional, &support, &secretary] {
            let answer = call(&world, browser, method.clone(), &path, body.clone()).await;
            assert_eq!(code(&answer), (404, "not-found"), "{method} {path}");
        }
        for browser in [&Browser::default(), &portal] {
            let answer = call(&world, browser, method.clone(), &path, body.clone()).await;
            assert_eq!(code(&answer), (401, "unauthenticated"), "{method} {path}");
        }
    }
    // Nothing was done by any of it.
    let account = world.clinic.store().get::<crate::model::Account>(&admin_id).unwrap().unwrap();
    assert_eq!(account.status, crate::model::AccountStatus::Active);
    assert_eq!(account.session_epoch, 0);
}

#[tokio::test]
async fn a_change_by_an_administrator_needs_the_csrf_token() {
    let world = World::new().await;
    let (admin, _) = administrator(&world).await;
    let forged = Browser { csrf: None, ..admin };
    for (method, path, body) in PATHS.iter().filter(|(method, _, _)| *method != "GET") {
        let body: Value = serde_json::from_str(body).unwrap_or(Value::Null);
        let answer = call(&world, &forged, method.parse().unwrap(), path, body).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{method} {path}");
    }
}
