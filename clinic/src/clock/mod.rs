//! The time, as a value that tests can freeze and move, and jobs that are due at a time and survive a restart.

mod scheduler;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;

/// By which a clock is moved.
pub use jiff::SignedDuration;
pub use scheduler::{Handler, Job, JobError, Schedule, Scheduler};

/// Sleeps are cut into pieces of this length, so that a wall clock that was set does not delay what is due by more.
const PIECE_MAX: Duration = Duration::from_secs(30);

/// Where the clinic gets its time from. Clones are handles to the same clock.
#[derive(Clone, Debug)]
pub struct Clock {
    source: Source,
}

#[derive(Clone, Debug)]
enum Source {
    System,
    /// The machine's clock, ahead by so much.
    Ahead(Arc<watch::Sender<SignedDuration>>),
    Frozen(Arc<watch::Sender<Timestamp>>),
    /// Frozen, but for a millisecond at each look.
    #[cfg(test)]
    Creeping(Arc<watch::Sender<Timestamp>>),
}

impl Clock {
    /// The wall clock of the machine.
    pub fn system() -> Clock {
        Clock { source: Source::System }
    }

    /// The wall clock of the machine, which can be put forward: for trying and testing.
    pub fn movable() -> Clock {
        Clock { source: Source::Ahead(Arc::new(watch::Sender::new(SignedDuration::ZERO))) }
    }

    /// Stands still until it is moved.
    pub fn frozen(at: Timestamp) -> Clock {
        Clock { source: Source::Frozen(Arc::new(watch::Sender::new(at))) }
    }

    /// Whoever looks twice sees two times, as on a slow day.
    #[cfg(test)]
    pub fn creeping(at: Timestamp) -> Clock {
        Clock { source: Source::Creeping(Arc::new(watch::Sender::new(at))) }
    }

    /// To the millisecond: what is stored, shown and compared is the same.
    pub fn now(&self) -> Timestamp {
        let now = match &self.source {
            Source::System => Timestamp::now(),
            Source::Ahead(by) => Timestamp::now().saturating_add(*by.borrow()).unwrap_or(Timestamp::MAX),
            Source::Frozen(at) => *at.borrow(),
            #[cfg(test)]
            Source::Creeping(at) => {
                at.send_modify(|now| *now += SignedDuration::from_millis(1));
                *at.borrow()
            }
        };
        Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
    }

    /// Moves a frozen clock and wakes whoever waits for a time that has come. Others are left alone.
    pub fn set(&self, to: Timestamp) {
        if let Source::Frozen(at) = &self.source {
            at.send_replace(to);
        }
    }

    /// Moves a frozen or a movable clock by a distance and wakes whoever waits for a time that has come.
    pub fn advance(&self, by: SignedDuration) {
        match &self.source {
            Source::System => {}
            Source::Ahead(ahead) => ahead.send_modify(|ahead| *ahead = ahead.saturating_add(by)),
            Source::Frozen(at) => at.send_modify(|now| *now = now.saturating_add(by).unwrap_or(*now)),
            #[cfg(test)]
            Source::Creeping(at) => at.send_modify(|now| *now += by),
        }
    }

    /// Returns when the time has come.
    pub async fn sleep_until(&self, due: Timestamp) {
        match &self.source {
            Source::System => loop {
                let left = due.duration_since(Timestamp::now());
                match Duration::try_from(left) {
                    Ok(left) if !left.is_zero() => tokio::time::sleep(left.min(PIECE_MAX)).await,
                    _ => return,
                }
            },
            Source::Ahead(by) => {
                let mut moved = by.subscribe();
                loop {
                    match Duration::try_from(due.duration_since(self.now())) {
                        Ok(left) if !left.is_zero() => tokio::select! {
                            () = tokio::time::sleep(left.min(PIECE_MAX)) => {}
                            // The sender is ours and stays open.
                            _ = moved.changed() => {}
                        },
                        _ => return,
                    }
                }
            }
            Source::Frozen(at) => {
                // The sender is ours, so the channel cannot be closed while we wait.
                let _ = at.subscribe().wait_for(|now| *now >= due).await;
            }
            #[cfg(test)]
            Source::Creeping(at) => {
                let _ = at.subscribe().wait_for(|now| *now >= due).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_frozen_clock_wakes_a_sleeper_only_when_it_is_moved_there() {
        let start: Timestamp = "2026-12-03T13:30:00Z".parse().unwrap();
        let clock = Clock::frozen(start);
        let due = start + SignedDuration::from_mins(10);
        let sleeper = tokio::spawn({
            let clock = clock.clone();
            async move {
                clock.sleep_until(due).await;
                clock.now()
            }
        });
        clock.advance(SignedDuration::from_mins(9));
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(!sleeper.is_finished());
        clock.advance(SignedDuration::from_mins(1));
        assert_eq!(sleeper.await.unwrap(), due);
    }

    #[tokio::test]
    async fn a_movable_clock_runs_and_wakes_a_sleeper_when_it_is_put_forward() {
        let clock = Clock::movable();
        let before = clock.now();
        let due = before + SignedDuration::from_hours(1);
        let sleeper = tokio::spawn({
            let clock = clock.clone();
            async move { clock.sleep_until(due).await }
        });
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(clock.now() > before && !sleeper.is_finished());
        clock.advance(SignedDuration::from_mins(61));
        sleeper.await.unwrap();
        assert!(clock.now() > due);
    }

    #[tokio::test]
    async fn the_system_clock_returns_at_once_for_what_is_past() {
        let clock = Clock::system();
        let before = std::time::Instant::now();
        clock.sleep_until(clock.now() - SignedDuration::from_hours(1)).await;
        assert!(before.elapsed() < Duration::from_secs(1));
    }
}
