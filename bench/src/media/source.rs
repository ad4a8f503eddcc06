//! One published encoding set: when each of its packets is due and what is in it.

use chevet_sfu_core::api::{Codec, Extension, MediaKind};
use chevet_sfu_core::wire::rtcp::{SenderInfo, write_sender_report};
use chevet_sfu_core::wire::rtp::{AudioLevel, ExtensionMap, OutHeader, fits_one_byte_form, write_header};

use super::frames::{Cut, Frame, MIN_PAYLOAD, Sizes};
use super::opus::{self, Sound, Talk};
use super::random::Random;
use super::{EncodingSpec, Pacing, Probe, StreamSpec, probe};

/// Packets kept to be repeated, per encoding. A power of two.
const KEPT: usize = 512;
/// The first packets of a stream name their section and encoding (RFC 8852 4), until the server surely has had one.
const NAMED_PACKETS: u32 = 50;
/// A browser's pacer sends at this multiple of the bit rate.
const PACING_FACTOR: f64 = 2.5;
/// Behind by more than this, the past is not made up for: a camera does not take the pictures of a stall afterwards.
const STALL_NS: u64 = 100_000_000;
/// Temporal layers of L1T3 as libvpx has them, and their shares of the rate compared with the mean frame.
const LAYERS: [u8; 4] = [0, 2, 1, 2];
const LAYER_WEIGHTS: [f64; 3] = [1.6, 0.8, 0.8];
/// Seconds from 1900 to 1970.
const NTP_EPOCH: u64 = 2_208_988_800;
const SECOND_NS: u64 = 1_000_000_000;

/// A packet that [`Source`] wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// Bytes, header included.
    pub len: usize,
    pub header_len: usize,
    /// That of the retransmission stream for an RTX packet.
    pub ssrc: u32,
    /// Sequence number with its cycles, as SRTP wants it (RFC 3711 3.3.1).
    pub extended_sequence: u64,
    /// Position in [`StreamSpec::encodings`].
    pub encoding: u8,
    /// When it should have been sent, CLOCK_REALTIME ns.
    pub due: u64,
    /// The first packet of a key frame.
    pub key_frame: bool,
}

/// What one track sends: VP8, H.264 or Opus; other codecs as packets of filler. Time is an argument; nothing is allocated
/// after `new`.
#[derive(Debug)]
pub struct Source {
    spec: StreamSpec,
    encodings: Vec<Encoding>,
    random: Random,
    start: u64,
    /// Where frame 0 would have been due had there been no stalls.
    origin: u64,
}

#[derive(Debug)]
struct Encoding {
    spec: EncodingSpec,
    sequence: u64,
    rtx_sequence: u64,
    timestamp_base: u32,
    content: Content,
    /// When the frame was, or will be, taken.
    taken: u64,
    due: u64,
    /// Per temporal layer.
    numbers: [u64; 3],
    /// Of those, at the last key frame.
    at_key: [u64; 3],
    packets: u32,
    rtx_packets: u32,
    octets: u32,
    kept: Box<[Option<Kept>]>,
}

#[derive(Debug)]
enum Content {
    Video {
        sizes: Sizes,
        /// What is being sent, and the next packet of it.
        current: Option<(Frame, u16)>,
        frames: u64,
        key_wanted: bool,
        picture_id: u16,
        tl0_pic_idx: u8,
        /// Frames since the last key frame.
        since_key: u64,
    },
    Sound {
        talk: Talk,
        next: Sound,
    },
}

/// Everything that makes a packet what it is: it is written from this, each time anew.
#[derive(Clone, Copy, Debug)]
struct Kept {
    sequence: u64,
    timestamp: u32,
    marker: bool,
    len: u16,
    frame: Option<Frame>,
    level: Option<AudioLevel>,
    probe: Probe,
}

