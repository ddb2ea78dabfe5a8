//! What a page says about the steps of a drawing: how many are there, how long they wait, which way a saga took. Apart,
//! because the drawing knows nothing of it.

use std::collections::BTreeMap;

/// What is said about one box.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mark {
    /// CSS classes, beside those it has.
    pub class: String,
    /// Short lines in the box, in the place of its technical names; those that do not fit are shortened.
    pub lines: Vec<String>,
    /// Where a click leads.
    pub href: Option<String>,
    /// What is shown where one points at it, and read to who does not see it.
    pub title: String,
}

/// What is said about the boxes of a drawing, by the names of their steps.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Marks {
    /// About the steps.
    pub steps: BTreeMap<String, Mark>,
    /// About what undoes them.
    pub undos: BTreeMap<String, Mark>,
    /// About the telling of the ending where all was done.
    pub conclude: Option<Mark>,
    /// And where all was undone.
    pub conclude_back: Option<Mark>,
}
