//! A consistent copy of all rows while writes go on.
//!
//! The copy walks the keys in order. A transaction that changes a key in front of the walk first puts the old value aside;
//! the walk then takes that one. So the copy is the store as it was when the walk began, and nobody waits for it.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::engine::{Batch, Engine, EngineError, Row};
use super::{Store, StoreError};
use crate::crypto::keyring::WrappedKey;

/// Rows for each step: writers wait for one step at most.
const STEP_ROWS: usize = 512;

/// The state of a walk, kept where the writers see it.
#[derive(Debug, Default)]
pub(super) struct Copying {
    /// Keys up to and with this one are copied.
    done: Option<Vec<u8>>,
    /// What keys held when the walk began, if they were changed since. `None`: they were not there.
    before: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
}

impl Copying {
    /// Puts aside what `batch` is about to change.
    pub fn preserve(&mut self, batch: &Batch, engine: &dyn Engine) -> Result<(), EngineError> {
        for key in batch.keys() {
            if self.done.as_ref().is_some_and(|done| key <= done) || self.before.contains_key(key) {
                continue;
            }
            let old = engine.get(key)?;
            self.before.insert(key.clone(), old);
        }
        Ok(())
    }

    /// The next rows as they were, or none at the end.
    fn step(&mut self, engine: &dyn Engine, limit: usize) -> Result<Vec<Row>, EngineError> {
        loop {
            let low = self.done.clone().map_or(Bound::Unbounded, Bound::Excluded);
            let range = (low.as_ref().map(Vec::as_slice), Bound::Unbounded);
            let current = engine.range(range, false, limit)?;
            let full = current.len() == limit;
            let last = current.last().map(|(key, _)| key.clone());
            let mut rows: BTreeMap<Vec<u8>, Vec<u8>> = current.into_iter().collect();
            // Up to the last key that was read, or to the end of all keys.
            let reached = |key: &Vec<u8>| !full || last.as_ref().is_some_and(|last| key <= last);
            let aside: Vec<Vec<u8>> = self.before.keys().filter(|key| reached(key)).cloned().collect();
            let moved = !rows.is_empty() || !aside.is_empty();
            let done = rows.keys().chain(aside.iter()).max().cloned();
            for key in aside {
                match self.before.remove(&key).flatten() {
                    Some(old) => rows.insert(key, old),
                    None => rows.remove(&key),
                };
            }
            if done.is_some() {
                self.done = done;
            }
            // All rows of a step may be newer than the walk: go on until there is something, or the end.
            if !rows.is_empty() || !moved {
                return Ok(rows.into_iter().collect());
            }
        }
    }
}

/// A copy in progress. Dropped early, it just ends.
pub struct Snapshot {
    store: Store,
    keys: Vec<WrappedKey>,
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Snapshot")
    }
}

impl Store {
    /// Begins a copy. Blobs deleted from now on stay until it ends. `None` when one is going on already.
    pub fn snapshot(&self) -> Result<Option<Snapshot>, StoreError> {
        let mut writer = self.writer();
        if writer.snapshot.is_some() {
            return Ok(None);
        }
        // First of all: a blob whose row the copy will hold must not go in between.
        self.blobs().hold();
        // Under the writer's lock: no transaction makes or destroys a key between the two.
        let condemned = self.shared().condemned.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        let exported = self.shared().keyring.export();
        let mut keys = exported.inspect_err(|_| self.blobs().release())?;
        keys.retain(|key| !condemned.contains(&key.id));
        drop(condemned);
        writer.snapshot = Some(Copying::default());
        drop(writer);
        Ok(Some(Snapshot { store: self.clone(), keys }))
    }
}

impl Snapshot {
    /// The data keys of the moment the copy began, still wrapped.
    pub fn keys(&self) -> &[WrappedKey] {
        &self.keys
    }

    /// The next rows; none at the end.
    pub fn step(&mut self) -> Result<Vec<Row>, StoreError> {
        self.step_of(STEP_ROWS)
    }

    pub(super) fn step_of(&mut self, limit: usize) -> Result<Vec<Row>, StoreError> {
        let engine = self.store.shared().engine.clone();
        let mut writer = self.store.writer();
        match &mut writer.snapshot {
            Some(copying) => Ok(copying.step(&*engine, limit)?),
            None => Ok(Vec::new()),
        }
    }
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        self.store.writer().snapshot = None;
        self.store.blobs().release();
    }
}
