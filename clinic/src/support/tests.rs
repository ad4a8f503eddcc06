//! Through the public API.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::audit;
use crate::consultations::tests::{Browser, World, portal};
use crate::model::{Role, Scope, Settings, SupportBundle};
use crate::store::IndexKey;

const MAKE: &str = "/api/v1/support/bundles";
const MAKE_AS_GUEST: &str = "/p/v1/support/bundles";

fn diagnosis() -> Value {
    json!({
        "page": "call", "browser": { "family": "firefox", "major": 130 }, "os": { "family": "windows", "major": 10 },
        "device": "desktop", "permissions": { "camera": "denied" }, "devices": { "cameras": 1, "microphones": 2, "speakers": 1 },
        "probe": { "websocket": true, "udp": false, "rtt_ms": 40, "verdict": "orange" },
        "ice": { "local": ["host", "relay"], "remote": ["host"], "transport": "tcp", "state": "failed" },
        "quality": [{ "at_s": -10, "rtt_ms": 50, "fps": 24 }],
        "errors": [{ "at_s": -3, "code": "ice_failed" }, { "at_s": -2, "code": "link-expired" }],
        "timeline": [{ "at_s": -60, "event": "page_opened" }],
    })
}

async fn agent(world: &World) -> Browser {
    world.person("aide@cabinet.example", |account, _| account.roles = vec![Role::Support]).await.0
}

async fn let_support_extend(world: &World) {
    let settings = Settings { support_may_extend: true, ..Settings::default() };
    world.clinic.store().write(|tx| tx.put(&settings)).await.unwrap();
}

