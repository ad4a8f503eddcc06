//! Access tokens: HS256 JWTs signed with the secret of an API key.

mod claims;

pub use claims::{Claims, VideoGrant};

/// Why a token is no good. `Display` is safe to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    #[error("no permissions to access the room")]
    Missing,
    #[error("invalid authorization header")]
    NotBearer,
    #[error("invalid token")]
    Malformed,
    #[error("invalid API key")]
    UnknownKey,
    #[error("invalid token: wrong signature")]
    Forged,
    #[error("invalid token: expired")]
    Expired,
    #[error("invalid token: not valid yet")]
    NotYet,
}
