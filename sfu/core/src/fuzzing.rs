//! Every reader of network input as a function of bytes, with what must hold whatever the bytes are. Driven by the
//! mutation test below and by the targets in `fuzz/`.

#[cfg(test)]
mod tests;

use crate::api::{Codec, DtlsRole, Extension, IceCredentials, MediaSettings, Path};
use crate::room::envelope::{Envelope, Stamp, trailer};
use crate::transport::dcep;
use crate::transport::ice::{IceLite, IceOutcome};
use crate::transport::sdp;
use crate::transport::srtp::{SrtpProfile, contexts};
use crate::wire::codec::{inspect, red, vp8};
use crate::wire::rtcp::{self, ExtendedBlock, ReportBlock, Rtcp, SenderInfo};
use crate::wire::rtp::{self, AudioLevel, ExtensionMap, OutHeader, RtpHeader};
use crate::wire::{Kind, demux, stun};

pub struct Target {
    pub name: &'static str,
    pub run: fn(&[u8]),
    /// Well-formed inputs to start from.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

pub const TARGETS: [Target; 9] = [
    Target { name: "rtp", run: fuzz_rtp, seeds: rtp_seeds },
    Target { name: "rtcp", run: fuzz_rtcp, seeds: rtcp_seeds },
    Target { name: "stun", run: fuzz_stun, seeds: stun_seeds },
    Target { name: "codec", run: fuzz_codec, seeds: codec_seeds },
    Target { name: "srtp", run: fuzz_srtp, seeds: srtp_seeds },
    Target { name: "datagram", run: fuzz_datagram, seeds: datagram_seeds },
    Target { name: "dcep", run: fuzz_dcep, seeds: dcep_seeds },
    Target { name: "envelope", run: fuzz_envelope, seeds: envelope_seeds },
    Target { name: "sdp", run: fuzz_sdp, seeds: sdp_seeds },
];

fn extension_map() -> ExtensionMap {
    ExtensionMap::new(&MediaSettings {
        extensions: Extension::ALL.iter().zip(1..).map(|(&extension, id)| (id, extension)).collect(),
        payloads: Vec::new(),
        mixed_extensions: true,
    })
}

/// What is read lies in the packet, and can be written and read again.
pub fn fuzz_rtp(data: &[u8]) {
    let map = extension_map();
    let Ok(header) = RtpHeader::parse(data, &map) else { return };
    assert!(header.header_len <= data.len());
    if let Some(padding) = rtp::padding_len(data, &header) {
        assert!(header.header_len + padding <= data.len());
    }
    let read = header.extensions;
    let level = read.audio_level.map(|level| [level.to_byte()]);
    let transport_cc = read.transport_cc.map(u16::to_be_bytes);
    let send_time = read.abs_send_time.map(u32::to_be_bytes);
    let elements: Vec<(u8, &[u8])> = [
        (1, read.mid.as_ref().map(|token| token.as_bytes())),
        (2, read.rid.as_ref().map(|token| token.as_bytes())),
        (3, read.repaired_rid.as_ref().map(|token| token.as_bytes())),
        (4, level.as_ref().map(|level| &level[..])),
        (5, transport_cc.as_ref().map(|number| &number[..])),
        (6, send_time.as_ref().and_then(|time| time.get(1..))),
        (7, read.abs_capture_time.as_ref().map(|time| time.as_bytes())),
        (8, read.dependency_descriptor_in(data)),
        (9, read.playout_delay.as_ref().map(|delay| &delay[..])),
    ]
    .into_iter()
    .filter_map(|(id, value)| Some((id, value?)))
    .collect();
    let fields = OutHeader {
        marker: header.marker,
        payload_type: header.payload_type,
        sequence_number: header.sequence_number,
        timestamp: header.timestamp,
        ssrc: header.ssrc,
        has_padding: false,
    };
    let mut out = [0; 1024];
    let len = rtp::write_header(&mut out, &fields, &elements).expect("fits a kilobyte");
    let again = RtpHeader::parse(out.get(..len).unwrap_or(&[]), &map).expect("what we write is well formed");
    assert_eq!(again.header_len, len);
    assert_eq!(again.extensions.dependency_descriptor_in(&out), read.dependency_descriptor_in(data));
    let without_place = |extensions| rtp::Extensions { dependency_descriptor: None, ..extensions };
    assert_eq!(without_place(again.extensions), without_place(read));
}

/// All lists end, and within bounds that the size of the message sets.
pub fn fuzz_rtcp(data: &[u8]) {
    for packet in rtcp::packets(data) {
        match packet {
            Rtcp::SenderReport { reports, .. } | Rtcp::ReceiverReport { reports, .. } => {
                assert!(reports.count() <= 31);
            }
            Rtcp::Bye { ssrcs } | Rtcp::Remb { ssrcs, .. } => assert!(ssrcs.count() <= 255),
            Rtcp::Nack { items, .. } => assert!(items.count() <= data.len() / 4 * 17),
            Rtcp::Fir { entries, .. } => assert!(entries.count() <= data.len() / 8),
            Rtcp::TransportCc(view) => {
                let deltas: Vec<Option<i16>> = view.arrivals().map(|arrival| arrival.delta).collect();
                assert_eq!(deltas.len(), usize::from(view.status_count), "parsing made sure of all statuses");
                let mut out = Vec::new();
                let (base, time, count) = (view.base_sequence, view.reference_time, view.feedback_count);
                let ends = (view.sender, view.media);
                if rtcp::write_transport_cc(&mut out, ends, base, time, count, &deltas) {
                    let Some(Rtcp::TransportCc(again)) = rtcp::packets(&out).next() else {
                        panic!("unreadable")
                    };
                    assert!(again.arrivals().map(|arrival| arrival.delta).eq(deltas));
                }
            }
            Rtcp::ExtendedReport { blocks, .. } => {
                for block in blocks {
                    if let ExtendedBlock::Dlrr(dlrr) = block {
                        assert!(dlrr.items().count() <= data.len() / 12);
                    }
                }
            }
            Rtcp::Sdes | Rtcp::Pli { .. } | Rtcp::Unknown { .. } => {}
        }
    }
}

fn ice_credentials(ufrag: &str) -> IceCredentials {
    IceCredentials { ufrag: ufrag.to_owned(), pwd: "a-password-of-22-chars".to_owned() }
}

/// An answer is a STUN message, and nobody is sent much more than came.
pub fn fuzz_stun(data: &[u8]) {
    let peeked = stun::peek_username(data);
    if let Ok(unverified) = stun::Unverified::parse(data) {
        assert_eq!(unverified.username(), peeked.and_then(|name| name.split_once(':')));
    }
    let mut ice = IceLite::new(ice_credentials("ours"));
    ice.set_remote(ice_credentials("theirs"));
    let path = Path { remote: ([127, 0, 0, 1], 9).into(), tcp: 0 };
    let mut reply = Vec::new();
    let outcome = ice.on_request(path, data, &mut reply);
    assert!(reply.is_empty() || stun::is_stun(&reply));
    assert!(reply.len() <= data.len() + 80);
    if !matches!(outcome, IceOutcome::Answered { nominated: true }) {
        assert_eq!(ice.selected(), None);
    }
}

/// The first byte chooses the codec.
pub fn fuzz_codec(data: &[u8]) {
    const CODECS: [Codec; 6] = [Codec::Opus, Codec::Red, Codec::Vp8, Codec::Vp9, Codec::H264, Codec::Av1];
    let Some((choice, payload)) = data.split_first() else { return };
    let Some(&codec) = CODECS.get(usize::from(*choice) % CODECS.len()) else { return };
    let inspection = inspect(codec, payload);
    if let Some(descriptor) = inspection.vp8 {
        assert!(descriptor.len <= payload.len());
        let mut copy = payload.to_vec();
        descriptor.rewrite(&mut copy, 0x1234, 0x56);
        let again = vp8::Descriptor::parse(&copy).expect("still a descriptor");
        assert_eq!((again.len, again.is_key_frame), (descriptor.len, descriptor.is_key_frame));
        assert_eq!(copy.get(descriptor.len..), payload.get(descriptor.len..));
    }
    vp8::key_frame_size(payload);
    red::primary_payload_type(payload);
    if let Some(primary) = red::primary(payload) {
        assert!(payload.get(primary).is_some());
    }
}

/// Keys that the fuzzer knows of, so that mutations of sealed packets reach all stages. The first byte chooses the
/// profile and between RTP and RTCP.
pub fn fuzz_srtp(data: &[u8]) {
    let Some((&choice, packet)) = data.split_first() else { return };
    let Ok((mut input, _)) = contexts(profile(choice), &[7; 88], DtlsRole::Server) else { return };
    let mut packet = packet.to_vec();
    if choice & 4 != 0 {
        if let Ok(len) = input.open_rtcp(&mut packet) {
            assert!(len <= packet.len());
            fuzz_rtcp(packet.get(..len).unwrap_or(&[]));
        }
    } else if let Ok(header) = RtpHeader::parse(&packet, &extension_map())
        && let Ok((_, len)) = input.open_rtp(&mut packet, &header)
    {
        assert!(header.header_len <= len && len <= packet.len());
    }
}

fn profile(choice: u8) -> SrtpProfile {
    match choice % 3 {
        0 => SrtpProfile::AeadAes128Gcm,
        1 => SrtpProfile::AeadAes256Gcm,
        _ => SrtpProfile::Aes128CmSha1_80,
    }
}

/// As a socket delivers it.
pub fn fuzz_datagram(data: &[u8]) {
    match demux(data) {
        Kind::Stun => fuzz_stun(data),
        Kind::Rtp => fuzz_rtp(data),
        Kind::Rtcp => fuzz_rtcp(data),
        Kind::Dtls | Kind::Other => {}
    }
}

pub fn fuzz_dcep(data: &[u8]) {
    dcep::parse(data);
}

/// A rewritten packet goes to the same receivers with the same content.
pub fn fuzz_envelope(data: &[u8]) {
    let Ok(envelope) = Envelope::parse(data) else { return };
    let stamp = Stamp { identity: "someone", sid: "PA_someone", lossy: false };
    let Ok(stamped) = envelope.stamped(&stamp) else { return };
    let again = Envelope::parse(&stamped).expect("what we write is well formed");
    assert_eq!((again.sequence, again.value), (envelope.sequence, envelope.value));
    assert_eq!((again.identities, again.sids), (envelope.identities, envelope.sids));
    assert_eq!(Envelope::parse(&stamped).and_then(|again| again.stamped(&stamp)), Ok(stamped.clone()));
}

pub fn fuzz_sdp(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = sdp::parse(text);
    }
}

