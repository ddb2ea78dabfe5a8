//! A line chart over time as SVG, without script or inline style. The script lets the user drag a period in it.

use std::fmt::Write as _;

use maud::{Markup, html};

use crate::i18n::Lang;

const WIDTH: usize = 720;
const HEIGHT: usize = 180;
/// The space left of the first point, for the numbers of the scale.
const LEFT: usize = 64;
const TOP: usize = 20;
const BOTTOM: usize = 28;

/// A line; its class sets its colour. A point without a value is a gap.
pub(super) struct Line<'a> {
    pub name: String,
    pub class: &'a str,
    pub points: Vec<Option<u64>>,
}

/// What the points of a chart are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// How many happened; the legend has the sum.
    Count,
    /// How many there were; the legend has the most.
    Level,
    /// Milliseconds; the legend has the most.
    Span,
}

/// The times of a chart, in milliseconds since 1970.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    pub from: i64,
    pub to: i64,
}

/// A chart of lines over the same times.
pub(super) struct Chart<'a> {
    pub about: &'a str,
    pub unit: Unit,
    pub lines: &'a [Line<'a>],
    pub times: Times,
}

/// The chart, with its legend.
pub(super) fn chart(lang: Lang, chart: &Chart<'_>) -> Markup {
    let Chart { about, unit, lines, times } = chart;
    let most = lines.iter().flat_map(|line| &line.points).flatten().copied().max().unwrap_or(0);
    let top = if *unit == Unit::Span { round_span(most) } else { round_up(most) };
    let bottom = HEIGHT - BOTTOM;
    let right = WIDTH - 8;
    let area = Area { left: LEFT, right, high: TOP, low: bottom };
    let is_long = times.to - times.from > 24 * 3_600_000;
    html! {
        div.scroll tabindex="0" role="region" aria-label=(about) {
        svg.chart viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img" aria-label=(summary(lang, chart))
            data-from=(times.from) data-to=(times.to) data-left=(LEFT) data-right=(right) {
            @for part in [0, 1, 2] {
                @let y = bottom - (bottom - TOP) * part / 2;
                @let value = top * u64::try_from(part).unwrap_or(0) / 2;
                line.grid x1=(LEFT) x2=(right) y1=(y) y2=(y) {}
                text.scale x=(LEFT - 6) y=(y + 4) text-anchor="end" { (display_text(lang, *unit, value)) }
            }
            (time_label(times.from, is_long, LEFT, "start"))
            (time_label(times.to, is_long, right, "end"))
            @for line in lines.iter().rev() {
                path class={ "line " (line.class) } d=(path(&line.points, top, &area)) {}
            }
        } }
        ul.lines { @for line in *lines { li {
            span class={ "dash " (line.class) } aria-hidden="true" {}
            (line.name) " " strong { (in_legend(lang, *unit, line)) }
        } } }
    }
}

/// A time below the chart; the script shows it in the user's time zone.
fn time_label(at: i64, is_long: bool, x: usize, anchor: &str) -> Markup {
    let time = saga::Timestamp(at).to_string();
    let (begin, end) = if is_long { (5, 16) } else { (11, 16) };
    let shown = time.get(begin..end).unwrap_or_default().replace('T', " ");
    html! { text.scale x=(x) y=(HEIGHT - 6) text-anchor=(anchor) data-at=(time) data-begin=(begin) data-end=(end) {
        (shown)
    } }
}

fn display_text(lang: Lang, unit: Unit, value: u64) -> String {
    match unit {
        Unit::Count | Unit::Level => lang.number(value),
        Unit::Span => lang.span(value),
    }
}

fn in_legend(lang: Lang, unit: Unit, line: &Line<'_>) -> String {
    let values = || line.points.iter().flatten().copied();
    match unit {
        Unit::Count => lang.number(values().sum()),
        Unit::Level | Unit::Span => match values().max() {
            Some(most) => format!("{} {}", lang.text("at most", "no máximo"), display_text(lang, unit, most)),
            None => "–".to_owned(),
        },
    }
}

