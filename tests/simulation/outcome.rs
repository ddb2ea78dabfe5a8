//! What a run came to: its violations, its endings and its cost.

use std::collections::{BTreeMap, BTreeSet};

use common::messages::{Message, header};
use common::topics;
use orchestrator::definitions::Definitions;
use order_service::order::Status;
use order_service::order::parts::InvoiceStatus;

use crate::end_state;
use crate::injected_bug::InjectedBug;
use crate::kafka::{EVENT_TOPICS, partitions};
use crate::run::Run;
use crate::sim_state::Tally;
use crate::workload::Ordered;

/// How orders with a void invoice are counted among the endings.
pub const WITH_VOID_INVOICE: &str = "with a void invoice";

/// The result of a run.
pub struct Outcome {
    pub violations: Vec<String>,
    pub tally: Tally,
    /// Orders by ending.
    pub endings: BTreeMap<&'static str, u64>,
    /// A hash of all steps, to compare runs.
    pub hash: u64,
    /// A line for each step, if the run is traced.
    pub lines: Vec<String>,
}

/// Runs a seed.
pub fn run(seed: u64, definitions: &Definitions, bug: InjectedBug, traced: bool) -> Outcome {
    let mut run = Run::new(seed, definitions, bug, traced);
    let result = run.run_with_faults().and_then(|()| run.run_to_completion()).and_then(|()| {
        let last = std::mem::take(&mut run.workload.last);
        run.workload.first.extend(last);
        run.run_to_completion()
    });
    let mut violations = std::mem::take(&mut run.sim.invariants.violations);
    violations.extend(result.err());
    if violations.is_empty() {
        violations = end_state::check(&run);
    }
    let mut endings = BTreeMap::new();
    for ordered in &run.workload.orders {
        let order = end_state::order(&run, ordered.placed.order_id);
        *endings.entry(order.as_ref().map_or("unknown", |order| order.status.as_str())).or_default() += 1;
        let invoice = order.and_then(|order| order.invoice).map(|invoice| invoice.status);
        let invoices = if invoice == Some(InvoiceStatus::Void) { WITH_VOID_INVOICE } else { "with another or none" };
        *endings.entry(invoices).or_default() += 1;
    }
    let Run { mut sim, .. } = run;
    let void = sim.invariants.void;
    let repeated = sim.invariants.repeated;
    let hash = sim.hash();
    let lines = sim.trace.lines.take().unwrap_or_default();
    Outcome { violations, tally: Tally { void, repeated, ..sim.tally }, endings, hash, lines }
}

/// All messages of a run.
pub fn messages_of(seed: u64, definitions: &Definitions) -> Vec<Message> {
    let mut run = Run::new(seed, definitions, InjectedBug::None, false);
    run.run_with_faults().and_then(|()| run.run_to_completion()).unwrap();
    let kafka = &run.sim.kafka;
    let topics: BTreeSet<_> = kafka.topics().collect();
    let partitions = topics.into_iter().flat_map(|topic| partitions().map(move |partition| (topic, partition)));
    partitions.flat_map(|(topic, partition)| kafka.messages(topic, partition).to_vec()).collect()
}

/// How many messages are about each confirmed order without delivery, how many decisions they cause, and how many
/// events external systems receive if they are on. `None` unless nothing is late in the run.
pub fn costs(seed: u64, definitions: &Definitions) -> Option<Vec<(usize, usize, Option<usize>)>> {
    let mut run = Run::new(seed, definitions, InjectedBug::None, false);
    run.punctual.then(|| run.run_to_completion()).transpose().unwrap()?;
    let Run { sim, workload, .. } = &run;
    let topics: BTreeSet<_> = sim.kafka.topics().collect();
    let all = topics.into_iter().flat_map(|topic| partitions().flat_map(move |at| sim.kafka.messages(topic, at)));
    let all: Vec<&Message> = all.chain(&sim.direct).collect();
    let is_plain = |ordered: &&Ordered| {
        // The simulated provider answers at once for these cents.
        let is_paid_at_once = ordered.placed.amount_minor % 100 == 50;
        let status = end_state::status(&run, ordered.placed.order_id);
        is_paid_at_once && ordered.placed.delivery.is_none() && status == Some(Status::Confirmed)
    };
    let cost = |ordered: &Ordered| {
        let id = ordered.placed.order_id.to_string();
        let is_about = |message: &&&Message| {
            let names = [header::SUBJECT, header::SAGA_ID].map(|name| message.header(name));
            names.contains(&Some(&*id)) || message.key.as_ref().is_some_and(|key| key.0 == id.as_bytes())
        };
        let is_event = |message: &&&Message| EVENT_TOPICS.contains(&&*message.topic);
        let events = all.iter().filter(is_about).filter(is_event).count();
        let about = all.iter().filter(|message| is_about(message) && !is_event(message));
        // Each result is decided by two services. Events have no reader here.
        let decisions = about.clone().map(|message| if &*message.topic == topics::PAYMENT_RESULTS { 2 } else { 1 });
        (about.count(), decisions.sum(), run.events.then_some(events))
    };
    Some(workload.orders.iter().filter(is_plain).map(cost).collect())
}
