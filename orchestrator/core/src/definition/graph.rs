//! The order of the steps as bit sets, for speed: bit `i` is step `i`.

/// The maximum number of steps: the bits of a `u64`.
pub(crate) const MAX_STEPS: usize = 64;

/// The order of the steps.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Graph {
    before: Vec<u64>,
    ancestors: Vec<u64>,
    descendants: Vec<u64>,
    cyclic: u64,
    rules: u64,
}

impl Graph {
    /// Derives the graph from the direct predecessors of each step and the set of rule steps.
    pub(crate) fn new(before: Vec<u64>, rules: u64) -> Self {
        let mut ancestors = before.clone();
        for _ in 0..before.len() {
            let known = ancestors.clone();
            for mine in &mut ancestors {
                *mine = ones(*mine).filter_map(|i| known.get(i)).fold(*mine, |a, b| a | b);
            }
        }
        let later = |i: usize| {
            ancestors.iter().enumerate().filter(|(_, of)| **of & mask(i) != 0).fold(0, |all, (j, _)| all | mask(j))
        };
        let descendants: Vec<u64> = (0..before.len()).map(later).collect();
        let cyclic =
            ancestors.iter().enumerate().filter(|(i, of)| **of & mask(*i) != 0).fold(0, |all, (i, _)| all | mask(i));
        Self { before, ancestors, descendants, cyclic, rules }
    }

    /// The direct predecessors of a step.
    pub(crate) fn before(&self, step: usize) -> u64 {
        self.before.get(step).copied().unwrap_or(0)
    }

    /// All predecessors of a step.
    pub(crate) fn ancestors(&self, step: usize) -> u64 {
        self.ancestors.get(step).copied().unwrap_or(0)
    }

    /// All successors of a step.
    pub(crate) fn descendants(&self, step: usize) -> u64 {
        self.descendants.get(step).copied().unwrap_or(0)
    }

    /// The steps that check rules.
    pub(crate) const fn rules(&self) -> u64 {
        self.rules
    }

    /// The steps that are their own predecessors.
    pub(crate) const fn cyclic(&self) -> u64 {
        self.cyclic
    }
}

/// The set of one step.
pub(crate) fn mask(step: usize) -> u64 {
    u32::try_from(step).ok().and_then(|step| 1_u64.checked_shl(step)).unwrap_or(0)
}

/// The steps of a set, in ascending order.
pub(crate) fn ones(mut set: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let lowest = usize::try_from(set.trailing_zeros()).ok().filter(|_| set != 0)?;
        set &= set - 1;
        Some(lowest)
    })
}
