//! The figures of a run, and the reasons not to trust them.

pub mod distrust;
pub mod machine;
pub mod window;

use serde::{Deserialize, Serialize};

/// One scenario against one target, as the reports and `bench/out/latest.json` carry it. None: not measured.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Record {
    pub scenario: String,
    /// The kind of load: fanout, meeting...
    pub kind: String,
    pub target: String,
    /// The figures are not to be used.
    pub void: bool,
    /// Why; empty when they stand.
    pub void_reasons: Vec<String>,
    /// What to know when reading them, without making them void.
    pub remarks: Vec<String>,
    /// Server CPU time per media packet that subscribers received, microseconds.
    pub us_per_packet: Option<f64>,
    pub us_per_packet_user: Option<f64>,
    pub us_per_packet_system: Option<f64>,
    /// Growth of the server's resident memory per subscriber.
    pub kib_per_subscriber: Option<f64>,
    pub rss_mib: Option<f64>,
    /// Server CPU time from connecting to media, signalling included, milliseconds.
    pub cpu_ms_per_join: Option<f64>,
    /// Added by the server: from handing a packet to the kernel to the kernel's arrival stamp at the subscriber.
    pub latency_us: Option<Latency>,
    /// From the moment the packet was due: includes what the generator was late.
    pub latency_from_due_us: Option<Latency>,
    /// Share of packets that never came, 0 to 1, the worse of both counts.
    pub loss: Option<f64>,
    pub loss_by_sequence: Option<f64>,
    pub loss_by_probe: Option<f64>,
    /// Of those received, the share that only came after a NACK.
    pub recovered: Option<f64>,
    /// What publishers sent.
    pub packets_per_second_offered: Option<f64>,
    /// What subscribers received.
    pub packets_per_second_received: Option<f64>,
    /// Of the server's process, voluntary and forced.
    pub context_switches_per_second: Option<f64>,
    /// Context switches for each packet received: the share of wake-ups.
    pub context_switches_per_packet: Option<f64>,
    /// Cores' worth of CPU time of the server.
    pub server_load: Option<f64>,
    pub join_ms: Option<JoinTimes>,
    /// Everybody in all rooms.
    pub participants: u32,
    pub subscribers: u32,
    /// Subscribers of each publisher.
    pub fan_out: f64,
    /// Participants and the server's resident memory, MiB, while they joined; of a soak, over time.
    pub memory: Vec<(f64, f64)>,
    /// Share of packets (0 to 1) and the latency that they stay below, microseconds.
    pub latency_curve: Vec<(f64, f64)>,
    pub files: Option<Files>,
    pub knee: Option<Knee>,
    /// Windows that the figures are medians of, and those set aside because others used the machine meanwhile.
    pub windows: u32,
    pub windows_set_aside: u32,
    pub generator: Generator,
    pub conditions: Conditions,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    pub p50: f64,
    pub p95: f64,
    pub p99: f64,
    pub max: f64,
}

/// Medians and 95th percentiles over all joins, milliseconds from the beginning of each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct JoinTimes {
    pub joins: u64,
    pub failed: u64,
    pub signalled_p50: f64,
    pub signalled_p95: f64,
    pub ice_p50: f64,
    pub ice_p95: f64,
    pub dtls_p50: f64,
    pub dtls_p95: f64,
    pub media_p50: f64,
    pub media_p95: f64,
}

/// Files over data channels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Files {
    /// Files times receivers, and those that did not arrive whole.
    pub sent: u64,
    pub failed: u64,
    /// Received by all receivers that are not slow, together.
    pub mbit_per_second: f64,
    /// Server CPU time per MiB received.
    pub cpu_ms_per_mib: Option<f64>,
    /// Receivers that were meant to be slow, and what they got of the file before the end of the run, 0 to 1.
    pub slow: u64,
    pub slow_share: f64,
}

