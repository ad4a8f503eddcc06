//! A clinic that sends one short message and is killed while it does. Part of `tests/messages.rs`.
//!
//! Arguments: a data directory, the gateway's address, its secret. The first start posts the message.

use chevet_clinic::clock::Clock;
use chevet_clinic::crypto::Secret;
use chevet_clinic::messages::settings::{GatewayConfig, SmsConfig};
use chevet_clinic::messages::{Channel, Kind, Letter, post};
use chevet_clinic::outbox::Message;
use chevet_clinic::store::{IndexKey, Query};
use chevet_clinic::{Clinic, ClinicConfig};

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().expect("data directory, address, secret");
    let (dir, url, secret) = (next(), next(), next());
    let config = ClinicConfig {
        data_dir: dir.into(),
        sms: Some(SmsConfig {
            gateway: GatewayConfig::Http {
                url,
                body: r#"{"to":"{to}","text":"{text}","from":"{sender}"}"#.to_owned(),
                content_type: "application/json".to_owned(),
                header: "Authorization: Bearer {secret}".to_owned(),
                secret: Secret::new(secret),
            },
            sender: String::new(),
            receipts_secret: Secret::new(""),
        }),
        ..ClinicConfig::default()
    };
    let clinic = Clinic::start(config, Clock::system()).await.expect("the clinic starts");
    let about = || clinic.store().list::<Message>(&Query::new("about", IndexKey::new().text("once")));
    if about().expect("readable").items.is_empty() {
        let letter = Letter {
            kind: Kind::TestMessage,
            channel: Channel::Sms,
            to: "+33612345678".to_owned(),
            locale: "fr".to_owned(),
            about: "once".to_owned(),
            data_key: None,
            professional: None,
            expires_at: None,
        };
        clinic.store().write(|tx| post(&clinic, tx, &letter)).await.expect("posted");
        clinic.outbox().wake();
    }
    loop {
        let standing =
            about().expect("readable").items.into_iter().next().expect("there is one").value.status;
        println!("{standing:?}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}
