//! One saga: the way it took, how long, what was said, and what can be done about it.

use common::http::Problem;
use maud::{Markup, html};
use saga::{Action, Definition, Saga, StepState, What, command_of, draw_marked};
use serde_json::Value;
use uuid::Uuid;

use super::{Content, Pages, Seen, acts, flow, layout, marks, timeline};
use crate::api::label;
use crate::words::Lang;

/// Bytes of a JSON that are shown.
const SHOWN: usize = 20_000;

pub(super) async fn content(pages: &Pages, seen: &Seen, id: Uuid) -> Result<Content, Problem> {
    let (lang, now) = (seen.lang, flow::now());
    let saga = pages.api.saga(id).await?;
    let definition = pages.api.definition_of(&saga).await?;
    let definition = definition.as_deref();
    let label = definition.map_or(saga.definition.as_str(), |known| known.label.get(lang.tag()));
    let title = format!("{label} {}", layout::short(&saga.id.to_string()));
    let main = html! {
        div.top { h1 { (label) " " code { (saga.id) } } (layout::status(lang, saga.status.as_str())) }
        (acts::told(&saga, seen))
        (facts(pages, &saga, lang, now))
        @if let Some(definition) = definition {
            figure.drawing {
                div.scroll tabindex="0" role="region" aria-label=(lang.say("The way it took", "O caminho percorrido")) {
                    (layout::drawing(draw_marked(definition, lang.tag(), &marks::way(&saga, definition, lang, now))))
                }
            }
        }
        @if seen.who.may_act() { (acts::forms(&saga, definition, seen)) }
        // What comes and goes beside others is known by its id when the page is kept up to date.
        section id="timeline" { h2 { (lang.say("Timeline", "Linha do tempo")) } (timeline::timeline(&saga, definition, lang, now)) }
        section id="steps" {
            h2 { (lang.say("Steps", "Passos")) }
            @for step in saga.all_steps().filter(|step| step.started.is_some()) { (step_of(&saga, definition, step, lang)) }
        }
        section id="history" { h2 { (lang.say("History", "Histórico")) } (history(&saga, definition, lang)) }
        details.raw data-keep=(format!("raw {}", saga.updated.0)) {
            summary { (lang.say("The whole state as JSON", "O estado inteiro como JSON")) }
            p { a href={ "/api/sagas/" (saga.id) } { (lang.say("All of it, from the API", "Tudo, pela API")) } }
            (json(&serde_json::to_value(&saga).unwrap_or_default()))
        }
    };
    Ok(Content { title, main })
}

fn facts(pages: &Pages, saga: &Saga, lang: Lang, now: i64) -> Markup {
    let urls = &pages.api.context.settings.dashboard;
    let order = saga.id.to_string();
    let links = [
        (lang.say("Order", "Pedido"), format!("{}/orders/{order}", urls.orders_url)),
        (lang.say("Payment", "Pagamento"), format!("{}/payments/{order}", urls.payments_url)),
        (lang.say("Stock", "Estoque"), format!("{}/reservations/{order}", urls.inventory_url)),
    ];
    let trace = saga.traceparent.as_deref().and_then(|parent| parent.split('-').nth(1));
    html! { dl.facts {
        (fact(lang.say("Definition", "Definição"), &html! {
            a href={ "/definitions/" (saga.definition) "/" (saga.version) } { (saga.definition) " v" (saga.version) }
        }))
        @if let Some(customer) = &saga.customer { (fact(lang.say("Customer", "Cliente"), &html! { (customer) })) }
        (fact(lang.say("Started", "Início"), &layout::moment(saga.started.0, false)))
        @match (saga.ended, saga.waiting_since()) {
            (Some(ended), _) => {
                (fact(lang.say("Ended", "Fim"), &layout::moment(ended.0, false)))
                (fact(lang.say("Took", "Durou"), &html! { (lang.span(ended.since(saga.started))) }))
            }
            (None, Some(since)) => (fact(lang.say("Waiting for", "Esperando há"), &html! {
                (lang.span(saga::Timestamp(now).since(since)))
            })),
            (None, None) => {}
        }
        @if let Some(ending) = &saga.ending { (fact(lang.say("Ending", "Desfecho"), &html! {
            (lang.status(&ending.status)) @if let Some(reason) = &ending.reason { " (" (reason) ")" }
        })) }
        @if let Some(at) = saga.deadline { (fact(lang.say("Deadline", "Prazo"), &layout::moment(at.0, false))) }
        @if let Some(trace) = trace { (fact(lang.say("Trace", "Trace"), &html! { code { (trace) } })) }
        (fact(lang.say("Elsewhere", "Em outros serviços"), &html! {
            @for (name, url) in &links { a href=(url) rel="noreferrer" { (name) } " " }
        }))
    } }
}

fn fact(name: &str, value: &Markup) -> Markup {
    html! { div { dt { (name) } dd { (value) } } }
}

