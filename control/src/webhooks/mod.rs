//! Events for other servers, as LiveKit webhooks: a signed POST for each.
//!
//! The registry queues events while it holds its lock, so their order is the order of what happened. Every receiver has
//! a few lanes; a room always takes the same lane, and a lane sends one event at a time and tries it again until it is
//! taken or given up. So the order per room holds, a slow receiver delays no other, and what waits is bounded: events
//! beyond the bound are dropped and counted.

mod deliver;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use livekit_protocol as proto;
use tokio::sync::mpsc;

use crate::settings::WebhookConfig;
use crate::sid;
use crate::tokens::Tokens;

/// Queues per receiver.
const LANES: usize = 4;

#[derive(Debug, Default)]
pub(crate) struct WebhookCounts {
    pub delivered: AtomicU64,
    pub retried: AtomicU64,
    /// Given up after the last try.
    pub failed: AtomicU64,
    /// No room in the queue.
    pub dropped: AtomicU64,
}

/// Where events go in. Does nothing when no receiver is configured.
#[derive(Clone, Default)]
pub(crate) struct Webhooks {
    /// By receiver, then by lane.
    receivers: Vec<Vec<mpsc::Sender<Bytes>>>,
    pub counts: Arc<WebhookCounts>,
}

impl Webhooks {
    /// Starts the lanes on the current tokio runtime; they end when the last handle is dropped and all is sent.
    pub fn start(configs: &[WebhookConfig], tokens: &Arc<Tokens>) -> Webhooks {
        let counts = Arc::new(WebhookCounts::default());
        let client = deliver::client();
        let mut receivers = Vec::new();
        for (config, url) in
            configs.iter().flat_map(|config| config.urls.iter().map(move |url| (config, url)))
        {
            let mut lanes = Vec::new();
            for _ in 0..LANES {
                let (sender, queue) = mpsc::channel(config.queue.max(1));
                let lane = deliver::Lane {
                    url: url.clone(),
                    config: config.clone(),
                    tokens: tokens.clone(),
                    client: client.clone(),
                    counts: counts.clone(),
                };
                tokio::spawn(lane.run(queue));
                lanes.push(sender);
            }
            receivers.push(lanes);
        }
        Webhooks { receivers, counts }
    }

    pub fn room_started(&self, room: &proto::Room) {
        self.send(event("room_started", Some(room)));
    }

    pub fn room_finished(&self, room: &proto::Room, why: proto::RoomEndReason) {
        let mut event = event("room_finished", Some(room));
        event.room_end_reason = why as i32;
        self.send(event);
    }

    /// participant_joined, participant_left, participant_connection_aborted.
    pub fn participant(&self, name: &str, room: Option<&proto::Room>, participant: &proto::ParticipantInfo) {
        let mut event = event(name, room);
        event.participant = Some(participant.clone());
        self.send(event);
    }

    /// track_published, track_unpublished: with no more of room and participant than what names them. And two events of
    /// our own, which LiveKit does not have: track_suspended and track_resumed, where the participant is the one who
    /// receives (or does not receive) the track.
    pub fn track(
        &self,
        name: &str,
        room: Option<&proto::Room>,
        participant: &proto::ParticipantInfo,
        track: &proto::TrackInfo,
    ) {
        let slim_room = room.map(|room| proto::Room {
            sid: room.sid.clone(),
            name: room.name.clone(),
            ..proto::Room::default()
        });
        let mut event = event(name, slim_room.as_ref());
        event.participant = Some(proto::ParticipantInfo {
            sid: participant.sid.clone(),
            identity: participant.identity.clone(),
            name: participant.name.clone(),
            kind: participant.kind,
            ..proto::ParticipantInfo::default()
        });
        event.track = Some(track.clone());
        self.send(event);
    }

    fn send(&self, event: proto::WebhookEvent) {
        if self.receivers.is_empty() {
            return;
        }
        let room = event.room.as_ref().map_or("", |room| room.name.as_str());
        let mut hasher = DefaultHasher::new();
        room.hash(&mut hasher);
        let lane = usize::try_from(hasher.finish() % LANES as u64).unwrap_or(0);
        let Ok(body) = serde_json::to_vec(&event).map(Bytes::from) else { return };
        for lanes in &self.receivers {
            let sent = lanes.get(lane).map(|lane| lane.try_send(body.clone()));
            if !matches!(sent, Some(Ok(()))) {
                self.counts.dropped.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(event = %event.event, "webhook dropped: too many wait");
            }
        }
    }
}

fn event(name: &str, room: Option<&proto::Room>) -> proto::WebhookEvent {
    proto::WebhookEvent {
        event: name.to_owned(),
        room: room.cloned(),
        id: sid::event(),
        created_at: crate::registry::unix_seconds(),
        ..proto::WebhookEvent::default()
    }
}

#[cfg(test)]
mod tests;
