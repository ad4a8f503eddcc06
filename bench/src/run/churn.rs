//! The product's own load: small rooms that people enter and leave all the time, and files that they hand each other.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::{join_all, select};
use futures_util::{StreamExt, stream};
use rand::Rng;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::crowd::join_times;
use super::seats::Cast;
use super::stage::Stage;
use crate::figures::distrust::Expected;
use crate::figures::window::summarize;
use crate::figures::{Files, Record};
use crate::scenario::{Measure, Scenario};
use crate::target::{JoinPhases, Session};

/// A file that is not there by then is lost.
const FILE_TIMEOUT: Duration = Duration::from_secs(20);
/// Rooms that fill up at the same time in the beginning.
const FILL_AT_ONCE: usize = 8;

/// Who comes and goes, and what they hand each other.
pub struct Comings {
    pub rooms: u32,
    pub people: Vec<u32>,
    pub stay_seconds: Option<f64>,
    pub file_every_seconds: Option<f64>,
    pub file_kib: u32,
}

/// What happened besides the packets.
#[derive(Default)]
struct Happened {
    phases: RefCell<Vec<(JoinPhases, bool)>>,
    failures: RefCell<Vec<String>>,
    /// Calls that ended by themselves.
    fallen: RefCell<Vec<String>>,
    files: Cell<u64>,
    lost_files: Cell<u64>,
    file_bytes: Cell<u64>,
    file_seconds: Cell<f64>,
    rounds: Cell<u64>,
}

/// `lasts`: of a soak, which watches memory all that time; otherwise the windows of the scenario.
pub async fn run(
    scenario: &Scenario,
    comings: &Comings,
    lasts: Option<Duration>,
    stage: &mut Stage<'_>,
    record: &mut Record,
) -> anyhow::Result<()> {
    let cast = Cast::rooms("room", comings.rooms, &comings.people, &scenario.tracks, true);
    record.participants = cast.people() as u32;
    record.subscribers = cast.subscribers() as u32;
    record.fan_out = cast.fan_out();
    let happened = Happened::default();
    let (stop, stopped) = watch::channel(false);
    let (filled, wait_filled) = watch::channel(0_u32);
    let stage = &*stage;
    let begin = Instant::now();
    let memory = RefCell::new(Vec::new());
    let rooms = async {
        let turns = (0..comings.rooms).map(|room| {
            let stopped = stopped.clone();
            let filled = &filled;
            room_life(room, scenario, comings, stage, &happened, filled, stopped)
        });
        // All rooms live at once; the permits hold back the first joins only.
        join_all(turns).await;
    };
    let watching = async {
        let mut wait_filled = wait_filled;
        let all = comings.rooms;
        let ready = wait_filled.wait_for(|count| *count >= all);
        let _ = timeout(Duration::from_secs(60), ready).await;
        sleep(Duration::from_secs_f64(scenario.measure.settle_seconds)).await;
        let windows = match lasts {
            None => stage.measure(&scenario.measure).await,
            Some(lasts) => soak_windows(&scenario.measure, lasts, begin, stage, &memory).await,
        };
        // Nobody listens any more only when all rooms have ended.
        let _ = stop.send(true);
        windows
    };
    let (_, windows) = tokio::join!(rooms, watching);
    let windows = windows?;
    let expected = Expected { offered_per_second: None, fan_out: None };
    summarize(record, &windows, &expected);
    record.memory = memory.into_inner();
    record.rss_mib = stage.server.usage().map(|usage| usage.resident_kib as f64 / 1024.0);
    let failures = happened.failures.into_inner();
    record.join_ms = Some(join_times(&happened.phases.borrow(), failures.len()));
    if comings.file_every_seconds.is_some() {
        record.files = Some(Files {
            sent: happened.files.get(),
            failed: happened.lost_files.get(),
            mbit_per_second: happened.file_bytes.get() as f64 * 8.0
                / 1e6
                / happened.file_seconds.get().max(1e-9),
            ..Files::default()
        });
    }
    record.remarks.push(format!(
        "{} consultations began while it ran, {} files were handed over: their cost is in that of the packets",
        happened.rounds.get(),
        happened.files.get()
    ));
    if let Some((seconds, from)) = record.memory.first().copied()
        && let Some((until, to)) = record.memory.last().copied()
    {
        let minutes = (until - seconds) / 60.0;
        record
            .remarks
            .push(format!("resident memory went from {from:.1} to {to:.1} MiB in {minutes:.1} minutes"));
    }
    if let Some(first) = failures.first() {
        record.void_reasons.push(format!("{} joins failed: {first}", failures.len()));
    }
    if let Some(first) = happened.fallen.borrow().first() {
        record.remarks.push(format!("{} calls ended by themselves: {first}", happened.fallen.borrow().len()));
    }
    Ok(())
}

