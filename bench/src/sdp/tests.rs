use std::net::SocketAddr;

use super::*;
use crate::peer::Local;

/// Janus 1.1.2 to an offer of ours with sound and simulcast video.
const JANUS_ANSWER: &str = "v=0\r
o=- 1838781700 1 IN IP4 127.0.0.1\r
s=VideoRoom 1000\r
t=0 0\r
a=group:BUNDLE 0 1\r
a=ice-options:trickle\r
a=fingerprint:sha-256 85:9A:08:33:AF:BC:BA:6A:1A:45:9A:60:C1:52:4D:9F:05:0F:3C:7F:FE:5F:BE:7F:D2:E5:05:81:EB:3A:72:16\r
a=extmap-allow-mixed\r
a=msid-semantic: WMS *\r
m=audio 9 UDP/TLS/RTP/SAVPF 111\r
c=IN IP4 127.0.0.1\r
a=recvonly\r
a=mid:0\r
a=rtcp-mux\r
a=ice-ufrag:MYC0\r
a=ice-pwd:YErBJ8wveGyHDXnoeQPCMv\r
a=ice-options:trickle\r
a=setup:active\r
a=rtpmap:111 opus/48000/2\r
a=fmtp:111 useinbandfec=1\r
a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r
a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r
a=msid:janus janus0\r
a=ssrc:3521772234 cname:janus\r
a=candidate:1 1 udp 2015363327 10.77.0.1 28629 typ host\r
a=end-of-candidates\r
m=video 9 UDP/TLS/RTP/SAVPF 96 97\r
c=IN IP4 127.0.0.1\r
a=recvonly\r
a=mid:1\r
a=rtcp-mux\r
a=ice-ufrag:MYC0\r
a=ice-pwd:YErBJ8wveGyHDXnoeQPCMv\r
a=setup:active\r
a=rtpmap:96 VP8/90000\r
a=rtcp-fb:96 nack\r
a=rtcp-fb:96 nack pli\r
a=rtcp-fb:96 transport-cc\r
a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r
a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r
a=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\r
a=extmap:11 urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id\r
a=rtpmap:97 rtx/90000\r
a=fmtp:97 apt=96\r
a=msid:janus janus1\r
a=ssrc:1699176999 cname:janus\r
a=rid:q recv\r
a=rid:h recv\r
a=rid:f recv\r
a=simulcast:recv q;h;f\r
a=candidate:1 1 udp 2015363327 10.77.0.1 28629 typ host\r
a=end-of-candidates\r
";

/// As a server offers to a subscriber in v0: data, a track in one of two H.264 modes, an idle section, a rejected one.
const SUBSCRIBER_OFFER: &str = "v=0\r
o=- 5 2 IN IP4 127.0.0.1\r
s=-\r
t=0 0\r
a=group:BUNDLE 0 1 2\r
a=extmap-allow-mixed\r
a=ice-lite\r
a=fingerprint:sha-1 00:11\r
a=fingerprint:sha-256 09:09:09:09:09:09:09:09:09:09:09:09:09:09:09:09:09:09:09:09:09:09:09:09:09:09:09:09:09:09:09:09\r
m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r
c=IN IP4 0.0.0.0\r
a=setup:actpass\r
a=mid:0\r
a=sendrecv\r
a=sctp-port:5000\r
a=ice-ufrag:EsAw\r
a=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r
a=candidate:1 1 tcp 1518280447 127.0.0.1 7881 typ host tcptype passive\r
a=candidate:2 1 udp 2130706175 192.0.2.7 7882 typ host\r
a=candidate:3 1 udp 2130706431 127.0.0.1 7882 typ host\r
a=candidate:4 2 udp 2130706430 127.0.0.1 7882 typ host\r
a=candidate:5 1 udp 2130706431 abc.local 7882 typ host\r
m=video 9 UDP/TLS/RTP/SAVPF 125 126 108 109 35\r
c=IN IP4 0.0.0.0\r
a=setup:actpass\r
a=mid:1\r
a=ice-ufrag:EsAw\r
a=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r
a=extmap:4/sendonly urn:ietf:params:rtp-hdrext:sdes:mid\r
a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r
a=extmap:12 https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension\r
a=extmap:9 urn:nobody:knows\r
a=rtpmap:125 H264/90000\r
a=fmtp:125 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r
a=rtcp-fb:125 nack\r
a=rtcp-fb:125 nack pli\r
a=rtcp-fb:125 nack sli\r
a=rtcp-fb:* transport-cc\r
a=rtpmap:126 rtx/90000\r
a=fmtp:126 apt=125\r
a=rtpmap:108 H264/90000\r
a=fmtp:108 level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42e01f\r
a=rtpmap:109 rtx/90000\r
a=fmtp:109 apt=108\r
a=rtpmap:35 AV1/90000\r
a=msid:PA_x|TR_y TR_y\r
a=ssrc-group:FID 11 12\r
a=ssrc:11 cname:PA_x\r
a=ssrc:12 cname:PA_x\r
a=sendonly\r
m=audio 9 UDP/TLS/RTP/SAVPF 111 63\r
a=mid:2\r
a=rtpmap:111 opus/48000/2\r
a=rtpmap:63 red/48000/2\r
a=fmtp:63 111/111\r
a=inactive\r
m=video 0 UDP/TLS/RTP/SAVPF 96\r
a=mid:3\r
a=rtpmap:96 VP8/90000\r
a=inactive\r
";

