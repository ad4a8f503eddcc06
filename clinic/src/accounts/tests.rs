mod closing;
mod devices;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::body::Body;
use http::{Method, Request, StatusCode};
use jiff::SignedDuration;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::totp;
use crate::audit;
use crate::crypto::Purpose;
use crate::model::people::email_key;
use crate::model::{Account, AccountStatus};
use crate::outbox::{Channel, Deliver, DeliveryError, Message, Receipt};
use crate::settings::Approval;
use crate::store::IndexKey;
use crate::testing::TestClinic;

const PASSWORD: &str = "sept tortues grises au marché";
const EMAIL: &str = "jeanne@cabinet.example";

#[derive(Default)]
struct Mailbox(Mutex<Vec<Message>>);

#[async_trait]
impl Deliver for Mailbox {
    async fn deliver(&self, message: &Message) -> Result<Receipt, DeliveryError> {
        self.0.lock().unwrap().push(message.clone());
        Ok(Receipt::default())
    }
}

struct World {
    clinic: TestClinic,
    mailbox: Arc<Mailbox>,
}

#[derive(Default, Clone)]
struct Browser {
    cookie: Option<String>,
    csrf: Option<String>,
}

impl World {
    async fn new(approval: Approval) -> World {
        let clinic = TestClinic::with(|config| {
            config.approval = approval;
            config.administrators = vec!["Chef@cabinet.example".into()];
        })
        .await;
        let mailbox = Arc::new(Mailbox::default());
        clinic.outbox().send_by(Channel::Email, mailbox.clone());
        World { clinic, mailbox }
    }

    /// Waits for the next mails to `to` of this template and gives the last.
    async fn mail(&self, to: &str, template: &str) -> Message {
        let arrived = async {
            loop {
                let found = self.mails(to).into_iter().rfind(|mail| mail.template == template);
                match found {
                    Some(mail) => return mail,
                    None => tokio::time::sleep(Duration::from_millis(5)).await,
                }
            }
        };
        match tokio::time::timeout(Duration::from_secs(10), arrived).await {
            Ok(mail) => mail,
            Err(_) => panic!("no mail {template}; there are {:?}", self.templates(to)),
        }
    }

    fn mails(&self, to: &str) -> Vec<Message> {
        let all = self.mailbox.0.lock().unwrap();
        all.iter().filter(|mail| mail.destination == to).cloned().collect()
    }

    fn templates(&self, to: &str) -> Vec<String> {
        self.mails(to).into_iter().map(|mail| mail.template).collect()
    }

    async fn token(&self, to: &str, template: &str) -> String {
        let mail = self.mail(to, template).await;
        mail.data["link"].as_str().unwrap().split_once('#').unwrap().1.to_owned()
    }

    async fn call(
        &self,
        browser: &mut Browser,
        method: Method,
        path: &str,
        body: Value,
    ) -> (StatusCode, Value) {
        let mut request =
            Request::builder().method(method).uri(path).header("content-type", "application/json");
        if let Some(cookie) = &browser.cookie {
            request = request.header("cookie", cookie);
        }
        if let Some(csrf) = &browser.csrf {
            request = request.header("x-csrf-token", csrf);
        }
        if path == "/api/v1/me" {
            request = request.header("if-match", "*");
        }
        let request = request.body(Body::from(body.to_string())).unwrap();
        let response = self.clinic.router().oneshot(request).await.unwrap();
        let status = response.status();
        if let Some(cookie) = response.headers().get("set-cookie") {
            browser.cookie = cookie.to_str().unwrap().split(';').next().map(str::to_owned);
        }
        let bytes = axum::body::to_bytes(response.into_body(), 1 << 24).await.unwrap();
        let body: Value = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        let token = body.get("csrf_token").or_else(|| body.pointer("/session/csrf_token"));
        if let Some(token) = token.and_then(Value::as_str) {
            browser.csrf = Some(token.to_owned());
        }
        (status, body)
    }

    async fn post(&self, browser: &mut Browser, path: &str, body: Value) -> (StatusCode, Value) {
        self.call(browser, Method::POST, path, body).await
    }

    async fn get(&self, browser: &mut Browser, path: &str) -> (StatusCode, Value) {
        self.call(browser, Method::GET, path, Value::Null).await
    }

