//! The tables of a definition and their keys. The parser reads by them, and the JSON Schema is made from them.

mod callback;
mod key;
mod message;
mod steps;
mod tables;
mod task;

pub(super) use self::callback::{FIELD_PLAIN, FIELD_TEXT, FIELD_WORD, FIELDS, MOST_CHARS, RECEIVE, field, receive};
pub(super) use self::key::{Key, Keys, Shape, Table};
pub(super) use self::message::{CALL, COMPENSATE, INPUT, LABEL, PICK, RETRY, call, compensate, pick, retry};
pub(super) use self::steps::{CALLBACK_STEP, COMMAND_STEP, RULE, RULE_STEP, rule, step};
pub(super) use self::tables::{
    CANCEL, ENDING, ENDINGS, FILE, PARTICIPANT, PARTICIPANTS, PROGRESS, START, STEP_ENDING, STEP_ENDINGS, cancel,
    ending, endings, file, participant, progress, start, step_ending,
};
pub(super) use self::task::{HUMAN, human};
