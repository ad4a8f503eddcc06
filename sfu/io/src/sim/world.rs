//! Engines and peers that live on a [`Network`].

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use chevet_sfu_core::api::{Command, Event, Path};
use chevet_sfu_core::engine::{Datagram, Engine, Parcel};

use super::network::{Link, Network, NetworkCounters, Port};
use crate::spread::Spread;
use crate::ufrag::WorkerId;

/// A client of the simulation: as little a thing as an engine, with one address.
pub trait Peer {
    fn on_datagram(&mut self, now: Instant, from: SocketAddr, bytes: &mut [u8], port: &mut Port<'_>);
    fn on_deadline(&mut self, now: Instant, port: &mut Port<'_>);
    fn next_deadline(&self) -> Option<Instant>;
}

/// Turns without progress of time after which the simulation is thought to be stuck.
const TURNS_AT_ONCE_MAX: u32 = 10_000;

struct Host {
    engine: Engine,
    addr: SocketAddr,
    events: Vec<Event>,
}

/// Everything that takes part in one simulation.
pub struct World<P> {
    now: Instant,
    network: Network,
    engines: Vec<Host>,
    peers: Vec<(SocketAddr, P)>,
    places: HashMap<SocketAddr, Place>,
    /// Datagrams that reach one engine within this time make one batch, as they would while a worker is busy.
    pub batching: Duration,
    /// Parcels between the engines, which know each other by their numbers: sender and receiver.
    parcels: VecDeque<(usize, usize, Parcel)>,
    spread: Spread,
    /// The engine with this number does not open what the others send it.
    pub stalled: Option<usize>,
}

#[derive(Clone, Copy)]
enum Place {
    Engine(usize),
    Peer(usize),
}

impl<P: Peer> World<P> {
    /// `start` is only a base: the run is the same whatever it is.
    pub fn new(start: Instant, seed: u64) -> World<P> {
        World {
            now: start,
            network: Network::new(start, seed),
            engines: Vec::new(),
            peers: Vec::new(),
            places: HashMap::new(),
            batching: Duration::ZERO,
            parcels: VecDeque::new(),
            spread: Spread::default(),
            stalled: None,
        }
    }

    pub fn now(&self) -> Instant {
        self.now
    }

    pub fn network(&mut self) -> &mut Network {
        &mut self.network
    }

    pub fn network_counters(&self) -> NetworkCounters {
        self.network.counters()
    }

    /// Both directions between the hosts of two addresses.
    pub fn link(&mut self, one: SocketAddr, other: SocketAddr, link: Link) {
        self.network.set_both(one.ip(), other.ip(), link);
    }

    /// Adds an engine; it is known by the number returned.
    pub fn add_engine(&mut self, addr: SocketAddr, engine: Engine) -> usize {
        let index = self.engines.len();
        self.engines.push(Host { engine, addr, events: Vec::new() });
        self.places.insert(addr, Place::Engine(index));
        index
    }

    /// Adds a peer; it is known by the number returned.
    pub fn add_peer(&mut self, addr: SocketAddr, peer: P) -> usize {
        let index = self.peers.len();
        self.peers.push((addr, peer));
        self.places.insert(addr, Place::Peer(index));
        index
    }

    /// The peer is at another address from now on, as after a change of networks.
    pub fn move_peer(&mut self, peer: usize, to: SocketAddr) {
        if let Some((addr, _)) = self.peers.get_mut(peer) {
            self.places.remove(addr);
            *addr = to;
            self.places.insert(to, Place::Peer(peer));
        }
    }

    /// # Panics
    /// When there is no such peer.
    pub fn peer(&mut self, peer: usize) -> &mut P {
        &mut self.peers.get_mut(peer).expect("a peer of this world").1
    }

    pub fn peers(&mut self) -> impl Iterator<Item = &mut P> {
        self.peers.iter_mut().map(|(_, peer)| peer)
    }

    /// # Panics
    /// When there is no such engine.
    pub fn engine(&mut self, engine: usize) -> &mut Engine {
        &mut self.host(engine).engine
    }

    fn host(&mut self, engine: usize) -> &mut Host {
        self.engines.get_mut(engine).expect("an engine of this world")
    }

    /// What the engine has said since the last call.
    pub fn take_events(&mut self, engine: usize) -> Vec<Event> {
        std::mem::take(&mut self.host(engine).events)
    }

    pub fn command(&mut self, engine: usize, command: Command) {
        let now = self.now;
        if let Some(host) = self.engines.get_mut(engine) {
            let mut port = Port { network: &mut self.network, local: host.addr };
            host.engine.on_command(now, command, &mut port);
            host.drain();
        }
        self.exchange();
    }

    /// As [`crate::Sfu::command`] does it: the other engines hear what they have to know of a room they have members of.
    pub fn tell(&mut self, engine: usize, mut command: Command) {
        let worker = WorkerId(engine as u16);
        if let Command::Inspect { room, parts, .. } = &mut command {
            *parts = self.spread.workers_of(*room) as u32;
        }
        for told in self.spread.before(worker, &command) {
            self.command(engine, told);
        }
        let copies = self.spread.after(worker, &command);
        self.command(engine, command);
        for (other, copy) in copies {
            self.command(usize::from(other.0), copy);
        }
    }

    /// Carries parcels between the engines until all have come to rest.
    fn exchange(&mut self) {
        let now = self.now;
        for turn in 0.. {
            assert!(turn < TURNS_AT_ONCE_MAX, "the engines do not come to rest");
            for (from, host) in self.engines.iter_mut().enumerate() {
                host.engine.poll_parcels(now, |to, parcel| {
                    self.parcels.push_back((from, usize::from(to), parcel));
                    Ok(())
                });
            }
            let (waiting, ready): (VecDeque<_>, VecDeque<_>) =
                self.parcels.drain(..).partition(|(_, to, _)| Some(*to) == self.stalled);
            self.parcels = waiting;
            if ready.is_empty() {
                return;
            }
            for (from, to, mut parcel) in ready {
                if let Some(host) = self.engines.get_mut(to) {
                    let mut port = Port { network: &mut self.network, local: host.addr };
                    let parcels = std::iter::once((from as u16, &mut parcel));
                    host.engine.on_parcels(now, parcels, &mut port);
                    host.drain();
                }
                self.host(from).engine.take_back(to as u16, parcel);
            }
        }
    }

    pub fn run_for(&mut self, time: Duration) {
        self.run_until(self.now + time);
    }

    /// # Panics
    /// When somebody's deadline never moves on.
    pub fn run_until(&mut self, end: Instant) {
        let mut turns = 0;
        while let Some(next) = self.next_moment().filter(|next| *next <= end) {
            if next > self.now {
                self.now = next;
                turns = 0;
            }
            turns += 1;
            assert!(turns < TURNS_AT_ONCE_MAX, "the simulation does not move on");
            self.turn();
        }
        self.now = self.now.max(end);
        self.network.set_now(self.now);
    }

    /// Runs until the condition holds; false when it does not within the time.
    pub fn run_while(&mut self, limit: Duration, mut goes_on: impl FnMut(&mut Self) -> bool) -> bool {
        let end = self.now + limit;
        while goes_on(self) {
            if self.now >= end {
                return false;
            }
            self.run_for(Duration::from_millis(1));
        }
        true
    }

    fn next_moment(&self) -> Option<Instant> {
        let arrival = self.network.next_arrival().map(|at| at + self.batching);
        let engines = self.engines.iter().filter_map(|host| host.engine.next_deadline());
        let peers = self.peers.iter().filter_map(|(_, peer)| peer.next_deadline());
        engines.chain(peers).chain(arrival).min()
    }

    fn turn(&mut self) {
        let now = self.now;
        self.network.set_now(now);
        let mut batches: Vec<Vec<(SocketAddr, Vec<u8>)>> = self.engines.iter().map(|_| Vec::new()).collect();
        while let Some(mut datagram) = self.network.arrived() {
            self.network.counters.delivered += 1;
            match self.places.get(&datagram.to) {
                Some(Place::Engine(index)) => {
                    if let Some(batch) = batches.get_mut(*index) {
                        batch.push((datagram.from, datagram.bytes));
                    }
                }
                Some(Place::Peer(index)) => {
                    if let Some((addr, peer)) = self.peers.get_mut(*index) {
                        let mut port = Port { network: &mut self.network, local: *addr };
                        peer.on_datagram(now, datagram.from, &mut datagram.bytes, &mut port);
                    }
                }
                None => self.network.counters.unreachable += 1,
            }
        }
        for (host, mut batch) in self.engines.iter_mut().zip(batches) {
            let mut port = Port { network: &mut self.network, local: host.addr };
            if !batch.is_empty() {
                let datagrams = batch
                    .iter_mut()
                    .map(|(remote, bytes)| Datagram { path: Path { remote: *remote, tcp: 0 }, bytes });
                host.engine.on_datagrams(now, datagrams, &mut port);
            }
            if host.engine.next_deadline().is_some_and(|deadline| deadline <= now) {
                host.engine.on_deadline(now, &mut port);
            }
            host.drain();
        }
        self.exchange();
        for (addr, peer) in &mut self.peers {
            if peer.next_deadline().is_some_and(|deadline| deadline <= now) {
                let mut port = Port { network: &mut self.network, local: *addr };
                peer.on_deadline(now, &mut port);
            }
        }
    }
}

impl Host {
    fn drain(&mut self) {
        while let Some(event) = self.engine.poll_event() {
            self.events.push(event);
        }
    }
}
