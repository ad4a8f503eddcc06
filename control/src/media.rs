//! The door to the media server, as rooms and sessions need it: place a room, send a command, read the load.

use std::sync::atomic::{AtomicU64, Ordering};

pub use chevet_sfu_core::api;
use chevet_sfu_core::api::{
    Candidate, Command, DataTrackId, Fingerprint, MemberId, RoomId, SubscriptionId, TrackId, TransportId,
};

/// The number of a media worker thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WorkerId(pub usize);

/// The worker's command queue is full: the command was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the media worker takes no more commands")]
pub struct Overloaded;

/// The media server. Every call returns at once.
pub trait Media: Send + Sync {
    /// The least loaded worker.
    fn place_room(&self) -> WorkerId;
    /// What the answerer's description names; one certificate for the process.
    fn fingerprint(&self) -> Fingerprint;
    fn candidates(&self, worker: WorkerId) -> Vec<Candidate>;
    /// Commands to one worker arrive in the order sent.
    fn command(&self, worker: WorkerId, command: Command) -> Result<(), Overloaded>;
    /// Names and values per worker, for the metrics page.
    fn load(&self) -> Vec<WorkerSample>;
}

/// One number about one worker.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkerSample {
    pub worker: WorkerId,
    /// A metric name without the prefix, for example `packets_received_total`.
    pub name: &'static str,
    /// The value of its `cause` label, if it has one.
    pub cause: Option<&'static str>,
    pub value: f64,
}

/// Identifiers for the media core, never used twice in a process.
#[derive(Debug)]
pub struct Ids(AtomicU64);

impl Default for Ids {
    fn default() -> Self {
        Ids(AtomicU64::new(1))
    }
}

impl Ids {
    pub(crate) fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn room(&self) -> RoomId {
        RoomId(self.next())
    }

    pub(crate) fn member(&self) -> MemberId {
        MemberId(self.next())
    }

    pub fn transport(&self) -> TransportId {
        TransportId(self.next())
    }

    pub fn track(&self) -> TrackId {
        TrackId(self.next())
    }

    pub fn subscription(&self) -> SubscriptionId {
        SubscriptionId(self.next())
    }

    pub fn data_track(&self) -> DataTrackId {
        DataTrackId(self.next())
    }
}
