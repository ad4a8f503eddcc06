//! Losses by probe: the sender's own numbers, whatever the server made of the sequence numbers.
//!
//! A subscriber of simulcast receives one encoding at a time, and of that perhaps not all temporal layers: what a server
//! leaves out on purpose is not lost. So packets are counted within a run of one encoding, by temporal layer.

use std::collections::VecDeque;
use std::time::Instant;

use super::{GIVE_UP, Probe};

const MAX_HOLES: usize = 1024;
/// A stream that begins again after this long, ns, and without a gap in its sequence numbers, was paused by the server. DTX
/// leaves 400 ms.
const PAUSE_NS: u64 = 1_000_000_000;
/// An upper layer that is silent for this long while the base layer is not, ns, was left out. Several frames of it.
const LEFT_OUT_NS: u64 = 500_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Id {
    source: u32,
    encoding: u8,
    layer: u8,
    number: u64,
}

#[derive(Clone, Copy, Debug)]
struct Hole {
    id: Id,
    noticed: Instant,
}

/// One temporal layer of a run.
#[derive(Clone, Copy, Debug, Default)]
struct Line {
    next: Option<u64>,
    /// Of its last packet.
    due: u64,
}

#[derive(Clone, Copy, Debug)]
struct Run {
    source: u32,
    encoding: u8,
    /// It began with the first packet of a key frame, or with a later packet of a frame that we miss the rest of.
    from_key: bool,
}

/// What else is known of a packet.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances {
    /// Its sequence number is the highest so far.
    pub newest: bool,
    /// It follows the highest one before without a gap.
    pub continuous: bool,
    /// Its sequence numbers began anew, or for the first time.
    pub restart: bool,
    /// A decoder can begin here; always true for sound.
    pub key_frame: bool,
}

/// Bounded; memory grows with the first holes and is kept.
#[derive(Debug, Default)]
pub struct Lines {
    run: Option<Run>,
    lines: [Line; 4],
    holes: VecDeque<Hole>,
}

impl Lines {
    /// Notes a packet, and returns how many are lost at once because there are too many holes to remember.
    pub fn on_packet(&mut self, now: Instant, probe: &Probe, circumstances: Circumstances) -> u64 {
        let same_run =
            self.run.is_some_and(|run| run.source == probe.source && run.encoding == probe.encoding);
        if !circumstances.newest && !circumstances.restart {
            self.fill(probe);
            return 0;
        }
        let base = self.lines[0];
        let paused = circumstances.continuous
            && circumstances.key_frame
            && probe.due.saturating_sub(base.due) > PAUSE_NS;
        if !same_run || circumstances.restart || paused {
            // A switch begins with a key frame; a stream that we come to may begin anywhere.
            let from_key = !circumstances.restart || probe.since_key == 0;
            self.run = Some(Run { source: probe.source, encoding: probe.encoding, from_key });
            self.lines = [Line::default(); 4];
            self.lines[usize::from(probe.layer)].next =
                Some(if circumstances.restart { probe.number } else { since_key(probe) });
        }
        let from_key = self.run.is_some_and(|run| run.from_key);
        let base = self.lines[0];
        let line = &mut self.lines[usize::from(probe.layer)];
        let left_out = probe.layer > 0 && base.due.saturating_sub(line.due) > LEFT_OUT_NS;
        let next = match line.next {
            Some(next) if !left_out => next,
            None if from_key => since_key(probe),
            _ => probe.number.saturating_sub(u64::from(probe.index)),
        };
        if probe.number < next {
            // Numbered by the server in another order than sent.
            self.fill(probe);
            return 0;
        }
        *line = Line { next: Some(probe.number + 1), due: probe.due };
        self.miss(now, probe, next)
    }

    fn miss(&mut self, now: Instant, probe: &Probe, next: u64) -> u64 {
        // More than can be remembered is not remembered first.
        let first = next.max(probe.number.saturating_sub(MAX_HOLES as u64));
        let mut lost = first - next;
        for number in first..probe.number {
            if self.holes.len() >= MAX_HOLES {
                self.holes.pop_front();
                lost += 1;
            }
            let id = Id { number, ..Id::of(probe) };
            self.holes.push_back(Hole { id, noticed: now });
        }
        lost
    }

    fn fill(&mut self, probe: &Probe) {
        let id = Id::of(probe);
        if let Some(index) = self.holes.iter().position(|hole| hole.id == id) {
            self.holes.remove(index);
        }
    }

    /// How many are lost for good now.
    pub fn expire(&mut self, now: Instant) -> u64 {
        let mut lost = 0;
        while self.holes.front().is_some_and(|hole| now >= hole.noticed + GIVE_UP) {
            self.holes.pop_front();
            lost += 1;
        }
        lost
    }

    pub fn deadline(&self) -> Option<Instant> {
        Some(self.holes.front()?.noticed + GIVE_UP)
    }

    #[cfg(test)]
    pub fn pending(&self) -> u64 {
        self.holes.len() as u64
    }
}

impl Id {
    fn of(probe: &Probe) -> Id {
        Id { source: probe.source, encoding: probe.encoding, layer: probe.layer, number: probe.number }
    }
}

/// Number of the layer's first packet since the last key frame, or of this one when that is too long ago to be told.
fn since_key(probe: &Probe) -> u64 {
    if probe.since_key == u16::MAX {
        return probe.number;
    }
    probe.number.saturating_sub(u64::from(probe.since_key))
}
