//! The handle that the rest of the server has on its media workers.

use std::hash::{BuildHasher, RandomState};
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use chevet_sfu_core::api::{Candidate, CandidateProtocol, Command, Event, Fingerprint};
use chevet_sfu_core::engine::{Engine, EngineConfig};
use chevet_sfu_core::transport::Certificate;
use crossbeam_channel::{Receiver, Sender, bounded};

use crate::advertise;
use crate::config::{Overloaded, SfuConfig, SfuError};
use crate::events::EventQueue;
use crate::load::{IoCounters, WorkerLoad};
use crate::sockets::Sockets;
use crate::sys::{Bell, MessageBatch, Poller};
use crate::tcp::{self, Connections, Handover};
use crate::udp::{self, UdpSender};
use crate::ufrag::{WORKERS_MAX, WorkerId};
use crate::worker::{Machine, Parts, Worker};

/// Events of all workers. The receiver must be read: a full channel delays all events.
pub type Events = tokio::sync::mpsc::Receiver<Event>;

/// ICE-TCP connections on their way from the worker that accepted them.
const HANDOVERS_MAX: usize = 64;

/// From the NTP era's start to that of Unix, in seconds (RFC 5905 figure 4).
const NTP_TO_UNIX_SECONDS: u64 = 2_208_988_800;

/// The running media server. Clones share it; the workers end with [`Sfu::stop`] or with the last clone.
#[derive(Clone)]
pub struct Sfu {
    shared: Arc<Shared>,
}

struct Shared {
    fingerprint: Fingerprint,
    workers: Arc<Workers>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// What handles and worker threads have in common.
pub(crate) struct Workers {
    pub(crate) stopping: AtomicBool,
    commands_max: usize,
    doors: Vec<Door>,
}

/// The way into one worker.
struct Door {
    candidates: Vec<Candidate>,
    commands: Sender<Command>,
    arrivals: Sender<Handover>,
    bell: Bell,
    running: AtomicBool,
    /// Opened less closed, as told by `command`.
    rooms: AtomicU64,
    load: Mutex<WorkerLoad>,
}

impl Workers {
    fn door(&self, worker: WorkerId) -> Option<&Door> {
        self.doors.get(usize::from(worker.0))
    }

    pub(crate) fn ring_all(&self) {
        for door in &self.doors {
            door.bell.ring();
        }
    }

    pub(crate) fn bell(&self, worker: WorkerId) -> Option<&Bell> {
        self.door(worker).map(|door| &door.bell)
    }

    /// False when there is no such worker, or too many connections wait for it.
    pub(crate) fn hand_over(&self, worker: WorkerId, connection: Handover) -> bool {
        let Some(door) = self.door(worker) else { return false };
        let taken = door.arrivals.try_send(connection).is_ok();
        door.bell.ring();
        taken
    }

    pub(crate) fn publish(&self, load: WorkerLoad) {
        if let Some(door) = self.door(load.worker) {
            *door.load.lock().unwrap_or_else(PoisonError::into_inner) = load;
        }
    }

    /// The worker takes no more commands, and the server is not ready any more.
    pub(crate) fn give_up(&self, worker: WorkerId) {
        if let Some(door) = self.door(worker) {
            door.running.store(false, Ordering::Release);
            door.load.lock().unwrap_or_else(PoisonError::into_inner).healthy = false;
        }
    }
}

impl Sfu {
    /// Opens the sockets and starts the workers.
    pub fn start(config: SfuConfig) -> Result<(Sfu, Events), SfuError> {
        let certificate =
            Certificate::generate().map_err(|error| SfuError::Certificate(error.to_string()))?;
        let certificate = Arc::new(certificate);
        let fingerprint = certificate.fingerprint();
        let company = config.company;
        Sfu::start_with(config, fingerprint, move |now| {
            let config = EngineConfig {
                certificate: Arc::clone(&certificate),
                // Keyed anew for each by the system's randomness.
                seed: RandomState::new().hash_one(now),
                ntp_epoch: ntp_now(),
                company,
            };
            Engine::new(config, now)
        })
    }

