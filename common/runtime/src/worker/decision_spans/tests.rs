//! The span trees of scripted messages, over a real protocol and a handler that counts.

use std::collections::{BTreeMap, BTreeSet};

use journal::{Core, Entity, Env, Handler, Limits, NoSideEffect, Record, Snapshot, Transaction, Trigger};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use uuid::Uuid;
use vocabulary::messages::{SpanId, Unreadable};
use vocabulary::time::Timestamp;

use super::*;

const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const UNSAMPLED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";

/// The count that has a timer.
const ALARM: u32 = 1_000;

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Count(u32);

impl Entity for Count {
    fn is_open(&self) -> bool {
        true
    }

    fn wake_at(&self) -> Option<Timestamp> {
        (self.0 == ALARM).then_some(Timestamp(5))
    }

    fn traceparent(&self) -> Option<&str> {
        Some(TRACE)
    }
}

/// Counts messages and answers each; those of the type `ignored` change and send nothing, and one of the type `alarm`
/// starts a timer.
struct Counting;

impl Handler for Counting {
    type Entity = Count;
    type SideEffect = NoSideEffect;

    fn decide(&self, tx: &mut Transaction<'_, Count>, trigger: Trigger<'_>, now: Timestamp) -> Result<(), Unreadable> {
        let message = match trigger {
            Trigger::Message(message) => message,
            Trigger::Timer(key) => {
                tx.put(key.clone(), Count(0));
                let alarm = Outgoing::event("alarms", "k", "due", "a".to_owned(), "s", now, &1);
                tx.send(alarm.caused_by(Some(TRACE)));
                return Ok(());
            }
            Trigger::Claimed => return Ok(()),
        };
        if message.kind() == Some("ignored") {
            return Ok(());
        }
        let key = "count".to_owned();
        if message.kind() == Some("alarm") {
            tx.put(key, Count(ALARM));
            return Ok(());
        }
        let count = tx.get(&key).map_or(0, |count| count.0) + 1;
        tx.put(key, Count(count));
        let id = format!("answer to {}", message.id());
        tx.send(Outgoing::event("answers", "k", "counted", id, "s", now, &count).caused_by(message.traceparent()));
        Ok(())
    }
}

/// A worker's loop without Kafka.
struct Loop {
    core: Core<Count, NoSideEffect>,
    spans: DecisionSpans,
    recorded: mpsc::Receiver<Span>,
    offset: i64,
    unread: Vec<Head>,
    sent: Vec<Outgoing>,
}

impl Loop {
    /// The owner of a partition.
    fn new() -> Self {
        let (tracer, recorded) = Tracer::new(1.0);
        let spans = DecisionSpans::new(tracer, "tests", "journal", "group".to_owned());
        let core = Core::new(0, 1, Limits { batch_messages: 2, ..Limits::default() });
        let mut worker = Self { core, spans, recorded, offset: 0, unread: Vec::new(), sent: Vec::new() };
        worker.claim();
        worker
    }

    fn claim(&mut self) {
        self.input(Input::Assigned { nonce: Uuid::new_v4(), instance: "tests".to_owned() });
        self.store();
        self.input(Input::Loaded(Snapshot::default()));
        self.decide();
        self.store();
    }

    fn input(&mut self, input: Input<Count>) {
        let traced = self.spans.of_input(&input);
        let before = self.core.queued();
        let mut out = Vec::new();
        self.core.handle(input, &mut out);
        if self.core.queued() > before {
            self.spans.queued(traced);
        }
        self.execute(out);
    }

    fn decide(&mut self) {
        let store = BTreeMap::new();
        let env = Env { handler: &Counting, store: &store, now: Timestamp(7), view_applied: self.offset };
        let mut out = Vec::new();
        let start = SystemTime::now();
        self.core.pump(&env, &mut out);
        self.spans.decided_between(start, SystemTime::now());
        self.execute(out);
    }

    fn execute(&mut self, out: Vec<Output<NoSideEffect>>) {
        for output in out {
            self.spans.take_output(&output);
            match output {
                Output::Append(record) => self.unread.push(Record::head(&record)),
                Output::Send { messages, .. } => {
                    for message in messages.iter() {
                        self.spans.sent(message);
                        self.sent.push(message.clone());
                    }
                }
                Output::Load { .. }
                | Output::Claimed(_)
                | Output::Accepted(_)
                | Output::Declined(_)
                | Output::Execute(_)
                | Output::Abandon(_)
                | Output::Decided { .. }
                | Output::SetAside { .. }
                | Output::TimerHeld { .. }
                | Output::Drained
                | Output::StepDown(_) => {}
            }
        }
        self.spans.end_outputs();
    }

    /// The journal stores all records that were appended.
    fn store(&mut self) {
        for head in std::mem::take(&mut self.unread) {
            self.spans.stored(head);
            self.input(Input::ReadBack { offset: self.offset, head });
            self.offset += 1;
        }
    }

    fn message(&mut self, offset: i64, kind: &str, traceparent: Option<&str>) -> Message {
        let message = Outgoing::event("in", "k", kind, format!("m{offset}"), "order", Timestamp(1_000), &1);
        let message = match traceparent {
            Some(traceparent) => message.with(header::TRACEPARENT, traceparent),
            None => message,
        };
        message.received("tests", 0, offset, Timestamp(1_000))
    }

    fn receive(&mut self, offset: i64, kind: &str, traceparent: Option<&str>) {
        let message = self.message(offset, kind, traceparent);
        self.input(Input::Message(message));
    }

