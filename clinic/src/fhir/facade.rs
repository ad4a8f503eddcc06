//! The read facade, `/fhir/R4`: one resource by id, or by the portal's own reference. Refusals are `OperationOutcome`s.

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::{CONTENT_TYPE, HeaderValue};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::{IntoParams, OpenApi};

use super::resources::{
    Links, appointment, consents, document_reference, encounter, fhir_id, own_id, patient, practitioner,
    practitioner_role,
};
use crate::Clinic;
use crate::audit::Action as Audited;
use crate::consultations::{Access, Read, consultation_for};
use crate::crypto::Purpose;
use crate::http::{Action, Actor, Caller, Code, Problem};
use crate::model::{Consent, Consultation, Document};
use crate::report::{Dossier, exported, gather, latest, stored_pdf};
use crate::store::{IndexKey, Query as Find, Record};

pub fn router() -> Router<Clinic> {
    Router::new()
        .route("/fhir/R4/metadata", get(metadata))
        .route("/fhir/R4/{kind}", get(search))
        .route("/fhir/R4/{kind}/{id}", get(read))
}

#[derive(Debug, OpenApi)]
#[openapi(paths(metadata, search, read), tags((name = "fhir")))]
pub struct Api;

const KINDS: [&str; 8] = [
    "Appointment",
    "Bundle",
    "Consent",
    "DocumentReference",
    "Encounter",
    "Patient",
    "Practitioner",
    "PractitionerRole",
];

fn answer(status: http::StatusCode, body: &Value) -> Response {
    let mut response = (status, body.to_string()).into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/fhir+json"));
    response
}

/// A problem in FHIR's words, with our code in it.
fn outcome(problem: &Problem) -> Response {
    let status = problem.code.status();
    let kind = match status.as_u16() {
        401 => "login",
        403 => "forbidden",
        404 => "not-found",
        410 => "deleted",
        409 => "conflict",
        400 | 422 => "invalid",
        _ => "exception",
    };
    let text = problem.code.text(crate::http::Language::En);
    let issue = json!({
        "severity": "error", "code": kind, "diagnostics": text, "details": {"text": problem.code.slug()},
    });
    answer(status, &json!({"resourceType": "OperationOutcome", "issue": [issue]}))
}

fn finish(result: Result<Value, Problem>) -> Response {
    match result {
        Ok(resource) => answer(http::StatusCode::OK, &resource),
        Err(problem) => outcome(&problem),
    }
}

/// What this facade can do (CapabilityStatement).
#[utoipa::path(get, path = "/fhir/R4/metadata", tag = "fhir", responses(
    (status = 200, description = "CapabilityStatement", content_type = "application/fhir+json"),
))]
async fn metadata() -> Response {
    let resource = |kind: &&str| {
        let mut resource = json!({"type": kind, "interaction": [{"code": "read"}]});
        if matches!(*kind, "Appointment" | "Encounter") {
            resource = json!({
                "type": kind,
                "interaction": [{"code": "read"}, {"code": "search-type"}],
                "searchParam": [{"name": "identifier", "type": "token"}],
            });
        }
        resource
    };
    let resources: Vec<Value> = KINDS.iter().map(resource).collect();
    answer(
        http::StatusCode::OK,
        &json!({
            "resourceType": "CapabilityStatement",
            "status": "active",
            "date": "2026-11-01",
            "kind": "instance",
            "software": {"name": "Chevet", "version": env!("CARGO_PKG_VERSION")},
            "implementation": {"description": "Chevet clinic, read only"},
            "fhirVersion": "4.0.1",
            "format": ["application/fhir+json"],
            "rest": [{"mode": "server", "resource": resources}],
        }),
    )
}

/// One resource.
#[utoipa::path(get, path = "/fhir/R4/{kind}/{id}", tag = "fhir", security(("session" = []), ("portal" = [])),
    params(("kind" = String, Path), ("id" = String, Path)), responses(
    (status = 200, description = "The resource", content_type = "application/fhir+json"),
    (status = 404, description = "OperationOutcome", content_type = "application/fhir+json"),
    (status = 410, description = "OperationOutcome: purged", content_type = "application/fhir+json"),
))]
async fn read(
    State(clinic): State<Clinic>,
    caller: Result<Caller, Problem>,
    Path((kind, id)): Path<(String, String)>,
) -> Response {
    let found = async {
        let actor = caller?.actor(clinic.clock().now());
        resource(&clinic, &actor, &kind, &own_id(&id)).await
    };
    finish(found.await)
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Identifier {
    /// `system|value`, as the portal gave it.
    identifier: String,
}

/// Appointment or Encounter by the portal's own reference.
#[utoipa::path(get, path = "/fhir/R4/{kind}", tag = "fhir", security(("portal" = ["consultations:read"])),
    params(("kind" = String, Path), Identifier), responses(
    (status = 200, description = "Bundle of type searchset", content_type = "application/fhir+json"),
))]
async fn search(
    State(clinic): State<Clinic>,
    caller: Result<Caller, Problem>,
    Path(kind): Path<String>,
    query: Result<Query<Identifier>, axum::extract::rejection::QueryRejection>,
) -> Response {
    let found = async {
        let actor = caller?.actor(clinic.clock().now());
        let Query(query) = query?;
        by_reference(&clinic, &actor, &kind, &query.identifier).await
    };
    finish(found.await)
}

