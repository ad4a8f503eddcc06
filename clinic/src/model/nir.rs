//! The French social security number (NIR): 13 characters and a key of two digits.
//!
//! Key: `97 - (number mod 97)`, with `2A` read as `19` and `2B` as `18` at positions 6 and 7 only (INSEE; the same as taking
//! 1,000,000 or 2,000,000 off the number with 0 in the letter's place).

/// Why a text is no NIR.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NirError {
    #[error("a NIR has 13 characters, or 15 with its key")]
    Length,
    #[error("a NIR has digits, except for Corsica's 2A and 2B")]
    Shape,
    /// The key that the number would have; shown to professionals only.
    #[error("the key does not match")]
    Key { expected: String },
}

/// Accepted, but worth a second look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NirWarning {
    /// 13 characters were given; the key was computed and is to be confirmed.
    KeyMissing,
    /// First digit 3, 4, 7 or 8: a number given while the civil status was being registered.
    Provisional,
    /// A month that stands for an incomplete civil status.
    UnusualMonth,
    /// The first digit says another sex than the file.
    SexDiffers,
    /// Year or month say another birth date than the file.
    BirthDateDiffers,
}

/// A NIR with a key that matches.
#[derive(Clone, PartialEq, Eq)]
pub struct Nir {
    number: String,
    key: u8,
}

impl std::fmt::Debug for Nir {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Nir(***)")
    }
}

impl Nir {
    /// 13 characters.
    pub fn number(&self) -> &str {
        &self.number
    }

    /// Two digits, `01` to `97`.
    pub fn key(&self) -> String {
        format!("{:02}", self.key)
    }

    /// 15 characters.
    pub fn full(&self) -> String {
        format!("{}{:02}", self.number, self.key)
    }

    fn digits(&self, from: usize, to: usize) -> Option<u32> {
        self.number.get(from..to)?.parse().ok()
    }

    /// Compares with what the file says: `sex` `M` or `F`, birth `(year, month)`. Unknown parts are not compared.
    pub fn compare(&self, sex: Option<char>, birth: Option<(i16, i8)>) -> Vec<NirWarning> {
        let mut warnings = Vec::new();
        let declared = match self.digits(0, 1) {
            Some(1 | 3 | 7) => 'M',
            _ => 'F',
        };
        if sex.is_some_and(|sex| sex != declared) {
            warnings.push(NirWarning::SexDiffers);
        }
        if let Some((year, month)) = birth {
            let years_differ =
                self.digits(1, 3).is_some_and(|yy| i64::from(yy) != i64::from(year.rem_euclid(100)));
            let usual = self.digits(3, 5).filter(|month| (1..=12).contains(month));
            let months_differ = month != 0 && usual.is_some_and(|mm| i64::from(mm) != i64::from(month));
            if years_differ || months_differ {
                warnings.push(NirWarning::BirthDateDiffers);
            }
        }
        warnings
    }
}

/// Without spaces, dots, hyphens and no-break spaces; letters in upper case.
pub fn normalise(text: &str) -> String {
    let skipped =
        |c: &char| !(c.is_whitespace() || matches!(c, '.' | '-' | '\u{a0}' | '\u{202f}' | '\u{2011}'));
    text.chars().filter(skipped).map(|c| c.to_ascii_uppercase()).collect()
}

/// The key of 13 characters in normal form. `None` if they have another shape.
pub fn key_of(number: &str) -> Option<u8> {
    if !shape(number) {
        return None;
    }
    // Positions 6 and 7 only: what follows never holds a letter.
    let department = match number.get(5..7)? {
        "2A" => "19",
        "2B" => "18",
        other => other,
    };
    let digits = format!("{}{department}{}", number.get(..5)?, number.get(7..)?);
    let number: u64 = digits.parse().ok()?;
    u8::try_from(97 - number % 97).ok()
}

fn shape(number: &str) -> bool {
    let bytes = number.as_bytes();
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let first = bytes.first().is_some_and(|byte| matches!(byte, b'1' | b'2' | b'3' | b'4' | b'7' | b'8'));
    let month = number.get(3..5).and_then(|month| month.parse::<u8>().ok());
    let month_ok = digit(3) && digit(4) && month.is_some_and(|month| matches!(month, 1..=12 | 13 | 20..=99));
    let corsica = matches!(number.get(5..7), Some("2A" | "2B"));
    let department = digit(5) && (digit(6) || corsica);
    bytes.len() == 13 && first && digit(1) && digit(2) && month_ok && department && (7..13).all(digit)
}

