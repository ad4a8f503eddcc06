//! The peer connection itself.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use chevet_sfu_core::api::DtlsRole;
use chevet_sfu_core::transport::srtp::{self, SrtpIn, SrtpOut, SrtpProfile};
use chevet_sfu_core::wire::rtcp::ReportBlock;
use chevet_sfu_core::wire::{Kind, demux};
use tokio::sync::mpsc::UnboundedSender;

use super::channels::{ChannelEvent, Channels};
use super::dcep::{Limit, Reliability};
use super::dtls::{DtlsEvent, DtlsSession};
use super::flows::Flows;
use super::ice::{Ice, Outcome};
use super::{Identity, Local, Media, Notice, Remote};
use crate::generator::Tally;
use crate::media::StreamSpec;
use crate::net::Outlet;
use crate::net::clock::Now;

/// Deadlines of protocols are met on a grid, nanoseconds: hundreds of peers who received the same frame then send their
/// feedback at one wake-up and in few calls. Media is sent when it is due.
const GRID: u64 = 4_000_000;

/// What a peer is handed whenever it is its turn.
pub struct Turn<'a> {
    pub now: Now,
    pub outlet: &'a mut Outlet,
    pub tally: &'a mut Tally,
    /// Scratch.
    pub rtcp: &'a mut Vec<u8>,
    /// Scratch.
    pub blocks: &'a mut Vec<ReportBlock>,
}

/// One client's end. Datagrams go in with their arrival stamps, and out by the outlet of the [`Turn`].
pub struct Peer {
    identity: Arc<Identity>,
    notices: UnboundedSender<Notice>,
    ice: Ice,
    /// Where everything goes without ICE.
    fixed: Option<SocketAddr>,
    remote: Option<Remote>,
    dtls: Option<DtlsSession>,
    channels: Option<Channels>,
    media: Media,
    flows: Option<Flows>,
    /// Asked for before it was possible.
    publish: Vec<StreamSpec>,
    open: Vec<(String, Reliability)>,
    send: Vec<(String, bytes::Bytes)>,
    /// Bytes of data channels to read each second; None: all at once.
    reading: Option<u32>,
    dtls_connected: bool,
    ended: bool,
}

impl Peer {
    pub fn new(identity: Arc<Identity>, local: Local, notices: UnboundedSender<Notice>) -> Peer {
        Peer {
            identity,
            notices,
            ice: Ice::new(local.ice),
            fixed: None,
            remote: None,
            dtls: None,
            channels: None,
            media: Media::default(),
            flows: None,
            publish: Vec::new(),
            open: Vec::new(),
            send: Vec::new(),
            reading: None,
            dtls_connected: false,
            ended: false,
        }
    }

    pub fn connect(&mut self, turn: &mut Turn<'_>, remote: Remote) {
        if self.ended {
            return;
        }
        self.set_media(turn, remote.media.clone());
        match &remote.keys {
            Some(keys) => {
                let contexts = srtp::contexts(keys.profile, &keys.material, remote.role);
                self.fixed = remote.candidates.first().copied();
                match contexts {
                    Ok(contexts) if self.flows.is_none() && self.fixed.is_some() => {
                        self.begin_media(turn, contexts);
                    }
                    Ok(_) if self.flows.is_some() => {}
                    _ => self.fail("static keys that do not fit, or nowhere to send to".to_owned()),
                }
            }
            None => {
                self.ice.begin(turn.now.instant, &remote.ice, &remote.candidates);
                if remote.role == DtlsRole::Server && self.dtls.is_none() {
                    self.begin_dtls(turn.now.instant, &remote);
                }
            }
        }
        self.remote = Some(remote);
        self.begin_channels(turn.now.instant);
        self.pump(turn);
    }

    pub fn set_media(&mut self, turn: &mut Turn<'_>, media: Media) {
        if let Some(flows) = &mut self.flows {
            flows.set_media(turn.now.instant, &media);
        }
        self.media = media;
    }

    pub fn publish(&mut self, turn: &mut Turn<'_>, spec: StreamSpec) {
        match &mut self.flows {
            Some(flows) => flows.publish(&turn.now, spec),
            None => self.publish.push(spec),
        }
    }

