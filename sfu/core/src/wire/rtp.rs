//! RTP headers (RFC 3550 5.1) and header extensions (RFC 8285), read from and written to slices.

use crate::api::{Extension, MediaSettings, Token};
use crate::wire::read::{array_at, u8_at, u16_at, u24_at, u32_at};

/// The fixed part of the header, bytes.
pub const FIXED_HEADER: usize = 12;

const PROFILE_ONE_BYTE: u16 = 0xbede;
/// The low four bits are free for the application (RFC 8285 4.3).
const PROFILE_TWO_BYTE: u16 = 0x1000;

/// Which header extension has which id on one transport.
#[derive(Clone, Debug)]
pub struct ExtensionMap {
    by_id: [Option<Extension>; 256],
    /// 0 = not negotiated. Indexed by the discriminant.
    ids: [u8; Extension::ALL.len()],
    mixed: bool,
}

impl Default for ExtensionMap {
    fn default() -> Self {
        ExtensionMap { by_id: [None; 256], ids: [0; Extension::ALL.len()], mixed: false }
    }
}

impl ExtensionMap {
    pub fn new(media: &MediaSettings) -> ExtensionMap {
        let mut map = ExtensionMap { mixed: media.mixed_extensions, ..ExtensionMap::default() };
        for &(id, extension) in &media.extensions {
            // 0 is padding, 15 is reserved in the one-byte form.
            if id == 0 || (id == 15 && !media.mixed_extensions) {
                continue;
            }
            if let (Some(by_id), Some(slot)) =
                (map.by_id.get_mut(usize::from(id)), map.ids.get_mut(extension as usize))
            {
                *by_id = Some(extension);
                *slot = id;
            }
        }
        map
    }

    pub fn extension(&self, id: u8) -> Option<Extension> {
        self.by_id.get(usize::from(id)).copied().flatten()
    }

    pub fn id(&self, extension: Extension) -> Option<u8> {
        self.ids.get(extension as usize).copied().filter(|&id| id != 0)
    }

    /// The two-byte form may be sent (`a=extmap-allow-mixed`).
    pub fn mixed(&self) -> bool {
        self.mixed
    }
}

/// RFC 6464.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AudioLevel {
    pub voice: bool,
    /// 0 (loudest) to 127 (silence), in -dBov.
    pub level_dbov: u8,
}

impl AudioLevel {
    pub fn to_byte(self) -> u8 {
        u8::from(self.voice) << 7 | (self.level_dbov & 0x7f)
    }
}

/// Passed on as it came: 8 bytes of NTP time, or 16 with the clock offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AbsCaptureTime {
    len: u8,
    bytes: [u8; 16],
}

impl AbsCaptureTime {
    pub fn new(data: &[u8]) -> Option<AbsCaptureTime> {
        if data.len() != 8 && data.len() != 16 {
            return None;
        }
        let mut bytes = [0; 16];
        bytes.get_mut(..data.len())?.copy_from_slice(data);
        Some(AbsCaptureTime { len: data.len() as u8, bytes })
    }

    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or(&[])
    }
}

/// What the header extensions of a packet say, as far as they are negotiated and well formed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extensions {
    pub mid: Option<Token>,
    pub rid: Option<Token>,
    pub repaired_rid: Option<Token>,
    pub audio_level: Option<AudioLevel>,
    /// Transport-wide sequence number.
    pub transport_cc: Option<u16>,
    /// 24 bits: seconds modulo 64 in 6.18 fixed point.
    pub abs_send_time: Option<u32>,
    pub abs_capture_time: Option<AbsCaptureTime>,
    /// Minimum and maximum of 12 bits each, in 10 ms.
    pub playout_delay: Option<[u8; 3]>,
    /// Offset from the start of the packet, and length, in bytes.
    pub dependency_descriptor: Option<(u16, u16)>,
}

