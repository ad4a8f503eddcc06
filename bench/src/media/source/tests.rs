use chevet_sfu_core::api::{MediaSettings, Token};
use chevet_sfu_core::wire::codec::{h264, inspect, vp8};
use chevet_sfu_core::wire::rtcp::{self, Rtcp};
use chevet_sfu_core::wire::rtp::RtpHeader;

use super::*;

const START: u64 = 1_764_000_000 * SECOND_NS;

pub fn token(text: &str) -> Token {
    Token::new(text.as_bytes()).unwrap()
}

pub fn ids() -> ExtensionMap {
    ExtensionMap::new(&MediaSettings {
        extensions: Extension::ALL.iter().zip(1..).map(|(&extension, id)| (id, extension)).collect(),
        payloads: Vec::new(),
        mixed_extensions: false,
    })
}

/// One encoding for each rate, as LiveKit's clients name them.
pub fn spec(codec: Codec, rates: &[u32], pacing: Pacing) -> StreamSpec {
    let audio = codec.kind() == MediaKind::Audio;
    let encodings = rates
        .iter()
        .zip(["q", "h", "f"])
        .zip(0..)
        .map(|((&bits_per_second, rid), index)| EncodingSpec {
            rid: (rates.len() > 1).then(|| token(rid)),
            ssrc: 1000 + index,
            rtx_ssrc: (!audio).then_some(2000 + index),
            bits_per_second,
            width: 320 << index,
            height: 180 << index,
        })
        .collect();
    StreamSpec {
        source: 77,
        mid: token("3"),
        codec,
        payload_type: if audio { 111 } else { 96 },
        rtx_payload_type: (!audio).then_some(97),
        encodings,
        pacing,
        frames_per_second: if audio { 50.0 } else { 30.0 },
        speech: 1.0,
    }
}

pub struct Sent {
    pub bytes: Vec<u8>,
    pub header: RtpHeader,
    pub outgoing: Outgoing,
    pub probe: Probe,
}

impl Sent {
    pub fn payload(&self) -> &[u8] {
        &self.bytes[self.header.header_len..]
    }
}

fn read(bytes: &[u8], outgoing: Outgoing) -> Sent {
    let bytes = bytes[..outgoing.len].to_vec();
    let header = RtpHeader::parse(&bytes, &ids()).unwrap();
    assert_eq!((header.header_len, header.ssrc), (outgoing.header_len, outgoing.ssrc));
    assert_eq!(header.sequence_number, outgoing.extended_sequence as u16);
    let probe = probe::read(&bytes).unwrap();
    Sent { bytes, header, outgoing, probe }
}

/// The next packet, written the moment it is due.
pub fn next(source: &mut Source) -> Sent {
    let mut out = [0; 1400];
    let due = source.next_due();
    assert_eq!(source.write(due - 1, None, &ids(), &mut out), None, "too early");
    let outgoing = source.write(due, Some(9), &ids(), &mut out).unwrap();
    let sent = read(&out, outgoing);
    assert_eq!((outgoing.due, sent.probe.due, sent.probe.sent), (due, due, due));
    sent
}

fn until(source: &mut Source, seconds: u64) -> Vec<Sent> {
    let mut sent = Vec::new();
    while source.next_due() < START + seconds * SECOND_NS {
        sent.push(next(source));
    }
    sent
}

#[test]
fn rates_are_kept_within_two_percent_over_a_minute() {
    for codec in [Codec::Vp8, Codec::H264] {
        for pacing in [Pacing::Burst, Pacing::Paced] {
            let rates = [150_000, 500_000, 1_700_000];
            let mut source = Source::new(spec(codec, &rates, pacing), START, 5);
            let mut bits = [0; 3];
            for sent in until(&mut source, 60) {
                bits[usize::from(sent.outgoing.encoding)] += 8 * sent.payload().len();
            }
            for (bits, rate) in bits.into_iter().zip(rates) {
                let share = bits as f64 / 60.0 / f64::from(rate);
                assert!((share - 1.0).abs() < 0.02, "{codec:?} {pacing:?} {rate}: {share}");
            }
        }
    }
    let mut source = Source::new(spec(Codec::Opus, &[32_000], Pacing::Burst), START, 5);
    let sent = until(&mut source, 60);
    let bits: usize = sent.iter().map(|sent| 8 * sent.payload().len()).sum();
    assert_eq!(sent.len(), 3000);
    assert!((bits as f64 / 60.0 / 32_000.0 - 1.0).abs() < 0.02, "{bits}");
}

