use std::collections::BTreeMap;

use jiff::Timestamp;
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use super::*;
use crate::store::envelope::Header;
use crate::store::tx::Rows as _;

impl Store {
    /// Every record that opens with the keys there are: its place in clear, and what is sealed in it, as JSON. For tests of
    /// what must be gone: a look at the bytes on the disk alone finds nothing that is sealed.
    pub(crate) fn opened(&self) -> Vec<(String, String)> {
        let view = self.view();
        let low = [keys::RECORD];
        let high = keys::after_prefix(&low).unwrap();
        let range = (std::ops::Bound::Included(low.as_slice()), std::ops::Bound::Excluded(high.as_slice()));
        let mut found = Vec::new();
        for (key, bytes) in self.shared().rows(range, false, usize::MAX).unwrap() {
            let place = String::from_utf8(key[1..].to_vec()).unwrap();
            let (collection, id) = place.split_once('\0').unwrap();
            let (header, head, sealed) = Header::read(&bytes).unwrap();
            let Ok(root) = view.root(header.data_key.as_ref()) else { continue };
            let value: serde_json::Value = envelope::open(&root, collection, id, head, sealed).unwrap();
            found.push((format!("{collection}/{id}"), value.to_string()));
        }
        found
    }

    /// The records in which a text stands, in clear or sealed.
    pub(crate) fn holding(&self, text: &str) -> Vec<String> {
        let all = self.opened().into_iter();
        all.filter(|(place, json)| place.contains(text) || json.contains(text))
            .map(|(place, _)| place)
            .collect()
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Note {
    id: String,
    owner: String,
    text: String,
    at: Timestamp,
    #[serde(default)]
    unique: Option<String>,
    #[serde(default)]
    key: Option<DataKeyId>,
}

impl Record for Note {
    const COLLECTION: &'static str = "note";

    fn id(&self) -> String {
        self.id.clone()
    }

    fn sealing(&self) -> Sealing {
        self.key.clone().map_or(Sealing::Instance, Sealing::Data)
    }

    fn index(&self, indexes: &mut Indexes) {
        indexes.add("owner", IndexKey::new().text(&self.owner).time(self.at));
        if let Some(unique) = &self.unique {
            indexes.unique("unique", IndexKey::new().text(unique));
        }
    }
}

fn note(id: &str, owner: &str, second: i64) -> Note {
    Note {
        id: id.to_owned(),
        owner: owner.to_owned(),
        text: format!("the text of {id}"),
        at: Timestamp::from_second(second).unwrap(),
        unique: None,
        key: None,
    }
}

struct Fixture {
    dir: tempfile::TempDir,
    key: InstanceKey,
}

impl Fixture {
    fn new() -> (Fixture, Store) {
        let fixture = Fixture { dir: tempfile::tempdir().unwrap(), key: InstanceKey::random() };
        let store = fixture.open();
        (fixture, store)
    }

    fn open(&self) -> Store {
        Store::open(self.dir.path(), &self.key).unwrap()
    }

    async fn reopen(&self, store: Store) -> Store {
        store.close().await;
        drop(store);
        self.open()
    }
}

fn ids(page: &Page<Note>) -> Vec<&str> {
    page.items.iter().map(|note| note.value.id.as_str()).collect()
}

fn owner(name: &str) -> Query {
    Query::new("owner", IndexKey::new().text(name))
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_restart() {
    let (fixture, store) = Fixture::new();
    store.write(|tx| tx.insert(&note("a", "x", 1))).await.unwrap();
    let store = fixture.reopen(store).await;
    let read = store.get::<Note>("a").unwrap().unwrap();
    assert_eq!((read.version, read.value), (1, note("a", "x", 1)));
    assert!(store.get::<Note>("b").unwrap().is_none());
}

#[tokio::test]
async fn a_failed_transaction_leaves_nothing() {
    let (_fixture, store) = Fixture::new();
    let key = DataKeyId::new("cs_1");
    let failed = store
        .write(|tx| {
            tx.create_key(&key)?;
            tx.insert(&Note { key: Some(key.clone()), ..note("a", "x", 1) })?;
            assert!(tx.get::<Note>("a")?.is_some(), "a transaction sees what it wrote");
            assert_eq!(ids(&tx.list::<Note>(&owner("x"))?), ["a"]);
            Err::<(), _>(StoreError::Exists)
        })
        .await;
    assert_eq!(failed, Err(StoreError::Exists));
    assert!(store.get::<Note>("a").unwrap().is_none());
    assert!(store.list::<Note>(&owner("x")).unwrap().items.is_empty());
    assert_eq!(store.data_key(&key).map(|_| ()), Err(StoreError::Purged));
}

#[tokio::test]
async fn two_who_change_the_same_version_do_not_both_succeed() {
    let (_fixture, store) = Fixture::new();
    store.write(|tx| tx.insert(&note("a", "x", 1))).await.unwrap();
    assert_eq!(store.write(|tx| tx.insert(&note("a", "x", 1))).await, Err(StoreError::Exists));
    let (mut one, mut two) =
        (store.get::<Note>("a").unwrap().unwrap(), store.get::<Note>("a").unwrap().unwrap());
    one.text = "one".into();
    assert_eq!(store.write(|tx| tx.update(&mut one)).await, Ok(2));
    two.text = "two".into();
    assert_eq!(store.write(|tx| tx.update(&mut two)).await, Err(StoreError::VersionConflict));
    assert_eq!(store.get::<Note>("a").unwrap().unwrap().value.text, "one");
}

#[tokio::test]
async fn an_index_follows_its_records_and_pages_in_both_directions() {
    let (_fixture, store) = Fixture::new();
    for second in 0..7 {
        store.write(|tx| tx.insert(&note(&format!("n{second}"), "x", second))).await.unwrap();
    }
    store.write(|tx| tx.insert(&note("other", "xx", 3))).await.unwrap();
    let first = store.list::<Note>(&owner("x").limit(3)).unwrap();
    assert_eq!(ids(&first), ["n0", "n1", "n2"]);
    let cursor = Cursor::decode(&first.next.unwrap().encode());
    let second = store.list::<Note>(&owner("x").limit(3).after(cursor.clone())).unwrap();
    assert_eq!(ids(&second), ["n3", "n4", "n5"]);
    let last = store.list::<Note>(&owner("x").limit(3).after(second.next)).unwrap();
    assert_eq!((ids(&last), last.next.is_none()), (vec!["n6"], true));

    let back = store.list::<Note>(&owner("x").limit(2).reverse()).unwrap();
    assert_eq!(ids(&back), ["n6", "n5"]);
    let further = store.list::<Note>(&owner("x").limit(2).reverse().after(back.next)).unwrap();
    assert_eq!(ids(&further), ["n4", "n3"]);

    let time = |second| IndexKey::new().time(Timestamp::from_second(second).unwrap());
    let between = store.list::<Note>(&owner("x").from(time(2)).until(time(5))).unwrap();
    assert_eq!(ids(&between), ["n2", "n3", "n4"]);
    // A cursor of one owner leads to none of another.
    assert_eq!(store.list::<Note>(&owner("xx").after(cursor)).map(|_| ()), Err(StoreError::BadCursor));

    let mut moved = store.get::<Note>("n0").unwrap().unwrap();
    moved.owner = "xx".into();
    store.write(|tx| tx.update(&mut moved)).await.unwrap();
    store.write(|tx| tx.delete::<Note>("n1")).await.unwrap();
    assert_eq!(ids(&store.list::<Note>(&owner("x").limit(2)).unwrap()), ["n2", "n3"]);
    assert_eq!(ids(&store.list::<Note>(&owner("xx")).unwrap()), ["n0", "other"]);
}

#[tokio::test]
async fn a_unique_key_belongs_to_one_record_until_that_gives_it_up() {
    let (_fixture, store) = Fixture::new();
    let named = |id: &str, unique: &str| Note { unique: Some(unique.to_owned()), ..note(id, "x", 1) };
    store.write(|tx| tx.insert(&named("a", "k"))).await.unwrap();
    assert_eq!(store.write(|tx| tx.insert(&named("b", "k"))).await, Err(StoreError::Taken("unique")));
    assert_eq!(store.write(|tx| tx.put(&named("a", "k"))).await, Ok(2));
    store.write(|tx| tx.put(&named("a", "other"))).await.unwrap();
    store.write(|tx| tx.insert(&named("b", "k"))).await.unwrap();
    let found = store.find::<Note>("unique", IndexKey::new().text("k")).unwrap().unwrap();
    assert_eq!(found.value.id, "b");
}

#[tokio::test]
async fn a_purge_makes_records_unreadable_at_once_and_takes_the_key_off_the_disk() {
    let (fixture, store) = Fixture::new();
    let key = DataKeyId::new("cs_1");
    store
        .write(|tx| {
            tx.create_key(&key)?;
            tx.insert(&Note { key: Some(key.clone()), ..note("a", "x", 1) })?;
            tx.insert(&note("b", "x", 2))
        })
        .await
        .unwrap();
    let blob = crate::ids::BlobId::new(Timestamp::UNIX_EPOCH);
    store.put_blob(&key, &blob, b"a photo".to_vec()).await.unwrap();
    let wrapped = store.shared().keyring.export().unwrap().remove(0).wrapped;
    assert_eq!(store.write(|tx| tx.destroy_key(&key)).await, Ok(1));
    assert_eq!(store.get::<Note>("a").map(|found| found.is_none()), Ok(true));
    assert_eq!(store.get_blob(&key, &blob).await, Err(StoreError::Purged));
    assert_eq!(ids(&store.list::<Note>(&owner("x")).unwrap()), ["b"]);
    let again = Note { key: Some(key.clone()), ..note("c", "x", 3) };
    assert_eq!(store.write(|tx| tx.insert(&again)).await, Err(StoreError::Purged));

    for entry in walk(fixture.dir.path()) {
        let bytes = std::fs::read(&entry).unwrap();
        assert!(!bytes.windows(wrapped.len()).any(|window| window == wrapped), "{}", entry.display());
    }
    assert_eq!(std::fs::read_dir(fixture.dir.path().join("blobs")).unwrap().count(), 0);
    // No row speaks of it any more, not even an index entry.
    let rows =
        store.shared().engine.range((std::ops::Bound::Unbounded, std::ops::Bound::Unbounded), false, 1000);
    for (row, _) in rows.unwrap() {
        assert!(!row.windows(4).any(|window| window == b"cs_1"), "{}", String::from_utf8_lossy(&row));
    }
    let store = fixture.reopen(store).await;
    assert!(store.get::<Note>("a").unwrap().is_none());
    assert_eq!(store.shared().keyring.len(), 0);
}

#[tokio::test]
async fn a_purge_that_a_crash_interrupted_is_finished_at_the_next_start() {
    let (fixture, store) = Fixture::new();
    let key = DataKeyId::new("cs_1");
    store.write(|tx| tx.create_key(&key)).await.unwrap();
    // What the disk holds when the crash comes between the flush of the rows and the key file.
    let mut batch = Batch::new();
    batch.insert(keys::condemned(key.as_str()), Some(Vec::new()));
    store.shared().engine.apply(&batch).unwrap();
    store.shared().engine.flush().unwrap();
    store.write(|tx| tx.insert(&note("b", "x", 2))).await.unwrap();
    let store = fixture.reopen(store).await;
    assert_eq!(store.shared().keyring.len(), 0);
}

fn walk(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap().flatten() {
        if entry.path().is_dir() { files.extend(walk(&entry.path())) } else { files.push(entry.path()) }
    }
    files
}

#[tokio::test]
async fn no_file_of_the_store_holds_a_text_in_clear() {
    let (fixture, store) = Fixture::new();
    let key = DataKeyId::new("cs_1");
    let secret = "Jeanne MARTIN 0612345678";
    let blob = crate::ids::BlobId::new(Timestamp::UNIX_EPOCH);
    store
        .write(|tx| {
            tx.create_key(&key)?;
            tx.insert(&Note { key: Some(key.clone()), text: secret.into(), ..note("a", "x", 1) })?;
            tx.insert(&Note { text: secret.into(), ..note("b", "x", 1) })
        })
        .await
        .unwrap();
    store.put_blob(&key, &blob, secret.as_bytes().to_vec()).await.unwrap();
    let store = fixture.reopen(store).await;
    for entry in walk(fixture.dir.path()) {
        let bytes = std::fs::read(&entry).unwrap();
        for word in ["Jeanne", "MARTIN", "0612345678"] {
            assert!(
                !bytes.windows(word.len()).any(|window| window == word.as_bytes()),
                "{}",
                entry.display()
            );
        }
    }
    assert_eq!(store.get::<Note>("a").unwrap().unwrap().value.text, secret);
    assert_eq!(store.get_blob(&key, &blob).await.unwrap().unwrap(), secret.as_bytes());
    store.blobs().delete(&key, &blob).unwrap();
    assert_eq!(store.get_blob(&key, &blob).await, Ok(None));
}

#[tokio::test]
async fn a_store_opens_with_its_own_key_only() {
    let (fixture, store) = Fixture::new();
    store.close().await;
    drop(store);
    let opened = Store::open(fixture.dir.path(), &InstanceKey::random());
    assert!(matches!(opened, Err(OpenError::OtherKey)), "{opened:?}");
    fixture.open();
}

#[tokio::test]
async fn a_store_that_another_has_open_is_refused_and_one_that_is_being_closed_is_waited_for() {
    let (fixture, store) = Fixture::new();
    let refused = Store::open(fixture.dir.path(), &fixture.key);
    assert!(matches!(refused, Err(OpenError::Engine(_))), "{refused:?}");
    let closing = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(300));
        drop(store);
    });
    fixture.open();
    closing.join().unwrap();
}

