//! Detects that any caller on another machine may use a service.

use std::net::SocketAddr;

/// What keeps unknown callers out of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Protection {
    /// `auth.required`: a service without protection does not start.
    pub required: bool,
}

impl Protection {
    /// The warning about a service that listens on `listen`; `None` if it is protected, or reachable from its own
    /// machine only. `gap` returns why any caller may act, and what to set; `None` if callers must authenticate with
    /// secrets of the operator. It is called only where the result depends on it.
    ///
    /// # Errors
    /// The gap, if protection is required.
    pub fn check(
        self,
        listen: SocketAddr,
        gap: impl FnOnce() -> Option<&'static str>,
    ) -> anyhow::Result<Option<String>> {
        if !self.required && listen.ip().to_canonical().is_loopback() {
            return Ok(None);
        }
        let Some(gap) = gap() else { return Ok(None) };
        anyhow::ensure!(!self.required, "auth.required = true: {gap}");
        Ok(Some(format!("http.listen = \"{listen}\": other machines may reach this service, and {gap}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_without_protection_is_reported_where_others_reach_it_and_refused_where_it_is_required() {
        let gap = || Some("it has no keys: set auth.keys");
        let open = Protection { required: false };
        let at = |listen: &str| open.check(listen.parse().unwrap(), gap).unwrap();
        assert_eq!(at("127.0.0.1:8080"), None);
        assert_eq!(at("[::1]:8080"), None);
        let warning =
            "http.listen = \"0.0.0.0:8080\": other machines may reach this service, and it has no keys: set auth.keys";
        assert_eq!(at("0.0.0.0:8080").as_deref(), Some(warning));
        assert!(at("[::]:8080").is_some() && at("10.0.0.7:8080").is_some());

        let required = Protection { required: true }.check("127.0.0.1:8080".parse().unwrap(), gap);
        assert_eq!(required.unwrap_err().to_string(), "auth.required = true: it has no keys: set auth.keys");
        let closed = Protection { required: true };
        assert_eq!(closed.check("0.0.0.0:8080".parse().unwrap(), || None).unwrap(), None);
    }
}
