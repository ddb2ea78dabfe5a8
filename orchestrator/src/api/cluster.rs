//! `GET /api/throughput`: sagas by the minute, this instance, and the consumer groups with their lag.

use axum::extract::State;
use axum::response::Json;
use common::http::{Params, Problem};
use common::worker::{Group, Member};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::state::Api;
use crate::error::ApiError;
use crate::stats::Window;

/// `?window=1h`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ThroughputQuery {
    #[serde(default)]
    window: Window,
}

/// `GET /api/throughput`
pub(super) async fn throughput(
    State(api): State<Api>,
    Params(query): Params<ThroughputQuery>,
) -> Result<Json<Value>, ApiError> {
    let series = api.series(query.window).await?;
    let groups = api.groups().await?;
    let partitions = api.context.status.partitions();
    let this_instance = partitions.iter().map(|(partition, state)| (partition.to_string(), (*state).into()));
    Ok(Json(json!({
        "window": query.window,
        "from": saga::Timestamp(series.time(0)).to_string(),
        "perMinute": { "started": series.started, "ended": series.endings },
        "viewLagMs": api.lag(),
        "thisInstance": this_instance.collect::<Map<_, Value>>(),
        "messagesSetAside": api.context.status.messages_set_aside(),
        "groups": groups.iter().map(group).collect::<Vec<_>>(),
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
        "lag": group.lag.values().sum::<i64>(),
        "lagByTopic": group.lag,
        "members": members.collect::<Vec<_>>(),
    })
}

impl Api {
    /// The consumer groups of this service and of `dashboard.groups`.
    pub(crate) async fn groups(&self) -> Result<Vec<Group>, ApiError> {
        let others = &self.context.settings.dashboard.groups;
        Ok(self.context.watch.groups(others).await.map_err(Problem::from)?)
    }
}
