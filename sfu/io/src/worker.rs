//! One media thread: waits, reads, lets the engine work, writes. A turn takes everything that is there, so that under
//! load the batches grow by themselves, and nothing that is there waits for company.

use std::collections::VecDeque;
use std::io;
use std::net::TcpListener;
use std::os::fd::AsFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use chevet_sfu_core::api::{Command, Event, Path};
use chevet_sfu_core::engine::{Counters, Datagram, Engine, Parcel, Transmit};
use crossbeam_channel::Receiver;

use crate::census::Census;
use crate::events::EventQueue;
use crate::load::WorkerLoad;
use crate::sfu::{Post, Workers};
use crate::sockets::{Sockets, TOKEN_BELL, TOKEN_LISTENER, TOKEN_UDP, Token, connection_token, lobby_token};
use crate::sys::{Interest, PollEvents, ReceiveBuffers, thread_cpu_time};
use crate::tcp::{Handover, Lobby, Taken, frames};
use crate::ufrag::WorkerId;

/// Receive calls of one turn, before the deadlines and the commands have theirs.
const RECEIVE_CALLS_MAX: usize = 8;

/// Commands of one turn.
const COMMANDS_MAX: usize = 256;

/// Parcels of other workers opened in one turn.
const PARCELS_MAX: usize = 64;

/// While events wait for their reader, this often they are offered again.
const EVENT_RETRY: Duration = Duration::from_millis(10);

/// The load of a shorter time is not worth telling, in seconds.
const BUSY_WINDOW_S: f32 = 0.1;

/// An engine that panics this often within a minute is not replaced any more.
const RESETS_MAX: usize = 5;
const RESETS_WINDOW: Duration = Duration::from_secs(60);

/// What a worker drives: the engine, and a scripted one in the tests of the loop.
pub(crate) trait Machine {
    fn on_datagrams<'a, T: Transmit>(
        &mut self,
        now: Instant,
        batch: impl Iterator<Item = Datagram<'a>>,
        tx: &mut T,
    );
    fn on_command<T: Transmit>(&mut self, now: Instant, command: Command, tx: &mut T);
    fn on_deadline<T: Transmit>(&mut self, now: Instant, tx: &mut T);
    fn on_path_closed(&mut self, path: Path);
    fn next_deadline(&self) -> Option<Instant>;
    fn poll_event(&mut self) -> Option<Event>;
    fn counters(&self) -> Counters;

    /// Parcels for other workers.
    fn poll_parcels(&mut self, _now: Instant, _give: impl FnMut(u16, Parcel) -> Result<(), Parcel>) {}
    fn on_parcels<T: Transmit>(&mut self, _now: Instant, _parcels: &mut [(u16, Parcel)], _tx: &mut T) {}
    fn take_back(&mut self, _worker: u16, _parcel: Parcel) {}
}

impl Machine for Engine {
    fn on_datagrams<'a, T: Transmit>(
        &mut self,
        now: Instant,
        batch: impl Iterator<Item = Datagram<'a>>,
        tx: &mut T,
    ) {
        Engine::on_datagrams(self, now, batch, tx);
    }

    fn on_command<T: Transmit>(&mut self, now: Instant, command: Command, tx: &mut T) {
        Engine::on_command(self, now, command, tx);
    }

    fn on_deadline<T: Transmit>(&mut self, now: Instant, tx: &mut T) {
        Engine::on_deadline(self, now, tx);
    }

    fn on_path_closed(&mut self, path: Path) {
        Engine::on_path_closed(self, path);
    }

    fn next_deadline(&self) -> Option<Instant> {
        Engine::next_deadline(self)
    }

    fn poll_event(&mut self) -> Option<Event> {
        Engine::poll_event(self)
    }

    fn counters(&self) -> Counters {
        *Engine::counters(self)
    }

    fn poll_parcels(&mut self, now: Instant, give: impl FnMut(u16, Parcel) -> Result<(), Parcel>) {
        Engine::poll_parcels(self, now, give);
    }

    fn on_parcels<T: Transmit>(&mut self, now: Instant, parcels: &mut [(u16, Parcel)], tx: &mut T) {
        Engine::on_parcels(self, now, parcels.iter_mut().map(|(from, parcel)| (*from, parcel)), tx);
    }

    fn take_back(&mut self, worker: u16, parcel: Parcel) {
        Engine::take_back(self, worker, parcel);
    }
}

/// What the thread starts with.
pub(crate) struct Parts {
    pub id: WorkerId,
    pub sockets: Sockets,
    pub listener: Option<Arc<TcpListener>>,
    pub commands: Receiver<Command>,
    pub arrivals: Receiver<Handover>,
    pub parcels: Receiver<Post>,
    pub events: EventQueue,
    pub workers: Arc<Workers>,
}

