//! Judging the provider's tokens.

use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::crypto::same;

/// Clocks may differ by this much.
const LEEWAY: SignedDuration = SignedDuration::from_secs(60);
/// An ID token older than this was not made for this login.
const AGE_MAX: SignedDuration = SignedDuration::from_mins(10);

/// Signatures with a public key only: with a shared secret whoever knows the client secret could make tokens, and `none`
/// is no signature at all.
const ALGORITHMS: [Algorithm; 7] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
];

/// Why a token was not believed; for the audit trail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Distrust {
    #[error("token-unreadable")]
    Unreadable,
    #[error("token-algorithm")]
    Algorithm,
    #[error("token-key")]
    Key,
    #[error("token-signature")]
    Signature,
    #[error("token-issuer")]
    Issuer,
    #[error("token-audience")]
    Audience,
    #[error("token-expired")]
    Expired,
    #[error("token-time")]
    Time,
    #[error("token-nonce")]
    Nonce,
    #[error("token-acr")]
    Acr,
    #[error("token-not-fresh")]
    NotFresh,
    #[error("userinfo-subject")]
    Subject,
    #[error("userinfo-identity")]
    Identity,
    #[error("token-event")]
    Event,
}

/// `aud`: one or several.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Audience {
    fn is_for(&self, client: &str, authorized: Option<&str>) -> bool {
        match self {
            Audience::One(one) => one == client && authorized.is_none_or(|party| party == client),
            // With others: made for us only if we are named as the party (OpenID Connect Core, 3.1.3.7).
            Audience::Several(all) => {
                let named = all.iter().any(|one| one == client);
                let alone = all.len() == 1 && authorized.is_none();
                named && (alone || authorized == Some(client))
            }
        }
    }
}

#[derive(Clone, Debug, Deserialize)]
struct Common {
    iss: String,
    aud: Audience,
    #[serde(default)]
    azp: Option<String>,
    #[serde(default)]
    exp: Option<i64>,
    #[serde(default)]
    iat: Option<i64>,
}

/// What is used of an ID token.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct IdClaims {
    pub sub: String,
    #[serde(default)]
    nonce: Option<String>,
    #[serde(default)]
    acr: Option<String>,
    #[serde(default)]
    auth_time: Option<i64>,
    /// The session over there, for back-channel logout.
    #[serde(default)]
    pub sid: Option<String>,
}

/// What a token has to say.
#[derive(Clone, Debug)]
pub struct Expected<'a> {
    pub issuer: &'a str,
    pub client_id: &'a str,
    pub now: Timestamp,
}

/// Finds the key by its id and checks the signature. Nothing of the claims is believed before.
fn open<T: DeserializeOwned>(token: &str, keys: &JwkSet) -> Result<T, Distrust> {
    let header = jsonwebtoken::decode_header(token).map_err(|_| Distrust::Algorithm)?;
    if !ALGORITHMS.contains(&header.alg) {
        return Err(Distrust::Algorithm);
    }
    let key = match (&header.kid, keys.keys.as_slice()) {
        (Some(kid), _) => keys.find(kid).ok_or(Distrust::Key)?,
        (None, [only]) => only,
        (None, _) => return Err(Distrust::Key),
    };
    let key = DecodingKey::from_jwk(key).map_err(|_| Distrust::Key)?;
    // Times are judged below by the clinic's clock; issuer and audience by stricter rules than the library's.
    let mut validation = Validation::new(header.alg);
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    let data = jsonwebtoken::decode::<T>(token, &key, &validation).map_err(|error| match error.kind() {
        jsonwebtoken::errors::ErrorKind::InvalidSignature => Distrust::Signature,
        jsonwebtoken::errors::ErrorKind::InvalidAlgorithm => Distrust::Algorithm,
        _ => Distrust::Unreadable,
    })?;
    Ok(data.claims)
}

