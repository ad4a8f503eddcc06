//! All that the outside sees of the media core: commands in, events out. Values only.
//!
//! Identifiers are chosen by the caller and never reused while the core lives. A command that names an unknown
//! identifier is counted and otherwise ignored: commands and events cross each other on the way.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;

mod report;

pub use report::{
    EncodingReport, HoldReason, LayerReason, LineState, MemberReport, RoomReport, SubscriptionReport,
    TrackReport, TransportReport,
};

/// Encodings of one track. Simulcast has three.
pub const MAX_LAYERS: usize = 4;

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
        pub struct $name(pub u64);
    };
}

identifier!(/// A room; it lives on one worker, or on several.
    RoomId);
identifier!(/// A participant of one room, from join to leave, on one worker. A full reconnect makes a new one.
    MemberId);
identifier!(/// One peer connection: an ICE, DTLS, SRTP and SCTP endpoint. A member has one (protocol v1) or two (v0).
    TransportId);
identifier!(/// A published media track.
    TrackId);
identifier!(/// One track on its way to one transport.
    SubscriptionId);
identifier!(/// A published data track.
    DataTrackId);

/// ICE user name fragment and password (RFC 8839 5.4): 4 to 256 and 22 to 256 ice-chars.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IceCredentials {
    pub ufrag: String,
    pub pwd: String,
}

/// SHA-256 fingerprint of a DTLS certificate (RFC 8122). Other hash functions are refused while reading SDP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint(pub [u8; 32]);

/// Our side of the DTLS handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DtlsRole {
    /// We send the ClientHello (`a=setup:active`).
    Client,
    /// We wait for it (`a=setup:passive`).
    Server,
}

/// The address of a peer as the sockets see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Path {
    pub remote: SocketAddr,
    /// 0 for UDP, otherwise the number of an accepted ICE-TCP connection (RFC 6544, RFC 4571 framing).
    pub tcp: u32,
}

/// A candidate we offer (RFC 8839 5.1), host type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    pub addr: SocketAddr,
    pub protocol: CandidateProtocol,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CandidateProtocol {
    Udp,
    /// RFC 6544, `tcptype passive`.
    TcpPassive,
}

/// A short SDP token: `a=mid` (RFC 8843) or `a=rid` (RFC 8851). At most 16 bytes, as the header extension carries it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Token {
    len: u8,
    bytes: [u8; 16],
}

impl Token {
    /// None when empty or longer than 16 bytes.
    pub fn new(text: &[u8]) -> Option<Token> {
        if text.is_empty() || text.len() > 16 {
            return None;
        }
        let mut bytes = [0; 16];
        bytes.get_mut(..text.len())?.copy_from_slice(text);
        Some(Token { len: text.len() as u8, bytes })
    }

    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or(&[])
    }

    pub fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).unwrap_or("")
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum MediaKind {
    Audio,
    Video,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Codec {
    Opus,
    /// RFC 2198 around Opus.
    Red,
    Vp8,
    Vp9,
    H264,
    Av1,
}

impl Codec {
    pub fn kind(self) -> MediaKind {
        match self {
            Codec::Opus | Codec::Red => MediaKind::Audio,
            Codec::Vp8 | Codec::Vp9 | Codec::H264 | Codec::Av1 => MediaKind::Video,
        }
    }

    /// RTP clock, in Hz.
    pub fn clock_rate(self) -> u32 {
        match self.kind() {
            MediaKind::Audio => 48_000,
            MediaKind::Video => 90_000,
        }
    }
}

/// One payload type of a transport. BUNDLE makes payload types unique over a transport's sections (RFC 8843 9.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PayloadType {
    pub pt: u8,
    pub codec: Codec,
    /// The payload type of its retransmissions (RFC 4588), if negotiated.
    pub rtx: Option<u8>,
}

/// The header extensions we know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Extension {
    /// RFC 9143 (RFC 8843).
    Mid,
    /// RFC 8852.
    Rid,
    /// RFC 8852.
    RepairedRid,
    /// RFC 6464.
    AudioLevel,
    /// draft-holmer-rmcat-transport-wide-cc-extensions-01.
    TransportCc,
    AbsSendTime,
    AbsCaptureTime,
    DependencyDescriptor,
    PlayoutDelay,
}

impl Extension {
    pub const ALL: [Extension; 9] = [
        Extension::Mid,
        Extension::Rid,
        Extension::RepairedRid,
        Extension::AudioLevel,
        Extension::TransportCc,
        Extension::AbsSendTime,
        Extension::AbsCaptureTime,
        Extension::DependencyDescriptor,
        Extension::PlayoutDelay,
    ];

