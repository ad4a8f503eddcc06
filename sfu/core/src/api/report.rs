//! What an operator sees of rooms, and why it is so.

use serde::Serialize;

use super::{Codec, MemberId, Quality, QualityVerdict, SubscriptionId, TrackId, TransportId};

/// The state of a room for an operator: what is forwarded to whom, at which layer, and why. Not on the hot path.
#[derive(Clone, Debug, Default, Serialize)]
pub struct RoomReport {
    /// How long video packets wait for the next of their frame at present, and why; the same for all rooms of a worker.
    /// Of several workers, on the busiest.
    pub video_hold_ms: f32,
    pub video_hold_reason: HoldReason,
    pub members: Vec<MemberReport>,
    pub tracks: Vec<TrackReport>,
    pub subscriptions: Vec<SubscriptionReport>,
}

/// Why video packets wait for company, or do not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldReason {
    /// Too little is sent for it to pay.
    #[default]
    Light,
    /// The time grows with what is sent.
    Busy,
    /// The longest time.
    Full,
    /// Turned off by the settings.
    Off,
}

#[derive(Clone, Debug, Serialize)]
pub struct MemberReport {
    pub member: MemberId,
    pub transports: Vec<TransportReport>,
    pub quality: Option<QualityVerdict>,
    /// Bytes of reliable data waiting for this member.
    pub data_queued_bytes: u64,
}

#[derive(Clone, Debug, Serialize)]
pub struct TransportReport {
    pub transport: TransportId,
    pub connected: bool,
    /// "udp" or "tcp"; None before the first nomination. The address itself is not told.
    pub protocol: Option<&'static str>,
    pub srtp_profile: Option<&'static str>,
    pub round_trip_ms: Option<f32>,
    /// Of the line towards the client, in bits per second; None while no limit is known.
    pub estimate_bits_per_second: Option<u64>,
    pub line: LineState,
    /// Whether sound may carry its earlier frames along (RFC 2198); not on a poor line.
    pub redundant_sound: bool,
}

#[derive(Clone, Debug, Serialize)]
pub struct TrackReport {
    pub track: TrackId,
    pub member: MemberId,
    pub codec: Codec,
    pub muted: bool,
    pub encodings: Vec<EncodingReport>,
}

#[derive(Clone, Debug, Serialize)]
pub struct EncodingReport {
    pub quality: Quality,
    pub live: bool,
    pub packets: u64,
    pub lost: u64,
    pub bits_per_second: u64,
    pub jitter_ms: f32,
    pub key_frames: u64,
    pub key_frame_requests: u64,
}

#[derive(Clone, Debug, Serialize)]
pub struct SubscriptionReport {
    pub subscription: SubscriptionId,
    pub track: TrackId,
    pub member: MemberId,
    pub packets: u64,
    pub retransmitted: u64,
    pub forwarded: Option<Quality>,
    pub target: Option<Quality>,
    pub reason: LayerReason,
}

/// Why a subscription is at its layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LayerReason {
    /// Audio, or a single encoding.
    OnlyOne,
    /// The subscriber paused it.
    Disabled,
    /// The publisher muted it.
    Muted,
    /// The subscriber's transport is not up yet.
    NotConnected,
    /// The quality asked for.
    AsAsked,
    /// The smallest encoding that fills the place where it is shown.
    FitsSize,
    /// The wanted encoding does not arrive.
    NotArriving,
    /// Waiting for a key frame of the target.
    AwaitingKeyFrame,
    /// The subscriber's line does not carry more. Without a target nothing of it fits: the picture is suspended.
    Bandwidth,
}

/// What is known of the line to a subscriber, and why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LineState {
    /// The client gives no feedback: no limit is applied.
    #[default]
    Unknown,
    /// Nothing speaks against sending everything that is asked for.
    Open,
    /// A limit is known; what is sent fits.
    Calm,
    /// The limit was lowered: packets wait.
    Queueing,
    /// The limit was lowered: packets are lost.
    Lossy,
    /// The limit was lowered: feedback has stopped.
    Silent,
    /// The limit is the client's own (REMB).
    Told,
}
