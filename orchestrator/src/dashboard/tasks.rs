//! The open tasks of people, those that are due first.

use maud::{Markup, html};
use saga::{Definition, OperationRecord};

use super::components::{self, choice, field};
use super::context::{Content, PageRequest, Pages, now};
use super::query::link;
use crate::api::{KnownDefinitions, TaskForm, task_id, task_label};
use crate::error::ApiError;
use crate::i18n::Lang;
use crate::view::{TaskFilter, TaskRow};

/// Tasks on a page.
const PAGE_SIZE: usize = 50;

/// The page.
pub(super) async fn content(pages: &Pages, request: &PageRequest) -> Result<Content, ApiError> {
    let lang = request.lang;
    let now = now();
    let filter = filter_of(request, now);
    let known = pages.api.known().await?;
    let page = pages.api.tasks(filter.clone(), request.query.get("cursor"), PAGE_SIZE).await?;
    let title = lang.text("Tasks", "Tarefas").to_owned();
    let done = completed(pages, request).await?;
    let main = html! {
        h1 { (title) }
        @if let Some(done) = &done { p.banner.fine id="done" role="status" {
            (lang.text("Completed", "Concluída")) ", " (components::moment(done.at.0))
            " (" (done.by) ": " (done.why) ")"
        } }
        p { (lang.text("Sagas that wait for somebody. Those that are due first come first:",
            "Sagas que esperam por alguém. Primeiro as que vencem antes:")) }
        (form(&filter, &known, lang))
        @if page.tasks.is_empty() {
            p.empty { @if filter == TaskFilter::default() {
                (lang.text("No open tasks.", "Nenhuma tarefa aberta."))
            } @else { (lang.text("No task matches this filter.", "Nenhuma tarefa corresponde a este filtro.")) } }
        } @else {
            (table(&page.tasks, &known, &title, lang, now))
        }
        nav.pages aria-label=(lang.text("Pages of the list", "Páginas da lista")) {
            @if request.query.get("cursor").is_some() {
                a href={ "/tasks?" (query_of(&filter, None)) } { (lang.text("First page", "Primeira página")) }
            }
            @if let Some(next) = &page.next {
                a href={ "/tasks?" (query_of(&filter, Some(next))) } { (lang.text("Later", "Mais tarde")) }
            }
        }
    };
    Ok(Content { title, main })
}

fn filter_of(request: &PageRequest, now: i64) -> TaskFilter {
    let text = |name| request.query.get(name).map(str::to_owned);
    TaskFilter {
        kind: text("kind"),
        role: text("role"),
        claimed_by: text("claimedBy"),
        definition: text("definition"),
        overdue: (request.query.get("overdue") == Some("true")).then_some((true, now)),
    }
}

fn query_of(filter: &TaskFilter, cursor: Option<&str>) -> String {
    link(&[
        ("kind", filter.kind.as_deref()),
        ("role", filter.role.as_deref()),
        ("claimedBy", filter.claimed_by.as_deref()),
        ("definition", filter.definition.as_deref()),
        ("overdue", filter.overdue.map(|_| "true")),
        ("cursor", cursor),
    ])
}

/// The completion whose form led to this page.
async fn completed(pages: &Pages, request: &PageRequest) -> Result<Option<OperationRecord>, ApiError> {
    let Some(id) = request.query.get("completed").and_then(|text| task_id(text).ok()) else { return Ok(None) };
    let saga = pages.api.find_saga(id.saga).await?;
    let is_own = |done: &&OperationRecord| {
        done.action == "complete" && done.refused.is_none() && done.by == request.identity.name
    };
    Ok(saga.and_then(|saga| saga.operations.iter().rev().find(is_own).cloned()))
}

