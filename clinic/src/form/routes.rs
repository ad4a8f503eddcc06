//! Draft and templates. The validation is in [`crate::report`], which makes the report of it.

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{OpenApi, ToSchema};

use super::{TEMPLATES, Template, template, template_for};
use crate::Clinic;
use crate::audit::Action as Audited;
use crate::billing::acts::{ACTS, Proposal};
use crate::consultations::{Access, Read, consultation_for, note};
use crate::http::problem::ProblemBody;
use crate::http::{Action, Caller, Code, IfMatch, Json, Problem, etag};
use crate::model::{Act, Form, Status, Trigger};
use crate::store::Versioned;

/// Acts of one form.
const ACTS_MAX: usize = 20;

pub fn router() -> Router<Clinic> {
    Router::new()
        .route("/api/v1/form-templates", get(templates))
        .route("/api/v1/acts", get(acts))
        .route("/api/v1/consultations/{id}/form", get(read).put(save))
}

#[derive(Debug, OpenApi)]
#[openapi(paths(templates, acts, read, save), tags((name = "form")))]
pub struct Api;

/// A form with the template that it follows.
#[derive(Debug, Serialize, ToSchema)]
pub struct FormBody {
    template: Template,
    /// By field; absent until something is typed.
    #[schema(value_type = Object)]
    answers: Map<String, Value>,
    acts: Vec<Act>,
    #[schema(value_type = Option<String>, format = DateTime)]
    updated_at: Option<Timestamp>,
    /// From then on nothing changes.
    #[schema(value_type = Option<String>, format = DateTime)]
    validated_at: Option<Timestamp>,
    /// Fields that are missing to validate.
    missing: Vec<String>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FormDraft {
    #[schema(value_type = Object)]
    answers: Map<String, Value>,
    #[serde(default)]
    acts: Vec<Act>,
}

/// The form as stored, or an empty one of version 0.
pub(crate) fn form_of(read: &impl Read, access: &Access) -> Result<Versioned<Form>, Problem> {
    let consultation = &access.consultation;
    if let Some(form) = read.one::<Form>(consultation.id.as_str())? {
        return Ok(form);
    }
    let template = template_for(consultation.act_family).ok_or(Problem::new(Code::Internal))?;
    let form = Form {
        consultation: consultation.id.clone(),
        template: template.id.clone(),
        template_version: template.version,
        answers: Map::new(),
        acts: Vec::new(),
        updated_at: consultation.created_at,
        validated_at: None,
        validated_by: None,
    };
    Ok(Versioned { version: 0, value: form })
}

fn body(form: &Versioned<Form>) -> Result<FormBody, Problem> {
    let template =
        template(&form.template, form.template_version).ok_or(Problem::new(Code::Internal))?.clone();
    let missing = template.check(&form.answers, true).into_iter().map(|(field, _)| field).collect();
    Ok(FormBody {
        template,
        missing,
        answers: form.answers.clone(),
        acts: form.acts.clone(),
        updated_at: (form.version > 0).then_some(form.updated_at),
        validated_at: form.validated_at,
    })
}

/// The templates of the form, all versions.
#[utoipa::path(get, path = "/api/v1/form-templates", tag = "form", responses(
    (status = 200, description = "The templates", body = Vec<Template>),
))]
async fn templates() -> axum::Json<Vec<Template>> {
    axum::Json(TEMPLATES.clone())
}

/// Acts that can be proposed. Amounts are proposals.
#[utoipa::path(get, path = "/api/v1/acts", tag = "form", responses(
    (status = 200, description = "The acts", body = Vec<Proposal>),
))]
async fn acts() -> axum::Json<Vec<Proposal>> {
    axum::Json(ACTS.clone())
}

/// The form of a consultation.
#[utoipa::path(get, path = "/api/v1/consultations/{id}/form", tag = "form", security(("session" = [])),
    params(("id" = String, Path)), responses(
    (status = 200, description = "The form, with the ETag for saving it; \"v0\" before the first time", body = FormBody),
    (status = 404, description = "No such consultation", body = ProblemBody, content_type = "application/problem+json"),
))]
async fn read(
    State(clinic): State<Clinic>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let now = clinic.clock().now();
    let access = consultation_for(clinic.store(), now, &caller.actor(now), &id, Action::FillForm)?;
    let form = form_of(clinic.store(), &access)?;
    Ok(([etag(form.version)], axum::Json(body(&form)?)).into_response())
}

/// Saves the draft, whole.
#[utoipa::path(put, path = "/api/v1/consultations/{id}/form", tag = "form", security(("session" = [])),
    params(("id" = String, Path), ("If-Match" = String, Header, description = "ETag of the form that was read")),
    request_body = FormDraft, responses(
    (status = 200, description = "Saved, with the new ETag", body = FormBody),
    (status = 409, description = "Validated already", body = ProblemBody, content_type = "application/problem+json"),
    (status = 412, description = "Changed elsewhere", body = ProblemBody, content_type = "application/problem+json"),
    (status = 422, description = "An answer is not of its kind", body = ProblemBody, content_type = "application/problem+json"),
))]
async fn save(
    State(clinic): State<Clinic>,
    caller: Caller,
    Path(id): Path<String>,
    if_match: IfMatch,
    Json(draft): Json<FormDraft>,
) -> Result<Response, Problem> {
    let now = clinic.clock().now();
    let actor = caller.actor(now);
    let form = clinic
        .store()
        .write(|tx| {
            let access = consultation_for(tx, now, &actor, &id, Action::FillForm)?;
            let mut form = form_of(tx, &access)?;
            if form.validated_at.is_some() || access.consultation.status == Status::Validated {
                return Err(Problem::transition(vec![Trigger::Addendum]));
            }
            if_match.require(&form)?;
            check(&form, &draft)?;
            form.answers = draft.answers;
            form.acts = draft.acts;
            form.updated_at = now;
            if form.version == 0 {
                form.version = tx.insert(&form.value)?;
                // The first time only: a draft saves itself every few seconds.
                note(
                    tx,
                    now,
                    &actor,
                    &access.consultation.owner,
                    Audited::FormSaved,
                    &access.consultation.id,
                )?;
            } else {
                tx.update(&mut form)?;
            }
            Ok::<_, Problem>(form)
        })
        .await?;
    Ok(([etag(form.version)], axum::Json(body(&form)?)).into_response())
}

fn check(form: &Form, draft: &FormDraft) -> Result<(), Problem> {
    let template = template(&form.template, form.template_version).ok_or(Problem::new(Code::Internal))?;
    let mut problem = Problem::new(Code::ValidationFailed);
    for (field, code) in template.check(&draft.answers, false) {
        problem.push_field(&format!("/answers/{}", field.replace('~', "~0").replace('/', "~1")), code);
    }
    if draft.acts.len() > ACTS_MAX {
        problem.push_field("/acts", "too-many");
    }
    for (at, act) in draft.acts.iter().enumerate() {
        let word = |text: &str| {
            !text.is_empty() && text.len() <= 10 && text.bytes().all(|b| b.is_ascii_alphanumeric())
        };
        let good = word(&act.system)
            && word(&act.code)
            && act.qualifiers.len() <= 5
            && act.qualifiers.iter().all(|qualifier| word(qualifier))
            && act.amount_cents.is_none_or(|cents| cents <= 1_000_000);
        if !good {
            problem.push_field(&format!("/acts/{at}"), "invalid");
        }
    }
    if problem.fields().is_empty() { Ok(()) } else { Err(problem) }
}
