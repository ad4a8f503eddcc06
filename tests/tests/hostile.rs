//! Hostile input beside a call: the server lives, its memory stays bounded, its metrics count what came, and the two
//! people of the call notice nothing. All random numbers are seeded, so a failure comes again.

use std::time::Duration;

use chevet_tests::hostile::{Intruder, mutate, open, send, templates};
use chevet_tests::{Claims, Kind, Peer, Server, token, until};
use futures_util::{SinkExt, StreamExt};
use livekit_protocol as proto;
use proto::signal_request::Message as Request;
use rand::rngs::StdRng;
use rand::{Rng, RngCore, SeedableRng};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio_tungstenite::tungstenite;

/// What the server may grow by while it is under attack, in KiB: buffers of its sockets, caches, the allocator's slack.
const GROWTH_KIB_MAX: u64 = 64 * 1024;

/// Two people, one of whom talks.
struct Call {
    server: Server,
    alice: Peer,
    bob: Peer,
    resident_kib: u64,
}

impl Call {
    async fn begin(name: &str) -> Call {
        let server = Server::start(name).await;
        let mut alice = Peer::join(&server, "call", "alice").await;
        let bob = Peer::join(&server, "call", "bob").await;
        alice.publish(&server, Kind::Opus).await;
        bob.hears(&server, Kind::Opus, 25).await;
        let resident_kib = server.resident_kib();
        Call { server, alice, bob, resident_kib }
    }

