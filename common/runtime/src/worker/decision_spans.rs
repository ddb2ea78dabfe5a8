//! The spans of a partition's decisions. Decisions are made in batches: this matches the messages that wait in the
//! protocol's queue, in their order, with the batches that it reports and the records that it appends.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use journal::{Head, Input, Output, TracedTimer};
use traces::{Kind, Span, Tracer};
use vocabulary::messages::{Message, Outgoing, TraceContext, derived_span, header};

/// The sampled trace that a decision belongs to.
#[derive(Debug)]
struct Traced {
    context: TraceContext,
    traceparent: String,
    /// What is decided, by which a repeated decision has the same spans.
    place: String,
}

/// A message of a sampled trace that waits for its decision.
#[derive(Debug)]
pub(super) struct Waiting {
    trace: Traced,
    topic: Arc<str>,
    partition: i32,
    /// `None` if the message came from no topic.
    offset: Option<i64>,
    id: String,
    kind: Option<String>,
    subject: Option<String>,
    sent: SystemTime,
    received: SystemTime,
    /// Its number in the queue since the claim.
    number: u64,
}

/// The traces of a batch whose record is not yet known to be valid.
#[derive(Debug)]
struct AppendedBatch {
    head: Head,
    at: SystemTime,
    decisions: Vec<Traced>,
}

/// The spans of a partition's decisions.
#[derive(Debug)]
pub(super) struct DecisionSpans {
    tracer: Tracer,
    service: &'static str,
    journal: &'static str,
    group: String,
    /// Messages that were queued since the claim.
    queued: u64,
    /// Messages among them that were decided.
    decided: u64,
    waiting: VecDeque<Waiting>,
    /// When the last batches were decided.
    window: (SystemTime, SystemTime),
    /// The batch that was decided last, until its record is appended.
    batch: Vec<Traced>,
    appended: VecDeque<AppendedBatch>,
}

impl DecisionSpans {
    pub(super) fn new(tracer: Tracer, service: &'static str, journal: &'static str, group: String) -> Self {
        Self {
            tracer,
            service,
            journal,
            group,
            queued: 0,
            decided: 0,
            waiting: VecDeque::new(),
            window: (SystemTime::UNIX_EPOCH, SystemTime::UNIX_EPOCH),
            batch: Vec::new(),
            appended: VecDeque::new(),
        }
    }

    pub(super) const fn are_on(&self) -> bool {
        self.tracer.is_on()
    }

    /// What is needed of an input before it is handed to the protocol; `None` if its trace is not sampled.
    pub(super) fn of_input<E>(&self, input: &Input<E>) -> Option<Waiting> {
        let (message, offset) = match input {
            Input::Message(message) => (message, Some(message.offset)),
            Input::Direct { message, .. } => (message, None),
            Input::Assigned { .. }
            | Input::ReadBack { .. }
            | Input::Stored { .. }
            | Input::Loaded(_)
            | Input::Damaged(..)
            | Input::Skipped { .. }
            | Input::Delivered { .. }
            | Input::Failed(_)
            | Input::Idle
            | Input::Drain
            | Input::Revoked => return None,
        };
        let traceparent = message.header(header::TRACEPARENT);
        let context = self.tracer.sampled(traceparent)?;
        let place = format!("{}/{}/{offset:?}", message.topic, message.partition);
        Some(Waiting {
            trace: Traced { context, traceparent: traceparent.unwrap_or_default().to_owned(), place },
            topic: message.topic.clone(),
            partition: message.partition,
            offset,
            id: message.id(),
            kind: message.kind().map(str::to_owned),
            subject: message.header(header::SUBJECT).map(str::to_owned),
            sent: time_of(message),
            received: SystemTime::now(),
            number: 0,
        })
    }

    /// An input was queued, behind all others.
    pub(super) fn queued(&mut self, message: Option<Waiting>) {
        if let Some(message) = message {
            self.waiting.push_back(Waiting { number: self.queued, ..message });
        }
        self.queued += 1;
    }

    /// Batches were decided between two times.
    pub(super) const fn decided_between(&mut self, start: SystemTime, end: SystemTime) {
        self.window = (start, end);
    }

    /// Takes an output before it is executed. A batch's record, if it has one, follows its report.
    pub(super) fn take_output<A>(&mut self, output: &Output<A>) {
        match output {
            Output::Decided { messages, traced, .. } => self.decided(*messages, traced),
            Output::Append(record) if !self.batch.is_empty() => {
                let decisions = std::mem::take(&mut self.batch);
                self.appended.push_back(AppendedBatch { head: record.head(), at: SystemTime::now(), decisions });
            }
            Output::Append(_)
            | Output::Load { .. }
            | Output::Claimed(_)
            | Output::Send { .. }
            | Output::Accepted(_)
            | Output::Declined(_)
            | Output::Execute(_)
            | Output::Abandon(_)
            | Output::SetAside { .. }
            | Output::TimerHeld { .. }
            | Output::Drained
            | Output::StepDown(_) => self.batch.clear(),
        }
    }

