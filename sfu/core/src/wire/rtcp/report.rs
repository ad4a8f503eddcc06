//! Report blocks of SR and RR (RFC 3550 6.4), and the two extended blocks that measure a receiver's round trip
//! (RFC 3611 4.4, 4.5).

use crate::wire::read::{u8_at, u16_at, u24_at, u32_at, u64_at};

const BLOCK: usize = 24;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReportBlock {
    /// Of the stream reported on.
    pub ssrc: u32,
    /// Since the last report, in 1/256.
    pub fraction_lost: u8,
    /// 24 bits on the wire; negative when duplicates outnumber losses.
    pub cumulative_lost: i32,
    /// Cycles in the upper half.
    pub highest_sequence: u32,
    /// In units of the RTP clock.
    pub jitter: u32,
    /// Middle 32 bits of the NTP time of the last SR, 0 = none yet.
    pub last_sr: u32,
    /// Since that SR arrived, in 1/65,536 s.
    pub delay_since_sr: u32,
}

impl ReportBlock {
    fn read(bytes: &[u8]) -> Option<ReportBlock> {
        let lost = u24_at(bytes, 5)?;
        Some(ReportBlock {
            ssrc: u32_at(bytes, 0)?,
            fraction_lost: u8_at(bytes, 4)?,
            // Moves the sign bit up and down again.
            cumulative_lost: (lost << 8) as i32 >> 8,
            highest_sequence: u32_at(bytes, 8)?,
            jitter: u32_at(bytes, 12)?,
            last_sr: u32_at(bytes, 16)?,
            delay_since_sr: u32_at(bytes, 20)?,
        })
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.ssrc.to_be_bytes());
        let lost = self.cumulative_lost.clamp(-0x80_0000, 0x7f_ffff) as u32 & 0xff_ffff;
        out.extend_from_slice(&(u32::from(self.fraction_lost) << 24 | lost).to_be_bytes());
        out.extend_from_slice(&self.highest_sequence.to_be_bytes());
        out.extend_from_slice(&self.jitter.to_be_bytes());
        out.extend_from_slice(&self.last_sr.to_be_bytes());
        out.extend_from_slice(&self.delay_since_sr.to_be_bytes());
    }
}

#[derive(Clone, Copy, Debug)]
pub struct ReportBlocks<'a> {
    bytes: &'a [u8],
    left: u8,
}

impl<'a> ReportBlocks<'a> {
    pub(super) fn new(bytes: &'a [u8], count: u8) -> Self {
        ReportBlocks { bytes, left: count }
    }
}

impl Iterator for ReportBlocks<'_> {
    type Item = ReportBlock;

    fn next(&mut self) -> Option<ReportBlock> {
        self.left = self.left.checked_sub(1)?;
        let (block, rest) = self.bytes.split_at_checked(BLOCK)?;
        self.bytes = rest;
        ReportBlock::read(block)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExtendedBlock<'a> {
    /// The receiver's clock, NTP 32.32: to be answered by a DLRR block.
    ReceiverReferenceTime { ntp: u64 },
    /// Items are read with [`DlrrBlock::items`].
    Dlrr(DlrrBlock<'a>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DlrrBlock<'a> {
    bytes: &'a [u8],
}

impl DlrrBlock<'_> {
    /// SSRC of the receiver, middle 32 bits of its reference time, delay since then in 1/65,536 s.
    pub fn items(&self) -> impl Iterator<Item = (u32, u32, u32)> {
        self.bytes
            .chunks_exact(12)
            .filter_map(|item| Some((u32_at(item, 0)?, u32_at(item, 4)?, u32_at(item, 8)?)))
    }
}

#[derive(Clone, Copy, Debug)]
pub struct ExtendedBlocks<'a> {
    rest: &'a [u8],
}

impl<'a> ExtendedBlocks<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        ExtendedBlocks { rest: bytes }
    }
}

impl<'a> Iterator for ExtendedBlocks<'a> {
    type Item = ExtendedBlock<'a>;

    /// Passes over the blocks of other types.
    fn next(&mut self) -> Option<ExtendedBlock<'a>> {
        loop {
            let block_type = u8_at(self.rest, 0)?;
            let words = u16_at(self.rest, 2)?;
            let (block, rest) = self.rest.split_at_checked(4 + 4 * usize::from(words))?;
            self.rest = rest;
            let body = block.get(4..)?;
            match block_type {
                4 => {
                    if let Some(ntp) = u64_at(body, 0) {
                        return Some(ExtendedBlock::ReceiverReferenceTime { ntp });
                    }
                }
                5 => return Some(ExtendedBlock::Dlrr(DlrrBlock { bytes: body })),
                _ => {}
            }
        }
    }
}
