//! What happens because time passes: called about once a second.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use livekit_protocol as proto;
use proto::leave_request::Action;
use proto::{DisconnectReason, RoomEndReason};

use super::hub::Hub;
use super::notice::Notice;
use crate::media::api::MemberId;

impl Hub {
    pub fn tick(&mut self, now: Instant) {
        self.send_deferred();
        self.check_workers(now);
        self.drop_absent(now);
        self.flush_batches();
        self.tell_counts(now);
        self.end_empty_rooms(now);
        self.revoked.retain(|_, (_, forget)| *forget > now);
        self.reports.retain(|_, asked| !asked.asker.is_closed());
    }

    /// A worker that was replaced after a panic has forgotten its rooms: their participants have to come again.
    fn check_workers(&mut self, now: Instant) {
        for load in self.media.load() {
            let seen = (load.io.resets, load.healthy);
            let (resets, healthy) = self.workers.insert(load.worker, seen).unwrap_or((0, false));
            // Before its first report a worker looks unhealthy: only one that was healthy can be lost.
            if load.io.resets == resets && (load.healthy || !healthy) {
                continue;
            }
            // The others in such a room have lost a part of it: they come again too.
            let on_it = |member: &MemberId| self.members.get(member).is_some_and(|m| m.worker == load.worker);
            let lost: Vec<Arc<str>> = self
                .rooms
                .iter()
                .filter(|(_, room)| room.worker == load.worker || room.members.iter().any(on_it))
                .map(|(name, _)| name.clone())
                .collect();
            for name in lost {
                let room = self.rooms.get(&name).map_or("", |room| room.info.sid.as_str());
                tracing::error!(room, worker = load.worker.0, "the media worker lost its state");
                self.counts.rooms_lost.fetch_add(1, Ordering::Relaxed);
                let why = RoomEndReason::RoomEndSuperseded;
                self.close_room(now, &name, DisconnectReason::MediaFailure, Action::Reconnect, why);
            }
        }
    }

    /// Participants that never became ACTIVE, and those whose socket did not come back.
    fn drop_absent(&mut self, now: Instant) {
        let timing = self.config.timing.clone();
        let mut absent: Vec<(MemberId, DisconnectReason)> = Vec::new();
        for (&member, state) in &self.members {
            let since = |time: Option<Instant>| time.map(|time| now.saturating_duration_since(time));
            let detached = since(state.detached);
            let both = since(state.media_failed).zip(detached).map(|(media, socket)| media.min(socket));
            if !state.was_active && now.saturating_duration_since(state.joined) >= timing.join {
                absent.push((member, DisconnectReason::JoinFailure));
            } else if detached.is_some_and(|time| time >= timing.resume)
                || both.is_some_and(|time| time >= timing.resume_without_media)
            {
                absent.push((member, DisconnectReason::ConnectionTimeout));
            }
        }
        for (member, reason) in absent {
            self.remove(now, member, reason, Some(Action::Disconnect));
        }
    }

    /// `room_update` with the new counts, not more often than the configuration says.
    fn tell_counts(&mut self, now: Instant) {
        let least = self.config.timing.counts;
        let mut due: Vec<Arc<str>> = Vec::new();
        for (name, room) in &mut self.rooms {
            if room.counts_dirty && now.saturating_duration_since(room.counts_told) >= least {
                room.counts_dirty = false;
                room.counts_told = now;
                due.push(name.clone());
            }
        }
        for name in due {
            self.tell_room(&name);
        }
    }

    pub fn tell_room(&mut self, name: &str) {
        let Some(info) = self.room_info_of(name) else { return };
        for to in self.room_members(name) {
            self.notify(to, Notice::RoomUpdate(Box::new(info.clone())));
        }
    }

    fn end_empty_rooms(&mut self, now: Instant) {
        let ended: Vec<Arc<str>> = self
            .rooms
            .iter()
            .filter(|(_, room)| {
                let limit =
                    if room.ever_joined { room.info.departure_timeout } else { room.info.empty_timeout };
                let empty = now.saturating_duration_since(room.empty_since);
                room.members.is_empty() && empty.as_secs() >= u64::from(limit)
            })
            .map(|(name, _)| name.clone())
            .collect();
        for name in ended {
            let why = RoomEndReason::RoomEndIdleTimeout;
            self.close_room(now, &name, DisconnectReason::RoomClosed, Action::Disconnect, why);
        }
    }

    /// Sends everybody away; nobody joins from here on. Clients come back when the server does.
    pub fn shut_down(&mut self, now: Instant) {
        self.closing = true;
        let names: Vec<Arc<str>> = self.rooms.keys().cloned().collect();
        for name in names {
            let why = RoomEndReason::RoomEndServerShutdown;
            self.close_room(now, &name, DisconnectReason::ServerShutdown, Action::Reconnect, why);
        }
    }
}
