//! Bytes too large for records: one file each, written once, sealed under a data key.
//!
//! A blob is written before the record that names it and deleted after; a crash between the two leaves a file that no
//! record names, which goes with its data key. The file's name is the data key's and the blob's, both opaque.

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

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Writes the file and waits for the disk. Blocks.
    fn place(&self, name: &str, sealed: &[u8]) -> std::io::Result<()> {
        let part = self.dir.join(format!("{name}.part"));
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part)?;
        file.write_all(sealed)?;
        file.sync_all()?;
        fs::rename(&part, self.path(name))?;
        File::open(&self.dir)?.sync_all()
    }

    /// Removes the file, at once or when the running backup has ended. One that is not there is no error.
    pub fn delete(&self, key: &DataKeyId, id: &BlobId) -> Result<(), StoreError> {
        self.remove(vec![name(key, id)])
    }

    /// Removes all blobs of a data key, finished or not.
    pub(super) fn delete_all(&self, key: &DataKeyId) -> Result<(), StoreError> {
        let prefix = format!("{}.", key.as_str());
        let mut names = self.all()?;
        names.retain(|name| name.starts_with(&prefix));
        self.remove(names)
    }

    fn remove(&self, names: Vec<String>) -> Result<(), StoreError> {
        let mut held = self.lock();
        if held.snapshots > 0 {
            held.waiting.extend(names);
            return Ok(());
        }
        names.iter().try_for_each(|name| remove(&self.path(name))).map_err(|error| io(&error))
    }

    pub(super) fn hold(&self) {
        let mut held = self.lock();
        held.snapshots = held.snapshots.saturating_add(1);
    }

    pub(super) fn release(&self) {
        let mut held = self.lock();
        held.snapshots = held.snapshots.saturating_sub(1);
        if held.snapshots == 0 {
            for name in std::mem::take(&mut held.waiting) {
                if let Err(error) = remove(&self.path(&name)) {
                    tracing::warn!(%error, "a blob could not be deleted; without its key it is noise");
                }
            }
        }
    }

    /// File names of all complete blobs.
    pub(crate) fn names(&self) -> Result<Vec<String>, StoreError> {
        let mut names = self.all()?;
        names.retain(|name| is_name(name));
        names.sort();
        Ok(names)
    }

    fn all(&self) -> Result<Vec<String>, StoreError> {
        let entries = fs::read_dir(&self.dir).map_err(|error| io(&error))?;
        let name =
            |entry: std::io::Result<fs::DirEntry>| Ok(entry?.file_name().to_string_lossy().into_owned());
        entries.map(name).collect::<std::io::Result<_>>().map_err(|error| io(&error))
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn name(key: &DataKeyId, id: &BlobId) -> String {
    format!("{}.{id}", key.as_str())
}

/// Could `text` be the name of a blob's file? Also what a restored backup is asked, so that it writes nowhere else.
pub(crate) fn is_name(text: &str) -> bool {
    let plain = |key: &str| key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    text.split_once('.')
        .is_some_and(|(key, id)| !key.is_empty() && plain(key) && id.parse::<BlobId>().is_ok())
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
        let (blobs, name, id) = (self.blobs().clone(), name(key, id), id.clone());
        off_the_threads(move || {
            let plain = zeroize::Zeroizing::new(plain);
            let sealed =
                aead::seal(&root.derive("blob", &[id.as_str().as_bytes()]), id.as_str().as_bytes(), &plain);
            blobs.place(&name, &sealed).map_err(|error| io(&error))
        })
        .await
    }

    /// `None` when there is no such blob.
    pub async fn get_blob(&self, key: &DataKeyId, id: &BlobId) -> Result<Option<Vec<u8>>, StoreError> {
        let root = self.data_key(key)?;
        let (blobs, name, id) = (self.blobs().clone(), name(key, id), id.clone());
        off_the_threads(move || {
            let sealed = match fs::read(blobs.path(&name)) {
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
