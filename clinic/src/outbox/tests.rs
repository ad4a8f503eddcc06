use std::time::Duration;

use tokio::sync::watch;

use super::*;
use crate::crypto::InstanceKey;

fn start() -> Timestamp {
    "2026-12-03T13:30:00Z".parse().unwrap()
}

/// Answers by a script; afterwards it takes everything. Notes the keys it was given.
#[derive(Default)]
struct Scripted {
    script: Mutex<Vec<Result<Receipt, DeliveryError>>>,
    keys: Mutex<Vec<MessageId>>,
    given_up: Mutex<Vec<MessageId>>,
}

#[async_trait]
impl Deliver for Scripted {
    async fn deliver(&self, message: &Message) -> Result<Receipt, DeliveryError> {
        assert!(!message.destination.is_empty());
        self.keys.lock().unwrap().push(message.id.clone());
        let mut script = self.script.lock().unwrap();
        if script.is_empty() {
            Ok(Receipt { provider_id: Some("p1".into()), delivered: false })
        } else {
            script.remove(0)
        }
    }

    async fn gave_up(&self, message: &Message) {
        self.given_up.lock().unwrap().push(message.id.clone());
    }
}

struct World {
    _dir: tempfile::TempDir,
    clock: Clock,
    store: Store,
    outbox: Outbox,
    sender: Arc<Scripted>,
    _stop: watch::Sender<bool>,
}

fn world(script: Vec<Result<Receipt, DeliveryError>>) -> World {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), &InstanceKey::random()).unwrap();
    let clock = Clock::frozen(start());
    let scheduler = Scheduler::new(store.clone(), clock.clone());
    let outbox = Outbox::new(store.clone(), clock.clone(), scheduler.clone());
    let sender = Arc::new(Scripted { script: Mutex::new(script), ..Scripted::default() });
    outbox.send_by(Channel::Sms, sender.clone());
    let stop = watch::Sender::new(false);
    tokio::spawn(scheduler.run(stop.subscribe()));
    World { _dir: dir, clock, store, outbox, sender, _stop: stop }
}

impl World {
    fn message(&self) -> Message {
        Message {
            destination: "+33612345678".into(),
            data: serde_json::json!({"link": "secret"}),
            ..Message::new(self.clock.now(), Channel::Sms, "invitation", "inv_1")
        }
    }

    async fn post(&self, message: &Message) {
        self.store.write(|tx| tx.post(message)).await.unwrap();
        self.outbox.wake();
    }

