//! The provider's metadata and keys, and the calls this server makes to it.

use std::sync::{Mutex, PoisonError};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{Request, StatusCode};
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::jwk::JwkSet;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use serde::{Deserialize, Serialize};
use url::Url;
use url::form_urlencoded::{Serializer, byte_serialize};

use super::{Credentials, PscConfig};
use crate::admin::{Adapter, Health};
use crate::crypto::Secret;
use crate::fetch::{Fetch, Reach};
use crate::http::{Code, Problem};

/// How long metadata and keys are believed.
const KEPT: SignedDuration = SignedDuration::from_hours(1);
/// Keys are asked for anew because of an unknown key id this often at most.
const KEYS_ANEW: SignedDuration = SignedDuration::from_secs(30);

/// What is used of the discovery document (OpenID Connect Discovery 1.0, 3).
#[derive(Clone, Debug, Deserialize)]
pub struct Metadata {
    pub issuer: String,
    pub authorization_endpoint: String,
    pub token_endpoint: String,
    pub userinfo_endpoint: String,
    pub jwks_uri: String,
    #[serde(default)]
    pub end_session_endpoint: Option<String>,
    #[serde(default)]
    pub token_endpoint_auth_methods_supported: Vec<String>,
}

/// The answer of the token endpoint.
#[derive(Deserialize)]
pub struct Tokens {
    pub id_token: String,
    pub access_token: String,
}

struct Keys {
    set: JwkSet,
    at: Timestamp,
}

/// Pro Santé Connect, as configured.
pub struct Provider {
    config: PscConfig,
    fetch: Fetch,
    metadata: Mutex<Option<(Metadata, Timestamp)>>,
    keys: Mutex<Option<Keys>>,
    health: Health,
}

impl std::fmt::Debug for Provider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Provider")
    }
}

/// Logs which call failed and nothing else; the page says that the service does not answer.
fn unavailable(call: &'static str, why: impl std::fmt::Display) -> Problem {
    tracing::warn!(call, %why, "Pro Santé Connect does not answer as it should");
    Problem::new(Code::ProviderUnavailable)
}

/// An address that the provider named.
pub fn endpoint(text: &str) -> Result<Url, Problem> {
    Url::parse(text).map_err(|_| unavailable("discovery", "bad-url"))
}

impl Provider {
    pub fn new(config: PscConfig, health: Health) -> Provider {
        let fetch = Fetch::new(config.ca.clone());
        Provider { config, fetch, metadata: Mutex::default(), keys: Mutex::default(), health }
    }

    pub fn config(&self) -> &PscConfig {
        &self.config
    }

    fn failed(&self, call: &'static str, why: impl std::fmt::Display) -> Problem {
        self.health.failed(Adapter::Psc, call);
        unavailable(call, why)
    }

