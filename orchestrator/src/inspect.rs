//! What the state of a saga shows to operators: its attempts, its incidents, what was ordered. Pure, and shared by the
//! API, the pages and the view.

pub mod attempts;
pub mod incident;
pub mod purchase;
pub mod trouble;