    async fn reach(&self, id: &MessageId, wanted: impl Fn(&Message) -> bool) -> Message {
        let found = async {
            loop {
                let message = self.store.get::<Message>(id).unwrap().unwrap().value;
                if wanted(&message) {
                    return message;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        match tokio::time::timeout(Duration::from_secs(10), found).await {
            Ok(message) => message,
            Err(_) => panic!("stayed {:?}", self.store.get::<Message>(id).unwrap()),
        }
    }
}

impl World {
    /// Until the outbox waits for its next try, so that a clock moved on is not what the wait is counted from.
    async fn waits(&self, failed: u32) {
        let waits = async {
            let jobs = || self.store.list::<Job>(&Query::new("due", IndexKey::new())).unwrap().items;
            while !jobs().iter().any(|job| job.value.attempts == failed) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), waits).await.expect("the outbox waits for another try");
    }
}

fn temporary() -> Result<Receipt, DeliveryError> {
    Err(DeliveryError::Temporary { reason: "gateway-503".into(), retry_in: None })
}

#[tokio::test]
async fn a_message_is_sent_once_and_its_address_and_data_are_forgotten() {
    let world = world(Vec::new());
    let message = world.message();
    world.post(&message).await;
    let sent = world.reach(&message.id, |message| message.status == Status::Sent).await;
    assert_eq!((sent.destination.as_str(), &sent.data), ("", &serde_json::Value::Null));
    assert_eq!((sent.attempts, sent.provider_id.as_deref()), (1, Some("p1")));
    assert_eq!(world.sender.keys.lock().unwrap().len(), 1);
    assert_eq!(world.outbox.about("inv_1").unwrap(), [sent]);

    assert_eq!(world.outbox.report(&message.id, true, "").await, Ok(true));
    assert_eq!(world.outbox.report(&message.id, false, "late").await, Ok(false));
    assert_eq!(world.reach(&message.id, |_| true).await.status, Status::Delivered);
}

#[tokio::test]
async fn a_failed_try_is_repeated_with_the_same_key_and_later_each_time() {
    let world = world(vec![temporary(), temporary()]);
    let message = world.message();
    world.post(&message).await;
    let waiting =
        world.reach(&message.id, |message| message.status == Status::Queued && message.attempts == 1).await;
    assert_eq!(waiting.last_error.as_deref(), Some("gateway-503"));
    world.waits(1).await;
    world.clock.advance(SignedDuration::from_secs(4));
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(world.sender.keys.lock().unwrap().len(), 1);
    world.clock.advance(SignedDuration::from_secs(2));
    world.reach(&message.id, |message| message.status == Status::Queued && message.attempts == 2).await;
    world.waits(2).await;
    world.clock.advance(SignedDuration::from_secs(20));
    let sent = world.reach(&message.id, |message| message.status == Status::Sent).await;
    assert_eq!((sent.attempts, sent.last_error), (3, None));
    assert_eq!(*world.sender.keys.lock().unwrap(), vec![message.id.clone(); 3]);
}

#[tokio::test]
async fn what_cannot_be_delivered_is_given_up_and_told_once() {
    let world = world(vec![Err(DeliveryError::Permanent("unknown-number".into()))]);
    let message = world.message();
    world.post(&message).await;
    let failed = world.reach(&message.id, |message| message.status == Status::Failed).await;
    assert_eq!((failed.last_error.as_deref(), failed.destination.as_str()), (Some("unknown-number"), ""));
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(*world.sender.given_up.lock().unwrap(), [message.id]);
}

#[tokio::test]
async fn a_message_that_came_too_late_or_has_no_sender_is_not_sent() {
    let world = world(Vec::new());
    let late = Message { expires_at: start(), ..world.message() };
    world.post(&late).await;
    let failed = world.reach(&late.id, |message| message.status == Status::Failed).await;
    assert_eq!(failed.last_error.as_deref(), Some("expired"));
    let mail = Message { channel: Channel::Email, ..world.message() };
    world.post(&mail).await;
    let failed = world.reach(&mail.id, |message| message.status == Status::Failed).await;
    assert_eq!(failed.last_error.as_deref(), Some("adapter-not-configured"));
    assert!(world.sender.keys.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_message_of_a_purged_consultation_is_not_sent() {
    let world = world(vec![temporary()]);
    let key = DataKeyId::new("cs_1");
    let message = Message { data_key: Some(key.clone()), ..world.message() };
    world
        .store
        .write(|tx| {
            tx.create_key(&key)?;
            tx.post(&message)
        })
        .await
        .unwrap();
    world.outbox.wake();
    world.reach(&message.id, |message| message.status == Status::Queued && message.attempts == 1).await;
    world.store.write(|tx| tx.destroy_key(&key)).await.unwrap();
    world.clock.advance(SignedDuration::from_mins(1));
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(world.sender.keys.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_message_can_be_taken_back_until_its_first_try() {
    let world = world(Vec::new());
    let message = world.message();
    let taken = world
        .store
        .write(|tx| {
            tx.post(&message)?;
            tx.take_back(&message.id)
        })
        .await;
    assert_eq!(taken, Ok(true));
    world.outbox.wake();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(world.reach(&message.id, |_| true).await.status, Status::Cancelled);
    let sent = world.message();
    world.post(&sent).await;
    world.reach(&sent.id, |message| message.status == Status::Sent).await;
    assert_eq!(world.store.write(|tx| tx.take_back(&sent.id)).await, Ok(false));
    assert_eq!(world.sender.keys.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_settled_message_is_forgotten_after_thirty_days_and_a_waiting_one_is_not() {
    let world = world(vec![Ok(Receipt::default()), temporary()]);
    let (sent, waiting) = (world.message(), world.message());
    world.post(&sent).await;
    world.reach(&sent.id, |message| message.status == Status::Sent).await;
    world.post(&waiting).await;
    world.reach(&waiting.id, |message| message.status == Status::Queued && message.attempts == 1).await;
    let after = |days: i64| start() + SignedDuration::from_hours(24 * days);
    assert_eq!(world.store.write(|tx| sweep(tx, after(29))).await, Ok(0));
    assert_eq!(world.store.write(|tx| sweep(tx, after(31))).await, Ok(1));
    assert!(world.store.get::<Message>(&waiting.id).unwrap().is_some());
}
