//! What the system says of itself: who used the CPUs, on what.

use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use nix::sys::resource::{UsageWho, getrusage};

use super::Conditions;

/// /proc/stat counts in these, on every architecture (USER_HZ).
const TICKS_PER_SECOND: f64 = 100.0;

/// CPU time of the whole machine since its start, seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cpus {
    /// Everything but idle, waiting for disks, and steal.
    pub busy: f64,
    pub steal: f64,
}

impl Cpus {
    pub fn now() -> Cpus {
        std::fs::read_to_string("/proc/stat").ok().and_then(|text| Cpus::parse(&text)).unwrap_or_default()
    }

    /// From the first line: user, nice, system, idle, iowait, irq, softirq, steal (proc(5)). Guest time is in user time.
    fn parse(text: &str) -> Option<Cpus> {
        let line = text.lines().next()?.strip_prefix("cpu ")?;
        let ticks: Vec<f64> = line.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        let [user, nice, system, _idle, _iowait, irq, softirq, steal, ..] = ticks[..] else { return None };
        Some(Cpus {
            busy: (user + nice + system + irq + softirq) / TICKS_PER_SECOND,
            steal: steal / TICKS_PER_SECOND,
        })
    }
}

/// CPU time of this process, all threads, seconds.
pub fn own_cpu() -> f64 {
    let Ok(usage) = getrusage(UsageWho::RUSAGE_SELF) else { return 0.0 };
    let seconds = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    seconds(usage.user_time()) + seconds(usage.system_time())
}

/// What does not change during a run.
pub fn describe() -> Conditions {
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().to_owned();
    let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        let line = cpuinfo.lines().find(|line| line.starts_with(name))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    Conditions {
        at: rfc3339(SystemTime::now()),
        commit: commit(),
        kernel,
        cpu_model: field("model name").or_else(|| field("CPU part")).unwrap_or_else(|| "unknown".to_owned()),
        cpus: cpuinfo.lines().filter(|line| line.starts_with("processor")).count() as u32,
        ..Conditions::default()
    }
}

/// Of the source tree that this is run in, with a plus when it has changes.
fn commit() -> String {
    let git = |words: &[&str]| {
        let output =
            Command::new("git").args(words).output().ok().filter(|output| output.status.success())?;
        String::from_utf8(output.stdout).ok()
    };
    let Some(commit) = git(&["rev-parse", "--short=10", "HEAD"]) else { return "unknown".to_owned() };
    let changed =
        git(&["status", "--porcelain", "--untracked-files=no"]).is_some_and(|text| !text.is_empty());
    format!("{}{}", commit.trim(), if changed { "+" } else { "" })
}

/// UTC, to the second.
pub fn rfc3339(time: SystemTime) -> String {
    let seconds = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    // Days since 1 March 0000 of the proleptic Gregorian calendar: leap days then come last in a year.
    let days = seconds / 86_400 + 719_468;
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let of_day = seconds % 86_400;
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", of_day / 3600, of_day / 60 % 60, of_day % 60)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn busy_time_has_no_idle_time_and_no_steal_in_it() {
        let text = "cpu  100 10 200 9000 500 1 2 50 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\n";
        assert_eq!(Cpus::parse(text), Some(Cpus { busy: 3.13, steal: 0.5 }));
        assert_eq!(Cpus::parse("intr 1 2 3"), None);
    }

    #[test]
    fn dates_are_right_around_leap_days() {
        let at = |seconds| rfc3339(UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(at(0), "1970-01-01T00:00:00Z");
        assert_eq!(at(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(at(1_709_251_199), "2024-02-29T23:59:59Z");
        assert_eq!(at(1_709_251_200), "2024-03-01T00:00:00Z");
    }

    #[test]
    fn the_machine_can_be_described() {
        let conditions = describe();
        assert!(conditions.cpus >= 1 && !conditions.kernel.is_empty(), "{conditions:?}");
    }
}
