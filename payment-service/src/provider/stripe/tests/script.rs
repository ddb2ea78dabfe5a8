//! A local HTTP server that answers by a script, one connection for each request, and records the requests.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// How a request is answered.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    /// With this status and body.
    Json(u16, Value),
    /// With this status and a page, as proxies answer.
    Page(u16),
    /// The error that was answered before to the same key.
    Replayed(u16),
    /// 429, with `Retry-After` in seconds.
    Busy(u16),
    /// The connection ends before an answer.
    Cut,
    /// No answer within any timeout.
    Never,
}

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ReceivedRequest {
    pub(super) line: String,
    pub(super) key: Option<String>,
    pub(super) authorization: Option<String>,
    pub(super) body: String,
}

/// The server.
pub(super) struct Script {
    port: u16,
    received: Arc<Mutex<Vec<ReceivedRequest>>>,
}

impl Script {
    pub(super) async fn play(answers: impl IntoIterator<Item = Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let received = Arc::new(Mutex::new(Vec::new()));
        let answers: Vec<Answer> = answers.into_iter().collect();
        let record = Arc::clone(&received);
        tokio::spawn(async move {
            for answer in answers {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(stream, answer, Arc::clone(&record)));
            }
        });
        Self { port, received }
    }

    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }

    pub(super) fn received(&self) -> Vec<ReceivedRequest> {
        self.received.lock().unwrap().clone()
    }
}

async fn serve(stream: TcpStream, answer: Answer, received: Arc<Mutex<Vec<ReceivedRequest>>>) {
    let mut stream = BufReader::new(stream);
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.unwrap();
        match line.trim() {
            "" => break,
            text => head.push(text.to_owned()),
        }
    }
    let header = |name: &str| {
        let found = head.iter().filter_map(|line| line.split_once(": ")).find(|(n, _)| n.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.to_owned())
    };
    let length = header("content-length").map_or(0, |text| text.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.unwrap();
    let line = head[0].trim_end_matches(" HTTP/1.1").to_owned();
    let key = header("idempotency-key");
    let authorization = header("authorization");
    received.lock().unwrap().push(ReceivedRequest { line, key, authorization, body: String::from_utf8(body).unwrap() });
    let (status, more, body) = match answer {
        Answer::Json(status, body) => (status, String::new(), body.to_string()),
        Answer::Page(status) => (status, String::new(), "<html><body>no reason</body></html>".to_owned()),
        Answer::Replayed(status) => (status, "idempotent-replayed: true\r\n".to_owned(), "{}".to_owned()),
        Answer::Busy(seconds) => (429, format!("retry-after: {seconds}\r\n"), "{}".to_owned()),
        Answer::Cut => return,
        Answer::Never => return tokio::time::sleep(Duration::from_secs(60)).await,
    };
    let length = body.len();
    let text = format!(
        "HTTP/1.1 {status} -\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\
         connection: close\r\n{more}\r\n{body}"
    );
    // The client may have disconnected.
    let _ = stream.write_all(text.as_bytes()).await;
}
