//! The protocol, explored: a model checker runs the real [`Core`](crate::Core) of two instances against one log,
//! through every interleaving of late claims, read-back, decisions, appends of which one fails while the next one
//! lands, late writes, sends and crashes. Each rule, switched off, must be caught. Separate, since it is the protocol's
//! proof.

mod checks;
mod system;
mod tallies;
