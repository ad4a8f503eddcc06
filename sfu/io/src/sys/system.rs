//! Socket options, interfaces, CPU time.

use std::io;
use std::mem;
use std::net::IpAddr;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr;
use std::time::Duration;

use super::address::RawAddress;

fn set_option(
    fd: BorrowedFd<'_>,
    level: libc::c_int,
    name: libc::c_int,
    value: libc::c_int,
) -> io::Result<()> {
    // SAFETY: the kernel reads one int during the call.
    let result = unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            level,
            name,
            ptr::from_ref(&value).cast(),
            mem::size_of::<libc::c_int>() as libc::socklen_t,
        )
    };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// The value that the socket now has, in bytes (the kernel doubles what is asked for).
fn option(fd: BorrowedFd<'_>, level: libc::c_int, name: libc::c_int) -> Option<libc::c_int> {
    let mut value: libc::c_int = 0;
    let mut len = mem::size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: the kernel writes at most `len` bytes, the size of `value`.
    let result =
        unsafe { libc::getsockopt(fd.as_raw_fd(), level, name, ptr::from_mut(&mut value).cast(), &mut len) };
    (result == 0).then_some(value)
}

/// Asks for buffers of this many bytes, past the system's limit if the process may. Returns (receive, send) as granted.
pub(crate) fn grow_buffers(fd: BorrowedFd<'_>, bytes: i32) -> (i32, i32) {
    let grow = |force, plain| {
        if set_option(fd, libc::SOL_SOCKET, force, bytes).is_err() {
            let _ = set_option(fd, libc::SOL_SOCKET, plain, bytes);
        }
        option(fd, libc::SOL_SOCKET, plain).unwrap_or(0)
    };
    (grow(libc::SO_RCVBUFFORCE, libc::SO_RCVBUF), grow(libc::SO_SNDBUFFORCE, libc::SO_SNDBUF))
}

/// A short send buffer: what waits in it can no longer be dropped.
pub(crate) fn shrink_send_buffer(fd: BorrowedFd<'_>, bytes: i32) {
    let _ = set_option(fd, libc::SOL_SOCKET, libc::SO_SNDBUF, bytes);
}

/// TCP_NOTSENT_LOWAT: a connection is not writable while more than this waits unsent in the kernel.
pub(crate) fn limit_unsent(fd: BorrowedFd<'_>, bytes: i32) {
    let _ = set_option(fd, libc::IPPROTO_TCP, libc::TCP_NOTSENT_LOWAT, bytes);
}

/// UDP_GRO. False where the kernel does not have it.
pub(crate) fn enable_receive_offload(fd: BorrowedFd<'_>) -> bool {
    set_option(fd, libc::SOL_UDP, libc::UDP_GRO, 1).is_ok()
}

/// Sends without the DF bit and without belief in ICMP "fragmentation needed", which anybody can forge: a tunnel with a
/// small MTU then fragments our largest packets instead of swallowing them. Media stays under 1,300 bytes, so that
/// this is rare.
pub(crate) fn let_routers_fragment(fd: BorrowedFd<'_>, v6: bool) {
    if v6 {
        let _ = set_option(fd, libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER, libc::IPV6_PMTUDISC_OMIT);
    }
    // On an IPv6 socket this is for the IPv4 peers.
    let _ = set_option(fd, libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, libc::IP_PMTUDISC_OMIT);
}

/// CPU time that the calling thread has used.
pub(crate) fn thread_cpu_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the kernel writes one timespec.
    let result = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    if result < 0 {
        return Duration::ZERO;
    }
    Duration::new(time.tv_sec.max(0) as u64, time.tv_nsec.clamp(0, 999_999_999) as u32)
}

/// The cores that this thread may run on.
pub(crate) fn allowed_cpus() -> Vec<usize> {
    // SAFETY: a set of bits, for which all zeros is the empty set.
    let mut set: libc::cpu_set_t = unsafe { mem::zeroed() };
    // SAFETY: the kernel writes at most the size of the set; 0 is the calling thread.
    if unsafe { libc::sched_getaffinity(0, mem::size_of::<libc::cpu_set_t>(), &mut set) } < 0 {
        return Vec::new();
    }
    // SAFETY: reads one bit of the set; the numbers stay below its size.
    (0..libc::CPU_SETSIZE as usize).filter(|&cpu| unsafe { libc::CPU_ISSET(cpu, &set) }).collect()
}

/// The calling thread runs on this core only. False when the system does not allow it.
pub(crate) fn pin_to(cpu: usize) -> bool {
    if cpu >= libc::CPU_SETSIZE as usize {
        return false;
    }
    // SAFETY: as above.
    let mut set: libc::cpu_set_t = unsafe { mem::zeroed() };
    // SAFETY: sets one bit of the set; the number was checked.
    unsafe { libc::CPU_SET(cpu, &mut set) };
    // SAFETY: the kernel reads the set during the call; 0 is the calling thread.
    unsafe { libc::sched_setaffinity(0, mem::size_of::<libc::cpu_set_t>(), &set) == 0 }
}

/// Addresses of the interfaces that are up, loopback and link-local ones left out.
pub(crate) fn interface_addresses() -> Vec<IpAddr> {
    let mut found = Vec::new();
    let mut list: *mut libc::ifaddrs = ptr::null_mut();
    // SAFETY: the call stores a list that stays ours until freeifaddrs.
    if unsafe { libc::getifaddrs(&mut list) } < 0 {
        return found;
    }
    let mut next = list;
    // SAFETY: each entry is valid until freeifaddrs; ifa_next is null or the next entry.
    while let Some(entry) = unsafe { next.as_ref() } {
        next = entry.ifa_next;
        let flags = entry.ifa_flags as libc::c_int;
        if flags & libc::IFF_UP == 0 || flags & libc::IFF_LOOPBACK != 0 || entry.ifa_addr.is_null() {
            continue;
        }
        // SAFETY: ifa_addr is not null and starts with its family, which tells how long it is.
        let address = unsafe { RawAddress::read(entry.ifa_addr) };
        let Some(ip) = address.and_then(|address| address.decode()).map(|address| address.ip()) else {
            continue;
        };
        let link_local = match ip {
            IpAddr::V4(ip) => ip.is_link_local(),
            IpAddr::V6(ip) => ip.is_unicast_link_local(),
        };
        if !link_local && !ip.is_loopback() && !found.contains(&ip) {
            found.push(ip);
        }
    }
    // SAFETY: the list came from getifaddrs, is freed once, and is not used after.
    unsafe { libc::freeifaddrs(list) };
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_thread_clock_runs_while_the_thread_works() {
        let start = thread_cpu_time();
        let mut sum = 0u64;
        while thread_cpu_time() - start < Duration::from_millis(2) {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        assert!(thread_cpu_time() > start);
    }

    #[test]
    fn a_pinned_thread_may_run_on_its_core_only() {
        let cpus = allowed_cpus();
        assert!(!cpus.is_empty());
        let last = *cpus.last().unwrap();
        let seen = std::thread::spawn(move || (pin_to(last), allowed_cpus())).join().unwrap();
        assert_eq!(seen, (true, vec![last]));
        assert_eq!(allowed_cpus(), cpus, "only that thread");
        assert!(!pin_to(usize::MAX));
    }

    #[test]
    fn interfaces_are_listed_without_loopback() {
        assert!(interface_addresses().iter().all(|ip| !ip.is_loopback()));
    }
}
