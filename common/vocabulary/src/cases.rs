//! Cases: matters that a person decides about, such as a parcel that was lost or a refund that failed. A service opens
//! a case on [`topics::CASES`], and a saga carries out the decision. inventory-service and payment-service share these
//! terms.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::bounds::KIB;
use crate::ids::{self, OrderId};
use crate::messages::Outgoing;
use crate::time::Timestamp;
use crate::{schemas, topics};

/// The ending of a case that was not decided in time. No other case follows it: without a person that would go on for
/// ever.
pub const NOT_DECIDED: &str = "not_decided";

crate::bounded! {
    ConcludeCase: 32 * KIB,
}

/// The value of a command that ends a case, because its saga has ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConcludeCase {
    /// The order.
    pub order_id: OrderId,
    /// The case, and its saga.
    pub case_id: Uuid,
    /// The ending of the saga.
    pub status: String,
    /// The reason of the ending.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl ConcludeCase {
    /// Returns true if the case stays open, without a saga, until the matter needs no decision.
    pub fn is_not_decided(&self) -> bool {
        self.status == NOT_DECIDED
    }
}

/// The value of an event that settles a case: the matter needs no decision any more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CaseSettled {
    /// The case, and its saga.
    pub case_id: Uuid,
    /// The order.
    pub order_id: String,
    /// Who settled it.
    pub by: String,
    /// How.
    pub why: String,
}

/// The value of `case.decided`, as the orchestrator sends it for people with a task. Sagas read it by
/// [`schemas::CASE_DECISION`].
pub struct CaseDecision;

impl JsonSchema for CaseDecision {
    fn schema_name() -> Cow<'static, str> {
        "CaseDecision".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemas::CASE_DECISION.json_schema("Value of `case.decided`.", schemas::CASE_DECISION_FIELDS)
    }
}

/// The one message of this kind about a case: the same decision made again sends it with the same id.
pub fn message<T: Serialize>(kind: &'static str, case_id: Uuid, now: Timestamp, value: &T) -> Outgoing {
    let key = case_id.to_string();
    let id = ids::derive(&[kind, &key]).to_string();
    Outgoing::event(topics::CASES, &key, kind, id, &key, now, value)
}
