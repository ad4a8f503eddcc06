//! Rooms that are open on several workers: which worker a new member gets, and what each worker has to hear of what the
//! others were told.
//!
//! A member is wholly on one worker. What concerns the room as a whole (who is there, which tracks there are) is told to
//! every worker that has members of it, in the same order; a worker that gets its first member hears all of it at once.
//! Whoever learns of a track from one worker can therefore subscribe to it on another.

use std::collections::{HashMap, VecDeque};
use std::mem;

use chevet_sfu_core::api::{
    Command, DataTrackId, MemberConfig, MemberId, RoomId, TrackConfig, TrackId, TransportId,
};

use crate::ufrag::WorkerId;

/// What every worker of a room has to know.
#[derive(Default)]
pub(crate) struct Spread {
    rooms: HashMap<RoomId, Room>,
    members: HashMap<MemberId, RoomId>,
    transports: HashMap<TransportId, MemberId>,
    tracks: HashMap<TrackId, RoomId>,
    data_tracks: HashMap<DataTrackId, RoomId>,
    /// Commands that a full queue did not take, in order, by worker.
    owed: HashMap<WorkerId, VecDeque<Command>>,
}

struct Room {
    home: WorkerId,
    /// Workers where it is open, with their members. Home stays open without any.
    workers: Vec<(WorkerId, usize)>,
    members: Vec<Member>,
    tracks: Vec<Track>,
    data_tracks: Vec<DataTrack>,
}

struct Member {
    id: MemberId,
    worker: WorkerId,
    config: MemberConfig,
    transports: Vec<TransportId>,
}

struct Track {
    id: TrackId,
    worker: WorkerId,
    config: TrackConfig,
}

struct DataTrack {
    id: DataTrackId,
    worker: WorkerId,
    member: MemberId,
    handle: u16,
    subscribers: Vec<(MemberId, u16)>,
}

/// Commands for other workers than the one a command was given to.
pub(crate) type Copies = Vec<(WorkerId, Command)>;

impl Room {
    fn is_open_on(&self, worker: WorkerId) -> bool {
        self.workers.iter().any(|(open, _)| *open == worker)
    }

    /// The same command for all workers but the one that it was given to.
    fn copy(&self, given_to: WorkerId, command: &Command) -> Copies {
        let others = self.workers.iter().filter(|(worker, _)| *worker != given_to);
        others.map(|(worker, _)| (*worker, remote(given_to, command.clone()))).collect()
    }

    /// Everything that a worker hears when it joins the room.
    fn history(&self, room: RoomId) -> Vec<Command> {
        let mut told = vec![Command::OpenRoom { room }];
        for Member { id, worker, config, .. } in &self.members {
            let (member, config) = (*id, config.clone());
            told.push(remote(*worker, Command::AddMember { member, config }));
        }
        for Track { id, worker, config } in &self.tracks {
            let (track, config) = (*id, config.clone());
            told.push(remote(*worker, Command::Publish { track, config }));
        }
        for DataTrack { id, worker, member, handle, subscribers } in &self.data_tracks {
            let (data_track, member, handle) = (*id, *member, *handle);
            told.push(remote(*worker, Command::PublishDataTrack { data_track, member, handle }));
            for &(member, handle) in subscribers {
                told.push(remote(*worker, Command::SubscribeDataTrack { data_track, member, handle }));
            }
        }
        told
    }
}

fn remote(worker: WorkerId, command: Command) -> Command {
    Command::Remote { worker: worker.0, command: Box::new(command) }
}

impl Spread {
    /// The worker for a new member. `limit` members of the room fill a worker; then comes one that the room does not use
    /// yet, the least loaded first, and when it uses all of them, the one with the fewest.
    pub(crate) fn place(
        &self,
        room: RoomId,
        home: WorkerId,
        limit: usize,
        by_load: impl FnOnce() -> Vec<WorkerId>,
    ) -> WorkerId {
        let Some(room) = self.rooms.get(&room) else { return home };
        // Home may have no members and counts all the same.
        if let Some((worker, _)) = room.workers.iter().find(|(_, members)| *members < limit) {
            return *worker;
        }
        if let Some(unused) = by_load().into_iter().find(|worker| !room.is_open_on(*worker)) {
            return unused;
        }
        room.workers.iter().min_by_key(|(_, members)| *members).map_or(home, |(worker, _)| *worker)
    }

    /// How many workers answer for a room.
    pub(crate) fn workers_of(&self, room: RoomId) -> usize {
        self.rooms.get(&room).map_or(1, |room| room.workers.len())
    }

