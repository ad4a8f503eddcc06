//! Redundant audio (RFC 2198): earlier frames before the primary one, each with its own small header.

use std::ops::Range;

use crate::wire::read::{u8_at, u16_at};

/// More blocks than any sender uses.
const MAX_BLOCKS: usize = 32;

/// Where the primary frame lies in the payload. `None` when the headers do not fit it.
pub fn primary(payload: &[u8]) -> Option<Range<usize>> {
    let mut at = 0;
    let mut redundant = 0usize;
    for _ in 0..MAX_BLOCKS {
        let head = u8_at(payload, at)?;
        if head & 0x80 == 0 {
            let start = at + 1 + redundant;
            return (start <= payload.len()).then_some(start..payload.len());
        }
        redundant += usize::from(u16_at(payload, at + 2)? & 0x03ff);
        at += 4;
    }
    None
}

/// Payload type of the primary frame.
pub fn primary_payload_type(payload: &[u8]) -> Option<u8> {
    payload.iter().step_by(4).take(MAX_BLOCKS).find(|&&head| head & 0x80 == 0).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_primary_frame_follows_the_redundant_ones() {
        // One redundant block of 3 bytes, 960 earlier, then the primary of 2 bytes.
        let payload = [0x80 | 111, 0x0f, 0x00, 0x03, 111, 1, 2, 3, 8, 9];
        assert_eq!(primary(&payload), Some(8..10));
        assert_eq!(primary_payload_type(&payload), Some(111));
        assert_eq!(primary(&[111, 7]), Some(1..2));
        assert_eq!(primary(&[111]), Some(1..1));
    }

    #[test]
    fn headers_that_promise_more_than_there_is_are_refused() {
        assert_eq!(primary(&[]), None);
        assert_eq!(primary(&[0x80 | 111, 0x0f, 0x00, 0x03, 111, 1, 2]), None);
        assert_eq!(primary(&[0x80 | 111, 0x0f, 0x00]), None);
        assert_eq!(primary(&[0x80; 400]), None);
    }
}
