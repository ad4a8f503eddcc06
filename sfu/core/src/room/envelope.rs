//! The envelope of a `livekit.DataPacket`, read and rewritten by hand: the value inside, up to 64 kB of it, stays
//! opaque bytes and is copied once, whatever the number of receivers.
//!
//! The fields that name the sender are removed wherever they stand and written anew at the end; everything else, known
//! or not, passes in its order.

use bytes::{Bytes, BytesMut};
use thiserror::Error;

/// Fields of `livekit.DataPacket`.
mod packet {
    pub const KIND: u32 = 1;
    pub const USER: u32 = 2;
    pub const SPEAKER: u32 = 3;
    pub const PARTICIPANT_IDENTITY: u32 = 4;
    pub const DESTINATION_IDENTITIES: u32 = 5;
    pub const METRICS: u32 = 8;
    pub const STREAM_HEADER: u32 = 13;
    pub const STREAM_CHUNK: u32 = 14;
    pub const STREAM_TRAILER: u32 = 15;
    pub const SEQUENCE: u32 = 16;
    pub const PARTICIPANT_SID: u32 = 17;
    pub const ENCRYPTED: u32 = 18;
}

/// Fields of `livekit.UserPacket`; all are the older places of what the envelope says.
mod user {
    pub const PARTICIPANT_SID: u32 = 1;
    pub const DESTINATION_SIDS: u32 = 3;
    pub const PARTICIPANT_IDENTITY: u32 = 5;
    pub const DESTINATION_IDENTITIES: u32 = 6;
}

/// Of `livekit.DataStream.Header`, `.Chunk` and `.Trailer` alike.
const STREAM_ID: u32 = 1;
const TRAILER_REASON: u32 = 2;
const HEADER_INLINE_CONTENT: u32 = 11;

const VARINT: u8 = 0;
const LENGTH: u8 = 2;

/// Destinations that one packet may name.
pub const MAX_DESTINATIONS: usize = 1024;
/// Bytes of a stream identifier; the SDKs use a UUID.
pub const MAX_STREAM_ID: usize = 128;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not a data packet")]
pub struct Malformed;

/// What the packet carries, as far as routing has to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    User,
    /// Speakers are told by signalling; nobody else may claim who speaks.
    Speaker,
    Metrics,
    /// `complete`: the content is inside and no trailer follows.
    StreamHeader {
        id: &'a [u8],
        complete: bool,
    },
    StreamChunk {
        id: &'a [u8],
    },
    StreamTrailer {
        id: &'a [u8],
    },
    /// Chat, RPC, transcription, DTMF, encrypted packets, and what is yet to come.
    Other,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope<'a> {
    bytes: &'a [u8],
    /// 0 for none.
    pub sequence: u32,
    pub value: Value<'a>,
    /// Named receivers; both empty for everyone.
    pub identities: Vec<&'a [u8]>,
    pub sids: Vec<&'a [u8]>,
}

/// The truth about the sender.
#[derive(Clone, Copy, Debug)]
pub struct Stamp<'a> {
    /// Both empty for a hidden sender.
    pub identity: &'a str,
    pub sid: &'a str,
    pub lossy: bool,
}

