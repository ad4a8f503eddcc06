//! What the two peer connections of a [`Peer`](crate::Peer) report, and what is remembered of it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use livekit_protocol as proto;
use prost::Message;
use rtc::rtp_transceiver::rtp_sender::RtpCodecKind;
use webrtc::data_channel::{DataChannel, DataChannelEvent};
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};
use webrtc::peer_connection::{PeerConnectionEventHandler, RTCPeerConnectionState};

use crate::media::Heard;

/// All that was seen so far.
#[derive(Default)]
pub struct Seen {
    /// By identity.
    pub participants: HashMap<String, proto::ParticipantInfo>,
    /// By the client's own name of the track.
    pub published: HashMap<String, proto::TrackInfo>,
    pub heard: Vec<Arc<Heard>>,
    /// Sender and content.
    pub messages: Vec<(String, Bytes)>,
    pub left: Option<proto::LeaveRequest>,
    pub open_channels: usize,
    /// Publisher, subscriber.
    pub connected: [bool; 2],
}

pub type Shared = Arc<Mutex<Seen>>;

pub fn lock(seen: &Shared) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

pub struct Handler {
    pub seen: Shared,
    /// 0 for the publisher, 1 for the subscriber.
    pub which: usize,
}

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Handler {
    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        if let Some(connected) = lock(&self.seen).connected.get_mut(self.which) {
            *connected = state == RTCPeerConnectionState::Connected;
        }
    }

    async fn on_data_channel(&self, channel: Arc<dyn DataChannel>) {
        tokio::spawn(listen(channel, self.seen.clone()));
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        let seen = self.seen.clone();
        // Waiting here would hold up the connection.
        tokio::spawn(async move {
            let heard = Arc::new(Heard::new(track.kind().await == RtpCodecKind::Video));
            lock(&seen).heard.push(heard.clone());
            while let Some(event) = track.poll().await {
                if let TrackRemoteEvent::OnRtpPacket(packet) = event {
                    heard.packet(&packet);
                }
            }
        });
    }
}

pub async fn listen(channel: Arc<dyn DataChannel>, seen: Shared) {
    while let Some(event) = channel.poll().await {
        match event {
            DataChannelEvent::OnOpen => lock(&seen).open_channels += 1,
            DataChannelEvent::OnMessage(message) => {
                let Ok(packet) = proto::DataPacket::decode(&message.data[..]) else {
                    continue;
                };
                if let Some(proto::data_packet::Value::User(user)) = packet.value {
                    lock(&seen).messages.push((packet.participant_identity, user.payload.into()));
                }
            }
            _ => {}
        }
    }
}
