//! Data tracks: published by a handle of the publisher's, received by a handle of ours.

use std::collections::HashMap;
use std::sync::Arc;

use chevet_control::registry::{DataPublication, Refused};
use chevet_sfu_io::api::{Command, DataTrackId};
use livekit_protocol as proto;
use prost::Message as _;
use proto::data_track_subscriber_handles::PublishedDataTrack;
use proto::request_response::{Reason, Request};
use proto::signal_response::Message;

use super::{House, Session};

/// Data tracks of one participant.
const PUBLISHED_MAX: usize = 64;
const NAME_MAX: usize = 256;
/// Of a whole request, in bytes: the schema and encoding it names go to everybody in the room.
const REQUEST_MAX: usize = 4 * 1024;

#[derive(Debug, Default)]
pub(super) struct DataTracks {
    own: Vec<(DataTrackId, proto::DataTrackInfo)>,
    others: HashMap<String, Arc<DataPublication>>,
    wishes: HashMap<String, bool>,
    /// Subscribed ones by our handle.
    handles: HashMap<u16, String>,
    last_handle: u16,
}

impl DataTracks {
    fn handle_of(&self, sid: &str) -> Option<u16> {
        self.handles.iter().find(|(_, known)| *known == sid).map(|(handle, _)| *handle)
    }

    fn free_handle(&mut self) -> Option<u16> {
        for _ in 0..u16::MAX {
            self.last_handle = self.last_handle.checked_add(1).unwrap_or(1);
            if !self.handles.contains_key(&self.last_handle) {
                return Some(self.last_handle);
            }
        }
        None
    }
}

impl<H: House> Session<H> {
    pub(super) fn publish_data_track(&mut self, request: proto::PublishDataTrackRequest) {
        match self.try_publish_data_track(&request) {
            Ok(info) => {
                let info = Some(info);
                self.send(Message::PublishDataTrackResponse(proto::PublishDataTrackResponse { info }));
            }
            Err((reason, why)) => self.respond(0, reason, why, Some(Request::PublishDataTrack(request))),
        }
    }

    fn try_publish_data_track(
        &mut self,
        request: &proto::PublishDataTrackRequest,
    ) -> Result<proto::DataTrackInfo, (Reason, &'static str)> {
        let handle = match u16::try_from(request.pub_handle) {
            Ok(handle) if handle != 0 => handle,
            _ => return Err((Reason::InvalidHandle, "handles are 1 to 65535")),
        };
        if request.name.is_empty() || request.name.len() > NAME_MAX {
            return Err((Reason::InvalidName, "names have 1 to 256 bytes"));
        }
        if request.encoded_len() > REQUEST_MAX {
            return Err((Reason::LimitExceeded, "the schema or the encoding is too long"));
        }
        if self.data.own.iter().any(|(_, info)| info.pub_handle == request.pub_handle) {
            return Err((Reason::DuplicateHandle, "handle in use"));
        }
        if self.data.own.iter().any(|(_, info)| info.name == request.name) {
            return Err((Reason::DuplicateName, "name in use"));
        }
        if self.data.own.len() >= PUBLISHED_MAX {
            return Err((Reason::LimitExceeded, "too many data tracks"));
        }
        if !self.house.permission().can_publish_data {
            return Err((Reason::NotAllowed, "may not publish data"));
        }
        let info = proto::DataTrackInfo {
            pub_handle: request.pub_handle,
            sid: self.house.new_data_track_sid(),
            name: request.name.clone(),
            encryption: request.encryption,
            frame_encoding: request.frame_encoding.clone(),
            schema: request.schema.clone(),
        };
        let data_track = self.house.new_data_track();
        // First the media server, so that whoever hears of the track can subscribe.
        let member = self.house.member();
        self.commands.push(Command::PublishDataTrack { data_track, member, handle });
        self.settle();
        if let Err(refused) = self.house.publish_data_track(info.clone(), data_track) {
            self.commands.push(Command::UnpublishDataTrack { data_track });
            return Err((refused.reason(), "refused by the room"));
        }
        self.data.own.push((data_track, info.clone()));
        Ok(info)
    }

    pub(super) fn unpublish_data_track(&mut self, request: proto::UnpublishDataTrackRequest) {
        let at = self.data.own.iter().position(|(_, info)| info.pub_handle == request.pub_handle);
        let Some(at) = at else {
            let echo = Some(Request::UnpublishDataTrack(request));
            return self.respond(0, Reason::InvalidHandle, "no such data track", echo);
        };
        let info = Some(self.drop_data_track(at));
        self.send(Message::UnpublishDataTrackResponse(proto::UnpublishDataTrackResponse { info }));
    }

