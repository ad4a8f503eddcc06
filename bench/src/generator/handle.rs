//! The outside's hold on one peer.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc::UnboundedReceiver;

use super::command::{Command, Line, PeerId};
use crate::media::StreamSpec;
use crate::peer::{Local, Media, Notice, Remote};

/// One peer. Every call but [`Handle::notice`] is a message to the peer's thread and returns at once. Dropping it closes the
/// peer: DTLS close_notify, and nothing is sent after.
pub struct Handle {
    pub(super) id: PeerId,
    pub(super) local: Local,
    pub(super) local_addr: SocketAddr,
    pub(super) line: Arc<Line>,
    pub(super) notices: UnboundedReceiver<Notice>,
}

impl Handle {
    /// What our description says.
    pub fn local(&self) -> &Local {
        &self.local
    }

    /// For a host candidate.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Begins: checks, then DTLS. Said again with more candidates, those are checked too.
    pub fn connect(&self, remote: Remote) {
        self.line.say(Command::Connect(self.id, Box::new(remote)));
    }

    /// Replaces what the descriptions agreed on for RTP.
    pub fn set_media(&self, media: Media) {
        self.line.say(Command::SetMedia(self.id, Box::new(media)));
    }

    /// Sends from the connection on.
    pub fn publish(&self, spec: StreamSpec) {
        self.line.say(Command::Publish(self.id, Box::new(spec)));
    }

    /// Opens a data channel by DCEP (RFC 8832). Without `max_retransmits` it is reliable. Needs [`Remote::data`].
    pub fn open_channel(&self, label: &str, ordered: bool, max_retransmits: Option<u16>) {
        let label = label.to_owned();
        self.line.say(Command::OpenChannel(self.id, label, ordered, max_retransmits));
    }

    /// A binary message on the channel of this label; queued, also before the channel is open. After every run of messages
    /// one [`Notice::Drained`] tells when less than 256 KiB wait: send up to a megabyte, await it, go on.
    pub fn send(&self, label: &str, bytes: Bytes) {
        self.line.say(Command::Send(self.id, label.to_owned(), bytes));
    }

    /// From now on so many bytes of data channels are read each second, at least 1; what is left unread holds the sender up.
    pub fn read_slowly(&self, bytes_per_second: u32) {
        self.line.say(Command::ReadSlowly(self.id, bytes_per_second));
    }

    /// The next notice; None when the peer's thread has ended.
    pub async fn notice(&mut self) -> Option<Notice> {
        self.notices.recv().await
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.line.say(Command::Close(self.id));
    }
}
