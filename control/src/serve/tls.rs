//! Certificates: PEM files that may change, or one of our own making.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use super::Tls;

/// How often the files are looked at.
const POLL: Duration = Duration::from_secs(3);

#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("{path}: {text}")]
    File { path: PathBuf, text: String },
    #[error("{0}")]
    Other(String),
}

fn file_error(path: &Path, error: impl std::fmt::Display) -> TlsError {
    TlsError::File { path: path.to_owned(), text: error.to_string() }
}

/// None without TLS.
pub(super) async fn acceptor(tls: &Tls) -> Result<Option<TlsAcceptor>, TlsError> {
    let (cert, key) = match tls {
        Tls::Off => return Ok(None),
        Tls::Files { cert, key } => (cert.clone(), key.clone()),
        Tls::SelfSigned { dir, names } => self_signed(dir, names)?,
    };
    let current = Arc::new(Current { certified: RwLock::new(Arc::new(load(&cert, &key)?)) });
    tokio::spawn(reload(cert, key, Arc::downgrade(&current)));
    let other = |error: rustls::Error| TlsError::Other(error.to_string());
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(other)?
        .with_no_client_auth()
        .with_cert_resolver(current);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Some(TlsAcceptor::from(Arc::new(config))))
}

/// The certificate in use; connections that are up keep theirs.
#[derive(Debug)]
struct Current {
    certified: RwLock<Arc<CertifiedKey>>,
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.certified.read().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

fn load(cert: &Path, key: &Path) -> Result<CertifiedKey, TlsError> {
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(cert)
        .and_then(Iterator::collect)
        .map_err(|error| file_error(cert, error))?;
    if chain.is_empty() {
        return Err(file_error(cert, "holds no certificate"));
    }
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| file_error(key, error))?;
    let signer = aws_lc_rs::sign::any_supported_type(&private).map_err(|error| file_error(key, error))?;
    let certified = CertifiedKey::new(chain, signer);
    match certified.keys_match() {
        // Some key types cannot tell.
        Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => Ok(certified),
        Err(error) => Err(file_error(key, format!("does not belong to the certificate: {error}"))),
    }
}

fn modified(cert: &Path, key: &Path) -> [Option<SystemTime>; 2] {
    [cert, key].map(|path| std::fs::metadata(path).and_then(|metadata| metadata.modified()).ok())
}

/// Ends with the listener. Files that cannot be read, or do not fit each other yet, change nothing.
async fn reload(cert: PathBuf, key: PathBuf, current: std::sync::Weak<Current>) {
    let mut seen = modified(&cert, &key);
    loop {
        tokio::time::sleep(POLL).await;
        let Some(current) = current.upgrade() else { return };
        let now = modified(&cert, &key);
        if now == seen {
            continue;
        }
        match load(&cert, &key) {
            Ok(certified) => {
                *current.certified.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(certified);
                seen = now;
                tracing::info!(cert = %cert.display(), "the certificate was read again");
            }
            // Not noted as seen: the other file may be on its way.
            Err(error) => tracing::warn!(%error, "the changed certificate cannot be used"),
        }
    }
}

/// Makes the certificate once; later starts find it.
fn self_signed(dir: &Path, names: &[String]) -> Result<(PathBuf, PathBuf), TlsError> {
    let (cert, key) = (dir.join("self-signed.crt"), dir.join("self-signed.key"));
    if load(&cert, &key).is_ok() {
        return Ok((cert, key));
    }
    std::fs::create_dir_all(dir).map_err(|error| file_error(dir, error))?;
    let mut names = names.to_vec();
    for name in ["localhost", "127.0.0.1", "::1"] {
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    let made =
        rcgen::generate_simple_self_signed(names).map_err(|error| TlsError::Other(error.to_string()))?;
    write_private(&key, &made.signing_key.serialize_pem())?;
    std::fs::write(&cert, made.cert.pem()).map_err(|error| file_error(&cert, error))?;
    Ok((cert, key))
}

/// Readable by the owner only, from the first moment.
fn write_private(path: &Path, text: &str) -> Result<(), TlsError> {
    use std::io::Write;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).map_err(|error| file_error(path, error))?;
    file.write_all(text.as_bytes()).map_err(|error| file_error(path, error))
}