impl Source {
    /// `start_ns`: CLOCK_REALTIME, when the first frame is due. Equal seeds make equal streams.
    pub fn new(spec: StreamSpec, start_ns: u64, seed: u64) -> Source {
        let mut random = Random::new(seed);
        let encodings = spec
            .encodings
            .iter()
            .map(|encoding| Encoding::new(&spec, *encoding, start_ns, &mut random))
            .collect();
        let mut source = Source { spec, encodings, random, start: start_ns, origin: start_ns };
        for encoding in &mut source.encodings {
            if let Content::Sound { next, .. } = &encoding.content {
                encoding.taken = frame_time(start_ns, next.frame, source.spec.frames_per_second);
                encoding.due = encoding.taken;
            }
        }
        source
    }

    pub fn spec(&self) -> &StreamSpec {
        &self.spec
    }

    /// When the next packet is due, CLOCK_REALTIME ns.
    pub fn next_due(&self) -> u64 {
        self.encodings.iter().map(|encoding| encoding.due).min().unwrap_or(u64::MAX)
    }

    /// Writes the next packet in the clear if it is due: header with extensions, payload, and the probe at its end with
    /// `sent = now_ns`. `None`: nothing is due yet, or `out` is too small (1,400 bytes always do).
    pub fn write(
        &mut self,
        now_ns: u64,
        transport_cc: Option<u16>,
        ids: &ExtensionMap,
        out: &mut [u8],
    ) -> Option<Outgoing> {
        let (index, encoding) =
            self.encodings.iter_mut().enumerate().min_by_key(|(_, encoding)| encoding.due)?;
        if encoding.due > now_ns {
            return None;
        }
        let simulcast = self.spec.encodings.len() > 1;
        let due = encoding.due;
        let (mut kept, last) = encoding.next_packet(&self.spec, simulcast, self.start, &mut self.random);
        kept.probe.encoding = index as u8;
        kept.probe.due = due;
        kept.probe.sent = now_ns;
        let header = OutHeader {
            marker: kept.marker,
            payload_type: self.spec.payload_type,
            sequence_number: kept.sequence as u16,
            timestamp: kept.timestamp,
            ssrc: encoding.spec.ssrc,
            has_padding: false,
        };
        let named = encoding.packets < NAMED_PACKETS;
        let named = Named { mid: named, rid: named.then_some(Extension::Rid) };
        let written = write_packet(
            out,
            &header,
            &kept,
            &self.spec,
            &encoding.spec,
            named,
            now_ns,
            transport_cc,
            ids,
            None,
        );
        encoding.kept[kept.sequence as usize % KEPT] = Some(kept);
        encoding.packets = encoding.packets.wrapping_add(1);
        encoding.octets = encoding.octets.wrapping_add(u32::from(kept.len));
        if last {
            encoding.schedule(&self.spec, &mut self.origin, now_ns, &mut self.random);
        } else if self.spec.pacing == Pacing::Paced {
            encoding.due += spacing(&encoding.spec, kept.len);
        }
        let (len, header_len) = written?;
        Some(Outgoing {
            len,
            header_len,
            ssrc: header.ssrc,
            extended_sequence: kept.sequence,
            encoding: kept.probe.encoding,
            due,
            key_frame: kept.begins_key_frame(),
        })
    }

    /// The encoding with this SSRC begins its next frame as a key frame. False: not one of ours, or sound.
    pub fn request_key_frame(&mut self, ssrc: u32) -> bool {
        let encoding = self.encodings.iter_mut().find(|encoding| encoding.spec.ssrc == ssrc);
        match encoding.map(|encoding| &mut encoding.content) {
            Some(Content::Video { key_wanted, .. }) => {
                *key_wanted = true;
                true
            }
            _ => false,
        }
    }

    /// Whether this SSRC (media, not RTX) is one of this source.
    pub fn owns(&self, ssrc: u32) -> bool {
        self.encodings.iter().any(|encoding| encoding.spec.ssrc == ssrc)
    }

