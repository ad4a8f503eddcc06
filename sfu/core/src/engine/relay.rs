//! One room on several workers: what this worker is told of the others, what it copies to them, and what they ask.

use std::time::{Duration, Instant};

use crate::api::{Command, Event, MediaKind, MemberConfig, MemberId, Quality, TrackConfig, TrackId};
use crate::engine::commands::Stale;
use crate::engine::{Engine, Transmit};
use crate::room::fanout::Arrived;
use crate::room::relay::{Flow, Interest, Item, Message, Parcel, RelayedPacket};
use crate::room::{Member, Mirror, NO_PEER, Relay, RemoteMember, Track, Watcher};
use crate::stream::{Accepted, Ingress};
use crate::transport::Channel;

/// A link that would not take everything is tried again after this.
const RETRY: Duration = Duration::from_millis(2);

impl Engine {
    /// Parcels for the other workers of a room, after each turn. One that is refused is offered again.
    pub fn poll_parcels(&mut self, now: Instant, give: impl FnMut(u16, Parcel) -> Result<(), Parcel>) {
        self.links_retry = self.links.hand_out(give).then(|| now + RETRY);
    }

    /// A parcel of ours that the other worker has opened.
    pub fn take_back(&mut self, worker: u16, parcel: Parcel) {
        self.links.take_back(worker, parcel);
    }

    /// What came from other workers. The parcels are empty afterwards, to be given back.
    pub fn on_parcels<'a, T: Transmit>(
        &mut self,
        now: Instant,
        parcels: impl Iterator<Item = (u16, &'a mut Parcel)>,
        tx: &mut T,
    ) {
        for (worker, parcel) in parcels {
            parcel.open(|item, bytes| match item {
                Item::Packet(packet) => self.on_relayed(now, worker, &packet, bytes),
                Item::Message(message) => self.on_message(now, worker, message),
            });
        }
        self.forward_arrived(now, tx);
        self.settle(now, tx);
    }

    // ---- told of another worker

    pub(super) fn obey_remote(&mut self, now: Instant, worker: u16, command: Command) -> Result<(), Stale> {
        match command {
            Command::AddMember { member, config } => self.add_remote(worker, member, config),
            Command::Publish { track, config } => self.mirror(now, worker, track, config),
            Command::CloseTransport { transport } => {
                let ended: Vec<usize> = self
                    .mirrors
                    .iter()
                    .copied()
                    .filter(|&index| {
                        self.world.tracks.get(index).is_some_and(|track| track.config.transport == transport)
                    })
                    .collect();
                for index in ended {
                    self.remove_track(now, index);
                }
                Ok(())
            }
            // The member's own worker answers; here are the senders of what it has missed.
            Command::Resume { member, received } => {
                let index = self.member_index(member)?;
                self.route(now, index, |router, members, events| {
                    router.resume(now, member, &received, members, events);
                });
                Ok(())
            }
            Command::SetPermissions { .. }
            | Command::RemoveMember { .. }
            | Command::SetMuted { .. }
            | Command::Unpublish { .. }
            | Command::PublishDataTrack { .. }
            | Command::UnpublishDataTrack { .. }
            | Command::SubscribeDataTrack { .. }
            | Command::UnsubscribeDataTrack { .. } => self.obey(now, command),
            _ => Err(Stale),
        }
    }

    fn add_remote(&mut self, worker: u16, id: MemberId, config: MemberConfig) -> Result<(), Stale> {
        let room = *self.world.room_ids.get(&config.room).ok_or(Stale)?;
        if self.world.member_ids.contains_key(&id) {
            return Err(Stale);
        }
        let remote = Some(RemoteMember { worker, flow: None, shipped: 0 });
        self.insert_member(Member { remote, ..Member::new(id, room, config) });
        self.links.to(worker).send(Message::Attach { member: id, on: true });
        Ok(())
    }

    fn mirror(&mut self, now: Instant, worker: u16, id: TrackId, config: TrackConfig) -> Result<(), Stale> {
        let member = self.member_index(config.member)?;
        if self.world.track_ids.contains_key(&id) || config.encodings.is_empty() {
            return Err(Stale);
        }
        let mut track = Track::new(id, member, NO_PEER, config, now);
        track.mirror = Some(Mirror { worker, told: Interest::default(), noted: true });
        let index = self.insert_track(track);
        self.mirrors.push(index);
        self.ticks.hasten(now);
        Ok(())
    }

    /// A track is about to be removed.
    pub(super) fn forget_mirror(&mut self, index: usize) {
        if self.world.tracks.get(index).is_some_and(|track| track.mirror.is_some()) {
            self.tell_interest(index, None);
            self.mirrors.retain(|mirror| *mirror != index);
        }
    }

