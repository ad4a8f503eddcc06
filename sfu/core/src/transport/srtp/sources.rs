//! What was received of each source: the highest index, and which of the last ones (RFC 3711 3.3.1, 3.3.2).

use super::SrtpError;
use crate::wire::sequence::nearest;

/// Sources with a window. A publisher of many simulcast tracks uses some fifty at a time.
const MAX_SOURCES: usize = 64;
/// Sources that had to make room: only their highest index is kept, so that nothing of theirs can be replayed.
const MAX_RETIRED: usize = 1024;
/// Packets; a retransmission or a reordered packet older than this is of no use to anybody.
pub(super) const WINDOW: u64 = 1024;

const WORDS: usize = (WINDOW / 64) as usize;

/// Bounded, and only authenticated packets change it.
#[derive(Default)]
pub(super) struct Sources {
    /// Parallel to `windows`: a scan over this is one over a few cache lines.
    ssrcs: Vec<u32>,
    windows: Vec<Window>,
    retired: Vec<(u32, u64)>,
    retired_next: usize,
    /// Position of the source seen last.
    recent: usize,
    accepted: u64,
}

struct Window {
    highest: u64,
    /// Bit i % 1024 stands for index i, in the 1024 indices up to the highest.
    seen: [u64; WORDS],
    /// `Sources::accepted` when it was used last.
    used: u64,
}

impl Sources {
    fn position(&self, ssrc: u32) -> Option<usize> {
        if self.ssrcs.get(self.recent) == Some(&ssrc) {
            return Some(self.recent);
        }
        self.ssrcs.iter().position(|&known| known == ssrc)
    }

    fn highest(&self, ssrc: u32) -> Option<u64> {
        match self.position(ssrc) {
            Some(position) => self.windows.get(position).map(|window| window.highest),
            None => self.retired(ssrc),
        }
    }

    fn retired(&self, ssrc: u32) -> Option<u64> {
        self.retired.iter().find(|(known, _)| *known == ssrc).map(|&(_, highest)| highest)
    }

    /// The index of a packet: the one nearest to the highest so far, or in the first cycle for a new source.
    pub(super) fn estimate(&self, ssrc: u32, sequence: u16) -> u64 {
        self.highest(ssrc).map_or(u64::from(sequence), |highest| nearest(highest, sequence))
    }

    pub(super) fn check(&self, ssrc: u32, index: u64) -> Result<(), SrtpError> {
        match self.position(ssrc).and_then(|position| self.windows.get(position)) {
            Some(window) => window.check(index),
            None => match self.retired(ssrc) {
                Some(highest) if index <= highest => Err(SrtpError::TooOld),
                _ => Ok(()),
            },
        }
    }

    /// Notes an authenticated packet.
    pub(super) fn accept(&mut self, ssrc: u32, index: u64) {
        self.accepted += 1;
        let position = self.position(ssrc).unwrap_or_else(|| self.insert(ssrc));
        self.recent = position;
        if let Some(window) = self.windows.get_mut(position) {
            window.used = self.accepted;
            window.mark(index);
        }
    }

    fn insert(&mut self, ssrc: u32) -> usize {
        let window = match self.retired(ssrc) {
            // All of what came before counts as seen.
            Some(highest) => Window { highest, seen: [u64::MAX; WORDS], used: 0 },
            None => Window { highest: 0, seen: [0; WORDS], used: 0 },
        };
        if self.ssrcs.len() < MAX_SOURCES {
            self.ssrcs.push(ssrc);
            self.windows.push(window);
            return self.ssrcs.len() - 1;
        }
        let oldest = (self.windows.iter().enumerate())
            .min_by_key(|(_, window)| window.used)
            .map_or(0, |(position, _)| position);
        if let (Some(old_ssrc), Some(old)) = (self.ssrcs.get_mut(oldest), self.windows.get_mut(oldest)) {
            let retired = (*old_ssrc, old.highest);
            *old_ssrc = ssrc;
            *old = window;
            self.retire(retired);
        }
        oldest
    }

