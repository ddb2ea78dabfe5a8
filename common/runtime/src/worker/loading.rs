//! Reading a partition's state after a claim: from the view, and the ends of its inputs from Kafka.

use journal::{Failure, Handler, Snapshot};

use super::inputs;
use super::shared::Shared;
use crate::view::PartitionStore;

/// A partition's state after a claim.
pub(super) struct Loaded<E> {
    pub(super) snapshot: Snapshot<E>,
    /// The topics to read.
    pub(super) topics: Vec<String>,
}

/// Reads the state. The view must have applied the claim.
pub(super) fn load<H: Handler, A>(
    shared: &Shared<H, A>,
    store: &mut PartitionStore<H::Entity>,
    partition: i32,
) -> Result<Loaded<H::Entity>, Failure> {
    let kafka = |error: anyhow::Error| Failure::Load(format!("{error:#}"));
    let mut topics = shared.inputs.clone();
    let mut more = shared.handler.more_inputs(store)?;
    more.retain(|topic| !topics.contains(topic));
    topics.extend(inputs::existing(&shared.config, more, partition).map_err(kafka)?);
    let mut snapshot = store.snapshot()?;
    snapshot.ends = inputs::ends(&shared.config, &topics, partition, &snapshot.positions).map_err(kafka)?;
    Ok(Loaded { snapshot, topics })
}
