//! Transport-wide congestion control, the receiver's side (draft-holmer-rmcat-transport-wide-cc-extensions-01): when each
//! numbered packet of a transport arrived, told to its sender about ten times a second.

use std::time::{Duration, Instant};

use crate::wire::rtcp::write_transport_cc;
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

        let mut deltas = [None; MAX_STATUSES as usize];
        let mut last = reference * TICKS_PER_REFERENCE;
        let mut len = 0;
        for (slot, number) in deltas.iter_mut().zip(base..=highest) {
            let tick = self.get(number);
            if tick != NOT_RECEIVED {
                // A delta that does not fit begins another report.
                let Ok(delta) = i16::try_from((tick - 1).wrapping_sub(last) as i32) else { break };
                *slot = Some(delta);
                last = tick - 1;
            }
            len += 1;
        }
        let told = deltas.get(..len).unwrap_or(&[]);
        write_transport_cc(
            out,
            (sender_ssrc, media_ssrc),
            base as u16,
            reference & 0xff_ffff,
            self.count,
            told,
        );
        self.count = self.count.wrapping_add(1);
        self.settle(base + len as u64);
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

#[cfg(test)]
mod tests;
