//! Messages to the outside, kept until they are delivered or given up: at least once, with one key for all tries.
//!
//! A message is put by the transaction that wants it sent, so it is sent if and only if that was done. After a crash in the
//! middle of a try nobody knows whether the provider took it; the next try carries the same key ([`Message::id`]), by which
//! a provider that can tells the two apart. How it stands is visible: [`Status`].

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;
use utoipa::ToSchema;

use crate::clock::{Clock, Handler, Job, JobError, Schedule, Scheduler};
use crate::crypto::DataKeyId;
use crate::ids::MessageId;
use crate::store::{IndexKey, Indexes, Query, Record, Sealing, Store, StoreError, Tx, Versioned};

/// The kind of the scheduler's jobs.
const JOB: &str = "outbox";

/// Ways out. Each has at most one [`Deliver`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    Email,
    Sms,
    Webhook,
}

impl Channel {
    fn as_str(self) -> &'static str {
        match self {
            Channel::Email => "email",
            Channel::Sms => "sms",
            Channel::Webhook => "webhook",
        }
    }
}

/// How a message stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Waits for its first or next try.
    Queued,
    /// A try is going on, or was when the server stopped.
    Sending,
    /// The provider took it.
    Sent,
    /// The provider says that it arrived.
    Delivered,
    /// Given up; `last_error` says why.
    Failed,
    /// Taken back before it was sent.
    Cancelled,
    /// Never to be sent: a quota was used up. `last_error` says which.
    Suppressed,
}

impl Status {
    pub const ALL: [Status; 7] = [
        Status::Queued,
        Status::Sending,
        Status::Sent,
        Status::Delivered,
        Status::Failed,
        Status::Cancelled,
        Status::Suppressed,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Status::Queued => "queued",
            Status::Sending => "sending",
            Status::Sent => "sent",
            Status::Delivered => "delivered",
            Status::Failed => "failed",
            Status::Cancelled => "cancelled",
            Status::Suppressed => "suppressed",
        }
    }

    /// No further try will be made.
    pub fn is_final(self) -> bool {
        !matches!(self, Status::Queued | Status::Sending)
    }
}

/// A message. The texts are made from template and data when it is sent; neither is kept longer than needed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Also the idempotency key given to the provider, the same for all tries.
    pub id: MessageId,
    pub channel: Channel,
    /// The opaque id of what it is about: an invitation, an account, a webhook endpoint.
    pub about: String,
    /// Which text.
    pub template: String,
    /// `fr` or `en`.
    pub locale: String,
    /// Address, number or URL. Emptied once nothing is left to send.
    #[serde(default)]
    pub destination: String,
    /// What the template needs. Emptied once nothing is left to send: links are secrets.
    #[serde(default)]
    pub data: serde_json::Value,
    /// Under which data key this record is sealed; none for messages about accounts.
    #[serde(default)]
    pub data_key: Option<DataKeyId>,
    pub status: Status,
    #[serde(default)]
    pub attempts: u32,
    pub created_at: Timestamp,
    #[serde(default)]
    pub sent_at: Option<Timestamp>,
    #[serde(default)]
    pub delivered_at: Option<Timestamp>,
    /// No try after this: an invitation to what is over helps nobody.
    pub expires_at: Timestamp,
    /// A stable word.
    #[serde(default)]
    pub last_error: Option<String>,
    #[serde(default)]
    pub provider_id: Option<String>,
}

impl Message {
    /// To be sent at once, for at most a day.
    pub fn new(now: Timestamp, channel: Channel, template: &str, about: impl AsRef<str>) -> Message {
        Message {
            id: MessageId::new(now),
            channel,
            about: about.as_ref().to_owned(),
            template: template.to_owned(),
            locale: "fr".to_owned(),
            destination: String::new(),
            data: serde_json::Value::Null,
            data_key: None,
            status: Status::Queued,
            attempts: 0,
            created_at: now,
            sent_at: None,
            delivered_at: None,
            expires_at: now.saturating_add(SignedDuration::from_hours(24)).unwrap_or(Timestamp::MAX),
            last_error: None,
            provider_id: None,
        }
    }

    /// Makes it one that is kept to be seen and never sent. `why`: a stable word.
    pub fn suppress(&mut self, why: &str) {
        self.last_error = Some(why.to_owned());
        finish(self, Status::Suppressed);
    }
}