pub(crate) struct Worker<M, F> {
    parts: Parts,
    make: F,
    /// None after it panicked too often.
    machine: Option<M>,
    resets: VecDeque<Instant>,
    census: Census,
    lobby: Lobby,
    /// No descriptors left for new connections.
    listener_paused: bool,
    received: ReceiveBuffers,
    /// Bytes of one TCP read.
    scratch: Vec<u8>,
    /// Parcels of other workers being opened, and those that could not be given back yet.
    opened: Vec<(u16, Parcel)>,
    empty: Vec<(u16, Parcel)>,
    next_second: Instant,
    last_second: Instant,
    last_cpu: Duration,
}

impl<M: Machine, F: FnMut(Instant) -> M> Worker<M, F> {
    pub(crate) fn new(parts: Parts, mut make: F) -> Worker<M, F> {
        let now = Instant::now();
        Worker {
            parts,
            machine: Some(make(now)),
            make,
            resets: VecDeque::new(),
            census: Census::default(),
            lobby: Lobby::new(),
            listener_paused: false,
            received: ReceiveBuffers::new(),
            scratch: Vec::new(),
            opened: Vec::new(),
            empty: Vec::new(),
            next_second: now,
            last_second: now,
            last_cpu: thread_cpu_time(),
        }
    }

    /// Until it is told to stop. Fails only when the system cannot wait any more.
    pub(crate) fn run(mut self) -> io::Result<()> {
        let workers = Arc::clone(&self.parts.workers);
        let Some(bell) = workers.bell(self.parts.id) else { return Ok(()) };
        let poller = &self.parts.sockets.poller;
        poller.add(self.parts.sockets.udp.as_fd(), TOKEN_UDP, Interest::Read)?;
        poller.add(bell.fd(), TOKEN_BELL, Interest::Read)?;
        if let Some(listener) = &self.parts.listener {
            poller.add(listener.as_fd(), TOKEN_LISTENER, Interest::SharedRead)?;
        }
        let mut ready = PollEvents::new();
        while !self.parts.workers.stopping.load(Ordering::Acquire) {
            let timeout = self.timeout(Instant::now());
            self.parts.sockets.poller.wait(&mut ready, Some(timeout))?;
            let now = Instant::now();
            self.parts.sockets.counters.wakeups += 1;
            for (token, readable, writable) in ready.iter() {
                match Token::read(token) {
                    Token::Udp => self.receive(now),
                    Token::Bell => bell.answer(),
                    Token::Listener => self.accept(now),
                    Token::Lobby(number) => self.read_lobby(now, number),
                    Token::Connection(number) => self.connection_ready(now, number, readable, writable),
                }
            }
            self.take_messages(now);
            self.take_parcels(now);
            self.tell_closed_paths(now);
            self.deadline();
            self.parts.events.flush(&mut self.parts.sockets.counters);
            if now >= self.next_second {
                self.second(now);
            }
        }
        self.goodbye();
        Ok(())
    }

    fn timeout(&self, now: Instant) -> Duration {
        let mut until = self.next_second;
        if let Some(deadline) = self.machine.as_ref().and_then(Machine::next_deadline) {
            until = until.min(deadline);
        }
        if self.parts.events.is_waiting() {
            until = until.min(now + EVENT_RETRY);
        }
        // More than one turn's worth of commands: the bell was answered already.
        let Parts { commands, arrivals, parcels, .. } = &self.parts;
        if !commands.is_empty() || !arrivals.is_empty() || !parcels.is_empty() {
            until = now;
        }
        until.saturating_duration_since(now)
    }

    /// Lets the engine work and takes its events. A panic costs the worker its state, never the process.
    fn turn(
        &mut self,
        now: Instant,
        work: impl FnOnce(&mut M, &mut Sockets, &mut ReceiveBuffers, &mut Vec<u8>),
    ) {
        let Some(machine) = &mut self.machine else { return };
        let (sockets, events) = (&mut self.parts.sockets, &mut self.parts.events);
        let (received, scratch) = (&mut self.received, &mut self.scratch);
        let (id, workers) = (self.parts.id.0, &self.parts.workers);
        // What the closure can leave half done is the engine, which is dropped, and the sockets' bookkeeping, whose
        // every state is a good one.
        let result = catch_unwind(AssertUnwindSafe(|| {
            work(machine, sockets, received, scratch);
            while let Some(event) = machine.poll_event() {
                events.push(event, &mut sockets.counters);
            }
            machine.poll_parcels(now, |worker, parcel| post(workers, worker, Post::Full(id, parcel)));
        }));
        if result.is_err() {
            self.reset(now);
        }
    }

