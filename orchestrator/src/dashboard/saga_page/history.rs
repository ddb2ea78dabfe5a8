//! The history of a saga as a table.

use maud::{Markup, html};
use saga::{Definition, Entry, Saga, What};

use super::super::components;
use crate::i18n::events::event_label;
use crate::i18n::{Lang, step_label};

/// The entries, the oldest first.
pub(super) fn history(saga: &Saga, definition: Option<&Definition>, lang: Lang) -> Markup {
    let heads = [
        lang.text("When", "Quando"),
        lang.text("Step", "Passo"),
        lang.text("Attempt", "Tentativa"),
        lang.text("Event", "Evento"),
        lang.text("Reason", "Motivo"),
        lang.text("Waited", "Espera"),
    ];
    html! {
        @if saga.folded > 0 {
            p.hint {
                (saga.folded) " "
                (lang.text("entries were removed.", "registros foram removidos."))
            }
        }
        div.scroll tabindex="0" role="region" aria-label=(lang.text("History", "Histórico")) { table.cards {
            thead { tr { @for head in heads { th scope="col" { (head) } } } }
            tbody { @for entry in &saga.history { (history_row(entry, definition, heads, lang)) } }
        } }
    }
}

fn history_row(entry: &Entry, definition: Option<&Definition>, heads: [&str; 6], lang: Lang) -> Markup {
    let optional = |is_shown: bool, text: &dyn Fn() -> String| is_shown.then(text);
    let step = optional(!entry.step.is_empty(), &|| step_label(definition, &entry.step, lang));
    let attempt = optional(entry.attempt > 0, &|| entry.attempt.to_string());
    let why = optional(!entry.why.is_empty(), &|| match entry.what == What::Ended {
        true => lang.status(&entry.why),
        false => lang.reason(&entry.why).into_owned(),
    });
    let times = optional(entry.repeats > 0, &|| format!(" ×{}", entry.repeats.saturating_add(1)));
    let waited = optional(entry.waited > 0, &|| lang.span(entry.waited));
    html! { tr class=[is_bad(entry.what).then_some("bad")] {
        td data-label=(heads[0]) {
            (components::exact_moment(entry.at.0))
            @if let Some(last) = entry.last { " – " (components::exact_moment(last.0)) }
        }
        td.none[step.is_none()] data-label=(heads[1]) { (step.as_deref().unwrap_or("–")) }
        td.none[attempt.is_none()] data-label=(heads[2]) { (attempt.as_deref().unwrap_or("–")) }
        td data-label=(heads[3]) { (event_label(entry.what, lang)) @if let Some(times) = &times { (times) } }
        td.wide.none[why.is_none()] data-label=(heads[4]) { (why.as_deref().unwrap_or("–")) }
        td.none[waited.is_none()] data-label=(heads[5]) { (waited.as_deref().unwrap_or("–")) }
    } }
}

const fn is_bad(what: What) -> bool {
    matches!(
        what,
        What::Refused
            | What::Failed
            | What::TimedOut
            | What::CompensationFailed
            | What::CompensationTimedOut
            | What::CompensationRefused
            | What::Incident
            | What::OperatorRefused
    )
}
