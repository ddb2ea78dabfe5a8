//! `GET /api/throughput`: sagas by the minute, this instance, and the consumer groups with their lag.

use axum::extract::State;
use axum::response::Json;
use common::http::{Params, Problem};
use common::time::Timestamp;
use common::worker::{Group, Member};
use saga::{Call, Definition, Work};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::flow::Flow;
use super::period::period_of;
use super::state::Api;
use crate::causes::{BrokenCircuit, Cause, DeadLetters, GroupState, StepContext, causes};
use crate::error::ApiError;
use crate::stats::Window;

/// `?window=1h`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ThroughputQuery {
    #[serde(default)]
    window: Window,
    from: Option<String>,
    to: Option<String>,
}

/// `GET /api/throughput`
pub(super) async fn throughput(
    State(api): State<Api>,
    Params(query): Params<ThroughputQuery>,
) -> Result<Json<Value>, ApiError> {
    let now = Timestamp::now().0;
    let period = period_of(query.window, query.from.as_deref(), query.to.as_deref(), now)?;
    let series = api.series(period).await?;
    let (groups, circuits) = tokio::join!(api.groups(), api.broken_circuits());
    let groups = groups?;
    let partitions = api.context.status.partitions();
    let this_instance = partitions.iter().map(|(partition, state)| (partition.to_string(), (*state).into()));
    Ok(Json(json!({
        "window": period.window(),
        "from": saga::Timestamp(series.time(0)).to_string(),
        "perMinute": { "started": series.started, "ended": series.endings },
        "viewLagMs": api.lag(),
        "thisInstance": this_instance.collect::<Map<_, Value>>(),
        "messagesSetAside": api.context.status.messages_set_aside(),
        "groups": groups.iter().map(group).collect::<Vec<_>>(),
        "causes": api.causes(&groups, &circuits, &[], None),
    })))
}

fn group(group: &Group) -> Value {
    let members = group.members.iter().map(|member| {
        let Member { client, is_exposed, host, partitions } = member;
        json!({ "instance": client, "host": host, "partitions": partitions, "exposed": is_exposed })
    });
    json!({
        "name": group.name,
        "state": group.state,
        "noProgressSince": group.since.map(|at| at.to_string()),
        "lag": group.lag.values().sum::<i64>(),
        "lagByTopic": group.lag,
        "members": members.collect::<Vec<_>>(),
    })
}

/// The state of the groups, as [`causes`] reads it; those of `dashboard.groups` that do not exist have no instance.
fn group_states(groups: &[Group], expected: &[String]) -> Vec<GroupState> {
    let count = |lag: i64| u64::try_from(lag).unwrap_or(0);
    let known = groups.iter().map(|group| GroupState {
        name: group.name.clone(),
        instances: group.members.len(),
        behind: group.lag.iter().map(|(topic, lag)| (topic.clone(), count(*lag))).collect(),
        since: group.since.map(|at| at.0),
    });
    let missing = expected.iter().filter(|name| groups.iter().all(|group| group.name != **name));
    let missing = missing.map(|name| GroupState { name: name.clone(), ..GroupState::default() });
    known.chain(missing).collect()
}

/// The topics that the messages of a step take. The answer to a callback comes from the participants of the steps
/// before it.
fn topics_of(definition: &Definition, step: &str) -> Vec<String> {
    let of_call = |call: &Call| definition.participants.get(&call.participant).map(|to| to.topic.clone());
    let Some(step) = definition.step(step) else { return of_call(&definition.conclude).into_iter().collect() };
    match &step.work {
        Work::Execute(call) => of_call(call).into_iter().collect(),
        Work::Check(_) => Vec::new(),
        Work::Receive(receive) => {
            let before = step.after.iter().filter_map(|name| match &definition.step(name)?.work {
                Work::Execute(call) => of_call(call),
                Work::Receive(_) | Work::Check(_) => None,
            });
            std::iter::once(receive.topic.clone()).chain(before).collect()
        }
    }
}

impl Api {
    /// The causes in the state of the cluster, for the first step of a flow if one is given.
    pub(crate) fn causes(
        &self,
        groups: &[Group],
        circuits: &[BrokenCircuit],
        dead: &[DeadLetters],
        flow: Option<&Flow>,
    ) -> Vec<Cause> {
        let step = flow.and_then(|flow| {
            let first = flow.ranking.first()?;
            let stats = flow.steps.iter().find(|step| step.step == first.step)?;
            Some(StepContext { topics: topics_of(&flow.definition, &first.step), error: stats.error.clone() })
        });
        let groups = group_states(groups, &self.context.settings.dashboard.groups);
        causes(&groups, circuits, dead, step.as_ref(), Timestamp::now().0)
    }

    /// The consumer groups of this service and of `dashboard.groups`.
    pub(crate) async fn groups(&self) -> Result<Vec<Group>, ApiError> {
        let others = &self.context.settings.dashboard.groups;
        Ok(self.context.watch.groups(others).await.map_err(Problem::from)?)
    }

    /// The circuit breakers of `dashboard.health_urls` that are not closed.
    pub(crate) async fn broken_circuits(&self) -> Vec<BrokenCircuit> {
        self.circuits.broken().await
    }
}
