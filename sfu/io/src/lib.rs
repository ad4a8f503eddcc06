//! Sockets, clock and worker threads of the media server: the only place of the server that owns any of them, and the
//! only `unsafe` (in `sys`).
//!
//! A worker is a plain thread with one UDP socket, its ICE-TCP connections and one engine. Commands come in and events
//! go out by bounded channels of values.

// What the network sends must not be able to end the process.
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::indexing_slicing, clippy::string_slice, clippy::panic)
)]

mod advertise;
mod census;
mod config;
mod events;
mod load;
mod sfu;
pub mod sim;
mod sockets;
mod spread;
mod sys;
mod tcp;
mod udp;
mod ufrag;
mod worker;

pub use chevet_sfu_core::api;
pub use chevet_sfu_core::engine::CompanySettings;
pub use chevet_sfu_core::transport::sdp;
pub use config::{Overloaded, SfuConfig, SfuError};
pub use load::{IoCounters, WorkerLoad};
pub use sfu::{Events, Sfu};
pub use ufrag::{WORKERS_MAX, WorkerId, ufrag_for, worker_of};
