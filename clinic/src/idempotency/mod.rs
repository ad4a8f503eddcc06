//! `Idempotency-Key`: a request that is sent again gets the answer of the first, and does nothing a second time.
//!
//! The answer is kept by the same transaction that did the work, so no crash separates the two. Only answers of work that
//! was done are kept: a refused request may be sent again with the same key.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::crypto::secret::hex;
use crate::crypto::{LookupKey, Purpose};
use crate::store::{IndexKey, Indexes, Query, Record, Sealing, Store, StoreError, Tx};

/// How long an answer is kept.
pub const KEPT: SignedDuration = SignedDuration::from_hours(24);
/// Longest key, in characters.
pub const KEY_CHARS_MAX: usize = 128;

/// What was answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    pub status: u16,
    #[serde(default)]
    pub location: Option<String>,
    #[serde(default)]
    pub etag: Option<String>,
    pub body: serde_json::Value,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Kept {
    id: String,
    request: String,
    answer: Answer,
    until: Timestamp,
    /// Id of the account or client that asked.
    #[serde(default)]
    actor: String,
    #[serde(skip, default = "instance")]
    sealing: Sealing,
}

fn instance() -> Sealing {
    Sealing::Instance
}

impl Record for Kept {
    const COLLECTION: &'static str = "idempotency";

    fn id(&self) -> String {
        self.id.clone()
    }

    fn sealing(&self) -> Sealing {
        self.sealing.clone()
    }

    fn index(&self, indexes: &mut Indexes) {
        indexes.add("until", IndexKey::new().time(self.until));
        indexes.add("actor", IndexKey::new().text(&self.actor));
    }
}

/// Keys in use at this moment. Clones share it.
#[derive(Clone, Debug)]
pub struct Idempotency {
    store: Store,
    lookup: LookupKey,
    running: Arc<Mutex<HashSet<String>>>,
}

/// What to do with a request.
#[derive(Debug)]
pub enum Begin {
    /// Do it, and keep the answer with [`Running::keep`].
    New(Running),
    /// Give this answer again.
    Again(Answer),
    /// 422 `idempotency-key-reuse`: the key came with another request before.
    Reused,
    /// 409 `request-in-progress`: the same request is being worked on.
    InProgress,
}

/// A request being worked on; its key is free again when this is dropped.
#[derive(Debug)]
pub struct Running {
    id: String,
    request: String,
    actor: String,
    all: Arc<Mutex<HashSet<String>>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }
}

impl Idempotency {
    pub fn new(store: Store, lookup: LookupKey) -> Idempotency {
        Idempotency { store, lookup, running: Arc::default() }
    }

    /// `actor`: whose key it is, since keys of different people may be equal. `request`: method, path and body.
    pub async fn begin(
        &self,
        now: Timestamp,
        actor: &str,
        key: &str,
        request: &[&[u8]],
    ) -> Result<Begin, StoreError> {
        let id =
            self.lookup.hash(Purpose::RateSubject, &format!("idempotency|{actor}|{key}")).as_str().to_owned();
        let mut digest = Sha256::new();
        for part in request {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        let request = hex(&digest.finalize());
        if !self.running.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone()) {
            return Ok(Begin::InProgress);
        }
        let running = Running { id, request, actor: actor.to_owned(), all: self.running.clone() };
        match self.store.get::<Kept>(&running.id) {
            Ok(Some(kept)) if kept.until > now => {
                // The answer promises that the work lasts: not before it is on the disk.
                self.store.settled().await?;
                if kept.request == running.request {
                    Ok(Begin::Again(kept.value.answer))
                } else {
                    Ok(Begin::Reused)
                }
            }
            // What it did was purged since: there is nothing to give again, and doing it again is no repetition.
            Ok(_) | Err(StoreError::Purged) => Ok(Begin::New(running)),
            Err(error) => Err(error),
        }
    }

