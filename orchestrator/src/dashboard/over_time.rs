//! The waits at a step over time: how many sagas waited, and how long.

use maud::{Markup, html};

use super::chart::{Chart, Line, Times, Unit, chart};
use crate::api::Flow;
use crate::i18n::Lang;
use crate::stats::{FlowHistory, MINUTE};

/// The charts of a step; nothing for a step that no saga has reached.
pub(super) fn over_time(flow: &Flow, history: &FlowHistory, step: &str, lang: Lang) -> Markup {
    let label = flow.label(step, lang);
    let Some(course) = history.steps.get(step) else {
        return html! { section id="over-time" { p.empty {
            (lang.text("No saga waited there:", "Nenhuma saga esperou ali:")) " " (label)
        } } };
    };
    let waiting = lang.text("waiting", "aguardando");
    let levels = [Line {
        name: waiting.to_owned(),
        class: "other-0",
        points: course.waiting.iter().copied().map(Some).collect(),
    }];
    let spans = [
        Line { name: "p50".to_owned(), class: "good", points: course.p50.clone() },
        Line { name: "p95".to_owned(), class: "rejected", points: course.p95.clone() },
    ];
    let times = Times { from: history.minutes.from(), to: history.minutes.to() };
    let how_many = format!("{label}: {}", lang.text("sagas that waited", "sagas que esperavam"));
    let how_long = format!("{label}: {}", lang.text("duration of those that ended", "duração das que terminaram"));
    let width = lang.span(history.width.unsigned_abs() * MINUTE.unsigned_abs());
    html! { section id="over-time" {
        h2 { (lang.text("Waiting over time:", "Espera ao longo do tempo:")) " " (label) }
        p.hint {
            (lang.text("A point is", "Um ponto é")) " " (width) ". "
            (lang.text("Drag over a chart to see a part of it, or choose the times above.",
                "Arraste sobre um gráfico para ver uma parte, ou escolha os horários acima."))
        }
        h3 { (how_many) }
        (chart(lang, &Chart { about: &how_many, unit: Unit::Level, lines: &levels, times }))
        h3 { (how_long) }
        (chart(lang, &Chart { about: &how_long, unit: Unit::Span, lines: &spans, times }))
    } }
}
