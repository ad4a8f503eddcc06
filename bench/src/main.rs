//! `chevet-bench`: loads a media server with real endpoints and says what it costs.
//!
//! From the wire upwards: `net` (addresses, sockets, clocks), `peer` (ICE, DTLS, SRTP, SCTP of one client), `media` (what
//! clients send and how what arrives is judged), `generator` (the threads that drive many peers), `signal` and `target`
//! (how a client gets into a room of which server), `run` (one scenario against one target), `figures` and `report`;
//! `floor` (the least that a server must do), `plan` (what a machine carries).

mod figures;
mod floor;
mod generator;
mod media;
mod net;
mod peer;
mod plan;
mod report;
mod run;
mod scenario;
mod sdp;
mod signal;
mod target;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Parser, Subcommand};

use crate::figures::Record;
use crate::run::campaign::{Campaign, campaign};
use crate::run::subject::Subject;
use crate::run::{Ground, Pins, Place, Progress};
use crate::scenario::{Audio, Scenario, Tracks, Video};
use crate::target::{Protocol, ServerOptions};

#[derive(Parser)]
#[command(
    version,
    about = "Loads a media server with real endpoints, measures what it costs, and says when its own figures are not to be trusted"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run scenarios against targets; writes latest.json, runs.jsonl and report.html.
    Run(RunArgs),
    /// List the scenarios, or print one as a file to begin with.
    Scenarios {
        /// Print this one.
        name: Option<String>,
    },
    /// Ratios between one target and the others, from files of earlier runs.
    Compare {
        /// `latest.json` or `.jsonl` files.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// The target to put in relation to all others.
        #[arg(long, default_value = "chevet")]
        of: String,
    },
    /// The table and the page of files of earlier runs.
    Report {
        /// `latest.json` or `.jsonl` files.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Where to write the page.
        #[arg(long, default_value = "bench/out/report.html")]
        html: PathBuf,
    },
    /// How many consultations of a given shape this machine carries at p99 < 50 ms.
    Plan(PlanArgs),
    /// The floor as a process; started by `run`.
    #[command(hide = true)]
    FloorServer {
        #[arg(long, value_enum)]
        mode: floor::Mode,
        #[arg(long)]
        address: std::net::IpAddr,
    },
}

#[derive(Args)]
struct RunArgs {
    /// Names (`chevet-bench scenarios`) or paths of TOML files.
    #[arg(required = true)]
    scenarios: Vec<String>,
    /// Comma-separated: chevet, livekit, janus, janus-threads, floor, floor-gso.
    #[arg(long, default_value = "chevet")]
    target: String,
    /// Run everything this many times, the targets in turn forwards and backwards.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=20))]
    rounds: u32,
    /// Scenario files with these names go before the built-in ones.
    #[arg(long)]
    folder: Option<PathBuf>,
    #[arg(long, default_value = "bench/out")]
    out: PathBuf,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Args)]
struct ServerArgs {
    /// A server that runs already, ws:// or wss://. Without it `chevet` is started from --binary.
    #[arg(long)]
    url: Option<String>,
    /// Authorities (PEM) that are trusted for wss:// besides the public ones.
    #[arg(long)]
    ca: Option<PathBuf>,
    #[arg(long)]
    api_key: Option<String>,
    #[arg(long)]
    api_secret: Option<String>,
    /// The process of the server at --url, when it runs on this machine: its CPU and memory are read.
    #[arg(long)]
    pid: Option<u32>,
    /// The chevet to start; otherwise the one beside this program.
    #[arg(long)]
    binary: Option<PathBuf>,
    /// Media threads of the chevet that is started.
    #[arg(long)]
    workers: Option<u32>,
    /// Event loops of janus; janus-threads has none.
    #[arg(long, default_value_t = 2)]
    event_loops: u32,
    /// LiveKit's first protocol, with two peer connections for each participant.
    #[arg(long)]
    v0: bool,
    /// Which CPUs the server and the generator have: auto, off, or SERVER:GENERATOR such as 1:0.
    #[arg(long, default_value = "auto")]
    pin: String,
    /// Keep logs and configuration of the servers in this folder.
    #[arg(long)]
    keep: Option<PathBuf>,
}

#[derive(Args)]
struct PlanArgs {
    /// People in each consultation.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(2..=16))]
    people: u32,
    /// Video that each sends, kbit/s; 0: none.
    #[arg(long, default_value_t = 1500)]
    video: u32,
    /// Sound that each sends, kbit/s.
    #[arg(long, default_value_t = 32)]
    audio: u32,
    /// Server cores to plan for; otherwise those it was calibrated with.
    #[arg(long)]
    cores: Option<f64>,
    /// Check the plan with a real ramp.
    #[arg(long)]
    check: bool,
    /// Use the calibration of this file instead of measuring.
    #[arg(long)]
    calibration: Option<PathBuf>,
    #[arg(long, default_value = "chevet")]
    target: String,
    #[arg(long, default_value = "bench/out")]
    out: PathBuf,
    #[command(flatten)]
    server: ServerArgs,
}

