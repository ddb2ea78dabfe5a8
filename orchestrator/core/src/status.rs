//! The statuses of sagas and steps, and the legal transitions between them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The status of a saga.
///
/// ```text
///                    all steps done, ending acknowledged
///           +--------------------------------------------------> completed
///           |
///  start    |        a step refused, failed or timed out
///   ----> running ---------------------------------> compensating ----> compensated
///          ^  ^ \                                      /  ^  ^   all compensated, ending acknowledged
///          |  |  \  a step is stuck                   /   |  |
///          |  |   \       +----------+   a step is   /    |  |
///          |  |    +----> | incident | <--- stuck --+     |  |
///          |  |           |          | -------------------+  |
///          |  +---------- |          |   the stuck step      |
///          |              +----------+   is resolved         |
///          |    pause     +----------+    pause              |
///          +------------> |  paused  | <---------------------+
///             and resume  +----------+    and resume
/// ```
///
/// `completed` and `compensated` are final, with one exception: if a participant reports after the compensation that a
/// step of unknown outcome happened, the saga is `compensating` once more. Its ending stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Steps are being executed, or all are done and the ending is being reported.
    Running,
    /// The saga was aborted: steps are being compensated, or all are and the ending is being reported.
    Compensating,
    /// All steps are done and the ending was acknowledged.
    Completed,
    /// All steps that may have happened are compensated and the ending was acknowledged.
    Compensated,
    /// A step is stuck: a compensation, a step after the pivot or the conclusion was refused or is out of retries. No
    /// step begins; attempts in flight continue. A late reply to the stuck step or an operator ends the incident.
    Incident,
    /// Paused: replies are applied, no command is sent, no timer runs.
    Paused,
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 6] =
        [Self::Running, Self::Compensating, Self::Completed, Self::Compensated, Self::Incident, Self::Paused];

    /// Returns true if the transition between two statuses is legal. [`crate::decide()`] makes no others.
    #[must_use]
    pub const fn can_move(from: Self, to: Self) -> bool {
        match from {
            Self::Running => matches!(to, Self::Compensating | Self::Completed | Self::Incident | Self::Paused),
            Self::Compensating => matches!(to, Self::Compensated | Self::Incident | Self::Paused),
            Self::Incident | Self::Paused => matches!(to, Self::Running | Self::Compensating),
            Self::Compensated => matches!(to, Self::Compensating),
            Self::Completed => false,
        }
    }

    /// Returns true unless the status is `completed` or `compensated`.
    #[must_use]
    pub const fn is_open(self) -> bool {
        match self {
            Self::Running | Self::Compensating | Self::Incident | Self::Paused => true,
            Self::Completed | Self::Compensated => false,
        }
    }

    /// The name as in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Compensating => "compensating",
            Self::Completed => "completed",
            Self::Compensated => "compensated",
            Self::Incident => "incident",
            Self::Paused => "paused",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The status of a step.
///
/// ```text
///   waiting -> running <-> retrying -> stuck (**)
///      |          |
///      |          +--> done ----------+
///      |          +--> failed --------+
///      |          +--> timed_out -----+--> compensating -> compensated -> abandoned (***)
///      |          +--> abandoned -----+         |   ^
///      |          +--> refused (*) ---+         v   |      (*)   only if an attempt had no clear outcome
///      +-> skipped                            stuck-+      (**)  after the pivot, where nothing is compensated
///                                                          (***) a late reply reports success: compensated once more
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepStatus {
    /// Not begun: a predecessor is not done.
    #[default]
    Waiting,
    /// The command was sent, or the wait for the callback began.
    Running,
    /// An attempt failed or timed out; the next one is sent at its timer.
    Retrying,
    /// The step succeeded.
    Done,
    /// Refused for a business reason: the step did not happen.
    Refused,
    /// Out of retries after a failure: the step may have happened.
    Failed,
    /// Out of retries after a timeout: the step may have happened.
    TimedOut,
    /// In flight when the saga was aborted: the step may have happened.
    Abandoned,
    /// The compensation was sent, or is sent again at its timer.
    Compensating,
    /// The compensation succeeded.
    Compensated,
    /// The compensation (after the pivot the step itself, at the end the conclusion) was refused or is out of retries:
    /// an incident.
    Stuck,
    /// Never begun: the condition did not hold, or the saga was aborted first.
    Skipped,
}

impl StepStatus {
    /// The name as in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Retrying => "retrying",
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::TimedOut => "timed_out",
            Self::Abandoned => "abandoned",
            Self::Compensating => "compensating",
            Self::Compensated => "compensated",
            Self::Stuck => "stuck",
            Self::Skipped => "skipped",
        }
    }
}

impl fmt::Display for StepStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
