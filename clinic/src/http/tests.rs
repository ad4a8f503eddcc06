use axum::body::Body;
use http::{Method, Request, StatusCode};
use serde_json::Value;
use tower::ServiceExt;

use super::*;
use crate::crypto::Secret;
use crate::testing::{TestClinic, account};

async fn call(clinic: &Clinic, request: Request<Body>) -> (StatusCode, http::HeaderMap, Value) {
    let response = clinic.router().oneshot(request).await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    let bytes = axum::body::to_bytes(response.into_body(), 1 << 24).await.unwrap();
    (status, headers, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
}

fn get(path: &str) -> http::request::Builder {
    Request::builder().uri(path)
}

#[test]
fn the_checked_in_description_is_the_one_that_is_served() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/openapi-clinic.json");
    if std::env::var_os("CHEVET_UPDATE_OPENAPI").is_some() {
        std::fs::write(&path, openapi()).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == openapi(), "docs/openapi-clinic.json is old: run this test with CHEVET_UPDATE_OPENAPI=1");
}

#[tokio::test]
async fn what_is_not_there_is_a_problem_in_the_language_of_the_caller() {
    let clinic = TestClinic::start().await;
    for (language, text) in [("fr", "Introuvable."), ("en", "Not found.")] {
        let request = get("/api/v1/nothing").header("accept-language", language).body(Body::empty()).unwrap();
        let (status, headers, problem) = call(&clinic, request).await;
        assert_eq!(status, StatusCode::NOT_FOUND);
        assert_eq!(headers["content-type"], "application/problem+json");
        assert_eq!(headers["content-language"], language);
        assert_eq!((&problem["code"], &problem["detail"]), (&Value::from("not-found"), &Value::from(text)));
        assert_eq!(problem["instance"], "/api/v1/nothing");
        assert_eq!(problem["corr_id"].as_str().unwrap(), headers["x-correlation-id"]);
    }
    let request = get("/api/v1/status").method(Method::DELETE).body(Body::empty()).unwrap();
    let (status, _, problem) = call(&clinic, request).await;
    assert_eq!(
        (status, &problem["code"]),
        (StatusCode::METHOD_NOT_ALLOWED, &Value::from("method-not-allowed"))
    );
}

/// A router with one door for each extractor.
fn doors(clinic: &Clinic) -> Router {
    let router: Router<Clinic> = Router::new()
        .route("/who", axum::routing::get(who).post(who))
        .route("/half", axum::routing::get(async |_: HalfSignedIn| "half"))
        .route("/guest", axum::routing::get(async |_: Guest| "guest"));
    router
        .layer(middleware::from_fn(session::refuse_cross_site))
        .layer(middleware::from_fn(problem::answer_in_language))
        .with_state(clinic.clone())
}

async fn who(signed_in: SignedIn) -> String {
    signed_in.id().to_string()
}

async fn knock(clinic: &Clinic, request: http::request::Builder) -> StatusCode {
    doors(clinic).oneshot(request.body(Body::empty()).unwrap()).await.unwrap().status()
}

async fn log_in(clinic: &Clinic, complete: bool) -> (crate::model::Session, Secret) {
    let account = account(clinic, "jeanne@cabinet.example");
    clinic
        .store()
        .write(|tx| {
            tx.put(&account)?;
            let subject = crate::model::Subject::Account { account: account.id.clone() };
            session::begin(clinic, tx, subject, crate::model::LoginMethod::Password, complete, 0)
        })
        .await
        .unwrap()
}

