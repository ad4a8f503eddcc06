//! New consultations: by telephone number at once, or with a file.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::guard::{PARTICIPANTS_MAX, Read, consultation_for};
use super::input::{ContactInput, GuestInput, PatientInput, Recipient, Slot, SlotInput, full_name, number};
use super::view::{self, ConsultationBody};
use super::{What, letters, note, patients, portals, step, timers};
use crate::Clinic;
use crate::admin::settings;
use crate::audit::Action as Audited;
use crate::crypto::{LookupHash, Purpose, Secret, fill_random};
use crate::http::authorize::Resource;
use crate::http::idempotent::{Attempt, attempt};
use crate::http::problem::ProblemBody;
use crate::http::{Action, Actor, Caller, Code, Json, Problem, authorize, etag};
use crate::idempotency::Answer;
use crate::ids::{AccountId, ConsultationId, FacilityId, InvitationId, ParticipantId, PatientId};
use crate::model::identifier::{ActFamily, profession_of};
use crate::model::people::email_key;
use crate::model::{
    Account, AccountStatus, Consultation, Contact, ExternalRef, Facility, IMMEDIATE_MINUTES,
    INTEREST_TELECONSULTATION, IdentityCheck, Invitation, InvitationChannel, InvitationStatus, Kind,
    Participant, ParticipantRole, ParticipantState, Patient, Professional, RecipientKind, Status,
};
use crate::store::{IndexKey, Query, Sealing, StoreError, Tx, Versioned};

/// A consultation to be made.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewConsultation {
    pub kind: Kind,
    /// For whom a secretary or a portal acts; oneself unless given.
    #[serde(default)]
    pub professional_id: Option<AccountId>,
    /// `immediate`: a mobile number, as typed.
    #[serde(default)]
    pub phone: Option<String>,
    /// `immediate`: language of the message, `fr` or `en`.
    #[serde(default)]
    pub locale: Option<String>,
    /// `immediate`: how long the link is good, 15 to 240; as the administrators set it unless given.
    #[serde(default)]
    pub window_minutes: Option<u32>,
    /// `dossier`: a new patient file,
    #[serde(default)]
    pub patient: Option<PatientInput>,
    /// or one that is there already.
    #[serde(default)]
    pub patient_id: Option<PatientId>,
    /// `dossier`: at least one.
    #[serde(default)]
    pub contacts: Vec<ContactInput>,
    /// `dossier`: an appointment,
    #[serde(default)]
    pub slot: Option<SlotInput>,
    /// or at once.
    #[serde(default)]
    pub now: bool,
    #[serde(default)]
    pub facility_id: Option<FacilityId>,
    /// Third persons.
    #[serde(default)]
    pub participants: Vec<GuestInput>,
    /// What the patient answers before the waiting room; as the professional set it unless given.
    #[serde(default)]
    pub identity_check: Option<IdentityCheck>,
    /// A portal's own name for it.
    #[serde(default)]
    pub external_ref: Option<ExternalRef>,
}

/// Something worth a second look; nothing was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Warning {
    /// `possible-duplicate`: another file with the same names and birth date. `overlap`: another consultation at that time.
    /// `representative-required`: a minor without a representative.
    pub code: String,
    /// The id of the other patient file or consultation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

