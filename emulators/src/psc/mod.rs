//! An OpenID provider with the paths, claims and habits of Pro Santé Connect: the discovery document at its own path, an
//! authorization host that is not the issuer's, a login page on which a test professional is chosen, userinfo with the
//! professional's exercises. What a bad provider or a thief would do can be asked for: [`Fault`].

mod people;
mod token;

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{Query, State};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, LOCATION};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use url::form_urlencoded;

pub use people::{PEOPLE, Person};
use token::Signer;

/// Under which the real service keeps everything.
const REALM: &str = "/auth/realms/esante-wallet";
const OTHER_ISSUER: &str = "https://auth.example/auth/realms/esante-wallet";
/// Seconds that a code and a token live.
const CODE_LIFE_S: i64 = 60;
const TOKEN_LIFE_S: i64 = 300;

/// The client that this provider knows.
#[derive(Clone, Debug)]
pub struct Client {
    pub id: String,
    pub secret: String,
}

/// What goes wrong with the next logins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    Nonce,
    Audience,
    /// Several audiences, and no authorized party.
    AudienceOfMany,
    Issuer,
    Expired,
    /// Made in the future.
    Early,
    Acr,
    NoAcr,
    /// `alg: none`.
    Unsigned,
    /// HS256 with the client's secret.
    SharedSecret,
    /// A key that is not published, under the id of the published one.
    OtherKey,
    UnknownKey,
    /// Userinfo of somebody else.
    OtherSubject,
    NoIdentity,
    /// The professional was let through by an old session.
    OldLogin,
    /// No fault: userinfo as a signed JWT.
    UserinfoJwt,
    /// The same, signed with a key that is not published.
    UserinfoOtherKey,
    UserinfoIssuer,
    UserinfoAudience,
    /// The answer that the browser brings back names another provider.
    AnswerIssuer,
    /// The token endpoint is out of order.
    Down,
}

struct Code {
    person: &'static Person,
    redirect_uri: String,
    challenge: String,
    nonce: String,
    acr: String,
    expires_at: i64,
}

struct World {
    client: Client,
    base: String,
    wallet: String,
    signer: Signer,
    other: Signer,
    now: Box<dyn Fn() -> i64 + Send + Sync>,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    codes: HashMap<String, Code>,
    tokens: HashMap<String, &'static Person>,
    fault: Option<Fault>,
    logouts: u32,
}

impl World {
    fn with<T>(&self, change: impl FnOnce(&mut Inner) -> T) -> T {
        change(&mut self.inner.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn issuer(&self) -> String {
        format!("{}{REALM}", self.base)
    }
}

/// The provider, running. Dropping it stops it.
pub struct Psc {
    world: Arc<World>,
    task: JoinHandle<()>,
}

impl std::fmt::Debug for Psc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Psc")
    }
}

impl Drop for Psc {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn random() -> String {
    URL_SAFE_NO_PAD.encode(rand::random::<[u8; 24]>())
}

impl Psc {
    /// Starts it on a port that the system picks. `now`: seconds since 1970, by the clock of whoever will judge its tokens.
    pub async fn start(
        client: Client,
        now: impl Fn() -> i64 + Send + Sync + 'static,
    ) -> std::io::Result<Psc> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address: SocketAddr = listener.local_addr()?;
        let failed = || std::io::Error::other("no key");
        let world = Arc::new(World {
            client,
            base: format!("http://127.0.0.1:{}", address.port()),
            // As in the real service, people log in on another host than tokens come from.
            wallet: format!("http://localhost:{}", address.port()),
            signer: Signer::new("test-1").ok_or_else(failed)?,
            other: Signer::new("test-1").ok_or_else(failed)?,
            now: Box::new(now),
            inner: Mutex::default(),
        });
        let app = router(world.clone());
        let task = tokio::spawn(async move {
            // Ends with the task only.
            let _ = axum::serve(listener, app).await;
        });
        Ok(Psc { world, task })
    }

    pub fn discovery_url(&self) -> String {
        format!("{}/.well-known/wallet-openid-configuration", self.world.issuer())
    }

    /// From now on; `None` for nothing.
    pub fn fault(&self, fault: Option<Fault>) {
        self.world.with(|inner| inner.fault = fault);
    }

    /// Logouts that browsers were sent here for.
    pub fn logouts(&self) -> u32 {
        self.world.with(|inner| inner.logouts)
    }

    /// A logout token for the session of a person, as the provider sends it to clients.
    pub fn logout_token(&self, person: &Person) -> String {
        let now = (self.world.now)();
        self.world.signer.sign(&json!({
            "iss": self.world.issuer(), "aud": self.world.client.id, "iat": now, "exp": now + 120, "jti": random(),
            "sub": person.subject(), "sid": person.session(),
            "events": { "http://schemas.openid.net/event/backchannel-logout": {} },
        }))
    }
}

