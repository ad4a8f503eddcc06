use axum::body::Body;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{Method, Request, StatusCode};
use jiff::SignedDuration;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::audit::{self, Action as Audited};
use crate::crypto::Purpose;
use crate::http::session;
use crate::ids::{AccountId, ApiClientId, ConsultationId};
use crate::model::identifier::ActFamily;
use crate::model::{Account, ApiClient, Consultation, Kind, LoginMethod, Role, Scope, Status, Subject};
use crate::testing::{TestClinic, account};

/// A request by somebody.
enum As<'a> {
    Nobody,
    Bearer(&'a str),
    Browser { cookie: &'a str, csrf: &'a str },
}

struct Answer {
    status: StatusCode,
    body: Value,
    headers: http::HeaderMap,
}

async fn call(clinic: &TestClinic, who: &As<'_>, method: Method, path: &str, body: Value) -> Answer {
    let mut request = Request::builder().method(method).uri(path).header("content-type", "application/json");
    match who {
        As::Nobody => {}
        As::Bearer(secret) => request = request.header("authorization", format!("Bearer {secret}")),
        As::Browser { cookie, csrf } => {
            request = request.header("cookie", *cookie).header("x-csrf-token", *csrf).header("if-match", "*");
        }
    }
    send(clinic, request.body(Body::from(body.to_string())).unwrap()).await
}

async fn send(clinic: &TestClinic, request: Request<Body>) -> Answer {
    let response = clinic.router().oneshot(request).await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    let bytes = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
    Answer { status, headers, body: serde_json::from_slice(&bytes).unwrap_or_default() }
}

async fn token(clinic: &TestClinic, form: &str, basic: Option<&str>) -> Answer {
    let mut request =
        Request::post("/api/v1/oauth/token").header("content-type", "application/x-www-form-urlencoded");
    if let Some(basic) = basic {
        request = request.header("authorization", format!("Basic {}", STANDARD.encode(basic)));
    }
    send(clinic, request.body(Body::from(form.to_owned())).unwrap()).await
}

/// A client of these scopes, stored; its secret is `chs_` and its number.
async fn client(clinic: &TestClinic, secret: &str, scopes: &[Scope]) -> ApiClient {
    let now = clinic.clock().now();
    let client = ApiClient {
        id: ApiClientId::new(now),
        name: "Portail".into(),
        scopes: scopes.to_vec(),
        accounts: Vec::new(),
        allowed_origins: vec!["https://portail.example".into()],
        secrets: vec![clinic.lookup().hash(Purpose::ApiSecret, secret)],
        mtls_fingerprint: None,
        rate_per_minute: 1000,
        created_at: now,
        disabled_at: None,
    };
    clinic.store().write(|tx| tx.insert(&client)).await.unwrap();
    client
}

async fn stored(clinic: &TestClinic, email: &str, roles: &[Role]) -> Account {
    let account = Account { roles: roles.to_vec(), ..account(clinic, email) };
    clinic.store().write(|tx| tx.insert(&account)).await.unwrap();
    account
}

/// Cookie and CSRF token of a session of an account.
async fn log_in(clinic: &TestClinic, account: &AccountId) -> (String, String) {
    let subject = Subject::Account { account: account.clone() };
    let begun =
        clinic.store().write(|tx| session::begin(clinic, tx, subject, LoginMethod::Password, true, 0)).await;
    let (session, secret) = begun.unwrap();
    (format!("chevet={}", secret.expose()), session::csrf_token(clinic, &session))
}