    pub fn uri(self) -> &'static str {
        match self {
            Extension::Mid => "urn:ietf:params:rtp-hdrext:sdes:mid",
            Extension::Rid => "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
            Extension::RepairedRid => "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
            Extension::AudioLevel => "urn:ietf:params:rtp-hdrext:ssrc-audio-level",
            Extension::TransportCc => {
                "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
            }
            Extension::AbsSendTime => "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
            Extension::AbsCaptureTime => "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time",
            Extension::DependencyDescriptor => {
                "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension"
            }
            Extension::PlayoutDelay => "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay",
        }
    }
}

/// What the descriptions of a transport have settled on for RTP. Replaces the previous settings; ids and payload
/// types that were agreed once keep their meaning, as RFC 8843 and RFC 8285 require of the peers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MediaSettings {
    /// Header extension ids, 1 to 14 in the one-byte form, to 255 in the two-byte form (RFC 8285).
    pub extensions: Vec<(u8, Extension)>,
    /// Payload types that the peer may send.
    pub payloads: Vec<PayloadType>,
    /// `a=extmap-allow-mixed` was agreed: two-byte extensions may be sent.
    pub mixed_extensions: bool,
}

/// How the data channels of a transport come to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataChannels {
    /// We open `_reliable`, `_lossy` and `_data_track` by DCEP (protocol v0, subscriber side).
    Open,
    /// The client opens them (protocol v0 publisher side; protocol v1).
    Accept,
}

#[derive(Clone, Debug)]
pub struct TransportConfig {
    pub member: MemberId,
    pub ice: IceCredentials,
    pub data: DataChannels,
    /// Data packets for the member leave by this transport.
    pub data_downstream: bool,
}

#[derive(Clone, Debug)]
pub struct MemberConfig {
    pub room: RoomId,
    /// Stamped on the data packets of the member.
    pub identity: Arc<str>,
    pub sid: Arc<str>,
    pub permissions: MemberPermissions,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemberPermissions {
    pub can_publish_data: bool,
    /// Data packets of a hidden member carry no sender.
    pub hidden: bool,
}

/// A published track as negotiated.
#[derive(Clone, Debug)]
pub struct TrackConfig {
    pub member: MemberId,
    pub transport: TransportId,
    pub mid: Token,
    /// Opus tracks may also arrive as RED.
    pub codec: Codec,
    /// Lowest quality first; one for audio and for video without simulcast.
    pub encodings: Vec<Encoding>,
    pub muted: bool,
    /// The payload is encrypted end to end: only descriptors in the clear may be read, and RED cannot be unwrapped.
    pub encrypted: bool,
    /// On a poor line its picture comes before all others, up to 360 lines: somebody reads signs from it.
    pub first: bool,
}

/// One RTP stream of a published track. Bound by rid, else by SSRC, else by being the only one of its mid.
#[derive(Clone, Copy, Debug)]
pub struct Encoding {
    pub rid: Option<Token>,
    pub ssrc: Option<u32>,
    pub rtx_ssrc: Option<u32>,
    pub quality: Quality,
    /// Pixels, 0 when unknown.
    pub width: u32,
    pub height: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Quality {
    Low,
    Medium,
    High,
}

#[derive(Clone, Debug)]
pub struct SubscriptionConfig {
    pub transport: TransportId,
    pub track: TrackId,
    pub mid: Token,
    pub ssrc: u32,
    pub rtx_ssrc: Option<u32>,
    /// What the receiving section can carry, for the track's codec: for audio the payload types of Opus and, if agreed, of RED.
    pub payloads: Vec<PayloadType>,
}

/// What a subscriber asked to see of a video track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubscriptionSettings {
    pub enabled: bool,
    /// Highest quality wanted; read only while `height` is 0.
    pub quality: Quality,
    /// Pixels of the place where it is shown, 0 when unknown.
    pub width: u32,
    pub height: u32,
    /// Frames per second wanted, 0 for all.
    pub fps: u32,
}

impl Default for SubscriptionSettings {
    fn default() -> Self {
        SubscriptionSettings { enabled: true, quality: Quality::High, width: 0, height: 0, fps: 0 }
    }
}

/// To the core.
#[derive(Clone, Debug)]
pub enum Command {
    OpenRoom {
        room: RoomId,
    },
    /// Ends everything in it.
    CloseRoom {
        room: RoomId,
    },
    AddMember {
        member: MemberId,
        config: MemberConfig,
    },
    SetPermissions {
        member: MemberId,
        permissions: MemberPermissions,
    },
    /// Ends its transports, tracks and subscriptions.
    RemoveMember {
        member: MemberId,
    },

