//! Decisions. Pure functions and small values that see numbers and the time, never a socket, a packet or a lock. Each
//! decision comes with its reason, which operators and participants can read.

pub mod allotment;
pub mod bandwidth;
pub mod company;
pub mod key_frames;
pub mod layers;
pub mod probe;
pub mod quality;
pub mod speakers;
pub mod wanted;
