//! A file from one to many over the reliable data channel.

use std::time::{Duration, Instant};

use anyhow::Context;
use futures_util::future::join_all;
use tokio::time::timeout;

use super::churn::content;
use super::seats::Cast;
use super::stage::Stage;
use crate::figures::window::{Window, generator};
use crate::figures::{Files, Record, distrust};
use crate::scenario::{Data, Tracks};

/// The slowest that a file may be: below this much it is lost.
const KIB_PER_SECOND_MIN: u32 = 128;

pub async fn run(data: &Data, stage: &mut Stage<'_>, record: &mut Record) -> anyhow::Result<()> {
    let none = Tracks::default();
    let mut cast = Cast::fanout("files", 1, data.receivers, &none, true);
    for seat in cast.stages.iter_mut().flatten() {
        // No media to wait for.
        seat.hears = false;
    }
    record.participants = cast.people() as u32;
    let crowd = stage.gather(&cast, Duration::from_millis(500)).await?;
    record.join_ms = Some(crowd.join_times());
    if let Some((who, why)) = crowd.failures.first() {
        anyhow::bail!("{} could not join; {who}: {why}", crowd.failures.len());
    }
    // The sender came first.
    let (sender, receivers) = crowd.sessions.split_first().context("nobody is there")?;
    let is_slow = |identity: &String| {
        let number = identity.rsplit_once('-').and_then(|(_, number)| number.parse::<u32>().ok());
        number.is_some_and(|number| number < data.slow_receivers)
    };
    let (mut slow, mut quick) = (Vec::new(), Vec::new());
    for (session, identity) in receivers.iter().zip(crowd.identities.iter().skip(1)) {
        if is_slow(identity) {
            session.read_slowly(data.slow_kib_per_second);
            slow.push(session);
        } else {
            quick.push(session);
        }
    }
    let patience = Duration::from_secs(u64::from(data.file_kib / KIB_PER_SECOND_MIN) + 10);
    let file = content(data.file_kib, 1);

    stage.progress.step("sending");
    let before = stage.reading();
    stage.generator.tally();
    let begin = Instant::now();
    let sending = timeout(patience, sender.send_file("archive.bin", file.clone(), &[]));
    let receiving = join_all(quick.iter().map(|session| timeout(patience, session.receive_file())));
    let (sent, received) = tokio::join!(sending, receiving);
    let seconds = begin.elapsed().as_secs_f64();
    let tally = stage.generator.tally();
    let window = Window::between(&before, &stage.reading(), tally);

    let mut failed = 0;
    for (number, outcome) in received.iter().enumerate() {
        let why = match outcome {
            Ok(Ok(file)) if file.intact => continue,
            Ok(Ok(file)) => {
                let why = file.why.as_deref().unwrap_or("not intact");
                format!("{} from {}, {} bytes in {:.1?}: {why}", file.name, file.from, file.bytes, file.took)
            }
            Ok(Err(error)) => format!("{error:#}"),
            Err(_) => format!("not there after {patience:?}"),
        };
        failed += 1;
        record.remarks.push(format!("receiver {number}: {why}"));
    }
    match sent {
        Ok(Ok(sent)) => record.remarks.push(format!(
            "the sender's {:.1} MiB were in its queue after {:.2?}",
            sent.bytes as f64 / 1_048_576.0,
            sent.took
        )),
        Ok(Err(error)) => record.void_reasons.push(format!("the file could not be sent: {error:#}")),
        Err(_) => record.remarks.push(format!("the sender still waits after {patience:?}")),
    }
    let delivered = (quick.len() as u64 - failed) as f64 * file.len() as f64;
    let slow_bytes: u64 = slow.iter().map(|session| session.received_file_bytes()).sum();
    record.files = Some(Files {
        sent: quick.len() as u64,
        failed,
        mbit_per_second: delivered * 8.0 / 1e6 / seconds,
        cpu_ms_per_mib: window
            .cpu
            .filter(|_| delivered > 0.0)
            .map(|cpu| cpu * 1000.0 / (delivered / 1_048_576.0)),
        slow: slow.len() as u64,
        slow_share: slow_bytes as f64 / (file.len() as f64 * slow.len().max(1) as f64),
    });
    record.windows = 1;
    record.server_load = window.cpu.map(|cpu| cpu / window.tally.seconds);
    record.rss_mib = stage.server.usage().map(|usage| usage.resident_kib as f64 / 1024.0);
    record.generator = generator(&[&window]);
    record.conditions.other_load = window.other_load;
    record.conditions.steal = window.steal;
    record.conditions.seconds = seconds;
    // Of the usual reasons those about the machine: a transfer may be short, and no media flows.
    if !distrust::undisturbed(&window) {
        record.void_reasons.push(format!(
            "other load: {:.2} cores of other work, {:.2} taken by the hypervisor",
            window.other_load, window.steal
        ));
    }
    if window.tally.busiest_thread > distrust::BUSIEST_THREAD_MAX {
        record.remarks.push(format!(
            "the generator was busy too ({:.0} %): the server may be able to do more",
            window.tally.busiest_thread * 100.0
        ));
    }
    crowd.leave().await;
    Ok(())
}
