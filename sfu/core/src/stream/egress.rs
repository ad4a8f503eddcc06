//! One track on its way to one subscriber.
//!
//! Outgoing sequence numbers are the source's plus a constant, for as long as nothing is left out; where the constant
//! changes (another encoding, a frame or a padding packet left out, a pause), a new [`log::Interval`] begins. The last
//! intervals are kept, which answers both ways: which number does a late packet of the source get, and which packet of
//! the source is the one that the subscriber misses. No packet needs an entry of its own.
//!
//! An outgoing number is given out once and written once: two different packets sealed under one number would break
//! AES-GCM (NIST SP 800-38D 8). So repeats go by the retransmission SSRC with numbers of its own, or not at all.

use std::time::Instant;

use crate::api::{Codec, MediaKind, PayloadType, SubscriptionConfig, Token};
use crate::wire::codec::red;

use super::Clocks;
use super::clock::ticks;
use super::ring::StoredPacket;

use log::{Interval, IntervalLog, NO_LAYER};
use report::Reports;

mod log;
mod report;
mod write;

pub use report::{ReceiverView, Resend};
use write::Template;
pub use write::{ExtensionIds, Written, pad};

/// A jump of the source's numbers larger than this is closed instead of shown to the subscriber as loss.
const MAX_JUMP: u64 = 3000;
/// Between two encodings, how far sender reports and arrival times may disagree, in seconds.
const CLOCK_TOLERANCE_S: u32 = 3;
/// Numbers that may come late and still be told from those already written.
const SENT_WINDOW: u64 = 512;
const SENT_WORDS: usize = (SENT_WINDOW / 64) as usize;
const NO_PAYLOAD_TYPE: u8 = 0xff;
const NO_LIMIT: u8 = 0xff;
/// Bytes of retransmissions that may be sent at once.
const RTX_BURST: u32 = 64 << 10;

/// How one packet goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forward {
    /// Extended; the packet index for SRTP.
    pub sequence: u64,
    timestamp_delta: u32,
    picture_id_delta: u16,
    frame_number_delta: u16,
    tl0_delta: u8,
    /// Only the number is needed: the packet goes out without payload.
    filler: bool,
}

#[derive(Debug)]
pub struct Egress {
    // What every packet touches comes first.
    current: u8,
    target: u8,
    video: bool,
    encrypted: bool,
    started: bool,
    /// The subscriber may not know our SSRC yet: packets carry the mid.
    announce: bool,
    /// Highest temporal layer wanted, and the one we are at.
    temporal_limit: u8,
    temporal_current: u8,
    /// The decision for the frame with this source timestamp.
    frame_skipped: bool,
    frame_decided: Option<u32>,
    payload_type: u8,
    /// In force; `red_agreed` is what was negotiated.
    red_payload_type: u8,
    rtx_payload_type: u8,
    previous_layer: u8,
    extensions: ExtensionIds,
    template: Option<Template>,
    red_agreed: u8,
    redundant: bool,
    mid: Token,
    ssrc: u32,
    rtx_ssrc: u32,
    /// The source's next number in the current encoding; everything before it was decided.
    next_source: u64,
    /// The end of what was taken of the previous encoding.
    previous_end: u64,
    highest_sent: u64,
    sent: [u64; SENT_WORDS],
    last_timestamp: u32,
    last_arrival: Instant,
    /// By how much the open interval's timestamps are too late, in ticks.
    slip: u32,
    last_picture_id: u16,
    last_frame_number: u16,
    last_tl0: u8,
    packets: u64,
    octets: u64,
    log: IntervalLog,
    reports: Reports,
}

