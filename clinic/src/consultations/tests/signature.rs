//! The visible signature: kept by a professional, placed on documents, sealed.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::documents::Call;
use super::*;
use crate::audit::Action as Audited;
use crate::crypto::secret::hex;
use crate::documents::pdf::tests::{packed, pdf as scrap};
use crate::fuzzing::paper;
use crate::model::{Document, SignatureImage};

/// A drawing on a transparent ground, with margins.
fn drawn() -> Vec<u8> {
    let mut picture = image::RgbaImage::new(400, 200);
    for x in 100..300 {
        for y in 80..120 {
            picture.put_pixel(x, y, image::Rgba([10, 20, 120, 255]));
        }
    }
    let mut png = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut png, image::ImageFormat::Png).unwrap();
    png.into_inner()
}

async fn put(world: &World, who: &Browser, bytes: &[u8]) -> Answer {
    let mut request = world.request(who, Method::PUT, "/api/v1/me/signature-image", &Value::Null);
    request.headers_mut().insert("content-type", "image/png".parse().unwrap());
    *request.body_mut() = Body::from(bytes.to_vec());
    world.send(request).await.0
}

fn a_prescription() -> Vec<u8> {
    paper("", &[("", "0 0 9 9 re f"), ("/Rotate 90", "")], &[])
}

async fn uploaded(call: &Call, bytes: &[u8]) -> String {
    call.uploaded(&call.doctor, bytes, |body| {
        body["category"] = json!("prescription");
        body["name"] = json!("Ordonnance.pdf");
        body["visibility"] = json!([]);
    })
    .await
}

/// In the room, with a professional who is there and has a signature.
async fn ready() -> Call {
    let call = Call::new().await;
    call.world.present(&call.doctor);
    put(&call.world, &call.doctor, &drawn()).await;
    call
}

fn code(answer: &Answer) -> (u16, &str) {
    (answer.status.as_u16(), answer.body["code"].as_str().unwrap_or_default())
}

#[tokio::test]
async fn a_picture_of_a_signature_is_kept_sealed_cut_and_forgotten_again() {
    let world = World::new().await;
    let (doctor, id) = world.professional("jeanne@cabinet.example").await;
    let path = "/api/v1/me/signature-image";
    assert_eq!(world.call(&doctor, Method::GET, path, Value::Null).await.status.as_u16(), 404);
    assert_eq!(world.get(&doctor, "/api/v1/me").await["signature_set"], false);
    let kept = put(&world, &doctor, &drawn()).await;
    assert_eq!(kept.status, StatusCode::OK, "{}", kept.body);
    assert_eq!((&kept.body["width"], &kept.body["height"]), (&json!(200), &json!(40)), "without its margins");
    assert_eq!(world.get(&doctor, "/api/v1/me").await["signature_set"], true);
    let request = world.request(&doctor, Method::GET, path, &Value::Null);
    let response = world.clinic.router().oneshot(request).await.unwrap();
    assert_eq!(response.headers()["content-type"], "image/png");
    assert_eq!(response.headers()["cache-control"], "no-store, private");
    let shown = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
    let record = world.clinic.store().get::<SignatureImage>(&id).unwrap().unwrap();
    assert_eq!(STANDARD.decode(&record.png).unwrap(), shown);

    for (bytes, wanted) in [
        (b"no picture".to_vec(), (415, "file-type-not-allowed")),
        (drawn()[..100].to_vec(), (415, "file-type-not-allowed")),
        (vec![0x89; 3 << 20], (413, "too-large")),
    ] {
        assert_eq!(code(&put(&world, &doctor, &bytes).await), wanted);
    }
    let mut nothing = std::io::Cursor::new(Vec::new());
    image::RgbaImage::new(50, 50).write_to(&mut nothing, image::ImageFormat::Png).unwrap();
    assert_eq!(put(&world, &doctor, nothing.get_ref()).await.body["errors"][0]["code"], "empty");
    assert_eq!(
        world.get(&doctor, "/api/v1/me").await["signature_set"],
        true,
        "a refusal leaves what is kept"
    );

    for _ in 0..2 {
        let gone = world.call(&doctor, Method::DELETE, path, Value::Null).await;
        assert_eq!(gone.status, StatusCode::NO_CONTENT);
    }
    assert_eq!(world.get(&doctor, "/api/v1/me").await["signature_set"], false);
    assert!(world.clinic.store().get::<SignatureImage>(&id).unwrap().is_none());
}