    pub fn open_channel(
        &mut self,
        turn: &mut Turn<'_>,
        label: String,
        ordered: bool,
        max_retransmits: Option<u16>,
    ) {
        let limit = max_retransmits.map_or(Limit::None, |count| Limit::Retransmissions(count.into()));
        let reliability = Reliability { ordered, limit };
        match &mut self.channels {
            Some(channels) => channels.open(&label, reliability),
            None => self.open.push((label, reliability)),
        }
        self.pump(turn);
    }

    pub fn send(&mut self, turn: &mut Turn<'_>, label: String, message: bytes::Bytes) {
        match &mut self.channels {
            Some(channels) => channels.send(&label, message),
            None => self.send.push((label, message)),
        }
        self.pump(turn);
    }

    /// From now on data channels are read at this pace.
    pub fn read_slowly(&mut self, turn: &mut Turn<'_>, bytes_per_second: u32) {
        self.reading = Some(bytes_per_second);
        if let Some(channels) = &mut self.channels {
            channels.read_slowly(turn.now.instant, bytes_per_second);
        }
    }

    /// Says goodbye. Nothing is sent afterwards.
    pub fn close(&mut self, turn: &mut Turn<'_>) {
        if let Some(dtls) = &mut self.dtls {
            dtls.close(turn.now.instant, self.ice.path(), turn.outlet);
        }
        self.end();
    }

    /// A datagram came. True when it was media, which can wait for company; anything else wants to be answered.
    pub fn on_datagram(
        &mut self,
        turn: &mut Turn<'_>,
        from: SocketAddr,
        arrived: u64,
        bytes: &mut [u8],
    ) -> bool {
        if self.ended {
            return true;
        }
        match demux(bytes) {
            Kind::Rtp => {
                if let Some(flows) = &mut self.flows
                    && flows.on_rtp(turn, arrived, bytes)
                {
                    self.tell(Notice::FirstMedia);
                }
                true
            }
            Kind::Rtcp => {
                let path = self.path().unwrap_or(from);
                if let Some(flows) = &mut self.flows {
                    flows.on_rtcp(turn, path, bytes);
                }
                true
            }
            Kind::Stun => {
                self.on_stun(turn, from, bytes);
                false
            }
            Kind::Dtls => {
                // The certificate tells whether it is who we expect, not the address.
                if let Some(dtls) = &mut self.dtls {
                    dtls.receive(turn.now.instant, bytes);
                    self.pump(turn);
                }
                false
            }
            Kind::Other => {
                turn.tally.unexpected += 1;
                true
            }
        }
    }

    fn on_stun(&mut self, turn: &mut Turn<'_>, from: SocketAddr, bytes: &[u8]) {
        match self.ice.on_message(turn.now.instant, from, bytes, turn.outlet) {
            Outcome::Selected(_) => {
                self.tell(Notice::IceConnected);
                if self.dtls.is_none()
                    && let Some(remote) = self.remote.take()
                {
                    self.begin_dtls(turn.now.instant, &remote);
                    self.remote = Some(remote);
                }
                self.pump(turn);
            }
            Outcome::Known => {}
            Outcome::Dropped => turn.tally.unexpected += 1,
        }
    }

    fn path(&self) -> Option<SocketAddr> {
        self.fixed.or_else(|| self.ice.path())
    }

    /// When [`Peer::on_time`] has something to do, CLOCK_REALTIME ns.
    pub fn next_due(&self, now: &Now) -> u64 {
        if self.ended {
            return u64::MAX;
        }
        let dtls = self.dtls.as_ref().and_then(DtlsSession::deadline);
        let channels = self.channels.as_ref().and_then(Channels::deadline);
        let flows = self.flows.as_ref().map(Flows::deadline);
        let deadline = [self.ice.deadline(), dtls, channels, flows].into_iter().flatten().min();
        let deadline = deadline.map_or(u64::MAX, |deadline| {
            let due = now.realtime_of(deadline);
            due.checked_next_multiple_of(GRID).unwrap_or(due)
        });
        self.flows.as_ref().map_or(deadline, |flows| flows.next_media().min(deadline))
    }

