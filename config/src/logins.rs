//! How professionals prove who they are to the authorities' services: `[clinic.psc]` and `[clinic.cps]`.

use std::net::{IpAddr, Ipv4Addr};

use crate::Credential;

/// Pro Santé Connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Psc {
    /// Of the discovery document, with its path.
    pub discovery_url: String,
    /// Empty: nobody logs in by it.
    pub client_id: String,
    pub client_secret: Credential,
    /// PEM, in place of the secret.
    pub private_key_file: String,
    /// The level that is asked for and checked.
    pub acr: String,
    /// Authorities (PEM) trusted for it besides the public ones.
    pub ca_file: String,
}

/// The listener that asks for CPS cards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cps {
    pub enabled: bool,
    pub bind: IpAddr,
    pub port: u16,
    /// How browsers reach it; its host name is its own.
    pub public_url: String,
    pub cert_file: String,
    pub key_file: String,
    /// PEM files of the authorities that issue cards to persons.
    pub authorities: Vec<String>,
    /// PEM or DER files.
    pub revocation_lists: Vec<String>,
    /// Cards pass although the list is past its date.
    pub accept_stale_lists: bool,
}

impl Default for Psc {
    fn default() -> Psc {
        Psc {
            discovery_url:
                "https://auth.esw.esante.gouv.fr/auth/realms/esante-wallet/.well-known/wallet-openid-configuration"
                    .to_owned(),
            client_id: String::new(),
            client_secret: Credential::default(),
            private_key_file: String::new(),
            acr: "eidas1".to_owned(),
            ca_file: String::new(),
        }
    }
}

impl Default for Cps {
    fn default() -> Cps {
        Cps {
            enabled: false,
            bind: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 7443,
            public_url: String::new(),
            cert_file: String::new(),
            key_file: String::new(),
            authorities: Vec::new(),
            revocation_lists: Vec::new(),
            accept_stale_lists: false,
        }
    }
}
