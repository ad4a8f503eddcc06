//! DTLS 1.2 of one peer connection, on `dimpl`.
//!
//! Version 1.2 and not 1.3: as a 1.3 server dimpl takes the client's first SRTP profile, which Chromium sets to
//! AES-CM with SHA-1 (three times the cost of sealing); as a 1.2 server it prefers AES-GCM by itself.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use dimpl::{Dtls, Output};
use thiserror::Error;

use super::Outbox;
use crate::api::{DtlsRole, Fingerprint, Path};

/// Largest datagram accepted before the handshake is done, in bytes. With dimpl's queue of 30 datagrams it bounds what
/// an unverified peer can make us hold, and the size of its certificate.
const MAX_HANDSHAKE_DATAGRAM: usize = 2048;
/// Room for any certificate that fits the queue: dimpl panics when the buffer is smaller than the certificate.
const HANDSHAKE_BUFFER: usize = 64 * 1024;
/// Datagrams with handshake records accepted from one peer, ever. A handshake with every flight lost seven times needs
/// fewer than 60.
const MAX_HANDSHAKE_DATAGRAMS: u32 = 200;
/// RFC 6347 13: content type of handshake records.
const CONTENT_HANDSHAKE: u8 = 22;

#[derive(Debug, Error)]
pub enum CertificateError {
    #[error("no DTLS certificate could be made: {0}")]
    Generate(String),
}

/// What this process shows to its peers: a self-signed ECDSA P-256 certificate.
pub struct Certificate {
    certificate: dimpl::DtlsCertificate,
    config: Arc<dimpl::Config>,
    fingerprint: Fingerprint,
}

impl Certificate {
    pub fn generate() -> Result<Certificate, CertificateError> {
        let certificate = dimpl::certificate::generate_self_signed_certificate()
            .map_err(|error| CertificateError::Generate(error.to_string()))?;
        let config = dimpl::Config::builder()
            // Behind ICE the source address is already proven.
            .use_server_cookie(false)
            .mtu(1200)
            // libwebrtc repeats its flights from 50 ms on, and repeats that we answer count as retries too: the
            // handshake timeout is the bound, not the number of retries.
            .flight_start_rto(Duration::from_millis(250))
            .flight_retries(16)
            .handshake_timeout(Duration::from_secs(30))
            .build()
            .map_err(|error| CertificateError::Generate(error.to_string()))?;
        let fingerprint = fingerprint_of(&certificate.certificate);
        Ok(Certificate { certificate, config: Arc::new(config), fingerprint })
    }

    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }
}

impl std::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Certificate").field("fingerprint", &self.fingerprint).finish_non_exhaustive()
    }
}

fn fingerprint_of(der: &[u8]) -> Fingerprint {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, der);
    let mut fingerprint = [0; 32];
    for (to, from) in fingerprint.iter_mut().zip(digest.as_ref()) {
        *to = *from;
    }
    Fingerprint(fingerprint)
}

/// In the order in which things happen.
pub(super) enum DtlsEvent {
    /// The handshake is done and the peer showed the certificate it announced.
    Connected,
    Keys(dimpl::SrtpProfile, dimpl::KeyingMaterial),
    Data(Bytes),
    /// The peer closed (close_notify).
    Closed,
    /// Nothing more comes from this session.
    Failed,
}

pub(super) struct DtlsSession {
    dtls: Dtls,
    expected: Fingerprint,
    buffer: Vec<u8>,
    deadline: Option<Instant>,
    verified: bool,
    connected: bool,
    dead: bool,
    handshake_datagrams: u32,
    events: VecDeque<DtlsEvent>,
}

impl DtlsSession {
    /// A client starts at once: call [`DtlsSession::drain`] for its first flight.
    pub fn new(
        now: Instant,
        certificate: &Certificate,
        role: DtlsRole,
        expected: Fingerprint,
    ) -> DtlsSession {
        let mut dtls = Dtls::new_12(certificate.config.clone(), certificate.certificate.clone(), now);
        dtls.set_active(role == DtlsRole::Client);
        let mut session = DtlsSession {
            dtls,
            expected,
            buffer: vec![0; HANDSHAKE_BUFFER],
            deadline: None,
            verified: false,
            connected: false,
            dead: false,
            handshake_datagrams: 0,
            events: VecDeque::new(),
        };
        session.tick(now);
        session
    }

