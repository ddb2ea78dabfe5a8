//! The first page: the flow of a definition with its statistics, and the step that needs attention.

use maud::{Markup, html};

use super::chart::sparkline;
use super::context::{Content, PageRequest, Pages, now};
use super::diagram::{Diagram, diagram};
use super::query::link;
use super::{marks, over_time, window};
use crate::api::{Flow, KnownDefinition};
use crate::causes::Cause;
use crate::error::ApiError;
use crate::i18n::Lang;
use crate::stats::{Finding, FlowHistory, Period, StepStats};

/// The page.
pub(super) async fn content(pages: &Pages, request: &PageRequest) -> Result<Content, ApiError> {
    let lang = request.lang;
    let query = &request.query;
    let period = window::parse(query)?;
    let flow = pages.api.flow(query.get("definition").map(str::to_owned), query.number("version")?, period).await?;
    let history = pages.api.flow_history(&flow.definition, period).await?;
    let mut all = pages.api.all_definitions().await?;
    all.sort_by(|a, b| {
        let names = a.definition.name.cmp(&b.definition.name);
        names.then(b.definition.version.cmp(&a.definition.version))
    });
    let cluster = pages.cluster.latest(&pages.api);
    let causes = cluster
        .map(|cluster| pages.api.causes(&cluster.groups, &cluster.circuits, &cluster.dead_letters(), Some(&flow)))
        .unwrap_or_default();
    let label = flow.definition.label.get(lang.tag());
    let title = format!("{} {label}", lang.text("Flow:", "Fluxo:"));
    let main = html! {
        div.top {
            h1 { (title) " " small { "v" (flow.definition.version) } }
            @if all.len() > 1 {
                (definition_tabs(lang, &flow, &all, period))
            }
            @let version = flow.definition.version.to_string();
            @let fixed = [("definition", flow.definition.name.as_str()), ("version", version.as_str())];
            (window::choice(lang, period, "/", &fixed))
        }
        (banner(&flow, &causes, lang))
        (counts(&flow, lang))
        (drawing(&flow, lang))
        (table(&flow, &history, lang))
        @if let Some(step) = query.get("chart") { (over_time::over_time(&flow, &history, step, lang)) }
    };
    Ok(Content { title, main })
}

fn path(definition: &str, version: u32, period: Period) -> String {
    let version = version.to_string();
    let values = [("definition", Some(definition)), ("version", Some(version.as_str()))];
    format!("/?{}&{}", link(&values), window::query_of(period))
}

/// The links to the other definitions.
fn definition_tabs(lang: Lang, flow: &Flow, all: &[KnownDefinition], period: Period) -> Markup {
    html! { nav.tabs aria-label=(lang.text("Definitions", "Definições")) { @for known in all {
        @let definition = &known.definition;
        @let is_current = definition.name == flow.definition.name && definition.version == flow.definition.version;
        a href=(path(&definition.name, definition.version, period)) aria-current=[is_current.then_some("true")] {
            (definition.name) " v" (definition.version)
        }
    } } }
}

/// The sentences on the steps that need attention, the first one as the headline, and the causes.
fn banner(flow: &Flow, causes: &[Cause], lang: Lang) -> Markup {
    let findings = &flow.ranking.findings;
    if findings.is_empty() && causes.is_empty() {
        return calm(flow, lang);
    }
    html! { div.banner.offends {
        @if let Some(first) = findings.first() { p.headline { (sentence(flow, first, lang)) } }
        @if !causes.is_empty() { ul.causes { @for cause in causes { li { (cause_link(cause, lang)) } } } }
        @if findings.len() > 1 {
            p.also { (lang.text("Then:", "Depois:")) }
            ol start="2" { @for finding in findings.iter().skip(1) { li { (sentence(flow, finding, lang)) } } }
        }
    } }
}

/// A cause, as a link to the page that shows it.
fn cause_link(cause: &Cause, lang: Lang) -> Markup {
    let text = lang.cause(cause, now());
    html! { @match cause {
        Cause::NoInstance { group, .. } | Cause::NoProgress { group, .. } => {
            a href={ "/throughput#group-" (group) } data-cause=(group) { (text) }
        }
        Cause::CircuitOpen { instance, .. } => { span data-cause=(instance) { (text) } }
        Cause::DeadLetters { topic, .. } => { a href={ "/dead-letters/" (topic) } data-cause=(topic) { (text) } }
        Cause::Error { .. } => { span data-cause="error" { (text) } }
    } }
}

/// The banner while no step needs attention.
fn calm(flow: &Flow, lang: Lang) -> Markup {
    html! { div.banner.fine { p.headline {
        @if flow.steps.iter().all(|step| step.started == 0 && step.now == 0) {
            (lang.text("No sagas in this window yet: place an order to see it here.",
                "Nenhuma saga nesta janela ainda: faça um pedido para vê-lo aqui."))
        } @else {
            (lang.text("No step needs attention: no saga is overdue.",
                "Nenhum passo requer atenção: nenhuma saga está atrasada."))
            @if let Some(most) = flow.calm_sentence(lang) {
                " " (lang.text("Most wait at", "A maioria espera em")) " " (most) "."
            }
        }
    } } }
}

/// The sentence on a step, as a link to its sagas.
fn sentence(flow: &Flow, finding: &Finding, lang: Lang) -> Markup {
    html! { a href={ "/sagas?" (sagas_at(flow, &finding.step)) } data-finding=(finding.step) {
        (flow.sentence(finding, lang).unwrap_or_default())
    } }
}