    fn spans(&mut self) -> Vec<Span> {
        std::iter::from_fn(|| self.recorded.try_recv().ok()).collect()
    }
}

fn names(spans: &[Span]) -> Vec<&str> {
    spans.iter().map(|span| span.name.as_str()).collect()
}

fn text<'s>(span: &'s Span, name: &str) -> Option<&'s traces::Value> {
    span.attributes.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
}

#[test]
fn a_message_has_spans_for_its_way_its_decision_its_append_and_what_it_sends() {
    let mut worker = Loop::new();
    worker.receive(0, "count", Some(TRACE));
    worker.decide();
    assert_eq!(names(&worker.spans()), ["receive in", "process in"]);
    worker.store();
    let spans = worker.spans();
    assert_eq!(names(&spans), ["append journal", "send answers"]);
    let cause = TraceContext::parse(TRACE).unwrap();
    assert!(spans.iter().all(|span| (span.trace, span.parent) == (cause.trace, Some(cause.span))), "{spans:#?}");
    let answer = TraceContext::parse(worker.sent[0].headers.get(header::TRACEPARENT).unwrap()).unwrap();
    assert_eq!(spans[1].id, answer.span, "what the answer causes is below its span");
}

#[test]
fn the_attributes_are_those_of_the_semantic_conventions() {
    let mut worker = Loop::new();
    worker.receive(4, "count", Some(TRACE));
    worker.decide();
    let spans = worker.spans();
    for (name, value) in [
        ("messaging.system", "kafka"),
        ("messaging.destination.name", "in"),
        ("messaging.destination.partition.id", "0"),
        ("messaging.consumer.group.name", "group"),
        ("messaging.message.id", "m4"),
        ("cloudevents.event_type", "count"),
        ("cloudevents.event_subject", "order"),
    ] {
        assert_eq!(text(&spans[0], name), Some(&traces::Value::Text(value.to_owned().into())), "{name}");
    }
    assert_eq!(text(&spans[0], "messaging.kafka.offset"), Some(&4.into()));
    let start = SystemTime::UNIX_EPOCH + Duration::from_secs(1);
    assert_eq!((spans[0].start, spans[0].kind), (start, Kind::Consumer), "it is sent at its timestamp");
}

#[test]
fn messages_of_one_batch_have_spans_in_their_own_traces() {
    let other = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let mut worker = Loop::new();
    worker.receive(0, "count", None);
    worker.receive(1, "count", Some(TRACE));
    worker.receive(1, "count", Some(TRACE));
    worker.receive(2, "count", Some(UNSAMPLED));
    worker.receive(3, "ignored", Some(other));
    worker.receive(4, "ignored", None);
    worker.receive(5, "count", Some(other));
    for _batch in 0..3 {
        worker.decide();
        worker.store();
    }
    let spans = worker.spans();
    let of = |traceparent: &str| -> Vec<&str> {
        let trace = TraceContext::parse(traceparent).unwrap().trace;
        spans.iter().filter(|span| span.trace == trace).map(|span| span.name.as_str()).collect()
    };
    assert_eq!(
        of(TRACE),
        ["receive in", "process in", "append journal", "send answers"],
        "received twice, decided once"
    );
    let ignored = spans.iter().filter(|span| text(span, "messaging.kafka.offset") == Some(&3.into()));
    assert_eq!(ignored.count(), 2);
    assert_eq!(of(other).iter().filter(|name| **name == "append journal").count(), 2, "{:?}", of(other));
    let ids: BTreeSet<u64> = spans.iter().map(|span| span.id.0).collect();
    assert_eq!(ids.len(), spans.len(), "each span has an id of its own");
}

#[test]
fn a_message_that_changes_nothing_alone_has_no_append() {
    let mut worker = Loop::new();
    worker.receive(0, "ignored", Some(TRACE));
    worker.decide();
    worker.input(Input::Idle);
    worker.store();
    assert_eq!(names(&worker.spans()), ["receive in", "process in"]);
}

#[test]
fn a_decision_that_is_repeated_after_a_claim_has_the_same_spans() {
    let ids = |spans: Vec<Span>| spans.iter().map(|span| span.id).collect::<Vec<SpanId>>();
    let mut first = Loop::new();
    first.receive(0, "count", Some(TRACE));
    first.decide();
    let mut second = Loop::new();
    second.receive(0, "count", Some(TRACE));
    second.decide();
    let before = ids(first.spans());
    assert_eq!(before, ids(second.spans()));
    first.input(Input::Revoked);
    first.spans.reset();
    first.claim();
    first.receive(0, "count", Some(TRACE));
    first.decide();
    assert_eq!(before, ids(first.spans()));
}

#[test]
fn the_decision_of_a_timer_has_spans_in_the_trace_of_its_entity() {
    let fired = || {
        let mut worker = Loop::new();
        worker.receive(0, "alarm", None);
        for _batch in 0..2 {
            worker.decide();
            worker.store();
        }
        worker.spans()
    };
    let spans = fired();
    assert_eq!(names(&spans), ["process timer", "append journal", "send alarms"]);
    let cause = TraceContext::parse(TRACE).unwrap();
    assert!(spans.iter().all(|span| (span.trace, span.parent) == (cause.trace, Some(cause.span))), "{spans:#?}");
    assert_eq!(text(&spans[0], "timer.entity"), Some(&traces::Value::Text("count".into())));
    let ids = |spans: &[Span]| spans.iter().map(|span| span.id).collect::<Vec<SpanId>>();
    assert_eq!(ids(&spans), ids(&fired()), "a repeated decision has the same spans");
}
