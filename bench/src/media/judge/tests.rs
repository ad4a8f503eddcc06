use std::collections::VecDeque;
use std::time::Duration;

use chevet_sfu_core::api::PayloadType;
use chevet_sfu_core::wire::codec::vp8;
use proptest::prelude::*;

use super::*;
use crate::media::random::Random;
use crate::media::source::Source;
use crate::media::source::tests::{Sent, next, spec};
use crate::media::{GIVE_UP, Pacing};

const START: u64 = 1_764_000_000_000_000_000;

/// A judge whose clock is the sender's, and who is told what a server would make of the packets.
struct Subscriber {
    judge: Judge,
    tally: Tally,
    zero: Instant,
    now: u64,
    asked: VecDeque<u16>,
    key_frames: u32,
}

impl Subscriber {
    fn new() -> Subscriber {
        let mut judge = Judge::new();
        let payload = |pt, codec, rtx| PayloadType { pt, codec, rtx };
        judge.set_media(&MediaSettings {
            payloads: vec![payload(96, Codec::Vp8, Some(97)), payload(111, Codec::Opus, None)],
            ..MediaSettings::default()
        });
        Subscriber {
            judge,
            tally: Tally::new(),
            zero: Instant::now(),
            now: START,
            asked: VecDeque::new(),
            key_frames: 0,
        }
    }

    fn at(&self, ns: u64) -> Instant {
        self.zero + Duration::from_nanos(ns - START)
    }

    /// Polls at each deadline up to this time.
    fn advance(&mut self, to: u64) {
        while let Some(deadline) = self.judge.next_deadline().filter(|deadline| *deadline <= self.at(to)) {
            let deadline = deadline.max(self.at(self.now));
            self.now = START + (deadline - self.zero).as_nanos() as u64;
            while let Some(ask) = self.judge.poll(deadline, &mut self.tally) {
                match ask {
                    Ask::Nack { ssrc, sequences } => {
                        assert_eq!(ssrc, 5);
                        self.asked.extend(sequences);
                    }
                    Ask::Pli { ssrc } => {
                        assert_eq!(ssrc, 5);
                        self.key_frames += 1;
                    }
                }
            }
        }
        self.now = self.now.max(to);
    }

    /// As a server forwards it: under an SSRC and numbers of its own.
    fn receive(&mut self, sent: &Sent, sequence: u16) -> Seen {
        self.receive_as(sent, sequence, false)
    }

    fn receive_as(&mut self, sent: &Sent, sequence: u16, rtx: bool) -> Seen {
        let mut header = RtpHeader { ssrc: 5, sequence_number: sequence, ..sent.header };
        let mut payload = sent.payload().to_vec();
        if let Some(descriptor) = vp8::Descriptor::parse(&payload).filter(|_| header.payload_type == 96) {
            descriptor.rewrite(&mut payload, 77, 9);
        }
        let mut media = None;
        if rtx {
            payload.splice(0..0, sequence.to_be_bytes());
            header = RtpHeader { ssrc: 6, payload_type: 97, sequence_number: 1, ..header };
            media = Some(5);
        }
        let now = self.at(self.now);
        self.judge.on_packet(now, self.now + 250_000, &header, &payload, media, &mut self.tally)
    }

    fn losses(&self) -> (u64, u64) {
        (self.tally.lost_by_sequence, self.tally.lost_by_probe)
    }
}

fn video(rates: &[u32]) -> Source {
    Source::new(spec(Codec::Vp8, rates, Pacing::Burst), START, 4)
}

/// Packets of one encoding in the order sent.
fn packets(source: &mut Source, encoding: u8, count: usize) -> Vec<Sent> {
    std::iter::repeat_with(|| next(source))
        .filter(|sent| sent.outgoing.encoding == encoding)
        .take(count)
        .collect()
}

