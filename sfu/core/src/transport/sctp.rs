//! SCTP over DTLS (RFC 8261) with data channels (RFC 8831), on `sctp-proto`.
//!
//! **Back-pressure.** An association has one receive window for all its streams. While [`Sctp::hold_reliable`] is on,
//! messages of `_reliable` stay unread, so they use up the window ([`RECEIVE_WINDOW`]) and the peer has to stop. The
//! other channels stop with it: SCTP cannot close the window of one stream. To keep them moving, a held association
//! still reads reliable messages at [`HELD_BYTES_PER_SECOND`]: the peer's scheduler shares that credit between its
//! streams, so small lossy messages pass, late but not never.
//!
//! sctp-proto tells the peer of a window that opened again only in answer to new data, and a peer that faces a closed
//! window probes more and more rarely. We therefore show the association the last data packet once more: a duplicate,
//! which the network may make at any time, and which is acknowledged with the new window.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use sctp_proto::{
    Association, AssociationHandle, ClientConfig, DatagramEvent, Endpoint, EndpointConfig, Event, Payload,
    PayloadProtocolIdentifier as Ppid, ReliabilityType, ServerConfig, StreamEvent, StreamId, TransportConfig,
};

use super::dcep::{self, Channel, Limit, Message, Reliability};
use crate::api::{DataChannels, DtlsRole};

/// Bytes of messages that a peer may have sent us and that we have not read yet. Four of the largest messages; also the
/// most that one held sender costs us.
pub const RECEIVE_WINDOW: u32 = 1024 * 1024;
/// `a=max-message-size` that we may announce (RFC 8841): larger messages end the association.
pub const MAX_MESSAGE_IN: u32 = 262_144;
/// Larger messages break the data channels of some clients.
pub const MAX_MESSAGE_OUT: usize = 65_535;
/// SCTP packet, in bytes: with DTLS (37) and UDP over IPv6 (48) below 1,300.
const MAX_PACKET: u32 = 1200;
/// Common header and DATA chunk header (RFC 9260 3.1, 3.3.1).
const DATA_OVERHEAD: u32 = 28;
/// Streams one peer may open. The SDKs use three.
const MAX_STREAMS: usize = 64;
/// INITs with different tags that we answer before an association is up.
const MAX_ASSOCIATIONS: u32 = 8;
/// Rate at which a held association still reads reliable messages.
const HELD_BYTES_PER_SECOND: u64 = 64 * 1024;
const HELD_INTERVAL: Duration = Duration::from_millis(250);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SctpEvent {
    Open(Channel),
    Closed(Channel),
    /// The association is gone.
    Lost,
}

/// Why a message was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotSent {
    #[error("the channel is not open")]
    NotOpen,
    #[error("the message is longer than {MAX_MESSAGE_OUT} bytes")]
    TooLong,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SctpCounters {
    /// Messages of channels with an unknown label, or without any; dropped.
    pub unlabelled_messages: u64,
    /// DCEP messages that RFC 8832 does not describe; dropped.
    pub bad_establishment: u64,
}

#[derive(Clone, Copy)]
struct StreamEntry {
    id: StreamId,
    channel: Option<Channel>,
    /// Their OPEN was read, or ours was acknowledged.
    open: bool,
    reliability: Reliability,
}

pub(super) struct Sctp {
    endpoint: Endpoint,
    config: Arc<TransportConfig>,
    current: Option<(AssociationHandle, Association)>,
    associations_seen: u32,
    connected: bool,
    lost: bool,
    mode: DataChannels,
    role: DtlsRole,
    /// When we send an INIT ourselves, if the peer has not.
    init_at: Option<Instant>,
    streams: Vec<StreamEntry>,
    /// The stream we send on, by channel.
    outgoing: [Option<StreamId>; 3],
    buffered: [usize; 3],
    maybe_readable: bool,
    held: bool,
    next_held_read: Option<Instant>,
    window_moved: bool,
    last_data_packet: Option<Bytes>,
    packets: VecDeque<Bytes>,
    events: VecDeque<SctpEvent>,
    pub counters: SctpCounters,
}

/// The association knows no addresses (RFC 8261 6.1); sctp-proto wants one.
const NOWHERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 5000);

