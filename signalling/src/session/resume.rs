//! A new socket for a session that lives on (`reconnect=1`).

use std::time::{Duration, Instant};

use chevet_sfu_io::api::Command;
use livekit_protocol as proto;
use proto::signal_response::Message;

use super::{Hello, House, Protocol, Session};

/// For the media server to say how far it got with the client's data. The first message is due within 5 s.
const NUMBER_TIMEOUT: Duration = Duration::from_millis(500);
/// Receive states of publishers that are passed on.
const STATES_MAX: usize = 4096;

#[derive(Debug, Default)]
pub(super) struct Resuming {
    /// Waiting for the number that `reconnect` tells; nothing may be sent before it.
    number_by: Option<Instant>,
}

impl Resuming {
    pub fn due(&self) -> Option<Instant> {
        self.number_by
    }

    pub fn holds(&self) -> bool {
        self.number_by.is_some()
    }

    /// Whatever waits may go: the session ends.
    pub fn release(&mut self) {
        self.number_by = None;
    }
}

impl<H: House> Session<H> {
    /// The client is back on a new socket; the caller has dropped the old one.
    pub fn on_attached(&mut self, now: Instant, hello: Hello) {
        if self.ended.is_some() {
            return;
        }
        self.attached = true;
        self.house.connection_restored();
        self.outbox.clear();
        self.drop_socket = false;
        // Everything else of the first hello stands, v0 clients repeat it and v1 clients do not.
        self.hello.sync_state = hello.sync_state;
        if self.fault.closes_next_resume() {
            self.drop_socket = true;
            return;
        }
        let member = self.house.member();
        self.commands.push(Command::Resume { member, received: Vec::new() });
        self.resume.number_by = now.checked_add(NUMBER_TIMEOUT);
        self.settle();
    }

    pub(super) fn resumed(&mut self, now: Instant, last_sequence: u32) {
        if self.resume.number_by.take().is_some() {
            self.greet_again(now, last_sequence);
        }
    }

    pub(super) fn resume_deadline(&mut self, now: Instant) {
        if self.resume.number_by.is_some_and(|at| at <= now) {
            self.resume.number_by = None;
            // The client sends everything again that it kept; the media server drops what it had.
            self.greet_again(now, 0);
        }
    }

    fn greet_again(&mut self, now: Instant, last_message_seq: u32) {
        if !self.attached {
            return;
        }
        let Some(snapshot) = self.house.snapshot() else {
            return self.mismatch("the participant is no longer seated");
        };
        // What was put into the queue meanwhile is older than the snapshot, or follows from it.
        let waiting = std::mem::take(&mut self.outbox);
        self.send(Message::Reconnect(proto::ReconnectResponse {
            ice_servers: Vec::new(),
            client_configuration: None,
            server_info: Some(super::join::server_info(&self.facts)),
            last_message_seq,
        }));

        let mut participants: Vec<proto::ParticipantInfo> = self
            .left
            .iter()
            .map(|gone| proto::ParticipantInfo {
                sid: gone.sid.clone(),
                identity: gone.identity.clone(),
                state: proto::participant_info::State::Disconnected as i32,
                ..proto::ParticipantInfo::default()
            })
            .collect();
        participants.extend(snapshot.others);
        participants.push(snapshot.participant);
        self.send(Message::Update(proto::ParticipantUpdate { participants }));
        self.send(Message::RoomUpdate(proto::RoomUpdate { room: Some(snapshot.room) }));
        let stale = |message: &Message| matches!(message, Message::Update(_) | Message::Offer(_));
        self.outbox.extend(waiting.into_iter().filter(|message| !stale(message)));

        for offered in snapshot.publications {
            self.track_appeared(now, offered);
        }
        for publication in snapshot.data_publications {
            self.data_appeared(publication);
        }
        self.repeat_stream_states();
        if self.has_data_handles() {
            self.tell_handles();
        }

        // Negotiations of the old socket are void. The client's own connection restarts by its offer.
        self.offers.reset();
        self.single.reset();
        match self.hello.protocol {
            Protocol::Dual => {
                if let Some(peer) = self.subscriber.as_mut() {
                    peer.restart(&mut self.house, &mut self.commands);
                    self.make_offer(now);
                }
            }
            Protocol::Single => self.request_sections_at(now),
        }
        if let Some(state) = self.hello.sync_state.take() {
            self.sync_state(now, state);
        }
        self.send_token(now);
        if self.fault.closes_after_resume() {
            self.drop_socket = true;
        }
    }

    /// The client's picture of the session, after a resume.
    pub(super) fn sync_state(&mut self, now: Instant, state: proto::SyncState) {
        let unknown = state
            .publish_tracks
            .iter()
            .filter_map(|published| published.track.as_ref())
            .any(|track| !self.publish.knows(&track.sid));
        if unknown {
            return self.mismatch("the client publishes a track that the session does not know");
        }
        if let Some(subscription) = state.subscription {
            let mut sids = subscription.track_sids;
            sids.extend(subscription.participant_tracks.into_iter().flat_map(|tracks| tracks.track_sids));
            self.replace_wishes(now, sids, subscription.subscribe);
        }
        for sid in state.track_sids_disabled {
            self.disable(sid);
        }
        if let Some(subscription) = state.data_subscription {
            self.update_data_subscription(subscription);
        }
        let received: Vec<(String, u32)> = state
            .datachannel_receive_states
            .into_iter()
            .take(STATES_MAX)
            .map(|state| (state.publisher_sid, state.last_seq))
            .collect();
        if !received.is_empty() {
            self.commands.push(Command::Resume { member: self.house.member(), received });
        }
    }
}
