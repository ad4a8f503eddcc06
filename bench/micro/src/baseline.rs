//! The committed figures, and what is said of new ones.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use anyhow::Context;
use serde::{Deserialize, Serialize};

use crate::callgrind::Figures;

/// More growth than this fails, in per cent.
pub const GROWTH_MAX: f64 = 5.0;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    /// What the figures depend on besides the code: name, value.
    pub taken_with: BTreeMap<String, String>,
    /// Instructions for each unit of work.
    pub instructions: toml::Table,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Verdict {
    Within,
    /// More than `GROWTH_MAX`.
    Grew,
    /// Less than `-GROWTH_MAX`: the baseline should be taken anew, or the gain can be lost unnoticed.
    Shrank,
    /// The baseline does not know it.
    New,
    /// It is in the baseline and was not counted.
    Missing,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    pub name: String,
    pub before: Option<f64>,
    pub now: Option<f64>,
    pub verdict: Verdict,
}

impl Row {
    /// In per cent.
    pub fn change(&self) -> Option<f64> {
        Some((self.now? / self.before? - 1.0) * 100.0)
    }
}

impl Baseline {
    pub fn new(taken_with: BTreeMap<String, String>, figures: &Figures) -> Baseline {
        let rounded = |figure: &f64| toml::Value::Float((figure * 10.0).round() / 10.0);
        let instructions = figures.iter().map(|(name, figure)| (name.clone(), rounded(figure))).collect();
        Baseline { taken_with, instructions }
    }

    pub fn read(path: &Path) -> anyhow::Result<Baseline> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("no baseline at {}; `make bench-baseline` takes one", path.display()))?;
        toml::from_str(&text).with_context(|| format!("{} cannot be read", path.display()))
    }

    pub fn write(&self, path: &Path) -> anyhow::Result<()> {
        let text = format!(
            "# Instructions for each unit of work, counted by callgrind. Written by `make bench-baseline`; `make bench-check`\n\
             # compares. docs/PERFORMANCE.md says what the names mean.\n\n{}",
            toml::to_string(self)?
        );
        std::fs::write(path, text).with_context(|| format!("{} cannot be written", path.display()))
    }

    /// The rows of the table: the figures in the order they were counted, then what is missing.
    pub fn compare(&self, figures: &Figures) -> Vec<Row> {
        let mut rows: Vec<Row> = (figures.iter())
            .map(|(name, now)| {
                let before = self.instructions.get(name).and_then(toml::Value::as_float);
                let mut row = Row { name: name.clone(), before, now: Some(*now), verdict: Verdict::New };
                if let Some(change) = row.change() {
                    row.verdict = match change {
                        // Not a number: the baseline holds a zero.
                        change if change > GROWTH_MAX || change.is_nan() => Verdict::Grew,
                        change if change < -GROWTH_MAX => Verdict::Shrank,
                        _ => Verdict::Within,
                    };
                }
                row
            })
            .collect();
        let missing = self.instructions.iter().filter(|(name, _)| !figures.iter().any(|(is, _)| is == *name));
        rows.extend(missing.map(|(name, before)| Row {
            name: name.clone(),
            before: before.as_float(),
            now: None,
            verdict: Verdict::Missing,
        }));
        rows
    }

    /// A line for each condition that is not as it was.
    pub fn differences(&self, now: &BTreeMap<String, String>) -> Vec<String> {
        let names: std::collections::BTreeSet<&String> = self.taken_with.keys().chain(now.keys()).collect();
        let value =
            |of: &BTreeMap<String, String>, name| of.get(name).cloned().unwrap_or("unknown".to_owned());
        (names.into_iter())
            .filter(|name| self.taken_with.get(*name) != now.get(*name))
            .map(|name| {
                format!(
                    "{name}: {} here, {} in the baseline",
                    value(now, name),
                    value(&self.taken_with, name)
                )
            })
            .collect()
    }
}