/// Reads a NIR as typed, with or without its key.
pub fn parse(text: &str) -> Result<(Nir, Vec<NirWarning>), NirError> {
    let text = normalise(text);
    if !text.is_ascii() {
        return Err(NirError::Shape);
    }
    let (number, typed) = match text.len() {
        13 => (text.as_str(), None),
        15 => {
            let (number, key) = text.split_at_checked(13).ok_or(NirError::Length)?;
            (number, Some(key))
        }
        _ => return Err(NirError::Length),
    };
    let key = key_of(number).ok_or(NirError::Shape)?;
    let nir = Nir { number: number.to_owned(), key };
    let mut warnings = Vec::new();
    match typed {
        None => warnings.push(NirWarning::KeyMissing),
        Some(typed) if typed == nir.key() => {}
        Some(typed) if typed.bytes().all(|byte| byte.is_ascii_digit()) => {
            return Err(NirError::Key { expected: nir.key() });
        }
        Some(_) => return Err(NirError::Shape),
    }
    if matches!(number.as_bytes().first(), Some(b'3' | b'4' | b'7' | b'8')) {
        warnings.push(NirWarning::Provisional);
    }
    if !nir.digits(3, 5).is_some_and(|month| (1..=12).contains(&month)) {
        warnings.push(NirWarning::UnusualMonth);
    }
    Ok((nir, warnings))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const VECTORS: [(&str, &str); 10] = [
        ("2 55 08 14 168 025", "38"),
        ("2 84 05 88 321 025", "32"),
        ("2 84 05 2A 321 025", "52"),
        ("2 84 05 2B 321 025", "79"),
        ("1 70 13 75 056 001", "06"),
        ("2 33 09 97 411 007", "58"),
        ("1 52 04 99 350 012", "92"),
        ("7 85 05 75 056 004", "04"),
        ("1 70 01 75 056 009", "97"),
        ("1 84 05 88 321 025", "82"),
    ];

    #[test]
    fn the_published_keys_are_found_and_accepted() {
        for (number, key) in VECTORS {
            let (nir, _) =
                parse(&format!("{number} {key}")).unwrap_or_else(|error| panic!("{number}: {error}"));
            assert_eq!((nir.key(), nir.full().len()), (key.to_owned(), 15));
            let (computed, warnings) = parse(number).unwrap();
            assert_eq!(computed, nir);
            assert!(warnings.contains(&NirWarning::KeyMissing));
        }
    }

    #[test]
    fn a_wrong_key_is_refused_with_the_right_one() {
        let refused = parse("2 55 08 14 168 025 39");
        assert_eq!(refused, Err(NirError::Key { expected: "38".into() }));
    }

    #[test]
    fn unusual_numbers_are_accepted_with_a_warning() {
        assert_eq!(parse("1 70 13 75 056 001 06").unwrap().1, [NirWarning::UnusualMonth]);
        assert_eq!(parse("785057505600404").unwrap().1, [NirWarning::Provisional]);
        assert_eq!(parse("2-55.08 14\u{a0}168\u{202f}025 38").unwrap().1, []);
        assert_eq!(parse("2 84 05 2a 321 025 52").unwrap().1, []);
    }

    #[test]
    fn what_is_no_nir_is_refused() {
        for text in ["", "255081416802", "25508141680253", "2550814168025380"] {
            assert_eq!(parse(text), Err(NirError::Length), "{text}");
        }
        for text in [
            "055081416802538",
            "955081416802538",
            "255001416802538",
            "25508141A802538",
            "255082C16802538",
            "2550814168025é",
            "2550814168025XX",
        ] {
            assert_eq!(parse(text).map(|_| ()), Err(NirError::Shape), "{text}");
        }
    }

    #[test]
    fn the_file_is_compared_with_the_number() {
        let (nir, _) = parse("2 55 08 14 168 025 38").unwrap();
        assert_eq!(nir.compare(Some('F'), Some((1955, 8))), []);
        assert_eq!(nir.compare(Some('M'), None), [NirWarning::SexDiffers]);
        assert_eq!(nir.compare(None, Some((1956, 8))), [NirWarning::BirthDateDiffers]);
        assert_eq!(nir.compare(None, Some((1955, 9))), [NirWarning::BirthDateDiffers]);
        assert_eq!(nir.compare(None, Some((1955, 0))), []);
        assert!(!format!("{nir:?}").contains("255"));
    }

    proptest! {
        #[test]
        fn any_single_wrong_digit_is_found(at in 0..13_usize, by in 1..10_u8, vector in 0..10_usize) {
            let (number, key) = VECTORS[vector];
            let mut text = normalise(&format!("{number}{key}")).into_bytes();
            prop_assume!(text[at].is_ascii_digit());
            text[at] = b'0' + (text[at] - b'0' + by) % 10;
            prop_assert!(parse(std::str::from_utf8(&text).unwrap()).is_err());
        }

        #[test]
        fn no_text_makes_the_reader_panic(text in ".{0,20}") {
            let _ = parse(&text);
        }
    }
}
