//! The consultation, its participants and invitations.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::IdentityCheck;
use super::words;
use crate::crypto::{DataKeyId, LookupHash};
use crate::ids::{
    AccountId, ApiClientId, ConsultationId, FacilityId, InvitationId, MessageId, ParticipantId, PatientId,
};
use crate::model::identifier::ActFamily;
use crate::model::machine::{Absent, Kind, Status};
use crate::store::{IndexKey, Indexes, Record, Sealing};

words! {
    EndReason { Professional, Timeout, Window, SasMismatch }
    ParticipantRole { Owner, CoProfessional, BedsideProfessional, Patient, Carer, Interpreter, FacilityStaff }
    ParticipantState { Invited, Checking, Waiting, Admitted, Connected, Reconnecting, Left, Denied, Removed }
    DeviceClass { Phone, Tablet, Desktop }
    RecipientKind { Patient, Carer, Facility, Colleague, Interpreter, BedsideProfessional }
    InvitationChannel { Email, Sms, Copy, Qr }
    InvitationStatus { Queued, Sending, Sent, Delivered, Opened, Bounced, Failed, Suppressed, Revoked, Expired }
}

impl ParticipantRole {
    /// Of the patient's side: their coming starts the call, their going interrupts it.
    pub fn is_patient_side(self) -> bool {
        matches!(
            self,
            ParticipantRole::Patient
                | ParticipantRole::Carer
                | ParticipantRole::BedsideProfessional
                | ParticipantRole::FacilityStaff
        )
    }
}

/// A consultation. Holds no person: those are in [`super::Patient`], [`Participant`] and [`Contact`], under its data key. It
/// outlives the purge as a tombstone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consultation {
    pub id: ConsultationId,
    pub kind: Kind,
    pub act_family: ActFamily,
    pub owner: AccountId,
    /// An account or an API client.
    pub created_by: String,
    pub created_at: Timestamp,
    #[serde(default)]
    pub patient_id: Option<PatientId>,
    #[serde(default)]
    pub facility_id: Option<FacilityId>,
    pub slot_start: Timestamp,
    pub slot_end: Timestamp,
    /// IANA name.
    pub time_zone: String,
    pub early_minutes: u32,
    pub late_minutes: u32,
    pub status: Status,
    pub status_since: Timestamp,
    /// Name of the room at `control`: random, says nothing.
    #[serde(default)]
    pub room: Option<String>,
    #[serde(default)]
    pub cancel_reason: Option<String>,
    #[serde(default)]
    pub started_at: Option<Timestamp>,
    #[serde(default)]
    pub ended_at: Option<Timestamp>,
    #[serde(default)]
    pub end_reason: Option<EndReason>,
    #[serde(default)]
    pub no_show_by: Option<Absent>,
    #[serde(default)]
    pub video_seconds: u32,
    #[serde(default)]
    pub audio_only_seconds: u32,
    #[serde(default)]
    pub e2ee: bool,
    #[serde(default)]
    pub sas_confirmed: bool,
    /// The professional was in the room at any time.
    #[serde(default)]
    pub professional_came: bool,
    #[serde(default)]
    pub locked: bool,
    #[serde(default)]
    pub retention_until: Option<Timestamp>,
    #[serde(default)]
    pub last_export_at: Option<Timestamp>,
    #[serde(default)]
    pub warnings_sent: u32,
    #[serde(default)]
    pub validated_at: Option<Timestamp>,
    #[serde(default)]
    pub external_ref: Option<ExternalRef>,
    #[serde(default)]
    pub external_ref_hash: Option<LookupHash>,
    #[serde(default)]
    pub api_client: Option<ApiClientId>,
    /// The consultation that this one was planned anew for.
    #[serde(default)]
    pub replaces: Option<ConsultationId>,
    /// How often the slot was moved: SEQUENCE of the calendar entry.
    #[serde(default)]
    pub sequence: u32,
    /// What the patient answers before the waiting room: the owner's choice when it was created.
    #[serde(default)]
    pub identity_check: IdentityCheck,
    /// Since when one side is away.
    #[serde(default)]
    pub lost_since: Option<Timestamp>,
    /// What the seconds are counted as, from which moment on.
    #[serde(default)]
    pub counting: Option<Counting>,
    /// SHA-256 over the consents, hexadecimal: all that is left of them after the purge.
    #[serde(default)]
    pub consent_proof: Option<String>,
}

