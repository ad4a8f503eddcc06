//! From what was read at both ends of a window to the figures of a record.

use hdrhistogram::Histogram;

use super::distrust::{self, Expected};
use super::machine::{self, Cpus};
use super::{Generator, Latency, Record, median};
use crate::generator::Tally;
use crate::target::Usage;

/// What the machine and the server had used when a window began or ended.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reading {
    pub usage: Option<Usage>,
    pub cpus: Cpus,
    /// CPU time of this process.
    pub own: f64,
}

impl Reading {
    pub fn take(usage: Option<Usage>) -> Reading {
        Reading { usage, cpus: Cpus::now(), own: machine::own_cpu() }
    }
}

/// One stretch of time in which everything was counted.
#[derive(Clone, Debug)]
pub struct Window {
    pub tally: Tally,
    /// CPU time of the server, seconds, and the part of it outside the kernel.
    pub cpu: Option<f64>,
    pub user: Option<f64>,
    pub context_switches: Option<f64>,
    /// Cores' worth of CPU time used by others, and taken by the hypervisor.
    pub other_load: f64,
    pub steal: f64,
}

impl Window {
    pub fn between(before: &Reading, after: &Reading, tally: Tally) -> Window {
        let seconds = tally.seconds.max(1e-9);
        let usage = before.usage.zip(after.usage);
        // The sum is exact; its parts are as the kernel's ticks say, so a short window may show one of them shrink.
        let server = usage.map(|(before, after)| after.cpu_seconds - before.cpu_seconds);
        let user = usage.zip(server).map(|((before, after), sum)| {
            (after.user_seconds - before.user_seconds).clamp(0.0, sum.max(0.0))
        });
        let own = after.own - before.own;
        let busy = after.cpus.busy - before.cpus.busy;
        Window {
            cpu: server,
            user,
            context_switches: usage
                .map(|(before, after)| after.context_switches.saturating_sub(before.context_switches) as f64),
            other_load: ((busy - own - server.unwrap_or(0.0)) / seconds).max(0.0),
            steal: ((after.cpus.steal - before.cpus.steal) / seconds).max(0.0),
            tally,
        }
    }

    pub fn us_per_packet(&self) -> Option<f64> {
        per_packet(self.cpu?, &self.tally)
    }

    pub fn loss_by_sequence(&self) -> f64 {
        share(self.tally.lost_by_sequence, self.tally.received + self.tally.lost_by_sequence)
    }

    pub fn loss_by_probe(&self) -> f64 {
        share(self.tally.lost_by_probe, self.tally.received + self.tally.lost_by_probe)
    }
}

