//! Which addresses the peers of this process have.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicU32, Ordering};

/// Where the peers' datagrams leave from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// One socket for each thread, and for each peer an address out of a range that is routed to this host (127.0.0.0/8 always
    /// is; others by `ip route add local`). One system call then serves many peers.
    Local {
        base: Ipv4Addr,
        /// Bits, 8 to 30. The range's first 256 addresses are left alone (65,536 of 127.0.0.0/8).
        prefix: u8,
    },
    /// A socket for each peer, all with the same address: for servers elsewhere.
    PerPeer { address: IpAddr },
}

impl Network {
    /// Addresses in 127.0.0.0/8.
    pub const LOOPBACK: Network = Network::Local { base: Ipv4Addr::new(127, 0, 0, 0), prefix: 8 };

    /// What fits a server at this address: [`Network::LOOPBACK`] when it is on the loopback interface, else a socket for
    /// each peer, bound to the address that the routing table gives.
    pub fn towards(server: SocketAddr) -> io::Result<Network> {
        if server.ip().is_loopback() && server.is_ipv4() {
            return Ok(Network::LOOPBACK);
        }
        let any: IpAddr = if server.is_ipv4() {
            Ipv4Addr::UNSPECIFIED.into()
        } else {
            std::net::Ipv6Addr::UNSPECIFIED.into()
        };
        let socket = UdpSocket::bind((any, 0))?;
        // Sends nothing: it only asks the routing table.
        socket.connect(server)?;
        Ok(Network::PerPeer { address: socket.local_addr()?.ip() })
    }
}

/// Hands out addresses of a range, each once until the range is used up.
#[derive(Debug)]
pub struct AddressPool {
    first: u32,
    count: u32,
    next: AtomicU32,
}

impl AddressPool {
    /// Starts at a place that differs from process to process, so that two of them on one host seldom meet.
    pub fn new(base: Ipv4Addr, prefix: u8) -> AddressPool {
        let size = 1u64 << (32 - u32::from(prefix.clamp(8, 30)));
        let network = u64::from(u32::from(base)) & !(size - 1);
        let skipped = if base.is_loopback() { 65_536 } else { 256 };
        let skipped = if size > 2 * skipped { skipped } else { 1 };
        // Without the last one, the broadcast address.
        let count = size - skipped - 1;
        let begin = u64::from(std::process::id()).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
        AddressPool {
            first: (network + skipped) as u32,
            count: count as u32,
            next: AtomicU32::new((begin % count) as u32),
        }
    }

    pub fn next(&self) -> Ipv4Addr {
        let number = self.next.fetch_add(1, Ordering::Relaxed) % self.count;
        Ipv4Addr::from(self.first.wrapping_add(number))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_peer_has_an_address_of_its_own_in_the_range() {
        for (base, prefix) in [([127, 0, 0, 0], 8), ([10, 77, 0, 0], 16), ([192, 168, 9, 0], 24)] {
            let pool = AddressPool::new(base.into(), prefix);
            let range = u32::from(Ipv4Addr::from(base)) >> (32 - u32::from(prefix));
            let mut seen = HashSet::new();
            for _ in 0..200 {
                let address = pool.next();
                assert_eq!(u32::from(address) >> (32 - u32::from(prefix)), range, "{address}");
                assert!(seen.insert(address), "{address} twice");
            }
        }
    }

    #[test]
    fn the_addresses_that_services_listen_on_are_left_alone() {
        let pool = AddressPool::new(Ipv4Addr::LOCALHOST, 8);
        for _ in 0..1000 {
            assert_ne!(pool.next().octets()[1], 0);
        }
    }

    #[test]
    fn a_server_on_loopback_gets_the_loopback_range() {
        assert_eq!(Network::towards(([127, 0, 0, 1], 9).into()).unwrap(), Network::LOOPBACK);
    }
}
