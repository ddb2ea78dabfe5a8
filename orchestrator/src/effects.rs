//! Turns the engine's effects into Kafka messages.

use common::messages::{Outgoing, header};
use common::schemas;
use common::time::Timestamp;
use saga::{Effect, Saga};

/// `ce_type` of the message with which a person completed a task, on a topic without messages of its own.
const TASK_COMPLETED: &str = "task.completed";

/// The message that carries an effect of a saga.
pub fn message(saga: &Saga, effect: Effect, now: Timestamp) -> Outgoing {
    match effect {
        Effect::SendCommand { topic, key, command, step, attempt, action, id, payload } => {
            let subject = saga.id.to_string();
            Outgoing::event(topic, &key, &command, id.to_string(), &subject, now, &payload)
                .caused_by(saga.traceparent.as_deref())
                .with(header::SAGA_ID, subject)
                .with(header::STEP, step)
                .with(header::ATTEMPT, attempt.to_string())
                .with(header::ACTION, action.as_str())
        }
        // As a person would send it: the readers of the topic take it like any other.
        Effect::SendAnswer { topic, id, payload } => {
            let subject = saga.id.to_string();
            let kind = schemas::type_of_topic(&topic).unwrap_or(TASK_COMPLETED);
            Outgoing::event(topic, &subject, kind, id.to_string(), &subject, now, &payload)
                .caused_by(saga.traceparent.as_deref())
        }
        Effect::SendProgress { topic, key, command, id, payload } => {
            Outgoing::event(topic, &key, &command, id.to_string(), &saga.id.to_string(), now, &payload)
                .caused_by(saga.traceparent.as_deref())
        }
    }
}
