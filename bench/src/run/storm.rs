//! Everybody at once.

use std::time::{Duration, Instant};

use super::crowd::Crowd;
use super::seats::Cast;
use super::stage::Stage;
use crate::figures::Record;
use crate::figures::window::summarize;
use crate::scenario::{JoinStorm, Scenario};

pub async fn run(
    scenario: &Scenario,
    storm: &JoinStorm,
    stage: &mut Stage<'_>,
    record: &mut Record,
) -> anyhow::Result<()> {
    let rooms = storm.joins / storm.people;
    let cast = Cast::rooms("storm", rooms, &[storm.people], &scenario.tracks, scenario.measure.data_channels);
    record.participants = cast.people() as u32;
    record.subscribers = cast.subscribers() as u32;
    record.fan_out = cast.fan_out();
    stage.progress.step("everybody joins");
    let begin = Instant::now();
    let before = stage.server.usage();
    let crowd = stage.gather_at_once(&cast, Duration::ZERO, storm.at_once as usize).await?;
    let seconds = begin.elapsed().as_secs_f64();
    let stormed = stage.server.usage();
    record.join_ms = Some(crowd.join_times());
    record.memory = crowd.memory.clone();
    record.remarks.push(format!("{:.0} joins a second", crowd.sessions.len() as f64 / seconds));
    if let Some((who, why)) = crowd.failures.first() {
        record.void_reasons.push(format!("{} could not join; {who}: {why}", crowd.failures.len()));
    }
    let forwarded_meanwhile = stage.generator.tally().received;
    let windows = stage.measure(&scenario.measure).await?;
    summarize(record, &windows, &cast.expected(&scenario.tracks));
    // The time of the joins, without what was forwarded meanwhile.
    if let (Some(before), Some(stormed), Some(us)) = (before, stormed, record.us_per_packet) {
        let joins = stormed.cpu_seconds - before.cpu_seconds - forwarded_meanwhile as f64 * us / 1e6;
        record.cpu_ms_per_join = Some(joins.max(0.0) * 1000.0 / crowd.sessions.len().max(1) as f64);
    }
    if let Some(usage) = stage.server.usage() {
        record.rss_mib = Some(usage.resident_kib as f64 / 1024.0);
        record.kib_per_subscriber = crowd.kib_per_subscriber(usage.resident_kib);
    }
    Crowd::leave(crowd).await;
    Ok(())
}
