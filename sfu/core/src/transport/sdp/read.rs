//! From text to [`RemoteDescription`].

use std::collections::HashSet;
use std::io::Cursor;

use rtc_sdp::description::common::Attribute;
use rtc_sdp::description::media::MediaDescription;
use rtc_sdp::description::session::SessionDescription;

use super::{
    Direction, MAX_DESCRIPTION, MAX_SECTIONS, Msid, OfferedExtension, Payload, RemoteDescription, Rid,
    SdpError, Section, SectionKind, Setup,
};
use crate::api::{Extension, Fingerprint, IceCredentials, Token};

/// Payload types of a section that are kept. Browsers offer about forty.
const MAX_PAYLOADS: usize = 128;

/// SSRCs, rids and groups of a section that are kept, each.
const MAX_SOURCES: usize = 32;

/// Reads an offer or an answer.
pub fn parse(text: &str) -> Result<RemoteDescription, SdpError> {
    if text.len() > MAX_DESCRIPTION {
        return Err(SdpError::TooLong(text.len()));
    }
    if text.lines().filter(|line| line.starts_with("m=")).count() > MAX_SECTIONS {
        return Err(SdpError::TooManySections);
    }
    let session = SessionDescription::unmarshal(&mut Cursor::new(text.as_bytes()))
        .map_err(|error| SdpError::Syntax(error.to_string()))?;

    let mut sections = Vec::with_capacity(session.media_descriptions.len());
    let mut mids = HashSet::new();
    for (index, media) in session.media_descriptions.iter().enumerate() {
        let section = read_section(index, media, &session.attributes)?;
        if let Some(mid) = section.mid
            && !mids.insert(mid)
        {
            return Err(SdpError::MidTwice(mid.as_str().to_owned()));
        }
        sections.push(section);
    }

    let bundle = read_bundle(&session.attributes);
    let alive = || sections.iter().enumerate().filter(|(_, section)| !section.rejected);
    if alive().next().is_none() {
        return Err(SdpError::Empty);
    }
    // One section needs no group to share its transport with itself.
    if alive().count() > 1 && alive().any(|(_, section)| section.mid.is_none_or(|mid| !bundle.contains(&mid)))
    {
        return Err(SdpError::Bundle);
    }

    // The transport is described by the section whose mid leads the group (RFC 9143 7.1); later ones repeat it or say
    // nothing.
    let leader = bundle
        .first()
        .and_then(|mid| alive().find(|(_, section)| section.mid == Some(*mid)))
        .or_else(|| alive().next())
        .and_then(|(index, _)| session.media_descriptions.get(index));
    let lines = || {
        leader
            .into_iter()
            .flat_map(|media| media.attributes.iter())
            .chain(session.attributes.iter())
            .chain(session.media_descriptions.iter().flat_map(|media| media.attributes.iter()))
    };

    let first = |key: &str| lines().find(|line| line.key == key).and_then(|line| line.value.as_deref());
    let ice = read_ice(first("ice-ufrag"), first("ice-pwd")).ok_or(SdpError::Ice)?;
    let fingerprint = lines()
        .filter(|line| line.key == "fingerprint")
        .find_map(|line| read_fingerprint(line.value.as_deref()?))
        .ok_or(SdpError::Fingerprint)?;
    let setup = match first("setup") {
        Some("active") => Setup::Active,
        Some("passive") => Setup::Passive,
        _ => Setup::ActPass,
    };

    let has = |lines: &[Attribute], key: &str| lines.iter().any(|line| line.key == key);
    let mut rtp = session
        .media_descriptions
        .iter()
        .zip(&sections)
        .filter(|(_, section)| {
            !section.rejected && matches!(section.kind, SectionKind::Audio | SectionKind::Video)
        })
        .peekable();
    let mixed_extensions = has(&session.attributes, "extmap-allow-mixed")
        || (rtp.peek().is_some() && rtp.all(|(media, _)| has(&media.attributes, "extmap-allow-mixed")));

    Ok(RemoteDescription { ice, fingerprint, setup, bundle, mixed_extensions, sections })
}

