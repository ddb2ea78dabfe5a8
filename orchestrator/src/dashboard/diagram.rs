//! The steps of a definition as a diagram that is readable at any width: text in columns, beside each other on a wide
//! screen and below each other on a narrow one. Unlike the BPMN drawing of a definition it shows what happens to sagas:
//! the ways to compensation and failure are drawn where they were taken, and otherwise for the step in focus.

use std::collections::BTreeSet;

use maud::{Markup, html};
use saga::{CONCLUDE, Definition, Mark, Marks, Step, Work};

use crate::i18n::{Lang, step_label};

/// A diagram.
pub(super) struct Diagram<'a> {
    pub definition: &'a Definition,
    pub marks: &'a Marks,
    /// The steps at which sagas were refused or failed.
    pub failed: &'a BTreeSet<String>,
    /// The accessible name.
    pub about: &'static str,
}

/// A diagram of the steps, from the start event to the endings.
pub(super) fn diagram(diagram: &Diagram<'_>, lang: Lang) -> Markup {
    let definition = diagram.definition;
    let columns = columns(&definition.steps);
    let marks = diagram.marks;
    html! { ol.strip aria-label=(diagram.about) {
        li.terminal { span.event { (definition.start.event) } }
        @for (index, column) in columns.iter().enumerate() {
            @let before = index.checked_sub(1).and_then(|before| columns.get(before));
            li { @for step in column { (node(diagram, step, before, lang)) } }
        }
        @for conclude in [&marks.conclude, &marks.conclude_back].into_iter().flatten().take(1) {
            li { div.node { (card(CONCLUDE, &step_label(Some(definition), CONCLUDE, lang), false, conclude, lang)) } }
        }
        li.terminal { ul.endings {
            li { (lang.status(&definition.endings.completed.status)) }
            @for status in unhappy(definition) { li.other { (lang.status(status)) } }
        } }
    } }
}

/// The steps by column: each is right of those that it follows.
fn columns(steps: &[Step]) -> Vec<Vec<&Step>> {
    let mut ranks = vec![0_usize; steps.len()];
    // The graph has no cycle, so that as many rounds as steps settle it.
    for _ in steps {
        for (index, step) in steps.iter().enumerate() {
            let after = |name: &String| {
                let before = steps.iter().position(|other| other.name == *name);
                before.and_then(|before| ranks.get(before)).map_or(0, |rank| rank + 1)
            };
            let rank = step.after.iter().map(after).max().unwrap_or(0);
            if let Some(own) = ranks.get_mut(index) {
                *own = rank;
            }
        }
    }
    let mut columns: Vec<Vec<&Step>> = vec![Vec::new(); ranks.iter().max().map_or(0, |last| last + 1)];
    for (step, rank) in steps.iter().zip(ranks) {
        if let Some(column) = columns.get_mut(rank) {
            column.push(step);
        }
    }
    columns
}

/// The statuses of the endings other than the completed one.
fn unhappy(definition: &Definition) -> BTreeSet<&str> {
    let endings = &definition.endings;
    let of_steps = endings.steps.values().flat_map(|step| [&step.refused, &step.failed, &step.timed_out]);
    let others = of_steps.chain([&endings.cancelled, &endings.deadline]).flatten().chain([&endings.default]);
    others.map(|ending| ending.status.as_str()).filter(|status| *status != endings.completed.status).collect()
}

