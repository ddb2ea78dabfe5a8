//! The definitions: their versions, what runs on them, which one new sagas begin on; and one of them with its source.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Uri, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use common::http::{InPath, Problem};
use maud::{Markup, html};
use saga::{Definition, Format, Marks, draw, draw_marked};

use super::query::link;
use super::{Content, Pages, Seen, acts, layout, login, wrong};
use crate::stats;

pub(super) async fn content(pages: &Pages, seen: &Seen) -> Result<Content, Problem> {
    let lang = seen.lang;
    let mut by_name: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for (definition, file) in pages.api.all_definitions().await? {
        by_name.entry(definition.name.clone()).or_default().push((definition, file));
    }
    let totals = pages.api.context.view.read(stats::totals).await?;
    let mut sections = Vec::new();
    for (name, mut versions) in by_name {
        versions.sort_by_key(|(definition, _)| std::cmp::Reverse(definition.version));
        let rollout = pages.api.rollout(&name).await?;
        let all: Vec<(&Definition, bool)> = versions.iter().map(|(d, file)| (d.as_ref(), *file)).collect();
        sections.push(of_name(seen, &name, &all, &totals, rollout));
    }
    let title = lang.say("Definitions", "Definições").to_owned();
    let main = html! { h1 { (title) } @for section in &sections { (section) } };
    Ok(Content { title, main })
}

fn of_name(
    seen: &Seen,
    name: &str,
    versions: &[(&Definition, bool)],
    totals: &[stats::Total],
    rollout: Option<(u32, u8)>,
) -> Markup {
    let lang = seen.lang;
    let heads = [
        lang.say("Version", "Versão"),
        lang.say("Steps", "Passos"),
        lang.say("Open", "Abertas"),
        lang.say("Ended", "Terminadas"),
        lang.say("File", "Arquivo"),
        lang.say("Download", "Baixar"),
    ];
    let label = versions.first().map_or(name, |(definition, _)| definition.label.get(lang.tag()));
    html! { section {
        h2 { (label) " " code { (name) } }
        @if seen.query.get("told") == Some(name) {
            p.banner.fine role="status" { (lang.say("New sagas begin so from now on.", "Novas sagas começam assim a partir de agora.")) }
        }
        p { @match rollout {
            Some((version, percent)) => {
                (lang.say("Of new sagas", "Das novas sagas,")) " " strong { (percent) " %" } " "
                (lang.say("begin on version", "começam na versão")) " " strong { (version) } ", "
                (lang.say("the others on the newest of the other versions.", "as outras na mais nova das demais versões."))
            }
            None => (lang.say("New sagas begin on the newest version.", "Novas sagas começam na versão mais nova.")),
        } }
        table.cards.narrow {
            thead { tr { @for head in heads { th scope="col" { (head) } } } }
            tbody { @for (definition, file) in versions {
                @let own = totals.iter().filter(|t| t.definition == name && t.version == definition.version);
                @let ended = own.clone().filter(|t| is_end(&t.status)).map(|t| t.count).sum();
                @let open = own.filter(|t| !is_end(&t.status)).map(|t| t.count).sum();
                @let place = format!("/definitions/{name}/{}", definition.version);
                tr data-row=(definition.version) {
                    th scope="row" data-label=(heads[0]) { a href=(place) { (lang.say("version", "versão")) " " (definition.version) } }
                    td data-label=(heads[1]) { (definition.steps.len()) }
                    td data-label=(heads[2]) { a href={ "/?" (way(definition)) } { (lang.number(open)) } }
                    td data-label=(heads[3]) { (lang.number(ended)) }
                    td data-label=(heads[4]) { @if *file { (lang.say("yes", "sim")) } @else {
                        (lang.say("gone; its sagas go on", "removido; suas sagas seguem")) } }
                    td data-label=(heads[5]) { (downloads(&place)) }
                }
            } }
        }
        @if seen.who.may_act() && versions.len() > 1 { (form(seen, name, versions)) }
    } }
}

fn is_end(status: &str) -> bool {
    matches!(status, "completed" | "compensated")
}

