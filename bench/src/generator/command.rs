//! What is said to a generator thread.

use std::net::SocketAddr;

use bytes::Bytes;
use crossbeam_channel::Sender;
use nix::sys::eventfd::EventFd;
use tokio::sync::mpsc::UnboundedSender;

use super::Tally;
use crate::media::StreamSpec;
use crate::net::Socket;
use crate::peer::{Local, Media, Notice, Remote};

/// Unique in a generator.
pub type PeerId = u64;

pub enum Command {
    Open(Box<Opening>),
    Connect(PeerId, Box<Remote>),
    SetMedia(PeerId, Box<Media>),
    Publish(PeerId, Box<StreamSpec>),
    OpenChannel(PeerId, String, bool, Option<u16>),
    Send(PeerId, String, Bytes),
    /// Bytes of data channels each second.
    ReadSlowly(PeerId, u32),
    Close(PeerId),
    /// Answered with what was counted since the last time.
    Tally(Sender<Tally>),
    Stop,
}

/// A new peer.
pub struct Opening {
    pub id: PeerId,
    pub local: Local,
    pub local_addr: SocketAddr,
    /// Its own, or none if the thread's serves it.
    pub socket: Option<Socket>,
    pub notices: UnboundedSender<Notice>,
}

/// The way to a thread: its commands, and the bell that wakes it.
pub struct Line {
    pub commands: Sender<Command>,
    pub bell: EventFd,
}

impl Line {
    pub fn say(&self, command: Command) {
        // Fails only when the thread has ended; then nobody is left to tell.
        if self.commands.send(command).is_ok() {
            let _ = self.bell.write(1);
        }
    }
}
