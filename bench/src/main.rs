//! `chevet-bench`: loads a media server with real endpoints and says what it costs.
//!
//! From the wire upwards: `net` (addresses, sockets, clocks), `peer` (ICE, DTLS, SRTP, SCTP of one client), `media` (what
//! clients send and how what arrives is judged), `generator` (the threads that drive many peers), `signal` and `target`
//! (how a client gets into a room of which server), `run` (one scenario against one target), `figures` and `report`.

#![allow(dead_code, reason = "the parts are being put together")]

mod figures;
mod floor;
mod generator;
mod media;
mod net;
mod peer;
mod plan;
mod report;
mod run;
mod scenario;
mod sdp;
mod signal;
mod target;

fn main() -> anyhow::Result<()> {
    run::main()
}
