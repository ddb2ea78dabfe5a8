//! Inputs that arrive before the event that starts their saga: stored, and applied when it starts.

use std::time::Duration;

use saga::{Callback, Input, Operation};
use uuid::Uuid;

use super::context::RuleContext;
use crate::entity::{Entity, early_key};

/// How long early inputs are stored.
const RETENTION: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// Stored callbacks for one saga, each with another status or topic.
const MAX_CALLBACKS: usize = 8;

/// Takes the early inputs of a saga.
pub fn take(ctx: &mut RuleContext<'_, '_>, saga: Uuid) -> Vec<Input> {
    match ctx.tx.take(&early_key(saga)) {
        Some(Entity::Early { callbacks, cancel, .. }) => {
            callbacks.into_iter().map(Input::Callback).chain(cancel.map(Input::Operator)).collect()
        }
        Some(
            Entity::Saga(_)
            | Entity::Definition(_)
            | Entity::Rollout(_)
            | Entity::Letter(_)
            | Entity::Deployed(_)
            | Entity::Webhook(_),
        )
        | None => Vec::new(),
    }
}

/// Stores a callback, unless one with the same meaning is stored: the first one counts. A status that no definition
/// knows is not stored, so that no number of them takes the place of one that counts.
pub fn put_callback(ctx: &mut RuleContext<'_, '_>, saga: Uuid, callback: Callback) {
    let receives = ctx.versions.receives(&callback.source);
    if !receives.is_some_and(|receives| receives.iter().any(|receive| receive.knows(&callback.status))) {
        tracing::info!(saga_id = %saga, "callback {} {:?} for no saga", callback.source, callback.status);
        return;
    }
    let key = early_key(saga);
    match ctx.tx.update(&key) {
        Some(Entity::Early { callbacks, .. }) => {
            if callbacks.len() < MAX_CALLBACKS && !callbacks.iter().any(|known| means_the_same(known, &callback)) {
                callbacks.push(callback);
            }
        }
        Some(
            Entity::Saga(_)
            | Entity::Definition(_)
            | Entity::Rollout(_)
            | Entity::Letter(_)
            | Entity::Deployed(_)
            | Entity::Webhook(_),
        ) => {}
        None => {
            let until = ctx.now.plus(RETENTION);
            ctx.tx.put(key, Entity::Early { callbacks: vec![callback], cancel: None, until });
        }
    }
}

fn means_the_same(known: &Callback, callback: &Callback) -> bool {
    known.id == callback.id || known.source == callback.source && known.status.eq_ignore_ascii_case(&callback.status)
}

/// Stores a request to cancel the saga; the first one wins.
pub fn put_cancel(ctx: &mut RuleContext<'_, '_>, saga: Uuid, operation: Operation) {
    let key = early_key(saga);
    match ctx.tx.update(&key) {
        Some(Entity::Early { cancel, .. }) => _ = cancel.get_or_insert(operation),
        Some(
            Entity::Saga(_)
            | Entity::Definition(_)
            | Entity::Rollout(_)
            | Entity::Letter(_)
            | Entity::Deployed(_)
            | Entity::Webhook(_),
        ) => {}
        None => {
            let until = ctx.now.plus(RETENTION);
            ctx.tx.put(key, Entity::Early { callbacks: Vec::new(), cancel: Some(operation), until });
        }
    }
}
