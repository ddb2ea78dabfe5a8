//! The outcomes of a bulk action: whether each saga took it, and its state now. The page updates itself, so it shows
//! how each saga ends.

use std::collections::BTreeMap;

use maud::{Markup, html};
use uuid::Uuid;

use super::components;
use super::context::{Content, PageRequest, Pages};
use crate::api::{ActOutcome, KnownDefinitions};
use crate::error::ApiError;
use crate::i18n::{Lang, step_label};
use crate::view::{Act, Listed};

/// The page. Its query has the number of sagas that were acted on (`of`).
pub(super) async fn content(pages: &Pages, request: &PageRequest, bulk: Uuid) -> Result<Content, ApiError> {
    let lang = request.lang;
    let outcomes = pages.api.outcomes(bulk).await?;
    let known = pages.api.known().await?;
    let all = request.query.number("of")?.map_or(outcomes.len(), |of| usize::try_from(of).unwrap_or(0));
    let missing = all.saturating_sub(outcomes.len()) as u64;
    let title = lang.text("Outcome of the bulk action", "Resultado da ação em lote").to_owned();
    let main = html! {
        h1 { (title) }
        @if let Some(first) = outcomes.first() { (about(&first.act, lang)) }
        (summary(&outcomes, lang))
        @if missing > 0 { p.banner.offends role="status" {
            (lang.number(missing)) " " (lang.text("sagas have not recorded the action yet.",
                "sagas ainda não registraram a ação."))
        } }
        (table(&outcomes, &known, &title, lang))
    };
    Ok(Content { title, main })
}

fn about(act: &Act, lang: Lang) -> Markup {
    html! { p {
        strong { (lang.action(&act.action)) } ", " (components::moment(act.at)) " (" (act.by) ": " (act.why) ")"
    } }
}

/// How many sagas took the action, and how many have each status now.
fn summary(outcomes: &[ActOutcome], lang: Lang) -> Markup {
    let applied = outcomes.iter().filter(|outcome| outcome.act.refused.is_none()).count();
    let mut statuses: BTreeMap<&str, u64> = BTreeMap::new();
    for saga in outcomes.iter().filter_map(|outcome| outcome.saga.as_ref()) {
        *statuses.entry(saga.status.as_str()).or_default() += 1;
    }
    html! {
        p.banner.fine role="status" {
            (lang.number(applied as u64)) " " (lang.text("of", "de")) " " (lang.number(outcomes.len() as u64)) " "
            (lang.text("applied. The sagas now:", "aplicadas. As sagas agora:"))
        }
        p.counts { @for (status, count) in &statuses {
            span class={ "status " (status) } { (lang.status(status)) " " strong { (lang.number(*count)) } }
        } }
    }
}

fn table(outcomes: &[ActOutcome], known: &KnownDefinitions, about: &str, lang: Lang) -> Markup {
    let heads = [
        "Saga",
        lang.text("Action", "Ação"),
        lang.text("Status now", "Status agora"),
        lang.text("Current step", "Passo atual"),
        lang.text("Result", "Resultado"),
        lang.text("Last error", "Último erro"),
    ];
    html! { div.scroll tabindex="0" role="region" aria-label=(about) { table.cards {
        thead { tr { @for head in heads { th scope="col" { (head) } } } }
        tbody { @for outcome in outcomes { (row(outcome, known, heads, lang)) } }
    } } }
}

fn row(outcome: &ActOutcome, known: &KnownDefinitions, heads: [&str; 6], lang: Lang) -> Markup {
    let ActOutcome { id, act, saga } = outcome;
    let saga = saga.as_ref();
    let step = |saga: &Listed| {
        let names = saga.step.split(", ").filter(|name| !name.is_empty());
        names.map(|name| step_label(known.of(saga), name, lang)).collect::<Vec<_>>().join(", ")
    };
    let step = saga.map(step).filter(|steps| !steps.is_empty());
    let ending = saga.and_then(|saga| saga.ending.as_deref());
    let error = saga.and_then(|saga| saga.error.as_deref());
    html! { tr data-row=(id) class=[act.refused.is_some().then_some("bad")] {
        th scope="row" { a href={ "/sagas/" (id) } { code title=(id) { (components::short(id)) } } }
        td.wide data-label=(heads[1]) { @match &act.refused {
            None => (lang.text("applied", "aplicada")),
            Some(reason) => span.reason { (lang.text("refused:", "recusada:")) " " (lang.reason(reason)) },
        } }
        td data-label=(heads[2]) { @match saga {
            Some(saga) => (components::status(lang, &saga.status)),
            None => "–",
        } }
        td.none[step.is_none()] data-label=(heads[3]) { (step.as_deref().unwrap_or("–")) }
        td.none[ending.is_none()] data-label=(heads[4]) {
            @match ending { Some(ending) => (lang.status(ending)), None => "–" }
        }
        td.wide.none[error.is_none()] data-label=(heads[5]) {
            @match error { Some(error) => span.reason { (lang.reason(error)) }, None => "–" }
        }
    } }
}
