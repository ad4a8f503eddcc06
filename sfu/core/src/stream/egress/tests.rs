use super::*;
use crate::api::{Extension, MediaSettings, TrackId, TransportId};
use crate::stream::clock::SenderClock;
use crate::stream::ring::PacketMeta;
use crate::wire::codec::{self, Inspection};
use crate::wire::rtcp::ReportBlock;
use crate::wire::rtp::{AudioLevel, ExtensionMap, RtpHeader};
use std::time::Duration;

mod continuity;

const SSRC: u32 = 0xaaaa_0001;
const RTX_SSRC: u32 = 0xaaaa_0002;

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn media_settings() -> MediaSettings {
    MediaSettings {
        extensions: Extension::ALL.iter().zip(3..).map(|(&extension, id)| (id, extension)).collect(),
        payloads: vec![
            PayloadType { pt: 96, codec: Codec::Vp8, rtx: Some(97) },
            PayloadType { pt: 111, codec: Codec::Opus, rtx: None },
            PayloadType { pt: 63, codec: Codec::Red, rtx: None },
            PayloadType { pt: 35, codec: Codec::Av1, rtx: Some(36) },
        ],
        mixed_extensions: true,
    }
}

fn extension_map() -> ExtensionMap {
    ExtensionMap::new(&media_settings())
}

fn config() -> SubscriptionConfig {
    SubscriptionConfig {
        transport: TransportId(1),
        track: TrackId(1),
        mid: Token::new(b"7").unwrap(),
        ssrc: SSRC,
        rtx_ssrc: Some(RTX_SSRC),
        payloads: media_settings().payloads,
    }
}

fn egress(now: Instant, codec: Codec, seed: u64) -> Egress {
    Egress::new(now, codec, false, &config(), ExtensionIds::new(&extension_map()), seed)
}

fn meta(now: Instant, codec: Codec, sequence: u64, timestamp: u32, payload: &[u8]) -> PacketMeta {
    PacketMeta {
        sequence,
        timestamp,
        arrival: now,
        codec,
        marker: true,
        padding_only: payload.is_empty(),
        audio_level: None,
        playout_delay: None,
        abs_capture_time: None,
        inspection: codec::inspect(codec, payload),
    }
}

fn stored<'a>(meta: &'a PacketMeta, payload: &'a [u8]) -> StoredPacket<'a> {
    StoredPacket { meta, payload, dependency_descriptor: &[] }
}

/// VP8 with a 15-bit picture id, temporal layer 0.
fn vp8(picture_id: u16, tl0: u8, key: bool) -> Vec<u8> {
    let [high, low] = (picture_id | 0x8000).to_be_bytes();
    vec![0x90, 0xe0, high, low, tl0, 0x00, u8::from(!key), 1, 2, 3]
}

struct Out {
    header: RtpHeader,
    payload: Vec<u8>,
    sequence: u64,
}

fn write(egress: &mut Egress, packet: &StoredPacket<'_>, forward: &Forward) -> Out {
    let mut bytes = [0; 1500];
    let written = egress.write(packet, forward, 77, 0x12_3456, &mut bytes).unwrap();
    assert_eq!(written.ssrc, SSRC);
    let header = RtpHeader::parse(&bytes[..written.len], &extension_map()).unwrap();
    assert_eq!(header.header_len, written.header_len);
    assert_eq!(header.sequence_number, written.sequence as u16);
    Out { header, payload: bytes[written.header_len..written.len].to_vec(), sequence: written.sequence }
}

fn send(egress: &mut Egress, meta: &PacketMeta, payload: &[u8], clocks: &Clocks) -> Option<Out> {
    let packet = stored(meta, payload);
    let forward = egress.offer(0, &packet, clocks)?;
    Some(write(egress, &packet, &forward))
}

