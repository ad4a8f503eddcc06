//! How a record stands in the store: a header in clear and the record as JSON, sealed.
//!
//! JSON, because records outlive programs: fields have names, a missing one takes its serde default, one that is no longer
//! known is skipped, and a migration can read a record whose type is gone. Its size does not matter here.
//!
//! The header is bound to the seal: a record can neither be moved to another id or collection, nor be given other index
//! entries or an older version's body.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::StoreError;
use crate::crypto::{DataKeyId, Key, aead};

/// Version of this layout.
const FORMAT: u8 = 1;

/// Longest sealed record, in bytes. What is larger is a blob: sled puts large values into files that our flush would miss.
pub(super) const BYTES_MAX: usize = 256 * 1024;

/// What is known without opening.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// Counts the writes of this record, from 1.
    pub version: u64,
    /// `None`: the instance's records key.
    pub data_key: Option<DataKeyId>,
    /// Full keys of the index entries that point here.
    pub entries: Vec<Vec<u8>>,
}

impl Header {
    fn write(&self) -> Vec<u8> {
        let mut bytes = vec![FORMAT];
        bytes.extend_from_slice(&self.version.to_be_bytes());
        put(&mut bytes, self.data_key.as_ref().map_or(b"".as_slice(), |id| id.as_str().as_bytes()));
        bytes.extend_from_slice(&u16::try_from(self.entries.len()).unwrap_or(u16::MAX).to_be_bytes());
        for entry in &self.entries {
            put(&mut bytes, entry);
        }
        bytes
    }

    /// The header and the sealed rest.
    pub(super) fn read(bytes: &[u8]) -> Option<(Header, &[u8], &[u8])> {
        let (&format, mut rest) = bytes.split_first()?;
        if format != FORMAT {
            return None;
        }
        let version = u64::from_be_bytes(*take::<8>(&mut rest)?);
        let id = part(&mut rest)?;
        let data_key = if id.is_empty() { None } else { Some(DataKeyId::new(std::str::from_utf8(id).ok()?)) };
        let count = u16::from_be_bytes(*take::<2>(&mut rest)?);
        let entries: Vec<Vec<u8>> =
            (0..count).map(|_| part(&mut rest).map(<[u8]>::to_vec)).collect::<Option<_>>()?;
        let head = bytes.get(..bytes.len().checked_sub(rest.len())?)?;
        Some((Header { version, data_key, entries }, head, rest))
    }
}

fn put(bytes: &mut Vec<u8>, part: &[u8]) {
    bytes.extend_from_slice(&u16::try_from(part.len()).unwrap_or(u16::MAX).to_be_bytes());
    bytes.extend_from_slice(part);
}

fn take<'a, const N: usize>(rest: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (taken, left) = rest.split_first_chunk::<N>()?;
    *rest = left;
    Some(taken)
}

fn part<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::from(u16::from_be_bytes(*take::<2>(rest)?));
    let (part, left) = rest.split_at_checked(length)?;
    *rest = left;
    Some(part)
}

/// The key of one record: nonces of different records cannot meet.
fn record_key(root: &Key, collection: &str, id: &str) -> Key {
    root.derive("record", &[collection.as_bytes(), id.as_bytes()])
}

fn associated(collection: &str, id: &str, head: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    put(&mut bytes, collection.as_bytes());
    put(&mut bytes, id.as_bytes());
    bytes.extend_from_slice(head);
    bytes
}

pub(super) fn seal<R: Serialize>(
    root: &Key,
    collection: &str,
    id: &str,
    header: &Header,
    record: &R,
) -> Result<Vec<u8>, StoreError> {
    let plain = zeroize::Zeroizing::new(serde_json::to_vec(record).map_err(|_| StoreError::Unreadable)?);
    let mut bytes = header.write();
    let sealed = aead::seal(&record_key(root, collection, id), &associated(collection, id, &bytes), &plain);
    bytes.extend_from_slice(&sealed);
    if bytes.len() > BYTES_MAX { Err(StoreError::TooLarge) } else { Ok(bytes) }
}

pub(super) fn open<R: DeserializeOwned>(
    root: &Key,
    collection: &str,
    id: &str,
    head: &[u8],
    sealed: &[u8],
) -> Result<R, StoreError> {
    let plain = aead::open(&record_key(root, collection, id), &associated(collection, id, head), sealed)
        .map_err(|_| StoreError::Tampered)?;
    serde_json::from_slice(&plain).map_err(|_| StoreError::Unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_header_reads_back_and_no_bytes_make_the_reader_panic(
            version: u64, id in "[a-z_]{0,20}", entries in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..30), 0..4),
            noise in proptest::collection::vec(any::<u8>(), 0..60),
        ) {
            let header = Header { version, data_key: (!id.is_empty()).then(|| DataKeyId::new(id)), entries };
            let mut bytes = header.write();
            let length = bytes.len();
            bytes.extend_from_slice(b"rest");
            let (read, head, rest) = Header::read(&bytes).unwrap();
            prop_assert_eq!((read, head.len(), rest), (header, length, b"rest".as_slice()));
            let _ = Header::read(&noise);
        }

        #[test]
        fn a_body_opens_under_no_other_collection_id_or_header(version: u64) {
            let root = Key::random();
            let header = Header { version, data_key: None, entries: vec![b"i".to_vec()] };
            let bytes = seal(&root, "c", "1", &header, &"text").unwrap();
            let (_, head, sealed) = Header::read(&bytes).unwrap();
            prop_assert_eq!(open::<String>(&root, "c", "1", head, sealed).unwrap(), "text");
            let other = Header { version: version.wrapping_add(1), ..header }.write();
            prop_assert!(open::<String>(&root, "c", "2", head, sealed).is_err());
            prop_assert!(open::<String>(&root, "d", "1", head, sealed).is_err());
            prop_assert!(open::<String>(&root, "c", "1", &other, sealed).is_err());
        }
    }
}
