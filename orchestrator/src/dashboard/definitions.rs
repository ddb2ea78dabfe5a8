//! The definitions: their versions with the numbers of their sagas, the rollout of new sagas, and the source of each.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Uri, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use common::http::PathParams;
use maud::{Markup, html};
use saga::{Definition, Format, Marks, draw, draw_marked};

use super::context::{Content, PageRequest, Pages};
use super::page::not_found;
use super::query::link;
use super::version_comparison::{self, RolledVersions};
use super::{components, layout, next_page};
use crate::api::KnownDefinition;
use crate::error::ApiError;
use crate::i18n::Lang;
use crate::stats::Total;
use crate::view::RolloutRow;

/// The page of all definitions.
pub(super) async fn content(pages: &Pages, request: &PageRequest) -> Result<Content, ApiError> {
    let lang = request.lang;
    let mut by_name: BTreeMap<String, Vec<KnownDefinition>> = BTreeMap::new();
    for known in pages.api.all_definitions().await? {
        by_name.entry(known.definition.name.clone()).or_default().push(known);
    }
    let totals = pages.api.totals().await?;
    let mut sections = Vec::new();
    for (name, mut versions) in by_name {
        versions.sort_by_key(|known| Reverse(known.definition.version));
        let rollout = pages.api.rollout(&name).await?;
        let compared = match RolledVersions::of(rollout, &versions) {
            Some(rolled) => Some(version_comparison::section(pages, request, &name, rolled).await?),
            None => None,
        };
        sections.push(section(request, &name, &versions, &totals, rollout, compared));
    }
    let title = lang.text("Definitions", "Definições").to_owned();
    let main = html! { h1 { (title) } @for section in &sections { (section) } };
    Ok(Content { title, main })
}

fn section(
    request: &PageRequest,
    name: &str,
    versions: &[KnownDefinition],
    totals: &[Total],
    rollout: Option<RolloutRow>,
    compared: Option<Markup>,
) -> Markup {
    let lang = request.lang;
    let heads = [
        lang.text("Version", "Versão"),
        lang.text("Steps", "Passos"),
        lang.text("Open", "Abertas"),
        lang.text("Ended", "Encerradas"),
        lang.text("Origin", "Origem"),
        lang.text("Download", "Baixar"),
    ];
    let label = versions.first().map_or(name, |known| known.definition.label.get(lang.tag()));
    html! { section id={ "definition-" (name) } {
        h2 { (label) " " code { (name) } }
        @if request.query.get("done") == Some(name) {
            p.banner.fine role="status" {
                (lang.text("The rollout is set for new sagas.", "A distribuição das novas sagas foi alterada."))
            }
        }
        p.share { (rollout_sentence(lang, rollout)) }
        @if let Some(compared) = compared { (compared) }
        table.cards.narrow {
            thead { tr { @for head in heads { th scope="col" { (head) } } } }
            tbody { @for known in versions { (version_row(lang, known, totals, heads)) } }
        }
        @if versions.len() > 1 { (compare(name, versions, lang)) }
        @if request.identity.may_act() && versions.len() > 1 { (form(request, name, versions)) }
    } }
}

fn rollout_sentence(lang: Lang, rollout: Option<RolloutRow>) -> Markup {
    html! { @match rollout {
        Some(RolloutRow { version, percent, .. }) => {
            strong { (percent) " %" } " "
            (lang.text("of new sagas start on version", "das novas sagas começam na versão"))
            " " strong { (version) } ", "
            (lang.text("the rest on the newest other version.", "as demais na outra versão mais recente."))
        }
        None => (lang.text("New sagas start on the newest version.", "Novas sagas começam na versão mais recente.")),
    } }
}

fn version_row(lang: Lang, known: &KnownDefinition, totals: &[Total], heads: [&str; 6]) -> Markup {
    let KnownDefinition { definition, .. } = known;
    let own = totals.iter().filter(|total| total.definition == definition.name && total.version == definition.version);
    let ended = own.clone().filter(|total| !total.is_open()).map(|total| total.count).sum();
    let open = own.filter(|total| total.is_open()).map(|total| total.count).sum();
    let path = format!("/definitions/{}/{}", definition.name, definition.version);
    html! { tr data-row=(definition.version) {
        th scope="row" data-label=(heads[0]) {
            a href=(path) { (lang.text("version", "versão")) " " (definition.version) }
        }
        td data-label=(heads[1]) { (definition.steps.len()) }
        td data-label=(heads[2]) { a href={ "/?" (flow_query(definition)) } { (lang.number(open)) } }
        td data-label=(heads[3]) { (lang.number(ended)) }
        td data-label=(heads[4]) { (origin_text(known, lang)) }
        td data-label=(heads[5]) { (downloads(&path)) }
    } }
}

