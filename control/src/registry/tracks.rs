//! What participants publish, what they say about themselves, and who may see it.

use std::collections::HashMap;
use std::sync::Arc;

use livekit_protocol as proto;

use super::hub::{Hub, next_version};
use super::join::{attributes_bytes, member_permissions};
use super::notice::{DataPublication, MediaTrack, Notice, Publication};
use super::rules::Rules;
use super::seat::Refused;
use crate::media::api::{Command, DataTrackId, MemberId, TrackId};
use crate::tokens::VideoGrant;

/// Tracks of one participant. Browsers give up long before; this only bounds a hostile client.
const PUBLICATIONS_MAX: usize = 100;

/// Subscribed tracks remembered for one participant.
const SUBSCRIBED_MAX: usize = 20_000;

impl Hub {
    pub fn may_publish(&self, member: MemberId, source: i32) -> Result<(), Refused> {
        let permission = self.members.get(&member).ok_or(Refused::Gone)?.permission();
        let sources = &permission.can_publish_sources;
        if permission.can_publish && (sources.is_empty() || sources.contains(&source)) {
            Ok(())
        } else {
            Err(Refused::NotAllowed)
        }
    }

    pub fn publish(
        &mut self,
        member: MemberId,
        mut info: proto::TrackInfo,
        media: Vec<MediaTrack>,
    ) -> Result<(), Refused> {
        self.may_publish(member, info.source)?;
        let state = self.members.get_mut(&member).ok_or(Refused::Gone)?;
        let at = state.publications.iter().position(|publication| publication.info.sid == info.sid);
        if at.is_none() && state.publications.len() >= PUBLICATIONS_MAX {
            return Err(Refused::LimitExceeded);
        }
        let old = at.and_then(|at| state.publications.get(at)).cloned();
        info.version = Some(next_version(old.as_ref().and_then(|old| old.info.version.as_ref())));
        let publication = Arc::new(Publication {
            publisher: member,
            publisher_sid: state.sid.clone(),
            publisher_identity: state.identity.clone(),
            info: info.clone(),
            media,
        });
        match at.and_then(|at| state.publications.get_mut(at)) {
            Some(slot) => *slot = publication.clone(),
            None => state.publications.push(publication.clone()),
        }
        state.info.is_publisher = true;
        sync_tracks(state);
        let (room, participant) = (state.room.clone(), state.info.clone());
        for track in old.iter().flat_map(|old| &old.media) {
            self.tracks.remove(&track.track);
        }
        for track in &publication.media {
            self.tracks.insert(track.track, member);
        }
        self.show(member);
        self.offer(&publication);
        if old.is_none() {
            self.touch_counts(&room);
            let room = self.room_info_of(&room);
            self.webhooks.track("track_published", room.as_ref(), &participant, &info);
        }
        Ok(())
    }

    /// Tells the others of a new or changed publication.
    fn offer(&mut self, publication: &Arc<Publication>) {
        for to in self.viewers(publication.publisher) {
            let offered = self.offered(publication, to);
            self.notify(to, Notice::Published(offered));
        }
    }

    pub fn update_track(
        &mut self,
        member: MemberId,
        track_sid: &str,
        change: impl FnOnce(&mut proto::TrackInfo),
    ) -> Result<proto::TrackInfo, Refused> {
        let state = self.members.get_mut(&member).ok_or(Refused::Gone)?;
        let mut publications = state.publications.iter_mut();
        let slot =
            publications.find(|publication| publication.info.sid == track_sid).ok_or(Refused::NotFound)?;
        let mut info = slot.info.clone();
        change(&mut info);
        // What identifies the track is not the caller's to change.
        info.sid.clone_from(&slot.info.sid);
        info.r#type = slot.info.r#type;
        info.version.clone_from(&slot.info.version);
        if info == slot.info {
            return Ok(info);
        }
        info.version = Some(next_version(info.version.as_ref()));
        let publication = Arc::new(Publication { info: info.clone(), ..Publication::clone(slot) });
        *slot = publication.clone();
        sync_tracks(state);
        self.show(member);
        self.offer(&publication);
        Ok(info)
    }

    pub fn unpublish(&mut self, member: MemberId, track_sid: &str) -> Result<(), Refused> {
        let state = self.members.get_mut(&member).ok_or(Refused::Gone)?;
        let at = state.publications.iter().position(|publication| publication.info.sid == track_sid);
        let publication = state.publications.remove(at.ok_or(Refused::NotFound)?);
        sync_tracks(state);
        let (room, participant, sid) = (state.room.clone(), state.info.clone(), state.sid.clone());
        for track in &publication.media {
            self.tracks.remove(&track.track);
        }
        self.show(member);
        for to in self.viewers(member) {
            self.notify(
                to,
                Notice::Unpublished {
                    publisher: member,
                    publisher_sid: sid.clone(),
                    track_sid: track_sid.to_owned(),
                },
            );
        }
        self.touch_counts(&room);
        let room = self.room_info_of(&room);
        self.webhooks.track("track_unpublished", room.as_ref(), &participant, &publication.info);
        Ok(())
    }