fn read_section(index: usize, media: &MediaDescription, session: &[Attribute]) -> Result<Section, SdpError> {
    let name = &media.media_name;
    let protocol = name.protos.join("/");
    let kind = match name.media.as_str() {
        "audio" if protocol.ends_with("RTP/SAVPF") => SectionKind::Audio,
        "video" if protocol.ends_with("RTP/SAVPF") => SectionKind::Video,
        "application" if protocol.ends_with("DTLS/SCTP") => SectionKind::Data,
        _ => SectionKind::Other,
    };
    let bundle_only = media.attributes.iter().any(|line| line.key == "bundle-only");
    let rejected = name.port.value == 0 && !bundle_only;

    let session_direction =
        session.iter().find_map(|line| Direction::from_str(&line.key)).unwrap_or(Direction::SendRecv);
    let mut section = Section {
        kind,
        media: name.media.clone(),
        protocol,
        formats: name.formats.iter().take(MAX_PAYLOADS).cloned().collect(),
        mid: None,
        rejected,
        direction: session_direction,
        payloads: Vec::new(),
        extensions: Vec::new(),
        rids: Vec::new(),
        simulcast: Vec::new(),
        msid: None,
        ssrcs: Vec::new(),
        flows: Vec::new(),
        sctp_port: None,
        max_message_size: None,
    };
    if matches!(kind, SectionKind::Audio | SectionKind::Video) {
        for format in &section.formats {
            let Ok(pt @ 0..=127) = format.parse::<u8>() else {
                return Err(SdpError::Line("m=", index));
            };
            if section.payloads.iter().any(|payload| payload.pt == pt) {
                continue;
            }
            section.payloads.push(Payload {
                pt,
                encoding: String::new(),
                clock: 0,
                channels: 1,
                fmtp: String::new(),
                feedback: Vec::new(),
            });
        }
    }

    let mut rtcp_mux = false;
    let mut all_feedback = Vec::new();
    for line in &media.attributes {
        let value = line.value.as_deref().unwrap_or("").trim();
        match line.key.as_str() {
            "mid" => {
                section.mid =
                    Some(Token::new(value.as_bytes()).filter(is_token).ok_or(SdpError::Mid(index))?);
            }
            "rtcp-mux" | "rtcp-mux-only" => rtcp_mux = true,
            "rtpmap" => read_rtpmap(&mut section, value),
            "fmtp" => {
                if let Some((payload, rest)) = payload_line(&mut section, value) {
                    payload.fmtp = rest.to_owned();
                }
            }
            "rtcp-fb" => {
                if let Some(rest) = value.strip_prefix("* ") {
                    all_feedback.push(rest.trim().to_owned());
                } else if let Some((payload, rest)) = payload_line(&mut section, value)
                    && payload.feedback.len() < MAX_SOURCES
                {
                    payload.feedback.push(rest.to_owned());
                }
            }
            "extmap" => section.extensions.extend(read_extmap(value)),
            "rid" => {
                let mut words = value.split_ascii_whitespace();
                let id = words.next().and_then(|word| Token::new(word.as_bytes())).filter(is_token);
                let sends = words.next().map(|word| word == "send");
                if let (Some(id), Some(sends)) = (id, sends)
                    && section.rids.len() < MAX_SOURCES
                {
                    section.rids.push(Rid { id, sends });
                }
            }
            "simulcast" => section.simulcast = read_simulcast(value),
            "msid" => {
                let mut words = value.split_ascii_whitespace();
                if let Some(stream) = words.next() {
                    let track = words.next().unwrap_or(stream);
                    section.msid = Some(Msid { stream: stream.to_owned(), track: track.to_owned() });
                }
            }
            "ssrc" => {
                let ssrc = value.split_ascii_whitespace().next().and_then(|word| word.parse().ok());
                if let Some(ssrc) = ssrc
                    && !section.ssrcs.contains(&ssrc)
                    && section.ssrcs.len() < MAX_SOURCES
                {
                    section.ssrcs.push(ssrc);
                }
            }
            "ssrc-group" => {
                let mut words = value.split_ascii_whitespace();
                let flow = words.next() == Some("FID");
                let pair = (words.next().map(str::parse), words.next().map(str::parse));
                if let (true, (Some(Ok(source)), Some(Ok(rtx)))) = (flow, pair)
                    && section.flows.len() < MAX_SOURCES
                {
                    section.flows.push((source, rtx));
                }
            }
            "sctp-port" => section.sctp_port = value.parse().ok(),
            "max-message-size" => {
                section.max_message_size =
                    value.parse::<u64>().ok().map(|size| size.min(u64::from(u32::MAX)) as u32);
            }
            key => {
                if let Some(direction) = Direction::from_str(key) {
                    section.direction = direction;
                }
            }
        }
    }
    for payload in &mut section.payloads {
        payload.feedback.extend(all_feedback.iter().take(MAX_SOURCES).cloned());
    }

    if !rejected {
        if section.mid.is_none() {
            return Err(SdpError::Mid(index));
        }
        if matches!(kind, SectionKind::Audio | SectionKind::Video) && !rtcp_mux {
            return Err(SdpError::RtcpMux(index));
        }
    }
    Ok(section)
}

