//! What leaves the engine: datagrams packed one behind the other, in runs that one GSO message can carry.

use std::time::Instant;

use crate::api::Path;
use crate::stream::sent::HANDOVER_BITS;

/// No datagram is longer: an Ethernet frame's worth.
pub const MAX_DATAGRAM: usize = 1500;
/// The arena is handed over when a datagram of full size might not fit any more. 256 KiB stay in the L2 cache.
const ARENA: usize = 256 * 1024;
/// Runs a batch may hold: one sendmmsg call's worth.
const MAX_RUNS: usize = 64;
/// The kernel takes at most 64 segments and 64 KiB in one GSO message.
const MAX_SEGMENTS: usize = 60;
const MAX_RUN_BYTES: usize = 60_000;

/// Hand-overs whose time is remembered; a power of two. A worker makes a few thousand a second, and feedback is some
/// hundreds of milliseconds late.
const HANDOVERS: usize = 16_384;

/// When what was packed together was given to the sockets. The engine reads the time once for a batch; until the batch
/// has been decrypted, rewritten and sealed, or the thread has its processor again, milliseconds may pass that are not
/// the network's. So each packet remembers the number of its hand-over, and that its true time.
#[derive(Debug)]
pub struct Handovers {
    /// The first one: times count from here.
    base: Option<Instant>,
    /// Of the next one.
    number: u32,
    /// Microseconds, lowest 32 bits.
    times: Box<[u32]>,
}

impl Default for Handovers {
    fn default() -> Self {
        Handovers { base: None, number: 1, times: vec![0; HANDOVERS].into() }
    }
}

impl Handovers {
    /// The number of the hand-over to come.
    pub fn number(&self) -> u32 {
        self.number
    }

    fn done(&mut self, at: Instant) {
        let micros = self.micros(at) as u32;
        if let Some(time) = self.times.get_mut(self.number as usize % HANDOVERS) {
            *time = micros;
        }
        self.number = self.number.wrapping_add(1);
    }

    /// Microseconds since the first hand-over.
    pub fn micros(&mut self, at: Instant) -> u64 {
        let base = *self.base.get_or_insert(at);
        at.saturating_duration_since(base).as_micros() as u64
    }

    /// When this one was, in microseconds since the first. `number`: its lowest [`HANDOVER_BITS`] bits. `None` when it
    /// is too long ago, or still to come.
    pub fn time(&mut self, number: u32, now: Instant) -> Option<u64> {
        const MASK: u32 = (1 << HANDOVER_BITS) - 1;
        let age = self.number.wrapping_sub(number) & MASK;
        if age == 0 || age as usize > HANDOVERS {
            return None;
        }
        let now = self.micros(now);
        let low = *self.times.get(number as usize % HANDOVERS)?;
        // It may be a little after the engine's `now`.
        let behind = (now as u32).wrapping_sub(low) as i32;
        Some(now.saturating_add_signed(-i64::from(behind)))
    }
}

/// Datagrams to send. A run goes to one address; a run longer than its segment is sent as several datagrams of
/// `segment` bytes, the last one possibly shorter (UDP GSO).
#[derive(Debug)]
pub struct Outbound {
    bytes: Vec<u8>,
    used: usize,
    runs: Vec<Run>,
    /// Where the next datagram goes.
    path: Option<Path>,
    /// The length that it must have to join the last run, and how many may still do so; 0 when that is complete.
    segment: usize,
    room: usize,
    pub handovers: Handovers,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    pub path: Path,
    pub start: usize,
    pub len: usize,
    pub segment: usize,
}

/// Where the engine's datagrams go: the sockets, or the simulated network of the tests. Sending never fails as far as
/// the engine can tell; losses are the sender's to count.
pub trait Transmit {
    ///
    /// Gives the time at which it began, by the clock whose time the engine is given.
    fn send(&mut self, outbound: &Outbound) -> Instant;
}

impl Default for Outbound {
    fn default() -> Self {
        Outbound {
            bytes: vec![0; ARENA],
            used: 0,
            runs: Vec::with_capacity(MAX_RUNS),
            path: None,
            segment: 0,
            room: 0,
            handovers: Handovers::default(),
        }
    }
}

impl Outbound {
    pub fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// The bytes of one of the runs.
    pub fn bytes_of(&self, run: &Run) -> &[u8] {
        self.bytes.get(run.start..run.start.saturating_add(run.len)).unwrap_or(&[])
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.bytes.len() - self.used < MAX_DATAGRAM || self.runs.len() >= MAX_RUNS
    }

