//! A process killed between the moment a gateway took a message and the moment that was written down: it sends again,
//! under the same key and no other, and never once the answer was kept.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use chevet_emulators::{Answer, Emulators, ReceiptPlan};

/// The example that cargo built beside this test.
fn sender(dir: &Path, emulators: &Emulators) -> Child {
    let test = std::env::current_exe().unwrap();
    let path = test.ancestors().nth(2).unwrap().join("examples/sender");
    assert!(path.exists(), "{} is missing: build with --examples", path.display());
    Command::new(path)
        .arg(dir)
        .arg(emulators.http_gateway())
        .arg(&emulators.secrets().sms)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

async fn taken(emulators: &Emulators, count: usize) {
    let started = Instant::now();
    while emulators.sms().len() < count {
        assert!(started.elapsed() < Duration::from_secs(20), "{} taken", emulators.sms().len());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_between_sent_and_recorded_it_sends_again_with_the_same_key_only() {
    let dir = tempfile::tempdir().unwrap();
    let emulators = Emulators::start().await.unwrap();
    emulators.script(|script| {
        // The gateway has the message; its answer never comes in time, twice.
        script.sms.extend([Answer::Late(Duration::from_secs(60)), Answer::Late(Duration::from_secs(60))]);
        script.receipts = ReceiptPlan::None;
    });
    for round in 1..=2 {
        let mut child = sender(dir.path(), &emulators);
        taken(&emulators, round).await;
        child.kill().unwrap();
        child.wait().unwrap();
    }
    // Now the answer comes and is kept.
    let mut child = sender(dir.path(), &emulators);
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let sent =
        tokio::task::spawn_blocking(move || lines.map_while(Result::ok).take(400).any(|line| line == "Sent"));
    assert!(sent.await.unwrap());
    child.kill().unwrap();
    child.wait().unwrap();
    // And what was kept is not sent again.
    let mut child = sender(dir.path(), &emulators);
    tokio::time::sleep(Duration::from_millis(1500)).await;
    child.kill().unwrap();
    child.wait().unwrap();
    let references: Vec<String> = emulators.sms().into_iter().map(|sms| sms.reference).collect();
    assert_eq!(references.len(), 3);
    assert!(
        references[0].starts_with("msg_") && references.iter().all(|reference| *reference == references[0])
    );
}