impl Extensions {
    pub fn dependency_descriptor_in<'a>(&self, packet: &'a [u8]) -> Option<&'a [u8]> {
        let (offset, len) = self.dependency_descriptor?;
        packet.get(usize::from(offset)..)?.get(..usize::from(len))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RtpHeader {
    pub marker: bool,
    pub payload_type: u8,
    pub sequence_number: u16,
    pub timestamp: u32,
    pub ssrc: u32,
    /// Bytes, with the CSRCs and the extension block. Not more than the packet has.
    pub header_len: usize,
    pub has_padding: bool,
    pub extensions: Extensions,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RtpError {
    #[error("shorter than its header")]
    Short,
    #[error("not version 2")]
    Version,
}

impl RtpHeader {
    /// Reads the header, which SRTP leaves in the clear. Elements of the extension block that are unknown or malformed
    /// are passed over: the block's own length rules.
    pub fn parse(packet: &[u8], map: &ExtensionMap) -> Result<RtpHeader, RtpError> {
        let fixed = packet.first_chunk::<FIXED_HEADER>().ok_or(RtpError::Short)?;
        let [first, second, s0, s1, t0, t1, t2, t3, i0, i1, i2, i3] = *fixed;
        if first >> 6 != 2 {
            return Err(RtpError::Version);
        }
        let mut header = RtpHeader {
            marker: second & 0x80 != 0,
            payload_type: second & 0x7f,
            sequence_number: u16::from_be_bytes([s0, s1]),
            timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
            ssrc: u32::from_be_bytes([i0, i1, i2, i3]),
            header_len: FIXED_HEADER + 4 * usize::from(first & 0x0f),
            has_padding: first & 0x20 != 0,
            extensions: Extensions::default(),
        };
        if first & 0x10 != 0 {
            let profile = u16_at(packet, header.header_len).ok_or(RtpError::Short)?;
            let words = u16_at(packet, header.header_len + 2).ok_or(RtpError::Short)?;
            let start = header.header_len + 4;
            let end = start + 4 * usize::from(words);
            let block = packet.get(start..end).ok_or(RtpError::Short)?;
            if profile == PROFILE_ONE_BYTE {
                read_one_byte(packet, start, block, map, &mut header.extensions);
            } else if profile & 0xfff0 == PROFILE_TWO_BYTE {
                read_two_byte(packet, start, block, map, &mut header.extensions);
            }
            header.header_len = end;
        }
        if header.header_len > packet.len() {
            return Err(RtpError::Short);
        }
        Ok(header)
    }
}

/// RFC 8285 4.2.
fn read_one_byte(packet: &[u8], start: usize, block: &[u8], map: &ExtensionMap, found: &mut Extensions) {
    let mut at = 0;
    while let Some(lead) = u8_at(block, at) {
        at += 1;
        let id = lead >> 4;
        match id {
            0 => continue,
            15 => return,
            _ => {}
        }
        let len = usize::from(lead & 0x0f) + 1;
        let Some(data) = block.get(at..at + len) else { return };
        if let Some(extension) = map.extension(id) {
            found.note(extension, packet, start + at, data);
        }
        at += len;
    }
}

/// RFC 8285 4.3.
fn read_two_byte(packet: &[u8], start: usize, block: &[u8], map: &ExtensionMap, found: &mut Extensions) {
    let mut at = 0;
    while let Some(id) = u8_at(block, at) {
        at += 1;
        if id == 0 {
            continue;
        }
        let Some(len) = u8_at(block, at).map(usize::from) else { return };
        at += 1;
        let Some(data) = block.get(at..at + len) else { return };
        if let Some(extension) = map.extension(id) {
            found.note(extension, packet, start + at, data);
        }
        at += len;
    }
}

impl Extensions {
    fn note(&mut self, extension: Extension, packet: &[u8], offset: usize, data: &[u8]) {
        match extension {
            Extension::Mid => self.mid = Token::new(data).or(self.mid),
            Extension::Rid => self.rid = Token::new(data).or(self.rid),
            Extension::RepairedRid => self.repaired_rid = Token::new(data).or(self.repaired_rid),
            Extension::AudioLevel => {
                self.audio_level = u8_at(data, 0)
                    .map(|byte| AudioLevel { voice: byte & 0x80 != 0, level_dbov: byte & 0x7f })
                    .or(self.audio_level);
            }
            Extension::TransportCc => self.transport_cc = u16_at(data, 0).or(self.transport_cc),
            Extension::AbsSendTime => self.abs_send_time = u24_at(data, 0).or(self.abs_send_time),
            Extension::AbsCaptureTime => {
                self.abs_capture_time = AbsCaptureTime::new(data).or(self.abs_capture_time);
            }
            Extension::PlayoutDelay => self.playout_delay = array_at(data, 0).or(self.playout_delay),
            Extension::DependencyDescriptor => {
                debug_assert!(offset + data.len() <= packet.len());
                if let (Ok(offset), Ok(len)) = (u16::try_from(offset), u16::try_from(data.len())) {
                    self.dependency_descriptor = Some((offset, len));
                }
            }
        }
    }
}

/// Bytes of RTP padding at the end of a decrypted packet: 0 without the P bit, `None` when the count cannot be
/// (RFC 3550 5.1).
pub fn padding_len(packet: &[u8], header: &RtpHeader) -> Option<usize> {
    if !header.has_padding {
        return Some(0);
    }
    let padding = usize::from(*packet.get(header.header_len..)?.last()?);
    (padding >= 1 && header.header_len.checked_add(padding)? <= packet.len()).then_some(padding)
}

/// SSRC of a packet whose header was not parsed yet.
pub fn peek_ssrc(packet: &[u8]) -> Option<u32> {
    u32_at(packet, 8)
}

/// The fields of a header to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutHeader {
    pub marker: bool,
    pub payload_type: u8,
    pub sequence_number: u16,
    pub timestamp: u32,
    pub ssrc: u32,
    pub has_padding: bool,
}

