//! A payment: where it stands, what it remembers, what it wants asked of its provider. Its moves are in `payment/moves`.

mod moves;

use std::borrow::Cow;
use std::time::Duration;

use common::ids::{self, OrderId};
use common::journal::{Entity, Intent, Key};
use common::messages::Headers;
use common::money::Amount;
use common::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::provider::{Charge, ProviderKind, Refund};
use crate::results::Verdict;

/// Where a payment stands.
///
/// ```text
///              result                request
///        ┌──────────────▶ unrequested ───────▶ approved | declined
///        │                                     (removed after 7 days without a request)
///   new ─┤ refund
///        ├──────────────▶ cancelled
///        │ request
///        ▼          accepted           approved            refund
///    requested ──────────────▶ pending ────────▶ approved ────────▶ refunding ──▶ refunded
///      │    ▲                   │   │ declined                         ▲
///      │    │ request           │   └─────────▶ declined ──an approval─┤
///      └▶ failed                │ refund                              │
///           └──────refund───────┴─────────────▶ cancelled ─an approval─┘
/// ```
/// A result may also come while it is requested or failed: the provider knows of it then, and it is as if it were
/// pending. Another approval of a refunded payment makes it refunding again. A provider that took a payment is asked for
/// its result also when the payment was cancelled meanwhile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Status {
    /// Nothing was heard of it; never kept so.
    New,
    /// A result came before anybody asked for the payment.
    #[serde(rename_all = "camelCase")]
    Unrequested { verdict: Verdict, until: Timestamp },
    /// The provider is being asked to take it.
    Requested { since: Timestamp },
    /// The provider refused to take it for a technical reason. Another request tries again.
    Failed,
    /// The provider took it. Its result comes by itself, or is to be asked for at `result_due`.
    #[serde(rename_all = "camelCase")]
    Pending { result_due: Option<Timestamp> },
    /// Paid.
    Approved,
    /// Not paid.
    Declined,
    /// Nobody wants it any more.
    Cancelled,
    /// The provider is being asked to give it back, or will be when `due`.
    Refunding { due: Timestamp },
    /// Given back.
    Refunded,
}

impl Status {
    /// What the API calls it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Unrequested { .. } => "unrequested",
            Self::Requested { .. } => "requested",
            Self::Failed => "failed",
            Self::Pending { .. } => "pending",
            Self::Approved => "approved",
            Self::Declined => "declined",
            Self::Cancelled => "cancelled",
            Self::Refunding { .. } => "refunding",
            Self::Refunded => "refunded",
        }
    }
}

/// How much a payment is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Price {
    /// Minor units of the currency.
    pub amount_minor: i64,
    /// ISO 4217.
    pub currency: String,
}

/// An approval: the same one may be said more than once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Approval {
    /// The message that brought it.
    pub message: String,
    /// What it calls the payment; a person may leave it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment_id: Option<String>,
}

impl Approval {
    /// Whether both speak of the same payment at the provider, or are the same message.
    fn is(&self, other: &Self) -> bool {
        self.message == other.message || (self.payment_id.is_some() && self.payment_id == other.payment_id)
    }
}

/// Something that happened to a payment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// What, in a sentence.
    pub what: Cow<'static, str>,
}

/// What a payment wants asked of its provider.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Act {
    /// Take it.
    Request(Charge),
    /// How did it end?
    Result(Charge),
    /// Give it back.
    Refund(Refund),
}

/// A payment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Payment {
    /// The order it is for.
    pub order: OrderId,
    /// Who takes it.
    pub provider: ProviderKind,
    /// Where it stands.
    pub status: Status,
    /// How much; not known of a payment that was never requested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Price>,
    /// How often the provider was asked to take it.
    calls: u32,
    /// How often the provider was asked to give it back.
    refund_calls: u32,
    /// The approvals, and how many of them, from the first on, are given back.
    approvals: Vec<Approval>,
    refunds: usize,
    /// Of a cancelled payment that the provider took: when to ask it how it ended, for an approval is to be given back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    late_result_due: Option<Timestamp>,
    /// The headers of the command that is to be answered when the provider has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    waiting: Option<Headers>,
    /// The trace of what it began with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    trace: Option<String>,
    /// What happened to it.
    pub history: Vec<Event>,
}