    /// The packet of a NACK, as RTX (RFC 4588) where it is negotiated, else as it was. `None`: not ours, too old, or not
    /// sent yet.
    pub fn repeat(
        &mut self,
        now_ns: u64,
        ssrc: u32,
        sequence: u16,
        transport_cc: Option<u16>,
        ids: &ExtensionMap,
        out: &mut [u8],
    ) -> Option<Outgoing> {
        let encoding = self.encodings.iter_mut().find(|encoding| encoding.spec.ssrc == ssrc)?;
        let mut kept =
            encoding.kept[usize::from(sequence) % KEPT].filter(|kept| kept.sequence as u16 == sequence)?;
        kept.probe.repeated = true;
        let mut header = OutHeader {
            marker: kept.marker,
            payload_type: self.spec.payload_type,
            sequence_number: sequence,
            timestamp: kept.timestamp,
            ssrc,
            has_padding: false,
        };
        let mut extended_sequence = kept.sequence;
        let mut original = None;
        let mut named = Named { mid: encoding.packets < NAMED_PACKETS, rid: None };
        named.rid = named.mid.then_some(Extension::Rid);
        if let (Some(rtx_ssrc), Some(rtx_payload_type)) = (encoding.spec.rtx_ssrc, self.spec.rtx_payload_type)
        {
            extended_sequence = encoding.rtx_sequence;
            original = Some(sequence);
            header.ssrc = rtx_ssrc;
            header.payload_type = rtx_payload_type;
            header.sequence_number = extended_sequence as u16;
            encoding.rtx_sequence += 1;
            named.mid = encoding.rtx_packets < NAMED_PACKETS;
            named.rid = named.mid.then_some(Extension::RepairedRid);
            encoding.rtx_packets = encoding.rtx_packets.saturating_add(1);
        }
        let (len, header_len) = write_packet(
            out,
            &header,
            &kept,
            &self.spec,
            &encoding.spec,
            named,
            now_ns,
            transport_cc,
            ids,
            original,
        )?;
        Some(Outgoing {
            len,
            header_len,
            ssrc: header.ssrc,
            extended_sequence,
            encoding: kept.probe.encoding,
            due: kept.probe.due,
            key_frame: kept.begins_key_frame(),
        })
    }

    /// Appends the sender report of an encoding, if that has sent something.
    pub fn sender_report(&self, now_ns: u64, encoding: usize, out: &mut Vec<u8>) {
        let Some(encoding) = self.encodings.get(encoding).filter(|encoding| encoding.packets > 0) else {
            return;
        };
        let fraction = ((now_ns % SECOND_NS) << 32) / SECOND_NS;
        let info = SenderInfo {
            ntp: (now_ns / SECOND_NS + NTP_EPOCH) << 32 | fraction,
            rtp: encoding.timestamp(self.spec.codec, self.start, now_ns),
            packets: encoding.packets,
            octets: encoding.octets,
        };
        write_sender_report(out, encoding.spec.ssrc, &info, &[]);
    }
}

impl Encoding {
    fn new(spec: &StreamSpec, encoding: EncodingSpec, start: u64, random: &mut Random) -> Encoding {
        let content = match spec.codec.kind() {
            MediaKind::Audio => {
                let mut talk =
                    Talk::new(spec.speech, encoding.bits_per_second, spec.frames_per_second, random);
                let next = talk.next(random);
                Content::Sound { talk, next }
            }
            MediaKind::Video => Content::Video {
                sizes: Sizes::new(encoding.bits_per_second, spec.frames_per_second),
                current: None,
                frames: 0,
                key_wanted: true,
                picture_id: random.bits() as u16 & 0x7fff,
                tl0_pic_idx: random.bits() as u8,
                since_key: 0,
            },
        };
        Encoding {
            spec: encoding,
            // In the lower half, so that the other side can tell the cycle (RFC 3711 3.3.1).
            sequence: random.bits() & 0x7fff,
            rtx_sequence: random.bits() & 0x7fff,
            timestamp_base: random.bits() as u32,
            content,
            taken: start,
            due: start,
            numbers: [0; 3],
            at_key: [0; 3],
            packets: 0,
            rtx_packets: 0,
            octets: 0,
            kept: vec![None; KEPT].into_boxed_slice(),
        }
    }