impl OutHeader {
    /// Marker and payload type.
    pub fn second_byte(&self) -> u8 {
        u8::from(self.marker) << 7 | (self.payload_type & 0x7f)
    }
}

/// Writes a header without CSRCs and with these extension elements (id, data), and returns its length in bytes. `None`
/// when `out` is too small or an element cannot be written (id 0, more than 255 bytes).
///
/// The one-byte form is taken unless an element needs the other (RFC 8285 4.1.2): id above 14, no data, or more than 16
/// bytes. A caller whose peer does not take the two-byte form leaves those out; see [`fits_one_byte_form`].
pub fn write_header(out: &mut [u8], fields: &OutHeader, elements: &[(u8, &[u8])]) -> Option<usize> {
    let first = 0x80 | u8::from(fields.has_padding) << 5 | u8::from(!elements.is_empty()) << 4;
    let [s0, s1] = fields.sequence_number.to_be_bytes();
    let [t0, t1, t2, t3] = fields.timestamp.to_be_bytes();
    let [i0, i1, i2, i3] = fields.ssrc.to_be_bytes();
    *out.first_chunk_mut::<FIXED_HEADER>()? =
        [first, fields.second_byte(), s0, s1, t0, t1, t2, t3, i0, i1, i2, i3];
    if elements.is_empty() {
        return Some(FIXED_HEADER);
    }

    let two_byte = elements.iter().any(|&(id, data)| !fits_one_byte_form(id, data.len()));
    let start = FIXED_HEADER + 4;
    let mut at = start;
    for &(id, data) in elements {
        if id == 0 {
            return None;
        }
        if two_byte {
            *out.get_mut(at)? = id;
            *out.get_mut(at + 1)? = u8::try_from(data.len()).ok()?;
            at += 2;
        } else {
            *out.get_mut(at)? = id << 4 | (data.len() as u8).wrapping_sub(1) & 0x0f;
            at += 1;
        }
        out.get_mut(at..at + data.len())?.copy_from_slice(data);
        at += data.len();
    }
    let end = start + (at - start).next_multiple_of(4);
    out.get_mut(at..end)?.fill(0);
    let profile = if two_byte { PROFILE_TWO_BYTE } else { PROFILE_ONE_BYTE };
    let [p0, p1] = profile.to_be_bytes();
    let [w0, w1] = u16::try_from((end - start) / 4).ok()?.to_be_bytes();
    *out.get_mut(FIXED_HEADER..)?.first_chunk_mut::<4>()? = [p0, p1, w0, w1];
    Some(end)
}