/// What was said to do a step, and what was answered.
fn step_of(saga: &Saga, definition: Option<&Definition>, step: &StepState, lang: Lang) -> Markup {
    let command = |action| definition.and_then(|known| command_of(known, saga, &step.name, action));
    let output = definition.and_then(|known| known.step(&step.name)).and_then(|known| known.output.as_ref());
    let answer = output.and_then(|path| saga.data.get(path));
    let (does, undoes) = (command(Action::Execute), command(Action::Compensate).filter(|_| step.compensations > 0));
    html! { details.step id={ "step-" (step.name) } data-keep=(format!("{} {}", step.name, saga.updated.0)) {
        summary {
            strong { (label(definition, &step.name, lang)) } " " (layout::status(lang, step.status.as_str()))
            @if step.attempts > 1 { " " span.hint { (step.attempts) " " (lang.say("attempts", "tentativas")) } }
            @if let Some(reason) = &step.reason { " " span.reason { (reason) } }
        }
        @match &does {
            Some((name, payload)) => { h3 { (lang.say("Command", "Comando")) " " code { (name) } } (json(payload)) }
            None => p.hint { (lang.say("It waits for a message from outside.", "Espera uma mensagem de fora.")) }
        }
        @if let Some(answer) = answer {
            h3 { @if does.is_some() { (lang.say("Reply", "Resposta")) } @else { (lang.say("Callback", "Retorno")) } }
            (json(answer))
        }
        @if let Some((name, payload)) = &undoes {
            h3 { (lang.say("Compensation", "Compensação")) " " code { (name) } " " span.hint { (step.compensations) "×" } }
            (json(payload))
        }
    } }
}

/// JSON for people; of very much only the beginning, since the page is sent again whenever it changes.
pub(super) fn json(value: &Value) -> Markup {
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    let end = (0..=SHOWN.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    let (shown, rest) = text.split_at(end);
    html! { pre tabindex="0" { (shown) @if !rest.is_empty() { " …" } } }
}

fn history(saga: &Saga, definition: Option<&Definition>, lang: Lang) -> Markup {
    let heads = [
        lang.say("When", "Quando"),
        lang.say("Step", "Passo"),
        lang.say("Attempt", "Tentativa"),
        lang.say("What", "O quê"),
        lang.say("Why", "Por quê"),
        lang.say("Waited", "Esperou"),
    ];
    html! {
        @if saga.folded > 0 { p.hint { (saga.folded) " " (lang.say("older entries are not kept.", "registros mais antigos não são guardados.")) } }
        div.scroll tabindex="0" role="region" aria-label=(lang.say("History", "Histórico")) { table.cards {
            thead { tr { @for head in heads { th scope="col" { (head) } } } }
            tbody { @for entry in &saga.history { tr class=[is_bad(entry.what).then_some("bad")] {
                td data-label=(heads[0]) { (layout::moment(entry.at.0, true)) }
                td.none[entry.step.is_empty()] data-label=(heads[1]) { @if entry.step.is_empty() { "–" } @else { (label(definition, &entry.step, lang)) } }
                td.none[entry.attempt == 0] data-label=(heads[2]) { @if entry.attempt == 0 { "–" } @else { (entry.attempt) } }
                td data-label=(heads[3]) { (what(entry.what, lang)) }
                td.wide.none[entry.why.is_empty()] data-label=(heads[4]) { @if entry.why.is_empty() { "–" } @else { (entry.why) } }
                td.none[entry.waited == 0] data-label=(heads[5]) { @if entry.waited == 0 { "–" } @else { (lang.span(entry.waited)) } }
            } } }
        } }
    }
}

const fn is_bad(what: What) -> bool {
    matches!(
        what,
        What::Refused
            | What::Failed
            | What::TimedOut
            | What::UndoFailed
            | What::UndoTimedOut
            | What::UndoRefused
            | What::Incident
            | What::OperatorRefused
    )
}

const fn what(what: What, lang: Lang) -> &'static str {
    match what {
        What::Started => lang.say("the saga began", "a saga começou"),
        What::Sent => lang.say("sent, or wait begun", "enviado, ou espera iniciada"),
        What::Done => lang.say("done", "feito"),
        What::Refused => lang.say("refused", "recusado"),
        What::Failed => lang.say("attempt failed", "tentativa falhou"),
        What::TimedOut => lang.say("not answered in time", "sem resposta a tempo"),
        What::Abandoned => lang.say("given up", "abandonado"),
        What::Skipped => lang.say("skipped", "pulado"),
        What::TurnedBack => lang.say("turned back", "voltou atrás"),
        What::Undoing => lang.say("undoing sent", "compensação enviada"),
        What::Undone => lang.say("undone", "desfeito"),
        What::UndoFailed => lang.say("undoing failed", "compensação falhou"),
        What::UndoTimedOut => lang.say("undoing not answered in time", "compensação sem resposta a tempo"),
        What::UndoRefused => lang.say("undoing refused", "compensação recusada"),
        What::Incident => lang.say("incident", "incidente"),
        What::Resumed => lang.say("goes on", "segue adiante"),
        What::Kept => lang.say("early callback kept", "retorno antecipado guardado"),
        What::Happened => lang.say("did happen, after all", "aconteceu, afinal"),
        What::Operated => lang.say("operator acted", "operador agiu"),
        What::OperatorRefused => lang.say("operator was refused", "operador foi recusado"),
        What::Ignored => lang.say("ignored", "ignorado"),
        What::Ended => lang.say("ended", "terminou"),
    }
}
