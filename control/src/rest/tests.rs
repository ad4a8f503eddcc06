use axum::body::Body;
use http::{Method, Request, StatusCode};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::Control;
use crate::testing::*;

async fn call(
    control: &Control,
    method: Method,
    path: &str,
    key: Option<&str>,
    body: Value,
) -> (StatusCode, String, Value) {
    let mut request = Request::builder().method(method).uri(path).header("content-type", "application/json");
    if let Some(key) = key {
        request = request.header("authorization", format!("Bearer {key}"));
    }
    let request = request.body(Body::from(body.to_string())).expect("a request");
    let response = control.router().oneshot(request).await.expect("infallible");
    let status = response.status();
    let kind =
        response.headers().get("content-type").and_then(|value| value.to_str().ok()).unwrap_or("").to_owned();
    let body = axum::body::to_bytes(response.into_body(), 1 << 24).await.expect("in memory");
    (status, kind, serde_json::from_slice(&body).unwrap_or(Value::Null))
}

fn key() -> String {
    format!("key:{SECRET}")
}

#[tokio::test]
async fn rooms_come_and_go() {
    let (control, _) = control();
    let key = key();
    let wanted = json!({"name": "salle 1", "empty_timeout_s": 7});
    let (status, _, room) = call(&control, Method::POST, "/v1/rooms", Some(&key), wanted.clone()).await;
    assert_eq!(status, StatusCode::CREATED);
    assert_eq!((&room["name"], &room["empty_timeout_s"]), (&json!("salle 1"), &json!(7)));
    let (status, _, again) = call(&control, Method::POST, "/v1/rooms", Some(&key), wanted).await;
    assert_eq!((status, &again["sid"]), (StatusCode::OK, &room["sid"]));
    let (_, _, list) = call(&control, Method::GET, "/v1/rooms", Some(&key), Value::Null).await;
    assert_eq!(list["rooms"].as_array().map(Vec::len), Some(1));

    let seat = join(&control, "salle 1", "alice").seat;
    seat.publish(camera("TR_1"), Vec::new()).expect("may publish");
    let path = "/v1/rooms/salle%201/participants";
    let (_, _, participants) = call(&control, Method::GET, path, Some(&key), Value::Null).await;
    let alice = &participants["participants"][0];
    assert_eq!((&alice["identity"], &alice["state"]), (&json!("alice"), &json!("joined")));
    assert_eq!(alice["tracks"][0]["source"], "camera");

    let gone = call(&control, Method::DELETE, "/v1/rooms/salle%201", Some(&key), Value::Null).await;
    assert_eq!(gone.0, StatusCode::NO_CONTENT);
    let (status, kind, problem) =
        call(&control, Method::DELETE, "/v1/rooms/salle%201", Some(&key), Value::Null).await;
    assert_eq!((status, kind.as_str()), (StatusCode::NOT_FOUND, "application/problem+json"));
    assert_eq!((&problem["code"], &problem["status"]), (&json!("room_not_found"), &json!(404)));
}

#[tokio::test]
async fn a_token_from_the_api_lets_in_whom_it_names() {
    let (control, _) = control();
    let wanted = json!({
        "identity": "patient-1", "name": "Zoé", "ttl_s": 600, "attributes": {"role": "patient"},
        "grants": {"can_publish_sources": ["microphone"], "can_update_own_metadata": true}
    });
    let (status, _, token) = call(&control, Method::POST, "/v1/rooms/r/tokens", Some(&key()), wanted).await;
    assert_eq!(status, StatusCode::CREATED);
    assert_eq!(token["url"], "wss://visio.example.org");
    let text = token["token"].as_str().expect("a token");
    assert_eq!(token["join_link"], format!("https://visio.example.org/join#token={text}"));
    let claims = control.tokens().verify(text).expect("our own");
    assert_eq!((claims.identity(), claims.name.as_str()), ("patient-1", "Zoé"));
    let permission = claims.grant().permission();
    assert!(permission.can_publish && permission.can_update_metadata);
    assert_eq!(permission.can_publish_sources, [2]);
    assert_eq!(claims.grant().room, "r");
}

#[tokio::test]
async fn problems_tell_what_is_wrong() {
    let (control, _) = control();
    let good = key();
    for bad in [None, Some("key:wrong"), Some("nobody:secret"), Some("")] {
        let (status, kind, problem) = call(&control, Method::GET, "/v1/rooms", bad, Value::Null).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
        assert_eq!((kind.as_str(), &problem["code"]), ("application/problem+json", &json!("unauthorized")));
    }
    let cases = [
        (Method::POST, "/v1/rooms", json!({"nom": "r"}), 400, "malformed"),
        (Method::POST, "/v1/rooms", json!({"name": ""}), 400, "invalid"),
        (Method::POST, "/v1/rooms/r/tokens", json!({"identity": ""}), 400, "invalid"),
        (Method::POST, "/v1/rooms/r/tokens", json!({"identity": "a", "ttl_s": 1}), 400, "invalid"),
        (Method::GET, "/v1/rooms/x", Value::Null, 404, "room_not_found"),
        (Method::GET, "/v1/rooms/x/participants", Value::Null, 404, "room_not_found"),
        (Method::GET, "/v1/nothing", Value::Null, 404, "not_found"),
        (Method::PATCH, "/v1/rooms", Value::Null, 405, "method_not_allowed"),
    ];
    for (method, path, body, status, code) in cases {
        let (got, kind, problem) = call(&control, method, path, Some(&good), body).await;
        assert_eq!((got.as_u16(), problem["code"].as_str()), (status, Some(code)), "{path}");
        assert_eq!(kind, "application/problem+json");
    }
}

#[tokio::test]
async fn the_operators_pages_answer() {
    let (control, _) = control();
    let _alice = join(&control, "r", "alice");
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(call(&control, Method::GET, path, None, Value::Null).await.0, StatusCode::OK, "{path}");
    }
    let text = control.metrics_text();
    assert!(text.contains("chevet_participants 1\n") && text.contains("chevet_joins_total 1\n"), "{text}");
    assert_eq!(
        call(&control, Method::GET, "/debug/rooms", None, Value::Null).await.0,
        StatusCode::UNAUTHORIZED
    );
    let (_, _, rooms) = call(&control, Method::GET, "/debug/rooms", Some(&key()), Value::Null).await;
    assert_eq!(rooms["rooms"][0]["name"], "r");
    control.shut_down();
    let ready = call(&control, Method::GET, "/readyz", None, Value::Null).await;
    assert_eq!(ready.0, StatusCode::SERVICE_UNAVAILABLE);
}

/// `UPDATE_CONTRACTS=1 cargo test -p chevet-control` writes the file anew: the change is then there to be reviewed.
#[test]
fn the_checked_in_description_is_that_of_the_code() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/openapi.json");
    let current = super::openapi();
    if std::env::var_os("UPDATE_CONTRACTS").is_some() {
        std::fs::write(&path, &current).expect("docs is writable");
    }
    let checked_in = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        checked_in == current,
        "docs/openapi.json is out of date: run with UPDATE_CONTRACTS=1 and review"
    );
}
