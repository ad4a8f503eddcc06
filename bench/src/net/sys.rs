//! The system calls that `nix` does not have in the form needed here: many datagrams by one call, each with an address of
//! ours and its kernel stamp, and waiting with deadlines finer than a millisecond. The only `unsafe` of this program: each
//! function is safe to call with any arguments, and holds no policy.
#![allow(unsafe_code)]

use std::io;
use std::mem;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr;
use std::time::Duration;

use nix::libc;
use nix::sys::epoll::EpollEvent;

/// Messages received by one call.
pub const RECEIVE_BATCH: usize = 32;
/// Datagrams sent by one call.
pub const SEND_BATCH: usize = 32;

/// With UDP_GRO the kernel joins up to 64 datagrams of one sender into one message; a shorter buffer would lose the rest.
/// The pages beyond what is really received are never touched.
const RECEIVE_SLOT: usize = 65_536;

/// Room for IP_PKTINFO (32 bytes), SO_TIMESTAMPNS (32), UDP_GRO (24) and SO_RXQ_OVFL (24), aligned as `cmsghdr` wants it.
type Control = [u64; 16];

/// Room for an IPv4 or IPv6 address.
#[derive(Clone, Copy)]
#[repr(C)]
union RawAddress {
    family: libc::sa_family_t,
    v4: libc::sockaddr_in,
    v6: libc::sockaddr_in6,
}

impl RawAddress {
    fn zeroed() -> RawAddress {
        // SAFETY: every field is plain data for which all zeroes is a value.
        unsafe { mem::zeroed() }
    }

    fn encode(addr: SocketAddr) -> (RawAddress, libc::socklen_t) {
        let mut raw = RawAddress::zeroed();
        let len = match addr {
            SocketAddr::V4(v4) => {
                raw.v4 = libc::sockaddr_in {
                    sin_family: libc::AF_INET as libc::sa_family_t,
                    sin_port: v4.port().to_be(),
                    sin_addr: to_raw(*v4.ip()),
                    sin_zero: [0; 8],
                };
                mem::size_of::<libc::sockaddr_in>()
            }
            SocketAddr::V6(v6) => {
                raw.v6 = libc::sockaddr_in6 {
                    sin6_family: libc::AF_INET6 as libc::sa_family_t,
                    sin6_port: v6.port().to_be(),
                    sin6_flowinfo: v6.flowinfo(),
                    sin6_addr: libc::in6_addr { s6_addr: v6.ip().octets() },
                    sin6_scope_id: v6.scope_id(),
                };
                mem::size_of::<libc::sockaddr_in6>()
            }
        };
        (raw, len as libc::socklen_t)
    }

    fn decode(&self) -> Option<SocketAddr> {
        // SAFETY: the union was zeroed or written whole; every field is plain data, so any of them may be read.
        unsafe {
            match i32::from(self.family) {
                libc::AF_INET => Some(SocketAddr::V4(SocketAddrV4::new(
                    from_raw(self.v4.sin_addr),
                    u16::from_be(self.v4.sin_port),
                ))),
                libc::AF_INET6 => Some(SocketAddr::V6(SocketAddrV6::new(
                    Ipv6Addr::from(self.v6.sin6_addr.s6_addr),
                    u16::from_be(self.v6.sin6_port),
                    self.v6.sin6_flowinfo,
                    self.v6.sin6_scope_id,
                ))),
                _ => None,
            }
        }
    }
}

fn to_raw(ip: Ipv4Addr) -> libc::in_addr {
    libc::in_addr { s_addr: u32::from(ip).to_be() }
}

fn from_raw(ip: libc::in_addr) -> Ipv4Addr {
    Ipv4Addr::from(u32::from_be(ip.s_addr))
}

/// Where a message came from and to, and when.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    pub from: SocketAddr,
    /// The address of ours that it was sent to; `None` without IP_PKTINFO.
    pub to: Option<Ipv4Addr>,
    /// The kernel's stamp, CLOCK_REALTIME ns; 0 without SO_TIMESTAMPNS.
    pub at: u64,
}

#[derive(Clone, Copy)]
struct Received {
    arrival: Arrival,
    len: usize,
    /// Length of the joined datagrams; only the last may be shorter.
    segment: usize,
}

/// Receive buffers: 2 MiB of address space, of which little is touched.
pub struct ReceiveBuffers {
    bytes: Box<[u8]>,
    addresses: Box<[RawAddress]>,
    controls: Box<[Control]>,
    received: Vec<Received>,
    /// What the socket of the last call has dropped because its buffer was full, ever, as far as it has told (SO_RXQ_OVFL).
    dropped: Option<u32>,
}

impl ReceiveBuffers {
    pub fn new() -> ReceiveBuffers {
        ReceiveBuffers {
            bytes: vec![0; RECEIVE_BATCH * RECEIVE_SLOT].into_boxed_slice(),
            addresses: vec![RawAddress::zeroed(); RECEIVE_BATCH].into_boxed_slice(),
            controls: vec![[0; 16]; RECEIVE_BATCH].into_boxed_slice(),
            received: Vec::with_capacity(RECEIVE_BATCH),
            dropped: None,
        }
    }

