//! The servers that can be loaded, how somebody joins them, and what is read of their processes.
//!
//! Everything here is to be called inside a tokio runtime; a few threads serve thousands of sessions.

mod chevet;
mod http;
pub mod isolation;
mod janus;
mod process;
mod session;
mod usage;

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use serde::{Deserialize, Serialize};

use self::chevet::LiveKit;
use self::janus::Janus;
pub use process::Process;
pub use session::{FileReceived, FileSent, Order, Orders, Session, Teller};
pub use usage::Usage;

use crate::floor::Mode;
use crate::floor::client::FloorServer;
use crate::generator::Generator;
use crate::media::Pacing;
use crate::signal;

/// What may stand in `--target`.
pub const NAMES: &str = "chevet, livekit, janus, janus-threads, floor, floor-gso";

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
    /// A server that runs already: `ws://`, `wss://`, `http://` or `https://` and no path.
    pub url: Option<String>,
    /// Authorities (PEM) trusted for `wss://` besides the public ones.
    pub ca: Option<PathBuf>,
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
            ca: None,
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

/// A server under load. Dropping it kills the process that we started, if we did.
pub struct Server {
    backend: Backend,
}

enum Backend {
    LiveKit(Box<LiveKit>),
    Janus(Box<Janus>),
    Floor(FloorServer),
}

impl Server {
    /// Starts it, or checks that it answers.
    pub async fn start(kind: Kind, options: &ServerOptions) -> anyhow::Result<Server> {
        let backend = match kind {
            Kind::Chevet if options.url.is_none() => {
                Backend::LiveKit(Box::new(LiveKit::start(options).await?))
            }
            Kind::Chevet | Kind::LiveKit => Backend::LiveKit(Box::new(LiveKit::reach(options).await?)),
            Kind::Janus => Backend::Janus(Box::new(Janus::start(options).await?)),
            Kind::Floor => Backend::Floor(FloorServer::start(Mode::One, options.address)?),
            Kind::FloorGso => Backend::Floor(FloorServer::start(Mode::Gso, options.address)?),
        };
        Ok(Server { backend })
    }

    /// How it was started, for the report.
    pub fn describe(&self) -> String {
        match &self.backend {
            Backend::LiveKit(server) => server.about().to_owned(),
            Backend::Janus(server) => server.about().to_owned(),
            Backend::Floor(_) => "open, seal, send".to_owned(),
        }
    }

    /// Of the server's process; None when it is elsewhere, or gone.
    pub fn usage(&self) -> Option<Usage> {
        let pid = match &self.backend {
            Backend::LiveKit(server) => server.pid()?,
            Backend::Janus(server) => server.process().pid(),
            Backend::Floor(server) => server.pid(),
        };
        Usage::of(pid).ok()
    }

    fn process(&self) -> Option<&Process> {
        match &self.backend {
            Backend::LiveKit(server) => server.process(),
            Backend::Janus(server) => Some(server.process()),
            Backend::Floor(_) => None,
        }
    }

    /// An error with the last lines of its log when a process that we started has ended.
    pub fn alive(&self) -> anyhow::Result<()> {
        match &self.backend {
            Backend::Floor(server) => server.alive(),
            _ => self.process().map_or(Ok(()), Process::alive),
        }
    }

    /// Joins and waits until every peer connection that is needed from the beginning has its keys. What is published
    /// flows when this returns, or soon after.
    pub async fn join(&self, generator: &Generator, spec: JoinSpec) -> anyhow::Result<Session> {
        let identity = spec.identity.clone();
        let joined = match &self.backend {
            Backend::LiveKit(server) => signal::join(&server.access, generator, spec).await,
            Backend::Janus(server) => server.join(generator, spec).await,
            Backend::Floor(server) => server.join(generator, &spec),
        };
        joined.with_context(|| match self.process() {
            Some(process) => format!("{identity} cannot join\n{}", process.tail()),
            None => format!("{identity} cannot join"),
        })
    }

    /// Ends it in order. An error: it had to be killed, or had died before.
    pub async fn stop(self) -> anyhow::Result<()> {
        let process = match self.backend {
            Backend::LiveKit(server) => server.into_process(),
            Backend::Janus(server) => Some(server.into_process()),
            Backend::Floor(server) => {
                server.alive()?;
                None
            }
        };
        match process {
            Some(process) => process.stop().await,
            None => Ok(()),
        }
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

#[cfg(test)]
mod tests;
