//! Tokens of clients, and who a bearer is.

use http::HeaderMap;
use http::header::ORIGIN;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::Clinic;
use crate::audit::{Action as Audited, ActorKind, Event, Outcome};
use crate::crypto::{LookupHash, Purpose, Secret};
use crate::http::{Code, Problem};
use crate::ids::ApiClientId;
use crate::limits::Rate;
use crate::model::{ApiClient, Scope};
use crate::store::{IndexKey, Indexes, Query, Record, Sealing, StoreError, Tx, Versioned};

/// Life of a token.
pub const TOKEN_LIFE: SignedDuration = SignedDuration::from_mins(10);
/// What begins a client's secret and a token: whoever finds one in a file knows what it is.
pub const SECRET_PREFIX: &str = "chs_";
pub const TOKEN_PREFIX: &str = "cht_";

/// A token, under its hash.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Token {
    hash: LookupHash,
    client: ApiClientId,
    scopes: Vec<Scope>,
    expires_at: Timestamp,
}

impl Record for Token {
    const COLLECTION: &'static str = "client_token";

    fn id(&self) -> String {
        self.hash.as_str().to_owned()
    }

    fn sealing(&self) -> Sealing {
        Sealing::Instance
    }

    fn index(&self, indexes: &mut Indexes) {
        indexes.add("client", IndexKey::new().text(self.client.as_str()));
        indexes.add("expires", IndexKey::new().time(self.expires_at));
    }
}

/// A new secret for a client, with the prefix.
pub(super) fn new_secret() -> Secret {
    Secret::new(format!("{SECRET_PREFIX}{}", Secret::session().expose()))
}

/// How a secret or token of a client is found.
pub(super) fn hash(clinic: &Clinic, secret: &str) -> LookupHash {
    clinic.lookup().hash(Purpose::ApiSecret, secret)
}

/// Makes a token.
pub(super) fn issue(
    clinic: &Clinic,
    tx: &mut Tx<'_>,
    client: &ApiClientId,
    scopes: Vec<Scope>,
) -> Result<Secret, StoreError> {
    let token = Secret::new(format!("{TOKEN_PREFIX}{}", Secret::session().expose()));
    let expires_at = clinic.clock().now().saturating_add(TOKEN_LIFE).unwrap_or(Timestamp::MAX);
    let hash = hash(clinic, token.expose());
    tx.insert(&Token { hash, client: client.clone(), scopes, expires_at })?;
    Ok(token)
}

/// Ends one token of a client. Unknown ones are no error (RFC 7009, 2.2).
pub(super) fn revoke(
    clinic: &Clinic,
    tx: &mut Tx<'_>,
    client: &ApiClientId,
    token: &str,
) -> Result<(), StoreError> {
    let hash = hash(clinic, token);
    let own = tx.get::<Token>(hash.as_str())?.is_some_and(|token| token.client == *client);
    if own {
        tx.delete::<Token>(hash.as_str())?;
    }
    Ok(())
}

/// Ends all tokens of a client.
pub(super) fn revoke_all(tx: &mut Tx<'_>, client: &ApiClientId) -> Result<(), StoreError> {
    let query = Query::new("client", IndexKey::new().text(client.as_str()));
    for token in tx.list::<Token>(&query)?.items {
        tx.delete::<Token>(token.hash.as_str())?;
    }
    Ok(())
}

/// The client of a secret, disabled or not.
pub(super) fn of_secret(clinic: &Clinic, secret: &str) -> Result<Option<Versioned<ApiClient>>, StoreError> {
    clinic.store().find::<ApiClient>("secret", IndexKey::new().hash(&hash(clinic, secret)))
}

/// The client that a bearer is, with the scopes of its token, and within its rate. 401 for a secret or token that is not
/// good, 403 for a page of an origin that the client does not name, 429 above its rate.
pub fn bearer(clinic: &Clinic, headers: &HeaderMap, secret: &str) -> Result<Versioned<ApiClient>, Problem> {
    let now = clinic.clock().now();
    let unknown = || Problem::new(Code::Unauthenticated);
    let client = if secret.starts_with(TOKEN_PREFIX) {
        let token = clinic.store().get::<Token>(hash(clinic, secret).as_str())?.ok_or_else(unknown)?;
        if token.expires_at <= now {
            return Err(unknown());
        }
        let mut client = clinic.store().get::<ApiClient>(&token.client)?.ok_or_else(unknown)?;
        // What was taken from the client since is gone from its tokens too.
        client.scopes.retain(|scope| token.scopes.contains(scope));
        client
    } else {
        of_secret(clinic, secret)?.ok_or_else(unknown)?
    };
    if client.disabled_at.is_some() {
        return Err(unknown());
    }
    // Servers send no origin; a page that got hold of a token has to be one of the portal's.
    if let Some(origin) = headers.get(ORIGIN) {
        let named =
            origin.to_str().is_ok_and(|origin| client.allowed_origins.iter().any(|own| own == origin));
        if !named {
            return Err(Problem::new(Code::Forbidden));
        }
    }
    let rate = Rate::per_minute(client.rate_per_minute);
    clinic.traffic().take(now, "api-client", client.id.as_str(), rate)?;
    Ok(client)
}

/// 403 `scope-missing` unless the client has the scope; a refusal stays in the trail.
pub async fn require(clinic: &Clinic, client: &ApiClient, scope: Scope) -> Result<(), Problem> {
    if client.scopes.contains(&scope) {
        return Ok(());
    }
    let event = Event::new(clinic.clock().now(), Audited::ApiScopeDenied)
        .by(ActorKind::ApiClient, Some(client.id.to_string()))
        .with(Outcome::Denied, scope.as_str());
    clinic.store().write(|tx| tx.audit(&event)).await?;
    Err(Problem::new(Code::ScopeMissing).with_detail(scope.as_str()))
}

/// Deletes tokens that have expired.
pub(super) fn sweep(tx: &mut Tx<'_>, now: Timestamp) -> Result<usize, StoreError> {
    let query = Query::new("expires", IndexKey::new()).until(IndexKey::new().time(now)).limit(1000);
    let old = tx.list::<Token>(&query)?.items;
    for token in &old {
        tx.delete::<Token>(token.hash.as_str())?;
    }
    Ok(old.len())
}
