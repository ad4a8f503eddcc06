//! The formats on the wire: read and written, without state. Every reader takes any bytes and never panics; every one
//! of them is also run on mutated input.

pub mod codec;
pub mod rtcp;
pub mod rtp;
pub mod sequence;
pub mod stun;

mod demux;
pub(crate) mod read;

pub use demux::{Kind, demux};
