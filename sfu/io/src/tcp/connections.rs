//! The connections of one worker.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::time::Instant;

use chevet_sfu_core::api::Path;

use super::framing::{append_frame, whole_frames};
use super::{AUTHENTICATION_TIMEOUT, Handover, IDLE_TIMEOUT};
use crate::load::IoCounters;
use crate::sys::{self, Interest, Poller};

/// Bytes that wait for one peer: 0.7 s of 3 Mbit/s. Later datagrams are dropped, as a full link would.
const OUT_BYTES_MAX: usize = 256 * 1024;

/// Bytes that wait for all peers of the worker.
const OUT_BYTES_TOTAL_MAX: usize = 64 << 20;

/// Kept for the next burst; what a slow peer made it grow beyond is given back.
const OUT_BYTES_KEPT: usize = 32 * 1024;

/// What may wait in the kernel, where it can no longer be dropped.
const KERNEL_UNSENT_BYTES: i32 = 64 * 1024;
const KERNEL_SEND_BYTES: i32 = 256 * 1024;

/// Read from one connection in one go.
const READ_BYTES_MAX: usize = 64 * 1024;

/// The first bytes of a STUN binding success response (RFC 8489 5).
const BINDING_SUCCESS: [u8; 2] = [0x01, 0x01];

pub(crate) struct Connections {
    open: HashMap<u32, Connection>,
    next: u32,
    max: usize,
    /// Connections with something to write, since the last flush.
    touched: Vec<u32>,
    out_total: usize,
    /// Closed while sending; the engine is told at the next occasion.
    closed: Vec<Path>,
}

struct Connection {
    stream: TcpStream,
    remote: SocketAddr,
    since: Instant,
    last_read: Instant,
    /// A check on it was answered with success.
    authenticated: bool,
    /// The start of a frame whose end has not arrived.
    partial: Vec<u8>,
    out: Vec<u8>,
    /// How much of `out` is written.
    written: usize,
    /// Queued for the next flush.
    is_touched: bool,
    /// The poller tells when it can be written.
    waits_for_room: bool,
}

/// What reading a connection brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    pub path: Path,
    /// Length of the whole frames at the start of the scratch buffer.
    pub whole: usize,
    /// There was nothing more, or there will be nothing more.
    pub closed: bool,
}

