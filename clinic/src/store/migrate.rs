//! The store's own facts (its key, its schema) and the way from older schemas to this one.

use std::ops::Bound;

use super::engine::{Batch, Engine};
use super::envelope::{self, Header};
use super::record::Record;
use super::{OpenError, Store, StoreError, Tx, keys};
use crate::crypto::{InstanceKey, fill_random, same};

/// The schema that this program writes. Raised together with an entry of [`MIGRATIONS`].
pub const SCHEMA: u32 = 1;

/// In order of `to`, each one a step from the schema before.
pub(super) const MIGRATIONS: &[Migration] = &[];

/// One step between schemas. It runs once, in one transaction, before anybody else sees the store.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    /// The schema after it.
    pub to: u32,
    /// For the log.
    pub what: &'static str,
    pub run: fn(&mut Migrator<'_, '_>) -> Result<(), StoreError>,
}

/// What a migration may do.
#[derive(Debug)]
pub struct Migrator<'a, 'b> {
    tx: &'a mut Tx<'b>,
}

impl Migrator<'_, '_> {
    /// Reads every record of `collection` as JSON, whatever its type was, and writes what `f` makes of it as `R` of today,
    /// with today's indexes. `None` deletes. Records whose data key was destroyed are left alone. Gives how many were read.
    pub fn rewrite<R: Record>(
        &mut self,
        collection: &str,
        mut f: impl FnMut(serde_json::Value) -> Result<Option<R>, StoreError>,
    ) -> Result<usize, StoreError> {
        let start = keys::collection(collection);
        let end = keys::after_prefix(&start).map_or(Bound::Unbounded, Bound::Excluded);
        let range = (Bound::Included(start.as_slice()), end.as_ref().map(Vec::as_slice));
        let mut count = 0;
        for (key, bytes) in self.tx.shared.engine.range(range, false, usize::MAX)? {
            let id = key.get(start.len()..).and_then(|id| std::str::from_utf8(id).ok());
            let id = id.ok_or(StoreError::Unreadable)?;
            let (header, head, sealed) = Header::read(&bytes).ok_or(StoreError::Unreadable)?;
            let root = match self.tx.view().root(header.data_key.as_ref()) {
                Ok(root) => root,
                Err(StoreError::Purged) => continue,
                Err(error) => return Err(error),
            };
            let old = envelope::open(&root, collection, id, head, sealed)?;
            count += 1;
            for entry in header.entries {
                self.tx.raw(entry, None);
            }
            let new = f(old)?;
            // Under another collection or id it is another record: the old one goes.
            if new.as_ref().is_none_or(|new| R::COLLECTION != collection || new.id() != id) {
                self.tx.raw(key.clone(), None);
            }
            if let Some(new) = new {
                self.tx.put(&new)?;
            }
        }
        Ok(count)
    }
}

/// Refuses a store made with another key; marks a new one with this key.
pub(super) fn check_key(engine: &dyn Engine, instance: &InstanceKey) -> Result<(), OpenError> {
    let key = instance.derive("key-check");
    let row = keys::meta("key-check");
    match engine.get(&row)? {
        Some(stored) => {
            let (salt, check) = stored.split_at_checked(16).ok_or(OpenError::OtherKey)?;
            if same(&key.mac(salt), check) { Ok(()) } else { Err(OpenError::OtherKey) }
        }
        None => {
            let mut salt = [0; 16];
            fill_random(&mut salt);
            let mut batch = Batch::new();
            batch.insert(row, Some([salt.as_slice(), &key.mac(&salt)].concat()));
            engine.apply(&batch)?;
            Ok(engine.flush()?)
        }
    }
}

pub(super) fn run(store: &Store, migrations: &[Migration]) -> Result<(), OpenError> {
    let engine = &store.shared().engine;
    let row = keys::meta("schema");
    let known = migrations.last().map_or(SCHEMA, |last| last.to);
    let mut schema = match engine.get(&row)? {
        Some(bytes) => {
            let bytes = bytes.as_slice().try_into().map_err(|_| StoreError::Unreadable)?;
            u32::from_be_bytes(bytes)
        }
        // A new store starts with the newest.
        None => {
            let fresh = known;
            store.write_unflushed(|tx| {
                tx.raw(row.clone(), Some(fresh.to_be_bytes().to_vec()));
                Ok::<_, StoreError>(())
            })?;
            fresh
        }
    };
    if schema > known {
        return Err(OpenError::Newer { found: schema, known });
    }
    for migration in migrations {
        if migration.to <= schema {
            continue;
        }
        tracing::info!(to = migration.to, what = migration.what, "migrating the store");
        let step = store.write_unflushed(|tx| {
            (migration.run)(&mut Migrator { tx })?;
            tx.raw(row.clone(), Some(migration.to.to_be_bytes().to_vec()));
            Ok::<_, StoreError>(())
        });
        step.map_err(|source| OpenError::Migration { to: migration.to, source })?;
        schema = migration.to;
    }
    Ok(engine.flush()?)
}
