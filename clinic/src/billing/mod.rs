//! The billing data sheet ("Fiche FSE"): what the professional types into certified billing software, in the order of its
//! screens. It is no claim and transmits nothing.

pub mod acts;
mod calendar;
mod sheet;

pub use sheet::{Group, Line, Sheet, csv, pdf, sheet};

#[cfg(test)]
mod tests;
