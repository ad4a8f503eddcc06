//! One generator thread: sleeps until a packet is due, a datagram is there or a command came, and does all that is due.
//!
//! **Rests.** Arrivals are stamped by the kernel, so that reading them late does not change what is measured. After media
//! was read the thread leaves the socket alone for [`REST`]; meanwhile datagrams gather, and one wake-up and one system call
//! serve many of them. What is due is sent in time all the same. Handshakes and data channels are answered at once.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::hash::{BuildHasherDefault, Hasher};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chevet_sfu_core::wire::rtcp::ReportBlock;
use crossbeam_channel::Receiver;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};

use super::Tally;
use super::command::{Command, Line, Opening, PeerId};
use crate::net::clock::{Now, thread_cpu_time};
use crate::net::sys::{self, ReceiveBuffers};
use crate::net::{Outlet, Socket};
use crate::peer::{Identity, Peer, Turn};

/// After media was read.
const REST: Duration = Duration::from_millis(2);
/// Receive calls in a row before timers and commands have their turn.
const RECEIVES_MAX: usize = 4;
/// Commands in a row.
const COMMANDS_MAX: usize = 256;
/// A thread wakes at least this often.
const SLEEP_MAX: Duration = Duration::from_secs(1);

const BELL: u64 = u64::MAX;
const SHARED: u64 = u64::MAX - 1;
const NEVER: u64 = u64::MAX;

struct Slot {
    id: PeerId,
    peer: Peer,
    local: SocketAddr,
    socket: Rc<Socket>,
    /// The earliest entry of the timers that counts for this peer, CLOCK_REALTIME ns.
    scheduled: u64,
    /// Is among those whose next time has to be looked at.
    touched: bool,
    /// The socket's drops so far, if it is the peer's own.
    dropped: u32,
}

pub struct Worker {
    commands: Receiver<Command>,
    line: Arc<Line>,
    identity: Arc<Identity>,
    /// The bell, and all sockets.
    all: Epoll,
    /// The bell only: for rests.
    bell: Epoll,
    shared: Option<Rc<Socket>>,
    shared_dropped: u32,
    slots: Vec<Option<Slot>>,
    free: Vec<usize>,
    by_id: HashMap<PeerId, usize>,
    by_address: HashMap<u32, usize, BuildHasherDefault<AddressHasher>>,
    timers: BinaryHeap<Reverse<(u64, usize)>>,
    touched: Vec<usize>,
    buffers: Box<ReceiveBuffers>,
    outlet: Outlet,
    tally: Tally,
    rtcp: Vec<u8>,
    blocks: Vec<ReportBlock>,
    since: Instant,
    cpu_since: Duration,
}

/// Addresses are handed out in sequence: mixing them once is enough.
#[derive(Default)]
struct AddressHasher(u64);

impl Hasher for AddressHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write_u32(&mut self, address: u32) {
        self.0 = u64::from(address).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(32);
    }

    /// Not used for these keys, and correct for any.
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0.rotate_left(8) ^ u64::from(*byte)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        }
    }
}

impl Worker {
    pub fn new(
        commands: Receiver<Command>,
        line: Arc<Line>,
        identity: Arc<Identity>,
        shared: Option<Socket>,
    ) -> anyhow::Result<Worker> {
        let all = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let bell = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        all.add(&line.bell, EpollEvent::new(EpollFlags::EPOLLIN, BELL))?;
        bell.add(&line.bell, EpollEvent::new(EpollFlags::EPOLLIN, BELL))?;
        if let Some(shared) = &shared {
            all.add(shared, EpollEvent::new(EpollFlags::EPOLLIN, SHARED))?;
        }
        Ok(Worker {
            commands,
            line,
            identity,
            all,
            bell,
            shared: shared.map(Rc::new),
            shared_dropped: 0,
            slots: Vec::new(),
            free: Vec::new(),
            by_id: HashMap::new(),
            by_address: HashMap::default(),
            timers: BinaryHeap::new(),
            touched: Vec::new(),
            buffers: Box::new(ReceiveBuffers::new()),
            outlet: Outlet::new(),
            tally: Tally::new(),
            rtcp: Vec::with_capacity(1500),
            blocks: Vec::new(),
            since: Instant::now(),
            cpu_since: thread_cpu_time(),
        })
    }

