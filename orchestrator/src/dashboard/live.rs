//! Keeps pages current: the content of a page is rendered again every second, and sent as a server-sent event when it
//! has changed (<https://html.spec.whatwg.org/multipage/server-sent-events.html>). The script replaces what differs.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::stream::{self, Stream};
use serde_json::json;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::context::{PageRequest, Pages};
use super::page::Page;
use super::query::Query;
use super::{layout, render};
use crate::i18n::Lang;
use crate::sessions::Identity;

/// How often a page is rendered.
const TICK: Duration = Duration::from_secs(1);

/// A page whose changes are sent.
struct LivePage {
    pages: Pages,
    headers: HeaderMap,
    /// Its path and query.
    at: Uri,
    ticks: Interval,
    /// The page shows its first content only.
    is_still: bool,
    /// The hash of the content that was sent last.
    sent: Option<u64>,
    /// The events to send next.
    next: VecDeque<Event>,
    is_over: bool,
}

/// `GET /live?at=/sagas%3Fstatus%3Drunning`: sends `main` with the content of the page when it has changed, `lag` each
/// second with the age of the data and the numbers of open incidents and tasks as JSON (`ms`, `text`, `incidents`,
/// `tasks`), and `login` when the session has ended. A page that receives no `lag` shows that it is stale. With
/// `still=true` the content is neither rendered nor sent: the answer to a form, for example, does not change.
pub(super) async fn live(State(pages): State<Pages>, uri: Uri, headers: HeaderMap) -> impl IntoResponse {
    let query = Query::of(&uri);
    let at = query.get("at").and_then(|at| at.parse().ok()).unwrap_or_default();
    let is_still = query.get("still") == Some("true");
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let page = LivePage { pages, headers, at, ticks, is_still, sent: None, next: VecDeque::new(), is_over: false };
    Sse::new(events(page)).keep_alive(KeepAlive::default())
}

fn events(page: LivePage) -> impl Stream<Item = Result<Event, Infallible>> {
    stream::unfold(page, |mut page| async move {
        loop {
            if let Some(event) = page.next.pop_front() {
                return Some((Ok(event), page));
            }
            if page.is_over {
                return None;
            }
            page.ticks.tick().await;
            page.update().await;
        }
    })
}

impl LivePage {
    async fn update(&mut self) {
        // An open stream would delay the end of the process.
        if self.pages.api.context.status.is_stopping() {
            self.is_over = true;
            return;
        }
        let Some(identity) = self.pages.api.sessions.peek(&self.headers) else {
            self.next.push_back(Event::default().event("login").data("login"));
            self.is_over = true;
            return;
        };
        let lang = Lang::of(&self.headers);
        let age = self.pages.api.lag();
        let incidents = self.pages.api.open_incidents().await;
        let tasks = self.pages.api.open_tasks().await;
        let text = layout::updated(lang, age);
        let lag = json!({ "ms": age, "text": text, "incidents": incidents, "tasks": tasks }).to_string();
        if self.is_still || self.update_content(identity).await {
            self.next.push_back(Event::default().event("lag").data(lag));
        }
    }

    /// Renders the content, and sends it if it has changed. Returns false if it cannot be rendered now: the old content
    /// stays, and the page shows its age.
    async fn update_content(&mut self, identity: Identity) -> bool {
        let request = PageRequest::new(&self.headers, identity, Query::of(&self.at));
        let content = match Page::of(self.at.path()) {
            Ok(page) => render::content(&self.pages, &page, &request).await,
            Err(error) => Err(error),
        };
        match content {
            Ok(content) => self.send_content(content.main.into_string()),
            // The page shows this error: it is as current as the data.
            Err(error) if error.status().is_client_error() => {}
            Err(error) => {
                tracing::debug!(path = self.at.path(), "not rendered: {}", error.detail());
                return false;
            }
        }
        true
    }

    fn send_content(&mut self, html: String) {
        let mut hasher = DefaultHasher::new();
        html.hash(&mut hasher);
        let hash = Some(hasher.finish());
        if hash != self.sent {
            self.sent = hash;
            // The data of an event must not contain carriage returns.
            self.next.push_back(Event::default().event("main").data(html.replace('\r', " ")));
        }
    }
}
