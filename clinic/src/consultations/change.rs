//! Moving, cancelling, extending, ending and erasing a consultation, and giving a file to one that has none.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::create::{self, Created, Warning, overlaps, seat_owner};
use super::guard::{Access, Read, consultation_for};
use super::input::{ContactInput, Fields, PatientInput, SlotInput};
use super::step::{Given, save, step};
use super::view::ConsultationBody;
use super::{What, list, patients, presence};
use crate::Clinic;
use crate::http::authorize::Standing;
use crate::http::idempotent::{Attempt, attempt};
use crate::http::problem::ProblemBody;
use crate::http::{Action, Actor, Caller, Code, IfMatch, Json, Problem};
use crate::ids::{ConsultationId, FacilityId, PatientId};
use crate::model::{
    Consultation, Contact, EndReason, Facility, Invitation, Kind, ParticipantRole, Professional,
    RecipientKind, Status, Trigger,
};
use crate::store::{Sealing, Tx};

/// Loads, demands the right and the version, changes, tells.
async fn change<T>(
    clinic: &Clinic,
    caller: &Caller,
    id: &str,
    if_match: Option<&IfMatch>,
    action: Action,
    f: impl FnOnce(&mut Tx<'_>, &mut Access) -> Result<T, Problem>,
) -> Result<(T, Actor), Problem> {
    let now = clinic.clock().now();
    let actor = caller.actor(now);
    let (out, consultation) = clinic
        .store()
        .write(|tx| {
            let mut access = consultation_for(tx, now, &actor, id, action)?;
            if let Some(if_match) = if_match {
                if_match.require(&access.consultation)?;
            }
            let out = f(tx, &mut access)?;
            Ok::<_, Problem>((out, access.consultation.value))
        })
        .await?;
    clinic.outbox().wake();
    clinic.live().tell(&consultation, What::Consultation);
    Ok((out, actor))
}

/// What is to change; what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// Moves the appointment: the same links, another time, everybody is told.
    #[serde(default)]
    slot: Option<SlotInput>,
    #[serde(default)]
    facility_id: Option<FacilityId>,
}

