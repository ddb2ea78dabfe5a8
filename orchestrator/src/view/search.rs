//! Finds sagas by what an operator has at hand: an id or a part of it, a customer, a mail address, a tracking number.
//! Every search uses an index, or reads a bounded number of rows.

use std::collections::BTreeMap;

use rusqlite::{Connection, Params};
use saga::Saga;
use serde_json::{Map, Value};

use super::list::{Listed, SELECT, listed};

/// The longest text that is searched, in bytes: that of a mail address (RFC 5321, section 4.5.3.1).
pub const MAX_SEARCH: usize = 254;
/// A part of an id has at least this many digits.
const PART: usize = 4;
/// The number of digits of the short id in lists.
const TAIL: usize = 8;
/// A customer, a mail address or a tracking number is also found by its beginning of this many characters.
const BEGINNING: usize = 3;
/// A part of an id that is neither its beginning nor its end is searched in this many of the newest sagas.
const NEWEST: usize = 20_000;
/// The longest tracking number that is kept, in bytes.
const MAX_TRACKING: usize = 100;
/// How deep the values are that sagas are found by.
const DEPTH: usize = 4;

/// The values in a saga's data by which it is found, besides its id and customer.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Terms {
    /// The first `email` in its data, in lower case.
    pub mail: Option<String>,
    /// The first `trackingNumber` in its data, in upper case without spaces.
    pub tracking: Option<String>,
}

impl Terms {
    /// The terms of a saga. Lists in its data are skipped.
    pub(super) fn of(saga: &Saga) -> Self {
        let mut terms = Self::default();
        terms.read(saga.data.as_map(), DEPTH);
        terms
    }

    fn read(&mut self, map: &Map<String, Value>, depth: usize) {
        for (name, value) in map {
            match value {
                Value::Object(inner) if depth > 1 => self.read(inner, depth - 1),
                Value::String(text) if name == "email" && text.len() <= MAX_SEARCH => {
                    self.mail.get_or_insert_with(|| text.to_lowercase());
                }
                Value::String(text) if name == "trackingNumber" && text.len() <= MAX_TRACKING => {
                    self.tracking.get_or_insert_with(|| tracking(text));
                }
                Value::Object(_) | Value::Array(_) | Value::String(_) => {}
                Value::Null | Value::Bool(_) | Value::Number(_) => {}
            }
        }
    }
}

fn tracking(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_uppercase()
}

/// The sagas found, and whether there are more.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// The newest, newest first.
    pub sagas: Vec<Listed>,
    /// True if there are more than these.
    pub has_more: bool,
}

/// The newest `limit` sagas that a text names. A shortened id is found as lists show it (`…9a0b1c2d`).
pub fn search(connection: &Connection, text: &str, limit: usize) -> rusqlite::Result<Found> {
    let text = text.trim().trim_start_matches(['…', '.']).trim_end_matches(['…', '.']);
    let mut search = Search { connection, limit, found: BTreeMap::new() };
    if text.is_empty() || text.len() > MAX_SEARCH {
        return Ok(Found::default());
    }
    search.ids(&text.to_lowercase())?;
    search.by("customer", text)?;
    search.by("mail", &text.to_lowercase())?;
    search.by("tracking", &tracking(text))?;
    let mut sagas: Vec<Listed> = search.found.into_values().collect();
    sagas.sort_by(|a, b| (b.started, &b.id).cmp(&(a.started, &a.id)));
    let has_more = sagas.len() > limit;
    sagas.truncate(limit);
    Ok(Found { sagas, has_more })
}

struct Search<'a> {
    connection: &'a Connection,
    limit: usize,
    /// By id.
    found: BTreeMap<String, Listed>,
}

impl Search<'_> {
    /// Searches an id, or a part of it.
    fn ids(&mut self, part: &str) -> rusqlite::Result<()> {
        let is_part = part.len() >= PART && part.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
        if !is_part || part.len() > 36 {
            return Ok(());
        }
        // The keys of the entities begin with the kind; the state has the start, which is the first part of the key.
        let begins = format!(
            "{SELECT} WHERE (started, id) IN (SELECT json_extract(state, '$.saga.started'), substr(key, 6) \
             FROM entities WHERE key >= 'saga/' || :part AND key < 'saga/' || :part || 'g' LIMIT :limit)"
        );
        self.add(&begins, &[(":part", &part as &dyn rusqlite::ToSql), (":limit", &self.most())])?;
        if let Some(tail) = part.len().checked_sub(TAIL).and_then(|from| part.get(from..)) {
            let ends = format!("{SELECT} WHERE substr(id, -8) = :tail AND id LIKE '%' || :part LIMIT :limit");
            self.add(&ends, &[(":tail", &tail as &dyn rusqlite::ToSql), (":part", &part), (":limit", &self.most())])?;
        }
        if self.found.is_empty() {
            let has = SELECT.replace(
                "FROM sagas",
                &format!("FROM (SELECT * FROM sagas ORDER BY started DESC, id DESC LIMIT {NEWEST})"),
            );
            let has = format!("{has} WHERE instr(id, :part) > 0 LIMIT :limit");
            self.add(&has, &[(":part", &part as &dyn rusqlite::ToSql), (":limit", &self.most())])?;
        }
        Ok(())
    }

    /// Searches a column by the whole text, or by its beginning.
    fn by(&mut self, column: &str, text: &str) -> rusqlite::Result<()> {
        let most = self.most();
        let same = format!("{SELECT} WHERE {column} = :text ORDER BY started DESC LIMIT :limit");
        self.add(&same, &[(":text", &text as &dyn rusqlite::ToSql), (":limit", &most)])?;
        if text.chars().count() >= BEGINNING {
            let begins = format!("{SELECT} WHERE {column} > :text AND {column} < :text || char(0x10FFFF) LIMIT :limit");
            self.add(&begins, &[(":text", &text as &dyn rusqlite::ToSql), (":limit", &most)])?;
        }
        Ok(())
    }

    fn most(&self) -> i64 {
        i64::try_from(self.limit).unwrap_or(i64::MAX).saturating_add(1)
    }

    fn add(&mut self, sql: &str, values: impl Params) -> rusqlite::Result<()> {
        let mut query = self.connection.prepare_cached(sql)?;
        for saga in query.query_map(values, listed)? {
            let saga = saga?;
            self.found.insert(saga.id.clone(), saga);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
