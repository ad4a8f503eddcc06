//! What clients send, and how what arrives is judged.

pub mod judge;
pub mod source;

mod frames;
mod gaps;
mod lines;
mod opus;
mod pictures;
mod probe;
mod random;
mod stream;

use std::time::Duration;

use chevet_sfu_core::api::{Codec, Token};
use serde::{Deserialize, Serialize};

/// One published track: its RTP streams and how they are sent.
#[derive(Clone, Debug)]
pub struct StreamSpec {
    /// Goes into every packet's probe, so that a receiver knows whose it is whatever the server made of its SSRC.
    /// Unique in the process.
    pub source: u32,
    pub mid: Token,
    pub codec: Codec,
    pub payload_type: u8,
    pub rtx_payload_type: Option<u8>,
    /// Lowest quality first; one for sound and for video without simulcast.
    pub encodings: Vec<EncodingSpec>,
    pub pacing: Pacing,
    /// Frames per second of video; of Opus, packets (50 for 20 ms).
    pub frames_per_second: f64,
    /// For sound: share of the time that is speech, 0 to 1; in the rest a packet leaves every 400 ms, as with DTX.
    pub speech: f64,
}

#[derive(Clone, Copy, Debug)]
pub struct EncodingSpec {
    pub rid: Option<Token>,
    pub ssrc: u32,
    pub rtx_ssrc: Option<u32>,
    pub bits_per_second: u32,
    pub width: u16,
    pub height: u16,
}

/// How the packets of a video frame leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pacing {
    /// All at once.
    Burst,
    /// Spaced at 2.5 times the bit rate, as a browser's pacer does.
    Paced,
}

/// Rides at the end of every media payload. All times are CLOCK_REALTIME in nanoseconds, which is what the kernel stamps
/// arrivals with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    pub source: u32,
    /// Encoding's position in [`StreamSpec::encodings`].
    pub encoding: u8,
    /// Temporal layer, 0 where there is one only.
    pub layer: u8,
    /// Not as it was sent first, but once more because of a NACK.
    pub repeated: bool,
    /// Position in its frame.
    pub index: u16,
    /// Packets of this temporal layer from the last key frame to this one, stopping at the highest number.
    pub since_key: u16,
    /// Counts the packets of this temporal layer of this encoding: what a server leaves out on purpose it leaves out by
    /// layer.
    pub number: u64,
    /// When it should have been sent.
    pub due: u64,
    /// When it was handed to the kernel.
    pub sent: u64,
}

/// A receiver asks again for what is missing this long, then it is lost.
pub const GIVE_UP: Duration = Duration::from_millis(1000);
