//! Where a worker's datagrams leave.

use std::net::UdpSocket;
use std::os::fd::AsFd;
use std::time::Instant;

use chevet_sfu_core::engine::{Outbound, Transmit};

use crate::load::IoCounters;
use crate::sys::{Message, MessageBatch, Poller};
use crate::tcp::Connections;
use crate::udp::{Kernel, UdpSender};

/// Tokens of the poller: what is ready.
pub(crate) const TOKEN_UDP: u64 = 0;
pub(crate) const TOKEN_BELL: u64 = 1;
pub(crate) const TOKEN_LISTENER: u64 = 2;
const LOBBY: u64 = 1 << 32;
const CONNECTION: u64 = 2 << 32;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    Udp,
    Bell,
    Listener,
    /// A connection that has not said whom it wants.
    Lobby(u32),
    Connection(u32),
}

impl Token {
    pub(crate) fn read(token: u64) -> Token {
        let number = (token & u64::from(u32::MAX)) as u32;
        match token {
            TOKEN_UDP => Token::Udp,
            TOKEN_BELL => Token::Bell,
            TOKEN_LISTENER => Token::Listener,
            token if token & CONNECTION != 0 => Token::Connection(number),
            _ => Token::Lobby(number),
        }
    }
}

pub(crate) fn lobby_token(number: u32) -> u64 {
    LOBBY | u64::from(number)
}

pub(crate) fn connection_token(number: u32) -> u64 {
    CONNECTION | u64::from(number)
}

pub(crate) struct Sockets {
    pub poller: Poller,
    pub udp: UdpSocket,
    pub sender: UdpSender,
    pub batch: MessageBatch,
    pub connections: Connections,
    pub counters: IoCounters,
}

impl Transmit for Sockets {
    fn send(&mut self, outbound: &Outbound) -> Instant {
        let began = Instant::now();
        let messages = outbound.runs().iter().filter(|run| run.path.tcp == 0).map(|run| Message {
            remote: run.path.remote,
            bytes: outbound.bytes_of(run),
            segment: run.segment,
        });
        let mut kernel = Kernel { socket: self.udp.as_fd(), batch: &mut self.batch };
        self.sender.send(&mut kernel, messages, &mut self.counters);
        if self.connections.len() == 0 {
            return began;
        }
        for run in outbound.runs().iter().filter(|run| run.path.tcp != 0) {
            for datagram in outbound.bytes_of(run).chunks(run.segment.max(1)) {
                self.connections.queue(run.path, datagram, &mut self.counters);
            }
        }
        self.connections.flush(&self.poller, connection_token, &mut self.counters);
        began
    }
}
