//! Patient files, each of one professional: nobody else finds them, or learns that they are there.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::create::{Warning, owner_for};
use super::guard::Read;
use super::input::PatientInput;
use super::view::{self, ConsultationItem, PatientBody};
use super::{note, purge};
use crate::Clinic;
use crate::audit::Action as Audited;
use crate::crypto::{LookupHash, Purpose};
use crate::http::authorize::Resource;
use crate::http::problem::ProblemBody;
use crate::http::{Action, Actor, Caller, Code, IfMatch, Json, Problem, authorize, etag};
use crate::ids::{AccountId, PatientId};
use crate::model::people::{BirthDate, comparable};
use crate::model::{Consultation, IdentityProof, IdentityStatus, Needs, Patient, Sex, Status};
use crate::store::{IndexKey, Query, StoreError, Tx, Versioned};

fn resource(owner: &AccountId) -> Resource {
    Resource { owner: owner.clone(), consultation: None, seats: Vec::new(), author: None, visible: false }
}

/// The patient file `id` of this professional; 404 for anything else.
pub fn of_owner(read: &impl Read, owner: &AccountId, id: &str) -> Result<Versioned<Patient>, Problem> {
    let id: PatientId = id.parse().map_err(|_| Problem::new(Code::NotFound))?;
    let found = read.unpurged::<Patient>(id.as_str())?.filter(|patient| patient.owner == *owner);
    found.ok_or(Problem::new(Code::NotFound))
}

/// The patient file `id`, if `actor` may do `action` to it.
fn patient_for(
    read: &impl Read,
    actor: &Actor,
    id: &str,
    action: Action,
) -> Result<Versioned<Patient>, Problem> {
    let id: PatientId = id.parse().map_err(|_| Problem::new(Code::NotFound))?;
    let found = read.unpurged::<Patient>(id.as_str())?.ok_or(Problem::new(Code::NotFound))?;
    authorize(actor, action, &resource(&found.owner), &None).map_err(hidden)?;
    Ok(found)
}