impl Record for Message {
    const COLLECTION: &'static str = "message";

    fn id(&self) -> String {
        self.id.to_string()
    }

    fn sealing(&self) -> Sealing {
        self.data_key.clone().map_or(Sealing::Instance, Sealing::Data)
    }

    fn index(&self, indexes: &mut Indexes) {
        indexes.add("about", IndexKey::new().text(&self.about).time(self.created_at));
        if let Some(provider_id) = &self.provider_id {
            indexes.add("provider", IndexKey::new().text(self.channel.as_str()).text(provider_id));
        }
        indexes.add("status", IndexKey::new().text(self.status.as_str()).time(self.created_at));
    }
}

/// A sender: SMTP, an SMS gateway, webhooks.
#[async_trait]
pub trait Deliver: Send + Sync + 'static {
    /// One try. `message.id` is the idempotency key to hand on. To be bounded in time by the sender.
    async fn deliver(&self, message: &Message) -> Result<Receipt, DeliveryError>;

    /// Told once about every message that is given up, in no transaction. For marking what it was about.
    async fn gave_up(&self, _message: &Message) {}
}

/// Is told of every change of a message that is made after it was posted, inside the transaction that makes it.
pub trait Watch: Send + Sync + 'static {
    fn changed(&self, tx: &mut Tx<'_>, message: &Message) -> Result<(), StoreError>;
}

/// What a provider said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Receipt {
    /// By which a later delivery report will name the message.
    pub provider_id: Option<String>,
    /// Delivered already, not only taken.
    pub delivered: bool,
}

/// A try that failed. The words are stable and hold nothing of the message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeliveryError {
    /// Trying again may help, not before `retry_in` if given.
    #[error("{reason}")]
    Temporary { reason: String, retry_in: Option<SignedDuration> },
    /// Trying again will not help.
    #[error("{0}")]
    Permanent(String),
}

/// Waits between tries, in seconds; more tries than waits are not made.
const WAITS_S: [i64; 11] = [5, 15, 60, 180, 600, 1800, 3600, 7200, 14_400, 28_800, 86_400];

/// Putting messages as part of a transaction.
pub trait Post {
    /// Queues a message. Call [`Outbox::wake`] after the transaction.
    fn post(&mut self, message: &Message) -> Result<(), StoreError>;
    /// Takes a message back. False when it was sent already, or may have been.
    fn take_back(&mut self, id: &MessageId) -> Result<bool, StoreError>;
}

impl Post for Tx<'_> {
    fn post(&mut self, message: &Message) -> Result<(), StoreError> {
        self.insert(message)?;
        self.schedule(&Job::new(JOB, &message.id, message.created_at))
    }

    fn take_back(&mut self, id: &MessageId) -> Result<bool, StoreError> {
        let Some(mut message) = self.get::<Message>(id)? else { return Ok(false) };
        if message.status != Status::Queued || message.attempts > 0 {
            return Ok(false);
        }
        finish(&mut message.value, Status::Cancelled);
        self.update(&mut message)?;
        self.unschedule(JOB, id)?;
        Ok(true)
    }
}

/// Takes a message away altogether, sent or not: for an address that is erased.
pub(crate) fn forget_address(tx: &mut Tx<'_>, id: &MessageId) -> Result<(), StoreError> {
    tx.unschedule(JOB, id)?;
    tx.delete::<Message>(id).map(|_| ())
}

/// How long it is known that a message was sent, or was not.
const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Deletes messages that were settled long ago. For a timer.
pub fn sweep(tx: &mut Tx<'_>, now: Timestamp) -> Result<usize, StoreError> {
    let oldest = IndexKey::new().time(now.saturating_sub(KEPT).unwrap_or(Timestamp::MIN));
    let mut count = 0;
    for status in Status::ALL.into_iter().filter(|status| status.is_final()) {
        let query =
            Query::new("status", IndexKey::new().text(status.as_str())).until(oldest.clone()).limit(500);
        for message in tx.list::<Message>(&query)?.items {
            tx.delete::<Message>(&message.id)?;
            count += 1;
        }
    }
    Ok(count)
}

/// Nothing is left to send: address and data go, the status stays.
fn finish(message: &mut Message, status: Status) {
    message.status = status;
    message.destination.clear();
    message.data = serde_json::Value::Null;
}

