//! The one listener: HTTP and WebSocket, plain or TLS, with bounds on everything a stranger can do to it.

mod connection;
mod held;
mod layers;
mod tls;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;

pub use tls::TlsError;

use crate::Control;

#[derive(Clone, Debug)]
pub struct ListenConfig {
    /// The first has to work; others (the IPv6 loopback beside the IPv4 one) are tried.
    pub addrs: Vec<SocketAddr>,
    pub tls: Tls,
    /// Connections at one time; more wait in the kernel's queue.
    pub connections_max: usize,
    /// For the whole head of a request, so that nobody holds a connection by sending it drop by drop.
    pub header_timeout: Duration,
    /// A client that takes nothing of an answer for this long is cut off.
    pub write_patience: Duration,
    /// Request line and headers together, in bytes. A join request without compression passes 25 kB.
    pub header_bytes: usize,
    /// After a stop is asked for, connections have this long to end.
    pub drain: Duration,
}

impl Default for ListenConfig {
    fn default() -> Self {
        ListenConfig {
            addrs: vec![SocketAddr::from(([127, 0, 0, 1], 7880))],
            tls: Tls::Off,
            connections_max: 20_000,
            header_timeout: Duration::from_secs(10),
            write_patience: Duration::from_secs(30),
            header_bytes: 128 * 1024,
            drain: Duration::from_secs(5),
        }
    }
}

#[derive(Clone, Debug)]
pub enum Tls {
    Off,
    /// PEM files, looked at every few seconds and read again when they change.
    Files {
        cert: PathBuf,
        key: PathBuf,
    },
    /// A certificate of our own, kept in `dir` so that a browser's exception for it lasts. Names and addresses it is for.
    SelfSigned {
        dir: PathBuf,
        names: Vec<String>,
    },
}

#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error("cannot listen on {addr}: {source}")]
    Listen { addr: SocketAddr, source: std::io::Error },
    #[error("no address to listen on")]
    NoAddress,
    #[error("TLS: {0}")]
    Tls(#[from] tls::TlsError),
}

/// The listener, bound but not serving yet.
pub struct Server {
    listeners: Vec<TcpListener>,
    addrs: Vec<SocketAddr>,
    tls: Option<TlsAcceptor>,
    config: ListenConfig,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("addrs", &self.addrs).finish_non_exhaustive()
    }
}

impl Server {
    pub async fn bind(config: ListenConfig) -> Result<Server, ServeError> {
        let mut listeners = Vec::new();
        let mut addrs = Vec::new();
        for (at, &addr) in config.addrs.iter().enumerate() {
            // "Any port" was asked for: the further addresses take the port that the first was given.
            let port = match (addr.port(), addrs.first()) {
                (0, Some(first)) => SocketAddr::port(first),
                (port, _) => port,
            };
            let addr = SocketAddr::new(addr.ip(), port);
            let bound =
                TcpListener::bind(addr).await.and_then(|listener| Ok((listener.local_addr()?, listener)));
            match bound {
                Ok((local, listener)) => {
                    addrs.push(local);
                    listeners.push(listener);
                }
                Err(source) if at == 0 => return Err(ServeError::Listen { addr, source }),
                Err(error) => tracing::warn!(%addr, %error, "not listening on this address"),
            }
        }
        if listeners.is_empty() {
            return Err(ServeError::NoAddress);
        }
        let tls = tls::acceptor(&config.tls).await?;
        Ok(Server { listeners, addrs, tls, config })
    }

    pub fn addrs(&self) -> &[SocketAddr] {
        &self.addrs
    }

    /// Serves until `stop` is done, then lets connections end. `app` is everything: the API, signalling, the pages.
    pub async fn run(self, control: &Control, app: Router, stop: impl Future<Output = ()>) {
        let service = layers::wrap(control.clone(), app);
        let slots = Arc::new(Semaphore::new(self.config.connections_max.max(1)));
        let (stopping, watcher) = watch::channel(false);
        // The connections hold receivers: when the last is gone, so is the last connection.
        let mut loops = tokio::task::JoinSet::new();
        for listener in self.listeners {
            let connections = connection::Connections {
                control: control.clone(),
                service: service.clone(),
                tls: self.tls.clone(),
                config: self.config.clone(),
                stopping: watcher.clone(),
            };
            let slots = slots.clone();
            loops.spawn(async move {
                loop {
                    let Ok(slot) = slots.clone().acquire_owned().await else { return };
                    match accept(&listener).await {
                        Some(stream) => connections.serve(stream, slot),
                        None => tokio::time::sleep(Duration::from_millis(100)).await,
                    }
                }
            });
        }
        drop(watcher);
        stop.await;
        loops.shutdown().await;
        stopping.send_replace(true);
        if tokio::time::timeout(self.config.drain, stopping.closed()).await.is_err() {
            tracing::warn!("some connections did not end in time");
        }
    }
}

/// None when the process is out of files, or the peer was gone before we looked.
async fn accept(listener: &TcpListener) -> Option<TcpStream> {
    match listener.accept().await {
        Ok((stream, _)) => {
            // Signalling messages are small and wait for answers. Failing to set it costs only time.
            let _ = stream.set_nodelay(true);
            Some(stream)
        }
        Err(error) => {
            tracing::warn!(%error, "accept failed");
            None
        }
    }
}

#[cfg(test)]
mod tests;
