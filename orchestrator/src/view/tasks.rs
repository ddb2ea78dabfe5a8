//! The open tasks of people: the steps of sagas that wait for a form.

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _, ToSql, Transaction, named_params};
use saga::{Saga, TaskMark};
use uuid::Uuid;

/// The `rank` of a task that is never overdue.
const NEVER: i64 = i64::MAX;
/// The most tasks that are counted.
pub const MOST_COUNTED: u64 = 1_000;

/// A task in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskRow {
    /// The saga.
    pub saga: String,
    /// The step, which is the kind of the task.
    pub step: String,
    /// The name of the saga's definition.
    pub definition: String,
    /// Its version.
    pub version: u32,
    /// The role of the people who work on it.
    pub role: Option<String>,
    /// When it was opened, in milliseconds since 1970.
    pub opened: i64,
    /// When it is overdue.
    pub due: Option<i64>,
    /// Who claimed it, and when.
    pub claim: Option<TaskMark>,
    /// Who completed it, and when; its saga goes on soon.
    pub completed: Option<TaskMark>,
}

impl TaskRow {
    /// Its id: that of the saga, and the step.
    pub fn id(&self) -> String {
        format!("{}.{}", self.saga, self.step)
    }

    /// Returns true if it is overdue.
    pub fn is_overdue(&self, now: i64) -> bool {
        self.due.is_some_and(|due| due < now)
    }
}

/// The tasks that match all given parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TaskFilter {
    /// The step.
    pub kind: Option<String>,
    /// The role.
    pub role: Option<String>,
    /// Who claimed it.
    pub claimed_by: Option<String>,
    /// The name of the definition.
    pub definition: Option<String>,
    /// Whether it is overdue at a time, in milliseconds since 1970.
    pub overdue: Option<(bool, i64)>,
}

/// A position in the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskCursor {
    /// The due time; the largest number without one.
    pub rank: i64,
    /// When it was opened.
    pub opened: i64,
    /// The saga.
    pub saga: String,
    /// The step.
    pub step: String,
}

impl From<&TaskRow> for TaskCursor {
    fn from(task: &TaskRow) -> Self {
        let rank = task.due.unwrap_or(NEVER);
        Self { rank, opened: task.opened, saga: task.saga.clone(), step: task.step.clone() }
    }
}

/// Writes the open tasks of a saga.
pub(super) fn put(tx: &Transaction<'_>, saga: &Saga) -> rusqlite::Result<()> {
    let id = saga.id.to_string();
    tx.prepare_cached("DELETE FROM tasks WHERE saga = ?")?.execute([&id])?;
    for (step, task) in saga.tasks() {
        tx.prepare_cached(
            "INSERT INTO tasks(rank, opened, saga, step, definition, version, role, claimed_by, claimed_at, \
             completed_by, completed_at) VALUES (:rank, :opened, :saga, :step, :definition, :version, :role, \
             :claimed_by, :claimed_at, :completed_by, :completed_at)",
        )?
        .execute(named_params! {
            ":rank": task.due.map_or(NEVER, |due| due.0),
            ":opened": task.opened.0,
            ":saga": id,
            ":step": step.name,
            ":definition": saga.definition,
            ":version": saga.version,
            ":role": task.role,
            ":claimed_by": task.claim.as_ref().map(|mark| mark.by.as_str()),
            ":claimed_at": task.claim.as_ref().map(|mark| mark.at.0),
            ":completed_by": task.completed.as_ref().map(|mark| mark.by.as_str()),
            ":completed_at": task.completed.as_ref().map(|mark| mark.at.0),
        })?;
    }
    Ok(())
}

const SELECT: &str = "SELECT rank, opened, saga, step, definition, version, role, claimed_by, claimed_at, \
                      completed_by, completed_at FROM tasks";

/// The tasks that match, those that are due first; after a position in the list.
pub fn tasks(
    connection: &Connection,
    filter: &TaskFilter,
    after: Option<&TaskCursor>,
    limit: usize,
) -> rusqlite::Result<Vec<TaskRow>> {
    let (sql, values) = query_of(filter, after, limit);
    let named: Vec<(&str, &dyn ToSql)> = values.iter().map(|(name, value)| (*name, value as &dyn ToSql)).collect();
    let mut query = connection.prepare_cached(&sql)?;
    let rows = query.query_map(&*named, row)?;
    rows.collect()
}

