//! Listening and graceful shutdown. Separate steps, so that a port in use stops the start before anything else begins.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use axum::serve::ListenerExt as _;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// How long requests may continue after the shutdown began.
const GRACE: Duration = Duration::from_secs(5);

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
    /// The server stopped by itself.
    #[error("the HTTP server stopped: {0}")]
    Stopped(#[from] io::Error),
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
/// # Errors
/// [`ServeError::Stopped`].
pub async fn serve(
    listener: TcpListener,
    router: Router,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServeError> {
    let (begin_grace, grace_begun) = oneshot::channel();
    let shutdown = async move {
        shutdown.await;
        let _ = begin_grace.send(());
    };
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(target: "http", "TCP_NODELAY is not set: {error}");
        }
    });
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let server = async move { axum::serve(listener, service).with_graceful_shutdown(shutdown).await };
    let out_of_time = async move {
        match grace_begun.await {
            Ok(()) => tokio::time::sleep(GRACE).await,
            Err(_) => std::future::pending().await,
        }
    };
    let mut server = pin!(server);
    let mut out_of_time = pin!(out_of_time);
    tokio::select! {
        served = &mut server => Ok(served?),
        () = &mut out_of_time => {
            let seconds = GRACE.as_secs();
            tracing::warn!(target: "http", "requests were still running {seconds} s after the shutdown began");
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpStream;

    use super::*;

    #[tokio::test]
    async fn a_port_in_use_is_an_error_with_the_key() {
        let first = bind(([127, 0, 0, 1], 0).into()).await.unwrap();
        let taken = first.local_addr().unwrap();
        let refused = bind(taken).await.unwrap_err().to_string();
        let sentence = "the port is in use by another program; end it, or set http.listen to another port";
        assert_eq!(refused, format!("http.listen = \"{taken}\": {sentence}"));
    }

    #[tokio::test]
    async fn a_running_request_is_answered_after_the_shutdown_began() {
        let listener = bind(([127, 0, 0, 1], 0).into()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let router = Router::new().route(
            "/",
            get(|| async {
                tokio::time::sleep(Duration::from_millis(200)).await;
                "done"
            }),
        );
        let server = tokio::spawn(serve(listener, router, async move { stopped.await.unwrap_or(()) }));
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        stop.send(()).unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert!(answer.ends_with("done"), "{answer}");
        server.await.unwrap().unwrap();
        assert!(TcpStream::connect(address).await.is_err(), "it no longer listens");
    }
}
