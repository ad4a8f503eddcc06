//! The professional's own data.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::registration::interests_are_words;
use crate::Clinic;
use crate::audit::{Action as Audited, ActorKind, Event};
use crate::http::problem::ProblemBody;
use crate::http::{Code, IfMatch, Json, Problem, SignedIn, etag};
use crate::ids::AccountId;
use crate::model::identifier::profession_of;
use crate::model::{
    Defaults, INTEREST_TELECONSULTATION, IdType, Practice, Professional, Role, Sector, VerifiedBy, phone,
};
use crate::store::{StoreError, Versioned};

/// What a professional sees of oneself.
#[derive(Debug, Serialize, ToSchema)]
pub struct Me {
    id: AccountId,
    email: String,
    roles: Vec<Role>,
    locale: String,
    time_zone: String,
    title: String,
    first_name: String,
    exercise_name: String,
    profession_code: String,
    prescriber: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    speciality_code: Option<String>,
    id_type: IdType,
    national_number: String,
    id_verified_by: VerifiedBy,
    #[serde(skip_serializing_if = "Option::is_none")]
    mobile: Option<String>,
    practice: Practice,
    #[serde(skip_serializing_if = "Option::is_none")]
    department: Option<String>,
    interests: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sector: Option<Sector>,
    defaults: Defaults,
    #[serde(skip_serializing_if = "Option::is_none")]
    am_number: Option<String>,
    /// The interest that opens the tool is there.
    tool_open: bool,
    signature_set: bool,
    second_factor: bool,
    recovery_codes_left: usize,
}

fn body(signed_in: &SignedIn, professional: &Professional) -> Me {
    let account = &signed_in.account.value;
    let p = professional.clone();
    Me {
        id: account.id.clone(),
        email: account.email.clone(),
        roles: account.roles.clone(),
        locale: account.locale.clone(),
        time_zone: account.time_zone.clone(),
        prescriber: profession_of(&p.profession_code).is_some_and(|profession| profession.prescriber),
        tool_open: opens_tool(&p),
        signature_set: p.visible_signature.is_some(),
        second_factor: account.totp_secret.is_some(),
        recovery_codes_left: account.recovery_codes.len(),
        title: p.title,
        first_name: p.first_name,
        exercise_name: p.exercise_name,
        profession_code: p.profession_code,
        speciality_code: p.speciality_code,
        id_type: p.id_type,
        national_number: p.national_number,
        id_verified_by: p.id_verified_by,
        mobile: p.mobile,
        practice: p.practice,
        department: p.department,
        interests: p.interests,
        sector: p.sector,
        defaults: p.defaults,
        am_number: p.am_number,
    }
}

fn opens_tool(professional: &Professional) -> bool {
    professional.interests.iter().any(|interest| interest == INTEREST_TELECONSULTATION)
}

fn professional(clinic: &Clinic, signed_in: &SignedIn) -> Result<Versioned<Professional>, Problem> {
    clinic.store().get::<Professional>(signed_in.id())?.ok_or(Problem::new(Code::NotFound))
}

/// The professional behind a session, if the interest that opens the tool is there: 403 `tool-not-opened` otherwise. What
/// every handler of consultations begins with.
pub fn require_tool(clinic: &Clinic, signed_in: &SignedIn) -> Result<Versioned<Professional>, Problem> {
    let professional = professional(clinic, signed_in)?;
    if opens_tool(&professional) { Ok(professional) } else { Err(Problem::new(Code::ToolNotOpened)) }
}

/// Oneself.
#[utoipa::path(get, path = "/api/v1/me", tag = "me", security(("session" = [])), responses(
    (status = 200, description = "Oneself, with the ETag for a change", body = Me),
    (status = 401, description = "Not logged in", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn me(State(clinic): State<Clinic>, signed_in: SignedIn) -> Result<Response, Problem> {
    let professional = professional(&clinic, &signed_in)?;
    Ok(([etag(professional.version)], axum::Json(body(&signed_in, &professional))).into_response())
}

/// What may be changed; what is absent stays. Names, profession and numbers are an administrator's.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Change {
    #[serde(default)]
    title: Option<String>,
    #[serde(default)]
    speciality_code: Option<String>,
    #[serde(default)]
    mobile: Option<String>,
    #[serde(default)]
    practice: Option<Practice>,
    #[serde(default)]
    department: Option<String>,
    #[serde(default)]
    sector: Option<Sector>,
    #[serde(default)]
    defaults: Option<Defaults>,
    #[serde(default)]
    am_number: Option<String>,
    #[serde(default)]
    locale: Option<String>,
    #[serde(default)]
    time_zone: Option<String>,
}