/// The key id that a token names, believed by nobody yet.
pub fn key_id(token: &str) -> Option<String> {
    jsonwebtoken::decode_header(token).ok()?.kid
}

#[derive(Deserialize)]
struct With<T> {
    #[serde(flatten)]
    common: Common,
    #[serde(flatten)]
    own: T,
}

fn common(common: &Common, expected: &Expected<'_>, expires: bool) -> Result<(), Distrust> {
    if common.iss != expected.issuer {
        return Err(Distrust::Issuer);
    }
    if !common.aud.is_for(expected.client_id, common.azp.as_deref()) {
        return Err(Distrust::Audience);
    }
    let second = |second: i64| Timestamp::from_second(second).map_err(|_| Distrust::Time);
    match common.exp {
        Some(exp) if second(exp)?.saturating_add(LEEWAY).is_ok_and(|end| end <= expected.now) => {
            return Err(Distrust::Expired);
        }
        None if expires => return Err(Distrust::Time),
        _ => {}
    }
    match common.iat {
        Some(iat) => {
            let age = expected.now.duration_since(second(iat)?);
            if age > AGE_MAX || age < -LEEWAY { Err(Distrust::Time) } else { Ok(()) }
        }
        None if expires => Err(Distrust::Time),
        None => Ok(()),
    }
}

/// Believes an ID token, or says why not. `since`: for a proof of presence, when it was asked for.
pub fn id_token(
    token: &str,
    keys: &JwkSet,
    expected: &Expected<'_>,
    nonce: &str,
    acr: &str,
    since: Option<Timestamp>,
) -> Result<IdClaims, Distrust> {
    let With { common: claims, own }: With<IdClaims> = open(token, keys)?;
    common(&claims, expected, true)?;
    if !own.nonce.as_deref().is_some_and(|given| same(given.as_bytes(), nonce.as_bytes())) {
        return Err(Distrust::Nonce);
    }
    if own.acr.as_deref() != Some(acr) {
        return Err(Distrust::Acr);
    }
    if let Some(since) = since {
        let proved =
            own.auth_time.and_then(|at| Timestamp::from_second(at).ok()).ok_or(Distrust::NotFresh)?;
        if since.duration_since(proved) > LEEWAY {
            return Err(Distrust::NotFresh);
        }
    }
    Ok(own)
}

/// Userinfo as a JWT: its signature, and issuer and audience, which it has to have (OpenID Connect Core, 5.3.2).
pub fn userinfo(token: &str, keys: &JwkSet, expected: &Expected<'_>) -> Result<serde_json::Value, Distrust> {
    let With { common: claims, .. }: With<serde_json::Value> = open(token, keys)?;
    common(&claims, expected, false)?;
    open(token, keys)
}

/// Which sessions are over, by the provider's word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedOut {
    pub subject: Option<String>,
    pub session: Option<String>,
    /// Names the token, so that it works once.
    pub id: String,
}

/// Believes a logout token (OpenID Connect Back-Channel Logout 1.0, 2.6), or says why not.
pub fn logout_token(token: &str, keys: &JwkSet, expected: &Expected<'_>) -> Result<LoggedOut, Distrust> {
    #[derive(Deserialize)]
    struct Own {
        #[serde(default)]
        sub: Option<String>,
        #[serde(default)]
        sid: Option<String>,
        jti: String,
        events: serde_json::Map<String, serde_json::Value>,
        #[serde(default)]
        nonce: Option<serde_json::Value>,
    }
    let With { common: claims, own }: With<Own> = open(token, keys)?;
    common(&claims, expected, true)?;
    let event = own.events.contains_key("http://schemas.openid.net/event/backchannel-logout");
    // A nonce would make it an ID token that somebody plays back here.
    if !event || own.nonce.is_some() || (own.sub.is_none() && own.sid.is_none()) {
        return Err(Distrust::Event);
    }
    Ok(LoggedOut { subject: own.sub, session: own.sid, id: own.jti })
}

#[cfg(test)]
mod tests;
