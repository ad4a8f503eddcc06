//! Backup and restore, also while the server runs.
//!
//! One file holds the rows as they are (sealed), the data keys as they are (wrapped) and the blobs as they are (sealed), with
//! a checksum and a signature under the instance key. The instance key itself is not in it: without `clinic.key`, to be
//! kept elsewhere, a backup is noise.
//!
//! A running server holds its store alone, so `chevet backup` asks it by a socket in the data directory ([`serve`]).

mod format;
mod socket;

use std::fs::{File, OpenOptions};
use std::io::{BufReader, BufWriter, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use socket::serve;

use crate::audit::{self, Event};
use crate::crypto::keyring::{KeyringError, WrappedKey};
use crate::crypto::{DataKeyId, InstanceKey, KeyFileError, Keyring};
use crate::store::blobs::is_name;
use crate::store::{Batch, Engine, EngineError, OpenError, SledEngine, Store, StoreError};
use crate::{StartError, key_file, store_dir};
use format::{Frame, Reader, Writer};

/// Rows for each batch while restoring.
const BATCH_ROWS: usize = 1000;

#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    #[error("{path}: {source}")]
    File { path: PathBuf, source: std::io::Error },
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("another backup is going on")]
    Busy,
    #[error("the server refused: {0}")]
    Server(String),
    #[error("{0} holds a clinic already: restore into an empty data directory")]
    Occupied(PathBuf),
    #[error("this is not a backup of a clinic, or it is cut off or damaged")]
    Damaged,
    #[error("the backup was made with another key: put its own clinic.key into the data directory first")]
    OtherKey,
    #[error("the audit trail of the backup is broken: {0}")]
    Audit(#[from] audit::Broken),
}

impl From<KeyFileError> for BackupError {
    fn from(error: KeyFileError) -> BackupError {
        BackupError::Start(error.into())
    }
}

impl From<EngineError> for BackupError {
    fn from(error: EngineError) -> BackupError {
        BackupError::Store(error.into())
    }
}

impl From<KeyringError> for BackupError {
    fn from(error: KeyringError) -> BackupError {
        BackupError::Store(error.into())
    }
}

/// What a backup holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    pub keys: u64,
    pub rows: u64,
    pub blobs: u64,
}

/// Writes a backup of the store as it is now. Blocks, and holds no lock for longer than a few rows take.
pub fn write(store: &Store, out: impl Write) -> Result<Summary, BackupError> {
    let mut snapshot = store.snapshot()?.ok_or(BackupError::Busy)?;
    // Blobs are written before the rows that name them: listed after the copy began, all that its rows name are there.
    let names = store.blobs().names()?;
    let mut writer = Writer::start(out)?;
    let mut summary = Summary::default();
    for key in snapshot.keys() {
        writer.frame(&Frame::Key { id: key.id.as_str().to_owned(), wrapped: key.wrapped.clone() })?;
        summary.keys += 1;
    }
    loop {
        let rows = snapshot.step()?;
        if rows.is_empty() {
            break;
        }
        for (key, value) in rows {
            writer.frame(&Frame::Row { key, value })?;
            summary.rows += 1;
        }
    }
    for name in names {
        let sealed = std::fs::read(store.blobs().path(&name))?;
        writer.frame(&Frame::Blob { name, sealed })?;
        summary.blobs += 1;
    }
    writer.finish(&summary, &store.shared().keys.backup)?;
    Ok(summary)
}

/// `chevet backup`: of the running server if there is one, else of the store on the disk. Refuses to overwrite a file.
pub async fn make(data_dir: &Path, to: &Path) -> Result<Summary, BackupError> {
    let file_error = |source| BackupError::File { path: to.to_owned(), source };
    if to.exists() {
        return Err(file_error(std::io::ErrorKind::AlreadyExists.into()));
    }
    let part = to.with_extension("part");
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&part)
        .map_err(file_error)?;
    let made = fill(data_dir, &file).await;
    let made = made.and_then(|()| {
        file.sync_all()?;
        let summary = format::check(BufReader::new(File::open(&part)?))?.summary;
        std::fs::rename(&part, to).map_err(file_error)?;
        Ok(summary)
    });
    if made.is_err() {
        let _ = std::fs::remove_file(&part);
    }
    made
}

async fn fill(data_dir: &Path, file: &File) -> Result<(), BackupError> {
    match socket::ask(data_dir, "backup") {
        Ok(mut answer) => {
            std::io::copy(&mut answer, &mut BufWriter::new(file))?;
            Ok(())
        }
        Err(socket::AskError::NoServer) => {
            let (_, store) = crate::open_store(data_dir)?;
            let written = write(&store, BufWriter::new(file));
            store.close().await;
            written.map(|_| ())
        }
        Err(socket::AskError::Refused(text)) => Err(BackupError::Server(text)),
        Err(socket::AskError::Io(error)) => Err(error.into()),
    }
}