    /// What has to be done on other workers before the command may be given to this one. The member is the first of the
    /// room on its worker.
    pub(crate) fn before(&self, worker: WorkerId, command: &Command) -> Vec<Command> {
        let Command::AddMember { config, .. } = command else { return Vec::new() };
        match self.rooms.get(&config.room) {
            Some(room) if !room.is_open_on(worker) => room.history(config.room),
            _ => Vec::new(),
        }
    }

    /// Notes a command that a worker has taken. Gives what the others have to hear.
    pub(crate) fn after(&mut self, worker: WorkerId, command: &Command) -> Copies {
        match command {
            Command::OpenRoom { room } => {
                self.rooms.entry(*room).or_insert_with(|| Room {
                    home: worker,
                    workers: vec![(worker, 0)],
                    members: Vec::new(),
                    tracks: Vec::new(),
                    data_tracks: Vec::new(),
                });
                Vec::new()
            }
            Command::CloseRoom { room } => self.close(worker, *room),
            Command::AddMember { member, config } => self.add(worker, *member, config, command),
            Command::SetPermissions { member, permissions } => {
                let Some(room) = self.room_of(*member) else { return Vec::new() };
                if let Some(known) = room.members.iter_mut().find(|known| known.id == *member) {
                    known.config.permissions = *permissions;
                }
                room.copy(worker, command)
            }
            Command::RemoveMember { member } => self.remove(worker, *member, command),
            Command::OpenTransport { transport, config } => {
                let Some(room) = self.room_of(config.member) else { return Vec::new() };
                if let Some(member) = room.members.iter_mut().find(|known| known.id == config.member) {
                    member.transports.push(*transport);
                    self.transports.insert(*transport, config.member);
                }
                Vec::new()
            }
            Command::CloseTransport { transport } => {
                let Some(member) = self.transports.remove(transport) else { return Vec::new() };
                let Some(room) = self.room_of(member) else { return Vec::new() };
                if let Some(known) = room.members.iter_mut().find(|known| known.id == member) {
                    known.transports.retain(|known| known != transport);
                }
                let ended: Vec<Track> =
                    room.tracks.extract_if(.., |track| track.config.transport == *transport).collect();
                let copies = room.copy(worker, command);
                for track in ended {
                    self.tracks.remove(&track.id);
                }
                copies
            }
            Command::Publish { track, config } => {
                let Some(&room_id) = self.members.get(&config.member) else { return Vec::new() };
                let Some(room) = self.rooms.get_mut(&room_id) else { return Vec::new() };
                room.tracks.push(Track { id: *track, worker, config: config.clone() });
                self.tracks.insert(*track, room_id);
                room.copy(worker, command)
            }
            Command::SetMuted { track, muted } => {
                let Some(room) = self.tracks.get(track).and_then(|room| self.rooms.get_mut(room)) else {
                    return Vec::new();
                };
                if let Some(known) = room.tracks.iter_mut().find(|known| known.id == *track) {
                    known.config.muted = *muted;
                }
                room.copy(worker, command)
            }
            Command::Unpublish { track } => {
                let Some(room) = self.tracks.remove(track).and_then(|room| self.rooms.get_mut(&room)) else {
                    return Vec::new();
                };
                room.tracks.retain(|known| known.id != *track);
                room.copy(worker, command)
            }
            Command::Resume { member, .. } => {
                self.room_of(*member).map_or(Vec::new(), |room| room.copy(worker, command))
            }
            Command::PublishDataTrack { data_track, member, handle } => {
                let Some(&room_id) = self.members.get(member) else { return Vec::new() };
                let Some(room) = self.rooms.get_mut(&room_id) else { return Vec::new() };
                let (id, member, handle) = (*data_track, *member, *handle);
                room.data_tracks.push(DataTrack { id, worker, member, handle, subscribers: Vec::new() });
                self.data_tracks.insert(id, room_id);
                room.copy(worker, command)
            }
            Command::UnpublishDataTrack { data_track } => {
                let room = self.data_tracks.remove(data_track).and_then(|room| self.rooms.get_mut(&room));
                let Some(room) = room else { return Vec::new() };
                room.data_tracks.retain(|known| known.id != *data_track);
                room.copy(worker, command)
            }
            Command::SubscribeDataTrack { data_track, member, handle } => {
                self.subscribe_data(worker, *data_track, *member, Some(*handle), command)
            }
            Command::UnsubscribeDataTrack { data_track, member } => {
                self.subscribe_data(worker, *data_track, *member, None, command)
            }
            Command::Inspect { room, .. } => {
                let others = self.rooms.get(room).map(|room| room.workers.iter()).into_iter().flatten();
                let others = others.filter(|(other, _)| *other != worker);
                others.map(|(other, _)| (*other, command.clone())).collect()
            }
            Command::SetRemote { .. }
            | Command::SetMedia { .. }
            | Command::RestartIce { .. }
            | Command::Subscribe { .. }
            | Command::SetSubscription { .. }
            | Command::Unsubscribe { .. }
            | Command::SendData { .. }
            | Command::Remote { .. } => Vec::new(),
        }
    }

