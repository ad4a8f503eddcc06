//! SRTP and SRTCP (RFC 3711, RFC 7714) with keys from DTLS (RFC 5764).
//!
//! Incoming packets are opened where they lie; outgoing ones are sealed where they are built, or from the receive buffer
//! straight into the send buffer. Nothing is allocated for a packet, and nothing is remembered of one that was not
//! authenticated.

mod cipher;
mod sources;
#[cfg(test)]
mod tests;

use crate::api::DtlsRole;
use crate::wire::rtp::RtpHeader;
use cipher::Cipher;
use sources::Sources;

/// Protection profiles of RFC 5764 4.1.2 and RFC 7714 14.2, best first. The tag is 16 bytes for GCM, 10 for CM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SrtpProfile {
    AeadAes256Gcm,
    AeadAes128Gcm,
    /// What every WebRTC implementation has; three to four times the cost of GCM.
    Aes128CmSha1_80,
}

impl SrtpProfile {
    /// Bytes.
    pub const fn key_len(self) -> usize {
        match self {
            SrtpProfile::AeadAes256Gcm => 32,
            SrtpProfile::AeadAes128Gcm | SrtpProfile::Aes128CmSha1_80 => 16,
        }
    }

    /// Bytes.
    pub const fn salt_len(self) -> usize {
        match self {
            SrtpProfile::AeadAes256Gcm | SrtpProfile::AeadAes128Gcm => 12,
            SrtpProfile::Aes128CmSha1_80 => 14,
        }
    }

    /// Bytes that the DTLS exporter must give: a key and a salt for each side.
    pub const fn keying_material_len(self) -> usize {
        2 * (self.key_len() + self.salt_len())
    }

    /// Bytes that sealing adds to an RTP packet.
    pub const fn rtp_overhead(self) -> usize {
        match self {
            SrtpProfile::AeadAes256Gcm | SrtpProfile::AeadAes128Gcm => 16,
            SrtpProfile::Aes128CmSha1_80 => 10,
        }
    }

    /// Bytes that sealing adds to an RTCP compound: the tag and the index.
    pub const fn rtcp_overhead(self) -> usize {
        self.rtp_overhead() + 4
    }

    /// The name of the IANA registry.
    pub const fn name(self) -> &'static str {
        match self {
            SrtpProfile::AeadAes256Gcm => "SRTP_AEAD_AES_256_GCM",
            SrtpProfile::AeadAes128Gcm => "SRTP_AEAD_AES_128_GCM",
            SrtpProfile::Aes128CmSha1_80 => "SRTP_AES128_CM_HMAC_SHA1_80",
        }
    }
}

impl TryFrom<dimpl::SrtpProfile> for SrtpProfile {
    type Error = SrtpError;

