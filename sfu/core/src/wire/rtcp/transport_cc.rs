//! Transport-wide feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01, section 3).

use super::write::{end, header};
use super::{FMT_TRANSPORT_CC, TRANSPORT_FEEDBACK};
use crate::wire::read::{u8_at, u16_at, u24_at, u32_at};

/// Statuses in one message. A run-length chunk of two bytes can claim 8,191 packets, so without a bound a small message
/// could ask for a lot of work.
pub const MAX_STATUSES: u16 = 8192;

/// Bytes of the body before the chunks.
const FIXED: usize = 16;

#[derive(Clone, Copy, Debug)]
pub struct TransportCcView<'a> {
    pub sender: u32,
    pub media: u32,
    pub base_sequence: u16,
    pub status_count: u16,
    /// 24 bits, in 64 ms.
    pub reference_time: u32,
    pub feedback_count: u8,
    chunks: &'a [u8],
    deltas: &'a [u8],
}

/// What became of one packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    pub sequence: u16,
    /// Since the previous arrived packet, for the first one since the reference time; in 250 us. None: did not arrive.
    pub delta: Option<i16>,
}

impl<'a> TransportCcView<'a> {
    /// `None` unless chunks and deltas are all there.
    pub(super) fn parse(body: &'a [u8]) -> Option<TransportCcView<'a>> {
        let status_count = u16_at(body, 10)?;
        if status_count > MAX_STATUSES {
            return None;
        }
        let area = body.get(FIXED..)?;
        let mut chunk_bytes = 0;
        let mut delta_bytes = 0;
        let mut left = usize::from(status_count);
        while left > 0 {
            let chunk = Chunk(u16_at(area, chunk_bytes)?);
            chunk_bytes += 2;
            let in_chunk = chunk.len().min(left);
            if chunk.is_run() {
                delta_bytes += in_chunk * chunk.symbol(0).delta_bytes();
            } else {
                delta_bytes += (0..in_chunk).map(|index| chunk.symbol(index).delta_bytes()).sum::<usize>();
            }
            // An empty run would never end.
            if in_chunk == 0 {
                return None;
            }
            left -= in_chunk;
        }
        let (chunks, rest) = area.split_at_checked(chunk_bytes)?;
        Some(TransportCcView {
            sender: u32_at(body, 0)?,
            media: u32_at(body, 4)?,
            base_sequence: u16_at(body, 8)?,
            status_count,
            reference_time: u24_at(body, 12)?,
            feedback_count: u8_at(body, 15)?,
            chunks,
            deltas: rest.get(..delta_bytes)?,
        })
    }

    /// One for each status, in sequence order.
    pub fn arrivals(&self) -> Arrivals<'a> {
        Arrivals {
            chunks: self.chunks,
            deltas: self.deltas,
            chunk: Chunk(0),
            at: 0,
            sequence: self.base_sequence,
            left: self.status_count,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Symbol {
    Lost,
    Small,
    Large,
}

impl Symbol {
    fn delta_bytes(self) -> usize {
        match self {
            Symbol::Lost => 0,
            Symbol::Small => 1,
            Symbol::Large => 2,
        }
    }

    fn of(delta: Option<i16>) -> Symbol {
        match delta {
            None => Symbol::Lost,
            Some(0..=255) => Symbol::Small,
            Some(_) => Symbol::Large,
        }
    }
}

/// Run length (3.1.3) or status vector (3.1.4).
#[derive(Clone, Copy, Debug)]
struct Chunk(u16);

impl Chunk {
    fn is_run(self) -> bool {
        self.0 & 0x8000 == 0
    }

    fn len(self) -> usize {
        match self.0 >> 14 {
            0 | 1 => usize::from(self.0 & 0x1fff),
            2 => 14,
            _ => 7,
        }
    }

    fn symbol(self, index: usize) -> Symbol {
        let bits = match self.0 >> 14 {
            0 | 1 => self.0 >> 13 & 3,
            2 => self.0 >> 13usize.saturating_sub(index) & 1,
            _ => self.0 >> 12usize.saturating_sub(2 * index) & 3,
        };
        match bits {
            1 => Symbol::Small,
            2 => Symbol::Large,
            // 3 is reserved; it has no delta.
            _ => Symbol::Lost,
        }
    }
}

#[derive(Clone, Debug)]
pub struct Arrivals<'a> {
    chunks: &'a [u8],
    deltas: &'a [u8],
    chunk: Chunk,
    at: usize,
    sequence: u16,
    left: u16,
}

impl Iterator for Arrivals<'_> {
    type Item = Arrival;

    fn next(&mut self) -> Option<Arrival> {
        self.left = self.left.checked_sub(1)?;
        if self.at == self.chunk.len() {
            self.chunk = Chunk(u16_at(self.chunks, 0)?);
            self.chunks = self.chunks.get(2..)?;
            self.at = 0;
        }
        let symbol = self.chunk.symbol(self.at);
        self.at += 1;
        let delta = match symbol {
            Symbol::Lost => None,
            Symbol::Small => Some(i16::from(u8_at(self.deltas, 0)?)),
            Symbol::Large => Some(u16_at(self.deltas, 0)? as i16),
        };
        self.deltas = self.deltas.get(symbol.delta_bytes()..)?;
        let sequence = self.sequence;
        self.sequence = sequence.wrapping_add(1);
        Some(Arrival { sequence, delta })
    }
}

/// Appends a feedback message about `deltas.len()` packets from `base_sequence` on; see [`Arrival::delta`]. Returns
/// false and writes nothing when there are none or more than [`MAX_STATUSES`].
pub fn write_transport_cc(
    out: &mut Vec<u8>,
    (sender, media): (u32, u32),
    base_sequence: u16,
    reference_time: u32,
    feedback_count: u8,
    deltas: &[Option<i16>],
) -> bool {
    if deltas.is_empty() || deltas.len() > usize::from(MAX_STATUSES) {
        return false;
    }
    let start = header(out, TRANSPORT_FEEDBACK, FMT_TRANSPORT_CC);
    out.extend_from_slice(&sender.to_be_bytes());
    out.extend_from_slice(&media.to_be_bytes());
    out.extend_from_slice(&base_sequence.to_be_bytes());
    out.extend_from_slice(&(deltas.len() as u16).to_be_bytes());
    out.extend_from_slice(&(reference_time << 8 | u32::from(feedback_count)).to_be_bytes());

    let mut rest = deltas;
    while let Some(&first) = rest.first() {
        let symbol = Symbol::of(first);
        let run = rest.iter().take(0x1fff).take_while(|&&delta| Symbol::of(delta) == symbol).count();
        let (chunk, covered) = if run >= 7 || run == rest.len() {
            ((symbol as u16) << 13 | run as u16, run)
        } else {
            let small = rest.iter().take(14).all(|&delta| Symbol::of(delta) != Symbol::Large);
            if small {
                let bits = (rest.iter().take(14).enumerate())
                    .fold(0u16, |bits, (index, &delta)| bits | (Symbol::of(delta) as u16) << (13 - index));
                (0x8000 | bits, rest.len().min(14))
            } else {
                let bits = (rest.iter().take(7).enumerate()).fold(0u16, |bits, (index, &delta)| {
                    bits | (Symbol::of(delta) as u16) << (12 - 2 * index)
                });
                (0xc000 | bits, rest.len().min(7))
            }
        };
        out.extend_from_slice(&chunk.to_be_bytes());
        rest = rest.get(covered..).unwrap_or(&[]);
    }
    for delta in deltas.iter().flatten() {
        match u8::try_from(*delta) {
            Ok(small) => out.push(small),
            Err(_) => out.extend_from_slice(&delta.to_be_bytes()),
        }
    }
    end(out, start);
    true
}