/// Consultations in one room, one after the other.
async fn room_life(
    room: u32,
    scenario: &Scenario,
    comings: &Comings,
    stage: &Stage<'_>,
    happened: &Happened,
    filled: &watch::Sender<u32>,
    mut stopped: watch::Receiver<bool>,
) {
    // Rooms fill up one after the other, a few at a time.
    let mut turn = filled.subscribe();
    let _ = turn.wait_for(|count| *count as usize + FILL_AT_ONCE > room as usize).await;
    for round in 0.. {
        let cast = Cast::rooms_from(&format!("r{round}"), room, 1, &comings.people, &scenario.tracks, true);
        let mut sessions = Vec::new();
        for seat in cast.stages.iter().flatten() {
            match stage.join(seat).await.1 {
                Ok(joined) => {
                    happened.phases.borrow_mut().push((joined.phases, joined.hears));
                    sessions.push(joined.session);
                }
                Err(error) => {
                    happened.failures.borrow_mut().push(format!("{}: {error:#}", seat.spec.identity))
                }
            }
        }
        happened.rounds.set(happened.rounds.get() + 1);
        if round == 0 {
            filled.send_modify(|count| *count += 1);
        }
        let stay = comings.stay_seconds.map(|mean| {
            // The first consultations are cut short at random, so that they do not all end together.
            let share = if round == 0 {
                rand::rng().random_range(0.1..1.5)
            } else {
                rand::rng().random_range(0.5..1.5)
            };
            Duration::from_secs_f64(mean * share)
        });
        let call = async {
            let end = async {
                match stay {
                    Some(stay) => sleep(stay).await,
                    None => std::future::pending().await,
                }
            };
            let files = hand_over(&sessions, comings, happened);
            select(Box::pin(end), Box::pin(files)).await;
        };
        let ended = tokio::select! {
            () = call => false,
            _ = stopped.wait_for(|stop| *stop) => true,
        };
        if let Some(why) = sessions.iter().find_map(Session::failure) {
            happened.fallen.borrow_mut().push(why);
        }
        stream::iter(sessions).for_each_concurrent(None, Session::leave).await;
        if ended || *stopped.borrow() {
            return;
        }
        sleep(Duration::from_millis(200)).await;
    }
}

/// Now and then somebody sends a file to all others. Never ends.
async fn hand_over(sessions: &[Session], comings: &Comings, happened: &Happened) {
    let (Some(every), Some((sender, others))) = (comings.file_every_seconds, sessions.split_first()) else {
        return std::future::pending().await;
    };
    for number in 0.. {
        let wait = rand::rng().random_range(0.5..1.5) * every;
        sleep(Duration::from_secs_f64(wait)).await;
        let content = content(comings.file_kib, number);
        let begin = Instant::now();
        let sending = sender.send_file("findings.pdf", content.clone(), &[]);
        let receiving = join_all(others.iter().map(|other| timeout(FILE_TIMEOUT, other.receive_file())));
        let (sent, received) = tokio::join!(sending, receiving);
        if sent.is_err() && sender.failure().is_some() {
            return std::future::pending().await;
        }
        for file in received {
            happened.files.set(happened.files.get() + 1);
            match file {
                Ok(Ok(file)) if file.intact && file.bytes == content.len() as u64 => {
                    happened.file_bytes.set(happened.file_bytes.get() + file.bytes);
                }
                _ => happened.lost_files.set(happened.lost_files.get() + 1),
            }
        }
        happened.file_seconds.set(happened.file_seconds.get() + begin.elapsed().as_secs_f64());
    }
}

/// Bytes that do not compress and differ from file to file.
pub fn content(kib: u32, number: u64) -> Bytes {
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let words = (0..u64::from(kib) * 128).flat_map(|_| {
        // xorshift64*
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        state.wrapping_mul(0x2545_f491_4f6c_dd1d).to_le_bytes()
    });
    words.collect::<Vec<u8>>().into()
}

/// Windows one after the other until the time is over, with the memory at each end.
async fn soak_windows(
    measure: &Measure,
    lasts: Duration,
    begin: Instant,
    stage: &Stage<'_>,
    memory: &RefCell<Vec<(f64, f64)>>,
) -> anyhow::Result<Vec<crate::figures::window::Window>> {
    let mut windows = Vec::new();
    let length = Duration::from_secs_f64(measure.window_seconds);
    while begin.elapsed() < lasts {
        stage.progress.step(&format!("{:.0} of {:.0} s", begin.elapsed().as_secs_f64(), lasts.as_secs_f64()));
        windows.push(stage.window(length.min(lasts)).await);
        stage.server.alive()?;
        if let Some(usage) = stage.server.usage() {
            memory.borrow_mut().push((begin.elapsed().as_secs_f64(), usage.resident_kib as f64 / 1024.0));
        }
    }
    Ok(windows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_have_the_size_asked_for_and_differ() {
        assert_eq!(content(3, 1).len(), 3 * 1024);
        assert_ne!(content(1, 1), content(1, 2));
    }
}
