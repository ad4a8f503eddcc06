//! Making rooms, joining them, coming back, leaving.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use livekit_protocol as proto;
use proto::participant_info::{Kind, KindDetail, State};
use proto::{DisconnectReason, leave_request::Action};
use tokio::sync::mpsc;

use super::hub::{Hub, MemberState, RoomState, next_version, unix_millis, unix_seconds};
use super::notice::{Attachment, Notice};
use super::rules::Rules;
use super::seat::{JoinError, JoinOptions, ResumeError, Snapshot};
use crate::media::WorkerId;
use crate::media::api::{Command, MemberConfig, MemberId, MemberPermissions, RoomId};
use crate::sid;
use crate::tokens::Claims;

const OVERLOADED: JoinError = JoinError::Unavailable("the media worker is overloaded");

/// What `Hub::join` gives for a seat.
pub(crate) struct Seated {
    pub room: RoomId,
    pub member: MemberId,
    pub worker: WorkerId,
    pub room_name: Arc<str>,
    pub sid: Arc<str>,
    pub identity: Arc<str>,
    pub notices: mpsc::Receiver<Notice>,
    pub snapshot: Snapshot,
}

impl Hub {
    /// All that can be said about a join before it is done. Gives the room's name.
    pub fn check_join<'a>(&self, claims: &'a Claims, options: &JoinOptions) -> Result<&'a str, JoinError> {
        let limits = &self.config.limits;
        let Some(grant) = &claims.video else { return Err(JoinError::NotAllowed) };
        if !grant.room_join {
            return Err(JoinError::NotAllowed);
        }
        if grant.room.is_empty() {
            return Err(JoinError::Invalid("the token names no room".into()));
        }
        let identity = claims.identity();
        if identity.is_empty() {
            return Err(JoinError::Invalid("the token names no identity".into()));
        }
        let too_long = |what: &str| Err(JoinError::Invalid(format!("{what} is too long")));
        if grant.room.chars().count() > limits.room_name_chars {
            return too_long("the room name");
        }
        if identity.chars().count() > limits.identity_chars {
            return too_long("the identity");
        }
        if claims.name.chars().count() > limits.name_chars {
            return too_long("the name");
        }
        let metadata = options.metadata.as_ref().map_or(0, String::len).max(claims.metadata.len());
        if metadata > limits.metadata_bytes {
            return too_long("the metadata");
        }
        if attributes_bytes(&claims.attributes) > limits.attributes_bytes
            || attributes_bytes(&options.attributes) > limits.attributes_bytes
        {
            return too_long("the set of attributes");
        }
        if self.closing {
            return Err(JoinError::Unavailable("the server is shutting down"));
        }
        if let Some((before, _)) = self.revoked.get(&(grant.room.clone(), identity.to_owned())) {
            // A token that does not tell when it was made cannot show that it is newer.
            let issued = claims.iat.or(claims.nbf).unwrap_or(0);
            if issued < *before {
                return Err(JoinError::Revoked);
            }
        }
        if limits.participants > 0 && self.members.len() >= limits.participants {
            return Err(JoinError::Unavailable("too many participants"));
        }
        match self.rooms.get(grant.room.as_str()) {
            Some(room) => {
                let others = room.members.iter().filter_map(|member| self.members.get(member));
                let visible = others.filter(|other| !other.hidden() && *other.identity != *identity).count();
                let most = usize::try_from(room.info.max_participants).unwrap_or(usize::MAX);
                if most > 0 && visible >= most && !grant.hidden {
                    return Err(JoinError::Full);
                }
            }
            None if !(self.config.room.auto_create || grant.room_create) => return Err(JoinError::NoRoom),
            None if limits.rooms > 0 && self.rooms.len() >= limits.rooms => {
                return Err(JoinError::Unavailable("too many rooms"));
            }
            None => {}
        }
        Ok(&grant.room)
    }

    /// Makes a room that does not exist yet.
    pub fn open_room(&mut self, now: Instant, name: &str, wanted: proto::RoomConfiguration) {
        let defaults = &self.config.room;
        let or = |value: u32, default: u32| if value == 0 { default } else { value };
        let id = self.ids.room();
        let worker = self.media.place_room();
        let name: Arc<str> = name.into();
        let info = proto::Room {
            sid: sid::room(),
            name: name.to_string(),
            empty_timeout: or(wanted.empty_timeout, defaults.empty_timeout_s),
            departure_timeout: or(wanted.departure_timeout, defaults.departure_timeout_s),
            max_participants: or(wanted.max_participants, defaults.max_participants),
            creation_time: unix_seconds(),
            creation_time_ms: unix_millis(),
            enabled_codecs: defaults.enabled_codecs.clone(),
            metadata: wanted.metadata,
            version: Some(next_version(None)),
            ..proto::Room::default()
        };
        self.webhooks.room_started(&info);
        tracing::info!(room = %info.sid, worker = worker.0, "room opened");
        self.command(worker, Command::OpenRoom { room: id });
        self.room_names.insert(id, name.clone());
        let state = RoomState {
            id,
            worker,
            info,
            members: Vec::new(),
            identities: HashMap::new(),
            ever_joined: false,
            empty_since: now,
            counts_dirty: false,
            counts_told: now,
            batch: HashSet::new(),
            nonces: VecDeque::new(),
        };
        self.rooms.insert(name, state);
    }

    pub fn join(&mut self, now: Instant, claims: &Claims, options: JoinOptions) -> Result<Seated, JoinError> {
        let name = self.check_join(claims, &options)?.to_owned();
        if !self.rooms.contains_key(name.as_str()) {
            self.open_room(now, &name, claims.room_config.clone().unwrap_or_default());
        }
        // The session will send its commands past us: the one that makes the member known must not wait.
        if !self.deferred.is_empty() {
            return Err(OVERLOADED);
        }
        let identity: Arc<str> = claims.identity().into();
        let old = self.rooms.get(name.as_str()).and_then(|room| room.identities.get(&identity)).copied();
        if let Some(old) = old {
            self.remove(now, old, DisconnectReason::DuplicateIdentity, Some(Action::Disconnect));
        }

        let sid: Arc<str> = sid::participant().into();
        let member = self.ids.member();
        let info = participant_info(claims, &options, &sid);
        let Some((room_name, room)) = self.rooms.get_key_value(name.as_str()) else {
            return Err(JoinError::Unavailable("the room is gone"));
        };
        let (room_name, room_id) = (room_name.clone(), room.id);
        let worker = self.media.place_member(room_id, room.worker);
        let permission = info.permission.clone().unwrap_or_default();
        let config = MemberConfig {
            room: room_id,
            identity: identity.clone(),
            sid: sid.clone(),
            permissions: member_permissions(&permission),
        };
        if self.media.command(worker, Command::AddMember { member, config }).is_err() {
            return Err(OVERLOADED);
        }

        let (sender, notices) = mpsc::channel(self.config.limits.notices.max(16));
        let mut claims = claims.clone();
        claims.sub = identity.to_string();
        claims.metadata = info.metadata.clone();
        claims.attributes = info.attributes.clone();
        let state = MemberState {
            room: room_name.clone(),
            worker,
            identity: identity.clone(),
            sid: sid.clone(),
            info,
            claims,
            client: options.client,
            notices: Some(sender),
            publications: Vec::new(),
            data_publications: Vec::new(),
            rules: Rules::default(),
            subscribed: HashSet::new(),
            joined: now,
            was_active: false,
            detached: None,
            media_failed: None,
        };
        self.members.insert(member, Box::new(state));
        if let Some(room) = self.rooms.get_mut(&room_name) {
            room.members.push(member);
            room.identities.insert(identity.clone(), member);
            room.ever_joined = true;
            room.counts_dirty = true;
        }
        let Some(snapshot) = self.snapshot(member) else {
            return Err(JoinError::Unavailable("the room is gone"));
        };
        // The newcomer has itself in the snapshot; the others are told, in a big room with the next tick.
        let info = snapshot.participant.clone();
        let big = self.rooms.get(&room_name).is_some_and(|room| room.members.len() > 50);
        if big {
            self.show_soon(member);
        } else {
            let infos: Arc<[_]> = Arc::new([info]);
            for to in self.viewers(member) {
                self.notify(to, Notice::Update(infos.clone()));
            }
        }
        self.counts.joins.fetch_add(1, Ordering::Relaxed);
        tracing::info!(room = %snapshot.room.sid, %sid, "participant joined");
        Ok(Seated { room: room_id, member, worker, room_name, sid, identity, notices, snapshot })
    }

    pub fn snapshot(&self, member: MemberId) -> Option<Snapshot> {
        let me = self.members.get(&member)?;
        let room = self.rooms.get(&me.room)?;
        let mut snapshot = Snapshot {
            room: self.room_info(room),
            participant: me.info.clone(),
            others: Vec::with_capacity(room.members.len()),
            publications: Vec::new(),
            data_publications: Vec::new(),
        };
        for other in room.members.iter().filter(|&&other| other != member) {
            let Some(state) = self.members.get(other).filter(|state| !state.hidden()) else { continue };
            snapshot.others.push(state.info.clone());
            let offered = state.publications.iter().map(|publication| self.offered(publication, member));
            snapshot.publications.extend(offered);
            snapshot.data_publications.extend(state.data_publications.iter().cloned());
        }
        Some(snapshot)
    }

    /// The living session of this identity and sid, in the room of the token.
    pub fn find_session(&self, claims: &Claims, sid: &str) -> Result<MemberId, ResumeError> {
        let Some(grant) = &claims.video else { return Err(JoinError::NotAllowed.into()) };
        if !grant.room_join {
            return Err(JoinError::NotAllowed.into());
        }
        let room = self.rooms.get(grant.room.as_str()).ok_or(ResumeError::Unknown)?;
        let member = room.identities.get(claims.identity()).copied().ok_or(ResumeError::Unknown)?;
        let state = self.members.get(&member).ok_or(ResumeError::Unknown)?;
        if *state.sid != *sid || state.notices.is_none() {
            return Err(ResumeError::Unknown);
        }
        Ok(member)
    }

    pub fn attach(&mut self, identity: &str, sid: &str, attachment: Attachment) -> Result<(), Attachment> {
        let mut sessions = self.rooms.values().filter_map(|room| room.identities.get(identity)).copied();
        let is_it = |member: &MemberId| self.members.get(member).is_some_and(|state| *state.sid == *sid);
        let Some(member) = sessions.find(is_it) else { return Err(attachment) };
        let Some(state) = self.members.get_mut(&member) else { return Err(attachment) };
        let Some(notices) = &state.notices else { return Err(attachment) };
        match notices.try_send(Notice::Attached(attachment)) {
            Ok(()) => {
                state.detached = None;
                self.counts.resumes.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
            Err(error) => match error.into_inner() {
                Notice::Attached(attachment) => Err(attachment),
                _ => Ok(()),
            },
        }
    }

    pub fn set_active(&mut self, member: MemberId) {
        let Some(state) = self.members.get_mut(&member) else { return };
        state.media_failed = None;
        if state.was_active {
            return;
        }
        state.was_active = true;
        state.info.state = State::Active as i32;
        let (room, info) = (state.room.clone(), state.info.clone());
        self.show_soon(member);
        let room = self.room_info_of(&room);
        self.webhooks.participant("participant_joined", room.as_ref(), &info);
    }

    pub fn connection_lost(&mut self, now: Instant, member: MemberId) {
        let Some(state) = self.members.get_mut(&member) else { return };
        if state.was_active {
            state.detached.get_or_insert(now);
        } else {
            self.remove(now, member, DisconnectReason::SignalClose, Some(Action::Reconnect));
        }
    }

    pub fn connection_restored(&mut self, member: MemberId) {
        if let Some(state) = self.members.get_mut(&member) {
            state.detached = None;
        }
    }
}

