//! Which certificates are cards, and whose.

use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::CpsConfig;
use super::listener::StartError;
use crate::accounts::identity::{Proven, is_id_nat};
use crate::fetch;
use crate::model::LoginMethod;

/// Longest name taken from a card, in characters.
const NAME_CHARS_MAX: usize = 100;

/// Accepts a certificate that an authority of cards issued, that is valid now, is not revoked by a list that is valid
/// itself, and is made for proving to be somebody: the extended key usage `clientAuth` has to stand in it. rustls by itself
/// takes a certificate without any such extension for good for everything.
#[derive(Debug)]
pub struct Judge {
    chain: Arc<dyn ClientCertVerifier>,
}

impl Judge {
    /// Reads the authorities and lists. With a list configured, a card that no list speaks of is refused.
    pub fn read(config: &CpsConfig) -> Result<Judge, StartError> {
        let mut roots = rustls::RootCertStore::empty();
        for path in &config.authorities {
            let bad = || StartError::File(path.clone());
            for certificate in CertificateDer::pem_file_iter(path).map_err(|_| bad())? {
                roots.add(certificate.map_err(|_| bad())?).map_err(|_| bad())?;
            }
        }
        let mut lists = Vec::new();
        for path in &config.revocation_lists {
            let bytes = std::fs::read(path).map_err(|_| StartError::File(path.clone()))?;
            lists.extend(revocation_lists(bytes).ok_or_else(|| StartError::File(path.clone()))?);
        }
        let mut builder =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), fetch::provider()).with_crls(lists);
        if !config.revocation_lists.is_empty() {
            // The authorities are trusted by themselves: there is nothing between them and the card.
            builder = builder.only_check_end_entity_revocation();
            if !config.accept_stale_lists {
                builder = builder.enforce_revocation_expiration();
            }
        }
        // Without a card the browser gets a page and not a broken connection.
        let chain = builder.allow_unauthenticated().build().map_err(|_| StartError::Authorities)?;
        Ok(Judge { chain })
    }
}

fn revocation_lists(bytes: Vec<u8>) -> Option<Vec<CertificateRevocationListDer<'static>>> {
    if !bytes.starts_with(b"-----BEGIN") {
        return Some(vec![CertificateRevocationListDer::from(bytes)]);
    }
    let lists: Result<Vec<_>, _> = CertificateRevocationListDer::pem_slice_iter(&bytes).collect();
    lists.ok().filter(|lists| !lists.is_empty())
}

impl ClientCertVerifier for Judge {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.chain.root_hint_subjects()
    }

    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn verify_client_cert(
        &self,
        card: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verified = self.chain.verify_client_cert(card, intermediates, now)?;
        let refused = || Error::InvalidCertificate(CertificateError::InvalidPurpose);
        let (_, parsed) = X509Certificate::from_der(card).map_err(|_| refused())?;
        let usage = parsed.extended_key_usage().map_err(|_| refused())?;
        if usage.is_some_and(|usage| usage.value.client_auth) { Ok(verified) } else { Err(refused()) }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        card: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain.verify_tls12_signature(message, card, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        card: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain.verify_tls13_signature(message, card, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chain.supported_verify_schemes()
    }
}

/// A stable word for a handshake that failed, for the audit trail. `None` for what is no judgement of a card: scanners,
/// broken connections.
pub fn reason(error: &Error) -> Option<&'static str> {
    let why = match error {
        Error::InvalidCertificate(why) => why,
        // Of another authority, or not signed by ours: every card is refused by it.
        Error::InvalidCertRevocationList(_) => return Some("revocation-list-invalid"),
        _ => return None,
    };
    Some(match why {
        CertificateError::Revoked => "card-revoked",
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "card-expired",
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => "card-not-valid-yet",
        CertificateError::UnknownIssuer => "card-of-another-authority",
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => "card-purpose",
        CertificateError::UnknownRevocationStatus => "card-revocation-unknown",
        CertificateError::ExpiredRevocationList | CertificateError::ExpiredRevocationListContext { .. } => {
            "revocation-list-stale"
        }
        _ => "card-invalid",
    })
}

/// Whose card: the common name is the national identifier, surname and given name stand beside it. `None` for a
/// certificate without exactly one identifier.
pub fn holder(card: &CertificateDer<'_>) -> Option<Proven> {
    let (_, parsed) = X509Certificate::from_der(card).ok()?;
    let subject = parsed.subject();
    let mut names = subject.iter_common_name();
    let id_nat = names.next()?.as_str().ok()?.trim().to_owned();
    if names.next().is_some() || !is_id_nat(&id_nat) {
        return None;
    }
    let text = |oid: &x509_parser::der_parser::oid::Oid<'static>| {
        let value = subject.iter_by_oid(oid).next().and_then(|value| value.as_str().ok()).unwrap_or_default();
        value.trim().chars().filter(|c| !c.is_control()).take(NAME_CHARS_MAX).collect::<String>()
    };
    Some(Proven {
        method: LoginMethod::Cps,
        id_nat,
        first_name: text(&x509_parser::oid_registry::OID_X509_GIVEN_NAME),
        family_name: text(&x509_parser::oid_registry::OID_X509_SURNAME),
        exercises: Vec::new(),
        sso: None,
    })
}