impl Egress {
    /// `codec` and `encrypted`: the track's. `seed`: any number that differs from one subscription to the next.
    pub fn new(
        now: Instant,
        codec: Codec,
        encrypted: bool,
        config: &SubscriptionConfig,
        extensions: ExtensionIds,
        seed: u64,
    ) -> Self {
        let video = codec.kind() == MediaKind::Video;
        let random = scramble(seed);
        // In the lower half, so that the packets before the first wrap are many (RFC 3711 3.3.1).
        let first = 1 + (random & 0x7fff);
        let mut egress = Egress {
            current: NO_LAYER,
            target: NO_LAYER,
            video,
            encrypted,
            started: false,
            announce: true,
            temporal_limit: NO_LIMIT,
            temporal_current: NO_LIMIT,
            frame_skipped: false,
            frame_decided: None,
            payload_type: NO_PAYLOAD_TYPE,
            red_payload_type: NO_PAYLOAD_TYPE,
            rtx_payload_type: NO_PAYLOAD_TYPE,
            previous_layer: NO_LAYER,
            extensions,
            template: None,
            red_agreed: NO_PAYLOAD_TYPE,
            redundant: true,
            mid: config.mid,
            ssrc: config.ssrc,
            rtx_ssrc: config.rtx_ssrc.unwrap_or(0),
            next_source: 0,
            previous_end: 0,
            highest_sent: first - 1,
            sent: [0; SENT_WORDS],
            last_timestamp: (random >> 16) as u32,
            last_arrival: now,
            slip: 0,
            last_picture_id: (random >> 48) as u16 & 0x7fff,
            last_frame_number: (random >> 40) as u16,
            last_tl0: (random >> 56) as u8,
            packets: 0,
            octets: 0,
            log: IntervalLog::new(first, if video { 32 } else { 4 }),
            reports: Reports::new(now, random >> 24),
        };
        egress.set_payloads(codec, &config.payloads, config.rtx_ssrc);
        egress.announce(true);
        egress
    }

    /// Whether packets carry the mid.
    fn announce(&mut self, announce: bool) {
        self.announce = announce;
        let mid = if announce { self.mid.as_bytes() } else { &[] };
        self.template = Template::new(&self.extensions, mid, !self.video, self.ssrc);
    }

    /// After a renegotiation. The mid is sent again until the next receiver report.
    pub fn set_media(
        &mut self,
        codec: Codec,
        payloads: &[PayloadType],
        rtx_ssrc: Option<u32>,
        extensions: ExtensionIds,
    ) {
        self.extensions = extensions;
        self.announce(true);
        self.set_payloads(codec, payloads, rtx_ssrc);
    }

    fn set_payloads(&mut self, codec: Codec, payloads: &[PayloadType], rtx_ssrc: Option<u32>) {
        let find = |codec| payloads.iter().find(|payload| payload.codec == codec);
        let primary = find(if self.video { codec } else { Codec::Opus });
        self.payload_type = primary.map_or(NO_PAYLOAD_TYPE, |payload| payload.pt);
        self.red_agreed = find(Codec::Red).map_or(NO_PAYLOAD_TYPE, |payload| payload.pt);
        self.set_redundancy(self.redundant);
        self.rtx_ssrc = rtx_ssrc.unwrap_or(0);
        self.rtx_payload_type =
            rtx_ssrc.and(primary).and_then(|payload| payload.rtx).unwrap_or(NO_PAYLOAD_TYPE);
    }

    /// Whether sound carries its earlier frames along (RFC 2198), where that was agreed. Without them the stream goes on as
    /// plain frames, which receivers may be sent at any time (RFC 3551 6: each packet says what it is).
    pub fn set_redundancy(&mut self, redundant: bool) {
        self.redundant = redundant;
        // What is encrypted end to end cannot be taken apart here.
        let can_do_without = self.payload_type != NO_PAYLOAD_TYPE && !self.encrypted;
        self.red_payload_type = if redundant || !can_do_without { self.red_agreed } else { NO_PAYLOAD_TYPE };
    }

    pub fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// The encoding to forward, from its next key frame on; until then the current one goes on. `None` pauses at once.
    pub fn set_target(&mut self, layer: Option<usize>) {
        self.target = layer.and_then(|layer| u8::try_from(layer).ok()).unwrap_or(NO_LAYER);
        if self.target == NO_LAYER {
            self.leave_current();
        }
    }

    pub fn target(&self) -> Option<usize> {
        (self.target != NO_LAYER).then_some(usize::from(self.target))
    }

