//! The visible signature: a picture of one's name that a professional keeps here, and its place on a document. It is no
//! cryptographic signature; that is the seal, which this server puts on the document afterwards.
//!
//! `ink` makes the picture fit to be kept, `keep` keeps it, `place` puts it onto a PDF.

mod ink;
pub(super) mod keep;
pub(super) mod place;
#[cfg(test)]
mod tests;

/// Longest picture that is taken, in bytes.
pub(super) const BODY_MAX: usize = 2 << 20;