    /// Everything was given to the sockets at this time.
    pub(crate) fn clear(&mut self, at: Instant) {
        self.handovers.done(at);
        self.used = 0;
        self.runs.clear();
        self.segment = 0;
    }

    /// What is committed from now on goes this way.
    pub(crate) fn direct(&mut self, path: Path) {
        if self.path != Some(path) {
            self.path = Some(path);
            self.segment = 0;
        }
    }

    /// Room for one datagram, where the next `commit` takes it from.
    pub(crate) fn slot(&mut self) -> &mut [u8] {
        let end = self.bytes.len().min(self.used + MAX_DATAGRAM);
        self.bytes.get_mut(self.used..end).unwrap_or(&mut [])
    }

    /// The length that a datagram must have to join the open run; a shorter one may end it.
    pub(crate) fn open_segment(&self) -> Option<usize> {
        (self.segment != 0).then_some(self.segment)
    }

    /// Takes the first `len` bytes of the slot as a datagram; it joins the open run if it can.
    pub(crate) fn commit(&mut self, len: usize) {
        let Some(path) = self.path else { return };
        match self.runs.last_mut() {
            Some(run) if self.segment != 0 && len <= self.segment => {
                run.len += len;
                self.room -= 1;
            }
            _ => {
                self.runs.push(Run { path, start: self.used, len, segment: len });
                self.segment = len;
                self.room = MAX_SEGMENTS.min(MAX_RUN_BYTES / len.max(1)) - 1;
            }
        }
        if len < self.segment || self.room == 0 {
            self.segment = 0;
        }
        self.used += len;
    }

    /// A datagram of the slow paths, sent as it is. Longer ones than `MAX_DATAGRAM` are refused.
    pub fn push(&mut self, path: Path, datagram: &[u8]) -> bool {
        let Some(slot) = self.slot().get_mut(..datagram.len()) else { return false };
        slot.copy_from_slice(datagram);
        self.direct(path);
        self.segment = 0;
        self.commit(datagram.len());
        self.segment = 0;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(port: u16) -> Path {
        Path { remote: ([127, 0, 0, 1], port).into(), tcp: 0 }
    }

    fn commit(out: &mut Outbound, port: u16, len: usize) {
        out.slot()[..len].fill(len as u8);
        out.direct(path(port));
        out.commit(len);
    }

    #[test]
    fn equal_datagrams_to_one_address_form_a_run_that_a_shorter_one_ends() {
        let mut out = Outbound::default();
        for len in [900, 900, 400, 400] {
            commit(&mut out, 1, len);
        }
        let lens: Vec<_> = out.runs().iter().map(|run| (run.segment, run.len)).collect();
        assert_eq!(lens, [(900, 2200), (400, 400)]);
    }

    #[test]
    fn another_address_or_a_longer_datagram_begins_a_run() {
        let mut out = Outbound::default();
        commit(&mut out, 1, 500);
        commit(&mut out, 2, 500);
        commit(&mut out, 2, 501);
        assert_eq!(out.runs().len(), 3);
        assert_eq!(out.bytes_of(&out.runs()[2]), &[245u8; 501][..]);
    }

    #[test]
    fn a_run_stays_within_what_the_kernel_takes() {
        let mut out = Outbound::default();
        for _ in 0..150 {
            commit(&mut out, 1, 1200);
        }
        assert!(out.runs().iter().all(|run| run.len <= 64_000 && run.len / run.segment <= 64));
        assert_eq!(out.runs().iter().map(|run| run.len).sum::<usize>(), 150 * 1200);
    }

    #[test]
    fn a_hand_over_is_remembered_by_its_own_time_and_not_for_ever() {
        use std::time::Duration;
        let start = Instant::now();
        let mut out = Outbound::default();
        let first = out.handovers.number();
        assert_eq!(out.handovers.time(first, start), None);
        out.clear(start);
        let second = out.handovers.number();
        // Later than the time that the engine was given.
        out.clear(start + Duration::from_micros(700));
        assert_eq!(out.handovers.time(second, start + Duration::from_micros(100)), Some(700));
        assert_eq!(out.handovers.time(first, start + Duration::from_secs(2)), Some(0));
        for _ in 0..HANDOVERS {
            out.clear(start);
        }
        assert_eq!(out.handovers.time(first, start), None);
    }

    #[test]
    fn a_datagram_longer_than_a_frame_is_refused() {
        let mut out = Outbound::default();
        assert!(!out.push(path(1), &[0; MAX_DATAGRAM + 1]));
        assert!(out.is_empty());
    }
}
