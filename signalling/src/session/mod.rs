//! A participant's session: one state machine for both protocol versions.
//!
//! It is a value. Requests of the client, notices of the room and the time go in; messages to the client, commands to
//! the media server and actions on the registry come out, the latter two through [`House`]. No socket, no clock, no task:
//! [`crate::socket`] runs it.
//!
//! The session outlives its sockets: while none is attached it goes on taking notices, and what it would have said is
//! made up for when the client resumes ([`resume`]).

mod answer;
mod data;
mod house;
mod join;
mod offer;
mod peer;
mod publish;
mod requests;
mod resume;
mod subscribe;
mod values;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use chevet_control::registry::{Notice, Snapshot};
use chevet_sfu_io::api::{Command, Event, TransportId};
use livekit_protocol as proto;
use proto::signal_response::Message;

pub use house::House;
use peer::Peer;

/// How long a client may take from join to a connected transport.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(60);
/// The client's answer to an offer of ours.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);
/// A client that leaves may close its transports before its word of leaving is here.
const LAST_WORD: Duration = Duration::from_secs(1);
const TOKEN_PERIOD: Duration = Duration::from_secs(300);
/// Longer than a session waits for its client to come back, with the time in which nobody noticed that it was gone.
const DEPARTURES_KEPT: Duration = Duration::from_secs(120);
const DEPARTURES_MAX: usize = 1024;

/// Which signalling protocol the client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// v0: the client publishes on one peer connection and receives on another, which the server offers.
    Dual,
    /// v1: one peer connection, offered by the client.
    Single,
}

/// What a client brings when it connects.
#[derive(Clone, Debug)]
pub struct Hello {
    pub protocol: Protocol,
    pub auto_subscribe: bool,
    pub auto_subscribe_data: bool,
    pub adaptive_stream: bool,
    pub client: proto::ClientInfo,
    pub add_tracks: Vec<proto::AddTrackRequest>,
    pub offer: Option<proto::SessionDescription>,
    pub sync_state: Option<proto::SyncState>,
}

/// Facts about the server that clients are told.
#[derive(Clone, Debug)]
pub struct ServerFacts {
    pub node_id: String,
    /// Clients may ask for simulated faults.
    pub development: bool,
}

/// How the session ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    pub reason: proto::DisconnectReason,
}

/// Somebody who left the room.
struct Departure {
    at: Instant,
    sid: String,
    identity: String,
}

/// See the module.
pub struct Session<H: House> {
    house: H,
    facts: ServerFacts,
    hello: Hello,
    sid: String,
    outbox: VecDeque<Message>,
    commands: Vec<Command>,
    attached: bool,
    /// The socket is to be closed, while the session goes on (simulated fault).
    drop_socket: bool,
    ended: Option<Ended>,

    publisher: Option<Peer>,
    subscriber: Option<Peer>,
    active: bool,
    connect_by: Option<Instant>,
    /// A transport is gone for good: when to send the client to start afresh.
    failed: Option<Instant>,
    token_due: Instant,

    publish: publish::Publishing,
    subscribe: subscribe::Subscribing,
    offers: offer::Offers,
    single: answer::Single,
    data: data::DataTracks,
    resume: resume::Resuming,
    /// Who left lately, the oldest first: a client that comes back may not have heard of it.
    left: VecDeque<Departure>,
    fault: requests::Faults,
}

impl<H: House> Session<H> {
    /// Begins with the answer to a join. What the client brought with it (v1) is handled at once.
    pub fn join(now: Instant, house: H, facts: ServerFacts, hello: Hello, snapshot: Snapshot) -> Session<H> {
        let mut session = Session {
            sid: snapshot.participant.sid.clone(),
            house,
            facts,
            outbox: VecDeque::new(),
            commands: Vec::new(),
            attached: true,
            drop_socket: false,
            ended: None,
            publisher: None,
            subscriber: None,
            active: false,
            connect_by: now.checked_add(CONNECT_TIMEOUT),
            failed: None,
            token_due: now.checked_add(TOKEN_PERIOD).unwrap_or(now),
            publish: publish::Publishing::default(),
            subscribe: subscribe::Subscribing::default(),
            offers: offer::Offers::default(),
            single: answer::Single::default(),
            data: data::DataTracks::default(),
            resume: resume::Resuming::default(),
            left: VecDeque::new(),
            fault: requests::Faults::default(),
            hello,
        };
        session.welcome(now, snapshot);
        session.settle();
        session
    }

