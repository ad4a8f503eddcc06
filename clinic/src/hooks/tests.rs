use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use aws_lc_rs::hmac;
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::routing::post;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use jiff::SignedDuration;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::{Happened, emit};
use crate::audit::{self, Action as Audited};
use crate::crypto::Purpose;
use crate::ids::{AccountId, ApiClientId, ConsultationId};
use crate::model::identifier::ActFamily;
use crate::model::{Account, ApiClient, Consultation, Kind, Role, Scope, Status};
use crate::outbox::{Channel, Deliver, DeliveryError, Message, Receipt};
use crate::testing::{TestClinic, account};

/// What a portal received, and what it answers.
#[derive(Clone, Default)]
struct Portal {
    received: Arc<Mutex<Vec<(HeaderMap, String)>>>,
    answers: Arc<Mutex<Vec<u16>>>,
}

impl Portal {
    async fn start(&self) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let app = Router::new().route("/hook", post(receive)).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        url
    }

    fn received(&self) -> Vec<(HeaderMap, String)> {
        self.received.lock().unwrap().clone()
    }

    /// Waits until so many have come.
    async fn wait(&self, count: usize) -> Vec<(HeaderMap, String)> {
        until(|| self.received().len() >= count).await;
        self.received()
    }
}

async fn receive(State(portal): State<Portal>, headers: HeaderMap, body: Bytes) -> StatusCode {
    portal.received.lock().unwrap().push((headers, String::from_utf8(body.to_vec()).unwrap()));
    let mut answers = portal.answers.lock().unwrap();
    let answer = if answers.is_empty() { 204 } else { answers.remove(0) };
    StatusCode::from_u16(answer).unwrap()
}

async fn until(holds: impl Fn() -> bool) {
    let waited = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), waited).await.expect("it happens");
}

/// Checks a signature by the standard's text and not by our code: the key is what stands behind `whsec_`, in base64.
fn good_for(secret: &str, headers: &HeaderMap, body: &str) -> bool {
    let text = |name: &str| headers[name].to_str().unwrap().to_owned();
    let key = STANDARD.decode(secret.split_once('_').unwrap().1).unwrap();
    let signed = [text("webhook-id"), text("webhook-timestamp"), body.to_owned()].join(".");
    text("webhook-signature").split(' ').filter_map(|part| part.strip_prefix("v1,")).any(|signature| {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
        hmac::verify(&key, signed.as_bytes(), &STANDARD.decode(signature).unwrap()).is_ok()
    })
}

async fn clinic(private: bool) -> TestClinic {
    TestClinic::with(|config| config.webhooks_to_private_networks = private).await
}

async fn portal_client(clinic: &TestClinic, secret: &str) -> ApiClient {
    let now = clinic.clock().now();
    let client = ApiClient {
        id: ApiClientId::new(now),
        name: "Portail".into(),
        scopes: vec![Scope::WebhooksWrite],
        accounts: Vec::new(),
        allowed_origins: Vec::new(),
        secrets: vec![clinic.lookup().hash(Purpose::ApiSecret, secret)],
        mtls_fingerprint: None,
        rate_per_minute: 1000,
        created_at: now,
        disabled_at: None,
    };
    clinic.store().write(|tx| tx.insert(&client)).await.unwrap();
    client
}

async fn call(clinic: &TestClinic, secret: &str, method: Method, path: &str, body: Value) -> (u16, Value) {
    let request = Request::builder()
        .method(method)
        .uri(format!("/api/v1/webhook-endpoints{path}"))
        .header("content-type", "application/json")
        .header("authorization", format!("Bearer {secret}"))
        .body(Body::from(body.to_string()));
    let response = clinic.router().oneshot(request.unwrap()).await.unwrap();
    let status = response.status().as_u16();
    let bytes = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
    (status, serde_json::from_slice(&bytes).unwrap_or_default())
}

