//! Jobs that are due at a time, kept in the store until they are done: at least once, also over restarts.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, Semaphore, watch};

use super::Clock;
use crate::store::{IndexKey, Indexes, Query, Record, Sealing, Store, StoreError, Tx, Versioned};

/// Jobs that run at one time.
const CONCURRENT_MAX: usize = 16;
/// Longest wait between tries.
const BACKOFF_MAX: SignedDuration = SignedDuration::from_hours(1);

/// Something to do at a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Which handler does it.
    pub kind: String,
    /// What it is about: an opaque id. Kind and subject together name the job, so that there is one at most.
    pub subject: String,
    pub due: Timestamp,
    /// Tries that failed.
    #[serde(default)]
    pub attempts: u32,
}

impl Job {
    pub fn new(kind: &str, subject: impl AsRef<str>, due: Timestamp) -> Job {
        Job { kind: kind.to_owned(), subject: subject.as_ref().to_owned(), due, attempts: 0 }
    }

    fn key(kind: &str, subject: &str) -> String {
        format!("{kind}/{subject}")
    }
}

impl Record for Job {
    const COLLECTION: &'static str = "job";

    fn id(&self) -> String {
        Job::key(&self.kind, &self.subject)
    }

    fn sealing(&self) -> Sealing {
        Sealing::Instance
    }

    fn index(&self, indexes: &mut Indexes) {
        indexes.add("due", IndexKey::new().time(self.due));
    }
}

/// Scheduling as part of a transaction.
pub trait Schedule {
    /// Sets the job. One of the same kind and subject is moved to the new time and starts its tries anew.
    fn schedule(&mut self, job: &Job) -> Result<(), StoreError>;
    /// Takes the job back. True when there was one.
    fn unschedule(&mut self, kind: &str, subject: impl AsRef<str>) -> Result<bool, StoreError>;
}

impl Schedule for Tx<'_> {
    fn schedule(&mut self, job: &Job) -> Result<(), StoreError> {
        self.put(job).map(|_| ())
    }

    fn unschedule(&mut self, kind: &str, subject: impl AsRef<str>) -> Result<bool, StoreError> {
        self.delete::<Job>(Job::key(kind, subject.as_ref()))
    }
}

/// Why a job is to be tried again. The text is logged: stable words only.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct JobError {
    pub reason: String,
    /// `None`: 1 s, 2 s, 4 s ... up to an hour.
    pub retry_in: Option<SignedDuration>,
}

impl From<StoreError> for JobError {
    fn from(error: StoreError) -> JobError {
        JobError { reason: error.to_string(), retry_in: None }
    }
}

/// Does the jobs of one kind. It may be called again for a job that it did already: its effects have to allow that.
#[async_trait]
pub trait Handler: Send + Sync + 'static {
    /// `Ok` ends the job, unless it was scheduled anew meanwhile (by the handler itself, for what repeats).
    async fn run(&self, job: &Job) -> Result<(), JobError>;
}

/// Runs what is due. Clones are handles.
#[derive(Clone)]
pub struct Scheduler {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    clock: Clock,
    handlers: Mutex<HashMap<String, Arc<dyn Handler>>>,
    running: Mutex<HashSet<String>>,
    /// Something was scheduled or done: look again.
    changed: Notify,
    slots: Arc<Semaphore>,
}

impl std::fmt::Debug for Scheduler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Scheduler")
    }
}

impl Scheduler {
    pub fn new(store: Store, clock: Clock) -> Scheduler {
        let inner = Inner {
            store,
            clock,
            handlers: Mutex::default(),
            running: Mutex::default(),
            changed: Notify::new(),
            slots: Arc::new(Semaphore::new(CONCURRENT_MAX)),
        };
        Scheduler { inner: Arc::new(inner) }
    }

    /// Who does the jobs of `kind`. Jobs without a handler stay, untried.
    pub fn handle(&self, kind: &str, handler: Arc<dyn Handler>) {
        self.inner.handlers.lock().unwrap_or_else(PoisonError::into_inner).insert(kind.to_owned(), handler);
        self.wake();
    }