    pub fn on_request(&mut self, now: Instant, request: proto::signal_request::Message) {
        if self.ended.is_none() {
            self.request(now, request);
            self.settle();
        }
    }

    /// `Notice::Attached` is not for here: see [`Session::on_attached`].
    pub fn on_notice(&mut self, now: Instant, notice: Notice) {
        if self.ended.is_none() {
            self.notice(now, notice);
            self.settle();
        }
    }

    pub fn on_deadline(&mut self, now: Instant) {
        if self.ended.is_some() {
            return;
        }
        if self.connect_by.is_some_and(|at| at <= now) {
            self.leave(proto::DisconnectReason::JoinFailure, proto::leave_request::Action::Disconnect);
        }
        if self.failed.is_some_and(|at| at <= now) {
            // Only new peer connections help.
            self.leave(proto::DisconnectReason::ConnectionTimeout, proto::leave_request::Action::Reconnect);
        }
        if self.token_due <= now {
            self.send_token(now);
        }
        self.resume_deadline(now);
        self.offer_deadline(now);
        self.requirement_deadline(now);
        self.fault_deadline(now);
        self.wish_deadline(now);
        self.settle();
    }

    pub fn next_deadline(&self) -> Option<Instant> {
        if self.ended.is_some() {
            return None;
        }
        [
            self.connect_by,
            self.failed,
            Some(self.token_due),
            self.resume.due(),
            self.offers.due(),
            self.single.due(),
            self.fault.due(),
            self.subscribe.due(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// The socket broke. The session waits for another; how long is the registry's decision.
    pub fn on_socket_lost(&mut self, _now: Instant) {
        if self.ended.is_none() && self.attached {
            self.attached = false;
            self.outbox.clear();
            self.house.connection_lost();
        }
    }

    /// The room's channel broke: nothing can be known any more.
    pub fn on_room_lost(&mut self) {
        if self.ended.is_none() {
            self.mismatch("the session fell behind its room");
        }
    }

    /// What to send next, in order.
    pub fn poll_message(&mut self) -> Option<Message> {
        if self.resume.holds() {
            return None;
        }
        let message = self.outbox.pop_front();
        if self.outbox.is_empty() {
            // Four messages take 3.5 KiB, and most of the time there is none.
            self.outbox = VecDeque::new();
        }
        message
    }

    /// True once: close the socket, but go on.
    pub fn take_socket_drop(&mut self) -> bool {
        self.outbox.is_empty() && std::mem::take(&mut self.drop_socket)
    }

    pub fn ended(&self) -> Option<Ended> {
        self.ended
    }

    pub fn house(&self) -> &H {
        &self.house
    }

    pub fn into_house(self) -> H {
        self.house
    }

    fn notice(&mut self, now: Instant, notice: Notice) {
        match notice {
            Notice::Update(participants) => self.tell_participants(now, &participants),
            Notice::RoomUpdate(room) => {
                self.send(Message::RoomUpdate(proto::RoomUpdate { room: Some(*room) }))
            }
            Notice::Published(offered) => self.track_appeared(now, offered),
            Notice::Unpublished { track_sid, .. } => self.track_gone(now, &track_sid),
            Notice::Allowed { publisher_sid, track_sid, allowed } => {
                self.track_allowed(now, &publisher_sid, &track_sid, allowed);
            }
            Notice::DataPublished(publication) => self.data_appeared(publication),
            Notice::DataUnpublished { data_track, .. } => self.data_gone(data_track),
            Notice::Media(event) => self.event(now, event),
            Notice::Speakers(speakers) => {
                self.send(Message::SpeakersChanged(proto::SpeakersChanged { speakers }));
            }
            Notice::Quality(updates) => {
                self.send(Message::ConnectionQuality(proto::ConnectionQualityUpdate { updates }));
            }
            Notice::Subscribe { track_sids, subscribe } => self.wish(now, track_sids, subscribe),
            Notice::Mute { track_sid, muted } => self.muted_by_room(&track_sid, muted),
            Notice::PermissionChanged(permission) => self.permission_changed(now, &permission),
            Notice::ClaimsChanged => self.send_token(now),
            Notice::Attached(_) => {}
            Notice::Leave { reason, action } => self.leave(reason, action),
        }
    }

    fn event(&mut self, now: Instant, event: Event) {
        match event {
            Event::TransportConnected { transport, .. } => self.transport_connected(transport),
            Event::TransportLost { transport, .. } => {
                tracing::debug!(sid = %self.sid, ?transport, "transport went quiet");
            }
            Event::TransportRecovered { .. } => {}
            Event::TransportFailed { transport, why, .. } => {
                let ours = [&self.publisher, &self.subscriber];
                if ours.into_iter().flatten().any(|peer| peer.id == transport) {
                    tracing::info!(sid = %self.sid, ?why, "transport failed");
                    if self.failed.is_none() {
                        self.failed = now.checked_add(LAST_WORD);
                    }
                }
            }
            Event::TrackLive { track, .. } => self.track_live(track),
            Event::Wanted { track, quality, .. } => self.quality_wanted(track, quality),
            Event::FirstSubscriber { track, .. } => self.first_subscriber(track),
            Event::Resumed { last_sequence, .. } => self.resumed(now, last_sequence),
            Event::Suspended { subscription, suspended, .. } => self.stream_state(subscription, suspended),
            Event::SlowReceiver { streams, .. } => {
                tracing::info!(sid = %self.sid, streams, "streams to a slow receiver were ended");
            }
            Event::Speakers { .. } | Event::Quality { .. } | Event::Report { .. } => {}
        }
    }

    fn transport_connected(&mut self, transport: TransportId) {
        for peer in [&mut self.publisher, &mut self.subscriber].into_iter().flatten() {
            if peer.id == transport {
                peer.connected = true;
            }
        }
        let primary = self.subscriber.as_ref().or(self.publisher.as_ref());
        if !self.active && primary.is_some_and(|peer| peer.connected) {
            self.active = true;
            self.connect_by = None;
            self.house.set_active();
        }
    }

    /// Remembers who left, so that a resume can name them.
    fn tell_participants(&mut self, now: Instant, participants: &[proto::ParticipantInfo]) {
        self.left.retain(|departure| now.saturating_duration_since(departure.at) < DEPARTURES_KEPT);
        let gone = |info: &&proto::ParticipantInfo| {
            info.state == proto::participant_info::State::Disconnected as i32 && info.sid != self.sid
        };
        for info in participants.iter().filter(gone) {
            if self.left.len() >= DEPARTURES_MAX {
                self.left.pop_front();
            }
            let (sid, identity) = (info.sid.clone(), info.identity.clone());
            self.left.push_back(Departure { at: now, sid, identity });
        }
        if self.attached && !participants.is_empty() {
            let participants = participants.to_vec();
            self.send(Message::Update(proto::ParticipantUpdate { participants }));
        }
    }

    fn send(&mut self, message: Message) {
        if self.attached {
            self.outbox.push_back(message);
        }
    }

    fn send_token(&mut self, now: Instant) {
        self.token_due = now.checked_add(TOKEN_PERIOD).unwrap_or(now);
        if let Some(token) = self.house.refresh_token() {
            self.send(Message::RefreshToken(token));
        }
    }

    fn leave(&mut self, reason: proto::DisconnectReason, action: proto::leave_request::Action) {
        if self.ended.is_some() {
            return;
        }
        if self.resume.holds() {
            // Nothing but this may come before `reconnect`.
            self.outbox.clear();
            self.resume.release();
        }
        self.send(Message::Leave(proto::LeaveRequest {
            can_reconnect: action != proto::leave_request::Action::Disconnect,
            reason: reason as i32,
            action: action as i32,
            regions: None,
        }));
        self.ended = Some(Ended { reason });
    }

    /// The two sides' pictures differ beyond repair: the client shall start afresh.
    fn mismatch(&mut self, why: &str) {
        tracing::info!(sid = %self.sid, why, "session given up");
        self.leave(proto::DisconnectReason::StateMismatch, proto::leave_request::Action::Reconnect);
    }

    /// Commands leave at the end of each input, in order. A worker that takes none has lost the thread of this session.
    fn settle(&mut self) {
        let commands = std::mem::take(&mut self.commands);
        for command in commands {
            if self.house.command(command).is_err() {
                return self.mismatch("the media worker is overloaded");
            }
        }
    }
}
