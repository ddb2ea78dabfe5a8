//! The open incidents, grouped by step and reason.

use common::http::Problem;
use maud::{Markup, html};

use super::components;
use super::context::{Content, PageRequest, Pages, now};
use super::query::link;
use crate::api::KnownDefinition;
use crate::error::ApiError;
use crate::i18n::{Lang, step_label};
use crate::stats::{self, IncidentGroup};

/// The page.
pub(super) async fn content(pages: &Pages, request: &PageRequest) -> Result<Content, ApiError> {
    let lang = request.lang;
    let groups = pages.api.context.view.read(stats::incidents).await.map_err(Problem::from)?;
    let definitions = pages.api.all_definitions().await?;
    let sum: u64 = groups.iter().map(|group| group.count).sum();
    let title = lang.text("Open incidents", "Incidentes abertos").to_owned();
    let main = html! {
        h1 { (title) " " small { (lang.number(sum)) } }
        @if groups.is_empty() {
            p.banner.fine { (lang.text("No open incidents.", "Nenhum incidente aberto.")) }
        } @else {
            p { (lang.text("These sagas need an operator. The largest groups first:",
                "Estas sagas precisam de um operador. Os maiores grupos primeiro:")) }
            (table(request, &title, &groups, &definitions))
        }
    };
    Ok(Content { title, main })
}

fn table(request: &PageRequest, about: &str, groups: &[IncidentGroup], definitions: &[KnownDefinition]) -> Markup {
    let lang = request.lang;
    let now = now();
    let heads = [
        lang.text("Step", "Passo"),
        lang.text("Reason", "Motivo"),
        lang.text("Sagas", "Sagas"),
        lang.text("First", "Primeira"),
        lang.text("Last", "Última"),
        lang.text("Action", "Ação"),
    ];
    html! { div.scroll tabindex="0" role="region" aria-label=(about) { table.cards {
        thead { tr { @for head in heads { th scope="col" { (head) } } } }
        tbody { @for group in groups { tr data-row=(group.step) {
            th scope="row" data-label=(heads[0]) {
                (label(group, definitions, lang)) " " small { (group.definition) " v" (group.version) }
            }
            td.wide data-label=(heads[1]) { (lang.reason(&group.reason)) }
            td data-label=(heads[2]) { a href={ "/sagas?" (filter_of(group)) } { (lang.number(group.count)) } }
            td data-label=(heads[3]) { (components::ago(lang, group.first, now)) }
            td data-label=(heads[4]) { (components::ago(lang, group.last, now)) }
            td data-label=(heads[5]) { @if request.identity.may_act() {
                a href={ "/bulk?" (filter_of(group)) } { (lang.text("Bulk action …", "Ação em lote …")) }
            } @else { "–" } }
        } } }
    } } }
}

fn label(group: &IncidentGroup, definitions: &[KnownDefinition], lang: Lang) -> String {
    let mut all = definitions.iter().map(|known| known.definition.as_ref());
    let definition = all.find(|known| known.name == group.definition && known.version == group.version);
    step_label(definition, &group.step, lang)
}

fn filter_of(group: &IncidentGroup) -> String {
    let version = group.version.to_string();
    link(&[
        ("status", Some("incident")),
        ("definition", Some(group.definition.as_str())),
        ("version", Some(version.as_str())),
        ("step", Some(group.step.as_str())),
        ("reason", Some(group.reason.as_str())),
    ])
}
