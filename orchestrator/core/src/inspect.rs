//! Inspection of a saga by operators.

use serde_json::Value;

use crate::definition::{CONCLUDE, Call, Definition};
use crate::message::Action;
use crate::payload::Payload;
use crate::saga::Saga;
use crate::transition::{StepRef, call_of};

/// The type and the value of the command that executes or compensates a step, for display. A step's command uses only
/// the starting event and the outputs of earlier steps, so its value is the same as when it was sent. `None` for an
/// unknown step, a step that waits for a callback or checks rules, and a step without compensation.
#[must_use]
pub fn command_of(definition: &Definition, saga: &Saga, step: &str, action: Action) -> Option<(String, Value)> {
    let name_of = |found: &StepRef| match found {
        StepRef::Step(index) => saga.steps.get(*index).map(|state| state.name.as_str()),
        StepRef::Conclude => Some(saga.conclude.name.as_str()),
    };
    let found = StepRef::all(saga.steps.len()).find(|found| name_of(found) == Some(step))?;
    let call = call_of(definition, found, action)?;
    Some((call.command.clone(), Payload::new(definition, saga).value(&call.input)))
}

/// The command that executes or compensates a step, as it is defined. `None` as for [`command_of`].
#[must_use]
pub fn call_for<'d>(definition: &'d Definition, step: &str, action: Action) -> Option<&'d Call> {
    let index = || definition.steps.iter().position(|known| known.name == step).map(StepRef::Step);
    let found = if step == CONCLUDE { Some(StepRef::Conclude) } else { index() };
    call_of(definition, found?, action)
}
