//! Partial refunds of a payment. Each has an id by which a repeated request is recognized.

use common::messages::Headers;
use common::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::approval::CommandId;
use super::json::is_zero;
use crate::messages::{ListedRefund, ListedStatus};
use crate::provider::call::Refund;

/// The most refused partial refunds that are kept.
const KEPT_REFUSED: usize = 20;

/// A partial refund of a payment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PartialRefund {
    /// The id chosen by the caller.
    pub id: String,
    /// The amount, in minor units.
    pub amount_minor: i64,
    /// How much of the requested amount refunds of the provider's dashboard took after it had failed, in minor units.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) replaced_minor: i64,
    /// The reason given by the caller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The authenticated caller who requested it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// When it was requested.
    pub at: Timestamp,
    /// Its state.
    pub state: PartState,
    /// Set if a saga's step requested it under an id of its own: its reply is that the provider accepted it, also if it
    /// failed after that.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) of_step: bool,
    /// Calls to the provider for it.
    pub(crate) calls: u32,
    /// How many times it was made again after it had failed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) retries: u32,
    /// Set if it was made in the provider's own dashboard; `id` is the provider's then.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub external: bool,
    /// The refund of the provider's dashboard that took its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) replacement: Option<Replacement>,
    /// The last command that requested it: repeated, it does not make a failed refund again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) command: Option<CommandId>,
    /// The headers of the command that is answered when the provider has answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) waiting: Option<Headers>,
}

/// A refund of the provider's dashboard that took the place of one that failed or was dismissed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replacement {
    /// The provider's id of it.
    pub id: String,
    /// The retries of the replaced refund by then: with another retry it is a refund of this service again.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub retries: u32,
}

/// The state of a partial refund.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PartState {
    /// The provider is being asked, or will be at `due`.
    Refunding { due: Timestamp },
    /// The provider accepted it; the money is on its way.
    Pending { since: Timestamp },
    /// It failed after the provider had accepted it. It can be made again, or dismissed.
    Failed { at: Timestamp, detail: String },
    /// Refunded.
    Refunded { at: Timestamp },
    /// It failed, and an operator settled it otherwise: it is not made again, and no other refund takes its amount.
    Dismissed {
        /// When.
        at: Timestamp,
        /// The operator's reason.
        reason: String,
        /// The authenticated operator.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
    },
    /// Not refunded: the code and the detail of the refusal.
    Refused { reason: String, detail: String },
}

impl PartState {
    /// The state of a refund that the provider lists.
    pub(crate) fn of_listed(listed: &ListedRefund, now: Timestamp) -> Self {
        match listed.status {
            ListedStatus::Pending => Self::Pending { since: now },
            ListedStatus::Made => Self::Refunded { at: now },
            ListedStatus::Failed => Self::Failed { at: now, detail: listed.failure().to_owned() },
        }
    }

    /// Returns true if a refund in this state changes when the provider lists it with this status. One that is made
    /// can still fail.
    pub(crate) fn is_changed_by(&self, status: ListedStatus) -> bool {
        match self {
            Self::Pending { .. } => status != ListedStatus::Pending,
            Self::Refunded { .. } => status == ListedStatus::Failed,
            Self::Refunding { .. } | Self::Failed { .. } | Self::Dismissed { .. } | Self::Refused { .. } => false,
        }
    }
}

impl PartialRefund {
    /// A partial refund without a call to the provider.
    pub(crate) fn new(id: String, amount_minor: i64, at: Timestamp, state: PartState) -> Self {
        Self {
            id,
            amount_minor,
            replaced_minor: 0,
            reason: None,
            by: None,
            at,
            state,
            of_step: false,
            calls: 0,
            retries: 0,
            external: false,
            replacement: None,
            command: None,
            waiting: None,
        }
    }

    /// Returns true if the provider has not answered finally yet.
    pub fn is_underway(&self) -> bool {
        matches!(self.state, PartState::Refunding { .. })
    }

    /// Returns true if it is refunded.
    pub fn is_done(&self) -> bool {
        self.done_at().is_some()
    }

    /// When it was refunded.
    pub fn done_at(&self) -> Option<Timestamp> {
        let PartState::Refunded { at } = self.state else { return None };
        Some(at)
    }

    /// Why it was refused, failed, or was dismissed.
    pub fn detail(&self) -> Option<&str> {
        match &self.state {
            PartState::Failed { detail, .. }
            | PartState::Dismissed { reason: detail, .. }
            | PartState::Refused { detail, .. } => Some(detail),
            PartState::Refunding { .. } | PartState::Pending { .. } | PartState::Refunded { .. } => None,
        }
    }

