//! What must hold at every moment, checked whenever a record lands: the journals read by the rule, and what was said
//! compared with what was decided.

use std::collections::{BTreeMap, BTreeSet};

use common::blob::{Blob, Json};
use common::ids::OrderId;
use common::journal::{Positions, Record, Verdict, Write};
use common::messages::{Message, Outgoing, header};
use common::topics;
use inventory_service::stock::{Inventory, Reservation, Status as Reserved};
use orchestrator::conduct::Kept;
use order_service::kept::Kept as Ordering;
use order_service::order;
use payment_service::answers::{Outcome, PROVIDER_ANSWERED, ProviderAnswered};
use payment_service::results::{PaymentResult, Verdict as Paid};

use crate::kafka::{Kafka, PARTITIONS, Place, Written};
use crate::sabotage::Sabotage;
use crate::view::View;

/// The reason of an order whose payment's result did not come in time.
const TIMED_OUT: &str = "payment_timed_out";

/// Topic and id of a message; for one without an id, what it says.
type Id = (String, String);

/// What a message says: key and value.
type Words = (Option<Blob>, Option<Vec<u8>>);

/// The books that are kept during a run.
#[derive(Default)]
pub struct Ledger {
    journals: BTreeMap<Place, View>,
    decided: BTreeMap<Id, Vec<Words>>,
    said: BTreeMap<Id, Words>,
    /// Where the inputs of a journal's partition ended when a claim of it was loaded, by the claim's offset.
    ends: BTreeMap<(Place, i64), Positions>,
    pub void: u64,
    pub repeated: u64,
    /// What must not be.
    pub wrong: Vec<String>,
}

impl Ledger {
    /// A record of a journal landed.
    pub fn journal(&mut self, place: &Place, written: &Written, kafka: &Kafka) -> Verdict {
        let journal = self.journals.entry(place.clone()).or_default();
        let before = written.record.as_ref().map_or_else(View::default, |record| journal.before(record));
        let verdict = journal.apply(written, Sabotage::None);
        match (verdict, &written.record) {
            (Verdict::Claim, _) => {}
            (Verdict::Valid, Some(Record::Entry(entry))) => {
                for (topic, next) in &entry.positions {
                    if before.positions.get(topic).is_some_and(|known| known >= next) {
                        self.wrong.push(format!("{place:?} decided {topic} again, up to {next}: {before:?}"));
                    }
                }
                for message in entry.outbox.iter() {
                    self.decided.entry(id_of(message)).or_default().push(words(message));
                }
                self.business((place.clone(), entry.owner), &before, &entry.entities, kafka);
            }
            (Verdict::Valid | Verdict::Void, _) => self.void += 1,
        }
        verdict
    }

    /// A message landed, by a decision or from outside.
    pub fn message(&mut self, message: &Message, decided: bool) {
        let id = id_of_read(message);
        let said = (message.key.clone(), message.value.clone());
        if decided && !self.decided.get(&id).is_some_and(|all| all.contains(&said)) {
            self.wrong.push(format!("{id:?} was sent, and no valid entry decided it"));
        }
        match self.said.get(&id) {
            None => _ = self.said.insert(id, said),
            Some(first) => {
                self.repeated += 1;
                // A command that came twice is answered twice, and what it asks for may have changed in between; so may
                // what the provider says when it is asked the same again.
                let may_differ = id.0 == topics::SAGA_REPLIES || message.kind() == Some(PROVIDER_ANSWERED);
                if *first != said && !may_differ {
                    self.wrong.push(format!("{id:?} came twice and says two things"));
                }
            }
        }
    }

    /// What was decided to be said and never was.
    pub fn never_said(&self) -> impl Iterator<Item = &Id> {
        self.decided.keys().filter(|id| !self.said.contains_key(*id))
    }

    /// A partition of a journal, read by the rule.
    pub fn view(&self, journal: &str, partition: i32) -> Option<&View> {
        self.journals.get(&(journal.into(), partition))
    }

    /// The states of all partitions of a journal.
    pub fn states(&self, journal: &str) -> impl Iterator<Item = (&String, &Json)> {
        self.journals.iter().filter(move |((name, _), _)| **name == *journal).flat_map(|(_, view)| &view.states)
    }

    /// A claim is loaded, and reads the inputs up to these ends before any timer fires.
    pub fn loaded(&mut self, claim: (Place, i64), ends: &Positions) {
        self.ends.insert(claim, ends.clone());
    }

    /// The payment results that lay there when the partition was claimed.
    fn waiting<'k>(&self, claim: &(Place, i64), kafka: &'k Kafka) -> &'k [Message] {
        let end = self.ends.get(claim).and_then(|ends| ends.get(topics::PAYMENT_RESULTS)).copied().unwrap_or(0);
        let log = kafka.messages(topics::PAYMENT_RESULTS, claim.0.1);
        log.split_at(log.partition_point(|message| message.offset < end)).0
    }

    fn business(&mut self, claim: (Place, i64), before: &View, changes: &[Write], kafka: &Kafka) {
        for Write { key, state } in changes {
            let wrong = match (&*claim.0.0, state) {
                ("order-journal", Some(state)) => order_is_wrong(key, state, before, kafka),
                ("inventory-journal", Some(state)) => stock_is_wrong(state),
                ("saga-journal", Some(state)) => saga_is_wrong(key, state, before, self.waiting(&claim, kafka)),
                _ => None,
            };
            self.wrong.extend(wrong.map(|why| format!("{key}: {why}")));
        }
    }
}

