//! The media server as the control plane sees it.

use chevet_control::media::api::{Candidate, Command, Fingerprint};
use chevet_control::media::{Media, Overloaded, WorkerId, WorkerSample};
use chevet_sfu_io::Sfu;

/// Hands every call on. It lives here because `control` knows only what a media server does, not which one it has.
pub struct Local(pub Sfu);

fn theirs(worker: WorkerId) -> chevet_sfu_io::WorkerId {
    // No worker has such a number, so an impossible one stays impossible.
    chevet_sfu_io::WorkerId(u16::try_from(worker.0).unwrap_or(u16::MAX))
}

impl Media for Local {
    fn place_room(&self) -> WorkerId {
        WorkerId(self.0.place_room().0.into())
    }

    fn fingerprint(&self) -> Fingerprint {
        self.0.fingerprint()
    }

    fn candidates(&self, worker: WorkerId) -> Vec<Candidate> {
        self.0.candidates(theirs(worker))
    }

    fn command(&self, worker: WorkerId, command: Command) -> Result<(), Overloaded> {
        self.0.command(theirs(worker), command).map_err(|_| Overloaded)
    }

    fn load(&self) -> Vec<WorkerSample> {
        let mut samples = Vec::new();
        for load in self.0.load() {
            let worker = WorkerId(load.worker.0.into());
            let mut sample = |name, value| samples.push(WorkerSample { worker, name, cause: None, value });
            sample("healthy", f64::from(u8::from(load.healthy)));
            sample("rooms", load.rooms as f64);
            sample("cpu_seconds_total", load.cpu_seconds);
            sample("busy_ratio", load.busy.into());
            for (name, value) in load.counters() {
                sample(name, value as f64);
            }
        }
        samples
    }
}
