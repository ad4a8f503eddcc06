//! Somebody in a VideoRoom: a handle that publishes and hears of others, and one that receives all of them (multistream).

use std::collections::VecDeque;
use std::future::pending;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, bail};
use chevet_sfu_core::api::Codec;
use serde_json::{Value, json};

use super::super::{JoinSpec, Order, Orders, Session, Teller};
use super::api::{Attached, Gateway};
use crate::generator::Generator;
use crate::peer::Notice;
use crate::sdp::{self, Described, End, OurContent};
use crate::signal::{Link, Offers, Publication, notice, publications};

/// Joins and waits for the keys of the peer connections that are needed from the beginning.
pub async fn join(
    gateway: &Arc<Gateway>,
    generator: &Generator,
    room: u64,
    spec: JoinSpec,
) -> anyhow::Result<Session> {
    let begun = Instant::now();
    let mut participant = Participant {
        room,
        publisher: (!spec.publish.is_empty()).then(|| Link::new(generator.open(), true)),
        publications: publications(&spec.publish),
        subscriber: spec.subscribe.then(|| Link::new(generator.open(), false)),
        gateway: gateway.clone(),
        receiving: None,
        feeds: VecDeque::new(),
        asking: false,
        joined: false,
        private: Value::Null,
        session: rand::random::<u32>().into(),
        answers: 0,
    };
    let publishing = gateway.attach().await?;
    participant.enter(&publishing, &spec.identity).await?;
    let session = Session::spawn(begun, |teller, orders| participant.run(teller, orders, publishing));
    session.ready().await?;
    Ok(session)
}

struct Participant {
    room: u64,
    gateway: Arc<Gateway>,
    publisher: Option<Link>,
    publications: Vec<Publication>,
    subscriber: Option<Link>,
    /// The handle that receives, from the first feed on.
    receiving: Option<Attached>,
    /// Not subscribed to yet.
    feeds: VecDeque<u64>,
    /// Janus owes us an offer: one change at a time.
    asking: bool,
    /// We are in the room.
    joined: bool,
    private: Value,
    session: u64,
    answers: u64,
}

impl Participant {
    /// Everybody is a publisher to VideoRoom, as only those hear of others; some publish nothing.
    async fn enter(&mut self, publishing: &Attached, identity: &str) -> anyhow::Result<()> {
        let mut body =
            json!({ "request": "join", "ptype": "publisher", "room": self.room, "display": identity });
        let mut jsep = None;
        if let Some(publisher) = &self.publisher {
            let mut offers = Offers::new(self.session);
            for publication in &mut self.publications {
                publication.mid = Some(offers.add(OurContent::Send(publication.sending())));
            }
            body["request"] = "joinandconfigure".into();
            let has = |codec| self.publications.iter().any(|publication| publication.codec == codec);
            if has(Codec::H264) {
                body["videocodec"] = "h264".into();
            }
            let handle = &publisher.handle;
            let offer = offers.next(handle.local(), Some(handle.local_addr()));
            jsep = offer.map(|(_, sdp)| json!({ "type": "offer", "sdp": sdp, "trickle": false }));
        }
        publishing.say(body, jsep).await.map(drop)
    }

    async fn run(mut self, teller: Teller, mut orders: Orders, mut publishing: Attached) {
        let why = match self.serve(&teller, &mut orders, &mut publishing).await {
            Ok(()) => "it has left".to_owned(),
            Err(error) => format!("{error:#}"),
        };
        teller.ended(&why);
        if let Some(receiving) = self.receiving.take() {
            receiving.detach().await;
        }
        publishing.detach().await;
    }

    /// Until we leave.
    async fn serve(
        &mut self,
        teller: &Teller,
        orders: &mut Orders,
        publishing: &mut Attached,
    ) -> anyhow::Result<()> {
        loop {
            tokio::select! {
                event = publishing.event() => self.published(teller, &event?)?,
                event = next(&mut self.receiving) => self.received(&event?).await?,
                notice = notice(&mut self.publisher) => noticed(teller, self.publisher.as_mut(), notice)?,
                notice = notice(&mut self.subscriber) => noticed(teller, self.subscriber.as_mut(), notice)?,
                order = orders.recv() => match order {
                    // Dropping it tells the asker that nobody here sends files; and nothing comes that could be read slowly.
                    Some(Order::Send(..) | Order::ReadSlowly(_)) => {}
                    Some(Order::Leave) | None => return Ok(()),
                },
            }
            self.subscribe().await?;
            self.tell(teller);
        }
    }

    fn tell(&self, teller: &Teller) {
        let links = || [&self.publisher, &self.subscriber].into_iter().flatten();
        if self.joined && links().all(|link| link.ice || !link.needed) {
            teller.ice();
        }
        if self.joined && links().all(|link| link.keys || !link.needed) {
            teller.dtls();
        }
    }

