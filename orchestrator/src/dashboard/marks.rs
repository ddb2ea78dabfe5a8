//! What is written onto the drawings: numbers and heat for all sagas of a definition, the taken way for one.

use saga::{Definition, Mark, Marks, Saga, StepState, StepStatus};

use super::query::link;
use crate::api::Flow;
use crate::stats::{StepStats, heat};
use crate::words::Lang;

/// The telling of the ending.
const CONCLUDE: &str = "conclude";

/// The flow of all sagas of a definition's version.
pub(super) fn flow(flow: &Flow, lang: Lang) -> Marks {
    let mut marks = Marks::default();
    for step in &flow.steps {
        let offends = flow.offender.as_ref().is_some_and(|offender| offender.step() == step.step);
        let hot = format!("heat-{}{}", heat(step.share_of_waiting), if offends { " offends" } else { "" });
        let version = flow.definition.version.to_string();
        let to = [
            ("definition", Some(flow.definition.name.as_str())),
            ("version", Some(version.as_str())),
            ("step", Some(step.step.as_str())),
        ];
        let href = Some(format!("/sagas?{}", link(&to)));
        let title = format!("{}: {}", flow.label(&step.step, lang), whole(step, lang).join(", "));
        let undoing = step.undoing > 0;
        let mark = Mark { class: hot, lines: lines(step, lang), href, title };
        if step.step == CONCLUDE {
            // Both ways of telling are counted together.
            (marks.conclude, marks.conclude_back) = (Some(mark.clone()), Some(mark));
            continue;
        }
        marks.steps.insert(step.step.clone(), mark);
        if undoing {
            let text = format!("{} {}", lang.number(step.undoing), lang.say("being undone", "sendo desfeitas"));
            let mark = Mark { class: "busy".to_owned(), lines: vec![text.clone()], href: None, title: text };
            marks.compensations.insert(step.step.clone(), mark);
        }
    }
    marks
}

/// What is said in a step's box: who is there, and how it goes.
fn lines(step: &StepStats, lang: Lang) -> Vec<String> {
    let mut here = vec![format!("{} {}", lang.number(step.now), lang.say("here", "aqui"))];
    if let Some(oldest) = step.oldest_wait_ms {
        here.push(format!("{} {}", lang.say("oldest", "há até"), lang.span(oldest.unsigned_abs())));
    }
    let mut past = Vec::new();
    if let Some(p95) = step.p95_ms {
        past.push(format!("p95 {}", lang.span(p95)));
    }
    let lost = step.refused + step.failed + step.timed_out;
    if lost > 0 {
        past.push(format!("✗ {}", lang.percent(step.percent(lost))));
    }
    [here, past].into_iter().filter(|line| !line.is_empty()).map(|line| line.join(" · ")).collect()
}

/// All that is known of a step, for who points at it.
fn whole(step: &StepStats, lang: Lang) -> Vec<String> {
    let counts = [
        (step.now, lang.say("here now", "aqui agora")),
        (step.started, lang.say("started", "iniciados")),
        (step.refused, lang.say("refused", "recusados")),
        (step.failed, lang.say("failed", "falharam")),
        (step.timed_out, lang.say("timed out", "com tempo esgotado")),
    ];
    let times = [("p50", step.p50_ms), ("p95", step.p95_ms), ("p99", step.p99_ms)];
    let counts = counts.into_iter().map(|(count, what)| format!("{} {what}", lang.number(count)));
    counts.chain(times.into_iter().filter_map(|(name, ms)| Some(format!("{name} {}", lang.span(ms?))))).collect()
}

/// The way that one saga took.
pub(super) fn way(saga: &Saga, definition: &Definition, lang: Lang, now: i64) -> Marks {
    let mut marks = Marks::default();
    for step in saga.all_steps() {
        let label = definition.step(&step.name).map_or(step.name.as_str(), |known| known.label.get(lang.tag()));
        let mut lines = vec![lang.status(step.before_compensation.map_or(step.status, |was| was.status).as_str())];
        if let Some(took) = took(step, now) {
            let tries = if step.attempts > 1 { format!(" · {}×", step.attempts) } else { String::new() };
            lines.push(format!("{}{tries}", lang.span(took)));
        }
        let title = format!("{label}: {}", lines.join(", "));
        let href = step.started.map(|_| format!("#step-{}", step.name));
        let mark = Mark { class: format!("way-{}", kind(step)), lines, href, title };
        if step.name == CONCLUDE {
            let told = if saga.is_aborted() { &mut marks.conclude_back } else { &mut marks.conclude };
            *told = Some(mark);
            continue;
        }
        marks.steps.insert(step.name.clone(), mark);
        if step.compensations > 0 {
            let text = lang.status(step.status.as_str());
            let kind = if step.status == StepStatus::Compensating { "now" } else { kind_of(step.status) };
            let class = format!("way-{kind}");
            let mark = Mark { class, lines: vec![text.clone()], href: None, title: text };
            marks.compensations.insert(step.name.clone(), mark);
        }
    }
    marks
}

/// How long it took to do it, or takes by now.
fn took(step: &StepState, now: i64) -> Option<u64> {
    let end = step.outcome().map_or(saga::Timestamp(now), |(_, at)| at);
    Some(end.since(step.started?))
}

/// What a step's box looks like.
fn kind(step: &StepState) -> &'static str {
    kind_of(step.before_compensation.map_or(step.status, |was| was.status))
}

const fn kind_of(status: StepStatus) -> &'static str {
    match status {
        StepStatus::Waiting => "ahead",
        StepStatus::Running => "now",
        StepStatus::Retrying => "retrying",
        StepStatus::Done => "done",
        StepStatus::Refused | StepStatus::Failed | StepStatus::TimedOut => "failed",
        StepStatus::Abandoned | StepStatus::Skipped => "skipped",
        StepStatus::Stuck => "stuck",
        StepStatus::Compensating | StepStatus::Compensated => "undone",
    }
}
