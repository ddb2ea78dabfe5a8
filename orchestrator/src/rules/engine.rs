//! Applies inputs to sagas with the engine.

use common::journal::Key;
use saga::{Definition, Input, Saga};
use uuid::Uuid;

use super::context::RuleContext;
use super::events::{Cause, Milestones};
use crate::effects;
use crate::entity::{Entity, saga_key};

/// Applies an input to a saga. Returns false if there is no such saga or its definition is unknown.
pub fn apply(ctx: &mut RuleContext<'_, '_>, id: Uuid, input: Input) -> bool {
    let key = saga_key(id);
    let Some(definition) = ctx.versions.of(ctx.tx, &key) else { return false };
    let saga = take(ctx, &key);
    let saga = decide(ctx, &definition, saga, input);
    put(ctx, key, saga);
    true
}

/// One decision of the engine; its effects are sent.
pub fn decide(
    ctx: &mut RuleContext<'_, '_>,
    definition: &Definition,
    saga: Option<Saga>,
    input: Input,
) -> Option<Saga> {
    let before = ctx.cause.as_ref().map(|_| Milestones::of(saga.as_ref()));
    let decision = saga::decide(definition, saga, input, saga::Timestamp(ctx.now.0));
    if let Some(saga) = &decision.saga {
        for note in &decision.notes {
            tracing::info!(saga_id = %saga.id, "{note}");
        }
        for effect in decision.effects {
            ctx.tx.send(effects::message(saga, effect, ctx.now));
        }
        if let (Some(before), Some(id)) = (before, &ctx.cause) {
            let changes = before.changes(saga, Cause { definition, id, now: ctx.now });
            changes.into_iter().for_each(|event| ctx.tx.send(event));
        }
    }
    decision.saga
}

/// Takes a saga out of the transaction.
pub fn take(ctx: &mut RuleContext<'_, '_>, key: &str) -> Option<Saga> {
    ctx.tx.take(key).and_then(Entity::into_saga)
}

/// Writes a saga, if there is one.
pub fn put(ctx: &mut RuleContext<'_, '_>, key: Key, saga: Option<Saga>) {
    if let Some(saga) = saga {
        ctx.tx.put(key, Entity::Saga(Box::new(saga)));
    }
}
