//! The second factor: six digits that change every 30 s (RFC 6238 with HMAC-SHA-1, what every authenticator app speaks).

use aws_lc_rs::hmac;
use jiff::Timestamp;

use crate::crypto::{fill_random, same};

/// Length of a shared secret, in bytes (RFC 4226 asks for 20).
const SECRET_BYTES: usize = 20;
const STEP_S: u64 = 30;
/// Clocks of phones are off by a step now and then.
const STEPS_AROUND: u64 = 1;
const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// A new secret, base32.
pub fn new_secret() -> String {
    let mut bytes = [0; SECRET_BYTES];
    fill_random(&mut bytes);
    encode(&bytes)
}

/// What an authenticator app scans.
pub fn uri(secret: &str, issuer: &str, account: &str) -> String {
    let (issuer, account) = (percent(issuer), percent(account));
    format!(
        "otpauth://totp/{issuer}:{account}?secret={secret}&issuer={issuer}&algorithm=SHA1&digits=6&period=30"
    )
}

/// The step whose code this is, if it is none of those up to `last_used`: a code is good once.
pub fn verify(secret: &str, code: &str, now: Timestamp, last_used: u64) -> Option<u64> {
    let code: String = code.chars().filter(|c| !c.is_whitespace()).collect();
    let key = decode(secret)?;
    let step = step(now);
    let steps = step.saturating_sub(STEPS_AROUND)..=step.saturating_add(STEPS_AROUND);
    // All are compared, so that the time taken does not say which one it was.
    steps
        .filter(|step| same(code_at(&key, *step).as_bytes(), code.as_bytes()))
        .filter(|step| *step > last_used)
        .max()
}

fn step(now: Timestamp) -> u64 {
    u64::try_from(now.as_second()).unwrap_or(0) / STEP_S
}

/// RFC 4226, 5.3.
fn code_at(key: &[u8], step: u64) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key);
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let tag = tag.as_ref();
    let offset = usize::from(tag.last().copied().unwrap_or(0) & 15);
    let four = tag.get(offset..).and_then(|rest| rest.first_chunk::<4>()).copied().unwrap_or_default();
    format!("{:06}", (u32::from_be_bytes(four) & 0x7fff_ffff) % 1_000_000)
}

/// The code of this moment, as an app shows it. For tests.
#[cfg(test)]
pub fn code(secret: &str, now: Timestamp) -> String {
    code_at(&decode(secret).unwrap(), step(now))
}

fn encode(bytes: &[u8]) -> String {
    let mut text = String::new();
    let (mut buffer, mut bits) = (0_u32, 0);
    for byte in bytes {
        buffer = buffer << 8 | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            let index = usize::try_from(buffer >> bits & 31).unwrap_or(0);
            text.push(char::from(ALPHABET.get(index).copied().unwrap_or(b'A')));
        }
        buffer &= (1 << bits) - 1;
    }
    if bits > 0 {
        let index = usize::try_from(buffer << (5 - bits) & 31).unwrap_or(0);
        text.push(char::from(ALPHABET.get(index).copied().unwrap_or(b'A')));
    }
    text
}

fn decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let (mut buffer, mut bits) = (0_u32, 0);
    for character in text.bytes() {
        let value = ALPHABET.iter().position(|letter| *letter == character)?;
        buffer = buffer << 5 | u32::try_from(value).ok()?;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from(buffer >> bits & 255).ok()?);
        }
        buffer &= (1 << bits) - 1;
    }
    Some(bytes)
}

fn percent(text: &str) -> String {
    use std::fmt::Write;
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~@".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238, appendix B, the last six of its eight digits.
    #[test]
    fn the_codes_of_the_rfc_are_found() {
        let secret = encode(b"12345678901234567890");
        assert_eq!(secret, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        for (second, code) in
            [(59, "287082"), (1_111_111_109, "081804"), (1_234_567_890, "005924"), (2_000_000_000, "279037")]
        {
            let now = Timestamp::from_second(second).unwrap();
            assert!(verify(&secret, code, now, 0).is_some(), "{second}");
            assert_eq!(self::code(&secret, now), code);
        }
    }

    #[test]
    fn a_code_is_good_once_and_for_a_step_around() {
        let secret = new_secret();
        let now = Timestamp::from_second(1_764_000_000).unwrap();
        let at = |seconds: i64| Timestamp::from_second(1_764_000_000 + seconds).unwrap();
        let code = code(&secret, now);
        let used = verify(&secret, &format!(" {} {} ", &code[..3], &code[3..]), now, 0).unwrap();
        assert_eq!(verify(&secret, &code, now, used), None);
        assert!(verify(&secret, &code, at(30), 0).is_some() && verify(&secret, &code, at(-30), 0).is_some());
        assert_eq!(verify(&secret, &code, at(60), 0), None);
        assert_eq!(verify(&secret, "12345", now, 0), None);
        assert_eq!(verify("not base32!", &code, now, 0), None);
    }

    #[test]
    fn the_link_for_the_app_is_escaped() {
        let uri = uri("ABC", "Cabinet des Tilleuls", "jeanne@cabinet.example");
        assert!(
            uri.starts_with("otpauth://totp/Cabinet%20des%20Tilleuls:jeanne@cabinet.example?secret=ABC&"),
            "{uri}"
        );
    }
}
