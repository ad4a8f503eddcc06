//! FHIR R4: the resources of a consultation, read one by one ([`facade`]) or as a document bundle ([`bundle`]).
//!
//! Resource ids are the clinic's own with `-` for `_`, which FHIR does not allow. No resource carries the NIR: a number typed
//! by hand is a billing number, and the INS travels with a qualified identity only.

mod bundle;
pub mod facade;
mod resources;

pub use bundle::bundle;
pub use resources::*;

#[cfg(test)]
mod tests;
