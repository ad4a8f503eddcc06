//! Logins by card through real TLS, with cards of the test authority.

use std::sync::Arc;

use chevet_emulators::cards::{Card, Cards, DOCTOR, Flaw, NURSE};
use http::StatusCode;
use jiff::SignedDuration;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::accounts::identity::world::{Page, World};
use crate::fetch;
use crate::ids::AccountId;
use crate::model::AccountStatus;
use crate::settings::Approval;

const NUMBER: &str = "10101010105";

/// Asks the card's host with a card. `None` when it refuses the handshake.
pub async fn show_card(world: &World, url: &str, card: Option<&Card>) -> Option<Page> {
    let mut roots = rustls::RootCertStore::empty();
    let authority = CertificateDer::from_pem_slice(world.cards.host_authority_pem().as_bytes()).unwrap();
    roots.add(authority).unwrap();
    let builder = rustls::ClientConfig::builder_with_provider(fetch::provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let config = match card {
        None => builder.with_no_client_auth(),
        Some(card) => {
            let chain = vec![CertificateDer::from(card.certificate_der.clone())];
            let key = PrivateKeyDer::try_from(card.key_der.clone()).unwrap();
            builder.with_client_auth_cert(chain, key).unwrap()
        }
    };
    let host = world.clinic.cps().unwrap();
    let path = url.strip_prefix(&host.url).expect("an address of the card's host");
    let stream = TcpStream::connect(host.address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    // In TLS 1.3 the client is done before the server has judged the card: the refusal may come with the first read.
    let mut stream = connector.connect(name, stream).await.ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n");
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer).await;
    let answer = String::from_utf8(answer).unwrap();
    if answer.is_empty() {
        read.expect_err("an alert");
        return None;
    }
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    let location = answer.lines().find_map(|line| line.strip_prefix("location: ")).map(str::to_owned);
    Some(Page { status: StatusCode::from_u16(status).unwrap(), location, body: Value::Null })
}

async fn bound(world: &World) -> (AccountId, Card) {
    let account = world.account("jeanne@cabinet.example", NUMBER, AccountStatus::PendingApproval).await;
    let card = world.cards.card(DOCTOR, Flaw::Nothing).unwrap();
    let mut browser = world.browser();
    let ticket = browser.cps(world, "login", Some(&card)).await.unwrap().ticket();
    let offer = browser.redeem(&ticket).await;
    assert_eq!(offer.body["offer"]["accounts"][0]["account_id"], json!(account));
    assert_eq!(offer.body["offer"]["exercise_name"], "MARTIN");
    let body = json!({ "ticket": ticket, "account_id": account });
    let done = browser.post("/api/v1/auth/identity/attach", body).await;
    assert_eq!(done.body["outcome"], "done", "{done:?}");
    (account, card)
}

#[tokio::test]
async fn a_card_makes_the_account_active_at_its_first_login_and_logs_in_from_then_on() {
    let world = World::new(Approval::Psc).await;
    let (account, card) = bound(&world).await;
    let mut browser = world.browser();
    let page = browser.cps(&world, "login", Some(&card)).await.unwrap();
    let done = browser.redeem(&page.ticket()).await;
    assert_eq!(
        (&done.body["outcome"], &done.body["session"]["account_id"]),
        (&json!("done"), &json!(account))
    );
    let me = browser.get("/api/v1/me").await;
    assert_eq!((me.status, &me.body["id_verified_by"]), (StatusCode::OK, &json!("cps")));
    // The ticket was for one browser, once.
    assert_eq!(browser.redeem(&page.ticket()).await.status, StatusCode::NOT_FOUND);
    let page = browser.cps(&world, "login", Some(&card)).await.unwrap();
    assert_eq!(world.browser().redeem(&page.ticket()).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn no_other_certificate_gets_through_the_handshake() {
    let world = World::new(Approval::Auto).await;
    for (flaw, reason) in [
        (Flaw::Expired, "card-expired"),
        (Flaw::NotYetValid, "card-not-valid-yet"),
        (Flaw::OtherAuthority, "card-of-another-authority"),
        (Flaw::NoUsage, "card-purpose"),
        (Flaw::ServerUsage, "card-purpose"),
    ] {
        let before = world.events().len();
        let card = world.cards.card(DOCTOR, flaw).unwrap();
        let page = world.browser().cps(&world, "login", Some(&card)).await;
        assert!(page.is_none(), "{flaw:?}: {page:?}");
        while world.events().len() == before {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        let refusal = world.refusal().await;
        assert!(
            refusal == reason || (flaw == Flaw::OtherAuthority && refusal == "card-invalid"),
            "{flaw:?}: {refusal}"
        );
    }
}

#[tokio::test]
async fn a_card_that_was_lost_is_refused_as_soon_as_the_list_says_so() {
    let world = World::new(Approval::Psc).await;
    let (_, card) = bound(&world).await;
    let now = world.clinic.clock().now().as_second().try_into().unwrap();
    let list = world.cards.revocation_list(&[&card], now, 7).unwrap();
    std::fs::write(&world.list, list).unwrap();
    assert!(world.browser().cps(&world, "login", Some(&card)).await.is_none());
    assert_eq!(world.refusal().await, "card-revoked");
    let another = world.cards.card(NURSE, Flaw::Nothing).unwrap();
    world.browser().cps(&world, "login", Some(&another)).await.unwrap().ticket();
}

#[tokio::test]
async fn a_stale_or_broken_list_lets_nobody_in_until_a_new_one_comes() {
    let world = World::new(Approval::Auto).await;
    let card = world.cards.card(DOCTOR, Flaw::Nothing).unwrap();
    world.advance(SignedDuration::from_hours(8 * 24));
    assert!(world.browser().cps(&world, "login", Some(&card)).await.is_none());
    assert_eq!(world.refusal().await, "revocation-list-stale");
    std::fs::write(&world.list, "not a list").unwrap();
    let start = world.browser().get("/api/v1/auth/cps/start").await.location.unwrap();
    let host = world.clinic.cps().unwrap();
    let mut stream = TcpStream::connect(host.address).await.unwrap();
    assert_eq!(stream.read(&mut [0; 1]).await.unwrap_or(0), 0, "not even TLS: {start}");
    let now = world.clinic.clock().now().as_second().try_into().unwrap();
    std::fs::write(&world.list, world.cards.revocation_list(&[], now, 7).unwrap()).unwrap();
    world.browser().cps(&world, "login", Some(&card)).await.unwrap().ticket();
}

#[tokio::test]
async fn a_list_that_the_authority_of_the_cards_did_not_sign_lets_nobody_in() {
    let world = World::new(Approval::Auto).await;
    let card = world.cards.card(DOCTOR, Flaw::Nothing).unwrap();
    let now = world.clinic.clock().now().as_second().try_into().unwrap();
    let forged = Cards::new(now).unwrap().revocation_list(&[], now, 7).unwrap();
    std::fs::write(&world.list, forged).unwrap();
    assert!(world.browser().cps(&world, "login", Some(&card)).await.is_none());
    assert_eq!(world.refusal().await, "revocation-list-invalid");
}

#[tokio::test]
async fn without_a_card_or_without_an_attempt_there_is_a_page_that_says_so() {
    let world = World::new(Approval::Auto).await;
    let page = world.browser().cps(&world, "login", None).await.unwrap();
    assert_eq!(page.problem(), "card-missing");
    let card = world.cards.card(DOCTOR, Flaw::Nothing).unwrap();
    let host = world.clinic.cps().unwrap().url.clone();
    let forged = show_card(&world, &format!("{host}/login?state=forged"), Some(&card)).await.unwrap();
    assert_eq!(forged.problem(), "login-expired");
    let elsewhere = show_card(&world, &format!("{host}/api/v1/me"), Some(&card)).await.unwrap();
    assert_eq!(elsewhere.status, StatusCode::NOT_FOUND);
    let nobody = world.cards.card(DOCTOR, Flaw::NoIdentifier).unwrap();
    let page = world.browser().cps(&world, "login", Some(&nobody)).await.unwrap();
    assert_eq!(page.problem(), "login-failed");
    assert_eq!(world.refusal().await, "card-names-nobody");
}

#[tokio::test]
async fn presence_is_proven_by_the_own_card_only() {
    let world = World::new(Approval::Psc).await;
    let (account, card) = bound(&world).await;
    let mut browser = world.browser_of(&account).await;
    world.advance(SignedDuration::from_mins(20));
    let other = world.cards.card(NURSE, Flaw::Nothing).unwrap();
    let ticket = browser.cps(&world, "presence", Some(&other)).await.unwrap().ticket();
    assert_eq!(browser.redeem(&ticket).await.status, StatusCode::FORBIDDEN);
    let ticket = browser.cps(&world, "presence", Some(&card)).await.unwrap().ticket();
    assert_eq!(browser.redeem(&ticket).await.body["outcome"], "done");
    assert!(browser.get("/api/v1/auth/session").await.body["present_until"].is_string());
}
