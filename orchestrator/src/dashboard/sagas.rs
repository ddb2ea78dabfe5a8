//! The list of sagas; its filter is in the URL.

use common::http::Problem;
use common::time::Timestamp;
use maud::{Markup, html};
use saga::{CONCLUDE, Definition, Status};

use super::columns::Column;
use super::components::{self, choice, field};
use super::context::{Content, PageRequest, Pages, now};
use super::period::period_fields;
use super::query::{link, of_filter};
use super::saga_table::{SagaTable, Sorting};
use crate::error::ApiError;
use crate::filter::{Filter, Sort};
use crate::i18n::Lang;
use crate::stats;
use crate::view;

/// Sagas on a page.
const PAGE_SIZE: usize = 50;
/// The limit of the count.
const MAX_COUNT: usize = 10_000;

/// The number of matching sagas, and the totals of all.
struct Counts {
    matching: u64,
    totals: Vec<stats::Total>,
}

/// The page.
pub(super) async fn content(pages: &Pages, request: &PageRequest) -> Result<Content, ApiError> {
    let lang = request.lang;
    let now = now();
    let filter = request.query.filter()?;
    let checked = filter.clone().checked(Timestamp(now))?;
    let sort = request.query.sort()?;
    let page = pages.api.page(checked.clone(), sort, request.query.get("cursor"), PAGE_SIZE).await?;
    let counts = counts(pages, checked, page.sagas.len() as u64).await?;
    let known = pages.api.known().await?;
    let definitions: Vec<&Definition> = known.all().collect();
    let table = SagaTable {
        sagas: &page.sagas,
        known: &known,
        columns: &request.columns,
        lang,
        now,
        sorting: Some(sorting(&filter, sort)),
    };
    let title = "Sagas".to_owned();
    let at_limit = counts.matching >= MAX_COUNT as u64 && !filter.is_empty();
    let has_more = at_limit || filter.text.is_some() && page.next.is_some();
    let main = html! {
        h1 { (title) " " small {
            @if has_more { (lang.text("more than ", "mais de ")) }
            (lang.number(counts.matching))
        } }
        (statuses(&filter, &counts.totals, lang))
        (form(&filter, sort, &definitions, lang))
        @if sort == Sort::Waiting { p.hint { (lang.text(
            "Sagas that do not wait are left out of this order; the number above and a bulk action include them.",
            "Sagas que não esperam ficam fora desta ordem; o número acima e uma ação em lote as incluem.")) } }
        @if page.sagas.is_empty() {
            p.empty { @if filter.is_empty() {
                (lang.text("No orders yet. Place one with curl, as shown in the README.",
                    "Nenhum pedido ainda. Faça um com curl, como mostra o README."))
            } @else { (lang.text("No saga matches this filter.", "Nenhuma saga corresponde a este filtro.")) } }
        } @else {
            (table.render())
        }
        (page_links(request, &filter, sort, page.next.as_deref(), !page.sagas.is_empty()))
        (column_form(request, &filter, sort))
    };
    Ok(Content { title, main })
}

/// Counts the matching sagas; `listed` of them are on the page.
async fn counts(pages: &Pages, filter: Filter, listed: u64) -> Result<Counts, Problem> {
    let read = move |connection: &rusqlite::Connection| {
        let totals = stats::totals(connection)?;
        let matching = if filter.is_empty() {
            totals.iter().map(|total| total.count).sum()
        } else if filter.text.is_some() {
            // A second search for the text would double the time of the page.
            listed
        } else {
            view::count(connection, &filter, Sort::Newest, MAX_COUNT)?
        };
        Ok(Counts { matching, totals })
    };
    Ok(pages.api.context.view.read(read).await?)
}

/// The query of the list, with its order.
fn list_query(filter: &Filter, sort: Sort) -> String {
    let order = (sort != Sort::default()).then(|| sort.as_str());
    let parts = [of_filter(filter), link(&[("sort", order)])];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("&")
}

