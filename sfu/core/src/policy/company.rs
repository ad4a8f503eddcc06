//! How long a video packet waits for the next one of its frame.
//!
//! Browsers space the packets of a frame by 2 to 3 ms, so packets that are forwarded as they come leave alone, and a
//! message to the kernel with one datagram costs twice to three times what each of a run costs (UDP GSO). A server with
//! little to do pays that price for the shorter way; one that sends much lets the packets of a frame gather for a few
//! milliseconds. Sound never waits here.

use std::time::{Duration, Instant};

use crate::api::HoldReason;

/// When packets wait, and how long. The defaults were measured: below `from` a worker uses less than a twentieth of a core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompanySettings {
    /// Datagrams a second up to which nothing waits.
    pub from: u32,
    /// Datagrams a second from which packets wait for `hold_max`; in between the time grows with the rate.
    pub full: u32,
    /// Zero: nothing waits, whatever the rate. Half a frame interval is the sensible upper end.
    pub hold_max: Duration,
}

impl Default for CompanySettings {
    fn default() -> Self {
        CompanySettings { from: 25_000, full: 45_000, hold_max: Duration::from_millis(5) }
    }
}

/// For how long at this rate (datagrams a second).
pub fn hold(rate: u32, settings: &CompanySettings) -> (Duration, HoldReason) {
    if settings.hold_max.is_zero() {
        (Duration::ZERO, HoldReason::Off)
    } else if rate >= settings.full.max(1) {
        (settings.hold_max, HoldReason::Full)
    } else if rate <= settings.from {
        (Duration::ZERO, HoldReason::Light)
    } else {
        let share = f64::from(rate - settings.from) / f64::from(settings.full - settings.from);
        (settings.hold_max.mul_f64(share), HoldReason::Busy)
    }
}

/// The decision in force, and when what waits is due.
#[derive(Clone, Copy, Debug)]
pub struct Company {
    settings: CompanySettings,
    hold: Duration,
    reason: HoldReason,
    /// Smoothed, datagrams a second.
    rate: u32,
    sent_before: u64,
    measured_at: Instant,
    due: Option<Instant>,
}

impl Company {
    pub fn new(now: Instant, settings: CompanySettings) -> Company {
        Company {
            settings,
            hold: Duration::ZERO,
            reason: HoldReason::default(),
            rate: 0,
            sent_before: 0,
            measured_at: now,
            due: None,
        }
    }

    /// A packet of video begins to wait, if it is to wait at all.
    pub fn wait(&mut self, now: Instant) {
        if self.due.is_none() {
            self.due = Some(now + self.hold);
        }
    }

    pub fn due(&self) -> Option<Instant> {
        self.due
    }

    pub fn is_due(&self, now: Instant) -> bool {
        self.due.is_some_and(|due| due <= now)
    }

    /// Everything that waited has left.
    pub fn left(&mut self) {
        self.due = None;
    }

    /// To be called about ten times a second. `sent`: datagrams of media since the start.
    pub fn measure(&mut self, now: Instant, sent: u64) {
        let elapsed = now.saturating_duration_since(self.measured_at).as_secs_f64();
        if elapsed < 0.05 {
            return;
        }
        let rate = sent.saturating_sub(self.sent_before) as f64 / elapsed;
        // Half of what it was: a call that begins or ends is noticed within half a second.
        self.rate = (f64::from(self.rate) * 0.5 + rate * 0.5) as u32;
        (self.sent_before, self.measured_at) = (sent, now);
        (self.hold, self.reason) = hold(self.rate, &self.settings);
    }

    /// How long packets wait at present, and why.
    pub fn decision(&self) -> (Duration, HoldReason) {
        (self.hold, self.reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: CompanySettings =
        CompanySettings { from: 1000, full: 2000, hold_max: Duration::from_millis(4) };

    #[test]
    fn a_server_with_little_to_do_holds_nothing() {
        assert_eq!(hold(1000, &SETTINGS), (Duration::ZERO, HoldReason::Light));
    }

    #[test]
    fn the_time_grows_with_the_rate_and_ends_at_its_bound() {
        assert_eq!(hold(1500, &SETTINGS), (Duration::from_millis(2), HoldReason::Busy));
        assert_eq!(hold(2000, &SETTINGS), (SETTINGS.hold_max, HoldReason::Full));
        assert_eq!(hold(u32::MAX, &SETTINGS), (SETTINGS.hold_max, HoldReason::Full));
    }

    #[test]
    fn no_settings_make_it_fail() {
        let odd = CompanySettings { from: 2000, full: 1000, ..SETTINGS };
        assert_eq!(hold(1500, &odd).0, SETTINGS.hold_max);
        let nil = CompanySettings { from: 0, full: 0, ..SETTINGS };
        assert_eq!(hold(1, &nil).0, SETTINGS.hold_max);
        let off = CompanySettings { hold_max: Duration::ZERO, ..SETTINGS };
        assert_eq!(hold(u32::MAX, &off), (Duration::ZERO, HoldReason::Off));
    }

    #[test]
    fn the_rate_is_noticed_within_half_a_second_and_forgotten_as_soon() {
        let mut now = Instant::now();
        let mut company = Company::new(now, SETTINGS);
        let mut sent = 0;
        for _ in 0..5 {
            now += Duration::from_millis(100);
            sent += 300;
            company.measure(now, sent);
        }
        assert_eq!(company.decision().1, HoldReason::Full);
        for _ in 0..5 {
            now += Duration::from_millis(100);
            company.measure(now, sent);
        }
        assert_eq!(company.decision().1, HoldReason::Light);
    }

    #[test]
    fn the_first_packet_decides_when_all_that_wait_leave() {
        let start = Instant::now();
        let mut company = Company::new(start, SETTINGS);
        for tenth in 1..=9 {
            company.measure(start + Duration::from_millis(100 * tenth), 400 * tenth);
        }
        let now = start + Duration::from_secs(1);
        company.wait(now);
        company.wait(now + Duration::from_millis(3));
        assert!(!company.is_due(now + Duration::from_millis(3)));
        assert!(company.is_due(now + SETTINGS.hold_max));
        company.left();
        assert_eq!(company.due(), None);
    }
}