    fn drop_data_track(&mut self, at: usize) -> proto::DataTrackInfo {
        let (data_track, info) = self.data.own.remove(at);
        self.commands.push(Command::UnpublishDataTrack { data_track });
        match self.house.unpublish_data_track(data_track) {
            Ok(_) | Err(Refused::Gone | Refused::NotFound | Refused::NotAllowed | Refused::LimitExceeded) => {
                info
            }
        }
    }

    /// The permission to publish data is gone.
    pub(super) fn withdraw_data_tracks(&mut self) {
        while !self.data.own.is_empty() {
            let info = Some(self.drop_data_track(0));
            self.send(Message::UnpublishDataTrackResponse(proto::UnpublishDataTrackResponse { info }));
        }
    }

    pub(super) fn data_appeared(&mut self, publication: Arc<DataPublication>) {
        let sid = publication.info.sid.clone();
        self.data.others.insert(sid.clone(), publication);
        if self.data.wishes.get(&sid).copied().unwrap_or(self.hello.auto_subscribe_data)
            && self.subscribe_data(&sid)
        {
            self.tell_handles();
        }
    }

    pub(super) fn data_gone(&mut self, data_track: DataTrackId) {
        let gone: Vec<String> = self
            .data
            .others
            .values()
            .filter(|publication| publication.data_track == data_track)
            .map(|publication| publication.info.sid.clone())
            .collect();
        for sid in gone {
            let told = self.unsubscribe_data(&sid);
            self.data.others.remove(&sid);
            self.data.wishes.remove(&sid);
            if told {
                self.tell_handles();
            }
        }
    }

    pub(super) fn update_data_subscription(&mut self, request: proto::UpdateDataSubscription) {
        let mut changed = false;
        for update in request.updates {
            if self.data.wishes.len() < 4096 || self.data.wishes.contains_key(&update.track_sid) {
                self.data.wishes.insert(update.track_sid.clone(), update.subscribe);
            }
            changed |= match update.subscribe {
                true => self.subscribe_data(&update.track_sid),
                false => self.unsubscribe_data(&update.track_sid),
            };
        }
        if changed {
            self.tell_handles();
        }
    }

    fn subscribe_data(&mut self, sid: &str) -> bool {
        let Some(data_track) = self.data.others.get(sid).map(|publication| publication.data_track) else {
            return false;
        };
        if self.data.handle_of(sid).is_some() || !self.house.permission().can_subscribe {
            return false;
        }
        let Some(handle) = self.data.free_handle() else {
            return false;
        };
        self.data.handles.insert(handle, sid.to_owned());
        let member = self.house.member();
        self.commands.push(Command::SubscribeDataTrack { data_track, member, handle });
        true
    }

    fn unsubscribe_data(&mut self, sid: &str) -> bool {
        let Some(handle) = self.data.handle_of(sid) else {
            return false;
        };
        self.data.handles.remove(&handle);
        if let Some(publication) = self.data.others.get(sid) {
            let (data_track, member) = (publication.data_track, self.house.member());
            self.commands.push(Command::UnsubscribeDataTrack { data_track, member });
        }
        true
    }

    /// The permission to subscribe came or went.
    pub(super) fn reconsider_data(&mut self) {
        let allowed = self.house.permission().can_subscribe;
        let sids: Vec<String> = self.data.others.keys().cloned().collect();
        let mut changed = false;
        for sid in sids {
            let wanted =
                allowed && self.data.wishes.get(&sid).copied().unwrap_or(self.hello.auto_subscribe_data);
            changed |= if wanted { self.subscribe_data(&sid) } else { self.unsubscribe_data(&sid) };
        }
        if changed {
            self.tell_handles();
        }
    }

    /// The whole map, each time.
    pub(super) fn tell_handles(&mut self) {
        let sub_handles = self
            .data
            .handles
            .iter()
            .filter_map(|(handle, sid)| {
                let publication = self.data.others.get(sid)?;
                let named = PublishedDataTrack {
                    publisher_identity: publication.publisher_identity.to_string(),
                    publisher_sid: publication.publisher_sid.to_string(),
                    track_sid: sid.clone(),
                };
                Some((u32::from(*handle), named))
            })
            .collect();
        self.send(Message::DataTrackSubscriberHandles(proto::DataTrackSubscriberHandles { sub_handles }));
    }

    pub(super) fn has_data_handles(&self) -> bool {
        !self.data.handles.is_empty()
    }
}
