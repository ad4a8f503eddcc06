//! The task of a session: moves messages, notices and time between a socket and the state machine.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use chevet_control::Control;
use chevet_control::registry::{Joined, Notice};
use futures_util::stream::SplitStream;
use futures_util::{SinkExt, StreamExt};
use livekit_protocol as proto;
use prost::Message as _;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::seat::SeatHouse;
use crate::session::{Hello, ServerFacts, Session};
use crate::upgrade::{self, Socket};

/// Without a word for this long a client is gone; as told in the join (`ping_timeout`).
const SILENCE: Duration = Duration::from_secs(15);
const PING_PERIOD: Duration = Duration::from_secs(10);
/// A client that takes nothing for this long is gone.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// Messages that wait for a slow client.
const QUEUE: usize = 1024;
/// Bytes that wait for a slow client, so that large messages cannot make its queue a way to the server's memory. Above
/// the first messages of a full room with long metadata.
const QUEUE_BYTES: usize = 16 * 1024 * 1024;
/// For the close handshake.
const GOODBYE: Duration = Duration::from_secs(2);

/// What comes through the registry to a session that is resumed.
pub(crate) struct NewSocket {
    pub socket: Socket,
    pub hello: Hello,
}

/// Both halves of a socket. The writing half has a task of its own, so that a slow client does not hold the session.
struct Line {
    incoming: SplitStream<Socket>,
    outgoing: mpsc::Sender<Message>,
    /// Bytes in `outgoing`.
    waiting: Arc<AtomicUsize>,
    writer: JoinHandle<()>,
    heard: Instant,
    control: Control,
}

impl Line {
    fn new(control: &Control, socket: Socket) -> Line {
        let (mut sink, incoming) = socket.split();
        let slow = control.metrics().drop_of("signal_slow_client");
        let (outgoing, mut queue) = mpsc::channel::<Message>(QUEUE);
        let waiting = Arc::new(AtomicUsize::new(0));
        let written = waiting.clone();
        let writer = tokio::spawn(async move {
            while let Some(message) = queue.recv().await {
                let last = matches!(message, Message::Close(_));
                let bytes = size(&message);
                let sent = tokio::time::timeout(WRITE_TIMEOUT, upgrade::send(&mut sink, message)).await;
                written.fetch_sub(bytes, Ordering::Relaxed);
                match sent {
                    Ok(Ok(())) if !last => {}
                    Ok(_) => break,
                    Err(_) => {
                        slow.inc();
                        break;
                    }
                }
            }
            let _ = tokio::time::timeout(GOODBYE, sink.close()).await;
        });
        Line { incoming, outgoing, waiting, writer, heard: Instant::now(), control: control.clone() }
    }

    /// False when the client is too slow or gone.
    fn send(&self, message: Message) -> bool {
        // One message always finds room, however large.
        if self.waiting.load(Ordering::Relaxed) >= QUEUE_BYTES {
            return self.too_slow();
        }
        // Counted before the writer can take it away.
        self.waiting.fetch_add(size(&message), Ordering::Relaxed);
        match self.outgoing.try_send(message) {
            Ok(()) => true,
            Err(mpsc::error::TrySendError::Full(_)) => self.too_slow(),
            Err(mpsc::error::TrySendError::Closed(_)) => false,
        }
    }

    fn too_slow(&self) -> bool {
        self.control.metrics().drop_of("signal_slow_client").inc();
        false
    }

    /// Lets the writer finish on its own.
    fn close(self, code: CloseCode, reason: &'static str) {
        let _ = self.outgoing.try_send(Message::Close(Some(CloseFrame { code, reason: reason.into() })));
    }

    /// Waits for what is queued, for a last message that must arrive.
    async fn finish(self) {
        let Line { outgoing, writer, incoming, .. } = self;
        let frame = CloseFrame { code: CloseCode::Normal, reason: "".into() };
        let _ = outgoing.try_send(Message::Close(Some(frame)));
        drop(outgoing);
        let _ = tokio::time::timeout(GOODBYE, writer).await;
        drop(incoming);
    }
}

/// As counted against [`QUEUE_BYTES`]; the frames of the protocol itself are small.
fn size(message: &Message) -> usize {
    match message {
        Message::Binary(bytes) => bytes.len(),
        _ => 0,
    }
}

fn encode(message: proto::signal_response::Message) -> Message {
    let response = proto::SignalResponse { message: Some(message) };
    Message::Binary(Bytes::from(response.encode_to_vec()))
}

