//! The subscriptions of webhooks and their deliveries, read from the entities.

use rusqlite::{Connection, OptionalExtension as _};

use crate::entity::Entity;
use crate::entity::webhooks::{
    Undelivered, WEBHOOK_PREFIX, Webhook, WebhookEntity, WebhookQueue, queue_prefix, undelivered_prefix, webhook_key,
};

/// Entities whose keys begin with a prefix that ends in `/`, which `0` follows.
const ASCENDING: &str = "SELECT state FROM entities WHERE key >= ?1 AND key < ?2 ORDER BY key, partition LIMIT ?3";
const DESCENDING: &str =
    "SELECT state FROM entities WHERE key >= ?1 AND key < ?2 ORDER BY key DESC, partition DESC LIMIT ?3";

/// More than the subscriptions of all partitions.
const ALL: usize = 1_000_000;

/// All subscriptions, each once for each partition that has it.
pub fn webhooks(connection: &Connection) -> rusqlite::Result<Vec<Webhook>> {
    let parts = read(connection, ASCENDING, WEBHOOK_PREFIX, ALL)?;
    Ok(parts.into_iter().filter_map(subscribed).collect())
}

/// A subscription on each partition that has it.
pub fn webhook(connection: &Connection, id: &str) -> rusqlite::Result<Vec<Webhook>> {
    let mut query = connection.prepare_cached("SELECT state FROM entities WHERE key = ? ORDER BY partition")?;
    let states: Vec<String> = query.query_map([webhook_key(id)], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(states.iter().filter_map(|state| part(state)).filter_map(subscribed).collect())
}

/// The queues of a subscription, by order.
pub fn queues(connection: &Connection, id: &str, limit: usize) -> rusqlite::Result<Vec<WebhookQueue>> {
    let queue = |part| match part {
        WebhookEntity::Queue(queue) => Some(queue),
        WebhookEntity::Index(_)
        | WebhookEntity::Subscribed(_)
        | WebhookEntity::Event(_)
        | WebhookEntity::Undelivered(_) => None,
    };
    Ok(read(connection, ASCENDING, &queue_prefix(id), limit)?.into_iter().filter_map(queue).collect())
}

/// The deliveries of a subscription that were given up, of each partition the newest first.
pub fn undelivered(connection: &Connection, id: &str, limit: usize) -> rusqlite::Result<Vec<Undelivered>> {
    let undelivered = |part| match part {
        WebhookEntity::Undelivered(undelivered) => Some(undelivered),
        WebhookEntity::Index(_) | WebhookEntity::Subscribed(_) | WebhookEntity::Event(_) | WebhookEntity::Queue(_) => {
            None
        }
    };
    Ok(read(connection, DESCENDING, &undelivered_prefix(id), limit)?.into_iter().filter_map(undelivered).collect())
}

/// What was decided about a request.
pub struct Decided {
    /// Why it was refused; `None` if it was carried out.
    pub refused: Option<String>,
}

/// What was decided about a request; `None` if it is not decided yet.
pub fn decided(connection: &Connection, request: &str) -> rusqlite::Result<Option<Decided>> {
    let mut query = connection.prepare_cached("SELECT refused FROM audit WHERE id = ?")?;
    query.query_row([request], |row| Ok(Decided { refused: row.get(0)? })).optional()
}

fn read(connection: &Connection, sql: &str, prefix: &str, limit: usize) -> rusqlite::Result<Vec<WebhookEntity>> {
    let end = format!("{}0", prefix.trim_end_matches('/'));
    let mut query = connection.prepare_cached(sql)?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let states: Vec<String> = query.query_map((prefix, end, limit), |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(states.iter().filter_map(|state| part(state)).collect())
}

fn part(state: &str) -> Option<WebhookEntity> {
    serde_json::from_str::<Entity>(state).ok()?.webhook().cloned()
}

fn subscribed(part: WebhookEntity) -> Option<Webhook> {
    match part {
        WebhookEntity::Subscribed(webhook) => Some(*webhook),
        WebhookEntity::Index(_) | WebhookEntity::Queue(_) | WebhookEntity::Event(_) | WebhookEntity::Undelivered(_) => {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entity::webhooks::{GivenUp, QueuedEvent, undelivered_key};
    use crate::view::testing;
    use common::time::Timestamp;

    const ENTITIES: &str = "CREATE TABLE entities(partition INTEGER NOT NULL, key TEXT NOT NULL, state TEXT NOT NULL, \
        open INTEGER NOT NULL, wake INTEGER, acting INTEGER NOT NULL, PRIMARY KEY(key, partition)) WITHOUT ROWID";

    #[test]
    fn deliveries_are_those_of_the_subscription_and_found_by_an_index() {
        let connection = testing::empty();
        connection.execute_batch(ENTITIES).unwrap();
        for (id, number) in [("a", 9), ("a", 10), ("a0", 1), ("b", 2)] {
            let event = QueuedEvent { id: number.to_string(), kind: "order.paid".to_owned(), time: Timestamp(0) };
            let given_up = Undelivered {
                event,
                order: "o".to_owned(),
                at: Timestamp(0),
                reason: GivenUp::Expired,
                tries: 3,
                last_error: None,
            };
            let state = serde_json::to_string(&Entity::Webhook(WebhookEntity::Undelivered(given_up))).unwrap();
            let key = undelivered_key(id, number);
            connection.execute("INSERT INTO entities VALUES (0, ?, ?, 0, NULL, 0)", (key, state)).unwrap();
        }
        let found = |limit| undelivered(&connection, "a", limit).unwrap().into_iter().map(|found| found.event.id);
        assert_eq!(found(9).collect::<Vec<_>>(), ["10", "9"]);
        assert_eq!(found(1).count(), 1);
        assert!(webhooks(&connection).unwrap().is_empty());
        for sql in [ASCENDING, DESCENDING] {
            let plan = testing::plan(&connection, sql);
            assert!(plan.iter().all(|line| line.starts_with("SEARCH entities USING PRIMARY KEY")), "{plan:?}");
        }
    }
}
