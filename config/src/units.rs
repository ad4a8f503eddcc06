//! Values with their unit in the text: `"5s"`, `"64KiB"`. A bare number is refused, since nobody can tell what it counts.

use std::time::Duration;

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(u64);

impl Size {
    pub const fn bytes(count: u64) -> Size {
        Size(count)
    }

    pub const fn kibibytes(count: u32) -> Size {
        Size((count as u64) << 10)
    }

    pub const fn mebibytes(count: u32) -> Size {
        Size((count as u64) << 20)
    }

    pub const fn as_bytes(self) -> u64 {
        self.0
    }

    /// For lengths in memory; a 32-bit machine gets the most it can hold.
    pub fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

pub(crate) const DURATION_ALLOWED: &str =
    "a whole number with its unit (ms, s, m, h), such as \"500ms\" or \"5s\"";
pub(crate) const SIZE_ALLOWED: &str = "a whole number with its unit (B, KiB, MiB, GiB), such as \"64KiB\"";

/// Longest first within the same number, so that printing picks the shortest text.
const DURATIONS_MS: [(&str, u64); 4] = [("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];
const SIZES_BYTES: [(&str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

/// Reads `"500ms"`, `"5s"`, `"30m"`, `"6h"`.
pub fn duration(text: &str) -> Option<Duration> {
    parse(text, &DURATIONS_MS).map(Duration::from_millis)
}

pub(crate) fn parse_size(text: &str) -> Option<Size> {
    parse(text, &SIZES_BYTES).map(Size)
}

pub(crate) fn show_duration(duration: Duration) -> String {
    show(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX), &DURATIONS_MS, "s")
}

pub(crate) fn show_size(size: Size) -> String {
    show(size.0, &SIZES_BYTES, "B")
}

fn parse(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let text = text.trim();
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at_checked(digits)?;
    let factor = units.iter().find(|(name, _)| *name == unit.trim_start())?.1;
    number.parse::<u64>().ok()?.checked_mul(factor)
}

fn show(count: u64, units: &[(&str, u64)], zero: &str) -> String {
    if count == 0 {
        return format!("0{zero}");
    }
    // The last unit's factor is 1, so one of them always divides.
    match units.iter().find(|(_, factor)| count.is_multiple_of(*factor)) {
        Some((name, factor)) => format!("{}{name}", count / factor),
        None => count.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_unit_is_required_and_must_be_known() {
        for text in
            ["", "5", "s", "5 parsecs", "-5s", "1.5s", "5S", "99999999999999999999s", "18446744073709551615h"]
        {
            assert_eq!(duration(text), None, "{text}");
        }
        for text in ["", "5", "KiB", "64kb", "64 kB", "20000000000GiB"] {
            assert_eq!(parse_size(text), None, "{text}");
        }
    }

    #[test]
    fn a_space_before_the_unit_is_allowed() {
        assert_eq!(duration(" 5 m "), Some(Duration::from_secs(300)));
        assert_eq!(parse_size("64 KiB"), Some(Size::kibibytes(64)));
    }

    #[test]
    fn the_shortest_exact_text_is_shown() {
        assert_eq!(show_duration(Duration::from_secs(90)), "90s");
        assert_eq!(show_duration(Duration::from_secs(120)), "2m");
        assert_eq!(show_duration(Duration::ZERO), "0s");
        assert_eq!(show_size(Size::bytes(1536)), "1536B");
        assert_eq!(show_size(Size::mebibytes(2)), "2MiB");
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_back(millis: u64, bytes: u64) {
            let shown = Duration::from_millis(millis);
            prop_assert_eq!(duration(&show_duration(shown)), Some(shown));
            prop_assert_eq!(parse_size(&show_size(Size::bytes(bytes))), Some(Size::bytes(bytes)));
        }

        #[test]
        fn no_text_makes_the_readers_panic(text in ".*") {
            let _ = (duration(&text), parse_size(&text));
        }
    }
}
