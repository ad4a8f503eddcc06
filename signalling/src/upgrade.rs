//! The WebSocket handshake (RFC 6455 section 4.2), and sending in pieces.
//!
//! axum has a handshake of its own, but its sockets cannot send fragments; see [`send`] for why that matters.

use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::{Sink, SinkExt};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

/// A client's socket.
pub(crate) type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// Bytes of a WebSocket message of a client.
const MESSAGE_MAX: usize = 2 * 1024 * 1024;
/// Most messages of clients fit; longer ones take several reads. The library's own size is 128 KiB, cleared before each read
/// and kept for as long as the client stays.
const READ_BUFFER: usize = 1 << 10;
/// Bytes of a frame of ours: the library keeps a buffer as long as the longest.
const FRAME: usize = 2 << 10;

/// A request that asks for a WebSocket, and the connection that it came by.
pub(crate) struct Upgrade {
    key: HeaderValue,
    connection: OnUpgrade,
}

/// What is no such request.
#[derive(Debug)]
pub(crate) struct NotAnUpgrade;

impl IntoResponse for NotAnUpgrade {
    fn into_response(self) -> Response {
        StatusCode::NOT_FOUND.into_response()
    }
}

impl<S: Sync> FromRequestParts<S> for Upgrade {
    type Rejection = NotAnUpgrade;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Upgrade, NotAnUpgrade> {
        let asked = parts.method == Method::GET
            && lists(&parts.headers, &header::CONNECTION, "upgrade")
            && lists(&parts.headers, &header::UPGRADE, "websocket")
            && lists(&parts.headers, &header::SEC_WEBSOCKET_VERSION, "13");
        let key = parts.headers.get(header::SEC_WEBSOCKET_KEY).cloned();
        match (asked, key, parts.extensions.remove::<OnUpgrade>()) {
            (true, Some(key), Some(connection)) => Ok(Upgrade { key, connection }),
            _ => Err(NotAnUpgrade),
        }
    }
}

impl Upgrade {
    /// Answers the handshake, and hands the socket over when the connection is free for it.
    pub fn on_upgrade<F>(self, run: impl FnOnce(Socket) -> F + Send + 'static) -> Response
    where
        F: Future<Output = ()> + Send,
    {
        let accept = derive_accept_key(self.key.as_bytes());
        let connection = self.connection;
        tokio::spawn(async move {
            // A client that left before the answer has nobody to tell.
            let Ok(upgraded) = connection.await else { return };
            // Nothing gathers: [`send`] flushes each frame.
            let config = WebSocketConfig::default()
                .max_message_size(Some(MESSAGE_MAX))
                .max_frame_size(Some(MESSAGE_MAX))
                .read_buffer_size(READ_BUFFER)
                .write_buffer_size(0);
            run(WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(config)).await)
                .await;
        });
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        if let Ok(accept) = HeaderValue::from_str(&accept) {
            headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
        }
        response
    }
}

/// Whether a header's comma-separated words have this one.
fn lists(headers: &HeaderMap, name: &HeaderName, word: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|found| found.trim().eq_ignore_ascii_case(word))
}

/// Sends a message, a long one as fragments (RFC 6455 section 5.4). The library keeps its buffer as large as the largest
/// frame was, and the first message to a member of a large room is a hundred times as long as those that follow.
///
/// # Errors
/// The socket's.
pub(crate) async fn send(
    sink: &mut (impl Sink<Message, Error = Error> + Unpin),
    message: Message,
) -> Result<(), Error> {
    match message {
        Message::Binary(bytes) if bytes.len() > FRAME => {
            for (code, piece, last) in fragments(bytes) {
                sink.send(Message::Frame(Frame::message(piece, OpCode::Data(code), last))).await?;
            }
            Ok(())
        }
        message => sink.send(message).await,
    }
}

/// The pieces of a long message, each with whether it is the last.
fn fragments(mut bytes: Bytes) -> impl Iterator<Item = (Data, Bytes, bool)> {
    let mut code = Data::Binary;
    std::iter::from_fn(move || {
        if bytes.is_empty() {
            return None;
        }
        let piece = bytes.split_to(bytes.len().min(FRAME));
        let opcode = std::mem::replace(&mut code, Data::Continue);
        Some((opcode, piece, bytes.is_empty()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_message_is_cut_into_frames_of_which_the_last_is_marked() {
        let bytes = Bytes::from(vec![7; 2 * FRAME + 1]);
        let cut: Vec<_> = fragments(bytes.clone()).collect();
        let kinds: Vec<_> = cut.iter().map(|(code, piece, last)| (*code, piece.len(), *last)).collect();
        assert_eq!(
            kinds,
            [(Data::Binary, FRAME, false), (Data::Continue, FRAME, false), (Data::Continue, 1, true)]
        );
        let whole: Vec<u8> = cut.iter().flat_map(|(_, piece, _)| piece.iter().copied()).collect();
        assert_eq!(whole, bytes);
    }

    #[test]
    fn a_word_is_found_in_a_list_whatever_its_case() {
        let mut headers = HeaderMap::new();
        headers.append(header::CONNECTION, HeaderValue::from_static("keep-alive, Upgrade"));
        assert!(lists(&headers, &header::CONNECTION, "upgrade"));
        assert!(!lists(&headers, &header::CONNECTION, "keep"));
        assert!(!lists(&headers, &header::UPGRADE, "websocket"));
    }
}
