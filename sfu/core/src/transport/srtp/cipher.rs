//! Session keys and the transforms of one direction.

use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{AES_128, AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use aws_lc_rs::iv::FixedLength;

use super::{SrtpError, SrtpProfile};
use crate::wire::read::u32_at;

/// Header of an RTCP packet with the sender's SSRC: stays clear.
const RTCP_HEADER: usize = 8;
/// The word with the E bit and the index.
const RTCP_INDEX: usize = 4;
const ENCRYPTED: u32 = 0x8000_0000;
const GCM_TAG: usize = 16;
const CM_TAG: usize = 10;
const MASTER_SALT: usize = 14;

/// Labels of RFC 3711 4.3.2: cipher key, authentication key, salt.
const RTP_LABELS: [u8; 3] = [0, 1, 2];
const RTCP_LABELS: [u8; 3] = [3, 4, 5];

pub(super) enum Cipher {
    Gcm(Box<Half<Gcm>>),
    Cm(Box<Half<Cm>>),
}

/// RTP and RTCP have their own session keys.
pub(super) struct Half<T> {
    rtp: T,
    rtcp: T,
}

impl Cipher {
    /// Session keys from a master key and salt (RFC 3711 4.3, RFC 7714 11), with a key derivation rate of 0.
    pub(super) fn derive(profile: SrtpProfile, key: &[u8], salt: &[u8]) -> Result<Cipher, SrtpError> {
        if key.len() != profile.key_len() || salt.len() != profile.salt_len() {
            return Err(SrtpError::Keys);
        }
        // A GCM salt of 96 bits is extended with zeros.
        let mut master_salt = [0; MASTER_SALT];
        master_salt.get_mut(..salt.len()).ok_or(SrtpError::Keys)?.copy_from_slice(salt);
        let derivation = Derivation { cipher: counter_mode(key)?, master_salt };
        let cipher = match profile {
            SrtpProfile::AeadAes128Gcm | SrtpProfile::AeadAes256Gcm => Cipher::Gcm(Box::new(Half {
                rtp: derivation.gcm(profile, RTP_LABELS)?,
                rtcp: derivation.gcm(profile, RTCP_LABELS)?,
            })),
            SrtpProfile::Aes128CmSha1_80 => Cipher::Cm(Box::new(Half {
                rtp: derivation.cm(RTP_LABELS)?,
                rtcp: derivation.cm(RTCP_LABELS)?,
            })),
        };
        Ok(cipher)
    }

    /// Returns the plaintext length.
    #[inline]
    pub(super) fn open_rtp(
        &self,
        packet: &mut [u8],
        header_len: usize,
        ssrc: u32,
        index: u64,
    ) -> Result<usize, SrtpError> {
        match self {
            Cipher::Gcm(keys) => {
                let (header, sealed) = packet.split_at_mut_checked(header_len).ok_or(SrtpError::Short)?;
                if sealed.len() < GCM_TAG {
                    return Err(SrtpError::Short);
                }
                let nonce = keys.rtp.rtp_nonce(ssrc, index);
                let payload = (keys.rtp.key)
                    .open_in_place(nonce, Aad::from(&*header), sealed)
                    .map_err(|_| SrtpError::Forged)?;
                Ok(header_len + payload.len())
            }
            Cipher::Cm(keys) => {
                let len = packet.len().checked_sub(CM_TAG).filter(|&len| len >= header_len);
                let (plain, tag) =
                    len.and_then(|len| packet.split_at_mut_checked(len)).ok_or(SrtpError::Short)?;
                let rollover = rollover(index).to_be_bytes();
                keys.rtp.verify(&[plain, &rollover], tag)?;
                let payload = plain.get_mut(header_len..).ok_or(SrtpError::Short)?;
                keys.rtp.apply(ssrc, index, payload)?;
                Ok(plain.len())
            }
        }
    }

    /// Returns the sealed length.
    #[inline]
    pub(super) fn seal_rtp(
        &self,
        out: &mut [u8],
        header_len: usize,
        len: usize,
        ssrc: u32,
        index: u64,
    ) -> Option<usize> {
        match self {
            Cipher::Gcm(keys) => {
                let (header, rest) =
                    out.get_mut(..len.checked_add(GCM_TAG)?)?.split_at_mut_checked(header_len)?;
                let (payload, tag) = rest.split_at_mut_checked(len.checked_sub(header_len)?)?;
                let nonce = keys.rtp.rtp_nonce(ssrc, index);
                let aad = Aad::from(&*header);
                keys.rtp.key.seal_in_place_scatter(nonce, aad, payload, &[], tag).ok()?;
                Some(len + GCM_TAG)
            }
            Cipher::Cm(keys) => {
                let (plain, tag) = out.get_mut(..len.checked_add(CM_TAG)?)?.split_at_mut_checked(len)?;
                keys.rtp.apply(ssrc, index, plain.get_mut(header_len..)?).ok()?;
                keys.rtp.sign(&[plain, &rollover(index).to_be_bytes()], tag);
                Some(len + CM_TAG)
            }
        }
    }

    /// Returns the sealed length.
    #[inline]
    pub(super) fn seal_rtp_scatter(
        &self,
        out: &mut [u8],
        header_len: usize,
        payload: &[u8],
        trailer: &[u8],
        ssrc: u32,
        index: u64,
    ) -> Option<usize> {
        let body = payload.len().checked_add(trailer.len())?;
        let len = header_len.checked_add(body)?;
        match self {
            Cipher::Gcm(keys) => {
                let (header, rest) =
                    out.get_mut(..len.checked_add(GCM_TAG)?)?.split_at_mut_checked(header_len)?;
                let (sealed, trailer_and_tag) = rest.split_at_mut_checked(payload.len())?;
                let nonce = keys.rtp.rtp_nonce(ssrc, index);
                let aad = Aad::from(&*header);
                (keys.rtp.key)
                    .seal_out_of_place_scatter(nonce, aad, payload, sealed, trailer, trailer_and_tag)
                    .ok()?;
                Some(len + GCM_TAG)
            }
            Cipher::Cm(_) => {
                let (first, rest) = out.get_mut(header_len..len)?.split_at_mut_checked(payload.len())?;
                first.copy_from_slice(payload);
                rest.copy_from_slice(trailer);
                self.seal_rtp(out, header_len, len, ssrc, index)
            }
        }
    }

    /// SSRC and index of a compound, not authenticated yet (RFC 3711 3.4, RFC 7714 9.3: the index comes before the tag
    /// with CM and after it with GCM).
    pub(super) fn rtcp_index(&self, packet: &[u8]) -> Result<(u32, u32), SrtpError> {
        let from_end = match self {
            Cipher::Gcm(_) => RTCP_INDEX,
            Cipher::Cm(_) => RTCP_INDEX + CM_TAG,
        };
        let at =
            packet.len().checked_sub(from_end).filter(|&at| at >= RTCP_HEADER).ok_or(SrtpError::Short)?;
        let word = u32_at(packet, at).ok_or(SrtpError::Short)?;
        if word & ENCRYPTED == 0 {
            return Err(SrtpError::Clear);
        }
        Ok((u32_at(packet, 4).ok_or(SrtpError::Short)?, word & !ENCRYPTED))
    }

    /// Returns the plaintext length.
    pub(super) fn open_rtcp(&self, packet: &mut [u8], ssrc: u32, index: u32) -> Result<usize, SrtpError> {
        let word = (index | ENCRYPTED).to_be_bytes();
        match self {
            Cipher::Gcm(keys) => {
                let end = packet.len().checked_sub(RTCP_INDEX).ok_or(SrtpError::Short)?;
                let (header, sealed) = packet
                    .get_mut(..end)
                    .and_then(|packet| packet.split_first_chunk_mut::<RTCP_HEADER>())
                    .filter(|(_, sealed)| sealed.len() >= GCM_TAG)
                    .ok_or(SrtpError::Short)?;
                let nonce = keys.rtcp.rtcp_nonce(ssrc, index);
                let payload = (keys.rtcp.key)
                    .open_in_place(nonce, Aad::from(rtcp_aad(*header, word)), sealed)
                    .map_err(|_| SrtpError::Forged)?;
                Ok(RTCP_HEADER + payload.len())
            }
            Cipher::Cm(keys) => {
                let end = packet.len().checked_sub(CM_TAG).ok_or(SrtpError::Short)?;
                let (signed, tag) = packet.split_at_mut_checked(end).ok_or(SrtpError::Short)?;
                keys.rtcp.verify(&[signed], tag)?;
                let len = end.checked_sub(RTCP_INDEX).ok_or(SrtpError::Short)?;
                let payload = signed.get_mut(RTCP_HEADER..len).ok_or(SrtpError::Short)?;
                keys.rtcp.apply(ssrc, u64::from(index), payload)?;
                Ok(len)
            }
        }
    }

    /// Returns the sealed length.
    pub(super) fn seal_rtcp(&self, out: &mut [u8], len: usize, index: u32) -> Option<usize> {
        let word = (index | ENCRYPTED).to_be_bytes();
        match self {
            Cipher::Gcm(keys) => {
                let sealed_len = len.checked_add(GCM_TAG + RTCP_INDEX)?;
                let (header, rest) = out.get_mut(..sealed_len)?.split_first_chunk_mut::<RTCP_HEADER>()?;
                let (payload, rest) = rest.split_at_mut_checked(len.checked_sub(RTCP_HEADER)?)?;
                let (tag, trailer) = rest.split_at_mut_checked(GCM_TAG)?;
                let nonce = keys.rtcp.rtcp_nonce(u32_at(header, 4)?, index);
                let aad = Aad::from(rtcp_aad(*header, word));
                keys.rtcp.key.seal_in_place_scatter(nonce, aad, payload, &[], tag).ok()?;
                trailer.copy_from_slice(&word);
                Some(sealed_len)
            }
            Cipher::Cm(keys) => {
                let sealed_len = len.checked_add(RTCP_INDEX + CM_TAG)?;
                let out = out.get_mut(..sealed_len)?;
                let ssrc = u32_at(out, 4)?;
                keys.rtcp.apply(ssrc, u64::from(index), out.get_mut(RTCP_HEADER..len)?).ok()?;
                out.get_mut(len..len + RTCP_INDEX)?.copy_from_slice(&word);
                let (signed, tag) = out.split_at_mut_checked(len + RTCP_INDEX)?;
                keys.rtcp.sign(&[signed], tag);
                Some(sealed_len)
            }
        }
    }

    #[cfg(test)]
    pub(super) fn gcm_of_session_keys(profile: SrtpProfile, key: &[u8], salt: [u8; 12]) -> Cipher {
        let gcm = || Gcm { key: gcm_key(profile, key).unwrap(), salt: number(&salt) };
        Cipher::Gcm(Box::new(Half { rtp: gcm(), rtcp: gcm() }))
    }
}

/// The upper 32 of the 48 bits.
fn rollover(index: u64) -> u32 {
    (index >> 16) as u32
}

/// RFC 7714 9.2: the clear header, then the index word.
fn rtcp_aad(header: [u8; RTCP_HEADER], word: [u8; RTCP_INDEX]) -> [u8; RTCP_HEADER + RTCP_INDEX] {
    let mut aad = [0; RTCP_HEADER + RTCP_INDEX];
    let (first, second) = aad.split_at_mut(RTCP_HEADER);
    first.copy_from_slice(&header);
    second.copy_from_slice(&word);
    aad
}

/// The number that at most 16 bytes are, high byte first.
fn number(bytes: &[u8]) -> u128 {
    bytes.iter().fold(0, |number, &byte| number << 8 | u128::from(byte))
}

/// RFC 7714.
pub(super) struct Gcm {
    key: LessSafeKey,
    /// 96 bits.
    salt: u128,
}

impl Gcm {
    /// RFC 7714 8.1: zeros, SSRC, rollover counter and sequence number, over the salt.
    #[inline]
    fn rtp_nonce(&self, ssrc: u32, index: u64) -> Nonce {
        let value = u128::from(ssrc) << 48 | u128::from(index & 0xffff_ffff_ffff);
        self.nonce(value)
    }

    /// RFC 7714 9.1: zeros, SSRC, zeros, 31 bits of index, over the salt.
    fn rtcp_nonce(&self, ssrc: u32, index: u32) -> Nonce {
        self.nonce(u128::from(ssrc) << 48 | u128::from(index))
    }

    #[inline]
    fn nonce(&self, value: u128) -> Nonce {
        let [_, _, _, _, nonce @ ..] = (self.salt ^ value).to_be_bytes();
        Nonce::assume_unique_for_key(nonce)
    }
}

fn gcm_key(profile: SrtpProfile, key: &[u8]) -> Result<LessSafeKey, SrtpError> {
    let algorithm = match profile {
        SrtpProfile::AeadAes256Gcm => &AES_256_GCM,
        _ => &AES_128_GCM,
    };
    UnboundKey::new(algorithm, key).map(LessSafeKey::new).map_err(|_| SrtpError::Keys)
}

/// AES in counter mode with HMAC-SHA1 (RFC 3711 4.1.1, 4.2.1).
pub(super) struct Cm {
    cipher: EncryptingKey,
    mac: hmac::Key,
    /// Above the 16 bits of the block counter.
    salt: u128,
}

impl Cm {
    /// Both directions: the key stream is XORed over the data.
    fn apply(&self, ssrc: u32, index: u64, data: &mut [u8]) -> Result<(), SrtpError> {
        let value = u128::from(ssrc) << 64 | u128::from(index & 0xffff_ffff_ffff) << 16;
        key_stream(&self.cipher, (self.salt ^ value).to_be_bytes(), data)
    }

    fn tag(&self, parts: &[&[u8]]) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.mac);
        parts.iter().for_each(|part| context.update(part));
        context.sign()
    }

    fn sign(&self, parts: &[&[u8]], out: &mut [u8]) {
        out.iter_mut().zip(self.tag(parts).as_ref()).for_each(|(out, &byte)| *out = byte);
    }

    fn verify(&self, parts: &[&[u8]], expected: &[u8]) -> Result<(), SrtpError> {
        let tag = self.tag(parts);
        let tag = tag.as_ref().get(..CM_TAG).ok_or(SrtpError::Forged)?;
        verify_slices_are_equal(tag, expected).map_err(|_| SrtpError::Forged)
    }
}