/// Both sides are in the room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counting {
    pub since: Timestamp,
    /// Both show themselves.
    pub video: bool,
}

/// The parts of "my consultations".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Shelf {
    /// Open or in a call.
    Live,
    Upcoming,
    /// Ended, the form not validated yet.
    ToValidate,
    Done,
}

impl Shelf {
    pub fn as_str(self) -> &'static str {
        match self {
            Shelf::Live => "live",
            Shelf::Upcoming => "upcoming",
            Shelf::ToValidate => "to_validate",
            Shelf::Done => "done",
        }
    }
}

/// A portal's own name for a consultation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ExternalRef {
    pub system: String,
    pub value: String,
}

impl Consultation {
    /// The key of everything that belongs to its persons.
    pub fn data_key(&self) -> DataKeyId {
        DataKeyId::new(self.id.as_str())
    }

    pub fn shelf(&self) -> Shelf {
        match self.status {
            Status::Scheduled => Shelf::Upcoming,
            Status::Open | Status::InProgress | Status::Interrupted => Shelf::Live,
            Status::Ended if self.kind == Kind::Dossier => Shelf::ToValidate,
            _ => Shelf::Done,
        }
    }

    /// When links begin to lead to the waiting room.
    pub fn opens_at(&self) -> Timestamp {
        self.slot_start.saturating_sub(minutes(self.early_minutes)).unwrap_or(Timestamp::MIN)
    }

    /// After this nobody new comes in.
    pub fn closes_at(&self) -> Timestamp {
        self.slot_end.saturating_add(minutes(self.late_minutes)).unwrap_or(Timestamp::MAX)
    }
}

fn minutes(count: u32) -> SignedDuration {
    SignedDuration::from_mins(count.into())
}

impl Record for Consultation {
    const COLLECTION: &'static str = "consultation";

    fn id(&self) -> String {
        self.id.to_string()
    }

    fn sealing(&self) -> Sealing {
        Sealing::Instance
    }

    /// `owner`: all of one professional, by start. `owner_shelf`: the same by part of the list. `status`: all, for timers.
    fn index(&self, indexes: &mut Indexes) {
        let owner = IndexKey::new().text(self.owner.as_str());
        indexes.add("owner", owner.clone().time(self.slot_start));
        indexes.add("owner_shelf", owner.text(self.shelf().as_str()).time(self.slot_start));
        indexes.add("status", IndexKey::new().text(self.status.as_str()).time(self.status_since));
        if let Some(until) = self.retention_until {
            indexes.add("retention", IndexKey::new().time(until));
        }
        if let Some(patient) = &self.patient_id {
            indexes.add("patient", IndexKey::new().text(patient.as_str()).time(self.slot_start));
        }
        if let Some(room) = &self.room {
            indexes.unique("room", IndexKey::new().text(room));
        }
        if let (Some(hash), Some(client)) = (&self.external_ref_hash, &self.api_client) {
            indexes.unique("external", IndexKey::new().text(client.as_str()).hash(hash));
        }
    }
}

/// Somebody who takes part, or may.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Participant {
    pub id: ParticipantId,
    pub consultation: ConsultationId,
    pub role: ParticipantRole,
    pub display_name: String,
    #[serde(default)]
    pub account: Option<AccountId>,
    #[serde(default)]
    pub invitation: Option<InvitationId>,
    pub state: ParticipantState,
    #[serde(default)]
    pub waiting_since: Option<Timestamp>,
    #[serde(default)]
    pub admitted_at: Option<Timestamp>,
    #[serde(default)]
    pub joined_at: Vec<Timestamp>,
    #[serde(default)]
    pub left_at: Vec<Timestamp>,
    #[serde(default)]
    pub device: Option<DeviceClass>,
    #[serde(default)]
    pub profession_code: Option<String>,
    #[serde(default)]
    pub rpps: Option<String>,
    /// The owner lets this colleague admit others.
    #[serde(default)]
    pub may_admit: bool,
    /// Somebody came by the link once it was over, and did not answer the identity question yet.
    #[serde(default)]
    pub asked_again: bool,
    /// The identity question was answered on the device that is used now.
    #[serde(default)]
    pub identity_passed_at: Option<Timestamp>,
    /// Where the participant is, for an emergency.
    #[serde(default)]
    pub place: Option<String>,
    /// E.164, for an emergency.
    #[serde(default)]
    pub callback: Option<String>,
    /// How `control` names the connection that counts; an older one's end means nothing.
    #[serde(default)]
    pub connection: Option<String>,
    /// Cameras that are published.
    #[serde(default)]
    pub cameras: Vec<String>,
    /// Pictures of others that the line of the connection does not carry.
    #[serde(default)]
    pub suspended: Vec<String>,
}

