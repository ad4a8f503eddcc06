//! The highest quality of a track that anybody wants: what lets a publisher stop encoding the rest (dynacast).

use std::time::{Duration, Instant};

use crate::api::Quality;

/// Falls wait this long, so that a scrolled tile does not stop and start an encoder.
const FALL_DELAY: Duration = Duration::from_secs(5);
/// Nothing is stopped so early in a track's life: subscribers are still arriving.
const GRACE: Duration = Duration::from_secs(10);

#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    born: Instant,
    announced: Option<Option<Quality>>,
    falling_since: Option<Instant>,
}

impl Wanted {
    pub fn new(now: Instant) -> Wanted {
        Wanted { born: now, announced: None, falling_since: None }
    }

    /// Takes the present maximum over the subscribers, and returns the value to announce if it changes.
    pub fn update(&mut self, now: Instant, maximum: Option<Quality>) -> Option<Option<Quality>> {
        // Until something was announced, the publisher sends everything.
        let standing = self.announced.unwrap_or(Some(Quality::High));
        if self.announced.is_some() && maximum == standing {
            self.falling_since = None;
            return None;
        }
        if maximum < standing {
            let since = *self.falling_since.get_or_insert(now);
            let patient = now.saturating_duration_since(since) < FALL_DELAY;
            if patient || now.saturating_duration_since(self.born) < GRACE {
                return None;
            }
        }
        self.falling_since = None;
        self.announced = Some(maximum);
        Some(maximum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rise_is_told_at_once_and_a_fall_after_a_rest() {
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let mut wanted = Wanted::new(start);
        assert_eq!(wanted.update(at(0), Some(Quality::High)), Some(Some(Quality::High)));
        assert_eq!(wanted.update(at(20), Some(Quality::Low)), None);
        assert_eq!(wanted.update(at(24), Some(Quality::Low)), None);
        assert_eq!(wanted.update(at(25), Some(Quality::Low)), Some(Some(Quality::Low)));
        assert_eq!(wanted.update(at(26), Some(Quality::Medium)), Some(Some(Quality::Medium)));
        assert_eq!(wanted.update(at(27), Some(Quality::Medium)), None);
    }

    #[test]
    fn a_short_dip_is_not_told() {
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let mut wanted = Wanted::new(start);
        wanted.update(at(0), Some(Quality::High));
        assert_eq!(wanted.update(at(20), None), None);
        assert_eq!(wanted.update(at(22), Some(Quality::High)), None);
        assert_eq!(wanted.update(at(26), None), None);
        assert_eq!(wanted.update(at(31), None), Some(None));
    }

    #[test]
    fn nothing_is_stopped_while_subscribers_are_still_arriving() {
        let start = Instant::now();
        let mut wanted = Wanted::new(start);
        assert_eq!(wanted.update(start, None), None);
        assert_eq!(wanted.update(start + Duration::from_secs(9), None), None);
        assert_eq!(wanted.update(start + Duration::from_secs(10), None), Some(None));
    }
}
