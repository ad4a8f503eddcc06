//! Passwords: argon2id with OWASP's first choice of parameters (19 MiB, 2 passes, 1 lane), as PHC strings.
//!
//! Hashing takes some tens of milliseconds and 19 MiB: callers run it off the async threads and bound how many run at once.

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use std::sync::OnceLock;

/// Shortest password accepted, in characters.
pub const CHARS_MIN: usize = 12;
/// Longest, in characters: enough for any phrase, and a bound on the work.
pub const CHARS_MAX: usize = 256;
/// Least strength by zxcvbn, 0 to 4.
pub const STRENGTH_MIN: u8 = 3;

const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weakness {
    TooShort,
    TooLong,
    Guessable,
}

/// Refuses what is short or easily guessed, also from the person's own names and addresses.
pub fn check(password: &str, about_person: &[&str]) -> Result<(), Weakness> {
    let chars = password.chars().count();
    if chars < CHARS_MIN {
        return Err(Weakness::TooShort);
    }
    if chars > CHARS_MAX {
        return Err(Weakness::TooLong);
    }
    let score = u8::from(zxcvbn::zxcvbn(password, about_person).score());
    if score < STRENGTH_MIN { Err(Weakness::Guessable) } else { Ok(()) }
}

fn hasher() -> Argon2<'static> {
    let params = Params::new(MEMORY_KIB, PASSES, 1, None).expect("the parameters are within argon2's bounds");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

/// A PHC string, `$argon2id$v=19$m=19456,t=2,p=1$...`.
pub fn hash(password: &str) -> String {
    hasher().hash_password(password.as_bytes()).expect("the system's random generator works").to_string()
}

/// With the parameters written in `phc`. `None` does the same work and is false: whether an account exists, or has a
/// password, cannot be told from the time taken.
pub fn verify(phc: Option<&str>, password: &str) -> bool {
    static DECOY: OnceLock<String> = OnceLock::new();
    let text = phc.unwrap_or_else(|| DECOY.get_or_init(|| hash("nobody's password at all")));
    let matches = PasswordHash::new(text)
        .is_ok_and(|parsed| hasher().verify_password(password.as_bytes(), &parsed).is_ok());
    matches && phc.is_some()
}
