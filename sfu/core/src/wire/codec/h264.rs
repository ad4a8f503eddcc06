//! H.264 packetization (RFC 6184): only NAL unit headers are looked at.

use crate::wire::read::{u8_at, u16_at};

const SPS: u8 = 7;
const STAP_A: u8 = 24;
const FU_A: u8 = 28;

/// A sequence parameter set begins here, which WebRTC senders put before every IDR picture. The IDR slices themselves do
/// not count: a decoder that begins with them has nothing to decode them by.
pub fn is_key_frame(payload: &[u8]) -> bool {
    let Some(header) = u8_at(payload, 0) else { return false };
    match header & 0x1f {
        SPS => true,
        STAP_A => {
            let mut at = 1;
            while let Some(size) = u16_at(payload, at) {
                let Some(unit) = u8_at(payload, at + 2) else { return false };
                if unit & 0x1f == SPS {
                    return true;
                }
                at += 2 + usize::from(size);
            }
            false
        }
        FU_A => u8_at(payload, 1).is_some_and(|fragment| fragment & 0x80 != 0 && fragment & 0x1f == SPS),
        _ => false,
    }
}

/// The packet is not the continuation of a fragmented NAL unit.
pub fn begins_unit(payload: &[u8]) -> bool {
    match u8_at(payload, 0).map(|header| header & 0x1f) {
        None => false,
        Some(FU_A) => u8_at(payload, 1).is_some_and(|fragment| fragment & 0x80 != 0),
        Some(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_set_marks_a_key_frame_alone_aggregated_or_fragmented() {
        assert!(is_key_frame(&[0x67, 1, 2]));
        assert!(is_key_frame(&[0x78, 0, 2, 0x67, 1, 0, 2, 0x68, 1]));
        assert!(is_key_frame(&[0x78, 0, 1, 0x09, 0, 2, 0x67, 1]));
        assert!(is_key_frame(&[0x7c, 0x87, 1]));
        assert!(!is_key_frame(&[0x7c, 0x07, 1]), "a later fragment");
        assert!(!is_key_frame(&[0x65, 1, 2]), "an IDR slice without parameters");
        assert!(!is_key_frame(&[0x41]));
        assert!(!is_key_frame(&[0x78, 0, 0, 0, 0]));
        assert!(!is_key_frame(&[]));
    }

    #[test]
    fn continued_fragments_begin_nothing() {
        assert!(begins_unit(&[0x41]) && begins_unit(&[0x7c, 0x81]));
        assert!(!begins_unit(&[0x7c, 0x01]) && !begins_unit(&[0x7c]) && !begins_unit(&[]));
    }
}
