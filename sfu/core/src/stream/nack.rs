//! Which packets of a stream are missing, and when to ask for them (RFC 4585 6.2.1).

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::api::MediaKind;

/// How long a packet may be overtaken before it counts as missing.
const REORDER: Duration = Duration::from_millis(10);
/// Requests for one packet before it is given up.
const MAX_TRIES: u8 = 10;
/// A packet this late is of no use to anybody: video may hold a picture that long, sound goes on.
const MAX_AGE_VIDEO: Duration = Duration::from_millis(1500);
const MAX_AGE_AUDIO: Duration = Duration::from_millis(300);
/// Missing packets remembered. More than this in a second is not repaired by asking.
const MAX_MISSING: usize = 512;
/// Gaps longer than this are a new start rather than a loss.
const MAX_GAP: u64 = 400;
/// Before it is known. Guessing high costs time once, guessing low asks twice.
const FIRST_RTT: Duration = Duration::from_millis(100);
const MIN_SPACING: Duration = Duration::from_millis(20);
const MAX_SPACING: Duration = Duration::from_millis(500);

#[derive(Clone, Copy, Debug)]
struct Missing {
    sequence: u64,
    noticed: Instant,
    /// When to ask, or ask again.
    due: Instant,
    asked: Option<Instant>,
    tries: u8,
}

/// Tracks the gaps of one stream. Bounded; the memory is kept between gaps.
#[derive(Debug)]
pub struct NackGenerator {
    /// By sequence number, ascending.
    missing: VecDeque<Missing>,
    max_age: Duration,
    next: Option<u64>,
    rtt: Option<Duration>,
    given_up: bool,
    abandoned: u64,
    requested: u64,
}

impl NackGenerator {
    pub fn new(kind: MediaKind) -> Self {
        NackGenerator {
            missing: VecDeque::new(),
            max_age: match kind {
                MediaKind::Audio => MAX_AGE_AUDIO,
                MediaKind::Video => MAX_AGE_VIDEO,
            },
            next: None,
            rtt: None,
            given_up: false,
            abandoned: 0,
            requested: 0,
        }
    }

    /// A packet that was not seen before came in, by itself or as a retransmission. True when it had been asked for.
    pub fn on_packet(&mut self, now: Instant, sequence: u64) -> bool {
        let Some(next) = self.next else {
            self.next = Some(sequence + 1);
            return false;
        };
        if sequence < next {
            return self.on_late(now, sequence);
        }
        let gap = sequence - next;
        self.next = Some(sequence + 1);
        if gap > MAX_GAP {
            self.give_up_all();
            self.abandon(gap);
            return false;
        }
        for lost in next..sequence {
            if self.missing.len() >= MAX_MISSING {
                self.missing.pop_front();
                self.abandon(1);
            }
            let entry = Missing { sequence: lost, noticed: now, due: now + REORDER, asked: None, tries: 0 };
            self.missing.push_back(entry);
        }
        false
    }

    fn on_late(&mut self, now: Instant, sequence: u64) -> bool {
        let Ok(index) = self.missing.binary_search_by_key(&sequence, |entry| entry.sequence) else {
            return false;
        };
        let Some(found) = self.missing.remove(index) else { return false };
        if found.tries == 1
            && let Some(asked) = found.asked
        {
            // Asked once, so this is the answer to that (or the packet was very late, which is rare enough).
            self.learn_rtt(now.saturating_duration_since(asked));
        }
        found.tries > 0
    }

    fn learn_rtt(&mut self, sample: Duration) {
        let sample = sample.min(MAX_SPACING);
        self.rtt = Some(self.rtt.map_or(sample, |rtt| (rtt * 7 + sample) / 8));
    }

    /// A round trip measured elsewhere.
    pub fn set_rtt(&mut self, rtt: Duration) {
        self.rtt = Some(rtt.min(MAX_SPACING));
    }

    /// The round trip as the answers to requests show it.
    pub fn rtt(&self) -> Option<Duration> {
        self.rtt
    }

    /// A key frame begins here: what was lost before it is not needed any more.
    pub fn on_key_frame(&mut self, sequence: u64) {
        while self.missing.front().is_some_and(|entry| entry.sequence < sequence) {
            self.missing.pop_front();
        }
        self.given_up = false;
    }

    /// Appends the numbers to ask for now, ascending, and notes that they are asked for.
    pub fn due(&mut self, now: Instant, out: &mut Vec<u16>) {
        let spacing = (self.rtt.unwrap_or(FIRST_RTT) * 5 / 4).clamp(MIN_SPACING, MAX_SPACING);
        let (mut lost, mut asked) = (0, 0);
        self.missing.retain_mut(|entry| {
            if entry.due > now {
                return true;
            }
            if entry.tries >= MAX_TRIES || now.saturating_duration_since(entry.noticed) > self.max_age {
                lost += 1;
                return false;
            }
            entry.tries += 1;
            entry.asked = Some(now);
            entry.due = now + spacing;
            asked += 1;
            out.push(entry.sequence as u16);
            true
        });
        self.requested += asked;
        if lost > 0 {
            self.abandon(lost);
        }
    }

