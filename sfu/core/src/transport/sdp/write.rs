//! The two shapes of description that we write.

use std::fmt::Write;

use super::choose::{AgreedPayload, accepts};
use super::{Direction, MAX_MESSAGE_SIZE, RemoteDescription, Section, SectionKind};
use crate::api::{
    Candidate, CandidateProtocol, Codec, DtlsRole, Extension, Fingerprint, IceCredentials, MediaKind, Token,
};

/// One line with its CR LF. Writing to a String cannot fail.
macro_rules! line {
    ($out:expr, $($arg:tt)*) => {{
        let _ = write!($out.text, $($arg)*);
        $out.text.push_str("\r\n");
    }};
}

/// Header extensions that we offer to a subscriber, with our ids: Chromium's own numbers, so that captures of both
/// directions read alike.
pub const DOWNSTREAM_EXTENSIONS: [(u8, Extension); 7] = [
    (1, Extension::AudioLevel),
    (2, Extension::AbsSendTime),
    (3, Extension::TransportCc),
    (4, Extension::Mid),
    (5, Extension::PlayoutDelay),
    (6, Extension::AbsCaptureTime),
    (12, Extension::DependencyDescriptor),
];

/// Our end of a transport.
#[derive(Clone, Copy, Debug)]
pub struct LocalEnd<'a> {
    pub ice: &'a IceCredentials,
    pub fingerprint: &'a Fingerprint,
    pub candidates: &'a [Candidate],
    /// The number of the `o=` line, constant over the transport's life.
    pub session: u64,
    /// Rises with every description (RFC 8866 5.2).
    pub version: u64,
}

/// A track on its way down, as its section names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sender {
    /// `a=msid`: `PA_x|TR_y`.
    pub stream: String,
    /// `a=msid`: `TR_y`.
    pub track: String,
    pub cname: String,
    pub ssrc: u32,
    pub rtx_ssrc: Option<u32>,
}

/// Our reply to one section of an offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replied {
    /// Only for what the offer itself rejects, and for kinds of media that are none of ours.
    Rejected,
    Data,
    Media {
        /// Ours.
        direction: Direction,
        payloads: Vec<AgreedPayload>,
        sender: Option<Sender>,
    },
}

/// A section of our offer.
#[derive(Clone, Copy, Debug)]
pub struct Offered<'a> {
    pub mid: Token,
    pub media: OfferedMedia<'a>,
}

#[derive(Clone, Copy, Debug)]
pub enum OfferedMedia<'a> {
    Data,
    /// Without a sender the section is inactive.
    Track {
        kind: MediaKind,
        payloads: &'a [AgreedPayload],
        sender: Option<&'a Sender>,
    },
}

/// Answers an offer; `replies` has one entry for each of its sections. No line is rejected that the client did not
/// reject itself: what cannot be used is inactive.
pub fn answer(
    local: LocalEnd<'_>,
    remote: &RemoteDescription,
    replies: &[Replied],
    role: DtlsRole,
) -> String {
    let replied = || remote.sections.iter().zip(replies.iter().chain(std::iter::repeat(&Replied::Rejected)));
    let alive = || replied().filter(|(section, reply)| !section.rejected && **reply != Replied::Rejected);
    let setup = match role {
        DtlsRole::Client => "active",
        DtlsRole::Server => "passive",
    };

    let mut out = Writer::new(local, setup);
    out.session(alive().filter_map(|(section, _)| section.mid), remote.mixed_extensions);
    for (section, reply) in replied() {
        let (Some(mid), false) = (section.mid, section.rejected) else {
            out.rejected(section);
            continue;
        };
        match reply {
            Replied::Rejected => out.rejected(section),
            Replied::Data => out.data(mid),
            Replied::Media { direction, payloads, sender } => {
                out.answered_media(section, mid, *direction, payloads, sender.as_ref());
            }
        }
    }
    out.text
}