impl<'a> Envelope<'a> {
    pub fn parse(bytes: &'a [u8]) -> Result<Envelope<'a>, Malformed> {
        let mut envelope =
            Envelope { bytes, sequence: 0, value: Value::Other, identities: Vec::new(), sids: Vec::new() };
        let mut values = 0u32;
        for field in Fields::new(bytes) {
            let field = field?;
            match (field.number, field.value) {
                (packet::SEQUENCE, FieldValue::Varint(sequence)) => envelope.sequence = sequence as u32,
                (packet::DESTINATION_IDENTITIES, FieldValue::Bytes(identity)) => {
                    push_bounded(&mut envelope.identities, identity)?;
                }
                (number, FieldValue::Bytes(value)) if is_value(number) => {
                    values = values.saturating_add(1);
                    envelope.value = envelope.read_value(number, value)?;
                }
                // A field that we read, with another type than ours.
                (packet::SEQUENCE | packet::DESTINATION_IDENTITIES, _) => return Err(Malformed),
                (number, _) if is_value(number) => return Err(Malformed),
                _ => {}
            }
        }
        // Protobuf would merge several values; no encoder writes them, and readers disagree on the result.
        if values > 1 { Err(Malformed) } else { Ok(envelope) }
    }

    fn read_value(&mut self, number: u32, value: &'a [u8]) -> Result<Value<'a>, Malformed> {
        Ok(match number {
            packet::USER => {
                for field in Fields::new(value) {
                    let field = field?;
                    match (field.number, field.value) {
                        (user::DESTINATION_SIDS, FieldValue::Bytes(sid)) => {
                            push_bounded(&mut self.sids, sid)?
                        }
                        (user::DESTINATION_IDENTITIES, FieldValue::Bytes(identity)) => {
                            push_bounded(&mut self.identities, identity)?;
                        }
                        _ => {}
                    }
                }
                Value::User
            }
            packet::SPEAKER => Value::Speaker,
            packet::METRICS => Value::Metrics,
            packet::STREAM_HEADER => {
                let complete = find(value, HEADER_INLINE_CONTENT)?.is_some();
                Value::StreamHeader { id: stream_id(value)?, complete }
            }
            packet::STREAM_CHUNK => Value::StreamChunk { id: stream_id(value)? },
            packet::STREAM_TRAILER => Value::StreamTrailer { id: stream_id(value)? },
            _ => Value::Other,
        })
    }

    /// The packet with its sender and kind told by us. One copy.
    pub fn stamped(&self, stamp: &Stamp<'_>) -> Result<Bytes, Malformed> {
        let names = stamp.identity.len().saturating_add(stamp.sid.len());
        let mut out = BytesMut::with_capacity(
            self.bytes.len().saturating_add(names.saturating_mul(2)).saturating_add(32),
        );
        for field in Fields::new(self.bytes) {
            let field = field?;
            match (field.number, field.value) {
                (packet::KIND | packet::PARTICIPANT_IDENTITY | packet::PARTICIPANT_SID, _) => {}
                (packet::USER, FieldValue::Bytes(value)) => stamp_user(&mut out, value, stamp)?,
                _ => out.extend_from_slice(field.raw),
            }
        }
        if stamp.lossy {
            put_varint_field(&mut out, packet::KIND, 1);
        }
        put_text(&mut out, packet::PARTICIPANT_IDENTITY, stamp.identity);
        put_text(&mut out, packet::PARTICIPANT_SID, stamp.sid);
        Ok(out.freeze())
    }
}

/// A trailer that ends a stream for a receiver who will not get the rest of it. Its sequence is 0: readers then skip
/// their duplicate filter.
pub fn trailer(stream_id: &[u8], reason: &str, stamp: &Stamp<'_>) -> Bytes {
    let mut value = BytesMut::new();
    put_bytes(&mut value, STREAM_ID, stream_id);
    put_bytes(&mut value, TRAILER_REASON, reason.as_bytes());
    let mut out = BytesMut::new();
    put_text(&mut out, packet::PARTICIPANT_IDENTITY, stamp.identity);
    put_bytes(&mut out, packet::STREAM_TRAILER, &value);
    put_text(&mut out, packet::PARTICIPANT_SID, stamp.sid);
    out.freeze()
}

fn stamp_user(out: &mut BytesMut, value: &[u8], stamp: &Stamp<'_>) -> Result<(), Malformed> {
    let mut kept = 0usize;
    for field in Fields::new(value) {
        let field = field?;
        if !matches!(field.number, user::PARTICIPANT_SID | user::PARTICIPANT_IDENTITY) {
            kept = kept.saturating_add(field.raw.len());
        }
    }
    let names = text_len(user::PARTICIPANT_SID, stamp.sid)
        .saturating_add(text_len(user::PARTICIPANT_IDENTITY, stamp.identity));
    put_varint(out, tag(packet::USER, LENGTH));
    put_varint(out, kept.saturating_add(names) as u64);
    for field in Fields::new(value) {
        let field = field?;
        if !matches!(field.number, user::PARTICIPANT_SID | user::PARTICIPANT_IDENTITY) {
            out.extend_from_slice(field.raw);
        }
    }
    put_text(out, user::PARTICIPANT_SID, stamp.sid);
    put_text(out, user::PARTICIPANT_IDENTITY, stamp.identity);
    Ok(())
}

fn is_value(number: u32) -> bool {
    matches!(number, packet::USER | packet::SPEAKER | 6..=packet::STREAM_TRAILER | packet::ENCRYPTED)
}

fn push_bounded<'a>(list: &mut Vec<&'a [u8]>, item: &'a [u8]) -> Result<(), Malformed> {
    if list.len() >= MAX_DESTINATIONS {
        return Err(Malformed);
    }
    // An empty name is what an unset field looks like in some encoders.
    if !item.is_empty() {
        list.push(item);
    }
    Ok(())
}

/// The last occurrence counts, as in any protobuf reader.
fn find(message: &[u8], number: u32) -> Result<Option<&[u8]>, Malformed> {
    let mut found = None;
    for field in Fields::new(message) {
        let field = field?;
        if let (true, FieldValue::Bytes(bytes)) = (field.number == number, field.value) {
            found = Some(bytes);
        }
    }
    Ok(found)
}

fn stream_id(value: &[u8]) -> Result<&[u8], Malformed> {
    let id = find(value, STREAM_ID)?.unwrap_or(&[]);
    if id.len() > MAX_STREAM_ID { Err(Malformed) } else { Ok(id) }
}

#[derive(Clone, Copy)]
enum FieldValue<'a> {
    Varint(u64),
    Bytes(&'a [u8]),
    /// 32 or 64 bits.
    Fixed,
}

#[derive(Clone, Copy)]
struct Field<'a> {
    number: u32,
    value: FieldValue<'a>,
    /// Tag and value.
    raw: &'a [u8],
}

