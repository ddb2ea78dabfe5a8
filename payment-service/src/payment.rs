//! A payment: where it stands and what it remembers. Its moves are in `payment/moves`, `payment/capture` (what is
//! authorized first), `payment/refund` and `payment/partial` (what is given back, whole or in parts); what it wants
//! asked of its provider in `payment/intents`, what it says of money in `payment/ledger`.

mod capture;
mod intents;
pub mod ledger;
pub mod moves;
pub mod partial;
mod refund;

use std::borrow::Cow;
use std::time::Duration;

use common::ids::{self, OrderId};
use common::journal::{Entity, Key};
use common::messages::Headers;
use common::money::Amount;
use common::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::payment::partial::PartialRefund;
use crate::provider::{Capture, Charge, ProviderKind, Refund};
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
/// pending. Another approval of a refunded payment makes it refunding again. A provider that took a payment is asked to
/// call it off when it was cancelled meanwhile, and for its result, until there is one. A payment that is to be
/// captured is authorized before it is approved:
///
/// ```text
///                       capture             captured
///    pending ─▶ authorized ─────▶ capturing ────────▶ approved
///               │    ▲                 │ │
///               │    └─────failed──────┘ │
///               └──────────refund────────┴──▶ cancelled
/// ```
/// Parts of an approved payment can be given back ([`PartialRefund`]): it stays approved until all of it is.
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
    /// The money is set aside.
    Authorized,
    /// The provider is being asked for the money that is set aside.
    Capturing { due: Timestamp },
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
    /// What the API calls those that a payment can be seen in.
    pub const NAMES: [&'static str; 11] = [
        "unrequested",
        "requested",
        "failed",
        "pending",
        "authorized",
        "capturing",
        "approved",
        "declined",
        "cancelled",
        "refunding",
        "refunded",
    ];

    /// What the API calls it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Unrequested { .. } => "unrequested",
            Self::Requested { .. } => "requested",
            Self::Failed => "failed",
            Self::Pending { .. } => "pending",
            Self::Authorized => "authorized",
            Self::Capturing { .. } => "capturing",
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
    /// The provider's own name for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// When it came. Those of older records don't say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// When what was left of it was given back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refunded_at: Option<Timestamp>,
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
pub enum ProviderCall {
    /// Take it.
    Request(Charge),
    /// Carry it on; how does it stand? With how often that was asked before.
    Result(Charge, u32),
    /// Take so much of what is set aside.
    Capture {
        /// The payment.
        charge: Charge,
        /// How much.
        amount: Amount,
        /// Which call for it: 1, 2, ...
        call: u32,
    },
    /// Call it off; how does it stand? With how often that was asked before.
    Cancel(Charge, u32),
    /// Give money back.
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
    /// Whether an approval takes the money at once.
    #[serde(default, skip_serializing_if = "Capture::is_automatic")]
    pub capture: Capture,
    /// What is paid with, where the request says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    method: Option<String>,
    /// The provider's own name for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Why the provider does not take it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refusal: Option<String>,
    /// How much is captured, or to be; all of it unless it is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    capture_minor: Option<i64>,
    /// What was given back, or is to be, in parts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub partial_refunds: Vec<PartialRefund>,
    /// How many parts were not given back.
    #[serde(default)]
    refusals: u32,
    /// How often the provider was asked for its result, and to capture it, without an answer that says it.
    #[serde(default)]
    asks: u32,
    #[serde(default)]
    capture_calls: u32,
    /// How often the provider was asked to take it.
    calls: u32,
    /// How often the provider was asked to give it back.
    refund_calls: u32,
    /// The approvals, and how many of them, from the first on, are given back.
    approvals: Vec<Approval>,
    refunds: usize,
    /// Of a cancelled or declined payment that the provider took: when to ask it to call it off, and how it ended, for
    /// an approval is to be given back; and until when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    late_result_due: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    late_result_until: Option<Timestamp>,
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
            Status::Unrequested { .. }
            | Status::Requested { .. }
            | Status::Capturing { .. }
            | Status::Refunding { .. } => true,
            Status::Pending { .. } | Status::Cancelled | Status::Declined => self.result_due().is_some(),
            Status::Approved => self.partial_refunds.iter().any(PartialRefund::is_underway),
            Status::New | Status::Failed | Status::Authorized | Status::Refunded => false,
        }
    }

    fn has_intents(&self) -> bool {
        !self.intents().is_empty()
    }

    fn wake_at(&self) -> Option<Timestamp> {
        match self.status {
            Status::Unrequested { until, .. } => Some(until),
            Status::Cancelled | Status::Declined => {
                self.late_result_due.map(|due| self.late_result_until.unwrap_or(due.plus(KEPT)))
            }
            Status::New
            | Status::Requested { .. }
            | Status::Failed
            | Status::Pending { .. }
            | Status::Authorized
            | Status::Capturing { .. }
            | Status::Approved
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
            capture: Capture::Automatic,
            method: None,
            reference: None,
            refusal: None,
            capture_minor: None,
            partial_refunds: Vec::new(),
            refusals: 0,
            asks: 0,
            capture_calls: 0,
            calls: 0,
            refund_calls: 0,
            approvals: Vec::new(),
            refunds: 0,
            late_result_due: None,
            late_result_until: None,
            waiting: None,
            trace: trace.map(str::to_owned),
            history: Vec::new(),
        }
    }

    /// How often the provider was asked to capture it.
    pub fn captures(&self) -> u32 {
        self.capture_calls
    }

    /// How many refunds of parts were refused.
    pub fn refusals(&self) -> u32 {
        self.refusals
    }

    /// The payment's id. It depends on the order alone, so that a provider asked twice sees one payment.
    pub fn id(&self) -> String {
        ids::derive(&["payment", &self.order.to_string()]).to_string()
    }

    /// When the provider is to be asked how it ended.
    fn result_due(&self) -> Option<Timestamp> {
        match self.status {
            Status::Pending { result_due } => result_due,
            Status::Cancelled | Status::Declined => self.late_result_due,
            Status::New
            | Status::Unrequested { .. }
            | Status::Requested { .. }
            | Status::Failed
            | Status::Authorized
            | Status::Capturing { .. }
            | Status::Approved
            | Status::Refunding { .. }
            | Status::Refunded => None,
        }
    }
}
