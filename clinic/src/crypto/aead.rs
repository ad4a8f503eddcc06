//! AES-256-GCM with random nonces: `nonce ‖ ciphertext ‖ tag`.
//!
//! A random 96-bit nonce allows 2^32 messages under one key. Records therefore each have a key of their own, derived from
//! the data key by collection and id: only the versions of one record share a key.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use zeroize::Zeroizing;

use super::{Key, fill_random};

/// Bytes that sealing adds.
pub const OVERHEAD: usize = NONCE_LEN + 16;

/// What was opened is not what was sealed: another key, other associated data, or changed bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("sealed data does not open: wrong key or changed bytes")]
pub struct Tampered;

fn cipher(key: &Key) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key.as_bytes()).expect("the key has the cipher's length"))
}

pub fn seal(key: &Key, associated: &[u8], plain: &[u8]) -> Vec<u8> {
    let mut nonce = [0; NONCE_LEN];
    fill_random(&mut nonce);
    let mut body = Vec::with_capacity(plain.len().saturating_add(OVERHEAD));
    body.extend_from_slice(plain);
    cipher(key)
        .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(associated), &mut body)
        .expect("a record is shorter than the cipher's 64 GiB");
    let mut sealed = Vec::with_capacity(body.len().saturating_add(NONCE_LEN));
    sealed.extend_from_slice(&nonce);
    sealed.append(&mut body);
    sealed
}

pub fn open(key: &Key, associated: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Tampered> {
    let (nonce, body) = sealed.split_first_chunk::<NONCE_LEN>().ok_or(Tampered)?;
    let mut body = Zeroizing::new(body.to_vec());
    let length = cipher(key)
        .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(associated), &mut body)
        .map_err(|_| Tampered)?
        .len();
    body.truncate(length);
    Ok(body)
}
