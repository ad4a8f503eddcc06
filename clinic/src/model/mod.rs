//! What the clinic is about: its entities, what may be written into them, and how a consultation goes from state to state.
//! Values and pure functions only.

pub mod capability;
pub mod entities;
pub mod identifier;
pub mod machine;
pub mod nir;
pub mod payment;
pub mod people;
pub mod phone;
pub mod retention;
pub mod slot;

pub use capability::{Capability, CapabilitySet, capabilities};
pub use entities::*;
pub use machine::{Absent, Effect, Kind, Moment, Status, Trigger, transition};
