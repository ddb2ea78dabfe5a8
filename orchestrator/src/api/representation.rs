//! The JSON of sagas and definitions in the API.

use common::sensitive;
use saga::{Definition, OperationRecord, Saga, StepState};
use serde_json::{Value, json};

use super::known::{KnownDefinition, KnownDefinitions};
use crate::inspect::attempts::{Attempt, attempts};
use crate::inspect::incident::{OpenIncident, open_incidents};
use crate::inspect::purchase::{Item, Purchase};
use crate::view::Listed;

/// A saga in a list.
pub(super) fn listed(saga: &Listed, known: &KnownDefinitions) -> Value {
    json!({
        "id": saga.id,
        "definition": saga.definition,
        "version": saga.version,
        "status": saga.status,
        "currentSteps": if saga.step.is_empty() { Vec::new() } else { saga.step.split(", ").collect::<Vec<_>>() },
        "customer": saga.customer,
        "ending": saga.ending,
        "reason": saga.ending_reason,
        "retrying": saga.retrying,
        "attempt": saga.attempt.as_ref().map(|attempt| attempt.number),
        "maxAttempts": known.attempt_limit(saga),
        "lastError": saga.error,
        "amountMinor": saga.money.as_ref().map(|money| money.minor),
        "currency": saga.money.as_ref().map(|money| money.currency.as_str()),
        "waitingSince": saga.waiting.map(time),
        "startedAt": time(saga.started),
        "updatedAt": time(saga.updated),
        "links": { "self": format!("/api/sagas/{}", saga.id) },
    })
}

/// A saga. Without its definition, the steps have no labels.
pub fn whole(saga: &Saga, definition: Option<&Definition>) -> Value {
    let history = saga.history.iter().map(|entry| {
        json!({
            "at": entry.at.to_string(),
            "step": entry.step,
            "attempt": entry.attempt,
            "what": entry.what,
            "why": entry.why,
            "waitedMs": entry.waited,
            "times": entry.repeats.saturating_add(1),
            "lastAt": entry.last.map(|at| at.to_string()),
        })
    });
    let incidents = open_incidents(saga, definition);
    let mut data = serde_json::to_value(&saga.data).unwrap_or_default();
    sensitive::mask(&mut data);
    json!({
        "id": saga.id,
        "definition": saga.definition,
        "version": saga.version,
        "definitionHash": saga.hash,
        "customer": saga.customer,
        "status": saga.status.as_str(),
        "currentSteps": saga.current_steps().collect::<Vec<_>>(),
        "startedAt": saga.started.to_string(),
        "updatedAt": saga.updated.to_string(),
        "endedAt": saga.ended.map(|t| t.to_string()),
        "deadlineAt": saga.deadline.map(|t| t.to_string()),
        "pausedAt": saga.paused.map(|t| t.to_string()),
        "ending": saga.ending,
        "purchase": purchase(&Purchase::of(saga)),
        "incidents": incidents.iter().map(incident).collect::<Vec<_>>(),
        "steps": saga.all_steps().map(|own| step(saga, own, definition)).collect::<Vec<_>>(),
        "earlyCallbacks": saga.callbacks,
        "history": history.collect::<Vec<_>>(),
        "historyFolded": saga.folded,
        "operations": saga.operations.iter().map(operated).collect::<Vec<_>>(),
        "data": data,
        "traceparent": saga.traceparent,
        "links": { "self": format!("/api/sagas/{}", saga.id) },
    })
}

fn operated(operated: &OperationRecord) -> Value {
    json!({
        "id": operated.id,
        "at": operated.at.to_string(),
        "by": operated.by,
        "why": operated.why,
        "from": operated.from,
        "action": operated.action,
        "refused": operated.refused,
    })
}

/// A definition, and whether new sagas start on it.
pub(super) fn definition(known: &KnownDefinition) -> Value {
    let mut value = serde_json::to_value(&*known.definition).unwrap_or_default();
    if let Some(object) = value.as_object_mut() {
        object.insert("file".to_owned(), known.has_file.into());
        object.insert("deployed".to_owned(), known.is_deployed.into());
    }
    value
}

fn purchase(purchase: &Purchase) -> Value {
    let item = |item: &Item| json!({ "name": item.name, "quantity": item.quantity, "amountMinor": item.minor });
    json!({
        "amountMinor": purchase.money.as_ref().map(|money| money.minor),
        "currency": purchase.money.as_ref().map(|money| money.currency.as_str()),
        "items": purchase.items.iter().map(item).collect::<Vec<_>>(),
        "itemCount": purchase.count,
    })
}

fn incident(incident: &OpenIncident<'_>) -> Value {
    json!({
        "step": incident.step.name,
        "action": incident.action,
        "command": incident.command,
        "participant": incident.participant,
        "answer": incident.answer,
        "since": incident.since.to_string(),
        "attempts": incident.attempts,
        "canRetry": incident.can_retry,
        "canBeResolvedAsNotDone": incident.can_deny,
    })
}

fn attempt(attempt: &Attempt) -> Value {
    json!({
        "action": attempt.action,
        "attempt": attempt.number,
        "sentAt": attempt.sent.to_string(),
        "outcome": attempt.outcome.as_str(),
        "waitedMs": attempt.waited,
        "error": attempt.error,
    })
}

fn step(saga: &Saga, step: &StepState, definition: Option<&Definition>) -> Value {
    let label = definition.and_then(|d| d.step(&step.name)).map(|s| s.label.get("en"));
    json!({
        "name": step.name,
        "label": label,
        "status": step.status,
        "attempts": step.attempts,
        "compensationAttempts": step.compensations,
        "attemptList": attempts(saga, &step.name).iter().map(attempt).collect::<Vec<_>>(),
        "startedAt": step.started.map(|t| t.to_string()),
        "endedAt": step.ended.map(|t| t.to_string()),
        "nextAt": step.timer.map(|(_, at)| at.to_string()),
        "reason": step.reason,
    })
}

fn time(ms: i64) -> String {
    saga::Timestamp(ms).to_string()
}
