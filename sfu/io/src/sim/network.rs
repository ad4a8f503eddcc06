//! Datagrams under way.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use chevet_sfu_core::engine::{Outbound, Transmit};

use super::Random;

/// One direction between two hosts. The default is perfect.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Link {
    pub latency: Duration,
    /// Added to the latency, evenly spread from nothing to this. Datagrams keep their order.
    pub jitter: Duration,
    /// Probability of being lost.
    pub loss: f64,
    /// Probability of arriving twice.
    pub duplicate: f64,
    /// Probability of being overtaken: such a datagram is `reorder_by` late.
    pub reorder: f64,
    pub reorder_by: Duration,
    /// The bottleneck, in bits per second of datagram bytes and 28 bytes of IPv4 and UDP headers. None: no bottleneck.
    pub bits_per_second: Option<u64>,
    /// What may wait before the bottleneck; later datagrams are lost. Zero means 100 ms.
    pub queue: Duration,
}

const HEADER_BYTES: usize = 28;
const DEFAULT_QUEUE: Duration = Duration::from_millis(100);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NetworkCounters {
    pub sent: u64,
    pub delivered: u64,
    pub lost: u64,
    /// Lost before a bottleneck.
    pub overflowed: u64,
    pub duplicated: u64,
    /// For addresses where nobody is.
    pub unreachable: u64,
}

/// All datagrams between all hosts.
pub struct Network {
    now: Instant,
    random: Random,
    links: HashMap<(IpAddr, IpAddr), Link>,
    default_link: Link,
    under_way: BinaryHeap<Reverse<Datagram>>,
    /// When the bottleneck of a direction is free again, and when its last datagram in order arrives.
    busy: HashMap<(IpAddr, IpAddr), Occupied>,
    order: u64,
    pub(super) counters: NetworkCounters,
}

#[derive(Clone, Copy)]
struct Occupied {
    free_at: Instant,
    last_arrival: Instant,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Datagram {
    pub at: Instant,
    /// Of those that arrive at the same time the first sent is first.
    order: u64,
    pub from: SocketAddr,
    pub to: SocketAddr,
    pub bytes: Vec<u8>,
}

impl Network {
    pub fn new(start: Instant, seed: u64) -> Network {
        Network {
            now: start,
            random: Random::new(seed),
            links: HashMap::new(),
            default_link: Link::default(),
            under_way: BinaryHeap::new(),
            busy: HashMap::new(),
            order: 0,
            counters: NetworkCounters::default(),
        }
    }

    /// Of every direction that was not set itself.
    pub fn set_default(&mut self, link: Link) {
        self.default_link = link;
    }

    /// One direction. What is under way already is not touched.
    pub fn set(&mut self, from: IpAddr, to: IpAddr, link: Link) {
        self.links.insert((from, to), link);
    }

    pub fn set_both(&mut self, one: IpAddr, other: IpAddr, link: Link) {
        self.set(one, other, link);
        self.set(other, one, link);
    }

    pub fn counters(&self) -> NetworkCounters {
        self.counters
    }

    /// Sends one datagram now.
    pub fn send(&mut self, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        self.counters.sent += 1;
        let direction = (from.ip(), to.ip());
        let link = self.links.get(&direction).copied().unwrap_or(self.default_link);
        // Drawn for every datagram, so that another rate does not change all that follows.
        let (lost, twice, late) = (
            self.random.chance(link.loss),
            self.random.chance(link.duplicate),
            self.random.chance(link.reorder),
        );
        let jitter = link.jitter.mul_f64(self.random.unit());
        if lost {
            self.counters.lost += 1;
            return;
        }
        let idle = Occupied { free_at: self.now, last_arrival: self.now };
        let occupied = self.busy.entry(direction).or_insert(idle);
        let mut leaves = self.now;
        if let Some(rate) = link.bits_per_second {
            let queue = if link.queue.is_zero() { DEFAULT_QUEUE } else { link.queue };
            let begins = occupied.free_at.max(self.now);
            if begins.saturating_duration_since(self.now) > queue {
                self.counters.overflowed += 1;
                return;
            }
            let bits = (bytes.len() + HEADER_BYTES) as f64 * 8.0;
            leaves = begins + Duration::from_secs_f64(bits / rate.max(1) as f64);
            occupied.free_at = leaves;
        }
        let mut at = leaves + link.latency + jitter;
        if late {
            at += link.reorder_by;
        } else {
            at = at.max(occupied.last_arrival);
            occupied.last_arrival = at;
        }
        self.put(at, from, to, bytes);
        if twice {
            self.counters.duplicated += 1;
            self.put(at, from, to, bytes);
        }
    }

