//! Secrets that are given to people: link secrets, cookies, mailed codes.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::fill_random;

/// A random text that opens something. Kept only as a [`super::LookupHash`]; it never shows itself in logs.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Secret(String);

impl Secret {
    /// 128 bits as 22 characters of base64url: what an invitation link carries.
    pub fn link() -> Secret {
        Secret::of::<16>()
    }

    /// 256 bits as 43 characters of base64url: cookies and API secrets.
    pub fn session() -> Secret {
        Secret::of::<32>()
    }

    fn of<const BYTES: usize>() -> Secret {
        let mut bytes = [0; BYTES];
        fill_random(&mut bytes);
        let secret = Secret(URL_SAFE_NO_PAD.encode(bytes));
        bytes.zeroize();
        secret
    }

    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(***)")
    }
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
