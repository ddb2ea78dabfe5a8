//! Turns the engine's effects into Kafka messages.

use common::messages::{Outgoing, header};
use common::time::Timestamp;
use saga::{Effect, Saga};

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
        Effect::SendProgress { topic, key, command, id, payload } => {
            Outgoing::event(topic, &key, &command, id.to_string(), &saga.id.to_string(), now, &payload)
                .caused_by(saga.traceparent.as_deref())
        }
    }
}
