//! What leaves the engine: datagrams packed one behind the other, in runs that one GSO message can carry.

use crate::api::Path;

/// No datagram is longer: an Ethernet frame's worth.
pub const MAX_DATAGRAM: usize = 1500;
/// The arena is handed over when a datagram of full size might not fit any more. 256 KiB stay in the L2 cache.
const ARENA: usize = 256 * 1024;
/// Runs a batch may hold: one sendmmsg call's worth.
const MAX_RUNS: usize = 64;
/// The kernel takes at most 64 segments and 64 KiB in one GSO message.
const MAX_SEGMENTS: usize = 60;
const MAX_RUN_BYTES: usize = 60_000;

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
    fn send(&mut self, outbound: &Outbound);
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

    pub(crate) fn clear(&mut self) {
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
    fn a_datagram_longer_than_a_frame_is_refused() {
        let mut out = Outbound::default();
        assert!(!out.push(path(1), &[0; MAX_DATAGRAM + 1]));
        assert!(out.is_empty());
    }
}