fn token(text: &str) -> Token {
    Token::new(text.as_bytes()).expect("short")
}

fn local() -> Local {
    Local {
        ice: IceCredentials { ufrag: "abcd".into(), pwd: "0123456789012345678901".into() },
        fingerprint: Fingerprint([7; 32]),
    }
}

fn end(local: &Local, candidate: Option<SocketAddr>) -> End<'_> {
    End { local, candidate, session: 5, version: 3 }
}

fn encoding(rid: Option<&str>, ssrc: u32) -> EncodingSpec {
    EncodingSpec {
        rid: rid.map(token),
        ssrc,
        rtx_ssrc: Some(ssrc + 1),
        bits_per_second: 1,
        width: 320,
        height: 180,
    }
}

#[test]
fn an_answer_of_janus_is_read() {
    let answer = Described::read(JANUS_ANSWER).expect("an answer");
    assert_eq!(answer.role, DtlsRole::Server, "it wants to begin the handshake");
    let remote = answer.remote(&[]);
    assert_eq!(remote.candidates, ["10.77.0.1:28629".parse().expect("an address")]);
    assert_eq!(remote.ice.ufrag, "MYC0");
    assert_eq!(remote.fingerprint.0[..2], [0x85, 0x9a]);
    assert!(!remote.data && remote.media.transport_cc);
    let settings = remote.media.settings;
    assert!(settings.mixed_extensions);
    assert_eq!(settings.payloads[1], PayloadType { pt: 96, codec: Codec::Vp8, rtx: Some(97) });
    assert!(settings.extensions.contains(&(10, Extension::Rid)) && settings.extensions.len() == 5);
    let video = answer.section(token("1")).expect("video");
    assert_eq!((video.payload_of(Codec::Vp8), video.payload_of(Codec::H264)), (Some(96), None));
    assert!(video.alive() && video.direction.receives && !video.direction.sends);
}

#[test]
fn an_offer_to_a_subscriber_is_read_and_answered_with_what_both_know() {
    let offer = Described::read(SUBSCRIBER_OFFER).expect("an offer");
    assert_eq!(offer.role, DtlsRole::Client);
    assert_eq!(offer.ice.pwd, "P2uYro0UCOQ4zxjKXaWCBui1");
    assert_eq!(offer.fingerprint, Fingerprint([9; 32]));
    let addrs: Vec<String> = offer.candidates.iter().map(|candidate| candidate.addr.to_string()).collect();
    assert_eq!(addrs, ["127.0.0.1:7882", "192.0.2.7:7882"], "UDP only, best first");
    assert!(offer.data());
    let media = offer.media();
    assert_eq!(media.retransmissions, [(12, 11)]);
    assert_eq!(
        media.settings.payloads,
        [
            PayloadType { pt: 125, codec: Codec::H264, rtx: Some(126) },
            PayloadType { pt: 111, codec: Codec::Opus, rtx: None },
        ]
    );
    assert_eq!(media.settings.extensions, [(4, Extension::Mid), (3, Extension::TransportCc)]);
    assert_eq!(offer.sections[1].track.as_deref(), Some("TR_y"));

    let local = local();
    let text = answer(end(&local, Some("10.1.2.3:4".parse().expect("an address"))), &offer);
    assert!(text.contains("a=group:BUNDLE 0 1 2\r\n"), "{text}");
    assert!(text.contains("m=video 9 UDP/TLS/RTP/SAVPF 125 126\r\n"), "{text}");
    assert!(
        text.contains("a=rtcp-fb:125 transport-cc\r\na=rtcp-fb:125 nack\r\na=rtcp-fb:125 nack pli\r\n"),
        "{text}"
    );
    assert!(!text.contains("dependency-descriptor") && !text.contains("red/48000"), "{text}");
    assert_eq!(text.matches("a=candidate:").count(), 1);
    // Read back by the reader of the other side.
    let back = Described::read(&text).expect("our own answer");
    assert_eq!(back.role, DtlsRole::Server, "we begin the handshake");
    let directions: Vec<(bool, bool, bool)> = back
        .sections
        .iter()
        .map(|section| (section.rejected, section.direction.sends, section.direction.receives))
        .collect();
    assert_eq!(directions[1..], [(false, false, true), (false, false, false), (true, false, false)]);
    assert_eq!(back.media().settings.payloads, media.settings.payloads);
    chevet_sfu_core::transport::sdp::parse(&text).expect("a server reads it, too");
}