#[test]
fn simulcast_is_three_numbered_and_named_streams_with_key_frames_that_an_sfu_sees() {
    let mut source = Source::new(spec(Codec::Vp8, &[150_000, 500_000, 1_700_000], Pacing::Burst), START, 1);
    let sent = until(&mut source, 10);
    for encoding in 0..3u8 {
        let own: Vec<&Sent> = sent.iter().filter(|sent| sent.outgoing.encoding == encoding).collect();
        assert_eq!(vp8::key_frame_size(own[0].payload()), Some((320 << encoding, 180 << encoding)));
        let keys = own.iter().filter(|sent| inspect(Codec::Vp8, sent.payload()).key_frame).count();
        assert_eq!(keys, 1);
        let mut numbers = [0; 3];
        let mut at_key = [0; 3];
        let mut layers_by_frame = Vec::new();
        for (index, sent) in own.iter().enumerate() {
            assert_eq!(sent.outgoing.extended_sequence, own[0].outgoing.extended_sequence + index as u64);
            assert_eq!(sent.header.ssrc, 1000 + u32::from(encoding));
            let names = (sent.header.extensions.mid, sent.header.extensions.rid);
            let rid = token(["q", "h", "f"][usize::from(encoding)]);
            assert_eq!(names, if index < 50 { (Some(token("3")), Some(rid)) } else { (None, None) });
            assert_eq!(sent.header.extensions.transport_cc, Some(9));
            assert!(sent.header.extensions.abs_send_time.is_some());

            let descriptor = vp8::Descriptor::parse(sent.payload()).unwrap();
            let layer = usize::from(sent.probe.layer);
            assert_eq!(descriptor.tid, Some(sent.probe.layer));
            assert_eq!(sent.probe.number, numbers[layer]);
            if descriptor.is_key_frame {
                at_key = numbers;
            }
            assert_eq!(u64::from(sent.probe.since_key), numbers[layer] - at_key[layer]);
            numbers[layer] += 1;
            assert_eq!(descriptor.is_frame_start(), sent.probe.index == 0);
            if descriptor.is_frame_start() {
                layers_by_frame.push(layer);
                let before = index.checked_sub(1).map(|index| own[index]);
                if let Some(before) = before {
                    assert!(before.header.marker);
                    let was = vp8::Descriptor::parse(before.payload()).unwrap();
                    assert_eq!(descriptor.picture_id, was.picture_id.map(|id| (id + 1) & 0x7fff));
                    let step = u8::from(layer == 0);
                    assert_eq!(descriptor.tl0_pic_idx, was.tl0_pic_idx.map(|idx| idx.wrapping_add(step)));
                    assert_eq!(sent.header.timestamp.wrapping_sub(before.header.timestamp), 3000);
                }
            }
        }
        assert!((299..=301).contains(&layers_by_frame.len()));
        assert!(layers_by_frame.chunks_exact(4).all(|frames| frames == [0, 2, 1, 2]));
    }
}

#[test]
fn one_encoding_has_no_temporal_layers_and_no_name_of_its_own() {
    let mut source = Source::new(spec(Codec::Vp8, &[900_000], Pacing::Burst), START, 1);
    for sent in until(&mut source, 3) {
        let descriptor = vp8::Descriptor::parse(sent.payload()).unwrap();
        assert_eq!((descriptor.tid, descriptor.tl0_pic_idx, descriptor.picture_id_bits), (None, None, 15));
        assert_eq!(sent.header.extensions.rid, None);
    }
}

