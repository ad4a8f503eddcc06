//! The answer to a join.

use std::time::Instant;

use chevet_control::registry::Snapshot;
use chevet_sfu_io::api::DataChannels;
use livekit_protocol as proto;
use proto::signal_response::Message;

use super::peer::Peer;
use super::{House, Protocol, ServerFacts, Session};

/// The version that clients compare to decide on features; ours goes into `debug_info`.
const COMPATIBLE_VERSION: &str = "1.9.4";
/// The signal protocol that we speak.
pub(super) const SIGNAL_PROTOCOL: i32 = 17;
/// Seconds, told to the client.
const PING_INTERVAL: i32 = 5;
/// Seconds; the socket task holds the client to the same.
const PING_TIMEOUT: i32 = 15;

pub(super) fn server_info(facts: &ServerFacts) -> proto::ServerInfo {
    proto::ServerInfo {
        edition: proto::server_info::Edition::Standard as i32,
        version: COMPATIBLE_VERSION.to_owned(),
        protocol: SIGNAL_PROTOCOL,
        region: String::new(),
        node_id: facts.node_id.clone(),
        debug_info: concat!("chevet ", env!("CARGO_PKG_VERSION")).to_owned(),
        agent_protocol: 0,
    }
}

/// What clients may publish; the first video codec is livekit-client's fallback.
fn publish_codecs() -> Vec<proto::Codec> {
    ["video/VP8", "video/H264", "video/VP9", "video/AV1", "audio/opus", "audio/red"]
        .into_iter()
        .map(|mime| proto::Codec { mime: mime.to_owned(), fmtp_line: String::new() })
        .collect()
}

impl<H: House> Session<H> {
    pub(super) fn welcome(&mut self, now: Instant, snapshot: Snapshot) {
        let permission = snapshot.participant.permission.clone().unwrap_or_default();
        let dual = self.hello.protocol == Protocol::Dual;
        #[allow(deprecated)]
        let join = proto::JoinResponse {
            room: Some(snapshot.room),
            participant: Some(snapshot.participant),
            other_participants: snapshot.others,
            server_version: COMPATIBLE_VERSION.to_owned(),
            ice_servers: Vec::new(),
            subscriber_primary: dual && permission.can_subscribe,
            ping_timeout: PING_TIMEOUT,
            ping_interval: PING_INTERVAL,
            server_info: Some(server_info(&self.facts)),
            enabled_publish_codecs: publish_codecs(),
            fast_publish: permission.can_publish || permission.can_publish_data,
            ..proto::JoinResponse::default()
        };
        self.send(Message::Join(join));

        if dual && permission.can_subscribe {
            self.open_subscriber(true);
        }
        for publication in snapshot.data_publications {
            self.data_appeared(publication);
        }
        for offered in snapshot.publications {
            self.track_appeared(now, offered);
        }
        // The first offer does not wait: it brings the data channels.
        if self.subscriber.is_some() {
            self.make_offer(now);
        }
        for request in std::mem::take(&mut self.hello.add_tracks) {
            self.add_track(request);
        }
        if let Some(offer) = self.hello.offer.take() {
            self.client_offer(now, offer);
        }
        self.send_token(now);
    }

    pub(super) fn open_subscriber(&mut self, data_downstream: bool) {
        self.subscriber =
            Some(Peer::open(&mut self.house, &mut self.commands, DataChannels::Open, data_downstream));
    }

    /// The peer connection that the client offers. In v0 it carries data down only for those who have no other.
    pub(super) fn open_publisher(&mut self) -> Peer {
        let downstream = self.hello.protocol == Protocol::Single || self.subscriber.is_none();
        Peer::open(&mut self.house, &mut self.commands, DataChannels::Accept, downstream)
    }
}
