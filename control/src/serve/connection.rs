//! One accepted connection.

use std::net::SocketAddr;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio_rustls::TlsAcceptor;

use super::ListenConfig;
use super::held::Held;
use super::layers::Service;
use crate::Control;

const HANDSHAKE: Duration = Duration::from_secs(10);

/// Headers of one request. Browsers send about 20.
const HEADERS_MAX: usize = 100;

pub(super) struct Connections {
    pub control: Control,
    pub service: Service,
    pub tls: Option<TlsAcceptor>,
    pub config: ListenConfig,
    /// Becomes true when connections shall end.
    pub stopping: watch::Receiver<bool>,
}

impl Connections {
    /// The slot is given back when the stream is closed, be it as a WebSocket.
    pub fn serve(&self, stream: TcpStream, slot: OwnedSemaphorePermit) {
        let (control, service, config) = (self.control.clone(), self.service.clone(), self.config.clone());
        let stopping = self.stopping.clone();
        let tls = self.tls.clone();
        let peer = stream.peer_addr().ok();
        tokio::spawn(async move {
            match tls {
                None => serve_http(control, service, &config, stopping, stream, peer, slot).await,
                Some(tls) => match tokio::time::timeout(HANDSHAKE, tls.accept(stream)).await {
                    Ok(Ok(stream)) => {
                        serve_http(control, service, &config, stopping, stream, peer, slot).await
                    }
                    _ => control.metrics().connection("tls_failed"),
                },
            }
        });
    }
}

async fn serve_http<S>(
    control: Control,
    service: Service,
    config: &ListenConfig,
    mut stopping: watch::Receiver<bool>,
    stream: S,
    peer: Option<SocketAddr>,
    slot: OwnedSemaphorePermit,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = hyper::service::service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
        let service = service.clone();
        // For rate limits of whoever answers; no log shows it.
        if let Some(peer) = peer {
            request.extensions_mut().insert(axum::extract::ConnectInfo(peer));
        }
        async move { Ok::<_, std::convert::Infallible>(service.call(request).await) }
    });
    let stream = Held::new(stream, config.write_patience, slot, stopping.clone());
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(config.header_timeout)
        .max_buf_size(config.header_bytes.max(16 * 1024))
        .max_headers(HEADERS_MAX)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = stopped(&mut stopping) => {
            // The request under way is still answered.
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    let end = match result {
        Ok(()) => "closed",
        Err(error) if error.is_parse() || error.is_parse_too_large() => "malformed",
        Err(error) if error.is_timeout() => "timeout",
        Err(_) => "broken",
    };
    control.metrics().connection(end);
}

async fn stopped(stopping: &mut watch::Receiver<bool>) {
    // An error means that the listener is gone: the same.
    let _ = stopping.wait_for(|&stopping| stopping).await;
}
