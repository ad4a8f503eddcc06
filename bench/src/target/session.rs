//! Somebody who is in a room.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use bytes::Bytes;
use tokio::sync::{Mutex, mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use super::JoinPhases;
use crate::signal::Upload;

/// For a whole join, and for the first media packet.
const PATIENCE: Duration = Duration::from_secs(30);
/// For the goodbye.
const GOODBYE: Duration = Duration::from_secs(2);

/// A participant of a server under load; a task of its own keeps the signalling alive. Dropping it leaves, without
/// waiting for the goodbye to be sent.
pub struct Session {
    progress: watch::Receiver<Progress>,
    orders: mpsc::UnboundedSender<Order>,
    files: Mutex<mpsc::UnboundedReceiver<FileReceived>>,
    file_bytes: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

/// A file that went out.
#[derive(Clone, Copy, Debug)]
pub struct FileSent {
    pub bytes: u64,
    /// From the first packet to the moment that all of it was handed to SCTP's queue.
    pub took: Duration,
}

/// A file that came to its end.
#[derive(Clone, Debug)]
pub struct FileReceived {
    pub name: String,
    pub from: String,
    pub bytes: u64,
    /// All bytes are there, in order, and their SHA-256 is what the sender said.
    pub intact: bool,
    /// What is wrong with it, when it is not intact.
    pub why: Option<String>,
    /// From the header to the trailer.
    pub took: Duration,
}

/// How far a session got, each from the beginning of its join.
#[derive(Clone, Debug, Default)]
struct Progress {
    signalled: Option<Duration>,
    ice: Option<Duration>,
    dtls: Option<Duration>,
    first_media: Option<Duration>,
    ended: Option<Arc<str>>,
}

/// To the task of a session.
pub enum Order {
    /// Answered when all of it is in the queue.
    Send(Box<Upload>, oneshot::Sender<FileSent>),
    /// Bytes each second.
    ReadSlowly(u32),
    Leave,
}

pub type Orders = mpsc::UnboundedReceiver<Order>;

/// Held by the task of a session.
pub struct Teller {
    begun: Instant,
    progress: watch::Sender<Progress>,
    files: mpsc::UnboundedSender<FileReceived>,
    file_bytes: Arc<AtomicU64>,
}

impl Teller {
    pub fn signalled(&self) {
        self.tell(|progress| &mut progress.signalled);
    }

    /// Every peer connection that is needed from the beginning has a path.
    pub fn ice(&self) {
        self.tell(|progress| &mut progress.ice);
    }

    /// Every peer connection that is needed from the beginning has its keys.
    pub fn dtls(&self) {
        self.tell(|progress| &mut progress.dtls);
    }

    pub fn first_media(&self) {
        self.tell(|progress| &mut progress.first_media);
    }

    fn tell(&self, place: impl Fn(&mut Progress) -> &mut Option<Duration>) {
        let after = self.begun.elapsed();
        self.progress.send_if_modified(|progress| {
            let place = place(progress);
            let first = place.is_none();
            place.get_or_insert(after);
            first
        });
    }

    pub fn ended(&self, why: &str) {
        self.progress.send_modify(|progress| {
            progress.ended.get_or_insert_with(|| why.into());
        });
    }

    pub fn file_bytes(&self, bytes: u64) {
        self.file_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub fn file(&self, file: FileReceived) {
        // Fails when nobody will ask any more.
        let _ = self.files.send(file);
    }
}

impl Session {
    /// Runs the task of a session that began at `begun`.
    pub(crate) fn spawn<Task>(begun: Instant, task: impl FnOnce(Teller, Orders) -> Task) -> Session
    where
        Task: Future<Output = ()> + Send + 'static,
    {
        let (progress, watched) = watch::channel(Progress::default());
        let (orders, ordered) = mpsc::unbounded_channel();
        let (files, received) = mpsc::unbounded_channel();
        let file_bytes = Arc::new(AtomicU64::new(0));
        let teller = Teller { begun, progress, files, file_bytes: file_bytes.clone() };
        Session {
            progress: watched,
            orders,
            files: Mutex::new(received),
            file_bytes,
            task: tokio::spawn(task(teller, ordered)),
        }
    }

    /// Waits for the keys.
    pub(crate) async fn ready(&self) -> anyhow::Result<()> {
        self.wait("the keys", |progress| progress.dtls).await.map(drop)
    }

    async fn wait(
        &self,
        what: &str,
        ready: impl Fn(&Progress) -> Option<Duration>,
    ) -> anyhow::Result<Duration> {
        let mut watched = self.progress.clone();
        let reached = watched.wait_for(|progress| progress.ended.is_some() || ready(progress).is_some());
        let Ok(progress) = tokio::time::timeout(PATIENCE, reached).await else {
            let Progress { signalled, ice, dtls, .. } = self.progress.borrow().clone();
            bail!(
                "{what} did not come within {} s (let in: {signalled:?}, path: {ice:?}, keys: {dtls:?})",
                PATIENCE.as_secs()
            );
        };
        let progress = progress.context("the session's task is gone")?.clone();
        match (ready(&progress), progress.ended) {
            (Some(after), _) => Ok(after),
            (None, why) => bail!("{}", why.as_deref().unwrap_or("ended")),
        }
    }

    /// As far as it got until now.
    pub fn phases(&self) -> JoinPhases {
        let progress = self.progress.borrow();
        JoinPhases {
            signalled: progress.signalled.unwrap_or_default(),
            ice: progress.ice.unwrap_or_default(),
            dtls: progress.dtls.unwrap_or_default(),
            first_media: progress.first_media,
        }
    }

    /// Waits for the first media packet, 30 s at most; how long it took from the beginning of the join.
    pub async fn first_media(&self) -> anyhow::Result<Duration> {
        self.wait("the first media packet", |progress| progress.first_media).await
    }

    /// Why it ended before it was told to leave; None while it lives.
    pub fn failure(&self) -> Option<String> {
        self.progress.borrow().ended.as_deref().map(str::to_owned)
    }

    /// Sends a file as a LiveKit byte stream to these identities (none: everybody else in the room).
    pub async fn send_file(&self, name: &str, content: Bytes, to: &[String]) -> anyhow::Result<FileSent> {
        let (done, sent) = oneshot::channel();
        let upload = Box::new(Upload::new(name, content, to));
        let _ = self.orders.send(Order::Send(upload, done));
        sent.await.map_err(|_| match self.failure() {
            Some(why) => anyhow::anyhow!("the file was not sent: {why}"),
            None => anyhow::anyhow!("the file was not sent: nobody here sends files"),
        })
    }

    /// The next file that has come to its end. An error when the session ends first.
    pub async fn receive_file(&self) -> anyhow::Result<FileReceived> {
        let received = self.files.lock().await.recv().await;
        received.with_context(|| self.failure().unwrap_or_else(|| "the session is over".to_owned()))
    }

    /// Bytes of files that came in so far, finished or not: to watch a slow receiver.
    pub fn received_file_bytes(&self) -> u64 {
        self.file_bytes.load(Ordering::Relaxed)
    }

    /// From now on this one reads so much of data channels each second, as over a bad line.
    pub fn read_slowly(&self, kib_per_second: u32) {
        let _ = self.orders.send(Order::ReadSlowly(kib_per_second.saturating_mul(1024)));
    }

    /// Says goodbye and closes the peer connections.
    pub async fn leave(self) {
        let _ = self.orders.send(Order::Leave);
        let mut task = self.task;
        if tokio::time::timeout(GOODBYE, &mut task).await.is_err() {
            task.abort();
        }
    }
}
