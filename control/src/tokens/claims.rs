//! What an access token says.

use std::collections::HashMap;

use livekit_protocol as proto;
use serde::{Deserialize, Serialize};

/// The claims of a LiveKit access token (JWT). Unknown claims are ignored.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Claims {
    /// The API key that signed it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub iss: String,
    /// The identity.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub sub: String,
    /// Older SDKs put the identity here.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub jti: String,
    /// Unix seconds.
    pub exp: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nbf: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iat: Option<u64>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub metadata: String,
    #[serde(skip_serializing_if = "HashMap::is_empty")]
    pub attributes: HashMap<String, String>,
    /// standard, ingress, egress, sip, agent, connector, bridge; empty is standard.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub kind: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub kind_details: Vec<String>,
    /// Base64 of the SHA-256 of a webhook's body.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub sha256: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub room_preset: String,
    /// Applied when this join creates the room.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "room_config")]
    pub room_config: Option<proto::RoomConfiguration>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub video: Option<VideoGrant>,
}

/// The `video` claim: what the bearer may do with rooms. Absent is false, except for the three `can_` options.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct VideoGrant {
    #[serde(skip_serializing_if = "is_false")]
    pub room_create: bool,
    #[serde(skip_serializing_if = "is_false")]
    pub room_list: bool,
    #[serde(skip_serializing_if = "is_false")]
    pub room_record: bool,
    #[serde(skip_serializing_if = "is_false")]
    pub room_admin: bool,
    #[serde(skip_serializing_if = "is_false")]
    pub room_join: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub room: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub destination_room: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub can_publish: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub can_subscribe: Option<bool>,
    /// Absent: as `can_publish`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub can_publish_data: Option<bool>,
    /// camera, microphone, screen_share, screen_share_audio; empty allows all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub can_publish_sources: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub can_update_own_metadata: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub can_subscribe_metrics: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub can_manage_agent_session: Option<bool>,
    #[serde(skip_serializing_if = "is_false")]
    pub ingress_admin: bool,
    #[serde(skip_serializing_if = "is_false")]
    pub hidden: bool,
    #[serde(skip_serializing_if = "is_false")]
    pub recorder: bool,
    #[serde(skip_serializing_if = "is_false")]
    pub agent: bool,
}

/// A configuration that cannot be read is left out: a new field of a newer SDK must not shut its users out.
fn room_config<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<proto::RoomConfiguration>, D::Error> {
    let value = serde_json::Value::deserialize(deserializer)?;
    Ok(serde_json::from_value(value).ok())
}

fn is_false(value: &bool) -> bool {
    !*value
}

impl Claims {
    pub fn identity(&self) -> &str {
        if self.sub.is_empty() { &self.jti } else { &self.sub }
    }

    /// The grant, or one that allows nothing.
    pub fn grant(&self) -> VideoGrant {
        self.video.clone().unwrap_or_default()
    }
}

impl VideoGrant {
    /// The permissions that clients see.
    #[allow(deprecated)]
    pub fn permission(&self) -> proto::ParticipantPermission {
        let can_publish = self.can_publish.unwrap_or(true);
        proto::ParticipantPermission {
            can_subscribe: self.can_subscribe.unwrap_or(true),
            can_publish,
            can_publish_data: self.can_publish_data.unwrap_or(can_publish),
            can_publish_sources: self.can_publish_sources.iter().filter_map(|name| source(name)).collect(),
            hidden: self.hidden,
            recorder: self.recorder,
            can_update_metadata: self.can_update_own_metadata.unwrap_or(false),
            agent: self.agent,
            can_subscribe_metrics: self.can_subscribe_metrics.unwrap_or(false),
            can_manage_agent_session: self.can_manage_agent_session.unwrap_or(false),
        }
    }

    /// The inverse of [`VideoGrant::permission`], for a refreshed token.
    #[allow(deprecated)]
    pub fn set_permission(&mut self, permission: &proto::ParticipantPermission) {
        self.can_subscribe = Some(permission.can_subscribe);
        self.can_publish = Some(permission.can_publish);
        self.can_publish_data = Some(permission.can_publish_data);
        self.can_publish_sources = permission
            .can_publish_sources
            .iter()
            .filter_map(|&source| proto::TrackSource::try_from(source).ok())
            .map(|source| source.as_str_name().to_ascii_lowercase())
            .collect();
        self.hidden = permission.hidden;
        self.recorder = permission.recorder;
        self.agent = permission.agent;
        self.can_update_own_metadata = Some(permission.can_update_metadata);
        self.can_subscribe_metrics = Some(permission.can_subscribe_metrics);
        self.can_manage_agent_session = Some(permission.can_manage_agent_session);
    }
}

/// An unknown name becomes UNKNOWN, not nothing: a list of unknown sources must not turn into "all sources".
fn source(name: &str) -> Option<i32> {
    if name.is_empty() {
        return None;
    }
    Some(proto::TrackSource::from_str_name(&name.to_ascii_uppercase()).unwrap_or_default() as i32)
}
