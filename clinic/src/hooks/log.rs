//! The delivery log, as portals read it.

use axum::extract::{Path, State};
use http::StatusCode;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::delivery::{Delivery, DeliveryState, Try};
use super::endpoints::{Queued, find, portal};
use super::post_delivery;
use crate::Clinic;
use crate::http::problem::ProblemBody;
use crate::http::{Caller, Code, PageBody, PageQuery, Problem};
use crate::ids::DeliveryId;
use crate::store::{IndexKey, Query};

/// A delivery and how it went.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeliveryBody {
    id: DeliveryId,
    /// The event.
    #[serde(rename = "type")]
    event: String,
    state: DeliveryState,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// Oldest first.
    tries: Vec<Try>,
}

/// The deliveries to an endpoint, the newest first; kept for 30 days.
#[utoipa::path(get, path = "/api/v1/webhook-endpoints/{id}/deliveries", tag = "webhooks",
    params(("id" = String, Path), PageQuery), security(("portal" = [])), responses(
        (status = 200, description = "The deliveries", body = PageBody<DeliveryBody>),
        (status = 404, description = "No such endpoint of this portal", body = ProblemBody, content_type = "application/problem+json"),
    ))]
pub(super) async fn list(
    State(clinic): State<Clinic>,
    caller: Caller,
    Path(id): Path<String>,
    axum::extract::Query(page): axum::extract::Query<PageQuery>,
) -> Result<axum::Json<PageBody<DeliveryBody>>, Problem> {
    let client = portal(&clinic, caller).await?;
    let endpoint = clinic.store().write(|tx| find(tx, &client, &id)).await?;
    let query = Query::new("endpoint", IndexKey::new().text(endpoint.id.as_str())).reverse();
    let found = clinic.store().list::<Delivery>(&page.apply(query)?)?;
    let items = found.items.into_iter().map(|delivery| {
        let Delivery { id, event, state, created_at, tries, .. } = delivery.value;
        DeliveryBody { id, event, state, created_at, tries }
    });
    Ok(axum::Json(PageBody::new(items.collect(), found.next.as_ref())))
}

/// Sends a delivery once more, with the same `webhook-id` and body.
#[utoipa::path(post, path = "/api/v1/webhook-endpoints/{id}/deliveries/{delivery}/redeliver", tag = "webhooks",
    params(("id" = String, Path), ("delivery" = String, Path)), security(("portal" = [])), responses(
        (status = 202, description = "Queued", body = Queued),
        (status = 404, description = "No such delivery of this portal", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "It is still on its way, or the endpoint is switched off", body = ProblemBody, content_type = "application/problem+json"),
    ))]
pub(super) async fn redeliver(
    State(clinic): State<Clinic>,
    caller: Caller,
    Path((id, delivery)): Path<(String, String)>,
) -> Result<(StatusCode, axum::Json<Queued>), Problem> {
    let client = portal(&clinic, caller).await?;
    let now = clinic.clock().now();
    let delivery: DeliveryId = delivery.parse().map_err(|_| Problem::new(Code::NotFound))?;
    clinic
        .store()
        .write(|tx| {
            let endpoint = find(tx, &client, &id)?;
            let delivery = tx.get::<Delivery>(&delivery)?.filter(|delivery| delivery.endpoint == endpoint.id);
            let mut delivery = delivery.ok_or(Problem::new(Code::NotFound))?;
            if delivery.state == DeliveryState::Queued || endpoint.disabled_at.is_some() {
                return Err(Problem::new(Code::InvalidTransition));
            }
            delivery.state = DeliveryState::Queued;
            tx.update(&mut delivery)?;
            Ok(post_delivery(tx, now, &delivery)?)
        })
        .await?;
    clinic.outbox().wake();
    Ok((StatusCode::ACCEPTED, axum::Json(Queued::new(delivery))))
}
