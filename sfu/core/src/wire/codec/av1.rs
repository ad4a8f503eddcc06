//! AV1 aggregation header and the header of the first OBU element (RTP Payload Format For AV1, 4.4).

use crate::wire::read::u8_at;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Descriptor {
    /// The first element continues one of the previous packet.
    pub continues: bool,
    /// First packet of a coded video sequence.
    pub new_sequence: bool,
    /// From the OBU extension header; senders with a dependency descriptor may leave it out.
    pub temporal: Option<u8>,
    pub spatial: Option<u8>,
}

impl Descriptor {
    pub fn parse(payload: &[u8]) -> Option<Descriptor> {
        let header = u8_at(payload, 0)?;
        let mut descriptor = Descriptor {
            continues: header & 0x80 != 0,
            new_sequence: header & 0x08 != 0,
            ..Descriptor::default()
        };
        if !descriptor.continues {
            // With W = 1 the only element has no length field.
            let obu_at = if header & 0x30 == 0x10 { Some(1) } else { skip_leb128(payload, 1) };
            if let Some(at) = obu_at
                && u8_at(payload, at).is_some_and(|obu| obu & 0x84 == 0x04)
                && let Some(extension) = u8_at(payload, at + 1)
            {
                descriptor.temporal = Some(extension >> 5);
                descriptor.spatial = Some(extension >> 3 & 0x03);
            }
        }
        Some(descriptor)
    }

    pub fn starts_key_frame(&self) -> bool {
        self.new_sequence && !self.continues
    }
}

fn skip_leb128(payload: &[u8], start: usize) -> Option<usize> {
    let length = payload.get(start..)?.iter().take(8).position(|byte| byte & 0x80 == 0)?;
    Some(start + length + 1)
}

pub fn is_key_frame(payload: &[u8]) -> bool {
    Descriptor::parse(payload).is_some_and(|descriptor| descriptor.starts_key_frame())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_coded_video_sequence_starts_a_key_frame() {
        assert!(is_key_frame(&[0x28, 0x02, 0x08, 0x00]));
        assert!(!is_key_frame(&[0x20, 0x02, 0x30, 0x00]));
        assert!(!is_key_frame(&[0xa8, 0x02, 0x08]), "continued");
        assert!(!is_key_frame(&[]));
    }

    #[test]
    fn layer_ids_come_from_the_extension_header_of_the_first_obu() {
        let single = Descriptor::parse(&[0x10, 0x34, 0x28, 0xff]).unwrap();
        assert_eq!((single.temporal, single.spatial), (Some(1), Some(1)));
        let counted = Descriptor::parse(&[0x00, 0x81, 0x01, 0x34, 0x48]).unwrap();
        assert_eq!((counted.temporal, counted.spatial), (Some(2), Some(1)));
        assert_eq!(Descriptor::parse(&[0x10, 0x30]).unwrap().temporal, None);
    }
}
