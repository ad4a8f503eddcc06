//! Writers append one packet to a compound.

use super::report::ReportBlock;
use super::{
    BYE, EXTENDED_REPORT, FMT_APPLICATION, FMT_FIR, FMT_NACK, FMT_PLI, PAYLOAD_FEEDBACK, RECEIVER_REPORT,
    SDES, SENDER_REPORT, TRANSPORT_FEEDBACK,
};

/// Report blocks and BYE sources are counted in five bits.
const MAX_COUNT: usize = 31;

/// Begins a packet; [`end`] completes it. Returns where it began.
pub(super) fn header(out: &mut Vec<u8>, packet_type: u8, count: u8) -> usize {
    let start = out.len();
    out.extend_from_slice(&[0x80 | (count & 0x1f), packet_type, 0, 0]);
    start
}

/// Fills up to a whole word and writes the length. Transport-wide feedback must say so when it is filled up, as its last
/// part is read by size; the packets with fixed parts are whole words anyway, and SDES ends by itself.
pub(super) fn end(out: &mut Vec<u8>, start: usize) {
    let filler = (4 - (out.len() - start) % 4) % 4;
    if filler != 0 {
        out.resize(out.len() + filler - 1, 0);
        out.push(filler as u8);
        if let Some(first) = out.get_mut(start) {
            *first |= 0x20;
        }
    }
    let words = ((out.len() - start) / 4).saturating_sub(1) as u16;
    if let Some(length) = out.get_mut(start + 2..).and_then(|rest| rest.first_chunk_mut::<2>()) {
        *length = words.to_be_bytes();
    }
}

/// RFC 3550 6.4.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SenderInfo {
    /// NTP time, 32.32 fixed point seconds since 1900.
    pub ntp: u64,
    /// The same instant on the stream's clock.
    pub rtp: u32,
    pub packets: u32,
    /// Payload bytes without headers and padding.
    pub octets: u32,
}

/// Blocks above 31 are left out.
pub fn write_sender_report(out: &mut Vec<u8>, ssrc: u32, info: &SenderInfo, reports: &[ReportBlock]) {
    let count = reports.len().min(MAX_COUNT);
    let start = header(out, SENDER_REPORT, count as u8);
    out.extend_from_slice(&ssrc.to_be_bytes());
    out.extend_from_slice(&info.ntp.to_be_bytes());
    out.extend_from_slice(&info.rtp.to_be_bytes());
    out.extend_from_slice(&info.packets.to_be_bytes());
    out.extend_from_slice(&info.octets.to_be_bytes());
    reports.iter().take(count).for_each(|report| report.write(out));
    end(out, start);
}

/// Blocks above 31 are left out.
pub fn write_receiver_report(out: &mut Vec<u8>, ssrc: u32, reports: &[ReportBlock]) {
    let count = reports.len().min(MAX_COUNT);
    let start = header(out, RECEIVER_REPORT, count as u8);
    out.extend_from_slice(&ssrc.to_be_bytes());
    reports.iter().take(count).for_each(|report| report.write(out));
    end(out, start);
}

/// One chunk with a CNAME of at most 255 bytes (RFC 3550 6.5.1).
pub fn write_sdes_cname(out: &mut Vec<u8>, ssrc: u32, cname: &str) {
    let name = cname.as_bytes().get(..cname.len().min(255)).unwrap_or(&[]);
    let start = header(out, SDES, 1);
    out.extend_from_slice(&ssrc.to_be_bytes());
    out.extend_from_slice(&[1, name.len() as u8]);
    out.extend_from_slice(name);
    // The list ends with a zero, and the chunk with a word.
    let zeros = 4 - (out.len() - start) % 4;
    out.resize(out.len() + zeros, 0);
    end(out, start);
}

