//! The resources of one claim. They are dropped with it, so that nothing of one owner reaches the next.

use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, bounded};
use journal::{Failure, Handler, Input, LastMessages, Positions};

use super::event::Event;
use super::inputs::Inputs;
use super::positions::Continued;
use super::producer::ClaimProducer;
use super::shared::Shared;
use super::side_effects::{Executor, SideEffects};
use super::sources::Source;

/// Inputs between the reading thread and the worker.
const HANDED_OVER: usize = 128;

/// The inputs of a claim: the reading thread, and the messages it hands over.
pub(super) struct ClaimInputs<E> {
    _reader: Inputs,
    pub(super) messages: Receiver<Input<E>>,
}

/// What lives as long as a claim.
pub(super) struct ClaimResources<A, E> {
    pub(super) producer: ClaimProducer,
    pub(super) side_effects: SideEffects<A>,
    pub(super) inputs: Option<ClaimInputs<E>>,
    /// The partitions of the inputs to read.
    pub(super) sources: Vec<Source>,
    /// The last message of each, as it was loaded.
    pub(super) last: LastMessages,
}

impl<A: Executor<SideEffect: Send + Sync + 'static>, E: Send + 'static> ClaimResources<A, E> {
    /// Creates the producer; the inputs follow once the snapshot is loaded.
    pub(super) fn new<H>(shared: &Shared<H, A>, partition: i32, worker: Sender<Event>) -> anyhow::Result<Self> {
        let producer = ClaimProducer::new(&shared.config, shared.journal, shared.name, partition, worker)?;
        let executor = Arc::clone(&shared.executor);
        let permits = Arc::clone(&shared.permits);
        let side_effects = SideEffects::new(executor, shared.commands.clone(), shared.tokio.clone(), permits);
        Ok(Self { producer, side_effects, inputs: None, sources: Vec::new(), last: LastMessages::new() })
    }

    /// Starts to read the inputs from these positions.
    pub(super) fn start_inputs<H: Handler>(
        &mut self,
        shared: &Shared<H, A>,
        partition: i32,
        positions: &Positions,
    ) -> Result<(), Failure> {
        let (to, messages) = bounded(HANDED_OVER);
        let from = Continued { positions: positions.clone(), last: self.last.clone() };
        let reader = Inputs::start(&shared.config, &self.sources, partition, from, to, &shared.status);
        let reader = reader.map_err(|error| Failure::Load(format!("the inputs can't be read: {error:#}")))?;
        self.inputs = Some(ClaimInputs { _reader: reader, messages });
        Ok(())
    }
}
