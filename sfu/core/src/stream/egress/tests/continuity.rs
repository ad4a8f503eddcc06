//! A publisher with three encodings, a network that loses and reorders, a subscription that is switched, paused and
//! limited at random, and a receiver that looks at all that comes out.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::stream::ingress::{Accepted, Ingress};
use crate::wire::codec::vp8::Descriptor;
use crate::wire::rtp::Extensions;

const LAYERS: usize = 3;
const FRAME_MS: u64 = 33;

struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(1);
        scramble(self.0) % bound
    }

    fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }
}

/// One encoding as the publisher sends it.
struct Source {
    sequence: u64,
    timestamp_offset: u32,
    picture_id: u16,
    short_id: bool,
    tl0: u8,
    frame: u64,
    wants_key: bool,
}

#[derive(Clone)]
struct Sent {
    layer: usize,
    sequence: u64,
    header: RtpHeader,
    bytes: Vec<u8>,
}

impl Source {
    fn new(random: &mut Random, short_id: bool) -> Self {
        Source {
            // Near all the wraps.
            sequence: 0x1_0000 + 65_500 + random.below(80),
            timestamp_offset: u32::MAX - random.below(400_000) as u32,
            picture_id: if short_id { 100 } else { 32_700 + random.below(60) as u16 },
            short_id,
            tl0: random.below(256) as u8,
            frame: 0,
            wants_key: true,
        }
    }

    /// Temporal layers 0 2 1 2, as libwebrtc has them.
    fn frame(&mut self, random: &mut Random, layer: usize, elapsed_ms: u64) -> Vec<Sent> {
        let key = std::mem::take(&mut self.wants_key);
        if key {
            self.frame = 0;
        }
        let (tid, sync) = match self.frame % 4 {
            0 => (0u8, false),
            1 => (2, true),
            2 => (1, true),
            _ => (2, false),
        };
        self.frame += 1;
        if tid == 0 {
            self.tl0 = self.tl0.wrapping_add(1);
        }
        self.picture_id = (self.picture_id + 1) & if self.short_id { 0x7f } else { 0x7fff };
        let count = 1 + random.below(if key { 6 } else { 3 });
        let mut packets = Vec::new();
        for n in 0..count {
            let start = if n == 0 { 0x90 } else { 0x80 };
            let mut payload = vec![start, 0xe0];
            if self.short_id {
                payload.push(self.picture_id as u8);
            } else {
                payload.extend((self.picture_id | 0x8000).to_be_bytes());
            }
            payload.extend([self.tl0, tid << 6 | u8::from(sync) << 5, u8::from(!key), layer as u8, n as u8]);
            packets.push(self.packet(layer, elapsed_ms, n + 1 == count, &payload, 0));
        }
        if random.percent(10) {
            for _ in 0..1 + random.below(3) {
                packets.push(self.packet(layer, elapsed_ms, false, &[], 50));
            }
        }
        packets
    }

    fn packet(&mut self, layer: usize, elapsed_ms: u64, marker: bool, payload: &[u8], padding: u8) -> Sent {
        let mut bytes = vec![0; 12];
        bytes.extend(payload);
        bytes.extend(vec![padding; usize::from(padding)]);
        let header = RtpHeader {
            marker,
            payload_type: 100,
            sequence_number: self.sequence as u16,
            timestamp: self.timestamp_offset.wrapping_add(elapsed_ms as u32 * 90),
            ssrc: layer as u32,
            header_len: 12,
            has_padding: padding > 0,
            extensions: Extensions::default(),
        };
        let sent = Sent { layer, sequence: self.sequence, header, bytes };
        self.sequence += 1;
        sent
    }
}

#[derive(Clone, Debug)]
struct Received {
    marker: bool,
    timestamp: u32,
    payload: Vec<u8>,
    /// When the publisher sent it, in ms.
    captured: u64,
}

struct World {
    random: Random,
    start: Instant,
    sources: Vec<Source>,
    ingresses: Vec<Ingress>,
    clocks: Clocks,
    egress: Egress,
    received: BTreeMap<u64, Received>,
    /// What the publisher sent at which time, by layer and timestamp.
    captured: BTreeMap<(usize, u32), u64>,
}

impl World {
    fn new(seed: u64, short_ids: bool) -> Self {
        let start = Instant::now();
        let mut random = Random(seed);
        let sources = (0..LAYERS).map(|_| Source::new(&mut random, short_ids)).collect();
        World {
            random,
            start,
            sources,
            ingresses: (0..LAYERS).map(|layer| Ingress::new(start, Codec::Vp8, layer as u32)).collect(),
            clocks: Clocks::new(90_000),
            egress: egress(start, Codec::Vp8, seed),
            received: BTreeMap::new(),
            captured: BTreeMap::new(),
        }
    }

