//! Against the real control plane, over loopback; only the media server behind it stands still.

use chevet_control::Control;
use chevet_control::media::api::{Candidate, Command, Fingerprint};
use chevet_control::media::{Media, Overloaded, WorkerId, WorkerLoad};
use chevet_control::registry::{JoinError, JoinOptions, Seat};
use chevet_control::settings::{ControlConfig, WebhookConfig};
use livekit_protocol as proto;

use super::*;
use crate::settings::ControlAccess;

const SECRET: &str = "0123456789abcdef0123456789abcdef";

struct Still;

impl Media for Still {
    fn place_room(&self) -> WorkerId {
        WorkerId(0)
    }

    fn fingerprint(&self) -> Fingerprint {
        Fingerprint([7; 32])
    }

    fn candidates(&self, _: WorkerId) -> Vec<Candidate> {
        Vec::new()
    }

    fn command(&self, _: WorkerId, _: Command) -> Result<(), Overloaded> {
        Ok(())
    }

    fn load(&self) -> Vec<WorkerLoad> {
        Vec::new()
    }

    fn healthy(&self) -> bool {
        true
    }
}

/// Joins as a browser does with this token.
fn join(control: &Control, token: &Value) -> Result<Seat, JoinError> {
    let claims = control.tokens().verify(token["token"].as_str().unwrap()).expect("a good token");
    assert_eq!(claims.name, "");
    let joined = control.join(&claims, JoinOptions::default())?;
    joined.seat.set_active();
    Ok(joined.seat)
}

fn camera(sid: &str) -> proto::TrackInfo {
    proto::TrackInfo {
        sid: sid.into(),
        r#type: proto::TrackType::Video as i32,
        source: proto::TrackSource::Camera as i32,
        mime_type: "video/VP8".into(),
        ..proto::TrackInfo::default()
    }
}

#[tokio::test]
async fn a_whole_call_goes_through_the_real_control_plane() {
    let bind = async || tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (controls_door, clinics_door) = (bind().await, bind().await);
    let url = |door: &tokio::net::TcpListener| format!("http://{}", door.local_addr().unwrap());
    let hook = format!("{}/api/v1/control-events", url(&clinics_door));
    let config = ControlConfig {
        keys: [("~clinic".to_owned(), SECRET.to_owned())].into(),
        webhooks: vec![WebhookConfig::new(vec![hook], "~clinic".into())],
        ..ControlConfig::default()
    };
    let (_events, no_events) = tokio::sync::mpsc::channel(1);
    let control = Control::start(config, Arc::new(Still), no_events).unwrap();
    let access =
        ControlAccess { url: url(&controls_door), key: "~clinic".into(), secret: Secret::new(SECRET) };
    let doors = control.router();
    tokio::spawn(async move { axum::serve(controls_door, doors).await });
    let clinic = TestClinic::with(|config| config.control = access).await;
    let doors = clinic.router();
    tokio::spawn(async move { axum::serve(clinics_door, doors).await });
    let mailbox = Arc::new(Mailbox::default());
    clinic.outbox().send_by(Channel::Sms, mailbox.clone());
    let world = World { clinic, control: Arc::default(), mailbox };

    let (doctor, _) = world.professional("jeanne@cabinet.example").await;
    let made = world.immediate(&doctor).await;
    let id = made["id"].as_str().unwrap();
    let (_, patient) = world.seats(&made);
    let seat_path = format!("/api/v1/consultations/{id}/participants/{patient}");
    let token_path = format!("/api/v1/consultations/{id}/media-token");
    let professional = join(&control, &world.did(&doctor, &token_path, Value::Null).await).unwrap();
    eventually("the professional's arrival", || world.record(id).professional_came).await;

    let secret = world.secret("+33612345678", "immediate-call").await;
    let (guest, _) = world.waits(&secret).await;
    world.did(&doctor, &format!("{seat_path}/admit"), json!({})).await;
    let token = world.did(&guest, "/p/v1/media-token", Value::Null).await;
    let person = join(&control, &token).unwrap();
    eventually("both in the room", || world.record(id).counting.is_some()).await;
    professional.publish(camera("TR_d"), Vec::new()).unwrap();
    person.publish(camera("TR_p"), Vec::new()).unwrap();
    eventually("both pictures", || world.record(id).counting.is_some_and(|one| one.video)).await;
    world.seconds_later(42);

    // Sent out of the call: control does it, and the token of before is worth nothing.
    world.did(&doctor, &format!("{seat_path}/send-back"), Value::Null).await;
    let room = world.room(id);
    let people = async |count: usize| {
        for _ in 0..1000 {
            if world.clinic.control().participants(&room).await.unwrap().len() == count {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("never {count} in the room");
    };
    people(1).await;
    assert!(join(&control, &token).is_err(), "the token outlived the removal");
    drop(person);
    assert_eq!(world.refused(&guest, "/p/v1/media-token", Value::Null).await.0, 403);

    world.did(&doctor, &format!("/api/v1/consultations/{id}/end"), json!({})).await;
    people(0).await;
    assert_eq!(world.record(id).video_seconds, 42);
    drop(professional);
}
