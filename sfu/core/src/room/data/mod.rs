//! Data packets of a room: who gets what, in which order, and what happens to those who cannot keep up.
//!
//! **Slow receivers.** A reliable message is never dropped silently while it can be avoided. When a receiver has more
//! than [`DataLimits::reliable_soft`] bytes waiting, every sender of reliable messages to it is *held*: its transport
//! closes its receive window, so the sender waits as if its own link were slow. A receiver that stays above the bound for
//! [`DataLimits::slow_after`] is *cut off*: the streams on their way to it end with a trailer that tells a reason, other
//! reliable packets to it are dropped and counted, and the senders go on. It is served again once its queue has fallen
//! below the bound. A receiver that drains, however slowly, but at least 64 KiB within that time, is never cut off; it
//! slows its senders down.
//!
//! **Rooms on several workers.** Each worker's router serves the senders there, whoever their receivers are. A receiver on
//! another worker is one like any other: what waits for it includes what is still on its way to that worker.

mod receiver;
mod replay;
mod slow;
mod streams;
mod tracks;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use self::receiver::Receiver;
use self::replay::{Cache, Cached};
use self::streams::Streams;
use self::tracks::DataTracks;
use super::envelope::{Envelope, Stamp, Value};
use crate::api::{DataTrackId, MemberId, MemberPermissions};
use crate::transport::{Channel, NotSent};

#[derive(Clone, Copy, Debug)]
pub struct DataLimits {
    /// Bytes waiting for one receiver above which its senders are held.
    pub reliable_soft: usize,
    /// Below this the senders go on. Well below the other: a window that opens by a little at a time makes the
    /// senders' stacks probe for it, and some of them wait a second between two probes.
    pub reliable_low: usize,
    /// Bytes that a receiver must take within `slow_after`, to be slow and not dead.
    pub progress: usize,
    /// Never more than this waits for one receiver, in bytes, whoever sends.
    pub reliable_hard: usize,
    /// Time above the lower bound without progress after which a receiver is cut off.
    pub slow_after: Duration,
    /// Lossy messages are dropped while so many bytes wait for the receiver.
    pub lossy: usize,
    /// The same for packets of data tracks.
    pub data_track: usize,
    /// Messages for a receiver whose channel is not open yet.
    pub pending_age: Duration,
    pub pending_bytes: usize,
    /// What one publisher sent last, for receivers that resume.
    pub replay_age: Duration,
    pub replay_bytes: usize,
}

impl Default for DataLimits {
    fn default() -> Self {
        DataLimits {
            reliable_soft: 1024 * 1024,
            reliable_low: 512 * 1024,
            progress: 64 * 1024,
            reliable_hard: 4 * 1024 * 1024,
            slow_after: Duration::from_secs(5),
            lossy: 256 * 1024,
            data_track: 256 * 1024,
            pending_age: Duration::from_secs(2),
            pending_bytes: 1024 * 1024,
            replay_age: Duration::from_secs(15),
            replay_bytes: 2 * 1024 * 1024,
        }
    }
}

/// A member as the router sees it.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    pub id: MemberId,
    pub identity: &'a str,
    pub sid: &'a str,
    pub permissions: MemberPermissions,
}

/// The members of the room and the data channels by which packets leave for them. Unknown members have closed channels.
pub trait DataPeers {
    /// Walks all members: 0, 1, ... until None.
    fn at(&self, position: usize) -> Option<View<'_>>;
    fn find(&self, member: MemberId) -> Option<View<'_>>;
    /// Of the member's downstream transport.
    fn is_open(&self, member: MemberId, channel: Channel) -> bool;
    fn buffered(&self, member: MemberId, channel: Channel) -> usize;
    /// Bytes of reliable messages that the member has taken so far, whoever sent them.
    fn taken(&self, member: MemberId) -> u64;
    fn send(&mut self, member: MemberId, channel: Channel, message: &Bytes) -> Result<(), NotSent>;
    /// [`crate::transport::Transport::hold_reliable`] of all transports of the member. After the end of a hold their
    /// messages must be polled again.
    fn hold(&mut self, member: MemberId, hold: bool);
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataEvent {
    SlowReceiver { member: MemberId, sender: MemberId, streams: u32 },
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DataCounters {
    pub received: u64,
    /// Once per receiver.
    pub forwarded: u64,
    pub malformed: u64,
    pub not_permitted: u64,
    /// By sequence number.
    pub duplicates: u64,
    /// Speaker and metrics packets: nobody here may read them.
    pub not_forwarded: u64,
    pub dropped_lossy: u64,
    pub dropped_data_track: u64,
    /// Reliable packets to cut-off receivers.
    pub dropped_slow: u64,
    /// Reliable packets whose receiver's channel did not open in time.
    pub dropped_pending: u64,
    pub dropped_too_long: u64,
    pub unknown_data_track: u64,
    pub held: u64,
    pub cut_off: u64,
    pub replayed: u64,
}

impl DataCounters {
    /// What senders should not have sent.
    pub fn rejected(&self) -> u64 {
        self.malformed + self.not_permitted + self.not_forwarded + self.unknown_data_track
    }

    /// What receivers could not take in time.
    pub fn overflowed(&self) -> u64 {
        self.dropped_lossy
            + self.dropped_data_track
            + self.dropped_slow
            + self.dropped_pending
            + self.dropped_too_long
    }
}

#[derive(Default)]
struct Sender {
    last_sequence: u32,
    cache: Cache,
    streams: Streams,
    /// Receivers that it waits for. Held as long as there are any.
    waits_for: Vec<MemberId>,
}

#[derive(Default)]
pub struct DataRouter {
    limits: DataLimits,
    senders: BTreeMap<MemberId, Sender>,
    receivers: BTreeMap<MemberId, Receiver>,
    tracks: DataTracks,
    counters: DataCounters,
    targets: Vec<MemberId>,
}

/// A reliable packet on its way.
struct Outgoing<'a> {
    from: Option<MemberId>,
    message: &'a Bytes,
    value: Value<'a>,
}

impl DataRouter {
    pub fn counters(&self) -> DataCounters {
        self.counters
    }

