//! The file and its tables, except the steps.

use super::callback::FIELDS;
use super::key::{Key, Keys, Shape, Table};
use super::message::{CALL, INPUT, LABEL, PICK};
use super::steps::{CALLBACK_STEP, COMMAND_STEP, RULE_STEP};

/// The keys of the file.
pub(in super::super) mod file {
    use super::{
        CALL, CALLBACK_STEP, COMMAND_STEP, ENDINGS, Key, LABEL, PARTICIPANTS, PROGRESS, RULE_STEP, START, Shape, Table,
    };

    const STEP_KINDS: &[&Table] = &[&COMMAND_STEP, &CALLBACK_STEP, &RULE_STEP];

    pub const NAME: Key = Key::required("name", Shape::Name, "The definition's name.");
    pub const VERSION: Key =
        Key::required("version", Shape::Count(u32::MAX), "The version. Every change needs the next one.")
            .hint("1, or the next whole number when it changes");
    pub const LABEL_OF: Key = Key::optional("label", Shape::Table(&LABEL), "The display names.");
    pub const START_OF: Key = Key::required("start", Shape::Table(&START), "The event that starts a saga.")
        .hint("a table with topic, event and output");
    pub const CUSTOMER: Key =
        Key::optional("customer", Shape::Path, "The path of the customer's id in the starting event.");
    pub const DEADLINE: Key = Key::optional("deadline", Shape::Duration, "The maximum duration of a saga.");
    pub const PARTICIPANTS_OF: Key =
        Key::required("participants", Shape::Table(&PARTICIPANTS), "The participants, by name.")
            .hint("a table [participants.NAME] with topic and key for each participant");
    pub const PROGRESS_OF: Key =
        Key::optional("progress", Shape::Table(&PROGRESS), "Reports the saga's progress while it runs.");
    pub const STEPS: Key = Key::required("steps", Shape::Tables(STEP_KINDS), "The steps.")
        .hint("one table [[steps]] for each step, with name and participant, receive or rules");
    pub const ENDINGS_OF: Key =
        Key::required("endings", Shape::Table(&ENDINGS), "The endings.").hint("a table with completed and default");
    pub const CONCLUDE: Key = Key::required("conclude", Shape::Table(&CALL), "The command that reports the ending.")
        .hint("a table with participant, command and input");
}

/// The file.
pub(in super::super) static FILE: Table = Table {
    id: "saga definition",
    about: "The definition of a saga (docs/sagas.md).",
    keys: Keys::Fixed(&[
        file::NAME,
        file::VERSION,
        file::LABEL_OF,
        file::START_OF,
        file::CUSTOMER,
        file::DEADLINE,
        file::PARTICIPANTS_OF,
        file::PROGRESS_OF,
        file::STEPS,
        file::ENDINGS_OF,
        file::CONCLUDE,
    ]),
};

/// The keys of `[start]`.
pub(in super::super) mod start {
    use super::{CANCEL, FIELDS, Key, Shape};

    pub const TOPIC: Key = Key::required("topic", Shape::Text, "The topic of the starting event.")
        .hint("\"created-orders\", the topic of the starting event");
    pub const EVENT: Key = Key::required("event", Shape::Text, "The type of the starting event.")
        .hint("\"order.created\", the type of the starting event");
    pub const OUTPUT: Key =
        Key::required("output", Shape::Path, "The path at which the event's payload becomes the saga's data.");
    pub const FIELDS_OF: Key = Key::optional(
        "fields",
        Shape::Table(&FIELDS),
        "The fields that are checked in the event's payload. Other fields are taken as they are.",
    );
    pub const CANCEL_OF: Key =
        Key::optional("cancel", Shape::Table(&CANCEL), "Another event on the same topic, which cancels the saga.");
}

/// `[start]`
pub(in super::super) static START: Table = Table {
    id: "start",
    about: "The event that starts a saga.",
    keys: Keys::Fixed(&[start::TOPIC, start::EVENT, start::OUTPUT, start::FIELDS_OF, start::CANCEL_OF]),
};

/// The keys of `start.cancel`.
pub(in super::super) mod cancel {
    use super::{Key, Shape};

    pub const EVENT: Key = Key::required("event", Shape::Text, "The type of the cancelling event.")
        .hint("\"order.cancel-requested\", the type of the cancelling event");
    pub const REASON: Key = Key::required("reason", Shape::Text, "The reason of the ending.")
        .hint("\"cancelled_by_customer\", the reason of the ending");
}

/// `start.cancel`
pub(in super::super) static CANCEL: Table = Table {
    id: "cancel",
    about: "The event that cancels a saga.",
    keys: Keys::Fixed(&[cancel::EVENT, cancel::REASON]),
};

/// `[participants]`
pub(in super::super) static PARTICIPANTS: Table = Table {
    id: "participants",
    about: "The participants, which carry out commands, by name.",
    keys: Keys::Names { shape: Shape::Table(&PARTICIPANT), required: &[] },
};

