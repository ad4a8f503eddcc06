//! ICE-TCP (RFC 6544, passive): connections with RFC 4571 framing.
//!
//! Any worker accepts; the first frame must be a check that names one of our fragments, and the fragment names the
//! worker that the connection is handed to. Until a check on it is answered with success a connection may be thrown
//! out at any time.

mod connections;
mod framing;
mod lobby;

pub(crate) use connections::{Connections, Taken};
pub(crate) use framing::frames;
pub(crate) use lobby::Lobby;

use std::net::TcpStream;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

/// A connection must have been answered with success within this time from its acceptance.
pub(crate) const AUTHENTICATION_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection on which nothing arrives is closed. Consent checks come every 5 s or so (RFC 7675).
pub(crate) const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

pub(crate) fn listen(addr: SocketAddr) -> std::io::Result<TcpListener> {
    let listener = TcpListener::bind(addr)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// A connection on its way to its worker.
pub(crate) struct Handover {
    pub stream: TcpStream,
    pub remote: SocketAddr,
    /// Bytes read from it already.
    pub bytes: Vec<u8>,
}
