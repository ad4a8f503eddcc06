//! Commands: what control and signalling want of the worker.

use std::time::Instant;

use crate::api::{
    Command, Event, IceCredentials, LayerReason, MediaSettings, MemberConfig, MemberId, RoomId,
    SubscriptionConfig, SubscriptionId, SubscriptionSettings, TrackConfig, TrackId, TransportConfig,
    TransportId,
};
use crate::engine::{Engine, Transmit};
use crate::room::data::DataRouter;
use crate::room::downlink::Ceiling;
use crate::room::relay::Message;
use crate::room::{Member, Peer, PeerMedia, Room, Subscription, Track};
use crate::stream::{ArrivalRecorder, Egress, ExtensionIds};
use crate::transport::Transport;

/// Old ICE user name fragments that a peer answers to besides its present one: a restart may be repeated before the
/// client has seen the first.
const UFRAGS_MAX: usize = 4;

/// The entry a command names is gone or never was.
pub(super) struct Stale;

impl Engine {
    pub fn on_command<T: Transmit>(&mut self, now: Instant, command: Command, tx: &mut T) {
        self.forward_waiting(now, tx);
        if self.obey(now, command).is_err() {
            self.counters.drops.stale_command += 1;
        }
        self.settle(now, tx);
    }

    pub(super) fn obey(&mut self, now: Instant, command: Command) -> Result<(), Stale> {
        match command {
            Command::OpenRoom { room } => self.open_room(room),
            Command::CloseRoom { room } => self.close_room(now, room)?,
            Command::AddMember { member, config } => self.add_member(member, config)?,
            Command::SetPermissions { member, permissions } => {
                self.member_mut(member)?.config.permissions = permissions;
            }
            Command::RemoveMember { member } => self.remove_member(now, member)?,
            Command::OpenTransport { transport, config } => self.open_transport(now, transport, config)?,
            Command::SetRemote { transport, ice, fingerprint, role } => {
                let index = self.peer_index(transport)?;
                if let Some(peer) = self.world.peers.get_mut(index) {
                    peer.transport.set_remote(now, ice, fingerprint, role);
                }
                self.stir(index);
            }
            Command::SetMedia { transport, media } => self.set_media(transport, media)?,
            Command::RestartIce { transport, ice } => self.restart_ice(transport, ice)?,
            Command::CloseTransport { transport } => {
                let index = self.peer_index(transport)?;
                self.close_transport(now, index);
            }
            Command::Publish { track, config } => self.publish(now, track, config)?,
            Command::SetMuted { track, muted } => self.set_muted(now, track, muted)?,
            Command::Unpublish { track } => {
                let index = *self.world.track_ids.get(&track).ok_or(Stale)?;
                self.remove_track(now, index);
            }
            Command::Subscribe { subscription, config } => self.subscribe(now, subscription, config)?,
            Command::SetSubscription { subscription, settings } => {
                self.set_subscription(now, subscription, settings)?;
            }
            Command::Unsubscribe { subscription } => {
                let index = *self.world.subscription_ids.get(&subscription).ok_or(Stale)?;
                self.remove_subscription(index);
            }
            Command::SendData { room, packet, reliable } => {
                let room = *self.world.room_ids.get(&room).ok_or(Stale)?;
                self.route_room(now, room, |router, members, events| {
                    router.send_from_server(now, &packet, reliable, members, events);
                });
            }
            Command::Resume { member, received } => self.resume(now, member, &received)?,
            Command::PublishDataTrack { data_track, member, handle } => {
                let index = self.member_index(member)?;
                self.route(now, index, |router, _, _| router.publish_data_track(data_track, member, handle));
            }
            Command::UnpublishDataTrack { data_track } => {
                for (_, room) in &mut self.world.rooms {
                    room.router.unpublish_data_track(data_track);
                }
            }
            Command::SubscribeDataTrack { data_track, member, handle } => {
                let index = self.member_index(member)?;
                self.route(now, index, |router, _, _| {
                    router.subscribe_data_track(data_track, member, handle)
                });
            }
            Command::UnsubscribeDataTrack { data_track, member } => {
                let index = self.member_index(member)?;
                self.route(now, index, |router, _, _| router.unsubscribe_data_track(data_track, member));
            }
            Command::Inspect { room, request, parts } => {
                // An unknown room has an empty report: the asker waits for an answer.
                let index = self.world.room_ids.get(&room).copied();
                let mut report = index.map(|index| self.world.report(index, now)).unwrap_or_default();
                let (hold, reason) = self.company.decision();
                report.video_hold_ms = hold.as_secs_f32() * 1000.0;
                report.video_hold_reason = reason;
                self.tell(Event::Report { request, parts, report });
            }
            Command::Remote { worker, command } => self.obey_remote(now, worker, *command)?,
        }
        Ok(())
    }

