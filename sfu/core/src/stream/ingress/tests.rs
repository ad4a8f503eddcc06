use super::*;
use crate::wire::rtp::Extensions;

const MEDIA: u32 = 0x1111;
const RTX: u32 = 0x2222;

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A plaintext packet with its parsed header. VP8 without picture id; a key frame every 1,000 packets.
fn packet(sequence: u64, padding: u8) -> (RtpHeader, Vec<u8>) {
    let mut bytes = vec![0; 12];
    let first = if sequence.is_multiple_of(1000) { 0 } else { 1 };
    if padding == 0 {
        bytes.extend([0x10, first, sequence as u8]);
    } else {
        bytes.extend(vec![0; usize::from(padding) - 1]);
        bytes.push(padding);
    }
    let header = RtpHeader {
        marker: true,
        payload_type: 96,
        sequence_number: sequence as u16,
        timestamp: (sequence as u32).wrapping_mul(3000),
        ssrc: MEDIA,
        header_len: 12,
        has_padding: padding > 0,
        extensions: Extensions::default(),
    };
    (header, bytes)
}

fn rtx(sequence: u64) -> (RtpHeader, Vec<u8>) {
    let (header, mut bytes) = packet(sequence, 0);
    let original = (sequence as u16).to_be_bytes();
    bytes.splice(12..12, original);
    (RtpHeader { ssrc: RTX, payload_type: 97, sequence_number: 9, ..header }, bytes)
}

fn receive(ingress: &mut Ingress, now: Instant, sequence: u64) -> Accepted {
    let (header, bytes) = packet(sequence, 0);
    ingress.on_packet(now, Codec::Vp8, &header, sequence, &bytes)
}

#[test]
fn a_packet_is_stored_without_header_and_padding() {
    let now = Instant::now();
    let mut ingress = Ingress::new(now, Codec::Vp8, MEDIA);
    let (header, mut bytes) = packet(1000, 0);
    bytes.extend([0, 0, 3]);
    let header = RtpHeader { has_padding: true, ..header };
    let accepted = ingress.on_packet(now, Codec::Vp8, &header, 1000, &bytes);
    assert_eq!(accepted, Accepted::Stored(Stored { sequence: 1000, recovered: false, key_frame: true }));
    let stored = ingress.packet(1000).unwrap();
    assert_eq!(stored.payload, [0x10, 0, 0xe8]);
    assert!(!stored.padding_only && stored.inspection.key_frame);
    assert_eq!(ingress.last_key_frame(), Some(now));
}

#[test]
fn a_packet_of_padding_only_is_stored_as_such() {
    let now = Instant::now();
    let mut ingress = Ingress::new(now, Codec::Vp8, MEDIA);
    let (header, bytes) = packet(7, 200);
    assert!(matches!(ingress.on_packet(now, Codec::Vp8, &header, 7, &bytes), Accepted::Stored(_)));
    assert!(ingress.packet(7).unwrap().padding_only);
}

#[test]
fn padding_longer_than_the_packet_is_malformed() {
    let now = Instant::now();
    let mut ingress = Ingress::new(now, Codec::Vp8, MEDIA);
    let (header, mut bytes) = packet(7, 20);
    *bytes.last_mut().unwrap() = 21;
    assert_eq!(ingress.on_packet(now, Codec::Vp8, &header, 7, &bytes), Accepted::Malformed);
}

#[test]
fn a_retransmission_fills_the_gap_once() {
    let now = Instant::now();
    let mut ingress = Ingress::new(now, Codec::Vp8, MEDIA);
    receive(&mut ingress, now, 65_535);
    receive(&mut ingress, now, 65_537);
    let mut nacks = Vec::new();
    ingress.nacks_due(now + ms(10), &mut nacks);
    assert_eq!(nacks, [0]);
    let (header, bytes) = rtx(65_536);
    let expected = Accepted::Stored(Stored { sequence: 65_536, recovered: true, key_frame: false });
    assert_eq!(ingress.on_rtx(now + ms(40), Codec::Vp8, &header, &bytes), expected);
    assert_eq!(ingress.packet(65_536).unwrap().payload, [0x10, 1, 0]);
    assert_eq!(ingress.on_rtx(now + ms(41), Codec::Vp8, &header, &bytes), Accepted::Duplicate);
    assert_eq!(receive(&mut ingress, now + ms(42), 65_536), Accepted::Duplicate);
    // The network's loss stays reported.
    assert_eq!(ingress.report_block(now).unwrap().cumulative_lost, 1);
    assert_eq!(ingress.statistics().recovered, 1);
}

#[test]
fn an_empty_retransmission_is_a_probe_and_a_short_one_malformed() {
    let now = Instant::now();
    let mut ingress = Ingress::new(now, Codec::Vp8, MEDIA);
    receive(&mut ingress, now, 1);
    let (header, bytes) = packet(1, 0);
    assert_eq!(ingress.on_rtx(now, Codec::Vp8, &header, &bytes[..12]), Accepted::Probe);
    assert_eq!(ingress.on_rtx(now, Codec::Vp8, &header, &bytes[..13]), Accepted::Malformed);
}

