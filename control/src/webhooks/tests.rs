use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use base64::Engine;
use http::{HeaderMap, StatusCode};
use sha2::{Digest, Sha256};

use crate::registry::JoinOptions;
use crate::settings::{ControlConfig, WebhookConfig};
use crate::testing::*;
use crate::tokens::Claims;

/// Takes events, and refuses each of them a few times first.
#[derive(Default)]
struct Receiver {
    taken: Mutex<Vec<(HeaderMap, bytes::Bytes)>>,
    refusals: Mutex<HashMap<bytes::Bytes, u32>>,
}

async fn receive(
    State(receiver): State<Arc<Receiver>>,
    headers: HeaderMap,
    body: bytes::Bytes,
) -> StatusCode {
    let mut refusals = receiver.refusals.lock().expect("no panic");
    let refused = refusals.entry(body.clone()).or_insert(0);
    if *refused < 2 {
        *refused += 1;
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    receiver.taken.lock().expect("no panic").push((headers, body));
    StatusCode::OK
}

async fn receiver() -> (Arc<Receiver>, String) {
    let receiver = Arc::new(Receiver::default());
    let app = Router::new().route("/hook", post(receive)).with_state(receiver.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("loopback");
    let url = format!("http://{}/hook", listener.local_addr().expect("bound"));
    tokio::spawn(async move { axum::serve(listener, app).await });
    (receiver, url)
}

fn with_webhooks(urls: Vec<String>) -> ControlConfig {
    let mut webhooks = WebhookConfig::new(urls, "key".into());
    webhooks.backoff = vec![Duration::from_millis(10); 3];
    ControlConfig { webhooks: vec![webhooks], ..config() }
}

async fn until(done: impl Fn() -> bool) {
    for _ in 0..500 {
        if done() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn events_arrive_signed_and_in_order_through_refusals() {
    let (receiver, url) = receiver().await;
    let (control, _) = control_with(with_webhooks(vec![url]));
    let alice = control.join(&claims("r", "alice"), JoinOptions::default()).expect("may join").seat;
    alice.set_active();
    alice.publish(camera("TR_1"), Vec::new()).expect("may publish");
    alice.unpublish("TR_1").expect("published");
    drop(alice);
    let bob = join(&control, "r", "bob");
    drop(bob);
    control.hub().delete_room(std::time::Instant::now(), "r").expect("is there");
    until(|| receiver.taken.lock().expect("no panic").len() >= 7).await;

    let taken = receiver.taken.lock().expect("no panic");
    let mut names = Vec::new();
    for (headers, body) in taken.iter() {
        assert_eq!(headers["content-type"], "application/webhook+json");
        let token = headers["authorization"].to_str().expect("text");
        let claims: Claims = control.tokens().verify(token).expect("signed by the key");
        let hash = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(body));
        assert_eq!(claims.sha256, hash);
        let event: serde_json::Value = serde_json::from_slice(body).expect("JSON");
        assert!(event["id"].as_str().is_some_and(|id| id.starts_with("EV_")));
        assert!(event["createdAt"].is_string());
        assert_eq!(event["room"]["name"], "r");
        names.push(event["event"].as_str().unwrap_or_default().to_owned());
    }
    assert_eq!(
        names,
        [
            "room_started",
            "participant_joined",
            "track_published",
            "track_unpublished",
            "participant_left",
            "participant_connection_aborted",
            "room_finished"
        ]
    );
}

#[tokio::test]
async fn a_picture_that_a_line_does_not_carry_is_told_of_with_its_receiver_and_its_end_in_any_case() {
    use crate::media::api::{Codec, Event, SubscriptionId, TrackId};
    use crate::registry::MediaTrack;
    let (receiver, url) = receiver().await;
    let (control, _) = control_with(with_webhooks(vec![url]));
    let alice = control.join(&claims("r", "alice"), JoinOptions::default()).expect("may join").seat;
    let media = vec![MediaTrack { track: TrackId(5), codec: Codec::Vp8 }];
    alice.publish(camera("TR_1"), media).expect("may publish");
    let bob = join(&control, "r", "bob").seat;
    let event = |number, suspended| Event::Suspended {
        subscription: SubscriptionId(number),
        track: TrackId(5),
        member: bob.member,
        suspended,
    };
    let now = std::time::Instant::now();
    // A resumption that nobody has heard the begin of is none.
    for event in [event(7, false), event(7, true), event(7, false), event(8, true)] {
        control.hub().on_event(now, event);
    }
    drop(bob);
    until(|| receiver.taken.lock().expect("no panic").len() >= 7).await;
    let taken = receiver.taken.lock().expect("no panic");
    let told: Vec<(String, String)> = taken
        .iter()
        .filter_map(|(_, body)| serde_json::from_slice::<serde_json::Value>(body).ok())
        .filter(|event| event["event"] == "track_suspended" || event["event"] == "track_resumed")
        .map(|event| {
            assert_eq!(event["track"]["sid"], "TR_1");
            (event["event"].to_string(), event["participant"]["identity"].to_string())
        })
        .collect();
    let (suspended, resumed) = ("\"track_suspended\"", "\"track_resumed\"");
    let names: Vec<&str> = told.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, [suspended, resumed, suspended, resumed]);
    assert!(told.iter().all(|(_, who)| who == "\"bob\""));
}

#[tokio::test]
async fn a_dead_receiver_delays_no_other_and_the_queue_is_bounded() {
    let (receiver, url) = receiver().await;
    // Nobody listens on the discard port of loopback.
    let mut config = with_webhooks(vec!["http://127.0.0.1:9/dead".into(), url]);
    for webhooks in &mut config.webhooks {
        webhooks.queue = 8;
        webhooks.backoff = vec![Duration::from_secs(600)];
    }
    let (control, _) = control_with(config);
    for round in 0..50 {
        control.hub().webhooks.room_started(&livekit_protocol::Room {
            name: "r".into(),
            sid: format!("RM_{round}"),
            ..Default::default()
        });
    }
    let counts = control.hub().webhooks.counts.clone();
    assert!(
        counts.dropped.load(std::sync::atomic::Ordering::Relaxed) >= 80,
        "two queues of 8 and two in flight"
    );
    let _ = receiver;
}

#[tokio::test]
async fn an_unknown_signing_key_is_refused_at_the_start() {
    let mut config = with_webhooks(vec!["http://127.0.0.1:9/".into()]);
    config.webhooks[0].api_key = "other".into();
    let media = Arc::new(Recorder::default());
    assert!(crate::Control::new(config, media).is_err());
}
