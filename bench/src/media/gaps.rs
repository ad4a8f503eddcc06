//! Which sequence numbers of one stream are missing, when to ask for them, and when they are lost.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use chevet_sfu_core::wire::sequence::SequenceExtender;

use super::GIVE_UP;

/// How long a packet may be overtaken before it is asked for.
const REORDER: Duration = Duration::from_millis(15);
/// Between two requests for the same packet, unless the round trip is longer.
const SPACING: Duration = Duration::from_millis(45);
const MAX_TRIES: u8 = 8;
/// Missing packets that are waited for. Beyond that the oldest are lost at once.
const MAX_MISSING: usize = 1024;
/// A step further than this, in either direction, is a stream that began anew.
const MAX_STEP: u64 = 10_000;
/// So far before the first packet one may still be that was overtaken by it.
const BEFORE_FIRST: u64 = 32;

#[derive(Clone, Copy, Debug)]
struct Missing {
    sequence: u64,
    noticed: Instant,
    /// When to ask, or ask again.
    due: Instant,
    asked: Option<Instant>,
    tries: u8,
}

/// Where a packet belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// After all the others.
    Newest {
        sequence: u64,
        /// It follows the one before without a gap.
        continuous: bool,
    },
    /// The numbers began anew with it; what was missing is lost.
    Restart { sequence: u64 },
    /// It was missing.
    Filled { sequence: u64, asked: bool },
    /// It was there, or was given up.
    Known,
}

/// Bounded; memory grows with the first gaps and is kept.
#[derive(Debug, Default)]
pub struct Gaps {
    extender: SequenceExtender,
    lowest: u64,
    missing: VecDeque<Missing>,
    rtt: Option<Duration>,
    /// No number is to be asked for before.
    next_ask: Option<Instant>,
    /// Lost, but not fetched by `expire` yet.
    overflow: VecDeque<u64>,
}

impl Gaps {
    /// `repeat`: it came as RTX, which never is news to a stream.
    pub fn on_packet(&mut self, now: Instant, number: u16, repeat: bool) -> Place {
        let sequence = self.extender.peek(number);
        let Some(highest) = self.extender.highest() else {
            if repeat {
                return Place::Known;
            }
            self.extender.extend(number);
            self.lowest = sequence;
            return Place::Restart { sequence };
        };
        if sequence.abs_diff(highest) > MAX_STEP {
            if repeat {
                return Place::Known;
            }
            self.overflow.extend(self.missing.drain(..).map(|missing| missing.sequence));
            self.extender = SequenceExtender::new();
            let sequence = self.extender.extend(number);
            self.lowest = sequence;
            return Place::Restart { sequence };
        }
        if sequence > highest {
            self.extender.extend(number);
            self.miss(now, highest + 1..sequence);
            return Place::Newest { sequence, continuous: sequence == highest + 1 };
        }
        if sequence < self.lowest {
            if repeat || self.lowest - sequence > BEFORE_FIRST {
                return Place::Known;
            }
            for between in (sequence + 1..self.lowest).rev() {
                self.missing.push_front(Missing::new(now, between));
            }
            self.ask_at(now + REORDER);
            self.lowest = sequence;
            return Place::Filled { sequence, asked: false };
        }
        let Ok(index) = self.missing.binary_search_by_key(&sequence, |missing| missing.sequence) else {
            return Place::Known;
        };
        let found = self.missing.remove(index);
        if let Some(Missing { asked: Some(asked), tries: 1, .. }) = found {
            // Asked once, so this is the answer to that.
            let sample = now.saturating_duration_since(asked);
            self.rtt = Some(self.rtt.map_or(sample, |rtt| (rtt * 7 + sample) / 8));
        }
        Place::Filled { sequence, asked: found.is_some_and(|found| found.tries > 0) }
    }

    fn miss(&mut self, now: Instant, sequences: std::ops::Range<u64>) {
        for sequence in sequences {
            if self.missing.len() >= MAX_MISSING
                && let Some(oldest) = self.missing.pop_front()
            {
                self.overflow.push_back(oldest.sequence);
            }
            self.missing.push_back(Missing::new(now, sequence));
            self.ask_at(now + REORDER);
        }
    }

    fn ask_at(&mut self, due: Instant) {
        self.next_ask = Some(self.next_ask.map_or(due, |other| other.min(due)));
    }

    /// A number that is lost for good, until there are no more.
    pub fn expire(&mut self, now: Instant) -> Option<u64> {
        if let Some(sequence) = self.overflow.pop_front() {
            return Some(sequence);
        }
        let oldest = self.missing.front()?;
        if now < oldest.noticed + GIVE_UP {
            return None;
        }
        self.missing.pop_front().map(|missing| missing.sequence)
    }

    /// Appends numbers to ask for now, ascending, as many as `out` has room for.
    pub fn ask(&mut self, now: Instant, out: &mut Vec<u16>) {
        if self.next_ask.is_none_or(|due| due > now) {
            return;
        }
        let spacing = self.spacing();
        let mut next_ask = None::<Instant>;
        for missing in self.missing.iter_mut().filter(|missing| missing.tries < MAX_TRIES) {
            if missing.due <= now {
                if out.len() == out.capacity() {
                    // The rest at the next call.
                    return;
                }
                missing.tries += 1;
                missing.asked = Some(now);
                missing.due = now + spacing;
                out.push(missing.sequence as u16);
            }
            if missing.tries < MAX_TRIES {
                next_ask = Some(next_ask.map_or(missing.due, |other| other.min(missing.due)));
            }
        }
        self.next_ask = next_ask;
    }

