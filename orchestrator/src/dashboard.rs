//! The dashboard: pages rendered on the server from the data of the API, and kept current by server-sent events
//! (`live`). The pages load nothing from other sites, and work without their script, though they then do not update.

mod actions;
mod audit;
mod axis;
mod bulk;
mod bulk_outcome;
mod chart;
mod cluster;
mod columns;
mod components;
mod context;
mod cookies;
mod dead_letters;
mod definition_diff;
mod definitions;
mod diagram;
mod flow;
mod forms;
mod incidents;
mod layout;
mod live;
mod login;
mod marks;
mod next_page;
mod over_time;
mod page;
mod period;
mod preferences;
mod query;
mod render;
mod saga_page;
mod saga_table;
mod sagas;
mod search;
mod single_sign_on;
mod task_acts;
mod task_form;
mod task_page;
mod tasks;
mod throughput;
mod timeline;
mod version_comparison;
mod webhook_forms;
mod webhooks;
mod window;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};

use self::context::Pages;
use self::page::Page;
use crate::api::Api;
use crate::oidc::Provider;

/// The routes of the pages and their login.
pub fn router(api: Api) -> Router {
    let oidc = &api.context.settings.dashboard.oidc;
    let provider = oidc.is_on().then(|| Provider::new(oidc));
    let provider = provider.and_then(|made| {
        made.inspect_err(|error| tracing::error!("dashboard.oidc: no HTTP client can be made: {error}")).ok()
    });
    let pages = Pages { api, cluster: Arc::default(), provider: provider.map(Arc::new) };
    Router::new()
        .route("/", get(show))
        .route("/sagas", get(show))
        .route("/sagas/columns", post(preferences::columns))
        .route("/sagas/{id}", get(show))
        .route("/sagas/{id}/act", post(actions::on_saga))
        .route("/audit", get(show))
        .route("/search", get(search::show))
        .route("/bulk", get(show).post(bulk::act))
        .route("/bulk/{id}", get(show))
        .route("/incidents", get(show))
        .route("/tasks", get(show))
        .route("/tasks/{task}", get(show))
        .route("/tasks/{task}/act", post(task_acts::act))
        .route("/throughput", get(show))
        .route("/dead-letters/{topic}", get(show))
        .route("/dead-letters/{topic}/put-back", post(actions::put_back))
        .route("/definitions", get(show))
        .route("/definitions/{name}/diff", get(show))
        .route("/definitions/{name}/{version}", get(show))
        .route("/definitions/{name}/{version}/{file}", get(definitions::download))
        .route("/definitions/{name}/rollout", post(actions::rollout))
        .route("/webhooks", get(show))
        .route("/webhooks/new", post(webhook_forms::on_new))
        .route("/webhooks/{id}", get(show))
        .route("/webhooks/{id}/act", post(webhook_forms::on_one))
        .route("/live", get(live::live))
        .route("/login", get(login::page).post(login::log_in))
        .route(single_sign_on::BEGIN, get(single_sign_on::begin))
        .route(single_sign_on::CALLBACK, get(single_sign_on::callback))
        .route(single_sign_on::LOGOUT, post(login::log_out))
        .route_layer(from_fn_with_state(pages.clone(), login::renew))
        // Caches share these files between users, so they are below the layer that sets cookies.
        .route("/dashboard.css", get(layout::style))
        .route("/favicon.svg", get(layout::icon))
        .route("/dashboard.js", get(layout::script))
        .with_state(pages)
}

async fn show(State(pages): State<Pages>, uri: Uri, headers: HeaderMap) -> Response {
    let Some(request) = pages.request(&uri, &headers) else {
        return Redirect::to(&next_page::path_for(&uri)).into_response();
    };
    let content = match Page::of(uri.path()) {
        Ok(page) => render::content(&pages, &page, &request).await,
        Err(error) => Err(error),
    };
    match content {
        Ok(content) => layout::page(&pages, &request, uri.path(), &content).await,
        Err(error) => layout::error_page(&pages, &request, uri.path(), &error).await,
    }
}