// ---- seeds

fn rtp_seeds() -> Vec<Vec<u8>> {
    let fields = OutHeader {
        marker: true,
        payload_type: 96,
        sequence_number: 65_535,
        timestamp: 90_000,
        ssrc: 0xaabb_ccdd,
        has_padding: false,
    };
    let level = [AudioLevel { voice: true, level_dbov: 30 }.to_byte()];
    let short: [(u8, &[u8]); 5] = [(1, b"0"), (2, b"q"), (4, &level), (5, &[1, 2]), (6, &[1, 2, 3])];
    let long: [(u8, &[u8]); 4] = [(1, b"1"), (7, &[9; 16]), (8, &[5; 40]), (9, &[1, 2, 3])];
    [&[][..], &short, &long]
        .into_iter()
        .filter_map(|elements| {
            let mut out = vec![0; 256];
            let len = rtp::write_header(&mut out, &fields, elements)?;
            out.truncate(len);
            out.extend_from_slice(&[0x90, 0x80, 0x01, 0x10, 0, 0, 2]);
            Some(out)
        })
        .collect()
}

fn rtcp_seeds() -> Vec<Vec<u8>> {
    let report = ReportBlock { ssrc: 1, fraction_lost: 9, cumulative_lost: -3, ..ReportBlock::default() };
    let mut compound = Vec::new();
    let info = SenderInfo { ntp: u64::MAX / 3, rtp: 2, packets: 3, octets: 4 };
    rtcp::write_sender_report(&mut compound, 1, &info, &[report]);
    rtcp::write_sdes_cname(&mut compound, 1, "name");
    let mut feedback = Vec::new();
    rtcp::write_receiver_report(&mut feedback, 1, &[report, report]);
    rtcp::write_nack(&mut feedback, 1, 2, &[5, 6, 9, 400]);
    rtcp::write_pli(&mut feedback, 1, 2);
    rtcp::write_fir(&mut feedback, 1, 2, 3);
    rtcp::write_remb(&mut feedback, 1, 1_000_000, &[2, 3]);
    rtcp::write_dlrr(&mut feedback, 1, &[(2, 3, 4)]);
    rtcp::write_bye(&mut feedback, &[1, 2]);
    let mut arrivals = Vec::new();
    let deltas = [Some(4), None, Some(-9), Some(3), None, None, None, Some(300), Some(1)];
    rtcp::write_transport_cc(&mut arrivals, (1, 2), 65_530, 77, 8, &deltas);
    let mut runs = Vec::new();
    rtcp::write_transport_cc(&mut runs, (1, 2), 3, 77, 8, &[Some(4); 60]);
    vec![compound, feedback, arrivals, runs]
}

