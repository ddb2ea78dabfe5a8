//! A partition's worker: a thread that feeds the protocol and performs what it says.

mod tenure;

use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, never, select_biased};

use super::inputs::Inputs;
use super::producer::{ClaimProducer, Report};
use super::shared::{Event, Shared};
use super::side_effects::{Executor, SideEffects};
use crate::view::PartitionStore;
use journal::{Core, Env, Handler, Head, Input, Output, Positions, Snapshot};
use vocabulary::messages::{Message, header};
use vocabulary::time::Timestamp;

/// A worker looks round at least this often.
const ROUND: Duration = Duration::from_millis(250);
/// While it waits for the view to apply what its claim needs, or for what it sent last to arrive, this often.
const SOON: Duration = Duration::from_millis(2);
/// Input messages read ahead, and their bytes.
const READ_AHEAD: usize = 2_000;
const READ_AHEAD_BYTES: usize = 32 << 20;
/// The first pause before claiming again after a failure; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// What lives as long as a claim.
struct Holding<A> {
    producer: ClaimProducer,
    side_effects: SideEffects<A>,
    inputs: Option<(Inputs, Receiver<Message>)>,
    /// What is read, or is going to be.
    topics: Vec<String>,
}

/// Read from the view after a claim.
struct Loaded<E> {
    snapshot: Snapshot<E>,
    topics: Vec<String>,
}

/// The worker of one partition.
pub(super) struct Worker<H: Handler, A> {
    shared: Arc<Shared<H, A>>,
    partition: i32,
    core: Core<H::Entity, H::SideEffect>,
    store: PartitionStore<H::Entity>,
    events: Receiver<Event>,
    holding: Option<Holding<A>>,
    assigned: bool,
    claim_at: Option<Instant>,
    pause: Duration,
    loading: Option<i64>,
    /// To be given to the protocol in the next round.
    loaded: Option<Loaded<H::Entity>>,
    /// Claimed, and what the claim itself decided is not in the view yet.
    opening: bool,
    revoked: Option<(Sender<()>, Instant)>,
    /// When the worker last came round, and when the oldest read-back of this round was read.
    round: Instant,
    read: Option<Instant>,
    out: Vec<Output<H::SideEffect>>,
}

