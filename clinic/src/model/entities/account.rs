//! Accounts and what professionals say of themselves.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{BrowserFamily, SystemFamily, words};
use crate::crypto::LookupHash;
use crate::ids::{AccountId, PaymentAccountId, SessionId};
use crate::store::{IndexKey, Indexes, Record, Sealing};

words! {
    /// From registration to closing.
    AccountStatus { Registered, EmailVerified, PendingApproval, Active, Suspended, Closed, Rejected }
    /// What an account may be, besides owning its own consultations.
    Role { Professional, Secretary, OrgAdmin, Support }
    /// Where a professional's number comes from.
    IdType { Rpps, Adeli, PscTest }
    /// Who vouched for the number.
    VerifiedBy { None, Directory, Psc, Cps, Admin }
    Sector { One, Two, Optam }
    /// How a session was begun.
    LoginMethod { Password, Psc, Cps, Link }
}

/// Somebody who can log in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    pub id: AccountId,
    /// In normal form (`people::email`).
    pub email: String,
    /// For finding it; made from `people::email_key`.
    pub email_hash: LookupHash,
    #[serde(default)]
    pub email_verified_at: Option<Timestamp>,
    /// PHC string.
    #[serde(default)]
    pub password_hash: Option<String>,
    /// 20 bytes, base32, once the second factor was confirmed.
    #[serde(default)]
    pub totp_secret: Option<String>,
    /// The last time step used: a code is good once.
    #[serde(default)]
    pub totp_last_step: u64,
    /// Offered and not confirmed yet.
    #[serde(default)]
    pub totp_pending: Option<String>,
    #[serde(default)]
    pub recovery_codes: Vec<LookupHash>,
    pub status: AccountStatus,
    pub roles: Vec<Role>,
    /// `fr` or `en`.
    pub locale: String,
    /// IANA name.
    pub time_zone: String,
    pub created_at: Timestamp,
    #[serde(default)]
    pub last_login_at: Option<Timestamp>,
    #[serde(default)]
    pub terms_version: Option<String>,
    #[serde(default)]
    pub failed_logins: u32,
    #[serde(default)]
    pub locked_until: Option<Timestamp>,
    /// Sessions of an older epoch are over: raised by a new password, a suspension.
    #[serde(default)]
    pub session_epoch: u32,
    /// Accounts for whom a secretary works.
    #[serde(default)]
    pub works_for: Vec<AccountId>,
    /// Since then nothing here names anybody.
    #[serde(default)]
    pub closed_at: Option<Timestamp>,
}

impl Record for Account {
    const COLLECTION: &'static str = "account";

    fn id(&self) -> String {
        self.id.to_string()
    }

    fn sealing(&self) -> Sealing {
        Sealing::Instance
    }

    fn index(&self, indexes: &mut Indexes) {
        indexes.unique("email", IndexKey::new().hash(&self.email_hash));
        indexes.add("status", IndexKey::new().text(account_status(self.status)).time(self.created_at));
        for account in &self.works_for {
            indexes.add("works_for", IndexKey::new().text(account.as_str()));
        }
    }
}

/// The word of a status, as index key.
pub fn account_status(status: AccountStatus) -> &'static str {
    match status {
        AccountStatus::Registered => "registered",
        AccountStatus::EmailVerified => "email_verified",
        AccountStatus::PendingApproval => "pending_approval",
        AccountStatus::Active => "active",
        AccountStatus::Suspended => "suspended",
        AccountStatus::Closed => "closed",
        AccountStatus::Rejected => "rejected",
    }
}

/// The professional behind an account; one for one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Professional {
    pub account_id: AccountId,
    pub title: String,
    pub exercise_name: String,
    pub first_name: String,
    /// TRE_G15.
    pub profession_code: String,
    /// TRE_R38.
    #[serde(default)]
    pub speciality_code: Option<String>,
    pub id_type: IdType,
    /// RPPS or ADELI number.
    pub national_number: String,
    pub national_number_hash: LookupHash,
    /// As the authority writes it; opaque.
    #[serde(default)]
    pub id_nat_ps: Option<String>,
    pub id_verified_by: VerifiedBy,
    #[serde(default)]
    pub mobile: Option<String>,
    #[serde(default)]
    pub practice: Practice,
    #[serde(default)]
    pub department: Option<String>,
    #[serde(default)]
    pub interests: Vec<String>,
    #[serde(default)]
    pub sector: Option<Sector>,
    /// Since when there is a [`SignatureImage`].
    #[serde(default)]
    pub visible_signature: Option<Timestamp>,
    #[serde(default)]
    pub payment_account_id: Option<PaymentAccountId>,
    #[serde(default)]
    pub defaults: Defaults,
    /// Number of the billing with the health insurance, asked for once.
    #[serde(default)]
    pub am_number: Option<String>,
}

