//! "My consultations", and one of them.

use axum::extract::{Path, Query as UrlQuery, State};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::create::owner_for;
use super::guard::{Read, consultation_for};
use super::view::{self, ConsultationBody, ConsultationItem};
use crate::Clinic;
use crate::crypto::Purpose;
use crate::http::authorize::Resource;
use crate::http::problem::ProblemBody;
use crate::http::{Action, Actor, Caller, PageBody, PageQuery, Problem, authorize, etag};
use crate::ids::AccountId;
use crate::model::{Consultation, Participant, Shelf};
use crate::store::{Cursor, IndexKey, Page, Query, StoreError, Versioned};

/// Two texts of 200 bytes, and the line between them.
const REFERENCE_BYTES_MAX: usize = 401;

/// Which consultations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum View {
    /// Live ones, then what is planned, by start.
    #[default]
    Agenda,
    /// All that start today, in the professional's zone.
    Today,
    Live,
    Upcoming,
    /// Ended, the form not validated yet; the latest first.
    ToValidate,
    /// The latest first.
    Done,
    /// Of colleagues who invited the caller.
    Invited,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// `agenda` unless given.
    #[serde(default)]
    pub view: View,
    /// For whom a secretary or a portal asks.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    pub professional_id: Option<AccountId>,
    /// `system|value`, as the portal named the consultation when it made it: that one or none, and nothing else counts.
    pub external_ref: Option<String>,
    /// Items on the page, 1 to 200; 50 unless given.
    pub limit: Option<usize>,
    /// `next` of the page before.
    pub cursor: Option<String>,
}

fn shelf(owner: &AccountId, shelf: Shelf) -> Query {
    Query::new("owner_shelf", IndexKey::new().text(owner.as_str()).text(shelf.as_str()))
}

/// Midnight and midnight of the day that `now` is in.
fn today(now: Timestamp, zone: &str) -> (Timestamp, Timestamp) {
    let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
    let day = zone.to_datetime(now).date();
    let midnight = |day: Date| zone.to_ambiguous_timestamp(day.to_datetime(Time::midnight())).compatible();
    let end = day.tomorrow().and_then(midnight);
    (midnight(day).unwrap_or(Timestamp::MIN), end.unwrap_or(Timestamp::MAX))
}

fn page(
    read: &impl Read,
    now: Timestamp,
    owner: &AccountId,
    zone: &str,
    query: &ListQuery,
) -> Result<Page<Consultation>, Problem> {
    let bounds = PageQuery { limit: query.limit, cursor: query.cursor.clone() };
    let wanted = match query.view {
        View::Agenda => {
            let mut page = read.page::<Consultation>(&bounds.apply(shelf(owner, Shelf::Upcoming))?)?;
            if query.cursor.is_none() {
                // Few at a time: all of them stand in front of the first page.
                let live = read.page::<Consultation>(&shelf(owner, Shelf::Live).limit(100))?.items;
                page.items.splice(0..0, live);
            }
            return Ok(page);
        }
        View::Today => {
            let (from, until) = today(now, zone);
            Query::new("owner", IndexKey::new().text(owner.as_str()))
                .from(IndexKey::new().time(from))
                .until(IndexKey::new().time(until))
        }
        View::Live => shelf(owner, Shelf::Live),
        View::Upcoming => shelf(owner, Shelf::Upcoming),
        View::ToValidate => shelf(owner, Shelf::ToValidate).reverse(),
        View::Done => shelf(owner, Shelf::Done).reverse(),
        View::Invited => {
            let key = IndexKey::new().text(owner.as_str());
            let seats = read.page::<Participant>(&bounds.apply(Query::new("account", key))?)?;
            let mut items = Vec::new();
            for seat in seats.items.iter().filter(|seat| seat.role != crate::model::ParticipantRole::Owner) {
                items.extend(read.unpurged::<Consultation>(seat.consultation.as_str())?);
            }
            return Ok(Page { items, next: seats.next });
        }
    };
    Ok(read.page(&bounds.apply(wanted)?)?)
}