/// Offers the sections to a subscriber.
pub fn offer(local: LocalEnd<'_>, sections: &[Offered<'_>]) -> String {
    let mut out = Writer::new(local, "actpass");
    out.session(sections.iter().map(|section| section.mid), true);
    for section in sections {
        match section.media {
            OfferedMedia::Data => out.data(section.mid),
            OfferedMedia::Track { kind, payloads, sender } => {
                let name = match kind {
                    MediaKind::Audio => "audio",
                    MediaKind::Video => "video",
                };
                out.media_line(name, "UDP/TLS/RTP/SAVPF", payloads);
                out.transport(section.mid);
                for (id, extension) in DOWNSTREAM_EXTENSIONS {
                    if offers(kind, payloads, extension) {
                        line!(out, "a=extmap:{id} {}", extension.uri());
                    }
                }
                out.direction(if sender.is_some() { Direction::SendOnly } else { Direction::Inactive });
                out.payloads(payloads);
                if let Some(sender) = sender {
                    out.sender(sender);
                }
            }
        }
    }
    out.text
}

/// Dependency descriptors go down only for codecs with layers inside one stream.
fn offers(kind: MediaKind, payloads: &[AgreedPayload], extension: Extension) -> bool {
    match extension {
        Extension::AudioLevel => kind == MediaKind::Audio,
        Extension::PlayoutDelay => kind == MediaKind::Video,
        Extension::DependencyDescriptor => {
            payloads.iter().any(|payload| matches!(payload.codec, Codec::Vp9 | Codec::Av1))
        }
        _ => true,
    }
}

struct Writer<'a> {
    text: String,
    local: LocalEnd<'a>,
    setup: &'static str,
    /// Candidates are told once, in the section that leads the BUNDLE group.
    candidates_told: bool,
}

