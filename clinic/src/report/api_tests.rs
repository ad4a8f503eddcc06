//! Form, report and exports through the API, with everything in a store.

use axum::body::Body;
use http::{Method, Request, StatusCode};
use jiff::SignedDuration;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::tests::sample;
use crate::Clinic;
use crate::http::session::{begin, csrf_token};
use crate::ids::{ApiClientId, BlobId};
use crate::model::{ApiClient, Consultation, Kind, LoginMethod, Report, Role, Scope, Status, Subject};
use crate::seal::Authorities;
use crate::testing::{TestClinic, account};

struct World {
    clinic: TestClinic,
    cookie: String,
    csrf: String,
    id: String,
}

impl World {
    /// The sample's consultation, ended and not validated, with its owner logged in.
    async fn start() -> World {
        let clinic = TestClinic::start().await;
        let mut dossier = sample();
        dossier.consultation.status = Status::Ended;
        dossier.consultation.validated_at = None;
        let id = dossier.consultation.id.to_string();
        let key = dossier.consultation.data_key();
        let patient_key = dossier.patient.data_key();
        for document in &mut dossier.documents {
            document.blob = Some(BlobId::new(clinic.clock().now()));
        }
        let mut owner = account(&clinic, "olivier@cabinet.example");
        owner.id = dossier.professional.account_id.clone();
        let documents = dossier.documents.clone();
        let (session, secret) = clinic
            .store()
            .write(|tx| {
                tx.create_key(&key)?;
                tx.create_key(&patient_key)?;
                tx.insert(&owner)?;
                tx.insert(&dossier.professional)?;
                tx.insert(&dossier.patient)?;
                tx.insert(&dossier.consultation)?;
                tx.insert(dossier.facility.as_ref().unwrap())?;
                for one in &dossier.participants {
                    tx.insert(one)?;
                }
                for one in &dossier.consents {
                    tx.insert(one)?;
                }
                for one in &dossier.incidents {
                    tx.insert(one)?;
                }
                for one in &dossier.documents {
                    tx.insert(one)?;
                }
                for one in &dossier.payments {
                    tx.insert(one)?;
                }
                let subject = Subject::Account { account: owner.id.clone() };
                begin(&clinic, tx, subject, LoginMethod::Password, true, 0)
            })
            .await
            .unwrap();
        for document in documents {
            let blob = document.blob.unwrap();
            clinic.store().put_blob(&key, &blob, document.file_name.into_bytes()).await.unwrap();
        }
        let cookie = format!("chevet={}", secret.expose());
        World { csrf: csrf_token(&clinic, &session), clinic, cookie, id }
    }

    fn request(&self, method: Method, path: &str) -> http::request::Builder {
        let path = path.replace("{id}", &self.id);
        Request::builder()
            .method(method)
            .uri(path)
            .header("cookie", &self.cookie)
            .header("x-csrf-token", &self.csrf)
            .header("content-type", "application/json")
    }

    async fn send(&self, request: Request<Body>) -> (StatusCode, http::HeaderMap, Vec<u8>) {
        let response = self.clinic.router().oneshot(request).await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = axum::body::to_bytes(response.into_body(), 1 << 26).await.unwrap();
        (status, headers, bytes.to_vec())
    }

    async fn get(&self, path: &str) -> (StatusCode, Vec<u8>) {
        let (status, _, bytes) =
            self.send(self.request(Method::GET, path).body(Body::empty()).unwrap()).await;
        (status, bytes)
    }