#[tokio::test]
async fn a_record_moved_to_another_id_does_not_open() {
    let (_fixture, store) = Fixture::new();
    store.write(|tx| tx.insert(&note("a", "x", 1))).await.unwrap();
    store.write(|tx| tx.insert(&note("b", "x", 1))).await.unwrap();
    let row = store.shared().engine.get(&keys::record("note", "a")).unwrap();
    let mut batch = Batch::new();
    batch.insert(keys::record("note", "b"), row);
    store.shared().engine.apply(&batch).unwrap();
    assert_eq!(store.get::<Note>("b").map(|_| ()), Err(StoreError::Tampered));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_writers_share_few_flushes() {
    let (_fixture, store) = Fixture::new();
    let started = std::time::Instant::now();
    let writers: Vec<_> = (0..400)
        .map(|n| {
            let store = store.clone();
            tokio::spawn(async move { store.write(|tx| tx.insert(&note(&format!("n{n}"), "x", n))).await })
        })
        .collect();
    for writer in writers {
        assert_eq!(writer.await.unwrap(), Ok(1));
    }
    // 200 operations each second, with a debug build and a slow disk.
    assert!(started.elapsed() < std::time::Duration::from_secs(2), "{:?}", started.elapsed());
    assert_eq!(store.list::<Note>(&owner("x").limit(1000)).unwrap().items.len(), 400);
}

/// The same collection before it had owners.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct OldNote {
    id: String,
    body: String,
}

