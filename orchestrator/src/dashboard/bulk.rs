//! A bulk action: its form, a dry run that lists the sagas, and its results. It applies only to the sagas that were
//! listed, and of these only to those that still match.

use std::collections::BTreeSet;

use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse as _, Response};
use maud::{Markup, html};
use uuid::Uuid;

use super::actions::{self, SubmittedForm};
use super::context::{Content, PageRequest, Pages, now};
use super::forms::ActionKind;
use super::query::{Query, decoded, of_filter};
use super::saga_table::SagaTable;
use super::{components, layout};
use crate::api::{BulkAction, BulkOutcome, BulkResult};
use crate::error::ApiError;
use crate::filter::Filter;
use crate::i18n::Lang;
use crate::view::Listed;

/// `GET /bulk?status=incident&step=reserve`: the form for the sagas that match.
pub(super) fn content(request: &PageRequest) -> Result<Content, ApiError> {
    let filter = request.query.filter()?;
    let title = title(request.lang);
    let main = html! { h1 { (title) } (selection(&filter, request.lang)) (form(&filter, request)) };
    Ok(Content { title, main })
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

fn form(filter: &Filter, request: &PageRequest) -> Markup {
    let lang = request.lang;
    html! { form.act method="post" action={ "/bulk?" (of_filter(filter)) } data-keep="bulk" {
        (components::csrf(request))
        label { span { (lang.text("Action", "Ação")) } select name="action" {
            @for action in ActionKind::BULK { option value=(action.as_str()) { (action.label(lang)) } }
        } }
        (components::reason_field(lang))
        button.main type="submit" {
            (lang.text("List the sagas (nothing is done yet)", "Listar as sagas (nada é feito ainda)"))
        }
    } }
}

/// `POST /bulk?…`: a dry run without `ids`; with them, the results for those sagas.
pub(super) async fn act(
    State(pages): State<Pages>,
    uri: Uri,
    SubmittedForm { mut request, form, headers }: SubmittedForm,
) -> Response {
    request.query = Query::of(&uri);
    match run(&pages, &request, &form, &headers).await {
        Ok(content) => layout::page(&pages, &request, "/bulk", &content).into_response(),
        Err(error) => layout::error_page(&pages, &request, "/incidents", &error),
    }
}

async fn run(pages: &Pages, request: &PageRequest, form: &Query, headers: &HeaderMap) -> Result<Content, ApiError> {
    let lang = request.lang;
    let filter = request.query.filter()?;
    let kind = actions::action(form)?;
    let what = actions::operation(form)?;
    let why = form.get("why").unwrap_or_default().to_owned();
    let only: BTreeSet<String> = form.all("ids").flat_map(|ids| ids.split(',')).map(str::to_owned).collect();
    let only = Some(only).filter(|only| !only.is_empty());
    let action = BulkAction { why: why.clone(), filter: filter.clone(), dry_run: only.is_none(), what, only };
    let known = pages.api.known().await?;
    let columns = &request.columns;
    let table = |sagas| SagaTable { sagas, known: &known, columns, lang, now: now(), sorting: None }.render();
    let outcome = pages.api.act_on_many(&request.identity, action, headers).await?;
    let main = html! {
        h1 { (title(lang)) }
        (selection(&filter, lang))
        @match &outcome {
            BulkOutcome::DryRun { sagas, has_more } => {
                @if sagas.is_empty() {
                    p.empty { (lang.text("No saga matches any more.", "Nenhuma saga corresponde mais ao filtro.")) }
                } @else {
                    (dry_run_banner(lang, kind, sagas.len(), *has_more))
                    (confirmation(request, &filter, kind, &why, sagas))
                    (table(sagas))
                }
            }
            BulkOutcome::Done { results, .. } => (results_table(lang, results)),
        }
    };
    // The answer to a form does not update itself.
    Ok(Content { title: title(lang), main: html! { div data-still="true" { (main) } } })
}

fn dry_run_banner(lang: Lang, kind: ActionKind, count: usize, has_more: bool) -> Markup {
    let more = lang.text(
        "More sagas match; repeat the action for the rest.",
        "Há mais sagas correspondentes; repita a ação para o restante.",
    );
    html! { p.banner.offends role="status" {
        (kind.label(lang)) ": " (lang.number(count as u64)) " "
        (lang.text("sagas, exactly those listed. ", "sagas, exatamente as listadas. "))
        (kind.effect(lang))
        @if has_more { " " (more) }
    } }
}

fn confirmation(request: &PageRequest, filter: &Filter, kind: ActionKind, why: &str, found: &[Listed]) -> Markup {
    let lang = request.lang;
    let ids: Vec<&str> = found.iter().map(|saga| saga.id.as_str()).collect();
    html! { form.act method="post" action={ "/bulk?" (of_filter(filter)) } {
        (components::csrf(request))
        input type="hidden" name="request" value=(Uuid::new_v4());
        input type="hidden" name="action" value=(kind.as_str());
        input type="hidden" name="why" value=(why);
        input type="hidden" name="ids" value=(ids.join(","));
        button.main type="submit" {
            (lang.text("Confirm for all ", "Confirmar para todas as ")) (lang.number(found.len() as u64)) ": "
            (kind.label(lang).to_lowercase())
        }
    } }
}

fn results_table(lang: Lang, results: &[BulkResult]) -> Markup {
    let done = results.iter().filter(|result| result.error.is_none()).count() as u64;
    let heads = ["Saga", lang.text("Result", "Resultado")];
    html! {
        p.banner.fine role="status" {
            (lang.number(done)) " " (lang.text("of", "de")) " " (lang.number(results.len() as u64)) " "
            (lang.text("done.", "concluídas."))
        }
        div.scroll tabindex="0" role="region" aria-label=(heads[1]) { table.cards {
            thead { tr { @for head in heads { th scope="col" { (head) } } } }
            tbody { @for BulkResult { id, error } in results { tr {
                th scope="row" { a href={ "/sagas/" (id) } { code { (id) } } }
                td.wide data-label=(heads[1]) { @match error {
                    None => (lang.text("done", "concluída")),
                    Some(error) => (error.text(lang)),
                } }
            } } }
        } }
    }
}
