//! What is answered about consultations.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::guard::{Access, Read};
use super::guest::question;
use super::input::full_name;
use super::letters::display_name;
use super::step::{Given, moment};
use crate::Clinic;
use crate::http::authorize::Standing;
use crate::http::{Action, Problem};
use crate::ids::{AccountId, ConsultationId, FacilityId, InvitationId, ParticipantId, PatientId};
use crate::model::identifier::ActFamily;
use crate::model::machine::{self, Absent};
use crate::model::people::BirthDate;
use crate::model::{
    Capability, Consent, Consultation, Contact, Decision, DeviceCheck, DeviceClass, EndReason, ExternalRef,
    Facility, IdentityCheck, IdentityStatus, Invitation, InvitationChannel, InvitationStatus, Kind, Needs,
    Participant, ParticipantRole, ParticipantState, Patient, Professional, RecipientKind, Sex, Status,
    Trigger, Verdict, phone,
};
use crate::outbox::{self, Message};
use crate::store::{StoreError, Versioned};

/// When links lead to the waiting room.
#[derive(Debug, Serialize, ToSchema)]
pub struct Window {
    #[schema(value_type = String, format = DateTime)]
    pub opens_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    pub closes_at: Timestamp,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct SlotBody {
    #[schema(value_type = String, format = DateTime)]
    pub start: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    pub end: Timestamp,
    /// IANA name.
    pub zone: String,
}

/// A consultation, as far as the asker may see it.
#[derive(Debug, Serialize, ToSchema)]
pub struct ConsultationBody {
    pub id: ConsultationId,
    pub kind: Kind,
    pub act_family: ActFamily,
    pub status: Status,
    #[schema(value_type = String, format = DateTime)]
    pub status_since: Timestamp,
    pub owner: AccountId,
    /// How patients know the professional.
    pub professional: String,
    pub slot: SlotBody,
    pub window: Window,
    pub capabilities: Vec<Capability>,
    /// What may happen to it now.
    pub allowed_transitions: Vec<Trigger>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patient: Option<PatientBody>,
    /// For those who may know no more of the patient.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patient_name: Option<String>,
    /// The number of an immediate call, for the owner.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub facility: Option<FacilityBody>,
    pub participants: Vec<ParticipantBody>,
    /// For those who may send them again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invitations: Option<Vec<InvitationBody>>,
    pub identity_check: IdentityCheck,
    pub locked: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancel_reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub started_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_reason: Option<EndReason>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub no_show_by: Option<Absent>,
    /// Seconds in which both sides showed themselves.
    pub video_seconds: u32,
    /// Seconds in which both sides were there and one showed nothing.
    pub audio_only_seconds: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub retention_until: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_ref: Option<ExternalRef>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replaces: Option<ConsultationId>,
    /// How often the slot was moved.
    pub sequence: u32,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct PatientBody {
    pub id: PatientId,
    pub birth_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub used_name: Option<String>,
    pub first_names: Vec<String>,
    #[schema(value_type = String)]
    pub birth_date: BirthDate,
    /// Whole years today.
    pub age: i16,
    pub minor: bool,
    pub sex: Sex,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub birth_place_cog: Option<String>,
    /// A billing number is kept; it is read on its own, audited.
    pub nir_known: bool,
    pub identity_status: IdentityStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mobile: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attending_physician: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub representative: Option<String>,
    pub needs: Needs,
}

/// `now` gives the age.
pub fn patient(now: Timestamp, patient: &Patient) -> PatientBody {
    let today = super::input::today(now);
    let p = patient.clone();
    PatientBody {
        age: p.birth_date.age(today),
        minor: p.birth_date.is_minor(today),
        nir_known: p.nir.is_some(),
        id: p.id,
        birth_name: p.birth_name,
        used_name: p.used_name,
        first_names: p.first_names,
        birth_date: p.birth_date,
        sex: p.sex,
        birth_place_cog: p.birth_place_cog,
        identity_status: p.identity_status,
        email: p.email,
        mobile: p.mobile,
        address: p.address,
        attending_physician: p.attending_physician,
        representative: p.representative,
        needs: p.needs,
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub struct FacilityBody {
    pub id: FacilityId,
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finess: Option<String>,
    pub kind: crate::model::FacilityKind,
    pub address: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    pub shared_device: bool,
}

impl From<Facility> for FacilityBody {
    fn from(f: Facility) -> FacilityBody {
        FacilityBody {
            id: f.id,
            name: f.name,
            finess: f.finess,
            kind: f.kind,
            address: f.address,
            email: f.email,
            phone: f.phone,
            shared_device: f.shared_device,
        }
    }
}

/// Somebody who takes part, or may.
#[derive(Debug, Serialize, ToSchema)]
pub struct ParticipantBody {
    pub id: ParticipantId,
    pub role: ParticipantRole,
    pub name: String,
    pub state: ParticipantState,
    /// A page of theirs is open and connected.
    pub here: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub waiting_since: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub admitted_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceClass>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profession_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rpps: Option<String>,
    pub may_admit: bool,
    /// What follows is for the owner.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consent: Option<Decision>,
    /// Absent where nobody asks who they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity_passed: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub callback: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_verdict: Option<Verdict>,
    /// Their line carries a picture no more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub picture_suspended: Option<bool>,
}

/// `full`: with what only the owner sees.
pub fn participant(
    clinic: &Clinic,
    read: &impl Read,
    consultation: &Consultation,
    participant: &Participant,
    full: bool,
) -> Result<ParticipantBody, StoreError> {
    let p = participant.clone();
    let mut body = ParticipantBody {
        here: p.is_connected() || clinic.live().is_watching(&p.id),
        id: p.id,
        role: p.role,
        name: p.display_name,
        state: p.state,
        waiting_since: p.waiting_since,
        admitted_at: p.admitted_at,
        device: p.device,
        profession_code: p.profession_code,
        rpps: p.rpps,
        may_admit: p.may_admit,
        consent: None,
        identity_passed: None,
        place: None,
        callback: None,
        device_verdict: None,
        picture_suspended: None,
    };
    if full && p.role != ParticipantRole::Owner {
        let of = |found: &ParticipantId| *found == participant.id;
        let consents = read.all::<Consent>("consultation", p.consultation.as_str())?;
        body.consent =
            consents.iter().rev().find(|consent| of(&consent.participant)).map(|consent| consent.decision);
        let checks = read.all::<DeviceCheck>("consultation", p.consultation.as_str())?;
        body.device_verdict =
            checks.iter().rev().find(|check| of(&check.participant)).map(|check| check.verdict);
        let asked = question(consultation, participant) != IdentityCheck::None;
        body.identity_passed = asked.then_some(p.identity_passed_at.is_some());
        body.picture_suspended = Some(!p.suspended.is_empty());
        body.place = p.place;
        body.callback = p.callback.map(|number| phone::display(&number));
    }
    Ok(body)
}

/// A link and its lights.
#[derive(Debug, Serialize, ToSchema)]
pub struct InvitationBody {
    pub id: InvitationId,
    pub participant_id: ParticipantId,
    pub role: ParticipantRole,
    pub recipient: RecipientKind,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    pub channel: InvitationChannel,
    /// As people write it; only its end for support.
    pub destination: String,
    pub status: InvitationStatus,
    pub lights: Lights,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub sent_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub delivered_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub opened_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub revoked_at: Option<Timestamp>,
    /// A stable word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// How often it may be sent again.
    pub resends_left: u32,
    /// The code of the identity check, to be told another way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

/// The four lights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Lights {
    pub sent: bool,
    pub delivered: bool,
    pub opened: bool,
    pub waiting: bool,
}

/// `masked`: for support.
pub fn invitation(
    read: &impl Read,
    invitation: &Invitation,
    who: Option<&Participant>,
    masked: bool,
) -> Result<InvitationBody, StoreError> {
    let message = match &invitation.message {
        Some(id) => read.unpurged::<Message>(id.as_str())?,
        None => None,
    };
    let mut i = invitation.clone();
    if let Some(message) = message {
        i.sent_at = message.sent_at.or(i.sent_at);
        i.delivered_at = message.delivered_at.or(i.delivered_at);
        i.last_error.clone_from(&message.last_error);
        if i.revoked_at.is_none() && i.opened_at.is_none() {
            i.status = match message.status {
                outbox::Status::Queued => InvitationStatus::Queued,
                outbox::Status::Sending => InvitationStatus::Sending,
                outbox::Status::Sent => InvitationStatus::Sent,
                outbox::Status::Delivered => InvitationStatus::Delivered,
                outbox::Status::Failed if i.sent_at.is_some() => InvitationStatus::Bounced,
                outbox::Status::Failed => InvitationStatus::Failed,
                outbox::Status::Cancelled => InvitationStatus::Revoked,
                outbox::Status::Suppressed => InvitationStatus::Suppressed,
            };
        }
    }
    let waits = who.is_some_and(|who| who.waiting_since.is_some());
    let destination = match (i.channel, masked) {
        (InvitationChannel::Sms, true) => phone::masked(&i.destination),
        (InvitationChannel::Sms, false) => phone::display(&i.destination),
        (_, true) => String::new(),
        (_, false) => i.destination.clone(),
    };
    Ok(InvitationBody {
        lights: Lights {
            sent: i.sent_at.is_some(),
            delivered: i.delivered_at.is_some(),
            opened: i.opened_at.is_some(),
            waiting: waits,
        },
        resends_left: super::letters::RESENT_MAX.saturating_sub(i.resent),
        id: i.id,
        participant_id: i.participant,
        role: i.role,
        recipient: i.recipient,
        name: i.recipient_name.filter(|_| !masked),
        channel: i.channel,
        destination,
        status: i.status,
        sent_at: i.sent_at,
        delivered_at: i.delivered_at,
        opened_at: i.opened_at,
        revoked_at: i.revoked_at,
        last_error: i.last_error,
        code: i.code.filter(|_| !masked),
    })
}

/// The consultation of `access`, as far as its asker may see it.
pub fn consultation(clinic: &Clinic, read: &impl Read, access: &Access) -> Result<ConsultationBody, Problem> {
    let now = clinic.clock().now();
    let c = access.consultation.value.clone();
    let own = access.role == Standing::Owner;
    let found = match &c.patient_id {
        Some(id) => read.unpurged::<Patient>(id.as_str())?,
        None => None,
    };
    let identity = found.as_ref().filter(|_| access.may(Action::SeeIdentity));
    let name = found.as_ref().filter(|_| identity.is_none() && access.may(Action::SeeName));
    let facility = match &c.facility_id {
        Some(id) if identity.is_some() => read.one::<Facility>(id.as_str())?,
        _ => None,
    };
    let owner = read.one::<Professional>(c.owner.as_str())?;
    let mut participants = Vec::new();
    if access.role != Standing::Support {
        for one in &access.participants {
            participants.push(participant(clinic, read, &c, one, own)?);
        }
    }
    let contact = match (own, c.kind) {
        (true, Kind::Immediate) => read.unpurged::<Contact>(c.id.as_str())?,
        _ => None,
    };
    let given = Given { consent: true, ..Given::default() };
    let moment = moment(now, &c, &access.participants, &given);
    let may_change = own || access.role == Standing::Secretary;
    Ok(ConsultationBody {
        allowed_transitions: match may_change {
            true => machine::allowed(c.kind, c.status, &moment),
            false => Vec::new(),
        },
        invitations: invitations(read, access)?,
        patient: identity.map(|found| patient(now, found)),
        patient_name: name.map(|found| full_name(found)),
        phone: contact.and_then(|contact| contact.value.mobile).map(|number| phone::display(&number)),
        facility: facility.map(|facility| facility.value.into()),
        participants,
        professional: owner.map(|owner| display_name(&owner)).unwrap_or_default(),
        capabilities: access.capabilities.iter().collect(),
        window: Window { opens_at: c.opens_at(), closes_at: c.closes_at() },
        slot: SlotBody { start: c.slot_start, end: c.slot_end, zone: c.time_zone },
        id: c.id,
        kind: c.kind,
        act_family: c.act_family,
        status: c.status,
        status_since: c.status_since,
        owner: c.owner,
        identity_check: c.identity_check,
        locked: c.locked,
        cancel_reason: c.cancel_reason.filter(|_| may_change),
        started_at: c.started_at,
        ended_at: c.ended_at,
        end_reason: c.end_reason,
        no_show_by: c.no_show_by,
        video_seconds: c.video_seconds,
        audio_only_seconds: c.audio_only_seconds,
        retention_until: c.retention_until,
        external_ref: c.external_ref.filter(|_| own || access.role == Standing::Portal),
        replaces: c.replaces,
        sequence: c.sequence,
    })
}

/// `None` for those who may not send them again.
pub fn invitations(read: &impl Read, access: &Access) -> Result<Option<Vec<InvitationBody>>, Problem> {
    if !access.may(Action::ResendInvitation) {
        return Ok(None);
    }
    let masked = access.role == Standing::Support;
    let mut all = Vec::new();
    for one in read.all::<Invitation>("consultation", access.consultation.id.as_str())? {
        let who = access.participants.iter().find(|who| who.id == one.participant);
        all.push(invitation(read, &one, who.map(|who| &who.value), masked)?);
    }
    Ok(Some(all))
}

/// A line of "my consultations".
#[derive(Debug, Serialize, ToSchema)]
pub struct ConsultationItem {
    pub id: ConsultationId,
    /// For `If-Match`.
    pub version: u64,
    pub kind: Kind,
    pub status: Status,
    pub slot: SlotBody,
    pub window: Window,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patient_id: Option<PatientId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patient_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub facility_id: Option<FacilityId>,
    /// Of the patient's side, in the waiting room: the green dot.
    pub waiting: usize,
    /// In the room.
    pub connected: usize,
}

/// `identity`: the asker may know the patients.
pub fn item(
    read: &impl Read,
    consultation: &Versioned<Consultation>,
    identity: bool,
) -> Result<ConsultationItem, StoreError> {
    let c = consultation.value.clone();
    let found = match &c.patient_id {
        Some(id) if identity => read.unpurged::<Patient>(id.as_str())?,
        _ => None,
    };
    let contact = match c.kind {
        Kind::Immediate if identity => read.unpurged::<Contact>(c.id.as_str())?,
        _ => None,
    };
    // Nobody waits in what is planned or over: the people need not be read.
    let people = if c.status.is_live() { read.participants(&c.id)? } else { Vec::new() };
    let count = |wanted: &dyn Fn(&Participant) -> bool| people.iter().filter(|one| wanted(one)).count();
    Ok(ConsultationItem {
        waiting: count(&|one| one.state == ParticipantState::Waiting && one.role.is_patient_side()),
        connected: count(&|one| one.is_connected()),
        patient_name: found.as_ref().map(|found| full_name(found)),
        phone: contact.and_then(|contact| contact.value.mobile).map(|number| phone::display(&number)),
        version: consultation.version,
        window: Window { opens_at: c.opens_at(), closes_at: c.closes_at() },
        slot: SlotBody { start: c.slot_start, end: c.slot_end, zone: c.time_zone },
        id: c.id,
        kind: c.kind,
        status: c.status,
        patient_id: c.patient_id.filter(|_| identity),
        facility_id: c.facility_id.filter(|_| identity),
    })
}
