//! A saga: its incidents, its purchase, its path, its timeline, its commands and replies, and the actions that are
//! possible.

mod facts;
mod history;
mod incident_box;
mod steps;

use maud::{Markup, html};
use saga::{Definition, Saga};
use uuid::Uuid;

use super::context::{Content, PageRequest, Pages, now};
use super::diagram::{Diagram, diagram};
use super::{components, forms, marks, timeline};
use crate::api::task_label;
use crate::error::ApiError;
use crate::i18n::Lang;
use crate::inspect::incident::open_incidents;

/// The page.
pub(super) async fn content(pages: &Pages, request: &PageRequest, id: Uuid) -> Result<Content, ApiError> {
    let lang = request.lang;
    let now = now();
    let saga = pages.api.saga(id).await?;
    let definition = pages.api.definition_of(&saga).await?;
    let definition = definition.as_deref();
    let urls = &pages.api.context.settings.dashboard;
    let label = definition.map_or(saga.definition.as_str(), |known| known.label.get(lang.tag()));
    let title = format!("{label} {}", components::short(&saga.id.to_string()));
    let incidents = open_incidents(&saga, definition);
    let main = html! {
        div.top { h1 { (label) " " code { (saga.id) } } (components::status(lang, saga.status.as_str())) }
        (forms::result(&saga, request))
        @for incident in &incidents { (incident_box::incident_box(incident, &saga, definition, request, now)) }
        @if request.identity.may_act() && !incidents.is_empty() { (forms::forms(&saga, definition, request)) }
        @for (step, task) in saga.tasks() { p.banner.finding id={ "task-" (step.name) } {
            (lang.text("Open task:", "Tarefa aberta:")) " "
            a href={ "/tasks/" (saga.id) "." (step.name) } { (task_label(definition, &step.name, lang.tag())) }
            @if let Some(claim) = &task.claim { " (" (claim.by) ")" }
        } }
        (facts::purchase(&saga, lang))
        (facts::facts(urls, &saga, definition, lang, now))
        @if let Some(definition) = definition {
            (path(&saga, definition, lang, now))
        }
        @if request.identity.may_act() && incidents.is_empty() { (forms::forms(&saga, definition, request)) }
        // Sections have ids, so that the script can match them when the page is updated.
        section id="timeline" {
            h2 { (lang.text("Timeline", "Linha do tempo")) }
            (timeline::timeline(&saga, definition, lang, now))
        }
        section id="steps" {
            h2 { (lang.text("Steps", "Passos")) }
            @for step in saga.all_steps().filter(|step| step.started.is_some()) {
                (steps::details(&saga, definition, step, lang))
            }
        }
        section id="history" {
            h2 { (lang.text("History", "Histórico")) }
            (history::history(&saga, definition, lang))
        }
        details.raw data-keep=(format!("raw {}", saga.updated.0)) {
            summary { (lang.text("State as JSON", "Estado em JSON")) }
            p { a href={ "/api/sagas/" (saga.id) } {
                (lang.text("Full state, from the API", "Estado completo, pela API"))
            } }
            (components::json(&serde_json::to_value(&saga).unwrap_or_default()))
        }
    };
    Ok(Content { title, main })
}

/// The diagram with the path of the saga.
fn path(saga: &Saga, definition: &Definition, lang: Lang, now: i64) -> Markup {
    let failed = saga.all_steps().filter(|step| marks::has_failed(step)).map(|step| step.name.clone()).collect();
    let about = lang.text("Path of the saga", "Caminho da saga");
    let drawn = Diagram { definition, marks: &marks::path(saga, definition, lang, now), failed: &failed, about };
    html! { figure.flow { (diagram(&drawn, lang)) } }
}
