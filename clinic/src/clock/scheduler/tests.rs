use std::sync::atomic::{AtomicU32, Ordering};

use super::*;
use crate::crypto::InstanceKey;

fn start() -> Timestamp {
    "2026-12-03T13:30:00Z".parse().unwrap()
}

struct World {
    dir: tempfile::TempDir,
    key: InstanceKey,
    clock: Clock,
}

struct Running {
    scheduler: Scheduler,
    store: Store,
    stop: watch::Sender<bool>,
    task: tokio::task::JoinHandle<()>,
}

impl World {
    fn new() -> World {
        World { dir: tempfile::tempdir().unwrap(), key: InstanceKey::random(), clock: Clock::frozen(start()) }
    }

    fn start(&self, handler: Arc<dyn Handler>) -> Running {
        let store = Store::open(self.dir.path(), &self.key).unwrap();
        let scheduler = Scheduler::new(store.clone(), self.clock.clone());
        scheduler.handle("test", handler);
        let stop = watch::Sender::new(false);
        let task = tokio::spawn(scheduler.clone().run(stop.subscribe()));
        Running { scheduler, store, stop, task }
    }
}

impl Running {
    async fn schedule(&self, subject: &str, due: Timestamp) {
        self.store.write(|tx| tx.schedule(&Job::new("test", subject, due))).await.unwrap();
        self.scheduler.wake();
    }

    async fn stop(self) {
        self.stop.send_replace(true);
        self.task.await.unwrap();
        self.store.close().await;
    }
}

/// Counts its runs and fails the first ones.
struct Counting {
    runs: AtomicU32,
    failures: u32,
}

impl Counting {
    fn new(failures: u32) -> Arc<Counting> {
        Arc::new(Counting { runs: AtomicU32::new(0), failures })
    }

    fn runs(&self) -> u32 {
        self.runs.load(Ordering::SeqCst)
    }

    async fn reach(&self, runs: u32) {
        let reached = async {
            while self.runs() < runs {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        assert!(tokio::time::timeout(Duration::from_secs(10), reached).await.is_ok(), "{} runs", self.runs());
    }
}

#[async_trait]
impl Handler for Counting {
    async fn run(&self, _: &Job) -> Result<(), JobError> {
        if self.runs.fetch_add(1, Ordering::SeqCst) < self.failures {
            return Err(JobError { reason: "test".to_owned(), retry_in: None });
        }
        Ok(())
    }
}

async fn gone(store: &Store, subject: &str) {
    let gone = async {
        while store.get::<Job>(Job::key("test", subject)).unwrap().is_some() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(10), gone).await.is_ok());
}

#[tokio::test]
async fn a_job_runs_when_its_time_has_come_and_not_before() {
    let world = World::new();
    let handler = Counting::new(0);
    let running = world.start(handler.clone());
    running.schedule("a", start() + SignedDuration::from_mins(10)).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(handler.runs(), 0);
    world.clock.advance(SignedDuration::from_mins(10));
    handler.reach(1).await;
    gone(&running.store, "a").await;
    running.stop().await;
}

#[tokio::test]
async fn a_timer_set_before_a_restart_runs_after_it() {
    let world = World::new();
    let handler = Counting::new(0);
    let running = world.start(handler.clone());
    running.schedule("a", start() + SignedDuration::from_mins(10)).await;
    running.stop().await;
    world.clock.advance(SignedDuration::from_hours(5));
    let running = world.start(handler.clone());
    handler.reach(1).await;
    gone(&running.store, "a").await;
    running.stop().await;
}

#[tokio::test]
async fn a_failed_job_is_tried_again_later_and_later() {
    let world = World::new();
    let handler = Counting::new(2);
    let running = world.start(handler.clone());
    running.schedule("a", start()).await;
    handler.reach(1).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(handler.runs(), 1);
    world.clock.advance(SignedDuration::from_secs(1));
    handler.reach(2).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    world.clock.advance(SignedDuration::from_secs(1));
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(handler.runs(), 2);
    world.clock.advance(SignedDuration::from_secs(1));
    handler.reach(3).await;
    gone(&running.store, "a").await;
    running.stop().await;
}

#[tokio::test]
async fn a_job_moved_or_taken_back_does_not_run_at_its_old_time() {
    let world = World::new();
    let handler = Counting::new(0);
    let running = world.start(handler.clone());
    running.schedule("a", start() + SignedDuration::from_mins(1)).await;
    running.schedule("a", start() + SignedDuration::from_mins(30)).await;
    running.schedule("b", start() + SignedDuration::from_mins(1)).await;
    assert_eq!(running.store.write(|tx| tx.unschedule("test", "b")).await, Ok(true));
    assert_eq!(running.store.write(|tx| tx.unschedule("test", "b")).await, Ok(false));
    world.clock.advance(SignedDuration::from_mins(5));
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(handler.runs(), 0);
    world.clock.advance(SignedDuration::from_mins(25));
    handler.reach(1).await;
    running.stop().await;
}

/// Sets its own job anew, as what repeats does.
struct Repeating {
    store: Store,
    runs: AtomicU32,
}

#[async_trait]
impl Handler for Repeating {
    async fn run(&self, job: &Job) -> Result<(), JobError> {
        self.runs.fetch_add(1, Ordering::SeqCst);
        let next = Job::new(&job.kind, &job.subject, job.due + SignedDuration::from_hours(1));
        self.store.write(|tx| tx.schedule(&next)).await?;
        Ok(())
    }
}

#[tokio::test]
async fn a_handler_that_sets_its_job_anew_keeps_it() {
    let world = World::new();
    let running = world.start(Counting::new(0));
    let repeating = Arc::new(Repeating { store: running.store.clone(), runs: AtomicU32::new(0) });
    running.scheduler.handle("test", repeating.clone());
    running.schedule("a", start()).await;
    for run in 1..4 {
        let reached = async {
            while repeating.runs.load(Ordering::SeqCst) < run {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        assert!(tokio::time::timeout(Duration::from_secs(10), reached).await.is_ok());
        tokio::time::sleep(Duration::from_millis(30)).await;
        world.clock.advance(SignedDuration::from_hours(1));
    }
    running.stop().await;
}
