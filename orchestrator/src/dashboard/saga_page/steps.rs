//! The steps of a saga: the command, the reply and the attempts of each.

use maud::{Markup, html};
use saga::{Action, Definition, Saga, StepState, call_for, command_of};

use super::super::components::{self, exact_moment};
use crate::i18n::{Lang, step_label};
use crate::inspect::attempts::{Attempt, attempts};

/// The commands, replies and attempts of a step.
pub(super) fn details(saga: &Saga, definition: Option<&Definition>, step: &StepState, lang: Lang) -> Markup {
    let command = |action| definition.and_then(|known| command_of(known, saga, &step.name, action));
    let output = definition.and_then(|known| known.step(&step.name)).and_then(|known| known.output.as_ref());
    let answer = output.and_then(|path| saga.data.get(path));
    let executes = command(Action::Execute);
    let compensates = command(Action::Compensate).filter(|_| step.compensations > 0);
    let participant = definition.and_then(|known| call_for(known, &step.name, Action::Execute));
    html! { details.step id={ "step-" (step.name) } data-keep=(format!("{} {}", step.name, saga.updated.0)) {
        summary {
            strong { (step_label(definition, &step.name, lang)) } " "
            (components::step_status(lang, step.status.as_str()))
            @if let Some(call) = participant { " " span.hint { "→ " (call.participant) } }
            @if step.attempts > 1 { " " span.hint { (step.attempts) " " (lang.text("attempts", "tentativas")) } }
            @if let Some(reason) = &step.reason { " " span.reason { (lang.reason(reason)) } }
        }
        (attempt_table(saga, step, definition, lang))
        @match &executes {
            Some((name, payload)) => {
                h3 { (lang.text("Command", "Comando")) " " code { (name) } }
                (components::json(payload))
            }
            None => p.hint { (lang.text("Waits for a message from an external system.",
                "Aguarda uma mensagem de um sistema externo.")) }
        }
        @if let Some(answer) = answer {
            h3 { (if executes.is_some() { lang.text("Reply", "Resposta") } else { "Callback" }) }
            (components::json(answer))
        }
        @if let Some((name, payload)) = &compensates {
            h3 {
                (lang.text("Compensation", "Compensação")) " " code { (name) } " "
                span.hint { (step.compensations) "×" }
            }
            (components::json(payload))
        }
    } }
}

/// The attempts that the history still has.
fn attempt_table(saga: &Saga, step: &StepState, definition: Option<&Definition>, lang: Lang) -> Markup {
    let all = attempts(saga, &step.name);
    let lost = (u64::from(step.attempts) + u64::from(step.compensations)).saturating_sub(all.len() as u64);
    let heads = [
        lang.text("Attempt", "Tentativa"),
        lang.text("Sent", "Enviada"),
        lang.text("Outcome", "Resultado"),
        lang.text("After", "Após"),
        lang.text("Error", "Erro"),
    ];
    let about = format!("{}: {}", lang.text("Attempts", "Tentativas"), step_label(definition, &step.name, lang));
    html! { @if !all.is_empty() {
        div.scroll tabindex="0" role="region" aria-label=(about) { table.cards.attempts {
            thead { tr { @for head in heads { th scope="col" { (head) } } } }
            tbody { @for attempt in &all { (attempt_row(attempt, heads, lang)) } }
        } }
        @if lost > 0 { p.hint {
            (lang.count(lost, ["earlier attempt is", "earlier attempts are"],
                ["tentativa anterior não está", "tentativas anteriores não estão"]))
            " " (lang.text("no longer in the history.", "mais no histórico."))
        } }
    } }
}

fn attempt_row(attempt: &Attempt, heads: [&str; 5], lang: Lang) -> Markup {
    let Attempt { action, number, sent, outcome, waited, error } = attempt;
    html! { tr class=[outcome.is_bad().then_some("bad")] {
        th scope="row" data-label=(heads[0]) {
            (number)
            @if *action == Action::Compensate { " " small { (lang.text("compensation", "compensação")) } }
        }
        td data-label=(heads[1]) { (exact_moment(sent.0)) }
        td data-label=(heads[2]) { (lang.step_status(outcome.as_str())) }
        td.none[waited.is_none()] data-label=(heads[3]) {
            @match waited { Some(waited) => (lang.span(*waited)), None => "–" }
        }
        td.wide.none[error.is_empty()] data-label=(heads[4]) {
            @if error.is_empty() { "–" } @else { (lang.reason(error)) }
        }
    } }
}