    async fn json(&self, path: &str) -> (StatusCode, Value) {
        let (status, bytes) = self.get(path).await;
        (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }

    async fn save(&self, etag: &str, body: &Value) -> (StatusCode, String, Value) {
        let request = self.request(Method::PUT, "/api/v1/consultations/{id}/form").header("if-match", etag);
        let (status, headers, bytes) = self.send(request.body(Body::from(body.to_string())).unwrap()).await;
        let etag = headers.get("etag").map_or("", |etag| etag.to_str().unwrap()).to_owned();
        (status, etag, serde_json::from_slice(&bytes).unwrap())
    }

    async fn validate(&self, etag: &str) -> (StatusCode, Value) {
        let request =
            self.request(Method::POST, "/api/v1/consultations/{id}/form/validate").header("if-match", etag);
        let (status, _, bytes) = self.send(request.body(Body::empty()).unwrap()).await;
        (status, serde_json::from_slice(&bytes).unwrap())
    }

    async fn validated(&self) -> Value {
        let (_, etag, _) = self.save("\"v0\"", &form()).await;
        let (status, report) = self.validate(&etag).await;
        assert_eq!(status, StatusCode::CREATED, "{report}");
        report
    }

    async fn addendum(&self, key: &str, text: &str) -> (StatusCode, Value) {
        let request = self
            .request(Method::POST, "/api/v1/consultations/{id}/report/addendum")
            .header("idempotency-key", key);
        let (status, _, bytes) =
            self.send(request.body(Body::from(json!({"text": text}).to_string())).unwrap()).await;
        (status, serde_json::from_slice(&bytes).unwrap())
    }

    fn consultation(&self) -> Consultation {
        self.clinic.store().get::<Consultation>(&self.id).unwrap().unwrap().value
    }
}

fn form() -> Value {
    let form = sample().form.unwrap();
    json!({"answers": form.answers, "acts": form.acts})
}

fn code(problem: &Value) -> &str {
    problem["code"].as_str().unwrap_or_default()
}

#[tokio::test]
async fn a_draft_is_saved_with_the_version_that_was_read_and_not_over_another() {
    let world = World::start().await;
    let (status, empty) = world.json("/api/v1/consultations/{id}/form").await;
    assert_eq!((status, &empty["missing"]), (StatusCode::OK, &json!(["reason", "conclusion"])));
    let draft = json!({"answers": {"reason": "Toux"}, "acts": []});
    let (status, first, _) = world.save("\"v0\"", &draft).await;
    assert_eq!((status, first.as_str()), (StatusCode::OK, "\"v1\""));
    let (status, _, problem) = world.save("\"v0\"", &draft).await;
    assert_eq!((status, code(&problem)), (StatusCode::PRECONDITION_FAILED, "version-conflict"));
    let (status, _, _) = world.save(&first, &form()).await;
    assert_eq!(status, StatusCode::OK);
    let (status, _, problem) = world.save("\"v2\"", &json!({"answers": {"reason": 3}})).await;
    assert_eq!(
        (status, &problem["errors"][0]["pointer"]),
        (StatusCode::UNPROCESSABLE_ENTITY, &json!("/answers/reason"))
    );
}

#[tokio::test]
async fn validating_wants_a_whole_form_of_the_version_shown_and_a_fresh_proof_of_presence() {
    let world = World::start().await;
    let (_, etag, _) = world.save("\"v0\"", &json!({"answers": {"reason": "Toux"}})).await;
    let (status, problem) = world.validate(&etag).await;
    assert_eq!(
        (status, &problem["errors"][0]["pointer"]),
        (StatusCode::UNPROCESSABLE_ENTITY, &json!("/answers/conclusion"))
    );
    let (_, etag, _) = world.save(&etag, &form()).await;
    let (status, problem) = world.validate("\"v1\"").await;
    assert_eq!((status, code(&problem)), (StatusCode::PRECONDITION_FAILED, "version-conflict"));
    world.clinic.clock().advance(SignedDuration::from_mins(11));
    let (status, problem) = world.validate(&etag).await;
    assert_eq!((status, code(&problem)), (StatusCode::UNAUTHORIZED, "reauthentication-required"));
}

#[tokio::test]
async fn a_validated_form_makes_a_report_and_never_changes_again() {
    let world = World::start().await;
    let report = world.validated().await;
    assert_eq!((&report["version"], &report["seal"]["time_stamp"]), (&json!(1), &Value::Null));
    assert_eq!(report["seal"]["algorithm"], "ecdsa-p256-sha256");
    assert_eq!(report["seal"]["certificate"], world.clinic.sealer().fingerprint());
    let consultation = world.consultation();
    assert_eq!(consultation.status, Status::Validated);
    assert!(consultation.retention_until.is_some() && consultation.validated_at.is_some());
    let (status, _, problem) = world.save("*", &form()).await;
    assert_eq!((status, code(&problem)), (StatusCode::CONFLICT, "invalid-transition"));
    let (status, problem) = world.validate("*").await;
    assert_eq!((status, code(&problem)), (StatusCode::CONFLICT, "invalid-transition"));
    let (status, pdf) = world.get("/api/v1/consultations/{id}/report").await;
    assert_eq!(status, StatusCode::OK);
    use sha2::Digest;
    let hash = crate::crypto::secret::hex(&sha2::Sha256::digest(&pdf));
    assert_eq!(report["sha256"], json!(hash));
    let found = crate::seal::check(&pdf, &Authorities::default());
    assert!(matches!(found.as_slice(), [seal] if seal.intact && seal.whole));
}

#[tokio::test]
async fn an_addendum_makes_another_version_and_keeps_the_first() {
    let world = World::start().await;
    let (status, problem) = world.addendum("a", "Trop tôt").await;
    assert_eq!((status, code(&problem)), (StatusCode::CONFLICT, "invalid-transition"));
    let first = world.validated().await;
    let (status, second) = world.addendum("k1", "Résultat reçu : négatif.").await;
    assert_eq!((status, &second["version"]), (StatusCode::CREATED, &json!(2)), "{second}");
    // The same request again does nothing twice.
    let (_, again) = world.addendum("k1", "Résultat reçu : négatif.").await;
    assert_eq!(again, second);
    let (_, versions) = world.json("/api/v1/consultations/{id}/report/versions").await;
    assert_eq!(versions.as_array().unwrap().len(), 2);
    let (_, old) = world.get("/api/v1/consultations/{id}/report?version=1").await;
    let (_, new) = world.get("/api/v1/consultations/{id}/report").await;
    assert_ne!(old, new);
    assert!(crate::seal::check(&new, &Authorities::default()).iter().all(|seal| seal.intact && seal.whole));
    assert!(second["seal"].is_object());
    assert_eq!(first["bytes"], json!(old.len()));
    assert_eq!(world.get("/api/v1/consultations/{id}/report?version=3").await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_zip_has_everything_is_the_same_every_time_and_is_remembered() {
    let world = World::start().await;
    let (status, problem) = world.json("/api/v1/consultations/{id}/export?format=zip").await;
    assert_eq!((status, code(&problem)), (StatusCode::CONFLICT, "invalid-transition"));
    world.validated().await;
    let (_, _) = world.get("/api/v1/consultations/{id}/report").await;
    assert_eq!(world.consultation().last_export_at, None, "the report alone leaves documents behind");
    let (status, zip) = world.get("/api/v1/consultations/{id}/export?format=zip").await;
    assert_eq!(status, StatusCode::OK);
    let text = String::from_utf8_lossy(&zip).into_owned();
    for name in
        ["compte-rendu-v1.pdf", "documents/plaie-talon.jpg", "fiche-fse.csv", "manifest.json", "verify.html"]
    {
        assert!(text.contains(name), "{name}");
    }
    assert!(zip.ends_with(&[0, 0]) && text.contains("PK\u{5}\u{6}"));
    for _ in 0..100 {
        if world.consultation().last_export_at.is_some() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert!(world.consultation().last_export_at.is_some());
    world.clinic.clock().advance(SignedDuration::from_mins(5));
    assert_eq!(world.get("/api/v1/consultations/{id}/export?format=zip").await.1, zip);
}

#[tokio::test]
async fn every_export_has_its_kind_and_no_fhir_or_cda_has_the_typed_number() {
    let world = World::start().await;
    world.validated().await;
    for (format, kind) in [
        ("fhir", "application/fhir+json"),
        ("cda", "application/xml"),
        ("billing.csv", "text/csv; charset=utf-8"),
        ("billing.pdf", "application/pdf"),
        ("billing.json", "application/json"),
    ] {
        let path = format!("/api/v1/consultations/{{id}}/export?format={format}");
        let request = world.request(Method::GET, &path).body(Body::empty()).unwrap();
        let (status, headers, bytes) = world.send(request).await;
        assert_eq!((status, headers["content-type"].to_str().unwrap()), (StatusCode::OK, kind));
        let number = String::from_utf8_lossy(&bytes).contains("2550814168025");
        assert_eq!(number, matches!(format, "billing.csv" | "billing.json"), "{format}");
    }
    let (status, _) = world.get("/api/v1/consultations/{id}/export?format=docx").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_secretary_gets_the_sheet_without_the_number_and_nothing_else() {
    let mut world = World::start().await;
    world.validated().await;
    let mut secretary = account(&world.clinic, "secretariat@cabinet.example");
    secretary.roles = vec![Role::Secretary];
    secretary.works_for = vec![world.consultation().owner];
    let (session, secret) = world
        .clinic
        .store()
        .write(|tx| {
            tx.insert(&secretary)?;
            begin(
                &world.clinic,
                tx,
                Subject::Account { account: secretary.id.clone() },
                LoginMethod::Password,
                true,
                0,
            )
        })
        .await
        .unwrap();
    world.cookie = format!("chevet={}", secret.expose());
    world.csrf = csrf_token(&world.clinic, &session);
    let (status, sheet) = world.get("/api/v1/consultations/{id}/export?format=billing.json").await;
    assert_eq!(status, StatusCode::OK);
    assert!(!String::from_utf8(sheet).unwrap().contains("2550814168025"));
    for path in ["export?format=zip", "export?format=cda", "report", "form", "report/preview"] {
        let (status, _) = world.get(&format!("/api/v1/consultations/{{id}}/{path}")).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{path}");
    }
}

#[tokio::test]
async fn a_stranger_does_not_learn_that_the_consultation_exists() {
    let mut world = World::start().await;
    world.validated().await;
    let stranger = account(&world.clinic, "autre@cabinet.example");
    let (session, secret) = world
        .clinic
        .store()
        .write(|tx| {
            tx.insert(&stranger)?;
            begin(
                &world.clinic,
                tx,
                Subject::Account { account: stranger.id.clone() },
                LoginMethod::Password,
                true,
                0,
            )
        })
        .await
        .unwrap();
    world.cookie = format!("chevet={}", secret.expose());
    world.csrf = csrf_token(&world.clinic, &session);
    let fhir = world.id.replace('_', "-");
    let paths = [
        "export?format=zip",
        "export?format=billing.csv",
        "report",
        "report/preview",
        "report/versions",
        "form",
    ]
    .map(|path| format!("/api/v1/consultations/{}/{path}", world.id));
    for path in paths
        .into_iter()
        .chain(["Encounter", "Appointment", "Bundle"].map(|kind| format!("/fhir/R4/{kind}/{fhir}")))
    {
        let (status, _) = world.get(&path).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(world.validate("*").await.0, StatusCode::NOT_FOUND);
}

async fn portal(clinic: &Clinic, scopes: &[Scope]) -> String {
    use crate::crypto::Purpose;
    let secret = crate::crypto::Secret::session();
    let client = ApiClient {
        id: ApiClientId::new(clinic.clock().now()),
        name: "portail".into(),
        scopes: scopes.to_vec(),
        accounts: Vec::new(),
        allowed_origins: Vec::new(),
        secrets: vec![clinic.lookup().hash(Purpose::ApiSecret, secret.expose())],
        mtls_fingerprint: None,
        rate_per_minute: 600,
        created_at: clinic.clock().now(),
        disabled_at: None,
    };
    clinic.store().write(|tx| tx.insert(&client)).await.unwrap();
    secret.expose().to_owned()
}

#[tokio::test]
async fn the_facade_gives_each_resource_to_who_has_its_scope() {
    let world = World::start().await;
    world.validated().await;
    let dossier = sample();
    let [id, patient, professional, document, consent] = [
        world.id.as_str(),
        dossier.patient.id.as_str(),
        dossier.professional.account_id.as_str(),
        dossier.documents[0].id.as_str(),
        dossier.consents[0].id.as_str(),
    ]
    .map(crate::fhir::fhir_id);
    let all = [
        ("Appointment", &id, Scope::ConsultationsRead),
        ("Encounter", &id, Scope::ConsultationsRead),
        ("Practitioner", &professional, Scope::ConsultationsRead),
        ("PractitionerRole", &professional, Scope::ConsultationsRead),
        ("Patient", &patient, Scope::PatientsRead),
        ("Consent", &consent, Scope::ExportRead),
        ("Bundle", &id, Scope::ExportRead),
    ];
    for (kind, id, scope) in all {
        for scopes in [vec![scope], vec![Scope::WebhooksWrite]] {
            let secret = portal(&world.clinic, &scopes).await;
            let request = Request::builder()
                .uri(format!("/fhir/R4/{kind}/{id}"))
                .header("authorization", format!("Bearer {secret}"))
                .body(Body::empty())
                .unwrap();
            let (status, headers, bytes) = world.send(request).await;
            let body: Value = serde_json::from_slice(&bytes).unwrap();
            assert_eq!(headers["content-type"], "application/fhir+json");
            if scopes == [scope] {
                assert_eq!((status, &body["resourceType"]), (StatusCode::OK, &json!(kind)), "{body}");
            } else {
                assert_eq!(
                    (status, &body["resourceType"]),
                    (StatusCode::FORBIDDEN, &json!("OperationOutcome"))
                );
            }
        }
    }
    let (status, body) = world.json(&format!("/fhir/R4/DocumentReference/{document}")).await;
    assert_eq!(
        (status, &body["content"][0]["attachment"]["contentType"]),
        (StatusCode::OK, &json!("application/pdf"))
    );
    let (status, body) = world.json("/fhir/R4/metadata").await;
    assert_eq!((status, &body["fhirVersion"]), (StatusCode::OK, &json!("4.0.1")));
    assert_eq!(world.json("/fhir/R4/Medication/x").await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn an_immediate_call_has_no_form_no_report_and_no_export() {
    let world = World::start().await;
    world
        .clinic
        .store()
        .write(|tx| {
            let mut consultation = tx.get::<Consultation>(&world.id)?.unwrap();
            consultation.kind = Kind::Immediate;
            tx.update(&mut consultation)
        })
        .await
        .unwrap();
    for path in ["form", "report", "report/preview", "export?format=zip", "export?format=billing.pdf"] {
        let (status, problem) = world.json(&format!("/api/v1/consultations/{{id}}/{path}")).await;
        assert_eq!((status, code(&problem)), (StatusCode::FORBIDDEN, "capability-not-available"), "{path}");
        assert_eq!(problem["reason"], "immediate_consultation");
    }
    assert!(
        world
            .clinic
            .store()
            .list::<Report>(&crate::store::Query::new("consultation", crate::store::IndexKey::new()))
            .unwrap()
            .items
            .is_empty()
    );
}

#[tokio::test]
async fn a_sealed_report_keeps_its_author_when_the_account_is_closed() {
    let world = World::start().await;
    world.validated().await;
    let (_, before) = world.get("/api/v1/consultations/{id}/report").await;
    let request = world.request(Method::DELETE, "/api/v1/me").body(Body::empty()).unwrap();
    assert_eq!(world.send(request).await.0, StatusCode::NO_CONTENT);
    assert_eq!(world.get("/api/v1/consultations/{id}/report").await.0, StatusCode::UNAUTHORIZED);
    // Nothing in the records names the professional any more, and the bytes are the same.
    let name = sample().professional.exercise_name;
    let store = world.clinic.store();
    let left = store.holding(&name);
    assert_eq!(left, Vec::<String>::new());
    let consultation = world.consultation();
    assert!(consultation.retention_until.is_some(), "the file goes at its own time");
    let report = super::latest(store, &consultation).unwrap();
    let after = super::stored_pdf(store, &consultation, &report).await.unwrap();
    assert_eq!(after, before);
    let scopes = [Scope::ConsultationsRead, Scope::DocumentsRead, Scope::ExportRead];
    let secret = portal(&world.clinic, &scopes).await;
    let by_portal = async |path: &str| {
        let request = Request::builder().uri(path).header("authorization", format!("Bearer {secret}"));
        let (status, _, bytes) = world.send(request.body(Body::empty()).unwrap()).await;
        (status, bytes)
    };
    let path = format!("/api/v1/consultations/{}", world.id);
    assert_eq!(by_portal(&format!("{path}/report")).await, (StatusCode::OK, before));
    // What would be made anew of the professional's data is not there any more.
    let author = sample().professional.account_id.to_string();
    let [bundle, practitioner] = [("Bundle", &world.id), ("Practitioner", &author)]
        .map(|(kind, id)| format!("/fhir/R4/{kind}/{}", crate::fhir::fhir_id(id)));
    let exports = ["zip", "fhir", "cda", "billing.csv", "billing.pdf", "billing.json"];
    let exports = exports.map(|format| format!("{path}/export?format={format}"));
    for path in exports.into_iter().chain([bundle, practitioner]) {
        let (status, body) = by_portal(&path).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}: {}", String::from_utf8_lossy(&body));
    }
    let found = crate::seal::check(&after, &Authorities::default());
    assert!(matches!(found.as_slice(), [seal] if seal.intact && seal.whole));
}