    pub(super) fn member_index(&self, member: MemberId) -> Result<usize, Stale> {
        self.world.member_ids.get(&member).copied().ok_or(Stale)
    }

    fn member_mut(&mut self, member: MemberId) -> Result<&mut Member, Stale> {
        let index = self.member_index(member)?;
        self.world.members.get_mut(index).ok_or(Stale)
    }

    fn peer_index(&self, transport: TransportId) -> Result<usize, Stale> {
        self.world.transport_ids.get(&transport).copied().ok_or(Stale)
    }

    fn open_room(&mut self, room: RoomId) {
        let world = &mut self.world;
        world.room_ids.entry(room).or_insert_with(|| {
            world.rooms.insert(Room { id: room, members: Vec::new(), router: DataRouter::default() })
        });
        self.counters.rooms = self.world.rooms.len() as u64;
    }

    fn close_room(&mut self, now: Instant, room: RoomId) -> Result<(), Stale> {
        let index = *self.world.room_ids.get(&room).ok_or(Stale)?;
        while let Some(member) = self.world.rooms.get(index).and_then(|room| room.members.last().copied()) {
            self.drop_member(now, member);
        }
        self.world.room_ids.remove(&room);
        self.world.rooms.remove(index);
        self.counters.rooms = self.world.rooms.len() as u64;
        Ok(())
    }

    fn add_member(&mut self, id: MemberId, config: MemberConfig) -> Result<(), Stale> {
        let room = *self.world.room_ids.get(&config.room).ok_or(Stale)?;
        if self.world.member_ids.contains_key(&id) {
            return Err(Stale);
        }
        self.insert_member(Member::new(id, room, config));
        Ok(())
    }

    pub(super) fn insert_member(&mut self, member: Member) {
        let (id, room) = (member.id, member.room);
        let index = self.world.members.insert(member);
        self.world.member_ids.insert(id, index);
        if let Some(room) = self.world.rooms.get_mut(room) {
            room.members.push(index);
        }
        self.count_members();
    }

    /// Those of this worker alone.
    fn count_members(&mut self) {
        let here = self.world.members.iter().filter(|(_, member)| member.remote.is_none());
        self.counters.members = here.count() as u64;
    }

    fn remove_member(&mut self, now: Instant, member: MemberId) -> Result<(), Stale> {
        let index = self.member_index(member)?;
        self.drop_member(now, index);
        Ok(())
    }

    fn drop_member(&mut self, now: Instant, index: usize) {
        let Some(member) = self.world.members.get(index) else { return };
        if let Some(remote) = &member.remote {
            self.links.to(remote.worker).send(Message::Attach { member: member.id, on: false });
        }
        let (id, room, peers, tracks) = (member.id, member.room, member.peers.clone(), member.tracks.clone());
        self.route_room(now, room, |router, members, events| router.on_member_left(now, id, members, events));
        for track in tracks {
            self.remove_track(now, track);
        }
        for peer in peers {
            self.close_transport(now, peer);
        }
        if let Some(room) = self.world.rooms.get_mut(room) {
            room.members.retain(|member| *member != index);
        }
        self.world.member_ids.remove(&id);
        self.world.members.remove(index);
        self.count_members();
    }

    fn open_transport(
        &mut self,
        now: Instant,
        id: TransportId,
        config: TransportConfig,
    ) -> Result<(), Stale> {
        let member = self.member_index(config.member)?;
        if self.world.transport_ids.contains_key(&id) {
            return Err(Stale);
        }
        let transport = Transport::new(now, &config, self.certificate.clone(), self.random.draw());
        let ufrag = config.ice.ufrag.clone();
        let index = self.world.peers.insert(Peer {
            id,
            member,
            transport,
            media: PeerMedia::default(),
            streams: Vec::new(),
            tracks: Vec::new(),
            subscriptions: Vec::new(),
            arrivals: ArrivalRecorder::new(now),
            transport_sequence: self.random.draw() as u16,
            downlink: None,
            queue: Vec::new(),
            scheduled: None,
            ufrags: vec![ufrag.clone()],
            paths: Vec::new(),
            connected: false,
            lost: false,
            handed: 0,
        });
        self.world.transport_ids.insert(id, index);
        self.ufrags.insert(ufrag, index);
        if let Some(member) = self.world.members.get_mut(member) {
            member.peers.push(index);
            if config.data_downstream {
                member.downstream = Some(index);
            }
        }
        self.counters.transports = self.world.peers.len() as u64;
        self.stir(index);
        Ok(())
    }

