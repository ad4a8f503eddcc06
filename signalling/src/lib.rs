//! The LiveKit-compatible signalling protocol: v0 (`/rtc`, two peer connections) and v1 (`/rtc/v1`, one).
//!
//! [`session`] is what a participant's signalling means, as a value; the rest of the crate brings it messages and time.

// What the network sends must not be able to end the process.
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::indexing_slicing, clippy::string_slice, clippy::panic)
)]

mod http;
mod request;
mod seat;
pub mod session;
mod socket;
mod upgrade;

pub use http::router;
pub use session::ServerFacts;