#[tokio::test]
async fn an_administrator_makes_a_client_and_exchanges_its_secret_without_a_gap() {
    let clinic = TestClinic::start().await;
    let admin = stored(&clinic, "chef@cabinet.example", &[Role::Professional, Role::OrgAdmin]).await;
    let (cookie, csrf) = log_in(&clinic, &admin.id).await;
    let admin = As::Browser { cookie: &cookie, csrf: &csrf };
    let path = "/api/v1/api-clients";
    let wanted = json!({
        "name": "Portail", "scopes": ["webhooks:write", "consultations:read"],
        "allowed_origins": ["https://portail.example"],
    });
    let made = call(&clinic, &admin, Method::POST, path, wanted).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
    let first = made.body["client_secret"].as_str().unwrap().to_owned();
    let id = made.body["client"]["id"].as_str().unwrap().to_owned();
    let read = call(&clinic, &admin, Method::GET, &format!("{path}/{id}"), Value::Null).await;
    assert!(!read.body.to_string().contains("chs_") && read.headers.contains_key("etag"));

    let rotated = call(&clinic, &admin, Method::POST, &format!("{path}/{id}/secrets"), Value::Null).await;
    let second = rotated.body["client_secret"].as_str().unwrap().to_owned();
    let hooks = "/api/v1/webhook-endpoints";
    for secret in [&first, &second] {
        let answer = call(&clinic, &As::Bearer(secret), Method::GET, hooks, Value::Null).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    }
    let of_first = token(&clinic, "grant_type=client_credentials", Some(&format!("{id}:{first}"))).await;
    let of_first = of_first.body["access_token"].as_str().unwrap().to_owned();
    call(&clinic, &admin, Method::POST, &format!("{path}/{id}/secrets/retire"), Value::Null).await;
    for (secret, status) in [(&first, 401), (&of_first, 401), (&second, 200)] {
        let answer = call(&clinic, &As::Bearer(secret), Method::GET, hooks, Value::Null).await;
        assert_eq!(answer.status.as_u16(), status);
    }
    let off =
        call(&clinic, &admin, Method::PATCH, &format!("{path}/{id}"), json!({ "enabled": false })).await;
    assert_eq!((off.status, &off.body["enabled"]), (StatusCode::OK, &json!(false)));
    let answer = call(&clinic, &As::Bearer(&second), Method::GET, hooks, Value::Null).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);

    for (field, value) in [
        ("/scopes/0", json!({ "name": "x", "scopes": ["everything"] })),
        (
            "/allowed_origins/0",
            json!({ "name": "x", "scopes": [], "allowed_origins": ["https://a.example/"] }),
        ),
        ("/allowed_origins/0", json!({ "name": "x", "scopes": [], "allowed_origins": ["http://a.example"] })),
        ("/allowed_origins/0", json!({ "name": "x", "scopes": [], "allowed_origins": ["*"] })),
        ("/rate_per_minute", json!({ "name": "x", "scopes": [], "rate_per_minute": 0 })),
        ("/name", json!({ "name": " ", "scopes": [] })),
    ] {
        let refused = call(&clinic, &admin, Method::POST, path, value).await;
        assert_eq!((refused.status.as_u16(), &refused.body["errors"][0]["pointer"]), (422, &json!(field)));
    }
}

#[tokio::test]
async fn nobody_else_learns_that_clients_exist_and_an_absent_administrator_has_to_come_back() {
    let clinic = TestClinic::start().await;
    let doctor = stored(&clinic, "jeanne@cabinet.example", &[Role::Professional]).await;
    let (cookie, csrf) = log_in(&clinic, &doctor.id).await;
    let doctor = As::Browser { cookie: &cookie, csrf: &csrf };
    let body = json!({ "name": "x", "scopes": [] });
    for (method, path) in [(Method::GET, "/api/v1/api-clients"), (Method::POST, "/api/v1/api-clients")] {
        let answer = call(&clinic, &doctor, method, path, body.clone()).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND);
    }
    client(&clinic, "chs_1", &Scope::ALL).await;
    let portal = As::Bearer("chs_1");
    let answer = call(&clinic, &portal, Method::POST, "/api/v1/api-clients", body.clone()).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    let admin = stored(&clinic, "chef@cabinet.example", &[Role::OrgAdmin]).await;
    let (cookie, csrf) = log_in(&clinic, &admin.id).await;
    clinic.clock().advance(SignedDuration::from_mins(11));
    let admin = As::Browser { cookie: &cookie, csrf: &csrf };
    let answer = call(&clinic, &admin, Method::POST, "/api/v1/api-clients", body).await;
    assert_eq!(answer.body["code"], "reauthentication-required");
}

