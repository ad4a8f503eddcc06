//! The listener that asks for the card.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{Method, Request, StatusCode};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_rustls::TlsAcceptor;

use super::card::{self, Judge};
use super::{CpsConfig, redirect};
use crate::Clinic;
use crate::accounts::identity::{self, Proven};
use crate::admin::Adapter;
use crate::audit::{Action as Audited, ActorKind, Event, Outcome};
use crate::clock::Clock;
use crate::fetch;
use crate::http::Peer;
use crate::limits::Rate;
use crate::model::LoginMethod;

/// Connections at one time: a login takes one for a second.
const CONNECTIONS_MAX: usize = 256;
/// For the handshake, in which a person may have to type a PIN.
const HANDSHAKE: Duration = Duration::from_secs(60);
/// For the one request that follows.
const REQUEST: Duration = Duration::from_secs(10);
/// Handshakes from one network address.
const FROM_ONE_ADDRESS: Rate = Rate::per_minute(60);

/// Why the listener could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("{0}: cannot be read, or holds nothing of use")]
    File(PathBuf),
    #[error("no authority of cards is configured, or their revocation lists cannot be used")]
    Authorities,
    #[error("the certificate of the card's host does not fit its key")]
    Certificate,
    #[error("the card's host cannot listen: {0}")]
    Listen(std::io::Error),
}

/// Where it listens.
#[derive(Clone, Debug)]
pub struct Listening {
    pub address: SocketAddr,
    /// How browsers reach it.
    pub url: String,
}

impl Listening {
    /// Certificate, authorities and revocation lists can be used as they are now on the disk.
    pub fn files_are_good(&self, config: &CpsConfig, clock: &Clock) -> bool {
        acceptor(config, clock).is_ok()
    }
}

/// The clinic's clock for certificates.
#[derive(Debug)]
struct ByClock(Clock);

impl rustls::time_provider::TimeProvider for ByClock {
    fn current_time(&self) -> Option<UnixTime> {
        let seconds = u64::try_from(self.0.now().as_second()).ok()?;
        Some(UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
    }
}

/// TLS settings, made anew when a file they come from changes.
struct Reloading {
    config: CpsConfig,
    clock: Clock,
    current: Mutex<(Vec<Stamp>, Option<TlsAcceptor>)>,
}

/// Change time and length of a file. `None` when it cannot be read.
type Stamp = Option<(SystemTime, u64)>;

impl Reloading {
    fn open(config: CpsConfig, clock: Clock) -> Result<Reloading, StartError> {
        let acceptor = acceptor(&config, &clock)?;
        let stamps = stamps(&config);
        Ok(Reloading { config, clock, current: Mutex::new((stamps, Some(acceptor))) })
    }

