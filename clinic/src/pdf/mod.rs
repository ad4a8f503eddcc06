//! Sheets of text as PDF: tagged, accessible (PDF/UA-1), fit for archives (PDF/A-2a), the same bytes for the same input.
//!
//! krilla writes and checks the file: it refuses to finish one that breaks a rule it can see. What it cannot see is done in
//! [`flow`]: reading order, table headers with their scope, headings without a gap, page furniture as artifacts, words
//! parted by real spaces.

mod draw;
mod flow;
mod text;

pub use flow::{Sheet, Table};

use crate::http::Language;
use jiff::Timestamp;

/// What a sheet says of itself.
#[derive(Clone, Debug)]
pub struct Info {
    pub title: String,
    pub language: Language,
    pub author: String,
    /// Unique and stable: the document id of the file is made from it.
    pub reference: String,
    /// In the metadata as time of creation.
    pub at: Timestamp,
    /// At the top of every page but the first: whose sheet this is.
    pub running: String,
    /// At the bottom of every page, left of its number.
    pub foot: String,
}

/// Why there is no PDF. Only a mistake of this program: whatever is typed can be set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the PDF was refused: {0}")]
pub struct PdfError(pub String);

#[cfg(test)]
mod tests;
