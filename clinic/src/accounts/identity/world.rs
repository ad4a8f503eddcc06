//! A clinic behind real HTTP, with the emulated provider and cards, and a browser. For tests.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use chevet_emulators::cards::{Card, Cards};
use chevet_emulators::psc::{Client, Psc};
use http::header::{CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE};
use http::{Method, Request, StatusCode};
use jiff::SignedDuration;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::accounts::cps::CpsConfig;
use crate::accounts::psc::{Credentials, PscConfig};
use crate::audit::{self, Event, Outcome};
use crate::crypto::{Purpose, Secret};
use crate::fetch::{Fetch, Reach};
use crate::http::session;
use crate::ids::AccountId;
use crate::model::{
    Account, AccountStatus, Defaults, IdType, LoginMethod, Practice, Professional, Subject, VerifiedBy,
};
use crate::settings::{Approval, ClinicConfig};
use crate::testing::{self, TestClinic, afternoon};

pub struct World {
    pub clinic: TestClinic,
    pub url: String,
    pub psc: Psc,
    pub cards: Cards,
    pub list: std::path::PathBuf,
    now: Arc<AtomicI64>,
    _dir: tempfile::TempDir,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for World {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl World {
    pub async fn new(approval: Approval) -> World {
        World::with(approval, |_| ()).await
    }

    pub async fn with(approval: Approval, change: impl FnOnce(&mut ClinicConfig)) -> World {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let start = afternoon().as_second();
        let now = Arc::new(AtomicI64::new(start));
        // An id and a secret that have to be encoded on their way.
        let client = Client { id: "chevet essai".into(), secret: "pas:un&vrai%secret".into() };
        let clock = now.clone();
        let psc = Psc::start(client.clone(), move || clock.load(Ordering::Relaxed)).await.unwrap();
        let cards = Cards::new(start.try_into().unwrap()).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = dir.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let (host, key) = cards.host().unwrap();
        let list = file("revoked.pem", &cards.revocation_list(&[], start.try_into().unwrap(), 7).unwrap());
        let cps = CpsConfig {
            listen: "127.0.0.1:0".parse().unwrap(),
            public_url: String::new(),
            certificate: file("host.pem", &host),
            key: file("host.key", &key),
            authorities: vec![file("authorities.pem", cards.authorities_pem())],
            revocation_lists: vec![list.clone()],
            accept_stale_lists: false,
        };
        let provider = PscConfig {
            discovery_url: psc.discovery_url(),
            client_id: client.id,
            credentials: Credentials::Secret(Secret::new(client.secret)),
            acr: "eidas1".into(),
            ca: None,
        };
        let clinic = TestClinic::with(|config| {
            config.public_url.clone_from(&url);
            config.approval = approval;
            config.psc = Some(provider);
            config.cps = Some(cps);
            change(config);
        })
        .await;
        let app = clinic.router().into_make_service_with_connect_info::<SocketAddr>();
        let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        World { clinic, url, psc, cards, list, now, _dir: dir, server }
    }

    pub fn advance(&self, by: SignedDuration) {
        self.clinic.clock().advance(by);
        self.now.fetch_add(by.as_secs(), Ordering::Relaxed);
    }

    /// A doctor who registered with this number.
    pub async fn account(&self, email: &str, number: &str, status: AccountStatus) -> AccountId {
        let account = Account { status, ..testing::account(&self.clinic, email) };
        let professional = Professional {
            account_id: account.id.clone(),
            title: "Dr".into(),
            exercise_name: "Martin".into(),
            first_name: "Jeanne".into(),
            profession_code: "10".into(),
            speciality_code: None,
            id_type: IdType::Rpps,
            national_number: number.into(),
            national_number_hash: self.clinic.lookup().hash(Purpose::NationalId, number),
            id_nat_ps: None,
            id_verified_by: VerifiedBy::None,
            mobile: None,
            practice: Practice::default(),
            department: None,
            interests: Vec::new(),
            sector: None,
            visible_signature: None,
            payment_account_id: None,
            defaults: Defaults::default(),
            am_number: None,
        };
        self.clinic
            .store()
            .write(|tx| {
                tx.insert(&account)?;
                tx.insert(&professional).map(|_| ())
            })
            .await
            .unwrap();
        account.id
    }

    /// A browser in which somebody logged in by password and code.
    pub async fn browser_of(&self, account: &AccountId) -> Browser {
        let subject = Subject::Account { account: account.clone() };
        let begun = self
            .clinic
            .store()
            .write(|tx| session::begin(&self.clinic, tx, subject, LoginMethod::Password, true, 0));
        let (session, secret) = begun.await.unwrap();
        let mut browser = Browser::new(&self.url);
        browser.cookies.insert("chevet".into(), secret.expose().into());
        browser.csrf = Some(session::csrf_token(&self.clinic, &session));
        browser
    }

    pub fn browser(&self) -> Browser {
        Browser::new(&self.url)
    }

    pub fn events(&self) -> Vec<Event> {
        audit::read(self.clinic.store(), 0, 1000).unwrap().into_iter().map(|stored| stored.event).collect()
    }

    /// Waits for a refusal in the trail and gives the reason of the last.
    pub async fn refusal(&self) -> String {
        let found = async {
            loop {
                let refused = self.events().into_iter().rfind(|event| event.outcome != Outcome::Ok);
                match refused {
                    Some(event) => return event.reason.unwrap_or_default(),
                    None => tokio::time::sleep(Duration::from_millis(5)).await,
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(10), found).await.expect("a refusal in the trail")
    }
}

/// What a server answered.
#[derive(Debug)]
pub struct Page {
    pub status: StatusCode,
    pub location: Option<String>,
    pub body: Value,
}

impl Page {
    /// The ticket in the fragment of the page that the browser was sent to.
    pub fn ticket(&self) -> String {
        let to = self.location.as_deref().unwrap_or_default();
        let (page, ticket) = to.split_once('#').unwrap_or_default();
        assert!(page.ends_with("/connexion/identite"), "{self:?}");
        ticket.to_owned()
    }

    /// The word of the page that says why not.
    pub fn problem(&self) -> &str {
        let to = self.location.as_deref().unwrap_or_default();
        to.split_once("/connexion#probleme=").map(|(_, word)| word).unwrap_or_else(|| panic!("{self:?}"))
    }
}

/// Keeps cookies for the clinic, and follows no redirect by itself.
#[derive(Clone)]
pub struct Browser {
    fetch: Fetch,
    home: String,
    pub cookies: BTreeMap<String, String>,
    pub csrf: Option<String>,
}

impl Browser {
    fn new(home: &str) -> Browser {
        Browser { fetch: Fetch::new(None), home: home.to_owned(), cookies: BTreeMap::new(), csrf: None }
    }

    async fn send(&mut self, method: Method, to: &str, kind: &str, body: String) -> Page {
        let url = if to.starts_with('/') { format!("{}{to}", self.home) } else { to.to_owned() };
        let mut request = Request::builder().method(method).uri(&url).header(CONTENT_TYPE, kind);
        let ours = url.starts_with(&self.home);
        if ours {
            let cookies: Vec<String> =
                self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request = request.header(COOKIE, cookies.join("; "));
            if let Some(csrf) = &self.csrf {
                request = request.header("x-csrf-token", csrf);
            }
        }
        let response = self.fetch.send(Reach::Any, request.body(Bytes::from(body)).unwrap()).await.unwrap();
        for cookie in response.headers().get_all(SET_COOKIE).iter().filter(|_| ours) {
            let pair = cookie.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            self.cookies.insert(name.into(), value.into());
        }
        let location = response.headers().get(LOCATION).map(|to| to.to_str().unwrap().to_owned());
        let body: Value = serde_json::from_slice(response.body()).unwrap_or_default();
        if let Some(token) = body.pointer("/session/csrf_token").and_then(Value::as_str) {
            self.csrf = Some(token.to_owned());
        }
        Page { status: response.status(), location, body }
    }

    pub async fn get(&mut self, to: &str) -> Page {
        self.send(Method::GET, to, "text/plain", String::new()).await
    }

    pub async fn post(&mut self, path: &str, body: Value) -> Page {
        self.send(Method::POST, path, "application/json", body.to_string()).await
    }

    pub async fn form(&mut self, to: &str, body: &str) -> Page {
        self.send(Method::POST, to, "application/x-www-form-urlencoded", body.to_owned()).await
    }

    /// To the provider, to its page, and back as far as the callback's address.
    pub async fn leave_for_psc(&mut self, purpose: &str, professional: &str) -> String {
        let start = self.get(&format!("/api/v1/auth/psc/start?purpose={purpose}")).await;
        assert_eq!(start.status, StatusCode::SEE_OTHER, "{start:?}");
        let there = start.location.unwrap();
        assert_eq!(self.get(&there).await.status, StatusCode::OK, "{there}");
        let chosen = self.form(&there, &format!("professional={professional}")).await;
        assert_eq!(chosen.status, StatusCode::SEE_OTHER, "{chosen:?}");
        chosen.location.unwrap()
    }

    /// The whole way to the provider and back.
    pub async fn psc(&mut self, purpose: &str, professional: &str) -> Page {
        let back = self.leave_for_psc(purpose, professional).await;
        let page = self.get(&back).await;
        assert_eq!(page.status, StatusCode::SEE_OTHER, "{page:?}");
        page
    }

    pub async fn redeem(&mut self, ticket: &str) -> Page {
        self.post("/api/v1/auth/identity", json!({ "ticket": ticket })).await
    }

    /// To the card's host, with a card or without, and back. `None` when the handshake is refused.
    pub async fn cps(&mut self, world: &World, purpose: &str, card: Option<&Card>) -> Option<Page> {
        let start = self.get(&format!("/api/v1/auth/cps/start?purpose={purpose}")).await;
        assert_eq!(start.status, StatusCode::SEE_OTHER, "{start:?}");
        let there = start.location.unwrap();
        super::super::cps::show_card(world, &there, card).await
    }
}
