//! Which addresses to tell the clients.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use crate::sys;

/// Addresses reserved for documentation (RFC 5737, RFC 3849): routed like any other, and nothing is ever sent there.
const SOMEWHERE_V4: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 9);
const SOMEWHERE_V6: SocketAddr =
    SocketAddr::new(IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)), 9);

/// What the operator named; else the address that the sockets are bound to; else, for a wildcard, the address that the
/// default route uses, then those of the other interfaces if there is no such route, then loopback.
pub(crate) fn addresses(named: &[IpAddr], bind: IpAddr) -> Vec<IpAddr> {
    if !named.is_empty() {
        let mut unique = Vec::new();
        for ip in named.iter().map(IpAddr::to_canonical) {
            if !unique.contains(&ip) {
                unique.push(ip);
            }
        }
        return unique;
    }
    if !bind.is_unspecified() {
        return vec![bind];
    }
    let v6 = bind.is_ipv6();
    let mut found: Vec<IpAddr> = Vec::new();
    found.extend(source_towards(SOMEWHERE_V4));
    if v6 {
        found.extend(source_towards(SOMEWHERE_V6));
    }
    if found.is_empty() {
        found = sys::interface_addresses();
        found.retain(|ip| ip.is_ipv4() || v6);
    }
    if found.is_empty() {
        found.push(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    found
}

/// The source address the routing table gives for a destination. Connecting a UDP socket sends nothing.
fn source_towards(somewhere: SocketAddr) -> Option<IpAddr> {
    let any: IpAddr =
        if somewhere.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect(somewhere).ok()?;
    let ip = socket.local_addr().ok()?.ip();
    (!ip.is_unspecified() && !ip.is_loopback()).then_some(ip)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_operator_names_is_told_once_and_as_it_is() {
        let named: Vec<IpAddr> =
            ["198.51.100.7", "::ffff:198.51.100.7", "2001:db8::7"].map(|text| text.parse().unwrap()).into();
        let told = addresses(&named, IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        assert_eq!(told, ["198.51.100.7".parse::<IpAddr>().unwrap(), "2001:db8::7".parse().unwrap()]);
    }

    #[test]
    fn a_bound_address_is_told_even_when_it_is_loopback() {
        let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
        assert_eq!(addresses(&[], loopback), [loopback]);
    }

    #[test]
    fn a_wildcard_is_never_told() {
        for bind in [IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::UNSPECIFIED)] {
            let told = addresses(&[], bind);
            assert!(!told.is_empty());
            assert!(told.iter().all(|ip| !ip.is_unspecified()));
        }
        assert!(addresses(&[], IpAddr::V4(Ipv4Addr::UNSPECIFIED)).iter().all(IpAddr::is_ipv4));
    }
}