fn sorting(filter: &Filter, sort: Sort) -> Sorting {
    Sorting {
        newest: format!("/sagas?{}", list_query(filter, Sort::Newest)),
        waiting: format!("/sagas?{}", list_query(filter, Sort::Waiting)),
        by: match sort {
            Sort::Newest => Column::Started,
            Sort::Waiting => Column::Waiting,
        },
    }
}

/// The choice of the columns.
fn column_form(request: &PageRequest, filter: &Filter, sort: Sort) -> Markup {
    let lang = request.lang;
    html! { details.act id="columns" data-keep="columns" {
        summary { (lang.text("Columns …", "Colunas …")) }
        form method="post" action="/sagas/columns" {
            (components::csrf(request))
            input type="hidden" name="back" value={ "/sagas?" (list_query(filter, sort)) };
            @for column in Column::ALL { label.check {
                input type="checkbox" name="column" value=(column.as_str()) checked[request.columns.has(column)];
                (column.head(lang))
            } }
            button.main type="submit" { (lang.text("Show these", "Mostrar estas")) }
        }
    } }
}

fn page_links(request: &PageRequest, filter: &Filter, sort: Sort, next: Option<&str>, has_sagas: bool) -> Markup {
    let lang = request.lang;
    let query = list_query(filter, sort);
    let first = match sort {
        Sort::Newest => lang.text("Newest", "Mais recentes"),
        Sort::Waiting => lang.text("Longest wait", "Maior espera"),
    };
    let further = match sort {
        Sort::Newest => lang.text("Older", "Mais antigas"),
        Sort::Waiting => lang.text("Shorter waits", "Esperas menores"),
    };
    html! { nav.pages aria-label=(lang.text("Pages of the list", "Páginas da lista")) {
        @if request.query.get("cursor").is_some() {
            a href={ "/sagas?" (query) } { (first) }
        }
        @if let Some(next) = next {
            a href={ "/sagas?" (query) "&" (link(&[("cursor", Some(next))])) } { (further) }
        }
        @if !filter.is_empty() && request.identity.may_act() && has_sagas {
            a href={ "/bulk?" (of_filter(filter)) } { (lang.text("Bulk action …", "Ação em lote …")) }
        }
        @if has_sagas { @for (format, name) in [("csv", "CSV"), ("json", "JSON")] {
            a href={ "/api/sagas/export?format=" (format) "&" (query) } download={ "sagas." (format) } {
                (lang.text("Export as ", "Exportar como ")) (name)
            }
        } }
    } }
}

/// The number of sagas of each status, with links to them.
fn statuses(filter: &Filter, totals: &[stats::Total], lang: Lang) -> Markup {
    let of = |status: Status| {
        let own = totals.iter().filter(|total| {
            total.status == status.as_str()
                && filter.definition.as_ref().is_none_or(|name| *name == total.definition)
                && filter.version.is_none_or(|version| version == total.version)
        });
        own.map(|total| total.count).sum::<u64>()
    };
    let to = |status: Option<Status>| {
        let status = status.map(|status| status.as_str().to_owned());
        format!("/sagas?{}", of_filter(&Filter { status, ..filter.clone() }))
    };
    html! { p.counts {
        a.status href=(to(None)) aria-current=[filter.status.is_none().then_some("true")] {
            (lang.text("all", "todas"))
        }
        @for status in Status::ALL { @let own = filter.status.as_deref() == Some(status.as_str());
            @let count = of(status);
            @let zero = if count == 0 { " zero" } else { "" };
            a class={ "status " (status) (zero) } href=(to(Some(status))) aria-current=[own.then_some("true")] {
                (lang.status(status.as_str())) " " strong { (lang.number(count)) }
            }
        }
        @let retrying = filter.retrying == Some(true);
        @let toggled = Filter { retrying: (!retrying).then_some(true), ..filter.clone() };
        a.status.retrying href={ "/sagas?" (of_filter(&toggled)) } aria-current=[retrying.then_some("true")] {
            (lang.step_status("retrying"))
        }
    } }
}

