//! When which peer's transport wants its next look: a heap with stale entries, skipped when they come up.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Instant;

#[derive(Default)]
pub struct Schedule {
    heap: BinaryHeap<Reverse<(Instant, usize)>>,
}

impl Schedule {
    /// The deadline of a peer is now `wanted`; `scheduled` is what its own entry remembers. A later deadline than the
    /// remembered one is left to be found out when that comes up, so that a deadline which keeps moving away costs
    /// one entry.
    pub fn set(&mut self, index: usize, scheduled: &mut Option<Instant>, wanted: Option<Instant>) {
        let Some(wanted) = wanted else { return };
        if scheduled.is_none_or(|at| wanted < at) {
            *scheduled = Some(wanted);
            self.heap.push(Reverse((wanted, index)));
        }
    }

    pub fn next(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse((at, _))| *at)
    }

    /// The next peer whose time has come.
    pub fn pop_due(&mut self, now: Instant) -> Option<(Instant, usize)> {
        if self.next().is_none_or(|at| at > now) {
            return None;
        }
        self.heap.pop().map(|Reverse(entry)| entry)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_earliest_deadline_comes_up_first_and_a_later_wish_adds_nothing() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut schedule = Schedule::default();
        let (mut first, mut second) = (None, None);
        schedule.set(1, &mut first, Some(at(50)));
        schedule.set(1, &mut first, Some(at(90)));
        schedule.set(2, &mut second, Some(at(20)));
        assert_eq!(schedule.next(), Some(at(20)));
        assert_eq!(schedule.pop_due(at(10)), None);
        assert_eq!(schedule.pop_due(at(60)), Some((at(20), 2)));
        assert_eq!(schedule.pop_due(at(60)), Some((at(50), 1)));
        assert_eq!(schedule.pop_due(at(100)), None);
    }
}