#[test]
fn video_waits_for_a_key_frame_and_audio_does_not() {
    let now = Instant::now();
    let clocks = Clocks::new(90_000);
    let mut video = egress(now, Codec::Vp8, 1);
    video.set_target(Some(0));
    assert_eq!(video.needs_key_frame(), Some(0));
    let delta = vp8(5, 5, false);
    assert!(send(&mut video, &meta(now, Codec::Vp8, 10, 1, &delta), &delta, &clocks).is_none());
    let key = vp8(6, 6, true);
    assert!(send(&mut video, &meta(now, Codec::Vp8, 11, 2, &key), &key, &clocks).is_some());
    assert_eq!((video.needs_key_frame(), video.current()), (None, Some(0)));

    let clocks = Clocks::new(48_000);
    let mut audio = egress(now, Codec::Opus, 1);
    assert!(send(&mut audio, &meta(now, Codec::Opus, 10, 1, &[9]), &[9], &clocks).is_none());
    audio.set_target(Some(0));
    assert!(send(&mut audio, &meta(now, Codec::Opus, 11, 1, &[9]), &[9], &clocks).is_some());
}

#[test]
fn the_header_carries_the_subscribers_ids_and_numbers() {
    let now = Instant::now();
    let clocks = Clocks::new(48_000);
    let mut audio = egress(now, Codec::Opus, 1);
    audio.set_target(Some(0));
    let level = AudioLevel { voice: true, level_dbov: 30 };
    let meta = PacketMeta { audio_level: Some(level), ..meta(now, Codec::Opus, 11, 1, &[9]) };
    let out = send(&mut audio, &meta, &[9], &clocks).unwrap();
    assert_eq!((out.header.payload_type, out.header.ssrc), (111, SSRC));
    let extensions = out.header.extensions;
    assert_eq!(extensions.mid.unwrap().as_str(), "7");
    assert_eq!(extensions.audio_level, Some(level));
    assert_eq!((extensions.transport_cc, extensions.abs_send_time), (Some(77), Some(0x12_3456)));
    // The subscriber reports on our SSRC, so it knows it.
    audio.on_report_block(now, &ReportBlock { ssrc: SSRC, ..ReportBlock::default() });
    let next = PacketMeta { sequence: 12, ..meta };
    let out = send(&mut audio, &next, &[9], &clocks).unwrap();
    assert_eq!(out.header.extensions.mid, None);
}

/// A delay that was not agreed is not written, and yet such a packet takes the general way.
#[test]
fn a_usual_header_says_the_same_as_one_put_together_whatever_was_agreed() {
    let now = Instant::now();
    let clocks = Clocks::new(48_000);
    let all = [Extension::Mid, Extension::AudioLevel, Extension::TransportCc, Extension::AbsSendTime];
    for (agreed, first, known) in (0..16).flat_map(|set| [(set, 1, false), (set, 1, true), (set, 20, false)])
    {
        let chosen = (0..).zip(all).filter(|(bit, _)| agreed >> bit & 1 == 1).map(|(_, extension)| extension);
        let extensions = (first..).zip(chosen).collect();
        let map = ExtensionMap::new(&MediaSettings { extensions, ..media_settings() });
        let mut audio = Egress::new(now, Codec::Opus, false, &config(), ExtensionIds::new(&map), 1);
        audio.set_target(Some(0));
        if known {
            audio.on_report_block(now, &ReportBlock { ssrc: SSRC, ..ReportBlock::default() });
        }
        let level = AudioLevel { voice: true, level_dbov: 30 };
        let usual = PacketMeta { audio_level: Some(level), ..meta(now, Codec::Opus, 11, 1, &[9]) };
        let general = PacketMeta { sequence: 12, playout_delay: Some([0; 3]), ..usual };
        let [usual, general] = [usual, general].map(|meta| {
            let packet = stored(&meta, &[9]);
            let forward = audio.offer(0, &packet, &clocks).unwrap();
            let mut bytes = [0xff; 1500];
            let written = audio.write(&packet, &forward, 77, 0x12_3456, &mut bytes).unwrap();
            RtpHeader::parse(&bytes[..written.len], &map).unwrap()
        });
        assert_eq!(usual.extensions.mid.is_some(), agreed & 1 == 1 && !known);
        assert_eq!(usual.extensions.audio_level.is_some(), agreed & 2 == 2);
        let sequence_number = usual.sequence_number + 1;
        assert_eq!(RtpHeader { sequence_number, ..usual }, general, "{agreed:b} from {first}");
    }
}