    pub fn publish_data_track(
        &mut self,
        member: MemberId,
        info: proto::DataTrackInfo,
        data_track: DataTrackId,
    ) -> Result<(), Refused> {
        let state = self.members.get_mut(&member).ok_or(Refused::Gone)?;
        if !state.permission().can_publish_data {
            return Err(Refused::NotAllowed);
        }
        if state.data_publications.len() >= PUBLICATIONS_MAX {
            return Err(Refused::LimitExceeded);
        }
        let publication = Arc::new(DataPublication {
            publisher: member,
            publisher_sid: state.sid.clone(),
            publisher_identity: state.identity.clone(),
            info: info.clone(),
            data_track,
        });
        state.data_publications.push(publication.clone());
        state.info.data_tracks.push(info);
        self.show(member);
        for to in self.viewers(member) {
            self.notify(to, Notice::DataPublished(publication.clone()));
        }
        Ok(())
    }

    pub fn unpublish_data_track(
        &mut self,
        member: MemberId,
        data_track: DataTrackId,
    ) -> Result<proto::DataTrackInfo, Refused> {
        let state = self.members.get_mut(&member).ok_or(Refused::Gone)?;
        let at = state.data_publications.iter().position(|publication| publication.data_track == data_track);
        let publication = state.data_publications.remove(at.ok_or(Refused::NotFound)?);
        state.info.data_tracks.retain(|info| info.sid != publication.info.sid);
        self.show(member);
        for to in self.viewers(member) {
            self.notify(
                to,
                Notice::DataUnpublished {
                    publisher_sid: publication.publisher_sid.clone(),
                    data_track,
                    track_sid: publication.info.sid.clone(),
                },
            );
        }
        Ok(publication.info.clone())
    }

    /// Changes name, metadata and attributes; empty means unchanged, an attribute with an empty value goes.
    pub fn describe(
        &mut self,
        member: MemberId,
        name: &str,
        metadata: &str,
        attributes: &HashMap<String, String>,
    ) -> Result<(), Refused> {
        let limits = &self.config.limits;
        if name.chars().count() > limits.name_chars || metadata.len() > limits.metadata_bytes {
            return Err(Refused::LimitExceeded);
        }
        let state = self.members.get_mut(&member).ok_or(Refused::Gone)?;
        let mut merged = state.info.attributes.clone();
        for (key, value) in attributes {
            if value.is_empty() {
                merged.remove(key);
            } else {
                merged.insert(key.clone(), value.clone());
            }
        }
        if attributes_bytes(&merged) > limits.attributes_bytes {
            return Err(Refused::LimitExceeded);
        }
        state.info.attributes = merged;
        if !name.is_empty() {
            name.clone_into(&mut state.info.name);
        }
        if !metadata.is_empty() {
            metadata.clone_into(&mut state.info.metadata);
        }
        state.claims.name.clone_from(&state.info.name);
        state.claims.metadata.clone_from(&state.info.metadata);
        state.claims.attributes.clone_from(&state.info.attributes);
        // Told even if nothing changed: the client waits for the update that answers its request.
        self.show(member);
        Ok(())
    }

    /// Replaces the permission, apart from `hidden`: who joined unseen stays unseen, and the other way round.
    pub fn set_permission(&mut self, member: MemberId, mut permission: proto::ParticipantPermission) {
        let Some(state) = self.members.get_mut(&member) else { return };
        permission.hidden = state.hidden();
        if state.info.permission.as_ref() == Some(&permission) {
            return;
        }
        state.info.permission = Some(permission.clone());
        state.claims.video.get_or_insert_with(VideoGrant::default).set_permission(&permission);
        let worker = state.worker;
        let permissions = member_permissions(&permission);
        self.command(worker, Command::SetPermissions { member, permissions });
        self.show(member);
        self.notify(member, Notice::PermissionChanged(permission));
    }

    pub fn set_rules(&mut self, member: MemberId, permission: proto::SubscriptionPermission) {
        let rules = Rules::new(permission);
        let viewers = self.viewers(member);
        let Some(state) = self.members.get_mut(&member) else { return };
        if state.rules == rules {
            return;
        }
        let old = std::mem::replace(&mut state.rules, rules.clone());
        let publisher_sid = state.sid.clone();
        let tracks: Vec<String> =
            state.publications.iter().map(|publication| publication.info.sid.clone()).collect();
        for to in viewers {
            let Some(viewer) = self.members.get(&to) else { continue };
            let (identity, sid) = (viewer.identity.clone(), viewer.sid.clone());
            for track_sid in &tracks {
                let allowed = rules.allows(&identity, &sid, track_sid);
                if allowed != old.allows(&identity, &sid, track_sid) {
                    let notice = Notice::Allowed {
                        publisher_sid: publisher_sid.clone(),
                        track_sid: track_sid.clone(),
                        allowed,
                    };
                    self.notify(to, notice);
                }
            }
        }
    }

    pub fn set_subscribed(&mut self, member: MemberId, track: TrackId, subscribed: bool) {
        let Some(state) = self.members.get_mut(&member) else { return };
        if !subscribed {
            state.subscribed.remove(&track);
        } else if state.subscribed.len() < SUBSCRIBED_MAX {
            state.subscribed.insert(track);
        }
    }
}

fn sync_tracks(state: &mut super::hub::MemberState) {
    state.info.tracks = state.publications.iter().map(|publication| publication.info.clone()).collect();
}