    /// The encoding that is forwarded.
    pub fn current(&self) -> Option<usize> {
        (self.current != NO_LAYER).then_some(usize::from(self.current))
    }

    /// The encoding that must send a key frame before the target is reached.
    pub fn needs_key_frame(&self) -> Option<usize> {
        if self.video && self.target != self.current { self.target() } else { None }
    }

    /// Leave out the temporal layers above this one (VP8 only); `None` for all. Down at the next frame, up at the next
    /// place where the stream allows it.
    pub fn set_temporal_limit(&mut self, limit: Option<u8>) {
        self.temporal_limit = limit.unwrap_or(NO_LIMIT);
    }

    /// The source of an encoding was replaced by another stream (other SSRC, other ring): nothing sent before can be
    /// repeated, and video waits for a key frame.
    pub fn on_source_replaced(&mut self, layer: usize) {
        let layer = u8::try_from(layer).unwrap_or(NO_LAYER);
        if self.current == layer {
            self.leave_current();
        }
        if self.previous_layer == layer {
            self.previous_layer = NO_LAYER;
        }
        self.log.forget(layer);
    }

    fn leave_current(&mut self) {
        self.current = NO_LAYER;
        self.previous_layer = NO_LAYER;
    }

    /// Whether a packet goes to this subscriber, and as what. To be called once for each packet of the track in the order
    /// of arrival; a packet that passes must be written (or be lost to the subscriber).
    pub fn offer(&mut self, layer: usize, packet: &StoredPacket<'_>, clocks: &Clocks) -> Option<Forward> {
        let layer = layer as u8;
        if layer == self.current {
            return self.pass(layer, packet, clocks);
        }
        if layer == self.target && (!self.video || packet.inspection.key_frame) {
            self.switch(layer, packet, clocks);
            return self.pass(layer, packet, clocks);
        }
        if layer == self.previous_layer && packet.sequence < self.previous_end {
            // It was under way when we switched.
            return self.late(layer, packet);
        }
        None
    }

    fn pass(&mut self, layer: u8, packet: &StoredPacket<'_>, clocks: &Clocks) -> Option<Forward> {
        if packet.sequence.abs_diff(self.next_source) > MAX_JUMP {
            self.switch(layer, packet, clocks);
        } else if packet.sequence < self.next_source {
            return self.late(layer, packet);
        }
        if packet.padding_only || !self.can_carry(packet) {
            // Behind a gap it joins the gap: whether frames are missing there is known with the next real packet.
            if packet.sequence == self.next_source {
                self.skip(packet);
            }
            return None;
        }
        if self.exceeds_temporal_limit(packet) {
            self.skip(packet);
            return None;
        }
        let open = self.log.open;
        let sequence = open.out_start + (packet.sequence - open.source_start);
        self.next_source = packet.sequence + 1;
        self.mark_highest(sequence);
        self.note_frame(&open, packet);
        Some(open.forward(sequence, false))
    }

    /// Where the numbers of frames and the time have got to, which is where the next encoding goes on.
    fn note_frame(&mut self, interval: &Interval, packet: &StoredPacket<'_>) {
        let timestamp = packet.timestamp.wrapping_add(interval.timestamp_delta);
        if (timestamp.wrapping_sub(self.last_timestamp) as i32) > 0 {
            self.last_timestamp = timestamp;
            self.last_arrival = packet.arrival;
        }
        if let Some(vp8) = &packet.inspection.vp8 {
            if let Some(picture_id) = vp8.picture_id {
                self.last_picture_id =
                    picture_id.wrapping_add(interval.picture_id_delta) & picture_id_mask(vp8);
            }
            if let Some(tl0) = vp8.tl0_pic_idx {
                self.last_tl0 = tl0.wrapping_add(interval.tl0_delta);
            }
        }
        if let Some(number) = frame_number(packet.dependency_descriptor) {
            self.last_frame_number = number.wrapping_add(interval.frame_number_delta);
        }
    }

