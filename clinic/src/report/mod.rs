//! The report: what CSP art. R6316-4 asks for, filled in by the system where the system knows it, as an accessible PDF.

pub mod dossier;
mod gather;
mod page;
mod routes;
pub mod words;

pub use dossier::{Addendum, Dossier};
pub use gather::{forget, gather, latest, stored_pdf};
pub use page::{Draft, letterhead, report, title};
pub use routes::{Api, router};
pub(crate) use routes::{exported, file};

#[cfg(test)]
mod api_tests;
#[cfg(test)]
mod tests;
