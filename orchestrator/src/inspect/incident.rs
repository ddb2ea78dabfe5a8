//! The open incidents of a saga: the steps that wait for an operator.

use saga::{Action, Definition, Saga, Step, StepState, StepStatus, Timestamp, call_for};

/// A blocked step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenIncident<'s> {
    /// The step.
    pub step: &'s StepState,
    /// The action that did not succeed.
    pub action: Action,
    /// The type of the command; `None` without the definition, and for a step that sends none.
    pub command: Option<&'s str>,
    /// The participant that did not execute it.
    pub participant: Option<&'s str>,
    /// The answer, or that there was none.
    pub answer: &'s str,
    /// Since when the step is blocked.
    pub since: Timestamp,
    /// The number of attempts.
    pub attempts: u32,
    /// True if the command can be sent again.
    pub can_retry: bool,
    /// True if an operator may also decide that the step did not happen.
    pub can_deny: bool,
}

/// The blocked steps of a saga, in their order.
pub fn open_incidents<'s>(saga: &'s Saga, definition: Option<&'s Definition>) -> Vec<OpenIncident<'s>> {
    let stuck = saga.all_steps().filter(|step| step.status == StepStatus::Stuck);
    stuck.map(|step| of_step(saga, definition, step)).collect()
}

fn of_step<'s>(saga: &'s Saga, definition: Option<&'s Definition>, step: &'s StepState) -> OpenIncident<'s> {
    let action = step.action();
    let call = definition.and_then(|known| call_for(known, &step.name, action));
    let defined = definition.and_then(|known| known.step(&step.name));
    OpenIncident {
        step,
        action,
        command: call.map(|call| call.command.as_str()),
        participant: call.map(|call| call.participant.as_str()),
        answer: step.reason.as_deref().unwrap_or_default(),
        since: step.ended.unwrap_or(saga.updated),
        attempts: step.sent_attempts(action),
        can_retry: !defined.is_some_and(Step::is_check),
        can_deny: action == Action::Execute && defined.is_some_and(|defined| defined.pivot),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_incident_names_the_command_the_answer_and_the_time() {
        let definition = Definition::parse("order.toml", include_str!("../../sagas/order.toml")).unwrap();
        let saga: Saga = serde_json::from_value(json!({
            "id": "7c9e6679-7425-40de-944b-e07fc1f90ae7", "definition": "order", "version": 5, "status": "incident",
            "started": 0, "updated": 9_000, "data": {}, "steps": [
                {"name": "reserve", "status": "done", "attempts": 1},
                {"name": "request-payment", "status": "stuck", "attempts": 1, "undos": 3, "ended": 7_000,
                 "reason": "refused: closed"},
            ],
            "conclude": {"name": "conclude", "status": "waiting"},
        }))
        .unwrap();
        let found = open_incidents(&saga, Some(&definition));
        let [one] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!(
            (one.action, one.command, one.participant),
            (Action::Compensate, Some("payment.refund"), Some("payment"))
        );
        assert_eq!((one.answer, one.since, one.attempts), ("refused: closed", Timestamp(7_000), 3));
        assert!(one.can_retry && !one.can_deny);
        let unknown = open_incidents(&saga, None);
        assert_eq!((unknown.len(), unknown[0].command), (1, None));
    }
}
