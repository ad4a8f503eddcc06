//! VP8 payload descriptor (RFC 7741 4.2).

use crate::wire::read::u8_at;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Descriptor {
    /// Bytes of the descriptor; the frame's data follows.
    pub len: usize,
    /// No other frame refers to this one.
    pub non_reference: bool,
    pub start_of_partition: bool,
    pub partition_id: u8,
    /// 7 or 15 bits, see `picture_id_bits`.
    pub picture_id: Option<u16>,
    /// 7 or 15; 0 without picture id.
    pub picture_id_bits: u8,
    pub tl0_pic_idx: Option<u8>,
    pub tid: Option<u8>,
    /// The frame depends on the base layer only: a place to go up to this temporal layer.
    pub layer_sync: bool,
    /// 5 bits, changes with every key frame.
    pub key_idx: Option<u8>,
    /// This is the first packet of a key frame.
    pub is_key_frame: bool,
    /// From the start of the payload; 0 = absent (the first byte is never one of them).
    picture_id_at: u8,
    tl0_pic_idx_at: u8,
}

impl Descriptor {
    pub fn parse(payload: &[u8]) -> Option<Descriptor> {
        let first = u8_at(payload, 0)?;
        let mut descriptor = Descriptor {
            non_reference: first & 0x20 != 0,
            start_of_partition: first & 0x10 != 0,
            partition_id: first & 0x07,
            ..Descriptor::default()
        };
        let mut at = 1;
        if first & 0x80 != 0 {
            let present = u8_at(payload, at)?;
            at += 1;
            if present & 0x80 != 0 {
                descriptor.picture_id_at = at as u8;
                let high = u8_at(payload, at)?;
                at += 1;
                if high & 0x80 != 0 {
                    let low = u8_at(payload, at)?;
                    at += 1;
                    descriptor.picture_id = Some(u16::from_be_bytes([high & 0x7f, low]));
                    descriptor.picture_id_bits = 15;
                } else {
                    descriptor.picture_id = Some(u16::from(high));
                    descriptor.picture_id_bits = 7;
                }
            }
            if present & 0x40 != 0 {
                descriptor.tl0_pic_idx_at = at as u8;
                descriptor.tl0_pic_idx = Some(u8_at(payload, at)?);
                at += 1;
            }
            if present & 0x30 != 0 {
                let byte = u8_at(payload, at)?;
                at += 1;
                if present & 0x20 != 0 {
                    descriptor.tid = Some(byte >> 6);
                    descriptor.layer_sync = byte & 0x20 != 0;
                }
                if present & 0x10 != 0 {
                    descriptor.key_idx = Some(byte & 0x1f);
                }
            }
        }
        descriptor.len = at;
        // The inverse key frame flag is the lowest bit of the frame's first byte (RFC 7741 4.3).
        descriptor.is_key_frame =
            descriptor.is_frame_start() && u8_at(payload, at).is_some_and(|byte| byte & 1 == 0);
        Some(descriptor)
    }

    pub fn is_frame_start(&self) -> bool {
        self.start_of_partition && self.partition_id == 0
    }

    /// Writes other numbers over those of the descriptor, of which `payload` is a copy. Numbers that the descriptor does
    /// not have are left out; a picture id keeps its width, so what does not fit into 7 bits loses its upper bits.
    pub fn rewrite(&self, payload: &mut [u8], picture_id: u16, tl0_pic_idx: u8) {
        let at = usize::from(self.picture_id_at);
        match self.picture_id_bits {
            15 => {
                if let Some(field) = payload.get_mut(at..).and_then(|rest| rest.first_chunk_mut::<2>()) {
                    *field = (picture_id | 0x8000).to_be_bytes();
                }
            }
            7 => {
                if let Some(field) = payload.get_mut(at) {
                    *field = picture_id as u8 & 0x7f;
                }
            }
            _ => {}
        }
        if self.tl0_pic_idx_at != 0
            && let Some(field) = payload.get_mut(usize::from(self.tl0_pic_idx_at))
        {
            *field = tl0_pic_idx;
        }
    }
}

