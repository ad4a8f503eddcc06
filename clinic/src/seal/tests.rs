use chevet_emulators::tsa as tsa_emulator;

use super::update::{Update, text};
use super::*;
use crate::report::{Dossier, Draft, report};
use crate::testing::afternoon;

fn pdf() -> Vec<u8> {
    let dossier: Dossier = serde_json::from_str(include_str!("../../examples/dossier.json")).unwrap();
    report(&dossier, Draft::Final).unwrap()
}

/// A store and whoever seals with what is in it.
struct Office {
    dir: tempfile::TempDir,
    store: Store,
}

impl Office {
    fn new() -> Office {
        let dir = tempfile::tempdir().unwrap();
        let (_, store) = crate::open_store(dir.path()).unwrap();
        Office { dir, store }
    }

    async fn open(&self, config: &SealConfig) -> Result<Sealer, SealKeyError> {
        Sealer::open(config, &self.store, "Cabinet", &Clock::frozen(afternoon())).await
    }

    /// Files with a key and a certificate, such as an operator configures.
    fn files(&self, name: &str) -> KeyFiles {
        use std::os::unix::fs::PermissionsExt;
        let pair = rcgen::KeyPair::generate().unwrap();
        let certificate = rcgen::CertificateParams::default().self_signed(&pair).unwrap();
        let (key, chain) =
            (self.dir.path().join(format!("{name}.key")), self.dir.path().join(format!("{name}.crt")));
        std::fs::write(&key, pair.serialize_pem()).unwrap();
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
        std::fs::write(&chain, certificate.pem()).unwrap();
        KeyFiles { key, chain }
    }
}

async fn sealer() -> (Office, Sealer) {
    let office = Office::new();
    let sealer = office.open(&SealConfig::default()).await.unwrap();
    (office, sealer)
}

fn looked_at(pdf: &[u8]) -> Vec<Found> {
    check(pdf, &Authorities::default())
}

#[tokio::test]
async fn a_seal_leaves_every_byte_of_the_document_and_covers_the_whole_file() {
    let (_office, sealer) = sealer().await;
    let pdf = pdf();
    let (sealed, seal) = sealer.seal(pdf.clone(), afternoon()).await.unwrap();
    assert!(sealed.starts_with(&pdf));
    let wanted = Found {
        certificate: Some(seal.certificate.clone()),
        intact: true,
        whole: true,
        signed_at: Some(afternoon()),
        time_stamp: None,
    };
    assert_eq!(looked_at(&sealed), [wanted]);
    assert_eq!(seal.certificate, sealer.fingerprint());
    assert!(looked_at(&pdf).is_empty());
}

#[tokio::test]
async fn no_byte_of_a_sealed_document_can_change_unseen() {
    let (_office, sealer) = sealer().await;
    let (sealed, _) = sealer.seal(pdf(), afternoon()).await.unwrap();
    let behind = |from: usize, word: &[u8]| {
        from + sealed[from..].windows(word.len()).position(|window| window == word).unwrap() + word.len()
    };
    let from = behind(behind(0, b"/ByteRange"), b"/Contents <");
    let to = from + sealed[from..].iter().position(|byte| *byte == b'>').unwrap();
    let sound = |pdf: &[u8]| looked_at(pdf).iter().any(|seal| seal.intact && seal.whole);
    assert!(sound(&sealed));
    let places = (0..sealed.len()).step_by(sealed.len() / 97);
    // The signature's own place cannot be signed.
    for place in places.filter(|place| !(from..to).contains(place)).chain([from - 1, to, sealed.len() - 1]) {
        let mut changed = sealed.clone();
        changed[place] ^= 1;
        assert!(!sound(&changed), "{place}");
    }
    let mut longer = sealed.clone();
    longer.extend_from_slice(b"\n% more\n");
    assert!(looked_at(&longer).iter().all(|seal| seal.intact && !seal.whole));
}

#[tokio::test]
async fn what_is_signed_already_is_not_sealed_again() {
    let (_office, sealer) = sealer().await;
    let (sealed, _) = sealer.seal(pdf(), afternoon()).await.unwrap();
    assert!(matches!(sealer.seal(sealed, afternoon()).await, Err(SealError::Unfit(Unfit::Signed))));
    for bad in [&b""[..], b"%PDF-1.7\n", b"no pdf", b"%PDF-1.7\nstartxref\n99999999\n%%EOF"] {
        let refused = sealer.seal(bad.to_vec(), afternoon()).await;
        assert!(matches!(refused, Err(SealError::Unfit(Unfit::Unreadable))));
    }
}