    /// A packet that others overtook. Its number was kept free, so it is filled in any case: a hole would be asked for
    /// again and again.
    fn late(&mut self, layer: u8, packet: &StoredPacket<'_>) -> Option<Forward> {
        let found = self.log.by_source(layer, packet.sequence, self.next_source)?;
        let filler = found.is_filler(packet) || !self.can_carry(packet);
        if found.sequence > self.highest_sent {
            // What overtook it was left out. A filler says nothing of the frames that are missing before it, so it waits
            // until it is asked for.
            if filler && found.sequence > self.highest_sent + 1 {
                return None;
            }
            self.mark_highest(found.sequence);
            if !filler {
                self.note_frame(&found.interval, packet);
            }
        } else if !self.mark_late(found.sequence) {
            return None;
        }
        Some(found.interval.forward(found.sequence, filler))
    }

    /// Leaves out the newest packet: those after it close up.
    fn skip(&mut self, packet: &StoredPacket<'_>) {
        let before = self.log.open;
        let mut next = before;
        if packet.sequence > before.source_start {
            next.out_start += packet.sequence - before.source_start;
            next.skipped = None;
            self.log.close(next);
        }
        next.source_start = packet.sequence + 1;
        if !packet.padding_only {
            let first = next.skipped.map_or(packet.timestamp, |(first, _)| first);
            next.skipped = Some((first, packet.timestamp));
            // Frames that were left out must not show as gaps of the picture id, or decoders wait for them.
            let known = before.skipped.is_some_and(|(_, last)| last == packet.timestamp);
            let numbered = packet.inspection.vp8.is_some_and(|vp8| vp8.picture_id.is_some());
            if !known && numbered {
                next.picture_id_delta = next.picture_id_delta.wrapping_sub(1);
            }
        }
        self.log.open = next;
        self.next_source = packet.sequence + 1;
    }

    fn switch(&mut self, layer: u8, packet: &StoredPacket<'_>, clocks: &Clocks) {
        let before = self.log.open;
        let (timestamp, slip) = self.map_timestamp(layer, packet, clocks);
        self.slip = slip;
        if !self.started {
            self.last_arrival = packet.arrival;
        }
        let mut next = Interval {
            source_start: packet.sequence,
            // Numbers kept free behind the last packet sent are given up.
            out_start: self.highest_sent + 1,
            timestamp_delta: timestamp.wrapping_sub(packet.timestamp),
            layer,
            ..Interval::default()
        };
        if let Some(vp8) = &packet.inspection.vp8 {
            if let Some(picture_id) = vp8.picture_id {
                next.picture_id_delta = self.last_picture_id.wrapping_add(1).wrapping_sub(picture_id);
            }
            if let Some(tl0) = vp8.tl0_pic_idx {
                next.tl0_delta = self.last_tl0.wrapping_add(1).wrapping_sub(tl0);
            }
        }
        if let Some(number) = frame_number(packet.dependency_descriptor) {
            next.frame_number_delta = self.last_frame_number.wrapping_add(1).wrapping_sub(number);
        }
        // An empty one may still know what was left out.
        if self.next_source > before.source_start || before.skipped.is_some() {
            self.log.close(next);
        }
        self.log.open = next;
        if self.current != layer {
            self.previous_layer = self.current;
            self.previous_end = self.next_source;
        }
        self.current = layer;
        self.next_source = packet.sequence;
        self.temporal_current = self.temporal_limit;
        self.frame_decided = None;
        self.started = true;
    }

    /// The outgoing timestamp of the first packet after a switch or a pause: that of the same instant, as the sender
    /// reports of both encodings tell it; by the time of arrival while they do not, or tell nonsense. Always later than
    /// the last one, since decoders take a timestamp for the name of a frame. Gives by how much it is too late for that
    /// reason (a key frame that had to be asked for twice); the next switch makes it good.
    fn map_timestamp(&self, layer: u8, packet: &StoredPacket<'_>, clocks: &Clocks) -> (u32, u32) {
        if !self.started {
            return (self.last_timestamp, 0);
        }
        let rate = clocks.clock_rate();
        let elapsed = packet.arrival.saturating_duration_since(self.last_arrival);
        let by_arrival = self.last_timestamp.wrapping_add(ticks(elapsed, rate));
        let before = self.log.open;
        let exact = if before.layer == layer {
            Some(packet.timestamp)
        } else {
            clocks.translate(packet.timestamp, usize::from(layer), usize::from(before.layer))
        };
        let tolerance = rate.saturating_mul(CLOCK_TOLERANCE_S);
        let mapped = exact
            .map(|timestamp| timestamp.wrapping_add(before.timestamp_delta).wrapping_sub(self.slip))
            .filter(|mapped| (mapped.wrapping_sub(by_arrival) as i32).unsigned_abs() <= tolerance)
            .unwrap_or(by_arrival);
        let earliest = self.last_timestamp.wrapping_add(1);
        let slip = earliest.wrapping_sub(mapped);
        if (slip as i32) > 0 { (earliest, slip) } else { (mapped, 0) }
    }

