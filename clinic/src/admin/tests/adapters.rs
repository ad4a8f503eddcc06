use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::documents::ClamdAddress;
use crate::messages::settings::{MailConfig, MailTls};

async fn of(world: &World, admin: &Browser, name: &str) -> Value {
    let all = world.get(admin, "/api/v1/admin/adapters").await;
    all["items"].as_array().unwrap().iter().find(|one| one["name"] == name).unwrap().clone()
}

/// A clamd that gives one answer to everybody.
async fn clamd(answer: &'static [u8]) -> ClamdAddress {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut asked = Vec::new();
            let mut piece = [0; 1024];
            while !asked.ends_with(&[0; 4]) {
                match stream.read(&mut piece).await {
                    Ok(read) if read > 0 => asked.extend_from_slice(&piece[..read]),
                    _ => break,
                }
            }
            let _ = stream.write_all(answer).await;
        }
    });
    ClamdAddress::Tcp(address)
}

#[tokio::test]
async fn what_is_not_configured_says_so_and_cannot_be_tried() {
    let world = World::new().await;
    let (admin, _) = administrator(&world).await;
    let all = world.get(&admin, "/api/v1/admin/adapters").await;
    let items = all["items"].as_array().unwrap();
    let names: Vec<&str> = items.iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["mail", "sms", "psc", "cps", "clamd", "payment", "timestamp"]);
    for one in items {
        assert_eq!((&one["configured"], &one["last_success_at"]), (&json!(false), &json!(null)));
        let path = format!("/api/v1/admin/adapters/{}/test", one["name"].as_str().unwrap());
        assert_eq!(world.refused(&admin, &path, Value::Null).await, (501, "adapter-not-configured".into()));
    }
    let unknown = world.refused(&admin, "/api/v1/admin/adapters/fax/test", Value::Null).await;
    assert_eq!(unknown, (404, "not-found".into()));
}

#[tokio::test]
async fn a_test_mail_goes_to_the_administrators_own_address() {
    let world = World::with(|config| {
        config.mail = Some(MailConfig {
            server: "127.0.0.1".into(),
            port: 1,
            tls: MailTls::Off,
            ca_pem: None,
            login: None,
            from: "chevet@cabinet.example".into(),
            reply_to: String::new(),
        });
    })
    .await;
    let (admin, _) = administrator(&world).await;
    let path = "/api/v1/admin/adapters/mail/test";
    // The mailbox of the tests stands in for the relay.
    let tried = world.did(&admin, path, Value::Null).await;
    assert_eq!((&tried["ok"], &tried["code"]), (&json!(true), &json!("sent")));
    let mail = world.mail("chef@cabinet.example", "test-message").await;
    assert_eq!(mail.locale, "fr");
    assert!(world.clinic.outbox().about(&mail.about).unwrap().is_empty(), "it is kept nowhere");
    assert_eq!(of(&world, &admin, "mail").await["kind"], "smtp");
}

#[tokio::test]
async fn a_relay_that_does_not_answer_is_told_and_remembered() {
    let clinic = World::with(|config| {
        config.mail = Some(MailConfig {
            server: "127.0.0.1".into(),
            port: 1,
            tls: MailTls::Off,
            ca_pem: None,
            login: None,
            from: "chevet@cabinet.example".into(),
            reply_to: String::new(),
        });
    })
    .await;
    let (admin, _) = administrator(&clinic).await;
    crate::messages::install(&clinic.clinic).unwrap();
    let tried = clinic.did(&admin, "/api/v1/admin/adapters/mail/test", Value::Null).await;
    assert_eq!((&tried["ok"], &tried["code"]), (&json!(false), &json!("smtp-unreachable")));
    let mail = of(&clinic, &admin, "mail").await;
    assert_eq!(mail["last_failure_code"], "smtp-unreachable");
    assert!(mail["last_failure_at"].is_string() && mail["last_success_at"].is_null());
}

#[tokio::test]
async fn a_test_message_needs_a_number_in_ones_own_profile() {
    let gateway = crate::messages::settings::SmsConfig {
        gateway: crate::messages::settings::GatewayConfig::Twilio {
            url: "http://127.0.0.1:1".into(),
            account: "x".into(),
            token: crate::crypto::Secret::new("x"),
        },
        sender: "x".into(),
        receipts_secret: crate::crypto::Secret::new(""),
    };
    let world = World::with(|config| config.sms = Some(gateway)).await;
    let path = "/api/v1/admin/adapters/sms/test";
    let (admin, _) = administrator(&world).await;
    let answer = call(&world, &admin, Method::POST, path, Value::Null).await;
    assert_eq!(faults(&answer), [("/mobile".to_owned(), "required".to_owned())]);
    let (both, _) = world
        .person("deux@cabinet.example", |account, professional| {
            account.roles.push(Role::OrgAdmin);
            professional.mobile = Some("+33612345670".into());
        })
        .await;
    let tried = world.did(&both, path, Value::Null).await;
    assert_eq!(tried["ok"], true);
    world.mail("+33612345670", "test-message").await;
}

#[tokio::test]
async fn a_scanner_is_asked_about_something_harmless() {
    for (answer, ok, word) in [
        (b"stream: OK\0".as_slice(), true, "clean"),
        (b"stream: Everything FOUND\0", false, "bad-answer"),
        (b"hello\0", false, "bad-answer"),
    ] {
        let address = clamd(answer).await;
        let world = World::with(|config| config.documents.clamd = Some(address)).await;
        let (admin, _) = administrator(&world).await;
        let tried = world.did(&admin, "/api/v1/admin/adapters/clamd/test", Value::Null).await;
        assert_eq!((&tried["ok"], &tried["code"]), (&json!(ok), &json!(word)));
        let clamd = of(&world, &admin, "clamd").await;
        assert_eq!(clamd["last_success_at"].is_string(), ok);
        assert_eq!(clamd["last_failure_code"].is_string(), !ok);
    }
}

#[tokio::test]
async fn tries_are_limited_and_stand_in_the_trail() {
    let address = clamd(b"stream: OK\0").await;
    let world = World::with(|config| config.documents.clamd = Some(address)).await;
    let (admin, _) = administrator(&world).await;
    let path = "/api/v1/admin/adapters/clamd/test";
    for _ in 0..6 {
        world.did(&admin, path, Value::Null).await;
    }
    assert_eq!(world.refused(&admin, path, Value::Null).await, (429, "quota-exceeded".into()));
    let events = crate::audit::read(world.clinic.store(), 0, 100).unwrap();
    let tested = events.iter().filter(|one| one.event.action.as_str() == "admin.adapter_tested");
    assert_eq!(tested.count(), 6);
}