#[tokio::test]
async fn documents_with_tables_and_with_streams_of_references_are_both_continued() {
    let (_office, sealer) = sealer().await;
    let made = pdf();
    let mut doc = lopdf::Document::load_mem(&made).unwrap();
    let mut table = Vec::new();
    doc.reference_table.cross_reference_type = lopdf::xref::XrefType::CrossReferenceTable;
    doc.save_to(&mut table).unwrap();
    let mut stream = Vec::new();
    doc.save_modern(&mut stream).unwrap();
    for pdf in [table, stream] {
        let pages = lopdf::Document::load_mem(&pdf).unwrap().get_pages().len();
        let (sealed, _) = sealer.seal(pdf, afternoon()).await.unwrap();
        let read = lopdf::Document::load_mem(&sealed).unwrap();
        assert_eq!(read.get_pages().len(), pages);
        assert!(read.catalog().unwrap().has(b"AcroForm"));
        assert!(looked_at(&sealed).iter().all(|seal| seal.intact && seal.whole));
    }
}

#[tokio::test]
async fn the_key_stays_and_what_an_earlier_one_sealed_stays_this_servers() {
    use std::os::unix::fs::PermissionsExt;
    let (office, first) = sealer().await;
    let again = office.open(&SealConfig::default()).await.unwrap();
    assert_eq!(again.fingerprint(), first.fingerprint());
    let files = office.files("bought");
    let bought = SealConfig { key: Some(files.clone()), ..SealConfig::default() };
    let second = office.open(&bought).await.unwrap();
    assert_ne!(second.fingerprint(), first.fingerprint());
    let (_, stranger) = sealer().await;
    for (known, fingerprint) in
        [(true, first.fingerprint()), (true, second.fingerprint()), (false, stranger.fingerprint())]
    {
        assert_eq!(is_ours(&office.store, fingerprint).unwrap(), known);
    }
    let other = office.files("other");
    let mixed = KeyFiles { key: files.key.clone(), chain: other.chain };
    let mixed = SealConfig { key: Some(mixed), ..SealConfig::default() };
    assert!(matches!(office.open(&mixed).await, Err(SealKeyError::OtherKey { .. })));
    std::fs::set_permissions(&files.key, std::fs::Permissions::from_mode(0o640)).unwrap();
    assert!(matches!(office.open(&bought).await, Err(SealKeyError::Exposed { .. })));
}

#[tokio::test]
async fn a_time_stamp_service_that_is_away_leaves_a_seal_that_says_so() {
    let office = Office::new();
    let config = SealConfig { tsa: Some("http://127.0.0.1:9/".to_owned()), ..SealConfig::default() };
    let (sealed, seal) = office.open(&config).await.unwrap().seal(pdf(), afternoon()).await.unwrap();
    assert_eq!(seal.time_stamp, None);
    assert!(looked_at(&sealed).iter().all(|seal| seal.intact && seal.time_stamp.is_none()));
}

#[test]
fn the_time_that_a_signer_claims_is_read_with_its_zone() {
    for (text, wanted) in [
        ("/M (D:20261203143000+01'00')", Some("2026-12-03T13:30:00Z")),
        ("/MK 1 /M(D:20261203083000-05'00)", Some("2026-12-03T13:30:00Z")),
        ("/M (D:20261203133000Z)", Some("2026-12-03T13:30:00Z")),
        ("/M (D:20261203133000)", Some("2026-12-03T13:30:00Z")),
        ("/M (D:20261303133000Z)", None),
        ("/M (D:2026)", None),
        ("/M (D:20261203133000+99'99')", None),
        ("/M (D:20261203133000é)", None),
        ("/M 5", None),
    ] {
        let wanted = wanted.map(|text| text.parse::<Timestamp>().unwrap());
        assert_eq!(pades::date(text.as_bytes()), wanted, "{text}");
    }
}

#[test]
fn an_update_writes_what_it_was_given() {
    let pdf = pdf();
    let mut update = Update::open(&pdf).unwrap();
    let mut entries = lopdf::Dictionary::new();
    entries.set("A#( B", text("é (x) \\"));
    entries.set("Half", 0.5_f32);
    let id = update.add(&lopdf::Object::Dictionary(entries.clone()));
    let read = lopdf::Document::load_mem(&update.finish()).unwrap();
    assert_eq!(read.get_dictionary(id).unwrap(), &entries);
}

