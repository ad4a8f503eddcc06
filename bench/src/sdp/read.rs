//! From text to [`Described`].

use std::net::{IpAddr, SocketAddr};

use anyhow::{Context, bail};
use chevet_sfu_core::api::{Codec, DtlsRole, Extension, Fingerprint, IceCredentials, MediaKind, Token};

use super::{Candidate, Content, Described, Direction, Feedback, Format, Payload, Section};

impl Described {
    /// Reads an offer or an answer. All sections share one transport (BUNDLE), which the first living section that tells
    /// of one describes.
    pub fn read(text: &str) -> anyhow::Result<Described> {
        if !text.starts_with("v=0") {
            bail!("not a session description");
        }
        let mut reader = Reader::default();
        for line in text.lines() {
            reader.line(line.trim_end());
        }
        reader.finish()
    }
}

/// The lines about a transport.
#[derive(Clone, Default)]
struct Transport {
    ufrag: Option<String>,
    pwd: Option<String>,
    fingerprint: Option<Fingerprint>,
    setup: Option<DtlsRole>,
}

#[derive(Default)]
struct Reader {
    /// That of the session, then of each section.
    session: Transport,
    transports: Vec<Transport>,
    session_direction: Option<Direction>,
    mixed: bool,
    candidates: Vec<Candidate>,
    sections: Vec<Section>,
}

impl Reader {
    fn line(&mut self, line: &str) {
        if let Some(words) = line.strip_prefix("m=") {
            self.sections.push(media_line(words, self.session_direction.unwrap_or(BOTH)));
            self.transports.push(Transport::default());
        } else if let Some(attribute) = line.strip_prefix("a=") {
            let (key, value) = attribute.split_once(':').unwrap_or((attribute, ""));
            self.attribute(key, value.trim(), attribute);
        }
    }

    fn attribute(&mut self, key: &str, value: &str, whole: &str) {
        let transport = self.transports.last_mut().unwrap_or(&mut self.session);
        match key {
            "ice-ufrag" => return transport.ufrag = Some(value.to_owned()),
            "ice-pwd" => return transport.pwd = Some(value.to_owned()),
            "fingerprint" => {
                transport.fingerprint = transport.fingerprint.or_else(|| fingerprint(value));
                return;
            }
            "setup" => {
                transport.setup = Some(if value == "active" { DtlsRole::Server } else { DtlsRole::Client });
                return;
            }
            "extmap-allow-mixed" => return self.mixed = true,
            "candidate" => {
                if let Some(candidate) = candidate(whole)
                    && !self.candidates.contains(&candidate)
                {
                    self.candidates.push(candidate);
                }
                return;
            }
            _ => {}
        }
        let Some(section) = self.sections.last_mut() else {
            self.session_direction = direction(key).or(self.session_direction);
            return;
        };
        if let Some(direction) = direction(key) {
            section.direction = direction;
            return;
        }
        match key {
            "mid" => section.mid = Token::new(value.as_bytes()),
            "bundle-only" => section.rejected = false,
            "rtpmap" => rtpmap(section, value),
            "fmtp" => fmtp(section, value),
            "rtcp-fb" => feedback(section, value),
            "extmap" => section.extensions.extend(extmap(value)),
            "msid" => section.track = value.split_whitespace().nth(1).map(str::to_owned),
            "ssrc-group" => {
                let mut words = value.split_whitespace();
                if words.next() == Some("FID")
                    && let (Some(Ok(source)), Some(Ok(rtx))) =
                        (words.next().map(str::parse), words.next().map(str::parse))
                {
                    section.flows.push((source, rtx));
                }
            }
            _ => {}
        }
    }

    fn finish(mut self) -> anyhow::Result<Described> {
        // What a payload type means may hang on lines after its rtpmap.
        for payload in self.sections.iter_mut().flat_map(|section| &mut section.payloads) {
            settle(payload);
        }
        let alive = self.transports.iter().zip(&self.sections).filter(|(_, section)| !section.rejected);
        let sources = alive.map(|(transport, _)| transport).chain([&self.session]).chain(&self.transports);
        let mut found = Transport::default();
        for source in sources {
            if found.ufrag.is_none() || found.pwd.is_none() {
                (found.ufrag, found.pwd) = (source.ufrag.clone(), source.pwd.clone());
            }
            found.fingerprint = found.fingerprint.or(source.fingerprint);
            found.setup = found.setup.or(source.setup);
        }
        self.candidates.sort_by_key(|candidate| std::cmp::Reverse(candidate.priority));
        Ok(Described {
            ice: IceCredentials {
                ufrag: found.ufrag.context("no ICE user name in the description")?,
                pwd: found.pwd.context("no ICE password in the description")?,
            },
            fingerprint: found.fingerprint.context("no SHA-256 fingerprint in the description")?,
            role: found.setup.unwrap_or(DtlsRole::Client),
            candidates: self.candidates,
            mixed_extensions: self.mixed,
            sections: self.sections,
        })
    }
}

const BOTH: Direction = Direction { sends: true, receives: true };

fn direction(key: &str) -> Option<Direction> {
    match key {
        "sendrecv" => Some(BOTH),
        "sendonly" => Some(Direction { sends: true, receives: false }),
        "recvonly" => Some(Direction { sends: false, receives: true }),
        "inactive" => Some(Direction { sends: false, receives: false }),
        _ => None,
    }
}

