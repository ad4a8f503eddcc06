//! With the emulator over loopback, and each provider's proofs by themselves.

mod api;
mod faults;
mod vectors;

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use serde_json::{Value, json};

use super::settings::{EmulatorConfig, PaymentConfig};
use crate::client::HttpClient;
use crate::consultations::tests::{Browser, World, dossier, eventually, portal};
use crate::crypto::Secret;
use crate::model::{PaymentRequest, Role};
use chevet_emulators::payment::{Fault, Payments};

const ADMIN: &str = "admin@cabinet.example";
const DOCTOR: &str = "jeanne@cabinet.example";
const SHOP: &str = "69876357";
const PASSWORD: &str = "testpassword_DEMO";

fn emulator() -> Value {
    json!({ "provider": "emulator" })
}

fn stripe() -> Value {
    json!({ "provider": "stripe", "secret_key": "sk_test_1", "webhook_secret": "whsec_1" })
}

fn payzen() -> Value {
    json!({ "provider": "payzen", "shop_id": SHOP, "password": PASSWORD })
}

/// A clinic that listens, the providers, a doctor and an administrator.
struct Till {
    world: World,
    payments: Payments,
    doctor: Browser,
    admin: Browser,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for Till {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// A consultation in which both are, with a file.
struct Call {
    id: String,
    guest: Browser,
}

impl Till {
    async fn open() -> Till {
        let at = crate::testing::afternoon().as_second();
        let payments = Payments::start_at(move || at).await.unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let config = PaymentConfig {
            stripe: Some(payments.url()),
            payzen: Some(payments.url()),
            emulator: Some(EmulatorConfig { url: payments.url(), secret: Secret::new(payments.secret()) }),
        };
        let world = World::with(|clinic| {
            clinic.payment = config;
            clinic.public_url = format!("http://{address}");
        })
        .await;
        let router = world.clinic.router();
        let server = tokio::spawn(async move {
            axum::serve(listener, router).await.unwrap();
        });
        let (doctor, _) = world.professional(DOCTOR).await;
        let (admin, _) = world.person(ADMIN, |account, _| account.roles = vec![Role::OrgAdmin]).await;
        Till { world, payments, doctor, admin, server }
    }

    /// Asked for, configured, tested, enabled. Gives the account's id.
    async fn enable(&self, credentials: Value) -> String {
        let world = &self.world;
        world.did(&self.doctor, "/api/v1/me/payment-activation", Value::Null).await;
        let listed = world.get(&self.admin, "/api/v1/payment-accounts").await;
        let id = listed["items"][0]["id"].as_str().unwrap().to_owned();
        let path = format!("/api/v1/payment-accounts/{id}");
        let put = world.call(&self.admin, Method::PUT, &format!("{path}/credentials"), credentials).await;
        assert_eq!(put.status, StatusCode::OK, "{}", put.body);
        let notify = put.body["webhook_url"].as_str().unwrap();
        self.payments.set_shop(SHOP, notify);
        self.payments.set_endpoint("sk_test_1", notify, "whsec_1");
        world.did(&self.admin, &format!("{path}/test"), Value::Null).await;
        world.did(&self.admin, &format!("{path}/enable"), Value::Null).await;
        id
    }

    async fn call(&self) -> Call {
        let (id, _, guest, _) = self.world.in_call(&self.doctor).await;
        let patient = json!({ "patient": dossier()["patient"] });
        self.world.did(&self.doctor, &format!("/api/v1/consultations/{id}/upgrade"), patient).await;
        Call { id, guest }
    }

    async fn ask(&self, call: &Call, cents: u32) -> String {
        let path = format!("/api/v1/consultations/{}/payment-requests", call.id);
        let made = self.world.did(&self.doctor, &path, json!({ "amount_cents": cents })).await;
        made["id"].as_str().unwrap().to_owned()
    }

    /// The provider's name for the page that opens.
    async fn open_page(&self, call: &Call, payment: &str) -> String {
        let opened =
            self.world.did(&call.guest, &format!("/p/v1/payments/{payment}/open"), Value::Null).await;
        opened["url"].as_str().unwrap().rsplit_once('/').unwrap().1.to_owned()
    }

    async fn pay(&self, call: &Call, payment: &str) {
        let reference = self.open_page(call, payment).await;
        assert!(self.payments.press(&reference, "pay"));
    }

    fn record(&self, payment: &str) -> PaymentRequest {
        self.world.clinic.store().get::<PaymentRequest>(payment).unwrap().unwrap().value
    }

    async fn state(&self, payment: &str, wanted: &str) {
        eventually(&format!("the state {wanted}"), || self.record(payment).state.as_str() == wanted).await;
    }

    fn path(call: &Call, payment: &str, verb: &str) -> String {
        format!("/api/v1/consultations/{}/payment-requests/{payment}/{verb}", call.id)
    }

    async fn pdf(&self, who: &Browser, path: &str) -> Vec<u8> {
        let request = self.world.request(who, Method::GET, path, &Value::Null);
        let response = tower::ServiceExt::oneshot(self.world.clinic.router(), request).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        axum::body::to_bytes(response.into_body(), 1 << 24).await.unwrap().to_vec()
    }

    fn audited(&self, action: crate::audit::Action) -> usize {
        let store = self.world.clinic.store();
        let all = crate::audit::read(store, 0, 10_000).unwrap();
        all.iter().filter(|stored| stored.event.action == action).count()
    }
}

/// What any tab does.
async fn fetch(request: Request<Bytes>) -> (StatusCode, String) {
    let answer = HttpClient::new(std::time::Duration::from_secs(5)).send(request).await.unwrap();
    (answer.status, String::from_utf8_lossy(&answer.body).into_owned())
}
