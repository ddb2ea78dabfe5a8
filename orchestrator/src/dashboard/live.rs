//! Keeping a page up to date: the same rendering as of the page itself, sent as a server-sent event whenever it changed
//! (<https://html.spec.whatwg.org/multipage/server-sent-events.html>). The script puts it in place.

use std::convert::Infallible;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::stream::{self, Stream};
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::query::Query;
use super::{Page, Pages, Seen, TICK, layout};
use crate::words::Lang;

/// A page that is watched.
struct Watched {
    pages: Pages,
    headers: HeaderMap,
    /// Its path and query.
    at: Uri,
    ticks: Interval,
    /// What was sent last.
    sent: u64,
    /// What is to be sent next.
    next: Vec<Event>,
    over: bool,
}

/// `GET /live?at=/sagas%3Fstatus%3Drunning`: `main` with the page's content when it changed, `lag` with how old it is,
/// `login` when the session has ended.
pub(super) async fn live(State(pages): State<Pages>, uri: Uri, headers: HeaderMap) -> impl IntoResponse {
    let at = Query::of(&uri).get("at").and_then(|at| at.parse().ok()).unwrap_or_default();
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let watched = Watched { pages, headers, at, ticks, sent: 0, next: Vec::new(), over: false };
    Sse::new(events(watched)).keep_alive(KeepAlive::default())
}

fn events(watched: Watched) -> impl Stream<Item = Result<Event, Infallible>> {
    stream::unfold(watched, |mut watched| async move {
        loop {
            if !watched.next.is_empty() {
                let event = watched.next.remove(0);
                return Some((Ok(event), watched));
            }
            if watched.over {
                return None;
            }
            watched.ticks.tick().await;
            watched.look().await;
        }
    })
}

impl Watched {
    async fn look(&mut self) {
        // Whoever waits for the process to end waits for its streams, too.
        if self.pages.api.context.status.is_stopping() {
            self.over = true;
            return;
        }
        let Some(who) = self.pages.api.sessions.still_knows(&self.headers) else {
            self.next.push(Event::default().event("login").data("login"));
            self.over = true;
            return;
        };
        let lang = Lang::of(&self.headers);
        let lag = layout::asof(lang, self.pages.api.lag());
        let seen = Seen { lang, who, query: Query::of(&self.at) };
        let Ok(page) = Page::of(self.at.path()) else { return };
        match self.pages.content(&page, &seen).await {
            Ok(content) => {
                let html = content.main.into_string();
                let mut hasher = DefaultHasher::new();
                html.hash(&mut hasher);
                if hasher.finish() != self.sent {
                    self.sent = hasher.finish();
                    // An event's data has no carriage returns.
                    self.next.push(Event::default().event("main").data(html.replace('\r', " ")));
                }
                self.next.push(Event::default().event("lag").data(lag));
            }
            // What is there stays; the page says how old it is.
            Err(problem) => tracing::debug!(path = self.at.path(), "not rendered: {}", problem.detail()),
        }
    }
}
