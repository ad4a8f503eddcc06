//! Reasons not to trust a run. A figure that stands is one that nothing here speaks against.

use super::window::Window;
use crate::generator::Tally;

/// A generator thread that is busier than this does not keep its times: what it measures is itself.
pub const BUSIEST_THREAD_MAX: f64 = 0.85;
/// A packet that leaves later than this after its time is late.
pub const LATE_US: u64 = 2000;
pub const LATE_SHARE_MAX: f64 = 0.02;
/// Cores' worth of other work: half a core has been seen to raise a server's cost per packet by half.
pub const OTHER_LOAD_MAX: f64 = 0.3;
/// Cores' worth taken by the hypervisor.
pub const STEAL_MAX: f64 = 0.05;
/// Of what was received, and of what was sent.
pub const DROPS_MAX: f64 = 0.0005;
/// Of what the scenario says.
pub const OFFERED_MIN: f64 = 0.85;
pub const SENT_MIN: f64 = 0.99;
pub const WINDOW_SECONDS_MIN: f64 = 1.0;
pub const PACKETS_MIN: u64 = 1000;

/// What a scenario leads one to expect, and what there is no reason to expect (None).
#[derive(Clone, Copy, Debug, Default)]
pub struct Expected {
    /// Packets that all publishers offer together each second.
    pub offered_per_second: Option<f64>,
    /// Times that each sent packet is received, when nothing is lost and there is one encoding.
    pub fan_out: Option<f64>,
}

/// The windows to use, and how many were set aside because others used the machine in them. All are used when fewer than half
/// would remain; then [`reasons`] tells why they are void.
pub fn choose(windows: &[Window]) -> (Vec<&Window>, usize) {
    let quiet: Vec<&Window> = windows.iter().filter(|window| undisturbed(window)).collect();
    if quiet.is_empty() || quiet.len() * 2 < windows.len() {
        return (windows.iter().collect(), 0);
    }
    let aside = windows.len() - quiet.len();
    (quiet, aside)
}

pub fn undisturbed(window: &Window) -> bool {
    window.other_load <= OTHER_LOAD_MAX && window.steal <= STEAL_MAX
}

/// Share of packets that left late, 0 to 1.
pub fn late_share(tally: &Tally) -> f64 {
    if tally.lateness.is_empty() {
        return 0.0;
    }
    let punctual = tally.lateness.count_between(0, LATE_US * 1000);
    1.0 - punctual as f64 / tally.lateness.len() as f64
}

/// Each in words that say by how much.
pub fn reasons(windows: &[&Window], expected: &Expected) -> Vec<String> {
    let mut reasons = Vec::new();
    if windows.is_empty() {
        return vec!["nothing was measured".to_owned()];
    }
    let seconds: f64 = windows.iter().map(|window| window.tally.seconds).sum();
    let mean = |figure: &dyn Fn(&Window) -> f64| {
        windows.iter().map(|window| figure(window)).sum::<f64>() / windows.len() as f64
    };
    let sum =
        |figure: &dyn Fn(&Tally) -> u64| windows.iter().map(|window| figure(&window.tally)).sum::<u64>();

    let busiest = windows.iter().map(|window| window.tally.busiest_thread).fold(0.0, f64::max);
    if busiest > BUSIEST_THREAD_MAX {
        reasons.push(format!("generator saturated: a thread {:.0} % busy", busiest * 100.0));
    }
    let late = mean(&|window| late_share(&window.tally));
    if late > LATE_SHARE_MAX {
        reasons.push(format!(
            "late sends: {:.1} % of packets left more than {} ms after their time",
            late * 100.0,
            LATE_US / 1000
        ));
    }
    let received = sum(&|tally| tally.received);
    let drops = sum(&|tally| tally.kernel_drops);
    if drops as f64 > received as f64 * DROPS_MAX {
        reasons.push(format!(
            "loss at the generator: the kernel dropped {drops} datagrams that it was too slow to read"
        ));
    }
    let (offered, sent) = (sum(&|tally| tally.offered), sum(&|tally| tally.sent));
    let failures = sum(&|tally| tally.send_failures);
    if failures as f64 > sent as f64 * DROPS_MAX {
        reasons.push(format!("send failures: the kernel refused {failures} datagrams of the generator"));
    }
    if (sent as f64) < offered as f64 * SENT_MIN {
        reasons.push(format!("the generator sent {sent} of the {offered} packets that were due"));
    }
    if let Some(rate) = expected.offered_per_second
        && (offered as f64) < rate * seconds * OFFERED_MIN
    {
        reasons.push(format!(
            "offered less than the scenario says: {:.0} packets/s of {rate:.0}",
            offered as f64 / seconds
        ));
    }
    if let Some(fan_out) = expected.fan_out {
        let lost = sum(&|tally| tally.lost_by_sequence.max(tally.lost_by_probe));
        let should = sent as f64 * fan_out;
        if ((received + lost) as f64) < should * OFFERED_MIN {
            reasons.push(format!(
                "not everybody was served: {received} packets received and {lost} missed of {should:.0} expected"
            ));
        }
    }
    let other = mean(&|window| window.other_load);
    if other > OTHER_LOAD_MAX {
        reasons.push(format!("other load: {other:.2} cores of other work"));
    }
    let steal = mean(&|window| window.steal);
    if steal > STEAL_MAX {
        reasons.push(format!("steal: the hypervisor took {steal:.2} cores"));
    }
    if windows.iter().any(|window| window.tally.seconds < WINDOW_SECONDS_MIN) {
        reasons.push("windows too short: less than a second".to_owned());
    }
    if received < PACKETS_MIN {
        reasons.push(format!("too little to measure: {received} packets received"));
    }
    reasons
}

