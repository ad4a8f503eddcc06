//! Endpoints, as their portals keep them. Scope `webhooks:write`; another portal's endpoints are not even there.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::LOCATION;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::delivery::DeliveryState;
use super::{EVENTS, TEST_EVENT, of_client, queue, reach, sign};
use crate::Clinic;
use crate::clients::require;
use crate::fetch::check_target;
use crate::http::problem::ProblemBody;
use crate::http::{Caller, Code, Json, PageBody, PageQuery, Problem};
use crate::ids::{DeliveryId, WebhookId};
use crate::model::{ApiClient, Scope, WebhookEndpoint};
use crate::store::{Tx, Versioned};

/// Endpoints of one portal.
const ENDPOINTS_MAX: usize = 20;
const URL_CHARS_MAX: usize = 500;

/// An endpoint, without its secrets.
#[derive(Debug, Serialize, ToSchema)]
pub struct EndpointBody {
    id: WebhookId,
    url: String,
    /// Empty: all.
    events: Vec<String>,
    /// False after too many failures, or a 410, until it is switched on again.
    enabled: bool,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When the secret was exchanged; the older one signs for a day more.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    rotated_at: Option<Timestamp>,
}

fn body(endpoint: &WebhookEndpoint) -> EndpointBody {
    EndpointBody {
        id: endpoint.id.clone(),
        url: endpoint.url.clone(),
        events: endpoint.events.clone(),
        enabled: endpoint.disabled_at.is_none(),
        created_at: endpoint.created_at,
        rotated_at: endpoint.rotated_at,
    }
}

/// An endpoint with a secret that is shown this once.
#[derive(Debug, Serialize, ToSchema)]
pub struct EndpointWithSecret {
    endpoint: EndpointBody,
    /// `whsec_` and base64, for the libraries of Standard Webhooks.
    secret: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewEndpoint {
    /// `https`, to a public address.
    url: String,
    /// Empty: all.
    #[serde(default)]
    events: Vec<String>,
}

/// What may be changed; what is absent stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EndpointChange {
    #[serde(default)]
    url: Option<String>,
    #[serde(default)]
    events: Option<Vec<String>>,
    /// True switches it on again.
    #[serde(default)]
    enabled: Option<bool>,
}

/// The portal that asks, if it may.
pub(super) async fn portal(clinic: &Clinic, caller: Caller) -> Result<Versioned<ApiClient>, Problem> {
    let Caller::Client(client) = caller else { return Err(Problem::new(Code::Forbidden)) };
    require(clinic, &client, Scope::WebhooksWrite).await?;
    Ok(*client)
}

/// One of its endpoints.
pub(super) fn find(tx: &Tx<'_>, client: &ApiClient, id: &str) -> Result<Versioned<WebhookEndpoint>, Problem> {
    let id: WebhookId = id.parse().map_err(|_| Problem::new(Code::NotFound))?;
    let endpoint = tx.get::<WebhookEndpoint>(&id)?.filter(|endpoint| endpoint.client == client.id);
    endpoint.ok_or(Problem::new(Code::NotFound))
}

fn check_url(clinic: &Clinic, url: &str) -> Result<(), Problem> {
    if url.chars().count() > URL_CHARS_MAX || url.contains('#') {
        return Err(Problem::field("/url", "invalid-url"));
    }
    check_target(url, reach(clinic)).map_err(|error| Problem::field("/url", &error.to_string()))
}

fn check_events(events: &[String]) -> Result<(), Problem> {
    for (at, event) in events.iter().enumerate() {
        if !EVENTS.contains(&event.as_str()) {
            return Err(Problem::field(&format!("/events/{at}"), "unknown"));
        }
    }
    Ok(())
}

