//! The media server as a value: datagrams, commands and the time go in; datagrams, events and the next deadline come
//! out. No socket, no clock, no thread, no lock.
//!
//! A packet's route: [`engine`] (demux) -> [`transport`] (SRTP open) -> [`stream`] ingress -> [`room`] fan-out ->
//! [`stream`] egress -> [`engine::Outbound`].

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
