//! What a worker receives in a round: events, delivery reports and input messages.

use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, never, select_biased};
use journal::{Failure, Handler, Head, Input};
use vocabulary::messages::{Message, header, trace_id};
use vocabulary::time::Timestamp;

use super::{ROUND, Worker};
use crate::view::Tailed;
use crate::worker::claim::ClaimInputs;
use crate::worker::event::{DirectMessage, Event};
use crate::worker::producer::{AppendedRecord, Report};
use crate::worker::side_effects::Executor;
use crate::worker::threads::DRAIN;

/// The longest wait while the view must apply the claim, or the last messages are in flight.
const SOON: Duration = Duration::from_millis(2);
/// The longest wait while nothing is decided until messages are delivered.
const BLOCKED: Duration = Duration::from_millis(20);
/// Input messages read ahead, and their bytes.
const READ_AHEAD: usize = 2_000;
const READ_AHEAD_BYTES: usize = 32 << 20;

impl<H, A> Worker<H, A>
where
    H: Handler,
    H::SideEffect: Send + Sync,
    A: Executor<SideEffect = H::SideEffect>,
{
    /// Waits for an event and takes all that are there; returns false when the instance ends.
    pub(super) fn receive(&mut self) -> bool {
        self.oldest_read_back = None;
        let mut direct = Vec::new();
        let first = self.wait();
        let stalled = self.round.elapsed() > self.shared.config.session_timeout;
        self.round = Instant::now();
        if stalled && self.claim.is_some() {
            self.input(Input::Failed(Failure::Stalled));
        }
        self.drain_reports();
        match first {
            Some(Event::Stop) => return false,
            Some(event) => self.take(event, &mut direct),
            None if self.core.queued() == 0 => self.input(Input::Idle),
            None => {}
        }
        while let Ok(event) = self.channel.events.try_recv() {
            if matches!(event, Event::Stop) {
                return false;
            }
            self.take(event, &mut direct);
        }
        let is_reading = self.shared.status.is_reading();
        if self.read_back.is_overdue(self.core.awaited(), is_reading, self.round) {
            self.input(Input::Failed(Failure::NotReadBack));
        }
        self.take_messages();
        direct.into_iter().for_each(|message| self.take_direct(message));
        true
    }

    /// Takes the delivery reports of the claim's producer.
    fn drain_reports(&mut self) {
        let Some(claim) = &self.claim else { return };
        for report in claim.producer.reports() {
            let input = match report {
                Report::Delivered(offset) => {
                    self.deliveries.delivered(offset);
                    Input::Delivered { offset }
                }
                Report::Failed(failure) => Input::Failed(failure),
                Report::Leaders { what, led } if self.deliveries.answered(what, led) => {
                    let why = "what was sent is not acknowledged, although all its partitions have leaders: the \
                               producer is replaced";
                    Input::Failed(Failure::Send(why.to_owned()))
                }
                Report::Leaders { .. } => continue,
            };
            self.core.handle(input, &mut self.out);
        }
    }

    /// Asks the brokers for the leaders if something is not acknowledged for longer than usual.
    pub(super) fn check_deliveries(&mut self) {
        let Some(claim) = &self.claim else { return };
        let Some(what) = self.deliveries.overdue(Instant::now()) else { return };
        let config = &self.shared.config;
        let journal = (self.shared.journal, self.partition);
        claim.producer.ask_for_leaders(config, what, self.deliveries.partitions_of(what, journal, config.partitions));
    }

    /// Returns the next event, or `None` after a while or when a message was taken.
    fn wait(&mut self) -> Option<Event> {
        let timeout = self.timeout();
        let nothing = never();
        let has_room = self.has_room();
        let messages = self.messages().filter(|_| has_room).unwrap_or(&nothing);
        select_biased! {
            recv(self.channel.events) -> event => event.ok().or(Some(Event::Stop)),
            recv(messages) -> message => {
                match message {
                    Ok(message) => self.take_received(message),
                    // The reading thread has ended, and ends the process.
                    Err(_) => self.claim.iter_mut().for_each(|claim| claim.inputs = None),
                }
                None
            }
            default(timeout) => None,
        }
    }

    fn timeout(&self) -> Duration {
        if self.lifecycle.is_waiting() || self.loaded.is_some() {
            return SOON;
        }
        if self.core.is_blocked() {
            return BLOCKED;
        }
        let timer = self.core.next_timer().map(|at| at.since(Timestamp::now()));
        timer.unwrap_or(ROUND).min(ROUND)
    }

    fn messages(&self) -> Option<&Receiver<Input<H::Entity>>> {
        let ClaimInputs { messages, .. } = self.claim.as_ref()?.inputs.as_ref()?;
        Some(messages)
    }

    fn has_room(&self) -> bool {
        self.core.queued() < READ_AHEAD && self.core.queued_bytes() < READ_AHEAD_BYTES
    }

    fn take_messages(&mut self) {
        while self.has_room() {
            let Some(Ok(message)) = self.messages().map(Receiver::try_recv) else { return };
            self.take_received(message);
        }
    }

    fn take_received(&mut self, input: Input<H::Entity>) {
        if let Input::Message(message) = &input {
            log(message, Some(message.offset));
        }
        self.queue(input);
    }

    /// Gives a message to the protocol, which may not queue it.
    fn queue(&mut self, input: Input<H::Entity>) {
        if !self.spans.are_on() {
            return self.input(input);
        }
        let traced = self.spans.of_input(&input);
        let before = self.core.queued();
        self.input(input);
        if self.core.queued() > before {
            self.spans.queued(traced);
        }
    }

    /// Takes a message that comes from no topic. It is declined while messages of topics wait, which came before it,
    /// and while nothing can be appended: its topic keeps it longer than its sender waits.
    fn take_direct(&mut self, direct: DirectMessage) {
        let is_behind = self.messages().is_some_and(|messages| !messages.is_empty()) || !self.has_room();
        let is_stuck = self.core.is_blocked() || self.read_back.waits_for_long(self.round);
        if is_behind || is_stuck {
            return;
        }
        let DirectMessage { message, accepted } = direct;
        log(&message, None);
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        self.direct.insert(ticket, accepted);
        self.queue(Input::Direct { message, ticket });
    }

    fn take(&mut self, event: Event, direct: &mut Vec<DirectMessage>) {
        match event {
            Event::Assigned => {
                // Revoked and assigned again while this thread was busy: the old claim is over.
                if self.lifecycle.is_revoking() {
                    self.release();
                }
                self.lifecycle.assign();
            }
            Event::Revoked { at_once, done } => self.revoke(at_once, done),
            Event::ReadBack { offset, head, at } => self.take_record(Input::ReadBack { offset, head }, head, at),
            Event::Stored { offset, head, written, at } => self.take_stored(offset, head, written, at),
            Event::Direct(message) => direct.push(*message),
            Event::Stop => {}
        }
    }

    /// Takes a record of the journal, known by reading it or by its acknowledgement.
    fn take_record(&mut self, input: Input<H::Entity>, head: Head, at: Instant) {
        self.read_back.read();
        if let Some(time) = self.read_back.time_of(head, at) {
            self.shared.status.metrics.read_back(time);
        }
        // Records read back before the take-over cause no action, however old they are.
        if self.core.is_owner() {
            self.oldest_read_back.get_or_insert(at);
        }
        self.spans.stored(head);
        self.input(input);
        if head == Head::Acceptance {
            self.lifecycle.claim_now();
        }
        if matches!(head, Head::Entry { .. }) && self.core.is_owner() {
            self.lifecycle.progressed();
        }
    }

    /// Takes an append that was acknowledged, and gives it to the view: the tailer passes over it. Where other records
    /// may lie before it, or the view is behind, it waits to be read back.
    fn take_stored(&mut self, offset: Option<i64>, head: Head, written: Timestamp, at: Instant) {
        let Some(stored) = self.claim.as_mut().and_then(|claim| claim.producer.acknowledged(head)) else { return };
        self.read_back.acknowledged();
        self.deliveries.acknowledged();
        let applied = &self.shared.status.applied;
        if offset.is_some_and(|offset| self.core.is_contradicted_by(offset, head)) {
            return self.shared.status.fatal(&lost(self.shared.journal, self.partition));
        }
        let Some(offset) = offset.filter(|offset| self.core.is_next(*offset) && applied.has_room()) else {
            return applied.set_gives_all(self.partition, false);
        };
        let AppendedRecord { record, bytes } = stored;
        let tailed = Tailed { partition: self.partition, offset, at: written, bytes, record: Some(record) };
        applied.give(&self.shared.view, tailed);
        self.take_record(Input::Stored { offset, head }, head, at);
    }

    fn revoke(&mut self, at_once: bool, done: Sender<()>) {
        let patience = if at_once || !self.core.is_owner() { Duration::ZERO } else { DRAIN };
        self.lifecycle.revoke(done, patience);
        self.input(Input::Drain);
        if let Some(claim) = &mut self.claim {
            claim.inputs = None;
        }
    }
}

/// The journal has other records than those that were acknowledged and acted on.
fn lost(journal: &str, partition: i32) -> String {
    format!(
        "{journal}, partition {partition}, has lost records that the brokers had acknowledged, so the view may contain \
         what the journal does not. Find out why (unclean leader election, or a power loss with one replica), remove \
         the view's directory, so that it is rebuilt, and start the service again"
    )
}

/// Logs a message to be decided; one that comes from no topic has no offset.
fn log(message: &Message, offset: Option<i64>) {
    tracing::info!(
        order_id = message.header(header::SUBJECT),
        saga_id = message.header(header::SAGA_ID),
        trace_id = message.traceparent().and_then(trace_id),
        message = message.kind(),
        topic = &*message.topic,
        offset,
        direct = offset.is_none().then_some(true),
        "deciding"
    );
}
