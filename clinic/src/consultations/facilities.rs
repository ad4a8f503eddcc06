//! Care facilities: each professional's own address book.

use axum::extract::{Path, Query as UrlQuery, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::create::owner_for;
use super::guard::Read;
use super::input::{Fields, label, number};
use super::view::FacilityBody;
use crate::Clinic;
use crate::http::problem::ProblemBody;
use crate::http::{Action, Caller, Code, IfMatch, Json, Problem, etag};
use crate::ids::{AccountId, FacilityId};
use crate::model::identifier::is_finess;
use crate::model::{Facility, FacilityKind, people};
use crate::store::{IndexKey, Query, Versioned};

const FACILITIES_MAX: usize = 200;

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FacilityInput {
    name: String,
    /// 9 characters.
    #[serde(default)]
    finess: Option<String>,
    kind: FacilityKind,
    #[serde(default)]
    address: Option<String>,
    #[serde(default)]
    email: Option<String>,
    /// A mobile number, for links by short message.
    #[serde(default)]
    phone: Option<String>,
    /// Its tablets are shared.
    #[serde(default)]
    shared_device: bool,
}

impl FacilityInput {
    fn read(&self, id: FacilityId, owner: AccountId) -> Result<Facility, Problem> {
        let mut fields = Fields::new("");
        let finess = match &self.finess {
            Some(finess) => fields.check("finess", "invalid", is_finess(finess).then(|| finess.clone())),
            None => None,
        };
        let email = match &self.email {
            Some(email) => fields.check("email", "invalid", people::email(email)),
            None => None,
        };
        let address = fields.text("address", self.address.as_ref()).unwrap_or_default();
        fields.done(Some(()))?;
        Ok(Facility {
            id,
            owner,
            name: label(&self.name, "/name")?,
            finess,
            kind: self.kind,
            address,
            email,
            phone: self.phone.as_deref().map(|phone| number(phone, "/phone")).transpose()?,
            shared_device: self.shared_device,
        })
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct For {
    /// For whom a secretary or a portal asks.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    professional_id: Option<AccountId>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Facilities {
    items: Vec<FacilityBody>,
}

/// The address book.
#[utoipa::path(get, path = "/api/v1/facilities", tag = "facilities", params(For),
    security(("session" = []), ("portal" = [])), responses(
    (status = 200, description = "All of them", body = Facilities),
    (status = 401, description = "Not logged in", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn list(
    State(clinic): State<Clinic>,
    caller: Caller,
    UrlQuery(For { professional_id }): UrlQuery<For>,
) -> Result<axum::Json<Facilities>, Problem> {
    let owner = owner_for(&clinic, &caller, professional_id.as_ref(), Action::Create)?;
    let query = Query::new("owner", IndexKey::new().text(owner.account_id.as_str())).limit(FACILITIES_MAX);
    let found = clinic.store().list::<Facility>(&query)?.items;
    Ok(axum::Json(Facilities { items: found.into_iter().map(|one| one.value.into()).collect() }))
}

/// Adds a facility.
#[utoipa::path(post, path = "/api/v1/facilities", tag = "facilities", params(For), request_body = FacilityInput,
    security(("session" = []), ("portal" = [])), responses(
    (status = 201, description = "Added", body = FacilityBody),
    (status = 422, description = "Refused as it is", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn create(
    State(clinic): State<Clinic>,
    caller: Caller,
    UrlQuery(For { professional_id }): UrlQuery<For>,
    Json(input): Json<FacilityInput>,
) -> Result<Response, Problem> {
    let now = clinic.clock().now();
    let owner = owner_for(&clinic, &caller, professional_id.as_ref(), Action::Create)?;
    let facility = input.read(FacilityId::new(now), owner.account_id.clone())?;
    let version = clinic
        .store()
        .write(|tx| {
            let known = tx.all::<Facility>("owner", owner.account_id.as_str())?;
            if known.len() >= FACILITIES_MAX {
                return Err(Problem::new(Code::QuotaExceeded));
            }
            Ok(tx.insert(&facility)?)
        })
        .await?;
    let location = [(http::header::LOCATION, format!("/api/v1/facilities/{}", facility.id))];
    Ok((StatusCode::CREATED, location, [etag(version)], axum::Json(FacilityBody::from(facility)))
        .into_response())
}

fn of_caller(
    clinic: &Clinic,
    read: &impl Read,
    caller: &Caller,
    id: &str,
) -> Result<Versioned<Facility>, Problem> {
    let id: FacilityId = id.parse().map_err(|_| Problem::new(Code::NotFound))?;
    let found = read.one::<Facility>(id.as_str())?.ok_or(Problem::new(Code::NotFound))?;
    // Not one of theirs: as if it were not there.
    owner_for(clinic, caller, Some(&found.owner), Action::Create)
        .map_err(|_| Problem::new(Code::NotFound))?;
    Ok(found)
}

/// One facility.
#[utoipa::path(get, path = "/api/v1/facilities/{id}", tag = "facilities",
    params(("id" = String, Path, description = "The facility")), security(("session" = []), ("portal" = [])), responses(
    (status = 200, description = "The facility, with its `ETag`", body = FacilityBody),
    (status = 404, description = "None of yours", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn get(
    State(clinic): State<Clinic>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let found = of_caller(&clinic, clinic.store(), &caller, &id)?;
    Ok(([etag(found.version)], axum::Json(FacilityBody::from(found.value))).into_response())
}

/// Writes a facility anew.
#[utoipa::path(put, path = "/api/v1/facilities/{id}", tag = "facilities", request_body = FacilityInput,
    params(("id" = String, Path, description = "The facility"),
        ("If-Match" = String, Header, description = "The `ETag` that was read")),
    security(("session" = []), ("portal" = [])), responses(
    (status = 200, description = "Changed", body = FacilityBody),
    (status = 404, description = "None of yours", body = ProblemBody, content_type = "application/problem+json"),
    (status = 412, description = "Changed by somebody else meanwhile", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn change(
    State(clinic): State<Clinic>,
    caller: Caller,
    Path(id): Path<String>,
    if_match: IfMatch,
    Json(input): Json<FacilityInput>,
) -> Result<Response, Problem> {
    let changed = clinic
        .store()
        .write(|tx| {
            let mut facility = of_caller(&clinic, tx, &caller, &id)?;
            if_match.require(&facility)?;
            facility.value = input.read(facility.id.clone(), facility.owner.clone())?;
            tx.update(&mut facility)?;
            Ok::<_, Problem>(facility)
        })
        .await?;
    Ok(([etag(changed.version)], axum::Json(FacilityBody::from(changed.value))).into_response())
}

/// Takes a facility out of the address book; consultations that name it stay as they are.
#[utoipa::path(delete, path = "/api/v1/facilities/{id}", tag = "facilities",
    params(("id" = String, Path, description = "The facility")), security(("session" = []), ("portal" = [])), responses(
    (status = 204, description = "Gone"),
    (status = 404, description = "None of yours", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn remove(
    State(clinic): State<Clinic>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    clinic
        .store()
        .write(|tx| {
            let facility = of_caller(&clinic, tx, &caller, &id)?;
            tx.delete::<Facility>(&facility.id)?;
            Ok::<_, Problem>(())
        })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
