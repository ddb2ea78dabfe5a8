//! Sends notices by SMTP.

mod limit;

use std::time::Duration;

use anyhow::Context as _;
use common::bounds::{TEXT_BYTES, cut};
use common::ids;
use common::journal::Intent;
use common::messages::Outgoing;
use common::settings::Secret;
use common::time::Timestamp;
use common::topics;
use common::worker::{Executor, ExternalCall};
use lettre::message::{Mailbox, header::ContentType};
use lettre::transport::smtp::authentication::Credentials;
use lettre::{Address, AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};
use serde::{Deserialize, Serialize};

pub use self::limit::MailLimit;
use crate::messages::{MAILED, Mailed};
use crate::order::mailing::{Mail, Outcome};

/// The timeout of the connection and of each command.
const TIMEOUT: Duration = Duration::from_secs(30);

/// `[notices.smtp]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Smtp {
    /// The mail server; empty: no notice is mailed.
    pub host: String,
    pub port: u16,
    pub tls: Tls,
    /// The login; empty: the server needs none.
    pub user: String,
    pub password: Secret,
    /// The sender, such as `Tickets <tickets@example.com>`.
    pub from: String,
}

/// How the connection to the mail server is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tls {
    /// TLS from the first byte (RFC 8314).
    Implicit,
    /// STARTTLS, which is required (RFC 3207).
    Starttls,
    /// No encryption: for a server on the same machine.
    None,
}

impl Smtp {
    /// The mail server; `None` if none is configured.
    ///
    /// # Errors
    /// A wrong setting: its key and the allowed values.
    pub fn server(&self) -> anyhow::Result<Option<MailServer>> {
        if self.host.is_empty() {
            return Ok(None);
        }
        let sender = self.from.parse::<Mailbox>();
        let sender = sender.map_err(|why| anyhow::anyhow!("from = \"{}\": not a mail address: {why}", self.from))?;
        let builder = match self.tls {
            Tls::Implicit => AsyncSmtpTransport::<Tokio1Executor>::relay(&self.host).context("host")?,
            Tls::Starttls => AsyncSmtpTransport::<Tokio1Executor>::starttls_relay(&self.host).context("host")?,
            Tls::None => AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&self.host),
        };
        let mut builder = builder.port(self.port).timeout(Some(TIMEOUT));
        if !self.user.is_empty() {
            builder = builder.credentials(Credentials::new(self.user.clone(), self.password.reveal().to_owned()));
        }
        Ok(Some(MailServer { transport: builder.build(), sender }))
    }
}

/// A configured mail server.
#[derive(Debug)]
pub struct MailServer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    sender: Mailbox,
}

/// Mails notices.
#[derive(Debug)]
pub struct Mailer {
    /// `None`: every attempt fails.
    pub server: Option<MailServer>,
    /// How many mails one address gets.
    pub limit: MailLimit,
}

/// Why a mail was not sent.
struct MailError {
    outcome: Outcome,
    error: String,
    /// When the next attempt may succeed, if known.
    not_before: Option<Timestamp>,
}

impl MailError {
    /// Further attempts would fail as well.
    fn permanent(error: impl ToString) -> Self {
        Self { outcome: Outcome::Refused, error: cut(&error.to_string(), TEXT_BYTES).into_owned(), not_before: None }
    }

    /// A further attempt may succeed.
    fn transient(error: impl ToString) -> Self {
        Self { outcome: Outcome::Failed, error: cut(&error.to_string(), TEXT_BYTES).into_owned(), not_before: None }
    }

    /// The address got as many mails as one gets in an hour.
    fn limited(limit: u32, not_before: Timestamp) -> Self {
        let error = format!("the address gets at most {limit} mails an hour (notices.hourly_limit)");
        Self { outcome: Outcome::Failed, error, not_before: Some(not_before) }
    }
}

impl Executor for Mailer {
    type SideEffect = Mail;

    async fn execute(&self, intent: &Intent<Mail>, now: Timestamp) -> Vec<Outgoing> {
        let Mail { order_id, notice_id, attempt, .. } = intent.what;
        let report = match self.send_within_limit(&intent.what, now).await {
            Ok(()) => {
                tracing::info!(%order_id, %notice_id, "mailed a notice");
                Mailed { order_id, notice_id, attempt, outcome: Outcome::Sent, error: None, not_before: None }
            }
            Err(MailError { outcome, error, not_before }) => {
                tracing::warn!(%order_id, %notice_id, attempt, "failed to mail a notice: {error}");
                Mailed { order_id, notice_id, attempt, outcome, error: Some(error), not_before }
            }
        };
        let id = ids::derive(&[&intent.id, "answer"]).to_string();
        let key = order_id.to_string();
        let answer = Outgoing::event(topics::ORDER_COMMANDS, &key, MAILED, id, &key, now, &report);
        vec![answer.caused_by(intent.what.trace.as_deref())]
    }

    fn describe(mail: &Mail) -> Option<ExternalCall<'_>> {
        Some(ExternalCall { name: "mail.send", peer: "smtp", traceparent: mail.trace.as_deref() })
    }
}

impl Mailer {
    async fn send_within_limit(&self, mail: &Mail, now: Timestamp) -> Result<(), MailError> {
        let address = &mail.to.email;
        self.limit.take(address, now).map_err(|next| MailError::limited(self.limit.most(), next))?;
        let sent = self.send(mail).await;
        if sent.is_err() {
            self.limit.give_back(address, now);
        }
        sent
    }

    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        let Some(MailServer { transport, sender }) = &self.server else {
            return Err(MailError::transient("notices.smtp.host is not set"));
        };
        let address = mail.to.email.parse::<Address>();
        let address = address.map_err(|e| MailError::permanent(format!("invalid address: {e}")))?;
        // All attempts have the same id, so that the recipient's mail client can detect duplicates.
        let id = format!("<{}@{}>", mail.notice_id, sender.email.domain());
        let message = lettre::Message::builder()
            .from(sender.clone())
            .to(Mailbox::new(Some(mail.to.name.clone()), address))
            .subject(&mail.subject)
            .message_id(Some(id))
            .header(ContentType::TEXT_PLAIN)
            .body(mail.text.clone())
            .map_err(|e| MailError::permanent(format!("invalid mail: {e}")))?;
        match transport.send(message).await {
            Ok(_) => Ok(()),
            Err(error) if error.is_permanent() => Err(MailError::permanent(error)),
            Err(error) => Err(MailError::transient(error)),
        }
    }
}