    // ---- media to other workers

    /// Copies the batch's packets once for each worker that shows their tracks.
    pub(super) fn relay_arrived(&mut self) {
        let Engine { world, links, to_relay, counters, .. } = self;
        for Arrived { track, layer, sequence } in to_relay.drain(..) {
            let Some(track) = world.tracks.get_mut(track) else { continue };
            let Track { id, layers, relays, .. } = track;
            let Some(layer_entry) = layers.get_mut(usize::from(layer)) else { continue };
            let Some(ingress) = layer_entry.ingress.as_ref() else { continue };
            let Some(packet) = ingress.packet(sequence) else { continue };
            let bit = 1u32.checked_shl(u32::from(layer)).unwrap_or(0);
            let mut resumed = false;
            for relay in relays {
                let link = links.to(relay.worker);
                if link.relay((*id, relay.slot), layer, ingress.ssrc(), &packet) {
                    counters.relayed_out += 1;
                    resumed |= relay.gaps & bit != 0;
                    relay.gaps &= !bit;
                } else {
                    counters.drops.relay_overflow += 1;
                    relay.gaps |= bit;
                }
            }
            // What was lost there cannot be asked for. Asking earlier would lose the key frame too.
            if resumed && ingress.codec().kind() == MediaKind::Video {
                layer_entry.key_frames.want();
            }
        }
    }

    pub(super) fn relay_clock(&mut self, index: usize, layer: u8) {
        let Some(track) = self.world.tracks.get(index) else { return };
        let Some(clock) = track.clocks.get(usize::from(layer)) else { return };
        for relay in &track.relays {
            if !self.links.is_clogged(relay.worker) {
                let message = Message::Clock { track: track.id, slot: relay.slot, layer, clock };
                self.links.to(relay.worker).send(message);
            }
        }
    }

    // ---- media from other workers

    fn on_relayed(&mut self, now: Instant, worker: u16, packet: &RelayedPacket, bytes: &[u8]) {
        let Engine { world, counters, arrived, waiting, company, .. } = self;
        let from = |track: &&mut Track| {
            track.id == packet.track && track.mirror.as_ref().is_some_and(|mirror| mirror.worker == worker)
        };
        let slot = packet.slot as usize;
        let Some(track) = world.tracks.get_mut(slot).filter(from) else {
            counters.drops.relay_stray += 1;
            return;
        };
        let codec = track.config.codec;
        let Some(layer) = track.layers.get_mut(usize::from(packet.layer)) else { return };
        if layer.ingress.as_ref().is_none_or(|ingress| ingress.ssrc() != packet.ssrc) {
            if layer.ingress.is_some() {
                track.clocks.set(usize::from(packet.layer), None);
                for &subscription in &track.subscriptions {
                    if let Some(subscription) = world.subscriptions.get_mut(subscription) {
                        subscription.egress.on_source_replaced(usize::from(packet.layer));
                    }
                }
            }
            layer.ingress = Some(Ingress::new(now, codec, packet.ssrc));
        }
        let Some(ingress) = layer.ingress.as_mut() else { return };
        let Some((descriptor, payload)) = packet.parts(bytes) else { return };
        let Accepted::Stored(stored) = ingress.on_relayed(&packet.meta, payload, descriptor) else {
            counters.drops.too_old += 1;
            return;
        };
        counters.relayed_in += 1;
        if stored.key_frame {
            layer.key_frames.arrived();
        }
        if !track.live {
            track.live = true;
            self.ticks.hasten(now);
        }
        let packet = Arrived { track: slot, layer: packet.layer, sequence: stored.sequence };
        match codec.kind() {
            MediaKind::Audio => arrived.push(packet),
            MediaKind::Video => {
                waiting.push(packet);
                company.wait(now);
            }
        }
    }

    // ---- requests

    /// Asks for the key frames and repairs that a track owes its subscribers, wherever it is published.
    pub(super) fn answer_origin(&mut self, now: Instant, index: usize) {
        let Some(track) = self.world.tracks.get_mut(index) else { return };
        let Some(mirror) = &track.mirror else {
            let peer = track.peer;
            self.answer_publisher(now, peer);
            return;
        };
        if track.subscriptions.is_empty() || self.links.is_clogged(mirror.worker) {
            return;
        }
        for (layer, entry) in track.layers.iter_mut().enumerate() {
            if entry.key_frames.due(now) {
                entry.key_frame_requests += 1;
                let message = Message::KeyFrame { track: track.id, layer: layer as u8 };
                self.links.to(mirror.worker).send(message);
            }
        }
    }

