//! The state of all rooms, and the small moves everything else is made of. Always used under the registry's lock.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use livekit_protocol as proto;
use proto::DisconnectReason;
use proto::leave_request::Action;
use proto::participant_info::State;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};

use super::notice::{DataPublication, Notice, Offered, Publication};
use super::rules::Rules;
use crate::media::api::{Command, MemberId, RoomId, RoomReport, SubscriptionId, TrackId};
use crate::media::{Ids, Media, WorkerId};
use crate::settings::ControlConfig;
use crate::tokens::Claims;
use crate::webhooks::Webhooks;

/// From this many members on, joins and departures of those who only watch are told in batches, once per tick.
const BATCH_FROM: usize = 50;

/// Numbers for the metrics page.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub joins: AtomicU64,
    pub resumes: AtomicU64,
    pub joins_refused: AtomicU64,
    /// Sessions cut off because they did not drain their notices.
    pub stalled: AtomicU64,
    /// Commands that a full queue of a worker put off.
    pub commands_deferred: AtomicU64,
    /// Rooms ended because their worker lost its state.
    pub rooms_lost: AtomicU64,
}

pub(crate) struct RoomState {
    pub id: RoomId,
    /// Its home. Members may be on others.
    pub worker: WorkerId,
    /// Without the counts: see [`Hub::room_info`].
    pub info: proto::Room,
    /// In the order of joining.
    pub members: Vec<MemberId>,
    pub identities: HashMap<Arc<str>, MemberId>,
    pub ever_joined: bool,
    /// When it became empty, or was made.
    pub empty_since: Instant,
    /// The counts changed and were not told yet.
    pub counts_dirty: bool,
    pub counts_told: Instant,
    /// Waiting for the next tick, in big rooms.
    pub batch: HashSet<MemberId>,
    /// Nonces of recent SendData calls.
    pub nonces: VecDeque<Vec<u8>>,
}

pub(crate) struct MemberState {
    pub room: Arc<str>,
    /// Where its transports are.
    pub worker: WorkerId,
    pub identity: Arc<str>,
    pub sid: Arc<str>,
    /// What the others see; the version rises with every change told.
    pub info: proto::ParticipantInfo,
    /// For refreshed tokens: the grants as they are now.
    pub claims: Claims,
    pub client: proto::ClientInfo,
    /// None once the session was cut off.
    pub notices: Option<mpsc::Sender<Notice>>,
    pub publications: Vec<Arc<Publication>>,
    pub data_publications: Vec<Arc<DataPublication>>,
    pub rules: Rules,
    pub subscribed: HashSet<TrackId>,
    pub joined: Instant,
    pub was_active: bool,
    /// The socket is gone since.
    pub detached: Option<Instant>,
    /// The media transport failed since.
    pub media_failed: Option<Instant>,
}

impl MemberState {
    pub fn permission(&self) -> proto::ParticipantPermission {
        self.info.permission.clone().unwrap_or_default()
    }

    pub fn hidden(&self) -> bool {
        self.info.permission.as_ref().is_some_and(|permission| permission.hidden)
    }

    pub fn publication(&self, track_sid: &str) -> Option<&Arc<Publication>> {
        self.publications.iter().find(|publication| publication.info.sid == track_sid)
    }
}

/// A report of a room that its workers make together.
pub(crate) struct Asked {
    pub asker: oneshot::Sender<RoomReport>,
    /// What has come so far, of how many workers.
    pub report: RoomReport,
    pub parts: u32,
}

pub(crate) struct Hub {
    pub config: Arc<ControlConfig>,
    pub media: Arc<dyn Media>,
    pub ids: Arc<Ids>,
    pub webhooks: Webhooks,
    pub counts: Arc<Counts>,
    pub rooms: HashMap<Arc<str>, RoomState>,
    pub room_names: HashMap<RoomId, Arc<str>>,
    /// Boxed: the table has up to twice as many places as members.
    pub members: HashMap<MemberId, Box<MemberState>>,
    /// Whose track it is.
    pub tracks: HashMap<TrackId, MemberId>,
    /// Pictures that the lines of their subscribers do not carry: the subscriber, and the track as it was told.
    pub suspended: HashMap<SubscriptionId, (MemberId, proto::TrackInfo)>,
    /// (room, identity): tokens issued before this time (Unix seconds) are refused; and when to forget it.
    pub revoked: HashMap<(String, String), (u64, Instant)>,
    /// Commands that found a full queue; sent again in order on the next tick.
    pub deferred: VecDeque<(WorkerId, Command)>,
    pub reports: HashMap<u64, Asked>,
    /// Resets and health of each worker as last seen.
    pub workers: HashMap<WorkerId, (u64, bool)>,
    pub closing: bool,
}