    fn set_media(&mut self, transport: TransportId, media: MediaSettings) -> Result<(), Stale> {
        let index = self.peer_index(transport)?;
        let peer = self.world.peers.get_mut(index).ok_or(Stale)?;
        if peer.media.settings == media {
            return Ok(());
        }
        peer.media = PeerMedia::new(media);
        for &subscription in &peer.subscriptions {
            if let Some(subscription) = self.world.subscriptions.get_mut(subscription) {
                let codec = self.world.tracks.get(subscription.track).map(|track| track.config.codec);
                let config = &subscription.config;
                let ids = ExtensionIds::new(&peer.media.extensions);
                if let Some(codec) = codec {
                    subscription.egress.set_media(codec, &config.payloads, config.rtx_ssrc, ids);
                }
            }
        }
        Ok(())
    }

    fn restart_ice(&mut self, transport: TransportId, ice: IceCredentials) -> Result<(), Stale> {
        let index = self.peer_index(transport)?;
        let peer = self.world.peers.get_mut(index).ok_or(Stale)?;
        self.ufrags.insert(ice.ufrag.clone(), index);
        peer.ufrags.push(ice.ufrag.clone());
        if peer.ufrags.len() > UFRAGS_MAX {
            let oldest = peer.ufrags.remove(0);
            self.ufrags.remove(&oldest);
        }
        peer.transport.restart_ice(ice);
        self.stir(index);
        Ok(())
    }

    fn close_transport(&mut self, now: Instant, index: usize) {
        let Some(peer) = self.world.peers.get_mut(index) else { return };
        let (tracks, subscriptions) = (peer.tracks.clone(), peer.subscriptions.clone());
        peer.transport.close(now, &mut self.outbox);
        for track in tracks {
            self.remove_track(now, track);
        }
        for subscription in subscriptions {
            self.remove_subscription(subscription);
        }
        let peer = self.world.peers.remove(index);
        for ufrag in &peer.ufrags {
            self.ufrags.remove(ufrag);
        }
        for path in &peer.paths {
            self.paths.remove(path);
        }
        self.world.transport_ids.remove(&peer.id);
        if let Some(member) = self.world.members.get_mut(peer.member) {
            member.peers.retain(|known| *known != index);
            if member.downstream == Some(index) {
                member.downstream = None;
            }
        }
        self.tell_flow(peer.member, 1);
        self.stirred.retain(|stirred| *stirred != index);
        self.counters.transports = self.world.peers.len() as u64;
    }

    fn publish(&mut self, now: Instant, id: TrackId, config: TrackConfig) -> Result<(), Stale> {
        let peer = self.peer_index(config.transport)?;
        let member = self.member_index(config.member)?;
        if self.world.track_ids.contains_key(&id) || config.encodings.is_empty() {
            return Err(Stale);
        }
        let index = self.insert_track(Track::new(id, member, peer, config, now));
        if let Some(peer) = self.world.peers.get_mut(peer) {
            peer.tracks.push(index);
        }
        self.count_tracks();
        self.ticks.hasten(now);
        Ok(())
    }

    pub(super) fn insert_track(&mut self, track: Track) -> usize {
        let (id, member) = (track.id, track.member);
        let index = self.world.tracks.insert(track);
        self.world.track_ids.insert(id, index);
        if let Some(member) = self.world.members.get_mut(member) {
            member.tracks.push(index);
        }
        index
    }

    /// Those published on this worker.
    fn count_tracks(&mut self) {
        self.counters.tracks = self.world.tracks.len().saturating_sub(self.mirrors.len()) as u64;
    }

    fn set_muted(&mut self, now: Instant, id: TrackId, muted: bool) -> Result<(), Stale> {
        let index = *self.world.track_ids.get(&id).ok_or(Stale)?;
        let track = self.world.tracks.get_mut(index).ok_or(Stale)?;
        track.config.muted = muted;
        if muted && let Some(member) = self.world.members.get(track.member) {
            let silent = track.loudness.silence(member.id);
            let room = member.room;
            self.tell_speakers(room, silent.into_iter().collect());
        }
        self.retarget(now, index);
        Ok(())
    }