impl Sctp {
    /// Begins when DTLS is up. Browsers always send the INIT, and as ICE-lite we are never the side that other stacks
    /// expect it from; it comes from us only when nobody else sends one.
    pub fn new(now: Instant, mode: DataChannels, role: DtlsRole, seed: u64) -> Sctp {
        let config = Arc::new(
            TransportConfig::default()
                .with_max_receive_buffer_size(RECEIVE_WINDOW)
                .with_max_receive_message_size(MAX_MESSAGE_IN)
                .with_max_send_message_size(MAX_MESSAGE_OUT as u32)
                .with_max_init_retransmits(None)
                .with_max_data_retransmits(None)
                .with_rto_initial_ms(1000)
                .with_rto_min_ms(400)
                .with_rto_max_ms(10_000),
        );
        let mut server = ServerConfig::default();
        server.transport = config.clone();
        let mut endpoint = EndpointConfig::default();
        endpoint.max_payload_size(MAX_PACKET - DATA_OVERHEAD);
        let patience = match role {
            DtlsRole::Client => Duration::from_millis(200),
            DtlsRole::Server => Duration::from_secs(1),
        };
        Sctp {
            endpoint: Endpoint::new(Arc::new(endpoint), Some(Arc::new(server))),
            config,
            current: None,
            associations_seen: 0,
            connected: false,
            lost: false,
            mode,
            role,
            init_at: now.checked_add(patience + Duration::from_millis(seed % 64)),
            streams: Vec::new(),
            outgoing: [None; 3],
            buffered: [0; 3],
            maybe_readable: false,
            held: false,
            next_held_read: None,
            window_moved: false,
            last_data_packet: None,
            packets: VecDeque::new(),
            events: VecDeque::new(),
            counters: SctpCounters::default(),
        }
    }

    pub fn receive(&mut self, now: Instant, packet: Bytes) {
        // The first chunk is DATA (RFC 9260 3.2).
        if packet.get(12) == Some(&0) && self.connected {
            self.last_data_packet = Some(packet.clone());
        }
        self.handle(now, packet);
        self.settle();
    }

    fn handle(&mut self, now: Instant, packet: Bytes) {
        if self.lost {
            return;
        }
        match self.endpoint.handle(now, NOWHERE, None, None, packet) {
            Some((handle, DatagramEvent::AssociationEvent(event))) => {
                if let Some((_, association)) =
                    self.current.as_mut().filter(|(current, _)| *current == handle)
                {
                    association.handle_event(event);
                }
            }
            Some((handle, DatagramEvent::NewAssociation(association))) => {
                self.associations_seen = self.associations_seen.saturating_add(1);
                if self.associations_seen >= MAX_ASSOCIATIONS {
                    self.endpoint.reject_new_associations();
                }
                // Ours, if we had begun one, gives way: the peer finishes the one it began (RFC 9260 5.2.1).
                if !self.connected {
                    self.current = Some((handle, association));
                    self.init_at = None;
                }
            }
            None => {}
        }
    }

    pub fn on_deadline(&mut self, now: Instant) {
        if self.init_at.is_some_and(|at| at <= now) {
            self.init_at = None;
            if self.current.is_none() && !self.lost {
                let mut client = ClientConfig::default();
                client.transport = self.config.clone();
                if let Ok(begun) = self.endpoint.connect(client, NOWHERE) {
                    self.current = Some(begun);
                }
            }
        }
        if let Some((_, association)) = &mut self.current
            && association.poll_timeout().is_some_and(|at| at <= now)
        {
            association.handle_timeout(now);
        }
        if self.next_held_read.is_some_and(|at| at <= now) {
            self.next_held_read = None;
            self.maybe_readable = true;
        }
        self.settle();
    }

    pub fn deadline(&self) -> Option<Instant> {
        if self.lost {
            return None;
        }
        let association = self.current.as_ref().and_then(|(_, association)| association.poll_timeout());
        [self.init_at, association, self.next_held_read].into_iter().flatten().min()
    }

    /// The next SCTP packet to send.
    pub fn poll_transmit(&mut self, now: Instant) -> Option<Bytes> {
        if self.window_moved {
            self.window_moved = false;
            self.announce_window(now);
        }
        while self.packets.is_empty() {
            let (_, association) = self.current.as_mut()?;
            match association.poll_transmit(now)?.payload {
                Payload::RawEncode(packets) => self.packets.extend(packets),
                Payload::PartialDecode(_) => {}
            }
        }
        self.packets.pop_front()
    }

    pub fn poll_event(&mut self) -> Option<SctpEvent> {
        self.events.pop_front()
    }

    pub fn round_trip(&self) -> Option<Duration> {
        self.current.as_ref().map(|(_, association)| association.rtt()).filter(|rtt| !rtt.is_zero())
    }

    pub fn hold_reliable(&mut self, now: Instant, hold: bool) {
        if self.held == hold {
            return;
        }
        self.held = hold;
        if hold {
            self.next_held_read = now.checked_add(HELD_INTERVAL);
        } else {
            self.next_held_read = None;
            self.maybe_readable = true;
            self.window_moved = true;
        }
    }

    pub fn is_open(&self, channel: Channel) -> bool {
        self.sending_stream(channel).is_some()
    }

    /// Queued and in flight: not yet acknowledged by the peer. Bytes.
    pub fn buffered(&self, channel: Channel) -> usize {
        self.buffered.get(channel.index()).copied().unwrap_or(0)
    }

