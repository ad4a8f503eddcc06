//! A light WebRTC endpoint in process: ICE checks, DTLS by `dimpl`, SRTP, and as much RTP and RTCP as a browser would send.
//! For the simulated network and for real sockets.
#![allow(dead_code)]

pub mod client;
pub mod counting;
pub mod loopback;
pub mod media;
pub mod script;
pub mod stun;
