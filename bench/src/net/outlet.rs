//! Datagrams on their way to the kernel, sent by as few calls as possible.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::AsFd;
use std::rc::Rc;
use std::time::Duration;

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};

use super::socket::Socket;
use super::sys::{self, SEND_BATCH};

/// Longest datagram, bytes.
pub const DATAGRAM_MAX: usize = 1500;
/// The send buffer is full: so long it may take until there is room again.
const PATIENCE: Duration = Duration::from_millis(20);

#[derive(Clone, Copy)]
struct Entry {
    to: SocketAddr,
    from: Option<Ipv4Addr>,
    len: usize,
    media: bool,
}

/// What was sent since the last look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    pub datagrams: u64,
    /// Of the datagrams, those that were said to be media.
    pub media: u64,
    pub failures: u64,
}

/// Takes datagrams for one socket at a time, and hands them to the kernel when there are [`SEND_BATCH`], when another socket's
/// turn comes, and when told.
pub struct Outlet {
    bytes: Box<[u8]>,
    entries: Vec<Entry>,
    socket: Option<Rc<Socket>>,
    from: Option<Ipv4Addr>,
    pub sent: Sent,
}

impl Outlet {
    pub fn new() -> Outlet {
        Outlet {
            bytes: vec![0; SEND_BATCH * DATAGRAM_MAX].into_boxed_slice(),
            entries: Vec::with_capacity(SEND_BATCH),
            socket: None,
            from: None,
            sent: Sent::default(),
        }
    }

    /// What follows leaves by this socket, from this address of ours.
    pub fn speak_for(&mut self, socket: &Rc<Socket>, local: SocketAddr) {
        if !self.socket.as_ref().is_some_and(|current| Rc::ptr_eq(current, socket)) {
            self.flush();
            self.socket = Some(Rc::clone(socket));
        }
        self.from = match local {
            SocketAddr::V4(v4) if socket.is_shared() => Some(*v4.ip()),
            _ => None,
        };
    }

    /// Room for the next datagram.
    pub fn room(&mut self) -> &mut [u8] {
        if self.entries.len() >= SEND_BATCH {
            self.flush();
        }
        let begin = self.entries.len() * DATAGRAM_MAX;
        self.bytes.get_mut(begin..begin + DATAGRAM_MAX).unwrap_or_default()
    }

    /// The first `len` bytes of the room are a datagram.
    pub fn commit(&mut self, to: SocketAddr, len: usize, media: bool) {
        debug_assert!(self.entries.len() < SEND_BATCH && len <= DATAGRAM_MAX);
        self.entries.push(Entry { to, from: self.from, len: len.min(DATAGRAM_MAX), media });
    }

    /// A datagram that lies elsewhere, at most [`DATAGRAM_MAX`] long.
    pub fn push(&mut self, to: SocketAddr, datagram: &[u8]) {
        if let Some(room) = self.room().get_mut(..datagram.len()) {
            room.copy_from_slice(datagram);
            self.commit(to, datagram.len(), false);
        } else {
            self.sent.failures += 1;
        }
    }

    /// What waits, instead of sending it.
    #[cfg(test)]
    pub fn take(&mut self) -> Vec<(SocketAddr, Vec<u8>)> {
        let slots = self.bytes.chunks_exact(DATAGRAM_MAX);
        let taken =
            self.entries.iter().zip(slots).map(|(entry, slot)| (entry.to, slot[..entry.len].to_vec()));
        let taken = taken.collect();
        self.entries.clear();
        taken
    }

    /// Hands everything to the kernel.
    pub fn flush(&mut self) {
        let Some(socket) = &self.socket else {
            self.entries.clear();
            return;
        };
        let mut begin = 0;
        let mut waited = false;
        while begin < self.entries.len() {
            let entries = &self.entries[begin..];
            let bytes = self.bytes.chunks_exact(DATAGRAM_MAX).skip(begin);
            let datagrams =
                entries.iter().zip(bytes).map(|(entry, bytes)| (entry.to, entry.from, &bytes[..entry.len]));
            match sys::send(socket.as_fd(), datagrams) {
                Ok(count) => {
                    let done = &entries[..count.min(entries.len())];
                    self.sent.datagrams += done.len() as u64;
                    self.sent.media += done.iter().filter(|entry| entry.media).count() as u64;
                    begin += done.len().max(1);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && !waited => {
                    waited = true;
                    wait_writable(socket);
                }
                // One that the kernel refuses must not hold up those behind it.
                Err(_) => {
                    self.sent.failures += 1;
                    begin += 1;
                }
            }
        }
        self.entries.clear();
    }
}

/// Seldom needed: the kernel delivers on loopback before the call returns.
fn wait_writable(socket: &Socket) {
    let Ok(epoll) = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC) else { return };
    if epoll.add(socket, EpollEvent::new(EpollFlags::EPOLLOUT, 0)).is_ok() {
        let _ = sys::wait(epoll.0.as_fd(), &mut [EpollEvent::empty()], Some(PATIENCE));
    }
}