    pub(super) fn mirror_changed(&mut self, now: Instant, index: usize) {
        let Some(track) = self.world.tracks.get(index).filter(|track| track.mirror.is_some()) else { return };
        match track.config.codec.kind() {
            MediaKind::Audio => self.tell_interest(index, None),
            MediaKind::Video => self.update_wanted(now, index),
        }
    }

    pub(super) fn tell_interest(&mut self, index: usize, quality: Option<Quality>) {
        let Some(track) = self.world.tracks.get_mut(index) else { return };
        let Some(mirror) = &mut track.mirror else { return };
        let on = !track.subscriptions.is_empty();
        let interest = Interest { on, quality: quality.filter(|_| on) };
        if mirror.told == interest {
            return;
        }
        mirror.told = interest;
        mirror.noted = false;
        let message = Message::Interest { track: track.id, slot: index as u32, interest };
        self.links.to(mirror.worker).send(message);
    }

    /// Repeats what was not answered: the other worker may not have heard of the track or the member yet.
    pub(super) fn look_after_mirrors(&mut self, now: Instant, step: bool) {
        for position in 0..self.mirrors.len() {
            let Some(&index) = self.mirrors.get(position) else { break };
            self.answer_origin(now, index);
            let Some(track) = self.world.tracks.get(index) else { continue };
            if let Some(mirror) = &track.mirror
                && step
                && !mirror.noted
                && !self.links.is_clogged(mirror.worker)
            {
                let interest = mirror.told;
                let message = Message::Interest { track: track.id, slot: index as u32, interest };
                self.links.to(mirror.worker).send(message);
            }
        }
        if !step {
            return;
        }
        let members: usize = self.world.members.iter().map(|(index, _)| index + 1).max().unwrap_or(0);
        for index in 0..members {
            let Some(member) = self.world.members.get(index) else { continue };
            match &member.remote {
                Some(RemoteMember { worker, flow: None, .. }) if !self.links.is_clogged(*worker) => {
                    self.links.to(*worker).send(Message::Attach { member: member.id, on: true });
                }
                Some(_) => {}
                None => self.tell_flow(index, 1),
            }
        }
    }

    fn on_message(&mut self, now: Instant, worker: u16, message: Message) {
        let known = match message {
            Message::Interest { track, slot, interest } => {
                self.on_interest(now, worker, track, slot, interest)
            }
            Message::Noted { track, interest } => self.on_noted(track, interest),
            Message::KeyFrame { track, layer } => self.on_remote_key_frame(now, track, layer),
            Message::Clock { track, slot, layer, clock } => {
                let mirror = self.world.tracks.get_mut(slot as usize).filter(|mirror| mirror.id == track);
                mirror.map(|mirror| mirror.clocks.set(usize::from(layer), Some(clock)))
            }
            Message::Attach { member, on } => self.on_attach(worker, member, on),
            Message::Flow { member, flow } => self.on_flow(now, member, flow),
            Message::Data { member, channel, message } => self.deliver(worker, member, channel, &message),
        };
        if known.is_none() {
            self.counters.drops.relay_stray += 1;
        }
    }

    fn on_interest(
        &mut self,
        now: Instant,
        worker: u16,
        id: TrackId,
        slot: u32,
        interest: Interest,
    ) -> Option<()> {
        let index = *self.world.track_ids.get(&id)?;
        let track = self.world.tracks.get_mut(index).filter(|track| track.mirror.is_none())?;
        let quality = interest.quality;
        if !interest.on {
            track.relays.retain(|relay| relay.worker != worker);
        } else if let Some(relay) = track.relays.iter_mut().find(|relay| relay.worker == worker) {
            (relay.slot, relay.quality) = (slot, quality);
        } else {
            track.relays.push(Relay { worker, slot, quality, gaps: 0 });
            for layer in 0..track.layers.len() {
                if let Some(clock) = track.clocks.get(layer) {
                    let message = Message::Clock { track: id, slot, layer: layer as u8, clock };
                    self.links.to(worker).send(message);
                }
            }
        }
        self.links.to(worker).send(Message::Noted { track: id, interest });
        if interest.on && !track.subscribed {
            track.subscribed = true;
            if let Some(member) = self.world.members.get(track.member) {
                self.events.push_back(Event::FirstSubscriber { track: id, member: member.id });
            }
        }
        self.update_wanted(now, index);
        Some(())
    }

    fn on_noted(&mut self, track: TrackId, interest: Interest) -> Option<()> {
        let track = self.world.tracks.get_mut(*self.world.track_ids.get(&track)?)?;
        let mirror = track.mirror.as_mut()?;
        mirror.noted |= mirror.told == interest;
        Some(())
    }

