//! 16-bit sequence numbers on a line that does not wrap.

/// `a` comes after `b` on the circle (RFC 1982, with the tie at half the circle going to the larger number).
pub fn newer(a: u16, b: u16) -> bool {
    let distance = a.wrapping_sub(b);
    distance != 0 && (distance < 0x8000 || (distance == 0x8000 && a > b))
}

/// Extends 16-bit numbers to 64 bits by the nearest place to the highest one seen.
///
/// The first number is placed in the second cycle (65,536 + n), so that packets that were overtaken by the first one
/// still have a place before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SequenceExtender {
    highest: Option<u64>,
}

impl SequenceExtender {
    pub fn new() -> Self {
        Self::default()
    }

    /// Where `sequence` would be, without taking note of it.
    pub fn peek(&self, sequence: u16) -> u64 {
        match self.highest {
            None => 0x1_0000 | u64::from(sequence),
            Some(highest) => nearest(highest, sequence),
        }
    }

    pub fn extend(&mut self, sequence: u16) -> u64 {
        let extended = self.peek(sequence);
        self.highest = Some(self.highest.map_or(extended, |highest| highest.max(extended)));
        extended
    }

    pub fn highest(&self) -> Option<u64> {
        self.highest
    }
}

/// The number with the low bits `sequence` that is nearest to `reference`; never below zero.
pub fn nearest(reference: u64, sequence: u16) -> u64 {
    let ahead = sequence.wrapping_sub(reference as u16);
    if ahead < 0x8000 {
        reference.saturating_add(u64::from(ahead))
    } else {
        let behind = u64::from(ahead.wrapping_neg());
        // Before the first cycle there is nothing: then it lies ahead.
        reference.checked_sub(behind).unwrap_or(reference.saturating_add(u64::from(ahead)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_extended_sequence_survives_the_wrap_in_both_directions() {
        let mut extender = SequenceExtender::new();
        assert_eq!(extender.extend(65_534), 0x1_fffe);
        assert_eq!(extender.extend(1), 0x2_0001);
        assert_eq!(extender.extend(65_535), 0x1_ffff);
        assert_eq!(extender.extend(2), 0x2_0002);
        assert_eq!(extender.highest(), Some(0x2_0002));
    }

    #[test]
    fn packets_overtaken_by_the_first_one_lie_before_it() {
        let mut extender = SequenceExtender::new();
        assert_eq!(extender.extend(0), 0x1_0000);
        assert_eq!(extender.extend(65_535), 0xffff);
    }

    #[test]
    fn newer_follows_the_circle() {
        assert!(newer(1, 65_535));
        assert!(!newer(65_535, 1));
        assert!(!newer(7, 7));
        assert!(newer(0x8000, 0) && !newer(0, 0x8000));
    }

    proptest! {
        #[test]
        fn small_steps_are_followed_exactly(start: u16, steps in proptest::collection::vec(-3000i64..30_000, 0..200)) {
            let mut extender = SequenceExtender::new();
            let mut at = extender.extend(start) as i64;
            let mut highest = at;
            for step in steps {
                at = (highest + step).max(0);
                prop_assert_eq!(extender.extend(at as u16), at as u64);
                highest = highest.max(at);
            }
        }
    }
}
