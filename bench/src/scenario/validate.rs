//! What a reader of TOML cannot see: values that make no sense.

use anyhow::{bail, ensure};

use super::{Scenario, Shape};
use crate::target::NAMES;

pub fn check(scenario: &Scenario) -> anyhow::Result<()> {
    if let Some(unknown) = scenario.without.iter().find(|name| !NAMES.split(", ").any(|known| known == *name))
    {
        bail!("without: no target {unknown}: of {NAMES}");
    }
    let tracks = &scenario.tracks;
    if let Some(video) = &tracks.video {
        ensure!((8..=50_000).contains(&video.kbit_per_second), "tracks.video.kbit_per_second: 8 to 50000");
        ensure!((1.0..=120.0).contains(&video.frames_per_second), "tracks.video.frames_per_second: 1 to 120");
    }
    if let Some(audio) = &tracks.audio {
        ensure!((6..=510).contains(&audio.kbit_per_second), "tracks.audio.kbit_per_second: 6 to 510");
        ensure!((0.0..=1.0).contains(&audio.speech), "tracks.audio.speech: 0 to 1");
    }
    let measure = &scenario.measure;
    ensure!((1..=100).contains(&measure.windows), "measure.windows: 1 to 100");
    ensure!((0.5..=3600.0).contains(&measure.window_seconds), "measure.window_seconds: 0.5 to 3600");
    ensure!((0.0..=600.0).contains(&measure.settle_seconds), "measure.settle_seconds: 0 to 600");
    if tracks.video.is_none() && tracks.audio.is_none() && !matches!(scenario.shape, Shape::Data(_)) {
        bail!("nothing is sent: [tracks] needs video or audio");
    }
    match &scenario.shape {
        Shape::Fanout(it) | Shape::Audio(it) => {
            ensure!(it.publishers >= 1 && it.subscribers >= 1, "publishers and subscribers: at least 1");
            if matches!(scenario.shape, Shape::Audio(_)) {
                ensure!(tracks.video.is_none(), "[audio] has no video: use [fanout]");
            }
        }
        Shape::Meeting(it) => ensure!(it.people >= 2, "meeting.people: at least 2"),
        Shape::Consultations(it) => {
            rooms(it.rooms, &it.people)?;
            ensure!(it.stay_seconds.is_none_or(|stay| stay >= 1.0), "consultations.stay_seconds: at least 1");
            ensure!(
                it.file_every_seconds.is_none_or(|every| every >= 0.1),
                "consultations.file_every_seconds: at least 0.1"
            );
        }
        Shape::Soak(it) => {
            rooms(it.rooms, &it.people)?;
            ensure!(
                it.minutes > 0.0 && it.stay_seconds >= 1.0,
                "soak: minutes above 0, stay_seconds at least 1"
            );
        }
        Shape::JoinStorm(it) => {
            ensure!(
                it.people >= 2 && it.joins >= it.people,
                "join-storm: rooms of 2 or more, at least one room"
            );
            ensure!(it.at_once >= 1, "join-storm.at_once: at least 1");
        }
        Shape::Data(it) => {
            ensure!(it.receivers >= 1 && it.file_kib >= 1, "data: at least one receiver and one KiB");
            ensure!(it.slow_receivers < it.receivers, "data.slow_receivers: fewer than receivers");
            ensure!(it.slow_kib_per_second >= 1, "data.slow_kib_per_second: at least 1");
            ensure!(measure.data_channels, "data needs measure.data_channels");
        }
        Shape::Ramp(it) => {
            ensure!(it.from >= 1 && it.to >= it.from, "ramp: from at least 1, to at least from");
            ensure!(it.factor > 1.0 && it.factor <= 4.0, "ramp.factor: above 1, at most 4");
            ensure!(it.people >= 2, "ramp.people: at least 2");
            ensure!(it.p99_ms > 0.0 && it.loss > 0.0, "ramp.p99_ms and ramp.loss: above 0");
        }
    }
    Ok(())
}

fn rooms(rooms: u32, people: &[u32]) -> anyhow::Result<()> {
    ensure!(rooms >= 1, "rooms: at least 1");
    ensure!(
        !people.is_empty() && people.iter().all(|people| *people >= 2),
        "people: a list of numbers of 2 or more"
    );
    Ok(())
}