/// `chevet restore`: makes the store of `data_dir` from a backup. The key file has to be there, a store must not.
pub async fn restore(from: &Path, data_dir: &Path) -> Result<(Summary, audit::Report), BackupError> {
    let dir = store_dir(data_dir);
    if Store::exists(&dir) {
        return Err(BackupError::Occupied(dir));
    }
    let key = InstanceKey::open(&key_file(data_dir), false)?;
    let open = || {
        File::open(from)
            .map(BufReader::new)
            .map_err(|source| BackupError::File { path: from.to_owned(), source })
    };
    // The whole file is judged before anything is written.
    let checked = format::check(open()?)?;
    if !checked.is_signed_by(&key.derive("backup")) {
        return Err(BackupError::OtherKey);
    }
    let building = data_dir.join("clinic.restoring");
    if building.exists() {
        std::fs::remove_dir_all(&building)?;
    }
    std::fs::create_dir_all(building.join("blobs"))?;
    fill_store(open()?, &building, &key)?;
    std::fs::rename(&building, &dir)?;
    File::open(data_dir)?.sync_all()?;
    let store = Store::open(&dir, &key).map_err(StartError::from)?;
    let report = audit::verify(&store);
    store.close().await;
    Ok((checked.summary, report?))
}

fn fill_store(from: impl Read, dir: &Path, key: &InstanceKey) -> Result<(), BackupError> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o700))?;
    let engine = SledEngine::open(&dir.join("store"))?;
    let keyring = Keyring::open(&dir.join("keyring"), key.derive("data-keys"))?;
    let mut batch = Batch::new();
    let mut reader = Reader::start(from)?;
    while let Some(frame) = reader.frame()? {
        match frame {
            Frame::Key { id, wrapped } => keyring.import(&WrappedKey { id: DataKeyId::new(id), wrapped })?,
            Frame::Row { key, value } => {
                batch.insert(key, Some(value));
                if batch.len() >= BATCH_ROWS {
                    engine.apply(&std::mem::take(&mut batch))?;
                }
            }
            Frame::Blob { name, sealed } => {
                if !is_name(&name) {
                    return Err(BackupError::Damaged);
                }
                let mut file = OpenOptions::new()
                    .write(true)
                    .create_new(true)
                    .mode(0o600)
                    .open(dir.join("blobs").join(name))?;
                file.write_all(&sealed)?;
                file.sync_all()?;
            }
        }
    }
    engine.apply(&batch)?;
    keyring.sync()?;
    engine.flush()?;
    Ok(())
}

/// `chevet audit verify`: of the running server if there is one, else of the store on the disk.
pub async fn verify_audit(data_dir: &Path) -> Result<String, BackupError> {
    match socket::ask(data_dir, "verify") {
        Ok(mut answer) => {
            let mut text = String::new();
            answer.read_to_string(&mut text)?;
            Ok(text)
        }
        Err(socket::AskError::NoServer) => {
            // A command that verifies must not be the one that makes an empty, perfect store.
            if !Store::exists(&store_dir(data_dir)) {
                let path = store_dir(data_dir);
                return Err(BackupError::File { path, source: std::io::ErrorKind::NotFound.into() });
            }
            let (_, store) = crate::open_store(data_dir)?;
            let verified = verified(&store);
            store.close().await;
            Ok(verified?)
        }
        Err(socket::AskError::Refused(text)) => Err(BackupError::Server(text)),
        Err(socket::AskError::Io(error)) => Err(error.into()),
    }
}

fn verified(store: &Store) -> Result<String, audit::Broken> {
    let report = audit::verify(store)?;
    let checkpoint = audit::checkpoint(store, jiff::Timestamp::now())?;
    let checkpoint = serde_json::to_string(&checkpoint).unwrap_or_default();
    Ok(format!(
        "{} events, {} to {}, none changed and none missing\nhead        {}\ncheckpoint  {checkpoint}\n",
        report.events, report.first, report.last, report.head
    ))
}

/// The event of a backup.
fn event() -> Event {
    Event::new(jiff::Timestamp::now(), audit::Action::BackupMade)
}

impl From<OpenError> for BackupError {
    fn from(error: OpenError) -> BackupError {
        BackupError::Start(error.into())
    }
}

#[cfg(test)]
mod tests;
