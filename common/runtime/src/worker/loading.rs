//! Reading a partition's state after a claim: from the view, and the ends of its inputs from Kafka.

use journal::{Failure, Handler, Positions, Snapshot};

use super::inputs;
use super::positions::{self, Continued};
use super::shared::Shared;
use super::sources::{self, Source};
use crate::view::PartitionStore;

/// A partition's state after a claim.
pub(super) struct Loaded<E> {
    pub(super) snapshot: Snapshot<E>,
    /// The partitions of the inputs to read.
    pub(super) sources: Vec<Source>,
    /// Positions behind offsets that hold no message.
    pub(super) skipped: Positions,
}

/// Reads the state. The view must have applied the claim.
pub(super) fn load<H: Handler, A>(
    shared: &Shared<H, A>,
    store: &mut PartitionStore<H::Entity>,
    partition: i32,
) -> Result<Loaded<H::Entity>, Failure> {
    let kafka = |error: anyhow::Error| Failure::Load(format!("{error:#}"));
    let workers = shared.config.partitions;
    let of_topic = |topic: &String| {
        let count = shared.counts.get(topic).copied().unwrap_or(workers);
        sources::of_topic(topic, count, partition, workers)
    };
    let mut sources: Vec<Source> = shared.inputs.iter().flat_map(of_topic).collect();
    let mut more = shared.handler.more_inputs(store)?;
    more.retain(|topic| !shared.inputs.contains(topic));
    let existing = inputs::existing(&shared.config, more, partition, inputs::PROPAGATION).map_err(kafka)?;
    sources.extend(existing.sources);
    shared.further.set(partition, existing.counts);
    let mut snapshot = store.snapshot()?;
    let read = Continued { positions: snapshot.positions.clone(), last: snapshot.last.clone() };
    positions::verify(&shared.config, &sources, &read)?;
    let found = inputs::ends(&shared.config, &sources, &snapshot.positions).map_err(kafka)?;
    snapshot.ends = found.ends;
    Ok(Loaded { snapshot, sources, skipped: found.skipped })
}