    pub(super) fn remove_track(&mut self, _now: Instant, index: usize) {
        let Some(track) = self.world.tracks.get_mut(index) else { return };
        if let Some(member) = self.world.members.get(track.member) {
            let silent = track.loudness.silence(member.id);
            let room = member.room;
            self.tell_speakers(room, silent.into_iter().collect());
        }
        let Some(track) = self.world.tracks.get(index) else { return };
        for subscription in track.subscriptions.clone() {
            self.remove_subscription(subscription);
        }
        self.forget_mirror(index);
        let track = self.world.tracks.remove(index);
        self.world.track_ids.remove(&track.id);
        if let Some(peer) = self.world.peers.get_mut(track.peer) {
            peer.tracks.retain(|known| *known != index);
            peer.streams.retain(|stream| stream.track != index);
        }
        if let Some(member) = self.world.members.get_mut(track.member) {
            member.tracks.retain(|known| *known != index);
        }
        self.arrived.retain(|arrived| arrived.track != index);
        self.count_tracks();
    }

    fn subscribe(
        &mut self,
        now: Instant,
        id: SubscriptionId,
        config: SubscriptionConfig,
    ) -> Result<(), Stale> {
        let track_index = *self.world.track_ids.get(&config.track).ok_or(Stale)?;
        let peer_index = self.peer_index(config.transport)?;
        if self.world.subscription_ids.contains_key(&id) {
            return Err(Stale);
        }
        let track = self.world.tracks.get_mut(track_index).ok_or(Stale)?;
        let peer = self.world.peers.get_mut(peer_index).ok_or(Stale)?;
        let ids = ExtensionIds::new(&peer.media.extensions);
        let seed = self.random.draw();
        let egress = Egress::new(now, track.config.codec, track.config.encrypted, &config, ids, seed);
        let index = self.world.subscriptions.insert(Subscription {
            id,
            track: track_index,
            peer: peer_index,
            config,
            egress,
            settings: SubscriptionSettings::default(),
            target: None,
            reason: LayerReason::AwaitingKeyFrame,
            ceiling: Ceiling::Free,
            urgent: false,
            suspended: false,
            looked_at: (0, 0),
            judged: (0, 0),
        });
        self.world.subscription_ids.insert(id, index);
        track.subscriptions.push(index);
        peer.subscriptions.push(index);
        peer.downlink.get_or_insert_default();
        if !track.subscribed {
            track.subscribed = true;
            // A track of another worker has its first subscriber there.
            if track.mirror.is_none()
                && let Some(member) = self.world.members.get(track.member)
            {
                self.events.push_back(Event::FirstSubscriber { track: track.id, member: member.id });
            }
        }
        self.counters.subscriptions = self.world.subscriptions.len() as u64;
        // The other worker has to relay before it can be asked for a key frame.
        self.mirror_changed(now, track_index);
        self.retarget_one(now, index);
        Ok(())
    }

    fn set_subscription(
        &mut self,
        now: Instant,
        id: SubscriptionId,
        settings: SubscriptionSettings,
    ) -> Result<(), Stale> {
        let index = *self.world.subscription_ids.get(&id).ok_or(Stale)?;
        let subscription = self.world.subscriptions.get_mut(index).ok_or(Stale)?;
        subscription.settings = settings;
        self.retarget_one(now, index);
        Ok(())
    }

    fn remove_subscription(&mut self, index: usize) {
        if !self.world.subscriptions.contains(index) {
            return;
        }
        self.set_suspended(index, false);
        let subscription = self.world.subscriptions.remove(index);
        self.world.subscription_ids.remove(&subscription.id);
        if let Some(track) = self.world.tracks.get_mut(subscription.track) {
            track.subscriptions.retain(|known| *known != index);
            if track.subscriptions.is_empty() && track.mirror.is_some() {
                self.tell_interest(subscription.track, None);
            }
        }
        if let Some(peer) = self.world.peers.get_mut(subscription.peer) {
            peer.subscriptions.retain(|known| *known != index);
            peer.queue.retain(|queued| queued.subscription != index);
        }
        self.counters.subscriptions = self.world.subscriptions.len() as u64;
    }

    fn resume(&mut self, now: Instant, member: MemberId, received: &[(String, u32)]) -> Result<(), Stale> {
        let index = self.member_index(member)?;
        let mut last_sequence = 0;
        self.route(now, index, |router, members, events| {
            last_sequence = router.resume(now, member, received, members, events);
        });
        self.tell(Event::Resumed { member, last_sequence });
        Ok(())
    }
}