/// Registers and gives the path of the endpoint and its secret.
async fn register(clinic: &TestClinic, secret: &str, url: &str, events: &[&str]) -> (String, String) {
    let body = json!({ "url": url, "events": events });
    let (status, made) = call(clinic, secret, Method::POST, "", body).await;
    assert_eq!(status, 201, "{made}");
    let id = made["endpoint"]["id"].as_str().unwrap();
    (format!("/{id}"), made["secret"].as_str().unwrap().to_owned())
}

fn consultation(clinic: &TestClinic, owner: &AccountId, client: Option<&ApiClientId>) -> Consultation {
    let now = clinic.clock().now();
    let whole = json!({
        "id": ConsultationId::new(now), "kind": Kind::Dossier, "act_family": ActFamily::Teleconsultation,
        "owner": owner, "created_by": owner, "created_at": now, "slot_start": now, "slot_end": now,
        "time_zone": "Europe/Paris", "early_minutes": 10, "late_minutes": 15, "status": Status::Scheduled,
        "status_since": now, "external_ref": { "system": "portail", "value": "rdv-7" }, "api_client": client,
    });
    serde_json::from_value(whole).unwrap()
}

async fn happen(clinic: &TestClinic, event: &str, consultation: &Consultation) {
    let now = clinic.clock().now();
    let about = [("invitation_id", "inv_1")];
    clinic.store().write(|tx| emit(tx, now, Happened { event, consultation, about: &about })).await.unwrap();
    clinic.outbox().wake();
}

async fn state(clinic: &TestClinic, secret: &str, endpoint: &str) -> Value {
    let (status, log) =
        call(clinic, secret, Method::GET, &format!("{endpoint}/deliveries"), Value::Null).await;
    assert_eq!(status, 200, "{log}");
    log["items"][0].clone()
}

#[tokio::test]
async fn an_event_reaches_those_who_may_and_want_to_know_signed_and_without_a_person() {
    let clinic = clinic(true).await;
    let (mine, theirs) = (Portal::default(), Portal::default());
    let client = portal_client(&clinic, "chs_1").await;
    let mut other = portal_client(&clinic, "chs_2").await;
    let (_, secret) = register(&clinic, "chs_1", &mine.start().await, &["consultation.created"]).await;
    let (_, their_secret) = register(&clinic, "chs_2", &theirs.start().await, &[]).await;
    let owner = AccountId::new(clinic.clock().now());
    let planned = consultation(&clinic, &owner, Some(&client.id));
    happen(&clinic, "consultation.created", &planned).await;
    happen(&clinic, "patient.waiting", &planned).await;

    let received = mine.wait(1).await;
    let (headers, body) = &received[0];
    assert!(good_for(&secret, headers, body) && !good_for(&their_secret, headers, body));
    assert!(!good_for(&secret, headers, &body.replace("created", "started")));
    let sent: Value = serde_json::from_str(body).unwrap();
    assert_eq!(headers["webhook-id"].to_str().unwrap(), sent["id"]);
    assert_eq!(headers["webhook-timestamp"].to_str().unwrap(), clinic.clock().now().as_second().to_string());
    let data = json!({
        "consultation_id": planned.id, "invitation_id": "inv_1",
        "external_ref": { "system": "portail", "value": "rdv-7" },
    });
    assert_eq!((&sent["type"], &sent["data"]), (&json!("consultation.created"), &data));

    let theirs_received = theirs.wait(2).await;
    assert!(theirs_received.iter().all(|(_, body)| !body.contains("rdv-7")), "another portal's reference");
    assert_eq!(mine.received().len(), 1, "only what was subscribed to");

    // A portal that acts for others only hears nothing of this professional.
    other.accounts = vec![AccountId::new(clinic.clock().now())];
    clinic.store().write(|tx| tx.put(&other)).await.unwrap();
    happen(&clinic, "consultation.created", &planned).await;
    mine.wait(2).await;
    assert_eq!(theirs.received().len(), 2);
}