/// Sends what was posted. Clones are handles.
#[derive(Clone)]
pub struct Outbox {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    clock: Clock,
    scheduler: Scheduler,
    senders: Mutex<HashMap<Channel, Arc<dyn Deliver>>>,
    changes: broadcast::Sender<String>,
    watcher: Mutex<Option<Arc<dyn Watch>>>,
}

/// Changes that a slow listener may be behind.
const CHANGES_BEHIND_MAX: usize = 256;

impl std::fmt::Debug for Outbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Outbox")
    }
}

impl Outbox {
    pub fn new(store: Store, clock: Clock, scheduler: Scheduler) -> Outbox {
        let inner = Inner {
            store,
            clock,
            scheduler: scheduler.clone(),
            senders: Mutex::default(),
            changes: broadcast::Sender::new(CHANGES_BEHIND_MAX),
            watcher: Mutex::default(),
        };
        let outbox = Outbox { inner: Arc::new(inner) };
        scheduler.handle(JOB, Arc::new(outbox.clone()));
        outbox
    }

    /// Who sends on `channel`. Without a sender messages fail with `adapter-not-configured`.
    pub fn send_by(&self, channel: Channel, sender: Arc<dyn Deliver>) {
        self.inner.senders.lock().unwrap_or_else(PoisonError::into_inner).insert(channel, sender);
        self.wake();
    }

    /// Who is told of changes. To be set before anything is sent.
    pub fn watch(&self, watcher: Arc<dyn Watch>) {
        *self.inner.watcher.lock().unwrap_or_else(PoisonError::into_inner) = Some(watcher);
    }

    /// Keeps a change and tells whoever watches.
    fn keep(&self, tx: &mut Tx<'_>, message: &mut Versioned<Message>) -> Result<(), StoreError> {
        tx.update(message)?;
        let watcher = self.inner.watcher.lock().unwrap_or_else(PoisonError::into_inner).clone();
        watcher.map_or(Ok(()), |watcher| watcher.changed(tx, &message.value))
    }

    /// The message that a provider names so.
    pub fn by_provider(&self, channel: Channel, provider_id: &str) -> Result<Option<MessageId>, StoreError> {
        let key = IndexKey::new().text(channel.as_str()).text(provider_id);
        let found = self.inner.store.list::<Message>(&Query::new("provider", key).limit(1))?;
        Ok(found.items.into_iter().next().map(|message| message.value.id))
    }

