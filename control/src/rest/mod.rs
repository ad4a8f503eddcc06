//! Our own REST API, for portals that want plain rooms and tokens.
//!
//! Every call carries `Authorization: Bearer <key>:<secret>`: an API key of the configuration and its secret. The secret
//! is compared in constant time. Over anything but loopback that wants TLS, like every API with a bearer secret.

pub mod model;
mod problem;

use std::time::{Duration, Instant};

use axum::Json;
use axum::Router;
use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequestParts, Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, delete, get, post};
use http::StatusCode;
use http::header::{AUTHORIZATION, LOCATION};
use http::request::Parts;
use livekit_protocol as proto;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

pub use problem::{Code, Problem};

use crate::Control;
use crate::tokens::Claims;
use model::{NewRoom, NewToken, Participants, Room, Rooms, Token};

const TTL_DEFAULT: Duration = Duration::from_secs(6 * 3600);
const TTL_MIN: u64 = 60;
const TTL_MAX: u64 = 30 * 24 * 3600;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Chevet",
        description = "Rooms and tokens of a Chevet server.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    paths(list_rooms, create_room, get_room, delete_room, list_participants, create_token),
    modifiers(&Security),
    security(("api_key" = [])),
    tags((name = "rooms"), (name = "tokens"))
)]
struct Api;

struct Security;

impl Modify for Security {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("<key>:<secret>")
            .description(Some("An API key of the configuration and its secret, joined by a colon."))
            .build();
        let components = openapi.components.get_or_insert_default();
        components.add_security_scheme("api_key", SecurityScheme::Http(scheme));
    }
}

/// The description of the API (OpenAPI 3.1) as JSON; `docs/openapi.json` holds the same text.
pub fn openapi() -> String {
    let mut text = Api::openapi().to_pretty_json().unwrap_or_default();
    text.push('\n');
    text
}

pub(crate) fn router() -> Router<Control> {
    Router::new()
        .route("/v1/rooms", get(list_rooms).post(create_room))
        .route("/v1/rooms/{room}", delete(delete_room).get(get_room))
        .route("/v1/rooms/{room}/participants", get(list_participants))
        .route("/v1/rooms/{room}/tokens", post(create_token))
        .route("/v1/openapi.json", get(description))
        .route("/v1/{*rest}", any(async || Problem::new(Code::NotFound, "no such resource")))
        .method_not_allowed_fallback(async || Problem::new(Code::MethodNotAllowed, "not with this method"))
}

async fn description() -> Response {
    ([(http::header::CONTENT_TYPE, "application/json")], openapi()).into_response()
}

/// The API key a request was made with.
pub(crate) struct ApiKey(pub String);

impl FromRequestParts<Control> for ApiKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, control: &Control) -> Result<ApiKey, Problem> {
        let header = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let credentials = header.and_then(|value| value.strip_prefix("Bearer "));
        let key = credentials.and_then(|credentials| control.tokens().api_key(credentials.trim()));
        match key {
            Some(key) => Ok(ApiKey(key.to_owned())),
            None => {
                control.metrics().refused_token("api_key");
                Err(Problem::new(
                    Code::Unauthorized,
                    "an API key is needed: Authorization: Bearer <key>:<secret>",
                ))
            }
        }
    }
}

impl From<JsonRejection> for Problem {
    fn from(rejection: JsonRejection) -> Problem {
        let code = match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Code::TooLarge,
            _ => Code::Malformed,
        };
        Problem::new(code, rejection.body_text())
    }
}

/// All open rooms.
#[utoipa::path(get, path = "/v1/rooms", tag = "rooms", responses(
    (status = 200, description = "The open rooms", body = Rooms),
    (status = 401, description = "No or a wrong API key", body = Problem, content_type = "application/problem+json"),
))]
async fn list_rooms(_key: ApiKey, State(control): State<Control>) -> Json<Rooms> {
    let rooms = control.hub().list_rooms(&[]).into_iter().map(Room::from).collect();
    Json(Rooms { rooms })
}

/// Opens a room. If it is open already it is left as it is.
#[utoipa::path(post, path = "/v1/rooms", tag = "rooms", request_body = NewRoom, responses(
    (status = 201, description = "The room is open now", body = Room),
    (status = 200, description = "The room was open already", body = Room),
    (status = 400, description = "Refused as it is", body = Problem, content_type = "application/problem+json"),
    (status = 401, description = "No or a wrong API key", body = Problem, content_type = "application/problem+json"),
    (status = 413, description = "Too large", body = Problem, content_type = "application/problem+json"),
    (status = 429, description = "Too many rooms", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "Try later", body = Problem, content_type = "application/problem+json"),
))]
async fn create_room(
    _key: ApiKey,
    State(control): State<Control>,
    body: Result<Json<NewRoom>, JsonRejection>,
) -> Result<Response, Problem> {
    let Json(wanted) = body?;
    let config = proto::RoomConfiguration {
        name: wanted.name,
        empty_timeout: wanted.empty_timeout_s,
        departure_timeout: wanted.departure_timeout_s,
        max_participants: wanted.max_participants,
        metadata: wanted.metadata,
        ..proto::RoomConfiguration::default()
    };
    let (room, new) = control.hub().create_room(Instant::now(), config)?;
    let status = if new { StatusCode::CREATED } else { StatusCode::OK };
    let location = format!("/v1/rooms/{}", percent_encoded(&room.name));
    Ok((status, [(LOCATION, location)], Json(Room::from(room))).into_response())
}

