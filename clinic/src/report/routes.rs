//! Preview, validation, addendum, download.

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::StatusCode;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, HeaderName, HeaderValue};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::{IntoParams, OpenApi, ToSchema};

use super::dossier::{Addendum, Dossier};
use super::gather::{gather, latest, stored_pdf, versions};
use super::page::{Draft, report};
use crate::Clinic;
use crate::audit::Action as Audited;
use crate::consultations::portals;
use crate::consultations::step::moment;
use crate::consultations::{Access, Given, Read, What, consultation_for, note, step};
use crate::crypto::DataKeyId;
use crate::crypto::secret::hex;
use crate::form::template;
use crate::http::idempotent::{Attempt, attempt};
use crate::http::problem::ProblemBody;
use crate::http::{Action, Actor, Caller, Code, IfMatch, Json, Problem};
use crate::idempotency::Answer;
use crate::ids::{BlobId, ReportId};
use crate::model::machine::{allowed, transition};
use crate::model::{Consultation, GeneratedBy, Report, Seal, Trigger};
use crate::pdf::PdfError;
use crate::seal::SealError;
use crate::store::{Sealing, Tx, Versioned};

const ADDENDUM_CHARS_MAX: usize = 10_000;

pub fn router() -> Router<Clinic> {
    Router::new()
        .route("/api/v1/consultations/{id}/form/validate", post(validate))
        .route("/api/v1/consultations/{id}/report", get(download))
        .route("/api/v1/consultations/{id}/report/preview", get(preview))
        .route("/api/v1/consultations/{id}/report/versions", get(list))
        .route("/api/v1/consultations/{id}/report/addendum", post(addendum))
}

#[derive(Debug, OpenApi)]
#[openapi(paths(validate, download, preview, list, addendum), tags((name = "report")))]
pub struct Api;

/// A version of the report.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReportBody {
    id: ReportId,
    version: u32,
    bytes: u64,
    sha256: String,
    /// Absent of reports that were made before there were seals.
    seal: Option<Seal>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

fn body(report: &Report) -> ReportBody {
    ReportBody {
        id: report.id.clone(),
        version: report.version,
        bytes: report.bytes,
        sha256: report.sha256.clone(),
        seal: report.seal.clone(),
        created_at: report.created_at,
    }
}

impl From<PdfError> for Problem {
    fn from(error: PdfError) -> Problem {
        tracing::error!(%error, "a PDF could not be made");
        Problem::new(Code::Internal)
    }
}

impl From<SealError> for Problem {
    fn from(error: SealError) -> Problem {
        tracing::error!(%error, "a report could not be sealed");
        Problem::new(Code::Internal)
    }
}

/// Draws the report off the threads that answer requests, seals it and keeps its bytes. The record is the caller's to write;
/// [`discard`] when that fails.
async fn make(clinic: &Clinic, dossier: Dossier) -> Result<Report, Problem> {
    let now = clinic.clock().now();
    let key = dossier.consultation.data_key();
    let (consultation, version) = (dossier.consultation.id.clone(), dossier.version);
    let drawn = tokio::task::spawn_blocking(move || report(&dossier, Draft::Final));
    let pdf = drawn.await.map_err(|_| Problem::new(Code::Internal))??;
    let (pdf, seal) = clinic.sealer().seal(pdf, now).await?;
    let record = Report {
        id: ReportId::new(now),
        consultation,
        version,
        pdf: BlobId::new(now),
        bytes: u64::try_from(pdf.len()).unwrap_or(u64::MAX),
        sha256: hex(&Sha256::digest(&pdf)),
        seal: Some(seal),
        generated_by: GeneratedBy::Server,
        created_at: now,
        addendum_of: None,
    };
    clinic.store().put_blob(&key, &record.pdf, pdf).await?;
    Ok(record)
}

fn discard(clinic: &Clinic, report: &Report) {
    if clinic.store().blobs().delete(&DataKeyId::new(report.consultation.as_str()), &report.pdf).is_err() {
        tracing::warn!("the bytes of a report that was not kept stay until the next start");
    }
}

