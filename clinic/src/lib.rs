//! The teleconsultation: accounts, consultations, messages, documents, reports, behind one API.
//!
//! [`Clinic`] owns everything. It is a client of the control plane by its REST API, as any portal is: it asks for rooms
//! and tokens with opaque ids, and no person is ever named there. `docs/clinic.md` says what is where and what is promised.

// What the network sends must not be able to end the process.
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::indexing_slicing, clippy::string_slice, clippy::panic)
)]

pub mod accounts;
mod admin;
pub mod audit;
pub mod backup;
pub mod billing;
pub mod cda;
pub mod client;
pub mod clients;
pub mod clock;
pub mod consultations;
pub mod control;
pub mod crypto;
pub mod documents;
pub mod export;
pub mod fetch;
pub mod fhir;
pub mod form;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
pub mod hooks;
pub mod http;
pub mod idempotency;
pub mod ids;
mod janitor;
pub mod limits;
pub mod messages;
pub mod model;
pub mod outbox;
pub mod payment;
pub mod pdf;
pub mod report;
pub mod seal;
pub mod settings;
pub mod store;
mod support;
#[cfg(test)]
mod testing;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;
use tokio::task::JoinHandle;

use admin::Health;
use clock::{Clock, Scheduler};
use consultations::Live;
use crypto::{InstanceKey, Key, KeyFileError, LookupKey};
use idempotency::Idempotency;
use limits::Traffic;
use outbox::Outbox;
pub use settings::{Approval, ClinicConfig, ControlAccess, SmsQuota};
use store::{OpenError, Store};

/// Why the clinic could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Key(#[from] KeyFileError),
    #[error(transparent)]
    Store(#[from] OpenError),
    #[error(transparent)]
    Cps(#[from] accounts::cps::StartError),
    #[error(transparent)]
    Mail(#[from] messages::MailConfigError),
    #[error(transparent)]
    Seal(#[from] seal::SealKeyError),
}

/// The clinic. Clones are handles.
#[derive(Clone)]
pub struct Clinic {
    inner: Arc<Inner>,
}

struct Inner {
    config: ClinicConfig,
    clock: Clock,
    store: Store,
    lookup: LookupKey,
    csrf: Key,
    scheduler: Scheduler,
    outbox: Outbox,
    idempotency: Idempotency,
    traffic: Traffic,
    health: Health,
    psc: Option<accounts::psc::Provider>,
    cps: Option<accounts::cps::Listening>,
    live: Live,
    sealer: seal::Sealer,
    control: control::ControlClient,
    stopping: watch::Sender<bool>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

/// A handle that does not keep the clinic alive.
#[derive(Clone)]
pub struct WeakClinic {
    inner: std::sync::Weak<Inner>,
}

impl WeakClinic {
    /// `None` once the last real handle is gone.
    pub fn upgrade(&self) -> Option<Clinic> {
        self.inner.upgrade().map(|inner| Clinic { inner })
    }
}

impl std::fmt::Debug for WeakClinic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WeakClinic")
    }
}

impl std::fmt::Debug for Clinic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Clinic")
    }
}

/// The file of the instance key.
pub fn key_file(data_dir: &Path) -> PathBuf {
    data_dir.join("clinic.key")
}

/// The folder of the store.
pub fn store_dir(data_dir: &Path) -> PathBuf {
    data_dir.join("clinic")
}

/// Opens key and store of a data directory, and makes both at the first start. For the server and for the commands that
/// work on a store without one.
pub fn open_store(data_dir: &Path) -> Result<(InstanceKey, Store), StartError> {
    let dir = store_dir(data_dir);
    let key = InstanceKey::open(&key_file(data_dir), !Store::exists(&dir))?;
    let store = Store::open(&dir, &key)?;
    Ok((key, store))
}