impl Record for OldNote {
    const COLLECTION: &'static str = "old_note";

    fn id(&self) -> String {
        self.id.clone()
    }

    fn sealing(&self) -> Sealing {
        Sealing::Instance
    }
}

#[tokio::test]
async fn a_migration_rewrites_records_of_a_type_that_is_gone_and_runs_once() {
    let (fixture, store) = Fixture::new();
    for id in ["a", "b"] {
        store.write(|tx| tx.insert(&OldNote { id: id.into(), body: format!("body of {id}") })).await.unwrap();
    }
    store.close().await;
    drop(store);
    let migrations = [Migration {
        to: 2,
        what: "notes have owners",
        run: |migrator| {
            let count = migrator.rewrite::<Note>("old_note", |old| {
                let text = old["body"].as_str().unwrap_or_default().to_owned();
                Ok(Some(Note { text, ..note(old["id"].as_str().unwrap_or_default(), "nobody", 0) }))
            })?;
            if count == 0 { Err(StoreError::Unreadable) } else { Ok(()) }
        },
    }];
    for _ in 0..2 {
        let store = Store::open_with(fixture.dir.path(), &fixture.key, &migrations).unwrap();
        assert_eq!(ids(&store.list::<Note>(&owner("nobody")).unwrap()), ["a", "b"]);
        assert_eq!(store.get::<Note>("b").unwrap().unwrap().value.text, "body of b");
        assert!(store.get::<OldNote>("a").unwrap().is_none());
        store.close().await;
    }
    let opened = Store::open(fixture.dir.path(), &fixture.key);
    assert!(matches!(opened, Err(OpenError::Newer { found: 2, known: 1 })), "{opened:?}");
}

