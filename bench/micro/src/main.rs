//! How many instructions the media core spends on a packet, stage by stage and on the whole way, and whether that grew.
//!
//! Callgrind counts what a simulated processor executes: the same program gives the same figures on a busy machine and
//! on a quiet one. They say nothing of caches, of the kernel and of time.

mod baseline;
mod callgrind;
mod endpoint;
mod measure;
mod media;
mod paths;
mod rig;
mod stages;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use baseline::{Baseline, GROWTH_MAX, passes, table};
use callgrind::{Counted, Figures};

#[derive(Parser)]
#[command(about)]
struct Cli {
    #[command(subcommand)]
    command: Job,
}

#[derive(Subcommand)]
enum Job {
    /// Count, and fail if a stage grew by more than 5 %.
    Check(Files),
    /// Count, and write the figures to the baseline.
    Accept(Files),
    /// Do the work that is counted. `check` and `accept` start this under callgrind.
    Run,
}

#[derive(clap::Args)]
struct Files {
    #[arg(long, default_value = "bench/micro/baseline.toml")]
    baseline: PathBuf,
    /// Where callgrind's dumps go, one for each figure.
    #[arg(long, default_value = "target/bench-micro")]
    dumps: PathBuf,
}

fn main() -> anyhow::Result<ExitCode> {
    match Cli::parse().command {
        Job::Run => run().map(|()| ExitCode::SUCCESS),
        Job::Check(files) => check(&files),
        Job::Accept(files) => accept(&files),
    }
}

fn run() -> anyhow::Result<()> {
    let profile = paths::run()?;
    println!("#srtp\t{}", profile.name());
    println!("#cpu\t{}", cpu_features());
    stages::run(profile);
    Ok(())
}

/// Those by which the ciphers and the C library choose their way, as the simulated processor has them.
fn cpu_features() -> String {
    #[cfg(target_arch = "x86_64")]
    let features = [
        ("aes", std::is_x86_feature_detected!("aes")),
        ("avx", std::is_x86_feature_detected!("avx")),
        ("avx2", std::is_x86_feature_detected!("avx2")),
        ("avx512f", std::is_x86_feature_detected!("avx512f")),
        ("bmi2", std::is_x86_feature_detected!("bmi2")),
        ("movbe", std::is_x86_feature_detected!("movbe")),
        ("pclmulqdq", std::is_x86_feature_detected!("pclmulqdq")),
        ("ssse3", std::is_x86_feature_detected!("ssse3")),
        ("vaes", std::is_x86_feature_detected!("vaes")),
    ];
    #[cfg(not(target_arch = "x86_64"))]
    let features = [(std::env::consts::ARCH, true)];
    let present: Vec<&str> = features.iter().filter(|(_, present)| *present).map(|(name, _)| *name).collect();
    present.join(" ")
}

fn check(files: &Files) -> anyhow::Result<ExitCode> {
    let baseline = Baseline::read(&files.baseline)?;
    let (figures, conditions) = count(&files.dumps)?;
    let rows = baseline.compare(&figures);
    print!("{}", table(&rows));
    let differences = baseline.differences(&conditions);
    if !differences.is_empty() {
        println!("\nThe baseline was taken with something else, which may be all of a change:");
        differences.iter().for_each(|difference| println!("  {difference}"));
    }
    println!("\nWhere they go: callgrind_annotate --inclusive=yes {}/burst.callgrind", files.dumps.display());
    if passes(&rows) {
        println!("No stage grew by more than {GROWTH_MAX} %.");
        return Ok(ExitCode::SUCCESS);
    }
    println!(
        "A stage grew by more than {GROWTH_MAX} % or is gone. If that is worth it: `make bench-baseline`, and commit \
         {} with the reason.",
        files.baseline.display()
    );
    Ok(ExitCode::FAILURE)
}

fn accept(files: &Files) -> anyhow::Result<ExitCode> {
    let (figures, conditions) = count(&files.dumps)?;
    // A baseline that cannot be read is replaced as well.
    if let Ok(before) = Baseline::read(&files.baseline) {
        print!("{}", table(&before.compare(&figures)));
    }
    Baseline::new(conditions, &figures).write(&files.baseline)?;
    println!("written to {}", files.baseline.display());
    Ok(ExitCode::SUCCESS)
}

fn count(dumps: &Path) -> anyhow::Result<(Figures, BTreeMap<String, String>)> {
    let Counted { mut figures, told } = callgrind::count(dumps)?;
    // The handshakes come first in the run, the stages in the table.
    let stages = figures.iter().position(|(name, _)| name == "parse").unwrap_or(0);
    let paths: Figures = figures.drain(..stages).collect();
    figures.extend(enqueue(&figures, &paths));
    figures.extend(paths);
    let mut conditions = BTreeMap::from([
        ("rustc".to_owned(), env!("CHEVET_RUSTC").to_owned()),
        ("target".to_owned(), env!("CHEVET_TARGET").to_owned()),
        ("opt_level".to_owned(), env!("CHEVET_OPT_LEVEL").to_owned()),
        ("valgrind".to_owned(), callgrind::version()?),
    ]);
    conditions.extend(told);
    Ok((figures, conditions))
}

/// What is left of a forwarded packet when the stages that can be driven alone are taken away: queues, look-ups,
/// padding, runs. The receiving half is shared by all subscribers.
fn enqueue(stages: &Figures, paths: &Figures) -> Option<(String, f64)> {
    let stage = |name: &str| figure(stages, name);
    let received = stage("parse")? + stage("open")? + stage("ingress")?;
    let sent = stage("route")? + stage("rewrite")? + stage("protect")?;
    Some(("enqueue".to_owned(), figure(paths, "burst")? - sent - received / paths::SUBSCRIBERS as f64))
}

fn figure(figures: &Figures, name: &str) -> Option<f64> {
    figures.iter().find(|(is, _)| is == name).map(|(_, value)| *value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(list: &[(&str, f64)]) -> Figures {
        list.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect()
    }

    #[test]
    fn enqueue_is_what_the_other_stages_leave_of_a_packet_in_a_burst() {
        let mut stages = figures(&[("parse", 50.0), ("open", 40.0), ("ingress", 10.0), ("route", 100.0)]);
        let paths = figures(&[("burst", 1000.0)]);
        assert_eq!(enqueue(&stages, &paths), None);
        stages.extend(figures(&[("rewrite", 200.0), ("protect", 300.0)]));
        assert_eq!(enqueue(&stages, &paths), Some(("enqueue".to_owned(), 398.0)));
    }
}