    /// Takes what the socket has, without waiting. True when the batch was full, so that there may be more.
    pub fn receive(&mut self, socket: BorrowedFd<'_>) -> io::Result<bool> {
        self.received.clear();
        self.dropped = None;
        // SAFETY: all zeroes is a value of these plain structs (null pointers and zero lengths).
        let mut vectors: [libc::iovec; RECEIVE_BATCH] = unsafe { mem::zeroed() };
        // SAFETY: as above.
        let mut headers: [libc::mmsghdr; RECEIVE_BATCH] = unsafe { mem::zeroed() };
        let slots = self.bytes.chunks_exact_mut(RECEIVE_SLOT);
        let names = self.addresses.iter_mut().zip(self.controls.iter_mut());
        for (((header, vector), slot), (address, control)) in
            headers.iter_mut().zip(vectors.iter_mut()).zip(slots).zip(names)
        {
            vector.iov_base = slot.as_mut_ptr().cast();
            vector.iov_len = slot.len();
            header.msg_hdr.msg_name = ptr::from_mut(address).cast();
            header.msg_hdr.msg_namelen = mem::size_of::<RawAddress>() as libc::socklen_t;
            header.msg_hdr.msg_iov = vector;
            header.msg_hdr.msg_iovlen = 1;
            header.msg_hdr.msg_control = control.as_mut_ptr().cast();
            header.msg_hdr.msg_controllen = mem::size_of::<Control>() as _;
        }
        // SAFETY: each header points to a slot, an address, a control buffer and a vector of the lengths it states. All
        // of them live beyond the call, and nothing else refers to them during it.
        let count = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                headers.as_mut_ptr(),
                RECEIVE_BATCH as libc::c_uint,
                libc::MSG_DONTWAIT as _,
                ptr::null_mut(),
            )
        };
        if count < 0 {
            return Err(io::Error::last_os_error());
        }
        let count = count as usize;
        for (header, address) in headers.iter().zip(self.addresses.iter()).take(count) {
            let from = address.decode();
            let fits = header.msg_hdr.msg_flags & libc::MSG_TRUNC == 0;
            let len = if fits && from.is_some() { header.msg_len as usize } else { 0 };
            let nowhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
            let mut received = Received {
                arrival: Arrival { from: from.unwrap_or(nowhere), to: None, at: 0 },
                len: len.min(RECEIVE_SLOT),
                segment: len.max(1),
            };
            // SAFETY: the kernel has filled in the control buffer of this header and its length.
            if let Some(dropped) = unsafe { read_controls(&header.msg_hdr, &mut received) } {
                self.dropped = Some(dropped);
            }
            self.received.push(received);
        }
        Ok(count == RECEIVE_BATCH)
    }

    /// The datagrams of the last call, in order of arrival.
    pub fn datagrams(&mut self) -> impl Iterator<Item = (Arrival, &mut [u8])> {
        self.bytes.chunks_exact_mut(RECEIVE_SLOT).zip(&self.received).flat_map(|(slot, received)| {
            let bytes = slot.get_mut(..received.len).unwrap_or_default();
            bytes.chunks_mut(received.segment).map(|bytes| (received.arrival, bytes))
        })
    }

    /// Messages of the last call.
    pub fn messages(&self) -> usize {
        self.received.len()
    }

    /// The socket's count of dropped datagrams, if the last call told.
    pub fn dropped(&self) -> Option<u32> {
        self.dropped
    }
}

/// Reads the control messages, and returns the count of dropped datagrams if it is among them.
///
/// # Safety
/// `msg_control` must point to `msg_controllen` bytes that recvmsg has written.
unsafe fn read_controls(header: &libc::msghdr, received: &mut Received) -> Option<u32> {
    let mut dropped = None;
    // SAFETY: the caller vouches for the buffer, the macros stay within msg_controllen, and each kind of message carries
    // the type that is read from it.
    unsafe {
        let mut message = libc::CMSG_FIRSTHDR(header);
        while let Some(control) = message.as_ref() {
            let data = libc::CMSG_DATA(control);
            match (control.cmsg_level, control.cmsg_type) {
                (libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS) => {
                    let stamp: libc::timespec = ptr::read_unaligned(data.cast());
                    received.arrival.at = stamp.tv_sec.max(0) as u64 * 1_000_000_000 + stamp.tv_nsec as u64;
                }
                (libc::IPPROTO_IP, libc::IP_PKTINFO) => {
                    let info: libc::in_pktinfo = ptr::read_unaligned(data.cast());
                    received.arrival.to = Some(from_raw(info.ipi_addr));
                }
                (libc::SOL_UDP, libc::UDP_GRO) => {
                    let segment: libc::c_int = ptr::read_unaligned(data.cast());
                    if segment > 0 {
                        received.segment = segment as usize;
                    }
                }
                (libc::SOL_SOCKET, libc::SO_RXQ_OVFL) => dropped = Some(ptr::read_unaligned(data.cast())),
                _ => {}
            }
            message = libc::CMSG_NXTHDR(header, control);
        }
    }
    dropped
}

