//! Between the workers of one room: packets that were accepted on one of them and are wanted on another, and what the
//! two have to tell each other.
//!
//! Everything travels in [`Parcel`]s, in order. A parcel's memory is used again and again: it goes out full and comes
//! back empty. A link has so many of them and no more, which bounds what can be under way. When all are under way,
//! packets are dropped and counted, as on any congested link; messages wait.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use crate::api::{MemberId, Quality, TrackId};
use crate::stream::{PacketMeta, SenderClock, StoredPacket};
use crate::transport::Channel;

/// Parcels of one direction between two workers.
const PARCELS_MAX: usize = 128;
/// From this many under way on, a parcel waits until it is full: the other worker has enough to do.
const PRESSURE: usize = 32;
/// Packet bytes of one parcel.
const BYTES_MAX: usize = 32 << 10;
const ITEMS_MAX: usize = 64;

/// A packet with its route. The first step on the other worker is the fan-out.
#[derive(Clone, Copy, Debug)]
pub struct RelayedPacket {
    /// Where the receiving worker keeps the track; `track` says whether it still does.
    pub slot: u32,
    pub track: TrackId,
    pub layer: u8,
    /// Of the publisher's stream: another one means that the source was replaced.
    pub ssrc: u32,
    pub meta: PacketMeta,
    start: u32,
    descriptor_len: u16,
    payload_len: u16,
}

/// What a member's worker knows of its data channels, for workers that send to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flow {
    /// By channel.
    pub open: [bool; 3],
    /// Reliable bytes that wait for the member, whoever sent them.
    pub buffered: u64,
    /// Reliable bytes that the member has taken, whoever sent them.
    pub taken: u64,
    /// Reliable bytes that came by the link this is sent on.
    pub received: u64,
}

#[derive(Clone, Debug)]
pub enum Message {
    /// From a worker that shows a track, to the one that has it. Repeated until it is noted.
    Interest {
        track: TrackId,
        slot: u32,
        interest: Interest,
    },
    /// The answer.
    Noted {
        track: TrackId,
        interest: Interest,
    },
    /// Subscribers wait for a key frame of this encoding.
    KeyFrame {
        track: TrackId,
        layer: u8,
    },
    /// A sender report of the publisher.
    Clock {
        track: TrackId,
        slot: u32,
        layer: u8,
        clock: SenderClock,
    },
    /// To a member's worker: tell me of its data channels, or do not any more. Repeated until the first `Flow`.
    Attach {
        member: MemberId,
        on: bool,
    },
    Flow {
        member: MemberId,
        flow: Flow,
    },
    /// Leaves by the member's downstream transport.
    Data {
        member: MemberId,
        channel: Channel,
        message: Bytes,
    },
}

/// What the subscribers of one worker want of a track.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Interest {
    /// There is a subscription.
    pub on: bool,
    /// The highest quality wanted.
    pub quality: Option<Quality>,
}

pub(crate) enum Item {
    Packet(RelayedPacket),
    Message(Message),
}

/// A batch of packets and messages from one worker to another.
#[derive(Default)]
pub struct Parcel {
    items: Vec<Item>,
    bytes: Vec<u8>,
}

impl Parcel {
    fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    fn has_room(&self, len: usize) -> bool {
        self.items.len() < ITEMS_MAX && (self.bytes.is_empty() || self.bytes.len() + len <= BYTES_MAX)
    }

    /// The items, in order, and the bytes of the packets. Empty afterwards.
    pub(crate) fn open(&mut self, mut take: impl FnMut(Item, &[u8])) {
        for item in self.items.drain(..) {
            take(item, &self.bytes);
        }
        self.bytes.clear();
    }
}

impl RelayedPacket {
    /// Dependency descriptor and payload.
    pub(crate) fn parts<'a>(&self, bytes: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
        let bytes = bytes.get(self.start as usize..)?;
        let (descriptor, rest) = bytes.split_at_checked(usize::from(self.descriptor_len))?;
        Some((descriptor, rest.get(..usize::from(self.payload_len))?))
    }
}

/// The way to one other worker.
#[derive(Default)]
pub struct Link {
    free: Vec<Parcel>,
    filling: Option<Parcel>,
    ready: VecDeque<Parcel>,
    /// Parcels that exist.
    made: usize,
    /// Messages for which there was no parcel.
    backlog: VecDeque<Message>,
    backlog_bytes: usize,
}

impl Link {
    fn under_way(&self) -> usize {
        self.made.saturating_sub(self.free.len() + self.ready.len() + usize::from(self.filling.is_some()))
    }