fn way(definition: &Definition) -> String {
    let version = definition.version.to_string();
    link(&[("definition", Some(definition.name.as_str())), ("version", Some(version.as_str()))])
}

fn downloads(place: &str) -> Markup {
    html! { @for (file, name) in [("flow.svg", "SVG"), ("flow.bpmn", "BPMN"), ("source.toml", "TOML")] {
        a href={ (place) "/" (file) } download { (name) } " "
    } }
}

fn form(seen: &Seen, name: &str, versions: &[(&Definition, bool)]) -> Markup {
    let lang = seen.lang;
    html! { details.act data-keep=(format!("rollout {name}")) {
        summary { (lang.say("Change what new sagas begin on …", "Mudar em que novas sagas começam …")) }
        form method="post" action={ "/definitions/" (name) "/rollout" } {
            (layout::csrf(seen))
            label { span { (lang.say("Version", "Versão")) } select name="version" {
                @for (definition, _) in versions.iter().filter(|(_, file)| *file) { option value=(definition.version) { (definition.version) } }
            } }
            label { span { (lang.say("Share in percent", "Parcela em porcento")) }
                input name="percent" type="number" min="0" max="100" required value="10"; }
            (acts::why(lang))
            button.main type="submit" { (lang.say("Yes, begin so", "Sim, começar assim")) }
        }
    } }
}

pub(super) async fn one(pages: &Pages, seen: &Seen, name: &str, version: u32) -> Result<Content, Problem> {
    let lang = seen.lang;
    let definition = found(pages, name, version).await?;
    let place = format!("/definitions/{name}/{version}");
    let title = format!("{} v{version}", definition.label.get(lang.tag()));
    let main = html! {
        p { a href="/definitions" { (lang.say("Definitions", "Definições")) } }
        div.top { h1 { (title) } p { (downloads(&place)) a href={ "/?" (way(&definition)) } { (lang.say("In numbers", "Em números")) } } }
        figure.drawing { div.scroll tabindex="0" role="region" aria-label=(lang.say("The flow as a picture", "O fluxo como figura")) {
            (layout::drawing(draw_marked(&definition, lang.tag(), &Marks::default())))
        } }
        section { h2 { (lang.say("Source", "Fonte")) } pre tabindex="0" { (definition.source()) } }
    };
    Ok(Content { title, main })
}

async fn found(pages: &Pages, name: &str, version: u32) -> Result<std::sync::Arc<Definition>, Problem> {
    let all = pages.api.all_definitions().await?.into_iter();
    let mut own = all.filter(|(definition, _)| definition.name == name && definition.version == version);
    let nothing = || Problem::not_found(format!("there is no definition {name} version {version}"));
    own.next().map(|(definition, _)| definition).ok_or_else(nothing)
}

/// `GET /definitions/{name}/{version}/flow.svg`, `flow.bpmn`, `source.toml`
pub(super) async fn download(
    State(pages): State<Pages>,
    InPath((name, version, file)): InPath<(String, u32, String)>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let Some(seen) = pages.seen(&uri, &headers) else { return Redirect::to(&login::way(&uri)).into_response() };
    let definition = match found(&pages, &name, version).await {
        Ok(definition) => definition,
        Err(problem) => return wrong(&pages, &seen, "/definitions", &problem),
    };
    let language = seen.lang.tag();
    let (kind, ending, text) = match file.as_str() {
        "flow.svg" => ("image/svg+xml", "svg", draw(&definition, Format::Svg, language)),
        "flow.bpmn" => ("application/xml", "bpmn", draw(&definition, Format::Bpmn, language)),
        "source.toml" => ("application/toml", "toml", definition.source().to_owned()),
        _ => {
            let nothing = Problem::not_found(format!("There is nothing at {}.", uri.path()));
            return wrong(&pages, &seen, "/definitions", &nothing);
        }
    };
    let mut response = (layout::headers(), text).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    // A definition's name is of letters, digits and hyphens.
    if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{name}-{version}.{ending}\"")) {
        response.headers_mut().insert(header::CONTENT_DISPOSITION, value);
    }
    response
}
