//! The handle that the rest of the server has on its media workers.

use std::hash::{BuildHasher, RandomState};
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use chevet_sfu_core::api::{Candidate, CandidateProtocol, Command, Event, Fingerprint, RoomId};
use chevet_sfu_core::engine::{Engine, EngineConfig, Parcel};
use chevet_sfu_core::transport::Certificate;
use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};

use crate::advertise;
use crate::config::{Overloaded, SfuConfig, SfuError};
use crate::events::EventQueue;
use crate::load::{IoCounters, WorkerLoad};
use crate::sockets::Sockets;
use crate::spread::Spread;
use crate::sys::{self, Bell, MessageBatch, Poller};
use crate::tcp::{self, Connections, Handover};
use crate::udp::{self, UdpSender};
use crate::ufrag::{WORKERS_MAX, WorkerId};
use crate::worker::{Machine, Parts, Worker};

/// Events of all workers. The receiver must be read: a full channel delays all events.
pub type Events = tokio::sync::mpsc::Receiver<Event>;

/// ICE-TCP connections on their way from the worker that accepted them.
const HANDOVERS_MAX: usize = 64;

/// Parcels that may lie before one worker. The links bound what each sender has under way.
const PARCELS_MAX: usize = 1024;

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
    /// How many members of one room a worker takes, and what every worker of a room has to know.
    spread: Option<(usize, Mutex<Spread>)>,
}

/// From worker to worker, with the number of the sender.
pub(crate) enum Post {
    Full(u16, Parcel),
    /// Opened, on its way back.
    Empty(u16, Parcel),
}

/// The way into one worker.
struct Door {
    candidates: Vec<Candidate>,
    commands: Sender<Command>,
    arrivals: Sender<Handover>,
    parcels: Sender<Post>,
    bell: Bell,
    running: AtomicBool,
    /// Opened less closed, as told by `command`.
    rooms: AtomicU64,
    load: Mutex<WorkerLoad>,
}

impl Door {
    /// The command comes back when the worker cannot take it.
    fn give(&self, command: Command) -> Result<(), Command> {
        let change = match command {
            Command::OpenRoom { .. } => 1,
            Command::CloseRoom { .. } => -1,
            _ => 0,
        };
        self.commands.try_send(command).map_err(TrySendError::into_inner)?;
        let count = |rooms: u64| Some(rooms.saturating_add_signed(change));
        self.rooms.fetch_update(Ordering::Relaxed, Ordering::Relaxed, count).ok();
        self.bell.ring();
        Ok(())
    }
}

impl Workers {
    /// What a full queue does not take is kept, and given before anything else that this worker gets.
    fn give(&self, spread: &mut Spread, worker: WorkerId, command: Command) {
        let Some(door) = self.door(worker).filter(|door| door.running.load(Ordering::Acquire)) else {
            return;
        };
        let refused = if self.settle(spread, worker) { door.give(command) } else { Err(command) };
        if let Err(command) = refused {
            spread.owe(worker, command);
        }
    }

    /// False when a worker still does not take what is kept for it.
    fn settle(&self, spread: &mut Spread, worker: WorkerId) -> bool {
        let Some(door) = self.door(worker) else { return true };
        spread.settle(worker, |command| door.give(command))
    }

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

