//! The services that the clinic uses: `[clinic.mail]`, `[clinic.sms]` and `[clinic.payment]`.

use std::path::PathBuf;

use crate::Secret;

/// A secret of another service, itself or the file that holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    Text(Secret),
    /// Its text without the white space around it.
    File(PathBuf),
}

impl Default for Credential {
    fn default() -> Credential {
        Credential::Text(Secret::new(""))
    }
}

impl Credential {
    /// The secret; fails when its file cannot be read. Empty when none is set.
    pub fn load(&self) -> std::io::Result<Secret> {
        match self {
            Credential::Text(secret) => Ok(secret.clone()),
            Credential::File(path) => Ok(Secret::new(std::fs::read_to_string(path)?.trim())),
        }
    }

    pub fn is_empty(&self) -> bool {
        matches!(self, Credential::Text(secret) if secret.expose().is_empty())
    }
}

/// The relay that takes mails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// Host name. Empty: no mail is sent.
    pub server: String,
    pub port: u16,
    pub tls: MailTls,
    /// A certificate authority (PEM) of the relay's own, besides the public ones.
    pub ca_file: String,
    /// Empty: no login.
    pub user: String,
    pub password: Credential,
    /// `Name <address>` or an address. Empty: no mail is sent.
    pub from: String,
    /// Empty: as `from`.
    pub reply_to: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailTls {
    /// STARTTLS, or nothing is sent.
    StartTls,
    Implicit,
    Off,
}

/// The gateway that takes short messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sms {
    pub gateway: SmsGateway,
    /// Name or number that the message comes from.
    pub sender: String,
    /// Where the gateway is. Empty: the provider's own address.
    pub url: String,
    /// Service name at OVH, account SID at Twilio.
    pub account: String,
    /// Application key at OVH.
    pub application_key: String,
    /// Consumer key at OVH.
    pub consumer_key: Credential,
    /// Application secret at OVH, auth token at Twilio, `{secret}` of the header otherwise.
    pub secret: Credential,
    /// What proves delivery receipts: the last part of OVH's callback, the key of the other gateways' signature. Twilio
    /// signs with `secret`.
    pub receipts_secret: Credential,
    /// Of a request to another gateway, with `{to}`, `{text}`, `{reference}`, `{sender}`, `{callback}`.
    pub body: String,
    pub content_type: String,
    /// One header, `Name: value` with `{secret}`.
    pub header: String,
    /// In 24 hours.
    pub per_professional: u32,
    pub per_number: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmsGateway {
    Off,
    Http,
    Ovh,
    Twilio,
}

impl Default for Mail {
    fn default() -> Mail {
        Mail {
            server: String::new(),
            port: 587,
            tls: MailTls::StartTls,
            ca_file: String::new(),
            user: String::new(),
            password: Credential::default(),
            from: String::new(),
            reply_to: String::new(),
        }
    }
}

impl Default for Sms {
    fn default() -> Sms {
        Sms {
            gateway: SmsGateway::Off,
            sender: String::new(),
            url: String::new(),
            account: String::new(),
            application_key: String::new(),
            consumer_key: Credential::default(),
            secret: Credential::default(),
            receipts_secret: Credential::default(),
            body: r#"{"to":"{to}","text":"{text}","from":"{sender}","reference":"{reference}","callback":"{callback}"}"#
                .to_owned(),
            content_type: "application/json".to_owned(),
            header: "Authorization: Bearer {secret}".to_owned(),
            per_professional: 200,
            per_number: 20,
        }
    }
}

/// Providers of online payment. Whose money it is is set up in the administration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    pub stripe: bool,
    pub stripe_url: String,
    /// PayZen, or another house of Lyra.
    pub payzen: bool,
    pub payzen_url: String,
}

impl Default for Payment {
    fn default() -> Payment {
        Payment {
            stripe: false,
            stripe_url: "https://api.stripe.com".to_owned(),
            payzen: false,
            payzen_url: "https://api.payzen.eu".to_owned(),
        }
    }
}
