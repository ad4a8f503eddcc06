//! The key space: one letter for the kind of row, then NUL-terminated names.

/// Facts about the store itself.
pub const META: u8 = b'm';
/// Records.
pub const RECORD: u8 = b'r';
/// Index entries; the value is the record's id.
pub const INDEX: u8 = b'i';
/// The audit trail, by number.
pub const AUDIT: u8 = b'a';
/// What is sealed with a data key: the value is the key of the record's row.
pub const MEMBER: u8 = b'k';
/// Data keys whose destruction was decided and may not have reached the key file yet.
pub const CONDEMNED: u8 = b'd';

pub fn meta(name: &str) -> Vec<u8> {
    [&[META], name.as_bytes()].concat()
}

pub fn record(collection: &str, id: &str) -> Vec<u8> {
    [&[RECORD], collection.as_bytes(), &[0], id.as_bytes()].concat()
}

pub fn collection(collection: &str) -> Vec<u8> {
    record(collection, "")
}

pub fn index(collection: &str, index: &str) -> Vec<u8> {
    [&[INDEX], collection.as_bytes(), &[0], index.as_bytes(), &[0]].concat()
}

pub fn audit(seq: u64) -> Vec<u8> {
    [[AUDIT].as_slice(), &seq.to_be_bytes()].concat()
}

pub fn members(data_key: &str) -> Vec<u8> {
    [&[MEMBER], data_key.as_bytes(), &[0]].concat()
}

pub fn member(data_key: &str, collection: &str, id: &str) -> Vec<u8> {
    [members(data_key).as_slice(), collection.as_bytes(), &[0], id.as_bytes()].concat()
}

pub fn condemned(id: &str) -> Vec<u8> {
    [&[CONDEMNED], id.as_bytes()].concat()
}

/// The first key behind all that start with `prefix`; `None` when nothing is behind.
pub fn after_prefix(prefix: &[u8]) -> Option<Vec<u8>> {
    let end = prefix.iter().rposition(|byte| *byte != u8::MAX)?;
    let mut next = prefix.get(..=end)?.to_vec();
    if let Some(last) = next.last_mut() {
        *last = last.saturating_add(1);
    }
    Some(next)
}
