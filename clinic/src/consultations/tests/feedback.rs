use serde_json::json;

use super::*;

const PATH: &str = "/p/v1/feedback";

#[tokio::test]
async fn a_guest_says_how_it_was_and_only_the_professional_reads_it() {
    let world = World::new().await;
    let (owner, _) = world.professional("jeanne@cabinet.example").await;
    let (id, _, guest, _) = world.in_call(&owner).await;
    world.did(&owner, &format!("/api/v1/consultations/{id}/end"), json!({})).await;
    let first = json!({ "ease": 2, "comment": "Le son était mauvais" });
    assert_eq!(world.post(&guest, PATH, first).await.status, StatusCode::NO_CONTENT);
    let again = json!({ "ease": 5, "quality": 4, "comment": "Très bien, merci Jeanne" });
    assert_eq!(world.post(&guest, PATH, again).await.status, StatusCode::NO_CONTENT);
    let path = format!("/api/v1/consultations/{id}/feedback");
    let told = world.get(&owner, &path).await;
    assert_eq!(told["items"].as_array().unwrap().len(), 1);
    let one = &told["items"][0];
    assert_eq!(
        (&one["ease"], &one["quality"], &one["satisfaction"], &one["role"]),
        (&json!(5), &json!(4), &Value::Null, &json!("patient"))
    );
    assert_eq!(one["comment"], "Très bien, merci Jeanne");
    let (stranger, _) = world.professional("paul@cabinet.example").await;
    let (support, _) =
        world.person("aide@cabinet.example", |account, _| account.roles = vec![Role::Support]).await;
    let (admin, _) =
        world.person("chef@cabinet.example", |account, _| account.roles = vec![Role::OrgAdmin]).await;
    for (browser, status) in [
        (&stranger, StatusCode::NOT_FOUND),
        (&admin, StatusCode::NOT_FOUND),
        (&support, StatusCode::FORBIDDEN),
        (&guest, StatusCode::UNAUTHORIZED),
    ] {
        assert_eq!(world.call(browser, Method::GET, &path, Value::Null).await.status, status);
    }
    // It goes with the key of the consultation.
    world.did(&owner, &format!("/api/v1/consultations/{id}/purge"), json!({})).await;
    let gone = world.call(&owner, Method::GET, &path, Value::Null).await;
    assert!(!gone.body.to_string().contains("merci"));
}

#[tokio::test]
async fn feedback_needs_a_call_and_something_to_say() {
    let world = World::new().await;
    let (owner, _) = world.professional("jeanne@cabinet.example").await;
    world.immediate(&owner).await;
    let secret = world.secret("+33612345678", "immediate-call").await;
    let (guest, _) = world.enter(&secret).await;
    let good = json!({ "ease": 3 });
    assert_eq!(world.refused(&guest, PATH, good.clone()).await, (409, "invalid-transition".into()));
    assert_eq!(world.refused(&Browser::default(), PATH, good).await.0, 401);
    for (body, pointer) in [
        (json!({}), ""),
        (json!({ "comment": "   " }), ""),
        (json!({ "ease": 0 }), "/ease"),
        (json!({ "quality": 6 }), "/quality"),
        (json!({ "ease": 1, "comment": "x".repeat(501) }), "/comment"),
    ] {
        let answer = world.post(&guest, PATH, body.clone()).await;
        let found = answer.body["errors"][0]["pointer"].as_str().unwrap_or_default();
        assert_eq!((answer.status.as_u16(), found), (422, pointer), "{body}");
    }
}

#[tokio::test]
async fn whoever_is_in_the_call_knows_the_others_by_their_ids() {
    let world = World::new().await;
    let (owner, _) = world.professional("jeanne@cabinet.example").await;
    let (_, doctor, guest, patient) = world.in_call(&owner).await;
    let body = world.get(&guest, "/p/v1/session").await;
    let present = body["guest"]["present"].as_array().unwrap();
    assert_eq!(present.len(), 1);
    assert_eq!((&present[0]["participant_id"], &present[0]["role"]), (&json!(doctor), &json!("owner")));
    assert_ne!(present[0]["participant_id"], json!(patient));
}