    async fn register(&self, email: &str) {
        let (status, body) =
            self.post(&mut Browser::default(), "/api/v1/registrations", registration(email)).await;
        assert_eq!((status, &body["status"]), (StatusCode::ACCEPTED, &json!("check_mail")), "{body}");
    }

    async fn confirm(&self, email: &str) -> Value {
        let token = self.token(email, "registration-confirm").await;
        let path = "/api/v1/registrations/confirm";
        let (status, body) = self.post(&mut Browser::default(), path, json!({ "token": token })).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        body["status"].clone()
    }

    fn account(&self, email: &str) -> Account {
        let hash = self.clinic.lookup().hash(Purpose::Email, &email_key(email));
        self.clinic.store().find::<Account>("email", IndexKey::new().hash(&hash)).unwrap().unwrap().value
    }

    async fn password(&self, browser: &mut Browser, email: &str, password: &str) -> (StatusCode, Value) {
        self.post(browser, "/api/v1/auth/password", json!({ "email": email, "password": password })).await
    }

    /// From nothing to a session with everything: the browser, the authenticator's secret, the recovery codes.
    async fn enrolled(&self, email: &str) -> (Browser, String, Vec<String>) {
        self.register(email).await;
        assert_eq!(self.confirm(email).await, "active");
        let mut browser = Browser::default();
        let (status, body) = self.password(&mut browser, email, PASSWORD).await;
        assert_eq!((status, &body["next"]), (StatusCode::OK, &json!("enrol_second_factor")), "{body}");
        let (_, enrolment) = self.post(&mut browser, "/api/v1/auth/mfa/enrolment", Value::Null).await;
        let secret = enrolment["secret"].as_str().unwrap().to_owned();
        let code = totp::code(&secret, self.clinic.clock().now());
        let path = "/api/v1/auth/mfa/enrolment/confirm";
        let (status, body) = self.post(&mut browser, path, json!({ "code": code })).await;
        assert_eq!((status, &body["session"]["next"]), (StatusCode::OK, &json!("done")), "{body}");
        let codes = body["recovery_codes"].as_array().unwrap();
        (browser, secret, codes.iter().map(|code| code.as_str().unwrap().to_owned()).collect())
    }

    fn actions(&self) -> Vec<&'static str> {
        let events = audit::read(self.clinic.store(), 0, 1000).unwrap();
        events.iter().map(|stored| stored.event.action.as_str()).collect()
    }
}

fn registration(email: &str) -> Value {
    json!({
        "title": "Dr", "first_name": "Jeanne", "exercise_name": "Martin", "profession_code": "10",
        "rpps": "10101010105", "email": email, "mobile": "06 12 34 56 78",
        "interests": ["teleconsultation_domicile"], "password": PASSWORD, "accepts_terms": true,
    })
}

