use std::ops::Bound;

use jiff::SignedDuration;
use proptest::prelude::*;

use super::*;
use crate::crypto::InstanceKey;
use crate::store::{Batch, Store, StoreError, keys};

fn at(minute: i64) -> Timestamp {
    "2026-12-03T13:30:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_mins(minute)
}

async fn trail(events: i64) -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), &InstanceKey::random()).unwrap();
    for minute in 0..events {
        let event = Event::new(at(minute), Action::ConsultationCreated)
            .by(ActorKind::Account, Some("acc_1".to_owned()))
            .on(format!("cs_{minute}"));
        store.write(|tx| tx.audit(&event)).await.unwrap();
    }
    (dir, store)
}

fn change(store: &Store, key: Vec<u8>, value: Option<Vec<u8>>) {
    let mut batch = Batch::new();
    batch.insert(key, value);
    store.shared().engine.apply(&batch).unwrap();
}

fn row(store: &Store, key: &[u8]) -> Vec<u8> {
    store.shared().engine.get(key).unwrap().unwrap()
}

#[tokio::test]
async fn an_untouched_trail_verifies_and_reads_back() {
    let (_dir, store) = trail(5).await;
    let report = verify(&store).unwrap();
    assert_eq!((report.events, report.first, report.last), (5, 1, 5));
    let read = read(&store, 3, 10).unwrap();
    assert_eq!(read.iter().map(|stored| stored.seq).collect::<Vec<_>>(), [4, 5]);
    assert_eq!(read[0].event.object.as_deref(), Some("cs_3"));
}

#[tokio::test]
async fn an_empty_trail_verifies() {
    let (_dir, store) = trail(0).await;
    assert_eq!(verify(&store).unwrap().events, 0);
}

#[tokio::test]
async fn a_changed_event_is_found_even_with_its_hash_made_anew() {
    let (_dir, store) = trail(4).await;
    let key = keys::audit(2);
    let original = row(&store, &key);
    let text = String::from_utf8(original[32..].to_vec()).unwrap().replace("acc_1", "acc_9");
    change(&store, key.clone(), Some([&original[..32], text.as_bytes()].concat()));
    assert_eq!(verify(&store), Err(Broken::Changed(2)));
    let before: [u8; 32] = row(&store, &keys::audit(1))[..32].try_into().unwrap();
    let hash = chain::link(&before, 2, text.as_bytes());
    change(&store, key, Some([hash.as_slice(), text.as_bytes()].concat()));
    assert_eq!(verify(&store), Err(Broken::Changed(3)));
}

#[tokio::test]
async fn a_removed_event_is_found() {
    let (_dir, store) = trail(4).await;
    change(&store, keys::audit(3), None);
    assert_eq!(verify(&store), Err(Broken::Missing(3)));
}

#[tokio::test]
async fn two_exchanged_events_are_found() {
    let (_dir, store) = trail(4).await;
    let (second, third) = (row(&store, &keys::audit(2)), row(&store, &keys::audit(3)));
    change(&store, keys::audit(2), Some(third));
    change(&store, keys::audit(3), Some(second));
    assert_eq!(verify(&store), Err(Broken::Changed(2)));
}

#[tokio::test]
async fn events_cut_off_the_end_are_found() {
    let (_dir, store) = trail(4).await;
    change(&store, keys::audit(4), None);
    assert_eq!(verify(&store), Err(Broken::Missing(4)));
    // The head made to fit as well, without the key.
    let third = row(&store, &keys::audit(3));
    let mut head = row(&store, &keys::meta("audit-head"));
    head[..8].copy_from_slice(&3_u64.to_be_bytes());
    head[8..40].copy_from_slice(&third[..32]);
    change(&store, keys::meta("audit-head"), Some(head));
    assert_eq!(verify(&store), Err(Broken::Head));
}

#[tokio::test]
async fn old_days_leave_behind_a_signed_checkpoint_and_the_rest_still_verifies() {
    let (_dir, store) = trail(2500).await;
    assert_eq!(prune(&store, at(2000), at(3000)).await.unwrap(), 2000);
    let report = verify(&store).unwrap();
    assert_eq!((report.events, report.first, report.last), (500, 2001, 2500));
    store.write(|tx| tx.audit(&Event::new(at(3000), Action::BackupMade))).await.unwrap();
    assert_eq!(verify(&store).unwrap().last, 2501);

    let mut start = row(&store, &keys::meta("audit-start"));
    let digit = start.iter().position(u8::is_ascii_digit).unwrap();
    start[digit] = if start[digit] == b'9' { b'8' } else { start[digit] + 1 };
    change(&store, keys::meta("audit-start"), Some(start));
    assert_eq!(verify(&store), Err(Broken::Checkpoint));
}

#[tokio::test]
async fn a_refused_transaction_leaves_no_event() {
    let (_dir, store) = trail(1).await;
    let refused = store
        .write(|tx| {
            tx.audit(&Event::new(at(2), Action::BackupMade))?;
            Err::<(), _>(StoreError::Exists)
        })
        .await;
    assert_eq!(refused, Err(StoreError::Exists));
    assert_eq!(verify(&store).unwrap().events, 1);
    let (low, high) = ([keys::AUDIT], [keys::AUDIT + 1]);
    let range = (Bound::Included(low.as_slice()), Bound::Excluded(high.as_slice()));
    assert_eq!(store.shared().engine.range(range, false, 10).unwrap().len(), 1);
}

#[test]
fn addresses_are_cut_to_their_network() {
    assert_eq!(ip_prefix("192.0.2.77".parse().unwrap()), "192.0.2.0/24");
    assert_eq!(ip_prefix("::ffff:192.0.2.77".parse().unwrap()), "192.0.2.0/24");
    assert_eq!(ip_prefix("2001:db8:1:2:3::4".parse().unwrap()), "2001:db8:1::/48");
}

#[test]
fn every_action_has_a_word_of_its_own_that_reads_back() {
    let mut words: Vec<&str> = Action::ALL.iter().map(|action| action.as_str()).collect();
    for action in Action::ALL {
        let text = serde_json::to_string(action).unwrap();
        assert_eq!(text, format!("\"{}\"", action.as_str()));
        assert_eq!(serde_json::from_str::<Action>(&text).unwrap(), *action);
    }
    words.sort_unstable();
    words.dedup();
    assert_eq!(words.len(), Action::ALL.len());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_changed_byte_of_any_event_is_found(victim in 1..6_u64, at_byte in any::<prop::sample::Index>(), bit in 0..8u8) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let broken = runtime.block_on(async {
            let (_dir, store) = trail(5).await;
            let mut bytes = row(&store, &keys::audit(victim));
            let at_byte = at_byte.index(bytes.len());
            bytes[at_byte] ^= 1 << bit;
            change(&store, keys::audit(victim), Some(bytes));
            verify(&store)
        });
        prop_assert_eq!(broken, Err(Broken::Changed(victim)));
    }
}