    /// To be called after a transaction that scheduled something, so that it does not wait for the next look.
    pub fn wake(&self) {
        self.inner.changed.notify_one();
    }

    /// Runs until `stop` is true, then waits for the jobs that are running.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        loop {
            let next = self.start_due().await;
            let wait = async {
                match next {
                    Some(due) => self.inner.clock.sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => break,
                () = self.inner.changed.notified() => {}
                () = wait => {}
                // A forgotten `wake` delays a job by this much at most.
                () = tokio::time::sleep(Duration::from_secs(5)) => {}
            }
        }
        let all = u32::try_from(CONCURRENT_MAX).unwrap_or(u32::MAX);
        let _ = self.inner.slots.acquire_many(all).await;
    }

    /// Starts every job whose time has come and gives the time of the next.
    async fn start_due(&self) -> Option<Timestamp> {
        let now = self.inner.clock.now();
        let mut query = Query::new("due", IndexKey::new()).limit(64);
        loop {
            let page = match self.inner.store.list::<Job>(&query) {
                Ok(page) => page,
                Err(error) => {
                    tracing::error!(%error, "jobs cannot be read");
                    return None;
                }
            };
            for job in page.items {
                if job.due > now {
                    return Some(job.due);
                }
                self.start(job).await;
            }
            query = query.after(Some(page.next?));
        }
    }

    fn handler(&self, kind: &str) -> Option<Arc<dyn Handler>> {
        self.inner.handlers.lock().unwrap_or_else(PoisonError::into_inner).get(kind).cloned()
    }

    async fn start(&self, job: Versioned<Job>) {
        let Some(handler) = self.handler(&job.kind) else { return };
        let id = job.id();
        if !self.running().insert(id.clone()) {
            return;
        }
        let Ok(slot) = self.inner.slots.clone().acquire_owned().await else { return };
        let this = self.clone();
        tokio::spawn(async move {
            // Also when the handler panics: the job is then tried again at the next look.
            let _running = Running { scheduler: &this, id };
            let outcome = handler.run(&job).await;
            if let Err(error) = this.settle(job, outcome).await {
                tracing::error!(%error, "the outcome of a job could not be kept; it will run again");
            }
            drop(slot);
        });
    }

    async fn settle(&self, job: Versioned<Job>, outcome: Result<(), JobError>) -> Result<(), StoreError> {
        let now = self.inner.clock.now();
        let later = outcome.err().map(|error| {
            tracing::warn!(kind = job.kind, attempts = job.attempts, reason = error.reason, "a job failed");
            error.retry_in.unwrap_or_else(|| backoff(job.attempts))
        });
        self.inner
            .store
            .write(|tx| {
                // Scheduled anew or taken back while it ran: that is what counts.
                let Some(mut stored) = tx.get::<Job>(job.id())? else { return Ok(()) };
                if stored.version != job.version || stored.value != job.value {
                    return Ok(());
                }
                match later {
                    None => tx.delete::<Job>(job.id()).map(|_| ()),
                    Some(wait) => {
                        stored.attempts = stored.attempts.saturating_add(1);
                        stored.due = now.saturating_add(wait).unwrap_or(Timestamp::MAX);
                        tx.update(&mut stored).map(|_| ())
                    }
                }
            })
            .await
    }

    fn running(&self) -> std::sync::MutexGuard<'_, HashSet<String>> {
        self.inner.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Running<'a> {
    scheduler: &'a Scheduler,
    id: String,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.scheduler.running().remove(&self.id);
        self.scheduler.wake();
    }
}

fn backoff(attempts: u32) -> SignedDuration {
    let seconds = 1_i64.checked_shl(attempts.min(20)).unwrap_or(i64::MAX);
    SignedDuration::from_secs(seconds).min(BACKOFF_MAX)
}

#[cfg(test)]
mod tests;
