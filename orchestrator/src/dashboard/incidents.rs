//! The open incidents, grouped by step and reason, the most severe first.

use maud::{Markup, html};

use super::components;
use super::context::{Content, PageRequest, Pages, now};
use super::query::link;
use crate::api::{Incidents, KnownDefinitions, OpenIncidents};
use crate::error::ApiError;
use crate::i18n::{Lang, step_label};
use crate::stats::{IncidentGroup, Severity};

/// The page.
pub(super) async fn content(pages: &Pages, request: &PageRequest) -> Result<Content, ApiError> {
    let lang = request.lang;
    let known = pages.api.known().await?;
    let OpenIncidents { groups, has_more } = pages.api.incidents(&known).await?;
    let sum: u64 = groups.iter().map(|incidents| incidents.group.count).sum();
    let title = lang.text("Open incidents", "Incidentes abertos").to_owned();
    let main = html! {
        h1 { (title) " " small {
            @if has_more { (lang.text("more than ", "mais de ")) }
            (lang.number(sum))
        } }
        @if groups.is_empty() {
            p.banner.fine { (lang.text("No open incidents.", "Nenhum incidente aberto.")) }
        } @else {
            p { (lang.text(
                "These sagas need an operator. Those in which something is not undone come first, then the oldest:",
                "Estas sagas precisam de um operador. Primeiro as que têm algo não desfeito, depois as mais antigas:"))
            }
            (table(request, &title, &groups, &known))
            @if has_more { p.hint { (lang.text("More steps and reasons are blocked; these are the most severe.",
                "Há mais passos e motivos bloqueados; estes são os mais graves.")) } }
        }
    };
    Ok(Content { title, main })
}

fn table(request: &PageRequest, about: &str, groups: &[Incidents], known: &KnownDefinitions) -> Markup {
    let lang = request.lang;
    let now = now();
    let heads = [
        lang.text("Step", "Passo"),
        lang.text("Reason", "Motivo"),
        "Sagas",
        lang.text("Severity", "Gravidade"),
        lang.text("Oldest", "Mais antigo"),
        lang.text("Newest", "Mais recente"),
        lang.text("Action", "Ação"),
    ];
    html! { div.scroll tabindex="0" role="region" aria-label=(about) { table.cards {
        thead { tr { @for head in heads { th scope="col" { (head) } } } }
        tbody { @for incidents in groups { @let group = &incidents.group; @let key = key(group);
        tr data-row=(key) data-step=(group.step) {
            th scope="row" data-label=(heads[0]) {
                (what(incidents, known, lang)) " " small { (group.definition) " v" (group.version) }
            }
            td.wide data-label=(heads[1]) { (lang.reason(&group.reason)) }
            td data-label=(heads[2]) { a href={ "/sagas?" (filter_of(group)) } { (lang.number(group.count)) } }
            td data-label=(heads[3]) { (severity(group.severity(), lang)) }
            td data-label=(heads[4]) { (components::ago(lang, group.first, now)) }
            td data-label=(heads[5]) { (components::ago(lang, group.last, now)) }
            td data-label=(heads[6]) { @if request.identity.may_act() {
                a href={ "/bulk?" (filter_of(group)) } { (lang.text("Bulk action …", "Ação em lote …")) }
            } @else { "–" } }
        } } }
    } } }
}

/// The key of a row: unique among the groups, and stable while a group exists.
fn key(group: &IncidentGroup) -> String {
    let action = group.action().as_str();
    format!("{}/{}/{}/{action}/{}", group.definition, group.version, group.step, group.reason)
}

/// The step and its command, marked if it is a compensation.
fn what(incidents: &Incidents, known: &KnownDefinitions, lang: Lang) -> Markup {
    let group = &incidents.group;
    let label = step_label(known.named(&group.definition, group.version), &group.step, lang);
    html! {
        @if group.undoing { (lang.text("Undo: ", "Desfazer: ")) }
        (label)
        @if let Some(command) = &incidents.command { " " code { (command) } }
    }
}

fn severity(severity: Severity, lang: Lang) -> Markup {
    let (class, name, why) = match severity {
        Severity::High => (
            "stuck",
            lang.text("high", "alta"),
            lang.text("money or stock is not returned", "dinheiro ou estoque não devolvido"),
        ),
        Severity::Medium => (
            "retrying",
            lang.text("medium", "média"),
            lang.text("something is not done that was paid for", "algo pago não foi feito"),
        ),
        Severity::Low => (
            "plain",
            lang.text("low", "baixa"),
            lang.text("only the ending is not reported", "só o resultado não foi informado"),
        ),
    };
    html! { span class={ "severity status " (class) } title=(why) { (name) } }
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::sessions::Role;

    #[test]
    fn each_group_has_a_row_with_a_key_of_its_own_that_stays() {
        let request = PageRequest::of_test(Role::Operator, Lang::En);
        let known = KnownDefinitions::of_file(include_str!("../../sagas/order.toml"));
        let group = IncidentGroup {
            definition: "order".to_owned(),
            version: 5,
            step: "ship".to_owned(),
            undoing: false,
            reason: "\"no\" <carrier>".to_owned(),
            count: 1,
            first: 0,
            last: 0,
        };
        let groups = [
            group.clone(),
            IncidentGroup { reason: "not answered in time".to_owned(), ..group.clone() },
            IncidentGroup { undoing: true, ..group.clone() },
            IncidentGroup { version: 4, ..group.clone() },
            IncidentGroup { definition: "return".to_owned(), ..group.clone() },
            IncidentGroup { step: "notify".to_owned(), ..group.clone() },
        ];
        let keys: BTreeSet<String> = groups.iter().map(key).collect();
        assert_eq!(keys.len(), groups.len(), "{keys:?}");
        let later = IncidentGroup { count: 7, first: -5, last: 9, ..group.clone() };
        assert_eq!(key(&later), key(&group));
        let incidents: Vec<_> = groups.into_iter().map(|group| Incidents { group, command: None }).collect();
        let text = table(&request, "", &incidents, &known).into_string();
        let rows: BTreeSet<&str> =
            text.split("data-row=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        assert_eq!(rows.len(), incidents.len(), "{text}");
    }
}
