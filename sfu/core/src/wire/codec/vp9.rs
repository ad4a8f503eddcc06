//! VP9 payload descriptor (RFC 9628 4.2).

use crate::wire::read::u8_at;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Descriptor {
    /// Bytes of the descriptor.
    pub len: usize,
    /// 7 or 15 bits.
    pub picture_id: Option<u16>,
    /// The frame refers to earlier pictures.
    pub inter_predicted: bool,
    pub flexible: bool,
    /// First packet of a frame, that is of one spatial layer of a picture.
    pub start_of_frame: bool,
    pub end_of_frame: bool,
    pub tid: Option<u8>,
    pub switching_up: bool,
    pub sid: Option<u8>,
    pub inter_layer: bool,
    pub tl0_pic_idx: Option<u8>,
}

impl Descriptor {
    pub fn parse(payload: &[u8]) -> Option<Descriptor> {
        let first = u8_at(payload, 0)?;
        let mut descriptor = Descriptor {
            inter_predicted: first & 0x40 != 0,
            flexible: first & 0x10 != 0,
            start_of_frame: first & 0x08 != 0,
            end_of_frame: first & 0x04 != 0,
            ..Descriptor::default()
        };
        let mut at = 1;
        if first & 0x80 != 0 {
            let high = u8_at(payload, at)?;
            at += 1;
            if high & 0x80 != 0 {
                let low = u8_at(payload, at)?;
                at += 1;
                descriptor.picture_id = Some(u16::from_be_bytes([high & 0x7f, low]));
            } else {
                descriptor.picture_id = Some(u16::from(high));
            }
        }
        if first & 0x20 != 0 {
            let layer = u8_at(payload, at)?;
            at += 1;
            descriptor.tid = Some(layer >> 5);
            descriptor.switching_up = layer & 0x10 != 0;
            descriptor.sid = Some(layer >> 1 & 0x07);
            descriptor.inter_layer = layer & 0x01 != 0;
            if !descriptor.flexible {
                descriptor.tl0_pic_idx = Some(u8_at(payload, at)?);
                at += 1;
            }
        }
        if descriptor.flexible && descriptor.inter_predicted {
            // At most three reference indices; the lowest bit says that another follows.
            for _ in 0..3 {
                let reference = u8_at(payload, at)?;
                at += 1;
                if reference & 1 == 0 {
                    break;
                }
            }
        }
        if first & 0x02 != 0 {
            at = skip_scalability_structure(payload, at)?;
        }
        descriptor.len = at;
        Some(descriptor)
    }

    /// First packet of the lowest spatial layer of a picture that refers to no other.
    pub fn starts_key_frame(&self) -> bool {
        self.start_of_frame && !self.inter_predicted && !self.inter_layer && self.sid.unwrap_or(0) == 0
    }
}

/// RFC 9628 4.2.1.
fn skip_scalability_structure(payload: &[u8], at: usize) -> Option<usize> {
    let head = u8_at(payload, at)?;
    let mut at = at + 1;
    if head & 0x10 != 0 {
        at += (usize::from(head >> 5) + 1) * 4;
    }
    if head & 0x08 != 0 {
        let pictures = u8_at(payload, at)?;
        at += 1;
        for _ in 0..pictures {
            let picture = u8_at(payload, at)?;
            at += 1 + usize::from(picture >> 2 & 0x03);
        }
    }
    (at <= payload.len()).then_some(at)
}

pub fn is_key_frame(payload: &[u8]) -> bool {
    Descriptor::parse(payload).is_some_and(|descriptor| descriptor.starts_key_frame())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_frame_with_scalability_structure_is_read() {
        // I L B V, 15-bit picture id, layer indices, TL0PICIDX, two spatial layers with sizes, one picture of one reference.
        let payload =
            [0xaa, 0x81, 0x02, 0x10, 0x33, 0x38, 1, 64, 0, 180, 2, 128, 1, 104, 1, 0x24, 0x01, 0xff];
        let descriptor = Descriptor::parse(&payload).unwrap();
        assert_eq!(descriptor.picture_id, Some(0x0102));
        assert_eq!((descriptor.tid, descriptor.sid, descriptor.tl0_pic_idx), (Some(0), Some(0), Some(0x33)));
        assert!(descriptor.switching_up && descriptor.starts_key_frame());
        assert_eq!(descriptor.len, 17);
    }

    #[test]
    fn upper_spatial_layers_and_predicted_frames_start_no_key_frame() {
        assert!(is_key_frame(&[0x88, 0x01, 0x00]));
        assert!(!is_key_frame(&[0xc8, 0x01, 0x00]), "inter-predicted");
        assert!(!is_key_frame(&[0x80, 0x01, 0x00]), "not the start");
        assert!(!is_key_frame(&[0xa8, 0x01, 0x03, 0x00]), "spatial layer 1");
    }

    #[test]
    fn flexible_mode_has_references_instead_of_a_layer_index() {
        let descriptor = Descriptor::parse(&[0xf8, 0x01, 0x20, 0x03, 0x04, 0x99]).unwrap();
        assert_eq!((descriptor.len, descriptor.tl0_pic_idx, descriptor.tid), (5, None, Some(1)));
        assert_eq!(Descriptor::parse(&[0xf8, 0x01, 0x20, 0x03]), None);
    }
}
