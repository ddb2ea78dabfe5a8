//! The acts of operators and customers, from the records of them in the entities: operations in sagas, rollouts,
//! deployments, webhooks, dead letters that were put back. Rows stay when an entity forgets its older records.

use rusqlite::{Connection, Transaction};
use saga::{OperationRecord, Saga};

use super::list::{Listed, SELECT, listed};
use crate::dead_letters::PutBack;
use crate::entity::webhooks::{WebhookRecord, webhook_key};
use crate::entity::{Deployment, DeploymentRecord, RequestRecord, RolloutRecord, definition_key};

/// An act.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Act {
    /// When it was decided, in milliseconds since 1970.
    pub at: i64,
    /// What it was done to: `saga/ID`, `rollout/NAME`, `definition/NAME/VERSION`, `webhook/ID` or
    /// `letter/TOPIC/PARTITION/OFFSET`, as in the journal.
    pub subject: String,
    /// Its id; an act that was sent again has the same.
    pub id: String,
    /// What was done, such as `cancel`.
    pub action: String,
    /// By whom.
    pub by: String,
    /// The reason given.
    pub why: String,
    /// The address that the request came from, if it is known.
    pub from: Option<String>,
    /// Why it was refused; `None` if it was applied.
    pub refused: Option<String>,
}

/// A position in the list: the time and the subject of an act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActCursor {
    /// The time, in milliseconds since 1970.
    pub at: i64,
    /// The subject.
    pub subject: String,
    /// The id.
    pub id: String,
}

/// The acts that match all given parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ActFilter {
    /// Not older, in milliseconds since 1970.
    pub since: i64,
    /// By whom.
    pub by: Option<String>,
    /// Older than this one.
    pub before: Option<ActCursor>,
}

/// The newest acts that match, the newest first.
pub fn acts(connection: &Connection, filter: &ActFilter, limit: usize) -> rusqlite::Result<Vec<Act>> {
    let mut query = connection.prepare_cached(
        "SELECT at, subject, id, action, by, why, source, refused FROM audit \
         WHERE at >= ?1 AND (at, subject, id) < (?2, ?3, ?4) AND (?5 IS NULL OR by = ?5) \
         ORDER BY at DESC, subject DESC, id DESC LIMIT ?6",
    )?;
    let end = ActCursor { at: i64::MAX, subject: String::new(), id: String::new() };
    let ActCursor { at, subject, id } = filter.before.as_ref().unwrap_or(&end);
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = query.query_map((filter.since, at, subject, id, &filter.by, limit), act)?;
    rows.collect()
}

/// The acts whose ids begin with `prefix` and a `/`, in the order of their ids.
pub fn acts_below(connection: &Connection, prefix: &str, limit: usize) -> rusqlite::Result<Vec<Act>> {
    // `0` follows `/`.
    let mut query = connection.prepare_cached(
        "SELECT at, subject, id, action, by, why, source, refused FROM audit \
         WHERE id > ?1 || '/' AND id < ?1 || '0' ORDER BY id LIMIT ?2",
    )?;
    let rows = query.query_map((prefix, i64::try_from(limit).unwrap_or(i64::MAX)), act)?;
    rows.collect()
}

/// The sagas with such acts, in one query, which the page of a bulk action repeats each second.
pub fn sagas_below(connection: &Connection, prefix: &str) -> rusqlite::Result<Vec<Listed>> {
    let mut query = connection.prepare_cached(&sagas_below_sql())?;
    let rows = query.query_map([prefix], listed)?;
    rows.collect()
}

/// The ends of the ids find the sagas by an index.
fn sagas_below_sql() -> String {
    let acts = "FROM audit WHERE id > ?1 || '/' AND id < ?1 || '0'";
    format!(
        "{SELECT} WHERE substr(id, -8) IN (SELECT substr(subject, -8) {acts}) \
         AND 'saga/' || id IN (SELECT subject {acts})"
    )
}

fn act(row: &rusqlite::Row<'_>) -> rusqlite::Result<Act> {
    Ok(Act {
        at: row.get(0)?,
        subject: row.get(1)?,
        id: row.get(2)?,
        action: row.get(3)?,
        by: row.get(4)?,
        why: row.get(5)?,
        from: row.get(6)?,
        refused: row.get(7)?,
    })
}

/// Writes the operations on a saga; most sagas have none.
pub(super) fn put_operations(tx: &Transaction<'_>, saga: &Saga) -> rusqlite::Result<()> {
    for OperationRecord { id, at, by, why, from, action, refused } in &saga.operations {
        let act = Act {
            at: at.0,
            subject: format!("saga/{}", saga.id),
            id: id.clone(),
            action: action.clone(),
            by: by.clone(),
            why: why.clone(),
            from: from.clone(),
            refused: refused.clone(),
        };
        put(tx, &act)?;
    }
    Ok(())
}

/// Writes the rollouts of a definition. Every partition has them: those of the first are written.
pub(super) fn put_rollouts(tx: &Transaction<'_>, name: &str, records: &[RolloutRecord]) -> rusqlite::Result<()> {
    for RolloutRecord { request, version, percent } in records {
        put(tx, &applied(request, format!("rollout/{name}"), format!("rollout version {version}: {percent} %")))?;
    }
    Ok(())
}

