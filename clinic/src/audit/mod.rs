//! The audit trail: append-only, each event chained to the one before by its hash.
//!
//! `hash(i) = SHA-256(hash(i-1) ‖ number ‖ event)`, over the very bytes that are stored. The end of the chain is
//! authenticated under the instance key, so that events cannot be cut off the end either, unless the whole store is put
//! back to an older state; the signed checkpoints ([`checkpoint`]) are for keeping elsewhere against that.
//!
//! Events hold opaque ids only. They are never edited; old ones leave as whole days behind a signed checkpoint.

mod action;
mod chain;
mod verify;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use action::Action;
pub use chain::{Chain, Signer};
pub use verify::{
    Broken, Checkpoint, Report, Stored, checkpoint, prune, public_key, read, read_back, verify,
};

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    pub at: Timestamp,
    pub actor: Actor,
    /// The professional for whom a secretary or a portal acts: an account id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<String>,
    /// The first 24 bits of an IPv4 address, 48 of an IPv6 one; see [`ip_prefix`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip_prefix: Option<String>,
    pub action: Action,
    /// The id of what it was done to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    pub outcome: Outcome,
    /// A stable word, such as the code of a problem; never a text that somebody typed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Joins the events of one request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub corr_id: Option<String>,
}

/// Who did it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    #[serde(rename = "type")]
    pub kind: ActorKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActorKind {
    Account,
    Participant,
    ApiClient,
    System,
    Anonymous,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Ok,
    Denied,
    Failed,
}

impl Event {
    /// A success of the system itself; the `by_`, `on` and `because` methods say more.
    pub fn new(at: Timestamp, action: Action) -> Event {
        Event {
            at,
            actor: Actor { kind: ActorKind::System, id: None },
            on_behalf_of: None,
            ip_prefix: None,
            action,
            object: None,
            outcome: Outcome::Ok,
            reason: None,
            corr_id: None,
        }
    }

    #[must_use]
    pub fn by(mut self, kind: ActorKind, id: impl Into<Option<String>>) -> Event {
        self.actor = Actor { kind, id: id.into() };
        self
    }

    #[must_use]
    pub fn on(mut self, object: impl std::fmt::Display) -> Event {
        self.object = Some(object.to_string());
        self
    }

    #[must_use]
    pub fn with(mut self, outcome: Outcome, reason: &str) -> Event {
        self.outcome = outcome;
        self.reason = Some(reason.to_owned());
        self
    }

    #[must_use]
    pub fn from_address(mut self, address: Option<std::net::IpAddr>) -> Event {
        self.ip_prefix = address.map(ip_prefix);
        self
    }
}

/// Enough to see that a login came from another network, too little to name a person.
pub fn ip_prefix(address: std::net::IpAddr) -> String {
    match address.to_canonical() {
        std::net::IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            format!("{a}.{b}.{c}.0/24")
        }
        std::net::IpAddr::V6(address) => {
            let [a, b, c, ..] = address.segments();
            format!("{}/48", std::net::Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0))
        }
    }
}

#[cfg(test)]
mod tests;
