//! The states of a saga and of its steps, and the legal moves between them. Apart, so that the diagrams and the rules
//! stand side by side and can be read without the rest.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Where a saga is.
///
/// ```text
///                    all steps done, ending acknowledged
///           +--------------------------------------------------> completed
///           |
///  start    |        a step refused, failed or timed out
///   ----> running ---------------------------------> compensating ----> compensated
///          ^  ^ \                                      /  ^  ^   all undone, ending acknowledged
///          |  |  \  the ending cannot be told         /   |  |
///          |  |   \       +----------+   an undo is  /    |  |
///          |  |    +----> | incident | <------------+     |  |
///          |  |           |          | -------------------+  |
///          |  +---------- |          |   what stood in the   |
///          |              +----------+   way is answered     |
///          |    pause     +----------+    pause              |
///          +------------> |  paused  | <---------------------+
///             and resume  +----------+    and resume
/// ```
///
/// `completed` and `compensated` are ends. One thing leaves an end: a participant that says, after all was undone, that a
/// step of unknown outcome did happen. It is undone then, the saga is `compensating` once more, and its ending stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Steps are being done; or all are done and the ending is being told.
    Running,
    /// Something failed for good: what was done is being undone; or all is undone and the ending is being told.
    Compensating,
    /// All steps are done and the ending was acknowledged.
    Completed,
    /// All that may have happened is undone and the ending was acknowledged.
    Compensated,
    /// A compensation, a step behind the pivot, or the telling of the ending has run out of retries or was refused. Nothing
    /// new is begun; what is in flight goes on to its own end; a late answer to what stood in the way, or an operator, lets
    /// the saga go on.
    Incident,
    /// Held: answers are taken, nothing is begun, no timer runs.
    Paused,
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 6] =
        [Self::Running, Self::Compensating, Self::Completed, Self::Compensated, Self::Incident, Self::Paused];

    /// Whether a saga may move from one status to another. Every move of [`crate::decide()`] passes here.
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

    /// Whether something may still happen: all but `completed` and `compensated`.
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

/// Where a step is.
///
/// ```text
///   waiting -> running <-> retrying -> stuck (**)
///      |          |
///      |          +--> done ----------+
///      |          +--> failed --------+
///      |          +--> timed_out -----+--> compensating -> compensated -> abandoned (***)
///      |          +--> abandoned -----+         |   ^
///      |          +--> refused (*) ---+         v   |      (*)   only where some attempt had no clear answer
///      +-> skipped                            stuck-+      (**)  behind the pivot, where nothing is undone any more
///                                                          (***) a late answer says that it happened: undone once more
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepStatus {
    /// Not begun: a step before it is not done.
    #[default]
    Waiting,
    /// Its command was sent, or its callback is waited for.
    Running,
    /// An attempt failed or timed out; the next one is sent at its timer.
    Retrying,
    /// Answered ok.
    Done,
    /// A business no: it did not happen.
    Refused,
    /// Out of retries, the last attempt failed: it may have happened.
    Failed,
    /// Out of retries, the last attempt was not answered in time: it may have happened.
    TimedOut,
    /// It was in flight when the saga turned back: it may have happened.
    Abandoned,
    /// Its compensation was sent, or is sent again at its timer.
    Compensating,
    /// Undone.
    Compensated,
    /// Its compensation (behind the pivot the step itself, at the end the telling of the ending) was refused or is out of
    /// retries: an incident.
    Stuck,
    /// Not to be done: its condition did not hold, or the saga turned back before it began.
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