/// The portal's endpoints.
#[utoipa::path(get, path = "/api/v1/webhook-endpoints", tag = "webhooks", params(PageQuery), security(("portal" = [])), responses(
    (status = 200, description = "The endpoints", body = PageBody<EndpointBody>),
    (status = 403, description = "Not a portal, or without the scope", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn list(
    State(clinic): State<Clinic>,
    caller: Caller,
    axum::extract::Query(page): axum::extract::Query<PageQuery>,
) -> Result<axum::Json<PageBody<EndpointBody>>, Problem> {
    let client = portal(&clinic, caller).await?;
    let found = clinic.store().list::<WebhookEndpoint>(&page.apply(of_client(&client.id))?)?;
    let items = found.items.iter().map(|endpoint| body(endpoint)).collect();
    Ok(axum::Json(PageBody::new(items, found.next.as_ref())))
}

/// Registers an endpoint. Its secret is shown in this answer and never again.
#[utoipa::path(post, path = "/api/v1/webhook-endpoints", tag = "webhooks", request_body = NewEndpoint, security(("portal" = [])), responses(
    (status = 201, description = "Registered", body = EndpointWithSecret),
    (status = 403, description = "Not a portal, or without the scope", body = ProblemBody, content_type = "application/problem+json"),
    (status = 422, description = "Not a target that is allowed, unknown events, or too many endpoints", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn create(
    State(clinic): State<Clinic>,
    caller: Caller,
    Json(wanted): Json<NewEndpoint>,
) -> Result<Response, Problem> {
    let client = portal(&clinic, caller).await?;
    check_url(&clinic, &wanted.url)?;
    check_events(&wanted.events)?;
    let now = clinic.clock().now();
    let secret = sign::new_secret();
    let endpoint = WebhookEndpoint {
        id: WebhookId::new(now),
        client: client.id.clone(),
        url: wanted.url,
        secrets: vec![secret.clone()],
        events: wanted.events,
        created_at: now,
        rotated_at: None,
        disabled_at: None,
    };
    clinic
        .store()
        .write(|tx| {
            let query = of_client(&client.id).limit(ENDPOINTS_MAX);
            if tx.list::<WebhookEndpoint>(&query)?.items.len() >= ENDPOINTS_MAX {
                return Err(Problem::field("/url", "too-many"));
            }
            Ok(tx.insert(&endpoint)?)
        })
        .await?;
    let location = format!("/api/v1/webhook-endpoints/{}", endpoint.id);
    let body = EndpointWithSecret { endpoint: body(&endpoint), secret };
    Ok((StatusCode::CREATED, [(LOCATION, location)], axum::Json(body)).into_response())
}

/// One endpoint.
#[utoipa::path(get, path = "/api/v1/webhook-endpoints/{id}", tag = "webhooks", params(("id" = String, Path)), security(("portal" = [])), responses(
    (status = 200, description = "The endpoint", body = EndpointBody),
    (status = 404, description = "None of this portal", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn read(
    State(clinic): State<Clinic>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<axum::Json<EndpointBody>, Problem> {
    let client = portal(&clinic, caller).await?;
    let endpoint = clinic.store().write(|tx| find(tx, &client, &id)).await?;
    Ok(axum::Json(body(&endpoint)))
}

/// Changes an endpoint, or switches it on or off.
#[utoipa::path(patch, path = "/api/v1/webhook-endpoints/{id}", tag = "webhooks", request_body = EndpointChange,
    params(("id" = String, Path)), security(("portal" = [])), responses(
        (status = 200, description = "Changed", body = EndpointBody),
        (status = 404, description = "None of this portal", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "Not a target that is allowed, or unknown events", body = ProblemBody, content_type = "application/problem+json"),
    ))]
pub(super) async fn change(
    State(clinic): State<Clinic>,
    caller: Caller,
    Path(id): Path<String>,
    Json(change): Json<EndpointChange>,
) -> Result<axum::Json<EndpointBody>, Problem> {
    let client = portal(&clinic, caller).await?;
    if let Some(url) = &change.url {
        check_url(&clinic, url)?;
    }
    if let Some(events) = &change.events {
        check_events(events)?;
    }
    let now = clinic.clock().now();
    let endpoint = clinic
        .store()
        .write(|tx| {
            let mut endpoint = find(tx, &client, &id)?;
            endpoint.url = change.url.unwrap_or(std::mem::take(&mut endpoint.url));
            endpoint.events = change.events.unwrap_or(std::mem::take(&mut endpoint.events));
            endpoint.disabled_at = match change.enabled {
                Some(true) => None,
                Some(false) => endpoint.disabled_at.or(Some(now)),
                None => endpoint.disabled_at,
            };
            tx.update(&mut endpoint)?;
            Ok::<_, Problem>(endpoint)
        })
        .await?;
    Ok(axum::Json(body(&endpoint)))
}

/// Removes an endpoint. What is on its way to it is given up.
#[utoipa::path(delete, path = "/api/v1/webhook-endpoints/{id}", tag = "webhooks", params(("id" = String, Path)), security(("portal" = [])), responses(
    (status = 204, description = "Removed"),
    (status = 404, description = "None of this portal", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn delete(
    State(clinic): State<Clinic>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let client = portal(&clinic, caller).await?;
    clinic
        .store()
        .write(|tx| {
            let endpoint = find(tx, &client, &id)?;
            Ok::<_, Problem>(tx.delete::<WebhookEndpoint>(&endpoint.id)?)
        })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A new secret. Deliveries are signed with both for a day, then with the new one only.
#[utoipa::path(post, path = "/api/v1/webhook-endpoints/{id}/secret", tag = "webhooks", params(("id" = String, Path)), security(("portal" = [])), responses(
    (status = 201, description = "The new secret, shown this once", body = EndpointWithSecret),
    (status = 404, description = "None of this portal", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn rotate(
    State(clinic): State<Clinic>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let client = portal(&clinic, caller).await?;
    let now = clinic.clock().now();
    let secret = sign::new_secret();
    let endpoint = clinic
        .store()
        .write(|tx| {
            let mut endpoint = find(tx, &client, &id)?;
            endpoint.secrets.insert(0, secret.clone());
            endpoint.secrets.truncate(2);
            endpoint.rotated_at = Some(now);
            tx.update(&mut endpoint)?;
            Ok::<_, Problem>(endpoint)
        })
        .await?;
    let body = EndpointWithSecret { endpoint: body(&endpoint), secret };
    Ok((StatusCode::CREATED, axum::Json(body)).into_response())
}

/// What was queued.
#[derive(Debug, Serialize, ToSchema)]
pub struct Queued {
    /// `webhook-id` of the delivery; see the endpoint's deliveries for how it goes.
    delivery_id: DeliveryId,
    state: DeliveryState,
}

impl Queued {
    pub(super) fn new(delivery_id: DeliveryId) -> Queued {
        Queued { delivery_id, state: DeliveryState::Queued }
    }
}

/// Sends a `webhook.test` to the endpoint.
#[utoipa::path(post, path = "/api/v1/webhook-endpoints/{id}/test", tag = "webhooks", params(("id" = String, Path)), security(("portal" = [])), responses(
    (status = 202, description = "Queued", body = Queued),
    (status = 404, description = "None of this portal", body = ProblemBody, content_type = "application/problem+json"),
    (status = 409, description = "It is switched off", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn test(
    State(clinic): State<Clinic>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<(StatusCode, axum::Json<Queued>), Problem> {
    let client = portal(&clinic, caller).await?;
    let now = clinic.clock().now();
    let delivery = clinic
        .store()
        .write(|tx| {
            let endpoint = find(tx, &client, &id)?;
            if endpoint.disabled_at.is_some() {
                return Err(Problem::new(Code::InvalidTransition));
            }
            Ok(queue(tx, now, &endpoint, TEST_EVENT, serde_json::json!({}))?)
        })
        .await?;
    clinic.outbox().wake();
    Ok((StatusCode::ACCEPTED, axum::Json(Queued::new(delivery.id))))
}
