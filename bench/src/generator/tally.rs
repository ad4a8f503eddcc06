//! What the generator counts.

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
    /// Datagrams that were not what their peer expects: malformed, forged, repeated, or for nobody.
    pub unexpected: u64,
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

impl Tally {
    pub fn new() -> Tally {
        // Values from 1 us to 60 s in 3 digits; 180 KiB each.
        let histogram = || Histogram::new_with_bounds(1_000, 60_000_000_000, 3).expect("good bounds");
        Tally {
            seconds: 0.0,
            offered: 0,
            sent: 0,
            received: 0,
            received_bytes: 0,
            recovered: 0,
            lost_by_sequence: 0,
            lost_by_probe: 0,
            latency: histogram(),
            latency_from_due: histogram(),
            lateness: histogram(),
            kernel_drops: 0,
            send_failures: 0,
            unexpected: 0,
            nacks_sent: 0,
            nacks_received: 0,
            key_frames_asked: 0,
            key_frames_sent: 0,
            frames_complete: 0,
            frames_broken: 0,
            cpu_seconds: 0.0,
            datagrams: 0,
            busiest_thread: 0.0,
        }
    }

    /// Another thread's figures for the same time.
    pub fn add(&mut self, other: &Tally) {
        self.seconds = self.seconds.max(other.seconds);
        self.offered += other.offered;
        self.sent += other.sent;
        self.received += other.received;
        self.received_bytes += other.received_bytes;
        self.recovered += other.recovered;
        self.lost_by_sequence += other.lost_by_sequence;
        self.lost_by_probe += other.lost_by_probe;
        for (sum, part) in [
            (&mut self.latency, &other.latency),
            (&mut self.latency_from_due, &other.latency_from_due),
            (&mut self.lateness, &other.lateness),
        ] {
            // Fails only for bounds that differ.
            let _ = sum.add(part);
        }
        self.kernel_drops += other.kernel_drops;
        self.send_failures += other.send_failures;
        self.unexpected += other.unexpected;
        self.nacks_sent += other.nacks_sent;
        self.nacks_received += other.nacks_received;
        self.key_frames_asked += other.key_frames_asked;
        self.key_frames_sent += other.key_frames_sent;
        self.frames_complete += other.frames_complete;
        self.frames_broken += other.frames_broken;
        self.cpu_seconds += other.cpu_seconds;
        self.datagrams += other.datagrams;
        self.busiest_thread = self.busiest_thread.max(other.busiest_thread);
    }
}

impl Default for Tally {
    fn default() -> Self {
        Tally::new()
    }
}