impl Hub {
    pub fn new(
        config: Arc<ControlConfig>,
        media: Arc<dyn Media>,
        ids: Arc<Ids>,
        webhooks: Webhooks,
        counts: Arc<Counts>,
    ) -> Hub {
        Hub {
            config,
            media,
            ids,
            webhooks,
            counts,
            rooms: HashMap::new(),
            room_names: HashMap::new(),
            members: HashMap::new(),
            tracks: HashMap::new(),
            suspended: HashMap::new(),
            revoked: HashMap::new(),
            deferred: VecDeque::new(),
            reports: HashMap::new(),
            workers: HashMap::new(),
            closing: false,
        }
    }

    // ---- commands

    /// Sends a command that must not be lost. One that finds the queue full waits for the next tick, and so does all
    /// that follows it, to keep the order.
    pub fn command(&mut self, worker: WorkerId, command: Command) {
        if self.deferred.is_empty() && self.media.command(worker, command.clone()).is_ok() {
            return;
        }
        self.counts.commands_deferred.fetch_add(1, Ordering::Relaxed);
        // Only the life of rooms and members passes here, so this is bounded by their number.
        self.deferred.push_back((worker, command));
    }

    pub fn send_deferred(&mut self) {
        while let Some((worker, command)) = self.deferred.pop_front() {
            if self.media.command(worker, command.clone()).is_err() {
                self.deferred.push_front((worker, command));
                return;
            }
        }
    }

    // ---- notices

