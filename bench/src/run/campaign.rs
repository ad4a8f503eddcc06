//! Many scenarios against many targets, alternating the targets.

use std::path::Path;

use super::subject::Subject;
use super::{Place, Progress, run};
use crate::figures::Record;
use crate::report::{Output, number, table};
use crate::scenario::Scenario;

pub struct Campaign<'a> {
    pub scenarios: &'a [Scenario],
    pub subjects: &'a [Subject],
    pub place: &'a Place,
    pub rounds: u32,
    pub out: &'a Path,
}

/// Runs everything, writes `out`, prints the table. The records of all rounds.
pub async fn campaign(campaign: &Campaign<'_>) -> anyhow::Result<Vec<Record>> {
    let progress = Progress::new();
    let output = Output::in_folder(campaign.out)?;
    let asked = |scenario: &Scenario, subject: &Subject| !scenario.without.contains(&subject.name);
    let each = |scenario| campaign.subjects.iter().filter(|subject| asked(scenario, subject)).count();
    let all = campaign.scenarios.iter().map(each).sum::<usize>() * campaign.rounds as usize;
    for scenario in campaign.scenarios {
        for subject in campaign.subjects.iter().filter(|subject| !asked(scenario, subject)) {
            progress.say(&format!("{} / {}: left out, as the scenario says", scenario.name, subject.name));
        }
    }
    let mut records = Vec::new();
    for round in 0..campaign.rounds {
        for scenario in campaign.scenarios {
            // Who is measured first is not always the same.
            let forwards = campaign.subjects.iter().collect::<Vec<_>>();
            let backwards = campaign.subjects.iter().rev().collect::<Vec<_>>();
            let turn = if round % 2 == 0 { forwards } else { backwards };
            for subject in turn.into_iter().filter(|subject| asked(scenario, subject)) {
                progress.begin(&format!("{}/{all} {} / {}", records.len() + 1, scenario.name, subject.name));
                let record = run(scenario, subject, campaign.place, &progress).await;
                progress.say(&line(&record));
                output.append(&record)?;
                records.push(record);
            }
        }
    }
    if campaign.rounds > 1 {
        say_spread(&records, &progress);
    }
    println!("{}", table(&records));
    let page = output.finish(&records)?;
    progress.say(&format!("report: {}", page.display()));
    Ok(records)
}

/// What is worth a line as soon as it is known.
fn line(record: &Record) -> String {
    let mut parts = Vec::new();
    parts.extend(record.us_per_packet.map(|us| format!("{} us a packet", number(us))));
    parts.extend(record.latency_us.map(|latency| format!("p99 {} us", number(latency.p99))));
    parts.extend(record.loss.map(|loss| format!("{} % lost", number(loss * 100.0))));
    parts.extend(record.kib_per_subscriber.map(|kib| format!("{} KiB a subscriber", number(kib))));
    parts.extend(record.cpu_ms_per_join.map(|ms| format!("{} ms of CPU a join", number(ms))));
    parts.extend(record.files.map(|files| format!("{} Mbit/s of files", number(files.mbit_per_second))));
    parts.extend(record.knee.as_ref().map(|knee| format!("carries {} {}", knee.carried, knee.unit)));
    parts.extend(
        record
            .void_reasons
            .first()
            .map(|reason| if record.measured() { format!("VOID: {reason}") } else { reason.clone() }),
    );
    format!("{} / {}: {}", record.scenario, record.target, parts.join(", "))
}

/// How far repeated runs of the same thing lie apart.
fn say_spread(records: &[Record], progress: &Progress) {
    for scenario in crate::report::scenarios(records) {
        for target in crate::report::targets(records) {
            let costs: Vec<f64> = records
                .iter()
                .filter(|record| record.scenario == scenario && record.target == target && !record.void)
                .filter_map(|record| record.us_per_packet)
                .collect();
            let low = costs.iter().copied().fold(f64::INFINITY, f64::min);
            let high = costs.iter().copied().fold(0.0, f64::max);
            if costs.len() > 1 {
                progress.say(&format!(
                    "{scenario} / {target}: {} to {} us in {} runs, {:.0} % apart",
                    number(low),
                    number(high),
                    costs.len(),
                    (high / low - 1.0) * 100.0
                ));
            }
        }
    }
}
