//! What the clinic is started with.

use std::path::PathBuf;

use crate::accounts::cps::CpsConfig;
use crate::accounts::psc::PscConfig;
use crate::crypto::Secret;
use crate::documents::DocumentsConfig;
use crate::messages::settings::{MailConfig, SmsConfig};
use crate::payment::settings::PaymentConfig;
use crate::seal::SealConfig;

/// Settings of the clinic; `config/chevet.toml` explains them.
#[derive(Clone, Debug)]
pub struct ClinicConfig {
    /// Holds `clinic.key` and the folder `clinic`.
    pub data_dir: PathBuf,
    /// What people type in front of every path, without a slash at the end.
    pub public_url: String,
    /// The control plane that gives rooms and tokens.
    pub control: ControlAccess,
    pub approval: Approval,
    /// Takes numbers of professionals that fail their key: those of the authorities' test environments.
    pub accept_test_identifiers: bool,
    /// How the practice or organisation is named in messages.
    pub organisation: String,
    /// Addresses that become administrators when they register.
    pub administrators: Vec<String>,
    /// Pro Santé Connect.
    pub psc: Option<PscConfig>,
    /// The listener for CPS cards.
    pub cps: Option<CpsConfig>,
    /// Webhooks may go to private addresses and without TLS: for portals on the same network, and for trying.
    pub webhooks_to_private_networks: bool,
    /// `None`: mails fail with `adapter-not-configured`.
    pub mail: Option<MailConfig>,
    /// `None`: short messages fail with `adapter-not-configured`.
    pub sms: Option<SmsConfig>,
    /// Short messages that a day allows.
    pub sms_quota: SmsQuota,
    /// The seal of reports.
    pub seal: SealConfig,
    /// Providers for online payment.
    pub payment: PaymentConfig,
    /// Files that are handed over.
    pub documents: DocumentsConfig,
}

/// Short messages in 24 hours. Both above zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SmsQuota {
    pub per_professional: u32,
    pub per_number: u32,
}

impl Default for SmsQuota {
    fn default() -> SmsQuota {
        SmsQuota { per_professional: 200, per_number: 20 }
    }
}

/// Where `control` is reached, as any portal reaches it.
#[derive(Clone, Debug)]
pub struct ControlAccess {
    /// Base of its REST API.
    pub url: String,
    pub key: String,
    pub secret: Secret,
}

/// What makes a confirmed registration active.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Approval {
    /// The confirmed address.
    Auto,
    /// An administrator.
    Manual,
    /// The first login by Pro Santé Connect or card, with the number that was typed.
    Psc,
}

impl Default for ClinicConfig {
    fn default() -> ClinicConfig {
        ClinicConfig {
            data_dir: PathBuf::from("data"),
            public_url: "http://127.0.0.1:7880".to_owned(),
            control: ControlAccess {
                url: "http://127.0.0.1:7880".to_owned(),
                key: String::new(),
                secret: Secret::new(""),
            },
            approval: Approval::Manual,
            accept_test_identifiers: false,
            organisation: "Chevet".to_owned(),
            administrators: Vec::new(),
            psc: None,
            cps: None,
            webhooks_to_private_networks: false,
            mail: None,
            sms: None,
            sms_quota: SmsQuota::default(),
            seal: SealConfig::default(),
            payment: PaymentConfig::default(),
            documents: DocumentsConfig::default(),
        }
    }
}