/// Tells a client that its session is unknown here.
pub(crate) async fn send_away(control: &Control, socket: Socket) {
    let line = Line::new(control, socket);
    line.send(Message::Binary(Bytes::from(crate::http::unknown_session().encode_to_vec())));
    line.finish().await;
}

/// Runs a session from join to leave, over all its sockets.
pub(crate) async fn run(control: Control, facts: ServerFacts, joined: Joined, hello: Hello, socket: Socket) {
    let Joined { mut seat, snapshot } = joined;
    let sid = seat.sid.clone();
    tracing::info!(%sid, protocol = ?hello.protocol, "session begins");
    let Some(mut notices) = seat.notices.take() else { return };
    let house = SeatHouse::new(control.clone(), seat);
    let mut session = Session::join(Instant::now(), house, facts, hello, snapshot);
    let mut line = Some(Line::new(&control, socket));
    let mut pings = tokio::time::interval(PING_PERIOD);
    pings.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);

    loop {
        if let Some(open) = &line {
            let mut taken = true;
            while let Some(message) = session.poll_message() {
                taken = taken && open.send(encode(message));
            }
            if !taken {
                line = None;
                session.on_socket_lost(Instant::now());
            }
        }
        if session.ended().is_some() {
            break;
        }
        if session.take_socket_drop()
            && let Some(open) = line.take()
        {
            open.close(CloseCode::Away, "");
            session.on_socket_lost(Instant::now());
        }

        let deadline = session.next_deadline();
        let silent_at = line.as_ref().and_then(|open| open.heard.checked_add(SILENCE));
        tokio::select! {
            notice = notices.recv() => match notice {
                Some(Notice::Attached(attachment)) => {
                    if let Ok(new) = attachment.downcast::<NewSocket>() {
                        let NewSocket { socket, hello } = *new;
                        if let Some(old) = line.replace(Line::new(&control, socket)) {
                            old.close(CloseCode::Normal, "replaced");
                        }
                        session.on_attached(Instant::now(), hello);
                    }
                }
                Some(notice) => session.on_notice(Instant::now(), notice),
                None => session.on_room_lost(),
            },
            frame = receive(&mut line) => {
                let now = Instant::now();
                match frame {
                    Incoming::Request(request) => session.on_request(now, *request),
                    Incoming::Nothing => {}
                    Incoming::Garbage => {
                        control.metrics().drop_of("signal_garbage").inc();
                        if let Some(open) = line.take() {
                            open.close(CloseCode::Unsupported, "binary SignalRequest expected");
                        }
                        session.on_socket_lost(now);
                    }
                    Incoming::Lost => {
                        line = None;
                        session.on_socket_lost(now);
                    }
                }
            }
            _ = pings.tick() => {
                if let Some(open) = &line {
                    open.send(Message::Ping(Bytes::new()));
                }
            }
            () = sleep_until(deadline) => session.on_deadline(Instant::now()),
            () = sleep_until(silent_at) => {
                control.metrics().drop_of("signal_silent_client").inc();
                if let Some(open) = line.take() {
                    open.close(CloseCode::Policy, "silent for too long");
                }
                session.on_socket_lost(Instant::now());
            }
        }
    }

    let ended = session.ended();
    let reason = ended.map_or(proto::DisconnectReason::UnknownReason, |ended| ended.reason);
    tracing::info!(%sid, ?reason, "session ends");
    // The room forgets the participant before the client is gone, or a quick return would meet its own ghost.
    session.into_house().seat.leave(reason);
    if let Some(open) = line {
        open.finish().await;
    }
}

enum Incoming {
    Request(Box<proto::signal_request::Message>),
    Nothing,
    Garbage,
    Lost,
}

async fn receive(line: &mut Option<Line>) -> Incoming {
    let Some(open) = line else {
        return pending().await;
    };
    let Some(Ok(frame)) = open.incoming.next().await else {
        return Incoming::Lost;
    };
    open.heard = Instant::now();
    match frame {
        Message::Binary(bytes) => match proto::SignalRequest::decode(bytes) {
            Ok(request) => {
                // A variant that we do not know is nothing (1.6).
                request.message.map_or(Incoming::Nothing, |message| Incoming::Request(Box::new(message)))
            }
            Err(_) => Incoming::Garbage,
        },
        Message::Text(_) => Incoming::Garbage,
        // A raw frame is never read.
        Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => Incoming::Nothing,
        Message::Close(_) => Incoming::Lost,
    }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => pending().await,
    }
}