/// The keys of a participant.
pub(in super::super) mod participant {
    use super::{Key, PICK, Shape};

    pub const TOPIC: Key =
        Key::required("topic", Shape::Text, "The topic of its commands.").hint("the topic of its commands");
    pub const KEY: Key = Key::required(
        "key",
        Shape::PathOr(&PICK),
        "The key of its commands: \"saga\", or a value of the saga's data. Commands with the same key are carried out \
         in order.",
    )
    .hint("\"saga\", a path, or { path = \"...\", default = \"...\" }");
}

/// `[participants.NAME]`
pub(in super::super) static PARTICIPANT: Table =
    Table { id: "participant", about: "A participant.", keys: Keys::Fixed(&[participant::TOPIC, participant::KEY]) };

/// The keys of `[progress]`.
pub(in super::super) mod progress {
    use super::{INPUT, Key, Shape};

    pub const PARTICIPANT: Key =
        Key::required("participant", Shape::Text, "The participant that receives the messages.")
            .hint("a name from [participants]");
    pub const COMMAND: Key =
        Key::required("command", Shape::Text, "The type of the messages.").hint("a type such as \"order.progress\"");
    pub const INPUT_OF: Key = Key::optional("input", Shape::Table(&INPUT), "The fields of the messages.");
    pub const AFTER: Key =
        Key::optional("after", Shape::Pause, "How long a status must last to be reported. Default: \"500ms\".")
            .hint("a duration such as \"500ms\", or \"0s\" to report each status at once");
    pub const CANCELLING: Key = Key::optional(
        "cancelling",
        Shape::Word,
        "The status that is reported at once when the saga is cancelled. Default: none.",
    )
    .hint("an identifier such as \"cancelling\"");
}

/// `[progress]`
pub(in super::super) static PROGRESS: Table = Table {
    id: "progress",
    about: "Reports the saga's progress while it runs.",
    keys: Keys::Fixed(&[
        progress::PARTICIPANT,
        progress::COMMAND,
        progress::INPUT_OF,
        progress::AFTER,
        progress::CANCELLING,
    ]),
};

/// The keys of `[endings]`.
pub(in super::super) mod endings {
    use super::{ENDING, Key, STEP_ENDINGS, Shape};

    const STATUS: &str = "{ status = \"...\" }";

    pub const COMPLETED: Key = Key::required("completed", Shape::Table(&ENDING), "All steps are done.").hint(STATUS);
    pub const DEFAULT: Key = Key::required("default", Shape::Table(&ENDING), "Every other ending.").hint(STATUS);
    pub const CANCELLED: Key =
        Key::optional("cancelled", Shape::Table(&ENDING), "Cancelled by an operator or by the cancel event.");
    pub const DEADLINE: Key = Key::optional("deadline", Shape::Table(&ENDING), "The deadline has passed.");
    pub const STEPS: Key = Key::optional("steps", Shape::Table(&STEP_ENDINGS), "The endings of steps, by name.");
}

/// `[endings]`
pub(in super::super) static ENDINGS: Table = Table {
    id: "endings",
    about: "The status and the reason of each ending.",
    keys: Keys::Fixed(&[endings::COMPLETED, endings::DEFAULT, endings::CANCELLED, endings::DEADLINE, endings::STEPS]),
};

/// `[endings.steps]`
pub(in super::super) static STEP_ENDINGS: Table = Table {
    id: "step-endings",
    about: "The endings of a saga that a step stopped, by the step's name.",
    keys: Keys::Names { shape: Shape::Table(&STEP_ENDING), required: &[] },
};

/// The keys of `[endings.steps.NAME]`.
pub(in super::super) mod step_ending {
    use super::{ENDING, Key, Shape};

    pub const REFUSED: Key = Key::optional("refused", Shape::Table(&ENDING), "The step was refused.");
    pub const FAILED: Key = Key::optional("failed", Shape::Table(&ENDING), "The step was out of retries.");
    pub const TIMED_OUT: Key = Key::optional("timed_out", Shape::Table(&ENDING), "The step was not answered in time.");
}

/// `[endings.steps.NAME]`
pub(in super::super) static STEP_ENDING: Table = Table {
    id: "step-ending",
    about: "The endings of a saga that this step stopped.",
    keys: Keys::Fixed(&[step_ending::REFUSED, step_ending::FAILED, step_ending::TIMED_OUT]),
};

/// The keys of an ending.
pub(in super::super) mod ending {
    use super::{Key, Shape};

    pub const STATUS: Key = Key::required("status", Shape::Text, "The status of the ending.")
        .hint("the status of the ending, such as \"rejected\"");
    pub const REASON: Key = Key::optional("reason", Shape::Text, "The reason of the ending.")
        .hint("an identifier such as \"out_of_stock\"");
}

/// An ending.
pub(in super::super) static ENDING: Table = Table {
    id: "ending",
    about: "The status and the reason of an ending.",
    keys: Keys::Fixed(&[ending::STATUS, ending::REASON]),
};