    /// False when the datagram was not looked at.
    pub fn receive(&mut self, now: Instant, datagram: &[u8]) -> bool {
        if self.dead {
            return false;
        }
        if datagram.first() == Some(&CONTENT_HANDSHAKE) || !self.connected {
            if datagram.len() > MAX_HANDSHAKE_DATAGRAM || self.handshake_datagrams >= MAX_HANDSHAKE_DATAGRAMS
            {
                return false;
            }
            self.handshake_datagrams = self.handshake_datagrams.saturating_add(1);
        }
        self.tick(now);
        if !self.dead && self.dtls.handle_packet(datagram).is_err() {
            self.fail();
        }
        true
    }

    pub fn on_deadline(&mut self, now: Instant) {
        if self.deadline.is_some_and(|deadline| deadline <= now) {
            self.deadline = None;
            self.tick(now);
        }
    }

    pub fn deadline(&self) -> Option<Instant> {
        if self.dead { None } else { self.deadline }
    }

    /// One record with one SCTP packet; a datagram of its own once drained.
    pub fn send(&mut self, data: &[u8]) {
        if self.connected && !self.dead && self.dtls.send_application_data(data).is_err() {
            self.fail();
        }
    }

    /// Ends the session with a close_notify.
    pub fn close(&mut self, now: Instant, path: Option<Path>, out: &mut Outbox) {
        self.tick(now);
        if !self.dead {
            let _ = self.dtls.close();
            self.drain(path, out);
            self.dead = true;
        }
    }

    /// Moves what is ready to `out` and to the events.
    pub fn drain(&mut self, path: Option<Path>, out: &mut Outbox) {
        while !self.dead {
            match self.dtls.poll_output(&mut self.buffer) {
                Output::Packet(datagram) => {
                    if let Some(path) = path {
                        out.push(path, datagram);
                    }
                }
                Output::BufferTooSmall { needed } => {
                    // A record holds at most 2^14 bytes and some (RFC 6347 4.1), so this ends.
                    if needed <= self.buffer.len() {
                        self.fail();
                        break;
                    }
                    self.buffer.resize(needed, 0);
                }
                Output::Timeout(deadline) => {
                    self.deadline = Some(deadline);
                    break;
                }
                Output::PeerCert(der) => {
                    if fingerprint_of(der) == self.expected {
                        self.verified = true;
                    } else {
                        self.fail();
                    }
                }
                Output::Connected => {
                    if self.verified {
                        self.connected = true;
                        self.events.push_back(DtlsEvent::Connected);
                    } else {
                        self.fail();
                    }
                }
                Output::KeyingMaterial(material, profile) if self.verified => {
                    self.events.push_back(DtlsEvent::Keys(profile, material));
                }
                Output::ApplicationData(data) if self.connected => {
                    self.events.push_back(DtlsEvent::Data(Bytes::copy_from_slice(data)));
                }
                Output::CloseNotify => {
                    self.events.push_back(DtlsEvent::Closed);
                }
                // dimpl may learn to say more.
                _ => {}
            }
        }
        if self.connected && self.buffer.len() >= HANDSHAKE_BUFFER {
            self.buffer = vec![0; MAX_HANDSHAKE_DATAGRAM];
        }
    }

    pub fn poll_event(&mut self) -> Option<DtlsEvent> {
        self.events.pop_front()
    }

    pub fn has_events(&self) -> bool {
        !self.events.is_empty()
    }

    fn tick(&mut self, now: Instant) {
        if !self.dead && self.dtls.handle_timeout(now).is_err() {
            self.fail();
        }
    }

    fn fail(&mut self) {
        if !self.dead {
            self.dead = true;
            self.events.push_back(DtlsEvent::Failed);
        }
    }
}