#[test]
fn a_key_frame_comes_with_the_next_frame_after_it_was_asked_for_and_is_larger() {
    for codec in [Codec::Vp8, Codec::H264] {
        let mut source = Source::new(spec(codec, &[1_500_000], Pacing::Burst), START, 3);
        until(&mut source, 2);
        let within = next(&mut source);
        assert!(!within.header.marker && within.probe.index == 0);
        assert!(source.request_key_frame(1000) && !source.request_key_frame(2000));
        let mut rest = vec![next(&mut source)];
        while !rest[rest.len() - 1].header.marker {
            rest.push(next(&mut source));
        }
        assert!(
            rest.iter().all(|sent| !inspect(codec, sent.payload()).key_frame && !sent.outgoing.key_frame)
        );
        let mut frame = vec![next(&mut source)];
        assert!(frame[0].outgoing.key_frame && inspect(codec, frame[0].payload()).key_frame);
        while !frame[frame.len() - 1].header.marker {
            frame.push(next(&mut source));
        }
        let bytes: usize = frame.iter().map(|sent| sent.payload().len()).sum();
        assert!((18_000..33_000).contains(&bytes), "{codec:?} {bytes}");
        if codec == Codec::H264 {
            assert!(h264::is_key_frame(frame[0].payload()) && frame[1].payload()[1] == 0x85);
        }
        assert!(!next(&mut source).outgoing.key_frame);
    }
}

#[test]
fn a_burst_is_due_at_once_and_paced_packets_at_two_and_a_half_times_the_rate() {
    let mut source = Source::new(spec(Codec::Vp8, &[3_000_000], Pacing::Burst), START, 3);
    for sent in until(&mut source, 2) {
        let frame = (sent.probe.due - START + 1000) / 33_333_333;
        assert_eq!(sent.probe.due, START + (frame as f64 * 1e9 / 30.0).round() as u64);
    }
    let mut source = Source::new(spec(Codec::Vp8, &[3_000_000], Pacing::Paced), START, 3);
    let mut before: Option<Sent> = None;
    for sent in until(&mut source, 2) {
        if let Some(before) = before.filter(|before| before.header.timestamp == sent.header.timestamp) {
            let rate = 8e9 * before.payload().len() as f64 / (sent.probe.due - before.probe.due) as f64;
            assert!((rate / 7_500_000.0 - 1.0).abs() < 0.001, "{rate}");
        }
        before = Some(sent);
    }
}

#[test]
fn the_past_of_a_stall_is_not_made_up_for_but_counts_as_late() {
    let mut source = Source::new(spec(Codec::Vp8, &[1_500_000], Pacing::Burst), START, 3);
    let before = until(&mut source, 1);
    let due = source.next_due();
    let now = due + 5 * SECOND_NS;
    let mut out = [0; 1400];
    let mut late = 0;
    while source.next_due() <= now - STALL_NS {
        assert_eq!(source.write(now, None, &ids(), &mut out).unwrap().due, due);
        late += 1;
    }
    assert!((1..20).contains(&late), "one frame, not 150: {late}");
    let after = next(&mut source);
    assert!(after.probe.due.abs_diff(now) < 40_000_000);
    let seconds = after.header.timestamp.wrapping_sub(before[0].header.timestamp) / 90_000;
    assert_eq!(seconds, 6, "the clock of the stream goes on");
}

