//! The seam under the store: ordered bytes with atomic batches. sled implements it; a replicated store could.

use std::collections::BTreeMap;
use std::fs::File;
use std::ops::Bound;
use std::path::Path;

/// What the disk or its format refused. The text never holds data.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the store failed: {0}")]
pub struct EngineError(pub String);

/// Key and value.
pub type Row = (Vec<u8>, Vec<u8>);

/// New values by key; `None` deletes.
pub type Batch = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// A part of the key space.
pub type Range<'a> = (Bound<&'a [u8]>, Bound<&'a [u8]>);

/// An ordered map from bytes to bytes.
pub trait Engine: Send + Sync + 'static {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError>;

    /// At most `limit` rows of the range, in order of keys or against it.
    fn range(&self, range: Range<'_>, reverse: bool, limit: usize) -> Result<Vec<Row>, EngineError>;

    /// All of it or nothing, also after a crash. Visible at once, durable after [`Engine::flush`].
    fn apply(&self, batch: &Batch) -> Result<(), EngineError>;

    /// Returns when everything applied before is on the disk. Blocks.
    fn flush(&self) -> Result<(), EngineError>;
}

/// How often, and with which pauses, a locked store is tried again: two seconds in all.
const LOCK_TRIES: u32 = 40;
const LOCK_WAIT: std::time::Duration = std::time::Duration::from_millis(50);

/// sled 0.34, one tree.
#[derive(Debug)]
pub struct SledEngine {
    db: sled::Db,
    /// The file that sled writes, opened once more.
    log: File,
}

impl From<sled::Error> for EngineError {
    fn from(error: sled::Error) -> EngineError {
        EngineError(error.to_string())
    }
}

impl SledEngine {
    /// Memory for pages, in bytes.
    const CACHE_BYTES: u64 = 128 << 20;

    pub fn open(dir: &Path) -> Result<SledEngine, EngineError> {
        let config = sled::Config::new()
            .path(dir)
            .cache_capacity(SledEngine::CACHE_BYTES)
            // The flusher thread of the store decides when.
            .flush_every_ms(None);
        let mut tries = 0;
        let db = loop {
            match config.open() {
                // sled's own threads may hold a store that was just closed for a moment longer; a server that really runs
                // holds it for good.
                Err(sled::Error::Io(error))
                    if tries < LOCK_TRIES && error.to_string().contains("acquire lock") =>
                {
                    tries += 1;
                    std::thread::sleep(LOCK_WAIT);
                }
                other => break other?,
            }
        };
        let log = File::options().read(true).write(true).open(dir.join("db"));
        let log = log.map_err(|error| EngineError(error.to_string()))?;
        Ok(SledEngine { db, log })
    }
}

impl Engine for SledEngine {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
        Ok(self.db.get(key)?.map(|value| value.to_vec()))
    }

    fn range(&self, range: Range<'_>, reverse: bool, limit: usize) -> Result<Vec<Row>, EngineError> {
        let rows = self.db.range::<&[u8], _>(range);
        let row = |row: Result<(sled::IVec, sled::IVec), sled::Error>| {
            row.map(|(key, value)| (key.to_vec(), value.to_vec())).map_err(EngineError::from)
        };
        if reverse { rows.rev().take(limit).map(row).collect() } else { rows.take(limit).map(row).collect() }
    }

    fn apply(&self, batch: &Batch) -> Result<(), EngineError> {
        let mut changes = sled::Batch::default();
        for (key, value) in batch {
            match value {
                Some(value) => changes.insert(key.as_slice(), value.as_slice()),
                None => changes.remove(key.as_slice()),
            }
        }
        Ok(self.db.apply_batch(changes)?)
    }

    fn flush(&self) -> Result<(), EngineError> {
        self.db.flush()?;
        // On Linux sled 0.34 ends a flush with sync_file_range(2), which asks the disk for nothing and leaves the file's
        // length to chance after a power cut. fsync does both.
        self.log.sync_data().map_err(|error| EngineError(error.to_string()))
    }
}