fn check(change: &Change) -> Result<Option<String>, Problem> {
    let short =
        |text: &Option<String>, most: usize| text.as_ref().is_none_or(|text| text.chars().count() <= most);
    if !short(&change.title, 20) {
        return Err(Problem::field("/title", "too-long"));
    }
    if !short(&change.speciality_code, 20) || !short(&change.department, 20) || !short(&change.am_number, 20)
    {
        return Err(Problem::field("", "too-long"));
    }
    if let Some(practice) = &change.practice
        && (practice.name.chars().count() > 200 || practice.address.chars().count() > 500)
    {
        return Err(Problem::field("/practice", "too-long"));
    }
    if let Some(defaults) = &change.defaults {
        let fine = (5..=240).contains(&defaults.slot_minutes)
            && defaults.early_minutes <= 60
            && defaults.late_minutes <= 60
            && defaults.display_name.chars().count() <= 100;
        if !fine {
            return Err(Problem::field("/defaults", "out-of-bounds"));
        }
    }
    if !matches!(change.locale.as_deref(), None | Some("fr" | "en")) {
        return Err(Problem::field("/locale", "unknown"));
    }
    if change.time_zone.as_deref().is_some_and(|zone| jiff::tz::TimeZone::get(zone).is_err()) {
        return Err(Problem::field("/time_zone", "unknown"));
    }
    match change.mobile.as_deref().map(|typed| phone::mobile(typed, phone::NEIGHBOURS)) {
        None => Ok(None),
        Some(Ok(mobile)) => Ok(Some(mobile)),
        Some(Err(phone::PhoneError::NotMobile)) => Err(Problem::new(Code::PhoneNotMobile)),
        Some(Err(phone::PhoneError::Country)) => Err(Problem::new(Code::PhoneCountryNotAllowed)),
        Some(Err(phone::PhoneError::Shape)) => Err(Problem::field("/mobile", "invalid-mobile")),
    }
}

/// Changes oneself.
#[utoipa::path(patch, path = "/api/v1/me", tag = "me", request_body = Change, security(("session" = [])),
    params(("If-Match" = String, Header, description = "ETag of what was read")), responses(
        (status = 200, description = "Changed", body = Me),
        (status = 412, description = "Changed by somebody else meanwhile", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "Fields to correct", body = ProblemBody, content_type = "application/problem+json"),
        (status = 428, description = "Without If-Match", body = ProblemBody, content_type = "application/problem+json"),
    ))]
pub(super) async fn change(
    State(clinic): State<Clinic>,
    mut signed_in: SignedIn,
    if_match: IfMatch,
    Json(change): Json<Change>,
) -> Result<Response, Problem> {
    let mut professional = professional(&clinic, &signed_in)?;
    if_match.require(&professional)?;
    let mobile = check(&change)?;
    let p = &mut professional.value;
    p.title = change.title.unwrap_or(std::mem::take(&mut p.title));
    p.speciality_code = change.speciality_code.or(p.speciality_code.take());
    p.mobile = mobile.or(p.mobile.take());
    p.practice = change.practice.unwrap_or(std::mem::take(&mut p.practice));
    p.department = change.department.or(p.department.take());
    p.sector = change.sector.or(p.sector);
    p.defaults = change.defaults.unwrap_or(p.defaults.clone());
    p.am_number = change.am_number.or(p.am_number.take());
    let account_changes = change.locale.is_some() || change.time_zone.is_some();
    let account = &mut signed_in.account.value;
    account.locale = change.locale.unwrap_or(std::mem::take(&mut account.locale));
    account.time_zone = change.time_zone.unwrap_or(std::mem::take(&mut account.time_zone));
    let now = clinic.clock().now();
    clinic
        .store()
        .write(|tx| {
            tx.update(&mut professional)?;
            if account_changes {
                tx.update(&mut signed_in.account)?;
            }
            let who = Some(signed_in.account.id.to_string());
            tx.audit(&Event::new(now, Audited::AccountUpdated).by(ActorKind::Account, who))
        })
        .await?;
    Ok(([etag(professional.version)], axum::Json(body(&signed_in, &professional))).into_response())
}

/// The interests of a professional.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Interests {
    /// `teleconsultation_domicile` opens the tool.
    interests: Vec<String>,
}

/// One's interests.
#[utoipa::path(get, path = "/api/v1/me/interests", tag = "me", security(("session" = [])), responses(
    (status = 200, description = "The interests", body = Interests),
))]
pub(super) async fn interests(
    State(clinic): State<Clinic>,
    signed_in: SignedIn,
) -> Result<axum::Json<Interests>, Problem> {
    Ok(axum::Json(Interests { interests: professional(&clinic, &signed_in)?.value.interests }))
}

/// Sets one's interests.
#[utoipa::path(put, path = "/api/v1/me/interests", tag = "me", request_body = Interests, security(("session" = [])), responses(
    (status = 200, description = "Set", body = Interests),
    (status = 422, description = "Not words", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn set_interests(
    State(clinic): State<Clinic>,
    signed_in: SignedIn,
    Json(Interests { mut interests }): Json<Interests>,
) -> Result<axum::Json<Interests>, Problem> {
    if !interests_are_words(&interests) {
        return Err(Problem::field("/interests", "invalid"));
    }
    interests.sort();
    interests.dedup();
    clinic
        .store()
        .write(|tx| {
            let Some(mut professional) = tx.get::<Professional>(signed_in.id())? else { return Ok(()) };
            professional.interests.clone_from(&interests);
            tx.update(&mut professional)?;
            Ok::<_, StoreError>(())
        })
        .await?;
    Ok(axum::Json(Interests { interests }))
}
