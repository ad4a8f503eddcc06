//! The loop's one value: datagrams, commands and the time in; datagrams, events and the next deadline out.
//!
//! The caller's turn is: `on_command` for each command, `on_datagrams` for each batch, `on_deadline` once
//! `next_deadline` is reached, and `poll_event` until it is empty after each of them.

mod commands;
mod data;
mod downlink;
mod feedback;
mod media;
mod relay;
mod schedule;
mod ticks;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use crate::api::{Event, Path, TransportFailure};
use crate::policy::company::Company;
use crate::room::World;
use crate::room::data::DataEvent;
use crate::room::fanout::{Arrived, Exit, hand_over};
use crate::room::relay::Links;
use crate::transport::{Certificate, Outbox, StunOutcome, TransportEvent};
use crate::wire::{Kind, demux, stun};

pub use crate::policy::company::CompanySettings;
pub use crate::room::counters::{Counters, Drops};
pub use crate::room::outbound::{MAX_DATAGRAM, Outbound, Run, Transmit};
pub use crate::room::relay::Parcel;
use schedule::Schedule;

/// One datagram as the sockets received it; decrypted in place.
pub struct Datagram<'a> {
    pub path: Path,
    pub bytes: &'a mut [u8],
}

/// Events wait here until the caller fetches them. Past this many, those that only inform are dropped and counted.
const EVENTS_MAX: usize = 16_384;
/// Addresses remembered of one peer; the oldest gives way. Browsers check a handful.
const PATHS_MAX: usize = 32;
/// Other workers hear of what waits for a member when that has changed by so many bytes, or every 100 ms.
const FLOW_STEP: u64 = 32 * 1024;
/// Passes of one look after the data channels of a batch: messages may open windows that let further messages out.
const DATA_ROUNDS: usize = 4;

pub struct EngineConfig {
    /// Shared by all workers: one fingerprint in every description.
    pub certificate: Arc<Certificate>,
    /// For SSRC-independent random starts (RFC 3550 5.1). Not a secret.
    pub seed: u64,
    /// NTP time (RFC 5905 short of nothing: 32.32 seconds since 1900) at the instant given to `Engine::new`.
    pub ntp_epoch: u64,
    /// When video packets wait for company.
    pub company: CompanySettings,
}

pub struct Engine {
    world: World,
    certificate: Arc<Certificate>,
    random: SplitMix,
    clock: Clock,
    /// Addresses that an authenticated check has bound, to peers.
    paths: hashbrown::HashMap<Path, usize>,
    /// Local ICE user name fragments, to peers.
    ufrags: HashMap<String, usize>,
    schedule: Schedule,
    ticks: ticks::Ticks,
    company: Company,
    events: VecDeque<Event>,
    counters: Counters,
    links: Links,
    /// Something waits for a link: when it is tried again.
    links_retry: Option<Instant>,
    /// Tracks of other workers that are shown here.
    mirrors: Vec<usize>,

    // Buffers of the hot path, kept between batches.
    out: Outbound,
    outbox: Outbox,
    /// Sound that arrived in this batch; video that waits for company.
    arrived: Vec<Arrived>,
    waiting: Vec<Arrived>,
    /// Those of this batch that other workers want.
    to_relay: Vec<Arrived>,
    /// Peers with packets to seal; peers that media came from; peers whose data channels want a look.
    dirty: Vec<usize>,
    heard: Vec<usize>,
    stirred: Vec<usize>,
    scratch: feedback::Scratch,
    lines: downlink::Lines,
    data_events: Vec<DataEvent>,
}

/// Wall time by the caller's monotonic clock.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
    ntp_epoch: u64,
}

impl Clock {
    /// NTP time, 32.32 bits.
    pub fn ntp(&self, now: Instant) -> u64 {
        let elapsed = now.saturating_duration_since(self.start);
        let fraction = (u64::from(elapsed.subsec_nanos()) << 32) / 1_000_000_000;
        self.ntp_epoch.wrapping_add(elapsed.as_secs() << 32).wrapping_add(fraction)
    }
}

/// The lower 24 bits of NTP time in 6.18 fixed point, as the abs-send-time extension carries it.
pub(crate) fn abs_send_time(ntp: u64) -> u32 {
    (ntp >> 14) as u32 & 0xff_ffff
}

/// A small generator for values that need not be secret: a simulation repeats itself from its seed.
pub struct SplitMix(u64);

