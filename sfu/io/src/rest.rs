//! How long a worker rests between two turns.
//!
//! With many senders datagrams come one by one, and waking up for each costs more than forwarding it to a few people. A
//! worker that hears much therefore looks only now and then, and takes everything that has gathered.

use std::time::{Duration, Instant};

/// Datagrams a second that arrive: below, every one is taken when it comes.
const FROM: f64 = 1_000.0;
/// From here on the rest is the longest.
const FULL: f64 = 3_000.0;
/// The longest rest. Sound may wait for it too.
const REST_MAX: Duration = Duration::from_micros(500);
/// How often the rate is taken.
const WINDOW: Duration = Duration::from_millis(100);

pub(crate) struct Rest {
    rest: Duration,
    /// Datagrams received, and when, at the last look.
    before: u64,
    measured_at: Instant,
}

impl Rest {
    pub(crate) fn new(now: Instant) -> Rest {
        Rest { rest: Duration::ZERO, before: 0, measured_at: now }
    }

    /// What is left of the rest at the end of a turn that began at `began`. `received`: datagrams since the start.
    pub(crate) fn after_turn(&mut self, began: Instant, now: Instant, received: u64) -> Option<Duration> {
        let window = now.saturating_duration_since(self.measured_at);
        if window >= WINDOW {
            self.rest = rest(received.saturating_sub(self.before) as f64 / window.as_secs_f64());
            (self.before, self.measured_at) = (received, now);
        }
        let left = self.rest.checked_sub(now.saturating_duration_since(began))?;
        (!left.is_zero()).then_some(left)
    }
}

/// At this many datagrams a second.
fn rest(rate: f64) -> Duration {
    REST_MAX.mul_f64(((rate - FROM) / (FULL - FROM)).clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_that_hears_little_does_not_rest() {
        assert_eq!(rest(0.0), Duration::ZERO);
        assert_eq!(rest(FROM), Duration::ZERO);
        let start = Instant::now();
        let mut quiet = Rest::new(start);
        let later = start + Duration::from_secs(1);
        assert_eq!(quiet.after_turn(later, later, 500), None);
    }

    #[test]
    fn the_rest_never_passes_its_bound() {
        assert_eq!(rest((FROM + FULL) / 2.0), REST_MAX / 2);
        assert_eq!(rest(1e9), REST_MAX);
    }

    #[test]
    fn time_spent_working_counts_as_rest() {
        let start = Instant::now();
        let mut busy = Rest::new(start);
        let later = start + Duration::from_secs(1);
        assert_eq!(busy.after_turn(later, later, 100_000), Some(REST_MAX));
        let worked = later + Duration::from_micros(200);
        assert_eq!(busy.after_turn(later, worked, 100_100), Some(REST_MAX - Duration::from_micros(200)));
        assert_eq!(busy.after_turn(later, later + REST_MAX, 100_200), None);
    }
}