    pub fn on_time(&mut self, turn: &mut Turn<'_>) {
        if self.ended {
            return;
        }
        if let Some((flows, path)) = self.flows.as_mut().zip(self.fixed.or_else(|| self.ice.path())) {
            flows.on_time(turn, path);
        }
        let now = turn.now.instant;
        if !self.ice.on_time(now, turn.outlet) {
            self.fail("ICE: no answer to a check for 30 s".to_owned());
            return;
        }
        let dtls = self.dtls.as_ref().and_then(DtlsSession::deadline);
        let channels = self.channels.as_ref().and_then(Channels::deadline);
        if [dtls, channels].into_iter().flatten().any(|deadline| deadline <= now) {
            if let Some(dtls) = &mut self.dtls {
                dtls.on_time(now);
            }
            if let Some(channels) = &mut self.channels {
                channels.on_time(now);
            }
            self.pump(turn);
        }
    }

    fn begin_dtls(&mut self, now: Instant, remote: &Remote) {
        self.dtls = Some(DtlsSession::new(now, &self.identity, remote.role, remote.fingerprint));
    }

    fn begin_channels(&mut self, now: Instant) {
        let Some(remote) = self.remote.as_ref().filter(|remote| remote.data) else { return };
        if !self.dtls_connected || self.channels.is_some() {
            return;
        }
        let mut channels = Channels::new(now, remote.role);
        for (label, reliability) in self.open.drain(..) {
            channels.open(&label, reliability);
        }
        for (label, message) in self.send.drain(..) {
            channels.send(&label, message);
        }
        if let Some(bytes_per_second) = self.reading {
            channels.read_slowly(now, bytes_per_second);
        }
        self.channels = Some(channels);
    }

    fn begin_media(&mut self, turn: &mut Turn<'_>, keys: (SrtpIn, SrtpOut)) {
        let mut flows = Flows::new(turn.now.instant, keys, &self.media);
        for spec in self.publish.drain(..) {
            flows.publish(&turn.now, spec);
        }
        self.flows = Some(flows);
        self.tell(Notice::Connected);
    }

    /// Moves everything between the layers until nothing moves any more.
    fn pump(&mut self, turn: &mut Turn<'_>) {
        let path = self.path();
        let now = turn.now.instant;
        loop {
            let Some(dtls) = &mut self.dtls else { return };
            dtls.drain(path, turn.outlet);
            while let Some(event) = self.dtls.as_mut().and_then(DtlsSession::poll_event) {
                self.on_dtls(turn, event);
            }
            if self.ended {
                return;
            }
            while let Some(event) = self.channels.as_mut().and_then(Channels::poll_event) {
                match event {
                    ChannelEvent::Open(label) => self.tell(Notice::ChannelOpen { label }),
                    ChannelEvent::Message(label, bytes) => self.tell(Notice::Message { label, bytes }),
                    ChannelEvent::Drained(label) => self.tell(Notice::Drained { label }),
                    ChannelEvent::Lost => self.fail("SCTP: the association is gone".to_owned()),
                }
            }
            let (Some(dtls), Some(channels)) = (&mut self.dtls, &mut self.channels) else { return };
            while let Some(packet) = channels.poll_transmit(now) {
                dtls.send(&packet);
                dtls.drain(path, turn.outlet);
            }
            if !dtls.has_events() {
                return;
            }
        }
    }

    fn on_dtls(&mut self, turn: &mut Turn<'_>, event: DtlsEvent) {
        match event {
            DtlsEvent::Connected => {
                self.dtls_connected = true;
                self.begin_channels(turn.now.instant);
            }
            DtlsEvent::Keys(profile, material) => {
                let Some(role) = self.remote.as_ref().map(|remote| remote.role) else { return };
                let contexts = SrtpProfile::try_from(profile)
                    .and_then(|profile| srtp::contexts(profile, &material, role));
                match contexts {
                    Ok(contexts) => self.begin_media(turn, contexts),
                    Err(error) => self.fail(format!("SRTP: {error}")),
                }
            }
            DtlsEvent::Data(packet) => {
                if let Some(channels) = &mut self.channels {
                    channels.receive(turn.now.instant, packet);
                }
            }
            DtlsEvent::Closed => {
                self.tell(Notice::Closed);
                self.end();
            }
            DtlsEvent::Failed(why) => self.fail(why),
        }
    }

    fn tell(&self, notice: Notice) {
        // Nobody listens any more: the handle is being dropped.
        let _ = self.notices.send(notice);
    }

    fn fail(&mut self, why: String) {
        if !self.ended {
            self.tell(Notice::Failed(why));
            self.end();
        }
    }

    fn end(&mut self) {
        self.ended = true;
        self.flows = None;
        self.channels = None;
        self.dtls = None;
    }
}
