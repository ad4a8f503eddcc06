//! One request to another server: bounded in time and size, no redirect followed, and the addresses that a name resolves
//! to are judged before a connection to exactly these is made.
//!
//! A webhook's target is chosen by whoever registers it. Without the judgement it could be this machine's own services or
//! the cloud's metadata address (server-side request forgery), and a name that is judged first and resolved again for the
//! connection could have changed in between.

mod address;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{HOST, HeaderValue, USER_AGENT};
use http::{Request, Response, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

pub use address::is_public;

/// From the name's resolution to the last byte of the answer.
pub const TIMEOUT: Duration = Duration::from_secs(10);
/// Largest answer read, in bytes.
pub const ANSWER_BYTES_MAX: usize = 256 * 1024;

/// Which targets are allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// `https` to public addresses only.
    Public,
    /// Private addresses, loopback and plain `http` too: for targets that the operator names.
    Any,
}

/// Why there is no answer. The words are stable and hold nothing of the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    #[error("bad-url")]
    Url,
    #[error("target-not-allowed")]
    NotAllowed,
    #[error("name-not-resolved")]
    Name,
    #[error("not-connected")]
    Connect,
    #[error("tls-failed")]
    Tls,
    #[error("no-answer")]
    Answer,
    #[error("answer-too-large")]
    TooLarge,
    #[error("timeout")]
    Timeout,
    #[error("ca-file-unreadable")]
    CaFile,
}

/// Makes requests. Clones share the TLS settings.
#[derive(Clone)]
pub struct Fetch {
    tls: Arc<Mutex<Option<TlsConnector>>>,
    /// PEM file of certificate authorities trusted besides the usual ones.
    ca: Option<PathBuf>,
}

impl std::fmt::Debug for Fetch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fetch")
    }
}

impl Fetch {
    /// `ca`: a PEM file of authorities that are trusted besides Mozilla's.
    pub fn new(ca: Option<PathBuf>) -> Fetch {
        Fetch { tls: Arc::default(), ca }
    }

    /// Sends and reads the whole answer, whatever its status.
    pub async fn send(&self, reach: Reach, request: Request<Bytes>) -> Result<Response<Bytes>, FetchError> {
        tokio::time::timeout(TIMEOUT, self.exchange(reach, request)).await.map_err(|_| FetchError::Timeout)?
    }

    async fn exchange(
        &self,
        reach: Reach,
        mut request: Request<Bytes>,
    ) -> Result<Response<Bytes>, FetchError> {
        let target = Target::of(request.uri(), reach)?;
        let addresses = target.resolve(reach).await?;
        let authority = request.uri().authority().ok_or(FetchError::Url)?;
        let host = HeaderValue::from_str(authority.as_str()).map_err(|_| FetchError::Url)?;
        // To the origin itself goes the path only (RFC 9112, 3.2.1).
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str()).to_owned();
        *request.uri_mut() = path.parse().map_err(|_| FetchError::Url)?;
        request.headers_mut().insert(HOST, host);
        request
            .headers_mut()
            .entry(USER_AGENT)
            .or_insert(HeaderValue::from_static(concat!("chevet/", env!("CARGO_PKG_VERSION"))));
        let stream = connect(&addresses).await?;
        if !target.tls {
            return talk(stream, request).await;
        }
        let name = ServerName::try_from(target.host.clone()).map_err(|_| FetchError::Url)?;
        let stream = self.connector()?.connect(name, stream).await.map_err(|_| FetchError::Tls)?;
        talk(stream, request).await
    }

    fn connector(&self) -> Result<TlsConnector, FetchError> {
        let mut kept = self.tls.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(connector) = &*kept {
            return Ok(connector.clone());
        }
        let mut roots = rustls::RootCertStore::empty();
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        if let Some(path) = &self.ca {
            for certificate in CertificateDer::pem_file_iter(path).map_err(|_| FetchError::CaFile)? {
                let certificate = certificate.map_err(|_| FetchError::CaFile)?;
                roots.add(certificate).map_err(|_| FetchError::CaFile)?;
            }
        }
        let config = rustls::ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(|_| FetchError::Tls)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connector = TlsConnector::from(Arc::new(config));
        *kept = Some(connector.clone());
        Ok(connector)
    }
}

