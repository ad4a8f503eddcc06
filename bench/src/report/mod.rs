//! What is left of a run: a table on the terminal, JSON lines, a list of the latest runs, and a page with plots.

mod compare;
mod html;
mod page;
mod plot;
mod table;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;

pub use compare::compare;
pub use html::page;
pub use table::table;

use crate::figures::Record;

/// Files of one invocation: `latest.json` (a list of records), `report.html`, and `runs.jsonl`, which grows.
pub struct Output {
    folder: PathBuf,
}

impl Output {
    pub fn in_folder(folder: &Path) -> anyhow::Result<Output> {
        fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        Ok(Output { folder: folder.to_owned() })
    }

    /// A record as soon as it is there, so that a run that is interrupted is not lost.
    pub fn append(&self, record: &Record) -> anyhow::Result<()> {
        let path = self.folder.join("runs.jsonl");
        let mut file = fs::OpenOptions::new().create(true).append(true).open(&path)?;
        writeln!(file, "{}", serde_json::to_string(record)?).with_context(|| path.display().to_string())
    }

    /// The path of the page.
    pub fn finish(&self, records: &[Record]) -> anyhow::Result<PathBuf> {
        let json = serde_json::to_string_pretty(records)?;
        replace(&self.folder.join("latest.json"), &json)?;
        let path = self.folder.join("report.html");
        replace(&path, &page(records))?;
        Ok(path)
    }
}

/// By renaming: a reader sees the old file or the new one.
fn replace(path: &Path, text: &str) -> anyhow::Result<()> {
    let beside = path.with_extension("new");
    fs::write(&beside, text).with_context(|| beside.display().to_string())?;
    fs::rename(&beside, path).with_context(|| path.display().to_string())
}

/// Records of `latest.json`-like lists and of JSON lines.
pub fn read(path: &Path) -> anyhow::Result<Vec<Record>> {
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    if text.trim_start().starts_with('[') {
        return serde_json::from_str(&text).with_context(|| path.display().to_string());
    }
    text.lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(number, line)| {
            serde_json::from_str(line).with_context(|| format!("{} line {}", path.display(), number + 1))
        })
        .collect()
}

/// The targets in the order in which everything shows them.
pub fn targets(records: &[Record]) -> Vec<String> {
    const ORDER: [&str; 6] = ["chevet", "livekit", "janus", "janus-threads", "floor", "floor-gso"];
    let place = |name: &str| ORDER.iter().position(|known| *known == name).unwrap_or(ORDER.len());
    let mut names: Vec<String> = Vec::new();
    for record in records {
        if !names.contains(&record.target) {
            names.push(record.target.clone());
        }
    }
    names.sort_by_key(|name| place(name));
    names
}

/// The scenarios in the order in which they appear.
pub fn scenarios(records: &[Record]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for record in records {
        if !names.contains(&record.scenario) {
            names.push(record.scenario.clone());
        }
    }
    names
}

/// A number with as many digits as say something: 0.042, 1.23, 12.3, 123, 12,345.
pub fn number(value: f64) -> String {
    let size = value.abs();
    if size == 0.0 {
        "0".to_owned()
    } else if size < 0.1 {
        format!("{value:.3}")
    } else if size < 10.0 {
        format!("{value:.2}")
    } else if size < 100.0 {
        format!("{value:.1}")
    } else {
        let digits = format!("{:.0}", size);
        let mut grouped = String::new();
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && (digits.len() - index) % 3 == 0 {
                grouped.push(',');
            }
            grouped.push(digit);
        }
        if value < 0.0 { format!("-{grouped}") } else { grouped }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_as_many_digits_as_say_something() {
        let shown: Vec<String> = [0.0, 0.0421, 1.234, 12.34, 123.4, 46_000.0, 1_234_567.0].map(number).into();
        assert_eq!(shown, ["0", "0.042", "1.23", "12.3", "123", "46,000", "1,234,567"]);
    }

    #[test]
    fn what_is_written_can_be_read_again() {
        let folder = std::env::temp_dir().join(format!("chevet-bench-report-{}", std::process::id()));
        let output = Output::in_folder(&folder).unwrap();
        let records = vec![
            Record { scenario: "a".into(), us_per_packet: Some(1.5), ..Record::default() },
            Record::unmeasured("b", "fanout", "janus", "janus is not installed"),
        ];
        for record in &records {
            output.append(record).unwrap();
        }
        output.finish(&records).unwrap();
        assert_eq!(read(&folder.join("latest.json")).unwrap(), records);
        assert_eq!(read(&folder.join("runs.jsonl")).unwrap(), records);
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn targets_come_in_a_fixed_order_and_unknown_ones_last() {
        let record = |target: &str| Record { target: target.into(), ..Record::default() };
        let records = ["floor", "mine", "janus", "chevet", "floor"].map(record);
        assert_eq!(targets(&records), ["chevet", "janus", "floor", "mine"]);
    }
}