    fn arrive(&mut self, now: Instant, sent: &Sent, rtx: bool) {
        let Some(ingress) = self.ingresses.get_mut(sent.layer) else { return };
        let accepted = if rtx {
            let mut bytes = sent.bytes.clone();
            bytes.splice(12..12, (sent.sequence as u16).to_be_bytes());
            ingress.on_rtx(now, Codec::Vp8, &sent.header, &bytes)
        } else {
            ingress.on_packet(now, Codec::Vp8, &sent.header, sent.sequence, &sent.bytes)
        };
        let Accepted::Stored(stored) = accepted else { panic!("{accepted:?}") };
        assert_eq!(stored.sequence, sent.sequence);
        let packet = ingress.packet(stored.sequence).unwrap();
        if let Some(forward) = self.egress.offer(sent.layer, &packet, &self.clocks) {
            let out = write(&mut self.egress, &packet, &forward);
            assert_eq!(out.header.payload_type, 96);
            let captured = self.captured[&(sent.layer, sent.header.timestamp)];
            let received = Received {
                marker: out.header.marker,
                timestamp: out.header.timestamp,
                payload: out.payload,
                captured,
            };
            let twice = self.received.insert(out.sequence, received);
            assert!(twice.is_none(), "number {} was written twice", out.sequence);
        }
    }

    /// The receiver asks for every hole, and for some packets it has.
    fn ask_for_holes(&mut self, now: Instant) -> Result<(), TestCaseError> {
        let (Some((&first, _)), Some((&last, _))) =
            (self.received.first_key_value(), self.received.last_key_value())
        else {
            return Ok(());
        };
        for number in first.max(last.saturating_sub(60))..=last {
            let known = self.received.get(&number).cloned();
            if known.is_some() && !self.random.percent(10) {
                continue;
            }
            let Some(resend) = self.egress.on_nack(now, number as u16) else { continue };
            let Some(packet) = self.ingresses[resend.layer()].packet(resend.source()) else { continue };
            let mut bytes = [0; 1500];
            let Some(written) = self.egress.write_rtx(&packet, &resend, 0, 0, &mut bytes) else {
                continue;
            };
            prop_assert_eq!(written.ssrc, RTX_SSRC);
            let header = RtpHeader::parse(&bytes[..written.len], &extension_map()).unwrap();
            prop_assert_eq!(header.payload_type, 97);
            let body = &bytes[written.header_len..written.len];
            prop_assert_eq!(&body[..2], &(number as u16).to_be_bytes());
            let captured = self.captured[&(resend.layer(), packet.timestamp)];
            let repeated = Received {
                marker: header.marker,
                timestamp: header.timestamp,
                payload: body[2..].to_vec(),
                captured,
            };
            match known {
                None => {
                    self.received.insert(number, repeated);
                }
                Some(known) => {
                    prop_assert_eq!(repeated.payload, known.payload);
                    prop_assert_eq!((repeated.timestamp, repeated.marker), (known.timestamp, known.marker));
                }
            }
        }
        Ok(())
    }

    fn run(&mut self, frames: u64, loss: u64, reorder: u64, limits: bool) -> Result<(), TestCaseError> {
        // (due, rtx, packet)
        let mut network: Vec<(u64, bool, Sent)> = Vec::new();
        for frame in 0..frames {
            let elapsed = frame * FRAME_MS;
            if frame % 30 == 0 {
                for layer in 0..LAYERS {
                    let Some(source) = self.sources.get(layer) else { continue };
                    let rtp = source.timestamp_offset.wrapping_add(elapsed as u32 * 90);
                    // Exact in 90 kHz and in NTP: 1 ms is 90 ticks.
                    let ntp = (1000 << 32) + (u128::from(elapsed) * (1 << 32) / 1000) as u64;
                    self.clocks.set(layer, Some(SenderClock { ntp, rtp, arrival: self.start + ms(elapsed) }));
                }
            }
            if self.random.percent(6) {
                let target = self.random.below(LAYERS as u64 + 1) as usize;
                self.egress.set_target((target < LAYERS).then_some(target));
            }
            if limits && self.random.percent(6) {
                let limit = self.random.below(4) as u8;
                self.egress.set_temporal_limit((limit < 3).then_some(limit));
            }
            if let Some(layer) = self.egress.needs_key_frame()
                && self.random.percent(30)
            {
                self.sources[layer].wants_key = true;
            }
            for layer in 0..LAYERS {
                for sent in self.sources[layer].frame(&mut self.random, layer, elapsed) {
                    self.captured.insert((layer, sent.header.timestamp), elapsed);
                    // A retransmission before anything else would be of no use.
                    let lost = frame > 0 && self.random.percent(loss);
                    let delay = match lost {
                        true => 30 + self.random.below(150),
                        false if frame > 0 && self.random.percent(reorder) => self.random.below(60),
                        false => 0,
                    };
                    network.push((elapsed + delay, lost, sent));
                }
            }
            network.sort_by_key(|(due, ..)| *due);
            while network.first().is_some_and(|(due, ..)| *due <= elapsed) {
                let (_, rtx, sent) = network.remove(0);
                self.arrive(self.start + ms(elapsed), &sent, rtx);
            }
            self.ask_for_holes(self.start + ms(elapsed))?;
        }
        // Let everything arrive and be repaired.
        let end = self.start + ms(frames * FRAME_MS);
        for (_, rtx, sent) in network {
            self.arrive(end, &sent, rtx);
        }
        for step in 0..12 {
            self.ask_for_holes(end + ms(200 * step))?;
        }
        Ok(())
    }

