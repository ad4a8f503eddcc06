//! Files handed over, from the announcement to the erasure.

use chevet_emulators::Emulators;
use sha2::{Digest, Sha256};

use super::*;
use crate::audit::Action as Audited;
use crate::crypto::secret::hex;
use crate::documents::ClamdAddress;
use crate::documents::pdf::tests::{packed, pdf};
use crate::documents::picture::tests::with_gps;
use crate::model::Document;

/// An appointment that is on, with doctor and patient in the room.
pub(super) struct Call {
    pub world: World,
    pub doctor: Browser,
    pub guest: Browser,
    pub patient: String,
    id: String,
    pub path: String,
}

impl Call {
    async fn with(change: impl FnOnce(&mut crate::ClinicConfig)) -> Call {
        Call::of(World::with(change).await, "none").await
    }

    /// The professional lets in without the answer.
    pub async fn asking(question: &str) -> Call {
        Call::of(World::new().await, question).await
    }

    async fn of(world: World, question: &str) -> Call {
        let (doctor, _) = world.professional("jeanne@cabinet.example").await;
        let made = world.dossier(&doctor, |body| body["identity_check"] = json!(question)).await;
        let id = made["id"].as_str().unwrap().to_owned();
        let secret = world.secret("+33612345678", "invitation").await;
        world.clinic.clock().set("2026-12-04T13:30:00Z".parse().unwrap());
        world.status(&id, "open").await;
        let (owner, patient) = world.seats(&made);
        world.told(&id, "participant_joined", &owner, "PA_d").await;
        let (guest, _) = world.enter(&secret).await;
        world.agrees(&guest).await;
        if question == "none" {
            world.did(&guest, "/p/v1/waiting", Value::Null).await;
        }
        let path = format!("/api/v1/consultations/{id}");
        world.did(&doctor, &format!("{path}/participants/{patient}/admit"), json!({})).await;
        let documents = format!("{path}/documents");
        Call { world, doctor, guest, patient, id, path: documents }
    }

    pub async fn new() -> Call {
        Call::with(|_| ()).await
    }

    /// Whose paths.
    fn base(&self, who: &Browser) -> &str {
        if who.cookie == self.guest.cookie { "/p/v1/documents" } else { &self.path }
    }

    async fn announce(&self, who: &Browser, bytes: &[u8], change: impl FnOnce(&mut Value)) -> Answer {
        let mut new = json!({ "name": "scan.pdf", "size": bytes.len(), "category": "other",
            "sha256": hex(&Sha256::digest(bytes)) });
        change(&mut new);
        self.world.post(who, self.base(who), new).await
    }

    async fn piece(&self, who: &Browser, document: &str, bytes: &[u8], first: usize, last: usize) -> Answer {
        let path = format!("{}/{document}/upload", self.base(who));
        let mut request = self.world.request(who, Method::PUT, &path, &Value::Null);
        let range = format!("bytes {first}-{last}/{}", bytes.len());
        request.headers_mut().insert("content-range", range.parse().unwrap());
        *request.body_mut() = Body::from(bytes[first..=last].to_vec());
        self.world.send(request).await.0
    }

    /// Announces and sends; not completed.
    async fn sent(&self, who: &Browser, bytes: &[u8], change: impl FnOnce(&mut Value)) -> String {
        let answer = self.announce(who, bytes, change).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
        let id = answer.body["document"]["id"].as_str().unwrap().to_owned();
        for first in (0..bytes.len()).step_by(1 << 20) {
            let last = (first + (1 << 20)).min(bytes.len()) - 1;
            let answer = self.piece(who, &id, bytes, first, last).await;
            assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        }
        id
    }

    async fn complete(&self, who: &Browser, document: &str) -> Answer {
        self.world.post(who, &format!("{}/{document}/complete", self.base(who)), Value::Null).await
    }

    pub async fn uploaded(&self, who: &Browser, bytes: &[u8], change: impl FnOnce(&mut Value)) -> String {
        let id = self.sent(who, bytes, change).await;
        let answer = self.complete(who, &id).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        id
    }

    async fn refused(&self, who: &Browser, bytes: &[u8]) -> (u16, String) {
        let id = self.sent(who, bytes, |_| ()).await;
        let answer = self.complete(who, &id).await;
        (answer.status.as_u16(), answer.body["code"].as_str().unwrap_or_default().to_owned())
    }

