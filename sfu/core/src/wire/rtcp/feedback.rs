//! The lists inside feedback messages.

use crate::wire::read::{u8_at, u16_at, u32_at};

/// Sequence numbers of a generic NACK (RFC 4585 6.2.1), in the order of the message.
#[derive(Clone, Copy, Debug)]
pub struct NackItems<'a> {
    bytes: &'a [u8],
    packet_id: u16,
    /// Bit 0: `packet_id` itself; bit n: the nth after it.
    pending: u32,
}

impl<'a> NackItems<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        NackItems { bytes, packet_id: 0, pending: 0 }
    }
}

impl Iterator for NackItems<'_> {
    type Item = u16;

    fn next(&mut self) -> Option<u16> {
        if self.pending == 0 {
            let (item, rest) = self.bytes.split_at_checked(4)?;
            self.bytes = rest;
            self.packet_id = u16_at(item, 0)?;
            self.pending = u32::from(u16_at(item, 2)?) << 1 | 1;
        }
        let offset = self.pending.trailing_zeros();
        self.pending &= self.pending.wrapping_sub(1);
        Some(self.packet_id.wrapping_add(offset as u16))
    }
}

/// RFC 5104 4.3.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FirEntry {
    pub ssrc: u32,
    /// A repeated number is a repeated request.
    pub sequence: u8,
}

#[derive(Clone, Copy, Debug)]
pub struct FirEntries<'a> {
    bytes: &'a [u8],
}

impl<'a> FirEntries<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        FirEntries { bytes }
    }
}

impl Iterator for FirEntries<'_> {
    type Item = FirEntry;

    fn next(&mut self) -> Option<FirEntry> {
        let (entry, rest) = self.bytes.split_at_checked(8)?;
        self.bytes = rest;
        Some(FirEntry { ssrc: u32_at(entry, 0)?, sequence: u8_at(entry, 4)? })
    }
}

#[derive(Clone, Copy, Debug)]
pub struct Ssrcs<'a> {
    bytes: &'a [u8],
    left: usize,
}

impl<'a> Ssrcs<'a> {
    pub(super) fn new(bytes: &'a [u8], count: usize) -> Self {
        Ssrcs { bytes, left: count }
    }
}

impl Iterator for Ssrcs<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        self.left = self.left.checked_sub(1)?;
        let (ssrc, rest) = self.bytes.split_at_checked(4)?;
        self.bytes = rest;
        u32_at(ssrc, 0)
    }
}