    fn room_of(&mut self, member: MemberId) -> Option<&mut Room> {
        self.rooms.get_mut(self.members.get(&member)?)
    }

    fn add(
        &mut self,
        worker: WorkerId,
        member: MemberId,
        config: &MemberConfig,
        command: &Command,
    ) -> Copies {
        let Some(room) = self.rooms.get_mut(&config.room) else { return Vec::new() };
        match room.workers.iter_mut().find(|(open, _)| *open == worker) {
            Some((_, members)) => *members += 1,
            None => room.workers.push((worker, 1)),
        }
        let (config, room_id) = (config.clone(), config.room);
        room.members.push(Member { id: member, worker, config, transports: Vec::new() });
        self.members.insert(member, room_id);
        room.copy(worker, command)
    }

    fn remove(&mut self, worker: WorkerId, member: MemberId, command: &Command) -> Copies {
        let Some(room_id) = self.members.remove(&member) else { return Vec::new() };
        let Some(room) = self.rooms.get_mut(&room_id) else { return Vec::new() };
        let mut copies = room.copy(worker, command);
        for gone in room.members.extract_if(.., |known| known.id == member) {
            gone.transports.iter().for_each(|transport| {
                self.transports.remove(transport);
            });
        }
        for gone in room.tracks.extract_if(.., |track| track.config.member == member) {
            self.tracks.remove(&gone.id);
        }
        for gone in room.data_tracks.extract_if(.., |track| track.member == member) {
            self.data_tracks.remove(&gone.id);
        }
        for track in &mut room.data_tracks {
            track.subscribers.retain(|(subscriber, _)| *subscriber != member);
        }
        if let Some((_, members)) = room.workers.iter_mut().find(|(open, _)| *open == worker) {
            *members = members.saturating_sub(1);
            if *members == 0 && worker != room.home {
                room.workers.retain(|(open, _)| *open != worker);
                copies.push((worker, Command::CloseRoom { room: room_id }));
            }
        }
        copies
    }

    fn close(&mut self, worker: WorkerId, room: RoomId) -> Copies {
        let Some(closed) = self.rooms.remove(&room) else { return Vec::new() };
        for member in &closed.members {
            self.members.remove(&member.id);
            member.transports.iter().for_each(|transport| {
                self.transports.remove(transport);
            });
        }
        for track in &closed.tracks {
            self.tracks.remove(&track.id);
        }
        for track in &closed.data_tracks {
            self.data_tracks.remove(&track.id);
        }
        let others = closed.workers.into_iter().filter(|(other, _)| *other != worker);
        others.map(|(other, _)| (other, Command::CloseRoom { room })).collect()
    }

    fn subscribe_data(
        &mut self,
        worker: WorkerId,
        data_track: DataTrackId,
        member: MemberId,
        handle: Option<u16>,
        command: &Command,
    ) -> Copies {
        let Some(room) = self.data_tracks.get(&data_track).and_then(|room| self.rooms.get_mut(room)) else {
            return Vec::new();
        };
        if let Some(track) = room.data_tracks.iter_mut().find(|track| track.id == data_track) {
            track.subscribers.retain(|(subscriber, _)| *subscriber != member);
            track.subscribers.extend(handle.map(|handle| (member, handle)));
        }
        room.copy(worker, command)
    }

    /// Keeps a command for a worker whose queue is full.
    pub(crate) fn owe(&mut self, worker: WorkerId, command: Command) {
        self.owed.entry(worker).or_default().push_back(command);
    }

    /// Gives what is owed, in order. False when something is still owed to this worker.
    pub(crate) fn settle(
        &mut self,
        worker: WorkerId,
        mut give: impl FnMut(Command) -> Result<(), Command>,
    ) -> bool {
        let Some(mut waiting) = self.owed.remove(&worker) else { return true };
        while let Some(command) = waiting.pop_front() {
            if let Err(refused) = give(command) {
                waiting.push_front(refused);
                self.owed.insert(worker, mem::take(&mut waiting));
                return false;
            }
        }
        true
    }

    /// Workers to which something is owed.
    pub(crate) fn owing(&self) -> Vec<WorkerId> {
        self.owed.keys().copied().collect()
    }
}

#[cfg(test)]
mod tests;