#[test]
fn a_repeated_packet_is_the_same_in_rtx_and_says_that_it_is_one() {
    let mut source = Source::new(spec(Codec::Vp8, &[150_000, 500_000], Pacing::Burst), START, 3);
    let sent = until(&mut source, 20);
    let mut out = [0; 1400];
    let mut before = None;
    for original in sent.iter().rev().filter(|sent| sent.header.ssrc == 1001).take(500).step_by(7) {
        let sequence = original.header.sequence_number;
        let outgoing = source.repeat(START, 1001, sequence, Some(4), &ids(), &mut out).unwrap();
        let rtx = read(&out, outgoing);
        assert_eq!(
            (rtx.header.ssrc, rtx.header.payload_type, rtx.header.timestamp),
            (2001, 97, original.header.timestamp)
        );
        assert_eq!(rtx.header.marker, original.header.marker);
        let repaired = rtx.header.extensions.repaired_rid;
        assert!(repaired == Some(token("h")) && rtx.header.extensions.rid.is_none() || before > Some(50));
        assert_eq!(rtx.payload()[..2], sequence.to_be_bytes());
        assert_eq!(rtx.probe, Probe { repeated: true, ..original.probe });
        let body = rtx.payload().len() - probe::LEN;
        assert_eq!(rtx.payload()[2..body], original.payload()[..body - 2]);
        if let Some(before) = before.replace(rtx.outgoing.extended_sequence) {
            assert_eq!(rtx.outgoing.extended_sequence, before + 1);
        }
    }
    let old = sent.iter().find(|sent| sent.header.ssrc == 1001).unwrap();
    assert_eq!(source.repeat(START, 1001, old.header.sequence_number, None, &ids(), &mut out), None);
    assert_eq!(source.repeat(START, 5, old.header.sequence_number, None, &ids(), &mut out), None);
}

#[test]
fn without_rtx_a_packet_is_repeated_under_its_own_number() {
    let mut spec = spec(Codec::H264, &[900_000], Pacing::Burst);
    spec.rtx_payload_type = None;
    let mut source = Source::new(spec, START, 3);
    let sent = until(&mut source, 1);
    let mut out = [0; 1400];
    let original = &sent[10];
    let sequence = original.header.sequence_number;
    let outgoing = source.repeat(START, 1000, sequence, Some(9), &ids(), &mut out).unwrap();
    let again = read(&out, outgoing);
    assert_eq!(again.outgoing.extended_sequence, original.outgoing.extended_sequence);
    assert_eq!(again.payload().len(), original.payload().len());
}

#[test]
fn sound_carries_its_level_and_a_marker_where_somebody_begins_to_talk() {
    let mut spec = spec(Codec::Opus, &[24_000], Pacing::Burst);
    spec.speech = 0.4;
    let mut source = Source::new(spec, START, 3);
    let sent = until(&mut source, 60);
    assert!(sent.iter().filter(|sent| sent.header.marker).count() > 5);
    for pair in sent.windows(2) {
        let level = pair[1].header.extensions.audio_level.unwrap();
        let gap = pair[1].probe.due - pair[0].probe.due;
        let ticks = pair[1].header.timestamp.wrapping_sub(pair[0].header.timestamp);
        assert_eq!((gap % 20_000_000, u64::from(ticks)), (0, gap / 20_000_000 * 960));
        assert!(gap <= 400_000_000);
        assert!(level.voice || gap == 400_000_000);
        assert_eq!(pair[1].probe.number, pair[0].probe.number + 1);
    }
}

#[test]
fn a_sender_report_tells_the_streams_clock_and_what_was_sent() {
    let mut source = Source::new(spec(Codec::Vp8, &[500_000], Pacing::Burst), START, 3);
    let mut out = Vec::new();
    source.sender_report(START, 0, &mut out);
    assert!(out.is_empty(), "nothing was sent");
    let sent = until(&mut source, 2);
    source.sender_report(START + 2 * SECOND_NS + SECOND_NS / 2, 0, &mut out);
    let Some(Rtcp::SenderReport { ssrc, ntp, rtp, packets, octets, .. }) = rtcp::packets(&out).next() else {
        panic!("no report");
    };
    assert_eq!((ssrc, packets as usize), (1000, sent.len()));
    assert_eq!(octets as usize, sent.iter().map(|sent| sent.payload().len()).sum::<usize>());
    assert_eq!(ntp, (1_764_000_002 + NTP_EPOCH) << 32 | 1 << 31);
    assert_eq!(rtp.wrapping_sub(sent[0].header.timestamp), 225_000);
}
