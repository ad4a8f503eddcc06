//! The product seen from outside: what the tests in `tests/` share. A server in a process of its own, and a participant
//! that speaks LiveKit's signalling over the `webrtc` crate, whose WebRTC stack shares nothing with the server's.

mod handlers;
pub mod hostile;
mod media;
mod peer;
mod server;
mod stun;

pub use media::{Heard, Kind, Publication};
pub use peer::Peer;
pub use server::{Claims, Server, token};

use std::time::Duration;

/// Generous, because the machine may be busy with other work.
pub const DEADLINE: Duration = Duration::from_secs(40);

/// Waits until the condition holds; fails with what was waited for and where the server's log is.
pub async fn until(what: &str, server: &Server, mut condition: impl AsyncFnMut() -> bool) {
    let end = tokio::time::Instant::now() + DEADLINE;
    while !condition().await {
        assert!(tokio::time::Instant::now() < end, "waited in vain until {what}\n{}", server.tail());
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
}
