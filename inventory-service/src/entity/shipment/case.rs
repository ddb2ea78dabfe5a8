//! The case of a shipment that did not arrive: a person decides about it, and a saga carries the decision out.

use serde::{Deserialize, Serialize};

/// A case whose saga has not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Case {
    /// The number of the case of its shipment, from 1.
    pub number: u32,
    /// The decision of its saga was carried out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub decided: bool,
}