impl<'a> Writer<'a> {
    fn new(local: LocalEnd<'a>, setup: &'static str) -> Writer<'a> {
        Writer { text: String::with_capacity(4096), local, setup, candidates_told: false }
    }

    fn session(&mut self, mids: impl Iterator<Item = Token>, mixed: bool) {
        line!(self, "v=0");
        line!(self, "o=- {} {} IN IP4 127.0.0.1", self.local.session, self.local.version);
        line!(self, "s=-");
        line!(self, "t=0 0");
        self.text.push_str("a=group:BUNDLE");
        for mid in mids {
            self.text.push(' ');
            self.text.push_str(mid.as_str());
        }
        self.text.push_str("\r\n");
        line!(self, "a=msid-semantic: WMS *");
        if mixed {
            line!(self, "a=extmap-allow-mixed");
        }
        line!(self, "a=ice-lite");
    }

    /// The lines of one transport; every section repeats them, as browsers do.
    fn transport(&mut self, mid: Token) {
        let LocalEnd { ice, fingerprint, candidates, .. } = self.local;
        line!(self, "c=IN IP4 0.0.0.0");
        if !self.candidates_told {
            self.candidates_told = true;
            for (index, candidate) in candidates.iter().enumerate() {
                self.candidate(index, *candidate);
            }
            line!(self, "a=end-of-candidates");
        }
        line!(self, "a=ice-ufrag:{}", ice.ufrag);
        line!(self, "a=ice-pwd:{}", ice.pwd);
        self.text.push_str("a=fingerprint:sha-256 ");
        for (index, byte) in fingerprint.0.iter().enumerate() {
            let _ = write!(self.text, "{}{byte:02X}", if index == 0 { "" } else { ":" });
        }
        self.text.push_str("\r\n");
        line!(self, "a=setup:{}", self.setup);
        line!(self, "a=mid:{}", mid.as_str());
    }

    /// RFC 8839 5.1; priority by RFC 8445 5.1.2.1, TCP below UDP as RFC 6544 4.2 advises.
    fn candidate(&mut self, index: usize, candidate: Candidate) {
        let (ip, port) = (candidate.addr.ip(), candidate.addr.port());
        let preference = 65_535u32.saturating_sub(index as u32);
        let priority = |kind: u32| (kind << 24) | (preference << 8) | 255;
        let foundation = index.saturating_add(1);
        match candidate.protocol {
            CandidateProtocol::Udp => {
                let priority = priority(126);
                line!(self, "a=candidate:{foundation} 1 udp {priority} {ip} {port} typ host");
            }
            CandidateProtocol::TcpPassive => {
                let priority = priority(90);
                line!(self, "a=candidate:{foundation} 1 tcp {priority} {ip} {port} typ host tcptype passive");
            }
        }
    }

    fn data(&mut self, mid: Token) {
        line!(self, "m=application 9 UDP/DTLS/SCTP webrtc-datachannel");
        self.transport(mid);
        line!(self, "a=sctp-port:5000");
        line!(self, "a=max-message-size:{MAX_MESSAGE_SIZE}");
    }

    fn rejected(&mut self, section: &Section) {
        let format = section.formats.first().map_or("0", String::as_str);
        let (media, protocol) = (section.media.as_str(), section.protocol.as_str());
        line!(self, "m={media} 0 {protocol} {format}");
        line!(self, "c=IN IP4 0.0.0.0");
        line!(self, "a=inactive");
        if let Some(mid) = section.mid {
            line!(self, "a=mid:{}", mid.as_str());
        }
    }

    fn media_line(&mut self, media: &str, protocol: &str, payloads: &[AgreedPayload]) {
        let _ = write!(self.text, "m={media} 9 {protocol}");
        for payload in payloads {
            let _ = write!(self.text, " {}", payload.pt);
            if let Some(rtx) = payload.rtx {
                let _ = write!(self.text, " {rtx}");
            }
        }
        self.text.push_str("\r\n");
    }

    fn answered_media(
        &mut self,
        section: &Section,
        mid: Token,
        direction: Direction,
        payloads: &[AgreedPayload],
        sender: Option<&Sender>,
    ) {
        if payloads.is_empty() {
            return self.unusable(section, mid);
        }
        self.media_line(&section.media, &section.protocol, payloads);
        self.transport(mid);
        for offered in &section.extensions {
            if !accepts(section, payloads, direction.receives(), offered.extension) {
                continue;
            }
            let (id, uri) = (offered.id, offered.extension.uri());
            match offered.direction.map(Direction::reversed) {
                Some(limited) => line!(self, "a=extmap:{id}/{} {uri}", limited.as_str()),
                None => line!(self, "a=extmap:{id} {uri}"),
            }
        }
        self.direction(direction);
        self.payloads(payloads);
        if direction.receives() && !section.simulcast.is_empty() {
            for rid in &section.simulcast {
                line!(self, "a=rid:{} recv", rid.as_str());
            }
            let streams = section.simulcast.iter().map(Token::as_str).collect::<Vec<_>>().join(";");
            line!(self, "a=simulcast:recv {streams}");
        }
        if let (true, Some(sender)) = (direction.sends(), sender) {
            self.sender(sender);
        }
    }

    /// No codec in common: the section stays, inactive, with the first format of the client.
    fn unusable(&mut self, section: &Section, mid: Token) {
        let Some(first) = section.payloads.first() else {
            return self.rejected(section);
        };
        let (media, protocol, pt) = (section.media.as_str(), section.protocol.as_str(), first.pt);
        line!(self, "m={media} 9 {protocol} {pt}");
        self.transport(mid);
        self.direction(Direction::Inactive);
        if section.kind == SectionKind::Audio && first.channels > 1 {
            line!(self, "a=rtpmap:{pt} {}/{}/{}", first.encoding, first.clock, first.channels);
        } else if !first.encoding.is_empty() {
            line!(self, "a=rtpmap:{pt} {}/{}", first.encoding, first.clock);
        }
    }

    fn direction(&mut self, direction: Direction) {
        line!(self, "a={}", direction.as_str());
        line!(self, "a=rtcp-mux");
        line!(self, "a=rtcp-rsize");
    }

    fn payloads(&mut self, payloads: &[AgreedPayload]) {
        for payload in payloads {
            let pt = payload.pt;
            line!(self, "a=rtpmap:{pt} {}", payload.rtpmap());
            if !payload.fmtp.is_empty() {
                line!(self, "a=fmtp:{pt} {}", payload.fmtp);
            }
            for feedback in &payload.feedback {
                line!(self, "a=rtcp-fb:{pt} {feedback}");
            }
            if let Some(rtx) = payload.rtx {
                line!(self, "a=rtpmap:{rtx} rtx/90000");
                line!(self, "a=fmtp:{rtx} apt={pt}");
            }
        }
    }

    fn sender(&mut self, sender: &Sender) {
        let Sender { stream, track, cname, ssrc, rtx_ssrc } = sender;
        line!(self, "a=msid:{stream} {track}");
        if let Some(rtx) = rtx_ssrc {
            line!(self, "a=ssrc-group:FID {ssrc} {rtx}");
        }
        for source in std::iter::once(*ssrc).chain(*rtx_ssrc) {
            line!(self, "a=ssrc:{source} cname:{cname}");
            line!(self, "a=ssrc:{source} msid:{stream} {track}");
        }
    }
}
