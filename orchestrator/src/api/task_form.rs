//! Tasks of people: their ids, their forms and their JSON.

use common::bounds::first_chars;
use common::fields::{Field, Kind};
use saga::{Definition, Human, Receive, Work};
use serde_json::{Value, json};
use uuid::Uuid;

use super::known::KnownDefinitions;
use crate::error::ApiError;
use crate::view::TaskRow;

/// The id of a task: its saga and step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TaskId {
    pub(crate) saga: Uuid,
    pub(crate) step: String,
}

/// Parses the id of a task, `SAGA.STEP`.
pub(crate) fn task_id(text: &str) -> Result<TaskId, ApiError> {
    let parsed = text.split_once('.').and_then(|(saga, step)| Some((Uuid::parse_str(saga).ok()?, step)));
    match parsed.filter(|(_, step)| !step.is_empty() && step.len() <= 64) {
        Some((saga, step)) => Ok(TaskId { saga, step: step.to_owned() }),
        None => {
            let start = first_chars(text, 80);
            Err(ApiError::bad_request(
                format!("'{start}' is not the id of a task: write that of its saga, a dot and the step"),
                format!("'{start}' não é o id de uma tarefa: escreva o da saga, um ponto e o passo."),
            ))
        }
    }
}

/// The wait of a step and its task in the definition.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TaskForm<'d> {
    pub(crate) receive: &'d Receive,
    pub(crate) human: &'d Human,
}

impl<'d> TaskForm<'d> {
    /// The form of a step; `None` if the step is no task.
    pub(crate) fn of(definition: &'d Definition, step: &str) -> Option<Self> {
        let step = definition.step(step)?;
        match &step.work {
            Work::Receive(receive) => Some(Self { receive, human: step.human.as_ref()? }),
            Work::Execute(_) | Work::Check(_) => None,
        }
    }

    /// Its fields.
    pub(crate) fn fields(&self) -> Vec<Field> {
        self.receive.form(self.human)
    }
}

/// The display name of a task: its own, or the step's.
pub(crate) fn task_label(definition: Option<&Definition>, step: &str, language: &str) -> String {
    let own = || definition.and_then(|known| known.step(step)?.human.as_ref()?.label.as_ref());
    let of_step = || definition.and_then(|known| Some(&known.step(step)?.label));
    own().or_else(of_step).map_or_else(|| step.to_owned(), |label| label.get(language).to_owned())
}

/// A task, with its form.
pub(super) fn represent(task: &TaskRow, known: &KnownDefinitions, now: i64) -> Value {
    let definition = known.named(&task.definition, task.version);
    let form = definition.and_then(|definition| TaskForm::of(definition, &task.step));
    let time = |ms: i64| saga::Timestamp(ms).to_string();
    let id = task.id();
    json!({
        "id": id,
        "kind": task.step,
        "saga": task.saga,
        "definition": task.definition,
        "version": task.version,
        "label": {
            "en": task_label(definition, &task.step, "en"),
            "pt": task_label(definition, &task.step, "pt"),
        },
        "role": task.role,
        "openedAt": time(task.opened),
        "dueAt": task.due.map(time),
        "overdue": task.is_overdue(now),
        "claimedBy": task.claim.as_ref().map(|claim| claim.by.as_str()),
        "claimedAt": task.claim.as_ref().map(|claim| claim.at.to_string()),
        "completedBy": task.completed.as_ref().map(|done| done.by.as_str()),
        "completedAt": task.completed.as_ref().map(|done| done.at.to_string()),
        "form": form.map(|form| form.fields().iter().map(field).collect::<Vec<_>>()).unwrap_or_default(),
        "links": { "self": format!("/api/tasks/{id}"), "saga": format!("/api/sagas/{}", task.saga) },
    })
}

/// A field of a form.
fn field(field: &Field) -> Value {
    let mut value = json!({ "name": field.path, "required": field.required });
    let more = match &field.kind {
        Kind::Word { words } => json!({ "type": "word", "words": words }),
        Kind::Text { max, .. } => json!({ "type": "text", "max": max }),
        Kind::Uuid => json!({ "type": "uuid" }),
        Kind::Number => json!({ "type": "number" }),
        Kind::Boolean => json!({ "type": "boolean" }),
        Kind::Timestamp => json!({ "type": "timestamp" }),
    };
    if let (Some(value), Value::Object(more)) = (value.as_object_mut(), more) {
        value.extend(more);
    }
    value
}

/// 404: the task is not open.
pub(super) fn no_task(id: &TaskId) -> ApiError {
    let TaskId { saga, step } = id;
    let step = first_chars(step, 64);
    ApiError::not_found(
        format!("There is no open task {saga}.{step}: it was completed, or its saga went on."),
        format!("Não há tarefa aberta {saga}.{step}: ela foi concluída ou a saga avançou."),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_of_a_task_is_that_of_its_saga_and_its_step() {
        let saga = Uuid::from_u128(7);
        let id = task_id(&format!("{saga}.receive-goods")).unwrap();
        assert_eq!(id, TaskId { saga, step: "receive-goods".to_owned() });
        for text in ["", "x", "x.y", &saga.to_string(), &format!("{saga}.")] {
            assert_eq!(task_id(text).unwrap_err().status(), 400, "{text}");
        }
    }

    #[test]
    fn a_task_is_represented_with_its_form_and_its_labels() {
        let known = KnownDefinitions::of_file(include_str!("../../sagas/return.toml"));
        let version = known.all().next().unwrap().version;
        let row = TaskRow {
            saga: Uuid::from_u128(7).to_string(),
            step: "receive-goods".to_owned(),
            definition: "return".to_owned(),
            version,
            role: Some("warehouse".to_owned()),
            opened: 0,
            due: Some(1_000),
            claim: None,
            completed: None,
        };
        let task = represent(&row, &known, 2_000);
        assert_eq!((&task["overdue"], &task["claimedBy"]), (&json!(true), &Value::Null));
        assert_eq!(task["label"]["pt"], "Inspecionar as mercadorias devolvidas");
        let status = json!({"name": "status", "type": "word", "words": ["received", "rejected"], "required": true});
        let reason = json!({"name": "reason", "type": "text", "max": 200, "required": false});
        assert_eq!(task["form"], json!([status, reason]));
        let gone = represent(&TaskRow { version: version + 1, ..row }, &known, 0);
        assert_eq!((&gone["form"], &gone["label"]["en"]), (&json!([]), &json!("receive-goods")));
    }
}
