//! Clients, as administrators keep them.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::LOCATION;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::access;
use crate::Clinic;
use crate::admin::require_admin;
use crate::audit::{Action as Audited, ActorKind, Event};
use crate::http::problem::ProblemBody;
use crate::http::{Code, IfMatch, Json, PageBody, PageQuery, Problem, SignedIn, etag};
use crate::ids::{AccountId, ApiClientId};
use crate::model::{Account, ApiClient, Scope};
use crate::store::{IndexKey, Query, Tx, Versioned};

/// Bounds of a client's rate, in requests each minute.
const RATE_DEFAULT: u32 = 600;
const RATE_MAX: u32 = 60_000;
const ORIGINS_MAX: usize = 20;
const ACCOUNTS_MAX: usize = 500;

/// A client, without its secrets.
#[derive(Debug, Serialize, ToSchema)]
pub struct ClientBody {
    id: ApiClientId,
    name: String,
    /// `consultations:write` and the like.
    scopes: Vec<&'static str>,
    /// Professionals for whom it acts; empty: all.
    accounts: Vec<AccountId>,
    allowed_origins: Vec<String>,
    /// Requests each minute.
    rate_per_minute: u32,
    /// 2 while secrets are being exchanged.
    secrets: usize,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    enabled: bool,
}

fn body(client: &ApiClient) -> ClientBody {
    ClientBody {
        id: client.id.clone(),
        name: client.name.clone(),
        scopes: client.scopes.iter().map(|scope| scope.as_str()).collect(),
        accounts: client.accounts.clone(),
        allowed_origins: client.allowed_origins.clone(),
        rate_per_minute: client.rate_per_minute,
        secrets: client.secrets.len(),
        created_at: client.created_at,
        enabled: client.disabled_at.is_none(),
    }
}

/// A client with a secret that is shown this once.
#[derive(Debug, Serialize, ToSchema)]
pub struct ClientWithSecret {
    client: ClientBody,
    client_secret: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewClient {
    name: String,
    /// `consultations:write` and the like.
    scopes: Vec<String>,
    /// Professionals for whom it acts; empty: all of the installation.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    accounts: Vec<AccountId>,
    /// Where its pages are: `https://portail.example`. Frames and browsers' calls are for these only.
    #[serde(default)]
    allowed_origins: Vec<String>,
    /// Requests each minute, 1 to 60000; 600 unless said.
    #[serde(default)]
    rate_per_minute: Option<u32>,
}

/// What may be changed; what is absent stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientChange {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    scopes: Option<Vec<String>>,
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>)]
    accounts: Option<Vec<AccountId>>,
    #[serde(default)]
    allowed_origins: Option<Vec<String>>,
    #[serde(default)]
    rate_per_minute: Option<u32>,
    /// False ends its tokens and refuses its secrets.
    #[serde(default)]
    enabled: Option<bool>,
}

fn name(text: &str) -> Result<String, Problem> {
    let name = text.trim();
    let good = (1..=100).contains(&name.chars().count()) && !name.chars().any(char::is_control);
    if good { Ok(name.to_owned()) } else { Err(Problem::field("/name", "invalid-name")) }
}

fn scopes(words: &[String]) -> Result<Vec<Scope>, Problem> {
    let mut scopes = Vec::new();
    for (at, word) in words.iter().enumerate() {
        let scope = Scope::ALL.into_iter().find(|scope| scope.as_str() == word);
        let scope = scope.ok_or_else(|| Problem::field(&format!("/scopes/{at}"), "unknown"))?;
        if !scopes.contains(&scope) {
            scopes.push(scope);
        }
    }
    Ok(scopes)
}

/// Scheme, host and port, as browsers write them.
fn origins(texts: &[String]) -> Result<Vec<String>, Problem> {
    if texts.len() > ORIGINS_MAX {
        return Err(Problem::field("/allowed_origins", "too-many"));
    }
    let origin = |(at, text): (usize, &String)| {
        let local = |url: &url::Url| matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
        url::Url::parse(text)
            .ok()
            .filter(|url| url.scheme() == "https" || (url.scheme() == "http" && local(url)))
            .map(|url| url.origin().ascii_serialization())
            .filter(|origin| origin == text)
            .ok_or_else(|| Problem::field(&format!("/allowed_origins/{at}"), "invalid-origin"))
    };
    texts.iter().enumerate().map(origin).collect()
}

fn rate(rate: u32) -> Result<u32, Problem> {
    if (1..=RATE_MAX).contains(&rate) {
        Ok(rate)
    } else {
        Err(Problem::field("/rate_per_minute", "out-of-bounds"))
    }
}

