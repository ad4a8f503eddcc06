//! Session descriptions, as a client of a conference reads and writes them (RFC 8829, RFC 9143, RFC 8853).
//!
//! A reader and writers of the bench's own: a load generator that used the server's would agree with it about its
//! mistakes. What is agreed on is kept in values; text is made at the end and read once. Payload types and extension ids
//! are Chromium's, so that captures of both read alike.

mod read;
mod write;

pub use read::candidate;
pub use write::{End, answer, host_candidate, offer};

use std::net::SocketAddr;

use chevet_sfu_core::api::{
    Codec, DtlsRole, Extension, Fingerprint, IceCredentials, MediaKind, MediaSettings, PayloadType, Token,
};

use crate::media::EncodingSpec;
use crate::peer::{Media, Remote};

/// Bytes of one data channel message that we take: Chromium's figure.
pub const MAX_MESSAGE_SIZE: u32 = 262_144;

/// The other side's description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    pub ice: IceCredentials,
    pub fingerprint: Fingerprint,
    /// Ours in the handshake: client, unless the other side wrote `a=setup:active`.
    pub role: DtlsRole,
    /// UDP only, best first.
    pub candidates: Vec<Candidate>,
    /// `a=extmap-allow-mixed` (RFC 8285 6).
    pub mixed_extensions: bool,
    pub sections: Vec<Section>,
}

/// A UDP candidate (RFC 8839 5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    pub priority: u32,
    pub addr: SocketAddr,
}

/// One media section of the other side's description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    pub content: Content,
    /// Echoed in an answer.
    pub protocol: String,
    pub mid: Option<Token>,
    /// Port 0 and not `a=bundle-only`.
    pub rejected: bool,
    /// From the other side's point of view.
    pub direction: Direction,
    pub payloads: Vec<Payload>,
    /// The known ones.
    pub extensions: Vec<(u8, Extension)>,
    /// `a=ssrc-group:FID`: media, retransmissions (RFC 5576).
    pub flows: Vec<(u32, u32)>,
    /// The track part of `a=msid`.
    pub track: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    Media(MediaKind),
    /// SCTP over DTLS.
    Data,
    /// Nothing that we know.
    Other,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Direction {
    pub sends: bool,
    pub receives: bool,
}

/// One payload type of a section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload {
    pub pt: u8,
    pub format: Format,
    pub fmtp: String,
    pub feedback: Vec<Feedback>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Codec(Codec),
    /// RFC 4588, of the payload type named.
    Rtx(u8),
    /// Nothing that we send or receive.
    Other,
}

/// `a=rtcp-fb` (RFC 4585), what a client reacts to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feedback {
    Nack,
    Pli,
    Fir,
    TransportCc,
    Remb,
}

impl Feedback {
    const ALL: [Feedback; 5] =
        [Feedback::Remb, Feedback::TransportCc, Feedback::Fir, Feedback::Nack, Feedback::Pli];

    fn as_str(self) -> &'static str {
        match self {
            Feedback::Nack => "nack",
            Feedback::Pli => "nack pli",
            Feedback::Fir => "ccm fir",
            Feedback::TransportCc => "transport-cc",
            Feedback::Remb => "goog-remb",
        }
    }
}

/// A section of ours.
#[derive(Clone, Debug)]
pub struct Ours {
    pub mid: Token,
    pub content: OurContent,
}

#[derive(Clone, Debug)]
pub enum OurContent {
    Data,
    /// `recvonly`.
    Receive(MediaKind),
    /// `sendonly`.
    Send(Sending),
}

/// A track that we send.
#[derive(Clone, Debug)]
pub struct Sending {
    pub codec: Codec,
    /// The track part of `a=msid`, which `AddTrack` repeats.
    pub cid: String,
    /// Lowest quality first. With rids they are simulcast, told without SSRCs as Chromium does.
    pub encodings: Vec<EncodingSpec>,
}

impl Described {
    pub fn section(&self, mid: Token) -> Option<&Section> {
        self.sections.iter().find(|section| section.mid == Some(mid))
    }

    /// Whether data channels are agreed.
    pub fn data(&self) -> bool {
        self.sections.iter().any(|section| section.content == Content::Data && !section.rejected)
    }

    /// What is agreed for RTP when this is an answer to us, or an offer that we answer with [`answer`].
    pub fn media(&self) -> Media {
        let mut media = Media {
            settings: MediaSettings { mixed_extensions: self.mixed_extensions, ..MediaSettings::default() },
            ..Media::default()
        };
        let settings = &mut media.settings;
        // Sections that rest count too: a server may begin to send in them as soon as it has answered.
        let media_of = |section: &&Section| matches!(section.content, Content::Media(_)) && !section.rejected;
        for section in self.sections.iter().filter(media_of) {
            for (id, extension) in &section.extensions {
                if write::takes(*extension) && !settings.extensions.iter().any(|(known, _)| known == id) {
                    settings.extensions.push((*id, *extension));
                }
            }
            for payload in &section.payloads {
                if let Format::Codec(codec) = payload.format
                    && write::understands(codec)
                    && !settings.payloads.iter().any(|known| known.pt == payload.pt)
                {
                    settings.payloads.push(PayloadType {
                        pt: payload.pt,
                        codec,
                        rtx: section.rtx_of(payload.pt),
                    });
                }
                media.transport_cc |= payload.feedback.contains(&Feedback::TransportCc);
            }
            if section.direction.sends {
                media.retransmissions.extend(section.flows.iter().map(|(source, rtx)| (*rtx, *source)));
            }
        }
        media.transport_cc &=
            media.settings.extensions.iter().any(|(_, extension)| *extension == Extension::TransportCc);
        media
    }

    /// What the generator needs to reach it. `trickled`: candidates that came apart from the description.
    pub fn remote(&self, trickled: &[Candidate]) -> Remote {
        let mut candidates = self.candidates.clone();
        for candidate in trickled {
            if !candidates.iter().any(|known| known.addr == candidate.addr) {
                candidates.push(*candidate);
            }
        }
        candidates.sort_by_key(|candidate| std::cmp::Reverse(candidate.priority));
        Remote {
            ice: self.ice.clone(),
            fingerprint: self.fingerprint,
            role: self.role,
            candidates: candidates.iter().map(|candidate| candidate.addr).collect(),
            data: self.data(),
            media: self.media(),
            keys: None,
        }
    }
}

impl Section {
    /// Media, and neither rejected nor inactive.
    #[cfg(test)]
    pub fn alive(&self) -> bool {
        matches!(self.content, Content::Media(_))
            && !self.rejected
            && (self.direction.sends || self.direction.receives)
    }

    /// The payload type of this codec, the first of several.
    pub fn payload_of(&self, codec: Codec) -> Option<u8> {
        self.payloads.iter().find(|payload| payload.format == Format::Codec(codec)).map(|payload| payload.pt)
    }

    /// The payload type of the retransmissions of this one.
    pub fn rtx_of(&self, pt: u8) -> Option<u8> {
        self.payloads.iter().find(|payload| payload.format == Format::Rtx(pt)).map(|payload| payload.pt)
    }
}

#[cfg(test)]
mod tests;
