//! What a process uses, read from `/proc`.

use std::fs;

use anyhow::Context;
use nix::time::{ClockId, clock_gettime};
use nix::unistd::Pid;
use serde::Serialize;

/// What a server's process used, since its start.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Usage {
    /// To the nanosecond; of all threads, those that have ended included.
    pub cpu_seconds: f64,
    /// `cpu_seconds`, split as the kernel's ticks (10 ms) say.
    pub user_seconds: f64,
    pub system_seconds: f64,
    pub resident_kib: u64,
    /// Voluntary and forced, all threads that are alive.
    pub context_switches: u64,
    /// Threads at present.
    pub threads: u64,
}

impl Usage {
    /// An error when the process is gone or not on this machine.
    pub fn of(pid: u32) -> anyhow::Result<Usage> {
        let id = Pid::from_raw(i32::try_from(pid)?);
        let clock = ClockId::pid_cpu_clock_id(id).with_context(|| format!("no process {pid}"))?;
        let time = clock_gettime(clock)?;
        let cpu_seconds = time.tv_sec() as f64 + time.tv_nsec() as f64 / 1e9;

        let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        let (user, system) = ticks(&stat).context("/proc/PID/stat reads unlike a kernel's")?;
        let share = if user + system > 0 { user as f64 / (user + system) as f64 } else { 0.0 };

        let statm = fs::read_to_string(format!("/proc/{pid}/statm"))?;
        let pages: u64 = statm.split_whitespace().nth(1).and_then(|word| word.parse().ok()).unwrap_or(0);
        let page = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE)?.unwrap_or(4096) as u64;

        let mut usage = Usage {
            cpu_seconds,
            user_seconds: cpu_seconds * share,
            system_seconds: cpu_seconds * (1.0 - share),
            resident_kib: pages * page / 1024,
            ..Usage::default()
        };
        for task in fs::read_dir(format!("/proc/{pid}/task"))?.flatten() {
            // A thread may end while we look.
            if let Ok(status) = fs::read_to_string(task.path().join("status")) {
                usage.threads += 1;
                usage.context_switches += switches(&status);
            }
        }
        Ok(usage)
    }
}

/// utime and stime (proc(5)); the name before them may hold spaces and brackets.
fn ticks(stat: &str) -> Option<(u64, u64)> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut words = rest.split_whitespace().skip(11);
    Some((words.next()?.parse().ok()?, words.next()?.parse().ok()?))
}

fn switches(status: &str) -> u64 {
    status
        .lines()
        .filter(|line| line.contains("voluntary_ctxt_switches"))
        .filter_map(|line| line.rsplit_once(':')?.1.trim().parse::<u64>().ok())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_with_a_strange_name_is_read() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 1 2 3 4 250 31 0 0 20 0 3 0 1 2 3";
        assert_eq!(ticks(stat), Some((250, 31)));
        assert_eq!(switches("Threads:\t3\nvoluntary_ctxt_switches:\t5\nnonvoluntary_ctxt_switches:\t2\n"), 7);
    }

    #[test]
    fn work_shows_in_the_usage_of_this_very_process() {
        let before = Usage::of(std::process::id()).expect("we run");
        let mut sum = 0u64;
        let begin = std::time::Instant::now();
        while begin.elapsed().as_millis() < 60 {
            sum = std::hint::black_box(sum.wrapping_mul(31).wrapping_add(1));
        }
        let after = Usage::of(std::process::id()).expect("we run");
        let used = after.cpu_seconds - before.cpu_seconds;
        assert!(used > 0.005, "{used} s");
        assert!(after.resident_kib > 500 && after.threads >= 1 && after.context_switches > 0, "{after:?}");
        assert!((after.user_seconds + after.system_seconds - after.cpu_seconds).abs() < 1e-6);
        assert!(Usage::of(u32::MAX / 4).is_err());
    }
}
