//! A participant of bad faith: it has a token and knows the protocols, and then sends whatever it likes.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::Context;
use futures_util::{SinkExt, StreamExt};
use livekit_protocol as proto;
use prost::Message;
use proto::signal_request::Message as Request;
use proto::signal_response::Message as Response;
use rand::rngs::StdRng;
use rand::{Rng, RngCore};
use tokio::net::TcpStream;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, tungstenite};

use crate::server::{Claims, Server, token};
use crate::stun::binding_request;

pub type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

const UFRAG: &str = "evil";
const ANSWER: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n\
    m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=ice-ufrag:evil\r\n\
    a=ice-pwd:0123456789abcdef0123456789abcdef\r\na=setup:active\r\na=mid:0\r\na=sctp-port:5000\r\n\
    a=fingerprint:sha-256 ";

pub struct Intruder {
    pub socket: Socket,
    /// The media address, and the one for ICE-TCP.
    pub udp: SocketAddr,
    pub tcp: Option<SocketAddr>,
    username: String,
    password: String,
}

impl Intruder {
    /// Joins by v0 and answers the server's offer, so that its ICE checks are good.
    pub async fn join(server: &Server, room: &str, identity: &str) -> Intruder {
        let joined = Intruder::try_join(server, room, identity).await;
        joined.unwrap_or_else(|error| panic!("{identity} cannot join: {error:#}\n{}", server.tail()))
    }

    async fn try_join(server: &Server, room: &str, identity: &str) -> anyhow::Result<Intruder> {
        let mut socket = open(server, room, identity).await?;
        let offer = loop {
            let message = socket.next().await.context("the socket closed")??;
            let tungstenite::Message::Binary(bytes) = message else { continue };
            if let Some(Response::Offer(offer)) = proto::SignalResponse::decode(&bytes[..])?.message {
                break offer;
            }
        };
        let fingerprint = vec!["AB"; 32].join(":");
        let answer = proto::SessionDescription {
            r#type: "answer".into(),
            sdp: format!("{ANSWER}{fingerprint}\r\n"),
            id: offer.id,
            ..Default::default()
        };
        send(&mut socket, Request::Answer(answer)).await?;
        let line =
            |prefix: &str| offer.sdp.lines().find_map(|line| line.strip_prefix(prefix)).map(str::to_owned);
        let candidate = |transport: &str| {
            offer.sdp.lines().filter(|line| line.starts_with("a=candidate:")).find_map(|line| {
                let fields: Vec<&str> = line.split(' ').collect();
                (fields.get(2)?.eq_ignore_ascii_case(transport)).then(|| fields.get(5)?.parse().ok())?
            })
        };
        let at = |port: u16| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let ufrag = line("a=ice-ufrag:").context("no ufrag in the offer")?;
        Ok(Intruder {
            socket,
            udp: at(candidate("udp").context("no UDP candidate in the offer")?),
            tcp: candidate("tcp").map(at),
            username: format!("{ufrag}:{UFRAG}"),
            password: line("a=ice-pwd:").context("no password in the offer")?,
        })
    }

    /// A check that the server has to accept.
    pub fn check(&self, random: &mut StdRng) -> Vec<u8> {
        binding_request(random.random(), &self.username, &self.password)
    }
}

pub async fn open(server: &Server, room: &str, identity: &str) -> anyhow::Result<Socket> {
    let jwt = token(room, identity, &Claims::default());
    let url = format!("ws://127.0.0.1:{}/rtc?protocol=16&sdk=rust&access_token={jwt}", server.port);
    Ok(tokio_tungstenite::connect_async(url).await?.0)
}

pub async fn send(socket: &mut Socket, request: Request) -> anyhow::Result<()> {
    let bytes = proto::SignalRequest { message: Some(request) }.encode_to_vec();
    Ok(socket.send(tungstenite::Message::binary(bytes)).await?)
}

/// Datagrams as they should be, up to what only keys could make: for [`mutate`].
pub fn templates(random: &mut StdRng, check: Vec<u8>) -> Vec<Vec<u8>> {
    let mut body = |head: &[u8], length: usize| {
        let mut bytes = head.to_vec();
        bytes.resize(head.len() + length, 0);
        random.fill_bytes(&mut bytes[head.len()..]);
        bytes
    };
    let dtls = |kind: u8, epoch: u8, length: u16| {
        let [high, low] = length.to_be_bytes();
        [kind, 0xFE, 0xFD, 0, epoch, 0, 0, 0, 0, 0, 1, high, low]
    };
    // ClientHello with a handshake header that announces 180 bytes.
    let mut hello = body(&dtls(22, 0, 192), 192);
    hello.splice(13..25, [1, 0, 0, 180, 0, 0, 0, 0, 0, 0, 0, 180]);
    vec![
        check,
        hello,
        // A fragment of a long message, a change of cipher, an alert, application data (SCTP inside).
        body(&dtls(22, 0, 600), 600),
        body(&dtls(20, 0, 1), 1),
        body(&dtls(21, 0, 2), 2),
        body(&dtls(23, 1, 200), 200),
        // RTP: Opus, VP8 with a header extension and with CSRCs and padding.
        body(&[0x80, 111, 0, 1, 0, 0, 0, 1, 0, 0, 3, 232], 100),
        body(
            &[0x90, 96, 0, 1, 0, 0, 0, 1, 0, 0, 3, 242, 0xBE, 0xDE, 0, 2, 0x10, 0x30, 0x21, 1, 2, 0, 0, 0],
            1000,
        ),
        body(&[0xBF, 0xE0, 0, 1, 0, 0, 0, 1, 0, 0, 3, 232], 200),
        // RTCP: sender report, receiver report, NACK, transport-cc, PLI, bye; each with an SRTCP trailer's length.
        body(&[0x81, 200, 0, 12, 0, 0, 3, 232], 62),
        body(&[0x81, 201, 0, 7, 0, 0, 3, 232], 42),
        body(&[0x81, 205, 0, 3, 0, 0, 3, 232, 0, 0, 3, 242], 22),
        body(&[0x8F, 205, 0, 6, 0, 0, 3, 232, 0, 0, 3, 242], 34),
        body(&[0x81, 206, 0, 2, 0, 0, 3, 232, 0, 0, 3, 242], 18),
        body(&[0x81, 203, 0, 1, 0, 0, 3, 232], 18),
    ]
}

/// A template with some of its bytes changed, cut short, made longer, or all noise.
pub fn mutate(random: &mut StdRng, templates: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = templates.get(random.random_range(0..templates.len())).cloned().unwrap_or_default();
    match random.random_range(0..10) {
        0 => {
            bytes = vec![0; random.random_range(0..1500)];
            random.fill_bytes(&mut bytes);
        }
        1 => bytes.truncate(random.random_range(0..=bytes.len())),
        2 => bytes.resize(random.random_range(0..9000), 0xFF),
        3 => {}
        _ => {
            for _ in 0..random.random_range(1..8) {
                // Most often in the first bytes, where the lengths are.
                let end = if random.random() { bytes.len() } else { bytes.len().min(24) };
                if end > 0
                    && let Some(byte) = bytes.get_mut(random.random_range(0..end))
                {
                    *byte = random.random();
                }
            }
        }
    }
    bytes
}
