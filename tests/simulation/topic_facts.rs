//! The facts on the topics about an order's payment.

use std::collections::BTreeSet;

use common::ids::OrderId;
use common::messages::{Message, header};
use common::topics;
use payment_service::entity::Payment;
use payment_service::messages::{Outcome, PaymentResult, ProviderAnswered, Verdict as Paid};
use payment_service::provider::call::ProviderKind;

use crate::kafka::{Kafka, PARTITIONS};

/// The partition of an order.
pub fn home(order: OrderId) -> i32 {
    topics::partition_of(order.to_string().as_bytes(), PARTITIONS)
}

/// The number of different approvals on the order's partition. One without a payment id is of the order's own payment.
pub fn approvals(kafka: &Kafka, order: OrderId) -> usize {
    let approval = |message: &Message| {
        let result = PaymentResult::read(message).ok()?;
        let approves = result.order_id == order && result.status == Paid::Approved;
        approves.then(|| result.payment_id.unwrap_or_else(|| Payment::new(order, ProviderKind::Simulated, None).id()))
    };
    kafka.messages(topics::PAYMENT_RESULTS, home(order)).iter().filter_map(approval).collect::<BTreeSet<_>>().len()
}

/// Results on another partition than their order's that were not moved there.
pub fn misplaced(kafka: &Kafka) -> Vec<String> {
    let all = || (0..PARTITIONS).flat_map(|partition| kafka.messages(topics::PAYMENT_RESULTS, partition));
    let from: BTreeSet<&str> = all().filter_map(|message| message.header(header::PUT_BACK_FROM)).collect();
    let strays = |message: &&Message| {
        // One with a key or a header that is too long is a dead letter, whatever it contains.
        message.check().is_ok()
            && PaymentResult::read(message).is_ok_and(|result| home(result.order_id) != message.partition)
    };
    let source = |message: &Message| format!("{}/{}/{}", message.topic, message.partition, message.offset);
    all().filter(strays).map(source).filter(|source| !from.contains(&**source)).collect()
}

/// Returns true if the provider accepted the order's payment. `direct` are the messages that came without a topic.
pub fn accepted(kafka: &Kafka, direct: &[Message], order: OrderId) -> bool {
    let accepts = |message: &Message| {
        message
            .json::<ProviderAnswered>()
            .is_ok_and(|answer| answer.order_id == order && answer.outcome == Outcome::Accepted)
    };
    kafka.messages(topics::PAYMENT_COMMANDS, home(order)).iter().chain(direct).any(accepts)
}
