//! A session's place in a room.

use std::collections::HashMap;
use std::sync::Arc;

use http::StatusCode;
use livekit_protocol as proto;
use tokio::sync::mpsc;

use super::notice::DataPublication;
use super::{MediaTrack, Notice, Offered};
use crate::Control;
use crate::media::WorkerId;
use crate::media::api::{DataTrackId, MemberId, RoomId, TrackId};

/// What a client brings to a join beside its token.
#[derive(Clone, Debug, Default)]
pub struct JoinOptions {
    /// `sdk`, `protocol`, `client_protocol` and `capabilities` are mirrored or kept for the operator.
    pub client: proto::ClientInfo,
    /// Override the token's, if the token grants `canUpdateOwnMetadata`; otherwise ignored.
    pub metadata: Option<String>,
    pub attributes: HashMap<String, String>,
}

/// A successful join.
#[derive(Debug)]
pub struct Joined {
    pub seat: Seat,
    pub snapshot: Snapshot,
}

/// A room as one participant sees it, all at one moment.
#[derive(Clone, Debug)]
pub struct Snapshot {
    pub room: proto::Room,
    pub participant: proto::ParticipantInfo,
    pub others: Vec<proto::ParticipantInfo>,
    /// The tracks of the others.
    pub publications: Vec<Offered>,
    pub data_publications: Vec<Arc<DataPublication>>,
}

/// Why nobody may join like that. `Display` is the plain text for the client.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JoinError {
    #[error("permissions denied")]
    NotAllowed,
    #[error("the token is revoked")]
    Revoked,
    /// This very phrase tells livekit-client "no such room" from "no such endpoint".
    #[error("requested room does not exist")]
    NoRoom,
    #[error("the room is full")]
    Full,
    #[error("{0}")]
    Invalid(String),
    #[error("no capacity: {0}")]
    Unavailable(&'static str),
}

impl JoinError {
    pub fn status(&self) -> StatusCode {
        match self {
            JoinError::NotAllowed | JoinError::Revoked => StatusCode::UNAUTHORIZED,
            JoinError::NoRoom => StatusCode::NOT_FOUND,
            JoinError::Invalid(_) => StatusCode::BAD_REQUEST,
            JoinError::Full | JoinError::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

/// Why a session cannot be resumed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResumeError {
    /// Answer it after the upgrade: `leave{RECONNECT, STATE_MISMATCH}` as the first and only message.
    #[error("no such session")]
    Unknown,
    /// Answer it before the upgrade, like a refused join.
    #[error(transparent)]
    Refused(#[from] JoinError),
}

/// Why an action of a session was not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("the participant has left")]
    Gone,
    #[error("not allowed")]
    NotAllowed,
    #[error("over a limit")]
    LimitExceeded,
    #[error("not found")]
    NotFound,
}

impl Refused {
    pub fn reason(self) -> proto::request_response::Reason {
        use proto::request_response::Reason;
        match self {
            Refused::Gone | Refused::NotFound => Reason::NotFound,
            Refused::NotAllowed => Reason::NotAllowed,
            Refused::LimitExceeded => Reason::LimitExceeded,
        }
    }
}

/// A session's place in a room; the session owns it from join to leave, across all its sockets. Dropping it without
/// `leave` removes the participant all the same.
///
/// When `notices` ends without a `Leave` (the session did not drain it): close the socket, and keep the session only if
/// it can start again from a snapshot; simplest is to end.
#[derive(Debug)]
pub struct Seat {
    pub room: RoomId,
    pub member: MemberId,
    pub worker: WorkerId,
    pub room_name: Arc<str>,
    pub sid: Arc<str>,
    pub identity: Arc<str>,
    pub notices: mpsc::Receiver<Notice>,
    pub(super) control: Control,
}

impl Seat {
    /// The room as it is now; on resume this makes the `update` after `reconnect`. Notices sent before the call are
    /// older than it (their versions tell).
    pub fn snapshot(&self) -> Option<Snapshot> {
        None
    }

    pub fn participant(&self) -> Option<proto::ParticipantInfo> {
        None
    }

    pub fn permission(&self) -> proto::ParticipantPermission {
        proto::ParticipantPermission::default()
    }

    /// A token with the present grants, name, metadata and attributes, signed by the key that signed the first.
    pub fn refresh_token(&self) -> Option<String> {
        None
    }

    /// The primary transport is connected: the participant becomes ACTIVE and everybody is told. Again is harmless.
    pub fn set_active(&self) {}

    /// The socket is gone. A participant that was never ACTIVE is removed at once, any other after the grace time
    /// unless `Control::attach` brings a new socket.
    pub fn connection_lost(&self) {}

    /// Shows a track to the room, or changes one that is shown (same `info.sid`): a backup codec, another mid.
    /// Checks the permission and the source. `Update` goes to all, `Published` to the others.
    pub fn publish(&self, info: proto::TrackInfo, media: Vec<MediaTrack>) -> Result<(), Refused> {
        let _ = (info, media);
        Err(Refused::Gone)
    }

    /// Changes what is told about a published track; bumps versions and tells all.
    pub fn update_track(
        &self,
        track_sid: &str,
        change: impl FnOnce(&mut proto::TrackInfo),
    ) -> Result<proto::TrackInfo, Refused> {
        let _ = (track_sid, change);
        Err(Refused::Gone)
    }

    /// May the token publish this source? The same test as in `publish`, for answering AddTrack early.
    pub fn may_publish(&self, source: proto::TrackSource) -> Result<(), Refused> {
        let _ = source;
        Err(Refused::Gone)
    }

    pub fn unpublish(&self, track_sid: &str) -> Result<(), Refused> {
        let _ = track_sid;
        Err(Refused::Gone)
    }

    pub fn publish_data_track(
        &self,
        info: proto::DataTrackInfo,
        data_track: DataTrackId,
    ) -> Result<(), Refused> {
        let _ = (info, data_track);
        Err(Refused::Gone)
    }

    pub fn unpublish_data_track(&self, data_track: DataTrackId) -> Result<proto::DataTrackInfo, Refused> {
        let _ = data_track;
        Err(Refused::Gone)
    }

    /// The client changes itself. Empty strings leave things as they are, an attribute with an empty value is deleted.
    pub fn update_metadata(
        &self,
        name: &str,
        metadata: &str,
        attributes: &HashMap<String, String>,
    ) -> Result<(), Refused> {
        let _ = (name, metadata, attributes);
        Err(Refused::Gone)
    }

    /// Who may subscribe to what this participant publishes. Repeating it is harmless.
    pub fn set_subscription_permission(&self, permission: proto::SubscriptionPermission) {
        let _ = permission;
    }

    /// Keeps the registry's list of who receives whom: speakers and quality are told along it.
    pub fn set_subscribed(&self, track: TrackId, subscribed: bool) {
        let _ = (track, subscribed);
    }

    /// Ends the participant: others see DISCONNECTED, the media server forgets the member.
    pub fn leave(self, reason: proto::DisconnectReason) {
        let _ = reason;
    }
}