/// Everything is received when it is due, except for what `lost` says, and a long quiet at the end.
fn judge_losses(sent: &[Sent], lost: impl Fn(usize) -> bool) -> Subscriber {
    let mut subscriber = Subscriber::new();
    for (index, packet) in sent.iter().enumerate() {
        subscriber.advance(packet.probe.due);
        if !lost(index) {
            subscriber.receive(packet, index as u16);
        }
    }
    subscriber.advance(subscriber.now + 3_000_000_000);
    subscriber
}

#[test]
fn everything_received_is_counted_and_nothing_asked_for() {
    let sent = packets(&mut video(&[1_500_000]), 0, 1000);
    let subscriber = judge_losses(&sent, |_| false);
    let tally = &subscriber.tally;
    assert_eq!((tally.received, tally.recovered, subscriber.losses()), (1000, 0, (0, 0)));
    assert_eq!(tally.received_bytes, sent.iter().map(|sent| sent.payload().len() as u64).sum::<u64>());
    assert_eq!((tally.nacks_sent, tally.key_frames_asked), (0, 0));
    let frames = sent.iter().filter(|sent| sent.header.marker).count() as u64;
    assert_eq!((tally.frames_complete, tally.frames_broken), (frames, 0));
    assert_eq!(tally.latency.len(), 1000);
    assert!((249_000..=251_000).contains(&tally.latency.value_at_quantile(0.5)));
    assert_eq!(tally.latency_from_due.len(), 1000);
}

#[test]
fn the_first_media_of_a_peer_is_told_once_and_key_frames_each_time() {
    let sent = packets(&mut video(&[500_000]), 0, 5);
    let mut subscriber = Subscriber::new();
    assert_eq!(subscriber.receive(&sent[0], 7), Seen::Media { first: true, key_frame: true });
    assert_eq!(subscriber.receive(&sent[1], 8), Seen::Media { first: false, key_frame: false });
    assert_eq!(subscriber.receive(&sent[1], 8), Seen::Duplicate);
    let stray = RtpHeader { payload_type: 50, ..sent[2].header };
    let now = subscriber.at(START);
    let seen = subscriber.judge.on_packet(now, START, &stray, sent[2].payload(), None, &mut subscriber.tally);
    assert_eq!((seen, subscriber.tally.received), (Seen::Stray, 2));
}

#[test]
fn a_loss_is_pending_for_a_second_and_then_counted_once_by_both() {
    let sent = packets(&mut video(&[1_500_000]), 0, 400);
    let mut subscriber = Subscriber::new();
    for (index, packet) in sent.iter().enumerate().take(60).filter(|(index, _)| *index != 50) {
        subscriber.advance(packet.probe.due);
        subscriber.receive(packet, index as u16);
    }
    assert_eq!(subscriber.losses(), (0, 0));
    assert_eq!(subscriber.judge.pending(), Pending { by_sequence: 1, by_probe: 1 });
    subscriber.advance(subscriber.now + GIVE_UP.as_nanos() as u64);
    assert_eq!(subscriber.losses(), (1, 1));
    assert_eq!(subscriber.judge.pending(), Pending::default());
    assert_eq!(subscriber.receive_as(&sent[50], 50, true), Seen::Duplicate, "too late");
    assert_eq!((subscriber.losses(), subscriber.tally.recovered), ((1, 1), 0));
    assert_eq!((subscriber.tally.nacks_sent, subscriber.tally.frames_broken), (8, 1));
}

#[test]
fn a_broken_frame_calls_for_a_key_frame_each_half_second_until_one_is_complete() {
    let mut source = video(&[1_500_000]);
    let sent = packets(&mut source, 0, 400);
    let mut subscriber = judge_losses(&sent, |index| index == 100);
    let asked = subscriber.key_frames;
    assert!((5..=9).contains(&asked), "{asked}");
    source.request_key_frame(1000);
    let mut index = sent.len();
    let mut complete = false;
    while !complete {
        let packet = next(&mut source);
        subscriber.receive(&packet, index as u16);
        complete = packet.header.marker
            && subscriber.judge.poll(subscriber.at(subscriber.now), &mut Tally::new()).is_none()
            && packet.probe.since_key > 0
            && packet.probe.index == packet.probe.since_key;
        index += 1;
    }
    let before = subscriber.key_frames;
    subscriber.advance(subscriber.now + 5_000_000_000);
    assert_eq!(subscriber.key_frames, before);
}

