//! Which video frames are complete: by timestamp and marker, in the order of the sequence numbers.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Between two requests for a key frame.
const PLI_SPACING: Duration = Duration::from_millis(500);
/// Packets that wait for a missing one before them. A second of 40 Mbit/s.
const MAX_HELD: usize = 4096;

/// One sequence number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item {
    Missing,
    Lost,
    /// Padding, or what else is no media.
    Nothing,
    Packet(Part),
}

/// A packet of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    pub timestamp: u32,
    /// First of its frame.
    pub first: bool,
    /// Last of its frame.
    pub marker: bool,
    /// First of a key frame.
    pub key: bool,
    pub encoding: u8,
}

#[derive(Clone, Copy, Debug)]
struct Open {
    timestamp: u32,
    encoding: u8,
    key: bool,
    broken: bool,
    /// We came in the middle of it.
    partial: bool,
}

/// Frames since the last look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    pub complete: u64,
    pub broken: u64,
}

/// Bounded; memory grows with the first gaps and is kept.
#[derive(Debug, Default)]
pub struct Pictures {
    /// The sequence number that is looked at next.
    cursor: u64,
    /// From there on, what came after a packet that is missing.
    held: VecDeque<Item>,
    open: Option<Open>,
    began: bool,
    /// Lost between two frames.
    hole: bool,
    decodable: bool,
    asked: Option<Instant>,
    count: Count,
}

impl Pictures {
    /// The numbers begin anew at `sequence`.
    pub fn restart(&mut self, sequence: u64) {
        *self = Pictures {
            cursor: sequence,
            held: std::mem::take(&mut self.held),
            asked: self.asked,
            ..Pictures::default()
        };
        self.held.clear();
    }

    /// Each sequence number once, in any order, and again once it is lost.
    pub fn on_item(&mut self, sequence: u64, item: Item) {
        let Some(place) = sequence.checked_sub(self.cursor) else { return };
        if place == 0 && self.held.is_empty() {
            self.cursor += 1;
            self.look(item);
            return;
        }
        let place = place as usize;
        if place >= self.held.len() {
            self.held.resize(place + 1, Item::Missing);
        }
        self.held[place] = item;
        while let Some(&front) = self.held.front() {
            let front = match front {
                Item::Missing if self.held.len() > MAX_HELD => Item::Lost,
                Item::Missing => break,
                other => other,
            };
            self.held.pop_front();
            self.cursor += 1;
            self.look(front);
        }
    }

    fn look(&mut self, item: Item) {
        let part = match item {
            Item::Missing | Item::Nothing => return,
            Item::Lost => {
                match &mut self.open {
                    Some(open) => open.broken = true,
                    None => self.hole = self.began,
                }
                return;
            }
            Item::Packet(part) => part,
        };
        if let Some(open) = self.open.filter(|open| open.timestamp != part.timestamp) {
            // A switch may cut the old encoding's frame off.
            if open.broken || open.encoding == part.encoding {
                self.close(Open { broken: true, ..open });
            }
            self.open = None;
        }
        let open = self.open.get_or_insert(Open {
            timestamp: part.timestamp,
            encoding: part.encoding,
            key: part.key,
            broken: !part.first,
            partial: !part.first && !self.began,
        });
        if part.first && std::mem::take(&mut self.hole) {
            // A whole frame, at least one.
            self.count.broken += 1;
            self.decodable = false;
        }
        self.hole = false;
        self.began = true;
        if part.marker {
            let open = *open;
            self.open = None;
            self.close(open);
        }
    }

    fn close(&mut self, open: Open) {
        if open.partial {
            return;
        }
        if open.broken {
            self.count.broken += 1;
            self.decodable = false;
        } else {
            self.count.complete += 1;
            self.decodable |= open.key;
        }
    }

    pub fn take_count(&mut self) -> Count {
        std::mem::take(&mut self.count)
    }

    /// When to ask for a key frame; `None` while the stream can be decoded or a key frame is coming in.
    pub fn key_frame_due(&self, now: Instant) -> Option<Instant> {
        let coming = self.open.is_some_and(|open| open.key && !open.broken);
        if self.decodable || coming || (!self.began && self.held.is_empty()) {
            return None;
        }
        Some(self.asked.map_or(now, |asked| asked + PLI_SPACING))
    }

    pub fn key_frame_asked(&mut self, now: Instant) {
        self.asked = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(frame: u32, first: bool, marker: bool, key: bool) -> Item {
        Item::Packet(Part { timestamp: frame * 3000, first, marker, key, encoding: 0 })
    }

    fn run(items: &[(u64, Item)]) -> Pictures {
        let mut pictures = Pictures::default();
        pictures.restart(0);
        for &(sequence, item) in items {
            pictures.on_item(sequence, item);
        }
        pictures
    }

    #[test]
    fn a_frame_is_complete_with_all_its_packets_in_whatever_order() {
        let mut pictures = run(&[
            (0, part(0, true, false, true)),
            (3, part(1, true, true, false)),
            (1, part(0, false, false, false)),
            (2, part(0, false, true, false)),
        ]);
        assert_eq!(pictures.take_count(), Count { complete: 2, broken: 0 });
        assert_eq!(pictures.key_frame_due(Instant::now()), None);
    }

    #[test]
    fn a_lost_packet_breaks_its_frame_only_and_calls_for_a_key_frame_until_there_is_one() {
        let now = Instant::now();
        let mut pictures = run(&[
            (0, part(0, true, true, true)),
            (1, part(1, true, false, false)),
            (2, Item::Lost),
            (3, part(2, true, true, false)),
        ]);
        assert_eq!(pictures.take_count(), Count { complete: 2, broken: 1 });
        assert_eq!(pictures.key_frame_due(now), Some(now));
        pictures.key_frame_asked(now);
        assert_eq!(pictures.key_frame_due(now), Some(now + PLI_SPACING));
        pictures.on_item(4, part(3, true, false, true));
        assert_eq!(pictures.key_frame_due(now), None, "it is coming in");
        pictures.on_item(5, part(3, false, true, false));
        assert_eq!(pictures.key_frame_due(now), None);
    }

    #[test]
    fn a_frame_lost_whole_is_broken_and_one_that_lost_its_beginning_too() {
        let key = (0, part(0, true, true, true));
        assert_eq!(
            run(&[key, (1, Item::Lost), (2, part(2, true, true, false))]).take_count(),
            Count { complete: 2, broken: 1 }
        );
        assert_eq!(
            run(&[key, (1, Item::Lost), (2, part(1, false, true, false))]).take_count(),
            Count { complete: 1, broken: 1 }
        );
    }

    #[test]
    fn the_rest_of_a_frame_that_we_came_into_counts_neither_way() {
        let now = Instant::now();
        let mut pictures = run(&[(0, part(0, false, true, false)), (1, part(1, true, true, false))]);
        assert_eq!(pictures.take_count(), Count { complete: 1, broken: 0 });
        assert_eq!(pictures.key_frame_due(now), Some(now));
    }

    #[test]
    fn padding_belongs_to_no_frame_and_a_switch_may_cut_one_off() {
        let mut pictures = run(&[
            (0, part(0, true, true, true)),
            (1, Item::Nothing),
            (2, part(1, true, false, false)),
            (3, Item::Packet(Part { timestamp: 9, first: true, marker: true, key: true, encoding: 1 })),
        ]);
        assert_eq!(pictures.take_count(), Count { complete: 2, broken: 0 });
    }
}
