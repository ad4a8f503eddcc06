//! The requests.

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::jwt;
use crate::settings::ControlAccess;

/// Seconds in which a media token has to be used; the signalling renews what follows.
pub const TOKEN_LIFE_S: u32 = 120;
const TIMEOUT: Duration = Duration::from_secs(5);
const ANSWER_BYTES_MAX: usize = 4 << 20;

/// Why `control` did not do it. No text holds more than a status.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ControlError {
    #[error("control does not answer")]
    Unreachable,
    #[error("control refused with {0}")]
    Refused(StatusCode),
    #[error("control answered something else")]
    Unreadable,
}

impl ControlError {
    /// A stable word, for logs.
    pub fn word(&self) -> &'static str {
        match self {
            ControlError::Unreachable => "control-unreachable",
            ControlError::Refused(_) => "control-refused",
            ControlError::Unreadable => "control-unreadable",
        }
    }
}

/// A room to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NewRoom {
    pub name: String,
    pub empty_timeout_s: u32,
    pub departure_timeout_s: u32,
}

/// What somebody may publish, and how it is treated. Receiving is always allowed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    pub screen: bool,
    /// On a poor line the camera comes before those of others.
    pub first: bool,
}

/// Somebody in a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Here {
    pub identity: String,
    pub connection: String,
    /// The cameras that are published.
    pub cameras: Vec<String>,
}

/// What a browser joins with.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct MediaToken {
    pub token: String,
    /// For a LiveKit client.
    pub url: String,
}

#[derive(Deserialize)]
struct People {
    participants: Vec<Person>,
}

#[derive(Deserialize)]
struct Person {
    sid: String,
    identity: String,
    #[serde(default)]
    tracks: Vec<Track>,
}

#[derive(Deserialize)]
struct Track {
    sid: String,
    source: String,
}

/// A client of one `control`. Clones share their connections.
#[derive(Clone, Debug)]
pub struct ControlClient {
    access: ControlAccess,
    http: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

impl ControlClient {
    pub fn new(access: ControlAccess) -> ControlClient {
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(provider)
            .unwrap_or_else(|_| HttpsConnectorBuilder::new().with_tls_config(no_roots()))
            .https_or_http()
            .enable_http1()
            .build();
        ControlClient { access, http: Client::builder(TokioExecutor::new()).build(connector) }
    }

    /// Makes the room; one that is open stays as it is.
    pub async fn open_room(&self, room: &NewRoom) -> Result<(), ControlError> {
        self.rest(Method::POST, "/v1/rooms", Some(serde_json::json!(room))).await.map(|_| ())
    }

    /// Ends the room and sends everybody away; one that is gone stays gone.
    pub async fn close_room(&self, room: &str) -> Result<(), ControlError> {
        match self.rest(Method::DELETE, &format!("/v1/rooms/{room}"), None).await {
            Ok(_) | Err(ControlError::Refused(StatusCode::NOT_FOUND)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Who is in the room; nobody when there is none.
    pub async fn participants(&self, room: &str) -> Result<Vec<Here>, ControlError> {
        let answer = self.rest(Method::GET, &format!("/v1/rooms/{room}/participants"), None).await;
        if answer == Err(ControlError::Refused(StatusCode::NOT_FOUND)) {
            return Ok(Vec::new());
        }
        let People { participants } = parse(&answer?)?;
        Ok(participants
            .into_iter()
            .map(|person| Here {
                identity: person.identity,
                connection: person.sid,
                cameras: person
                    .tracks
                    .into_iter()
                    .filter(|track| track.source == "camera")
                    .map(|track| track.sid)
                    .collect(),
            })
            .collect())
    }

    /// A token that lets `identity` (a participant's id) into the room within [`TOKEN_LIFE_S`].
    pub async fn token(
        &self,
        room: &str,
        identity: &str,
        role: &str,
        grants: Grants,
    ) -> Result<MediaToken, ControlError> {
        let mut sources = vec!["camera", "microphone"];
        if grants.screen {
            sources.extend(["screen_share", "screen_share_audio"]);
        }
        let mut attributes = HashMap::from([("role", role)]);
        if grants.first {
            attributes.insert("chevet.picture", "first");
        }
        let wanted = serde_json::json!({
            "identity": identity,
            "ttl_s": TOKEN_LIFE_S,
            "attributes": attributes,
            "grants": { "can_publish": true, "can_publish_sources": sources, "can_subscribe": true },
        });
        parse(&self.rest(Method::POST, &format!("/v1/rooms/{room}/tokens"), Some(wanted)).await?)
    }

    /// Sends somebody away, and makes the tokens that were issued before worthless.
    pub async fn remove(&self, room: &str, identity: &str) -> Result<(), ControlError> {
        let now = jwt::unix_seconds();
        let claims = serde_json::json!({
            "iss": self.access.key, "nbf": now.saturating_sub(10), "exp": now.saturating_add(60),
            "video": { "roomAdmin": true, "room": room },
        });
        let token = jwt::sign(self.access.secret.expose(), &claims).ok_or(ControlError::Unreadable)?;
        let body = serde_json::json!({
            "room": room, "identity": identity, "revokeTokenTs": now.saturating_add(1).to_string(),
        });
        let path = "/twirp/livekit.RoomService/RemoveParticipant";
        match self.send(Method::POST, path, &token, Some(body)).await {
            Ok(_) | Err(ControlError::Refused(StatusCode::NOT_FOUND)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn rest(
        &self,
        method: Method,
        path: &str,
        body: Option<serde_json::Value>,
    ) -> Result<Bytes, ControlError> {
        let bearer = format!("{}:{}", self.access.key, self.access.secret.expose());
        self.send(method, path, &bearer, body).await
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        bearer: &str,
        body: Option<serde_json::Value>,
    ) -> Result<Bytes, ControlError> {
        let body = body.map(|body| Bytes::from(body.to_string())).unwrap_or_default();
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.access.url))
            .header(CONTENT_TYPE, "application/json")
            .header(AUTHORIZATION, format!("Bearer {bearer}"))
            .body(Full::new(body))
            .map_err(|_| ControlError::Unreadable)?;
        let exchange = async {
            let response = self.http.request(request).await.map_err(|_| ControlError::Unreachable)?;
            let status = response.status();
            let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
            let body = body.map_err(|_| ControlError::Unreadable)?.to_bytes();
            if status.is_success() { Ok(body) } else { Err(ControlError::Refused(status)) }
        };
        tokio::time::timeout(TIMEOUT, exchange).await.unwrap_or(Err(ControlError::Unreachable))
    }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ControlError> {
    serde_json::from_slice(bytes).map_err(|_| ControlError::Unreadable)
}

fn no_roots() -> rustls::ClientConfig {
    rustls::ClientConfig::builder()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth()
}