    /// The outputs end here: a batch without a record changed nothing.
    pub(super) fn end_outputs(&mut self) {
        self.batch.clear();
    }

    fn decided(&mut self, messages: usize, timers: &[TracedTimer]) {
        self.batch.clear();
        self.decided += messages as u64;
        while let Some(message) = self.waiting.pop_front_if(|next| next.number < self.decided) {
            self.record_decision(&message);
            self.batch.push(message.trace);
        }
        for timer in timers {
            self.batch.extend(self.record_timer(timer));
        }
    }

    /// Records the decision of a timer.
    fn record_timer(&self, timer: &TracedTimer) -> Option<Traced> {
        let TracedTimer { key, due, traceparent } = timer;
        let context = self.tracer.sampled(Some(traceparent))?;
        let trace = Traced { context, traceparent: traceparent.clone(), place: format!("{key}/{}", due.0) };
        let (start, end) = self.window;
        let span = self.span(&trace, "process", "timer", Kind::Internal, start).until(end);
        self.tracer.record(span.with_text("timer.entity", Some(key)).with_text("timer.due", Some(&due.to_string())));
        Some(trace)
    }

    /// Records the way of a message to this worker, and its decision.
    fn record_decision(&self, message: &Waiting) {
        let Waiting { trace, topic, .. } = message;
        let hop = self.span(trace, "receive", topic, Kind::Consumer, message.sent).until(message.received);
        let (start, end) = self.window;
        let decision = self.span(trace, "process", topic, Kind::Consumer, start).until(end);
        for (span, operation) in [(hop, "receive"), (decision, "process")] {
            let span = span
                .with("messaging.system", "kafka")
                .with("messaging.operation.type", operation)
                .with("messaging.operation.name", operation)
                .with_text("messaging.destination.name", Some(&message.topic))
                .with_text("messaging.destination.partition.id", Some(&message.partition.to_string()))
                .with_text("messaging.consumer.group.name", Some(&self.group))
                .with_text("messaging.message.id", Some(&message.id))
                .with_text("cloudevents.event_type", message.kind.as_deref())
                .with_text("cloudevents.event_subject", message.subject.as_deref());
            self.tracer.record(match message.offset {
                Some(offset) => span.with("messaging.kafka.offset", offset),
                None => span,
            });
        }
    }

    /// A record is known to be valid, or another one was read.
    pub(super) fn stored(&mut self, head: Head) {
        let Some(AppendedBatch { at, decisions, .. }) = self.appended.pop_front_if(|next| next.head == head) else {
            return;
        };
        let now = SystemTime::now();
        for trace in decisions {
            let span = self.span(&trace, "append", self.journal, Kind::Producer, at).until(now);
            self.tracer.record(
                span.with("messaging.system", "kafka")
                    .with("messaging.operation.type", "send")
                    .with("messaging.operation.name", "append")
                    .with("messaging.destination.name", self.journal)
                    .with("messaging.batch.message_count", 1),
            );
        }
    }

    /// The claim is over.
    pub(super) fn reset(&mut self) {
        self.queued = 0;
        self.decided = 0;
        self.waiting.clear();
        self.batch.clear();
        self.appended.clear();
    }

    fn span(&self, trace: &Traced, operation: &str, of: &str, kind: Kind, start: SystemTime) -> Span {
        let Traced { context, traceparent, place } = trace;
        let id = derived_span(&[traceparent, self.service, operation, place]);
        Span::below(*context, id, kind, format!("{operation} {of}"), start)
    }

    /// Records that a message is given to the producer.
    pub(super) fn sent(&self, message: &Outgoing) {
        if let Some(span) = span_of_message(&self.tracer, message) {
            self.tracer.record(span);
        }
    }
}

/// When a message was sent, by its timestamp.
fn time_of(message: &Message) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(u64::try_from(message.timestamp.0).unwrap_or(0))
}

/// The span of sending a message: the one that its `traceparent` names. `None` if its trace is not sampled.
pub(super) fn span_of_message(tracer: &Tracer, message: &Outgoing) -> Option<Span> {
    let parent = message.parent_span?;
    let TraceContext { trace, span: id, .. } = tracer.sampled(message.headers.get(header::TRACEPARENT))?;
    let below = TraceContext { trace, span: parent, is_sampled: true };
    let span = Span::below(below, id, Kind::Producer, format!("send {}", message.topic), SystemTime::now());
    let span = span
        .with("messaging.system", "kafka")
        .with("messaging.operation.type", "send")
        .with("messaging.operation.name", "send")
        .with_text("messaging.destination.name", Some(&message.topic))
        .with_text("messaging.message.id", message.headers.get(header::ID))
        .with_text("cloudevents.event_type", message.headers.get(header::TYPE))
        .with_text("cloudevents.event_subject", message.headers.get(header::SUBJECT));
    Some(span)
}

#[cfg(test)]
mod tests;