#[test]
fn who_comes_into_the_middle_asks_for_a_key_frame_at_once() {
    let sent = packets(&mut video(&[1_500_000]), 0, 200);
    let mut subscriber = Subscriber::new();
    let middle = sent.iter().position(|sent| sent.probe.index == 3 && sent.probe.since_key > 30).unwrap();
    subscriber.advance(sent[middle].probe.due);
    subscriber.receive(&sent[middle], 9);
    subscriber.advance(subscriber.now);
    assert_eq!((subscriber.key_frames, subscriber.losses()), (1, (0, 0)));
}

#[test]
fn a_hole_that_the_server_hides_in_its_numbers_is_lost_by_probe_alone() {
    let sent = packets(&mut video(&[1_500_000]), 0, 500);
    let mut subscriber = Subscriber::new();
    for (index, packet) in sent.iter().enumerate().filter(|(index, _)| !(200..203).contains(index)) {
        subscriber.advance(packet.probe.due);
        subscriber.receive(packet, if index < 200 { index } else { index - 3 } as u16);
    }
    subscriber.advance(subscriber.now + 2_000_000_000);
    assert_eq!(subscriber.losses(), (0, 3));
}

#[test]
fn padding_takes_its_number_and_nothing_else() {
    let sent = packets(&mut video(&[1_500_000]), 0, 100);
    let mut subscriber = Subscriber::new();
    let mut sequence = 0;
    for (index, packet) in sent.iter().enumerate() {
        subscriber.advance(packet.probe.due);
        if index % 10 == 5 {
            let header = RtpHeader { ssrc: 5, sequence_number: sequence, has_padding: true, ..packet.header };
            let now = subscriber.at(subscriber.now);
            let seen =
                subscriber.judge.on_packet(now, START, &header, &[255; 255], None, &mut subscriber.tally);
            assert_eq!(seen, Seen::Padding);
            sequence += 1;
        }
        // Padding behind the probe is stripped.
        let mut padded = Sent { bytes: packet.bytes.clone(), ..*packet };
        padded.bytes.extend([0, 0, 3]);
        padded.header.has_padding = true;
        assert!(matches!(subscriber.receive(&padded, sequence), Seen::Media { .. }));
        sequence += 1;
    }
    subscriber.advance(subscriber.now + 2_000_000_000);
    assert_eq!(
        (subscriber.tally.received, subscriber.losses(), subscriber.tally.frames_broken),
        (100, (0, 0), 0)
    );
}

#[test]
fn switching_between_encodings_loses_nothing() {
    let mut source = video(&[150_000, 500_000, 1_700_000]);
    let mut subscriber = Subscriber::new();
    let (mut current, mut wanted, mut sequence) = (0, 0, 0u16);
    let mut switches = 0;
    for index in 0..6000 {
        if index % 500 == 499 {
            wanted = [2, 0, 1][index / 500 % 3];
            source.request_key_frame(1000 + u32::from(wanted));
        }
        let packet = next(&mut source);
        subscriber.advance(packet.probe.due);
        if packet.outgoing.encoding == wanted && wanted != current && packet.outgoing.key_frame {
            current = wanted;
            switches += 1;
        }
        if packet.outgoing.encoding == current {
            subscriber.receive(&packet, sequence);
            sequence = sequence.wrapping_add(1);
        }
    }
    subscriber.advance(subscriber.now + 2_000_000_000);
    assert!(switches >= 10, "{switches}");
    assert_eq!((subscriber.losses(), subscriber.tally.frames_broken, subscriber.key_frames), ((0, 0), 0, 0));
}

