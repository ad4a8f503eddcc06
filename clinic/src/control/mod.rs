//! The clinic as a client of `control`: rooms, tokens and who is there, over HTTP, with opaque ids only.

mod client;
mod events;
mod jwt;

pub use client::{ControlClient, ControlError, Grants, Here, MediaToken, NewRoom, TOKEN_LIFE_S};
pub use events::{RoomEvent, Told, read};

/// For tests: signing as `control` does.
#[cfg(test)]
pub(crate) mod testing {
    pub use super::jwt::sign;
}
