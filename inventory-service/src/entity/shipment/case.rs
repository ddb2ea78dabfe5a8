//! The case of a shipment that did not arrive: a person decides about it, and a saga carries the decision out.

use common::ids;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Resolution, Shipment};

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

impl Shipment {
    /// The id of its case with this number, which is that of its saga.
    pub fn case_id(&self, number: u32) -> Uuid {
        ids::derive(&["case", &self.id().to_string(), &number.to_string()])
    }

    /// The id of its open case.
    pub fn open_case(&self) -> Option<Uuid> {
        self.case.map(|case| self.case_id(case.number))
    }

    /// The decision that the saga of a case made.
    pub(crate) fn decision_of(&mut self, case: Uuid) -> Option<&mut Resolution> {
        let id = case.to_string();
        self.resolutions.iter_mut().find(|made| made.id == id)
    }

    /// Why the decision about the last case was not carried out.
    pub(crate) fn last_refusal(&self) -> Option<&str> {
        let id = self.case_id(self.cases).to_string();
        self.resolutions.iter().find(|made| made.id == id)?.refused.as_deref()
    }
}