    /// Until it is told to stop.
    pub fn run(mut self) {
        // Sleeps end when they are said to, not up to 50 us later.
        let _ = nix::sys::prctl::set_timerslack(1);
        let mut events = [EpollEvent::empty(); 64];
        let mut rest_until = 0;
        let mut commands_left = false;
        loop {
            let now = Now::read();
            let due = self.timers.peek().map_or(NEVER, |Reverse((due, _))| *due);
            let resting = rest_until > now.realtime;
            let until = if resting { due.min(rest_until) } else { due };
            let mut sleep = Duration::from_nanos(until.saturating_sub(now.realtime)).min(SLEEP_MAX);
            if commands_left {
                sleep = Duration::ZERO;
            }
            let epoll = if resting { &self.bell } else { &self.all };
            let count = sys::wait(epoll.0.as_fd(), &mut events, Some(sleep)).unwrap_or(0);
            let events = events.get(..count).unwrap_or_default();
            if commands_left || events.iter().any(|event| event.data() == BELL) {
                match self.obey() {
                    Some(left) => commands_left = left,
                    None => return self.close_all(),
                }
            }
            let mut now = Now::read();
            let rested = resting && rest_until <= now.realtime;
            let mut media = None;
            if rested && self.shared.is_some() {
                // Most probably there is something: looking costs less than asking.
                media = self.receive(SHARED, &mut now);
            }
            for event in events.iter().filter(|event| event.data() != BELL) {
                let only_media = self.receive(event.data(), &mut now);
                media = media.zip(only_media).map(|(all, this)| all && this).or(only_media).or(media);
            }
            self.run_timers(now);
            self.look_at_touched(now);
            self.outlet.flush();
            if media == Some(true) {
                rest_until = now.realtime + REST.as_nanos() as u64;
            } else if media == Some(false) {
                rest_until = 0;
            }
        }
    }

    /// Takes what the socket has. `None` when there was nothing; else whether it was only media, so that the next may wait.
    fn receive(&mut self, token: u64, now: &mut Now) -> Option<bool> {
        let mut only_media = None;
        for _ in 0..RECEIVES_MAX {
            let own = usize::try_from(token).ok().filter(|_| token != SHARED);
            let socket = match own {
                None => self.shared.clone()?,
                Some(number) => self.slot(number)?.socket.clone(),
            };
            let Ok(full) = self.buffers.receive(socket.as_fd()) else { break };
            if self.buffers.messages() == 0 {
                break;
            }
            *now = Now::read();
            self.count_drops(own);
            let quiet = self.hand_out(own, *now);
            only_media = Some(only_media.unwrap_or(true) && quiet);
            if !full {
                return only_media;
            }
            // What is due does not wait for what has come.
            self.run_timers(*now);
        }
        // There may be more at once.
        only_media.map(|_| false)
    }

    fn count_drops(&mut self, own: Option<usize>) {
        let Some(dropped) = self.buffers.dropped() else { return };
        let known = match own {
            None => &mut self.shared_dropped,
            Some(number) => match self.slots.get_mut(number).and_then(Option::as_mut) {
                Some(slot) => &mut slot.dropped,
                None => return,
            },
        };
        self.tally.kernel_drops += u64::from(dropped.wrapping_sub(*known));
        *known = dropped;
    }

    /// Gives the datagrams of the last call to their peers.
    fn hand_out(&mut self, own: Option<usize>, now: Now) -> bool {
        let mut only_media = true;
        let mut turn = Turn {
            now,
            outlet: &mut self.outlet,
            tally: &mut self.tally,
            rtcp: &mut self.rtcp,
            blocks: &mut self.blocks,
        };
        let mut current: Option<usize> = None;
        for (arrival, bytes) in self.buffers.datagrams() {
            turn.tally.datagrams += 1;
            let number = own.or_else(|| self.by_address.get(&u32::from(arrival.to?)).copied());
            let slot = number.and_then(|number| self.slots.get_mut(number)).and_then(Option::as_mut);
            // One that has just left still gets datagrams.
            let Some((number, slot)) = number.zip(slot) else { continue };
            if current != Some(number) {
                current = Some(number);
                turn.outlet.speak_for(&slot.socket, slot.local);
                if !slot.touched {
                    slot.touched = true;
                    self.touched.push(number);
                }
            }
            let at = if arrival.at == 0 { now.realtime } else { arrival.at };
            only_media &= slot.peer.on_datagram(&mut turn, arrival.from, at, bytes);
        }
        only_media
    }

    fn run_timers(&mut self, now: Now) {
        while let Some(Reverse((due, number))) = self.timers.peek().copied()
            && due <= now.realtime
        {
            self.timers.pop();
            let Some(slot) = self.slots.get_mut(number).and_then(Option::as_mut) else { continue };
            // An entry that an earlier one has overtaken.
            if slot.scheduled != due {
                continue;
            }
            slot.scheduled = NEVER;
            self.outlet.speak_for(&slot.socket, slot.local);
            let mut turn = Turn {
                now,
                outlet: &mut self.outlet,
                tally: &mut self.tally,
                rtcp: &mut self.rtcp,
                blocks: &mut self.blocks,
            };
            slot.peer.on_time(&mut turn);
            schedule(&mut self.timers, slot, number, &now);
        }
    }

    fn look_at_touched(&mut self, now: Now) {
        for number in self.touched.drain(..) {
            if let Some(slot) = self.slots.get_mut(number).and_then(Option::as_mut) {
                slot.touched = false;
                schedule(&mut self.timers, slot, number, &now);
            }
        }
    }