    /// Metadata and keys are there, asked for anew. The word says which call failed.
    pub async fn probe(&self, now: Timestamp) -> Result<(), &'static str> {
        *self.metadata.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.metadata(now).await.map_err(|_| "discovery")?;
        *self.keys.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.keys(now, None).await.map_err(|_| "keys")?;
        Ok(())
    }

    /// Asks, and takes a 200 only.
    async fn ask(
        &self,
        call: &'static str,
        request: http::Result<Request<Bytes>>,
    ) -> Result<http::Response<Bytes>, Problem> {
        let request = request.map_err(|_| unavailable(call, "bad-url"))?;
        let response =
            self.fetch.send(Reach::Any, request).await.map_err(|error| self.failed(call, error))?;
        match response.status() {
            StatusCode::OK => {
                self.health.worked(Adapter::Psc);
                Ok(response)
            }
            status => Err(self.failed(call, status.as_u16())),
        }
    }

    pub async fn metadata(&self, now: Timestamp) -> Result<Metadata, Problem> {
        let kept = self.metadata.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((metadata, at)) = kept
            && now.duration_since(at) < KEPT
        {
            return Ok(metadata);
        }
        let request = Request::get(&self.config.discovery_url).header(ACCEPT, "application/json");
        let response = self.ask("discovery", request.body(Bytes::new())).await?;
        let metadata: Metadata =
            serde_json::from_slice(response.body()).map_err(|_| self.failed("discovery", "unreadable"))?;
        // A provider that is reached securely must not lead on to where it is not.
        let secure = self.config.discovery_url.starts_with("https://");
        let named = [
            Some(&metadata.authorization_endpoint),
            Some(&metadata.token_endpoint),
            Some(&metadata.userinfo_endpoint),
            Some(&metadata.jwks_uri),
            metadata.end_session_endpoint.as_ref(),
        ];
        if secure && named.into_iter().flatten().any(|url| !url.starts_with("https://")) {
            return Err(self.failed("discovery", "not-https"));
        }
        *self.metadata.lock().unwrap_or_else(PoisonError::into_inner) = Some((metadata.clone(), now));
        Ok(metadata)
    }

    /// The provider's keys. With `unknown`, a key id that the kept ones lack, they are asked for anew.
    pub async fn keys(&self, now: Timestamp, unknown: Option<&str>) -> Result<JwkSet, Problem> {
        {
            let kept = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(keys) = &*kept {
                let lacks = unknown.is_some_and(|kid| keys.set.find(kid).is_none());
                let age = now.duration_since(keys.at);
                if age < KEPT && !(lacks && age >= KEYS_ANEW) {
                    return Ok(keys.set.clone());
                }
            }
        }
        let metadata = self.metadata(now).await?;
        let request = Request::get(&metadata.jwks_uri).header(ACCEPT, "application/json");
        let response = self.ask("keys", request.body(Bytes::new())).await?;
        // A key of a kind that is not known here must not make the others useless.
        let listed: Listed =
            serde_json::from_slice(response.body()).map_err(|_| self.failed("keys", "unreadable"))?;
        let keys = listed.keys.into_iter().filter_map(|key| serde_json::from_value(key).ok()).collect();
        let set = JwkSet { keys };
        *self.keys.lock().unwrap_or_else(PoisonError::into_inner) = Some(Keys { set: set.clone(), at: now });
        Ok(set)
    }

    /// Exchanges a code for tokens. `None` when the provider refuses it: used, expired, not of this server.
    pub async fn exchange(
        &self,
        now: Timestamp,
        code: &str,
        redirect_uri: &str,
        verifier: &str,
    ) -> Result<Option<Tokens>, Problem> {
        let metadata = self.metadata(now).await?;
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", redirect_uri),
            ("code_verifier", verifier),
        ];
        let request = self.token_request(&metadata, &fields, now)?;
        let response =
            self.fetch.send(Reach::Any, request).await.map_err(|error| self.failed("token", error))?;
        match response.status() {
            StatusCode::OK => serde_json::from_slice(response.body())
                .map(Some)
                .map_err(|_| self.failed("token", "unreadable")),
            StatusCode::BAD_REQUEST if refused_grant(response.body()) => Ok(None),
            status => Err(self.failed("token", status.as_u16())),
        }
    }

    /// A request to the token endpoint, with the proof of who asks.
    fn token_request(
        &self,
        metadata: &Metadata,
        fields: &[(&str, &str)],
        now: Timestamp,
    ) -> Result<Request<Bytes>, Problem> {
        let mut form = Serializer::new(String::new());
        form.extend_pairs(fields);
        let mut request = Request::post(&metadata.token_endpoint)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(ACCEPT, "application/json");
        let id = &self.config.client_id;
        match &self.config.credentials {
            Credentials::Secret(secret) => {
                let methods = &metadata.token_endpoint_auth_methods_supported;
                let offers = |method: &str| methods.iter().any(|offered| offered == method);
                if offers("client_secret_post") && !offers("client_secret_basic") {
                    form.append_pair("client_id", id).append_pair("client_secret", secret.expose());
                } else {
                    request = request.header(AUTHORIZATION, basic(id, secret));
                }
            }
            Credentials::PrivateKey(key) => {
                let assertion = assertion(id, key, &metadata.token_endpoint, now)
                    .ok_or_else(|| unavailable("token", "private-key-unusable"))?;
                form.append_pair("client_id", id)
                    .append_pair(
                        "client_assertion_type",
                        "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
                    )
                    .append_pair("client_assertion", &assertion);
            }
        }
        request.body(Bytes::from(form.finish())).map_err(|_| unavailable("token", "bad-url"))
    }

    /// What the provider says of the person: the body, and whether it is a JWT.
    pub async fn userinfo(&self, now: Timestamp, access_token: &str) -> Result<(Bytes, bool), Problem> {
        let metadata = self.metadata(now).await?;
        let request = Request::get(&metadata.userinfo_endpoint)
            .header(AUTHORIZATION, format!("Bearer {access_token}"))
            .header(ACCEPT, "application/json, application/jwt");
        let response = self.ask("userinfo", request.body(Bytes::new())).await?;
        let kind = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let jwt = kind.is_some_and(|kind| kind.starts_with("application/jwt"));
        Ok((response.into_body(), jwt))
    }
}

#[derive(Deserialize)]
struct Listed {
    keys: Vec<serde_json::Value>,
}

fn refused_grant(body: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Refusal {
        error: String,
    }
    serde_json::from_slice::<Refusal>(body).is_ok_and(|refusal| refusal.error == "invalid_grant")
}

