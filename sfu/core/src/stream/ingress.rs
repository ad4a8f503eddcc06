//! One RTP stream of a publisher: one encoding of one track.

use std::time::{Duration, Instant};

use crate::api::{Codec, MediaKind};
use crate::wire::codec;
use crate::wire::rtcp::ReportBlock;
use crate::wire::rtp::{RtpHeader, padding_len};
use crate::wire::sequence::nearest;

use super::clock::{SenderClock, ntp_middle, ticks, to_short_ntp};
use super::nack::NackGenerator;
use super::ring::{PacketMeta, PacketRing, StoredPacket};
use super::statistics::{RateMeter, Reception};

/// A stream that was silent for this long does not arrive. Screen shares may send one frame a second.
const SILENCE: Duration = Duration::from_millis(2500);
/// A jump larger than this is a new start, bounded so that nobody looks for a million lost packets.
const RESTART_GAP: u64 = 3000;
/// Packets that may come late and still be told from duplicates.
const WINDOW: u64 = 1024;
const WINDOW_WORDS: usize = (WINDOW / 64) as usize;
const TEMPORAL_LAYERS: usize = 4;

/// What became of a received packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// It is in the ring. Every stored packet is offered to the subscriptions, in the order of arrival.
    Stored(Stored),
    Duplicate,
    /// Behind the window, or a retransmission before anything was received.
    TooOld,
    /// A retransmission packet without content: it probes the path.
    Probe,
    Malformed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored {
    /// To be found by in the ring.
    pub sequence: u64,
    /// We had asked for it.
    pub recovered: bool,
    /// A key frame of video begins here.
    pub key_frame: bool,
}

/// Frames per second up to each temporal layer, cumulative.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct FrameRates {
    rates: [f32; TEMPORAL_LAYERS],
    layers: usize,
}

impl FrameRates {
    pub fn as_slice(&self) -> &[f32] {
        self.rates.get(..self.layers).unwrap_or(&[])
    }
}

/// The counters that a report shows.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct IngressStatistics {
    /// As received first; without retransmissions.
    pub packets: u64,
    pub bytes: u64,
    /// By the network, whether repaired or not.
    pub lost: u64,
    /// Came after we had asked for them.
    pub recovered: u64,
    /// Never came.
    pub abandoned: u64,
    pub duplicates: u64,
    pub nacks: u64,
    pub key_frames: u64,
    pub jitter_ms: f32,
}

#[derive(Debug)]
pub struct Ingress {
    ssrc: u32,
    codec: Codec,
    began: Instant,
    ring: PacketRing,
    highest: Option<u64>,
    /// One bit for each of the last `WINDOW` numbers, by number modulo `WINDOW`.
    seen: [u64; WINDOW_WORDS],
    reception: Reception,
    nack: NackGenerator,
    clock: Option<SenderClock>,
    bytes: RateMeter,
    frames: [RateMeter; TEMPORAL_LAYERS],
    last_packet: Option<Instant>,
    last_key_frame: Option<Instant>,
    key_frame_timestamp: Option<u32>,
    key_frames: u64,
    recovered: u64,
    duplicates: u64,
    /// Counted before the last restart of the sequence numbers.
    packets_before: u64,
    lost_before: u64,
}

impl Ingress {
    /// `codec`: the track's. The packets of an Opus track may come as RED all the same.
    pub fn new(now: Instant, codec: Codec, ssrc: u32) -> Self {
        let ring = match codec.kind() {
            MediaKind::Audio => PacketRing::audio(),
            MediaKind::Video => PacketRing::video(),
        };
        Ingress {
            ssrc,
            codec,
            began: now,
            ring,
            highest: None,
            seen: [0; WINDOW_WORDS],
            reception: Reception::default(),
            nack: NackGenerator::new(codec.kind()),
            clock: None,
            bytes: RateMeter::new(now),
            frames: std::array::from_fn(|_| RateMeter::new(now)),
            last_packet: None,
            last_key_frame: None,
            key_frame_timestamp: None,
            key_frames: 0,
            recovered: 0,
            duplicates: 0,
            packets_before: 0,
            lost_before: 0,
        }
    }

    pub fn ssrc(&self) -> u32 {
        self.ssrc
    }

    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// A decrypted packet on the stream's own SSRC. `codec` by its payload type; `sequence` as SRTP extended it.
    pub fn on_packet(
        &mut self,
        now: Instant,
        codec: Codec,
        header: &RtpHeader,
        sequence: u64,
        packet: &[u8],
    ) -> Accepted {
        let Some(payload) = payload_of(packet, header) else { return Accepted::Malformed };
        if self.highest.is_some_and(|highest| sequence.abs_diff(highest) > RESTART_GAP) {
            self.restart();
        }
        match self.take_number(sequence) {
            Novelty::New => {}
            Novelty::Duplicate => return Accepted::Duplicate,
            Novelty::TooOld => return Accepted::TooOld,
        }
        let arrival = ticks(now.saturating_duration_since(self.began), self.codec.clock_rate());
        self.reception.on_packet(sequence, header.timestamp, arrival);
        self.bytes.add(now, u32::try_from(packet.len()).unwrap_or(u32::MAX));
        self.accept(now, codec, header, sequence, packet, payload)
    }

