//! Plots as inline SVG, without a script: lines over two axes, and bars.

use super::number;

const WIDTH: f64 = 620.0;
const HEIGHT: f64 = 320.0;
const LEFT: f64 = 62.0;
const RIGHT: f64 = 30.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 46.0;

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scale {
    /// From zero.
    Linear,
    Log,
    /// Shares from 0 to 1, with as much room for each nine: 0.9, 0.99, 0.999.
    Nines,
}

pub struct Axis {
    pub label: String,
    pub scale: Scale,
}

pub struct Series {
    pub name: String,
    /// CSS class that gives the colour.
    pub class: String,
    /// With what a pointer resting on the point shows, besides the values.
    pub points: Vec<(f64, f64, String)>,
    /// Not to be relied on: drawn thin.
    pub void: bool,
    /// Connected by a line.
    pub line: bool,
    /// A mark at each point.
    pub marks: bool,
}

/// Text for XML.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// The place of a value, growing, in units of the scale.
fn place(scale: Scale, value: f64) -> f64 {
    match scale {
        Scale::Linear => value,
        Scale::Log => value.max(1e-9).log10(),
        Scale::Nines => -(1.0 - value.clamp(0.0, 0.999_99)).log10(),
    }
}

/// Where the axis begins and ends, and its marks with their texts.
fn ticks(scale: Scale, values: &[f64]) -> (f64, f64, Vec<(f64, String)>) {
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    match scale {
        Scale::Linear => {
            let step = nice(high.max(1e-9) / 5.0);
            let count = (high.max(1e-9) / step).ceil().max(1.0);
            let marks = (0..=count as u32).map(|at| f64::from(at) * step).map(|at| (at, mark(at))).collect();
            (0.0, count * step, marks)
        }
        Scale::Log => {
            let first = low.max(1e-3).log10().floor();
            let last = high.max(1e-3).log10().ceil().max(first + 1.0);
            let wide = last - first > 2.5;
            let steps: &[f64] = if wide { &[1.0] } else { &[1.0, 2.0, 5.0] };
            let decades = (0..=(last - first) as i32).map(|decade| 10_f64.powf(first + f64::from(decade)));
            let marks = decades
                .flat_map(|decade| steps.iter().map(move |step| decade * step))
                .filter(|at| at.log10() <= last + 1e-9)
                .map(|at| (at, mark(at)))
                .collect();
            (first, last, marks)
        }
        Scale::Nines => {
            let marks = [0.0, 0.5, 0.9, 0.95, 0.99, 0.999, 0.9999];
            let marks = marks.iter().map(|at| (*at, format!("{}", (at * 1e6_f64).round() / 1e4))).collect();
            (0.0, 4.0, marks)
        }
    }
}