async fn by_reference(
    clinic: &Clinic,
    actor: &Actor,
    kind: &str,
    identifier: &str,
) -> Result<Value, Problem> {
    if !matches!(kind, "Appointment" | "Encounter") {
        return Err(Problem::new(Code::NotFound));
    }
    let Actor::Client { id, .. } = actor else { return Err(Problem::new(Code::Forbidden)) };
    let hash = clinic.lookup().hash(Purpose::ExternalRef, identifier);
    let key = IndexKey::new().text(id.as_str()).hash(&hash);
    let mut entries = Vec::new();
    if let Some(found) = clinic.store().find::<Consultation>("external", key)? {
        let resource = resource(clinic, actor, kind, found.id.as_str()).await?;
        entries.push(json!({
            "fullUrl": format!("{}/fhir/R4/{kind}/{}", clinic.config().public_url, fhir_id(found.id.as_str())),
            "resource": resource,
        }));
    }
    let mut bundle = json!({"resourceType": "Bundle", "type": "searchset", "total": entries.len()});
    if let Some(object) = bundle.as_object_mut().filter(|_| !entries.is_empty()) {
        object.insert("entry".to_owned(), Value::Array(entries));
    }
    Ok(bundle)
}

/// Every resource is read by way of a consultation, with that one's rights.
async fn resource(clinic: &Clinic, actor: &Actor, kind: &str, id: &str) -> Result<Value, Problem> {
    let now = clinic.clock().now();
    let store = clinic.store();
    let nothing = || Problem::new(Code::NotFound);
    let access = |id: &str, action| consultation_for(store, now, actor, id, action);
    let dossier = |access: &Access| -> Result<Dossier, Problem> { gather(store, access, now, 1) };
    match kind {
        "Appointment" => Ok(appointment(&dossier(&access(id, Action::SeeConsultation)?)?, Links::Server)),
        "Encounter" => Ok(encounter(&dossier(&access(id, Action::SeeConsultation)?)?, Links::Server)),
        "Patient" => {
            let access = access(&newest(clinic, "patient", id)?, Action::SeeIdentity)?;
            Ok(patient(&dossier(&access)?))
        }
        "Practitioner" => {
            let access = access(&newest(clinic, "owner", id)?, Action::SeeConsultation)?;
            Ok(practitioner(&dossier(&access)?))
        }
        "PractitionerRole" => {
            let access = access(&newest(clinic, "owner", id)?, Action::SeeConsultation)?;
            Ok(practitioner_role(&dossier(&access)?, Links::Server))
        }
        "DocumentReference" => {
            let document = store.unpurged::<Document>(id)?.ok_or_else(nothing)?;
            let access = access(document.consultation.as_str(), Action::SeeConsultation)?;
            access.require_document(Action::ReadDocument, &document.sender, &document.visible_to)?;
            Ok(document_reference(&dossier(&access)?, &document, Links::Server))
        }
        "Consent" => {
            let consent = store.unpurged::<Consent>(id)?.ok_or_else(nothing)?;
            let access = access(consent.consultation.as_str(), Action::Export)?;
            let all = consents(&dossier(&access)?, Links::Server);
            all.into_iter().find(|found| found.get("id") == Some(&json!(fhir_id(id)))).ok_or_else(nothing)
        }
        "Bundle" => {
            let access = access(id, Action::Export)?;
            let report = latest(store, &access.consultation)?;
            let dossier = gather(store, &access, report.created_at, report.version)?;
            let pdf = stored_pdf(store, &access.consultation, &report).await?;
            exported(clinic, now, &access, Audited::ExportFhir, false).await?;
            Ok(super::bundle(&dossier, &pdf))
        }
        _ => Err(nothing()),
    }
}

/// The newest consultation of a patient or professional. What the asker may see of it is for the guard to say.
fn newest(clinic: &Clinic, index: &'static str, id: &str) -> Result<String, Problem> {
    let query = Find::new(index, IndexKey::new().text(id)).reverse().limit(1);
    let found = clinic.store().list::<Consultation>(&query)?.items.into_iter().next();
    Ok(found.ok_or(Problem::new(Code::NotFound))?.value.id())
}
