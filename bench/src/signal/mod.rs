//! How a client gets into a room: LiveKit's protocol in both generations, and what its parts share with Janus'.

mod dial;
mod files;
mod link;
mod livekit;
mod offers;
mod publication;

pub use dial::tls;
pub use files::{Downloads, Upload};
pub use link::{Link, notice};
pub use livekit::{Access, join};
pub use offers::Offers;
pub use publication::{Publication, publications};
