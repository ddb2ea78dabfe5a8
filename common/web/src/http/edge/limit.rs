//! Rate limits: a leaky bucket per client (GCRA, by governor), reported in every response's headers
//! (draft-ietf-httpapi-ratelimit-headers).

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use governor::clock::{Clock as _, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};

use crate::http::problem::Problem;
use crate::settings::EdgeSettings;

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
/// After so many requests, the buckets of idle clients are removed.
const CLEANUP_EVERY: u64 = 4096;

/// A client whose requests are counted together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Client {
    /// The name of a key or a token.
    Named(String),
    /// A [`network`].
    At(IpAddr),
}

/// An address as it is counted: IPv4, however it is written, or an IPv6 /64 network.
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.into(),
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into(),
    }
}

type Limiter = RateLimiter<Client, DashMapStateStore<Client>, DefaultClock, StateInformationMiddleware>;

/// The buckets of all clients of this process.
pub(super) struct Limit {
    limiter: Limiter,
    clock: DefaultClock,
    requests: NonZeroU32,
    window: Duration,
    taken: AtomicU64,
}

/// The result of counting a request, and the values of the response's headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Taken {
    /// True if the request is within the limit.
    pub(super) granted: bool,
    left: u32,
    /// Until the whole limit is restored; of a rejected request, until the next one is accepted.
    seconds: u64,
}

impl Limit {
    /// `None` if there is no limit.
    pub(super) fn new(settings: &EdgeSettings) -> Option<Self> {
        let requests = NonZeroU32::new(settings.rate_limit)?;
        let window = settings.rate_window;
        let quota = Quota::with_period(window / requests.get())?.allow_burst(requests);
        let limiter = RateLimiter::dashmap(quota).with_middleware();
        Some(Self { limiter, clock: DefaultClock::default(), requests, window, taken: AtomicU64::new(0) })
    }

    /// Counts a request.
    pub(super) fn take(&self, client: &Client) -> Taken {
        if self.taken.fetch_add(1, Ordering::Relaxed) % CLEANUP_EVERY == CLEANUP_EVERY - 1 {
            self.limiter.retain_recent();
        }
        match self.limiter.check_key(client) {
            Ok(state) => {
                let left = state.remaining_burst_capacity();
                let gone = self.requests.get().saturating_sub(left);
                let seconds = whole_seconds(state.quota().replenish_interval().saturating_mul(gone));
                Taken { granted: true, left, seconds }
            }
            Err(not_until) => {
                let seconds = whole_seconds(not_until.wait_time_from(self.clock.now())).max(1);
                Taken { granted: false, left: 0, seconds }
            }
        }
    }

    /// The response to a request over the limit.
    pub(super) fn too_many(&self, taken: Taken) -> Response {
        let requests = self.requests;
        let window = self.window.as_secs();
        let seconds = taken.seconds;
        let detail = format!("A client may send {requests} requests in {window} s: retry after {seconds} s.");
        let mut response = Problem::of(StatusCode::TOO_MANY_REQUESTS, detail).into_response();
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        response
    }

    /// Writes the rest of the limit to a response's headers.
    pub(super) fn write_headers(&self, taken: Taken, headers: &mut HeaderMap) {
        let policy = format!("\"requests\";q={};w={}", self.requests, whole_seconds(self.window));
        let limit = format!("\"requests\";r={};t={}", taken.left, taken.seconds);
        for (name, value) in [(RATE_LIMIT_POLICY, policy), (RATE_LIMIT, limit)] {
            if let Ok(value) = HeaderValue::try_from(value) {
                headers.insert(name, value);
            }
        }
    }
}

/// In whole seconds, rounded up.
fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(rate_limit: u32) -> Option<Limit> {
        let rate_window = Duration::from_secs(3600);
        Limit::new(&EdgeSettings { rate_limit, rate_window, ..EdgeSettings::default() })
    }

    #[test]
    fn one_clients_limit_does_not_affect_others() {
        let limit = limit(2).unwrap();
        let ana = Client::Named("ana".to_owned());
        let bia = Client::Named("bia".to_owned());
        assert_eq!(limit.take(&ana), Taken { granted: true, left: 1, seconds: 1800 });
        assert!(limit.take(&ana).granted);
        let third = limit.take(&ana);
        assert!(!third.granted && third.left == 0 && (1790..=1800).contains(&third.seconds), "{third:?}");
        assert!(limit.take(&bia).granted);
        let mut headers = HeaderMap::new();
        limit.write_headers(third, &mut headers);
        assert_eq!(headers["ratelimit-policy"], "\"requests\";q=2;w=3600");
        assert!(headers["ratelimit"].to_str().unwrap().starts_with("\"requests\";r=0;t=1"), "{headers:?}");
        let refused = limit.too_many(third);
        assert_eq!((refused.status().as_u16(), refused.headers().contains_key("retry-after")), (429, true));
    }

    #[test]
    fn zero_is_no_limit() {
        assert!(limit(0).is_none());
    }

    #[test]
    fn an_ipv6_network_is_one_client_and_an_ipv4_address_is_one_however_it_is_written() {
        let at = |text: &str| network(text.parse().unwrap());
        assert_eq!(at("2001:db8::1"), at("2001:db8::ffff:0:0:2"));
        assert_ne!(at("2001:db8::1"), at("2001:db8:0:1::1"));
        assert_eq!(at("::ffff:10.0.0.1"), at("10.0.0.1"));
        assert_ne!(at("10.0.0.1"), at("10.0.0.2"));
    }
}