#[tokio::test]
async fn the_token_endpoint_speaks_oauth() {
    let clinic = TestClinic::start().await;
    let known = client(&clinic, "chs_1", &[Scope::ConsultationsRead, Scope::WebhooksWrite]).await;
    let id = known.id.to_string();
    let basic = format!("{id}:chs_1");
    let given = token(&clinic, "grant_type=client_credentials&scope=webhooks:write", Some(&basic)).await;
    assert_eq!((given.status, &given.body["scope"]), (StatusCode::OK, &json!("webhooks:write")));
    assert_eq!((&given.body["token_type"], &given.body["expires_in"]), (&json!("Bearer"), &json!(600)));
    assert_eq!(given.headers["cache-control"], "no-store");
    let in_form = format!("grant_type=client_credentials&client_id={id}&client_secret=chs_1");
    let both = token(&clinic, &in_form, None).await;
    assert_eq!(both.body["scope"], "consultations:read webhooks:write");

    let wrong = format!("{id}:chs_2");
    for (form, basic, status, error) in [
        ("grant_type=client_credentials", Some(wrong.as_str()), 401, "invalid_client"),
        ("grant_type=client_credentials", Some("api_0:chs_1"), 401, "invalid_client"),
        ("grant_type=client_credentials", None, 401, "invalid_client"),
        (in_form.as_str(), Some(basic.as_str()), 401, "invalid_client"),
        ("grant_type=password", Some(basic.as_str()), 400, "unsupported_grant_type"),
        ("scope=webhooks:write", Some(basic.as_str()), 400, "invalid_request"),
        ("grant_type=client_credentials&grant_type=x", Some(basic.as_str()), 400, "invalid_request"),
        ("grant_type=client_credentials&scope=patients:read", Some(basic.as_str()), 400, "invalid_scope"),
        ("grant_type=client_credentials&scope=everything", Some(basic.as_str()), 400, "invalid_scope"),
    ] {
        let refused = token(&clinic, form, basic).await;
        assert_eq!((refused.status.as_u16(), &refused.body["error"]), (status, &json!(error)), "{form}");
    }
}

#[tokio::test]
async fn a_token_ends_after_ten_minutes_or_when_it_is_revoked() {
    let clinic = TestClinic::start().await;
    let known = client(&clinic, "chs_1", &[Scope::WebhooksWrite]).await;
    let basic = format!("{}:chs_1", known.id);
    let hooks = "/api/v1/webhook-endpoints";
    let new_token = async || {
        let given = token(&clinic, "grant_type=client_credentials", Some(&basic)).await;
        given.body["access_token"].as_str().unwrap().to_owned()
    };
    let status =
        async |token: &str| call(&clinic, &As::Bearer(token), Method::GET, hooks, Value::Null).await.status;
    let (first, second) = (new_token().await, new_token().await);
    assert_eq!(status(&first).await, StatusCode::OK);
    let form = format!("token={first}");
    let request = Request::post("/api/v1/oauth/revoke")
        .header("content-type", "application/x-www-form-urlencoded")
        .header("authorization", format!("Basic {}", STANDARD.encode(&basic)));
    assert_eq!(send(&clinic, request.body(Body::from(form)).unwrap()).await.status, StatusCode::OK);
    assert_eq!((status(&first).await, status(&second).await), (StatusCode::UNAUTHORIZED, StatusCode::OK));
    clinic.clock().advance(SignedDuration::from_mins(10));
    assert_eq!(status(&second).await, StatusCode::UNAUTHORIZED);
    clinic.clock().advance(SignedDuration::from_secs(1));
    assert_eq!(clinic.store().write(|tx| super::sweep(tx, clinic.clock().now())).await, Ok(1));
}