    pub fn limits(&self) -> &DataLimits {
        &self.limits
    }

    #[cfg(test)]
    pub fn is_held(&self, member: MemberId) -> bool {
        self.senders.get(&member).is_some_and(|sender| !sender.waits_for.is_empty())
    }

    /// Somebody waits for a receiver to drain: `on_deadline` is wanted soon.
    pub fn is_waiting(&self) -> bool {
        self.receivers.values().any(Receiver::is_over)
    }

    /// A message that a member sent on one of its channels.
    pub fn on_message(
        &mut self,
        now: Instant,
        from: MemberId,
        channel: Channel,
        message: &Bytes,
        members: &mut impl DataPeers,
        events: &mut Vec<DataEvent>,
    ) {
        count(&mut self.counters.received);
        let Some(view) = members.find(from) else { return };
        if !view.permissions.can_publish_data {
            count(&mut self.counters.not_permitted);
            return;
        }
        if channel == Channel::DataTrack {
            self.tracks.forward(&self.limits, from, message, members, &mut self.counters);
            return;
        }
        let Ok(mut envelope) = Envelope::parse(message) else {
            count(&mut self.counters.malformed);
            return;
        };
        if matches!(envelope.value, Value::Speaker | Value::Metrics) {
            count(&mut self.counters.not_forwarded);
            return;
        }
        let reliable = channel == Channel::Reliable;
        if reliable && envelope.sequence > 0 {
            let sender = self.senders.entry(from).or_default();
            if envelope.sequence <= sender.last_sequence {
                count(&mut self.counters.duplicates);
                return;
            }
            sender.last_sequence = envelope.sequence;
        }
        let Ok(stamped) = envelope.stamped(&stamp_of(&view, !reliable)) else {
            count(&mut self.counters.malformed);
            return;
        };
        let mut targets = std::mem::take(&mut self.targets);
        find_targets(Some(from), &mut envelope, members, &mut targets);
        if reliable {
            let packet = Outgoing { from: Some(from), message: &stamped, value: envelope.value };
            self.note_stream(now, from, envelope.value);
            self.route_reliable(now, &packet, &mut targets, members, events);
            self.keep(now, from, &envelope, stamped.clone(), &targets);
        } else {
            self.route_lossy(&stamped, &targets, members);
        }
        self.targets = targets;
    }

    /// A packet of the server itself.
    pub fn send_from_server(
        &mut self,
        now: Instant,
        message: &Bytes,
        reliable: bool,
        members: &mut impl DataPeers,
        events: &mut Vec<DataEvent>,
    ) {
        let Ok(mut envelope) = Envelope::parse(message) else {
            count(&mut self.counters.malformed);
            return;
        };
        let mut targets = std::mem::take(&mut self.targets);
        find_targets(None, &mut envelope, members, &mut targets);
        if reliable {
            let packet = Outgoing { from: None, message, value: envelope.value };
            self.route_reliable(now, &packet, &mut targets, members, events);
        } else {
            self.route_lossy(message, &targets, members);
        }
        self.targets = targets;
    }

    /// A channel of a member's downstream transport opened.
    pub fn on_channel_open(
        &mut self,
        now: Instant,
        member: MemberId,
        channel: Channel,
        members: &mut impl DataPeers,
        events: &mut Vec<DataEvent>,
    ) {
        if channel != Channel::Reliable || !members.is_open(member, channel) {
            return;
        }
        let Some(receiver) = self.receivers.get_mut(&member) else { return };
        let expired = receiver.expire_pending(now, &self.limits);
        self.counters.dropped_pending = self.counters.dropped_pending.saturating_add(expired);
        for message in receiver.take_pending() {
            self.send_again(now, member, &message, members, events);
        }
    }

