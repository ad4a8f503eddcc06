//! Made-up VP8 and Opus, packetised as a browser does.

use std::time::{Duration, Instant};

use chevet_sfu_core::api::Token;
use chevet_sfu_core::wire::rtcp::{self, SenderInfo};
use chevet_sfu_core::wire::rtp::{OutHeader, write_header};

use super::script::{ID_AUDIO_LEVEL, ID_MID, ID_RID, ID_TRANSPORT_CC, PT_OPUS, PT_RED, PT_VP8};

/// Payload of one video packet, in bytes.
const VIDEO_PAYLOAD_MAX: usize = 1100;
/// A frame of sound, in bytes: 32 kbit/s.
const OPUS: u8 = 80;
/// Packets kept for repetition.
const KEPT: usize = 512;
/// The first packets of a stream name their section and encoding.
const NAMED_PACKETS: u64 = 50;

/// One RTP stream to publish.
pub struct Source {
    pub ssrc: u32,
    mid: Token,
    rid: Option<Token>,
    kind: Kind,
    sequence: u64,
    transport_cc: Option<u16>,
    start: Instant,
    next: Instant,
    packets: u32,
    octets: u32,
    kept: Vec<(u16, Vec<u8>, usize, u64)>,
    pub key_frames: u64,
}

enum Kind {
    Video {
        frame_bytes: usize,
        interval: Duration,
        /// Time between two packets of one frame.
        spacing: Duration,
        /// Payload lengths of the frame's packets that are still to be sent, last one first.
        left: Vec<usize>,
        frame: u64,
        first: bool,
        key: bool,
        wanted: bool,
    },
    Audio {
        level: u8,
        frame: u64,
        redundant: bool,
    },
}

impl Source {
    /// With `spread` the packets of a frame are spaced over its interval as by a pacer, else they leave as a burst.
    pub fn video(
        now: Instant,
        mid: &str,
        rid: Option<&str>,
        ssrc: u32,
        bits_per_second: u64,
        spread: bool,
    ) -> Source {
        let interval = Duration::from_micros(33_333);
        let frame_bytes = (bits_per_second as f64 / 8.0 * interval.as_secs_f64()) as usize;
        let packets = frame_bytes.div_ceil(VIDEO_PAYLOAD_MAX) as u32;
        // A browser's pacer sends at 2.5 times the rate.
        let spacing = if spread { interval.mul_f64(0.4) / packets.max(1) } else { Duration::ZERO };
        let left = Vec::new();
        let kind = Kind::Video {
            frame_bytes,
            interval,
            spacing,
            left,
            frame: 0,
            first: true,
            key: true,
            wanted: true,
        };
        Source::new(now, mid, rid, ssrc, kind)
    }

    /// `level`: in -dBov, as RFC 6464 has it.
    pub fn audio(now: Instant, mid: &str, ssrc: u32, level: u8) -> Source {
        Source::new(now, mid, None, ssrc, Kind::Audio { level, frame: 0, redundant: false })
    }

    /// Of sound: each packet carries the frame before as well (RFC 2198).
    pub fn with_redundancy(mut self) -> Source {
        if let Kind::Audio { redundant, .. } = &mut self.kind {
            *redundant = true;
        }
        self
    }

    fn new(now: Instant, mid: &str, rid: Option<&str>, ssrc: u32, kind: Kind) -> Source {
        Source {
            ssrc,
            mid: Token::new(mid.as_bytes()).unwrap(),
            rid: rid.and_then(|rid| Token::new(rid.as_bytes())),
            kind,
            sequence: u64::from(ssrc as u16) | 1,
            transport_cc: None,
            start: now,
            next: now,
            packets: 0,
            octets: 0,
            kept: Vec::new(),
            key_frames: 0,
        }
    }

    /// Numbers the packets for transport-wide feedback, from this one on.
    pub fn number_from(&mut self, sequence: u16) {
        self.transport_cc = Some(sequence);
    }

    /// Packets so far, without repetitions.
    pub fn sent(&self) -> u64 {
        self.packets.into()
    }

    pub fn next(&self) -> Instant {
        self.next
    }

    pub fn request_key_frame(&mut self, _now: Instant) {
        if let Kind::Video { wanted, .. } = &mut self.kind {
            *wanted = true;
        }
    }

