//! A session's place in a room.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

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
    /// None once it was taken out, to be waited on while the seat is used.
    pub notices: Option<mpsc::Receiver<Notice>>,
    pub(crate) control: Control,
}

impl Seat {
    fn hub(&self) -> std::sync::MutexGuard<'_, super::hub::Hub> {
        self.control.hub()
    }

    /// The room as it is now; on resume this makes the `update` after `reconnect`. Notices sent before the call are
    /// older than it (their versions tell). None: the participant was removed.
    pub fn snapshot(&self) -> Option<Snapshot> {
        self.hub().snapshot(self.member)
    }

    pub fn participant(&self) -> Option<proto::ParticipantInfo> {
        self.hub().members.get(&self.member).map(|state| state.info.clone())
    }

    pub fn permission(&self) -> proto::ParticipantPermission {
        self.hub().members.get(&self.member).map(|state| state.permission()).unwrap_or_default()
    }

    /// A token with the present grants, name, metadata and attributes, signed by the key that signed the first.
    pub fn refresh_token(&self) -> Option<String> {
        let claims = self.hub().members.get(&self.member)?.claims.clone();
        self.control.tokens().issue(claims, self.control.config().timing.refreshed_token)
    }

    /// The primary transport is connected: the participant becomes ACTIVE and everybody is told. Again is harmless.
    pub fn set_active(&self) {
        self.hub().set_active(self.member);
    }

    /// The socket is gone. A participant that was never ACTIVE is removed at once, any other after the grace time
    /// unless `Control::attach` brings a new socket.
    pub fn connection_lost(&self) {
        self.hub().connection_lost(Instant::now(), self.member);
    }

    /// The session has taken up a new socket. `Control::attach` says so too, but a `connection_lost` about the old socket
    /// may have come after it.
    pub fn connection_restored(&self) {
        self.hub().connection_restored(self.member);
    }

    /// Shows a track to the room, or changes one that is shown (same `info.sid`): a backup codec, another mid.
    /// Checks the permission and the source. `Update` goes to all, `Published` to the others.
    pub fn publish(&self, info: proto::TrackInfo, media: Vec<MediaTrack>) -> Result<(), Refused> {
        self.hub().publish(self.member, info, media)
    }

    /// Changes what is told about a published track; bumps versions and tells all if there is a change.
    pub fn update_track(
        &self,
        track_sid: &str,
        change: impl FnOnce(&mut proto::TrackInfo),
    ) -> Result<proto::TrackInfo, Refused> {
        self.hub().update_track(self.member, track_sid, change)
    }

    /// May the token publish this source? The same test as in `publish`, for answering AddTrack early.
    pub fn may_publish(&self, source: proto::TrackSource) -> Result<(), Refused> {
        self.hub().may_publish(self.member, source as i32)
    }

    pub fn unpublish(&self, track_sid: &str) -> Result<(), Refused> {
        self.hub().unpublish(self.member, track_sid)
    }

    pub fn publish_data_track(
        &self,
        info: proto::DataTrackInfo,
        data_track: DataTrackId,
    ) -> Result<(), Refused> {
        self.hub().publish_data_track(self.member, info, data_track)
    }

    pub fn unpublish_data_track(&self, data_track: DataTrackId) -> Result<proto::DataTrackInfo, Refused> {
        self.hub().unpublish_data_track(self.member, data_track)
    }

    /// The client changes itself. Empty strings leave things as they are, an attribute with an empty value is deleted.
    pub fn update_metadata(
        &self,
        name: &str,
        metadata: &str,
        attributes: &HashMap<String, String>,
    ) -> Result<(), Refused> {
        let mut hub = self.hub();
        let state = hub.members.get(&self.member).ok_or(Refused::Gone)?;
        if !state.permission().can_update_metadata {
            return Err(Refused::NotAllowed);
        }
        hub.describe(self.member, name, metadata, attributes)
    }

    /// Who may subscribe to what this participant publishes. Repeating it is harmless.
    pub fn set_subscription_permission(&self, permission: proto::SubscriptionPermission) {
        self.hub().set_rules(self.member, permission);
    }

    /// Keeps the registry's list of who receives whom: speakers and quality are told along it.
    pub fn set_subscribed(&self, track: TrackId, subscribed: bool) {
        self.hub().set_subscribed(self.member, track, subscribed);
    }

    /// Ends the participant: others see DISCONNECTED, the media server forgets the member.
    pub fn leave(self, reason: proto::DisconnectReason) {
        self.hub().remove(Instant::now(), self.member, reason, None);
    }
}

impl Drop for Seat {
    /// The session ended in whatever way. After `leave`, or when the room removed the member, this does nothing.
    fn drop(&mut self) {
        let reason = proto::DisconnectReason::SignalClose;
        self.hub().remove(Instant::now(), self.member, reason, None);
    }
}
