//! Listening, connections and graceful shutdown. Separate steps, so that a port in use stops the start before anything
//! else begins.
//!
//! The loop is not `axum::serve`, which neither limits connections nor closes those on which nothing arrives.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::timeout;
use tower::ServiceExt as _;

use super::descriptors;
use super::problem::Problem;
use crate::settings::Http;

/// How long requests may continue after the shutdown began.
const GRACE: Duration = Duration::from_secs(5);
/// The longest header of a request, with all its fields, in bytes.
const MAX_HEADER: usize = 64 << 10;
/// How long a rejected client may take to read the response.
const REJECTION: Duration = Duration::from_secs(1);
/// The most clients that are being rejected at a time; further ones get no response.
const MAX_REJECTIONS: usize = 64;
/// The pause after an error that is not the client's, such as too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);
/// The shortest time between two warnings about the limit.
const WARNING_INTERVAL: Duration = Duration::from_secs(10);
/// The detail of the problem of a client beyond the limit.
const FULL: &str = "Too many connections are open (http.connections): retry later.";

/// An error of the HTTP server.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Another program listens on the port.
    #[error("http.listen = \"{0}\": the port is in use by another program; end it, or set http.listen to another port")]
    InUse(SocketAddr),
    /// Not permitted, not an address of this host, …
    #[error("http.listen = \"{listen}\": can't listen there: {source}")]
    Bind {
        /// The address.
        listen: SocketAddr,
        /// The reason.
        source: io::Error,
    },
}

/// Listens on `listen` (the setting `http.listen`).
///
/// # Errors
/// [`ServeError::InUse`] or [`ServeError::Bind`].
pub async fn bind(listen: SocketAddr) -> Result<TcpListener, ServeError> {
    TcpListener::bind(listen).await.map_err(|source| {
        if source.kind() == io::ErrorKind::AddrInUse {
            ServeError::InUse(listen)
        } else {
            ServeError::Bind { listen, source }
        }
    })
}

/// Serves until `shutdown` resolves; then accepts no more connections and gives running requests 5 s to end.
///
/// A connection on which the header of a request does not arrive within `http.header_timeout` is closed, also between
/// two requests. Beyond `http.connections` clients get 503.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    settings: &Http,
    shutdown: impl Future<Output = ()> + Send + 'static,
) {
    let mut server = Server::new(router, settings);
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => server.accept(stream, peer),
                Err(error) if is_of_client(&error) => {}
                Err(error) => {
                    tracing::error!(target: "http", "no connection can be accepted: {error}");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    server.stop().await;
}

/// Returns true if a client went away before it was accepted.
fn is_of_client(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    [ConnectionAborted, ConnectionRefused, ConnectionReset].contains(&error.kind())
}

struct Server {
    router: Router,
    http: http1::Builder,
    /// The number of connections that may be open.
    most: u32,
    /// A permit for each connection that may still be opened.
    free: Arc<Semaphore>,
    rejections: Arc<Semaphore>,
    warned: Option<Instant>,
    /// Dropped when the shutdown begins.
    stop: watch::Sender<()>,
}

impl Server {
    fn new(router: Router, settings: &Http) -> Self {
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(settings.header_timeout).max_buf_size(MAX_HEADER);
        let most = settings.connections;
        descriptors::provide_for(most);
        Self {
            router,
            http,
            most,
            free: Arc::new(Semaphore::new(usize::try_from(most).unwrap_or(Semaphore::MAX_PERMITS))),
            rejections: Arc::new(Semaphore::new(MAX_REJECTIONS)),
            warned: None,
            stop: watch::Sender::new(()),
        }
    }

    fn accept(&mut self, stream: TcpStream, peer: SocketAddr) {
        let Ok(permit) = Arc::clone(&self.free).try_acquire_owned() else { return self.reject(stream) };
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(target: "http", "TCP_NODELAY is not set: {error}");
        }
        let router = self.router.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(ConnectInfo(peer));
            router.clone().oneshot(request)
        });
        let connection = self.http.serve_connection(TokioIo::new(stream), service);
        tokio::spawn(run(connection, self.stop.subscribe(), permit));
    }

    /// Answers 503 to a client beyond the limit.
    fn reject(&mut self, stream: TcpStream) {
        if self.warned.is_none_or(|at| at.elapsed() >= WARNING_INTERVAL) {
            self.warned = Some(Instant::now());
            tracing::warn!(target: "http", "http.connections = {}: all are open, and clients are rejected", self.most);
        }
        if let Ok(permit) = Arc::clone(&self.rejections).try_acquire_owned() {
            tokio::spawn(async move {
                let _ = timeout(REJECTION, send_full(stream)).await;
                drop(permit);
            });
        }
    }

    /// Lets the running requests end.
    async fn stop(self) {
        drop(self.stop);
        let all_have_ended = self.free.acquire_many(self.most);
        if timeout(GRACE, all_have_ended).await.is_err() {
            let seconds = GRACE.as_secs();
            tracing::warn!(target: "http", "requests were still running {seconds} s after the shutdown began");
        }
    }
}

/// Serves a connection until it ends, or its running request has ended after the shutdown began.
async fn run<S>(
    connection: http1::Connection<TokioIo<TcpStream>, S>,
    mut stop: watch::Receiver<()>,
    permit: OwnedSemaphorePermit,
) where
    S: hyper::service::HttpService<Incoming, ResBody = Body>,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let mut connection = pin!(connection);
    let served = tokio::select! {
        served = connection.as_mut() => served,
        // The channel has no values: this is its end.
        _ = stop.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = served {
        tracing::debug!(target: "http", "a connection failed: {error}");
    }
    drop(permit);
}

async fn send_full(mut stream: TcpStream) -> io::Result<u64> {
    let problem = serde_json::to_string(&Problem::unavailable(FULL))?;
    let length = problem.len();
    let answer = format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\nretry-after: 1\r\n\
         connection: close\r\ncontent-length: {length}\r\n\r\n{problem}"
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await?;
    // Closing with unread input would reset the connection before the client has read the response.
    tokio::io::copy(&mut stream, &mut tokio::io::sink()).await
}

#[cfg(test)]
mod tests;
