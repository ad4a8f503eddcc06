//! What a forwarder needs to see of a payload: where frames and key frames begin, and the fields it rewrites.
//!
//! Only payload descriptors and the bytes that end-to-end encryption leaves in the clear are read (VP8: the first bytes
//! of the frame; H.264: NAL unit headers), so the answers hold for encrypted tracks too.

pub mod av1;
pub mod h264;
pub mod red;
pub mod vp8;
pub mod vp9;

use crate::api::Codec;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Inspection {
    /// A decoder can begin with this packet: the first of a key frame, and any packet of audio.
    pub key_frame: bool,
    /// The first packet of a frame. H.264 does not say; there it means that a NAL unit begins here.
    pub frame_start: bool,
    pub vp8: Option<vp8::Descriptor>,
    pub temporal: Option<u8>,
    pub spatial: Option<u8>,
}

/// Looks at a plaintext payload without its padding. A payload that makes no sense is simply not a key frame.
pub fn inspect(codec: Codec, payload: &[u8]) -> Inspection {
    match codec {
        Codec::Opus | Codec::Red => {
            Inspection { key_frame: true, frame_start: true, ..Inspection::default() }
        }
        Codec::Vp8 => match vp8::Descriptor::parse(payload) {
            None => Inspection::default(),
            Some(vp8) => Inspection {
                key_frame: vp8.is_key_frame,
                frame_start: vp8.is_frame_start(),
                temporal: vp8.tid,
                vp8: Some(vp8),
                spatial: None,
            },
        },
        Codec::Vp9 => match vp9::Descriptor::parse(payload) {
            None => Inspection::default(),
            Some(vp9) => Inspection {
                key_frame: vp9.starts_key_frame(),
                frame_start: vp9.start_of_frame && vp9.sid.unwrap_or(0) == 0,
                temporal: vp9.tid,
                spatial: vp9.sid,
                vp8: None,
            },
        },
        Codec::H264 => Inspection {
            key_frame: h264::is_key_frame(payload),
            frame_start: h264::begins_unit(payload),
            ..Inspection::default()
        },
        Codec::Av1 => match av1::Descriptor::parse(payload) {
            None => Inspection::default(),
            Some(av1) => Inspection {
                key_frame: av1.starts_key_frame(),
                frame_start: !av1.continues,
                temporal: av1.temporal,
                spatial: av1.spatial,
                vp8: None,
            },
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_payload_is_inspected_without_panic(payload in proptest::collection::vec(any::<u8>(), 0..80)) {
            for codec in [Codec::Opus, Codec::Red, Codec::Vp8, Codec::Vp9, Codec::H264, Codec::Av1] {
                inspect(codec, &payload);
            }
            if let Some(primary) = red::primary(&payload) {
                prop_assert!(payload.get(primary).is_some());
            }
        }
    }
}