    /// A decrypted packet on the retransmission SSRC (RFC 4588): the original number comes first in the payload.
    /// `codec`: of the payload type that the retransmission's is associated with.
    pub fn on_rtx(&mut self, now: Instant, codec: Codec, header: &RtpHeader, packet: &[u8]) -> Accepted {
        let Some(body) = payload_of(packet, header) else { return Accepted::Malformed };
        let Some((original, payload)) = body.split_first_chunk::<2>() else {
            return if body.is_empty() { Accepted::Probe } else { Accepted::Malformed };
        };
        let Some(highest) = self.highest else { return Accepted::TooOld };
        let sequence = nearest(highest, u16::from_be_bytes(*original));
        match self.take_number(sequence) {
            Novelty::New => {}
            Novelty::Duplicate => return Accepted::Duplicate,
            Novelty::TooOld => return Accepted::TooOld,
        }
        self.accept(now, codec, header, sequence, packet, payload)
    }

    fn accept(
        &mut self,
        now: Instant,
        codec: Codec,
        header: &RtpHeader,
        sequence: u64,
        packet: &[u8],
        payload: &[u8],
    ) -> Accepted {
        let padding_only = payload.is_empty() && header.has_padding;
        let inspection = codec::inspect(codec, payload);
        self.last_packet = Some(now);
        let recovered = self.nack.on_packet(now, sequence);
        self.recovered += u64::from(recovered);
        let key_frame = inspection.key_frame && codec.kind() == MediaKind::Video;
        if key_frame {
            self.on_key_frame(now, header.timestamp, sequence);
        }
        if inspection.frame_start {
            let layer = usize::from(inspection.temporal.unwrap_or(0));
            if let Some(meter) = self.frames.get_mut(layer) {
                meter.add(now, 1);
            }
        }
        let meta = PacketMeta {
            sequence,
            timestamp: header.timestamp,
            arrival: now,
            codec,
            marker: header.marker,
            padding_only,
            audio_level: header.extensions.audio_level,
            playout_delay: header.extensions.playout_delay,
            abs_capture_time: header.extensions.abs_capture_time,
            inspection,
        };
        let descriptor = header.extensions.dependency_descriptor_in(packet).unwrap_or(&[]);
        if self.ring.store(meta, payload, descriptor) {
            Accepted::Stored(Stored { sequence, recovered, key_frame })
        } else {
            Accepted::TooOld
        }
    }

    /// A packet that another worker accepted, with what it saw in it. There the stream is repaired and reported on.
    pub fn on_relayed(&mut self, meta: &PacketMeta, payload: &[u8], descriptor: &[u8]) -> Accepted {
        let now = meta.arrival;
        self.highest = self.highest.max(Some(meta.sequence));
        self.bytes.add(now, u32::try_from(payload.len()).unwrap_or(u32::MAX));
        self.last_packet = self.last_packet.max(Some(now));
        let key_frame = meta.inspection.key_frame && meta.codec.kind() == MediaKind::Video;
        if key_frame {
            self.on_key_frame(now, meta.timestamp, meta.sequence);
        }
        if meta.inspection.frame_start {
            let layer = usize::from(meta.inspection.temporal.unwrap_or(0));
            if let Some(meter) = self.frames.get_mut(layer) {
                meter.add(now, 1);
            }
        }
        if self.ring.store(*meta, payload, descriptor) {
            Accepted::Stored(Stored { sequence: meta.sequence, recovered: false, key_frame })
        } else {
            Accepted::TooOld
        }
    }

    fn on_key_frame(&mut self, now: Instant, timestamp: u32, sequence: u64) {
        self.nack.on_key_frame(sequence);
        // H.264 marks several packets of one key frame.
        if self.key_frame_timestamp.replace(timestamp) != Some(timestamp) {
            self.last_key_frame = Some(now);
            self.key_frames += 1;
        }
    }

    fn restart(&mut self) {
        self.packets_before += self.reception.received();
        self.lost_before += self.reception.lost();
        self.highest = None;
        self.reception.restart();
        self.nack.restart();
    }

    fn take_number(&mut self, sequence: u64) -> Novelty {
        let Some(highest) = self.highest else {
            self.seen = [0; WINDOW_WORDS];
            self.highest = Some(sequence);
            self.mark(sequence);
            return Novelty::New;
        };
        if sequence > highest {
            if sequence - highest >= WINDOW {
                self.seen = [0; WINDOW_WORDS];
            } else {
                for skipped in highest + 1..sequence {
                    let (word, bit) = place(skipped);
                    if let Some(word) = self.seen.get_mut(word) {
                        *word &= !bit;
                    }
                }
            }
            self.highest = Some(sequence);
            self.mark(sequence);
            return Novelty::New;
        }
        if highest - sequence >= WINDOW {
            return Novelty::TooOld;
        }
        let (word, bit) = place(sequence);
        if self.seen.get(word).is_some_and(|word| word & bit != 0) {
            self.duplicates += 1;
            return Novelty::Duplicate;
        }
        self.mark(sequence);
        Novelty::New
    }

