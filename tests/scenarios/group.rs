//! The scenarios of a module as a list.

/// Turns async functions of one module into named scenarios.
macro_rules! scenarios {
    ($($name:ident),+ $(,)?) => {
        pub(crate) const ALL: &[(&str, tests::runner::Scenario)] =
            &[$((stringify!($name), |cluster, broker| Box::pin($name(cluster, broker)))),+];
    };
}
pub(crate) use scenarios;