    pub async fn content(&self, who: &Browser, document: &str) -> (http::HeaderMap, Vec<u8>) {
        let path = format!("{}/{document}/content", self.base(who));
        let request = self.world.request(who, Method::GET, &path, &Value::Null);
        let response = self.world.clinic.router().oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        let headers = response.headers().clone();
        (headers, axum::body::to_bytes(response.into_body(), 1 << 26).await.unwrap().to_vec())
    }

    pub async fn seen(&self, who: &Browser) -> Vec<String> {
        let list = self.world.get(who, self.base(who)).await;
        list.as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
    }

    pub fn record(&self, document: &str) -> Document {
        self.world.clinic.store().get::<Document>(document).unwrap().unwrap().value
    }

    /// How often it stands in the trail.
    pub fn audited(&self, action: Audited) -> usize {
        let all = crate::audit::read(self.world.clinic.store(), 0, 10_000).unwrap();
        all.iter().filter(|stored| stored.event.action == action).count()
    }

    /// Files of blobs on the disk.
    fn blobs(&self) -> usize {
        self.world.clinic.store().blobs().names().unwrap().len()
    }
}

#[tokio::test]
async fn a_prescription_reaches_the_patient_as_it_was_sent_and_is_noted_as_opened() {
    let call = Call::new().await;
    let bytes = pdf("", b"7 0 obj\n<< /Type /Sig /ByteRange [0 10 20 30] >>\nendobj\n");
    let change = |body: &mut Value| {
        body["category"] = json!("prescription");
        body["name"] = json!("../Ordonnance été.exe");
    };
    let id = call.uploaded(&call.doctor, &bytes, change).await;
    assert_eq!(call.seen(&call.guest).await, std::slice::from_ref(&id));
    let (headers, content) = call.content(&call.guest, &id).await;
    assert_eq!(content, bytes, "a signed PDF keeps every byte");
    assert_eq!(headers["x-content-type-options"], "nosniff");
    assert_eq!(headers["content-type"], "application/pdf");
    assert!(headers["cache-control"].to_str().unwrap().contains("no-store"));
    assert!(headers["content-security-policy"].to_str().unwrap().starts_with("sandbox"));
    let disposition = headers["content-disposition"].to_str().unwrap();
    assert!(disposition.ends_with("filename*=UTF-8''Ordonnance%20%C3%A9t%C3%A9.pdf"), "{disposition}");
    let shown = call.world.get(&call.doctor, &format!("{}/{id}", call.path)).await;
    assert_eq!((&shown["state"], &shown["signed"]), (&json!("opened"), &json!("pades_external")));
    assert!(shown["first_opened_at"].is_string());
    assert_eq!(call.blobs(), 1, "the pieces are gone");

    // Opened: it cannot be taken back, but replaced.
    let back = call.world.refused(&call.doctor, &format!("{}/{id}/withdraw", call.path), Value::Null).await;
    assert_eq!(back, (409, "invalid-transition".into()));
    let next = call
        .uploaded(&call.doctor, &pdf("", b""), |body| {
            body["category"] = json!("prescription");
            body["replaces"] = json!(id);
        })
        .await;
    let old = call.record(&id);
    assert_eq!(old.replaced_by.unwrap().to_string(), next);
    assert_eq!(call.record(&next).version, 2);
    call.content(&call.guest, &id).await;
}

#[tokio::test]
async fn an_upload_goes_on_after_a_gap_and_takes_no_piece_out_of_order() {
    let call = Call::new().await;
    let mut bytes = pdf("", b"");
    let tail = bytes.split_off(9);
    bytes.extend(vec![b' '; 200_000]);
    bytes.extend(tail);
    let answer = call.announce(&call.guest, &bytes, |_| ()).await;
    let id = answer.body["document"]["id"].as_str().unwrap().to_owned();
    let (cut, last) = (100_000, bytes.len() - 1);
    assert_eq!(call.piece(&call.guest, &id, &bytes, cut, last).await.status.as_u16(), 409, "a gap");
    assert_eq!(call.piece(&call.guest, &id, &bytes, 0, 99).await.body["errors"][0]["code"], "piece-size");
    assert_eq!(call.piece(&call.guest, &id, &bytes, 0, cut - 1).await.body["received"], cut);
    assert_eq!(call.complete(&call.guest, &id).await.status.as_u16(), 409, "half of it is no file");
    // The answer was lost: sent again, it is not kept twice.
    assert_eq!(call.piece(&call.guest, &id, &bytes, 0, cut - 1).await.body["received"], cut);
    let state = call.world.get(&call.guest, &format!("/p/v1/documents/{id}/upload")).await;
    assert_eq!(state["received"], cut);
    assert!(call.seen(&call.doctor).await.is_empty(), "half a file is shown to nobody");
    assert_eq!(call.piece(&call.guest, &id, &bytes, cut, last).await.status, StatusCode::OK);
    assert_eq!(call.complete(&call.guest, &id).await.status, StatusCode::OK);
    assert_eq!(call.content(&call.doctor, &id).await.1, bytes);
}