    pub fn send(&mut self, channel: Channel, message: &Bytes) -> Result<(), NotSent> {
        if message.len() > MAX_MESSAGE_OUT {
            return Err(NotSent::TooLong);
        }
        let id = self.sending_stream(channel).ok_or(NotSent::NotOpen)?;
        // RFC 8831 6.6: an empty message is one zero byte with a PPID of its own.
        let sent = if message.is_empty() {
            self.write(id, &Bytes::from_static(&[0]), Ppid::BinaryEmpty)
        } else {
            self.write(id, message, Ppid::Binary)
        };
        self.refresh_buffered();
        sent
    }

    /// The next message of a known channel. Reading gives the peer new credit.
    pub fn poll_message(&mut self, now: Instant) -> Option<(Channel, Bytes)> {
        // Data may overtake the last packet of the SCTP handshake; nothing can be answered before that one.
        while self.maybe_readable && self.connected && !self.lost {
            let Some((entry, ppid, message)) = self.read_any(now) else {
                self.maybe_readable = false;
                break;
            };
            if ppid == Ppid::Dcep {
                self.on_establishment(entry, &message);
                self.settle();
                continue;
            }
            match entry.channel {
                Some(channel) if entry.open => {
                    let empty = matches!(ppid, Ppid::BinaryEmpty | Ppid::StringEmpty);
                    return Some((channel, if empty { Bytes::new() } else { message }));
                }
                _ => self.counters.unlabelled_messages = self.counters.unlabelled_messages.saturating_add(1),
            }
        }
        None
    }

    fn read_any(&mut self, now: Instant) -> Option<(StreamEntry, Ppid, Bytes)> {
        // Small and perishable first; a long run of reliable messages then cannot delay them.
        if let Some(found) = self.read_where(|channel| channel != Some(Channel::Reliable)) {
            return Some(found);
        }
        if !self.held {
            return self.read_where(|channel| channel == Some(Channel::Reliable));
        }
        if self.next_held_read.is_some_and(|at| at > now) {
            return None;
        }
        let found = self.read_where(|channel| channel == Some(Channel::Reliable));
        let len = found.as_ref().map_or(0, |(_, _, message)| message.len() as u64);
        let pause = Duration::from_micros(len.saturating_mul(1_000_000) / HELD_BYTES_PER_SECOND);
        self.next_held_read = now.checked_add(pause.max(HELD_INTERVAL));
        self.window_moved |= found.is_some();
        found
    }

    fn read_where(&mut self, wanted: impl Fn(Option<Channel>) -> bool) -> Option<(StreamEntry, Ppid, Bytes)> {
        let (_, association) = self.current.as_mut()?;
        for entry in &self.streams {
            if !wanted(entry.channel) {
                continue;
            }
            let Ok(mut stream) = association.stream(entry.id) else { continue };
            let Ok(Some(chunks)) = stream.read_sctp() else { continue };
            let mut message = BytesMut::zeroed(chunks.len());
            if chunks.read(&mut message).is_err() {
                continue;
            }
            return Some((*entry, chunks.ppi, message.freeze()));
        }
        None
    }

    fn on_establishment(&mut self, entry: StreamEntry, message: &[u8]) {
        match dcep::parse(message) {
            Some(Message::Open { channel, reliability }) if !entry.open => {
                if let Some(entry) = self.streams.iter_mut().find(|known| known.id == entry.id) {
                    entry.channel = channel;
                    entry.open = true;
                    entry.reliability = reliability;
                }
                let _ = self.write(entry.id, &dcep::ack(), Ppid::Dcep);
                self.set_reliability(entry.id, reliability);
                if let Some(channel) = channel {
                    self.use_for_sending(channel, entry.id);
                }
                self.maybe_readable = true;
            }
            Some(Message::Ack) if entry.channel.is_some() && !entry.open => {
                if let Some(known) = self.streams.iter_mut().find(|known| known.id == entry.id) {
                    known.open = true;
                }
                self.set_reliability(entry.id, entry.reliability);
                if let Some(channel) = entry.channel {
                    self.use_for_sending(channel, entry.id);
                }
            }
            _ => self.counters.bad_establishment = self.counters.bad_establishment.saturating_add(1),
        }
    }

    fn use_for_sending(&mut self, channel: Channel, id: StreamId) {
        if let Some(slot) = self.outgoing.get_mut(channel.index()) {
            let was_open = slot.replace(id).is_some();
            self.refresh_buffered();
            if !was_open {
                self.events.push_back(SctpEvent::Open(channel));
            }
        }
    }

