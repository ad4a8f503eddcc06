//! The calibration run of a capacity plan, and the ramp that checks the plan.

use std::time::Duration;

use anyhow::Context;

use super::crowd::Crowd;
use super::seats::Cast;
use super::subject::Subject;
use super::{Place, Progress, Stage};
use crate::figures::distrust::Expected;
use crate::figures::window::summarize;
use crate::figures::{Knee, Record};
use crate::plan::{Model, Plan, Point, Shape, fit};
use crate::scenario::{Measure, Ramp, RampOf, Scenario, Shape as Load};

/// Rooms of the shape, one load after the other.
const ROOMS: [u32; 3] = [5, 15, 40];
/// One publisher of the shape to so many, which tells the cost of a source packet from that of a forwarded one.
const FAN_OUT: u32 = 40;
const SETTLE: Duration = Duration::from_millis(1500);
/// Idle CPU time is small: it needs a while to show.
const IDLE: Duration = Duration::from_secs(2);

const MEASURE: Measure =
    Measure { settle_seconds: 1.5, windows: 3, window_seconds: 2.5, joins: 0, data_channels: true };

/// Measures what the model needs, on this machine, of this shape.
pub async fn calibrate(
    shape: &Shape,
    subject: &Subject,
    place: &Place,
    progress: &Progress,
) -> anyhow::Result<Model> {
    progress.begin(&format!("calibrating {}", subject.name));
    let stage = Stage::start(subject, place, progress).await?;
    let before = stage.reading();
    tokio::time::sleep(IDLE).await;
    let after = stage.reading();
    let (before, after) =
        before.usage.zip(after.usage).context("the server's process is not on this machine")?;
    let idle = (after.cpu_seconds - before.cpu_seconds).max(0.0) / IDLE.as_secs_f64();

    let mut points = Vec::new();
    let mut crowd = Crowd::default();
    let mut there = 0;
    let empty_kib = after.resident_kib;
    let mut kib_per_participant = 0.0;
    for rooms in ROOMS {
        let cast = Cast::rooms_from("plan", there, rooms - there, &[shape.people], &shape.tracks, true);
        there = rooms;
        crowd.absorb(stage.gather(&cast, SETTLE).await?);
        let whole = Cast::rooms("plan", rooms, &[shape.people], &shape.tracks, true);
        points.push(point(&format!("{rooms} rooms of {}", shape.people), &whole, shape, &stage).await?);
        if let Some(usage) = stage.server.usage() {
            kib_per_participant =
                usage.resident_kib.saturating_sub(empty_kib) as f64 / crowd.sessions.len().max(1) as f64;
        }
        anyhow::ensure!(crowd.failures.is_empty(), "somebody could not join: {:?}", crowd.failures.first());
    }
    crowd.leave().await;
    tokio::time::sleep(SETTLE).await;
    let cast = Cast::fanout("plan", 1, FAN_OUT, &shape.tracks, true);
    let crowd = stage.gather(&cast, SETTLE).await?;
    points.push(point(&format!("one to {FAN_OUT}"), &cast, shape, &stage).await?);
    crowd.leave().await;
    stage.stop().await?;
    for point in &points {
        for reason in &point.void_reasons {
            progress.say(&format!("{}: VOID: {reason}", point.name));
        }
    }
    let model = fit(&points, idle).context("every load of the calibration is void: nothing to plan with")?;
    Ok(Model {
        cores: place.pins.server_cores(),
        rss_mib: empty_kib as f64 / 1024.0,
        kib_per_participant,
        ..model
    })
}

async fn point(name: &str, cast: &Cast, shape: &Shape, stage: &Stage<'_>) -> anyhow::Result<Point> {
    let windows = stage.measure(&MEASURE).await?;
    let mut record = Record::default();
    summarize(&mut record, &windows, &Expected { ..cast.expected(&shape.tracks) });
    Ok(Point {
        name: name.to_owned(),
        source: record.packets_per_second_offered.unwrap_or(0.0),
        forwarded: record.packets_per_second_received.unwrap_or(0.0),
        cores: record.server_load.unwrap_or(0.0),
        p99_ms: record.latency_us.map_or(0.0, |latency| latency.p99 / 1000.0),
        void_reasons: record.void_reasons,
    })
}

/// A real ramp of the shape, from half of what is planned to beyond it.
pub async fn check(
    plan: &Plan,
    shape: &Shape,
    subject: &Subject,
    place: &Place,
    progress: &Progress,
) -> anyhow::Result<Knee> {
    progress.begin(&format!("checking the plan with a ramp against {}", subject.name));
    let from = (plan.rooms / 2).max(1);
    let scenario = Scenario {
        name: "plan-check".to_owned(),
        about: "the ramp that checks a plan".to_owned(),
        without: Vec::new(),
        shape: Load::Ramp(Ramp {
            of: RampOf::Consultations,
            from,
            to: (plan.rooms_at_most + plan.rooms_at_most / 2).max(from + 1),
            factor: 1.19,
            people: shape.people,
            p99_ms: 50.0,
            loss: 0.005,
        }),
        tracks: shape.tracks.clone(),
        measure: Measure { windows: 2, window_seconds: 2.0, settle_seconds: 1.0, ..MEASURE },
    };
    let record = super::run(&scenario, subject, place, progress).await;
    record.knee.with_context(|| format!("the ramp could not be run: {:?}", record.void_reasons))
}
