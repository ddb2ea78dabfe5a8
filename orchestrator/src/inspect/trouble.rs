//! The step that a list shows of a saga: the number of its attempt, and its last error.

use saga::{Action, Saga, StepState, StepStatus, TimerKind};

use super::attempts::last_error;

/// The step that a saga waits for; of several the one in most trouble, of these the one waiting longest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CurrentAttempt<'s> {
    /// The name of the step.
    pub step: &'s str,
    /// Execution or compensation.
    pub action: Action,
    /// The number of the attempt in flight, or of the last one, since the retries were last reset.
    pub number: u32,
    /// True if an attempt has failed and another one is in flight or follows.
    pub is_retrying: bool,
    /// The last error.
    pub error: Option<&'s str>,
}

/// The current attempt of a saga; `None` if it has ended, or has sent nothing.
pub fn current_attempt(saga: &Saga) -> Option<CurrentAttempt<'_>> {
    let all = saga.current().map(|step| (step, of_step(saga, step)));
    // False is less than true: a blocked step comes first, then one that is retrying, of these the one waiting longest.
    let rank = |(step, current): &(&StepState, CurrentAttempt<'_>)| {
        (step.status != StepStatus::Stuck, !current.is_retrying, step.since())
    };
    all.min_by_key(rank).map(|(_, current)| current).filter(|current| current.number > 0)
}

fn of_step<'s>(saga: &'s Saga, step: &'s StepState) -> CurrentAttempt<'s> {
    let action = step.action();
    let error = match action {
        // The reason of a step that is compensated is that of its execution.
        Action::Compensate if step.status != StepStatus::Stuck => last_error(saga, &step.name, action),
        Action::Execute | Action::Compensate => step.reason.as_deref(),
    };
    let follows = step.timer.is_some_and(|(kind, _)| kind == TimerKind::Retry);
    CurrentAttempt {
        step: &step.name,
        action,
        number: step.sent_attempts(action).saturating_sub(step.attempts_before_reset),
        is_retrying: step.status != StepStatus::Stuck && (error.is_some() || follows),
        error,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn saga(steps: &serde_json::Value) -> Saga {
        serde_json::from_value(json!({
            "id": "7c9e6679-7425-40de-944b-e07fc1f90ae7", "definition": "order", "version": 5, "status": "running",
            "started": 0, "updated": 9, "data": {}, "steps": steps,
            "conclude": {"name": "conclude", "status": "waiting"}, "history": [
                {"at": 4, "step": "c", "n": 2, "what": "undo_timed_out", "why": "not answered in time"}],
        }))
        .unwrap()
    }

    #[test]
    fn a_step_is_retrying_before_its_next_attempt_and_while_it_runs() {
        for (status, timer) in [("retrying", "retry"), ("running", "timeout")] {
            let step = json!([{"name": "a", "status": status, "attempts": 3, "timer": [timer, 7], "reason": "503"}]);
            let found = saga(&step);
            let expected =
                CurrentAttempt { step: "a", action: Action::Execute, number: 3, is_retrying: true, error: Some("503") };
            assert_eq!(current_attempt(&found), Some(expected), "{status}");
        }
        let first = saga(&json!([{"name": "a", "status": "running", "attempts": 1, "timer": ["timeout", 7]}]));
        assert!(!current_attempt(&first).unwrap().is_retrying);
    }

    #[test]
    fn a_compensation_has_its_own_attempts_and_errors() {
        let undoing = json!([{"name": "c", "status": "compensating", "attempts": 1, "undos": 3, "reason": "no",
            "timer": ["timeout", 7], "was": {"status": "failed", "at": 1, "until": 2}}]);
        let found = saga(&undoing);
        let found = current_attempt(&found).unwrap();
        assert_eq!((found.action, found.number, found.is_retrying), (Action::Compensate, 3, true));
        assert_eq!(found.error, Some("not answered in time"));
    }

    #[test]
    fn the_step_in_most_trouble_is_shown() {
        let all = json!([
            {"name": "a", "status": "running", "attempts": 1, "started": 1},
            {"name": "b", "status": "stuck", "attempts": 9, "forgiven": 5, "started": 3, "reason": "refused: no"},
            {"name": "c", "status": "retrying", "attempts": 2, "started": 2, "reason": "503"},
        ]);
        let found = saga(&all);
        let found = current_attempt(&found).unwrap();
        assert_eq!((found.step, found.number, found.is_retrying), ("b", 4, false));
        let waiting = saga(&json!([{"name": "a", "status": "done", "attempts": 1}]));
        assert_eq!(current_attempt(&waiting), None);
    }
}
