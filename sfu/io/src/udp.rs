//! Sending by UDP: runs as segmentation-offload messages, many messages a call, and the way round everything that the
//! kernel may refuse.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use crate::load::IoCounters;
use crate::sys::{self, Message, MessageBatch, SEND_BATCH_MAX};

/// UDP_SEGMENT takes at most this many datagrams a message (UDP_MAX_SEGMENTS of the kernels before 6.9).
const SEGMENTS_MAX: usize = 64;

/// Bytes of one message: an IPv4 packet less its headers, with room for IPv6's.
const MESSAGE_BYTES_MAX: usize = 65_000;

/// Asked of the kernel for either buffer; it gives what the system's limits allow. 4 MiB hold 0.2 s of 150 Mbit/s.
const SOCKET_BUFFER_BYTES: i32 = 4 << 20;

/// How long one send may wait for room in the socket's buffer, all its messages together.
const FULL_WAITS_MAX: u32 = 2;
const FULL_WAIT: Duration = Duration::from_millis(1);

/// Refusals in a row after which offload is off for good.
const REFUSALS_MAX: u32 = 8;

pub(crate) fn open(addr: SocketAddr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(addr)?;
    socket.set_nonblocking(true)?;
    let (receive, send) = sys::grow_buffers(socket.as_fd(), SOCKET_BUFFER_BYTES);
    if receive < SOCKET_BUFFER_BYTES || send < SOCKET_BUFFER_BYTES {
        tracing::warn!(
            receive,
            send,
            "small UDP buffers: raise net.core.rmem_max and net.core.wmem_max to 4194304"
        );
    }
    sys::enable_receive_offload(socket.as_fd());
    sys::let_routers_fragment(socket.as_fd(), addr.is_ipv6());
    Ok(socket)
}

/// The system call under the sender; a scripted one in the tests.
pub(crate) trait SendMessages {
    fn send(&mut self, messages: &[Message<'_>]) -> io::Result<usize>;
    /// Waits for room; false when there is none in time.
    fn wait(&mut self, timeout: Duration) -> bool;
}

pub(crate) struct Kernel<'s> {
    pub socket: BorrowedFd<'s>,
    pub batch: &'s mut MessageBatch,
}

impl SendMessages for Kernel<'_> {
    fn send(&mut self, messages: &[Message<'_>]) -> io::Result<usize> {
        self.batch.send(self.socket, messages)
    }

    fn wait(&mut self, timeout: Duration) -> bool {
        sys::wait_writable(self.socket, timeout)
    }
}

/// What is learnt of a socket while sending.
pub(crate) struct UdpSender {
    offload: bool,
    refusals: u32,
}

impl UdpSender {
    pub(crate) fn new(offload: bool) -> UdpSender {
        UdpSender { offload, refusals: 0 }
    }

    #[cfg(test)]
    fn offload(&self) -> bool {
        self.offload
    }

    /// Sends all runs, or counts why not. Waits 2 ms at most.
    pub(crate) fn send<'a>(
        &mut self,
        kernel: &mut impl SendMessages,
        runs: impl Iterator<Item = Message<'a>>,
        counters: &mut IoCounters,
    ) {
        let mut waits_left = FULL_WAITS_MAX;
        let mut pending = Pending::new();
        for run in runs {
            let segment = run.segment.max(1);
            let piece = if self.offload {
                segment.saturating_mul(SEGMENTS_MAX.min(MESSAGE_BYTES_MAX / segment).max(1))
            } else {
                segment
            };
            for bytes in run.bytes.chunks(piece) {
                if pending.is_full() {
                    self.flush(kernel, &mut pending, counters, &mut waits_left);
                }
                pending.push(Message { remote: run.remote, bytes, segment });
            }
        }
        self.flush(kernel, &mut pending, counters, &mut waits_left);
    }