#[test]
fn after_a_switch_losses_count_from_the_first_packet_of_the_key_frame() {
    let mut source = video(&[150_000, 1_700_000]);
    let low = packets(&mut source, 0, 100);
    source.request_key_frame(1001);
    let high: Vec<Sent> =
        packets(&mut source, 1, 200).into_iter().skip_while(|sent| !sent.outgoing.key_frame).collect();
    let mut subscriber = Subscriber::new();
    // The first two packets of the key frame, and the whole frame of the upper layer after it.
    let frame = high.iter().position(|sent| sent.header.marker).unwrap() + 1;
    let upper = high[frame..].iter().position(|sent| sent.header.marker).unwrap() + 1;
    assert!(frame > 3 && high[frame].probe.layer == 2);
    for (sequence, packet) in low.iter().chain(&high).enumerate() {
        let lost =
            sequence.checked_sub(low.len()).is_some_and(|at| at < 2 || (frame..frame + upper).contains(&at));
        subscriber.advance(packet.probe.due);
        if !lost {
            subscriber.receive(packet, sequence as u16);
        }
    }
    subscriber.advance(subscriber.now + 2_000_000_000);
    assert_eq!(subscriber.losses(), (2 + upper as u64, 2 + upper as u64));
}

#[test]
fn a_temporal_layer_that_the_server_leaves_out_for_a_while_is_not_lost() {
    let sent = packets(&mut video(&[150_000, 500_000]), 1, 1200);
    let mut subscriber = Subscriber::new();
    let mut sequence = 0;
    for (index, packet) in sent.iter().enumerate() {
        let left_out = (300..800).contains(&index) && packet.probe.layer == 2;
        subscriber.advance(packet.probe.due);
        if !left_out {
            subscriber.receive(packet, sequence);
            sequence += 1;
        }
    }
    subscriber.advance(subscriber.now + 2_000_000_000);
    assert_eq!(subscriber.losses(), (0, 0));
}

#[test]
fn a_pause_of_the_server_is_no_loss_for_video_and_none_for_sound() {
    let mut source = video(&[500_000]);
    let mut sent = packets(&mut source, 0, 100);
    packets(&mut source, 0, 300);
    source.request_key_frame(1000);
    sent.extend(packets(&mut source, 0, 60).into_iter().skip_while(|sent| !sent.outgoing.key_frame));
    let subscriber = judge_losses(&sent, |_| false);
    assert_eq!((subscriber.losses(), subscriber.tally.frames_broken), ((0, 0), 0));

    let mut source = Source::new(spec(Codec::Opus, &[32_000], Pacing::Burst), START, 4);
    let mut sent = packets(&mut source, 0, 100);
    packets(&mut source, 0, 300);
    sent.extend(packets(&mut source, 0, 100));
    assert_eq!(judge_losses(&sent, |_| false).losses(), (0, 0));
}

#[test]
fn silences_are_no_losses_and_a_lost_packet_of_sound_is_one_that_nobody_asks_for() {
    let mut spec = spec(Codec::Opus, &[32_000], Pacing::Burst);
    spec.speech = 0.3;
    let sent = packets(&mut Source::new(spec, START, 4), 0, 2000);
    assert_eq!(judge_losses(&sent, |_| false).losses(), (0, 0));
    let subscriber = judge_losses(&sent, |index| index == 1000 || index == 1500);
    assert_eq!((subscriber.losses(), subscriber.tally.nacks_sent, subscriber.key_frames), ((2, 2), 0, 0));
    assert_eq!((subscriber.tally.frames_complete, subscriber.tally.frames_broken), (0, 0));
}

