//! A participant by protocol v0: two connections, the server offers on one and the client on the other.

use std::sync::Arc;

use anyhow::{Context, anyhow};
use bytes::BytesMut;
use futures_util::{SinkExt, StreamExt};
use livekit_protocol as proto;
use prost::Message;
use proto::signal_request::Message as Request;
use proto::signal_response::Message as Response;
use rtc::rtp_transceiver::rtp_sender::RtpCodecKind;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite;
use webrtc::data_channel::DataChannel;
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::peer_connection::{
    MediaEngine, PeerConnection, PeerConnectionBuilder, RTCSessionDescription, Registry,
    register_default_interceptors,
};
use webrtc::runtime::TokioRuntime;

use crate::handlers::{Handler, Seen, Shared, listen, lock};
use crate::media::{Heard, Kind, Publication};
use crate::server::{Claims, Server, token};
use crate::until;

pub struct Peer {
    pub identity: String,
    pub sid: String,
    seen: Shared,
    requests: mpsc::UnboundedSender<Request>,
    publisher: Arc<dyn PeerConnection>,
    channel: Arc<dyn DataChannel>,
    publications: Vec<Publication>,
    tasks: Vec<JoinHandle<()>>,
    sent: u32,
}

impl Peer {
    pub async fn join(server: &Server, room: &str, identity: &str) -> Peer {
        let joined = Peer::try_join(server, room, identity).await;
        let peer =
            joined.unwrap_or_else(|error| panic!("{identity} cannot join: {error:#}\n{}", server.tail()));
        until(&format!("{identity} is connected"), server, async || {
            let seen = lock(&peer.seen);
            seen.connected[1]
        })
        .await;
        peer
    }

    async fn try_join(server: &Server, room: &str, identity: &str) -> anyhow::Result<Peer> {
        let jwt = token(room, identity, &Claims::default());
        let query = format!("protocol=16&sdk=rust&version=1.0&auto_subscribe=1&access_token={jwt}");
        let url = format!("ws://127.0.0.1:{}/rtc?{query}", server.port);
        let (mut socket, _) = tokio_tungstenite::connect_async(url).await?;
        let first = socket.next().await.context("the socket closed at once")??;
        let Some(Response::Join(join)) = response(&first) else {
            return Err(anyhow!("the first message is not a join"));
        };
        let sid = join.participant.map(|own| own.sid).context("no participant in the join")?;
        let seen: Shared = Arc::default();
        for other in join.other_participants {
            lock(&seen).participants.insert(other.identity.clone(), other);
        }

        let publisher = connection(&seen, 0).await?;
        let subscriber = connection(&seen, 1).await?;
        let channel = publisher.create_data_channel("_reliable", None).await?;
        let (requests, mut outgoing) = mpsc::unbounded_channel::<Request>();
        let mut tasks = vec![tokio::spawn(listen(channel.clone(), Arc::default()))];

        let session = Session {
            seen: seen.clone(),
            publisher: publisher.clone(),
            subscriber,
            requests: requests.clone(),
        };
        tasks.push(tokio::spawn(async move {
            loop {
                tokio::select! {
                    message = socket.next() => match message {
                        Some(Ok(message)) => {
                            if let Some(response) = response(&message)
                                && let Err(error) = session.handle(response).await
                            {
                                eprintln!("signalling: {error:#}");
                            }
                        }
                        _ => return,
                    },
                    request = outgoing.recv() => {
                        let Some(request) = request else { return };
                        let message = proto::SignalRequest { message: Some(request) }.encode_to_vec();
                        if socket.send(tungstenite::Message::binary(message)).await.is_err() {
                            return;
                        }
                    }
                }
            }
        }));
        let identity = identity.to_owned();
        let mut peer = Peer {
            identity,
            sid,
            seen,
            requests,
            publisher,
            channel,
            publications: Vec::new(),
            tasks,
            sent: 0,
        };
        peer.offer().await?;
        Ok(peer)
    }

