//! Making tokens, good ones and others.

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair, UnparsedPublicKey,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

fn part(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Header and claims, to be signed.
fn signed_part(header: &Value, claims: &Value) -> String {
    // A claim that is to be missing was set to null.
    let mut claims = claims.clone();
    if let Some(claims) = claims.as_object_mut() {
        claims.retain(|_, value| !value.is_null());
    }
    format!("{}.{}", part(header.to_string()), part(claims.to_string()))
}

/// `alg: none`: no signature at all.
pub fn unsigned(claims: &Value) -> String {
    format!("{}.", signed_part(&json!({ "alg": "none", "typ": "JWT" }), claims))
}

/// HS256, with what the client knows as well.
pub fn with_secret(claims: &Value, secret: &str, kid: &str) -> String {
    let signed = signed_part(&json!({ "alg": "HS256", "typ": "JWT", "kid": kid }), claims);
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), signed.as_bytes());
    format!("{signed}.{}", part(tag))
}

/// An RSA key with its id.
pub struct Signer {
    key: RsaKeyPair,
    kid: &'static str,
}

/// RSAPublicKey of 2048 bits as DER: headers of 9 bytes, among them the zero in front of the modulus; the modulus; five
/// bytes of the exponent 65537.
const PUBLIC_BYTES: usize = 270;
const MODULUS: std::ops::Range<usize> = 9..265;

impl Signer {
    pub fn new(kid: &'static str) -> Option<Signer> {
        let key = RsaKeyPair::generate(KeySize::Rsa2048).ok()?;
        (key.public_key().as_ref().len() == PUBLIC_BYTES).then_some(Signer { key, kid })
    }

    pub fn jwk(&self) -> Value {
        let public = self.key.public_key().as_ref();
        let modulus = public.get(MODULUS).unwrap_or_default();
        json!({ "kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.kid, "n": part(modulus), "e": "AQAB" })
    }

    pub fn sign(&self, claims: &Value) -> String {
        self.sign_as(claims, self.kid)
    }

    pub fn sign_as(&self, claims: &Value, kid: &str) -> String {
        let signed = signed_part(&json!({ "alg": "RS256", "typ": "JWT", "kid": kid }), claims);
        let mut signature = vec![0; self.key.public_modulus_len()];
        // A key that was just made signs.
        let _ = self.key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature);
        format!("{signed}.{}", part(signature))
    }

    /// True for a token of this key.
    pub fn is_mine(&self, token: &str) -> bool {
        let Some((signed, signature)) = token.rsplit_once('.') else { return false };
        let Ok(signature) = URL_SAFE_NO_PAD.decode(signature) else { return false };
        let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, self.key.public_key().as_ref());
        key.verify(signed.as_bytes(), &signature).is_ok()
    }
}