fn form(filter: &Filter, sort: Sort, definitions: &[&Definition], lang: Lang) -> Markup {
    let mut names: Vec<&str> = definitions.iter().map(|definition| definition.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let mut steps: Vec<&str> =
        definitions.iter().flat_map(|d| &d.steps).map(|step| step.name.as_str()).chain([CONCLUDE]).collect();
    steps.sort_unstable();
    steps.dedup();
    let id = filter.id.map(|id| id.to_string());
    let version = filter.version.map(|version| version.to_string());
    html! { form.filter method="get" action="/sagas" data-keep="filter" {
        @if let Some(status) = &filter.status { input type="hidden" name="status" value=(status); }
        @if let Some(reason) = &filter.reason { input type="hidden" name="reason" value=(reason); }
        @if filter.retrying == Some(false) { input type="hidden" name="retrying" value="false"; }
        (choice("definition", lang.text("Definition", "Definição"), &names, filter.definition.as_deref(), lang))
        (field("version", lang.text("Version", "Versão"), version.as_deref(), "1"))
        (choice("step", lang.text("Step", "Passo"), &steps, filter.step.as_deref(), lang))
        (field("waitingLongerThan", lang.text("Waiting longer than", "Aguardando há mais de"),
            filter.waiting_longer_than.as_deref(), "5m"))
        (field("customer", lang.text("Customer", "Cliente"), filter.customer.as_deref(), ""))
        (field("id", lang.text("Order id", "ID do pedido"), id.as_deref(), ""))
        (field("text", lang.text("Text", "Texto"), filter.text.as_deref(), ""))
        (period_fields(filter.from.as_deref(), filter.to.as_deref(), lang))
        label { span { (lang.text("Order", "Ordem")) } select name="sort" {
            option value="" { (lang.text("newest first", "mais recentes primeiro")) }
            option value=(Sort::Waiting.as_str()) selected[sort == Sort::Waiting] {
                (lang.text("longest wait first", "maior espera primeiro"))
            }
        } }
        label.check {
            input type="checkbox" name="retrying" value="true" checked[filter.retrying == Some(true)];
            (lang.text("only retrying", "só em nova tentativa"))
        }
        div.buttons {
            button.main type="submit" { (lang.text("Filter", "Filtrar")) }
            a href="/sagas" { (lang.text("Clear", "Limpar")) }
        }
        @if filter.text.is_some() { p.hint { (lang.text(
            "The text is searched in the newest 4,000 sagas that match the other fields.",
            "O texto é procurado nas 4.000 sagas mais recentes que correspondem aos outros campos.")) } }
    } }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sessions::Role;

    #[test]
    fn a_bulk_action_has_the_filter_of_the_list_and_an_export_its_order_too() {
        let request = PageRequest::of_test(Role::Operator, Lang::En);
        let filter = Filter { status: Some("running".to_owned()), ..Filter::default() };
        let links = page_links(&request, &filter, Sort::Waiting, Some("1_2_a"), true).into_string();
        for link in [
            "/bulk?status=running",
            "/sagas?status=running&amp;sort=waiting&amp;cursor=1_2_a",
            "/api/sagas/export?format=csv&amp;status=running&amp;sort=waiting",
        ] {
            assert!(links.contains(&format!("href=\"{link}\"")), "{link} in {links}");
        }
    }

    #[test]
    fn foreign_texts_are_escaped() {
        let evil = "<script>alert(1)</script>\"'";
        let filter = Filter { text: Some(evil.to_owned()), step: Some(evil.to_owned()), ..Filter::default() };
        let text = form(&filter, Sort::Newest, &[], Lang::En).into_string();
        assert!(text.contains("&lt;script&gt;") && !text.contains("<script") && !text.contains("\"'\""), "{text}");
    }
}
