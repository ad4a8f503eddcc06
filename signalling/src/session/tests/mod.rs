//! The session against captured offers, and against random orders of events.

mod flows;
mod negotiation;
mod random;
mod resumes;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chevet_control::media::Overloaded;
use chevet_control::registry::{MediaTrack, Offered, Publication, Refused, Snapshot};
use chevet_sfu_io::api::{
    Candidate, CandidateProtocol, Codec, Command, DataTrackId, DtlsRole, Event, Fingerprint, IceCredentials,
    MemberId, SubscriptionId, TrackId, TransportId,
};
use chevet_sfu_io::sdp::{self, Direction, LocalEnd, Replied, SectionKind};
use livekit_protocol as proto;
use proto::signal_request::Message as Asked;
use proto::signal_response::Message;

use super::*;

macro_rules! captures {
    ($($name:ident),*) => {
        $(pub const $name: &str = include_str!(concat!("../../../../sfu/core/tests/fixtures/sdp/", stringify!($name), ".sdp"));)*
    };
}

#[allow(non_upper_case_globals)]
pub mod capture {
    captures!(
        c1_1, c1_2, c1_3, c1_4, f1_1, f1_2, f1_3, fsvp8_1, fsvp8_2, fsvp8_3, svp8_1, svp8_2, svp8_3, svp9_3
    );
    pub const ALL: &[&str] = &[
        c1_1, c1_2, c1_3, c1_4, f1_1, f1_2, f1_3, fsvp8_1, fsvp8_2, fsvp8_3, svp8_1, svp8_2, svp8_3, svp9_3,
    ];
}

/// A room of fixed answers that notes what it is told.
pub struct Table {
    pub commands: Vec<Command>,
    pub permission: proto::ParticipantPermission,
    pub published: HashMap<String, proto::TrackInfo>,
    pub subscribed: Vec<TrackId>,
    pub active: bool,
    pub lost: bool,
    pub others: Vec<proto::ParticipantInfo>,
    pub publications: Vec<Offered>,
    number: u64,
    pub overloaded: bool,
    pub first: bool,
}

impl Default for Table {
    fn default() -> Self {
        Table {
            commands: Vec::new(),
            permission: proto::ParticipantPermission {
                can_subscribe: true,
                can_publish: true,
                can_publish_data: true,
                ..proto::ParticipantPermission::default()
            },
            published: HashMap::new(),
            subscribed: Vec::new(),
            active: false,
            lost: false,
            others: Vec::new(),
            publications: Vec::new(),
            number: 100,
            overloaded: false,
            first: false,
        }
    }
}

impl Table {
    fn next(&mut self) -> u64 {
        self.number += 1;
        self.number
    }

    pub fn myself(&self) -> proto::ParticipantInfo {
        proto::ParticipantInfo {
            sid: "PA_me".into(),
            identity: "me".into(),
            permission: Some(self.permission.clone()),
            version: 1,
            ..proto::ParticipantInfo::default()
        }
    }

    pub fn room(&self) -> Snapshot {
        Snapshot {
            room: proto::Room { sid: "RM_x".into(), name: "x".into(), ..proto::Room::default() },
            participant: self.myself(),
            others: self.others.clone(),
            publications: self.publications.clone(),
            data_publications: Vec::new(),
        }
    }
}

