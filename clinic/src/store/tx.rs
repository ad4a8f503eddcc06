//! Reading and writing records: [`View`] is what both a transaction and the store itself can be asked.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::engine::{Batch, EngineError, Range, Row};
use super::envelope::{self, Header};
use super::record::{Cursor, Indexes, Page, Query, Record, Sealing, Versioned};
use super::{Shared, StoreError, keys};
use crate::audit::{self, Event};
use crate::crypto::{DataKeyId, Key};

/// Longest id and index key, in bytes.
const ID_BYTES_MAX: usize = 200;
const INDEX_KEY_BYTES_MAX: usize = 512;

/// Reads rows, from the store or from a transaction over it.
pub(super) trait Rows {
    fn row(&self, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError>;
    fn rows(&self, range: Range<'_>, reverse: bool, limit: usize) -> Result<Vec<Row>, EngineError>;
}

impl Rows for Shared {
    fn row(&self, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
        self.engine.get(key)
    }

    fn rows(&self, range: Range<'_>, reverse: bool, limit: usize) -> Result<Vec<Row>, EngineError> {
        self.engine.range(range, reverse, limit)
    }
}

/// The rows with the keys to open them.
pub(super) struct View<'a> {
    pub rows: &'a dyn Rows,
    pub shared: &'a Shared,
}

impl View<'_> {
    pub fn root(&self, sealed_with: Option<&DataKeyId>) -> Result<Key, StoreError> {
        match sealed_with {
            None => Ok(self.shared.keys.records.clone()),
            Some(id) => self.shared.data_key(id).ok_or(StoreError::Purged),
        }
    }

    pub fn get<R: Record>(&self, id: &str) -> Result<Option<Versioned<R>>, StoreError> {
        let Some(bytes) = self.rows.row(&keys::record(R::COLLECTION, id))? else { return Ok(None) };
        let (header, head, sealed) = Header::read(&bytes).ok_or(StoreError::Unreadable)?;
        let root = self.root(header.data_key.as_ref())?;
        let value = envelope::open(&root, R::COLLECTION, id, head, sealed)?;
        Ok(Some(Versioned { version: header.version, value }))
    }

    pub fn list<R: Record>(&self, query: &Query) -> Result<Page<R>, StoreError> {
        let prefix = [keys::index(R::COLLECTION, query.index), query.prefix.0.clone()].concat();
        let (ids, next) = self.entries(&prefix, query)?;
        let mut items = Vec::with_capacity(ids.len());
        for id in ids {
            match self.get::<R>(&id) {
                Ok(Some(item)) => items.push(item),
                // Gone or purged between the index and the record.
                Ok(None) | Err(StoreError::Purged) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Page { items, next })
    }

    /// The ids a query finds.
    fn entries(&self, prefix: &[u8], query: &Query) -> Result<(Vec<String>, Option<Cursor>), StoreError> {
        let join = |rest: &super::IndexKey| [prefix, &rest.0].concat();
        let mut low = Bound::Included(query.from.as_ref().map_or_else(|| prefix.to_vec(), join));
        let mut high = match query.until.as_ref().map(join).or_else(|| keys::after_prefix(prefix)) {
            Some(end) => Bound::Excluded(end),
            None => Bound::Unbounded,
        };
        // A cursor can only narrow the range: one from elsewhere leads to no other records.
        if let Some(Cursor(at)) = query.after.as_ref().filter(|cursor| cursor.0.starts_with(prefix)) {
            if query.reverse {
                high = Bound::Excluded(at.clone());
            } else {
                low = Bound::Excluded(at.clone());
            }
        } else if query.after.is_some() {
            return Err(StoreError::BadCursor);
        }
        if is_empty(&low, &high) {
            return Ok((Vec::new(), None));
        }
        let range = (low.as_ref().map(Vec::as_slice), high.as_ref().map(Vec::as_slice));
        let mut rows = self.rows.rows(range, query.reverse, query.limit.saturating_add(1))?;
        let more = rows.len() > query.limit;
        rows.truncate(query.limit);
        let next = if more { rows.last().map(|(key, _)| Cursor(key.clone())) } else { None };
        let ids = rows.into_iter().map(|(_, id)| String::from_utf8(id).map_err(|_| StoreError::Unreadable));
        Ok((ids.collect::<Result<_, _>>()?, next))
    }
}

fn is_empty(low: &Bound<Vec<u8>>, high: &Bound<Vec<u8>>) -> bool {
    match (low, high) {
        (Bound::Included(low), Bound::Excluded(high)) => low >= high,
        (Bound::Excluded(low), Bound::Excluded(high)) => low >= high,
        _ => false,
    }
}

/// A transaction: sees its own writes, alone at its time, applied as one or not at all.
pub struct Tx<'a> {
    pub(super) shared: &'a Shared,
    pub(super) batch: Batch,
    pub(super) chain: audit::Chain,
    pub(super) created: Vec<DataKeyId>,
    pub(super) condemned: Vec<DataKeyId>,
}

