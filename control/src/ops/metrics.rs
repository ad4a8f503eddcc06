//! Numbers for Prometheus. Labels take their values from fixed sets, never from the network.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};

use prometheus::{Encoder, Histogram, HistogramOpts, IntCounter, IntCounterVec, Opts, Registry, TextEncoder};

use crate::Control;

/// The counters of the control plane and, through [`Metrics::drop_of`] and [`Metrics::registry`], of signalling.
pub struct Metrics {
    registry: Registry,
    http: IntCounterVec,
    http_seconds: Histogram,
    tokens_refused: IntCounterVec,
    drops: IntCounterVec,
    connections: IntCounterVec,
}

impl Metrics {
    /// Fails only if two metrics had one name.
    pub(crate) fn new() -> prometheus::Result<Metrics> {
        let registry = Registry::new();
        let vec = |name: &str, help: &str, label: &str| -> prometheus::Result<IntCounterVec> {
            let counter = IntCounterVec::new(Opts::new(name, help), &[label])?;
            registry.register(Box::new(counter.clone()))?;
            Ok(counter)
        };
        let tokens_refused = vec("chevet_tokens_refused_total", "Tokens and API keys refused", "cause")?;
        let drops = vec("chevet_drops_total", "Messages of clients not acted upon", "cause")?;
        let connections = vec("chevet_connections_total", "Connections to the listener", "end")?;
        let http = IntCounterVec::new(
            Opts::new("chevet_http_requests_total", "HTTP requests answered"),
            &["method", "status"],
        )?;
        registry.register(Box::new(http.clone()))?;
        let seconds = HistogramOpts::new("chevet_http_request_seconds", "Time to the head of the answer");
        let http_seconds = Histogram::with_opts(seconds)?;
        registry.register(Box::new(http_seconds.clone()))?;
        Ok(Metrics { registry, http, http_seconds, tokens_refused, drops, connections })
    }

    /// Others may add their own metrics; names start with `chevet_`.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// A token or an API key was no good.
    pub fn refused_token(&self, cause: &'static str) {
        self.tokens_refused.with_label_values(&[cause]).inc();
    }

    /// Counts what was dropped, by cause, for example `signal_garbage`.
    pub fn drop_of(&self, cause: &'static str) -> IntCounter {
        self.drops.with_label_values(&[cause])
    }

    pub(crate) fn connection(&self, end: &'static str) {
        self.connections.with_label_values(&[end]).inc();
    }

    pub(crate) fn answered(&self, method: &http::Method, status: http::StatusCode, seconds: f64) {
        let method = match *method {
            http::Method::GET => "GET",
            http::Method::POST => "POST",
            http::Method::HEAD => "HEAD",
            http::Method::DELETE => "DELETE",
            http::Method::OPTIONS => "OPTIONS",
            _ => "other",
        };
        self.http.with_label_values(&[method, status.as_str()]).inc();
        self.http_seconds.observe(seconds);
    }
}

impl Control {
    pub(crate) fn metrics_text(&self) -> String {
        let mut buffer = Vec::new();
        let families = self.metrics().registry.gather();
        // Writing to memory fails only for a metric without values, which is then left out.
        let _ = TextEncoder::new().encode(&families, &mut buffer);
        let mut text = String::from_utf8(buffer).unwrap_or_default();

        let (rooms, participants) = self.population();
        let counts = &self.inner.counts;
        let webhooks = self.hub().webhooks.counts.clone();
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let mut gauge = |name: &str, kind: &str, help: &str, value: u64| {
            // A String never refuses.
            let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}\n");
        };
        gauge("chevet_rooms", "gauge", "Open rooms", rooms as u64);
        gauge("chevet_participants", "gauge", "Participants in all rooms", participants as u64);
        let counters = [
            ("chevet_joins_total", "Participants that joined", read(&counts.joins)),
            ("chevet_joins_refused_total", "Joins refused", read(&counts.joins_refused)),
            ("chevet_resumes_total", "Sessions that got a new socket", read(&counts.resumes)),
            ("chevet_sessions_stalled_total", "Sessions cut off for not draining", read(&counts.stalled)),
            (
                "chevet_commands_deferred_total",
                "Commands that found a full queue",
                read(&counts.commands_deferred),
            ),
            ("chevet_rooms_lost_total", "Rooms whose media worker failed", read(&counts.rooms_lost)),
            ("chevet_webhooks_delivered_total", "Webhooks taken", read(&webhooks.delivered)),
            ("chevet_webhooks_retried_total", "Webhook tries repeated", read(&webhooks.retried)),
            ("chevet_webhooks_failed_total", "Webhooks given up", read(&webhooks.failed)),
            ("chevet_webhooks_dropped_total", "Webhooks not queued", read(&webhooks.dropped)),
        ];
        for (name, help, value) in counters {
            gauge(name, "counter", help, value);
        }
        self.write_workers(&mut text);
        text
    }

    /// One line per worker and number. Prometheus wants the lines of a metric together.
    fn write_workers(&self, text: &mut String) {
        let loads = self.media().load();
        let mut line = |kind: &str, name: &str, values: Vec<(u16, f64)>| {
            let _ = writeln!(text, "# TYPE chevet_worker_{name} {kind}");
            for (worker, value) in values {
                let _ = writeln!(text, "chevet_worker_{name}{{worker=\"{worker}\"}} {value}");
            }
        };
        let of = |read: &dyn Fn(&crate::media::WorkerLoad) -> f64| -> Vec<(u16, f64)> {
            loads.iter().map(|load| (load.worker.0, read(load))).collect()
        };
        line("gauge", "healthy", of(&|load| f64::from(u8::from(load.healthy))));
        line("gauge", "rooms", of(&|load| load.rooms as f64));
        line("gauge", "busy_ratio", of(&|load| f64::from(load.busy)));
        line("counter", "cpu_seconds_total", of(&|load| load.cpu_seconds));
        let names: Vec<&'static str> =
            loads.first().map(|load| load.counters().map(|(name, _)| name).collect()).unwrap_or_default();
        for (at, name) in names.into_iter().enumerate() {
            let value = |load: &crate::media::WorkerLoad| {
                load.counters().nth(at).map_or(0.0, |(_, value)| value as f64)
            };
            line("counter", &format!("{name}_total"), of(&value));
        }
        let names: Vec<&'static str> =
            loads.first().map(|load| load.gauges().map(|(name, _)| name).collect()).unwrap_or_default();
        for (at, name) in names.into_iter().enumerate() {
            let value = |load: &crate::media::WorkerLoad| {
                load.gauges().nth(at).map_or(0.0, |(_, value)| value as f64)
            };
            line("gauge", &format!("engine_{name}"), of(&value));
        }
        let _ = writeln!(
            text,
            "# HELP chevet_worker_drops_total What arrived and went no further, by cause\n\
             # TYPE chevet_worker_drops_total counter"
        );
        for load in &loads {
            for (cause, count) in load.drops() {
                let worker = load.worker.0;
                let _ = writeln!(
                    text,
                    "chevet_worker_drops_total{{worker=\"{worker}\",cause=\"{cause}\"}} {count}"
                );
            }
        }
    }
}
