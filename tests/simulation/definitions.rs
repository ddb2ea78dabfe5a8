//! The saga definitions of the runs.

use std::path::Path;

use orchestrator::definitions::Definitions;

/// Those that are built in.
pub fn built_in() -> Definitions {
    Definitions::load(Path::new("")).unwrap()
}

/// The order saga of version 4, as a release that has newer ones continues it, and the sagas of returns and cases.
pub fn version_4() -> Definitions {
    let mut all = Definitions::default();
    all.add("order-4.toml", include_str!("../../orchestrator/core/tests/kept/order-4.toml")).unwrap();
    all.add("return.toml", include_str!("../../orchestrator/sagas/return.toml")).unwrap();
    all.add("parcel.toml", include_str!("../../orchestrator/sagas/parcel.toml")).unwrap();
    all.add("failed-refund.toml", include_str!("../../orchestrator/sagas/failed-refund.toml")).unwrap();
    all.add("dispute.toml", include_str!("../../orchestrator/sagas/dispute.toml")).unwrap();
    all
}
