//! The dashboard: pages rendered on the server from what the API shows, kept up to date by the same rendering sent
//! again (`live`). Nothing on them comes from elsewhere, and they work without their script, only then they stand
//! still.

mod acts;
mod bulk;
mod chart;
mod definitions;
mod flow;
mod incidents;
mod layout;
mod letters;
mod live;
mod login;
mod marks;
mod one;
mod query;
mod sagas;
mod throughput;
mod timeline;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use common::http::Problem;
use maud::{Markup, html};
use uuid::Uuid;

use self::query::Query;
use self::throughput::Cluster;
use crate::api::{Api, saga_id};
use crate::sessions::Who;
use crate::words::Lang;

/// How often a page looks whether it changed.
const TICK: Duration = Duration::from_secs(1);

/// What the pages work with.
#[derive(Clone)]
struct Pages {
    api: Api,
    cluster: Arc<Cluster>,
}

/// Who looks at what.
#[derive(Debug, Clone)]
struct Seen {
    lang: Lang,
    who: Who,
    query: Query,
}

/// A page's own part.
struct Content {
    title: String,
    main: Markup,
}

/// Which page.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Page {
    Flow,
    Sagas,
    One(Uuid),
    Bulk,
    Incidents,
    Throughput,
    Letters(String),
    Definitions,
    Definition(String, u32),
}

/// The routes of the pages and their login.
pub fn router(api: Api) -> Router {
    let pages = Pages { api, cluster: Arc::default() };
    Router::new()
        .route("/", get(show))
        .route("/sagas", get(show))
        .route("/sagas/{id}", get(show))
        .route("/sagas/{id}/act", post(acts::on_one))
        .route("/bulk", get(show).post(bulk::act))
        .route("/incidents", get(show))
        .route("/throughput", get(show))
        .route("/dead-letters/{topic}", get(show))
        .route("/dead-letters/{topic}/put-back", post(acts::put_back))
        .route("/definitions", get(show))
        .route("/definitions/{name}/{version}", get(show))
        .route("/definitions/{name}/{version}/{file}", get(definitions::download))
        .route("/definitions/{name}/rollout", post(acts::rollout))
        .route("/live", get(live::live))
        .route("/login", get(login::page).post(login::log_in))
        .route("/logout", post(login::log_out))
        .route("/dashboard.css", get(layout::style))
        .route("/favicon.svg", get(layout::icon))
        .route("/dashboard.js", get(layout::script))
        .with_state(pages)
}

impl Page {
    /// The page at a path; a problem where there is none.
    fn of(path: &str) -> Result<Self, Problem> {
        let nothing = || Problem::not_found(format!("There is nothing at {path}."));
        let parts: Vec<String> = path.trim_matches('/').split('/').map(query::decoded).collect();
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        Ok(match parts.as_slice() {
            [""] => Self::Flow,
            ["sagas"] => Self::Sagas,
            ["sagas", id] => Self::One(saga_id(id)?),
            ["bulk"] => Self::Bulk,
            ["incidents"] => Self::Incidents,
            ["throughput"] => Self::Throughput,
            ["dead-letters", topic] => Self::Letters((*topic).to_owned()),
            ["definitions"] => Self::Definitions,
            ["definitions", name, version] => {
                Self::Definition((*name).to_owned(), version.parse().map_err(|_| nothing())?)
            }
            _ => return Err(nothing()),
        })
    }
}

impl Pages {
    async fn content(&self, page: &Page, seen: &Seen) -> Result<Content, Problem> {
        match page {
            Page::Flow => flow::content(self, seen).await,
            Page::Sagas => sagas::content(self, seen).await,
            Page::One(id) => one::content(self, seen, *id).await,
            Page::Bulk => bulk::content(self, seen).await,
            Page::Incidents => incidents::content(self, seen).await,
            Page::Throughput => throughput::content(self, seen).await,
            Page::Letters(topic) => letters::content(self, seen, topic).await,
            Page::Definitions => definitions::content(self, seen).await,
            Page::Definition(name, version) => definitions::one(self, seen, name, *version).await,
        }
    }

    /// Who looks at what; `None` for who is not logged in.
    fn seen(&self, uri: &Uri, headers: &HeaderMap) -> Option<Seen> {
        let who = self.api.sessions.knows(headers)?;
        Some(Seen { lang: Lang::of(headers), who, query: Query::of(uri) })
    }
}

async fn show(State(pages): State<Pages>, uri: Uri, headers: HeaderMap) -> Response {
    let Some(seen) = pages.seen(&uri, &headers) else {
        return Redirect::to(&login::way(&uri)).into_response();
    };
    let found = match Page::of(uri.path()) {
        Ok(page) => pages.content(&page, &seen).await,
        Err(problem) => Err(problem),
    };
    match found {
        Ok(content) => layout::page(&pages, &seen, uri.path(), &content).into_response(),
        Err(problem) => wrong(&pages, &seen, uri.path(), &problem),
    }
}

/// A page that says what is wrong.
fn wrong(pages: &Pages, seen: &Seen, path: &str, problem: &Problem) -> Response {
    let title = seen.lang.say("This did not work", "Não deu certo").to_owned();
    let main = html! {
        h1 { (title) }
        p.wrong role="alert" { (problem.detail()) }
        p { a href=(path) { (seen.lang.say("Back", "Voltar")) } }
    };
    let mut response = layout::page(pages, seen, path, &Content { title, main }).into_response();
    *response.status_mut() = problem.status();
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_its_page() {
        let id = Uuid::from_u128(7);
        assert_eq!(Page::of("/").unwrap(), Page::Flow);
        assert_eq!(Page::of(&format!("/sagas/{id}")).unwrap(), Page::One(id));
        assert_eq!(Page::of("/dead-letters/a%2Eb.dlq").unwrap(), Page::Letters("a.b.dlq".to_owned()));
        assert_eq!(Page::of("/definitions/order/2").unwrap(), Page::Definition("order".to_owned(), 2));
        assert_eq!(Page::of("/sagas/x").unwrap_err().status(), 400);
        assert_eq!(Page::of("/definitions/order/x").unwrap_err().status(), 404);
        assert_eq!(Page::of("/nowhere").unwrap_err().status(), 404);
    }
}