/// What a portal made under this name of its own: one or none. Names of other portals lead nowhere.
fn by_reference(clinic: &Clinic, actor: &Actor, reference: &str) -> Result<Vec<ConsultationItem>, Problem> {
    let Actor::Client { id, .. } = actor else {
        return Err(Problem::field("/external_ref", "portals-only"));
    };
    if !reference.contains('|') || reference.len() > REFERENCE_BYTES_MAX {
        return Err(Problem::field("/external_ref", "invalid"));
    }
    let hash = clinic.lookup().hash(Purpose::ExternalRef, reference);
    let key = IndexKey::new().text(id.as_str()).hash(&hash);
    let Some(found) = clinic.store().find::<Consultation>("external", key)? else { return Ok(Vec::new()) };
    let now = clinic.clock().now();
    let access = consultation_for(clinic.store(), now, actor, found.id.as_str(), Action::SeeConsultation)?;
    let identity = access.may(Action::SeeIdentity);
    Ok(vec![view::item(clinic.store(), &access.consultation, identity)?])
}

/// "My consultations".
#[utoipa::path(get, path = "/api/v1/consultations", tag = "consultations",
    params(ListQuery, ("view" = Option<View>, Query, description = "`agenda` unless given")),
    security(("session" = []), ("portal" = [])), responses(
    (status = 200, description = "A page", body = PageBody<ConsultationItem>),
    (status = 401, description = "Not logged in", body = ProblemBody, content_type = "application/problem+json"),
    (status = 403, description = "Not allowed, or the tool is not open", body = ProblemBody, content_type = "application/problem+json"),
    (status = 422, description = "A bad cursor or limit", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn list(
    State(clinic): State<Clinic>,
    caller: Caller,
    query: Result<UrlQuery<ListQuery>, axum::extract::rejection::QueryRejection>,
) -> Result<axum::Json<PageBody<ConsultationItem>>, Problem> {
    let UrlQuery(query) = query?;
    let now = clinic.clock().now();
    let actor = caller.actor(now);
    if let Some(reference) = &query.external_ref {
        return Ok(axum::Json(PageBody::new(by_reference(&clinic, &actor, reference)?, None)));
    }
    let owner = owner_for(&clinic, &caller, query.professional_id.as_ref(), Action::SeeConsultation)?;
    let zone = match &caller {
        Caller::Account(signed_in) => signed_in.account.time_zone.clone(),
        Caller::Client(_) => "Europe/Paris".to_owned(),
    };
    let page = page(clinic.store(), now, &owner.account_id, &zone, &query)?;
    let resource = Resource {
        owner: owner.account_id.clone(),
        consultation: None,
        seats: Vec::new(),
        author: None,
        visible: false,
    };
    // A colleague's patients are seen in the call only.
    let identity =
        query.view != View::Invited && authorize(&actor, Action::SeeIdentity, &resource, &None).is_ok();
    let items: Result<Vec<ConsultationItem>, StoreError> = page
        .items
        .iter()
        .map(|one: &Versioned<Consultation>| view::item(clinic.store(), one, identity))
        .collect();
    let next: Option<&Cursor> = page.next.as_ref();
    Ok(axum::Json(PageBody::new(items?, next)))
}

/// One consultation, as far as the caller may see it.
#[utoipa::path(get, path = "/api/v1/consultations/{id}", tag = "consultations",
    params(("id" = String, Path, description = "The consultation")),
    security(("session" = []), ("portal" = [])), responses(
    (status = 200, description = "The consultation, with its `ETag`", body = ConsultationBody),
    (status = 401, description = "Not logged in", body = ProblemBody, content_type = "application/problem+json"),
    (status = 404, description = "None in which the caller has a part", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn get(
    State(clinic): State<Clinic>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let now = clinic.clock().now();
    answer(&clinic, &caller.actor(now), &id)
}

/// 200 with the consultation as it is now.
pub fn answer(clinic: &Clinic, actor: &crate::http::Actor, id: &str) -> Result<Response, Problem> {
    let now = clinic.clock().now();
    let access =
        consultation_for(clinic.store(), now, actor, id, Action::SeeConsultation).or_else(|problem| {
            // A portal that may write need not be one that may read.
            consultation_for(clinic.store(), now, actor, id, Action::Reschedule).map_err(|_| problem)
        })?;
    let body = view::consultation(clinic, clinic.store(), &access)?;
    Ok(([etag(access.consultation.version)], axum::Json(body)).into_response())
}
