//! A participant by LiveKit's protocol: v1 with one peer connection that we offer on, v0 with one for each direction, of
//! which the server offers on the second.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};
use chevet_sfu_core::api::MediaKind;
use futures_util::{SinkExt, StreamExt};
use livekit_protocol as proto;
use prost::Message as _;
use proto::signal_request::Message as Request;
use proto::signal_response::Message as Response;
use rustls::ClientConfig;
use serde_json::json;
use tokio::sync::oneshot;
use tokio_tungstenite::tungstenite::Message;

use super::dial::{self, Socket};
use super::{Downloads, Link, Offers, Publication, Upload, notice, publications};
use crate::generator::{Generator, Handle};
use crate::peer::Notice;
use crate::sdp::{self, Described, End, OurContent};
use crate::target::{FileSent, JoinSpec, Order, Orders, Protocol, Session, Teller};

/// For the WebSocket, as livekit-client.
const DIAL: Duration = Duration::from_secs(15);
/// Sections of each kind that a v1 client offers to receive in before anybody asks.
const PLACEHOLDERS: usize = 3;
const RELIABLE: &str = "_reliable";
/// Bytes that are handed to a channel each time that it has drained.
const WINDOW: usize = 256 * 1024;

/// How a server is reached.
#[derive(Clone, Debug)]
pub struct Access {
    /// `ws://`, `wss://`, `http://` or `https://`, without a path.
    pub url: String,
    pub key: String,
    pub secret: String,
    pub protocol: Protocol,
    /// For `wss://`.
    pub tls: Arc<ClientConfig>,
}

/// Joins and waits for the keys of the peer connections that are needed from the beginning.
pub async fn join(access: &Access, generator: &Generator, spec: JoinSpec) -> anyhow::Result<Session> {
    let token = dial::token(&access.key, &access.secret, &spec.room, &spec.identity)?;
    let single = access.protocol == Protocol::V1;
    let begun = Instant::now();
    let publisher = Link::new(generator.open(), single);
    let subscriber = (!single).then(|| Link::new(generator.open(), true));
    let mut offers = Offers::new(rand::random::<u32>().into());
    let mut first = None;
    if single {
        for kind in [MediaKind::Audio, MediaKind::Video] {
            for _ in 0..PLACEHOLDERS {
                offers.add(OurContent::Receive(kind));
            }
        }
        if spec.data {
            offers.add(OurContent::Data);
        }
        first = offers.next(publisher.handle.local(), None).map(description);
    }
    let address = dial::address(&access.url, access.protocol, &token, spec.subscribe, first)?;
    let dialled = tokio::time::timeout(DIAL, dial::connect(&address, &access.tls)).await;
    let socket = dialled.context("the server does not answer the WebSocket within 15 s")??;
    let client = Client {
        single,
        data: spec.data,
        publisher,
        subscriber,
        offers,
        publications: publications(&spec.publish),
        publishing: false,
        requests: Vec::new(),
        uploads: VecDeque::new(),
        sequence: 0,
        window: 0,
        channel_open: false,
        downloads: Downloads::default(),
        ping_every: None,
        rtt: 0,
        session: rand::random::<u32>().into(),
        answers: 0,
    };
    let session = Session::spawn(begun, |teller, orders| client.run(teller, orders, socket));
    session.ready().await?;
    Ok(session)
}

fn description((id, sdp): (u32, String)) -> proto::SessionDescription {
    proto::SessionDescription { r#type: "offer".to_owned(), sdp, id, ..Default::default() }
}

struct Client {
    single: bool,
    data: bool,
    publisher: Link,
    /// v0 only.
    subscriber: Option<Link>,
    /// On the publisher's connection.
    offers: Offers,
    publications: Vec<Publication>,
    /// Their sections are offered.
    publishing: bool,
    /// To be written.
    requests: Vec<Request>,
    uploads: VecDeque<(Box<Upload>, oneshot::Sender<FileSent>, Option<Instant>)>,
    /// Of the last reliable packet.
    sequence: u32,
    /// Bytes handed to the channel since it last drained.
    window: usize,
    channel_open: bool,
    downloads: Downloads,
    ping_every: Option<Duration>,
    /// Milliseconds, of the last ping.
    rtt: i64,
    /// Of the answers in v0.
    session: u64,
    answers: u64,
}

/// Which peer connection.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Publisher,
    Subscriber,
}

impl Client {
    async fn run(mut self, teller: Teller, mut orders: Orders, mut socket: Socket) {
        let why = match self.serve(&teller, &mut orders, &mut socket).await {
            Ok(()) => "it has left".to_owned(),
            Err(error) => format!("{error:#}"),
        };
        teller.ended(&why);
        let _ = socket.close(None).await;
    }

