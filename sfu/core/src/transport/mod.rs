//! transport
pub mod sdp;
