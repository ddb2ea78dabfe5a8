//! The marks on the drawings: numbers and heat for all sagas of a definition, the path of one saga.

use saga::{CONCLUDE, Definition, Mark, Marks, Saga, StepState, StepStatus};

use super::query::link;
use crate::api::Flow;
use crate::i18n::Lang;
use crate::stats::StepStats;

/// The marks for all sagas of a definition's version.
pub(super) fn flow(flow: &Flow, lang: Lang) -> Marks {
    let mut marks = Marks::default();
    for step in &flow.steps {
        let offends = if flow.offends(&step.step) { " offends" } else { "" };
        let hot = format!("heat-{}{offends}", flow.heat(&step.step));
        let version = flow.definition.version.to_string();
        let to = [
            ("definition", Some(flow.definition.name.as_str())),
            ("version", Some(version.as_str())),
            ("step", Some(step.step.as_str())),
        ];
        let href = Some(format!("/sagas?{}", link(&to)));
        let title = format!("{}: {}", flow.label(&step.step, lang), all_numbers(step, lang).join(", "));
        let undoing = step.undoing > 0;
        let mark = Mark { class: hot, lines: lines(step, lang), href, title };
        if step.step == CONCLUDE {
            // Forward and backward conclusions are counted together.
            marks.conclude = Some(mark.clone());
            marks.conclude_back = Some(mark);
            continue;
        }
        marks.steps.insert(step.step.clone(), mark);
        if undoing {
            let text = format!("{} {}", lang.number(step.undoing), lang.text("compensating", "em compensação"));
            let mark = Mark { class: "busy".to_owned(), lines: vec![text.clone()], href: None, title: text };
            marks.compensations.insert(step.step.clone(), mark);
        }
    }
    marks
}

/// The lines in a step's box: its current waits, then its latest outcomes.
fn lines(step: &StepStats, lang: Lang) -> Vec<String> {
    let mut here = vec![format!("{} {}", lang.number(step.now), lang.text("here", "aqui"))];
    if let Some(oldest) = step.oldest_wait_ms {
        here.push(format!("{} {}", lang.text("oldest", "mais antiga há"), lang.span(oldest.unsigned_abs())));
    }
    let mut past = Vec::new();
    if let Some(p95) = step.p95_ms {
        past.push(format!("p95 {}", lang.span(p95)));
    }
    if step.failure_percent > 0.0 {
        past.push(format!("✗ {}", lang.percent(step.failure_percent)));
    }
    [here, past].into_iter().filter(|line| !line.is_empty()).map(|line| line.join(" · ")).collect()
}

/// All numbers of a step, for its tooltip.
fn all_numbers(step: &StepStats, lang: Lang) -> Vec<String> {
    let counts = [
        (step.now, lang.text("here now", "aqui agora")),
        (step.overdue, lang.text("overdue", "em atraso")),
        (step.started, lang.text("started", "iniciados")),
        (step.refused, lang.text("refused", "recusados")),
        (step.failed, lang.text("failed", "com falha")),
        (step.timed_out, lang.text("timed out", "com tempo esgotado")),
        (step.failing, lang.text("failing now", "falhando agora")),
    ];
    let times = [("p50", step.p50_ms), ("p95", step.p95_ms), ("p99", step.p99_ms)];
    let counts = counts.into_iter().map(|(count, what)| format!("{} {what}", lang.number(count)));
    counts.chain(times.into_iter().filter_map(|(name, ms)| Some(format!("{name} {}", lang.span(ms?))))).collect()
}

/// The marks for the path of one saga.
pub(super) fn path(saga: &Saga, definition: &Definition, lang: Lang, now: i64) -> Marks {
    let mut marks = Marks::default();
    for step in saga.all_steps() {
        let label = definition.step(&step.name).map_or(step.name.as_str(), |known| known.label.get(lang.tag()));
        let mut lines = vec![lang.step_status(step.before_compensation.map_or(step.status, |was| was.status).as_str())];
        if let Some(took) = took(step, now) {
            let tries = if step.attempts > 1 { format!(" · {}×", step.attempts) } else { String::new() };
            lines.push(format!("{}{tries}", lang.span(took)));
        }
        let title = format!("{label}: {}", lines.join(", "));
        let href = step.started.map(|_| format!("#step-{}", step.name));
        let mark = Mark { class: format!("way-{}", kind(step)), lines, href, title };
        if step.name == CONCLUDE {
            let conclude = if saga.is_aborted() { &mut marks.conclude_back } else { &mut marks.conclude };
            *conclude = Some(mark);
            continue;
        }
        marks.steps.insert(step.name.clone(), mark);
        if step.compensations > 0 {
            let text = lang.step_status(step.status.as_str());
            let kind = if step.status == StepStatus::Compensating { "now" } else { kind_of(step.status) };
            let class = format!("way-{kind}");
            let mark = Mark { class, lines: vec![text.clone()], href: None, title: text };
            marks.compensations.insert(step.name.clone(), mark);
        }
    }
    marks
}

/// The duration of the step so far, in milliseconds.
fn took(step: &StepState, now: i64) -> Option<u64> {
    let end = step.outcome().map_or(saga::Timestamp(now), |(_, at)| at);
    Some(end.since(step.started?))
}

/// Returns true if the step was refused, failed or timed out.
pub(super) fn has_failed(step: &StepState) -> bool {
    kind(step) == "failed"
}

/// The class of a step's box.
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
