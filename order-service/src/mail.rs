//! Notices by SMTP: what is still to be mailed, and the actor that mails it. A mail that the server takes for good or
//! refuses for good is done; one that it could not take now is tried again, for two days.

use std::time::Duration;

use anyhow::Context as _;
use common::ids::{self, OrderId};
use common::journal::Intent;
use common::messages::{Message, Outgoing, Unreadable};
use common::settings::Secret;
use common::time::Timestamp;
use common::topics;
use common::worker::Executor;
use lettre::message::{Mailbox, header::ContentType};
use lettre::transport::smtp::authentication::Credentials;
use lettre::{Address, AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::kept::Kept;
use crate::notices::Notice;
use crate::order::Decision;

/// `ce_type` of what the service tells itself of a mail.
pub const MAILED: &str = "notice.mailed";

/// The pause before the second try; each next one is twice as long, up to the longest.
const PAUSE: Duration = Duration::from_secs(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);
/// The longest that the server may take for an answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long it is tried (RFC 5321, section 4.5.4.1, wants days).
const GIVE_UP: Duration = Duration::from_secs(2 * 24 * 3600);

/// A notice to be mailed, and how far that is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Mailing {
    pub notice: Notice,
    /// Tries so far.
    pub tries: u32,
    /// When the next one is due.
    pub due: Timestamp,
    /// How it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// What became of a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// The server has it.
    Sent,
    /// The server does not want it, whenever it comes.
    Refused,
    /// It could not be reached, or did not take it now.
    Failed,
}

/// Value of `notice.mailed`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Mailed {
    pub order_id: OrderId,
    pub notice_id: Uuid,
    /// Which try it was, from 1.
    pub attempt: u32,
    pub outcome: Outcome,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// A mail to be sent now.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Mail {
    order: OrderId,
    notice: Uuid,
    attempt: u32,
    to: (String, String),
    subject: String,
    text: String,
}

impl Mailing {
    /// The entity key of a notice's mail.
    pub fn key(notice: &str) -> String {
        format!("mail/{notice}")
    }

    /// A mail that is to be sent at once.
    pub fn new(notice: Notice, now: Timestamp) -> Self {
        Self { notice, tries: 0, due: now, outcome: None, error: None }
    }

    /// Whether it is still to be sent.
    pub fn is_open(&self) -> bool {
        self.outcome.is_none()
    }

    /// What it wants done.
    pub fn intent(&self) -> Option<Intent<Mail>> {
        if !self.is_open() {
            return None;
        }
        let Notice { notice_id, order_id, to, subject, text, .. } = &self.notice;
        let attempt = self.tries.saturating_add(1);
        let what = Mail {
            order: *order_id,
            notice: *notice_id,
            attempt,
            to: (to.name.clone(), to.email.clone()),
            subject: subject.clone(),
            text: text.clone(),
        };
        Some(Intent { id: format!("mail/{notice_id}/{attempt}"), due: self.due, what })
    }

    fn tell(&mut self, said: &Mailed, now: Timestamp) {
        if !self.is_open() || said.attempt != self.tries.saturating_add(1) {
            return;
        }
        self.tries = said.attempt;
        self.error.clone_from(&said.error);
        let too_long = now.since(self.notice.created_at) > GIVE_UP;
        if said.outcome == Outcome::Failed && !too_long {
            let pause = PAUSE.saturating_mul(1 << (said.attempt - 1).min(10)).min(LONGEST_PAUSE);
            self.due = now.plus(pause);
        } else {
            self.outcome = Some(said.outcome);
        }
    }
}

/// Takes in what became of a mail.
pub(crate) fn mailed(tx: Decision<'_, '_>, message: &Message, now: Timestamp) -> Result<(), Unreadable> {
    let said: Mailed = message.json()?;
    tx.check_home("order", &said.order_id.to_string())?;
    if let Some(Kept::Mailing(mailing)) = tx.update(&Mailing::key(&said.notice_id.to_string())) {
        mailing.tell(&said, now);
    }
    Ok(())
}

