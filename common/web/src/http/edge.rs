//! The edge: who calls, whether they may, how often, and which web pages may look. All of it is off until it is set
//! (`[edge]`, `[auth]`), and then stands before the handlers, which see a [`Caller`].
//!
//! What a path asks of its caller is one function of each service, `Program::access`; whatever it does not name is for
//! operators.

mod auth;
mod caller;
mod limit;
mod tokens;
pub(in crate::http) mod trail;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::Response;
use ipnet::IpNet;
use tower_http::cors::{AllowOrigin, CorsLayer};

use self::auth::{Auth, Denied};
pub use self::caller::{Access, Caller};
use self::limit::{Client, Limit};
use crate::settings::{AuthSettings, EdgeSettings};

/// How long a browser may remember what a service allows other origins.
const REMEMBERED: Duration = Duration::from_secs(600);

/// What web pages may send, and what of an answer they may read.
const SENT: [&str; 8] = [
    "authorization",
    auth::API_KEY,
    "content-type",
    "idempotency-key",
    "last-event-id",
    "prefer",
    "traceparent",
    "x-request-id",
];
const READ: [&str; 7] =
    ["location", "link", "preference-applied", "ratelimit", "ratelimit-policy", "retry-after", "x-request-id"];

/// What a path asks of its caller.
pub type Asks = fn(&Method, &str) -> Access;

/// The edge of one service.
pub struct Edge {
    realm: &'static str,
    asks: Asks,
    auth: Option<Auth>,
    limit: Option<Limit>,
    proxies: Vec<IpNet>,
    origins: Vec<String>,
}

impl Edge {
    /// The edge of the service called `realm`.
    ///
    /// # Errors
    /// A file that a setting names and that can't be used, with the setting's key.
    pub fn new(
        realm: &'static str,
        settings: &EdgeSettings,
        auth: Option<&AuthSettings>,
        asks: Asks,
    ) -> anyhow::Result<Self> {
        let auth = auth.map(Auth::new).transpose()?.flatten();
        let (proxies, origins) = (settings.trusted_proxies.clone(), settings.cors_origins.clone());
        Ok(Self { realm, asks, auth, limit: Limit::new(settings), proxies, origins })
    }

    /// An edge that lets everything in.
    #[cfg(test)]
    pub(super) fn off() -> Self {
        let asks = |_: &Method, _: &str| Access::Operator;
        Self { realm: "test", asks, auth: None, limit: None, proxies: Vec::new(), origins: Vec::new() }
    }

    /// What browsers are told about other origins; none where no origin is let in.
    pub(super) fn cors(&self) -> anyhow::Result<Option<CorsLayer>> {
        if self.origins.is_empty() {
            return Ok(None);
        }
        let origins = if self.origins == ["*"] {
            AllowOrigin::any()
        } else {
            let values = self.origins.iter().map(|origin| HeaderValue::from_str(origin));
            AllowOrigin::list(values.collect::<Result<Vec<_>, _>>().context("edge.cors_origins")?)
        };
        let sent = SENT.map(HeaderName::from_static);
        let read = READ.map(HeaderName::from_static);
        let methods = [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
        let layer = CorsLayer::new().allow_origin(origins).allow_methods(methods).max_age(REMEMBERED);
        Ok(Some(layer.allow_headers(sent).expose_headers(read)))
    }

    /// Who sends it, if it may come in.
    fn admits(&self, request: &Request) -> Result<Caller, Denied> {
        let Some(auth) = &self.auth else { return Ok(Caller::anyone()) };
        let path = request.uri().path();
        let access = if is_public(path) { Access::Open } else { (self.asks)(request.method(), path) };
        match access {
            Access::Open => Ok(Caller::nobody()),
            Access::Known => auth.who(request.headers()),
            Access::Operator => {
                let caller = auth.who(request.headers())?;
                if caller.needs_operator().is_ok() { Ok(caller) } else { Err(Denied::Forbidden) }
            }
        }
    }

    /// Where it comes from: the connection, or what a trusted proxy says of it.
    fn address(&self, request: &Request) -> IpAddr {
        let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip().to_canonical());
        let peer = peer.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        forwarded(peer, request.headers(), &self.proxies)
    }
}

/// Paths that every service has and that are for all: its health, and what it is.
fn is_public(path: &str) -> bool {
    is_health(path) || is_description(path)
}

fn is_health(path: &str) -> bool {
    path.starts_with("/health/")
}

/// The API's description and the page that shows it.
pub(super) fn is_description(path: &str) -> bool {
    path == "/openapi.json" || path == "/docs" || path.starts_with("/docs/")
}

/// The address behind trusted proxies: the last one that none of them vouches for. What stands before it anyone may have
/// written.
fn forwarded(peer: IpAddr, headers: &HeaderMap, proxies: &[IpNet]) -> IpAddr {
    let trusted = |address: &IpAddr| proxies.iter().any(|network| network.contains(address));
    let all = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
    let mut hops: Vec<&str> = all.flat_map(|value| value.split(',')).map(str::trim).collect();
    let mut address = peer;
    while trusted(&address) {
        let Some(hop) = hops.pop() else { break };
        let parsed = hop.parse::<IpAddr>().or_else(|_| hop.parse::<SocketAddr>().map(|with_port| with_port.ip()));
        let Ok(before) = parsed else { break };
        address = before.to_canonical();
    }
    address
}

/// Lets a request in, or not.
pub(super) async fn guard(State(edge): State<Arc<Edge>>, mut request: Request, next: Next) -> Response {
    if is_health(request.uri().path()) {
        return next.run(request).await;
    }
    let admitted = edge.admits(&request);
    // Those who are not known are counted too: guessing costs.
    let taken = edge.limit.as_ref().map(|limit| {
        let name = admitted.as_ref().ok().and_then(Caller::name);
        let client = name.map_or_else(|| Client::at(edge.address(&request)), |name| Client::Named(name.to_owned()));
        (limit, limit.take(&client))
    });
    let mut response = match (&taken, admitted) {
        (Some((limit, taken)), _) if !taken.granted => limit.too_many(*taken),
        (_, Err(denied)) => {
            tracing::info!(target: "http", ?denied, method = %request.method(), "a caller is not let in");
            denied.response(edge.realm)
        }
        (_, Ok(caller)) => {
            tracing::Span::current().record("caller", caller.name());
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
    };
    if let Some((limit, taken)) = taken {
        limit.tell(taken, response.headers_mut());
    }
    response
}

#[cfg(test)]
mod tests;
