//! The plaintext of the last second of one encoding, shared by all of its subscribers.
//!
//! Payload bytes lie one behind the other in a circular buffer, and a table indexed by the sequence number says where. Both
//! begin small, double when something younger than [`KEEP`] would be overwritten, and never pass their bound.

use std::ops::Deref;
use std::time::{Duration, Instant};

use crate::api::Codec;
use crate::wire::codec::Inspection;
use crate::wire::rtp::{AbsCaptureTime, AudioLevel};

/// A packet older than this is not worth room: a retransmission would come too late.
const KEEP: Duration = Duration::from_secs(1);

/// Bytes and packets at first and at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RingLimits {
    pub first_bytes: usize,
    pub max_bytes: usize,
    /// A power of two.
    pub first_packets: usize,
    /// A power of two.
    pub max_packets: usize,
}

impl RingLimits {
    /// One second at 2.5 Mbit/s, and the key frame on top.
    pub const VIDEO: RingLimits =
        RingLimits { first_bytes: 48 << 10, max_bytes: 384 << 10, first_packets: 64, max_packets: 1024 };
    /// One second of music in stereo at 510 kbit/s.
    pub const AUDIO: RingLimits =
        RingLimits { first_bytes: 4 << 10, max_bytes: 64 << 10, first_packets: 32, max_packets: 128 };
}

/// What is known of a packet besides its bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PacketMeta {
    /// Extended, as the publisher counts.
    pub sequence: u64,
    /// As the publisher counts.
    pub timestamp: u32,
    pub arrival: Instant,
    pub codec: Codec,
    pub marker: bool,
    /// It came without payload, to probe the path. It is kept so that subscribers can close the gap it leaves.
    pub padding_only: bool,
    pub audio_level: Option<AudioLevel>,
    pub playout_delay: Option<[u8; 3]>,
    pub abs_capture_time: Option<AbsCaptureTime>,
    pub inspection: Inspection,
}

/// A view of one packet of the ring.
#[derive(Clone, Copy, Debug)]
pub struct StoredPacket<'a> {
    pub meta: &'a PacketMeta,
    /// Without header and padding.
    pub payload: &'a [u8],
    /// As it came; empty when there was none.
    pub dependency_descriptor: &'a [u8],
}

impl Deref for StoredPacket<'_> {
    type Target = PacketMeta;

    fn deref(&self) -> &PacketMeta {
        self.meta
    }
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    /// The round of the buffer it was written in. Rounds count from 1; 0 marks an unused slot.
    round: u32,
    offset: u32,
    payload_len: u16,
    descriptor_len: u16,
    meta: PacketMeta,
}

#[derive(Debug)]
pub struct PacketRing {
    limits: RingLimits,
    bytes: Vec<u8>,
    /// Where the next packet goes.
    head: usize,
    /// What lies before `head` is of this round, what lies behind it of the one before.
    round: u32,
    round_began: Option<Instant>,
    /// Indexed by sequence number modulo its length, a power of two.
    slots: Vec<Option<Slot>>,
}

impl PacketRing {
    pub fn new(limits: RingLimits) -> Self {
        PacketRing { limits, bytes: Vec::new(), head: 0, round: 1, round_began: None, slots: Vec::new() }
    }

    pub fn video() -> Self {
        PacketRing::new(RingLimits::VIDEO)
    }

    pub fn audio() -> Self {
        PacketRing::new(RingLimits::AUDIO)
    }

    /// Memory held, in bytes. Never more than the limits allow.
    pub fn memory(&self) -> usize {
        self.bytes.len() + self.slots.len() * size_of::<Option<Slot>>()
    }

