//! How the services outside answered lately: counted in memory, without anything of what was asked.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::Clock;
use crate::outbox::{Deliver, DeliveryError, Message, Receipt};

/// A service outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Adapter {
    Mail,
    Sms,
    /// Pro Santé Connect.
    Psc,
    /// The listener for cards.
    Cps,
    Clamd,
    Payment,
    /// Time stamps for seals.
    Timestamp,
}

impl Adapter {
    pub const ALL: [Adapter; 7] = [
        Adapter::Mail,
        Adapter::Sms,
        Adapter::Psc,
        Adapter::Cps,
        Adapter::Clamd,
        Adapter::Payment,
        Adapter::Timestamp,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Adapter::Mail => "mail",
            Adapter::Sms => "sms",
            Adapter::Psc => "psc",
            Adapter::Cps => "cps",
            Adapter::Clamd => "clamd",
            Adapter::Payment => "payment",
            Adapter::Timestamp => "timestamp",
        }
    }
}

/// The last of each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Last {
    pub success: Option<Timestamp>,
    /// With a stable word.
    pub failure: Option<(Timestamp, String)>,
}

/// Clones are handles.
#[derive(Clone, Debug)]
pub struct Health {
    clock: Clock,
    since: Timestamp,
    last: Arc<Mutex<HashMap<Adapter, Last>>>,
}

impl Health {
    pub fn new(clock: Clock) -> Health {
        Health { since: clock.now(), clock, last: Arc::default() }
    }

    /// Nothing is known of the time before.
    pub fn since(&self) -> Timestamp {
        self.since
    }

    pub fn of(&self, adapter: Adapter) -> Last {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).get(&adapter).cloned().unwrap_or_default()
    }

    pub fn worked(&self, adapter: Adapter) {
        let now = self.clock.now();
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.entry(adapter).or_default().success = Some(now);
    }

    /// `why`: a stable word.
    pub fn failed(&self, adapter: Adapter, why: impl std::fmt::Display) {
        let now = self.clock.now();
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.entry(adapter).or_default().failure = Some((now, why.to_string()));
    }
}

/// A sender whose outcomes are noted.
pub struct Noted<D> {
    pub inner: D,
    pub adapter: Adapter,
    pub health: Health,
}

#[async_trait]
impl<D: Deliver> Deliver for Noted<D> {
    async fn deliver(&self, message: &Message) -> Result<Receipt, DeliveryError> {
        let outcome = self.inner.deliver(message).await;
        match &outcome {
            Ok(_) => self.health.worked(self.adapter),
            Err(why) => self.health.failed(self.adapter, why),
        }
        outcome
    }

    async fn gave_up(&self, message: &Message) {
        self.inner.gave_up(message).await;
    }
}
