//! Which outgoing numbers stand for which packets of the source.

use crate::stream::ring::StoredPacket;

use super::Forward;

pub(super) const NO_LAYER: u8 = 0xff;

/// Consecutive outgoing numbers that stand for consecutive packets of one encoding, rewritten by the same constants.
/// It ends where the next one begins.
#[derive(Clone, Copy, Debug)]
pub(super) struct Interval {
    pub source_start: u64,
    pub out_start: u64,
    /// To be added to the source's values, on their circles.
    pub timestamp_delta: u32,
    pub picture_id_delta: u16,
    pub frame_number_delta: u16,
    pub tl0_delta: u8,
    pub layer: u8,
    /// Source timestamps of the first and the last frame that were left out just before this interval. Their late packets
    /// have no place.
    pub skipped: Option<(u32, u32)>,
}

impl Default for Interval {
    fn default() -> Self {
        Interval {
            source_start: 0,
            out_start: 0,
            timestamp_delta: 0,
            picture_id_delta: 0,
            frame_number_delta: 0,
            tl0_delta: 0,
            layer: NO_LAYER,
            skipped: None,
        }
    }
}

impl Interval {
    pub fn forward(&self, sequence: u64, filler: bool) -> Forward {
        Forward {
            sequence,
            timestamp_delta: self.timestamp_delta,
            picture_id_delta: self.picture_id_delta,
            frame_number_delta: self.frame_number_delta,
            tl0_delta: self.tl0_delta,
            filler,
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    pub interval: Interval,
    /// The other half of the question: source number when asked by the outgoing one, and the other way round.
    pub source: u64,
    pub sequence: u64,
    /// Source timestamp of the first frame that was left out just behind the interval.
    skipped_behind: Option<u32>,
}

impl Found {
    /// Whether a packet that came late belongs to what was left out.
    pub fn is_filler(&self, packet: &StoredPacket<'_>) -> bool {
        packet.padding_only
            || self.interval.skipped.is_some_and(|(_, last)| last == packet.timestamp)
            || self.skipped_behind == Some(packet.timestamp)
    }
}

/// The interval being filled, and the last ones before it.
#[derive(Debug)]
pub(super) struct IntervalLog {
    pub open: Interval,
    closed: Box<[Interval]>,
    /// Closed since the start.
    count: usize,
}

impl IntervalLog {
    pub fn new(first: u64, capacity: usize) -> Self {
        let open = Interval { out_start: first, ..Interval::default() };
        IntervalLog { open, closed: vec![Interval::default(); capacity].into_boxed_slice(), count: 0 }
    }

    /// The open interval ends where `next` begins; the oldest one is forgotten.
    pub fn close(&mut self, next: Interval) {
        let place = self.count % self.closed.len().max(1);
        if let Some(slot) = self.closed.get_mut(place) {
            *slot = self.open;
        }
        self.count = self.count.wrapping_add(1);
        self.open = next;
    }

    /// Newest first.
    fn intervals(&self) -> impl Iterator<Item = &Interval> {
        let capacity = self.closed.len();
        let closed = (1..=capacity.min(self.count))
            .filter_map(move |back| self.closed.get((self.count - back) % capacity.max(1)));
        std::iter::once(&self.open).chain(closed)
    }

    fn search(&self, next_source: u64, mut hit: impl FnMut(&Interval, u64) -> Option<u64>) -> Option<Found> {
        let mut end = self.open.out_start + next_source.saturating_sub(self.open.source_start);
        let mut skipped_behind = None;
        for interval in self.intervals() {
            let len = end.saturating_sub(interval.out_start);
            if let Some(at) = hit(interval, len).filter(|_| interval.layer != NO_LAYER) {
                return Some(Found {
                    interval: *interval,
                    source: interval.source_start + at,
                    sequence: interval.out_start + at,
                    skipped_behind,
                });
            }
            // Numbers that were kept free and then given up lie behind the next one's start.
            end = end.min(interval.out_start);
            skipped_behind = interval.skipped.map(|(first, _)| first);
        }
        None
    }

    /// `next_source`: where the open interval ends for now.
    pub fn by_source(&self, layer: u8, source: u64, next_source: u64) -> Option<Found> {
        self.search(next_source, |interval, len| {
            let at = source.checked_sub(interval.source_start)?;
            (interval.layer == layer && at < len).then_some(at)
        })
    }

    pub fn by_sequence(&self, sequence: u64, next_source: u64) -> Option<Found> {
        self.search(next_source, |interval, len| {
            sequence.checked_sub(interval.out_start).filter(|&at| at < len)
        })
    }

    /// Nothing of this encoding can be found any more.
    pub fn forget(&mut self, layer: u8) {
        for interval in self.closed.iter_mut().chain(std::iter::once(&mut self.open)) {
            if interval.layer == layer {
                interval.layer = NO_LAYER;
            }
        }
    }

    /// Memory held besides the struct itself, in bytes.
    pub fn memory(&self) -> usize {
        size_of_val(&*self.closed)
    }
}
