//! A partition's worker: a thread that feeds the protocol and performs what it says.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::ensure;
use crossbeam_channel::{Receiver, Sender, bounded, never, select_biased};
use uuid::Uuid;

use super::acts::{Actor, Acts};
use super::inputs::{self, Inputs};
use super::member::DRAIN;
use super::producer::{ClaimProducer, Report};
use super::shared::{Event, Shared};
use super::status::Place;
use crate::journal::core::StepDown;
use crate::journal::{Core, Env, Handler, Head, Input, Output, Positions};
use crate::messages::{Message, header};
use crate::time::Timestamp;
use crate::view::PartitionStore;

/// A worker looks round at least this often.
const ROUND: Duration = Duration::from_millis(250);
/// While it waits for the view to apply its claim, or for what it sent last to arrive, this often.
const SOON: Duration = Duration::from_millis(2);
/// Input messages read ahead, and their bytes.
const READ_AHEAD: usize = 2_000;
const READ_AHEAD_BYTES: usize = 32 << 20;
/// Further ones on their way from the reading thread.
const HANDED_ON: usize = 128;
/// The first pause before claiming again after a failure; it doubles up to the last.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LAST_PAUSE: Duration = Duration::from_secs(30);

/// What lives as long as a claim.
struct Holding<A> {
    producer: ClaimProducer,
    acts: Acts<A>,
    inputs: Option<(Inputs, Receiver<Message>)>,
}

/// The worker of one partition.
pub(super) struct Worker<H: Handler, A> {
    shared: Arc<Shared<H, A>>,
    partition: i32,
    core: Core<H::Entity, H::Act>,
    store: PartitionStore<H::Entity>,
    events: Receiver<Event>,
    holding: Option<Holding<A>>,
    assigned: bool,
    claim_at: Option<Instant>,
    pause: Duration,
    loading: Option<i64>,
    revoked: Option<(Sender<()>, Instant)>,
    /// When the worker last came round, and when the oldest read-back of this round was read.
    round: Instant,
    read: Option<Instant>,
    out: Vec<Output<H::Act>>,
}