/// What the guards of validation and addendum ask for.
fn given(actor: &Actor) -> Given {
    let reauthenticated = matches!(actor, Actor::Account { reauthenticated: true, .. });
    Given { form_complete: true, reauthenticated, ..Given::default() }
}

/// Refuses before anything is drawn what the transition would refuse after it.
fn possible(now: Timestamp, access: &Access, trigger: Trigger) -> Result<(), Problem> {
    let c = &access.consultation.value;
    let moment = moment(now, c, &access.participants, &given(&access.actor));
    match transition(c.kind, c.status, trigger, &moment) {
        Ok(_) => Ok(()),
        Err(_) => Err(Problem::transition(allowed(c.kind, c.status, &moment))),
    }
}

/// Refused until every required field is there: 422 with the fields.
fn complete(form: &crate::model::Form) -> Result<(), Problem> {
    let template = template(&form.template, form.template_version).ok_or(Problem::new(Code::Internal))?;
    let mut problem = Problem::new(Code::ValidationFailed);
    for (field, code) in template.check(&form.answers, true) {
        problem.push_field(&format!("/answers/{field}"), code);
    }
    if problem.fields().is_empty() { Ok(()) } else { Err(problem) }
}

/// Validates the form for good and makes version 1 of the report. Wants a fresh proof of presence.
#[utoipa::path(post, path = "/api/v1/consultations/{id}/form/validate", tag = "report", security(("session" = [])),
    params(("id" = String, Path), ("If-Match" = String, Header, description = "ETag of the form that was previewed")),
    responses(
    (status = 201, description = "The report", body = ReportBody),
    (status = 401, description = "A proof of presence is needed", body = ProblemBody, content_type = "application/problem+json"),
    (status = 409, description = "Not ended, or validated already", body = ProblemBody, content_type = "application/problem+json"),
    (status = 412, description = "The form was changed since", body = ProblemBody, content_type = "application/problem+json"),
    (status = 422, description = "Required fields are missing", body = ProblemBody, content_type = "application/problem+json"),
))]
async fn validate(
    State(clinic): State<Clinic>,
    caller: Caller,
    Path(id): Path<String>,
    if_match: IfMatch,
) -> Result<Response, Problem> {
    let now = clinic.clock().now();
    let actor = caller.actor(now);
    let store = clinic.store();
    let access = consultation_for(store, now, &actor, &id, Action::Validate)?;
    let form = crate::form::form_of(store, &access)?;
    if_match.require(&form)?;
    complete(&form)?;
    possible(now, &access, Trigger::Validate)?;
    let mut dossier = gather(store, &access, now, 1)?;
    let mut validated = form.clone();
    validated.validated_at = Some(now);
    if let Actor::Account { id, .. } = &actor {
        validated.validated_by = Some(id.clone());
    }
    dossier.consultation.validated_at = Some(now);
    dossier.form = Some(validated.value.clone());
    let report = make(&clinic, dossier).await?;
    let kept = store
        .write(|tx| {
            let mut access = consultation_for(tx, now, &actor, &id, Action::Validate)?;
            // As it was drawn: anything that came between has another version.
            if_match.require(&crate::form::form_of(tx, &access)?)?;
            access.consultation.validated_at = Some(now);
            tx.update(&mut validated)?;
            keep(&clinic, tx, &mut access, Trigger::Validate, &report, Audited::FormValidated)
        })
        .await;
    answer(&clinic, kept, &access, &report)
}

/// The record, the transition and the trail.
fn keep(
    clinic: &Clinic,
    tx: &mut Tx<'_>,
    access: &mut Access,
    trigger: Trigger,
    report: &Report,
    event: Audited,
) -> Result<(), Problem> {
    let now = report.created_at;
    tx.insert(report)?;
    let given = given(&access.actor);
    step(clinic, tx, &access.actor, &mut access.consultation, trigger, &given)?;
    portals::tell(tx, now, &access.consultation, "report.ready")?;
    for event in [event, Audited::ReportGenerated, Audited::SignatureSealed] {
        note(tx, now, &access.actor, &access.consultation.owner, event, &access.consultation.id)?;
    }
    Ok(())
}

