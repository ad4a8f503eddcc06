//! What the APIs do. Twirp and REST only translate.

use std::time::{Duration, Instant};

use bytes::Bytes;
use livekit_protocol as proto;
use prost::Message;
use proto::leave_request::Action;
use proto::{DisconnectReason, RoomEndReason};
use tokio::sync::oneshot;

use super::hub::{Asked, Hub, next_version};
use super::notice::Notice;
use super::seat::Refused;
use crate::media::WorkerId;
use crate::media::api::{Command, MemberId, RoomReport};

/// Remembered nonces of SendData calls, per room.
const NONCES_MAX: usize = 256;

/// How long a revocation is remembered: longer than any sensible token lives.
const REVOCATION: Duration = Duration::from_secs(7 * 24 * 3600);

/// Revocations at one time; a bound, since the identity need not exist any more.
const REVOCATIONS_MAX: usize = 100_000;

/// Why an API call was not done. `Display` is the message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    #[error("{0}")]
    Invalid(String),
    #[error("{0} does not exist")]
    NotFound(&'static str),
    #[error("{0}")]
    Precondition(&'static str),
    #[error("{0}")]
    Exhausted(&'static str),
    #[error("{0}")]
    Unavailable(&'static str),
}

const ROOM: ApiError = ApiError::NotFound("requested room");
const PARTICIPANT: ApiError = ApiError::NotFound("participant");
const TRACK: ApiError = ApiError::NotFound("track");

impl From<Refused> for ApiError {
    fn from(refused: Refused) -> ApiError {
        match refused {
            Refused::Gone => PARTICIPANT,
            Refused::NotFound => TRACK,
            Refused::NotAllowed => ApiError::Precondition("not allowed"),
            Refused::LimitExceeded => ApiError::Invalid("over a size limit".into()),
        }
    }
}

/// A participant for the operator's page.
#[derive(Clone, Debug, serde::Serialize)]
pub struct MemberView {
    pub member: MemberId,
    pub worker: WorkerId,
    pub sid: String,
    pub identity: String,
    pub state: &'static str,
    pub sdk: &'static str,
    pub sdk_version: String,
    pub protocol: i32,
    pub connected: bool,
    pub subscribed_tracks: usize,
    pub tracks: Vec<String>,
    /// Notices waiting for its session.
    pub queued: usize,
}

impl Hub {
    fn member_of(&self, room: &str, identity: &str) -> Result<MemberId, ApiError> {
        let room = self.rooms.get(room).ok_or(ROOM)?;
        room.identities.get(identity).copied().ok_or(PARTICIPANT)
    }

    /// Gives the room that is there, or makes it; tells which.
    pub fn create_room(
        &mut self,
        now: Instant,
        config: proto::RoomConfiguration,
    ) -> Result<(proto::Room, bool), ApiError> {
        let limits = &self.config.limits;
        if config.name.is_empty() {
            return Err(ApiError::Invalid("the room name is empty".into()));
        }
        if config.name.chars().count() > limits.room_name_chars {
            return Err(ApiError::Invalid("the room name is too long".into()));
        }
        if config.metadata.len() > limits.metadata_bytes {
            return Err(ApiError::Invalid("the metadata is too long".into()));
        }
        let name = config.name.clone();
        let new = !self.rooms.contains_key(name.as_str());
        if new {
            if self.closing {
                return Err(ApiError::Unavailable("the server is shutting down"));
            }
            if limits.rooms > 0 && self.rooms.len() >= limits.rooms {
                return Err(ApiError::Exhausted("too many rooms"));
            }
            self.open_room(now, &name, config);
        }
        let info = self.room_info_of(&name).ok_or(ROOM)?;
        Ok((info, new))
    }

    /// All rooms, or those named, oldest first.
    pub fn list_rooms(&self, names: &[String]) -> Vec<proto::Room> {
        let mut rooms: Vec<proto::Room> = if names.is_empty() {
            self.rooms.values().map(|room| self.room_info(room)).collect()
        } else {
            names.iter().filter_map(|name| self.room_info_of(name)).collect()
        };
        rooms.sort_by(|a, b| (a.creation_time_ms, &a.name).cmp(&(b.creation_time_ms, &b.name)));
        rooms.dedup_by(|a, b| a.sid == b.sid);
        rooms
    }

    pub fn delete_room(&mut self, now: Instant, name: &str) -> Result<(), ApiError> {
        let why = RoomEndReason::RoomEndApiDelete;
        match self.close_room(now, name, DisconnectReason::RoomDeleted, Action::Disconnect, why) {
            true => Ok(()),
            false => Err(ROOM),
        }
    }

    /// None: no such room. Hidden participants are told too: the caller administers the room.
    pub fn list_participants(&self, room: &str) -> Option<Vec<proto::ParticipantInfo>> {
        let room = self.rooms.get(room)?;
        let members = room.members.iter().filter_map(|member| self.members.get(member));
        Some(members.map(|state| state.info.clone()).collect())
    }

    pub fn participant(&self, room: &str, identity: &str) -> Result<proto::ParticipantInfo, ApiError> {
        let member = self.member_of(room, identity)?;
        self.members.get(&member).map(|state| state.info.clone()).ok_or(PARTICIPANT)
    }

    /// `revoke_before`: Unix seconds; tokens for this room and identity that were issued earlier are refused from now on.
    /// It is noted even if the participant is not there, so that nobody slips in between.
    pub fn remove_participant(
        &mut self,
        now: Instant,
        room: &str,
        identity: &str,
        revoke_before: i64,
    ) -> Result<(), ApiError> {
        if revoke_before > 0 && self.revoked.len() < REVOCATIONS_MAX {
            // Callers in languages whose clock counts milliseconds tend to send those.
            let seconds = if revoke_before > 100_000_000_000 { revoke_before / 1000 } else { revoke_before };
            let key = (room.to_owned(), identity.to_owned());
            let forget = now.checked_add(REVOCATION).unwrap_or(now);
            self.revoked.insert(key, (u64::try_from(seconds).unwrap_or(0), forget));
        }
        let member = self.member_of(room, identity)?;
        self.remove(now, member, DisconnectReason::ParticipantRemoved, Some(Action::Disconnect));
        Ok(())
    }

    pub fn mute_track(
        &mut self,
        room: &str,
        identity: &str,
        track_sid: &str,
        muted: bool,
    ) -> Result<proto::TrackInfo, ApiError> {
        let member = self.member_of(room, identity)?;
        let state = self.members.get(&member).ok_or(PARTICIPANT)?;
        let publication = state.publication(track_sid).ok_or(TRACK)?;
        if publication.info.muted && !muted && !self.config.room.remote_unmute {
            return Err(ApiError::Precondition("remote unmute not enabled"));
        }
        let changed = publication.info.muted != muted;
        let info = self.update_track(member, track_sid, |info| info.muted = muted)?;
        if changed {
            self.notify(member, Notice::Mute { track_sid: track_sid.to_owned(), muted });
        }
        Ok(info)
    }

    pub fn update_participant(
        &mut self,
        request: proto::UpdateParticipantRequest,
    ) -> Result<proto::ParticipantInfo, ApiError> {
        let member = self.member_of(&request.room, &request.identity)?;
        if !(request.name.is_empty() && request.metadata.is_empty() && request.attributes.is_empty()) {
            self.describe(member, &request.name, &request.metadata, &request.attributes)?;
            self.notify(member, Notice::ClaimsChanged);
        }
        if let Some(permission) = request.permission {
            self.set_permission(member, permission);
        }
        self.participant(&request.room, &request.identity)
    }

    pub fn update_subscriptions(
        &mut self,
        request: proto::UpdateSubscriptionsRequest,
    ) -> Result<(), ApiError> {
        let member = self.member_of(&request.room, &request.identity)?;
        let mut track_sids = request.track_sids;
        for tracks in request.participant_tracks {
            track_sids.extend(tracks.track_sids);
        }
        if track_sids.is_empty() {
            return Err(ApiError::Invalid("no track is named".into()));
        }
        self.notify(member, Notice::Subscribe { track_sids, subscribe: request.subscribe });
        Ok(())
    }

    /// A packet from the server: no sender, no sequence. A nonce that was seen already is answered as if it were new.
    pub fn send_data(&mut self, request: proto::SendDataRequest) -> Result<(), ApiError> {
        if request.data.len() > self.config.limits.data_bytes {
            return Err(ApiError::Invalid("the data does not fit one packet".into()));
        }
        if !(request.nonce.is_empty() || request.nonce.len() == 16) {
            return Err(ApiError::Invalid("the nonce has to be 16 bytes long, or empty".into()));
        }
        let room = self.rooms.get_mut(request.room.as_str()).ok_or(ROOM)?;
        if !request.nonce.is_empty() {
            if room.nonces.contains(&request.nonce) {
                return Ok(());
            }
            if room.nonces.len() >= NONCES_MAX {
                room.nonces.pop_front();
            }
            room.nonces.push_back(request.nonce.clone());
        }
        let (id, worker) = (room.id, room.worker);
        let reliable = request.kind != proto::data_packet::Kind::Lossy as i32;
        let packet = Bytes::from(user_packet(request).encode_to_vec());
        // Not deferred: data that cannot be sent now is the caller's to send again.
        self.media
            .command(worker, Command::SendData { room: id, packet, reliable })
            .map_err(|_| ApiError::Unavailable("the media worker is overloaded"))
    }

    pub fn update_room_metadata(&mut self, name: &str, metadata: String) -> Result<proto::Room, ApiError> {
        if metadata.len() > self.config.limits.metadata_bytes {
            return Err(ApiError::Invalid("the metadata is too long".into()));
        }
        let room = self.rooms.get_mut(name).ok_or(ROOM)?;
        room.info.metadata = metadata;
        room.info.version = Some(next_version(room.info.version.as_ref()));
        self.tell_room(name);
        self.room_info_of(name).ok_or(ROOM)
    }

    /// Asks the media server about a room.
    pub fn inspect(&mut self, name: &str) -> Result<oneshot::Receiver<RoomReport>, ApiError> {
        let room = self.rooms.get(name).ok_or(ROOM)?;
        let (id, worker) = (room.id, room.worker);
        let request = self.ids.next();
        let (sender, receiver) = oneshot::channel();
        self.media
            .command(worker, Command::Inspect { room: id, request, parts: 1 })
            .map_err(|_| ApiError::Unavailable("the media worker is overloaded"))?;
        self.reports.insert(request, Asked { asker: sender, report: RoomReport::default(), parts: 0 });
        Ok(receiver)
    }

    pub fn member_views(&self, name: &str) -> Option<Vec<MemberView>> {
        let room = self.rooms.get(name)?;
        let members = room.members.iter().filter_map(|member| Some((*member, self.members.get(member)?)));
        Some(
            members
                .map(|(member, state)| MemberView {
                    member,
                    worker: state.worker,
                    sid: state.sid.to_string(),
                    identity: state.identity.to_string(),
                    state: state.info.state().as_str_name(),
                    sdk: state.client.sdk().as_str_name(),
                    sdk_version: state.client.version.clone(),
                    protocol: state.client.protocol,
                    connected: state.detached.is_none(),
                    subscribed_tracks: state.subscribed.len(),
                    tracks: state
                        .publications
                        .iter()
                        .map(|publication| publication.info.sid.clone())
                        .collect(),
                    queued: state
                        .notices
                        .as_ref()
                        .map_or(0, |notices| notices.max_capacity().saturating_sub(notices.capacity())),
                })
                .collect(),
        )
    }
}

#[allow(deprecated)]
fn user_packet(request: proto::SendDataRequest) -> proto::DataPacket {
    let user = proto::UserPacket {
        payload: request.data,
        // Older clients read the destinations here, and only here are there sids.
        destination_sids: request.destination_sids,
        destination_identities: request.destination_identities.clone(),
        topic: request.topic,
        nonce: request.nonce,
        ..proto::UserPacket::default()
    };
    proto::DataPacket {
        kind: request.kind,
        destination_identities: request.destination_identities,
        value: Some(proto::data_packet::Value::User(user)),
        ..proto::DataPacket::default()
    }
}
