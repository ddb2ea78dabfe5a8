//! The edge: authentication, authorization, rate limits and cross-origin requests. All of it is off until it is set
//! (`[edge]`, `[auth]`). Handlers get a [`Caller`].
//!
//! Each service defines what a path requires of its caller (`Program::access`); by default, to be an operator.

mod auth;
mod caller;
mod limit;
pub(in crate::http) mod response_headers;
mod streams;
mod tokens;

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
use self::caller::Authenticated;
pub use self::caller::{Access, Caller, ClientAddress};
use self::limit::{Client, Limit, network};
use self::streams::Streams;
use super::metrics;
use crate::settings::{AuthSettings, EdgeSettings};

/// How long a browser may cache the answer to a preflight request.
const PREFLIGHT_AGE: Duration = Duration::from_secs(600);

/// The headers that web pages may send, and the response headers that they may read.
const REQUEST_HEADERS: [&str; 8] = [
    "authorization",
    auth::API_KEY,
    "content-type",
    "idempotency-key",
    "last-event-id",
    "prefer",
    "traceparent",
    "x-request-id",
];
const RESPONSE_HEADERS: [&str; 7] =
    ["location", "link", "preference-applied", "ratelimit", "ratelimit-policy", "retry-after", "x-request-id"];

/// What a path requires of its caller.
pub type Asks = fn(&Method, &str) -> Access;

/// The edge of one service.
pub struct Edge {
    realm: &'static str,
    access_of: Asks,
    auth: Option<Auth>,
    limit: Option<Limit>,
    streams: Streams,
    proxies: Vec<IpNet>,
    origins: Vec<String>,
}

impl Edge {
    /// The edge of the service called `realm`.
    ///
    /// # Errors
    /// A setting whose file can't be used, with the setting's key.
    pub fn new(
        realm: &'static str,
        settings: &EdgeSettings,
        auth: Option<&AuthSettings>,
        access_of: Asks,
    ) -> anyhow::Result<Self> {
        let auth = auth.map(Auth::new).transpose()?.flatten();
        let proxies = settings.trusted_proxies.clone();
        let origins = settings.cors_origins.clone();
        let streams = Streams::new(settings.streams_per_client);
        Ok(Self { realm, access_of, auth, limit: Limit::new(settings), streams, proxies, origins })
    }

    /// An edge that admits every request.
    #[cfg(test)]
    pub(super) fn off() -> Self {
        let access_of = |_: &Method, _: &str| Access::Operator;
        let streams = Streams::new(1);
        Self { realm: "test", access_of, auth: None, limit: None, streams, proxies: Vec::new(), origins: Vec::new() }
    }

    /// The origins of web pages that may send requests and read responses.
    pub(super) fn origins(&self) -> &[String] {
        &self.origins
    }

    /// The layer for cross-origin requests; `None` if none are allowed.
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
        let sent = REQUEST_HEADERS.map(HeaderName::from_static);
        let read = RESPONSE_HEADERS.map(HeaderName::from_static);
        let methods = [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
        let layer = CorsLayer::new().allow_origin(origins).allow_methods(methods).max_age(PREFLIGHT_AGE);
        Ok(Some(layer.allow_headers(sent).expose_headers(read)))
    }

    /// Authenticates and authorizes the request.
    fn authorize(&self, request: &Request) -> Result<Authenticated, Denied> {
        let Some(auth) = &self.auth else { return Ok(Authenticated::for_ever(Caller::anyone())) };
        let path = request.uri().path();
        let access = if is_public(path) { Access::Open } else { (self.access_of)(request.method(), path) };
        match access {
            Access::Open => Ok(Authenticated::for_ever(Caller::without_rights())),
            Access::Authenticated => auth.authenticate(request.headers()),
            Access::Operator => {
                let authenticated = auth.authenticate(request.headers())?;
                if authenticated.caller.check_operator().is_ok() { Ok(authenticated) } else { Err(Denied::Forbidden) }
            }
        }
    }

    /// The client's address: the connection's, or the one reported by a trusted proxy.
    fn address(&self, request: &Request) -> IpAddr {
        let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip().to_canonical());
        let peer = peer.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        forwarded(peer, request.headers(), &self.proxies)
    }
}

/// Returns true for the public paths of every service: its health, its metrics, which contain no personal data, and
/// its description.
fn is_public(path: &str) -> bool {
    is_health(path) || path == metrics::PATH || is_description(path)
}

pub(super) fn is_health(path: &str) -> bool {
    path.starts_with("/health/")
}

/// Returns true for the API's description and its page.
pub(super) fn is_description(path: &str) -> bool {
    path == "/openapi.json" || path == "/docs" || path.starts_with("/docs/")
}

/// The address behind the trusted proxies: the last one that is not a trusted proxy's. Anyone may have written the ones
/// before it.
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

/// Admits or rejects a request.
pub(super) async fn guard(State(edge): State<Arc<Edge>>, mut request: Request, next: Next) -> Response {
    if is_health(request.uri().path()) {
        return next.run(request).await;
    }
    let admitted = edge.authorize(&request);
    let address = network(edge.address(&request));
    let name = admitted.as_ref().ok().and_then(|admitted| admitted.caller.name());
    let client = name.map_or(Client::At(address), |name| Client::Named(name.to_owned()));
    // Unauthenticated requests count too, which limits guessing.
    let taken = edge.limit.as_ref().map(|limit| (limit, limit.take(&client)));
    let mut response = match (&taken, admitted) {
        (Some((limit, taken)), _) if !taken.granted => limit.too_many(*taken),
        (_, Err(denied)) => {
            tracing::info!(target: "http", ?denied, method = %request.method(), "a request is denied");
            denied.response(edge.realm)
        }
        (_, Ok(Authenticated { caller, expires })) => {
            tracing::Span::current().record("caller", caller.name());
            request.extensions_mut().insert(caller);
            request.extensions_mut().insert(ClientAddress(address));
            edge.streams.admit(&client, expires, next.run(request).await)
        }
    };
    if let Some((limit, taken)) = taken {
        limit.write_headers(taken, response.headers_mut());
    }
    response
}

#[cfg(test)]
mod tests;