    /// Decided once per frame. VP8 only: there the descriptor says where one can go up again.
    fn exceeds_temporal_limit(&mut self, packet: &StoredPacket<'_>) -> bool {
        if self.temporal_limit == NO_LIMIT && self.temporal_current == NO_LIMIT {
            return false;
        }
        let Some(vp8) = &packet.inspection.vp8 else { return false };
        let Some(tid) = vp8.tid else { return false };
        if self.frame_decided != Some(packet.timestamp) {
            self.frame_decided = Some(packet.timestamp);
            if packet.timestamp.wrapping_add(self.log.open.timestamp_delta) == self.last_timestamp {
                // The limit was set in the middle of this frame.
                self.frame_skipped = false;
                return false;
            }
            if vp8.is_key_frame || self.temporal_limit < self.temporal_current {
                self.temporal_current = self.temporal_limit;
            } else if vp8.layer_sync && tid > self.temporal_current && tid <= self.temporal_limit {
                self.temporal_current = tid;
            }
            self.frame_skipped = tid > self.temporal_current;
        }
        self.frame_skipped
    }

    fn can_carry(&self, packet: &StoredPacket<'_>) -> bool {
        match packet.codec {
            Codec::Red if self.red_payload_type != NO_PAYLOAD_TYPE => true,
            Codec::Red => {
                self.payload_type != NO_PAYLOAD_TYPE
                    && !self.encrypted
                    && red::primary(packet.payload).is_some()
            }
            _ => self.payload_type != NO_PAYLOAD_TYPE,
        }
    }

    fn mark_highest(&mut self, sequence: u64) {
        let step = sequence.saturating_sub(self.highest_sent);
        if step >= SENT_WINDOW {
            self.sent = [0; SENT_WORDS];
        } else if step > 1 {
            for number in self.highest_sent + 1..sequence {
                let (word, bit) = place(number);
                if let Some(word) = self.sent.get_mut(word) {
                    *word &= !bit;
                }
            }
        }
        self.highest_sent = sequence;
        let (word, bit) = place(sequence);
        if let Some(word) = self.sent.get_mut(word) {
            *word |= bit;
        }
    }

    /// False when the number was written already, or it is too late to tell.
    fn mark_late(&mut self, sequence: u64) -> bool {
        if self.highest_sent.saturating_sub(sequence) >= SENT_WINDOW {
            return false;
        }
        let (word, bit) = place(sequence);
        let Some(word) = self.sent.get_mut(word) else { return false };
        let fresh = *word & bit == 0;
        *word |= bit;
        fresh
    }
}

fn place(sequence: u64) -> (usize, u64) {
    let at = sequence % SENT_WINDOW;
    ((at / 64) as usize, 1 << (at % 64))
}

fn picture_id_mask(vp8: &crate::wire::codec::vp8::Descriptor) -> u16 {
    if vp8.picture_id_bits == 7 { 0x7f } else { 0x7fff }
}

/// `frame_number` of a dependency descriptor (AV1 RTP specification A.8.1), which is the second and third byte.
fn frame_number(descriptor: &[u8]) -> Option<u16> {
    match descriptor {
        [_, high, low, ..] => Some(u16::from_be_bytes([*high, *low])),
        _ => None,
    }
}

/// SplitMix64.
fn scramble(seed: u64) -> u64 {
    let mut mixed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests;