#[test]
fn red_is_unwrapped_for_a_subscriber_without_it_and_passed_to_one_with_it() {
    let now = Instant::now();
    let clocks = Clocks::new(48_000);
    let payload = [0x80 | 111, 0x0f, 0x00, 0x03, 111, 1, 2, 3, 8, 9];
    let meta = meta(now, Codec::Red, 11, 1, &payload);
    let mut with = egress(now, Codec::Opus, 1);
    with.set_target(Some(0));
    let out = send(&mut with, &meta, &payload, &clocks).unwrap();
    assert_eq!((out.header.payload_type, &out.payload[..]), (63, &payload[..]));

    let plain = SubscriptionConfig {
        payloads: config().payloads.into_iter().filter(|payload| payload.codec != Codec::Red).collect(),
        ..config()
    };
    let ids = ExtensionIds::new(&extension_map());
    let mut without = Egress::new(now, Codec::Opus, false, &plain, ids, 1);
    without.set_target(Some(0));
    let out = send(&mut without, &meta, &payload, &clocks).unwrap();
    assert_eq!((out.header.payload_type, &out.payload[..]), (111, &[8, 9][..]));

    // A poor line does without the earlier frames, on the same stream, and gets them back.
    for (sequence, redundant, expected) in [(12, false, (111, &[8, 9][..])), (13, true, (63, &payload[..]))] {
        with.set_redundancy(redundant);
        let out =
            send(&mut with, &self::meta(now, Codec::Red, sequence, 1, &payload), &payload, &clocks).unwrap();
        assert_eq!((out.header.payload_type, &out.payload[..]), expected);
    }
    with.set_redundancy(false);
    with.set_media(Codec::Opus, &config().payloads, None, ids);
    let out = send(&mut with, &self::meta(now, Codec::Red, 14, 1, &payload), &payload, &clocks).unwrap();
    assert_eq!(out.header.payload_type, 111, "a renegotiation does not forget it");

    // What is encrypted end to end is passed on as it is, or not at all.
    let mut encrypted = Egress::new(now, Codec::Opus, true, &config(), ids, 1);
    encrypted.set_target(Some(0));
    encrypted.set_redundancy(false);
    let out = send(&mut encrypted, &meta, &payload, &clocks).unwrap();
    assert_eq!((out.header.payload_type, &out.payload[..]), (63, &payload[..]));
    let mut encrypted = Egress::new(now, Codec::Opus, true, &plain, ids, 1);
    encrypted.set_target(Some(0));
    assert!(send(&mut encrypted, &meta, &payload, &clocks).is_none());
}

#[test]
fn padding_packets_are_left_out_without_a_gap() {
    let now = Instant::now();
    let clocks = Clocks::new(48_000);
    let mut audio = egress(now, Codec::Opus, 1);
    audio.set_target(Some(0));
    let mut sequences = Vec::new();
    for sequence in 65_530..65_545u64 {
        let payload: &[u8] = if sequence % 3 == 0 { &[] } else { &[1] };
        if let Some(out) = send(&mut audio, &meta(now, Codec::Opus, sequence, 0, payload), payload, &clocks) {
            sequences.push(out.sequence);
        }
    }
    assert_eq!(sequences.len(), 10);
    assert!(sequences.windows(2).all(|pair| pair[1] == pair[0] + 1), "{sequences:?}");
}

