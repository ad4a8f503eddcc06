//! The servers that can be loaded, how somebody joins them, and what is read of their processes.
//!
//! Everything here is to be called inside a tokio runtime; a few threads serve thousands of sessions.

mod session;
mod usage;

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::bail;
use serde::{Deserialize, Serialize};

pub use session::{FileReceived, FileSent, Order, Orders, Session, Teller};
pub use usage::Usage;

use crate::generator::Generator;
use crate::media::Pacing;

/// What is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A Chevet that the bench starts.
    Chevet,
    /// Any server that speaks LiveKit's protocol and runs already.
    LiveKit,
    /// Debian's Janus, which the bench starts.
    Janus,
    /// Seal and sendmmsg, one datagram each.
    Floor,
    /// Seal and sendmmsg with GSO.
    FloorGso,
}

/// The generation of LiveKit's client protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// `/rtc/v1`: one peer connection.
    #[default]
    V1,
    /// `/rtc`: one to publish, one to subscribe.
    V0,
}

/// How a server is started or reached. What a kind has no use for is ignored.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// The `chevet` to start; None: the one beside this program.
    pub binary: Option<PathBuf>,
    /// A server that runs already: `ws://`, `http://` and no path.
    pub url: Option<String>,
    pub api_key: Option<String>,
    pub api_secret: Option<String>,
    /// The process of a server that runs already, on this machine.
    pub pid: Option<u32>,
    /// Media threads of a Chevet that we start; None: its own choice.
    pub workers: Option<u32>,
    /// Event loops of Janus; 0: a thread for each handle.
    pub event_loops: u32,
    pub protocol: Protocol,
    /// Where a server that we start listens.
    pub address: IpAddr,
    /// Keep logs and configuration of servers that we start here instead of in a folder that is removed at the end.
    pub keep: Option<PathBuf>,
}

impl Default for ServerOptions {
    fn default() -> ServerOptions {
        ServerOptions {
            binary: None,
            url: None,
            api_key: None,
            api_secret: None,
            pid: None,
            workers: None,
            event_loops: 2,
            protocol: Protocol::V1,
            address: IpAddr::from([127, 0, 0, 1]),
            keep: None,
        }
    }
}

/// A server under load. Dropping it ends the process that we started, if we did.
pub struct Server {
    kind: Kind,
}

impl Server {
    /// Starts it, or checks that it answers.
    pub async fn start(kind: Kind, _options: &ServerOptions) -> anyhow::Result<Server> {
        bail!("{kind:?} cannot be started yet")
    }

    pub fn network(&self) -> anyhow::Result<crate::net::Network> {
        Ok(crate::net::Network::LOOPBACK)
    }

    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// How it was started, for the report.
    pub fn describe(&self) -> String {
        String::new()
    }

    /// Of the server's process; None when it is elsewhere.
    pub fn usage(&self) -> Option<Usage> {
        None
    }

    /// An error with the last lines of its log when a process that we started has ended.
    pub fn alive(&self) -> anyhow::Result<()> {
        Ok(())
    }

    /// Joins and waits until every peer connection that is needed from the beginning has its keys. What is published
    /// flows when this returns, or soon after.
    pub async fn join(&self, _generator: &Generator, _spec: JoinSpec) -> anyhow::Result<Session> {
        bail!("nobody can join yet")
    }

    /// Ends it in order. An error: it had to be killed, or had died before.
    pub async fn stop(self) -> anyhow::Result<()> {
        Ok(())
    }
}

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

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    /// The first media packet arrived; None for who only publishes, and until it did.
    pub first_media: Option<Duration>,
}
