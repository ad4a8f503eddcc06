//! Bytes too large for records: one file each, written once, sealed under a data key.
//!
//! A blob is written before the record that names it and deleted after; a crash between the two leaves a file that no
//! record names, which [`Blobs::sweep`] finds. Its name is an opaque id.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{OpenError, Store, StoreError};
use crate::crypto::{DataKeyId, aead};
use crate::ids::BlobId;

/// Largest blob, in bytes: it is sealed and opened as a whole, in memory.
pub const BYTES_MAX: usize = 64 << 20;

#[derive(Clone, Debug)]
pub struct Blobs {
    dir: PathBuf,
    held: Arc<Mutex<Held>>,
}

#[derive(Debug, Default)]
struct Held {
    snapshots: usize,
    /// To delete once no snapshot needs them.
    waiting: Vec<String>,
}

fn io(error: &std::io::Error) -> StoreError {
    StoreError::Engine(format!("blob: {error}"))
}

impl Blobs {
    pub(super) fn open(dir: PathBuf) -> Result<Blobs, OpenError> {
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&dir);
        made.map_err(|source| OpenError::Io { path: dir.clone(), source })?;
        Ok(Blobs { dir, held: Arc::default() })
    }

    pub(crate) fn path(&self, id: &str) -> PathBuf {
        self.dir.join(id)
    }

    /// Writes the file and waits for the disk. Blocks.
    pub(crate) fn place(&self, id: &str, sealed: &[u8]) -> std::io::Result<()> {
        let part = self.dir.join(format!("{id}.part"));
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part)?;
        file.write_all(sealed)?;
        file.sync_all()?;
        fs::rename(&part, self.path(id))?;
        File::open(&self.dir)?.sync_all()
    }

    /// Removes the file, at once or when the running backup has ended. One that is not there is no error.
    pub fn delete(&self, id: &BlobId) -> Result<(), StoreError> {
        let mut held = self.lock();
        if held.snapshots > 0 {
            held.waiting.push(id.as_str().to_owned());
            return Ok(());
        }
        remove(&self.path(id.as_str())).map_err(|error| io(&error))
    }

    pub(super) fn hold(&self) {
        let mut held = self.lock();
        held.snapshots = held.snapshots.saturating_add(1);
    }

    pub(super) fn release(&self) {
        let mut held = self.lock();
        held.snapshots = held.snapshots.saturating_sub(1);
        if held.snapshots == 0 {
            for id in std::mem::take(&mut held.waiting) {
                if let Err(error) = remove(&self.path(&id)) {
                    tracing::warn!(%error, "a blob could not be deleted; the next sweep will find it");
                }
            }
        }
    }

    /// Names of all complete blobs.
    pub fn names(&self) -> Result<Vec<String>, StoreError> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.dir).map_err(|error| io(&error))? {
            let name = entry.map_err(|error| io(&error))?.file_name().to_string_lossy().into_owned();
            if name.parse::<BlobId>().is_ok() {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    /// Deletes what no record names, and unfinished files. Only for the start, before anybody writes. Gives how many.
    pub fn sweep(&self, named: &HashSet<String>) -> Result<usize, StoreError> {
        let mut swept = 0;
        for entry in fs::read_dir(&self.dir).map_err(|error| io(&error))? {
            let entry = entry.map_err(|error| io(&error))?;
            if !named.contains(&*entry.file_name().to_string_lossy()) {
                remove(&entry.path()).map_err(|error| io(&error))?;
                swept += 1;
            }
        }
        Ok(swept)
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn remove(path: &Path) -> std::io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

impl Store {
    /// Seals `plain` under the data key and writes it, on the disk when this returns. `TooLarge` above [`BYTES_MAX`].
    pub async fn put_blob(&self, key: &DataKeyId, id: &BlobId, plain: Vec<u8>) -> Result<(), StoreError> {
        if plain.len() > BYTES_MAX {
            return Err(StoreError::TooLarge);
        }
        let root = self.data_key(key)?;
        // The key may have been made by a transaction a moment ago.
        self.settled().await?;
        let (blobs, id) = (self.blobs().clone(), id.clone());
        off_the_threads(move || {
            let plain = zeroize::Zeroizing::new(plain);
            let sealed =
                aead::seal(&root.derive("blob", &[id.as_str().as_bytes()]), id.as_str().as_bytes(), &plain);
            blobs.place(id.as_str(), &sealed).map_err(|error| io(&error))
        })
        .await
    }

    /// `None` when there is no such blob.
    pub async fn get_blob(&self, key: &DataKeyId, id: &BlobId) -> Result<Option<Vec<u8>>, StoreError> {
        let root = self.data_key(key)?;
        let (blobs, id) = (self.blobs().clone(), id.clone());
        off_the_threads(move || {
            let sealed = match fs::read(blobs.path(id.as_str())) {
                Ok(sealed) => sealed,
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(io(&error)),
            };
            let key = root.derive("blob", &[id.as_str().as_bytes()]);
            let plain =
                aead::open(&key, id.as_str().as_bytes(), &sealed).map_err(|_| StoreError::Tampered)?;
            Ok(Some(plain.to_vec()))
        })
        .await
    }
}

async fn off_the_threads<T: Send + 'static>(
    f: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    match tokio::task::spawn_blocking(f).await {
        Ok(outcome) => outcome,
        Err(error) => Err(StoreError::Engine(format!("blob: {error}"))),
    }
}
