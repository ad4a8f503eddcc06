//! Rooms and participants. Twirp, REST and signalling sessions are three doors to it, the media server is the fourth.
//!
//! # Who sends which command to the media server
//! The registry sends what concerns the life of rooms and members: `OpenRoom`, `CloseRoom`, `AddMember`,
//! `SetPermissions`, `RemoveMember`, and `SendData` and `Inspect` for the API. The session sends everything about
//! transports, published tracks (`Publish`, `SetMuted`, `Unpublish`), subscriptions, data tracks and `Resume`, straight by
//! [`crate::Control::media`]. `AddMember` is on its way before `join` returns, so the session's commands follow it.
//!
//! # One lock
//! All of it is behind one mutex that is never held across an await. Nothing under it blocks: notices go into bounded
//! channels, commands into bounded queues.

mod admin;
mod events;
mod hub;
mod join;
mod notice;
mod rules;
mod seat;
mod timers;
mod tracks;

pub use admin::{ApiError, MemberView};
pub(crate) use hub::{Counts, Hub, unix_seconds};
pub use notice::{Attachment, DataPublication, MediaTrack, Notice, Offered, Publication};
pub use seat::{JoinError, JoinOptions, Joined, Refused, ResumeError, Seat, Snapshot};

#[cfg(test)]
mod tests;
