//! Steps: those that send a command, wait for a callback or check rules.

use super::callback::RECEIVE;
use super::key::{Key, Keys, Shape, Table};
use super::message::{COMPENSATE, LABEL, call};
use super::task::HUMAN;

/// The keys of a step.
pub(in super::super) mod step {
    use super::{COMPENSATE, HUMAN, Key, LABEL, RECEIVE, RULE, Shape, Table};

    const RULES_KINDS: &[&Table] = &[&RULE];

    pub const NAME: Key = Key::required("name", Shape::Name, "The step's name, unique in the definition.");
    pub const LABEL_OF: Key = Key::optional("label", Shape::Table(&LABEL), "The step's display names.");
    pub const AFTER: Key = Key::optional(
        "after",
        Shape::Texts,
        "The steps that must be done before. Default: the preceding step; [] begins at once.",
    )
    .hint("a list of step names; [] for a step that begins first");
    pub const WHEN: Key =
        Key::optional("when", Shape::Condition, "A condition; if it is not true, the step is skipped.");
    pub const STATUS: Key = Key::optional("status", Shape::Word, "The saga's progress once the step is done.")
        .hint("an identifier such as \"reserved\"");
    pub const RULES: Key = Key::required(
        "rules",
        Shape::Tables(RULES_KINDS),
        "The rules. The first that does not hold refuses the step with its reason.",
    )
    .hint("[{ must = a condition, reason = an identifier }], one or more");
    pub const OUTPUT: Key =
        Key::optional("output", Shape::Path, "The path in the saga's data at which the reply's data is stored.");
    pub const PIVOT: Key =
        Key::optional("pivot", Shape::Boolean, "The point of no return: once the step is done nothing is undone.");
    pub const RECEIVE_OF: Key =
        Key::required("receive", Shape::Table(&RECEIVE), "The message that the step waits for.");
    pub const HUMAN_OF: Key =
        Key::optional("human", Shape::TrueOr(&HUMAN), "The wait is a task for people, who answer it with a form.");
    pub const COMPENSATE_OF: Key =
        Key::optional("compensate", Shape::Table(&COMPENSATE), "The command that undoes the step.");
}

/// A step that sends a command.
pub(in super::super) static COMMAND_STEP: Table = Table {
    id: "command-step",
    about: "A step that sends a command to a participant and waits for its reply.",
    keys: Keys::OneKind {
        keys: &[
            step::NAME,
            step::LABEL_OF,
            step::AFTER,
            step::WHEN,
            step::STATUS,
            step::OUTPUT,
            step::PIVOT,
            call::PARTICIPANT,
            call::COMMAND_TYPE,
            call::INPUT,
            call::RETRY,
            call::TIMEOUT,
            step::COMPENSATE_OF,
        ],
        others: &["receive", "rules"],
    },
};

/// A step that waits for a callback.
pub(in super::super) static CALLBACK_STEP: Table = Table {
    id: "callback-step",
    about: "A step that waits for a message from outside the saga.",
    keys: Keys::Fixed(&[
        step::NAME,
        step::LABEL_OF,
        step::AFTER,
        step::WHEN,
        step::STATUS,
        step::OUTPUT,
        step::PIVOT,
        step::RECEIVE_OF,
        step::HUMAN_OF,
    ]),
};

/// A step that checks rules.
pub(in super::super) static RULE_STEP: Table = Table {
    id: "rule-step",
    about: "A step that checks the saga's data against rules, at once.",
    keys: Keys::Fixed(&[step::NAME, step::LABEL_OF, step::AFTER, step::WHEN, step::STATUS, step::RULES]),
};

/// The keys of a rule.
pub(in super::super) mod rule {
    use super::{Key, Shape};

    pub const MUST: Key = Key::required("must", Shape::Condition, "The condition that must hold.");
    pub const REASON: Key = Key::required("reason", Shape::Text, "The reason of the refusal, an identifier.")
        .hint("an identifier such as \"nothing_to_pay\"");
    pub const DETAIL: Key =
        Key::optional("detail", Shape::Text, "The reason as a sentence.").hint("a human-readable sentence");
}

/// A rule.
pub(in super::super) static RULE: Table =
    Table { id: "rule", about: "A rule.", keys: Keys::Fixed(&[rule::MUST, rule::REASON, rule::DETAIL]) };