/// Width and height in pixels of a key frame whose first packet this is (RFC 6386 9.1).
pub fn key_frame_size(payload: &[u8]) -> Option<(u16, u16)> {
    let descriptor = Descriptor::parse(payload)?;
    let frame = payload.get(descriptor.len..)?;
    match frame {
        [_, _, _, 0x9d, 0x01, 0x2a, w0, w1, h0, h1, ..] if descriptor.is_key_frame => {
            Some((u16::from_le_bytes([*w0, *w1]) & 0x3fff, u16::from_le_bytes([*h0, *h1]) & 0x3fff))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_descriptor_with_everything_is_read_and_rewritten() {
        // X S PID0, I L T K, 15-bit picture id, TL0PICIDX, TID 2 Y KEYIDX 17, key frame of 1280x720.
        let mut payload =
            [0x90, 0xf0, 0x92, 0x34, 0x56, 0xb1, 0x10, 0, 0, 0x9d, 0x01, 0x2a, 0x00, 0x05, 0xd0, 0x02];
        let descriptor = Descriptor::parse(&payload).unwrap();
        assert_eq!(descriptor.len, 6);
        assert_eq!((descriptor.picture_id, descriptor.picture_id_bits), (Some(0x1234), 15));
        assert_eq!((descriptor.tl0_pic_idx, descriptor.tid), (Some(0x56), Some(2)));
        assert_eq!((descriptor.layer_sync, descriptor.key_idx), (true, Some(17)));
        assert!(descriptor.is_key_frame && descriptor.is_frame_start() && !descriptor.non_reference);
        assert_eq!(key_frame_size(&payload), Some((1280, 720)));
        descriptor.rewrite(&mut payload, 0x7fff, 0xee);
        assert_eq!(payload[..7], [0x90, 0xf0, 0xff, 0xff, 0xee, 0xb1, 0x10]);
    }

    #[test]
    fn a_short_picture_id_keeps_its_width() {
        let mut payload = [0x90, 0x80, 0x05, 0x01];
        let descriptor = Descriptor::parse(&payload).unwrap();
        assert_eq!((descriptor.picture_id, descriptor.picture_id_bits), (Some(5), 7));
        assert!(!descriptor.is_key_frame);
        descriptor.rewrite(&mut payload, 0x0181, 9);
        assert_eq!(payload, [0x90, 0x80, 0x01, 0x01]);
    }

    #[test]
    fn only_the_first_packet_of_the_first_partition_starts_a_key_frame() {
        assert!(Descriptor::parse(&[0x10, 0x00]).unwrap().is_key_frame);
        assert!(!Descriptor::parse(&[0x00, 0x00]).unwrap().is_key_frame);
        assert!(!Descriptor::parse(&[0x11, 0x00]).unwrap().is_key_frame);
        assert!(!Descriptor::parse(&[0x10, 0x01]).unwrap().is_key_frame);
        assert!(!Descriptor::parse(&[0x10]).unwrap().is_key_frame);
    }

    #[test]
    fn a_descriptor_that_is_cut_off_is_refused() {
        for cut in 0..6 {
            assert_eq!(Descriptor::parse(&[0x90, 0xf0, 0x92, 0x34, 0x56, 0xb1][..cut]), None, "{cut} bytes");
        }
    }

    proptest! {
        #[test]
        fn rewriting_changes_the_numbers_and_nothing_else(
            payload in proptest::collection::vec(any::<u8>(), 1..20), picture_id in 0u16..0x8000, tl0: u8,
        ) {
            if let Some(before) = Descriptor::parse(&payload) {
                let mut copy = payload.clone();
                before.rewrite(&mut copy, picture_id, tl0);
                let after = Descriptor::parse(&copy).unwrap();
                let mask = if before.picture_id_bits == 15 { 0x7fff } else { 0x7f };
                prop_assert_eq!(after.picture_id, before.picture_id.map(|_| picture_id & mask));
                prop_assert_eq!(after.tl0_pic_idx, before.tl0_pic_idx.map(|_| tl0));
                prop_assert_eq!(
                    Descriptor { picture_id: before.picture_id, tl0_pic_idx: before.tl0_pic_idx, ..after },
                    before
                );
            }
        }
    }
}