fn stun_seeds() -> Vec<Vec<u8>> {
    let credentials = ice_credentials("ours");
    let attributes: [(u16, &[u8]); 4] =
        [(0x0024, &[1; 4]), (0x802a, &[2; 8]), (0x0025, &[]), (0xc001, &[0, 0, 0, 1])];
    let username = format!("{}:theirs", credentials.ufrag);
    let mut success = Vec::new();
    stun::write_success(&mut success, [3; 12], ([127, 0, 0, 1], 9).into(), &credentials.pwd);
    vec![
        stun::write_request([3; 12], &username, &credentials.pwd, &attributes),
        stun::write_request([3; 12], &username, &credentials.pwd, &[]),
        success,
    ]
}

fn codec_seeds() -> Vec<Vec<u8>> {
    vec![
        vec![1, 0xef, 0x0f, 0x00, 0x03, 111, 1, 2, 3, 8, 9],
        vec![2, 0x90, 0xf0, 0x92, 0x34, 0x56, 0xb1, 0x10, 0, 0, 0x9d, 0x01, 0x2a, 0x00, 0x05, 0xd0, 0x02],
        vec![3, 0xaa, 0x81, 0x02, 0x10, 0x33, 0x38, 1, 64, 0, 180, 2, 128, 1, 104, 1, 0x24, 0x01, 0xff],
        vec![4, 0x78, 0, 2, 0x67, 1, 0, 2, 0x68, 1],
        vec![4, 0x7c, 0x87, 1],
        vec![5, 0x08, 0x81, 0x01, 0x34, 0x48],
    ]
}

