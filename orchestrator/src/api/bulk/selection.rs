//! The sagas that a bulk action is applied to: those that match its filter, or those of them that the request names.

use std::collections::BTreeSet;

use rusqlite::Connection;
use uuid::Uuid;

use super::super::state::saga_id;
use crate::error::ApiError;
use crate::filter::{Filter, Sort};
use crate::view::{self, Listed};

/// The maximum number of sagas of one request.
pub(super) const MAX_SAGAS: usize = 1_000;

/// The sagas of a bulk action.
#[derive(Debug, Default)]
pub(super) struct Selection {
    /// Those that match.
    pub(super) sagas: Vec<Listed>,
    /// The ids of the named ones that do not.
    pub(super) others: Vec<String>,
    /// More match.
    pub(super) has_more: bool,
}

/// Parses the ids of the sagas that a request names.
pub(super) fn named(only: &BTreeSet<String>) -> Result<BTreeSet<Uuid>, ApiError> {
    if only.len() > MAX_SAGAS {
        let english = format!("The action names {} sagas: at most {MAX_SAGAS} are possible.", only.len());
        let portuguese = format!("A ação indica {} sagas: no máximo {MAX_SAGAS} são possíveis.", only.len());
        let most = format!("must have at most {MAX_SAGAS} items");
        return Err(ApiError::unprocessable(english, portuguese).at("/only", most));
    }
    only.iter().map(|id| saga_id(id)).collect()
}

/// The newest sagas that match.
pub(super) fn select_all(connection: &Connection, filter: &Filter) -> rusqlite::Result<Selection> {
    let mut sagas = view::list(connection, filter, Sort::Newest, None, MAX_SAGAS + 1)?;
    let has_more = sagas.len() > MAX_SAGAS;
    sagas.truncate(MAX_SAGAS);
    Ok(Selection { sagas, others: Vec::new(), has_more })
}

/// Divides named sagas into those that match and the others. Each is looked up by its id, since newer sagas that match
/// may be more than a list takes.
pub(super) fn select_named(
    connection: &Connection,
    filter: &Filter,
    only: &BTreeSet<Uuid>,
) -> rusqlite::Result<Selection> {
    let mut selection = Selection::default();
    for id in only.iter().copied() {
        let is_excluded = filter.id.is_some_and(|wanted| wanted != id);
        let by_id = Filter { id: Some(id), ..filter.clone() };
        match view::list(connection, &by_id, Sort::Newest, None, 1)?.pop() {
            Some(saga) if !is_excluded => selection.sagas.push(saga),
            Some(_) | None => selection.others.push(id.to_string()),
        }
    }
    Ok(selection)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::view::testing;

    /// A view with sagas of these numbers: even ones run, odd ones have completed.
    fn with_sagas(numbers: std::ops::Range<u128>) -> Connection {
        let connection = testing::empty();
        // Of what the library creates, lookups by an id need the states.
        connection.execute_batch("CREATE TABLE entities(key TEXT PRIMARY KEY, state TEXT NOT NULL)").unwrap();
        for number in numbers {
            let id = Uuid::from_u128(number).to_string();
            let started = i64::try_from(number).unwrap();
            let status = if number % 2 == 0 { "running" } else { "completed" };
            connection
                .execute(
                    "INSERT INTO sagas(started, id, definition, version, status, step, updated, retrying, counted) \
                     VALUES (?1, ?2, 'order', 5, ?3, '', 0, 0, '')",
                    (started, &id, status),
                )
                .unwrap();
            let state = json!({ "saga": { "started": started } }).to_string();
            connection.execute("INSERT INTO entities VALUES ('saga/' || ?1, ?2)", (&id, state)).unwrap();
        }
        connection
    }

    #[test]
    fn named_sagas_are_found_among_more_than_a_list_takes_and_none_is_dropped() {
        let many = 2 * MAX_SAGAS as u128 + 10;
        let connection = with_sagas(0..many);
        let filter = Filter { status: Some("running".to_owned()), ..Filter::default() };
        let only = BTreeSet::from([0, 1, 2, many].map(Uuid::from_u128));
        let text = |number| Uuid::from_u128(number).to_string();
        let Selection { sagas, others, has_more } = select_named(&connection, &filter, &only).unwrap();
        let found: Vec<_> = sagas.into_iter().map(|saga| saga.id).collect();
        assert_eq!((found, others, has_more), (vec![text(0), text(2)], vec![text(1), text(many)], false));
        let filter = Filter { id: Some(Uuid::from_u128(2)), ..filter };
        let selection = select_named(&connection, &filter, &only).unwrap();
        assert_eq!((selection.sagas.len(), selection.others.len()), (1, 3));
    }

    #[test]
    fn a_request_that_names_too_many_sagas_or_no_ids_is_rejected() {
        let of = |count: usize| (0..count).map(|number| Uuid::from_u128(number as u128).to_string()).collect();
        assert_eq!(named(&of(MAX_SAGAS)).unwrap().len(), MAX_SAGAS);
        assert_eq!(named(&of(MAX_SAGAS + 1)).unwrap_err().status(), 422);
        assert_eq!(named(&BTreeSet::from(["x".to_owned()])).unwrap_err().status(), 400);
    }
}
