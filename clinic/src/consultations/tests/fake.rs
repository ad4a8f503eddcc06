//! A `control` on loopback that keeps what it is asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::routing::{delete, get, post};
use base64::Engine;
use http::{HeaderMap, Request, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tower::ServiceExt;

use crate::Clinic;
use crate::control::testing::sign;
use crate::crypto::Secret;
use crate::settings::ControlAccess;

const SECRET: &str = "a secret of thirty-two characters";

#[derive(Default)]
pub struct FakeControl {
    pub rooms: Mutex<BTreeSet<String>>,
    /// room -> participants, as the API gives them.
    pub people: Mutex<BTreeMap<String, Vec<Value>>>,
    pub removed: Mutex<Vec<String>>,
    /// Every body that was received.
    pub bodies: Mutex<Vec<String>>,
    pub down: Mutex<bool>,
}

type Shared = State<Arc<FakeControl>>;

impl FakeControl {
    pub async fn start() -> (Arc<FakeControl>, ControlAccess) {
        let control = Arc::new(FakeControl::default());
        let app = Router::new()
            .route("/v1/rooms", post(make))
            .route("/v1/rooms/{room}", delete(end))
            .route("/v1/rooms/{room}/participants", get(people))
            .route("/v1/rooms/{room}/tokens", post(token))
            .route("/twirp/livekit.RoomService/RemoveParticipant", post(remove))
            .with_state(control.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        (control, ControlAccess { url, key: "~clinic".into(), secret: Secret::new(SECRET) })
    }

    fn take(&self, headers: &HeaderMap, body: &str, rest: bool) -> Result<(), StatusCode> {
        if *self.down.lock().unwrap() {
            return Err(StatusCode::SERVICE_UNAVAILABLE);
        }
        let authorization = headers["authorization"].to_str().unwrap();
        if rest {
            assert_eq!(authorization, format!("Bearer ~clinic:{SECRET}"));
        }
        self.bodies.lock().unwrap().push(body.to_owned());
        Ok(())
    }

    pub fn has_room(&self, room: &str) -> bool {
        self.rooms.lock().unwrap().contains(room)
    }

    /// Sends an event, signed as `control` does.
    pub async fn tell(&self, clinic: &Clinic, body: &Value) -> (StatusCode, String) {
        let body = body.to_string();
        let sha256 = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(&body));
        let exp = u64::try_from(jiff::Timestamp::now().as_second()).unwrap() + 300;
        let token = sign(SECRET, &json!({ "iss": "~clinic", "exp": exp, "sha256": sha256 })).unwrap();
        let request = Request::post("/api/v1/control-events")
            .header("content-type", "application/webhook+json")
            .header("authorization", token)
            .body(Body::from(body))
            .unwrap();
        let response = clinic.router().oneshot(request).await.unwrap();
        let status = response.status();
        let bytes = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
        (status, String::from_utf8(bytes.to_vec()).unwrap())
    }
}

async fn make(State(control): Shared, headers: HeaderMap, body: String) -> Result<StatusCode, StatusCode> {
    control.take(&headers, &body, true)?;
    let room: Value = serde_json::from_str(&body).unwrap();
    control.rooms.lock().unwrap().insert(room["name"].as_str().unwrap().to_owned());
    Ok(StatusCode::CREATED)
}

async fn end(
    State(control): Shared,
    Path(room): Path<String>,
    headers: HeaderMap,
) -> Result<StatusCode, StatusCode> {
    control.take(&headers, "", true)?;
    control.people.lock().unwrap().remove(&room);
    let known = control.rooms.lock().unwrap().remove(&room);
    if known { Ok(StatusCode::NO_CONTENT) } else { Err(StatusCode::NOT_FOUND) }
}

async fn people(
    State(control): Shared,
    Path(room): Path<String>,
    headers: HeaderMap,
) -> Result<axum::Json<Value>, StatusCode> {
    control.take(&headers, "", true)?;
    let all = control.people.lock().unwrap().get(&room).cloned().unwrap_or_default();
    Ok(axum::Json(json!({ "participants": all })))
}

async fn token(
    State(control): Shared,
    Path(room): Path<String>,
    headers: HeaderMap,
    body: String,
) -> Result<(StatusCode, axum::Json<Value>), StatusCode> {
    control.take(&headers, &body, true)?;
    let wanted: Value = serde_json::from_str(&body).unwrap();
    let token = format!("token for {} in {room}", wanted["identity"].as_str().unwrap());
    Ok((StatusCode::CREATED, axum::Json(json!({ "token": token, "url": "ws://media", "join_link": "x" }))))
}

async fn remove(State(control): Shared, headers: HeaderMap, body: String) -> Result<StatusCode, StatusCode> {
    control.take(&headers, &body, false)?;
    let wanted: Value = serde_json::from_str(&body).unwrap();
    let (room, identity) = (wanted["room"].as_str().unwrap(), wanted["identity"].as_str().unwrap());
    if let Some(all) = control.people.lock().unwrap().get_mut(room) {
        all.retain(|one| one["identity"] != identity);
    }
    control.removed.lock().unwrap().push(identity.to_owned());
    Ok(StatusCode::OK)
}
