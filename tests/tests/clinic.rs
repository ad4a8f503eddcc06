//! The clinic behind the real program: its doors, its stop, and the commands that keep its data.

use chevet_tests::Server;
use serde_json::json;

fn registration(email: &str) -> serde_json::Value {
    json!({
        "first_name": "Jeanne", "exercise_name": "Martin", "profession_code": "10", "rpps": "10101010105",
        "email": email, "password": "sept tortues grises au marché", "accepts_terms": true,
    })
}

#[tokio::test]
async fn an_operator_proves_backs_up_and_restores_a_clinic_that_is_running() {
    let server = Server::start("clinic-keep").await;
    let (status, answer) = server.get("/api/v1/status").await.unwrap();
    assert_eq!(status, 200, "{answer}");
    let (status, answer) =
        server.post("/api/v1/registrations", &registration("jeanne@cabinet.example")).await.unwrap();
    assert_eq!(status, 202, "{answer}");

    let elsewhere = std::env::temp_dir().join(format!("chevet-test-{}-restored", std::process::id()));
    let _ = std::fs::remove_dir_all(&elsewhere);
    std::fs::create_dir_all(&elsewhere).unwrap();
    let file = elsewhere.join("monday.backup");
    let path = file.to_str().unwrap();

    let (good, said) = Server::command(&["audit", "verify"], server.data()).await.unwrap();
    assert!(good && said.contains("none changed and none missing"), "{said}");
    let (good, said) = Server::command(&["backup", path], server.data()).await.unwrap();
    assert!(good && said.contains("records"), "{said}");
    let (good, said) = Server::command(&["backup", path], server.data()).await.unwrap();
    assert!(!good && said.contains("exists"), "{said}");

    let (good, said) = Server::command(&["restore", path], server.data()).await.unwrap();
    assert!(!good && said.contains("holds a clinic already"), "{said}");
    let (good, said) = Server::command(&["restore", path], &elsewhere).await.unwrap();
    assert!(!good && said.contains("clinic.key"), "{said}");
    std::fs::copy(server.data().join("clinic.key"), elsewhere.join("clinic.key")).unwrap();
    let (good, said) = Server::command(&["restore", path], &elsewhere).await.unwrap();
    assert!(good && said.contains("is whole"), "{said}");
    let (good, said) = Server::command(&["audit", "verify"], &elsewhere).await.unwrap();
    // The registration, and the backup that tells of itself.
    assert!(good && said.starts_with("2 events, 1 to 2"), "{said}");
    std::fs::remove_dir_all(&elsewhere).unwrap();

    let log = server.tail();
    for word in ["jeanne", "Jeanne", "Martin", "10101010105", "tortues"] {
        assert!(!log.contains(word), "{word} in {log}");
    }
}

#[tokio::test]
async fn the_apis_of_rooms_and_of_the_clinic_do_not_stand_in_each_others_way() {
    let server = Server::start("clinic-doors").await;
    for (path, status) in [
        ("/v1/openapi.json", 200),
        ("/api/v1/openapi.json", 200),
        ("/v1/nothing", 404),
        ("/api/v1/nothing", 404),
        ("/p/v1/nothing", 404),
        ("/", 200),
        ("/join", 200),
    ] {
        assert_eq!(server.get(path).await.unwrap().0, status, "{path}");
    }
    let (_, rooms) = server.get("/v1/openapi.json").await.unwrap();
    let (_, clinic) = server.get("/api/v1/openapi.json").await.unwrap();
    assert!(rooms.contains("/v1/rooms/{room}/tokens") && clinic.contains("/api/v1/registrations"));
}

#[tokio::test]
async fn what_a_trial_server_writes_shows_up_at_dev_outbox_and_its_links_work() {
    let server = Server::start("clinic-outbox").await;
    let (status, page) = server.get("/dev/outbox").await.unwrap();
    assert_eq!(status, 200, "no emulators in this build: make test-build has them\n{page}");
    assert!(page.contains("Rien n’a encore été envoyé."), "{page}");
    let (_, answer) =
        server.post("/api/v1/registrations", &registration("claire@cabinet.example")).await.unwrap();
    assert!(answer.contains("202"), "{answer}");
    let end = tokio::time::Instant::now() + std::time::Duration::from_secs(10);
    let page = loop {
        let (_, page) = server.get("/dev/outbox").await.unwrap();
        if page.contains("Confirmez votre adresse") {
            break page;
        }
        assert!(tokio::time::Instant::now() < end, "{page}\n{}", server.tail());
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    };
    let (_, rest) = page.split_once("<a href=\"http://").unwrap();
    let link = rest.split('"').next().unwrap();
    let (_, token) = link.split_once("/inscription/confirmer#").unwrap();
    let (status, answer) =
        server.post("/api/v1/registrations/confirm", &json!({ "token": token })).await.unwrap();
    assert_eq!(status, 200, "{answer}");
    assert!(answer.contains("active"), "{answer}");
    let log = server.tail();
    for word in ["claire", token] {
        assert!(!log.contains(word), "{word} in {log}");
    }
}