pub(crate) fn member_permissions(permission: &proto::ParticipantPermission) -> MemberPermissions {
    MemberPermissions { can_publish_data: permission.can_publish_data, hidden: permission.hidden }
}

pub(crate) fn attributes_bytes(attributes: &HashMap<String, String>) -> usize {
    attributes.iter().map(|(key, value)| key.len().saturating_add(value.len())).sum()
}

fn participant_info(claims: &Claims, options: &JoinOptions, sid: &str) -> proto::ParticipantInfo {
    let permission = claims.grant().permission();
    let mut metadata = claims.metadata.clone();
    let mut attributes = claims.attributes.clone();
    if permission.can_update_metadata {
        if let Some(wanted) = options.metadata.as_ref().filter(|wanted| !wanted.is_empty()) {
            metadata.clone_from(wanted);
        }
        attributes.extend(options.attributes.clone());
    }
    let kind = match claims.kind.to_ascii_lowercase().as_str() {
        "" => Kind::Standard,
        other => Kind::from_str_name(&other.to_ascii_uppercase()).unwrap_or(Kind::Standard),
    };
    let details = claims.kind_details.iter();
    proto::ParticipantInfo {
        sid: sid.to_owned(),
        identity: claims.identity().to_owned(),
        state: State::Joined as i32,
        metadata,
        joined_at: unix_seconds(),
        joined_at_ms: unix_millis(),
        name: claims.name.clone(),
        version: 1,
        permission: Some(permission),
        kind: kind as i32,
        attributes,
        kind_details: details
            .filter_map(|detail| KindDetail::from_str_name(&detail.to_ascii_uppercase()))
            .map(|detail| detail as i32)
            .collect(),
        client_protocol: options.client.client_protocol,
        capabilities: options.client.capabilities.clone(),
        ..proto::ParticipantInfo::default()
    }
}