    /// The engine panicked: a new one takes its place, with the same rooms and nobody in them.
    fn reset(&mut self, now: Instant) {
        let broken = self.machine.take();
        let _ = catch_unwind(AssertUnwindSafe(move || drop(broken)));
        self.parts.sockets.counters.resets += 1;
        for event in self.census.lose_members() {
            self.parts.events.push(event, &mut self.parts.sockets.counters);
        }
        self.resets.push_back(now);
        while self.resets.front().is_some_and(|first| now.saturating_duration_since(*first) > RESETS_WINDOW) {
            self.resets.pop_front();
        }
        let worker = self.parts.id.0;
        if self.resets.len() > RESETS_MAX {
            tracing::error!(worker, "the media engine panics again and again: worker given up");
            self.parts.workers.give_up(self.parts.id);
            return;
        }
        tracing::error!(worker, "the media engine panicked: its participants have to join again");
        self.machine = Some((self.make)(now));
        let rooms: Vec<_> = self.census.rooms().collect();
        for room in rooms {
            self.turn(now, |machine, sockets, _, _| {
                machine.on_command(now, Command::OpenRoom { room }, sockets)
            });
        }
    }

    fn receive(&mut self, now: Instant) {
        let mut now = now;
        for _ in 0..RECEIVE_CALLS_MAX {
            let more = match self.received.receive(self.parts.sockets.udp.as_fd()) {
                Ok(more) => more,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                // An ICMP answer to something sent; the datagrams behind it are still there.
                Err(_) => continue,
            };
            self.parts.sockets.counters.udp_receive_calls += 1;
            self.turn(now, |machine, sockets, received, _| {
                sockets.counters.udp_truncated_in += std::mem::take(&mut received.truncated);
                let (mut datagrams, mut len) = (0, 0);
                let batch = received.datagrams().map(|(remote, bytes)| {
                    datagrams += 1;
                    len += bytes.len() as u64;
                    Datagram { path: Path { remote, tcp: 0 }, bytes }
                });
                machine.on_datagrams(now, batch, sockets);
                sockets.counters.udp_datagrams_in += datagrams;
                sockets.counters.udp_bytes_in += len;
            });
            if !more {
                return;
            }
            now = Instant::now();
            // A long queue must not hold up what is due.
            self.deadline();
        }
    }

    fn deadline(&mut self) {
        let Some(deadline) = self.machine.as_ref().and_then(Machine::next_deadline) else { return };
        let now = Instant::now();
        if deadline <= now {
            self.turn(now, |machine, sockets, _, _| machine.on_deadline(now, sockets));
        }
    }

    fn take_messages(&mut self, now: Instant) {
        for _ in 0..COMMANDS_MAX {
            let Ok(command) = self.parts.commands.try_recv() else { break };
            self.command(now, command);
        }
        while let Ok(handover) = self.parts.arrivals.try_recv() {
            self.adopt(now, handover);
        }
    }

    /// All that is there makes one batch, as datagrams do.
    fn take_parcels(&mut self, now: Instant) {
        if self.parts.parcels.is_empty() && self.empty.is_empty() {
            return;
        }
        let mut opened = std::mem::take(&mut self.opened);
        while opened.len() < PARCELS_MAX
            && let Ok(post) = self.parts.parcels.try_recv()
        {
            match post {
                Post::Full(from, parcel) => opened.push((from, parcel)),
                Post::Empty(from, parcel) => {
                    if let Some(machine) = &mut self.machine {
                        machine.take_back(from, parcel);
                    }
                }
            }
        }
        if !opened.is_empty() {
            self.turn(now, |machine, sockets, _, _| machine.on_parcels(now, &mut opened, sockets));
        }
        self.empty.append(&mut opened);
        self.opened = opened;
        let (id, workers) = (self.parts.id.0, &self.parts.workers);
        while let Some((from, parcel)) = self.empty.pop() {
            // Nobody waits for it: no bell.
            if let Err(Post::Empty(_, parcel) | Post::Full(_, parcel)) =
                workers.post(from, Post::Empty(id, parcel))
            {
                self.empty.push((from, parcel));
                break;
            }
        }
    }

    fn command(&mut self, now: Instant, command: Command) {
        self.parts.sockets.counters.commands += 1;
        self.census.note(&command);
        self.turn(now, |machine, sockets, _, _| machine.on_command(now, command, sockets));
    }