#[test]
fn a_report_block_tells_the_loss_and_the_last_sender_report() {
    let sent = packets(&mut video(&[1_500_000]), 0, 256);
    let mut subscriber = Subscriber::new();
    for (index, packet) in sent.iter().enumerate().filter(|(index, _)| index % 4 != 1) {
        subscriber.advance(packet.probe.due);
        subscriber.receive(packet, 65_500u16.wrapping_add(index as u16));
    }
    let at = subscriber.at(subscriber.now);
    subscriber.judge.on_sender_report(at, 5, 0x0123_4567_89ab_cdef);
    let mut blocks = Vec::new();
    subscriber.judge.report_blocks(at + Duration::from_millis(500), &mut blocks);
    let [block] = blocks[..] else { panic!("{blocks:?}") };
    assert_eq!((block.ssrc, block.fraction_lost, block.cumulative_lost), (5, 64, 64));
    assert_eq!(block.highest_sequence as u16, 65_500u16.wrapping_add(255));
    assert_eq!((block.last_sr, block.delay_since_sr), (0x4567_89ab, 32_768));
    blocks.clear();
    subscriber.judge.report_blocks(at, &mut blocks);
    assert!(blocks.is_empty(), "nothing came since");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn every_packet_dropped_is_lost_once_by_both_counts(seed: u64, percent in 1u64..30, layers in any::<bool>()) {
        let rates: &[u32] = if layers { &[150_000, 900_000] } else { &[900_000] };
        let sent = packets(&mut video(rates), rates.len() as u8 - 1, 1500);
        let mut random = Random::new(seed);
        // Losses show by what comes after them, in each layer.
        let dropped: Vec<bool> = (0..sent.len()).map(|index| (1..1450).contains(&index) && random.bits() % 100 < percent).collect();
        let subscriber = judge_losses(&sent, |index| dropped[index]);
        let count = dropped.iter().filter(|dropped| **dropped).count() as u64;
        prop_assert_eq!(subscriber.losses(), (count, count));
        prop_assert_eq!(subscriber.tally.received, 1500 - count);
        prop_assert_eq!(subscriber.judge.pending(), Pending::default());
    }

    #[test]
    fn reordering_within_the_nack_window_loses_nothing_and_asks_for_nothing(seed: u64) {
        let sent = packets(&mut video(&[3_000_000]), 0, 800);
        let mut random = Random::new(seed);
        let mut arrivals: Vec<(u64, usize)> =
            sent.iter().enumerate().map(|(index, sent)| (sent.probe.due + 1 + random.bits() % 14_000_000, index)).collect();
        // What begins the stream begins it.
        arrivals[0].0 = sent[0].probe.due;
        arrivals.sort_unstable();
        let mut subscriber = Subscriber::new();
        for (at, index) in arrivals {
            subscriber.advance(at);
            let seen = subscriber.receive(&sent[index], index as u16);
            prop_assert!(matches!(seen, Seen::Media { .. }), "{:?}", seen);
        }
        subscriber.advance(subscriber.now + 2_000_000_000);
        prop_assert_eq!(subscriber.losses(), (0, 0));
        prop_assert_eq!((subscriber.tally.received, subscriber.tally.recovered), (800, 0));
        prop_assert_eq!((subscriber.tally.nacks_sent, subscriber.tally.frames_broken, subscriber.key_frames), (0, 0, 0));
    }

    #[test]
    fn what_is_repeated_after_a_nack_is_recovered_and_not_lost(seed: u64, percent in 1u64..20) {
        let sent = packets(&mut video(&[900_000]), 0, 1500);
        let mut random = Random::new(seed);
        let mut subscriber = Subscriber::new();
        let mut dropped = 0;
        for (index, packet) in sent.iter().enumerate() {
            subscriber.advance(packet.probe.due);
            while let Some(sequence) = subscriber.asked.pop_front() {
                // Answers get lost too.
                if random.bits() % 100 >= percent {
                    let seen = subscriber.receive_as(&sent[usize::from(sequence)], sequence, true);
                    prop_assert!(matches!(seen, Seen::Media { .. } | Seen::Duplicate), "{:?}", seen);
                }
            }
            if (1..1400).contains(&index) && random.bits() % 100 < percent {
                dropped += 1;
            } else {
                subscriber.receive(packet, index as u16);
            }
        }
        subscriber.advance(subscriber.now + 2_000_000_000);
        prop_assert_eq!(subscriber.losses(), (0, 0));
        prop_assert_eq!((subscriber.tally.received, subscriber.tally.recovered), (1500, dropped));
        prop_assert_eq!((subscriber.tally.frames_broken, subscriber.key_frames), (0, 0));
        prop_assert_eq!(subscriber.tally.latency.len(), 1500 - dropped);
    }
}
