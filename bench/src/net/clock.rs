//! The two clocks, and CPU time.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// CLOCK_REALTIME, nanoseconds: the clock of the kernel's arrival stamps.
pub fn realtime_ns() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64)
}

/// CPU time that the calling thread has used.
pub fn thread_cpu_time() -> Duration {
    nix::time::clock_gettime(nix::time::ClockId::CLOCK_THREAD_CPUTIME_ID)
        .map_or(Duration::ZERO, Duration::from)
}

/// One moment on both clocks: media counts in CLOCK_REALTIME, protocols in CLOCK_MONOTONIC.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    pub instant: Instant,
    /// CLOCK_REALTIME, nanoseconds.
    pub realtime: u64,
}

impl Now {
    pub fn read() -> Now {
        Now { instant: Instant::now(), realtime: realtime_ns() }
    }

    /// The CLOCK_REALTIME of an instant, as far as the clocks have run alike.
    pub fn realtime_of(&self, instant: Instant) -> u64 {
        if instant >= self.instant {
            self.realtime.saturating_add((instant - self.instant).as_nanos() as u64)
        } else {
            self.realtime.saturating_sub((self.instant - instant).as_nanos() as u64)
        }
    }

    /// The instant of an arrival stamp; now for those of the future.
    pub fn instant_of(&self, realtime: u64) -> Instant {
        let ago = Duration::from_nanos(self.realtime.saturating_sub(realtime));
        self.instant.checked_sub(ago).unwrap_or(self.instant)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_the_same_on_both_clocks() {
        let now = Now::read();
        assert_eq!(now.realtime_of(now.instant + Duration::from_millis(3)), now.realtime + 3_000_000);
        assert_eq!(now.instant_of(now.realtime - 2_000), now.instant - Duration::from_micros(2));
        assert_eq!(now.instant_of(now.realtime + 5), now.instant);
    }
}
