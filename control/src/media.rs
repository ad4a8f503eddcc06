//! The door to the media server, as rooms and sessions need it: place a room, send a command, read the load.

use std::sync::atomic::{AtomicU64, Ordering};

pub use chevet_sfu_io::{Overloaded, WorkerId, WorkerLoad, api};

use api::{
    Candidate, Command, DataTrackId, Fingerprint, MemberId, RoomId, SubscriptionId, TrackId, TransportId,
};

/// The media server. Every call returns at once. A trait, so that a test can stand in for the worker threads.
pub trait Media: Send + Sync {
    /// The least loaded worker.
    fn place_room(&self) -> WorkerId;
    /// The worker for a new member of a room placed on `home`. All commands about the member go there.
    fn place_member(&self, room: RoomId, home: WorkerId) -> WorkerId;
    /// What the answerer's description names; one certificate for the process.
    fn fingerprint(&self) -> Fingerprint;
    fn candidates(&self, worker: WorkerId) -> Vec<Candidate>;
    /// Commands to one worker arrive in the order sent. Those about a room go to its home, those about a member, with its
    /// transports, tracks and subscriptions, to the member's worker.
    fn command(&self, worker: WorkerId, command: Command) -> Result<(), Overloaded>;
    fn load(&self) -> Vec<WorkerLoad>;
    /// Every worker runs.
    fn healthy(&self) -> bool;
}

impl Media for chevet_sfu_io::Sfu {
    fn place_room(&self) -> WorkerId {
        chevet_sfu_io::Sfu::place_room(self)
    }

    fn place_member(&self, room: RoomId, home: WorkerId) -> WorkerId {
        chevet_sfu_io::Sfu::place_member(self, room, home)
    }

    fn fingerprint(&self) -> Fingerprint {
        chevet_sfu_io::Sfu::fingerprint(self)
    }

    fn candidates(&self, worker: WorkerId) -> Vec<Candidate> {
        chevet_sfu_io::Sfu::candidates(self, worker)
    }

    fn command(&self, worker: WorkerId, command: Command) -> Result<(), Overloaded> {
        chevet_sfu_io::Sfu::command(self, worker, command)
    }

    fn load(&self) -> Vec<WorkerLoad> {
        chevet_sfu_io::Sfu::load(self)
    }

    fn healthy(&self) -> bool {
        chevet_sfu_io::Sfu::healthy(self)
    }
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