fn form(filter: &TaskFilter, known: &KnownDefinitions, lang: Lang) -> Markup {
    let of_tasks = |definition: &Definition| {
        let forms = definition.steps.iter().filter_map(|step| Some((step, TaskForm::of(definition, &step.name)?)));
        let parts = forms.map(|(step, form)| (step.name.clone(), form.human.role.clone()));
        parts.collect::<Vec<_>>()
    };
    let all: Vec<(String, Option<String>)> = known.all().flat_map(of_tasks).collect();
    let kinds = sorted(all.iter().map(|(step, _)| step.as_str()).collect());
    let roles = sorted(all.iter().filter_map(|(_, role)| role.as_deref()).collect());
    let has_tasks = |definition: &&Definition| !of_tasks(definition).is_empty();
    let names = sorted(known.all().filter(has_tasks).map(|definition| definition.name.as_str()).collect());
    html! { form.filter method="get" action="/tasks" data-keep="filter" {
        (choice("kind", lang.text("Kind", "Tipo"), &kinds, filter.kind.as_deref(), lang))
        (choice("role", lang.text("Role", "Papel"), &roles, filter.role.as_deref(), lang))
        (choice("definition", lang.text("Definition", "Definição"), &names, filter.definition.as_deref(), lang))
        (field("claimedBy", lang.text("Claimed by", "Responsável"), filter.claimed_by.as_deref(), ""))
        label.check {
            input type="checkbox" name="overdue" value="true" checked[filter.overdue.is_some()];
            (lang.text("only overdue", "só atrasadas"))
        }
        div.buttons {
            button.main type="submit" { (lang.text("Filter", "Filtrar")) }
            a href="/tasks" { (lang.text("Clear", "Limpar")) }
        }
    } }
}

fn sorted(mut names: Vec<&str>) -> Vec<&str> {
    names.sort_unstable();
    names.dedup();
    names
}

fn table(tasks: &[TaskRow], known: &KnownDefinitions, about: &str, lang: Lang, now: i64) -> Markup {
    let heads = [
        lang.text("Task", "Tarefa"),
        "Saga",
        lang.text("Role", "Papel"),
        lang.text("Open for", "Aberta há"),
        lang.text("Due", "Prazo"),
        lang.text("Claimed by", "Responsável"),
    ];
    html! { div.scroll tabindex="0" role="region" aria-label=(about) { table.cards {
        thead { tr { @for head in heads { th scope="col" { (head) } } } }
        tbody { @for task in tasks { @let definition = known.named(&task.definition, task.version);
        tr data-row=(task.id()) class=[task.is_overdue(now).then_some("bad")] {
            th scope="row" data-label=(heads[0]) {
                a href={ "/tasks/" (task.id()) } { (task_label(definition, &task.step, lang.tag())) }
            }
            td data-label=(heads[1]) { (components::saga_link(&task.saga)) " " small { (task.definition) } }
            td data-label=(heads[2]) { (task.role.as_deref().unwrap_or("–")) }
            td data-label=(heads[3]) { (lang.span(now.saturating_sub(task.opened).max(0).unsigned_abs())) }
            td data-label=(heads[4]) { (due(task.due, lang, now)) }
            td data-label=(heads[5]) { (holder(task, lang)) }
        } } }
    } } }
}

/// When a task is due, and whether it is overdue.
pub(super) fn due(due: Option<i64>, lang: Lang, now: i64) -> Markup {
    html! { @match due {
        None => { "–" }
        Some(due) if due < now => {
            (components::moment(due)) " " span.reason { (lang.text("overdue", "atrasada")) }
        }
        Some(due) => { (components::moment(due)) }
    } }
}

/// Who works on a task, or has completed it.
fn holder(task: &TaskRow, lang: Lang) -> Markup {
    html! { @match (&task.completed, &task.claim) {
        (Some(done), _) => { (lang.text("completed by", "concluída por")) " " (done.by) }
        (None, Some(claim)) => { (claim.by) }
        (None, None) => { "–" }
    } }
}

#[cfg(test)]
mod tests {
    use saga::TaskMark;

    use super::*;

    fn row(saga: &str, due: Option<i64>, by: Option<&str>) -> TaskRow {
        let claim = by.map(|by| TaskMark { by: by.to_owned(), at: saga::Timestamp(0) });
        TaskRow {
            saga: saga.to_owned(),
            step: "receive-goods".to_owned(),
            definition: "return".to_owned(),
            version: 2,
            role: Some("warehouse".to_owned()),
            opened: 0,
            due,
            claim,
            completed: None,
        }
    }

    #[test]
    fn a_task_has_its_label_its_saga_and_who_has_it() {
        let known = KnownDefinitions::of_file(include_str!("../../sagas/return.toml"));
        let rows = [row("a", Some(5), Some("<b>ana")), row("b", None, None)];
        let text = table(&rows, &known, "Tasks", Lang::En, 10).into_string();
        for part in
            ["href=\"/tasks/a.receive-goods\"", "Inspect the returned goods", "&lt;b&gt;ana", "overdue", "warehouse"]
        {
            assert!(text.contains(part), "{part} in {text}");
        }
        let text = form(&TaskFilter::default(), &known, Lang::Pt).into_string();
        assert!(text.contains("value=\"receive-goods\"") && text.contains("value=\"warehouse\""), "{text}");
    }
}