    /// Checks all that an attack must not change.
    async fn goes_on_undisturbed(mut self) {
        let tail = self.server.tail();
        assert!(self.server.alive(), "the server died\n{tail}");
        let (status, _) = self.server.get("/readyz").await.expect("the server answers");
        assert_eq!(status, 200, "{tail}");
        let heard = self.bob.hears(&self.server, Kind::Opus, 25).await;
        let before = heard.frames();
        self.bob.hears(&self.server, Kind::Opus, before + 50).await;
        // The attack and both clients share one small machine: a packet or two may be late for its socket's queue.
        let missing = heard.missing();
        assert!(
            missing <= 2 + heard.frames() / 100,
            "{missing} of {} frames are missing\n{tail}",
            heard.frames()
        );
        assert!(self.alice.connected() && self.bob.connected(), "somebody was thrown out\n{tail}");
        self.alice.send(&self.server, b"still here").await;
        assert_eq!(self.bob.receives(&self.server, 1).await, [("alice".to_owned(), b"still here".to_vec())]);
        let grown = self.server.resident_kib().saturating_sub(self.resident_kib);
        assert!(grown < GROWTH_KIB_MAX, "memory grew by {grown} KiB\n{tail}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn datagrams_of_strangers_change_nothing() {
    let call = Call::begin("hostile-datagrams").await;
    let intruder = Intruder::join(&call.server, "call", "mallory").await;
    let mut random = StdRng::seed_from_u64(1);
    let templates = templates(&mut random, b"\x00\x01\x00\x00\x21\x12\xA4\x42a transaction".to_vec());
    for _ in 0..20 {
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
        for at in 0..1000 {
            let datagram = mutate(&mut random, &templates);
            let _ = socket.send_to(&datagram, intruder.udp).await;
            if at % 50 == 0 {
                tokio::time::sleep(Duration::from_millis(4)).await;
            }
        }
    }
    for cause in ["unknown_protocol", "unknown_address", "stun_rejected"] {
        let counted = format!("cause=\"{cause}\"");
        until(&format!("{cause} is counted"), &call.server, async || {
            call.server.metrics().await.iter().any(|(name, value)| {
                name.starts_with("chevet_worker_drops_total") && name.contains(&counted) && *value > 0.0
            })
        })
        .await;
    }
    call.goes_on_undisturbed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn datagrams_of_an_authenticated_participant_change_nothing() {
    let call = Call::begin("hostile-participant").await;
    let mut random = StdRng::seed_from_u64(2);
    // ICE accepts this participant, so DTLS, SRTP and SRTCP have to deal with what it sends.
    for name in ["mallory", "trudy"] {
        let intruder = Intruder::join(&call.server, "call", name).await;
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
        socket.connect(intruder.udp).await.expect("an address");
        let mut buffer = [0; 2048];
        for _ in 0..100 {
            let check = intruder.check(&mut random);
            let _ = socket.send(&check).await;
            let answer = tokio::time::timeout(Duration::from_millis(200), socket.recv(&mut buffer)).await;
            if matches!(answer, Ok(Ok(length)) if buffer[..length].starts_with(&[1, 1])) {
                break;
            }
        }
        assert!(buffer.starts_with(&[1, 1]), "the check of {name} was not answered\n{}", call.server.tail());
        let check = intruder.check(&mut random);
        let templates = templates(&mut random, check);
        for at in 0..10_000 {
            let datagram = mutate(&mut random, &templates);
            let _ = socket.send(&datagram).await;
            if at % 50 == 0 {
                tokio::time::sleep(Duration::from_millis(4)).await;
            }
        }
    }
    for cause in ["dtls_rejected", "no_keys"] {
        let counted = format!("cause=\"{cause}\"");
        until(&format!("{cause} is counted"), &call.server, async || {
            call.server.metrics().await.iter().any(|(name, value)| {
                name.starts_with("chevet_worker_drops_total") && name.contains(&counted) && *value > 0.0
            })
        })
        .await;
    }
    call.goes_on_undisturbed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_by_ice_tcp_changes_nothing() {
    let call = Call::begin("hostile-ice-tcp").await;
    let intruder = Intruder::join(&call.server, "call", "mallory").await;
    let address = intruder.tcp.expect("a TCP candidate");
    let mut random = StdRng::seed_from_u64(3);
    let check = intruder.check(&mut random);
    let templates = templates(&mut random, check);
    let mut silent = Vec::new();
    for at in 0..300 {
        let Ok(mut stream) = TcpStream::connect(address).await else { continue };
        match at % 4 {
            // Connected and not a word, kept open.
            0 => silent.push(stream),
            // Frames whose length is right, around garbage.
            1 => {
                for _ in 0..20 {
                    let datagram = mutate(&mut random, &templates);
                    let mut frame = (datagram.len() as u16).to_be_bytes().to_vec();
                    frame.extend(datagram);
                    if stream.write_all(&frame).await.is_err() {
                        break;
                    }
                }
            }
            // A length that never comes to its end.
            2 => {
                let _ = stream.write_all(&[0xFF, 0xFF, 0, 1]).await;
                silent.push(stream);
            }
            // Noise.
            _ => {
                let mut noise = vec![0; random.random_range(1..20_000)];
                random.fill_bytes(&mut noise);
                let _ = stream.write_all(&noise).await;
            }
        }
    }
    until("garbage is refused", &call.server, async || {
        call.server.metric("chevet_worker_tcp_refused_total").await > 50.0
    })
    .await;
    call.goes_on_undisturbed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_on_the_websocket_ends_that_session_only() {
    let call = Call::begin("hostile-websocket").await;
    let mut random = StdRng::seed_from_u64(4);
    for at in 0..60 {
        let Ok(mut socket) = open(&call.server, "call", &format!("mallory-{at}")).await else { continue };
        let mut noise = vec![0; random.random_range(1..4000)];
        random.fill_bytes(&mut noise);
        let message = match at % 4 {
            0 => tungstenite::Message::text("not a SignalRequest"),
            // More than the server reads.
            1 if at == 1 => tungstenite::Message::binary(vec![0x0A; 3 << 20]),
            _ => tungstenite::Message::binary(noise),
        };
        let _ = socket.send(message).await;
        let _ = socket.flush().await;
        if at % 2 == 0 {
            drop(socket);
        } else {
            let _ = tokio::time::timeout(Duration::from_millis(20), socket.next()).await;
        }
    }
    until("garbage is counted", &call.server, async || {
        call.server.metric("chevet_drops_total{cause=\"signal_garbage\"").await > 0.0
    })
    .await;
    call.goes_on_undisturbed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_make_no_sense_change_nothing() {
    let call = Call::begin("hostile-requests").await;
    let mut random = StdRng::seed_from_u64(5);
    for at in 0..60 {
        let Ok(mut socket) = open(&call.server, "call", &format!("mallory-{at}")).await else { continue };
        // A bad description ends a session: two of three sessions live longer without.
        let kinds = if at % 3 == 0 { 0..14 } else { 3..14 };
        for _ in 0..200 {
            let kind = random.random_range(kinds.clone());
            if send(&mut socket, nonsense(kind, &mut random)).await.is_err() {
                break;
            }
        }
        // The server may have much to say to that; it must not wait for somebody who does not read.
        let _ = tokio::time::timeout(Duration::from_millis(50), socket.next()).await;
    }
    call.goes_on_undisturbed().await;
}

fn nonsense(kind: u8, random: &mut StdRng) -> Request {
    let mut word =
        |length: usize| -> String { (0..length).map(|_| random.random_range(' '..='~')).collect() };
    let (short, long) = (word(12), word(3000));
    let description = |sdp: String, id: u32| proto::SessionDescription { sdp, id, ..Default::default() };
    let number = random.random::<u32>();
    match kind {
        0 => Request::Offer(description(long, number)),
        1 => Request::Answer(description(long, number)),
        2 => Request::Offer(description("v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\n".repeat(500), 1)),
        3 => Request::Trickle(proto::TrickleRequest { candidate_init: long, target: 7, r#final: true }),
        4 => Request::AddTrack(proto::AddTrackRequest { cid: short, width: number, ..Default::default() }),
        5 => Request::AddTrack(proto::AddTrackRequest {
            cid: "same".into(),
            layers: vec![proto::VideoLayer { width: number, ..Default::default() }; 100],
            ..Default::default()
        }),
        6 => Request::Mute(proto::MuteTrackRequest { sid: short, muted: true }),
        7 => Request::Subscription(proto::UpdateSubscription {
            track_sids: vec![short; 300],
            subscribe: true,
            ..Default::default()
        }),
        8 => Request::TrackSetting(proto::UpdateTrackSettings {
            track_sids: vec![short; 300],
            quality: -5,
            fps: number,
            ..Default::default()
        }),
        9 => Request::UpdateMetadata(proto::UpdateParticipantMetadata {
            metadata: long.repeat(30),
            request_id: number,
            ..Default::default()
        }),
        10 => Request::SyncState(proto::SyncState {
            answer: Some(description(short, number)),
            publish_tracks: vec![proto::TrackPublishedResponse::default(); 50],
            ..Default::default()
        }),
        11 => Request::SubscriptionPermission(proto::SubscriptionPermission {
            track_permissions: vec![proto::TrackPermission::default(); 200],
            ..Default::default()
        }),
        12 => Request::PublishDataTrackRequest(proto::PublishDataTrackRequest {
            pub_handle: number,
            name: long,
            ..Default::default()
        }),
        _ => Request::PingReq(proto::Ping { timestamp: i64::MIN, rtt: i64::MAX }),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_are_too_large_are_refused() {
    let call = Call::begin("hostile-http").await;
    let server = &call.server;
    let wait = Duration::from_secs(20);
    let jwt = token("call", "caller", &Claims::default());
    let post = |path: &str, length: usize| {
        format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nconnection: close\r\n\
             authorization: Bearer {}\r\ncontent-length: {length}\r\n\r\n",
            if path.starts_with("/v1") { "devkey:secret" } else { &jwt }
        )
    };
    let length = 11 << 20;
    for path in ["/twirp/livekit.RoomService/ListRooms", "/v1/rooms"] {
        let mut request = post(path, length).into_bytes();
        request.resize(request.len() + length, b' ');
        let (status, text) = server.exchange(&request, wait).await.expect("an answer");
        assert_eq!(status, 413, "{path}: {text}");
    }
    let header = format!("GET / HTTP/1.1\r\nhost: x\r\nx-long: {}\r\n\r\n", "x".repeat(512 << 10));
    let line = format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "x".repeat(512 << 10));
    let many: String = (0..2000).map(|at| format!("x-{at}: y\r\n")).collect();
    let many = format!("GET / HTTP/1.1\r\nhost: x\r\n{many}\r\n");
    for request in [header, line, many] {
        // An answer 4xx, or a closed connection.
        if let Ok((status, text)) = server.exchange(request.as_bytes(), wait).await {
            assert!(status == 0 || (400..500).contains(&status), "{status}: {text}");
        }
    }
    let bomb = format!("/rtc/v1/validate?access_token={jwt}&join_request={}", "A".repeat(100_000));
    let (status, text) = server.get(&bomb).await.expect("an answer");
    assert!((400..500).contains(&status), "{status}: {text}");
    let mut random = StdRng::seed_from_u64(6);
    for _ in 0..200 {
        let mut noise = vec![0; random.random_range(1..3000)];
        random.fill_bytes(&mut noise);
        let _ = server.exchange(&noise, Duration::from_millis(20)).await;
    }
    call.goes_on_undisturbed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_never_finish_their_request_are_closed_and_hold_up_nobody() {
    let call = Call::begin("hostile-slow").await;
    let mut slow = Vec::new();
    for at in 0..300 {
        let mut stream = call.server.connect().await.expect("a connection");
        let begin = if at % 2 == 0 { "GET / HTTP/1.1\r\nx-slow: " } else { "" };
        let _ = stream.write_all(begin.as_bytes()).await;
        slow.push(stream);
    }
    for _ in 0..10 {
        for stream in &mut slow {
            let _ = stream.write_all(b"x").await;
        }
        let (status, _) = call.server.get("/healthz").await.expect("an answer");
        assert_eq!(status, 200);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let mut closed = 0;
    for stream in &mut slow {
        let end = async {
            // An answer 408 may come before the end.
            let mut rest = Vec::new();
            let _ = stream.read_to_end(&mut rest).await;
        };
        closed += usize::from(tokio::time::timeout(chevet_tests::DEADLINE, end).await.is_ok());
    }
    assert_eq!(closed, slow.len(), "{}", call.server.tail());
    call.goes_on_undisturbed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_and_expired_tokens_open_nothing_and_are_counted() {
    let call = Call::begin("hostile-tokens").await;
    let good = token("call", "mallory", &Claims::default());
    let mut random = StdRng::seed_from_u64(7);
    let mut bad = vec![
        token("call", "mallory", &Claims { secret: "not the secret", ..Claims::default() }),
        token("call", "mallory", &Claims { expires: -3600, ..Claims::default() }),
        token("call", "mallory", &Claims { may_join: false, ..Claims::default() }),
        "eyJhbGciOiJub25lIn0.e30.".to_owned(),
        ".".repeat(1000),
        "A".repeat(50_000),
    ];
    for _ in 0..200 {
        let mut bytes = good.clone().into_bytes();
        // The last character of a part may hold bits that say nothing.
        let at = random.random_range(0..bytes.len() - 1);
        if bytes[at] != b'.' && bytes[at + 1] != b'.' {
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            bad.push(String::from_utf8(bytes).unwrap_or_default());
        }
    }
    for jwt in &bad {
        let path = format!("/rtc/validate?access_token={jwt}");
        let (status, text) = call.server.get(&path).await.expect("an answer");
        assert!(status == 401 || (jwt.len() > 10_000 && status >= 400), "{status}: {text} for {jwt}");
    }
    let (status, _) =
        call.server.get(&format!("/rtc/validate?access_token={good}")).await.expect("an answer");
    assert_eq!(status, 200);
    for cause in ["forged", "expired", "malformed"] {
        let counted = call.server.metric(&format!("chevet_tokens_refused_total{{cause=\"{cause}\"")).await;
        assert!(counted > 0.0, "{cause} is not counted");
    }
    call.goes_on_undisturbed().await;
}
