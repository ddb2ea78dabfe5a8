//! Callbacks: messages from external systems that sagas wait for.

use common::messages::{Message, Outgoing};
use common::topics;
use saga::{Callback, Input};
use uuid::Uuid;

use super::context::RuleContext;
use super::{early, engine};
use crate::entity::saga_key;

/// Applies a callback to its saga, stores it if the saga has not started, or sends it to the saga's partition.
pub fn receive(ctx: &mut RuleContext<'_, '_>, message: &Message, saga: Uuid, callback: Callback) {
    let home = ctx.tx.home_of(&saga.to_string());
    if home != ctx.tx.partition() {
        // The payment service reads payment-results too, and moves its messages to the right partition.
        if &*message.topic != topics::PAYMENT_RESULTS {
            ctx.tx.send(Outgoing::put_back(message, &saga.to_string(), home));
        }
        return;
    }
    if ctx.tx.get(&saga_key(saga)).is_some() {
        engine::apply(ctx, saga, Input::Callback(callback));
    } else {
        early::put_callback(ctx, saga, callback);
    }
}
