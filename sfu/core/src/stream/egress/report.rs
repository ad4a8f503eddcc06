//! What goes back and forth about an outgoing stream: sender reports, receiver reports, requests for lost packets.

use std::time::{Duration, Instant};

use crate::stream::Clocks;
use crate::stream::clock::{from_short_ntp, ntp_middle};
use crate::wire::rtcp::{ReportBlock, SenderInfo};
use crate::wire::sequence::nearest;

use super::log::Found;
use super::{Egress, NO_PAYLOAD_TYPE, RTX_BURST};

/// Sender reports whose echo gives the round trip.
const REPORTS_REMEMBERED: usize = 4;
/// Retransmissions remembered, so that a request that crosses the answer is not answered again.
const RESENT_REMEMBERED: usize = 16;
const FIRST_RTT: Duration = Duration::from_millis(60);

/// The stream as its receiver sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReceiverView {
    /// In 1/256.
    pub fraction_lost: u8,
    pub cumulative_lost: i32,
    /// In ticks of the RTP clock.
    pub jitter: u32,
    pub rtt: Option<Duration>,
    /// When the last report came.
    pub reported: Option<Instant>,
}

/// A packet that a subscriber asks for.
#[derive(Clone, Copy, Debug)]
pub struct Resend {
    pub(super) found: Found,
}

impl Resend {
    /// The encoding in whose ring the packet is.
    pub fn layer(&self) -> usize {
        usize::from(self.found.interval.layer)
    }

    /// Its number there.
    pub fn source(&self) -> u64 {
        self.found.source
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Resent {
    sequence: u16,
    /// Milliseconds since the start; 0 = never.
    at_ms: u32,
}

/// The rarely touched part of an egress.
#[derive(Debug)]
pub(super) struct Reports {
    start: Instant,
    view: ReceiverView,
    /// LSR to come, and when it was sent.
    sent: [Option<(u32, Instant)>; REPORTS_REMEMBERED],
    sent_next: usize,
    resent: [Resent; RESENT_REMEMBERED],
    resent_next: usize,
    pub rtx_next: u64,
    pub rtx_packets: u64,
    pub rtx_octets: u64,
    pub rtx_refused: u64,
    /// Bytes of retransmissions allowed now.
    pub rtx_budget: u32,
    nacks: u64,
}

impl Reports {
    pub fn new(now: Instant, random: u64) -> Self {
        Reports {
            start: now,
            view: ReceiverView::default(),
            sent: [None; REPORTS_REMEMBERED],
            sent_next: 0,
            resent: [Resent::default(); RESENT_REMEMBERED],
            resent_next: 0,
            rtx_next: random & 0x7fff,
            rtx_packets: 0,
            rtx_octets: 0,
            rtx_refused: 0,
            rtx_budget: RTX_BURST,
            nacks: 0,
        }
    }

    /// False when it was sent again so recently that the answer may still be on its way.
    fn may_resend(&mut self, now: Instant, sequence: u16) -> bool {
        let now_ms = now.saturating_duration_since(self.start).as_millis() as u32;
        let rtt = self.view.rtt.unwrap_or(FIRST_RTT);
        let pause = (rtt.as_millis() as u32 / 2).clamp(5, 200);
        let recent = self.resent.iter().any(|resent| {
            resent.sequence == sequence && resent.at_ms != 0 && now_ms.wrapping_sub(resent.at_ms) < pause
        });
        if recent {
            return false;
        }
        if let Some(slot) = self.resent.get_mut(self.resent_next % RESENT_REMEMBERED) {
            *slot = Resent { sequence, at_ms: now_ms.max(1) };
        }
        self.resent_next = self.resent_next.wrapping_add(1);
        true
    }
}

impl Egress {
    /// One number of a NACK: where the packet is, if it is to be sent again now. The caller takes it from that ring, if
    /// it still is there, and calls `write_rtx`.
    pub fn on_nack(&mut self, now: Instant, sequence: u16) -> Option<Resend> {
        self.reports.nacks += 1;
        if self.rtx_payload_type == NO_PAYLOAD_TYPE || !self.started {
            return None;
        }
        let extended = nearest(self.highest_sent, sequence);
        if extended > self.highest_sent {
            return None;
        }
        let found = self.log.by_sequence(extended, self.next_source)?;
        self.reports.may_resend(now, sequence).then_some(Resend { found })
    }

    /// The sender part of a report to send now: the publisher's time, which all of its streams share, on the subscriber's
    /// timestamps, so that receivers align sound and picture. `None` while nothing is forwarded, or the publisher has not yet told its
    /// clock: a guess would pull sound and picture apart.
    pub fn sender_report(&mut self, now: Instant, clocks: &Clocks) -> Option<SenderInfo> {
        let layer = self.current()?;
        let clock = clocks.get(layer)?;
        let (ntp, rtp) = clock.at(now, clocks.clock_rate());
        if let Some(slot) = self.reports.sent.get_mut(self.reports.sent_next % REPORTS_REMEMBERED) {
            *slot = Some((ntp_middle(ntp), now));
        }
        self.reports.sent_next = self.reports.sent_next.wrapping_add(1);
        Some(SenderInfo {
            ntp,
            rtp: rtp.wrapping_add(self.log.open.timestamp_delta),
            packets: self.packets as u32,
            octets: self.octets as u32,
        })
    }

    /// A report block about our SSRC.
    pub fn on_report_block(&mut self, now: Instant, block: &ReportBlock) {
        if self.announce {
            self.announce(false);
        }
        let view = &mut self.reports.view;
        view.fraction_lost = block.fraction_lost;
        view.cumulative_lost = block.cumulative_lost;
        view.jitter = block.jitter;
        view.reported = Some(now);
        let echoed = self.reports.sent.iter().flatten().find(|(lsr, _)| *lsr == block.last_sr);
        if let Some((_, sent)) = echoed
            && block.last_sr != 0
        {
            let elapsed = now.saturating_duration_since(*sent);
            view.rtt = elapsed.checked_sub(from_short_ntp(block.delay_since_sr)).or(view.rtt);
        }
    }

    pub fn receiver_view(&self) -> &ReceiverView {
        &self.reports.view
    }

    /// Packets sent, without retransmissions.
    pub fn packets(&self) -> u64 {
        self.packets
    }

    pub fn octets(&self) -> u64 {
        self.octets
    }

    pub fn retransmitted(&self) -> u64 {
        self.reports.rtx_packets
    }

    /// Retransmissions not sent for the sake of the rate.
    pub fn retransmissions_refused(&self) -> u64 {
        self.reports.rtx_refused
    }

    /// Packets that the subscriber asked for, repeats included.
    pub fn nacks(&self) -> u64 {
        self.reports.nacks
    }

    /// Memory held besides the struct itself, in bytes.
    pub fn memory(&self) -> usize {
        self.log.memory()
    }
}
