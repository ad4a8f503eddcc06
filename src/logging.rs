//! Logs: one line for each event, without names, addresses or tokens.

use std::io::IsTerminal;

use chevet_config::{Format, Level, Logging};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::prelude::*;

/// The parts of ours that log. Other crates are heard at `error` only: what they write may name addresses.
const OURS: [&str; 6] =
    ["chevet", "chevet_clinic", "chevet_control", "chevet_signalling", "chevet_sfu_core", "chevet_sfu_io"];

pub fn start(logging: &Logging) {
    let level = match logging.level {
        Level::Error => LevelFilter::ERROR,
        Level::Warn => LevelFilter::WARN,
        Level::Info => LevelFilter::INFO,
        Level::Debug => LevelFilter::DEBUG,
        Level::Trace => LevelFilter::TRACE,
    };
    let targets =
        Targets::new().with_default(LevelFilter::ERROR).with_targets(OURS.iter().map(|name| (*name, level)));
    let registry = tracing_subscriber::registry().with(targets);
    // Standard error: what the server prints for people, such as join links, goes to standard output.
    let lines = tracing_subscriber::fmt::layer()
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    match logging.format {
        Format::Text => registry.with(lines).init(),
        Format::Json => registry.with(lines.json().flatten_event(true)).init(),
    }
}
