//! Payment accounts and requests, API clients and webhooks.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::words;
use crate::crypto::{DataKeyId, LookupHash};
use crate::ids::{AccountId, ApiClientId, ConsultationId, PaymentAccountId, PaymentId, WebhookId};
use crate::store::{IndexKey, Indexes, Record, Sealing};

words! {
    Provider { Stripe, Payzen, Emulator, None }
    PaymentAccountStatus { Requested, Configured, Tested, Enabled, Disabled }
    PaymentState {
        Requested, Opened, Processing, Paid, PartiallyRefunded, Refunded, Failed, Cancelled, Expired,
    }
    /// What an API client may do.
    Scope {
        ConsultationsRead, ConsultationsWrite, PatientsRead, PatientsWrite, DocumentsRead, DocumentsWrite, PaymentsWrite,
        ExportRead, AuditRead, LinksRead, WebhooksWrite, EmbedWrite,
    }
}

impl Scope {
    pub const ALL: [Scope; 12] = [
        Scope::ConsultationsRead,
        Scope::ConsultationsWrite,
        Scope::PatientsRead,
        Scope::PatientsWrite,
        Scope::DocumentsRead,
        Scope::DocumentsWrite,
        Scope::PaymentsWrite,
        Scope::ExportRead,
        Scope::AuditRead,
        Scope::LinksRead,
        Scope::WebhooksWrite,
        Scope::EmbedWrite,
    ];

    /// `consultations:write` and the like.
    pub fn as_str(self) -> &'static str {
        match self {
            Scope::ConsultationsRead => "consultations:read",
            Scope::ConsultationsWrite => "consultations:write",
            Scope::PatientsRead => "patients:read",
            Scope::PatientsWrite => "patients:write",
            Scope::DocumentsRead => "documents:read",
            Scope::DocumentsWrite => "documents:write",
            Scope::PaymentsWrite => "payments:write",
            Scope::ExportRead => "export:read",
            Scope::AuditRead => "audit:read",
            Scope::LinksRead => "links:read",
            Scope::WebhooksWrite => "webhooks:write",
            Scope::EmbedWrite => "embed:write",
        }
    }
}

/// A professional's own account at a payment provider: the platform never holds money.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentAccount {
    pub id: PaymentAccountId,
    pub professional: AccountId,
    pub provider: Provider,
    /// The provider's keys, as its adapter wants them. They never leave the server.
    #[serde(default)]
    pub credentials: serde_json::Value,
    pub status: PaymentAccountStatus,
    pub requested_at: Timestamp,
    #[serde(default)]
    pub enabled_by: Option<AccountId>,
    #[serde(default)]
    pub enabled_at: Option<Timestamp>,
}

impl Record for PaymentAccount {
    const COLLECTION: &'static str = "payment_account";

    fn id(&self) -> String {
        self.id.to_string()
    }

    fn sealing(&self) -> Sealing {
        Sealing::Instance
    }

    fn index(&self, indexes: &mut Indexes) {
        indexes.unique("professional", IndexKey::new().text(self.professional.as_str()));
        indexes.add("requested", IndexKey::new().time(self.requested_at));
    }
}

/// An amount asked for. Kept for accounting after the purge, so it holds no person and no health word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentRequest {
    pub id: PaymentId,
    pub consultation: ConsultationId,
    /// Whose account the money goes to.
    #[serde(default)]
    pub account: Option<PaymentAccountId>,
    pub amount_cents: u32,
    /// `EUR`.
    pub currency: String,
    pub provider: Provider,
    /// The provider's name for the order of the last try.
    #[serde(default)]
    pub provider_ref: Option<String>,
    /// The provider's name for the money that came.
    #[serde(default)]
    pub transaction: Option<String>,
    pub state: PaymentState,
    pub requested_at: Timestamp,
    #[serde(default)]
    pub paid_at: Option<Timestamp>,
    #[serde(default)]
    pub refunded_cents: u32,
    #[serde(default)]
    pub refunds: Vec<PaymentRefund>,
    /// A refund that was asked of the provider and whose outcome is not known yet.
    #[serde(default)]
    pub refunding: Option<Refunding>,
    /// Tries so far: each has an order of its own at the provider.
    #[serde(default)]
    pub attempt: u32,
    /// A stable word.
    #[serde(default)]
    pub failure: Option<String>,
    pub expires_at: Timestamp,
}