    /// Does what was asked. `None` to stop; else whether there is more.
    fn obey(&mut self) -> Option<bool> {
        // Read before the commands: a ring after it wakes again.
        let _ = self.line.bell.read();
        for _ in 0..COMMANDS_MAX {
            let Ok(command) = self.commands.try_recv() else { return Some(false) };
            match command {
                Command::Stop => return None,
                Command::Tally(answer) => {
                    let _ = answer.send(self.take_tally());
                }
                Command::Open(opening) => self.open(*opening),
                Command::Connect(id, remote) => self.with(id, |peer, turn| peer.connect(turn, *remote)),
                Command::SetMedia(id, media) => self.with(id, |peer, turn| peer.set_media(turn, *media)),
                Command::Publish(id, spec) => self.with(id, |peer, turn| peer.publish(turn, *spec)),
                Command::OpenChannel(id, label, ordered, max_retransmits) => {
                    self.with(id, |peer, turn| peer.open_channel(turn, label, ordered, max_retransmits));
                }
                Command::Send(id, label, bytes) => self.with(id, |peer, turn| peer.send(turn, label, bytes)),
                Command::ReadSlowly(id, bytes_per_second) => {
                    self.with(id, |peer, turn| peer.read_slowly(turn, bytes_per_second));
                }
                Command::Close(id) => {
                    self.with(id, |peer, turn| peer.close(turn));
                    self.outlet.flush();
                    self.forget(id);
                }
            }
        }
        Some(true)
    }

    fn open(&mut self, opening: Opening) {
        let number = self.free.pop().unwrap_or(self.slots.len());
        let socket = match (opening.socket, &self.shared) {
            (Some(own), _) => {
                let own = Rc::new(own);
                let event = EpollEvent::new(EpollFlags::EPOLLIN, number as u64);
                if let Err(error) = self.all.add(&*own, event) {
                    let why = format!("no more sockets: {error}");
                    let _ = opening.notices.send(crate::peer::Notice::Failed(why));
                }
                own
            }
            (None, Some(shared)) => Rc::clone(shared),
            // It was told already.
            (None, None) => return,
        };
        if socket.is_shared()
            && let IpAddr::V4(address) = opening.local_addr.ip()
        {
            self.by_address.insert(address.into(), number);
        }
        let slot = Slot {
            id: opening.id,
            peer: Peer::new(Arc::clone(&self.identity), opening.local, opening.notices),
            local: opening.local_addr,
            socket,
            scheduled: NEVER,
            touched: false,
            dropped: 0,
        };
        self.by_id.insert(opening.id, number);
        if number == self.slots.len() {
            self.slots.push(Some(slot));
        } else {
            self.slots[number] = Some(slot);
        }
    }

    fn forget(&mut self, id: PeerId) {
        let Some(number) = self.by_id.remove(&id) else { return };
        let Some(slot) = self.slots.get_mut(number).and_then(Option::take) else { return };
        debug_assert_eq!(slot.id, id);
        if slot.socket.is_shared() {
            if let IpAddr::V4(address) = slot.local.ip()
                && self.by_address.get(&u32::from(address)) == Some(&number)
            {
                self.by_address.remove(&u32::from(address));
            }
        } else {
            let _ = self.all.delete(&*slot.socket);
        }
        self.free.push(number);
    }

    fn with(&mut self, id: PeerId, call: impl FnOnce(&mut Peer, &mut Turn<'_>)) {
        let Some(&number) = self.by_id.get(&id) else { return };
        let Some(slot) = self.slots.get_mut(number).and_then(Option::as_mut) else { return };
        self.outlet.speak_for(&slot.socket, slot.local);
        let mut turn = Turn {
            now: Now::read(),
            outlet: &mut self.outlet,
            tally: &mut self.tally,
            rtcp: &mut self.rtcp,
            blocks: &mut self.blocks,
        };
        call(&mut slot.peer, &mut turn);
        if !slot.touched {
            slot.touched = true;
            self.touched.push(number);
        }
    }

    fn slot(&self, number: usize) -> Option<&Slot> {
        self.slots.get(number)?.as_ref()
    }

    fn take_tally(&mut self) -> Tally {
        self.outlet.flush();
        let sent = std::mem::take(&mut self.outlet.sent);
        let mut tally = std::mem::take(&mut self.tally);
        let (now, cpu) = (Instant::now(), thread_cpu_time());
        tally.seconds = (now - self.since).as_secs_f64();
        tally.cpu_seconds = cpu.saturating_sub(self.cpu_since).as_secs_f64();
        tally.busiest_thread = tally.cpu_seconds / tally.seconds.max(1e-9);
        (self.since, self.cpu_since) = (now, cpu);
        tally.sent += sent.media;
        tally.send_failures += sent.failures;
        tally.datagrams += sent.datagrams;
        tally
    }

    fn close_all(mut self) {
        let ids: Vec<PeerId> = self.by_id.keys().copied().collect();
        for id in ids {
            self.with(id, |peer, turn| peer.close(turn));
        }
        self.outlet.flush();
    }
}

fn schedule(timers: &mut BinaryHeap<Reverse<(u64, usize)>>, slot: &mut Slot, number: usize, now: &Now) {
    let due = slot.peer.next_due(now);
    if due < slot.scheduled {
        slot.scheduled = due;
        timers.push(Reverse((due, number)));
    }
}
