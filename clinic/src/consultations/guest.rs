//! From the link to the waiting room: identity question, consent, place; then the call, and leaving it.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::consent::{self, ConsentText};
use super::guard::{Access, Read, consultation_for};
use super::input::{Fields, label, number};
use super::letters::{self, display_name};
use super::links::{self, LinkState};
use super::room::{self, MediaTokenBody};
use super::{What, note};
use crate::Clinic;
use crate::audit::{Action as Audited, Outcome};
use crate::crypto::same;
use crate::http::problem::ProblemBody;
use crate::http::session::{self, Cookie};
use crate::http::{Action, Code, Guest, Json, Problem};
use crate::ids::ParticipantId;
use crate::model::people::{BirthDate, comparable};
use crate::model::{
    Capability, Consultation, Contact, Decision, GivenBy, IdentityCheck, Invitation, Kind, Participant,
    ParticipantRole, ParticipantState, Patient, Professional, Status, phone,
};
use crate::store::{StoreError, Tx, Versioned};

/// Wrong answers to the identity question before it is closed for [`LOCKED_FOR`].
const ANSWERS_MAX: u32 = 5;
const LOCKED_FOR: SignedDuration = SignedDuration::from_mins(15);

/// What the guest does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NextStep {
    Identity,
    Consent,
    /// Everything is answered.
    Wait,
    Waiting,
    /// Let in: a media token can be had.
    Join,
    Refused,
    Denied,
    Removed,
    /// The call is over; documents may be read.
    Documents,
    Over,
}