impl<H, A> Worker<H, A>
where
    H: Handler,
    H::Act: Send + Sync,
    A: Actor<Act = H::Act>,
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
        if self.loading.is_some() || self.revoked.is_some() {
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
                self.read.get_or_insert(at);
                self.core.handle(Input::ReadBack { offset, head }, &mut self.out);
                if matches!(head, Head::Entry { .. }) && self.core.is_owner() {
                    // It gets on: the next failure is another one.
                    self.pause = FIRST_PAUSE;
                }
            }
            Event::Stop => {}
        }
    }

    fn revoke(&mut self, at_once: bool, done: Sender<()>) {
        self.assigned = false;
        self.claim_at = None;
        let patience = if at_once || !self.core.is_owner() { Duration::ZERO } else { DRAIN };
        self.revoked = Some((done, Instant::now() + patience));
        self.core.handle(Input::Drain, &mut self.out);
        if let Some(holding) = &mut self.holding {
            holding.inputs = None;
        }
    }

    fn finish_revocation(&mut self) {
        let over = |until: &Instant| !self.core.is_owner() || Instant::now() >= *until;
        if self.revoked.as_ref().is_some_and(|(_, until)| over(until)) {
            self.release();
        }
    }

    /// Drops all that belongs to the claim, here and in the protocol.
    fn release(&mut self) {
        self.core.handle(Input::Revoked, &mut self.out);
        self.holding = None;
        self.loading = None;
        if let Some((done, _)) = self.revoked.take() {
            self.shared.status.place(self.partition, Place::Elsewhere);
            // The membership may have stopped waiting.
            let _ = done.send(());
        }
    }

    fn claim_when_due(&mut self) {
        // What is left to be performed belongs to the claim before.
        let due = self.out.is_empty() && self.claim_at.is_some_and(|at| Instant::now() >= at);
        if !due || !self.assigned || !self.core.is_idle() {
            return;
        }
        self.claim_at = None;
        let shared = &self.shared;
        let names = (shared.journal, shared.name);
        match ClaimProducer::new(&shared.config, names, self.partition) {
            Ok(producer) => {
                let acts = Acts::new(shared.actor.clone(), shared.commands.clone(), shared.tokio.clone());
                self.holding = Some(Holding { producer, acts, inputs: None });
                shared.status.place(self.partition, Place::Claiming);
                let (nonce, instance) = (Uuid::new_v4(), shared.instance.clone());
                self.core.handle(Input::Assigned { nonce, instance }, &mut self.out);
            }
            Err(error) => shared.status.fatal(&format!("no producer could be made: {error:#}")),
        }
    }

    /// Gives the protocol its snapshot once the view has applied the claim.
    fn load(&mut self) {
        let Some(claim) = self.loading else { return };
        if self.shared.status.applied.next(self.partition) <= claim {
            return;
        }
        let begun = Instant::now();
        let snapshot = self.store.snapshot().and_then(|mut snapshot| {
            let shared = &self.shared;
            snapshot.ends = inputs::ends(&shared.config, shared.inputs, self.partition, &snapshot.positions)?;
            // Nothing was heard meanwhile, not even of another's claim.
            ensure!(begun.elapsed() < shared.config.session_timeout, "it took longer than the session timeout");
            Ok(snapshot)
        });
        self.loading = None;
        match snapshot {
            Ok(snapshot) => self.core.handle(Input::Loaded(snapshot), &mut self.out),
            Err(error) => {
                self.core.handle(Input::Failed(format!("the partition can't be loaded: {error:#}")), &mut self.out)
            }
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

    fn perform_one(&mut self, output: Output<H::Act>, skip: bool) -> Result<(), String> {
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
            (Output::Act(intent), Some(holding)) => holding.acts.start(intent),
            (Output::Forget(id), Some(holding)) => holding.acts.forget(&id),
            (
                Output::Append(_) | Output::Claimed(_) | Output::Send { .. } | Output::Act(_) | Output::Forget(_),
                None,
            ) => {}
        }
        Ok(())
    }

    fn claimed(&mut self, positions: &Positions) -> Result<(), String> {
        let shared = &self.shared;
        let (to, messages) = bounded(HANDED_ON);
        let inputs =
            Inputs::start(&shared.config, shared.inputs, (self.partition, positions), to, shared.status.clone());
        let inputs = inputs.map_err(|error| format!("the inputs can't be read: {error:#}"))?;
        if let Some(holding) = &mut self.holding {
            holding.inputs = Some((inputs, messages));
        }
        tracing::info!(partition = self.partition, "claimed");
        shared.status.place(self.partition, Place::Owned);
        Ok(())
    }

    /// After a foreign claim whoever made it has the session timeout to show that it lives; after a failure here it is
    /// tried again sooner. Each time a little later, and not all at the same time.
    fn step_down(&mut self, why: &StepDown) {
        let (told, least) = match why {
            StepDown::ForeignClaim => ("another instance claimed the partition", self.shared.config.session_timeout),
            StepDown::Failed(reason) => (reason.as_str(), Duration::ZERO),
        };
        let pause = self.pause.max(least);
        let jitter = pause.mul_f64(f64::from(Uuid::new_v4().as_fields().0) / f64::from(u32::MAX) / 4.0);
        self.pause = (pause * 2).min(LAST_PAUSE.max(least));
        tracing::warn!(partition = self.partition, claim_again_in = ?(pause + jitter), "stepping down: {told}");
        if self.assigned {
            self.shared.status.place(self.partition, Place::SteppedDown(told.to_owned()));
        }
        self.claim_at = self.assigned.then(|| Instant::now() + pause + jitter);
        self.release();
    }

    fn publish(&self, positions: &Positions) {
        let mut all = self.shared.positions.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        for (topic, next) in positions {
            all.insert((topic.clone(), self.partition), *next);
        }
    }
}
