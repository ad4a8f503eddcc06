//! Mobile numbers that an SMS may be sent to, as E.164.
//!
//! Own table of prefixes (ARCEP's numbering plan): general libraries refuse live overseas ranges, such as Mayotte's 0639.

/// National prefix of a mobile range -> country code. The longest match counts; the rest of 06 and 07 is metropolitan.
const OVERSEAS: &[(&str, &str)] = &[
    ("0639", "262"), // Mayotte
    ("0692", "262"), // La Réunion
    ("0693", "262"),
    ("0690", "590"), // Guadeloupe, Saint-Martin, Saint-Barthélemy
    ("0691", "590"),
    ("0694", "594"), // Guyane
    ("0696", "596"), // Martinique
    ("0697", "596"),
];

/// French country codes -> what follows them in a mobile number, and digits after the country code.
const FRENCH: &[(&str, &[&str], usize)] = &[
    ("33", &["6", "7"], 9),
    ("262", &["639", "692", "693"], 9),
    ("590", &["690", "691"], 9),
    ("594", &["694"], 9),
    ("596", &["696", "697"], 9),
    ("508", &[""], 6),         // Saint-Pierre-et-Miquelon
    ("687", &[""], 6),         // Nouvelle-Calédonie
    ("689", &["87", "89"], 8), // Polynésie française
    ("681", &[""], 6),         // Wallis-et-Futuna
];

/// Country codes from where calls cost little: all others are refused, since paid ranges abroad invite fraud.
pub const NEIGHBOURS: &[&str] = &["32", "41", "352", "49", "39", "34", "44", "377"];

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PhoneError {
    #[error("this is not a telephone number")]
    Shape,
    /// `phone-not-mobile`.
    #[error("this is not a mobile number")]
    NotMobile,
    /// `phone-country-not-allowed`.
    #[error("numbers of this country are not served")]
    Country,
}

/// Reads a number as typed (`06 12 34 56 78`, `+33 (0)6...`, `0033...`) and gives E.164. `neighbours`: country codes allowed
/// besides the French ones.
pub fn mobile(text: &str, neighbours: &[&str]) -> Result<String, PhoneError> {
    let text = text.trim().replace("(0)", "");
    let plus = text.starts_with('+');
    let allowed = |c: char| c.is_ascii_digit() || c.is_whitespace() || "+.-()/\u{2011}".contains(c);
    if !text.chars().all(allowed) || text.chars().skip(1).any(|c| c == '+') {
        return Err(PhoneError::Shape);
    }
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    if plus {
        return international(&digits, neighbours);
    }
    if let Some(rest) = digits.strip_prefix("00") {
        return international(rest, neighbours);
    }
    if digits.len() != 10 || !digits.starts_with('0') {
        return Err(PhoneError::Shape);
    }
    let national = digits.trim_start_matches('0').len() >= 9;
    if !national || !(digits.starts_with("06") || digits.starts_with("07")) {
        return Err(PhoneError::NotMobile);
    }
    let country =
        OVERSEAS.iter().find(|(prefix, _)| digits.starts_with(prefix)).map_or("33", |(_, code)| code);
    Ok(format!("+{country}{}", digits.strip_prefix('0').unwrap_or_default()))
}

fn international(digits: &str, neighbours: &[&str]) -> Result<String, PhoneError> {
    if !(8..=15).contains(&digits.len()) {
        return Err(PhoneError::Shape);
    }
    for (country, starts, length) in FRENCH {
        let Some(rest) = digits.strip_prefix(country) else { continue };
        // "+33 06..." is a common slip.
        let rest =
            if *country == "33" && rest.len() == 10 { rest.strip_prefix('0').unwrap_or(rest) } else { rest };
        if rest.len() != *length {
            return Err(PhoneError::Shape);
        }
        if !starts.iter().any(|start| rest.starts_with(start)) {
            return Err(PhoneError::NotMobile);
        }
        // An overseas number written with metropolitan France's code reaches nobody: it gets its own.
        let national = format!("0{rest}");
        let overseas = OVERSEAS.iter().find(|(prefix, _)| *country == "33" && national.starts_with(prefix));
        let country = overseas.map_or(*country, |(_, code)| code);
        return Ok(format!("+{country}{rest}"));
    }
    if neighbours.iter().any(|country| digits.starts_with(country)) {
        Ok(format!("+{digits}"))
    } else {
        Err(PhoneError::Country)
    }
}

