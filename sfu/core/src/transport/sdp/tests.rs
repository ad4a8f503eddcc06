use super::*;
use crate::api::{Candidate, CandidateProtocol, DtlsRole, MediaKind};
use proptest::prelude::*;

macro_rules! captures {
    ($($name:literal),*) => {
        &[$(($name, include_str!(concat!("../../../tests/fixtures/sdp/", $name, ".sdp")))),*]
    };
}

/// Offers of Chromium (`c1`, `svp8`, `svp9`) and Firefox (`f1`, `fsvp8`) to a server of protocol v1 and v0.
const CAPTURES: &[(&str, &str)] = captures!(
    "c1_1", "c1_2", "c1_3", "c1_4", "f1_1", "f1_2", "f1_3", "fsvp8_1", "fsvp8_2", "fsvp8_3", "svp8_1",
    "svp8_2", "svp8_3", "svp9_1", "svp9_2", "svp9_3"
);

fn capture(name: &str) -> RemoteDescription {
    let (_, text) = CAPTURES.iter().find(|(known, _)| *known == name).expect("a known capture");
    parse(text).expect("a capture is read")
}

fn ice() -> IceCredentials {
    IceCredentials { ufrag: "abcd".into(), pwd: "abcdefghijklmnopqrstuvwx".into() }
}

const CANDIDATES: &[Candidate] = &[
    Candidate {
        addr: std::net::SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 7881),
        protocol: CandidateProtocol::Udp,
    },
    Candidate {
        addr: std::net::SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 7882),
        protocol: CandidateProtocol::TcpPassive,
    },
];

fn answer_to(remote: &RemoteDescription, replies: &[Replied]) -> String {
    let (ice, fingerprint) = (ice(), Fingerprint([7; 32]));
    let local =
        LocalEnd { ice: &ice, fingerprint: &fingerprint, candidates: CANDIDATES, session: 1, version: 2 };
    answer(local, remote, replies, DtlsRole::Server)
}

/// What a session would reply: take what is sent, leave the rest inactive.
fn plain_replies(remote: &RemoteDescription) -> Vec<Replied> {
    remote
        .sections
        .iter()
        .map(|section| match section.kind {
            _ if section.rejected => Replied::Rejected,
            SectionKind::Data => Replied::Data,
            SectionKind::Other => Replied::Rejected,
            SectionKind::Audio | SectionKind::Video if section.direction.sends() => {
                let codec = if section.kind == SectionKind::Audio { Codec::Red } else { Codec::Vp8 };
                Replied::Media {
                    direction: Direction::RecvOnly,
                    payloads: choose_received(section, Some((codec, None))),
                    sender: None,
                }
            }
            _ => Replied::Media {
                direction: Direction::Inactive,
                payloads: choose_sent(section, None, false),
                sender: None,
            },
        })
        .collect()
}

#[test]
fn all_captured_offers_are_read() {
    for (name, text) in CAPTURES {
        let remote = parse(text).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(remote.setup, Setup::ActPass, "{name}");
        assert!(remote.sections.iter().all(|section| !section.rejected && section.mid.is_some()), "{name}");
        assert_eq!(remote.bundle.len(), remote.sections.len(), "{name}");
        assert!(
            remote
                .sections
                .iter()
                .any(|section| section.kind == SectionKind::Data && section.sctp_port == Some(5000)),
            "{name}"
        );
    }
}

#[test]
fn firefox_bundle_only_sections_with_port_0_are_alive() {
    let remote = capture("f1_1");
    assert_eq!(remote.sections.len(), 7);
    assert!(remote.mixed_extensions);
    let replies = plain_replies(&remote);
    let text = answer_to(&remote, &replies);
    assert!(!text.contains("m=audio 0") && !text.contains("m=video 0"), "{text}");
    assert!(text.contains("a=group:BUNDLE 0 1 2 3 4 5 6\r\n"), "{text}");
}

#[test]
fn chromium_simulcast_is_read_and_answered_by_rid() {
    let remote = capture("svp8_3");
    let section = &remote.sections[2];
    let rids: Vec<_> = section.simulcast.iter().map(Token::as_str).collect();
    assert_eq!(rids, ["q", "h", "f"]);
    assert!(section.ssrcs.is_empty());
    assert_eq!(
        section.msid.as_ref().map(|msid| msid.track.as_str()),
        Some("0c71b46c-d60e-4678-811d-c990fe7a8028")
    );
    assert_eq!(section.extension(Extension::Rid), Some(10));

    let text = answer_to(&remote, &plain_replies(&remote));
    assert!(
        text.contains("a=rid:q recv\r\na=rid:h recv\r\na=rid:f recv\r\na=simulcast:recv q;h;f\r\n"),
        "{text}"
    );
    assert!(text.contains("m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\n"), "{text}");
    assert!(!text.contains("video-orientation") && !text.contains("toffset"));
    assert!(!text.contains("dependency-descriptor"), "VP8 simulcast is published without it");
    assert!(text.contains("m=audio 9 UDP/TLS/RTP/SAVPF 63 111\r\n"), "RED leads: {text}");
}