fn answer(
    clinic: &Clinic,
    kept: Result<(), Problem>,
    access: &Access,
    report: &Report,
) -> Result<Response, Problem> {
    told(clinic, kept, access, report)?;
    Ok((StatusCode::CREATED, axum::Json(body(report))).into_response())
}

/// The bytes of a report that was not kept go; of one that was, pages and timers learn.
fn told(clinic: &Clinic, kept: Result<(), Problem>, access: &Access, report: &Report) -> Result<(), Problem> {
    if kept.is_err() {
        discard(clinic, report);
    } else {
        clinic.live().tell(&access.consultation, What::Form);
        clinic.scheduler().wake();
    }
    kept
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddendumBody {
    text: String,
}

/// Corrects a validated report by another version that adds a text. Every version is kept.
#[utoipa::path(post, path = "/api/v1/consultations/{id}/report/addendum", tag = "report", security(("session" = [])),
    params(("id" = String, Path), ("Idempotency-Key" = String, Header)), request_body = AddendumBody, responses(
    (status = 201, description = "The new version", body = ReportBody),
    (status = 401, description = "A proof of presence is needed", body = ProblemBody, content_type = "application/problem+json"),
    (status = 409, description = "Not validated yet", body = ProblemBody, content_type = "application/problem+json"),
    (status = 422, description = "Empty or too long", body = ProblemBody, content_type = "application/problem+json"),
))]
async fn addendum(
    State(clinic): State<Clinic>,
    caller: Caller,
    Path(id): Path<String>,
    headers: http::HeaderMap,
    Json(request): Json<AddendumBody>,
) -> Result<Response, Problem> {
    let now = clinic.clock().now();
    let actor = caller.actor(now);
    let what = format!("POST {id}/report/addendum");
    let bytes = serde_json::to_vec(&request).unwrap_or_default();
    let running = match attempt(&clinic, &headers, caller.id(), &what, &bytes).await? {
        Attempt::New(running) => running,
        Attempt::Again(answer) => return Ok(answer.into_response()),
    };
    let text = request.text.trim();
    if text.is_empty() || text.chars().count() > ADDENDUM_CHARS_MAX {
        return Err(Problem::field("/text", if text.is_empty() { "required" } else { "too-long" }));
    }
    let store = clinic.store();
    let access = consultation_for(store, now, &actor, &id, Action::Validate)?;
    possible(now, &access, Trigger::Addendum)?;
    let before = latest(store, &access.consultation)?;
    let added = Addendum {
        consultation: access.consultation.id.clone(),
        version: before.version.saturating_add(1),
        text: text.to_owned(),
        at: now,
        by: access.consultation.owner.clone(),
        follows: before.sha256.clone(),
    };
    let mut dossier = gather(store, &access, now, added.version)?;
    dossier.addenda.push(added.clone());
    let mut report = make(&clinic, dossier).await?;
    report.addendum_of = Some(before.id);
    let answer = Answer {
        status: 201,
        body: serde_json::to_value(body(&report)).unwrap_or_default(),
        location: None,
        etag: None,
    };
    let kept = store
        .write(|tx| {
            let mut access = consultation_for(tx, now, &actor, &id, Action::Validate)?;
            // Another addendum that was quicker has this version already: the unique index refuses.
            tx.insert(&added)?;
            running.keep(tx, now, Sealing::Data(access.consultation.data_key()), &answer)?;
            keep(&clinic, tx, &mut access, Trigger::Addendum, &report, Audited::ReportAddendum)
        })
        .await;
    told(&clinic, kept, &access, &report)?;
    Ok(answer.into_response())
}