impl Connections {
    pub(crate) fn new(max: usize) -> Connections {
        Connections {
            open: HashMap::new(),
            next: 1,
            max,
            touched: Vec::new(),
            out_total: 0,
            closed: Vec::new(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.open.len()
    }

    /// Takes a connection over and puts its first bytes into `scratch` for [`frames`](super::frames). None when it is
    /// turned away.
    pub(crate) fn adopt(
        &mut self,
        now: Instant,
        handover: Handover,
        poller: &Poller,
        token: impl Fn(u32) -> u64,
        scratch: &mut Vec<u8>,
        counters: &mut IoCounters,
    ) -> Option<Taken> {
        if self.open.len() >= self.max && !self.evict() {
            counters.tcp_refused += 1;
            return None;
        }
        let number = self.free_number();
        let Handover { stream, remote, bytes } = handover;
        sys::limit_unsent(stream.as_fd(), KERNEL_UNSENT_BYTES);
        sys::shrink_send_buffer(stream.as_fd(), KERNEL_SEND_BYTES);
        let whole = whole_frames(&bytes).ok();
        let added = poller.add(stream.as_fd(), token(number), Interest::Read);
        let (Some(whole), Ok(())) = (whole, added) else {
            counters.tcp_refused += 1;
            return None;
        };
        scratch.clear();
        scratch.extend_from_slice(&bytes);
        let connection = Connection {
            stream,
            remote,
            since: now,
            last_read: now,
            authenticated: false,
            partial: bytes.get(whole..).unwrap_or_default().to_vec(),
            out: Vec::new(),
            written: 0,
            is_touched: false,
            waits_for_room: false,
        };
        self.open.insert(number, connection);
        Some(Taken { path: Path { remote, tcp: number }, whole, closed: false })
    }

    /// Never 0, which means UDP, and never a number in use.
    fn free_number(&mut self) -> u32 {
        loop {
            let number = self.next;
            self.next = self.next.wrapping_add(1).max(1);
            if !self.open.contains_key(&number) {
                return number;
            }
        }
    }

    /// Makes room by the oldest connection that nobody vouched for.
    fn evict(&mut self) -> bool {
        let oldest = self
            .open
            .iter()
            .filter(|(_, connection)| !connection.authenticated)
            .min_by_key(|(_, connection)| connection.since)
            .map(|(number, _)| *number);
        if let Some(number) = oldest {
            self.close(number);
        }
        oldest.is_some()
    }

    /// Reads what is there into `scratch`. The caller hands the whole frames on and then, if `closed`, calls
    /// [`Connections::close`].
    pub(crate) fn read(
        &mut self,
        now: Instant,
        number: u32,
        scratch: &mut Vec<u8>,
        counters: &mut IoCounters,
    ) -> Option<Taken> {
        let connection = self.open.get_mut(&number)?;
        scratch.clear();
        scratch.append(&mut connection.partial);
        let held = scratch.len();
        scratch.resize(held + READ_BYTES_MAX, 0);
        let result = connection.stream.read(scratch.get_mut(held..).unwrap_or_default());
        let (count, mut closed) = match result {
            Ok(count) => (count, count == 0),
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
                (0, false)
            }
            Err(_) => (0, true),
        };
        scratch.truncate(held + count);
        if count > 0 {
            connection.last_read = now;
        }
        counters.tcp_bytes_in += count as u64;
        let whole = match whole_frames(scratch) {
            Ok(whole) => whole,
            Err(_) => {
                closed = true;
                counters.tcp_refused += 1;
                0
            }
        };
        connection.partial.extend_from_slice(scratch.get(whole..).unwrap_or_default());
        Some(Taken { path: Path { remote: connection.remote, tcp: number }, whole, closed })
    }

    /// Queues one datagram. [`Connections::flush`] sends what was queued.
    pub(crate) fn queue(&mut self, path: Path, datagram: &[u8], counters: &mut IoCounters) {
        let Some(connection) = self.open.get_mut(&path.tcp).filter(|found| found.remote == path.remote)
        else {
            counters.tcp_dropped_gone += 1;
            return;
        };
        let waiting = connection.out.len() - connection.written.min(connection.out.len());
        if waiting + datagram.len() > OUT_BYTES_MAX || self.out_total > OUT_BYTES_TOTAL_MAX {
            counters.tcp_dropped_full += 1;
            return;
        }
        if datagram.first_chunk() == Some(&BINDING_SUCCESS) {
            connection.authenticated = true;
        }
        let before = connection.out.len();
        if append_frame(&mut connection.out, datagram) {
            counters.tcp_frames_out += 1;
            self.out_total += connection.out.len() - before;
        }
        if !connection.is_touched {
            connection.is_touched = true;
            self.touched.push(path.tcp);
        }
    }

    /// Writes what was queued since the last flush.
    pub(crate) fn flush(&mut self, poller: &Poller, token: impl Fn(u32) -> u64, counters: &mut IoCounters) {
        while let Some(number) = self.touched.pop() {
            if let Some(connection) = self.open.get_mut(&number) {
                connection.is_touched = false;
            }
            self.write(number, poller, &token, counters);
        }
    }

    pub(crate) fn write(
        &mut self,
        number: u32,
        poller: &Poller,
        token: impl Fn(u32) -> u64,
        counters: &mut IoCounters,
    ) {
        let Some(connection) = self.open.get_mut(&number) else { return };
        let written_before = connection.written;
        let result = connection.write();
        let written = connection.written - written_before;
        self.out_total = self.out_total.saturating_sub(written);
        counters.tcp_bytes_out += written as u64;
        let mut broken = result.is_err();
        let wants_room = connection.has_waiting();
        if !wants_room {
            connection.written = 0;
            connection.out.clear();
            connection.out.shrink_to(OUT_BYTES_KEPT);
        } else if connection.written > OUT_BYTES_MAX / 2 {
            connection.out.drain(..connection.written);
            connection.written = 0;
        }
        if wants_room != connection.waits_for_room && !broken {
            let interest = if wants_room { Interest::ReadWrite } else { Interest::Read };
            connection.waits_for_room = wants_room;
            broken = poller.modify(connection.stream.as_fd(), token(number), interest).is_err();
        }
        if broken {
            self.close(number);
            counters.tcp_closed += 1;
        }
    }

    /// Closes it. The path comes out of [`Connections::poll_closed`].
    pub(crate) fn close(&mut self, number: u32) {
        if let Some(connection) = self.open.remove(&number) {
            let waiting = connection.out.len().saturating_sub(connection.written);
            self.out_total = self.out_total.saturating_sub(waiting);
            self.closed.push(Path { remote: connection.remote, tcp: number });
        }
    }

    /// A path that ended since the last call.
    pub(crate) fn poll_closed(&mut self) -> Option<Path> {
        self.closed.pop()
    }

    pub(crate) fn on_second(&mut self, now: Instant, counters: &mut IoCounters) {
        let overdue: Vec<(u32, bool)> = self
            .open
            .iter()
            .filter_map(|(number, connection)| {
                let unknown = !connection.authenticated
                    && now.saturating_duration_since(connection.since) >= AUTHENTICATION_TIMEOUT;
                let idle = now.saturating_duration_since(connection.last_read) >= IDLE_TIMEOUT;
                (unknown || idle).then_some((*number, unknown))
            })
            .collect();
        for (number, unknown) in overdue {
            self.close(number);
            if unknown {
                counters.tcp_refused += 1;
            } else {
                counters.tcp_closed += 1;
            }
        }
    }
}

impl Connection {
    fn has_waiting(&self) -> bool {
        self.written < self.out.len()
    }

    /// Writes until nothing is left or the kernel takes no more.
    fn write(&mut self) -> io::Result<()> {
        while self.has_waiting() {
            match self.stream.write(self.out.get(self.written..).unwrap_or_default()) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => self.written += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