/// One open room.
#[utoipa::path(get, path = "/v1/rooms/{room}", tag = "rooms",
    params(("room" = String, Path, description = "Its name")), responses(
    (status = 200, description = "The room", body = Room),
    (status = 401, description = "No or a wrong API key", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "No such room", body = Problem, content_type = "application/problem+json"),
))]
async fn get_room(
    _key: ApiKey,
    State(control): State<Control>,
    Path(room): Path<String>,
) -> Result<Json<Room>, Problem> {
    let room = control.hub().room_info_of(&room).ok_or_else(no_room)?;
    Ok(Json(room.into()))
}

/// Ends a room and sends everybody in it away.
#[utoipa::path(delete, path = "/v1/rooms/{room}", tag = "rooms",
    params(("room" = String, Path, description = "Its name")), responses(
    (status = 204, description = "The room has ended"),
    (status = 401, description = "No or a wrong API key", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "No such room", body = Problem, content_type = "application/problem+json"),
))]
async fn delete_room(
    _key: ApiKey,
    State(control): State<Control>,
    Path(room): Path<String>,
) -> Result<StatusCode, Problem> {
    control.hub().delete_room(Instant::now(), &room)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Who is in a room.
#[utoipa::path(get, path = "/v1/rooms/{room}/participants", tag = "rooms",
    params(("room" = String, Path, description = "Its name")), responses(
    (status = 200, description = "The participants, hidden ones too", body = Participants),
    (status = 401, description = "No or a wrong API key", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "No such room", body = Problem, content_type = "application/problem+json"),
))]
async fn list_participants(
    _key: ApiKey,
    State(control): State<Control>,
    Path(room): Path<String>,
) -> Result<Json<Participants>, Problem> {
    let participants = control.hub().list_participants(&room).ok_or_else(no_room)?;
    Ok(Json(Participants { participants: participants.into_iter().map(Into::into).collect() }))
}

/// Makes a token that lets one participant into a room. The room need not be open.
#[utoipa::path(post, path = "/v1/rooms/{room}/tokens", tag = "tokens", request_body = NewToken,
    params(("room" = String, Path, description = "Its name")), responses(
    (status = 201, description = "The token", body = Token),
    (status = 400, description = "Refused as it is", body = Problem, content_type = "application/problem+json"),
    (status = 401, description = "No or a wrong API key", body = Problem, content_type = "application/problem+json"),
    (status = 413, description = "Too large", body = Problem, content_type = "application/problem+json"),
))]
async fn create_token(
    key: ApiKey,
    State(control): State<Control>,
    Path(room): Path<String>,
    body: Result<Json<NewToken>, JsonRejection>,
) -> Result<Response, Problem> {
    let Json(wanted) = body?;
    check_token(&control, &room, &wanted)?;
    let life = wanted.ttl_s.map_or(TTL_DEFAULT, Duration::from_secs);
    let claims = Claims {
        iss: key.0,
        sub: wanted.identity,
        name: wanted.name,
        metadata: wanted.metadata,
        attributes: wanted.attributes.into_iter().collect(),
        video: Some(wanted.grants.into_video_grant(room)),
        ..Claims::default()
    };
    let token = control
        .tokens()
        .issue(claims, life)
        .ok_or_else(|| Problem::new(Code::Unavailable, "the token could not be signed"))?;
    let public = &control.config().public_url;
    let join_link = control.join_link(&token);
    let url = match public.strip_prefix("http") {
        Some(rest) => format!("ws{rest}"),
        None => public.clone(),
    };
    Ok((StatusCode::CREATED, Json(Token { token, url, join_link })).into_response())
}

fn check_token(control: &Control, room: &str, wanted: &NewToken) -> Result<(), Problem> {
    let limits = &control.config().limits;
    let bad = |detail: &str| Err(Problem::new(Code::Invalid, detail));
    if room.is_empty() || room.chars().count() > limits.room_name_chars {
        return bad("the room name is empty or too long");
    }
    if wanted.identity.is_empty() || wanted.identity.chars().count() > limits.identity_chars {
        return bad("the identity is empty or too long");
    }
    if wanted.name.chars().count() > limits.name_chars {
        return bad("the name is too long");
    }
    let attributes: usize =
        wanted.attributes.iter().map(|(key, value)| key.len().saturating_add(value.len())).sum();
    // Tokens travel in URLs: what is allowed in a call later would never fit one.
    if wanted.metadata.len().saturating_add(attributes) > 16 * 1024 {
        return bad("metadata and attributes are too long for a token (16 KiB)");
    }
    if wanted.ttl_s.is_some_and(|ttl| !(TTL_MIN..=TTL_MAX).contains(&ttl)) {
        return bad("ttl_s has to be from 60 to 2592000");
    }
    let known = ["camera", "microphone", "screen_share", "screen_share_audio"];
    if !wanted.grants.can_publish_sources.iter().all(|source| known.contains(&source.as_str())) {
        return bad("can_publish_sources knows camera, microphone, screen_share and screen_share_audio");
    }
    Ok(())
}

fn no_room() -> Problem {
    Problem::new(Code::RoomNotFound, "requested room does not exist")
}

/// A path segment (RFC 3986 3.3), encoding all but unreserved characters.
fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests;
