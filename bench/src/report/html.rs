//! One page that needs nothing else: no script, no font, no picture from elsewhere; legible in light and in dark.

use super::page::{CLOSING, OPENING};
use super::plot::{Axis, Bar, Scale, Series, bars, escape, lines};
use super::{number, scenarios, table, targets};
use crate::figures::Record;

/// Whole, as text.
pub fn page(records: &[Record]) -> String {
    let mut html = OPENING.to_owned();
    html.push_str(&conditions(records));
    html.push_str(&legend(records));
    let section = |title: &str, about: &str, body: String| {
        if body.is_empty() {
            return String::new();
        }
        format!("<section><h2>{}</h2><p>{}</p>\n{body}</section>\n", escape(title), escape(about))
    };
    html.push_str(&section(
        "Cost of a packet",
        "Server CPU time per media packet that subscribers received, microseconds. Shorter is better; the floors do nothing but open, seal and send.",
        cost_bars(records),
    ));
    html.push_str(&section(
        "Latency",
        "Added by the server, from the publisher's send call to the kernel's arrival stamp at the subscriber. Read: this share of packets (percent) took no longer than this.",
        latency(records),
    ));
    html.push_str(&section(
        "Cost against load",
        "Low packet rates cost more per packet, by wake-ups and cold caches: compare what stands at the same rate.",
        against(records, "packets received each second", &|record| record.packets_per_second_received),
    ));
    html.push_str(&section(
        "Cost against fan-out",
        "A source packet costs its wake-up once, whatever the number of subscribers of its publisher.",
        against(records, "subscribers of each publisher", &|record| {
            Some(record.fan_out).filter(|it| *it > 0.0)
        }),
    ));
    html.push_str(&section(
        "Memory against participants",
        "Resident memory of the server's process while people joined.",
        memory(records),
    ));
    html.push_str(&section(
        "How many until it breaks",
        "Each step of a ramp; the last one is where latency or loss went over its bound.",
        ramps(records),
    ));
    html.push_str(&section(
        "All figures",
        "Void figures stand in brackets; the reasons are below.",
        figures(records),
    ));
    html.push_str(CLOSING);
    html
}

fn class(target: &str) -> String {
    let known = ["chevet", "livekit", "janus", "janus-threads", "floor", "floor-gso"];
    if known.contains(&target) { target.to_owned() } else { "other".to_owned() }
}

fn conditions(records: &[Record]) -> String {
    let Some(record) = records.iter().find(|record| record.measured()).or(records.first()) else {
        return "<p>No runs.</p>\n".to_owned();
    };
    let at = &record.conditions;
    let void = records.iter().filter(|record| record.void && record.measured()).count();
    let missing = records.iter().filter(|record| !record.measured()).count();
    let other = records.iter().map(|record| record.conditions.other_load).fold(0.0, f64::max);
    format!(
        "<p class=\"conditions\">{} · commit {} · Linux {} · {} × {} · {} · other work at most {} cores · {} runs, {void} void, {missing} not measured</p>\n",
        escape(&at.at),
        escape(&at.commit),
        escape(&at.kernel),
        at.cpus,
        escape(&at.cpu_model),
        if at.pinned.is_empty() { "not pinned".to_owned() } else { escape(&at.pinned) },
        number(other),
        records.len(),
    )
}

fn legend(records: &[Record]) -> String {
    let names = targets(records);
    let entry = |name: &String| {
        let options = records
            .iter()
            .find(|record| &record.target == name && !record.conditions.target_options.is_empty());
        let options =
            options.map_or(String::new(), |record| format!(" ({})", record.conditions.target_options));
        format!("<li><span class=\"swatch {}\"></span>{}{}</li>", class(name), escape(name), escape(&options))
    };
    format!("<ul class=\"legend\">{}</ul>\n", names.iter().map(entry).collect::<String>())
}

