//! The text of our offers and answers.

use std::fmt::Write;
use std::net::SocketAddr;

use chevet_sfu_core::api::{Codec, Extension, MediaKind, Token};

use super::{Content, Described, Feedback, Format, MAX_MESSAGE_SIZE, OurContent, Ours, Section, Sending};
use crate::peer::Local;

/// One line with its CR LF. Writing to a String cannot fail.
macro_rules! line {
    ($out:expr, $($arg:tt)*) => {{
        let _ = write!($out, $($arg)*);
        $out.push_str("\r\n");
    }};
}

const AUDIO_EXTENSIONS: &str = "\
a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r
a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time\r
a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r
a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r
";
const VIDEO_EXTENSIONS: &str = "\
a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time\r
a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r
a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r
a=extmap:5 http://www.webrtc.org/experiments/rtp-hdrext/playout-delay\r
a=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\r
a=extmap:11 urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id\r
";
const AUDIO_CODECS: &str = "\
a=rtpmap:111 opus/48000/2\r
a=rtcp-fb:111 transport-cc\r
a=fmtp:111 minptime=10;useinbandfec=1\r
";
const VIDEO_CODECS: &str = "\
a=rtpmap:96 VP8/90000\r
a=rtcp-fb:96 goog-remb\r
a=rtcp-fb:96 transport-cc\r
a=rtcp-fb:96 ccm fir\r
a=rtcp-fb:96 nack\r
a=rtcp-fb:96 nack pli\r
a=rtpmap:97 rtx/90000\r
a=fmtp:97 apt=96\r
a=rtpmap:102 H264/90000\r
a=rtcp-fb:102 goog-remb\r
a=rtcp-fb:102 transport-cc\r
a=rtcp-fb:102 ccm fir\r
a=rtcp-fb:102 nack\r
a=rtcp-fb:102 nack pli\r
a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r
a=rtpmap:103 rtx/90000\r
a=fmtp:103 apt=102\r
";

/// Codecs that we can send and judge.
pub(super) fn understands(codec: Codec) -> bool {
    matches!(codec, Codec::Opus | Codec::Vp8 | Codec::H264)
}

/// Header extensions that we agree to. Descriptors of dependencies are for codecs that we do not take.
pub(super) fn takes(extension: Extension) -> bool {
    extension != Extension::DependencyDescriptor
}

/// Our end of a peer connection.
#[derive(Clone, Copy, Debug)]
pub struct End<'a> {
    pub local: &'a Local,
    /// A host candidate to put into the description; None where candidates are trickled.
    pub candidate: Option<SocketAddr>,
    /// The number of the `o=` line, constant over the connection's life.
    pub session: u64,
    /// Rises with every description (RFC 8866 5.2).
    pub version: u64,
}

/// Offers the sections.
pub fn offer(end: End<'_>, sections: &[Ours]) -> String {
    let mut out = String::with_capacity(512 + 1536 * sections.len());
    session(&mut out, end, sections.iter().map(|section| section.mid));
    let transport = transport(end, "actpass");
    for (index, section) in sections.iter().enumerate() {
        match &section.content {
            OurContent::Data => out.push_str("m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n"),
            OurContent::Receive(MediaKind::Audio) => out.push_str("m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n"),
            OurContent::Receive(MediaKind::Video) => {
                out.push_str("m=video 9 UDP/TLS/RTP/SAVPF 96 97 102 103\r\n");
            }
            // What is to be sent comes first, as `setCodecPreferences` makes it.
            OurContent::Send(sending) => out.push_str(match sending.codec {
                Codec::Opus => "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n",
                Codec::H264 => "m=video 9 UDP/TLS/RTP/SAVPF 102 103 96 97\r\n",
                _ => "m=video 9 UDP/TLS/RTP/SAVPF 96 97 102 103\r\n",
            }),
        }
        out.push_str("c=IN IP4 0.0.0.0\r\n");
        if index == 0 {
            candidates(&mut out, end);
        }
        out.push_str(&transport);
        line!(out, "a=mid:{}", section.mid.as_str());
        match &section.content {
            OurContent::Data => data_lines(&mut out),
            OurContent::Receive(kind) => {
                out.push_str(extensions(*kind));
                out.push_str("a=recvonly\r\na=rtcp-mux\r\na=rtcp-rsize\r\n");
                out.push_str(codecs(*kind));
            }
            OurContent::Send(sending) => {
                let kind = sending.codec.kind();
                out.push_str(extensions(kind));
                line!(out, "a=msid:- {}", sending.cid);
                out.push_str("a=sendonly\r\na=rtcp-mux\r\na=rtcp-rsize\r\n");
                out.push_str(codecs(kind));
                sources(&mut out, sending);
            }
        }
    }
    out
}

