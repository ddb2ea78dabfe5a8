//! The first page: a definition's flow with live numbers, and the step that stands out.

use common::http::Problem;
use common::time::Timestamp;
use maud::{Markup, html};
use saga::draw_marked;

use super::query::link;
use super::{Content, Pages, Seen, layout, marks};
use crate::api::Flow;
use crate::stats::{StepStats, Window, heat};
use crate::words::Lang;

pub(super) async fn content(pages: &Pages, seen: &Seen) -> Result<Content, Problem> {
    let (lang, query) = (seen.lang, &seen.query);
    let window = window(query.get("window"))?;
    let flow = pages.api.flow(query.get("definition").map(str::to_owned), query.number("version")?, window).await?;
    let mut all = pages.api.all_definitions().await?;
    all.sort_by(|(a, _), (b, _)| (&a.name, b.version).cmp(&(&b.name, a.version)));
    let label = flow.definition.label.get(lang.tag());
    let title = format!("{} {label}", lang.say("Flow:", "Fluxo:"));
    let main = html! {
        div.top {
            h1 { (title) " " small { "v" (flow.definition.version) } }
            @if all.len() > 1 {
                nav.tabs aria-label=(lang.say("Definitions", "Definições")) { @for (definition, _) in &all {
                    @let own = definition.name == flow.definition.name && definition.version == flow.definition.version;
                    a href=(way(&definition.name, definition.version, window)) aria-current=[own.then_some("true")] {
                        (definition.name) " v" (definition.version)
                    }
                } }
            }
            (windows(lang, window, |other| way(&flow.definition.name, flow.definition.version, other)))
        }
        (banner(&flow, lang))
        (counts(&flow, lang))
        figure.drawing {
            div.scroll tabindex="0" role="region" aria-label=(lang.say("The flow as a picture", "O fluxo como figura")) {
                (layout::drawing(draw_marked(&flow.definition, lang.tag(), &marks::flow(&flow, lang))))
            }
            figcaption { (legend(lang)) }
        }
        (table(&flow, lang))
    };
    Ok(Content { title, main })
}

/// The window that is asked for.
pub(super) fn window(text: Option<&str>) -> Result<Window, Problem> {
    let Some(text) = text else { return Ok(Window::default()) };
    let found = Window::ALL.into_iter().find(|window| window.as_str() == text);
    found.ok_or_else(|| Problem::bad_request(format!("window = {text}: it must be one of 5m, 1h, 24h, 7d")))
}

/// The way to each window.
pub(super) fn windows(lang: Lang, own: Window, to: impl Fn(Window) -> String) -> Markup {
    html! { nav.tabs aria-label=(lang.say("Window of time", "Janela de tempo")) { @for window in Window::ALL {
        a href=(to(window)) aria-current=[(window == own).then_some("true")] { @match window {
            Window::Minutes => "5 min", Window::Hour => "1 h", Window::Day => "24 h", Window::Week => "7 d",
        } }
    } } }
}

fn way(definition: &str, version: u32, window: Window) -> String {
    let version = version.to_string();
    let values =
        [("definition", Some(definition)), ("version", Some(version.as_str())), ("window", Some(window.as_str()))];
    format!("/?{}", link(&values))
}

/// The sentence on top.
fn banner(flow: &Flow, lang: Lang) -> Markup {
    html! { @match flow.sentence(lang) {
        Some(sentence) => { p.banner.offends { (sentence) } }
        None => { p.banner.fine { @if flow.steps.iter().all(|step| step.started == 0 && step.now == 0) {
            (lang.say("Nothing happened in this window yet: place an order, and watch it here.",
                "Nada aconteceu nesta janela ainda: faça um pedido e acompanhe aqui."))
        } @else {
            (lang.say("No step stands out.", "Nenhum passo chama atenção."))
        } } }
    } }
}

fn counts(flow: &Flow, lang: Lang) -> Markup {
    let version = flow.definition.version.to_string();
    let to = |status: &str| {
        let name = Some(flow.definition.name.as_str());
        link(&[("definition", name), ("version", Some(version.as_str())), ("status", Some(status))])
    };
    html! { p.counts { @for (status, count) in &flow.sagas {
        a class={ "status " (status) } href={ "/sagas?" (to(status)) } {
            (lang.status(status)) " " strong { (lang.number(*count)) }
        }
    } } }
}

fn legend(lang: Lang) -> Markup {
    html! {
        span { (lang.say("Where customers wait longest:", "Onde os clientes mais esperam:")) }
        @for level in 0..6 { span class={ "key heat-" (level) } aria-hidden="true" {} }
        span { (lang.say("a little to most of all waiting", "de pouco até quase toda a espera")) }
    }
}

fn table(flow: &Flow, lang: Lang) -> Markup {
    let heads = [
        lang.say("Step", "Passo"),
        lang.say("Here now", "Aqui agora"),
        lang.say("Oldest", "Mais antigo"),
        lang.say("Started", "Iniciados"),
        lang.say("Refused", "Recusados"),
        lang.say("Failed", "Falharam"),
        lang.say("Timed out", "Tempo esgotado"),
        lang.say("Retries", "Repetições"),
        "p50",
        "p95",
        "p99",
        lang.say("Of all waiting", "De toda a espera"),
    ];
    html! { div.scroll tabindex="0" role="region" aria-label=(lang.say("The steps in numbers", "Os passos em números")) {
        table.cards {
            caption { (lang.say("The steps in numbers", "Os passos em números")) }
            thead { tr { @for head in heads { th scope="col" { (head) } } } }
            tbody { @for step in &flow.steps { (row(flow, step, lang, &heads)) } }
        }
    } }
}

fn row(flow: &Flow, step: &StepStats, lang: Lang, heads: &[&str; 12]) -> Markup {
    let span = |ms: Option<u64>| ms.map_or_else(|| "–".to_owned(), |ms| lang.span(ms));
    let share = |count: u64| {
        if count == 0 {
            "0".to_owned()
        } else {
            format!("{} ({})", lang.number(count), lang.percent(step.percent(count)))
        }
    };
    let version = flow.definition.version.to_string();
    let to = link(&[
        ("definition", Some(flow.definition.name.as_str())),
        ("version", Some(version.as_str())),
        ("step", Some(step.step.as_str())),
    ]);
    let cells = [
        lang.number(step.now),
        span(step.oldest_wait_ms.map(i64::unsigned_abs)),
        lang.number(step.started),
        share(step.refused),
        share(step.failed),
        share(step.timed_out),
        lang.number(step.retried),
        span(step.p50_ms),
        span(step.p95_ms),
        span(step.p99_ms),
        lang.percent(step.share_of_waiting * 100.0),
    ];
    let offends = flow.offender.as_ref().is_some_and(|offender| offender.step() == step.step);
    html! { tr class=[offends.then_some("offends")] data-row=(step.step) {
        th scope="row" {
            span class={ "key heat-" (heat(step.share_of_waiting)) } aria-hidden="true" {}
            a href={ "/sagas?" (to) } { (flow.label(&step.step, lang)) }
        }
        @for (head, cell) in heads.iter().skip(1).zip(&cells) { td data-label=(head) { (cell) } }
    } }
}

/// Now, in milliseconds since 1970.
pub(super) fn now() -> i64 {
    Timestamp::now().0
}