fn srtp_seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for choice in 0..6u8 {
        let choice = choice % 3 + choice / 3 * 6;
        let Ok((_, mut output)) = contexts(profile(choice), &[7; 88], DtlsRole::Client) else { continue };
        let mut seed = vec![choice];
        if choice & 4 != 0 {
            rtcp::write_pli(&mut seed, 1, 2);
            if output.seal_rtcp(&mut seed, 1).is_err() {
                continue;
            }
        } else {
            let plain = rtp_seeds().pop().unwrap_or_default();
            let Ok(header) = RtpHeader::parse(&plain, &extension_map()) else { continue };
            let mut out = plain.clone();
            out.resize(plain.len() + output.overhead(), 0);
            let sequence = u64::from(header.sequence_number);
            output.seal_rtp_in_place(&mut out, header.header_len, plain.len(), header.ssrc, sequence);
            seed.extend_from_slice(&out);
        }
        seeds.push(seed);
    }
    seeds
}

fn datagram_seeds() -> Vec<Vec<u8>> {
    [rtp_seeds(), rtcp_seeds(), stun_seeds()].concat()
}

fn dcep_seeds() -> Vec<Vec<u8>> {
    use crate::transport::Channel;
    [Channel::Reliable, Channel::Lossy, Channel::DataTrack]
        .into_iter()
        .map(|channel| dcep::open(channel).to_vec())
        .chain([dcep::ack().to_vec()])
        .collect()
}

fn envelope_seeds() -> Vec<Vec<u8>> {
    let stamp = Stamp { identity: "someone", sid: "PA_someone", lossy: true };
    let user = [
        &[0x08, 0x01, 0x22, 0x03, b'b', b'o', b'b', 0x2a, 0x05, b'a', b'l', b'i', b'c', b'e'][..], // kind, from, to
        &[0x80, 0x01, 0x07, 0x12, 0x0d, 0x12, 0x02, b'h', b'i', 0x1a, 0x02, b'P', b'A'],           // 7, user
        &[0x22, 0x01, b't', 0x32, 0x00],
    ]
    .concat();
    vec![trailer(b"a-stream", "because", &stamp).to_vec(), user]
}

fn sdp_seeds() -> Vec<Vec<u8>> {
    [
        include_str!("../tests/fixtures/sdp/c1_1.sdp"),
        include_str!("../tests/fixtures/sdp/f1_1.sdp"),
        include_str!("../tests/fixtures/sdp/svp8_1.sdp"),
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
}
