//! What left a transport lately: for each transport-wide number, with which hand-over to the sockets, and how long it
//! was. Feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01) names packets by these numbers.

/// Numbers remembered; a power of two. At 1,500 packets a second, feedback may be 0.6 s late.
const KEPT: usize = 1024;
/// Bits of an entry that hold the length; no datagram is longer than 1,500 bytes.
const LENGTH_BITS: u32 = 11;
const LENGTH_MASK: u32 = (1 << LENGTH_BITS) - 1;
/// Bits of a hand-over's number that an entry holds.
pub const HANDOVER_BITS: u32 = 32 - LENGTH_BITS;
/// IPv4 and UDP headers: a line carries them too, and for sound they are a third of it.
const DATAGRAM_OVERHEAD: u32 = 28;

/// A packet as it left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// The lowest [`HANDOVER_BITS`] bits of the number of the hand-over.
    pub handover: u32,
    /// On the line, in bytes, with IPv4 and UDP headers.
    pub bytes: u32,
}

/// 4 KiB for each transport that somebody receives by. Noting a packet is one store.
#[derive(Debug)]
pub struct SentLog {
    /// The hand-over above, the length below; 0 = nothing, or accounted for.
    entries: Box<[u32; KEPT]>,
}

impl Default for SentLog {
    fn default() -> Self {
        SentLog { entries: Box::new([0; KEPT]) }
    }
}

impl SentLog {
    /// `bytes`: the datagram's length.
    pub fn note(&mut self, number: u16, handover: u32, bytes: usize) {
        let length = (bytes as u32).saturating_add(DATAGRAM_OVERHEAD).min(LENGTH_MASK);
        if let Some(entry) = self.entries.get_mut(usize::from(number) % KEPT) {
            *entry = handover << LENGTH_BITS | length;
        }
    }

    /// A packet that was noted and not taken yet. `next`: the number that the next packet will get.
    pub fn get(&self, number: u16, next: u16) -> Option<Sent> {
        let age = usize::from(next.wrapping_sub(number));
        if age == 0 || age > KEPT {
            return None;
        }
        let entry = *self.entries.get(usize::from(number) % KEPT)?;
        (entry != 0).then_some(Sent { handover: entry >> LENGTH_BITS, bytes: entry & LENGTH_MASK })
    }

    /// The same, once: a packet arrives only once.
    pub fn take(&mut self, number: u16, next: u16) -> Option<Sent> {
        let sent = self.get(number, next)?;
        if let Some(entry) = self.entries.get_mut(usize::from(number) % KEPT) {
            *entry = 0;
        }
        Some(sent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_is_found_by_its_number_and_taken_once() {
        let mut log = SentLog::default();
        log.note(65_535, 7, 1000);
        log.note(0, 8, 100);
        assert_eq!(log.get(65_535, 1), Some(Sent { handover: 7, bytes: 1028 }));
        assert_eq!(log.take(0, 1), Some(Sent { handover: 8, bytes: 128 }));
        assert_eq!(log.take(0, 1), None);
        // Not sent yet, or so long ago that another has its place.
        assert_eq!(log.get(1, 1), None);
        assert_eq!(log.get(65_535, 1200), None);
    }

    #[test]
    fn the_numbers_of_hand_overs_wrap_within_their_bits() {
        let mut log = SentLog::default();
        log.note(3, u32::MAX, 1500);
        assert_eq!(log.get(3, 4), Some(Sent { handover: (1 << HANDOVER_BITS) - 1, bytes: 1528 }));
    }
}
