//! Finding a record by an address, a number or a secret without keeping any of them in clear: HMAC under a derived key.
//!
//! A plain hash of a mobile number is reversed by trying all numbers; the key makes that need the key file as well.

use serde::{Deserialize, Serialize};

use super::{InstanceKey, Key};

/// What is looked up. The same text gives unrelated hashes for different purposes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    Email,
    Phone,
    /// The secret of an invitation link.
    LinkSecret,
    /// The secret of a session cookie.
    Session,
    /// The cookie of a browser that an account was used in.
    Device,
    /// What carries a login to the authority and back.
    LoginState,
    /// A secret mailed once: confirmation, reset.
    MailedSecret,
    RecoveryCode,
    ApiSecret,
    /// Names with birth date, for the duplicate warning within one professional's files.
    PersonName,
    NationalId,
    /// Whom a rate limit counts.
    RateSubject,
    /// A reference given by a portal or a provider.
    ExternalRef,
}

impl Purpose {
    fn label(self) -> &'static str {
        match self {
            Purpose::Email => "email",
            Purpose::Phone => "phone",
            Purpose::LinkSecret => "link",
            Purpose::Session => "session",
            Purpose::Device => "device",
            Purpose::LoginState => "login",
            Purpose::MailedSecret => "mailed",
            Purpose::RecoveryCode => "recovery",
            Purpose::ApiSecret => "api",
            Purpose::PersonName => "person",
            Purpose::NationalId => "national",
            Purpose::RateSubject => "rate",
            Purpose::ExternalRef => "external",
        }
    }
}

/// 32 bytes as hexadecimal text: fit for index keys. Secrets found by it need no further comparison in constant time,
/// since whoever guesses does not know the hash of the guess.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LookupHash(String);

impl LookupHash {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[derive(Clone, Debug)]
pub struct LookupKey(Key);

impl LookupKey {
    pub fn new(instance: &InstanceKey) -> LookupKey {
        LookupKey(instance.derive("lookup"))
    }

    /// `text` in its normal form: the caller lower-cases addresses and writes numbers as E.164.
    pub fn hash(&self, purpose: Purpose, text: &str) -> LookupHash {
        let key = self.0.derive(purpose.label(), &[]);
        LookupHash(super::secret::hex(&key.mac(text.as_bytes())))
    }
}
