//! DTLS 1.2 of one peer connection, on `dimpl`.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Instant;

use bytes::Bytes;
use chevet_sfu_core::api::{DtlsRole, Fingerprint};
use dimpl::{Dtls, KeyingMaterial, Output, SrtpProfile};

use super::Identity;
use super::identity::fingerprint_of;
use crate::net::Outlet;

/// Room for any certificate that fits dimpl's queue.
const HANDSHAKE_BUFFER: usize = 64 * 1024;
/// Room for one record that fits a datagram.
const RECORD_BUFFER: usize = 2048;

/// In the order in which things happen.
pub enum DtlsEvent {
    /// The handshake is done and the other side showed the certificate it announced.
    Connected,
    Keys(SrtpProfile, KeyingMaterial),
    Data(Bytes),
    /// The other side closed (close_notify).
    Closed,
    /// Nothing more comes from this session; why.
    Failed(String),
}

pub struct DtlsSession {
    dtls: Dtls,
    expected: Fingerprint,
    buffer: Vec<u8>,
    deadline: Option<Instant>,
    verified: bool,
    connected: bool,
    dead: bool,
    events: VecDeque<DtlsEvent>,
}

impl DtlsSession {
    /// A client starts at once: call [`DtlsSession::drain`] for its first flight.
    pub fn new(now: Instant, identity: &Identity, role: DtlsRole, expected: Fingerprint) -> DtlsSession {
        let mut dtls = Dtls::new_12(identity.config.clone(), identity.certificate.clone(), now);
        dtls.set_active(role == DtlsRole::Client);
        let mut session = DtlsSession {
            dtls,
            expected,
            buffer: vec![0; HANDSHAKE_BUFFER],
            deadline: None,
            verified: false,
            connected: false,
            dead: false,
            events: VecDeque::new(),
        };
        session.tick(now);
        session
    }

    pub fn receive(&mut self, now: Instant, datagram: &[u8]) {
        self.tick(now);
        if !self.dead
            && let Err(error) = self.dtls.handle_packet(datagram)
        {
            self.fail(format!("DTLS: {error}"));
        }
    }

    pub fn on_time(&mut self, now: Instant) {
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
        if self.connected
            && !self.dead
            && let Err(error) = self.dtls.send_application_data(data)
        {
            self.fail(format!("DTLS: {error}"));
        }
    }

    /// Ends the session with a close_notify.
    pub fn close(&mut self, now: Instant, path: Option<SocketAddr>, outlet: &mut Outlet) {
        self.tick(now);
        if !self.dead {
            let _ = self.dtls.close();
            self.drain(path, outlet);
            self.dead = true;
        }
    }

    /// Moves what is ready to the outlet and to the events.
    pub fn drain(&mut self, path: Option<SocketAddr>, outlet: &mut Outlet) {
        while !self.dead {
            match self.dtls.poll_output(&mut self.buffer) {
                Output::Packet(datagram) => {
                    if let Some(path) = path {
                        outlet.push(path, datagram);
                    }
                }
                Output::BufferTooSmall { needed } => {
                    // A record holds at most 2^14 bytes and some (RFC 6347 4.1), so this ends.
                    if needed <= self.buffer.len() {
                        self.fail("DTLS: a record without end".to_owned());
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
                        self.fail("DTLS: another certificate than the description says".to_owned());
                    }
                }
                Output::Connected => {
                    if self.verified {
                        self.connected = true;
                        self.events.push_back(DtlsEvent::Connected);
                    } else {
                        self.fail("DTLS: no certificate".to_owned());
                    }
                }
                Output::KeyingMaterial(material, profile) if self.verified => {
                    self.events.push_back(DtlsEvent::Keys(profile, material));
                }
                Output::ApplicationData(data) if self.connected => {
                    self.events.push_back(DtlsEvent::Data(Bytes::copy_from_slice(data)));
                }
                Output::CloseNotify => self.events.push_back(DtlsEvent::Closed),
                // dimpl may learn to say more.
                _ => {}
            }
        }
        if self.connected && self.buffer.len() >= HANDSHAKE_BUFFER {
            self.buffer = vec![0; RECORD_BUFFER];
        }
    }

    pub fn poll_event(&mut self) -> Option<DtlsEvent> {
        self.events.pop_front()
    }

    pub fn has_events(&self) -> bool {
        !self.events.is_empty()
    }

    fn tick(&mut self, now: Instant) {
        if !self.dead
            && let Err(error) = self.dtls.handle_timeout(now)
        {
            self.fail(format!("DTLS: {error}"));
        }
    }

    fn fail(&mut self, why: String) {
        if !self.dead {
            self.dead = true;
            self.events.push_back(DtlsEvent::Failed(why));
        }
    }
}
