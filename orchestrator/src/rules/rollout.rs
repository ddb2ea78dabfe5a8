//! Rollouts: the version of its definition on which a new saga starts.

use std::sync::Arc;

use common::journal::Transaction;
use common::messages::Unreadable;
use saga::Definition;
use uuid::Uuid;

use super::context::RuleContext;
use crate::entity::{Entity, RequestRecord, RolloutRecord, StoredRollout, push_bounded, rollout_key};
use crate::messages::SetRollout;

/// The version on which a new saga starts; `versions` has the newest first. `None` if it is empty.
pub fn choose(tx: &mut Transaction<'_, Entity>, versions: &[Arc<Definition>], id: Uuid) -> Option<Arc<Definition>> {
    let newest = versions.first()?;
    if versions.len() == 1 {
        return Some(Arc::clone(newest));
    }
    let Some(Entity::Rollout(StoredRollout { rollout, .. })) = tx.get(&rollout_key(&newest.name)) else {
        return Some(Arc::clone(newest));
    };
    version_for(versions, rollout.version, rollout.percent, id)
}

/// The version on which the saga with this id starts, while `percent` of the sagas start on `version`. Of `versions`,
/// the newest is first. `None` if it is empty.
pub fn version_for(versions: &[Arc<Definition>], version: u32, percent: u8, id: Uuid) -> Option<Arc<Definition>> {
    let newest = versions.first()?;
    let Some(rolled) = versions.iter().find(|definition| definition.version == version) else {
        return Some(Arc::clone(newest));
    };
    let other = versions.iter().find(|definition| definition.version != version).unwrap_or(rolled);
    Some(Arc::clone(if hundredth(id) < percent { rolled } else { other }))
}

/// The hundredth an id falls in: of its `UUIDv5`, so that any kind of id is spread evenly.
fn hundredth(id: Uuid) -> u8 {
    let hash = Uuid::new_v5(&Uuid::NAMESPACE_OID, id.as_bytes()).as_u64_pair().1;
    u8::try_from(hash % 100).unwrap_or(0)
}

/// Sets a rollout on this partition, of a definition on which new sagas start. A repetition of one of the last
/// requests, by its id, changes nothing.
///
/// # Errors
/// [`Unreadable`] on an unknown version, or a share above 100 percent.
pub fn set(ctx: &mut RuleContext<'_, '_>, set: SetRollout, id: &str) -> Result<(), Unreadable> {
    let SetRollout { by, why, from, rollout } = set;
    let name = rollout.definition.clone();
    let version = rollout.version;
    let percent = rollout.percent;
    if percent > 100 {
        return Err(Unreadable::Malformed(format!("percent is {percent}: it must be from 0 to 100")));
    }
    if ctx.versions.active(ctx.tx).startable.of(&name, version).is_none() {
        return Err(Unreadable::Malformed(format!("there is no definition {name} version {version}")));
    }
    let key = rollout_key(&name);
    let (mut requests, mut records) = match ctx.tx.get(&key) {
        Some(Entity::Rollout(known)) => (known.requests.clone(), known.records.clone()),
        Some(
            Entity::Saga(_)
            | Entity::Early { .. }
            | Entity::Definition(_)
            | Entity::Letter(_)
            | Entity::Deployed(_)
            | Entity::Webhook(_),
        )
        | None => (Vec::new(), Vec::new()),
    };
    let request = RequestRecord::new(id, ctx.now, &by, &why, from.as_deref());
    if requests.contains(&request.id) {
        return Ok(());
    }
    tracing::info!(definition = name, version, percent, by = request.by, why = request.why, "rollout set");
    push_bounded(&mut requests, request.id.clone(), StoredRollout::MOST_REQUESTS);
    push_bounded(&mut records, RolloutRecord { request, version, percent }, StoredRollout::MOST_REQUESTS);
    ctx.tx.put(key, Entity::Rollout(StoredRollout { rollout, requests, records }));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenth_of_the_ids_is_a_tenth() {
        let below = |percent: u8| (0..20_000_u128).filter(|n| hundredth(Uuid::from_u128(*n)) < percent).count();
        assert!((1_800..2_200).contains(&below(10)), "{}", below(10));
        assert_eq!((below(0), below(100)), (0, 20_000));
    }
}
