//! What the REST API says and hears.

use std::collections::BTreeMap;

use livekit_protocol as proto;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::tokens::VideoGrant;

/// A room to be made. Zero or absent: the server's default.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRoom {
    #[schema(example = "consultation-42", max_length = 256)]
    pub name: String,
    /// A room that nobody ever joins ends after this, in seconds.
    #[serde(default)]
    pub empty_timeout_s: u32,
    /// A room that everybody has left ends after this, in seconds.
    #[serde(default)]
    pub departure_timeout_s: u32,
    /// 0: no limit.
    #[serde(default)]
    pub max_participants: u32,
    /// Any text; every participant sees it.
    #[serde(default)]
    pub metadata: String,
}

/// A room that is open.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Room {
    #[schema(example = "RM_3fYd0ZtqvK1c")]
    pub sid: String,
    pub name: String,
    /// Milliseconds since 1970.
    pub created_ms: i64,
    pub empty_timeout_s: u32,
    pub departure_timeout_s: u32,
    /// 0: no limit.
    pub max_participants: u32,
    pub metadata: String,
    /// Without hidden ones.
    pub participants: u32,
    /// Of these, those who publish something.
    pub publishers: u32,
}

impl From<proto::Room> for Room {
    fn from(room: proto::Room) -> Room {
        Room {
            sid: room.sid,
            name: room.name,
            created_ms: room.creation_time_ms,
            empty_timeout_s: room.empty_timeout,
            departure_timeout_s: room.departure_timeout,
            max_participants: room.max_participants,
            metadata: room.metadata,
            participants: room.num_participants,
            publishers: room.num_publishers,
        }
    }
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Rooms {
    /// Oldest first.
    pub rooms: Vec<Room>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Signalling is up, media is not yet.
    Joined,
    /// Media is connected.
    Active,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Participant {
    /// New at each join.
    #[schema(example = "PA_8sKcEoPq1ZtA")]
    pub sid: String,
    pub identity: String,
    pub name: String,
    pub state: State,
    /// Milliseconds since 1970.
    pub joined_ms: i64,
    pub hidden: bool,
    pub metadata: String,
    pub attributes: BTreeMap<String, String>,
    pub tracks: Vec<Track>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Track {
    #[schema(example = "TR_VCw1kYcZ8nD4aQ")]
    pub sid: String,
    /// `audio` or `video`.
    pub kind: String,
    /// `camera`, `microphone`, `screen_share`, `screen_share_audio` or `unknown`.
    pub source: String,
    pub name: String,
    pub muted: bool,
    #[schema(example = "video/VP8")]
    pub mime_type: String,
    /// Pixels; 0 for audio.
    pub width: u32,
    pub height: u32,
    /// Encrypted end to end.
    pub encrypted: bool,
}

impl From<proto::ParticipantInfo> for Participant {
    fn from(info: proto::ParticipantInfo) -> Participant {
        let active = info.state() == proto::participant_info::State::Active;
        Participant {
            state: if active { State::Active } else { State::Joined },
            sid: info.sid,
            identity: info.identity,
            name: info.name,
            joined_ms: info.joined_at_ms,
            hidden: info.permission.as_ref().is_some_and(|permission| permission.hidden),
            metadata: info.metadata,
            attributes: info.attributes.into_iter().collect(),
            tracks: info.tracks.into_iter().map(Track::from).collect(),
        }
    }
}

impl From<proto::TrackInfo> for Track {
    fn from(info: proto::TrackInfo) -> Track {
        Track {
            kind: info.r#type().as_str_name().to_ascii_lowercase(),
            source: info.source().as_str_name().to_ascii_lowercase(),
            encrypted: info.encryption != proto::encryption::Type::None as i32,
            sid: info.sid,
            name: info.name,
            muted: info.muted,
            mime_type: info.mime_type,
            width: info.width,
            height: info.height,
        }
    }
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Participants {
    /// In the order of joining.
    pub participants: Vec<Participant>,
}

/// Who shall be let in.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// Unique in the room: a second join with it ends the first.
    #[schema(max_length = 256)]
    pub identity: String,
    /// What the others see.
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub metadata: String,
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
    #[serde(default)]
    pub grants: Grants,
    /// Seconds; 6 hours if absent, 1 minute to 30 days.
    #[serde(default)]
    #[schema(example = 3600)]
    pub ttl_s: Option<u64>,
}

/// What the participant may do. Absent: publish, subscribe and send data, nothing else.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Grants {
    pub can_publish: Option<bool>,
    pub can_subscribe: Option<bool>,
    /// Absent: as `can_publish`.
    pub can_publish_data: Option<bool>,
    /// Empty: all. Otherwise some of `camera`, `microphone`, `screen_share`, `screen_share_audio`.
    pub can_publish_sources: Vec<String>,
    pub can_update_own_metadata: Option<bool>,
    /// The others do not see this participant.
    pub hidden: bool,
    /// The participant may administer this room through the server API.
    pub room_admin: bool,
}

impl Grants {
    pub fn into_video_grant(self, room: String) -> VideoGrant {
        VideoGrant {
            room_join: true,
            room,
            room_admin: self.room_admin,
            can_publish: self.can_publish,
            can_subscribe: self.can_subscribe,
            can_publish_data: self.can_publish_data,
            can_publish_sources: self.can_publish_sources,
            can_update_own_metadata: self.can_update_own_metadata,
            hidden: self.hidden,
            ..VideoGrant::default()
        }
    }
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Token {
    /// For a LiveKit client.
    pub token: String,
    /// The server's address for a LiveKit client.
    #[schema(example = "wss://visio.example.org")]
    pub url: String,
    /// For a browser. The token is in the fragment, so it reaches neither logs nor referrers.
    #[schema(example = "https://visio.example.org/join#token=eyJhbGciOiJIUzI1NiJ9")]
    pub join_link: String,
}
