//! The messages about webhooks, on `saga-commands`: acts of operators, decided on partition 0 first, what partition 0
//! sends to the other partitions, and the answers of receivers.

use common::bounds::KIB;
use common::messages::{Message, Unreadable};
use common::time::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::entity::webhooks::subscription::{DisabledReason, SigningSecret};

/// `ce_type` of an operator's act on a subscription, for partition 0.
pub const WEBHOOK_CHANGE: &str = "webhook.change";
/// `ce_type` of a subscription as partition 0 has decided it, for another partition.
pub const WEBHOOK_CONFIGURED: &str = "webhook.configured";
/// `ce_type` of an operator's request to send deliveries again that were given up; one message for each partition.
pub const WEBHOOK_REPLAY: &str = "webhook.replay";
/// `ce_type` of an operator's request to send an event that tries a subscription.
pub const WEBHOOK_TEST: &str = "webhook.send-test";
/// `ce_type` of the answer of a receiver.
pub const WEBHOOK_ANSWERED: &str = "webhook.answered";
/// `ce_type` of a report of another partition to partition 0: a receiver accepts events, or no longer does.
pub const WEBHOOK_REPORTED: &str = "webhook.reported";

/// The fields of every act of an operator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Operator {
    /// The operator.
    pub by: String,
    /// The operator's reason.
    pub why: String,
    /// The address that the request came from, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
}

/// `webhook.change`: `{"by":"techlead","why":"moved","webhook":"…","change":"update","url":"https://shop.example/h"}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ChangeWebhook {
    /// Who requests it.
    #[serde(flatten)]
    pub operator: Operator,
    /// The id of the subscription.
    pub webhook: String,
    /// The change.
    #[serde(flatten)]
    pub change: WebhookChange,
}

/// A change of a subscription.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "change", rename_all = "lowercase")]
pub enum WebhookChange {
    /// It begins.
    Create {
        /// Where the events are sent.
        url: String,
        /// What it is for.
        description: String,
        /// The types of events, or beginnings of types followed by `*`.
        events: Vec<String>,
        /// The secret that signs.
        secret: SigningSecret,
    },
    /// It is changed where a value is given.
    Update {
        /// Where the events are sent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        url: Option<String>,
        /// What it is for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        description: Option<String>,
        /// The types of events, or beginnings of types followed by `*`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        events: Option<Vec<String>>,
    },
    /// Its events are delivered again.
    Enable,
    /// Its events are no longer delivered.
    Disable,
    /// Another secret signs; the present one also does for some time.
    Rotate {
        /// The new secret.
        secret: SigningSecret,
    },
    /// It ends.
    Delete,
}

impl WebhookChange {
    /// Its name in the audit.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Create { .. } => "create",
            Self::Update { .. } => "update",
            Self::Enable => "enable",
            Self::Disable => "disable",
            Self::Rotate { .. } => "rotate secret",
            Self::Delete => "delete",
        }
    }
}

/// `webhook.configured`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WebhookConfigured {
    /// The id of the subscription.
    pub webhook: String,
    /// Its configuration, as in the journal.
    pub subscription: serde_json::Value,
}

/// `webhook.replay`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReplayWebhook {
    /// Who requests it.
    #[serde(flatten)]
    pub operator: Operator,
    /// The id of the subscription.
    pub webhook: String,
    /// Only events that are not older.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
}

/// `webhook.send-test`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TestWebhook {
    /// Who requests it.
    #[serde(flatten)]
    pub operator: Operator,
    /// The id of the subscription.
    pub webhook: String,
}

/// `webhook.answered`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WebhookAnswered {
    /// The id of the subscription.
    pub webhook: String,
    /// The number of the attempt on the partition.
    pub serial: u64,
    /// What the answer means.
    pub answer: WebhookAnswer,
    /// The HTTP status; none without an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// How long the receiver asks to wait, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
    /// How long the request took, in milliseconds.
    pub took: u64,
}

/// What an answer means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum WebhookAnswer {
    /// 2xx: the event was accepted.
    Accepted,
    /// 410: the receiver wants no more events.
    Gone,
    /// Any other answer, or none.
    Failed,
}

/// `webhook.reported`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WebhookReported {
    /// The id of the subscription.
    pub webhook: String,
    /// The report.
    #[serde(flatten)]
    pub report: WebhookReport,
}

/// What a partition reports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "report", rename_all = "lowercase")]
pub enum WebhookReport {
    /// The receiver accepted an event.
    Accepted {
        /// When.
        at: Timestamp,
    },
    /// The subscription should be disabled.
    Disable {
        /// Why.
        reason: DisabledReason,
        /// Nothing was accepted on the partition since then.
        since: Timestamp,
        /// The revision of the subscription at that time.
        revision: u64,
    },
}

common::bounded! {
    ChangeWebhook: 64 * KIB,
    WebhookConfigured: 64 * KIB,
    ReplayWebhook: 16 * KIB,
    TestWebhook: 16 * KIB,
    WebhookAnswered: 16 * KIB,
    WebhookReported: 16 * KIB,
}

/// A message about webhooks.
#[derive(Debug)]
pub enum WebhookMessage {
    /// An operator's act.
    Change(ChangeWebhook),
    /// Partition 0 has decided.
    Configured(WebhookConfigured),
    /// Deliveries are sent again.
    Replay(ReplayWebhook),
    /// An event that tries a subscription.
    Test(TestWebhook),
    /// A receiver has answered.
    Answered(WebhookAnswered),
    /// Another partition reports.
    Reported(WebhookReported),
}

impl WebhookMessage {
    /// Reads a message; `None` if it is not about webhooks.
    ///
    /// # Errors
    /// [`Unreadable`]: an invalid value.
    pub fn parse(message: &Message) -> Result<Option<Self>, Unreadable> {
        let read = match message.kind() {
            Some(WEBHOOK_CHANGE) => Self::Change(message.json()?),
            Some(WEBHOOK_CONFIGURED) => Self::Configured(message.json()?),
            Some(WEBHOOK_REPLAY) => Self::Replay(message.json()?),
            Some(WEBHOOK_TEST) => Self::Test(message.json()?),
            Some(WEBHOOK_ANSWERED) => Self::Answered(message.json()?),
            Some(WEBHOOK_REPORTED) => Self::Reported(message.json()?),
            Some(_) | None => return Ok(None),
        };
        Ok(Some(read))
    }
}
