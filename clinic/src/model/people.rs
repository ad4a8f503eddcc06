//! Names, birth dates, e-mail addresses, birth places.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

/// Longest name, in characters.
pub const NAME_CHARS_MAX: usize = 100;

/// A name as typed, in NFC, with single spaces: letters, spaces, apostrophes, hyphens and full stops. `None` otherwise.
pub fn name(text: &str) -> Option<String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let name: String = words.join(" ").nfc().collect();
    let chars = name.chars().count();
    let allowed = |c: char| c.is_alphabetic() || is_mark(c) || " '’-‐.".contains(c);
    let good = (1..=NAME_CHARS_MAX).contains(&chars) && name.chars().all(allowed);
    (good && name.chars().any(char::is_alphabetic)).then_some(name)
}

/// Accents that have no letter of their own stay behind their letter in NFC.
fn is_mark(c: char) -> bool {
    unicode_normalization::char::is_combining_mark(c)
}

/// For comparing only: upper case, no accents, no ligatures, no punctuation.
pub fn comparable(name: &str) -> String {
    let plain: String = name.nfkd().filter(|c| !is_mark(*c)).collect();
    let plain = plain.to_uppercase().replace('Œ', "OE").replace('Æ', "AE");
    let words: Vec<&str> =
        plain.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    words.join(" ")
}

/// A birth date whose month or day may be unknown: `1941-03-02`, `1941-03-00`, `1941-00-00`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BirthDate {
    year: i16,
    /// 0 when unknown.
    month: i8,
    /// 0 when unknown.
    day: i8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a birth date between 1900 and today")]
pub struct BadBirthDate;

/// Above this age the date is to be confirmed.
pub const AGE_TO_CONFIRM: i16 = 105;

impl BirthDate {
    /// `YYYY-MM-DD`, not before 1900.
    pub fn parse(text: &str) -> Result<BirthDate, BadBirthDate> {
        let parts: Vec<&str> = text.split('-').collect();
        let [year, month, day] = parts.as_slice() else { return Err(BadBirthDate) };
        let number = |text: &str, length: usize| {
            (text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit()))
                .then(|| text.parse::<i16>().ok())
                .flatten()
                .ok_or(BadBirthDate)
        };
        let (year, month, day) = (number(year, 4)?, number(month, 2)?, number(day, 2)?);
        let narrow = |number: i16| i8::try_from(number).map_err(|_| BadBirthDate);
        let date = BirthDate { year, month: narrow(month)?, day: narrow(day)? };
        let real = match (date.month, date.day) {
            (0, 0) => true,
            (0, _) => false,
            (month, 0) => (1..=12).contains(&month),
            (month, day) => Date::new(year, month, day).is_ok(),
        };
        if real && year >= 1900 { Ok(date) } else { Err(BadBirthDate) }
    }

    /// Not later than today.
    pub fn is_past(self, today: Date) -> bool {
        (self.year, self.month, self.day) <= (today.year(), today.month(), today.day())
    }

    pub fn year(self) -> i16 {
        self.year
    }

    /// 0 when unknown.
    pub fn month(self) -> i8 {
        self.month
    }

    /// Whole years at `today`; the birthday of an unknown day counts as passed.
    pub fn age(self, today: Date) -> i16 {
        let before = (today.month(), today.day()) < (self.month, self.day);
        today.year().saturating_sub(self.year).saturating_sub(i16::from(before))
    }

    /// A representative is needed.
    pub fn is_minor(self, today: Date) -> bool {
        self.age(today) < 18
    }
}

impl std::fmt::Display for BirthDate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

impl TryFrom<String> for BirthDate {
    type Error = BadBirthDate;

    fn try_from(text: String) -> Result<BirthDate, BadBirthDate> {
        BirthDate::parse(&text)
    }
}

impl From<BirthDate> for String {
    fn from(date: BirthDate) -> String {
        date.to_string()
    }
}

/// An INSEE code of a birth place (COG): five characters, Corsica's `2A`/`2B`, `99xxx` abroad, `99999` unknown.
pub fn is_cog(text: &str) -> bool {
    let corsica = matches!(text.get(..2), Some("2A" | "2B"));
    let digits_from = if corsica { 2 } else { 0 };
    text.len() == 5 && text.bytes().skip(digits_from).all(|byte| byte.is_ascii_digit())
}

/// An address in its normal form: trimmed, NFC, the domain in lower case and as IDNA (UTS 46). `None` for what no mail
/// server would take. Only a delivery proves an address.
pub fn email(text: &str) -> Option<String> {
    let text: String = text.trim().nfc().collect();
    let (local, domain) = text.rsplit_once('@')?;
    let local_ok = (1..=64).contains(&local.len())
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..")
        && local.chars().all(|c| c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c));
    let domain = idna::domain_to_ascii_strict(domain).ok()?;
    let labels_ok = domain.split('.').count() >= 2
        && domain.split('.').all(|label| (1..=63).contains(&label.len()))
        && domain.rsplit('.').next().is_some_and(|top| !top.bytes().all(|byte| byte.is_ascii_digit()));
    let whole = format!("{local}@{domain}");
    (local_ok && labels_ok && whole.len() <= 254).then_some(whole)
}

/// The address by which an account is found: case does not distinguish people.
pub fn email_key(email: &str) -> String {
    email.to_lowercase().nfc().collect()
}

