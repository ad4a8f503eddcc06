//! User name fragments that tell which worker they belong to.
//!
//! An ICE-TCP connection may be accepted by any worker; the first check on it names our fragment (RFC 8445 7.2.2), and
//! the fragment names the worker. The same holds for a relay in front of several workers.

use serde::Serialize;

/// One media thread with its sockets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct WorkerId(pub u16);

/// ice-char (RFC 8839 5.4) is the alphabet of base64.
const ICE_CHARS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Characters that name the worker: 6 bits each.
const TAG_LEN: usize = 2;

/// Workers that a tag can name.
pub const WORKERS_MAX: usize = 1 << (6 * TAG_LEN);

/// A fragment of 13 characters: two for the worker, eleven for 64 random bits. The caller makes it unique in the
/// process by giving real randomness; RFC 8445 5.3 asks for 24 bits at least.
pub fn ufrag_for(worker: WorkerId, random: u64) -> String {
    let mut text = String::with_capacity(TAG_LEN + 11);
    let tag = u64::from(worker.0) % WORKERS_MAX as u64;
    push(&mut text, tag >> 6);
    push(&mut text, tag);
    for shift in (0..64).step_by(6) {
        push(&mut text, random >> shift);
    }
    text
}

/// The worker that a fragment made by [`ufrag_for`] belongs to. None for anything else; the worker may not exist.
pub fn worker_of(ufrag: &str) -> Option<WorkerId> {
    let bytes = ufrag.as_bytes();
    let high = sextet(*bytes.first()?)?;
    let low = sextet(*bytes.get(1)?)?;
    Some(WorkerId((high << 6) | low))
}

fn push(text: &mut String, value: u64) {
    if let Some(char) = ICE_CHARS.get((value & 63) as usize) {
        text.push(char::from(*char));
    }
}

fn sextet(byte: u8) -> Option<u16> {
    let value = match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(u16::from(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fragment_names_its_worker() {
        for worker in [0, 1, 63, 64, 4095] {
            for random in [0, 1, u64::MAX, 0x0123_4567_89ab_cdef] {
                let ufrag = ufrag_for(WorkerId(worker), random);
                assert_eq!(worker_of(&ufrag), Some(WorkerId(worker)));
                assert_eq!(ufrag.len(), 13);
            }
        }
    }

    #[test]
    fn fragments_differ_when_one_bit_of_their_randomness_does() {
        let base = ufrag_for(WorkerId(3), 0);
        for bit in 0..64 {
            assert_ne!(ufrag_for(WorkerId(3), 1 << bit), base);
        }
    }

    #[test]
    fn foreign_fragments_name_no_worker() {
        for text in ["", "A", "é", "_x", "A-"] {
            assert_eq!(worker_of(text), None);
        }
    }
}
