//! The orchestrator's JSON API. The pages of the dashboard read the same data, so that a script can read all they show.

mod actions;
mod audit;
mod bulk;
mod cache;
mod cluster;
mod comparison;
mod dead_letters;
mod definitions;
mod deployment;
mod export;
mod flow;
mod guard;
mod history;
mod incidents;
mod known;
mod period;
mod representation;
mod rollout;
mod sagas;
mod search;
mod series;
mod start;
mod state;
mod task_acts;
mod task_form;
mod tasks;
mod webhooks;

use axum::Router;
use axum::http::header;
use axum::middleware::from_fn_with_state;
use axum::response::IntoResponse;
use axum::routing::{delete, get, post, put};
use common::http::docs_of;

pub(crate) use self::bulk::{ActOutcome, BulkAction, BulkOutcome, BulkResult, BulkStatus, bulk_id, makes_sense};
pub(crate) use self::dead_letters::{DeadTopic, Letter};
pub(crate) use self::flow::Flow;
pub(crate) use self::incidents::{Incidents, OpenIncidents};
pub(crate) use self::known::{KnownDefinition, KnownDefinitions};
pub(crate) use self::period::period_of;
pub(crate) use self::rollout::RolloutRequest;
pub(crate) use self::series::{CoarseSeries, Series};
pub use self::state::Api;
pub(crate) use self::state::saga_id;
pub(crate) use self::task_form::{TaskForm, TaskId, task_id, task_label};
pub(crate) use self::webhooks::{Delivery, DeliveryState, NewWebhook, WebhookAct, WebhookSummary};

/// The description of the API, in OpenAPI 3.1.
pub const OPENAPI: &str = include_str!("api/openapi.json");

/// The routes under `/api`.
pub fn router(api: Api) -> Router {
    Router::new()
        .route("/api/openapi.json", get(openapi))
        .route("/api/flow", get(flow::flow))
        .route("/api/flow/history", get(history::history))
        .route("/api/incidents", get(incidents::incidents))
        .route("/api/throughput", get(cluster::throughput))
        .route("/api/dead-letters", get(dead_letters::topics))
        .route("/api/dead-letters/{topic}", get(dead_letters::list))
        .route("/api/dead-letters/{topic}/{partition}/{offset}/put-back", post(dead_letters::put_back))
        .route("/api/sagas", get(sagas::list).post(start::start))
        .route("/api/audit", get(audit::audit))
        .route("/api/search", get(search::search))
        .route("/api/sagas/actions", post(bulk::act))
        .route("/api/bulk-actions/{id}", get(bulk::outcomes))
        .route("/api/sagas/export", get(export::export))
        .route("/api/sagas/{id}", get(sagas::show))
        .route("/api/sagas/{id}/actions", post(actions::act))
        .route("/api/tasks", get(tasks::list))
        .route("/api/tasks/{task}", get(tasks::show))
        .route("/api/tasks/{task}/claim", post(task_acts::claim))
        .route("/api/tasks/{task}/release", post(task_acts::release))
        .route("/api/tasks/{task}/complete", post(task_acts::complete))
        .route("/api/definitions", get(definitions::list).post(deployment::deploy))
        .route("/api/definitions/{name}/{version}", delete(deployment::undeploy))
        .route("/api/definitions/{name}/rollout", put(rollout::set))
        .route("/api/definitions/{name}/compare", get(comparison::compare))
        .route("/api/webhooks", get(webhooks::list).post(webhooks::create))
        .route("/api/webhooks/{id}", get(webhooks::show).patch(webhooks::update).delete(webhooks::delete))
        .route("/api/webhooks/{id}/enable", post(webhooks::enable))
        .route("/api/webhooks/{id}/disable", post(webhooks::disable))
        .route("/api/webhooks/{id}/secret/rotate", post(webhooks::rotate))
        .route("/api/webhooks/{id}/replay", post(webhooks::replay))
        .route("/api/webhooks/{id}/test", post(webhooks::test))
        .route("/api/webhooks/{id}/deliveries", get(webhooks::deliveries))
        .route_layer(from_fn_with_state(api.clone(), guard::guard))
        .with_state(api)
}

/// The description at `/openapi.json` too, and a page to read and try it at `/docs`, as in the other services.
pub fn docs() -> Router {
    docs_of(OPENAPI)
}

async fn openapi() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], OPENAPI)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn every_route_is_described() {
        let described: Value = serde_json::from_str(OPENAPI).unwrap();
        let described = described["paths"].as_object().unwrap();
        let source = include_str!("api.rs");
        let routes: Vec<&str> = source.split(".route(\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        let routes: Vec<&str> = routes.into_iter().filter(|route| route.starts_with("/api")).collect();
        assert!(routes.len() > 10, "{routes:?}");
        for route in &routes {
            assert!(described.contains_key(*route), "{route} is not described");
        }
        assert_eq!(described.len(), routes.len(), "a described route does not exist");
    }
}
