//! The least that a media server has to do: receive, open, seal for everybody else, send. No ICE, no handshake, no room
//! logic, no retransmission, no feedback; keys and addresses come over standard input. It is a process of its own, so that
//! its CPU time is read like that of any server.

pub mod client;
pub mod server;

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

/// How the packets leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Mode {
    /// One datagram a message, many messages a call.
    One,
    /// Neighbours of equal length for one receiver as one message (UDP_SEGMENT), padded by RTP where they differ by a few
    /// bytes.
    Gso,
}

/// A line of the floor server's standard input, as JSON. Its end ends the server.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    Add(Member),
    Remove(u64),
}

/// Somebody in a room.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Member {
    pub id: u64,
    pub room: String,
    /// Where its packets come from and go to.
    pub addr: SocketAddr,
    /// Gets what the others of its room send.
    pub subscribes: bool,
    /// Seals what it sends.
    pub from: Keys,
    /// Seals what it receives.
    pub to: Keys,
}

/// Master key and salt of one direction, AEAD_AES_128_GCM (RFC 7714).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keys {
    pub key: [u8; 16],
    pub salt: [u8; 12],
}