    fn retire(&mut self, retired: (u32, u64)) {
        if let Some(known) = self.retired.iter_mut().find(|(ssrc, _)| *ssrc == retired.0) {
            *known = retired;
        } else if self.retired.len() < MAX_RETIRED {
            self.retired.push(retired);
        } else if let Some(slot) = self.retired.get_mut(self.retired_next) {
            *slot = retired;
            self.retired_next = (self.retired_next + 1) % MAX_RETIRED;
        }
    }
}

impl Window {
    fn check(&self, index: u64) -> Result<(), SrtpError> {
        if index > self.highest {
            return Ok(());
        }
        if self.highest - index >= WINDOW {
            return Err(SrtpError::TooOld);
        }
        let (word, bit) = place(index);
        match self.seen.get(word) {
            Some(seen) if seen & bit != 0 => Err(SrtpError::Replayed),
            _ => Ok(()),
        }
    }

    fn mark(&mut self, index: u64) {
        if index > self.highest {
            if index - self.highest >= WINDOW {
                self.seen = [0; WORDS];
            } else {
                for skipped in self.highest + 1..index {
                    let (word, bit) = place(skipped);
                    if let Some(seen) = self.seen.get_mut(word) {
                        *seen &= !bit;
                    }
                }
            }
            self.highest = index;
        }
        let (word, bit) = place(index);
        if let Some(seen) = self.seen.get_mut(word) {
            *seen |= bit;
        }
    }
}

fn place(index: u64) -> (usize, u64) {
    ((index % WINDOW / 64) as usize, 1 << (index % 64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_source_that_made_room_cannot_be_replayed() {
        let mut sources = Sources::default();
        for ssrc in 0..MAX_SOURCES as u32 + 10 {
            sources.accept(ssrc, 100);
        }
        assert_eq!(sources.ssrcs.len(), MAX_SOURCES);
        assert_eq!(sources.check(3, 100), Err(SrtpError::TooOld));
        assert_eq!(sources.check(3, 99), Err(SrtpError::TooOld));
        assert_eq!(sources.estimate(3, 101), 101);
        assert_eq!(sources.check(3, 101), Ok(()));
        sources.accept(3, 101);
        assert_eq!(sources.check(3, 100), Err(SrtpError::Replayed));
        assert_eq!(sources.check(3, 102), Ok(()));
    }

    #[test]
    fn retired_sources_are_bounded() {
        let mut sources = Sources::default();
        for ssrc in 0..5000 {
            sources.accept(ssrc, 7);
        }
        assert_eq!((sources.ssrcs.len(), sources.retired.len()), (MAX_SOURCES, MAX_RETIRED));
    }

    #[test]
    fn the_first_index_can_be_zero_and_is_seen_once() {
        let mut sources = Sources::default();
        assert_eq!(sources.check(1, 0), Ok(()));
        sources.accept(1, 0);
        assert_eq!(sources.check(1, 0), Err(SrtpError::Replayed));
    }

    proptest! {
        /// Against the plain definition: a set of what was seen.
        #[test]
        fn the_window_knows_exactly_what_was_seen(steps in proptest::collection::vec(-1100i64..1100, 1..400)) {
            let mut sources = Sources::default();
            let mut seen = std::collections::BTreeSet::new();
            let mut highest = 5000u64;
            for step in steps {
                let index = highest.saturating_add_signed(step);
                let expected = match seen.last() {
                    Some(&last) if index <= last && last - index >= WINDOW => Err(SrtpError::TooOld),
                    _ if seen.contains(&index) => Err(SrtpError::Replayed),
                    _ => Ok(()),
                };
                prop_assert_eq!(sources.check(1, index), expected);
                if expected.is_ok() {
                    sources.accept(1, index);
                    seen.insert(index);
                    highest = *seen.last().unwrap();
                }
            }
        }
    }
}