/// Moves the appointment, or names the facility. The links stay good.
#[utoipa::path(patch, path = "/api/v1/consultations/{id}", tag = "consultations", request_body = Change,
    params(("id" = String, Path, description = "The consultation"),
        ("If-Match" = String, Header, description = "The `ETag` that was read")),
    security(("session" = []), ("portal" = [])), responses(
    (status = 200, description = "Changed", body = ConsultationBody),
    (status = 404, description = "None of the caller's", body = ProblemBody, content_type = "application/problem+json"),
    (status = 409, description = "Not at this stage", body = ProblemBody, content_type = "application/problem+json"),
    (status = 412, description = "Changed by somebody else meanwhile", body = ProblemBody, content_type = "application/problem+json"),
    (status = 422, description = "Refused as it is", body = ProblemBody, content_type = "application/problem+json"),
    (status = 428, description = "Without `If-Match`", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn patch(
    State(clinic): State<Clinic>,
    caller: Caller,
    Path(id): Path<String>,
    if_match: IfMatch,
    Json(body): Json<Change>,
) -> Result<Response, Problem> {
    let now = clinic.clock().now();
    let ((), actor) = change(&clinic, &caller, &id, Some(&if_match), Action::Reschedule, |tx, access| {
        let actor = access.actor.clone();
        let consultation = &mut access.consultation;
        if let Some(facility) = &body.facility_id {
            let owner = consultation.owner.clone();
            let known = tx.get::<Facility>(facility)?.is_some_and(|found| found.owner == owner);
            if !known || consultation.kind == Kind::Immediate {
                return Err(Problem::field("/facility_id", "unknown"));
            }
            consultation.facility_id = Some(facility.clone());
            save(tx, now, consultation)?;
        }
        if let Some(slot) = &body.slot {
            if consultation.kind == Kind::Immediate {
                return Err(Problem::field("/slot", "immediate-has-no-appointment"));
            }
            let minutes = consultation.slot_end.duration_since(consultation.slot_start).as_mins();
            let slot = slot.resolve(now, u32::try_from(minutes).unwrap_or(20))?;
            consultation.time_zone = slot.zone;
            let given = Given { slot: Some((slot.start, slot.end)), ..Given::default() };
            step(&clinic, tx, &actor, consultation, Trigger::Reschedule, &given)?;
            // Moved to where its window is open already.
            if consultation.status == Status::Scheduled && now >= consultation.opens_at() {
                step(&clinic, tx, &Actor::System, consultation, Trigger::Open, &Given::default())?;
            }
        }
        Ok(())
    })
    .await?;
    list::answer(&clinic, &actor, &id)
}

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Cancel {
    /// For the professional's own records; sent to nobody.
    #[serde(default)]
    reason: Option<String>,
}

/// Cancels: links are dead, everybody who was invited is told.
#[utoipa::path(post, path = "/api/v1/consultations/{id}/cancel", tag = "consultations", request_body = Cancel,
    params(("id" = String, Path, description = "The consultation"),
        ("If-Match" = String, Header, description = "The `ETag` that was read")),
    security(("session" = []), ("portal" = [])), responses(
    (status = 200, description = "Cancelled", body = ConsultationBody),
    (status = 404, description = "None of the caller's", body = ProblemBody, content_type = "application/problem+json"),
    (status = 409, description = "Not at this stage", body = ProblemBody, content_type = "application/problem+json"),
    (status = 412, description = "Changed by somebody else meanwhile", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn cancel(
    State(clinic): State<Clinic>,
    caller: Caller,
    Path(id): Path<String>,
    if_match: IfMatch,
    Json(body): Json<Cancel>,
) -> Result<Response, Problem> {
    let mut fields = Fields::new("");
    let reason = fields.text("reason", body.reason.as_ref());
    fields.done(Some(()))?;
    let ((), actor) = change(&clinic, &caller, &id, Some(&if_match), Action::Reschedule, |tx, access| {
        let actor = access.actor.clone();
        access.consultation.cancel_reason = reason;
        step(&clinic, tx, &actor, &mut access.consultation, Trigger::Cancel, &Given::default()).map(|_| ())
    })
    .await?;
    list::answer(&clinic, &actor, &id)
}

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Extend {
    /// 5 to 60; 15 unless given.
    #[serde(default)]
    minutes: Option<u32>,
}

/// Lengthens the slot, up to four hours in all.
#[utoipa::path(post, path = "/api/v1/consultations/{id}/extend", tag = "consultations", request_body = Extend,
    params(("id" = String, Path, description = "The consultation")), security(("session" = [])), responses(
    (status = 200, description = "Longer", body = ConsultationBody),
    (status = 403, description = "Not while it is not live", body = ProblemBody, content_type = "application/problem+json"),
    (status = 404, description = "None of the caller's", body = ProblemBody, content_type = "application/problem+json"),
    (status = 409, description = "Longer than four hours", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn extend(
    State(clinic): State<Clinic>,
    caller: Caller,
    Path(id): Path<String>,
    Json(body): Json<Extend>,
) -> Result<Response, Problem> {
    let actor = lengthen(&clinic, &caller, &id, body.minutes).await?;
    list::answer(&clinic, &actor, &id)
}

/// Moves the end of the window. Support does it where administrators let it, and the trail says so.
pub async fn lengthen(
    clinic: &Clinic,
    caller: &Caller,
    id: &str,
    minutes: Option<u32>,
) -> Result<Actor, Problem> {
    let minutes = minutes.unwrap_or(15);
    if !(5..=60).contains(&minutes) {
        return Err(Problem::field("/minutes", "out-of-bounds"));
    }
    let ((), actor) = change(clinic, caller, id, None, Action::Extend, |tx, access| {
        let (actor, consultation) = (access.actor.clone(), &mut access.consultation);
        let more = SignedDuration::from_mins(minutes.into());
        let end = consultation.slot_end.saturating_add(more).unwrap_or(consultation.slot_end);
        let given = Given { slot: Some((consultation.slot_start, end)), ..Given::default() };
        if access.role == Standing::Support {
            let (now, word) = (clinic.clock().now(), crate::audit::Action::SupportWindowExtended);
            super::note(tx, now, &actor, &consultation.owner, word, &consultation.id)?;
        }
        step(clinic, tx, &actor, consultation, Trigger::Extend, &given).map(|_| ())
    })
    .await?;
    Ok(actor)
}

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct End {
    /// The two sides read different security codes: somebody may be in between.
    #[serde(default)]
    sas_mismatch: bool,
}

/// Ends the call for everybody.
#[utoipa::path(post, path = "/api/v1/consultations/{id}/end", tag = "consultations", request_body = End,
    params(("id" = String, Path, description = "The consultation")), security(("session" = [])), responses(
    (status = 200, description = "Ended", body = ConsultationBody),
    (status = 403, description = "Not while there is no call", body = ProblemBody, content_type = "application/problem+json"),
    (status = 404, description = "None of the caller's", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn end(
    State(clinic): State<Clinic>,
    caller: Caller,
    Path(id): Path<String>,
    Json(body): Json<End>,
) -> Result<Response, Problem> {
    let now = clinic.clock().now();
    let ((), actor) = change(&clinic, &caller, &id, None, Action::End, |tx, access| {
        let (actor, consultation) = (access.actor.clone(), &mut access.consultation);
        presence::count(now, consultation);
        let mut given = Given::default();
        if body.sas_mismatch {
            given.end_reason = Some(EndReason::SasMismatch);
            let word = crate::audit::Action::SecuritySasMismatchReported;
            super::note(tx, now, &actor, &consultation.owner, word, &consultation.id)?;
        }
        step(&clinic, tx, &actor, consultation, Trigger::End, &given).map(|_| ())
    })
    .await?;
    list::answer(&clinic, &actor, &id)
}

/// The file for a call that had none.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Upgrade {
    #[serde(default)]
    patient: Option<PatientInput>,
    #[serde(default)]
    patient_id: Option<PatientId>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Upgraded {
    #[serde(flatten)]
    consultation: ConsultationBody,
    warnings: Vec<Warning>,
}

/// Gives an immediate call a patient file, while it runs or within an hour of its end: documents, payment, form and report
/// become possible.
#[utoipa::path(post, path = "/api/v1/consultations/{id}/upgrade", tag = "consultations", request_body = Upgrade,
    params(("id" = String, Path, description = "The consultation")), security(("session" = [])), responses(
    (status = 200, description = "With a file", body = Upgraded),
    (status = 403, description = "It has one, or it is too late", body = ProblemBody, content_type = "application/problem+json"),
    (status = 404, description = "None of the caller's", body = ProblemBody, content_type = "application/problem+json"),
    (status = 422, description = "Refused as it is", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn upgrade(
    State(clinic): State<Clinic>,
    caller: Caller,
    Path(id): Path<String>,
    Json(body): Json<Upgrade>,
) -> Result<Response, Problem> {
    let now = clinic.clock().now();
    let (warnings, actor) = change(&clinic, &caller, &id, None, Action::Upgrade, |tx, access| {
        let actor = access.actor.clone();
        let owner = access.consultation.owner.clone();
        let mut warnings = Vec::new();
        let mut patient = match (&body.patient, &body.patient_id) {
            (Some(input), None) => patients::make(&clinic, tx, &actor, &owner, input, &mut warnings)?,
            (None, Some(id)) => patients::of_owner(tx, &owner, id.as_str())?,
            _ => return Err(Problem::field("/patient", "required")),
        };
        if patient.mobile.is_none()
            && let Some(contact) = tx.get::<Contact>(&access.consultation.id)?
        {
            patient.mobile.clone_from(&contact.mobile);
            tx.update(&mut patient)?;
        }
        let consultation = &mut access.consultation;
        consultation.patient_id = Some(patient.id.clone());
        step(&clinic, tx, &actor, consultation, Trigger::Upgrade, &Given::default())?;
        consultation.kind = Kind::Dossier;
        save(tx, now, consultation)?;
        create::rename_patient(tx, consultation, &patient)?;
        Ok(warnings)
    })
    .await?;
    let access = consultation_for(clinic.store(), now, &actor, &id, Action::SeeConsultation)?;
    let consultation = super::view::consultation(&clinic, clinic.store(), &access)?;
    let tag = crate::http::etag(access.consultation.version);
    Ok(([tag], axum::Json(Upgraded { consultation, warnings })).into_response())
}

/// Erases a consultation that is over, now: its key is destroyed, what is left says that there was one.
#[utoipa::path(post, path = "/api/v1/consultations/{id}/purge", tag = "consultations",
    params(("id" = String, Path, description = "The consultation"),
        ("If-Match" = String, Header, description = "The `ETag` that was read")),
    security(("session" = [])), responses(
    (status = 200, description = "Erased", body = ConsultationBody),
    (status = 404, description = "None of the caller's", body = ProblemBody, content_type = "application/problem+json"),
    (status = 409, description = "Not over yet", body = ProblemBody, content_type = "application/problem+json"),
    (status = 410, description = "Erased already", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn purge(
    State(clinic): State<Clinic>,
    caller: Caller,
    Path(id): Path<String>,
    if_match: IfMatch,
) -> Result<Response, Problem> {
    let ((), actor) = change(&clinic, &caller, &id, Some(&if_match), Action::PurgeNow, |tx, access| {
        let actor = access.actor.clone();
        let given = Given { purge_insisted: true, ..Given::default() };
        step(&clinic, tx, &actor, &mut access.consultation, Trigger::Purge, &given).map(|_| ())
    })
    .await?;
    list::answer(&clinic, &actor, &id)
}

/// Another appointment in place of one that did not take place.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Replan {
    slot: SlotInput,
    /// As before unless given.
    #[serde(default)]
    contacts: Vec<ContactInput>,
}

/// Plans a cancelled or missed appointment anew: another consultation, with the same file and the same people, that names
/// the old one.
#[utoipa::path(post, path = "/api/v1/consultations/{id}/replan", tag = "consultations", request_body = Replan,
    params(("id" = String, Path, description = "The consultation that did not take place"),
        ("Idempotency-Key" = String, Header, description = "Any text, up to 128 characters")),
    security(("session" = []), ("portal" = [])), responses(
    (status = 201, description = "Planned", body = Created),
    (status = 404, description = "None of the caller's", body = ProblemBody, content_type = "application/problem+json"),
    (status = 409, description = "It was neither cancelled nor missed", body = ProblemBody, content_type = "application/problem+json"),
    (status = 422, description = "Refused as it is", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn replan(
    State(clinic): State<Clinic>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    Json(body): Json<Replan>,
) -> Result<Response, Problem> {
    let bytes = serde_json::to_vec(&body).unwrap_or_default();
    let what = format!("POST /consultations/{id}/replan");
    let running = match attempt(&clinic, &headers, caller.id(), &what, &bytes).await? {
        Attempt::Again(answer) => return Ok(answer.into_response()),
        Attempt::New(running) => running,
    };
    let now = clinic.clock().now();
    let actor = caller.actor(now);
    let (answer, made) = clinic
        .store()
        .write(|tx| {
            let access = consultation_for(tx, now, &actor, &id, Action::Reschedule)?;
            let old = &access.consultation;
            if !matches!(old.status, Status::Cancelled | Status::NoShow) || old.kind != Kind::Dossier {
                return Err(Problem::transition(Vec::new()));
            }
            let patient = old.patient_id.clone().ok_or(Problem::new(Code::NotFound))?;
            let patient = patients::of_owner(tx, &old.owner, patient.as_str())?;
            let minutes = old.slot_end.duration_since(old.slot_start).as_mins();
            let slot = body.slot.resolve(now, u32::try_from(minutes).unwrap_or(20))?;
            let mut again = Consultation {
                id: ConsultationId::new(now),
                created_by: caller.id().to_owned(),
                created_at: now,
                slot_start: slot.start,
                slot_end: slot.end,
                time_zone: slot.zone,
                status: Status::Scheduled,
                status_since: now,
                room: None,
                cancel_reason: None,
                no_show_by: None,
                professional_came: false,
                locked: false,
                retention_until: None,
                warnings_sent: 0,
                external_ref: None,
                external_ref_hash: None,
                replaces: Some(old.id.clone()),
                sequence: 0,
                ..old.value.clone()
            };
            again.lost_since = None;
            let mut warnings = Vec::new();
            overlaps(tx, &again, &mut warnings)?;
            let open = now >= again.opens_at();
            let mut again = create::store(tx, now, again, open)?;
            let owner = tx.get::<Professional>(&again.owner)?.ok_or(Problem::new(Code::NotFound))?;
            seat_owner(tx, now, &again, &owner)?;
            let recipients = match body.contacts.is_empty() {
                true => people_of(tx, &access)?,
                false => {
                    let check = |(at, contact): (usize, &ContactInput)| {
                        contact.check(Some(&patient), &format!("/contacts/{at}"))
                    };
                    body.contacts.iter().enumerate().map(check).collect::<Result<_, _>>()?
                }
            };
            let mut seat = None;
            for recipient in &recipients {
                let patient_seat =
                    (recipient.role == ParticipantRole::Patient).then(|| seat.clone()).flatten();
                let made = create::invite(&clinic, tx, &again, recipient, patient_seat, false)?;
                if recipient.role == ParticipantRole::Patient {
                    seat = Some(made.participant);
                }
            }
            create::finish(tx, now, &actor, &mut again)?;
            let made = create::answer(&clinic, tx, &actor, &again.id, warnings)?;
            running.keep(tx, now, Sealing::Data(again.data_key()), &made)?;
            Ok::<_, Problem>((made, again.value))
        })
        .await?;
    clinic.outbox().wake();
    clinic.live().tell(&made, What::Consultation);
    Ok(answer.into_response())
}

/// Whoever was invited before, the same way.
fn people_of(tx: &Tx<'_>, access: &Access) -> Result<Vec<super::input::Recipient>, Problem> {
    let mut recipients = Vec::new();
    let cancelled_at = access.consultation.status_since;
    for invitation in tx.all::<Invitation>("consultation", access.consultation.id.as_str())? {
        // Taken back before, by itself: not invited again.
        if invitation.revoked_at.is_some_and(|at| at < cancelled_at) {
            continue;
        }
        let seat = access.participants.iter().find(|seat| seat.id == invitation.participant);
        recipients.push(super::input::Recipient {
            role: invitation.role,
            kind: invitation.recipient,
            name: seat.map(|seat| seat.display_name.clone()).unwrap_or_default(),
            profession_code: seat.and_then(|seat| seat.profession_code.clone()),
            rpps: seat.and_then(|seat| seat.rpps.clone()),
            channel: invitation.channel,
            destination: invitation.destination.clone(),
            locale: invitation.locale.clone(),
        });
    }
    if recipients.iter().any(|one| one.kind == RecipientKind::Patient || one.role.is_patient_side()) {
        Ok(recipients)
    } else {
        Err(Problem::new(Code::NoContactChannel))
    }
}
