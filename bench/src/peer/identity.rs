//! The certificate that all peers of this process show.

use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use chevet_sfu_core::api::Fingerprint;

/// A self-signed ECDSA P-256 certificate, and how DTLS is set up.
pub struct Identity {
    pub(super) certificate: dimpl::DtlsCertificate,
    pub(super) config: Arc<dimpl::Config>,
    fingerprint: Fingerprint,
}

impl Identity {
    pub fn generate() -> anyhow::Result<Identity> {
        let certificate = dimpl::certificate::generate_self_signed_certificate()
            .map_err(|error| anyhow!("no DTLS certificate could be made: {error}"))?;
        let config = dimpl::Config::builder()
            // Behind ICE the source address is already proven.
            .use_server_cookie(false)
            .mtu(1200)
            .flight_start_rto(Duration::from_millis(250))
            .flight_retries(16)
            .handshake_timeout(Duration::from_secs(30))
            .build()
            .map_err(|error| anyhow!("DTLS cannot be set up: {error}"))?;
        let fingerprint = fingerprint_of(&certificate.certificate);
        Ok(Identity { certificate, config: Arc::new(config), fingerprint })
    }

    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }
}

/// SHA-256 of a certificate in DER.
pub fn fingerprint_of(der: &[u8]) -> Fingerprint {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, der);
    let mut fingerprint = [0; 32];
    fingerprint.copy_from_slice(digest.as_ref());
    Fingerprint(fingerprint)
}