fn cost_bars(records: &[Record]) -> String {
    let groups: Vec<(String, Vec<Bar>)> = scenarios(records)
        .into_iter()
        .map(|scenario| {
            let of = |target: &String| {
                records
                    .iter()
                    .filter(|record| record.scenario == scenario && &record.target == target)
                    .find_map(|record| {
                        Some(Bar {
                            name: target.clone(),
                            class: class(target),
                            value: record.us_per_packet?,
                            void: record.void,
                        })
                    })
            };
            let bars: Vec<Bar> = targets(records).iter().filter_map(of).collect();
            (scenario, bars)
        })
        .filter(|(_, bars)| !bars.is_empty())
        .collect();
    bars(&groups, "microseconds per packet")
}

fn latency(records: &[Record]) -> String {
    let mut html = String::new();
    for scenario in scenarios(records) {
        let series: Vec<Series> = records
            .iter()
            .filter(|record| record.scenario == scenario && !record.latency_curve.is_empty())
            .map(|record| Series {
                name: record.target.clone(),
                class: class(&record.target),
                points: record
                    .latency_curve
                    .iter()
                    .map(|(share, us)| (*share, us.max(1.0), String::new()))
                    .collect(),
                void: record.void,
                line: true,
                marks: false,
            })
            .collect();
        let plot = lines(
            &Axis { label: "percent of packets".into(), scale: Scale::Nines },
            &Axis { label: "microseconds".into(), scale: Scale::Log },
            &series,
        );
        if !plot.is_empty() {
            html.push_str(&format!(
                "<figure><figcaption>{}</figcaption>\n{plot}</figure>\n",
                escape(&scenario)
            ));
        }
    }
    wrap(html)
}

fn wrap(figures: String) -> String {
    if figures.is_empty() { figures } else { format!("<div class=\"figures\">\n{figures}</div>\n") }
}

/// One dot for each scenario, one line for each target.
fn against(records: &[Record], label: &str, x: &dyn Fn(&Record) -> Option<f64>) -> String {
    let of = |target: &String| {
        let mut points: Vec<(f64, f64, String)> = records
            .iter()
            .filter(|record| &record.target == target && !record.void && record.knee.is_none())
            .filter_map(|record| Some((x(record)?, record.us_per_packet?, record.scenario.clone())))
            .collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        Series { name: target.clone(), class: class(target), points, void: false, line: true, marks: true }
    };
    let series: Vec<Series> = targets(records).iter().map(of).collect();
    let plot = lines(
        &Axis { label: label.into(), scale: Scale::Log },
        &Axis { label: "microseconds per packet".into(), scale: Scale::Linear },
        &series,
    );
    if plot.is_empty() { plot } else { wrap(format!("<figure>\n{plot}</figure>\n")) }
}

fn memory(records: &[Record]) -> String {
    let mut html = String::new();
    for scenario in scenarios(records) {
        let series: Vec<Series> = records
            .iter()
            .filter(|record| record.scenario == scenario && record.memory.len() > 2)
            .map(|record| Series {
                name: record.target.clone(),
                class: class(&record.target),
                points: record.memory.iter().map(|(x, y)| (*x, *y, String::new())).collect(),
                void: false,
                line: true,
                marks: false,
            })
            .collect();
        let soak = records.iter().any(|record| record.scenario == scenario && record.kind == "soak");
        let x = if soak { "seconds" } else { "participants" };
        let plot = lines(
            &Axis { label: x.into(), scale: Scale::Linear },
            &Axis { label: "MiB".into(), scale: Scale::Linear },
            &series,
        );
        if !plot.is_empty() {
            html.push_str(&format!(
                "<figure><figcaption>{}</figcaption>\n{plot}</figure>\n",
                escape(&scenario)
            ));
        }
    }
    wrap(html)
}