    /// The member's signalling came back: what it has missed, as far as it is kept, goes out again. Returns the last
    /// sequence number accepted from it.
    pub fn resume(
        &mut self,
        now: Instant,
        member: MemberId,
        received: &[(String, u32)],
        members: &mut impl DataPeers,
        events: &mut Vec<DataEvent>,
    ) -> u32 {
        let mut missed = Vec::new();
        // Clients that know no sequence numbers tell nothing and would not notice what comes twice.
        if !received.is_empty() {
            for (id, sender) in self.senders.iter_mut().filter(|(id, _)| **id != member) {
                let Some(view) = members.find(*id) else { continue };
                let last = received.iter().find(|(sid, _)| sid == view.sid).map_or(0, |(_, last)| *last);
                sender.cache.expire(now, &self.limits);
                let streams = &sender.streams;
                missed.extend(
                    sender
                        .cache
                        .after(last, member)
                        .filter(|cached| !cached.stream.as_ref().is_some_and(|id| streams.is_cut(id, member)))
                        .map(|cached| cached.message.clone()),
                );
            }
        }
        for message in &missed {
            count(&mut self.counters.replayed);
            if members.is_open(member, Channel::Reliable) {
                self.send_again(now, member, message, members, events);
            } else {
                self.pend(now, member, message);
            }
        }
        self.senders.get(&member).map_or(0, |sender| sender.last_sequence)
    }

    /// About every 20 ms: senders go on, and receivers are cut off, here.
    pub fn on_deadline(&mut self, now: Instant, members: &mut impl DataPeers, events: &mut Vec<DataEvent>) {
        let slow: Vec<MemberId> =
            self.receivers.iter().filter(|(_, receiver)| receiver.is_over()).map(|(id, _)| *id).collect();
        for member in slow {
            self.observe(now, member, members, events);
        }
        for receiver in self.receivers.values_mut() {
            let expired = receiver.expire_pending(now, &self.limits);
            self.counters.dropped_pending = self.counters.dropped_pending.saturating_add(expired);
        }
        for sender in self.senders.values_mut() {
            sender.cache.expire(now, &self.limits);
            sender.streams.expire(now);
        }
    }

    pub fn on_member_left(
        &mut self,
        _now: Instant,
        member: MemberId,
        members: &mut impl DataPeers,
        _events: &mut Vec<DataEvent>,
    ) {
        self.senders.remove(&member);
        self.receivers.remove(&member);
        self.tracks.forget_member(member);
        for sender in self.senders.values_mut() {
            sender.streams.forget_receiver(member);
        }
        self.stop_waiting_for(member, members);
    }

    pub fn publish_data_track(&mut self, data_track: DataTrackId, member: MemberId, handle: u16) {
        self.tracks.publish(data_track, member, handle);
    }

    pub fn unpublish_data_track(&mut self, data_track: DataTrackId) {
        self.tracks.unpublish(data_track);
    }

    pub fn subscribe_data_track(&mut self, data_track: DataTrackId, member: MemberId, handle: u16) {
        self.tracks.subscribe(data_track, member, handle);
    }

    pub fn unsubscribe_data_track(&mut self, data_track: DataTrackId, member: MemberId) {
        self.tracks.unsubscribe(data_track, member);
    }

    fn note_stream(&mut self, now: Instant, from: MemberId, value: Value<'_>) {
        let sender = self.senders.entry(from).or_default();
        match value {
            Value::StreamHeader { id, complete: false } => sender.streams.begin(now, id),
            Value::StreamChunk { id } => sender.streams.touch(now, id),
            _ => {}
        }
    }

    /// For those it was sent to, should they resume.
    fn keep(
        &mut self,
        now: Instant,
        from: MemberId,
        envelope: &Envelope<'_>,
        message: Bytes,
        to: &[MemberId],
    ) {
        if envelope.sequence == 0 || to.is_empty() {
            return;
        }
        let stream = stream_of(envelope.value).map(Bytes::copy_from_slice);
        let cached = Cached { at: now, sequence: envelope.sequence, message, to: Arc::from(to), stream };
        self.senders.entry(from).or_default().cache.push(&self.limits, cached);
    }