impl House for Table {
    fn member(&self) -> MemberId {
        MemberId(1)
    }
    fn command(&mut self, command: Command) -> Result<(), Overloaded> {
        if self.overloaded {
            return Err(Overloaded);
        }
        self.commands.push(command);
        Ok(())
    }
    fn fingerprint(&self) -> Fingerprint {
        Fingerprint([1; 32])
    }
    fn candidates(&self) -> Vec<Candidate> {
        vec![Candidate { addr: ([127, 0, 0, 1], 7881).into(), protocol: CandidateProtocol::Udp }]
    }
    fn new_transport(&mut self) -> TransportId {
        TransportId(self.next())
    }
    fn new_track(&mut self) -> TrackId {
        TrackId(self.next())
    }
    fn new_subscription(&mut self) -> SubscriptionId {
        SubscriptionId(self.next())
    }
    fn new_data_track(&mut self) -> DataTrackId {
        DataTrackId(self.next())
    }
    fn new_credentials(&mut self) -> IceCredentials {
        let number = self.next();
        IceCredentials { ufrag: format!("frag{number}"), pwd: format!("password0000000000000{number}") }
    }
    fn new_track_sid(&mut self, _: proto::TrackType, _: proto::TrackSource) -> String {
        format!("TR_own{}", self.next())
    }
    fn new_data_track_sid(&mut self) -> String {
        format!("DTR_own{}", self.next())
    }
    fn random(&mut self) -> u64 {
        self.next().wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }
    fn unix_ms(&self) -> i64 {
        1_000
    }
    fn snapshot(&self) -> Option<Snapshot> {
        Some(self.room())
    }
    fn permission(&self) -> proto::ParticipantPermission {
        self.permission.clone()
    }
    fn comes_first(&self) -> bool {
        self.first
    }
    fn refresh_token(&self) -> Option<String> {
        Some("token".into())
    }
    fn set_active(&mut self) {
        self.active = true;
    }
    fn connection_lost(&mut self) {
        self.lost = true;
    }
    fn connection_restored(&mut self) {
        self.lost = false;
    }
    fn may_publish(&self, _: proto::TrackSource) -> Result<(), Refused> {
        if self.permission.can_publish { Ok(()) } else { Err(Refused::NotAllowed) }
    }
    fn publish(&mut self, info: proto::TrackInfo, _: Vec<MediaTrack>) -> Result<(), Refused> {
        self.published.insert(info.sid.clone(), info);
        Ok(())
    }
    fn update_track(&mut self, info: &proto::TrackInfo) -> Result<(), Refused> {
        self.published.insert(info.sid.clone(), info.clone());
        Ok(())
    }
    fn unpublish(&mut self, track_sid: &str) -> Result<(), Refused> {
        self.published.remove(track_sid).map(|_| ()).ok_or(Refused::NotFound)
    }
    fn publish_data_track(&mut self, _: proto::DataTrackInfo, _: DataTrackId) -> Result<(), Refused> {
        Ok(())
    }
    fn unpublish_data_track(&mut self, _: DataTrackId) -> Result<proto::DataTrackInfo, Refused> {
        Ok(proto::DataTrackInfo::default())
    }
    fn update_metadata(&mut self, _: &str, _: &str, _: &HashMap<String, String>) -> Result<(), Refused> {
        Ok(())
    }
    fn set_subscription_permission(&mut self, _: proto::SubscriptionPermission) {}
    fn set_subscribed(&mut self, track: TrackId, subscribed: bool) {
        if subscribed {
            self.subscribed.push(track);
        } else {
            self.subscribed.retain(|known| *known != track);
        }
    }
}

pub fn hello(protocol: Protocol) -> Hello {
    Hello {
        protocol,
        auto_subscribe: true,
        auto_subscribe_data: false,
        adaptive_stream: false,
        client: proto::ClientInfo::default(),
        add_tracks: Vec::new(),
        offer: None,
        sync_state: None,
    }
}

pub fn facts() -> ServerFacts {
    ServerFacts { node_id: "ND_test".into(), development: true }
}

pub fn description(kind: &str, id: u32, sdp: &str) -> proto::SessionDescription {
    proto::SessionDescription {
        r#type: kind.into(),
        sdp: sdp.into(),
        id,
        ..proto::SessionDescription::default()
    }
}

pub fn offer(id: u32, sdp: &str) -> Asked {
    Asked::Offer(description("offer", id, sdp))
}

pub fn other(sid: &str) -> proto::ParticipantInfo {
    proto::ParticipantInfo { sid: sid.into(), identity: sid.to_lowercase(), version: 1, ..Default::default() }
}

