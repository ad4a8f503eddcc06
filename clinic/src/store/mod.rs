//! What has to last: records by collection and id, with indexes and transactions.
//!
//! - Every record is sealed; only ids, versions and index keys stand in clear.
//! - A transaction is applied as one or not at all, also after a crash. Transactions run one after the other; readers do
//!   not wait for them.
//! - [`Store::write`] returns after the flush. Writers that come during a flush share the next one, so that the number of
//!   flushes does not grow with the number of writers.

pub mod blobs;
mod engine;
mod envelope;
mod flusher;
pub(crate) mod keys;
mod migrate;
mod record;
mod snapshot;
mod tx;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use tokio::sync::watch;

pub use blobs::Blobs;
pub use engine::{Batch, Engine, EngineError, SledEngine};
pub use migrate::{Migration, Migrator, SCHEMA};
pub use record::{Cursor, IndexKey, Indexes, Page, Query, Record, Sealing, Versioned};
pub use snapshot::Snapshot;
pub use tx::Tx;

use crate::audit::{self, Chain};
use crate::crypto::keyring::KeyringError;
use crate::crypto::{DataKeyId, InstanceKey, Key, Keyring};
use tx::View;

/// Why a read or a write was refused. No text holds data.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    #[error("{0}")]
    Engine(String),
    #[error("the store was not flushed: {0}")]
    NotFlushed(String),
    #[error("a record of this id exists")]
    Exists,
    #[error("the record was changed by somebody else")]
    VersionConflict,
    /// The name of the unique index.
    #[error("another record has this key in the index {0}")]
    Taken(&'static str),
    #[error("the data key was destroyed or never was")]
    Purged,
    #[error("a record does not open: it was changed outside of this program")]
    Tampered,
    #[error("a record cannot be read or written as its type")]
    Unreadable,
    #[error("a record is larger than 256 KiB: keep it as a blob")]
    TooLarge,
    #[error("an id or an index key is empty, too long or holds NUL")]
    BadId,
    #[error("the cursor is not of this listing")]
    BadCursor,
}

impl From<EngineError> for StoreError {
    fn from(error: EngineError) -> StoreError {
        StoreError::Engine(error.0)
    }
}

impl From<KeyringError> for StoreError {
    fn from(error: KeyringError) -> StoreError {
        StoreError::Engine(error.to_string())
    }
}

/// Why the store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("{path}: {source}")]
    Io { path: PathBuf, source: std::io::Error },
    #[error("{0} (is another server running on this data directory?)")]
    Engine(#[from] EngineError),
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    #[error("the store was made with another key: put its own key file back")]
    OtherKey,
    #[error("the store has schema {found}, this program knows {known}: use the newer program")]
    Newer { found: u32, known: u32 },
    #[error("migration to schema {to} failed: {source}")]
    Migration { to: u32, source: StoreError },
    #[error("the audit trail has no readable end: {0}")]
    Audit(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Keys derived from the instance key.
pub(crate) struct Keys {
    pub records: Key,
    pub audit: audit::Signer,
    /// Authenticates backups.
    pub backup: Key,
}

/// What readers and transactions share.
pub(crate) struct Shared {
    pub engine: Arc<dyn Engine>,
    pub keyring: Keyring,
    pub keys: Keys,
    pub blobs: Blobs,
    /// Destroyed by an applied transaction, still in the key file until the next flush.
    pub condemned: RwLock<HashSet<DataKeyId>>,
}

impl Shared {
    fn data_key(&self, id: &DataKeyId) -> Option<Key> {
        let condemned = self.condemned.read().unwrap_or_else(PoisonError::into_inner);
        if condemned.contains(id) { None } else { self.keyring.key(id) }
    }
}

/// What only one writer at a time may touch.
struct Writer {
    chain: Chain,
    /// Transactions applied so far.
    applied: u64,
    snapshot: Option<snapshot::Copying>,
}

struct Inner {
    shared: Arc<Shared>,
    writer: Mutex<Writer>,
    /// What the flusher has to bring to the disk: the last applied transaction.
    wanted: watch::Sender<u64>,
    flushed: watch::Receiver<Result<u64, String>>,
    flusher: Mutex<Option<std::thread::JoinHandle<()>>>,
}

/// A handle to the store. Clones share it.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Store")
    }
}

impl Store {
    /// Opens or makes the store in `dir`, runs the migrations that are due and finishes destructions of keys that a crash
    /// interrupted.
    pub fn open(dir: &Path, instance: &InstanceKey) -> Result<Store, OpenError> {
        Store::open_with(dir, instance, migrate::MIGRATIONS)
    }

    pub(crate) fn open_with(
        dir: &Path,
        instance: &InstanceKey,
        migrations: &[Migration],
    ) -> Result<Store, OpenError> {
        make_dir(dir)?;
        let engine: Arc<dyn Engine> = Arc::new(SledEngine::open(&dir.join("store"))?);
        // Before the key ring: with a foreign key that would fail in less helpful words.
        migrate::check_key(&*engine, instance)?;
        let keyring = Keyring::open(&dir.join("keyring"), instance.derive("data-keys"))?;
        let keys = Keys {
            records: instance.derive("records"),
            audit: audit::Signer::new(instance),
            backup: instance.derive("backup"),
        };
        let blobs = Blobs::open(dir.join("blobs"))?;
        let chain = Chain::load(&*engine, &keys.audit).map_err(OpenError::Audit)?;
        let shared =
            Arc::new(Shared { engine: engine.clone(), keyring, keys, blobs, condemned: RwLock::default() });
        flusher::finish_destructions(&shared)?;
        let (wanted, flushed, thread) = flusher::start(shared.clone());
        let inner = Inner {
            shared,
            writer: Mutex::new(Writer { chain, applied: 0, snapshot: None }),
            wanted,
            flushed,
            flusher: Mutex::new(Some(thread)),
        };
        let store = Store { inner: Arc::new(inner) };
        migrate::run(&store, migrations)?;
        Ok(store)
    }