    /// When `due` has something to do.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.missing.iter().map(|entry| entry.due).min()
    }

    /// Something was lost for good since the last key frame.
    pub fn has_given_up(&self) -> bool {
        self.given_up
    }

    pub fn clear_given_up(&mut self) {
        self.given_up = false;
    }

    /// The stream starts anew at an unknown number.
    pub fn restart(&mut self) {
        self.give_up_all();
        self.next = None;
    }

    /// Packets still asked for.
    pub fn outstanding(&self) -> usize {
        self.missing.len()
    }

    /// Packets given up since the start.
    pub fn abandoned(&self) -> u64 {
        self.abandoned
    }

    /// Requests made since the start, repeats included.
    pub fn requested(&self) -> u64 {
        self.requested
    }

    fn give_up_all(&mut self) {
        let count = self.missing.len() as u64;
        self.missing.clear();
        if count > 0 {
            self.abandon(count);
        }
    }

    fn abandon(&mut self, count: u64) {
        self.abandoned += count;
        self.given_up = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn due(nack: &mut NackGenerator, now: Instant) -> Vec<u16> {
        let mut out = Vec::new();
        nack.due(now, &mut out);
        out
    }

    #[test]
    fn a_gap_is_asked_for_after_the_reorder_delay_and_again_after_a_round_trip() {
        let start = Instant::now();
        let mut nack = NackGenerator::new(MediaKind::Video);
        nack.set_rtt(ms(40));
        nack.on_packet(start, 65_534);
        nack.on_packet(start, 65_537);
        assert!(due(&mut nack, start + ms(9)).is_empty());
        assert_eq!(nack.next_deadline(), Some(start + ms(10)));
        assert_eq!(due(&mut nack, start + ms(10)), [65_535, 0]);
        assert!(due(&mut nack, start + ms(59)).is_empty());
        assert!(nack.on_packet(start + ms(59), 65_536));
        assert_eq!(due(&mut nack, start + ms(60)), [65_535]);
    }

    #[test]
    fn overtaken_packets_are_not_asked_for() {
        let start = Instant::now();
        let mut nack = NackGenerator::new(MediaKind::Video);
        nack.on_packet(start, 1);
        nack.on_packet(start, 3);
        assert!(!nack.on_packet(start + ms(5), 2));
        assert!(due(&mut nack, start + ms(500)).is_empty());
        assert_eq!(nack.next_deadline(), None);
    }

    #[test]
    fn what_never_comes_is_given_up_after_ten_tries_and_calls_for_a_key_frame() {
        let start = Instant::now();
        let mut nack = NackGenerator::new(MediaKind::Video);
        nack.set_rtt(ms(20));
        nack.on_packet(start, 1);
        nack.on_packet(start, 3);
        let asked: usize = (0..300).map(|step| due(&mut nack, start + ms(step * 10)).len()).sum();
        assert_eq!(asked, 10);
        assert!(nack.has_given_up());
        assert_eq!((nack.outstanding(), nack.abandoned()), (0, 1));
        nack.on_key_frame(4);
        assert!(!nack.has_given_up());
    }

    #[test]
    fn sound_is_given_up_sooner() {
        let start = Instant::now();
        let mut nack = NackGenerator::new(MediaKind::Audio);
        nack.on_packet(start, 1);
        nack.on_packet(start, 3);
        let asked: usize = (0..300).map(|step| due(&mut nack, start + ms(step * 10)).len()).sum();
        assert_eq!((asked, nack.outstanding()), (3, 0));
    }

    #[test]
    fn a_key_frame_ends_the_search_for_what_came_before_it() {
        let start = Instant::now();
        let mut nack = NackGenerator::new(MediaKind::Video);
        for sequence in [1, 3, 6, 8] {
            nack.on_packet(start, sequence);
        }
        nack.on_key_frame(6);
        assert_eq!(due(&mut nack, start + ms(20)), [7]);
    }

    #[test]
    fn a_huge_gap_is_not_asked_for() {
        let start = Instant::now();
        let mut nack = NackGenerator::new(MediaKind::Video);
        nack.on_packet(start, 1);
        nack.on_packet(start, 40_000);
        assert!(due(&mut nack, start + ms(20)).is_empty());
        assert!(nack.has_given_up());
    }

    #[test]
    fn the_answers_teach_the_round_trip() {
        let start = Instant::now();
        let mut nack = NackGenerator::new(MediaKind::Video);
        nack.on_packet(start, 1);
        nack.on_packet(start, 3);
        due(&mut nack, start + ms(10));
        nack.on_packet(start + ms(70), 2);
        assert_eq!(nack.rtt(), Some(ms(60)));
    }

    #[test]
    fn the_memory_of_losses_is_bounded() {
        let start = Instant::now();
        let mut nack = NackGenerator::new(MediaKind::Video);
        for n in 0..5000 {
            nack.on_packet(start, n * 3);
            assert!(nack.outstanding() <= MAX_MISSING);
        }
        assert!(nack.has_given_up());
    }
}