#[tokio::test]
async fn a_professional_registers_confirms_is_told_and_logs_in_with_two_factors() {
    let world = World::new(Approval::Auto).await;
    let (mut browser, secret, _) = world.enrolled(EMAIL).await;
    world.mail(EMAIL, "registration-validated").await;
    let (status, me) = world.get(&mut browser, "/api/v1/me").await;
    assert_eq!(
        (status, &me["tool_open"], &me["mobile"]),
        (StatusCode::OK, &json!(true), &json!("+33612345678"))
    );

    let (status, _) = world.post(&mut browser.clone(), "/api/v1/auth/logout", Value::Null).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    assert_eq!(world.get(&mut browser, "/api/v1/me").await.0, StatusCode::UNAUTHORIZED);

    // The code that confirmed the enrolment was used; the next step's is good, and good once.
    world.clinic.clock().advance(SignedDuration::from_secs(30));
    let mut browser = Browser::default();
    let (_, body) = world.password(&mut browser, "JEANNE@cabinet.example", PASSWORD).await;
    assert_eq!(body["next"], "second_factor");
    assert_eq!(world.get(&mut browser, "/api/v1/me").await.1["code"], "mfa-required");
    let half = browser.clone();
    let code = totp::code(&secret, world.clinic.clock().now());
    let (status, _) = world.post(&mut browser, "/api/v1/auth/mfa", json!({ "code": code })).await;
    assert_eq!(status, StatusCode::OK);
    assert_ne!(browser.cookie, half.cookie, "a session that gains rights gets a new secret");
    assert_eq!(world.get(&mut half.clone(), "/api/v1/auth/session").await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(world.get(&mut browser, "/api/v1/me").await.0, StatusCode::OK);

    let mut again = Browser::default();
    world.password(&mut again, EMAIL, PASSWORD).await;
    let (status, _) = world.post(&mut again, "/api/v1/auth/mfa", json!({ "code": code })).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    for action in [
        "account.registered",
        "account.email_verified",
        "account.approved",
        "auth.mfa_enrolled",
        "auth.login.ok",
        "auth.logout",
        "auth.mfa",
    ] {
        assert!(world.actions().contains(&action), "{action} is not in the trail");
    }
    assert!(audit::verify(world.clinic.store()).is_ok());
}

#[tokio::test]
async fn a_confirmation_link_is_good_once_and_for_a_day() {
    let world = World::new(Approval::Auto).await;
    world.register(EMAIL).await;
    let token = world.token(EMAIL, "registration-confirm").await;
    let path = "/api/v1/registrations/confirm";
    let confirm =
        async |token: &str| world.post(&mut Browser::default(), path, json!({ "token": token })).await.0;
    assert_eq!(confirm("wrong").await, StatusCode::NOT_FOUND);
    world.clinic.clock().advance(SignedDuration::from_hours(24));
    assert_eq!(confirm(&token).await, StatusCode::NOT_FOUND);
    let (status, _) =
        world.post(&mut Browser::default(), "/api/v1/registrations/resend", json!({ "email": EMAIL })).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    let fresh = async {
        loop {
            let new = world.token(EMAIL, "registration-confirm").await;
            if new != token {
                return new;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let fresh = tokio::time::timeout(Duration::from_secs(10), fresh).await.unwrap();
    assert_eq!(confirm(&token).await, StatusCode::NOT_FOUND);
    assert_eq!(confirm(&fresh).await, StatusCode::OK);
    assert_eq!(confirm(&fresh).await, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn nothing_tells_whether_an_address_has_an_account() {
    let world = World::new(Approval::Auto).await;
    world.enrolled(EMAIL).await;
    let unknown = "inconnu@cabinet.example";
    for (path, body) in [
        ("/api/v1/registrations", registration("X")),
        ("/api/v1/registrations/resend", json!({ "email": "X" })),
        ("/api/v1/auth/password/forgot", json!({ "email": "X" })),
        ("/api/v1/auth/password", json!({ "email": "X", "password": "not the password at all" })),
    ] {
        let mut answers = Vec::new();
        for email in [EMAIL, unknown] {
            let mut body = body.clone();
            body["email"] = json!(email);
            let (status, mut answer) = world.post(&mut Browser::default(), path, body).await;
            if let Some(answer) = answer.as_object_mut() {
                answer.remove("corr_id");
            }
            answers.push((status, answer));
        }
        assert_eq!(answers[0], answers[1], "{path}");
    }
    // The owner of the address learns that somebody tried.
    world.mail(EMAIL, "registration-exists").await;
    assert_eq!(world.account(EMAIL).status, AccountStatus::Active);
}

#[tokio::test]
async fn after_five_wrong_passwords_an_address_waits_whether_it_is_known_or_not() {
    let world = World::new(Approval::Auto).await;
    world.enrolled(EMAIL).await;
    for email in [EMAIL, "inconnu@cabinet.example"] {
        for _ in 0..5 {
            let (status, body) = world.password(&mut Browser::default(), email, "wrong wrong wrong").await;
            assert_eq!((status, &body["code"]), (StatusCode::UNAUTHORIZED, &json!("login-failed")));
        }
        let (status, body) = world.password(&mut Browser::default(), email, PASSWORD).await;
        assert_eq!((status, &body["code"]), (StatusCode::TOO_MANY_REQUESTS, &json!("quota-exceeded")));
    }
    assert!(world.actions().contains(&"auth.lockout"));
    world.mail(EMAIL, "account-locked").await;
    world.clinic.clock().advance(SignedDuration::from_mins(15));
    assert_eq!(world.password(&mut Browser::default(), EMAIL, PASSWORD).await.0, StatusCode::OK);
    // A right password gives the tries back.
    for _ in 0..4 {
        world.password(&mut Browser::default(), EMAIL, "wrong wrong wrong").await;
    }
    assert_eq!(world.password(&mut Browser::default(), EMAIL, PASSWORD).await.0, StatusCode::OK);
    for _ in 0..4 {
        assert_eq!(
            world.password(&mut Browser::default(), EMAIL, "wrong wrong").await.0,
            StatusCode::UNAUTHORIZED
        );
    }
}

#[tokio::test]
async fn after_five_wrong_codes_the_second_factor_waits() {
    let world = World::new(Approval::Auto).await;
    let (_, secret, _) = world.enrolled(EMAIL).await;
    world.clinic.clock().advance(SignedDuration::from_secs(60));
    let mut browser = Browser::default();
    world.password(&mut browser, EMAIL, PASSWORD).await;
    let right = totp::code(&secret, world.clinic.clock().now());
    for n in 0..5 {
        let wrong = format!("{:06}", (right.parse::<u32>().unwrap() + 500_000 + n) % 1_000_000);
        let (status, _) = world.post(&mut browser, "/api/v1/auth/mfa", json!({ "code": wrong })).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
    }
    let (status, _) = world.post(&mut browser, "/api/v1/auth/mfa", json!({ "code": right })).await;
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn a_recovery_code_replaces_the_phone_once_and_is_told_by_mail() {
    let world = World::new(Approval::Auto).await;
    let (_, _, codes) = world.enrolled(EMAIL).await;
    assert_eq!(codes.len(), 10);
    for (attempt, expected) in [(0, StatusCode::OK), (0, StatusCode::UNAUTHORIZED), (1, StatusCode::OK)] {
        let mut browser = Browser::default();
        world.password(&mut browser, EMAIL, PASSWORD).await;
        let typed = codes[attempt].to_uppercase().replace('-', " ");
        let (status, _) =
            world.post(&mut browser, "/api/v1/auth/mfa", json!({ "recovery_code": typed })).await;
        assert_eq!(status, expected, "code {attempt}");
    }
    world.mail(EMAIL, "recovery-code-used").await;
    assert_eq!(world.account(EMAIL).recovery_codes.len(), 8);
}

#[tokio::test]
async fn an_administrator_approves_and_refuses_and_nobody_else_sees_registrations() {
    let world = World::new(Approval::Manual).await;
    let (mut admin, _, _) = world.enrolled("chef@cabinet.example").await;
    for email in [EMAIL, "paul@cabinet.example"] {
        world.register(email).await;
        assert_eq!(world.confirm(email).await, "pending_approval");
        assert_eq!(
            world.password(&mut Browser::default(), email, PASSWORD).await.0,
            StatusCode::UNAUTHORIZED
        );
    }
    world.mail("chef@cabinet.example", "registration-pending").await;
    let (_, pending) = world.get(&mut admin, "/api/v1/registrations").await;
    assert_eq!(pending["items"].as_array().unwrap().len(), 2);
    assert_eq!(pending["items"][0]["number_used_elsewhere"], true);
    for (query, pointer) in [("limit=0", "/limit"), ("cursor=%21", "/cursor")] {
        let (status, problem) = world.get(&mut admin, &format!("/api/v1/registrations?{query}")).await;
        assert_eq!(
            (status, &problem["errors"][0]["pointer"]),
            (StatusCode::UNPROCESSABLE_ENTITY, &json!(pointer))
        );
    }
    assert_eq!(world.get(&mut admin, "/api/v1/registrations?limit=many").await.1["code"], "malformed");
    let decide = |email: &str| {
        let items = pending["items"].as_array().unwrap();
        let one = items.iter().find(|item| item["email"] == email).unwrap();
        format!("/api/v1/registrations/{}/decision", one["id"].as_str().unwrap())
    };
    let (status, body) = world.post(&mut admin, &decide(EMAIL), json!({ "approve": true })).await;
    assert_eq!((status, &body["status"]), (StatusCode::OK, &json!("active")));
    let refusal = json!({ "approve": false, "reason": "Numéro inconnu" });
    let (status, _) = world.post(&mut admin, &decide("paul@cabinet.example"), refusal).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(
        world.post(&mut admin, &decide("paul@cabinet.example"), json!({ "approve": true })).await.0,
        StatusCode::CONFLICT
    );
    world.mail(EMAIL, "registration-validated").await;
    let refused = world.mail("paul@cabinet.example", "registration-refused").await;
    assert_eq!(refused.data["reason"], "Numéro inconnu");

    let mut jeanne = Browser::default();
    assert_eq!(world.password(&mut jeanne, EMAIL, PASSWORD).await.0, StatusCode::OK);
    let (_, enrolment) = world.post(&mut jeanne, "/api/v1/auth/mfa/enrolment", Value::Null).await;
    let code = totp::code(enrolment["secret"].as_str().unwrap(), world.clinic.clock().now());
    world.post(&mut jeanne, "/api/v1/auth/mfa/enrolment/confirm", json!({ "code": code })).await;
    assert_eq!(world.get(&mut jeanne, "/api/v1/me").await.0, StatusCode::OK);
    assert_eq!(world.get(&mut jeanne, "/api/v1/registrations").await.0, StatusCode::NOT_FOUND);
    assert_eq!(
        world.post(&mut jeanne, &decide("paul@cabinet.example"), json!({ "approve": true })).await.0,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn a_forgotten_password_is_set_anew_by_mail_and_ends_every_session() {
    let world = World::new(Approval::Auto).await;
    let (mut browser, _, _) = world.enrolled(EMAIL).await;
    let new = "onze girafes bleues sous la pluie";
    world.post(&mut Browser::default(), "/api/v1/auth/password/forgot", json!({ "email": EMAIL })).await;
    let token = world.token(EMAIL, "password-reset").await;
    let reset = async |password: &str| {
        let body = json!({ "token": token, "password": password });
        world.post(&mut Browser::default(), "/api/v1/auth/password/reset", body).await.0
    };
    assert_eq!(reset("court").await, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(reset(new).await, StatusCode::NO_CONTENT);
    assert_eq!(reset(new).await, StatusCode::NOT_FOUND);
    assert_eq!(world.get(&mut browser, "/api/v1/me").await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(world.password(&mut Browser::default(), EMAIL, PASSWORD).await.0, StatusCode::UNAUTHORIZED);
    let (_, body) = world.password(&mut Browser::default(), EMAIL, new).await;
    assert_eq!(body["next"], "second_factor");
    world.mail(EMAIL, "password-changed").await;
}

#[tokio::test]
async fn a_proof_of_presence_lasts_ten_minutes_and_is_renewed_by_password_or_code() {
    let world = World::new(Approval::Auto).await;
    let (mut browser, secret, _) = world.enrolled(EMAIL).await;
    let change = json!({ "password": "onze girafes bleues sous la pluie" });
    world.clinic.clock().advance(SignedDuration::from_mins(11));
    let refused = world.call(&mut browser, Method::PUT, "/api/v1/me/password", change.clone()).await;
    assert_eq!(
        (refused.0, &refused.1["code"]),
        (StatusCode::UNAUTHORIZED, &json!("reauthentication-required"))
    );
    let path = "/api/v1/auth/reauthenticate";
    assert_eq!(
        world.post(&mut browser, path, json!({ "password": "wrong" })).await.0,
        StatusCode::UNAUTHORIZED
    );
    let (status, body) = world.post(&mut browser, path, json!({ "password": PASSWORD })).await;
    assert!(status == StatusCode::OK && body["present_until"].is_string(), "{body}");
    world.clinic.clock().advance(SignedDuration::from_mins(11));
    let code = totp::code(&secret, world.clinic.clock().now());
    assert_eq!(world.post(&mut browser, path, json!({ "code": code })).await.0, StatusCode::OK);
    assert_eq!(world.call(&mut browser, Method::PUT, "/api/v1/me/password", change).await.0, StatusCode::OK);
    assert_eq!(world.get(&mut browser, "/api/v1/me").await.0, StatusCode::OK);
}

#[tokio::test]
async fn each_wrong_field_of_a_registration_is_named() {
    let world = World::new(Approval::Auto).await;
    for (field, value, pointer) in [
        ("rpps", json!("12345678901"), "/rpps"),
        ("email", json!("jeanne"), "/email"),
        ("mobile", json!("02 40 12 34 56"), "/mobile"),
        ("first_name", json!("<b>"), "/first_name"),
        ("profession_code", json!("99"), "/profession_code"),
        ("accepts_terms", json!(false), "/accepts_terms"),
        ("password", json!("court"), "/password"),
        ("password", json!("jeanne@cabinet.example"), "/password"),
        ("adeli", json!("441234567"), "/rpps"),
        ("time_zone", json!("Europe/Parys"), "/time_zone"),
        ("interests", json!(["Téléconsultation !"]), "/interests"),
    ] {
        let mut body = registration(EMAIL);
        body[field] = value;
        let (status, problem) = world.post(&mut Browser::default(), "/api/v1/registrations", body).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{field}");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{field}: {problem}");
    }
    assert!(world.mails(EMAIL).is_empty());
}

#[tokio::test]
async fn a_registration_that_nobody_confirms_is_erased_after_a_week() {
    let world = World::new(Approval::Auto).await;
    world.register(EMAIL).await;
    world.register("paul@cabinet.example").await;
    world.confirm("paul@cabinet.example").await;
    let id = world.account(EMAIL).id;
    world.clinic.clock().advance(SignedDuration::from_hours(7 * 24 + 1));
    let now = world.clinic.clock().now();
    world
        .clinic
        .store()
        .write(|tx| super::sweep(tx, now, |_| SignedDuration::from_hours(7 * 24)))
        .await
        .unwrap();
    assert!(world.clinic.store().get::<Account>(&id).unwrap().is_none());
    assert!(world.clinic.store().get::<crate::model::Professional>(&id).unwrap().is_none());
    assert_eq!(world.account("paul@cabinet.example").status, AccountStatus::Active);
}

#[tokio::test]
async fn the_tool_is_hidden_without_the_interest_and_open_with_it() {
    let world = World::new(Approval::Auto).await;
    let (mut browser, _, _) = world.enrolled(EMAIL).await;
    let path = "/api/v1/me/interests";
    let (status, _) = world.call(&mut browser, Method::PUT, path, json!({ "interests": [] })).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(world.get(&mut browser, "/api/v1/me").await.1["tool_open"], false);
    let interests = json!({ "interests": ["teleconsultation_domicile", "telesoin"] });
    world.call(&mut browser, Method::PUT, path, interests.clone()).await;
    assert_eq!(world.get(&mut browser, path).await.1, interests);
    assert_eq!(world.get(&mut browser, "/api/v1/me").await.1["tool_open"], true);
}

#[tokio::test]
async fn a_profile_is_changed_in_the_version_that_was_read() {
    let world = World::new(Approval::Auto).await;
    let (mut browser, _, _) = world.enrolled(EMAIL).await;
    let change =
        json!({ "mobile": "07 12 34 56 78", "practice": { "name": "Cabinet des Tilleuls" }, "locale": "en" });
    let (status, me) = world.call(&mut browser, Method::PATCH, "/api/v1/me", change).await;
    assert_eq!(status, StatusCode::OK, "{me}");
    assert_eq!(
        (&me["mobile"], &me["practice"]["name"], &me["locale"]),
        (&json!("+33712345678"), &json!("Cabinet des Tilleuls"), &json!("en"))
    );
    for (change, code) in [
        (json!({ "mobile": "02 40 12 34 56" }), "phone-not-mobile"),
        (json!({ "mobile": "+1 202 555 0100" }), "phone-country-not-allowed"),
        (json!({ "national_number": "1" }), "validation-failed"),
    ] {
        let (_, problem) = world.call(&mut browser, Method::PATCH, "/api/v1/me", change).await;
        assert_eq!(problem["code"], code);
    }
}

#[tokio::test]
async fn the_trail_holds_no_name_address_number_or_secret() {
    let world = World::new(Approval::Auto).await;
    world.enrolled(EMAIL).await;
    world.password(&mut Browser::default(), EMAIL, "wrong wrong wrong").await;
    let events = audit::read(world.clinic.store(), 0, 1000).unwrap();
    let text = serde_json::to_string(&events).unwrap().to_lowercase();
    for word in ["jeanne", "martin", "cabinet", "612345678", "10101010105", "tortues"] {
        assert!(!text.contains(word), "{word} in {text}");
    }
}