/// A new figure passes: the next baseline has it. One that is gone does not, since nobody would guard it any more.
pub fn passes(rows: &[Row]) -> bool {
    !rows.is_empty() && !rows.iter().any(|row| matches!(row.verdict, Verdict::Grew | Verdict::Missing))
}

pub fn table(rows: &[Row]) -> String {
    let mut text = format!("{:<20} {:>10} {:>10} {:>8}\n", "instructions", "baseline", "now", "change");
    let number = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.1}"));
    for row in rows {
        let change = row.change().map_or("-".to_owned(), |change| format!("{change:+.1} %"));
        let remark = match row.verdict {
            Verdict::Within => "",
            Verdict::Grew => "  GREW",
            Verdict::Shrank => "  shrank: take a new baseline",
            Verdict::New => "  new: not in the baseline",
            Verdict::Missing => "  MISSING: not counted any more",
        };
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{:<20} {:>10} {:>10} {change:>8}{remark}",
            row.name,
            number(row.before),
            number(row.now)
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(list: &[(&str, f64)]) -> Figures {
        list.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect()
    }

    fn baseline(list: &[(&str, f64)]) -> Baseline {
        Baseline::new(BTreeMap::from([("rustc".to_owned(), "1".to_owned())]), &figures(list))
    }

    fn verdicts(before: &[(&str, f64)], now: &[(&str, f64)]) -> (Vec<Verdict>, bool) {
        let rows = baseline(before).compare(&figures(now));
        (rows.iter().map(|row| row.verdict).collect(), passes(&rows))
    }

    #[test]
    fn growth_of_more_than_five_per_cent_of_one_stage_fails() {
        let before = [("parse", 100.0), ("open", 1000.0)];
        assert_eq!(
            verdicts(&before, &[("parse", 105.1), ("open", 900.0)]),
            (vec![Verdict::Grew, Verdict::Shrank], false)
        );
        assert_eq!(
            verdicts(&before, &[("parse", 104.9), ("open", 1000.0)]),
            (vec![Verdict::Within, Verdict::Within], true)
        );
    }

    #[test]
    fn a_stage_that_is_not_counted_any_more_fails() {
        let (verdicts, passes) = verdicts(&[("parse", 100.0), ("open", 1000.0)], &[("open", 1000.0)]);
        assert_eq!(verdicts, [Verdict::Within, Verdict::Missing]);
        assert!(!passes);
    }

    #[test]
    fn a_new_stage_is_told_and_passes() {
        let rows = baseline(&[("parse", 100.0)]).compare(&figures(&[("parse", 100.0), ("route", 7.0)]));
        assert_eq!(rows[1].verdict, Verdict::New);
        assert!(passes(&rows));
        assert!(table(&rows).contains("route                         -        7.0        -  new"));
    }

    #[test]
    fn a_run_without_figures_fails() {
        assert!(!passes(&baseline(&[]).compare(&figures(&[]))));
    }

    #[test]
    fn other_conditions_are_named() {
        let before = baseline(&[("parse", 1.0)]);
        let conditions = |rustc: &str| BTreeMap::from([("rustc".to_owned(), rustc.to_owned())]);
        assert!(before.differences(&conditions("1")).is_empty());
        assert_eq!(before.differences(&conditions("2")), ["rustc: 2 here, 1 in the baseline"]);
        assert_eq!(before.differences(&BTreeMap::new()), ["rustc: unknown here, 1 in the baseline"]);
    }

    #[test]
    fn a_baseline_is_read_as_written() {
        let path = std::env::temp_dir().join(format!("chevet-baseline-{}.toml", std::process::id()));
        let before = baseline(&[("route", 12.34), ("audio", 3000.0)]);
        before.write(&path).unwrap();
        let read = Baseline::read(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(read, before);
        assert_eq!(read.instructions["route"].as_float(), Some(12.3));
        // In the order of the path, not of the alphabet.
        assert_eq!(read.instructions.keys().collect::<Vec<_>>(), ["route", "audio"]);
    }
}
