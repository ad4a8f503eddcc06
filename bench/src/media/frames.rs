//! The payloads of video: VP8 (RFC 7741) and H.264 (RFC 6184, packetization-mode 1), framed as libwebrtc does. What an SFU
//! looks at is valid; the rest is filler.

use chevet_sfu_core::api::Codec;

use super::probe;

/// Largest payload, bytes: what libwebrtc leaves of its 1,200 after header, extensions and retransmission overhead.
pub const MAX_PAYLOAD: usize = 1150;
/// Smallest one: everything in front of the filler, and the probe.
pub const MIN_PAYLOAD: usize = 64;

/// Constrained baseline, level 3.1, 1280x720.
const SPS: [u8; 23] = [
    0x67, 0x42, 0xc0, 0x1f, 0xda, 0x01, 0x40, 0x16, 0xec, 0x04, 0x40, 0x00, 0x00, 0x03, 0x00, 0x40, 0x00,
    0x00, 0x0c, 0x83, 0xc6, 0x0c, 0xa8,
];
const PPS: [u8; 4] = [0x68, 0xce, 0x3c, 0x80];
/// A SEI unit that has room for the probe and nothing else.
const SEI_LEN: usize = 1 + probe::LEN;
/// The aggregated parameter sets before an IDR picture.
const STAP_LEN: usize = 1 + 2 + SPS.len() + 2 + PPS.len() + 2 + SEI_LEN;

/// Looks like the output of an encoder: no runs, no start codes.
static FILLER: [u8; MAX_PAYLOAD] = filler();

const fn filler() -> [u8; MAX_PAYLOAD] {
    let mut bytes = [0; MAX_PAYLOAD];
    let mut state: u32 = 0x2545_f491;
    let mut at = 0;
    while at < MAX_PAYLOAD {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        bytes[at] = (state >> 24) as u8 | 1;
        at += 1;
    }
    bytes
}

/// What the packets of one frame have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    pub codec: Codec,
    pub key: bool,
    /// 15 bits.
    pub picture_id: u16,
    pub tl0_pic_idx: u8,
    /// Temporal layer, where the stream has several.
    pub layer: Option<u8>,
    pub layer_sync: bool,
    pub width: u16,
    pub height: u16,
    pub cut: Cut,
}

/// How the bytes of a frame are spread over its packets: all equal, or the later ones one byte larger, as libwebrtc's
/// packetiser does. Parameter sets of H.264 go before that in a packet of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    pub packets: u16,
    parameters: bool,
    smaller_len: u16,
    /// Packets of that length; the others are one byte longer.
    smaller: u16,
}

impl Cut {
    /// `bytes` of payload, descriptors and probes included. Raised to what the smallest packets need.
    pub fn new(codec: Codec, key: bool, bytes: usize) -> Cut {
        let parameters = codec == Codec::H264 && key;
        let bytes = bytes.saturating_sub(if parameters { STAP_LEN } else { 0 }).max(MIN_PAYLOAD);
        let packets = bytes.div_ceil(MAX_PAYLOAD).min(usize::from(u16::MAX) - 1);
        Cut {
            packets: packets as u16 + u16::from(parameters),
            parameters,
            smaller_len: (bytes / packets).min(MAX_PAYLOAD) as u16,
            smaller: (packets - bytes % packets) as u16,
        }
    }

    /// Length of the payload of packet `index`, bytes.
    pub fn len(&self, index: u16) -> usize {
        let Some(index) = index.checked_sub(u16::from(self.parameters)) else { return STAP_LEN };
        usize::from(self.smaller_len + u16::from(index >= self.smaller))
    }
}

impl Frame {
    /// Fills `out`, whose length is that of packet `index`, except for the probe.
    pub fn write(&self, index: u16, out: &mut [u8]) {
        match self.codec {
            Codec::Vp8 => self.write_vp8(index, out),
            Codec::H264 => self.write_h264(index, out),
            _ => fill(out, 0),
        }
    }

