//! What one peer receives: completeness, latency, and what to ask the sender for.

use std::time::Instant;

use chevet_sfu_core::api::MediaSettings;
use chevet_sfu_core::wire::rtcp::ReportBlock;
use chevet_sfu_core::wire::rtp::RtpHeader;

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
    /// Nothing but RTP padding, as a server probes the link with.
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pending {
    pub by_sequence: u64,
    pub by_probe: u64,
}

/// All streams that one peer receives.
#[derive(Debug, Default)]
pub struct Judge {}

impl Judge {
    pub fn new() -> Judge {
        Judge::default()
    }

    /// Which payload types mean what. Call it again whenever the descriptions say something new.
    pub fn set_media(&mut self, settings: &MediaSettings) {
        todo!()
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
        todo!()
    }

    /// `ntp`: 32.32 fixed point, from the sender report.
    pub fn on_sender_report(&mut self, now: Instant, ssrc: u32, ntp: u64) {
        todo!()
    }

    /// When to call `poll`.
    pub fn next_deadline(&self) -> Option<Instant> {
        todo!()
    }

    /// What to ask for now; call it until there is nothing. Gives up what has been missing for [`super::GIVE_UP`].
    /// Counts into `nacks_sent` (sequence numbers asked for) and `key_frames_asked`.
    pub fn poll(&mut self, now: Instant, tally: &mut Tally) -> Option<Ask<'_>> {
        todo!()
    }

    /// Appends a report block for each stream that brought something since the last call.
    pub fn report_blocks(&mut self, now: Instant, out: &mut Vec<ReportBlock>) {
        todo!()
    }

    /// What is missing now and may still come: neither received nor lost.
    pub fn pending(&self) -> Pending {
        todo!()
    }

    /// The stream has ended (unsubscribed): what it still misses is nobody's loss.
    pub fn forget(&mut self, ssrc: u32) {
        todo!()
    }
}
