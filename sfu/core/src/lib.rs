//! The media server as a value: datagrams, commands and the time go in; datagrams, events and the next deadline come
//! out. No socket, no clock, no thread, no lock.
//!
//! A packet's route: [`engine`] (demux) -> [`transport`] (SRTP open) -> [`stream`] ingress -> [`room`] fan-out ->
//! [`stream`] egress -> [`engine::Outbound`].

// clippy.toml holds the border. Tests stand outside of it: they need a first instant to count from.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]
#![cfg_attr(test, allow(clippy::disallowed_methods, clippy::disallowed_types))]
// What the network sends must not be able to end the process.
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::indexing_slicing, clippy::string_slice, clippy::panic)
)]

pub mod api;
pub mod engine;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod policy;
mod room;
pub mod stream;
pub mod transport;
pub mod wire;