fn router(world: Arc<World>) -> Router {
    Router::new()
        .route(&format!("{REALM}/.well-known/wallet-openid-configuration"), get(discovery))
        .route("/auth", get(login_page).post(choose))
        .route(&format!("{REALM}/protocol/openid-connect/token"), post(exchange))
        .route(&format!("{REALM}/protocol/openid-connect/userinfo"), get(userinfo))
        .route(&format!("{REALM}/protocol/openid-connect/certs"), get(keys))
        .route(&format!("{REALM}/protocol/openid-connect/logout"), get(logout))
        .with_state(world)
}

async fn discovery(State(world): State<Arc<World>>) -> Json<Value> {
    let issuer = world.issuer();
    let at = |name: &str| format!("{issuer}/protocol/openid-connect/{name}");
    Json(json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{}/auth", world.wallet),
        "token_endpoint": at("token"),
        "userinfo_endpoint": at("userinfo"),
        "jwks_uri": at("certs"),
        "end_session_endpoint": at("logout"),
        "response_types_supported": ["code"],
        "scopes_supported": ["openid", "scope_all"],
        "acr_values_supported": ["eidas1"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "code_challenge_methods_supported": ["S256"],
        "backchannel_logout_supported": true,
    }))
}

fn bad(error: &str) -> Response {
    (StatusCode::BAD_REQUEST, Json(json!({ "error": error }))).into_response()
}

/// What is wrong with a request for a login. The real service shows a page; nobody is sent back to where it cannot be sure
/// of.
fn check(world: &World, query: &HashMap<String, String>) -> Result<(), &'static str> {
    let is = |name: &str, wanted: &str| query.get(name).is_some_and(|value| value == wanted);
    let there = |name: &str| query.get(name).is_some_and(|value| !value.is_empty());
    if !is("client_id", &world.client.id) || !there("redirect_uri") {
        return Err("invalid_client");
    }
    if !is("response_type", "code") || !is("scope", "openid scope_all") || !is("acr_values", "eidas1") {
        return Err("invalid_scope");
    }
    if !is("code_challenge_method", "S256") || !there("code_challenge") || !there("state") || !there("nonce")
    {
        return Err("invalid_request");
    }
    Ok(())
}

/// The page on which a test professional is chosen.
async fn login_page(
    State(world): State<Arc<World>>,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    if let Err(error) = check(&world, &query) {
        return bad(error);
    }
    let people: String = PEOPLE
        .iter()
        .map(|person| {
            format!(
                "<p><button name=\"professional\" value=\"{}\">{} {} ({})</button></p>",
                person.id_nat, person.first_name, person.family_name, person.about
            )
        })
        .collect();
    // The form goes to this address with its query: nothing of it has to be repeated in the page.
    Html(format!(
        "<!doctype html><html lang=\"fr\"><meta charset=\"utf-8\"><title>Pro Santé Connect (essai)</title>\
         <h1>Pro Santé Connect (essai)</h1><p>Aucune vraie connexion : choisissez un professionnel d’essai.</p>\
         <form method=\"post\">{people}<p><button name=\"professional\" value=\"\">Annuler</button></p></form></html>"
    ))
    .into_response()
}

fn redirect(to: String) -> Response {
    (StatusCode::SEE_OTHER, [(LOCATION, to)]).into_response()
}

async fn choose(
    State(world): State<Arc<World>>,
    Query(query): Query<HashMap<String, String>>,
    body: Bytes,
) -> Response {
    if let Err(error) = check(&world, &query) {
        return bad(error);
    }
    let of = |name: &str| query.get(name).cloned().unwrap_or_default();
    let chosen = form_urlencoded::parse(&body).find(|(name, _)| name == "professional");
    let chosen = chosen.map(|(_, id)| id.into_owned()).unwrap_or_default();
    let mut answer = form_urlencoded::Serializer::new(String::new());
    let mixed_up = world.with(|inner| inner.fault) == Some(Fault::AnswerIssuer);
    let issuer = if mixed_up { OTHER_ISSUER.to_owned() } else { world.issuer() };
    answer.append_pair("state", &of("state")).append_pair("iss", &issuer);
    match PEOPLE.iter().find(|person| person.id_nat == chosen) {
        None => {
            answer.append_pair("error", "access_denied");
        }
        Some(person) => {
            let code = random();
            let kept = Code {
                person,
                redirect_uri: of("redirect_uri"),
                challenge: of("code_challenge"),
                nonce: of("nonce"),
                acr: of("acr_values"),
                expires_at: (world.now)() + CODE_LIFE_S,
            };
            world.with(|inner| inner.codes.insert(code.clone(), kept));
            answer.append_pair("code", &code).append_pair("session_state", &person.session());
        }
    }
    redirect(format!("{}?{}", of("redirect_uri"), answer.finish()))
}

/// HTTP Basic only, with both parts form-encoded.
fn authenticated(world: &World, headers: &HeaderMap) -> bool {
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let wanted = format!("{}:{}", encode(&world.client.id), encode(&world.client.secret));
    let wanted = format!("Basic {}", STANDARD.encode(wanted));
    headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()) == Some(wanted.as_str())
}