fn per_packet(seconds: f64, tally: &Tally) -> Option<f64> {
    (tally.received > 0).then(|| seconds * 1e6 / tally.received as f64)
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// Fills in what the windows say. Windows in which others used the machine are set aside while half of them remain.
pub fn summarize(record: &mut Record, windows: &[Window], expected: &Expected) {
    let (used, aside) = distrust::choose(windows);
    record.windows = used.len() as u32;
    record.windows_set_aside = aside as u32;
    let of =
        |figure: &dyn Fn(&Window) -> Option<f64>| median(used.iter().filter_map(|window| figure(window)));
    record.us_per_packet = of(&Window::us_per_packet);
    record.us_per_packet_user = of(&|window| per_packet(window.user?, &window.tally));
    record.us_per_packet_system = of(&|window| per_packet(window.cpu? - window.user?, &window.tally));
    record.server_load = of(&|window| Some(window.cpu? / window.tally.seconds));
    record.context_switches_per_second = of(&|window| Some(window.context_switches? / window.tally.seconds));
    record.context_switches_per_packet =
        of(&|window| Some(window.context_switches? / (window.tally.received.max(1)) as f64));
    record.packets_per_second_offered =
        of(&|window| Some(window.tally.offered as f64 / window.tally.seconds));
    record.packets_per_second_received =
        of(&|window| Some(window.tally.received as f64 / window.tally.seconds));
    record.loss_by_sequence = of(&|window| Some(window.loss_by_sequence()));
    record.loss_by_probe = of(&|window| Some(window.loss_by_probe()));
    record.loss = record.loss_by_sequence.zip(record.loss_by_probe).map(|(a, b)| a.max(b));
    record.recovered = of(&|window| Some(share(window.tally.recovered, window.tally.received)));
    record.latency_us = latency(&used, |tally| &tally.latency);
    record.latency_from_due_us = latency(&used, |tally| &tally.latency_from_due);
    record.latency_curve = curve(&used);
    record.conditions.other_load = of(&|window| Some(window.other_load)).unwrap_or(0.0);
    record.conditions.steal = of(&|window| Some(window.steal)).unwrap_or(0.0);
    record.conditions.seconds = used.iter().map(|window| window.tally.seconds).sum();
    record.generator = generator(&used);
    let reasons = distrust::reasons(&used, expected);
    record.void_reasons.extend(reasons);
    record.void = !record.void_reasons.is_empty();
    if aside > 0 {
        record
            .remarks
            .push(format!("{aside} of {} windows set aside: others used the machine", windows.len()));
    }
}

/// Medians over the windows, and the greatest of all.
fn latency(windows: &[&Window], histogram: impl Fn(&Tally) -> &Histogram<u64>) -> Option<Latency> {
    let heard: Vec<&Histogram<u64>> =
        windows.iter().map(|window| histogram(&window.tally)).filter(|it| !it.is_empty()).collect();
    let at = |share: f64| median(heard.iter().map(|it| it.value_at_quantile(share) as f64 / 1000.0));
    Some(Latency {
        p50: at(0.5)?,
        p95: at(0.95)?,
        p99: at(0.99)?,
        max: heard.iter().map(|it| it.max() as f64 / 1000.0).fold(0.0, f64::max),
    })
}

/// The distribution over all windows.
fn curve(windows: &[&Window]) -> Vec<(f64, f64)> {
    let mut all: Option<Histogram<u64>> = None;
    for window in windows {
        match &mut all {
            // Both have the generator's bounds; what does not fit is left out of the drawing only.
            Some(all) => all.add(&window.tally.latency).unwrap_or_default(),
            None => all = Some(window.tally.latency.clone()),
        }
    }
    let Some(all) = all.filter(|all| !all.is_empty()) else { return Vec::new() };
    let shares = [
        0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97, 0.98, 0.99, 0.995,
        0.998, 0.999, 0.9995, 0.9999,
    ];
    shares.iter().map(|share| (*share, all.value_at_quantile(*share) as f64 / 1000.0)).collect()
}

/// What the generator says of itself; the busiest thread and the drops are the worst and the sum, not the middle.
pub fn generator(windows: &[&Window]) -> Generator {
    let cpu: f64 = windows.iter().map(|window| window.tally.cpu_seconds).sum();
    let datagrams: u64 = windows.iter().map(|window| window.tally.datagrams).sum();
    Generator {
        us_per_packet: cpu * 1e6 / datagrams.max(1) as f64,
        busiest_thread: windows.iter().map(|window| window.tally.busiest_thread).fold(0.0, f64::max),
        late_send_share: median(windows.iter().map(|window| distrust::late_share(&window.tally)))
            .unwrap_or(0.0),
        late_p99_us: median(
            windows.iter().map(|window| window.tally.lateness.value_at_quantile(0.99) as f64 / 1000.0),
        )
        .unwrap_or(0.0),
        kernel_drops: windows.iter().map(|window| window.tally.kernel_drops).sum(),
        send_failures: windows.iter().map(|window| window.tally.send_failures).sum(),
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    pub fn tally() -> Tally {
        let mut tally = Tally {
            seconds: 2.5,
            offered: 575,
            sent: 575,
            received: 57_500,
            cpu_seconds: 0.1,
            datagrams: 58_075,
            busiest_thread: 0.2,
            ..Tally::new()
        };
        tally.latency.record_n(500_000, 990).unwrap();
        tally.latency.record_n(4_000_000, 10).unwrap();
        tally.latency_from_due = tally.latency.clone();
        tally.lateness.record_n(20_000, 1000).unwrap();
        tally
    }

    pub fn window() -> Window {
        Window {
            tally: tally(),
            cpu: Some(0.23),
            user: Some(0.05),
            context_switches: Some(500.0),
            other_load: 0.05,
            steal: 0.0,
        }
    }

    fn near(value: Option<f64>, expected: f64) {
        assert!(value.is_some_and(|value| (value - expected).abs() < 1e-9), "{value:?}, expected {expected}");
    }

    #[test]
    fn cost_is_server_time_over_packets_that_arrived() {
        let mut record = Record::default();
        summarize(&mut record, &[window(), window(), window()], &Expected::default());
        near(record.us_per_packet, 4.0);
        assert!((record.us_per_packet_user.unwrap() - 0.8696).abs() < 0.001);
        assert_eq!(record.packets_per_second_received, Some(23_000.0));
        assert_eq!(record.windows, 3);
        assert!(!record.void, "{:?}", record.void_reasons);
    }

    #[test]
    fn one_window_that_is_off_does_not_move_the_median() {
        let mut odd = window();
        odd.cpu = Some(5.0);
        let mut record = Record::default();
        summarize(&mut record, &[window(), odd, window()], &Expected::default());
        near(record.us_per_packet, 4.0);
    }

    #[test]
    fn a_window_during_which_others_worked_is_set_aside_and_mentioned() {
        let mut odd = window();
        odd.other_load = 0.9;
        odd.cpu = Some(5.0);
        let mut record = Record::default();
        summarize(&mut record, &[window(), window(), odd], &Expected::default());
        assert_eq!((record.windows, record.windows_set_aside), (2, 1));
        near(record.us_per_packet, 4.0);
        assert!(!record.void && record.remarks.len() == 1, "{:?}", record.remarks);
    }

    #[test]
    fn the_worse_count_of_losses_is_the_loss() {
        let mut lossy = window();
        lossy.tally.lost_by_probe = 57_500;
        let mut record = Record::default();
        summarize(&mut record, &[lossy], &Expected::default());
        assert_eq!(record.loss, Some(0.5));
        assert_eq!(record.loss_by_sequence, Some(0.0));
    }

    #[test]
    fn latency_is_given_in_microseconds_with_its_greatest_value() {
        let mut record = Record::default();
        summarize(&mut record, &[window()], &Expected::default());
        let latency = record.latency_us.unwrap();
        assert!((latency.p50 - 500.0).abs() < 1.0 && (latency.p95 - 500.0).abs() < 1.0, "{latency:?}");
        assert!((latency.max - 4000.0).abs() < 5.0, "{latency:?}");
        assert!(record.latency_curve.windows(2).all(|pair| pair[0].1 <= pair[1].1));
    }

    #[test]
    fn what_others_used_is_what_neither_the_server_nor_we_used() {
        let usage = |user| Some(Usage { cpu_seconds: user, ..Usage::default() });
        let before = Reading { usage: usage(1.0), cpus: Cpus { busy: 10.0, steal: 0.0 }, own: 2.0 };
        let after = Reading { usage: usage(2.0), cpus: Cpus { busy: 13.0, steal: 0.25 }, own: 3.0 };
        let window = Window::between(&before, &after, tally());
        assert!((window.other_load - 0.4).abs() < 1e-9, "{window:?}");
        assert!((window.steal - 0.1).abs() < 1e-9, "{window:?}");
    }
}
