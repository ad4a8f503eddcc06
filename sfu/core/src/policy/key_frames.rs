//! How often a publisher is asked for a key frame.

use std::time::{Duration, Instant};

use crate::api::Quality;

/// A key frame of a large picture costs its publisher a burst; a small one is cheap. A request that got no answer is
/// repeated after the same time.
fn interval(quality: Quality) -> Duration {
    match quality {
        Quality::Low => Duration::from_millis(500),
        Quality::Medium | Quality::High => Duration::from_millis(1000),
    }
}

/// The requests for one encoding.
#[derive(Clone, Copy, Debug)]
pub struct Throttle {
    quality: Quality,
    asked: Option<Instant>,
    waiting: bool,
}

impl Throttle {
    pub fn new(quality: Quality) -> Throttle {
        Throttle { quality, asked: None, waiting: false }
    }

    /// Somebody needs a key frame.
    pub fn want(&mut self) {
        self.waiting = true;
    }

    /// A key frame began: everybody who waited is served.
    pub fn arrived(&mut self) {
        self.waiting = false;
    }

    /// True when a request should leave now; it counts as sent.
    pub fn due(&mut self, now: Instant) -> bool {
        let rested =
            self.asked.is_none_or(|asked| now.saturating_duration_since(asked) >= interval(self.quality));
        if self.waiting && rested {
            self.asked = Some(now);
        }
        self.waiting && rested
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_request_leaves_at_once_and_the_next_ones_are_spaced() {
        let start = Instant::now();
        let mut throttle = Throttle::new(Quality::High);
        assert!(!throttle.due(start));
        throttle.want();
        assert!(throttle.due(start));
        assert!(!throttle.due(start + Duration::from_millis(900)));
        assert!(throttle.due(start + Duration::from_millis(1000)));
    }

    #[test]
    fn a_key_frame_ends_the_asking() {
        let start = Instant::now();
        let mut throttle = Throttle::new(Quality::Low);
        throttle.want();
        throttle.arrived();
        assert!(!throttle.due(start));
    }
}
