//! Event streams (`text/event-stream`): a client may have a limited number of them open, and each ends when the token
//! of its caller expires.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::SystemTime;

use axum::body::{Body, Bytes};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use http_body::{Frame, SizeHint};
use tokio::time::Sleep;

use super::limit::Client;
use crate::http::problem::Problem;

/// The open streams of all clients of this process.
pub(super) struct Streams {
    most: usize,
    open: Open,
}

#[derive(Clone, Default)]
struct Open(Arc<Mutex<HashMap<Client, usize>>>);

impl Streams {
    /// At most `most` streams of each client.
    pub(super) fn new(most: usize) -> Self {
        Self { most, open: Open::default() }
    }

    /// Counts the response while it is sent, and ends it at `expires`, if it is an event stream; 429 if the client has
    /// too many of them. Other responses are returned as they are.
    pub(super) fn admit(&self, client: &Client, expires: Option<SystemTime>, response: Response) -> Response {
        if !is_event_stream(&response) {
            return response;
        }
        let Some(permit) = self.open.permit(client, self.most) else {
            let most = self.most;
            let detail = format!("A client may have {most} event streams open (edge.streams_per_client): close one.");
            return Problem::of(StatusCode::TOO_MANY_REQUESTS, detail).into_response();
        };
        let end = expires.map(|at| {
            let rest = at.duration_since(SystemTime::now()).unwrap_or_default();
            Box::pin(tokio::time::sleep(rest))
        });
        response.map(|events| Body::new(EventBody { events, end, _permit: permit }))
    }
}

fn is_event_stream(response: &Response) -> bool {
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    kind.is_some_and(|kind| kind.starts_with("text/event-stream"))
}

impl Open {
    fn lock(&self) -> MutexGuard<'_, HashMap<Client, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn permit(&self, client: &Client, most: usize) -> Option<Permit> {
        let mut open = self.lock();
        let count = open.entry(client.clone()).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(Permit { open: self.clone(), client: client.clone() })
    }
}

/// One open stream.
struct Permit {
    open: Open,
    client: Client,
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut open = self.open.lock();
        if let Some(count) = open.get_mut(&self.client) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                open.remove(&self.client);
            }
        }
    }
}

/// The events of a counted stream.
struct EventBody {
    events: Body,
    end: Option<Pin<Box<Sleep>>>,
    _permit: Permit,
}

impl http_body::Body for EventBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.get_mut();
        if let Some(end) = &mut this.end
            && end.as_mut().poll(cx).is_ready()
        {
            return Poll::Ready(None);
        }
        Pin::new(&mut this.events).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.events.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    struct Endless;

    impl http_body::Body for Endless {
        type Data = Bytes;
        type Error = axum::Error;
        fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
            Poll::Pending
        }
    }

    fn stream() -> Response {
        ([(header::CONTENT_TYPE, "text/event-stream")], Body::new(Endless)).into_response()
    }

    fn client(name: &str) -> Client {
        Client::Named(name.to_owned())
    }

    #[test]
    fn a_client_has_a_limited_number_of_open_streams() {
        let streams = Streams::new(2);
        let first = streams.admit(&client("ana"), None, stream());
        let second = streams.admit(&client("ana"), None, stream());
        assert_eq!((first.status().as_u16(), second.status().as_u16()), (200, 200));
        assert_eq!(streams.admit(&client("ana"), None, stream()).status(), 429);
        assert_eq!(streams.admit(&client("ana"), None, "no stream".into_response()).status(), 200);
        let other = streams.admit(&client("bia"), None, stream());
        assert_eq!(other.status(), 200);
        drop(first);
        let again = streams.admit(&client("ana"), None, stream());
        assert_eq!(again.status(), 200, "a closed stream does not count");
        drop((second, other, again));
        assert!(streams.open.lock().is_empty(), "nothing is left of closed streams");
    }

    #[tokio::test]
    async fn a_stream_ends_when_its_token_expires() {
        let streams = Streams::new(2);
        let past = SystemTime::now() - Duration::from_secs(1);
        for expires in [past, SystemTime::now() + Duration::from_millis(50)] {
            let response = streams.admit(&client("ana"), Some(expires), stream());
            let events = axum::body::to_bytes(response.into_body(), 1000);
            let read = tokio::time::timeout(Duration::from_secs(60), events).await;
            assert!(read.unwrap().unwrap().is_empty());
        }
        let response = streams.admit(&client("ana"), None, stream());
        let mut events = std::pin::pin!(axum::body::to_bytes(response.into_body(), 1000));
        assert!(std::future::poll_fn(|cx| Poll::Ready(events.as_mut().poll(cx).is_pending())).await, "it goes on");
    }
}