    /// Nothing stayed lost, so the receiver must see one unbroken stream.
    fn check(&self, short_ids: bool, tolerance: i64) -> Result<(), TestCaseError> {
        let Some((&first, opening)) = self.received.first_key_value() else { return Ok(()) };
        for (place, &number) in self.received.keys().enumerate() {
            prop_assert_eq!(number, first + place as u64, "a hole in the numbers");
        }
        let mask = if short_ids { 0x7f } else { 0x7fff };
        let mut last: Option<(Descriptor, &Received)> = None;
        let base = (opening.timestamp, opening.captured);
        for received in self.received.values().filter(|received| !received.payload.is_empty()) {
            let vp8 = Descriptor::parse(&received.payload).unwrap();
            let layer = received.payload[vp8.len + 1];
            if let Some((before, earlier)) = &last {
                let step = received.timestamp.wrapping_sub(earlier.timestamp) as i32;
                prop_assert!(step >= 0, "time goes back by {}", -step);
                let same_frame = step == 0;
                let id_step = vp8.picture_id.unwrap().wrapping_sub(before.picture_id.unwrap()) & mask;
                let tl0_step = vp8.tl0_pic_idx.unwrap().wrapping_sub(before.tl0_pic_idx.unwrap());
                prop_assert_eq!(id_step, u16::from(!same_frame), "picture ids have a gap");
                prop_assert_eq!(same_frame, !vp8.is_frame_start());
                if same_frame {
                    prop_assert_eq!(tl0_step, 0);
                } else {
                    prop_assert_eq!(tl0_step, u8::from(vp8.tid == Some(0)), "tl0picidx");
                    prop_assert!(earlier.marker || vp8.is_key_frame, "a frame is cut off");
                    let switched = layer != earlier.payload[before.len + 1];
                    prop_assert!(!switched || vp8.is_key_frame, "a switch without a key frame");
                }
            }
            // The time is the publisher's, but for what a switch has to step aside: a tick, when both encodings sent
            // the same picture, or the delay of its key frame.
            let real = (received.captured as i64 - base.1 as i64) * 90;
            let shown = i64::from(received.timestamp.wrapping_sub(base.0));
            prop_assert!(
                (shown - real).abs() <= tolerance,
                "{} ticks beside the publisher's time",
                shown - real
            );
            last = Some((vp8, received));
        }
        Ok(())
    }
}

fn play(seed: u64, short_ids: bool, loss: u64, reorder: u64, limits: bool) -> Result<(), TestCaseError> {
    let mut world = World::new(seed, short_ids);
    world.egress.set_target(Some(0));
    world.run(240, loss, reorder, limits)?;
    world.check(short_ids, if loss > 0 { 600 * 90 } else { 20 })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn switches_and_pauses_on_a_perfect_network_leave_no_trace(seed: u64, short_ids: bool) {
        play(seed, short_ids, 0, 0, false)?;
    }

    #[test]
    fn temporal_layers_can_be_left_out_and_taken_back_without_trace(seed: u64, short_ids: bool) {
        play(seed, short_ids, 0, 0, true)?;
    }

    #[test]
    fn repaired_losses_and_reordering_leave_no_trace(seed: u64, short_ids: bool) {
        play(seed, short_ids, 5, 5, false)?;
    }

    #[test]
    fn repaired_losses_leave_no_trace_while_temporal_layers_are_left_out(seed: u64, short_ids: bool) {
        play(seed, short_ids, 5, 5, true)?;
    }
}