    /// Never blocks. A session that lets its channel fill up is cut off: the others go on.
    pub fn notify(&mut self, member: MemberId, notice: Notice) {
        let Some(state) = self.members.get_mut(&member) else { return };
        let Some(notices) = &state.notices else { return };
        match notices.try_send(notice) {
            Ok(()) => {}
            Err(TrySendError::Closed(_)) => state.notices = None,
            Err(TrySendError::Full(_)) => {
                tracing::warn!(sid = %state.sid, "a session does not drain its notices and is cut off");
                state.notices = None;
                state.detached.get_or_insert_with(Instant::now);
                self.counts.stalled.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    pub fn room_members(&self, room: &str) -> Vec<MemberId> {
        self.rooms.get(room).map(|room| room.members.clone()).unwrap_or_default()
    }

    /// Those who learn of this member: everybody, or only itself when it is hidden.
    pub fn audience(&self, member: MemberId) -> Vec<MemberId> {
        match self.members.get(&member) {
            Some(state) if state.hidden() => vec![member],
            Some(state) => self.room_members(&state.room),
            None => Vec::new(),
        }
    }

    /// Raises the version of a member and tells everybody, itself included.
    pub fn show(&mut self, member: MemberId) {
        let Some(state) = self.members.get_mut(&member) else { return };
        state.info.version = state.info.version.saturating_add(1);
        let infos: Arc<[_]> = Arc::new([state.info.clone()]);
        if let Some(room) = self.rooms.get_mut(&state.room) {
            room.batch.remove(&member);
        }
        for to in self.audience(member) {
            self.notify(to, Notice::Update(infos.clone()));
        }
    }

    /// Like `show`, but in a big room those who publish nothing wait for the next tick.
    pub fn show_soon(&mut self, member: MemberId) {
        let Some(state) = self.members.get(&member) else { return };
        let big = self.rooms.get_mut(&state.room).filter(|room| room.members.len() >= BATCH_FROM);
        match big {
            Some(room) if state.publications.is_empty() && !state.hidden() => {
                room.batch.insert(member);
            }
            _ => self.show(member),
        }
    }

    /// Tells what has waited for the tick.
    pub fn flush_batches(&mut self) {
        let names: Vec<Arc<str>> = self
            .rooms
            .iter()
            .filter(|(_, room)| !room.batch.is_empty())
            .map(|(name, _)| name.clone())
            .collect();
        for name in names {
            let Some(room) = self.rooms.get_mut(&name) else { continue };
            let batch = std::mem::take(&mut room.batch);
            let members = room.members.clone();
            let mut infos = Vec::with_capacity(batch.len());
            for member in batch {
                if let Some(state) = self.members.get_mut(&member) {
                    state.info.version = state.info.version.saturating_add(1);
                    infos.push(state.info.clone());
                }
            }
            let infos: Arc<[_]> = infos.into();
            for to in members {
                self.notify(to, Notice::Update(infos.clone()));
            }
        }
    }

    // ---- views

    pub fn room_info(&self, room: &RoomState) -> proto::Room {
        let visible =
            room.members.iter().filter_map(|member| self.members.get(member)).filter(|state| !state.hidden());
        let (mut participants, mut publishers) = (0_u32, 0_u32);
        for state in visible {
            participants = participants.saturating_add(1);
            publishers = publishers.saturating_add(u32::from(!state.publications.is_empty()));
        }
        proto::Room { num_participants: participants, num_publishers: publishers, ..room.info.clone() }
    }

    pub fn room_info_of(&self, name: &str) -> Option<proto::Room> {
        self.rooms.get(name).map(|room| self.room_info(room))
    }

    /// A publication as one member may see it.
    pub fn offered(&self, publication: &Arc<Publication>, to: MemberId) -> Offered {
        let allowed = match (self.members.get(&publication.publisher), self.members.get(&to)) {
            (Some(publisher), Some(to)) => {
                publisher.rules.allows(&to.identity, &to.sid, &publication.info.sid)
            }
            _ => false,
        };
        Offered { publication: publication.clone(), allowed }
    }

    /// Members who may know of what this member publishes, without itself.
    pub fn viewers(&self, member: MemberId) -> Vec<MemberId> {
        self.audience(member).into_iter().filter(|&to| to != member).collect()
    }

    pub fn touch_counts(&mut self, room: &str) {
        if let Some(room) = self.rooms.get_mut(room) {
            room.counts_dirty = true;
        }
    }

    // ---- departure

    /// Ends a member. `leave` tells its session what to tell its client; None when the session itself asked.
    pub fn remove(
        &mut self,
        now: Instant,
        member: MemberId,
        reason: DisconnectReason,
        leave: Option<Action>,
    ) {
        let viewers = self.viewers(member);
        if let Some(action) = leave {
            self.notify(member, Notice::Leave { reason, action });
        }
        self.end_suspensions(member);
        let Some(mut state) = self.members.remove(&member) else { return };
        for track in state.publications.iter().flat_map(|publication| &publication.media) {
            self.tracks.remove(&track.track);
        }
        if let Some(room) = self.rooms.get_mut(&state.room) {
            room.members.retain(|&other| other != member);
            if room.identities.get(&state.identity) == Some(&member) {
                room.identities.remove(&state.identity);
            }
            room.batch.remove(&member);
            room.counts_dirty = true;
            if room.members.is_empty() {
                room.empty_since = now;
            }
            self.command(state.worker, Command::RemoveMember { member });
        }

        let room_info = self.room_info_of(&state.room);
        for publication in &state.publications {
            self.webhooks.track("track_unpublished", room_info.as_ref(), &state.info, &publication.info);
        }
        state.info.tracks.clear();
        state.info.data_tracks.clear();
        state.info.state = State::Disconnected as i32;
        state.info.disconnect_reason = reason as i32;
        state.info.version = state.info.version.saturating_add(1);
        let event = if state.was_active { "participant_left" } else { "participant_connection_aborted" };
        self.webhooks.participant(event, room_info.as_ref(), &state.info);

        let infos: Arc<[_]> = Arc::new([state.info.clone()]);
        for to in viewers {
            self.notify(to, Notice::Update(infos.clone()));
            for publication in &state.publications {
                self.notify(
                    to,
                    Notice::Unpublished {
                        publisher: member,
                        publisher_sid: state.sid.clone(),
                        track_sid: publication.info.sid.clone(),
                    },
                );
            }
            for data in &state.data_publications {
                self.notify(
                    to,
                    Notice::DataUnpublished {
                        publisher_sid: state.sid.clone(),
                        data_track: data.data_track,
                        track_sid: data.info.sid.clone(),
                    },
                );
            }
        }
        // The server's own id for the room: its name may be a person's.
        let room = room_info.as_ref().map_or("", |room| room.sid.as_str());
        tracing::info!(room, sid = %state.sid, reason = reason.as_str_name(), "participant left");
    }

    /// Ends a room and everybody in it.
    pub fn close_room(
        &mut self,
        now: Instant,
        name: &str,
        reason: DisconnectReason,
        action: Action,
        why: proto::RoomEndReason,
    ) -> bool {
        let Some(room) = self.rooms.get_mut(name) else { return false };
        // Taken out first: those who go need not be told of each other.
        let members = std::mem::take(&mut room.members);
        for member in members {
            self.remove(now, member, reason, Some(action));
        }
        let Some(room) = self.rooms.remove(name) else { return false };
        self.room_names.remove(&room.id);
        self.command(room.worker, Command::CloseRoom { room: room.id });
        self.webhooks.room_finished(&room.info, why);
        tracing::info!(room = %room.info.sid, why = why.as_str_name(), "room ended");
        true
    }
}

/// A new version for a track or a room: microseconds of the clock, and a tick that orders equal ones.
pub(crate) fn next_version(last: Option<&proto::TimedVersion>) -> proto::TimedVersion {
    let micros = unix_time().as_micros();
    let now = i64::try_from(micros).unwrap_or(i64::MAX);
    match last {
        Some(last) if last.unix_micro >= now => {
            proto::TimedVersion { unix_micro: last.unix_micro, ticks: last.ticks.saturating_add(1) }
        }
        _ => proto::TimedVersion { unix_micro: now, ticks: 0 },
    }
}

pub(crate) fn unix_time() -> std::time::Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

pub(crate) fn unix_seconds() -> i64 {
    i64::try_from(unix_time().as_secs()).unwrap_or(i64::MAX)
}

pub(crate) fn unix_millis() -> i64 {
    i64::try_from(unix_time().as_millis()).unwrap_or(i64::MAX)
}