    fn flush(
        &mut self,
        kernel: &mut impl SendMessages,
        pending: &mut Pending<'_>,
        counters: &mut IoCounters,
        waits_left: &mut u32,
    ) {
        let mut rest = pending.messages();
        let mut stale_error_seen = false;
        while let Some(first) = rest.first() {
            counters.udp_send_calls += 1;
            match kernel.send(rest) {
                Ok(sent) => {
                    // A sender that took nothing and named no error must not hold the loop.
                    let sent = sent.clamp(1, rest.len());
                    for message in rest.iter().take(sent) {
                        count_sent(counters, message);
                        if message.datagrams() > 1 {
                            self.refusals = 0;
                        }
                    }
                    rest = rest.get(sent..).unwrap_or_default();
                    stale_error_seen = false;
                    continue;
                }
                Err(error) => match error.raw_os_error() {
                    Some(libc::EINTR) => continue,
                    Some(libc::EAGAIN | libc::ENOBUFS) => {
                        if *waits_left > 0 {
                            *waits_left -= 1;
                            kernel.wait(FULL_WAIT);
                            continue;
                        }
                        let lost: usize = rest.iter().map(Message::datagrams).sum();
                        counters.udp_dropped_full += lost as u64;
                        break;
                    }
                    // An ICMP answer to an earlier datagram can surface here; the message itself is good.
                    Some(libc::ECONNREFUSED) if !stale_error_seen => {
                        stale_error_seen = true;
                        continue;
                    }
                    Some(code @ (libc::EIO | libc::EINVAL | libc::EMSGSIZE)) if first.datagrams() > 1 => {
                        self.refused(code);
                        counters.udp_offload_refused += 1;
                        one_by_one(kernel, first, counters, waits_left);
                    }
                    _ => counters.udp_dropped_error += first.datagrams() as u64,
                },
            }
            stale_error_seen = false;
            rest = rest.get(1..).unwrap_or_default();
        }
        pending.clear();
    }

    /// EIO: the route's device cannot do checksums (every message would fail). The others may concern one route only,
    /// such as a tunnel with a small MTU, unless they go on.
    fn refused(&mut self, code: i32) {
        self.refusals = self.refusals.saturating_add(1);
        if self.offload && (code == libc::EIO || self.refusals >= REFUSALS_MAX) {
            self.offload = false;
            tracing::warn!(errno = code, "UDP segmentation offload refused: sending datagrams one by one");
        }
    }
}

fn one_by_one(
    kernel: &mut impl SendMessages,
    message: &Message<'_>,
    counters: &mut IoCounters,
    waits_left: &mut u32,
) {
    for bytes in message.bytes.chunks(message.segment.max(1)) {
        let single = Message { remote: message.remote, bytes, segment: bytes.len() };
        loop {
            counters.udp_send_calls += 1;
            match kernel.send(&[single]) {
                Ok(_) => count_sent(counters, &single),
                Err(error) => match error.raw_os_error() {
                    Some(libc::EINTR) => continue,
                    Some(libc::EAGAIN | libc::ENOBUFS) if *waits_left > 0 => {
                        *waits_left -= 1;
                        kernel.wait(FULL_WAIT);
                        continue;
                    }
                    Some(libc::EAGAIN | libc::ENOBUFS) => counters.udp_dropped_full += 1,
                    _ => counters.udp_dropped_error += 1,
                },
            }
            break;
        }
    }
}

fn count_sent(counters: &mut IoCounters, message: &Message<'_>) {
    counters.udp_send_messages += 1;
    counters.udp_datagrams_out += message.datagrams() as u64;
    counters.udp_bytes_out += message.bytes.len() as u64;
}

/// Messages of the next call, on the stack.
struct Pending<'a> {
    messages: [Message<'a>; SEND_BATCH_MAX],
    count: usize,
}

impl<'a> Pending<'a> {
    fn new() -> Self {
        let nobody = SocketAddr::from(([0, 0, 0, 0], 0));
        Pending { messages: [Message { remote: nobody, bytes: &[], segment: 1 }; SEND_BATCH_MAX], count: 0 }
    }

    fn is_full(&self) -> bool {
        self.count >= SEND_BATCH_MAX
    }

    fn push(&mut self, message: Message<'a>) {
        if let Some(slot) = self.messages.get_mut(self.count) {
            *slot = message;
            self.count += 1;
        }
    }

    fn messages(&self) -> &[Message<'a>] {
        self.messages.get(..self.count).unwrap_or_default()
    }

    fn clear(&mut self) {
        self.count = 0;
    }
}

#[cfg(test)]
mod tests;
