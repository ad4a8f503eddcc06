//! Through the public API, with a clock that stands still and a `control` that does as it is told.

mod call;
mod documents;
mod dossier;
mod fake;
mod feedback;
mod hidden;
mod immediate;
mod links;
mod portals;
mod real;
mod signature;
mod time;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::body::Body;
use http::{Method, Request, StatusCode};
use jiff::SignedDuration;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::clock::Clock;
use crate::crypto::{Purpose, Secret};
use crate::http::session;
use crate::ids::AccountId;
use crate::model::{
    Account, Defaults, INTEREST_TELECONSULTATION, IdType, LoginMethod, Practice, Professional, Role, Session,
    Subject, VerifiedBy,
};
use crate::outbox::{Channel, Deliver, DeliveryError, Message, Receipt};
use crate::store::IndexKey;
use crate::testing::{TestClinic, account, afternoon};
use fake::FakeControl;

pub(crate) const PHONE: &str = "06 12 34 56 78";

#[derive(Default)]
pub(crate) struct Mailbox(Mutex<Vec<Message>>);

#[async_trait]
impl Deliver for Mailbox {
    async fn deliver(&self, message: &Message) -> Result<Receipt, DeliveryError> {
        self.0.lock().unwrap().push(message.clone());
        Ok(Receipt { provider_id: None, delivered: message.channel == Channel::Sms })
    }
}

/// A browser, or a portal.
#[derive(Clone, Debug, Default)]
pub(crate) struct Browser {
    pub cookie: Option<String>,
    pub csrf: Option<String>,
    pub bearer: Option<String>,
}

pub(crate) struct World {
    pub clinic: TestClinic,
    pub control: Arc<FakeControl>,
    pub mailbox: Arc<Mailbox>,
}

pub(crate) struct Answer {
    pub status: StatusCode,
    pub body: Value,
    pub etag: String,
}

impl World {
    pub async fn new() -> World {
        World::with(|_| ()).await
    }

    pub async fn with(change: impl FnOnce(&mut crate::ClinicConfig)) -> World {
        World::by(Clock::frozen(afternoon()), change).await
    }

    pub async fn by(clock: Clock, change: impl FnOnce(&mut crate::ClinicConfig)) -> World {
        let (control, access) = FakeControl::start().await;
        let clinic = TestClinic::by(clock, |config| {
            config.control = access;
            change(config);
        })
        .await;
        let mailbox = Arc::new(Mailbox::default());
        clinic.outbox().send_by(Channel::Email, mailbox.clone());
        clinic.outbox().send_by(Channel::Sms, mailbox.clone());
        World { clinic, control, mailbox }
    }

    /// A professional who is logged in.
    pub async fn professional(&self, email: &str) -> (Browser, AccountId) {
        self.person(email, |_, _| ()).await
    }

    pub async fn person(
        &self,
        email: &str,
        change: impl FnOnce(&mut Account, &mut Professional),
    ) -> (Browser, AccountId) {
        let mut account = account(&self.clinic, email);
        let mut professional = Professional {
            account_id: account.id.clone(),
            title: "Dr".into(),
            exercise_name: "Martin".into(),
            first_name: "Jeanne".into(),
            profession_code: "10".into(),
            speciality_code: None,
            id_type: IdType::Rpps,
            national_number: "10101010105".into(),
            national_number_hash: self.clinic.lookup().hash(Purpose::NationalId, "10101010105"),
            id_nat_ps: None,
            id_verified_by: VerifiedBy::Admin,
            mobile: None,
            practice: Practice { phone: Some("02 40 00 00 00".into()), ..Practice::default() },
            department: None,
            interests: vec![INTEREST_TELECONSULTATION.into()],
            sector: None,
            visible_signature: None,
            payment_account_id: None,
            defaults: Defaults::default(),
            am_number: None,
        };
        change(&mut account, &mut professional);
        let subject = Subject::Account { account: account.id.clone() };
        let (session, secret) = self
            .clinic
            .store()
            .write(|tx| {
                tx.insert(&account)?;
                if account.roles.contains(&Role::Professional) {
                    tx.insert(&professional)?;
                }
                let (mut session, secret) =
                    session::begin(&self.clinic, tx, subject, LoginMethod::Password, true, 0)?;
                // Tests jump over days and weeks.
                session.expires_at = jiff::Timestamp::MAX;
                tx.put(&session)?;
                Ok::<_, crate::store::StoreError>((session, secret))
            })
            .await
            .unwrap();
        let browser = Browser {
            cookie: Some(format!("chevet={}", secret.expose())),
            csrf: Some(session::csrf_token(&self.clinic, &session)),
            bearer: None,
        };
        (browser, account.id)
    }

    fn change_session(&self, browser: &Browser, change: impl FnOnce(&mut Session, jiff::Timestamp)) {
        let Some(secret) = browser.cookie.as_deref().and_then(|cookie| cookie.strip_prefix("chevet=")) else {
            return;
        };
        let (store, now) = (self.clinic.store(), self.clinic.clock().now());
        let key = IndexKey::new().hash(&self.clinic.lookup().hash(Purpose::Session, secret));
        if let Some(mut session) = store.find::<Session>("secret", key).unwrap() {
            change(&mut session.value, now);
            store.write_unflushed(|tx| tx.update(&mut session)).unwrap();
        }
    }

