//! One set of runs against another, or one target against the others: ratios, with what they are worth.

use super::{number, scenarios};
use crate::figures::{Record, median};

/// Ratios closer to one than this mean nothing: runs of the same thing differ by as much.
const NOISE: f64 = 0.15;

/// Of each scenario and figure: the median of `ours` over the median of every other target.
pub fn compare(records: &[Record], ours: &str) -> String {
    let mut text = String::new();
    for scenario in scenarios(records) {
        let of = |target: &str, figure: &dyn Fn(&Record) -> Option<f64>| {
            let good =
                |record: &&Record| record.scenario == scenario && record.target == target && !record.void;
            median(records.iter().filter(good).filter_map(figure))
        };
        let others: Vec<String> =
            super::targets(records).into_iter().filter(|target| target != ours).collect();
        for (name, figure) in FIGURES {
            let Some(mine) = of(ours, &figure) else { continue };
            for other in &others {
                let Some(theirs) = of(other, &figure).filter(|theirs| *theirs > 0.0) else { continue };
                let ratio = mine / theirs;
                let worth =
                    if (ratio - 1.0).abs() < NOISE { "  (within what two runs differ by)" } else { "" };
                text.push_str(&format!(
                    "{scenario:<20} {name:<18} {ours} {:>8}  {other:<14} {:>8}  {ratio:>6.2} x{worth}\n",
                    number(mine),
                    number(theirs)
                ));
            }
        }
    }
    if text.is_empty() {
        text.push_str(&format!(
            "nothing to compare: no figures of {ours} and of another target that are not void\n"
        ));
    }
    text
}

type Figure = fn(&Record) -> Option<f64>;

const FIGURES: [(&str, Figure); 4] = [
    ("us per packet", |record| record.us_per_packet),
    ("KiB per subscriber", |record| record.kib_per_subscriber),
    ("CPU ms per join", |record| record.cpu_ms_per_join),
    ("latency p99 us", |record| record.latency_us.map(|latency| latency.p99)),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn record(target: &str, cost: f64, void: bool) -> Record {
        Record {
            scenario: "fanout-200".into(),
            target: target.into(),
            us_per_packet: Some(cost),
            void,
            ..Record::default()
        }
    }

    #[test]
    fn ratios_are_of_medians_and_void_runs_do_not_count() {
        let records = [
            record("chevet", 4.0, false),
            record("chevet", 4.2, false),
            record("chevet", 3.8, false),
            record("chevet", 90.0, true),
            record("janus", 16.0, false),
        ];
        let text = compare(&records, "chevet");
        assert!(text.contains("0.25 x") && !text.contains("within"), "{text}");
    }

    #[test]
    fn small_differences_are_called_what_they_are() {
        let text = compare(&[record("chevet", 4.0, false), record("floor", 3.7, false)], "chevet");
        assert!(text.contains("1.08 x  (within"), "{text}");
        assert!(compare(&[record("floor", 3.7, false)], "chevet").contains("nothing to compare"));
    }
}