#[tokio::test]
async fn an_upload_that_is_taken_back_is_erased_at_once_and_leaves_room_for_another() {
    let call = Call::with(|config| config.documents.files_max = 1).await;
    let bytes = vec![b'x'; 100_000];
    let announced = async |who: &Browser| {
        let answer = call.announce(who, &bytes, |_| ()).await;
        (answer.status.as_u16(), answer.body["document"]["id"].as_str().unwrap_or_default().to_owned())
    };
    let (_, id) = announced(&call.guest).await;
    call.piece(&call.guest, &id, &bytes, 0, 70_000).await;
    assert_eq!(announced(&call.guest).await.0, 429);
    let others = call.world.post(&call.doctor, &format!("{}/{id}/withdraw", call.path), Value::Null).await;
    assert_eq!(others.status, StatusCode::NOT_FOUND, "it is the sender's");
    let back = call.world.post(&call.guest, &format!("/p/v1/documents/{id}/withdraw"), Value::Null).await;
    assert_eq!((back.status, call.blobs()), (StatusCode::OK, 0), "{}", back.body);
    assert_eq!(call.record(&id).file_name, "");
    assert_eq!(call.piece(&call.guest, &id, &bytes, 70_001, 99_999).await.status.as_u16(), 409);
    assert_eq!((call.audited(Audited::DocumentWithdrawn), announced(&call.doctor).await.0), (0, 201));
}

#[tokio::test]
async fn an_upload_that_is_given_up_is_erased_after_a_day() {
    let call = Call::new().await;
    let bytes = vec![b'x'; 100_000];
    let answer = call.announce(&call.guest, &bytes, |_| ()).await;
    let id = answer.body["document"]["id"].as_str().unwrap().to_owned();
    call.piece(&call.guest, &id, &bytes, 0, 70_000).await;
    assert_eq!(call.blobs(), 1);
    call.world.later(24 * 60 + 1);
    eventually("the erasure", || call.blobs() == 0).await;
    assert_eq!(call.record(&id).file_name, "");
}

#[tokio::test]
async fn each_kind_of_file_that_is_not_taken_is_refused_with_its_code() {
    let call = Call::new().await;
    let kind = (415, "file-type-not-allowed".to_owned());
    for bytes in [
        &b"<svg xmlns='http://www.w3.org/2000/svg'/>"[..],
        b"PK\x03\x04 word/document.xml",
        b"MZ\x90\0 a program named scan.pdf",
        b"<html>%PDF-1.7\n%%EOF",
        b"\0\0\0\x18ftypheic",
        b"\xFF\xD8\xFF\xE0 no picture",
    ] {
        assert_eq!(call.refused(&call.guest, bytes).await, kind, "{bytes:?}");
    }
    let acting = pdf("", &packed("<< /S /JavaScript /JS (x) >>"));
    assert_eq!(call.refused(&call.guest, &acting).await, (422, "file-active-content".into()));
    let id = call.uploaded(&call.doctor, &acting, |_| ()).await;
    assert_eq!(call.record(&id).warnings, ["active-content"], "a professional's is marked");

    let big = call.announce(&call.guest, b"x", |body| body["size"] = json!((10 << 20) + 1)).await;
    assert_eq!((big.status.as_u16(), &big.body["code"]), (413, &json!("file-too-large")));
    let other = |body: &mut Value| body["sha256"] = json!("0".repeat(64));
    let id = call.sent(&call.guest, &pdf("", b""), other).await;
    let answer = call.complete(&call.guest, &id).await;
    assert_eq!((answer.status.as_u16(), &answer.body["errors"][0]["code"]), (422, &json!("mismatch")));
    assert_eq!(call.complete(&call.guest, &id).await.status.as_u16(), 409, "refused once, refused for good");
    assert!(!call.seen(&call.doctor).await.contains(&id));
    let note = |body: &mut Value| body["category"] = json!("prescription");
    assert_eq!(
        call.announce(&call.guest, b"x", note).await.status.as_u16(),
        403,
        "patients do not prescribe"
    );
    call.world.later(24 * 60 + 1);
    eventually("the erasure of what was refused", || call.blobs() == 1).await;
}

