//! The tokens of `control`'s API: HS256 JWTs signed with the clinic's secret.

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Signs claims. `None` only when they cannot be written as JSON.
pub fn sign(secret: &str, claims: &impl Serialize) -> Option<String> {
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &EncodingKey::from_secret(secret.as_bytes()))
        .ok()
}

/// Checks algorithm, signature, issuer and times (a minute of leeway).
pub fn verify<T: DeserializeOwned + Clone>(key: &str, secret: &str, token: &str) -> Option<T> {
    let mut validation = Validation::new(Algorithm::HS256);
    validation.set_issuer(&[key]);
    validation.set_required_spec_claims(&["exp", "iss"]);
    validation.validate_nbf = true;
    validation.validate_aud = false;
    let key = DecodingKey::from_secret(secret.as_bytes());
    jsonwebtoken::decode::<T>(token, &key, &validation).ok().map(|data| data.claims)
}

/// Seconds since 1970 of the machine's clock: `control` checks with the same.
pub fn unix_seconds() -> u64 {
    u64::try_from(jiff::Timestamp::now().as_second()).unwrap_or(0)
}
