//! The simulated twin of the sockets and the clock: engines and test peers on a network with delay, loss and a bottleneck,
//! in virtual time. The same seed gives the same run, but for the secrets that DTLS and SCTP draw by themselves.

mod network;
mod world;

pub use network::{Link, Network, NetworkCounters, Port};
pub use world::{Peer, World};

/// A small generator (SplitMix64): the simulation needs repeatable numbers, not good secrets.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 to just under 1.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    pub fn chance(&mut self, probability: f64) -> bool {
        probability > 0.0 && self.unit() < probability
    }
}
