//! Where messages leave. Absent settings mean that the adapter is not configured, and messages fail saying so.

use crate::crypto::Secret;

/// A mail relay.
#[derive(Clone, Debug)]
pub struct MailConfig {
    /// Host name or address.
    pub server: String,
    pub port: u16,
    pub tls: MailTls,
    /// A certificate authority (PEM) besides the public ones.
    pub ca_pem: Option<Vec<u8>>,
    /// User and password.
    pub login: Option<(String, Secret)>,
    /// `Name <address>` or an address. Its domain names messages and calendar entries.
    pub from: String,
    /// Empty: as `from`.
    pub reply_to: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailTls {
    /// STARTTLS, or nothing is sent.
    StartTls,
    Implicit,
    Off,
}

/// A gateway for short messages.
#[derive(Clone, Debug)]
pub struct SmsConfig {
    pub gateway: GatewayConfig,
    /// Name or number that messages come from; may be empty where the gateway knows it.
    pub sender: String,
    /// What proves delivery receipts, but for Twilio's. Empty: none are taken.
    pub receipts_secret: Secret,
}

#[derive(Clone, Debug)]
pub enum GatewayConfig {
    /// Any that takes a POST.
    Http {
        url: String,
        /// With `{to}`, `{text}`, `{sender}`, `{reference}`, `{callback}`, escaped as `content_type` wants it.
        body: String,
        content_type: String,
        /// `Name: value` with `{secret}`; may be empty.
        header: String,
        secret: Secret,
    },
    /// <https://eu.api.ovh.com/1.0/sms>.
    Ovh {
        url: String,
        service: String,
        application_key: String,
        application_secret: Secret,
        consumer_key: Secret,
    },
    /// <https://www.twilio.com/docs/messaging/api/message-resource>.
    Twilio { url: String, account: String, token: Secret },
}
