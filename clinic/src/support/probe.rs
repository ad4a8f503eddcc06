//! How good the way to this server is: a WebSocket that sends back, swallows and fills, within narrow bounds. Nobody has to
//! be logged in, since a device is tried before there is anything to log in to.

use std::time::Duration;

use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::response::Response;
use bytes::{BufMut, Bytes, BytesMut};
use http::HeaderMap;
use http::header::{HOST, ORIGIN};
use jiff::SignedDuration;
use tokio::sync::{Semaphore, watch};

use crate::Clinic;
use crate::http::problem::ProblemBody;
use crate::http::{Code, Peer, Problem};
use crate::limits::Rate;

/// From one network address; a care home has one for everybody.
const PROBES: Rate = Rate::per_minute(12);
/// At one time.
static SLOTS: Semaphore = Semaphore::const_new(32);
/// After this it closes, orderly.
const LIFE: Duration = Duration::from_secs(15);
/// After this it is cut: somebody reads too slowly to be told.
const PATIENCE: Duration = Duration::from_secs(20);
const ECHO_BYTES_MAX: usize = 1200;
const PIECE: usize = 16 * 1024;
/// Asked for at once.
const FILL_BYTES_MAX: u32 = 1_000_000;
/// In each direction.
const BUDGET: usize = 4_000_000;
const MESSAGES_MAX: u32 = 4000;

const ECHO: u8 = 0x00;
const FILL: u8 = 0x01;
const SWALLOW: u8 = 0x02;
const COUNT: u8 = 0x03;
const FILLED: u8 = 0x11;

/// Tries the network. Binary messages, the first byte says what they are: `00` comes back as it is (1200 bytes at most);
/// `01` and a length (32 bits, big endian, at most 1 MB) is answered by that many bytes in messages `01`, then `11` and the
/// length; `02` is swallowed and counted (16 KiB at most); `03` is answered by `03` and the count. Ends after 15 seconds, or
/// 4 MB in either direction.
#[utoipa::path(get, path = "/p/v1/network-probe", tag = "support", responses(
    (status = 101, description = "A WebSocket"),
    (status = 400, description = "No WebSocket was asked for", body = ProblemBody, content_type = "application/problem+json"),
    (status = 403, description = "From a page of another site", body = ProblemBody, content_type = "application/problem+json"),
    (status = 429, description = "Too often from this address", body = ProblemBody, content_type = "application/problem+json"),
    (status = 503, description = "Too many at this time", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn probe(
    State(clinic): State<Clinic>,
    peer: Peer,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let upgrade = upgrade.map_err(|_| Problem::new(Code::Malformed))?;
    if !is_same_origin(&headers) {
        return Err(Problem::new(Code::Forbidden));
    }
    clinic.traffic().take(clinic.clock().now(), "network-probe", &peer.subject(), PROBES)?;
    let busy = || Problem::new(Code::Unavailable).retry_after(SignedDuration::from_secs(5));
    let slot = SLOTS.try_acquire().map_err(|_| busy())?;
    let stopping = clinic.stopping();
    let upgrade = upgrade.max_message_size(PIECE + 64).max_frame_size(PIECE + 64);
    Ok(upgrade.on_upgrade(move |socket| async move {
        let _ = tokio::time::timeout(PATIENCE, serve(socket, stopping)).await;
        drop(slot);
    }))
}

/// WebSockets are no subject of the browsers' rules for other origins; without `Origin` it is no browser.
fn is_same_origin(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(ORIGIN) else { return true };
    let host = headers.get(HOST).and_then(|value| value.to_str().ok());
    let origin = origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|(_, host)| host);
    origin.is_some() && origin == host
}

/// What has gone through.
#[derive(Default)]
struct Counts {
    messages: u32,
    received: usize,
    sent: usize,
    /// Payload of the messages that were swallowed.
    swallowed: u32,
}

enum End {
    /// The other side went, or the connection.
    Gone,
    TooMuch,
}

async fn serve(mut socket: WebSocket, mut stopping: watch::Receiver<bool>) {
    let over = tokio::time::sleep(LIFE);
    tokio::pin!(over);
    let mut counts = Counts::default();
    let code = loop {
        let message = tokio::select! {
            () = &mut over => break close_code::NORMAL,
            _ = stopping.wait_for(|stop| *stop) => break close_code::AWAY,
            message = socket.recv() => message,
        };
        let bytes = match message {
            Some(Ok(Message::Binary(bytes))) => bytes,
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => Bytes::new(),
            Some(Ok(Message::Text(_))) => break close_code::POLICY,
            Some(Ok(Message::Close(_)) | Err(_)) | None => return,
        };
        match take(&mut socket, &mut counts, bytes).await {
            Ok(()) => {}
            Err(End::Gone) => return,
            Err(End::TooMuch) => break close_code::POLICY,
        }
    };
    let _ = socket.send(Message::Close(Some(CloseFrame { code, reason: "".into() }))).await;
}

async fn take(socket: &mut WebSocket, counts: &mut Counts, bytes: Bytes) -> Result<(), End> {
    counts.messages = counts.messages.saturating_add(1);
    counts.received = counts.received.saturating_add(bytes.len());
    if counts.messages > MESSAGES_MAX || counts.received > BUDGET {
        return Err(End::TooMuch);
    }
    let Some((kind, rest)) = bytes.split_first() else { return Ok(()) };
    match *kind {
        ECHO if bytes.len() <= ECHO_BYTES_MAX => send(socket, counts, bytes).await,
        FILL => {
            let length = <[u8; 4]>::try_from(rest).map(u32::from_be_bytes).map_err(|_| End::TooMuch)?;
            if length > FILL_BYTES_MAX {
                return Err(End::TooMuch);
            }
            fill(socket, counts, length).await
        }
        SWALLOW => {
            counts.swallowed = counts.swallowed.saturating_add(u32::try_from(rest.len()).unwrap_or(u32::MAX));
            Ok(())
        }
        COUNT if rest.is_empty() => send(socket, counts, number(COUNT, counts.swallowed)).await,
        _ => Err(End::TooMuch),
    }
}

async fn fill(socket: &mut WebSocket, counts: &mut Counts, length: u32) -> Result<(), End> {
    let mut left = usize::try_from(length).unwrap_or(0);
    let mut piece = BytesMut::zeroed(PIECE);
    if let Some(kind) = piece.first_mut() {
        *kind = FILL;
    }
    let piece = piece.freeze();
    while left > 0 {
        let payload = left.min(PIECE - 1);
        send(socket, counts, piece.slice(..payload + 1)).await?;
        left -= payload;
    }
    send(socket, counts, number(FILLED, length)).await
}

fn number(kind: u8, number: u32) -> Bytes {
    let mut bytes = BytesMut::with_capacity(5);
    bytes.put_u8(kind);
    bytes.put_u32(number);
    bytes.freeze()
}

async fn send(socket: &mut WebSocket, counts: &mut Counts, bytes: Bytes) -> Result<(), End> {
    counts.sent = counts.sent.saturating_add(bytes.len());
    if counts.sent > BUDGET {
        return Err(End::TooMuch);
    }
    socket.send(Message::Binary(bytes)).await.map_err(|_| End::Gone)
}