#[tokio::test]
async fn a_consultation_takes_no_more_files_than_the_settings_say() {
    let call = Call::with(|config| {
        config.documents.files_max = 2;
        config.documents.total_bytes_max = 1000;
    })
    .await;
    let file = |size: u64| move |body: &mut Value| body["size"] = json!(size);
    assert_eq!(call.announce(&call.guest, b"x", file(900)).await.status, StatusCode::CREATED);
    assert_eq!(call.announce(&call.guest, b"x", file(101)).await.status.as_u16(), 413);
    assert_eq!(call.announce(&call.doctor, b"x", file(100)).await.status, StatusCode::CREATED);
    assert_eq!(call.announce(&call.doctor, b"x", file(1)).await.status.as_u16(), 429);
}

#[tokio::test]
async fn a_photo_arrives_upright_and_without_the_place_where_it_was_taken() {
    let call = Call::new().await;
    let id = call.uploaded(&call.guest, &with_gps(), |body| body["category"] = json!("photo")).await;
    let (headers, bytes) = call.content(&call.doctor, &id).await;
    assert_eq!(headers["content-type"], "image/jpeg");
    assert!(!bytes.windows(9).any(|window| window == b"47.218371"));
    let picture = image::load_from_memory(&bytes).unwrap();
    assert_eq!((picture.width(), picture.height()), (20, 40));
}

#[tokio::test]
async fn an_infected_file_is_quarantined_told_to_both_and_read_by_nobody() {
    let emulators = Emulators::start().await.unwrap();
    let address = ClamdAddress::Tcp(emulators.clamd().to_string());
    let call = Call::with(|config| config.documents.clamd = Some(address)).await;
    let eicar = [r"X5O!P%@AP[4\PZX54(P^)7CC)7}$", "EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"].concat();
    let bytes = pdf("", eicar.as_bytes());
    let id = call.sent(&call.guest, &bytes, |_| ()).await;
    let answer = call.complete(&call.guest, &id).await;
    assert_eq!((answer.status.as_u16(), &answer.body["code"]), (422, &json!("file-infected")));
    for who in [&call.doctor, &call.guest] {
        let path = format!("{}/{id}", call.base(who));
        assert_eq!(call.world.get(who, &path).await["state"], "quarantined");
        let content = call.world.call(who, Method::GET, &format!("{path}/content"), Value::Null).await;
        assert_eq!(content.status.as_u16(), 404);
    }
    call.uploaded(&call.guest, &pdf("", b""), |_| ()).await;
    call.world.later(24 * 60 + 1);
    eventually("the erasure", || call.blobs() == 1).await;
}

#[tokio::test]
async fn while_the_scanner_is_away_files_are_kept_back_or_marked_as_set() {
    for required in [true, false] {
        let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let call = Call::with(|config| {
            config.documents.clamd = Some(ClamdAddress::Tcp(gone.to_string()));
            config.documents.scan_required = required;
        })
        .await;
        let id = call.sent(&call.guest, &pdf("", b""), |_| ()).await;
        let answer = call.complete(&call.guest, &id).await;
        if required {
            assert_eq!(answer.body["code"], "provider-unavailable");
            assert!(call.seen(&call.doctor).await.is_empty());
            assert_eq!(call.complete(&call.guest, &id).await.status.as_u16(), 503, "may be asked for again");
        } else {
            assert_eq!(answer.body["warnings"], json!(["not-scanned"]));
        }
    }
}

