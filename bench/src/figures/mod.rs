//! The figures of a run, and the reasons not to trust them.

use serde::{Deserialize, Serialize};

/// One scenario against one target, as the reports and `bench/out/latest.json` carry it. None: not measured.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Record {
    pub scenario: String,
    pub target: String,
    /// Why the figures are void; empty when they stand.
    pub void: Vec<String>,
    /// Server CPU time per media packet that subscribers received, microseconds.
    pub us_per_packet: Option<f64>,
    pub us_per_packet_user: Option<f64>,
    pub us_per_packet_system: Option<f64>,
    /// Growth of the server's resident memory per subscriber.
    pub kib_per_subscriber: Option<f64>,
    pub rss_mib: Option<f64>,
    /// Server CPU time from connecting to media, signalling included.
    pub cpu_ms_per_join: Option<f64>,
    pub latency_us: Option<Latency>,
    pub latency_from_due_us: Option<Latency>,
    /// Share of packets that never came, 0 to 1, the worse of both counts.
    pub loss: Option<f64>,
    pub loss_by_sequence: Option<f64>,
    pub loss_by_probe: Option<f64>,
    pub packets_per_second_offered: Option<f64>,
    pub packets_per_second_received: Option<f64>,
    pub context_switches_per_second: Option<f64>,
    pub join_ms: Option<JoinTimes>,
    pub generator: Generator,
    pub conditions: Conditions,
}

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Latency {
    pub p50: f64,
    pub p95: f64,
    pub p99: f64,
    pub max: f64,
}

/// Medians and 95th percentiles over all joins, milliseconds from the beginning of each.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
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

/// How the measuring itself went.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Generator {
    /// CPU per datagram in or out, microseconds.
    pub us_per_packet: f64,
    /// The busiest thread's share of a core.
    pub busiest_thread: f64,
    pub late_send_share: f64,
    pub late_p99_us: f64,
    pub kernel_drops: u64,
    pub send_failures: u64,
}

/// What else was going on.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
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
    pub seconds: f64,
    /// How the target was started.
    pub target_options: String,
}