fn ramps(records: &[Record]) -> String {
    let with_knee: Vec<&Record> = records.iter().filter(|record| record.knee.is_some()).collect();
    let series: Vec<Series> = with_knee
        .iter()
        .filter_map(|record| {
            let knee = record.knee.as_ref()?;
            let point = |step: &crate::figures::Step| {
                (
                    f64::from(step.load),
                    step.p99_ms.max(0.01),
                    format!("{} us a packet", number(step.us_per_packet)),
                )
            };
            Some(Series {
                name: record.target.clone(),
                class: class(&record.target),
                points: knee.steps.iter().map(point).collect(),
                void: record.void,
                line: true,
                marks: true,
            })
        })
        .collect();
    let unit =
        with_knee.first().and_then(|record| record.knee.as_ref()).map_or("", |knee| knee.unit.as_str());
    let plot = lines(
        &Axis { label: unit.into(), scale: Scale::Log },
        &Axis { label: "p99, milliseconds".into(), scale: Scale::Log },
        &series,
    );
    if plot.is_empty() { plot } else { wrap(format!("<figure>\n{plot}</figure>\n")) }
}

fn figures(records: &[Record]) -> String {
    if records.is_empty() {
        return String::new();
    }
    format!("<pre>{}</pre>\n", escape(&table(records)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::{Knee, Latency, Step};

    fn record(scenario: &str, target: &str, cost: f64) -> Record {
        Record {
            scenario: scenario.into(),
            target: target.into(),
            us_per_packet: Some(cost),
            packets_per_second_received: Some(cost * 1000.0),
            fan_out: 100.0,
            latency_us: Some(Latency { p50: 400.0, p95: 800.0, p99: 1200.0, max: 9000.0 }),
            latency_curve: vec![(0.5, 400.0), (0.99, 1200.0)],
            memory: vec![(1.0, 10.0), (50.0, 12.0), (100.0, 14.0)],
            ..Record::default()
        }
    }

    /// Names of open elements at the first fault, if there is one.
    fn fault(html: &str) -> Option<String> {
        let mut open: Vec<&str> = Vec::new();
        for piece in html.split('<').skip(1) {
            let Some(tag) = piece.split('>').next() else { return Some("no end of a tag".into()) };
            if tag.starts_with('!') || tag.ends_with('/') {
                continue;
            }
            if let Some(name) = tag.strip_prefix('/') {
                if open.pop() != Some(name) {
                    return Some(format!("{name} closes what is not open: {open:?}"));
                }
            } else {
                open.push(tag.split_whitespace().next().unwrap_or_default());
            }
        }
        (!open.is_empty()).then(|| format!("left open: {open:?}"))
    }

    #[test]
    fn the_page_is_well_formed_whatever_the_records_hold() {
        let mut ramp = record("ramp", "chevet", 3.0);
        let step = |load| Step { load, p99_ms: 2.0, ..Step::default() };
        ramp.knee = Some(Knee { unit: "rooms".into(), steps: vec![step(20), step(30)], ..Knee::default() });
        let mut hostile = record("<b>&\"", "a<script>", 2.0);
        hostile.void = true;
        hostile.void_reasons = vec!["1 < 2 & \"x\"".into()];
        let records = [
            record("fanout-200", "chevet", 4.0),
            record("fanout-200", "floor", 3.5),
            Record::unmeasured("fanout-200", "fanout", "janus", "janus is not installed"),
            ramp,
            hostile,
        ];
        for records in [&records[..], &records[..1], &[]] {
            let html = page(records);
            assert_eq!(fault(&html), None);
            assert!(!html.contains("<script") && !html.contains("NaN"));
        }
    }

    #[test]
    fn the_checker_of_markup_sees_what_it_must() {
        assert!(fault("<p><b>x</p>").is_some() && fault("<p>").is_some());
        assert_eq!(fault("<!doctype html><p>a<br/>b</p>"), None);
    }

    #[test]
    fn the_page_needs_nothing_from_elsewhere() {
        let html = page(&[record("fanout-200", "chevet", 4.0)]);
        assert!(!html.contains("http://") && !html.contains("https://") && !html.contains("url("));
    }

    #[test]
    fn peers_and_floor_stand_side_by_side_and_void_runs_are_marked() {
        let mut void = record("fanout-200", "janus", 18.5);
        void.void = true;
        let html = page(&[record("fanout-200", "chevet", 4.0), void, record("fanout-200", "floor", 3.6)]);
        assert!(html.contains("<rect class=\"chevet\"") && html.contains("<rect class=\"floor\""));
        assert!(html.contains("<rect class=\"janus void\""));
    }
}
