use super::*;
use proptest::collection::vec;
use proptest::prelude::*;

fn only(bytes: &[u8]) -> Rtcp<'_> {
    let mut packets = packets(bytes);
    let packet = packets.next().expect("a packet");
    assert!(packets.next().is_none(), "only one");
    assert_eq!(bytes.len() % 4, 0);
    packet
}

#[test]
fn a_compound_is_read_packet_by_packet() {
    let mut out = Vec::new();
    let info = SenderInfo { ntp: 0x0102_0304_0506_0708, rtp: 9, packets: 10, octets: 11 };
    write_sender_report(&mut out, 1, &info, &[]);
    for name in ["", "a", "ab", "abc", "abcd"] {
        write_sdes_cname(&mut out, 1, name);
    }
    write_pli(&mut out, 1, 2);
    write_bye(&mut out, &[1, 7]);
    let mut packets = packets(&out);
    assert!(matches!(
        packets.next(),
        Some(Rtcp::SenderReport { ssrc: 1, ntp: 0x0102_0304_0506_0708, rtp: 9, packets: 10, octets: 11, .. })
    ));
    for _ in 0..5 {
        assert!(matches!(packets.next(), Some(Rtcp::Sdes)));
    }
    assert!(matches!(packets.next(), Some(Rtcp::Pli { sender: 1, media: 2 })));
    let Some(Rtcp::Bye { ssrcs }) = packets.next() else { panic!("no BYE") };
    assert!(ssrcs.eq([1, 7]));
    assert!(packets.next().is_none());
}

#[test]
fn a_compound_that_is_cut_off_ends_before_the_cut() {
    let mut out = Vec::new();
    write_pli(&mut out, 1, 2);
    write_pli(&mut out, 1, 3);
    out.pop();
    let mut packets = packets(&out);
    assert!(matches!(packets.next(), Some(Rtcp::Pli { media: 2, .. })));
    assert!(packets.next().is_none());
    assert!(packets.next().is_none());
}

#[test]
fn a_packet_too_short_for_its_type_is_unknown_and_the_next_is_read() {
    let mut out = vec![0x80, 200, 0, 1, 0, 0, 0, 1];
    write_pli(&mut out, 1, 2);
    let mut packets = packets(&out);
    assert!(matches!(packets.next(), Some(Rtcp::Unknown { packet_type: 200, count: 0 })));
    assert!(matches!(packets.next(), Some(Rtcp::Pli { .. })));
}

#[test]
fn padding_is_not_read_as_content() {
    // RFC 3550 6.4: a NACK with one item and four bytes of padding.
    let bytes = [0xa1, 205, 0, 4, 0, 0, 0, 1, 0, 0, 0, 2, 0, 9, 0, 0, 0, 0, 0, 4];
    let Rtcp::Nack { items, .. } = only(&bytes) else { panic!("no NACK") };
    assert!(items.eq([9]));
    let bytes = [0xa1, 205, 0, 2, 0, 0, 0, 1, 0, 0, 0, 200];
    assert!(matches!(only(&bytes), Rtcp::Unknown { .. }));
}

#[test]
fn nacks_around_the_wrap_are_packed_into_one_item() {
    let mut out = Vec::new();
    write_nack(&mut out, 1, 2, &[65_534, 65_535, 0, 14]);
    assert_eq!(out.len(), 16);
    let Rtcp::Nack { sender: 1, media: 2, items } = only(&out) else { panic!("no NACK") };
    assert!(items.eq([65_534, 65_535, 0, 14]));
    out.clear();
    write_nack(&mut out, 1, 2, &[]);
    assert!(out.is_empty());
}

#[test]
fn a_remb_of_libwebrtc_is_read() {
    // 18 bits of mantissa 250,000 with exponent 2: 1 Mbit/s.
    let bytes =
        [0x8f, 206, 0, 5, 0, 0, 0, 1, 0, 0, 0, 0, b'R', b'E', b'M', b'B', 1, 0x0b, 0xd0, 0x90, 0, 0, 0, 7];
    let Rtcp::Remb { bitrate, ssrcs, .. } = only(&bytes) else { panic!("no REMB") };
    assert_eq!(bitrate, 1_000_000);
    assert!(ssrcs.eq([7]));
    let mut out = Vec::new();
    write_remb(&mut out, 1, 1_000_000, &[7]);
    let Rtcp::Remb { bitrate, .. } = only(&out) else { panic!("no REMB") };
    assert_eq!(bitrate, 1_000_000);
}

