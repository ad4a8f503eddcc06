//! Sender reports as clocks: which instant of the publisher (NTP) a timestamp stands for (RFC 3550 6.4.1).

use std::time::{Duration, Instant};

use super::MAX_LAYERS;

/// What the last sender report of a stream said. Every stream of one publisher counts the same NTP time, so two of these
/// relate the timestamps of two streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SenderClock {
    /// Seconds since 1900 in 32.32 fixed point, by the publisher's clock.
    pub ntp: u64,
    /// The RTP timestamp at that instant.
    pub rtp: u32,
    /// When the report came in.
    pub arrival: Instant,
}

impl SenderClock {
    /// The publisher's time of an RTP timestamp less than half the circle away.
    pub fn ntp_at(&self, timestamp: u32, clock_rate: u32) -> u64 {
        let ticks = i128::from(timestamp.wrapping_sub(self.rtp) as i32);
        let fraction = (ticks << 32) / i128::from(clock_rate.max(1));
        self.ntp.wrapping_add(fraction as u64)
    }

    /// The RTP timestamp at a time of the publisher.
    pub fn rtp_at(&self, ntp: u64, clock_rate: u32) -> u32 {
        let fraction = i128::from(ntp.wrapping_sub(self.ntp) as i64);
        // Rounded: both ways in turn give the same timestamp again.
        let ticks = (fraction * i128::from(clock_rate) + (1 << 31)) >> 32;
        self.rtp.wrapping_add(ticks as u32)
    }

    /// The same line, read at `now`: what a report sent now would say.
    pub fn at(&self, now: Instant, clock_rate: u32) -> (u64, u32) {
        let elapsed = now.saturating_duration_since(self.arrival);
        let ntp = self.ntp.wrapping_add(ntp_duration(elapsed));
        (ntp, self.rtp_at(ntp, clock_rate))
    }
}

/// The sender clocks of the encodings of one track. The engine keeps one per track, and tells it each sender report.
#[derive(Clone, Copy, Debug)]
pub struct Clocks {
    clock_rate: u32,
    layers: [Option<SenderClock>; MAX_LAYERS],
}

impl Clocks {
    /// The rate in Hz.
    pub fn new(clock_rate: u32) -> Self {
        Clocks { clock_rate, layers: [None; MAX_LAYERS] }
    }

    pub fn clock_rate(&self) -> u32 {
        self.clock_rate
    }

    pub fn set(&mut self, layer: usize, clock: Option<SenderClock>) {
        if let Some(slot) = self.layers.get_mut(layer) {
            *slot = clock;
        }
    }

    pub fn get(&self, layer: usize) -> Option<SenderClock> {
        self.layers.get(layer).copied().flatten()
    }

    /// The timestamp that encoding `to` gives to the instant that encoding `from` calls `timestamp`.
    pub fn translate(&self, timestamp: u32, from: usize, to: usize) -> Option<u32> {
        let (from, to) = (self.get(from)?, self.get(to)?);
        Some(to.rtp_at(from.ntp_at(timestamp, self.clock_rate), self.clock_rate))
    }
}

/// A duration in 32.32 fixed point seconds.
pub fn ntp_duration(duration: Duration) -> u64 {
    let fraction = (u64::from(duration.subsec_nanos()) << 32) / 1_000_000_000;
    (duration.as_secs() << 32) | fraction
}

/// The middle 32 bits of an NTP time: 16.16 fixed point, as LSR carries it.
pub fn ntp_middle(ntp: u64) -> u32 {
    (ntp >> 16) as u32
}

/// A duration in units of 1/65,536 s, as DLSR carries it.
pub fn to_short_ntp(duration: Duration) -> u32 {
    u32::try_from(ntp_duration(duration) >> 16).unwrap_or(u32::MAX)
}

pub fn from_short_ntp(units: u32) -> Duration {
    Duration::from_nanos((u64::from(units) * 1_000_000_000) >> 16)
}

/// A duration in ticks of an RTP clock, on the circle.
pub fn ticks(duration: Duration, clock_rate: u32) -> u32 {
    let whole = duration.as_secs().wrapping_mul(u64::from(clock_rate));
    let part = u64::from(duration.subsec_nanos()) * u64::from(clock_rate) / 1_000_000_000;
    whole.wrapping_add(part) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_report_sent_later_lies_on_the_same_line() {
        let start = Instant::now();
        let clock = SenderClock { ntp: 7 << 32, rtp: u32::MAX - 10, arrival: start };
        let (ntp, rtp) = clock.at(start + Duration::from_millis(1500), 90_000);
        assert_eq!(ntp, (8 << 32) + (1 << 31));
        assert_eq!(rtp, (u32::MAX - 10).wrapping_add(135_000));
    }

    #[test]
    fn short_ntp_times_keep_a_millisecond() {
        let back = from_short_ntp(to_short_ntp(Duration::from_millis(1234)));
        assert!(back.abs_diff(Duration::from_millis(1234)) < Duration::from_micros(50));
    }

    proptest! {
        #[test]
        fn a_timestamp_survives_the_way_over_another_stream(rtp_a: u32, rtp_b: u32, ntp: u64, apart in -5_000_000i64..5_000_000, ts_offset in -1_000_000i32..1_000_000) {
            let now = Instant::now();
            let mut clocks = Clocks::new(90_000);
            clocks.set(0, Some(SenderClock { ntp, rtp: rtp_a, arrival: now }));
            clocks.set(1, Some(SenderClock { ntp: ntp.wrapping_add(apart as u64), rtp: rtp_b, arrival: now }));
            let timestamp = rtp_a.wrapping_add(ts_offset as u32);
            let there = clocks.translate(timestamp, 0, 1).unwrap();
            let back = clocks.translate(there, 1, 0).unwrap();
            prop_assert!((back.wrapping_sub(timestamp) as i32).abs() <= 1);
        }
    }
}
