//! room

pub mod data;
pub mod envelope;
