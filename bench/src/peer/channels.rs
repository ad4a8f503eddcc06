//! Data channels (RFC 8831) over SCTP in DTLS (RFC 8261), on `sctp-proto`, by label.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use chevet_sfu_core::api::DtlsRole;
use sctp_proto::{
    Association, AssociationHandle, ClientConfig, DatagramEvent, Endpoint, EndpointConfig, Event, Payload,
    PayloadProtocolIdentifier as Ppid, ReliabilityType, ServerConfig, StreamEvent, StreamId, TransportConfig,
};

use super::dcep::{self, Limit, Message, Reliability};

/// Bytes that the other side may send ahead of our reading; Chromium gives 5 MiB.
const RECEIVE_WINDOW: u32 = 5 * 1024 * 1024;
/// Bytes; Chromium announces as much.
const MAX_MESSAGE: u32 = 262_144;
/// SCTP packet, in bytes: with DTLS (37) and UDP over IPv6 (48) below 1,300.
const MAX_PACKET: u32 = 1200;
/// Common header and DATA chunk header (RFC 9260 3.1, 3.3.1).
const DATA_OVERHEAD: u32 = 28;
/// The other side has so long to send its INIT before we send ours: two that cross cost a round trip more.
const PATIENCE: Duration = Duration::from_millis(50);
/// Bytes of one channel that the association may hold, unsent and unacknowledged; the rest waits here.
const ASSOCIATION_FILL: usize = 1024 * 1024;
/// Less than this waiting: [`ChannelEvent::Drained`].
const LOW_MARK: usize = 256 * 1024;
/// The association knows no addresses (RFC 8261 6.1); sctp-proto wants one.
const NOWHERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 5000);

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChannelEvent {
    Open(String),
    Message(String, Bytes),
    /// What was queued since the last time has gone, all but 256 KiB.
    Drained(String),
    /// The association is gone.
    Lost,
}

struct Channel {
    label: String,
    /// The stream that carries it; none while only messages for it are here.
    stream: Option<StreamId>,
    open: bool,
    reliability: Reliability,
    waiting: VecDeque<Bytes>,
    waiting_bytes: usize,
    /// Something was queued since the last [`ChannelEvent::Drained`].
    owed: bool,
}

pub struct Channels {
    endpoint: Endpoint,
    config: Arc<TransportConfig>,
    current: Option<(AssociationHandle, Association)>,
    connected: bool,
    lost: bool,
    init_at: Option<Instant>,
    channels: Vec<Channel>,
    /// Streams that the other side opened and has not named yet.
    unnamed: Vec<StreamId>,
    /// Of the next channel that we open (RFC 8832 6: the DTLS client has even ones).
    next_stream: StreamId,
    readable: bool,
    pace: Option<Pace>,
    packets: VecDeque<Bytes>,
    events: VecDeque<ChannelEvent>,
}

/// A reader that takes its time. What it leaves unread closes the window that the other side sends into (RFC 9260 3.3.4).
struct Pace {
    bytes_per_second: u32,
    /// Nothing is read before.
    next: Instant,
    /// Something was left unread.
    behind: bool,
}

