//! Requests of the client.

use std::time::{Duration, Instant};

use livekit_protocol as proto;
use proto::leave_request::Action;
use proto::request_response::{Reason, Request};
use proto::signal_request::Message as Asked;
use proto::signal_response::Message;
use proto::simulate_scenario::Scenario;

use super::{House, Protocol, Session};

/// Faults that a developer asked for.
#[derive(Debug, Default)]
pub(super) struct Faults {
    close_after_resume: bool,
    close_next_resume: bool,
    silent_at: Option<Instant>,
}

impl Faults {
    pub fn due(&self) -> Option<Instant> {
        self.silent_at
    }

    pub fn closes_after_resume(&mut self) -> bool {
        std::mem::take(&mut self.close_after_resume)
    }

    pub fn closes_next_resume(&mut self) -> bool {
        std::mem::take(&mut self.close_next_resume)
    }
}

impl<H: House> Session<H> {
    pub(super) fn request(&mut self, now: Instant, request: Asked) {
        match request {
            Asked::Offer(description) => self.client_offer(now, description),
            Asked::Answer(description) => {
                if self.hello.protocol == Protocol::Dual {
                    self.client_answer(now, &description);
                }
            }
            // A lite agent sends no checks: where the client is, its own checks tell.
            Asked::Trickle(_) => {}
            Asked::AddTrack(request) => self.add_track(request),
            Asked::Mute(request) => self.mute(&request.sid, request.muted),
            Asked::Subscription(request) => {
                let named = request.participant_tracks.into_iter().flat_map(|tracks| tracks.track_sids);
                let sids: Vec<String> = request.track_sids.into_iter().chain(named).collect();
                self.wish(now, sids, request.subscribe);
            }
            Asked::TrackSetting(request) => self.track_settings(request),
            Asked::Leave(_) => {
                self.ended = Some(super::Ended { reason: proto::DisconnectReason::ClientInitiated })
            }
            #[allow(deprecated)]
            Asked::UpdateLayers(_) => {}
            Asked::SubscriptionPermission(permission) => self.house.set_subscription_permission(permission),
            Asked::SyncState(state) => self.sync_state(now, state),
            Asked::Simulate(request) => {
                if let (true, Some(scenario)) = (self.facts.development, request.scenario) {
                    self.simulate(now, scenario);
                }
            }
            Asked::Ping(_) => {
                let time = self.house.unix_ms();
                self.send(Message::Pong(time));
            }
            Asked::PingReq(ping) => {
                let timestamp = self.house.unix_ms();
                self.send(Message::PongResp(proto::Pong { last_ping_timestamp: ping.timestamp, timestamp }));
            }
            Asked::UpdateMetadata(request) => self.update_metadata(now, request),
            Asked::UpdateAudioTrack(request) => self.update_audio_track(request),
            Asked::UpdateVideoTrack(request) => self.update_video_track(request),
            Asked::PublishDataTrackRequest(request) => self.publish_data_track(request),
            Asked::UnpublishDataTrackRequest(request) => self.unpublish_data_track(request),
            Asked::UpdateDataSubscription(request) => self.update_data_subscription(request),
            // Blobs: clients take silence for a server without them.
            Asked::StoreDataBlobRequest(_) | Asked::GetDataBlobRequest(_) => {}
        }
    }

    fn update_metadata(&mut self, now: Instant, request: proto::UpdateParticipantMetadata) {
        let id = request.request_id;
        match self.house.update_metadata(&request.name, &request.metadata, &request.attributes) {
            Ok(()) => {
                self.respond(id, Reason::Ok, "", None);
                self.send_token(now);
            }
            Err(refused) => {
                let why = refused.to_string();
                self.respond(id, refused.reason(), &why, Some(Request::UpdateMetadata(request)));
            }
        }
    }

    pub(super) fn respond(&mut self, request_id: u32, reason: Reason, why: &str, request: Option<Request>) {
        self.send(Message::RequestResponse(proto::RequestResponse {
            request_id,
            reason: reason as i32,
            message: why.to_owned(),
            request,
        }));
    }

    pub(super) fn permission_changed(&mut self, now: Instant, permission: &proto::ParticipantPermission) {
        self.withdraw_forbidden();
        if !permission.can_publish_data {
            self.withdraw_data_tracks();
        }
        self.evaluate_all(now);
        self.reconsider_data();
        self.send_token(now);
    }

    fn simulate(&mut self, now: Instant, scenario: Scenario) {
        match scenario {
            Scenario::SpeakerUpdate(seconds) => {
                self.speak(1.0);
                let seconds = u64::try_from(seconds).unwrap_or(0).min(60);
                self.fault.silent_at = now.checked_add(Duration::from_secs(seconds));
            }
            // Without a word, as a crash would.
            Scenario::NodeFailure(_) => {
                self.ended = Some(super::Ended { reason: proto::DisconnectReason::UnknownReason });
            }
            Scenario::Migration(_) => self.leave(proto::DisconnectReason::Migration, Action::Reconnect),
            Scenario::ServerLeave(_) => {
                self.leave(proto::DisconnectReason::ServerShutdown, Action::Reconnect)
            }
            Scenario::LeaveRequestFullReconnect(_) => {
                self.leave(proto::DisconnectReason::UnknownReason, Action::Reconnect);
            }
            Scenario::DisconnectSignalOnResume(_) => self.fault.close_after_resume = true,
            Scenario::DisconnectSignalOnResumeNoMessages(_) => self.fault.close_next_resume = true,
            // Clients choose among our candidates themselves; there is no estimate to bound yet.
            Scenario::SwitchCandidateProtocol(_) | Scenario::SubscriberBandwidth(_) => {}
        }
    }

    pub(super) fn fault_deadline(&mut self, now: Instant) {
        if self.fault.silent_at.is_some_and(|at| at <= now) {
            self.fault.silent_at = None;
            self.speak(0.0);
        }
    }

    fn speak(&mut self, level: f32) {
        let speaker = proto::SpeakerInfo { sid: self.sid.clone(), level, active: level > 0.0 };
        self.send(Message::SpeakersChanged(proto::SpeakersChanged { speakers: vec![speaker] }));
    }
}