/// Answers an offer: receives what it sends, as far as we understand it.
pub fn answer(end: End<'_>, offer: &Described) -> String {
    let mut out = String::with_capacity(512 + 1024 * offer.sections.len());
    let alive = |section: &&Section| !section.rejected && section.content != Content::Other;
    session(&mut out, end, offer.sections.iter().filter(alive).filter_map(|section| section.mid));
    let transport = transport(end, "active");
    let mut told = false;
    for section in &offer.sections {
        let (name, kind) = match section.content {
            Content::Media(MediaKind::Audio) => ("audio", Some(MediaKind::Audio)),
            Content::Media(MediaKind::Video) => ("video", Some(MediaKind::Video)),
            Content::Data | Content::Other => ("application", None),
        };
        let agreed = agreed(section);
        let usable = alive(&section) && (kind.is_none() || !agreed.is_empty());
        let Some(mid) = section.mid.filter(|_| usable) else {
            let format =
                section.payloads.first().map_or_else(|| "0".to_owned(), |first| first.pt.to_string());
            line!(out, "m={name} 0 {} {format}", section.protocol);
            out.push_str("c=IN IP4 0.0.0.0\r\na=inactive\r\n");
            if let Some(mid) = section.mid {
                line!(out, "a=mid:{}", mid.as_str());
            }
            continue;
        };
        let _ = write!(out, "m={name} 9 {}", section.protocol);
        match kind {
            None => out.push_str(" webrtc-datachannel"),
            Some(_) => {
                for pt in &agreed {
                    let _ = write!(out, " {pt}");
                }
            }
        }
        out.push_str("\r\nc=IN IP4 0.0.0.0\r\n");
        if !told {
            told = true;
            candidates(&mut out, end);
        }
        out.push_str(&transport);
        line!(out, "a=mid:{}", mid.as_str());
        if kind.is_none() {
            data_lines(&mut out);
            continue;
        }
        for (id, extension) in section.extensions.iter().filter(|(_, extension)| takes(*extension)) {
            line!(out, "a=extmap:{id} {}", extension.uri());
        }
        out.push_str(if section.direction.sends { "a=recvonly\r\n" } else { "a=inactive\r\n" });
        out.push_str("a=rtcp-mux\r\na=rtcp-rsize\r\n");
        payloads(&mut out, section, &agreed);
    }
    out
}

/// Payload types of the offer that we take, retransmissions behind their media.
fn agreed(section: &Section) -> Vec<u8> {
    let mut agreed = Vec::new();
    for payload in &section.payloads {
        if let Format::Codec(codec) = payload.format
            && understands(codec)
        {
            agreed.push(payload.pt);
            agreed.extend(section.rtx_of(payload.pt));
        }
    }
    agreed
}

