//! The payment, the only entity that payment-service stores. The rules that change it are in `rules`; its JSON is in
//! `entity/wire`.

pub mod approval;
pub mod cases;
pub mod hints;
pub mod history;
mod json;
pub mod partial_refund;
pub mod review;
pub mod status;
pub mod surplus;
mod wire;

use std::borrow::Cow;
use std::time::Duration;

use common::ids::{self, OrderId};
use common::journal::Key;
use common::messages::Headers;
use common::money::{Currency, Decimal};
use common::payments::{Action, PaymentMethod};
use common::sensitive::Sensitive;
use common::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::provider::call::{Capture, ProviderKind};
use approval::{Approval, Approvals};
use cases::Cases;
use hints::Hints;
use history::History;
use partial_refund::PartialRefunds;
use review::{Dispute, Review};
use status::Status;
use surplus::SurplusCharges;

/// How long an early result is kept for a payment that is not yet requested, and how long the provider is asked to
/// cancel a cancelled payment.
pub const RETENTION: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// The prefix of every payment's key.
pub const PREFIX: &str = "payment/";

/// The key of an order's payment.
pub fn key(order: OrderId) -> Key {
    format!("{PREFIX}{order}")
}

/// The price of a payment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Price {
    /// Minor units of the currency.
    pub amount_minor: i64,
    /// ISO 4217.
    pub currency: String,
}

/// The terms of a payment, from its request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// The price.
    pub price: Price,
    /// When the money is taken.
    pub capture: Capture,
    /// The method of payment.
    pub method: Option<PaymentMethod>,
    /// The provider's token of the customer's card or account.
    pub token: Option<Sensitive>,
}

/// The provider of a payment, and the calls made to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderState {
    /// The provider.
    pub kind: ProviderKind,
    /// The provider's id of the payment.
    pub reference: Option<String>,
    /// Why the provider refused the request.
    pub refusal: Option<String>,
    /// Requests sent to the provider.
    pub requests: u32,
    /// Status queries and cancellations that ended without a result.
    pub queries: u32,
}

/// The capture of an authorized payment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CaptureState {
    /// The captured amount, or the one to be captured; `None` is the whole price.
    pub amount_minor: Option<i64>,
    /// Captures sent to the provider.
    pub calls: u32,
}

/// What the customer must do before the payment can be completed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ActionState {
    /// `None` if nothing.
    pub required: Option<Action>,
    /// Reports of it to order-service.
    pub reports: u32,
}

/// The cancellation, at the provider, of a payment that is cancelled or declined here. An approval found there is
/// refunded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cancellation {
    /// When to ask the provider next.
    pub due: Option<Timestamp>,
    /// When to give up.
    pub until: Option<Timestamp>,
}

/// A payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payment {
    /// The order that is paid.
    pub order: OrderId,
    /// The state.
    pub status: Status,
    /// `None` if the payment was never requested.
    pub terms: Option<Terms>,
    /// The provider.
    pub provider: ProviderState,
    /// The capture.
    pub capture: CaptureState,
    /// The approvals.
    pub approvals: Approvals,
    /// What the customer must do, while it is pending.
    pub action: ActionState,
    /// The partial refunds.
    pub partial_refunds: PartialRefunds,
    /// The charges beyond the first.
    pub surplus: SurplusCharges,
    /// The hints at its result.
    pub hints: Hints,
    /// The cancellation at the provider.
    pub cancellation: Cancellation,
    /// The review of its refunds and disputes at the provider.
    pub review: Review,
    /// Its disputes, oldest first.
    pub disputes: Vec<Dispute>,
    /// Its failed refunds and disputes that people decide about.
    pub cases: Cases,
    /// The headers of the command that is answered when the provider has answered.
    pub waiting: Option<Headers>,
    /// The trace of the first message about the payment.
    pub trace: Option<String>,
    /// What happened to it.
    pub history: History,
}

impl Payment {
    /// A payment not yet requested.
    pub fn new(order: OrderId, provider: ProviderKind, trace: Option<&str>) -> Self {
        Self {
            order,
            status: Status::New,
            terms: None,
            provider: ProviderState { kind: provider, reference: None, refusal: None, requests: 0, queries: 0 },
            capture: CaptureState::default(),
            approvals: Approvals::default(),
            action: ActionState::default(),
            partial_refunds: PartialRefunds::default(),
            surplus: SurplusCharges::default(),
            hints: Hints::default(),
            cancellation: Cancellation::default(),
            review: Review::default(),
            disputes: Vec::new(),
            cases: Cases::default(),
            waiting: None,
            trace: trace.map(str::to_owned),
            history: History::default(),
        }
    }

