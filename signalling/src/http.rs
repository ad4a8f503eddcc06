//! The doors: `/rtc`, `/rtc/v1` and their validate twins.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Query, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use chevet_control::Control;
use chevet_control::registry::ResumeError;
use chevet_control::tokens::Claims;
use livekit_protocol as proto;

use crate::request::{self, Ask};
use crate::session::{Protocol, ServerFacts};
use crate::socket::{self, NewSocket};
use crate::upgrade::Upgrade;

#[derive(Debug)]
struct Door {
    control: Control,
    facts: ServerFacts,
}

type Shared = State<Arc<Door>>;

/// Routes for the one listener. Every answer may be read by any origin: livekit-client learns from the validate endpoints
/// why its connection failed, and takes an unreadable answer for a dead server.
pub fn router(control: Control, facts: ServerFacts) -> Router {
    Router::new()
        .route("/rtc", any(connect_dual))
        .route("/rtc/v1", any(connect_single))
        .route("/rtc/validate", get(validate_dual))
        .route("/rtc/v1/validate", get(validate_single))
        .layer(middleware::from_fn(cross_origin))
        .with_state(Arc::new(Door { control, facts }))
}

async fn cross_origin(request: Request, next: Next) -> Response {
    const FOR_ALL: [(HeaderName, HeaderValue); 4] = [
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")),
        (
            header::ACCESS_CONTROL_ALLOW_METHODS,
            HeaderValue::from_static("OPTIONS, HEAD, GET, POST, PATCH, DELETE"),
        ),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("*, authorization")),
        (header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400")),
    ];
    let mut response = if request.method() == Method::OPTIONS {
        StatusCode::NO_CONTENT.into_response()
    } else {
        next.run(request).await
    };
    for (name, value) in FOR_ALL {
        response.headers_mut().insert(name, value);
    }
    response
}

type Parameters = Query<Vec<(String, String)>>;

async fn connect_dual(
    State(door): Shared,
    headers: HeaderMap,
    query: Parameters,
    upgrade: Upgrade,
) -> Response {
    connect(&door, Protocol::Dual, &headers, query, upgrade)
}

async fn connect_single(
    State(door): Shared,
    headers: HeaderMap,
    query: Parameters,
    upgrade: Upgrade,
) -> Response {
    connect(&door, Protocol::Single, &headers, query, upgrade)
}

async fn validate_dual(State(door): Shared, headers: HeaderMap, query: Parameters) -> Response {
    validate(&door, Protocol::Dual, &headers, query)
}

async fn validate_single(State(door): Shared, headers: HeaderMap, query: Parameters) -> Response {
    validate(&door, Protocol::Single, &headers, query)
}

/// A refusal: plain text, which clients show.
#[derive(Debug)]
struct Refusal(StatusCode, String);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Refusal(status, text) = self;
        tracing::debug!(%status, text, "connection refused");
        let mut response = Response::new(Body::from(text));
        *response.status_mut() = status;
        let plain = HeaderValue::from_static("text/plain; charset=utf-8");
        response.headers_mut().insert(header::CONTENT_TYPE, plain);
        response
    }
}

/// Everything that can be known before the upgrade.
fn read(
    door: &Door,
    protocol: Protocol,
    headers: &HeaderMap,
    Query(pairs): Parameters,
) -> Result<(Claims, Ask), Refusal> {
    let mut query: HashMap<String, String> = HashMap::with_capacity(pairs.len());
    for (name, value) in pairs {
        query.entry(name).or_insert(value);
    }
    let claims = door.control.authenticate(headers, query.get("access_token").map(String::as_str)).map_err(
        |error| {
            door.control.metrics().refused_token(error.cause());
            Refusal(StatusCode::UNAUTHORIZED, error.to_string())
        },
    )?;
    let mut ask =
        request::ask(protocol, &query).map_err(|error| Refusal(error.status(), error.to_string()))?;
    // livekit-client does not say which browser it runs in; some need their own treatment.
    if ask.hello.client.browser.is_empty()
        && let Some(agent) = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok())
    {
        ask.hello.client.browser = browser(agent).to_owned();
        ask.options.client.browser = ask.hello.client.browser.clone();
    }
    Ok((claims, ask))
}

