use std::time::Duration;

use jiff::Timestamp;

use super::*;
use crate::audit::{Action, Event};
use crate::ids::BlobId;
use crate::model::Contact;
use crate::testing::TestClinic;
use crate::{Clinic, ClinicConfig, clock::Clock};

async fn contact(store: &Store, n: i64) -> crate::ids::ConsultationId {
    let at = crate::testing::afternoon() + jiff::SignedDuration::from_secs(n);
    let id = crate::ids::ConsultationId::new(at);
    let contact =
        Contact { consultation: id.clone(), mobile: Some(format!("+336123456{n:02}")), email: None };
    store
        .write(|tx| {
            tx.create_key(&DataKeyId::new(id.as_str()))?;
            tx.insert(&contact)?;
            tx.audit(&Event::new(at, Action::ConsultationCreated).on(&id))
        })
        .await
        .unwrap();
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_a_running_server_restores_as_one_moment_of_it() {
    let clinic = TestClinic::start().await;
    let data = clinic.config().data_dir.clone();
    let first = contact(clinic.store(), 0).await;
    let blob = BlobId::new(Timestamp::UNIX_EPOCH);
    clinic.store().put_blob(&DataKeyId::new(first.as_str()), &blob, b"a photo".to_vec()).await.unwrap();
    let writing = tokio::spawn({
        let store = clinic.store().clone();
        async move {
            for n in 1..60 {
                contact(&store, n).await;
            }
        }
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    let elsewhere = tempfile::tempdir().unwrap();
    let file = elsewhere.path().join("monday.backup");
    let summary = make(&data, &file).await.unwrap();
    writing.await.unwrap();
    assert!(summary.keys >= 1 && summary.blobs == 1 && summary.rows > 5, "{summary:?}");

    // Not over another backup, not over a store, not without the key.
    assert!(matches!(make(&data, &file).await, Err(BackupError::File { .. })));
    assert!(matches!(restore(&file, &data).await, Err(BackupError::Occupied(_))));
    let target = elsewhere.path().join("restored");
    std::fs::create_dir(&target).unwrap();
    assert!(matches!(restore(&file, &target).await, Err(BackupError::Start(_))));
    std::fs::copy(key_file(&data), key_file(&target)).unwrap();
    let (restored, report) = restore(&file, &target).await.unwrap();
    assert_eq!(restored, summary);
    // One data key and one event for each consultation, and the event of the backup itself.
    assert_eq!(report.events, summary.keys + 1);

    let config = ClinicConfig { data_dir: target, ..ClinicConfig::default() };
    let twin = Clinic::start(config, Clock::frozen(crate::testing::afternoon())).await.unwrap();
    assert_eq!(
        twin.store().get::<Contact>(&first).unwrap().unwrap().value.mobile.as_deref(),
        Some("+33612345600")
    );
    let photo = twin.store().get_blob(&DataKeyId::new(first.as_str()), &blob).await.unwrap();
    assert_eq!(photo.as_deref(), Some(b"a photo".as_slice()));
    assert_eq!(twin.sealer().fingerprint(), clinic.sealer().fingerprint(), "the seal's key is in the backup");
    twin.stop().await;
}

#[tokio::test]
async fn a_stopped_server_is_backed_up_from_its_files_and_verified_there() {
    let dir = tempfile::tempdir().unwrap();
    let (_, store) = crate::open_store(dir.path()).unwrap();
    contact(&store, 1).await;
    store.close().await;
    drop(store);
    let file = dir.path().join("b.backup");
    assert_eq!(make(dir.path(), &file).await.unwrap().keys, 1);
    assert!(verify_audit(dir.path()).await.unwrap().starts_with("1 events, 1 to 1"));
    let empty = tempfile::tempdir().unwrap();
    assert!(verify_audit(empty.path()).await.is_err());
    assert!(!store_dir(empty.path()).exists());
}

#[tokio::test]
async fn a_damaged_cut_or_foreign_backup_is_refused_before_anything_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let (_, store) = crate::open_store(dir.path()).unwrap();
    contact(&store, 1).await;
    let mut good = Vec::new();
    write(&store, &mut good).unwrap();
    store.close().await;
    let target = tempfile::tempdir().unwrap();
    InstanceKey::open(&key_file(target.path()), true).unwrap();
    let file = target.path().join("f");
    let attempt = async |bytes: &[u8]| {
        std::fs::write(&file, bytes).unwrap();
        restore(&file, target.path()).await.map(|_| ())
    };
    assert!(matches!(attempt(&good).await, Err(BackupError::OtherKey)));
    for cut in [0, 10, good.len() / 2, good.len() - 1] {
        assert!(matches!(attempt(&good[..cut]).await, Err(BackupError::Damaged)), "{cut}");
    }
    for at in [30, good.len() / 2, good.len() - 70] {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        assert!(matches!(attempt(&bytes).await, Err(BackupError::Damaged)), "{at}");
    }
    let longer = [good.as_slice(), b"x"].concat();
    assert!(matches!(attempt(&longer).await, Err(BackupError::Damaged)));
    assert!(!store_dir(target.path()).exists());
}
