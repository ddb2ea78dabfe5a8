//! The events of sagas for external systems, on the topic `saga-events`.

use common::time::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A change of a saga that external systems receive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SagaEvent {
    /// It began.
    Began,
    /// A step was executed.
    StepDone,
    /// A step was refused, failed, timed out or was abandoned.
    StepFailed,
    /// A step was compensated.
    StepCompensated,
    /// It was aborted: its steps are being compensated.
    Compensating,
    /// A step is stuck, and waits for an operator.
    IncidentOpened,
    /// No step is stuck any more.
    IncidentResolved,
    /// An operator paused it.
    Paused,
    /// An operator resumed it.
    Resumed,
    /// It is completed or compensated.
    Ended,
}

impl SagaEvent {
    /// Its `ce_type`.
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Began => "saga.began",
            Self::StepDone => "saga.step-done",
            Self::StepFailed => "saga.step-failed",
            Self::StepCompensated => "saga.step-compensated",
            Self::Compensating => "saga.compensating",
            Self::IncidentOpened => "saga.incident-opened",
            Self::IncidentResolved => "saga.incident-resolved",
            Self::Paused => "saga.paused",
            Self::Resumed => "saga.resumed",
            Self::Ended => "saga.ended",
        }
    }
}

/// Value of every event on `saga-events`: ids, names of the definition and codes, no personal data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SagaChanged {
    /// The saga; an order's saga has the id of the order, a return's saga that of the return.
    pub saga_id: Uuid,
    /// The name of its definition.
    pub definition: String,
    /// The version of its definition.
    pub version: u32,
    /// The saga's status after the decision that made the change: `running`, `compensating`, `completed`,
    /// `compensated`, `incident` or `paused`.
    pub status: String,
    /// The step, in events of steps; `conclude` is the report of the ending. In `saga.incident-opened` the step that is
    /// stuck.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// In `saga.step-failed`: `refused`, `failed`, `timed_out` or `abandoned`. In `saga.compensating` and `saga.ended`:
    /// the ending by the definition, such as `confirmed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// The code of the reason, such as `out_of_stock`; a reason in words is left out. That of an operator's
    /// cancellation is `cancelled_by_operator`, or the definition's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it changed.
    pub at: Timestamp,
}