    /// Deletes answers that are old enough. For a timer.
    pub async fn sweep(&self, now: Timestamp) -> Result<usize, StoreError> {
        let query = Query::new("until", IndexKey::new()).until(IndexKey::new().time(now)).limit(1000);
        self.store
            .write(|tx| {
                let old = tx.list::<Kept>(&query)?.items;
                for kept in &old {
                    tx.delete::<Kept>(&kept.id)?;
                }
                Ok(old.len())
            })
            .await
    }
}

/// Deletes the answers to somebody who is erased: they name whom they were about.
pub(crate) fn forget(tx: &mut Tx<'_>, actor: &str) -> Result<(), StoreError> {
    let query = Query::new("actor", IndexKey::new().text(actor)).limit(100_000);
    for kept in tx.list::<Kept>(&query)?.items {
        tx.delete::<Kept>(&kept.id)?;
    }
    Ok(())
}

impl Running {
    /// Keeps the answer, in the transaction that does the work. `sealing`: the data key of the consultation it speaks of,
    /// so that purging that purges this as well.
    pub fn keep(
        &self,
        tx: &mut Tx<'_>,
        now: Timestamp,
        sealing: Sealing,
        answer: &Answer,
    ) -> Result<(), StoreError> {
        let until = now.saturating_add(KEPT).unwrap_or(Timestamp::MAX);
        let (id, request, answer) = (self.id.clone(), self.request.clone(), answer.clone());
        tx.put(&Kept { id, request, answer, until, actor: self.actor.clone(), sealing }).map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::{DataKeyId, InstanceKey};

    fn now() -> Timestamp {
        "2026-12-03T13:30:00Z".parse().unwrap()
    }

    async fn begin(idempotency: &Idempotency, actor: &str, body: &str) -> Begin {
        idempotency.begin(now(), actor, "7c", &[b"POST", body.as_bytes()]).await.unwrap()
    }

    #[tokio::test]
    async fn the_same_request_gets_the_same_answer_and_another_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let key = InstanceKey::random();
        let store = Store::open(dir.path(), &key).unwrap();
        let idempotency = Idempotency::new(store.clone(), LookupKey::new(&key));
        let Begin::New(running) = begin(&idempotency, "acc_1", "a").await else { panic!("not new") };
        assert!(matches!(begin(&idempotency, "acc_1", "a").await, Begin::InProgress));
        let answer = Answer {
            status: 201,
            location: Some("/x".into()),
            etag: None,
            body: serde_json::json!({"id": 1}),
        };
        let data_key = DataKeyId::new("cs_1");
        store
            .write(|tx| {
                tx.create_key(&data_key)?;
                running.keep(tx, now(), Sealing::Data(data_key.clone()), &answer)
            })
            .await
            .unwrap();
        drop(running);
        assert!(matches!(begin(&idempotency, "acc_1", "a").await, Begin::Again(given) if given == answer));
        assert!(matches!(begin(&idempotency, "acc_1", "b").await, Begin::Reused));
        assert!(matches!(begin(&idempotency, "acc_2", "b").await, Begin::New(_)));

        store.write(|tx| tx.destroy_key(&data_key)).await.unwrap();
        assert!(matches!(begin(&idempotency, "acc_1", "a").await, Begin::New(_)));
    }

    #[tokio::test]
    async fn a_refused_request_may_be_sent_again_and_old_answers_go() {
        let dir = tempfile::tempdir().unwrap();
        let key = InstanceKey::random();
        let store = Store::open(dir.path(), &key).unwrap();
        let idempotency = Idempotency::new(store.clone(), LookupKey::new(&key));
        drop(begin(&idempotency, "acc_1", "a").await);
        let Begin::New(running) = begin(&idempotency, "acc_1", "b").await else { panic!("not new") };
        let answer = Answer { status: 204, location: None, etag: None, body: serde_json::Value::Null };
        store.write(|tx| running.keep(tx, now(), Sealing::Instance, &answer)).await.unwrap();
        drop(running);
        assert_eq!(idempotency.sweep(now() + SignedDuration::from_hours(23)).await, Ok(0));
        assert_eq!(idempotency.sweep(now() + SignedDuration::from_hours(25)).await, Ok(1));
        assert!(matches!(begin(&idempotency, "acc_1", "a").await, Begin::New(_)));
    }
}