    /// The parcel that the next item goes into.
    fn parcel(&mut self, len: usize) -> Option<&mut Parcel> {
        if self.filling.as_ref().is_some_and(|filling| !filling.has_room(len)) {
            self.ready.extend(self.filling.take());
        }
        if self.filling.is_none() {
            self.filling = match self.free.pop() {
                Some(parcel) => Some(parcel),
                None if self.made < PARCELS_MAX => {
                    self.made += 1;
                    Some(Parcel::default())
                }
                None => None,
            };
        }
        self.filling.as_mut()
    }

    /// False when nothing can leave now: the packet is lost to the other worker.
    pub fn relay(
        &mut self,
        (track, slot): (TrackId, u32),
        layer: u8,
        ssrc: u32,
        packet: &StoredPacket<'_>,
    ) -> bool {
        // Messages keep their place before the packets that came after them.
        self.send_backlog();
        if !self.backlog.is_empty() {
            return false;
        }
        let (descriptor, payload) = (packet.dependency_descriptor, packet.payload);
        let (Ok(descriptor_len), Ok(payload_len)) =
            (u16::try_from(descriptor.len()), u16::try_from(payload.len()))
        else {
            return false;
        };
        let Some(parcel) = self.parcel(descriptor.len() + payload.len()) else { return false };
        let start = parcel.bytes.len() as u32;
        parcel.bytes.extend_from_slice(descriptor);
        parcel.bytes.extend_from_slice(payload);
        let meta = *packet.meta;
        parcel.items.push(Item::Packet(RelayedPacket {
            slot,
            track,
            layer,
            ssrc,
            meta,
            start,
            descriptor_len,
            payload_len,
        }));
        true
    }

    pub fn send(&mut self, message: Message) {
        self.send_backlog();
        if self.backlog.is_empty()
            && let Some(parcel) = self.parcel(0)
        {
            parcel.items.push(Item::Message(message));
            return;
        }
        self.backlog_bytes = self.backlog_bytes.saturating_add(weight(&message));
        self.backlog.push_back(message);
    }

    fn send_backlog(&mut self) {
        while !self.backlog.is_empty() {
            if self.parcel(0).is_none() {
                return;
            }
            if let (Some(parcel), Some(message)) = (self.filling.as_mut(), self.backlog.pop_front()) {
                self.backlog_bytes = self.backlog_bytes.saturating_sub(weight(&message));
                parcel.items.push(Item::Message(message));
            }
        }
    }

    /// Gives out what may leave. True when something stays behind.
    fn hand_out(&mut self, give: &mut impl FnMut(Parcel) -> Result<(), Parcel>) -> bool {
        self.send_backlog();
        if self.under_way() < PRESSURE && self.filling.as_ref().is_some_and(|filling| !filling.is_empty()) {
            self.ready.extend(self.filling.take());
        }
        while let Some(parcel) = self.ready.pop_front() {
            if let Err(refused) = give(parcel) {
                self.ready.push_front(refused);
                return true;
            }
        }
        !self.backlog.is_empty() || self.filling.as_ref().is_some_and(|filling| !filling.is_empty())
    }

    fn take_back(&mut self, parcel: Parcel) {
        // More than there are come only after this side has forgotten everything once.
        if self.free.len() < PARCELS_MAX {
            self.free.push(parcel);
            self.made = self.made.max(self.free.len());
        }
    }
}

fn weight(message: &Message) -> usize {
    match message {
        Message::Data { message, .. } => message.len(),
        _ => 0,
    }
}

/// The ways to the other workers, by their number. Those that were never used cost nothing.
#[derive(Default)]
pub struct Links {
    links: BTreeMap<u16, Link>,
}

impl Links {
    pub fn to(&mut self, worker: u16) -> &mut Link {
        self.links.entry(worker).or_default()
    }

    /// Bytes of data messages for which there was no parcel.
    pub fn backlog_bytes(&self, worker: u16) -> usize {
        self.links.get(&worker).map_or(0, |link| link.backlog_bytes)
    }

    /// Messages wait for parcels: what will be said again anyway, or is of no use later, need not join them.
    pub fn is_clogged(&self, worker: u16) -> bool {
        self.links.get(&worker).is_some_and(|link| !link.backlog.is_empty())
    }