    fn set_reliability(&mut self, id: StreamId, reliability: Reliability) {
        let (kind, value) = match reliability.limit {
            Limit::None => (ReliabilityType::Reliable, 0),
            Limit::Retransmissions(count) => (ReliabilityType::Rexmit, count),
            Limit::Milliseconds(lifetime) => (ReliabilityType::Timed, lifetime),
        };
        if let Some((_, association)) = &mut self.current
            && let Ok(mut stream) = association.stream(id)
        {
            let _ = stream.set_reliability_params(reliability.unordered, kind, value);
        }
    }

    fn open_channels(&mut self) {
        // RFC 8832 6: the DTLS client uses even stream identifiers, the server odd ones.
        let first = match self.role {
            DtlsRole::Client => 0,
            DtlsRole::Server => 1,
        };
        for channel in Channel::ALL {
            let id = first + 2 * channel.index() as u16;
            if self.streams.iter().any(|entry| entry.id == id) {
                continue;
            }
            if let Some((_, association)) = &mut self.current
                && association.open_stream(id, Ppid::Binary).is_err()
            {
                continue;
            }
            let reliability = channel.reliability();
            self.streams.push(StreamEntry { id, channel: Some(channel), open: false, reliability });
            let _ = self.write(id, &dcep::open(channel), Ppid::Dcep);
        }
    }

    fn write(&mut self, id: StreamId, message: &Bytes, ppid: Ppid) -> Result<(), NotSent> {
        let (_, association) = self.current.as_mut().ok_or(NotSent::NotOpen)?;
        let mut stream = association.stream(id).map_err(|_| NotSent::NotOpen)?;
        stream.write_sctp(message, ppid).map(|_| ()).map_err(|_| NotSent::NotOpen)
    }

    fn sending_stream(&self, channel: Channel) -> Option<StreamId> {
        if self.lost { None } else { self.outgoing.get(channel.index()).copied().flatten() }
    }

    /// Takes over what the association has to tell.
    fn settle(&mut self) {
        while let Some((_, association)) = self.current.as_mut() {
            // Streams are taken from the events; the queue beside them would only grow.
            while association.accept_stream().is_some() {}
            let Some(event) = association.poll() else { break };
            match event {
                Event::Connected => {
                    self.connected = true;
                    self.maybe_readable = true;
                    self.endpoint.reject_new_associations();
                    if self.mode == DataChannels::Open {
                        self.open_channels();
                    }
                }
                Event::HandshakeFailed { .. } | Event::AssociationLost { .. } => self.lose(),
                Event::Stream(StreamEvent::Opened { id }) => self.on_stream_opened(id),
                Event::Stream(StreamEvent::Readable { .. }) => self.maybe_readable = true,
                Event::Stream(StreamEvent::Finished { id }) => self.on_stream_finished(id),
                _ => {}
            }
        }
        if let Some((_, association)) = &mut self.current {
            // The endpoint has one association and goes with it; it need not forget it.
            while association.poll_endpoint_event().is_some() {}
            if association.is_closed() && self.connected {
                self.lose();
            }
        }
        self.refresh_buffered();
    }

    fn on_stream_opened(&mut self, id: StreamId) {
        if self.streams.len() >= MAX_STREAMS {
            // Each stream costs memory and a walk per packet, and none can be refused: whoever does this has no use
            // for data channels.
            self.lose();
            return;
        }
        if !self.streams.iter().any(|entry| entry.id == id) {
            let reliability = Channel::Reliable.reliability();
            self.streams.push(StreamEntry { id, channel: None, open: false, reliability });
        }
    }

    fn on_stream_finished(&mut self, id: StreamId) {
        self.streams.retain(|entry| entry.id != id);
        for channel in Channel::ALL {
            let Some(slot) = self.outgoing.get_mut(channel.index()).filter(|slot| **slot == Some(id)) else {
                continue;
            };
            // Another stream of the same label, if the client has opened a second one.
            let other = self.streams.iter().rfind(|entry| entry.channel == Some(channel) && entry.open);
            *slot = other.map(|entry| entry.id);
            if slot.is_none() {
                self.events.push_back(SctpEvent::Closed(channel));
            }
        }
    }

    fn lose(&mut self) {
        if !self.lost {
            self.lost = true;
            self.current = None;
            self.events.push_back(SctpEvent::Lost);
        }
    }

    fn announce_window(&mut self, now: Instant) {
        let Some(packet) = self.last_data_packet.clone() else { return };
        // Twice: the first copy may be acknowledged late (RFC 9260 6.2), the second is not.
        self.handle(now, packet.clone());
        self.handle(now, packet);
        self.settle();
    }

    fn refresh_buffered(&mut self) {
        let Some((_, association)) = &mut self.current else {
            self.buffered = [0; 3];
            return;
        };
        for (amount, id) in self.buffered.iter_mut().zip(self.outgoing) {
            *amount = id.and_then(|id| association.stream(id).ok()?.buffered_amount().ok()).unwrap_or(0);
        }
    }
}
