//! Marks on the steps of a drawing, supplied by a page: counts, waiting times, the path of a saga.

use std::collections::BTreeMap;

/// A mark on one box.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mark {
    /// Additional CSS classes.
    pub class: String,
    /// Short lines in the box, instead of its technical names; long lines are shortened.
    pub lines: Vec<String>,
    /// The target of a link.
    pub href: Option<String>,
    /// The tooltip and accessible name.
    pub title: String,
}

/// The marks on the boxes of a drawing, by step.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Marks {
    /// Marks on steps.
    pub steps: BTreeMap<String, Mark>,
    /// Marks on compensations, by the compensated step.
    pub compensations: BTreeMap<String, Mark>,
    /// The mark on the conclusion of a completed saga.
    pub conclude: Option<Mark>,
    /// The mark on the conclusion of a compensated saga.
    pub conclude_back: Option<Mark>,
}