fn counter_mode(key: &[u8]) -> Result<EncryptingKey, SrtpError> {
    let algorithm = if key.len() == 32 { &AES_256 } else { &AES_128 };
    UnboundCipherKey::new(algorithm, key).and_then(EncryptingKey::ctr).map_err(|_| SrtpError::Keys)
}

fn key_stream(cipher: &EncryptingKey, iv: [u8; 16], data: &mut [u8]) -> Result<(), SrtpError> {
    let context = EncryptionContext::Iv128(FixedLength::from(iv));
    cipher.less_safe_encrypt(data, context).map(drop).map_err(|_| SrtpError::Keys)
}

/// The pseudo-random function of RFC 3711 4.3.3 and RFC 6188 3.
struct Derivation {
    cipher: EncryptingKey,
    master_salt: [u8; MASTER_SALT],
}

impl Derivation {
    fn fill(&self, label: u8, out: &mut [u8]) -> Result<(), SrtpError> {
        let mut iv = [0; 16];
        iv.iter_mut().zip(self.master_salt).for_each(|(byte, salt)| *byte = salt);
        // The label stands above the 48 bits of the index, which is 0.
        if let Some(byte) = iv.get_mut(7) {
            *byte ^= label;
        }
        out.fill(0);
        key_stream(&self.cipher, iv, out)
    }

