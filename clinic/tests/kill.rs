//! A process killed while it works: what it acknowledged is there, what it purged is gone, the audit trail is whole, every
//! message is sent and every timer runs.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use chevet_clinic::model::Contact;
use chevet_clinic::outbox::{Message, Status};
use chevet_clinic::{audit, open_store};

/// The example that cargo built beside this test.
fn program() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let path = test.ancestors().nth(2).unwrap().join("examples/killed");
    assert!(path.exists(), "{} is missing: build with --examples", path.display());
    path
}

#[tokio::test]
async fn every_acknowledged_write_survives_being_killed_again_and_again() {
    let dir = tempfile::tempdir().unwrap();
    let (mut written, mut purged) = (BTreeMap::new(), BTreeSet::new());
    let mut events = 0;
    for round in 0..8_u64 {
        let mut child = Command::new(program())
            .arg(dir.path())
            .arg("store")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut started = None;
        // Killed at another place each time, between 60 and 480 ms after its first word; what it said before counts.
        while let Some(Ok(line)) = lines.next() {
            let started = *started.get_or_insert_with(Instant::now);
            note(&line, &mut written, &mut purged);
            if started.elapsed() > Duration::from_millis(60 + 60 * round) {
                child.kill().unwrap();
                break;
            }
        }
        child.wait().unwrap();
        for line in lines.map_while(Result::ok) {
            note(&line, &mut written, &mut purged);
        }
        let (_, store) = open_store(dir.path()).unwrap();
        for (id, mobile) in &written {
            match store.get::<Contact>(id).unwrap() {
                Some(contact) => {
                    assert_eq!(contact.value.mobile.as_ref(), Some(mobile), "{id}");
                    assert!(!purged.contains(id), "{id} was purged and is there, in round {round}");
                }
                // Purged and killed before it could say so.
                None => assert!(
                    mobile.rsplit('-').next().unwrap().parse::<u32>().unwrap() % 5 == 4,
                    "{id} is lost, in round {round}"
                ),
            }
        }
        let report = audit::verify(&store).unwrap();
        assert!(report.events >= (written.len() + purged.len()) as u64);
        assert!(report.events > events, "round {round} wrote nothing");
        events = report.events;
        store.close().await;
    }
    assert!(written.len() > 100, "only {} writes", written.len());
}

#[tokio::test]
async fn every_posted_message_is_sent_and_every_timer_runs_although_the_server_is_killed_again_and_again() {
    let dir = tempfile::tempdir().unwrap();
    let (mut posted, mut sent, mut ran) = (BTreeSet::new(), BTreeMap::<String, u32>::new(), BTreeSet::new());
    let mut note = |line: &str| match line.split_once(' ') {
        // A word that the kill cut short is no id.
        Some((_, id)) if id.len() != 36 => {}
        Some(("posted", id)) => drop(posted.insert(id.to_owned())),
        Some(("sent", id)) => *sent.entry(id.to_owned()).or_default() += 1,
        Some(("ran", id)) => drop(ran.insert(id.to_owned())),
        _ => {}
    };
    const KILLS: u64 = 5;
    for round in 0..KILLS {
        let mut child = Command::new(program());
        child.arg(dir.path()).arg("clinic").stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = child.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut started = None;
        while let Some(Ok(line)) = lines.next() {
            let started = *started.get_or_insert_with(Instant::now);
            note(&line);
            if started.elapsed() > Duration::from_millis(150 + 37 * round) {
                child.kill().unwrap();
                break;
            }
        }
        child.wait().unwrap();
        lines.map_while(Result::ok).for_each(|line| note(&line));
    }
    let finished =
        Command::new(program()).arg(dir.path()).arg("finish").stderr(Stdio::null()).output().unwrap();
    assert!(finished.status.success());
    String::from_utf8(finished.stdout).unwrap().lines().for_each(&mut note);

    assert!(posted.len() > 50, "only {} messages", posted.len());
    let (_, store) = open_store(dir.path()).unwrap();
    for id in &posted {
        assert!(sent.contains_key(id), "{id} was never sent");
        assert!(ran.contains(id), "the timer of {id} never ran");
        let message = store.get::<Message>(id).unwrap().unwrap().value;
        assert_eq!((message.status, message.destination.as_str()), (Status::Sent, ""));
    }
    // Twice with one key only if it was killed between the sending and the note of it: those that were on their way.
    let twice = sent.values().filter(|times| **times > 1).count() as u64;
    assert!(
        twice <= 16 * KILLS && sent.values().all(|times| u64::from(*times) <= 1 + KILLS),
        "{twice} twice"
    );
    audit::verify(&store).unwrap();
    store.close().await;
}

fn note(line: &str, written: &mut BTreeMap<String, String>, purged: &mut BTreeSet<String>) {
    match line.split(' ').collect::<Vec<_>>().as_slice() {
        ["written", id, mobile] => {
            written.insert((*id).to_owned(), (*mobile).to_owned());
        }
        ["purged", id] => {
            purged.insert((*id).to_owned());
        }
        // The last line may be cut by the kill.
        _ => {}
    }
}