    fn mark(&mut self, sequence: u64) {
        let (word, bit) = place(sequence);
        if let Some(word) = self.seen.get_mut(word) {
            *word |= bit;
        }
    }

    /// A packet of the last second or so.
    pub fn packet(&self, sequence: u64) -> Option<StoredPacket<'_>> {
        self.ring.get(sequence)
    }

    /// A sender report of this stream. The result goes into the track's [`super::Clocks`].
    pub fn on_sender_report(&mut self, now: Instant, ntp: u64, rtp: u32) -> SenderClock {
        let clock = SenderClock { ntp, rtp, arrival: now };
        self.clock = Some(clock);
        clock
    }

    pub fn clock(&self) -> Option<SenderClock> {
        self.clock
    }

    /// Appends the sequence numbers to ask the publisher for now.
    pub fn nacks_due(&mut self, now: Instant, out: &mut Vec<u16>) {
        self.nack.due(now, out);
    }

    /// When `nacks_due` has something to do.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.nack.next_deadline()
    }

    /// Something was lost for good, and no key frame came since. Whether and when one is asked for is policy's to decide.
    pub fn needs_key_frame(&self) -> bool {
        self.codec.kind() == MediaKind::Video && self.nack.has_given_up()
    }

    /// The publisher's round trip, if it is measured elsewhere.
    pub fn set_rtt(&mut self, rtt: Duration) {
        self.nack.set_rtt(rtt);
    }

    /// The round trip as the answers to our requests show it.
    pub fn rtt(&self) -> Option<Duration> {
        self.nack.rtt()
    }

    /// For a receiver report, `None` before the first packet. Each call begins a new interval of the fraction lost.
    pub fn report_block(&mut self, now: Instant) -> Option<ReportBlock> {
        let highest = self.highest?;
        let (last_sr, delay_since_sr) = match self.clock {
            None => (0, 0),
            Some(clock) => {
                (ntp_middle(clock.ntp), to_short_ntp(now.saturating_duration_since(clock.arrival)))
            }
        };
        Some(ReportBlock {
            ssrc: self.ssrc,
            fraction_lost: self.reception.take_fraction_lost(),
            cumulative_lost: i32::try_from(self.reception.lost()).unwrap_or(i32::MAX).min(0x7f_ffff),
            highest_sequence: highest as u32,
            jitter: self.reception.jitter(),
            last_sr,
            delay_since_sr,
        })
    }

    pub fn statistics(&self) -> IngressStatistics {
        IngressStatistics {
            packets: self.packets_before + self.reception.received(),
            bytes: self.bytes.total(),
            lost: self.lost_before + self.reception.lost(),
            recovered: self.recovered,
            abandoned: self.nack.abandoned(),
            duplicates: self.duplicates,
            nacks: self.nack.requested(),
            key_frames: self.key_frames,
            jitter_ms: self.reception.jitter() as f32 * 1000.0 / self.codec.clock_rate() as f32,
        }
    }

    /// Bits per second over the last second, headers included.
    pub fn bitrate(&mut self, now: Instant) -> u64 {
        self.bytes.rate(now).saturating_mul(8)
    }

    /// Over the last second. Empty while nothing arrives.
    pub fn frame_rates(&mut self, now: Instant) -> FrameRates {
        let mut found = FrameRates::default();
        let mut sum = 0.0;
        for (layer, (meter, rate)) in self.frames.iter_mut().zip(&mut found.rates).enumerate() {
            let own = meter.rate(now) as f32;
            sum += own;
            *rate = sum;
            if own > 0.0 {
                found.layers = layer + 1;
            }
        }
        found
    }

    /// Packets arrive.
    pub fn live(&self, now: Instant) -> bool {
        self.last_packet.is_some_and(|at| now.saturating_duration_since(at) < SILENCE)
    }

    pub fn last_packet(&self) -> Option<Instant> {
        self.last_packet
    }

    pub fn last_key_frame(&self) -> Option<Instant> {
        self.last_key_frame
    }

    /// Memory held besides the struct itself, in bytes.
    pub fn memory(&self) -> usize {
        self.ring.memory()
    }
}

enum Novelty {
    New,
    Duplicate,
    TooOld,
}

fn place(sequence: u64) -> (usize, u64) {
    let at = sequence % WINDOW;
    ((at / 64) as usize, 1 << (at % 64))
}

fn payload_of<'a>(packet: &'a [u8], header: &RtpHeader) -> Option<&'a [u8]> {
    let end = packet.len().checked_sub(padding_len(packet, header)?)?;
    packet.get(header.header_len..end)
}

#[cfg(test)]
mod tests;
