//! A saga: its path, its timeline, its commands and replies, and the actions that are possible.

use maud::{Markup, html};
use saga::{Action, Definition, Entry, Saga, StepState, What, command_of};
use uuid::Uuid;

use super::context::{Content, PageRequest, Pages, now};
use super::diagram::{Diagram, diagram};
use super::{components, forms, marks, timeline};
use crate::error::ApiError;
use crate::i18n::events::event_label;
use crate::i18n::{Lang, step_label};

/// The page.
pub(super) async fn content(pages: &Pages, request: &PageRequest, id: Uuid) -> Result<Content, ApiError> {
    let lang = request.lang;
    let now = now();
    let saga = pages.api.saga(id).await?;
    let definition = pages.api.definition_of(&saga).await?;
    let definition = definition.as_deref();
    let label = definition.map_or(saga.definition.as_str(), |known| known.label.get(lang.tag()));
    let title = format!("{label} {}", components::short(&saga.id.to_string()));
    let main = html! {
        div.top { h1 { (label) " " code { (saga.id) } } (components::status(lang, saga.status.as_str())) }
        (forms::result(&saga, request))
        (facts(pages, &saga, lang, now))
        @if let Some(definition) = definition {
            (path(&saga, definition, lang, now))
        }
        @if request.identity.may_act() { (forms::forms(&saga, definition, request)) }
        // Sections have ids, so that the script can match them when the page is updated.
        section id="timeline" {
            h2 { (lang.text("Timeline", "Linha do tempo")) }
            (timeline::timeline(&saga, definition, lang, now))
        }
        section id="steps" {
            h2 { (lang.text("Steps", "Passos")) }
            @for step in saga.all_steps().filter(|step| step.started.is_some()) {
                (step_details(&saga, definition, step, lang))
            }
        }
        section id="history" { h2 { (lang.text("History", "Histórico")) } (history(&saga, definition, lang)) }
        details.raw data-keep=(format!("raw {}", saga.updated.0)) {
            summary { (lang.text("State as JSON", "Estado em JSON")) }
            p { a href={ "/api/sagas/" (saga.id) } {
                (lang.text("Full state, from the API", "Estado completo, pela API"))
            } }
            (components::json(&serde_json::to_value(&saga).unwrap_or_default()))
        }
    };
    Ok(Content { title, main })
}

/// The diagram with the path of the saga.
fn path(saga: &Saga, definition: &Definition, lang: Lang, now: i64) -> Markup {
    let failed = saga.all_steps().filter(|step| marks::has_failed(step)).map(|step| step.name.clone()).collect();
    let about = lang.text("Path of the saga", "Caminho da saga");
    let drawn = Diagram { definition, marks: &marks::path(saga, definition, lang, now), failed: &failed, about };
    html! { figure.flow { (diagram(&drawn, lang)) } }
}

fn facts(pages: &Pages, saga: &Saga, lang: Lang, now: i64) -> Markup {
    let trace = saga.traceparent.as_deref().and_then(|parent| parent.split('-').nth(1));
    html! { dl.facts {
        (fact(lang.text("Definition", "Definição"), &html! {
            a href={ "/definitions/" (saga.definition) "/" (saga.version) } { (saga.definition) " v" (saga.version) }
        }))
        @if let Some(customer) = &saga.customer { (fact(lang.text("Customer", "Cliente"), &html! { (customer) })) }
        (fact(lang.text("Started", "Início"), &components::moment(saga.started.0)))
        @match (saga.ended, saga.waiting_since()) {
            (Some(ended), _) => {
                (fact(lang.text("Ended", "Fim"), &components::moment(ended.0)))
                (fact(lang.text("Duration", "Duração"), &html! { (lang.span(ended.since(saga.started))) }))
            }
            (None, Some(since)) => (fact(lang.text("Waiting for", "Aguardando há"), &html! {
                (lang.span(saga::Timestamp(now).since(since)))
            })),
            (None, None) => {}
        }
        @if let Some(ending) = &saga.ending { (fact(lang.text("Result", "Resultado"), &html! {
            (lang.status(&ending.status)) @if let Some(reason) = &ending.reason { " (" (lang.reason(reason)) ")" }
        })) }
        @if let Some(at) = saga.deadline { (fact(lang.text("Deadline", "Prazo"), &components::moment(at.0))) }
        @if let Some(trace) = trace { (fact(lang.text("Trace", "Rastreamento"), &html! { code { (trace) } })) }
        (fact(lang.text("Other services", "Outros serviços"), &links(pages, saga, lang)))
    } }
}

fn links(pages: &Pages, saga: &Saga, lang: Lang) -> Markup {
    let urls = &pages.api.context.settings.dashboard;
    let order = saga.id.to_string();
    let links = [
        (lang.text("Order", "Pedido"), format!("{}/orders/{order}", urls.orders_url)),
        (lang.text("Payment", "Pagamento"), format!("{}/payments/{order}", urls.payments_url)),
        (lang.text("Stock", "Estoque"), format!("{}/reservations/{order}", urls.inventory_url)),
    ];
    html! { @for (name, url) in &links { a href=(url) rel="noreferrer" { (name) } " " } }
}

fn fact(name: &str, value: &Markup) -> Markup {
    html! { div { dt { (name) } dd { (value) } } }
}

/// The commands and replies of a step.
fn step_details(saga: &Saga, definition: Option<&Definition>, step: &StepState, lang: Lang) -> Markup {
    let command = |action| definition.and_then(|known| command_of(known, saga, &step.name, action));
    let output = definition.and_then(|known| known.step(&step.name)).and_then(|known| known.output.as_ref());
    let answer = output.and_then(|path| saga.data.get(path));
    let executes = command(Action::Execute);
    let compensates = command(Action::Compensate).filter(|_| step.compensations > 0);
    html! { details.step id={ "step-" (step.name) } data-keep=(format!("{} {}", step.name, saga.updated.0)) {
        summary {
            strong { (step_label(definition, &step.name, lang)) } " "
            (components::step_status(lang, step.status.as_str()))
            @if step.attempts > 1 { " " span.hint { (step.attempts) " " (lang.text("attempts", "tentativas")) } }
            @if let Some(reason) = &step.reason { " " span.reason { (lang.reason(reason)) } }
        }
        @match &executes {
            Some((name, payload)) => {
                h3 { (lang.text("Command", "Comando")) " " code { (name) } }
                (components::json(payload))
            }
            None => p.hint { (lang.text("Waits for a message from an external system.",
                "Aguarda uma mensagem de um sistema externo.")) }
        }
        @if let Some(answer) = answer {
            h3 { (if executes.is_some() { lang.text("Reply", "Resposta") } else { lang.text("Callback", "Retorno") }) }
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

fn history(saga: &Saga, definition: Option<&Definition>, lang: Lang) -> Markup {
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
