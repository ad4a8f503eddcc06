//! Data messages between the transports and the room's router.

use std::time::Instant;

use bytes::Bytes;
use slab::Slab;

use crate::api::{Event, MemberId};
use crate::engine::Engine;
use crate::room::data::{DataEvent, DataPeers, DataRouter, View};
use crate::room::relay::{Links, Message};
use crate::room::{Member, Peer, RemoteMember};
use crate::transport::{Channel, MAX_MESSAGE_OUT, NotSent};

/// The members of one room as its data router sees them.
pub(super) struct Members<'a> {
    now: Instant,
    room: &'a [usize],
    members: &'a mut Slab<Member>,
    member_ids: &'a std::collections::HashMap<MemberId, usize>,
    peers: &'a mut Slab<Peer>,
    /// Peers that got something to send, or may be read again.
    stirred: &'a mut Vec<usize>,
    links: &'a mut Links,
}

impl Members<'_> {
    fn member(&self, id: MemberId) -> Option<&Member> {
        self.members.get(*self.member_ids.get(&id)?)
    }

    fn remote(&self, id: MemberId) -> Option<&RemoteMember> {
        self.member(id)?.remote.as_ref()
    }

    fn downstream(&self, id: MemberId) -> Option<&Peer> {
        self.peers.get(self.member(id)?.downstream?)
    }
}

fn view(member: &Member) -> View<'_> {
    View {
        id: member.id,
        identity: &member.config.identity,
        sid: &member.config.sid,
        permissions: member.config.permissions,
    }
}

impl DataPeers for Members<'_> {
    fn at(&self, position: usize) -> Option<View<'_>> {
        self.members.get(*self.room.get(position)?).map(view)
    }

    fn find(&self, member: MemberId) -> Option<View<'_>> {
        self.member(member).map(view)
    }

    fn is_open(&self, member: MemberId, channel: Channel) -> bool {
        match self.remote(member) {
            Some(remote) => remote.is_open(channel),
            None => self.downstream(member).is_some_and(|peer| peer.transport.is_open(channel)),
        }
    }

    fn buffered(&self, member: MemberId, channel: Channel) -> usize {
        match self.remote(member) {
            Some(remote) if channel == Channel::Reliable => remote.buffered() as usize,
            // The member's own worker looks at its queue. Here only the way there counts.
            Some(remote) => self.links.backlog_bytes(remote.worker),
            None => self.downstream(member).map_or(0, |peer| peer.transport.buffered(channel)),
        }
    }

    fn taken(&self, member: MemberId) -> u64 {
        match self.remote(member) {
            Some(remote) => remote.flow.map_or(0, |flow| flow.taken),
            None => self.downstream(member).map_or(0, |peer| {
                peer.handed.saturating_sub(peer.transport.buffered(Channel::Reliable) as u64)
            }),
        }
    }

    fn send(&mut self, id: MemberId, channel: Channel, message: &Bytes) -> Result<(), NotSent> {
        let index = *self.member_ids.get(&id).ok_or(NotSent::NotOpen)?;
        let member = self.members.get_mut(index).ok_or(NotSent::NotOpen)?;
        let len = message.len();
        let reliable = if channel == Channel::Reliable { len as u64 } else { 0 };
        if let Some(remote) = &mut member.remote {
            if len > MAX_MESSAGE_OUT {
                return Err(NotSent::TooLong);
            }
            remote.shipped += reliable;
            let message = Message::Data { member: id, channel, message: message.clone() };
            self.links.to(remote.worker).send(message);
            return Ok(());
        }
        let index = member.downstream.ok_or(NotSent::NotOpen)?;
        let peer = self.peers.get_mut(index).ok_or(NotSent::NotOpen)?;
        peer.transport.send_message(channel, message)?;
        peer.handed += reliable;
        if !self.stirred.contains(&index) {
            self.stirred.push(index);
        }
        Ok(())
    }

    fn hold(&mut self, member: MemberId, hold: bool) {
        let Some(&member) = self.member_ids.get(&member) else { return };
        let Some(member) = self.members.get(member) else { return };
        for &index in &member.peers {
            let Some(peer) = self.peers.get_mut(index) else { continue };
            peer.transport.hold_reliable(self.now, hold);
            if !self.stirred.contains(&index) {
                self.stirred.push(index);
            }
        }
    }
}

impl Engine {
    pub(super) fn read_messages(&mut self, now: Instant, index: usize) {
        while let Some((channel, message)) =
            self.world.peers.get_mut(index).and_then(|peer| peer.transport.poll_message(now))
        {
            self.counters.data_messages_received += 1;
            let Some(member) = self.world.peers.get(index).map(|peer| peer.member) else { return };
            let Some(id) = self.world.members.get(member).map(|member| member.id) else { return };
            self.route(now, member, |router, members, events| {
                router.on_message(now, id, channel, &message, members, events);
            });
        }
    }

    /// Data may have left this peer's queue: who waits for that goes on at once, not at the next tick.
    pub(super) fn release_senders(&mut self, now: Instant, index: usize) {
        let member = self.world.peers.get(index).map(|peer| peer.member);
        let room = member.and_then(|member| self.world.members.get(member)).map(|member| member.room);
        let Some(room) = room else { return };
        if self.world.rooms.get(room).is_some_and(|room| room.router.is_waiting()) {
            self.route_room(now, room, |router, members, events| router.on_deadline(now, members, events));
        }
    }

    /// Lets the data router of a member's room work, and takes what it says.
    pub(super) fn route(
        &mut self,
        now: Instant,
        member: usize,
        work: impl FnOnce(&mut DataRouter, &mut Members<'_>, &mut Vec<DataEvent>),
    ) {
        if let Some(room) = self.world.members.get(member).map(|member| member.room) {
            self.route_room(now, room, work);
        }
    }

    pub(super) fn route_room(
        &mut self,
        now: Instant,
        room: usize,
        work: impl FnOnce(&mut DataRouter, &mut Members<'_>, &mut Vec<DataEvent>),
    ) {
        let world = &mut self.world;
        let Some(room) = world.rooms.get_mut(room) else { return };
        let mut members = Members {
            now,
            room: &room.members,
            members: &mut world.members,
            member_ids: &world.member_ids,
            peers: &mut world.peers,
            stirred: &mut self.stirred,
            links: &mut self.links,
        };
        let before = room.router.counters();
        work(&mut room.router, &mut members, &mut self.data_events);
        let after = room.router.counters();
        let drops = &mut self.counters.drops;
        self.counters.data_messages_sent += after.forwarded - before.forwarded;
        drops.data_rejected += after.rejected() - before.rejected();
        drops.data_overflow += after.overflowed() - before.overflowed();
        for event in std::mem::take(&mut self.data_events) {
            let DataEvent::SlowReceiver { member, sender, streams } = event;
            self.tell(Event::SlowReceiver { member, sender, streams });
        }
    }
}