/// A guest's own view.
#[derive(Debug, Serialize, ToSchema)]
pub struct GuestBody {
    next: NextStep,
    participant_id: ParticipantId,
    role: ParticipantRole,
    name: String,
    state: ParticipantState,
    status: Status,
    kind: Kind,
    capabilities: Vec<Capability>,
    professional: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    practice_phone: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    starts_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    closes_at: Timestamp,
    /// Of the appointment, IANA name.
    zone: String,
    /// Until when documents can be read, once the call is over.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    documents_until: Option<Timestamp>,
    identity_check: IdentityCheck,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    identity_locked_until: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    consent: Option<Decision>,
    /// The patient is a minor: somebody answers for the patient.
    representative_required: bool,
    /// The number of the message, to be confirmed as call-back number.
    #[serde(skip_serializing_if = "Option::is_none")]
    callback_suggested: Option<String>,
    /// Who else is in the call.
    present: Vec<PresentBody>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct PresentBody {
    participant_id: ParticipantId,
    role: ParticipantRole,
    name: String,
}

/// The guest's consultation and place. 401 when either is gone.
pub fn load(
    read: &impl Read,
    guest: &Guest,
) -> Result<(Versioned<Consultation>, Versioned<Participant>), Problem> {
    let gone = || Problem::new(Code::Unauthenticated);
    let consultation = read.unpurged::<Consultation>(guest.consultation.as_str())?.ok_or_else(gone)?;
    let seat = read.unpurged::<Participant>(guest.participant.as_str())?.ok_or_else(gone)?;
    Ok((consultation, seat))
}

/// As [`consultation_for`], for guests: what documents, payments and the call begin with.
pub fn access(clinic: &Clinic, read: &impl Read, guest: &Guest, action: Action) -> Result<Access, Problem> {
    let now = clinic.clock().now();
    consultation_for(read, now, &guest.actor(), guest.consultation.as_str(), action)
}

fn invitation_of(
    read: &impl Read,
    consultation: &Consultation,
    seat: &Participant,
) -> Result<Option<Versioned<Invitation>>, StoreError> {
    let all = read.all::<Invitation>("consultation", consultation.id.as_str())?;
    Ok(all.into_iter().find(|invitation| invitation.participant == seat.id))
}

fn patient_of(
    read: &impl Read,
    consultation: &Consultation,
) -> Result<Option<Versioned<Patient>>, StoreError> {
    match &consultation.patient_id {
        Some(id) => read.unpurged(id.as_str()),
        None => Ok(None),
    }
}

/// Only the patient is asked, and only where there is something to compare with.
pub(super) fn question(consultation: &Consultation, seat: &Participant) -> IdentityCheck {
    match (seat.role, consultation.kind) {
        (ParticipantRole::Patient, Kind::Dossier) => consultation.identity_check,
        _ => IdentityCheck::None,
    }
}

/// The guest as the pages show it.
pub fn body(
    clinic: &Clinic,
    read: &impl Read,
    consultation: &Consultation,
    seat: &Participant,
) -> Result<GuestBody, Problem> {
    let now = clinic.clock().now();
    let owner = read.one::<Professional>(consultation.owner.as_str())?;
    let invitation = invitation_of(read, consultation, seat)?;
    let locked = invitation.as_ref().and_then(|one| one.locked_until).filter(|until| now < *until);
    let agreed = consent::of(read, consultation, seat)?;
    let question = question(consultation, seat);
    let today = super::input::today(now);
    let minor = patient_of(read, consultation)?.is_some_and(|patient| patient.birth_date.is_minor(today));
    let asked = question != IdentityCheck::None && seat.identity_passed_at.is_none();
    let facts = super::guard::facts(read, now, consultation)?;
    let link =
        invitation.as_ref().map(|invitation| links::state(now, consultation, invitation, facts.post_access));
    let next = match (seat.state, link) {
        (ParticipantState::Removed, _) => NextStep::Removed,
        (_, Some(LinkState::Documents)) if seat.asked_again => NextStep::Identity,
        (_, Some(LinkState::Documents)) => NextStep::Documents,
        _ if consultation.status.is_over() => NextStep::Over,
        (ParticipantState::Denied, _) => NextStep::Denied,
        _ if seat.is_admitted() => NextStep::Join,
        (ParticipantState::Waiting, _) => NextStep::Waiting,
        (_, Some(LinkState::Over)) => NextStep::Over,
        _ if agreed == Some(Decision::Refused) => NextStep::Refused,
        _ if asked => NextStep::Identity,
        _ if agreed.is_none() => NextStep::Consent,
        _ => NextStep::Wait,
    };
    let contact = match seat.role {
        ParticipantRole::Patient => read.unpurged::<Contact>(consultation.id.as_str())?,
        _ => None,
    };
    let texted = invitation.as_ref().map(|one| one.destination.clone()).filter(|to| to.starts_with('+'));
    let suggested = seat.callback.clone().or(contact.and_then(|contact| contact.value.mobile)).or(texted);
    let mut present = Vec::new();
    if seat.is_admitted() {
        for one in read.participants(&consultation.id)? {
            if one.id != seat.id && one.is_connected() {
                let Participant { id, role, display_name, .. } = one.value;
                present.push(PresentBody { participant_id: id, role, name: display_name });
            }
        }
    }
    Ok(GuestBody {
        next,
        participant_id: seat.id.clone(),
        role: seat.role,
        name: seat.display_name.clone(),
        state: seat.state,
        status: consultation.status,
        kind: consultation.kind,
        capabilities: crate::model::capabilities(&facts).iter().collect(),
        professional: owner.as_ref().map(|owner| display_name(owner)).unwrap_or_default(),
        practice_phone: match owner.and_then(|owner| owner.value.practice.phone) {
            Some(phone) => Some(phone),
            None => crate::admin::settings(read)?.value.contact.phone,
        },
        starts_at: consultation.slot_start,
        closes_at: consultation.closes_at(),
        zone: consultation.time_zone.clone(),
        documents_until: (next == NextStep::Documents)
            .then(|| letters::readable_until(consultation, facts.post_access)),
        identity_check: question,
        identity_locked_until: locked,
        consent: agreed,
        representative_required: minor && seat.role == ParticipantRole::Patient,
        callback_suggested: suggested.map(|number| phone::display(&number)),
        present,
    })
}

/// Loads, demands the open window, changes, tells, answers with the guest's own view.
pub(super) async fn change(
    clinic: &Clinic,
    guest: &Guest,
    f: impl FnOnce(&mut Tx<'_>, &mut Versioned<Consultation>, Versioned<Participant>) -> Result<(), Problem>,
) -> Result<Response, Problem> {
    let now = clinic.clock().now();
    let consultation = clinic
        .store()
        .write(|tx| {
            let (mut consultation, seat) = load(tx, guest)?;
            if seat.state == ParticipantState::Removed {
                return Err(Problem::new(Code::LinkRevoked));
            }
            if !seat.is_admitted() {
                links::require_open(now, &consultation)?;
            }
            f(tx, &mut consultation, seat)?;
            Ok::<_, Problem>(consultation)
        })
        .await?;
    clinic.scheduler().wake();
    clinic.live().tell_about(&consultation, What::Participants, &guest.participant);
    let (consultation, seat) = load(clinic.store(), guest)?;
    Ok(axum::Json(body(clinic, clinic.store(), &consultation, &seat)?).into_response())
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// The first three letters of the birth name, the birth date as `1941-03-02`, or the code of six digits.
    answer: String,
}

/// Answers the identity question. After five wrong answers it is closed for a quarter of an hour; the professional can let
/// in without it.
#[utoipa::path(post, path = "/p/v1/identity", tag = "guest", request_body = Answer, security(("guest" = [])), responses(
    (status = 200, description = "Right", body = GuestBody),
    (status = 401, description = "Wrong, or no session", body = ProblemBody, content_type = "application/problem+json"),
    (status = 423, description = "Closed for a while", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn identity(
    State(clinic): State<Clinic>,
    guest: Guest,
    Json(Answer { answer }): Json<Answer>,
) -> Result<Response, Problem> {
    let now = clinic.clock().now();
    // The count of wrong answers outlives the refusal: the transaction succeeds, its outcome is told after it.
    let outcome = clinic
        .store()
        .write(|tx| {
            let (consultation, mut seat) = load(tx, &guest)?;
            if !seat.asked_again {
                links::require_open(now, &consultation)?;
            }
            let question = question(&consultation, &seat);
            if question == IdentityCheck::None || seat.identity_passed_at.is_some() {
                return Ok(None);
            }
            let invitation = invitation_of(tx, &consultation, &seat)?;
            let mut invitation = invitation.ok_or(Problem::new(Code::LinkUnknown))?;
            if let Some(until) = invitation.locked_until.filter(|until| now < *until) {
                let wait = until.duration_since(now);
                return Ok(Some(Problem::new(Code::IdentityCheckLocked).retry_after(wait)));
            }
            let patient = patient_of(tx, &consultation)?;
            let right = is_right(question, &answer, patient.as_deref(), &invitation);
            let problem = if right {
                invitation.wrong_answers = 0;
                seat.identity_passed_at = Some(now);
                seat.asked_again = false;
                tx.update(&mut seat)?;
                None
            } else {
                invitation.wrong_answers = invitation.wrong_answers.saturating_add(1);
                if invitation.wrong_answers >= ANSWERS_MAX {
                    invitation.wrong_answers = 0;
                    invitation.locked_until = now.saturating_add(LOCKED_FOR).ok();
                    Some(Problem::new(Code::IdentityCheckLocked).retry_after(LOCKED_FOR))
                } else {
                    Some(Problem::new(Code::IdentityCheckRequired))
                }
            };
            tx.update(&mut invitation)?;
            let action = Audited::ParticipantIdentityCheck;
            let mut event = super::note::event(now, &guest.actor(), &consultation.owner, action, &seat.id);
            if problem.is_some() {
                event = event.with(Outcome::Failed, "wrong-answer");
            }
            tx.audit(&event)?;
            Ok::<_, Problem>(problem)
        })
        .await?;
    let (consultation, seat) = load(clinic.store(), &guest)?;
    clinic.live().tell_about(&consultation, What::Participants, &seat.id);
    match outcome {
        Some(problem) => Err(problem),
        None => Ok(axum::Json(body(&clinic, clinic.store(), &consultation, &seat)?).into_response()),
    }
}

fn is_right(
    question: IdentityCheck,
    answer: &str,
    patient: Option<&Patient>,
    invitation: &Invitation,
) -> bool {
    match question {
        IdentityCheck::None => true,
        IdentityCheck::FirstLetters => {
            let letters = |text: &str| -> String {
                comparable(text).chars().filter(|c| c.is_alphanumeric()).take(3).collect()
            };
            patient.is_some_and(|patient| letters(&patient.birth_name) == letters(answer))
        }
        IdentityCheck::BirthDate => {
            let date = BirthDate::parse(answer.trim()).ok();
            patient.is_some_and(|patient| Some(patient.birth_date) == date)
        }
        IdentityCheck::Code => {
            let code = invitation.code.as_deref().unwrap_or_default();
            !code.is_empty() && same(answer.trim().as_bytes(), code.as_bytes())
        }
    }
}

/// The text to agree to, for the guest's role and language.
#[utoipa::path(get, path = "/p/v1/consent", tag = "guest", security(("guest" = [])), responses(
    (status = 200, description = "The text", body = ConsentText),
    (status = 401, description = "No session", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn consent_text(
    State(clinic): State<Clinic>,
    guest: Guest,
    headers: http::HeaderMap,
) -> Result<axum::Json<ConsentText>, Problem> {
    let (_, seat) = load(clinic.store(), &guest)?;
    let wanted = headers.get(http::header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    let language = crate::http::Language::preferred(wanted.unwrap_or_default());
    Ok(axum::Json(consent::text(seat.role, language.as_str())))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Agreement {
    decision: Decision,
    /// The version that was shown.
    text_version: String,
    /// `patient` unless given.
    #[serde(default)]
    given_by: Option<GivenBy>,
    /// Of whoever answers for the patient; required for minors.
    #[serde(default)]
    representative_name: Option<String>,
}

/// Agrees or refuses. A refusal is told to the professional.
#[utoipa::path(post, path = "/p/v1/consent", tag = "guest", request_body = Agreement, security(("guest" = [])), responses(
    (status = 200, description = "Noted", body = GuestBody),
    (status = 401, description = "No session", body = ProblemBody, content_type = "application/problem+json"),
    (status = 422, description = "Another text, or no representative", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn agree(
    State(clinic): State<Clinic>,
    guest: Guest,
    Json(agreement): Json<Agreement>,
) -> Result<Response, Problem> {
    let now = clinic.clock().now();
    if agreement.text_version != consent::VERSION {
        return Err(Problem::field("/text_version", "outdated"));
    }
    let given_by = agreement.given_by.unwrap_or(GivenBy::Patient);
    if given_by == GivenBy::Professional {
        return Err(Problem::field("/given_by", "not-here"));
    }
    let representative = match &agreement.representative_name {
        Some(name) => Some(label(name, "/representative_name")?),
        None => None,
    };
    change(&clinic, &guest, |tx, consultation, mut seat| {
        let today = super::input::today(now);
        let minor = patient_of(tx, consultation)?.is_some_and(|patient| patient.birth_date.is_minor(today));
        let for_patient = matches!(seat.role, ParticipantRole::Patient | ParticipantRole::Carer);
        let answered = given_by == GivenBy::Representative && representative.is_some();
        if (minor && for_patient || given_by == GivenBy::Representative) && !answered {
            return Err(Problem::field("/representative_name", "required"));
        }
        consent::record(tx, now, consultation, &seat, given_by, agreement.decision, representative)?;
        if agreement.decision == Decision::Refused && !seat.is_admitted() {
            seat.state = ParticipantState::Left;
            seat.waiting_since = None;
            tx.update(&mut seat)?;
        }
        let mut event = super::note::event(
            now,
            &guest.actor(),
            &consultation.owner,
            Audited::ParticipantConsent,
            &seat.id,
        );
        if agreement.decision == Decision::Refused {
            event = event.with(Outcome::Denied, "refused");
        }
        Ok(tx.audit(&event)?)
    })
    .await
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Location {
    /// Commune or address, for an emergency only.
    #[serde(default)]
    place: Option<String>,
    /// A mobile number, for an emergency only.
    #[serde(default)]
    callback: Option<String>,
}

/// Says where the guest is and how to call back. May be skipped.
#[utoipa::path(post, path = "/p/v1/location", tag = "guest", request_body = Location, security(("guest" = [])), responses(
    (status = 200, description = "Noted", body = GuestBody),
    (status = 401, description = "No session", body = ProblemBody, content_type = "application/problem+json"),
    (status = 422, description = "Refused as it is", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn location(
    State(clinic): State<Clinic>,
    guest: Guest,
    Json(location): Json<Location>,
) -> Result<Response, Problem> {
    let mut fields = Fields::new("");
    let place = fields.text("place", location.place.as_ref());
    fields.done(Some(()))?;
    let callback = location.callback.as_deref().map(|text| number(text, "/callback")).transpose()?;
    change(&clinic, &guest, |tx, _, mut seat| {
        seat.place = place.or(seat.value.place.take());
        seat.callback = callback.or(seat.value.callback.take());
        tx.update(&mut seat)?;
        Ok(())
    })
    .await
}

/// Goes to the waiting room: after the identity question and with the consent.
#[utoipa::path(post, path = "/p/v1/waiting", tag = "guest", security(("guest" = [])), responses(
    (status = 200, description = "Waits", body = GuestBody),
    (status = 401, description = "The identity question is open, or no session", body = ProblemBody, content_type = "application/problem+json"),
    (status = 403, description = "Without consent, or the waiting room is locked", body = ProblemBody, content_type = "application/problem+json"),
    (status = 410, description = "Over", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn wait(State(clinic): State<Clinic>, guest: Guest) -> Result<Response, Problem> {
    let now = clinic.clock().now();
    change(&clinic, &guest, |tx, consultation, mut seat| {
        if question(consultation, &seat) != IdentityCheck::None && seat.identity_passed_at.is_none() {
            let locked = invitation_of(tx, consultation, &seat)?.and_then(|one| one.value.locked_until);
            let code = match locked.filter(|until| now < *until) {
                Some(_) => Code::IdentityCheckLocked,
                None => Code::IdentityCheckRequired,
            };
            return Err(Problem::new(code));
        }
        match consent::of(tx, consultation, &seat)? {
            Some(Decision::Accepted) => {}
            Some(Decision::Refused) => return Err(Problem::new(Code::ConsentRefused)),
            None => return Err(Problem::new(Code::ConsentRequired)),
        }
        room::enter_waiting(tx, now, &guest.actor(), consultation, &mut seat)
    })
    .await
}

/// A token with which a guest who was let in joins the call.
#[utoipa::path(post, path = "/p/v1/media-token", tag = "guest", security(("guest" = [])), responses(
    (status = 200, description = "The token", body = MediaTokenBody),
    (status = 401, description = "No session", body = ProblemBody, content_type = "application/problem+json"),
    (status = 403, description = "Not let in", body = ProblemBody, content_type = "application/problem+json"),
    (status = 503, description = "The media server does not answer", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn media_token(State(clinic): State<Clinic>, guest: Guest) -> Result<Response, Problem> {
    let access = access(&clinic, clinic.store(), &guest, Action::PublishMedia)?;
    room::media_token(&clinic, &access).await
}

/// Leaves. Who comes back by the link waits again; documents stay readable by it.
#[utoipa::path(post, path = "/p/v1/leave", tag = "guest", security(("guest" = [])), responses(
    (status = 204, description = "Left; the cookie is taken away"),
    (status = 401, description = "No session", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn leave(State(clinic): State<Clinic>, guest: Guest) -> Result<Response, Problem> {
    let now = clinic.clock().now();
    let consultation = clinic
        .store()
        .write(|tx| {
            let (mut consultation, seat) = load(tx, &guest)?;
            session::end_all(tx, &seat.id)?;
            if consultation.status.is_live() && seat.state != ParticipantState::Removed {
                room::leave(&clinic, tx, &mut consultation, seat, ParticipantState::Left)?;
                let id = &guest.participant;
                note(tx, now, &guest.actor(), &consultation.owner, Audited::ParticipantLeft, id)?;
            }
            Ok::<_, Problem>(consultation.value)
        })
        .await?;
    clinic.scheduler().wake();
    clinic.live().tell_about(&consultation, What::Participants, &guest.participant);
    let cookie = Cookie::Guest.clear(clinic.secure_cookies());
    Ok((StatusCode::NO_CONTENT, [cookie]).into_response())
}