/// A number for an axis: 10, not 10.0.
fn mark(value: f64) -> String {
    let text = number(value);
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// 1, 2 or 5 times a power of ten, at least `value`.
fn nice(value: f64) -> f64 {
    let power = 10_f64.powf(value.log10().floor());
    [1.0, 2.0, 5.0, 10.0].iter().map(|step| step * power).find(|step| *step >= value * 0.999).unwrap_or(power)
}

/// One plot; empty when there is nothing to show.
pub fn lines(x: &Axis, y: &Axis, series: &[Series]) -> String {
    let all = || series.iter().flat_map(|series| series.points.iter());
    if all().next().is_none() {
        return String::new();
    }
    let (x_low, x_high, x_marks) = ticks(x.scale, &all().map(|point| point.0).collect::<Vec<_>>());
    let (y_low, y_high, y_marks) = ticks(y.scale, &all().map(|point| point.1).collect::<Vec<_>>());
    let across = |value: f64| {
        LEFT + (place(x.scale, value) - x_low) / (x_high - x_low).max(1e-9) * (WIDTH - LEFT - RIGHT)
    };
    let down = |value: f64| {
        HEIGHT
            - BOTTOM
            - (place(y.scale, value) - y_low) / (y_high - y_low).max(1e-9) * (HEIGHT - TOP - BOTTOM)
    };
    let mut svg = format!(
        "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{} against {}\">\n",
        escape(&y.label),
        escape(&x.label)
    );
    for (at, text) in &y_marks {
        let y = down(*at);
        svg.push_str(&format!(
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/><text class=\"tick\" x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{text}</text>\n",
            WIDTH - RIGHT,
            LEFT - 6.0,
            y + 4.0
        ));
    }
    for (at, text) in &x_marks {
        let x = across(*at);
        svg.push_str(&format!(
            "<line class=\"grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" y2=\"{}\"/><text class=\"tick\" x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{text}</text>\n",
            HEIGHT - BOTTOM,
            HEIGHT - BOTTOM + 16.0
        ));
    }
    svg.push_str(&format!(
        "<text class=\"label\" x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>\n",
        (LEFT + WIDTH - RIGHT) / 2.0,
        HEIGHT - 8.0,
        escape(&x.label)
    ));
    let middle = (TOP + HEIGHT - BOTTOM) / 2.0;
    svg.push_str(&format!(
        "<text class=\"label\" x=\"14\" y=\"{middle}\" text-anchor=\"middle\" transform=\"rotate(-90 14 {middle})\">{}</text>\n",
        escape(&y.label)
    ));
    for series in series {
        svg.push_str(&draw(series, &across, &down));
    }
    svg.push_str("</svg>\n");
    svg
}

fn draw(series: &Series, across: &dyn Fn(f64) -> f64, down: &dyn Fn(f64) -> f64) -> String {
    let mut svg = format!("<g class=\"{}{}\">\n", series.class, if series.void { " void" } else { "" });
    if series.line && series.points.len() > 1 {
        let path: Vec<String> =
            series.points.iter().map(|(x, y, _)| format!("{:.1},{:.1}", across(*x), down(*y))).collect();
        svg.push_str(&format!(
            "<polyline points=\"{}\"><title>{}</title></polyline>\n",
            path.join(" "),
            escape(&series.name)
        ));
    }
    if series.marks {
        for (x, y, note) in &series.points {
            svg.push_str(&format!(
                "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"4\"><title>{}: {} at {}{}{}</title></circle>\n",
                across(*x),
                down(*y),
                escape(&series.name),
                number(*y),
                number(*x),
                if note.is_empty() { "" } else { ", " },
                escape(note)
            ));
        }
    }
    svg.push_str("</g>\n");
    svg
}

pub struct Bar {
    pub name: String,
    pub class: String,
    pub value: f64,
    pub void: bool,
}

/// Lying bars in groups, all to one scale, each with its value.
pub fn bars(groups: &[(String, Vec<Bar>)], unit: &str) -> String {
    const ROW: f64 = 18.0;
    const GAP: f64 = 14.0;
    const NAMES: f64 = 250.0;
    let greatest = groups.iter().flat_map(|(_, bars)| bars).map(|bar| bar.value).fold(0.0, f64::max);
    if greatest <= 0.0 {
        return String::new();
    }
    let height: f64 = groups.iter().map(|(_, bars)| bars.len() as f64 * ROW + GAP).sum();
    let width = 900.0;
    let mut svg =
        format!("<svg viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{}\">\n", escape(unit));
    let mut y = GAP / 2.0;
    for (group, bars) in groups {
        svg.push_str(&format!(
            "<text class=\"label strong\" x=\"4\" y=\"{:.1}\">{}</text>\n",
            y + 13.0,
            escape(group)
        ));
        for bar in bars {
            let length = (bar.value / greatest * (width - NAMES - 110.0)).max(1.0);
            svg.push_str(&format!(
                "<text class=\"tick\" x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text><rect class=\"{}{}\" x=\"{NAMES}\" y=\"{:.1}\" width=\"{length:.1}\" height=\"{}\" rx=\"2\"/><text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\">{}{}</text>\n",
                NAMES - 6.0,
                y + 13.0,
                escape(&bar.name),
                bar.class,
                if bar.void { " void" } else { "" },
                y + 2.0,
                ROW - 4.0,
                NAMES + length + 6.0,
                y + 13.0,
                number(bar.value),
                if bar.void { " void" } else { "" }
            ));
            y += ROW;
        }
        y += GAP;
    }
    svg.push_str("</svg>\n");
    svg
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(scale: Scale) -> Axis {
        Axis { label: "a < b".into(), scale }
    }

    fn series(points: &[(f64, f64)]) -> Series {
        Series {
            name: "one & two".into(),
            class: "chevet".into(),
            points: points.iter().map(|(x, y)| (*x, *y, String::new())).collect(),
            void: false,
            line: true,
            marks: true,
        }
    }

    fn coordinates(svg: &str) -> Vec<(f64, f64)> {
        let value = |text: &str, name: &str| -> f64 {
            text.split(&format!("{name}=\"")).nth(1).unwrap().split('"').next().unwrap().parse().unwrap()
        };
        svg.lines()
            .filter(|line| line.contains("<circle"))
            .map(|line| (value(line, "cx"), value(line, "cy")))
            .collect()
    }

    #[test]
    fn points_lie_inside_the_axes_on_every_scale() {
        for (x, y) in
            [(Scale::Log, Scale::Linear), (Scale::Nines, Scale::Log), (Scale::Linear, Scale::Linear)]
        {
            let points = [(0.01, 2.0), (0.5, 30.0), (0.99, 4000.0)];
            for (x, y) in coordinates(&lines(&axis(x), &axis(y), &[series(&points)])) {
                assert!((LEFT - 0.1..=WIDTH - RIGHT + 0.1).contains(&x), "{x}");
                assert!((TOP - 0.1..=HEIGHT - BOTTOM + 0.1).contains(&y), "{y}");
            }
        }
    }

    #[test]
    fn more_is_higher_and_further_right() {
        let svg = lines(&axis(Scale::Log), &axis(Scale::Linear), &[series(&[(10.0, 1.0), (1000.0, 5.0)])]);
        let found = coordinates(&svg);
        assert!(found[0].0 < found[1].0 && found[0].1 > found[1].1, "{found:?}");
    }

    #[test]
    fn one_value_alone_can_be_drawn_and_none_draws_nothing() {
        let alone = lines(&axis(Scale::Log), &axis(Scale::Log), &[series(&[(7.0, 7.0)])]);
        assert!(!alone.contains("NaN") && !alone.contains("inf"), "{alone}");
        assert_eq!(lines(&axis(Scale::Log), &axis(Scale::Log), &[series(&[])]), "");
    }

    #[test]
    fn names_cannot_break_the_markup() {
        let svg = lines(&axis(Scale::Log), &axis(Scale::Log), &[series(&[(1.0, 1.0), (2.0, 2.0)])]);
        assert!(svg.contains("one &amp; two") && svg.contains("a &lt; b"), "{svg}");
    }
}
