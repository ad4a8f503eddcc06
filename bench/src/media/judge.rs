//! What one peer receives: completeness, latency, and what to ask the sender for.

use std::time::Instant;

use chevet_sfu_core::api::{Codec, MediaSettings};
use chevet_sfu_core::wire::rtcp::ReportBlock;
use chevet_sfu_core::wire::rtp::RtpHeader;

use super::stream::{Packet, Stream};
use crate::generator::Tally;

/// What a packet was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// Media that had not been received before.
    Media {
        /// The peer's first media packet ever.
        first: bool,
        /// It begins a key frame.
        key_frame: bool,
    },
    /// No media of ours: RTP padding, as a server probes the link with, or what it made up itself.
    Padding,
    /// Was there already, or had been given up.
    Duplicate,
    /// Belongs to nothing that was negotiated.
    Stray,
}

/// What to ask of the sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask<'a> {
    /// RFC 4585 6.2.1; ascending around the wrap.
    Nack { ssrc: u32, sequences: &'a [u16] },
    /// RFC 4585 6.3.1.
    Pli { ssrc: u32 },
}

/// Packets that are missing and not given up yet.
#[cfg(test)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pending {
    pub by_sequence: u64,
    pub by_probe: u64,
}

/// Sequence numbers in one NACK at most: they fit into one datagram however scattered they are.
const MAX_ASKED: usize = 250;

/// All streams that one peer receives. Nothing is allocated per packet; the memory for gaps grows with the first ones, and
/// is bounded.
#[derive(Debug)]
pub struct Judge {
    codecs: [Option<Codec>; 128],
    /// Beside `streams`, so that the search stays within a cache line or two.
    ssrcs: Vec<u32>,
    streams: Vec<Stream>,
    had_media: bool,
    deadline: Option<Instant>,
    /// The stream that `poll` goes on with.
    polling: usize,
    asked: Vec<u16>,
}

impl Default for Judge {
    fn default() -> Judge {
        Judge::new()
    }
}

impl Judge {
    pub fn new() -> Judge {
        Judge {
            codecs: [None; 128],
            ssrcs: Vec::new(),
            streams: Vec::new(),
            had_media: false,
            deadline: None,
            polling: 0,
            asked: Vec::with_capacity(MAX_ASKED),
        }
    }

    /// Which payload types mean what. Call it again whenever the descriptions say something new.
    pub fn set_media(&mut self, settings: &MediaSettings) {
        for payload in &settings.payloads {
            if let Some(codec) = self.codecs.get_mut(usize::from(payload.pt)) {
                *codec = Some(payload.codec);
            }
        }
    }

    /// A decrypted packet as it came: `payload` is everything after the header, with RTP padding and, for RTX, with the
    /// original sequence number in front. `arrived_ns`: the kernel's stamp, CLOCK_REALTIME. `retransmission`: the media
    /// SSRC that this RTX packet repeats for.
    pub fn on_packet(
        &mut self,
        now: Instant,
        arrived_ns: u64,
        header: &RtpHeader,
        payload: &[u8],
        retransmission: Option<u32>,
        tally: &mut Tally,
    ) -> Seen {
        let Some(mut body) = without_padding(header, payload) else { return Seen::Stray };
        let (ssrc, mut sequence) = (retransmission.unwrap_or(header.ssrc), header.sequence_number);
        if retransmission.is_some() {
            let Some((original, rest)) = body.split_first_chunk::<2>() else { return Seen::Padding };
            sequence = u16::from_be_bytes(*original);
            body = rest;
        }
        let index = match self.ssrcs.iter().position(|&known| known == ssrc) {
            Some(index) => index,
            None if retransmission.is_some() => return Seen::Stray,
            None => {
                let codec = self.codecs.get(usize::from(header.payload_type)).copied().flatten();
                let Some(codec) = codec else { return Seen::Stray };
                self.ssrcs.push(ssrc);
                self.streams.push(Stream::new(ssrc, codec));
                self.streams.len() - 1
            }
        };
        let stream = &mut self.streams[index];
        let packet = Packet { sequence, body, repeat: retransmission.is_some(), arrived: arrived_ns };
        let mut seen = stream.on_packet(now, header, packet, tally);
        if let Some(deadline) = stream.deadline(now) {
            self.deadline = Some(self.deadline.map_or(deadline, |other| other.min(deadline)));
        }
        if let Seen::Media { first, .. } = &mut seen {
            *first = !std::mem::replace(&mut self.had_media, true);
        }
        seen
    }

    /// `ntp`: 32.32 fixed point, from the sender report.
    pub fn on_sender_report(&mut self, now: Instant, ssrc: u32, ntp: u64) {
        if let Some(stream) = self.streams.iter_mut().find(|stream| stream.ssrc == ssrc) {
            stream.on_sender_report(now, ntp);
        }
    }

    /// When to call `poll`. May be earlier than there is something to do.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// What to ask for now; call it until there is nothing. Gives up what has been missing for [`super::GIVE_UP`].
    /// Counts into `nacks_sent` (sequence numbers asked for) and `key_frames_asked`.
    pub fn poll(&mut self, now: Instant, tally: &mut Tally) -> Option<Ask<'_>> {
        if self.deadline.is_none_or(|deadline| deadline > now) {
            return None;
        }
        self.asked.clear();
        while let Some(stream) = self.streams.get_mut(self.polling) {
            stream.lose(now, tally);
            stream.ask(now, &mut self.asked);
            if !self.asked.is_empty() {
                tally.nacks_sent += self.asked.len() as u64;
                return Some(Ask::Nack { ssrc: stream.ssrc, sequences: &self.asked });
            }
            if stream.ask_key_frame(now) {
                tally.key_frames_asked += 1;
                return Some(Ask::Pli { ssrc: stream.ssrc });
            }
            self.polling += 1;
        }
        self.polling = 0;
        self.deadline = self.streams.iter().filter_map(|stream| stream.deadline(now)).min();
        None
    }

    /// Appends a report block for each stream that brought something since the last call.
    pub fn report_blocks(&mut self, now: Instant, out: &mut Vec<ReportBlock>) {
        out.extend(self.streams.iter_mut().filter_map(|stream| stream.report(now)));
    }

    /// What is missing now and may still come: neither received nor lost.
    #[cfg(test)]
    pub fn pending(&self) -> Pending {
        self.streams.iter().fold(Pending::default(), |sum, stream| {
            let (by_sequence, by_probe) = stream.pending();
            Pending { by_sequence: sum.by_sequence + by_sequence, by_probe: sum.by_probe + by_probe }
        })
    }
}

/// RFC 3550 5.1. `None` when the count cannot be.
fn without_padding<'a>(header: &RtpHeader, payload: &'a [u8]) -> Option<&'a [u8]> {
    if !header.has_padding {
        return Some(payload);
    }
    let padding = usize::from(*payload.last()?);
    payload.get(..payload.len().checked_sub(padding.max(1))?)
}

#[cfg(test)]
mod tests;
