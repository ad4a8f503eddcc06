use super::*;
use crate::model::{Professional, Session, SignatureImage};

/// What the owner of the account typed, and what was made for the account.
const NAMES: [&str; 6] =
    ["jeanne@cabinet.example", "Jeanne", "Martin", "10101010105", "+33612345678", "c2lnbmF0dXJl"];

async fn with_signature(world: &World) -> (Browser, Account) {
    let (browser, _, _) = world.enrolled(EMAIL).await;
    let account = world.account(EMAIL);
    let image = SignatureImage {
        account_id: account.id.clone(),
        png: "c2lnbmF0dXJl".to_owned(),
        width: 200,
        height: 40,
        set_at: world.clinic.clock().now(),
    };
    world.clinic.store().write(|tx| tx.insert(&image)).await.unwrap();
    (browser, account)
}

async fn close(world: &World, browser: &mut Browser) -> (StatusCode, Value) {
    world.call(browser, Method::DELETE, "/api/v1/me", Value::Null).await
}

#[tokio::test]
async fn nothing_in_the_store_names_whoever_closed_an_account() {
    let world = World::new(Approval::Auto).await;
    let (mut browser, account) = with_signature(&world).await;
    let store = world.clinic.store();
    for text in NAMES.into_iter().chain([account.totp_secret.as_deref().unwrap()]) {
        assert!(!store.holding(text).is_empty(), "{text} is looked for in the right place");
    }
    assert_eq!(close(&world, &mut browser).await.0, StatusCode::NO_CONTENT);
    world.mail(EMAIL, "account-closed").await;
    // The address goes with the last mail.
    let gone = async {
        while !store.holding(EMAIL).is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), gone).await.unwrap();
    let secrets = [account.totp_secret.as_deref(), account.password_hash.as_deref()];
    let codes = account.recovery_codes.iter().map(|code| code.as_str());
    for text in NAMES.into_iter().chain(secrets.into_iter().flatten()).chain(codes) {
        assert_eq!(store.holding(text), Vec::<String>::new(), "{text}");
    }
    assert!(store.get::<Professional>(&account.id).unwrap().is_none());
    assert!(store.get::<SignatureImage>(&account.id).unwrap().is_none());
    let shell = store.get::<Account>(&account.id).unwrap().unwrap().value;
    assert_eq!((shell.status, shell.closed_at), (AccountStatus::Closed, Some(world.clinic.clock().now())));
    assert_eq!((shell.email.as_str(), shell.roles.len()), ("", 0));
    let key = IndexKey::new().text(account.id.as_str());
    assert!(store.find::<Session>("subject", key).unwrap().is_none());
    let events = audit::read(store, 0, 1000).unwrap();
    let last = &events.last().unwrap().event;
    assert_eq!((last.action.as_str(), last.reason.as_deref()), ("account.closed", Some("by-owner")));
    assert!(audit::verify(store).is_ok());
}

#[tokio::test]
async fn a_closed_account_lets_nobody_in_and_its_address_may_register_anew() {
    let world = World::new(Approval::Auto).await;
    let (mut browser, account) = with_signature(&world).await;
    let mut kept = browser.clone();
    // A letter with a secret is on its way.
    world.post(&mut Browser::default(), "/api/v1/auth/password/forgot", json!({ "email": EMAIL })).await;
    let token = world.token(EMAIL, "password-reset").await;
    assert_eq!(close(&world, &mut browser).await.0, StatusCode::NO_CONTENT);
    assert_eq!(browser.cookie.as_deref(), Some("chevet="), "the cookie is taken away");
    assert_eq!(world.get(&mut kept, "/api/v1/me").await.0, StatusCode::UNAUTHORIZED);
    let (status, body) = world.password(&mut Browser::default(), EMAIL, PASSWORD).await;
    assert_eq!((status, &body["code"]), (StatusCode::UNAUTHORIZED, &json!("login-failed")));
    let body = json!({ "token": token, "password": "onze girafes bleues sous la pluie" });
    let (status, _) = world.post(&mut Browser::default(), "/api/v1/auth/password/reset", body).await;
    assert_eq!(status, StatusCode::NOT_FOUND);

    world.mail(EMAIL, "account-closed").await;
    world.mailbox.0.lock().unwrap().clear();
    // Two mails of a day are left for this address; the clock gives them all back.
    world.clinic.clock().advance(SignedDuration::from_hours(25));
    let (mut anew, _, _) = world.enrolled(EMAIL).await;
    let fresh = world.account(EMAIL);
    assert_ne!(fresh.id, account.id);
    let (_, me) = world.get(&mut anew, "/api/v1/me").await;
    assert_eq!((&me["signature_set"], &me["id"]), (&json!(false), &json!(fresh.id.as_str())));
}

#[tokio::test]
async fn closing_needs_a_proof_of_presence() {
    let world = World::new(Approval::Auto).await;
    let (mut browser, account) = with_signature(&world).await;
    world.clinic.clock().advance(SignedDuration::from_mins(11));
    let (status, body) = close(&world, &mut browser).await;
    assert_eq!((status, &body["code"]), (StatusCode::UNAUTHORIZED, &json!("reauthentication-required")));
    assert_eq!(world.account(EMAIL).status, AccountStatus::Active);
    let path = "/api/v1/auth/reauthenticate";
    world.post(&mut browser, path, json!({ "password": PASSWORD })).await;
    assert_eq!(close(&world, &mut browser).await.0, StatusCode::NO_CONTENT);

    // The shell goes when the time of closed accounts is over.
    let (store, life) = (world.clinic.store(), SignedDuration::from_hours(30 * 24));
    for (hours, there) in [(30 * 24, true), (1, false)] {
        world.clinic.clock().advance(SignedDuration::from_hours(hours));
        let now = world.clinic.clock().now();
        store.write(|tx| crate::accounts::sweep(tx, now, |_| life)).await.unwrap();
        assert_eq!(store.get::<Account>(&account.id).unwrap().is_some(), there, "{hours}");
    }
}

#[tokio::test]
async fn the_last_administrator_does_not_leave() {
    let world = World::new(Approval::Auto).await;
    let (mut chef, _, _) = world.enrolled("chef@cabinet.example").await;
    let (status, body) = close(&world, &mut chef).await;
    assert_eq!((status, &body["code"]), (StatusCode::CONFLICT, &json!("last-administrator")));
    assert_eq!(world.get(&mut chef, "/api/v1/me").await.0, StatusCode::OK);
}
