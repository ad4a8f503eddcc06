//! One client's end of a peer connection, as a value: datagrams and time in, datagrams and notices out.

mod channels;
mod connection;
mod dcep;
mod dtls;
mod flows;
mod ice;
mod identity;
mod stun;

use std::net::SocketAddr;

use chevet_sfu_core::api::{DtlsRole, Fingerprint, IceCredentials, MediaSettings};
use chevet_sfu_core::transport::srtp::SrtpProfile;

pub use connection::{Peer, Turn};
pub use identity::Identity;

/// What our description says of a peer connection. Made before anything is known of the other side.
#[derive(Clone, Debug)]
pub struct Local {
    pub ice: IceCredentials,
    pub fingerprint: Fingerprint,
}

/// What the other side's description says. A repeated description may add media and nothing else.
#[derive(Clone, Debug)]
pub struct Remote {
    pub ice: IceCredentials,
    /// Checked against the certificate of the handshake.
    pub fingerprint: Fingerprint,
    /// Our role in the handshake: `Client` unless the other side insists on it.
    pub role: DtlsRole,
    /// UDP candidates, best first.
    pub candidates: Vec<SocketAddr>,
    /// Bring up an SCTP association for data channels.
    pub data: bool,
    pub media: Media,
    /// Instead of ICE and DTLS: media goes to the first candidate at once, sealed with these.
    pub keys: Option<StaticKeys>,
}

/// SRTP keys that both sides know beforehand.
#[derive(Clone, Debug)]
pub struct StaticKeys {
    pub profile: SrtpProfile,
    /// Keys and salts of both sides, laid out as the DTLS exporter does (RFC 5764 4.2): client's key, server's key,
    /// client's salt, server's salt. [`Remote::role`] says which side is ours.
    pub material: Vec<u8>,
}

impl StaticKeys {
    /// Random ones.
    pub fn generate(profile: SrtpProfile) -> StaticKeys {
        let mut material = vec![0; profile.keying_material_len()];
        rand::Rng::fill(&mut rand::rng(), material.as_mut_slice());
        StaticKeys { profile, material }
    }
}

/// What both descriptions have agreed on for RTP.
#[derive(Clone, Debug, Default)]
pub struct Media {
    pub settings: MediaSettings,
    /// SSRCs of retransmission streams that will arrive, with those of the media they repeat.
    pub retransmissions: Vec<(u32, u32)>,
    /// Answer transport-wide sequence numbers of what arrives with feedback.
    pub transport_cc: bool,
}

/// What a peer tells the one who opened it.
#[derive(Debug)]
pub enum Notice {
    /// The first check was answered.
    IceConnected,
    /// Keys are there: media may flow.
    Connected,
    /// The first media packet that this peer received.
    FirstMedia,
    /// A data channel is open, by whoever opened it.
    ChannelOpen {
        label: String,
    },
    Message {
        label: String,
        bytes: bytes::Bytes,
    },
    /// Of what was sent on a channel since the last one of these, less than 256 KiB wait to be acknowledged by the other side.
    Drained {
        label: String,
    },
    /// Final.
    Failed(String),
    Closed,
}
