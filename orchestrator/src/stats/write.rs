//! Applies the difference between a saga's previous facts and its new ones, in the transaction that writes its row.

use rusqlite::{OptionalExtension as _, Transaction};
use saga::Saga;

use super::facts::{Fact, Facts, Subject, Wait, What};
use super::time::{RETENTION, minute_of};

/// Counts a saga, and returns its facts as JSON, to be stored with it. `before` are the facts stored when it was last
/// written; `at` is the broker's time of its record.
pub fn put(tx: &Transaction<'_>, saga: &Saga, before: Option<&str>, at: i64) -> rusqlite::Result<String> {
    let new = Facts::of(saga);
    let old: Option<Facts> = before.and_then(|text| serde_json::from_str(text).ok());
    let oldest = minute_of(at) - RETENTION;
    if before.is_none() {
        tx.prepare_cached("DELETE FROM minutes WHERE minute < ?")?.execute([oldest])?;
    }
    let Some(old) = old else {
        add_total(tx, saga, &new.status, 1)?;
        new.waits.iter().try_for_each(|wait| insert_wait(tx, saga, wait))?;
        new.facts.iter().try_for_each(|fact| add_outcome(tx, saga, fact, new.ending.as_deref(), fact.count))?;
        let mut recent = new.facts.iter().filter(|fact| fact.minute >= oldest);
        recent.try_for_each(|fact| add_count(tx, saga, fact, new.ending.as_deref(), 1))?;
        return to_json(&new);
    };
    if old.status != new.status {
        add_total(tx, saga, &old.status, -1)?;
        add_total(tx, saga, &new.status, 1)?;
    }
    for removed in old.waits.iter().filter(|wait| !new.waits.contains(wait)) {
        delete_wait(tx, saga, removed)?;
    }
    for added in new.waits.iter().filter(|wait| !old.waits.contains(wait)) {
        insert_wait(tx, saga, added)?;
    }
    let same_ending = old.ending == new.ending;
    let unchanged = |fact: &Fact, others: &[Fact]| others.contains(fact) && (same_ending || fact.what != What::Ended);
    for removed in old.facts.iter().filter(|fact| !unchanged(fact, &new.facts)) {
        add_count(tx, saga, removed, old.ending.as_deref(), -1)?;
    }
    for added in new.facts.iter().filter(|fact| !unchanged(fact, &old.facts)) {
        let ending = new.ending.as_deref();
        if added.minute >= oldest {
            add_count(tx, saga, added, ending, 1)?;
        }
        add_outcome(tx, saga, added, ending, growth(added, &old.facts))?;
    }
    to_json(&new)
}

/// How many more there are than before. Retries are counted up; anything else happened once more.
fn growth(added: &Fact, old: &[Fact]) -> u32 {
    let is_same = |fact: &&Fact| fact.subject == added.subject && fact.what == What::Retried;
    let before = old.iter().find(is_same).filter(|_| added.what == What::Retried).map_or(0, |fact| fact.count);
    added.count.saturating_sub(before)
}

fn to_json(facts: &Facts) -> rusqlite::Result<String> {
    serde_json::to_string(facts).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}

/// The facts stored with a saga, as JSON.
pub(crate) fn before(tx: &Transaction<'_>, saga: &Saga) -> rusqlite::Result<Option<String>> {
    tx.prepare_cached("SELECT counted FROM sagas WHERE started = ? AND id = ?")?
        .query_row((saga.started.0, saga.id.to_string()), |row| row.get(0))
        .optional()
}

fn step_name(saga: &Saga, index: u8) -> &str {
    saga.all_steps().nth(usize::from(index)).map_or("", |step| step.name.as_str())
}

fn add_total(tx: &Transaction<'_>, saga: &Saga, status: &str, n: i64) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "INSERT INTO totals(definition, version, status, n) VALUES (?, ?, ?, ?) \
         ON CONFLICT(definition, version, status) DO UPDATE SET n = n + excluded.n",
    )?
    .execute((&saga.definition, saga.version, status, n))?;
    Ok(())
}