#[test]
fn firefox_simulcast_has_ssrcs_and_retransmission_flows() {
    let remote = capture("fsvp8_3");
    let section = &remote.sections[2];
    assert_eq!(section.sources().collect::<Vec<_>>(), [198446934, 1629305544, 2250721142]);
    assert_eq!(section.rtx_of(1629305544), Some(2488507353));
    let text = answer_to(&remote, &plain_replies(&remote));
    assert!(text.contains("a=extmap:9/recvonly urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\r\n"), "{text}");
    assert!(text.contains("m=audio 9 UDP/TLS/RTP/SAVPF 109\r\n"), "no RED in Firefox: {text}");
    assert!(text.contains("m=video 9 UDP/TLS/RTP/SAVPF 120 124\r\n"), "{text}");
}

#[test]
fn a_vp9_request_is_answered_with_profile_0_and_its_rtx_alone() {
    let remote = capture("svp9_3");
    let payloads = choose_received(&remote.sections[2], Some((Codec::Vp9, None)));
    assert_eq!(
        payloads.iter().map(AgreedPayload::payload_type).map(|p| (p.pt, p.rtx)).collect::<Vec<_>>(),
        [(98, Some(99))]
    );
    assert!(accepts(&remote.sections[2], &payloads, true, Extension::DependencyDescriptor));
    let h264 = choose_received(&remote.sections[2], Some((Codec::H264, None)));
    assert_eq!(h264[0].pt, 108);
    assert!(h264[0].fmtp.contains("42e01f"));
}

#[test]
fn an_absent_codec_falls_back_to_vp8() {
    let remote = capture("fsvp8_3");
    let payloads = choose_received(&remote.sections[2], Some((Codec::H264, None)));
    assert_eq!(payloads[0].codec, Codec::Vp8);
}

#[test]
fn opus_lines_follow_the_request_not_the_offer() {
    let remote = capture("svp8_3");
    let stereo = OpusOptions { dtx: false, stereo: true };
    let payloads = choose_received(&remote.sections[1], Some((Codec::Opus, Some(stereo))));
    assert_eq!(payloads.len(), 1);
    assert_eq!(payloads[0].fmtp, "minptime=10;useinbandfec=1;stereo=1;maxaveragebitrate=510000");
    let plain = choose_received(&remote.sections[1], Some((Codec::Opus, None)));
    assert_eq!(plain[0].fmtp, "minptime=10;useinbandfec=1;usedtx=1");
}

#[test]
fn settings_of_a_single_connection_cover_all_its_sections() {
    let remote = capture("c1_4");
    let settings = media_settings(&remote, &plain_replies(&remote));
    assert!(settings.extensions.contains(&(4, Extension::Mid)));
    assert!(settings.extensions.contains(&(1, Extension::AudioLevel)));
    assert!(settings.mixed_extensions);
    assert!(settings.payloads.iter().any(|payload| payload.codec == Codec::Vp8 && payload.rtx == Some(97)));
    assert!(settings.payloads.iter().any(|payload| payload.codec == Codec::Red));
}

#[test]
fn every_answer_is_read_by_ourselves_and_mirrors_the_offer() {
    for (name, _) in CAPTURES {
        let remote = capture(name);
        let text = answer_to(&remote, &plain_replies(&remote));
        let back = parse(&text).unwrap_or_else(|error| panic!("{name}: {error}\n{text}"));
        assert_eq!(back.sections.len(), remote.sections.len());
        assert_eq!(back.setup, Setup::Passive);
        assert_eq!(back.ice, ice());
        assert_eq!(back.fingerprint, Fingerprint([7; 32]));
        for (ours, theirs) in back.sections.iter().zip(&remote.sections) {
            assert_eq!((ours.mid, ours.kind), (theirs.mid, theirs.kind), "{name}");
            assert!(
                ours.payloads
                    .iter()
                    .all(|payload| theirs.payloads.iter().any(|known| known.pt == payload.pt))
            );
            for extension in &ours.extensions {
                assert_eq!(theirs.extension(extension.extension), Some(extension.id), "{name}");
            }
        }
        assert_eq!(text.matches("a=candidate:").count(), 2, "{name}");
    }
}

#[test]
fn what_the_client_rejected_stays_rejected_and_leaves_the_group() {
    let (_, text) = CAPTURES.iter().find(|(name, _)| *name == "svp8_3").expect("known");
    let text = text.replace("m=video 9", "m=video 0").replace("BUNDLE 0 1 2", "BUNDLE 0 1");
    let remote = parse(&text).expect("read");
    assert!(remote.sections[2].rejected);
    let answer = answer_to(&remote, &plain_replies(&remote));
    assert!(answer.contains("m=video 0 ") && answer.contains("a=group:BUNDLE 0 1\r\n"), "{answer}");
}

