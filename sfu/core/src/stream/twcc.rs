//! Transport-wide congestion control, the receiver's side (draft-holmer-rmcat-transport-wide-cc-extensions-01): when each
//! numbered packet of a transport arrived, told to its sender about ten times a second.

use std::time::{Duration, Instant};

use crate::wire::sequence::SequenceExtender;

/// Between two reports. libwebrtc's own receivers take 50 to 250 ms, by bit rate.
pub const FEEDBACK_INTERVAL: Duration = Duration::from_millis(100);
/// A report is due earlier when so many packets came, to keep reports small.
const EARLY_AFTER: u32 = 200;
/// Numbers remembered, received or not. A power of two.
const WINDOW: u64 = 1024;
/// Statuses in one report; the deltas then fit a datagram of 1,200 bytes.
const MAX_STATUSES: u64 = 500;
/// Arrival times count ticks of 250 us.
const TICK_US: u64 = 250;
/// The reference time counts 64 ms in 24 bits: it wraps together with a 32-bit number of ticks.
const TICKS_PER_REFERENCE: u32 = 256;

const NOT_RECEIVED: u32 = 0;

/// Notes the arrivals on one transport. Takes memory with the first packet only.
#[derive(Debug)]
pub struct ArrivalRecorder {
    epoch: Instant,
    extender: SequenceExtender,
    /// Arrival in ticks since `epoch` plus one, on the circle, by number modulo `WINDOW`; 0 = not received.
    arrivals: Vec<u32>,
    /// The first number of the next report.
    next: u64,
    /// Arrivals not reported yet, about.
    fresh: u32,
    /// First arrival since the last report.
    fresh_since: Option<Instant>,
    count: u8,
}

impl ArrivalRecorder {
    pub fn new(epoch: Instant) -> Self {
        ArrivalRecorder {
            epoch,
            extender: SequenceExtender::new(),
            arrivals: Vec::new(),
            next: 0,
            fresh: 0,
            fresh_since: None,
            count: 0,
        }
    }

    pub fn on_packet(&mut self, now: Instant, sequence: u16) {
        let before = self.extender.highest();
        let number = self.extender.extend(sequence);
        let ticks = now.saturating_duration_since(self.epoch).as_micros() as u64 / TICK_US;
        // Once in 12 days a packet is a tick late.
        let tick = (ticks as u32).wrapping_add(1).max(1);
        match before {
            None => {
                self.arrivals = vec![NOT_RECEIVED; WINDOW as usize];
                self.next = number;
            }
            Some(highest) if number > highest => {
                if number - highest >= WINDOW {
                    self.arrivals.fill(NOT_RECEIVED);
                    // A jump: what lies between was hardly lost.
                    self.next = number;
                } else {
                    for skipped in highest + 1..number {
                        self.set(skipped, NOT_RECEIVED);
                    }
                    self.next = self.next.max((number + 1).saturating_sub(WINDOW));
                }
            }
            Some(highest) => {
                if highest - number >= WINDOW || self.get(number) != NOT_RECEIVED {
                    return;
                }
                // A late one was told as lost: the next report begins with it, and says otherwise.
                self.next = self.next.min(number);
            }
        }
        self.set(number, tick);
        self.fresh = self.fresh.saturating_add(1);
        self.fresh_since.get_or_insert(now);
    }

    /// When the next report is due; `None` while there is nothing to tell.
    pub fn next_deadline(&self) -> Option<Instant> {
        let since = self.fresh_since?;
        Some(if self.fresh >= EARLY_AFTER { since } else { since + FEEDBACK_INTERVAL })
    }

    /// Appends one report (a whole RTCP packet) if it is due. Call again until false: what does not fit into one report
    /// follows in another.
    pub fn feedback(&mut self, now: Instant, sender_ssrc: u32, media_ssrc: u32, out: &mut Vec<u8>) -> bool {
        if self.next_deadline().is_none_or(|due| due > now) {
            return false;
        }
        let Some(highest) = self.extender.highest() else { return false };
        // Leading numbers without arrival are told only if a later one of the same report is known, which gives the
        // reference; there is one, since something is fresh.
        let Some(first) = (self.next..=highest).find(|&number| self.get(number) != NOT_RECEIVED) else {
            self.settle(highest + 1);
            return false;
        };
        let base = self.next.max(first.saturating_sub(MAX_STATUSES / 2));
        let reference = (self.get(first) - 1) / TICKS_PER_REFERENCE;

        let start = out.len();
        out.extend_from_slice(&[0x80 | 15, 205, 0, 0]);
        out.extend_from_slice(&sender_ssrc.to_be_bytes());
        out.extend_from_slice(&media_ssrc.to_be_bytes());
        out.extend_from_slice(&(base as u16).to_be_bytes());
        out.extend_from_slice(&[0, 0]);
        let [_, r0, r1, r2] = reference.to_be_bytes();
        out.extend_from_slice(&[r0, r1, r2, self.count]);

        // Statuses and deltas are found in one pass over the numbers each; the first one says where the report ends.
        let mut chunks = Chunks::new(out);
        let mut last = reference * TICKS_PER_REFERENCE;
        let mut end = base;
        for number in base..=highest.min(base + MAX_STATUSES - 1) {
            let status = match self.get(number) {
                NOT_RECEIVED => Status::Missing,
                tick => {
                    let Some(status) = Status::of(delta(tick, last)) else { break };
                    last = tick - 1;
                    status
                }
            };
            chunks.push(status);
            end = number + 1;
        }
        chunks.finish();

        let mut last = reference * TICKS_PER_REFERENCE;
        for number in base..end {
            let tick = self.get(number);
            if tick == NOT_RECEIVED {
                continue;
            }
            let delta = delta(tick, last);
            last = tick - 1;
            match u8::try_from(delta) {
                Ok(small) => out.push(small),
                Err(_) => out.extend_from_slice(&(delta as i16).to_be_bytes()),
            }
        }
        finish_packet(out, start, (end - base) as u16);
        self.count = self.count.wrapping_add(1);
        self.settle(end);
        true
    }