fn insert_wait(tx: &Transaction<'_>, saga: &Saga, wait: &Wait) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "INSERT OR REPLACE INTO waits(definition, version, step, since, id, started, state, reason, undoing, reached) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )?
    .execute((
        &saga.definition,
        saga.version,
        step_name(saga, wait.step),
        wait.since,
        saga.id.to_string(),
        saga.started.0,
        &wait.status,
        &wait.reason,
        wait.undoing,
        wait.reached,
    ))?;
    add_waiting(tx, saga, wait, 1)
}

fn delete_wait(tx: &Transaction<'_>, saga: &Saga, wait: &Wait) -> rusqlite::Result<()> {
    tx.prepare_cached("DELETE FROM waits WHERE definition = ? AND version = ? AND step = ? AND since = ? AND id = ?")?
        .execute((&saga.definition, saga.version, step_name(saga, wait.step), wait.since, saga.id.to_string()))?;
    add_waiting(tx, saga, wait, -1)
}

fn add_waiting(tx: &Transaction<'_>, saga: &Saga, wait: &Wait, n: i64) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "INSERT INTO waiting(definition, step, state, n) VALUES (?, ?, ?, ?) \
         ON CONFLICT(definition, step, state) DO UPDATE SET n = n + excluded.n",
    )?
    .execute((&saga.definition, step_name(saga, wait.step), &wait.status, n))?;
    Ok(())
}

/// The step that a fact is about; the status of the ending for the end of a saga, and empty for its start.
fn subject_name<'s>(saga: &'s Saga, fact: &Fact, ending: Option<&'s str>) -> &'s str {
    match fact.subject {
        Subject::Step(index) => step_name(saga, index),
        Subject::Saga if fact.what == What::Ended => ending.unwrap_or_default(),
        Subject::Saga => "",
    }
}

fn add_outcome(tx: &Transaction<'_>, saga: &Saga, fact: &Fact, ending: Option<&str>, n: u32) -> rusqlite::Result<()> {
    if fact.what == What::Started && fact.subject != Subject::Saga {
        // A step that started has an outcome, or its saga waits for it.
        return Ok(());
    }
    let name = subject_name(saga, fact, ending);
    tx.prepare_cached(
        "INSERT INTO outcomes(definition, step, what, bucket, n) VALUES (?, ?, ?, ?, ?) \
         ON CONFLICT(definition, step, what, bucket) DO UPDATE SET n = n + excluded.n",
    )?
    .execute((&saga.definition, name, fact.what as u8, fact.bucket, n))?;
    Ok(())
}

fn add_count(tx: &Transaction<'_>, saga: &Saga, fact: &Fact, ending: Option<&str>, sign: i64) -> rusqlite::Result<()> {
    let step = subject_name(saga, fact, ending);
    let Fact { minute, bucket, .. } = *fact;
    let what = fact.what as u8;
    let n = i64::from(fact.count) * sign;
    if sign < 0 {
        // A deleted minute has no row to update.
        tx.prepare_cached(
            "UPDATE minutes SET n = n + ?7 WHERE minute = ?5 AND bucket = ?6 AND name = \
             (SELECT id FROM names WHERE definition = ?1 AND version = ?2 AND step = ?3 AND what = ?4)",
        )?
        .execute((&saga.definition, saga.version, step, what, minute, bucket, n))?;
        return Ok(());
    }
    let mut add = tx.prepare_cached(
        "INSERT INTO minutes(minute, name, bucket, n) SELECT ?5, id, ?6, ?7 FROM names \
         WHERE definition = ?1 AND version = ?2 AND step = ?3 AND what = ?4 \
         ON CONFLICT(minute, name, bucket) DO UPDATE SET n = n + excluded.n",
    )?;
    if add.execute((&saga.definition, saga.version, step, what, minute, bucket, n))? == 0 {
        tx.prepare_cached("INSERT INTO names(definition, version, step, what) VALUES (?, ?, ?, ?)")?.execute((
            &saga.definition,
            saga.version,
            step,
            what,
        ))?;
        add.execute((&saga.definition, saga.version, step, what, minute, bucket, n))?;
    }
    Ok(())
}
