//! `livekit.RoomService`: grants are checked here, the work is the registry's.

use std::time::Instant;

use axum::response::Response;
use livekit_protocol as proto;

use super::{Call, Code, TwirpError};
use crate::tokens::VideoGrant;

impl Call {
    fn grant(&self) -> VideoGrant {
        self.claims.grant()
    }

    fn require(&self, allowed: impl FnOnce(&VideoGrant) -> bool) -> Result<(), TwirpError> {
        if allowed(&self.grant()) { Ok(()) } else { Err(TwirpError::denied()) }
    }

    /// roomAdmin, for this room only.
    fn require_admin(&self, room: &str) -> Result<(), TwirpError> {
        self.require(|grant| grant.room_admin && !grant.room.is_empty() && grant.room == room)
    }
}

pub(super) fn dispatch(call: Call, method: &str) -> Result<Response, TwirpError> {
    match method {
        "CreateRoom" => create_room(&call),
        "ListRooms" => list_rooms(&call),
        "DeleteRoom" => delete_room(&call),
        "ListParticipants" => list_participants(&call),
        "GetParticipant" => get_participant(&call),
        "RemoveParticipant" => remove_participant(&call),
        "MutePublishedTrack" => mute_published_track(&call),
        "UpdateParticipant" => update_participant(&call),
        "UpdateSubscriptions" => update_subscriptions(&call),
        "SendData" => send_data(&call),
        "UpdateRoomMetadata" => update_room_metadata(&call),
        "ForwardParticipant" | "MoveParticipant" | "PerformRpc" => {
            Err(TwirpError::new(Code::Unimplemented, format!("{method} is not implemented")))
        }
        _ => Err(TwirpError::new(Code::BadRoute, format!("no method {method:?} in livekit.RoomService"))),
    }
}

fn create_room(call: &Call) -> Result<Response, TwirpError> {
    let request: proto::CreateRoomRequest = call.request()?;
    call.require(|grant| grant.room_create)?;
    if request.egress.is_some() {
        return Err(TwirpError::new(Code::Unimplemented, "egress is not part of this server"));
    }
    let config = proto::RoomConfiguration {
        name: request.name,
        empty_timeout: request.empty_timeout,
        departure_timeout: request.departure_timeout,
        max_participants: request.max_participants,
        metadata: request.metadata,
        ..proto::RoomConfiguration::default()
    };
    let (room, _new) = call.control.hub().create_room(Instant::now(), config)?;
    call.reply(&room)
}

fn list_rooms(call: &Call) -> Result<Response, TwirpError> {
    let request: proto::ListRoomsRequest = call.request()?;
    call.require(|grant| grant.room_list)?;
    let rooms = call.control.hub().list_rooms(&request.names);
    call.reply(&proto::ListRoomsResponse { rooms })
}

fn delete_room(call: &Call) -> Result<Response, TwirpError> {
    let request: proto::DeleteRoomRequest = call.request()?;
    call.require(|grant| grant.room_create)?;
    call.control.hub().delete_room(Instant::now(), &request.room)?;
    call.reply(&proto::DeleteRoomResponse {})
}

fn list_participants(call: &Call) -> Result<Response, TwirpError> {
    let request: proto::ListParticipantsRequest = call.request()?;
    call.require_admin(&request.room)?;
    // An unknown room has nobody in it: existing callers count on it.
    let participants = call.control.hub().list_participants(&request.room).unwrap_or_default();
    call.reply(&proto::ListParticipantsResponse { participants })
}

fn get_participant(call: &Call) -> Result<Response, TwirpError> {
    let request: proto::RoomParticipantIdentity = call.request()?;
    call.require_admin(&request.room)?;
    let participant = call.control.hub().participant(&request.room, &request.identity)?;
    call.reply(&participant)
}

fn remove_participant(call: &Call) -> Result<Response, TwirpError> {
    let request: proto::RoomParticipantIdentity = call.request()?;
    call.require_admin(&request.room)?;
    call.control.hub().remove_participant(
        Instant::now(),
        &request.room,
        &request.identity,
        request.revoke_token_ts,
    )?;
    call.reply(&proto::RemoveParticipantResponse {})
}

fn mute_published_track(call: &Call) -> Result<Response, TwirpError> {
    let request: proto::MuteRoomTrackRequest = call.request()?;
    call.require_admin(&request.room)?;
    let mut hub = call.control.hub();
    let track = hub.mute_track(&request.room, &request.identity, &request.track_sid, request.muted)?;
    call.reply(&proto::MuteRoomTrackResponse { track: Some(track) })
}

fn update_participant(call: &Call) -> Result<Response, TwirpError> {
    let request: proto::UpdateParticipantRequest = call.request()?;
    call.require_admin(&request.room)?;
    let participant = call.control.hub().update_participant(request)?;
    call.reply(&participant)
}

fn update_subscriptions(call: &Call) -> Result<Response, TwirpError> {
    let request: proto::UpdateSubscriptionsRequest = call.request()?;
    call.require_admin(&request.room)?;
    call.control.hub().update_subscriptions(request)?;
    call.reply(&proto::UpdateSubscriptionsResponse {})
}

fn send_data(call: &Call) -> Result<Response, TwirpError> {
    let request: proto::SendDataRequest = call.request()?;
    call.require_admin(&request.room)?;
    call.control.hub().send_data(request)?;
    call.reply(&proto::SendDataResponse {})
}

fn update_room_metadata(call: &Call) -> Result<Response, TwirpError> {
    let request: proto::UpdateRoomMetadataRequest = call.request()?;
    call.require_admin(&request.room)?;
    let room = call.control.hub().update_room_metadata(&request.room, request.metadata)?;
    call.reply(&room)
}