    fn spacing(&self) -> Duration {
        self.rtt.map_or(SPACING, |rtt| (rtt * 5 / 4).clamp(SPACING, GIVE_UP))
    }

    /// When `expire`, or `ask` if `asks`, may have something to do.
    pub fn deadline(&self, asks: bool) -> Option<Instant> {
        let oldest = self.missing.front()?.noticed + GIVE_UP;
        Some(self.next_ask.filter(|_| asks).map_or(oldest, |due| due.min(oldest)))
    }

    #[cfg(test)]
    pub fn pending(&self) -> u64 {
        (self.missing.len() + self.overflow.len()) as u64
    }

    /// Something waits for `expire` whatever the time.
    pub fn overflows(&self) -> bool {
        !self.overflow.is_empty()
    }
}

impl Missing {
    fn new(now: Instant, sequence: u64) -> Missing {
        Missing { sequence, noticed: now, due: now + REORDER, asked: None, tries: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn asked(gaps: &mut Gaps, now: Instant) -> Vec<u16> {
        let mut out = Vec::with_capacity(100);
        gaps.ask(now, &mut out);
        out
    }

    #[test]
    fn a_gap_is_asked_for_after_the_reorder_time_and_again_and_lost_after_a_second() {
        let start = Instant::now();
        let mut gaps = Gaps::default();
        gaps.on_packet(start, 65_534, false);
        assert_eq!(gaps.on_packet(start, 1, false), Place::Newest { sequence: 0x2_0001, continuous: false });
        assert!(asked(&mut gaps, start + ms(14)).is_empty());
        assert_eq!(gaps.deadline(true), Some(start + ms(15)));
        assert_eq!(asked(&mut gaps, start + ms(15)), [65_535, 0]);
        assert!(asked(&mut gaps, start + ms(59)).is_empty());
        let filled = gaps.on_packet(start + ms(40), 65_535, true);
        assert_eq!(filled, Place::Filled { sequence: 0x1_ffff, asked: true });
        assert_eq!(gaps.on_packet(start + ms(41), 65_535, true), Place::Known);
        let requests: usize = (42..1000).map(|at| asked(&mut gaps, start + ms(at)).len()).sum();
        assert_eq!(requests, 7, "eight with the first");
        assert_eq!((gaps.expire(start + ms(999)), gaps.pending()), (None, 1));
        assert_eq!(gaps.expire(start + ms(1000)), Some(0x2_0000));
        assert_eq!((gaps.expire(start + ms(2000)), gaps.deadline(true)), (None, None));
        assert_eq!(gaps.on_packet(start + ms(1001), 0, false), Place::Known, "too late");
    }

    #[test]
    fn a_long_round_trip_spaces_the_requests() {
        let start = Instant::now();
        let mut gaps = Gaps::default();
        gaps.on_packet(start, 1, false);
        gaps.on_packet(start, 4, false);
        assert_eq!(asked(&mut gaps, start + ms(15)), [2, 3]);
        gaps.on_packet(start + ms(215), 2, true);
        assert_eq!(asked(&mut gaps, start + ms(215)), [3]);
        assert!(asked(&mut gaps, start + ms(464)).is_empty());
        assert_eq!(asked(&mut gaps, start + ms(465)), [3]);
    }

    #[test]
    fn a_packet_that_the_first_one_overtook_is_taken() {
        let start = Instant::now();
        let mut gaps = Gaps::default();
        gaps.on_packet(start, 10, false);
        assert!(matches!(gaps.on_packet(start, 8, false), Place::Filled { asked: false, .. }));
        assert_eq!(gaps.pending(), 1);
        assert!(matches!(gaps.on_packet(start, 9, false), Place::Filled { .. }));
        assert_eq!(gaps.on_packet(start, 8, false), Place::Known);
    }

    #[test]
    fn a_jump_is_a_new_start_and_what_was_missing_is_lost() {
        let start = Instant::now();
        let mut gaps = Gaps::default();
        gaps.on_packet(start, 40_000, false);
        gaps.on_packet(start, 40_002, false);
        assert_eq!(gaps.on_packet(start, 5, true), Place::Known, "a repeat starts nothing");
        assert!(matches!(gaps.on_packet(start, 5, false), Place::Restart { .. }));
        assert!(gaps.expire(start).is_some() && gaps.expire(start).is_none());
        assert!(matches!(gaps.on_packet(start, 6, false), Place::Newest { continuous: true, .. }));
    }

    #[test]
    fn what_is_waited_for_is_bounded_and_none_of_it_forgotten() {
        let start = Instant::now();
        let mut gaps = Gaps::default();
        gaps.on_packet(start, 0, false);
        gaps.on_packet(start, 5001, false);
        let mut lost = 0;
        while gaps.expire(start).is_some() {
            lost += 1;
        }
        assert_eq!((lost, gaps.pending()), (5000 - 1024, 1024));
    }
}