    fn try_from(profile: dimpl::SrtpProfile) -> Result<SrtpProfile, SrtpError> {
        Ok(match profile {
            dimpl::SrtpProfile::AES128_CM_SHA1_80 => SrtpProfile::Aes128CmSha1_80,
            dimpl::SrtpProfile::AEAD_AES_128_GCM => SrtpProfile::AeadAes128Gcm,
            dimpl::SrtpProfile::AEAD_AES_256_GCM => SrtpProfile::AeadAes256Gcm,
            _ => return Err(SrtpError::Keys),
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SrtpError {
    #[error("shorter than its header and tag")]
    Short,
    #[error("authentication failed")]
    Forged,
    #[error("seen before")]
    Replayed,
    #[error("older than the replay window")]
    TooOld,
    #[error("not encrypted")]
    Clear,
    #[error("the keys do not fit the profile")]
    Keys,
    #[error("the index is used up")]
    Exhausted,
}

/// The two directions, from the keying material that DTLS exports under `EXTRACTOR-dtls_srtp` (RFC 5764 4.2).
pub fn contexts(
    profile: SrtpProfile,
    keying_material: &[u8],
    role: DtlsRole,
) -> Result<(SrtpIn, SrtpOut), SrtpError> {
    let rest = keying_material.get(..profile.keying_material_len()).ok_or(SrtpError::Keys)?;
    let (client_key, rest) = rest.split_at_checked(profile.key_len()).ok_or(SrtpError::Keys)?;
    let (server_key, rest) = rest.split_at_checked(profile.key_len()).ok_or(SrtpError::Keys)?;
    let (client_salt, server_salt) = rest.split_at_checked(profile.salt_len()).ok_or(SrtpError::Keys)?;
    let client = (client_key, client_salt);
    let server = (server_key, server_salt);
    let (remote, local) = match role {
        DtlsRole::Client => (server, client),
        DtlsRole::Server => (client, server),
    };
    Ok((SrtpIn::new(profile, remote.0, remote.1)?, SrtpOut::new(profile, local.0, local.1)?))
}

/// Opens what the peer sent.
pub struct SrtpIn {
    profile: SrtpProfile,
    cipher: Cipher,
    rtp: Sources,
    rtcp: Sources,
}

impl SrtpIn {
    /// From the peer's master key and salt.
    pub fn new(profile: SrtpProfile, key: &[u8], salt: &[u8]) -> Result<SrtpIn, SrtpError> {
        Ok(SrtpIn {
            profile,
            cipher: Cipher::derive(profile, key, salt)?,
            rtp: Sources::default(),
            rtcp: Sources::default(),
        })
    }

    pub fn profile(&self) -> SrtpProfile {
        self.profile
    }

    /// Opens a packet in place. Returns its extended sequence number (rollover counter, then the 16 bits of the header;
    /// RFC 3711 3.3.1) and the length of the plaintext packet with its header, in bytes. After an error the payload is
    /// undefined.
    pub fn open_rtp(&mut self, packet: &mut [u8], header: &RtpHeader) -> Result<(u64, usize), SrtpError> {
        let index = self.rtp.estimate(header.ssrc, header.sequence_number);
        self.rtp.check(header.ssrc, index)?;
        let len = self.cipher.open_rtp(packet, header.header_len, header.ssrc, index)?;
        self.rtp.accept(header.ssrc, index);
        Ok((index, len))
    }

    /// Opens a compound in place and returns its plaintext length in bytes. Compounds that are not encrypted are refused
    /// (RFC 8827 6.5 wants all of RTCP protected).
    pub fn open_rtcp(&mut self, packet: &mut [u8]) -> Result<usize, SrtpError> {
        let (ssrc, index) = self.cipher.rtcp_index(packet)?;
        self.rtcp.check(ssrc, u64::from(index))?;
        let len = self.cipher.open_rtcp(packet, ssrc, index)?;
        self.rtcp.accept(ssrc, u64::from(index));
        Ok(len)
    }
}

/// Seals what we send. The caller numbers its packets: an extended sequence number is used once per SSRC.
pub struct SrtpOut {
    profile: SrtpProfile,
    cipher: Cipher,
    /// Of the next compound, whatever its SSRC: unique for each of them as well.
    rtcp_index: u32,
}

impl SrtpOut {
    /// From our master key and salt.
    pub fn new(profile: SrtpProfile, key: &[u8], salt: &[u8]) -> Result<SrtpOut, SrtpError> {
        Ok(SrtpOut { profile, cipher: Cipher::derive(profile, key, salt)?, rtcp_index: 0 })
    }

    pub fn profile(&self) -> SrtpProfile {
        self.profile
    }

    /// Bytes that sealing adds to an RTP packet.
    pub fn overhead(&self) -> usize {
        self.profile.rtp_overhead()
    }

    /// Seals the packet in `out[..len]`, of which the first `header_len` bytes stay clear. `extended_sequence` starts below
    /// 65,536 for every SSRC, as the receiver's rollover counter starts at 0. Returns the sealed length; `None` when `out`
    /// has no room for the overhead.
    pub fn seal_rtp_in_place(
        &self,
        out: &mut [u8],
        header_len: usize,
        len: usize,
        ssrc: u32,
        extended_sequence: u64,
    ) -> Option<usize> {
        self.cipher.seal_rtp(out, header_len, len, ssrc, extended_sequence)
    }

    /// Like [`seal_rtp_in_place`](Self::seal_rtp_in_place), with the header in `out[..header_len]` and the payload in
    /// another buffer, which is not changed. `trailer` is sealed behind the payload: RTP padding.
    pub fn seal_rtp_scatter(
        &self,
        out: &mut [u8],
        header_len: usize,
        payload: &[u8],
        trailer: &[u8],
        ssrc: u32,
        extended_sequence: u64,
    ) -> Option<usize> {
        self.cipher.seal_rtp_scatter(out, header_len, payload, trailer, ssrc, extended_sequence)
    }

    /// Seals the compound in `buf[start..]` and appends tag and index. Leaves it alone when it is shorter than a header.
    pub fn seal_rtcp(&mut self, buf: &mut Vec<u8>, start: usize) -> Result<(), SrtpError> {
        let len = buf.len().checked_sub(start).filter(|&len| len >= 8).ok_or(SrtpError::Short)?;
        buf.resize(buf.len() + self.profile.rtcp_overhead(), 0);
        let sealed = match buf.get_mut(start..) {
            Some(out) => self.seal_rtcp_in_place(out, len),
            None => Err(SrtpError::Short),
        };
        match sealed {
            Ok(sealed) => {
                buf.truncate(start + sealed);
                Ok(())
            }
            Err(error) => {
                buf.truncate(start + len);
                Err(error)
            }
        }
    }

    /// Seals the compound in `out[..len]` and returns its sealed length.
    pub fn seal_rtcp_in_place(&mut self, out: &mut [u8], len: usize) -> Result<usize, SrtpError> {
        // 31 bits; a key must not see an index twice (RFC 3711 9.2).
        if self.rtcp_index >= 0x8000_0000 {
            return Err(SrtpError::Exhausted);
        }
        let sealed = self.cipher.seal_rtcp(out, len, self.rtcp_index).ok_or(SrtpError::Short)?;
        self.rtcp_index += 1;
        Ok(sealed)
    }
}
