//! Who speaks, from the audio levels that clients write into their packets (RFC 6464). Nothing is decoded.

use crate::api::{MemberId, Speaker};

/// Louder than this is speech, in -dBov.
const ACTIVE_LEVEL: u8 = 35;
/// Share of an interval that must be louder than that.
const ACTIVE_PERCENT: u32 = 40;
/// Length of an interval, in ms; the caller ticks at this rate.
pub const INTERVAL_MS: u64 = 400;
/// Levels are told in steps, so that a steady voice is not an event every interval.
const STEPS: f32 = 8.0;
/// Weight of the newest interval (two intervals of exponential smoothing).
const SMOOTHING: f32 = 2.0 / 3.0;

/// What one audio track was heard to do in the present interval. Fed on the hot path: counts only.
#[derive(Clone, Copy, Debug)]
pub struct Loudness {
    loud: u32,
    loudest: u8,
    smoothed: f32,
    told: f32,
}

impl Default for Loudness {
    fn default() -> Self {
        Loudness { loud: 0, loudest: 127, smoothed: 0.0, told: 0.0 }
    }
}

impl Loudness {
    /// One packet, of `milliseconds` of sound at `level` -dBov.
    pub fn hear(&mut self, level: u8, milliseconds: u32) {
        if level <= ACTIVE_LEVEL {
            self.loud = self.loud.saturating_add(milliseconds);
            self.loudest = self.loudest.min(level);
        }
    }

    /// Ends the interval. Returns what is to be told of this speaker, if that changed.
    pub fn tick(&mut self, member: MemberId) -> Option<Speaker> {
        let active = u64::from(self.loud) * 100 >= INTERVAL_MS * u64::from(ACTIVE_PERCENT);
        let level = if active { 10f32.powf(-f32::from(self.loudest) / 20.0) } else { 0.0 };
        self.loud = 0;
        self.loudest = 127;
        self.smoothed += (level - self.smoothed) * SMOOTHING;
        // Rounded up, so that a faint voice is still above zero while it is active.
        let step = if self.smoothed < 0.01 { 0.0 } else { (self.smoothed * STEPS).ceil().min(STEPS) / STEPS };
        if step == self.told {
            return None;
        }
        self.told = step;
        Some(Speaker { member, level: step, active: step > 0.0 })
    }

    /// The track ended or was muted: what is to be told of it, if it was speaking.
    pub fn silence(&mut self, member: MemberId) -> Option<Speaker> {
        let spoke = self.told > 0.0;
        *self = Loudness::default();
        spoke.then_some(Speaker { member, level: 0.0, active: false })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ME: MemberId = MemberId(1);

    fn interval(loudness: &mut Loudness, levels: &[u8]) -> Option<Speaker> {
        for level in levels {
            loudness.hear(*level, 20);
        }
        loudness.tick(ME)
    }

    #[test]
    fn a_voice_is_told_once_and_its_end_once() {
        let mut loudness = Loudness::default();
        let begun = interval(&mut loudness, &[10; 20]).expect("told");
        assert!(begun.active && begun.level > 0.0);
        let mut told = 0;
        for _ in 0..10 {
            told += usize::from(interval(&mut loudness, &[10; 20]).is_some());
        }
        assert!(told <= 1, "a steady voice settles");
        let ends: Vec<_> = (0..10).filter_map(|_| interval(&mut loudness, &[127; 20])).collect();
        assert!(!ends.last().expect("told").active);
        assert_eq!(ends.iter().filter(|speaker| !speaker.active).count(), 1);
    }

    #[test]
    fn a_cough_is_not_speech() {
        let mut loudness = Loudness::default();
        let mut levels = [127; 20];
        levels[..7].fill(5);
        assert_eq!(interval(&mut loudness, &levels), None);
    }
}
