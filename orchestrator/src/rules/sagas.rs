//! Starting, cancelling and operating sagas, their replies and their timers.

use common::journal::Key;
use common::messages::{Message, Outgoing, Unreadable, header};
use common::time::Timestamp;
use saga::{Data, Input, Operation, OperationRecord};
use uuid::Uuid;

use super::context::RuleContext;
use super::{early, engine, rollout};
use crate::entity::{Entity, saga_key};
use crate::messages::{StartEvent, StartRequest, StepReply};

/// The name of an operator's start in the record of operations.
const START: &str = "start";

/// Starts a saga, and applies its early inputs. A repeated event is an input of the saga that exists.
///
/// # Errors
/// [`Unreadable`] on another partition than the saga's, if no definition fits, or if the payload lacks a field of it.
pub fn start(ctx: &mut RuleContext<'_, '_>, event: StartEvent) -> Result<(), Unreadable> {
    let StartEvent { saga: id, kind, requested, definitions, payload, traceparent } = event;
    ctx.tx.check_home("saga", &id.to_string())?;
    let key = saga_key(id);
    // An existing saga keeps its own definition, which may be another version than a new saga's.
    let existing = ctx.versions.of(ctx.tx, &key);
    let definition = existing.or_else(|| rollout::choose(ctx.tx, &definitions, id));
    let definition = definition.ok_or(Unreadable::UnknownType(kind))?;
    let is_new = ctx.tx.get(&key).is_none();
    let payload = if is_new { definition.start.read(payload).map_err(Unreadable::Malformed)? } else { payload };
    let known = engine::take(ctx, &key);
    let data = Data::with(&definition.start.output, payload);
    let mut saga = engine::decide(ctx, &definition, known, Input::Start { id, data, traceparent });
    if is_new {
        if let (Some(saga), Some(request)) = (&mut saga, requested) {
            saga.record_start(started_by(request, ctx.now));
        }
        for input in early::take(ctx, id) {
            saga = engine::decide(ctx, &definition, saga, input);
        }
    }
    engine::put(ctx, key, saga);
    Ok(())
}

fn started_by(request: StartRequest, now: Timestamp) -> OperationRecord {
    let StartRequest { id, by, why, from } = request;
    OperationRecord { id, at: saga::Timestamp(now.0), by, why, from, action: START.to_owned(), refused: None }
}

/// Cancels a saga on behalf of the sender of its start event.
///
/// # Errors
/// [`Unreadable`] on another partition than the saga's, or if the saga's definition is unknown.
pub fn cancel(ctx: &mut RuleContext<'_, '_>, saga: Uuid, operation: Operation) -> Result<(), Unreadable> {
    ctx.tx.check_home("saga", &saga.to_string())?;
    if ctx.tx.get(&saga_key(saga)).is_none() {
        early::put_cancel(ctx, saga, operation);
        return Ok(());
    }
    if engine::apply(ctx, saga, Input::Operator(operation)) {
        Ok(())
    } else {
        Err(Unreadable::Header(header::SUBJECT, format!("the definition of saga {saga} can't be read")))
    }
}

/// Applies an operator's action.
///
/// # Errors
/// [`Unreadable`] on another partition than the saga's, or if the saga or its definition is unknown.
pub fn operate(ctx: &mut RuleContext<'_, '_>, saga: Uuid, operation: Operation) -> Result<(), Unreadable> {
    ctx.tx.check_home("saga", &saga.to_string())?;
    if engine::apply(ctx, saga, Input::Operator(operation)) { Ok(()) } else { Err(unknown_saga(header::SUBJECT, saga)) }
}

/// Applies a participant's reply, or sends it to the saga's partition: a participant may have keyed it otherwise.
///
/// # Errors
/// [`Unreadable`] if the saga or its definition is unknown.
pub fn reply(ctx: &mut RuleContext<'_, '_>, message: &Message, reply: StepReply) -> Result<(), Unreadable> {
    let StepReply { saga, step, attempt, action, outcome } = reply;
    let key = saga.to_string();
    let home = ctx.tx.home_of(&key);
    if home != ctx.tx.partition() {
        ctx.tx.send(Outgoing::put_back(message, &key, home));
        return Ok(());
    }
    if engine::apply(ctx, saga, Input::Reply { step, attempt, action, outcome }) {
        Ok(())
    } else {
        Err(unknown_saga(header::SAGA_ID, saga))
    }
}

/// Applies a due timer.
pub fn wake(ctx: &mut RuleContext<'_, '_>, key: &Key) {
    match ctx.tx.get(key) {
        Some(Entity::Early { until, .. }) if *until <= ctx.now => ctx.tx.remove(key),
        Some(
            Entity::Early { .. }
            | Entity::Definition(_)
            | Entity::Rollout(_)
            | Entity::Letter(_)
            | Entity::Deployed(_)
            | Entity::Webhook(_),
        )
        | None => {}
        Some(Entity::Saga(saga)) => {
            let id = saga.id;
            engine::apply(ctx, id, Input::Timer);
        }
    }
}

fn unknown_saga(header: &'static str, saga: Uuid) -> Unreadable {
    Unreadable::Header(header, format!("there is no saga {saga} with a known definition"))
}
