//! The waiting room and the call, from the professional's side: letting in, refusing, sending back and away, media tokens.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::guard::{Access, consultation_for};
use super::step::{Given, save, step};
use super::view::{self, ParticipantBody};
use super::{What, consent, note, portals, presence, rooms, timers};
use crate::Clinic;
use crate::audit::Action as Audited;
use crate::clock::{Job, Schedule};
use crate::control::{Grants, TOKEN_LIFE_S};
use crate::http::authorize::Standing;
use crate::http::problem::ProblemBody;
use crate::http::{Action, Actor, Caller, Code, Json, Problem};
use crate::model::{
    Consultation, Decision, GivenBy, Participant, ParticipantRole, ParticipantState, Status, Trigger,
};
use crate::store::{Tx, Versioned};

#[derive(Debug, Serialize, ToSchema)]
pub struct Participants {
    items: Vec<ParticipantBody>,
    locked: bool,
}

/// Who takes part, who waits, who is there.
#[utoipa::path(get, path = "/api/v1/consultations/{id}/participants", tag = "waiting room",
    params(("id" = String, Path, description = "The consultation")),
    security(("session" = []), ("portal" = [])), responses(
    (status = 200, description = "Everybody", body = Participants),
    (status = 404, description = "None of the caller's", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn list(
    State(clinic): State<Clinic>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<axum::Json<Participants>, Problem> {
    let now = clinic.clock().now();
    let access = consultation_for(clinic.store(), now, &caller.actor(now), &id, Action::SeeConsultation)?;
    if access.role == Standing::Support {
        return Err(Problem::new(Code::Forbidden));
    }
    let full = access.role == Standing::Owner;
    let all: Result<Vec<_>, _> = access
        .participants
        .iter()
        .map(|one| view::participant(&clinic, clinic.store(), &access.consultation, one, full))
        .collect();
    Ok(axum::Json(Participants { items: all?, locked: access.consultation.locked }))
}

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Admit {
    /// The professional took the consent orally; noted as such.
    #[serde(default)]
    consent_oral: bool,
}

/// Lets somebody in. The professional has to be in the room; the patient's consent is there, or was taken orally. Admits as
/// well who failed the identity question.
#[utoipa::path(post, path = "/api/v1/consultations/{id}/participants/{participant}/admit", tag = "waiting room",
    request_body = Admit,
    params(("id" = String, Path, description = "The consultation"),
        ("participant" = String, Path, description = "Who")),
    security(("session" = [])), responses(
    (status = 200, description = "Let in", body = ParticipantBody),
    (status = 403, description = "Without consent, or not for this caller", body = ProblemBody, content_type = "application/problem+json"),
    (status = 404, description = "None of the caller's", body = ProblemBody, content_type = "application/problem+json"),
    (status = 409, description = "Nobody waits, or the professional is not in the room", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn admit(
    State(clinic): State<Clinic>,
    caller: Caller,
    Path((id, participant)): Path<(String, String)>,
    Json(body): Json<Admit>,
) -> Result<Response, Problem> {
    let now = clinic.clock().now();
    let actor = caller.actor(now);
    // An event may be on its way: asked before it is held against the professional.
    let seen = consultation_for(clinic.store(), now, &actor, &id, Action::Admit)?;
    let owner = seen.participants.iter().find(|one| one.role == ParticipantRole::Owner);
    if !owner.is_some_and(|owner| owner.is_connected())
        && let Some(room) = &seen.consultation.room
        && let Ok(here) = clinic.control().participants(room).await
    {
        presence::reconcile(&clinic, &seen.consultation, now, &here).await?;
    }
    let consultation = clinic
        .store()
        .write(|tx| {
            let mut access = consultation_for(tx, now, &actor, &id, Action::Admit)?;
            let seat = access.participant(&participant)?;
            admit_in(&clinic, tx, now, &mut access, seat, body.consent_oral)?;
            Ok::<_, Problem>(access.consultation.value)
        })
        .await?;
    answer(&clinic, &actor, &consultation, &participant)
}

fn admit_in(
    clinic: &Clinic,
    tx: &mut Tx<'_>,
    now: Timestamp,
    access: &mut Access,
    mut seat: Versioned<Participant>,
    consent_oral: bool,
) -> Result<(), Problem> {
    use ParticipantState as S;
    let actor = access.actor.clone();
    // A refusal can be taken back.
    let waits = matches!(seat.state, S::Waiting | S::Checking | S::Denied);
    if seat.role == ParticipantRole::Owner || !waits {
        return Err(Problem::transition(Vec::new()).and_field("", "not-waiting"));
    }
    let known = consent::of(tx, &access.consultation, &seat)?;
    if known == Some(Decision::Refused) && !consent_oral {
        return Err(Problem::new(Code::ConsentRefused));
    }
    // The first of the patient's side brings the patient's own consent, whoever holds the device.
    let first = access.consultation.status == Status::Open && seat.role.is_patient_side();
    let missing = match first {
        true => !consent::of_patient(tx, &access.consultation)?,
        false => known != Some(Decision::Accepted),
    };
    if consent_oral && missing {
        consent::record(
            tx,
            now,
            &access.consultation,
            &seat,
            GivenBy::Professional,
            Decision::Accepted,
            None,
        )?;
        note(tx, now, &actor, &access.consultation.owner, Audited::ParticipantConsent, &seat.id)?;
    }
    let given = Given { consent: consent_oral || !missing, ..Given::default() };
    // Colleagues and interpreters may be there before the patient: the call starts with the patient's side.
    if seat.role.is_patient_side() || access.consultation.status != Status::Open {
        let started = access.consultation.status == Status::Open;
        step(clinic, tx, &actor, &mut access.consultation, Trigger::Admit, &given)?;
        if started {
            let owner = access.consultation.owner.clone();
            note(tx, now, &actor, &owner, Audited::ConsultationStarted, &access.consultation.id)?;
        }
    } else if !given.consent {
        return Err(Problem::new(Code::ConsentRequired));
    }
    seat.state = S::Admitted;
    seat.admitted_at = Some(now);
    seat.waiting_since = None;
    tx.update(&mut seat)?;
    note(tx, now, &actor, &access.consultation.owner, Audited::ParticipantAdmitted, &seat.id)?;
    // Until the one who was let in has joined, the patient's side is not there: 30 s to come.
    presence::balance(clinic, tx, &mut access.consultation)
}

fn answer(
    clinic: &Clinic,
    actor: &Actor,
    consultation: &Consultation,
    participant: &str,
) -> Result<Response, Problem> {
    let now = clinic.clock().now();
    clinic.scheduler().wake();
    let access =
        consultation_for(clinic.store(), now, actor, consultation.id.as_str(), Action::SeeConsultation)?;
    let seat = access.participant(participant)?;
    clinic.live().tell_about(consultation, What::Participants, &seat.id);
    let full = access.role == Standing::Owner;
    Ok(axum::Json(view::participant(clinic, clinic.store(), &access.consultation, &seat, full)?)
        .into_response())
}

/// One change to somebody's place, and the answer.
async fn place(
    clinic: &Clinic,
    caller: &Caller,
    id: &str,
    participant: &str,
    f: impl FnOnce(&mut Tx<'_>, &mut Access, Versioned<Participant>) -> Result<(), Problem>,
) -> Result<Response, Problem> {
    let now = clinic.clock().now();
    let actor = caller.actor(now);
    let consultation = clinic
        .store()
        .write(|tx| {
            let mut access = consultation_for(tx, now, &actor, id, Action::Admit)?;
            let seat = access.participant(participant)?;
            if seat.role == ParticipantRole::Owner {
                return Err(Problem::new(Code::Forbidden));
            }
            f(tx, &mut access, seat)?;
            Ok::<_, Problem>(access.consultation.value)
        })
        .await?;
    answer(clinic, &actor, &consultation, participant)
}

/// Refuses somebody who waits.
#[utoipa::path(post, path = "/api/v1/consultations/{id}/participants/{participant}/deny", tag = "waiting room",
    params(("id" = String, Path, description = "The consultation"),
        ("participant" = String, Path, description = "Who")),
    security(("session" = [])), responses(
    (status = 200, description = "Refused", body = ParticipantBody),
    (status = 404, description = "None of the caller's", body = ProblemBody, content_type = "application/problem+json"),
    (status = 409, description = "Nobody waits", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn deny(
    State(clinic): State<Clinic>,
    caller: Caller,
    Path((id, participant)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let now = clinic.clock().now();
    place(&clinic, &caller, &id, &participant, |tx, access, mut seat| {
        if !matches!(seat.state, ParticipantState::Waiting | ParticipantState::Checking) {
            return Err(Problem::transition(Vec::new()).and_field("", "not-waiting"));
        }
        seat.state = ParticipantState::Denied;
        tx.update(&mut seat)?;
        Ok(note(tx, now, &access.actor, &access.consultation.owner, Audited::ParticipantDenied, &seat.id)?)
    })
    .await
}

/// Sends somebody back to the waiting room.
#[utoipa::path(post, path = "/api/v1/consultations/{id}/participants/{participant}/send-back", tag = "waiting room",
    params(("id" = String, Path, description = "The consultation"),
        ("participant" = String, Path, description = "Who")),
    security(("session" = [])), responses(
    (status = 200, description = "Waits again", body = ParticipantBody),
    (status = 404, description = "None of the caller's", body = ProblemBody, content_type = "application/problem+json"),
    (status = 409, description = "Not let in", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn send_back(
    State(clinic): State<Clinic>,
    caller: Caller,
    Path((id, participant)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let now = clinic.clock().now();
    place(&clinic, &caller, &id, &participant, |tx, access, seat| {
        if !seat.is_admitted() {
            return Err(Problem::transition(Vec::new()).and_field("", "not-admitted"));
        }
        leave(&clinic, tx, &mut access.consultation, seat, ParticipantState::Waiting)?;
        let consultation = &access.consultation;
        Ok(note(tx, now, &access.actor, &consultation.owner, Audited::ParticipantWaiting, &participant)?)
    })
    .await
}

/// Sends somebody out of the call, and their link with them.
#[utoipa::path(post, path = "/api/v1/consultations/{id}/participants/{participant}/remove", tag = "waiting room",
    params(("id" = String, Path, description = "The consultation"),
        ("participant" = String, Path, description = "Who")),
    security(("session" = [])), responses(
    (status = 200, description = "Out", body = ParticipantBody),
    (status = 404, description = "None of the caller's", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn remove(
    State(clinic): State<Clinic>,
    caller: Caller,
    Path((id, participant)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let now = clinic.clock().now();
    place(&clinic, &caller, &id, &participant, |tx, access, seat| {
        send_away(&clinic, tx, &mut access.consultation, seat)?;
        let consultation = &access.consultation;
        Ok(note(tx, now, &access.actor, &consultation.owner, Audited::ParticipantRemoved, &participant)?)
    })
    .await
}

/// Out of the call for good: the place stays, so that it is known who was there.
pub fn send_away(
    clinic: &Clinic,
    tx: &mut Tx<'_>,
    consultation: &mut Versioned<Consultation>,
    seat: Versioned<Participant>,
) -> Result<(), Problem> {
    crate::http::session::end_all(tx, &seat.id)?;
    leave(clinic, tx, consultation, seat, ParticipantState::Removed)
}

/// Out of the room, into `state`; `control` is told by the room's job.
pub fn leave(
    clinic: &Clinic,
    tx: &mut Tx<'_>,
    consultation: &mut Versioned<Consultation>,
    mut seat: Versioned<Participant>,
    state: ParticipantState,
) -> Result<(), Problem> {
    let now = clinic.clock().now();
    if seat.connection.take().is_some() {
        seat.left_at.push(now);
        portals::tell_of_participant(tx, now, consultation, &seat, "participant.left")?;
    }
    seat.cameras.clear();
    presence::sees_again(tx, now, consultation, &mut seat)?;
    seat.state = state;
    if state == ParticipantState::Waiting {
        seat.waiting_since = Some(now);
    }
    tx.update(&mut seat)?;
    if consultation.status.is_live() {
        tx.schedule(&Job::new(timers::ROOM, &consultation.id, now))?;
        presence::balance(clinic, tx, consultation)?;
    }
    Ok(())
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Rights {
    /// This colleague lets others in, too.
    may_admit: bool,
}

/// Lets a colleague admit others, or no longer.
#[utoipa::path(patch, path = "/api/v1/consultations/{id}/participants/{participant}", tag = "waiting room",
    request_body = Rights,
    params(("id" = String, Path, description = "The consultation"),
        ("participant" = String, Path, description = "Who")),
    security(("session" = [])), responses(
    (status = 200, description = "Noted", body = ParticipantBody),
    (status = 403, description = "Not a colleague", body = ProblemBody, content_type = "application/problem+json"),
    (status = 404, description = "None of the caller's", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn rights(
    State(clinic): State<Clinic>,
    caller: Caller,
    Path((id, participant)): Path<(String, String)>,
    Json(Rights { may_admit }): Json<Rights>,
) -> Result<Response, Problem> {
    let now = clinic.clock().now();
    place(&clinic, &caller, &id, &participant, |tx, access, mut seat| {
        if access.role != Standing::Owner || seat.role != ParticipantRole::CoProfessional {
            return Err(Problem::new(Code::Forbidden));
        }
        seat.may_admit = may_admit;
        tx.update(&mut seat)?;
        let consultation = &access.consultation;
        Ok(note(tx, now, &access.actor, &consultation.owner, Audited::ParticipantRoleChanged, &seat.id)?)
    })
    .await
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    locked: bool,
}

/// Locks the waiting room: nobody new comes in; those who were let in may come back.
#[utoipa::path(put, path = "/api/v1/consultations/{id}/lock", tag = "waiting room", request_body = Lock,
    params(("id" = String, Path, description = "The consultation")), security(("session" = [])), responses(
    (status = 204, description = "Done"),
    (status = 404, description = "None of the caller's", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn lock(
    State(clinic): State<Clinic>,
    caller: Caller,
    Path(id): Path<String>,
    Json(Lock { locked }): Json<Lock>,
) -> Result<StatusCode, Problem> {
    let now = clinic.clock().now();
    let actor = caller.actor(now);
    let consultation = clinic
        .store()
        .write(|tx| {
            let mut access = consultation_for(tx, now, &actor, &id, Action::Admit)?;
            access.consultation.locked = locked;
            save(tx, now, &mut access.consultation)?;
            Ok::<_, Problem>(access.consultation.value)
        })
        .await?;
    clinic.live().tell(&consultation, What::Consultation);
    Ok(StatusCode::NO_CONTENT)
}

/// A colleague with an account goes to the waiting room, as guests do.
#[utoipa::path(post, path = "/api/v1/consultations/{id}/waiting", tag = "waiting room",
    params(("id" = String, Path, description = "The consultation")), security(("session" = [])), responses(
    (status = 200, description = "Waits", body = ParticipantBody),
    (status = 403, description = "Too early, or locked", body = ProblemBody, content_type = "application/problem+json"),
    (status = 404, description = "Not invited", body = ProblemBody, content_type = "application/problem+json"),
    (status = 410, description = "Over", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn wait(
    State(clinic): State<Clinic>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let now = clinic.clock().now();
    let actor = caller.actor(now);
    let (consultation, seat) = clinic
        .store()
        .write(|tx| {
            let access = consultation_for(tx, now, &actor, &id, Action::SeeConsultation)?;
            let seat = access.seat.clone().filter(|seat| seat.role != ParticipantRole::Owner);
            let mut seat = seat.ok_or(Problem::new(Code::NotFound))?;
            super::links::require_open(now, &access.consultation)?;
            // Bound by their profession's secrecy; logged in, so known.
            if consent::of(tx, &access.consultation, &seat)?.is_none() {
                let by = GivenBy::Patient;
                consent::record(tx, now, &access.consultation, &seat, by, Decision::Accepted, None)?;
            }
            enter_waiting(tx, now, &actor, &access.consultation, &mut seat)?;
            Ok::<_, Problem>((access.consultation.value, seat.value.id))
        })
        .await?;
    clinic.outbox().wake();
    answer(&clinic, &actor, &consultation, seat.as_str())
}

/// Into the waiting room, unless let in already.
pub fn enter_waiting(
    tx: &mut Tx<'_>,
    now: Timestamp,
    actor: &Actor,
    consultation: &Consultation,
    seat: &mut Versioned<Participant>,
) -> Result<(), Problem> {
    match seat.state {
        _ if seat.is_admitted() => return Ok(()),
        ParticipantState::Waiting => return Ok(()),
        ParticipantState::Removed => return Err(Problem::new(Code::LinkRevoked)),
        ParticipantState::Denied => return Err(Problem::new(Code::Forbidden)),
        _ => {}
    }
    if consultation.locked {
        return Err(Problem::new(Code::RoomLocked));
    }
    seat.state = ParticipantState::Waiting;
    seat.waiting_since = Some(now);
    tx.update(seat)?;
    if seat.role.is_patient_side() {
        portals::tell_of_participant(tx, now, consultation, seat, "patient.waiting")?;
    }
    Ok(note(tx, now, actor, &consultation.owner, Audited::ParticipantWaiting, &seat.id)?)
}

/// What a browser joins the call with. To be used within two minutes; the signalling renews it.
#[derive(Debug, Serialize, ToSchema)]
pub struct MediaTokenBody {
    token: String,
    /// For a LiveKit client.
    url: String,
    /// The caller's name in the room: an opaque id.
    identity: String,
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

/// A token for the room, for whoever was let in.
pub async fn media_token(clinic: &Clinic, access: &Access) -> Result<Response, Problem> {
    let now = clinic.clock().now();
    let seat = access.seat.as_ref().ok_or(Problem::new(Code::Forbidden))?;
    let room = access.consultation.room.as_deref().ok_or(Problem::transition(Vec::new()))?;
    let unavailable = |error: crate::control::ControlError| {
        tracing::warn!(reason = error.word(), "no media token");
        Problem::new(Code::ProviderUnavailable).retry_after(SignedDuration::from_secs(2))
    };
    let control = clinic.control();
    // It may have been lost with a restart of `control`.
    control.open_room(&rooms::new_room(clinic, &access.consultation, room)).await.map_err(unavailable)?;
    let professional = matches!(seat.role, ParticipantRole::Owner | ParticipantRole::CoProfessional);
    // Signs may be read from an interpreter's picture.
    let grants = Grants { screen: professional, first: seat.role == ParticipantRole::Interpreter };
    let role = serde_json::to_value(seat.role).unwrap_or_default();
    let role = role.as_str().unwrap_or_default();
    let token = control.token(room, seat.id.as_str(), role, grants).await.map_err(unavailable)?;
    let life = SignedDuration::from_secs(TOKEN_LIFE_S.into());
    let body = MediaTokenBody {
        token: token.token,
        url: token.url,
        identity: seat.id.to_string(),
        expires_at: now.saturating_add(life).unwrap_or(now),
    };
    Ok(([(http::header::CACHE_CONTROL, "no-store")], axum::Json(body)).into_response())
}

/// A token with which the professional, or a colleague who was let in, joins the call.
#[utoipa::path(post, path = "/api/v1/consultations/{id}/media-token", tag = "waiting room",
    params(("id" = String, Path, description = "The consultation")), security(("session" = [])), responses(
    (status = 200, description = "The token", body = MediaTokenBody),
    (status = 403, description = "Not let in, or not open", body = ProblemBody, content_type = "application/problem+json"),
    (status = 404, description = "None of the caller's", body = ProblemBody, content_type = "application/problem+json"),
    (status = 503, description = "The media server does not answer", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn token(
    State(clinic): State<Clinic>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let now = clinic.clock().now();
    let access = consultation_for(clinic.store(), now, &caller.actor(now), &id, Action::PublishMedia)?;
    media_token(&clinic, &access).await
}