#[test]
fn a_late_padding_packet_fills_its_number_with_an_empty_packet() {
    let now = Instant::now();
    let clocks = Clocks::new(48_000);
    let mut audio = egress(now, Codec::Opus, 1);
    audio.set_target(Some(0));
    let first = send(&mut audio, &meta(now, Codec::Opus, 10, 0, &[1]), &[1], &clocks).unwrap();
    let third = send(&mut audio, &meta(now, Codec::Opus, 12, 0, &[1]), &[1], &clocks).unwrap();
    let second = send(&mut audio, &meta(now, Codec::Opus, 11, 0, &[]), &[], &clocks).unwrap();
    assert_eq!((second.sequence, third.sequence), (first.sequence + 1, first.sequence + 2));
    assert!(second.payload.is_empty() && !second.header.marker);
}

#[test]
fn a_number_is_never_written_twice() {
    let now = Instant::now();
    let clocks = Clocks::new(48_000);
    let mut audio = egress(now, Codec::Opus, 1);
    audio.set_target(Some(0));
    for sequence in [10, 13, 12] {
        assert!(send(&mut audio, &meta(now, Codec::Opus, sequence, 0, &[1]), &[1], &clocks).is_some());
    }
    for sequence in [10, 12, 13] {
        assert!(send(&mut audio, &meta(now, Codec::Opus, sequence, 0, &[1]), &[1], &clocks).is_none());
    }
}

#[test]
fn a_pause_leaves_no_gap_in_the_numbers_and_the_right_one_in_the_time() {
    let now = Instant::now();
    let clocks = Clocks::new(48_000);
    let mut audio = egress(now, Codec::Opus, 1);
    audio.set_target(Some(0));
    let before = send(&mut audio, &meta(now, Codec::Opus, 10, 960, &[1]), &[1], &clocks).unwrap();
    audio.set_target(None);
    assert!(send(&mut audio, &meta(now + ms(20), Codec::Opus, 11, 1920, &[1]), &[1], &clocks).is_none());
    audio.set_target(Some(0));
    let resumed = meta(now + ms(10_000), Codec::Opus, 510, 960 + 480_000, &[1]);
    let after = send(&mut audio, &resumed, &[1], &clocks).unwrap();
    assert_eq!(after.sequence, before.sequence + 1);
    assert_eq!(after.header.timestamp.wrapping_sub(before.header.timestamp), 480_000);
}

#[test]
fn a_switch_maps_the_time_by_the_sender_reports() {
    let now = Instant::now();
    let mut clocks = Clocks::new(90_000);
    clocks.set(0, Some(SenderClock { ntp: 100 << 32, rtp: 1000, arrival: now }));
    clocks.set(1, Some(SenderClock { ntp: 101 << 32, rtp: 5_000_000, arrival: now }));
    let mut video = egress(now, Codec::Vp8, 1);
    video.set_target(Some(0));
    let key = vp8(6, 6, true);
    let first = send(&mut video, &meta(now, Codec::Vp8, 11, 1000, &key), &key, &clocks).unwrap();
    video.set_target(Some(1));
    // Two seconds later by the publisher's clock, though it arrives 100 ms late.
    let switched = meta(now + ms(2100), Codec::Vp8, 5, 5_090_000, &key);
    let packet = stored(&switched, &key);
    let forward = video.offer(1, &packet, &clocks).unwrap();
    let second = write(&mut video, &packet, &forward);
    assert_eq!(second.header.timestamp.wrapping_sub(first.header.timestamp), 180_000);
    assert_eq!(second.sequence, first.sequence + 1);
}