/// The cryptography of TLS.
pub(crate) fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// What an URL says of its target.
#[derive(Debug)]
struct Target {
    tls: bool,
    /// Without the brackets of IPv6.
    host: String,
    port: u16,
}

impl Target {
    fn of(uri: &Uri, reach: Reach) -> Result<Target, FetchError> {
        let tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") if reach == Reach::Any => false,
            Some("http") => return Err(FetchError::NotAllowed),
            _ => return Err(FetchError::Url),
        };
        let authority = uri.authority().ok_or(FetchError::Url)?;
        // A name and password in front would only serve to mislead whoever reads the URL.
        if authority.as_str().contains('@') || authority.host().is_empty() {
            return Err(FetchError::Url);
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = match authority.port_u16() {
            Some(0) => return Err(FetchError::Url),
            Some(port) => port,
            None if tls => 443,
            None => 80,
        };
        Ok(Target { tls, host, port })
    }

    /// All addresses have to be allowed: a name that mixes both kinds is up to no good.
    async fn resolve(&self, reach: Reach) -> Result<Vec<SocketAddr>, FetchError> {
        let found = tokio::net::lookup_host((self.host.as_str(), self.port)).await;
        let addresses: Vec<SocketAddr> = found.map_err(|_| FetchError::Name)?.take(8).collect();
        if addresses.is_empty() {
            return Err(FetchError::Name);
        }
        let allowed = reach == Reach::Any || addresses.iter().all(|address| is_public(address.ip()));
        if allowed { Ok(addresses) } else { Err(FetchError::NotAllowed) }
    }
}

/// What can be said of a target before anything is sent there: its form, and its address if it is written as one.
pub fn check_target(url: &str, reach: Reach) -> Result<(), FetchError> {
    let uri: Uri = url.parse().map_err(|_| FetchError::Url)?;
    let target = Target::of(&uri, reach)?;
    if reach == Reach::Any {
        return Ok(());
    }
    let name = target.host.trim_end_matches('.').to_ascii_lowercase();
    let local = ["localhost", "local", "internal", "home.arpa", "lan"];
    let is_local = local.iter().any(|suffix| name == *suffix || name.ends_with(&format!(".{suffix}")));
    match name.parse() {
        Ok(address) if !is_public(address) => Err(FetchError::NotAllowed),
        Err(_) if is_local || !name.contains('.') => Err(FetchError::NotAllowed),
        _ => Ok(()),
    }
}

async fn connect(addresses: &[SocketAddr]) -> Result<TcpStream, FetchError> {
    for address in addresses {
        if let Ok(stream) = TcpStream::connect(address).await {
            let _ = stream.set_nodelay(true);
            return Ok(stream);
        }
    }
    Err(FetchError::Connect)
}

async fn talk<S>(stream: S, request: Request<Bytes>) -> Result<Response<Bytes>, FetchError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|_| FetchError::Connect)?;
    // Ends with the sender or the answer; the timeout above drops both.
    let connection = tokio::spawn(connection);
    let answer = async {
        let response = sender.send_request(request.map(Full::new)).await.map_err(|_| FetchError::Answer)?;
        let (parts, body) = response.into_parts();
        let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
        let body = body.map_err(|error| match error.downcast_ref::<http_body_util::LengthLimitError>() {
            Some(_) => FetchError::TooLarge,
            None => FetchError::Answer,
        })?;
        Ok(Response::from_parts(parts, body.to_bytes()))
    };
    let answer = answer.await;
    connection.abort();
    answer
}

#[cfg(test)]
mod tests;
