//! The list of sagas; its filter is in the URL.

use common::http::Problem;
use common::time::Timestamp;
use maud::{Markup, html};
use saga::{Definition, Status};

use super::components;
use super::context::{Content, PageRequest, Pages, now};
use super::query::{link, of_filter};
use crate::error::ApiError;
use crate::filter::Filter;
use crate::i18n::{CONCLUDE, Lang, step_label};
use crate::stats;
use crate::view::{self, Listed};

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
    let page = pages.api.page(checked.clone(), request.query.get("cursor"), PAGE_SIZE).await?;
    let counts = counts(pages, checked, page.sagas.len() as u64).await?;
    let known = pages.api.all_definitions().await?;
    let definitions: Vec<&Definition> = known.iter().map(|known| known.definition.as_ref()).collect();
    let title = "Sagas".to_owned();
    let at_limit = counts.matching >= MAX_COUNT as u64 && !filter.is_empty();
    let has_more = at_limit || filter.text.is_some() && page.next.is_some();
    let main = html! {
        h1 { (title) " " small {
            @if has_more { (lang.text("more than ", "mais de ")) }
            (lang.number(counts.matching))
        } }
        (statuses(&filter, &counts.totals, lang))
        (form(&filter, &definitions, lang))
        @if page.sagas.is_empty() {
            p.empty { @if filter.is_empty() {
                (lang.text("No orders yet. Place one with curl, as shown in the README.",
                    "Nenhum pedido ainda. Faça um com curl, como mostra o README."))
            } @else { (lang.text("No saga matches this filter.", "Nenhuma saga corresponde a este filtro.")) } }
        } @else {
            (table(&page.sagas, &definitions, lang, now))
        }
        (page_links(request, &filter, page.next.as_deref(), !page.sagas.is_empty()))
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
            view::count(connection, &filter, MAX_COUNT)?
        };
        Ok(Counts { matching, totals })
    };
    Ok(pages.api.context.view.read(read).await?)
}

fn page_links(request: &PageRequest, filter: &Filter, next: Option<&str>, has_sagas: bool) -> Markup {
    let lang = request.lang;
    let query = of_filter(filter);
    html! { nav.pages aria-label=(lang.text("Pages of the list", "Páginas da lista")) {
        @if request.query.get("cursor").is_some() {
            a href={ "/sagas?" (query) } { (lang.text("Newest", "Mais recentes")) }
        }
        @if let Some(next) = next {
            a href={ "/sagas?" (query) "&" (link(&[("cursor", Some(next))])) } { (lang.text("Older", "Mais antigas")) }
        }
        @if !filter.is_empty() && request.identity.may_act() && has_sagas {
            a href={ "/bulk?" (query) } { (lang.text("Bulk action …", "Ação em lote …")) }
        }
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
            a class={ "status " (status) } href=(to(Some(status))) aria-current=[own.then_some("true")] {
                (lang.status(status.as_str())) " " strong { (lang.number(of(status))) }
            }
        }
    } }
}

fn form(filter: &Filter, definitions: &[&Definition], lang: Lang) -> Markup {
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
        (choice("definition", lang.text("Definition", "Definição"), &names, filter.definition.as_deref(), lang))
        (field("version", lang.text("Version", "Versão"), version.as_deref(), "1"))
        (choice("step", lang.text("Step", "Passo"), &steps, filter.step.as_deref(), lang))
        (field("waitingLongerThan", lang.text("Waiting longer than", "Aguardando há mais de"),
            filter.waiting_longer_than.as_deref(), "5m"))
        (field("customer", lang.text("Customer", "Cliente"), filter.customer.as_deref(), ""))
        (field("id", lang.text("Order id", "ID do pedido"), id.as_deref(), ""))
        (field("text", lang.text("Text", "Texto"), filter.text.as_deref(), ""))
        div.buttons {
            button.main type="submit" { (lang.text("Filter", "Filtrar")) }
            a href="/sagas" { (lang.text("Clear", "Limpar")) }
        }
        @if filter.text.is_some() { p.hint { (lang.text(
            "The text is searched in the newest 4,000 sagas that match the other fields.",
            "O texto é procurado nas 4.000 sagas mais recentes que correspondem aos outros campos.")) } }
    } }
}