    fn settle(&mut self, end: u64) {
        self.next = end;
        if self.extender.highest().is_some_and(|highest| end <= highest) {
            // The rest is due at once.
            self.fresh = self.fresh.max(EARLY_AFTER);
        } else {
            self.fresh = 0;
            self.fresh_since = None;
        }
    }

    fn get(&self, number: u64) -> u32 {
        self.arrivals.get((number % WINDOW) as usize).copied().unwrap_or(NOT_RECEIVED)
    }

    fn set(&mut self, number: u64, tick: u32) {
        if let Some(slot) = self.arrivals.get_mut((number % WINDOW) as usize) {
            *slot = tick;
        }
    }
}

/// From an instant to a recorded arrival, in ticks.
fn delta(tick: u32, last: u32) -> i32 {
    (tick - 1).wrapping_sub(last) as i32
}

/// Status count, padding to whole words and the length field.
fn finish_packet(out: &mut Vec<u8>, start: usize, statuses: u16) {
    let padding = (4 - (out.len() - start) % 4) % 4;
    if padding > 0 {
        out.extend(std::iter::repeat_n(0, padding - 1));
        out.push(padding as u8);
    }
    let words = (out.len() - start) / 4;
    if let Some(packet) = out.get_mut(start..)
        && let Some([first, _, l0, l1]) = packet.first_chunk_mut::<4>()
    {
        *first |= u8::from(padding > 0) << 5;
        [*l0, *l1] = (words.saturating_sub(1) as u16).to_be_bytes();
        if let Some(count) = packet.get_mut(14..16) {
            count.copy_from_slice(&statuses.to_be_bytes());
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Missing = 0,
    Small = 1,
    /// Large or negative.
    Large = 2,
}

impl Status {
    /// `None` when the delta fits no report: a new one must begin.
    fn of(delta: i32) -> Option<Status> {
        if (0..=255).contains(&delta) {
            Some(Status::Small)
        } else {
            i16::try_from(delta).ok().map(|_| Status::Large)
        }
    }
}

/// Packet status chunks (draft 3.1.1 to 3.1.4): a run of equal statuses, 14 statuses of one bit, or 7 of two.
struct Chunks<'a> {
    out: &'a mut Vec<u8>,
    /// Statuses not written yet. Up to 13 differing ones, or any number of equal ones.
    pending: [Status; 14],
    len: usize,
    /// All pending are equal, and so many.
    run: u16,
    has_large: bool,
}

const MAX_RUN: u16 = 0x1fff;

impl<'a> Chunks<'a> {
    fn new(out: &'a mut Vec<u8>) -> Self {
        Chunks { out, pending: [Status::Missing; 14], len: 0, run: 0, has_large: false }
    }

    fn push(&mut self, status: Status) {
        let [first, ..] = self.pending;
        let same = self.len == 0 || (usize::from(self.run) >= self.len && first == status);
        if same && usize::from(self.run) < usize::from(MAX_RUN) {
            self.run += 1;
            self.append(status);
            return;
        }
        if usize::from(self.run) > self.vector_capacity(status) || self.run == MAX_RUN {
            self.write_run();
            return self.push(status);
        }
        if self.len >= self.vector_capacity(status) {
            self.write_vector(self.has_large || status == Status::Large);
            return self.push(status);
        }
        self.append(status);
        // Not a run any more.
        self.run = 0;
        if self.len == self.vector_capacity(status) {
            self.write_vector(self.has_large);
        }
    }

    fn append(&mut self, status: Status) {
        self.has_large |= status == Status::Large;
        if let Some(slot) = self.pending.get_mut(self.len) {
            *slot = status;
            self.len += 1;
        }
    }

    fn vector_capacity(&self, status: Status) -> usize {
        if self.has_large || status == Status::Large { 7 } else { 14 }
    }

    fn write_run(&mut self) {
        let [status, ..] = self.pending;
        let chunk = (status as u16) << 13 | self.run;
        self.out.extend_from_slice(&chunk.to_be_bytes());
        self.len = 0;
        self.run = 0;
        self.has_large = false;
    }

    /// As many pending ones as one vector takes.
    fn write_vector(&mut self, two_bits: bool) {
        let (capacity, bits, head) = if two_bits { (7, 2, 0xc000u16) } else { (14, 1, 0x8000) };
        let taken = self.len.min(capacity);
        let mut chunk = head;
        for (place, status) in self.pending.iter().take(taken).enumerate() {
            let shift = (capacity - 1 - place) * bits;
            chunk |= (*status as u16) << shift;
        }
        self.out.extend_from_slice(&chunk.to_be_bytes());
        let rest = self.pending;
        let left = self.len - taken;
        self.len = 0;
        self.run = 0;
        self.has_large = false;
        for status in rest.iter().skip(taken).take(left) {
            self.push(*status);
        }
    }

    fn finish(mut self) {
        while self.len > 0 {
            if usize::from(self.run) >= self.len {
                self.write_run();
            } else {
                self.write_vector(self.has_large);
            }
        }
    }
}

#[cfg(test)]
mod tests;
