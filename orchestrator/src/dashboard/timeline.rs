//! The timeline of a saga: for each step, bars for its execution and its compensation, and a tick for each of several
//! attempts.

use maud::{Markup, html};
use saga::{Action, Definition, Saga, StepState, StepStatus};

use super::axis::ticks;
use crate::i18n::{Lang, step_label};
use crate::inspect::attempts::{Attempt, attempts};

const WIDTH: f64 = 760.0;
/// The space left of the bars, for the names.
const LEFT: f64 = 190.0;
/// The space right of the bars, for the durations.
const RIGHT: f64 = 125.0;
const ROW: f64 = 30.0;
/// The width of the narrowest bar.
const MIN_BAR: f64 = 3.0;
/// The most times on the axis, besides 0.
const MAX_TICKS: u64 = 6;

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
    let x = |at: i64| LEFT + (at - first).clamp(0, last - first) as f64 / whole * (WIDTH - LEFT - RIGHT);
    let height = steps.len() as f64 * ROW + 30.0;
    let about = lang.text("Timeline of the saga", "Linha do tempo da saga");
    html! {
        div.scroll tabindex="0" role="region" aria-label=(about) {
        @let summary = summary(&steps, definition, lang, now);
        svg.timeline viewBox={ "0 0 " (WIDTH) " " (height) } role="img" aria-label=(summary) {
            @for tick in ticks((last - first).unsigned_abs(), MAX_TICKS) {
                @let place = tidy(x(first.saturating_add(i64::try_from(tick).unwrap_or(i64::MAX))));
                line.grid x1=(place) x2=(place) y1="0" y2=(height - 22.0) {}
                text.scale x=(place) y=(height - 8.0) text-anchor="middle" { (lang.span(tick)) }
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
                @for attempt in &shown_attempts(saga, step) {
                    @let place = tidy(x(attempt.sent.0));
                    line.halo x1=(place) x2=(place) y1=(y - 3.0) y2=(y + 23.0) {}
                    line class={ "tick " (attempt.outcome.as_str()) } x1=(place) x2=(place) y1=(y - 2.0) y2=(y + 22.0) {
                        title { (attempt_title(attempt, lang)) }
                    }
                }
                @let end = bars.iter().map(|bar| x(bar.to).max(x(bar.from) + MIN_BAR)).fold(LEFT, f64::max);
                @let took: i64 = bars.iter().map(|bar| bar.to - bar.from).sum();
                @let tries = step.attempts.max(step.compensations);
                text.took x=(tidy(end + 6.0)) y=(y + 15.0) {
                    (lang.span(took.unsigned_abs())) @if tries > 1 { " · " (tries) "×" }
                }
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
        li { span.dash.tick.failed aria-hidden="true" {} (lang.text("failed attempt", "tentativa que falhou")) }
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

/// The attempts of a step, each once; a single one that succeeded or is open is the bar itself.
fn shown_attempts(saga: &Saga, step: &StepState) -> Vec<Attempt> {
    let all = attempts(saga, &step.name);
    let count = |action| all.iter().filter(|attempt| attempt.action == action).count();
    let executions = count(Action::Execute);
    let compensations = count(Action::Compensate);
    let is_one_of_several = |attempt: &Attempt| match attempt.action {
        Action::Execute => executions > 1,
        Action::Compensate => compensations > 1,
    };
    all.into_iter().filter(|attempt| is_one_of_several(attempt) || attempt.outcome.is_bad()).collect()
}

/// `attempt 3: timed out, 2 s`
fn attempt_title(attempt: &Attempt, lang: Lang) -> String {
    let kind = match attempt.action {
        Action::Execute => lang.text("attempt", "tentativa"),
        Action::Compensate => lang.text("attempt to compensate", "tentativa de compensação"),
    };
    let after = attempt.waited.map_or_else(String::new, |waited| format!(", {}", lang.span(waited)));
    format!("{kind} {}: {}{after}", attempt.number, lang.step_status(attempt.outcome.as_str()))
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A step whose ten attempts were not answered.
    fn saga() -> Saga {
        let mut history = vec![json!({"at": 0, "what": "started"})];
        for n in 1..=10 {
            let sent = n * 1_000;
            history.push(json!({"at": sent, "step": "pay", "n": n, "what": "sent"}));
            history.push(json!({"at": sent + 500, "step": "pay", "n": n, "what": "timed_out", "ms": 500}));
        }
        serde_json::from_value(json!({
            "id": "7c9e6679-7425-40de-944b-e07fc1f90ae7", "definition": "order", "version": 1, "status": "running",
            "started": 0, "updated": 11_000, "data": {}, "history": history,
            "steps": [{"name": "pay", "status": "retrying", "attempts": 10, "started": 1_000}],
            "conclude": {"name": "conclude", "status": "waiting"},
        }))
        .unwrap()
    }

    #[test]
    fn ten_attempts_have_ten_ticks_and_the_axis_round_times() {
        let text = timeline(&saga(), None, Lang::En, 12_400).into_string();
        assert_eq!(text.matches("class=\"tick ").count(), 10, "{text}");
        assert!(text.contains("attempt 10: timed out, 500 ms") && text.contains("· 10×"), "{text}");
        for time in ["0 ms", "2 s", "4 s", "12 s"] {
            assert!(text.contains(&format!(">{time}</text>")), "{time} in {text}");
        }
    }
}
