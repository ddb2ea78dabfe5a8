//! The list of sagas: every filter stands in the URL.

use common::http::Problem;
use maud::{Markup, html};
use saga::Status;

use super::query::{link, of_filter};
use super::{Content, Pages, Seen, flow, layout};
use crate::filter::Filter;
use crate::view::{self, Listed};
use crate::words::Lang;
use crate::{api, stats};

/// On a page.
const SHOWN: usize = 50;
/// Counted up to here.
const COUNTED: usize = 10_000;

pub(super) async fn content(pages: &Pages, seen: &Seen) -> Result<Content, Problem> {
    let (lang, now) = (seen.lang, flow::now());
    let filter = seen.query.filter()?;
    let checked = filter.clone().checked(common::time::Timestamp(now))?;
    let (found, next) = pages.api.page(checked.clone(), seen.query.get("cursor"), SHOWN).await?;
    let shown = found.len() as u64;
    let read = move |connection: &rusqlite::Connection| {
        let all = stats::totals(connection)?;
        let count = if checked.is_empty() {
            all.iter().map(|total| total.count).sum()
        } else if checked.text.is_some() {
            // Looking for a text once is slow enough.
            shown
        } else {
            view::count(connection, &checked, COUNTED)?
        };
        Ok((count, all))
    };
    let (count, totals) = pages.api.context.view.read(read).await?;
    let definitions = pages.api.all_definitions().await?;
    let query = of_filter(&filter);
    let title = lang.say("Sagas", "Sagas").to_owned();
    let main = html! {
        h1 { (title) " " small { @if count >= COUNTED as u64 && !filter.is_empty() {
            (lang.say("more than ", "mais de ")) (lang.number(COUNTED as u64))
        } @else {
            @if filter.text.is_some() && next.is_some() { (lang.say("more than ", "mais de ")) }
            (lang.number(count))
        } } }
        (statuses(&filter, &totals, lang))
        (form(&filter, &definitions.iter().map(|(d, _)| d.as_ref()).collect::<Vec<_>>(), lang))
        @if found.is_empty() {
            p.empty { @if filter.is_empty() {
                (lang.say("No order has been placed yet. Place one with curl, as the README shows.",
                    "Nenhum pedido foi feito ainda. Faça um com curl, como mostra o README."))
            } @else { (lang.say("No saga fits this filter.", "Nenhuma saga passa por este filtro.")) } }
        } @else {
            (table(&found, &definitions.iter().map(|(d, _)| d.as_ref()).collect::<Vec<_>>(), lang, now))
        }
        nav.pages aria-label=(lang.say("Pages of the list", "Páginas da lista")) {
            @if seen.query.get("cursor").is_some() { a href={ "/sagas?" (query) } { (lang.say("Newest", "Mais novas")) } }
            @if let Some(next) = &next {
                a href={ "/sagas?" (query) "&" (link(&[("cursor", Some(next))])) } { (lang.say("Older", "Mais antigas")) }
            }
            @if !filter.is_empty() && seen.who.may_act() && !found.is_empty() {
                a href={ "/bulk?" (query) } { (lang.say("Act on all that fit …", "Agir em todas que passam …")) }
            }
        }
    };
    Ok(Content { title, main })
}

/// How many of each status, each a way to them.
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
        a.status href=(to(None)) aria-current=[filter.status.is_none().then_some("true")] { (lang.say("all", "todas")) }
        @for status in Status::ALL { @let own = filter.status.as_deref() == Some(status.as_str());
            a class={ "status " (status) } href=(to(Some(status))) aria-current=[own.then_some("true")] {
                (lang.status(status.as_str())) " " strong { (lang.number(of(status))) }
            }
        }
    } }
}

