//! A minimal HTTP/1.1 client with persistent connections. The load generator shares the machine with the services that
//! it measures, so it uses little CPU: one write, one read, no header map.

use anyhow::{Context, Result, anyhow, bail};
use serde::Deserialize;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// A persistent connection.
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    length: usize,
}

/// The fields of an order that the load generator reads.
#[derive(Debug, Deserialize)]
pub struct Order<'a> {
    /// Its id.
    pub id: &'a str,
    /// Its status.
    pub status: &'a str,
}

impl Connection {
    /// Connects to a port of this machine.
    ///
    /// # Errors
    /// When the connection is refused.
    pub async fn open(port: u16) -> Result<Self> {
        let stream =
            TcpStream::connect(("127.0.0.1", port)).await.with_context(|| format!("connect to port {port}"))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: vec![0; 16 * 1024], length: 0 })
    }

    /// Sends a request and reads the response's status and body.
    ///
    /// # Errors
    /// When the connection is closed, or the response has no Content-Length.
    pub async fn send(&mut self, request: &[u8]) -> Result<(u16, &[u8])> {
        self.length = 0;
        self.stream.write_all(request).await?;
        let (status, begin, end) = loop {
            self.read().await?;
            if let Some(head) = self.head()? {
                break head;
            }
        };
        while self.length < end {
            self.read().await?;
        }
        Ok((status, self.buffer.get(begin..end).unwrap_or_default()))
    }

    async fn read(&mut self) -> Result<()> {
        if self.length == self.buffer.len() {
            self.buffer.resize(self.length * 2, 0);
        }
        let free = self.buffer.get_mut(self.length..).unwrap_or_default();
        let count = self.stream.read(free).await?;
        if count == 0 {
            bail!("the service closed the connection");
        }
        self.length += count;
        Ok(())
    }

    /// Status, and begin and end of the body, once the head is complete.
    fn head(&self) -> Result<Option<(u16, usize, usize)>> {
        let read = self.buffer.get(..self.length).unwrap_or_default();
        let Some(end) = read.windows(4).position(|w| w == b"\r\n\r\n") else { return Ok(None) };
        let head = std::str::from_utf8(read.get(..end).unwrap_or_default())?;
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|l| l.split(' ').nth(1)).and_then(|s| s.parse().ok());
        let status = status.ok_or_else(|| anyhow!("no status in {head}"))?;
        let length = lines.find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
        });
        let length = length.ok_or_else(|| anyhow!("no Content-Length in {head}"))?;
        Ok(Some((status, end + 4, end + 4 + length)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn responses_are_read_in_any_fragmentation() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            let mut request = [0; 64];
            for response in [
                "HTTP/1.1 201 Created\r\ncontent-length: 5\r\n\r\nhello",
                "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
            ] {
                assert!(stream.read(&mut request).await.unwrap() > 0);
                for part in response.as_bytes().chunks(7) {
                    stream.write_all(part).await.unwrap();
                    tokio::task::yield_now().await;
                }
            }
        });
        let mut connection = Connection::open(port).await.unwrap();
        assert_eq!(connection.send(b"x").await.unwrap(), (201, b"hello".as_slice()));
        assert_eq!(connection.send(b"x").await.unwrap(), (200, b"".as_slice()));
        assert!(connection.send(b"x").await.is_err());
    }
}
