//! Somebody who is in a room.

use std::time::Duration;

use anyhow::bail;
use bytes::Bytes;

use super::JoinPhases;

/// A participant of a server under load; a task of its own keeps the signalling alive. Dropping it leaves, without
/// waiting for the goodbye to be sent.
pub struct Session {
    phases: JoinPhases,
}

/// A file that went out.
#[derive(Clone, Copy, Debug)]
pub struct FileSent {
    pub bytes: u64,
    /// From the first packet to the moment that all of it was handed to SCTP's queue.
    pub took: Duration,
}

/// A file that came in whole.
#[derive(Clone, Debug)]
pub struct FileReceived {
    pub name: String,
    pub from: String,
    pub bytes: u64,
    /// All bytes are there, in order, and their SHA-256 is what the sender said.
    pub intact: bool,
    /// What is wrong with it, when it is not intact.
    pub why: Option<String>,
    /// From the header to the trailer.
    pub took: Duration,
}

impl Session {
    /// As far as it got until now.
    pub fn phases(&self) -> JoinPhases {
        self.phases
    }

    /// Waits for the first media packet; how long it took from the beginning of the join.
    pub async fn first_media(&self) -> anyhow::Result<Duration> {
        bail!("nothing arrives yet")
    }

    /// Why it ended before it was told to leave; None while it lives.
    pub fn failure(&self) -> Option<String> {
        None
    }

    /// Sends a file as a LiveKit byte stream to these identities (none: everybody else in the room).
    pub async fn send_file(&self, _name: &str, _content: Bytes, _to: &[String]) -> anyhow::Result<FileSent> {
        bail!("nothing can be sent yet")
    }

    /// The next file that has come in to its end.
    pub async fn receive_file(&self) -> anyhow::Result<FileReceived> {
        bail!("nothing arrives yet")
    }

    /// Bytes of files that came in so far, finished or not: to watch a slow receiver.
    pub fn received_file_bytes(&self) -> u64 {
        0
    }

    /// Says goodbye and closes the peer connections.
    pub async fn leave(self) {}
}