/// `audio 9 UDP/TLS/RTP/SAVPF 111 63`
fn media_line(words: &str, direction: Direction) -> Section {
    let mut words = words.split_ascii_whitespace();
    let media = words.next().unwrap_or_default();
    let rejected = words.next().is_none_or(|port| port == "0");
    let protocol = words.next().unwrap_or_default();
    let content = match media {
        "audio" if protocol.contains("RTP") => Content::Media(MediaKind::Audio),
        "video" if protocol.contains("RTP") => Content::Media(MediaKind::Video),
        "application" if protocol.ends_with("SCTP") => Content::Data,
        _ => Content::Other,
    };
    let payloads = match content {
        Content::Media(_) => words
            .filter_map(|word| word.parse().ok())
            .map(|pt| Payload { pt, format: Format::Other, fmtp: String::new(), feedback: Vec::new() })
            .collect(),
        _ => Vec::new(),
    };
    Section {
        content,
        protocol: protocol.to_owned(),
        mid: None,
        rejected,
        direction,
        payloads,
        extensions: Vec::new(),
        flows: Vec::new(),
        track: None,
    }
}

fn payload<'a, 'b>(section: &'a mut Section, value: &'b str) -> Option<(&'a mut Payload, &'b str)> {
    let (pt, rest) = value.split_once(' ')?;
    let pt: u8 = pt.parse().ok()?;
    Some((section.payloads.iter_mut().find(|payload| payload.pt == pt)?, rest.trim()))
}

fn rtpmap(section: &mut Section, value: &str) {
    const KNOWN: [(&str, Format); 7] = [
        ("opus/48000/2", Format::Codec(Codec::Opus)),
        ("red/48000/2", Format::Codec(Codec::Red)),
        ("VP8/90000", Format::Codec(Codec::Vp8)),
        ("VP9/90000", Format::Codec(Codec::Vp9)),
        ("H264/90000", Format::Codec(Codec::H264)),
        ("AV1/90000", Format::Codec(Codec::Av1)),
        // Of nobody, until its fmtp line says whose.
        ("rtx/90000", Format::Rtx(u8::MAX)),
    ];
    if let Some((payload, name)) = payload(section, value)
        && let Some((_, format)) = KNOWN.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))
    {
        payload.format = *format;
    }
}

fn fmtp(section: &mut Section, value: &str) {
    if let Some((payload, rest)) = payload(section, value) {
        payload.fmtp = rest.to_owned();
    }
}

fn settle(payload: &mut Payload) {
    let parameter = |name: &str| {
        payload.fmtp.split(';').find_map(|part| {
            let (key, value) = part.split_once('=')?;
            key.trim().eq_ignore_ascii_case(name).then(|| value.trim())
        })
    };
    let format = match payload.format {
        Format::Rtx(_) => {
            parameter("apt").and_then(|apt| apt.parse().ok()).map_or(Format::Other, Format::Rtx)
        }
        // We send fragments (RFC 6184 5.4), which mode 0 has not.
        Format::Codec(Codec::H264) if parameter("packetization-mode") != Some("1") => Format::Other,
        other => other,
    };
    payload.format = format;
}

fn feedback(section: &mut Section, value: &str) {
    let Some((pt, rest)) = value.split_once(' ') else {
        return;
    };
    let Some(kind) = Feedback::ALL.into_iter().find(|kind| kind.as_str() == rest.trim()) else {
        return;
    };
    let pt: Option<u8> = pt.parse().ok();
    for payload in section.payloads.iter_mut().filter(|payload| pt.is_none_or(|pt| pt == payload.pt)) {
        payload.feedback.push(kind);
    }
}

/// `<id>[/<direction>] <uri>` (RFC 8285 8).
fn extmap(value: &str) -> Option<(u8, Extension)> {
    let (number, rest) = value.split_once(' ')?;
    let uri = rest.split_ascii_whitespace().next()?;
    let id = number.split('/').next()?.parse().ok()?;
    Extension::ALL.into_iter().find(|known| known.uri() == uri).map(|extension| (id, extension))
}

/// `sha-256 AA:BB:...` (RFC 8122 5).
fn fingerprint(value: &str) -> Option<Fingerprint> {
    let (hash, hex) = value.split_once(' ')?;
    if !hash.eq_ignore_ascii_case("sha-256") {
        return None;
    }
    let mut bytes = [0; 32];
    let mut parts = hex.trim().split(':');
    for byte in &mut bytes {
        *byte = u8::from_str_radix(parts.next()?, 16).ok()?;
    }
    parts.next().is_none().then_some(Fingerprint(bytes))
}

/// `[a=]candidate:...` (RFC 8839 5.1). None for TCP, for RTCP components and for names instead of addresses.
pub fn candidate(line: &str) -> Option<Candidate> {
    let line = line.strip_prefix("a=").unwrap_or(line);
    let mut words = line.strip_prefix("candidate:")?.split_ascii_whitespace().skip(1);
    let (component, protocol) = (words.next()?, words.next()?);
    if component != "1" || !protocol.eq_ignore_ascii_case("udp") {
        return None;
    }
    let priority = words.next()?.parse().ok()?;
    let ip: IpAddr = words.next()?.parse().ok()?;
    let port = words.next()?.parse().ok()?;
    Some(Candidate { priority, addr: SocketAddr::new(ip, port) })
}