/// Where a ramp broke.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Knee {
    /// What was counted: subscribers, or rooms of two.
    pub unit: String,
    /// The last step that held.
    pub carried: u32,
    /// The first that did not; none when the ramp came to its end or the generator gave out.
    pub broke_at: Option<u32>,
    /// What broke, in words.
    pub because: String,
    /// Each step: its load, server's cores, p99 in milliseconds, share lost.
    pub steps: Vec<Step>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Step {
    pub load: u32,
    pub packets_per_second: f64,
    pub server_load: f64,
    pub us_per_packet: f64,
    pub p99_ms: f64,
    pub loss: f64,
}

/// How the measuring itself went.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Generator {
    /// CPU per datagram in or out, microseconds.
    pub us_per_packet: f64,
    /// The busiest thread's share of a core.
    pub busiest_thread: f64,
    /// Share of packets that left more than [`distrust::LATE_US`] late.
    pub late_send_share: f64,
    pub late_p99_us: f64,
    pub kernel_drops: u64,
    pub send_failures: u64,
}

/// What else was going on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Conditions {
    /// RFC 3339.
    pub at: String,
    pub commit: String,
    pub kernel: String,
    pub cpu_model: String,
    pub cpus: u32,
    /// Cores' worth of CPU time that neither the server nor the generator used.
    pub other_load: f64,
    /// Cores' worth of CPU time that the hypervisor took.
    pub steal: f64,
    /// Time measured.
    pub seconds: f64,
    /// Which CPUs the server had, which the generator; empty when nothing was pinned.
    pub pinned: String,
    /// How the target was started.
    pub target_options: String,
}

impl Record {
    /// A record of something that could not be measured.
    pub fn unmeasured(scenario: &str, kind: &str, target: &str, why: &str) -> Record {
        Record {
            scenario: scenario.to_owned(),
            kind: kind.to_owned(),
            target: target.to_owned(),
            void: true,
            void_reasons: vec![format!("not measured: {why}")],
            ..Record::default()
        }
    }

    pub fn measured(&self) -> bool {
        !self.void_reasons.iter().any(|reason| reason.starts_with("not measured"))
    }
}

/// The middle value; of an even number of values the mean of the middle two.
pub fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.into_iter().filter(|value| value.is_finite()).collect();
    values.sort_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    if values.len() % 2 == 1 {
        return Some(upper);
    }
    let lower = *values.get(values.len() / 2 - 1)?;
    Some((lower + upper) / 2.0)
}

/// The value that `share` of the values (0 to 1) do not exceed.
pub fn percentile(values: &[f64], share: f64) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let rank = (share * values.len() as f64).ceil() as usize;
    values.get(rank.saturating_sub(1)).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_and_ignores_what_is_no_number() {
        assert_eq!(median([3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median([4.0, 1.0, f64::NAN, 2.0, 3.0]), Some(2.5));
        assert_eq!(median([]), None);
    }

    #[test]
    fn a_percentile_is_a_value_that_was_there() {
        let values: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        assert_eq!(percentile(&values, 0.5), 50.0);
        assert_eq!(percentile(&values, 0.95), 95.0);
        assert_eq!(percentile(&values, 1.0), 100.0);
        assert_eq!(percentile(&[7.0], 0.95), 7.0);
        assert_eq!(percentile(&[], 0.95), 0.0);
    }

    #[test]
    fn a_record_has_the_fields_that_readers_of_latest_json_look_for() {
        let record = Record { latency_us: Some(Latency::default()), ..Record::default() };
        let json = serde_json::to_value(record).unwrap();
        for field in ["scenario", "target", "us_per_packet", "kib_per_subscriber", "cpu_ms_per_join", "loss"]
        {
            assert!(json.get(field).is_some(), "{field}");
        }
        assert!(json["void"].is_boolean() && json["void_reasons"].is_array());
        for field in ["p50", "p95", "p99", "max"] {
            assert!(json["latency_us"][field].is_number(), "{field}");
        }
        assert!(json["conditions"]["other_load"].is_number());
    }
}
