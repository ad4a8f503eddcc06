//! Records, their indexes, and questions to these.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::crypto::{DataKeyId, LookupHash};

/// Something that is kept. Fields may be added over the years if they have `#[serde(default)]`; a change of meaning is a
/// [`super::Migration`].
pub trait Record: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// Unique in the store, lower case, never changed.
    const COLLECTION: &'static str;

    /// Unique in the collection. At most 200 bytes, without NUL; never a name, number or address: it stands in clear.
    fn id(&self) -> String;

    /// Under which key it is sealed. What belongs to a person goes under the data key of the consultation or patient
    /// file, so that destroying the key purges it.
    fn sealing(&self) -> Sealing;

    /// Its index entries. Index keys stand in clear: ids, times, states and [`LookupHash`]es only.
    fn index(&self, _indexes: &mut Indexes) {}
}

/// Which key seals a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sealing {
    /// The instance's: readable as long as the installation lives.
    Instance,
    /// A data key, which has to be there already ([`super::Tx::create_key`]).
    Data(DataKeyId),
}

/// A record as read, with the number of the write that made it: what `ETag` and compare-and-swap are about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Versioned<R> {
    pub version: u64,
    pub value: R,
}

impl<R> std::ops::Deref for Versioned<R> {
    type Target = R;

    fn deref(&self) -> &R {
        &self.value
    }
}

impl<R> std::ops::DerefMut for Versioned<R> {
    fn deref_mut(&mut self) -> &mut R {
        &mut self.value
    }
}

/// A key of an index, part by part. Keys compare by their parts in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IndexKey(pub(super) Vec<u8>);

impl IndexKey {
    pub fn new() -> IndexKey {
        IndexKey::default()
    }

    /// An id or a word of ours; compares as bytes.
    #[must_use]
    pub fn text(mut self, text: &str) -> IndexKey {
        // NUL ends a part, so that "a" with anything behind it sorts before "ab"; a NUL inside is escaped.
        for byte in text.bytes() {
            match byte {
                0 | 1 => self.0.extend_from_slice(&[1, byte]),
                _ => self.0.push(byte),
            }
        }
        self.0.push(0);
        self
    }

    #[must_use]
    pub fn hash(self, hash: &LookupHash) -> IndexKey {
        self.text(hash.as_str())
    }

    #[must_use]
    pub fn number(mut self, number: u64) -> IndexKey {
        self.0.extend_from_slice(&number.to_be_bytes());
        self
    }

    /// To the millisecond.
    #[must_use]
    pub fn time(mut self, time: Timestamp) -> IndexKey {
        // The sign bit turned over makes negative times sort first.
        let shifted = time.as_millisecond().cast_unsigned() ^ (1 << 63);
        self.0.extend_from_slice(&shifted.to_be_bytes());
        self
    }
}

/// Collects the index entries of one record.
#[derive(Debug, Default)]
pub struct Indexes {
    pub(super) entries: Vec<Entry>,
}

#[derive(Debug)]
pub(super) struct Entry {
    pub index: &'static str,
    pub key: IndexKey,
    pub unique: bool,
}

impl Indexes {
    pub fn add(&mut self, index: &'static str, key: IndexKey) {
        self.entries.push(Entry { index, key, unique: false });
    }

    /// At most one record of the collection may have this key; a second is refused with `StoreError::Taken`.
    pub fn unique(&mut self, index: &'static str, key: IndexKey) {
        self.entries.push(Entry { index, key, unique: true });
    }
}

/// Where a listing stopped. Opaque text for clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor(pub(super) Vec<u8>);

impl Cursor {
    pub fn encode(&self) -> String {
        URL_SAFE_NO_PAD.encode(&self.0)
    }

    /// `None` for what was not made by `encode`. A cursor of another listing finds nothing out of that listing's bounds.
    pub fn decode(text: &str) -> Option<Cursor> {
        (text.len() <= 1024).then(|| URL_SAFE_NO_PAD.decode(text).ok()).flatten().map(Cursor)
    }
}

/// A question to an index: all entries whose key starts with `prefix`, in order.
#[derive(Clone, Debug)]
pub struct Query {
    pub(super) index: &'static str,
    pub(super) prefix: IndexKey,
    pub(super) from: Option<IndexKey>,
    pub(super) until: Option<IndexKey>,
    pub(super) reverse: bool,
    pub(super) after: Option<Cursor>,
    pub(super) limit: usize,
}

impl Query {
    /// `index`: as in [`Indexes::add`]. Without a limit, a hundred records.
    pub fn new(index: &'static str, prefix: IndexKey) -> Query {
        Query { index, prefix, from: None, until: None, reverse: false, after: None, limit: 100 }
    }

    /// Keys not below this one (which continues the prefix).
    #[must_use]
    pub fn from(mut self, rest: IndexKey) -> Query {
        self.from = Some(rest);
        self
    }

    /// Keys below this one (which continues the prefix).
    #[must_use]
    pub fn until(mut self, rest: IndexKey) -> Query {
        self.until = Some(rest);
        self
    }

    /// The last first.
    #[must_use]
    pub fn reverse(mut self) -> Query {
        self.reverse = true;
        self
    }

    #[must_use]
    pub fn after(mut self, cursor: Option<Cursor>) -> Query {
        self.after = cursor;
        self
    }

    #[must_use]
    pub fn limit(mut self, limit: usize) -> Query {
        self.limit = limit;
        self
    }
}

/// One page of a listing.
#[derive(Clone, Debug)]
pub struct Page<R> {
    pub items: Vec<Versioned<R>>,
    /// Where the next page starts; `None` at the end.
    pub next: Option<Cursor>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn index_keys_compare_as_their_parts_do(a in "[\u{0}-\u{3}a-c]{0,4}", b in "[\u{0}-\u{3}a-c]{0,4}", m: i32, n: i32) {
            let time = |millis: i32| Timestamp::from_millisecond(millis.into()).unwrap();
            let key = |text: &str, millis| IndexKey::new().text(text).time(time(millis)).0;
            prop_assert_eq!(key(&a, m).cmp(&key(&b, n)), (a.as_bytes(), m).cmp(&(b.as_bytes(), n)));
            prop_assert!(a == b || !key(&a, m).starts_with(&IndexKey::new().text(&b).0));
        }
    }
}
