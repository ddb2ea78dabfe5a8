//! A bulk action: its form, and a dry run that lists the sagas. It applies only to the sagas that were listed, and of
//! these only to those that still match.

use std::collections::BTreeSet;

use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};
use uuid::Uuid;

use super::actions::{self, SubmittedForm};
use super::context::{Content, PageRequest, Pages, now};
use super::forms::ActionKind;
use super::query::{Query, decoded, of_filter};
use super::saga_table::SagaTable;
use super::{bulk_outcome, components, layout};
use crate::api::{BulkAction, BulkOutcome, BulkStatus, makes_sense};
use crate::error::ApiError;
use crate::filter::Filter;
use crate::i18n::Lang;
use crate::view::Listed;

/// `GET /bulk?status=incident&step=reserve`: the form for the sagas that match.
pub(super) async fn content(pages: &Pages, request: &PageRequest) -> Result<Content, ApiError> {
    let filter = request.query.filter()?;
    let sagas = pages.api.bulk_sagas(filter.clone()).await?;
    let title = title(request.lang);
    let main = html! { h1 { (title) } (selection(&filter, request.lang)) (form(&filter, &sagas, request)) };
    Ok(Content { title, main })
}

/// The actions that make sense for some of the sagas, with their number.
fn possible(sagas: &[Listed]) -> Vec<(ActionKind, usize)> {
    let count = |kind: ActionKind| {
        let what = kind.plain()?;
        let count = sagas.iter().filter(|saga| makes_sense(&what, saga)).count();
        (count > 0).then_some((kind, count))
    };
    ActionKind::BULK.into_iter().filter_map(count).collect()
}

fn title(lang: Lang) -> String {
    lang.text("Bulk action", "Ação em lote").to_owned()
}

fn selection(filter: &Filter, lang: Lang) -> Markup {
    let query = of_filter(filter);
    html! { p { (lang.text("All sagas with:", "Todas as sagas com:")) " "
        @for (name, value) in pairs(&query) { span.pair { (name) " = " strong { (value) } } " " }
    } }
}

fn pairs(query: &str) -> impl Iterator<Item = (String, String)> + '_ {
    query.split('&').filter_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        Some((name.to_owned(), decoded(value)))
    })
}

fn form(filter: &Filter, sagas: &[Listed], request: &PageRequest) -> Markup {
    let lang = request.lang;
    let possible = possible(sagas);
    if possible.is_empty() {
        return html! { p.empty { (lang.text(
        "No action makes sense for the sagas that match now.",
        "Nenhuma ação faz sentido para as sagas que correspondem agora.")) } };
    }
    html! { form.act method="post" action={ "/bulk?" (of_filter(filter)) } data-keep="bulk" {
        (components::csrf(request))
        label { span { (lang.text("Action", "Ação")) } select name="action" {
            @for (action, count) in &possible { option value=(action.as_str()) {
                (action.label(lang)) " (" (lang.number(*count as u64)) ")"
            } }
        } }
        (components::reason_field(lang))
        button.main type="submit" {
            (lang.text("List the sagas (nothing is done yet)", "Listar as sagas (nada é feito ainda)"))
        }
    } }
}

/// `POST /bulk?…`: a dry run without `ids`; with them, it acts on those sagas and leads to their outcomes.
pub(super) async fn act(
    State(pages): State<Pages>,
    uri: Uri,
    SubmittedForm { mut request, form, headers }: SubmittedForm,
) -> Response {
    request.query = Query::of(&uri);
    match run(&pages, &request, &form, &headers).await {
        Ok(Answer::Page(content)) => layout::page(&pages, &request, "/bulk", &content).await,
        Ok(Answer::Outcome { bulk, count }) => Redirect::to(&bulk_outcome::path(bulk, count)).into_response(),
        Err(error) => layout::error_page(&pages, &request, "/incidents", &error).await,
    }
}

/// The answer to a form.
enum Answer {
    /// The sagas of a dry run.
    Page(Content),
    /// The outcomes are on another page.
    Outcome {
        /// The id of the bulk action.
        bulk: Uuid,
        /// The number of sagas that the action was sent to.
        count: usize,
    },
}