/// What a professional places on documents as a signature: one's name as it was drawn or typed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignatureImage {
    pub account_id: AccountId,
    /// Base64.
    pub png: String,
    /// In pixels.
    pub width: u32,
    pub height: u32,
    pub set_at: Timestamp,
}

impl Record for SignatureImage {
    const COLLECTION: &'static str = "signature_image";

    fn id(&self) -> String {
        self.account_id.to_string()
    }

    fn sealing(&self) -> Sealing {
        Sealing::Instance
    }
}

/// The interest that opens the tool.
pub const INTEREST_TELECONSULTATION: &str = "teleconsultation_domicile";

impl Record for Professional {
    const COLLECTION: &'static str = "professional";

    fn id(&self) -> String {
        self.account_id.to_string()
    }

    fn sealing(&self) -> Sealing {
        Sealing::Instance
    }

    fn index(&self, indexes: &mut Indexes) {
        indexes.add("national_number", IndexKey::new().hash(&self.national_number_hash));
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Practice {
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub address: String,
    /// Call-back line, shown to patients.
    #[serde(default)]
    pub phone: Option<String>,
    #[serde(default)]
    pub siret: Option<String>,
    #[serde(default)]
    pub finess: Option<String>,
}

/// What a new consultation of this professional starts with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct Defaults {
    pub slot_minutes: u32,
    pub early_minutes: u32,
    pub late_minutes: u32,
    pub identity_check: IdentityCheck,
    /// How patients see the professional; empty: title and names.
    pub display_name: String,
}

impl Default for Defaults {
    fn default() -> Defaults {
        Defaults {
            slot_minutes: 20,
            early_minutes: 10,
            late_minutes: 15,
            identity_check: IdentityCheck::None,
            display_name: String::new(),
        }
    }
}

words! {
    /// What a patient answers before the waiting room.
    #[derive(Default)]
    IdentityCheck { #[default] None, FirstLetters, BirthDate, Code }
}

/// A session of a browser. The secret is in its cookie; here is only the hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    pub id: SessionId,
    pub secret: LookupHash,
    pub subject: Subject,
    pub method: LoginMethod,
    /// The second factor was shown (or the method has it in itself).
    pub complete: bool,
    pub created_at: Timestamp,
    pub seen_at: Timestamp,
    pub expires_at: Timestamp,
    /// The last time that the person proved to be there.
    pub authenticated_at: Timestamp,
    /// Of the account, at login.
    #[serde(default)]
    pub epoch: u32,
    #[serde(default)]
    pub client: SessionClient,
}

/// The browser of a session, in words of ours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionClient {
    #[serde(default)]
    pub browser: Option<BrowserFamily>,
    #[serde(default)]
    pub os: Option<SystemFamily>,
}

/// Whose session it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Subject {
    Account {
        account: AccountId,
    },
    /// Somebody who came by an invitation: good for one consultation.
    Guest {
        consultation: crate::ids::ConsultationId,
        participant: crate::ids::ParticipantId,
    },
}

impl Record for Session {
    const COLLECTION: &'static str = "session";

    fn id(&self) -> String {
        self.id.to_string()
    }

    fn sealing(&self) -> Sealing {
        Sealing::Instance
    }

    fn index(&self, indexes: &mut Indexes) {
        indexes.unique("secret", IndexKey::new().hash(&self.secret));
        indexes.add("expires", IndexKey::new().time(self.expires_at));
        let owner = match &self.subject {
            Subject::Account { account } => account.as_str(),
            Subject::Guest { participant, .. } => participant.as_str(),
        };
        indexes.add("subject", IndexKey::new().text(owner));
    }
}
