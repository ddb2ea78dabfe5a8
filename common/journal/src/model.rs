//! The protocol, explored: a model checker runs the real [`super::Core`] of two instances against one log, through every
//! interleaving of claims that land late, read-back, decisions, appends of which one fails while the next one lands, late
//! writes, sends and crashes. Each rule, switched off, must be caught; apart, since it is the protocol's proof.

use super::rule;

mod checks;
mod system;

/// Rules that a test switches off, to see that their absence is caught.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub(super) struct Off {
    /// The reader's rule.
    pub(super) rule: rule::Off,
    /// Saying only what was read back.
    pub(super) readback: bool,
    /// A mark that claims only what has arrived.
    pub(super) honest_mark: bool,
}