/// An order ends once (what is returned later has ended before), and none is confirmed that nobody paid.
fn order_is_wrong(key: &str, state: &Json, before: &View, kafka: &Kafka) -> Option<String> {
    let kept: Ordering = state.read().unwrap();
    let order = kept.order()?;
    let was = before.entity::<Ordering>(key).unwrap();
    let was = was.as_ref().and_then(Ordering::order).filter(|was| !was.is_underway()).map(|was| was.status);
    if let Some(was) = was.filter(|was| *was != order.status && order.status != order::Status::Returned) {
        return Some(format!("it was {was} and becomes {}", order.status));
    }
    let unpaid = order.status.is_fulfilled() && approvals(kafka, order.placed.order_id) == 0;
    unpaid.then(|| "it is confirmed, and no approval lies on payment-results".to_owned())
}

/// No more is promised than there is.
fn stock_is_wrong(state: &Json) -> Option<String> {
    let state: Inventory = state.read().unwrap();
    let stock = state.stock().filter(|stock| stock.reserved > stock.on_hand);
    let empty = |known: &&Reservation| known.status == Reserved::Confirmed && known.items.is_empty();
    let confirmed = state.reservation().filter(empty);
    let stock = stock.map(|stock| format!("more is reserved than there is: {stock:?}"));
    stock.or_else(|| confirmed.map(|_| "nothing was reserved, and it is confirmed".to_owned()))
}

/// No fault of this simulation is one that a person has to look at; and no result is late that lay on its topic when
/// the partition was claimed.
fn saga_is_wrong(key: &str, state: &Json, before: &View, waiting: &[Message]) -> Option<String> {
    let Kept::Saga(saga) = state.read().unwrap() else { return None };
    if saga.status == saga::Status::Incident {
        return Some(format!("an incident: {}", state.text()));
    }
    let late = |kept: &Kept| match kept {
        Kept::Saga(saga) => saga.ending.as_ref().and_then(|ending| ending.reason.as_deref()) == Some(TIMED_OUT),
        Kept::Early { .. } | Kept::Definition(_) | Kept::Rollout(_) | Kept::Letter(_) => false,
    };
    let before = before.entity::<Kept>(key).unwrap();
    let says = |message: &&Message| message.json::<PaymentResult>().is_ok_and(|result| result.order_id.0 == saga.id);
    let found = waiting.iter().find(says).map(|message| message.offset);
    let newly = !before.is_some_and(|kept| late(&kept)) && late(&Kept::Saga(saga.clone()));
    found
        .filter(|_| newly)
        .map(|offset| format!("it waited too long for its payment, whose result lay there at {offset}"))
}

/// How many different approvals of an order lie where its messages do.
pub fn approvals(kafka: &Kafka, order: OrderId) -> usize {
    let home = topics::partition_of(order.to_string().as_bytes(), PARTITIONS);
    let approval = |message: &Message| {
        let result = message.json::<PaymentResult>().ok()?;
        let approves = result.order_id == order && result.status == Paid::Approved;
        approves.then(|| result.payment_id.unwrap_or_else(|| message.id()))
    };
    kafka.messages(topics::PAYMENT_RESULTS, home).iter().filter_map(approval).collect::<BTreeSet<_>>().len()
}

/// Results that lie where their order's messages don't, and that nobody put where they do.
pub fn misplaced(kafka: &Kafka) -> Vec<String> {
    let all = || (0..PARTITIONS).flat_map(|partition| kafka.messages(topics::PAYMENT_RESULTS, partition));
    let from: BTreeSet<&str> = all().filter_map(|message| message.header(header::PUT_BACK_FROM)).collect();
    let strays = |message: &&Message| {
        let home = |order: OrderId| topics::partition_of(order.to_string().as_bytes(), PARTITIONS);
        message.json::<PaymentResult>().is_ok_and(|result| home(result.order_id) != message.partition)
    };
    let place = |message: &Message| format!("{}/{}/{}", message.topic, message.partition, message.offset);
    all().filter(strays).map(place).filter(|place| !from.contains(&**place)).collect()
}

/// Whether the provider said that it took an order's payment.
pub fn accepted(kafka: &Kafka, order: OrderId) -> bool {
    let home = topics::partition_of(order.to_string().as_bytes(), PARTITIONS);
    let accepts = |message: &Message| {
        message.json::<ProviderAnswered>().is_ok_and(|said| said.order_id == order && said.outcome == Outcome::Accepted)
    };
    kafka.messages(topics::PAYMENT_COMMANDS, home).iter().any(accepts)
}

fn words(message: &Outgoing) -> Words {
    (message.key.clone(), message.value.bytes().map(<[u8]>::to_vec))
}

fn id_of(message: &Outgoing) -> Id {
    let id = message.headers.get(header::ID).map_or_else(|| format!("{:?}", words(message)), str::to_owned);
    (message.topic.to_string(), id)
}

fn id_of_read(message: &Message) -> Id {
    let said = || format!("{:?}", (message.key.clone(), message.value.clone()));
    (message.topic.to_string(), message.header(header::ID).map_or_else(said, str::to_owned))
}