/// For people: `06 12 34 56 78` for French numbers of ten digits, else as it is.
pub fn display(e164: &str) -> String {
    let national = ["+33", "+262", "+590", "+594", "+596"]
        .iter()
        .find_map(|country| e164.strip_prefix(country))
        .filter(|rest| rest.len() == 9)
        .map(|rest| format!("0{rest}"));
    match national {
        Some(digits) => {
            let digits: Vec<char> = digits.chars().collect();
            let pairs: Vec<String> = digits.chunks(2).map(|pair| pair.iter().collect()).collect();
            pairs.join(" ")
        }
        None => e164.to_owned(),
    }
}

/// A line that people call, as it was typed: a landline, a mobile, a short number.
pub fn line(text: &str) -> Option<String> {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let digits = text.chars().filter(char::is_ascii_digit).count();
    let plus = text.chars().skip(1).all(|c| c != '+');
    let good = (3..=15).contains(&digits)
        && text.chars().count() <= 30
        && plus
        && text.chars().all(|c| c.is_ascii_digit() || " +.-()".contains(c));
    good.then_some(text)
}

/// For support: only the last two digits.
pub fn masked(e164: &str) -> String {
    let shown: String = e164.chars().skip(e164.chars().count().saturating_sub(2)).collect();
    format!("•• •• •• •• {shown}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn french_mobiles_get_the_code_of_their_territory() {
        for (typed, e164) in [
            ("06 12 34 56 78", "+33612345678"),
            ("07.12.34.56.78", "+33712345678"),
            ("0700123456", "+33700123456"),
            ("+33 (0)6 12 34 56 78", "+33612345678"),
            ("+33 06 12 34 56 78", "+33612345678"),
            ("0033612345678", "+33612345678"),
            ("0639 12 34 56", "+262639123456"),
            ("0692123456", "+262692123456"),
            ("0693123456", "+262693123456"),
            ("0690123456", "+590690123456"),
            ("0691123456", "+590691123456"),
            ("0694123456", "+594694123456"),
            ("0696123456", "+596696123456"),
            ("0697123456", "+596697123456"),
            ("+33 639 12 34 56", "+262639123456"),
            ("+508 551234", "+508551234"),
            ("+687 751234", "+687751234"),
            ("+689 87123456", "+68987123456"),
            ("+681 821234", "+681821234"),
            ("+32 470 12 34 56", "+32470123456"),
        ] {
            assert_eq!(mobile(typed, NEIGHBOURS).as_deref(), Ok(e164), "{typed}");
        }
    }

    #[test]
    fn fixed_special_and_foreign_numbers_are_refused_for_what_they_are() {
        for fixed in
            ["02 40 12 34 56", "0800123456", "0912345678", "+33 240123456", "+262 262123456", "+689 40123456"]
        {
            assert_eq!(mobile(fixed, NEIGHBOURS), Err(PhoneError::NotMobile), "{fixed}");
        }
        for abroad in ["+1 202 555 0100", "+216 20 123 456", "0044 7700 900123"] {
            assert_eq!(mobile(abroad, &["32"]), Err(PhoneError::Country), "{abroad}");
        }
        for wrong in ["", "0612", "06123456789", "six", "+", "06 12 34 56 7x", "6+12345678", "+3361234567"] {
            assert_eq!(mobile(wrong, NEIGHBOURS), Err(PhoneError::Shape), "{wrong}");
        }
    }

    #[test]
    fn numbers_are_shown_in_pairs_and_masked_for_support() {
        assert_eq!(display("+33612345678"), "06 12 34 56 78");
        assert_eq!(display("+262639123456"), "06 39 12 34 56");
        assert_eq!(display("+32470123456"), "+32470123456");
        assert_eq!(masked("+33612345678"), "•• •• •• •• 78");
    }

    proptest! {
        #[test]
        fn what_is_accepted_is_accepted_again_as_it_stands(text in "[+0-9 ().-]{0,18}") {
            if let Ok(e164) = mobile(&text, NEIGHBOURS) {
                prop_assert_eq!(mobile(&e164, NEIGHBOURS), Ok(e164.clone()));
                prop_assert_eq!(mobile(&display(&e164), NEIGHBOURS), Ok(e164));
            }
        }
    }
}