impl Participant {
    /// Let in, and neither gone nor sent away since.
    pub fn is_admitted(&self) -> bool {
        use ParticipantState as S;
        self.role == ParticipantRole::Owner
            || (self.admitted_at.is_some()
                && matches!(self.state, S::Admitted | S::Connected | S::Reconnecting))
    }

    /// Let in once, not sent away since, and nobody who came by the link later and still has to say who it is.
    pub fn was_admitted(&self) -> bool {
        use ParticipantState as S;
        self.role == ParticipantRole::Owner
            || (self.admitted_at.is_some()
                && !self.asked_again
                && !matches!(self.state, S::Removed | S::Denied))
    }

    pub fn is_connected(&self) -> bool {
        self.state == ParticipantState::Connected
    }
}

impl Record for Participant {
    const COLLECTION: &'static str = "participant";

    fn id(&self) -> String {
        self.id.to_string()
    }

    fn sealing(&self) -> Sealing {
        Sealing::Data(DataKeyId::new(self.consultation.as_str()))
    }

    fn index(&self, indexes: &mut Indexes) {
        indexes.add("consultation", IndexKey::new().text(self.consultation.as_str()));
        if let Some(account) = &self.account {
            indexes.add("account", IndexKey::new().text(account.as_str()));
        }
    }
}

/// One link for one recipient.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invitation {
    pub id: InvitationId,
    pub consultation: ConsultationId,
    pub participant: ParticipantId,
    pub role: ParticipantRole,
    pub recipient: RecipientKind,
    #[serde(default)]
    pub recipient_name: Option<String>,
    pub channel: InvitationChannel,
    /// Address or E.164 number; empty for a copied link.
    #[serde(default)]
    pub destination: String,
    /// Of the 128-bit secret in the link.
    pub secret: LookupHash,
    /// Of the secrets in earlier messages: nobody can write an old secret again, so each message has its own, and all of
    /// them lead to the same place.
    #[serde(default)]
    pub older_secrets: Vec<LookupHash>,
    pub status: InvitationStatus,
    pub created_at: Timestamp,
    #[serde(default)]
    pub sent_at: Option<Timestamp>,
    #[serde(default)]
    pub delivered_at: Option<Timestamp>,
    #[serde(default)]
    pub opened_at: Option<Timestamp>,
    #[serde(default)]
    pub revoked_at: Option<Timestamp>,
    /// The message that carries it, the last one.
    #[serde(default)]
    pub message: Option<MessageId>,
    #[serde(default)]
    pub resent: u32,
    #[serde(default)]
    pub last_error: Option<String>,
    /// `fr` or `en`.
    pub locale: String,
    /// Answers to the identity check that were wrong.
    #[serde(default)]
    pub wrong_answers: u32,
    #[serde(default)]
    pub locked_until: Option<Timestamp>,
    /// Six digits, for [`IdentityCheck::Code`]: told by the professional, another way than the link.
    #[serde(default)]
    pub code: Option<String>,
}

impl Record for Invitation {
    const COLLECTION: &'static str = "invitation";

    fn id(&self) -> String {
        self.id.to_string()
    }

    fn sealing(&self) -> Sealing {
        Sealing::Data(DataKeyId::new(self.consultation.as_str()))
    }

    fn index(&self, indexes: &mut Indexes) {
        for secret in self.older_secrets.iter().chain([&self.secret]) {
            indexes.unique("secret", IndexKey::new().hash(secret));
        }
        indexes.add("consultation", IndexKey::new().text(self.consultation.as_str()).time(self.created_at));
    }
}

/// The number behind an immediate consultation: erased 24 h after its end, together with the invitation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    pub consultation: ConsultationId,
    /// E.164.
    #[serde(default)]
    pub mobile: Option<String>,
    #[serde(default)]
    pub email: Option<String>,
}

impl Record for Contact {
    const COLLECTION: &'static str = "contact";

    fn id(&self) -> String {
        self.consultation.to_string()
    }

    fn sealing(&self) -> Sealing {
        Sealing::Data(DataKeyId::new(self.consultation.as_str()))
    }
}
