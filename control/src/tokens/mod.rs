//! Access tokens: HS256 JWTs signed with the secret of an API key.

mod claims;

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde_json::Value;

pub use claims::{Claims, VideoGrant};

/// Clocks of the issuer and of us may differ by this, in seconds.
const LEEWAY_S: u64 = 60;

/// A token longer than this is not looked at. Metadata may be 512 KiB, and base64 adds a third.
const TOKEN_BYTES_MAX: usize = 1024 * 1024;

/// Shorter secrets can be guessed; NIST SP 800-107 5.3.4 wants 32 bytes of key for HMAC-SHA-256.
const SECRET_CHARS_MIN: usize = 32;

/// Why a token is no good. `Display` is safe to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    #[error("no access token")]
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

impl TokenError {
    /// For the metrics.
    pub fn cause(self) -> &'static str {
        match self {
            TokenError::Missing => "missing",
            TokenError::NotBearer => "not_bearer",
            TokenError::Malformed => "malformed",
            TokenError::UnknownKey => "unknown_key",
            TokenError::Forged => "forged",
            TokenError::Expired => "expired",
            TokenError::NotYet => "not_yet",
        }
    }
}

/// Why a set of API keys cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("no API key is configured")]
    None,
    #[error("the secret of API key {key:?} has {len} characters, {SECRET_CHARS_MIN} are the least")]
    Short { key: String, len: usize },
    #[error("API key {0:?} holds a colon or is empty")]
    Name(String),
    #[error("webhooks name the unknown API key {0:?}")]
    Unknown(String),
}

/// The API keys, and what can be done with them.
pub struct Tokens {
    keys: BTreeMap<String, String>,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.keys.keys()).finish()
    }
}

impl Tokens {
    /// `short_secrets`: for trying it out, with `devkey` and `secret`.
    pub fn new(keys: BTreeMap<String, String>, short_secrets: bool) -> Result<Tokens, KeyError> {
        if keys.is_empty() {
            return Err(KeyError::None);
        }
        for (key, secret) in &keys {
            if key.is_empty() || key.contains(':') {
                return Err(KeyError::Name(key.clone()));
            }
            let len = secret.chars().count();
            if len == 0 || (len < SECRET_CHARS_MIN && !short_secrets) {
                return Err(KeyError::Short { key: key.clone(), len });
            }
        }
        Ok(Tokens { keys })
    }

    /// Checks the algorithm, the signature and the times of a token.
    pub fn verify(&self, token: &str) -> Result<Claims, TokenError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(TokenError::Malformed);
        }
        // `none` and every other name but HS256 end here: the token does not choose how it is checked.
        let header = jsonwebtoken::decode_header(token).map_err(|_| TokenError::Malformed)?;
        if header.alg != Algorithm::HS256 {
            return Err(TokenError::Malformed);
        }
        // Read before it is verified, only to find the key.
        let unverified: Value =
            jsonwebtoken::dangerous::insecure_decode_claims(token).map_err(|_| TokenError::Malformed)?;
        let issuer = unverified.get("iss").and_then(Value::as_str).ok_or(TokenError::UnknownKey)?;
        let secret = self.keys.get(issuer).ok_or(TokenError::UnknownKey)?;

        let mut validation = Validation::new(Algorithm::HS256);
        validation.leeway = LEEWAY_S;
        validation.validate_nbf = true;
        validation.validate_aud = false;
        let key = DecodingKey::from_secret(secret.as_bytes());
        let claims = jsonwebtoken::decode::<Value>(token, &key, &validation)
            .map_err(|error| match error.kind() {
                ErrorKind::InvalidSignature => TokenError::Forged,
                ErrorKind::ExpiredSignature => TokenError::Expired,
                ErrorKind::ImmatureSignature => TokenError::NotYet,
                _ => TokenError::Malformed,
            })?
            .claims;
        serde_json::from_value(tolerant(claims)).map_err(|_| TokenError::Malformed)
    }

    /// Signs claims with the key they name in `iss`, or with the first key if they name none.
    pub fn issue(&self, mut claims: Claims, life: Duration) -> Option<String> {
        if claims.iss.is_empty() {
            claims.iss = self.keys.keys().next()?.clone();
        }
        let secret = self.keys.get(&claims.iss)?;
        let now = unix_seconds();
        claims.iat = Some(now);
        claims.nbf = Some(now);
        claims.exp = now.saturating_add(life.as_secs());
        let key = EncodingKey::from_secret(secret.as_bytes());
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key).ok()
    }

    pub(crate) fn has_key(&self, key: &str) -> bool {
        self.keys.contains_key(key)
    }

    /// Reads `key:secret` and gives back the key. The comparison takes the same time wherever the texts differ.
    pub fn api_key(&self, credentials: &str) -> Option<&str> {
        let (key, secret) = credentials.split_once(':')?;
        let (key, expected) = self.keys.get_key_value(key)?;
        equal(secret.as_bytes(), expected.as_bytes()).then_some(key.as_str())
    }
}

/// Compares digests of equal length, so that neither the time nor the length tells anything of the secret.
fn equal(a: &[u8], b: &[u8]) -> bool {
    use sha2::{Digest, Sha256};
    let (a, b) = (Sha256::digest(a), Sha256::digest(b));
    std::hint::black_box(a.iter().zip(b.iter()).fold(0_u8, |difference, (x, y)| difference | (x ^ y))) == 0
}

/// Some issuers write `null` for what is absent, and times with a fraction.
fn tolerant(mut claims: Value) -> Value {
    if let Some(claims) = claims.as_object_mut() {
        claims.retain(|_, value| !value.is_null());
        for name in ["exp", "nbf", "iat"] {
            if let Some(value) = claims.get_mut(name)
                && let Some(seconds) = value.as_f64()
            {
                *value = Value::from(seconds.max(0.0) as u64);
            }
        }
        if let Some(video) = claims.get_mut("video").and_then(Value::as_object_mut) {
            video.retain(|_, value| !value.is_null());
        }
    }
    claims
}

pub(crate) fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// The bearer token of a request: from the `Authorization` header if there is one, else from the query.
pub fn bearer<'a>(
    headers: &'a http::HeaderMap,
    access_token: Option<&'a str>,
) -> Result<&'a str, TokenError> {
    match headers.get(http::header::AUTHORIZATION) {
        Some(value) => {
            let value = value.to_str().map_err(|_| TokenError::NotBearer)?;
            value.strip_prefix("Bearer ").map(str::trim).ok_or(TokenError::NotBearer)
        }
        None => access_token.filter(|token| !token.is_empty()).ok_or(TokenError::Missing),
    }
}

#[cfg(test)]
mod tests;
