//! Keys and what is done with them.
//!
//! One instance key from a file ([`keyfile`]) is the root. Everything else is derived from it (HKDF, RFC 5869) or wrapped
//! by it: the data keys of [`keyring`], one for each consultation or patient file, whose destruction is the purge.

pub mod aead;
pub mod keyfile;
pub mod keyring;
pub mod lookup;
pub mod password;
pub mod secret;

use aws_lc_rs::hmac;
use zeroize::{Zeroize, ZeroizeOnDrop};

pub use aead::Tampered;
pub use keyfile::{InstanceKey, KeyFileError};
pub use keyring::{DataKeyId, Keyring};
pub use lookup::{LookupHash, LookupKey, Purpose};
pub use secret::Secret;

/// Length of every symmetric key here, in bytes.
pub const KEY_BYTES: usize = 32;

/// A symmetric key. It never shows itself and is wiped when dropped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Key([u8; KEY_BYTES]);

impl Key {
    pub fn new(bytes: [u8; KEY_BYTES]) -> Key {
        Key(bytes)
    }

    /// From the system's generator.
    pub fn random() -> Key {
        let mut bytes = [0; KEY_BYTES];
        fill_random(&mut bytes);
        Key(bytes)
    }

    /// HKDF-Expand with HMAC-SHA-256 to one block; the key is uniform already, so Extract is left out (RFC 5869, 3.3).
    /// Every part is preceded by its length, so that no two lists of parts give the same key.
    pub fn derive(&self, purpose: &str, parts: &[&[u8]]) -> Key {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.0);
        let mut context = hmac::Context::with_key(&key);
        for part in std::iter::once(purpose.as_bytes()).chain(parts.iter().copied()) {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        context.update(&[1]);
        let tag = context.sign();
        let mut bytes = [0; KEY_BYTES];
        bytes.copy_from_slice(tag.as_ref());
        Key(bytes)
    }

    /// HMAC-SHA-256 under this key.
    pub fn mac(&self, data: &[u8]) -> [u8; 32] {
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &self.0), data);
        let mut bytes = [0; 32];
        bytes.copy_from_slice(tag.as_ref());
        bytes
    }

    pub fn as_bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(***)")
    }
}

/// Fills with random bytes of the system's generator. Without it nothing here is safe, so its failure ends the process.
pub fn fill_random(bytes: &mut [u8]) {
    aws_lc_rs::rand::fill(bytes).expect("the system's random generator works");
}

/// Compares without telling by its duration where the first difference is. The lengths may be learnt.
pub fn same(a: &[u8], b: &[u8]) -> bool {
    aws_lc_rs::constant_time::verify_slices_are_equal(a, b).is_ok()
}

#[cfg(test)]
mod tests;
