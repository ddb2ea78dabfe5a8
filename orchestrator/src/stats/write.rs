//! Applying what changed between the state that was counted for a saga and the one that is written now, within the
//! transaction that writes it.

use rusqlite::{OptionalExtension as _, Transaction};
use saga::Saga;

use super::facts::{Fact, Facts, WHOLE, Wait, What};
use super::{KEPT, MINUTE};

/// Counts a saga as it is now, and answers what is to be kept with it. `before` is what was kept when it was last
/// written; `at` is the broker's time of its record.
pub fn put(tx: &Transaction<'_>, saga: &Saga, before: Option<&str>, at: i64) -> rusqlite::Result<String> {
    let new = Facts::of(saga);
    let old: Facts = before.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let oldest = at.div_euclid(MINUTE) - KEPT;
    if before.is_none() {
        tx.prepare_cached("DELETE FROM minutes WHERE minute < ?")?.execute([oldest])?;
    }
    if old.status != new.status {
        total(tx, saga, &old.status, -1)?;
        total(tx, saga, &new.status, 1)?;
    }
    for gone in old.waits.iter().filter(|wait| !new.waits.contains(wait)) {
        waits_no_more(tx, saga, gone)?;
    }
    for come in new.waits.iter().filter(|wait| !old.waits.contains(wait)) {
        waits(tx, saga, come)?;
    }
    let same = old.ending == new.ending;
    let kept = |fact: &Fact, others: &[Fact]| others.contains(fact) && (same || fact.1 != What::Ended as u8);
    for gone in old.facts.iter().filter(|fact| !kept(fact, &new.facts)) {
        count(tx, saga, gone, &old.ending, -1)?;
    }
    for come in new.facts.iter().filter(|fact| !kept(fact, &old.facts) && fact.2 >= oldest) {
        count(tx, saga, come, &new.ending, 1)?;
    }
    serde_json::to_string(&new).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}

/// What was kept with a saga.
pub(crate) fn before(tx: &Transaction<'_>, saga: &Saga) -> rusqlite::Result<Option<String>> {
    tx.prepare_cached("SELECT counted FROM sagas WHERE started = ? AND id = ?")?
        .query_row((saga.started.0, saga.id.to_string()), |row| row.get(0))
        .optional()
}

fn name_of(saga: &Saga, place: u8) -> &str {
    saga.all_steps().nth(usize::from(place)).map_or("", |step| step.name.as_str())
}

fn total(tx: &Transaction<'_>, saga: &Saga, status: &str, n: i64) -> rusqlite::Result<()> {
    if status.is_empty() {
        return Ok(());
    }
    tx.prepare_cached(
        "INSERT INTO totals(definition, version, status, n) VALUES (?, ?, ?, ?) \
         ON CONFLICT(definition, version, status) DO UPDATE SET n = n + excluded.n",
    )?
    .execute((&saga.definition, saga.version, status, n))?;
    Ok(())
}

fn waits(tx: &Transaction<'_>, saga: &Saga, (place, since, state, reason): &Wait) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "INSERT OR REPLACE INTO waits(definition, version, step, since, id, started, state, reason) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    )?
    .execute((
        &saga.definition,
        saga.version,
        name_of(saga, *place),
        since,
        saga.id.to_string(),
        saga.started.0,
        state,
        reason,
    ))?;
    Ok(())
}

fn waits_no_more(tx: &Transaction<'_>, saga: &Saga, (place, since, ..): &Wait) -> rusqlite::Result<()> {
    tx.prepare_cached("DELETE FROM waits WHERE definition = ? AND version = ? AND step = ? AND since = ? AND id = ?")?
        .execute((&saga.definition, saga.version, name_of(saga, *place), since, saga.id.to_string()))?;
    Ok(())
}

fn count(tx: &Transaction<'_>, saga: &Saga, fact: &Fact, ending: &str, sign: i64) -> rusqlite::Result<()> {
    let (place, what, minute, bucket, n) = *fact;
    let step = match (place, what) {
        (WHOLE, what) if what == What::Ended as u8 => ending,
        (WHOLE, _) => "",
        (place, _) => name_of(saga, place),
    };
    let n = i64::from(n) * sign;
    if sign < 0 {
        // A minute that is not kept any more has nothing to take away from.
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