#[test]
fn an_offer_of_ours_is_what_a_server_reads_it_to_be() {
    let send =
        |codec, cid: &str, encodings| OurContent::Send(Sending { codec, cid: cid.to_owned(), encodings });
    let contents = [
        OurContent::Receive(MediaKind::Audio),
        OurContent::Receive(MediaKind::Video),
        OurContent::Data,
        send(Codec::Opus, "mic", vec![EncodingSpec { rtx_ssrc: None, ..encoding(None, 11) }]),
        send(Codec::Vp8, "cam", ["q", "h", "f"].map(|rid| encoding(Some(rid), 1)).to_vec()),
        send(Codec::H264, "screen", vec![encoding(None, 21)]),
    ];
    let sections: Vec<Ours> = contents
        .into_iter()
        .enumerate()
        .map(|(number, content)| Ours { mid: token(&number.to_string()), content })
        .collect();
    let local = local();
    let text = offer(end(&local, None), &sections);
    let read = chevet_sfu_core::transport::sdp::parse(&text).expect("a server reads it");
    assert_eq!((read.ice, read.fingerprint), (local.ice.clone(), local.fingerprint));
    assert!(read.mixed_extensions && read.sections.len() == 6 && read.bundle.len() == 6);
    let directions: Vec<&str> = read.sections.iter().map(|section| section.direction.as_str()).collect();
    assert_eq!(directions, ["recvonly", "recvonly", "sendrecv", "sendonly", "sendonly", "sendonly"]);
    let camera = &read.sections[4];
    assert_eq!(camera.simulcast, [token("q"), token("h"), token("f")]);
    assert!(camera.ssrcs.is_empty(), "as Chromium, which tells no SSRCs of simulcast");
    assert_eq!(camera.msid.as_ref().map(|msid| msid.track.as_str()), Some("cam"));
    for extension in [Extension::Rid, Extension::RepairedRid, Extension::TransportCc, Extension::AbsSendTime]
    {
        assert!(camera.extension(extension).is_some(), "{extension:?}");
    }
    assert_eq!(read.sections[3].extension(Extension::AudioLevel), Some(1));
    assert_eq!(read.sections[3].ssrcs, [11]);
    let screen = &read.sections[5];
    assert_eq!(screen.flows, [(21, 22)]);
    let first = screen.payloads.first().and_then(|payload| payload.codec(screen));
    assert_eq!(first, Some(Codec::H264));
}

/// Real descriptions of browsers and SDKs: whatever they hold, the transport of all of them is read.
#[test]
fn captured_descriptions_of_real_clients_are_read() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../sfu/core/tests/fixtures/sdp");
    let mut count = 0;
    for file in std::fs::read_dir(&folder).expect("the captures").flatten() {
        let name = file.file_name().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(file.path()).expect("text");
        let described = Described::read(&text).unwrap_or_else(|error| panic!("{name}: {error:#}"));
        let server = chevet_sfu_core::transport::sdp::parse(&text).expect("the server reads it");
        assert_eq!(described.ice, server.ice, "{name}");
        assert_eq!(described.fingerprint, server.fingerprint, "{name}");
        let of = |section: &Section| (section.mid, section.rejected, section.direction.sends);
        let ours: Vec<_> = described.sections.iter().map(of).collect();
        let theirs: Vec<_> = server
            .sections
            .iter()
            .map(|section| (section.mid, section.rejected, section.direction.sends()))
            .collect();
        assert_eq!(ours, theirs, "{name}");
        let local = local();
        Described::read(&answer(end(&local, None), &described))
            .unwrap_or_else(|error| panic!("{name}: {error:#}"));
        count += 1;
    }
    assert!(count >= 10, "{count} captures");
}

#[test]
fn what_is_no_description_is_an_error_and_not_a_guess() {
    for text in ["", "v=0", "hello", "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=ice-ufrag:abcd\r\n"] {
        assert!(Described::read(text).is_err(), "{text:?}");
    }
    let without = JANUS_ANSWER.replace("sha-256", "sha-512");
    assert!(Described::read(&without).is_err());
}

#[test]
fn trickled_candidates_are_added_to_those_of_the_description() {
    let answer = Described::read(JANUS_ANSWER).expect("an answer");
    let better = candidate("candidate:9 1 UDP 2130706431 192.0.2.1 5 typ host generation 0").expect("UDP");
    let same = candidate("a=candidate:1 1 udp 2015363327 10.77.0.1 28629 typ host").expect("UDP");
    let addrs: Vec<String> =
        answer.remote(&[better, same]).candidates.iter().map(SocketAddr::to_string).collect();
    assert_eq!(addrs, ["192.0.2.1:5", "10.77.0.1:28629"]);
    assert_eq!(candidate("candidate:9 1 tcp 1 192.0.2.1 5 typ host"), None);
    assert_eq!(candidate(""), None);
}