    fn on_remote_key_frame(&mut self, now: Instant, track: TrackId, layer: u8) -> Option<()> {
        let index = *self.world.track_ids.get(&track)?;
        let track = self.world.tracks.get_mut(index).filter(|track| track.mirror.is_none())?;
        track.layers.get_mut(usize::from(layer))?.key_frames.want();
        self.answer_origin(now, index);
        Some(())
    }

    // ---- data channels

    fn on_attach(&mut self, worker: u16, id: MemberId, on: bool) -> Option<()> {
        let index = self.member_index(id).ok()?;
        let member = self.world.members.get_mut(index).filter(|member| member.remote.is_none())?;
        member.watchers.retain(|watcher| watcher.worker != worker);
        if on {
            let flow = self.flow_of(index)?;
            let member = self.world.members.get_mut(index)?;
            // It begins to count anew: nothing was sent before this is answered.
            member.watchers.push(Watcher { worker, told: flow, received: 0 });
            self.links.to(worker).send(Message::Flow { member: id, flow });
        }
        Some(())
    }

    /// What a member's channels are like, but for the part that depends on who asks.
    fn flow_of(&self, index: usize) -> Option<Flow> {
        let member = self.world.members.get(index)?;
        let Some(peer) = member.downstream.and_then(|peer| self.world.peers.get(peer)) else {
            return Some(Flow::default());
        };
        let buffered = peer.transport.buffered(Channel::Reliable) as u64;
        let taken = peer.handed.saturating_sub(buffered);
        let open = Channel::ALL.map(|channel| peer.transport.is_open(channel));
        Some(Flow { open, buffered, taken, received: 0 })
    }

    /// Tells those who send to a member what has become of its queue, if that has changed by so many bytes.
    pub(super) fn tell_flow(&mut self, index: usize, step: u64) {
        if self.world.members.get(index).is_none_or(|member| member.watchers.is_empty()) {
            return;
        }
        let Some(flow) = self.flow_of(index) else { return };
        let Some(member) = self.world.members.get_mut(index) else { return };
        for watcher in &mut member.watchers {
            let flow = Flow { received: watcher.received, ..flow };
            let told = watcher.told;
            let moved = told.buffered.abs_diff(flow.buffered).max(told.received.abs_diff(flow.received));
            let drained = flow.buffered == 0 && told.buffered > 0;
            if told.open != flow.open || moved >= step || drained {
                watcher.told = flow;
                self.links.to(watcher.worker).send(Message::Flow { member: member.id, flow });
            }
        }
    }

    fn on_flow(&mut self, now: Instant, id: MemberId, flow: Flow) -> Option<()> {
        let index = self.member_index(id).ok()?;
        let member = self.world.members.get_mut(index)?;
        let room = member.room;
        let remote = member.remote.as_mut()?;
        let before = remote.flow.replace(flow).unwrap_or_default();
        for channel in Channel::ALL {
            let at = channel.index();
            if flow.open.get(at) == Some(&true) && before.open.get(at) != Some(&true) {
                self.route_room(now, room, |router, members, events| {
                    router.on_channel_open(now, id, channel, members, events);
                });
            }
        }
        if self.world.rooms.get(room).is_some_and(|room| room.router.is_waiting()) {
            self.route_room(now, room, |router, members, events| router.on_deadline(now, members, events));
        }
        Some(())
    }

    /// A message for a member of this worker, which the router of its sender's worker has let pass.
    fn deliver(&mut self, worker: u16, id: MemberId, channel: Channel, message: &bytes::Bytes) -> Option<()> {
        let index = self.member_index(id).ok()?;
        let member = self.world.members.get_mut(index).filter(|member| member.remote.is_none())?;
        let reliable = channel == Channel::Reliable;
        if let Some(watcher) = member.watchers.iter_mut().find(|watcher| watcher.worker == worker && reliable)
        {
            watcher.received += message.len() as u64;
        }
        let limits = self.world.rooms.get(member.room)?.router.limits();
        let bound = match channel {
            Channel::Reliable => usize::MAX,
            Channel::Lossy => limits.lossy,
            Channel::DataTrack => limits.data_track,
        };
        let peer = member.downstream.and_then(|peer| Some((peer, self.world.peers.get_mut(peer)?)));
        let sent = peer.is_some_and(|(index, peer)| {
            let sent = peer.transport.buffered(channel) <= bound
                && peer.transport.send_message(channel, message).is_ok();
            if sent {
                peer.handed += if reliable { message.len() as u64 } else { 0 };
                if !self.stirred.contains(&index) {
                    self.stirred.push(index);
                }
            }
            sent
        });
        self.counters.drops.data_overflow += u64::from(!sent);
        Some(())
    }
}
