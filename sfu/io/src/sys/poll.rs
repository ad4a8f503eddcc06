//! Waiting: epoll with deadlines finer than a millisecond, and the bell by which other threads end the wait.

use std::fs::File;
use std::io::{self, Read, Write};
use std::mem;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Events taken by one wait.
const EVENTS_MAX: usize = 64;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interest {
    Read,
    ReadWrite,
    /// Only one of the pollers that share the descriptor is woken.
    SharedRead,
}

/// Level-triggered epoll.
pub(crate) struct Poller {
    epoll: OwnedFd,
    /// The kernel has no epoll_pwait2 (before 5.11): waits are rounded up to milliseconds.
    coarse: bool,
}

pub(crate) struct PollEvents {
    events: [libc::epoll_event; EVENTS_MAX],
    count: usize,
}

impl PollEvents {
    pub(crate) fn new() -> PollEvents {
        PollEvents { events: [libc::epoll_event { events: 0, u64: 0 }; EVENTS_MAX], count: 0 }
    }

    /// (token, readable or hung up, writable)
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, bool, bool)> {
        self.events.iter().take(self.count).map(|event| {
            let flags = event.events;
            let writable = flags & libc::EPOLLOUT as u32 != 0;
            (event.u64, flags & !(libc::EPOLLOUT as u32) != 0, writable)
        })
    }
}

impl Poller {
    pub(crate) fn new() -> io::Result<Poller> {
        // SAFETY: no pointers.
        let fd = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor is new and nobody else's.
        Ok(Poller { epoll: unsafe { OwnedFd::from_raw_fd(fd) }, coarse: false })
    }

    pub(crate) fn add(&self, fd: BorrowedFd<'_>, token: u64, interest: Interest) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_ADD, fd, token, interest)
    }

    pub(crate) fn modify(&self, fd: BorrowedFd<'_>, token: u64, interest: Interest) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_MOD, fd, token, interest)
    }

    /// Before a descriptor goes to another poller; a closed one is removed by itself.
    pub(crate) fn remove(&self, fd: BorrowedFd<'_>) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_DEL, fd, 0, Interest::Read)
    }

    fn control(&self, operation: i32, fd: BorrowedFd<'_>, token: u64, interest: Interest) -> io::Result<()> {
        let flags = match interest {
            Interest::Read => libc::EPOLLIN | libc::EPOLLRDHUP,
            Interest::ReadWrite => libc::EPOLLIN | libc::EPOLLRDHUP | libc::EPOLLOUT,
            Interest::SharedRead => libc::EPOLLIN | libc::EPOLLEXCLUSIVE,
        };
        let mut event = libc::epoll_event { events: flags as u32, u64: token };
        // SAFETY: both descriptors are open; the kernel reads the event during the call only.
        let result =
            unsafe { libc::epoll_ctl(self.epoll.as_raw_fd(), operation, fd.as_raw_fd(), &mut event) };
        if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// Waits for events, at most for the given time; None waits for ever. An interrupted wait has no events.
    pub(crate) fn wait(&mut self, events: &mut PollEvents, timeout: Option<Duration>) -> io::Result<()> {
        events.count = 0;
        let result = if self.coarse { None } else { self.wait_fine(events, timeout) };
        let result = match result {
            Some(result) => result,
            None => {
                self.coarse = true;
                self.wait_coarse(events, timeout)
            }
        };
        match result {
            Ok(count) => events.count = count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// None when the kernel does not have the call.
    fn wait_fine(&self, events: &mut PollEvents, timeout: Option<Duration>) -> Option<io::Result<usize>> {
        let timeout = timeout.map(|timeout| libc::timespec {
            tv_sec: timeout.as_secs().min(3600) as libc::time_t,
            tv_nsec: timeout.subsec_nanos() as _,
        });
        let pointer = timeout.as_ref().map_or(ptr::null(), ptr::from_ref);
        // SAFETY: room for EVENTS_MAX events; the time-out, when given, outlives the call; no signal mask.
        // By number, because C libraries before glibc 2.35 have no such function.
        let count = unsafe {
            libc::syscall(
                libc::SYS_epoll_pwait2,
                self.epoll.as_raw_fd(),
                events.events.as_mut_ptr(),
                EVENTS_MAX as libc::c_int,
                pointer,
                ptr::null::<libc::sigset_t>(),
                mem::size_of::<libc::c_ulong>(),
            )
        };
        if count >= 0 {
            return Some(Ok(count as usize));
        }
        let error = io::Error::last_os_error();
        match error.raw_os_error() {
            // Some sandboxes answer EPERM for calls they do not know.
            Some(libc::ENOSYS | libc::EPERM) => None,
            _ => Some(Err(error)),
        }
    }

    fn wait_coarse(&self, events: &mut PollEvents, timeout: Option<Duration>) -> io::Result<usize> {
        let millis = match timeout {
            None => -1,
            Some(timeout) => timeout.as_nanos().div_ceil(1_000_000).min(3_600_000) as libc::c_int,
        };
        // SAFETY: room for EVENTS_MAX events.
        let count = unsafe {
            libc::epoll_wait(
                self.epoll.as_raw_fd(),
                events.events.as_mut_ptr(),
                EVENTS_MAX as libc::c_int,
                millis,
            )
        };
        if count < 0 { Err(io::Error::last_os_error()) } else { Ok(count as usize) }
    }
}

/// Wakes a worker from any thread. Rings that the worker has not answered yet cost no system call.
pub(crate) struct Bell {
    event: File,
    rung: AtomicBool,
}

impl Bell {
    pub(crate) fn new() -> io::Result<Bell> {
        // SAFETY: no pointers.
        let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor is new and nobody else's.
        let event = File::from(unsafe { OwnedFd::from_raw_fd(fd) });
        Ok(Bell { event, rung: AtomicBool::new(false) })
    }

    /// What was put into the worker's channels before is seen by it after it woke.
    pub(crate) fn ring(&self) {
        if !self.rung.swap(true, Ordering::AcqRel) {
            // Fails only when the counter is full, and then the bell is ringing.
            let _ = (&self.event).write(&1u64.to_ne_bytes());
        }
    }

    /// Called by the worker when the bell woke it, before it looks into its channels.
    pub(crate) fn answer(&self) {
        let _ = (&self.event).read(&mut [0; 8]);
        // A ring before this swap may have written nothing, but the swap makes what it announced visible to us; a ring
        // after it writes.
        self.rung.swap(false, Ordering::AcqRel);
    }

    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.event.as_fd()
    }
}

/// Waits until the descriptor can be written. False when it cannot within the given time.
pub(crate) fn wait_writable(fd: BorrowedFd<'_>, timeout: Duration) -> bool {
    let mut poll = libc::pollfd { fd: fd.as_raw_fd(), events: libc::POLLOUT, revents: 0 };
    let millis = timeout.as_millis().min(1000) as libc::c_int;
    // SAFETY: one pollfd, which outlives the call.
    unsafe { libc::poll(&mut poll, 1, millis) > 0 }
}