#[tokio::test]
async fn each_scope_opens_its_own_doors_and_no_other_and_refusals_stay_in_the_trail() {
    let clinic = TestClinic::start().await;
    let doors = [
        (Method::GET, "/api/v1/webhook-endpoints", Scope::WebhooksWrite),
        (Method::POST, "/api/v1/webhook-endpoints", Scope::WebhooksWrite),
        (Method::POST, "/api/v1/embed-sessions", Scope::EmbedWrite),
    ];
    let embed = json!({
        "consultation_id": ConsultationId::new(clinic.clock().now()),
        "professional_ref": AccountId::new(clinic.clock().now()), "origin": "https://portail.example",
    });
    for (at, scope) in Scope::ALL.into_iter().enumerate() {
        let secret = format!("chs_{at}");
        client(&clinic, &secret, &[scope]).await;
        for (method, path, wanted) in &doors {
            let body =
                if path.contains("embed") { embed.clone() } else { json!({ "url": "https://p.example/" }) };
            let answer = call(&clinic, &As::Bearer(&secret), method.clone(), path, body).await;
            let missing = answer.body["code"] == "scope-missing";
            assert_eq!(missing, scope != *wanted, "{scope:?} {path} {}", answer.body);
            if missing {
                assert_eq!(
                    (answer.status, &answer.body["detail"]),
                    (StatusCode::FORBIDDEN, &json!(wanted.as_str()))
                );
            }
        }
    }
    let denied = audit::read(clinic.store(), 0, 1000).unwrap();
    let denied = denied.iter().filter(|stored| stored.event.action == Audited::ApiScopeDenied).count();
    assert_eq!(denied, 2 * (Scope::ALL.len() - 1) + (Scope::ALL.len() - 1));
    for who in [As::Nobody, As::Bearer("chs_unknown"), As::Bearer("cht_unknown"), As::Bearer("")] {
        let answer = call(&clinic, &who, Method::GET, "/api/v1/webhook-endpoints", Value::Null).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn a_page_of_another_origin_and_a_portal_above_its_rate_are_refused() {
    let clinic = TestClinic::start().await;
    let mut known = client(&clinic, "chs_1", &[Scope::WebhooksWrite]).await;
    let from = async |origin: &str| {
        let request = Request::get("/api/v1/webhook-endpoints")
            .header("authorization", "Bearer chs_1")
            .header("origin", origin)
            .body(Body::empty());
        send(&clinic, request.unwrap()).await.status.as_u16()
    };
    assert_eq!((from("https://portail.example").await, from("https://voleur.example").await), (200, 403));
    known.rate_per_minute = 2;
    clinic.store().write(|tx| tx.put(&known)).await.unwrap();
    clinic.clock().advance(SignedDuration::from_mins(2));
    let own = "https://portail.example";
    assert_eq!((from(own).await, from(own).await, from(own).await), (200, 200, 429));
}

fn consultation(clinic: &TestClinic, owner: &AccountId) -> Consultation {
    let now = clinic.clock().now();
    let whole = json!({
        "id": ConsultationId::new(now), "kind": Kind::Dossier, "act_family": ActFamily::Teleconsultation,
        "owner": owner, "created_by": owner, "created_at": now, "slot_start": now, "slot_end": now,
        "time_zone": "Europe/Paris", "early_minutes": 10, "late_minutes": 15, "status": Status::Scheduled,
        "status_since": now,
    });
    serde_json::from_value(whole).unwrap()
}

#[tokio::test]
async fn a_frame_opens_one_consultation_of_its_professional_once_and_nothing_else() {
    let clinic = TestClinic::start().await;
    let doctor = stored(&clinic, "jeanne@cabinet.example", &[Role::Professional]).await;
    let other = stored(&clinic, "odile@cabinet.example", &[Role::Professional]).await;
    let (own, foreign) = (consultation(&clinic, &doctor.id), consultation(&clinic, &other.id));
    let mut portal = client(&clinic, "chs_1", &[Scope::EmbedWrite]).await;
    portal.accounts = vec![doctor.id.clone()];
    clinic
        .store()
        .write(|tx| {
            tx.put(&portal)?;
            tx.insert(&own)?;
            tx.insert(&foreign)
        })
        .await
        .unwrap();
    let make = async |consultation: &ConsultationId, account: &AccountId, origin: &str| {
        let body = json!({ "consultation_id": consultation, "professional_ref": account, "origin": origin });
        call(&clinic, &As::Bearer("chs_1"), Method::POST, "/api/v1/embed-sessions", body).await
    };
    let origin = "https://portail.example";
    assert_eq!(make(&foreign.id, &other.id, origin).await.status, StatusCode::NOT_FOUND);
    assert_eq!(make(&own.id, &other.id, origin).await.status, StatusCode::NOT_FOUND);
    assert_eq!(make(&own.id, &doctor.id, "https://voleur.example").await.status.as_u16(), 422);
    let made = make(&own.id, &doctor.id, origin).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
    let (page, secret) = made.body["embed_url"].as_str().unwrap().split_once('#').unwrap();
    let ancestors = super::frame_ancestors(&clinic, page.rsplit('/').next().unwrap());
    assert_eq!(ancestors.as_deref(), Some("frame-ancestors https://portail.example"));

    let redeem = async |secret: &str| {
        let body = json!({ "token": secret });
        call(&clinic, &As::Nobody, Method::POST, "/api/v1/embed-sessions/redeem", body).await
    };
    let frame = redeem(secret).await;
    assert_eq!((frame.status, &frame.body["origin"]), (StatusCode::OK, &json!(origin)), "{}", frame.body);
    assert_eq!(redeem(secret).await.status, StatusCode::NOT_FOUND, "once");
    let late = make(&own.id, &doctor.id, origin).await;
    let late = late.body["embed_url"].as_str().unwrap().split_once('#').unwrap().1.to_owned();
    clinic.clock().advance(SignedDuration::from_secs(61));
    assert_eq!(redeem(&late).await.status, StatusCode::NOT_FOUND, "for a minute");

    let bearer = frame.body["access_token"].as_str().unwrap().to_owned();
    let inside =
        |path: &str| super::within(&clinic, &bearer, path).map(|signed_in| signed_in.account.value.id);
    let consultation_path = format!("/api/v1/consultations/{}", own.id);
    assert_eq!(inside(&consultation_path), Ok(doctor.id.clone()));
    assert_eq!(inside(&format!("{consultation_path}/documents")), Ok(doctor.id.clone()));
    for path in [
        format!("/api/v1/consultations/{}", foreign.id),
        format!("{consultation_path}0"),
        "/api/v1/consultations".to_owned(),
        "/api/v1/me".to_owned(),
        "/api/v1/auth/logout".to_owned(),
    ] {
        assert!(inside(&path).is_err(), "{path}");
    }
    let session = call(&clinic, &As::Bearer(&bearer), Method::GET, "/api/v1/auth/session", Value::Null).await;
    assert_eq!((session.status, session.body.get("present_until")), (StatusCode::OK, None));
    let me = call(&clinic, &As::Bearer(&bearer), Method::GET, "/api/v1/me", Value::Null).await;
    assert_eq!(me.status, StatusCode::NOT_FOUND);
    // The bearer is no cookie.
    let cookie = format!("chevet={bearer}");
    let as_cookie = As::Browser { cookie: &cookie, csrf: "" };
    let me = call(&clinic, &as_cookie, Method::GET, "/api/v1/me", Value::Null).await;
    assert_eq!(me.status, StatusCode::UNAUTHORIZED);
    portal.disabled_at = Some(clinic.clock().now());
    clinic.store().write(|tx| tx.put(&portal)).await.unwrap();
    assert!(inside(&consultation_path).is_err(), "a disabled portal's frames are over");
}