fn field(name: &str, label: &str, value: Option<&str>, example: &str) -> Markup {
    html! { label { span { (label) } input name=(name) value=[value] placeholder=(example) autocomplete="off"; } }
}

fn choice(name: &str, label: &str, options: &[&str], own: Option<&str>, lang: Lang) -> Markup {
    html! { label { span { (label) } select name=(name) {
        option value="" { (lang.text("any", "qualquer")) }
        @for option in options { option value=(option) selected[own == Some(*option)] { (option) } }
        @if let Some(other) = own.filter(|own| !options.contains(own)) { option value=(other) selected { (other) } }
    } } }
}

/// A table of sagas.
pub(super) fn table(found: &[Listed], definitions: &[&Definition], lang: Lang, now: i64) -> Markup {
    let heads = [
        "Saga",
        lang.text("Definition", "Definição"),
        "Status",
        lang.text("Current step", "Passo atual"),
        lang.text("Waiting", "Aguardando"),
        lang.text("Customer", "Cliente"),
        lang.text("Started", "Início"),
        lang.text("Updated", "Atualizada"),
    ];
    html! { div.scroll tabindex="0" role="region" aria-label="Sagas" { table.cards {
        thead { tr { @for head in heads { th scope="col" { (head) } } } }
        tbody { @for saga in found { (row(saga, definitions, heads, lang, now)) } }
    } } }
}

fn row(saga: &Listed, definitions: &[&Definition], heads: [&str; 8], lang: Lang, now: i64) -> Markup {
    let definition = definitions.iter().find(|d| d.name == saga.definition && d.version == saga.version).copied();
    html! { tr class={ "is-" (saga.status) } data-row=(saga.id) {
        th scope="row" { a href={ "/sagas/" (saga.id) } { code title=(saga.id) { (components::short(&saga.id)) } } }
        td data-label=(heads[1]) { (saga.definition) " v" (saga.version) }
        td data-label=(heads[2]) {
            (components::status(lang, &saga.status))
            @if saga.retrying { " " (components::step_status(lang, "retrying")) }
        }
        td.none[saga.step.is_empty()] data-label=(heads[3]) { (steps(&saga.step, definition, lang)) }
        td.none[saga.waiting.is_none()] data-label=(heads[4]) { @match saga.waiting {
            Some(since) => { (lang.span(now.saturating_sub(since).max(0).unsigned_abs())) }
            None => "–",
        } }
        td.wide data-label=(heads[5]) { @match &saga.customer {
            Some(customer) => { a href={ "/sagas?" (link(&[("customer", Some(customer))])) } title=(customer) {
                (customer.chars().take(12).collect::<String>()) @if customer.chars().count() > 12 { "…" }
            } }
            None => "–",
        } }
        td data-label=(heads[6]) { (components::moment(saga.started)) }
        td data-label=(heads[7]) { (components::ago(lang, saga.updated, now)) }
    } }
}

fn steps(names: &str, definition: Option<&Definition>, lang: Lang) -> String {
    if names.is_empty() {
        return "–".to_owned();
    }
    names.split(", ").map(|name| step_label(definition, name, lang)).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_texts_are_escaped() {
        let evil = "<script>alert(1)</script>\"'";
        let saga = Listed {
            id: evil.to_owned(),
            definition: evil.to_owned(),
            version: 1,
            status: evil.to_owned(),
            step: evil.to_owned(),
            customer: Some(evil.to_owned()),
            waiting: None,
            started: 0,
            updated: 0,
            retrying: true,
        };
        let text = table(&[saga], &[], Lang::En, 0).into_string();
        assert!(text.contains("&lt;script&gt;") && !text.contains("<script"), "{text}");
        let filter = Filter { text: Some(evil.to_owned()), step: Some(evil.to_owned()), ..Filter::default() };
        let text = form(&filter, &[], Lang::En).into_string();
        assert!(text.contains("&lt;script&gt;") && !text.contains("<script") && !text.contains("\"'\""), "{text}");
    }
}