impl Clinic {
    /// Opens the store and starts timers and outbox on the current tokio runtime.
    pub async fn start(config: ClinicConfig, clock: Clock) -> Result<Clinic, StartError> {
        let (key, store) = open_store(&config.data_dir)?;
        let lookup = LookupKey::new(&key);
        let scheduler = Scheduler::new(store.clone(), clock.clone());
        let outbox = Outbox::new(store.clone(), clock.clone(), scheduler.clone());
        let health = Health::new(clock.clone());
        let sealer = seal::Sealer::open(&config.seal, &store, &config.organisation, &clock).await?;
        let sealer = sealer.noting(health.clone());
        let card_host = match &config.cps {
            Some(cps) => Some(accounts::cps::open(cps, &clock).await?),
            None => None,
        };
        let inner = Inner {
            psc: config.psc.clone().map(|psc| accounts::psc::Provider::new(psc, health.clone())),
            cps: card_host.as_ref().map(|host| host.listening.clone()),
            idempotency: Idempotency::new(store.clone(), lookup.clone()),
            csrf: key.derive("csrf"),
            clock,
            store,
            lookup,
            scheduler,
            outbox,
            traffic: Traffic::default(),
            health,
            live: Live::default(),
            sealer,
            control: control::ControlClient::new(config.control.clone()),
            stopping: watch::Sender::new(false),
            tasks: Mutex::default(),
            config,
        };
        let clinic = Clinic { inner: Arc::new(inner) };
        janitor::install(&clinic).await.map_err(OpenError::from)?;
        hooks::install(&clinic);
        payment::install(&clinic);
        if let Some(host) = card_host {
            clinic.spawn(host.run(clinic.clone(), clinic.stopping()));
        }
        consultations::install(&clinic).await.map_err(OpenError::from)?;
        messages::install(&clinic)?;
        documents::install(&clinic);
        clinic.spawn(clinic.scheduler().clone().run(clinic.stopping()));
        clinic.spawn(backup::serve(
            clinic.store().clone(),
            clinic.inner.config.data_dir.clone(),
            clinic.stopping(),
        ));
        Ok(clinic)
    }

    /// The API, for the server's listener.
    pub fn router(&self) -> axum::Router {
        http::router(self.clone())
    }

    /// Waits for jobs that are running, then for the disk. The listener has stopped before.
    pub async fn stop(&self) {
        self.inner.stopping.send_replace(true);
        let tasks = std::mem::take(&mut *self.inner.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        for task in tasks {
            let _ = task.await;
        }
        self.inner.store.close().await;
    }

    /// Runs something until the clinic stops: it has to watch [`Clinic::stopping`].
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let handle = tokio::spawn(task);
        self.inner.tasks.lock().unwrap_or_else(PoisonError::into_inner).push(handle);
    }

    /// Turns true when the clinic stops.
    pub fn stopping(&self) -> watch::Receiver<bool> {
        self.inner.stopping.subscribe()
    }

    pub fn config(&self) -> &ClinicConfig {
        &self.inner.config
    }

    pub fn clock(&self) -> &Clock {
        &self.inner.clock
    }

    pub fn store(&self) -> &Store {
        &self.inner.store
    }

    /// Hashes addresses, numbers and secrets for indexes.
    pub fn lookup(&self) -> &LookupKey {
        &self.inner.lookup
    }

    pub fn scheduler(&self) -> &Scheduler {
        &self.inner.scheduler
    }

    pub fn outbox(&self) -> &Outbox {
        &self.inner.outbox
    }

    pub fn idempotency(&self) -> &Idempotency {
        &self.inner.idempotency
    }

    /// Rate limits that live in memory; those that last are in [`limits`].
    pub fn traffic(&self) -> &Traffic {
        &self.inner.traffic
    }

    /// How the services outside answered lately.
    pub(crate) fn health(&self) -> &Health {
        &self.inner.health
    }

    /// Pro Santé Connect, if it is configured.
    pub fn psc(&self) -> Option<&accounts::psc::Provider> {
        self.inner.psc.as_ref()
    }

    /// The listener that asks for cards, if it is configured.
    pub fn cps(&self) -> Option<&accounts::cps::Listening> {
        self.inner.cps.as_ref()
    }

    /// Rooms and tokens.
    pub fn control(&self) -> &control::ControlClient {
        &self.inner.control
    }

    /// For what the clinic itself owns, such as handlers of timers: it must not keep the clinic alive.
    pub fn downgrade(&self) -> WeakClinic {
        WeakClinic { inner: Arc::downgrade(&self.inner) }
    }

    /// Tells open pages what changed.
    pub fn live(&self) -> &Live {
        &self.inner.live
    }

    /// Seals documents.
    pub fn sealer(&self) -> &seal::Sealer {
        &self.inner.sealer
    }

    pub(crate) fn csrf_key(&self) -> &Key {
        &self.inner.csrf
    }

    /// Cookies for TLS only, unless people reach this server without.
    pub fn secure_cookies(&self) -> bool {
        self.inner.config.public_url.starts_with("https://")
    }
}