    fn timestamp(&self, codec: Codec, start: u64, at: u64) -> u32 {
        let elapsed = u128::from(at.saturating_sub(start)) * u128::from(codec.clock_rate());
        // Rounded, or the frames of 30 a second would lie 2,999 and 3,001 ticks apart.
        let ticks = (elapsed + u128::from(SECOND_NS) / 2) / u128::from(SECOND_NS);
        self.timestamp_base.wrapping_add(ticks as u32)
    }

    /// The next packet without its times, and whether it is the last of its frame.
    fn next_packet(
        &mut self,
        spec: &StreamSpec,
        simulcast: bool,
        start: u64,
        random: &mut Random,
    ) -> (Kept, bool) {
        let timestamp = self.timestamp(spec.codec, start, self.taken);
        let (frame, index, len, marker, level, last);
        match &mut self.content {
            Content::Sound { next, .. } => {
                (frame, index, len, last) = (None, 0, next.len.min(super::frames::MAX_PAYLOAD), true);
                marker = next.begins;
                level = Some(next.level);
            }
            Content::Video { current, .. } => {
                let (now, at) = match current.take() {
                    Some(current) => current,
                    None => (self.content.begin_frame(spec, &self.spec, simulcast, random), 0),
                };
                last = at + 1 >= now.cut.packets;
                if let Content::Video { current, .. } = &mut self.content {
                    *current = (!last).then_some((now, at + 1));
                }
                (frame, index, len, marker, level) = (Some(now), at, now.cut.len(at), last, None);
            }
        }
        let layer = frame.and_then(|frame| frame.layer).unwrap_or(0);
        // A decoder of sound can begin with any packet.
        if index == 0 && frame.is_none_or(|frame| frame.key) {
            self.at_key = self.numbers;
        }
        let number = &mut self.numbers[usize::from(layer)];
        let since_key = *number - self.at_key[usize::from(layer)];
        let probe = Probe {
            source: spec.source,
            encoding: 0,
            layer,
            repeated: false,
            index,
            since_key: u16::try_from(since_key).unwrap_or(u16::MAX),
            number: *number,
            due: 0,
            sent: 0,
        };
        *number += 1;
        let kept = Kept { sequence: self.sequence, timestamp, marker, len: len as u16, frame, level, probe };
        self.sequence += 1;
        (kept, last)
    }

    /// After the last packet of a frame: when is the next one?
    fn schedule(&mut self, spec: &StreamSpec, origin: &mut u64, now: u64, random: &mut Random) {
        let frame = match &mut self.content {
            Content::Sound { talk, next } => {
                *next = talk.next(random);
                next.frame
            }
            Content::Video { frames, .. } => {
                *frames += 1;
                *frames
            }
        };
        let mut taken = frame_time(*origin, frame, spec.frames_per_second);
        if taken + STALL_NS < now {
            *origin += now - taken;
            taken = now;
        }
        self.taken = taken;
        // The pacer may still be busy with a large frame.
        self.due = match spec.pacing {
            Pacing::Paced if spec.codec.kind() == MediaKind::Video => {
                let len = self.kept[(self.sequence - 1) as usize % KEPT].map_or(0, |kept| kept.len);
                taken.max(self.due + spacing(&self.spec, len))
            }
            _ => taken,
        };
    }
}

