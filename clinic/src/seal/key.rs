//! The key that seals, and its certificate: from files that are configured, or made at the first start and kept in the store,
//! where backups have it. Which certificates have ever sealed here is kept as well: what they sealed stays this server's.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest;
use jiff::Timestamp;
use rcgen::{
    CertificateParams, DnType, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, SigningKey,
};
use serde::{Deserialize, Serialize};
use x509_parser::pem::Pem;
use x509_parser::prelude::{FromDer, X509Certificate};
use zeroize::Zeroizing;

use super::der::{self, SEQUENCE, oid};
use crate::clock::Clock;
use crate::crypto::secret::hex;
use crate::store::{Record, Sealing, Store, StoreError};

/// Largest file of a key with its chain, in bytes.
const FILE_BYTES_MAX: u64 = 64 * 1024;
/// Certificates of a chain.
const CHAIN_MAX: usize = 8;
/// How long a certificate of one's own is valid, in seconds: reports are kept for twenty years and more.
const OWN_VALID_S: i64 = 30 * 365 * 24 * 3600;

#[derive(Debug, thiserror::Error)]
pub enum SealKeyError {
    #[error("{path} can be read or changed by others (mode {mode:03o}): `chmod 600` it")]
    Exposed { path: PathBuf, mode: u32 },
    #[error("{path} does not hold a P-256 or RSA key as PEM (PKCS#8)")]
    Key { path: PathBuf },
    #[error("{path} does not hold certificates as PEM, the one of the seal first")]
    Chain { path: PathBuf },
    #[error("{path} does not hold the certificates of authorities as PEM")]
    Authorities { path: PathBuf },
    #[error("the certificate in {path} belongs to another key")]
    OtherKey { path: PathBuf },
    #[error("{path}: {source}")]
    Io { path: PathBuf, source: std::io::Error },
    #[error("a certificate could not be made: {0}")]
    Make(#[from] rcgen::Error),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The installation's own key with its certificate. There is one at most.
#[derive(Serialize, Deserialize)]
struct OwnKey {
    pem: String,
}

impl OwnKey {
    const ID: &str = "own";
}

impl Record for OwnKey {
    const COLLECTION: &'static str = "seal_key";

    fn id(&self) -> String {
        OwnKey::ID.to_owned()
    }

    fn sealing(&self) -> Sealing {
        Sealing::Instance
    }
}

/// A certificate that was used for sealing here, now or before.
#[derive(Serialize, Deserialize)]
struct UsedCertificate {
    /// SHA-256, hexadecimal.
    fingerprint: String,
    since: Timestamp,
}

impl Record for UsedCertificate {
    const COLLECTION: &'static str = "seal_certificate";

    fn id(&self) -> String {
        self.fingerprint.clone()
    }

    fn sealing(&self) -> Sealing {
        Sealing::Instance
    }
}

/// Was this certificate (its SHA-256, hexadecimal) ever used for sealing here?
pub fn is_ours(store: &Store, fingerprint: &str) -> Result<bool, StoreError> {
    store.get::<UsedCertificate>(fingerprint).map(|found| found.is_some())
}

/// Files with a key and its certificates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFiles {
    /// PKCS#8 as PEM, for the server's user only.
    pub key: PathBuf,
    /// PEM, the certificate of the key first, then whoever issued it.
    pub chain: PathBuf,
}

/// A key with its certificates.
pub struct SealKey {
    pair: KeyPair,
    chain: Vec<Vec<u8>>,
    fingerprint: String,
}

impl std::fmt::Debug for SealKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SealKey({})", self.fingerprint)
    }
}

impl SealKey {
    /// The configured key, or the installation's own, which is made if there is none yet. A new certificate is
    /// `organisation`'s.
    pub async fn open(
        files: Option<&KeyFiles>,
        store: &Store,
        organisation: &str,
        clock: &Clock,
    ) -> Result<SealKey, SealKeyError> {
        let key = match files {
            Some(files) => {
                let chain = std::fs::read(&files.chain)
                    .map_err(|source| SealKeyError::Io { path: files.chain.clone(), source })?;
                SealKey::read(&private(&files.key)?, &files.key, &chain, &files.chain)?
            }
            None => SealKey::own(store, organisation, clock).await?,
        };
        if !is_ours(store, key.fingerprint())? {
            let used = UsedCertificate { fingerprint: key.fingerprint.clone(), since: clock.now() };
            store.write(|tx| tx.put(&used)).await?;
        }
        Ok(key)
    }

    async fn own(store: &Store, organisation: &str, clock: &Clock) -> Result<SealKey, SealKeyError> {
        let pem = match store.get::<OwnKey>(OwnKey::ID)? {
            Some(kept) => Zeroizing::new(kept.value.pem),
            None => {
                let pem = make(organisation, clock)?;
                let kept = OwnKey { pem: pem.to_string() };
                store.write(|tx| tx.insert(&kept)).await?;
                pem
            }
        };
        let here = Path::new("the store");
        SealKey::read(&pem, here, pem.as_bytes(), here)
    }

