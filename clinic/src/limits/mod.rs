//! How often something may be done: in memory for the traffic of the API, in the store for what costs money or guards a
//! login and must not start anew with the server.
//!
//! GCRA: one instant per subject says when its allowance will be full again. A burst up to the limit passes at once, then
//! one for each `window / limit`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::crypto::LookupHash;
use crate::store::{IndexKey, Indexes, Query, Record, Sealing, StoreError, Tx};

/// `limit` times in `window`. Both above zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    pub limit: u32,
    pub window: SignedDuration,
}

impl Rate {
    pub const fn per_minute(limit: u32) -> Rate {
        Rate { limit, window: SignedDuration::from_mins(1) }
    }

    pub const fn per_hour(limit: u32) -> Rate {
        Rate { limit, window: SignedDuration::from_hours(1) }
    }

    pub const fn per_day(limit: u32) -> Rate {
        Rate { limit, window: SignedDuration::from_hours(24) }
    }

    fn spacing_ms(self) -> i64 {
        let window = i64::try_from(self.window.as_millis()).unwrap_or(i64::MAX);
        (window / i64::from(self.limit.max(1))).max(1)
    }

    /// From the instant kept (milliseconds) to the next one, or the refusal.
    fn take(self, full_at: i64, now: i64) -> Result<(i64, u32), Exceeded> {
        let spacing = self.spacing_ms();
        let window = spacing.saturating_mul(self.limit.max(1).into());
        let next = full_at.max(now).saturating_add(spacing);
        let debt = next.saturating_sub(now);
        if debt > window {
            let wait = debt.saturating_sub(window);
            return Err(Exceeded { retry_after: SignedDuration::from_millis(wait) });
        }
        let left = window.saturating_sub(debt) / spacing;
        Ok((next, u32::try_from(left).unwrap_or(u32::MAX)))
    }
}

/// Too often: not before this time has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too often")]
pub struct Exceeded {
    pub retry_after: SignedDuration,
}

