//! Which codecs, feedback and header extensions are agreed.

use super::{Payload, RemoteDescription, Replied, Section, SectionKind};
use crate::api::{Codec, Extension, MediaKind, MediaSettings, PayloadType};

/// One payload type as it stands in a description of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgreedPayload {
    pub pt: u8,
    pub codec: Codec,
    /// The payload type of its retransmissions.
    pub rtx: Option<u8>,
    /// Empty when there is nothing to say.
    pub fmtp: String,
    pub feedback: Vec<String>,
}

impl AgreedPayload {
    pub fn payload_type(&self) -> PayloadType {
        PayloadType { pt: self.pt, codec: self.codec, rtx: self.rtx }
    }

    /// The `a=rtpmap` value without the number.
    pub(super) fn rtpmap(&self) -> &'static str {
        match self.codec {
            Codec::Opus => "opus/48000/2",
            Codec::Red => "red/48000/2",
            Codec::Vp8 => "VP8/90000",
            Codec::Vp9 => "VP9/90000",
            Codec::H264 => "H264/90000",
            Codec::Av1 => "AV1/90000",
        }
    }

    fn new(payload: &Payload, codec: Codec, section: &Section) -> AgreedPayload {
        AgreedPayload {
            pt: payload.pt,
            codec,
            rtx: rtx_of(section, payload.pt),
            fmtp: agreed_fmtp(payload, codec),
            feedback: payload.feedback.iter().filter(|line| useful_feedback(codec, line)).cloned().collect(),
        }
    }
}

pub(super) fn codec_of(payload: &Payload, section: &Section) -> Option<Codec> {
    let codec = match (payload.encoding.as_str(), payload.clock, payload.channels) {
        ("opus", 48_000, 2) => Codec::Opus,
        ("red", 48_000, 2) => Codec::Red,
        ("vp8", 90_000, _) => Codec::Vp8,
        ("vp9", 90_000, _) => Codec::Vp9,
        ("h264", 90_000, _) => Codec::H264,
        ("av1", 90_000, _) => Codec::Av1,
        _ => return None,
    };
    let kind = match section.kind {
        SectionKind::Audio => MediaKind::Audio,
        SectionKind::Video => MediaKind::Video,
        SectionKind::Data | SectionKind::Other => return None,
    };
    let usable = match codec {
        // 8 bits, 4:2:0: what every browser decodes.
        Codec::Vp9 => matches!(payload.parameter("profile-id"), None | Some("0")),
        Codec::Av1 => matches!(payload.parameter("profile"), None | Some("0")),
        // Mode 0 allows no fragments: useless for video of conference size.
        Codec::H264 => payload.parameter("packetization-mode") == Some("1"),
        // Around Opus, or unstated as some stacks write it.
        Codec::Red => {
            payload.fmtp.is_empty()
                || payload.fmtp.split('/').all(|inner| {
                    section
                        .payloads
                        .iter()
                        .any(|other| other.encoding == "opus" && inner.trim().parse() == Ok(other.pt))
                })
        }
        _ => true,
    };
    (usable && codec.kind() == kind).then_some(codec)
}

/// Smaller is better, among payload types of the same codec.
fn rank(payload: &Payload) -> u8 {
    let profile = payload.parameter("profile-level-id").unwrap_or("").to_ascii_lowercase();
    match profile.get(..4) {
        Some("42e0") => 0,
        Some("4200") => 1,
        Some("4d00") => 2,
        _ => 3,
    }
}

fn rtx_of(section: &Section, pt: u8) -> Option<u8> {
    section
        .payloads
        .iter()
        .find(|payload| {
            payload.encoding == "rtx" && payload.parameter("apt").and_then(|apt| apt.parse().ok()) == Some(pt)
        })
        .map(|payload| payload.pt)
}