    /// `None` when what the files hold now is of no use: then nobody is let in, rather than somebody by an old list.
    fn acceptor(&self) -> Option<TlsAcceptor> {
        let now = stamps(&self.config);
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.0 != now {
            let made = acceptor(&self.config, &self.clock);
            match &made {
                Ok(_) => tracing::info!("the files of the card's host were read again"),
                Err(error) => tracing::error!(%error, "no card is accepted"),
            }
            *current = (now, made.ok());
        }
        current.1.clone()
    }
}

fn stamps(config: &CpsConfig) -> Vec<Stamp> {
    let stamp = |path: &Path| {
        let metadata = std::fs::metadata(path).ok()?;
        Some((metadata.modified().ok()?, metadata.len()))
    };
    let own = [&config.certificate, &config.key];
    own.into_iter()
        .chain(&config.authorities)
        .chain(&config.revocation_lists)
        .map(|path| stamp(path))
        .collect()
}

fn acceptor(config: &CpsConfig, clock: &Clock) -> Result<TlsAcceptor, StartError> {
    let bad = |path: &Path| StartError::File(path.to_owned());
    let chain: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(&config.certificate).map_err(|_| bad(&config.certificate))?.collect();
    let chain = chain.map_err(|_| bad(&config.certificate))?;
    let key = PrivateKeyDer::from_pem_file(&config.key).map_err(|_| bad(&config.key))?;
    let judge = Arc::new(Judge::read(config)?);
    let time = Arc::new(ByClock(clock.clone()));
    let mut tls = rustls::ServerConfig::builder_with_details(fetch::provider(), time)
        .with_safe_default_protocol_versions()
        .map_err(|_| StartError::Certificate)?
        .with_client_cert_verifier(judge)
        .with_single_cert(chain, key)
        .map_err(|_| StartError::Certificate)?;
    // HTTP/2 may share a connection between host names; a certificate must not be shared so.
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    tls.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
    tls.send_tls13_tickets = 0;
    Ok(TlsAcceptor::from(Arc::new(tls)))
}

/// Opens the listener. [`Opened::run`] serves it.
pub(crate) async fn open(config: &CpsConfig, clock: &Clock) -> Result<Opened, StartError> {
    let tls = Reloading::open(config.clone(), clock.clone())?;
    if config.revocation_lists.is_empty() {
        tracing::warn!("no revocation list for cards is configured: a lost card cannot be refused");
    }
    let listener = TcpListener::bind(config.listen).await.map_err(StartError::Listen)?;
    let address = listener.local_addr().map_err(StartError::Listen)?;
    let url = match config.public_url.trim_end_matches('/') {
        "" => format!("https://localhost:{}", address.port()),
        url => url.to_owned(),
    };
    Ok(Opened { listener, tls, listening: Listening { address, url } })
}

/// The listener, before the clinic that it serves is there.
pub(crate) struct Opened {
    listener: TcpListener,
    tls: Reloading,
    pub listening: Listening,
}

impl Opened {
    pub async fn run(self, clinic: Clinic, mut stopping: watch::Receiver<bool>) {
        let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        loop {
            let Ok(slot) = slots.clone().acquire_owned().await else { return };
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                _ = stopping.wait_for(|stop| *stop) => return,
            };
            match accepted {
                Ok((stream, from)) => match self.tls.acceptor() {
                    Some(acceptor) => {
                        tokio::spawn(serve(clinic.clone(), acceptor, stream, from, slot));
                    }
                    // Nothing to say without TLS.
                    None => {
                        clinic.health().failed(Adapter::Cps, "files-unusable");
                        drop(stream);
                    }
                },
                // Out of file handles: they come back.
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    }
}

async fn serve(
    clinic: Clinic,
    acceptor: TlsAcceptor,
    stream: TcpStream,
    from: SocketAddr,
    _slot: OwnedSemaphorePermit,
) {
    let peer = Peer(Some(from.ip().to_canonical()));
    if clinic
        .traffic()
        .take(clinic.clock().now(), "cps-handshake", &peer.subject(), FROM_ONE_ADDRESS)
        .is_err()
    {
        return;
    }
    let stream = match tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
            if let Some(reason) = inner.and_then(card::reason) {
                if reason.starts_with("revocation-list") {
                    clinic.health().failed(Adapter::Cps, reason);
                }
                refuse(&clinic, peer, reason).await;
            }
            return;
        }
        Err(_) => return,
    };
    let shown = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first()).map(card::holder);
    if shown.is_some() {
        clinic.health().worked(Adapter::Cps);
    }
    let service = service_fn(|request: Request<hyper::body::Incoming>| {
        let (clinic, shown) = (clinic.clone(), shown.clone());
        async move { Ok::<_, Infallible>(answer(&clinic, peer, shown, request.map(|_| ())).await) }
    });
    // One request: the next login is the next handshake.
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(REQUEST)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    let _ = tokio::time::timeout(REQUEST.saturating_mul(2), connection).await;
}

async fn refuse(clinic: &Clinic, peer: Peer, reason: &str) {
    let event = Event::new(clinic.clock().now(), Audited::AuthCps)
        .by(ActorKind::Anonymous, None)
        .from_address(peer.0)
        .with(Outcome::Failed, reason);
    if let Err(error) = clinic.store().write(|tx| tx.audit(&event)).await {
        tracing::error!(%error, "a refused card is not in the audit trail");
    }
}

/// `shown`: none when no certificate came, empty when it names nobody.
async fn answer(
    clinic: &Clinic,
    peer: Peer,
    shown: Option<Option<Proven>>,
    request: Request<()>,
) -> Response<Body> {
    if request.method() != Method::GET || request.uri().path() != "/login" {
        return StatusCode::NOT_FOUND.into_response();
    }
    let query = request.uri().query().unwrap_or_default();
    let state = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "state");
    let state = state.map(|(_, state)| state.into_owned()).unwrap_or_default();
    // Without the cookie, which belongs to the main host: the ticket is bound to it, and redeemed there.
    let attempt = match identity::take(clinic, LoginMethod::Cps, &state, None).await {
        Ok(attempt) => attempt,
        Err(_) => return StatusCode::SERVICE_UNAVAILABLE.into_response(),
    };
    let page = match (attempt, shown) {
        (None, _) => identity::refusal_page(clinic, "login-expired"),
        (_, None) => identity::refusal_page(clinic, "card-missing"),
        (_, Some(None)) => {
            refuse(clinic, peer, "card-names-nobody").await;
            identity::refusal_page(clinic, "login-failed")
        }
        (Some(attempt), Some(Some(proven))) => match identity::hand_over(clinic, attempt, proven).await {
            Ok(page) => page,
            Err(_) => return StatusCode::SERVICE_UNAVAILABLE.into_response(),
        },
    };
    redirect(&page)
}
