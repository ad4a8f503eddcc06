//! Telling portals what happens: webhooks in the shape of Standard Webhooks (standardwebhooks.com).
//!
//! [`emit`] belongs into the transaction in which something happens; each endpoint that wants to know gets a delivery and a
//! message in the outbox. Bodies hold opaque ids, never a person and nothing of health: the portal fetches what it may
//! see. Three headers go with each: `webhook-id`, the same for all tries; `webhook-timestamp`; `webhook-signature`, one for
//! each secret that is good.
//!
//! A delivery that fails is tried again for two days; then the endpoint is switched off and the administrators are
//! mailed. Every try is in the delivery log.

mod delivery;
mod endpoints;
mod log;
mod sign;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use utoipa::OpenApi;

pub use delivery::{Delivery, DeliveryState, Try};

use crate::Clinic;
use crate::fetch::Reach;
use crate::ids::{ApiClientId, DeliveryId};
use crate::model::{ApiClient, Consultation, WebhookEndpoint};
use crate::outbox::{Channel, Message, Post};
use crate::store::{IndexKey, Query, StoreError, Tx};

/// What can be subscribed to.
pub const EVENTS: [&str; 25] = [
    "consultation.created",
    "consultation.opened",
    "consultation.rescheduled",
    "consultation.cancelled",
    "consultation.started",
    "consultation.interrupted",
    "consultation.ended",
    "consultation.no_show",
    "consultation.expired",
    "consultation.validated",
    "consultation.purged",
    "invitation.sent",
    "invitation.delivered",
    "invitation.failed",
    "invitation.opened",
    "patient.waiting",
    "participant.joined",
    "participant.left",
    "document.available",
    "document.opened",
    "payment.paid",
    "payment.failed",
    "payment.refunded",
    "report.ready",
    "retention.warning",
];
/// What an endpoint is sent to be tried.
pub const TEST_EVENT: &str = "webhook.test";
/// Of the bodies.
pub const API_VERSION: &str = "2026-11";
/// After the last try of the outbox, with every jitter.
const LIFE: SignedDuration = SignedDuration::from_hours(72);

/// Something that happened to a consultation. `about`: more opaque ids, by name, such as `invitation_id`.
#[derive(Clone, Copy, Debug)]
pub struct Happened<'a> {
    /// One of [`EVENTS`].
    pub event: &'a str,
    pub consultation: &'a Consultation,
    pub about: &'a [(&'a str, &'a str)],
}

/// Queues an event for every endpoint that may and wants to know. Call [`crate::outbox::Outbox::wake`] after the
/// transaction.
pub fn emit(tx: &mut Tx<'_>, now: Timestamp, happened: Happened<'_>) -> Result<(), StoreError> {
    let consultation = happened.consultation;
    for endpoint in tx.list::<WebhookEndpoint>(&Query::new("open", IndexKey::new()).limit(1000))?.items {
        let wanted =
            endpoint.events.is_empty() || endpoint.events.iter().any(|event| event == happened.event);
        if !wanted {
            continue;
        }
        let Some(client) = tx.get::<ApiClient>(&endpoint.client)? else { continue };
        let sees = client.accounts.is_empty() || client.accounts.contains(&consultation.owner);
        if client.disabled_at.is_some() || !sees {
            continue;
        }
        let mut data = Map::new();
        data.insert("consultation_id".to_owned(), json!(consultation.id));
        // A portal's own name for the consultation is that portal's business only.
        if consultation.api_client.as_ref() == Some(&client.id)
            && let Some(reference) = &consultation.external_ref
        {
            data.insert("external_ref".to_owned(), json!(reference));
        }
        for (name, id) in happened.about {
            data.insert((*name).to_owned(), json!(id));
        }
        queue(tx, now, &endpoint, happened.event, Value::Object(data))?;
    }
    Ok(())
}

/// A delivery and its message.
fn queue(
    tx: &mut Tx<'_>,
    now: Timestamp,
    endpoint: &WebhookEndpoint,
    event: &str,
    data: Value,
) -> Result<Delivery, StoreError> {
    let id = DeliveryId::new(now);
    let body =
        json!({ "id": id, "type": event, "created_at": now, "api_version": API_VERSION, "data": data });
    let delivery = Delivery::new(id, endpoint.id.clone(), event, body.to_string(), now);
    tx.insert(&delivery)?;
    post_delivery(tx, now, &delivery)?;
    Ok(delivery)
}

fn post_delivery(tx: &mut Tx<'_>, now: Timestamp, delivery: &Delivery) -> Result<(), StoreError> {
    let mut message = Message::new(now, Channel::Webhook, &delivery.event, &delivery.endpoint);
    message.data = json!({ "delivery": delivery.id });
    message.expires_at = now.saturating_add(LIFE).unwrap_or(Timestamp::MAX);
    tx.post(&message)
}

/// Where webhooks of this installation may go.
fn reach(clinic: &Clinic) -> Reach {
    if clinic.config().webhooks_to_private_networks { Reach::Any } else { Reach::Public }
}

/// The endpoints of a client.
fn of_client(client: &ApiClientId) -> Query {
    Query::new("client", IndexKey::new().text(client.as_str()))
}

/// Sends what is in the outbox.
pub(crate) fn install(clinic: &Clinic) {
    let sender = delivery::Sender::new(clinic.clone());
    clinic.outbox().send_by(Channel::Webhook, Arc::new(sender));
}

pub(crate) fn router() -> Router<Clinic> {
    Router::new()
        .route("/api/v1/webhook-endpoints", get(endpoints::list).post(endpoints::create))
        .route(
            "/api/v1/webhook-endpoints/{id}",
            get(endpoints::read).patch(endpoints::change).delete(endpoints::delete),
        )
        .route("/api/v1/webhook-endpoints/{id}/secret", post(endpoints::rotate))
        .route("/api/v1/webhook-endpoints/{id}/test", post(endpoints::test))
        .route("/api/v1/webhook-endpoints/{id}/deliveries", get(log::list))
        .route("/api/v1/webhook-endpoints/{id}/deliveries/{delivery}/redeliver", post(log::redeliver))
}

#[derive(OpenApi)]
#[openapi(
    paths(
        endpoints::list,
        endpoints::create,
        endpoints::read,
        endpoints::change,
        endpoints::delete,
        endpoints::rotate,
        endpoints::test,
        log::list,
        log::redeliver,
    ),
    tags((name = "webhooks"))
)]
pub(crate) struct Api;

/// Deletes old entries of the delivery log. For a timer.
pub(crate) fn sweep(tx: &mut Tx<'_>, now: Timestamp) -> Result<usize, StoreError> {
    delivery::sweep(tx, now)
}

#[cfg(test)]
mod tests;