    fn gcm(&self, profile: SrtpProfile, [key_label, _, salt_label]: [u8; 3]) -> Result<Gcm, SrtpError> {
        let mut key = [0; 32];
        let key = key.get_mut(..profile.key_len()).ok_or(SrtpError::Keys)?;
        let mut salt = [0; 12];
        self.fill(key_label, key)?;
        self.fill(salt_label, &mut salt)?;
        Ok(Gcm { key: gcm_key(profile, key)?, salt: number(&salt) })
    }

    fn cm(&self, [key_label, mac_label, salt_label]: [u8; 3]) -> Result<Cm, SrtpError> {
        let (mut key, mut mac, mut salt) = ([0; 16], [0; 20], [0; MASTER_SALT]);
        self.fill(key_label, &mut key)?;
        self.fill(mac_label, &mut mac)?;
        self.fill(salt_label, &mut salt)?;
        Ok(Cm {
            cipher: counter_mode(&key)?,
            mac: hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &mac),
            salt: number(&salt) << 16,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        super::super::tests::hex(text)
    }

    #[test]
    fn keys_are_derived_as_in_rfc_3711_b_3() {
        let derivation = Derivation {
            cipher: counter_mode(&hex("E1F97A0D3E018BE0D64FA32C06DE4139")).unwrap(),
            master_salt: hex("0EC675AD498AFEEBB6960B3AABE6").try_into().unwrap(),
        };
        let derive = |label, len| {
            let mut out = vec![0xff; len];
            derivation.fill(label, &mut out).unwrap();
            out
        };
        assert_eq!(derive(0, 16), hex("C61E7A93744F39EE10734AFE3FF7A087"));
        assert_eq!(derive(2, 14), hex("30CBBC08863D8C85D49DB34A9AE1"));
        let authentication = "CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4\
            8F0A0ACF3C34E2359E6CDBCEE049646C43D9327AD175578EF72270986371C10C9A369AC2F94A8C5FBCDDDC256D6E919A48B610EF17C2041E47403576";
        assert_eq!(derive(1, 20), hex(authentication)[..20]);
    }

    #[test]
    fn the_key_stream_is_that_of_rfc_3711_b_2() {
        let cipher = counter_mode(&hex("2B7E151628AED2A6ABF7158809CF4F3C")).unwrap();
        let cm = Cm {
            cipher,
            mac: hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &[0; 20]),
            salt: number(&hex("F0F1F2F3F4F5F6F7F8F9FAFBFCFD")) << 16,
        };
        let mut stream = vec![0; 0xff02 * 16];
        cm.apply(0, 0, &mut stream).unwrap();
        let first = "E03EAD0935C95E80E166B16DD92B4EB4D23513162B02D0F72A43A2FE4A5F97AB41E95B3BB0A2E8DD477901E4FCA894C0";
        assert_eq!(stream[..48], hex(first));
        let last = "EC8CDF7398607CB0F2D21675EA9EA1E4362B7C3C6773516318A077D7FC5073AE6A2CC3787889374FBEB4C81B17BA6C44";
        assert_eq!(stream[0xfeff * 16..0xff02 * 16], hex(last));
    }
}
