//! A part of a payment that is given back.

use common::messages::Headers;
use common::time::Timestamp;
use serde::{Deserialize, Serialize};

/// A part of a payment that is given back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PartialRefund {
    /// Whoever asks for it calls it so.
    pub id: String,
    /// How much, in minor units.
    pub amount_minor: i64,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it was asked for.
    pub at: Timestamp,
    /// Where it stands.
    pub state: PartState,
    /// How often the provider was asked for it.
    pub(crate) calls: u32,
    /// The headers of the command that is to be answered when the provider has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) waiting: Option<Headers>,
}

/// Where a part stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PartState {
    /// The provider is being asked, or will be when `due`.
    Refunding { due: Timestamp },
    /// Given back.
    Refunded { at: Timestamp },
    /// Not given back: the code and the sentence.
    Refused { reason: String, detail: String },
}

impl PartialRefund {
    /// Whether it is still to be given back.
    pub fn is_underway(&self) -> bool {
        matches!(self.state, PartState::Refunding { .. })
    }

    /// Whether it was given back.
    pub fn is_done(&self) -> bool {
        self.done_at().is_some()
    }

    /// When it was given back.
    pub fn done_at(&self) -> Option<Timestamp> {
        match self.state {
            PartState::Refunded { at } => Some(at),
            PartState::Refunding { .. } | PartState::Refused { .. } => None,
        }
    }

    /// Why it is not given back.
    pub fn refusal(&self) -> Option<&str> {
        match &self.state {
            PartState::Refused { detail, .. } => Some(detail),
            PartState::Refunding { .. } | PartState::Refunded { .. } => None,
        }
    }

    pub(crate) fn counts(&self) -> bool {
        !matches!(self.state, PartState::Refused { .. })
    }
}
