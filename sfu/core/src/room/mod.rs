//! Members, publications and subscriptions. Everything that a packet meets is found by index; identifiers are looked
//! up only by commands.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use slab::Slab;

use crate::api::{
    Codec, Encoding, LayerReason, MediaSettings, MemberConfig, MemberId, PayloadType, Quality,
    QualityVerdict, RoomId, SubscriptionConfig, SubscriptionId, SubscriptionSettings, Token, TrackConfig,
    TrackId, TransportId,
};
use crate::policy::key_frames::Throttle;
use crate::policy::layers::EncodingState;
use crate::policy::speakers::Loudness;
use crate::policy::wanted::Wanted;
use crate::stream::{ArrivalRecorder, Clocks, Egress, Forward, Ingress};
use crate::transport::{Channel, Transport};
use crate::wire::rtp::ExtensionMap;

pub mod counters;
pub mod data;
pub mod downlink;
pub mod envelope;

pub mod fanout;
pub mod outbound;
pub mod relay;
pub mod report;

use data::DataRouter;
use downlink::{Ceiling, Downlink};
use relay::{Flow, Interest};

/// A peer may send this many RTP streams: 16 tracks of three encodings with their retransmissions would be 96, and
/// nobody publishes so many.
const MAX_STREAMS: usize = 64;

/// An encoding that is silent for this long while another of its track goes on was stopped by its publisher.
const LEFT_BEHIND: Duration = Duration::from_millis(600);

/// All rooms of a worker, in tables. An index is valid as long as its entry lives; whoever removes an entry removes
/// its index from the lists that hold it.
#[derive(Default)]
pub struct World {
    pub rooms: Slab<Room>,
    pub members: Slab<Member>,
    pub peers: Slab<Peer>,
    pub tracks: Slab<Track>,
    pub subscriptions: Slab<Subscription>,
    pub room_ids: HashMap<RoomId, usize>,
    pub member_ids: HashMap<MemberId, usize>,
    pub transport_ids: HashMap<TransportId, usize>,
    pub track_ids: HashMap<TrackId, usize>,
    pub subscription_ids: HashMap<SubscriptionId, usize>,
}

pub struct Room {
    pub id: RoomId,
    pub members: Vec<usize>,
    pub router: DataRouter,
}

pub struct Member {
    pub id: MemberId,
    pub room: usize,
    pub config: MemberConfig,
    pub peers: Vec<usize>,
    pub tracks: Vec<usize>,
    /// The peer by which data packets reach the member.
    pub downstream: Option<usize>,
    pub quality: Option<QualityVerdict>,
    /// It is on another worker of the room.
    pub remote: Option<RemoteMember>,
    /// Other workers that send data to it.
    pub watchers: Vec<Watcher>,
}

/// What is known here of a member on another worker.
pub struct RemoteMember {
    pub worker: u16,
    /// As it was told last; None before that.
    pub flow: Option<Flow>,
    /// Reliable bytes sent there.
    pub shipped: u64,
}

/// Another worker that sends data to a member here.
pub struct Watcher {
    pub worker: u16,
    pub told: Flow,
    /// Reliable bytes that came from there.
    pub received: u64,
}

impl RemoteMember {
    pub fn is_open(&self, channel: Channel) -> bool {
        self.flow.is_some_and(|flow| flow.open.get(channel.index()) == Some(&true))
    }

    /// Reliable bytes that wait for it there, and those still on their way there.
    pub fn buffered(&self) -> u64 {
        let flow = self.flow.unwrap_or_default();
        flow.buffered.saturating_add(self.shipped.saturating_sub(flow.received))
    }
}

/// One peer connection and what it carries.
pub struct Peer {
    pub id: TransportId,
    pub member: usize,
    pub transport: Transport,
    pub media: PeerMedia,
    /// RTP streams that arrive, bound to what they are.
    pub streams: Vec<BoundStream>,
    pub tracks: Vec<usize>,
    pub subscriptions: Vec<usize>,
    pub arrivals: ArrivalRecorder,
    /// Next transport-wide sequence number of what we send.
    pub transport_sequence: u16,
    /// From the first subscription on.
    pub downlink: Option<Downlink>,
    /// Packets of the present batch on their way to this peer.
    pub queue: Vec<Queued>,
    /// The deadline that the engine's heap knows of.
    pub scheduled: Option<Instant>,
    /// What the engine's demultiplexer knows of this peer, to be forgotten with it.
    pub ufrags: Vec<String>,
    pub paths: Vec<crate::api::Path>,
    pub connected: bool,
    /// Nothing was heard of it for ten seconds.
    pub lost: bool,
    /// Bytes of reliable data messages given to its transport so far.
    pub handed: u64,
}