    /// Until we leave.
    async fn serve(
        &mut self,
        teller: &Teller,
        orders: &mut Orders,
        socket: &mut Socket,
    ) -> anyhow::Result<()> {
        let mut next_ping = None;
        loop {
            if let (None, Some(every)) = (next_ping, self.ping_every) {
                next_ping = Some(tokio::time::Instant::now() + every);
            }
            tokio::select! {
                message = socket.next() => match message.context("the server closed the signalling")?? {
                    Message::Binary(bytes) => {
                        let response = proto::SignalResponse::decode(bytes).context("an unreadable message")?;
                        if let Some(response) = response.message {
                            self.respond(teller, response)?;
                        }
                    }
                    Message::Close(_) => bail!("the server closed the signalling"),
                    _ => {}
                },
                notice = self.publisher.handle.notice() => self.noticed(teller, Side::Publisher, notice)?,
                notice = notice(&mut self.subscriber) => self.noticed(teller, Side::Subscriber, notice)?,
                order = orders.recv() => match order {
                    Some(Order::Send(upload, done)) => {
                        self.uploads.push_back((upload, done, None));
                        self.pump();
                    }
                    Some(Order::ReadSlowly(bytes_per_second)) => {
                        for link in [Some(&self.publisher), self.subscriber.as_ref()].into_iter().flatten() {
                            link.handle.read_slowly(bytes_per_second);
                        }
                    }
                    Some(Order::Leave) | None => {
                        let leave = proto::LeaveRequest {
                            reason: proto::DisconnectReason::ClientInitiated as i32,
                            ..proto::LeaveRequest::default()
                        };
                        self.requests.push(Request::Leave(leave));
                        return self.write(socket).await;
                    }
                },
                () = at(next_ping) => {
                    next_ping = None;
                    self.ping();
                }
            }
            self.write(socket).await?;
        }
    }

    async fn write(&mut self, socket: &mut Socket) -> anyhow::Result<()> {
        if self.requests.is_empty() {
            return Ok(());
        }
        for request in self.requests.drain(..) {
            let bytes = proto::SignalRequest { message: Some(request) }.encode_to_vec();
            socket.feed(Message::binary(bytes)).await?;
        }
        socket.flush().await.context("the signalling cannot be written to")
    }

    fn respond(&mut self, teller: &Teller, response: Response) -> anyhow::Result<()> {
        match response {
            Response::Join(join) => self.joined(teller, &join),
            Response::Answer(answer) => return self.answered(&answer),
            Response::Offer(offer) => return self.offered(&offer),
            Response::Trickle(trickle) => self.trickled(&trickle),
            Response::MediaSectionsRequirement(needed) if self.single => {
                self.offers.require(needed.num_audios, needed.num_videos);
                self.negotiate();
            }
            Response::PongResp(pong) => self.rtt = now_ms().saturating_sub(pong.last_ping_timestamp),
            Response::Leave(leave) => {
                bail!("the server sends it away: {}", leave.reason().as_str_name());
            }
            Response::RequestResponse(answer)
                if answer.reason() != proto::request_response::Reason::Ok
                    && answer.reason() != proto::request_response::Reason::Queued =>
            {
                bail!("the server refuses a request: {} {}", answer.reason().as_str_name(), answer.message);
            }
            _ => {}
        }
        Ok(())
    }

    fn joined(&mut self, teller: &Teller, join: &proto::JoinResponse) {
        teller.signalled();
        if join.ping_interval > 0 {
            self.ping_every = Some(Duration::from_secs(join.ping_interval.unsigned_abs().into()));
        }
        if self.single {
            self.tell_candidate(Side::Publisher);
            return;
        }
        self.tell_candidate(Side::Subscriber);
        if let Some(subscriber) = &mut self.subscriber {
            subscriber.needed = join.subscriber_primary;
        }
        if !self.publications.is_empty() || (self.data && join.fast_publish) {
            self.publisher.needed = true;
            if self.data {
                self.offers.add(OurContent::Data);
            }
            self.publish();
            self.negotiate();
            self.tell_candidate(Side::Publisher);
        }
    }

    /// Asks for our tracks and adds their sections.
    fn publish(&mut self) {
        self.publishing = true;
        for publication in &mut self.publications {
            self.requests.push(Request::AddTrack(publication.add_track()));
            publication.mid = Some(self.offers.add(OurContent::Send(publication.sending())));
        }
    }

    fn negotiate(&mut self) {
        if let Some(offer) = self.offers.next(self.publisher.handle.local(), None) {
            self.requests.push(Request::Offer(description(offer)));
        }
    }

    fn answered(&mut self, answer: &proto::SessionDescription) -> anyhow::Result<()> {
        if !self.offers.answered(answer.id) {
            return Ok(());
        }
        let described = Described::read(&answer.sdp)?;
        for publication in &mut self.publications {
            let section = publication.mid.and_then(|mid| described.section(mid));
            if let Some(section) = section.filter(|_| !publication.started) {
                let stream = publication.stream(section).context("the server does not take a track")?;
                publication.started = true;
                self.publisher.handle.publish(stream);
            }
        }
        if self.publisher.describe(described) {
            open_channels(&self.publisher.handle, self.data);
        }
        if !self.publishing && !self.publications.is_empty() {
            self.publish();
        }
        self.negotiate();
        Ok(())
    }