#[test]
fn bad_descriptions_are_refused_with_the_reason() {
    let good = CAPTURES[0].1;
    assert!(matches!(parse(""), Err(SdpError::Syntax(_))));
    assert_eq!(parse(&good.replace("a=ice-ufrag:Vzat", "a=ice-ufrag:V")), Err(SdpError::Ice));
    assert_eq!(parse(&good.replace("sha-256", "sha-1")), Err(SdpError::Fingerprint));
    assert_eq!(parse(&good.replace("a=mid:1\r", "a=mid:0\r")), Err(SdpError::MidTwice("0".into())));
    assert_eq!(parse(&good.replace("a=group:BUNDLE 0 1", "a=group:BUNDLE 0")), Err(SdpError::Bundle));
    assert!(matches!(parse(&good.replace("a=rtcp-mux\r\n", "")), Err(SdpError::RtcpMux(0))));
    assert!(matches!(parse(&"a".repeat(MAX_DESCRIPTION + 1)), Err(SdpError::TooLong(_))));
    assert_eq!(parse(&"m=audio 9 X 0\r\n".repeat(MAX_SECTIONS + 1)), Err(SdpError::TooManySections));
}

#[test]
fn a_track_is_offered_with_its_names_and_sources() {
    let (ice, fingerprint) = (ice(), Fingerprint([9; 32]));
    let local =
        LocalEnd { ice: &ice, fingerprint: &fingerprint, candidates: CANDIDATES, session: 5, version: 1 };
    let sender = Sender {
        stream: "PA_x|TR_y".into(),
        track: "TR_y".into(),
        cname: "PA_x".into(),
        ssrc: 11,
        rtx_ssrc: Some(12),
    };
    let (vp8, red) = (downstream_payloads(Codec::Vp8, false), downstream_payloads(Codec::Red, true));
    let mid = |text: &str| Token::new(text.as_bytes()).expect("short");
    let audio = OfferedMedia::Track { kind: MediaKind::Audio, payloads: &red, sender: None };
    let text = offer(
        local,
        &[
            Offered { mid: mid("0"), media: OfferedMedia::Data },
            Offered {
                mid: mid("1"),
                media: OfferedMedia::Track { kind: MediaKind::Video, payloads: &vp8, sender: Some(&sender) },
            },
            Offered { mid: mid("2"), media: audio },
        ],
    );
    let back = parse(&text).expect("our own offer is read");
    let video = &back.sections[1];
    assert_eq!(video.msid, Some(Msid { stream: "PA_x|TR_y".into(), track: "TR_y".into() }));
    assert_eq!(video.flows, [(11, 12)]);
    assert_eq!(video.direction, Direction::SendOnly);
    assert_eq!(video.extension(Extension::Rid), None);
    assert_eq!(video.extension(Extension::DependencyDescriptor), None);
    assert_eq!(back.sections[2].direction, Direction::Inactive);
    assert!(text.contains("a=fmtp:111 minptime=10;useinbandfec=1;sprop-stereo=1\r\n"));
    assert!(text.contains("a=max-message-size:64512\r\n"));
    assert!(text.contains("a=candidate:1 1 udp 2130706431 127.0.0.1 7881 typ host\r\n"), "{text}");
    assert!(text.contains("127.0.0.1 7882 typ host tcptype passive\r\n"), "{text}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn damaged_offers_never_panic(
        which in 0..CAPTURES.len(),
        edits in proptest::collection::vec((any::<prop::sample::Index>(), 0u8..5, any::<u8>()), 1..12),
    ) {
        let mut bytes = CAPTURES[which].1.as_bytes().to_vec();
        for (at, how, byte) in edits {
            let at = at.index(bytes.len().max(1));
            match how {
                0 => {
                    if let Some(old) = bytes.get_mut(at) {
                        *old = byte;
                    }
                }
                1 => { bytes.truncate(at.max(1)); }
                2 => { bytes.insert(at, byte); }
                3 => {
                    // A whole line twice: double mids, double groups.
                    let end = bytes[at..].iter().position(|b| *b == b'\n').map_or(bytes.len(), |n| at + n + 1);
                    let start = bytes[..at].iter().rposition(|b| *b == b'\n').map_or(0, |n| n + 1);
                    let line = bytes[start..end].to_vec();
                    bytes.splice(start..start, line);
                }
                _ => {
                    let end = bytes[at..].iter().position(|b| *b == b'\n').map_or(bytes.len(), |n| at + n + 1);
                    let start = bytes[..at].iter().rposition(|b| *b == b'\n').map_or(0, |n| n + 1);
                    bytes.drain(start..end);
                }
            }
            if bytes.is_empty() { bytes.push(b'v'); }
        }
        let text = String::from_utf8_lossy(&bytes);
        if let Ok(remote) = parse(&text) {
            let replies = plain_replies(&remote);
            let answer = answer_to(&remote, &replies);
            let _ = media_settings(&remote, &replies);
            prop_assert!(parse(&answer).is_ok() || remote.sections.iter().all(|s| s.kind == SectionKind::Other || s.rejected), "{}", answer);
        }
    }

    #[test]
    fn any_text_is_answered_with_a_value_or_an_error(text in "[\\PC\r\n=]{0,400}") {
        let _ = parse(&text);
    }
}