#[test]
fn a_switch_without_sender_reports_maps_the_time_by_arrival_and_never_backwards() {
    let now = Instant::now();
    let clocks = Clocks::new(90_000);
    let mut video = egress(now, Codec::Vp8, 1);
    let key = vp8(6, 6, true);
    let mut last: Option<u32> = None;
    for (layer, at, expected) in [(0, 0, 0), (1, 500, 45_000), (0, 500, 1), (1, 400, 1)] {
        video.set_target(Some(layer));
        let meta = meta(now + ms(at), Codec::Vp8, 11, 12_345 * layer as u32, &key);
        let packet = stored(&meta, &key);
        let forward = video.offer(layer, &packet, &clocks).unwrap();
        let out = write(&mut video, &packet, &forward);
        if let Some(last) = last {
            assert_eq!(out.header.timestamp.wrapping_sub(last), expected);
        }
        last = Some(out.header.timestamp);
    }
}

#[test]
fn the_sender_report_puts_the_publishers_time_on_the_subscribers_timestamps() {
    let now = Instant::now();
    let mut clocks = Clocks::new(90_000);
    let mut video = egress(now, Codec::Vp8, 1);
    video.set_target(Some(0));
    let key = vp8(6, 6, true);
    let out = send(&mut video, &meta(now, Codec::Vp8, 11, 1000, &key), &key, &clocks).unwrap();
    assert_eq!(video.sender_report(now, &clocks), None, "the publisher has not told its clock");
    clocks.set(0, Some(SenderClock { ntp: 100 << 32, rtp: 10_000, arrival: now + ms(100) }));
    let report = video.sender_report(now + ms(600), &clocks).unwrap();
    assert_eq!(report.ntp, (100 << 32) + (1 << 31));
    assert_eq!(report.rtp, out.header.timestamp.wrapping_add(9000 + 45_000));
    assert_eq!((report.packets, report.octets), (1, 10));

    let block = ReportBlock {
        ssrc: SSRC,
        fraction_lost: 12,
        last_sr: ntp_middle_of(report.ntp),
        delay_since_sr: 65_536,
        ..ReportBlock::default()
    };
    video.on_report_block(now + ms(1640), &block);
    assert_eq!(video.receiver_view().rtt, Some(ms(40)));
    assert_eq!(video.receiver_view().fraction_lost, 12);
}

fn ntp_middle_of(ntp: u64) -> u32 {
    (ntp >> 16) as u32
}