    fn accept(&mut self, now: Instant) {
        let Some(listener) = &self.parts.listener else { return };
        let Sockets { poller, counters, .. } = &mut self.parts.sockets;
        if !self.lobby.accept(now, listener, poller, lobby_token, counters) {
            self.listener_paused = poller.remove(listener.as_fd()).is_ok();
        }
    }

    fn read_lobby(&mut self, now: Instant, number: u32) {
        let Sockets { poller, counters, .. } = &mut self.parts.sockets;
        let Some(arrival) = self.lobby.on_readable(number, counters) else { return };
        if poller.remove(arrival.connection.stream.as_fd()).is_err() {
            counters.tcp_refused += 1;
        } else if arrival.worker == self.parts.id {
            self.adopt(now, arrival.connection);
        } else if !self.parts.workers.hand_over(arrival.worker, arrival.connection) {
            counters.tcp_refused += 1;
        }
    }

    fn adopt(&mut self, now: Instant, handover: Handover) {
        let Sockets { poller, counters, connections, .. } = &mut self.parts.sockets;
        if let Some(taken) =
            connections.adopt(now, handover, poller, connection_token, &mut self.scratch, counters)
        {
            self.take_frames(now, taken);
        }
    }

    fn connection_ready(&mut self, now: Instant, number: u32, readable: bool, writable: bool) {
        let Sockets { poller, counters, connections, .. } = &mut self.parts.sockets;
        if writable {
            connections.write(number, poller, connection_token, counters);
        }
        if readable && let Some(taken) = connections.read(now, number, &mut self.scratch, counters) {
            self.take_frames(now, taken);
        }
    }

    fn take_frames(&mut self, now: Instant, taken: Taken) {
        let path = taken.path;
        if taken.whole > 0 {
            self.turn(now, |machine, sockets, _, scratch| {
                let mut datagrams = 0;
                let batch = frames(scratch.get_mut(..taken.whole).unwrap_or_default()).map(|bytes| {
                    datagrams += 1;
                    Datagram { path, bytes }
                });
                machine.on_datagrams(now, batch, sockets);
                sockets.counters.tcp_frames_in += datagrams;
            });
        }
        if taken.closed {
            self.parts.sockets.connections.close(path.tcp);
            self.parts.sockets.counters.tcp_closed += 1;
        }
    }

    fn tell_closed_paths(&mut self, now: Instant) {
        while let Some(path) = self.parts.sockets.connections.poll_closed() {
            self.turn(now, |machine, _, _, _| machine.on_path_closed(path));
        }
    }

    fn second(&mut self, now: Instant) {
        let cpu = thread_cpu_time();
        let wall = now.saturating_duration_since(self.last_second).as_secs_f32();
        let used = cpu.saturating_sub(self.last_cpu).as_secs_f32();
        self.last_second = now;
        self.last_cpu = cpu;
        self.next_second = now + Duration::from_secs(1);
        let Sockets { connections, counters, poller, .. } = &mut self.parts.sockets;
        connections.on_second(now, counters);
        self.lobby.on_second(now, counters);
        if let (true, Some(listener)) = (self.listener_paused, &self.parts.listener) {
            let added = poller.add(listener.as_fd(), TOKEN_LISTENER, Interest::SharedRead);
            self.listener_paused = added.is_err();
        }
        self.parts.workers.publish(WorkerLoad {
            worker: self.parts.id,
            healthy: self.machine.is_some(),
            rooms: self.census.room_count() as u64,
            cpu_seconds: cpu.as_secs_f64(),
            // The first look comes right after the start, when a moment's work would seem a full load.
            busy: if wall >= BUSY_WINDOW_S { (used / wall).min(1.0) } else { 0.0 },
            io: self.parts.sockets.counters,
            engine: self.machine.as_ref().map(Machine::counters).unwrap_or_default(),
        });
    }

    /// Commands that were given before the stop still count; then every room is closed, which says goodbye to the peers.
    fn goodbye(&mut self) {
        let now = Instant::now();
        while let Ok(command) = self.parts.commands.try_recv() {
            self.command(now, command);
        }
        let rooms: Vec<_> = self.census.rooms().collect();
        for room in rooms {
            self.command(now, Command::CloseRoom { room });
        }
        self.parts.events.flush(&mut self.parts.sockets.counters);
        self.second(now);
    }
}

/// A full parcel to another worker. Rings that it has not answered yet cost nothing.
fn post(workers: &Workers, worker: u16, full: Post) -> Result<(), Parcel> {
    let posted = workers.post(worker, full);
    if let Some(bell) = workers.bell(WorkerId(worker)) {
        bell.ring();
    }
    posted.map_err(|(Post::Full(_, parcel) | Post::Empty(_, parcel))| parcel)
}