/// Loads the file, demands the right, does something to it or with it, and notes that in the trail.
async fn with_file(
    clinic: &Clinic,
    caller: &Caller,
    id: &str,
    action: Action,
    audited: Audited,
    f: impl FnOnce(&mut Tx<'_>, &Actor, &mut Versioned<Patient>) -> Result<(), Problem>,
) -> Result<Versioned<Patient>, Problem> {
    let now = clinic.clock().now();
    let actor = caller.actor(now);
    clinic
        .store()
        .write(|tx| {
            let mut patient = patient_for(tx, &actor, id, action)?;
            f(tx, &actor, &mut patient)?;
            note(tx, now, &actor, &patient.owner, audited, &patient.id)?;
            Ok(patient)
        })
        .await
}

/// Of a patient file nobody learns by a refusal that it is there, but those who lack a proof of presence or a scope.
fn hidden(denied: crate::http::Denied) -> Problem {
    match denied {
        crate::http::Denied::Forbidden => Problem::new(Code::Forbidden),
        other => other.into(),
    }
}

/// Names and birth date of one professional's patient, for finding it again.
fn name_hash(
    clinic: &Clinic,
    owner: &AccountId,
    birth_name: &str,
    first: &str,
    date: BirthDate,
) -> LookupHash {
    let text = format!("{owner}|{}|{}|{date}", comparable(birth_name), comparable(first));
    clinic.lookup().hash(Purpose::PersonName, &text)
}

fn hash_of(clinic: &Clinic, patient: &Patient) -> LookupHash {
    let first = patient.first_names.first().map(String::as_str).unwrap_or_default();
    name_hash(clinic, &patient.owner, &patient.birth_name, first, patient.birth_date)
}

fn twins(
    read: &impl Read,
    owner: &AccountId,
    hash: &LookupHash,
) -> Result<Vec<Versioned<Patient>>, StoreError> {
    let key = IndexKey::new().text(owner.as_str()).hash(hash);
    Ok(read.page(&Query::new("name", key).limit(20))?.items)
}

/// Makes a file of what was typed; warns of one that looks the same.
pub fn make(
    clinic: &Clinic,
    tx: &mut Tx<'_>,
    actor: &Actor,
    owner: &AccountId,
    input: &PatientInput,
    warnings: &mut Vec<Warning>,
) -> Result<Versioned<Patient>, Problem> {
    let now = clinic.clock().now();
    if input.nir.is_some() {
        authorize(actor, Action::EnterNir, &resource(owner), &None)?;
    }
    input.has_identity("/patient")?;
    let Ok(unknown) = BirthDate::parse("1900-00-00") else { return Err(Problem::new(Code::Internal)) };
    let mut patient = Patient {
        id: PatientId::new(now),
        owner: owner.clone(),
        created_at: now,
        birth_name: String::new(),
        used_name: None,
        first_names: Vec::new(),
        birth_date: unknown,
        sex: Sex::U,
        birth_place_cog: None,
        nir: None,
        nir_rank: None,
        identity_status: IdentityStatus::Prov,
        identity_checked_by: None,
        identity_checked_at: None,
        identity_proof: None,
        email: None,
        mobile: None,
        address: None,
        attending_physician: None,
        representative: None,
        needs: Needs::default(),
        name_hash: name_hash(clinic, owner, "", "", unknown),
    };
    input.apply(now, &mut patient, "/patient")?;
    patient.name_hash = hash_of(clinic, &patient);
    for twin in twins(tx, owner, &patient.name_hash)? {
        warnings.push(Warning::new("possible-duplicate", Some(twin.id.to_string())));
    }
    tx.create_key(&patient.data_key())?;
    let version = tx.insert(&patient)?;
    note(tx, now, actor, owner, Audited::PatientCreated, &patient.id)?;
    Ok(Versioned { version, value: patient })
}

/// Names and birth date, exact but for case and accents. In the body: a query string would stand in logs.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PatientSearch {
    #[serde(default)]
    professional_id: Option<AccountId>,
    birth_name: String,
    first_name: String,
    birth_date: String,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Patients {
    items: Vec<PatientBody>,
}

/// Finds patient files of one professional.
#[utoipa::path(post, path = "/api/v1/patients/search", tag = "patients", request_body = PatientSearch,
    security(("session" = []), ("portal" = [])), responses(
    (status = 200, description = "Those found", body = Patients),
    (status = 401, description = "Not logged in", body = ProblemBody, content_type = "application/problem+json"),
    (status = 422, description = "Not a birth date", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn search(
    State(clinic): State<Clinic>,
    caller: Caller,
    Json(wanted): Json<PatientSearch>,
) -> Result<axum::Json<Patients>, Problem> {
    let now = clinic.clock().now();
    let owner = owner_for(&clinic, &caller, wanted.professional_id.as_ref(), Action::SeeIdentity)?;
    let date = BirthDate::parse(&wanted.birth_date).map_err(|_| Problem::field("/birth_date", "invalid"))?;
    let hash = name_hash(&clinic, &owner.account_id, &wanted.birth_name, &wanted.first_name, date);
    let found = twins(clinic.store(), &owner.account_id, &hash)?;
    Ok(axum::Json(Patients { items: found.iter().map(|found| view::patient(now, found)).collect() }))
}

/// A patient file.
#[utoipa::path(get, path = "/api/v1/patients/{id}", tag = "patients",
    params(("id" = String, Path, description = "The patient file")),
    security(("session" = []), ("portal" = [])), responses(
    (status = 200, description = "The file, with its `ETag`", body = PatientBody),
    (status = 404, description = "None of yours", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn get(
    State(clinic): State<Clinic>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let now = clinic.clock().now();
    let found = patient_for(clinic.store(), &caller.actor(now), &id, Action::SeeIdentity)?;
    Ok(([etag(found.version)], axum::Json(view::patient(now, &found))).into_response())
}

/// Changes what is given.
#[utoipa::path(patch, path = "/api/v1/patients/{id}", tag = "patients", request_body = PatientInput,
    params(("id" = String, Path, description = "The patient file"),
        ("If-Match" = String, Header, description = "The `ETag` that was read")),
    security(("session" = []), ("portal" = [])), responses(
    (status = 200, description = "Changed", body = PatientBody),
    (status = 404, description = "None of yours", body = ProblemBody, content_type = "application/problem+json"),
    (status = 412, description = "Changed by somebody else meanwhile", body = ProblemBody, content_type = "application/problem+json"),
    (status = 422, description = "Refused as it is", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn change(
    State(clinic): State<Clinic>,
    caller: Caller,
    Path(id): Path<String>,
    if_match: IfMatch,
    Json(input): Json<PatientInput>,
) -> Result<Response, Problem> {
    let now = clinic.clock().now();
    let (action, audited) = (Action::EditPatient, Audited::PatientUpdated);
    let changed = with_file(&clinic, &caller, &id, action, audited, |tx, actor, patient| {
        if input.nir.is_some() {
            patient_for(tx, actor, &id, Action::EnterNir)?;
        }
        if_match.require(patient)?;
        input.apply(now, patient, "")?;
        patient.name_hash = hash_of(&clinic, patient);
        tx.update(patient)?;
        Ok(())
    })
    .await?;
    Ok(([etag(changed.version)], axum::Json(view::patient(now, &changed))).into_response())
}

/// The billing number, spelt out. Each look is audited.
#[derive(Debug, Serialize, ToSchema)]
pub struct NirBody {
    /// 13 characters and the key.
    #[serde(skip_serializing_if = "Option::is_none")]
    nir: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nir_rank: Option<u8>,
}

/// Shows the billing number.
#[utoipa::path(post, path = "/api/v1/patients/{id}/nir", tag = "patients",
    params(("id" = String, Path, description = "The patient file")), security(("session" = [])), responses(
    (status = 200, description = "The number, if it is known", body = NirBody),
    (status = 403, description = "Not for this caller", body = ProblemBody, content_type = "application/problem+json"),
    (status = 404, description = "None of yours", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn see_nir(
    State(clinic): State<Clinic>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let (action, audited) = (Action::SeeNir, Audited::PatientNirViewed);
    let patient = with_file(&clinic, &caller, &id, action, audited, |_, _, _| Ok(())).await?.value;
    let body = NirBody { nir: patient.nir, nir_rank: patient.nir_rank };
    Ok(([(http::header::CACHE_CONTROL, "no-store")], axum::Json(body)).into_response())
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IdentityChecked {
    proof: IdentityProof,
}

/// The professional saw a proof of identity: the status becomes `VALI`.
#[utoipa::path(post, path = "/api/v1/patients/{id}/identity-check", tag = "patients",
    request_body = IdentityChecked, params(("id" = String, Path, description = "The patient file")),
    security(("session" = [])), responses(
    (status = 200, description = "Noted", body = PatientBody),
    (status = 404, description = "None of yours", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn check_identity(
    State(clinic): State<Clinic>,
    caller: Caller,
    Path(id): Path<String>,
    Json(IdentityChecked { proof }): Json<IdentityChecked>,
) -> Result<Response, Problem> {
    let now = clinic.clock().now();
    let Caller::Account(signed_in) = &caller else { return Err(Problem::new(Code::Forbidden)) };
    let by = signed_in.id().clone();
    // Only the professional sees the document: whoever may see the number.
    let (action, audited) = (Action::SeeNir, Audited::PatientIdentityStatusChanged);
    let changed = with_file(&clinic, &caller, &id, action, audited, |tx, _, patient| {
        // What a qualified service wrote stays.
        if patient.identity_status == IdentityStatus::Prov {
            patient.identity_status = IdentityStatus::Vali;
        }
        patient.identity_checked_by = Some(by);
        patient.identity_checked_at = Some(now);
        patient.identity_proof = Some(proof);
        tx.update(patient)?;
        Ok(())
    })
    .await?;
    Ok(([etag(changed.version)], axum::Json(view::patient(now, &changed))).into_response())
}

/// Everything that is kept of a patient in this part, for the person's right of access.
#[derive(Debug, Serialize, ToSchema)]
pub struct PatientExport {
    patient: PatientBody,
    #[serde(skip_serializing_if = "Option::is_none")]
    nir: Option<String>,
    consultations: Vec<ConsultationItem>,
}

/// The file and its consultations.
#[utoipa::path(get, path = "/api/v1/patients/{id}/export", tag = "patients",
    params(("id" = String, Path, description = "The patient file")), security(("session" = [])), responses(
    (status = 200, description = "Everything", body = PatientExport),
    (status = 404, description = "None of yours", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn export(
    State(clinic): State<Clinic>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let now = clinic.clock().now();
    let (action, audited) = (Action::SeeNir, Audited::PatientExported);
    let patient = with_file(&clinic, &caller, &id, action, audited, |_, _, _| Ok(())).await?;
    let consultations = of_patient(clinic.store(), &patient.id)?;
    let items: Result<Vec<_>, StoreError> =
        consultations.iter().map(|one| view::item(clinic.store(), one, true)).collect();
    let body = PatientExport {
        patient: view::patient(now, &patient),
        nir: patient.nir.clone(),
        consultations: items?,
    };
    Ok(([(http::header::CACHE_CONTROL, "no-store")], axum::Json(body)).into_response())
}

fn of_patient(read: &impl Read, id: &PatientId) -> Result<Vec<Versioned<Consultation>>, StoreError> {
    read.all("patient", id.as_str())
}

/// Erases a patient file and what belongs to it. Refused while a consultation is planned or live, and while one that has
/// ended was not erased by itself.
#[utoipa::path(delete, path = "/api/v1/patients/{id}", tag = "patients",
    params(("id" = String, Path, description = "The patient file")), security(("session" = [])), responses(
    (status = 204, description = "Erased"),
    (status = 404, description = "None of yours", body = ProblemBody, content_type = "application/problem+json"),
    (status = 409, description = "Consultations of the patient are still kept: erase those first", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn erase(
    State(clinic): State<Clinic>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    with_file(&clinic, &caller, &id, Action::PurgeNow, Audited::PatientErased, |tx, _, patient| {
        if of_patient(tx, &patient.id)?.iter().any(|one| one.status != Status::Purged) {
            return Err(Problem::new(Code::Conflict));
        }
        Ok(purge::erase_patient(tx, &patient.id)?)
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}