/// RFC 4566's `token-char`, which is also what may safely be echoed.
fn is_token(token: &Token) -> bool {
    token.as_bytes().iter().all(|byte| byte.is_ascii_graphic() && !b"\"(),/:;<=>?@[\\]".contains(byte))
}

/// The payload that a `<pt> <rest>` line is about.
fn payload_line<'a, 'b>(section: &'a mut Section, value: &'b str) -> Option<(&'a mut Payload, &'b str)> {
    let (pt, rest) = value.split_once(' ')?;
    let pt: u8 = pt.parse().ok()?;
    let payload = section.payloads.iter_mut().find(|payload| payload.pt == pt)?;
    Some((payload, rest.trim()))
}

fn read_rtpmap(section: &mut Section, value: &str) {
    let Some((payload, rest)) = payload_line(section, value) else {
        return;
    };
    let mut parts = rest.split('/');
    payload.encoding = parts.next().unwrap_or("").to_ascii_lowercase();
    payload.clock = parts.next().and_then(|part| part.parse().ok()).unwrap_or(0);
    payload.channels = parts.next().and_then(|part| part.parse().ok()).unwrap_or(1);
}

/// `<id>[/<direction>] <uri> [<attributes>]` (RFC 8285 8).
fn read_extmap(value: &str) -> Option<OfferedExtension> {
    let mut words = value.split_ascii_whitespace();
    let number = words.next()?;
    let uri = words.next()?;
    let (id, direction) = match number.split_once('/') {
        Some((id, direction)) => (id, Some(Direction::from_str(direction)?)),
        None => (number, None),
    };
    // 0 is padding and 15 ends parsing in the one-byte form.
    let id = id.parse::<u8>().ok().filter(|id| *id != 0 && *id != 15)?;
    let extension = Extension::ALL.into_iter().find(|known| known.uri() == uri)?;
    Some(OfferedExtension { id, extension, direction })
}

/// `send q;h;f` or with `recv ...` before or after it. Of alternatives (`a,b`) the first counts; `~` marks a paused one.
fn read_simulcast(value: &str) -> Vec<Token> {
    let mut words = value.split_ascii_whitespace();
    while let (Some(direction), Some(streams)) = (words.next(), words.next()) {
        if direction != "send" {
            continue;
        }
        return streams
            .split(';')
            .filter_map(|stream| stream.split(',').next())
            .filter_map(|rid| Token::new(rid.trim_start_matches('~').as_bytes()))
            .filter(is_token)
            .take(MAX_SOURCES)
            .collect();
    }
    Vec::new()
}

fn read_bundle(session: &[Attribute]) -> Vec<Token> {
    session
        .iter()
        .filter(|line| line.key == "group")
        .filter_map(|line| line.value.as_deref()?.strip_prefix("BUNDLE"))
        .flat_map(|rest| rest.split_ascii_whitespace())
        .filter_map(|mid| Token::new(mid.as_bytes()))
        .take(MAX_SECTIONS)
        .collect()
}

/// Lengths and characters of RFC 8839 5.4.
fn read_ice(ufrag: Option<&str>, pwd: Option<&str>) -> Option<IceCredentials> {
    let usable = |text: &str, min: usize| {
        (min..=256).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/')
    };
    let (ufrag, pwd) = (ufrag?.trim(), pwd?.trim());
    (usable(ufrag, 4) && usable(pwd, 22))
        .then(|| IceCredentials { ufrag: ufrag.to_owned(), pwd: pwd.to_owned() })
}

/// `sha-256 AA:BB:...` (RFC 8122 5).
fn read_fingerprint(value: &str) -> Option<Fingerprint> {
    let (hash, hex) = value.trim().split_once(' ')?;
    if !hash.eq_ignore_ascii_case("sha-256") {
        return None;
    }
    let mut bytes = [0u8; 32];
    let mut parts = hex.trim().split(':');
    for byte in &mut bytes {
        let part = parts.next().filter(|part| part.len() == 2)?;
        *byte = u8::from_str_radix(part, 16).ok()?;
    }
    parts.next().is_none().then_some(Fingerprint(bytes))
}