/// Both parts are form-encoded first (RFC 6749, 2.3.1).
fn basic(id: &str, secret: &Secret) -> String {
    let encode = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
    format!("Basic {}", STANDARD.encode(format!("{}:{}", encode(id), encode(secret.expose()))))
}

/// A `private_key_jwt` (RFC 7523, 3), good for a minute.
fn assertion(id: &str, key: &Secret, audience: &str, now: Timestamp) -> Option<String> {
    #[derive(Serialize)]
    struct Claims<'a> {
        iss: &'a str,
        sub: &'a str,
        aud: &'a str,
        jti: String,
        iat: i64,
        exp: i64,
    }
    let iat = now.as_second();
    let jti = Secret::session().expose().to_owned();
    let claims = Claims { iss: id, sub: id, aud: audience, jti, iat, exp: iat.saturating_add(60) };
    let signer = Signer::read(key.expose())?;
    let header = format!("{{\"alg\":\"{}\",\"typ\":\"JWT\"}}", signer.algorithm());
    let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let signed = format!("{}.{}", part(header.as_bytes()), part(&serde_json::to_vec(&claims).ok()?));
    let signature = signer.sign(signed.as_bytes())?;
    Some(format!("{signed}.{}", part(&signature)))
}

/// A private key as certificate authorities hand it out: PKCS#8, or PKCS#1 for RSA.
enum Signer {
    Rsa(RsaKeyPair),
    P256(EcdsaKeyPair),
}

impl Signer {
    fn read(pem: &str) -> Option<Signer> {
        let key = PrivateKeyDer::from_pem_slice(pem.as_bytes()).ok()?;
        let rsa = match &key {
            PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()),
            key => RsaKeyPair::from_pkcs8(key.secret_der()),
        };
        match rsa {
            Ok(rsa) => Some(Signer::Rsa(rsa)),
            Err(_) => EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key.secret_der())
                .ok()
                .map(Signer::P256),
        }
    }

    fn algorithm(&self) -> &'static str {
        match self {
            Signer::Rsa(_) => "RS256",
            Signer::P256(_) => "ES256",
        }
    }

    fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        let random = SystemRandom::new();
        match self {
            Signer::Rsa(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).ok()?;
                Some(signature)
            }
            Signer::P256(key) => Some(key.sign(&random, message).ok()?.as_ref().to_vec()),
        }
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::encoding::AsDer;
    use aws_lc_rs::rsa::KeySize;
    use aws_lc_rs::signature::{
        ECDSA_P256_SHA256_FIXED, KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey,
        VerificationAlgorithm,
    };

    use super::*;

    fn pem(der: &[u8]) -> Secret {
        Secret::new(format!(
            "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
            STANDARD.encode(der)
        ))
    }

    fn claims(token: &str, algorithm: &'static dyn VerificationAlgorithm, key: &[u8]) -> serde_json::Value {
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        UnparsedPublicKey::new(algorithm, key).verify(signed.as_bytes(), &signature).unwrap();
        let claims = URL_SAFE_NO_PAD.decode(signed.split_once('.').unwrap().1).unwrap();
        serde_json::from_slice(&claims).unwrap()
    }

    #[test]
    fn a_private_key_of_either_kind_signs_an_assertion_for_the_token_endpoint() {
        let now: Timestamp = "2026-12-03T13:30:00Z".parse().unwrap();
        let ec = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let rsa = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let rsa_der: aws_lc_rs::encoding::Pkcs8V1Der<'static> = rsa.as_der().unwrap();
        let make = |der: &[u8]| assertion("chevet", &pem(der), "https://auth.example/token", now).unwrap();
        for claims in [
            claims(
                &make(ec.to_pkcs8v1().unwrap().as_ref()),
                &ECDSA_P256_SHA256_FIXED,
                ec.public_key().as_ref(),
            ),
            claims(&make(rsa_der.as_ref()), &RSA_PKCS1_2048_8192_SHA256, rsa.public_key().as_ref()),
        ] {
            assert_eq!((&claims["iss"], &claims["sub"]), (&"chevet".into(), &"chevet".into()));
            assert_eq!(claims["aud"], "https://auth.example/token");
            assert_eq!(claims["exp"], now.as_second() + 60);
        }
        assert!(assertion("chevet", &Secret::new("no key"), "https://auth.example/token", now).is_none());
    }

    #[test]
    fn id_and_secret_are_encoded_before_they_are_joined() {
        let header = basic("a:b", &Secret::new("c d%"));
        let text = STANDARD.decode(header.strip_prefix("Basic ").unwrap()).unwrap();
        assert_eq!(text, b"a%3Ab:c+d%25");
    }
}
