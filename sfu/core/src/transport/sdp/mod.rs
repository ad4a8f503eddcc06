//! Session descriptions: a reader into values and the writers of ours.
//!
//! The grammar is `rtc-sdp`'s (RFC 8866); what the lines mean for WebRTC (RFC 8829, RFC 9143) is here. Two shapes are
//! written: an [`answer`] (to a publisher in protocol v0, to the one peer connection in v1) and an [`offer`] (to a
//! subscriber in v0). Which tracks go where is the caller's decision; which codecs, feedback and header extensions we
//! take is decided in [`choose_received`], [`choose_sent`] and [`accepts`].

mod choose;
mod read;
mod write;

pub use choose::{
    AgreedPayload, OpusOptions, accepts, choose_received, choose_sent, downstream_payloads, media_settings,
};
pub use read::parse;
pub use write::{DOWNSTREAM_EXTENSIONS, LocalEnd, Offered, OfferedMedia, Replied, Sender, answer, offer};

use crate::api::{Codec, Extension, Fingerprint, IceCredentials, Token};

/// Bytes of one data channel message that we take, as told in `a=max-message-size`. A client may be sent 65,535 at
/// most (some stacks close the channel above), and the sender's stamp is added on the way: this leaves room for it.
pub const MAX_MESSAGE_SIZE: u32 = 64_512;

/// Bytes of a description that we read.
pub const MAX_DESCRIPTION: usize = 256 * 1024;

/// Media sections of a description that we read.
pub const MAX_SECTIONS: usize = 256;

/// A description of the peer, offer or answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteDescription {
    pub ice: IceCredentials,
    pub fingerprint: Fingerprint,
    pub setup: Setup,
    /// Mids of the BUNDLE group, in order.
    pub bundle: Vec<Token>,
    /// `a=extmap-allow-mixed`, for the session or for each of its RTP sections (RFC 8285 6).
    pub mixed_extensions: bool,
    pub sections: Vec<Section>,
}

impl RemoteDescription {
    /// The section of this mid, with its index.
    pub fn section(&self, mid: Token) -> Option<(usize, &Section)> {
        self.sections.iter().enumerate().find(|(_, section)| section.mid == Some(mid))
    }
}

/// The peer's `a=setup` (RFC 4145, RFC 8842).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setup {
    ActPass,
    Active,
    Passive,
}

/// One media section, as the peer sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    pub kind: SectionKind,
    /// Words of the `m=` line, for the echo in an answer.
    pub media: String,
    pub protocol: String,
    pub formats: Vec<String>,
    /// None only when rejected: all living sections of WebRTC have one.
    pub mid: Option<Token>,
    /// Port 0 and not `a=bundle-only`. Firefox writes port 0 for every bundle-only section that lives (RFC 9143 6).
    pub rejected: bool,
    pub direction: Direction,
    pub payloads: Vec<Payload>,
    /// The known ones, in order.
    pub extensions: Vec<OfferedExtension>,
    pub rids: Vec<Rid>,
    /// `a=simulcast:send`, first alternative of each stream, in order (RFC 8853).
    pub simulcast: Vec<Token>,
    pub msid: Option<Msid>,
    /// In order of appearance.
    pub ssrcs: Vec<u32>,
    /// `a=ssrc-group:FID`: source and its retransmissions (RFC 5576).
    pub flows: Vec<(u32, u32)>,
    pub sctp_port: Option<u16>,
    /// Bytes; 0 means without limit (RFC 8841).
    pub max_message_size: Option<u32>,
}

impl Section {
    /// The SSRC of the retransmissions of this one.
    pub fn rtx_of(&self, ssrc: u32) -> Option<u32> {
        self.flows.iter().find(|(source, _)| *source == ssrc).map(|(_, rtx)| *rtx)
    }

    /// SSRCs that are not retransmissions of another.
    pub fn sources(&self) -> impl Iterator<Item = u32> + '_ {
        self.ssrcs.iter().copied().filter(|ssrc| !self.flows.iter().any(|(_, rtx)| rtx == ssrc))
    }

    /// The id of a header extension in this section.
    pub fn extension(&self, wanted: Extension) -> Option<u8> {
        self.extensions.iter().find(|known| known.extension == wanted).map(|known| known.id)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SectionKind {
    Audio,
    Video,
    /// SCTP data channels over DTLS.
    Data,
    /// Something else; answered as rejected.
    Other,
}

/// `a=sendrecv` and its kind, seen from who wrote the description.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    SendRecv,
    SendOnly,
    RecvOnly,
    Inactive,
}

impl Direction {
    pub fn sends(self) -> bool {
        matches!(self, Direction::SendRecv | Direction::SendOnly)
    }

    pub fn receives(self) -> bool {
        matches!(self, Direction::SendRecv | Direction::RecvOnly)
    }

    /// As the other side would write it.
    pub fn reversed(self) -> Direction {
        match self {
            Direction::SendOnly => Direction::RecvOnly,
            Direction::RecvOnly => Direction::SendOnly,
            same => same,
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Direction::SendRecv => "sendrecv",
            Direction::SendOnly => "sendonly",
            Direction::RecvOnly => "recvonly",
            Direction::Inactive => "inactive",
        }
    }

    fn from_str(text: &str) -> Option<Direction> {
        match text {
            "sendrecv" => Some(Direction::SendRecv),
            "sendonly" => Some(Direction::SendOnly),
            "recvonly" => Some(Direction::RecvOnly),
            "inactive" => Some(Direction::Inactive),
            _ => None,
        }
    }
}

/// One payload type of a section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload {
    pub pt: u8,
    /// Lower case.
    pub encoding: String,
    /// Hz.
    pub clock: u32,
    /// 1 when not told.
    pub channels: u8,
    pub fmtp: String,
    /// `a=rtcp-fb` values for this payload type or for all.
    pub feedback: Vec<String>,
}

impl Payload {
    /// A parameter of the fmtp line.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.fmtp.split(';').find_map(|part| {
            let (key, value) = part.split_once('=')?;
            key.trim().eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// The codec, when it is one that we forward, in a profile that we forward. `RED` is only taken around Opus, which
    /// needs the section.
    pub fn codec(&self, section: &Section) -> Option<Codec> {
        choose::codec_of(self, section)
    }
}

/// `a=extmap` of an extension that we know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OfferedExtension {
    pub id: u8,
    pub extension: Extension,
    /// None means the direction of the section.
    pub direction: Option<Direction>,
}

/// `a=rid` (RFC 8851).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rid {
    pub id: Token,
    pub sends: bool,
}

/// `a=msid` (RFC 8830). FFI clients write `-` for the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Msid {
    pub stream: String,
    pub track: String,
}

/// Why a description was not taken. What it says is shown to the developer of a client, not to users.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SdpError {
    #[error("description of {0} bytes, at most {MAX_DESCRIPTION} are read")]
    TooLong(usize),
    #[error("more than {MAX_SECTIONS} media sections")]
    TooManySections,
    #[error("not a session description: {0}")]
    Syntax(String),
    #[error("no media section is alive")]
    Empty,
    #[error("media section {0} has no usable mid")]
    Mid(usize),
    #[error("mid {0} is used twice")]
    MidTwice(String),
    #[error("no usable ICE credentials")]
    Ice,
    #[error("no SHA-256 fingerprint")]
    Fingerprint,
    #[error("no BUNDLE group over all media sections; they must share one transport")]
    Bundle,
    #[error("media section {0} does not multiplex RTCP")]
    RtcpMux(usize),
    #[error("unusable {0} line in media section {1}")]
    Line(&'static str, usize),
}

#[cfg(test)]
mod tests;
