//! Accepted connections that have not said yet whom they want.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::time::Instant;

use chevet_sfu_core::wire::stun;

use super::framing::{FRAME_BYTES_MAX, HEADER_BYTES, frames, whole_frames};
use super::{AUTHENTICATION_TIMEOUT, Handover};
use crate::load::IoCounters;
use crate::sys::{Interest, Poller};
use crate::ufrag::{WorkerId, worker_of};

/// Connections that may wait here. A newcomer takes the place of the oldest.
const WAITING_MAX: usize = 128;

/// Accepted in one go, so that a flood of connections does not keep media waiting.
const ACCEPTED_AT_ONCE_MAX: usize = 16;

pub(crate) struct Lobby {
    /// In order of arrival.
    waiting: BTreeMap<u32, Waiting>,
    next: u32,
}

struct Waiting {
    stream: TcpStream,
    remote: SocketAddr,
    since: Instant,
    bytes: Vec<u8>,
}

/// A connection that is known now.
pub(crate) struct Arrival {
    pub worker: WorkerId,
    pub connection: Handover,
}

impl Lobby {
    pub(crate) fn new() -> Lobby {
        Lobby { waiting: BTreeMap::new(), next: 0 }
    }

    /// False when the system has no room for another connection: ask again in a while, since the listener stays readable.
    pub(crate) fn accept(
        &mut self,
        now: Instant,
        listener: &TcpListener,
        poller: &Poller,
        token: impl Fn(u32) -> u64,
        counters: &mut IoCounters,
    ) -> bool {
        for _ in 0..ACCEPTED_AT_ONCE_MAX {
            let (stream, remote) = match listener.accept() {
                Ok(accepted) => accepted,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    let code = error.raw_os_error();
                    return !matches!(code, Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM));
                }
            };
            let remote = SocketAddr::new(remote.ip().to_canonical(), remote.port());
            counters.tcp_accepted += 1;
            let number = self.next;
            self.next = self.next.wrapping_add(1);
            let ready = stream.set_nonblocking(true).and_then(|()| stream.set_nodelay(true));
            if ready.and_then(|()| poller.add(stream.as_fd(), token(number), Interest::Read)).is_err() {
                counters.tcp_refused += 1;
                continue;
            }
            if self.waiting.len() >= WAITING_MAX {
                self.waiting.pop_first();
                counters.tcp_refused += 1;
            }
            self.waiting.insert(number, Waiting { stream, remote, since: now, bytes: Vec::new() });
        }
        true
    }

    /// The connection is readable. Some when its first frame is here and names a worker.
    pub(crate) fn on_readable(&mut self, number: u32, counters: &mut IoCounters) -> Option<Arrival> {
        let waiting = self.waiting.get_mut(&number)?;
        match waiting.read() {
            Ok(None) => None,
            Ok(Some(worker)) => {
                let Waiting { stream, remote, bytes, .. } = self.waiting.remove(&number)?;
                Some(Arrival { worker, connection: Handover { stream, remote, bytes } })
            }
            Err(Unwanted) => {
                self.waiting.remove(&number);
                counters.tcp_refused += 1;
                None
            }
        }
    }

    pub(crate) fn on_second(&mut self, now: Instant, counters: &mut IoCounters) {
        let before = self.waiting.len();
        self.waiting
            .retain(|_, waiting| now.saturating_duration_since(waiting.since) < AUTHENTICATION_TIMEOUT);
        counters.tcp_refused += before.saturating_sub(self.waiting.len()) as u64;
    }
}

struct Unwanted;

impl Waiting {
    fn read(&mut self) -> Result<Option<WorkerId>, Unwanted> {
        let mut scratch = [0; HEADER_BYTES + FRAME_BYTES_MAX];
        let room = scratch.len().saturating_sub(self.bytes.len());
        let scratch = scratch.get_mut(..room).unwrap_or_default();
        match self.stream.read(scratch) {
            Ok(0) => return Err(Unwanted),
            Ok(count) => self.bytes.extend_from_slice(scratch.get(..count).unwrap_or_default()),
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
            Err(_) => return Err(Unwanted),
        }
        let whole = whole_frames(&self.bytes).map_err(|_| Unwanted)?;
        let Some(first) = frames(self.bytes.get_mut(..whole).unwrap_or_default()).next() else {
            return Ok(None);
        };
        if !stun::is_stun(first) {
            return Err(Unwanted);
        }
        // The user name is ours, a colon, theirs (RFC 8445 7.2.2).
        let ours = stun::peek_username(first).and_then(|name| name.split(':').next()).ok_or(Unwanted)?;
        worker_of(ours).map(Some).ok_or(Unwanted)
    }
}