    fn write_vp8(&self, index: u16, out: &mut [u8]) {
        let [high, low] = (self.picture_id | 0x8000).to_be_bytes();
        // No other frame refers to those of the highest of three layers.
        let non_reference = u8::from(self.layer == Some(2)) << 5;
        let start = u8::from(index == 0) << 4;
        let mut at = 4;
        out[0] = 0x80 | non_reference | start;
        out[1] = 0x80;
        out[2..4].copy_from_slice(&[high, low]);
        if let Some(layer) = self.layer {
            out[1] |= 0x60;
            out[4..6].copy_from_slice(&[self.tl0_pic_idx, layer << 6 | u8::from(self.layer_sync) << 5]);
            at = 6;
        }
        if index == 0 {
            // RFC 6386 9.1: inverse key frame flag, version 0, shown, 19 bits of the first partition's size.
            let partition = 200u32;
            let tag = u32::from(!self.key) | 1 << 4 | partition << 5;
            out[at..at + 3].copy_from_slice(&tag.to_le_bytes()[..3]);
            at += 3;
            if self.key {
                out[at..at + 3].copy_from_slice(&[0x9d, 0x01, 0x2a]);
                out[at + 3..at + 5].copy_from_slice(&(self.width & 0x3fff).to_le_bytes());
                out[at + 5..at + 7].copy_from_slice(&(self.height & 0x3fff).to_le_bytes());
                at += 7;
            }
        }
        fill(out, at);
    }

    fn write_h264(&self, index: u16, out: &mut [u8]) {
        let unit = if self.key { 0x65 } else { 0x41 };
        let (first, last) = (u16::from(self.cut.parameters), self.cut.packets - 1);
        if index < first {
            let mut at = 1;
            // STAP-A with the highest importance of its units.
            out[0] = 0x78;
            for parameters in [SPS.as_slice(), PPS.as_slice()] {
                out[at..at + 2].copy_from_slice(&(parameters.len() as u16).to_be_bytes());
                out[at + 2..at + 2 + parameters.len()].copy_from_slice(parameters);
                at += 2 + parameters.len();
            }
            out[at..at + 2].copy_from_slice(&(SEI_LEN as u16).to_be_bytes());
            out[at + 2] = 0x06;
        } else if first == last {
            out[0] = unit;
            fill(out, 1);
        } else {
            // FU-A: start and end bits (RFC 6184 5.8).
            out[0] = unit & 0xe0 | 28;
            out[1] = u8::from(index == first) << 7 | u8::from(index == last) << 6 | unit & 0x1f;
            fill(out, 2);
        }
    }
}

/// Everything from `at`, leaving the probe's place alone.
pub fn fill(out: &mut [u8], at: usize) {
    let end = out.len().saturating_sub(probe::LEN);
    if let Some(place) = out.get_mut(at..end) {
        place.copy_from_slice(&FILLER[..place.len()]);
    }
}

/// Sizes of encoded frames: they vary, and pay back over the next ones what a large one took, as rate control does.
#[derive(Clone, Debug)]
pub struct Sizes {
    /// Bytes.
    mean: f64,
    credit: f64,
}

impl Sizes {
    pub fn new(bits_per_second: u32, frames_per_second: f64) -> Sizes {
        Sizes { mean: f64::from(bits_per_second) / 8.0 / frames_per_second, credit: 0.0 }
    }

    /// Bytes of the next frame; `weight`: its share compared with the mean, by temporal layer. `random`: 0 to 1.
    pub fn next(&mut self, key: bool, weight: f64, random: f64, smallest: usize) -> usize {
        let (target, size) = if key {
            (self.mean, self.mean * (3.0 + 2.0 * random))
        } else {
            let target = self.mean * weight;
            let back = (self.credit / 8.0).clamp(-0.4 * target, 0.4 * target);
            (target, (target + back) * (0.8 + 0.4 * random))
        };
        let size = size.max(smallest as f64).round();
        // Many key frames in a row are not paid back forever.
        self.credit = (self.credit + target - size).clamp(-50.0 * self.mean, 50.0 * self.mean);
        size as usize
    }
}