    /// Gives out what may leave. True when something stays behind, or was refused.
    pub fn hand_out(&mut self, mut give: impl FnMut(u16, Parcel) -> Result<(), Parcel>) -> bool {
        let mut left = false;
        for (&worker, link) in &mut self.links {
            left |= link.hand_out(&mut |parcel| give(worker, parcel));
        }
        left
    }

    pub fn take_back(&mut self, worker: u16, parcel: Parcel) {
        self.to(worker).take_back(parcel);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::api::Codec;
    use crate::wire::codec::Inspection;

    fn meta(sequence: u64) -> PacketMeta {
        PacketMeta {
            sequence,
            timestamp: 0,
            arrival: Instant::now(),
            codec: Codec::Vp8,
            marker: false,
            padding_only: false,
            audio_level: None,
            playout_delay: None,
            abs_capture_time: None,
            inspection: Inspection::default(),
        }
    }

    fn relay(link: &mut Link, sequence: u64, len: usize) -> bool {
        let meta = meta(sequence);
        let payload = vec![sequence as u8; len];
        let packet = StoredPacket { meta: &meta, payload: &payload, dependency_descriptor: &[9, 8] };
        link.relay((TrackId(1), 0), 0, 7, &packet)
    }

    fn shipped(link: &mut Link) -> Vec<Parcel> {
        let mut parcels = Vec::new();
        link.hand_out(&mut |parcel| {
            parcels.push(parcel);
            Ok(())
        });
        parcels
    }

    fn contents(parcels: &mut [Parcel]) -> Vec<u64> {
        let mut seen = Vec::new();
        for parcel in parcels {
            parcel.open(|item, bytes| match item {
                Item::Packet(packet) => {
                    let (descriptor, payload) = packet.parts(bytes).expect("its bytes");
                    assert_eq!(descriptor, [9, 8]);
                    assert!(payload.iter().all(|byte| *byte == packet.meta.sequence as u8));
                    seen.push(packet.meta.sequence);
                }
                Item::Message(Message::KeyFrame { track, .. }) => seen.push(track.0),
                Item::Message(other) => panic!("{other:?}"),
            });
        }
        seen
    }

    fn message(number: u64) -> Message {
        Message::KeyFrame { track: TrackId(number), layer: 0 }
    }

    #[test]
    fn packets_and_messages_arrive_in_the_order_of_sending() {
        let mut link = Link::default();
        for number in 0..200 {
            if number % 7 == 3 {
                link.send(message(number));
            } else {
                assert!(relay(&mut link, number, 1100));
            }
        }
        let mut parcels = shipped(&mut link);
        assert!(parcels.len() > 5);
        assert_eq!(contents(&mut parcels), (0..200).collect::<Vec<_>>());
    }

    #[test]
    fn what_is_under_way_is_bounded_and_messages_are_never_lost() {
        let mut link = Link::default();
        let mut parcels = Vec::new();
        let mut expected = Vec::new();
        for number in 0..20_000 {
            if number % 100 == 0 {
                link.send(message(number));
                expected.push(number);
            } else if relay(&mut link, number, 1100) {
                expected.push(number);
            }
            parcels.extend(shipped(&mut link));
        }
        assert_eq!(link.made, PARCELS_MAX);
        assert!(parcels.len() <= PARCELS_MAX);
        let bytes: usize = parcels.iter().map(|parcel| parcel.bytes.capacity()).sum();
        assert!(bytes <= PARCELS_MAX * BYTES_MAX * 2, "{bytes}");
        // Those that waited for a parcel come once there is one, and only then packets again.
        let mut seen = contents(&mut parcels);
        while !parcels.is_empty() {
            parcels.drain(..).for_each(|parcel| link.take_back(parcel));
            parcels = shipped(&mut link);
            seen.extend(contents(&mut parcels));
        }
        assert_eq!(seen, expected);
        assert!(relay(&mut link, 1, 1100));
        assert_eq!(link.made, PARCELS_MAX);
    }

    #[test]
    fn a_busy_receiver_gets_fuller_parcels() {
        let mut link = Link::default();
        let mut parcels = Vec::new();
        for number in 0..200 {
            assert!(relay(&mut link, number, 100));
            parcels.extend(shipped(&mut link));
        }
        assert!(parcels.len() < PRESSURE + 200 / ITEMS_MAX + 1, "{}", parcels.len());
        let returned = parcels.len();
        parcels.drain(..).for_each(|mut parcel| {
            parcel.open(|_, _| {});
            link.take_back(parcel);
        });
        assert_eq!(shipped(&mut link).len(), 1, "the rest leaves once the {returned} are back");
    }
}