#[tokio::test]
async fn a_failed_delivery_is_tried_again_with_the_same_id_and_stands_in_the_log() {
    let clinic = clinic(true).await;
    let portal = Portal::default();
    *portal.answers.lock().unwrap() = vec![500, 302];
    portal_client(&clinic, "chs_1").await;
    let (endpoint, secret) = register(&clinic, "chs_1", &portal.start().await, &[]).await;
    let (status, queued) =
        call(&clinic, "chs_1", Method::POST, &format!("{endpoint}/test"), Value::Null).await;
    assert_eq!(status, 202, "{queued}");
    for tries in 1..=2 {
        portal.wait(tries).await;
        // The next try is due only after this one was put back.
        tokio::time::sleep(Duration::from_millis(100)).await;
        clinic.clock().advance(SignedDuration::from_mins(5));
    }
    let received = portal.wait(3).await;
    let ids: Vec<&str> =
        received.iter().map(|(headers, _)| headers["webhook-id"].to_str().unwrap()).collect();
    assert!(ids.iter().all(|id| *id == queued["delivery_id"]), "{ids:?}");
    assert!(received.iter().all(|(headers, body)| good_for(&secret, headers, body)));
    let mut log = Value::Null;
    for _ in 0..200 {
        log = state(&clinic, "chs_1", &endpoint).await;
        if log["state"] == "delivered" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let statuses: Vec<&Value> =
        log["tries"].as_array().unwrap().iter().map(|tried| &tried["status"]).collect();
    assert_eq!((&log["state"], statuses), (&json!("delivered"), vec![&json!(500), &json!(302), &json!(204)]));

    let again = format!("{endpoint}/deliveries/{}/redeliver", log["id"].as_str().unwrap());
    assert_eq!(call(&clinic, "chs_1", Method::POST, &again, Value::Null).await.0, 202);
    let received = portal.wait(4).await;
    assert_eq!(received[3].0["webhook-id"], received[0].0["webhook-id"]);
    assert_eq!(received[3].1, received[0].1);
}

#[derive(Default)]
struct Mailbox(Mutex<Vec<Message>>);

#[async_trait]
impl Deliver for Mailbox {
    async fn deliver(&self, message: &Message) -> Result<Receipt, DeliveryError> {
        self.0.lock().unwrap().push(message.clone());
        Ok(Receipt::default())
    }
}

#[tokio::test]
async fn an_endpoint_that_says_gone_is_switched_off_and_the_administrators_are_mailed() {
    let clinic = clinic(true).await;
    let mailbox = Arc::new(Mailbox::default());
    clinic.outbox().send_by(Channel::Email, mailbox.clone());
    let admin = Account { roles: vec![Role::OrgAdmin], ..account(&clinic, "chef@cabinet.example") };
    clinic.store().write(|tx| tx.insert(&admin)).await.unwrap();
    let portal = Portal::default();
    *portal.answers.lock().unwrap() = vec![410];
    portal_client(&clinic, "chs_1").await;
    let (endpoint, _) = register(&clinic, "chs_1", &portal.start().await, &[]).await;
    call(&clinic, "chs_1", Method::POST, &format!("{endpoint}/test"), Value::Null).await;
    until(|| !mailbox.0.lock().unwrap().is_empty()).await;
    assert_eq!(mailbox.0.lock().unwrap()[0].template, "webhook-disabled");
    let (_, read) = call(&clinic, "chs_1", Method::GET, &endpoint, Value::Null).await;
    assert_eq!(read["enabled"], false);
    let trail = audit::read(clinic.store(), 0, 1000).unwrap();
    assert!(trail.iter().any(|stored| stored.event.action == Audited::WebhookDisabled));
    let (status, _) = call(&clinic, "chs_1", Method::POST, &format!("{endpoint}/test"), Value::Null).await;
    assert_eq!(status, 409);
    let on = call(&clinic, "chs_1", Method::PATCH, &endpoint, json!({ "enabled": true })).await;
    assert_eq!(on.1["enabled"], true);
    call(&clinic, "chs_1", Method::POST, &format!("{endpoint}/test"), Value::Null).await;
    portal.wait(2).await;
}

#[tokio::test]
async fn both_secrets_sign_for_a_day_after_the_exchange_and_then_the_new_one_alone() {
    let clinic = clinic(true).await;
    let portal = Portal::default();
    portal_client(&clinic, "chs_1").await;
    let (endpoint, old) = register(&clinic, "chs_1", &portal.start().await, &[]).await;
    let (status, rotated) =
        call(&clinic, "chs_1", Method::POST, &format!("{endpoint}/secret"), Value::Null).await;
    assert_eq!(status, 201);
    let new = rotated["secret"].as_str().unwrap().to_owned();
    for (at, old_signs) in [(0, true), (1, false)] {
        call(&clinic, "chs_1", Method::POST, &format!("{endpoint}/test"), Value::Null).await;
        let (headers, body) = portal.wait(at + 1).await.remove(at);
        assert_eq!((good_for(&new, &headers, &body), good_for(&old, &headers, &body)), (true, old_signs));
        clinic.clock().advance(SignedDuration::from_hours(25));
    }
}

#[tokio::test]
async fn targets_inside_are_refused_when_they_are_registered_and_when_a_name_leads_there() {
    let clinic = clinic(false).await;
    portal_client(&clinic, "chs_1").await;
    for url in ["https://127.0.0.1/", "https://[::1]/", "https://169.254.169.254/", "http://portail.example/"]
    {
        let (status, refused) = call(&clinic, "chs_1", Method::POST, "", json!({ "url": url })).await;
        assert_eq!((status, &refused["errors"][0]["code"]), (422, &json!("target-not-allowed")), "{url}");
    }
    let (status, refused) =
        call(&clinic, "chs_1", Method::POST, "", json!({ "url": "https://p.example/", "events": ["x"] }))
            .await;
    assert_eq!((status, &refused["errors"][0]["pointer"]), (422, &json!("/events/0")));

    // Registered when it was allowed, and refused at the time of sending since the setting changed.
    let (endpoint, _) = register(&clinic, "chs_1", "https://portail.example/", &[]).await;
    let id = endpoint.trim_start_matches('/');
    let mut stored = clinic.store().get::<crate::model::WebhookEndpoint>(id).unwrap().unwrap();
    stored.url = "https://localhost/".into();
    clinic.store().write(|tx| tx.update(&mut stored)).await.unwrap();
    call(&clinic, "chs_1", Method::POST, &format!("{endpoint}/test"), Value::Null).await;
    let mut log = Value::Null;
    for _ in 0..500 {
        log = state(&clinic, "chs_1", &endpoint).await;
        if log["state"] == "failed" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!((&log["state"], &log["tries"][0]["error"]), (&json!("failed"), &json!("target-not-allowed")));
}

#[tokio::test]
async fn another_portals_endpoints_are_not_there() {
    let clinic = clinic(true).await;
    portal_client(&clinic, "chs_1").await;
    portal_client(&clinic, "chs_2").await;
    let (endpoint, _) = register(&clinic, "chs_1", "https://portail.example/", &[]).await;
    for (method, more) in [
        (Method::GET, ""),
        (Method::PATCH, ""),
        (Method::DELETE, ""),
        (Method::POST, "/secret"),
        (Method::POST, "/test"),
        (Method::GET, "/deliveries"),
    ] {
        let path = format!("{endpoint}{more}");
        assert_eq!(call(&clinic, "chs_2", method, &path, json!({})).await.0, 404, "{more}");
    }
    assert_eq!(call(&clinic, "chs_2", Method::GET, "", Value::Null).await.1["items"], json!([]));
    assert_eq!(call(&clinic, "chs_1", Method::DELETE, &endpoint, Value::Null).await.0, 204);
    assert_eq!(call(&clinic, "chs_1", Method::GET, &endpoint, Value::Null).await.0, 404);
}
