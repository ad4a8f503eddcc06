//! Deliveries: what was sent where, how it went, and the sender.

use async_trait::async_trait;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Request, StatusCode};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{reach, sign};
use crate::Clinic;
use crate::audit::{Action as Audited, ActorKind, Event};
use crate::fetch::{Fetch, FetchError};
use crate::ids::{DeliveryId, WebhookId};
use crate::messages::{self, Kind, Letter};
use crate::model::{Account, ApiClient, Role, WebhookEndpoint};
use crate::outbox::{Deliver, DeliveryError, Message, Receipt};
use crate::store::{IndexKey, Indexes, Query, Record, Sealing, StoreError, Tx, Versioned};

/// How long the log is kept.
const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);
/// Tries that the log shows; the outbox makes no more.
const TRIES_MAX: usize = 24;
/// An older secret signs this long beside the newer one.
const BOTH_SECRETS: SignedDuration = SignedDuration::from_hours(24);
/// Longest wait that an endpoint may ask for.
const RETRY_AFTER_MAX: SignedDuration = SignedDuration::from_hours(6);

/// How a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// Waits for its first or next try.
    Queued,
    Delivered,
    /// Given up.
    Failed,
}

/// One try.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Try {
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Of the answer, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// A stable word, if there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// An event on its way to one endpoint, and its log. The body holds opaque ids only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// `webhook-id`, the same when it is delivered again.
    pub id: DeliveryId,
    pub endpoint: WebhookId,
    pub event: String,
    /// As signed and sent.
    pub body: String,
    pub created_at: Timestamp,
    pub state: DeliveryState,
    pub tries: Vec<Try>,
}

impl Delivery {
    pub fn new(id: DeliveryId, endpoint: WebhookId, event: &str, body: String, now: Timestamp) -> Delivery {
        let event = event.to_owned();
        Delivery {
            id,
            endpoint,
            event,
            body,
            created_at: now,
            state: DeliveryState::Queued,
            tries: Vec::new(),
        }
    }
}

impl Record for Delivery {
    const COLLECTION: &'static str = "webhook_delivery";

    fn id(&self) -> String {
        self.id.to_string()
    }

    fn sealing(&self) -> Sealing {
        Sealing::Instance
    }

    fn index(&self, indexes: &mut Indexes) {
        indexes.add("endpoint", IndexKey::new().text(self.endpoint.as_str()).time(self.created_at));
        indexes.add("created", IndexKey::new().time(self.created_at));
    }
}

/// Deletes old entries of the log.
pub(super) fn sweep(tx: &mut Tx<'_>, now: Timestamp) -> Result<usize, StoreError> {
    let oldest = now.saturating_sub(KEPT).unwrap_or(Timestamp::MIN);
    let query = Query::new("created", IndexKey::new()).until(IndexKey::new().time(oldest)).limit(1000);
    let old = tx.list::<Delivery>(&query)?.items;
    for delivery in &old {
        tx.delete::<Delivery>(&delivery.id)?;
    }
    Ok(old.len())
}

/// Sends deliveries.
pub(super) struct Sender {
    clinic: Clinic,
    fetch: Fetch,
}

/// What a try is about.
struct Sending {
    delivery: Versioned<Delivery>,
    endpoint: Versioned<WebhookEndpoint>,
}

impl Sender {
    pub fn new(clinic: Clinic) -> Sender {
        Sender { clinic, fetch: Fetch::new(None) }
    }

    fn find(&self, message: &Message) -> Result<Sending, DeliveryError> {
        let store = self.clinic.store();
        let failed = |error: StoreError| temporary(&error.to_string());
        let gone = || DeliveryError::Permanent("endpoint-gone".to_owned());
        let id = message.data.get("delivery").and_then(|id| id.as_str()).unwrap_or_default();
        let delivery = store.get::<Delivery>(id).map_err(failed)?.ok_or_else(gone)?;
        let endpoint = store.get::<WebhookEndpoint>(&delivery.endpoint).map_err(failed)?.ok_or_else(gone)?;
        let client = store.get::<ApiClient>(&endpoint.client).map_err(failed)?.ok_or_else(gone)?;
        if endpoint.disabled_at.is_some() || client.disabled_at.is_some() {
            return Err(DeliveryError::Permanent("endpoint-disabled".to_owned()));
        }
        Ok(Sending { delivery, endpoint })
    }

    async fn attempt(&self, sending: &Sending) -> Result<(StatusCode, Option<SignedDuration>), FetchError> {
        let now = self.clinic.clock().now();
        let (delivery, endpoint) = (&sending.delivery, &sending.endpoint);
        let id = delivery.id.as_str();
        let secrets = good_secrets(endpoint, now);
        let signatures = sign::signatures(secrets, id, now.as_second(), &delivery.body);
        let request = Request::post(&endpoint.url)
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", now.as_second())
            .header("webhook-signature", signatures)
            .body(Bytes::from(delivery.body.clone()))
            .map_err(|_| FetchError::Url)?;
        let response = self.fetch.send(reach(&self.clinic), request).await?;
        let after = response.headers().get(http::header::RETRY_AFTER).and_then(|value| value.to_str().ok());
        let after = after.and_then(|seconds| seconds.trim().parse().ok()).map(SignedDuration::from_secs);
        Ok((response.status(), after.map(|after| after.clamp(SignedDuration::ZERO, RETRY_AFTER_MAX))))
    }

