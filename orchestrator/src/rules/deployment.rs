//! Definitions that operators deploy while the orchestrator runs. Every partition has them. Partition 0 decides on each
//! request first and numbers it; the others apply the requests in the order of these numbers, in whatever order they
//! arrive.

use std::sync::Arc;

use common::messages::Unreadable;
use saga::Definition;

use super::context::RuleContext;
use super::versions::Active;
use crate::definitions::{inputs_of, parse};
use crate::entity::{
    DEPLOYED, DefinitionId, DeployedDefinition, Deployment, DeploymentRecord, Deployments, Entity, RequestRecord,
    push_bounded,
};
use crate::messages::{DeployDefinition, UndeployDefinition};

/// The partition that decides on requests.
const FIRST: i32 = 0;

/// Starts new sagas of this partition on a definition. An active definition, a repeated request and one behind a newer
/// request change nothing.
///
/// # Errors
/// [`Unreadable`]: the text is no definition, does not fit the others, or is another text of a stored definition.
pub fn deploy(ctx: &mut RuleContext<'_, '_>, deploy: DeployDefinition, id: &str) -> Result<(), Unreadable> {
    let DeployDefinition { by, why, from, text, revision } = deploy;
    let definition = parse("definition", &text).map(Arc::new).map_err(|problems| malformed(&problems))?;
    let changed = DefinitionId { name: definition.name.clone(), version: definition.version };
    if let Some(conflict) = ctx.versions.conflict(ctx.tx, &definition) {
        return Err(malformed(&[conflict]));
    }
    let mut deployments = deployments(ctx);
    let request = RequestRecord::new(id, ctx.now, &by, &why, from.as_deref());
    let Some(revision) = accepted(ctx, &deployments, &changed, &request.id, revision)? else { return Ok(()) };
    if let Some(known) = deployments.find(&changed).filter(|known| known.is_active).cloned() {
        if ctx.tx.partition() != FIRST {
            deployments.put(DeployedDefinition { revision, ..known });
            ctx.tx.put(DEPLOYED, Entity::Deployed(deployments));
        }
        return Ok(());
    }
    let active = ctx.versions.active(ctx.tx);
    check(ctx, &active, &definition)?;
    if deployments.active() >= Deployments::MOST_ACTIVE {
        let most = Deployments::MOST_ACTIVE;
        return Err(malformed(&[format!("{most} definitions are deployed; undeploy one first")]));
    }
    let RequestRecord { by, why, .. } = &request;
    tracing::info!(definition = changed.name, version = changed.version, by, why, "definition deployed");
    let inputs = active.read.topics().inputs;
    if !inputs_of(&definition).all(|topic| inputs.contains(topic)) {
        ctx.tx.change_inputs();
    }
    let hash = definition.hash().to_owned();
    ctx.versions.deploy(ctx.tx, definition);
    deployments.put(DeployedDefinition { id: changed.clone(), hash, revision, is_active: true });
    put(ctx, deployments, DeploymentRecord { request, definition: changed, action: Deployment::Deploy });
    Ok(())
}

/// Starts no new saga of this partition on a deployed definition; sagas that run on it go on. Its start topic is read
/// on: the events become dead letters.
///
/// # Errors
/// [`Unreadable`] without the number of partition 0 on another one.
pub fn undeploy(ctx: &mut RuleContext<'_, '_>, undeploy: UndeployDefinition, id: &str) -> Result<(), Unreadable> {
    let UndeployDefinition { by, why, from, name, version, revision } = undeploy;
    let changed = DefinitionId { name, version };
    let mut deployments = deployments(ctx);
    let request = RequestRecord::new(id, ctx.now, &by, &why, from.as_deref());
    let Some(revision) = accepted(ctx, &deployments, &changed, &request.id, revision)? else { return Ok(()) };
    let known = deployments.find(&changed);
    if ctx.tx.partition() == FIRST && !known.is_some_and(|known| known.is_active) {
        return Ok(());
    }
    let RequestRecord { by, why, .. } = &request;
    tracing::info!(definition = changed.name, version, by, why, "definition undeployed");
    let hash = known.map(|known| known.hash.clone()).unwrap_or_default();
    deployments.put(DeployedDefinition { id: changed.clone(), hash, revision, is_active: false });
    put(ctx, deployments, DeploymentRecord { request, definition: changed, action: Deployment::Undeploy });
    Ok(())
}

/// The number of a request; `None` if it was applied, or a newer one about the definition was.
fn accepted(
    ctx: &RuleContext<'_, '_>,
    deployments: &Deployments,
    definition: &DefinitionId,
    id: &str,
    revision: Option<u64>,
) -> Result<Option<u64>, Unreadable> {
    if deployments.records.iter().any(|known| known.request.id == id) {
        return Ok(None);
    }
    if ctx.tx.partition() == FIRST {
        return Ok(Some(deployments.revision().saturating_add(1)));
    }
    let Some(revision) = revision else {
        return Err(malformed(&["the number of partition 0 is missing".to_owned()]));
    };
    let is_newer = deployments.find(definition).is_none_or(|known| known.revision < revision);
    Ok(is_newer.then_some(revision))
}

/// Checks that a definition fits the others.
fn check(ctx: &RuleContext<'_, '_>, active: &Active<'_>, definition: &Arc<Definition>) -> Result<(), Unreadable> {
    if active.startable.of(&definition.name, definition.version).is_some() {
        return Ok(());
    }
    if ctx.versions.receives(&definition.start.topic).is_some() {
        let topic = &definition.start.topic;
        return Err(malformed(&[format!("topic {topic:?} is waited on by another definition; write another")]));
    }
    active.startable.fitting("definition", definition).map(drop).map_err(|problems| malformed(&problems))
}

fn deployments(ctx: &mut RuleContext<'_, '_>) -> Deployments {
    match ctx.tx.get(DEPLOYED) {
        Some(Entity::Deployed(deployments)) => deployments.clone(),
        Some(
            Entity::Saga(_)
            | Entity::Early { .. }
            | Entity::Definition(_)
            | Entity::Rollout(_)
            | Entity::Letter(_)
            | Entity::Webhook(_),
        )
        | None => Deployments::default(),
    }
}

fn put(ctx: &mut RuleContext<'_, '_>, mut deployments: Deployments, record: DeploymentRecord) {
    push_bounded(&mut deployments.records, record, Deployments::MOST_RECORDS);
    ctx.tx.put(DEPLOYED, Entity::Deployed(deployments));
}

fn malformed(problems: &[String]) -> Unreadable {
    Unreadable::Malformed(problems.join("; "))
}