impl ServerArgs {
    /// Before any thread is started.
    fn place(&self) -> anyhow::Result<(Place, ServerOptions)> {
        let pins = Pins::parse(&self.pin)?;
        let mut options = self.options();
        let ground = Ground::prepare(&mut options);
        pins.enter_generator();
        Ok((Place { pins, ground }, options))
    }

    fn options(&self) -> ServerOptions {
        ServerOptions {
            binary: self.binary.clone(),
            url: self.url.clone(),
            ca: self.ca.clone(),
            api_key: self.api_key.clone(),
            api_secret: self.api_secret.clone(),
            pid: self.pid,
            workers: self.workers,
            event_loops: self.event_loops,
            protocol: if self.v0 { Protocol::V0 } else { Protocol::V1 },
            keep: self.keep.clone(),
            ..ServerOptions::default()
        }
    }
}

fn main() -> ExitCode {
    match dispatch(Cli::parse().command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("chevet-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Run(args) => run_scenarios(&args)?,
        Command::Scenarios { name: Some(name) } => print!("{}", Scenario::text(&name)?),
        Command::Scenarios { name: None } => {
            for name in Scenario::names() {
                println!("{name:<20} {}", Scenario::find(name, None)?.about);
            }
        }
        Command::Compare { files, of } => print!("{}", report::compare(&read_all(&files)?, &of)),
        Command::Report { files, html } => {
            let records = read_all(&files)?;
            println!("{}", report::table(&records));
            if let Some(folder) = html.parent() {
                fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
            }
            fs::write(&html, report::page(&records)).with_context(|| html.display().to_string())?;
            eprintln!("report: {}", html.display());
        }
        Command::Plan(args) => return plan_rooms(&args),
        Command::FloorServer { mode, address } => floor::server::serve(mode, address)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn read_all(files: &[PathBuf]) -> anyhow::Result<Vec<Record>> {
    let lists: anyhow::Result<Vec<Vec<Record>>> = files.iter().map(|file| report::read(file)).collect();
    Ok(lists?.into_iter().flatten().collect())
}

/// One thread: it is also the one that starts servers, whose CPUs they inherit.
fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().context("no runtime")
}

fn run_scenarios(args: &RunArgs) -> anyhow::Result<()> {
    let scenarios: anyhow::Result<Vec<Scenario>> =
        args.scenarios.iter().map(|word| Scenario::find(word, args.folder.as_deref())).collect();
    let scenarios = scenarios?;
    let (place, options) = args.server.place()?;
    let subjects = Subject::parse_list(&args.target, &options)?;
    let what = Campaign {
        scenarios: &scenarios,
        subjects: &subjects,
        place: &place,
        rounds: args.rounds,
        out: &args.out,
    };
    runtime()?.block_on(campaign(&what))?;
    Ok(())
}

fn plan_rooms(args: &PlanArgs) -> anyhow::Result<ExitCode> {
    let template = Scenario::find("consultations-40", None)?.tracks;
    let video = |video: Video| Video { kbit_per_second: args.video, ..video };
    let tracks = Tracks {
        video: template.video.filter(|_| args.video > 0).map(video),
        audio: Some(Audio { kbit_per_second: args.audio, speech: 1.0 }),
    };
    let shape = plan::Shape { people: args.people, tracks };
    let (place, options) = args.server.place()?;
    let subjects = Subject::parse_list(&args.target, &options)?;
    let subject = subjects.first().context("no target")?;
    let progress = Progress::new();
    let runtime = runtime()?;
    let model: plan::Model = match &args.calibration {
        Some(path) => read_json(path)?,
        None => {
            let model = runtime.block_on(run::calibrate::calibrate(&shape, subject, &place, &progress))?;
            fs::create_dir_all(&args.out)?;
            let path = args.out.join("calibration.json");
            fs::write(&path, serde_json::to_string_pretty(&model)?)?;
            progress.say(&format!("calibration: {}", path.display()));
            model
        }
    };
    let cores = args.cores.unwrap_or(model.cores);
    let plan = model.plan(&shape, cores);
    print!("{}", model.explain(&shape, &plan, cores));
    if !args.check {
        return Ok(ExitCode::SUCCESS);
    }
    // The ramp has the cores that this machine has, whatever was planned for.
    let here = model.plan(&shape, place.pins.server_cores());
    let knee = runtime.block_on(run::calibrate::check(&here, &shape, subject, &place, &progress))?;
    let (holds, text) = plan::verdict(&here, knee.carried, knee.broke_at, &knee.because);
    println!("  check     {text}");
    Ok(if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> anyhow::Result<T> {
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    serde_json::from_str(&text).with_context(|| path.display().to_string())
}