    /// v0: what we shall receive.
    fn offered(&mut self, offer: &proto::SessionDescription) -> anyhow::Result<()> {
        let subscriber = self.subscriber.as_mut().context("the server offers where only we do")?;
        let described = Described::read(&offer.sdp)?;
        self.answers += 1;
        let local = subscriber.handle.local();
        let end = End { local, candidate: None, session: self.session, version: self.answers };
        let sdp = sdp::answer(end, &described);
        subscriber.describe(described);
        self.requests.push(Request::Answer(proto::SessionDescription {
            r#type: "answer".to_owned(),
            sdp,
            id: offer.id,
            ..proto::SessionDescription::default()
        }));
        Ok(())
    }

    fn trickled(&mut self, trickle: &proto::TrickleRequest) {
        let init: serde_json::Value = serde_json::from_str(&trickle.candidate_init).unwrap_or_default();
        let Some(candidate) = init["candidate"].as_str().and_then(sdp::candidate) else {
            return;
        };
        match (trickle.target(), &mut self.subscriber) {
            (proto::SignalTarget::Subscriber, Some(subscriber)) => {
                subscriber.trickle(candidate);
            }
            _ => {
                if self.publisher.trickle(candidate) {
                    open_channels(&self.publisher.handle, self.data);
                }
            }
        }
    }

    fn tell_candidate(&mut self, side: Side) {
        let (link, target) = match (side, &self.subscriber) {
            (Side::Subscriber, Some(subscriber)) => (subscriber, proto::SignalTarget::Subscriber),
            _ => (&self.publisher, proto::SignalTarget::Publisher),
        };
        let candidate = sdp::host_candidate(link.handle.local_addr());
        let init = json!({ "candidate": candidate, "sdpMid": "0", "sdpMLineIndex": 0 });
        self.requests.push(Request::Trickle(proto::TrickleRequest {
            candidate_init: init.to_string(),
            target: target as i32,
            r#final: false,
        }));
    }

    fn ping(&mut self) {
        let now = now_ms();
        self.requests.push(Request::Ping(now));
        self.requests.push(Request::PingReq(proto::Ping { timestamp: now, rtt: self.rtt }));
    }

    fn noticed(&mut self, teller: &Teller, side: Side, notice: Option<Notice>) -> anyhow::Result<()> {
        let name = match (side, self.single) {
            (_, true) => "peer connection",
            (Side::Publisher, _) => "publisher's connection",
            (Side::Subscriber, _) => "subscriber's connection",
        };
        let link = match (side, &mut self.subscriber) {
            (Side::Subscriber, Some(subscriber)) => subscriber,
            _ => &mut self.publisher,
        };
        match notice.context("the generator has stopped")? {
            Notice::IceConnected => link.ice = true,
            Notice::Connected => (link.ice, link.keys) = (true, true),
            Notice::FirstMedia => teller.first_media(),
            // v0 has two of that name: we send on the one that we opened.
            Notice::ChannelOpen { label } if label == RELIABLE && side == Side::Publisher => {
                self.channel_open = true;
                self.pump();
            }
            Notice::Drained { label } if label == RELIABLE => {
                self.window = 0;
                self.pump();
            }
            Notice::Message { label, bytes } if label == RELIABLE => {
                let progress = self.downloads.packet(&bytes, Instant::now());
                teller.file_bytes(progress.bytes);
                if let Some(file) = progress.finished {
                    teller.file(file);
                }
            }
            Notice::ChannelOpen { .. } | Notice::Drained { .. } | Notice::Message { .. } => {}
            Notice::Failed(why) => bail!("the {name} failed: {why}"),
            Notice::Closed => bail!("the {name} was closed by the server"),
        }
        let links = || [Some(&self.publisher), self.subscriber.as_ref()].into_iter().flatten();
        if links().all(|link| link.ice || !link.needed) {
            teller.ice();
        }
        if links().all(|link| link.keys || !link.needed) {
            teller.dtls();
        }
        Ok(())
    }

    /// Hands packets to the channel until its window is full.
    fn pump(&mut self) {
        while self.channel_open && self.window < WINDOW && self.push_packet() {}
    }

    /// False when there is nothing to send.
    fn push_packet(&mut self) -> bool {
        while let Some((upload, _, begun)) = self.uploads.front_mut() {
            let begun = *begun.get_or_insert_with(Instant::now);
            if let Some(packet) = upload.packet(self.sequence + 1) {
                self.sequence += 1;
                self.window += packet.len();
                self.publisher.handle.send(RELIABLE, packet);
                return true;
            }
            let bytes = upload.len();
            if let Some((_, done, _)) = self.uploads.pop_front() {
                // Nobody may wait for it any more.
                let _ = done.send(FileSent { bytes, took: begun.elapsed() });
            }
        }
        false
    }
}

/// As livekit-client does, in its order.
fn open_channels(handle: &Handle, data: bool) {
    if data {
        handle.open_channel("_lossy", false, Some(0));
        handle.open_channel(RELIABLE, true, None);
        handle.open_channel("_data_track", false, Some(0));
    }
}

async fn at(when: Option<tokio::time::Instant>) {
    match when {
        Some(when) => tokio::time::sleep_until(when).await,
        None => std::future::pending().await,
    }
}

fn now_ms() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_millis()).unwrap_or(i64::MAX)
}
