use super::update::{Update, text};
use super::*;
use crate::report::{Dossier, Draft, report};
use crate::testing::afternoon;

fn pdf() -> Vec<u8> {
    let dossier: Dossier = serde_json::from_str(include_str!("../../examples/dossier.json")).unwrap();
    report(&dossier, Draft::Final).unwrap()
}

fn sealer(dir: &Path, config: &SealConfig) -> Result<Sealer, SealKeyError> {
    Sealer::open(config, dir, "Cabinet", &Clock::frozen(afternoon()))
}

#[tokio::test]
async fn a_seal_leaves_every_byte_of_the_document_and_covers_the_whole_file() {
    let dir = tempfile::tempdir().unwrap();
    let sealer = sealer(dir.path(), &SealConfig::default()).unwrap();
    let pdf = pdf();
    let (sealed, seal) = sealer.seal(pdf.clone(), afternoon()).await.unwrap();
    assert!(sealed.starts_with(&pdf));
    let wanted =
        Found { certificate: Some(seal.certificate.clone()), intact: true, whole: true, time_stamp: None };
    assert_eq!(check(&sealed), [wanted]);
    assert_eq!(seal.certificate, sealer.fingerprint());
    assert!(check(&pdf).is_empty());
}

#[tokio::test]
async fn no_byte_of_a_sealed_document_can_change_unseen() {
    let dir = tempfile::tempdir().unwrap();
    let sealer = sealer(dir.path(), &SealConfig::default()).unwrap();
    let (sealed, _) = sealer.seal(pdf(), afternoon()).await.unwrap();
    let word = b"/Contents <";
    let from = sealed.windows(word.len()).rposition(|window| window == word).unwrap() + word.len();
    let to = from + sealed[from..].iter().position(|byte| *byte == b'>').unwrap();
    let sound = |pdf: &[u8]| check(pdf).iter().any(|seal| seal.intact && seal.whole);
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
    assert!(check(&longer).iter().all(|seal| seal.intact && !seal.whole));
}

#[tokio::test]
async fn what_is_signed_already_is_not_sealed_again() {
    let dir = tempfile::tempdir().unwrap();
    let sealer = sealer(dir.path(), &SealConfig::default()).unwrap();
    let (sealed, _) = sealer.seal(pdf(), afternoon()).await.unwrap();
    assert!(matches!(sealer.seal(sealed, afternoon()).await, Err(SealError::Unfit(Unfit::Signed))));
    for bad in [&b""[..], b"%PDF-1.7\n", b"no pdf", b"%PDF-1.7\nstartxref\n99999999\n%%EOF"] {
        let refused = sealer.seal(bad.to_vec(), afternoon()).await;
        assert!(matches!(refused, Err(SealError::Unfit(Unfit::Unreadable))));
    }
}

#[tokio::test]
async fn documents_with_tables_and_with_streams_of_references_are_both_continued() {
    let dir = tempfile::tempdir().unwrap();
    let sealer = sealer(dir.path(), &SealConfig::default()).unwrap();
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
        assert!(check(&sealed).iter().all(|seal| seal.intact && seal.whole));
    }
}

#[test]
fn the_key_stays_is_the_users_alone_and_belongs_to_its_certificate() {
    use std::os::unix::fs::PermissionsExt;
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let first = sealer(dir.path(), &SealConfig::default()).unwrap();
    let path = dir.path().join("seal.pem");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(sealer(dir.path(), &SealConfig::default()).unwrap().fingerprint(), first.fingerprint());
    sealer(other.path(), &SealConfig::default()).unwrap();
    let files = KeyFiles { key: path.clone(), chain: other.path().join("seal.pem") };
    let mixed = SealConfig { key: Some(files), tsa: None };
    assert!(matches!(sealer(dir.path(), &mixed), Err(SealKeyError::OtherKey { .. })));
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    assert!(matches!(sealer(dir.path(), &SealConfig::default()), Err(SealKeyError::Exposed { .. })));
}

#[tokio::test]
async fn a_time_stamp_service_that_is_away_leaves_a_seal_that_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let config = SealConfig { tsa: Some("http://127.0.0.1:9/".to_owned()), key: None };
    let (sealed, seal) = sealer(dir.path(), &config).unwrap().seal(pdf(), afternoon()).await.unwrap();
    assert_eq!(seal.time_stamp, None);
    assert!(check(&sealed).iter().all(|seal| seal.intact && seal.time_stamp.is_none()));
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
    let dir = tempfile::tempdir().unwrap();
    let config = SealConfig { tsa: Some(service.url()), key: None };
    let sealer = sealer(dir.path(), &config).unwrap();
    let (sealed, seal) = sealer.seal(pdf(), afternoon()).await.unwrap();
    let at = seal.time_stamp.unwrap();
    assert!(Timestamp::now().duration_since(at).abs() < jiff::SignedDuration::from_secs(60));
    let found = check(&sealed);
    assert!(matches!(found.as_slice(), [one] if one.intact && one.whole && one.time_stamp == Some(at)));
    // The stamp of one signature says nothing of another.
    let client = HttpClient::new(STAMP_TIME);
    let stamp = tsa::ask(&client, &service.url(), b"a signature").await.unwrap();
    assert_eq!(tsa::check(&stamp.token, b"a signature"), Some(stamp.at));
    assert_eq!(tsa::check(&stamp.token, b"another signature"), None);
}