impl Content {
    /// Video only.
    fn begin_frame(
        &mut self,
        spec: &StreamSpec,
        encoding: &EncodingSpec,
        simulcast: bool,
        random: &mut Random,
    ) -> Frame {
        let Content::Video { sizes, key_wanted, picture_id, tl0_pic_idx, since_key, .. } = self else {
            unreachable!("sound has no video frames");
        };
        let key = std::mem::take(key_wanted);
        *since_key = if key { 0 } else { *since_key + 1 };
        // Browsers send three temporal layers with simulcast, and one without.
        let layered = simulcast && spec.codec == Codec::Vp8;
        let position = *since_key as usize % LAYERS.len();
        let layer = layered.then_some(LAYERS[position]);
        let weight = layer.map_or(1.0, |layer| LAYER_WEIGHTS[usize::from(layer)]);
        *picture_id = picture_id.wrapping_add(1) & 0x7fff;
        if layer == Some(0) {
            *tl0_pic_idx = tl0_pic_idx.wrapping_add(1);
        }
        let bytes = sizes.next(key, weight, random.unit(), MIN_PAYLOAD);
        Frame {
            codec: spec.codec,
            key,
            picture_id: *picture_id,
            tl0_pic_idx: *tl0_pic_idx,
            layer,
            // The first of each upper layer after the base layer refers to nothing but that.
            layer_sync: layered && (position == 1 || position == 2),
            width: encoding.width,
            height: encoding.height,
            cut: Cut::new(spec.codec, key, bytes),
        }
    }
}

impl Kept {
    fn begins_key_frame(&self) -> bool {
        self.probe.index == 0 && self.frame.is_some_and(|frame| frame.key)
    }
}

/// When frame `number` is taken.
fn frame_time(origin: u64, number: u64, frames_per_second: f64) -> u64 {
    origin + (number as f64 * SECOND_NS as f64 / frames_per_second).round() as u64
}

/// Time that the pacer gives a packet, ns.
fn spacing(encoding: &EncodingSpec, len: u16) -> u64 {
    let rate = f64::from(encoding.bits_per_second.max(1)) * PACING_FACTOR;
    (f64::from(len) * 8.0 * SECOND_NS as f64 / rate) as u64
}

/// Which names a packet carries.
#[derive(Clone, Copy)]
struct Named {
    mid: bool,
    rid: Option<Extension>,
}

/// Header, original sequence number of RTX, payload and probe: (length, header length).
#[expect(clippy::too_many_arguments, reason = "everything that two callers put together differently")]
fn write_packet(
    out: &mut [u8],
    header: &OutHeader,
    kept: &Kept,
    spec: &StreamSpec,
    encoding: &EncodingSpec,
    named: Named,
    now_ns: u64,
    transport_cc: Option<u16>,
    ids: &ExtensionMap,
    original: Option<u16>,
) -> Option<(usize, usize)> {
    let number = transport_cc.unwrap_or(0).to_be_bytes();
    let seconds = (u128::from(now_ns) << 18) / u128::from(SECOND_NS);
    let [_, time @ ..] = (seconds as u32).to_be_bytes();
    let level = [kept.level.map_or(0, AudioLevel::to_byte)];
    let mut elements: [(u8, &[u8]); 5] = [(0, &[]); 5];
    let mut count = 0;
    let candidates: [(Extension, Option<&[u8]>); 5] = [
        (Extension::AbsSendTime, Some(&time)),
        (Extension::TransportCc, transport_cc.is_some().then_some(number.as_slice())),
        (Extension::Mid, named.mid.then_some(spec.mid.as_bytes())),
        (
            named.rid.unwrap_or(Extension::Rid),
            encoding.rid.as_ref().filter(|_| named.rid.is_some()).map(|rid| rid.as_bytes()),
        ),
        (Extension::AudioLevel, kept.level.is_some().then_some(level.as_slice())),
    ];
    for (extension, data) in candidates {
        if let (Some(id), Some(data)) = (ids.id(extension), data)
            && (ids.mixed() || fits_one_byte_form(id, data.len()))
        {
            elements[count] = (id, data);
            count += 1;
        }
    }
    let header_len = write_header(out, header, &elements[..count])?;
    let mut at = header_len;
    if let Some(original) = original {
        out.get_mut(at..at + 2)?.copy_from_slice(&original.to_be_bytes());
        at += 2;
    }
    let len = at + usize::from(kept.len);
    let payload = out.get_mut(at..len)?;
    match &kept.frame {
        Some(frame) => frame.write(kept.probe.index, payload),
        None => opus::write(payload),
    }
    probe::write(payload, &kept.probe);
    Some((len, header_len))
}

#[cfg(test)]
pub(in crate::media) mod tests;