/// The filter of the sagas that wait at a step.
fn sagas_at(flow: &Flow, step: &str) -> String {
    let version = flow.definition.version.to_string();
    let name = flow.definition.name.as_str();
    link(&[("definition", Some(name)), ("version", Some(version.as_str())), ("step", Some(step))])
}

/// The diagram, with the ways of failures at the steps where sagas failed or were refused in the window.
fn drawing(flow: &Flow, lang: Lang) -> Markup {
    let failed =
        flow.steps.iter().filter(|step| step.lost() + step.refused > 0).map(|step| step.step.clone()).collect();
    let about = lang.text("Flow diagram", "Diagrama do fluxo");
    let drawn = Diagram { definition: &flow.definition, marks: &marks::flow(flow, lang), failed: &failed, about };
    html! { figure.flow {
        (zoom_buttons(lang))
        div.canvas tabindex="0" role="region" aria-label=(lang.text(
            "Flow diagram: zoom with + and −, move with the arrows, 0 for the original size",
            "Diagrama do fluxo: ampliar com + e −, mover com as setas, 0 para o tamanho original")) {
            (diagram(&drawn, lang))
        }
        figcaption {
            (legend(lang))
            a href={ "/definitions/" (flow.definition.name) "/" (flow.definition.version) } {
                (lang.text("Drawing in BPMN", "Desenho em BPMN"))
            }
        }
    } }
}

/// The buttons of the diagram, which the script shows: without it they would do nothing.
fn zoom_buttons(lang: Lang) -> Markup {
    html! { div.zoom data-keep="zoom" hidden {
        button type="button" data-zoom="out" aria-label=(lang.text("Zoom out", "Reduzir")) { "−" }
        output { "100 %" }
        button type="button" data-zoom="in" aria-label=(lang.text("Zoom in", "Ampliar")) { "+" }
        button type="button" data-zoom="reset" { (lang.text("Original size", "Tamanho original")) }
        button type="button" data-zoom="full" aria-pressed="false" { (lang.text("Full screen", "Tela cheia")) }
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
        span { (lang.text("Attention needed:", "Atenção necessária:")) }
        @for level in 0..6 { span class={ "key heat-" (level) } aria-hidden="true" {} }
        span { (lang.text("none to most, as in the headline", "de nenhuma à maior, como no título")) }
    }
}

fn table(flow: &Flow, history: &FlowHistory, lang: Lang) -> Markup {
    let heads = [
        lang.text("Step", "Passo"),
        lang.text("Here now", "Aqui agora"),
        lang.text("Oldest", "Mais antiga"),
        lang.text("Overdue", "Em atraso"),
        lang.text("Started", "Iniciados"),
        lang.text("Refused", "Recusados"),
        lang.text("Failed", "Com falha"),
        lang.text("Timed out", "Tempo esgotado"),
        lang.text("Failing now", "Falhando agora"),
        lang.text("✗ Failures", "✗ Falhas"),
        lang.text("Retries", "Novas tentativas"),
        "p50",
        "p95",
        "p99",
        lang.text("Share of wait time", "Parcela da espera"),
    ];
    html! { div.scroll tabindex="0" role="region" aria-label=(lang.text("Step statistics", "Estatísticas dos passos")) {
        table.cards.dense {
            caption { (lang.text("Step statistics", "Estatísticas dos passos")) }
            thead { tr { @for head in heads { th scope="col" { (head) } } } }
            tbody { @for step in &flow.steps { (row(flow, history, step, lang, &heads)) } }
        }
    } }
}

/// The number of waiting sagas over time, as a link to its chart.
fn course(flow: &Flow, history: &FlowHistory, step: &StepStats, lang: Lang) -> Markup {
    let to = path(&flow.definition.name, flow.definition.version, flow.period);
    let about =
        format!("{}: {}", lang.text("Waiting over time", "Espera ao longo do tempo"), flow.label(&step.step, lang));
    html! { @if let Some(course) = history.steps.get(&step.step) {
        " " a.course href={ (to) "&" (link(&[("chart", Some(&step.step))])) "#over-time" } data-course=(step.step) {
            (sparkline(&course.waiting, &about))
        }
    } }
}

fn row(flow: &Flow, history: &FlowHistory, step: &StepStats, lang: Lang, heads: &[&str; 15]) -> Markup {
    let span = |ms: Option<u64>| ms.map_or_else(|| "–".to_owned(), |ms| lang.span(ms));
    let refused = match step.refused {
        0 => "0".to_owned(),
        count => format!("{} ({})", lang.number(count), lang.percent(step.refusal_percent)),
    };
    let cells = [
        lang.number(step.now),
        span(step.oldest_wait_ms.map(i64::unsigned_abs)),
        lang.number(step.overdue),
        lang.number(step.started),
        refused,
        lang.number(step.failed),
        lang.number(step.timed_out),
        lang.number(step.failing + step.in_incident),
        lang.percent(step.failure_percent),
        lang.number(step.retried),
        span(step.p50_ms),
        span(step.p95_ms),
        span(step.p99_ms),
        lang.percent(step.share_of_waiting * 100.0),
    ];
    let offends = flow.offends(&step.step);
    html! { tr class=[offends.then_some("offends")] data-row=(step.step) {
        th scope="row" {
            span class={ "key heat-" (flow.heat(&step.step)) } aria-hidden="true" {}
            a href={ "/sagas?" (sagas_at(flow, &step.step)) } { (flow.label(&step.step, lang)) }
        }
        @for (index, (head, cell)) in heads.iter().skip(1).zip(&cells).enumerate() { td data-label=(head) {
            (cell)
            @if index == 0 { (course(flow, history, step, lang)) }
        } }
    } }
}
