//! The limit of the process's file descriptors: each connection needs one. Many systems start programs with a limit of
//! 1024, which a program may raise up to a second, higher limit.

use rustix::process::{Resource, getrlimit, setrlimit};

/// Descriptors for files, the view, and connections to brokers.
const OTHERS: u64 = 256;

/// Raises the limit as far as permitted, and warns if it is too low for so many connections.
pub(super) fn provide_for(connections: u32) {
    let limits = getrlimit(Resource::Nofile);
    let mut raised = limits;
    raised.current = limits.maximum;
    let limit = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limits.maximum,
        Err(_) => limits.current,
    };
    let needed = u64::from(connections) + OTHERS;
    // `None` is no limit.
    if limit.is_some_and(|limit| limit < needed) {
        tracing::warn!(
            target: "http",
            "http.connections = {connections}: so many need {needed} file descriptors, and the process may have {}: \
             raise its limit (ulimit -Hn), or set http.connections lower",
            limit.unwrap_or_default(),
        );
    }
}
