//! What portals hear by their webhooks.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Browser, PHONE, World, dossier, eventually, portal};
use crate::crypto::Purpose;
use crate::hooks::Delivery;
use crate::ids::WebhookId;
use crate::model::{ApiClient, Scope, WebhookEndpoint};
use crate::outbox::Channel;
use crate::store::IndexKey;

/// A portal with an endpoint that wants everything.
async fn listening(world: &World, scopes: &[Scope]) -> Browser {
    world.clinic.outbox().send_by(Channel::Webhook, world.mailbox.clone());
    let browser = portal(world, scopes).await;
    let secret = world.clinic.lookup().hash(Purpose::ApiSecret, browser.bearer.as_deref().unwrap());
    let key = IndexKey::new().hash(&secret);
    let client = world.clinic.store().find::<ApiClient>("secret", key).unwrap().unwrap();
    let now = world.clinic.clock().now();
    let endpoint = WebhookEndpoint {
        id: WebhookId::new(now),
        client: client.value.id,
        url: "https://portail.example/hook".into(),
        secrets: vec!["whsec_c2VjcmV0".into()],
        events: Vec::new(),
        created_at: now,
        rotated_at: None,
        disabled_at: None,
    };
    world.clinic.store().write(|tx| tx.insert(&endpoint)).await.unwrap();
    browser
}

/// The bodies that went out.
fn heard(world: &World) -> Vec<Value> {
    let mailbox = world.mailbox.0.lock().unwrap();
    let webhooks = mailbox.iter().filter(|message| message.channel == Channel::Webhook);
    let body = |id: &str| world.clinic.store().get::<Delivery>(id).unwrap().unwrap().value.body;
    webhooks
        .map(|message| serde_json::from_str(&body(message.data["delivery"].as_str().unwrap())).unwrap())
        .collect()
}

/// Waits for as many as there are in `wanted` and compares.
async fn hears(world: &World, wanted: &[(&str, usize)]) {
    let total: usize = wanted.iter().map(|(_, count)| count).sum();
    let counts = || {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for body in heard(world) {
            *counts.entry(body["type"].as_str().unwrap().to_owned()).or_default() += 1;
        }
        counts
    };
    for _ in 0..300 {
        if counts().values().sum::<usize>() >= total {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let wanted: BTreeMap<String, usize> =
        wanted.iter().map(|(event, count)| ((*event).to_owned(), *count)).collect();
    assert_eq!(counts(), wanted);
}

#[tokio::test]
async fn a_portal_hears_each_event_of_a_call_once_and_no_person() {
    let world = World::new().await;
    let (doctor, _) = world.professional("jeanne@cabinet.example").await;
    listening(&world, &[]).await;
    let (id, ..) = world.in_call(&doctor).await;
    world.did(&doctor, &format!("/api/v1/consultations/{id}/end"), json!({})).await;
    hears(
        &world,
        &[
            ("consultation.created", 1),
            ("consultation.ended", 1),
            ("consultation.opened", 1),
            ("consultation.started", 1),
            // Taken by the gateway and at the telephone at once.
            ("invitation.delivered", 1),
            ("invitation.opened", 1),
            ("participant.joined", 2),
            ("patient.waiting", 1),
        ],
    )
    .await;
    for body in heard(&world) {
        assert_eq!(body["data"]["consultation_id"], id.as_str());
        let names = body["data"].as_object().unwrap().keys();
        assert!(names.into_iter().all(|name| name.ends_with("_id")), "{body}");
        let text = body.to_string();
        assert!(!text.contains("12345678") && !text.contains(PHONE) && !text.contains("Martin"), "{text}");
    }
}

#[tokio::test]
async fn a_portal_finds_its_consultation_by_its_own_name_for_it_and_is_told_by_it() {
    let world = World::new().await;
    let (_, owner) = world.professional("jeanne@cabinet.example").await;
    let scopes = [Scope::ConsultationsRead, Scope::ConsultationsWrite, Scope::PatientsWrite];
    let mine = listening(&world, &scopes).await;
    let theirs = portal(&world, &scopes).await;
    let mut body = dossier();
    body["professional_id"] = json!(owner.as_str());
    body["external_ref"] = json!({ "system": "urn:portal", "value": "rdv-1" });
    let made = world.did(&mine, "/api/v1/consultations", body).await;
    let path = "/api/v1/consultations?external_ref=urn:portal%7Crdv-1";
    let found = world.get(&mine, path).await;
    assert_eq!(found["items"].as_array().unwrap().len(), 1);
    assert_eq!(found["items"][0]["id"], made["id"]);
    assert_eq!(world.get(&theirs, path).await["items"], json!([]), "another portal's name");
    let other = "/api/v1/consultations?external_ref=urn:portal%7Crdv-2";
    assert_eq!(world.get(&mine, other).await["items"], json!([]));

    world
        .did(&mine, &format!("/api/v1/consultations/{}/cancel", made["id"].as_str().unwrap()), json!({}))
        .await;
    eventually("the cancellation", || {
        heard(&world).iter().any(|body| {
            body["type"] == "consultation.cancelled" && body["data"]["external_ref"]["value"] == "rdv-1"
        })
    })
    .await;
}

#[tokio::test]
async fn only_a_portal_looks_up_by_reference_and_only_by_a_whole_one() {
    let world = World::new().await;
    let (doctor, _) = world.professional("jeanne@cabinet.example").await;
    let mine: Browser = portal(&world, &[Scope::ConsultationsRead]).await;
    for (who, reference) in [(&doctor, "a%7Cb"), (&mine, "rdv-1")] {
        let path = format!("/api/v1/consultations?external_ref={reference}");
        let answer = world.call(who, http::Method::GET, &path, Value::Null).await;
        assert_eq!((answer.status.as_u16(), &answer.body["code"]), (422, &json!("validation-failed")));
    }
}