/// Whether an element can be written without the two-byte form.
pub fn fits_one_byte_form(id: u8, len: usize) -> bool {
    (1..=14).contains(&id) && (1..=16).contains(&len)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn map() -> ExtensionMap {
        ExtensionMap::new(&MediaSettings {
            extensions: Extension::ALL.iter().zip(1..).map(|(&extension, id)| (id, extension)).collect(),
            payloads: Vec::new(),
            mixed_extensions: true,
        })
    }

    const FIELDS: OutHeader = OutHeader {
        marker: true,
        payload_type: 96,
        sequence_number: 65_535,
        timestamp: 0xdead_beef,
        ssrc: 0x0102_0304,
        has_padding: false,
    };

    #[test]
    fn a_chromium_style_header_is_read() {
        let packet = [
            0x90, 0xe0, 0x12, 0x34, 0, 0, 0, 9, 0, 0, 0, 7, 0xbe, 0xde, 0,
            3, // header, block of 3 words
            0x10, b'0', 0x21, b'h', b'i', 0x00, 0x51, 0xab, 0xcd, 0x40, 0x83,
            0x00, // mid rid pad twcc level pad
            1, 2, 3,
        ];
        let header = RtpHeader::parse(&packet, &map()).unwrap();
        assert!(header.marker && !header.has_padding);
        assert_eq!((header.payload_type, header.sequence_number), (96, 0x1234));
        assert_eq!((header.timestamp, header.ssrc, header.header_len), (9, 7, 28));
        let extensions = header.extensions;
        assert_eq!(extensions.mid.unwrap().as_str(), "0");
        assert_eq!(extensions.rid.unwrap().as_str(), "hi");
        assert_eq!(extensions.transport_cc, Some(0xabcd));
        assert_eq!(extensions.audio_level, Some(AudioLevel { voice: true, level_dbov: 3 }));
        assert_eq!(extensions.abs_send_time, None);
    }

    #[test]
    fn the_reserved_id_15_ends_the_reading_but_not_the_packet() {
        let packet = [0x90, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7, 0xbe, 0xde, 0, 1, 0xf0, 0x00, 0x10, b'x', 9];
        let header = RtpHeader::parse(&packet, &map()).unwrap();
        assert_eq!(header.header_len, 20);
        assert_eq!(header.extensions.mid, None);
    }

    #[test]
    fn an_element_that_runs_past_its_block_is_ignored() {
        let packet =
            [0x90, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7, 0xbe, 0xde, 0, 1, 0x1f, b'x', b'y', b'z', 9, 9, 9];
        assert_eq!(RtpHeader::parse(&packet, &map()).unwrap().extensions, Extensions::default());
    }

    #[test]
    fn a_header_longer_than_its_packet_is_refused() {
        assert_eq!(RtpHeader::parse(&[0x80; 11], &map()), Err(RtpError::Short));
        assert_eq!(RtpHeader::parse(&[0x8f; 60], &map()), Err(RtpError::Short));
        let mut packet = [0u8; 16];
        packet[0] = 0x90;
        packet[15] = 1;
        assert_eq!(RtpHeader::parse(&packet, &map()), Err(RtpError::Short));
        assert_eq!(RtpHeader::parse(&[0x40; 12], &map()), Err(RtpError::Version));
    }

    #[test]
    fn padding_must_lie_inside_the_payload() {
        let mut packet = [0u8; 16];
        packet[0] = 0xa0;
        let header = RtpHeader::parse(&packet, &map()).unwrap();
        assert_eq!(padding_len(&packet, &header), None);
        packet[15] = 4;
        assert_eq!(padding_len(&packet, &header), Some(4));
        packet[15] = 5;
        assert_eq!(padding_len(&packet, &header), None);
        assert_eq!(padding_len(&packet[..12], &header), None);
    }

    #[test]
    fn a_long_dependency_descriptor_makes_the_block_two_byte() {
        let descriptor = [7u8; 40];
        let mut out = [0xff; 100];
        let len = write_header(&mut out, &FIELDS, &[(1, b"0"), (8, &descriptor), (200, b"z")]).unwrap();
        assert_eq!(out[12..14], [0x10, 0x00]);
        let header = RtpHeader::parse(&out[..len], &map()).unwrap();
        assert_eq!(header.header_len, len);
        assert_eq!(header.extensions.mid.unwrap().as_str(), "0");
        assert_eq!(header.extensions.dependency_descriptor_in(&out), Some(&descriptor[..]));
    }

    #[test]
    fn a_header_that_does_not_fit_is_not_written() {
        assert_eq!(write_header(&mut [0; 11], &FIELDS, &[]), None);
        assert_eq!(write_header(&mut [0; 19], &FIELDS, &[(1, b"abc")]), None);
        assert_eq!(write_header(&mut [0; 20], &FIELDS, &[(1, b"abc")]), Some(20));
        assert_eq!(write_header(&mut [0; 400], &FIELDS, &[(1, &[0; 256])]), None);
        assert_eq!(write_header(&mut [0; 400], &FIELDS, &[(0, b"a")]), None);
    }

    #[test]
    fn an_extension_map_works_in_both_directions() {
        let map = ExtensionMap::new(&MediaSettings {
            extensions: vec![(3, Extension::Mid), (0, Extension::Rid), (15, Extension::AudioLevel)],
            ..MediaSettings::default()
        });
        assert_eq!(map.extension(3), Some(Extension::Mid));
        assert_eq!(map.id(Extension::Mid), Some(3));
        assert_eq!((map.id(Extension::Rid), map.id(Extension::AudioLevel)), (None, None));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(packet in proptest::collection::vec(any::<u8>(), 0..200), first in 0x80u8..0xc0) {
            let mut packet = packet;
            if let Some(byte) = packet.first_mut() {
                *byte = first;
            }
            if let Ok(header) = RtpHeader::parse(&packet, &map()) {
                prop_assert!(header.header_len <= packet.len());
                let padding = padding_len(&packet, &header).unwrap_or(0);
                prop_assert!(header.header_len + padding <= packet.len());
                if header.extensions.dependency_descriptor.is_some() {
                    prop_assert!(header.extensions.dependency_descriptor_in(&packet).is_some());
                }
            }
        }

        #[test]
        fn what_is_written_is_read_back(
            marker: bool, pt in 0u8..128, seq: u16, ts: u32, ssrc: u32,
            mid in "[a-z0-9]{1,16}", level: Option<(bool, u8)>, twcc: Option<u16>, ast in proptest::option::of(0u32..1 << 24),
            capture in proptest::option::of(prop_oneof![Just(8usize), Just(16)]),
            descriptor in proptest::option::of(proptest::collection::vec(any::<u8>(), 1..80)),
        ) {
            let fields = OutHeader { marker, payload_type: pt, sequence_number: seq, timestamp: ts, ssrc, has_padding: false };
            let level = level.map(|(voice, level)| AudioLevel { voice, level_dbov: level & 0x7f });
            let level_byte = [level.map_or(0, AudioLevel::to_byte)];
            let twcc_bytes = twcc.unwrap_or(0).to_be_bytes();
            let ast_bytes = ast.unwrap_or(0).to_be_bytes();
            let capture_bytes = [9u8; 16];
            let mut elements: Vec<(u8, &[u8])> = vec![(1, mid.as_bytes())];
            if level.is_some() { elements.push((4, &level_byte)); }
            if twcc.is_some() { elements.push((5, &twcc_bytes)); }
            if ast.is_some() { elements.push((6, &ast_bytes[1..])); }
            if let Some(len) = capture { elements.push((7, &capture_bytes[..len])); }
            if let Some(descriptor) = &descriptor { elements.push((8, descriptor)); }
            let mut out = [0xaa; 300];
            let len = write_header(&mut out, &fields, &elements).unwrap();
            let header = RtpHeader::parse(&out[..len], &map()).unwrap();
            prop_assert_eq!(header.header_len, len);
            prop_assert_eq!((header.marker, header.payload_type, header.sequence_number), (marker, pt, seq));
            prop_assert_eq!((header.timestamp, header.ssrc), (ts, ssrc));
            prop_assert_eq!(header.extensions.mid, Token::new(mid.as_bytes()));
            prop_assert_eq!(header.extensions.audio_level, level);
            prop_assert_eq!(header.extensions.transport_cc, twcc);
            prop_assert_eq!(header.extensions.abs_send_time, ast);
            prop_assert_eq!(header.extensions.abs_capture_time.map(|time| time.as_bytes().len()), capture);
            prop_assert_eq!(header.extensions.dependency_descriptor_in(&out[..len]), descriptor.as_deref());
        }
    }
}