async fn exchange(State(world): State<Arc<World>>, headers: HeaderMap, body: Bytes) -> Response {
    let fault = world.with(|inner| inner.fault);
    if fault == Some(Fault::Down) {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    if !authenticated(&world, &headers) {
        return (StatusCode::UNAUTHORIZED, Json(json!({ "error": "invalid_client" }))).into_response();
    }
    let form: HashMap<String, String> = form_urlencoded::parse(&body).into_owned().collect();
    let of = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    // Good once, whatever comes of it.
    let Some(code) = world.with(|inner| inner.codes.remove(of("code"))) else { return bad("invalid_grant") };
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(of("code_verifier").as_bytes()));
    let now = (world.now)();
    let good = of("grant_type") == "authorization_code"
        && of("redirect_uri") == code.redirect_uri
        && challenge == code.challenge
        && now < code.expires_at;
    if !good {
        return bad("invalid_grant");
    }
    let access_token = random();
    world.with(|inner| inner.tokens.insert(access_token.clone(), code.person));
    Json(json!({
        "access_token": access_token, "token_type": "Bearer", "expires_in": TOKEN_LIFE_S, "scope": "openid scope_all",
        "id_token": id_token(&world, &code, fault, now),
    }))
    .into_response()
}

fn id_token(world: &World, code: &Code, fault: Option<Fault>, now: i64) -> String {
    let mut claims = json!({
        "iss": world.issuer(), "aud": world.client.id, "azp": world.client.id, "iat": now, "auth_time": now,
        "exp": now + TOKEN_LIFE_S, "nonce": code.nonce, "acr": code.acr, "typ": "ID", "jti": random(),
        "sub": code.person.subject(), "sid": code.person.session(), "preferred_username": code.person.id_nat,
    });
    let mut set = |name: &str, value: Value| claims[name] = value;
    match fault {
        Some(Fault::Nonce) => set("nonce", json!("another")),
        Some(Fault::Audience) => {
            set("aud", json!("another-client"));
            set("azp", json!("another-client"));
        }
        Some(Fault::AudienceOfMany) => {
            set("aud", json!([world.client.id, "another-client"]));
            set("azp", Value::Null);
        }
        Some(Fault::Issuer) => set("iss", json!(OTHER_ISSUER)),
        Some(Fault::Expired) => set("exp", json!(now - 120)),
        Some(Fault::Early) => set("iat", json!(now + 600)),
        Some(Fault::Acr) => set("acr", json!("eidas0")),
        Some(Fault::NoAcr) => set("acr", Value::Null),
        Some(Fault::OldLogin) => set("auth_time", json!(now - 3600)),
        _ => {}
    }
    match fault {
        Some(Fault::Unsigned) => token::unsigned(&claims),
        Some(Fault::SharedSecret) => token::with_secret(&claims, &world.client.secret, "test-1"),
        Some(Fault::OtherKey) => world.other.sign(&claims),
        Some(Fault::UnknownKey) => world.other.sign_as(&claims, "test-2"),
        _ => world.signer.sign(&claims),
    }
}

async fn userinfo(State(world): State<Arc<World>>, headers: HeaderMap) -> Response {
    let bearer = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let token = bearer.strip_prefix("Bearer ").unwrap_or_default().to_owned();
    let (person, fault) = world.with(|inner| (inner.tokens.get(&token).copied(), inner.fault));
    let Some(person) = person else {
        return (StatusCode::UNAUTHORIZED, Json(json!({ "error": "invalid_token" }))).into_response();
    };
    let mut info = person.userinfo();
    match fault {
        Some(Fault::OtherSubject) => {
            info["sub"] = json!("f:550dc1c8-d97b-4b1e-ac8c-8eb4471cf9dd:800000000000")
        }
        Some(Fault::NoIdentity) => info["SubjectNameID"] = json!(""),
        Some(
            fault @ (Fault::UserinfoJwt
            | Fault::UserinfoOtherKey
            | Fault::UserinfoIssuer
            | Fault::UserinfoAudience),
        ) => {
            let issuer =
                if fault == Fault::UserinfoIssuer { OTHER_ISSUER.to_owned() } else { world.issuer() };
            let audience =
                if fault == Fault::UserinfoAudience { "another-client" } else { world.client.id.as_str() };
            (info["iss"], info["aud"]) = (json!(issuer), json!(audience));
            let signer = if fault == Fault::UserinfoOtherKey { &world.other } else { &world.signer };
            return ([(CONTENT_TYPE, "application/jwt")], signer.sign(&info)).into_response();
        }
        _ => {}
    }
    Json(info).into_response()
}

async fn keys(State(world): State<Arc<World>>) -> Json<Value> {
    // A kind of key that clients do not know is listed too, as happens when a provider moves on.
    Json(
        json!({ "keys": [{ "kty": "AKP", "kid": "pq-1", "alg": "ML-DSA-44", "pub": "" }, world.signer.jwk()] }),
    )
}

async fn logout(State(world): State<Arc<World>>, Query(query): Query<HashMap<String, String>>) -> Response {
    let hinted = query.get("id_token_hint").is_some_and(|hint| world.signer.is_mine(hint));
    match query.get("post_logout_redirect_uri") {
        Some(to) if hinted => {
            world.with(|inner| inner.logouts += 1);
            redirect(to.clone())
        }
        _ => bad("invalid_request"),
    }
}
