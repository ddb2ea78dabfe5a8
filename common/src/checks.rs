//! The health of a service: that of its runtime, and what the service adds.

use std::collections::BTreeMap;
use std::sync::Arc;

use runtime::worker::Status;
use web::http::{Health, Report};

/// The health checks of a service.
pub struct Checks {
    pub status: Arc<Status>,
    /// Adds what does not affect readiness.
    pub more: Box<dyn Fn(&mut Report) + Send + Sync>,
}

impl Checks {
    fn report(checks: BTreeMap<String, Result<String, String>>) -> Report {
        let mut report = Report::up();
        for (name, result) in checks {
            let ok = result.is_ok();
            report.check(name, ok, result.unwrap_or_else(|reason| reason));
        }
        report
    }
}

impl Health for Checks {
    fn live(&self) -> Report {
        Self::report(self.status.live())
    }
    fn ready(&self) -> Report {
        let mut report = Self::report(self.status.ready());
        (self.more)(&mut report);
        report
    }
}
