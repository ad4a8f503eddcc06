//! One peer connection: ICE-lite, DTLS, SRTP keys, SCTP with data channels.
//!
//! A [`Transport`] owns the slow half of a peer connection and hands out the SRTP contexts for the fast half. Every call
//! that may produce datagrams takes an [`Outbox`]; the caller sends what is in it.

pub(crate) mod dcep;
mod dtls;
pub mod ice;
mod sctp;
pub mod sdp;
pub mod srtp;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use self::dtls::{DtlsEvent, DtlsSession};
use self::ice::{IceLite, IceOutcome};
use self::sctp::{Sctp, SctpEvent};
use self::srtp::SrtpProfile;
pub use self::srtp::{SrtpIn, SrtpOut};
use crate::api::{
    DataChannels, DtlsRole, Fingerprint, IceCredentials, Path, TransportConfig, TransportFailure,
};

pub use self::dcep::Channel;
pub use self::dtls::{Certificate, CertificateError};
pub use self::sctp::{MAX_MESSAGE_IN, MAX_MESSAGE_OUT, NotSent, RECEIVE_WINDOW, SctpCounters};

/// Nothing authenticated for so long: the transport is reported lost.
const LOST_AFTER: Duration = Duration::from_secs(10);
/// RFC 7675 5.1: consent ends 30 s after the last answered check.
const CONSENT: Duration = Duration::from_secs(30);
/// The peer has so long, from its description on, for a first check.
const FIRST_CHECK: Duration = Duration::from_secs(30);
/// The peer has so long, from its description on, to finish the DTLS handshake.
const FIRST_CONNECTION: Duration = Duration::from_secs(60);
/// Paths of one peer that we take DTLS from; the oldest gives way.
const MAX_PATHS: usize = 32;

/// Datagrams off the hot path, waiting to be sent. Reused: the caller drains and clears it.
#[derive(Debug, Default)]
pub struct Outbox {
    bytes: Vec<u8>,
    datagrams: Vec<(Path, usize)>,
}

impl Outbox {
    pub fn new() -> Outbox {
        Outbox::default()
    }

    pub fn push(&mut self, path: Path, datagram: &[u8]) {
        self.bytes.extend_from_slice(datagram);
        self.datagrams.push((path, self.bytes.len()));
    }

    pub fn is_empty(&self) -> bool {
        self.datagrams.is_empty()
    }

    pub fn len(&self) -> usize {
        self.datagrams.len()
    }

    pub fn clear(&mut self) {
        self.bytes.clear();
        self.datagrams.clear();
    }

    /// In the order of sending.
    pub fn datagrams(&self) -> impl Iterator<Item = (Path, &[u8])> {
        let mut start = 0;
        self.datagrams.iter().map(move |&(path, end)| {
            let datagram = self.bytes.get(start..end).unwrap_or(&[]);
            start = end;
            (path, datagram)
        })
    }
}

/// What became of a STUN datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StunOutcome {
    /// Not for us, or not authenticated. An error response may be in the outbox.
    Ignored,
    /// Authenticated and answered; the path was known.
    Answered,
    /// Authenticated and answered for the first time on this path: packets from it belong to this transport.
    Bound(Path),
}

