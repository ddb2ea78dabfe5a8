//! The server on real connections.

use axum::routing::get;
use tokio::io::AsyncReadExt as _;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::*;

/// Within this time everything has happened, also on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

struct Running {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    server: JoinHandle<()>,
}

fn settings(header_timeout: Duration, connections: u32) -> Http {
    Http { header_timeout, connections, ..Http::default() }
}

async fn start(router: Router, settings: Http) -> Running {
    let listener = bind(([127, 0, 0, 1], 0).into()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let server =
        tokio::spawn(
            async move { serve(listener, router, &settings, async move { stopped.await.unwrap_or(()) }).await },
        );
    Running { address, stop, server }
}

fn router() -> Router {
    Router::new().route("/", get(|| async { "done" }))
}

const GET: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

async fn rest(client: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    // A reset is an end, too.
    let _ = timeout(PATIENCE, client.read_to_end(&mut answer)).await.unwrap();
    String::from_utf8(answer).unwrap()
}

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
    let (begun, has_begun) = oneshot::channel();
    let begun = Arc::new(std::sync::Mutex::new(Some(begun)));
    let (end, ends) = watch::channel(false);
    let slow = move || {
        let begun = Arc::clone(&begun);
        let mut ends = ends.clone();
        async move {
            begun.lock().unwrap().take().unwrap().send(()).unwrap();
            ends.wait_for(|end| *end).await.unwrap();
            "done"
        }
    };
    let Running { address, stop, server } = start(Router::new().route("/", get(slow)), settings(PATIENCE, 10)).await;
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(GET).await.unwrap();
    has_begun.await.unwrap();
    stop.send(()).unwrap();
    let until = Instant::now() + PATIENCE;
    while TcpStream::connect(address).await.is_ok() {
        assert!(Instant::now() < until, "it still listens");
        tokio::task::yield_now().await;
    }
    end.send(true).unwrap();
    assert!(rest(&mut client).await.ends_with("done"));
    timeout(PATIENCE, server).await.unwrap().unwrap();
}

#[tokio::test]
async fn idle_and_slow_connections_are_closed() {
    let running = start(router(), settings(Duration::from_millis(300), 200)).await;
    let mut clients = Vec::new();
    for n in 0..120 {
        let mut client = TcpStream::connect(running.address).await.unwrap();
        match n % 3 {
            0 => {}
            // A part of a header.
            1 => client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n").await.unwrap(),
            // A whole request, and no other one.
            _ => client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap(),
        }
        clients.push(client);
    }
    for (n, client) in clients.iter_mut().enumerate() {
        let answer = rest(client).await;
        assert_eq!(answer.ends_with("done"), n % 3 == 2, "{n}: {answer}");
    }
}

#[tokio::test]
async fn clients_beyond_the_limit_get_503_and_a_closed_connection_makes_room() {
    let running = start(router(), settings(PATIENCE, 2)).await;
    let idle = [TcpStream::connect(running.address).await.unwrap(), TcpStream::connect(running.address).await.unwrap()];
    let mut third = TcpStream::connect(running.address).await.unwrap();
    third.write_all(GET).await.unwrap();
    let answer = rest(&mut third).await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 503 ") && head.contains("retry-after: 1"), "{head}");
    assert!(head.contains(&format!("content-length: {}", body.len())), "{answer}");
    let problem: serde_json::Value = serde_json::from_str(body).unwrap();
    assert!(problem["detail"].as_str().unwrap().contains("http.connections"), "{problem}");
    drop(idle);
    let until = Instant::now() + PATIENCE;
    loop {
        let mut client = TcpStream::connect(running.address).await.unwrap();
        client.write_all(GET).await.unwrap();
        if rest(&mut client).await.ends_with("done") {
            break;
        }
        assert!(Instant::now() < until, "no room was made");
    }
}

#[tokio::test]
async fn a_header_that_is_too_long_is_rejected() {
    let running = start(router(), settings(PATIENCE, 2)).await;
    let mut client = TcpStream::connect(running.address).await.unwrap();
    let line = format!("GET / HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "x".repeat(2 * MAX_HEADER));
    let _ = client.write_all(line.as_bytes()).await;
    let answer = rest(&mut client).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431 "), "{answer}");
}
