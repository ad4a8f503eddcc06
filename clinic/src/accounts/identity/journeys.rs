//! Logins by Pro Santé Connect through real HTTP, against the emulated provider.

use chevet_emulators::psc::{Fault, PEOPLE};
use http::StatusCode;
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::world::{Page, World};
use crate::accounts::secrets::{MailedPurpose, make};
use crate::audit::Action as Audited;
use crate::ids::AccountId;
use crate::model::{Account, AccountStatus, Professional, VerifiedBy};
use crate::settings::Approval;

const DOCTOR: &str = "810101010105";
const DOCTORS_NUMBER: &str = "10101010105";
const TWO_PROFESSIONS: &str = "899700218896";
const EMAIL: &str = "jeanne@cabinet.example";

/// An account with the doctor's identity bound.
async fn bound(world: &World) -> AccountId {
    let account = world.account(EMAIL, DOCTORS_NUMBER, AccountStatus::Active).await;
    let mut browser = world.browser();
    let ticket = browser.psc("login", DOCTOR).await.ticket();
    let body = json!({ "ticket": ticket, "account_id": account });
    let attached = browser.post("/api/v1/auth/identity/attach", body).await;
    assert_eq!(
        (attached.status, &attached.body["outcome"]),
        (StatusCode::OK, &json!("done")),
        "{attached:?}"
    );
    account
}

fn outcome(page: &Page) -> (u16, Value) {
    (page.status.as_u16(), page.body["outcome"].clone())
}

#[tokio::test]
async fn the_first_login_shows_the_account_that_claims_the_number_and_the_next_logs_in() {
    let world = World::new(Approval::Psc).await;
    let account = world.account(EMAIL, DOCTORS_NUMBER, AccountStatus::PendingApproval).await;
    let mut browser = world.browser();
    let ticket = browser.psc("login", DOCTOR).await.ticket();
    let offer = browser.redeem(&ticket).await;
    assert_eq!(outcome(&offer), (200, json!("offer")));
    assert_eq!(offer.body["offer"]["accounts"], json!([{ "account_id": account, "email": EMAIL }]));
    assert_eq!(offer.body["offer"]["exercises"][0]["profession_code"], "10");

    let body = json!({ "ticket": ticket, "account_id": account });
    let attached = browser.post("/api/v1/auth/identity/attach", body.clone()).await;
    assert_eq!(outcome(&attached), (200, json!("done")), "{attached:?}");
    assert_eq!(browser.get("/api/v1/me").await.body["id_verified_by"], "psc");
    let stored = world.clinic.store().get::<Account>(&account).unwrap().unwrap();
    assert_eq!(stored.status, AccountStatus::Active);
    assert_eq!(browser.post("/api/v1/auth/identity/attach", body).await.status, StatusCode::NOT_FOUND);

    let mut another = world.browser();
    let ticket = another.psc("login", DOCTOR).await.ticket();
    let done = another.redeem(&ticket).await;
    assert_eq!((outcome(&done), &done.body["session"]["next"]), ((200, json!("done")), &json!("done")));
    assert_eq!(another.get("/api/v1/me").await.status, StatusCode::OK);
    let actions: Vec<Audited> = world.events().iter().map(|event| event.action).collect();
    assert!(actions.contains(&Audited::AuthPsc) && actions.contains(&Audited::AccountApproved));
}

#[tokio::test]
async fn an_account_is_made_with_the_exercise_that_was_chosen_and_is_active_once_its_address_is_confirmed() {
    let world = World::new(Approval::Psc).await;
    let mut browser = world.browser();
    let ticket = browser.psc("login", TWO_PROFESSIONS).await.ticket();
    let mut body = json!({
        "ticket": ticket, "email": "kit@cabinet.example", "accepts_terms": true,
        "interests": ["teleconsultation_domicile"],
    });
    let path = "/api/v1/auth/identity/register";
    let unchosen = browser.post(path, body.clone()).await;
    assert_eq!(unchosen.body["errors"][0], json!({ "pointer": "/exercise", "code": "required" }));
    body["exercise"] = json!(1);
    assert_eq!(browser.post(path, body.clone()).await.status, StatusCode::ACCEPTED);
    assert_eq!(browser.post(path, body).await.status, StatusCode::NOT_FOUND, "the ticket was used up");

    let (clinic, store) = (&world.clinic, world.clinic.store());
    let query = crate::store::Query::new("status", crate::store::IndexKey::new().text("registered"));
    let account = store.list::<Account>(&query).unwrap().items.remove(0).value;
    let professional = store.get::<Professional>(&account.id).unwrap().unwrap();
    assert_eq!(professional.profession_code, "50");
    assert_eq!(professional.national_number, "99700218896");
    assert_eq!(professional.id_verified_by, VerifiedBy::Psc);
    let secret =
        store.write(|tx| make(clinic, tx, MailedPurpose::ConfirmAddress, &account.id)).await.unwrap();
    let confirm = json!({ "token": secret.expose() });
    let confirmed = browser.post("/api/v1/registrations/confirm", confirm).await;
    assert_eq!(confirmed.body["status"], "active");

    let ticket = browser.psc("login", TWO_PROFESSIONS).await.ticket();
    assert_eq!(outcome(&browser.redeem(&ticket).await), (200, json!("done")));
}