#[test]
fn a_dependency_descriptor_keeps_all_but_its_frame_number() {
    let now = Instant::now();
    let clocks = Clocks::new(90_000);
    let mut video = egress(now, Codec::Av1, 1);
    let payload = [0x28, 0x02, 0x08, 0x00];
    let mut numbers = Vec::new();
    for (layer, number) in [(0, 900u16), (1, 65_535)] {
        video.set_target(Some(layer));
        for step in 0..3u16 {
            let [high, low] = number.wrapping_add(step).to_be_bytes();
            let descriptor = [0xc5, high, low, 0x80, 0x01, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
            let sequence = 10 + u64::from(step);
            let meta = PacketMeta {
                inspection: Inspection { key_frame: step == 0, frame_start: true, ..Inspection::default() },
                ..meta(now, Codec::Av1, sequence, u32::from(step), &payload)
            };
            let packet = StoredPacket { meta: &meta, payload: &payload, dependency_descriptor: &descriptor };
            let forward = video.offer(layer, &packet, &clocks).unwrap();
            let mut bytes = [0; 200];
            let written = video.write(&packet, &forward, 0, 0, &mut bytes).unwrap();
            let header = RtpHeader::parse(&bytes[..written.len], &extension_map()).unwrap();
            let out = header.extensions.dependency_descriptor_in(&bytes).unwrap();
            assert_eq!((out[0], &out[3..]), (0xc5, &descriptor[3..]));
            numbers.push(u16::from_be_bytes([out[1], out[2]]));
        }
    }
    assert!(numbers.windows(2).all(|pair| pair[1] == pair[0].wrapping_add(1)), "{numbers:?}");
}

#[test]
fn a_nack_is_answered_once_per_half_round_trip_and_within_the_rate() {
    let now = Instant::now();
    let clocks = Clocks::new(90_000);
    let mut video = egress(now, Codec::Vp8, 1);
    video.set_target(Some(0));
    let mut payload = vp8(6, 6, true);
    payload.resize(1000, 3);
    let meta = meta(now, Codec::Vp8, 11, 1000, &payload);
    let packet = stored(&meta, &payload);
    let out = send(&mut video, &meta, &payload, &clocks).unwrap();
    let number = out.header.sequence_number;
    assert!(video.on_nack(now, number.wrapping_add(1)).is_none(), "not sent yet");
    let resend = video.on_nack(now, number).unwrap();
    assert_eq!((resend.layer(), resend.source()), (0, 11));
    assert!(video.on_nack(now + ms(10), number).is_none());
    let mut bytes = [0; 1500];
    let mut answered = 0;
    for step in 1..200u64 {
        let resend = video.on_nack(now + ms(step * 300), number).unwrap();
        answered += u32::from(video.write_rtx(&packet, &resend, 78, 5, &mut bytes).is_some());
    }
    assert!((60..70).contains(&answered), "{answered}");
    assert_eq!(video.retransmitted() + video.retransmissions_refused(), 199);
}

#[test]
fn what_was_sent_before_its_source_was_replaced_cannot_be_asked_for() {
    let now = Instant::now();
    let clocks = Clocks::new(90_000);
    let mut video = egress(now, Codec::Vp8, 1);
    video.set_target(Some(0));
    let key = vp8(6, 6, true);
    let out = send(&mut video, &meta(now, Codec::Vp8, 11, 1000, &key), &key, &clocks).unwrap();
    video.on_source_replaced(0);
    assert_eq!(video.needs_key_frame(), Some(0));
    assert!(video.on_nack(now, out.header.sequence_number).is_none());
    let anew = send(&mut video, &meta(now + ms(100), Codec::Vp8, 900_000, 77, &key), &key, &clocks).unwrap();
    assert_eq!(anew.sequence, out.sequence + 1);
    assert_eq!(anew.header.timestamp.wrapping_sub(out.header.timestamp), 9000);
}

#[test]
fn a_source_that_counts_anew_goes_on_without_a_gap() {
    let now = Instant::now();
    let clocks = Clocks::new(48_000);
    let mut audio = egress(now, Codec::Opus, 1);
    audio.set_target(Some(0));
    let mut last = None;
    for sequence in [70_000, 90_000, 65_600] {
        let out = send(&mut audio, &meta(now, Codec::Opus, sequence, 0, &[1]), &[1], &clocks).unwrap();
        assert!(last.is_none_or(|last| out.sequence == last + 1));
        last = Some(out.sequence);
    }
}

#[test]
fn padding_makes_a_packet_longer_once() {
    let mut packet = [0x80, 1, 2, 3, 0xff, 0xff, 0xff, 0xff];
    assert_eq!(pad(&mut packet, 4, 0), None);
    assert_eq!(pad(&mut packet, 4, 5), None);
    assert_eq!(pad(&mut packet, 4, 3), Some(7));
    assert_eq!(packet, [0xa0, 1, 2, 3, 0, 0, 3, 0xff]);
    assert_eq!(pad(&mut packet, 7, 1), None);
}

#[test]
fn a_subscription_is_small() {
    println!(
        "egress {} (+{}), ingress {}, forward {}, packet meta {}, recorder {}",
        size_of::<Egress>(),
        egress(Instant::now(), Codec::Vp8, 1).memory(),
        size_of::<crate::stream::Ingress>(),
        size_of::<Forward>(),
        size_of::<PacketMeta>(),
        size_of::<crate::stream::ArrivalRecorder>()
    );
    assert!(size_of::<Egress>() <= 1024, "{}", size_of::<Egress>());
    let video = egress(Instant::now(), Codec::Vp8, 1);
    assert!(size_of::<Egress>() + video.memory() <= 2560, "{}", size_of::<Egress>() + video.memory());
    assert!(size_of::<Forward>() <= 24);
}