    pub(crate) fn start_with<M: Machine>(
        config: SfuConfig,
        fingerprint: Fingerprint,
        make: impl FnMut(Instant) -> M + Clone + Send + 'static,
    ) -> Result<(Sfu, Events), SfuError> {
        let (sender, events) = tokio::sync::mpsc::channel(config.events_max.max(1));
        let opened = open(&config)?;
        let workers = Arc::new(Workers {
            stopping: AtomicBool::new(false),
            commands_max: config.commands_max.max(1),
            doors: opened.doors,
        });
        let shared = Shared { fingerprint, workers: Arc::clone(&workers), threads: Mutex::new(Vec::new()) };
        // From here on a failure drops `sfu`, which stops the threads that were started.
        let sfu = Sfu { shared: Arc::new(shared) };
        for (index, (sockets, commands, arrivals)) in opened.insides.into_iter().enumerate() {
            let id = WorkerId(index as u16);
            let parts = Parts {
                id,
                sockets,
                listener: opened.listener.clone(),
                commands,
                arrivals,
                events: EventQueue::new(sender.clone()),
                workers: Arc::clone(&workers),
            };
            let (make, workers) = (make.clone(), Arc::clone(&workers));
            let thread = thread::Builder::new().name(format!("media-{index}")).spawn(move || {
                // Also when the thread ends by a panic of its own.
                let _running = Running { workers, id };
                if let Err(error) = Worker::new(parts, make).run() {
                    tracing::error!(worker = id.0, %error, "media worker ended");
                }
            })?;
            sfu.shared.threads.lock().unwrap_or_else(PoisonError::into_inner).push(thread);
        }
        Ok((sfu, events))
    }

    /// Of the certificate that every transport uses.
    pub fn fingerprint(&self) -> Fingerprint {
        self.shared.fingerprint
    }

    /// Number of workers; their ids run from 0.
    pub fn workers(&self) -> usize {
        self.shared.workers.doors.len()
    }

    /// What to offer for a transport of this worker: UDP first. Empty for a worker that does not exist.
    pub fn candidates(&self, worker: WorkerId) -> Vec<Candidate> {
        self.shared.workers.door(worker).map(|door| door.candidates.clone()).unwrap_or_default()
    }

    /// The least loaded worker: by its CPU in steps of a tenth, then by its rooms. The room is counted when its
    /// `OpenRoom` command is given.
    pub fn place_room(&self) -> WorkerId {
        let doors = self.shared.workers.doors.iter().enumerate();
        let best = doors.min_by_key(|(_, door)| {
            let busy = door.load.lock().unwrap_or_else(PoisonError::into_inner).busy;
            (!door.running.load(Ordering::Acquire), (busy * 10.0) as u32, door.rooms.load(Ordering::Relaxed))
        });
        WorkerId(best.map_or(0, |(index, _)| index as u16))
    }

    /// Never blocks. Commands to one worker are taken in order. Commands that end something are still taken when others
    /// are refused, so that an overload does not leave anything behind.
    pub fn command(&self, worker: WorkerId, command: Command) -> Result<(), Overloaded> {
        let workers = &self.shared.workers;
        let door = workers.door(worker).ok_or(Overloaded)?;
        if !door.running.load(Ordering::Acquire) || workers.stopping.load(Ordering::Acquire) {
            return Err(Overloaded);
        }
        let ends = matches!(
            command,
            Command::CloseRoom { .. }
                | Command::RemoveMember { .. }
                | Command::CloseTransport { .. }
                | Command::Unpublish { .. }
                | Command::Unsubscribe { .. }
                | Command::UnpublishDataTrack { .. }
                | Command::UnsubscribeDataTrack { .. }
        );
        if !ends && door.commands.len() >= workers.commands_max {
            return Err(Overloaded);
        }
        let change = match command {
            Command::OpenRoom { .. } => 1,
            Command::CloseRoom { .. } => -1,
            _ => 0,
        };
        door.commands.try_send(command).map_err(|_| Overloaded)?;
        door.rooms
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |rooms| {
                Some(rooms.saturating_add_signed(change))
            })
            .ok();
        door.bell.ring();
        Ok(())
    }

    /// All workers, as of their last full second.
    pub fn load(&self) -> Vec<WorkerLoad> {
        let doors = self.shared.workers.doors.iter();
        doors.map(|door| door.load.lock().unwrap_or_else(PoisonError::into_inner).clone()).collect()
    }