#[test]
fn a_packet_far_behind_is_too_old_and_a_far_jump_a_new_start() {
    let now = Instant::now();
    let mut ingress = Ingress::new(now, Codec::Vp8, MEDIA);
    receive(&mut ingress, now, 10_000);
    assert_eq!(receive(&mut ingress, now, 10_000 - 1024), Accepted::TooOld);
    assert!(matches!(receive(&mut ingress, now, 10_000 - 1023), Accepted::Stored(_)));
    assert!(matches!(receive(&mut ingress, now, 80_001), Accepted::Stored(_)));
    assert_eq!(ingress.statistics().lost, 1022);
    let mut nacks = Vec::new();
    ingress.nacks_due(now + ms(10), &mut nacks);
    assert!(nacks.is_empty());
}

#[test]
fn ten_per_cent_loss_is_repaired_by_asking_and_the_asking_stops() {
    let start = Instant::now();
    let mut ingress = Ingress::new(start, Codec::Vp8, MEDIA);
    let mut random = 12345u32;
    let mut lost = || {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        random >> 16 < 6554
    };
    // Requests reach the publisher after 20 ms, answers us after 20 ms more; both may be lost.
    let mut answers: Vec<(Instant, u64)> = Vec::new();
    let mut nacks = Vec::new();
    for millis in 0..12_000u64 {
        let now = start + ms(millis);
        let sequence = 65_000 + millis / 4;
        let sending = millis.is_multiple_of(4) && millis < 8000;
        // The ends are not lost: nothing would show it.
        if sending && (!lost() || !(8..=7900).contains(&millis)) {
            receive(&mut ingress, now, sequence);
        }
        for (_, sequence) in answers.extract_if(.., |(at, _)| *at <= now) {
            let (header, bytes) = rtx(sequence);
            ingress.on_rtx(now, Codec::Vp8, &header, &bytes);
        }
        nacks.clear();
        ingress.nacks_due(now, &mut nacks);
        for &number in &nacks {
            if !lost() && !lost() {
                answers.push((now + ms(40), nearest(65_000 + millis / 4, number)));
            }
        }
    }
    let statistics = ingress.statistics();
    assert!(statistics.lost > 150, "{statistics:?}");
    // A lost packet before a key frame is let go.
    assert!(statistics.lost - statistics.recovered <= 3, "{statistics:?}");
    assert!(statistics.nacks < statistics.lost * 3 / 2, "{statistics:?}");
    assert!(!ingress.needs_key_frame());
    assert_eq!(ingress.next_deadline(), None);
    let rtt = ingress.rtt().unwrap();
    assert!((ms(35)..ms(60)).contains(&rtt), "{rtt:?}");
}

#[test]
fn what_cannot_be_repaired_calls_for_a_key_frame_until_one_comes() {
    let start = Instant::now();
    let mut ingress = Ingress::new(start, Codec::Vp8, MEDIA);
    receive(&mut ingress, start, 1001);
    receive(&mut ingress, start, 1003);
    let mut nacks = Vec::new();
    for step in 0..300 {
        ingress.nacks_due(start + ms(step * 10), &mut nacks);
    }
    assert!(ingress.needs_key_frame());
    receive(&mut ingress, start + ms(3000), 1999);
    assert!(ingress.needs_key_frame());
    receive(&mut ingress, start + ms(3000), 2000);
    assert!(!ingress.needs_key_frame());
}

#[test]
fn the_report_block_answers_the_sender_report() {
    let start = Instant::now();
    let mut ingress = Ingress::new(start, Codec::Vp8, MEDIA);
    assert_eq!(ingress.report_block(start), None);
    receive(&mut ingress, start, 70_000);
    ingress.on_sender_report(start, 0x0123_4567_89ab_cdef, 5);
    let block = ingress.report_block(start + ms(500)).unwrap();
    assert_eq!(block.last_sr, 0x4567_89ab);
    assert_eq!(block.delay_since_sr, 32_768);
    assert_eq!((block.highest_sequence, block.ssrc), (70_000, MEDIA));
}

#[test]
fn a_stream_that_falls_silent_is_not_live() {
    let start = Instant::now();
    let mut ingress = Ingress::new(start, Codec::Vp8, MEDIA);
    assert!(!ingress.live(start));
    receive(&mut ingress, start, 1);
    assert!(ingress.live(start + ms(2000)));
    assert!(!ingress.live(start + ms(3000)));
}

#[test]
fn frame_rates_add_up_over_the_temporal_layers() {
    let start = Instant::now();
    let mut ingress = Ingress::new(start, Codec::Vp8, MEDIA);
    for n in 0..90u64 {
        let (header, mut bytes) = packet(n + 1, 0);
        let tid = if n % 2 == 0 { 0 } else { 0x40 };
        bytes.splice(12..13, [0x90, 0x20, tid]);
        ingress.on_packet(start + ms(n * 33), Codec::Vp8, &header, n + 1, &bytes);
    }
    let rates = ingress.frame_rates(start + ms(2995));
    let [base, all] = rates.as_slice() else { panic!("{rates:?}") };
    assert!((14.0..=17.0).contains(base) && (28.0..=33.0).contains(all), "{rates:?}");
}