/// The next round number above; even, so that its half is whole.
fn round_up(most: u64) -> u64 {
    let mut scale: u64 = 1;
    loop {
        for step in [2, 4, 10] {
            if most <= scale.saturating_mul(step) {
                return scale.saturating_mul(step);
            }
        }
        scale = scale.saturating_mul(10);
    }
}

/// The next duration above whose half is read easily, in milliseconds.
fn round_span(most: u64) -> u64 {
    const UNITS: [(u64, &[u64]); 4] = [
        (1, &[2, 4, 10, 20, 40, 100, 200, 400, 1_000]),
        (1_000, &[2, 4, 10, 20, 60]),
        (60_000, &[2, 4, 10, 20, 60]),
        (3_600_000, &[2, 4, 12, 24, 48, 96, 192]),
    ];
    let all = UNITS.iter().flat_map(|(unit, steps)| steps.iter().map(move |step| unit * step));
    all.into_iter().find(|top| most <= *top).unwrap_or_else(|| round_up(most))
}

/// The part of a drawing in which points are.
struct Area {
    left: usize,
    right: usize,
    high: usize,
    low: usize,
}

/// A path through points.
fn path(points: &[Option<u64>], top: u64, area: &Area) -> String {
    let Area { left, right, high, low } = *area;
    let mut text = String::new();
    let last = points.len().saturating_sub(1).max(1);
    let mut is_gap = true;
    for (place, value) in points.iter().enumerate() {
        let Some(value) = value else {
            is_gap = true;
            continue;
        };
        let x = left as f64 + (right - left) as f64 * place as f64 / last as f64;
        let y = low as f64 - (low - high) as f64 * *value as f64 / top.max(1) as f64;
        // Writing to a `String` cannot fail.
        _ = write!(text, "{}{x:.1} {y:.1}", if is_gap { 'M' } else { 'L' });
        // A point between gaps is a dot.
        if is_gap && points.get(place + 1).is_none_or(Option::is_none) {
            _ = write!(text, "h.1");
        }
        is_gap = false;
    }
    text
}

/// A small line without a scale, with its description.
pub(super) fn sparkline(points: &[u64], about: &str) -> Markup {
    let most = points.iter().copied().max().unwrap_or(0).max(1);
    let points: Vec<Option<u64>> = points.iter().copied().map(Some).collect();
    html! { svg.spark viewBox="0 0 72 18" role="img" aria-label=(about) {
        path.line d=(path(&points, most, &Area { left: 1, right: 71, high: 2, low: 16 })) {}
    } }
}

fn summary(lang: Lang, chart: &Chart<'_>) -> String {
    let all = chart.lines.iter().map(|line| format!("{} {}", line.name, in_legend(lang, chart.unit, line)));
    format!("{}: {}", chart.about, all.collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_ends_at_a_round_number() {
        for (most, top) in [(0, 2), (2, 2), (3, 4), (5, 10), (11, 20), (399, 400), (401, 1_000), (1_001, 2_000)] {
            assert_eq!(round_up(most), top);
        }
        for (most, top) in [(0, 2), (900, 1_000), (5_000, 10_000), (61_000, 120_000), (7_000_000, 7_200_000)] {
            assert_eq!(round_span(most), top);
        }
        assert!(round_up(u64::MAX) == u64::MAX && round_span(u64::MAX) == u64::MAX);
    }

    #[test]
    fn every_point_is_inside_and_a_gap_is_a_gap() {
        let of = |points: &[Option<u64>]| path(points, 10, &Area { left: LEFT, right: 100, high: TOP, low: 80 });
        assert_eq!(of(&[Some(0), Some(5), Some(10)]), "M64.0 80.0L82.0 50.0L100.0 20.0");
        assert_eq!(of(&[Some(0), None, Some(10)]), "M64.0 80.0h.1M100.0 20.0h.1");
        assert_eq!(of(&[]), "");
    }
}
