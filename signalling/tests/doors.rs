//! The doors over a real listener on loopback: statuses, cross-origin headers, join, resume, garbage.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chevet_control::Control;
use chevet_control::media::{Media, Overloaded, WorkerId, WorkerLoad};
use chevet_control::settings::ControlConfig;
use chevet_control::tokens::{Claims, VideoGrant};
use chevet_sfu_io::api::{Candidate, Command, Event, Fingerprint, RoomId};
use chevet_signalling::{ServerFacts, router};
use futures_util::{SinkExt, StreamExt};
use livekit_protocol as proto;
use prost::Message as _;
use proto::signal_request::Message as Asked;
use proto::signal_response::Message as Told;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::{Error, Message, http::StatusCode};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// A media server that answers like one and forwards nothing.
struct Deaf {
    events: mpsc::Sender<Event>,
    transports: Mutex<Vec<Command>>,
}

impl Media for Deaf {
    fn place_room(&self) -> WorkerId {
        WorkerId(0)
    }
    fn place_member(&self, _: RoomId, home: WorkerId) -> WorkerId {
        home
    }
    fn fingerprint(&self) -> Fingerprint {
        Fingerprint([3; 32])
    }
    fn candidates(&self, _: WorkerId) -> Vec<Candidate> {
        Vec::new()
    }
    fn command(&self, _: WorkerId, command: Command) -> Result<(), Overloaded> {
        match &command {
            Command::OpenTransport { transport, config } => {
                let event = Event::TransportConnected { transport: *transport, member: config.member };
                let _ = self.events.try_send(event);
            }
            Command::Resume { member, .. } => {
                let _ = self.events.try_send(Event::Resumed { member: *member, last_sequence: 7 });
            }
            _ => {}
        }
        self.transports.lock().expect("no panic under it").push(command);
        Ok(())
    }
    fn load(&self) -> Vec<WorkerLoad> {
        Vec::new()
    }
    fn healthy(&self) -> bool {
        true
    }
}

struct Server {
    control: Control,
    addr: SocketAddr,
}

impl Server {
    async fn start() -> Server {
        let (events, receiver) = mpsc::channel(256);
        let config = ControlConfig {
            keys: BTreeMap::from([("devkey".to_owned(), "secret".to_owned())]),
            dev: true,
            ..ControlConfig::default()
        };
        let media = Arc::new(Deaf { events, transports: Mutex::default() });
        let control = Control::start(config, media, receiver).expect("a good configuration");
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("loopback");
        let addr = listener.local_addr().expect("bound");
        let facts = ServerFacts { node_id: "ND_test".into(), development: true };
        let app = router(control.clone(), facts);
        tokio::spawn(async move { axum::serve(listener, app).await });
        Server { control, addr }
    }

    fn token(&self, identity: &str, grant: VideoGrant) -> String {
        let claims =
            Claims { iss: "devkey".into(), sub: identity.into(), video: Some(grant), ..Claims::default() };
        self.control.tokens().issue(claims, Duration::from_secs(600)).expect("the key is known")
    }

    fn join_token(&self, identity: &str) -> String {
        self.token(identity, VideoGrant { room_join: true, room: "ward".into(), ..VideoGrant::default() })
    }

    async fn connect(&self, path: &str) -> Result<Client, StatusCode> {
        match connect_async(format!("ws://{}{path}", self.addr)).await {
            Ok((socket, _)) => Ok(Client { socket }),
            Err(Error::Http(response)) => Err(response.status()),
            Err(error) => panic!("{error}"),
        }
    }

    async fn join(&self, identity: &str) -> (Client, proto::JoinResponse) {
        let token = self.join_token(identity);
        let mut client =
            self.connect(&format!("/rtc?access_token={token}&protocol=17")).await.expect("joined");
        match client.told().await {
            Some(Told::Join(join)) => (client, join),
            other => panic!("join comes first, not {other:?}"),
        }
    }