/// The report that the form would make now; it says that it is a preview.
#[utoipa::path(get, path = "/api/v1/consultations/{id}/report/preview", tag = "report", security(("session" = [])),
    params(("id" = String, Path)), responses(
    (status = 200, description = "PDF", content_type = "application/pdf"),
))]
async fn preview(
    State(clinic): State<Clinic>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let now = clinic.clock().now();
    let access = consultation_for(clinic.store(), now, &caller.actor(now), &id, Action::FillForm)?;
    let dossier = gather(clinic.store(), &access, now, 1)?;
    let drawn = tokio::task::spawn_blocking(move || report(&dossier, Draft::Preview));
    let pdf = drawn.await.map_err(|_| Problem::new(Code::Internal))??;
    Ok(file("application/pdf", "apercu.pdf", pdf))
}

/// The versions of the report.
#[utoipa::path(get, path = "/api/v1/consultations/{id}/report/versions", tag = "report",
    security(("session" = []), ("portal" = ["export:read"])), params(("id" = String, Path)), responses(
    (status = 200, description = "The first first", body = Vec<ReportBody>),
))]
async fn list(
    State(clinic): State<Clinic>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<axum::Json<Vec<ReportBody>>, Problem> {
    let now = clinic.clock().now();
    let access = consultation_for(clinic.store(), now, &caller.actor(now), &id, Action::Export)?;
    Ok(axum::Json(versions(clinic.store(), &access.consultation)?.iter().map(body).collect()))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Version {
    /// The newest without.
    version: Option<u32>,
}

/// The report.
#[utoipa::path(get, path = "/api/v1/consultations/{id}/report", tag = "report",
    security(("session" = []), ("portal" = ["export:read"])), params(("id" = String, Path), Version), responses(
    (status = 200, description = "PDF", content_type = "application/pdf"),
    (status = 404, description = "No such version", body = ProblemBody, content_type = "application/problem+json"),
    (status = 409, description = "Not validated yet", body = ProblemBody, content_type = "application/problem+json"),
))]
async fn download(
    State(clinic): State<Clinic>,
    caller: Caller,
    Path(id): Path<String>,
    query: Result<Query<Version>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, Problem> {
    let Query(query) = query?;
    let now = clinic.clock().now();
    let access = consultation_for(clinic.store(), now, &caller.actor(now), &id, Action::Export)?;
    let report = match query.version {
        None => latest(clinic.store(), &access.consultation)?,
        Some(version) => {
            let mut all = versions(clinic.store(), &access.consultation)?.into_iter();
            all.find(|report| report.version == version).ok_or(Problem::new(Code::NotFound))?
        }
    };
    let pdf = stored_pdf(clinic.store(), &access.consultation, &report).await?;
    exported(&clinic, now, &access, Audited::ReportDownloaded, false).await?;
    Ok(file("application/pdf", &format!("compte-rendu-v{}.pdf", report.version), pdf))
}

/// Notes an export in the trail. It counts against the reminder before the purge if it had `everything`, or if there was
/// nothing besides the report.
pub(crate) async fn exported(
    clinic: &Clinic,
    now: Timestamp,
    access: &Access,
    action: Audited,
    everything: bool,
) -> Result<(), Problem> {
    let id = &access.consultation.id;
    clinic
        .store()
        .write(|tx| {
            let documents = tx.all::<crate::model::Document>("consultation", id.as_str())?;
            if everything || documents.is_empty() {
                let found: Option<Versioned<Consultation>> = tx.get(id)?;
                let mut consultation = found.ok_or(Problem::new(Code::NotFound))?;
                consultation.last_export_at = Some(now);
                tx.update(&mut consultation)?;
            }
            note(tx, now, &access.actor, &access.consultation.owner, action, id)?;
            Ok(())
        })
        .await
}

/// Bytes to be saved, never to be shown or sniffed as a page.
pub(crate) fn file(kind: &'static str, name: &str, bytes: impl Into<axum::body::Body>) -> Response {
    let mut response = Response::new(bytes.into());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(HeaderName::from_static("x-content-type-options"), HeaderValue::from_static("nosniff"));
    let disposition = HeaderValue::from_str(&format!("attachment; filename=\"{name}\""));
    headers.insert(CONTENT_DISPOSITION, disposition.unwrap_or(HeaderValue::from_static("attachment")));
    response
}
