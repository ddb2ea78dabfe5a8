//! What a carrier answered, as the message by which the service tells itself.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Value of `shipment.carrier-answered`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CarrierAnswered {
    pub order_id: String,
    pub outcome: Outcome,
    /// Which call of its kind it answers: 1, 2, ...
    pub call: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracking_number: Option<String>,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// What became of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It takes the parcel.
    Booked,
    /// It does not, and asking again would not help.
    Refused,
    /// A technical failure.
    Failed,
    /// It lets the parcel go.
    Voided,
    /// It does not, and asking again would not help.
    NotVoided,
    /// A technical failure of that.
    VoidFailed,
}