#[cfg(test)]
mod tests {
    use chevet_sfu_core::wire::codec::{h264, vp8};

    use super::*;

    fn frame(codec: Codec, key: bool, bytes: usize) -> Frame {
        Frame {
            codec,
            key,
            picture_id: 0x7abc,
            tl0_pic_idx: 0x9f,
            layer: Some(1),
            layer_sync: true,
            width: 640,
            height: 360,
            cut: Cut::new(codec, key, bytes),
        }
    }

    fn packets(frame: &Frame) -> Vec<Vec<u8>> {
        (0..frame.cut.packets)
            .map(|index| {
                let mut out = vec![0; frame.cut.len(index)];
                frame.write(index, &mut out);
                out
            })
            .collect()
    }

    #[test]
    fn the_packets_of_a_frame_are_equal_or_the_later_ones_a_byte_larger_and_none_is_too_large() {
        for bytes in (1..20_000).step_by(7) {
            let cut = Cut::new(Codec::Vp8, false, bytes);
            let lens: Vec<usize> = (0..cut.packets).map(|index| cut.len(index)).collect();
            assert_eq!(lens.iter().sum::<usize>(), bytes.max(MIN_PAYLOAD));
            assert!(lens.iter().all(|&len| (MIN_PAYLOAD..=MAX_PAYLOAD).contains(&len)), "{bytes}: {lens:?}");
            assert!(lens.is_sorted() && lens[lens.len() - 1] - lens[0] <= 1, "{bytes}: {lens:?}");
        }
    }

    #[test]
    fn the_sfus_own_inspector_sees_our_vp8_as_it_is_meant() {
        let key = packets(&frame(Codec::Vp8, true, 3000));
        assert_eq!(key.len(), 3);
        assert_eq!(vp8::key_frame_size(&key[0]), Some((640, 360)));
        for (index, payload) in key.iter().enumerate() {
            let descriptor = vp8::Descriptor::parse(payload).unwrap();
            assert_eq!((descriptor.is_key_frame, descriptor.is_frame_start()), (index == 0, index == 0));
            assert_eq!((descriptor.picture_id, descriptor.picture_id_bits), (Some(0x7abc), 15));
            assert_eq!((descriptor.tl0_pic_idx, descriptor.tid), (Some(0x9f), Some(1)));
            assert!(descriptor.layer_sync && !descriptor.non_reference);
        }
        let single = Frame { layer: None, ..frame(Codec::Vp8, false, 100) };
        let descriptor = vp8::Descriptor::parse(&packets(&single)[0]).unwrap();
        assert_eq!((descriptor.len, descriptor.tl0_pic_idx, descriptor.tid), (4, None, None));
        assert!(descriptor.is_frame_start() && !descriptor.is_key_frame);
    }

    #[test]
    fn the_sfus_own_inspector_sees_our_h264_as_it_is_meant() {
        let key = packets(&frame(Codec::H264, true, 3000));
        assert_eq!(key.len(), 4, "parameter sets and three fragments");
        assert_eq!(
            key.iter().map(|payload| h264::is_key_frame(payload)).collect::<Vec<_>>(),
            [true, false, false, false]
        );
        assert_eq!(
            key.iter().map(|payload| h264::begins_unit(payload)).collect::<Vec<_>>(),
            [true, true, false, false]
        );
        assert_eq!([key[1][1], key[2][1], key[3][1]], [0x85, 0x05, 0x45]);
        let mut at = 1;
        let mut units = Vec::new();
        while at < key[0].len() {
            units.push(key[0][at + 2] & 0x1f);
            at += 2 + usize::from(u16::from_be_bytes([key[0][at], key[0][at + 1]]));
        }
        assert_eq!((units, at), (vec![7, 8, 6], key[0].len()), "the units fill the packet exactly");

        let small = packets(&frame(Codec::H264, false, 900));
        assert_eq!((small.len(), small[0][0]), (1, 0x41));
        let large = packets(&frame(Codec::H264, false, 2000));
        assert_eq!([large[0][0], large[0][1], large[1][1]], [0x5c, 0x81, 0x41]);
    }
}