#[tokio::test]
async fn a_session_opens_the_door_until_it_is_idle_over_or_of_an_older_epoch() {
    let clinic = TestClinic::start().await;
    let (session, secret) = log_in(&clinic, true).await;
    let cookie = format!("other=1; chevet={}", secret.expose());
    let request = |path| get(path).header("cookie", &cookie);
    assert_eq!(knock(&clinic, request("/who")).await, StatusCode::OK);
    assert_eq!(knock(&clinic, get("/who")).await, StatusCode::UNAUTHORIZED);
    assert_eq!(knock(&clinic, get("/who").header("cookie", "chevet=wrong")).await, StatusCode::UNAUTHORIZED);
    assert_eq!(knock(&clinic, request("/guest")).await, StatusCode::UNAUTHORIZED);

    // Used every half hour it lasts twelve hours; left alone for more than one it does not.
    for _ in 0..23 {
        clinic.clock().advance(jiff::SignedDuration::from_mins(30));
        assert_eq!(knock(&clinic, request("/who")).await, StatusCode::OK);
    }
    clinic.clock().advance(jiff::SignedDuration::from_mins(30));
    assert_eq!(knock(&clinic, request("/who")).await, StatusCode::UNAUTHORIZED);
    // By hand, or by the hourly tidying, whichever was quicker: it is gone from the store.
    clinic.clock().advance(jiff::SignedDuration::from_secs(1));
    let now = clinic.clock().now();
    clinic.store().write(|tx| session::sweep(tx, now)).await.unwrap();
    assert!(clinic.store().get::<crate::model::Session>(&session.id).unwrap().is_none());

    let (_, secret) = clinic
        .store()
        .write(|tx| session::begin(&clinic, tx, session.subject.clone(), session.method, true, 0))
        .await
        .unwrap();
    let cookie = format!("chevet={}", secret.expose());
    clinic.clock().advance(jiff::SignedDuration::from_mins(61));
    assert_eq!(knock(&clinic, get("/who").header("cookie", &cookie)).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_suspended_account_and_a_raised_epoch_end_every_session() {
    let clinic = TestClinic::start().await;
    let (session, secret) = log_in(&clinic, true).await;
    let crate::model::Subject::Account { account } = &session.subject else { panic!("an account's") };
    let cookie = format!("chevet={}", secret.expose());
    let request = || get("/who").header("cookie", &cookie);
    let change = async |f: &dyn Fn(&mut crate::model::Account)| {
        let mut stored = clinic.store().get::<crate::model::Account>(account).unwrap().unwrap();
        f(&mut stored.value);
        clinic.store().write(|tx| tx.update(&mut stored)).await.unwrap();
    };
    assert_eq!(knock(&clinic, request()).await, StatusCode::OK);
    change(&|account| account.session_epoch = 1).await;
    assert_eq!(knock(&clinic, request()).await, StatusCode::UNAUTHORIZED);
    change(&|account| account.session_epoch = 0).await;
    assert_eq!(knock(&clinic, request()).await, StatusCode::OK);
    change(&|account| account.status = crate::model::AccountStatus::Suspended).await;
    assert_eq!(knock(&clinic, request()).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn without_the_second_factor_only_the_door_to_it_opens() {
    let clinic = TestClinic::start().await;
    let (_, secret) = log_in(&clinic, false).await;
    let request = |path| get(path).header("cookie", format!("chevet={}", secret.expose()));
    assert_eq!(knock(&clinic, request("/half")).await, StatusCode::OK);
    assert_eq!(knock(&clinic, request("/who")).await, StatusCode::UNAUTHORIZED);
    clinic.clock().advance(jiff::SignedDuration::from_mins(11));
    assert_eq!(knock(&clinic, request("/half")).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_change_needs_the_csrf_token_of_the_session_and_no_other_site() {
    let clinic = TestClinic::start().await;
    let (session, secret) = log_in(&clinic, true).await;
    let (other, _) = log_in_as_another(&clinic).await;
    let token = session::csrf_token(&clinic, &session);
    let post = || get("/who").method(Method::POST).header("cookie", format!("chevet={}", secret.expose()));
    assert_eq!(knock(&clinic, post()).await, StatusCode::FORBIDDEN);
    assert_eq!(knock(&clinic, post().header("x-csrf-token", "x")).await, StatusCode::FORBIDDEN);
    let foreign = session::csrf_token(&clinic, &other);
    assert_eq!(knock(&clinic, post().header("x-csrf-token", foreign)).await, StatusCode::FORBIDDEN);
    assert_eq!(knock(&clinic, post().header("x-csrf-token", &token)).await, StatusCode::OK);
    let elsewhere = post().header("x-csrf-token", &token).header("sec-fetch-site", "cross-site");
    assert_eq!(knock(&clinic, elsewhere).await, StatusCode::FORBIDDEN);
}

async fn log_in_as_another(clinic: &Clinic) -> (crate::model::Session, Secret) {
    let account = account(clinic, "paul@cabinet.example");
    clinic
        .store()
        .write(|tx| {
            tx.put(&account)?;
            let subject = crate::model::Subject::Account { account: account.id.clone() };
            session::begin(clinic, tx, subject, crate::model::LoginMethod::Password, true, 0)
        })
        .await
        .unwrap()
}

#[test]
fn the_cookie_is_bound_to_the_host_and_out_of_reach_of_scripts() {
    let (_, value) = session::Cookie::Account.set(true, &Secret::new("abc"));
    assert_eq!(value, "__Host-chevet=abc; Path=/; HttpOnly; SameSite=Lax; Secure");
    let (_, value) = session::Cookie::Guest.clear(false);
    assert_eq!(value, "chevet-guest=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0");
}
