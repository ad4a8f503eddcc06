//! The world outside of a clinic, in one process and on loopback only.
//!
//! For `serve --dev` and for tests. Nothing here reaches another machine, and nothing of it is part of a release.

pub mod cards;
pub mod psc;
