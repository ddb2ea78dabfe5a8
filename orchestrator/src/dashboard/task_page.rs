//! A task: what it is about, who works on it, and its form.

use common::time::Timestamp;
use maud::{Markup, html};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::components::{self, fact};
use super::context::{Content, PageRequest, Pages, now};
use super::task_form::inputs;
use super::tasks::due;
use crate::api::{TaskForm, TaskId, task_label};
use crate::error::ApiError;
use crate::i18n::Lang;
use crate::inspect::purchase::{CURRENCY, amount};
use crate::view::TaskRow;

/// The page.
pub(super) async fn content(pages: &Pages, request: &PageRequest, id: &TaskId) -> Result<Content, ApiError> {
    let lang = request.lang;
    let now = now();
    let task = pages.api.task(id).await?;
    let known = pages.api.known().await?;
    let subject = pages.api.subject(id.saga).await?;
    let definition = known.named(&task.definition, task.version);
    let form = definition.and_then(|definition| TaskForm::of(definition, &task.step));
    let label = task_label(definition, &task.step, lang.tag());
    let title = format!("{label} {}", components::short(&task.saga));
    let may_work = pages.api.may_work_on(&request.identity, task.role.as_deref());
    let main = html! {
        h1 { (label) " " code { (task.saga) } }
        (facts(&task, lang, now))
        (about(&subject, &task.saga, lang))
        @if let Some(done) = &task.completed {
            p.banner.fine role="status" { (lang.text(
                "Completed; the saga goes on when the message arrives. By",
                "Concluída; a saga continua quando a mensagem chegar. Por")) " "
                strong { (done.by) } ", " (components::moment(done.at.0)) }
        } @else if may_work {
            (forms(&task, form, request))
        } @else if request.identity.may_act() {
            p.hint { (lang.text(
                "This task is for operators with the role", "Esta tarefa é para operadores com o papel")) " "
                strong { (task.role.as_deref().unwrap_or_default()) } "." }
        }
    };
    Ok(Content { title, main })
}

fn facts(task: &TaskRow, lang: Lang, now: i64) -> Markup {
    html! { dl.facts {
        (fact("Saga", &html! { (components::saga_link(&task.saga)) " " (task.definition) " v" (task.version) }))
        (fact(lang.text("Step", "Passo"), &html! {
            a href={ "/sagas/" (task.saga) "#step-" (task.step) } { (task.step) }
        }))
        @if let Some(role) = &task.role { (fact(lang.text("Role", "Papel"), &html! { (role) })) }
        (fact(lang.text("Opened", "Aberta em"), &components::moment(task.opened)))
        (fact(lang.text("Due", "Prazo"), &due(task.due, lang, now)))
        (fact(lang.text("Claimed by", "Responsável"), &html! { @match &task.claim {
            Some(claim) => { (claim.by) ", " (components::ago(lang, claim.at.0, now)) }
            None => { (lang.text("nobody", "ninguém")) }
        } }))
    } }
}

/// The values that the saga was started with, the amounts first; each with its currency.
fn about(subject: &Map<String, Value>, saga: &str, lang: Lang) -> Markup {
    let amounts: Vec<_> = subject.keys().filter_map(|name| Some((name, amount(subject, name)?))).collect();
    let is_shown =
        |name: &String| amounts.iter().any(|(amount, _)| *amount == name) || (name == CURRENCY && !amounts.is_empty());
    let others = subject.iter().filter(|(name, value)| !is_shown(name) && value.as_str() != Some(saga));
    html! { @if !subject.is_empty() { section id="about" {
        h2 { (lang.text("About", "Sobre")) }
        dl.facts {
            @for (name, money) in &amounts {
                (fact(&lang.field(name), &html! { strong { (lang.money(money)) } }))
            }
            @for (name, value) in others { (fact(&lang.field(name), &display_text(name, value, lang))) }
        }
    } } }
}