/// The fields of a message, until the end or the first that is not well-formed.
struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    fn new(message: &'a [u8]) -> Fields<'a> {
        Fields { rest: message }
    }

    fn read(&mut self) -> Option<Field<'a>> {
        let start = self.rest;
        let (key, rest) = varint(start)?;
        let number = u32::try_from(key >> 3).ok().filter(|number| (1..1 << 29).contains(number))?;
        let (value, rest) = match (key & 7) as u8 {
            VARINT => {
                let (value, rest) = varint(rest)?;
                (FieldValue::Varint(value), rest)
            }
            1 => (FieldValue::Fixed, rest.get(8..)?),
            LENGTH => {
                let (len, rest) = varint(rest)?;
                let (value, rest) = rest.split_at_checked(usize::try_from(len).ok()?)?;
                (FieldValue::Bytes(value), rest)
            }
            5 => (FieldValue::Fixed, rest.get(4..)?),
            // Groups went out with proto2.
            _ => return None,
        };
        self.rest = rest;
        let raw = start.get(..start.len().checked_sub(rest.len())?)?;
        Some(Field { number, value, raw })
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<Field<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.read();
        if field.is_none() {
            self.rest = &[];
        }
        Some(field.ok_or(Malformed))
    }
}

fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0u64;
    for (index, &byte) in bytes.iter().take(10).enumerate() {
        let bits = u64::from(byte & 0x7f);
        let shift = 7 * index as u32;
        // The tenth byte has room for one bit.
        if shift == 63 && bits > 1 {
            return None;
        }
        value |= bits << shift;
        if byte & 0x80 == 0 {
            return Some((value, bytes.get(index + 1..)?));
        }
    }
    None
}

fn tag(number: u32, wire_type: u8) -> u64 {
    u64::from(number) << 3 | u64::from(wire_type)
}

fn varint_len(value: u64) -> usize {
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
}

fn put_varint(out: &mut BytesMut, mut value: u64) {
    while value >= 0x80 {
        out.extend_from_slice(&[(value as u8) | 0x80]);
        value >>= 7;
    }
    out.extend_from_slice(&[value as u8]);
}

fn put_varint_field(out: &mut BytesMut, number: u32, value: u64) {
    put_varint(out, tag(number, VARINT));
    put_varint(out, value);
}

fn put_bytes(out: &mut BytesMut, number: u32, value: &[u8]) {
    put_varint(out, tag(number, LENGTH));
    put_varint(out, value.len() as u64);
    out.extend_from_slice(value);
}

/// Empty text is left out, as proto3 does.
fn put_text(out: &mut BytesMut, number: u32, text: &str) {
    if !text.is_empty() {
        put_bytes(out, number, text.as_bytes());
    }
}

fn text_len(number: u32, text: &str) -> usize {
    if text.is_empty() {
        return 0;
    }
    varint_len(tag(number, LENGTH)).saturating_add(varint_len(text.len() as u64)).saturating_add(text.len())
}

#[cfg(test)]
#[path = "envelope_tests.rs"]
mod tests;
