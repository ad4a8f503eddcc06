//! Three gateways for short messages on one port: a plain one by HTTP, OVH's API, Twilio's API. They check what the real
//! ones check: signatures, credentials, the shape of the request.

use aws_lc_rs::digest;
use axum::Router;
use axum::extract::{OriginalUri, Path, State as Shared};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, RETRY_AFTER};
use http::{HeaderMap, Method, StatusCode};
use serde_json::{Value, json};

use crate::receipts::{self, Target};
use crate::script::Answer;
use crate::state::{Sms, Standing, State};

pub(crate) fn router(state: State) -> Router {
    Router::new()
        .route("/messages", post(plain))
        .route("/1.0/sms/{service}/jobs", post(ovh_jobs))
        .route("/1.0/sms/{service}/outgoing/{id}", get(ovh_outgoing))
        .route("/2010-04-01/Accounts/{account}/Messages.json", post(twilio))
        .with_state(state)
}

fn text(headers: &HeaderMap, name: impl http::header::AsHeaderName) -> String {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}

fn refuse(status: StatusCode, body: Value) -> Response {
    (status, axum::Json(body)).into_response()
}

/// Keeps the request, answers by the script, and sends the receipt of what was taken.
async fn take(state: &State, mut sms: Sms, target: Target, good: impl FnOnce(u64) -> Value) -> Response {
    let answer = state.with(|world| world.script.sms.pop_front()).unwrap_or(Answer::Ok);
    let refused = |mut sms: Sms, status: u16, body: String, wait: Option<u32>| {
        sms.standing = Standing::Refused;
        state.keep_sms(sms);
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, [(CONTENT_TYPE, "application/json")], body).into_response();
        if let Some(wait) = wait {
            response.headers_mut().insert(RETRY_AFTER, wait.into());
        }
        response
    };
    let late = match answer {
        Answer::Ok => None,
        Answer::Late(time) => Some(time),
        Answer::Status(status) => return refused(sms, status, "{}".to_owned(), None),
        Answer::Body(status, body) => return refused(sms, status, body, None),
        Answer::RetryAfter(status, wait) => return refused(sms, status, "{}".to_owned(), Some(wait)),
        Answer::Invalid => {
            let body = json!({ "ids": [], "validReceivers": [], "invalidReceivers": [sms.to], "totalCreditsRemoved": 0 });
            return refused(sms, 200, body.to_string(), None);
        }
    };
    sms.standing = Standing::Taken;
    let number = state.keep_sms(sms);
    receipts::follow(state, number, target);
    if let Some(time) = late {
        tokio::time::sleep(time).await;
    }
    axum::Json(good(number)).into_response()
}

fn request(protocol: &'static str) -> Sms {
    Sms {
        number: 0,
        at: 0,
        protocol,
        to: String::new(),
        from: String::new(),
        text: String::new(),
        reference: String::new(),
        standing: Standing::Taken,
    }
}

/// `POST /messages` with a bearer token, as JSON or as a form.
async fn plain(Shared(state): Shared<State>, headers: HeaderMap, body: Bytes) -> Response {
    if text(&headers, AUTHORIZATION) != format!("Bearer {}", state.secrets.sms) {
        return refuse(StatusCode::UNAUTHORIZED, json!({ "error": "token" }));
    }
    let fields: Value = if text(&headers, CONTENT_TYPE).contains("form") {
        form_urlencoded::parse(&body).into_owned().map(|(name, value)| (name, Value::from(value))).collect()
    } else {
        serde_json::from_slice(&body).unwrap_or_default()
    };
    let field = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (to, words) = (field("to"), field("text"));
    if to.is_empty() || words.is_empty() {
        return refuse(StatusCode::UNPROCESSABLE_ENTITY, json!({ "error": "to and text are needed" }));
    }
    let reference = text(&headers, "idempotency-key");
    let sms = Sms { to, text: words, from: field("from"), reference: reference.clone(), ..request("http") };
    let callback = Some(field("callback")).filter(|url| !url.is_empty());
    take(&state, sms, Target::Signed { callback, reference }, |number| json!({ "id": number.to_string() }))
        .await
}

