//! Socket addresses as the kernel has them.

use std::mem;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::ptr;

/// Room for an IPv4 or IPv6 address: 28 bytes instead of the 128 of `sockaddr_storage`.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) union RawAddress {
    family: libc::sa_family_t,
    v4: libc::sockaddr_in,
    v6: libc::sockaddr_in6,
}

pub(super) const RAW_ADDRESS_LEN: libc::socklen_t = mem::size_of::<RawAddress>() as libc::socklen_t;

impl RawAddress {
    pub(super) fn zeroed() -> RawAddress {
        // SAFETY: every field is plain data for which all zeroes is a value.
        unsafe { mem::zeroed() }
    }

    /// The address and its length. With `mapped`, for an IPv6 socket: IPv4 becomes `::ffff:a.b.c.d`.
    pub(super) fn encode(addr: SocketAddr, mapped: bool) -> (RawAddress, libc::socklen_t) {
        let mut raw = RawAddress::zeroed();
        match addr {
            SocketAddr::V4(v4) if !mapped => {
                raw.v4 = libc::sockaddr_in {
                    sin_family: libc::AF_INET as libc::sa_family_t,
                    sin_port: v4.port().to_be(),
                    sin_addr: libc::in_addr { s_addr: u32::from(*v4.ip()).to_be() },
                    sin_zero: [0; 8],
                };
                (raw, mem::size_of::<libc::sockaddr_in>() as libc::socklen_t)
            }
            SocketAddr::V4(v4) => {
                raw.set_v6(&SocketAddrV6::new(v4.ip().to_ipv6_mapped(), v4.port(), 0, 0));
                (raw, mem::size_of::<libc::sockaddr_in6>() as libc::socklen_t)
            }
            SocketAddr::V6(v6) => {
                raw.set_v6(&v6);
                (raw, mem::size_of::<libc::sockaddr_in6>() as libc::socklen_t)
            }
        }
    }

    fn set_v6(&mut self, v6: &SocketAddrV6) {
        self.v6 = libc::sockaddr_in6 {
            sin6_family: libc::AF_INET6 as libc::sa_family_t,
            sin6_port: v6.port().to_be(),
            sin6_flowinfo: v6.flowinfo(),
            sin6_addr: libc::in6_addr { s6_addr: v6.ip().octets() },
            sin6_scope_id: v6.scope_id(),
        };
    }

    /// None for other families.
    ///
    /// # Safety
    /// `from` must point to a family and to as many bytes as an address of that family has.
    pub(super) unsafe fn read(from: *const libc::sockaddr) -> Option<RawAddress> {
        let mut raw = RawAddress::zeroed();
        // SAFETY: the caller vouches for the family and for the length that goes with it.
        unsafe {
            match i32::from((*from).sa_family) {
                libc::AF_INET => raw.v4 = ptr::read_unaligned(from.cast()),
                libc::AF_INET6 => raw.v6 = ptr::read_unaligned(from.cast()),
                _ => return None,
            }
        }
        Some(raw)
    }

    /// IPv4-mapped addresses come out as IPv4: a peer has one name whichever socket it reached.
    pub(super) fn decode(&self) -> Option<SocketAddr> {
        // SAFETY: the union was zeroed or written whole; every field is plain data, so any of them may be read.
        let family = unsafe { self.family };
        match i32::from(family) {
            libc::AF_INET => {
                // SAFETY: as above.
                let v4 = unsafe { self.v4 };
                let ip = Ipv4Addr::from(u32::from_be(v4.sin_addr.s_addr));
                Some(SocketAddr::new(IpAddr::V4(ip), u16::from_be(v4.sin_port)))
            }
            libc::AF_INET6 => {
                // SAFETY: as above.
                let v6 = unsafe { self.v6 };
                let ip = Ipv6Addr::from(v6.sin6_addr.s6_addr);
                let port = u16::from_be(v6.sin6_port);
                match ip.to_ipv4_mapped() {
                    Some(v4) => Some(SocketAddr::new(IpAddr::V4(v4), port)),
                    None => {
                        Some(SocketAddr::V6(SocketAddrV6::new(ip, port, v6.sin6_flowinfo, v6.sin6_scope_id)))
                    }
                }
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_survives_the_way_to_the_kernel_and_back() {
        for text in ["192.0.2.7:9", "[2001:db8::1]:65535", "127.0.0.1:0"] {
            let addr: SocketAddr = text.parse().unwrap();
            for mapped in [false, true] {
                let (raw, _) = RawAddress::encode(addr, mapped);
                assert_eq!(raw.decode(), Some(addr), "{text} mapped {mapped}");
            }
        }
        assert_eq!(RawAddress::zeroed().decode(), None);
    }
}