    /// Returns true if an operator dismissed it.
    pub fn is_dismissed(&self) -> bool {
        matches!(self.state, PartState::Dismissed { .. })
    }

    /// Returns true if the provider accepted it, and the money is on its way.
    pub fn is_pending(&self) -> bool {
        matches!(self.state, PartState::Pending { .. })
    }

    /// Returns true if it failed after the provider had accepted it.
    pub fn is_failed(&self) -> bool {
        self.failure().is_some()
    }

    /// Why it failed after the provider had accepted it.
    pub fn failure(&self) -> Option<&str> {
        let PartState::Failed { detail, .. } = &self.state else { return None };
        Some(detail)
    }

    /// The id under which the provider makes it.
    pub(crate) fn provider_id(&self, payment_id: &str) -> String {
        Refund::retry_id(Refund::part_id(payment_id, &self.id), self.retries)
    }

    /// The requested amount, in minor units.
    pub(crate) fn requested_minor(&self) -> i64 {
        self.amount_minor.saturating_add(self.replaced_minor)
    }

    /// Returns true if it failed or was dismissed, so that a refund of the provider's dashboard can take its place.
    pub(crate) fn can_be_replaced(&self) -> bool {
        match self.state {
            PartState::Failed { .. } | PartState::Dismissed { .. } => true,
            PartState::Refunding { .. }
            | PartState::Pending { .. }
            | PartState::Refunded { .. }
            | PartState::Refused { .. } => false,
        }
    }

    /// The refund of the provider's dashboard with this id takes its place; `state` is that one's.
    pub(crate) fn replace(&mut self, id: &str, state: &PartState) {
        self.replacement = Some(Replacement { id: id.to_owned(), retries: self.retries });
        self.state = state.clone();
    }

    /// Returns true if a refund of the provider's dashboard took its place, and it was not made again since.
    pub(crate) fn is_replaced(&self) -> bool {
        self.replacement.as_ref().is_some_and(|by| by.retries == self.retries)
    }

    /// Returns true if it is, or was replaced by, the refund of the provider's dashboard with this id.
    pub(crate) fn is_listed_as(&self, id: &str) -> bool {
        self.external && self.id == id || self.replacement.as_ref().is_some_and(|by| by.id == id)
    }

    /// Returns true if its state is that of the refund of the provider's dashboard with this id. One that failed and
    /// was made again is a refund of this service.
    pub(crate) fn follows(&self, id: &str) -> bool {
        match &self.replacement {
            Some(by) => by.id == id && by.retries == self.retries,
            None => self.external && self.id == id && self.retries == 0,
        }
    }

    /// Makes it again after it failed.
    pub(crate) fn retry(&mut self, now: Timestamp) {
        self.retries += 1;
        self.calls += 1;
        self.state = PartState::Refunding { due: now };
    }

    /// Returns true if its amount is refunded or about to be: no other refund takes it.
    pub fn counts(&self) -> bool {
        !matches!(self.state, PartState::Refused { .. })
    }
}

/// All partial refunds of a payment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartialRefunds {
    /// In the order in which they were requested.
    pub list: Vec<PartialRefund>,
    /// How many were ever refused.
    pub refused: u32,
}

impl PartialRefunds {
    /// The partial refund with this id.
    pub fn get(&self, id: &str) -> Option<&PartialRefund> {
        self.list.iter().find(|part| part.id == id)
    }

    /// Those whose amounts are refunded or about to be.
    pub fn counted(&self) -> impl Iterator<Item = &PartialRefund> {
        self.list.iter().filter(|part| part.counts())
    }

    /// Returns true if one is still under way.
    pub fn any_underway(&self) -> bool {
        self.list.iter().any(PartialRefund::is_underway)
    }

    /// Those that failed after the provider had accepted them.
    pub fn failed(&self) -> impl Iterator<Item = &PartialRefund> {
        self.list.iter().filter(|part| part.is_failed())
    }

    /// Returns true if one is neither refunded nor dismissed yet.
    pub fn any_unsettled(&self) -> bool {
        self.counted().any(|part| !part.is_done() && !part.is_dismissed())
    }

    /// Adds one. It replaces a refused one with the same id; beyond `KEPT_REFUSED` the oldest refused one is dropped.
    pub fn add(&mut self, part: PartialRefund) {
        self.refused += u32::from(!part.counts());
        self.list.retain(|known| known.counts() || known.id != part.id);
        let refused = self.list.iter().filter(|known| !known.counts()).count();
        if refused >= KEPT_REFUSED
            && let Some(oldest) = self.list.iter().position(|known| !known.counts())
        {
            self.list.remove(oldest);
        }
        self.list.push(part);
    }
}