#[test]
fn an_overflowing_remb_is_as_much_as_one_likes() {
    let bytes = [0x8f, 206, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0, b'R', b'E', b'M', b'B', 0, 0xff, 0xff, 0xff];
    assert!(matches!(only(&bytes), Rtcp::Remb { bitrate: u64::MAX, .. }));
}

#[test]
fn a_reference_time_is_answered() {
    let bytes = [0x80, 207, 0, 4, 0, 0, 0, 1, 4, 0, 0, 2, 0, 0, 0, 5, 0, 0, 0, 6];
    let Rtcp::ExtendedReport { ssrc: 1, mut blocks } = only(&bytes) else { panic!("no XR") };
    assert_eq!(blocks.next(), Some(ExtendedBlock::ReceiverReferenceTime { ntp: 0x5_0000_0006 }));
    let mut out = Vec::new();
    write_dlrr(&mut out, 3, &[(1, 0x0005_0000, 77)]);
    let Rtcp::ExtendedReport { ssrc: 3, mut blocks } = only(&out) else { panic!("no XR") };
    let Some(ExtendedBlock::Dlrr(dlrr)) = blocks.next() else { panic!("no DLRR") };
    assert!(dlrr.items().eq([(1, 0x0005_0000, 77)]));
    assert_eq!(blocks.next(), None);
}

#[test]
fn a_run_that_claims_too_many_packets_is_refused() {
    let mut bytes = vec![0x8f, 205, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0xff, 0xff, 0, 0, 0, 0];
    for _ in 0..10 {
        bytes.extend_from_slice(&[0x1f, 0xff]);
    }
    bytes[3] = (bytes.len() / 4 - 1) as u8;
    assert!(matches!(only(&bytes), Rtcp::Unknown { packet_type: 205, count: 15 }));
    let empty_run = [0x8f, 205, 0, 5, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0];
    assert!(matches!(only(&empty_run), Rtcp::Unknown { .. }));
}

#[test]
fn feedback_of_a_quiet_link_is_two_bytes_of_chunk() {
    let mut out = Vec::new();
    assert!(write_transport_cc(&mut out, (1, 2), 100, 7, 3, &[Some(4); 200]));
    assert_eq!(out.len(), 4 + 16 + 2 + 200 + 2);
    assert!(!write_transport_cc(&mut out, (1, 2), 100, 7, 3, &[]));
}

fn block() -> impl Strategy<Value = ReportBlock> {
    (any::<[u32; 5]>(), any::<u8>(), -0x80_0000i32..0x80_0000).prop_map(
        |([ssrc, highest_sequence, jitter, last_sr, delay_since_sr], fraction_lost, cumulative_lost)| {
            ReportBlock {
                ssrc,
                fraction_lost,
                cumulative_lost,
                highest_sequence,
                jitter,
                last_sr,
                delay_since_sr,
            }
        },
    )
}

fn delta() -> impl Strategy<Value = Option<i16>> {
    prop_oneof![Just(None), (0i16..=255).prop_map(Some), any::<i16>().prop_map(Some), Just(Some(3))]
}

/// Stretches of equal kinds, so that runs and vectors both occur.
fn deltas() -> impl Strategy<Value = Vec<Option<i16>>> {
    vec((delta(), 1usize..40), 1..30).prop_map(|runs| {
        runs.into_iter().flat_map(|(delta, count)| std::iter::repeat_n(delta, count)).collect()
    })
}

/// Reads everything there is to read.
fn exhaust(bytes: &[u8]) -> usize {
    packets(bytes)
        .map(|packet| match packet {
            Rtcp::SenderReport { reports, .. } | Rtcp::ReceiverReport { reports, .. } => reports.count(),
            Rtcp::Bye { ssrcs } | Rtcp::Remb { ssrcs, .. } => ssrcs.count(),
            Rtcp::Nack { items, .. } => items.count(),
            Rtcp::Fir { entries, .. } => entries.count(),
            Rtcp::TransportCc(view) => {
                let count = view.arrivals().count();
                assert_eq!(count, usize::from(view.status_count), "all statuses are there");
                count
            }
            Rtcp::ExtendedReport { blocks, .. } => blocks
                .map(|block| match block {
                    ExtendedBlock::Dlrr(dlrr) => dlrr.items().count(),
                    ExtendedBlock::ReceiverReferenceTime { .. } => 1,
                })
                .sum(),
            Rtcp::Sdes | Rtcp::Pli { .. } | Rtcp::Unknown { .. } => 1,
        })
        .sum()
}