    /// All workers are running and none has given up: for the readiness check.
    pub fn healthy(&self) -> bool {
        self.shared.workers.doors.iter().all(|door| door.running.load(Ordering::Acquire))
    }

    /// Closes every room, says goodbye to every peer and joins the threads. Commands fail from here on.
    pub async fn stop(self) {
        self.shared.stop();
        let threads =
            std::mem::take(&mut *self.shared.threads.lock().unwrap_or_else(PoisonError::into_inner));
        let join = move || {
            for thread in threads {
                if thread.join().is_err() {
                    tracing::error!("a media worker ended by a panic");
                }
            }
        };
        if tokio::task::spawn_blocking(join).await.is_err() {
            tracing::error!("could not wait for the media workers");
        }
    }
}

impl Shared {
    fn stop(&self) {
        self.workers.stopping.store(true, Ordering::Release);
        self.workers.ring_all();
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Tells that the thread has ended, however it does.
struct Running {
    workers: Arc<Workers>,
    id: WorkerId,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.workers.give_up(self.id);
    }
}

struct Opened {
    listener: Option<Arc<TcpListener>>,
    doors: Vec<Door>,
    insides: Vec<(Sockets, Receiver<Command>, Receiver<Handover>)>,
}

fn open(config: &SfuConfig) -> Result<Opened, SfuError> {
    let count = match config.workers {
        0 => thread::available_parallelism().map_or(1, usize::from),
        count => count,
    };
    let last_port = usize::from(config.udp_port) + count - 1;
    if count > WORKERS_MAX || last_port > usize::from(u16::MAX) {
        return Err(SfuError::Workers { workers: count, udp_port: config.udp_port, max: WORKERS_MAX });
    }
    let addresses = advertise::addresses(&config.advertise, config.bind);
    let listener = match config.tcp_port {
        None => None,
        Some(port) => {
            let addr = SocketAddr::new(config.bind, port);
            Some(Arc::new(tcp::listen(addr).map_err(|source| SfuError::Tcp { addr, source })?))
        }
    };
    let tcp_port = listener.as_ref().and_then(|listener| listener.local_addr().ok()).map(|addr| addr.port());
    let mut opened = Opened { listener, doors: Vec::new(), insides: Vec::new() };
    for index in 0..count {
        let port = if config.udp_port == 0 { 0 } else { config.udp_port.saturating_add(index as u16) };
        let addr = SocketAddr::new(config.bind, port);
        let udp = udp::open(addr).map_err(|source| SfuError::Udp { addr, source })?;
        let udp_port = udp.local_addr()?.port();
        let candidate = |protocol, port| {
            addresses.iter().map(move |ip| Candidate { addr: SocketAddr::new(*ip, port), protocol })
        };
        let candidates = candidate(CandidateProtocol::Udp, udp_port)
            .chain(tcp_port.into_iter().flat_map(|port| candidate(CandidateProtocol::TcpPassive, port)))
            .collect();
        // Twice what is asked for: the second half is for commands that end something.
        let (commands, commands_in) = bounded(config.commands_max.max(1).saturating_mul(2));
        let (arrivals, arrivals_in) = bounded(HANDOVERS_MAX);
        let worker = WorkerId(index as u16);
        opened.doors.push(Door {
            candidates,
            commands,
            arrivals,
            bell: Bell::new()?,
            running: AtomicBool::new(true),
            rooms: AtomicU64::new(0),
            load: Mutex::new(WorkerLoad { worker, healthy: true, ..WorkerLoad::default() }),
        });
        let sockets = Sockets {
            poller: Poller::new()?,
            batch: MessageBatch::new(config.bind.is_ipv6()),
            udp,
            sender: UdpSender::new(config.segmentation_offload),
            connections: Connections::new(config.tcp_connections_max),
            counters: IoCounters::default(),
        };
        opened.insides.push((sockets, commands_in, arrivals_in));
    }
    Ok(opened)
}

/// NTP time, 32.32 bits.
fn ntp_now() -> u64 {
    let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let fraction = (u64::from(unix.subsec_nanos()) << 32) / 1_000_000_000;
    (unix.as_secs().wrapping_add(NTP_TO_UNIX_SECONDS) << 32) | fraction
}

#[cfg(test)]
mod tests;