    OpenTransport {
        transport: TransportId,
        config: TransportConfig,
    },
    /// The remote description is known: checks are answered from here on. Repeated after a renegotiation; a changed
    /// fingerprint or role after the handshake fails the transport.
    SetRemote {
        transport: TransportId,
        ice: IceCredentials,
        fingerprint: Fingerprint,
        role: DtlsRole,
    },
    SetMedia {
        transport: TransportId,
        media: MediaSettings,
    },
    /// New local credentials (RFC 8445 9). The old ones are answered until the first check with the new.
    RestartIce {
        transport: TransportId,
        ice: IceCredentials,
    },
    CloseTransport {
        transport: TransportId,
    },

    Publish {
        track: TrackId,
        config: TrackConfig,
    },
    SetMuted {
        track: TrackId,
        muted: bool,
    },
    Unpublish {
        track: TrackId,
    },
    Subscribe {
        subscription: SubscriptionId,
        config: SubscriptionConfig,
    },
    SetSubscription {
        subscription: SubscriptionId,
        settings: SubscriptionSettings,
    },
    Unsubscribe {
        subscription: SubscriptionId,
    },

    /// A `livekit.DataPacket` from the server itself: routed by its destinations, no sender is stamped.
    SendData {
        room: RoomId,
        packet: Bytes,
        reliable: bool,
    },
    /// The member's signalling came back. Answered by `Event::Resumed`; reliable data after these sequence numbers
    /// (publisher sid, last received) is sent again, as far as it is kept.
    Resume {
        member: MemberId,
        received: Vec<(String, u32)>,
    },
    PublishDataTrack {
        data_track: DataTrackId,
        member: MemberId,
        handle: u16,
    },
    UnpublishDataTrack {
        data_track: DataTrackId,
    },
    SubscribeDataTrack {
        data_track: DataTrackId,
        member: MemberId,
        handle: u16,
    },
    UnsubscribeDataTrack {
        data_track: DataTrackId,
        member: MemberId,
    },

    /// Answered by `Event::Report` with the same numbers.
    Inspect {
        room: RoomId,
        request: u64,
        /// How many workers are asked.
        parts: u32,
    },

    /// What another worker was told of a room that is open on this one too.
    Remote {
        worker: u16,
        command: Box<Command>,
    },
}

/// From the core.
#[derive(Clone, Debug)]
pub enum Event {
    /// ICE and DTLS are up.
    TransportConnected {
        transport: TransportId,
        member: MemberId,
    },
    /// No authenticated packet for 10 s; it may come back.
    TransportLost {
        transport: TransportId,
        member: MemberId,
    },
    TransportRecovered {
        transport: TransportId,
        member: MemberId,
    },
    /// Final. Nothing more is sent to it.
    TransportFailed {
        transport: TransportId,
        member: MemberId,
        why: TransportFailure,
    },
    /// The first RTP packet of the track was authenticated.
    TrackLive {
        track: TrackId,
        member: MemberId,
    },
    /// Changes only: who began, who went on at another level, and who stopped (once, inactive).
    Speakers {
        room: RoomId,
        speakers: Vec<Speaker>,
    },
    /// On change, about every 5 s.
    Quality {
        member: MemberId,
        verdict: QualityVerdict,
    },
    /// The highest quality that anybody wants of a video track (dynacast); None when nobody wants any. Falls are
    /// delayed, rises are not.
    Wanted {
        track: TrackId,
        member: MemberId,
        quality: Option<Quality>,
    },
    /// A first subscriber receives the track.
    FirstSubscriber {
        track: TrackId,
        member: MemberId,
    },
    Resumed {
        member: MemberId,
        last_sequence: u32,
    },
    /// The subscriber's line carries nothing of a picture (`suspended`), or something again. The end is told also when the
    /// subscription ends, or is paused for another reason.
    Suspended {
        subscription: SubscriptionId,
        track: TrackId,
        /// The subscriber.
        member: MemberId,
        suspended: bool,
    },
    /// A receiver of reliable data was too slow for too long: the named sender's streams to it were ended.
    SlowReceiver {
        member: MemberId,
        sender: MemberId,
        streams: u32,
    },
    /// One worker's share of a room; `parts` workers were asked.
    Report {
        request: u64,
        parts: u32,
        report: RoomReport,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TransportFailure {
    /// No check of the peer succeeded in time.
    IceTimeout,
    /// Consent ended (RFC 7675): nothing authenticated for 30 s.
    ConsentLost,
    /// The handshake failed, or was made with another certificate than the one described.
    Dtls,
    Sctp,
    /// A fault of ours: the worker lost its state. A new member on a new transport will work.
    WorkerReset,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Speaker {
    pub member: MemberId,
    /// 0 to 1, in steps of 1/8.
    pub level: f32,
    pub active: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct QualityVerdict {
    pub grade: Grade,
    /// Mean opinion score, 1 to 5.
    pub score: f32,
    pub reason: QualityReason,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Grade {
    Lost,
    Poor,
    Good,
    Excellent,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum QualityReason {
    Nothing,
    Loss,
    Jitter,
    RoundTrip,
    Silence,
}
