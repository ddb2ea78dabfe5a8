//! The states of a payment.

use common::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::messages::Verdict;

/// The state of a payment.
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
/// A result may also arrive while the payment is requested or failed; it is then handled as if the payment were
/// pending. Another approval of a refunded payment makes it refunding again. When a payment is cancelled after the
/// provider accepted it, the provider is asked to cancel it, and for its result, until there is one. A payment with
/// manual capture is authorized before it is approved:
///
/// ```text
///                       capture             captured
///    pending ─▶ authorized ─────▶ capturing ────────▶ approved
///               │    ▲                 │ │
///               │    └─────failed──────┘ │
///               └──────────refund────────┴──▶ cancelled
/// ```
/// Parts of an approved payment can be refunded
/// ([`PartialRefund`](super::partial_refund::PartialRefund)): it stays approved until all of it is refunded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Status {
    /// Just created; never stored in this state.
    New,
    /// A result arrived before the payment was requested.
    #[serde(rename_all = "camelCase")]
    Unrequested { verdict: Verdict, until: Timestamp },
    /// The provider is being asked to accept it.
    Requested { since: Timestamp },
    /// The provider did not accept it for a technical reason. Another request tries again.
    Failed,
    /// The provider accepted it. The provider reports the result by itself, or is queried for it at `result_due`.
    #[serde(rename_all = "camelCase")]
    Pending { result_due: Option<Timestamp> },
    /// The amount is reserved and can be captured.
    Authorized,
    /// The provider is being asked to capture the reserved amount.
    Capturing { due: Timestamp },
    /// Paid.
    Approved,
    /// Not paid.
    Declined,
    /// Cancelled before it was paid.
    Cancelled,
    /// The provider is being asked to refund it, or will be at `due`.
    Refunding { due: Timestamp },
    /// Refunded.
    Refunded,
}

impl Status {
    /// The names of all states that a stored payment can be in, as the API writes them.
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

    /// The name of the state in the API.
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