fn form(filter: &Filter, definitions: &[&saga::Definition], lang: Lang) -> Markup {
    let mut names: Vec<&str> = definitions.iter().map(|definition| definition.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let mut steps: Vec<&str> =
        definitions.iter().flat_map(|d| &d.steps).map(|step| step.name.as_str()).chain(["conclude"]).collect();
    steps.sort_unstable();
    steps.dedup();
    let id = filter.id.map(|id| id.to_string());
    let version = filter.version.map(|version| version.to_string());
    html! { form.filter method="get" action="/sagas" data-keep="filter" {
        @if let Some(status) = &filter.status { input type="hidden" name="status" value=(status); }
        @if let Some(reason) = &filter.reason { input type="hidden" name="reason" value=(reason); }
        (choice("definition", lang.say("Definition", "Definição"), &names, filter.definition.as_deref(), lang))
        (field("version", lang.say("Version", "Versão"), version.as_deref(), "1"))
        (choice("step", lang.say("Step", "Passo"), &steps, filter.step.as_deref(), lang))
        (field("waitingLongerThan", lang.say("Waiting longer than", "Esperando há mais de"),
            filter.waiting_longer_than.as_deref(), "5m"))
        (field("customer", lang.say("Customer", "Cliente"), filter.customer.as_deref(), ""))
        (field("id", lang.say("Order id", "Id do pedido"), id.as_deref(), ""))
        (field("text", lang.say("Text", "Texto"), filter.text.as_deref(), ""))
        div.buttons {
            button.main type="submit" { (lang.say("Filter", "Filtrar")) }
            a href="/sagas" { (lang.say("Clear", "Limpar")) }
        }
        @if filter.text.is_some() { p.hint { (lang.say(
            "A text is looked for in the newest 4,000 sagas that fit otherwise.",
            "O texto é procurado nas 4.000 sagas mais novas que passam no resto.")) } }
    } }
}

fn field(name: &str, label: &str, value: Option<&str>, example: &str) -> Markup {
    html! { label { span { (label) } input name=(name) value=[value] placeholder=(example) autocomplete="off"; } }
}

fn choice(name: &str, label: &str, options: &[&str], own: Option<&str>, lang: Lang) -> Markup {
    html! { label { span { (label) } select name=(name) {
        option value="" { (lang.say("any", "qualquer")) }
        @for option in options { option value=(option) selected[own == Some(*option)] { (option) } }
        @if let Some(other) = own.filter(|own| !options.contains(own)) { option value=(other) selected { (other) } }
    } } }
}

/// Sagas, a row each.
pub(super) fn table(found: &[Listed], definitions: &[&saga::Definition], lang: Lang, now: i64) -> Markup {
    let heads = [
        lang.say("Saga", "Saga"),
        lang.say("Definition", "Definição"),
        lang.say("Status", "Status"),
        lang.say("Current step", "Passo atual"),
        lang.say("Waiting", "Esperando"),
        lang.say("Customer", "Cliente"),
        lang.say("Started", "Início"),
        lang.say("Last change", "Última mudança"),
    ];
    html! { div.scroll tabindex="0" role="region" aria-label=(lang.say("Sagas", "Sagas")) { table.cards {
        thead { tr { @for head in heads { th scope="col" { (head) } } } }
        tbody { @for saga in found {
            @let own = definitions.iter().find(|d| d.name == saga.definition && d.version == saga.version).copied();
            tr class={ "is-" (saga.status) } data-row=(saga.id) {
                th scope="row" { a href={ "/sagas/" (saga.id) } { code title=(saga.id) { (layout::short(&saga.id)) } } }
                td data-label=(heads[1]) { (saga.definition) " v" (saga.version) }
                td data-label=(heads[2]) {
                    (layout::status(lang, &saga.status))
                    @if saga.retrying { " " (layout::status(lang, "retrying")) }
                }
                td.none[saga.step.is_empty()] data-label=(heads[3]) { (steps(&saga.step, own, lang)) }
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
                td data-label=(heads[6]) { (layout::moment(saga.started, false)) }
                td data-label=(heads[7]) { (layout::ago(lang, saga.updated, now)) }
            }
        } }
    } } }
}

fn steps(names: &str, definition: Option<&saga::Definition>, lang: Lang) -> String {
    if names.is_empty() {
        return "–".to_owned();
    }
    names.split(", ").map(|name| api::label(definition, name, lang)).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_wrote_is_escaped() {
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