async fn made(world: &World, browser: &Browser, path: &str) -> String {
    let answer = world.post(browser, path, diagnosis()).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
    answer.body["code"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_guests_diagnosis_is_found_by_its_code_with_states_times_and_lights_and_without_a_person() {
    let world = World::new().await;
    let (owner, _) = world.professional("jeanne@cabinet.example").await;
    let (id, _, guest, _) = world.in_call(&owner).await;
    let code = made(&world, &guest, MAKE_AS_GUEST).await;
    assert_eq!(code.len(), 6);
    assert!(code.chars().all(|letter| "ABCDEFGHJKMNPQRTUVWXY346789".contains(letter)), "{code}");
    let support = agent(&world).await;
    let seen = world.get(&support, &format!("{MAKE}/{}", code.to_lowercase())).await;
    assert_eq!((&seen["by"], &seen["role"]), (&json!("guest"), &json!("patient")));
    assert_eq!(seen["diagnostic"], diagnosis());
    let consultation = &seen["consultation"];
    assert_eq!(
        (&consultation["status"], &consultation["may_extend"]),
        (&json!("in_progress"), &json!(false))
    );
    assert_eq!(consultation["participants"].as_array().unwrap().len(), 2);
    let invitation = &consultation["invitations"][0];
    assert_eq!(invitation["destination"], "•• •• •• •• 78");
    assert_eq!(invitation["lights"]["opened"], true);
    let text = seen.to_string();
    for hidden in ["612345678", "12 34 56", "Martin", "Jeanne", "jeanne@", "acc_", id.as_str(), "\"name\""] {
        assert!(!text.contains(hidden), "{hidden}: {text}");
    }
    let events = audit::read(world.clinic.store(), 0, 1000).unwrap();
    let words: Vec<&str> = events.iter().map(|one| one.event.action.as_str()).collect();
    assert!(words.contains(&"support.bundle_made") && words.contains(&"support.bundle_viewed"));
    assert!(!serde_json::to_string(&events).unwrap().contains(&code));
}

#[tokio::test]
async fn whoever_is_not_support_does_not_learn_whether_a_code_exists() {
    let world = World::new().await;
    let (owner, _) = world.professional("jeanne@cabinet.example").await;
    let (_, _, guest, _) = world.in_call(&owner).await;
    let code = made(&world, &guest, MAKE_AS_GUEST).await;
    let (admin, _) =
        world.person("chef@cabinet.example", |account, _| account.roles = vec![Role::OrgAdmin]).await;
    let portal = portal(&world, &[Scope::ConsultationsWrite]).await;
    let paths = |code: &str| {
        [
            (Method::GET, format!("{MAKE}/{code}")),
            (Method::POST, format!("{MAKE}/{code}/extend")),
            (Method::POST, format!("{MAKE}/{code}/invitations/inv_0/resend")),
        ]
    };
    for (method, path) in paths(&code) {
        for browser in [&owner, &admin] {
            let answer = world.call(browser, method.clone(), &path, json!({})).await;
            assert_eq!(answer.body["code"], "not-found", "{path}");
        }
        for browser in [&guest, &portal, &Browser::default()] {
            let answer = world.call(browser, method.clone(), &path, json!({})).await;
            assert_eq!(answer.body["code"], "unauthenticated", "{path}");
        }
    }
    let support = agent(&world).await;
    for unknown in ["AAAAAA", "x", "AAAAAAAAAAAAAAAAAAAAAAAA"] {
        for (method, path) in paths(unknown) {
            let answer = world.call(&support, method, &path, json!({})).await;
            assert_eq!(answer.body["code"], "not-found", "{path}");
        }
    }
}

#[tokio::test]
async fn support_sends_a_link_again_to_the_same_place_only() {
    let world = World::new().await;
    let (owner, _) = world.professional("jeanne@cabinet.example").await;
    let (_, _, guest, _) = world.in_call(&owner).await;
    let code = made(&world, &guest, MAKE_AS_GUEST).await;
    let support = agent(&world).await;
    let seen = world.get(&support, &format!("{MAKE}/{code}")).await;
    let invitation = seen["consultation"]["invitations"][0]["id"].as_str().unwrap();
    let path = format!("{MAKE}/{code}/invitations/{invitation}/resend");
    let again = world.did(&support, &path, Value::Null).await;
    assert_eq!((&again["destination"], &again["resends_left"]), (&json!("•• •• •• •• 78"), &json!(2)));
    crate::consultations::tests::eventually("a second message", || {
        world.templates("+33612345678").iter().filter(|name| *name == "immediate-call").count() == 2
    })
    .await;
    // Neither another place nor the link itself nor the call.
    let id = world
        .clinic
        .store()
        .list::<crate::model::Consultation>(&crate::store::Query::new("status", IndexKey::new()));
    let id = id.unwrap().items[0].id.to_string();
    let base = format!("/api/v1/consultations/{id}");
    let elsewhere = world
        .refused(
            &support,
            &format!("{base}/invitations/{invitation}/resend"),
            json!({ "phone": "06 99 99 99 99" }),
        )
        .await;
    assert_eq!(elsewhere.0, 403);
    assert_eq!(
        world.refused(&support, &format!("{base}/invitations/{invitation}/link"), json!({})).await.0,
        403
    );
    assert_eq!(world.refused(&support, &format!("{base}/media-token"), json!({})).await.0, 403);
    let words: Vec<String> = audit::read(world.clinic.store(), 0, 1000)
        .unwrap()
        .iter()
        .map(|one| one.event.action.as_str().to_owned())
        .collect();
    assert!(words.contains(&"support.link_resent".to_owned()));
    for _ in 0..2 {
        world.did(&support, &path, Value::Null).await;
    }
    assert_eq!(world.refused(&support, &path, Value::Null).await, (429, "quota-exceeded".into()));
}

#[tokio::test]
async fn support_makes_an_appointment_longer_only_where_administrators_let_it() {
    let world = World::new().await;
    let (owner, _) = world.professional("jeanne@cabinet.example").await;
    let (id, _, guest, _) = world.in_call(&owner).await;
    let code = made(&world, &guest, MAKE_AS_GUEST).await;
    let support = agent(&world).await;
    let path = format!("{MAKE}/{code}/extend");
    assert_eq!(world.refused(&support, &path, json!({ "minutes": 20 })).await, (403, "forbidden".into()));
    let direct = world.refused(&support, &format!("/api/v1/consultations/{id}/extend"), json!({})).await;
    assert_eq!(direct, (403, "forbidden".into()));
    let before = world.record(&id).slot_end;
    let_support_extend(&world).await;
    assert_eq!(world.get(&support, &format!("{MAKE}/{code}")).await["consultation"]["may_extend"], true);
    world.did(&support, &path, json!({ "minutes": 20 })).await;
    assert_eq!(world.record(&id).slot_end.duration_since(before).as_mins(), 20);
    assert_eq!(world.refused(&support, &path, json!({ "minutes": 61 })).await.0, 422);
    let events = audit::read(world.clinic.store(), 0, 1000).unwrap();
    let told = events.iter().find(|one| one.event.action.as_str() == "support.window_extended").unwrap();
    assert!(told.event.on_behalf_of.is_some());
    world.did(&owner, &format!("/api/v1/consultations/{id}/end"), json!({})).await;
    assert_eq!(world.refused(&support, &path, json!({})).await, (403, "capability-not-available".into()));
}

#[tokio::test]
async fn a_professional_names_a_consultation_of_their_own_and_no_other() {
    let world = World::new().await;
    let (owner, _) = world.professional("jeanne@cabinet.example").await;
    let (stranger, _) = world.professional("paul@cabinet.example").await;
    let id = world.immediate(&owner).await["id"].as_str().unwrap().to_owned();
    let told = json!({ "page": "list", "consultation_id": id });
    assert_eq!(world.refused(&stranger, MAKE, told.clone()).await, (404, "not-found".into()));
    let code = world.did(&owner, MAKE, told).await["code"].as_str().unwrap().to_owned();
    let support = agent(&world).await;
    let seen = world.get(&support, &format!("{MAKE}/{code}")).await;
    assert_eq!((&seen["by"], &seen["consultation"]["kind"]), (&json!("account"), &json!("immediate")));
    assert!(seen["diagnostic"].get("consultation_id").is_none());
    let bare = made(&world, &stranger, MAKE).await;
    let seen = world.get(&support, &format!("{MAKE}/{bare}")).await;
    assert_eq!(seen["consultation"], Value::Null);
    assert_eq!(world.refused(&support, &format!("{MAKE}/{bare}/extend"), json!({})).await.0, 404);
}

#[tokio::test]
async fn a_diagnosis_with_anything_that_is_no_word_or_number_of_ours_is_refused() {
    let world = World::new().await;
    let (owner, _) = world.professional("jeanne@cabinet.example").await;
    let (id, _, guest, _) = world.in_call(&owner).await;
    let refused = async |change: Value| {
        let mut body = diagnosis();
        for (name, value) in change.as_object().unwrap() {
            body[name] = value.clone();
        }
        let answer = world.post(&guest, MAKE_AS_GUEST, body).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{change}");
        assert!(!answer.body.to_string().contains("Jeanne"), "{}", answer.body);
        answer.body["errors"][0]["pointer"].as_str().unwrap_or_default().to_owned()
    };
    refused(json!({ "note": "Jeanne Martin" })).await;
    refused(json!({ "page": "Jeanne" })).await;
    assert_eq!(refused(json!({ "errors": [{ "at_s": 0, "code": "Jeanne" }] })).await, "/errors/0/code");
    assert_eq!(refused(json!({ "quality": [{ "at_s": 7 }] })).await, "/quality/0/at_s");
    assert_eq!(refused(json!({ "consultation_id": id })).await, "/consultation_id");
    let forged = Browser { csrf: None, ..guest.clone() };
    assert_eq!(world.refused(&forged, MAKE_AS_GUEST, diagnosis()).await.0, 403);
    assert_eq!(world.refused(&Browser::default(), MAKE_AS_GUEST, diagnosis()).await.0, 401);
    for _ in 0..10 {
        made(&world, &guest, MAKE_AS_GUEST).await;
    }
    assert_eq!(world.refused(&guest, MAKE_AS_GUEST, diagnosis()).await, (429, "quota-exceeded".into()));
}

#[tokio::test]
async fn a_bundle_goes_when_its_time_is_over() {
    let world = World::new().await;
    let (owner, _) = world.professional("jeanne@cabinet.example").await;
    let code = made(&world, &owner, MAKE).await;
    let support = agent(&world).await;
    world.get(&support, &format!("{MAKE}/{code}")).await;
    world.later(30 * 24 * 60 + 1);
    let gone = world.call(&support, Method::GET, &format!("{MAKE}/{code}"), Value::Null).await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
    let (store, now) = (world.clinic.store(), world.clinic.clock().now());
    store.write(|tx| super::sweep(tx, now)).await.unwrap();
    let left = store.list::<SupportBundle>(&crate::store::Query::new("expires", IndexKey::new())).unwrap();
    assert!(left.items.is_empty());
}

mod network {
    use std::time::Duration;

    use futures_util::{SinkExt, StreamExt};
    use tokio_tungstenite::tungstenite::client::IntoClientRequest;
    use tokio_tungstenite::tungstenite::{Error, Message};
    use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

    use super::*;

    type Socket = WebSocketStream<MaybeTlsStream<tokio::net::TcpStream>>;

    async fn serve(world: &World) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let router = world.clinic.router();
        tokio::spawn(async move { axum::serve(listener, router).await });
        address
    }

    async fn open(address: &str, origin: Option<&str>) -> Result<Socket, u16> {
        let mut request = format!("ws://{address}/p/v1/network-probe").into_client_request().unwrap();
        if let Some(origin) = origin {
            request.headers_mut().insert("origin", origin.parse().unwrap());
        }
        match connect_async(request).await {
            Ok((socket, _)) => Ok(socket),
            Err(Error::Http(answer)) => Err(answer.status().as_u16()),
            Err(other) => panic!("{other}"),
        }
    }

    async fn say(socket: &mut Socket, bytes: Vec<u8>) {
        socket.send(Message::Binary(bytes.into())).await.unwrap();
    }

    async fn hear(socket: &mut Socket) -> Message {
        tokio::time::timeout(Duration::from_secs(10), socket.next()).await.unwrap().unwrap().unwrap()
    }

    async fn closed(socket: &mut Socket) -> u16 {
        loop {
            if let Message::Close(frame) = hear(socket).await {
                return frame.unwrap().code.into();
            }
        }
    }

    #[tokio::test]
    async fn it_echoes_fills_swallows_and_counts() {
        let world = World::new().await;
        let address = serve(&world).await;
        let mut socket = open(&address, Some(&format!("http://{address}"))).await.unwrap();
        let echo = [vec![0], vec![7; 100]].concat();
        say(&mut socket, echo.clone()).await;
        assert_eq!(hear(&mut socket).await.into_data(), echo);
        say(&mut socket, [vec![1], 100_000_u32.to_be_bytes().to_vec()].concat()).await;
        let mut received = 0;
        loop {
            let data = hear(&mut socket).await.into_data();
            match data[0] {
                1 => received += data.len() - 1,
                0x11 => {
                    assert_eq!(data[1..], 100_000_u32.to_be_bytes());
                    break;
                }
                other => panic!("{other}"),
            }
        }
        assert_eq!(received, 100_000);
        for _ in 0..3 {
            say(&mut socket, [vec![2], vec![0; 10_000]].concat()).await;
        }
        say(&mut socket, vec![3]).await;
        assert_eq!(
            hear(&mut socket).await.into_data(),
            [vec![3], 30_000_u32.to_be_bytes().to_vec()].concat()
        );
    }

    #[tokio::test]
    async fn what_is_too_large_too_much_or_unknown_ends_it() {
        let world = World::new().await;
        let address = serve(&world).await;
        for wrong in [
            [vec![0], vec![0; 1200]].concat(),
            [vec![1], 1_000_001_u32.to_be_bytes().to_vec()].concat(),
            vec![1, 0],
            vec![3, 0],
            vec![9],
        ] {
            let mut socket = open(&address, None).await.unwrap();
            say(&mut socket, wrong).await;
            assert_eq!(closed(&mut socket).await, 1008);
        }
        let mut socket = open(&address, None).await.unwrap();
        socket.send(Message::Text("hello".into())).await.unwrap();
        assert_eq!(closed(&mut socket).await, 1008);
        let mut socket = open(&address, None).await.unwrap();
        for _ in 0..5 {
            say(&mut socket, [vec![1], 1_000_000_u32.to_be_bytes().to_vec()].concat()).await;
        }
        assert_eq!(closed(&mut socket).await, 1008);
    }

    #[tokio::test]
    async fn pages_of_other_sites_and_those_who_come_too_often_are_refused() {
        let world = World::new().await;
        let address = serve(&world).await;
        for other in ["https://evil.example", "null", "http://127.0.0.1:1"] {
            assert_eq!(open(&address, Some(other)).await.err(), Some(403), "{other}");
        }
        for _ in 0..12 {
            drop(open(&address, None).await.unwrap());
        }
        assert_eq!(open(&address, None).await.err(), Some(429));
        let plain = world.call(&Browser::default(), Method::GET, "/p/v1/network-probe", Value::Null).await;
        assert_eq!(plain.body["code"], "malformed");
    }
}