    /// Gives the post back when too much of it waits already. Does not ring.
    pub(crate) fn post(&self, worker: u16, post: Post) -> Result<(), Post> {
        let Some(door) = self.door(WorkerId(worker)) else { return Ok(()) };
        match door.parcels.try_send(post) {
            // Nobody reads any more: the worker has ended.
            Ok(()) | Err(TrySendError::Disconnected(_)) => Ok(()),
            Err(TrySendError::Full(post)) => Err(post),
        }
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
            spread: (config.room_spread > 0 && opened.doors.len() > 1)
                .then(|| (config.room_spread, Mutex::default())),
            doors: opened.doors,
        });
        let cpus = if config.pin { sys::allowed_cpus() } else { Vec::new() };
        let pinned = opened.insides.len() <= cpus.len();
        let shared = Shared { fingerprint, workers: Arc::clone(&workers), threads: Mutex::new(Vec::new()) };
        // From here on a failure drops `sfu`, which stops the threads that were started.
        let sfu = Sfu { shared: Arc::new(shared) };
        for (index, Inside { sockets, commands, arrivals, parcels }) in opened.insides.into_iter().enumerate()
        {
            let id = WorkerId(index as u16);
            let parts = Parts {
                id,
                sockets,
                listener: opened.listener.clone(),
                commands,
                arrivals,
                parcels,
                events: EventQueue::new(sender.clone()),
                workers: Arc::clone(&workers),
            };
            let (make, workers) = (make.clone(), Arc::clone(&workers));
            let cpu = cpus.get(index).copied().filter(|_| pinned);
            let thread = thread::Builder::new().name(format!("media-{index}")).spawn(move || {
                // Also when the thread ends by a panic of its own.
                let _running = Running { workers, id };
                if let Some(cpu) = cpu
                    && !sys::pin_to(cpu)
                {
                    tracing::warn!(worker = id.0, cpu, "cannot pin the media worker to a core");
                }
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
        self.by_load().first().copied().unwrap_or_default()
    }

    /// The worker for a new member of a room that was placed on `home`: another one when the members there are as many as
    /// one worker shall have. The member is counted when its `AddMember` command is given; all commands about it go to
    /// that worker.
    pub fn place_member(&self, room: RoomId, home: WorkerId) -> WorkerId {
        let Some((limit, spread)) = &self.shared.workers.spread else { return home };
        let spread = spread.lock().unwrap_or_else(PoisonError::into_inner);
        spread.place(room, home, *limit, || self.by_load())
    }

    fn by_load(&self) -> Vec<WorkerId> {
        let doors = self.shared.workers.doors.iter().enumerate();
        let mut workers: Vec<_> = doors
            .map(|(index, door)| {
                let busy = door.load.lock().unwrap_or_else(PoisonError::into_inner).busy;
                let stopped = !door.running.load(Ordering::Acquire);
                (stopped, (busy * 10.0) as u32, door.rooms.load(Ordering::Relaxed), WorkerId(index as u16))
            })
            .collect();
        workers.sort_unstable();
        workers.into_iter().map(|(.., worker)| worker).collect()
    }

    /// Never blocks for a worker. Commands to one worker are taken in order. Commands that end something are still taken
    /// when others are refused, so that an overload does not leave anything behind. A command about a room that is open
    /// on several workers reaches all whom it concerns.
    pub fn command(&self, worker: WorkerId, mut command: Command) -> Result<(), Overloaded> {
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
        let Some((_, spread)) = &workers.spread else {
            return door.give(command).map_err(|_| Overloaded);
        };
        let mut spread = spread.lock().unwrap_or_else(PoisonError::into_inner);
        if !workers.settle(&mut spread, worker) && !ends {
            return Err(Overloaded);
        }
        if let Command::Inspect { room, parts, .. } = &mut command {
            *parts = spread.workers_of(*room) as u32;
        }
        for told in spread.before(worker, &command) {
            workers.give(&mut spread, worker, told);
        }
        let copies = spread.after(worker, &command);
        workers.give(&mut spread, worker, command);
        for (other, copy) in copies {
            workers.give(&mut spread, other, copy);
        }
        Ok(())
    }

    /// All workers, as of their last full second.
    pub fn load(&self) -> Vec<WorkerLoad> {
        if let Some((_, spread)) = &self.shared.workers.spread {
            let mut spread = spread.lock().unwrap_or_else(PoisonError::into_inner);
            for worker in spread.owing() {
                self.shared.workers.settle(&mut spread, worker);
            }
        }
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
    insides: Vec<Inside>,
}

/// What a worker's thread gets.
struct Inside {
    sockets: Sockets,
    commands: Receiver<Command>,
    arrivals: Receiver<Handover>,
    parcels: Receiver<Post>,
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
        let (parcels, parcels_in) = bounded(if config.room_spread > 0 { PARCELS_MAX } else { 1 });
        let worker = WorkerId(index as u16);
        opened.doors.push(Door {
            candidates,
            commands,
            arrivals,
            parcels,
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
        opened.insides.push(Inside {
            sockets,
            commands: commands_in,
            arrivals: arrivals_in,
            parcels: parcels_in,
        });
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
