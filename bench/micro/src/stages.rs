//! The steps of a video packet one by one, each without the others.

use std::hint::black_box;
use std::time::{Duration, Instant};

use chevet_sfu_core::api::{Codec, DtlsRole};
use chevet_sfu_core::engine::MAX_DATAGRAM;
use chevet_sfu_core::stream::{Accepted, Clocks, Egress, ExtensionIds, Forward, Ingress};
use chevet_sfu_core::transport::srtp::{SrtpProfile, contexts};
use chevet_sfu_core::wire::rtcp::ReportBlock;
use chevet_sfu_core::wire::rtp::{ExtensionMap, RtpHeader};

use crate::measure::{counted_region, end};
use crate::media::{Negotiated, Packet, Source, VIDEO_SSRC};
use crate::rig::video_subscription;

/// Less than a second: the ring has them all. As many as bring it to its full size come before.
const FRAMES: u64 = 33;
const FRAMES_BEFORE: u64 = 60;
const SUBSCRIBERS: u64 = 50;

/// Counts every stage; `profile` is what the handshakes of this build agree on.
pub fn run(profile: SrtpProfile) {
    let map = ExtensionMap::new(&Negotiated::Everything.settings());
    let mut source = Source::new(Negotiated::Everything);
    // The first packets carry their mid; those that are counted do not.
    let early: Vec<Packet> = (0..FRAMES_BEFORE).flat_map(|_| source.frame()).collect();
    let packets: Vec<Packet> = (0..FRAMES).flat_map(|_| source.frame()).collect();
    let headers: Vec<RtpHeader> =
        packets.iter().map(|packet| RtpHeader::parse(&packet.bytes, &map).expect("a header")).collect();
    counted_region(&mut || {
        for packet in &packets {
            let _ = black_box(RtpHeader::parse(black_box(&packet.bytes), &map));
        }
    });
    end("parse", packets.len() as u64);
    open(profile, &packets, &headers);
    ingress_to_rewrite(&map, &early, &packets, &headers);
    protect(profile, &packets);
}

fn open(profile: SrtpProfile, packets: &[Packet], headers: &[RtpHeader]) {
    let (_, publisher) = contexts(profile, &[3; 88], DtlsRole::Client).expect("keys");
    let (mut input, _) = contexts(profile, &[3; 88], DtlsRole::Server).expect("keys");
    let mut sealed: Vec<Vec<u8>> = (packets.iter())
        .map(|packet| {
            let mut bytes = packet.bytes.clone();
            let len = bytes.len();
            bytes.resize(len + publisher.overhead(), 0);
            publisher
                .seal_rtp_in_place(&mut bytes, packet.header_len, len, packet.ssrc, packet.sequence)
                .expect("room");
            bytes
        })
        .collect();
    // The first packet of a stream makes its entry in the replay window.
    let (first, rest) = sealed.split_first_mut().expect("packets");
    input.open_rtp(first, &headers[0]).expect("authentic");
    let mut opened = 0;
    counted_region(&mut || {
        for (bytes, header) in rest.iter_mut().zip(&headers[1..]) {
            opened += u64::from(black_box(input.open_rtp(bytes, header)).is_ok());
        }
    });
    assert_eq!(opened, packets.len() as u64 - 1);
    end("open", opened);
}

/// The ring has to be filled for the gate, and the gate asked for the rewriter, so that these go together.
fn ingress_to_rewrite(map: &ExtensionMap, early: &[Packet], packets: &[Packet], headers: &[RtpHeader]) {
    let mut now = Instant::now();
    let mut ingress = Ingress::new(now, Codec::Vp8, VIDEO_SSRC);
    let mut clocks = Clocks::new(90_000);
    let mut subscriptions: Vec<Egress> = (0..SUBSCRIBERS)
        .map(|number| {
            let config = video_subscription(number);
            let mut egress =
                Egress::new(now, Codec::Vp8, false, &config, ExtensionIds::new(map), number.wrapping_mul(77));
            egress.set_target(Some(0));
            egress
        })
        .collect();
    let mut space = vec![0; MAX_DATAGRAM + 64];
    let out = aligned(&mut space);
    for packet in early {
        now += Duration::from_millis(5);
        let header = RtpHeader::parse(&packet.bytes, map).expect("a header");
        store(&mut ingress, now, &header, packet);
        let stored = ingress.packet(packet.sequence).expect("just stored");
        for egress in &mut subscriptions {
            let forward = egress.offer(0, &stored, &clocks).expect("the stream begins with a key frame");
            egress.write(&stored, &forward, Some(1), 7, out).expect("room");
        }
    }
    clocks.set(0, Some(ingress.on_sender_report(now, 3_900_000_000 << 32, 7)));
    for egress in &mut subscriptions {
        egress.on_report_block(now, &ReportBlock { ssrc: egress.ssrc(), ..ReportBlock::default() });
    }

    counted_region(&mut || {
        for (packet, header) in packets.iter().zip(headers) {
            now += Duration::from_millis(5);
            store(&mut ingress, now, header, packet);
        }
    });
    end("ingress", packets.len() as u64);

    let kept: Vec<_> = packets.iter().filter_map(|packet| ingress.packet(packet.sequence)).collect();
    assert_eq!(kept.len(), packets.len(), "the ring keeps a second");
    let mut forwards: Vec<Option<Forward>> = Vec::with_capacity(kept.len() * subscriptions.len());
    counted_region(&mut || {
        for packet in &kept {
            for egress in &mut subscriptions {
                forwards.push(egress.offer(0, packet, &clocks));
            }
        }
    });
    let offered = forwards.len() as u64;
    let forwards: Vec<Forward> = forwards.into_iter().flatten().collect();
    assert_eq!(forwards.len() as u64, offered, "all pass");
    end("route", offered);

    let mut written = 0;
    let mut forward = forwards.iter();
    counted_region(&mut || {
        for packet in &kept {
            for (egress, forward) in subscriptions.iter_mut().zip(forward.by_ref()) {
                let number = written as u16;
                written += u64::from(
                    black_box(egress.write(packet, forward, Some(number), 7, black_box(&mut *out))).is_some(),
                );
            }
        }
    });
    assert_eq!(written, offered);
    end("rewrite", written);
}

/// Where the allocator puts a buffer differs from run to run, and copies into it cost a few instructions more or less.
fn aligned(space: &mut [u8]) -> &mut [u8] {
    let start = space.as_ptr().align_offset(64);
    &mut space[start..start + MAX_DATAGRAM]
}

fn store(ingress: &mut Ingress, now: Instant, header: &RtpHeader, packet: &Packet) {
    let accepted = ingress.on_packet(now, Codec::Vp8, header, packet.sequence, &packet.bytes);
    assert!(matches!(accepted, Accepted::Stored(_)), "{accepted:?}");
}

fn protect(profile: SrtpProfile, packets: &[Packet]) {
    let (_, output) = contexts(profile, &[4; 88], DtlsRole::Server).expect("keys");
    let mut space = vec![0; MAX_DATAGRAM + 64];
    let out = aligned(&mut space);
    out[..packets[0].bytes.len()].copy_from_slice(&packets[0].bytes);
    let mut sealed = 0;
    counted_region(&mut || {
        for packet in packets {
            let (header_len, len) = (packet.header_len, packet.bytes.len());
            let done = output.seal_rtp_in_place(out, header_len, len, packet.ssrc, packet.sequence);
            sealed += u64::from(black_box(done).is_some());
        }
    });
    assert_eq!(sealed, packets.len() as u64);
    end("protect", sealed);
}