/// Sends datagrams (to, from which address of ours if the socket has several, bytes) without waiting, at most
/// [`SEND_BATCH`], and tells how many went. The call stops at the first that fails, and returns its error only when it is the
/// first of all.
pub fn send<'a>(
    socket: BorrowedFd<'_>,
    datagrams: impl Iterator<Item = (SocketAddr, Option<Ipv4Addr>, &'a [u8])>,
) -> io::Result<usize> {
    let mut addresses = [RawAddress::zeroed(); SEND_BATCH];
    let mut controls: [[u64; 4]; SEND_BATCH] = [[0; 4]; SEND_BATCH];
    // SAFETY: all zeroes is a value of these plain structs (null pointers and zero lengths).
    let mut vectors: [libc::iovec; SEND_BATCH] = unsafe { mem::zeroed() };
    // SAFETY: as above.
    let mut headers: [libc::mmsghdr; SEND_BATCH] = unsafe { mem::zeroed() };
    let names = addresses.iter_mut().zip(controls.iter_mut());
    let mut count: libc::c_uint = 0;
    for (((header, vector), (address, control)), (to, from, bytes)) in
        headers.iter_mut().zip(vectors.iter_mut()).zip(names).zip(datagrams)
    {
        let (raw, len) = RawAddress::encode(to);
        *address = raw;
        vector.iov_base = bytes.as_ptr().cast_mut().cast();
        vector.iov_len = bytes.len();
        header.msg_hdr.msg_name = ptr::from_mut(address).cast();
        header.msg_hdr.msg_namelen = len;
        header.msg_hdr.msg_iov = vector;
        header.msg_hdr.msg_iovlen = 1;
        if let Some(from) = from {
            const INFO: libc::c_uint = mem::size_of::<libc::in_pktinfo>() as libc::c_uint;
            let info =
                libc::in_pktinfo { ipi_ifindex: 0, ipi_spec_dst: to_raw(from), ipi_addr: to_raw(from) };
            header.msg_hdr.msg_control = control.as_mut_ptr().cast();
            // SAFETY: CMSG_SPACE and CMSG_LEN only compute; 12 bytes of payload need 32, all of `control`, so the first
            // header lies within it and is aligned, as is its payload.
            unsafe {
                header.msg_hdr.msg_controllen = libc::CMSG_SPACE(INFO) as _;
                let first = libc::CMSG_FIRSTHDR(&header.msg_hdr);
                (*first).cmsg_level = libc::IPPROTO_IP;
                (*first).cmsg_type = libc::IP_PKTINFO;
                (*first).cmsg_len = libc::CMSG_LEN(INFO) as _;
                ptr::write_unaligned(libc::CMSG_DATA(first).cast(), info);
            }
        }
        count += 1;
    }
    if count == 0 {
        return Ok(0);
    }
    // SAFETY: the first `count` headers point to addresses, vectors and control buffers that live beyond the call; the
    // kernel only reads from the bytes of the datagrams.
    let sent =
        unsafe { libc::sendmmsg(socket.as_raw_fd(), headers.as_mut_ptr(), count, libc::MSG_DONTWAIT as _) };
    if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(sent as usize) }
}

/// Waits for events, at most for the given time (`None` waits for ever), to the nanosecond. An interrupted wait has none.
pub fn wait(
    epoll: BorrowedFd<'_>,
    events: &mut [EpollEvent],
    timeout: Option<Duration>,
) -> io::Result<usize> {
    let timeout = timeout.map(|timeout| libc::timespec {
        tv_sec: timeout.as_secs().min(3600) as libc::time_t,
        tv_nsec: timeout.subsec_nanos() as _,
    });
    let pointer = timeout.as_ref().map_or(ptr::null(), ptr::from_ref);
    // SAFETY: `EpollEvent` is a transparent wrapper of `epoll_event`, and there is room for as many as is said; the
    // time-out, when given, outlives the call; no signal mask. By number, because C libraries before glibc 2.35 have no
    // such function.
    let count = unsafe {
        libc::syscall(
            libc::SYS_epoll_pwait2,
            epoll.as_raw_fd(),
            events.as_mut_ptr(),
            events.len() as libc::c_int,
            pointer,
            ptr::null::<libc::sigset_t>(),
            mem::size_of::<libc::c_ulong>(),
        )
    };
    if count >= 0 {
        return Ok(count as usize);
    }
    let error = io::Error::last_os_error();
    if error.kind() == io::ErrorKind::Interrupted { Ok(0) } else { Err(error) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_survives_the_way_to_the_kernel_and_back() {
        for text in ["192.0.2.7:9", "[2001:db8::1]:65535", "127.0.0.1:0"] {
            let addr: SocketAddr = text.parse().unwrap();
            assert_eq!(RawAddress::encode(addr).0.decode(), Some(addr), "{text}");
        }
        assert!(RawAddress::zeroed().decode().is_none());
    }
}
