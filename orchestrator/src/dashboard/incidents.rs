//! What stopped, grouped by step and reason.

use common::http::Problem;
use maud::html;

use super::query::link;
use super::{Content, Pages, Seen, flow, layout};
use crate::api::label;
use crate::stats::{self, Stuck};

pub(super) async fn content(pages: &Pages, seen: &Seen) -> Result<Content, Problem> {
    let (lang, now) = (seen.lang, flow::now());
    let groups = pages.api.context.view.read(stats::stuck).await?;
    let definitions = pages.api.all_definitions().await?;
    let named = |group: &Stuck| {
        let own = definitions.iter().find(|(d, _)| d.name == group.definition && d.version == group.version);
        label(own.map(|(definition, _)| definition.as_ref()), &group.step, lang)
    };
    let to = |group: &Stuck| {
        let version = group.version.to_string();
        link(&[
            ("status", Some("incident")),
            ("definition", Some(group.definition.as_str())),
            ("version", Some(version.as_str())),
            ("step", Some(group.step.as_str())),
            ("reason", Some(group.reason.as_str())),
        ])
    };
    let heads = [
        lang.say("Step", "Passo"),
        lang.say("Why", "Por quê"),
        lang.say("How many", "Quantas"),
        lang.say("First", "Primeira"),
        lang.say("Last", "Última"),
        lang.say("What to do", "O que fazer"),
    ];
    let sum: u64 = groups.iter().map(|group| group.count).sum();
    let title = lang.say("Incidents", "Incidentes").to_owned();
    let main = html! {
        h1 { (title) " " small { (lang.number(sum)) } }
        @if groups.is_empty() {
            p.banner.fine { (lang.say("No saga waits for a person.", "Nenhuma saga espera por uma pessoa.")) }
        } @else {
            p { (lang.say("These sagas can't go on by themselves. What stands in their way, the most first:",
                "Estas sagas não seguem sozinhas. O que está no caminho, do mais frequente ao menos:")) }
            div.scroll tabindex="0" role="region" aria-label=(title) { table.cards {
                thead { tr { @for head in heads { th scope="col" { (head) } } } }
                tbody { @for group in &groups { tr data-row=(group.step) {
                    th scope="row" data-label=(heads[0]) { (named(group)) " " small { (group.definition) " v" (group.version) } }
                    td.wide data-label=(heads[1]) { (group.reason) }
                    td data-label=(heads[2]) { a href={ "/sagas?" (to(group)) } { (lang.number(group.count)) } }
                    td data-label=(heads[3]) { (layout::ago(lang, group.first, now)) }
                    td data-label=(heads[4]) { (layout::ago(lang, group.last, now)) }
                    td data-label=(heads[5]) { @if seen.who.may_act() {
                        a href={ "/bulk?" (to(group)) } { (lang.say("Act on all of them …", "Agir em todas …")) }
                    } @else { "–" } }
                } } }
            } }
        }
    };
    Ok(Content { title, main })
}