/// Sources above 31 are left out.
pub fn write_bye(out: &mut Vec<u8>, ssrcs: &[u32]) {
    let count = ssrcs.len().min(MAX_COUNT);
    let start = header(out, BYE, count as u8);
    ssrcs.iter().take(count).for_each(|ssrc| out.extend_from_slice(&ssrc.to_be_bytes()));
    end(out, start);
}

/// Sequence numbers in ascending order (around the wrap) pack best; any order is correct. Writes nothing for none.
pub fn write_nack(out: &mut Vec<u8>, sender: u32, media: u32, sequences: &[u16]) {
    if sequences.is_empty() {
        return;
    }
    let start = header(out, TRANSPORT_FEEDBACK, FMT_NACK);
    out.extend_from_slice(&sender.to_be_bytes());
    out.extend_from_slice(&media.to_be_bytes());
    let mut sequences = sequences.iter().copied().peekable();
    while let Some(packet_id) = sequences.next() {
        let mut following = 0u16;
        while let Some(next) = sequences.peek() {
            match next.wrapping_sub(packet_id) {
                0 => {}
                distance @ 1..=16 => following |= 1 << (distance - 1),
                _ => break,
            }
            sequences.next();
        }
        out.extend_from_slice(&packet_id.to_be_bytes());
        out.extend_from_slice(&following.to_be_bytes());
    }
    end(out, start);
}

pub fn write_pli(out: &mut Vec<u8>, sender: u32, media: u32) {
    let start = header(out, PAYLOAD_FEEDBACK, FMT_PLI);
    out.extend_from_slice(&sender.to_be_bytes());
    out.extend_from_slice(&media.to_be_bytes());
    end(out, start);
}

/// `sequence` grows with every new request to the same stream.
pub fn write_fir(out: &mut Vec<u8>, sender: u32, media: u32, sequence: u8) {
    let start = header(out, PAYLOAD_FEEDBACK, FMT_FIR);
    out.extend_from_slice(&sender.to_be_bytes());
    // The media source of the header is not used by FIR (RFC 5104 4.3.1.2).
    out.extend_from_slice(&0u32.to_be_bytes());
    out.extend_from_slice(&media.to_be_bytes());
    out.extend_from_slice(&[sequence, 0, 0, 0]);
    end(out, start);
}

/// `bitrate` in bits per second, rounded down to 18 significant bits. Sources above 255 are left out.
pub fn write_remb(out: &mut Vec<u8>, sender: u32, bitrate: u64, ssrcs: &[u32]) {
    let count = ssrcs.len().min(255);
    let start = header(out, PAYLOAD_FEEDBACK, FMT_APPLICATION);
    out.extend_from_slice(&sender.to_be_bytes());
    out.extend_from_slice(&0u32.to_be_bytes());
    out.extend_from_slice(b"REMB");
    let exponent = (64 - bitrate.leading_zeros()).saturating_sub(18);
    let mantissa = (bitrate >> exponent) as u32 & 0x3_ffff;
    out.extend_from_slice(&((count as u32) << 24 | exponent << 18 | mantissa).to_be_bytes());
    ssrcs.iter().take(count).for_each(|ssrc| out.extend_from_slice(&ssrc.to_be_bytes()));
    end(out, start);
}

/// Answers reference times of receivers (RFC 3611 4.5): SSRC, middle 32 bits of its time, delay in 1/65,536 s.
pub fn write_dlrr(out: &mut Vec<u8>, ssrc: u32, items: &[(u32, u32, u32)]) {
    let start = header(out, EXTENDED_REPORT, 0);
    out.extend_from_slice(&ssrc.to_be_bytes());
    out.extend_from_slice(&[5, 0]);
    let count = items.len().min(100);
    out.extend_from_slice(&(3 * count as u16).to_be_bytes());
    for (ssrc, last, delay) in items.iter().take(count) {
        out.extend_from_slice(&ssrc.to_be_bytes());
        out.extend_from_slice(&last.to_be_bytes());
        out.extend_from_slice(&delay.to_be_bytes());
    }
    end(out, start);
}
