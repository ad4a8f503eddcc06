//! What the router remembers of a receiver of reliable messages.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::DataLimits;

#[derive(Default)]
pub struct Receiver {
    /// Since when its queue has not been below the bound, or it has last made progress.
    over_since: Option<Instant>,
    /// Bytes of reliable messages that it had taken at that time.
    taken: u64,
    cut: bool,
    /// Waiting for its channel to open.
    pending: VecDeque<(Instant, Bytes)>,
    pending_bytes: usize,
}

impl Receiver {
    pub fn is_over(&self) -> bool {
        self.over_since.is_some() || self.cut
    }

    pub fn is_cut(&self) -> bool {
        self.cut
    }

    pub fn over_for(&self, now: Instant) -> Duration {
        self.over_since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }

    pub fn note_over(&mut self, now: Instant, taken: u64) {
        if self.over_since.is_none() {
            self.over_since = Some(now);
            self.taken = taken;
        }
    }

    pub fn note_progress(&mut self, now: Instant, taken: u64, enough: usize) {
        if taken.saturating_sub(self.taken) >= enough as u64 {
            self.taken = taken;
            self.over_since = Some(now);
        }
    }

    pub fn note_drained(&mut self) {
        self.over_since = None;
        self.cut = false;
    }

    pub fn note_cut(&mut self) {
        self.cut = true;
    }

    /// Returns how many messages gave way.
    pub fn pend(&mut self, now: Instant, message: &Bytes, limits: &DataLimits) -> u64 {
        let mut dropped = self.expire_pending(now, limits);
        self.pending_bytes = self.pending_bytes.saturating_add(message.len());
        self.pending.push_back((now, message.clone()));
        while self.pending_bytes > limits.pending_bytes {
            self.drop_oldest();
            dropped = dropped.saturating_add(1);
        }
        dropped
    }

    pub fn expire_pending(&mut self, now: Instant, limits: &DataLimits) -> u64 {
        let mut dropped = 0u64;
        while let Some((at, _)) = self.pending.front() {
            if now.saturating_duration_since(*at) <= limits.pending_age {
                break;
            }
            self.drop_oldest();
            dropped = dropped.saturating_add(1);
        }
        dropped
    }

    pub fn take_pending(&mut self) -> Vec<Bytes> {
        self.pending_bytes = 0;
        self.pending.drain(..).map(|(_, message)| message).collect()
    }

    fn drop_oldest(&mut self) {
        if let Some((_, message)) = self.pending.pop_front() {
            self.pending_bytes = self.pending_bytes.saturating_sub(message.len());
        }
    }
}