    /// Into the log. A log that cannot be written loses an entry and not the delivery.
    async fn note(&self, id: &DeliveryId, state: DeliveryState, tried: Option<Try>) {
        let written = self.clinic.store().write(|tx| {
            let Some(mut delivery) = tx.get::<Delivery>(id)? else { return Ok::<_, StoreError>(()) };
            delivery.state = state;
            delivery.tries.extend(tried);
            let surplus = delivery.tries.len().saturating_sub(TRIES_MAX);
            delivery.tries.drain(..surplus);
            tx.update(&mut delivery).map(|_| ())
        });
        if let Err(error) = written.await {
            tracing::error!(%error, "a webhook's try is not in its log");
        }
    }

    /// Switches an endpoint off and mails the administrators.
    async fn disable(&self, endpoint: &WebhookId) -> Result<(), StoreError> {
        let now = self.clinic.clock().now();
        self.clinic
            .store()
            .write(|tx| {
                let endpoint = tx.get::<WebhookEndpoint>(endpoint)?;
                let Some(mut endpoint) = endpoint else { return Ok::<_, StoreError>(()) };
                if endpoint.disabled_at.is_some() {
                    return Ok(());
                }
                endpoint.disabled_at = Some(now);
                tx.update(&mut endpoint)?;
                tx.audit(
                    &Event::new(now, Audited::WebhookDisabled).by(ActorKind::System, None).on(&endpoint.id),
                )?;
                let active = Query::new("status", IndexKey::new().text("active")).limit(10_000);
                for account in tx.list::<Account>(&active)?.items {
                    if !account.roles.contains(&Role::OrgAdmin) {
                        continue;
                    }
                    let link = format!("{}/admin", self.clinic.config().public_url);
                    let letter = Letter::for_account(&account, Kind::WebhookDisabled { link });
                    messages::post(&self.clinic, tx, &letter)?;
                }
                Ok(())
            })
            .await?;
        self.clinic.outbox().wake();
        Ok(())
    }
}

fn temporary(reason: &str) -> DeliveryError {
    DeliveryError::Temporary { reason: reason.to_owned(), retry_in: None }
}

/// The newest, and the one before it for a day.
fn good_secrets(endpoint: &WebhookEndpoint, now: Timestamp) -> impl Iterator<Item = &str> {
    let both = endpoint.rotated_at.is_some_and(|at| now.duration_since(at) < BOTH_SECRETS);
    endpoint.secrets.iter().take(if both { 2 } else { 1 }).map(String::as_str)
}

#[async_trait]
impl Deliver for Sender {
    async fn deliver(&self, message: &Message) -> Result<Receipt, DeliveryError> {
        let sending = self.find(message)?;
        let outcome = self.attempt(&sending).await;
        let at = self.clinic.clock().now();
        let id = &sending.delivery.id;
        let (tried, result) = match outcome {
            Ok((status, after)) => {
                let tried = Try { at, status: Some(status.as_u16()), error: None };
                let result = match status {
                    status if status.is_success() => Ok(Receipt { provider_id: None, delivered: true }),
                    // "Gone": the standard's way of saying never again.
                    StatusCode::GONE => Err(DeliveryError::Permanent("endpoint-gone".to_owned())),
                    status => {
                        Err(DeliveryError::Temporary { reason: status.as_str().to_owned(), retry_in: after })
                    }
                };
                (tried, result)
            }
            Err(error) => {
                let tried = Try { at, status: None, error: Some(error.to_string()) };
                // A name may lead elsewhere tomorrow, but what is refused by its address today is not waited for.
                let result = match error {
                    FetchError::NotAllowed | FetchError::Url => DeliveryError::Permanent(error.to_string()),
                    error => temporary(&error.to_string()),
                };
                (tried, Err(result))
            }
        };
        let state = match &result {
            Ok(_) => DeliveryState::Delivered,
            Err(DeliveryError::Temporary { .. }) => DeliveryState::Queued,
            Err(DeliveryError::Permanent(_)) => DeliveryState::Failed,
        };
        self.note(id, state, Some(tried)).await;
        result
    }

    async fn gave_up(&self, message: &Message) {
        // The message is handed over as it was at its last try.
        let id = message.data.get("delivery").and_then(|id| id.as_str()).unwrap_or_default();
        if let Ok(id) = id.parse() {
            self.note(&id, DeliveryState::Failed, None).await;
        }
        if let Ok(endpoint) = message.about.parse()
            && let Err(error) = self.disable(&endpoint).await
        {
            tracing::error!(%error, "an endpoint is not switched off");
        }
    }
}