/// The engine behind a `User-Agent`. Chromium's names Safari too, and everything on iOS is Safari's engine.
fn browser(agent: &str) -> &'static str {
    if agent.contains("Firefox/") {
        "firefox"
    } else if agent.contains("Chrome/") || agent.contains("Chromium/") {
        "chrome"
    } else if agent.contains("Safari/") || agent.contains("AppleWebKit/") {
        "safari"
    } else {
        ""
    }
}

fn validate(door: &Door, protocol: Protocol, headers: &HeaderMap, query: Parameters) -> Response {
    let checked = read(door, protocol, headers, query).and_then(|(claims, ask)| {
        door.control
            .check_join(&claims, &ask.options)
            .map_err(|error| Refusal(error.status(), error.to_string()))
    });
    match checked {
        Ok(()) => "success".into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

fn connect(
    door: &Arc<Door>,
    protocol: Protocol,
    headers: &HeaderMap,
    query: Parameters,
    upgrade: Upgrade,
) -> Response {
    let (claims, ask) = match read(door, protocol, headers, query) {
        Ok(read) => read,
        Err(refusal) => return refusal.into_response(),
    };
    let Ask { options, hello, resume } = ask;

    if let Some(sid) = resume {
        return match door.control.check_resume(&claims, &sid) {
            Ok(()) => {
                let (control, identity) = (door.control.clone(), claims.identity().to_owned());
                upgrade.on_upgrade(async move |socket| {
                    let new = Box::new(NewSocket { socket, hello });
                    if let Err(back) = control.attach(&identity, &sid, new)
                        && let Ok(new) = back.downcast::<NewSocket>()
                    {
                        socket::send_away(&control, new.socket).await;
                    }
                })
            }
            Err(ResumeError::Unknown) => {
                let control = door.control.clone();
                upgrade.on_upgrade(async move |socket| socket::send_away(&control, socket).await)
            }
            Err(ResumeError::Refused(error)) => Refusal(error.status(), error.to_string()).into_response(),
        };
    }

    // The join comes before the upgrade, so that a refusal has a status that clients can read.
    match door.control.join(&claims, options) {
        Ok(joined) => {
            let (control, facts) = (door.control.clone(), door.facts.clone());
            upgrade.on_upgrade(move |socket| socket::run(control, facts, joined, hello, socket))
        }
        Err(error) => Refusal(error.status(), error.to_string()).into_response(),
    }
}

/// What a client is told whose session is gone: start afresh.
pub(crate) fn unknown_session() -> proto::SignalResponse {
    let leave = proto::LeaveRequest {
        can_reconnect: true,
        reason: proto::DisconnectReason::StateMismatch as i32,
        action: proto::leave_request::Action::Reconnect as i32,
        regions: None,
    };
    proto::SignalResponse { message: Some(proto::signal_response::Message::Leave(leave)) }
}

#[cfg(test)]
mod tests {
    use super::browser;

    #[test]
    fn browsers_are_told_apart() {
        const KIT: &str = "Mozilla/5.0 (X11) AppleWebKit/537.36 (KHTML, like Gecko)";
        for (agent, name) in [
            (format!("{KIT} Chrome/149.0.0.0 Safari/537.36"), "chrome"),
            (format!("{KIT} Version/18.3 Safari/605.1.15"), "safari"),
            ("Mozilla/5.0 (X11; rv:153.0) Gecko/20100101 Firefox/153.0".to_owned(), "firefox"),
            ("python".to_owned(), ""),
        ] {
            assert_eq!(browser(&agent), name);
        }
    }
}