#[tokio::test]
async fn nothing_that_a_bad_provider_or_a_thief_makes_is_believed() {
    let world = World::new(Approval::Auto).await;
    bound(&world).await;
    for (fault, reason) in [
        (Fault::Nonce, "token-nonce"),
        (Fault::Audience, "token-audience"),
        (Fault::AudienceOfMany, "token-audience"),
        (Fault::Issuer, "token-issuer"),
        (Fault::Expired, "token-expired"),
        (Fault::Early, "token-time"),
        (Fault::Acr, "token-acr"),
        (Fault::NoAcr, "token-acr"),
        (Fault::Unsigned, "token-algorithm"),
        (Fault::SharedSecret, "token-algorithm"),
        (Fault::OtherKey, "token-signature"),
        (Fault::UnknownKey, "token-key"),
        (Fault::OtherSubject, "userinfo-subject"),
        (Fault::NoIdentity, "userinfo-identity"),
        (Fault::UserinfoOtherKey, "token-signature"),
        (Fault::UserinfoIssuer, "token-issuer"),
        (Fault::UserinfoAudience, "token-audience"),
        (Fault::AnswerIssuer, "token-issuer"),
    ] {
        world.psc.fault(Some(fault));
        let mut browser = world.browser();
        let page = browser.psc("login", DOCTOR).await;
        assert_eq!(page.problem(), "login-failed", "{fault:?}");
        assert_eq!(world.refusal().await, reason, "{fault:?}");
        assert!(!browser.cookies.contains_key("chevet"));
        world.advance(SignedDuration::from_mins(1));
    }
    world.psc.fault(Some(Fault::Down));
    assert_eq!(world.browser().psc("login", DOCTOR).await.problem(), "provider-unavailable");
    world.psc.fault(Some(Fault::UserinfoJwt));
    let mut browser = world.browser();
    let ticket = browser.psc("login", DOCTOR).await.ticket();
    assert_eq!(outcome(&browser.redeem(&ticket).await), (200, json!("done")));
}

#[tokio::test]
async fn a_state_is_good_once_in_its_own_browser_and_for_ten_minutes() {
    let world = World::new(Approval::Auto).await;
    bound(&world).await;
    let mut victim = world.browser();
    let mut thief = world.browser();
    let back = thief.leave_for_psc("login", DOCTOR).await;
    // Login in somebody else's browser, with the thief's code and state.
    assert_eq!(victim.get(&back).await.problem(), "login-expired");
    let page = thief.get(&back).await;
    assert_eq!(thief.get(&back).await.problem(), "login-expired", "played again");
    // The ticket too is worth nothing elsewhere.
    assert_eq!(victim.redeem(&page.ticket()).await.status, StatusCode::NOT_FOUND);
    assert_eq!(outcome(&thief.redeem(&page.ticket()).await), (200, json!("done")));
    assert_eq!(thief.redeem(&page.ticket()).await.status, StatusCode::NOT_FOUND);

    let back = victim.leave_for_psc("login", DOCTOR).await;
    world.advance(SignedDuration::from_mins(11));
    assert_eq!(victim.get(&back).await.problem(), "login-expired");
}

#[tokio::test]
async fn a_code_that_was_used_already_is_refused_by_the_provider_and_told_as_a_failed_login() {
    let world = World::new(Approval::Auto).await;
    bound(&world).await;
    let mut browser = world.browser();
    let first = browser.leave_for_psc("login", DOCTOR).await;
    let used = first.split("code=").nth(1).unwrap().split('&').next().unwrap().to_owned();
    browser.get(&first).await.ticket();
    let second = browser.leave_for_psc("login", DOCTOR).await;
    let fresh = second.split("code=").nth(1).unwrap().split('&').next().unwrap();
    let replayed = second.replace(fresh, &used);
    assert_eq!(browser.get(&replayed).await.problem(), "login-failed");
    assert_eq!(world.refusal().await, "code");
}

#[tokio::test]
async fn whoever_cancels_over_there_is_told_so() {
    let world = World::new(Approval::Auto).await;
    assert_eq!(world.browser().psc("login", "").await.problem(), "login-cancelled");
}

