//! Pages for operators and their machines: health, readiness, metrics, what happens in the rooms.

mod metrics;

use std::time::Duration;

use axum::extract::{FromRequestParts, Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use serde_json::{Value, json};

pub use metrics::Metrics;

use crate::Control;
use crate::rest::{ApiKey, Problem};

/// How long `/debug/rooms/{room}` waits for the media worker.
const REPORT_WAIT: Duration = Duration::from_secs(2);

pub(crate) fn router() -> Router<Control> {
    Router::new()
        .route("/healthz", get(root))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics_text))
        .route("/debug/rooms", get(rooms))
        .route("/debug/rooms/{room}", get(room))
}

/// The process answers. Also what LiveKit clients expect of `/`: any 200 that they may read.
pub async fn root() -> &'static str {
    "OK"
}

/// 200 while new participants are welcome.
async fn ready(State(control): State<Control>) -> Response {
    let closing = control.hub().closing;
    if closing {
        (StatusCode::SERVICE_UNAVAILABLE, "shutting down").into_response()
    } else if !control.media().healthy() {
        (StatusCode::SERVICE_UNAVAILABLE, "a media worker has stopped").into_response()
    } else {
        "OK".into_response()
    }
}

async fn metrics_text(State(control): State<Control>) -> Response {
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    ([(CONTENT_TYPE, kind)], control.metrics_text()).into_response()
}

/// Lets in everybody in development, and who has an API key otherwise.
struct Operator;

impl FromRequestParts<Control> for Operator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, control: &Control) -> Result<Operator, Problem> {
        if control.config().dev {
            return Ok(Operator);
        }
        ApiKey::from_request_parts(parts, control).await.map(|_| Operator)
    }
}

async fn rooms(_operator: Operator, State(control): State<Control>) -> Json<Value> {
    let rooms = control.hub().list_rooms(&[]);
    let load = control.media().load();
    let rooms: Vec<Value> = rooms
        .iter()
        .map(|room| {
            json!({
                "name": room.name,
                "sid": room.sid,
                "participants": room.num_participants,
                "publishers": room.num_publishers,
                "worker": control.hub().rooms.get(room.name.as_str()).map(|room| room.worker),
            })
        })
        .collect();
    Json(json!({ "rooms": rooms, "workers": load }))
}

/// The registry's view beside the media server's: what is forwarded to whom, at which layer, and why.
async fn room(
    _operator: Operator,
    State(control): State<Control>,
    Path(name): Path<String>,
) -> Result<Json<Value>, Problem> {
    let (room, worker, participants, report) = {
        let mut hub = control.hub();
        let report = hub.inspect(&name)?;
        let worker = hub.rooms.get(name.as_str()).map(|room| (room.id, room.worker));
        (hub.room_info_of(&name), worker, hub.member_views(&name), report)
    };
    let media = match tokio::time::timeout(REPORT_WAIT, report).await {
        Ok(Ok(report)) => serde_json::to_value(report).unwrap_or_default(),
        _ => json!("the media worker did not answer"),
    };
    Ok(Json(json!({
        "room": room,
        "id": worker.map(|(id, _)| id),
        "worker": worker.map(|(_, worker)| worker),
        "participants": participants,
        "media": media,
    })))
}
