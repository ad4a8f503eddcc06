//! What went wrong with signalling connections, for the metrics page.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts since the start of the process.
#[derive(Debug, Default)]
pub struct Counters {
    /// WebSocket messages that are no `SignalRequest`; each ended its connection.
    garbage: AtomicU64,
    /// Connections without a word from the client for too long.
    silent: AtomicU64,
    /// Connections that did not take what was sent to them.
    slow: AtomicU64,
    /// Requests refused before the upgrade.
    refused: AtomicU64,
    /// Messages from clients.
    messages: AtomicU64,
}

static COUNTERS: Counters = Counters {
    garbage: AtomicU64::new(0),
    silent: AtomicU64::new(0),
    slow: AtomicU64::new(0),
    refused: AtomicU64::new(0),
    messages: AtomicU64::new(0),
};

/// Metric names without a prefix, what they count, and their values.
pub fn counters() -> [(&'static str, &'static str, u64); 5] {
    let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    [
        ("signal_garbage_total", "Messages that are no signalling requests", read(&COUNTERS.garbage)),
        ("signal_silent_total", "Connections ended because the client was silent", read(&COUNTERS.silent)),
        ("signal_slow_total", "Connections ended because the client did not read", read(&COUNTERS.slow)),
        ("signal_refused_total", "Connections refused before the upgrade", read(&COUNTERS.refused)),
        ("signal_messages_total", "Signalling requests received", read(&COUNTERS.messages)),
    ]
}

fn add(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

pub(crate) fn garbage() {
    add(&COUNTERS.garbage);
}

pub(crate) fn silent() {
    add(&COUNTERS.silent);
}

pub(crate) fn slow() {
    add(&COUNTERS.slow);
}

pub(crate) fn refused() {
    add(&COUNTERS.refused);
}

pub(crate) fn message() {
    add(&COUNTERS.messages);
}
