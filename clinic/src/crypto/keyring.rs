//! The data keys: one for each consultation and each patient file, wrapped by a key derived from the instance key.
//!
//! They live in a file of fixed slots beside the store and not in it. The store is a log: what is deleted there stays on
//! the disk until its segment is used again. A slot is overwritten in place, so destroying a key leaves nothing to unwrap
//! (on file systems that write in place; a copy-on-write one, and the flash under it, may keep the old block for a while).

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Key, aead};

/// One slot: used(1) length(1) id(54) wrapped(60) checksum(12).
const SLOT_BYTES: usize = 128;
const ID_BYTES_MAX: usize = 54;
const WRAPPED_BYTES: usize = super::KEY_BYTES + aead::OVERHEAD;
const SUMMED_BYTES: usize = 2 + ID_BYTES_MAX + WRAPPED_BYTES;
const USED: u8 = 1;

/// Names a data key, by the id of what it protects: 1 to 54 bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DataKeyId(String);

impl DataKeyId {
    pub fn new(id: impl Into<String>) -> DataKeyId {
        DataKeyId(id.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    #[error("the key file of the consultations: {0}")]
    Io(#[from] std::io::Error),
    #[error("a data key does not unwrap: the file belongs to another instance key or was changed")]
    Foreign,
    #[error("a name of a data key has 1 to 54 bytes")]
    Name,
}

/// A wrapped key, as it stands in a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrappedKey {
    pub id: DataKeyId,
    pub wrapped: Vec<u8>,
}

pub struct Keyring {
    wrapping: Key,
    file: File,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    keys: HashMap<DataKeyId, Entry>,
    free: Vec<u64>,
    /// Slots of the file, used or not.
    slots: u64,
    unsynced: bool,
}

struct Entry {
    slot: u64,
    key: Key,
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keyring").field("keys", &self.lock().keys.len()).finish_non_exhaustive()
    }
}

impl Keyring {
    /// Opens or makes the file and unwraps every key. A slot torn by a crash was never acknowledged and counts as free.
    pub fn open(path: &Path, wrapping: Key) -> Result<Keyring, KeyringError> {
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
        let slots = file.metadata()?.len() / SLOT_BYTES as u64;
        let mut inner = Inner { slots, ..Inner::default() };
        for slot in 0..slots {
            let mut bytes = [0; SLOT_BYTES];
            file.read_exact_at(&mut bytes, offset(slot))?;
            match parse(&bytes) {
                None => inner.free.push(slot),
                Some((id, wrapped)) => {
                    let key = unwrap(&wrapping, &id, wrapped)?;
                    inner.keys.insert(id, Entry { slot, key });
                }
            }
        }
        Ok(Keyring { wrapping, file, inner: Mutex::new(inner) })
    }

    /// Makes a key of this name unless there is one. Durable after [`Keyring::sync`].
    pub fn create(&self, id: &DataKeyId) -> Result<(), KeyringError> {
        if self.lock().keys.contains_key(id) {
            return Ok(());
        }
        let key = Key::random();
        let wrapped = aead::seal(&self.wrapping, &associated(id), key.as_bytes());
        self.place(id, key, &wrapped)
    }

    /// Takes a key from a backup.
    pub fn import(&self, from: &WrappedKey) -> Result<(), KeyringError> {
        let key = unwrap(&self.wrapping, &from.id, &from.wrapped)?;
        self.place(&from.id, key, &from.wrapped)
    }

    fn place(&self, id: &DataKeyId, key: Key, wrapped: &[u8]) -> Result<(), KeyringError> {
        let bytes = lay_out(id, wrapped).ok_or(KeyringError::Name)?;
        let mut inner = self.lock();
        let slot = inner.free.pop().unwrap_or(inner.slots);
        self.file.write_all_at(&bytes, offset(slot))?;
        inner.slots = inner.slots.max(slot.saturating_add(1));
        inner.unsynced = true;
        inner.keys.insert(id.clone(), Entry { slot, key });
        Ok(())
    }