#[tokio::test]
async fn a_suspended_account_is_not_opened_by_its_identity() {
    let world = World::new(Approval::Auto).await;
    let id = bound(&world).await;
    let mut account = world.clinic.store().get::<Account>(&id).unwrap().unwrap();
    account.status = AccountStatus::Suspended;
    world.clinic.store().write(|tx| tx.update(&mut account)).await.unwrap();
    let mut browser = world.browser();
    let ticket = browser.psc("login", DOCTOR).await.ticket();
    let refused = browser.redeem(&ticket).await;
    assert_eq!((refused.status, &refused.body["code"]), (StatusCode::UNAUTHORIZED, &json!("login-failed")));
    assert_eq!(world.refusal().await, "account-not-open");
}

#[tokio::test]
async fn presence_is_proven_by_the_own_identity_shown_anew() {
    let world = World::new(Approval::Auto).await;
    let account = bound(&world).await;
    let mut browser = world.browser_of(&account).await;
    world.advance(SignedDuration::from_mins(20));
    let session = browser.get("/api/v1/auth/session").await;
    assert!(session.body.get("present_until").is_none());

    let nurse = browser.psc("presence", "812345678903").await.ticket();
    assert_eq!(browser.redeem(&nurse).await.status, StatusCode::FORBIDDEN);
    assert_eq!(world.refusal().await, "other-identity");
    world.psc.fault(Some(Fault::OldLogin));
    assert_eq!(browser.psc("presence", DOCTOR).await.problem(), "login-failed");
    assert_eq!(world.refusal().await, "token-not-fresh");
    world.psc.fault(None);
    let ticket = browser.psc("presence", DOCTOR).await.ticket();
    let stranger = world.account("o@cabinet.example", "12345678903", AccountStatus::Active).await;
    let mut other = world.browser_of(&stranger).await;
    other.cookies.insert("chevet-login".into(), browser.cookies["chevet-login"].clone());
    assert_eq!(other.redeem(&ticket).await.status, StatusCode::UNAUTHORIZED);
    let done = browser.redeem(&ticket).await;
    assert_eq!(outcome(&done), (200, json!("done")), "{done:?}");
    assert!(browser.get("/api/v1/auth/session").await.body["present_until"].is_string());

    let without = world.browser().get("/api/v1/auth/psc/start?purpose=presence").await;
    assert_eq!(without.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn somebody_logged_in_binds_the_own_identity_and_no_other() {
    let world = World::new(Approval::Auto).await;
    let account = world.account(EMAIL, DOCTORS_NUMBER, AccountStatus::Active).await;
    let mut browser = world.browser_of(&account).await;
    let nurse = browser.psc("attach", "812345678903").await.ticket();
    assert_eq!(browser.redeem(&nurse).await.status, StatusCode::FORBIDDEN);
    let own = browser.psc("attach", DOCTOR).await.ticket();
    assert_eq!(outcome(&browser.redeem(&own).await), (200, json!("done")));
    // A second account with the number cannot have the identity as well.
    let second = world.account("autre@cabinet.example", DOCTORS_NUMBER, AccountStatus::Active).await;
    let mut other = world.browser_of(&second).await;
    let ticket = other.psc("attach", DOCTOR).await.ticket();
    assert_eq!(other.redeem(&ticket).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn logging_out_here_leads_to_the_logout_over_there_and_the_other_way_round() {
    let world = World::new(Approval::Auto).await;
    bound(&world).await;
    let mut browser = world.browser();
    let ticket = browser.psc("login", DOCTOR).await.ticket();
    browser.redeem(&ticket).await;
    let out = browser.post("/api/v1/auth/logout", Value::Null).await;
    let there = out.body["continue_at"].as_str().unwrap().to_owned();
    let back = browser.get(&there).await;
    assert_eq!((back.location, world.psc.logouts()), (Some(format!("{}/connexion", world.url)), 1));

    let ticket = browser.psc("login", DOCTOR).await.ticket();
    browser.redeem(&ticket).await;
    assert_eq!(browser.get("/api/v1/me").await.status, StatusCode::OK);
    let token = world.psc.logout_token(&PEOPLE[0]);
    let path = "/api/v1/auth/psc/backchannel-logout";
    let mut provider = world.browser();
    let forged = format!("logout_token={}x", token);
    assert_eq!(provider.form(path, &forged).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(browser.get("/api/v1/me").await.status, StatusCode::OK);
    let form = format!("logout_token={token}");
    assert_eq!(provider.form(path, &form).await.status, StatusCode::OK);
    assert_eq!(browser.get("/api/v1/me").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(provider.form(path, &form).await.status, StatusCode::BAD_REQUEST, "played again");
}

#[tokio::test]
async fn without_configuration_the_adapters_say_so() {
    let world = World::with(Approval::Auto, |config| {
        config.psc = None;
        config.cps = None;
    })
    .await;
    for path in ["/api/v1/auth/psc/start", "/api/v1/auth/psc/callback", "/api/v1/auth/cps/start"] {
        let page = world.browser().get(path).await;
        assert_eq!(
            (page.status.as_u16(), &page.body["code"]),
            (501, &json!("adapter-not-configured")),
            "{path}"
        );
    }
}