fn best(section: &Section, codec: Codec) -> Option<AgreedPayload> {
    section
        .payloads
        .iter()
        .filter(|payload| codec_of(payload, section) == Some(codec))
        .min_by_key(|payload| rank(payload))
        .map(|payload| AgreedPayload::new(payload, codec, section))
}

/// Codecs of a section that we know, in its order.
fn offered_codecs(section: &Section) -> Vec<Codec> {
    let mut codecs = Vec::new();
    for payload in &section.payloads {
        if let Some(codec) = codec_of(payload, section)
            && !codecs.contains(&codec)
        {
            codecs.push(codec);
        }
    }
    codecs
}

/// What we take of a section in which the client sends. Video: one codec, that of the request if offered, else VP8,
/// else the first; a client must not change codecs under way. Audio: Opus, and RED before it if `red` says so. Without
/// a request (the offer came before it) all that we know, in the client's order.
pub fn choose_received(
    section: &Section,
    request: Option<(Codec, Option<OpusOptions>)>,
) -> Vec<AgreedPayload> {
    let codecs = offered_codecs(section);
    let chosen = match (section.kind, request) {
        (_, None) => codecs,
        (SectionKind::Audio, Some((codec, _))) => {
            let mut audio = codecs;
            audio
                .retain(|offered| *offered == Codec::Opus || (*offered == Codec::Red && codec == Codec::Red));
            audio.sort_by_key(|offered| *offered != Codec::Red);
            audio
        }
        (_, Some((codec, _))) => [codec, Codec::Vp8]
            .into_iter()
            .find(|wanted| codecs.contains(wanted))
            .or(codecs.first().copied())
            .into_iter()
            .collect(),
    };
    let mut payloads: Vec<_> = chosen.into_iter().filter_map(|codec| best(section, codec)).collect();
    let options = request.and_then(|(_, options)| options).unwrap_or_default();
    for payload in &mut payloads {
        if payload.codec == Codec::Opus {
            payload.fmtp = options.fmtp();
        }
        // One estimator: with per-packet feedback the client needs no REMB.
        if payload.feedback.iter().any(|line| line == "transport-cc") {
            payload.feedback.retain(|line| line != "goog-remb");
        }
    }
    payloads
}

/// What we tell an Opus sender (RFC 7587 6.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpusOptions {
    /// Nothing is sent in silence.
    pub dtx: bool,
    pub stereo: bool,
}

impl Default for OpusOptions {
    fn default() -> Self {
        OpusOptions { dtx: true, stereo: false }
    }
}

impl OpusOptions {
    fn fmtp(self) -> String {
        let mut fmtp = String::from("minptime=10;useinbandfec=1");
        if self.dtx {
            fmtp.push_str(";usedtx=1");
        }
        if self.stereo {
            fmtp.push_str(";stereo=1;maxaveragebitrate=510000");
        }
        fmtp
    }
}

/// What we may send in a section of the client's offer (protocol v1): all that we know, so that the section can carry
/// another track later, with the codec of the present track first.
pub fn choose_sent(section: &Section, first: Option<Codec>, stereo: bool) -> Vec<AgreedPayload> {
    let mut codecs = offered_codecs(section);
    codecs.sort_by_key(|codec| Some(*codec) != first);
    let mut payloads: Vec<_> = codecs.into_iter().filter_map(|codec| best(section, codec)).collect();
    for payload in &mut payloads {
        if payload.codec == Codec::Opus {
            payload.fmtp = sent_opus_fmtp(stereo);
        }
    }
    payloads
}

fn sent_opus_fmtp(stereo: bool) -> String {
    String::from(if stereo {
        "minptime=10;useinbandfec=1;sprop-stereo=1"
    } else {
        "minptime=10;useinbandfec=1"
    })
}