fn node(diagram: &Diagram<'_>, step: &Step, before: Option<&Vec<&Step>>, lang: Lang) -> Markup {
    let none = Mark::default();
    let mark = diagram.marks.steps.get(&step.name).unwrap_or(&none);
    let undone = diagram.marks.compensations.get(&step.name);
    let failed = diagram.failed.contains(&step.name);
    let label = step.label.get(lang.tag());
    // The usual predecessors are those of the column to the left.
    let is_usual = before.is_none_or(|before| {
        before.len() == step.after.len() && before.iter().all(|known| step.after.contains(&known.name))
    });
    html! { div.node {
        (card(&step.name, label, matches!(step.work, Work::Receive(_)), mark, lang))
        @if !is_usual && !step.after.is_empty() { p.route {
            (lang.text("after", "após")) " "
            (labels(diagram.definition, &step.after, lang))
        } }
        @if let Some(undone) = undone { p.route.undo { "↩ " (undone.lines.join(" · ")) } }
        @if failed { p.route.error { "✗ → " (endings_at(diagram.definition, step, lang)) } }
        div.more role="note" {
            @if step.pivot { p.route { (lang.text("Point of no return: later failures are incidents",
                "Ponto sem volta: falhas posteriores são incidentes")) } }
            @if let Some(undo) = &step.compensate {
                p.route.undo { "↩ " (lang.text("undone by", "desfeito por")) " " (undo.command) }
            }
            p.route.error { "✗ → " (endings_at(diagram.definition, step, lang)) }
        }
    } }
}

fn labels(definition: &Definition, steps: &[String], lang: Lang) -> String {
    let labels = steps.iter().map(|name| step_label(Some(definition), name, lang));
    labels.collect::<Vec<_>>().join(", ")
}

/// How a saga ends that aborts at a step.
fn endings_at(definition: &Definition, step: &Step, lang: Lang) -> String {
    let endings = &definition.endings;
    if step.pivot {
        return lang.text("incident", "incidente").to_owned();
    }
    let own = endings.steps.get(&step.name);
    let own = own.into_iter().flat_map(|own| [&own.refused, &own.failed, &own.timed_out]).flatten();
    let mut statuses: BTreeSet<&str> = own.map(|ending| ending.status.as_str()).collect();
    if statuses.is_empty() {
        statuses.insert(&endings.default.status);
    }
    statuses.into_iter().map(|status| lang.status(status)).collect::<Vec<_>>().join(", ")
}

fn card(name: &str, label: &str, waits: bool, mark: &Mark, lang: Lang) -> Markup {
    let inside = html! {
        strong { (label) @if waits {
            " " span.kind title=(lang.text("waits for a message", "aguarda uma mensagem")) { "✉" }
        } }
        @for line in &mark.lines { span.live { (line) } }
    };
    html! { @match &mark.href {
        Some(href) => { a class={ "card " (mark.class) } data-step=(name) href=(href) title=(mark.title) { (inside) } }
        None => { div class={ "card " (mark.class) } data-step=(name) title=(mark.title) tabindex="0" { (inside) } }
    } }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn definition() -> Definition {
        Definition::parse("order.toml", include_str!("../../sagas/order.toml")).unwrap()
    }

    #[test]
    fn steps_are_right_of_those_they_follow_and_parallel_ones_share_a_column() {
        let text = include_str!("../../core/tests/kept/order-4.toml");
        let definition = Definition::parse("order-4.toml", text).unwrap();
        let columns = columns(&definition.steps);
        let names: Vec<Vec<&str>> =
            columns.iter().map(|column| column.iter().map(|step| step.name.as_str()).collect()).collect();
        let parallel = vec!["finalize", "confirm"];
        assert!(names.contains(&parallel), "{names:?}");
        assert_eq!(names.concat().len(), definition.steps.len());
    }

    #[test]
    fn the_way_of_a_failure_is_drawn_where_it_was_taken() {
        let definition = definition();
        let marks = Marks::default();
        let failed = BTreeSet::from(["payment-result".to_owned()]);
        let drawn = Diagram { definition: &definition, marks: &marks, failed: &failed, about: "the flow" };
        let text = diagram(&drawn, Lang::En).into_string();
        let persistent = text.matches("</a><p class=\"route error\"").count()
            + text.matches("</div><p class=\"route error\"").count();
        assert_eq!(persistent, 1, "{text}");
        for step in &definition.steps {
            assert!(text.contains(step.label.get("en")), "{}", step.name);
        }
    }
}