/// A track of somebody else's.
pub fn publication(number: u64, kind: proto::TrackType, codec: Codec) -> Offered {
    let info =
        proto::TrackInfo { sid: format!("TR_{number}"), r#type: kind as i32, ..proto::TrackInfo::default() };
    let publication = Publication {
        publisher: MemberId(2),
        publisher_sid: "PA_other".into(),
        publisher_identity: "other".into(),
        info,
        media: vec![MediaTrack { track: TrackId(number), codec }],
    };
    Offered { publication: Arc::new(publication), allowed: true }
}

pub fn audio(number: u64) -> Offered {
    publication(number, proto::TrackType::Audio, Codec::Opus)
}

pub fn video(number: u64) -> Offered {
    publication(number, proto::TrackType::Video, Codec::Vp8)
}

pub fn add_track(cid: &str, kind: proto::TrackType) -> proto::AddTrackRequest {
    proto::AddTrackRequest { cid: cid.into(), r#type: kind as i32, ..proto::AddTrackRequest::default() }
}

/// A session with the time and the messages taken so far.
pub struct Bench {
    pub session: Session<Table>,
    pub now: Instant,
}

impl Bench {
    pub fn new(table: Table, hello: Hello) -> Bench {
        let (now, snapshot) = (Instant::now(), table.room());
        Bench { session: Session::join(now, table, facts(), hello, snapshot), now }
    }

    pub fn ask(&mut self, request: Asked) -> Vec<Message> {
        self.session.on_request(self.now, request);
        self.messages()
    }

    pub fn notice(&mut self, notice: Notice) -> Vec<Message> {
        self.session.on_notice(self.now, notice);
        self.messages()
    }

    pub fn pass(&mut self, time: Duration) -> Vec<Message> {
        let end = self.now + time;
        while let Some(at) = self.session.next_deadline().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.session.on_deadline(self.now);
        }
        self.now = end;
        self.messages()
    }

    pub fn messages(&mut self) -> Vec<Message> {
        std::iter::from_fn(|| self.session.poll_message()).collect()
    }

    pub fn commands(&mut self) -> Vec<Command> {
        std::mem::take(&mut self.session.house.commands)
    }

    pub fn connect(&mut self) {
        let peers = [&self.session.publisher, &self.session.subscriber];
        let transports: Vec<TransportId> = peers.into_iter().flatten().map(|peer| peer.id).collect();
        for transport in transports {
            let event = Event::TransportConnected { transport, member: MemberId(1) };
            self.session.on_notice(self.now, Notice::Media(event));
        }
    }
}

pub fn offers(messages: &[Message]) -> Vec<&proto::SessionDescription> {
    messages
        .iter()
        .filter_map(|message| match message {
            Message::Offer(description) => Some(description),
            _ => None,
        })
        .collect()
}

pub fn answers(messages: &[Message]) -> Vec<&proto::SessionDescription> {
    messages
        .iter()
        .filter_map(|message| match message {
            Message::Answer(description) => Some(description),
            _ => None,
        })
        .collect()
}

/// What a browser would answer to an offer of ours: it receives everything that is sent.
pub fn browser_answer(offer: &proto::SessionDescription) -> Asked {
    let remote = sdp::parse(&offer.sdp).expect("our offers are read");
    let replies: Vec<Replied> = remote
        .sections
        .iter()
        .map(|section| match section.kind {
            SectionKind::Data => Replied::Data,
            _ if section.direction == Direction::SendOnly => Replied::Media {
                direction: Direction::RecvOnly,
                payloads: sdp::choose_sent(section, None, false),
                sender: None,
            },
            _ => Replied::Media {
                direction: Direction::Inactive,
                payloads: sdp::choose_sent(section, None, false),
                sender: None,
            },
        })
        .collect();
    let ice = IceCredentials { ufrag: "client".into(), pwd: "clientclientclientclient".into() };
    let local =
        LocalEnd { ice: &ice, fingerprint: &Fingerprint([2; 32]), candidates: &[], session: 1, version: 1 };
    let text = sdp::answer(local, &remote, &replies, DtlsRole::Client);
    Asked::Answer(description("answer", offer.id, &text))
}
