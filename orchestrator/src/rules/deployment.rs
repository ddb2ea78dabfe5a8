//! Definitions that operators deploy while the orchestrator runs. Every partition has them. Partition 0 decides on each
//! request first and numbers it; the others apply the requests in the order of these numbers, in whatever order
//! they arrive.

use std::sync::Arc;

use common::bounds::{self, ID_BYTES};
use common::messages::Unreadable;
use saga::{Definition, TEXT_LIMIT};

use super::context::RuleContext;
use super::versions::Active;
use crate::entity::{DEPLOYED, DefinitionId, DeployedDefinition, Deployment, DeploymentRecord, Deployments, Entity};
use crate::messages::{DeployDefinition, UndeployDefinition};

/// The partition that decides on requests.
const FIRST: i32 = 0;

/// Starts new sagas of this partition on a definition. An active definition, a repeated request and one behind a newer
/// request change nothing.
///
/// # Errors
/// [`Unreadable`]: the text is no definition, does not fit the others, or is another text of a stored definition.
pub fn deploy(
    ctx: &mut RuleContext<'_, '_>,
    active: &Active<'_>,
    deploy: DeployDefinition,
    id: &str,
) -> Result<(), Unreadable> {
    let DeployDefinition { by, why, from, text, revision } = deploy;
    let texts = |errors: Vec<saga::DefinitionError>| errors.iter().map(ToString::to_string).collect::<Vec<_>>();
    let parsed = Definition::parse("definition", &text).map_err(|errors| malformed(&texts(errors)))?;
    let changed = DefinitionId { name: parsed.name.clone(), version: parsed.version };
    if let Some(conflict) = ctx.versions.conflict(ctx.tx, &parsed) {
        return Err(malformed(&[conflict]));
    }
    let mut deployments = deployments(ctx);
    let Some(revision) = accepted(ctx, &deployments, &changed, id, revision)? else { return Ok(()) };
    if let Some(known) = deployments.find(&changed).filter(|known| known.is_active).cloned() {
        if ctx.tx.partition() != FIRST {
            deployments.put(DeployedDefinition { revision, ..known });
            ctx.tx.put(DEPLOYED, Entity::Deployed(deployments));
        }
        return Ok(());
    }
    let definition = check(ctx, active, parsed, &text)?;
    if deployments.active() >= Deployments::MOST_ACTIVE {
        let most = Deployments::MOST_ACTIVE;
        return Err(malformed(&[format!("{most} definitions are deployed; undeploy one first")]));
    }
    tracing::info!(definition = changed.name, version = changed.version, by, why, "definition deployed");
    if !read_topics(&definition).all(|topic| active.read.topics().inputs.contains(topic)) {
        ctx.tx.change_inputs();
    }
    let hash = definition.hash().to_owned();
    ctx.versions.deploy(ctx.tx, definition);
    deployments.put(DeployedDefinition { id: changed.clone(), hash, revision, is_active: true });
    put(ctx, deployments, revision, Request { id, by, why, from }, changed, Deployment::Deploy);
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
    let Some(revision) = accepted(ctx, &deployments, &changed, id, revision)? else { return Ok(()) };
    let known = deployments.find(&changed);
    if ctx.tx.partition() == FIRST && !known.is_some_and(|known| known.is_active) {
        return Ok(());
    }
    tracing::info!(definition = changed.name, version, by, why, "definition undeployed");
    let hash = known.map(|known| known.hash.clone()).unwrap_or_default();
    deployments.put(DeployedDefinition { id: changed.clone(), hash, revision, is_active: false });
    put(ctx, deployments, revision, Request { id, by, why, from }, changed, Deployment::Undeploy);
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
    let id = bounds::cut(id, ID_BYTES);
    if deployments.records.iter().any(|known| known.id == id) {
        return Ok(None);
    }
    if ctx.tx.partition() == FIRST {
        return Ok(Some(deployments.revision.saturating_add(1)));
    }
    let Some(revision) = revision else {
        return Err(malformed(&["the number of partition 0 is missing".to_owned()]));
    };
    let is_newer = deployments.find(definition).is_none_or(|known| known.revision < revision);
    Ok(is_newer.then_some(revision))
}

/// Checks that a definition fits the others.
fn check(
    ctx: &mut RuleContext<'_, '_>,
    active: &Active<'_>,
    parsed: Definition,
    text: &str,
) -> Result<Arc<Definition>, Unreadable> {
    if active.startable.of(&parsed.name, parsed.version).is_some() {
        return Ok(Arc::new(parsed));
    }
    if ctx.versions.receives(&parsed.start.topic).is_some() {
        let topic = &parsed.start.topic;
        return Err(malformed(&[format!("topic {topic:?} is waited on by another definition; write another")]));
    }
    active.startable.deployed(text).map(|(definition, _)| definition).map_err(|problems| malformed(&problems))
}

fn read_topics(definition: &Definition) -> impl Iterator<Item = &String> {
    std::iter::once(&definition.start.topic).chain(definition.receives().map(|receive| &receive.topic))
}

/// An operator's request.
struct Request<'r> {
    id: &'r str,
    by: String,
    why: String,
    from: Option<String>,
}

fn deployments(ctx: &mut RuleContext<'_, '_>) -> Deployments {
    match ctx.tx.get(DEPLOYED) {
        Some(Entity::Deployed(deployments)) => deployments.clone(),
        Some(
            Entity::Saga(_) | Entity::Early { .. } | Entity::Definition(_) | Entity::Rollout(_) | Entity::Letter(_),
        )
        | None => Deployments::default(),
    }
}

fn put(
    ctx: &mut RuleContext<'_, '_>,
    mut deployments: Deployments,
    revision: u64,
    request: Request<'_>,
    definition: DefinitionId,
    action: Deployment,
) {
    let Request { id, by, why, from } = request;
    let cut = |text: &str| bounds::cut(text, TEXT_LIMIT).into_owned();
    if deployments.records.len() >= Deployments::MOST_RECORDS {
        deployments.records.remove(0);
    }
    deployments.records.push(DeploymentRecord {
        id: bounds::cut(id, ID_BYTES).into_owned(),
        at: ctx.now,
        by: cut(&by),
        why: cut(&why),
        from: from.as_deref().map(cut),
        definition,
        action,
    });
    deployments.revision = deployments.revision.max(revision);
    ctx.tx.put(DEPLOYED, Entity::Deployed(deployments));
}

fn malformed(problems: &[String]) -> Unreadable {
    Unreadable::Malformed(problems.join("; "))
}