/// What we offer to a subscriber for a track of this codec (protocol v0), by our own numbers.
pub fn downstream_payloads(codec: Codec, stereo: bool) -> Vec<AgreedPayload> {
    let own = |pt: u8, codec: Codec, rtx: Option<u8>, fmtp: &str, feedback: &[&str]| AgreedPayload {
        pt,
        codec,
        rtx,
        fmtp: fmtp.to_owned(),
        feedback: feedback.iter().map(|line| (*line).to_owned()).collect(),
    };
    const VIDEO: &[&str] = &["goog-remb", "transport-cc", "ccm fir", "nack", "nack pli"];
    let opus = || own(111, Codec::Opus, None, &sent_opus_fmtp(stereo), &["transport-cc", "nack"]);
    match codec {
        Codec::Opus => vec![opus()],
        Codec::Red => vec![own(63, Codec::Red, None, "111/111", &[]), opus()],
        Codec::Vp8 => vec![own(96, codec, Some(97), "", VIDEO)],
        Codec::Vp9 => vec![own(98, codec, Some(99), "profile-id=0", VIDEO)],
        Codec::H264 => {
            let fmtp = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f";
            vec![own(125, codec, Some(126), fmtp, VIDEO)]
        }
        Codec::Av1 => vec![own(35, codec, Some(36), "level-idx=5;profile=0;tier=0", VIDEO)],
    }
}

fn agreed_fmtp(payload: &Payload, codec: Codec) -> String {
    match codec {
        // What remains of a client's line is about its own sending (`x-google-*`) or its decoder; these describe the
        // bitstream and have to be echoed.
        Codec::H264 | Codec::Vp9 | Codec::Av1 | Codec::Red => payload
            .fmtp
            .split(';')
            .map(str::trim)
            .filter(|part| !part.is_empty() && !part.starts_with("x-google") && !part.starts_with("max-f"))
            .collect::<Vec<_>>()
            .join(";"),
        Codec::Opus | Codec::Vp8 => String::new(),
    }
}

fn useful_feedback(codec: Codec, line: &str) -> bool {
    match codec.kind() {
        MediaKind::Audio => codec == Codec::Opus && matches!(line, "transport-cc" | "nack"),
        MediaKind::Video => matches!(line, "goog-remb" | "transport-cc" | "ccm fir" | "nack" | "nack pli"),
    }
}

/// Whether we agree to a header extension in a section of the client's. An extension refused in the first answer does
/// not come back in that section, so a section without a track takes all. The exception: who publishes VP8 or H264
/// shall not describe dependencies, since the numbers of one simulcast encoding mean nothing after a switch to another.
pub fn accepts(section: &Section, payloads: &[AgreedPayload], receives: bool, extension: Extension) -> bool {
    let audio = section.kind == SectionKind::Audio;
    match extension {
        Extension::Mid | Extension::TransportCc | Extension::AbsSendTime | Extension::AbsCaptureTime => true,
        Extension::AudioLevel => audio,
        Extension::Rid | Extension::RepairedRid | Extension::PlayoutDelay => !audio,
        Extension::DependencyDescriptor => {
            !audio
                && (!receives
                    || payloads.iter().any(|payload| matches!(payload.codec, Codec::Vp9 | Codec::Av1)))
        }
    }
}

/// What a transport settles on by our answer to this offer.
pub fn media_settings(remote: &RemoteDescription, replies: &[Replied]) -> MediaSettings {
    let mut settings =
        MediaSettings { mixed_extensions: remote.mixed_extensions, ..MediaSettings::default() };
    for (section, reply) in remote.sections.iter().zip(replies) {
        let Replied::Media { direction, payloads, .. } = reply else {
            continue;
        };
        for offered in &section.extensions {
            if accepts(section, payloads, direction.receives(), offered.extension)
                && !settings.extensions.iter().any(|(id, _)| *id == offered.id)
            {
                settings.extensions.push((offered.id, offered.extension));
            }
        }
        for payload in payloads {
            if !settings.payloads.iter().any(|known| known.pt == payload.pt) {
                settings.payloads.push(payload.payload_type());
            }
        }
    }
    settings
}
