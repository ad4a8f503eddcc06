//! One scenario against one target, and the way there: server and generator started, everybody joined, windows measured.

pub mod calibrate;
pub mod campaign;
mod churn;
mod crowd;
mod files;
mod ground;
mod pin;
mod progress;
mod ramp;
mod seats;
mod stage;
mod storm;
pub mod subject;

pub use ground::Ground;
pub use pin::Pins;
pub use progress::Progress;
pub use stage::Stage;

use std::time::Duration;

use crate::figures::window::summarize;
use crate::figures::{Record, machine};
use crate::scenario::{Scenario, Shape};
use seats::Cast;
use subject::Subject;

/// Where everything runs.
pub struct Place {
    pub pins: Pins,
    pub ground: Ground,
}

/// Runs it. What cannot be measured is a record that says why.
pub async fn run(scenario: &Scenario, subject: &Subject, place: &Place, progress: &Progress) -> Record {
    if let Some(why) = subject.unfit_for(scenario) {
        return Record::unmeasured(&scenario.name, scenario.kind(), &subject.name, &why);
    }
    let mut record = Record {
        scenario: scenario.name.clone(),
        kind: scenario.kind().to_owned(),
        target: subject.name.clone(),
        conditions: machine::describe(),
        ..Record::default()
    };
    record.conditions.pinned = place.pins.describe();
    progress.step("starting");
    let mut stage = match Stage::start(subject, place, progress).await {
        Ok(stage) => stage,
        Err(error) => {
            let mut unmeasured =
                Record::unmeasured(&scenario.name, scenario.kind(), &subject.name, &format!("{error:#}"));
            unmeasured.conditions = record.conditions;
            return unmeasured;
        }
    };
    record.conditions.target_options = stage.describe();
    let outcome = match &scenario.shape {
        Shape::Fanout(_) | Shape::Meeting(_) | Shape::Audio(_) => {
            steady(scenario, &mut stage, &mut record).await
        }
        Shape::Consultations(it) if it.stay_seconds.is_none() && it.file_every_seconds.is_none() => {
            steady(scenario, &mut stage, &mut record).await
        }
        Shape::Consultations(it) => {
            let comings = churn::Comings {
                rooms: it.rooms,
                people: it.people.clone(),
                stay_seconds: it.stay_seconds,
                file_every_seconds: it.file_every_seconds,
                file_kib: it.file_kib,
            };
            churn::run(scenario, &comings, None, &mut stage, &mut record).await
        }
        Shape::Soak(it) => {
            let comings = churn::Comings {
                rooms: it.rooms,
                people: it.people.clone(),
                stay_seconds: Some(it.stay_seconds),
                file_every_seconds: it.file_every_seconds,
                file_kib: it.file_kib,
            };
            let lasts = Duration::from_secs_f64(it.minutes * 60.0);
            churn::run(scenario, &comings, Some(lasts), &mut stage, &mut record).await
        }
        Shape::JoinStorm(it) => storm::run(scenario, it, &mut stage, &mut record).await,
        Shape::Data(it) => files::run(it, &mut stage, &mut record).await,
        Shape::Ramp(it) => ramp::run(scenario, it, &mut stage, &mut record).await,
    };
    if let Err(error) = outcome {
        record.void_reasons.push(format!("the run broke off: {error:#}"));
    }
    if let Err(error) = stage.server.alive() {
        record.void_reasons.push(format!("the server ended: {error:#}"));
    }
    progress.step("stopping");
    if let Err(error) = stage.stop().await {
        record.remarks.push(format!("the server did not stop in order: {error:#}"));
    }
    record.void = !record.void_reasons.is_empty();
    record
}

/// Loads that stay as they are: fan-out, meetings, rooms that nobody leaves.
async fn steady(scenario: &Scenario, stage: &mut Stage<'_>, record: &mut Record) -> anyhow::Result<()> {
    let cast = Cast::of(scenario, &scenario.tracks, scenario.measure.data_channels);
    record.participants = cast.people() as u32;
    record.subscribers = cast.subscribers() as u32;
    record.fan_out = cast.fan_out();
    let crowd = stage.gather(&cast, Duration::from_secs_f64(scenario.measure.settle_seconds)).await?;
    record.join_ms = stage.has_joins.then(|| crowd.join_times());
    record.memory = crowd.memory.clone();
    let failed = crowd.failures.len();
    if let Some((who, why)) = crowd.failures.first() {
        record.void_reasons.push(format!("{failed} of {} could not join; {who}: {why}", cast.people()));
    }
    let windows = stage.measure(&scenario.measure).await?;
    summarize(record, &windows, &cast.expected(&scenario.tracks));
    if let Some(usage) = stage.server.usage() {
        record.rss_mib = Some(usage.resident_kib as f64 / 1024.0);
        record.kib_per_subscriber = crowd.kib_per_subscriber(usage.resident_kib);
    }
    if let Some(failure) = crowd.ended() {
        record.void_reasons.push(format!("somebody fell out of the room: {failure}"));
    }
    stage.progress.step("leaving");
    crowd.leave().await;
    if scenario.measure.joins > 0 && stage.has_joins {
        stage.progress.step("timing joins");
        record.cpu_ms_per_join = stage.cpu_per_join(scenario, record.us_per_packet.unwrap_or(0.0)).await?;
    }
    Ok(())
}