    fn read(key: &str, key_path: &Path, chain: &[u8], chain_path: &Path) -> Result<SealKey, SealKeyError> {
        let no_key = || SealKeyError::Key { path: key_path.to_owned() };
        let no_chain = || SealKeyError::Chain { path: chain_path.to_owned() };
        let block = Pem::iter_from_buffer(key.as_bytes())
            .filter_map(Result::ok)
            .find(|block| block.label == "PRIVATE KEY")
            .ok_or_else(no_key)?;
        let bytes = Zeroizing::new(block.contents);
        let pair = KeyPair::try_from(bytes.as_slice()).map_err(|_| no_key())?;
        if *pair.algorithm() != PKCS_ECDSA_P256_SHA256 && *pair.algorithm() != PKCS_RSA_SHA256 {
            return Err(no_key());
        }
        let mut certificates = Vec::new();
        for block in Pem::iter_from_buffer(chain) {
            let block = block.map_err(|_| no_chain())?;
            if block.label == "CERTIFICATE" {
                X509Certificate::from_der(&block.contents).map_err(|_| no_chain())?;
                certificates.push(block.contents);
            }
        }
        let first = certificates.first().filter(|_| certificates.len() <= CHAIN_MAX).ok_or_else(no_chain)?;
        let fingerprint = fingerprint(first);
        let (_, parsed) = X509Certificate::from_der(first).map_err(|_| no_chain())?;
        if parsed.public_key().subject_public_key.data.as_ref() != rcgen::PublicKeyData::der_bytes(&pair) {
            return Err(SealKeyError::OtherKey { path: chain_path.to_owned() });
        }
        Ok(SealKey { pair, chain: certificates, fingerprint })
    }

    /// The certificate of the key, in DER.
    pub fn certificate(&self) -> &[u8] {
        self.chain.first().map(Vec::as_slice).unwrap_or_default()
    }

    /// All certificates, that of the key first, in DER.
    pub fn chain(&self) -> &[Vec<u8>] {
        &self.chain
    }

    /// SHA-256 of the certificate, hexadecimal.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    pub(super) fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        self.pair.sign(message).ok()
    }

    fn is_rsa(&self) -> bool {
        *self.pair.algorithm() == PKCS_RSA_SHA256
    }

    /// AlgorithmIdentifier of the signatures.
    pub(super) fn signature_algorithm(&self) -> Vec<u8> {
        if self.is_rsa() {
            der::list(SEQUENCE, &[&der::object(oid::RSA_SHA256), &[5, 0]])
        } else {
            der::algorithm(oid::ECDSA_SHA256)
        }
    }

    /// For the record of a report.
    pub fn algorithm_name(&self) -> &'static str {
        if self.is_rsa() { "rsa-sha256" } else { "ecdsa-p256-sha256" }
    }
}

/// SHA-256 of a certificate, hexadecimal.
pub fn fingerprint(certificate: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, certificate).as_ref())
}

/// Reads a file that nobody else may read.
fn private(path: &Path) -> Result<Zeroizing<String>, SealKeyError> {
    let io = |source: std::io::Error| SealKeyError::Io { path: path.to_owned(), source };
    let mut file = File::open(path).map_err(io)?;
    let mode = file.metadata().map_err(io)?.mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(SealKeyError::Exposed { path: path.to_owned(), mode });
    }
    let mut text = Zeroizing::new(String::new());
    Read::by_ref(&mut file)
        .take(FILE_BYTES_MAX)
        .read_to_string(&mut text)
        .map_err(|_| SealKeyError::Key { path: path.to_owned() })?;
    Ok(text)
}

/// A P-256 key and a certificate that it signed itself, as PEM.
fn make(organisation: &str, clock: &Clock) -> Result<Zeroizing<String>, SealKeyError> {
    let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    // X.520 allows 64 letters.
    let name: String = organisation.chars().take(64).collect();
    params.distinguished_name.push(DnType::OrganizationName, name);
    params.distinguished_name.push(DnType::CommonName, "Sceau des documents");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::ContentCommitment];
    let now = clock.now().as_second();
    // A day earlier, for readers whose clock is behind.
    let since = std::time::Duration::from_secs(u64::try_from(now.saturating_sub(86_400)).unwrap_or(0));
    let until = std::time::Duration::from_secs(u64::try_from(now.saturating_add(OWN_VALID_S)).unwrap_or(0));
    params.not_before = (std::time::SystemTime::UNIX_EPOCH + since).into();
    params.not_after = (std::time::SystemTime::UNIX_EPOCH + until).into();
    let certificate = params.self_signed(&pair)?;
    let key = Zeroizing::new(pair.serialize_pem());
    Ok(Zeroizing::new(format!("{}{}", key.as_str(), certificate.pem())))
}