#[tokio::test]
async fn nobody_sees_a_document_that_does_not_show_itself_to_them() {
    let call = Call::new().await;
    let (stranger, _) = call.world.professional("paul@cabinet.example").await;
    let hidden = |body: &mut Value| body["visibility"] = json!([{ "role": "co_professional" }]);
    let hidden = call.uploaded(&call.doctor, &pdf("", b""), hidden).await;
    let patient = call.patient.clone();
    let shown = move |body: &mut Value| body["visibility"] = json!([{ "participant": patient }]);
    let shown = call.uploaded(&call.doctor, &pdf("", b""), shown).await;
    assert_eq!(call.seen(&call.guest).await, std::slice::from_ref(&shown));
    assert_eq!(call.seen(&call.doctor).await.len(), 2);
    let content = format!("/p/v1/documents/{hidden}/content");
    let guest = call.world.call(&call.guest, Method::GET, &content, Value::Null);
    assert_eq!(guest.await.status.as_u16(), 404);
    for path in ["", "/content", "/upload"] {
        let path = format!("{}/{shown}{path}", call.path);
        assert_eq!(call.world.call(&stranger, Method::GET, &path, Value::Null).await.status.as_u16(), 404);
    }
    // The own consultation of another professional is no way to it either.
    let other = call.world.dossier(&stranger, |_| ()).await;
    let path = format!("/api/v1/consultations/{}/documents/{shown}", other["id"].as_str().unwrap());
    assert_eq!(call.world.call(&stranger, Method::GET, &path, Value::Null).await.status.as_u16(), 404);
    // Not opened: it can be taken back, and its bytes are gone.
    let before = call.blobs();
    call.world.did(&call.doctor, &format!("{}/{shown}/withdraw", call.path), Value::Null).await;
    assert_eq!(call.blobs(), before - 1);
    assert!(call.seen(&call.guest).await.is_empty());
    let foreign =
        call.world.refused(&call.guest, &format!("/p/v1/documents/{hidden}/withdraw"), Value::Null).await;
    assert_eq!(foreign.0, 404);
    assert!(call.world.clinic.store().get::<Document>(&hidden).unwrap().is_some());
    assert_eq!(Audited::DocumentWithdrawn.as_str(), "document.withdrawn");
    assert!(call.path.contains(&call.id));
}

#[tokio::test]
async fn what_is_handed_over_after_the_call_is_told_once_with_a_link_that_opens_it() {
    let call = Call::new().await;
    let told = || {
        let all = call.world.templates("+33612345678");
        all.into_iter().filter(|template| template == "documents-available").count()
    };
    let plain = pdf("", b"");
    let hidden = |body: &mut Value| body["visibility"] = json!([]);
    call.uploaded(&call.doctor, &plain, |_| ()).await;
    let kept_back = call.uploaded(&call.doctor, &plain, hidden).await;
    call.uploaded(&call.guest, &plain, |_| ()).await;
    // The patient hangs up first, as people do.
    call.world.did(&call.guest, "/p/v1/leave", Value::Null).await;
    let consultation = format!("/api/v1/consultations/{}", call.id);
    call.world.did(&call.doctor, &format!("{consultation}/end"), json!({})).await;
    call.uploaded(&call.doctor, &plain, hidden).await;
    call.world.later(1);
    assert_eq!(told(), 0, "the call goes on, it is hidden, or it is the patient's own");

    let after = call.uploaded(&call.doctor, &plain, |_| ()).await;
    let secret = call.world.secret("+33612345678", "documents-available").await;
    call.uploaded(&call.doctor, &plain, |_| ()).await;
    let (guest, body) = call.world.enter(&secret).await;
    assert_eq!(body["next"], "documents");
    let list = call.world.get(&guest, "/p/v1/documents").await;
    assert!(list.as_array().unwrap().iter().any(|one| one["id"] == json!(after)), "{list}");
    let content = format!("/p/v1/documents/{after}/content");
    assert_eq!(call.world.call(&guest, Method::GET, &content, Value::Null).await.status, StatusCode::OK);
    assert_eq!(told(), 1, "files that follow each other are one message");
    call.world.later(11);
    call.world.did(&call.doctor, &format!("{}/{kept_back}/share", call.path), json!({})).await;
    eventually("another message", || told() == 2).await;
}

#[tokio::test]
async fn an_immediate_call_and_a_guest_who_waits_have_no_documents() {
    let world = World::new().await;
    let (doctor, _) = world.professional("jeanne@cabinet.example").await;
    let (id, _, guest, _) = world.in_call(&doctor).await;
    let new = json!({ "name": "a.pdf", "size": 10, "category": "other", "sha256": "0".repeat(64) });
    for (who, path) in
        [(&doctor, format!("/api/v1/consultations/{id}/documents")), (&guest, "/p/v1/documents".into())]
    {
        assert_eq!(world.refused(who, &path, new.clone()).await, (403, "capability-not-available".into()));
        assert_eq!(
            world.call(who, Method::GET, &path, Value::Null).await.body["reason"],
            "immediate_consultation"
        );
    }
    let made = world.dossier(&doctor, |body| body["identity_check"] = json!("none")).await;
    let secret = world.secret("+33612345678", "invitation").await;
    world.clinic.clock().set("2026-12-04T13:30:00Z".parse().unwrap());
    world.status(made["id"].as_str().unwrap(), "open").await;
    let (waiting, _) = world.waits(&secret).await;
    assert_eq!(world.refused(&waiting, "/p/v1/documents", new).await, (403, "forbidden".into()));
}