    /// A professional at work is never idle, however far the clock jumps.
    fn keep_awake(&self, browser: &Browser) {
        self.change_session(browser, |session, now| session.seen_at = now);
    }

    /// As after a password that was just typed again.
    pub fn present(&self, browser: &Browser) {
        self.change_session(browser, |session, now| session.authenticated_at = now);
    }

    pub fn request(&self, browser: &Browser, method: Method, path: &str, body: &Value) -> Request<Body> {
        static KEYS: AtomicU64 = AtomicU64::new(0);
        let key = KEYS.fetch_add(1, Ordering::Relaxed).to_string();
        self.keep_awake(browser);
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", "application/json")
            .header("accept-language", "en")
            .header("idempotency-key", key)
            .header("if-match", "*");
        if let Some(cookie) = &browser.cookie {
            request = request.header("cookie", cookie);
        }
        if let Some(csrf) = &browser.csrf {
            request = request.header("x-csrf-token", csrf);
        }
        if let Some(bearer) = &browser.bearer {
            request = request.header("authorization", format!("Bearer {bearer}"));
        }
        request.body(Body::from(if body.is_null() { String::new() } else { body.to_string() })).unwrap()
    }

    pub async fn send(&self, request: Request<Body>) -> (Answer, Option<String>) {
        let response = self.clinic.router().oneshot(request).await.unwrap();
        let status = response.status();
        let text = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
        let etag = text("etag").unwrap_or_default().to_owned();
        let cookie = text("set-cookie").and_then(|value| value.split(';').next()).map(str::to_owned);
        let bytes = axum::body::to_bytes(response.into_body(), 1 << 24).await.unwrap();
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        (Answer { status, body, etag }, cookie)
    }

    pub async fn call(&self, browser: &Browser, method: Method, path: &str, body: Value) -> Answer {
        self.send(self.request(browser, method, path, &body)).await.0
    }