    /// On the handle that publishes.
    fn published(&mut self, teller: &Teller, event: &Value) -> anyhow::Result<()> {
        let data = plugin_data(event)?;
        let others = data["publishers"].as_array().into_iter().flatten();
        self.feeds
            .extend(others.filter_map(|other| other["id"].as_u64()).filter(|_| self.subscriber.is_some()));
        if data["videoroom"] == "joined" {
            teller.signalled();
            self.joined = true;
            self.private = data["private_id"].clone();
            if let Some(subscriber) = &mut self.subscriber {
                subscriber.needed = !self.feeds.is_empty();
            }
        }
        for key in ["leaving", "unpublished"] {
            if let Some(feed) = data[key].as_u64() {
                self.feeds.retain(|waiting| *waiting != feed);
            }
        }
        let (Some(sdp), Some(publisher)) = (event["jsep"]["sdp"].as_str(), &mut self.publisher) else {
            return Ok(());
        };
        let described = Described::read(sdp)?;
        for publication in &mut self.publications {
            let section = publication.mid.and_then(|mid| described.section(mid));
            let stream = section.and_then(|section| publication.stream(section));
            publisher.handle.publish(stream.context("Janus does not take a track")?);
            publication.started = true;
        }
        publisher.describe(described);
        Ok(())
    }

    /// Asks for the feeds that are new.
    async fn subscribe(&mut self) -> anyhow::Result<()> {
        if self.asking || self.feeds.is_empty() || !self.joined {
            return Ok(());
        }
        self.asking = true;
        let streams: Vec<Value> = self.feeds.drain(..).map(|feed| json!({ "feed": feed })).collect();
        let (body, receiving) = match self.receiving.take() {
            Some(receiving) => (json!({ "request": "subscribe", "streams": streams }), receiving),
            None => {
                let join = json!({
                    "request": "join",
                    "ptype": "subscriber",
                    "room": self.room,
                    "private_id": self.private,
                    "streams": streams,
                });
                (join, self.gateway.attach().await?)
            }
        };
        let receiving = self.receiving.insert(receiving);
        receiving.say(body, None).await.map(drop)
    }

    /// On the handle that receives.
    async fn received(&mut self, event: &Value) -> anyhow::Result<()> {
        let data = match plugin_data(event) {
            Ok(data) => data,
            // Whoever left before we asked for them is none of our errors.
            Err(error) if is_about_a_feed(event) => {
                self.asking = false;
                let entered = self.subscriber.as_ref().is_some_and(|link| link.ice);
                if !entered && self.answers == 0 {
                    // This handle is in no room: the next feed gets a new one.
                    if let Some(receiving) = self.receiving.take() {
                        receiving.detach().await;
                    }
                    if let Some(subscriber) = &mut self.subscriber {
                        subscriber.needed = false;
                    }
                }
                drop(error);
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        if matches!(data["videoroom"].as_str(), Some("attached" | "updated")) {
            self.asking = false;
        }
        let (Some(sdp), Some(subscriber), Some(receiving)) =
            (event["jsep"]["sdp"].as_str(), &mut self.subscriber, &self.receiving)
        else {
            return Ok(());
        };
        let described = Described::read(sdp)?;
        self.answers += 1;
        let handle = &subscriber.handle;
        let end = End {
            local: handle.local(),
            candidate: Some(handle.local_addr()),
            session: self.session,
            version: self.answers,
        };
        let answer = sdp::answer(end, &described);
        subscriber.describe(described);
        let jsep = json!({ "type": "answer", "sdp": answer, "trickle": false });
        receiving.say(json!({ "request": "start" }), Some(jsep)).await.map(drop)
    }
}

/// What the plugin says; an error when it or Janus itself refuses or gives up.
fn plugin_data(event: &Value) -> anyhow::Result<&Value> {
    if event["janus"] == "hangup" {
        bail!("Janus hangs up: {}", event["reason"].as_str().unwrap_or("no reason"));
    }
    let data = &event["plugindata"]["data"];
    if let Some(error) = data["error"].as_str() {
        bail!("Janus refuses: {error} ({})", data["error_code"]);
    }
    Ok(data)
}

/// JANUS_VIDEOROOM_ERROR_NO_SUCH_FEED.
fn is_about_a_feed(event: &Value) -> bool {
    event["plugindata"]["data"]["error_code"] == 428
}

async fn next(handle: &mut Option<Attached>) -> anyhow::Result<Value> {
    match handle {
        Some(handle) => handle.event().await,
        None => pending().await,
    }
}

fn noticed(teller: &Teller, link: Option<&mut Link>, notice: Option<Notice>) -> anyhow::Result<()> {
    let Some(link) = link else { return Ok(()) };
    match notice.context("the generator has stopped")? {
        Notice::IceConnected => link.ice = true,
        Notice::Connected => (link.ice, link.keys) = (true, true),
        Notice::FirstMedia => teller.first_media(),
        Notice::Failed(why) => bail!("a peer connection failed: {why}"),
        Notice::Closed => bail!("a peer connection was closed by Janus"),
        Notice::ChannelOpen { .. } | Notice::Message { .. } | Notice::Drained { .. } => {}
    }
    Ok(())
}