/// The signature over method, address, body and time, with the keys of the application.
fn is_ovh_signed(state: &State, method: &Method, headers: &HeaderMap, uri: &http::Uri, body: &[u8]) -> bool {
    let url = format!("http://{}{uri}", text(headers, HOST));
    let stamp = text(headers, "x-ovh-timestamp");
    let signed = format!(
        "{}+{}+{method}+{url}+{}+{stamp}",
        state.secrets.sms,
        state.secrets.consumer_key,
        String::from_utf8_lossy(body)
    );
    let hash = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, signed.as_bytes());
    let hex: String = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    text(headers, "x-ovh-signature") == format!("$1${hex}")
        && text(headers, "x-ovh-consumer") == state.secrets.consumer_key
        && !text(headers, "x-ovh-application").is_empty()
}

async fn ovh_jobs(
    Shared(state): Shared<State>,
    OriginalUri(uri): OriginalUri,
    method: Method,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if !is_ovh_signed(&state, &method, &headers, &uri, &body) {
        let message = json!({ "errorCode": "INVALID_SIGNATURE", "message": "Invalid signature" });
        return refuse(StatusCode::BAD_REQUEST, message);
    }
    let fields: Value = serde_json::from_slice(&body).unwrap_or_default();
    let field = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let named = !field("sender").is_empty();
    if named && fields.get("senderForResponse") == Some(&Value::Bool(true)) {
        let message = json!({ "message": "sender and senderForResponse exclude each other" });
        return refuse(StatusCode::BAD_REQUEST, message);
    }
    let to = fields.get("receivers").and_then(|list| list.get(0)).and_then(Value::as_str).unwrap_or_default();
    let sms = Sms {
        to: to.to_owned(),
        from: field("sender"),
        text: field("message"),
        reference: field("tag"),
        ..request("ovh")
    };
    let receiver = to.to_owned();
    take(&state, sms, Target::Ovh, move |number| {
        json!({ "ids": [number], "totalCreditsRemoved": 1, "validReceivers": [receiver], "invalidReceivers": [] })
    })
    .await
}

async fn ovh_outgoing(
    Shared(state): Shared<State>,
    OriginalUri(uri): OriginalUri,
    Path((_, id)): Path<(String, u64)>,
    method: Method,
    headers: HeaderMap,
) -> Response {
    if !is_ovh_signed(&state, &method, &headers, &uri, b"") {
        return refuse(StatusCode::BAD_REQUEST, json!({ "errorCode": "INVALID_SIGNATURE" }));
    }
    let standing = state.with(|world| world.sms.iter().find(|sms| sms.number == id).map(|sms| sms.standing));
    match standing {
        None => refuse(StatusCode::NOT_FOUND, json!({ "message": "no such message" })),
        Some(standing) => {
            let receipt = match standing {
                Standing::Delivered => 1,
                Standing::Undelivered => 2,
                Standing::Refused => 16,
                Standing::Taken => 0,
            };
            axum::Json(json!({ "id": id, "deliveryReceipt": receipt })).into_response()
        }
    }
}

async fn twilio(
    Shared(state): Shared<State>,
    Path(account): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let login = STANDARD.encode(format!("{account}:{}", state.secrets.sms));
    if text(&headers, AUTHORIZATION) != format!("Basic {login}") {
        return refuse(StatusCode::UNAUTHORIZED, json!({ "code": 20003, "message": "Authenticate" }));
    }
    let fields: Vec<(String, String)> = form_urlencoded::parse(&body).into_owned().collect();
    let field = |name: &str| {
        fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.clone()).unwrap_or_default()
    };
    if field("To").is_empty() || field("From").is_empty() || field("Body").is_empty() {
        return refuse(StatusCode::BAD_REQUEST, json!({ "code": 21604, "message": "a field is missing" }));
    }
    let sms = Sms {
        to: field("To"),
        from: field("From"),
        text: field("Body"),
        reference: text(&headers, "idempotency-key"),
        ..request("twilio")
    };
    let callback = Some(field("StatusCallback")).filter(|url| !url.is_empty());
    take(
        &state,
        sms,
        Target::Twilio { callback },
        |number| json!({ "sid": format!("SM{number:032x}"), "status": "queued" }),
    )
    .await
}
