//! The timeline of a saga: for each step, bars for its execution and its compensation, and ticks for further attempts.

use maud::{Markup, html};
use saga::{Definition, Saga, StepState, StepStatus, What};

use crate::i18n::{Lang, step_label};

const WIDTH: f64 = 760.0;
/// The space left of the bars, for the names.
const LEFT: f64 = 190.0;
const ROW: f64 = 30.0;
/// The width of the narrowest bar.
const MIN_BAR: f64 = 3.0;

/// A bar, between two times in milliseconds.
struct Bar {
    from: i64,
    to: i64,
    class: &'static str,
}

/// The timeline of a saga; of an open one, up to now.
pub(super) fn timeline(saga: &Saga, definition: Option<&Definition>, lang: Lang, now: i64) -> Markup {
    let steps: Vec<&StepState> = saga.all_steps().filter(|step| step.started.is_some()).collect();
    let first = saga.started.0;
    let last = saga.ended.map_or(now, |at| at.0).max(saga.updated.0);
    let whole = (last - first).max(1) as f64;
    let x = |at: i64| LEFT + (at - first).clamp(0, last - first) as f64 / whole * (WIDTH - LEFT - 90.0);
    let height = steps.len() as f64 * ROW + 30.0;
    let about = lang.text("Timeline of the saga", "Linha do tempo da saga");
    html! {
        div.scroll tabindex="0" role="region" aria-label=(about) {
        @let summary = summary(&steps, definition, lang, now);
        svg.timeline viewBox={ "0 0 " (WIDTH) " " (height) } role="img" aria-label=(summary) {
            @for part in 0..=4 {
                @let at = first + (last - first) * part / 4;
                @let place = tidy(x(at));
                line.grid x1=(place) x2=(place) y1="0" y2=(height - 22.0) {}
                text.scale x=(place) y=(height - 8.0) text-anchor="middle" { (lang.span((at - first).unsigned_abs())) }
            }
            @for (row, step) in (0_u32..).zip(&steps) {
                @let y = f64::from(row) * ROW + 4.0;
                text.name x=(LEFT - 10.0) y=(y + 15.0) text-anchor="end" {
                    (shortened(&step_label(definition, &step.name, lang)))
                }
                @let bars = bars(step, last);
                @for bar in &bars {
                    @let from = x(bar.from);
                    rect class={ "bar " (bar.class) } x=(tidy(from)) y=(y) height="20" rx="3"
                        width=(tidy((x(bar.to) - from).max(MIN_BAR))) {}
                }
                @for (at, class) in attempts(saga, step) {
                    @let place = tidy(x(at));
                    line class={ "tick " (class) } x1=(place) x2=(place) y1=(y - 2.0) y2=(y + 22.0) {}
                }
                @let end = bars.iter().map(|bar| x(bar.to).max(x(bar.from) + MIN_BAR)).fold(LEFT, f64::max);
                @let took: i64 = bars.iter().map(|bar| bar.to - bar.from).sum();
                text.took x=(tidy(end + 6.0)) y=(y + 15.0) { (lang.span(took.unsigned_abs())) }
            }
        } }
        (legend(lang))
    }
}

fn legend(lang: Lang) -> Markup {
    let bars = [
        ("done", lang.text("done", "concluído")),
        ("open", lang.text("waiting", "aguardando")),
        ("failed", lang.text("not done", "não concluído")),
        ("undo", lang.text("compensation", "compensação")),
    ];
    html! { ul.lines {
        @for (class, text) in bars { li { span class={ "dash bar " (class) } aria-hidden="true" {} (text) } }
        li { span.dash.tick aria-hidden="true" {} (lang.text("attempt", "tentativa")) }
    } }
}

fn bars(step: &StepState, last: i64) -> Vec<Bar> {
    let Some(started) = step.started else { return Vec::new() };
    let outcome = step.outcome();
    let class = match outcome.map(|(status, _)| status) {
        Some(StepStatus::Done) => "done",
        Some(_) => "failed",
        None if step.status == StepStatus::Stuck => "failed",
        None => "open",
    };
    let mut bars = vec![Bar { from: started.0, to: outcome.map_or(last, |(_, at)| at.0), class }];
    if let Some(was) = step.before_compensation {
        let undone = step.status == StepStatus::Compensated;
        let to = step.ended.filter(|_| undone).map_or(last, |at| at.0);
        bars.push(Bar { from: was.until.0, to, class: if undone { "undo" } else { "undo open" } });
    }
    bars
}

/// The further and the failed attempts of a step that the history still has; the first attempt is the start of the bar.
fn attempts<'s>(saga: &'s Saga, step: &'s StepState) -> impl Iterator<Item = (i64, &'static str)> + 's {
    let own = saga.history.iter().filter(|entry| entry.step == step.name);
    own.filter_map(|entry| match entry.what {
        What::Sent | What::CompensationSent if entry.attempt > 1 => Some((entry.at.0, "again")),
        What::Failed | What::TimedOut | What::CompensationFailed | What::CompensationTimedOut => {
            Some((entry.at.0, "failed"))
        }
        What::Sent
        | What::CompensationSent
        | What::Started
        | What::Done
        | What::Refused
        | What::Abandoned
        | What::Skipped
        | What::CompensationStarted
        | What::Compensated
        | What::CompensationRefused
        | What::Incident
        | What::Resumed
        | What::CallbackStored
        | What::Happened
        | What::OperatorAction
        | What::OperatorRefused
        | What::Ignored
        | What::Ended => None,
    })
}

fn summary(steps: &[&StepState], definition: Option<&Definition>, lang: Lang, now: i64) -> String {
    let one = |step: &&StepState| {
        let end = step.outcome().map_or(saga::Timestamp(now), |(_, at)| at);
        let took = step.started.map_or(0, |started| end.since(started));
        format!("{} {}", step_label(definition, &step.name, lang), lang.span(took))
    };
    steps.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn tidy(x: f64) -> String {
    format!("{x:.1}")
}

fn shortened(text: &str) -> String {
    if text.chars().count() <= 26 {
        text.to_owned()
    } else {
        format!("{}…", text.chars().take(25).collect::<String>())
    }
}
