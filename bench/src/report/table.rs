//! The table at the end, for a terminal or a text file.

use super::number;
use crate::figures::Record;

/// Lines of plain text. Figures that are void stand in brackets, with the reasons below.
pub fn table(records: &[Record]) -> String {
    let mut rows: Vec<Vec<String>> = vec![
        [
            "scenario",
            "target",
            "us/packet",
            "user",
            "system",
            "ctx/packet",
            "KiB/subscr",
            "ms/join",
            "p50 us",
            "p95 us",
            "p99 us",
            "max us",
            "lost %",
            "packets/s",
            "server",
            "generator",
            "other",
        ]
        .map(str::to_owned)
        .to_vec(),
    ];
    rows.extend(records.iter().map(row));
    let columns = rows.first().map_or(0, Vec::len);
    let widths: Vec<usize> = (0..columns)
        .map(|column| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.len()).max().unwrap_or(0))
        .collect();
    let mut text = String::new();
    for row in &rows {
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            if column < 2 {
                text.push_str(&format!("{cell:<width$}  "));
            } else {
                text.push_str(&format!("{cell:>width$}  "));
            }
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    for record in records {
        for line in notes(record) {
            text.push_str(&format!("{} / {}: {line}\n", record.scenario, record.target));
        }
    }
    text
}

fn row(record: &Record) -> Vec<String> {
    let mark = |text: String| if record.void && text != "-" { format!("({text})") } else { text };
    let show = |value: Option<f64>| mark(value.map_or("-".to_owned(), number));
    let measured = record.measured();
    let latency = record.latency_us;
    vec![
        record.scenario.clone(),
        record.target.clone(),
        show(record.us_per_packet),
        show(record.us_per_packet_user),
        show(record.us_per_packet_system),
        show(record.context_switches_per_packet),
        show(record.kib_per_subscriber),
        show(record.cpu_ms_per_join),
        show(latency.map(|latency| latency.p50)),
        show(latency.map(|latency| latency.p95)),
        show(latency.map(|latency| latency.p99)),
        show(latency.map(|latency| latency.max)),
        show(record.loss.map(|loss| loss * 100.0)),
        show(record.packets_per_second_received),
        show(record.server_load),
        show(measured.then_some(record.generator.busiest_thread)),
        show(measured.then_some(record.conditions.other_load)),
    ]
}

/// What does not fit a row.
pub fn notes(record: &Record) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(join) = record.join_ms {
        let failed = if join.failed > 0 { format!(", {} failed", join.failed) } else { String::new() };
        notes.push(format!(
            "{} joins{failed}: signalled {} ms, ICE {}, DTLS {}, media {} (p95 {})",
            join.joins,
            number(join.signalled_p50),
            number(join.ice_p50),
            number(join.dtls_p50),
            number(join.media_p50),
            number(join.media_p95)
        ));
    }
    if let Some(files) = record.files {
        let slow = if files.slow > 0 {
            format!(", {} slow receivers got {:.0} % of theirs", files.slow, files.slow_share * 100.0)
        } else {
            String::new()
        };
        notes.push(format!(
            "{} files, {} incomplete, {} Mbit/s, {} ms of CPU a MiB{slow}",
            files.sent,
            files.failed,
            number(files.mbit_per_second),
            files.cpu_ms_per_mib.map_or("-".to_owned(), number)
        ));
    }
    if let Some(knee) = &record.knee {
        notes.push(format!("carries {} {}: {}", knee.carried, knee.unit, knee.because));
    }
    notes.extend(record.remarks.iter().cloned());
    notes.extend(record.void_reasons.iter().map(|reason| {
        if reason.starts_with("not measured") { reason.clone() } else { format!("VOID: {reason}") }
    }));
    notes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn void_figures_stand_in_brackets_and_say_why() {
        let record = Record {
            scenario: "fanout-200".into(),
            target: "janus".into(),
            us_per_packet: Some(18.5),
            void: true,
            void_reasons: vec!["other load: 0.50 cores of other work".into()],
            ..Record::default()
        };
        let text = table(&[record]);
        assert!(text.contains("(18.5)"), "{text}");
        assert!(text.contains("fanout-200 / janus: VOID: other load"), "{text}");
    }

    #[test]
    fn columns_line_up() {
        let record = |scenario: &str, cost| Record {
            scenario: scenario.into(),
            target: "chevet".into(),
            us_per_packet: Some(cost),
            ..Record::default()
        };
        let text = table(&[record("a", 4.0), record("a-longer-name", 12.34)]);
        let ends: Vec<usize> = text
            .lines()
            .zip(["us/packet", "4.00", "12.3"])
            .map(|(line, cell)| line.find(cell).unwrap() + cell.len())
            .collect();
        assert!(ends.windows(2).all(|pair| pair[0] == pair[1]), "{text}");
    }
}
