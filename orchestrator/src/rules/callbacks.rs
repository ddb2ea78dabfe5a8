//! Callbacks: messages from external systems that sagas wait for.

use std::sync::Once;

use common::messages::{Message, MessageMac, Origin, Outgoing, header};
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
    if &*message.topic == topics::PAYMENT_RESULTS && !is_believed(ctx.results_mac, message) {
        return;
    }
    if ctx.tx.get(&saga_key(saga)).is_some() {
        engine::apply(ctx, saga, Input::Callback(callback));
    } else {
        early::put_callback(ctx, saga, callback);
    }
}

/// Returns true if a payment result counts. With a secret only those count that payment-service wrote; it answers any
/// other with one of its own, if that is the provider's or an operator's result.
fn is_believed(mac: Option<&MessageMac>, message: &Message) -> bool {
    static UNMARKED: Once = Once::new();
    let Some(mac) = mac else {
        if message.header(header::MAC).is_some() {
            UNMARKED.call_once(|| {
                tracing::warn!(
                    "payment-service marks its results, but payments.results_secret is empty: every message on \
                     payment-results is believed"
                );
            });
        }
        return true;
    };
    match mac.verify(message) {
        Origin::Verified => true,
        Origin::Unmarked => {
            tracing::info!(offset = message.offset, "a payment result that payment-service did not write is ignored");
            false
        }
        Origin::Unverified => {
            tracing::warn!(
                offset = message.offset,
                mark = message.header(header::MAC),
                secret_id = mac.secret_id(),
                "a payment result is ignored, since it is marked with another secret: payments.results_secret and \
                 results.secret of payment-service must be equal"
            );
            false
        }
    }
}
