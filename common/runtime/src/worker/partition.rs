//! A partition's worker: a thread that feeds the protocol and executes its outputs.

mod receive;

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use crossbeam_channel::{Receiver, Sender};
use journal::{Core, Env, Failure, Handler, Input, Output, Retry, StepDown, Ticket, split_position_key};
use tokio::sync::oneshot;
use uuid::Uuid;
use vocabulary::retry::Retryable as _;
use vocabulary::time::Timestamp;

use super::claim::ClaimResources;
use super::claim_lifecycle::ClaimLifecycle;
use super::decision_spans::DecisionSpans;
use super::delivery_watch::DeliveryWatch;
use super::event::Event;
use super::loading::{self, Loaded};
use super::read_back::ReadBackWatch;
use super::shared::Shared;
use super::side_effects::Executor;
use super::status::PartitionState;
use crate::view::PartitionStore;

/// The longest wait for an event.
const ROUND: Duration = Duration::from_millis(250);

/// A worker's events. Its producer sends them, too.
pub(super) struct Channel {
    pub(super) to: Sender<Event>,
    pub(super) events: Receiver<Event>,
}

/// The worker of one partition.
pub(super) struct Worker<H: Handler, A> {
    shared: Arc<Shared<H, A>>,
    partition: i32,
    core: Core<H::Entity, H::SideEffect>,
    store: PartitionStore<H::Entity>,
    channel: Channel,
    claim: Option<ClaimResources<A, H::Entity>>,
    lifecycle: ClaimLifecycle,
    read_back: ReadBackWatch,
    deliveries: DeliveryWatch,
    /// Given to the protocol in the next round.
    loaded: Option<Loaded<H::Entity>>,
    /// When the last round began.
    round: Instant,
    /// When the oldest record of this round was read back.
    oldest_read_back: Option<Instant>,
    out: Vec<Output<H::SideEffect>>,
    /// The senders of the direct messages of this claim that are not yet durable.
    direct: HashMap<Ticket, oneshot::Sender<()>>,
    next_ticket: Ticket,
    spans: DecisionSpans,
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
        channel: Channel,
    ) -> Self {
        let core = Core::new(partition, shared.config.partitions, shared.config.limits);
        let tracer = shared.config.tracer.clone();
        let spans = DecisionSpans::new(tracer, shared.name, shared.journal, shared.config.group.clone());
        Self {
            shared,
            partition,
            core,
            store,
            channel,
            claim: None,
            lifecycle: ClaimLifecycle::new(),
            read_back: ReadBackWatch::default(),
            deliveries: DeliveryWatch::new(),
            loaded: None,
            round: Instant::now(),
            oldest_read_back: None,
            out: Vec::new(),
            direct: HashMap::new(),
            next_ticket: 0,
            spans,
        }
    }

    /// Runs until the instance ends.
    pub(super) fn run(mut self) {
        let name = format!("worker {}", self.partition);
        let mut beat = Instant::now();
        self.shared.status.beat(&name);
        while self.receive() {
            if beat.elapsed() > ROUND {
                beat = Instant::now();
                self.shared.status.beat(&name);
                self.publish_positions();
                self.shared.status.metrics.earliest_timers.set(self.partition, self.core.earliest_timer());
                self.check_deliveries();
            }
            let loaded = self.take_over();
            self.load();
            self.claim_when_due();
            self.decide();
            self.execute_outputs();
            if loaded {
                // Tens of thousands of side effects may have been requested: that is no stall.
                self.round = Instant::now();
            }
            if self.lifecycle.must_release(self.core.is_owner()) {
                self.release();
            }
        }
    }

    fn input(&mut self, input: Input<H::Entity>) {
        self.core.handle(input, &mut self.out);
    }

    /// Drops all that belongs to the claim, here and in the protocol.
    fn release(&mut self) {
        self.shared.direct.set_owner(self.partition, false);
        self.shared.status.applied.set_gives_all(self.partition, false);
        self.publish_positions();
        self.input(Input::Revoked);
        // Their senders send them over the topic.
        self.direct.clear();
        self.claim = None;
        self.deliveries.reset();
        self.loaded = None;
        self.spans.reset();
        self.shared.status.metrics.lag.release(self.partition);
        self.shared.further.release(self.partition);
        self.shared.status.metrics.earliest_timers.set(self.partition, None);
        if let Some(done) = self.lifecycle.release() {
            self.set_state(PartitionState::Elsewhere);
            // The membership may no longer wait.
            let _ = done.send(());
        }
    }

    fn claim_when_due(&mut self) {
        // Outputs that are left belong to the claim before.
        if !self.out.is_empty() || !self.lifecycle.is_claim_due() || !self.core.is_idle() {
            return;
        }
        self.lifecycle.claim_begun();
        self.read_back.begin();
        match ClaimResources::new(&self.shared, self.partition, self.channel.to.clone()) {
            Ok(claim) => {
                self.claim = Some(claim);
                self.set_state(PartitionState::Claiming);
                let instance = self.shared.instance.clone();
                self.input(Input::Assigned { nonce: Uuid::new_v4(), instance });
            }
            Err(error) => self.shared.status.fatal(&format!("the producer can't be created: {error:#}")),
        }
    }

    /// Reads the partition's state once the view has applied the claim.
    fn load(&mut self) {
        let applied = self.shared.status.applied.next(self.partition);
        if self.lifecycle.take_loadable(applied).is_none() {
            return;
        }
        match loading::load(&self.shared, &mut self.store, self.partition) {
            Ok(loaded) => self.loaded = Some(loaded),
            Err(failure) => self.input(Input::Failed(failure)),
        }
        // Loading may take long, and nothing else was done meanwhile: it is no stall.
        self.round = Instant::now();
    }

    /// Gives the protocol its snapshot, after the records that were read back while it was loaded: a foreign claim
    /// among them comes first. Returns true if there was one.
    fn take_over(&mut self) -> bool {
        let Some(Loaded { snapshot, sources, skipped }) = self.loaded.take() else { return false };
        if let Some(claim) = &mut self.claim {
            claim.sources = sources;
            claim.last = snapshot.last.clone();
        }
        self.input(Input::Loaded(snapshot));
        for (source, next) in skipped {
            self.input(Input::Skipped { source, next });
        }
        true
    }

    fn decide(&mut self) {
        let env = Env {
            handler: &self.shared.handler,
            store: &self.store,
            now: Timestamp::now(),
            view_applied: self.shared.status.applied.next(self.partition),
        };
        let start = self.spans.are_on().then(SystemTime::now);
        self.core.pump(&env, &mut self.out);
        if let Some(start) = start {
            self.spans.decided_between(start, SystemTime::now());
        }
        let pressure = &self.shared.status.back_pressure;
        pressure.set(self.partition, self.core.undelivered(), self.core.is_blocked());
        // Requests see the claim's own decisions, such as the first stock, from here on.
        if self.lifecycle.open(self.core.is_open()) {
            self.set_state(PartitionState::Owned);
            self.shared.direct.set_owner(self.partition, true);
        }
    }

    /// Executes the protocol's outputs, in order. Each loop is one set of outputs; a failure adds another.
    fn execute_outputs(&mut self) {
        while !self.out.is_empty() {
            let outputs = std::mem::take(&mut self.out);
            let mut skip = self.oldest_read_back.is_some_and(|at| at.elapsed() > self.shared.config.session_timeout);
            if skip && self.claim.is_some() {
                self.oldest_read_back = None;
                self.input(Input::Failed(Failure::Stale));
            }
            for output in outputs {
                if self.spans.are_on() {
                    self.spans.take_output(&output);
                }
                if let Err(failure) = self.execute(output, skip) {
                    // Stepping down follows, if it is not among the outputs; the others belong to the lost claim.
                    self.input(Input::Failed(failure));
                    skip = true;
                }
            }
            self.spans.end_outputs();
        }
    }

    fn execute(&mut self, output: Output<H::SideEffect>, skip: bool) -> Result<(), Failure> {
        match (output, &mut self.claim) {
            (Output::StepDown(reason), _) => self.step_down(reason),
            (Output::Load { claim }, _) => {
                self.read_back.progressed();
                self.lifecycle.load(claim);
            }
            (Output::Accepted(ticket), _) => {
                // The sender may no longer wait.
                let _ = self.direct.remove(&ticket).map(|accepted| accepted.send(()));
            }
            (Output::Declined(ticket), _) => drop(self.direct.remove(&ticket)),
            (Output::Decided { messages, timers, .. }, _) => self.shared.status.metrics.decided(messages, timers),
            (Output::SetAside { topic, offset, reason }, _) => {
                let (topic, partition) = split_position_key(&topic, self.partition);
                tracing::error!(topic, partition, offset, "message not processed: {reason}");
                self.shared.status.set_aside();
            }
            (Output::TimerHeld { key, reason }, _) => {
                tracing::error!(key, partition = self.partition, "timer held until a restart: {reason}");
                self.shared.status.hold_timer();
            }
            (Output::Drained, _) if self.lifecycle.is_revoking() => self.release(),
            (Output::Drained, _) => {}
            (Output::Claimed(positions), Some(claim)) => {
                claim.start_inputs(&self.shared, self.partition, &positions)?;
                self.shared.status.applied.set_gives_all(self.partition, true);
                tracing::info!(partition = self.partition, "claimed");
                self.lifecycle.claimed();
            }
            (_, Some(_)) if skip => {}
            (Output::Append(record), Some(claim)) => {
                claim.producer.append(&record)?;
                self.read_back.appended(&record, Instant::now());
                self.deliveries.appended(Instant::now());
            }
            (Output::Send { offset, messages }, Some(claim)) => {
                self.deliveries.sent(offset, &messages, Instant::now());
                for message in &*messages {
                    claim.producer.send(offset, message)?;
                    self.spans.sent(message);
                }
            }
            (Output::Execute(intent), Some(claim)) => claim.side_effects.start(intent),
            (Output::Abandon(id), Some(claim)) => claim.side_effects.abandon(&id),
            (
                Output::Append(_) | Output::Claimed(_) | Output::Send { .. } | Output::Execute(_) | Output::Abandon(_),
                None,
            ) => {}
        }
        Ok(())
    }

    fn step_down(&mut self, reason: StepDown) {
        let retry = reason.retry();
        if retry == Retry::Never {
            self.shared.status.fatal(&reason.to_string());
        }
        if reason == StepDown::Failed(Failure::NotReadBack) && self.read_back.is_hopeless() {
            let why = "acknowledged records are not read back, claim after claim: the journal's reader is stuck";
            self.shared.status.fatal(why);
        }
        let pause = self.lifecycle.back_off(retry, self.shared.config.session_timeout);
        let partition = self.partition;
        match &reason {
            StepDown::Failed(failure) if !failure.is_retryable() => {
                tracing::error!(partition, claim_again_in = ?pause, "stepping down; the cause persists: {reason}");
            }
            StepDown::InputsChanged => tracing::info!(partition, claim_again_in = ?pause, "{reason}"),
            StepDown::ForeignClaim | StepDown::Failed(_) | StepDown::Refused(_) | StepDown::LossAccepted => {
                tracing::warn!(partition, claim_again_in = ?pause, "stepping down: {reason}");
            }
        }
        if self.lifecycle.is_assigned() {
            self.set_state(PartitionState::SteppedDown(reason));
        }
        self.release();
    }

    fn set_state(&self, state: PartitionState) {
        self.shared.status.set_partition(self.partition, state);
    }

    /// Shows the decided positions to lag tools and metrics.
    fn publish_positions(&self) {
        let Some(positions) = self.core.positions() else { return };
        self.shared.status.metrics.lag.set_positions(self.partition, positions);
        let mut all = self.shared.positions.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, next) in positions {
            let (topic, partition) = split_position_key(key, self.partition);
            all.insert((topic.to_owned(), partition), *next);
        }
    }
}