async fn run(pages: &Pages, request: &PageRequest, form: &Query, headers: &HeaderMap) -> Result<Answer, ApiError> {
    let lang = request.lang;
    let filter = request.query.filter()?;
    let kind = actions::action(form)?;
    let what = actions::operation(form)?;
    let why = form.get("why").unwrap_or_default().to_owned();
    let only: BTreeSet<String> = form.all("ids").flat_map(|ids| ids.split(',')).map(str::to_owned).collect();
    let only = Some(only).filter(|only| !only.is_empty());
    let dry_run = only.is_none();
    let action = BulkAction { why: why.clone(), filter: filter.clone(), dry_run, what: what.clone(), only };
    let (sagas, has_more) = match pages.api.act_on_many(&request.identity, action, headers).await? {
        BulkOutcome::Done { bulk, results, .. } => {
            let is_sent = |status: &BulkStatus| !matches!(status, BulkStatus::NotMatching(_));
            let count = results.iter().filter(|result| is_sent(&result.status)).count();
            // No saga has recorded these results, so the page of the outcomes does not have them.
            if results.iter().all(|result| result.status.is_recorded()) {
                return Ok(Answer::Outcome { bulk, count });
            }
            return Ok(Answer::Page(bulk_outcome::unrecorded(bulk, count, &results, lang)));
        }
        BulkOutcome::DryRun { sagas, has_more } => (sagas, has_more),
    };
    let known = pages.api.known().await?;
    let (fit, others): (Vec<Listed>, Vec<Listed>) = sagas.into_iter().partition(|saga| makes_sense(&what, saga));
    let columns = &request.columns;
    let table = SagaTable { sagas: &fit, known: &known, columns, lang, now: now(), sorting: None };
    let main = html! {
        h1 { (title(lang)) }
        (selection(&filter, lang))
        @if fit.is_empty() {
            p.empty { (lang.text("The action makes sense for no saga that matches.",
                "A ação não faz sentido para nenhuma saga correspondente.")) }
        } @else {
            (dry_run_banner(lang, kind, fit.len(), has_more))
            @if !others.is_empty() { p.hint {
                (lang.count(others.len() as u64, ["other saga matches", "other sagas match"],
                    ["outra saga corresponde", "outras sagas correspondem"]))
                (lang.text(", in a state in which the action does nothing, and is left out.",
                    ", em um estado em que a ação não faz nada; fica de fora."))
            } }
            (confirmation(request, &filter, kind, &why, &fit))
            (table.render())
        }
    };
    // The answer to a form does not update itself.
    Ok(Answer::Page(Content { title: title(lang), main: html! { div data-still="true" { (main) } } }))
}

fn dry_run_banner(lang: Lang, kind: ActionKind, count: usize, has_more: bool) -> Markup {
    let more = lang.text(
        "More sagas match; repeat the action for the rest.",
        "Há mais sagas correspondentes; repita a ação para o restante.",
    );
    html! { p.banner.offends role="status" {
        (kind.label(lang)) ": " (lang.count(count as u64, ["saga", "sagas"], ["saga", "sagas"]))
        (lang.text(", exactly as listed. ", ", exatamente como na lista. "))
        (kind.effect(lang))
        @if has_more { " " (more) }
    } }
}

fn confirmation(request: &PageRequest, filter: &Filter, kind: ActionKind, why: &str, found: &[Listed]) -> Markup {
    let lang = request.lang;
    let ids: Vec<&str> = found.iter().map(|saga| saga.id.as_str()).collect();
    html! { form.act method="post" action={ "/bulk?" (of_filter(filter)) } {
        (components::act_fields(request, kind.as_str()))
        input type="hidden" name="why" value=(why);
        input type="hidden" name="ids" value=(ids.join(","));
        button.main type="submit" {
            (lang.text("Confirm for ", "Confirmar para "))
            (lang.count(found.len() as u64, ["saga", "sagas"], ["saga", "sagas"])) ": "
            (kind.label(lang).to_lowercase())
        }
    } }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(status: &str, ending: Option<&str>, retrying: bool) -> Listed {
        Listed {
            id: "a".to_owned(),
            definition: "order".to_owned(),
            version: 5,
            status: status.to_owned(),
            retrying,
            ending: ending.map(str::to_owned),
            ..Listed::default()
        }
    }

    #[test]
    fn only_actions_that_make_sense_are_offered() {
        let incident = listed("incident", Some("rejected"), false);
        let blocked = listed("incident", None, false);
        let retrying = listed("running", None, true);
        let paused = listed("paused", Some("rejected"), true);
        let ended = listed("completed", Some("confirmed"), false);
        for (sagas, kinds) in [
            (vec![incident.clone()], vec![(ActionKind::Retry, 1), (ActionKind::Resolve, 1)]),
            (vec![blocked.clone()], vec![(ActionKind::Retry, 1), (ActionKind::Resolve, 1), (ActionKind::Cancel, 1)]),
            (vec![retrying.clone()], vec![(ActionKind::Retry, 1), (ActionKind::Cancel, 1), (ActionKind::Pause, 1)]),
            (vec![paused], vec![(ActionKind::Resume, 1)]),
            (vec![ended], vec![]),
            (vec![incident, blocked], vec![(ActionKind::Retry, 2), (ActionKind::Resolve, 2), (ActionKind::Cancel, 1)]),
        ] {
            assert_eq!(possible(&sagas), kinds, "{sagas:?}");
        }
    }
}