/// A value. That of an order's id leads to its saga.
fn display_text(name: &str, value: &Value, lang: Lang) -> Markup {
    html! { @match value {
        Value::String(text) if name == "orderId" && Uuid::parse_str(text).is_ok() => (components::saga_link(text)),
        Value::String(text) if name == "status" => (lang.status(text)),
        Value::String(text) => { @match Timestamp::parse(text) {
            Ok(at) => (components::moment(at.0)),
            Err(_) => (text),
        } }
        Value::Bool(true) => (lang.text("yes", "sim")),
        Value::Bool(false) => (lang.text("no", "não")),
        other => (other.to_string()),
    } }
}

/// The forms of what the user can do: nobody works on a task that somebody else has claimed.
fn forms(task: &TaskRow, form: Option<TaskForm<'_>>, request: &PageRequest) -> Markup {
    let lang = request.lang;
    let holder = task.claim.as_ref().map(|claim| claim.by.as_str());
    match holder {
        Some(holder) if holder != request.identity.name => take_over(task, holder, request),
        Some(_) | None => html! {
            @if let Some(form) = form { (completion(task, form, request)) }
            @if holder.is_some() {
                (plain(task, "release", lang.text("Release", "Liberar"), request))
            } @else {
                (plain(task, "claim", lang.text("Claim", "Assumir"), request))
            }
        },
    }
}

fn completion(task: &TaskRow, form: TaskForm<'_>, request: &PageRequest) -> Markup {
    let lang = request.lang;
    html! { form.act id="complete" method="post" action={ "/tasks/" (task.id()) "/act" } data-keep="complete" {
        h2 { (lang.text("Complete the task", "Concluir a tarefa")) }
        (components::act_fields(request, "complete"))
        (inputs(&form.fields(), &form.receive.topic, lang))
        (components::reason_field(lang))
        button.main type="submit" { (lang.text("Complete", "Concluir")) }
    } }
}

fn plain(task: &TaskRow, action: &str, label: &str, request: &PageRequest) -> Markup {
    html! { form.act id=(action) method="post" action={ "/tasks/" (task.id()) "/act" } data-keep=(action) {
        (components::act_fields(request, action))
        button type="submit" { (label) }
    } }
}

fn take_over(task: &TaskRow, holder: &str, request: &PageRequest) -> Markup {
    let lang = request.lang;
    let path = format!("/tasks/{}/act", task.id());
    html! { form.act id="take-over" method="post" action=(path) data-keep={ "take " (holder) } {
        (components::act_fields(request, "take-over"))
        p { strong { (holder) } " " (lang.text("works on this task.", "está com esta tarefa.")) }
        (components::reason_field(lang))
        button.main type="submit" { (lang.text("Take over", "Assumir mesmo assim")) }
    } }
}

#[cfg(test)]
mod tests {
    use saga::{Definition, TaskMark};

    use super::*;
    use crate::sessions::Role;

    #[test]
    fn a_claimed_task_is_offered_to_its_owner_and_to_others_as_a_take_over() {
        let definition = Definition::parse("return.toml", include_str!("../../sagas/return.toml")).unwrap();
        let form = TaskForm::of(&definition, "receive-goods").unwrap();
        let request = PageRequest::of_test(Role::Operator, Lang::En);
        let of = |by: Option<&str>| {
            let task = TaskRow {
                saga: "a".to_owned(),
                step: "receive-goods".to_owned(),
                definition: "return".to_owned(),
                version: 2,
                role: None,
                opened: 0,
                due: None,
                claim: by.map(|by| TaskMark { by: by.to_owned(), at: saga::Timestamp(0) }),
                completed: None,
            };
            forms(&task, Some(form), &request).into_string()
        };
        let has = |text: &str, id: &str| text.contains(&format!("id=\"{id}\""));
        let free = of(None);
        assert!(has(&free, "claim") && has(&free, "complete") && !has(&free, "release"), "{free}");
        let own = of(Some("ana"));
        assert!(has(&own, "release") && has(&own, "complete") && !has(&own, "claim"), "{own}");
        let others = of(Some("rui"));
        assert!(has(&others, "take-over") && !has(&others, "complete"), "{others}");
    }
}
