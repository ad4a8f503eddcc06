//! The default alphabet of short messages (3GPP TS 23.038, 6.2.1). One character outside of it more than halves a segment.

/// Most units of a message of one segment.
pub const SEGMENT_UNITS: usize = 160;

const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡\
    ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
/// Reached by an escape: two units each.
const EXTENDED: &str = "\u{c}^{}\\[~]|€";

/// Units (septets) of a text, or the first character that the alphabet lacks.
pub fn units(text: &str) -> Result<usize, char> {
    text.chars().try_fold(0_usize, |sum, c| {
        if BASIC.contains(c) {
            Ok(sum.saturating_add(1))
        } else if EXTENDED.contains(c) {
            Ok(sum.saturating_add(2))
        } else {
            Err(c)
        }
    })
}

/// True when the text is one segment.
pub fn is_one_segment(text: &str) -> bool {
    units(text).is_ok_and(|units| units <= SEGMENT_UNITS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_alphabet_has_128_characters_without_the_escape_and_ten_more_behind_it() {
        assert_eq!((BASIC.chars().count(), EXTENDED.chars().count()), (127, 10));
    }

    #[test]
    fn french_letters_outside_the_alphabet_are_named_and_the_euro_counts_twice() {
        assert_eq!(units("à l'heure : é è ù ì ò É Ç"), Ok(25));
        assert_eq!(units("25,00 €"), Ok(8));
        for c in "êâîôûçëïœ«»…’À".chars() {
            assert_eq!(units(&format!("a{c}")), Err(c));
        }
        assert!(is_one_segment(&"a".repeat(160)) && !is_one_segment(&"a".repeat(161)));
    }
}
