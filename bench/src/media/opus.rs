//! Sound as an Opus encoder with discontinuous transmission sends it: talk spurts with a packet per frame, and silences in
//! which one leaves now and then.

use chevet_sfu_core::wire::rtp::AudioLevel;

use super::frames::Sizes;
use super::probe;
use super::random::Random;

/// In silence one packet each 400 ms (libopus: 20 frames of 20 ms).
const SILENT_FRAMES_PER_PACKET: u32 = 20;
/// Spurts last this many frames: 0.5 to 2 s.
const SPURT: (u32, u32) = (25, 100);
/// Table of contents byte, code 0, and what libopus makes of silence.
const SILENCE_LEN: usize = 3 + probe::LEN;
const SMALLEST: usize = 1 + probe::LEN;
/// Hybrid, full band, 20 ms, mono, one frame (RFC 6716 3.1).
const TOC: u8 = 0x78;

/// One packet of sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sound {
    /// Frame's number from the start; it is sent at its end.
    pub frame: u64,
    /// Bytes.
    pub len: usize,
    /// Begins a spurt: carries the marker (RFC 3551 4.1).
    pub begins: bool,
    pub level: AudioLevel,
}

/// When somebody talks.
#[derive(Clone, Debug)]
pub struct Talk {
    speech: f64,
    sizes: Sizes,
    frame: u64,
    talking: u32,
    silent: u32,
    since_packet: u32,
    begins: bool,
    /// Silence owed to the share, in frames and parts of one.
    owed: f64,
}

impl Talk {
    /// `speech`: share of the time, 0 to 1. `bits_per_second` while talking.
    pub fn new(speech: f64, bits_per_second: u32, frames_per_second: f64, random: &mut Random) -> Talk {
        let mut talk = Talk {
            speech: speech.clamp(0.0, 1.0),
            sizes: Sizes::new(bits_per_second, frames_per_second),
            frame: 0,
            talking: 0,
            silent: 0,
            since_packet: SILENT_FRAMES_PER_PACKET,
            begins: true,
            owed: 0.0,
        };
        // Not everybody begins to talk at the same time.
        if talk.speech < 1.0 && random.unit() > talk.speech {
            talk.silent = random.between(1, SPURT.1);
            talk.owed = -f64::from(talk.silent);
        }
        talk
    }

    /// The packet that comes next.
    pub fn next(&mut self, random: &mut Random) -> Sound {
        loop {
            let frame = self.frame;
            if self.talking == 0 && self.silent == 0 {
                self.begin_spurt(random);
            }
            self.frame += 1;
            if self.talking > 0 {
                self.talking -= 1;
                self.since_packet = 0;
                let len = self.sizes.next(false, 1.0, random.unit(), SMALLEST);
                let level = AudioLevel { voice: true, level_dbov: 18 + (random.unit() * 20.0) as u8 };
                return Sound { frame, len, begins: std::mem::take(&mut self.begins), level };
            }
            self.silent -= 1;
            self.begins = true;
            self.since_packet += 1;
            if self.since_packet >= SILENT_FRAMES_PER_PACKET {
                self.since_packet = 0;
                let level = AudioLevel { voice: false, level_dbov: 80 };
                return Sound { frame, len: SILENCE_LEN, begins: false, level };
            }
        }
    }

    /// A spurt and the silence after it, of lengths that keep the share.
    fn begin_spurt(&mut self, random: &mut Random) {
        if self.speech <= 0.0 {
            self.silent = SPURT.1;
            return;
        }
        self.talking = random.between(SPURT.0, SPURT.1);
        self.owed += f64::from(self.talking) * (1.0 - self.speech) / self.speech;
        self.silent = self.owed.max(0.0).round() as u32;
        self.owed -= f64::from(self.silent);
    }
}

/// Fills `out` except for the probe.
pub fn write(out: &mut [u8]) {
    if let Some(first) = out.first_mut() {
        *first = TOC;
    }
    super::frames::fill(out, 1);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sounds(speech: f64, frames: u64) -> Vec<Sound> {
        let mut random = Random::new(11);
        let mut talk = Talk::new(speech, 32_000, 50.0, &mut random);
        std::iter::from_fn(|| Some(talk.next(&mut random))).take_while(|sound| sound.frame < frames).collect()
    }

    #[test]
    fn the_share_of_speech_is_kept() {
        for speech in [0.1, 0.35, 0.6, 0.95] {
            let talked = sounds(speech, 30_000).iter().filter(|sound| sound.level.voice).count() as f64;
            assert!((talked / 30_000.0 - speech).abs() < 0.02, "{speech}: {}", talked / 30_000.0);
        }
    }

    #[test]
    fn silence_sends_a_packet_each_400_ms_and_every_spurt_begins_with_a_marker() {
        let sounds = sounds(0.4, 30_000);
        let mut spurts = 0;
        for pair in sounds.windows(2) {
            let gap = pair[1].frame - pair[0].frame;
            assert!(gap <= 20, "{pair:?}");
            assert!(gap == 20 || pair[1].level.voice, "{pair:?}");
            assert_eq!(pair[1].begins, pair[1].level.voice && (gap > 1 || !pair[0].level.voice), "{pair:?}");
            spurts += u32::from(pair[1].begins);
        }
        assert!(spurts > 100, "{spurts}");
    }

    #[test]
    fn who_always_talks_sends_every_frame_and_who_never_does_two_and_a_half_a_second() {
        let always = sounds(1.0, 1000);
        assert_eq!(always.len(), 1000);
        assert_eq!(always.iter().filter(|sound| sound.begins).count(), 1);
        assert_eq!(sounds(0.0, 1000).len(), 50);
    }
}
