//! What a room tells a session.

use std::any::Any;
use std::sync::Arc;

use livekit_protocol as proto;

use crate::media::api::{Codec, DataTrackId, Event, MemberId, TrackId};

/// One codec of a publication, as the media server knows it. A publication with a backup codec has two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MediaTrack {
    pub track: TrackId,
    pub codec: Codec,
}

/// A published track.
#[derive(Clone, Debug)]
pub struct Publication {
    pub publisher: MemberId,
    pub publisher_sid: Arc<str>,
    pub publisher_identity: Arc<str>,
    pub info: proto::TrackInfo,
    /// The preferred codec first.
    pub media: Vec<MediaTrack>,
}

/// A publication as one participant may see it.
#[derive(Clone, Debug)]
pub struct Offered {
    pub publication: Arc<Publication>,
    /// False when the publisher lets only others subscribe to it.
    pub allowed: bool,
}

/// A published data track.
#[derive(Clone, Debug)]
pub struct DataPublication {
    pub publisher: MemberId,
    pub publisher_sid: Arc<str>,
    pub publisher_identity: Arc<str>,
    pub info: proto::DataTrackInfo,
    pub data_track: DataTrackId,
}

/// Whatever signalling hands to a living session: the new socket.
pub type Attachment = Box<dyn Any + Send>;

/// From the room to one session, in order. The channel is bounded: a session that does not drain it is cut off (the
/// channel ends without a `Leave`), and its client may resume.
pub enum Notice {
    /// Participants as they are now, the receiver itself included when it changed.
    /// Shared by all who are told.
    Update(Arc<[proto::ParticipantInfo]>),
    RoomUpdate(Box<proto::Room>),
    /// New, or changed in `info` or `media`. Always after the `Update` that shows it. Never one's own.
    Published(Offered),
    /// Its subscriptions are gone, or end now. Never one's own.
    Unpublished {
        publisher: MemberId,
        publisher_sid: Arc<str>,
        track_sid: String,
    },
    /// The publisher changed who may subscribe.
    Allowed {
        publisher_sid: Arc<str>,
        track_sid: String,
        allowed: bool,
    },
    DataPublished(Arc<DataPublication>),
    DataUnpublished {
        publisher_sid: Arc<str>,
        data_track: DataTrackId,
        track_sid: String,
    },
    /// An event of the media server about this member: its transports, its published tracks, its data.
    Media(Event),
    /// Changes only; those whose audio the receiver is subscribed to, and itself.
    Speakers(Vec<proto::SpeakerInfo>),
    /// Changes only; itself and those it is subscribed to.
    Quality(Vec<proto::ConnectionQualityInfo>),
    /// The API (un)subscribes the receiver.
    Subscribe {
        track_sids: Vec<String>,
        subscribe: bool,
    },
    /// The API muted or unmuted a track of the receiver. The room is already told; the session tells client and media.
    Mute {
        track_sid: String,
        muted: bool,
    },
    /// The API changed the receiver's permissions; the media server knows of data and hidden. The session unpublishes,
    /// unsubscribes and sends a fresh token as needed.
    PermissionChanged(proto::ParticipantPermission),
    /// Name, metadata or attributes were changed by the API: time for a fresh token.
    ClaimsChanged,
    /// A new socket for this session (`Control::attach`).
    Attached(Attachment),
    /// The last notice: tell the client and end.
    Leave {
        reason: proto::DisconnectReason,
        action: proto::leave_request::Action,
    },
}

impl std::fmt::Debug for Notice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Notice::Update(infos) => f.debug_tuple("Update").field(infos).finish(),
            Notice::RoomUpdate(room) => f.debug_tuple("RoomUpdate").field(room).finish(),
            Notice::Published(offered) => f.debug_tuple("Published").field(offered).finish(),
            Notice::Unpublished { track_sid, .. } => f.debug_tuple("Unpublished").field(track_sid).finish(),
            Notice::Allowed { track_sid, allowed, .. } => {
                f.debug_tuple("Allowed").field(track_sid).field(allowed).finish()
            }
            Notice::DataPublished(data) => f.debug_tuple("DataPublished").field(data).finish(),
            Notice::DataUnpublished { track_sid, .. } => {
                f.debug_tuple("DataUnpublished").field(track_sid).finish()
            }
            Notice::Media(event) => f.debug_tuple("Media").field(event).finish(),
            Notice::Speakers(speakers) => f.debug_tuple("Speakers").field(speakers).finish(),
            Notice::Quality(quality) => f.debug_tuple("Quality").field(quality).finish(),
            Notice::Subscribe { track_sids, subscribe } => {
                f.debug_tuple("Subscribe").field(track_sids).field(subscribe).finish()
            }
            Notice::Mute { track_sid, muted } => f.debug_tuple("Mute").field(track_sid).field(muted).finish(),
            Notice::PermissionChanged(permission) => {
                f.debug_tuple("PermissionChanged").field(permission).finish()
            }
            Notice::ClaimsChanged => f.write_str("ClaimsChanged"),
            Notice::Attached(_) => f.write_str("Attached"),
            Notice::Leave { reason, action } => f.debug_tuple("Leave").field(reason).field(action).finish(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Notice;

    /// A session's channel allocates notices by the dozen, before there are any.
    #[test]
    fn a_notice_is_small() {
        assert!(size_of::<Notice>() <= 96, "{}", size_of::<Notice>());
    }
}