/// Writes the deployments of definitions. Every partition has them: those of the first are written.
pub(super) fn put_deployments(tx: &Transaction<'_>, records: &[DeploymentRecord]) -> rusqlite::Result<()> {
    for DeploymentRecord { request, definition, action } in records {
        let action = match action {
            Deployment::Deploy => "deploy",
            Deployment::Undeploy => "undeploy",
        };
        put(tx, &applied(request, definition_key(&definition.name, definition.version), action.to_owned()))?;
    }
    Ok(())
}

/// Writes the acts on webhooks.
pub(super) fn put_webhooks(tx: &Transaction<'_>, records: &[WebhookRecord]) -> rusqlite::Result<()> {
    for WebhookRecord { request, webhook, action, refused } in records {
        put(tx, &Act { refused: refused.clone(), ..applied(request, webhook_key(webhook), action.clone()) })?;
    }
    Ok(())
}

/// The act of a request that was applied.
fn applied(request: &RequestRecord, subject: String, action: String) -> Act {
    let RequestRecord { id, at, by, why, from } = request.clone();
    Act { at: at.0, subject, id, action, by, why, from, refused: None }
}

/// Writes the return of a dead letter.
pub(super) fn put_letter(tx: &Transaction<'_>, letter: &PutBack) -> rusqlite::Result<()> {
    let act = Act {
        at: letter.at.0,
        subject: letter.position().key(),
        id: String::new(),
        action: "put back".to_owned(),
        by: letter.by.clone(),
        why: letter.why.clone(),
        from: letter.from.clone(),
        refused: None,
    };
    put(tx, &act)
}

fn put(tx: &Transaction<'_>, act: &Act) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "INSERT OR IGNORE INTO audit(at, subject, id, action, by, why, source, refused) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    )?
    .execute((act.at, &act.subject, &act.id, &act.action, &act.by, &act.why, &act.from, &act.refused))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use common::time::Timestamp;

    use super::*;
    use crate::view::testing;

    fn letter(offset: i64, at: i64, by: &str) -> PutBack {
        let topic = "payment-results.dlq".to_owned();
        let from = Some("10.0.0.7".to_owned());
        PutBack { topic, partition: 0, offset, by: by.to_owned(), why: "mended".to_owned(), from, at: Timestamp(at) }
    }

    #[test]
    fn the_sagas_of_a_bulk_action_are_found_by_indexes() {
        let mut connection = testing::empty();
        let tx = connection.transaction().unwrap();
        // The ids of the first two end alike.
        for (started, id) in ["a-00000001", "b-00000001", "c-00000002"].into_iter().enumerate() {
            tx.execute(
                "INSERT INTO sagas(started, id, definition, version, status, step, updated, retrying, counted) \
                 VALUES (?1, ?2, 'order', 5, 'running', '', 0, 0, '')",
                (i64::try_from(started).unwrap(), id),
            )
            .unwrap();
        }
        for (subject, id) in [("saga/a-00000001", "bulk/1"), ("saga/gone", "bulk/2"), ("saga/c-00000002", "bulk2/1")] {
            tx.execute("INSERT INTO audit VALUES (1, ?1, ?2, 'retry', 'ana', 'x', NULL, NULL)", (subject, id)).unwrap();
        }
        tx.commit().unwrap();
        let found = sagas_below(&connection, "bulk").unwrap();
        assert_eq!(found.iter().map(|saga| saga.id.as_str()).collect::<Vec<_>>(), ["a-00000001"]);
        assert_eq!(sagas_below(&connection, "other").unwrap().len(), 0);
        let lines = testing::plan(&connection, &sagas_below_sql());
        assert!(lines.iter().any(|line| line.contains("sagas_by_tail (<expr>=?")), "{lines:?}");
        assert!(!lines.iter().any(|line| line.starts_with("SCAN")), "{lines:?}");
    }

    #[test]
    fn acts_are_listed_once_and_page_by_page() {
        let mut connection = testing::empty();
        let tx = connection.transaction().unwrap();
        for (offset, at, by) in [(1, 10, "ana"), (2, 20, "rui"), (3, 20, "ana"), (3, 20, "ana")] {
            put_letter(&tx, &letter(offset, at, by)).unwrap();
        }
        tx.commit().unwrap();
        let listed = |filter: &ActFilter, limit| acts(&connection, filter, limit).unwrap();
        let first = listed(&ActFilter::default(), 2);
        assert_eq!(first.iter().map(|act| act.at).collect::<Vec<_>>(), [20, 20]);
        assert_eq!(first[0].from.as_deref(), Some("10.0.0.7"));
        let last = &first[1];
        let before = Some(ActCursor { at: last.at, subject: last.subject.clone(), id: last.id.clone() });
        let second = listed(&ActFilter { before, ..ActFilter::default() }, 2);
        assert_eq!(second.iter().map(|act| act.by.as_str()).collect::<Vec<_>>(), ["ana"]);
        let by = Some("rui".to_owned());
        assert_eq!(listed(&ActFilter { by, ..ActFilter::default() }, 9).len(), 1);
        assert_eq!(listed(&ActFilter { since: 15, ..ActFilter::default() }, 9).len(), 2, "older ones are not shown");
    }
}