impl Warning {
    pub fn new(code: &str, id: Option<String>) -> Warning {
        Warning { code: code.to_owned(), id }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Created {
    #[serde(flatten)]
    pub consultation: ConsultationBody,
    pub warnings: Vec<Warning>,
}

/// The professional for whom `caller` may act, with the tool open.
pub fn owner_for(
    clinic: &Clinic,
    caller: &Caller,
    wanted: Option<&AccountId>,
    action: Action,
) -> Result<Versioned<Professional>, Problem> {
    let now = clinic.clock().now();
    let account = match caller {
        Caller::Account(signed_in) => {
            let account = &signed_in.account.value;
            let secretary = account.works_for.first().filter(|_| account.works_for.len() == 1);
            let is_professional = account.roles.contains(&crate::model::Role::Professional);
            wanted.or(if is_professional { Some(&account.id) } else { secretary }).unwrap_or(&account.id)
        }
        Caller::Client(_) => wanted.ok_or(Problem::field("/professional_id", "required"))?,
    };
    let resource = Resource {
        owner: account.clone(),
        consultation: None,
        seats: Vec::new(),
        author: None,
        visible: false,
    };
    authorize(&caller.actor(now), action, &resource, &None)?;
    let professional = clinic.store().get::<Professional>(account)?.ok_or(Problem::new(Code::NotFound))?;
    if professional.interests.iter().any(|interest| interest == INTEREST_TELECONSULTATION) {
        Ok(professional)
    } else {
        Err(Problem::new(Code::ToolNotOpened))
    }
}

/// Makes a consultation and queues its invitations: `immediate` by a mobile number, open at once and without file, or
/// `dossier` with the patient's identity and an appointment or "now".
#[utoipa::path(post, path = "/api/v1/consultations", tag = "consultations", request_body = NewConsultation,
    params(("Idempotency-Key" = String, Header, description = "Any text, up to 128 characters")),
    security(("session" = []), ("portal" = [])), responses(
    (status = 201, description = "Made; `Location` and `ETag` are its own", body = Created),
    (status = 401, description = "Not logged in", body = ProblemBody, content_type = "application/problem+json"),
    (status = 403, description = "Not allowed, or the tool is not open", body = ProblemBody, content_type = "application/problem+json"),
    (status = 404, description = "No such patient file, facility or professional", body = ProblemBody, content_type = "application/problem+json"),
    (status = 422, description = "Refused as it is", body = ProblemBody, content_type = "application/problem+json"),
    (status = 429, description = "Too many messages", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn create(
    State(clinic): State<Clinic>,
    caller: Caller,
    headers: HeaderMap,
    Json(body): Json<NewConsultation>,
) -> Result<Response, Problem> {
    let bytes = serde_json::to_vec(&body).unwrap_or_default();
    let running = match attempt(&clinic, &headers, caller.id(), "POST /consultations", &bytes).await? {
        Attempt::Again(answer) => return Ok(answer.into_response()),
        Attempt::New(running) => running,
    };
    let now = clinic.clock().now();
    let actor = caller.actor(now);
    let owner = owner_for(&clinic, &caller, body.professional_id.as_ref(), Action::Create)?;
    let (answer, consultation) = clinic
        .store()
        .write(|tx| {
            let (consultation, warnings) = match body.kind {
                Kind::Immediate => immediate(&clinic, tx, now, &actor, caller.id(), &owner, &body)?,
                Kind::Dossier => dossier(&clinic, tx, now, &actor, caller.id(), &owner, &body)?,
            };
            let made = answer(&clinic, tx, &actor, &consultation.id, warnings)?;
            let key = consultation.data_key();
            running.keep(tx, now, Sealing::Data(key), &made)?;
            Ok::<_, Problem>((made, consultation.value))
        })
        .await?;
    clinic.outbox().wake();
    clinic.live().tell(&consultation, What::Consultation);
    Ok(answer.into_response())
}

/// 201 with the consultation as `actor` sees it.
pub fn answer(
    clinic: &Clinic,
    tx: &Tx<'_>,
    actor: &Actor,
    id: &ConsultationId,
    warnings: Vec<Warning>,
) -> Result<Answer, Problem> {
    let now = clinic.clock().now();
    // A portal that may write need not be one that may read: it sees what it made.
    let access = consultation_for(tx, now, actor, id.as_str(), Action::SeeConsultation)
        .or_else(|_| consultation_for(tx, now, actor, id.as_str(), Action::Reschedule))?;
    let version = access.consultation.version;
    let body = Created { consultation: view::consultation(clinic, tx, &access)?, warnings };
    Ok(Answer {
        status: StatusCode::CREATED.as_u16(),
        location: Some(format!("/api/v1/consultations/{id}")),
        etag: etag(version).1.to_str().ok().map(str::to_owned),
        body: serde_json::to_value(body).map_err(|_| Problem::new(Code::Internal))?,
    })
}

fn blank(now: Timestamp, by: &str, owner: &Professional, kind: Kind, slot: Slot) -> Consultation {
    let family = profession_of(&owner.profession_code).map(|profession| profession.family);
    Consultation {
        id: ConsultationId::new(now),
        kind,
        act_family: family.unwrap_or(ActFamily::Teleconsultation),
        owner: owner.account_id.clone(),
        created_by: by.to_owned(),
        created_at: now,
        patient_id: None,
        facility_id: None,
        slot_start: slot.start,
        slot_end: slot.end,
        time_zone: slot.zone,
        early_minutes: owner.defaults.early_minutes,
        late_minutes: owner.defaults.late_minutes,
        status: Status::Scheduled,
        status_since: now,
        room: None,
        cancel_reason: None,
        started_at: None,
        ended_at: None,
        end_reason: None,
        no_show_by: None,
        video_seconds: 0,
        audio_only_seconds: 0,
        e2ee: false,
        sas_confirmed: false,
        professional_came: false,
        locked: false,
        retention_until: None,
        last_export_at: None,
        warnings_sent: 0,
        validated_at: None,
        external_ref: None,
        external_ref_hash: None,
        api_client: None,
        replaces: None,
        sequence: 0,
        identity_check: IdentityCheck::None,
        lost_since: None,
        counting: None,
        consent_proof: None,
    }
}

fn immediate(
    clinic: &Clinic,
    tx: &mut Tx<'_>,
    now: Timestamp,
    actor: &Actor,
    by: &str,
    owner: &Professional,
    body: &NewConsultation,
) -> Result<(Versioned<Consultation>, Vec<Warning>), Problem> {
    let given = body.patient.is_some() || body.patient_id.is_some() || body.facility_id.is_some();
    if given || !body.contacts.is_empty() || !body.participants.is_empty() || body.slot.is_some() {
        return Err(Problem::field("/kind", "immediate-takes-a-phone-only"));
    }
    let phone = body.phone.as_deref().ok_or(Problem::field("/phone", "required"))?;
    let mobile = number(phone, "/phone")?;
    let minutes = match body.window_minutes {
        Some(minutes) => minutes,
        None => settings(tx)?.immediate_minutes,
    };
    let (_, least, most) = IMMEDIATE_MINUTES;
    if !(least..=most).contains(&minutes) {
        return Err(Problem::field("/window_minutes", "out-of-bounds"));
    }
    let end = now.saturating_add(SignedDuration::from_mins(minutes.into())).unwrap_or(now);
    let slot = Slot { start: now, end, zone: "Europe/Paris".to_owned() };
    let mut consultation = blank(now, by, owner, Kind::Immediate, slot);
    // The window is what was said, from now on.
    (consultation.early_minutes, consultation.late_minutes) = (0, 0);
    refer(clinic, &mut consultation, actor, body)?;
    let mut consultation = store(tx, now, consultation, true)?;
    seat_owner(tx, now, &consultation, owner)?;
    let contact =
        Contact { consultation: consultation.id.clone(), mobile: Some(mobile.clone()), email: None };
    tx.insert(&contact)?;
    let recipient = Recipient {
        role: ParticipantRole::Patient,
        kind: RecipientKind::Patient,
        name: String::new(),
        profession_code: None,
        rpps: None,
        channel: InvitationChannel::Sms,
        destination: mobile,
        locale: match body.locale.as_deref().unwrap_or("fr") {
            known @ ("fr" | "en") => known.to_owned(),
            _ => return Err(Problem::field("/locale", "unknown")),
        },
    };
    invite(clinic, tx, &consultation, &recipient, None, true)?;
    finish(tx, now, actor, &mut consultation)?;
    Ok((consultation, Vec::new()))
}

fn dossier(
    clinic: &Clinic,
    tx: &mut Tx<'_>,
    now: Timestamp,
    actor: &Actor,
    by: &str,
    owner: &Professional,
    body: &NewConsultation,
) -> Result<(Versioned<Consultation>, Vec<Warning>), Problem> {
    if body.phone.is_some() || body.window_minutes.is_some() || body.locale.is_some() {
        return Err(Problem::field("/kind", "dossier-takes-contacts"));
    }
    if body.contacts.is_empty() {
        return Err(Problem::new(Code::NoContactChannel).and_field("/contacts", "required"));
    }
    let minutes = owner.defaults.slot_minutes;
    let slot = match (&body.slot, body.now) {
        (Some(slot), false) => slot.resolve(now, minutes)?,
        (None, true) => Slot {
            start: now,
            end: now.saturating_add(SignedDuration::from_mins(minutes.into())).unwrap_or(now),
            zone: "Europe/Paris".to_owned(),
        },
        (Some(_), true) => return Err(Problem::field("/now", "with-a-slot")),
        (None, false) => return Err(Problem::field("/slot", "required")),
    };
    let mut warnings = Vec::new();
    let mut consultation = blank(now, by, owner, Kind::Dossier, slot);
    consultation.identity_check = body.identity_check.unwrap_or(owner.defaults.identity_check);
    refer(clinic, &mut consultation, actor, body)?;
    if let Some(id) = &body.facility_id {
        let facility = tx.get::<Facility>(id)?.filter(|facility| facility.owner == owner.account_id);
        facility.ok_or(Problem::new(Code::NotFound))?;
        consultation.facility_id = Some(id.clone());
    }
    let mut patient = match (&body.patient, &body.patient_id) {
        (Some(input), None) => patients::make(clinic, tx, actor, &owner.account_id, input, &mut warnings)?,
        (None, Some(id)) => patients::of_owner(tx, &owner.account_id, id.as_str())?,
        (Some(_), Some(_)) => return Err(Problem::field("/patient", "with-patient-id")),
        (None, None) => return Err(Problem::field("/patient", "required")),
    };
    let recipients = recipients(&patient, body)?;
    learn_addresses(tx, &mut patient, &recipients)?;
    consultation.patient_id = Some(patient.id.clone());
    let today = super::input::today(now);
    if patient.birth_date.is_minor(today) && patient.representative.is_none() {
        warnings.push(Warning::new("representative-required", None));
    }
    overlaps(tx, &consultation, &mut warnings)?;
    let open = now >= consultation.opens_at();
    let mut consultation = store(tx, now, consultation, open)?;
    seat_owner(tx, now, &consultation, owner)?;
    let mut patient_seat = None;
    for recipient in &recipients {
        let seat = (recipient.role == ParticipantRole::Patient).then(|| patient_seat.clone()).flatten();
        let made = invite(clinic, tx, &consultation, recipient, seat, false)?;
        if recipient.role == ParticipantRole::Patient {
            patient_seat = Some(made.participant.clone());
        }
    }
    finish(tx, now, actor, &mut consultation)?;
    Ok((consultation, warnings))
}

fn recipients(patient: &Versioned<Patient>, body: &NewConsultation) -> Result<Vec<Recipient>, Problem> {
    if body.contacts.len() + body.participants.len() >= PARTICIPANTS_MAX {
        return Err(Problem::field("/participants", "too-many"));
    }
    let contacts = body
        .contacts
        .iter()
        .enumerate()
        .map(|(at, contact)| contact.check(Some(patient), &format!("/contacts/{at}")));
    let guests =
        body.participants.iter().enumerate().map(|(at, guest)| guest.check(&format!("/participants/{at}")));
    contacts.chain(guests).collect()
}

/// What was typed as the patient's own address or number is kept in the file, if it knows none.
fn learn_addresses(
    tx: &mut Tx<'_>,
    patient: &mut Versioned<Patient>,
    recipients: &[Recipient],
) -> Result<(), StoreError> {
    let mut changed = false;
    for recipient in recipients.iter().filter(|recipient| recipient.kind == RecipientKind::Patient) {
        let kept = match recipient.channel {
            InvitationChannel::Email => &mut patient.value.email,
            InvitationChannel::Sms => &mut patient.value.mobile,
            InvitationChannel::Copy | InvitationChannel::Qr => continue,
        };
        if kept.is_none() {
            *kept = Some(recipient.destination.clone());
            changed = true;
        }
    }
    if changed { tx.update(patient).map(|_| ()) } else { Ok(()) }
}

fn refer(
    clinic: &Clinic,
    consultation: &mut Consultation,
    actor: &Actor,
    body: &NewConsultation,
) -> Result<(), Problem> {
    if let Actor::Client { id, .. } = actor {
        consultation.api_client = Some(id.clone());
    }
    if let Some(external) = &body.external_ref {
        let long = |text: &str| text.is_empty() || text.len() > 200;
        if long(&external.system) || long(&external.value) {
            return Err(Problem::field("/external_ref", "invalid"));
        }
        let text = format!("{}|{}", external.system, external.value);
        consultation.external_ref_hash = Some(clinic.lookup().hash(Purpose::ExternalRef, &text));
        consultation.external_ref = Some(external.clone());
    }
    Ok(())
}

/// Key and record. `open`: its window has begun.
pub fn store(
    tx: &mut Tx<'_>,
    now: Timestamp,
    mut consultation: Consultation,
    open: bool,
) -> Result<Versioned<Consultation>, StoreError> {
    tx.create_key(&consultation.data_key())?;
    if open {
        consultation.status = Status::Open;
        step::open_room(tx, now, &mut consultation)?;
    }
    let version = tx.insert(&consultation)?;
    Ok(Versioned { version, value: consultation })
}

/// The trail and the timers.
pub fn finish(
    tx: &mut Tx<'_>,
    now: Timestamp,
    actor: &Actor,
    consultation: &mut Versioned<Consultation>,
) -> Result<(), StoreError> {
    timers::set(tx, now, consultation)?;
    note(tx, now, actor, &consultation.owner, Audited::ConsultationCreated, &consultation.id)?;
    portals::tell(tx, now, consultation, "consultation.created")?;
    if consultation.status == Status::Open {
        portals::tell(tx, now, consultation, "consultation.opened")?;
        note(tx, now, actor, &consultation.owner, Audited::ConsultationOpened, &consultation.id)?;
    }
    Ok(())
}

/// The owner's place in the call.
pub fn seat_owner(
    tx: &mut Tx<'_>,
    now: Timestamp,
    consultation: &Consultation,
    owner: &Professional,
) -> Result<(), StoreError> {
    let mut seat = seat(now, consultation, ParticipantRole::Owner, letters::display_name(owner));
    seat.account = Some(owner.account_id.clone());
    seat.profession_code = Some(owner.profession_code.clone());
    tx.insert(&seat).map(|_| ())
}

fn seat(now: Timestamp, consultation: &Consultation, role: ParticipantRole, name: String) -> Participant {
    Participant {
        id: ParticipantId::new(now),
        consultation: consultation.id.clone(),
        role,
        display_name: name,
        account: None,
        invitation: None,
        state: ParticipantState::Invited,
        waiting_since: None,
        admitted_at: None,
        joined_at: Vec::new(),
        left_at: Vec::new(),
        device: None,
        profession_code: None,
        rpps: None,
        may_admit: false,
        asked_again: false,
        identity_passed_at: None,
        place: None,
        callback: None,
        connection: None,
        cameras: Vec::new(),
        suspended: Vec::new(),
    }
}

/// A link for somebody, and a place in the call unless they have `seat` already; the letter is queued. `strict`: a quota
/// that is used up is an error, not a suppressed message.
pub fn invite(
    clinic: &Clinic,
    tx: &mut Tx<'_>,
    consultation: &Consultation,
    recipient: &Recipient,
    seat_id: Option<ParticipantId>,
    strict: bool,
) -> Result<Invitation, Problem> {
    let now = clinic.clock().now();
    let id = InvitationId::new(now);
    let participant = match seat_id {
        Some(seat) => seat,
        None => {
            let mut seat = seat(now, consultation, recipient.role, recipient.name.clone());
            seat.invitation = Some(id.clone());
            seat.profession_code.clone_from(&recipient.profession_code);
            seat.rpps.clone_from(&recipient.rpps);
            if recipient.role == ParticipantRole::CoProfessional {
                seat.account = colleague(clinic, tx, recipient, &consultation.owner)?;
            }
            tx.insert(&seat)?;
            seat.id
        }
    };
    let asks_code =
        consultation.identity_check == IdentityCheck::Code && recipient.role == ParticipantRole::Patient;
    let mut invitation = Invitation {
        id,
        consultation: consultation.id.clone(),
        participant,
        role: recipient.role,
        recipient: recipient.kind,
        recipient_name: Some(recipient.name.clone()).filter(|name| !name.is_empty()),
        channel: recipient.channel,
        destination: recipient.destination.clone(),
        secret: hash(clinic, &Secret::link()),
        older_secrets: Vec::new(),
        status: InvitationStatus::Queued,
        created_at: now,
        sent_at: None,
        delivered_at: None,
        opened_at: None,
        revoked_at: None,
        message: None,
        resent: 0,
        last_error: None,
        locale: recipient.locale.clone(),
        wrong_answers: 0,
        locked_until: None,
        code: asks_code.then(six_digits),
    };
    let posted = letters::invite(clinic, tx, consultation, &mut invitation)?;
    if strict && posted.is_some_and(|posted| posted.suppressed.is_some()) {
        return Err(Problem::new(Code::SmsQuota));
    }
    tx.insert(&invitation)?;
    Ok(invitation)
}

/// How a link's secret is kept.
pub fn hash(clinic: &Clinic, secret: &Secret) -> LookupHash {
    clinic.lookup().hash(Purpose::LinkSecret, secret.expose())
}

fn six_digits() -> String {
    let mut bytes = [0; 8];
    fill_random(&mut bytes);
    format!("{:06}", u64::from_be_bytes(bytes) % 1_000_000)
}

/// The account of a colleague who has one. Who invites does not learn whether there is one.
fn colleague(
    clinic: &Clinic,
    tx: &Tx<'_>,
    recipient: &Recipient,
    owner: &AccountId,
) -> Result<Option<AccountId>, StoreError> {
    if recipient.channel != InvitationChannel::Email {
        return Ok(None);
    }
    let hash = clinic.lookup().hash(Purpose::Email, &email_key(&recipient.destination));
    let found = tx.list::<Account>(&Query::new("email", IndexKey::new().hash(&hash)).limit(1))?;
    let active = |account: &Versioned<Account>| account.status == AccountStatus::Active;
    let account = found.items.into_iter().find(active).map(|account| account.value.id);
    Ok(account.filter(|id| id != owner))
}

/// Other consultations of the professional at that time.
pub fn overlaps(
    tx: &Tx<'_>,
    consultation: &Consultation,
    warnings: &mut Vec<Warning>,
) -> Result<(), StoreError> {
    let from =
        consultation.slot_start.saturating_sub(SignedDuration::from_hours(4)).unwrap_or(Timestamp::MIN);
    let query = Query::new("owner", IndexKey::new().text(consultation.owner.as_str()))
        .from(IndexKey::new().time(from))
        .until(IndexKey::new().time(consultation.slot_end))
        .limit(100);
    for other in tx.page::<Consultation>(&query)?.items {
        let meets = other.slot_end > consultation.slot_start && other.slot_start < consultation.slot_end;
        if other.id != consultation.id && meets && !other.status.is_over() {
            warnings.push(Warning::new("overlap", Some(other.id.to_string())));
        }
    }
    Ok(())
}

/// The name in the call of whoever the file is about.
pub fn rename_patient(
    tx: &mut Tx<'_>,
    consultation: &Consultation,
    patient: &Patient,
) -> Result<(), StoreError> {
    for mut seat in tx.participants(&consultation.id)? {
        if seat.role == ParticipantRole::Patient {
            seat.display_name = full_name(patient);
            tx.update(&mut seat)?;
        }
    }
    Ok(())
}
