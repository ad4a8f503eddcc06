//! The clock of the kernel's arrival stamps, and CPU time.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// CLOCK_REALTIME, nanoseconds.
pub fn realtime_ns() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64)
}

/// CPU time that the calling thread has used.
pub fn thread_cpu_time() -> Duration {
    nix::time::clock_gettime(nix::time::ClockId::CLOCK_THREAD_CPUTIME_ID)
        .map_or(Duration::ZERO, Duration::from)
}