proptest! {
    #[test]
    fn reports_are_read_as_written(blocks in vec(block(), 0..40), ssrc: u32, numbers: (u64, u32, u32, u32)) {
        let mut out = Vec::new();
        write_receiver_report(&mut out, ssrc, &blocks);
        let Rtcp::ReceiverReport { ssrc: read, reports } = only(&out) else { panic!("no RR") };
        prop_assert_eq!(read, ssrc);
        prop_assert!(reports.eq(blocks.iter().copied().take(31)));
        out.clear();
        let (ntp, rtp, packets, octets) = numbers;
        write_sender_report(&mut out, ssrc, &SenderInfo { ntp, rtp, packets, octets }, &blocks);
        let Rtcp::SenderReport { ntp: n, rtp: r, packets: p, octets: o, reports, .. } = only(&out) else { panic!("no SR") };
        prop_assert_eq!((n, r, p, o), numbers);
        prop_assert!(reports.eq(blocks.iter().copied().take(31)));
    }

    #[test]
    fn nacks_are_read_as_written(steps in vec(1u16..100, 1..300), first: u16) {
        let sequences: Vec<u16> = steps.iter().scan(first, |at, &step| { *at = at.wrapping_add(step); Some(*at) }).collect();
        let mut out = Vec::new();
        write_nack(&mut out, 1, 2, &sequences);
        let Rtcp::Nack { items, .. } = only(&out) else { panic!("no NACK") };
        prop_assert!(items.eq(sequences.iter().copied()));
    }

    #[test]
    fn unsorted_nacks_are_complete(sequences in vec(any::<u16>(), 1..100)) {
        let mut out = Vec::new();
        write_nack(&mut out, 1, 2, &sequences);
        let Rtcp::Nack { items, .. } = only(&out) else { panic!("no NACK") };
        let read: std::collections::BTreeSet<u16> = items.collect();
        prop_assert_eq!(read, sequences.into_iter().collect());
    }

    #[test]
    fn transport_wide_feedback_is_read_as_written(deltas in deltas(), base: u16, reference in 0u32..1 << 24, count: u8) {
        let mut out = Vec::new();
        prop_assert!(write_transport_cc(&mut out, (1, 2), base, reference, count, &deltas));
        let Rtcp::TransportCc(view) = only(&out) else { panic!("no feedback") };
        prop_assert_eq!((view.sender, view.media, view.base_sequence), (1, 2, base));
        prop_assert_eq!((view.reference_time, view.feedback_count), (reference, count));
        let read: Vec<Arrival> = view.arrivals().collect();
        let expected: Vec<Arrival> = deltas.iter().zip(0u16..)
            .map(|(&delta, index)| Arrival { sequence: base.wrapping_add(index), delta }).collect();
        prop_assert_eq!(read, expected);
    }

    #[test]
    fn key_frame_requests_are_read_as_written(media: u32, sequence: u8) {
        let mut out = Vec::new();
        write_fir(&mut out, 1, media, sequence);
        let Rtcp::Fir { entries, .. } = only(&out) else { panic!("no FIR") };
        prop_assert_eq!(entries.collect::<Vec<_>>(), [FirEntry { ssrc: media, sequence }]);
    }

    #[test]
    fn any_bytes_are_read_without_panic(bytes in vec(any::<u8>(), 0..200), packet_type in 198u8..210, count: u8) {
        exhaust(&bytes);
        let mut bytes = bytes;
        if bytes.len() >= 4 {
            bytes[..2].copy_from_slice(&[0x80 | count & 0x3f, packet_type]);
            let words = (bytes.len() / 4 - 1) as u16;
            bytes[2..4].copy_from_slice(&words.to_be_bytes());
            exhaust(&bytes);
        }
    }
}
