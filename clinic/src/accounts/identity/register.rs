//! An account made with a proven identity: names, number and profession are the authority's, only the rest is typed.

use axum::extract::State;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{Ticket, Wish, redeem};
use crate::Clinic;
use crate::accounts::registration::{NewRegistration, Proof, Registered, register_proven};
use crate::http::problem::ProblemBody;
use crate::http::{Code, Json, Peer, Problem};
use crate::model::{Practice, Sector};

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProvenRegistration {
    ticket: String,
    /// Which of the offer's exercises; needed when there are several.
    #[serde(default)]
    exercise: Option<usize>,
    /// TRE_G15; only when the offer has no exercises.
    #[serde(default)]
    profession_code: Option<String>,
    #[serde(default)]
    title: String,
    email: String,
    #[serde(default)]
    mobile: Option<String>,
    #[serde(default)]
    practice: Practice,
    #[serde(default)]
    department: Option<String>,
    /// `teleconsultation_domicile` opens the tool.
    #[serde(default)]
    interests: Vec<String>,
    #[serde(default)]
    sector: Option<Sector>,
    /// The terms and the privacy notice.
    accepts_terms: bool,
    /// `fr` or `en`.
    #[serde(default)]
    locale: Option<String>,
    /// IANA name; `Europe/Paris` unless given.
    #[serde(default)]
    time_zone: Option<String>,
}

/// Registers with the identity of a ticket. The address is confirmed by mail as ever; the answer does not tell whether it
/// has an account.
#[utoipa::path(post, path = "/api/v1/auth/identity/register", tag = "registration", request_body = ProvenRegistration, responses(
    (status = 202, description = "A mail was sent", body = Registered),
    (status = 404, description = "The ticket is not good", body = ProblemBody, content_type = "application/problem+json"),
    (status = 422, description = "Fields to correct", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(in crate::accounts) async fn register(
    State(clinic): State<Clinic>,
    peer: Peer,
    headers: HeaderMap,
    Json(wanted): Json<ProvenRegistration>,
) -> Result<(StatusCode, axum::Json<Registered>), Problem> {
    clinic.traffic().take(clinic.clock().now(), "identity", &peer.subject(), redeem::FROM_ONE_ADDRESS)?;
    let ticket = clinic.store().write(|tx| redeem::find(&clinic, tx, &headers, &wanted.ticket)).await?;
    if ticket.wish != Wish::LogIn {
        return Err(Problem::new(Code::LinkUnknown));
    }
    let proven = &ticket.proven;
    let exercise = match (wanted.exercise, proven.exercises.as_slice()) {
        (Some(at), exercises) => {
            Some(exercises.get(at).ok_or_else(|| Problem::field("/exercise", "unknown"))?)
        }
        (None, [only]) => Some(only),
        (None, []) => None,
        (None, _) => return Err(Problem::field("/exercise", "required")),
    };
    let profession_code = match exercise {
        Some(exercise) => exercise.profession_code.clone(),
        None => wanted.profession_code.ok_or_else(|| Problem::field("/profession_code", "required"))?,
    };
    let name = |of_exercise: Option<&String>, of_person: &String| {
        of_exercise.filter(|name| !name.is_empty()).unwrap_or(of_person).clone()
    };
    let registration = NewRegistration {
        title: wanted.title,
        first_name: name(exercise.map(|exercise| &exercise.first_name), &proven.first_name),
        exercise_name: name(exercise.map(|exercise| &exercise.exercise_name), &proven.family_name),
        profession_code,
        speciality_code: exercise.and_then(|exercise| exercise.speciality_code.clone()),
        rpps: None,
        adeli: None,
        email: wanted.email,
        mobile: wanted.mobile,
        practice: wanted.practice,
        department: wanted.department,
        interests: wanted.interests,
        sector: wanted.sector,
        password: None,
        accepts_terms: wanted.accepts_terms,
        locale: wanted.locale,
        time_zone: wanted.time_zone,
    };
    let (number, id_type) = proven.number();
    let proof = Proof { number, id_type, id_nat: proven.id_nat.clone(), by: proven.verified_by() };
    register_proven(&clinic, registration, proof, |tx| {
        // Used up by what it was for, and only with it.
        tx.delete::<Ticket>(ticket.hash.as_str()).map(|_| ())
    })
    .await
}