impl<H, A> Worker<H, A>
where
    H: Handler,
    H::SideEffect: Send + Sync,
    A: Executor<SideEffect = H::SideEffect>,
{
    pub(super) fn new(
        shared: Arc<Shared<H, A>>,
        partition: i32,
        store: PartitionStore<H::Entity>,
        events: Receiver<Event>,
    ) -> Self {
        let core = Core::new(partition, shared.config.partitions, shared.config.limits);
        Self {
            shared,
            partition,
            core,
            store,
            events,
            holding: None,
            assigned: false,
            claim_at: None,
            pause: FIRST_PAUSE,
            loading: None,
            loaded: None,
            opening: false,
            revoked: None,
            round: Instant::now(),
            read: None,
            out: Vec::new(),
        }
    }

    /// Runs until the instance ends.
    pub(super) fn run(mut self) {
        let name = format!("worker {}", self.partition);
        let mut beat = Instant::now();
        self.shared.status.beat(&name);
        while self.listen() {
            if beat.elapsed() > ROUND {
                beat = Instant::now();
                self.shared.status.beat(&name);
            }
            self.take_over();
            self.load();
            self.claim_when_due();
            self.decide();
            self.perform();
            self.finish_revocation();
        }
    }

    /// Waits for something to happen and takes in all that has; false when the instance ends.
    fn listen(&mut self) -> bool {
        self.read = None;
        let first = self.wait();
        let stalled = self.round.elapsed() > self.shared.config.session_timeout;
        self.round = Instant::now();
        if stalled && self.holding.is_some() {
            self.core
                .handle(Input::Failed("this process was stalled past the session timeout".to_owned()), &mut self.out);
        }
        self.hear();
        match first {
            Some(Event::Stop) => return false,
            Some(event) => self.take(event),
            None if self.core.queued() == 0 => self.core.handle(Input::Rest, &mut self.out),
            None => {}
        }
        while let Ok(event) = self.events.try_recv() {
            if matches!(event, Event::Stop) {
                return false;
            }
            self.take(event);
        }
        self.take_messages();
        true
    }

    /// Takes in what became of what was sent.
    fn hear(&mut self) {
        let Some(holding) = &self.holding else { return };
        for report in holding.producer.reports() {
            let input = match report {
                Report::Appended => continue,
                Report::Delivered(offset) => Input::Delivered { offset },
                Report::Failed(why) => Input::Failed(why),
            };
            self.core.handle(input, &mut self.out);
        }
    }

    /// The next event, or none after a while or when a message was taken.
    fn wait(&mut self) -> Option<Event> {
        let timeout = self.timeout();
        let nothing = never();
        let room = self.has_room();
        let messages = match &self.holding {
            Some(Holding { inputs: Some((_, messages)), .. }) if room => messages,
            Some(_) | None => &nothing,
        };
        select_biased! {
            recv(self.events) -> event => event.ok().or(Some(Event::Stop)),
            recv(messages) -> message => {
                match message {
                    Ok(message) => self.take_message(message),
                    // The reading thread has ended, and ends the process.
                    Err(_) => self.holding.iter_mut().for_each(|h| h.inputs = None),
                }
                None
            }
            default(timeout) => None,
        }
    }

    fn timeout(&self) -> Duration {
        if self.loading.is_some() || self.loaded.is_some() || self.opening || self.revoked.is_some() {
            return SOON;
        }
        let timer = self.core.next_timer().map(|at| at.since(Timestamp::now()));
        timer.unwrap_or(ROUND).min(ROUND)
    }

    fn has_room(&self) -> bool {
        self.core.queued() < READ_AHEAD && self.core.queued_bytes() < READ_AHEAD_BYTES
    }

    fn take_messages(&mut self) {
        while self.has_room() {
            let Some(Holding { inputs: Some((_, messages)), .. }) = &self.holding else { return };
            let Ok(message) = messages.try_recv() else { return };
            self.take_message(message);
        }
    }

    fn take_message(&mut self, message: Message) {
        let (kind, subject) = (message.kind(), message.header(header::SUBJECT));
        tracing::info!(
            order_id = subject,
            saga_id = message.header(header::SAGA_ID),
            message = kind,
            topic = &*message.topic,
            offset = message.offset,
            "deciding"
        );
        self.core.handle(Input::Message(message), &mut self.out);
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Assigned => {
                // Taken away and given back while this thread was busy: what was before is over.
                if self.revoked.is_some() {
                    self.release();
                }
                self.assigned = true;
                self.claim_at = Some(Instant::now());
            }
            Event::Revoked { at_once, done } => self.revoke(at_once, done),
            Event::ReadBack { offset, head, at } => {
                // What is read back before the take-over is not acted on, however old it is.
                if self.core.is_owner() {
                    self.read.get_or_insert(at);
                }
                self.core.handle(Input::ReadBack { offset, head }, &mut self.out);
                if matches!(head, Head::Entry { .. }) && self.core.is_owner() {
                    // It gets on: the next failure is another one.
                    self.pause = FIRST_PAUSE;
                }
            }
            Event::Stop => {}
        }
    }

    fn decide(&mut self) {
        let env = Env {
            handler: &self.shared.handler,
            store: &self.store,
            now: Timestamp::now(),
            view_applied: self.shared.status.applied.next(self.partition),
        };
        self.core.pump(&env, &mut self.out);
        self.open();
    }

    /// Performs what the protocol says, in order. Each loop is one set of outputs; failing adds a further one.
    fn perform(&mut self) {
        while !self.out.is_empty() {
            let outputs = std::mem::take(&mut self.out);
            let mut skip = self.read.is_some_and(|at| at.elapsed() > self.shared.config.session_timeout);
            if skip && self.holding.is_some() {
                self.read = None;
                self.core.handle(Input::Failed("what was read back is too old to act on".to_owned()), &mut self.out);
            }
            for output in outputs {
                if let Err(why) = self.perform_one(output, skip) {
                    // Stepping down follows, if it is not among them; what else is left belongs to the claim given up.
                    self.core.handle(Input::Failed(why), &mut self.out);
                    skip = true;
                }
            }
        }
        if let (Some(positions), true) = (self.core.positions(), self.core.queued() == 0) {
            self.publish(positions);
        }
    }

    fn perform_one(&mut self, output: Output<H::SideEffect>, skip: bool) -> Result<(), String> {
        match (output, &mut self.holding) {
            (Output::StepDown(why), _) => self.step_down(&why),
            (Output::Load { claim }, _) => self.loading = Some(claim),
            (Output::Drained, _) if self.revoked.is_some() => self.release(),
            (Output::Drained, _) => {}
            (Output::Claimed(positions), Some(_)) => return self.claimed(&positions),
            (_, Some(_)) if skip => {}
            (Output::Append(record), Some(holding)) => return holding.producer.append(&record),
            (Output::Send { offset, messages }, Some(holding)) => {
                for message in &*messages {
                    holding.producer.say(offset, message)?;
                }
            }
            (Output::Execute(intent), Some(holding)) => holding.side_effects.start(intent),
            (Output::Abandon(id), Some(holding)) => holding.side_effects.forget(&id),
            (
                Output::Append(_) | Output::Claimed(_) | Output::Send { .. } | Output::Execute(_) | Output::Abandon(_),
                None,
            ) => {}
        }
        Ok(())
    }

    fn publish(&self, positions: &Positions) {
        let mut all = self.shared.positions.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        for (topic, next) in positions {
            all.insert((topic.clone(), self.partition), *next);
        }
    }
}
