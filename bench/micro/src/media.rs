//! What the publisher sends: VP8 at 1.5 Mbit/s in six packets a frame, and Opus, as a browser packetises them.

use chevet_sfu_core::api::{Codec, Extension, MediaSettings, PayloadType, Token};
use chevet_sfu_core::wire::rtp::{OutHeader, write_header};

pub const AUDIO_SSRC: u32 = 0x1000_0001;
pub const VIDEO_SSRC: u32 = 0x1000_0002;
const ID_MID: u8 = 1;
const ID_ABS_SEND_TIME: u8 = 2;
const ID_TRANSPORT_CC: u8 = 3;
const ID_AUDIO_LEVEL: u8 = 5;
pub const PT_OPUS: u8 = 111;
pub const PT_VP8: u8 = 96;
pub const PT_VP8_RTX: u8 = 97;

/// Payload bytes of a frame's packets: 6,250 bytes in all. libwebrtc makes the later packets of a frame one byte longer.
const FRAME: [usize; 6] = [1041, 1041, 1042, 1042, 1042, 1042];
const AUDIO_PAYLOAD: usize = 80;
/// The first packets of a stream name their section (RFC 8843 9.2).
const NAMED_PACKETS: u64 = 50;

/// What was negotiated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Negotiated {
    /// As with a browser: abs-send-time, transport-wide numbers, retransmission streams.
    Everything,
    /// Mid and audio level only.
    Little,
}

impl Negotiated {
    pub fn settings(self) -> MediaSettings {
        let everything = self == Negotiated::Everything;
        let mut extensions = vec![(ID_MID, Extension::Mid), (ID_AUDIO_LEVEL, Extension::AudioLevel)];
        if everything {
            extensions.push((ID_ABS_SEND_TIME, Extension::AbsSendTime));
            extensions.push((ID_TRANSPORT_CC, Extension::TransportCc));
        }
        let payloads = vec![
            PayloadType { pt: PT_OPUS, codec: Codec::Opus, rtx: None },
            PayloadType { pt: PT_VP8, codec: Codec::Vp8, rtx: everything.then_some(PT_VP8_RTX) },
        ];
        MediaSettings { extensions, payloads, mixed_extensions: true }
    }
}

pub fn mid(text: &str) -> Token {
    Token::new(text.as_bytes()).expect("one to sixteen bytes")
}

/// A packet in the clear, with room for the tag behind it.
#[derive(Clone)]
pub struct Packet {
    pub bytes: Vec<u8>,
    pub header_len: usize,
    pub ssrc: u32,
    /// Extended sequence number.
    pub sequence: u64,
}

/// The publisher's two streams, which share their transport-wide numbers.
pub struct Source {
    negotiated: Negotiated,
    video: (u64, u64),
    audio: u64,
    transport_cc: u16,
}

impl Source {
    pub fn new(negotiated: Negotiated) -> Source {
        Source { negotiated, video: (0, 0), audio: 0, transport_cc: 0 }
    }

    /// The packets of the next frame; the first one is a key frame.
    pub fn frame(&mut self) -> Vec<Packet> {
        let (frame, _) = self.video;
        let count = FRAME.len();
        let packets = (FRAME.iter().enumerate())
            .map(|(index, len)| {
                let sequence = self.video.1;
                self.video.1 += 1;
                let header = OutHeader {
                    marker: index + 1 == count,
                    payload_type: PT_VP8,
                    sequence_number: sequence as u16,
                    timestamp: (frame * 3000) as u32,
                    ssrc: VIDEO_SSRC,
                    has_padding: false,
                };
                self.packet(&header, sequence, "1", None, &vp8(frame, index == 0, *len))
            })
            .collect();
        self.video.0 += 1;
        packets
    }

    /// 20 ms of sound.
    pub fn sound(&mut self) -> Packet {
        let sequence = self.audio;
        self.audio += 1;
        let header = OutHeader {
            marker: false,
            payload_type: PT_OPUS,
            sequence_number: sequence as u16,
            timestamp: (sequence * 960) as u32,
            ssrc: AUDIO_SSRC,
            has_padding: false,
        };
        self.packet(&header, sequence, "0", Some(0x80 | 30), &[0x5a; AUDIO_PAYLOAD])
    }

    fn packet(
        &mut self,
        header: &OutHeader,
        sequence: u64,
        mid: &str,
        level: Option<u8>,
        payload: &[u8],
    ) -> Packet {
        let number = self.transport_cc.to_be_bytes();
        let level = level.map(|level| [level]);
        let mut elements: Vec<(u8, &[u8])> = Vec::new();
        if sequence < NAMED_PACKETS {
            elements.push((ID_MID, mid.as_bytes()));
        }
        if self.negotiated == Negotiated::Everything {
            self.transport_cc = self.transport_cc.wrapping_add(1);
            elements.push((ID_ABS_SEND_TIME, &[1, 2, 3]));
            elements.push((ID_TRANSPORT_CC, &number));
        }
        if let Some(level) = &level {
            elements.push((ID_AUDIO_LEVEL, level));
        }
        let mut bytes = vec![0; 80];
        let header_len = write_header(&mut bytes, header, &elements).expect("room for the header");
        bytes.truncate(header_len);
        bytes.extend_from_slice(payload);
        Packet { bytes, header_len, ssrc: header.ssrc, sequence }
    }
}

/// RFC 7741: a descriptor with picture id (15 bits), TL0PICIDX, TID and key index, as libwebrtc writes it for two
/// temporal layers; then the frame.
fn vp8(frame: u64, first: bool, len: usize) -> Vec<u8> {
    let picture = frame as u16 & 0x7fff;
    let key = frame == 0;
    let temporal = (frame & 1) as u8;
    let mut payload = vec![
        0x80 | u8::from(first) << 4,
        0xf0,
        0x80 | (picture >> 8) as u8,
        picture as u8,
        (frame / 2) as u8,
        temporal << 6 | 1,
    ];
    if first {
        payload.extend([u8::from(!key) | 0x10, 0x02, 0x00]);
        if key {
            payload.extend([0x9d, 0x01, 0x2a, 0x00, 0x05, 0xd0, 0x02]);
        }
    }
    payload.resize(len, 0x5a);
    payload
}
