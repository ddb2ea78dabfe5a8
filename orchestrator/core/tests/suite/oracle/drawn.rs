//! Random definitions for the oracle test.

use std::collections::BTreeSet;
use std::fmt::Write;

use proptest::prelude::*;

/// The kind of a random step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Sends,
    Waits,
    /// True if its rules hold.
    Checks(bool),
}

/// The random parts of a saga besides its steps.
#[derive(Debug, Clone, Copy)]
pub struct Whole {
    /// The delay of progress messages in milliseconds; `None` without progress messages.
    pub progress_after: Option<u16>,
    /// The deadline in milliseconds.
    pub deadline: Option<u16>,
}

pub fn whole() -> impl Strategy<Value = Whole> {
    let progress_after = prop_oneof![Just(None), Just(Some(0)), Just(Some(500)), Just(Some(u16::MAX))];
    let deadline = prop_oneof![3 => Just(None), 1 => Just(Some(100)), 1 => Just(Some(40_000))];
    (progress_after, deadline).prop_map(|(progress_after, deadline)| Whole { progress_after, deadline })
}

/// A random step: its predecessors and its properties.
#[derive(Debug, Clone)]
pub struct Drawn {
    pub after: BTreeSet<usize>,
    pub kind: Kind,
    pub compensable: bool,
    pub attempts: u32,
    pub undo_fails: bool,
    /// True if its condition holds; `None` without a condition.
    pub when: Option<bool>,
    pub pivot: bool,
    /// Set if it has a status, if there are progress messages.
    pub has_status: bool,
}

impl Drawn {
    pub fn skipped(&self) -> bool {
        self.when == Some(false)
    }
}

/// The random numbers of one step: `after` as bits, then the rest.
type Dice = (u8, u8, bool, u32, u8, u8, bool);

pub fn drawn_steps() -> impl Strategy<Value = Vec<Drawn>> {
    let dice = (any::<u8>(), 0..24_u8, any::<bool>(), 1..4_u32, 0..12_u8, 0..12_u8, any::<bool>());
    (prop::collection::vec(dice, 1..=8), 0..16_usize).prop_map(|(steps, pivot)| {
        let step = |(i, (after, dice, compensable, attempts, undo, when, has_status)): (usize, Dice)| {
            let kind = match dice {
                0..5 => Kind::Waits,
                // The pivot is no check.
                5..9 if i != pivot => Kind::Checks(dice > 5),
                _ => Kind::Sends,
            };
            Drawn {
                after: (0..i).filter(|j| after & (1 << j) != 0 || i == pivot || (*j == pivot && i > pivot)).collect(),
                kind,
                compensable: (compensable || dice > 12) && kind == Kind::Sends && i <= pivot,
                attempts,
                undo_fails: undo == 0,
                when: (when < 4).then_some(when > 1),
                pivot: i == pivot,
                has_status,
            }
        };
        // A pivot beyond the last step means no pivot.
        steps.into_iter().enumerate().map(step).collect()
    })
}

/// The definition file of the steps.
pub fn file(steps: &[Drawn], whole: Whole) -> String {
    let mut text = "name = \"drawn\"\nversion = 1\nstart = { topic = \"t\", event = \"e\", output = \"in\" }\n\
        participants.p = { topic = \"p\", key = \"saga\" }\n\
        endings = { completed = { status = \"good\" }, default = { status = \"bad\" } }\n\
        conclude = { participant = \"p\", command = \"tell\", input = { status = \"ending.status\" } }\n"
        .to_owned();
    if let Some(deadline) = whole.deadline {
        writeln!(text, "deadline = \"{deadline}ms\"").unwrap();
    }
    let progress = whole.progress_after.filter(|_| steps.iter().any(|step| step.has_status));
    if let Some(after) = progress {
        let input = "{ status = \"progress.status\", steps = \"progress.steps\" }";
        writeln!(
            text,
            "progress = {{ participant = \"p\", command = \"go\", input = {input}, after = \"{after}ms\" }}"
        )
        .unwrap();
    }
    for (i, step) in steps.iter().enumerate() {
        let after: Vec<String> = step.after.iter().map(|j| format!("\"s{j}\"")).collect();
        write!(text, "[[steps]]\nname = \"s{i}\"\nafter = [{}]\n", after.join(", ")).unwrap();
        if progress.is_some() && step.has_status {
            writeln!(text, "status = \"s{i}\"").unwrap();
        }
        text += match step.when {
            None => "",
            Some(true) => "when = \"in.yes && !has(in.what)\"\n",
            Some(false) => "when = \"in.yes == in.no || in.what\"\n",
        };
        if let Kind::Checks(holds) = step.kind {
            let second = if holds { "!in.no || in.what" } else { "in.yes && in.what" };
            writeln!(
                text,
                "rules = [{{ must = \"in.yes\", reason = \"a\" }}, {{ must = \"{second}\", reason = \"b\" }}]"
            )
            .unwrap();
            continue;
        }
        writeln!(text, "output = \"o{i}\"").unwrap();
        if step.pivot {
            text += "pivot = true\n";
        }
        if step.kind == Kind::Waits {
            text += "receive = { topic = \"outside\", yes = [\"yes\"], no = [\"no\"], timeout = \"1m\" }\n";
            continue;
        }
        let retry = format!("retry = {{ attempts = {} }}", step.attempts);
        write!(text, "participant = \"p\"\ncommand = \"do\"\n{retry}\n").unwrap();
        if step.compensable {
            text += "compensate = { command = \"undo\", input = { of = \"in\" }, retry = { attempts = 3 } }\n";
        }
    }
    text
}