    /// False when the packet is larger than the ring, or so old that a newer one has its place.
    pub fn store(&mut self, meta: PacketMeta, payload: &[u8], dependency_descriptor: &[u8]) -> bool {
        let len = payload.len() + dependency_descriptor.len();
        let (Ok(payload_len), Ok(descriptor_len)) =
            (u16::try_from(payload.len()), u16::try_from(dependency_descriptor.len()))
        else {
            return false;
        };
        if !self.make_slot(meta.sequence, meta.arrival) || !self.make_room(len, meta.arrival) {
            return false;
        }
        let offset = self.head;
        let Some(space) = self.bytes.get_mut(offset..offset + len) else { return false };
        let (descriptor_space, payload_space) = space.split_at_mut(dependency_descriptor.len());
        descriptor_space.copy_from_slice(dependency_descriptor);
        payload_space.copy_from_slice(payload);
        self.head = offset + len;
        let slot = Slot { round: self.round, offset: offset as u32, payload_len, descriptor_len, meta };
        let index = self.index(meta.sequence);
        if let Some(place) = self.slots.get_mut(index) {
            *place = Some(slot);
        }
        true
    }

    pub fn get(&self, sequence: u64) -> Option<StoredPacket<'_>> {
        let slot = self.slots.get(self.index(sequence))?.as_ref()?;
        if slot.meta.sequence != sequence || !self.is_live(slot) {
            return None;
        }
        let start = slot.offset as usize;
        let len = usize::from(slot.descriptor_len) + usize::from(slot.payload_len);
        let bytes = self.bytes.get(start..start + len)?;
        let (dependency_descriptor, payload) = bytes.split_at_checked(usize::from(slot.descriptor_len))?;
        Some(StoredPacket { meta: &slot.meta, payload, dependency_descriptor })
    }

    /// Forgets everything: the publisher counts anew.
    pub fn clear(&mut self) {
        self.slots.fill(None);
    }

    fn index(&self, sequence: u64) -> usize {
        (sequence as usize) & self.slots.len().wrapping_sub(1)
    }

    /// Not overwritten yet.
    fn is_live(&self, slot: &Slot) -> bool {
        slot.round == self.round
            || (slot.round == self.round.wrapping_sub(1) && slot.offset as usize >= self.head)
    }

    fn make_slot(&mut self, sequence: u64, now: Instant) -> bool {
        if self.slots.is_empty() {
            self.slots = vec![None; self.limits.first_packets.max(1).next_power_of_two()];
        }
        loop {
            let Some(Some(taken)) = self.slots.get(self.index(sequence)) else { return true };
            if taken.meta.sequence == sequence || !self.is_live(taken) {
                return true;
            }
            let young = now.saturating_duration_since(taken.meta.arrival) < KEEP;
            if !young || self.slots.len() >= self.limits.max_packets {
                return taken.meta.sequence < sequence;
            }
            self.double_slots();
        }
    }

    fn double_slots(&mut self) {
        let doubled = vec![None; self.slots.len() * 2];
        for slot in std::mem::replace(&mut self.slots, doubled).into_iter().flatten() {
            let index = self.index(slot.meta.sequence);
            if let Some(place) = self.slots.get_mut(index) {
                *place = Some(slot);
            }
        }
    }

    /// Makes sure that `len` bytes fit behind `head` in one piece.
    fn make_room(&mut self, len: usize, now: Instant) -> bool {
        if self.bytes.is_empty() {
            self.bytes = vec![0; self.limits.first_bytes];
        }
        if len > self.limits.max_bytes {
            return false;
        }
        let began = *self.round_began.get_or_insert(now);
        if self.head + len <= self.bytes.len() {
            return true;
        }
        // At the end of a round all of the buffer is of this round: growing moves nothing.
        let young = now.saturating_duration_since(began) < KEEP;
        while (young || len > self.bytes.len()) && self.bytes.len() < self.limits.max_bytes {
            let grown = (self.bytes.len() * 2).min(self.limits.max_bytes);
            self.bytes.resize(grown, 0);
            if self.head + len <= grown {
                return true;
            }
        }
        self.round = self.round.wrapping_add(1).max(1);
        self.round_began = Some(now);
        self.head = 0;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn meta(sequence: u64, arrival: Instant) -> PacketMeta {
        PacketMeta {
            sequence,
            timestamp: sequence as u32,
            arrival,
            codec: Codec::Vp8,
            marker: false,
            padding_only: false,
            audio_level: None,
            playout_delay: None,
            abs_capture_time: None,
            inspection: Inspection::default(),
        }
    }

    #[test]
    fn a_second_at_two_and_a_half_megabits_is_kept() {
        let start = Instant::now();
        let mut ring = PacketRing::video();
        let spacing = Duration::from_micros(3520);
        for n in 0..3000u64 {
            assert!(ring.store(meta(n, start + spacing * n as u32), &[n as u8; 1100], &[7, n as u8]));
            for back in [0, 100, 284] {
                let Some(wanted) = n.checked_sub(back) else { continue };
                let packet = ring.get(wanted).expect("younger than a second");
                assert_eq!(packet.payload, [wanted as u8; 1100]);
                assert_eq!(packet.dependency_descriptor, [7, wanted as u8]);
                assert_eq!(packet.sequence, wanted);
            }
        }
    }

    #[test]
    fn a_slow_stream_stays_small() {
        let start = Instant::now();
        let mut ring = PacketRing::video();
        for n in 0..3000u64 {
            ring.store(meta(n, start + Duration::from_millis(33) * n as u32), &[0; 600], &[]);
        }
        assert!(ring.memory() < 80 << 10, "{}", ring.memory());
        assert!(ring.get(2999).is_some() && ring.get(2970).is_some());
    }

    #[test]
    fn an_old_packet_does_not_push_out_a_newer_one() {
        let now = Instant::now();
        let mut ring =
            PacketRing::new(RingLimits { first_packets: 32, max_packets: 32, ..RingLimits::AUDIO });
        assert!(ring.store(meta(100, now), &[1], &[]));
        assert!(!ring.store(meta(68, now), &[2], &[]));
        assert!(ring.get(68).is_none());
        assert_eq!(ring.get(100).unwrap().payload, [1]);
    }

    #[test]
    fn a_packet_larger_than_the_ring_is_refused() {
        let now = Instant::now();
        let limits = RingLimits { first_bytes: 100, max_bytes: 400, first_packets: 4, max_packets: 8 };
        let mut ring = PacketRing::new(limits);
        assert!(!ring.store(meta(1, now), &[0; 401], &[]));
        assert!(ring.store(meta(1, now), &[0; 400], &[]));
        assert!(ring.store(meta(2, now), &[3; 400], &[]));
        assert!(ring.get(1).is_none());
        assert_eq!(ring.get(2).unwrap().payload, [3; 400]);
    }

    #[test]
    fn clearing_forgets_all_packets() {
        let mut ring = PacketRing::audio();
        ring.store(meta(1, Instant::now()), &[1], &[]);
        ring.clear();
        assert!(ring.get(1).is_none());
    }

    proptest! {
        #[test]
        fn the_ring_keeps_its_bound_and_never_gives_another_packets_bytes(
            packets in proptest::collection::vec((0u64..400, 0usize..700, 0u64..200), 1..600),
        ) {
            let limits = RingLimits { first_bytes: 1000, max_bytes: 8000, first_packets: 4, max_packets: 64 };
            let bound = limits.max_bytes + limits.max_packets * size_of::<Option<Slot>>();
            let mut ring = PacketRing::new(limits);
            let mut now = Instant::now();
            let mut written = std::collections::HashMap::new();
            for (n, (sequence, len, millis)) in packets.into_iter().enumerate() {
                now += Duration::from_millis(millis);
                if ring.store(meta(sequence, now), &vec![n as u8; len], &[]) {
                    written.insert(sequence, (n as u8, len));
                    let packet = ring.get(sequence).expect("just stored");
                    prop_assert_eq!(packet.payload.len(), len);
                }
                prop_assert!(ring.memory() <= bound);
                for (&sequence, &(fill, len)) in &written {
                    if let Some(packet) = ring.get(sequence) {
                        prop_assert_eq!(packet.payload, &vec![fill; len][..]);
                    }
                }
            }
        }
    }
}