/// The allowances of the API's callers; lost with the process.
#[derive(Clone, Debug, Default)]
pub struct Traffic {
    subjects: Arc<Mutex<HashMap<(&'static str, String), i64>>>,
}

/// Subjects kept; above, those with a full allowance go first, then all: an attacker from many addresses gains little.
const SUBJECTS_MAX: usize = 100_000;

impl Traffic {
    /// Counts one `what` of `subject`. Gives how many are left at once.
    pub fn take(
        &self,
        now: Timestamp,
        what: &'static str,
        subject: &str,
        rate: Rate,
    ) -> Result<u32, Exceeded> {
        let now = now.as_millisecond();
        let mut subjects = self.subjects.lock().unwrap_or_else(PoisonError::into_inner);
        if subjects.len() >= SUBJECTS_MAX {
            subjects.retain(|_, full_at| *full_at > now);
            if subjects.len() >= SUBJECTS_MAX {
                subjects.clear();
            }
        }
        let full_at = subjects.entry((what, subject.to_owned())).or_insert(now);
        let (next, left) = rate.take(*full_at, now)?;
        *full_at = next;
        Ok(left)
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Allowance {
    id: String,
    full_at: Timestamp,
}

impl Record for Allowance {
    const COLLECTION: &'static str = "allowance";

    fn id(&self) -> String {
        self.id.clone()
    }

    fn sealing(&self) -> Sealing {
        Sealing::Instance
    }

    fn index(&self, indexes: &mut Indexes) {
        indexes.add("full", IndexKey::new().time(self.full_at));
    }
}

/// Counts one `what` of `subject` in the store. A refusal counts nothing. Gives how many are left at once.
pub fn take(
    tx: &mut Tx<'_>,
    now: Timestamp,
    what: &'static str,
    subject: &LookupHash,
    rate: Rate,
) -> Result<Result<u32, Exceeded>, StoreError> {
    let id = format!("{what}/{}", subject.as_str());
    let full_at = tx.get::<Allowance>(&id)?.map_or(now, |kept| kept.full_at);
    match rate.take(full_at.as_millisecond(), now.as_millisecond()) {
        Ok((next, left)) => {
            let full_at = Timestamp::from_millisecond(next).unwrap_or(Timestamp::MAX);
            tx.put(&Allowance { id, full_at })?;
            Ok(Ok(left))
        }
        Err(exceeded) => Ok(Err(exceeded)),
    }
}

/// How many are left at once; counts nothing.
pub fn left(
    tx: &Tx<'_>,
    now: Timestamp,
    what: &'static str,
    subject: &LookupHash,
    rate: Rate,
) -> Result<u32, StoreError> {
    let full_at =
        tx.get::<Allowance>(format!("{what}/{}", subject.as_str()))?.map_or(now, |kept| kept.full_at);
    Ok(rate
        .take(full_at.as_millisecond(), now.as_millisecond())
        .map_or(0, |(_, left)| left.saturating_add(1)))
}

/// Gives the whole allowance back, such as after a login that worked.
pub fn reset(tx: &mut Tx<'_>, what: &'static str, subject: &LookupHash) -> Result<(), StoreError> {
    tx.delete::<Allowance>(format!("{what}/{}", subject.as_str())).map(|_| ())
}

/// Deletes allowances that are full again: they say what nothing says as well.
pub fn sweep(tx: &mut Tx<'_>, now: Timestamp) -> Result<usize, StoreError> {
    let query = Query::new("full", IndexKey::new()).until(IndexKey::new().time(now)).limit(1000);
    let full = tx.list::<Allowance>(&query)?.items;
    for allowance in &full {
        tx.delete::<Allowance>(&allowance.id)?;
    }
    Ok(full.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::{InstanceKey, LookupKey, Purpose};
    use crate::store::Store;
    use proptest::prelude::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_764_000_000 + second).unwrap()
    }

    #[test]
    fn a_burst_passes_and_then_one_for_each_share_of_the_window() {
        let traffic = Traffic::default();
        let rate = Rate::per_minute(3);
        let take = |second| traffic.take(at(second), "login", "a", rate);
        assert_eq!((take(0), take(0), take(0)), (Ok(2), Ok(1), Ok(0)));
        assert_eq!(take(5), Err(Exceeded { retry_after: SignedDuration::from_secs(15) }));
        assert_eq!(take(20), Ok(0));
        assert_eq!(traffic.take(at(5), "login", "b", rate), Ok(2));
    }

    #[tokio::test]
    async fn an_allowance_in_the_store_survives_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let key = InstanceKey::random();
        let subject = LookupKey::new(&key).hash(Purpose::RateSubject, "+33612345678");
        let rate = Rate::per_hour(2);
        let store = Store::open(dir.path(), &key).unwrap();
        for left in [1, 0] {
            let taken = store.write(|tx| take(tx, at(0), "sms", &subject, rate)).await.unwrap();
            assert_eq!(taken, Ok(left));
        }
        store.close().await;
        drop(store);
        let store = Store::open(dir.path(), &key).unwrap();
        let none = store.write(|tx| left(tx, at(60), "sms", &subject, rate)).await;
        let one = store.write(|tx| left(tx, at(1800), "sms", &subject, rate)).await;
        assert_eq!((none, one), (Ok(0), Ok(1)));
        let refused = store.write(|tx| take(tx, at(60), "sms", &subject, rate)).await.unwrap();
        assert_eq!(refused, Err(Exceeded { retry_after: SignedDuration::from_mins(29) }));
        assert_eq!(store.write(|tx| sweep(tx, at(60))).await, Ok(0));
        assert_eq!(store.write(|tx| sweep(tx, at(7200))).await, Ok(1));
    }

    proptest! {
        #[test]
        fn no_sequence_of_tries_passes_more_than_twice_the_limit_in_a_window(
            limit in 1..6_u32, gaps in proptest::collection::vec(0..2_000_i64, 1..80),
        ) {
            let rate = Rate { limit, window: SignedDuration::from_millis(6000) };
            let (mut now, mut full_at, mut passed) = (0, 0, Vec::new());
            for gap in gaps {
                now += gap;
                if let Ok((next, _)) = rate.take(full_at, now) {
                    full_at = next;
                    passed.push(now);
                }
            }
            for &start in &passed {
                let within = passed.iter().filter(|at| (start..start + 6000).contains(*at)).count();
                prop_assert!(within <= 2 * limit as usize);
            }
        }
    }
}
