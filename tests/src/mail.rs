//! A mail server for tests: as much SMTP (RFC 5321) as a client needs to submit a mail. It stores all received mails.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use anyhow::{Context, Result};

/// A received mail.
#[derive(Clone, Debug, Default)]
pub struct Mail {
    /// The envelope's sender.
    pub from: String,
    /// The envelope's recipients.
    pub to: Vec<String>,
    /// Headers and text.
    pub text: String,
}

/// The server.
pub struct MailServer {
    port: u16,
    mails: Arc<Mutex<Vec<Mail>>>,
}

/// The server that all scenarios share.
///
/// # Errors
/// When it can't listen.
pub fn shared() -> Result<&'static MailServer> {
    static SHARED: OnceLock<MailServer> = OnceLock::new();
    if let Some(server) = SHARED.get() {
        return Ok(server);
    }
    let server = MailServer::start()?;
    Ok(SHARED.get_or_init(|| server))
}

impl MailServer {
    fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").context("a mail server")?;
        let port = listener.local_addr()?.port();
        let mails = Arc::<Mutex<Vec<Mail>>>::default();
        let received = Arc::clone(&mails);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let received = Arc::clone(&received);
                // A client that disconnects early has submitted nothing.
                std::thread::spawn(move || drop(serve(&stream, &received)));
            }
        });
        Ok(Self { port, mails })
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// All received mails, oldest first.
    pub fn mails(&self) -> Vec<Mail> {
        self.mails.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn serve(stream: &TcpStream, received: &Mutex<Vec<Mail>>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut writer = stream;
    writer.write_all(b"220 here\r\n")?;
    let mut mail = Mail::default();
    let mut line = String::new();
    while reader.read_line(&mut line)? > 0 {
        let command = line.trim_end().to_ascii_uppercase();
        let address = line.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
        if command.starts_with("MAIL FROM") {
            mail = Mail { from: address, ..Mail::default() };
        } else if command.starts_with("RCPT TO") {
            mail.to.push(address);
        } else if command == "DATA" {
            writer.write_all(b"354 go on\r\n")?;
            mail.text = data(&mut reader)?;
            received.lock().unwrap_or_else(PoisonError::into_inner).push(std::mem::take(&mut mail));
        } else if command == "QUIT" {
            return writer.write_all(b"221 bye\r\n");
        }
        writer.write_all(b"250 ok\r\n")?;
        line.clear();
    }
    Ok(())
}

/// Headers and text, up to the line with a single dot.
fn data(reader: &mut impl std::io::BufRead) -> std::io::Result<String> {
    let mut text = String::new();
    let mut line = String::new();
    while reader.read_line(&mut line)? > 0 && line.trim_end() != "." {
        text.push_str(line.strip_prefix('.').unwrap_or(&line));
        line.clear();
    }
    Ok(text)
}