#[tokio::test]
async fn a_signature_makes_a_sealed_version_and_keeps_the_original() {
    let call = Call::new().await;
    call.world.present(&call.doctor);
    let original = a_prescription();
    let id = uploaded(&call, &original).await;
    assert!(call.seen(&call.guest).await.is_empty(), "kept back until it is signed");
    let path = format!("{}/{id}/signature", call.path);
    let early = call.world.post(&call.doctor, &path, json!({})).await;
    assert_eq!(
        (code(&early), &early.body["reason"]),
        ((403, "capability-not-available"), &json!("signature_not_set"))
    );
    put(&call.world, &call.doctor, &drawn()).await;
    let wanted = json!({ "page": 1, "preset": "bottom-left", "visibility": [{ "role": "patient" }] });
    let made = call.world.post(&call.doctor, &path, wanted).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
    let body = &made.body;
    assert_eq!((&body["version"], &body["replaces"]), (&json!(2), &json!(id)));
    assert_eq!((&body["signed"], &body["name"]), (&json!("pades_seal"), &json!("Ordonnance-signe.pdf")));
    assert_eq!(body["seal"]["certificate"], call.world.clinic.sealer().fingerprint());
    let new = body["id"].as_str().unwrap().to_owned();
    assert_eq!(call.seen(&call.guest).await, std::slice::from_ref(&new), "the patient sees what is signed");
    let (_, bytes) = call.content(&call.guest, &new).await;
    assert!(bytes.starts_with(&original));
    assert_eq!(body["sha256"], hex(&<sha2::Sha256 as sha2::Digest>::digest(&bytes)));
    let found = call.world.clinic.sealer().check(&bytes);
    assert!(matches!(found.as_slice(), [one] if one.intact && one.whole), "{found:?}");
    let page = lopdf::Document::load_mem(&bytes).unwrap();
    let first = page.get_pages()[&1];
    let content = String::from_utf8(page.get_page_content(first)).unwrap();
    assert!(content.contains("/Stamp Do"), "{content}");

    let old = call.record(&id);
    assert_eq!(old.replaced_by.unwrap().to_string(), new);
    assert_eq!(call.content(&call.doctor, &id).await.1, original, "the original is kept");
    for event in [Audited::SignatureImageSet, Audited::SignaturePlaced, Audited::SignatureSealed] {
        assert_eq!(call.audited(event), 1, "{event:?}");
    }
    // Neither twice from one original, nor on what is sealed.
    assert_eq!(code(&call.world.post(&call.doctor, &path, json!({})).await), (409, "invalid-transition"));
    let again = format!("{}/{new}/signature", call.path);
    assert_eq!(
        code(&call.world.post(&call.doctor, &again, json!({})).await),
        (409, "document-already-signed")
    );
    let verified = call.world.clinic.sealer().check(&call.content(&call.doctor, &new).await.1);
    assert_eq!(verified.len(), 1);
}

#[tokio::test]
async fn a_signature_wants_its_professional_to_be_there_and_nobody_else() {
    let call = ready().await;
    let id = uploaded(&call, &a_prescription()).await;
    let path = format!("{}/{id}/signature", call.path);
    call.world.later(11);
    let late = call.world.post(&call.doctor, &path, json!({})).await;
    assert_eq!(code(&late), (401, "reauthentication-required"));
    assert_eq!(call.record(&id).state, crate::model::DocumentState::Available);
    let (stranger, _) = call.world.professional("paul@cabinet.example").await;
    put(&call.world, &stranger, &drawn()).await;
    assert_eq!(call.world.post(&stranger, &path, json!({})).await.status.as_u16(), 404);
    let guest = call.world.post(&call.guest, &path, json!({})).await;
    assert_eq!(guest.status.as_u16(), 401, "guests have no such path");
}

