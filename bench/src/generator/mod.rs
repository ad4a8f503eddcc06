//! The threads that drive many peers: one socket each, which speaks for as many addresses as there are peers.

use hdrhistogram::Histogram;

/// What the generator saw of all its peers since the last look. Sums over threads and peers.
#[derive(Clone, Debug)]
pub struct Tally {
    /// Wall time covered.
    pub seconds: f64,
    /// Media packets whose time to be sent came.
    pub offered: u64,
    /// Media packets handed to the kernel, without retransmissions.
    pub sent: u64,
    /// Media packets that arrived at subscribers, without padding and repeats, counting a recovered one once.
    pub received: u64,
    pub received_bytes: u64,
    /// Of `received`, those that only came after a NACK.
    pub recovered: u64,
    /// Gaps in sequence numbers that were never filled.
    pub lost_by_sequence: u64,
    /// Packets of a stream that a subscriber was receiving, which never came, whatever the sequence numbers say.
    pub lost_by_probe: u64,
    /// From handing to the kernel to the kernel's arrival stamp, nanoseconds. Retransmitted packets are not in it.
    pub latency: Histogram<u64>,
    /// From the moment that the packet was due, nanoseconds: what latency hides when the generator stumbles
    /// (coordinated omission).
    pub latency_from_due: Histogram<u64>,
    /// How late packets were handed to the kernel, nanoseconds.
    pub lateness: Histogram<u64>,
    /// Datagrams that the kernel dropped because we read too slowly (SO_RXQ_OVFL).
    pub kernel_drops: u64,
    /// Datagrams we sent that the kernel refused.
    pub send_failures: u64,
    pub nacks_sent: u64,
    pub nacks_received: u64,
    pub key_frames_asked: u64,
    pub key_frames_sent: u64,
    /// Video frames of which a subscriber has every packet, and those it gave up.
    pub frames_complete: u64,
    pub frames_broken: u64,
    /// CPU time of the generator's threads, seconds, and datagrams in both directions that it was spent on.
    pub cpu_seconds: f64,
    pub datagrams: u64,
    /// The busiest thread's CPU time over wall time.
    pub busiest_thread: f64,
}

/// Its threads and peers.
pub struct Generator {}
