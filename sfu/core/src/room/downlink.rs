//! What is known of the line to one peer, and what is done about it.

use crate::policy::allotment;
use crate::policy::bandwidth::Estimator;
use crate::policy::probe::Prober;
use crate::stream::SentLog;

/// After the estimate was lowered, no picture becomes better for so long, in us.
const PAUSE_US: u64 = 2_000_000;
/// Twice as long each time that a better picture was too much, up to this.
const PAUSE_MAX_US: u64 = 32_000_000;
/// Congestion so soon after a better picture is of its making.
const TRIAL_US: u64 = 5_000_000;
/// Congestion is acted upon at once for so long after it was seen: the picture in force leaves without waiting for the
/// key frame of the smaller one.
const URGENT_US: u64 = 500_000;
/// From one better picture to the next: its bit rate shows first.
const STEP_US: u64 = 1_000_000;
/// What sound takes is forgotten by this share each 100 ms: voices come and go.
const SOUND_DECAY: u64 = 100;

/// The redundancy of sound is left out where sound takes more than this share of the line, and comes back where it takes
/// less than the other one. It helps against chance loss and doubles the sound: on a full line it is what fills it. The
/// second is less than half of the first, so that what comes back is not sent away at once.
const REDUNDANCY_SHARE: u64 = 4;
const REDUNDANCY_BACK: u64 = 10;

/// What a subscription may have of a picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ceiling {
    /// Whatever is asked for.
    #[default]
    Free,
    /// No encoding above this one.
    Encoding(usize),
    /// The line carries nothing of it.
    Nothing,
}

/// Of a peer that somebody receives by. Times are microseconds as the hand-overs count them.
#[derive(Debug)]
pub struct Downlink {
    pub sent: SentLog,
    pub estimator: Estimator,
    pub prober: Prober,
    /// Feedback has told of everything before this number.
    told_to: Option<u16>,
    /// Reference time of the last feedback, in 64 ms, unwrapped.
    reference: Option<i64>,
    path: Option<crate::api::Path>,
    /// Bits per second, the most of the last seconds.
    sound: u64,
    redundant: bool,
    /// Something that is asked for does not fit: the estimate with which its next step would.
    pub wanted: Option<u64>,
    better_from: u64,
    better_pause: u64,
    bettered_at: Option<u64>,
    lowered_at: Option<u64>,
}

impl Default for Downlink {
    fn default() -> Self {
        Downlink {
            sent: SentLog::default(),
            estimator: Estimator::default(),
            prober: Prober::default(),
            told_to: None,
            reference: None,
            path: None,
            sound: 0,
            redundant: true,
            wanted: None,
            better_from: 0,
            better_pause: PAUSE_US,
            bettered_at: None,
            lowered_at: None,
        }
    }
}

impl Downlink {
    /// The reference time of a feedback message in microseconds, from its 24 bits of 64 ms.
    pub fn reference_us(&mut self, reference: u32) -> i64 {
        const BITS: u32 = 24;
        let raw = i64::from(reference);
        let unwrapped = self.reference.map_or(raw, |last| {
            let step = (raw - last).rem_euclid(1 << BITS);
            last + if step >= 1 << (BITS - 1) { step - (1 << BITS) } else { step }
        });
        self.reference = Some(unwrapped);
        unwrapped * 64_000
    }

    /// Whether feedback tells of this number for the first time.
    pub fn is_first_word(&self, number: u16) -> bool {
        self.told_to.is_none_or(|told_to| (number.wrapping_sub(told_to) as i16) >= 0)
    }

    pub fn tells_of(&mut self, number: u16) {
        self.told_to = Some(number.wrapping_add(1));
    }

    /// Packets sent since the last one that feedback told of. `next`: the next number.
    pub fn unanswered(&self, next: u16) -> u32 {
        self.told_to.map_or(0, |told_to| u32::from(next.wrapping_sub(told_to)))
    }

    /// The peer is at another address: what was known of delays is not known any more.
    pub fn at_path(&mut self, path: Option<crate::api::Path>) {
        if self.path != path {
            self.path = path;
            self.estimator.forget_delays();
        }
    }

    /// What sound took in the last look, in bits per second.
    pub fn note_sound(&mut self, bits_per_second: u64) {
        self.sound = bits_per_second.max(self.sound - self.sound / SOUND_DECAY);
    }

    pub fn sound(&self) -> u64 {
        self.sound
    }

    /// Whether sound carries its earlier frames along (RFC 2198), decided every 100 ms.
    pub fn decide_redundancy(&mut self) -> bool {
        let before = self.redundant;
        self.redundant = match self.estimator.estimate() {
            None => true,
            Some(estimate) if before => self.sound.saturating_mul(REDUNDANCY_SHARE) <= estimate,
            // Also while everybody is silent a voice may come.
            Some(estimate) => self.sound.max(allotment::VOICE).saturating_mul(REDUNDANCY_BACK) <= estimate,
        };
        if before && !self.redundant {
            // Of what was measured, half was that.
            self.sound /= 2;
        }
        self.redundant
    }

    pub fn is_redundant(&self) -> bool {
        self.redundant
    }

    /// The estimate was lowered.
    pub fn on_congestion(&mut self, now: u64) {
        let trial = self.bettered_at.take().is_some_and(|at| now.saturating_sub(at) < TRIAL_US);
        let rested = self.lowered_at.is_none_or(|at| now.saturating_sub(at) > PAUSE_MAX_US);
        if trial {
            self.better_pause = (self.better_pause * 2).min(PAUSE_MAX_US);
        } else if rested {
            self.better_pause = PAUSE_US;
        }
        self.better_from = now + self.better_pause;
        self.lowered_at = Some(now);
        self.prober.on_congestion(now);
    }

    pub fn may_be_better(&self, now: u64) -> bool {
        now >= self.better_from
    }

    /// A picture became better.
    pub fn bettered(&mut self, now: u64) {
        self.bettered_at = Some(now);
        self.better_from = now + STEP_US;
    }

    pub fn is_urgent(&self, now: u64) -> bool {
        self.lowered_at.is_some_and(|at| now.saturating_sub(at) < URGENT_US)
    }

    /// Every 100 ms.
    pub fn look(&mut self, now: u64) {
        if self.bettered_at.is_some_and(|at| now.saturating_sub(at) >= TRIAL_US) {
            self.bettered_at = None;
            self.prober.on_success();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reference_times_go_on_where_their_24_bits_wrap() {
        let mut line = Downlink::default();
        assert_eq!(line.reference_us(0xff_fffe), 0xff_fffe * 64_000);
        assert_eq!(line.reference_us(1), 0x100_0001 * 64_000);
        // A late one.
        assert_eq!(line.reference_us(0xff_ffff), 0xff_ffff * 64_000);
    }

    #[test]
    fn a_picture_that_was_too_much_is_tried_again_later_each_time() {
        let mut line = Downlink::default();
        let second = 1_000_000;
        let mut now = 100 * second;
        let mut pauses = Vec::new();
        for _ in 0..6 {
            line.on_congestion(now);
            let from = (now..).step_by(second as usize).find(|at| line.may_be_better(*at)).unwrap();
            pauses.push((from - now) / second);
            line.bettered(from);
            now = from + second;
        }
        assert_eq!(pauses, [2, 4, 8, 16, 32, 32]);
        // After a long rest it is another line.
        line.on_congestion(now + 100 * second);
        assert!(line.may_be_better(now + 102 * second));
    }
}
