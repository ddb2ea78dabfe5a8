//! The pages, and their paths.

use uuid::Uuid;

use super::query;
use crate::api::{TaskId, bulk_id, saga_id, task_id};
use crate::error::ApiError;

/// The files of a definition's version, below the path of its page.
pub(super) const DEFINITION_FILES: [&str; 3] = ["flow.svg", "flow.bpmn", "source.toml"];

/// A page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Page {
    Flow,
    Sagas,
    Saga(Uuid),
    Search,
    Audit,
    Bulk,
    BulkOutcome(Uuid),
    Incidents,
    Tasks,
    Task(TaskId),
    Throughput,
    DeadLetters(String),
    Definitions,
    DefinitionDiff(String),
    Definition { name: String, version: u32 },
    Webhooks,
    Webhook(String),
}

impl Page {
    /// The page at a path.
    ///
    /// # Errors
    /// 404 on an unknown path, 400 on an invalid saga id.
    pub(super) fn of(path: &str) -> Result<Self, ApiError> {
        let parts: Vec<String> = path.trim_matches('/').split('/').map(query::decoded).collect();
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        Ok(match parts.as_slice() {
            [""] => Self::Flow,
            ["sagas"] => Self::Sagas,
            ["sagas", id] => Self::Saga(saga_id(id)?),
            ["search"] => Self::Search,
            ["audit"] => Self::Audit,
            ["bulk"] => Self::Bulk,
            ["bulk", id] => Self::BulkOutcome(bulk_id(id)?),
            ["incidents"] => Self::Incidents,
            ["tasks"] => Self::Tasks,
            ["tasks", id] => Self::Task(task_id(id)?),
            ["throughput"] => Self::Throughput,
            ["dead-letters", topic] => Self::DeadLetters((*topic).to_owned()),
            ["webhooks"] => Self::Webhooks,
            ["webhooks", id] => Self::Webhook((*id).to_owned()),
            ["definitions"] => Self::Definitions,
            ["definitions", name, "diff"] => Self::DefinitionDiff((*name).to_owned()),
            ["definitions", name, version] => {
                let version = version.parse().map_err(|_| not_found(path))?;
                Self::Definition { name: (*name).to_owned(), version }
            }
            _ => return Err(not_found(path)),
        })
    }
}

/// 404: there is no page at this path.
pub(super) fn not_found(path: &str) -> ApiError {
    ApiError::not_found(format!("There is no page at {path}."), format!("Não há página em {path}."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_its_page() {
        let id = Uuid::from_u128(7);
        assert_eq!(Page::of("/").unwrap(), Page::Flow);
        assert_eq!(Page::of(&format!("/sagas/{id}")).unwrap(), Page::Saga(id));
        assert_eq!(Page::of("/dead-letters/a%2Eb.dlq").unwrap(), Page::DeadLetters("a.b.dlq".to_owned()));
        let definition = Page::Definition { name: "order".to_owned(), version: 2 };
        assert_eq!(Page::of("/definitions/order/2").unwrap(), definition);
        assert_eq!(Page::of("/webhooks/w").unwrap(), Page::Webhook("w".to_owned()));
        let task = TaskId { saga: id, step: "receive-goods".to_owned() };
        assert_eq!(Page::of(&format!("/tasks/{id}.receive-goods")).unwrap(), Page::Task(task));
        assert_eq!(Page::of("/sagas/x").unwrap_err().status(), 400);
        assert_eq!(Page::of("/definitions/order/x").unwrap_err().status(), 404);
        assert_eq!(Page::of("/nowhere").unwrap_err().status(), 404);
    }
}