    /// The next packet in the clear: (packet, header length, SSRC, extended sequence number).
    pub fn packet(&mut self, now: Instant) -> Option<(Vec<u8>, usize, u32, u64)> {
        let (timestamp, marker, payload, pt, level);
        match &mut self.kind {
            Kind::Video { frame_bytes, interval, spacing, left, frame, first, key, wanted } => {
                if left.is_empty() {
                    *first = true;
                    *key = std::mem::take(wanted);
                    self.key_frames += u64::from(*key);
                    let bytes = if *key { *frame_bytes * 3 } else { *frame_bytes };
                    let count = bytes.div_ceil(VIDEO_PAYLOAD_MAX).max(1);
                    // libwebrtc makes the later packets of a frame one byte longer.
                    *left =
                        (0..count).map(|index| bytes / count + usize::from(index < bytes % count)).collect();
                }
                let len = left.pop().unwrap_or(100).max(20);
                payload = vp8(*frame, *first, *key, len);
                *first = false;
                marker = left.is_empty();
                timestamp = (*frame * 3000) as u32;
                pt = PT_VP8;
                level = None;
                self.next += *spacing;
                if marker {
                    *frame += 1;
                    self.next = self.start + interval.mul_f64(*frame as f64);
                }
            }
            Kind::Audio { level: dbov, frame, redundant } => {
                let opus = |frame: u64| (0..OPUS).map(move |index| (frame as u8).wrapping_add(index));
                payload = if *redundant {
                    // One earlier frame: its type, 960 ticks before, its length; then the type of the newest.
                    let [high, low] = (960u16 << 2).to_be_bytes();
                    let head = [0x80 | PT_OPUS, high, low, OPUS, PT_OPUS];
                    head.into_iter().chain(opus(frame.wrapping_sub(1))).chain(opus(*frame)).collect()
                } else {
                    opus(*frame).collect()
                };
                marker = *frame == 0;
                timestamp = (*frame * 960) as u32;
                pt = if *redundant { PT_RED } else { PT_OPUS };
                level = Some([0x80 | *dbov]);
                *frame += 1;
                self.next = self.start + Duration::from_millis(20).mul_f64(*frame as f64);
            }
        }
        // After a pause the past is not made up for.
        if now.saturating_duration_since(self.next) > Duration::from_secs(1) {
            let behind = now - self.next;
            self.start += behind;
            self.next = now;
        }
        let extended = self.sequence;
        self.sequence += 1;
        let header = OutHeader {
            marker,
            payload_type: pt,
            sequence_number: extended as u16,
            timestamp,
            ssrc: self.ssrc,
            has_padding: false,
        };
        let number = self.transport_cc.as_mut().map(|next| {
            *next = next.wrapping_add(1);
            next.to_be_bytes()
        });
        let mut elements: Vec<(u8, &[u8])> = Vec::new();
        if u64::from(self.packets) < NAMED_PACKETS {
            elements.push((ID_MID, self.mid.as_bytes()));
            if let Some(rid) = &self.rid {
                elements.push((ID_RID, rid.as_bytes()));
            }
        }
        if let Some(level) = &level {
            elements.push((ID_AUDIO_LEVEL, level));
        }
        if let Some(number) = &number {
            elements.push((ID_TRANSPORT_CC, number));
        }
        let mut packet = vec![0; 80];
        let header_len = write_header(&mut packet, &header, &elements)?;
        packet.truncate(header_len);
        packet.extend(&payload);
        self.packets += 1;
        self.octets = self.octets.wrapping_add(payload.len() as u32);
        if self.kept.len() >= KEPT {
            self.kept.remove(0);
        }
        self.kept.push((header.sequence_number, packet.clone(), header_len, extended));
        Some((packet, header_len, self.ssrc, extended))
    }

    /// A packet as it was sent before.
    pub fn repeat(&mut self, sequence: u16) -> Option<(Vec<u8>, usize, u32, u64)> {
        let (_, packet, header_len, extended) = self.kept.iter().find(|kept| kept.0 == sequence)?;
        Some((packet.clone(), *header_len, self.ssrc, *extended))
    }

    pub fn sender_report(&self, now: Instant, out: &mut Vec<u8>) {
        let elapsed = now.saturating_duration_since(self.start);
        let rate = if matches!(self.kind, Kind::Audio { .. }) { 48_000.0 } else { 90_000.0 };
        let info = SenderInfo {
            ntp: (3_900_000_000 << 32) + (elapsed.as_secs_f64() * 4_294_967_296.0) as u64,
            rtp: (elapsed.as_secs_f64() * rate) as u32,
            packets: self.packets,
            octets: self.octets,
        };
        rtcp::write_sender_report(out, self.ssrc, &info, &[]);
    }
}

/// RFC 7741: descriptor with a 15-bit picture id, then the frame's own header in its first packet.
fn vp8(frame: u64, first: bool, key: bool, len: usize) -> Vec<u8> {
    let picture = frame as u16 & 0x7fff;
    let mut payload = vec![0x80 | u8::from(first) << 4, 0x80, 0x80 | (picture >> 8) as u8, picture as u8];
    if first {
        // P bit, version 0, shown, first partition of some length; a key frame goes on with its start code and size.
        payload.extend([u8::from(!key) | 0x10, 0x02, 0x00]);
        if key {
            payload.extend([0x9d, 0x01, 0x2a, 0x00, 0x05, 0xd0, 0x02]);
        }
    }
    payload.resize(len, 0x5a);
    payload
}

/// The first packet of a key frame, of those that [`Source`] makes. The egress may have changed the descriptor's length.
pub fn is_vp8_key_frame(payload: &[u8]) -> bool {
    payload.first().is_some_and(|first| first & 0x90 == 0x90)
        && payload.windows(3).take(16).any(|bytes| bytes == [0x9d, 0x01, 0x2a])
}
