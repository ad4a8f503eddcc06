//! Which addresses belong to the public internet.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// False for loopback, private, link-local and every other special range of IANA's registries (RFC 6890), also when an
/// IPv4 address of such a range is wrapped into an IPv6 one.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = match (a, b, c) {
        // This network, private, loopback, class E and broadcast, multicast.
        (0 | 10 | 127, ..) | (224..=255, ..) => true,
        // Carriers' NAT (RFC 6598).
        (100, 64..=127, _) => true,
        // Link-local, with the metadata services of clouds.
        (169, 254, _) => true,
        (172, 16..=31, _) | (192, 168, _) => true,
        // Protocol assignments, documentation, 6to4 relays.
        (192, 0, 0 | 2) | (192, 88, 99) | (198, 51, 100) | (203, 0, 113) => true,
        // Benchmarking (RFC 2544).
        (198, 18 | 19, _) => true,
        _ => false,
    };
    !special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let wrapped = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match (a, b) {
        // Mapped addresses, and NAT64 (RFC 6052).
        (0, 0) if c == 0 && d == 0 && e == 0 && f == 0xffff => wrapped(g, h),
        (0x64, 0xff9b) if c == 0 && d == 0 && e == 0 && f == 0 => wrapped(g, h),
        // 6to4 (RFC 3056).
        (0x2002, _) => wrapped(b, c),
        // Protocol assignments with Teredo and ORCHID, documentation (RFC 3849, RFC 9637).
        (0x2001, 0..=0x1ff | 0xdb8) | (0x3fff, 0..=0xfff) => false,
        // Everything else that is public is of 2000::/3.
        _ => (0x2000..=0x3fff).contains(&a),
    }
}