    /// True when `dir` holds a store already.
    pub fn exists(dir: &Path) -> bool {
        dir.join("store").exists() || dir.join("keyring").exists()
    }

    /// Runs a transaction and returns once it is on the disk. When `f` fails, nothing is written.
    pub async fn write<T, E>(&self, f: impl FnOnce(&mut Tx<'_>) -> Result<T, E>) -> Result<T, E>
    where
        E: From<StoreError>,
    {
        let (out, ticket) = self.commit(f)?;
        self.flushed(ticket).await?;
        Ok(out)
    }

    /// As [`Store::write`] without waiting for the disk: visible at once, durable with the next flush. For what may be lost
    /// with a crash, and for callers that wait by themselves ([`Store::settled`]).
    pub fn write_unflushed<T, E>(&self, f: impl FnOnce(&mut Tx<'_>) -> Result<T, E>) -> Result<T, E>
    where
        E: From<StoreError>,
    {
        self.commit(f).map(|(out, _)| out)
    }

    /// Returns once everything written before is on the disk.
    pub async fn settled(&self) -> Result<(), StoreError> {
        let applied = self.writer().applied;
        self.flushed(applied).await
    }

    /// `Err(Purged)` when its data key was destroyed.
    pub fn get<R: Record>(&self, id: impl AsRef<str>) -> Result<Option<Versioned<R>>, StoreError> {
        self.view().get(id.as_ref())
    }

    /// Purged records are left out.
    pub fn list<R: Record>(&self, query: &Query) -> Result<Page<R>, StoreError> {
        self.view().list(query)
    }

    /// The one record with this key of a unique index.
    pub fn find<R: Record>(
        &self,
        index: &'static str,
        key: IndexKey,
    ) -> Result<Option<Versioned<R>>, StoreError> {
        Ok(self.list(&Query::new(index, key).limit(1))?.items.into_iter().next())
    }

    /// Bytes too large for records.
    pub fn blobs(&self) -> &Blobs {
        &self.inner.shared.blobs
    }

    /// The key under which a blob is sealed, for the holder of its record. `Err(Purged)` when it was destroyed.
    pub(crate) fn data_key(&self, id: &DataKeyId) -> Result<Key, StoreError> {
        self.inner.shared.data_key(id).ok_or(StoreError::Purged)
    }

    /// Reads the audit trail; see [`crate::audit`].
    pub(crate) fn shared(&self) -> &Shared {
        &self.inner.shared
    }

    /// Flushes what is left and stops the flusher. Later writes are refused.
    pub async fn close(&self) {
        let _ = self.settled().await;
        self.inner.wanted.send_replace(flusher::STOP);
        let thread = self.inner.flusher.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
    }

    fn view(&self) -> View<'_> {
        View { rows: &*self.inner.shared, shared: &self.inner.shared }
    }

    fn writer(&self) -> MutexGuard<'_, Writer> {
        // A panic inside a transaction leaves the writer as it was before: its fields change only after the batch.
        self.inner.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn commit<T, E>(&self, f: impl FnOnce(&mut Tx<'_>) -> Result<T, E>) -> Result<(T, u64), E>
    where
        E: From<StoreError>,
    {
        if let Err(error) = &*self.inner.flushed.borrow() {
            return Err(StoreError::NotFlushed(error.clone()).into());
        }
        let shared = &*self.inner.shared;
        let mut writer = self.writer();
        let mut tx = Tx {
            shared,
            batch: Batch::new(),
            chain: writer.chain.clone(),
            created: Vec::new(),
            condemned: Vec::new(),
        };
        let outcome = f(&mut tx);
        let Tx { batch, chain, created, condemned, .. } = tx;
        let outcome = outcome.and_then(|out| {
            if let Some(copying) = &mut writer.snapshot {
                copying.preserve(&batch, &*shared.engine).map_err(StoreError::from)?;
            }
            if !batch.is_empty() {
                shared.engine.apply(&batch).map_err(StoreError::from)?;
            }
            Ok(out)
        });
        let out = match outcome {
            Ok(out) => out,
            Err(error) => {
                for id in &created {
                    // Left over, the key protects nothing: the records it was for were not written.
                    let _ = shared.keyring.destroy(id);
                }
                return Err(error);
            }
        };
        if batch.is_empty() {
            return Ok((out, 0));
        }
        writer.chain = chain;
        if !condemned.is_empty() {
            shared.condemned.write().unwrap_or_else(PoisonError::into_inner).extend(condemned);
        }
        writer.applied = writer.applied.saturating_add(1);
        let ticket = writer.applied;
        drop(writer);
        self.inner.wanted.send_if_modified(|wanted| {
            let later = *wanted < ticket;
            *wanted = (*wanted).max(ticket);
            later
        });
        Ok((out, ticket))
    }

    async fn flushed(&self, ticket: u64) -> Result<(), StoreError> {
        let mut flushed = self.inner.flushed.clone();
        let outcome = flushed.wait_for(|done| done.as_ref().map_or(true, |done| *done >= ticket)).await;
        match outcome.as_deref() {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(StoreError::NotFlushed(error.clone())),
            Err(_) => Err(StoreError::NotFlushed("the store is closed".to_owned())),
        }
    }
}

fn make_dir(dir: &Path) -> Result<(), OpenError> {
    use std::os::unix::fs::DirBuilderExt;
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.map_err(|source| OpenError::Io { path: dir.to_owned(), source })
}

#[cfg(test)]
mod tests;
