//! The outcomes of a bulk action: whether each saga applied it, and its state now. The page updates itself, so it
//! shows how each saga ends.

use std::collections::BTreeMap;

use maud::{Markup, html};
use uuid::Uuid;

use super::components;
use super::context::{Content, PageRequest, Pages};
use super::saga_table::steps;
use crate::api::{ActOutcome, BulkResult, KnownDefinitions};
use crate::error::ApiError;
use crate::i18n::Lang;
use crate::view::Act;

/// The path of the page about a bulk action that was sent to `count` sagas.
pub(super) fn path(bulk: Uuid, count: usize) -> String {
    format!("/bulk/{bulk}?of={count}")
}

fn title(lang: Lang) -> String {
    lang.text("Outcome of the bulk action", "Resultado da ação em lote").to_owned()
}

/// The page. Its query has the number of sagas that were acted on (`of`).
pub(super) async fn content(pages: &Pages, request: &PageRequest, bulk: Uuid) -> Result<Content, ApiError> {
    let lang = request.lang;
    let outcomes = pages.api.outcomes(bulk).await?;
    let known = pages.api.known().await?;
    let sent = request.query.number("of")?.map_or(0, u64::from);
    Ok(Content { title: title(lang), main: outcome(&outcomes, sent, &known, lang) })
}

/// The outcomes of an action that was sent to `sent` sagas.
fn outcome(outcomes: &[ActOutcome], sent: u64, known: &KnownDefinitions, lang: Lang) -> Markup {
    let title = title(lang);
    let missing = sent.saturating_sub(outcomes.len() as u64);
    html! {
        h1 { (title) }
        @if let Some(first) = outcomes.first() { (about(&first.act, lang)) }
        @if outcomes.is_empty() {
            p.empty { (lang.text("No saga has recorded this action.", "Nenhuma saga registrou esta ação.")) }
        } @else {
            (summary(outcomes, lang))
        }
        @if missing > 0 { p.banner.offends role="status" {
            (lang.count(missing, ["saga has not", "sagas have not"], ["saga ainda não registrou",
                "sagas ainda não registraram"])) " " (lang.text("recorded the action yet.", "a ação."))
        } }
        @if !outcomes.is_empty() { (table(outcomes, known, &title, lang)) }
    }
}

/// The answer to a form with results that no saga has recorded: each of them with its reason, and a link to the page of
/// the outcomes.
pub(super) fn unrecorded(bulk: Uuid, sent: usize, results: &[BulkResult], lang: Lang) -> Content {
    let title = title(lang);
    let errors = results.iter().filter(|result| !result.status.is_recorded());
    let errors: Vec<_> = errors.filter_map(|result| Some((&result.id, result.status.error()?))).collect();
    let count = errors.len() as u64;
    let heads = ["Saga", lang.text("Why", "Motivo")];
    // The answer to a form does not update itself.
    let main = html! { div data-still="true" {
        h1 { (title) }
        p.banner.offends role="status" {
            (lang.count(count, ["saga has not", "sagas have not"], ["saga não registrou", "sagas não registraram"]))
            " " (lang.text("recorded the action:", "a ação:"))
        }
        @if sent > 0 { p { a href=(path(bulk, sent)) {
            (lang.text("The outcome of the others, and of these as it arrives",
                "O resultado das outras, e o destas conforme chegar"))
        } } }
        div.scroll tabindex="0" role="region" aria-label=(title) { table.cards {
            thead { tr { @for head in heads { th scope="col" { (head) } } } }
            tbody { @for (id, error) in errors { tr data-row=(id) class="bad" {
                th scope="row" { (components::saga_link(id)) }
                td.wide data-label=(heads[1]) { span.reason { (error.text(lang)) } }
            } } }
        } }
    } };
    Content { title, main }
}

fn about(act: &Act, lang: Lang) -> Markup {
    html! { p {
        strong { (lang.action(&act.action)) } ", " (components::moment(act.at)) " (" (act.by) ": " (act.why) ")"
    } }
}

/// How many sagas applied the action, and how many have each status now.
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
    let waiting = saga.filter(|saga| !saga.step.is_empty());
    let step = waiting.map(|saga| steps(&saga.step, known.of(saga), lang));
    let ending = saga.and_then(|saga| saga.ending.as_deref());
    let error = saga.and_then(|saga| saga.error.as_deref());
    html! { tr data-row=(id) class=[act.refused.is_some().then_some("bad")] {
        th scope="row" { (components::saga_link(id)) }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::BulkStatus;
    use crate::error::ApiError;

    fn act(refused: Option<&str>) -> ActOutcome {
        let act = Act { action: "retry".to_owned(), refused: refused.map(str::to_owned), ..Act::default() };
        ActOutcome { id: "a".to_owned(), act, saga: None }
    }

    fn page(outcomes: &[ActOutcome], sent: u64) -> String {
        let known = KnownDefinitions::of_file(include_str!("../../sagas/order.toml"));
        outcome(outcomes, sent, &known, Lang::En).into_string()
    }

    #[test]
    fn an_action_that_no_saga_has_recorded_has_a_page() {
        let none = page(&[], 0);
        assert!(none.contains("No saga has recorded this action") && !none.contains("yet"), "{none}");
        assert!(page(&[], 2).contains("2 sagas have not recorded the action yet"));
    }

    #[test]
    fn refusals_and_missing_sagas_are_shown() {
        let text = page(&[act(None), act(Some("no step is blocked"))], 3);
        for part in ["1 of 2 applied", "refused: no step is blocked", "1 saga has not recorded the action yet"] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }

    #[test]
    fn the_error_of_each_saga_is_shown() {
        let of = |id: &str, status| BulkResult { id: id.to_owned(), status };
        let results = [
            of("id-1", BulkStatus::Applied),
            of("id-2", BulkStatus::Refused(ApiError::conflict("refused", "recusada"))),
            of("id-3", BulkStatus::Unknown(ApiError::unavailable("<b>not visible</b>", "não apareceu"))),
            of("id-4", BulkStatus::NotMatching(ApiError::conflict("no longer matches", "não corresponde"))),
        ];
        let bulk = Uuid::from_u128(7);
        let text = unrecorded(bulk, 3, &results, Lang::En).main.into_string();
        for part in
            ["2 sagas have not recorded the action:", "&lt;b&gt;not visible", "no longer matches", "id-3", "id-4"]
        {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert!(text.contains(&format!("href=\"/bulk/{bulk}?of=3\"")) && text.contains("data-still"), "{text}");
        assert!(!text.contains("id-1") && !text.contains("id-2"), "{text}");
        let portuguese = unrecorded(bulk, 0, &results[3..], Lang::Pt).main.into_string();
        assert!(portuguese.contains("1 saga não registrou a ação:") && !portuguese.contains("/bulk/"));
    }
}