type Values = Vec<(&'static str, Value)>;

fn query_of(filter: &TaskFilter, after: Option<&TaskCursor>, limit: usize) -> (String, Values) {
    let text = |value: &Option<String>| value.clone().map(Value::from);
    let mut sql = format!("{SELECT} WHERE true");
    let mut values = vec![(":limit", Value::from(i64::try_from(limit).unwrap_or(i64::MAX)))];
    for (clause, name, value) in [
        (" AND step = :kind", ":kind", text(&filter.kind)),
        (" AND role = :role", ":role", text(&filter.role)),
        (" AND claimed_by = :claimed_by", ":claimed_by", text(&filter.claimed_by)),
        (" AND definition = :definition", ":definition", text(&filter.definition)),
    ] {
        if let Some(value) = value {
            sql += clause;
            values.push((name, value));
        }
    }
    if let Some((overdue, now)) = filter.overdue {
        sql += if overdue { " AND rank < :now" } else { " AND rank >= :now" };
        values.push((":now", Value::from(now)));
    }
    if let Some(TaskCursor { rank, opened, saga, step }) = after {
        sql += " AND (rank, opened, saga, step) > (:rank, :opened, :saga, :step)";
        values.push((":rank", Value::from(*rank)));
        values.push((":opened", Value::from(*opened)));
        values.push((":saga", Value::from(saga.clone())));
        values.push((":step", Value::from(step.clone())));
    }
    (sql + " ORDER BY rank, opened, saga, step LIMIT :limit", values)
}

/// An open task.
pub fn task(connection: &Connection, saga: Uuid, step: &str) -> rusqlite::Result<Option<TaskRow>> {
    let mut query = connection.prepare_cached(&format!("{SELECT} WHERE saga = ? AND +step = ?"))?;
    query.query_row((saga.to_string(), step), row).optional()
}

/// The number of tasks that nobody has completed, counted up to [`MOST_COUNTED`].
pub fn open_tasks(connection: &Connection) -> rusqlite::Result<u64> {
    let sql = format!("SELECT count(*) FROM (SELECT 1 FROM tasks WHERE completed_by IS NULL LIMIT {MOST_COUNTED})");
    connection.prepare_cached(&sql)?.query_row([], |row| row.get::<_, i64>(0)).map(i64::unsigned_abs)
}

fn row(row: &rusqlite::Row<'_>) -> rusqlite::Result<TaskRow> {
    let mark = |by: Option<String>, at: Option<i64>| Some(TaskMark { by: by?, at: saga::Timestamp(at?) });
    let rank = row.get(0)?;
    Ok(TaskRow {
        saga: row.get(2)?,
        step: row.get(3)?,
        definition: row.get(4)?,
        version: row.get(5)?,
        role: row.get(6)?,
        opened: row.get(1)?,
        due: (rank != NEVER).then_some(rank),
        claim: mark(row.get(7)?, row.get(8)?),
        completed: mark(row.get(9)?, row.get(10)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::testing;

    fn view() -> Connection {
        let connection = testing::empty();
        for (rank, opened, saga, step, role, by) in [
            (30, 1, "a", "inspect", Some("warehouse"), Some("ana")),
            (10, 2, "b", "approve", Some("finance"), None),
            (NEVER, 0, "c", "inspect", None, None),
            (10, 1, "d", "inspect", Some("warehouse"), Some("rui")),
        ] {
            connection
                .execute(
                    "INSERT INTO tasks VALUES (?1, ?2, ?3, ?4, 'return', 2, ?5, ?6, 5, NULL, NULL)",
                    (rank, opened, saga, step, role, by),
                )
                .unwrap();
        }
        connection
    }

    fn found(filter: &TaskFilter) -> String {
        tasks(&view(), filter, None, 10).unwrap().into_iter().map(|task| task.saga).collect()
    }

    #[test]
    fn tasks_that_are_due_come_first_and_those_without_a_due_time_last() {
        assert_eq!(found(&TaskFilter::default()), "dbac");
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(found(&TaskFilter { kind: some("inspect"), ..TaskFilter::default() }), "dac");
        assert_eq!(found(&TaskFilter { role: some("warehouse"), ..TaskFilter::default() }), "da");
        assert_eq!(found(&TaskFilter { claimed_by: some("ana"), ..TaskFilter::default() }), "a");
        assert_eq!(found(&TaskFilter { definition: some("order"), ..TaskFilter::default() }), "");
        assert_eq!(found(&TaskFilter { overdue: Some((true, 20)), ..TaskFilter::default() }), "db");
        assert_eq!(found(&TaskFilter { overdue: Some((false, 20)), ..TaskFilter::default() }), "ac");
    }

    #[test]
    fn pages_of_tasks_have_each_once() {
        let connection = view();
        let mut all = String::new();
        let mut after: Option<TaskCursor> = None;
        loop {
            let page = tasks(&connection, &TaskFilter::default(), after.as_ref(), 1).unwrap();
            let Some(last) = page.last() else { break };
            all += &last.saga;
            after = Some(last.into());
        }
        assert_eq!(all, "dbac");
        assert_eq!(open_tasks(&connection).unwrap(), 4);
    }

    #[test]
    fn every_search_for_tasks_uses_an_index() {
        let connection = testing::empty();
        let some = || Some("x".to_owned());
        let none = TaskFilter::default;
        for (filter, index) in [
            (TaskFilter { kind: some(), ..none() }, "tasks_by_step (step=?"),
            (TaskFilter { role: some(), ..none() }, "tasks_by_role (role=?"),
            (TaskFilter { claimed_by: some(), ..none() }, "tasks_by_claim (claimed_by=?"),
            (TaskFilter { definition: some(), ..none() }, "tasks_by_definition (definition=?"),
            (TaskFilter { overdue: Some((true, 0)), ..none() }, "PRIMARY KEY (rank<?"),
        ] {
            let lines = testing::plan(&connection, &query_of(&filter, None, 1).0);
            assert!(lines.iter().any(|line| line.contains(index)), "{index} in {lines:?}");
            assert!(!lines.iter().any(|line| line.contains("TEMP B-TREE FOR ORDER BY")), "{lines:?}");
        }
    }
}