    /// A plain request; the status, the head and the body.
    async fn get(&self, path: &str) -> (u16, String, String) {
        let mut stream = TcpStream::connect(self.addr).await.expect("listening");
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: x\r\nOrigin: http://elsewhere\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.expect("sent");
        let mut text = String::new();
        stream.read_to_string(&mut text).await.expect("answered");
        let (head, body) = text.split_once("\r\n\r\n").expect("a head");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        (status, head.to_lowercase(), body.to_owned())
    }
}

struct Client {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Client {
    /// The next message of the server; None at the end.
    async fn told(&mut self) -> Option<Told> {
        loop {
            let next = tokio::time::timeout(Duration::from_secs(5), self.socket.next());
            match next.await.expect("in time") {
                Some(Ok(Message::Binary(bytes))) => {
                    return proto::SignalResponse::decode(bytes).expect("a response").message;
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                Some(Ok(_)) => {}
            }
        }
    }

    async fn told_until<T>(&mut self, pick: impl Fn(Told) -> Option<T>) -> T {
        loop {
            if let Some(found) = pick(self.told().await.expect("not ended yet")) {
                return found;
            }
        }
    }

    async fn ask(&mut self, request: Asked) {
        let request = proto::SignalRequest { message: Some(request) };
        self.socket.send(Message::binary(request.encode_to_vec())).await.expect("sent");
    }
}

#[tokio::test]
async fn refusals_are_plain_text_that_any_origin_may_read() {
    let server = Server::start().await;
    let good = server.join_token("anna");
    let no_join = server.token("anna", VideoGrant { room: "ward".into(), ..VideoGrant::default() });
    let no_room = server.token("anna", VideoGrant { room_join: true, ..VideoGrant::default() });
    for (path, status, text) in [
        (format!("/rtc/validate?access_token={good}"), 200, "success"),
        ("/rtc/validate".to_owned(), 401, "no access token"),
        (format!("/rtc/validate?access_token={good}x"), 401, "invalid token"),
        (format!("/rtc/validate?access_token={no_join}"), 401, "permissions denied"),
        (format!("/rtc/validate?access_token={no_room}"), 400, "room"),
        (format!("/rtc/v1/validate?access_token={good}"), 400, "join_request is missing"),
        (format!("/rtc/v1/validate?access_token={good}&join_request=%21"), 400, "join_request"),
        (format!("/rtc?access_token={good}"), 404, ""),
    ] {
        let (got, head, body) = server.get(&path).await;
        assert_eq!(got, status, "{path}: {body}");
        assert!(body.contains(text), "{path}: {body}");
        assert!(head.contains("access-control-allow-origin: *"), "{path}: {head}");
        if status != 404 {
            assert!(head.contains("content-type: text/plain"), "{head}");
        }
        assert!(!body.contains("requested room does not exist"));
    }
}

#[tokio::test]
async fn the_status_of_a_refused_join_comes_before_the_upgrade() {
    let server = Server::start().await;
    assert_eq!(server.connect("/rtc?access_token=forged").await.err(), Some(StatusCode::UNAUTHORIZED));
    assert_eq!(server.connect("/rtc/v1").await.err(), Some(StatusCode::UNAUTHORIZED));
    assert_eq!(server.control.population(), (0, 0));
}

#[tokio::test]
async fn participants_see_each_other_come_and_go() {
    let server = Server::start().await;
    let (mut anna, join) = server.join("anna").await;
    assert_eq!(join.room.expect("a room").name, "ward");
    assert!(matches!(anna.told().await, Some(Told::Offer(_))));

    let (mut bert, join) = server.join("bert").await;
    assert_eq!(join.other_participants.len(), 1);
    let bert_sid = join.participant.expect("myself").sid;
    let find = |state: proto::participant_info::State| {
        let sid = bert_sid.clone();
        move |told: Told| match told {
            Told::Update(update) => {
                update.participants.iter().any(|p| p.sid == sid && p.state == state as i32).then_some(())
            }
            _ => None,
        }
    };
    anna.told_until(find(proto::participant_info::State::Active)).await;
    bert.ask(Asked::Leave(proto::LeaveRequest::default())).await;
    anna.told_until(find(proto::participant_info::State::Disconnected)).await;
    while bert.told().await.is_some() {}
}

#[tokio::test]
async fn a_second_session_of_the_same_identity_ends_the_first() {
    let server = Server::start().await;
    let (mut old, first) = server.join("anna").await;
    let (_new, second) = server.join("anna").await;
    assert_ne!(first.participant.map(|p| p.sid), second.participant.map(|p| p.sid));
    assert!(second.other_participants.is_empty());
    let reason = old
        .told_until(|told| match told {
            Told::Leave(leave) => Some(leave.reason),
            _ => None,
        })
        .await;
    assert_eq!(reason, proto::DisconnectReason::DuplicateIdentity as i32);
    assert!(old.told().await.is_none(), "closed");
    assert_eq!(server.control.population(), (1, 1));
}

#[tokio::test]
async fn a_new_socket_takes_a_session_over() {
    let server = Server::start().await;
    let (mut client, join) = server.join("anna").await;
    let sid = join.participant.expect("myself").sid;
    // ACTIVE, or losing the socket would end it.
    client
        .told_until(|told| match told {
            Told::Update(update) => update.participants.iter().any(|p| p.state == 2).then_some(()),
            _ => None,
        })
        .await;
    let token = server.join_token("anna");
    let path = format!("/rtc?access_token={token}&reconnect=1&sid={sid}&reconnect_reason=1");
    for alive in [true, false] {
        let mut again = if alive {
            // While the old socket still lives.
            server.connect(&path).await.expect("resumed")
        } else {
            drop(std::mem::replace(&mut client, server.connect(&path).await.expect("resumed")));
            tokio::time::sleep(Duration::from_millis(50)).await;
            server.connect(&path).await.expect("resumed")
        };
        let Some(Told::Reconnect(reconnect)) = again.told().await else { panic!("reconnect comes first") };
        assert_eq!(reconnect.last_message_seq, 7);
        again.ask(Asked::Ping(1)).await;
        again.told_until(|told| matches!(told, Told::Pong(_)).then_some(())).await;
    }
    assert_eq!(server.control.population(), (1, 1));
}

#[tokio::test]
async fn an_unknown_session_is_sent_to_start_afresh() {
    let server = Server::start().await;
    let (_client, _) = server.join("anna").await;
    let token = server.join_token("anna");
    let mut client = server
        .connect(&format!("/rtc?access_token={token}&reconnect=1&sid=PA_ghost"))
        .await
        .expect("upgraded");
    let Some(Told::Leave(leave)) = client.told().await else { panic!("leave is the first message") };
    assert_eq!(leave.action, proto::leave_request::Action::Reconnect as i32);
    assert_eq!(leave.reason, proto::DisconnectReason::StateMismatch as i32);
    assert!(leave.can_reconnect);
    assert!(client.told().await.is_none());
    assert_eq!(server.control.population(), (1, 1), "the living session is not touched");
}

#[tokio::test]
async fn garbage_and_oversized_messages_end_the_connection_and_are_counted() {
    let server = Server::start().await;
    let counted = || server.control.metrics().drop_of("signal_garbage").get();
    for (number, message) in
        [Message::binary(vec![0xff; 64]), Message::text("{\"ping\":1}")].into_iter().enumerate()
    {
        let (mut client, _) = server.join(&format!("anna{number}")).await;
        client.socket.send(message).await.expect("sent");
        while client.told().await.is_some() {}
        assert_eq!(counted(), number as u64 + 1);
    }
    let (mut client, _) = server.join("large").await;
    let _ = client.socket.send(Message::binary(vec![0; 3 << 20])).await;
    while client.told().await.is_some() {}
    // Unknown variants are nothing: field 100, a length-delimited value.
    let (mut client, _) = server.join("new").await;
    client.socket.send(Message::binary(vec![0xa2, 0x06, 0x01, 0x00])).await.expect("sent");
    client.ask(Asked::Ping(1)).await;
    client.told_until(|told| matches!(told, Told::Pong(_)).then_some(())).await;
}
