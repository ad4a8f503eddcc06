//! A load that grows step by step until latency or loss breaks.

use std::time::Duration;

use super::crowd::Crowd;
use super::seats::Cast;
use super::stage::Stage;
use crate::figures::window::{Window, summarize};
use crate::figures::{Knee, Record, Step, distrust};
use crate::scenario::{Ramp, RampOf, Scenario};

pub async fn run(
    scenario: &Scenario,
    ramp: &Ramp,
    stage: &mut Stage<'_>,
    record: &mut Record,
) -> anyhow::Result<()> {
    let data = scenario.measure.data_channels;
    let settle = Duration::from_secs_f64(scenario.measure.settle_seconds);
    let (unit, mut crowd) = match ramp.of {
        RampOf::Consultations => (format!("rooms of {}", ramp.people), Crowd::default()),
        RampOf::Fanout => {
            let speaker = Cast::fanout("ramp", 1, 0, &scenario.tracks, data);
            ("subscribers of one publisher".to_owned(), stage.gather(&speaker, settle).await?)
        }
    };
    let mut knee = Knee { unit, ..Knee::default() };
    let mut held: Option<Vec<Window>> = None;
    let mut there = 0;
    for load in loads(ramp) {
        stage.progress.step(&format!("{load} {}", knee.unit));
        let cast = match ramp.of {
            RampOf::Consultations => {
                Cast::rooms_from("ramp", there, load - there, &[ramp.people], &scenario.tracks, data)
            }
            RampOf::Fanout => {
                let mut cast = Cast::fanout("ramp", 0, load, &scenario.tracks, data);
                for seats in &mut cast.stages {
                    seats.drain(..(there as usize).min(seats.len()));
                }
                cast
            }
        };
        there = load;
        let more = match stage.gather(&cast, settle).await {
            Ok(more) => more,
            Err(error) => {
                knee.broke_at = Some(load);
                knee.because = format!("{error:#}");
                break;
            }
        };
        let refused = more.failures.len();
        crowd.absorb(more);
        let windows = stage.measure(&scenario.measure).await?;
        let step = step(load, &windows);
        knee.steps.push(step);
        if let Some(why) = generator_gave_out(&windows) {
            knee.because = format!("the generator gave out at {load}: {why}");
            break;
        }
        if let Some(why) = broken(ramp, &step, refused) {
            knee.broke_at = Some(load);
            knee.because = why;
            break;
        }
        knee.carried = load;
        held = Some(windows);
    }
    if knee.because.is_empty() {
        knee.because = format!("nothing broke up to {}", ramp.to);
    }
    if let Some(windows) = &held {
        summarize(record, windows, &distrust::Expected::default());
    }
    record.participants = crowd.sessions.len() as u32;
    record.subscribers = crowd.subscribers() as u32;
    record.fan_out = match ramp.of {
        RampOf::Consultations => f64::from(ramp.people - 1),
        RampOf::Fanout => f64::from(knee.carried),
    };
    record.rss_mib = stage.server.usage().map(|usage| usage.resident_kib as f64 / 1024.0);
    record.memory = crowd.memory.clone();
    record.join_ms = Some(crowd.join_times());
    if knee.carried == 0 {
        record.void_reasons.push(format!("not even the first step held: {}", knee.because));
    }
    record.knee = Some(knee);
    crowd.leave().await;
    Ok(())
}

/// Each at least one more than the one before; the last is the end of the ramp.
fn loads(ramp: &Ramp) -> Vec<u32> {
    let mut loads = vec![ramp.from];
    let mut load = ramp.from;
    while load < ramp.to {
        load = ((f64::from(load) * ramp.factor).round() as u32).max(load + 1).min(ramp.to);
        loads.push(load);
    }
    loads
}

fn step(load: u32, windows: &[Window]) -> Step {
    let mut record = Record::default();
    summarize(&mut record, windows, &distrust::Expected::default());
    Step {
        load,
        packets_per_second: record.packets_per_second_received.unwrap_or(0.0),
        server_load: record.server_load.unwrap_or(0.0),
        us_per_packet: record.us_per_packet.unwrap_or(0.0),
        p99_ms: record.latency_us.map_or(0.0, |latency| latency.p99 / 1000.0),
        loss: record.loss.unwrap_or(0.0),
    }
}

/// Reasons that lie with the generator, not with the server.
fn generator_gave_out(windows: &[Window]) -> Option<String> {
    let windows: Vec<&Window> = windows.iter().collect();
    let words = ["generator", "late sends", "send failures"];
    distrust::reasons(&windows, &distrust::Expected::default())
        .into_iter()
        .find(|reason| words.iter().any(|word| reason.contains(word)))
}

fn broken(ramp: &Ramp, step: &Step, refused: usize) -> Option<String> {
    if refused > 0 {
        return Some(format!("{refused} could not join"));
    }
    if step.p99_ms > ramp.p99_ms {
        return Some(format!("p99 {:.1} ms, more than {}", step.p99_ms, ramp.p99_ms));
    }
    (step.loss > ramp.loss)
        .then(|| format!("{:.2} % lost, more than {}", step.loss * 100.0, ramp.loss * 100.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp() -> Ramp {
        Ramp {
            of: RampOf::Consultations,
            from: 10,
            to: 60,
            factor: 1.5,
            people: 2,
            p99_ms: 50.0,
            loss: 0.005,
        }
    }

    #[test]
    fn a_ramp_grows_to_its_end() {
        assert_eq!(loads(&ramp()), [10, 15, 23, 35, 53, 60]);
        assert_eq!(loads(&Ramp { from: 1, to: 4, factor: 1.1, ..ramp() }), [1, 2, 3, 4]);
        assert_eq!(loads(&Ramp { from: 5, to: 5, ..ramp() }), [5]);
    }

    #[test]
    fn latency_loss_and_refused_joins_break_a_step() {
        let good = Step { p99_ms: 49.0, loss: 0.004, ..Step::default() };
        assert_eq!(broken(&ramp(), &good, 0), None);
        assert!(broken(&ramp(), &good, 1).unwrap().contains("could not join"));
        assert!(broken(&ramp(), &Step { p99_ms: 51.0, ..good }, 0).unwrap().contains("p99 51.0 ms"));
        assert!(broken(&ramp(), &Step { loss: 0.02, ..good }, 0).unwrap().contains("2.00 % lost"));
    }

    #[test]
    fn a_generator_that_gives_out_is_not_the_servers_knee() {
        let mut window = crate::figures::window::tests::window();
        assert_eq!(generator_gave_out(&[window.clone()]), None);
        window.tally.busiest_thread = 0.95;
        assert!(generator_gave_out(&[window]).unwrap().contains("saturated"));
    }
}
