//! Consultations: from the appointment to the purge, links and waiting room, and who is in the call.

pub mod guard;
pub mod live;
mod note;

pub use guard::{Access, Read, consultation_for};
pub use live::{Live, What};
pub use note::note;