#[cfg(test)]
mod tests {
    use super::super::window::tests::window;
    use super::*;

    fn judged(change: impl Fn(&mut Window), expected: &Expected) -> Vec<String> {
        let mut window = window();
        change(&mut window);
        reasons(&[&window], expected)
    }

    fn only(reasons: &[String], word: &str) {
        assert!(reasons.len() == 1 && reasons[0].contains(word), "{word}: {reasons:?}");
    }

    #[test]
    fn a_good_run_stands() {
        let expected = Expected { offered_per_second: Some(230.0), fan_out: Some(100.0) };
        assert_eq!(judged(|_| {}, &expected), Vec::<String>::new());
    }

    #[test]
    fn a_saturated_generator_makes_the_run_void() {
        only(&judged(|window| window.tally.busiest_thread = 0.9, &Expected::default()), "saturated");
    }

    #[test]
    fn packets_that_leave_late_make_the_run_void() {
        let late = |window: &mut Window| window.tally.lateness.record_n(5_000_000, 100).unwrap();
        only(&judged(late, &Expected::default()), "late sends: 9.1 %");
    }

    #[test]
    fn losses_of_the_generator_are_not_put_on_the_server() {
        only(&judged(|window| window.tally.kernel_drops = 40, &Expected::default()), "loss at the generator");
        only(&judged(|window| window.tally.send_failures = 3, &Expected::default()), "send failures");
    }

    #[test]
    fn a_load_below_the_scenario_makes_the_run_void() {
        let expected = Expected { offered_per_second: Some(400.0), fan_out: None };
        only(&judged(|_| {}, &expected), "230 packets/s of 400");
        only(&judged(|window| window.tally.sent = 500, &Expected::default()), "500 of the 575");
    }

    #[test]
    fn subscribers_who_get_nothing_make_the_run_void_and_losses_alone_do_not() {
        let expected = Expected { offered_per_second: None, fan_out: Some(100.0) };
        only(&judged(|window| window.tally.received = 30_000, &expected), "not everybody was served");
        let lossy = |window: &mut Window| {
            window.tally.received = 30_000;
            window.tally.lost_by_sequence = 27_500;
        };
        assert_eq!(judged(lossy, &expected), Vec::<String>::new());
    }

    #[test]
    fn a_machine_that_others_use_makes_the_run_void() {
        only(&judged(|window| window.other_load = 0.31, &Expected::default()), "other load: 0.31");
        only(&judged(|window| window.steal = 0.2, &Expected::default()), "steal");
    }

    #[test]
    fn short_windows_and_few_packets_make_the_run_void() {
        only(&judged(|window| window.tally.seconds = 0.5, &Expected::default()), "too short");
        only(&judged(|window| window.tally.received = 999, &Expected::default()), "too little");
    }

    #[test]
    fn disturbed_windows_are_used_when_there_are_no_better_ones() {
        let mut busy = window();
        busy.other_load = 1.0;
        let windows = [busy.clone(), busy, window()];
        let (used, aside) = choose(&windows);
        assert_eq!((used.len(), aside), (3, 0));
        assert!(reasons(&used, &Expected::default()).iter().any(|reason| reason.contains("other load")));
    }
}