/// Money that went back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentRefund {
    /// The provider's name for it: told twice, it counts once.
    pub reference: String,
    pub amount_cents: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refunding {
    pub amount_cents: u32,
    /// What had gone back before.
    pub before_cents: u32,
    pub at: Timestamp,
}

impl Record for PaymentRequest {
    const COLLECTION: &'static str = "payment";

    fn id(&self) -> String {
        self.id.to_string()
    }

    fn sealing(&self) -> Sealing {
        Sealing::Instance
    }

    fn index(&self, indexes: &mut Indexes) {
        indexes.add("consultation", IndexKey::new().text(self.consultation.as_str()).time(self.requested_at));
    }
}

/// What the patient's side sees of a payment and where it is paid: a secret of the consultation, apart from what is kept
/// for accounting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentPage {
    pub payment: PaymentId,
    pub consultation: ConsultationId,
    /// In the professional's words; it never goes to the provider.
    #[serde(default)]
    pub label: String,
    /// Of the provider. Empty until it is opened for the first time, and after it lapsed.
    pub url: String,
    /// When the provider closes it.
    #[serde(default)]
    pub until: Option<Timestamp>,
}

impl Record for PaymentPage {
    const COLLECTION: &'static str = "payment_page";

    fn id(&self) -> String {
        self.payment.to_string()
    }

    fn sealing(&self) -> Sealing {
        Sealing::Data(DataKeyId::new(self.consultation.as_str()))
    }

    fn index(&self, indexes: &mut Indexes) {
        indexes.add("consultation", IndexKey::new().text(self.consultation.as_str()));
    }
}

/// A portal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiClient {
    pub id: ApiClientId,
    pub name: String,
    pub scopes: Vec<Scope>,
    /// Professionals for whom it may act; empty: all of the installation.
    #[serde(default)]
    pub accounts: Vec<AccountId>,
    pub allowed_origins: Vec<String>,
    /// Two while a secret is being exchanged.
    pub secrets: Vec<LookupHash>,
    #[serde(default)]
    pub mtls_fingerprint: Option<String>,
    /// Requests each minute.
    pub rate_per_minute: u32,
    pub created_at: Timestamp,
    #[serde(default)]
    pub disabled_at: Option<Timestamp>,
}

impl Record for ApiClient {
    const COLLECTION: &'static str = "api_client";

    fn id(&self) -> String {
        self.id.to_string()
    }

    fn sealing(&self) -> Sealing {
        Sealing::Instance
    }

    fn index(&self, indexes: &mut Indexes) {
        for secret in &self.secrets {
            indexes.unique("secret", IndexKey::new().hash(secret));
        }
        indexes.add("created", IndexKey::new().time(self.created_at));
    }
}

/// Where a portal wants to be told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookEndpoint {
    pub id: WebhookId,
    pub client: ApiClientId,
    pub url: String,
    /// The newest first; two while they are being exchanged.
    pub secrets: Vec<String>,
    /// Empty: all.
    pub events: Vec<String>,
    pub created_at: Timestamp,
    /// When the newer of two secrets came: the older is good for a day more.
    #[serde(default)]
    pub rotated_at: Option<Timestamp>,
    #[serde(default)]
    pub disabled_at: Option<Timestamp>,
}

impl Record for WebhookEndpoint {
    const COLLECTION: &'static str = "webhook";

    fn id(&self) -> String {
        self.id.to_string()
    }

    fn sealing(&self) -> Sealing {
        Sealing::Instance
    }

    fn index(&self, indexes: &mut Indexes) {
        indexes.add("client", IndexKey::new().text(self.client.as_str()));
        if self.disabled_at.is_none() {
            indexes.add("open", IndexKey::new().time(self.created_at));
        }
    }
}