    /// Leaves those in `targets` that got it, or will when their channel opens.
    fn route_reliable(
        &mut self,
        now: Instant,
        packet: &Outgoing<'_>,
        targets: &mut Vec<MemberId>,
        members: &mut impl DataPeers,
        events: &mut Vec<DataEvent>,
    ) {
        targets.retain(|&member| {
            if members.is_open(member, Channel::Reliable) {
                return self.send_reliable(now, packet, member, members, events);
            }
            self.tell_header(packet, member);
            self.pend(now, member, packet.message);
            true
        });
        if let (Some(from), Value::StreamTrailer { id }) = (packet.from, packet.value)
            && let Some(sender) = self.senders.get_mut(&from)
        {
            sender.streams.end(id);
        }
    }

    /// False when the receiver is too slow for it.
    fn send_reliable(
        &mut self,
        now: Instant,
        packet: &Outgoing<'_>,
        member: MemberId,
        members: &mut impl DataPeers,
        events: &mut Vec<DataEvent>,
    ) -> bool {
        if self.is_stream_cut(packet, member) {
            count(&mut self.counters.dropped_slow);
            return false;
        }
        let cut = self.observe(now, member, members, events);
        let after = members.buffered(member, Channel::Reliable).saturating_add(packet.message.len());
        if after > self.limits.reliable_hard {
            if !cut {
                self.cut_off(member, members, events);
            }
            // The cut may have ended this stream already.
            self.end_stream(packet, member, members, events);
            count(&mut self.counters.dropped_slow);
            return false;
        }
        // The end of a stream that arrived whole is worth its few bytes.
        if cut && !matches!(packet.value, Value::StreamTrailer { .. }) {
            self.end_stream(packet, member, members, events);
            count(&mut self.counters.dropped_slow);
            return false;
        }
        self.hand_over(member, Channel::Reliable, packet.message, members);
        self.tell_header(packet, member);
        if let Some(from) = packet.from
            && !cut
            && after >= self.limits.reliable_soft
        {
            self.receivers.entry(member).or_default().note_over(now, members.taken(member));
            self.wait_for(from, member, members);
        }
        true
    }

    fn route_lossy(&mut self, message: &Bytes, targets: &[MemberId], members: &mut impl DataPeers) {
        for &member in targets {
            let waiting = members.buffered(member, Channel::Lossy);
            if !members.is_open(member, Channel::Lossy) || waiting > self.limits.lossy {
                count(&mut self.counters.dropped_lossy);
                continue;
            }
            self.hand_over(member, Channel::Lossy, message, members);
        }
    }

    /// A message that was routed before. It binds no sender.
    fn send_again(
        &mut self,
        now: Instant,
        member: MemberId,
        message: &Bytes,
        members: &mut impl DataPeers,
        events: &mut Vec<DataEvent>,
    ) {
        let packet = Outgoing { from: None, message, value: Value::Other };
        self.send_reliable(now, &packet, member, members, events);
    }

    fn hand_over(
        &mut self,
        member: MemberId,
        channel: Channel,
        message: &Bytes,
        members: &mut impl DataPeers,
    ) {
        match members.send(member, channel, message) {
            Ok(()) => count(&mut self.counters.forwarded),
            Err(NotSent::TooLong) => count(&mut self.counters.dropped_too_long),
            Err(NotSent::NotOpen) => count(&mut self.counters.dropped_pending),
        }
    }

    fn pend(&mut self, now: Instant, member: MemberId, message: &Bytes) {
        let dropped = self.receivers.entry(member).or_default().pend(now, message, &self.limits);
        self.counters.dropped_pending = self.counters.dropped_pending.saturating_add(dropped);
    }
}

fn count(counter: &mut u64) {
    *counter = counter.saturating_add(1);
}

fn stream_of(value: Value<'_>) -> Option<&[u8]> {
    match value {
        Value::StreamHeader { id, complete: false }
        | Value::StreamChunk { id }
        | Value::StreamTrailer { id } => Some(id),
        _ => None,
    }
}

fn stamp_of<'a>(view: &View<'a>, lossy: bool) -> Stamp<'a> {
    if view.permissions.hidden {
        Stamp { identity: "", sid: "", lossy }
    } else {
        Stamp { identity: view.identity, sid: view.sid, lossy }
    }
}

/// Those named, else everyone; never the sender itself.
fn find_targets(
    from: Option<MemberId>,
    envelope: &mut Envelope<'_>,
    members: &impl DataPeers,
    targets: &mut Vec<MemberId>,
) {
    targets.clear();
    let everyone = envelope.identities.is_empty() && envelope.sids.is_empty();
    envelope.identities.sort_unstable();
    envelope.sids.sort_unstable();
    let mut position = 0;
    while let Some(view) = members.at(position) {
        position += 1;
        let named = || {
            envelope.identities.binary_search(&view.identity.as_bytes()).is_ok()
                || envelope.sids.binary_search(&view.sid.as_bytes()).is_ok()
        };
        if Some(view.id) != from && (everyone || named()) {
            targets.push(view.id);
        }
    }
}