fn origin_text(known: &KnownDefinition, lang: Lang) -> &'static str {
    match (known.has_file, known.is_deployed) {
        (true, true) => lang.text("file, and deployed by an operator", "arquivo, e implantada por um operador"),
        (true, false) => lang.text("file", "arquivo"),
        (false, true) => lang.text("deployed by an operator", "implantada por um operador"),
        (false, false) => lang.text("removed; its sagas go on", "removida; suas sagas continuam"),
    }
}

fn flow_query(definition: &Definition) -> String {
    let version = definition.version.to_string();
    link(&[("definition", Some(definition.name.as_str())), ("version", Some(version.as_str()))])
}

fn downloads(path: &str) -> Markup {
    html! { @for (file, name) in [("flow.svg", "SVG"), ("flow.bpmn", "BPMN"), ("source.toml", "TOML")] {
        a href={ (path) "/" (file) } download { (name) } " "
    } }
}

/// The choice of two versions to compare, by default the newest two.
fn compare(name: &str, versions: &[KnownDefinition], lang: Lang) -> Markup {
    let choice = |field: &str, label: &str, chosen: usize| {
        html! { label { span { (label) } select name=(field) { @for (index, known) in versions.iter().enumerate() {
            option selected[index == chosen] { (known.definition.version) }
        } } } }
    };
    let path = format!("/definitions/{name}/diff");
    html! { form.filter.compare method="get" action=(path) data-keep=(path) {
        (choice("from", lang.text("Compare version", "Comparar a versão"), 1))
        (choice("to", lang.text("with version", "com a versão"), 0))
        button type="submit" { (lang.text("Show the differences", "Mostrar as diferenças")) }
    } }
}

fn form(request: &PageRequest, name: &str, versions: &[KnownDefinition]) -> Markup {
    let lang = request.lang;
    html! { details.act data-keep=(format!("rollout {name}")) {
        summary { (lang.text("Change the rollout …", "Mudar a distribuição …")) }
        form method="post" action={ "/definitions/" (name) "/rollout" } {
            (components::csrf(request))
            label { span { (lang.text("Version", "Versão")) } select name="version" {
                @for known in versions.iter().filter(|known| known.is_active()) {
                    option value=(known.definition.version) { (known.definition.version) }
                }
            } }
            label { span { (lang.text("Share in percent", "Parcela em porcentagem")) }
                input name="percent" type="number" min="0" max="100" required value="10"; }
            (components::reason_field(lang))
            button.main type="submit" { (lang.text("Confirm the rollout", "Confirmar a distribuição")) }
        }
    } }
}

/// The page of a definition's version.
pub(super) async fn detail(
    pages: &Pages,
    request: &PageRequest,
    name: &str,
    version: u32,
) -> Result<Content, ApiError> {
    let lang = request.lang;
    let definition = pages.api.find_definition(name, Some(version)).await?;
    let path = format!("/definitions/{name}/{version}");
    let title = format!("{} v{version}", definition.label.get(lang.tag()));
    let diagram = draw_marked(&definition, lang.tag(), &Marks::default());
    let main = html! {
        p { a href="/definitions" { (lang.text("Definitions", "Definições")) } }
        div.top {
            h1 { (title) }
            p {
                (downloads(&path))
                a href={ "/?" (flow_query(&definition)) } { (lang.text("Statistics", "Estatísticas")) }
            }
        }
        figure.drawing {
            div.scroll tabindex="0" role="region" aria-label=(lang.text("Flow diagram", "Diagrama do fluxo")) {
                (components::drawing(diagram))
            }
        }
        section { h2 { (lang.text("Source", "Fonte")) } pre tabindex="0" { (definition.source()) } }
    };
    Ok(Content { title, main })
}

/// `GET /definitions/{name}/{version}/flow.svg`, `flow.bpmn`, `source.toml`
pub(super) async fn download(
    State(pages): State<Pages>,
    PathParams((name, version, file)): PathParams<(String, u32, String)>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let Some(request) = pages.request(&uri, &headers) else {
        return Redirect::to(&next_page::path_for(&uri)).into_response();
    };
    let definition = match pages.api.find_definition(&name, Some(version)).await {
        Ok(definition) => definition,
        Err(error) => return layout::error_page(&pages, &request, "/definitions", &error).await,
    };
    let language = request.lang.tag();
    let (kind, ending, text) = match file.as_str() {
        "flow.svg" => ("image/svg+xml", "svg", draw(&definition, Format::Svg, language)),
        "flow.bpmn" => ("application/xml", "bpmn", draw(&definition, Format::Bpmn, language)),
        "source.toml" => ("application/toml", "toml", definition.source().to_owned()),
        _ => return layout::error_page(&pages, &request, "/definitions", &not_found(uri.path())).await,
    };
    let mut response = (layout::headers(), text).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    // The name of a definition has only letters, digits and hyphens.
    if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{name}-{version}.{ending}\"")) {
        response.headers_mut().insert(header::CONTENT_DISPOSITION, value);
    }
    response
}