    fn put(&mut self, at: Instant, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        self.order += 1;
        self.under_way.push(Reverse(Datagram { at, order: self.order, from, to, bytes: bytes.to_vec() }));
    }

    /// When the next datagram arrives.
    pub fn next_arrival(&self) -> Option<Instant> {
        self.under_way.peek().map(|Reverse(datagram)| datagram.at)
    }

    pub(super) fn set_now(&mut self, now: Instant) {
        self.now = now;
    }

    /// A datagram that has arrived by now.
    pub(super) fn arrived(&mut self) -> Option<Datagram> {
        if self.next_arrival()? > self.now {
            return None;
        }
        self.under_way.pop().map(|Reverse(datagram)| datagram)
    }
}

/// The socket of one host.
pub struct Port<'n> {
    pub network: &'n mut Network,
    pub local: SocketAddr,
}

impl Port<'_> {
    pub fn send_to(&mut self, remote: SocketAddr, bytes: &[u8]) {
        self.network.send(self.local, remote, bytes);
    }
}

impl Transmit for Port<'_> {
    fn send(&mut self, outbound: &Outbound) -> Instant {
        for run in outbound.runs() {
            for datagram in outbound.bytes_of(run).chunks(run.segment.max(1)) {
                self.network.send(self.local, run.path.remote, datagram);
            }
        }
        self.network.now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addr(host: u8) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, host], 1))
    }

    /// Sends 1,000 numbered datagrams of 1,000 bytes, one a millisecond, and gives what arrives when (in microseconds).
    fn thousand(seed: u64, link: Link) -> (Vec<(u16, u128)>, NetworkCounters) {
        let start = Instant::now();
        let mut network = Network::new(start, seed);
        network.set(addr(1).ip(), addr(2).ip(), link);
        let mut got = Vec::new();
        for step in 0..10_000u64 {
            network.set_now(start + Duration::from_millis(step));
            while let Some(datagram) = network.arrived() {
                let number = u16::from_be_bytes([datagram.bytes[0], datagram.bytes[1]]);
                got.push((number, datagram.at.duration_since(start).as_micros()));
            }
            if let Ok(number) = u16::try_from(step)
                && number < 1000
            {
                let mut bytes = [0; 1000];
                bytes[..2].copy_from_slice(&number.to_be_bytes());
                network.send(addr(1), addr(2), &bytes);
            }
        }
        assert_eq!(network.next_arrival(), None);
        (got, network.counters())
    }

    #[test]
    fn the_same_seed_gives_the_same_network() {
        let link = Link {
            latency: Duration::from_millis(30),
            jitter: Duration::from_millis(10),
            loss: 0.1,
            duplicate: 0.05,
            reorder: 0.05,
            reorder_by: Duration::from_millis(20),
            ..Link::default()
        };
        let (first, counters) = thousand(7, link);
        assert_eq!((first.clone(), counters), thousand(7, link));
        assert_ne!(first, thousand(8, link).0);
        assert!((60..140).contains(&counters.lost), "{counters:?}");
        assert!((20..80).contains(&counters.duplicated), "{counters:?}");
        assert!(first.windows(2).any(|pair| pair[1].0 < pair[0].0), "nothing was overtaken");
    }

    #[test]
    fn jitter_alone_keeps_the_order() {
        let jitter = Duration::from_millis(50);
        let (got, _) = thousand(3, Link { jitter, ..Link::default() });
        assert_eq!(got.len(), 1000);
        assert!(got.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }

    #[test]
    fn a_bottleneck_delays_up_to_its_queue_and_drops_the_rest() {
        // 8.2 Mbit/s offered, half of it carried.
        let link = Link { bits_per_second: Some(4_112_000), ..Link::default() };
        let (got, counters) = thousand(1, link);
        assert!((500..620).contains(&got.len()), "{}", got.len());
        assert_eq!(counters.overflowed as usize, 1000 - got.len());
        let longest = got.iter().map(|(number, at)| at - u128::from(*number) * 1000).max().unwrap();
        assert!((95_000..110_000).contains(&longest), "{longest}");
    }
}