    pub async fn get(&self, browser: &Browser, path: &str) -> Value {
        let answer = self.call(browser, Method::GET, path, Value::Null).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.body);
        answer.body
    }

    pub async fn post(&self, browser: &Browser, path: &str, body: Value) -> Answer {
        self.call(browser, Method::POST, path, body).await
    }

    /// Posts what has to work.
    pub async fn did(&self, browser: &Browser, path: &str, body: Value) -> Value {
        let answer = self.post(browser, path, body).await;
        assert!(answer.status.is_success(), "{path}: {} {}", answer.status, answer.body);
        answer.body
    }

    /// Status and code of what is refused.
    pub async fn refused(&self, browser: &Browser, path: &str, body: Value) -> (u16, String) {
        let answer = self.post(browser, path, body).await;
        (answer.status.as_u16(), answer.body["code"].as_str().unwrap_or_default().to_owned())
    }

    pub async fn immediate(&self, browser: &Browser) -> Value {
        self.did(browser, "/api/v1/consultations", json!({ "kind": "immediate", "phone": PHONE })).await
    }

    /// With an appointment tomorrow at half past two, by short message.
    pub async fn dossier(&self, browser: &Browser, change: impl FnOnce(&mut Value)) -> Value {
        let mut body = dossier();
        change(&mut body);
        self.did(browser, "/api/v1/consultations", body).await
    }

    /// The secret in the last message to `to` of this template.
    pub async fn secret(&self, to: &str, template: &str) -> String {
        let mail = self.mail(to, template).await;
        let link = mail.data.get("link").or_else(|| mail.data.pointer("/appointment/link"));
        link.unwrap().as_str().unwrap().split_once('#').unwrap().1.to_owned()
    }

    pub async fn mail(&self, to: &str, template: &str) -> Message {
        let mut found = None;
        eventually(&format!("a message {template}"), || {
            let all = self.mailbox.0.lock().unwrap();
            found =
                all.iter().rev().find(|mail| mail.destination == to && mail.template == template).cloned();
            found.is_some()
        })
        .await;
        found.unwrap()
    }

    /// So that the next message of a template is the next one.
    pub fn forget_mails(&self) {
        self.mailbox.0.lock().unwrap().clear();
    }

    pub fn templates(&self, to: &str) -> Vec<String> {
        let all = self.mailbox.0.lock().unwrap();
        all.iter().filter(|mail| mail.destination == to).map(|mail| mail.template.clone()).collect()
    }

    /// Comes in by a link.
    pub async fn enter(&self, secret: &str) -> (Browser, Value) {
        let body = json!({ "secret": secret });
        let request = self.request(&Browser::default(), Method::POST, "/p/v1/links/session", &body);
        let (answer, cookie) = self.send(request).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        let csrf = answer.body["csrf_token"].as_str().map(str::to_owned);
        (Browser { cookie, csrf, bearer: None }, answer.body["guest"].clone())
    }

    pub async fn try_link(&self, secret: &str) -> (u16, String) {
        self.refused(&Browser::default(), "/p/v1/links/session", json!({ "secret": secret })).await
    }

    pub async fn look(&self, secret: &str) -> Value {
        self.did(&Browser::default(), "/p/v1/links/look", json!({ "secret": secret })).await
    }

    /// Comes in by a link, agrees and waits.
    pub async fn waits(&self, secret: &str) -> (Browser, String) {
        let (guest, body) = self.enter(secret).await;
        self.agrees(&guest).await;
        let waiting = self.did(&guest, "/p/v1/waiting", Value::Null).await;
        assert_eq!(waiting["next"], "waiting");
        (guest, body["participant_id"].as_str().unwrap().to_owned())
    }

    pub async fn agrees(&self, guest: &Browser) -> Value {
        let text = self.get(guest, "/p/v1/consent").await;
        let body = json!({ "decision": "accepted", "text_version": text["version"] });
        self.did(guest, "/p/v1/consent", body).await
    }

    /// The owner's place, and that of the first of the patient's side.
    pub fn seats(&self, consultation: &Value) -> (String, String) {
        let of = |role: &str| {
            let all = consultation["participants"].as_array().unwrap();
            let seat = all.iter().find(|one| one["role"] == role);
            seat.map(|seat| seat["id"].as_str().unwrap().to_owned()).unwrap_or_default()
        };
        (of("owner"), of("patient"))
    }

    /// As `control` tells it, signed.
    pub async fn told(&self, consultation: &str, event: &str, who: &str, connection: &str) {
        let room = self.room(consultation);
        let mut body = json!({
            "event": event, "id": "EV_1", "room": { "name": room, "sid": "RM_1" },
            "participant": { "identity": who, "sid": connection },
        });
        if event.starts_with("track") {
            body["track"] = json!({ "sid": format!("TR_{who}"), "type": "VIDEO", "source": "CAMERA" });
        }
        let (status, answer) = self.control.tell(&self.clinic, &body).await;
        assert_eq!(status, StatusCode::NO_CONTENT, "{answer}");
    }

    pub fn room(&self, consultation: &str) -> String {
        self.record(consultation).room.unwrap()
    }

    pub fn record(&self, consultation: &str) -> crate::model::Consultation {
        self.clinic.store().get::<crate::model::Consultation>(consultation).unwrap().unwrap().value
    }

    pub async fn status(&self, consultation: &str, wanted: &str) {
        eventually(&format!("the status {wanted}"), || self.record(consultation).status.as_str() == wanted)
            .await;
    }

    pub fn later(&self, minutes: i64) {
        self.clinic.clock().advance(SignedDuration::from_mins(minutes));
    }

    pub fn seconds_later(&self, seconds: i64) {
        self.clinic.clock().advance(SignedDuration::from_secs(seconds));
    }

    /// An immediate call in which both are in the room: its id, the owner's place, the guest's browser and place.
    pub async fn in_call(&self, owner: &Browser) -> (String, String, Browser, String) {
        let made = self.immediate(owner).await;
        let id = made["id"].as_str().unwrap().to_owned();
        let (doctor, patient) = self.seats(&made);
        self.told(&id, "participant_joined", &doctor, "PA_d1").await;
        let secret = self.secret("+33612345678", "immediate-call").await;
        let (guest, _) = self.waits(&secret).await;
        self.did(owner, &format!("/api/v1/consultations/{id}/participants/{patient}/admit"), json!({})).await;
        self.told(&id, "participant_joined", &patient, "PA_p1").await;
        (id, doctor, guest, patient)
    }
}

/// What the guide's example asks for.
pub(crate) fn dossier() -> Value {
    json!({
        "kind": "dossier",
        "patient": { "birth_name": "MARTIN", "first_names": ["Jeanne"], "birth_date": "1941-03-02", "sex": "F" },
        "contacts": [{ "channel": "sms", "phone": PHONE }],
        "slot": { "start": "2026-12-04T14:30", "duration_minutes": 20 },
    })
}

/// The scheduler and the outbox work beside the test: waits for what they do.
pub(crate) async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..1000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{what} did not come");
}

/// Of a portal that acts for everybody.
pub(crate) async fn portal(world: &World, scopes: &[crate::model::Scope]) -> Browser {
    portal_for(world, scopes, &[]).await
}

/// Of a portal that acts for these professionals, or for everybody where there are none.
pub(crate) async fn portal_for(
    world: &World,
    scopes: &[crate::model::Scope],
    accounts: &[AccountId],
) -> Browser {
    let secret = Secret::session();
    let now = world.clinic.clock().now();
    let client = crate::model::ApiClient {
        id: crate::ids::ApiClientId::new(now),
        name: "portal".into(),
        scopes: scopes.to_vec(),
        accounts: accounts.to_vec(),
        allowed_origins: Vec::new(),
        secrets: vec![world.clinic.lookup().hash(Purpose::ApiSecret, secret.expose())],
        mtls_fingerprint: None,
        rate_per_minute: 600,
        created_at: now,
        disabled_at: None,
    };
    world.clinic.store().write(|tx| tx.insert(&client)).await.unwrap();
    Browser { bearer: Some(secret.expose().to_owned()), ..Browser::default() }
}