fn payloads(out: &mut String, section: &Section, agreed: &[u8]) {
    for payload in section.payloads.iter().filter(|payload| agreed.contains(&payload.pt)) {
        let pt = payload.pt;
        match payload.format {
            Format::Codec(Codec::Opus) => {
                line!(out, "a=rtpmap:{pt} opus/48000/2");
                line!(out, "a=fmtp:{pt} minptime=10;useinbandfec=1");
            }
            Format::Codec(Codec::H264) => {
                line!(out, "a=rtpmap:{pt} H264/90000");
                line!(out, "a=fmtp:{pt} {}", payload.fmtp);
            }
            Format::Codec(_) => line!(out, "a=rtpmap:{pt} VP8/90000"),
            Format::Rtx(apt) => {
                line!(out, "a=rtpmap:{pt} rtx/90000");
                line!(out, "a=fmtp:{pt} apt={apt}");
            }
            Format::Other => {}
        }
        for kind in Feedback::ALL.into_iter().filter(|kind| payload.feedback.contains(kind)) {
            line!(out, "a=rtcp-fb:{pt} {}", kind.as_str());
        }
    }
}

fn session(out: &mut String, end: End<'_>, mids: impl Iterator<Item = Token>) {
    out.push_str("v=0\r\n");
    line!(out, "o=- {} {} IN IP4 127.0.0.1", end.session, end.version);
    out.push_str("s=-\r\nt=0 0\r\na=group:BUNDLE");
    for mid in mids {
        out.push(' ');
        out.push_str(mid.as_str());
    }
    out.push_str("\r\na=extmap-allow-mixed\r\na=msid-semantic: WMS\r\n");
}

/// The lines that every section repeats, as browsers write them.
fn transport(end: End<'_>, setup: &str) -> String {
    let mut out = String::with_capacity(256);
    line!(out, "a=ice-ufrag:{}", end.local.ice.ufrag);
    line!(out, "a=ice-pwd:{}", end.local.ice.pwd);
    out.push_str("a=ice-options:trickle\r\na=fingerprint:sha-256 ");
    for (index, byte) in end.local.fingerprint.0.iter().enumerate() {
        let _ = write!(out, "{}{byte:02X}", if index == 0 { "" } else { ":" });
    }
    out.push_str("\r\n");
    line!(out, "a=setup:{setup}");
    out
}

fn candidates(out: &mut String, end: End<'_>) {
    if let Some(addr) = end.candidate {
        line!(out, "a={}", host_candidate(addr));
        out.push_str("a=end-of-candidates\r\n");
    }
}

/// RFC 8839 5.1; priority by RFC 8445 5.1.2.1.
pub fn host_candidate(addr: SocketAddr) -> String {
    let priority = (126u32 << 24) | (65_535 << 8) | 255;
    format!("candidate:1 1 udp {priority} {} {} typ host generation 0", addr.ip(), addr.port())
}

fn data_lines(out: &mut String) {
    out.push_str("a=sctp-port:5000\r\n");
    line!(out, "a=max-message-size:{MAX_MESSAGE_SIZE}");
}

fn extensions(kind: MediaKind) -> &'static str {
    match kind {
        MediaKind::Audio => AUDIO_EXTENSIONS,
        MediaKind::Video => VIDEO_EXTENSIONS,
    }
}

fn codecs(kind: MediaKind) -> &'static str {
    match kind {
        MediaKind::Audio => AUDIO_CODECS,
        MediaKind::Video => VIDEO_CODECS,
    }
}

fn sources(out: &mut String, sending: &Sending) {
    let rids: Vec<&str> =
        sending.encodings.iter().filter_map(|encoding| encoding.rid.as_ref().map(Token::as_str)).collect();
    if !rids.is_empty() {
        for rid in &rids {
            line!(out, "a=rid:{rid} send");
        }
        line!(out, "a=simulcast:send {}", rids.join(";"));
        return;
    }
    for encoding in &sending.encodings {
        if let Some(rtx) = encoding.rtx_ssrc {
            line!(out, "a=ssrc-group:FID {} {rtx}", encoding.ssrc);
        }
        for ssrc in [Some(encoding.ssrc), encoding.rtx_ssrc].into_iter().flatten() {
            line!(out, "a=ssrc:{ssrc} cname:bench");
            line!(out, "a=ssrc:{ssrc} msid:- {}", sending.cid);
        }
    }
}
