//! Those who are in.

use std::time::Duration;

use futures_util::{StreamExt, stream};

use crate::figures::{JoinTimes, percentile};
use crate::target::{JoinPhases, Session};

#[derive(Default)]
pub struct Crowd {
    pub sessions: Vec<Session>,
    /// Of each session.
    pub identities: Vec<String>,
    phases: Vec<(JoinPhases, bool)>,
    subscribers: usize,
    /// Who could not join, and why.
    pub failures: Vec<(String, String)>,
    /// Participants and resident memory of the server, MiB.
    pub memory: Vec<(f64, f64)>,
    /// Subscribers and resident memory (KiB) when a tenth of them was there.
    pub baseline: Option<(usize, u64)>,
}

pub struct Joined {
    pub identity: String,
    pub session: Session,
    pub phases: JoinPhases,
    pub subscribes: bool,
    pub hears: bool,
}

impl Crowd {
    pub fn add(&mut self, joined: Joined) {
        self.phases.push((joined.phases, joined.hears));
        self.subscribers += usize::from(joined.subscribes);
        self.identities.push(joined.identity);
        self.sessions.push(joined.session);
    }

    /// Takes in a crowd that came later.
    pub fn absorb(&mut self, later: Crowd) {
        let before = self.sessions.len() as f64;
        self.memory.extend(later.memory.into_iter().map(|(people, mib)| (before + people, mib)));
        self.sessions.extend(later.sessions);
        self.identities.extend(later.identities);
        self.phases.extend(later.phases);
        self.subscribers += later.subscribers;
        self.failures.extend(later.failures);
    }

    pub fn subscribers(&self) -> usize {
        self.subscribers
    }

    /// Resident memory that each further subscriber took, from the tenth part of them to all of them.
    pub fn kib_per_subscriber(&self, resident_kib: u64) -> Option<f64> {
        let (few, kib) = self.baseline?;
        let more = self.subscribers.checked_sub(few).filter(|more| *more > 0)?;
        Some((resident_kib as f64 - kib as f64).max(0.0) / more as f64)
    }

    pub fn join_times(&self) -> JoinTimes {
        join_times(&self.phases, self.failures.len())
    }

    /// Why somebody ended who was not told to.
    pub fn ended(&self) -> Option<String> {
        self.sessions.iter().find_map(Session::failure)
    }

    pub async fn leave(self) {
        stream::iter(self.sessions).for_each_concurrent(32, Session::leave).await;
    }
}

/// Of each join, whether there was something to hear.
pub fn join_times(phases: &[(JoinPhases, bool)], failed: usize) -> JoinTimes {
    let ms = |pick: &dyn Fn(&JoinPhases) -> Option<Duration>| -> Vec<f64> {
        phases.iter().filter_map(|(phases, _)| Some(pick(phases)?.as_secs_f64() * 1000.0)).collect()
    };
    let signalled = ms(&|phases| Some(phases.signalled));
    let ice = ms(&|phases| Some(phases.ice));
    let dtls = ms(&|phases| Some(phases.dtls));
    let heard: Vec<f64> = phases
        .iter()
        .filter(|(_, hears)| *hears)
        .filter_map(|(phases, _)| Some(phases.first_media?.as_secs_f64() * 1000.0))
        .collect();
    JoinTimes {
        joins: phases.len() as u64,
        failed: failed as u64,
        signalled_p50: percentile(&signalled, 0.5),
        signalled_p95: percentile(&signalled, 0.95),
        ice_p50: percentile(&ice, 0.5),
        ice_p95: percentile(&ice, 0.95),
        dtls_p50: percentile(&dtls, 0.5),
        dtls_p95: percentile(&dtls, 0.95),
        media_p50: percentile(&heard, 0.5),
        media_p95: percentile(&heard, 0.95),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_counted_from_the_few_to_the_many() {
        let crowd = Crowd { subscribers: 100, baseline: Some((10, 20_000)), ..Crowd::default() };
        assert_eq!(crowd.kib_per_subscriber(23_600), Some(40.0));
        let alone = Crowd { subscribers: 10, baseline: Some((10, 20_000)), ..Crowd::default() };
        assert_eq!(alone.kib_per_subscriber(23_600), None);
    }

    #[test]
    fn who_had_nobody_to_hear_does_not_count_for_the_time_to_media() {
        let phases =
            |media| JoinPhases { first_media: Some(Duration::from_millis(media)), ..JoinPhases::default() };
        let times = join_times(&[(phases(9000), false), (phases(50), true), (phases(70), true)], 1);
        assert_eq!((times.joins, times.failed, times.media_p50, times.media_p95), (3, 1, 50.0, 70.0));
    }
}