impl SplitMix {
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

impl Engine {
    pub fn new(config: EngineConfig, now: Instant) -> Engine {
        Engine {
            world: World::default(),
            certificate: config.certificate,
            random: SplitMix(config.seed),
            clock: Clock { start: now, ntp_epoch: config.ntp_epoch },
            paths: hashbrown::HashMap::new(),
            ufrags: HashMap::new(),
            schedule: Schedule::default(),
            ticks: ticks::Ticks::new(now),
            company: Company::new(now, config.company),
            events: VecDeque::new(),
            counters: Counters::default(),
            links: Links::default(),
            links_retry: None,
            mirrors: Vec::new(),
            out: Outbound::default(),
            outbox: Outbox::default(),
            arrived: Vec::new(),
            to_relay: Vec::new(),
            waiting: Vec::new(),
            dirty: Vec::new(),
            heard: Vec::new(),
            stirred: Vec::new(),
            scratch: feedback::Scratch::default(),
            lines: downlink::Lines::default(),
            data_events: Vec::new(),
        }
    }

    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// One batch. All of it is decrypted and noted before the first packet is forwarded, so that the packets of one
    /// frame leave each subscriber's peer side by side.
    pub fn on_datagrams<'a, T: Transmit>(
        &mut self,
        now: Instant,
        batch: impl Iterator<Item = Datagram<'a>>,
        tx: &mut T,
    ) {
        for Datagram { path, bytes } in batch {
            self.counters.datagrams_received += 1;
            self.counters.bytes_received += bytes.len() as u64;
            match demux(bytes) {
                Kind::Rtp => self.on_rtp(now, path, bytes),
                Kind::Rtcp => self.on_rtcp(now, path, bytes, tx),
                Kind::Stun => self.on_stun(now, path, bytes),
                Kind::Dtls => self.on_dtls(now, path, bytes),
                Kind::Other => self.counters.drops.unknown_protocol += 1,
            }
        }
        self.relay_arrived();
        self.forward_arrived(now, tx);
        self.answer_heard(now);
        self.settle(now, tx);
    }

    /// The connection of an ICE-TCP path is gone.
    pub fn on_path_closed(&mut self, path: Path) {
        if let Some(index) = self.paths.remove(&path)
            && let Some(peer) = self.world.peers.get_mut(index)
        {
            peer.paths.retain(|known| *known != path);
            peer.transport.on_path_closed(path);
        }
    }

    /// Forwards the sound, and the video if its time has come. Packets of one stream go side by side, and a packet that
    /// overtook another on its way here goes behind it; sound comes last, because a shorter datagram can end a run.
    fn forward_arrived<T: Transmit>(&mut self, now: Instant, tx: &mut T) {
        let Engine { world, clock, company, arrived, waiting, dirty, out, counters, .. } = self;
        let batch = if company.is_due(now) {
            company.left();
            waiting.sort_unstable_by_key(|packet| (packet.track, packet.layer, packet.sequence));
            waiting.append(arrived);
            waiting
        } else {
            arrived
        };
        if batch.is_empty() {
            return;
        }
        let send_time = abs_send_time(clock.ntp(now));
        world.forward(batch, dirty, &mut Exit { send_time, out, counters, tx });
        batch.clear();
    }

    /// Lets go what waits, before a command changes what it refers to.
    fn forward_waiting<T: Transmit>(&mut self, now: Instant, tx: &mut T) {
        if let Some(due) = self.company.due() {
            self.forward_arrived(now.max(due), tx);
        }
    }

    fn on_stun(&mut self, now: Instant, path: Path, bytes: &[u8]) {
        let named = stun::peek_username(bytes)
            .and_then(|user| user.split(':').next())
            .and_then(|ufrag| self.ufrags.get(ufrag).copied());
        let Some(index) = named else {
            self.counters.drops.stun_rejected += 1;
            return;
        };
        let Some(peer) = self.world.peers.get_mut(index) else { return };
        let outcome = peer.transport.on_stun(now, path, bytes, &mut self.outbox);
        match outcome {
            StunOutcome::Ignored => {
                self.counters.drops.stun_rejected += 1;
                return;
            }
            StunOutcome::Answered | StunOutcome::Bound(_) => self.bind_path(path, index),
        }
        self.stir(index);
    }