    /// None when it never was, or was destroyed.
    pub fn key(&self, id: &DataKeyId) -> Option<Key> {
        self.lock().keys.get(id).map(|entry| entry.key.clone())
    }

    /// Forgets the key and overwrites its slot. Final after [`Keyring::sync`]. True when there was one.
    pub fn destroy(&self, id: &DataKeyId) -> Result<bool, KeyringError> {
        let mut inner = self.lock();
        let Some(entry) = inner.keys.remove(id) else { return Ok(false) };
        self.file.write_all_at(&[0; SLOT_BYTES], offset(entry.slot))?;
        inner.free.push(entry.slot);
        inner.unsynced = true;
        Ok(true)
    }

    /// Waits until what was written is on the disk.
    pub fn sync(&self) -> Result<(), KeyringError> {
        let pending = std::mem::take(&mut self.lock().unsynced);
        if pending && let Err(error) = self.file.sync_all() {
            self.lock().unsynced = true;
            return Err(error.into());
        }
        Ok(())
    }

    /// Every key as it stands in the file, still wrapped.
    pub fn export(&self) -> Result<Vec<WrappedKey>, KeyringError> {
        let inner = self.lock();
        let mut all = Vec::with_capacity(inner.keys.len());
        for (id, entry) in &inner.keys {
            let mut bytes = [0; SLOT_BYTES];
            self.file.read_exact_at(&mut bytes, offset(entry.slot))?;
            let (_, wrapped) = parse(&bytes).ok_or(KeyringError::Foreign)?;
            all.push(WrappedKey { id: id.clone(), wrapped: wrapped.to_vec() });
        }
        Ok(all)
    }

    pub fn len(&self) -> usize {
        self.lock().keys.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn offset(slot: u64) -> u64 {
    slot.saturating_mul(SLOT_BYTES as u64)
}

fn associated(id: &DataKeyId) -> Vec<u8> {
    [b"data-key|", id.as_str().as_bytes()].concat()
}

fn unwrap(wrapping: &Key, id: &DataKeyId, wrapped: &[u8]) -> Result<Key, KeyringError> {
    let plain = aead::open(wrapping, &associated(id), wrapped).map_err(|_| KeyringError::Foreign)?;
    let bytes: [u8; super::KEY_BYTES] = plain.as_slice().try_into().map_err(|_| KeyringError::Foreign)?;
    Ok(Key::new(bytes))
}

fn checksum(summed: &[u8]) -> impl Iterator<Item = u8> {
    Sha256::digest(summed).into_iter().take(SLOT_BYTES - SUMMED_BYTES)
}

fn lay_out(id: &DataKeyId, wrapped: &[u8]) -> Option<Vec<u8>> {
    let name = id.as_str().as_bytes();
    if name.is_empty() || name.len() > ID_BYTES_MAX || wrapped.len() != WRAPPED_BYTES {
        return None;
    }
    let mut bytes = vec![USED, u8::try_from(name.len()).ok()?];
    bytes.extend_from_slice(name);
    bytes.resize(2 + ID_BYTES_MAX, 0);
    bytes.extend_from_slice(wrapped);
    let sum: Vec<u8> = checksum(&bytes).collect();
    bytes.extend_from_slice(&sum);
    Some(bytes)
}

fn parse(bytes: &[u8; SLOT_BYTES]) -> Option<(DataKeyId, &[u8])> {
    let (summed, sum) = bytes.split_at_checked(SUMMED_BYTES)?;
    let (&used, rest) = summed.split_first()?;
    let (&length, rest) = rest.split_first()?;
    if used != USED || !checksum(summed).eq(sum.iter().copied()) {
        return None;
    }
    let (name, wrapped) = rest.split_at_checked(ID_BYTES_MAX)?;
    let name = std::str::from_utf8(name.get(..usize::from(length))?).ok()?;
    Some((DataKeyId::new(name), wrapped))
}