#[tokio::test]
async fn each_document_that_cannot_be_signed_is_refused_with_its_code_and_stays_as_it_is() {
    let call = ready().await;
    let signed = scrap("", b"7 0 obj\n<< /Type /Sig /ByteRange [0 10 20 30] >>\nendobj\n");
    let mut acting = a_prescription();
    acting.extend(packed("<< /S /JavaScript /JS (x) >>"));
    acting.extend(b"%%EOF\n");
    let sign = |id: String, body: Value| {
        let (call, path) = (&call, format!("{}/{id}/signature", call.path));
        async move { call.world.post(&call.doctor, &path, body).await }
    };
    for (bytes, wanted, why) in [
        (drawn(), (422, "document-not-stampable"), Some("not-a-pdf")),
        (signed, (409, "document-already-signed"), None),
        (scrap("", b""), (422, "document-not-stampable"), Some("unreadable")),
        (acting, (422, "file-active-content"), None),
    ] {
        let id = call.uploaded(&call.doctor, &bytes, |_| ()).await;
        let before = call.record(&id);
        let answer = sign(id.clone(), json!({})).await;
        assert_eq!(code(&answer), wanted, "{}", answer.body);
        assert_eq!(answer.body["errors"][0]["code"].as_str(), why);
        assert_eq!(call.record(&id), before);
    }
    let id = uploaded(&call, &a_prescription()).await;
    for (body, pointer) in [
        (json!({ "page": 3 }), "/page"),
        (json!({ "page": 0 }), "/page"),
        (json!({ "box": { "x": 0.9, "y": 0.5, "width": 0.2, "height": 0.1 } }), "/box"),
        (json!({ "box": { "x": -0.1, "y": 0.5, "width": 0.2, "height": 0.1 } }), "/box"),
        (json!({ "box": { "x": 0.1, "y": 0.5, "width": 0.001, "height": 0.1 } }), "/box"),
        (
            json!({ "box": { "x": 0.1, "y": 0.5, "width": 0.2, "height": 0.1 }, "preset": "top-right" }),
            "/preset",
        ),
        (json!({ "preset": "middle" }), "/preset"),
        (json!({ "visibility": [{ "participant": "par_0" }] }), "/visibility"),
    ] {
        let answer = sign(id.clone(), body.clone()).await;
        assert_eq!(answer.status.as_u16(), 422, "{body} {}", answer.body);
        let told = answer.body["errors"][0]["pointer"].as_str().unwrap();
        assert!(told.starts_with(pointer), "{body} {}", answer.body);
    }
    call.world.did(&call.doctor, &format!("{}/{id}/withdraw", call.path), Value::Null).await;
    assert_eq!(code(&sign(id, json!({})).await), (409, "invalid-transition"));
}

#[tokio::test]
async fn what_is_not_sealed_can_be_signed_again_and_what_the_patient_sent_stays_theirs() {
    let call = ready().await;
    let sent = call.uploaded(&call.guest, &a_prescription(), |_| ()).await;
    let place = json!({ "x": 0.1, "y": 0.1, "width": 0.5, "height": 0.2 });
    let body = json!({ "page": 2, "box": place, "seal": false });
    let first = call.world.did(&call.doctor, &format!("{}/{sent}/signature", call.path), body).await;
    assert_eq!((&first["signed"], first.get("seal")), (&json!("visible"), None));
    let old: Document = call.record(&sent);
    assert!(old.replaced_by.is_none() && old.sender.to_string() == call.patient);
    let first = first["id"].as_str().unwrap();
    assert!(call.seen(&call.guest).await.contains(&first.to_owned()), "whoever sent it gets it signed");
    let second = call.world.did(&call.doctor, &format!("{}/{first}/signature", call.path), json!({})).await;
    assert_eq!((&second["signed"], &second["version"]), (&json!("pades_seal"), &json!(3)));
    assert_eq!(second["name"], "scan-signe.pdf");
}

#[tokio::test]
async fn a_document_that_was_kept_back_can_go_out_unsigned() {
    let call = Call::new().await;
    let id = uploaded(&call, &a_prescription()).await;
    let share = format!("{}/{id}/share", call.path);
    assert!(call.seen(&call.guest).await.is_empty());
    assert_eq!(call.world.refused(&call.guest, &share, json!({})).await.0, 401);
    let shown = call.world.did(&call.doctor, &share, json!({})).await;
    assert_eq!(shown["visible_to"], json!([{ "role": "patient" }]));
    assert_eq!(call.seen(&call.guest).await, std::slice::from_ref(&id));
    let twice = json!({ "visibility": [{ "role": "patient" }, { "role": "carer" }] });
    let shown = call.world.did(&call.doctor, &share, twice).await;
    assert_eq!(shown["visible_to"], json!([{ "role": "patient" }, { "role": "carer" }]));
    call.content(&call.guest, &id).await;
    call.world.did(&call.doctor, &share, json!({})).await;
}