    /// An authenticated check came from this address: what arrives from it is this peer's. The latest check wins,
    /// since a NAT hands addresses on.
    fn bind_path(&mut self, path: Path, index: usize) {
        let before = self.paths.insert(path, index);
        if before == Some(index) {
            return;
        }
        if let Some(other) = before.and_then(|other| self.world.peers.get_mut(other)) {
            other.paths.retain(|known| *known != path);
        }
        let Some(peer) = self.world.peers.get_mut(index) else { return };
        peer.paths.push(path);
        if peer.paths.len() > PATHS_MAX {
            let oldest = peer.paths.remove(0);
            self.paths.remove(&oldest);
        }
    }

    fn on_dtls(&mut self, now: Instant, path: Path, bytes: &[u8]) {
        let Some(&index) = self.paths.get(&path) else {
            self.counters.drops.unknown_address += 1;
            return;
        };
        let Some(peer) = self.world.peers.get_mut(index) else { return };
        let before = peer.transport.counters().dtls_dropped;
        peer.transport.on_dtls(now, path, bytes, &mut self.outbox);
        self.counters.drops.dtls_rejected += peer.transport.counters().dtls_dropped - before;
        self.stir(index);
    }

    /// Notes a peer whose transport moved: its events, messages and deadline are looked after in `settle`.
    fn stir(&mut self, index: usize) {
        if !self.stirred.contains(&index) {
            self.stirred.push(index);
        }
    }

    /// Brings what moved to rest: transport events, data messages, deadlines; then hands everything to the sockets.
    fn settle<T: Transmit>(&mut self, now: Instant, tx: &mut T) {
        for _ in 0..DATA_ROUNDS {
            if self.stirred.is_empty() {
                break;
            }
            let stirred = std::mem::take(&mut self.stirred);
            for &index in &stirred {
                self.release_senders(now, index);
                self.transport_events(now, index);
                self.read_messages(now, index);
                // Channels open and close by messages.
                self.transport_events(now, index);
            }
            for &index in &stirred {
                if let Some(peer) = self.world.peers.get_mut(index) {
                    peer.transport.flush(now, &mut self.outbox);
                    self.schedule.set(index, &mut peer.scheduled, peer.transport.next_deadline());
                    let member = peer.member;
                    self.tell_flow(member, FLOW_STEP);
                }
            }
        }
        self.drain_outbox(tx);
        hand_over(&mut self.out, &mut self.counters, tx);
    }

    fn drain_outbox<T: Transmit>(&mut self, tx: &mut T) {
        let Engine { outbox, out, counters, .. } = self;
        for (path, bytes) in outbox.datagrams() {
            if out.is_full() {
                hand_over(out, counters, tx);
            }
            out.push(path, bytes);
        }
        outbox.clear();
    }

    fn transport_events(&mut self, now: Instant, index: usize) {
        while let Some(event) = self.world.peers.get_mut(index).and_then(|peer| peer.transport.poll_event()) {
            let Some(peer) = self.world.peers.get_mut(index) else { return };
            let Some(member) = self.world.members.get(peer.member) else { return };
            let (transport, id, member) = (peer.id, member.id, peer.member);
            match event {
                TransportEvent::Connected => {
                    peer.connected = true;
                    self.tell(Event::TransportConnected { transport, member: id });
                    self.request_key_frames_for(now, index);
                }
                TransportEvent::Lost => {
                    peer.lost = true;
                    self.tell(Event::TransportLost { transport, member: id });
                }
                TransportEvent::Recovered => {
                    peer.lost = false;
                    self.tell(Event::TransportRecovered { transport, member: id });
                }
                TransportEvent::Failed(why) => self.transport_failed(index, transport, id, why),
                TransportEvent::ChannelOpen(channel) => {
                    self.route(now, member, |router, members, events| {
                        router.on_channel_open(now, id, channel, members, events);
                    });
                }
                TransportEvent::ChannelClosed(_) => {}
            }
        }
    }

    fn transport_failed(
        &mut self,
        index: usize,
        transport: crate::api::TransportId,
        member: crate::api::MemberId,
        why: TransportFailure,
    ) {
        if let Some(peer) = self.world.peers.get_mut(index) {
            peer.connected = false;
        }
        self.tell(Event::TransportFailed { transport, member, why });
    }

    fn tell(&mut self, event: Event) {
        let informs = matches!(event, Event::Speakers { .. } | Event::Quality { .. });
        if informs && self.events.len() >= EVENTS_MAX {
            self.counters.drops.event_overflow += 1;
            return;
        }
        self.events.push_back(event);
    }
}