#[tokio::test]
async fn a_time_stamp_is_of_this_seal_and_is_told() {
    let service = chevet_emulators::tsa::TimeStamps::start().await.unwrap();
    let office = Office::new();
    let config = SealConfig { tsa: Some(service.url()), ..SealConfig::default() };
    let unjudged = office.open(&config).await.unwrap();
    let (sealed, seal) = unjudged.seal(pdf(), afternoon()).await.unwrap();
    let at = seal.time_stamp.unwrap();
    assert!(Timestamp::now().duration_since(at).abs() < jiff::SignedDuration::from_secs(60));
    assert!(!seal.time_stamp_trusted, "nobody was named to be trusted");
    let untrusted = Some(Told { at, trusted: false });
    assert!(
        matches!(looked_at(&sealed).as_slice(), [one] if one.intact && one.whole && one.time_stamp == untrusted)
    );
    // The stamp of one signature says nothing of another.
    let (client, nobody) = (HttpClient::new(STAMP_TIME), Authorities::default());
    let stamp = tsa::ask(&client, &service.url(), b"a signature", &nobody).await.unwrap();
    assert_eq!(tsa::check(&stamp.token, b"a signature", &nobody), Some(stamp.told));
    assert_eq!(tsa::check(&stamp.token, b"another signature", &nobody), None);

    let file = office.dir.path().join("authorities.pem");
    std::fs::write(&file, service.authority_pem()).unwrap();
    let judged = SealConfig { tsa_authorities: Some(file.clone()), ..config.clone() };
    let judged = office.open(&judged).await.unwrap();
    assert!(judged.seal(pdf(), afternoon()).await.unwrap().1.time_stamp_trusted);
    assert_eq!(judged.check(&sealed)[0].time_stamp, Some(Told { at, trusted: true }));
    // Of another house: it is not taken.
    let other = chevet_emulators::tsa::TimeStamps::start().await.unwrap();
    std::fs::write(&file, other.authority_pem()).unwrap();
    let strict = SealConfig { tsa_authorities: Some(file.clone()), ..config.clone() };
    let strict = office.open(&strict).await.unwrap();
    assert_eq!(strict.seal(pdf(), afternoon()).await.unwrap().1.time_stamp, None);
    assert_eq!(strict.check(&sealed)[0].time_stamp, untrusted);
    std::fs::write(&file, "no certificate").unwrap();
    let broken = SealConfig { tsa_authorities: Some(file), ..config };
    assert!(matches!(office.open(&broken).await, Err(SealKeyError::Authorities { .. })));
}

#[tokio::test]
async fn no_answer_of_a_time_stamp_service_is_believed_that_is_wrong_in_anything() {
    use tsa::NoStamp;
    use tsa_emulator::Flaw;
    let office = Office::new();
    for (flaw, why) in [
        (Flaw::NoPurpose, NoStamp::BadAnswer),
        (Flaw::ServerPurpose, NoStamp::BadAnswer),
        (Flaw::TwoPurposes, NoStamp::BadAnswer),
        (Flaw::Expired, NoStamp::BadAnswer),
        (Flaw::Nonce, NoStamp::BadAnswer),
        (Flaw::NoNonce, NoStamp::BadAnswer),
        (Flaw::Imprint, NoStamp::BadAnswer),
        (Flaw::Signature, NoStamp::BadAnswer),
        (Flaw::Changed, NoStamp::BadAnswer),
        (Flaw::Garbage, NoStamp::BadAnswer),
        (Flaw::Rejection, NoStamp::Refused),
        (Flaw::Down, NoStamp::Refused),
    ] {
        let service = tsa_emulator::TimeStamps::start_with(flaw).await.unwrap();
        let (client, nobody) = (HttpClient::new(STAMP_TIME), Authorities::default());
        let stamp = tsa::ask(&client, &service.url(), b"a signature", &nobody).await;
        assert_eq!(stamp, Err(why), "{flaw:?}");
        // The seal is made without it, and says so.
        let config = SealConfig { tsa: Some(service.url()), ..SealConfig::default() };
        let (sealed, seal) = office.open(&config).await.unwrap().seal(pdf(), afternoon()).await.unwrap();
        assert_eq!((seal.time_stamp, seal.time_stamp_trusted), (None, false), "{flaw:?}");
        assert!(looked_at(&sealed).iter().all(|seal| seal.intact && seal.time_stamp.is_none()), "{flaw:?}");
    }
    // Somebody who takes the question and never answers.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", silent.local_addr().unwrap());
    let client = HttpClient::new(std::time::Duration::from_millis(100));
    let stamp = tsa::ask(&client, &url, b"a signature", &Authorities::default()).await;
    assert_eq!(stamp, Err(NoStamp::Unreachable));
}
