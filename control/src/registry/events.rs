//! Events of the media server, brought to the sessions they concern.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use livekit_protocol as proto;

use super::hub::Hub;
use super::notice::{Notice, Publication};
use crate::media::api::{
    Event, Grade, MemberId, QualityVerdict, RoomId, RoomReport, Speaker, SubscriptionId, TrackId,
};

impl Hub {
    pub fn on_event(&mut self, now: Instant, event: Event) {
        let member = match &event {
            Event::Speakers { room, speakers } => return self.on_speakers(*room, speakers),
            Event::Quality { member, verdict } => return self.on_quality(*member, *verdict),
            Event::Report { request, parts, report } => return self.on_report(*request, *parts, report),
            Event::TransportConnected { member, .. } | Event::TransportRecovered { member, .. } => {
                if let Some(state) = self.members.get_mut(member) {
                    state.media_failed = None;
                }
                *member
            }
            Event::TransportFailed { member, .. } => {
                if let Some(state) = self.members.get_mut(member) {
                    state.media_failed.get_or_insert(now);
                }
                *member
            }
            Event::Suspended { subscription, track, member, suspended } => {
                self.on_suspended(*subscription, *track, *member, *suspended);
                *member
            }
            Event::TransportLost { member, .. }
            | Event::TrackLive { member, .. }
            | Event::Wanted { member, .. }
            | Event::FirstSubscriber { member, .. }
            | Event::Resumed { member, .. }
            | Event::SlowReceiver { member, .. } => *member,
        };
        self.notify(member, Notice::Media(event));
    }

    /// Tells other servers that a participant's line carries nothing of a picture, or something again.
    fn on_suspended(
        &mut self,
        subscription: SubscriptionId,
        track: TrackId,
        member: MemberId,
        suspended: bool,
    ) {
        if !suspended {
            if let Some((member, info)) = self.suspended.remove(&subscription) {
                self.tell_suspended("track_resumed", member, &info);
            }
            return;
        }
        let publisher = self.tracks.get(&track).and_then(|publisher| self.members.get(publisher));
        let info = publisher.and_then(|publisher| {
            let mut publications = publisher.publications.iter();
            let has =
                |publication: &&Arc<Publication>| publication.media.iter().any(|media| media.track == track);
            publications.find(has).map(|publication| publication.info.clone())
        });
        if let Some(info) = info
            && self.members.contains_key(&member)
        {
            self.tell_suspended("track_suspended", member, &info);
            self.suspended.insert(subscription, (member, info));
        }
    }

    fn tell_suspended(&self, name: &str, member: MemberId, track: &proto::TrackInfo) {
        let Some(state) = self.members.get(&member) else { return };
        let room = self.room_info_of(&state.room);
        self.webhooks.track(name, room.as_ref(), &state.info, track);
    }

    /// Who leaves receives nothing any more, so nothing is suspended.
    pub(super) fn end_suspensions(&mut self, member: MemberId) {
        let theirs: Vec<SubscriptionId> = self
            .suspended
            .iter()
            .filter(|(_, (of, _))| *of == member)
            .map(|(subscription, _)| *subscription)
            .collect();
        for subscription in theirs {
            if let Some((_, info)) = self.suspended.remove(&subscription) {
                self.tell_suspended("track_resumed", member, &info);
            }
        }
    }

    /// Answers the asker once every worker has answered.
    fn on_report(&mut self, request: u64, parts: u32, report: &RoomReport) {
        let Some(asked) = self.reports.get_mut(&request) else { return };
        // Of several workers the busiest is told.
        if report.video_hold_ms >= asked.report.video_hold_ms {
            asked.report.video_hold_ms = report.video_hold_ms;
            asked.report.video_hold_reason = report.video_hold_reason;
        }
        asked.report.members.extend_from_slice(&report.members);
        asked.report.tracks.extend_from_slice(&report.tracks);
        asked.report.subscriptions.extend_from_slice(&report.subscriptions);
        asked.parts = asked.parts.saturating_add(1);
        if asked.parts >= parts
            && let Some(asked) = self.reports.remove(&request)
        {
            // The caller may have given up.
            let _ = asked.asker.send(asked.report);
        }
    }

    /// Whose tracks this member receives.
    fn followed(&self, member: MemberId) -> HashSet<MemberId> {
        let Some(state) = self.members.get(&member) else { return HashSet::new() };
        state.subscribed.iter().filter_map(|track| self.tracks.get(track)).copied().collect()
    }

    /// To those who receive something of the speaker, and to the speaker.
    fn on_speakers(&mut self, room: RoomId, speakers: &[Speaker]) {
        let Some(name) = self.room_names.get(&room).cloned() else { return };
        let told: Vec<(MemberId, bool, proto::SpeakerInfo)> = speakers
            .iter()
            .filter_map(|speaker| {
                let state = self.members.get(&speaker.member)?;
                let info = proto::SpeakerInfo {
                    sid: state.sid.to_string(),
                    level: speaker.level,
                    active: speaker.active,
                };
                Some((speaker.member, state.hidden(), info))
            })
            .collect();
        for to in self.room_members(&name) {
            let followed = self.followed(to);
            let infos: Vec<proto::SpeakerInfo> = told
                .iter()
                .filter(|(speaker, hidden, _)| *speaker == to || (!hidden && followed.contains(speaker)))
                .map(|(_, _, info)| info.clone())
                .collect();
            if !infos.is_empty() {
                self.notify(to, Notice::Speakers(infos));
            }
        }
    }

    fn on_quality(&mut self, member: MemberId, verdict: QualityVerdict) {
        let Some(state) = self.members.get(&member) else { return };
        let quality = match verdict.grade {
            Grade::Lost => proto::ConnectionQuality::Lost,
            Grade::Poor => proto::ConnectionQuality::Poor,
            Grade::Good => proto::ConnectionQuality::Good,
            Grade::Excellent => proto::ConnectionQuality::Excellent,
        };
        let info = proto::ConnectionQualityInfo {
            participant_sid: state.sid.to_string(),
            quality: quality as i32,
            score: verdict.score,
        };
        for to in self.audience(member) {
            if to == member || self.followed(to).contains(&member) {
                self.notify(to, Notice::Quality(vec![info.clone()]));
            }
        }
    }
}