/// What `SetMedia` said, ready for look-up by index.
#[derive(Default)]
pub struct PeerMedia {
    pub settings: MediaSettings,
    pub extensions: ExtensionMap,
    payloads: Vec<Option<Payload>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload {
    Media(Codec),
    /// Of packets of this codec.
    Retransmission(Codec),
}

impl PeerMedia {
    pub fn new(settings: MediaSettings) -> PeerMedia {
        let mut payloads = vec![None; 128];
        for PayloadType { pt, codec, rtx } in &settings.payloads {
            if let Some(entry) = payloads.get_mut(usize::from(*pt)) {
                *entry = Some(Payload::Media(*codec));
            }
            if let Some(entry) = rtx.and_then(|rtx| payloads.get_mut(usize::from(rtx))) {
                *entry = Some(Payload::Retransmission(*codec));
            }
        }
        let extensions = ExtensionMap::new(&settings);
        PeerMedia { settings, extensions, payloads }
    }

    pub fn payload(&self, pt: u8) -> Option<Payload> {
        self.payloads.get(usize::from(pt)).copied().flatten()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BoundStream {
    pub ssrc: u32,
    pub track: usize,
    pub layer: u8,
    pub retransmission: bool,
}

/// One packet for one subscriber, between the gate and the socket.
#[derive(Clone, Copy)]
pub struct Queued {
    pub subscription: usize,
    /// Its place in the batch.
    pub place: usize,
    pub forward: Forward,
}

pub struct Track {
    pub id: TrackId,
    pub member: usize,
    pub peer: usize,
    pub config: TrackConfig,
    /// Lowest quality first, as in the configuration.
    pub layers: Vec<Layer>,
    /// Dense: the fan-out walks it for every packet.
    pub subscriptions: Vec<usize>,
    pub live: bool,
    pub subscribed: bool,
    pub clocks: Clocks,
    pub loudness: Loudness,
    pub wanted: Wanted,
    /// Its publisher is on another worker: it arrives by relay, and there is no peer.
    pub mirror: Option<Mirror>,
    /// Other workers that get its packets.
    pub relays: Vec<Relay>,
}

/// What a worker keeps of a track that is published on another one.
pub struct Mirror {
    pub worker: u16,
    /// What the other worker was told last, and whether it has noted that.
    pub told: Interest,
    pub noted: bool,
}

/// A worker that shows a track of this one.
pub struct Relay {
    pub worker: u16,
    /// The track's index there.
    pub slot: u32,
    /// The highest quality that anybody there wants.
    pub quality: Option<Quality>,
    /// Encodings of which packets were lost on the way there, by bit.
    pub gaps: u32,
}

/// The peer of a mirrored track, which has none.
pub const NO_PEER: usize = usize::MAX;

pub struct Layer {
    pub encoding: Encoding,
    /// None until the first packet.
    pub ingress: Option<Ingress>,
    pub key_frames: Throttle,
    pub key_frame_requests: u64,
    /// What it takes on the line, in bits per second, smoothed; rises are followed faster than falls.
    pub demand: u64,
    /// Packets received and lost for good, as of the last verdict on the connection.
    pub judged: (u64, u64),
}

pub struct Subscription {
    pub id: SubscriptionId,
    pub track: usize,
    pub peer: usize,
    pub config: SubscriptionConfig,
    pub egress: Egress,
    pub settings: SubscriptionSettings,
    pub target: Option<usize>,
    pub reason: LayerReason,
    /// What the subscriber's line allows.
    pub ceiling: Ceiling,
    /// The line is congested: an encoding that is too much leaves at once.
    pub urgent: bool,
    /// The line allows nothing, and that was told.
    pub suspended: bool,
    /// Packets and payload bytes sent, as of the last look at what sound takes.
    pub looked_at: (u64, u64),
    /// Packets sent and lost, as of the last verdict on the connection.
    pub judged: (u64, u64),
}

/// On the line, a packet has 28 bytes of IPv4 and UDP and 16 of its tag more than is measured, and few are full.
const DEMAND_PERCENT: u64 = 108;
/// Beside the payload, what a packet of sound takes: IPv4 and UDP 28, RTP 12, extensions 12, tag 16.
const SOUND_OVERHEAD: u64 = 68;

impl Layer {
    /// Every 100 ms.
    pub fn note_demand(&mut self, now: Instant) {
        let measured = self.ingress.as_mut().map_or(0, |ingress| ingress.bitrate(now));
        let measured = measured.saturating_mul(DEMAND_PERCENT) / 100;
        if measured > self.demand {
            self.demand += (measured - self.demand).div_ceil(2);
        } else {
            self.demand -= (self.demand - measured).div_ceil(16);
        }
    }
}

impl Subscription {
    /// Bytes on the line since the last call, of sound.
    pub fn take_sound(&mut self) -> u64 {
        let totals = (self.egress.packets(), self.egress.octets());
        let (packets, octets) = std::mem::replace(&mut self.looked_at, totals);
        totals.0.saturating_sub(packets) * SOUND_OVERHEAD + totals.1.saturating_sub(octets)
    }
}

impl Member {
    pub fn new(id: MemberId, room: usize, config: MemberConfig) -> Member {
        Member {
            id,
            room,
            config,
            peers: Vec::new(),
            tracks: Vec::new(),
            downstream: None,
            quality: None,
            remote: None,
            watchers: Vec::new(),
        }
    }
}

impl Track {
    pub fn new(id: TrackId, member: usize, peer: usize, config: TrackConfig, now: Instant) -> Track {
        let clock_rate = config.codec.clock_rate();
        let layers = config
            .encodings
            .iter()
            .map(|encoding| Layer {
                encoding: *encoding,
                ingress: None,
                key_frames: Throttle::new(encoding.quality),
                key_frame_requests: 0,
                demand: 0,
                judged: (0, 0),
            })
            .collect();
        Track {
            id,
            member,
            peer,
            config,
            layers,
            subscriptions: Vec::new(),
            live: false,
            subscribed: false,
            clocks: Clocks::new(clock_rate),
            loudness: Loudness::default(),
            wanted: Wanted::new(now),
            mirror: None,
            relays: Vec::new(),
        }
    }

    pub fn encoding_states(&self, now: Instant, into: &mut Vec<EncodingState>) {
        let last = |layer: &Layer| layer.ingress.as_ref().and_then(Ingress::last_packet);
        let newest = self.layers.iter().filter_map(last).max();
        into.clear();
        into.extend(self.layers.iter().map(|layer| {
            let ingress = layer.ingress.as_ref().filter(|ingress| ingress.live(now));
            let behind = ingress
                .and_then(Ingress::last_packet)
                .zip(newest)
                .map(|(last, newest)| newest.saturating_duration_since(last));
            EncodingState {
                quality: layer.encoding.quality,
                width: layer.encoding.width,
                height: layer.encoding.height,
                live: behind.is_some_and(|behind| behind < LEFT_BEHIND),
            }
        }));
    }
}

impl Peer {
    /// The stream that an SSRC is bound to. A handful of entries: a scan beats a hash.
    pub fn bound(&self, ssrc: u32) -> Option<BoundStream> {
        self.streams.iter().find(|stream| stream.ssrc == ssrc).copied()
    }

    /// Remembers a binding. An encoding's older binding of the same kind gives way: its source was restarted. False
    /// when the peer sends too many streams.
    pub fn bind(&mut self, stream: BoundStream) -> bool {
        self.streams.retain(|old| {
            (old.track, old.layer, old.retransmission) != (stream.track, stream.layer, stream.retransmission)
        });
        let room = self.streams.len() < MAX_STREAMS;
        if room {
            self.streams.push(stream);
        }
        room
    }
}

/// Which encoding of which of the peer's tracks a new stream is, by what its packet says and what was described:
/// the SSRC as described, else mid and rid, else mid alone for a track with one encoding (RFC 8843 9.2).
pub fn identify(
    tracks: &Slab<Track>,
    published: &[usize],
    ssrc: u32,
    mid: Option<Token>,
    rid: Option<Token>,
    retransmission: bool,
) -> Option<(usize, u8)> {
    let candidates = || published.iter().filter_map(|&index| Some((index, tracks.get(index)?)));
    for (index, track) in candidates() {
        let described = |encoding: &Encoding| if retransmission { encoding.rtx_ssrc } else { encoding.ssrc };
        if let Some(layer) = track.layers.iter().position(|layer| described(&layer.encoding) == Some(ssrc)) {
            return Some((index, layer as u8));
        }
    }
    let (index, track) = candidates().find(|(_, track)| Some(track.config.mid) == mid)?;
    let layer = match rid {
        Some(rid) => track.layers.iter().position(|layer| layer.encoding.rid == Some(rid))?,
        None if track.layers.len() == 1 => 0,
        None => return None,
    };
    Some((index, layer as u8))
}
