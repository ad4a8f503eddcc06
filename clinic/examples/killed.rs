//! Works until it is killed, and says on standard output what was acknowledged and what it did. Part of `tests/kill.rs`.
//!
//! `killed DIR store` writes and purges records; `killed DIR clinic` posts messages and sets timers; `killed DIR finish`
//! runs the clinic until nothing is left to do, and ends.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chevet_clinic::clock::{Clock, Handler, Job, JobError, Schedule};
use chevet_clinic::outbox::{Channel, Deliver, DeliveryError, Message, Post, Receipt};
use chevet_clinic::store::{IndexKey, Query};
use chevet_clinic::{Clinic, ClinicConfig};

use chevet_clinic::audit::{Action, Event};
use chevet_clinic::crypto::DataKeyId;
use chevet_clinic::ids::ConsultationId;
use chevet_clinic::model::Contact;
use chevet_clinic::store::StoreError;
use jiff::Timestamp;

#[tokio::main]
async fn main() {
    let words: Vec<String> = std::env::args().collect();
    let dir = PathBuf::from(words.get(1).expect("a data directory"));
    match words.get(2).map(String::as_str) {
        Some("store") => records(&dir).await,
        Some("clinic") => messages(&dir).await,
        Some("finish") => finish(&dir).await,
        _ => panic!("store, clinic or finish"),
    }
}

/// Says what it is given to send, and fails now and then.
struct Sender;

#[async_trait]
impl Deliver for Sender {
    async fn deliver(&self, message: &Message) -> Result<Receipt, DeliveryError> {
        if message.attempts == 1 && message.id.as_str().ends_with(['0', '1', '2', '3']) {
            let retry_in = Some(jiff::SignedDuration::ZERO);
            return Err(DeliveryError::Temporary { reason: "test".to_owned(), retry_in });
        }
        say(&format!("sent {}", message.id));
        Ok(Receipt::default())
    }
}

struct Timer;

#[async_trait]
impl Handler for Timer {
    async fn run(&self, job: &Job) -> Result<(), JobError> {
        say(&format!("ran {}", job.subject));
        Ok(())
    }
}

async fn clinic(dir: &Path) -> Clinic {
    let config = ClinicConfig { data_dir: dir.to_owned(), ..ClinicConfig::default() };
    let clinic = Clinic::start(config, Clock::system()).await.expect("the clinic starts");
    clinic.outbox().send_by(Channel::Sms, Arc::new(Sender));
    clinic.scheduler().handle("timer", Arc::new(Timer));
    clinic
}

async fn messages(dir: &Path) {
    let clinic = clinic(dir).await;
    let mut writers = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let clinic = clinic.clone();
        writers.spawn(async move {
            loop {
                let now = clinic.clock().now();
                let message = Message {
                    destination: "+33612345678".to_owned(),
                    ..Message::new(now, Channel::Sms, "test", "inv_test")
                };
                let due = now + jiff::SignedDuration::from_millis(40);
                clinic
                    .store()
                    .write(|tx| {
                        tx.post(&message)?;
                        tx.schedule(&Job::new("timer", &message.id, due))?;
                        tx.audit(&Event::new(now, Action::InvitationSent).on(&message.id))
                    })
                    .await
                    .expect("written");
                clinic.outbox().wake();
                say(&format!("posted {}", message.id));
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
    }
    while writers.join_next().await.is_some() {}
}

async fn finish(dir: &Path) {
    let clinic = clinic(dir).await;
    loop {
        let jobs = clinic.store().list::<Job>(&Query::new("due", IndexKey::new()).limit(1000)).expect("jobs");
        if jobs.items.iter().all(|job| job.kind == "janitor") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    clinic.stop().await;
}

async fn records(dir: &Path) {
    let (_, store) = chevet_clinic::open_store(dir).expect("the store opens");
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..8_u32 {
        let store = store.clone();
        writers.spawn(async move {
            for n in 0.. {
                let now = Timestamp::now();
                let id = ConsultationId::new(now);
                let key = DataKeyId::new(id.as_str());
                let contact =
                    Contact { consultation: id.clone(), mobile: Some(format!("{writer}-{n}")), email: None };
                store
                    .write(|tx| {
                        tx.create_key(&key)?;
                        tx.insert(&contact)?;
                        tx.audit(&Event::new(now, Action::ConsultationCreated).on(&id))
                    })
                    .await
                    .expect("written");
                say(&format!("written {id} {writer}-{n}"));
                if n % 5 == 4 {
                    store
                        .write(|tx| {
                            tx.destroy_key(&key)?;
                            tx.audit(&Event::new(now, Action::ConsultationPurged).on(&id))?;
                            Ok::<_, StoreError>(())
                        })
                        .await
                        .expect("purged");
                    say(&format!("purged {id}"));
                }
            }
        });
    }
    while writers.join_next().await.is_some() {}
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).expect("somebody listens");
}