impl std::fmt::Debug for Tx<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tx").field("changes", &self.batch.len()).finish_non_exhaustive()
    }
}

impl Rows for Tx<'_> {
    fn row(&self, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
        match self.batch.get(key) {
            Some(value) => Ok(value.clone()),
            None => self.shared.engine.get(key),
        }
    }

    fn rows(&self, range: Range<'_>, reverse: bool, limit: usize) -> Result<Vec<Row>, EngineError> {
        let owned = (range.0.map(<[u8]>::to_vec), range.1.map(<[u8]>::to_vec));
        let ours: Vec<(&Vec<u8>, &Option<Vec<u8>>)> = self.batch.range::<Vec<u8>, _>(owned).collect();
        // What we deleted may fill the engine's answer: ask for that many more.
        let stored = self.shared.engine.range(range, reverse, limit.saturating_add(ours.len()))?;
        let mut merged: BTreeMap<Vec<u8>, Vec<u8>> = stored.into_iter().collect();
        for (key, value) in ours {
            match value {
                Some(value) => merged.insert(key.clone(), value.clone()),
                None => merged.remove(key),
            };
        }
        let rows = merged.into_iter();
        Ok(if reverse { rows.rev().take(limit).collect() } else { rows.take(limit).collect() })
    }
}

impl Tx<'_> {
    pub(super) fn view(&self) -> View<'_> {
        View { rows: self, shared: self.shared }
    }

    /// `Err(Purged)` when its data key was destroyed.
    pub fn get<R: Record>(&self, id: impl AsRef<str>) -> Result<Option<Versioned<R>>, StoreError> {
        self.view().get(id.as_ref())
    }

    pub fn list<R: Record>(&self, query: &Query) -> Result<Page<R>, StoreError> {
        self.view().list(query)
    }

    /// Refused with `Exists` if there is one of this id. Gives the version, 1.
    pub fn insert<R: Record>(&mut self, record: &R) -> Result<u64, StoreError> {
        self.write(record, Expect::Absent)
    }

    /// Compare-and-swap: refused with `VersionConflict` unless the stored version is the one that was read. Sets and gives
    /// the new version.
    pub fn update<R: Record>(&mut self, record: &mut Versioned<R>) -> Result<u64, StoreError> {
        record.version = self.write(&record.value, Expect::Version(record.version))?;
        Ok(record.version)
    }

    /// Whatever was there before.
    pub fn put<R: Record>(&mut self, record: &R) -> Result<u64, StoreError> {
        self.write(record, Expect::Anything)
    }

    /// True when there was one. Works for purged records too.
    pub fn delete<R: Record>(&mut self, id: impl AsRef<str>) -> Result<bool, StoreError> {
        self.remove(keys::record(R::COLLECTION, id.as_ref()))
    }

    fn remove(&mut self, key: Vec<u8>) -> Result<bool, StoreError> {
        let Some(bytes) = self.row(&key)? else { return Ok(false) };
        let (header, _, _) = Header::read(&bytes).ok_or(StoreError::Unreadable)?;
        for entry in header.entries {
            self.batch.insert(entry, None);
        }
        self.batch.insert(key, None);
        Ok(true)
    }

    fn write<R: Record>(&mut self, record: &R, expect: Expect) -> Result<u64, StoreError> {
        let id = record.id();
        if id.is_empty() || id.len() > ID_BYTES_MAX || id.contains('\0') {
            return Err(StoreError::BadId);
        }
        let key = keys::record(R::COLLECTION, &id);
        let old = match self.row(&key)? {
            Some(bytes) => Some(Header::read(&bytes).ok_or(StoreError::Unreadable)?.0),
            None => None,
        };
        match (expect, &old) {
            (Expect::Absent, Some(_)) => return Err(StoreError::Exists),
            (Expect::Version(version), Some(old)) if old.version == version => {}
            (Expect::Version(_), _) => return Err(StoreError::VersionConflict),
            _ => {}
        }
        for entry in old.iter().flat_map(|old| &old.entries) {
            self.batch.insert(entry.clone(), None);
        }
        let data_key = match record.sealing() {
            Sealing::Instance => None,
            Sealing::Data(id) => Some(id),
        };
        let root = self.view().root(data_key.as_ref())?;
        let mut entries = self.place_entries(record, &id)?;
        if let Some(data_key) = &data_key {
            let member = keys::member(data_key.as_str(), R::COLLECTION, &id);
            self.batch.insert(member.clone(), Some(key.clone()));
            entries.push(member);
        }
        let version = old.map_or(0, |old| old.version).saturating_add(1);
        let header = Header { version, data_key, entries };
        let bytes = envelope::seal(&root, R::COLLECTION, &id, &header, record)?;
        self.batch.insert(key, Some(bytes));
        Ok(version)
    }

    fn place_entries<R: Record>(&mut self, record: &R, id: &str) -> Result<Vec<Vec<u8>>, StoreError> {
        let mut indexes = Indexes::default();
        record.index(&mut indexes);
        let mut keys = Vec::with_capacity(indexes.entries.len());
        for entry in indexes.entries {
            if entry.key.0.len() > INDEX_KEY_BYTES_MAX {
                return Err(StoreError::BadId);
            }
            let prefix = [keys::index(R::COLLECTION, entry.index), entry.key.0].concat();
            if entry.unique {
                let end = keys::after_prefix(&prefix).map_or(Bound::Unbounded, Bound::Excluded);
                let range = (Bound::Included(prefix.as_slice()), end.as_ref().map(Vec::as_slice));
                if self.rows(range, false, 2)?.iter().any(|(_, other)| other != id.as_bytes()) {
                    return Err(StoreError::Taken(entry.index));
                }
            }
            let key = [prefix.as_slice(), id.as_bytes()].concat();
            self.batch.insert(key.clone(), Some(id.as_bytes().to_vec()));
            keys.push(key);
        }
        Ok(keys)
    }

    /// Makes the data key of a consultation or patient file. It is there for the rest of this transaction; if the
    /// transaction fails, it is destroyed again.
    pub fn create_key(&mut self, id: &DataKeyId) -> Result<(), StoreError> {
        if self.shared.data_key(id).is_none() {
            self.shared.keyring.create(id)?;
            self.created.push(id.clone());
        }
        Ok(())
    }

    /// Purges: deletes every record sealed with this key, whatever its collection, and destroys the key. What is read from
    /// now on finds nothing; when the write is acknowledged, the key is gone from the disk and the blobs sealed with it are
    /// deleted. Gives how many records went.
    pub fn destroy_key(&mut self, id: &DataKeyId) -> Result<usize, StoreError> {
        let prefix = keys::members(id.as_str());
        let end = keys::after_prefix(&prefix).map_or(Bound::Unbounded, Bound::Excluded);
        let range = (Bound::Included(prefix.as_slice()), end.as_ref().map(Vec::as_slice));
        let members = self.rows(range, false, usize::MAX)?;
        let count = members.len();
        for (_, row) in members {
            self.remove(row)?;
        }
        self.batch.insert(keys::condemned(id.as_str()), Some(Vec::new()));
        self.condemned.push(id.clone());
        Ok(count)
    }

    /// Appends to the audit trail, in the same transaction as what it tells of.
    pub fn audit(&mut self, event: &Event) -> Result<(), StoreError> {
        let (key, value) = self.chain.append(event).ok_or(StoreError::Unreadable)?;
        self.batch.insert(key, Some(value));
        let (key, value) = self.chain.head_row(&self.shared.keys.audit);
        self.batch.insert(key, Some(value));
        Ok(())
    }

    /// For what has its own rows: the audit trail's pruning, migrations.
    pub(crate) fn raw(&mut self, key: Vec<u8>, value: Option<Vec<u8>>) {
        self.batch.insert(key, value);
    }
}

enum Expect {
    Absent,
    Version(u64),
    Anything,
}
