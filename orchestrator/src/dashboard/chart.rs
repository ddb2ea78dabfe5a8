//! A line chart over time as SVG, without script or inline style.

use std::fmt::Write as _;

use maud::{Markup, html};

use crate::i18n::Lang;

const WIDTH: usize = 720;
const HEIGHT: usize = 180;
/// The space left of the first point, for the numbers of the scale.
const LEFT: usize = 64;
const TOP: usize = 20;
const BOTTOM: usize = 28;

/// A line; its class sets its colour.
pub(super) struct Line<'a> {
    pub name: String,
    pub class: &'a str,
    pub points: &'a [u64],
}

/// A chart of lines over the same times; `from` and `to` are the labels of the first and the last time.
pub(super) fn lines(lang: Lang, about: &str, lines: &[Line<'_>], from: &str, to: &str) -> Markup {
    let most = lines.iter().flat_map(|line| line.points).copied().max().unwrap_or(0);
    let top = round_up(most);
    let bottom = HEIGHT - BOTTOM;
    let right = WIDTH - 8;
    html! {
        div.scroll tabindex="0" role="region" aria-label=(about) {
        svg.chart viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img" aria-label=(summary(lang, about, lines)) {
            @for part in [0, 1, 2] {
                @let y = bottom - (bottom - TOP) * part / 2;
                @let value = top * u64::try_from(part).unwrap_or(0) / 2;
                line.grid x1=(LEFT) x2=(right) y1=(y) y2=(y) {}
                text.scale x=(LEFT - 6) y=(y + 4) text-anchor="end" { (lang.number(value)) }
            }
            text.scale x=(LEFT) y=(HEIGHT - 6) { (from) }
            text.scale x=(right) y=(HEIGHT - 6) text-anchor="end" { (to) }
            @for line in lines.iter().rev() {
                path class={ "line " (line.class) } d=(path(line.points, top, right, bottom)) {}
            }
        } }
        ul.lines { @for line in lines { li {
            span class={ "dash " (line.class) } aria-hidden="true" {}
            (line.name) " " strong { (lang.number(line.points.iter().sum())) }
        } } }
    }
}

/// The next round number above; even, so that its half is whole.
fn round_up(most: u64) -> u64 {
    let mut scale = 1;
    loop {
        for step in [2, 4, 10] {
            if most <= step * scale {
                return step * scale;
            }
        }
        scale *= 10;
    }
}

fn path(points: &[u64], top: u64, right: usize, bottom: usize) -> String {
    let mut text = String::new();
    let last = points.len().saturating_sub(1).max(1);
    for (place, value) in points.iter().enumerate() {
        let x = LEFT as f64 + (right - LEFT) as f64 * place as f64 / last as f64;
        let y = bottom as f64 - (bottom - TOP) as f64 * *value as f64 / top as f64;
        // Writing to a `String` cannot fail.
        _ = write!(text, "{}{x:.1} {y:.1}", if place == 0 { 'M' } else { 'L' });
    }
    text
}

fn summary(lang: Lang, about: &str, lines: &[Line<'_>]) -> String {
    let sums = lines.iter().map(|line| format!("{} {}", line.name, lang.number(line.points.iter().sum())));
    format!("{about}: {}", sums.collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_ends_at_a_round_number() {
        for (most, top) in [(0, 2), (2, 2), (3, 4), (5, 10), (11, 20), (399, 400), (401, 1_000), (1_001, 2_000)] {
            assert_eq!(round_up(most), top);
        }
    }

    #[test]
    fn every_point_is_inside() {
        let text = path(&[0, 5, 10], 10, 100, 80);
        assert_eq!(text, "M64.0 80.0L82.0 50.0L100.0 20.0");
        assert_eq!(path(&[], 2, 100, 80), "");
    }
}