const COMMON_DOMAINS: &[&str] = &[
    "gmail.com",
    "orange.fr",
    "wanadoo.fr",
    "free.fr",
    "sfr.fr",
    "laposte.net",
    "hotmail.fr",
    "hotmail.com",
    "yahoo.fr",
    "outlook.fr",
    "outlook.com",
    "icloud.com",
    "bbox.fr",
    "live.fr",
];

/// What was probably meant, for a domain one slip away from a common one.
pub fn email_suggestion(email: &str) -> Option<String> {
    let (local, domain) = email.rsplit_once('@')?;
    if COMMON_DOMAINS.contains(&domain) {
        return None;
    }
    let near = COMMON_DOMAINS.iter().find(|common| one_slip(domain, common))?;
    Some(format!("{local}@{near}"))
}

/// One character added, left out, or changed, or two neighbours exchanged.
fn one_slip(typed: &str, meant: &str) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (typed.chars().collect(), meant.chars().collect());
    let same_start = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
    let rest =
        |chars: &[char], skip: usize| chars.iter().skip(same_start + skip).copied().collect::<Vec<_>>();
    let exchanged = a.get(same_start) == b.get(same_start + 1) && a.get(same_start + 1) == b.get(same_start);
    typed != meant
        && (rest(&a, 1) == rest(&b, 1)
            || rest(&a, 1) == rest(&b, 0)
            || rest(&a, 0) == rest(&b, 1)
            || (exchanged && rest(&a, 2) == rest(&b, 2)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;
    use proptest::prelude::*;

    #[test]
    fn names_are_kept_as_typed_and_compared_without_accents() {
        assert_eq!(name("  Anne-Sophie   d’Écureuil ").as_deref(), Some("Anne-Sophie d’Écureuil"));
        assert_eq!(name("Zoe\u{308}").as_deref(), Some("Zoë"));
        for wrong in ["", "  ", "R2D2", "<b>", "a\u{0}b", "{x}", "-", &"a".repeat(101)] {
            assert_eq!(name(wrong), None, "{wrong:?}");
        }
        assert_eq!(comparable("Lœtitia d’Hérouville-Ça"), "LOETITIA D HEROUVILLE CA");
        assert_eq!(comparable("MARTIN"), comparable("  martin "));
    }

    #[test]
    fn birth_dates_may_be_known_in_part_and_lie_between_1900_and_today() {
        let today = date(2026, 12, 3);
        for good in ["1941-03-02", "1941-03-00", "1941-00-00", "2000-02-29", "1900-01-01"] {
            let read = BirthDate::parse(good).unwrap();
            assert_eq!(read.to_string(), good);
            assert!(read.is_past(today));
        }
        for bad in
            ["1899-12-31", "1941-00-02", "1941-13-01", "2001-02-29", "41-03-02", "1941-3-2", "1941/03/02", ""]
        {
            assert_eq!(BirthDate::parse(bad), Err(BadBirthDate), "{bad}");
        }
        assert!(!BirthDate::parse("2026-12-04").unwrap().is_past(today));
    }

    #[test]
    fn age_turns_on_the_birthday_and_a_minor_becomes_of_age_at_eighteen() {
        let born = BirthDate::parse("2008-12-03").unwrap();
        assert_eq!((born.age(date(2026, 12, 2)), born.age(date(2026, 12, 3))), (17, 18));
        assert!(born.is_minor(date(2026, 12, 2)) && !born.is_minor(date(2026, 12, 3)));
        assert_eq!(BirthDate::parse("1941-00-00").unwrap().age(date(2026, 1, 1)), 85);
    }

    #[test]
    fn addresses_get_a_normal_form_and_slips_a_suggestion() {
        assert_eq!(
            email(" Jeanne.Martin@Cabinet.Example ").as_deref(),
            Some("Jeanne.Martin@cabinet.example")
        );
        assert_eq!(email("a@santé.example").as_deref(), Some("a@xn--sant-epa.example"));
        assert_eq!(email_key("Jeanne.Martin@cabinet.example"), "jeanne.martin@cabinet.example");
        for wrong in [
            "",
            "a",
            "@b.c",
            "a@",
            "a@b",
            "a b@c.de",
            "\"a\"@b.cd",
            "a@@b.cd",
            ".a@b.cd",
            "a..b@c.de",
            "a@1.2.3.4",
            "a@-b.cd",
        ] {
            assert_eq!(email(wrong), None, "{wrong}");
        }
        assert_eq!(email_suggestion("a@gmial.com").as_deref(), Some("a@gmail.com"));
        assert_eq!(email_suggestion("a@orange.f").as_deref(), Some("a@orange.fr"));
        assert_eq!(email_suggestion("a@orange.fr"), None);
        assert_eq!(email_suggestion("a@cabinet.example"), None);
    }

    #[test]
    fn birth_places_have_an_insee_code() {
        assert!(["44109", "2A004", "99350", "99999"].iter().all(|code| is_cog(code)));
        assert!(!["4410", "441099", "2C004", "A2004", ""].iter().any(|code| is_cog(code)));
    }

    proptest! {
        #[test]
        fn a_name_or_address_that_was_accepted_is_accepted_unchanged(text in ".{0,40}") {
            if let Some(name) = name(&text) {
                prop_assert_eq!(super::name(&name), Some(name));
            }
            if let Some(email) = email(&format!("{text}@example.org")) {
                prop_assert_eq!(super::email(&email), Some(email));
            }
            let _ = (BirthDate::parse(&text), is_cog(&text), email_suggestion(&text));
        }
    }
}