    /// The payment's id. It depends on the order alone, so that a provider that receives it twice sees one payment.
    pub fn id(&self) -> String {
        Self::id_for(self.order)
    }

    /// The id of an order's payment.
    pub fn id_for(order: OrderId) -> String {
        ids::derive(&["payment", &order.to_string()]).to_string()
    }

    /// The payment's id as an approval names it.
    pub(crate) fn id_of(&self, approval: &Approval) -> String {
        approval.payment_id.clone().unwrap_or_else(|| self.id())
    }

    /// The payment's id as the first approval names it; partial refunds refer to it.
    pub fn approved_id(&self) -> String {
        self.approvals.first().map_or_else(|| self.id(), |approval| self.id_of(approval))
    }

    /// The price; `None` if the payment was never requested.
    pub fn price(&self) -> Option<&Price> {
        self.terms.as_ref().map(|terms| &terms.price)
    }

    /// An amount of the payment in its currency.
    pub fn money(&self, minor: i64) -> Decimal {
        Decimal::new(minor, self.digits())
    }

    /// The digits after the point of its amounts.
    pub fn digits(&self) -> u32 {
        Currency::digits_of(self.price().map_or("", |price| &price.currency))
    }

    /// When the money is taken.
    pub fn capture_mode(&self) -> Capture {
        self.terms.as_ref().map_or(Capture::Automatic, |terms| terms.capture)
    }

    /// When the provider is to be queried for the result.
    pub fn result_due(&self) -> Option<Timestamp> {
        match self.status {
            Status::Pending { result_due } => result_due,
            Status::Cancelled | Status::Declined => self.cancellation.due,
            Status::Authorized => self.hints.due,
            Status::New
            | Status::Unrequested { .. }
            | Status::Requested { .. }
            | Status::Failed
            | Status::Capturing { .. }
            | Status::Approved
            | Status::Refunding { .. }
            | Status::Refunded => None,
        }
    }

    /// Sets when the provider is to be queried; a state that needs no query ignores it.
    pub(crate) fn set_result_due(&mut self, due: Option<Timestamp>) {
        match &mut self.status {
            Status::Pending { result_due } => *result_due = due,
            Status::Cancelled | Status::Declined => self.cancellation.due = due,
            Status::Authorized => self.hints.due = due,
            Status::New
            | Status::Unrequested { .. }
            | Status::Requested { .. }
            | Status::Failed
            | Status::Capturing { .. }
            | Status::Approved
            | Status::Refunding { .. }
            | Status::Refunded => {}
        }
    }

    /// Returns true if the provider may have a payment whose id is not known here: nothing was read that names it.
    pub fn is_unnamed(&self) -> bool {
        self.provider.kind.is_authority() && self.provider.reference.is_none()
    }

    /// Returns true if it is not paid yet, but could be.
    pub fn can_be_cancelled(&self) -> bool {
        match self.status {
            Status::Requested { .. }
            | Status::Failed
            | Status::Pending { .. }
            | Status::Authorized
            | Status::Capturing { .. } => true,
            Status::New
            | Status::Unrequested { .. }
            | Status::Approved
            | Status::Declined
            | Status::Cancelled
            | Status::Refunding { .. }
            | Status::Refunded => false,
        }
    }

    /// Changes the state, and records the change.
    pub(crate) fn set_status(&mut self, status: Status, now: Timestamp, what: impl Into<Cow<'static, str>>) {
        self.status = status;
        if !matches!(self.status, Status::Pending { .. }) {
            self.action.required = None;
        }
        self.history.note(now, what);
    }

    /// Returns true if there is nothing to pay: the provider is never called for it.
    pub fn is_free(&self) -> bool {
        self.price().is_some_and(|price| price.amount_minor == 0)
    }

    /// Records an event that changes nothing in this state. A repetition is counted in its first entry.
    pub(crate) fn note_without_effect(&mut self, what: &str, now: Timestamp) {
        let status = self.status.name();
        self.history.note_unchanged(now, format!("{what}, when it was {status}: nothing changes"));
    }

    /// Records an approval. The first one stays if it was refunded in parts.
    pub(crate) fn add_approval(&mut self, approval: Approval) {
        let keep_first = !self.partial_refunds.list.is_empty();
        self.approvals.add(approval, keep_first);
    }

    /// Asks the provider, from now on, to cancel the payment.
    pub(crate) fn cancel_at_provider(&mut self, now: Timestamp) {
        self.cancellation.due = Some(now);
        self.cancellation.until = Some(now.plus(RETENTION));
    }
}
