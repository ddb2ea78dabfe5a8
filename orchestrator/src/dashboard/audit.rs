//! The acts of operators and customers: who did what, to what, why, from where, and whether it was applied.

use maud::{Markup, html};

use super::components;
use super::context::{Content, PageRequest, Pages};
use super::query::link;
use crate::error::ApiError;
use crate::i18n::Lang;
use crate::view::Act;

/// Acts on a page.
const PAGE_SIZE: usize = 50;

/// The page.
pub(super) async fn content(pages: &Pages, request: &PageRequest) -> Result<Content, ApiError> {
    let lang = request.lang;
    let by = request.query.get("by");
    let page = pages.api.audit(by.map(str::to_owned), request.query.get("cursor"), PAGE_SIZE).await?;
    let title = lang.text("Audit", "Auditoria").to_owned();
    let retention = u64::try_from(pages.api.context.settings.dashboard.audit_retention.as_millis()).unwrap_or(u64::MAX);
    let main = html! {
        h1 { (title) @if let Some(by) = by { " " small { (by) } } }
        p.hint {
            (lang.text("Acts of operators and customers of the last", "Ações de operadores e clientes dos últimos")) " "
            (lang.span(retention)) ". "
            @if by.is_some() { a href="/audit" { (lang.text("Show all", "Mostrar todos")) } }
        }
        @if page.acts.is_empty() {
            p.empty { (lang.text("No acts.", "Nenhuma ação.")) }
        } @else {
            (table(&page.acts, &title, lang))
        }
        nav.pages aria-label=(lang.text("Pages of the list", "Páginas da lista")) {
            @if request.query.get("cursor").is_some() {
                a href={ "/audit?" (link(&[("by", by)])) } { (lang.text("Newest", "Mais recentes")) }
            }
            @if let Some(next) = &page.next {
                a href={ "/audit?" (link(&[("by", by), ("cursor", Some(next))])) } {
                    (lang.text("Older", "Mais antigos"))
                }
            }
        }
    };
    Ok(Content { title, main })
}

fn table(acts: &[Act], about: &str, lang: Lang) -> Markup {
    let heads = [
        lang.text("When", "Quando"),
        lang.text("Who", "Quem"),
        lang.text("What", "O quê"),
        lang.text("On", "Em"),
        lang.text("Why", "Por quê"),
        lang.text("From", "De onde"),
        lang.text("Outcome", "Resultado"),
    ];
    html! { div.scroll tabindex="0" role="region" aria-label=(about) { table.cards {
        thead { tr { @for head in heads { th scope="col" { (head) } } } }
        tbody { @for act in acts { (row(act, heads, lang)) } }
    } } }
}

fn row(act: &Act, heads: [&str; 7], lang: Lang) -> Markup {
    html! { tr data-row={ (act.subject) "/" (act.id) "/" (act.at) } class=[act.refused.is_some().then_some("bad")] {
        th scope="row" { (components::moment(act.at)) }
        td data-label=(heads[1]) { a href={ "/audit?" (link(&[("by", Some(act.by.as_str()))])) } { (act.by) } }
        td.wide data-label=(heads[2]) { (action(&act.action, lang)) }
        td data-label=(heads[3]) { (subject(&act.subject)) }
        td.wide data-label=(heads[4]) { (act.why) }
        td data-label=(heads[5]) { (act.from.as_deref().unwrap_or("–")) }
        td.wide data-label=(heads[6]) { @match &act.refused {
            Some(reason) => span.reason { (lang.text("refused:", "recusado:")) " " (lang.reason(reason)) },
            None => (lang.text("applied", "aplicado")),
        } }
    } }
}

/// The name of an act.
fn action(action: &str, lang: Lang) -> String {
    match action.strip_prefix("rollout version ") {
        Some(rollout) => format!("{} {rollout}", lang.text("rollout of version", "distribuição da versão")),
        None if action == "put back" => lang.text("put back", "devolução").to_owned(),
        None if action == "deploy" => lang.text("deploy", "implantação").to_owned(),
        None if action == "undeploy" => lang.text("undeploy", "fim da implantação").to_owned(),
        None => webhook_action(action, lang).unwrap_or_else(|| lang.action(action)).to_owned(),
    }
}

/// The name of an act on a webhook.
fn webhook_action(action: &str, lang: Lang) -> Option<&'static str> {
    Some(match action {
        "create" => lang.text("create", "criação"),
        "update" => lang.text("update", "alteração"),
        "enable" => lang.text("enable", "ativação"),
        "disable" => lang.text("disable", "desativação"),
        "rotate secret" => lang.text("change of the secret", "troca do segredo"),
        "delete" => lang.text("delete", "exclusão"),
        "replay" => lang.text("replay", "reenvio"),
        _ => return None,
    })
}

/// What was acted on, with a link to its page.
fn subject(subject: &str) -> Markup {
    let (kind, name) = subject.split_once('/').unwrap_or((subject, ""));
    html! { @match kind {
        "saga" => { a href={ "/sagas/" (name) } { "saga " code title=(name) { (components::short(name)) } } }
        "rollout" => { a href="/definitions" { (name) } }
        "definition" => { a href={ "/definitions/" (name) } { (name) } }
        "webhook" => { a href={ "/webhooks/" (name) } { "webhook " code title=(name) { (components::short(name)) } } }
        "letter" => { a href={ "/dead-letters/" (name.split('/').next().unwrap_or_default()) } { (name) } }
        _ => { (subject) }
    } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_act_names_who_what_why_from_where_and_the_outcome() {
        let act = Act {
            at: 1_700_000_000_000,
            subject: "saga/7c9e6679-7425-40de-944b-e07fc1f90ae7".to_owned(),
            id: "1".to_owned(),
            action: "cancel".to_owned(),
            by: "<b>ana".to_owned(),
            why: "the customer called".to_owned(),
            from: Some("10.0.0.7".to_owned()),
            refused: Some("the pivot has begun".to_owned()),
        };
        let text = table(&[act], "Audit", Lang::En).into_string();
        assert_eq!(action("rollout version 4: 10 %", Lang::Pt), "distribuição da versão 4: 10 %");
        assert_eq!(action("put back", Lang::Pt), "devolução");
        assert_eq!(action("undeploy", Lang::En), "undeploy");
        assert_eq!(action("rotate secret", Lang::Pt), "troca do segredo");
        for part in ["&lt;b&gt;ana", "cancel", "…c1f90ae7", "the customer called", "10.0.0.7", "the pivot has begun"]
        {
            assert!(text.contains(part), "{part} in {text}");
        }
    }
}
