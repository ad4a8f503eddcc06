//! RTCP: compound packets read in place, and written behind one another into a buffer.
//!
//! RFC 3550 6 (SR, RR, SDES, BYE), RFC 4585 (NACK, PLI), RFC 5104 (FIR), RFC 3611 (RRTR, DLRR),
//! draft-holmer-rmcat-transport-wide-cc-extensions-01, draft-alvestrand-rmcat-remb-03.

mod feedback;
mod report;
mod transport_cc;
mod write;

pub use feedback::{FirEntries, FirEntry, NackItems, Ssrcs};
pub use report::{DlrrBlock, ExtendedBlock, ExtendedBlocks, ReportBlock, ReportBlocks};
pub use transport_cc::{Arrival, Arrivals, MAX_STATUSES, TransportCcView, write_transport_cc};
pub use write::{
    SenderInfo, write_bye, write_dlrr, write_fir, write_nack, write_pli, write_receiver_report, write_remb,
    write_sdes_cname, write_sender_report,
};

use crate::wire::read::{u8_at, u16_at, u32_at, u64_at};

const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const SDES: u8 = 202;
const BYE: u8 = 203;
const TRANSPORT_FEEDBACK: u8 = 205;
const PAYLOAD_FEEDBACK: u8 = 206;
const EXTENDED_REPORT: u8 = 207;

const FMT_NACK: u8 = 1;
const FMT_TRANSPORT_CC: u8 = 15;
const FMT_PLI: u8 = 1;
const FMT_FIR: u8 = 4;
const FMT_APPLICATION: u8 = 15;

/// One packet of a compound.
#[derive(Clone, Copy, Debug)]
pub enum Rtcp<'a> {
    SenderReport {
        ssrc: u32,
        /// NTP time, 32.32 fixed point seconds since 1900.
        ntp: u64,
        rtp: u32,
        packets: u32,
        octets: u32,
        reports: ReportBlocks<'a>,
    },
    ReceiverReport {
        ssrc: u32,
        reports: ReportBlocks<'a>,
    },
    /// Source descriptions: nothing in them is of use to a forwarder.
    Sdes,
    Bye {
        ssrcs: Ssrcs<'a>,
    },
    Nack {
        sender: u32,
        media: u32,
        items: NackItems<'a>,
    },
    Pli {
        sender: u32,
        media: u32,
    },
    Fir {
        sender: u32,
        entries: FirEntries<'a>,
    },
    TransportCc(TransportCcView<'a>),
    Remb {
        sender: u32,
        /// Bits per second.
        bitrate: u64,
        ssrcs: Ssrcs<'a>,
    },
    ExtendedReport {
        ssrc: u32,
        blocks: ExtendedBlocks<'a>,
    },
    /// Not known, or too short for what it claims to be.
    Unknown {
        packet_type: u8,
        count: u8,
    },
}

/// The packets of a decrypted compound. Ends at the first one that does not fit into the rest; the order rules of
/// compounds (RFC 3550 6.1) are not insisted upon, as RFC 5506 relaxes them.
pub fn packets(compound: &[u8]) -> Packets<'_> {
    Packets { rest: compound }
}

#[derive(Clone, Debug)]
pub struct Packets<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Packets<'a> {
    type Item = Rtcp<'a>;

    fn next(&mut self) -> Option<Rtcp<'a>> {
        let first = u8_at(self.rest, 0)?;
        let packet_type = u8_at(self.rest, 1)?;
        let words = u16_at(self.rest, 2)?;
        let size = 4 + 4 * usize::from(words);
        if first >> 6 != 2 || size > self.rest.len() {
            self.rest = &[];
            return None;
        }
        let (packet, rest) = self.rest.split_at_checked(size)?;
        self.rest = rest;
        let count = first & 0x1f;
        let padding =
            if first & 0x20 != 0 { packet.last().map_or(0, |&count| usize::from(count)) } else { 0 };
        let known = packet
            .len()
            .checked_sub(padding)
            .and_then(|end| packet.get(4..end))
            .and_then(|body| read(packet_type, count, body));
        Some(known.unwrap_or(Rtcp::Unknown { packet_type, count }))
    }
}

fn read(packet_type: u8, count: u8, body: &[u8]) -> Option<Rtcp<'_>> {
    match packet_type {
        SENDER_REPORT => Some(Rtcp::SenderReport {
            ssrc: u32_at(body, 0)?,
            ntp: u64_at(body, 4)?,
            rtp: u32_at(body, 12)?,
            packets: u32_at(body, 16)?,
            octets: u32_at(body, 20)?,
            reports: ReportBlocks::new(body.get(24..)?, count),
        }),
        RECEIVER_REPORT => Some(Rtcp::ReceiverReport {
            ssrc: u32_at(body, 0)?,
            reports: ReportBlocks::new(body.get(4..)?, count),
        }),
        SDES => Some(Rtcp::Sdes),
        BYE => Some(Rtcp::Bye { ssrcs: Ssrcs::new(body, usize::from(count)) }),
        TRANSPORT_FEEDBACK => {
            let (sender, media) = (u32_at(body, 0)?, u32_at(body, 4)?);
            match count {
                FMT_NACK => Some(Rtcp::Nack { sender, media, items: NackItems::new(body.get(8..)?) }),
                FMT_TRANSPORT_CC => TransportCcView::parse(body).map(Rtcp::TransportCc),
                _ => None,
            }
        }
        PAYLOAD_FEEDBACK => {
            let (sender, media) = (u32_at(body, 0)?, u32_at(body, 4)?);
            match count {
                FMT_PLI => Some(Rtcp::Pli { sender, media }),
                FMT_FIR => Some(Rtcp::Fir { sender, entries: FirEntries::new(body.get(8..)?) }),
                FMT_APPLICATION if body.get(8..12) == Some(b"REMB") => {
                    let ssrc_count = usize::from(u8_at(body, 12)?);
                    let (exponent, mantissa) = (u8_at(body, 13)? >> 2, u32_at(body, 12)? & 0x3_ffff);
                    // 18 bits shifted by up to 63: what does not fit is "as much as you like".
                    let scale = 1u64.checked_shl(u32::from(exponent)).unwrap_or(u64::MAX);
                    let bitrate = u64::from(mantissa).saturating_mul(scale);
                    Some(Rtcp::Remb { sender, bitrate, ssrcs: Ssrcs::new(body.get(16..)?, ssrc_count) })
                }
                _ => None,
            }
        }
        EXTENDED_REPORT => {
            Some(Rtcp::ExtendedReport { ssrc: u32_at(body, 0)?, blocks: ExtendedBlocks::new(body.get(4..)?) })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
