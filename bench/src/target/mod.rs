//! The servers that can be loaded, and what is read of their processes.

use std::time::Duration;

use serde::Serialize;

use crate::media::Pacing;

/// Who joins, and what for.
#[derive(Clone, Debug)]
pub struct JoinSpec {
    pub room: String,
    pub identity: String,
    /// Tracks to publish.
    pub publish: Vec<TrackSpec>,
    /// Receive everybody's tracks.
    pub subscribe: bool,
    /// Open data channels.
    pub data: bool,
}

/// A track to publish.
#[derive(Clone, Debug)]
pub enum TrackSpec {
    Audio {
        bits_per_second: u32,
        /// Share of the time that is speech, 0 to 1.
        speech: f64,
    },
    Video {
        codec: VideoCodec,
        simulcast: bool,
        /// Of the highest encoding.
        bits_per_second: u32,
        frames_per_second: f64,
        pacing: Pacing,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VideoCodec {
    Vp8,
    H264,
}

/// What a join took, each from its beginning.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct JoinPhases {
    /// Connecting and being let in by the signalling.
    pub signalled: Duration,
    /// The first check was answered.
    pub ice: Duration,
    /// Keys are there.
    pub dtls: Duration,
    /// The first media packet arrived; None for who only publishes.
    pub first_media: Option<Duration>,
}

/// What a server's process used, since its start.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Usage {
    pub user_seconds: f64,
    pub system_seconds: f64,
    pub resident_kib: u64,
    /// Voluntary and forced, all threads.
    pub context_switches: u64,
    /// Threads at present.
    pub threads: u64,
}
