//! How a worker comes by its partition and loses it: claiming, loading, opening, draining, stepping down. Apart from the
//! round of work itself, which only happens in between.

use std::time::{Duration, Instant};

use crossbeam_channel::{Sender, bounded};
use uuid::Uuid;

use super::{Holding, Loaded, Worker};
use crate::worker::inputs::{self, Inputs};
use crate::worker::member::DRAIN;
use crate::worker::producer::ClaimProducer;
use crate::worker::side_effects::{Executor, SideEffects};
use crate::worker::status::Place;
use journal::core::StepDown;
use journal::{Handler, Input, Positions};

/// Input messages on their way from the reading thread.
const HANDED_ON: usize = 128;
/// The longest pause before claiming again after a failure.
const LAST_PAUSE: Duration = Duration::from_secs(30);

impl<H, A> Worker<H, A>
where
    H: Handler,
    H::SideEffect: Send + Sync,
    A: Executor<SideEffect = H::SideEffect>,
{
    pub(super) fn revoke(&mut self, at_once: bool, done: Sender<()>) {
        self.assigned = false;
        self.claim_at = None;
        let patience = if at_once || !self.core.is_owner() { Duration::ZERO } else { DRAIN };
        self.revoked = Some((done, Instant::now() + patience));
        self.core.handle(Input::Drain, &mut self.out);
        if let Some(holding) = &mut self.holding {
            holding.inputs = None;
        }
    }

    pub(super) fn finish_revocation(&mut self) {
        let over = |until: &Instant| !self.core.is_owner() || Instant::now() >= *until;
        if self.revoked.as_ref().is_some_and(|(_, until)| over(until)) {
            self.release();
        }
    }

    /// Drops all that belongs to the claim, here and in the protocol.
    pub(super) fn release(&mut self) {
        self.core.handle(Input::Revoked, &mut self.out);
        self.holding = None;
        self.loading = None;
        self.loaded = None;
        self.opening = false;
        if let Some((done, _)) = self.revoked.take() {
            self.shared.status.place(self.partition, Place::Elsewhere);
            // The membership may have stopped waiting.
            let _ = done.send(());
        }
    }

    pub(super) fn claim_when_due(&mut self) {
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
                let side_effects =
                    SideEffects::new(shared.actor.clone(), shared.commands.clone(), shared.tokio.clone());
                self.holding = Some(Holding { producer, side_effects, inputs: None, topics: Vec::new() });
                shared.status.place(self.partition, Place::Claiming);
                let (nonce, instance) = (Uuid::new_v4(), shared.instance.clone());
                self.core.handle(Input::Assigned { nonce, instance }, &mut self.out);
            }
            Err(error) => shared.status.fatal(&format!("no producer could be made: {error:#}")),
        }
    }

    /// Reads the protocol's snapshot once the view has applied the claim.
    pub(super) fn load(&mut self) {
        let Some(claim) = self.loading else { return };
        if self.shared.status.applied.next(self.partition) <= claim {
            return;
        }
        self.loading = None;
        match self.read_snapshot() {
            Ok(loaded) => self.loaded = Some(loaded),
            Err(error) => {
                self.core.handle(Input::Failed(format!("the partition can't be loaded: {error:#}")), &mut self.out)
            }
        }
        // That may have taken long, and nothing was acted on meanwhile.
        self.round = Instant::now();
    }

    fn read_snapshot(&mut self) -> anyhow::Result<Loaded<H::Entity>> {
        let shared = &self.shared;
        let mut topics = shared.inputs.clone();
        let mut more = shared.handler.more_inputs(&self.store).map_err(anyhow::Error::msg)?;
        more.retain(|topic| !topics.contains(topic));
        topics.extend(inputs::existing(&shared.config, more, self.partition)?);
        let mut snapshot = self.store.snapshot()?;
        snapshot.ends = inputs::ends(&shared.config, &topics, self.partition, &snapshot.positions)?;
        Ok(Loaded { snapshot, topics })
    }

    /// Gives the protocol its snapshot after what was read back while it was loaded: of another's claim it hears first.
    pub(super) fn take_over(&mut self) {
        if let Some(Loaded { snapshot, topics }) = self.loaded.take() {
            if let Some(holding) = &mut self.holding {
                holding.topics = topics;
            }
            self.core.handle(Input::Loaded(snapshot), &mut self.out);
        }
    }

    pub(super) fn claimed(&mut self, positions: &Positions) -> Result<(), String> {
        let (shared, Some(holding)) = (&self.shared, &mut self.holding) else { return Ok(()) };
        let (to, messages) = bounded(HANDED_ON);
        let place = (self.partition, positions);
        let inputs = Inputs::start(&shared.config, &holding.topics, place, to, shared.status.clone());
        let inputs = inputs.map_err(|error| format!("the inputs can't be read: {error:#}"))?;
        holding.inputs = Some((inputs, messages));
        tracing::info!(partition = self.partition, "claimed");
        self.opening = true;
        Ok(())
    }

    /// The partition is open for business once the view shows what the claim itself decided, such as the first stock.
    pub(super) fn open(&mut self) {
        if self.opening && self.core.is_open() {
            self.opening = false;
            self.shared.status.place(self.partition, Place::Owned);
        }
    }

    /// After a foreign claim whoever made it has the session timeout to show that it lives; after a failure here it is
    /// tried again sooner. Each time a little later, and not all at the same time.
    pub(super) fn step_down(&mut self, why: &StepDown) {
        let (told, least) = match why {
            StepDown::ForeignClaim => ("another instance claimed the partition", self.shared.config.session_timeout),
            StepDown::Failed(reason) => (reason.as_str(), Duration::ZERO),
            StepDown::Refused(why) => {
                self.shared.status.fatal(why);
                (why.as_str(), Duration::ZERO)
            }
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
}