#[tokio::test]
async fn fields_that_were_added_take_their_default_and_fields_that_went_are_skipped() {
    let (_fixture, store) = Fixture::new();
    #[derive(Serialize, Deserialize)]
    struct Past {
        id: String,
        owner: String,
        text: String,
        at: Timestamp,
        gone: bool,
    }
    impl Record for Past {
        const COLLECTION: &'static str = "note";
        fn id(&self) -> String {
            self.id.clone()
        }
        fn sealing(&self) -> Sealing {
            Sealing::Instance
        }
    }
    let past =
        Past { id: "a".into(), owner: "x".into(), text: "t".into(), at: Timestamp::UNIX_EPOCH, gone: true };
    store.write(|tx| tx.insert(&past)).await.unwrap();
    assert_eq!(store.get::<Note>("a").unwrap().unwrap().value.unique, None);
}

type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

#[derive(Clone, Debug)]
enum Step {
    Put(u8, u8),
    Delete(u8),
    Copy,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (any::<u8>(), 0..3_u8).prop_map(|(id, owner)| Step::Put(id % 24, owner)),
        2 => any::<u8>().prop_map(|id| Step::Delete(id % 24)),
        3 => Just(Step::Copy),
    ];
    proptest::collection::vec(step, 0..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// The store against a map, and a copy that is taken while the steps go on against the map as it was at its start.
    #[test]
    fn the_store_behaves_as_a_map_and_a_copy_is_the_map_of_its_first_moment(steps in steps(), start in 0..30_usize) {
        let (_fixture, store) = Fixture::new();
        let mut model = BTreeMap::new();
        let mut copy: Option<(Snapshot, Rows, Rows)> = None;
        let all = |store: &Store| -> Rows {
            use std::ops::Bound::Unbounded;
            store.shared().engine.range((Unbounded, Unbounded), false, usize::MAX).unwrap().into_iter().collect()
        };
        for (at, step) in steps.into_iter().enumerate() {
            if at == start {
                copy = store.snapshot().unwrap().map(|snapshot| (snapshot, all(&store), BTreeMap::new()));
            }
            match step {
                Step::Put(id, owner) => {
                    let note = note(&format!("n{id}"), &format!("o{owner}"), id.into());
                    store.write_unflushed(|tx| tx.put(&note)).unwrap();
                    model.insert(note.id.clone(), note);
                }
                Step::Delete(id) => {
                    let id = format!("n{id}");
                    let was = store.write_unflushed(|tx| tx.delete::<Note>(&id)).unwrap();
                    prop_assert_eq!(was, model.remove(&id).is_some());
                }
                Step::Copy => if let Some((snapshot, _, copied)) = &mut copy {
                    copied.extend(snapshot.step_of(3).unwrap());
                },
            }
        }
        for owner_number in 0..3 {
            let name = format!("o{owner_number}");
            let page = store.list::<Note>(&owner(&name)).unwrap();
            let mut expected: Vec<&Note> = model.values().filter(|note| note.owner == name).collect();
            expected.sort_by_key(|note| (note.at, note.id.clone()));
            prop_assert_eq!(page.items.iter().map(|note| &note.value).collect::<Vec<_>>(), expected);
        }
        if let Some((mut snapshot, expected, mut copied)) = copy {
            loop {
                let rows = snapshot.step_of(3).unwrap();
                if rows.is_empty() { break }
                copied.extend(rows);
            }
            prop_assert_eq!(copied, expected);
        }
    }
}