/// So long a result is kept for a payment that nobody asked for yet, and a cancelled payment waits for its result.
const KEPT: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// What every payment's key begins with.
pub const PREFIX: &str = "payment/";

/// The key of an order's payment.
pub fn key(order: OrderId) -> Key {
    format!("{PREFIX}{order}")
}

/// At most 200 characters of what somebody else wrote.
pub fn cut(text: &str) -> &str {
    text.char_indices().nth(200).map_or(text, |(end, _)| text.get(..end).unwrap_or(text))
}

impl Entity for Payment {
    fn is_open(&self) -> bool {
        match &self.status {
            Status::Unrequested { .. } | Status::Requested { .. } | Status::Refunding { .. } => true,
            Status::Pending { .. } | Status::Cancelled => self.result_due().is_some(),
            Status::New | Status::Failed | Status::Approved | Status::Declined | Status::Refunded => false,
        }
    }

    fn has_intents(&self) -> bool {
        self.intent().is_some()
    }

    fn wake_at(&self) -> Option<Timestamp> {
        match self.status {
            Status::Unrequested { until, .. } => Some(until),
            Status::Cancelled => self.late_result_due.map(|due| due.plus(KEPT)),
            Status::New
            | Status::Requested { .. }
            | Status::Failed
            | Status::Pending { .. }
            | Status::Approved
            | Status::Declined
            | Status::Refunding { .. }
            | Status::Refunded => None,
        }
    }
}

impl Payment {
    /// One of which nothing was heard yet.
    pub fn new(order: OrderId, provider: ProviderKind, trace: Option<&str>) -> Self {
        Self {
            order,
            provider,
            status: Status::New,
            price: None,
            calls: 0,
            refund_calls: 0,
            approvals: Vec::new(),
            refunds: 0,
            late_result_due: None,
            waiting: None,
            trace: trace.map(str::to_owned),
            history: Vec::new(),
        }
    }

    /// The payment's id. It depends on the order alone, so that a provider asked twice sees one payment.
    pub fn id(&self) -> String {
        ids::derive(&["payment", &self.order.to_string()]).to_string()
    }

    /// When the provider is to be asked how it ended.
    fn result_due(&self) -> Option<Timestamp> {
        match self.status {
            Status::Pending { result_due } => result_due,
            Status::Cancelled => self.late_result_due,
            Status::New
            | Status::Unrequested { .. }
            | Status::Requested { .. }
            | Status::Failed
            | Status::Approved
            | Status::Declined
            | Status::Refunding { .. }
            | Status::Refunded => None,
        }
    }

    /// What it wants asked of the provider.
    pub fn intent(&self) -> Option<Intent<Act>> {
        let order = self.order;
        match self.status {
            Status::Requested { since } => {
                let id = format!("{order}/request/{}", self.calls);
                Some(Intent { id, due: since, what: Act::Request(self.charge()?) })
            }
            Status::Pending { .. } | Status::Cancelled => {
                let id = format!("{order}/result/{}", self.calls);
                Some(Intent { id, due: self.result_due()?, what: Act::Result(self.charge()?) })
            }
            Status::Refunding { due } => {
                let call = self.refund_calls;
                let named = self.approvals.get(self.refunds).and_then(|approval| approval.payment_id.clone());
                let payment_id = named.unwrap_or_else(|| self.id());
                let what = Act::Refund(Refund { order, payment_id, call, trace: self.trace.clone() });
                Some(Intent { id: format!("{order}/refund/{call}"), due, what })
            }
            Status::New
            | Status::Unrequested { .. }
            | Status::Failed
            | Status::Approved
            | Status::Declined
            | Status::Refunded => None,
        }
    }

    fn charge(&self) -> Option<Charge> {
        let price = self.price.as_ref()?;
        Some(Charge {
            order: self.order,
            payment_id: self.id(),
            amount: Amount(price.amount_minor),
            currency: price.currency.clone(),
            call: self.calls,
            trace: self.trace.clone(),
        })
    }
}