    /// True when `channel` has a sender.
    pub fn can_send(&self, channel: Channel) -> bool {
        self.inner.senders.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&channel)
    }

    /// Gives [`Message::about`] whenever a message moved on: sent, delivered, given up.
    pub fn changes(&self) -> broadcast::Receiver<String> {
        self.inner.changes.subscribe()
    }

    fn changed(&self, about: String) {
        // Nobody listens: fine.
        let _ = self.inner.changes.send(about);
    }

    /// After a transaction that posted.
    pub fn wake(&self) {
        self.inner.scheduler.wake();
    }

    /// One try of a message that is kept nowhere: for trying a sender out. `None` when the channel has none.
    pub async fn try_once(&self, message: &Message) -> Option<Result<Receipt, DeliveryError>> {
        let sender =
            self.inner.senders.lock().unwrap_or_else(PoisonError::into_inner).get(&message.channel).cloned();
        match sender {
            Some(sender) => Some(sender.deliver(message).await),
            None => None,
        }
    }

    /// The messages about something, the newest first.
    pub fn about(&self, about: impl AsRef<str>) -> Result<Vec<Message>, StoreError> {
        let query = Query::new("about", IndexKey::new().text(about.as_ref())).reverse();
        Ok(self.inner.store.list(&query)?.items.into_iter().map(|message| message.value).collect())
    }

    /// A provider's report that a message arrived, or did not. False when there is no such message, or nothing changes.
    pub async fn report(&self, id: &MessageId, delivered: bool, reason: &str) -> Result<bool, StoreError> {
        let now = self.inner.clock.now();
        let about = self
            .inner
            .store
            .write(|tx| {
                let Some(mut message) = tx.get::<Message>(id)? else { return Ok(None) };
                match (message.status, delivered) {
                    (Status::Sending | Status::Sent, true) => {
                        message.delivered_at = Some(now);
                        finish(&mut message.value, Status::Delivered);
                    }
                    (Status::Sending | Status::Sent, false) => {
                        message.last_error = Some(reason.to_owned());
                        finish(&mut message.value, Status::Failed);
                    }
                    // Reports come twice, late and out of order: what is known stays.
                    _ => return Ok(None),
                }
                self.keep(tx, &mut message)?;
                tx.unschedule(JOB, id)?;
                Ok::<_, StoreError>(Some(message.value.about))
            })
            .await?;
        let known = about.is_some();
        about.into_iter().for_each(|about| self.changed(about));
        Ok(known)
    }

    /// Marks a try, so that a crash in it leaves a trace. `None` when there is nothing to send any more.
    async fn begin(&self, id: &MessageId) -> Result<Option<Message>, StoreError> {
        let message = self
            .inner
            .store
            .write(|tx| {
                let Some(mut message) = tx.get::<Message>(id)? else { return Ok(None) };
                if message.status.is_final() {
                    return Ok(None);
                }
                message.status = Status::Sending;
                message.attempts = message.attempts.saturating_add(1);
                self.keep(tx, &mut message)?;
                Ok(Some(message.value))
            })
            .await;
        // Purged meanwhile: nobody is to be written to any more.
        if message == Err(StoreError::Purged) { Ok(None) } else { message }
    }

    async fn settle(&self, id: &MessageId, change: impl FnOnce(&mut Message)) -> Result<(), StoreError> {
        let settled = self
            .inner
            .store
            .write(|tx| {
                let Some(mut message) = tx.get::<Message>(id)? else { return Ok(None) };
                // A delivery report may have been quicker than the answer of the send itself.
                if !message.status.is_final() {
                    change(&mut message.value);
                    self.keep(tx, &mut message)?;
                }
                Ok(Some(message.value.about))
            })
            .await;
        match settled {
            Ok(about) => {
                about.into_iter().for_each(|about| self.changed(about));
                Ok(())
            }
            Err(StoreError::Purged) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

#[async_trait]
impl Handler for Outbox {
    async fn run(&self, job: &Job) -> Result<(), JobError> {
        let Ok(id) = job.subject.parse::<MessageId>() else { return Ok(()) };
        let Some(message) = self.begin(&id).await? else { return Ok(()) };
        let now = self.inner.clock.now();
        let sender =
            self.inner.senders.lock().unwrap_or_else(PoisonError::into_inner).get(&message.channel).cloned();
        let outcome = match &sender {
            _ if message.expires_at <= now => Err(DeliveryError::Permanent("expired".to_owned())),
            None => Err(DeliveryError::Permanent("adapter-not-configured".to_owned())),
            Some(sender) => sender.deliver(&message).await,
        };
        let now = self.inner.clock.now();
        let wait = usize::try_from(message.attempts.saturating_sub(1)).ok().and_then(|at| WAITS_S.get(at));
        let (reason, wait) = match outcome {
            Ok(receipt) => {
                self.settle(&id, |message| {
                    message.sent_at = Some(now);
                    message.provider_id = receipt.provider_id;
                    message.last_error = None;
                    message.delivered_at = receipt.delivered.then_some(now);
                    finish(message, if receipt.delivered { Status::Delivered } else { Status::Sent });
                })
                .await?;
                return Ok(());
            }
            Err(DeliveryError::Temporary { reason, retry_in }) => {
                (reason, wait.map(|wait| jittered(*wait).max(retry_in.unwrap_or(SignedDuration::ZERO))))
            }
            Err(DeliveryError::Permanent(reason)) => (reason, None),
        };
        let last = reason.clone();
        self.settle(&id, move |message| {
            message.last_error = Some(last);
            match wait {
                Some(_) => message.status = Status::Queued,
                None => finish(message, Status::Failed),
            }
        })
        .await?;
        match (wait, sender) {
            (Some(wait), _) => Err(JobError { reason, retry_in: Some(wait) }),
            (None, Some(sender)) => {
                sender.gave_up(&message).await;
                Ok(())
            }
            (None, None) => Ok(()),
        }
    }
}

/// Up to a fifth longer, so that what failed together does not come back together.
fn jittered(seconds: i64) -> SignedDuration {
    let millis = seconds.saturating_mul(1000);
    SignedDuration::from_millis(millis.saturating_add(rand::random_range(0..=millis / 5)))
}

#[cfg(test)]
mod tests;