/// `[notices.smtp]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Smtp {
    /// The mail server; empty: nothing is mailed.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How it is spoken to.
    pub tls: Tls,
    /// The login; empty: none is needed.
    pub user: String,
    /// Its password.
    pub password: Secret,
    /// Whom mails are from, such as `Tickets <tickets@example.com>`.
    pub from: String,
}

/// How the mail server is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tls {
    /// In TLS from the first byte (RFC 8314).
    Implicit,
    /// In the clear until STARTTLS, which it must know (RFC 3207).
    Starttls,
    /// In the clear: for a server on the same machine.
    None,
}

impl Smtp {
    /// The server and the sender; none where there is no server.
    ///
    /// # Errors
    /// The key that is wrong, and what is allowed.
    pub fn server(&self) -> anyhow::Result<Option<(AsyncSmtpTransport<Tokio1Executor>, Mailbox)>> {
        if self.host.is_empty() {
            return Ok(None);
        }
        let from = self.from.parse::<Mailbox>();
        let from = from.map_err(|why| anyhow::anyhow!("from = \"{}\": not a mail address: {why}", self.from))?;
        let builder = match self.tls {
            Tls::Implicit => AsyncSmtpTransport::<Tokio1Executor>::relay(&self.host).context("host")?,
            Tls::Starttls => AsyncSmtpTransport::<Tokio1Executor>::starttls_relay(&self.host).context("host")?,
            Tls::None => AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&self.host),
        };
        let mut builder = builder.port(self.port).timeout(Some(PATIENCE));
        if !self.user.is_empty() {
            builder = builder.credentials(Credentials::new(self.user.clone(), self.password.reveal().to_owned()));
        }
        Ok(Some((builder.build(), from)))
    }
}

/// Who mails: none where the shop has no mail server.
pub struct Postman {
    /// The server and the sender.
    pub server: Option<(AsyncSmtpTransport<Tokio1Executor>, Mailbox)>,
}

impl Executor for Postman {
    type SideEffect = Mail;

    async fn execute(&self, intent: &Intent<Mail>, now: Timestamp) -> Vec<Outgoing> {
        let mail = &intent.what;
        let (outcome, error) = match self.send(mail).await {
            Ok(()) => (Outcome::Sent, None),
            Err((outcome, error)) => (outcome, Some(error)),
        };
        let (order_id, notice_id, attempt) = (mail.order, mail.notice, mail.attempt);
        match &error {
            None => tracing::info!(%order_id, %notice_id, "a notice was mailed"),
            Some(error) => tracing::warn!(%order_id, %notice_id, attempt, "a notice was not mailed: {error}"),
        }
        let said = Mailed { order_id, notice_id, attempt, outcome, error };
        let (id, order) = (ids::derive(&[&intent.id, "answer"]).to_string(), order_id.to_string());
        vec![Outgoing::event(topics::ORDER_COMMANDS, &order, MAILED, id, &order, now, &said)]
    }
}

impl Postman {
    async fn send(&self, mail: &Mail) -> Result<(), (Outcome, String)> {
        let Some((server, from)) = &self.server else {
            return Err((Outcome::Failed, "notices.smtp.host is not set".to_owned()));
        };
        let never = |error: String| (Outcome::Refused, error);
        let address: Address = mail.to.1.parse().map_err(|e| never(format!("the address can't be written to: {e}")))?;
        // The same mail has the same id, so that whoever gets it twice sees that.
        let id = format!("<{}@{}>", mail.notice, from.email.domain());
        let letter = lettre::Message::builder()
            .from(from.clone())
            .to(Mailbox::new(Some(mail.to.0.clone()), address))
            .subject(&mail.subject)
            .message_id(Some(id))
            .header(ContentType::TEXT_PLAIN)
            .body(mail.text.clone())
            .map_err(|e| never(format!("it can't be written: {e}")))?;
        match server.send(letter).await {
            Ok(_) => Ok(()),
            Err(error) if error.is_permanent() => Err((Outcome::Refused, error.to_string())),
            Err(error) => Err((Outcome::Failed, error.to_string())),
        }
    }
}

#[cfg(test)]
mod tests;
