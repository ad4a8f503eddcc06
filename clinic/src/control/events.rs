//! What `control` tells: LiveKit's webhooks, signed with the clinic's key.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::jwt;
use crate::crypto::same;
use crate::settings::ControlAccess;

/// An event that was signed, and its room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    pub room: String,
    pub event: RoomEvent,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RoomEvent {
    Joined {
        identity: String,
        /// New at each join.
        connection: String,
    },
    Left {
        identity: String,
        connection: String,
    },
    /// A camera.
    Published {
        identity: String,
        track: String,
    },
    Unpublished {
        identity: String,
        track: String,
    },
    /// The participant's line carries nothing of this picture.
    Suspended {
        identity: String,
        connection: String,
        track: String,
    },
    /// It does again, or the picture is not wanted any more.
    Resumed {
        identity: String,
        connection: String,
        track: String,
    },
    Finished,
    /// Something that changes nothing here.
    Other,
}

impl RoomEvent {
    pub fn identity(&self) -> Option<&str> {
        match self {
            RoomEvent::Joined { identity, .. }
            | RoomEvent::Left { identity, .. }
            | RoomEvent::Published { identity, .. }
            | RoomEvent::Unpublished { identity, .. }
            | RoomEvent::Suspended { identity, .. }
            | RoomEvent::Resumed { identity, .. } => Some(identity),
            RoomEvent::Finished | RoomEvent::Other => None,
        }
    }
}

#[derive(Clone, Deserialize)]
struct Claims {
    #[serde(default)]
    sha256: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Body {
    event: String,
    room: Room,
    participant: Person,
    track: Track,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Room {
    name: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Person {
    sid: String,
    identity: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Track {
    sid: String,
    source: String,
}

/// Reads an event. `None` unless it was signed by the clinic's key, just now, for this very body.
pub fn read(access: &ControlAccess, authorization: &str, body: &[u8]) -> Option<Told> {
    let token = authorization.strip_prefix("Bearer ").unwrap_or(authorization);
    let claims: Claims = jwt::verify(&access.key, access.secret.expose(), token)?;
    if !same(claims.sha256.as_bytes(), STANDARD.encode(Sha256::digest(body)).as_bytes()) {
        return None;
    }
    let Body { event, room, participant, track } = serde_json::from_slice(body).ok()?;
    let identity = participant.identity;
    let camera = track.source == "CAMERA";
    let event = match event.as_str() {
        "participant_joined" => RoomEvent::Joined { identity, connection: participant.sid },
        "participant_left" | "participant_connection_aborted" => {
            RoomEvent::Left { identity, connection: participant.sid }
        }
        "track_published" if camera => RoomEvent::Published { identity, track: track.sid },
        "track_unpublished" if camera => RoomEvent::Unpublished { identity, track: track.sid },
        // Chevet's own; the participant is the one who receives.
        "track_suspended" => RoomEvent::Suspended { identity, connection: participant.sid, track: track.sid },
        "track_resumed" => RoomEvent::Resumed { identity, connection: participant.sid, track: track.sid },
        "room_finished" => RoomEvent::Finished,
        _ => RoomEvent::Other,
    };
    Some(Told { room: room.name, event })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::crypto::Secret;

    fn access(secret: &str) -> ControlAccess {
        ControlAccess { url: String::new(), key: "~clinic".into(), secret: Secret::new(secret) }
    }

    fn signed(secret: &str, issuer: &str, body: &[u8], exp: u64) -> String {
        let sha256 = STANDARD.encode(Sha256::digest(body));
        jwt::sign(secret, &json!({ "iss": issuer, "exp": exp, "sha256": sha256 })).unwrap()
    }

    #[test]
    fn an_event_counts_only_with_a_fresh_signature_of_the_clinics_key_over_this_body() {
        let access = access("a secret of thirty-two characters");
        let secret = access.secret.expose();
        let body =
            br#"{"event":"participant_joined","id":"EV_1","createdAt":"1","room":{"name":"r-1","sid":"RM_1"},
            "participant":{"sid":"PA_1","identity":"par_1","joinedAt":"3"}}"#;
        let later = jwt::unix_seconds() + 300;
        let told = read(&access, &signed(secret, "~clinic", body, later), body).unwrap();
        let joined = RoomEvent::Joined { identity: "par_1".into(), connection: "PA_1".into() };
        assert_eq!(told, Told { room: "r-1".into(), event: joined });

        let refused = [
            signed("another secret of thirty-two char", "~clinic", body, later),
            signed(secret, "portal", body, later),
            signed(secret, "~clinic", b"{}", later),
            signed(secret, "~clinic", body, jwt::unix_seconds() - 300),
            String::new(),
            "e30.e30.".to_owned(),
        ];
        for token in refused {
            assert_eq!(read(&access, &token, body), None, "{token}");
        }
    }
}
