//! Messages to people: what is written, by mail or as a short message, and how it gets there.

mod kinds;
mod letter;

pub use crate::outbox::Channel;
pub use kinds::{Appointment, CalendarMethod, Kind, Suppressed};
pub use letter::{Letter, Posted, link, post};
