//! What a receiver reports (RFC 3550 6.4.1, A.3, A.8), bit rate and frame rate.

use std::time::{Duration, Instant};

/// Counts of one received stream. Retransmissions come on their own SSRC and are not counted as received here
/// (RFC 4588 4): the loss is the network's, which is what the sender's bandwidth estimate wants to know.
#[derive(Clone, Debug, Default)]
pub struct Reception {
    lowest: u64,
    highest: u64,
    received: u64,
    expected_before: u64,
    received_before: u64,
    /// Scaled by 16 (RFC 3550 A.8).
    jitter: u32,
    transit: Option<u32>,
}

impl Reception {
    /// `arrival_ticks`: the arrival in ticks of the stream's clock.
    pub fn on_packet(&mut self, sequence: u64, timestamp: u32, arrival_ticks: u32) {
        if self.received == 0 {
            self.lowest = sequence;
            self.highest = sequence;
        }
        self.lowest = self.lowest.min(sequence);
        let in_order = sequence >= self.highest;
        self.highest = self.highest.max(sequence);
        self.received += 1;
        // Late packets would count their detour as jitter.
        if !in_order {
            return;
        }
        let transit = arrival_ticks.wrapping_sub(timestamp);
        if let Some(before) = self.transit.replace(transit) {
            let difference = (transit.wrapping_sub(before) as i32).unsigned_abs();
            // A jump of the sender's clock is not jitter.
            if difference < 450_000 {
                let decay = (self.jitter + 8) >> 4;
                self.jitter = (self.jitter + difference).saturating_sub(decay);
            }
        }
    }

    /// Begins a new count after a jump of the sequence numbers.
    pub fn restart(&mut self) {
        *self = Reception { jitter: self.jitter, ..Reception::default() };
    }

    pub fn expected(&self) -> u64 {
        if self.received == 0 { 0 } else { self.highest - self.lowest + 1 }
    }

    pub fn lost(&self) -> u64 {
        self.expected().saturating_sub(self.received)
    }

    pub fn received(&self) -> u64 {
        self.received
    }

    /// In ticks of the stream's clock.
    pub fn jitter(&self) -> u32 {
        self.jitter >> 4
    }

    pub fn highest(&self) -> u64 {
        self.highest
    }

    /// Loss since the previous call in 1/256 (RFC 3550 A.3), 0 when duplicates outweigh it.
    pub fn take_fraction_lost(&mut self) -> u8 {
        let expected = self.expected().saturating_sub(self.expected_before);
        let received = self.received.saturating_sub(self.received_before);
        self.expected_before = self.expected();
        self.received_before = self.received;
        let lost = expected.saturating_sub(received);
        (lost << 8).checked_div(expected).map_or(0, |fraction| u8::try_from(fraction).unwrap_or(u8::MAX))
    }
}

const BUCKETS: usize = 8;
const BUCKET: Duration = Duration::from_millis(125);

/// An amount per second, over the last second.
#[derive(Clone, Debug)]
pub struct RateMeter {
    buckets: [u32; BUCKETS],
    total: u64,
    /// Number of the bucket being filled, since `began`.
    current: u64,
    began: Instant,
}

impl RateMeter {
    pub fn new(now: Instant) -> Self {
        RateMeter { buckets: [0; BUCKETS], total: 0, current: 0, began: now }
    }

    pub fn add(&mut self, now: Instant, amount: u32) {
        self.advance(now);
        if let Some(bucket) = self.buckets.get_mut(self.current as usize % BUCKETS) {
            *bucket = bucket.saturating_add(amount);
        }
        self.total += u64::from(amount);
    }

    /// Per second.
    pub fn rate(&mut self, now: Instant) -> u64 {
        self.advance(now);
        let age = now.saturating_duration_since(self.began);
        let into_bucket = age.as_millis() as u64 % BUCKET.as_millis() as u64;
        let full = (BUCKETS as u64 - 1) * BUCKET.as_millis() as u64 + into_bucket;
        let window = full.min(age.as_millis() as u64).max(BUCKET.as_millis() as u64);
        let sum: u64 = self.buckets.iter().map(|&amount| u64::from(amount)).sum();
        sum * 1000 / window
    }

    pub fn total(&self) -> u64 {
        self.total
    }

    fn advance(&mut self, now: Instant) {
        let number = (now.saturating_duration_since(self.began).as_millis() / BUCKET.as_millis()) as u64;
        if number <= self.current {
            return;
        }
        for step in 1..=(number - self.current).min(BUCKETS as u64) {
            if let Some(bucket) = self.buckets.get_mut((self.current + step) as usize % BUCKETS) {
                *bucket = 0;
            }
        }
        self.current = number;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quarter_lost_is_reported_as_64_in_256_and_only_once() {
        let mut reception = Reception::default();
        for n in (0..400u64).filter(|n| n % 4 != 1) {
            reception.on_packet(70_000 + n, n as u32, n as u32);
        }
        assert_eq!(reception.lost(), 100);
        assert_eq!(reception.take_fraction_lost(), 64);
        assert_eq!(reception.take_fraction_lost(), 0);
    }

    #[test]
    fn late_packets_are_not_lost() {
        let mut reception = Reception::default();
        for n in [10, 12, 11, 9, 13] {
            reception.on_packet(n, 0, 0);
        }
        assert_eq!((reception.expected(), reception.lost()), (5, 0));
    }

    #[test]
    fn jitter_settles_at_the_mean_deviation() {
        let mut reception = Reception::default();
        for n in 0..2000u32 {
            let late = if n % 2 == 0 { 0 } else { 90 };
            reception.on_packet(u64::from(n), n.wrapping_mul(3000), n.wrapping_mul(3000).wrapping_add(late));
        }
        assert!((85..=95).contains(&reception.jitter()), "{}", reception.jitter());
    }

    #[test]
    fn a_rate_follows_and_fades() {
        let start = Instant::now();
        let mut meter = RateMeter::new(start);
        for n in 0..300 {
            meter.add(start + Duration::from_millis(10 * n), 10);
        }
        let rate = meter.rate(start + Duration::from_millis(2995));
        assert!((950..=1050).contains(&rate), "{rate}");
        assert_eq!(meter.rate(start + Duration::from_secs(6)), 0);
        assert_eq!(meter.total(), 3000);
    }
}
