//! What control believes to be on a worker, so that it can be told the truth when the engine had to be thrown away.

use std::collections::{HashMap, HashSet};

use chevet_sfu_core::api::{Command, Event, MemberId, RoomId, TransportFailure, TransportId};

#[derive(Default)]
pub(crate) struct Census {
    rooms: HashSet<RoomId>,
    members: HashMap<MemberId, RoomId>,
    transports: HashMap<TransportId, MemberId>,
}

impl Census {
    pub(crate) fn note(&mut self, command: &Command) {
        match command {
            Command::OpenRoom { room } => {
                self.rooms.insert(*room);
            }
            Command::CloseRoom { room } => {
                self.rooms.remove(room);
                self.members.retain(|_, of| of != room);
                let members = &self.members;
                self.transports.retain(|_, member| members.contains_key(member));
            }
            Command::AddMember { member, config } if self.rooms.contains(&config.room) => {
                self.members.insert(*member, config.room);
            }
            Command::RemoveMember { member } => {
                self.members.remove(member);
                self.transports.retain(|_, of| of != member);
            }
            Command::OpenTransport { transport, config } if self.members.contains_key(&config.member) => {
                self.transports.insert(*transport, config.member);
            }
            Command::CloseTransport { transport } => {
                self.transports.remove(transport);
            }
            _ => {}
        }
    }

    pub(crate) fn rooms(&self) -> impl Iterator<Item = RoomId> {
        self.rooms.iter().copied()
    }

    pub(crate) fn room_count(&self) -> usize {
        self.rooms.len()
    }

    /// The engine is gone and with it all members. What to tell of it; the rooms stay.
    pub(crate) fn lose_members(&mut self) -> Vec<Event> {
        self.members.clear();
        self.transports
            .drain()
            .map(|(transport, member)| Event::TransportFailed {
                transport,
                member,
                why: TransportFailure::WorkerReset,
            })
            .collect()
    }
}