fn accounts(tx: &Tx<'_>, accounts: Vec<AccountId>) -> Result<Vec<AccountId>, Problem> {
    if accounts.len() > ACCOUNTS_MAX {
        return Err(Problem::field("/accounts", "too-many"));
    }
    for (at, account) in accounts.iter().enumerate() {
        if tx.get::<Account>(account)?.is_none() {
            return Err(Problem::field(&format!("/accounts/{at}"), "unknown"));
        }
    }
    Ok(accounts)
}

fn find(tx: &Tx<'_>, id: &str) -> Result<Versioned<ApiClient>, Problem> {
    let id: ApiClientId = id.parse().map_err(|_| Problem::new(Code::NotFound))?;
    tx.get::<ApiClient>(&id)?.ok_or(Problem::new(Code::NotFound))
}

/// The clients, oldest first.
#[utoipa::path(get, path = "/api/v1/api-clients", tag = "portals", params(PageQuery), security(("session" = [])), responses(
    (status = 200, description = "The clients", body = PageBody<ClientBody>),
    (status = 401, description = "Not logged in, or a proof of presence is needed", body = ProblemBody, content_type = "application/problem+json"),
    (status = 404, description = "Not an administrator", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn list(
    State(clinic): State<Clinic>,
    signed_in: SignedIn,
    axum::extract::Query(page): axum::extract::Query<PageQuery>,
) -> Result<axum::Json<PageBody<ClientBody>>, Problem> {
    require_admin(&clinic, &signed_in)?;
    let found = clinic.store().list::<ApiClient>(&page.apply(Query::new("created", IndexKey::new()))?)?;
    let items = found.items.iter().map(|client| body(client)).collect();
    Ok(axum::Json(PageBody::new(items, found.next.as_ref())))
}

/// Makes a client. Its secret is shown in this answer and never again.
#[utoipa::path(post, path = "/api/v1/api-clients", tag = "portals", request_body = NewClient, security(("session" = [])), responses(
    (status = 201, description = "Made", body = ClientWithSecret),
    (status = 401, description = "Not logged in, or a proof of presence is needed", body = ProblemBody, content_type = "application/problem+json"),
    (status = 404, description = "Not an administrator", body = ProblemBody, content_type = "application/problem+json"),
    (status = 422, description = "Fields to correct", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn create(
    State(clinic): State<Clinic>,
    signed_in: SignedIn,
    Json(wanted): Json<NewClient>,
) -> Result<Response, Problem> {
    require_admin(&clinic, &signed_in)?;
    let now = clinic.clock().now();
    let secret = access::new_secret();
    let mut client = ApiClient {
        id: ApiClientId::new(now),
        name: name(&wanted.name)?,
        scopes: scopes(&wanted.scopes)?,
        accounts: Vec::new(),
        allowed_origins: origins(&wanted.allowed_origins)?,
        secrets: vec![access::hash(&clinic, secret.expose())],
        mtls_fingerprint: None,
        rate_per_minute: rate(wanted.rate_per_minute.unwrap_or(RATE_DEFAULT))?,
        created_at: now,
        disabled_at: None,
    };
    clinic
        .store()
        .write(|tx| {
            client.accounts = accounts(tx, wanted.accounts)?;
            tx.insert(&client)?;
            let event = Event::new(now, Audited::ApiClientCreated).on(&client.id);
            Ok::<_, Problem>(tx.audit(&event.by(ActorKind::Account, Some(signed_in.id().to_string())))?)
        })
        .await?;
    let location = format!("/api/v1/api-clients/{}", client.id);
    let body = ClientWithSecret { client: body(&client), client_secret: secret.expose().to_owned() };
    Ok((StatusCode::CREATED, [(LOCATION, location)], axum::Json(body)).into_response())
}

/// One client.
#[utoipa::path(get, path = "/api/v1/api-clients/{id}", tag = "portals", params(("id" = String, Path)), security(("session" = [])), responses(
    (status = 200, description = "The client, with the ETag for a change", body = ClientBody),
    (status = 404, description = "No such client, or not an administrator", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn read(
    State(clinic): State<Clinic>,
    signed_in: SignedIn,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    require_admin(&clinic, &signed_in)?;
    let client = clinic.store().write(|tx| find(tx, &id)).await?;
    Ok(([etag(client.version)], axum::Json(body(&client))).into_response())
}

/// Changes a client, or disables it.
#[utoipa::path(patch, path = "/api/v1/api-clients/{id}", tag = "portals", request_body = ClientChange, security(("session" = [])),
    params(("id" = String, Path), ("If-Match" = String, Header, description = "ETag of what was read")), responses(
        (status = 200, description = "Changed", body = ClientBody),
        (status = 404, description = "No such client, or not an administrator", body = ProblemBody, content_type = "application/problem+json"),
        (status = 412, description = "Changed by somebody else meanwhile", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "Fields to correct", body = ProblemBody, content_type = "application/problem+json"),
    ))]
pub(super) async fn change(
    State(clinic): State<Clinic>,
    signed_in: SignedIn,
    Path(id): Path<String>,
    if_match: IfMatch,
    Json(change): Json<ClientChange>,
) -> Result<Response, Problem> {
    require_admin(&clinic, &signed_in)?;
    let now = clinic.clock().now();
    let client = clinic
        .store()
        .write(|tx| {
            let mut client = find(tx, &id)?;
            if_match.require(&client)?;
            if let Some(text) = &change.name {
                client.name = name(text)?;
            }
            if let Some(words) = &change.scopes {
                client.scopes = scopes(words)?;
            }
            if let Some(wanted) = change.accounts {
                client.accounts = accounts(tx, wanted)?;
            }
            if let Some(texts) = &change.allowed_origins {
                client.allowed_origins = origins(texts)?;
            }
            if let Some(wanted) = change.rate_per_minute {
                client.rate_per_minute = rate(wanted)?;
            }
            match change.enabled {
                Some(false) if client.disabled_at.is_none() => {
                    client.disabled_at = Some(now);
                    access::revoke_all(tx, &client.value.id)?;
                }
                Some(true) => client.disabled_at = None,
                _ => {}
            }
            tx.update(&mut client)?;
            let event = Event::new(now, Audited::AdminSettingChanged).on(&client.id);
            tx.audit(&event.by(ActorKind::Account, Some(signed_in.id().to_string())))?;
            Ok::<_, Problem>(client)
        })
        .await?;
    Ok(([etag(client.version)], axum::Json(body(&client))).into_response())
}

/// Makes a second secret; the first stays good until it is retired. An older second one is dead.
#[utoipa::path(post, path = "/api/v1/api-clients/{id}/secrets", tag = "portals", params(("id" = String, Path)), security(("session" = [])), responses(
    (status = 201, description = "The new secret, shown this once", body = ClientWithSecret),
    (status = 404, description = "No such client, or not an administrator", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn rotate(
    State(clinic): State<Clinic>,
    signed_in: SignedIn,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    require_admin(&clinic, &signed_in)?;
    let secret = access::new_secret();
    let hash = access::hash(&clinic, secret.expose());
    let client = secrets(&clinic, &signed_in, &id, |secrets| {
        // The newest first.
        secrets.insert(0, hash);
        secrets.truncate(2);
    })
    .await?;
    let body = ClientWithSecret { client: body(&client), client_secret: secret.expose().to_owned() };
    Ok((StatusCode::CREATED, axum::Json(body)).into_response())
}

/// Ends the older secret, and the tokens that were made with either.
#[utoipa::path(post, path = "/api/v1/api-clients/{id}/secrets/retire", tag = "portals", params(("id" = String, Path)), security(("session" = [])), responses(
    (status = 200, description = "The newest secret is the only one", body = ClientBody),
    (status = 404, description = "No such client, or not an administrator", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn retire(
    State(clinic): State<Clinic>,
    signed_in: SignedIn,
    Path(id): Path<String>,
) -> Result<axum::Json<ClientBody>, Problem> {
    require_admin(&clinic, &signed_in)?;
    let client = secrets(&clinic, &signed_in, &id, |secrets| secrets.truncate(1)).await?;
    clinic.store().write(|tx| access::revoke_all(tx, &client.value.id)).await?;
    Ok(axum::Json(body(&client)))
}

async fn secrets(
    clinic: &Clinic,
    signed_in: &SignedIn,
    id: &str,
    change: impl FnOnce(&mut Vec<crate::crypto::LookupHash>),
) -> Result<Versioned<ApiClient>, Problem> {
    let now = clinic.clock().now();
    clinic
        .store()
        .write(|tx| {
            let mut client = find(tx, id)?;
            change(&mut client.secrets);
            tx.update(&mut client)?;
            let event = Event::new(now, Audited::ApiSecretRotated).on(&client.id);
            tx.audit(&event.by(ActorKind::Account, Some(signed_in.id().to_string())))?;
            Ok::<_, Problem>(client)
        })
        .await
}