impl Channels {
    /// Begins when DTLS is up.
    pub fn new(now: Instant, role: DtlsRole) -> Channels {
        let config = Arc::new(
            TransportConfig::default()
                .with_max_receive_buffer_size(RECEIVE_WINDOW)
                .with_max_receive_message_size(MAX_MESSAGE)
                .with_max_send_message_size(MAX_MESSAGE)
                .with_max_init_retransmits(None)
                .with_max_data_retransmits(None)
                .with_rto_initial_ms(500)
                .with_rto_min_ms(400)
                .with_rto_max_ms(10_000),
        );
        let mut server = ServerConfig::default();
        server.transport = config.clone();
        let mut endpoint = EndpointConfig::default();
        endpoint.max_payload_size(MAX_PACKET - DATA_OVERHEAD);
        Channels {
            endpoint: Endpoint::new(Arc::new(endpoint), Some(Arc::new(server))),
            config,
            current: None,
            connected: false,
            lost: false,
            init_at: now.checked_add(PATIENCE),
            channels: Vec::new(),
            unnamed: Vec::new(),
            next_stream: match role {
                DtlsRole::Client => 0,
                DtlsRole::Server => 1,
            },
            readable: false,
            pace: None,
            packets: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    /// Opens a channel, now or as soon as the association is up. Nothing happens when there is one of this label.
    pub fn open(&mut self, label: &str, reliability: Reliability) {
        let number = self.channel(label);
        let channel = &mut self.channels[number];
        if channel.stream.is_some() {
            return;
        }
        channel.reliability = reliability;
        channel.stream = Some(self.next_stream);
        self.next_stream = self.next_stream.wrapping_add(2);
        if self.connected {
            self.establish(number);
        }
    }

    /// Queues a message, whether the channel is open yet or not.
    pub fn send(&mut self, label: &str, message: Bytes) {
        let number = self.channel(label);
        let channel = &mut self.channels[number];
        channel.waiting_bytes += message.len();
        channel.waiting.push_back(message);
        channel.owed = true;
        self.fill();
    }

    /// From now on so many bytes are read each second, at least 1, message by message.
    pub fn read_slowly(&mut self, now: Instant, bytes_per_second: u32) {
        self.pace = Some(Pace { bytes_per_second: bytes_per_second.max(1), next: now, behind: false });
    }

    fn channel(&mut self, label: &str) -> usize {
        if let Some(number) = self.channels.iter().position(|channel| channel.label == label) {
            return number;
        }
        self.channels.push(Channel {
            label: label.to_owned(),
            stream: None,
            open: false,
            reliability: Reliability { ordered: true, limit: Limit::None },
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            owed: false,
        });
        self.channels.len() - 1
    }

    fn establish(&mut self, number: usize) {
        let Some(channel) = self.channels.get(number) else { return };
        let Some((id, open)) = channel.stream.zip(dcep::open(&channel.label, channel.reliability)) else {
            return;
        };
        let Some((_, association)) = &mut self.current else { return };
        if association.open_stream(id, Ppid::Binary).is_ok() {
            self.write(id, &open, Ppid::Dcep);
        }
    }

    pub fn receive(&mut self, now: Instant, packet: Bytes) {
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
            // Ours, if we had begun one, gives way: the other side finishes the one it began (RFC 9260 5.2.1).
            Some((handle, DatagramEvent::NewAssociation(association))) if !self.connected => {
                self.current = Some((handle, association));
                self.init_at = None;
            }
            Some(_) | None => {}
        }
        self.settle(now);
    }

    pub fn on_time(&mut self, now: Instant) {
        if self.init_at.is_some_and(|at| at <= now) {
            self.init_at = None;
            if self.current.is_none() && !self.lost {
                let mut client = ClientConfig::default();
                client.transport = self.config.clone();
                self.current = self.endpoint.connect(client, NOWHERE).ok();
            }
        }
        if let Some((_, association)) = &mut self.current
            && association.poll_timeout().is_some_and(|at| at <= now)
        {
            association.handle_timeout(now);
        }
        self.readable |= self.pace.as_ref().is_some_and(|pace| pace.behind && pace.next <= now);
        self.settle(now);
    }

    pub fn deadline(&self) -> Option<Instant> {
        let association = self.current.as_ref().and_then(|(_, association)| association.poll_timeout());
        let reading = self.pace.as_ref().filter(|pace| pace.behind).map(|pace| pace.next);
        [self.init_at, association, reading].into_iter().flatten().min()
    }

    /// The next SCTP packet to send.
    pub fn poll_transmit(&mut self, now: Instant) -> Option<Bytes> {
        while self.packets.is_empty() {
            let (_, association) = self.current.as_mut()?;
            match association.poll_transmit(now)?.payload {
                Payload::RawEncode(packets) => self.packets.extend(packets),
                Payload::PartialDecode(_) => {}
            }
        }
        self.packets.pop_front()
    }

    pub fn poll_event(&mut self) -> Option<ChannelEvent> {
        self.events.pop_front()
    }

    /// Takes over what the association has to tell.
    fn settle(&mut self, now: Instant) {
        while let Some((_, association)) = self.current.as_mut() {
            // Streams are taken from the events; the queue beside them would only grow.
            while association.accept_stream().is_some() {}
            let Some(event) = association.poll() else { break };
            match event {
                Event::Connected => {
                    self.connected = true;
                    self.readable = true;
                    self.endpoint.reject_new_associations();
                    for number in 0..self.channels.len() {
                        self.establish(number);
                    }
                }
                Event::HandshakeFailed { .. } | Event::AssociationLost { .. } => self.lose(),
                Event::Stream(StreamEvent::Opened { id }) => self.unnamed.push(id),
                Event::Stream(StreamEvent::Readable { .. }) => self.readable = true,
                Event::Stream(StreamEvent::Finished { id }) => self.on_finished(id),
                _ => {}
            }
        }
        if let Some((_, association)) = &mut self.current {
            // The endpoint has one association and goes with it; it need not forget it.
            while association.poll_endpoint_event().is_some() {}
        }
        // Data may overtake the last packet of the SCTP handshake; nothing can be answered before that one.
        if self.readable && self.connected {
            self.readable = false;
            self.read(now);
        }
        self.fill();
    }

    fn read(&mut self, now: Instant) {
        // Those without a name first: what names them comes before what they carry.
        let unnamed: Vec<StreamId> = self.unnamed.clone();
        for id in unnamed {
            while let Some((ppid, message)) = self.read_from(now, id) {
                self.on_message(id, ppid, message);
            }
        }
        for number in 0..self.channels.len() {
            let Some(id) = self.channels.get(number).and_then(|channel| channel.stream) else { continue };
            while let Some((ppid, message)) = self.read_from(now, id) {
                self.on_message(id, ppid, message);
            }
        }
    }

    fn read_from(&mut self, now: Instant, id: StreamId) -> Option<(Ppid, Bytes)> {
        if let Some(pace) = &mut self.pace {
            pace.behind = pace.next > now;
            if pace.behind {
                return None;
            }
        }
        let (_, association) = self.current.as_mut()?;
        let mut stream = association.stream(id).ok()?;
        let chunks = stream.read_sctp().ok()??;
        let mut message = BytesMut::zeroed(chunks.len());
        chunks.read(&mut message).ok()?;
        if let Some(pace) = &mut self.pace {
            let takes = Duration::from_secs_f64(message.len() as f64 / f64::from(pace.bytes_per_second));
            pace.next = now.checked_add(takes).unwrap_or(now);
        }
        Some((chunks.ppi, message.freeze()))
    }

    fn on_message(&mut self, id: StreamId, ppid: Ppid, message: Bytes) {
        if ppid == Ppid::Dcep {
            match dcep::parse(&message) {
                Some(Message::Open { label, reliability }) => self.on_open(id, &label, reliability),
                Some(Message::Ack) => {
                    let number = self.channels.iter().position(|channel| channel.stream == Some(id));
                    if let Some(number) = number {
                        self.opened(number);
                    }
                }
                None => {}
            }
            return;
        }
        // A channel that we opened may be used before its acknowledgement is here (RFC 8832 6).
        if let Some(channel) = self.channels.iter().find(|channel| channel.stream == Some(id)) {
            let empty = matches!(ppid, Ppid::BinaryEmpty | Ppid::StringEmpty);
            let message = if empty { Bytes::new() } else { message };
            self.events.push_back(ChannelEvent::Message(channel.label.clone(), message));
        }
    }

    fn on_open(&mut self, id: StreamId, label: &str, reliability: Reliability) {
        self.unnamed.retain(|unnamed| *unnamed != id);
        self.write(id, &dcep::ack(), Ppid::Dcep);
        let number = self.channel(label);
        let Some(channel) = self.channels.get_mut(number) else { return };
        if channel.open {
            // A second one of this label: it is read from, the first one is written to.
            self.channels.push(Channel {
                label: label.to_owned(),
                stream: Some(id),
                open: true,
                reliability,
                waiting: VecDeque::new(),
                waiting_bytes: 0,
                owed: false,
            });
            return;
        }
        channel.stream = Some(id);
        channel.reliability = reliability;
        self.opened(number);
    }

    fn opened(&mut self, number: usize) {
        let Some(channel) = self.channels.get_mut(number) else { return };
        let Some(id) = channel.stream.filter(|_| !channel.open) else { return };
        channel.open = true;
        let (kind, value) = match channel.reliability.limit {
            Limit::None => (ReliabilityType::Reliable, 0),
            Limit::Retransmissions(count) => (ReliabilityType::Rexmit, count),
            Limit::Milliseconds(lifetime) => (ReliabilityType::Timed, lifetime),
        };
        if let Some((_, association)) = &mut self.current
            && let Ok(mut stream) = association.stream(id)
        {
            let _ = stream.set_reliability_params(!channel.reliability.ordered, kind, value);
        }
        self.events.push_back(ChannelEvent::Open(channel.label.clone()));
    }

    fn on_finished(&mut self, id: StreamId) {
        self.unnamed.retain(|unnamed| *unnamed != id);
        self.channels.retain(|channel| channel.stream != Some(id));
    }

    fn write(&mut self, id: StreamId, message: &Bytes, ppid: Ppid) {
        if let Some((_, association)) = &mut self.current
            && let Ok(mut stream) = association.stream(id)
        {
            let _ = stream.write_sctp(message, ppid);
        }
    }

    /// Hands what waits to the association, as much as it may hold, and tells what has drained.
    fn fill(&mut self) {
        let Some((_, association)) = &mut self.current else { return };
        for channel in &mut self.channels {
            let Some(id) = channel.stream.filter(|_| channel.open && channel.owed) else { continue };
            let Ok(mut stream) = association.stream(id) else { continue };
            let mut held = stream.buffered_amount().unwrap_or(0);
            while held < ASSOCIATION_FILL
                && let Some(message) = channel.waiting.pop_front()
            {
                channel.waiting_bytes -= message.len();
                held += message.len();
                // RFC 8831 6.6: an empty message is one zero byte with a PPID of its own.
                let _ = if message.is_empty() {
                    stream.write_sctp(&Bytes::from_static(&[0]), Ppid::BinaryEmpty)
                } else {
                    stream.write_sctp(&message, Ppid::Binary)
                };
            }
            if channel.waiting_bytes + held < LOW_MARK {
                channel.owed = false;
                self.events.push_back(ChannelEvent::Drained(channel.label.clone()));
            }
        }
    }

    fn lose(&mut self) {
        if !self.lost {
            self.lost = true;
            self.current = None;
            self.init_at = None;
            self.events.push_back(ChannelEvent::Lost);
        }
    }
}
