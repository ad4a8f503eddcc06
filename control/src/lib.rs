//! The control plane: rooms, participants and tokens, and the doors to them.
//!
//! [`Control`] is the hub. Signalling sessions sit on a [`registry::Seat`]; Twirp, our REST
//! API ([`rest`]) and the operator's pages ([`ops`]) are axum routers; the media server is behind [`media::Media`].
//! [`serve`] holds the one listener by which all of it, and signalling and the pages, are reached.

// What the network sends must not be able to end the process.
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::indexing_slicing, clippy::string_slice, clippy::panic)
)]

pub mod media;
pub mod ops;
pub mod registry;
pub mod rest;
pub mod serve;
pub mod settings;
pub mod sid;
#[cfg(test)]
mod testing;
pub mod tokens;
mod twirp;
mod webhooks;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use media::api::Event;
use media::{Ids, Media};
use ops::Metrics;
use registry::{Attachment, Counts, Hub, JoinError, JoinOptions, Joined, ResumeError, Seat};
use settings::ControlConfig;
use tokens::{Claims, KeyError, TokenError, Tokens};
use webhooks::Webhooks;

/// Why the control plane could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Keys(#[from] KeyError),
    #[error("metrics: {0}")]
    Metrics(String),
}

/// The control plane: the registry, tokens, webhooks, metrics and the way to the media server. Clones are handles.
#[derive(Clone)]
pub struct Control {
    inner: Arc<Inner>,
}

struct Inner {
    config: Arc<ControlConfig>,
    tokens: Arc<Tokens>,
    ids: Arc<Ids>,
    media: Arc<dyn Media>,
    counts: Arc<Counts>,
    metrics: Metrics,
    hub: Mutex<Hub>,
}

impl std::fmt::Debug for Control {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Control")
    }
}

impl Control {
    /// Starts the registry on the current tokio runtime, with the media server and its events.
    pub fn start(
        config: ControlConfig,
        media: Arc<dyn Media>,
        events: tokio::sync::mpsc::Receiver<Event>,
    ) -> Result<Control, StartError> {
        let control = Control::new(config, media)?;
        tokio::spawn(control.clone().run(events));
        Ok(control)
    }

    /// Without the tasks that move it: a test gives events and time by hand.
    fn new(config: ControlConfig, media: Arc<dyn Media>) -> Result<Control, StartError> {
        let tokens = Arc::new(Tokens::new(config.keys.clone(), config.dev)?);
        for webhooks in config.webhooks.iter().filter(|webhooks| !webhooks.urls.is_empty()) {
            if !tokens.has_key(&webhooks.api_key) {
                return Err(KeyError::Unknown(webhooks.api_key.clone()).into());
            }
        }
        let webhooks = Webhooks::start(&config.webhooks, &tokens);
        let (config, ids, counts) = (Arc::new(config), Arc::new(Ids::default()), Arc::new(Counts::default()));
        let hub = Hub::new(config.clone(), media.clone(), ids.clone(), webhooks, counts.clone());
        let metrics = Metrics::new().map_err(|error| StartError::Metrics(error.to_string()))?;
        let inner = Inner { config, tokens, ids, media, counts, metrics, hub: Mutex::new(hub) };
        Ok(Control { inner: Arc::new(inner) })
    }

    async fn run(self, mut events: tokio::sync::mpsc::Receiver<Event>) {
        let mut ticks = tokio::time::interval(Duration::from_secs(1));
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut open = true;
        loop {
            tokio::select! {
                event = events.recv(), if open => match event {
                    Some(event) => self.hub().on_event(Instant::now(), event),
                    None => open = false,
                },
                _ = ticks.tick() => self.hub().tick(Instant::now()),
            }
        }
    }

    /// The registry's lock. A panic under it must not take all rooms down, so poison is ignored.
    fn hub(&self) -> MutexGuard<'_, Hub> {
        self.inner.hub.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn config(&self) -> &ControlConfig {
        &self.inner.config
    }

    pub fn tokens(&self) -> &Tokens {
        &self.inner.tokens
    }

    pub fn media(&self) -> &dyn Media {
        &*self.inner.media
    }

    pub fn metrics(&self) -> &Metrics {
        &self.inner.metrics
    }

    /// The server API, the REST API and the operator's pages; without `/`, which is the pages' or [`ops::root`].
    pub fn router(&self) -> axum::Router {
        axum::Router::new()
            .merge(twirp::router())
            .merge(rest::router())
            .merge(ops::router())
            .with_state(self.clone())
    }

    /// A link that opens the call page with this token, in the fragment so that it reaches neither logs nor referrers.
    pub fn join_link(&self, token: &str) -> String {
        format!("{}/join#token={token}", self.config().public_url)
    }

    /// Numbers for the media server's objects.
    pub fn ids(&self) -> &Ids {
        &self.inner.ids
    }

    /// Reads the token of a request: the `Authorization: Bearer` header if there is one, else `access_token` of the query.
    pub fn authenticate(
        &self,
        headers: &http::HeaderMap,
        access_token: Option<&str>,
    ) -> Result<Claims, TokenError> {
        self.tokens().verify(tokens::bearer(headers, access_token)?)
    }

    /// What `join` would say, without joining (the validate endpoints).
    pub fn check_join(&self, claims: &Claims, options: &JoinOptions) -> Result<(), JoinError> {
        self.hub().check_join(claims, options).map(|_| ())
    }

    /// Seats a participant. An older one of the same identity is sent away first.
    pub fn join(&self, claims: &Claims, options: JoinOptions) -> Result<Joined, JoinError> {
        let seated = self.hub().join(Instant::now(), claims, options).inspect_err(|_| {
            self.inner.counts.joins_refused.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        })?;
        let seat = Seat {
            room: seated.room,
            member: seated.member,
            worker: seated.worker,
            room_name: seated.room_name,
            sid: seated.sid,
            identity: seated.identity,
            notices: Some(seated.notices),
            control: self.clone(),
        };
        Ok(Joined { seat, snapshot: seated.snapshot })
    }

    /// May this client resume that session? By identity and sid, in the room of the token. Checked before the upgrade.
    pub fn check_resume(&self, claims: &Claims, sid: &str) -> Result<(), ResumeError> {
        self.hub().find_session(claims, sid).map(|_| ())
    }

    /// Gives the session its new socket (`Notice::Attached`), after the upgrade. Gives it back when there is no such
    /// session. The token was checked by `check_resume`.
    pub fn attach(&self, identity: &str, sid: &str, attachment: Attachment) -> Result<(), Attachment> {
        self.hub().attach(identity, sid, attachment)
    }

    /// Sends all participants away with `leave{RECONNECT, SERVER_SHUTDOWN}` and lets nobody in any more.
    pub fn shut_down(&self) {
        self.hub().shut_down(Instant::now());
    }

    /// Rooms and participants at the moment.
    pub fn population(&self) -> (usize, usize) {
        let hub = self.hub();
        (hub.rooms.len(), hub.members.len())
    }
}