impl StunOutcome {
    pub fn is_authenticated(self) -> bool {
        self != StunOutcome::Ignored
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransportEvent {
    /// ICE and DTLS are up; the SRTP contexts are there.
    Connected,
    /// Nothing authenticated for 10 s.
    Lost,
    Recovered,
    /// Final.
    Failed(TransportFailure),
    ChannelOpen(Channel),
    ChannelClosed(Channel),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TransportCounters {
    /// DTLS from an address without an authenticated check, before the remote description, or above the handshake's
    /// bounds.
    pub dtls_dropped: u64,
    pub sctp: SctpCounters,
}

#[derive(Clone, Copy)]
struct Remote {
    fingerprint: Fingerprint,
    role: DtlsRole,
    since: Instant,
}

pub struct Transport {
    certificate: Arc<Certificate>,
    data: DataChannels,
    seed: u64,
    ice: IceLite,
    remote: Option<Remote>,
    paths: Vec<Path>,
    last_authenticated: Option<Instant>,
    lost: bool,
    dtls: Option<DtlsSession>,
    connected: bool,
    srtp: Option<(SrtpIn, SrtpOut)>,
    srtp_profile: Option<&'static str>,
    /// In a box of its own: it is half of all this, and not everybody has data channels.
    sctp: Option<Box<Sctp>>,
    held: bool,
    failed: bool,
    events: VecDeque<TransportEvent>,
    counters: TransportCounters,
    reply: Vec<u8>,
}

impl Transport {
    /// The seed spreads timers; no secret comes from it.
    pub fn new(
        _now: Instant,
        config: &TransportConfig,
        certificate: Arc<Certificate>,
        seed: u64,
    ) -> Transport {
        Transport {
            certificate,
            data: config.data,
            seed,
            ice: IceLite::new(config.ice.clone()),
            remote: None,
            paths: Vec::new(),
            last_authenticated: None,
            lost: false,
            dtls: None,
            connected: false,
            srtp: None,
            srtp_profile: None,
            sctp: None,
            held: false,
            failed: false,
            events: VecDeque::new(),
            counters: TransportCounters::default(),
            reply: Vec::new(),
        }
    }

    /// The remote description is known. Repeated after a renegotiation: then the credentials may change, and a changed
    /// certificate or role after the handshake began fails the transport.
    pub fn set_remote(
        &mut self,
        now: Instant,
        ice: IceCredentials,
        fingerprint: Fingerprint,
        role: DtlsRole,
    ) {
        self.ice.set_remote(ice);
        if let Some(remote) = &self.remote {
            let same = remote.fingerprint == fingerprint && remote.role == role;
            if !same && self.dtls.is_some() {
                self.fail(TransportFailure::Dtls);
            }
        }
        let since = self.remote.map_or(now, |remote| remote.since);
        self.remote = Some(Remote { fingerprint, role, since });
    }

    /// New local credentials; the old ones are answered until the first check with the new.
    pub fn restart_ice(&mut self, ice: IceCredentials) {
        self.ice.restart(ice);
    }

    /// STUN for this transport: found by its user name fragment or by its path.
    pub fn on_stun(&mut self, now: Instant, path: Path, bytes: &[u8], out: &mut Outbox) -> StunOutcome {
        if self.failed {
            return StunOutcome::Ignored;
        }
        self.reply.clear();
        let outcome = self.ice.on_request(path, bytes, &mut self.reply);
        if !self.reply.is_empty() {
            out.push(path, &self.reply);
        }
        match outcome {
            IceOutcome::Rejected(_) => StunOutcome::Ignored,
            IceOutcome::Answered { .. } => {
                let known = self.paths.contains(&path);
                self.on_authenticated(now, path, out);
                if known { StunOutcome::Answered } else { StunOutcome::Bound(path) }
            }
        }
    }

    fn on_authenticated(&mut self, now: Instant, path: Path, out: &mut Outbox) {
        if !self.paths.contains(&path) {
            if self.paths.len() >= MAX_PATHS {
                self.paths.remove(0);
            }
            self.paths.push(path);
        }
        self.touch(now);
        if self.remote.is_some_and(|remote| remote.role == DtlsRole::Client) && self.dtls.is_none() {
            self.begin_dtls(now);
            self.pump(now, out);
        }
    }

    /// A DTLS record came. Only authenticated paths are listened to. False when it was dropped unread.
    pub fn on_dtls(&mut self, now: Instant, path: Path, bytes: &[u8], out: &mut Outbox) -> bool {
        if self.failed {
            return false;
        }
        if self.remote.is_none() || !self.paths.contains(&path) {
            self.counters.dtls_dropped = self.counters.dtls_dropped.saturating_add(1);
            return false;
        }
        if self.dtls.is_none() {
            self.begin_dtls(now);
        }
        let taken = self.dtls.as_mut().is_some_and(|dtls| dtls.receive(now, bytes));
        if !taken {
            self.counters.dtls_dropped = self.counters.dtls_dropped.saturating_add(1);
        }
        self.pump(now, out);
        taken
    }

    /// Where to send: the pair that the client nominated last, before that the latest path that passed a check.
    pub fn path(&self) -> Option<Path> {
        self.ice.selected().or_else(|| self.paths.last().copied())
    }

    /// The paths that passed a check, at most 32. The engine forgets those of a transport it drops.
    pub fn paths(&self) -> &[Path] {
        &self.paths
    }

    /// Its connection ended (ICE-TCP).
    pub fn on_path_closed(&mut self, path: Path) {
        self.paths.retain(|known| *known != path);
        self.ice.forget(path);
    }

    pub fn srtp_in(&mut self) -> Option<&mut SrtpIn> {
        self.srtp.as_mut().map(|(srtp_in, _)| srtp_in)
    }

    pub fn srtp_out(&mut self) -> Option<&mut SrtpOut> {
        self.srtp.as_mut().map(|(_, srtp_out)| srtp_out)
    }

    /// For reports.
    pub fn srtp_profile(&self) -> Option<&'static str> {
        self.srtp_profile
    }

    /// As SCTP measures it.
    pub fn data_round_trip(&self) -> Option<Duration> {
        self.sctp.as_ref()?.round_trip()
    }

    pub fn counters(&self) -> TransportCounters {
        let sctp = self.sctp.as_ref().map_or(SctpCounters::default(), |sctp| sctp.counters);
        TransportCounters { sctp, ..self.counters }
    }

    pub fn is_connected(&self) -> bool {
        self.connected && !self.failed
    }

    /// Nothing authenticated came for 10 s.
    pub fn is_silent(&self, now: Instant) -> bool {
        self.last_authenticated.is_some_and(|last| now.saturating_duration_since(last) >= LOST_AFTER)
    }

    pub fn has_failed(&self) -> bool {
        self.failed
    }

    /// An authenticated SRTP packet came.
    pub fn touch(&mut self, now: Instant) {
        self.last_authenticated = Some(now);
        if self.lost && !self.failed {
            self.lost = false;
            self.events.push_back(TransportEvent::Recovered);
        }
    }

    pub fn on_deadline(&mut self, now: Instant, out: &mut Outbox) {
        if self.failed {
            return;
        }
        match self.last_authenticated {
            Some(last) => {
                let silence = now.saturating_duration_since(last);
                if silence >= CONSENT {
                    let why = if self.connected {
                        TransportFailure::ConsentLost
                    } else {
                        TransportFailure::IceTimeout
                    };
                    self.fail(why);
                    return;
                }
                if silence >= LOST_AFTER && !self.lost {
                    self.lost = true;
                    self.events.push_back(TransportEvent::Lost);
                }
            }
            None => {
                if self
                    .remote
                    .is_some_and(|remote| now.saturating_duration_since(remote.since) >= FIRST_CHECK)
                {
                    self.fail(TransportFailure::IceTimeout);
                    return;
                }
            }
        }
        if !self.connected
            && self
                .remote
                .is_some_and(|remote| now.saturating_duration_since(remote.since) >= FIRST_CONNECTION)
        {
            self.fail(TransportFailure::Dtls);
            return;
        }
        if let Some(dtls) = &mut self.dtls {
            dtls.on_deadline(now);
        }
        if let Some(sctp) = &mut self.sctp {
            sctp.on_deadline(now);
        }
        self.pump(now, out);
    }

    pub fn next_deadline(&self) -> Option<Instant> {
        if self.failed {
            return None;
        }
        let consent = match self.last_authenticated {
            Some(last) => last.checked_add(if self.lost { CONSENT } else { LOST_AFTER }),
            None => self.remote.and_then(|remote| remote.since.checked_add(FIRST_CHECK)),
        };
        let connection = self
            .remote
            .filter(|_| !self.connected)
            .and_then(|remote| remote.since.checked_add(FIRST_CONNECTION));
        let dtls = self.dtls.as_ref().and_then(DtlsSession::deadline);
        let sctp = self.sctp.as_ref().and_then(|sctp| sctp.deadline());
        [consent, connection, dtls, sctp].into_iter().flatten().min()
    }

    pub fn poll_event(&mut self) -> Option<TransportEvent> {
        self.events.pop_front()
    }

    /// The next data message. Call until None after [`Transport::on_dtls`], [`Transport::on_deadline`] and the end of a
    /// hold, then [`Transport::flush`]: reading gives the peer credit.
    pub fn poll_message(&mut self, now: Instant) -> Option<(Channel, Bytes)> {
        if self.failed {
            return None;
        }
        let message = self.sctp.as_mut()?.poll_message(now);
        self.take_sctp_events();
        message
    }

    /// Back-pressure: while held, messages of `_reliable` are hardly read (64 KiB/s), so that the receive window that
    /// all channels share closes and the peer has to wait. See `transport/sctp.rs`.
    pub fn hold_reliable(&mut self, now: Instant, hold: bool) {
        self.held = hold;
        if let Some(sctp) = &mut self.sctp {
            sctp.hold_reliable(now, hold);
        }
    }

    pub fn is_held(&self) -> bool {
        self.held
    }

    /// Queues a message; [`Transport::flush`] sends. There is no bound here: ask [`Transport::buffered`] first.
    pub fn send_message(&mut self, channel: Channel, message: &Bytes) -> Result<(), NotSent> {
        if self.failed {
            return Err(NotSent::NotOpen);
        }
        self.sctp.as_mut().ok_or(NotSent::NotOpen)?.send(channel, message)
    }

    pub fn is_open(&self, channel: Channel) -> bool {
        !self.failed && self.sctp.as_ref().is_some_and(|sctp| sctp.is_open(channel))
    }

    /// Bytes queued and in flight: not yet acknowledged by the peer.
    pub fn buffered(&self, channel: Channel) -> usize {
        self.sctp.as_ref().map_or(0, |sctp| sctp.buffered(channel))
    }

    /// Over all channels.
    pub fn buffered_total(&self) -> usize {
        Channel::ALL.iter().map(|channel| self.buffered(*channel)).sum()
    }

    /// Sends what [`Transport::send_message`] and [`Transport::poll_message`] have left to send.
    pub fn flush(&mut self, now: Instant, out: &mut Outbox) {
        if !self.failed {
            self.pump(now, out);
        }
    }

    /// The end, from our side: a close_notify. Nothing is sent after it.
    pub fn close(&mut self, now: Instant, out: &mut Outbox) {
        let path = self.path();
        if let Some(dtls) = &mut self.dtls {
            dtls.close(now, path, out);
        }
        self.failed = true;
        self.sctp = None;
        self.srtp = None;
    }

    fn begin_dtls(&mut self, now: Instant) {
        if let Some(Remote { fingerprint, role, .. }) = self.remote {
            self.dtls = Some(DtlsSession::new(now, &self.certificate, role, fingerprint));
        }
    }

    /// Moves everything between the layers until nothing moves any more.
    fn pump(&mut self, now: Instant, out: &mut Outbox) {
        let path = self.path();
        loop {
            let Some(dtls) = &mut self.dtls else { return };
            dtls.drain(path, out);
            while let Some(event) = self.dtls.as_mut().and_then(DtlsSession::poll_event) {
                self.on_dtls_event(now, event);
            }
            if self.failed {
                return;
            }
            self.take_sctp_events();
            let (Some(dtls), Some(sctp)) = (&mut self.dtls, &mut self.sctp) else { return };
            while let Some(packet) = sctp.poll_transmit(now) {
                dtls.send(&packet);
                dtls.drain(path, out);
            }
            if !dtls.has_events() {
                return;
            }
        }
    }

    fn on_dtls_event(&mut self, now: Instant, event: DtlsEvent) {
        match event {
            DtlsEvent::Connected => {
                self.connected = true;
                if let Some(remote) = self.remote {
                    let mut sctp = Box::new(Sctp::new(now, self.data, remote.role, self.seed));
                    sctp.hold_reliable(now, self.held);
                    self.sctp = Some(sctp);
                }
                self.announce_connected();
            }
            DtlsEvent::Keys(profile, material) => {
                let Some(remote) = self.remote else { return };
                let contexts = SrtpProfile::try_from(profile)
                    .and_then(|profile| Ok((srtp::contexts(profile, &material, remote.role)?, profile)));
                match contexts {
                    Ok((contexts, profile)) => {
                        self.srtp = Some(contexts);
                        self.srtp_profile = Some(profile.name());
                        self.announce_connected();
                    }
                    Err(_) => self.fail(TransportFailure::Dtls),
                }
            }
            DtlsEvent::Data(packet) => {
                self.touch(now);
                if let Some(sctp) = &mut self.sctp {
                    sctp.receive(now, packet);
                }
            }
            // RFC 7675 5.2: the end of the DTLS session ends consent.
            DtlsEvent::Closed => self.fail(TransportFailure::ConsentLost),
            DtlsEvent::Failed => self.fail(TransportFailure::Dtls),
        }
    }

    fn announce_connected(&mut self) {
        if self.connected && self.srtp.is_some() {
            self.events.push_back(TransportEvent::Connected);
        }
    }

    fn take_sctp_events(&mut self) {
        while let Some(event) = self.sctp.as_mut().and_then(|sctp| sctp.poll_event()) {
            match event {
                SctpEvent::Open(channel) => self.events.push_back(TransportEvent::ChannelOpen(channel)),
                SctpEvent::Closed(channel) => self.events.push_back(TransportEvent::ChannelClosed(channel)),
                SctpEvent::Lost => self.fail(TransportFailure::Sctp),
            }
        }
    }

    fn fail(&mut self, why: TransportFailure) {
        if !self.failed {
            self.failed = true;
            self.srtp = None;
            self.events.push_back(TransportEvent::Failed(why));
        }
    }
}