    async fn offer(&mut self) -> anyhow::Result<()> {
        let offer = self.publisher.create_offer(None).await?;
        let sdp = offer.sdp.clone();
        self.publisher.set_local_description(offer).await?;
        let offer = proto::SessionDescription { r#type: "offer".into(), sdp, ..Default::default() };
        self.requests.send(Request::Offer(offer))?;
        Ok(())
    }

    /// Publishes and goes on sending.
    pub async fn publish(&mut self, server: &Server, kind: Kind) {
        let ssrc = 1000 + 10 * self.publications.len() as u32;
        let publication = Publication::new(kind, &self.identity, ssrc);
        let video = kind == Kind::Vp8;
        let size = if video { (320, 240) } else { (0, 0) };
        let source = if video { proto::TrackSource::Camera } else { proto::TrackSource::Microphone };
        let track_type = if video { proto::TrackType::Video } else { proto::TrackType::Audio };
        let request = proto::AddTrackRequest {
            cid: publication.cid.clone(),
            name: publication.cid.clone(),
            r#type: track_type as i32,
            source: source as i32,
            width: size.0,
            height: size.1,
            ..Default::default()
        };
        let cid = publication.cid.clone();
        let (track, ssrc) = (publication.track.clone(), publication.ssrc());
        let adding = async {
            self.publisher.add_track(track.clone() as Arc<dyn TrackLocal>).await?;
            self.requests.send(Request::AddTrack(request))?;
            self.offer().await
        };
        adding.await.unwrap_or_else(|error: anyhow::Error| panic!("{cid} cannot be published: {error:#}"));
        self.publications.push(publication);
        until(&format!("{cid} is published"), server, async || lock(&self.seen).published.contains_key(&cid))
            .await;
        self.tasks.push(tokio::spawn(Publication::send(track, kind, ssrc)));
    }

    /// The first track of this kind that came, once it has so many frames.
    pub async fn hears(&self, server: &Server, kind: Kind, frames: usize) -> Arc<Heard> {
        let video = kind == Kind::Vp8;
        let find = || lock(&self.seen).heard.iter().find(|heard| heard.video == video).cloned();
        until(&format!("{} has {frames} frames of {kind:?}", self.identity), server, async || {
            find().is_some_and(|heard| heard.frames() >= frames)
        })
        .await;
        find().unwrap_or_default()
    }

    /// To all, reliably.
    pub async fn send(&mut self, server: &Server, content: &[u8]) {
        until(&format!("{} can send data", self.identity), server, async || lock(&self.seen).connected[0])
            .await;
        self.sent += 1;
        let user = proto::UserPacket { payload: content.to_vec(), ..Default::default() };
        let packet = proto::DataPacket {
            sequence: self.sent,
            value: Some(proto::data_packet::Value::User(user)),
            ..Default::default()
        };
        let sending = self.channel.send(BytesMut::from(&packet.encode_to_vec()[..])).await;
        sending.unwrap_or_else(|error| panic!("{} cannot send: {error}", self.identity));
    }

    /// Waits for so many messages; sender and content of each.
    pub async fn receives(&self, server: &Server, count: usize) -> Vec<(String, Vec<u8>)> {
        until(&format!("{} has {count} messages", self.identity), server, async || {
            lock(&self.seen).messages.len() >= count
        })
        .await;
        self.messages()
    }

    pub fn messages(&self) -> Vec<(String, Vec<u8>)> {
        lock(&self.seen).messages.iter().map(|(from, content)| (from.clone(), content.to_vec())).collect()
    }

    pub fn sees(&self, identity: &str) -> Option<proto::ParticipantInfo> {
        lock(&self.seen).participants.get(identity).cloned()
    }

    pub fn request(&self, request: Request) {
        let _ = self.requests.send(request);
    }

    /// Still in the room and connected both ways.
    pub fn connected(&self) -> bool {
        let seen = lock(&self.seen);
        seen.left.is_none() && seen.connected == [true, true]
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

struct Session {
    seen: Shared,
    publisher: Arc<dyn PeerConnection>,
    subscriber: Arc<dyn PeerConnection>,
    requests: mpsc::UnboundedSender<Request>,
}

impl Session {
    async fn handle(&self, response: Response) -> anyhow::Result<()> {
        match response {
            Response::Offer(offer) => {
                self.subscriber.set_remote_description(RTCSessionDescription::offer(offer.sdp)?).await?;
                let answer = self.subscriber.create_answer(None).await?;
                let sdp = answer.sdp.clone();
                self.subscriber.set_local_description(answer).await?;
                let answer = proto::SessionDescription {
                    r#type: "answer".into(),
                    sdp,
                    id: offer.id,
                    ..Default::default()
                };
                self.requests.send(Request::Answer(answer))?;
            }
            Response::Answer(answer) => {
                self.publisher.set_remote_description(RTCSessionDescription::answer(answer.sdp)?).await?;
            }
            Response::Update(update) => {
                let mut seen = lock(&self.seen);
                for info in update.participants {
                    seen.participants.insert(info.identity.clone(), info);
                }
            }
            Response::TrackPublished(published) => {
                let track = published.track.unwrap_or_default();
                lock(&self.seen).published.insert(published.cid, track);
            }
            Response::Leave(leave) => lock(&self.seen).left = Some(leave),
            _ => {}
        }
        Ok(())
    }
}

fn response(message: &tungstenite::Message) -> Option<Response> {
    let tungstenite::Message::Binary(bytes) = message else {
        return None;
    };
    proto::SignalResponse::decode(&bytes[..]).ok()?.message
}

async fn connection(
    seen: &Arc<std::sync::Mutex<Seen>>,
    which: usize,
) -> anyhow::Result<Arc<dyn PeerConnection>> {
    let mut engine = MediaEngine::default();
    engine.register_codec(Kind::Opus.codec(), RtpCodecKind::Audio)?;
    engine.register_codec(Kind::Vp8.codec(), RtpCodecKind::Video)?;
    let registry = register_default_interceptors(Registry::new(), &mut engine)?;
    let connection = PeerConnectionBuilder::new()
        .with_media_engine(engine)
        .with_interceptor_registry(registry)
        .with_handler(Arc::new(Handler { seen: seen.clone(), which }))
        .with_runtime(Arc::new(TokioRuntime))
        .with_udp_addrs(vec!["127.0.0.1:0"])
        .build()
        .await?;
    Ok(Arc::new(connection))
}
