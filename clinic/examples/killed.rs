//! Writes to a store until it is killed, and says on standard output what was acknowledged. Part of `tests/kill.rs`.

use std::io::Write;
use std::path::PathBuf;

use chevet_clinic::audit::{Action, Event};
use chevet_clinic::crypto::DataKeyId;
use chevet_clinic::ids::ConsultationId;
use chevet_clinic::model::Contact;
use chevet_clinic::store::StoreError;
use jiff::Timestamp;

#[tokio::main]
async fn main() {
    let dir = PathBuf::from(std::env::args().nth(1).expect("a data directory"));
    let (_, store) = chevet_clinic::open_store(&dir).expect("the store opens");
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
